/* bench/subjects/sofia.c - sofia-sip's transports (tport) over TLS.
 *
 * A context is a tport with one primary transport; a connection is a secondary one. What its tags
 * cannot say (versions, suites, groups, tickets) it takes as it is; the other side offers only one
 * of each. It makes its own sockets: see stand_in.h. It carries SIP messages; that of the benchmark
 * is a body alone.
 *
 * SPDX-License-Identifier: MIT */
#define TP_STACK_T struct bench_context
#define TP_MAGIC_T struct bench_conn
#include "../subject.h"
#include "stand_in.h"

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/msg_mime_protos.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sofia_features.h>
#include <sofia-sip/su_log.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct bench_context {
    tport_t *master;
    const char *host;
    bool server;
};

struct bench_conn {
    bench_context *context;
    tport_t *tport;
    msg_t *come; /* what is being received; tport's */
    size_t taken;
    int error; /* errno; 0: none */
};

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return SOFIA_SIP_VERSION;
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    if (setup->resume && !setup->server) {
        return "a client resumes nothing";
    }
    if (setup->mutual) {
        return "not measured with client certificates";
    }
    return strcmp(setup->groups, "X25519MLKEM768") == 0 ? "no such group" : NULL;
}

/* --- The loop, one for all, as in a program */

extern su_log_t tport_log[];

static su_root_t *loop(void) {
    static su_root_t *root;
    if (root == NULL && setenv("SU_PORT", "poll", 1) == 0 && su_init() == 0) {
        su_log_set_level(tport_log, 0); /* it tells of each refusal */
        root = su_root_create(NULL);
    }
    return root;
}

static void turn(void) {
    (void)su_root_step(loop(), 0);
}

/* --- What tport tells */

static void tell_come(bench_context *context, tport_t *tport, msg_t *msg, bench_conn *conn,
                      su_time_t now) {
    (void)context;
    (void)tport;
    (void)now;
    if (conn != NULL) {
        conn->come = NULL;
        conn->error = EPROTO; /* no message of the benchmark is whole for SIP */
    }
    msg_destroy(msg);
}

static void tell_error(bench_context *context, tport_t *tport, int error, const char *remote) {
    bench_conn *conn = tport_magic(tport);
    (void)context;
    (void)remote;
    if (conn != NULL) {
        conn->error = error;
    }
}

static msg_t *give_message(bench_context *context, int flags, const char *data, usize_t size,
                           const tport_t *tport, struct tp_client_s *client) {
    bench_conn *conn = tport_magic(tport);
    msg_t *msg = msg_create(sip_default_mclass(), flags);
    (void)context;
    (void)data;
    (void)size;
    (void)client;
    if (conn != NULL) {
        conn->come = msg;
        conn->taken = 0;
    }
    return msg;
}

/* --- Contexts */

static const tport_stack_class_t told = {
    .tpac_size = sizeof told,
    .tpac_recv = tell_come,
    .tpac_error = tell_error,
    .tpac_alloc = give_message,
};

static void context_free(bench_context *self) {
    if (self != NULL && self->master != NULL) {
        tport_destroy(self->master);
    }
    free(self);
}

/* The folder of a PEM file for sofia-sip, which finds its credential and its anchors by their
 * names. */
static void folder_of(const struct bench_setup *setup, char path[4096]) {
    const char *file = setup->server ? setup->chain_file : setup->trust_file;
    snprintf(path, 4096, "%.*s.sofia", (int)(strlen(file) - strlen(".pem")), file);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    static const char *const transports[] = {"tls", NULL};
    const tp_name_t at = {.tpn_proto = "*",
                          .tpn_canon = "127.0.0.1",
                          .tpn_host = "127.0.0.1",
                          .tpn_port = setup->server ? "0" : "*"};
    char folder[4096];
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(why, why_size, "no memory");
        return NULL;
    }
    folder_of(setup, folder);
    self->host = setup->host;
    self->server = setup->server;
    self->master = tport_tcreate(self, &told, loop(), TAG_END());
    unsigned policy = setup->verify ? TPTLS_VERIFY_SUBJECTS_OUT : TPTLS_VERIFY_NONE;
    if (self->master == NULL ||
        tport_tbind(self->master, &at, transports, TPTAG_SERVER(setup->server),
                    TPTAG_CERTIFICATE(folder), TPTAG_TLS_VERIFY_POLICY(policy), TAG_END()) != 0) {
        snprintf(why, why_size, "no transport with %s", folder);
        context_free(self);
        return NULL;
    }
    return self;
}

/* --- Connections */

/* A message of `len` bytes, nothing but a body. */
static msg_t *body(const void *data, size_t len) {
    msg_t *msg = msg_create(sip_default_mclass(), 0);
    msg_payload_t *payload =
        msg != NULL ? msg_payload_create(msg_home(msg), data, (usize_t)len) : NULL;
    if (payload == NULL) {
        msg_destroy(msg);
        return NULL;
    }
    msg_header_t **head = msg_chain_head(msg);
    *head = (msg_header_t *)payload;
    (*head)->sh_prev = head;
    return msg;
}

static tport_t *send_body(tport_t *tport, const tp_name_t *to, const void *data, size_t len) {
    msg_t *msg = body(data, len);
    tport_t *by = msg != NULL ? tport_tsend(tport, msg, to, TAG_END()) : NULL;
    msg_destroy(msg);
    return by;
}

/* The number of its socket. It connects when there is something to send. */
static int connect_as_client(bench_conn *conn) {
    const bench_context *context = conn->context;
    char port[16];
    snprintf(port, sizeof port, "%u", (unsigned)bench_stand_in_port());
    const tp_name_t to = {
        .tpn_proto = "tls", .tpn_canon = context->host, .tpn_host = "127.0.0.1", .tpn_port = port};
    int socket = bench_stand_in_next();
    conn->tport = tport_ref(send_body(context->master, &to, "?", 1));
    return socket;
}

/* Likewise. */
static int accept_as_server(bench_conn *conn) {
    tport_t *primary = tport_primaries(conn->context->master);
    const su_addrinfo_t *at = tport_get_address(primary);
    int caller = bench_stand_in_call(at->ai_addr, at->ai_addrlen);
    int socket = bench_stand_in_next();
    for (int i = 0; i < 100 && caller >= 0 && tport_secondary(primary) == NULL; i++) {
        turn();
    }
    conn->tport = tport_ref(tport_secondary(primary));
    close(caller);
    return socket;
}

static void conn_free(bench_conn *conn) {
    if (conn->tport != NULL) {
        tport_set_magic(conn->tport, NULL);
        (void)tport_shutdown(conn->tport, 2);
        tport_unref(conn->tport);
        turn(); /* it is freed by the loop */
    }
    free(conn);
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    conn->context = context;
    int socket = context->server ? accept_as_server(conn) : connect_as_client(conn);
    if (conn->tport == NULL || !bench_stand_in(socket, fd)) {
        conn_free(conn);
        return NULL;
    }
    tport_set_magic(conn->tport, conn);
    return conn;
}

static bool fails(const bench_conn *conn) {
    return conn->error != 0 || tport_is_closed(conn->tport);
}

static enum bench_step handshake(bench_conn *conn) {
    turn();
    return fails(conn) ? BENCH_FAILED : tport_is_connected(conn->tport) ? BENCH_DONE : BENCH_WANT;
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    turn();
    size_t there = conn->come != NULL ? msg_buf_committed(conn->come) - conn->taken : 0;
    *got = there < size ? there : size;
    if (*got == 0) {
        return fails(conn) ? BENCH_FAILED : BENCH_WANT;
    }
    memcpy(data, (const char *)msg_buf_committed_data(conn->come) + conn->taken, *got);
    conn->taken += *got;
    return BENCH_DONE;
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    bool good = send_body(conn->tport, tport_name(conn->tport), data, len) != NULL;
    turn();
    *done = good ? len : 0;
    return good && !fails(conn) ? BENCH_DONE : BENCH_FAILED;
}

static bool resumed(bench_conn *conn) {
    (void)conn;
    return false; /* a client does not */
}

static void close_notify(bench_conn *conn) {
    (void)conn; /* by freeing it */
}

static const char *error_text(bench_conn *conn) {
    return conn->error != 0 ? strerror(conn->error) : "closed, it does not tell why";
}

extern const struct bench_subject bench_sofia_sip;
const struct bench_subject bench_sofia_sip = {
    .name = "sofia-sip",
    .library = "openssl",
    .note = "versions, suites, groups and two tickets a connection are as it has them; a client "
            "sends no server name (SNI), and a byte in order to connect; its figures hold its own "
            "event loop (with poll(), since epoll would not notice the socket put in the place of "
            "its own), and making its TCP socket, but not freeing the SSL object, which it leaks",
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
