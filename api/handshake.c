/* api/handshake.c - what a backend asks of the core during a handshake, and what its failures mean.
 *
 * SPDX-License-Identifier: MIT */
#include "api/guard.h"
#include "api/internal.h"
#include "api/resume.h"
#include "base/error.h"
#include "base/memory.h"

#include <siptls/iana.h>
#include <string.h>

enum {
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_INTERNAL_ERROR = 80,
    ALERT_UNRECOGNIZED_NAME = 112,
    ALERT_CERTIFICATE_REQUIRED = 116,
};

/* --- Upcalls --- */

static stls_be_status up_send(void *core, const uint8_t *data, size_t len) {
    stls_conn *conn = core;
    stls_guard_sent(conn->io.guard, data, len);
    return stls_io_send(&conn->io, data, len);
}

static stls_be_status up_recv(void *core, uint8_t *data, size_t size, size_t *got) {
    stls_conn *conn = core;
    return stls_io_recv(&conn->io, data, size, got);
}

/* Keeps the peer's chain with the connection. */
static bool keep_chain(stls_conn *conn, const stls_bytes *chain, size_t count) {
    stls_bytes *kept = stls_chain_copy(chain, count);
    if (kept == NULL) {
        return false;
    }
    stls_free(conn->peer_chain);
    conn->peer_chain = kept;
    conn->peer_count = count;
    return true;
}

static stls_be_decision reject(int alert) {
    return (stls_be_decision){.accept = false, .alert = (uint8_t)alert};
}

stls_verdict *stls_conn_new_verdict(stls_conn *conn) {
    if (conn->verdict == NULL) {
        conn->verdict = stls_alloc(1, sizeof *conn->verdict);
    }
    if (conn->verdict == NULL) {
        conn->io.no_memory = true;
        return NULL;
    }
    conn->verdict->alert = STLS_ALERT_NONE;
    return conn->verdict;
}

static void judge_absence(stls_conn *conn, uint16_t version) {
    stls_context_judge(conn->context, NULL, NULL, NULL, 0, conn->verdict);
    conn->verdict->alert =
        version == STLS_TLS1_3 ? ALERT_CERTIFICATE_REQUIRED : ALERT_HANDSHAKE_FAILURE;
}

stls_be_decision stls_conn_judge(stls_conn *conn, uint16_t version, const stls_bytes *chain,
                                 void *const *keys, size_t count) {
    bool is_server = conn->context->profile->role == STLS_ROLE_SERVER;
    if (conn->judged) {
        conn->broken_contract = true; /* the verdict that was acted on must stay the only one */
        conn->accepted = false;
        return reject(ALERT_INTERNAL_ERROR);
    }
    conn->judged = true;
    if (count == 0 && is_server && conn->verify != STLS_VERIFY_REQUIRED) {
        conn->accepted = true;
        return (stls_be_decision){.accept = true};
    }
    if (count > 0 && !keep_chain(conn, chain, count)) {
        conn->io.no_memory = true;
        return reject(ALERT_INTERNAL_ERROR);
    }
    if (conn->verify == STLS_VERIFY_NONE) {
        conn->accepted = true;
        return (stls_be_decision){.accept = true};
    }
    if (stls_conn_new_verdict(conn) == NULL) {
        return reject(ALERT_INTERNAL_ERROR);
    }
    if (count == 0) {
        judge_absence(conn, version);
    } else {
        stls_context_judge(conn->context, stls_conn_peer(conn), chain, keys, count, conn->verdict);
    }
    conn->accepted =
        conn->verdict->state == STLS_VERDICT_ACCEPTED || conn->verify == STLS_VERIFY_OPTIONAL_ANY;
    return conn->accepted ? (stls_be_decision){.accept = true} : reject(conn->verdict->alert);
}

static stls_be_decision up_verify(void *core, uint16_t version, const stls_bytes *chain,
                                  void *const *keys, size_t count) {
    return stls_conn_judge(core, version, chain, keys, count);
}

static stls_be_decision up_unreadable(void *core, uint16_t version, const stls_bytes *chain,
                                      size_t count, size_t index) {
    stls_conn *conn = core;
    (void)version;
    if (conn->judged) {
        conn->broken_contract = true;
        return reject(ALERT_INTERNAL_ERROR);
    }
    conn->judged = true;
    keep_chain(conn, chain, count); /* for the log only: without memory it is not kept */
    stls_verdict *verdict = stls_conn_new_verdict(conn);
    if (verdict == NULL) {
        return reject(ALERT_INTERNAL_ERROR);
    }
    stls_judge_unreadable(conn->context->profile->backend, chain, count, index, verdict);
    return reject(verdict->alert != STLS_ALERT_NONE ? verdict->alert
                                                    : ALERT_UNSUPPORTED_CERTIFICATE);
}

static const stls_be_hello *up_hello(void *core) {
    const stls_conn *conn = core;
    return stls_guard_hello(conn->io.guard);
}

static stls_be_selection up_select(void *core, stls_bytes server_name) {
    stls_conn *conn = core;
    const stls_profile *profile = conn->context->profile;
    const stls_host *host = stls_profile_find_host(profile, server_name);
    char name[STLS_PEER_NAME_SIZE];
    stls_text text = stls_text_in(name, sizeof name);
    stls_text_add_foreign(&text, server_name);
    if (conn->selected && strcmp(name, conn->server_name) != 0) {
        conn->refused_host = conn->changed_host = true; /* RFC 8446 section 4.1.2 forbids it */
        return (stls_be_selection){.accept = false, .alert = ALERT_ILLEGAL_PARAMETER};
    }
    if (!conn->selected && name[0] != '\0' && !stls_conn_keep_server_name(conn, name)) {
        conn->io.no_memory = true;
        return (stls_be_selection){.accept = false, .alert = ALERT_INTERNAL_ERROR};
    }
    conn->selected = true;
    if (host == NULL && (profile->strict_hosts || profile->credential == NULL)) {
        conn->refused_host = true;
        return (stls_be_selection){.accept = false, .alert = ALERT_UNRECOGNIZED_NAME};
    }
    conn->verify = host != NULL ? host->verify : profile->verify;
    conn->credential = host != NULL ? host->credential : profile->credential;
    return (stls_be_selection){
        .accept = true,
        .credential = stls_credential_block(conn->credential),
        .client_auth = stls_client_auth_of(conn->verify),
    };
}

static void up_alert(void *core, bool sent, bool fatal, uint8_t description) {
    stls_conn *conn = core;
    int16_t *place = sent ? &conn->alert_sent : &conn->alert_received;
    if (fatal && *place == STLS_ALERT_NONE) { /* the first one ended it */
        *place = description;
    }
    if (!sent && !fatal) {
        stls_flood_warned(&conn->io.flood);
    }
}

const stls_be_upcalls stls_conn_upcalls = {
    .send = up_send,
    .recv = up_recv,
    .verify = up_verify,
    .unreadable = up_unreadable,
    .hello = up_hello,
    .select = up_select,
    .alert = up_alert,
    .session = stls_up_session,
    .ticket_seal = stls_up_ticket_seal,
    .ticket_open = stls_up_ticket_open,
    .ticket_key = stls_up_ticket_key,
    .ticket_record = stls_up_ticket_record,
    .ticket_accept = stls_up_ticket_accept,
    .keylog = stls_up_keylog,
};

/* --- Failures --- */

/* What a peer means by an alert, as far as it helps whoever reads it. */
static const char *alert_meaning(int alert) {
    switch (alert) {
    case 40:
        return "it shares no version, cipher suite or group with us, or misses a certificate";
    case 42:
        return "it cannot use our certificate, or our certificate does not name us as it wants";
    case 43:
        return "it does not support the kind of our certificate";
    case 44:
        return "our certificate is revoked";
    case 45:
        return "our certificate is expired or not yet valid, by its clock";
    case 46:
        return "it does not accept our certificate";
    case 48:
        return "it does not trust the CA of our certificate";
    case 49:
        return "our certificate is good, but we are not allowed in";
    case 70:
        return "it does not speak a TLS version that we offer";
    case 71:
        return "it wants stronger cipher suites";
    case 112:
        return "it does not know the host name we asked for";
    case 116:
        return "it wants a client certificate, and we sent none";
    case 120:
        return "it shares no application protocol with us";
    default:
        return NULL;
    }
}

static stls_result fail_alert(stls_conn *conn) {
    const char *what = conn->state == STLS_CONN_OPEN ? "connection" : "handshake";
    const char *name = stls_iana_name(STLS_REGISTRY_ALERT, (uint16_t)conn->alert_received);
    const char *meaning = alert_meaning(conn->alert_received);
    return stls_fail(conn->reason, STLS_E_ALERT, "the peer ended the %s with the alert %s (%d)%s%s",
                     what, name != NULL ? name : "of an unknown number", conn->alert_received,
                     meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
}

static stls_result fail_not_tls(stls_conn *conn) {
    const char *said = conn->io.first_text; /* there, or memory had run out */
    const char *what = strncmp(said, "SIP/2.0", 7) == 0 || strstr(said, " sip:") != NULL ||
                               strstr(said, "SIP/2.0") != NULL
                           ? "SIP without TLS"
                       : strncmp(said, "HTTP/", 5) == 0 || strstr(said, " HTTP/") != NULL
                           ? "HTTP without TLS"
                       : strncmp(said, "SSH-", 4) == 0 ? "SSH"
                       : said[0] == '\\'               ? "something that is not TLS"
                                                       : "text that is not TLS";
    return stls_fail(conn->reason, STLS_E_NOT_TLS,
                     "the peer speaks %s (its first bytes: \"%s\"): is this its TLS port?", what,
                     said);
}

static stls_result fail_complaint(stls_conn *conn) {
    const stls_complaint *complaint = stls_guard_complaint(conn->io.guard);
    const char *kind = complaint->result == STLS_E_NOTHING_SHARED
                           ? "the peer and we do not fit together in the handshake"
                       : complaint->result == STLS_E_LIMIT
                           ? "the peer sends too much during the handshake"
                       : complaint->result == STLS_E_BACKEND
                           ? "the handshake failed"
                           : "the peer broke the TLS protocol during the handshake";
    conn->alert_sent = complaint->alert;
    return stls_fail(conn->reason, complaint->result, "%s: %s", kind, complaint->text);
}

static stls_result fail_transport(stls_conn *conn, const char *when) {
    int code = conn->io.system_error;
    char words[128];
    stls_error_fill(conn->reason, STLS_E_TRANSPORT, "the connection broke during %s%s%s", when,
                    code != 0 ? ": " : "", code != 0 ? strerror_r(code, words, sizeof words) : "");
    if (conn->reason != NULL) {
        conn->reason->native = code;
    }
    return STLS_E_TRANSPORT;
}

static stls_result fail_host(stls_conn *conn) {
    if (conn->changed_host) {
        return stls_fail(conn->reason, STLS_E_PROTOCOL,
                         "the client asks for host \"%s\" first, and for another one in its second "
                         "ClientHello",
                         conn->server_name);
    }
    if (conn->server_name[0] == '\0') {
        return stls_fail(conn->reason, STLS_E_REFUSED,
                         "the client asks for no host by SNI, and only known hosts are served");
    }
    return stls_fail(conn->reason, STLS_E_REFUSED,
                     "the client asks for host \"%s\", which is not served here",
                     conn->server_name);
}

static stls_result fail_end(stls_conn *conn, stls_be_status status, const char *when) {
    if (status == STLS_BE_CLOSED) {
        return stls_fail(conn->reason, STLS_CLOSED,
                         "the peer closed the TLS connection during %s, without a reason", when);
    }
    if (conn->io.bytes_in == 0) {
        return stls_fail(conn->reason, STLS_EOF,
                         "the peer closed the connection without having sent a byte");
    }
    return stls_fail(conn->reason, STLS_EOF,
                     "the peer closed the connection during %s, without a TLS alert", when);
}

static stls_result fail_backend(stls_conn *conn, const stls_be_failure *failure, const char *when) {
    const char *name = conn->context->profile->backend->name;
    const char *words = failure->text[0] != '\0' ? failure->text : "it does not say why";
    switch (failure->cause) {
    case STLS_BE_CAUSE_NOTHING_SHARED:
        return stls_fail(conn->reason, STLS_E_NOTHING_SHARED,
                         "the peer and we share no TLS version, cipher suite, group, signature "
                         "scheme or protocol (%s: %s)",
                         name, words);
    case STLS_BE_CAUSE_PROTOCOL:
        return stls_fail(conn->reason, STLS_E_PROTOCOL,
                         "the peer broke the TLS protocol during %s (%s: %s)", when, name, words);
    case STLS_BE_CAUSE_TOO_LONG:
        return stls_fail(conn->reason, STLS_E_LIMIT,
                         "the peer's certificates are longer than the limit of %zu bytes, or "
                         "another of its messages is too long (%s: %s)",
                         conn->context->profile->rules.chain_bytes_max, name, words);
    case STLS_BE_CAUSE_UNREADABLE:
        return stls_fail(conn->reason, STLS_E_VERIFY,
                         "%s cannot read a certificate of the peer: %s", name, words);
    default:
        return stls_fail(conn->reason, STLS_E_BACKEND, "%s failed during %s: %s", name, when,
                         words);
    }
}

/* The most telling of all that is known comes first: what we decided, then what the peer said, then
 * what the transport did, then the library's own words. */
static stls_result explain(stls_conn *conn, stls_be_status status, const stls_be_failure *failure,
                           const char *when) {
    if (conn->broken_contract) {
        return stls_fail(conn->reason, STLS_E_BACKEND,
                         "%s asked for two verdicts in one handshake: refused",
                         conn->context->profile->backend->name);
    }
    const stls_verdict *verdict = stls_conn_verdict(conn);
    bool judged_without = conn->judged && (verdict->flags & STLS_FLAG_OTHER) != 0;
    if (status == STLS_BE_NO_MEMORY || conn->io.no_memory || judged_without) {
        return stls_fail(conn->reason, STLS_E_NO_MEMORY, "no memory during %s", when);
    }
    if (conn->io.first == STLS_FIRST_BYTES_NOT_TLS) {
        return fail_not_tls(conn);
    }
    if (stls_guard_complaint(conn->io.guard) != NULL) {
        return fail_complaint(conn);
    }
    if (conn->io.flood.ended) {
        return stls_fail(conn->reason, STLS_E_PROTOCOL,
                         "the peer broke the TLS protocol: it sends record after record, and none "
                         "that leads anywhere");
    }
    if (conn->refused_host) {
        return fail_host(conn);
    }
    if (conn->judged && !conn->accepted) {
        return stls_fail(conn->reason, STLS_E_VERIFY, "%s", verdict->text);
    }
    if (conn->alert_received != STLS_ALERT_NONE) {
        return fail_alert(conn);
    }
    if (status == STLS_BE_EOF || status == STLS_BE_CLOSED) {
        return fail_end(conn, status, when);
    }
    if (conn->io.recv_failed || conn->io.send_failed) {
        return fail_transport(conn, when);
    }
    return fail_backend(conn, failure, when);
}

stls_result stls_conn_fail(stls_conn *conn, stls_be_status status, const stls_be_failure *failure,
                           const char *when) {
    if (failure->cause == STLS_BE_CAUSE_NO_CERTIFICATE && !conn->judged) {
        stls_conn_judge(conn, conn->alert_sent == ALERT_CERTIFICATE_REQUIRED ? STLS_TLS1_3 : 0,
                        NULL, NULL, 0);
    }
    stls_error *reason = stls_conn_reason(conn);
    stls_result result = explain(conn, status, failure, when);
    if (reason != NULL) {
        reason->alert_sent = conn->alert_sent;
        reason->alert_received = conn->alert_received;
        reason->native = reason->native != 0 ? reason->native : failure->native;
    }
    return stls_conn_end(conn, result);
}
