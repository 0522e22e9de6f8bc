/* backends/wolfssl/hooks.c - what wolfSSL calls during a connection: the transport, the verdict,
 * the selection.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

/* --- The protocol --- */

#ifdef HAVE_ALPN
static bool wolf_offers(stls_bytes protocols, const char *name, size_t len) {
    for (size_t at = 0; at < protocols.len; at += 1 + (size_t)protocols.data[at])
        if (protocols.data[at] == len && len < protocols.len - at &&
            memcmp(protocols.data + at + 1, name, len) == 0)
            return true;
    return false;
}

/* wolfSSL would follow the client's order of protocols. So it is given only our first that the
 * client has too; or all, to send no_application_protocol, if there is none. (What wolfSSL tells of
 * the client's is one text, where a comma may be part of a name.) This has to be before wolfSSL
 * reads the ClientHello: of TLS 1.3 it wants the tickets to be the last extension that it has got.
 */
static bool wolf_choose_protocol(wolf_conn *conn) {
    const stls_be_hello *hello;
    char *ours = conn->context->alpn;
    size_t len = conn->context->alpn_len, n;
    char chosen[WOLFSSL_MAX_ALPN_PROTO_NAME_LEN + 1];

    if (!ours || conn->context->role == STLS_ROLE_CLIENT || !conn->handshake ||
        conn->handshake->looked)
        return true;
    hello = conn->upcalls->hello(conn->core);
    conn->handshake->looked = hello;
    if (!hello || hello->protocols.len == 0)
        return true; /* the client did not ask */
    for (char *at = ours; at <= ours + len; at += n + 1) {
        n = strcspn(at, ",");
        if (wolf_offers(hello->protocols, at, n)) {
            memcpy(chosen, at, n);
            ours = chosen;
            len = n;
            break;
        }
    }
    return wolfSSL_UseALPN(conn->ssl, ours, (unsigned)len, WOLFSSL_ALPN_FAILED_ON_MISMATCH) ==
           WOLFSSL_SUCCESS;
}
#endif

/* --- The ServerHello --- */

static void wolf_look_at_answer(wolf_conn *conn) {
    const stls_be_hello *hello;

    if (conn->context->role == STLS_ROLE_SERVER || !conn->handshake)
        return;
    hello = conn->upcalls->hello(conn->core);
    if (hello) {
        conn->handshake->answered = true;
        conn->handshake->extended_master = hello->extended_master;
    }
}

/* RFC 7627 section 5.3: a client must not go on if a server resumes a session that had the
 * extension without it, or the reverse. wolfSSL's does. Whether it is resumed is certain when it
 * has something to send. */
static bool wolf_resumes_other_master(const wolf_conn *conn) {
    return conn->handshake && conn->handshake->answered && conn->offered == STLS_TLS1_2 &&
           wolfSSL_version(conn->ssl) == STLS_TLS1_2 && wolfSSL_session_reused(conn->ssl) &&
           conn->handshake->extended_master != conn->handshake->offered_extended;
}

/* --- Transport --- */

/* wolfSSL hears of nothing but "no bytes yet": after its own end of file it would neither write nor
 * close, and half closed connections are ours to manage. The calls in conn.c look at what is
 * remembered here. */
int wolf_recv(WOLFSSL *ssl, char *data, int size, void *arg) {
    wolf_conn *conn = arg;
    size_t got = 0;

    (void)ssl;
    /* Between two records. Behind the handshake the end of the call is soon enough. */
    if (!conn->established && conn->frame_skip == 0)
        wolf_alert_received(conn);
    wolf_alert_rekey(conn);
#ifdef WOLF_SESSIONS
    if (conn->session_due)
        wolf_session_tell(conn); /* the next record may be another ticket */
#endif
    if (conn->eof || conn->transport_failed || size <= 0)
        return WOLFSSL_CBIO_ERR_WANT_READ;
    switch (conn->upcalls->recv(conn->core, (uint8_t *)data, (size_t)size, &got)) {
    case STLS_BE_OK:
        if (!conn->established)
            wolf_alert_listen(conn, (const uint8_t *)data, got);
        wolf_look_at_answer(conn);
#ifdef HAVE_ALPN
        if (!wolf_choose_protocol(conn)) {
            conn->cause = STLS_BE_CAUSE_SETTING;
            conn->reason = "wolfSSL did not take the list of protocols";
            return WOLFSSL_CBIO_ERR_GENERAL;
        }
#endif
        return (int)got;
    case STLS_BE_WANT_READ:
        break;
    case STLS_BE_EOF:
        conn->eof = true;
        break;
    default:
        conn->transport_failed = true;
    }
    return WOLFSSL_CBIO_ERR_WANT_READ;
}

/* Whether a server can go on with a ClientHello that has no extensions: its client is taken to have
 * P-256, and so does wolfSSL. */
static bool wolf_takes_bare_hello(const wolf_context *context) {
    bool p256 = context->group_count == 0;

    for (size_t i = 0; i < context->group_count; i++)
        p256 |= context->groups[i] == WOLF_P256;
    return p256 && !context->select_wanted;
}

int wolf_send(WOLFSSL *ssl, char *data, int len, void *arg) {
    wolf_conn *conn = arg;

    (void)ssl;
    if (len <= 0)
        return WOLFSSL_CBIO_ERR_GENERAL;
    /* wolfSSL does not call wolf_select for a ClientHello of TLS 1.2 without any extension. */
    if (conn->context->role == STLS_ROLE_SERVER && !conn->selected && data[0] != 21 &&
        !wolf_takes_bare_hello(conn->context)) {
        conn->cause = STLS_BE_CAUSE_NOTHING_SHARED;
        conn->reason = "a ClientHello without extensions, which wolfSSL shows to nobody";
        return WOLFSSL_CBIO_ERR_GENERAL;
    }
    if (data[0] != 21 && wolf_resumes_other_master(conn)) {
        conn->cause = STLS_BE_CAUSE_PROTOCOL;
        conn->reason = "resumed with and without extended master secret";
        return WOLFSSL_CBIO_ERR_GENERAL;
    }
    return wolf_alert_send(conn, (const uint8_t *)data, (size_t)len) == STLS_BE_OK
               ? len
               : WOLFSSL_CBIO_ERR_GENERAL;
}

/* --- What may come when ---
 *
 * A server of wolfSSL also reads certificates that it has not asked for, and behind a resumption,
 * or behind the handshake; there it does without a CertificateVerify. In TLS 1.2 it passes over a
 * CertificateVerify for a key that it could not load, and then all depends on a note that the peer
 * is known; which it makes when it opens a ticket, and keeps when it does not resume after all. So
 * there are three forms of a handshake, and no other counts:
 *
 *     resumed                no certificates have come, not even the message without any
 *     with certificates      asked for, judged, and of a key that wolfSSL can use: then it has
 *                            checked the peer's signature
 *     without certificates   none were asked for, or the judgement is that none are needed */

static bool wolf_asks(const wolf_conn *conn) {
    return conn->context->role == STLS_ROLE_CLIENT || conn->client_auth != STLS_BE_CLIENT_AUTH_NONE;
}

static const char wolf_certificates_and_session[] =
    "certificates came though a session was resumed";

/* Why a Certificate may not come now; NULL: it may. */
static const char *wolf_untimely(const wolf_conn *conn) {
    if (conn->established)
        return "certificates came behind the handshake";
    if (!wolf_asks(conn))
        return "the client sent certificates that it was not asked for";
    if (wolfSSL_session_reused(conn->ssl))
        return wolf_certificates_and_session;
    if (conn->resumable && wolfSSL_version(conn->ssl) == STLS_TLS1_2)
        return "wolfSSL has opened a ticket and not resumed its session";
    return NULL;
}

/* Ends the connection for `cause`: always false. */
static bool wolf_refuse(wolf_conn *conn, stls_be_cause cause, const char *reason) {
    conn->cause = cause;
    conn->reason = reason;
    return false;
}

bool wolf_proved(wolf_conn *conn) {
    bool client = conn->context->role == STLS_ROLE_CLIENT;

    if (wolfSSL_session_reused(conn->ssl)) {
        if (conn->judged)
            return wolf_refuse(conn, STLS_BE_CAUSE_PROTOCOL, wolf_certificates_and_session);
        return (client ? conn->offered == wolfSSL_version(conn->ssl) : conn->resumable) ||
               wolf_refuse(conn, STLS_BE_CAUSE_VERIFY,
                           "wolfSSL has resumed a session that was not to be resumed");
    }
    if (!conn->judged)
        return !wolf_asks(conn) || wolf_refuse(conn, STLS_BE_CAUSE_PROTOCOL,
                                               "the peer has not said who it is, though asked");
    return (wolf_asks(conn) && conn->accepted) ||
           wolf_refuse(conn, STLS_BE_CAUSE_VERIFY, "certificates came that nobody has accepted");
}

/* --- The verdict --- */

int wolf_verify_flags(const wolf_conn *conn) {
    /* FAIL_IF_NO_PEER_CERT would keep us from being called for a client without certificate;
     * wolf_judge knows of STLS_BE_CLIENT_AUTH_REQUIRED. */
    if (conn->context->role == STLS_ROLE_SERVER && conn->client_auth == STLS_BE_CLIENT_AUTH_NONE)
        return WOLFSSL_VERIFY_NONE;
    return WOLFSSL_VERIFY_PEER;
}

static bool wolf_reject(wolf_conn *conn, stls_be_cause cause, uint8_t alert, const char *reason) {
    wolf_alert_want(conn, alert);
    return wolf_refuse(conn, cause, reason);
}

/* Whether wolfSSL can check what is signed with the key of `leaf`. It offers rsa_pss_pss_* along
 * with rsa_pss_rsae_*, and then fails over such a key (5.7), or uses it though nobody has asked for
 * these schemes. A client of it ends a handshake over a key that it could not load. */
static bool wolf_can_use(wolf_conn *conn, stls_bytes leaf) {
    stls_be_status status;
    stls_bytes spki;
    void *key = NULL;

    if (!wolf_certificate_spki(leaf, &spki))
        return false;
    if (wolf_spki_is_pss(spki) || conn->context->role == STLS_ROLE_CLIENT)
        return !wolf_spki_is_pss(spki);
    status = wolf_key_from_spki(spki, &key);
    wolf_key_free(key);
    conn->no_memory |= status == STLS_BE_NO_MEMORY;
    return status == STLS_BE_OK;
}

static bool wolf_judge(wolf_conn *conn, const WOLFSSL_X509_STORE_CTX *store) {
    const wolf_context *context = conn->context;
    const char *untimely = wolf_untimely(conn);
    stls_bytes chain[MAX_CHAIN_DEPTH];
    size_t count = store->totalCerts > 0 ? (size_t)store->totalCerts : 0, bytes = 0;
    uint16_t version = (uint16_t)wolfSSL_version(conn->ssl);
    stls_be_decision decision;

    if (untimely)
        return wolf_reject(conn, STLS_BE_CAUSE_PROTOCOL, unexpected_message, untimely);
    if (count > MAX_CHAIN_DEPTH || (count == 0 && context->role == STLS_ROLE_CLIENT))
        return wolf_reject(conn, STLS_BE_CAUSE_PROTOCOL, bad_certificate,
                           "no certificates, or more than wolfSSL can have read");
    for (size_t i = 0; i < count; i++) {
        chain[i] = (stls_bytes){store->certs[i].buffer, store->certs[i].length};
        bytes += chain[i].len;
    }
    if (bytes > context->chain_bytes_max)
        return wolf_reject(conn, STLS_BE_CAUSE_TOO_LONG, certificate_unknown,
                           "the peer's certificates have more bytes than the limit");
    if (count > 0 && !wolf_can_use(conn, chain[0])) {
        decision = conn->upcalls->unreadable(conn->core, version, chain, count, 0);
        return wolf_reject(conn, STLS_BE_CAUSE_VERIFY, decision.alert,
                           "a certificate for a key that wolfSSL cannot use");
    }

    decision = conn->upcalls->verify(conn->core, version, chain, NULL, count);
    if (!decision.accept)
        return wolf_reject(conn, STLS_BE_CAUSE_VERIFY, decision.alert,
                           "the peer's certificates were rejected");
    if (count == 0 && conn->client_auth == STLS_BE_CLIENT_AUTH_REQUIRED)
        return wolf_reject(conn, STLS_BE_CAUSE_NO_CERTIFICATE,
                           version == STLS_TLS1_3 ? certificate_required : handshake_failure,
                           "the client sent no certificate");
    return true;
}

/* Called for each certificate, the last one sent first, and for the leaf sometimes twice. What
 * wolfSSL thinks of the certificate (`ok`, store->error) has no meaning here, in no direction. */
int wolf_verify(int ok, WOLFSSL_X509_STORE_CTX *store) {
    wolf_conn *conn = store->userCtx;

    (void)ok;
    if (!conn)
        return 0;
    if (!conn->judged || conn->established) {
        conn->judged = true;
        conn->accepted = wolf_judge(conn, store);
    }
    if (!conn->accepted)
        return 0;
    /* With VERIFY_NONE wolfSSL does not add a CA of the peer to the trust store, in any build. For
     * the leaf the flags must be the ones from before, or TLS 1.2 ends with -229. */
    wolfSSL_set_verify(conn->ssl,
                       store->error_depth > 0 ? WOLFSSL_VERIFY_NONE : wolf_verify_flags(conn),
                       wolf_verify);
    return 1;
}

/* --- The selection: a server has read a ClientHello --- */

static bool wolf_use_credential(wolf_conn *conn, const wolf_credential *credential) {
    int result = wolfSSL_use_certificate_chain_buffer_format(
        conn->ssl, credential->chain, (long)credential->chain_len, WOLFSSL_FILETYPE_ASN1);

    if (result == WOLFSSL_SUCCESS)
        result = wolfSSL_use_PrivateKey_buffer(conn->ssl, credential->key,
                                               (long)credential->key_len, WOLFSSL_FILETYPE_ASN1);
    conn->no_memory |= result == MEMORY_E || result == MEMORY_ERROR;
    return result == WOLFSSL_SUCCESS;
}

/* Makes the select upcall, once: for a ticket, which wolfSSL may open before it has read the name,
 * or behind the extensions. Whether it accepts. */
bool wolf_ask(wolf_conn *conn) {
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);

    if (conn->context->select_wanted && !conn->handshake->asked && hello) {
        conn->handshake->selection = conn->upcalls->select(conn->core, hello->server_name);
        conn->handshake->asked = true;
    }
    return !conn->context->select_wanted || conn->handshake->selection.accept;
}

static bool wolf_choose(wolf_conn *conn, int *alert) {
    bool accept = wolf_ask(conn);
    stls_be_selection selection = conn->handshake->selection;
    const wolf_credential *credential =
        selection.credential ? selection.credential : conn->context->credential;

    if (!accept) {
        *alert = selection.alert;
        return wolf_refuse(conn, STLS_BE_CAUSE_SELECT, "the server name was refused");
    }
    *alert = internal_error;
    if (!credential)
        return wolf_refuse(conn, STLS_BE_CAUSE_SETTING, "no credential was selected");
    if (conn->context->others ? !wolf_use_credential(conn, credential)
                              : credential != conn->context->credential)
        return wolf_refuse(conn, STLS_BE_CAUSE_SETTING,
                           "wolfSSL did not take the selected credential");
    conn->client_auth = selection.client_auth;
    wolfSSL_set_verify(conn->ssl, wolf_verify_flags(conn), wolf_verify);
    return true;
}

/* In TLS 1.2 a server of wolfSSL takes whatever group the client offers, also one that is not in
 * its own list, and in the client's order: so it is left one group. In TLS 1.3 it keeps to its
 * list; there "no group in common" is told as on the other backends. False: none is shared. */
static bool wolf_choose_group(wolf_conn *conn) {
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);
    bool tls1_3 = wolfSSL_version(conn->ssl) == STLS_TLS1_3;

    if (conn->context->group_count == 0)
        return true;
    for (size_t i = 0; hello && i < conn->context->group_count; i++) {
        int group = conn->context->groups[i];
        if (group == WOLF_X25519MLKEM768 && !tls1_3)
            continue;
        if (stls_be_lists(hello->groups, (uint16_t)group) ||
            (hello->groups.len == 0 && group == WOLF_P256))
            return tls1_3 || wolfSSL_set_groups(conn->ssl, &group, 1) == WOLFSSL_SUCCESS;
    }
    return false;
}

int wolf_select(WOLFSSL *ssl, int *alert, void *unused) {
    wolf_conn *conn = wolfSSL_GetIOReadCtx(ssl);
    const stls_be_hello *hello = conn->upcalls->hello(conn->core);

    (void)unused;
    if (wolfSSL_version(ssl) == STLS_TLS1_3)
        conn->resumable = false; /* its tickets come next; in TLS 1.2 it has come before */
    if (conn->selected)
        return 0; /* the second ClientHello of TLS 1.3 has the same names */
    conn->selected = true;
    conn->handshake->max_fragment = hello ? hello->max_fragment : 0;
    conn->handshake->extended_master = hello && hello->extended_master;
    if (conn->context->select_wanted && !wolf_choose(conn, alert))
        return fatal_return;
    if (!wolf_choose_group(conn)) {
        *alert = handshake_failure;
        wolf_refuse(conn, STLS_BE_CAUSE_NOTHING_SHARED, "no group is shared");
        return fatal_return;
    }
    return 0;
}

/* --- Secrets --- */

#ifdef HAVE_SECRET_CALLBACK
static bool wolf_logs_secrets(const wolf_conn *conn) {
    return (conn->context->applied & STLS_BE_SET_KEYLOG) != 0;
}

static void wolf_log_secret(wolf_conn *conn, const char *label, const uint8_t *secret, int len) {
    uint8_t client_random[32];

    if (len > 0 && wolfSSL_get_client_random(conn->ssl, client_random, sizeof client_random) ==
                       sizeof client_random)
        conn->upcalls->keylog(conn->core, label, client_random, (stls_bytes){secret, (size_t)len});
}

int wolf_master_secret(WOLFSSL *ssl, void *secret, int len, void *conn) {
    (void)ssl;
    if (wolf_logs_secrets(conn))
        wolf_log_secret(conn, "CLIENT_RANDOM", secret, len);
    return 0;
}

#ifdef WOLFSSL_TLS13
static void wolf_log_secret_of_id(wolf_conn *conn, int id, const uint8_t *secret, int len) {
    static const struct {
        int id;
        const char *label;
    } labels[] = {
        {CLIENT_EARLY_TRAFFIC_SECRET, "CLIENT_EARLY_TRAFFIC_SECRET"},
        {CLIENT_HANDSHAKE_TRAFFIC_SECRET, "CLIENT_HANDSHAKE_TRAFFIC_SECRET"},
        {SERVER_HANDSHAKE_TRAFFIC_SECRET, "SERVER_HANDSHAKE_TRAFFIC_SECRET"},
        {CLIENT_TRAFFIC_SECRET, "CLIENT_TRAFFIC_SECRET_0"},
        {SERVER_TRAFFIC_SECRET, "SERVER_TRAFFIC_SECRET_0"},
        {EARLY_EXPORTER_SECRET, "EARLY_EXPORTER_SECRET"},
        {EXPORTER_SECRET, "EXPORTER_SECRET"},
    };

    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (labels[i].id == id)
            wolf_log_secret(conn, labels[i].label, secret, len);
}
#endif

int wolf_secret(WOLFSSL *ssl, int id, const unsigned char *secret, int len, void *arg) {
    wolf_conn *conn = arg;
#ifdef WOLFSSL_TLS13
    if (wolf_logs_secrets(conn))
        wolf_log_secret_of_id(conn, id, secret, len);
#endif
    (void)ssl, (void)id;
#if WOLF_TELLS_SECRET
    wolf_alert_secret(conn, id, secret, len);
#endif
    return 0;
}
#endif
