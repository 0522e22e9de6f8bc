/* backends/mbedtls/resume.c - sessions of a client, and tickets of a server.
 *
 * A state, as it is given to the core, is one byte of ours and what mbedtls_ssl_session_save()
 * writes, which begins with the library's version and options: another build of the library does
 * not take it, and the handshake is a full one. The byte tells whether the session has the extended
 * master secret (RFC 7627), which the library forgets, and does not check.
 *
 * What else the library does not check when it resumes, or ends the handshake over instead of going
 * on with a full one, is checked here first: that a ticket is of the version that is negotiated (of
 * another one, the secret would be all zero), that its suite is one of ours and of the client's,
 * and that a session is for this host.
 *
 * A session without a ticket is not handed out.
 *
 * What mbedTLS cannot do: a server of TLS 1.2 sends no new ticket when it resumes, so `renew` has
 * no effect; and a client that offers a session offers its version only, so that a server that no
 * longer has that version ends the handshake.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>

#include <string.h>

#if defined(MBED_HAS_RESUMPTION)

enum { FLAG_EXTENDED_MASTER = 1 };

static void wipe_and_free(uint8_t *data, size_t size) {
    if (data != NULL) {
        mbedtls_platform_zeroize(data, size);
    }
    mbedtls_free(data);
}

/* NULL: no memory. */
static uint8_t *save_state(const mbedtls_ssl_session *session, bool extended_master, size_t *len) {
    size_t size = 0;
    (void)mbed_save_session(session, NULL, 0, &size);
    uint8_t *state = mbedtls_calloc(1, 1 + size);
    if (state == NULL || mbed_save_session(session, state + 1, size, &size) != 0) {
        mbedtls_free(state);
        return NULL;
    }
    state[0] = extended_master ? FLAG_EXTENDED_MASTER : 0;
    *len = 1 + size;
    return state;
}

/* `session` is empty if it cannot be read. */
static bool load_state(stls_bytes state, mbedtls_ssl_session *session, bool *extended_master) {
    if (state.len < 1 || mbedtls_ssl_session_load(session, state.data + 1, state.len - 1) != 0) {
        return false;
    }
    *extended_master = (state.data[0] & FLAG_EXTENDED_MASTER) != 0;
    return true;
}

static bool has_suite(const mbed_context *context, int suite) {
    for (const int *p = context->suites; p != NULL && *p != 0; p++) {
        if (*p == suite) {
            return true;
        }
    }
    return false;
}

/* --- A client's sessions --- */

bool mbed_conf_sessions(mbed_context *context) {
    mbedtls_ssl_conf_session_tickets(&context->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        &context->conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#endif
    context->sessions = true;
    return true;
}

/* Whether the library could only make a mess of it: it does not look at the version and suite of a
 * session of TLS 1.2 before it offers it, and then nothing else. */
static bool suits_client(const mbed_conn *conn, const mbedtls_ssl_session *session,
                         const char *server_name) {
    const uint16_t version = mbed_session_version(session);
    return version >= conn->context->version_min && version <= conn->context->version_max &&
           has_suite(conn->context, mbedtls_ssl_session_get_ciphersuite_id(session)) &&
           mbed_session_has_host(session, server_name) && mbed_session_is_resumable(session);
}

stls_be_status mbed_offer_session(mbed_conn *conn, stls_bytes state, const char *server_name) {
    mbedtls_ssl_session session;
    int ret = 0;
    if (!conn->context->sessions || state.len == 0) {
        return STLS_BE_OK;
    }
    mbedtls_ssl_session_init(&session);
    if (load_state(state, &session, &conn->session_extended) &&
        suits_client(conn, &session, server_name)) {
        ret = mbedtls_ssl_set_session(&conn->ssl, &session);
        conn->offered = ret == 0;
    }
    mbedtls_ssl_session_free(&session);
    return mbed_is_no_memory(ret) ? STLS_BE_NO_MEMORY : STLS_BE_OK;
}

/* The session that the connection has now. Lack of memory only loses it. */
void mbed_tell_session(mbed_conn *conn) {
    const mbedtls_ssl_session *session = mbed_session(&conn->ssl);
    size_t len;
    uint8_t *state;
    if (!conn->context->sessions || session == NULL || !mbed_session_is_resumable(session)) {
        return;
    }
    state = save_state(session, conn->extended_master, &len);
    if (state != NULL) {
        const stls_be_session told = {
            .state = {state, len},
            .lifetime_s = mbed_session_lifetime(session),
            .single_use = mbed_session_version(session) == STLS_TLS1_3,
        };
        conn->upcalls->session(conn->core, &told);
        wipe_and_free(state, len);
    }
}

/* --- A server's tickets --- */

/* The library's callback for a new ticket. In TLS 1.2 a failure makes an empty one, in TLS 1.3 it
 * ends the step. */
static int write_ticket(void *context, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *len, uint32_t *lifetime) {
    mbed_conn *conn = context;
    const size_t size = (size_t)(end - start);
    size_t state_len;
    uint8_t *state = save_state(session, conn->extended_master, &state_len);
    *len = 0;
    *lifetime = conn->context->ticket_lifetime_s;
    conn->ticket_withheld =
        state == NULL ||
        !conn->upcalls->ticket_seal(conn->core, !conn->full, (stls_bytes){state, state_len}, start,
                                    size, len) ||
        *len > size;
    if (state != NULL) {
        wipe_and_free(state, state_len);
    }
    return conn->ticket_withheld ? MBEDTLS_ERR_SSL_FEATURE_UNAVAILABLE : 0;
}

/* In TLS 1.2 the library looks for a suite that its certificate fits as if nothing was resumed. */
static bool suits_credential(const mbed_conn *conn, int suite) {
    const mbedtls_ssl_ciphersuite_t *info = mbedtls_ssl_ciphersuite_from_id(suite);
    if (info == NULL || conn->credential == NULL) {
        return false;
    }
    switch (mbed_key_exchange(info)) {
    case MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA:
    case MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA:
    case MBEDTLS_KEY_EXCHANGE_ECDH_RSA:
        return mbedtls_pk_can_do(conn->credential->key, MBEDTLS_PK_ECDSA) != 0;
    default:
        return mbedtls_pk_can_do(conn->credential->key, MBEDTLS_PK_RSA) != 0;
    }
}

static bool suits_hello(const mbed_conn *conn, const stls_be_hello *hello,
                        const mbedtls_ssl_session *session, bool extended_master) {
    const uint16_t version = (uint16_t)mbedtls_ssl_get_version_number(&conn->ssl);
    const int suite = mbedtls_ssl_session_get_ciphersuite_id(session);
    if (!mbed_session_is_of_server(session) || mbed_session_version(session) != version ||
        !has_suite(conn->context, suite) || !stls_be_lists(hello->suites, (uint16_t)suite)) {
        return false;
    }
    return version == STLS_TLS1_3 ||
           (suits_credential(conn, suite) && hello->extended_master == extended_master);
}

/* The library goes on to choose a suite as if nothing was resumed, and in TLS 1.3 fails if that is
 * not the ticket's: so it gets no other choice. */
static void allow_only(mbed_conn *conn, int suite) {
    conn->handshake->resumed_suites[0] = suite;
    conn->handshake->resumed_suites[1] = 0;
    conn->narrowed = true;
    mbedtls_ssl_conf_ciphersuites(&conn->handshake->conf, conn->handshake->resumed_suites);
}

static bool open_ticket(mbed_conn *conn, const stls_be_hello *hello, stls_bytes ticket,
                        mbedtls_ssl_session *session) {
    uint8_t *state = mbedtls_calloc(1, ticket.len);
    size_t len = 0;
    bool renew = false, extended_master = false;
    uint32_t age = 0;
    bool good = state != NULL &&
                conn->upcalls->ticket_open(conn->core, ticket, state, ticket.len, &len, &renew) &&
                len <= ticket.len &&
                load_state((stls_bytes){state, len}, session, &extended_master) &&
                suits_hello(conn, hello, session, extended_master) &&
                (mbed_session_version(session) != STLS_TLS1_3 ||
                 mbed_wire_ticket_age(hello->identities, ticket, &age));
    wipe_and_free(state, ticket.len);
    if (good) {
        mbed_set_ticket_age(session, age);
        allow_only(conn, mbedtls_ssl_session_get_ciphersuite_id(session));
    }
    return good;
}

/* The library's callback for a ticket in a ClientHello, before it asks for a certificate, and in
 * TLS 1.2 perhaps before it has read the server name. Any failure leads to a full handshake. */
static int read_ticket(void *context, mbedtls_ssl_session *session, unsigned char *ticket,
                       size_t len) {
    mbed_conn *conn = context;
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    conn->ticket_opened = len > 0 && hello != NULL && mbed_select_once(conn) == 0 &&
                          open_ticket(conn, hello, (stls_bytes){ticket, len}, session);
    return conn->ticket_opened ? 0 : MBEDTLS_ERR_SSL_INVALID_MAC;
}

bool mbed_conf_tickets(mbed_context *context, const stls_be_settings *settings) {
    if (settings->ticket_count == 0 || settings->ticket_count > UINT16_MAX) {
        return false;
    }
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_new_session_tickets(&context->conf, (uint16_t)settings->ticket_count);
#endif
    context->ticket_lifetime_s = settings->ticket_lifetime_s;
    context->tickets = true;
    return true;
}

void mbed_take_tickets(mbed_conn *conn) {
    if (conn->context->tickets) {
        mbedtls_ssl_conf_session_tickets_cb(&conn->handshake->conf, write_ticket, read_ticket,
                                            conn);
    }
}

bool mbed_has_resumption(void) {
    return true;
}

#else

bool mbed_has_resumption(void) {
    return false;
}

bool mbed_conf_sessions(mbed_context *context) {
    (void)context;
    return false;
}

bool mbed_conf_tickets(mbed_context *context, const stls_be_settings *settings) {
    (void)context, (void)settings;
    return false;
}

void mbed_take_tickets(mbed_conn *conn) {
    (void)conn;
}

stls_be_status mbed_offer_session(mbed_conn *conn, stls_bytes state, const char *server_name) {
    (void)conn, (void)state, (void)server_name;
    return STLS_BE_OK;
}

void mbed_tell_session(mbed_conn *conn) {
    (void)conn;
}

#endif
