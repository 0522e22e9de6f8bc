/* api/resume.h - sessions of clients, tickets of servers, and what both say about the peer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_RESUME_H
#define STLS_API_RESUME_H

#include "api/internal.h"

/* --- session.c: what a client can resume */

/* Constant once it is in a cache, but for the counters. */
typedef struct stls_session {
    atomic_size_t holds;
    struct stls_session *next, *newer, *older; /* in its bucket; by last use */
    uint8_t key[STLS_FINGERPRINT_SIZE];        /* of all that must be the same */
    int64_t received_at, expires_at;           /* seconds, by the profile's clock */
    int64_t proved_at;                         /* when the peer's certificates were shown */
    bool single_use;
    atomic_uint turned_away; /* how often its client was, in a row */
    stls_peer peer;
    stls_bytes state; /* the library's; secret */
} stls_session;

/* Gives one hold back; the last one wipes and frees it. NULL is allowed. */
void stls_session_free(stls_session *session);

/* Whether the ticket lives at `now`, and the dates leave the verdict on the peer as it was. */
bool stls_session_is_good(const stls_session *session, int64_t now);

/* Takes over the one hold on `session`. */
void stls_session_cache_put(stls_session_cache *cache, stls_session *session);

/* The newest session for `key` that is good at `now`, held for the caller, or NULL. One that is
 * used once leaves the cache. */
stls_session *stls_session_cache_take(stls_session_cache *cache,
                                      const uint8_t key[STLS_FINGERPRINT_SIZE], int64_t now);

/* Takes all sessions for `key` out of the cache. */
void stls_session_cache_drop(stls_session_cache *cache, const uint8_t key[STLS_FINGERPRINT_SIZE]);

/* --- ticket.c: the ring */

/* Keys for `backend`, which are the caller's to wipe: those that seal now (`name` NULL), or those
 * called `name`, if they may still open. */
typedef struct stls_ring_keys {
    stls_be_ticket_key ticket;
    uint8_t aead[STLS_AEAD_KEY_LEN];
} stls_ring_keys;
bool stls_ticket_ring_keys(stls_ticket_ring *ring, const stls_backend *backend, const uint8_t *name,
                           stls_ring_keys *keys);
uint32_t stls_ticket_ring_lifetime(const stls_ticket_ring *ring);
int64_t stls_ticket_ring_apart(const stls_ticket_ring *ring); /* two servers' clocks, seconds */
int64_t stls_ticket_ring_now(const stls_ticket_ring *ring);

/* --- resume.c: sessions and tickets of a connection */

/* The key of the sessions of `context` for a peer and the SNI; false: no memory. */
bool stls_session_key(const stls_context *context, const char *peer, const char *server_name,
                      uint8_t key[STLS_FINGERPRINT_SIZE]);

/* What a good ticket says. */
typedef struct stls_resumption {
    int64_t proved_at;
    uint8_t resumptions;
    stls_end_point end_point; /* of the server's certificate that was shown */
    bool has_peer;
    stls_peer peer;
} stls_resumption;
void stls_resumption_free(stls_resumption *resumption);

/* Whether a client may keep a session with this peer: only with one that its profile accepts. */
bool stls_peer_may_come_back(const stls_profile *profile, const stls_peer *peer);

/* Makes what the context needs for resuming, if it is to. */
stls_result stls_context_prepare_resumption(stls_context *context, stls_error *error);

/* A client: looks for a session to offer. */
void stls_conn_find_session(stls_conn *conn);

/* The library has resumed a session: restores who the peer is. False: nobody offered one. */
bool stls_conn_restore(stls_conn *conn);

/* The handshake is over and its result stands: what was kept for it goes. */
void stls_conn_settle_sessions(stls_conn *conn);

void stls_up_session(void *core, const stls_be_session *session);
bool stls_up_ticket_seal(void *core, bool resumed, stls_bytes state, uint8_t *ticket, size_t size,
                         size_t *len);
bool stls_up_ticket_open(void *core, stls_bytes ticket, uint8_t *state, size_t size, size_t *len,
                         bool *renew);
bool stls_up_ticket_key(void *core, const uint8_t *name, stls_be_ticket_key *key);
stls_bytes stls_up_ticket_record(void *core, bool resumed);
bool stls_up_ticket_accept(void *core, stls_bytes record);

#endif
