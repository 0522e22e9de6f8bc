/* bench/subjects/libtls.c - libtls, OpenBSD's, as libretls has it on OpenSSL.
 *
 * What can be shared is a configuration (with the trusted certificates as bytes), and a server's
 * context; a client makes an OpenSSL context of its own for each connection.
 *
 * SPDX-License-Identifier: MIT */
#include "../subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tls.h>
#include <unistd.h>

struct bench_context {
    struct tls_config *config;
    struct tls *server;
    const char *host;
    int session; /* a file for the last session; -1: none is kept */
};

struct bench_conn {
    struct tls *tls;
};

static const char *version(const struct bench_subject *subject) {
    static char text[16];
    (void)subject;
    snprintf(text, sizeof text, "%x", (unsigned)TLS_API);
    return text;
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    if (strcmp(setup->groups, "X25519MLKEM768") == 0) {
        return "no such group";
    }
    if (!setup->server && setup->resume && setup->version == 13) {
        return "a client keeps the session at the end of the handshake, before TLS 1.3's ticket "
               "comes";
    }
    if (setup->server && setup->resume) {
        return "a server sends no tickets: its callback that encrypts them returns 0, which to "
               "OpenSSL means \"send none\"; and it keeps no sessions itself (3.7.0)";
    }
    return NULL;
}

/* --- Contexts */

static bool set_protocol(struct tls_config *config, const struct bench_setup *setup) {
    bool modern = setup->version == 13;
    return tls_config_set_protocols(config, modern ? TLS_PROTOCOL_TLSv1_3 : TLS_PROTOCOL_TLSv1_2) ==
               0 &&
           (modern ||
            tls_config_set_ciphers(
                config, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") == 0) &&
           tls_config_set_ecdhecurves(config, setup->groups) == 0;
}

static bool set_peer(struct tls_config *config, const struct bench_setup *setup) {
    if (!setup->server && !setup->verify) {
        tls_config_insecure_noverifycert(config);
        tls_config_insecure_noverifyname(config);
    }
    if (setup->server && setup->mutual) {
        tls_config_verify_client(config);
    }
    return setup->trust_file == NULL || tls_config_set_ca_file(config, setup->trust_file) == 0;
}

static bool set_resumption(bench_context *self, const struct bench_setup *setup) {
    if (setup->server || !setup->resume) {
        return true;
    }
    self->session = memfd_create("session", MFD_CLOEXEC);
    return self->session >= 0 && fchmod(self->session, S_IRUSR | S_IWUSR) == 0 &&
           tls_config_set_session_fd(self->config, self->session) == 0;
}

static bool start_server(bench_context *self) {
    self->server = tls_server();
    return self->server != NULL && tls_configure(self->server, self->config) == 0;
}

static void context_free(bench_context *self) {
    if (self != NULL) {
        tls_free(self->server);
        tls_config_free(self->config);
        if (self->session >= 0) {
            close(self->session);
        }
    }
    free(self);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    if (self == NULL) {
        snprintf(why, why_size, "no memory");
        return NULL;
    }
    self->session = -1;
    self->host = setup->host;
    self->config = tls_config_new();
    if (self->config != NULL && set_protocol(self->config, setup) &&
        set_peer(self->config, setup) && set_resumption(self, setup) &&
        (setup->chain_file == NULL ||
         tls_config_set_keypair_file(self->config, setup->chain_file, setup->key_file) == 0) &&
        (!setup->server || start_server(self))) {
        return self;
    }
    const char *error = self->server != NULL ? tls_error(self->server) : NULL;
    error = error == NULL && self->config != NULL ? tls_config_error(self->config) : error;
    snprintf(why, why_size, "%s", error != NULL ? error : "no memory");
    context_free(self);
    return NULL;
}

/* --- Connections */

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        return NULL;
    }
    bool good;
    if (context->server != NULL) {
        good = tls_accept_socket(context->server, &conn->tls, fd) == 0;
    } else {
        conn->tls = tls_client();
        good = conn->tls != NULL && tls_configure(conn->tls, context->config) == 0 &&
               tls_connect_socket(conn->tls, fd, context->host) == 0;
    }
    if (!good) {
        if (conn->tls != NULL) {
            fprintf(stderr, "libtls: %s\n", tls_error(conn->tls));
        }
        tls_free(conn->tls);
        free(conn);
        return NULL;
    }
    return conn;
}

static enum bench_step step_of(ssize_t result) {
    return result == TLS_WANT_POLLIN || result == TLS_WANT_POLLOUT ? BENCH_WANT : BENCH_FAILED;
}

static enum bench_step handshake(bench_conn *conn) {
    int result = tls_handshake(conn->tls);
    return result == 0 ? BENCH_DONE : step_of(result);
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    ssize_t len = tls_read(conn->tls, data, size);
    *got = len > 0 ? (size_t)len : 0;
    return len > 0 ? BENCH_DONE : step_of(len);
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    ssize_t written = tls_write(conn->tls, data, len);
    *done = written > 0 ? (size_t)written : 0;
    return written > 0 ? BENCH_DONE : step_of(written);
}

static bool resumed(bench_conn *conn) {
    return tls_conn_session_resumed(conn->tls) == 1;
}

static void close_notify(bench_conn *conn) {
    (void)tls_close(conn->tls);
}

static void conn_free(bench_conn *conn) {
    tls_free(conn->tls);
    free(conn);
}

static const char *error_text(bench_conn *conn) {
    const char *text = tls_error(conn->tls);
    return text != NULL ? text : "";
}

extern const struct bench_subject bench_libtls;
const struct bench_subject bench_libtls = {
    .name = "libtls",
    .library = "openssl",
    .note = "TLS 1.3 suites cannot be chosen; a client makes an OpenSSL context, and reads the "
            "trusted certificates again, for each connection",
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
