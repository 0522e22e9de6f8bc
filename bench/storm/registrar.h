/* bench/storm/registrar.h - a SIP registrar over plain TCP, for behind the proxies: answers each
 * REGISTER with 200 OK, remembers nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_STORM_REGISTRAR_H
#define BENCH_STORM_REGISTRAR_H

#include <stdbool.h>

/* Answers on the connections of `listener` until the descriptor `life` reads end of file. false,
 * and errno: it could not begin. */
bool registrar_run(int listener, int life);

#endif
