/* siptls/session.h - resuming sessions: a client's side.
 *
 * The model: a handshake costs signatures and key agreement; resuming the session of an earlier one
 * costs a fraction of that. A server gives its client a ticket for it (RFC 5077, RFC 8446 section
 * 4.6.1; siptls/ticket.h is the server's side). A client of siptls keeps what it got in a session
 * cache and offers it at the next connection to the same peer, by itself: resumption is on by
 * default, with a small cache that each context makes for itself. stls_conn_info.resumed tells.
 *
 * A session is kept with the verdict on the server's certificates and the certificates themselves,
 * so a resumed connection knows as much about its peer as a full one. It is offered only if nothing
 * has changed that the verdict depends on: the peer that must be proved and the name sent as SNI,
 * the trust with its CRLs, the rules of the profile, the versions, suites, groups, schemes and
 * protocols, our own credential, the backend and its version; and only as long as the dates of the
 * certificates and CRLs leave the verdict as it was (stls_verdict.holds_until), and the ticket
 * lives. Anything else means a full handshake. So does a server that does not know the ticket any
 * more. A connection without a peer's name and without SNI is not resumed: nobody could tell whose
 * session it was.
 *
 * Tickets of TLS 1.3 are used once (RFC 8446 appendix C.4); a server sends a new one each time. A
 * session is kept if the server had not sent a byte when it hung up, or when the time for the
 * handshake was over: it may have too much to do, and a client that is turned away and comes again
 * costs it least with the ticket that it has. Who listens can tell that the two attempts are of one
 * client. It is kept so three times; after any other failure the next handshake is a full one.
 *
 * One cache can be shared by several profiles and so outlive a context: a client that makes a new
 * context from a profile with the same settings goes on resuming. Sessions of other settings lie in
 * the same cache and do not meet.
 *
 * A phone can keep a session across a reboot: stls_context_export_session() seals it with a key of
 * the caller's (AES-256-GCM), stls_context_import_session() takes it back. Whoever can write the
 * sealed bytes but does not have the key can make us do a full handshake, or offer again a ticket
 * that was exported before, by which who listens knows us again; and nothing else.
 *
 * Thread rules: a cache may be used by any thread at any time. After fork() the child may use it
 * too, as it was at that moment: with the tickets that its parent has as well, of which each
 * process uses each once. stls_session_cache_clear() in the child avoids that.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_SESSION_H
#define SIPTLS_SESSION_H

#include <siptls/context.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    STLS_SESSION_CACHE_DEFAULT = 64,    /* sessions of the cache that a context makes for itself */
    STLS_SESSION_CACHE_MAX = 1000000,   /* most sessions of a cache */
    STLS_SESSION_BYTES_MAX = 64 * 1024, /* a larger session is not kept */
    STLS_SESSION_LIFETIME_MAX = 7 * 24 * 3600, /* seconds (RFC 8446 section 4.6.1) */
    STLS_SESSION_KEY_LEN = 32,                 /* bytes of the key that seals an exported session */
};

/* A cache of at most `max_sessions` (1 to STLS_SESSION_CACHE_MAX) sessions, held once; the one that
 * was not used for longest goes first. A session takes 1 to 4 KB. NULL if there is no memory or the
 * number is out of range. */
STLS_API stls_session_cache *stls_session_cache_new(size_t max_sessions);

/* Holds it once more; returns `cache`. */
STLS_API stls_session_cache *stls_session_cache_hold(stls_session_cache *cache);

/* Gives one hold back; the last one wipes and frees it. NULL is allowed. */
STLS_API void stls_session_cache_free(stls_session_cache *cache);

/* Forgets all sessions: at a logout, or when a device changes hands. */
STLS_API void stls_session_cache_clear(stls_session_cache *cache);

/* How many sessions it has. */
STLS_API size_t stls_session_cache_count(const stls_session_cache *cache);

/* Seals the newest session for `peer` (as for stls_conn_new()) of the client `context` with `key`
 * (STLS_SESSION_KEY_LEN bytes, secret, the caller's own) into `data` (`size` bytes), its length
 * into `*len`. A session of TLS 1.3 leaves the cache by that, as it is used once. Sessions of
 * connections with stls_conn_set_server_name() are not for the peer alone, and stay.
 *
 * STLS_E_LIMIT: `size` is too small (0, with `data` NULL, to ask), `*len` is what is needed, and
 * the session stays.
 * STLS_E_STATE: there is none, or the context does not resume. STLS_E_UNSUPPORTED, STLS_E_ARGUMENT,
 * STLS_E_NO_MEMORY. */
STLS_API stls_result stls_context_export_session(stls_context *context, const char *peer,
                                                 const uint8_t *key, uint8_t *data, size_t size,
                                                 size_t *len, stls_error *error);

/* Puts an exported session back into the cache of `context`.
 *
 * STLS_E_FORMAT: cut off, changed, or sealed with another key: which of them cannot be told.
 * STLS_E_REFUSED: made with other settings, another backend or version of it, for a peer that this
 * context does not take; or too old. */
STLS_API stls_result stls_context_import_session(stls_context *context, const uint8_t *key,
                                                 const uint8_t *data, size_t len,
                                                 stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
