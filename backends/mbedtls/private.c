/* backends/mbedtls/private.c - all that the backend does with fields that mbedTLS calls private.
 *
 * Everything here was checked against the sources of mbedTLS 3.6; internal.h stops the compiler for
 * any other series. Why it is needed: the exact bytes of the peer's certificates and the numbers of
 * alerts have no public function, and two faults of mbedTLS's TLS 1.3 make its alerts unreadable to
 * the peer (mbed_lend_keys).
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

/* The names are the library's; P() makes the lines readable. */
#define P(field) MBEDTLS_PRIVATE(field)

int mbed_state(const mbedtls_ssl_context *ssl) {
    return ssl->P(state);
}

/* Alerts of TLS 1.3 that the peer could not read, because mbedTLS has not switched its outgoing
 * keys:
 * - a client between ServerHello and its own flight would send them in the clear. It has the
 * handshake keys, as those for reading; a transform holds both directions.
 * - a server between its Finished and the client's would send them under the handshake keys, where
 *   the client expects the application's (RFC 8446, A.2).
 * So such steps, and our own alert in these states, run with the right keys lent. Nothing but a
 * fatal alert is ever sent in these states; thus each lending may begin at record number 0, also
 * after an alert of the library that was muted. */
void mbed_lend_keys(mbed_conn *conn, int state) {
    mbedtls_ssl_context *ssl = &conn->ssl;
    if (mbedtls_ssl_get_version_number(ssl) != MBEDTLS_SSL_VERSION_TLS1_3 ||
        ssl->P(out_left) != 0) {
        return;
    }
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_transform *keys = NULL;
    if (conn->context->role == STLS_ROLE_CLIENT) {
        if ((ssl->P(transform_out) == NULL || conn->keys_lent) &&
            (state == MBEDTLS_SSL_ENCRYPTED_EXTENSIONS ||
             state == MBEDTLS_SSL_CERTIFICATE_REQUEST || state == MBEDTLS_SSL_SERVER_CERTIFICATE ||
             state == MBEDTLS_SSL_CERTIFICATE_VERIFY || state == MBEDTLS_SSL_SERVER_FINISHED)) {
            keys = ssl->P(transform_in);
            conn->keys_lent = keys != NULL;
        }
    } else if (state == MBEDTLS_SSL_CLIENT_CERTIFICATE ||
               state == MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY ||
               state == MBEDTLS_SSL_CLIENT_FINISHED) {
        keys = ssl->P(transform_application);
    }
    if (keys != NULL) {
        ssl->P(transform_out) = keys;
        memset(ssl->P(cur_out_ctr), 0, sizeof ssl->P(cur_out_ctr));
    }
#else
    (void)state;
#endif
}

/* A client's, after a step that did not fail: its next record may be the ChangeCipherSpec, which
 * has to be in the clear. A server's stay: the library sets the same keys at the end. */
void mbed_take_back_keys(mbed_conn *conn) {
    if (conn->keys_lent) {
        conn->ssl.P(transform_out) = NULL;
        conn->keys_lent = false;
    }
}

/* Sends what a step has left in the output buffer. Then this call does only that. */
int mbed_flush(mbedtls_ssl_context *ssl) {
    if (ssl->P(out_left) == 0) {
        return 0;
    }
    return mbedtls_ssl_send_alert_message(ssl, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                          MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
}

/* The handshake message that was read last, whole, with its header, if it is of `type`. It stays in
 * the input buffer until the next one is read. */
stls_bytes mbed_message(const mbedtls_ssl_context *ssl, uint8_t type) {
    if (ssl->P(in_msgtype) != MBEDTLS_SSL_MSG_HANDSHAKE || ssl->P(in_msg) == NULL ||
        ssl->P(badmac_seen_or_in_hsfraglen) != 0 || ssl->P(in_hslen) > ssl->P(in_msglen) ||
        ssl->P(in_hslen) < 4 || ssl->P(in_msg)[0] != type) {
        return (stls_bytes){NULL, 0};
    }
    return (stls_bytes){ssl->P(in_msg), ssl->P(in_hslen)};
}

/* How long a message of `type` is that has begun to arrive, and perhaps never does; else 0. The
 * fragments are collected at the start of the buffer. */
size_t mbed_message_announced(const mbedtls_ssl_context *ssl, uint8_t type) {
    if (ssl->P(badmac_seen_or_in_hsfraglen) < 4 ||
        ssl->P(in_buf)[MBEDTLS_SSL_SEQUENCE_NUMBER_LEN + 5] != type) {
        return 0;
    }
    return ssl->P(in_hslen);
}

/* The handshake message that was written last, if it went out in the clear and is of `type`. */
stls_bytes mbed_message_sent(const mbedtls_ssl_context *ssl, uint8_t type) {
    const uint8_t *record, *message;
    if (ssl->P(transform_out) == NULL && ssl->P(out_left) == 0) { /* TLS 1.2: sent already */
        message = ssl->P(out_msg);
        if (message[0] == type && ssl->P(out_msglen) >= 4) {
            return (stls_bytes){message, ssl->P(out_msglen)};
        }
    } else if (ssl->P(out_left) > 5 + 4) { /* TLS 1.3: waits for the next step */
        record = ssl->P(out_hdr) - ssl->P(out_left);
        if (record[0] == MBEDTLS_SSL_MSG_HANDSHAKE && record[5] == type) {
            return (stls_bytes){record + 5, ssl->P(out_left) - 5};
        }
    }
    return (stls_bytes){NULL, 0};
}

/* The record that is being received, as far as it is there, with `more` bytes that the receive
 * callback has just put into the buffer. */
stls_bytes mbed_record_coming(const mbedtls_ssl_context *ssl, size_t more) {
    return (stls_bytes){ssl->P(in_hdr), ssl->P(in_left) + more};
}

/* After MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, which the library also returns without an alert. */
bool mbed_received_alert(const mbedtls_ssl_context *ssl, uint8_t *level, uint8_t *description) {
    if (ssl->P(in_msgtype) != MBEDTLS_SSL_MSG_ALERT || ssl->P(in_msg) == NULL) {
        return false;
    }
    *level = ssl->P(in_msg)[0];
    *description = ssl->P(in_msg)[1];
    return true;
}

/* The alert that the library noted for a failed step; it was sent within the step. -1: none. */
int mbed_pended_alert(const mbedtls_ssl_context *ssl) {
    return ssl->P(alert_type) != 0 ? ssl->P(alert_type) : -1;
}

bool mbed_got_key_update(const mbedtls_ssl_context *ssl) {
    return mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_3 &&
           mbed_message(ssl, MBED_MSG_KEY_UPDATE).data != NULL;
}

/* What the library itself could read of the peer's certificates, during the handshake. */
mbedtls_x509_crt *mbed_peer_chain(const mbedtls_ssl_context *ssl) {
    const mbedtls_ssl_session *session = ssl->P(session_negotiate);
    return session != NULL ? session->P(peer_cert) : NULL;
}

/* The suite that is being negotiated, or was; the public function knows it only afterwards. */
int mbed_suite(const mbedtls_ssl_context *ssl) {
    const mbedtls_ssl_session *session =
        ssl->P(session_negotiate) != NULL ? ssl->P(session_negotiate) : ssl->P(session);
    return session != NULL ? session->P(ciphersuite) : 0;
}

mbedtls_key_exchange_type_t mbed_key_exchange(const mbedtls_ssl_ciphersuite_t *suite) {
    return (mbedtls_key_exchange_type_t)suite->P(key_exchange);
}

bool mbed_is_suite_of_tls1_3(const mbedtls_ssl_ciphersuite_t *suite) {
    return suite->P(min_tls_version) >= MBEDTLS_SSL_VERSION_TLS1_3;
}

/* mbedtls_x509_crt_free() is to free `raw` as well. */
void mbed_own_the_bytes(mbedtls_x509_crt *certificate) {
    certificate->P(own_buffer) = 1;
}

/* mbedtls_ssl_setup() that fails late takes the config away, but leaves a handshake that
 * mbedtls_ssl_free() frees with the config's help. */
void mbed_mend_failed_setup(mbed_conn *conn) {
    conn->ssl.P(conf) = &conn->conf;
}
