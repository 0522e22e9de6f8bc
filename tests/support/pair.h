/* tests/support/pair.h - a client and a server joined in one process.
 *
 * The model: two connections and two wires between them. pair_handshake() steps both sides until
 * each is done, has failed, or waits for bytes that nobody will send. What happens on the way is
 * said by pair_options: how many bytes at once, which transport, and one fault for each direction.
 *
 *     pair p;
 *     if (pair_open(&p, &client, &server, NULL)) {
 *         pair_handshake(&p);
 *         ... p.handshake[CLIENT] ... pair_outcome(&p, CLIENT) ...
 *     }
 *     pair_close(&p);
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_PAIR_H
#define STLS_TESTS_SUPPORT_PAIR_H

#include "tests/support/end.h"

typedef enum side { CLIENT = 0, SERVER = 1 } side;

const char *side_text(side s);

typedef enum pair_transport {
    PAIR_MEMORY = 0,
    PAIR_CALLBACKS = 1, /* stls_conn_set_transport() */
    PAIR_SOCKETS = 2,   /* stls_conn_set_fd() over a socketpair, not blocking */
    PAIR_BLOCKING = 3,  /* the same, blocking: each side needs a thread of its own */
} pair_transport;

/* What happens to the bytes that one side sends, behind its first `at` bytes. Not with
 * sockets. */
typedef enum fault_kind {
    FAULT_NONE = 0,
    FAULT_CUT = 1,    /* the reader sees the end of the transport */
    FAULT_STALL = 2,  /* nothing more arrives */
    FAULT_INSERT = 3, /* `data` is inserted */
    FAULT_FLIP = 4,   /* the lowest bit of the next byte is flipped */
} fault_kind;

typedef struct fault {
    fault_kind kind;
    size_t at;
    stls_bytes data;
} fault;

typedef struct pair_options {
    pair_transport transport;
    size_t chunk; /* most bytes handed over at once; 0: all there are */
    size_t room;  /* PAIR_CALLBACKS: most bytes that wait on a wire; 0: any number */
    bool stutter; /* PAIR_CALLBACKS: every second call of send and of recv wants to be called again
                   */
    bool move;    /* pair_write(): every retry passes the bytes at another address */
    fault fault[2]; /* by the side that sends */
} pair_options;

/* One direction: what a side has sent, in order. */
typedef struct wire {
    uint8_t *data;
    size_t len, taken, room;
    size_t passed; /* bytes that the side has sent, the fault not counted */
    fault fault;
    bool hit, ended;
} wire;

typedef struct pair_transport_arg {
    struct pair *pair;
    side side;
    bool sent_last, received_last; /* for `stutter` */
} pair_transport_arg;

typedef struct pair {
    stls_conn *conn[2];
    stls_result handshake[2]; /* the last answer of stls_conn_handshake() */
    wire wire[2];             /* by the side that sends */
    pair_options options;
    pair_transport_arg arg[2];
    int fd[2];
    bool told_eof[2]; /* PAIR_MEMORY: this side was told that no more will come */
} pair;

/* False after a failed check; pair_close() is due in any case. `options` may be NULL. */
bool pair_open(pair *p, const end *client, const end *server, const pair_options *options);

/* The same on contexts that are there already; they stay the caller's. Of `client` only peer and
 * server_name are used. */
bool pair_open_on(pair *p, stls_context *client_context, const end *client,
                  stls_context *server_context, const pair_options *options);

/* Frees all of it. */
void pair_close(pair *p);

/* Frees one side's connection; its wire stays, and ends. */
void pair_hang_up(pair *p, side s);

void pair_handshake(pair *p);

/* pair_handshake(), and a failed check if not both sides are done. */
bool pair_connect(pair *p);

/* What side `s` makes of the whole: the handshake's answer; where that was OK, a read's, if it is
 * an error. So it is the same for a refusal in TLS 1.2 and in 1.3. WANT_READ: it still waits in the
 * handshake. */
stls_result pair_outcome(pair *p, side s);

/* Moves what waits (PAIR_MEMORY; the others move by themselves), at most a chunk in each direction.
 * True if anything moved. */
bool pair_move(pair *p);

/* stls_conn_read() after everything that waits has been moved. */
stls_result pair_read(pair *p, side s, void *data, size_t size, size_t *done);

/* `len` bytes of a pattern from side `from` to the other, written and read by turns. A failed check
 * if they do not all arrive as they were. */
bool pair_transfer(pair *p, side from, size_t len);

/* pair_transfer() there and back. */
bool pair_echo(pair *p, size_t len);

/* close_notify both ways: each side reads CLOSED. */
bool pair_shut(pair *p);

/* What the fields of the last error of side `s` are. */
const stls_error *pair_error(const pair *p, side s);
const stls_verdict *pair_verdict(const pair *p, side s);

/* Both ends tell the same version, suite, group and ALPN, and the bytes of one are the bytes of the
 * other. */
void pair_check_info(pair *p);

#endif
