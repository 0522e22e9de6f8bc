/* api/resume.c - what sessions and tickets mean: when one may be used, and who the peer is then.
 *
 * A client's session and a server's ticket both carry the verdict that a full handshake has given,
 * and are good only where that verdict would be given again: the same settings (by a digest), the
 * same names, and a time at which no date has passed since. So nothing is skipped by resuming but
 * the work.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

enum {
    BINDING_LEN = 16,
    FORMAT = 3,                               /* of records */
    PROVED_FOR_S = STLS_SESSION_LIFETIME_MAX, /* then certificates must be shown again */
    SETTINGS_BYTES_MAX = 1 << 24,
    UNTOLD_LIFETIME_S = 3600, /* of a session of TLS 1.2 whose server has told none */
    TURNED_AWAY_MAX = 3,      /* so often a session outlives that its client is turned away */
};

static const stls_profile *profile_of(const stls_conn *conn) {
    return conn->context->profile;
}

static int64_t now_of(const stls_conn *conn) {
    return stls_profile_now(profile_of(conn));
}

/* --- Fingerprints --- */

static bool finish_digest(const stls_backend *backend, stls_writer *writer,
                          uint8_t digest[STLS_FINGERPRINT_SIZE]) {
    uint8_t whole[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    bool done = !writer->failed &&
                backend->digest(STLS_HASH_SHA256, (stls_bytes){writer->data, writer->len}, whole,
                                &len) == STLS_BE_OK &&
                len == STLS_FINGERPRINT_SIZE;
    memcpy(digest, whole, done ? STLS_FINGERPRINT_SIZE : 0);
    stls_writer_free(writer);
    return done;
}

static void write_codes(stls_writer *writer, const stls_code_list *list) {
    stls_write_number(writer, list->count, 2);
    for (size_t i = 0; i < list->count; i++) {
        stls_write_number(writer, list->at[i], 2);
    }
}

/* What decides about the peer's certificates. */
static void write_verification(stls_writer *writer, const stls_profile *profile,
                               const uint8_t trust[STLS_TRUST_DIGEST_LEN]) {
    const stls_rules *rules = &profile->rules;
    stls_write_number(writer, (uint64_t)rules->identity, 1);
    stls_write_number(writer, rules->identity_flags, 4);
    stls_write_number(writer, (uint64_t)rules->usage, 1);
    stls_write_number(writer, (uint64_t)rules->strength, 1);
    stls_write_number(writer, (uint64_t)rules->crl, 1);
    stls_write_number(writer, rules->tolerated, 4);
    stls_write_number(writer, rules->max_intermediates, 4);
    stls_write_number(writer, rules->chain_bytes_max, 8);
    stls_write_number(writer, (uint64_t)profile->clock_floor, 8);
    stls_write_number(writer, rules->name_count, 4);
    for (size_t i = 0; i < rules->name_count; i++) {
        stls_write_text(writer, profile->names[i]);
    }
    stls_write_fixed(writer, trust, STLS_TRUST_DIGEST_LEN);
}

/* What a client has negotiated, and shows of itself. */
static void write_negotiation(stls_writer *writer, const stls_profile *profile) {
    stls_write_number(writer, profile->version_min, 2);
    stls_write_number(writer, profile->version_max, 2);
    write_codes(writer, &profile->suites);
    write_codes(writer, &profile->groups);
    write_codes(writer, &profile->schemes);
    stls_write_text(writer, profile->alpn);
    stls_write_number(writer, profile->max_fragment, 2);
    stls_write_number(writer, (uint64_t)profile->verify, 1);
    for (size_t i = 0; profile->credential != NULL; i++) {
        stls_bytes certificate = stls_credential_certificate(profile->credential, i);
        if (certificate.len == 0) {
            break;
        }
        stls_write_vector(writer, certificate);
    }
}

/* Of a client all that its sessions depend on. Of a server what its verdict on clients depends on:
 * the rest is in each ticket. */
static bool take_fingerprint(stls_context *context) {
    const stls_profile *profile = context->profile;
    const stls_backend *backend = profile->backend;
    uint8_t trust[STLS_TRUST_DIGEST_LEN];
    stls_be_description description = {0};
    stls_writer writer = {.max = SETTINGS_BYTES_MAX};
    if (!stls_trust_digest(profile->trust, backend, trust)) {
        return false;
    }
    backend->describe(&description);
    stls_write_number(&writer, FORMAT, 1);
    stls_write_text(&writer, backend->name);
    stls_write_text(&writer, description.version_running);
    stls_write_text(&writer, STLS_VERSION);
    stls_write_number(&writer, (uint64_t)profile->role, 1);
    write_verification(&writer, profile, trust);
    if (profile->role == STLS_ROLE_CLIENT) {
        write_negotiation(&writer, profile);
    } else {
        write_codes(&writer, &profile->schemes); /* by which a client proves that it has its key */
    }
    return finish_digest(backend, &writer, context->fingerprint);
}

bool stls_session_key(const stls_context *context, const char *peer, const char *server_name,
                      uint8_t key[STLS_FINGERPRINT_SIZE]) {
    stls_writer writer = {.max = 4096};
    stls_write_fixed(&writer, context->fingerprint, sizeof context->fingerprint);
    stls_write_text(&writer, peer);
    stls_write_text(&writer, server_name);
    return finish_digest(context->profile->backend, &writer, key);
}

/* What must be the same where a ticket comes back: the name that the client asked for, the groups,
 * since a resumed connection of TLS 1.2 goes on with what was agreed by one of them, what the
 * client was asked for itself, and, if that was a certificate, how it is judged. */
static bool ticket_binding(const stls_conn *conn, uint8_t binding[BINDING_LEN]) {
    uint8_t digest[STLS_FINGERPRINT_SIZE];
    stls_writer writer = {.max = 4096};
    stls_write_number(&writer, (uint64_t)conn->verify, 1);
    stls_write_text(&writer, conn->server_name);
    write_codes(&writer, &profile_of(conn)->groups);
    if (conn->verify != STLS_VERIFY_NONE) {
        stls_write_fixed(&writer, conn->context->fingerprint, sizeof conn->context->fingerprint);
    }
    bool done = finish_digest(profile_of(conn)->backend, &writer, digest);
    memcpy(binding, digest, done ? BINDING_LEN : 0);
    return done;
}

/* --- A context --- */

stls_result stls_context_prepare_resumption(stls_context *context, stls_error *error) {
    const stls_profile *profile = context->profile;
    if (!profile->resumes) {
        return STLS_OK;
    }
    if (!take_fingerprint(context)) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the fingerprint of the settings");
    }
    if (profile->role == STLS_ROLE_SERVER) {
        context->ring = stls_ticket_ring_hold(profile->ring);
        return context->ring != NULL
                   ? STLS_OK
                   : stls_ticket_ring_new(profile->backend, NULL, &context->ring, error);
    }
    context->sessions = profile->sessions != NULL
                            ? stls_session_cache_hold(profile->sessions)
                            : stls_session_cache_new(STLS_SESSION_CACHE_DEFAULT);
    return context->sessions != NULL
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for a session cache");
}

/* --- A client --- */

void stls_conn_find_session(stls_conn *conn) {
    uint8_t key[STLS_FINGERPRINT_SIZE];
    bool named = stls_conn_named(conn)[0] != '\0' || conn->server_name[0] != '\0';
    if (conn->context->sessions != NULL && named &&
        stls_session_key(conn->context, stls_conn_named(conn), conn->server_name, key)) {
        conn->handshake->session =
            stls_session_cache_take(conn->context->sessions, key, now_of(conn));
    }
}

bool stls_peer_may_come_back(const stls_profile *profile, const stls_peer *peer) {
    return peer->verdict.state == STLS_VERDICT_ACCEPTED || profile->verify == STLS_VERIFY_NONE;
}

/* Puts `session` into the cache, if it may be used as long as nothing changes: not with a verdict
 * that another context's trust and rules have given since. */
static void keep(stls_conn *conn, stls_session *session) {
    session->peer.verdict = *stls_conn_verdict(conn);
    session->peer.chain = stls_chain_copy(conn->peer_chain, conn->peer_count);
    session->peer.count = conn->peer_count;
    session->proved_at = conn->proved_at;
    if (conn->accepted && !conn->judged_elsewhere &&
        stls_peer_may_come_back(profile_of(conn), &session->peer) && session->peer.chain != NULL) {
        stls_session_cache_put(conn->context->sessions, session);
    } else {
        stls_session_free(session);
    }
}

/* How long `from` may be used, seconds; 0: not at all (RFC 8446 section 4.6.1). */
static uint32_t lifetime_of(const stls_be_session *from) {
    if (from->lifetime_s == 0) {
        return from->single_use ? 0 : UNTOLD_LIFETIME_S;
    }
    return from->lifetime_s < STLS_SESSION_LIFETIME_MAX ? from->lifetime_s
                                                        : STLS_SESSION_LIFETIME_MAX;
}

static stls_session *new_session(const stls_conn *conn, const stls_be_session *from, int64_t now) {
    stls_session *session = stls_alloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    atomic_init(&session->holds, 1);
    session->received_at = now;
    session->expires_at = now + lifetime_of(from);
    session->single_use = from->single_use;
    const stls_session *offered = conn->handshake != NULL ? conn->handshake->session : NULL;
    if (offered != NULL) { /* looked for under the same key */
        memcpy(session->key, offered->key, sizeof session->key);
    }
    if ((offered == NULL && !stls_session_key(conn->context, stls_conn_named(conn),
                                              conn->server_name, session->key)) ||
        !stls_bytes_copy(from->state, &session->state)) {
        stls_session_free(session);
        return NULL;
    }
    return session;
}

void stls_up_session(void *core, const stls_be_session *from) {
    stls_conn *conn = core;
    bool named = stls_conn_named(conn)[0] != '\0' || conn->server_name[0] != '\0';
    int64_t now = now_of(conn);
    if (conn->context->sessions == NULL || !named || from->state.len == 0 ||
        from->state.len > STLS_SESSION_BYTES_MAX || lifetime_of(from) == 0) {
        return;
    }
    if (now < 0 || now > STLS_TIME_MAX) {
        return; /* no clock to tell by how long it lives */
    }
    stls_session *session = new_session(conn, from, now);
    if (session == NULL) {
        return; /* the next handshake is a full one */
    }
    if (conn->state == STLS_CONN_OPEN || conn->state == STLS_CONN_FINISHED) {
        keep(conn, session);
        return;
    }
    stls_session_free(conn->handshake->fresh);
    conn->handshake->fresh = session;
}

/* --- A server's records --- */

void stls_resumption_free(stls_resumption *resumption) {
    if (resumption != NULL) {
        stls_free(resumption->peer.chain);
        stls_free(resumption);
    }
}

static void drop_resumption(stls_conn *conn) {
    stls_resumption_free(conn->handshake->resumption);
    conn->handshake->resumption = NULL;
}

/* NULL also when the handshake is over. */
static const stls_resumption *resumption_of(const stls_conn *conn) {
    return conn->handshake != NULL ? conn->handshake->resumption : NULL;
}

/* Whether the connection has, or will have if it comes about, a peer to speak of in a ticket. */
static bool may_get_ticket(const stls_conn *conn) {
    if (conn->context->ring == NULL || !conn->selected || conn->refused_host ||
        conn->broken_contract) {
        return false;
    }
    return conn->judged ? conn->accepted
                        : resumption_of(conn) != NULL || conn->verify != STLS_VERIFY_REQUIRED;
}

/* A connection that was judged has shown its certificates itself. */
static void write_record(const stls_conn *conn, const uint8_t binding[BINDING_LEN],
                         stls_writer *writer) {
    const stls_resumption *before = conn->judged ? NULL : resumption_of(conn);
    int64_t now = stls_ticket_ring_now(conn->context->ring);
    stls_write_number(writer, FORMAT, 1);
    stls_write_fixed(writer, binding, BINDING_LEN);
    stls_write_number(writer, (uint64_t)now, 8);
    stls_write_number(writer, (uint64_t)(before != NULL ? before->proved_at : now), 8);
    stls_write_number(writer, before != NULL ? before->resumptions + 1u : 0, 1);
    stls_end_point shown;
    if (before != NULL) {
        shown = before->end_point;
    } else {
        (void)stls_credential_end_point(conn->credential, &shown, NULL); /* or none is told of */
    }
    stls_write_vector(writer, (stls_bytes){shown.data, shown.len});
    if (before != NULL && before->has_peer) {
        stls_write_number(writer, 1, 1);
        stls_write_peer(writer, &before->peer.verdict, before->peer.chain, before->peer.count);
    } else if (before == NULL && conn->peer_count > 0) {
        stls_write_number(writer, 1, 1);
        stls_write_peer(writer, stls_conn_verdict(conn), conn->peer_chain, conn->peer_count);
    } else {
        stls_write_number(writer, 0, 1);
    }
}

/* A ticket may have been good for the core, and not for the library: then nothing of it goes on. */
static stls_bytes make_record(stls_conn *conn, bool resumed, stls_writer *record) {
    uint8_t binding[BINDING_LEN];
    if (!resumed && conn->handshake != NULL) {
        drop_resumption(conn);
    }
    if (!may_get_ticket(conn) || !ticket_binding(conn, binding)) {
        return (stls_bytes){NULL, 0};
    }
    stls_writer_free(record);
    record->max = STLS_TICKET_RECORD_MAX;
    write_record(conn, binding, record);
    return record->failed ? (stls_bytes){NULL, 0} : (stls_bytes){record->data, record->len};
}

stls_bytes stls_up_ticket_record(void *core, bool resumed) {
    stls_conn *conn = core;
    return conn->handshake != NULL ? make_record(conn, resumed, &conn->handshake->record)
                                   : (stls_bytes){NULL, 0};
}

static bool read_end_point(stls_bytes *in, stls_end_point *end_point) {
    stls_bytes bytes;
    if (!stls_read_vector(in, &bytes) || bytes.len > sizeof end_point->data) {
        return false;
    }
    end_point->len = (uint8_t)bytes.len;
    return stls_read_fixed(&bytes, end_point->data, bytes.len);
}

static bool read_record(stls_bytes in, uint8_t binding[BINDING_LEN], int64_t *issued_at,
                        stls_resumption *resumption) {
    uint64_t format, count, has_peer;
    if (!stls_read_number(&in, &format, 1) || format != FORMAT ||
        !stls_read_fixed(&in, binding, BINDING_LEN) || !stls_read_time(&in, issued_at) ||
        !stls_read_time(&in, &resumption->proved_at) || !stls_read_number(&in, &count, 1) ||
        !read_end_point(&in, &resumption->end_point) || !stls_read_number(&in, &has_peer, 1) ||
        has_peer > 1) {
        return false;
    }
    resumption->resumptions = (uint8_t)count;
    resumption->has_peer = has_peer == 1;
    return (!resumption->has_peer || stls_read_peer(&in, &resumption->peer) == STLS_OK) &&
           in.len == 0;
}

/* Whether the times in a ticket, by the clock of whichever server of the fleet, let it live. */
static bool is_in_time(const stls_conn *conn, int64_t issued_at,
                       const stls_resumption *resumption) {
    const stls_ticket_ring *ring = conn->context->ring;
    int64_t now = stls_ticket_ring_now(ring), apart = stls_ticket_ring_apart(ring);
    return issued_at <= now + apart && now - issued_at <= stls_ticket_ring_lifetime(ring) + apart &&
           resumption->proved_at <= now + apart && now - resumption->proved_at <= PROVED_FOR_S &&
           resumption->resumptions < STLS_TICKET_CHAIN_MAX;
}

/* Whether the verify mode would let this peer in again, now. */
static bool would_be_accepted(const stls_conn *conn, const stls_resumption *resumption) {
    const stls_verdict *verdict = &resumption->peer.verdict;
    int64_t now = now_of(conn);
    if (!resumption->has_peer) {
        return conn->verify != STLS_VERIFY_REQUIRED;
    }
    bool holds = now >= verdict->holds_since && now <= verdict->holds_until;
    return conn->verify != STLS_VERIFY_NONE && holds &&
           (verdict->state == STLS_VERDICT_ACCEPTED || conn->verify == STLS_VERIFY_OPTIONAL_ANY);
}

bool stls_up_ticket_accept(void *core, stls_bytes record) {
    stls_conn *conn = core;
    uint8_t here[BINDING_LEN], there[BINDING_LEN];
    int64_t issued_at = 0;
    if (conn->handshake == NULL) {
        return false;
    }
    drop_resumption(conn);
    if (conn->context->ring == NULL || !conn->selected || conn->refused_host || conn->judged) {
        return false;
    }
    stls_resumption *resumption = stls_alloc(1, sizeof *resumption);
    if (resumption == NULL) {
        return false;
    }
    if (!read_record(record, there, &issued_at, resumption) || !ticket_binding(conn, here) ||
        memcmp(here, there, sizeof here) != 0 || !is_in_time(conn, issued_at, resumption) ||
        !would_be_accepted(conn, resumption)) {
        stls_resumption_free(resumption);
        return false;
    }
    conn->handshake->resumption = resumption;
    return true;
}

bool stls_up_ticket_key(void *core, const uint8_t *name, stls_be_ticket_key *key) {
    stls_conn *conn = core;
    stls_ring_keys keys;
    bool given = conn->context->ring != NULL &&
                 stls_ticket_ring_keys(conn->context->ring, profile_of(conn)->backend, name, &keys);
    if (given) {
        *key = keys.ticket;
    }
    stls_wipe(&keys, sizeof keys);
    return given;
}

/* --- Tickets that we seal ourselves ---
 *
 * name (16) | nonce (12) | AES-256-GCM( length of record (2) | record | state ) | tag (16); the
 * name is authenticated too. */

enum { TICKET_HEAD = STLS_TICKET_NAME_LEN + STLS_AEAD_NONCE_LEN };

static bool seal(const stls_conn *conn, stls_bytes record, stls_bytes state, uint8_t *ticket,
                 size_t size, size_t *len) {
    const stls_backend *backend = profile_of(conn)->backend;
    size_t plain_len = 2 + record.len + state.len;
    stls_ring_keys keys;
    if (plain_len > size || size - plain_len < TICKET_HEAD + STLS_AEAD_TAG_LEN ||
        !stls_ticket_ring_keys(conn->context->ring, backend, NULL, &keys)) {
        return false;
    }
    uint8_t *body = ticket + TICKET_HEAD;
    memcpy(ticket, keys.ticket.name, STLS_TICKET_NAME_LEN);
    memmove(body + 2 + record.len, state.data, state.len); /* may be the same memory */
    body[0] = (uint8_t)(record.len >> 8);
    body[1] = (uint8_t)record.len;
    memcpy(body + 2, record.data, record.len);
    uint8_t *nonce = ticket + STLS_TICKET_NAME_LEN;
    bool sealed = backend->random(nonce, STLS_AEAD_NONCE_LEN) == STLS_BE_OK &&
                  backend->aead_seal(keys.aead, nonce, (stls_bytes){ticket, STLS_TICKET_NAME_LEN},
                                     (stls_bytes){body, plain_len}, body) == STLS_BE_OK;
    *len = TICKET_HEAD + plain_len + STLS_AEAD_TAG_LEN;
    stls_wipe(&keys, sizeof keys);
    if (!sealed) {
        stls_wipe(ticket, *len);
    }
    return sealed;
}

bool stls_up_ticket_seal(void *core, bool resumed, stls_bytes state, uint8_t *ticket, size_t size,
                         size_t *len) {
    stls_conn *conn = core;
    stls_writer writer = {.data = NULL};
    stls_bytes record = make_record(conn, resumed, &writer);
    bool sealed = record.len > 0 && state.len > 0 && seal(conn, record, state, ticket, size, len);
    stls_writer_free(&writer);
    return sealed;
}

/* The plaintext of `ticket` into `plain`, which has room for it. */
static bool open_ticket(const stls_conn *conn, stls_bytes ticket, uint8_t *plain, bool *renew) {
    const stls_backend *backend = profile_of(conn)->backend;
    stls_ring_keys keys;
    if (!stls_ticket_ring_keys(conn->context->ring, backend, ticket.data, &keys)) {
        return false;
    }
    bool opened =
        backend->aead_open(keys.aead, ticket.data + STLS_TICKET_NAME_LEN,
                           (stls_bytes){ticket.data, STLS_TICKET_NAME_LEN},
                           (stls_bytes){ticket.data + TICKET_HEAD, ticket.len - TICKET_HEAD},
                           plain) == STLS_BE_OK;
    *renew = keys.ticket.renew;
    stls_wipe(&keys, sizeof keys);
    return opened;
}

bool stls_up_ticket_open(void *core, stls_bytes ticket, uint8_t *state, size_t size, size_t *len,
                         bool *renew) {
    stls_conn *conn = core;
    if (conn->handshake == NULL) {
        return false;
    }
    drop_resumption(conn);
    if (conn->context->ring == NULL || ticket.len < TICKET_HEAD + 2 + STLS_AEAD_TAG_LEN) {
        return false;
    }
    size_t plain_len = ticket.len - TICKET_HEAD - STLS_AEAD_TAG_LEN;
    uint8_t *plain = stls_alloc(1, plain_len);
    bool good = plain != NULL && open_ticket(conn, ticket, plain, renew);
    if (good) {
        stls_bytes in = {plain, plain_len};
        uint64_t record_len = 0;
        good = stls_read_number(&in, &record_len, 2) && record_len <= in.len &&
               in.len - record_len <= size && in.len > record_len &&
               stls_up_ticket_accept(conn, (stls_bytes){in.data, (size_t)record_len});
        if (good) {
            *len = in.len - (size_t)record_len;
            memcpy(state, in.data + record_len, *len);
        }
    }
    stls_wipe(plain, plain != NULL ? plain_len : 0);
    stls_free(plain);
    return good;
}

/* --- The end of the handshake --- */

static bool restore(stls_conn *conn, const stls_peer *peer) {
    stls_bytes *chain = stls_chain_copy(peer->chain, peer->count);
    bool judged = peer->verdict.state != STLS_VERDICT_NOT_DONE;
    if (chain == NULL || (judged && stls_conn_new_verdict(conn) == NULL)) {
        stls_free(chain);
        conn->io.no_memory = true;
        return false;
    }
    stls_free(conn->peer_chain);
    conn->peer_chain = chain;
    conn->peer_count = peer->count;
    if (judged) {
        *conn->verdict = peer->verdict;
    }
    return true;
}

/* Keeps what the server has shown at first, if that is not what it has now. */
static bool restore_end_point(stls_conn *conn, const stls_end_point *shown) {
    stls_end_point now;
    if (stls_credential_end_point(conn->credential, &now, NULL) == STLS_OK &&
        shown->len == now.len && memcmp(shown->data, now.data, now.len) == 0) {
        return true;
    }
    conn->end_point = stls_alloc(1, sizeof *conn->end_point);
    if (conn->end_point == NULL) {
        conn->io.no_memory = true;
        return false;
    }
    *conn->end_point = *shown;
    return true;
}

bool stls_conn_restore(stls_conn *conn) {
    static const stls_peer nobody = {.verdict = {.alert = STLS_ALERT_NONE}};
    const stls_handshake *handshake = conn->handshake;
    const stls_peer *peer;
    if (conn->judged) {
        return false; /* certificates came all the same: no library may call that resumed */
    }
    if (profile_of(conn)->role == STLS_ROLE_CLIENT) {
        peer = handshake->session != NULL ? &handshake->session->peer : NULL;
        conn->proved_at = handshake->session != NULL ? handshake->session->proved_at : 0;
    } else {
        peer = handshake->resumption == NULL     ? NULL
               : handshake->resumption->has_peer ? &handshake->resumption->peer
                                                 : &nobody;
    }
    if (peer == NULL || !restore(conn, peer) ||
        (handshake->resumption != NULL &&
         !restore_end_point(conn, &handshake->resumption->end_point))) {
        return false;
    }
    conn->judged = conn->accepted = true;
    return true;
}

/* A server that has too much to do hangs up without a word, or has none until the deadline, and has
 * not used the ticket; with it the client costs least when it comes again. Not for ever: it may be
 * this ticket that it hangs up on. */
static bool was_turned_away(const stls_conn *conn) {
    stls_result result = conn->error != NULL ? conn->error->result : STLS_OK;
    return conn->io.bytes_in == 0 &&
           (result == STLS_EOF || result == STLS_E_TRANSPORT || result == STLS_E_TIMEOUT);
}

/* The handshake in which `offered` was offered has failed. */
static void give_session_back(const stls_conn *conn, stls_session *offered) {
    stls_session_cache *cache = conn->context->sessions;
    if (was_turned_away(conn) && atomic_fetch_add(&offered->turned_away, 1) < TURNED_AWAY_MAX) {
        if (offered->single_use) { /* which has left the cache */
            stls_session_cache_put(cache, offered);
            return;
        }
    } else {
        /* Whatever the reason: the next handshake does not fail for the same one, which may be that
         * of every ticket of this server. */
        stls_session_cache_drop(cache, offered->key);
    }
    stls_session_free(offered);
}

void stls_conn_settle_sessions(stls_conn *conn) {
    stls_handshake *handshake = conn->handshake;
    if (handshake == NULL) {
        return;
    }
    stls_session *fresh = handshake->fresh, *offered = handshake->session;
    handshake->fresh = handshake->session = NULL;
    if (conn->state != STLS_CONN_FAILED && fresh != NULL) {
        keep(conn, fresh);
    } else {
        stls_session_free(fresh);
    }
    if (conn->state == STLS_CONN_FAILED && offered != NULL) {
        give_session_back(conn, offered);
    } else {
        stls_session_free(offered);
    }
}
