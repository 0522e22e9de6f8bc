/* docs/examples/memory.c - a client that hands bytes over in memory: for a stack that is told of
 * bytes that have come and gives away bytes that are to go, and has no socket to wait for.
 *
 * SPDX-License-Identifier: MIT */
#include "example.h"

#include <errno.h>
#include <poll.h>

typedef struct call {
    stls_conn *conn;
    int carrier; /* stands for the stack's own: a WebSocket, a relay, a test */
    bool open;
    char request[1024];
    size_t request_len;
    bool answered;
    example_inbox in;
} call;

/* The carrier takes what it can, now. */
static size_t carrier_take(int carrier, const uint8_t *data, size_t len) {
    ssize_t sent = send(carrier, data, len, MSG_NOSIGNAL);
    return sent > 0 ? (size_t)sent : 0;
}

/* Gives the carrier what is to go. What it does not take, stays. */
static void flush(call *c) {
    stls_bytes out = stls_conn_peek(c->conn);
    if (out.len > 0) {
        stls_conn_consume(c->conn, carrier_take(c->carrier, out.data, out.len));
    }
}

static bool waits(stls_result result) {
    return result == STLS_WANT_READ || result == STLS_WANT_WRITE;
}

/* All that there is to do with what has been fed and flushed so far. Unless the result waits(), it
 * is over. */
static stls_result turn(call *c) {
    char data[4096];
    size_t done;
    stls_result result = STLS_OK;
    if (!c->open) {
        result = stls_conn_handshake(c->conn);
        c->open = result == STLS_OK;
    }
    while (result == STLS_OK && c->request_len > 0) {
        result = stls_conn_write(c->conn, c->request, c->request_len, &done);
        if (result == STLS_OK) {
            c->request_len -= done;
            memmove(c->request, c->request + done, c->request_len);
        }
    }
    if (!c->open || (result != STLS_OK && !waits(result))) {
        return result;
    }
    while ((result = stls_conn_read(c->conn, data, sizeof data, &done)) == STLS_OK) {
        c->answered = example_got(&c->in, data, done) || c->answered;
    }
    return result;
}

/* The carrier has brought `len` bytes; 0: it has ended. False: the connection is over. */
static bool received(call *c, const uint8_t *data, size_t len) {
    stls_result result = len > 0 ? stls_conn_feed(c->conn, data, len) : stls_conn_feed_eof(c->conn);
    if (result == STLS_OK) {
        result = turn(c);
    }
    flush(c); /* also after an error: the alert that tells the peer why */
    return waits(result);
}

/* The rest is the carrier's. */
static void carry(call *c) {
    uint8_t data[2048];
    stls_result result = turn(c); /* the client speaks first */
    bool goes_on = waits(result);
    flush(c);
    while (goes_on && !c->answered) {
        bool full = stls_conn_peek(c->conn).len > 0;
        struct pollfd wait = {.fd = c->carrier,
                              .events = (short)(full ? POLLIN | POLLOUT : POLLIN)};
        poll(&wait, 1, stls_conn_deadline(c->conn));
        ssize_t got = recv(c->carrier, data, sizeof data, 0);
        if (got >= 0 || errno == ECONNRESET) {
            goes_on = received(c, data, got > 0 ? (size_t)got : 0);
        } else {
            result = turn(c);
            flush(c);
            goes_on = waits(result);
        }
    }
}

int main(int argc, char **argv) {
    stls_error error = {0};
    call c = {0};
    if (argc != 5) {
        fprintf(stderr, "usage: memory BACKEND CA-FILE DOMAIN PORT\n");
        return 2;
    }
    stls_context *context = example_context(argv[1], argv[2]);
    c.carrier = example_connect(argv[4]);
    if (context == NULL || c.carrier < 0) {
        return 2;
    }
    c.request_len = example_request(c.request, sizeof c.request, argv[3]);
    if (stls_conn_new(context, argv[3], &c.conn, &error) != STLS_OK ||
        stls_conn_use_memory(c.conn, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    carry(&c);
    if (!c.answered) {
        fprintf(stderr, "%s\n", stls_conn_error(c.conn)->text);
    }
    stls_conn_close(c.conn);
    flush(&c);
    close(c.carrier);
    stls_context_free(context);
    return example_end(c.conn, &c.in, c.answered);
}
