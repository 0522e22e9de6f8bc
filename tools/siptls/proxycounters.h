/* proxycounters.h - what `siptls proxy` counts.
 *
 * The model: each thread counts into a set of its own, so that no two write to the same place;
 * whoever prints adds them up. The two that bounds are compared with are shared by all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXYCOUNTERS_H
#define SIPTLS_TOOL_PROXYCOUNTERS_H

#include "json.h"

#include <siptls/error.h>
#include <stdatomic.h>

typedef enum proxy_count {
    /* connections of clients */
    COUNT_ACCEPTED,
    COUNT_REFUSED_CONNECTIONS, /* beyond --max-connections */
    COUNT_REFUSED_HANDSHAKES,  /* beyond --max-handshakes */
    COUNT_REFUSED_RESOURCES,   /* no descriptor, no memory */
    /* their handshakes */
    COUNT_HANDSHAKES_FULL,
    COUNT_HANDSHAKES_RESUMED,
    COUNT_HANDSHAKES_TIMEOUT,
    COUNT_HANDSHAKES_NOT_TLS,
    COUNT_HANDSHAKES_VERIFY, /* we refused their certificate */
    COUNT_HANDSHAKES_ALERT,  /* they refused us */
    COUNT_HANDSHAKES_NOTHING_SHARED,
    COUNT_HANDSHAKES_REFUSED, /* an unknown host */
    COUNT_HANDSHAKES_CUT,     /* closed or reset */
    COUNT_HANDSHAKES_PROTOCOL,
    COUNT_HANDSHAKES_OTHER,
    /* the server behind */
    COUNT_SERVER_CONNECTED,
    COUNT_SERVER_TCP, /* no connection to it */
    COUNT_SERVER_TLS, /* --to-tls: a failed handshake with it */
    /* how pairs ended, by who ended first */
    COUNT_ENDED_CLIENT_CLOSED,
    COUNT_ENDED_CLIENT_CUT,
    COUNT_ENDED_SERVER_CLOSED,
    COUNT_ENDED_SERVER_CUT,
    COUNT_ENDED_IDLE,
    COUNT_ENDED_HALF_CLOSED, /* one side had ended, and the other did not */
    COUNT_ENDED_STOPPED,
    /* bytes of what passes through */
    COUNT_BYTES_TO_SERVER,
    COUNT_BYTES_TO_CLIENT,
    /* --- */
    COUNT_RELOADS_GOOD,
    COUNT_RELOADS_BAD,
    COUNT_LOG_LEFT_OUT, /* lines */
    COUNT_MAX,
} proxy_count;

typedef struct proxy_counters {
    atomic_uint_fast64_t at[COUNT_MAX];
} proxy_counters;

static inline void proxy_count_add(proxy_counters *counters, proxy_count which, uint64_t number) {
    atomic_fetch_add_explicit(&counters->at[which], number, memory_order_relaxed);
}

/* Which COUNT_HANDSHAKES_... a failed handshake belongs to. */
proxy_count proxy_count_of(stls_result result);

/* What is now, for all threads. */
typedef struct proxy_gauges {
    atomic_uint live;        /* connections of clients */
    atomic_uint handshaking; /* those of them whose handshake is not complete */
} proxy_gauges;

/* Adds `from` to `sum`. */
void proxy_counters_sum(proxy_counters *sum, const proxy_counters *from);

/* One line of JSON. */
void proxy_counters_print(FILE *out, const proxy_counters *sum, const proxy_gauges *gauges,
                          int64_t uptime_ms);

#endif
