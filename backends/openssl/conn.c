/* backends/openssl/conn.c - one connection: transport, handshake, data, and what went wrong.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/sslerr.h>

#include <limits.h>
#include <string.h>

/* --- The transport: a BIO on the upcalls --- */

static bool ossl_bio_send(ossl_conn *conn, const uint8_t *data, size_t len) {
    if (!conn->transport_failed && conn->upcalls->send(conn->core, data, len) != STLS_BE_OK) {
        conn->transport_failed = true;
    }
    return !conn->transport_failed;
}

/* In place of what OpenSSL writes: our alert, then nothing. False: OpenSSL's alert has to do. */
static bool ossl_bio_send_alert(ossl_conn *conn) {
    uint8_t record[OSSL_ALERT_RECORD_MAX];
    size_t len = conn->alert_left ? 0 : ossl_alert_record(conn, record);
    if (len == 0) {
        return conn->alert_left || conn->alert_deferred;
    }
    conn->alert_left = true;
    if (ossl_bio_send(conn, record, len)) {
        conn->upcalls->alert(conn->core, true, true, conn->alert);
    }
    return true;
}

static int ossl_bio_write(BIO *bio, const char *data, size_t len, size_t *written) {
    ossl_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ossl_chain_diagnose(conn);
    if (conn->alert_wanted && ossl_bio_send_alert(conn)) {
        *written = len;
        /* The flight that a deferred alert replaces ends here. */
        return conn->alert_deferred || conn->transport_failed ? -1 : 1;
    }
    *written = len;
    return ossl_bio_send(conn, (const uint8_t *)data, len) ? 1 : -1;
}

/* The end of file is kept in `eof` and told to OpenSSL as a mere error: it would answer the truth
 * with an alert that has no meaning. */
static int ossl_bio_read(BIO *bio, char *data, size_t size, size_t *got) {
    ossl_conn *conn = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (conn->eof || conn->transport_failed) {
        return -1;
    }
    switch (conn->upcalls->recv(conn->core, (uint8_t *)data, size, got)) {
    case STLS_BE_OK:
        return 1;
    case STLS_BE_WANT_READ:
        BIO_set_retry_read(bio);
        return -1;
    case STLS_BE_EOF:
        conn->eof = true;
        return -1;
    default:
        conn->transport_failed = true;
        return -1;
    }
}

static long ossl_bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int ossl_bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

ossl_conn *ossl_conn_of(const SSL *ssl) {
    BIO *bio = SSL_get_rbio(ssl);
    return bio != NULL ? BIO_get_data(bio) : NULL;
}

BIO_METHOD *ossl_bio_method_new(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "siptls");
    if (method != NULL && (BIO_meth_set_write_ex(method, ossl_bio_write) != 1 ||
                           BIO_meth_set_read_ex(method, ossl_bio_read) != 1 ||
                           BIO_meth_set_ctrl(method, ossl_bio_ctrl) != 1 ||
                           BIO_meth_set_create(method, ossl_bio_create) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* --- What OpenSSL tells while it works --- */

static void ossl_conn_alert(ossl_conn *conn, bool sent, int version, uint8_t level,
                            uint8_t description) {
    /* In TLS 1.3 the level means nothing (RFC 8446, 6): all but two are errors. */
    bool closing = description == SSL_AD_CLOSE_NOTIFY || description == SSL_AD_USER_CANCELLED;
    bool fatal = level == SSL3_AL_FATAL || (version == TLS1_3_VERSION && !closing);
    if (sent && (conn->alert_left || conn->transport_failed)) {
        return; /* this one has not left */
    }
    conn->alert_received = conn->alert_received || (!sent && fatal);
    conn->upcalls->alert(conn->core, sent, fatal, description);
}

void ossl_conn_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl,
                       void *arg) {
    (void)ssl;
    if (type != SSL3_RT_ALERT && type != SSL3_RT_HANDSHAKE) {
        return; /* the headers of records, mostly */
    }
    ossl_conn *conn = arg;
    const uint8_t *bytes = data;
    if (type == SSL3_RT_ALERT && len == 2) {
        ossl_conn_alert(conn, sent != 0, version, bytes[0], bytes[1]);
    } else if (type == SSL3_RT_HANDSHAKE && sent == 0 && len > 0) {
        switch (bytes[0]) {
        case SSL3_MT_CERTIFICATE:
            ossl_chain_arrived(conn, (uint16_t)version, bytes, len);
            break;
        case SSL3_MT_NEWSESSION_TICKET:
            conn->ticket_came = true;
            break;
        case SSL3_MT_FINISHED:
            ossl_ticket_finished(conn, version);
            break;
        default:
            break;
        }
    }
}

/* A line of the NSS key log format: label, client random, secret. Other lines name a secret by
 * something else than the client random, and are passed over. */
void ossl_conn_keylog(const SSL *ssl, const char *line) {
    ossl_conn *conn = ossl_conn_of(ssl);
    ossl_alert_secret(ssl, line);
    if (conn == NULL || !conn->context->keylog) {
        return;
    }
    char label[64] = "", random_hex[2 * SSL3_RANDOM_SIZE + 1] = "";
    uint8_t client_random[SSL3_RANDOM_SIZE], secret[EVP_MAX_MD_SIZE];
    size_t label_len = strcspn(line, " "), len = 0;
    const char *at = line + label_len;
    if (label_len < sizeof label && strlen(at) > 1 + sizeof random_hex &&
        at[sizeof random_hex] == ' ') {
        memcpy(label, line, label_len);
        memcpy(random_hex, at + 1, sizeof random_hex - 1);
        if (OPENSSL_hexstr2buf_ex(client_random, sizeof client_random, &len, random_hex, '\0') ==
                1 &&
            len == sizeof client_random &&
            OPENSSL_hexstr2buf_ex(secret, sizeof secret, &len, at + 1 + sizeof random_hex, '\0') ==
                1) {
            conn->upcalls->keylog(conn->core, label, client_random, (stls_bytes){secret, len});
        }
    }
    OPENSSL_cleanse(secret, sizeof secret);
}

/* --- Failures --- */

static stls_be_cause ossl_cause_of(unsigned long error) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
        return error != 0 ? STLS_BE_CAUSE_PROTOCOL : STLS_BE_CAUSE_UNKNOWN;
    }
    switch (ERR_GET_REASON(error)) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_CIPHERS_SPECIFIED:
        return STLS_BE_CAUSE_NOTHING_SHARED;
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_CIPHERS_AVAILABLE:
    case SSL_R_NO_SUITABLE_GROUPS: /* none for the version */
    case SSL_R_NO_CERTIFICATE_SET:
        return STLS_BE_CAUSE_SETTING;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return STLS_BE_CAUSE_NO_CERTIFICATE;
    case SSL_R_EXCESSIVE_MESSAGE_SIZE: /* in a handshake the Certificate message has the least room
                                        */
        return STLS_BE_CAUSE_TOO_LONG;
    case SSL_R_UNABLE_TO_FIND_PUBLIC_KEY_PARAMETERS:
    case SSL_R_UNKNOWN_CERTIFICATE_TYPE:
        return STLS_BE_CAUSE_UNREADABLE;
    case ERR_R_INTERNAL_ERROR:
    case ERR_R_MALLOC_FAILURE:
        return STLS_BE_CAUSE_UNKNOWN;
    default:
        return STLS_BE_CAUSE_PROTOCOL;
    }
}

/* What the connection died of: our own refusal first, then what the peer said, then the rest. */
static stls_be_cause ossl_conn_cause(const ossl_conn *conn, unsigned long native) {
    if (conn->refusal_text != NULL) {
        return conn->refusal;
    }
    if (conn->alert_received) {
        return STLS_BE_CAUSE_ALERT;
    }
    return conn->transport_failed ? STLS_BE_CAUSE_TRANSPORT : ossl_cause_of(native);
}

/* What only the handshake needed. A ticket that is out has the record; the session keeps a copy. */
static void ossl_conn_forget(ossl_conn *conn) {
    if (conn->context->tickets && SSL_get_session(conn->ssl) != NULL) {
        (void)SSL_SESSION_set1_ticket_appdata(SSL_get_session(conn->ssl), NULL, 0);
    }
    OPENSSL_cleanse(conn->handshake, sizeof *conn->handshake);
    conn->handshake = NULL;
    ossl_chain_free(conn);
}

static stls_be_status ossl_conn_die(ossl_conn *conn, const char *text, stls_be_failure *failure) {
    ossl_chain_diagnose(conn); /* if no alert has left */
    stls_be_status status = ossl_fail(failure, STLS_BE_CAUSE_UNKNOWN, text);
    failure->cause = ossl_conn_cause(conn, (unsigned long)failure->native);
    if (conn->refusal_text != NULL) {
        OPENSSL_strlcpy(failure->text, conn->refusal_text, sizeof failure->text);
    }
    conn->dead = true;
    ossl_chain_free(conn);
    return conn->no_memory ? STLS_BE_NO_MEMORY : status;
}

/* Why an OpenSSL call has not succeeded. */
static stls_be_status ossl_conn_stopped(ossl_conn *conn, int result, stls_be_failure *failure) {
    int error = SSL_get_error(conn->ssl, result);
    if (conn->refusal_text != NULL && error != SSL_ERROR_WANT_READ) {
        return ossl_conn_die(conn, "", failure);
    }
    if (error == SSL_ERROR_WANT_READ) {
        ossl_clear_errors();
        return STLS_BE_WANT_READ;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        ossl_clear_errors();
        return STLS_BE_CLOSED;
    }
    if (conn->eof) {
        ossl_clear_errors();
        return STLS_BE_EOF;
    }
    return ossl_conn_die(conn, conn->transport_failed ? "the transport failed" : "", failure);
}

/* Gives back OpenSSL's buffers, so that an idle connection has none. SSL_MODE_RELEASE_BUFFERS would
 * do the same, but wipes all 17 KB of one each time; of what was read SSL_OP_CLEANSE_PLAINTEXT has
 * wiped every byte by now. With that option OpenSSL 3.5 would also wipe a buffer that is not there,
 * and crash.
 *
 * OpenSSL should keep a buffer that is in use, but before 3.0.14, 3.1.6, 3.2.2 and 3.3.1 it frees
 * that of a record of which only the header is there, or of which a part was read (CVE-2024-4741).
 */
static void ossl_conn_free_buffers(ossl_conn *conn) {
    if (SSL_has_pending(conn->ssl) != 0 || strcmp(SSL_rstate_string(conn->ssl), "RH") != 0) {
        return;
    }
    SSL_clear_options(conn->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    (void)SSL_free_buffers(conn->ssl);
    if (conn->established) {
        SSL_set_options(conn->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    }
}

/* After a record that was refused, which may be decrypted: SSL_free() of OpenSSL 3.5 wipes nothing.
 * First it gets a buffer, if it has none. */
static void ossl_conn_wipe_buffers(ossl_conn *conn) {
    if (SSL_alloc_buffers(conn->ssl) == 1) {
        (void)SSL_free_buffers(conn->ssl);
    }
}

/* The same for what nobody has read. */
static void ossl_conn_wipe_unread(ossl_conn *conn) {
    uint8_t data[1024];
    size_t got = 0;
    while (ossl_conn_pending(conn) > 0 && SSL_read_ex(conn->ssl, data, sizeof data, &got) == 1) {
    }
    OPENSSL_cleanse(data, sizeof data);
}

/* --- The table's functions --- */

stls_be_status ossl_conn_init(void *block, const void *context,
                              const stls_be_conn_settings *settings, stls_be_failure *failure) {
    ossl_conn *conn = block;
    ossl_clear_errors();
    conn->context = context;
    conn->upcalls = settings->upcalls;
    conn->core = settings->core;
    conn->handshake = settings->handshake;
    conn->client_auth = conn->context->client_auth;
    conn->credential = conn->context->credential;
    conn->ssl = SSL_new(conn->context->ctx);
    BIO *bio = conn->ssl != NULL ? BIO_new(ossl_bio_method()) : NULL;
    if (bio == NULL) {
        return ossl_fail(failure, STLS_BE_CAUSE_UNKNOWN, "no SSL");
    }
    BIO_set_data(bio, conn);
    SSL_set_bio(conn->ssl, bio, bio);
    SSL_set_msg_callback(conn->ssl, ossl_conn_message);
    SSL_set_msg_callback_arg(conn->ssl, conn);
    SSL_set_verify(conn->ssl, ossl_verify_mode(conn), NULL);
    if (conn->context->role == STLS_ROLE_SERVER) {
        SSL_set_accept_state(conn->ssl);
        return STLS_BE_OK;
    }
    SSL_set_connect_state(conn->ssl);
    char name[TLSEXT_MAXLEN_host_name + 1] = ""; /* OpenSSL's macro wants it writable */
    if (settings->server_name != NULL &&
        (OPENSSL_strlcpy(name, settings->server_name, sizeof name) >= sizeof name ||
         SSL_set_tlsext_host_name(conn->ssl, name) != 1)) {
        return ossl_fail(failure, STLS_BE_CAUSE_SETTING, "server name");
    }
    ossl_session_offer(conn, settings->session);
    return STLS_BE_OK;
}

stls_be_status ossl_conn_handshake(void *block, stls_be_failure *failure) {
    ossl_conn *conn = block;
    if (conn->dead) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    ossl_clear_errors();
    int result = SSL_do_handshake(conn->ssl);
    ossl_conn_free_buffers(conn);
    if (result != 1) {
        return ossl_conn_stopped(conn, result, failure);
    }
    if (!ossl_chain_satisfied(conn)) {
        return ossl_conn_die(conn, "the peer was not judged", failure);
    }
    conn->established = true;
    /* OpenSSL frees its buffers as they are. What the handshake leaves there is no secret, and it
     * takes them anew for each flight. */
    SSL_set_options(conn->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    ossl_session_resumed(conn);
    ossl_conn_forget(conn);
    ossl_clear_errors();
    return STLS_BE_OK;
}

stls_be_status ossl_conn_read(void *block, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure) {
    ossl_conn *conn = block;
    *got = 0;
    if (conn->dead || !conn->established) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    ossl_clear_errors();
    int result = SSL_read_ex(conn->ssl, data, size, got);
    if (result == 1 || SSL_want_read(conn->ssl)) {
        ossl_conn_free_buffers(conn);
    } else {
        ossl_conn_wipe_buffers(conn);
    }
    return result == 1 ? STLS_BE_OK : ossl_conn_stopped(conn, result, failure);
}

stls_be_status ossl_conn_write(void *block, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure) {
    ossl_conn *conn = block;
    *taken = 0;
    if (conn->dead || !conn->established) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    ossl_clear_errors();
    /* send takes everything: no write of OpenSSL's stops half way. */
    if (SSL_write_ex(conn->ssl, data, len, taken) == 1) {
        ossl_conn_free_buffers(conn);
        return STLS_BE_OK;
    }
    return ossl_conn_die(conn, "nothing was written", failure);
}

size_t ossl_conn_pending(void *block) {
    const ossl_conn *conn = block;
    int pending = conn->established && !conn->dead ? SSL_pending(conn->ssl) : 0;
    return pending > 0 ? (size_t)pending : 0;
}

stls_be_status ossl_conn_close_notify(void *block, stls_be_failure *failure) {
    ossl_conn *conn = block;
    if (conn->dead || !conn->established) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    ossl_clear_errors();
    if (SSL_shutdown(conn->ssl) >= 0 && !conn->transport_failed) {
        ossl_clear_errors();
        return STLS_BE_OK;
    }
    return ossl_conn_die(conn, "close_notify was not sent", failure);
}

void ossl_conn_info(void *block, stls_be_info *info) {
    const ossl_conn *conn = block;
    *info = (stls_be_info){0};
    if (!conn->established) {
        return;
    }
    ossl_clear_errors();
    const SSL_CIPHER *suite = SSL_get_current_cipher(conn->ssl);
    info->version = (uint16_t)SSL_version(conn->ssl);
    info->suite = suite != NULL ? SSL_CIPHER_get_protocol_id(suite) : 0;
    info->group = ossl_group_of(conn->ssl);
    info->scheme = ossl_scheme_of(conn->ssl);
    const unsigned char *name = NULL;
    unsigned int len = 0;
    SSL_get0_alpn_selected(conn->ssl, &name, &len);
    if (name != NULL && len <= sizeof info->alpn) {
        memcpy(info->alpn, name, len);
        info->alpn_len = len;
    }
    info->resumed = SSL_session_reused(conn->ssl) != 0;
    ossl_clear_errors();
}

stls_be_status ossl_conn_export(void *block, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure) {
    const ossl_conn *conn = block;
    if (conn->dead || !conn->established) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    ossl_clear_errors();
    if (SSL_export_keying_material(conn->ssl, out, len, (const char *)label.data, label.len,
                                   context != NULL ? context->data : NULL,
                                   context != NULL ? context->len : 0, context != NULL) == 1) {
        return STLS_BE_OK;
    }
    OPENSSL_cleanse(out, len);
    return ossl_fail(failure, STLS_BE_CAUSE_SETTING, "no keying material");
}

stls_be_status ossl_conn_update_keys(void *block, bool both, stls_be_failure *failure) {
    ossl_conn *conn = block;
    if (conn->dead || !conn->established) {
        return STLS_BE_FAILED; /* OpenSSL is left alone */
    }
    if (SSL_version(conn->ssl) != TLS1_3_VERSION) {
        return STLS_BE_UNSUPPORTED;
    }
    ossl_clear_errors();
    if (SSL_key_update(conn->ssl, both ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) ==
            1 &&
        SSL_do_handshake(conn->ssl) == 1) {
        return STLS_BE_OK;
    }
    return ossl_conn_die(conn, "no KeyUpdate was sent", failure);
}

/* OpenSSL does not tell. */
size_t ossl_conn_memory(void *block) {
    (void)block;
    return 0;
}

void ossl_conn_fini(void *block) {
    ossl_conn *conn = block;
    ossl_clear_errors();
    ossl_conn_wipe_unread(conn);
    SSL_free(conn->ssl); /* and its BIO */
    ossl_chain_free(conn);
    ossl_clear_errors();
}
