/* bench/subjects/libre.c - libre's TLS over its TCP, as baresip has it.
 *
 * What its interface cannot say (versions, suites, groups) it takes as it is; the other side offers
 * only one of each. libre makes its own sockets: see stand_in.h.
 *
 * SPDX-License-Identifier: MIT */
#include "../subject.h"
#include "stand_in.h"

#include <re.h>

#define DEBUG_MODULE "bench" /* re_dbg.h asks for them */
#define DEBUG_LEVEL  0
#include <re_dbg.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench_context {
    struct tls *tls;
    struct tcp_sock *listener; /* a server's */
    struct sa at;
    const char *host;
    bool verify;
    bench_conn *coming; /* a server's, until its TCP connection is there */
};

struct bench_conn {
    bench_context *context;
    struct tcp_conn *tcp;
    struct tls_conn *tls;
    bool established;
    int error; /* errno; 0: none */
    struct mbuf *come;
};

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return sys_libre_version_get();
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    if (setup->resume && !setup->server) {
        return "a client resumes nothing";
    }
    return strcmp(setup->groups, "X25519MLKEM768") == 0 ? "no such group" : NULL;
}

/* --- The loop, which has no single turn: a timer ends it */

static void end_turn(void *arg) {
    (void)arg;
    re_cancel();
}

static bool turn(void) {
    static struct tmr timer;
    tmr_start(&timer, 0, end_turn, NULL);
    return re_main(NULL) == 0;
}

static bool begin(void) {
    static bool begun;
    if (!begun) {
        dbg_init(DBG_EMERG, DBG_NONE); /* it tells of goodbyes that nobody hears */
        begun = libre_init() == 0 && poll_method_set(METHOD_POLL) == 0;
    }
    return begun;
}

/* --- What the loop tells */

static void tell_established(void *arg) {
    bench_conn *conn = arg;
    conn->established = true;
}

static void tell_come(struct mbuf *mb, void *arg) {
    bench_conn *conn = arg;
    conn->come->pos = conn->come->end;
    if (mbuf_write_mem(conn->come, mbuf_buf(mb), mbuf_get_left(mb)) != 0) {
        conn->error = ENOMEM;
    }
}

static void tell_closed(int err, void *arg) {
    bench_conn *conn = arg;
    conn->error = err != 0 ? err : ECONNRESET;
}

static void tell_coming(const struct sa *peer, void *arg) {
    bench_context *context = arg;
    bench_conn *conn = context->coming;
    (void)peer;
    if (conn != NULL && tcp_accept(&conn->tcp, context->listener, tell_established, tell_come,
                                   tell_closed, conn) != 0) {
        conn->error = ECONNABORTED;
    }
}

/* --- Contexts */

/* libre has chain and key in one file. */
static void both_file(const struct bench_setup *setup, char path[4096]) {
    size_t len = strlen(setup->chain_file);
    snprintf(path, 4096, "%.*s.both", (int)(len - strlen(".pem")), setup->chain_file);
}

static void context_free(bench_context *self) {
    if (self != NULL) {
        mem_deref(self->listener);
        mem_deref(self->tls);
    }
    free(self);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    char both[4096] = "";
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    if (self == NULL || !begin()) {
        snprintf(why, why_size, "libre does not start");
        free(self);
        return NULL;
    }
    self->host = setup->host;
    self->verify = setup->verify;
    if (setup->chain_file != NULL) {
        both_file(setup, both);
    }
    int error = tls_alloc(&self->tls, TLS_METHOD_SSLV23, both[0] != '\0' ? both : NULL, NULL);
    if (error == 0 && setup->trust_file != NULL) {
        error = tls_add_ca(self->tls, setup->trust_file);
    }
    if (error == 0 && setup->server) {
        error = sa_set_str(&self->at, "127.0.0.1", 0);
        error = error == 0 ? tcp_listen(&self->listener, &self->at, tell_coming, self) : error;
        error = error == 0 ? tcp_sock_local_get(self->listener, &self->at) : error;
    }
    if (error != 0) {
        snprintf(why, why_size, "%s", strerror(error));
        context_free(self);
        return NULL;
    }
    return self;
}

/* --- Connections */

static int connect_as_client(bench_conn *conn) {
    struct sa at;
    int error = sa_set_str(&at, "127.0.0.1", bench_stand_in_port());
    return error != 0
               ? error
               : tcp_connect(&conn->tcp, &at, tell_established, tell_come, tell_closed, conn);
}

/* A server has only connections that were made to it. */
static int accept_as_server(bench_conn *conn) {
    bench_context *context = conn->context;
    int caller = bench_stand_in_call(&context->at.u.sa, context->at.len);
    if (caller < 0) {
        return errno;
    }
    context->coming = conn;
    for (int i = 0; i < 100 && conn->tcp == NULL && conn->error == 0; i++) {
        (void)turn();
    }
    context->coming = NULL;
    close(caller);
    return conn->tcp != NULL ? 0 : ETIMEDOUT;
}

static int start_tls(bench_conn *conn) {
    const bench_context *context = conn->context;
    int error = tls_start_tcp(&conn->tls, context->tls, conn->tcp, 0);
    if (error == 0 && context->host != NULL) {
        error = context->verify ? tls_set_verify_server(conn->tls, context->host)
                                : tls_set_servername(conn->tls, context->host);
    }
    return error;
}

static void conn_free(bench_conn *conn) {
    mem_deref(conn->tls);
    mem_deref(conn->tcp);
    mem_deref(conn->come);
    free(conn);
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->context = context;
    conn->come = mbuf_alloc(1024);
    int error = context->listener != NULL ? accept_as_server(conn) : connect_as_client(conn);
    if (conn->come == NULL || error != 0 || !bench_stand_in(tcp_conn_fd(conn->tcp), fd) ||
        start_tls(conn) != 0) {
        conn_free(conn);
        return NULL;
    }
    return conn;
}

static enum bench_step handshake(bench_conn *conn) {
    bool good = turn() && conn->error == 0;
    return !good ? BENCH_FAILED : conn->established ? BENCH_DONE : BENCH_WANT;
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    bool good = turn() && conn->error == 0;
    struct mbuf *come = conn->come;
    *got = come->end < size ? come->end : size;
    if (*got == 0) {
        return good ? BENCH_WANT : BENCH_FAILED;
    }
    memcpy(data, come->buf, *got);
    come->end -= *got;
    memmove(come->buf, come->buf + *got, come->end);
    return BENCH_DONE;
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    struct mbuf *mb = mbuf_alloc(len);
    bool good = mb != NULL && mbuf_write_mem(mb, data, len) == 0;
    if (good) {
        mb->pos = 0;
        good = tcp_send(conn->tcp, mb) == 0 && turn();
    }
    mem_deref(mb);
    *done = good ? len : 0;
    return good ? BENCH_DONE : BENCH_FAILED;
}

static bool resumed(bench_conn *conn) {
    (void)conn;
    return false; /* it does not tell, and a client does not */
}

static void close_notify(bench_conn *conn) {
    (void)conn; /* by freeing it */
}

static const char *error_text(bench_conn *conn) {
    return strerror(conn->error);
}

extern const struct bench_subject bench_libre;
const struct bench_subject bench_libre = {
    .name = "libre",
    .library = "openssl",
    .note = "versions, suites and groups are as it has them; its figures hold its own event loop "
            "(with poll(), since epoll would not notice the socket put in the place of its own), "
            "and making its TCP socket",
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
