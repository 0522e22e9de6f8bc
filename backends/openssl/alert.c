/* backends/openssl/alert.c - an alert of ours, in place of what OpenSSL would send.
 *
 * When we end a handshake, OpenSSL picks the alert from an X509 error code, which does not reach
 * every alert (access_denied for one), and for a certificate it cannot read it knows
 * bad_certificate only. So the transport below OpenSSL sends a record made here instead of the next
 * thing that OpenSSL writes, and nothing after it:
 *
 *   TLS 1.2          a plaintext record: at this point of the handshake neither side has keys.
 *   TLS 1.3 server   sealed under the server application traffic secret.
 *   TLS 1.3 client   sealed under the client handshake traffic secret. OpenSSL derives that secret
 * only when it writes the client's own flight, and sends earlier alerts in plaintext (openssl issue
 * 27809), which other libraries' servers cannot read. So a client that rejects the chain lets
 * OpenSSL go on as far as that flight, and our alert leaves in its place.
 *
 * The secrets come from the keylog callback, which belongs to an SSL_CTX and costs a tenth of a
 * handshake, as OpenSSL writes out all secrets in hex for it. So a server has it only where it asks
 * for certificates; and a client that rejects a chain moves, for what is left of this handshake, to
 * an SSL_CTX of its own that has it. The record is the first under its key, and the last: what
 * OpenSSL wrote under the same key never leaves.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/x509err.h>

#include <string.h>

enum {
    ALERT_FATAL = 2,
    RECORD_HEADER = 5,
    KEY_MAX = 32,
    IV_LEN = 12,
    TAG_MAX = 16,
    INNER_LEN = 3, /* level, description, content type */
    SUITE_AES_128_CCM_8 = 0x1305,
};

void ossl_refuse(ossl_conn *conn, stls_be_cause cause, const char *text, uint8_t alert) {
    conn->refusal = cause;
    conn->refusal_text = text;
    conn->alert_wanted = true;
    conn->alert = alert;
}

int ossl_alert_error(uint8_t alert) {
    switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
        return X509_V_ERR_APPLICATION_VERIFICATION;
    case SSL_AD_BAD_CERTIFICATE:
        return X509_V_ERR_CERT_REJECTED;
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
        return X509_V_ERR_INVALID_PURPOSE;
    case SSL_AD_CERTIFICATE_REVOKED:
        return X509_V_ERR_CERT_REVOKED;
    case SSL_AD_CERTIFICATE_EXPIRED:
        return X509_V_ERR_CERT_HAS_EXPIRED;
    case SSL_AD_UNKNOWN_CA:
        return X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    default:
        return X509_V_ERR_PERMITTED_VIOLATION; /* certificate_unknown */
    }
}

/* What the handshake still needs of an SSL_CTX, a new one has as well: it never gets further than
 * our alert. Without memory the alert goes out in plaintext. */
void ossl_alert_listen(ossl_conn *conn) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx != NULL) {
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_set_keylog_callback(ctx, ossl_conn_keylog);
        (void)SSL_set_SSL_CTX(conn->ssl, ctx);
        SSL_CTX_free(ctx); /* the connection holds it */
    }
}

void ossl_alert_secret(const SSL *ssl, const char *line) {
    ossl_conn *conn = ossl_conn_of(ssl);
    if (conn == NULL || conn->handshake == NULL) {
        return;
    }
    const char *label = conn->context->role == STLS_ROLE_CLIENT ? "CLIENT_HANDSHAKE_TRAFFIC_SECRET "
                                                                : "SERVER_TRAFFIC_SECRET_0 ";
    const char *secret = strrchr(line, ' ');
    size_t len = 0;
    if (strncmp(line, label, strlen(label)) == 0 && secret != NULL &&
        OPENSSL_hexstr2buf_ex(conn->handshake->secret, sizeof conn->handshake->secret, &len,
                              secret + 1, '\0') == 1) {
        conn->handshake->secret_len = len;
    }
}

/* HKDF-Expand-Label(secret, label, "", len) of RFC 8446, 7.1. */
static bool ossl_expand(ossl_conn *conn, const EVP_MD *md, const char *label, uint8_t *out,
                        size_t len) {
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    char digest[32] = "", prefix[] = "tls13 ", name[8] = "";
    OPENSSL_strlcpy(digest, EVP_MD_get0_name(md), sizeof digest);
    OPENSSL_strlcpy(name, label, sizeof name);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, conn->handshake->secret,
                                          conn->handshake->secret_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, strlen(prefix)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, name, strlen(name)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool done = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return done;
}

/* `in` (INNER_LEN bytes) into `out`, the tag behind it. The sequence number is 0, so that the nonce
 * is the IV itself. */
static bool ossl_encrypt(const EVP_CIPHER *cipher, int tag_len, const uint8_t *key,
                         const uint8_t *iv, const uint8_t *header, const uint8_t *in,
                         uint8_t *out) {
    int len = 0;
    bool ccm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool done = ctx != NULL && EVP_EncryptInit_ex(ctx, cipher, NULL, NULL, NULL) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, IV_LEN, NULL) == 1 &&
                /* CCM wants the lengths of the tag and of the text before all else. */
                (!ccm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag_len, NULL) == 1) &&
                EVP_EncryptInit_ex(ctx, NULL, NULL, key, iv) == 1 &&
                (!ccm || EVP_EncryptUpdate(ctx, NULL, &len, NULL, INNER_LEN) == 1) &&
                EVP_EncryptUpdate(ctx, NULL, &len, header, RECORD_HEADER) == 1 &&
                EVP_EncryptUpdate(ctx, out, &len, in, INNER_LEN) == 1 && len == INNER_LEN &&
                EVP_EncryptFinal_ex(ctx, out + INNER_LEN, &len) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, tag_len, out + INNER_LEN) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return done;
}

static size_t ossl_alert_seal(ossl_conn *conn, uint8_t out[OSSL_ALERT_RECORD_MAX]) {
    const SSL_CIPHER *suite = SSL_get_pending_cipher(conn->ssl);
    const EVP_MD *md = suite != NULL ? SSL_CIPHER_get_handshake_digest(suite) : NULL;
    const EVP_CIPHER *cipher =
        suite != NULL ? EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(suite)) : NULL;
    if (md == NULL || cipher == NULL || EVP_CIPHER_get_key_length(cipher) > KEY_MAX) {
        return 0;
    }
    int tag_len = SSL_CIPHER_get_protocol_id(suite) == SUITE_AES_128_CCM_8 ? 8 : TAG_MAX;
    size_t body = INNER_LEN + (size_t)tag_len;
    const uint8_t header[RECORD_HEADER] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, (uint8_t)body};
    const uint8_t inner[INNER_LEN] = {ALERT_FATAL, conn->alert, SSL3_RT_ALERT};
    uint8_t key[KEY_MAX], iv[IV_LEN];
    memcpy(out, header, RECORD_HEADER);
    bool done = ossl_expand(conn, md, "key", key, (size_t)EVP_CIPHER_get_key_length(cipher)) &&
                ossl_expand(conn, md, "iv", iv, IV_LEN) &&
                ossl_encrypt(cipher, tag_len, key, iv, header, inner, out + RECORD_HEADER);
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(iv, sizeof iv);
    return done ? RECORD_HEADER + body : 0;
}

size_t ossl_alert_record(ossl_conn *conn, uint8_t out[OSSL_ALERT_RECORD_MAX]) {
    if (conn->handshake != NULL && conn->handshake->secret_len > 0) {
        (void)ERR_set_mark();
        size_t len = ossl_alert_seal(conn, out);
        (void)ERR_pop_to_mark();
        return len;
    }
    const uint8_t plain[] = {SSL3_RT_ALERT, 3, 3, 0, 2, ALERT_FATAL, conn->alert};
    memcpy(out, plain, sizeof plain);
    return sizeof plain;
}
