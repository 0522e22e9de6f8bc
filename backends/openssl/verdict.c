/* backends/openssl/verdict.c - the peer's certificates, exactly as sent, and our verdict on them.
 *
 * The message callback hands over each handshake message before OpenSSL looks at it: there the
 * bytes of the certificates are copied. OpenSSL then decodes them, and calls ossl_chain_verify() in
 * place of its own verification: there the core judges, with the keys that OpenSSL has decoded by
 * then. A client's empty Certificate message never comes so far, and is judged on arrival.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/x509err.h>

#include <string.h>

enum { OSSL_MESSAGE_CERTIFICATE = 11, OSSL_MESSAGE_HEADER = 4 };

/* --- The message --- */

/* Takes a vector with a length of `octets` bytes off the front of `*in`. */
static bool ossl_take_vector(stls_bytes *in, size_t octets, stls_bytes *vector) {
    if (in->len < octets) {
        return false;
    }
    size_t len = 0;
    for (size_t i = 0; i < octets; i++) {
        len = len << 8 | in->data[i];
    }
    if (len > in->len - octets) {
        return false;
    }
    *vector = (stls_bytes){in->data + octets, len};
    in->data += octets + len;
    in->len -= octets + len;
    return true;
}

static bool ossl_take_certificate(stls_bytes *list, uint16_t version, stls_bytes *certificate) {
    stls_bytes extensions;
    return ossl_take_vector(list, 3, certificate) &&
           (version != TLS1_3_VERSION || ossl_take_vector(list, 2, &extensions));
}

/* The list of a Certificate message (RFC 5246 7.4.2, RFC 8446 4.4.2); counts and adds up. */
static bool ossl_chain_measure(uint16_t version, stls_bytes message, stls_bytes *list,
                               size_t *count, size_t *bytes) {
    stls_bytes context, certificate;
    *count = 0;
    *bytes = 0;
    if ((version == TLS1_3_VERSION && !ossl_take_vector(&message, 1, &context)) ||
        !ossl_take_vector(&message, 3, list) || message.len != 0) {
        return false;
    }
    for (stls_bytes rest = *list; rest.len > 0; *count += 1) {
        if (!ossl_take_certificate(&rest, version, &certificate)) {
            return false;
        }
        *bytes += certificate.len;
    }
    return true;
}

static ossl_chain *ossl_chain_copy(uint16_t version, stls_bytes list, size_t count, size_t bytes) {
    size_t room = sizeof(ossl_chain) + count * (sizeof(stls_bytes) + sizeof(void *));
    uint8_t *block = OPENSSL_zalloc(room + bytes);
    if (block == NULL) {
        return NULL;
    }
    ossl_chain *chain = (void *)block;
    chain->count = count;
    chain->certificates = (void *)(block + sizeof *chain);
    chain->keys = (void *)(chain->certificates + count);
    chain->bytes = block + room;
    uint8_t *at = chain->bytes;
    for (size_t i = 0; i < count; i++) {
        stls_bytes certificate;
        if (!ossl_take_certificate(&list, version, &certificate)) {
            break; /* measured before: cannot happen */
        }
        if (certificate.len > 0) {
            memcpy(at, certificate.data, certificate.len);
        }
        chain->certificates[i] = (stls_bytes){at, certificate.len};
        at += certificate.len;
    }
    return chain;
}

void ossl_chain_free(ossl_conn *conn) {
    OPENSSL_free(conn->chain);
    conn->chain = NULL;
}

/* A client sent no certificate. OpenSSL refuses that or goes on, as its verify mode then says. */
static void ossl_chain_judge_none(ossl_conn *conn, uint16_t version) {
    stls_be_decision decision = conn->upcalls->verify(conn->core, version, NULL, NULL, 0);
    conn->judged = true;
    conn->accepted = decision.accept;
    if (!decision.accept) {
        ossl_refuse(conn, STLS_BE_CAUSE_VERIFY, "peer did not return a certificate",
                    decision.alert);
        SSL_set_verify(conn->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
}

void ossl_chain_arrived(ossl_conn *conn, uint16_t version, const uint8_t *message, size_t len) {
    size_t count, bytes;
    stls_bytes list;
    if (len < OSSL_MESSAGE_HEADER || message[0] != OSSL_MESSAGE_CERTIFICATE || conn->established ||
        conn->chain != NULL || conn->judged ||
        !ossl_chain_measure(version,
                            (stls_bytes){message + OSSL_MESSAGE_HEADER, len - OSSL_MESSAGE_HEADER},
                            &list, &count, &bytes)) {
        return; /* what is malformed here, OpenSSL refuses itself */
    }
    if (count == 0) {
        if (conn->context->role == STLS_ROLE_SERVER) {
            ossl_chain_judge_none(conn, version);
        }
        return;
    }
    if (conn->context->chain_bytes_max > 0 && bytes > conn->context->chain_bytes_max) {
        /* Refused when OpenSSL asks: there is no way out of here. */
        ossl_refuse(conn, STLS_BE_CAUSE_TOO_LONG, "the certificates are longer than the limit",
                    SSL_AD_CERTIFICATE_UNKNOWN);
        return;
    }
    conn->chain = ossl_chain_copy(version, list, count, bytes);
    conn->no_memory = conn->chain == NULL;
}

/* --- The verdict --- */

/* The keys as OpenSSL has decoded them. False: these are not the certificates that came. */
static bool ossl_chain_take_keys(ossl_chain *chain, const X509_STORE_CTX *store) {
    STACK_OF(X509) *list = X509_STORE_CTX_get0_untrusted(store);
    if (list == NULL || (size_t)sk_X509_num(list) != chain->count) {
        return false;
    }
    (void)ERR_set_mark(); /* a key that OpenSSL cannot decode is no error here */
    for (size_t i = 0; i < chain->count; i++) {
        EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(list, (int)i));
        chain->keys[i] = key != NULL && !ossl_key_has_explicit_curve(key) ? key : NULL;
    }
    (void)ERR_pop_to_mark();
    return true;
}

static void ossl_chain_judge(ossl_conn *conn, const X509_STORE_CTX *store) {
    if (conn->judged || conn->chain == NULL || conn->refusal_text != NULL ||
        !ossl_chain_take_keys(conn->chain, store)) {
        conn->accepted = false;
        if (conn->refusal_text == NULL) {
            ossl_refuse(conn, STLS_BE_CAUSE_UNKNOWN, "the certificates could not be judged",
                        SSL_AD_INTERNAL_ERROR);
        }
        return;
    }
    conn->judged = true;
    stls_be_decision decision =
        conn->upcalls->verify(conn->core, (uint16_t)SSL_version(conn->ssl),
                              conn->chain->certificates, conn->chain->keys, conn->chain->count);
    conn->accepted = decision.accept;
    if (!decision.accept) {
        ossl_refuse(conn, STLS_BE_CAUSE_VERIFY, "certificate verify failed", decision.alert);
    }
}

/* OpenSSL's server of TLS 1.2 refuses a client's key on a curve that is not among the server's
 * groups, of which it tells no client. The groups have done their work by now: the leaf's curve
 * becomes the only one. False: no memory. */
static bool ossl_chain_allow_curve(ossl_conn *conn) {
    EVP_PKEY *leaf = conn->chain->keys[0];
    char name[64];
    size_t len = 0;
    if (conn->context->role != STLS_ROLE_SERVER || SSL_version(conn->ssl) != TLS1_2_VERSION ||
        leaf == NULL || EVP_PKEY_is_a(leaf, "EC") != 1) {
        return true;
    }
    (void)ERR_set_mark();
    int nid =
        EVP_PKEY_get_group_name(leaf, name, sizeof name, &len) == 1 ? OBJ_sn2nid(name) : NID_undef;
    bool no_memory = nid != NID_undef && SSL_set1_groups(conn->ssl, &nid, 1) != 1 &&
                     ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    (void)ERR_pop_to_mark();
    return !no_memory;
}

int ossl_chain_verify(X509_STORE_CTX *store, void *unused) {
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    ossl_conn *conn = ssl != NULL ? ossl_conn_of(ssl) : NULL;
    if (conn == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    ossl_chain_judge(conn, store);
    if (conn->accepted && !ossl_chain_allow_curve(conn)) {
        conn->no_memory = true;
        conn->accepted = false;
        ossl_refuse(conn, STLS_BE_CAUSE_UNKNOWN, "no memory", SSL_AD_INTERNAL_ERROR);
    }
    /* A TLS 1.3 client has to come as far as its own flight to send a readable alert. */
    conn->alert_deferred = !conn->accepted && conn->context->role == STLS_ROLE_CLIENT &&
                           SSL_version(ssl) == TLS1_3_VERSION;
    if (conn->alert_deferred) {
        ossl_alert_listen(conn);
    }
    bool go_on = conn->accepted || conn->alert_deferred;
    X509_STORE_CTX_set_error(store, go_on ? X509_V_OK : ossl_alert_error(conn->alert));
    return go_on ? 1 : 0;
}

void ossl_chain_diagnose(ossl_conn *conn) {
    if (conn->judged || conn->chain == NULL || conn->refusal_text != NULL) {
        return;
    }
    ossl_chain *chain = conn->chain;
    (void)ERR_set_mark();
    size_t i = 0;
    for (bool readable = true; i < chain->count; i++) {
        const unsigned char *at = chain->certificates[i].data;
        X509 *certificate = d2i_X509(NULL, &at, (long)chain->certificates[i].len);
        readable =
            certificate != NULL && at == chain->certificates[i].data + chain->certificates[i].len;
        X509_free(certificate);
        if (!readable) {
            break;
        }
    }
    (void)ERR_pop_to_mark();
    if (i == chain->count) {
        return; /* OpenSSL ends the handshake for another reason */
    }
    conn->judged = true;
    stls_be_decision decision = conn->upcalls->unreadable(
        conn->core, (uint16_t)SSL_version(conn->ssl), chain->certificates, chain->count, i);
    ossl_refuse(conn, STLS_BE_CAUSE_VERIFY, "a certificate cannot be decoded", decision.alert);
}

bool ossl_chain_satisfied(const ossl_conn *conn) {
    if (conn->refusal_text != NULL) {
        return false;
    }
    if (SSL_session_reused(conn->ssl) != 0) {
        return ossl_session_was_agreed(conn);
    }
    if (SSL_get0_peer_certificate(conn->ssl) != NULL) {
        return conn->judged && conn->accepted && conn->chain != NULL;
    }
    /* No certificate came: a server may go on if it has not asked for one, or does not insist. */
    return conn->context->role == STLS_ROLE_SERVER && conn->chain == NULL &&
           (conn->client_auth == STLS_BE_CLIENT_AUTH_NONE ||
            (conn->client_auth == STLS_BE_CLIENT_AUTH_OPTIONAL && conn->judged && conn->accepted));
}
