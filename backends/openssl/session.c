/* backends/openssl/session.c - resumption: a client's sessions as bytes, a server's tickets.
 *
 * A client hands each session out as bytes, and takes one back at conn_init; no SSL_SESSION
 * outlives its connection. The bytes are the code of the max_fragment_length that was asked for
 * (it must be asked for again, RFC 6066, 4), and OpenSSL's own DER, without the peer's leaf.
 *
 * A server's tickets are sealed by OpenSSL under keys of the core; the core's record travels in
 * them as the application data of the session. Nothing but a ticket resumes: there is no cache in
 * which a session ID could be found.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <limits.h>
#include <string.h>

enum {
    OSSL_STATE_HEAD = 1,
    OSSL_TICKET_DER_MAX = 0xFF00, /* longer ones fail the handshake */
    OSSL_TICKET_DER_REST = 1024,  /* what is in one besides record and leaf: less than that */
};

static bool ossl_suites_include(STACK_OF(SSL_CIPHER) * suites, const SSL_CIPHER *suite) {
    for (int i = 0; suite != NULL && i < sk_SSL_CIPHER_num(suites); i++) {
        if (sk_SSL_CIPHER_value(suites, i) == suite) {
            return true;
        }
    }
    return false;
}

/* --- A client --- */

/* OpenSSL's DER is a SEQUENCE in which the peer's leaf is [3]. Nobody looks at it again, since the
 * core keeps the certificates, and with it to decode would cost the next connection more than
 * resuming saves. The new length of `der`. */
static size_t ossl_session_drop_leaf(uint8_t *der, size_t len) {
    enum { LEAF = 3, FAILED = 0x80 };
    const unsigned char *at = der;
    long content = 0, part = 0;
    int tag = 0, class = 0;
    if ((ASN1_get_object(&at, &content, &tag, &class, (long)len) & FAILED) != 0 ||
        tag != V_ASN1_SEQUENCE) {
        return len;
    }
    uint8_t *body = der + (at - der), *end = body + content;
    for (uint8_t *from = body; from < end; from = der + (at - der)) {
        if ((ASN1_get_object(&at, &part, &tag, &class, end - at) & FAILED) != 0) {
            return len;
        }
        at += part;
        if (class == V_ASN1_CONTEXT_SPECIFIC && tag == LEAF) {
            size_t left = (size_t)(content - (at - from));
            memmove(from, at, (size_t)(end - at));
            unsigned char *head = der;
            int size = ASN1_object_size(1, (int)left, V_ASN1_SEQUENCE);
            memmove(der + ((size_t)size - left), body, left);
            ASN1_put_object(&head, 1, (int)left, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
            return (size_t)size;
        }
    }
    return len;
}

static bool ossl_session_can_be_offered(const SSL_SESSION *session) {
    const unsigned char *ticket;
    size_t len = 0;
    SSL_SESSION_get0_ticket(session, &ticket, &len);
    return SSL_SESSION_is_resumable(session) == 1 && len <= STLS_BE_TICKET_MAX;
}

static void ossl_session_tell(ossl_conn *conn, SSL_SESSION *session) {
    int len = ossl_session_can_be_offered(session) ? i2d_SSL_SESSION(session, NULL) : 0;
    size_t size = len > 0 ? OSSL_STATE_HEAD + (size_t)len : 0;
    uint8_t *state = size > 0 ? OPENSSL_malloc(size) : NULL;
    if (state == NULL) {
        return; /* the next connection makes a full handshake */
    }
    unsigned char *at = state + OSSL_STATE_HEAD;
    state[0] = conn->context->max_fragment;
    if (i2d_SSL_SESSION(session, &at) == len) {
        size_t der_len = ossl_session_drop_leaf(state + OSSL_STATE_HEAD, (size_t)len);
        const stls_be_session told = {
            .state = {state, OSSL_STATE_HEAD + der_len},
            .lifetime_s = (uint32_t)SSL_SESSION_get_ticket_lifetime_hint(session),
            .single_use = SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION,
        };
        conn->upcalls->session(conn->core, &told);
    }
    OPENSSL_clear_free(state, size);
}

/* Answers that OpenSSL keeps the session to itself. */
static int ossl_session_new(SSL *ssl, SSL_SESSION *session) {
    ossl_conn *conn = ossl_conn_of(ssl);
    if (conn != NULL && (conn->established || ossl_chain_satisfied(conn))) {
        ossl_session_tell(conn, session);
    }
    return 0;
}

void ossl_session_resumed(ossl_conn *conn) {
    if (conn->context->sessions && conn->ticket_came && SSL_session_reused(conn->ssl) != 0 &&
        SSL_version(conn->ssl) == TLS1_2_VERSION) {
        ossl_session_tell(conn, SSL_get_session(conn->ssl));
    }
}

/* Whether the session is of a version and a suite that we still offer. A server that resumed
 * another one would be refused with an alert. */
static bool ossl_session_is_of_ours(SSL *ssl, const SSL_SESSION *session) {
    int version = SSL_SESSION_get_protocol_version(session);
    return SSL_SESSION_is_resumable(session) == 1 && version >= SSL_get_min_proto_version(ssl) &&
           version <= SSL_get_max_proto_version(ssl) &&
           ossl_suites_include(SSL_get_ciphers(ssl), SSL_SESSION_get0_cipher(session));
}

void ossl_session_offer(ossl_conn *conn, stls_bytes state) {
    if (!conn->context->sessions || state.len <= OSSL_STATE_HEAD || state.len > LONG_MAX ||
        state.data[0] != conn->context->max_fragment) {
        return;
    }
    const unsigned char *at = state.data + OSSL_STATE_HEAD;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)(state.len - OSSL_STATE_HEAD));
    conn->session_offered = session != NULL && at == state.data + state.len &&
                            ossl_session_is_of_ours(conn->ssl, session) &&
                            SSL_set_session(conn->ssl, session) == 1;
    SSL_SESSION_free(session);
    ossl_clear_errors();
}

bool ossl_apply_sessions(ossl_context *context, const stls_be_settings *settings) {
    (void)settings;
    if (context->role != STLS_ROLE_CLIENT) {
        return false;
    }
    context->sessions = true;
    (void)SSL_CTX_clear_options(context->ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(context->ctx,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ctx, ossl_session_new);
    return SSL_CTX_sess_get_new_cb(context->ctx) == ossl_session_new;
}

/* --- A server's tickets: the record --- */

/* Whether the core's record, behind the leaf that OpenSSL puts into every ticket, has room. */
static bool ossl_ticket_has_room(SSL *ssl, size_t record_len) {
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    int leaf_len = leaf != NULL ? i2d_X509(leaf, NULL) : 0;
    return leaf_len >= 0 && record_len <= OSSL_TICKET_DER_MAX &&
           record_len + (size_t)leaf_len + OSSL_TICKET_DER_REST <= OSSL_TICKET_DER_MAX;
}

static void ossl_ticket_prepare(ossl_conn *conn) {
    conn->handshake->ticket_ready = false;
    if (!conn->upcalls->ticket_key(conn->core, NULL, &conn->handshake->ticket_key)) {
        return;
    }
    stls_bytes record =
        conn->upcalls->ticket_record(conn->core, SSL_session_reused(conn->ssl) != 0);
    conn->handshake->ticket_ready =
        record.len > 0 && ossl_ticket_has_room(conn->ssl, record.len) &&
        SSL_SESSION_set1_ticket_appdata(SSL_get_session(conn->ssl), record.data, record.len) == 1;
}

void ossl_ticket_finished(ossl_conn *conn, int version) {
    if (!conn->context->tickets || version != TLS1_3_VERSION || conn->established) {
        return;
    }
    /* Once OpenSSL makes a ticket of TLS 1.3, it cannot be told to send none. */
    ossl_ticket_prepare(conn);
    if (!conn->handshake->ticket_ready) {
        (void)SSL_set_num_tickets(conn->ssl, 0);
    }
}

/* All tickets of a TLS 1.3 handshake have the record that was prepared when Finished came. */
static int ossl_ticket_generate(SSL *ssl, void *unused) {
    (void)unused;
    ossl_conn *conn = ossl_conn_of(ssl);
    if (SSL_version(ssl) == TLS1_2_VERSION && conn->handshake != NULL) {
        ossl_ticket_prepare(conn);
    }
    return 1; /* 0 would fail the handshake; ossl_ticket_keys() says that there is none */
}

/* The max_fragment_length of a session, in bytes; 0: there is none. RFC 6066 section 4. */
static size_t ossl_max_fragment(const SSL_SESSION *session) {
    uint8_t code = SSL_SESSION_get_max_fragment_length(session);
    return code != 0 ? (size_t)256 << code : 0;
}

/* Whether OpenSSL would go on well with the session. In TLS 1.2 it does not compare the suite with
 * our list, and ends the handshake if the ClientHello lacks it. In TLS 1.3 the suite is chosen by
 * now; if the hash of the session is another, OpenSSL forgets that a new ticket is due. Another
 * max_fragment_length ends the handshake in both. */
static bool ossl_session_can_resume(const ossl_conn *conn, SSL_SESSION *session) {
    SSL *ssl = conn->ssl;
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    const SSL_CIPHER *suite = SSL_SESSION_get0_cipher(session);
    const SSL_CIPHER *chosen = SSL_get_pending_cipher(ssl);
    if (suite == NULL || hello == NULL || ossl_max_fragment(session) != hello->max_fragment) {
        return false;
    }
    if (SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION) {
        return chosen != NULL &&
               SSL_CIPHER_get_handshake_digest(chosen) == SSL_CIPHER_get_handshake_digest(suite);
    }
    return ossl_suites_include(SSL_get_ciphers(ssl), suite) &&
           stls_be_lists(hello->suites, SSL_CIPHER_get_protocol_id(suite));
}

/* The ticket was opened, or not; IGNORE_RENEW is a full handshake and a new ticket. In TLS 1.3 each
 * ticket is used once. */
static SSL_TICKET_RETURN ossl_ticket_decrypted(SSL *ssl, SSL_SESSION *session,
                                               const unsigned char *name, size_t name_len,
                                               SSL_TICKET_STATUS status, void *unused) {
    (void)name;
    (void)name_len;
    (void)unused;
    ossl_conn *conn = ossl_conn_of(ssl);
    conn->ticket_accepted = false;
    bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    if (!opened || session == NULL || !ossl_session_can_resume(conn, session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    void *record = NULL;
    size_t len = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &record, &len) != 1 || len == 0 ||
        !conn->upcalls->ticket_accept(conn->core, (stls_bytes){record, len})) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    /* The lifetime is that of the context in force, not of the one that made the ticket. */
    (void)SSL_SESSION_set_timeout(session, (long)conn->context->ticket_lifetime_s);
    conn->ticket_accepted = true;
    bool renew = status == SSL_TICKET_SUCCESS_RENEW ||
                 SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION;
    return renew ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_USE;
}

/* --- A server's tickets: the keys --- */

static bool ossl_ticket_set_keys(stls_be_ticket_key *key, const uint8_t *iv, bool seal,
                                 EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac) {
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seal ? 1 : 0) == 1;
}

static int ossl_ticket_seal(ossl_conn *conn, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher,
                            EVP_MAC_CTX *mac) {
    if (conn->handshake == NULL || !conn->handshake->ticket_ready) {
        return 0; /* an empty ticket, which TLS 1.2 has for this */
    }
    memcpy(name, conn->handshake->ticket_key.name, STLS_TICKET_NAME_LEN);
    bool done = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
                ossl_ticket_set_keys(&conn->handshake->ticket_key, iv, true, cipher, mac);
    return done ? 1 : -1;
}

/* What SSL_CTX_set_tlsext_ticket_key_evp_cb wants to know: -1 fails, 0 has no key, 1 is good, and
 * so is 2, but a new ticket is due. */
static int ossl_ticket_keys(SSL *ssl, unsigned char *name, unsigned char *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal) {
    ossl_conn *conn = ossl_conn_of(ssl);
    if (seal != 0) {
        return ossl_ticket_seal(conn, name, iv, cipher, mac);
    }
    stls_be_ticket_key key = {.renew = false};
    int answer = 0;
    if (conn->upcalls->ticket_key(conn->core, name, &key) &&
        ossl_ticket_set_keys(&key, iv, false, cipher, mac)) {
        answer = key.renew ? 2 : 1;
    }
    OPENSSL_cleanse(&key, sizeof key);
    return answer;
}

bool ossl_apply_tickets(ossl_context *context, const stls_be_settings *settings) {
    if (context->role != STLS_ROLE_SERVER || settings->ticket_count < 1 ||
        settings->ticket_lifetime_s < 1) {
        return false;
    }
    context->tickets = true;
    context->ticket_lifetime_s = settings->ticket_lifetime_s;
    (void)SSL_CTX_clear_options(context->ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_timeout(context->ctx, (long)settings->ticket_lifetime_s);
    return SSL_CTX_get_timeout(context->ctx) == (long)settings->ticket_lifetime_s &&
           SSL_CTX_set_num_tickets(context->ctx, settings->ticket_count) == 1 &&
           SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ctx, ossl_ticket_keys) == 1 &&
           SSL_CTX_set_session_ticket_cb(context->ctx, ossl_ticket_generate, ossl_ticket_decrypted,
                                         NULL) == 1;
}

bool ossl_apply_no_resumption(ossl_context *context, const stls_be_settings *settings) {
    return (settings->wanted & (STLS_BE_SET_SESSIONS | STLS_BE_SET_TICKETS)) == 0 &&
           (SSL_CTX_get_options(context->ctx) & SSL_OP_NO_TICKET) != 0 &&
           SSL_CTX_get_num_tickets(context->ctx) == 0;
}

bool ossl_session_was_agreed(const ossl_conn *conn) {
    bool client = conn->context->role == STLS_ROLE_CLIENT;
    return (client ? conn->session_offered : conn->ticket_accepted) && conn->chain == NULL &&
           !conn->judged;
}
