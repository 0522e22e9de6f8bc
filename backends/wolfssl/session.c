/* backends/wolfssl/session.c - resumption: the sessions of a client, the tickets of a server.
 *
 * A client's session is what wolfSSL_i2d_SSL_SESSION() gives, and in front of it the version and
 * the suite: wolfSSL does not look whether they are still allowed. For a session of TLS 1.2 it
 * sends a ClientHello of TLS 1.2 only, which a server of TLS 1.3 would refuse; so such a session is
 * offered and kept only where the context ends at TLS 1.2.
 *
 * A server's ticket is built by wolfSSL around four fields of fixed places: key_name (16), iv (16),
 * the encrypted state with its length in front, mac (32). The core's sealed ticket is laid over all
 * of them; as the state field cannot be shorter than wolfSSL's own state, its first two bytes say
 * how long the ticket really is:
 *
 *     key_name = ticket[0..16)   iv = ticket[16..32)   mac = the last 32 bytes
 *     state    = length (2) | what is between | zeros up to the least length
 *
 * What the core seals is a stamp and wolfSSL's state. The stamp tells the suite, which wolfSSL's
 * server of TLS 1.2 resumes without asking whether it is still allowed, a few bits on the form of
 * the state, which differs between versions and builds, and one on the extended master secret.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

static uint16_t wolf_number(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void wolf_put_number(uint8_t *at, size_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static bool wolf_has_suite(const wolf_context *context, uint16_t suite) {
    for (size_t i = 0; i < context->suite_count; i++)
        if (context->suites[i] == suite)
            return true;
    return false;
}

enum { WOLF_MASTER_LEN = 48 };

static void wolf_log_master(wolf_conn *conn, uint8_t *secret) {
#ifdef HAVE_SECRET_CALLBACK
    (void)wolf_master_secret(conn->ssl, secret, WOLF_MASTER_LEN, conn);
#else
    (void)conn, (void)secret;
#endif
}

#ifdef WOLF_SESSIONS

/* --- A client's sessions --- */

enum {
    WOLF_SESSION_HEAD = 4,          /* version, suite */
    WOLF_SESSION_EXTENDED = 0x8000, /* beside the version: it has the extended master secret */
};

#if defined(SIPTLS_STATIC_TICKET_LEN) || defined(NO_PSK)
enum { WOLF_OFFER_MAX = STLS_BE_TICKET_MAX };
#elif defined(MAX_PSK_ID_LEN)
enum { WOLF_OFFER_MAX = MAX_PSK_ID_LEN };
#else
enum { WOLF_OFFER_MAX = 1536 }; /* wolfSSL fails over longer ones in TLS 1.3 */
#endif

/* Whether this context can offer a session of `version`. */
static bool wolf_resumes(const wolf_context *context, uint16_t version) {
    return (context->applied & STLS_BE_SET_SESSIONS) && version >= context->version_min &&
           version <= context->version_max &&
           (version == STLS_TLS1_3 || context->version_max == STLS_TLS1_2);
}

/* The key log of a client of TLS 1.2 that resumes: wolfSSL tells the master secret where it makes
 * one, not where it has it from a session, and then forgets the client's random. */
static bool wolf_logs_offered(const wolf_conn *conn) {
#ifdef HAVE_SECRET_CALLBACK
    return (conn->context->applied & STLS_BE_SET_KEYLOG) && conn->offered == STLS_TLS1_2;
#else
    (void)conn;
    return false;
#endif
}

void wolf_session_offer(wolf_conn *conn, stls_bytes state) {
    const uint8_t *at;
    WOLFSSL_SESSION *session;
    uint16_t version;

    if (state.len <= WOLF_SESSION_HEAD || state.len > INT32_MAX)
        return;
    version = wolf_number(state.data) & (uint16_t)~WOLF_SESSION_EXTENDED;
    if (!wolf_resumes(conn->context, version) ||
        !wolf_has_suite(conn->context, wolf_number(state.data + 2)))
        return;
    at = state.data + WOLF_SESSION_HEAD;
    session = wolfSSL_d2i_SSL_SESSION(NULL, &at, (long)(state.len - WOLF_SESSION_HEAD));
    if (session && wolfSSL_set_session(conn->ssl, session) == WOLFSSL_SUCCESS)
        conn->offered = version;
    conn->handshake->offered_extended = wolf_number(state.data) & WOLF_SESSION_EXTENDED;
    if (wolf_logs_offered(conn))
        wolfSSL_KeepArrays(conn->ssl);
    wolfSSL_SESSION_free(session);
}

/* What wolfSSL_i2d_SSL_SESSION() gives begins with: side (1), birth (4), timeout (4), length of the
 * ID (1), ID, master secret. */
enum { WOLF_ID_LENGTH_AT = 1 + 4 + 4, WOLF_ID_AT };

/* A client that has offered a ticket and goes on in TLS 1.2 must wait and see whether the server
 * resumes. wolfSSL does so only if the session has no ID; otherwise it fails when the server does
 * not. It has one, made up from the ticket, which has no other use. The new length of `state`. */
static size_t wolf_drop_id(uint8_t *state, size_t len) {
    size_t id_len;

    if (len < WOLF_ID_AT || state[WOLF_ID_LENGTH_AT] > len - WOLF_ID_AT)
        return len;
    id_len = state[WOLF_ID_LENGTH_AT];
    state[WOLF_ID_LENGTH_AT] = 0;
    memmove(state + WOLF_ID_AT, state + WOLF_ID_AT + id_len, len - WOLF_ID_AT - id_len);
    return len - id_len;
}

/* wolfSSL has read a ticket; what belongs to it in the session is not yet complete. */
int wolf_session_came(WOLFSSL *ssl, const unsigned char *ticket, int len, void *arg) {
    wolf_conn *conn = arg;

    (void)ssl, (void)ticket;
    conn->session_due = len > 0 && len <= WOLF_OFFER_MAX;
    return 0;
}

void wolf_session_tell(wolf_conn *conn) {
    uint16_t version = (uint16_t)wolfSSL_version(conn->ssl);
    bool extended = conn->handshake && conn->handshake->extended_master;
    WOLFSSL_SESSION *session;
    uint8_t *state, *at;
    int len;

    if (!conn->session_due || !conn->established)
        return;
    conn->session_due = false;
    session = wolf_resumes(conn->context, version) ? wolfSSL_get1_session(conn->ssl) : NULL;
    len = session ? wolfSSL_i2d_SSL_SESSION(session, NULL) : 0;
    state =
        len > 0 ? XMALLOC(WOLF_SESSION_HEAD + (size_t)len, NULL, DYNAMIC_TYPE_TMP_BUFFER) : NULL;
    if (state) { /* out of memory: no session */
        wolf_put_number(state, version | (extended ? WOLF_SESSION_EXTENDED : 0u));
        wolf_put_number(state + 2, (uint16_t)wolfSSL_get_current_cipher_suite(conn->ssl));
        at = state + WOLF_SESSION_HEAD;
        if (wolfSSL_i2d_SSL_SESSION(session, &at) == len) {
            size_t left = wolf_drop_id(state + WOLF_SESSION_HEAD, (size_t)len);
            const stls_be_session told = {
                .state = {state, WOLF_SESSION_HEAD + left},
                .lifetime_s = (uint32_t)wolfSSL_SESSION_get_timeout(session),
                .single_use = version == STLS_TLS1_3,
            };
            conn->upcalls->session(conn->core, &told);
        }
        wolf_wipe(state, WOLF_SESSION_HEAD + (size_t)len);
        XFREE(state, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    }
    wolfSSL_SESSION_free(session);
}

static void wolf_log_resumed(wolf_conn *conn) {
    WOLFSSL_SESSION *session = wolfSSL_get1_session(conn->ssl);
    int len = session ? wolfSSL_i2d_SSL_SESSION(session, NULL) : 0;
    uint8_t *state = len > 0 ? XMALLOC((size_t)len, NULL, DYNAMIC_TYPE_TMP_BUFFER) : NULL,
            *at = state;

    if (state) {
        if (wolfSSL_i2d_SSL_SESSION(session, &at) == len && len >= WOLF_ID_AT + WOLF_MASTER_LEN &&
            state[WOLF_ID_LENGTH_AT] <= len - WOLF_ID_AT - WOLF_MASTER_LEN)
            wolf_log_master(conn, state + WOLF_ID_AT + state[WOLF_ID_LENGTH_AT]);
        wolf_wipe(state, (size_t)len);
        XFREE(state, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    }
    wolfSSL_SESSION_free(session);
}

void wolf_session_answered(wolf_conn *conn) {
    if (!wolf_logs_offered(conn))
        return;
    if (conn->resumed)
        wolf_log_resumed(conn);
    if (!(conn->context->applied & WOLF_KEEPS_ARRAYS))
        wolfSSL_FreeArrays(conn->ssl);
}
#endif

#ifdef WOLF_TICKETS

/* --- A server's tickets --- */

enum {
    WOLF_TICKET_FIXED = 16 + 16 + 32, /* key_name, iv, mac */
    WOLF_TICKET_MAC = 32,
    WOLF_TICKET_LENGTH = 2,
    WOLF_TICKET_AROUND = 32, /* at most, of the NewSessionTicket that it is in */
    WOLF_STAMP = 4,          /* form of the state, suite */
    WOLF_EXTENDED = 0x8000,  /* beside the form: the client has the extended master secret */
    TLS1_3_SUITES = 0x13,    /* what their numbers begin with */
};

/* What the form of wolfSSL's state in a ticket depends on. */
static uint16_t wolf_form(void) {
    unsigned form = (LIBWOLFSSL_VERSION_HEX >> 12 & 0xff) << 8 | (LIBWOLFSSL_VERSION_HEX & 0xf)
                                                                     << 4;

#ifdef WOLFSSL_TICKET_HAVE_ID
    form |= 1;
#endif
#ifdef OPENSSL_EXTRA
    form |= 2;
#endif
#ifdef WOLFSSL_EARLY_DATA
    form |= 4;
#endif
#ifdef WOLFSSL_32BIT_MILLI_TIME
    form |= 8;
#endif
    return (uint16_t)form;
}

/* No ticket. In TLS 1.3 wolfSSL is told so, and wolf_conn_handshake() goes on without. In TLS 1.2
 * the ServerHello has promised one already: the client gets one that nobody can open. */
static int wolf_ticket_none(wolf_conn *conn, uint8_t *name, uint8_t *iv, uint8_t *mac,
                            uint8_t *state, size_t len) {
    if (wolfSSL_version(conn->ssl) == STLS_TLS1_3) {
        conn->ticket_refused = true;
        return WOLFSSL_TICKET_RET_FATAL;
    }
    return wolf_random(name, 16) == STLS_BE_OK && wolf_random(iv, 16) == STLS_BE_OK &&
                   wolf_random(mac, WOLF_TICKET_MAC) == STLS_BE_OK &&
                   wolf_random(state, len) == STLS_BE_OK
               ? WOLFSSL_TICKET_RET_OK
               : WOLFSSL_TICKET_RET_FATAL;
}

/* Lays `ticket` over wolfSSL's fields; the length of the state field. */
static size_t wolf_ticket_lay(const uint8_t *ticket, size_t ticket_len, uint8_t *name, uint8_t *iv,
                              uint8_t *mac, uint8_t *state, size_t least) {
    size_t between = ticket_len - WOLF_TICKET_FIXED, used = WOLF_TICKET_LENGTH + between;

    memcpy(name, ticket, 16);
    memcpy(iv, ticket + 16, 16);
    memcpy(mac, ticket + ticket_len - WOLF_TICKET_MAC, WOLF_TICKET_MAC);
    wolf_put_number(state, ticket_len);
    memcpy(state + WOLF_TICKET_LENGTH, ticket + 32, between);
    if (used < least)
        memset(state + used, 0, least - used);
    return used < least ? least : used;
}

/* wolfSSL sends a NewSessionTicket in one record, however short those are that were agreed. */
static size_t wolf_ticket_most(const wolf_conn *conn, size_t room) {
    size_t fits = conn->handshake ? conn->handshake->max_fragment : 0;
    size_t most = WOLF_TICKET_FIXED + room - WOLF_TICKET_LENGTH;

    return fits > 0 && most > fits - WOLF_TICKET_AROUND ? fits - WOLF_TICKET_AROUND : most;
}

/* `room` is what the state field can hold, `len` what stands there: wolfSSL's state. */
static int wolf_ticket_seal(wolf_conn *conn, uint8_t *name, uint8_t *iv, uint8_t *mac,
                            uint8_t *state, size_t len, size_t room, int *out_len) {
    size_t size = wolf_ticket_most(conn, room), plain_len = WOLF_STAMP + len;
    uint8_t *plain = XMALLOC(plain_len + size, NULL, DYNAMIC_TYPE_TMP_BUFFER),
            *ticket = plain ? plain + plain_len : NULL;
    size_t ticket_len = 0;
    bool extended = conn->handshake && conn->handshake->extended_master;
    int result;

#ifdef WOLFSSL_EARLY_DATA
    /* A ticket invites the client to send as much early data as the connection may skip; by now,
     * nothing is left to skip. */
    (void)wolfSSL_set_max_early_data(conn->ssl, 0);
#endif
    if (plain) {
        wolf_put_number(plain, wolf_form() | (extended ? WOLF_EXTENDED : 0u));
        wolf_put_number(plain + 2, (uint16_t)wolfSSL_get_current_cipher_suite(conn->ssl));
        memcpy(plain + WOLF_STAMP, state, len);
    }
    if (plain &&
        conn->upcalls->ticket_seal(conn->core, wolfSSL_session_reused(conn->ssl) != 0,
                                   (stls_bytes){plain, plain_len}, ticket, size, &ticket_len) &&
        ticket_len >= WOLF_TICKET_FIXED && ticket_len <= size) {
        *out_len = (int)wolf_ticket_lay(ticket, ticket_len, name, iv, mac, state, len);
        result = WOLFSSL_TICKET_RET_OK;
    } else {
        *out_len = (int)len;
        result = wolf_ticket_none(conn, name, iv, mac, state, len);
    }
    if (plain)
        wolf_wipe(plain, plain_len);
    XFREE(plain, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    return result;
}

/* The ticket that wolfSSL's fields hold, in new memory; NULL: none that we have made. */
static uint8_t *wolf_ticket_lift(const uint8_t *name, const uint8_t *iv, const uint8_t *mac,
                                 const uint8_t *state, size_t len, size_t *ticket_len) {
    size_t between;
    uint8_t *ticket;

    if (len < WOLF_TICKET_LENGTH)
        return NULL;
    *ticket_len = wolf_number(state);
    if (*ticket_len < WOLF_TICKET_FIXED ||
        *ticket_len > WOLF_TICKET_FIXED + len - WOLF_TICKET_LENGTH)
        return NULL;
    between = *ticket_len - WOLF_TICKET_FIXED;
    for (size_t i = WOLF_TICKET_LENGTH + between; i < len; i++)
        if (state[i] != 0)
            return NULL;
    ticket = XMALLOC(*ticket_len, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (ticket) {
        memcpy(ticket, name, 16);
        memcpy(ticket + 16, iv, 16);
        memcpy(ticket + 32, state + WOLF_TICKET_LENGTH, between);
        memcpy(ticket + 32 + between, mac, WOLF_TICKET_MAC);
    }
    return ticket;
}

/* A ticket is for the version of its suite, which in TLS 1.2 must still be ours, and the client's:
 * wolfSSL would resume with it, or fail. In TLS 1.3 it would fail over one that is not offered for
 * a key agreement. And a session without extended master secret is not for a client that has it
 * (RFC 7627, 5.3): wolfSSL would open the ticket and then not resume, see wolf_untimely(). The
 * other way round it fails, as it must. */
static bool wolf_ticket_suits(wolf_conn *conn, const uint8_t *stamp) {
    uint16_t form = wolf_number(stamp), suite = wolf_number(stamp + 2);
    bool tls1_3 = wolfSSL_version(conn->ssl) == STLS_TLS1_3;
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);

    if (!hello || (form & ~WOLF_EXTENDED) != wolf_form() || tls1_3 != (suite >> 8 == TLS1_3_SUITES))
        return false;
    if (tls1_3)
        return hello->identities.len > 0;
    return wolf_has_suite(conn->context, suite) && stls_be_lists(hello->suites, suite) &&
           (!hello->extended_master || form & WOLF_EXTENDED);
}

/* The key log of a server of TLS 1.2 that resumes, as above. wolfSSL's state begins with: version
 * (2), suite (2), master secret. */
static void wolf_ticket_log(wolf_conn *conn, uint8_t *state, size_t len) {
    enum { MASTER_AT = 2 + 2 };

    if (wolfSSL_version(conn->ssl) == STLS_TLS1_2 && len >= MASTER_AT + WOLF_MASTER_LEN)
        wolf_log_master(conn, state + MASTER_AT);
}

static int wolf_ticket_open(wolf_conn *conn, const uint8_t *name, const uint8_t *iv,
                            const uint8_t *mac, uint8_t *state, size_t len, int *out_len) {
    size_t ticket_len, plain_len = 0;
    uint8_t *ticket = wolf_ticket_lift(name, iv, mac, state, len, &ticket_len);
    bool renew = false;
    int result = WOLFSSL_TICKET_RET_REJECT;

    if (!ticket)
        return result;
    if (conn->upcalls->ticket_open(conn->core, (stls_bytes){ticket, ticket_len}, ticket, ticket_len,
                                   &plain_len, &renew) &&
        plain_len > WOLF_STAMP && plain_len - WOLF_STAMP <= len &&
        wolf_ticket_suits(conn, ticket)) {
        memcpy(state, ticket + WOLF_STAMP, plain_len - WOLF_STAMP);
        *out_len = (int)(plain_len - WOLF_STAMP);
        conn->resumable = true;
        wolf_ticket_log(conn, state, (size_t)*out_len);
        /* In TLS 1.3, where every connection gets new tickets, the other answer is a no. */
        result = renew && wolfSSL_version(conn->ssl) != STLS_TLS1_3 ? WOLFSSL_TICKET_RET_CREATE
                                                                    : WOLFSSL_TICKET_RET_OK;
    }
    wolf_wipe(ticket, ticket_len);
    XFREE(ticket, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    return result;
}

/* A ClientHello of TLS 1.3 can have several tickets. wolfSSL opens them one after the other until
 * one will do, and then it may go back to one it has opened before. The core must know which one is
 * resumed: so no other is opened after one was good. */
int wolf_ticket(WOLFSSL *ssl, unsigned char *name, unsigned char *iv, unsigned char *mac,
                int encrypt, unsigned char *state, int len, int *out_len, void *unused) {
    wolf_conn *conn = wolfSSL_GetIOReadCtx(ssl);

    (void)unused;
    if (len <= 0 || *out_len < len)
        return encrypt ? WOLFSSL_TICKET_RET_FATAL : WOLFSSL_TICKET_RET_REJECT;
    if (encrypt) {
        wolf_alert_rekey(conn);
        return wolf_ticket_seal(conn, name, iv, mac, state, (size_t)len, (size_t)*out_len, out_len);
    }
    if (conn->resumable || !wolf_ask(conn))
        return WOLFSSL_TICKET_RET_REJECT;
    return wolf_ticket_open(conn, name, iv, mac, state, (size_t)len, out_len);
}
#endif
