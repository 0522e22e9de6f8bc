/* backends/mbedtls/private.c - all that the backend does with fields that mbedTLS calls private.
 *
 * Everything here was checked against the sources of mbedTLS 3.6; internal.h stops the compiler for
 * any other series. Why it is needed: the exact bytes of the peer's certificates and the numbers of
 * alerts have no public function, and two faults of mbedTLS's TLS 1.3 make its alerts unreadable to
 * the peer (mbed_lend_keys).
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <mbedtls/platform_util.h>

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

/* Whether fragments of a message are here that is not whole. */
bool mbed_is_amid_message(const mbedtls_ssl_context *ssl) {
    return ssl->P(badmac_seen_or_in_hsfraglen) > 0;
}

/* The handshake message that was written last in the clear, and has left, if it is of `type`. */
stls_bytes mbed_message_sent(const mbedtls_ssl_context *ssl, uint8_t type) {
    if (ssl->P(transform_out) == NULL && ssl->P(out_left) == 0 && ssl->P(out_msglen) >= 4 &&
        ssl->P(out_msg)[0] == type) {
        return (stls_bytes){ssl->P(out_msg), ssl->P(out_msglen)};
    }
    return (stls_bytes){NULL, 0};
}

/* The record that is being received, as far as it is there. */
stls_bytes mbed_record_coming(const mbedtls_ssl_context *ssl) {
    return (stls_bytes){ssl->P(in_hdr), ssl->P(in_left)};
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

/* Whether the library has read an alert, and reads on. True once for each. */
bool mbed_passed_over_alert(mbedtls_ssl_context *ssl, uint8_t *description) {
    uint8_t level;
    if (!mbed_received_alert(ssl, &level, description)) {
        return false;
    }
    ssl->P(in_msgtype) = 0; /* until the next record has one */
    return true;
}

/* The library takes three in a row, and calls the fourth a forged one. The core counts them. */
void mbed_forget_empty_records(mbedtls_ssl_context *ssl) {
    ssl->P(nb_zero) = 0;
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
    conn->ssl.P(conf) = &conn->handshake->conf;
}

/* The handshake is over, and with it the copy of the config. */
void mbed_leave_handshake(mbed_conn *conn) {
    conn->ssl.P(conf) = &conn->context->conf;
    conn->handshake = NULL;
}

/* --- Sessions --- */

/* That of a finished handshake; NULL: there is none yet. */
const mbedtls_ssl_session *mbed_session(const mbedtls_ssl_context *ssl) {
    return ssl->P(session);
}

/* After a full handshake a client's library keeps the ticket that it has offered in vain, beside
 * the new secrets, unless another one comes. */
void mbed_forget_ticket(mbedtls_ssl_context *ssl) {
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_session *session = ssl->P(session_negotiate);
    if (session != NULL && session->P(ticket) != NULL) {
        mbedtls_platform_zeroize(session->P(ticket), session->P(ticket_len));
        mbedtls_free(session->P(ticket));
        session->P(ticket) = NULL;
        session->P(ticket_len) = 0;
    }
#else
    (void)ssl;
#endif
}

/* Without the peer's certificate: the core keeps the chain, and the library could not read back
 * every leaf that a handshake has let through. */
int mbed_save_session(const mbedtls_ssl_session *session, uint8_t *out, size_t size, size_t *len) {
    mbedtls_ssl_session bare = *session;
    bare.P(peer_cert) = NULL;
    const int ret = mbedtls_ssl_session_save(&bare, out, size, len);
    mbedtls_platform_zeroize(&bare, sizeof bare);
    return ret;
}

uint16_t mbed_session_version(const mbedtls_ssl_session *session) {
    return (uint16_t)session->P(tls_version);
}

bool mbed_session_is_of_server(const mbedtls_ssl_session *session) {
    return session->P(endpoint) == MBEDTLS_SSL_IS_SERVER;
}

#if defined(MBED_HAS_RESUMPTION)
/* By a ticket, which must fit into what the library sends as one record, beside the rest of a
 * ClientHello. A session ID says little: the library's own servers give one that they forget. */
bool mbed_session_is_resumable(const mbedtls_ssl_session *session) {
    enum { HELLO_BESIDES = 1536 };
    return session->P(ticket_len) > 0 &&
           session->P(ticket_len) + HELLO_BESIDES <= MBEDTLS_SSL_OUT_CONTENT_LEN;
}

uint32_t mbed_session_lifetime(const mbedtls_ssl_session *session) {
    return session->P(ticket_lifetime);
}

/* The library ends a handshake of TLS 1.3 over a session of another host. */
bool mbed_session_has_host(const mbedtls_ssl_session *session, const char *name) {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (session->P(tls_version) == MBEDTLS_SSL_VERSION_TLS1_3) {
        const char *host = session->P(hostname);
        return host == NULL || name == NULL ? host == name : strcmp(host, name) == 0;
    }
#else
    (void)session, (void)name;
#endif
    return true;
}

/* The library's server of TLS 1.3 compares the age of a ticket with the client's idea of it, and
 * counts it on a clock that starts with the machine: no ticket would outlive that, or be good on
 * another node. The check is meant for early data (RFC 8446 section 8.3), which is off; until when
 * a ticket is good is in the core's record. So the ticket is as young as the client says. */
void mbed_set_ticket_age(mbedtls_ssl_session *session, uint32_t obfuscated_age) {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    session->P(ticket_age_add) = obfuscated_age;
#else
    (void)obfuscated_age;
#endif
#if defined(MBEDTLS_HAVE_TIME)
    session->P(ticket_creation_time) = mbedtls_ms_time();
#else
    (void)session;
#endif
}
#endif

/* --- Memory --- */

/* What the library's own structs take, which are not to be seen from outside: in 3.6, on a machine
 * of 64 bits, with AES-GCM. The sum was within a few per cent of what malloc had given out, before,
 * in and after handshakes of either version, with and without certificates of the peer. */
enum {
    BUFFER_OVERHEAD = 381,
    HANDSHAKE_SIZE = 4000,
    TRANSFORM_SIZE = 2000,
    PARSED_CERTIFICATE_SIZE = 600, /* names, key and the like, besides its struct and its bytes */
};

static size_t session_memory(const mbedtls_ssl_session *session) {
    size_t size = 0;
    if (session != NULL) {
        size += sizeof *session;
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
        size += session->P(ticket_len);
#endif
        for (const mbedtls_x509_crt *p = session->P(peer_cert); p != NULL; p = p->next) {
            size += sizeof *p + p->raw.len + PARSED_CERTIFICATE_SIZE;
        }
    }
    return size;
}

static size_t keys_memory(const mbedtls_ssl_context *ssl) {
    size_t transforms = ssl->P(transform) != NULL ? 1 : 0;
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    if (ssl->P(transform_application) != NULL) {
        transforms += 2; /* and that of the handshake, which the library keeps */
    }
#endif
    return transforms * TRANSFORM_SIZE;
}

size_t mbed_conn_memory(void *block) {
    const mbed_conn *conn = block;
    const mbedtls_ssl_context *ssl = &conn->ssl;
    size_t size = session_memory(ssl->P(session)) + session_memory(ssl->P(session_negotiate)) +
                  keys_memory(ssl);
    size += ssl->P(in_buf) != NULL ? MBEDTLS_SSL_IN_CONTENT_LEN + BUFFER_OVERHEAD : 0u;
    size += ssl->P(out_buf) != NULL ? MBEDTLS_SSL_OUT_CONTENT_LEN + BUFFER_OVERHEAD : 0u;
    size += ssl->P(handshake) != NULL ? HANDSHAKE_SIZE : 0u;
    return size;
}
