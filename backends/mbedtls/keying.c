/* backends/mbedtls/keying.c - keying material for others: the exporter, and the key log.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

/* --- Exporter --- */

#if defined(MBEDTLS_SSL_KEYING_MATERIAL_EXPORT)
bool mbed_has_exporter(void) {
    return true;
}

stls_be_status mbed_conn_export(void *block, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure) {
    mbed_conn *conn = block;
    int ret;
    if (!conn->handshake_done) {
        return mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_UNKNOWN, 0,
                         "the handshake is not complete");
    }
    ret = mbedtls_ssl_export_keying_material(&conn->ssl, out, len, (const char *)label.data,
                                             label.len, context != NULL ? context->data : NULL,
                                             context != NULL ? context->len : 0, context != NULL);
    return ret == 0 ? STLS_BE_OK
                    : mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, ret, NULL);
}
#else
bool mbed_has_exporter(void) {
    return false;
}

stls_be_status mbed_conn_export(void *block, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure) {
    (void)block, (void)label, (void)context, (void)out, (void)len;
    return mbed_fail(failure, STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0,
                     "this mbedTLS was built without MBEDTLS_SSL_KEYING_MATERIAL_EXPORT");
}
#endif

/* The library has no KeyUpdate, and answers the peer's with an error. */
stls_be_status mbed_conn_update_keys(void *block, bool both, stls_be_failure *failure) {
    (void)block, (void)both;
    return mbed_fail(failure, STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0,
                     "mbedTLS has no KeyUpdate");
}

/* --- Key log --- */

static const char *label_of(mbedtls_ssl_key_export_type type) {
    switch (type) {
    case MBEDTLS_SSL_KEY_EXPORT_TLS12_MASTER_SECRET:
        return "CLIENT_RANDOM";
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_HANDSHAKE_TRAFFIC_SECRET:
        return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_HANDSHAKE_TRAFFIC_SECRET:
        return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_CLIENT_APPLICATION_TRAFFIC_SECRET:
        return "CLIENT_TRAFFIC_SECRET_0";
    case MBEDTLS_SSL_KEY_EXPORT_TLS1_3_SERVER_APPLICATION_TRAFFIC_SECRET:
        return "SERVER_TRAFFIC_SECRET_0";
#endif
    default: /* those of early data, which is never sent */
        return NULL;
    }
}

static void log_key(void *context, mbedtls_ssl_key_export_type type, const unsigned char *secret,
                    size_t len, const unsigned char client_random[32],
                    const unsigned char server_random[32], mbedtls_tls_prf_types prf) {
    mbed_conn *conn = context;
    const char *label = label_of(type);
    (void)server_random, (void)prf;
    if (label != NULL) {
        conn->upcalls->keylog(conn->core, label, client_random, (stls_bytes){secret, len});
    }
}

void mbed_log_keys(mbed_conn *conn) {
    if (conn->context->keylog) {
        mbedtls_ssl_set_export_keys_cb(&conn->ssl, log_key, conn);
    }
}
