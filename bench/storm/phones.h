/* bench/storm/phones.h - many phones, as a load generator: each registers over TLS, and comes again
 * when that fails.
 *
 * The model: a few threads with an event loop each, and the phones divided among them. A phone
 * connects to its proxy, verifies it, sends REGISTER, and is back when "200 OK" has come; then it
 * stays connected. It keeps the ticket that it got. When an attempt fails in any way it waits as in
 * RFC 5626 section 4.5 and comes again: between half and all of base * 2^failures seconds.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_STORM_PHONES_H
#define BENCH_STORM_PHONES_H

#include "bench/harness.h"

#include <siptls/siptls.h>

struct phones;

/* NULL after saying why. `trust_file`: PEM of the anchors. */
struct phones *phones_new(const stls_backend *backend, size_t count, const char *trust_file);
void phones_free(struct phones *phones);

struct phones_plan {
    uint16_t ports[2]; /* phone number n returns to ports[n % 2] on 127.0.0.1 */
    bool offers_tickets;
    double patience_s;    /* for an attempt */
    double base_s, max_s; /* of the waiting after a failure */
    double give_up_s;     /* who is not back by then is lost */
};

struct phones_outcome {
    size_t back, lost;   /* phones */
    size_t resumed;      /* of those that are back */
    size_t turned_away;  /* attempts that the server hung up on before the handshake was complete */
    size_t failed;       /* attempts that failed in any other way */
    size_t dropped;      /* phones that were back, and lost their connection again */
    unsigned most_tries; /* attempts of one phone */
    double last_s;       /* when the last one was back, from when all set out */
    char why[STLS_ERROR_TEXT_SIZE]; /* of the first attempt that failed */
};

/* All set out at once; returns when all are back, or time is up. Adds to `latencies` the seconds
 * that each phone was away. `what` is for the progress, on stderr. */
void phones_return(struct phones *phones, const struct phones_plan *plan, const char *what,
                   struct phones_outcome *outcome, struct bench_series *latencies);

/* All hang up. */
void phones_leave(struct phones *phones);

#endif
