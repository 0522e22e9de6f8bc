/* bench/subjects/raw_mbedtls.c - mbedTLS used directly.
 *
 * Its own verification with the host name, its own socket functions (net_sockets.h), tickets by its
 * own ssl_ticket module, PSA's random numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "../subject.h"

#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pk.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_MAX = 4 };

struct bench_context {
    mbedtls_ssl_config conf;
    mbedtls_x509_crt trust, chain;
    mbedtls_pk_context key;
    mbedtls_ssl_ticket_context tickets;
    mbedtls_ssl_session session; /* client: the last one that came */
    uint16_t groups[GROUPS_MAX + 1];
    const char *host;
    bool client_resumes, has_session;
};

struct bench_conn {
    mbedtls_ssl_context ssl;
    mbedtls_net_context net;
    bench_context *context;
    int last;
    bool verified; /* a chain came and was verified: the handshake is a full one */
};

static const int suites[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    0,
};

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return MBEDTLS_VERSION_STRING;
}

static uint16_t group_code(const char *name, size_t len) {
    static const struct {
        const char *name;
        uint16_t code;
    } groups[] = {
        {"X25519", MBEDTLS_SSL_IANA_TLS_GROUP_X25519},
        {"P-256", MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1},
    };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (strlen(groups[i].name) == len && memcmp(groups[i].name, name, len) == 0) {
            return groups[i].code;
        }
    }
    return MBEDTLS_SSL_IANA_TLS_GROUP_NONE;
}

/* Ends the list with 0. False: one is not known. */
static bool read_groups(const char *names, uint16_t codes[GROUPS_MAX + 1]) {
    size_t count = 0;
    while (*names != '\0' && count < GROUPS_MAX) {
        size_t len = strcspn(names, ":");
        codes[count] = group_code(names, len);
        if (codes[count++] == MBEDTLS_SSL_IANA_TLS_GROUP_NONE) {
            return false;
        }
        names += len + (names[len] == ':' ? 1u : 0u);
    }
    codes[count] = 0;
    return *names == '\0';
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    (void)subject;
    uint16_t groups[GROUPS_MAX + 1];
    if (!read_groups(setup->groups, groups)) {
        return "no such group in this build of the library";
    }
    if ((setup->chain_file != NULL && strstr(setup->chain_file, "ed25519") != NULL) ||
        (setup->trust_file != NULL && strstr(setup->trust_file, "ed25519") != NULL)) {
        return "no Ed25519";
    }
    return NULL;
}

/* --- Contexts */

static int set_resumption(bench_context *self, const struct bench_setup *setup) {
    int ret = 0;
    mbedtls_ssl_conf_session_tickets(&self->conf, setup->resume && !setup->server);
    mbedtls_ssl_conf_tls13_key_exchange_modes(
        &self->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL |
                         (setup->resume ? MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL : 0));
    if (!setup->resume) {
        return 0;
    }
    if (setup->server) {
        ret = mbedtls_ssl_ticket_setup(&self->tickets, mbedtls_psa_get_random,
                                       MBEDTLS_PSA_RANDOM_STATE, MBEDTLS_CIPHER_AES_256_GCM, 86400);
        mbedtls_ssl_conf_session_tickets_cb(&self->conf, mbedtls_ssl_ticket_write,
                                            mbedtls_ssl_ticket_parse, &self->tickets);
        mbedtls_ssl_conf_session_tickets(&self->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
        mbedtls_ssl_conf_new_session_tickets(&self->conf, 1);
    } else {
        mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
            &self->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
        self->client_resumes = true;
    }
    return ret;
}

static int set_certificates(bench_context *self, const struct bench_setup *setup) {
    int ret = 0;
    bool verify = setup->server ? setup->mutual : setup->verify;
    mbedtls_ssl_conf_authmode(&self->conf,
                              verify ? MBEDTLS_SSL_VERIFY_REQUIRED : MBEDTLS_SSL_VERIFY_NONE);
    if (setup->trust_file != NULL) {
        ret = mbedtls_x509_crt_parse_file(&self->trust, setup->trust_file);
        mbedtls_ssl_conf_ca_chain(&self->conf, &self->trust, NULL);
    }
    if (ret == 0 && setup->chain_file != NULL) {
        ret = mbedtls_x509_crt_parse_file(&self->chain, setup->chain_file);
        if (ret == 0) {
            ret = mbedtls_pk_parse_keyfile(&self->key, setup->key_file, NULL,
                                           mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
        }
        if (ret == 0) {
            ret = mbedtls_ssl_conf_own_cert(&self->conf, &self->chain, &self->key);
        }
    }
    return ret;
}

static int set_all(bench_context *self, const struct bench_setup *setup) {
    mbedtls_ssl_protocol_version tls =
        setup->version == 13 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
    int ret = mbedtls_ssl_config_defaults(
        &self->conf, setup->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret != 0) {
        return ret;
    }
    self->host = setup->server ? NULL : setup->host;
    (void)read_groups(setup->groups, self->groups);
    mbedtls_ssl_conf_rng(&self->conf, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    mbedtls_ssl_conf_min_tls_version(&self->conf, tls);
    mbedtls_ssl_conf_max_tls_version(&self->conf, tls);
    mbedtls_ssl_conf_ciphersuites(&self->conf, suites);
    mbedtls_ssl_conf_groups(&self->conf, self->groups);
    ret = set_resumption(self, setup);
    return ret != 0 ? ret : set_certificates(self, setup);
}

static void context_free(bench_context *self) {
    if (self == NULL) {
        return;
    }
    mbedtls_ssl_session_free(&self->session);
    mbedtls_ssl_ticket_free(&self->tickets);
    mbedtls_ssl_config_free(&self->conf);
    mbedtls_pk_free(&self->key);
    mbedtls_x509_crt_free(&self->chain);
    mbedtls_x509_crt_free(&self->trust);
    free(self);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    if (self == NULL || psa_crypto_init() != PSA_SUCCESS) {
        snprintf(why, why_size, "no memory, or no PSA");
        free(self);
        return NULL;
    }
    mbedtls_ssl_config_init(&self->conf);
    mbedtls_x509_crt_init(&self->trust);
    mbedtls_x509_crt_init(&self->chain);
    mbedtls_pk_init(&self->key);
    mbedtls_ssl_ticket_init(&self->tickets);
    mbedtls_ssl_session_init(&self->session);
    int ret = set_all(self, setup);
    if (ret != 0) {
        snprintf(why, why_size, "mbedTLS error -0x%04x", (unsigned)-ret);
        context_free(self);
        return NULL;
    }
    return self;
}

/* --- Connections */

static void conn_free(bench_conn *self) {
    mbedtls_ssl_free(&self->ssl);
    free(self);
}

/* mbedTLS does not tell who resumed. */
static int on_verify(void *arg, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
    (void)certificate, (void)depth, (void)flags;
    bench_conn *self = arg;
    self->verified = true;
    return 0;
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->context = context;
    mbedtls_ssl_init(&self->ssl);
    mbedtls_net_init(&self->net);
    self->net.fd = fd;
    int ret = mbedtls_ssl_setup(&self->ssl, &context->conf);
    if (ret == 0 && mbedtls_ssl_conf_get_endpoint(&context->conf) == MBEDTLS_SSL_IS_CLIENT) {
        ret = mbedtls_ssl_set_hostname(&self->ssl, context->host);
    }
    if (ret == 0 && context->has_session) {
        ret = mbedtls_ssl_set_session(&self->ssl, &context->session);
        /* Tickets of TLS 1.3 are used once (RFC 8446 appendix C.4). */
        mbedtls_ssl_session_free(&context->session);
        context->has_session = false;
    }
    if (ret != 0) {
        conn_free(self);
        return NULL;
    }
    if (context->client_resumes) {
        mbedtls_ssl_set_verify(&self->ssl, on_verify, self);
    }
    mbedtls_ssl_set_bio(&self->ssl, &self->net, mbedtls_net_send, mbedtls_net_recv, NULL);
    return self;
}

static void keep_session(bench_conn *self) {
    bench_context *context = self->context;
    mbedtls_ssl_session_free(&context->session);
    context->has_session = mbedtls_ssl_get_session(&self->ssl, &context->session) == 0;
}

static enum bench_step step_of(bench_conn *self, int ret) {
    self->last = ret;
    if (ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return BENCH_WANT;
    }
    return ret < 0 ? BENCH_FAILED : BENCH_DONE;
}

static enum bench_step handshake(bench_conn *self) {
    enum bench_step step = step_of(self, mbedtls_ssl_handshake(&self->ssl));
    if (step == BENCH_DONE && self->context->client_resumes &&
        mbedtls_ssl_get_version_number(&self->ssl) == MBEDTLS_SSL_VERSION_TLS1_2) {
        keep_session(self);
    }
    return step;
}

static enum bench_step read_some(bench_conn *self, void *data, size_t size, size_t *got) {
    int ret;
    while ((ret = mbedtls_ssl_read(&self->ssl, data, size)) ==
           MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        keep_session(self);
    }
    *got = ret > 0 ? (size_t)ret : 0;
    return ret == 0 ? BENCH_FAILED : step_of(self, ret);
}

static enum bench_step write_some(bench_conn *self, const void *data, size_t len, size_t *done) {
    int ret = mbedtls_ssl_write(&self->ssl, data, len);
    *done = ret > 0 ? (size_t)ret : 0;
    return step_of(self, ret);
}

static bool resumed(bench_conn *self) {
    return self->context->client_resumes && !self->verified;
}

static void close_notify(bench_conn *self) {
    (void)mbedtls_ssl_close_notify(&self->ssl);
}

static const char *error_text(bench_conn *self) {
    return mbedtls_high_level_strerr(self->last) != NULL ? mbedtls_high_level_strerr(self->last)
                                                         : "";
}

extern const struct bench_subject bench_raw_mbedtls;
const struct bench_subject bench_raw_mbedtls = {
    .name = "raw-mbedtls",
    .library = "mbedtls",
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
