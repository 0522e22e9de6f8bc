/* bench/subjects/libevent.c - libevent's bufferevents on OpenSSL.
 *
 * libevent leaves the context, the verification and the host name to the program: they are those of
 * raw_openssl.c. Its own are the event loop and the buffers.
 *
 * SPDX-License-Identifier: MIT */
#include "raw_openssl.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>

struct bench_conn {
    struct bufferevent *events;
    SSL *ssl; /* the bufferevent's */
    bool connected, failed;
    char error[256];
};

/* One loop for all, as in a program. */
static struct event_base *loop(void) {
    static struct event_base *base;
    if (base == NULL) {
        base = event_base_new();
    }
    return base;
}

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return event_get_version();
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    return bench_raw_openssl.lacks(&bench_raw_openssl, setup);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    (void)subject;
    return bench_raw_openssl.context_new(&bench_raw_openssl, setup, why, why_size);
}

static void context_free(bench_context *context) {
    bench_raw_openssl.context_free(context);
}

static void tell_event(struct bufferevent *events, short what, void *arg) {
    bench_conn *conn = arg;
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        conn->connected = true;
        return;
    }
    conn->failed = true;
    unsigned long error = bufferevent_get_openssl_error(events);
    snprintf(conn->error, sizeof conn->error, "%s",
             error != 0 ? ERR_reason_error_string(error) : "the connection ended");
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *conn = calloc(1, sizeof *conn);
    SSL *ssl = conn != NULL ? bench_raw_openssl_new(context) : NULL;
    if (ssl == NULL) {
        free(conn);
        return NULL;
    }
    conn->ssl = ssl;
    conn->events = bufferevent_openssl_socket_new(
        loop(), fd, ssl,
        SSL_is_server(ssl) ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING, 0);
    if (conn->events == NULL) {
        SSL_free(ssl);
        free(conn);
        return NULL;
    }
    bufferevent_setcb(conn->events, NULL, NULL, tell_event, conn);
    if (bufferevent_enable(conn->events, EV_READ | EV_WRITE) != 0) {
        conn->failed = true;
    }
    return conn;
}

/* Lets the loop do what can be done now. */
static bool turn(bench_conn *conn) {
    return event_base_loop(loop(), EVLOOP_NONBLOCK) >= 0 && !conn->failed;
}

static enum bench_step handshake(bench_conn *conn) {
    if (!turn(conn)) {
        return BENCH_FAILED;
    }
    return conn->connected ? BENCH_DONE : BENCH_WANT;
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    bool good = turn(conn);
    *got = bufferevent_read(conn->events, data, size);
    return *got > 0 ? BENCH_DONE : good ? BENCH_WANT : BENCH_FAILED;
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    if (bufferevent_write(conn->events, data, len) != 0 || !turn(conn)) {
        return BENCH_FAILED;
    }
    *done = len;
    return BENCH_DONE;
}

static bool resumed(bench_conn *conn) {
    return SSL_session_reused(conn->ssl) == 1;
}

static void close_notify(bench_conn *conn) {
    (void)SSL_shutdown(conn->ssl);
}

static void conn_free(bench_conn *conn) {
    bufferevent_free(conn->events);
    (void)turn(conn);    /* it is freed by the loop */
    SSL_free(conn->ssl); /* BEV_OPT_CLOSE_ON_FREE would close the socket, too */
    free(conn);
}

static const char *error_text(bench_conn *conn) {
    return conn->error;
}

extern const struct bench_subject bench_libevent;
const struct bench_subject bench_libevent = {
    .name = "libevent",
    .library = "openssl",
    .note = "context, verification and host name are the program's own, by OpenSSL's functions",
    .version = version,
    .lacks = lacks,
    .context_new = context_new,
    .context_free = context_free,
    .conn_new = conn_new,
    .handshake = handshake,
    .read = read_some,
    .write = write_some,
    .resumed = resumed,
    .close = close_notify,
    .conn_free = conn_free,
    .error = error_text,
};
