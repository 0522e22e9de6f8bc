/* backends/mbedtls/conn.c - one connection.
 *
 * The handshake is a loop of mbedtls_ssl_handshake_step(), one state each. The step that reads the
 * peer's certificates only parses them; then, before the next step, the verify upcall judges the
 * exact bytes, which are still in the input buffer. Nothing of ours that depends on them has been
 * written. A server's library also builds a chain of what it got and checks signatures in it, which
 * nobody needs; two ways around that are in keep_off_the_chain().
 *
 * What mbedTLS does not say: which alert it sends. In the clear it is read off the record; while
 * the peer's certificates are read, the library's alert goes nowhere and ours is sent instead; else
 * it is known from the error. Where the library fails without an alert, we send one.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/ecp.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform.h>
#include <mbedtls/rsa.h>

#include <stdio.h>
#include <string.h>

enum {
    ALERT_UNEXPECTED_MESSAGE = 10,
    ALERT_RECORD_OVERFLOW = 22,
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_CERTIFICATE_UNKNOWN = 46,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_DECRYPT_ERROR = 51,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_NO_RENEGOTIATION = 100,
    ALERT_CERTIFICATE_REQUIRED = 116,
    NO_ALERT = -1,
};
enum { HEADER = 5 }; /* of a record */

static bool is_tls1_3(const mbed_conn *conn) {
    return mbedtls_ssl_get_version_number(&conn->ssl) == MBEDTLS_SSL_VERSION_TLS1_3;
}

static bool is_server(const mbed_conn *conn) {
    return conn->context->role == STLS_ROLE_SERVER;
}

/* --- Failing --- */

/* The library goes on after a fatal error if it is called again: it is not. */
static stls_be_status latch(mbed_conn *conn, stls_be_status status, stls_be_cause cause, int code,
                            const char *text) {
    conn->broken = mbed_fail(conn->failure, status, cause, code, text);
    return conn->broken;
}

static void tell_alert(mbed_conn *conn, bool sent, bool fatal, int description) {
    conn->upcalls->alert(conn->core, sent, fatal, (uint8_t)description);
}

/* Our own fatal alert, under the keys that the peer expects in `state`. */
static void send_fatal(mbed_conn *conn, int state, int description) {
    if (conn->io_failed || mbed_flush(&conn->ssl) != 0) {
        return;
    }
    mbed_lend_keys(conn, state);
    conn->alert_seen = NO_ALERT;
    if (mbedtls_ssl_send_alert_message(&conn->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       (unsigned char)description) == 0 &&
        conn->alert_seen == NO_ALERT) { /* else bio_send has told of it */
        tell_alert(conn, true, true, description);
    }
}

/* What an error of the library means: why, and which alert belongs to it. */
typedef struct meaning {
    int code;
    stls_be_cause cause;
    int alert;
} meaning;

static meaning meaning_of(int code) {
    static const meaning meanings[] = {
        {MBEDTLS_ERR_SSL_INVALID_MAC, STLS_BE_CAUSE_PROTOCOL, 20},
        {MBEDTLS_ERR_SSL_INVALID_RECORD, STLS_BE_CAUSE_PROTOCOL, ALERT_DECODE_ERROR},
        {MBEDTLS_ERR_SSL_BAD_INPUT_DATA, STLS_BE_CAUSE_PROTOCOL, ALERT_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_SSL_UNEXPECTED_RECORD, STLS_BE_CAUSE_PROTOCOL, ALERT_UNEXPECTED_MESSAGE},
        {MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE, STLS_BE_CAUSE_PROTOCOL, ALERT_UNEXPECTED_MESSAGE},
        {MBEDTLS_ERR_SSL_DECODE_ERROR, STLS_BE_CAUSE_PROTOCOL, ALERT_DECODE_ERROR},
        {MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER, STLS_BE_CAUSE_PROTOCOL, ALERT_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION, STLS_BE_CAUSE_PROTOCOL, 110},
        {MBEDTLS_ERR_SSL_BAD_CERTIFICATE, STLS_BE_CAUSE_PROTOCOL, ALERT_BAD_CERTIFICATE},
        {MBEDTLS_ERR_SSL_PK_TYPE_MISMATCH, STLS_BE_CAUSE_PROTOCOL, ALERT_ILLEGAL_PARAMETER},
        {MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE, STLS_BE_CAUSE_PROTOCOL, ALERT_HANDSHAKE_FAILURE},
        {MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, STLS_BE_CAUSE_PROTOCOL, ALERT_DECODE_ERROR},
        {MBEDTLS_ERR_ECP_VERIFY_FAILED, STLS_BE_CAUSE_PROTOCOL, ALERT_DECRYPT_ERROR},
        {MBEDTLS_ERR_RSA_VERIFY_FAILED, STLS_BE_CAUSE_PROTOCOL, ALERT_DECRYPT_ERROR},
        {MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION, STLS_BE_CAUSE_NOTHING_SHARED, 70},
        {MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL, STLS_BE_CAUSE_NOTHING_SHARED, 120},
        {MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE, STLS_BE_CAUSE_NO_CERTIFICATE,
         ALERT_HANDSHAKE_FAILURE},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].code == code) {
            return meanings[i];
        }
    }
    /* The modules for keys and certificates (X509, PK, RSA, ECP, ...): what the peer sent. */
    if (code < -0x2000 && code > -0x5000 && !mbed_is_no_memory(code)) {
        return (meaning){code, STLS_BE_CAUSE_PROTOCOL, ALERT_ILLEGAL_PARAMETER};
    }
    return (meaning){code, STLS_BE_CAUSE_UNKNOWN, ALERT_INTERNAL_ERROR};
}

/* The same, where what has been received tells more. */
static meaning meaning_here(const mbed_conn *conn, int code) {
    enum { LONGEST = 16384 + 2048 };
    const stls_bytes record = mbed_record_coming(&conn->ssl);
    const bool is_header = record.len >= HEADER;
    if (code == MBEDTLS_ERR_SSL_INVALID_RECORD && is_header &&
        (record.data[0] < MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC ||
         record.data[0] > MBEDTLS_SSL_MSG_APPLICATION_DATA)) {
        return (meaning){code, STLS_BE_CAUSE_PROTOCOL, ALERT_UNEXPECTED_MESSAGE};
    }
    /* BAD_INPUT_DATA: its length is more than the input buffer holds. */
    if ((code == MBEDTLS_ERR_SSL_INVALID_RECORD || code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA) &&
        is_header && (record.data[3] << 8 | record.data[4]) > LONGEST) {
        return (meaning){code, STLS_BE_CAUSE_PROTOCOL, ALERT_RECORD_OVERFLOW};
    }
    if (code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && mbed_is_amid_message(&conn->ssl)) {
        return (meaning){code, STLS_BE_CAUSE_TOO_LONG, ALERT_DECODE_ERROR};
    }
    return meaning_of(code);
}

/* HANDSHAKE_FAILURE has many senses. From a server that still works on the ClientHello it is: no
 * suite, group or scheme in common; but if it sends decrypt_error, a session's binder is wrong. */
static bool is_choosing(const mbed_conn *conn, int state) {
    return is_server(conn) &&
           (state == MBEDTLS_SSL_CLIENT_HELLO || state == MBEDTLS_SSL_HELLO_RETRY_REQUEST ||
            state == MBEDTLS_SSL_SERVER_HELLO || state == MBEDTLS_SSL_SERVER_CERTIFICATE ||
            state == MBEDTLS_SSL_SERVER_KEY_EXCHANGE);
}

/* Whether the library has sent a fatal alert in the call that just failed, and which. Anything that
 * a failed call of TLS 1.3 sends is an alert; in TLS 1.2 the record type shows it. */
static int alert_of_the_library(const mbed_conn *conn, int code) {
    if (conn->alert_seen != NO_ALERT) {
        return conn->alert_seen;
    }
    if (is_tls1_3(conn) ? conn->sends == 0 : !conn->alert_hidden) {
        return NO_ALERT;
    }
    if (is_tls1_3(conn) && code != MBEDTLS_ERR_SSL_INVALID_MAC &&
        mbed_pended_alert(&conn->ssl) >= 0) {
        return mbed_pended_alert(&conn->ssl);
    }
    if (code == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE) { /* TLS 1.2, encrypted: a wrong Finished */
        return ALERT_DECRYPT_ERROR;
    }
    return meaning_here(conn, code).alert;
}

/* The peer's alert. */
static stls_be_status fail_by_alert(mbed_conn *conn, int code, int description) {
    char text[STLS_BE_TEXT_SIZE];
    tell_alert(conn, false, true, description);
    snprintf(text, sizeof text, "the peer sent alert %d", description);
    return latch(conn, STLS_BE_FAILED, STLS_BE_CAUSE_ALERT, code, text);
}

/* The general way to fail, after a call of the library in `state` that answered `code`. */
static stls_be_status fail(mbed_conn *conn, int state, int code) {
    uint8_t level, description;
    int alert;
    meaning what = meaning_here(conn, code);
    if (conn->io_failed) {
        return latch(conn, STLS_BE_FAILED, STLS_BE_CAUSE_TRANSPORT, code, NULL);
    }
    if (code == MBEDTLS_ERR_SSL_CONN_EOF) {
        return latch(conn, STLS_BE_EOF, STLS_BE_CAUSE_TRANSPORT, code, NULL);
    }
    if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        tell_alert(conn, false, false, 0);
        return latch(conn, STLS_BE_CLOSED, STLS_BE_CAUSE_ALERT, code, NULL);
    }
    if (code == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE &&
        mbed_received_alert(&conn->ssl, &level, &description)) {
        return fail_by_alert(conn, code, description);
    }
    alert = alert_of_the_library(conn, code);
    if (alert == NO_ALERT) {
        send_fatal(conn, state, what.alert);
    } else if (conn->alert_seen == NO_ALERT) {
        tell_alert(conn, true, true, alert);
    }
    if (code == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE && is_choosing(conn, state) &&
        alert != ALERT_DECRYPT_ERROR) {
        what.cause = STLS_BE_CAUSE_NOTHING_SHARED;
    }
    return latch(conn, STLS_BE_FAILED, what.cause, code, NULL);
}

/* --- Transport --- */

/* The library writes each message of the handshake as one record, also where it has agreed to
 * shorter ones (RFC 6066 section 4). What is in the clear can be cut. */
static size_t record_max(const mbed_conn *conn, const unsigned char *record, size_t len) {
    const mbed_handshake *handshake = conn->handshake;
    const bool is_one = len >= HEADER && (size_t)(record[3] << 8 | record[4]) == len - HEADER;
    return is_one && record[0] == MBEDTLS_SSL_MSG_HANDSHAKE && handshake != NULL &&
                   handshake->max_fragment > 0 && !handshake->ciphered
               ? HEADER + handshake->max_fragment
               : len;
}

static stls_be_status send_record(mbed_conn *conn, const unsigned char *record, size_t len) {
    const size_t max = record_max(conn, record, len);
    stls_be_status status = STLS_BE_OK;
    if (len <= max) {
        return conn->upcalls->send(conn->core, record, len);
    }
    for (size_t at = HEADER; status == STLS_BE_OK && at < len; at += max - HEADER) {
        const size_t part = len - at < max - HEADER ? len - at : max - HEADER;
        const unsigned char header[HEADER] = {record[0], record[1], record[2],
                                              (unsigned char)(part >> 8), (unsigned char)part};
        status = conn->upcalls->send(conn->core, header, sizeof header);
        if (status == STLS_BE_OK) {
            status = conn->upcalls->send(conn->core, record + at, part);
        }
    }
    return status;
}

static int bio_send(void *context, const unsigned char *data, size_t len) {
    enum { ALERT = MBEDTLS_SSL_MSG_ALERT, CLEAR_LEN = HEADER + 2 };
    mbed_conn *conn = context;
    const bool is_alert = len >= CLEAR_LEN && data[0] == ALERT;
    conn->sends++;
    if (!conn->muted && send_record(conn, data, len) != STLS_BE_OK) {
        conn->io_failed = true;
        return MBEDTLS_ERR_NET_SEND_FAILED;
    }
    if (conn->handshake != NULL && len > 0) {
        conn->handshake->ciphered |= data[0] == MBEDTLS_SSL_MSG_CHANGE_CIPHER_SPEC;
    }
    /* The library sends an alert as a record alone. */
    if (is_alert && len == CLEAR_LEN) {
        conn->alert_seen = data[6];
        if (!conn->muted) {
            tell_alert(conn, true, data[5] == MBEDTLS_SSL_ALERT_LEVEL_FATAL, data[6]);
        }
    } else if (is_alert) {
        conn->alert_hidden = true;
    }
    return (int)len;
}

/* See make_narrowed_lists(): the library is about to choose a suite. */
static void look_at_client_hello(mbed_conn *conn) {
    const stls_be_hello *hello;
    const int *list;
    if (conn->narrowed || conn->context->narrowed_stride == 0) {
        return;
    }
    hello = conn->upcalls->hello(conn->core);
    conn->narrowed = hello != NULL;
    list = hello != NULL ? mbed_narrowed_suites(conn->context, hello->suites) : NULL;
    if (list != NULL) {
        mbedtls_ssl_conf_ciphersuites(&conn->handshake->conf, list);
    }
}

static int bio_recv(void *context, unsigned char *data, size_t size) {
    mbed_conn *conn = context;
    size_t got = 0;
    uint8_t description;
    if (conn->alert_hidden) { /* it reads on, so that was a warning, and it has one only */
        tell_alert(conn, true, false, ALERT_NO_RENEGOTIATION);
        conn->alert_hidden = false;
    }
    if (mbed_passed_over_alert(&conn->ssl, &description)) {
        tell_alert(conn, false, false, description);
    }
    switch (conn->upcalls->recv(conn->core, data, size, &got)) {
    case STLS_BE_OK:
        look_at_client_hello(conn);
        return (int)got;
    case STLS_BE_WANT_READ:
        conn->recv_blocked = true;
        return MBEDTLS_ERR_SSL_WANT_READ;
    case STLS_BE_EOF:
        conn->recv_ended = true;
        return 0;
    default:
        conn->io_failed = true;
        return MBEDTLS_ERR_NET_RECV_FAILED;
    }
}

static void before_call(mbed_conn *conn) {
    conn->recv_blocked = false;
    conn->recv_ended = false;
    conn->sends = 0;
    conn->alert_hidden = false;
    conn->alert_seen = NO_ALERT;
}

/* --- Select --- */

static int select_for(mbed_conn *conn, stls_bytes server_name) {
    mbedtls_ssl_context *ssl = &conn->ssl;
    const stls_be_selection selection = conn->upcalls->select(conn->core, server_name);
    if (!selection.accept) {
        conn->refused = true;
        conn->refusal = selection.alert;
        return MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME;
    }
    conn->client_auth = selection.client_auth;
    mbedtls_ssl_set_hs_authmode(ssl, selection.client_auth == STLS_BE_CLIENT_AUTH_NONE
                                         ? MBEDTLS_SSL_VERIFY_NONE
                                         : MBEDTLS_SSL_VERIFY_OPTIONAL);
    /* The library appends to a list and takes the first that fits: start over. */
    conn->credential = selection.credential;
    (void)mbedtls_ssl_set_hs_own_cert(ssl, NULL, NULL);
    return conn->credential == NULL
               ? 0
               : mbedtls_ssl_set_hs_own_cert(ssl, conn->credential->chain, conn->credential->key);
}

/* Makes the select upcall, if it is wanted and was not made for this ClientHello yet. The name is
 * the core's: when a ticket asks for it, the library may not have come to it. */
int mbed_select_once(mbed_conn *conn) {
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    if (conn->refused) {
        return MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME;
    }
    if (!conn->context->select || conn->selected) {
        return 0;
    }
    if (hello == NULL) {
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    }
    conn->selected = true;
    return select_for(conn, hello->server_name);
}

/* The library's certificate callback: once for each ClientHello, with or without a server name. */
int mbed_select(mbedtls_ssl_context *ssl) {
    return mbed_select_once(mbedtls_ssl_get_user_data_p(ssl));
}

/* --- Verdict --- */

static bool reads_certificates(const mbed_conn *conn, int state) {
    return is_server(conn) ? state == MBEDTLS_SSL_CLIENT_CERTIFICATE &&
                                 conn->client_auth != STLS_BE_CLIENT_AUTH_NONE
                           : state == MBEDTLS_SSL_SERVER_CERTIFICATE;
}

static stls_be_status reject(mbed_conn *conn, int state, stls_be_decision decision, int code) {
    send_fatal(conn, state, decision.alert);
    return latch(conn, STLS_BE_FAILED, STLS_BE_CAUSE_VERIFY, code, code == 0 ? "" : NULL);
}

static stls_be_status refuse(mbed_conn *conn, int state, int alert, stls_be_cause cause, int code,
                             const char *text) {
    send_fatal(conn, state, alert);
    return latch(conn, STLS_BE_FAILED, cause, code, text);
}

static stls_be_status report_unreadable(mbed_conn *conn, int state, const stls_bytes *chain,
                                        size_t count, size_t index, int code) {
    const uint16_t version = (uint16_t)mbedtls_ssl_get_version_number(&conn->ssl);
    conn->judged = true;
    return reject(conn, state, conn->upcalls->unreadable(conn->core, version, chain, count, index),
                  code);
}

static stls_be_status refuse_long_chain(mbed_conn *conn, int state, size_t bytes, size_t limit,
                                        int code) {
    char text[STLS_BE_TEXT_SIZE];
    snprintf(text, sizeof text, "the peer's certificates take %zu bytes; the limit is %zu", bytes,
             limit);
    return refuse(conn, state, ALERT_CERTIFICATE_UNKNOWN, STLS_BE_CAUSE_TOO_LONG, code, text);
}

/* Reads what the peer sent, exactly, out of the Certificate message in the input buffer. */
static bool read_wire_chain(const mbed_conn *conn, stls_bytes *chain, size_t *count) {
    const stls_bytes message = mbed_message(&conn->ssl, MBED_MSG_CERTIFICATE);
    return message.data != NULL && mbed_wire_certificates(message, is_tls1_3(conn), chain, count);
}

/* The keys that the library has decoded. Its list has the same order, but some may be missing. */
static void find_keys(mbedtls_x509_crt *known, const stls_bytes *chain, size_t count, void **keys) {
    for (size_t i = 0; i < count; i++) {
        keys[i] = NULL;
        if (known != NULL && known->raw.len == chain[i].len &&
            memcmp(known->raw.p, chain[i].data, chain[i].len) == 0) {
            keys[i] = &known->pk;
            known = known->next;
        }
    }
}

/* Of the peer's key, for the signature that follows. */
static void learn_curve(mbed_handshake *handshake, const mbedtls_pk_context *key) {
    handshake->has_curve = false;
    handshake->curve = 0;
#if defined(MBEDTLS_ECP_C)
    if (key != NULL && mbedtls_pk_can_do(key, MBEDTLS_PK_ECKEY)) {
        const mbedtls_ecp_group_id id = mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*key));
        const mbedtls_ecp_curve_info *info = mbedtls_ecp_curve_info_from_grp_id(id);
        handshake->has_curve = true;
        handshake->curve = info != NULL ? info->tls_id : 0;
    }
#else
    (void)key;
#endif
}

/* After the step that read the certificates; `state` is that step's. */
static stls_be_status judge(mbed_conn *conn, int state) {
    const uint16_t version = (uint16_t)mbedtls_ssl_get_version_number(&conn->ssl);
    stls_bytes chain[MBED_CHAIN_MAX];
    void *keys[MBED_CHAIN_MAX];
    stls_be_decision decision;
    size_t count = 0, bytes = 0;
    if (conn->judged || !read_wire_chain(conn, chain, &count)) {
        return refuse(conn, state, ALERT_INTERNAL_ERROR, STLS_BE_CAUSE_UNKNOWN,
                      MBEDTLS_ERR_SSL_INTERNAL_ERROR, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        bytes += chain[i].len;
    }
    if (conn->context->chain_bytes_max != 0 && bytes > conn->context->chain_bytes_max) {
        return refuse_long_chain(conn, state, bytes, conn->context->chain_bytes_max, 0);
    }
    find_keys(mbed_peer_chain(&conn->ssl), chain, count, keys);
    if (count > 0 && keys[0] == NULL) {
        /* The library passed over the leaf (an unknown signature algorithm): it would take another
         * certificate's key for the peer's. */
        return report_unreadable(conn, state, chain, count, 0, MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG);
    }
    conn->judged = true;
    learn_curve(conn->handshake, count > 0 ? keys[0] : NULL);
    decision = conn->upcalls->verify(conn->core, version, chain, keys, count);
    if (!decision.accept) {
        return reject(conn, state, decision, 0);
    }
    conn->accepted = true;
    return STLS_BE_OK;
}

#if defined(SIPTLS_MBEDTLS_PARSE_HOOK)
static int ignore_extension(void *context, const mbedtls_x509_crt *certificate,
                            const mbedtls_x509_buf *oid, int critical, const unsigned char *data,
                            const unsigned char *end) {
    (void)context, (void)certificate, (void)oid, (void)critical, (void)data, (void)end;
    return 0;
}
#endif

/* Whether the library stumbles over this certificate in a handshake. */
static int try_certificate(stls_bytes der, bool is_leaf, bool is_last, bool tls1_3) {
    mbedtls_x509_crt certificate;
    int ret;
    mbedtls_x509_crt_init(&certificate);
#if defined(SIPTLS_MBEDTLS_PARSE_HOOK)
    (void)is_last, (void)tls1_3;
    ret = !is_leaf ? 0
                   : mbedtls_x509_crt_parse_der_with_ext_cb(&certificate, der.data, der.len, 1,
                                                            ignore_extension, NULL);
#else
    ret = mbedtls_x509_crt_parse_der(&certificate, der.data, der.len);
    /* An unknown signature algorithm is passed over, but not at the end of a list of TLS 1.3; and
     * the leaf is needed. */
    if (ret == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG + MBEDTLS_ERR_OID_NOT_FOUND && !is_leaf &&
        !(is_last && tls1_3)) {
        ret = 0;
    }
#endif
    mbedtls_x509_crt_free(&certificate);
    return ret;
}

/* The step that read the certificates failed with `code`. Its alert, if any, went nowhere: finds
 * out which certificate it was, and sends the alert that the core wants, or the library's. */
static stls_be_status fail_to_read(mbed_conn *conn, int state, int code) {
    stls_bytes chain[MBED_CHAIN_MAX];
    size_t count = 0;
    const bool is_complete = read_wire_chain(conn, chain, &count);
    const int alert = alert_of_the_library(conn, code);
    int found = 0;
    before_call(conn);
    if (is_complete && count == 0 && code == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE) {
        const stls_be_status status = judge(conn, state); /* see keep_off_the_chain() */
        return status != STLS_BE_OK ? status
                                    : refuse(conn, state, ALERT_CERTIFICATE_REQUIRED,
                                             STLS_BE_CAUSE_NO_CERTIFICATE, code, NULL);
    }
    for (size_t i = 0; is_complete && !mbed_is_no_memory(code) && i < count; i++) {
        found = try_certificate(chain[i], i == 0, i + 1 == count, is_tls1_3(conn));
        if (found != 0 && !mbed_is_no_memory(found)) {
            return report_unreadable(conn, state, chain, count, i, found);
        }
    }
    if (is_complete && code == MBEDTLS_ERR_X509_FATAL_ERROR) { /* mbed_describe() tells the limit */
        return refuse(conn, state, ALERT_BAD_CERTIFICATE, STLS_BE_CAUSE_UNREADABLE, code,
                      "the peer's chain is longer than this mbedTLS reads");
    }
    if (alert != NO_ALERT && code != MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        const stls_be_cause cause = meaning_of(code).cause;
        return refuse(conn, state, alert, cause, code, NULL);
    }
    return fail(conn, state, code);
}

/* --- The handshake --- */

#if defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
/* The library's CA callback, asked for possible issuers of the leaf. It names none, and takes the
 * rest of the list off the leaf, so that the library gives up building a chain. */
static int cut_chain(void *context, const mbedtls_x509_crt *child, mbedtls_x509_crt **candidates) {
    mbed_conn *conn = context;
    /* An object of the library's own list, which is const here only in passing. */
    mbedtls_x509_crt *leaf = (mbedtls_x509_crt *)(uintptr_t)child;
    *candidates = NULL;
    if (conn->handshake->cut == NULL) {
        conn->handshake->cut_from = leaf;
        conn->handshake->cut = leaf->next;
        leaf->next = NULL;
    }
    return 0;
}
#endif

/* Puts it back. If the step failed, the library may have freed the leaf. */
static void mend_chain(mbed_conn *conn) {
    if (conn->handshake->cut != NULL && mbed_peer_chain(&conn->ssl) == conn->handshake->cut_from) {
        conn->handshake->cut_from->next = conn->handshake->cut;
    } else if (conn->handshake->cut != NULL) {
        mbedtls_x509_crt_free(conn->handshake->cut);
        mbedtls_free(conn->handshake->cut);
    }
    conn->handshake->cut = NULL;
    conn->handshake->cut_from = NULL;
}

/* A server's library would check the signatures in the client's chain, for nothing, and fail if it
 * is long. With the CA callback it does not get to see it; without, it does not look if told so
 * now, in TLS 1.3, but then insists on a certificate. That leaves, for such builds, the cases where
 * none is required, and TLS 1.2: there it checks. */
static void keep_off_the_chain(mbed_conn *conn) {
#if defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
    (void)conn; /* mbed_conn_init() has set the callback */
#else
    if (is_server(conn) && is_tls1_3(conn) && conn->client_auth == STLS_BE_CLIENT_AUTH_REQUIRED) {
        mbedtls_ssl_set_hs_authmode(&conn->ssl, MBEDTLS_SSL_VERIFY_NONE);
    }
#endif
}

static bool uses_ecdhe(const mbedtls_ssl_context *ssl) {
    const mbedtls_ssl_ciphersuite_t *suite = mbedtls_ssl_ciphersuite_from_id(mbed_suite(ssl));
    return suite != NULL && (mbed_key_exchange(suite) == MBEDTLS_KEY_EXCHANGE_ECDHE_RSA ||
                             mbed_key_exchange(suite) == MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA);
}

/* In TLS 1.2 whether this handshake has the extended master secret, and how long its records may
 * be; in TLS 1.3 the group. */
static void learn_from_hellos(mbed_conn *conn) {
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    if (is_tls1_3(conn)) {
        conn->group = hello != NULL ? hello->group : 0;
    } else {
        conn->handshake->max_fragment = hello != NULL && is_server(conn) ? hello->max_fragment : 0;
#if defined(MBEDTLS_SSL_EXTENDED_MASTER_SECRET)
        conn->extended_master = hello != NULL && hello->extended_master;
#endif
    }
}

static void learn_from_key_exchange(mbed_conn *conn) {
    const mbedtls_ssl_context *ssl = &conn->ssl;
    if (uses_ecdhe(ssl)) {
        const stls_bytes message = is_server(conn)
                                       ? mbed_message_sent(ssl, MBED_MSG_SERVER_KEY_EXCHANGE)
                                       : mbed_message(ssl, MBED_MSG_SERVER_KEY_EXCHANGE);
        conn->group = mbed_wire_ecdhe_group(message);
        conn->scheme = is_server(conn) ? 0 : mbed_wire_ecdhe_scheme(message);
    }
}

static void learn_from_certificate_verify(mbed_conn *conn) {
    conn->scheme = mbed_wire_verify_scheme(mbed_message(&conn->ssl, MBED_MSG_CERTIFICATE_VERIFY));
}

/* What only the message tells that a successful step has read or written: group and scheme, and
 * what resumption needs to know. */
static void learn(mbed_conn *conn, int state) {
    switch (state) {
    case MBEDTLS_SSL_CLIENT_HELLO:
    case MBEDTLS_SSL_SERVER_HELLO:
        if (is_server(conn) == (state == MBEDTLS_SSL_CLIENT_HELLO)) {
            learn_from_hellos(conn);
        }
        break;
    case MBEDTLS_SSL_ENCRYPTED_EXTENSIONS: /* a server: the ServerHello left before */
        if (is_server(conn)) {
            learn_from_hellos(conn);
        }
        break;
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
        conn->full = true;
        if (!is_server(conn)) {
            mbed_forget_ticket(&conn->ssl);
        }
        break;
    case MBEDTLS_SSL_SERVER_KEY_EXCHANGE:
        learn_from_key_exchange(conn);
        break;
    case MBEDTLS_SSL_CERTIFICATE_VERIFY: /* in TLS 1.3 the server's */
        if (is_server(conn) != is_tls1_3(conn)) {
            learn_from_certificate_verify(conn);
        }
        break;
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
        if (is_server(conn)) {
            learn_from_certificate_verify(conn);
        }
        break;
    case MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC:
    case MBEDTLS_SSL_NEW_SESSION_TICKET:
        /* A client of TLS 1.2 reads the server's ticket in the step for ChangeCipherSpec, which
         * then comes once more. */
        conn->ticket_came |=
            !is_server(conn) && mbed_state(&conn->ssl) == MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC;
        break;
    default:
        break;
    }
}

static stls_be_status fail_step(mbed_conn *conn, int state, int code) {
    const size_t announced = mbed_message_announced(&conn->ssl, MBED_MSG_CERTIFICATE);
    if (conn->refused) {
        return refuse(conn, state, conn->refusal, STLS_BE_CAUSE_SELECT, 0, "");
    }
    /* More than the input buffer holds. (A client of TLS 1.3 reads it in the state before.) */
    if (code == MBEDTLS_ERR_SSL_BAD_INPUT_DATA && announced > MBEDTLS_SSL_IN_CONTENT_LEN) {
        return refuse_long_chain(conn, state, announced, MBEDTLS_SSL_IN_CONTENT_LEN, code);
    }
    if (reads_certificates(conn, state) && !conn->io_failed) {
        return fail_to_read(conn, state, code);
    }
    return fail(conn, state, code);
}

/* The library asks for each ticket of TLS 1.3 in a step of its own. */
static void send_no_tickets(mbed_conn *conn) {
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) && defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_conf_new_session_tickets(&conn->handshake->conf, 0);
#else
    (void)conn;
#endif
}

/* RFC 7627 section 5.3: a client must not go on if a server resumes a session that had the
 * extension without it, or the reverse. */
static bool resumes_other_master(const mbed_conn *conn, int state) {
    return state == MBEDTLS_SSL_SERVER_HELLO && !is_server(conn) && !is_tls1_3(conn) &&
           mbed_state(&conn->ssl) == MBEDTLS_SSL_SERVER_CHANGE_CIPHER_SPEC &&
           conn->extended_master != conn->session_extended;
}

/* RFC 8446 section 4.2.3: each scheme of ECDSA is for one curve, where the library looks at the
 * hash only. */
static bool signs_with_other_curve(const mbed_conn *conn, int state) {
    static const struct {
        uint16_t scheme, curve;
    } schemes[] = {{0x0403, 23}, {0x0503, 24}, {0x0603, 25}};
    const int verifies =
        is_server(conn) ? MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY : MBEDTLS_SSL_CERTIFICATE_VERIFY;
    if (!is_tls1_3(conn) || state != verifies || !conn->handshake->has_curve) {
        return false;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (schemes[i].scheme == conn->scheme) {
            return schemes[i].curve != conn->handshake->curve;
        }
    }
    return false; /* another kind of key, or none: the library has looked at that */
}

/* A server's library of TLS 1.2 takes what it can check, and its clients choose by the suite alone:
 * not by what the server has asked for (RFC 5246 section 7.4.8). */
static bool has_other_scheme(const mbed_conn *conn, int state) {
    const uint16_t *asked = conn->context->schemes;
    if (state != MBEDTLS_SSL_CERTIFICATE_VERIFY || !is_server(conn) || is_tls1_3(conn) ||
        conn->scheme == 0 || asked == NULL) {
        return false;
    }
    while (*asked != 0 && *asked != conn->scheme) {
        asked++;
    }
    return *asked == 0;
}

/* One state of the handshake. OK: on to the next. */
static stls_be_status step(mbed_conn *conn) {
    const int state = mbed_state(&conn->ssl);
    const bool reads = reads_certificates(conn, state);
    int ret;
    before_call(conn);
    ret = mbed_flush(&conn->ssl);
    if (ret != 0) {
        return fail(conn, state, ret);
    }
    before_call(conn);
    if (state == MBEDTLS_SSL_CLIENT_HELLO) {
        conn->selected = false;
    }
    if (reads) {
        keep_off_the_chain(conn);
    }
    mbed_lend_keys(conn, state);
    conn->muted = reads;
    ret = mbedtls_ssl_handshake_step(&conn->ssl);
    conn->muted = false;
    mend_chain(conn);
    if (ret == 0 || ret == MBEDTLS_ERR_SSL_WANT_READ) {
        mbed_take_back_keys(conn);
    }
    if (ret == MBEDTLS_ERR_SSL_WANT_READ) {
        return conn->recv_blocked ? STLS_BE_WANT_READ : STLS_BE_OK;
    }
    if (ret != 0 && conn->ticket_withheld) { /* TLS 1.3 */
        conn->ticket_withheld = false;
        send_no_tickets(conn);
        return STLS_BE_OK;
    }
    if (ret != 0) {
        return fail_step(conn, state, ret);
    }
    learn(conn, state);
    if (resumes_other_master(conn, state)) {
        return refuse(conn, state, ALERT_HANDSHAKE_FAILURE, STLS_BE_CAUSE_PROTOCOL, 0,
                      "resumed with and without extended master secret");
    }
    if (signs_with_other_curve(conn, state)) {
        return refuse(conn, state, ALERT_ILLEGAL_PARAMETER, STLS_BE_CAUSE_PROTOCOL, 0,
                      "the signature scheme is for another curve than the peer's key has");
    }
    if (has_other_scheme(conn, state)) {
        return refuse(conn, state, ALERT_ILLEGAL_PARAMETER, STLS_BE_CAUSE_PROTOCOL, 0,
                      "the client has signed by a scheme that it was not asked for");
    }
    return reads ? judge(conn, state) : STLS_BE_OK;
}

/* A handshake without a verdict is complete only if nobody was to be judged, or if a session is
 * resumed that this side has offered or agreed to. */
static bool may_complete(const mbed_conn *conn) {
    if (conn->full) {
        return conn->accepted || (is_server(conn) && conn->client_auth == STLS_BE_CLIENT_AUTH_NONE);
    }
    return !conn->judged && (is_server(conn) ? conn->ticket_opened : conn->offered);
}

/* A session of TLS 1.2 is there with the handshake, unless it is the one that was offered. */
static void finish(mbed_conn *conn) {
    conn->handshake_done = true;
    if (!is_server(conn) && !is_tls1_3(conn) && (conn->full || conn->ticket_came)) {
        mbed_tell_session(conn);
    }
    mbed_leave_handshake(conn);
}

stls_be_status mbed_conn_handshake(void *block, stls_be_failure *failure) {
    mbed_conn *conn = block;
    stls_be_status status = conn->broken;
    conn->failure = failure;
    while (status == STLS_BE_OK && mbed_state(&conn->ssl) != MBEDTLS_SSL_HANDSHAKE_OVER) {
        status = step(conn);
    }
    if (status == STLS_BE_OK && !may_complete(conn)) {
        /* Cannot happen: a handshake that went past the verdict. */
        status = latch(conn, STLS_BE_FAILED, STLS_BE_CAUSE_UNKNOWN, MBEDTLS_ERR_SSL_INTERNAL_ERROR,
                       NULL);
    }
    if (status == STLS_BE_OK && !conn->handshake_done) {
        finish(conn);
    }
    return status;
}

/* --- Data --- */

static stls_be_status fail_read(mbed_conn *conn, int code) {
    if (code == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        tell_alert(conn, false, false, 0);
        conn->read_end = STLS_BE_CLOSED; /* writing goes on */
        return STLS_BE_CLOSED;
    }
    if (code == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE && mbed_got_key_update(&conn->ssl)) {
        return refuse(conn, MBEDTLS_SSL_HANDSHAKE_OVER, ALERT_UNEXPECTED_MESSAGE,
                      STLS_BE_CAUSE_PROTOCOL, code,
                      "the peer sent a KeyUpdate, which mbedTLS cannot do");
    }
    return fail(conn, MBEDTLS_SSL_HANDSHAKE_OVER, code);
}

/* The library would go on with a handshake by itself, past the verdict. */
static stls_be_status check_ready(mbed_conn *conn, stls_be_failure *failure) {
    conn->failure = failure;
    if (conn->broken == STLS_BE_OK && !conn->handshake_done) {
        return mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_UNKNOWN, 0,
                         "the handshake is not complete");
    }
    return conn->broken;
}

stls_be_status mbed_conn_read(void *block, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure) {
    mbed_conn *conn = block;
    stls_be_status status = check_ready(conn, failure);
    int ret;
    if (status == STLS_BE_OK) {
        status = conn->read_end;
    }
    while (status == STLS_BE_OK) {
        before_call(conn);
        mbed_forget_empty_records(&conn->ssl);
        ret = mbedtls_ssl_read(&conn->ssl, data, size);
        if (ret > 0) {
            *got = (size_t)ret;
            return STLS_BE_OK;
        }
        if (ret == 0 && conn->recv_ended) {
            conn->read_end = STLS_BE_EOF;
            return STLS_BE_EOF;
        }
        if (ret == MBEDTLS_ERR_SSL_WANT_READ && conn->recv_blocked) {
            return STLS_BE_WANT_READ;
        }
        /* Else: an empty record, a ticket, or something left in the buffer. Once more. */
        if (ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
            mbed_tell_session(conn);
        } else if (ret != 0 && ret != MBEDTLS_ERR_SSL_WANT_READ) {
            status = fail_read(conn, ret);
        }
    }
    return status;
}

stls_be_status mbed_conn_write(void *block, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure) {
    mbed_conn *conn = block;
    const stls_be_status status = check_ready(conn, failure);
    int ret;
    if (status != STLS_BE_OK) {
        return status;
    }
    before_call(conn);
    ret = mbedtls_ssl_write(&conn->ssl, data, len);
    if (ret <= 0) {
        return fail(conn, MBEDTLS_SSL_HANDSHAKE_OVER, ret);
    }
    *taken = (size_t)ret;
    return STLS_BE_OK;
}

/* The library never holds more than one record. */
size_t mbed_conn_pending(void *block) {
    mbed_conn *conn = block;
    return conn->broken == STLS_BE_OK ? mbedtls_ssl_get_bytes_avail(&conn->ssl) : 0;
}

stls_be_status mbed_conn_close_notify(void *block, stls_be_failure *failure) {
    mbed_conn *conn = block;
    const stls_be_status status = check_ready(conn, failure);
    int ret;
    if (status != STLS_BE_OK || conn->close_sent) {
        return status;
    }
    before_call(conn);
    ret = mbedtls_ssl_close_notify(&conn->ssl);
    if (ret != 0) {
        return fail(conn, MBEDTLS_SSL_HANDSHAKE_OVER, ret);
    }
    conn->close_sent = true;
    tell_alert(conn, true, false, MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
    return STLS_BE_OK;
}

/* --- Beginning and end --- */

stls_be_status mbed_conn_init(void *block, const void *context_block,
                              const stls_be_conn_settings *settings, stls_be_failure *failure) {
    mbed_conn *conn = block;
    const mbed_context *context = context_block;
    stls_be_status status;
    int ret;
    mbedtls_ssl_init(&conn->ssl);
    conn->context = context;
    conn->handshake = settings->handshake;
    conn->handshake->conf = context->conf;
    conn->upcalls = settings->upcalls;
    conn->core = settings->core;
    conn->client_auth = context->client_auth;
    conn->credential = context->credential;
    conn->broken = conn->read_end = STLS_BE_OK;
#if defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
    mbedtls_ssl_conf_ca_cb(&conn->handshake->conf, cut_chain, conn);
#endif
    mbed_take_tickets(conn);
    ret = mbedtls_ssl_setup(&conn->ssl, &conn->handshake->conf);
    if (ret != 0) {
        mbed_mend_failed_setup(conn);
    } else {
        /* Must be called, if only with NULL. The name is checked by the verdict; this sends it. */
        ret = mbedtls_ssl_set_hostname(&conn->ssl, settings->server_name);
    }
    if (ret != 0) {
        return mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, ret, NULL);
    }
    mbedtls_ssl_set_user_data_p(&conn->ssl, conn);
    mbedtls_ssl_set_bio(&conn->ssl, conn, bio_send, bio_recv, NULL);
    mbed_log_keys(conn);
    status = mbed_offer_session(conn, settings->session, settings->server_name);
    return status == STLS_BE_OK ? status
                                : mbed_fail(failure, status, STLS_BE_CAUSE_UNKNOWN, 0, "no memory");
}

void mbed_conn_info(void *block, stls_be_info *info) {
    const mbed_conn *conn = block;
    *info = (stls_be_info){
        .version = (uint16_t)mbedtls_ssl_get_version_number(&conn->ssl),
        .suite = (uint16_t)mbed_suite(&conn->ssl),
        .group = conn->group,
        .scheme = conn->scheme,
        .resumed = conn->handshake_done && !conn->full,
    };
#if defined(MBEDTLS_SSL_ALPN)
    const char *protocol = mbedtls_ssl_get_alpn_protocol(&conn->ssl);
    if (protocol != NULL && strlen(protocol) <= sizeof info->alpn) {
        info->alpn_len = strlen(protocol);
        memcpy(info->alpn, protocol, info->alpn_len);
    }
#endif
}

void mbed_conn_fini(void *block) {
    mbed_conn *conn = block;
    mbedtls_ssl_free(&conn->ssl);
}
