/* bench/subjects/raw_openssl.c - OpenSSL used directly.
 *
 * Its own verification with the host name, its own socket BIO, sessions by its callback, buffers
 * released while idle (SSL_MODE_RELEASE_BUFFERS), as for a server with many connections.
 *
 * SPDX-License-Identifier: MIT */
#include "raw_openssl.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_context {
    SSL_CTX *ctx;
    const char *host;
    bool verify;
    SSL_SESSION *session; /* client: the last one that came */
};

/* A bench_conn is an SSL. */
static SSL *of(bench_conn *conn) {
    return (SSL *)conn;
}

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set1_groups_list(ctx, setup->groups) == 1;
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return known ? NULL : "no such group in this build of the library";
}

/* --- Contexts */

/* Each callback of a new session gives us a hold on it. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
    bench_context *self = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(self->session);
    self->session = session;
    return 1;
}

static bool set_protocol(SSL_CTX *ctx, const struct bench_setup *setup) {
    int tls = setup->version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    return SSL_CTX_set_min_proto_version(ctx, tls) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, tls) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1 &&
           SSL_CTX_set_cipher_list(
               ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") == 1 &&
           SSL_CTX_set1_groups_list(ctx, setup->groups) == 1;
}

static bool set_resumption(bench_context *self, const struct bench_setup *setup) {
    static const unsigned char id[] = "bench";
    SSL_CTX *ctx = self->ctx;
    if (!setup->resume) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        return SSL_CTX_set_num_tickets(ctx, 0) == 1;
    }
    if (setup->server) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        return SSL_CTX_set_num_tickets(ctx, 1) == 1 &&
               SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    return true;
}

static bool set_peer(SSL_CTX *ctx, const struct bench_setup *setup) {
    int mode = SSL_VERIFY_NONE;
    if (setup->server ? setup->mutual : setup->verify) {
        mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    SSL_CTX_set_verify(ctx, mode, NULL);
    if (setup->trust_file == NULL) {
        return true;
    }
    if (setup->server && setup->mutual) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(setup->trust_file);
        if (names == NULL) {
            return false;
        }
        SSL_CTX_set_client_CA_list(ctx, names);
    }
    return SSL_CTX_load_verify_file(ctx, setup->trust_file) == 1;
}

static bool set_own(SSL_CTX *ctx, const struct bench_setup *setup) {
    return setup->chain_file == NULL ||
           (SSL_CTX_use_certificate_chain_file(ctx, setup->chain_file) == 1 &&
            SSL_CTX_use_PrivateKey_file(ctx, setup->key_file, SSL_FILETYPE_PEM) == 1 &&
            SSL_CTX_check_private_key(ctx) == 1);
}

static void context_free(bench_context *self) {
    if (self != NULL) {
        SSL_SESSION_free(self->session);
        SSL_CTX_free(self->ctx);
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
    self->host = setup->server ? NULL : setup->host;
    self->verify = setup->verify;
    self->ctx = SSL_CTX_new(setup->server ? TLS_server_method() : TLS_client_method());
    if (self->ctx != NULL && set_protocol(self->ctx, setup) && set_resumption(self, setup) &&
        set_peer(self->ctx, setup) && set_own(self->ctx, setup)) {
        SSL_CTX_set_app_data(self->ctx, self);
        SSL_CTX_set_mode(self->ctx, SSL_MODE_RELEASE_BUFFERS);
        return self;
    }
    ERR_error_string_n(ERR_get_error(), why, why_size);
    ERR_clear_error();
    context_free(self);
    return NULL;
}

/* --- Connections */

static bool set_host(const bench_context *context, SSL *ssl) {
    if (context->host == NULL) {
        return true;
    }
    if (SSL_set_tlsext_host_name(ssl, context->host) != 1) {
        return false;
    }
    if (context->verify) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        return SSL_set1_host(ssl, context->host) == 1;
    }
    return true;
}

SSL *bench_raw_openssl_new(bench_context *context) {
    SSL *ssl = SSL_new(context->ctx);
    if (ssl == NULL || !set_host(context, ssl) ||
        (context->session != NULL && SSL_set_session(ssl, context->session) != 1)) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

static bench_conn *conn_new(bench_context *context, int fd) {
    SSL *ssl = bench_raw_openssl_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    if (SSL_is_server(ssl)) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return (bench_conn *)ssl;
}

static enum bench_step step_of(bench_conn *conn, int result) {
    if (result == 1) {
        return BENCH_DONE;
    }
    switch (SSL_get_error(of(conn), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return BENCH_WANT;
    default:
        return BENCH_FAILED;
    }
}

static enum bench_step handshake(bench_conn *conn) {
    ERR_clear_error();
    return step_of(conn, SSL_do_handshake(of(conn)));
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    ERR_clear_error();
    return step_of(conn, SSL_read_ex(of(conn), data, size, got));
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    ERR_clear_error();
    return step_of(conn, SSL_write_ex(of(conn), data, len, done));
}

static bool resumed(bench_conn *conn) {
    return SSL_session_reused(of(conn)) == 1;
}

static void close_notify(bench_conn *conn) {
    (void)SSL_shutdown(of(conn));
}

static void conn_free(bench_conn *conn) {
    SSL_free(of(conn));
}

static const char *error_text(bench_conn *conn) {
    long verdict = SSL_get_verify_result(of(conn));
    if (verdict != X509_V_OK) {
        return X509_verify_cert_error_string(verdict);
    }
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != NULL ? reason : "";
}

const struct bench_subject bench_raw_openssl = {
    .name = "raw-openssl",
    .library = "openssl",
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
