/* api/keying.c - what others get of a connection's keys: exported material, channel bindings, the
 * key log; and new keys for the connection itself.
 *
 * SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

enum { LABEL_MAX = 249 }; /* "tls13 " goes before it in 255 bytes (RFC 8446 section 7.1) */

/* --- Exported material --- */

/* What begins with a label of TLS 1.2's own (RFC 5705 section 4, RFC 7627): refused in any version,
 * as OpenSSL and wolfSSL refuse it in some. */
static bool is_of_tls_itself(const char *label) {
    static const char *const own[] = {"client finished", "server finished", "master secret",
                                      "extended master secret", "key expansion"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strncmp(label, own[i], strlen(own[i])) == 0) {
            return true;
        }
    }
    return false;
}

static stls_result check_export(stls_conn *conn, const char *label, const void *context,
                                size_t context_len, const uint8_t *out, size_t len,
                                stls_error *error) {
    size_t label_len = label != NULL ? strlen(label) : 0;
    if (conn == NULL || out == NULL || (context == NULL && context_len > 0)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the connection, its context or the place is NULL");
    }
    if (label_len == 0 || label_len > LABEL_MAX || len == 0 || len > STLS_EXPORT_MAX ||
        context_len > UINT16_MAX) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "an exporter's label has 1 to %d bytes, its context at most %d, and what "
                         "it gives 1 to %d",
                         LABEL_MAX, UINT16_MAX, STLS_EXPORT_MAX);
    }
    if (is_of_tls_itself(label)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the label \"%s\" is one of TLS itself: an application's begin with "
                         "EXPORTER (RFC 5705 section 4)",
                         label);
    }
    stls_result result = stls_conn_check_process(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->state != STLS_CONN_OPEN) {
        return stls_fail(error, STLS_E_STATE,
                         "the handshake is not complete, or the connection has "
                         "failed");
    }
    if (!conn->context->profile->exporter) {
        return stls_fail(error, STLS_E_STATE,
                         "the profile did not ask for the exporter: stls_profile_set_exporter()");
    }
    if (conn->agreed.version == STLS_TLS1_2 && !conn->agreed.extended_master) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "the peer does not do the extended master secret: who stands between may "
                         "have the same keys with both ends (RFC 7627 section 5.4)");
    }
    return STLS_OK;
}

stls_result stls_conn_export(stls_conn *conn, const char *label, const void *context,
                             size_t context_len, uint8_t *out, size_t len, stls_error *error) {
    stls_result result = check_export(conn, label, context, context_len, out, len, error);
    if (result != STLS_OK) {
        return result;
    }
    const stls_backend *backend = conn->context->profile->backend;
    stls_bytes name = {(const uint8_t *)label, strlen(label)}, bytes = {context, context_len};
    stls_be_failure failure = {0};
    stls_be_status status = backend->conn_export(conn->block, name, context != NULL ? &bytes : NULL,
                                                 out, len, &failure);
    if (status == STLS_BE_OK) {
        return STLS_OK;
    }
    stls_wipe(out, len);
    return stls_fail(error,
                     status == STLS_BE_NO_MEMORY     ? STLS_E_NO_MEMORY
                     : status == STLS_BE_UNSUPPORTED ? STLS_E_UNSUPPORTED
                                                     : STLS_E_BACKEND,
                     "%s exported no keying material: %s", backend->name,
                     failure.text[0] != '\0' ? failure.text : "it does not say why");
}

/* --- Channel bindings --- */

/* A server's is of the certificate that it has shown: in a resumed connection, at first. */
static stls_result find_end_point(const stls_conn *conn, stls_end_point *found, stls_error *error) {
    if (conn->context->profile->role == STLS_ROLE_CLIENT) {
        return stls_end_point_of(conn->context->profile->backend,
                                 stls_conn_peer_certificate(conn, 0), found, error);
    }
    if (conn->end_point != NULL) {
        *found = *conn->end_point;
        return STLS_OK;
    }
    return stls_credential_end_point(conn->credential, found, error);
}

static stls_result bind_end_point(stls_conn *conn, uint8_t *out, size_t *len, stls_error *error) {
    bool is_client = conn->context->profile->role == STLS_ROLE_CLIENT;
    stls_end_point found;
    stls_result result = stls_conn_check_process(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    if ((is_client ? conn->peer_count == 0 : conn->credential == NULL) ||
        conn->state != STLS_CONN_OPEN) {
        return stls_fail(error, STLS_E_STATE,
                         "there is no complete handshake with a certificate of the server");
    }
    result = find_end_point(conn, &found, error);
    if (result != STLS_OK) {
        return result;
    }
    if (found.len == 0) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "tls-server-end-point is not defined for a certificate whose signature "
                         "algorithm has no hash of its own");
    }
    memcpy(out, found.data, found.len);
    *len = found.len;
    return STLS_OK;
}

stls_result stls_conn_channel_binding(stls_conn *conn, stls_channel_binding binding,
                                      uint8_t out[STLS_BINDING_MAX], size_t *len,
                                      stls_error *error) {
    enum { EXPORTED_LEN = 32 };
    if (conn == NULL || out == NULL || len == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the connection or the place is NULL");
    }
    switch (binding) {
    case STLS_BINDING_TLS_EXPORTER:
        *len = EXPORTED_LEN;
        return stls_conn_export(conn, "EXPORTER-Channel-Binding", "", 0, out, *len, error);
    case STLS_BINDING_TLS_SERVER_END_POINT:
        return bind_end_point(conn, out, len, error);
    }
    return stls_fail(error, STLS_E_ARGUMENT, "there is no channel binding %d", (int)binding);
}

/* --- The key log --- */

static char *add_hex(char *at, const uint8_t *bytes, size_t len) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    return at;
}

void stls_up_keylog(void *core, const char *label, const uint8_t client_random[32],
                    stls_bytes secret) {
    enum { RANDOM_LEN = 32, SECRET_MAX = 64, LABEL_SIZE = 64 };
    char line[LABEL_SIZE + 2 * RANDOM_LEN + 2 * SECRET_MAX + 3];
    const stls_profile *profile = ((const stls_conn *)core)->context->profile;
    size_t label_len = strlen(label);
    if (profile->keylog == NULL || label_len > LABEL_SIZE || secret.len > SECRET_MAX) {
        return;
    }
    memcpy(line, label, label_len + 1);
    char *at = line + label_len;
    *at++ = ' ';
    at = add_hex(at, client_random, RANDOM_LEN);
    *at++ = ' ';
    *add_hex(at, secret.data, secret.len) = '\0';
    profile->keylog(profile->keylog_arg, line);
    stls_wipe(line, sizeof line);
}
