/* bench/subjects/raw_wolfssl.c - wolfSSL used directly.
 *
 * Its own verification with the host name, its own socket functions, tickets under its own default
 * key, sessions held by the client as objects.
 *
 * SPDX-License-Identifier: MIT */
#include "../parts.h"
#include "../subject.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_context {
    WOLFSSL_CTX *ctx;
    const char *host;
    bool verify, client_resumes;
    bool used_once;           /* TLS 1.3: a ticket is (RFC 8446 appendix C.4) */
    WOLFSSL_SESSION *session; /* client: the last one that came */
};

struct bench_conn {
    WOLFSSL *ssl;
    bench_context *context;
    bool ticket_came;
    int last;
};

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return LIBWOLFSSL_VERSION_STRING;
}

enum { GROUPS_MAX = 4 };

static int group_code(const char *name, size_t len) {
    static const struct {
        const char *name;
        int code;
    } groups[] = {{"X25519", WOLFSSL_ECC_X25519}, {"P-256", WOLFSSL_ECC_SECP256R1}};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (strlen(groups[i].name) == len && memcmp(groups[i].name, name, len) == 0) {
            return groups[i].code;
        }
    }
    return 0;
}

/* How many; 0: one is not known. */
static int read_groups(const char *names, int codes[GROUPS_MAX]) {
    int count = 0;
    while (*names != '\0') {
        size_t len = strcspn(names, ":");
        codes[count] = group_code(names, len);
        if (codes[count] == 0 || ++count == GROUPS_MAX) {
            return 0;
        }
        names += len + (names[len] == ':' ? 1u : 0u);
    }
    return count;
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    int groups[GROUPS_MAX];
    if (read_groups(setup->groups, groups) == 0) {
        return "no such group in this build of the library";
    }
    return NULL;
}

/* --- Contexts */

static bool add_anchors(void *ctx, const char *data, size_t len) {
    return wolfSSL_CTX_load_verify_buffer(ctx, (const unsigned char *)data, (long)len,
                                          WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
}

static int set_certificates(bench_context *self, const struct bench_setup *setup) {
    int result = WOLFSSL_SUCCESS;
    int mode = WOLFSSL_VERIFY_NONE;
    if (setup->server ? setup->mutual : setup->verify) {
        mode = WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    wolfSSL_CTX_set_verify(self->ctx, mode, NULL);
    if (setup->trust_file != NULL) {
        result = bench_parts(setup->trust_file, add_anchors, self->ctx) ? WOLFSSL_SUCCESS
                                                                        : WOLFSSL_BAD_FILE;
    }
    if (result == WOLFSSL_SUCCESS && setup->chain_file != NULL) {
        result = wolfSSL_CTX_use_certificate_chain_file(self->ctx, setup->chain_file);
        if (result == WOLFSSL_SUCCESS) {
            result =
                wolfSSL_CTX_use_PrivateKey_file(self->ctx, setup->key_file, WOLFSSL_FILETYPE_PEM);
        }
    }
    return result;
}

static int set_protocol(bench_context *self, const struct bench_setup *setup) {
    int groups[GROUPS_MAX];
    int count = read_groups(setup->groups, groups);
    int result = wolfSSL_CTX_set_cipher_list(
        self->ctx, setup->version == 13
                       ? "TLS13-AES128-GCM-SHA256"
                       : "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256");
    return result == WOLFSSL_SUCCESS ? wolfSSL_CTX_set_groups(self->ctx, groups, count) : result;
}

static int set_resumption(bench_context *self, const struct bench_setup *setup) {
    int result = (int)wolfSSL_CTX_set_session_cache_mode(self->ctx, WOLFSSL_SESS_CACHE_OFF);
    if (result != WOLFSSL_SUCCESS) {
        return result;
    }
    if (setup->resume && setup->version == 13 && wolfSSL_CTX_only_dhe_psk(self->ctx) != 0) {
        return WOLFSSL_FAILURE;
    }
    if (setup->server) {
        if (!setup->resume) {
            return setup->version == 13
                       ? (wolfSSL_CTX_no_ticket_TLSv13(self->ctx) == 0 ? WOLFSSL_SUCCESS
                                                                       : WOLFSSL_FAILURE)
                       : wolfSSL_CTX_NoTicketTLSv12(self->ctx);
        }
        return setup->version == 13 ? wolfSSL_CTX_set_num_tickets(self->ctx, 1) : WOLFSSL_SUCCESS;
    }
    self->client_resumes = setup->resume;
    self->used_once = setup->version == 13;
    return setup->resume && setup->version == 12 ? wolfSSL_CTX_UseSessionTicket(self->ctx)
                                                 : WOLFSSL_SUCCESS;
}

static void context_free(bench_context *self) {
    if (self != NULL) {
        wolfSSL_SESSION_free(self->session);
        wolfSSL_CTX_free(self->ctx);
    }
    free(self);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    int result = self != NULL ? wolfSSL_Init() : WOLFSSL_FAILURE;
    if (result == WOLFSSL_SUCCESS) {
        bool tls13 = setup->version == 13;
        self->host = setup->server ? NULL : setup->host;
        self->verify = setup->verify;
        self->ctx = wolfSSL_CTX_new(
            setup->server ? (tls13 ? wolfTLSv1_3_server_method() : wolfTLSv1_2_server_method())
                          : (tls13 ? wolfTLSv1_3_client_method() : wolfTLSv1_2_client_method()));
        result = self->ctx != NULL ? set_protocol(self, setup) : WOLFSSL_FAILURE;
    }
    result = result == WOLFSSL_SUCCESS ? set_resumption(self, setup) : result;
    result = result == WOLFSSL_SUCCESS ? set_certificates(self, setup) : result;
    if (result != WOLFSSL_SUCCESS) {
        snprintf(why, why_size, "wolfSSL error %d", result);
        context_free(self);
        return NULL;
    }
    return self;
}

/* --- Connections */

static void conn_free(bench_conn *self) {
    wolfSSL_free(self->ssl);
    free(self);
}

/* What belongs to the ticket in the session is complete only when the call that read it is over. */
static int on_ticket(WOLFSSL *ssl, const unsigned char *ticket, int len, void *arg) {
    (void)ssl, (void)ticket;
    bench_conn *self = arg;
    self->ticket_came = len > 0;
    return 0;
}

static void keep_session(bench_conn *self) {
    if (self->ticket_came) {
        self->ticket_came = false;
        wolfSSL_SESSION_free(self->context->session);
        self->context->session = wolfSSL_get1_session(self->ssl);
    }
}

static int set_host(const bench_context *context, WOLFSSL *ssl) {
    int result = WOLFSSL_SUCCESS;
    if (context->host != NULL) {
        result = wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, context->host,
                                (unsigned short)strlen(context->host));
        if (result == WOLFSSL_SUCCESS && context->verify) {
            result = wolfSSL_check_domain_name(ssl, context->host);
        }
    }
    return result;
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->context = context;
    self->ssl = wolfSSL_new(context->ctx);
    int result = self->ssl != NULL ? wolfSSL_set_fd(self->ssl, fd) : WOLFSSL_FAILURE;
    result = result == WOLFSSL_SUCCESS ? set_host(context, self->ssl) : result;
    if (result == WOLFSSL_SUCCESS && context->client_resumes) {
        result = wolfSSL_set_SessionTicket_cb(self->ssl, on_ticket, self);
        if (result == WOLFSSL_SUCCESS && context->session != NULL) {
            result = wolfSSL_set_session(self->ssl, context->session);
            if (context->used_once) {
                wolfSSL_SESSION_free(context->session);
                context->session = NULL;
            }
        }
    }
    if (result != WOLFSSL_SUCCESS) {
        conn_free(self);
        return NULL;
    }
    return self;
}

static enum bench_step step_of(bench_conn *self, int result) {
    if (self->context->client_resumes) {
        keep_session(self);
    }
    if (result > 0) {
        return BENCH_DONE;
    }
    self->last = wolfSSL_get_error(self->ssl, result);
    return self->last == WOLFSSL_ERROR_WANT_READ || self->last == WOLFSSL_ERROR_WANT_WRITE
               ? BENCH_WANT
               : BENCH_FAILED;
}

static enum bench_step handshake(bench_conn *self) {
    return step_of(self, wolfSSL_negotiate(self->ssl));
}

static enum bench_step read_some(bench_conn *self, void *data, size_t size, size_t *got) {
    int result = wolfSSL_read(self->ssl, data, (int)size);
    *got = result > 0 ? (size_t)result : 0;
    return step_of(self, result);
}

static enum bench_step write_some(bench_conn *self, const void *data, size_t len, size_t *done) {
    int result = wolfSSL_write(self->ssl, data, (int)len);
    *done = result > 0 ? (size_t)result : 0;
    return step_of(self, result);
}

static bool resumed(bench_conn *self) {
    return wolfSSL_session_reused(self->ssl) == 1;
}

static void say_goodbye(bench_conn *self) {
    (void)wolfSSL_shutdown(self->ssl);
}

static const char *error_text(bench_conn *self) {
    static _Thread_local char text[WOLFSSL_MAX_ERROR_SZ];
    return wolfSSL_ERR_error_string((unsigned long)self->last, text);
}

extern const struct bench_subject bench_raw_wolfssl;
const struct bench_subject bench_raw_wolfssl = {
    .name = "raw-wolfssl",
    .library = "wolfssl",
    .version = version,
    .lacks = lacks,
    .context_new = context_new,
    .context_free = context_free,
    .conn_new = conn_new,
    .handshake = handshake,
    .read = read_some,
    .write = write_some,
    .resumed = resumed,
    .close = say_goodbye,
    .conn_free = conn_free,
    .error = error_text,
};
