/* bench/subjects/stand_in.h - for libraries that take no socket that is there already, only make
 * TCP connections of their own.
 *
 * The model: the library is told to connect to a port where TCP connections never come about. While
 * it waits, its socket is replaced, under the same number, by the one of the benchmark, which is
 * connected. The library must ask by poll() or select(), for epoll would not notice.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SUBJECTS_STAND_IN_H
#define BENCH_SUBJECTS_STAND_IN_H

#include <stdbool.h>
#include <stdint.h>

/* A port of 127.0.0.1 whose backlog is full, so that connections to it stay under way; 0: there is
 * none. */
uint16_t bench_stand_in_port(void);

/* `socket`, the library's, becomes a duplicate of `fd`. */
bool bench_stand_in(int socket, int fd);

#endif
