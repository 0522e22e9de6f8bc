/* proxypair.h - one client, and the connection to the server that belongs to it.
 *
 * The model: a pair has two ends, the client's and the server's, and two flows, one each way. A
 * flow takes a piece from one end into the worker's buffer and gives it to the other. What the
 * other end does not take at once is the flow's rest; until that has gone nothing more is taken:
 * so each flow holds at most one piece, and a sender that is faster than its receiver has to wait.
 * A pair that is idle holds no buffer at all.
 *
 *     handshake -> connecting -> (handshake with the server) -> open -> lingering -> gone
 *
 * The server is called when the client's handshake is complete, not before: who is refused costs
 * it nothing.
 *
 * How an end ended is passed on: a proper end (close_notify; FIN of plain TCP) as a proper end, and
 * then the other flow goes on, for either side may have something left to say; an end without
 * close_notify, or a reset, without close_notify too. Plain TCP has only one kind of end to give.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXYPAIR_H
#define SIPTLS_TOOL_PROXYPAIR_H

#include "proxy.h"
#include "proxyworker.h"

typedef struct proxy_pair proxy_pair;

/* --- proxyend.c: one connection, TLS or plain TCP, that does not block */

typedef struct proxy_end {
    proxy_pair *pair;
    stls_conn *conn;  /* NULL: plain TCP */
    int fd;           /* -1: none */
    uint32_t watched; /* for these events, as the worker's epoll knows it; 0: not at all */
} proxy_end;

/* As stls_conn_read(); a proper end is STLS_CLOSED, also of plain TCP. `*more`: there may be more
 * that makes no socket readable. */
stls_result proxy_end_read(proxy_end *end, void *data, size_t size, size_t *done, bool *more);

/* As stls_conn_write(). */
stls_result proxy_end_write(proxy_end *end, const void *data, size_t len, size_t *done);

/* Says that nothing more will come: properly, or as if cut off. STLS_OK: it is said, or there is
 * nobody to hear it. */
stls_result proxy_end_shut(proxy_end *end, bool properly);

/* Frees and closes all. */
void proxy_end_close(proxy_end *end);

/* The events to wait for after `result`. */
uint32_t proxy_end_events(stls_result result);

/* --- proxypair.c */

typedef enum proxy_ending {
    ENDING_NONE = 0,
    ENDING_CLOSED, /* properly */
    ENDING_CUT,
} proxy_ending;

typedef struct proxy_flow {
    proxy_end *from, *to;
    uint32_t read_waits, write_waits; /* for these events; 0: it can be tried */
    uint8_t *rest;                    /* what `to` has not taken */
    size_t rest_start, rest_len;
    proxy_ending ending; /* of `from` */
    bool told;           /* and `to` knows */
} proxy_flow;

typedef enum proxy_state {
    PAIR_HANDSHAKE,
    PAIR_CONNECTING,
    PAIR_SERVER_HANDSHAKE,
    PAIR_OPEN,
    PAIR_LINGERING, /* the client gets time to read what we sent: a close with unread bytes would
                       reset it */
    PAIR_GONE,
} proxy_state;

struct proxy_pair {
    proxy_worker *worker;
    proxy_setup *setup;
    proxy_state state;
    proxy_end client, server;
    proxy_flow up, down; /* to the server, to the client */
    size_t address;      /* the server's, that is tried */
    bool is_lost;        /* epoll cannot watch it */
    proxy_place place;   /* the worker's */
    uint64_t number;
    char who[NET_ADDRESS_SIZE];
};

/* A pair for the client at `fd`, which it closes, holding `setup`; it does nothing yet. NULL if
 * there is no memory; `fd` is then the caller's. */
proxy_pair *proxy_pair_new(int fd, uint64_t number, const struct sockaddr *who, socklen_t len,
                           proxy_setup *setup);

/* In the worker's thread: takes its place there and begins. */
void proxy_pair_start(proxy_pair *pair, proxy_worker *worker);

/* Something happened at `end`: goes on as far as it can without waiting. */
void proxy_pair_events(proxy_pair *pair, proxy_end *end, uint32_t events);

/* Its turn was over before it had to wait: goes on. */
void proxy_pair_go_on(proxy_pair *pair);

/* What it waits for did not come in time. */
void proxy_pair_late(proxy_pair *pair);

/* Says goodbye to both ends: what is on its way still goes. */
void proxy_pair_stop(proxy_pair *pair);

/* Closes what is open. Only when the worker says so. */
void proxy_pair_free(proxy_pair *pair);

#endif
