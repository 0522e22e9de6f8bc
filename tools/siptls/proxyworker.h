/* proxyworker.h - a thread with an event loop, and the pairs that it owns.
 *
 * The model: the accepting thread hands pairs over; from then on nobody else touches them. epoll
 * tells which of their ends can go on. Every pair waits for one thing at a time, with a deadline
 * that is the same for all that wait for that: so the pairs stand in one queue for each such thing,
 * and the front of a queue is the next to be late.
 *
 * A pair that is gone is freed when the events at hand are through: one of them may still be its.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXYWORKER_H
#define SIPTLS_TOOL_PROXYWORKER_H

#include "proxy.h"
#include "proxycounters.h"

#include <pthread.h>

struct proxy_pair;
struct proxy_end;

enum {
    PROXY_PIECE = 32 * 1024, /* bytes that are taken from an end at once */
    PROXY_HALF_CLOSED_MS = 60 * 1000,
    PROXY_LINGER_MS = 2000,
    PROXY_STOP_MS = 3000,
};

/* What a pair waits for. */
typedef enum proxy_wait {
    WAIT_HANDSHAKE, /* the client's */
    WAIT_CONNECT,   /* TCP to the server */
    WAIT_SERVER_HANDSHAKE,
    WAIT_TRAFFIC,
    WAIT_OTHER_END, /* one has ended, the other not */
    WAIT_LINGER,
    WAIT_STOP,
    WAIT_MAX,
} proxy_wait;

/* Where a pair stands with its worker. */
typedef struct proxy_place {
    struct proxy_pair *previous, *next; /* in its queue */
    struct proxy_pair *next_ready;
    proxy_wait wait;
    int64_t deadline; /* net_now() */
    bool is_ready;    /* in the list of those that go on without waiting */
} proxy_place;

typedef struct proxy_queue {
    struct proxy_pair *first, *last;
} proxy_queue;

typedef struct proxy_worker {
    pthread_t thread;
    int epoll, wake;
    proxy_gauges *gauges;
    const atomic_bool *stops;
    int64_t patience[WAIT_MAX]; /* milliseconds; 0: for ever */
    proxy_queue queues[WAIT_MAX];
    struct proxy_pair *ready, *gone; /* lists by next_ready */
    bool is_stopping;
    proxy_counters counters;
    uint8_t piece[PROXY_PIECE];

    pthread_mutex_t lock;     /* of the inbox */
    struct proxy_pair *inbox; /* by next_ready; the last handed over first */
} proxy_worker;

/* Makes a worker and starts its thread. NULL, and why not in errno. */
proxy_worker *proxy_worker_start(const proxy_options *options, proxy_gauges *gauges,
                                 const atomic_bool *stops);

/* From another thread: hands `pair` over; and wakes it, so that it looks at `stops`. */
void proxy_worker_hand_over(proxy_worker *worker, struct proxy_pair *pair);
void proxy_worker_wake(proxy_worker *worker);

/* Waits for the thread to end. Its counters are still there. */
void proxy_worker_join(proxy_worker *worker);
void proxy_worker_free(proxy_worker *worker);

/* --- For the pairs */

/* `pair` waits from now on for `wait`. */
void proxy_worker_wait(proxy_worker *worker, struct proxy_pair *pair, proxy_wait wait);

/* `pair` goes on at the next turn of the loop. */
void proxy_worker_ready(proxy_worker *worker, struct proxy_pair *pair);

/* Watches `end` for `events`; 0: not at all, for an end that was hung up would else be told for
 * ever. */
void proxy_worker_watch(proxy_worker *worker, struct proxy_end *end, uint32_t events);

/* `pair` is gone. */
void proxy_worker_leave(proxy_worker *worker, struct proxy_pair *pair);

#endif
