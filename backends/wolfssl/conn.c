/* backends/wolfssl/conn.c - a connection.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#ifdef OPENSSL_EXTRA
#include <wolfssl/openssl/ec.h>  /* NID_ED25519 */
#include <wolfssl/openssl/evp.h> /* the other NIDs */
#endif

/* --- Why wolfSSL has failed --- */

typedef struct wolf_reason {
    int native;
    stls_be_cause cause;
    uint8_t alert; /* if wolfSSL sends none */
} wolf_reason;

/* The rest is a breach of the protocol, with decode_error. */
static const wolf_reason wolf_reasons[] = {
    {VERSION_ERROR, STLS_BE_CAUSE_NOTHING_SHARED, wolfssl_alert_protocol_version},
    {UNSUPPORTED_PROTO_VERSION, STLS_BE_CAUSE_NOTHING_SHARED, wolfssl_alert_protocol_version},
    {MATCH_SUITE_ERROR, STLS_BE_CAUSE_NOTHING_SHARED, handshake_failure},
    {UNSUPPORTED_SUITE, STLS_BE_CAUSE_NOTHING_SHARED, handshake_failure},
    {KEY_SHARE_ERROR, STLS_BE_CAUSE_NOTHING_SHARED, handshake_failure},
    {BAD_KEY_SHARE_DATA, STLS_BE_CAUSE_NOTHING_SHARED, handshake_failure},
    {ECC_CURVE_ERROR, STLS_BE_CAUSE_NOTHING_SHARED, handshake_failure},
    {UNKNOWN_ALPN_PROTOCOL_NAME_E, STLS_BE_CAUSE_NOTHING_SHARED, no_application_protocol},
    {EXT_MASTER_SECRET_NEEDED_E, STLS_BE_CAUSE_PROTOCOL, handshake_failure},
    {NO_PEER_CERT, STLS_BE_CAUSE_NO_CERTIFICATE, handshake_failure},
    {MAX_CHAIN_ERROR, STLS_BE_CAUSE_TOO_LONG, certificate_unknown},
    {HANDSHAKE_SIZE_ERROR, STLS_BE_CAUSE_TOO_LONG, certificate_unknown},
    {ASN_PARSE_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_VERSION_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_GETINT_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_RSA_KEY_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {ASN_OBJECT_ID_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_BITSTR_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_UNKNOWN_OID_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {ASN_SIG_OID_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ALGO_ID_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {ASN_CRIT_EXT_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {ASN_ALT_NAME_E, STLS_BE_CAUSE_UNREADABLE, bad_certificate},
    {ASN_ECC_KEY_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {ECC_CURVE_OID_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {KEYUSAGE_E, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {PEER_KEY_ERROR, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {NO_PEER_KEY, STLS_BE_CAUSE_UNREADABLE, unsupported_certificate},
    {VERIFY_SIGN_ERROR, STLS_BE_CAUSE_PROTOCOL, decrypt_error},
    {SIG_VERIFY_E, STLS_BE_CAUSE_PROTOCOL, decrypt_error},
    {VERIFY_FINISHED_ERROR, STLS_BE_CAUSE_PROTOCOL, decrypt_error},
    {VERIFY_MAC_ERROR, STLS_BE_CAUSE_PROTOCOL, bad_record_mac},
    {DECRYPT_ERROR, STLS_BE_CAUSE_PROTOCOL, bad_record_mac},
    {OUT_OF_ORDER_E, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {SANITY_MSG_E, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {DUPLICATE_MSG_E, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {NO_PEER_VERIFY, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {UNKNOWN_RECORD_TYPE, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {UNKNOWN_HANDSHAKE_TYPE, STLS_BE_CAUSE_PROTOCOL, unexpected_message},
    {LENGTH_ERROR, STLS_BE_CAUSE_PROTOCOL, record_overflow},
    {INVALID_PARAMETER, STLS_BE_CAUSE_PROTOCOL, illegal_parameter},
    {ECC_PEERKEY_ERROR, STLS_BE_CAUSE_PROTOCOL, illegal_parameter},
    {UNSUPPORTED_EXTENSION, STLS_BE_CAUSE_PROTOCOL, unsupported_extension},
    {NO_PRIVATE_KEY, STLS_BE_CAUSE_SETTING, internal_error},
    {NO_CERT_ERROR, STLS_BE_CAUSE_SETTING, internal_error},
};

static wolf_reason wolf_reason_of(int native) {
    for (size_t i = 0; i < sizeof wolf_reasons / sizeof *wolf_reasons; i++)
        if (wolf_reasons[i].native == native)
            return wolf_reasons[i];
    return (wolf_reason){native, STLS_BE_CAUSE_PROTOCOL, decode_error};
}

/* Ends the connection. What we decided ourselves comes before what wolfSSL makes of it. */
static stls_be_status wolf_end(wolf_conn *conn, int native, stls_be_failure *failure) {
    wolf_reason reason = wolf_reason_of(native);
    const char *text = wolfSSL_ERR_reason_error_string((unsigned long)native);
    stls_be_status status = STLS_BE_FAILED;

    /* What is shared is settled behind the hellos, and the core looks at that of a server: it is
     * the version of a record that is wrong. */
    if (native == VERSION_ERROR && (conn->selected || conn->context->role == STLS_ROLE_CLIENT))
        reason.cause = STLS_BE_CAUSE_PROTOCOL;
    if (!conn->established && !conn->transport_failed && conn->cause == STLS_BE_CAUSE_UNKNOWN)
        wolf_alert_rest(conn);
    if (conn->transport_failed) {
        reason.cause = STLS_BE_CAUSE_TRANSPORT;
    } else if (conn->cause != STLS_BE_CAUSE_UNKNOWN) {
        reason.cause = conn->cause;
        reason.alert = handshake_failure;
        text = conn->reason;
        status = conn->no_memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
    } else if (conn->received.level == alert_fatal) {
        reason.cause = STLS_BE_CAUSE_ALERT;
        text = "the peer sent a fatal alert";
    } else if (native == MEMORY_E || native == MEMORY_ERROR || native == MP_MEM) {
#ifdef OPENSSL_EXTRA
        /* The look-alike says this too when it cannot make an X509 of a peer's certificate. */
        if (!conn->established) {
            reason.cause = STLS_BE_CAUSE_UNREADABLE;
            reason.alert = unsupported_certificate;
            text = "out of memory, or a certificate of the peer that wolfSSL cannot read";
        } else
#endif
        {
            status = STLS_BE_NO_MEMORY;
            reason.alert = internal_error;
        }
    }
    if (!conn->established && !conn->fatal_sent && !conn->transport_failed &&
        reason.cause != STLS_BE_CAUSE_ALERT)
        wolf_alert_make_up(conn, reason.alert);

    conn->failed = true;
    wolf_fail(status, reason.cause, native, text, failure);
    wolf_clear_errors();
    return status;
}

/* What to answer after a call of wolfSSL that answered `result` and not success. */
static stls_be_status wolf_after(wolf_conn *conn, int result, stls_be_failure *failure) {
    int native = wolfSSL_get_error(conn->ssl, result);

    wolf_alert_received(conn);
    if (native == WOLFSSL_ERROR_WANT_READ && !conn->transport_failed) {
        if (!conn->eof)
            return STLS_BE_WANT_READ;
        wolf_fail(STLS_BE_EOF, STLS_BE_CAUSE_TRANSPORT, SOCKET_PEER_CLOSED_E,
                  "the transport has ended without close_notify", failure);
        return STLS_BE_EOF;
    }
    if (native == WOLFSSL_ERROR_ZERO_RETURN ||
        (conn->received.code == close_notify && !conn->failed)) {
        conn->closed = true;
        return STLS_BE_CLOSED;
    }
    return wolf_end(conn, native, failure);
}

/* --- Beginning --- */

static int wolf_prepare_client(wolf_conn *conn, const stls_be_conn_settings *settings) {
    const wolf_context *context = conn->context;
    int result = WOLFSSL_SUCCESS;

#ifdef WOLF_SESSIONS
    if (context->applied & STLS_BE_SET_SESSIONS) {
        wolfSSL_set_SessionTicket_cb(conn->ssl, wolf_session_came, conn);
        wolf_session_offer(conn, settings->session);
    }
#endif
    if (settings->server_name)
        result = wolfSSL_UseSNI(conn->ssl, WOLFSSL_SNI_HOST_NAME, settings->server_name,
                                (unsigned short)strlen(settings->server_name));
#ifdef WOLFSSL_TLS13
    /* Without this wolfSSL offers a key for its own favourite group, whatever the list says. Behind
     * a hybrid group comes the next one, for servers that do not have it. */
    if (context->version_max >= STLS_TLS1_3)
        for (size_t i = 0; result == WOLFSSL_SUCCESS && i < context->group_count; i++) {
            result = wolfSSL_UseKeyShare(conn->ssl, (unsigned short)context->groups[i]);
            if (context->groups[i] != WOLF_X25519MLKEM768)
                break;
        }
#endif
#ifdef HAVE_ALPN
    if (result == WOLFSSL_SUCCESS && context->alpn)
        result = wolfSSL_UseALPN(conn->ssl, context->alpn, (unsigned)context->alpn_len,
                                 WOLFSSL_ALPN_FAILED_ON_MISMATCH);
#endif
    return result;
}

/* What is told or kept of the secrets of a handshake. */
static bool wolf_want_secrets(wolf_conn *conn) {
    bool ok = true;

#ifdef HAVE_SECRET_CALLBACK
    bool logs = conn->context->applied & STLS_BE_SET_KEYLOG;
#ifdef WOLFSSL_TLS13
    if (logs || WOLF_TELLS_SECRET)
        ok = wolfSSL_set_tls13_secret_cb(conn->ssl, wolf_secret, conn) == WOLFSSL_SUCCESS;
#endif
    if (logs)
        ok &= wolfSSL_set_secret_cb(conn->ssl, wolf_master_secret, conn) == WOLFSSL_SUCCESS;
#endif
    if (conn->context->applied & WOLF_KEEPS_ARRAYS)
        wolfSSL_KeepArrays(conn->ssl);
    return ok;
}

stls_be_status wolf_conn_init(void *block, const void *context,
                              const stls_be_conn_settings *settings, stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result = WOLFSSL_SUCCESS;

    conn->context = context;
    conn->upcalls = settings->upcalls;
    conn->core = settings->core;
    conn->handshake = settings->handshake;
    conn->client_auth = conn->context->client_auth;
    conn->received = conn->sent = (WOLFSSL_ALERT){-1, -1}; /* as wolfSSL says "none" */
    conn->ssl = wolfSSL_new(conn->context->ctx);
    if (!conn->ssl) {
        wolf_clear_errors();
        if (conn->context->role == STLS_ROLE_SERVER && !conn->context->credential)
            return wolf_fail(STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, NO_PRIVATE_KEY,
                             "a server needs a credential", failure);
        return wolf_fail_native(STLS_BE_CAUSE_SETTING, MEMORY_E, failure);
    }
    wolfSSL_SetIOReadCtx(conn->ssl, conn);
    wolfSSL_SetIOWriteCtx(conn->ssl, conn);
    wolfSSL_SetCertCbCtx(conn->ssl, conn);
    wolfSSL_set_verify(conn->ssl, wolf_verify_flags(conn), wolf_verify);
    if (!wolf_want_secrets(conn))
        result = WOLFSSL_FAILURE;
    if (result == WOLFSSL_SUCCESS && conn->context->role == STLS_ROLE_CLIENT)
        result = wolf_prepare_client(conn, settings);
    wolf_clear_errors();
    return result == WOLFSSL_SUCCESS ? STLS_BE_OK
                                     : wolf_fail_native(STLS_BE_CAUSE_SETTING, result, failure);
}

/* --- Handshake --- */

/* The scheme of the peer's handshake signature, where the look-alike tells its two halves. */
static uint16_t wolf_peer_scheme(WOLFSSL *ssl) {
#ifdef OPENSSL_EXTRA
    static const struct {
        int type, hash;
        uint16_t code;
    } schemes[] = {
        {NID_rsaEncryption, NID_sha256, 0x0401},
        {NID_rsaEncryption, NID_sha384, 0x0501},
        {NID_rsaEncryption, NID_sha512, 0x0601},
        {NID_rsassaPss, NID_sha256, 0x0804},
        {NID_rsassaPss, NID_sha384, 0x0805},
        {NID_rsassaPss, NID_sha512, 0x0806},
        {NID_X9_62_id_ecPublicKey, NID_sha256, 0x0403},
        {NID_X9_62_id_ecPublicKey, NID_sha384, 0x0503},
        {NID_X9_62_id_ecPublicKey, NID_sha512, 0x0603},
    };
    int type = 0, hash = 0;

    if (wolfSSL_get_peer_signature_type_nid(ssl, &type) != WOLFSSL_SUCCESS)
        return 0;
#ifdef HAVE_ED25519
    if (type == NID_ED25519)
        return 0x0807;
#endif
    if (wolfSSL_get_peer_signature_nid(ssl, &hash) != WOLFSSL_SUCCESS)
        return 0;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (schemes[i].type == type && schemes[i].hash == hash)
            return schemes[i].code;
#else
    (void)ssl;
#endif
    return 0;
}

void wolf_conn_info(void *block, stls_be_info *info) {
    wolf_conn *conn = block;
    char *name = NULL;
    unsigned short len = 0;

    *info = (stls_be_info){.resumed = conn->resumed};
    if (!conn->established)
        return;
    info->version = (uint16_t)wolfSSL_version(conn->ssl);
    info->suite = (uint16_t)wolfSSL_get_current_cipher_suite(conn->ssl);
    info->group = wolf_group_code(wolfSSL_get_curve_name(conn->ssl));
    info->scheme = wolf_peer_scheme(conn->ssl);
#ifdef HAVE_ALPN
    if (wolfSSL_ALPN_GetProtocol(conn->ssl, &name, &len) == WOLFSSL_SUCCESS && name &&
        len <= sizeof info->alpn) {
        memcpy(info->alpn, name, len);
        info->alpn_len = len;
    }
#else
    (void)name, (void)len;
#endif
}

/* What only the handshake needed. */
static void wolf_forget(wolf_conn *conn) {
    wolf_wipe(conn->handshake, sizeof *conn->handshake);
    conn->handshake = NULL;
}

/* wolfSSL has finished. */
static stls_be_status wolf_complete(wolf_conn *conn, stls_be_failure *failure) {
    wolf_alert_received(conn);
    if (wolfSSL_pending(conn->ssl) > 0 || !wolfSSL_is_init_finished(conn->ssl)) {
        /* Behind an announcement of early data wolfSSL takes it for such. */
        conn->cause = STLS_BE_CAUSE_PROTOCOL;
        conn->reason = "the client has sent data before its Finished";
    } else if (wolf_proved(conn) && wolf_store_touched()) {
        conn->cause = STLS_BE_CAUSE_SETTING;
        conn->reason = "wolfSSL has put a peer's certificate into a trust store";
    }
    conn->established = true;
    if (conn->cause != STLS_BE_CAUSE_UNKNOWN)
        return wolf_end(conn, 0, failure);
    conn->resumed = wolfSSL_session_reused(conn->ssl);
#ifdef WOLF_SESSIONS
    wolf_session_answered(conn);
    if (conn->session_due)
        wolf_session_tell(conn);
#endif
    wolf_forget(conn);
    return STLS_BE_OK;
}

static int wolf_go_on(wolf_conn *conn) {
    int result;

    if (conn->context->role == STLS_ROLE_CLIENT)
        return wolfSSL_connect(conn->ssl);
    result = wolfSSL_accept(conn->ssl);
    /* Behind a ClientHello that announces early data it answers success with its own Finished, for
     * such data to be read: the client's is due. */
    return result == WOLFSSL_SUCCESS && !wolfSSL_is_init_finished(conn->ssl)
               ? wolfSSL_accept(conn->ssl)
               : result;
}

stls_be_status wolf_conn_handshake(void *block, stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result;

    if (conn->failed)
        return STLS_BE_FAILED;
    wolf_clear_errors();
    result = wolf_go_on(conn);
#if defined(WOLF_TICKETS) && defined(WOLFSSL_TLS13)
    /* The handshake is over but for the tickets, and that it can do without. */
    if (result != WOLFSSL_SUCCESS && conn->ticket_refused &&
        wolfSSL_no_ticket_TLSv13(conn->ssl) == 0) {
        conn->ticket_refused = false;
        result = wolf_go_on(conn);
    }
#endif
    return result == WOLFSSL_SUCCESS ? wolf_complete(conn, failure)
                                     : wolf_after(conn, result, failure);
}

/* --- Data --- */

stls_be_status wolf_conn_read(void *block, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result;

    *got = 0;
    if (conn->failed)
        return STLS_BE_FAILED;
    if (conn->closed)
        return STLS_BE_CLOSED;
    wolf_clear_errors();
    result = wolfSSL_read(conn->ssl, data, size > INT_MAX ? INT_MAX : (int)size);
#ifdef WOLF_SESSIONS
    if (conn->session_due)
        wolf_session_tell(conn);
#endif
    if (result <= 0)
        return wolf_after(conn, result, failure);
    wolf_alert_received(conn);
    *got = (size_t)result;
    return STLS_BE_OK;
}

stls_be_status wolf_conn_write(void *block, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result;

    *taken = 0;
    if (conn->failed)
        return STLS_BE_FAILED;
    wolf_clear_errors();
    result = wolfSSL_write(conn->ssl, data, len > INT_MAX ? INT_MAX : (int)len);
    if (result <= 0)
        return wolf_end(conn, wolfSSL_get_error(conn->ssl, result), failure);
    *taken = (size_t)result;
    return STLS_BE_OK;
}

size_t wolf_conn_pending(void *block) {
    wolf_conn *conn = block;
    int pending = conn->failed || conn->closed ? 0 : wolfSSL_pending(conn->ssl);

    return pending > 0 ? (size_t)pending : 0;
}

stls_be_status wolf_conn_close_notify(void *block, stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result;

    if (conn->failed)
        return STLS_BE_FAILED;
    wolf_clear_errors();
    result = wolfSSL_shutdown(conn->ssl);
    if (conn->sent.code != close_notify)
        return wolf_end(conn, wolfSSL_get_error(conn->ssl, result), failure);
    return STLS_BE_OK;
}

stls_be_status wolf_conn_export(void *block, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure) {
#ifdef HAVE_KEYING_MATERIAL
    wolf_conn *conn = block;
    int result;

    wolf_clear_errors();
    result = wolfSSL_export_keying_material(conn->ssl, out, len, (const char *)label.data,
                                            label.len, context ? context->data : NULL,
                                            context ? context->len : 0, context != NULL);
    wolf_clear_errors();
    if (result == WOLFSSL_SUCCESS)
        return STLS_BE_OK;
    return wolf_fail(STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, result,
                     "wolfSSL does not export keys under this label, or has not kept them",
                     failure);
#else
    (void)block, (void)label, (void)context, (void)out, (void)len;
    return wolf_fail(STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0,
                     "this wolfSSL was built without HAVE_KEYING_MATERIAL", failure);
#endif
}

stls_be_status wolf_conn_update_keys(void *block, bool both, stls_be_failure *failure) {
    wolf_conn *conn = block;
    int result = WOLFSSL_SUCCESS;

    if (conn->failed)
        return STLS_BE_FAILED;
    if (wolfSSL_version(conn->ssl) != STLS_TLS1_3)
        return wolf_fail(STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0,
                         "TLS 1.2 cannot update its keys", failure);
    if (!both)
        return wolf_fail(STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0,
                         "wolfSSL always asks the peer to update its keys too", failure);
#ifdef WOLFSSL_TLS13
    wolf_clear_errors();
    result = wolfSSL_update_keys(conn->ssl);
#endif
    return result == WOLFSSL_SUCCESS ? STLS_BE_OK : wolf_end(conn, result, failure);
}

/* wolfSSL does not tell. */
size_t wolf_conn_memory(void *block) {
    (void)block;
    return 0;
}

void wolf_conn_fini(void *block) {
    wolf_conn *conn = block;

    wolfSSL_free(conn->ssl);
    wolf_clear_errors();
}
