/* backends/openssl/context.c - settings become an SSL_CTX; and what a server chooses for a
 * ClientHello.
 *
 * Each setting has a function that installs it and answers whether OpenSSL took it; only then its
 * bit goes into *applied. The security level is 0, so that no list of ours is thinned out behind
 * our back, and what openssl.cnf may have put into a new SSL_CTX is overwritten.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>
#include <string.h>

/* --- The choices of a server, per ClientHello --- */

int ossl_verify_mode(const ossl_conn *conn) {
    if (conn->context->role == STLS_ROLE_CLIENT) {
        return SSL_VERIFY_PEER;
    }
    switch (conn->client_auth) {
    case STLS_BE_CLIENT_AUTH_REQUIRED:
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    case STLS_BE_CLIENT_AUTH_OPTIONAL:
        return SSL_VERIFY_PEER;
    case STLS_BE_CLIENT_AUTH_NONE:
        break;
    }
    return SSL_VERIFY_NONE;
}

static bool ossl_use_credential(ossl_conn *conn, const ossl_credential *credential) {
    if (credential == conn->credential) {
        return true;
    }
    /* Or the default's key would stay beside a selected key of another kind. */
    SSL_certs_clear(conn->ssl);
    conn->credential = credential;
    return credential == NULL || SSL_use_cert_and_key(conn->ssl, credential->leaf, credential->key,
                                                      credential->issuers, 1) == 1;
}

/* Here OpenSSL sends any alert that it is given. */
static int ossl_select_fail(ossl_conn *conn, stls_be_cause cause, const char *text) {
    conn->refusal = cause;
    conn->refusal_text = text;
    return SSL_CLIENT_HELLO_ERROR;
}

static int ossl_select(SSL *ssl, int *alert, void *unused) {
    (void)unused;
    ossl_conn *conn = ossl_conn_of(ssl);
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (hello == NULL) {
        return ossl_select_fail(conn, STLS_BE_CAUSE_UNKNOWN, "no ClientHello");
    }
    stls_be_selection selection = conn->upcalls->select(conn->core, hello->server_name);
    *alert = selection.alert;
    if (!selection.accept) {
        return ossl_select_fail(conn, STLS_BE_CAUSE_SELECT, "the ClientHello was refused");
    }
    conn->client_auth = selection.client_auth;
    SSL_set_verify(ssl, ossl_verify_mode(conn), NULL);
    *alert = SSL_AD_INTERNAL_ERROR;
    if (!ossl_use_credential(conn, selection.credential)) {
        return ossl_select_fail(conn, STLS_BE_CAUSE_SETTING, "the credential cannot be used");
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* A server that used the name says so (RFC 6066, section 3). */
static int ossl_acknowledge_name(SSL *ssl, int *alert, void *unused) {
    (void)ssl;
    (void)alert;
    (void)unused;
    return SSL_TLSEXT_ERR_OK;
}

/* Our most wanted protocol that the client offers too. */
static int ossl_select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                            const unsigned char *in, unsigned int in_len, void *arg) {
    (void)ssl;
    const ossl_context *context = arg;
    for (size_t i = 0; i < context->alpn_len; i += 1u + context->alpn[i]) {
        const uint8_t *ours = context->alpn + i;
        for (size_t j = 0; j < in_len && in[j] < in_len - j; j += 1u + in[j]) {
            if (in[j] == ours[0] && memcmp(in + j + 1, ours + 1, ours[0]) == 0) {
                *out = in + j + 1;
                *out_len = in[j];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
}

/* --- The settings --- */

static bool ossl_apply_verdict(ossl_context *context, const stls_be_settings *settings) {
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(context->ctx, ossl_chain_verify, NULL);
    if (settings->may_ask) {
        SSL_CTX_set_keylog_callback(context->ctx, ossl_conn_keylog); /* for alerts: alert.c */
    }
    return true;
}

static bool ossl_set_versions(SSL_CTX *ctx, int min, int max) {
    return min <= max && SSL_CTX_set_min_proto_version(ctx, min) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, max) == 1 &&
           SSL_CTX_get_min_proto_version(ctx) == min && SSL_CTX_get_max_proto_version(ctx) == max;
}

static bool ossl_apply_versions(ossl_context *context, const stls_be_settings *settings) {
    return settings->version_min >= STLS_TLS1_2 && settings->version_max <= STLS_TLS1_3 &&
           ossl_set_versions(context->ctx, settings->version_min, settings->version_max);
}

/* Joins names into a list as OpenSSL's setters want it. */
typedef struct ossl_names {
    char *text;
    size_t len, size;
} ossl_names;

static bool ossl_names_init(ossl_names *names, size_t count) {
    enum { NAME_SIZE = 64 };
    *names = (ossl_names){.size = count * NAME_SIZE + 1};
    names->text = count < 0x10000 ? OPENSSL_zalloc(names->size) : NULL;
    return names->text != NULL;
}

static bool ossl_names_add(ossl_names *names, const char *name) {
    if (name == NULL) {
        return false;
    }
    int len = snprintf(names->text + names->len, names->size - names->len, "%s%s",
                       names->len > 0 ? ":" : "", name);
    if (len < 0 || (size_t)len >= names->size - names->len) {
        return false;
    }
    names->len += (size_t)len;
    return true;
}

/* The suites of one version, joined; false if OpenSSL lacks one. */
static bool ossl_join_suites(const stls_be_settings *settings, bool tls1_3, ossl_names *names) {
    if (!ossl_names_init(names, settings->suite_count)) {
        return false;
    }
    for (size_t i = 0; i < settings->suite_count; i++) {
        bool is_tls1_3 = false;
        const char *name = ossl_suite_name(settings->suites[i], &is_tls1_3);
        if (name == NULL || (is_tls1_3 == tls1_3 && !ossl_names_add(names, name))) {
            return false;
        }
    }
    return true;
}

/* Whether the list in force has just our suites: those of TLS 1.3 and then those of TLS 1.2. */
static bool ossl_suites_are_in_force(SSL_CTX *ctx, const stls_be_settings *settings) {
    STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
    int at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < settings->suite_count; i++) {
            bool tls1_3 = false;
            if (ossl_suite_name(settings->suites[i], &tls1_3) == NULL || tls1_3 != (pass == 0)) {
                continue;
            }
            if (at >= sk_SSL_CIPHER_num(list) ||
                SSL_CIPHER_get_protocol_id(sk_SSL_CIPHER_value(list, at)) != settings->suites[i]) {
                return false;
            }
            at++;
        }
    }
    return at == sk_SSL_CIPHER_num(list);
}

/* OpenSSL fails a handshake for want of suites in a version that it has offered itself; so the
 * versions end where the suites do. */
static bool ossl_narrow_versions(SSL_CTX *ctx, bool has_tls1_2, bool has_tls1_3) {
    int min = (int)SSL_CTX_get_min_proto_version(ctx);
    int max = (int)SSL_CTX_get_max_proto_version(ctx);
    if (!has_tls1_2 && min < TLS1_3_VERSION) {
        min = TLS1_3_VERSION;
    }
    if (!has_tls1_3 && max > TLS1_2_VERSION) {
        max = TLS1_2_VERSION;
    }
    return ossl_set_versions(ctx, min, max);
}

static bool ossl_apply_suites(ossl_context *context, const stls_be_settings *settings) {
    ossl_names tls1_2 = {0}, tls1_3 = {0};
    bool done = false;
    if (ossl_join_suites(settings, false, &tls1_2) && ossl_join_suites(settings, true, &tls1_3) &&
        SSL_CTX_set_ciphersuites(context->ctx, tls1_3.text) == 1) {
        /* An empty list is installed, but answered with an error. */
        bool set =
            SSL_CTX_set_cipher_list(context->ctx, tls1_2.len > 0 ? tls1_2.text : "-ALL") == 1;
        if (tls1_2.len == 0) {
            ERR_clear_error();
        }
        done = (set || tls1_2.len == 0) && ossl_suites_are_in_force(context->ctx, settings) &&
               ossl_narrow_versions(context->ctx, tls1_2.len > 0, tls1_3.len > 0);
    }
    OPENSSL_free(tls1_2.text);
    OPENSSL_free(tls1_3.text);
    return done;
}

static bool ossl_join_codes(const uint16_t *codes, size_t count, const char *(*name)(uint16_t),
                            ossl_names *names) {
    if (!ossl_names_init(names, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!ossl_names_add(names, name(codes[i]))) {
            return false;
        }
    }
    return count > 0;
}

static bool ossl_apply_groups(ossl_context *context, const stls_be_settings *settings) {
    ossl_names names = {0};
    bool done = ossl_join_codes(settings->groups, settings->group_count, ossl_group_name, &names) &&
                SSL_CTX_set1_groups_list(context->ctx, names.text) == 1;
    OPENSSL_free(names.text);
    return done;
}

static bool ossl_apply_schemes(ossl_context *context, const stls_be_settings *settings) {
    ossl_names names = {0};
    bool done =
        ossl_join_codes(settings->schemes, settings->scheme_count, ossl_scheme_name, &names) &&
        SSL_CTX_set1_sigalgs_list(context->ctx, names.text) == 1 &&
        SSL_CTX_set1_client_sigalgs_list(context->ctx, names.text) == 1;
    OPENSSL_free(names.text);
    return done;
}

static bool ossl_apply_server_preference(ossl_context *context, const stls_be_settings *settings) {
    (void)settings;
    return context->role == STLS_ROLE_SERVER &&
           (SSL_CTX_set_options(context->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE) &
            SSL_OP_CIPHER_SERVER_PREFERENCE) != 0;
}

static bool ossl_apply_client_auth(ossl_context *context, const stls_be_settings *settings) {
    context->client_auth = settings->client_auth; /* conn_init sets the mode */
    return context->role == STLS_ROLE_SERVER;
}

static bool ossl_apply_credential(ossl_context *context, const stls_be_settings *settings) {
    const ossl_credential *credential = settings->credential;
    context->credential = credential;
    return credential == NULL ||
           SSL_CTX_use_cert_and_key(context->ctx, credential->leaf, credential->key,
                                    credential->issuers, 1) == 1;
}

static bool ossl_apply_select(ossl_context *context, const stls_be_settings *settings) {
    (void)settings;
    if (context->role != STLS_ROLE_SERVER) {
        return false;
    }
    SSL_CTX_set_client_hello_cb(context->ctx, ossl_select, NULL);
    return SSL_CTX_set_tlsext_servername_callback(context->ctx, ossl_acknowledge_name) == 1;
}

static bool ossl_apply_alpn(ossl_context *context, const stls_be_settings *settings) {
    size_t len = 0;
    for (size_t i = 0; i < settings->alpn_count; i++) {
        if (settings->alpn[i].len < 1 || settings->alpn[i].len > 255) {
            return false;
        }
        len += 1 + settings->alpn[i].len;
    }
    context->alpn = len > 0 && len <= 0xFFFF ? OPENSSL_malloc(len) : NULL;
    if (context->alpn == NULL) {
        return false;
    }
    for (size_t i = 0; i < settings->alpn_count; i++) {
        context->alpn[context->alpn_len] = (uint8_t)settings->alpn[i].len;
        memcpy(context->alpn + context->alpn_len + 1, settings->alpn[i].data,
               settings->alpn[i].len);
        context->alpn_len += 1 + settings->alpn[i].len;
    }
    if (context->role == STLS_ROLE_SERVER) {
        SSL_CTX_set_alpn_select_cb(context->ctx, ossl_select_alpn, context);
        return true;
    }
    return SSL_CTX_set_alpn_protos(context->ctx, context->alpn, (unsigned int)len) == 0;
}

/* OpenSSL limits the whole message; the exact sum is checked when it has come (verdict.c). The room
 * for what stands between the certificates is more than real ones need. The same limit is for a
 * server's CertificateRequest, whose list of CAs may be longer than any chain: never less than
 * OpenSSL's default. */
static bool ossl_apply_chain_limit(ossl_context *context, const stls_be_settings *settings) {
    if (settings->chain_bytes_max < 1 || settings->chain_bytes_max > OSSL_CHAIN_BYTES_MAX) {
        return false;
    }
    context->chain_bytes_max = settings->chain_bytes_max;
    long limit = (long)(settings->chain_bytes_max + settings->chain_bytes_max / 16 + 512);
    limit = limit > SSL_MAX_CERT_LIST_DEFAULT ? limit : SSL_MAX_CERT_LIST_DEFAULT;
    (void)SSL_CTX_set_max_cert_list(context->ctx, limit);
    return SSL_CTX_get_max_cert_list(context->ctx) == limit;
}

static bool ossl_apply_no_renegotiation(ossl_context *context, const stls_be_settings *settings) {
    (void)settings;
    return (SSL_CTX_set_options(context->ctx, SSL_OP_NO_RENEGOTIATION) & SSL_OP_NO_RENEGOTIATION) !=
           0;
}

static bool ossl_apply_keylog(ossl_context *context, const stls_be_settings *settings) {
    (void)settings;
    context->keylog = true;
    SSL_CTX_set_keylog_callback(context->ctx, ossl_conn_keylog);
    return SSL_CTX_get_keylog_callback(context->ctx) == ossl_conn_keylog;
}

/* OpenSSL keeps what it needs for the life of a connection. */
static bool ossl_apply_exporter(ossl_context *context, const stls_be_settings *settings) {
    (void)context;
    (void)settings;
    return true;
}

static bool ossl_apply_max_fragment(ossl_context *context, const stls_be_settings *settings) {
    uint8_t code = TLSEXT_max_fragment_length_512;
    while (code <= TLSEXT_max_fragment_length_4096 && settings->max_fragment != 256u << code) {
        code++;
    }
    context->max_fragment = code;
    return context->role == STLS_ROLE_CLIENT && code <= TLSEXT_max_fragment_length_4096 &&
           SSL_CTX_set_tlsext_max_fragment_length(context->ctx, code) == 1;
}

/* In the order in which they are installed: the suites narrow the versions. */
static const struct {
    uint32_t bit;
    const char *name;
    bool (*apply)(ossl_context *context, const stls_be_settings *settings);
} ossl_settings[] = {
    {STLS_BE_SET_VERDICT, "the verdict", ossl_apply_verdict},
    {STLS_BE_SET_VERSIONS, "the versions", ossl_apply_versions},
    {STLS_BE_SET_SUITES, "the cipher suites", ossl_apply_suites},
    {STLS_BE_SET_GROUPS, "the groups", ossl_apply_groups},
    {STLS_BE_SET_SCHEMES, "the signature schemes", ossl_apply_schemes},
    {STLS_BE_SET_SERVER_PREFERENCE, "the server's preference", ossl_apply_server_preference},
    {STLS_BE_SET_CLIENT_AUTH, "the client authentication", ossl_apply_client_auth},
    {STLS_BE_SET_CREDENTIAL, "the credential", ossl_apply_credential},
    {STLS_BE_SET_SELECT, "the selection", ossl_apply_select},
    {STLS_BE_SET_ALPN, "ALPN", ossl_apply_alpn},
    {STLS_BE_SET_CHAIN_LIMIT, "the limit of the chain", ossl_apply_chain_limit},
    {STLS_BE_SET_NO_RENEGOTIATION, "no renegotiation", ossl_apply_no_renegotiation},
    {STLS_BE_SET_NO_RESUMPTION, "no resumption", ossl_apply_no_resumption},
    {STLS_BE_SET_SESSIONS, "the sessions", ossl_apply_sessions},
    {STLS_BE_SET_TICKETS, "the tickets", ossl_apply_tickets},
    {STLS_BE_SET_KEYLOG, "the key log", ossl_apply_keylog},
    {STLS_BE_SET_EXPORTER, "the exporter", ossl_apply_exporter},
    {STLS_BE_SET_MAX_FRAGMENT, "the size of records", ossl_apply_max_fragment},
};

/* What every context of ours has, whatever openssl.cnf says. */
static bool ossl_harden(SSL_CTX *ctx) {
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_clear_options(ctx, SSL_CTX_get_options(ctx));
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
    /* The verdict wants the Certificate message itself. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION |
                                 SSL_OP_NO_TX_CERTIFICATE_COMPRESSION);
#endif
    /* No chain but the credential's is sent; one call of recv never takes more than one record, so
     * that nothing unread waits inside. */
    SSL_CTX_clear_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(ctx, 0);
    SSL_CTX_set_quiet_shutdown(ctx, 0);
    (void)SSL_CTX_set_dh_auto(ctx, 1); /* for DHE suites, if they are wanted */
    /* Nothing resumes, and no ticket goes out, unless a setting says so. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF | SSL_SESS_CACHE_NO_INTERNAL);
    static const unsigned char id[] = "siptls";
    return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1 &&
           ossl_set_versions(ctx, TLS1_2_VERSION, TLS1_3_VERSION);
}

stls_be_status ossl_context_init(void *block, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure) {
    ossl_context *context = block;
    ERR_clear_error();
    *applied = 0;
    context->role = settings->role;
    context->ctx =
        SSL_CTX_new(settings->role == STLS_ROLE_CLIENT ? TLS_client_method() : TLS_server_method());
    if (context->ctx == NULL || !ossl_harden(context->ctx)) {
        return ossl_fail(failure, STLS_BE_CAUSE_SETTING, "no SSL_CTX");
    }
    for (size_t i = 0; i < sizeof ossl_settings / sizeof ossl_settings[0]; i++) {
        if ((settings->wanted & ossl_settings[i].bit) == 0) {
            continue;
        }
        if (ossl_settings[i].apply(context, settings)) {
            *applied |= ossl_settings[i].bit;
            continue;
        }
        /* The core names the first that is missing: so does the failure. */
        stls_be_failure *place = failure->cause == STLS_BE_CAUSE_UNKNOWN ? failure : NULL;
        if (ossl_fail(place, STLS_BE_CAUSE_SETTING, ossl_settings[i].name) == STLS_BE_NO_MEMORY) {
            return STLS_BE_NO_MEMORY;
        }
    }
    ERR_clear_error();
    return STLS_BE_OK;
}

void ossl_context_fini(void *block) {
    ossl_context *context = block;
    SSL_CTX_free(context->ctx);
    OPENSSL_free(context->alpn);
    *context = (ossl_context){0};
}
