/* ssl_sock_siptls.c - siptls as the TLS of PJLIB's secure sockets.
 *
 * Goes into pjlib/src/pj of a pjproject tree, beside its other ssl_sock_*.c: build.sh does that.
 * PJLIB's ssl_sock_imp_common.c does the network and the API; here stand the functions that it
 * leaves to a TLS library. Bytes go through its two circular buffers into and out of siptls's
 * memory transport.
 *
 * A connection is used under PJLIB's write_mutex, so that one thread at a time is in it.
 *
 * SPDX-License-Identifier: MIT */
#include <pj/errno.h>
#include <pj/lock.h>
#include <pj/log.h>
#include <pj/pool.h>
#include <pj/ssl_sock.h>
#include <pj/string.h>

#if defined(PJ_HAS_SSL_SOCK) && PJ_HAS_SSL_SOCK != 0 && PJ_SSL_SOCK_IMP == PJ_SSL_SOCK_IMP_SIPTLS

#include <siptls/siptls.h>

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* --- What config_site.h may say */

/* The backend: "openssl", "mbedtls", "wolfssl", any expression; NULL is the first that is built in.
 */
#ifndef PJ_SIPTLS_BACKEND
#define PJ_SIPTLS_BACKEND NULL
#endif

/* Until 2.14 the buffers had other names, and until 2.16 each library sent its handshake itself.
 * build.sh finds out. */
#ifdef PJ_SIPTLS_OLD_BUFFERS
#define INPUT(ssock)       (&(ssock)->circ_buf_input)
#define INPUT_MUTEX(ssock) ((ssock)->circ_buf_input_mutex)
#define OUTPUT(ssock)      (&(ssock)->circ_buf_output)
#define SEND(ssock, key)   flush_circ_buf_output(ssock, key, 0, 0)
#else
#define INPUT(ssock)       (&(ssock)->ssl_read_buf)
#define INPUT_MUTEX(ssock) ((ssock)->ssl_read_buf_mutex)
#define OUTPUT(ssock)      (&(ssock)->ssl_write_buf)
#define SEND(ssock, key)   flush_ssl_write_buf(ssock, key, 0, 0)
#endif

#define THIS_FILE "ssl_sock_siptls.c"
#define SSL_SOCK_IMP_USE_CIRC_BUF

#include "ssl_sock_imp_common.h"

typedef struct siptls_sock {
    pj_ssl_sock_t base;
    stls_conn *conn;
    stls_context *judge; /* says in verify_status what is wrong where verify_peer is off; or NULL */
    stls_credential *credential;
} siptls_sock;

#include "ssl_sock_imp_common.c" /* NOLINT(bugprone-suspicious-include): as in pjproject */

/* --- Errors */

static pj_status_t status_from(stls_result result) {
    switch (result) {
    case STLS_OK:
        return PJ_SUCCESS;
    case STLS_WANT_READ:
    case STLS_WANT_WRITE:
        return PJ_EPENDING;
    case STLS_E_NO_MEMORY:
        return PJ_ENOMEM;
    case STLS_E_UNSUPPORTED:
    case STLS_E_NO_BACKEND:
        return PJ_ENOTSUP;
    case STLS_E_TIMEOUT:
        return PJ_ETIMEDOUT;
    case STLS_E_FILE:
        return PJ_ENOTFOUND;
    default:
        return PJ_EINVAL; /* PJ_EUNKNOWN and PJ_EEOF mean something else to the common code */
    }
}

/* The sentence into the log, the code to PJLIB. */
static pj_status_t failed(pj_ssl_sock_t *ssock, const stls_error *error) {
    PJ_LOG(1, (THIS_FILE, "%s", error->text));
    ssock->last_err = (unsigned long)error->native;
    return status_from(error->result);
}

/* What the verdict found, in PJLIB's words. */
static pj_uint32_t verify_status_from(const stls_verdict *verdict) {
    static const struct {
        uint32_t flags;
        pj_uint32_t status;
    } map[] = {
        {STLS_FLAG_NO_CERTIFICATE | STLS_FLAG_UNTRUSTED | STLS_FLAG_BAD_SIGNATURE |
             STLS_FLAG_WEAK_KEY | STLS_FLAG_WEAK_ALGORITHM,
         PJ_SSL_CERT_EUNTRUSTED},
        {STLS_FLAG_EXPIRED | STLS_FLAG_NOT_YET_VALID | STLS_FLAG_CLOCK_NOT_SET,
         PJ_SSL_CERT_EVALIDITY_PERIOD},
        {STLS_FLAG_MALFORMED | STLS_FLAG_UNREADABLE | STLS_FLAG_UNKNOWN_CRITICAL |
             STLS_FLAG_NAME_CONSTRAINT | STLS_FLAG_POLICY,
         PJ_SSL_CERT_EINVALID_FORMAT},
        {STLS_FLAG_WRONG_USAGE | STLS_FLAG_NOT_A_CA, PJ_SSL_CERT_EINVALID_PURPOSE},
        {STLS_FLAG_CRL_MISSING | STLS_FLAG_CRL_EXPIRED | STLS_FLAG_CRL_INVALID,
         PJ_SSL_CERT_ECRL_FAILURE},
        {STLS_FLAG_REVOKED, PJ_SSL_CERT_EREVOKED},
        {STLS_FLAG_PATH_TOO_LONG | STLS_FLAG_LIMIT, PJ_SSL_CERT_ECHAIN_TOO_LONG},
        {STLS_FLAG_NAME_MISMATCH, PJ_SSL_CERT_EIDENTITY_NOT_MATCH},
    };
    uint32_t left = verdict->flags;
    pj_uint32_t status = PJ_SSL_CERT_ESUCCESS;
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++) {
        if (left & map[i].flags) {
            status |= map[i].status;
            left &= ~map[i].flags;
        }
    }
    return left == 0 ? status : status | (pj_uint32_t)PJ_SSL_CERT_EUNKNOWN;
}

/* --- What the application wants, as a profile */

/* `text` ended by NUL; NULL if it is empty. */
static const char *string(pj_pool_t *pool, const pj_str_t *text) {
    pj_str_t copy;
    if (text->slen <= 0) {
        return NULL;
    }
    pj_strdup_with_null(pool, &copy, text);
    return copy.ptr;
}

/* Our own refusals have the form of siptls's. */
static stls_result refuse(stls_error *error, stls_result result, const char *sentence) {
    *error = (stls_error){
        .result = result, .alert_sent = STLS_ALERT_NONE, .alert_received = STLS_ALERT_NONE};
    pj_ansi_snprintf(error->text, sizeof error->text, "%s", sentence);
    return result;
}

/* PJLIB's ids of cipher suites and curves are IANA's; those of SSL 2 do not fit into 16 bits, and
 * are nobody's. */
enum { CODES_MAX = 256 };

static stls_result set_ciphers(const pj_ssl_sock_param *param, stls_profile *profile,
                               pj_uint32_t *proto, stls_error *error) {
    uint16_t codes[CODES_MAX];
    pj_uint32_t with_suites = 0;
    if (param->ciphers_num == 0) {
        return STLS_OK;
    }
    if (param->ciphers_num > CODES_MAX) {
        return refuse(error, STLS_E_LIMIT, "too many ciphers");
    }
    for (unsigned i = 0; i < param->ciphers_num; i++) {
        codes[i] = param->ciphers[i] > UINT16_MAX ? 0 : (uint16_t)param->ciphers[i];
        with_suites |= codes[i] >> 8 == 0x13 ? PJ_SSL_SOCK_PROTO_TLS1_3 : PJ_SSL_SOCK_PROTO_TLS1_2;
    }
    *proto &= with_suites; /* suites of TLS 1.2 alone mean TLS 1.2 alone */
    return stls_profile_set_codes(profile, STLS_REGISTRY_SUITE, codes, param->ciphers_num, error);
}

static stls_result set_curves(const pj_ssl_sock_param *param, stls_profile *profile,
                              stls_error *error) {
    uint16_t codes[CODES_MAX];
    if (param->curves_num == 0) {
        return STLS_OK;
    }
    if (param->curves_num > CODES_MAX) {
        return refuse(error, STLS_E_LIMIT, "too many curves");
    }
    for (unsigned i = 0; i < param->curves_num; i++) {
        codes[i] = (uint16_t)param->curves[i];
    }
    return stls_profile_set_codes(profile, STLS_REGISTRY_GROUP, codes, param->curves_num, error);
}

static stls_result set_versions(pj_uint32_t proto, stls_profile *profile, stls_error *error) {
    bool has_12 = (proto & PJ_SSL_SOCK_PROTO_TLS1_2) != 0;
    bool has_13 = (proto & PJ_SSL_SOCK_PROTO_TLS1_3) != 0;
    if (!has_12 && !has_13) {
        return refuse(error, STLS_E_UNSUPPORTED,
                      "the protocols, or those that the ciphers leave, hold neither TLS 1.2 nor "
                      "1.3, and siptls has no other");
    }
    return stls_profile_set_versions(profile, has_12 ? STLS_TLS1_2 : STLS_TLS1_3,
                                     has_13 ? STLS_TLS1_3 : STLS_TLS1_2, error);
}

static stls_result set_protocol(pj_ssl_sock_t *ssock, stls_profile *profile, stls_error *error) {
    pj_ssl_sock_param *param = &ssock->param;
    const char *schemes = string(ssock->pool, &param->sigalgs);
    pj_uint32_t both = PJ_SSL_SOCK_PROTO_TLS1_2 | PJ_SSL_SOCK_PROTO_TLS1_3;
    pj_uint32_t proto = param->proto == PJ_SSL_SOCK_PROTO_DEFAULT ? both : param->proto & both;
    stls_result result = set_ciphers(param, profile, &proto, error);
    if (result == STLS_OK) {
        result = set_curves(param, profile, error);
    }
    if (result == STLS_OK && schemes != NULL) {
        result = stls_profile_set_names(profile, STLS_REGISTRY_SCHEME, schemes, error);
    }
    if (result == STLS_OK) {
        result = set_versions(proto, profile, error);
    }
    if (result == STLS_OK && (param->timeout.sec != 0 || param->timeout.msec != 0)) {
        unsigned ms = (unsigned)(param->timeout.sec * 1000 + param->timeout.msec);
        result = stls_profile_set_handshake_timeout(profile, ms, error);
    }
    param->proto = proto;
    return result;
}

/* Reads the CAs; `*trust` is NULL if there are none. */
static stls_result read_trust(pj_ssl_sock_t *ssock, stls_trust **trust, stls_error *error) {
    const pj_ssl_cert_t *cert = ssock->cert;
    if (cert->CA_path.slen > 0) {
        return refuse(error, STLS_E_UNSUPPORTED,
                      "a folder of CAs cannot be read: give one file with all of them");
    }
    if (cert->CA_file.slen <= 0 && cert->CA_buf.slen <= 0) {
        return STLS_OK;
    }
    *trust = stls_trust_new();
    if (*trust == NULL) {
        return refuse(error, STLS_E_NO_MEMORY, "no memory");
    }
    stls_result result = STLS_OK;
    if (cert->CA_file.slen > 0) {
        result = stls_trust_add_file(*trust, string(ssock->pool, &cert->CA_file), error);
    }
    if (result == STLS_OK && cert->CA_buf.slen > 0) {
        result = stls_trust_add(*trust, cert->CA_buf.ptr, (size_t)cert->CA_buf.slen,
                                "the CA buffer", error);
    }
    return result;
}

static stls_result set_trust(pj_ssl_sock_t *ssock, stls_profile *profile, stls_error *error) {
    stls_trust *trust = NULL;
    stls_result result = read_trust(ssock, &trust, error);
    if (result == STLS_OK) {
        result = stls_profile_set_trust(profile, trust, error);
    }
    stls_trust_free(trust);
    return result;
}

static stls_result set_credential(pj_ssl_sock_t *ssock, const stls_backend *backend,
                                  stls_profile *profile, stls_error *error) {
    siptls_sock *sock = (siptls_sock *)ssock;
    const pj_ssl_cert_t *cert = ssock->cert;
    const char *password = string(ssock->pool, &cert->privkey_pass);
    stls_result result = STLS_OK;
    if (cert->cert_file.slen > 0) {
        result = stls_credential_load(backend, string(ssock->pool, &cert->cert_file),
                                      string(ssock->pool, &cert->privkey_file), password,
                                      &sock->credential, error);
    } else if (cert->cert_buf.slen > 0) {
        bool own_key = cert->privkey_buf.slen > 0;
        result = stls_credential_new(backend, cert->cert_buf.ptr, (size_t)cert->cert_buf.slen,
                                     own_key ? cert->privkey_buf.ptr : NULL,
                                     own_key ? (size_t)cert->privkey_buf.slen : 0, password,
                                     &sock->credential, error);
    }
    return result == STLS_OK ? stls_profile_set_credential(profile, sock->credential, error)
                             : result;
}

/* A server asks for a certificate if it is to be verified or required; one that it requires, it
 * also verifies. */
static stls_verify_mode verify_mode(const pj_ssl_sock_t *ssock) {
    if (!ssock->is_server) {
        return ssock->param.verify_peer ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE;
    }
    if (ssock->param.require_client_cert) {
        return STLS_VERIFY_REQUIRED;
    }
    return ssock->param.verify_peer ? STLS_VERIFY_OPTIONAL : STLS_VERIFY_NONE;
}

/* A client that does not verify is still told what is wrong, as PJLIB's applications expect: its
 * server is judged after the handshake. */
static stls_result make_judge(pj_ssl_sock_t *ssock, stls_profile *profile, stls_error *error) {
    bool named = ssock->param.server_name.slen > 0;
    if (ssock->is_server || ssock->param.verify_peer || ssock->cert == NULL ||
        (ssock->cert->CA_file.slen <= 0 && ssock->cert->CA_buf.slen <= 0)) {
        return STLS_OK;
    }
    stls_result result = STLS_OK;
    if (!named) {
        result = stls_profile_set_identity(profile, STLS_IDENTITY_NONE, 0, error);
    }
    return result == STLS_OK
               ? stls_context_new_verifier(profile, &((siptls_sock *)ssock)->judge, error)
               : result;
}

static stls_result make_context(pj_ssl_sock_t *ssock, stls_profile *profile,
                                const stls_backend *backend, stls_context **context,
                                stls_error *error) {
    stls_result result = set_protocol(ssock, profile, error);
    if (result == STLS_OK && ssock->cert != NULL) {
        result = set_trust(ssock, profile, error);
    }
    if (result == STLS_OK && ssock->cert != NULL) {
        result = set_credential(ssock, backend, profile, error);
    }
    if (result == STLS_OK) {
        result = make_judge(ssock, profile, error);
    }
    if (result == STLS_OK) {
        result = stls_profile_set_verify(profile, verify_mode(ssock), error);
    }
    return result == STLS_OK ? stls_context_new(profile, context, error) : result;
}

static stls_result make_conn(pj_ssl_sock_t *ssock, stls_error *error) {
    siptls_sock *sock = (siptls_sock *)ssock;
    const char *name = PJ_SIPTLS_BACKEND;
    const stls_backend *backend = name != NULL ? stls_backend_find(name) : stls_backend_default();
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_result result = stls_profile_new(
        backend, ssock->is_server ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT, &profile, error);
    if (result == STLS_OK) {
        result = make_context(ssock, profile, backend, &context, error);
    }
    if (result == STLS_OK) {
        const char *peer = ssock->is_server ? NULL : string(ssock->pool, &ssock->param.server_name);
        result = stls_conn_new(context, peer, &sock->conn, error);
    }
    if (result == STLS_OK) {
        result = stls_conn_use_memory(sock->conn, error);
    }
    stls_context_free(context);
    stls_profile_free(profile);
    return result;
}

/* --- Life */

static pj_ssl_sock_t *ssl_alloc(pj_pool_t *pool) {
    return &PJ_POOL_ZALLOC_T(pool, siptls_sock)->base;
}

static pj_status_t ssl_create(pj_ssl_sock_t *ssock) {
    stls_error error = {.result = STLS_NOT_DONE};
    pj_status_t status = circ_init(ssock->pool->factory, INPUT(ssock), 512);
    if (status == PJ_SUCCESS) {
        status = circ_init(ssock->pool->factory, OUTPUT(ssock), 512);
    }
    if (status != PJ_SUCCESS) {
        return status;
    }
    return make_conn(ssock, &error) == STLS_OK ? PJ_SUCCESS : failed(ssock, &error);
}

static void ssl_destroy(pj_ssl_sock_t *ssock) {
    siptls_sock *sock = (siptls_sock *)ssock;
    stls_conn_free(sock->conn);
    stls_context_free(sock->judge);
    stls_credential_free(sock->credential);
    sock->conn = NULL;
    sock->judge = NULL;
    sock->credential = NULL;
    circ_deinit(INPUT(ssock));
    circ_deinit(OUTPUT(ssock));
}

/* --- Bytes; all under write_mutex */

/* Hands siptls a piece of what has come. False if nothing has. */
static bool feed(pj_ssl_sock_t *ssock) {
    pj_uint8_t data[4096];
    pj_lock_acquire(INPUT_MUTEX(ssock));
    pj_size_t len = circ_size(INPUT(ssock));
    len = len < sizeof data ? len : sizeof data;
    if (len > 0) {
        circ_read(INPUT(ssock), data, len);
    }
    pj_lock_release(INPUT_MUTEX(ssock));
    return len > 0 && stls_conn_feed(((siptls_sock *)ssock)->conn, data, len) == STLS_OK;
}

/* Puts what siptls wants to send into PJLIB's buffer. */
static pj_status_t drain(pj_ssl_sock_t *ssock) {
    stls_conn *conn = ((siptls_sock *)ssock)->conn;
    stls_bytes out = stls_conn_peek(conn);
    pj_status_t status = PJ_SUCCESS;
    if (out.len > 0) {
        status = circ_write(OUTPUT(ssock), out.data, out.len);
    }
    if (out.len > 0 && status == PJ_SUCCESS) {
        (void)stls_conn_consume(conn, out.len);
    }
    return status;
}

static void ssl_reset_sock_state(pj_ssl_sock_t *ssock) {
    stls_conn *conn = ((siptls_sock *)ssock)->conn;
    bool say_goodbye = false;
    if (ssock->write_mutex != NULL) {
        pj_lock_acquire(ssock->write_mutex);
        say_goodbye = ssock->ssl_state == SSL_STATE_ESTABLISHED;
        if (say_goodbye) {
            (void)stls_conn_close(conn);
            (void)drain(ssock);
        }
        ssock->ssl_state = SSL_STATE_NULL;
        pj_lock_release(ssock->write_mutex);
    }
    if (say_goodbye) {
        (void)SEND(ssock, &ssock->shutdown_op_key);
    }
    ssl_close_sockets(ssock);
}

static void ssl_set_state(pj_ssl_sock_t *ssock, pj_bool_t is_server) {
    PJ_UNUSED_ARG(ssock); /* the role is in the context */
    PJ_UNUSED_ARG(is_server);
}

static void ssl_set_peer_name(pj_ssl_sock_t *ssock) {
    PJ_UNUSED_ARG(ssock); /* ssl_create() has named the peer, where an error can be told */
}

/* --- The handshake */

static void judge(pj_ssl_sock_t *ssock) {
    siptls_sock *sock = (siptls_sock *)ssock;
    stls_verdict verdict = *stls_conn_verdict(sock->conn);
    size_t count = stls_conn_peer_count(sock->conn);
    if (sock->judge != NULL) {
        stls_bytes *chain = pj_pool_calloc(ssock->pool, count + 1, sizeof *chain);
        for (size_t i = 0; i < count; i++) {
            chain[i] = stls_conn_peer_certificate(sock->conn, i);
        }
        stls_error error;
        if (stls_verify(sock->judge, chain, count, string(ssock->pool, &ssock->param.server_name),
                        &verdict, &error) != STLS_OK) {
            PJ_LOG(3, (THIS_FILE, "not verified, but: %s", error.text));
            verdict.flags |= verdict.flags == 0 ? STLS_FLAG_OTHER : 0;
        }
    } else if (verdict.state == STLS_VERDICT_NOT_DONE && !ssock->is_server) {
        verdict.flags = STLS_FLAG_UNTRUSTED; /* nobody is trusted */
    }
    ssock->verify_status = (pj_status_t)verify_status_from(&verdict);
}

static pj_status_t ssl_do_handshake(pj_ssl_sock_t *ssock) {
    stls_conn *conn = ((siptls_sock *)ssock)->conn;
    pj_lock_acquire(ssock->write_mutex);
    stls_result result = stls_conn_handshake(conn);
    while (result == STLS_WANT_READ && feed(ssock)) {
        result = stls_conn_handshake(conn);
    }
    pj_status_t sent = drain(ssock); /* the alert of a failure, too */
    pj_status_t status = status_from(result);
    if (status == PJ_SUCCESS) {
        ssock->ssl_state = SSL_STATE_ESTABLISHED;
    } else if (status != PJ_EPENDING) {
        status = failed(ssock, stls_conn_error(conn));
    }
    if (status != PJ_EPENDING) {
        judge(ssock);
    }
    pj_lock_release(ssock->write_mutex);
#ifdef PJ_SIPTLS_OLD_HANDSHAKE
    if (sent == PJ_SUCCESS) {
        sent = SEND(ssock, &ssock->handshake_op_key);
        sent = sent == PJ_EPENDING ? PJ_SUCCESS : sent;
    }
#endif
    return status == PJ_SUCCESS || status == PJ_EPENDING ? (sent != PJ_SUCCESS ? sent : status)
                                                         : status;
}

static pj_status_t ssl_renegotiate(pj_ssl_sock_t *ssock) {
    PJ_UNUSED_ARG(ssock);
    PJ_LOG(2, (THIS_FILE, "renegotiation is refused: siptls does none (RFC 8446 has none)"));
    return PJ_ENOTSUP;
}

/* --- Data */

static pj_status_t ssl_read(pj_ssl_sock_t *ssock, void *data, int *size) {
    stls_conn *conn = ((siptls_sock *)ssock)->conn;
    size_t len = 0;
    pj_lock_acquire(ssock->write_mutex);
    stls_result result = stls_conn_read(conn, data, (size_t)*size, &len);
    while (result == STLS_WANT_READ && feed(ssock)) {
        result = stls_conn_read(conn, data, (size_t)*size, &len);
    }
    pj_status_t status = drain(ssock);
    *size = result == STLS_OK ? (int)len : 0;
    if (result < 0) {
        status = failed(ssock, stls_conn_error(conn));
    }
    pj_lock_release(ssock->write_mutex);
    return status; /* the end of TLS is no error: the end of TCP follows, and PJLIB tells it */
}

static pj_status_t ssl_write(pj_ssl_sock_t *ssock, const void *data, pj_ssize_t size,
                             int *nwritten) {
    stls_conn *conn = ((siptls_sock *)ssock)->conn;
    const char *next = data;
    pj_ssize_t left = size;
    pj_status_t status = PJ_SUCCESS;
    while (left > 0 && status == PJ_SUCCESS) {
        size_t len = 0;
        stls_result result = stls_conn_write(conn, next, (size_t)left, &len);
        next += len;
        left -= (pj_ssize_t)len;
        bool full = result == STLS_WANT_WRITE && stls_conn_peek(conn).len > 0;
        status = result == STLS_OK || full ? drain(ssock) : failed(ssock, stls_conn_error(conn));
    }
    *nwritten = (int)(size - left);
    return status;
}

/* --- What is known */

static void ssl_ciphers_populate(void) {
    const char *name = PJ_SIPTLS_BACKEND;
    const stls_backend *backend = name != NULL ? stls_backend_find(name) : stls_backend_default();
    uint16_t code;
    if (ssl_cipher_num > 0 || backend == NULL) {
        return;
    }
    for (size_t i = 0; stls_iana_at(STLS_REGISTRY_SUITE, i, &code); i++) {
        if (stls_backend_supports(backend, STLS_REGISTRY_SUITE, code) &&
            ssl_cipher_num < PJ_SSL_SOCK_MAX_CIPHERS) {
            ssl_ciphers[ssl_cipher_num].id = (pj_ssl_cipher)code;
            ssl_ciphers[ssl_cipher_num++].name = stls_iana_name(STLS_REGISTRY_SUITE, code);
        }
    }
    for (size_t i = 0; stls_iana_at(STLS_REGISTRY_GROUP, i, &code); i++) {
        if (stls_backend_supports(backend, STLS_REGISTRY_GROUP, code) &&
            ssl_curves_num < PJ_SSL_SOCK_MAX_CURVES) {
            ssl_curves[ssl_curves_num].id = (pj_ssl_curve)code;
            ssl_curves[ssl_curves_num++].name = stls_iana_name(STLS_REGISTRY_GROUP, code);
        }
    }
}

static pj_ssl_cipher ssl_get_cipher(pj_ssl_sock_t *ssock) {
    stls_conn_info info;
    stls_conn_get_info(((siptls_sock *)ssock)->conn, &info);
    return info.suite != 0 ? (pj_ssl_cipher)info.suite : PJ_TLS_UNKNOWN_CIPHER;
}

static void read_alt_names(pj_pool_t *pool, stls_bytes der, size_t count, pj_ssl_cert_info *info) {
    static const struct {
        const char *prefix;
        pj_ssl_cert_name_type type;
    } kinds[] = {
        {"DNS:", PJ_SSL_CERT_NAME_DNS},
        {"URI:", PJ_SSL_CERT_NAME_URI},
        {"IP:", PJ_SSL_CERT_NAME_IP},
        {"email:", PJ_SSL_CERT_NAME_RFC822},
    };
    char text[STLS_NAME_SIZE + 8];
    info->subj_alt_name.entry = pj_pool_calloc(pool, count + 1, sizeof *info->subj_alt_name.entry);
    for (size_t i = 0; i < count && stls_certificate_alt_name(der, i, text, sizeof text); i++) {
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            size_t len = strlen(kinds[k].prefix);
            if (strncmp(text, kinds[k].prefix, len) == 0) {
                unsigned at = info->subj_alt_name.cnt++;
                info->subj_alt_name.entry[at].type = kinds[k].type;
                pj_strdup2(pool, &info->subj_alt_name.entry[at].name, text + len);
            }
        }
    }
}

static void read_serial(const char *hex, pj_uint8_t *serial, size_t size) {
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len && i < size; i++) {
        char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        serial[i] = (pj_uint8_t)strtoul(byte, NULL, 16);
    }
}

/* The common name is given only where it names somebody: in a certificate without any SAN (RFC 5922
 * section 7.1), so that nobody can be talked into comparing with it otherwise. */
static void read_certificate(pj_pool_t *pool, stls_bytes der, pj_ssl_cert_info *info) {
    stls_certificate_info read;
    char name[STLS_NAME_SIZE];
    stls_name_kind kind;
    pj_bzero(info, sizeof *info);
    if (der.data == NULL || stls_certificate_read(der, &read, NULL) != STLS_OK) {
        return;
    }
    pj_strdup2(pool, &info->subject.info, read.subject);
    pj_strdup2(pool, &info->issuer.info, read.issuer);
    if (stls_certificate_sip_identity(der, 0, name, sizeof name, &kind) && kind == STLS_NAME_CN) {
        pj_strdup2(pool, &info->subject.cn, name);
    }
    read_serial(read.serial, info->serial_no, sizeof info->serial_no);
    info->validity.start.sec = (long)read.not_before;
    info->validity.end.sec = (long)read.not_after;
    info->validity.gmt = PJ_TRUE;
    read_alt_names(pool, der, read.alt_name_count, info);
}

static void ssl_update_certs_info(pj_ssl_sock_t *ssock) {
    siptls_sock *sock = (siptls_sock *)ssock;
    stls_bytes mine = {NULL, 0};
    stls_conn_info info;
    if (sock->credential != NULL) {
        mine = stls_credential_certificate(sock->credential, 0);
    }
    read_certificate(ssock->pool, mine, &ssock->local_cert_info);
    read_certificate(ssock->pool, stls_conn_peer_certificate(sock->conn, 0),
                     &ssock->remote_cert_info);
    stls_conn_get_info(sock->conn, &info);
    ssock->param.proto =
        info.version == STLS_TLS1_3 ? PJ_SSL_SOCK_PROTO_TLS1_3 : PJ_SSL_SOCK_PROTO_TLS1_2;
}

#ifdef PJ_SIPTLS_RAND_BYTES /* build.sh: the tree wants it */
PJ_DEF(pj_status_t) pj_ssl_rand_bytes(void *buf, pj_size_t len) {
    for (char *next = buf; len > 0;) {
        ssize_t got = getrandom(next, len, 0);
        if (got <= 0) {
            return PJ_EUNKNOWN;
        }
        next += got;
        len -= (pj_size_t)got;
    }
    return PJ_SUCCESS;
}
#endif

#endif
