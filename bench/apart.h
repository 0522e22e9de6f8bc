/* bench/apart.h - the other end of connections, in a process of its own: so that the heap and the
 * pages of this one are those of one side only.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_APART_H
#define BENCH_APART_H

#include "subject.h"

#include <sys/types.h>

struct bench_apart {
    pid_t pid;
    int control;
};

/* Starts the process; it makes its context. false: told, and nothing is left behind. */
bool bench_apart_start(struct bench_apart *apart, const struct bench_subject *subject,
                       const struct bench_setup *setup);

/* A connection to it, with the handshake and the first byte of bench_pair_handshake() done; it
 * stays open there until this end is closed. `*fd` is the caller's to close. NULL: told. */
bench_conn *bench_apart_connect(const struct bench_apart *apart,
                                const struct bench_subject *subject, bench_context *context,
                                bool server, int *fd);

/* Ends the process, and with it all that it holds. */
void bench_apart_stop(struct bench_apart *apart);

/* Lets this process have `count` descriptors and some more. false: told how many it may have. */
bool bench_raise_descriptors(unsigned count);

#endif
