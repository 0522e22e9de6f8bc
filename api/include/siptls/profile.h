/* siptls/profile.h - what is wanted of TLS connections, before any exists.
 *
 * The model: a profile is a builder for one role on one backend. Its setters refuse at once what is
 * wrong or what the backend cannot do. stls_context_new() freezes a copy of it; the profile can
 * then be changed and used again, or freed. Nothing that was made from it changes.
 *
 * A new profile is safe: TLS 1.2 and 1.3, AEAD suites with forward secrecy, verification REQUIRED
 * for a client, identity by RFC 5922. What lowers this has to be said, call by call. A client that
 * verifies needs a trust; stls_context_new() refuses one without.
 *
 * Each setter returns STLS_OK, or STLS_E_ARGUMENT, STLS_E_FORMAT (a host or name that is none),
 * STLS_E_UNSUPPORTED (the backend cannot), STLS_E_LIMIT, STLS_E_NO_MEMORY with a sentence in
 * `error` (may be NULL), and changes nothing when it fails.
 *
 * Thread rules: one thread at a time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_PROFILE_H
#define SIPTLS_PROFILE_H

#include <siptls/backend.h>
#include <siptls/credential.h>
#include <siptls/trust.h>
#include <siptls/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_profile stls_profile;
typedef struct stls_session_cache stls_session_cache; /* siptls/session.h */
typedef struct stls_ticket_ring stls_ticket_ring;     /* siptls/ticket.h */

/* What a connection does about the peer's certificate. */
typedef enum stls_verify_mode {
    STLS_VERIFY_REQUIRED = 1, /* it must come and must be good. Client's default */
    STLS_VERIFY_NONE = 2, /* client: any is taken, unseen. Server: none is asked for (default) */
    STLS_VERIFY_OPTIONAL = 3,     /* server: none is fine; one that comes must be good */
    STLS_VERIFY_OPTIONAL_ANY = 4, /* server: none is fine; one that is bad is fine too, and the
                                     verdict says so. For phones with factory certificates */
} stls_verify_mode;

/* By which rules the leaf must name the peer. */
typedef enum stls_identity_mode {
    STLS_IDENTITY_SIP = 1, /* RFC 5922: the SIP domain. Default */
    STLS_IDENTITY_HTTPS =
        2, /* RFC 9525: DNS names with a wildcard as whole left label, IP addresses */
    STLS_IDENTITY_LIST = 3, /* any of the names of stls_profile_add_name(), by the rules of both;
                               for trunks. The peer of a connection is not looked at */
    STLS_IDENTITY_NONE = 4, /* any name */
} stls_identity_mode;

/* Relaxations of an identity mode, or-ed. */
typedef enum stls_identity_flag {
    STLS_IDENTITY_COMMON_NAME = 1 << 0, /* HTTPS, LIST: the CN counts if there is no SAN dNSName
                                           (RFC 2818; phones call it "Common Name Validation") */
    STLS_IDENTITY_WILDCARD = 1 << 1,    /* LIST: wildcards as with HTTPS */
} stls_identity_flag;

/* Which extended key usages a leaf may have, where the extension is present (RFC 5280 4.2.1.12). */
typedef enum stls_usage_mode {
    STLS_USAGE_TLS_OR_SIP = 1, /* serverAuth or clientAuth by role, id-kp-sipDomain (RFC 5924), or
                                  anyExtendedKeyUsage. Default */
    STLS_USAGE_TLS = 2,        /* serverAuth or clientAuth by role only */
    STLS_USAGE_SIP = 3,        /* id-kp-sipDomain must be there */
} stls_usage_mode;

/* Which certificates of a path must be known not to be revoked, by the CRLs of the trust (RFC
 * 5280 6.3). Where this cannot be known, the verdict has STLS_FLAG_CRL_MISSING, ..._EXPIRED or
 * ..._INVALID, and rejects; the first two can be tolerated. The trust anchor is never looked up. */
typedef enum stls_crl_mode {
    STLS_CRL_OFF = 1,   /* none; CRLs are not looked at. Default */
    STLS_CRL_LEAF = 2,  /* the peer's own certificate */
    STLS_CRL_CHAIN = 3, /* every certificate below the anchor */
} stls_crl_mode;

/* Which algorithms and key sizes a chain may use. */
typedef enum stls_strength {
    STLS_STRENGTH_STANDARD = 1, /* RSA of 2048 bits, EC of 256; SHA-2. Default */
    STLS_STRENGTH_LEGACY = 2,   /* RSA of 1024 bits, EC of 224; SHA-1 too. MD5 never */
} stls_strength;

/* A set of versions, suites, groups and schemes. */
typedef enum stls_preset {
    STLS_PRESET_MODERN = 1,     /* the defaults */
    STLS_PRESET_COMPATIBLE = 2, /* adds CBC and static RSA suites of TLS 1.2 for old phones, as far
                                   as the backend has them */
} stls_preset;

/* The list of suites, groups or signature schemes (`registry`) of a preset, most wanted first, the
 * same for every backend: its length; at most `capacity` of it into `codes`. A profile gets those
 * of them that its backend has (stls_backend_supports()). 0 for what is no preset or no list. */
STLS_API size_t stls_preset_codes(stls_preset preset, stls_registry registry, uint16_t *codes,
                                  size_t capacity);

/* A new profile for `role` on `backend`, into `*profile`. */
STLS_API stls_result stls_profile_new(const stls_backend *backend, stls_role role,
                                      stls_profile **profile, stls_error *error);

/* NULL is allowed. */
STLS_API void stls_profile_free(stls_profile *profile);

/* --- The protocol */

STLS_API stls_result stls_profile_set_preset(stls_profile *profile, stls_preset preset,
                                             stls_error *error);

/* Lowest and highest version, STLS_TLS1_2 or STLS_TLS1_3, both included. */
STLS_API stls_result stls_profile_set_versions(stls_profile *profile, uint16_t min, uint16_t max,
                                               stls_error *error);

/* The list of suites, groups or signature schemes (`registry`), most wanted first, by number. (A
 * server of TLS 1.3 prefers a group that the client has sent a key share for to one that costs
 * another round trip.) Replaces the list whole. Each must be known and supported by the backend;
 * the error names the first that is not. Suites of TLS 1.2 and 1.3 stand in one list; a version
 * within the range of stls_profile_set_versions() that has no suite left is refused by
 * stls_context_new(). */
STLS_API stls_result stls_profile_set_codes(stls_profile *profile, stls_registry registry,
                                            const uint16_t *codes, size_t count, stls_error *error);

/* The same by name, as stls_iana_list() reads them:
 * "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256". */
STLS_API stls_result stls_profile_set_names(stls_profile *profile, stls_registry registry,
                                            const char *list, stls_error *error);

/* The list in force, for reading: its length; at most `capacity` of it into `codes`. */
STLS_API size_t stls_profile_codes(const stls_profile *profile, stls_registry registry,
                                   uint16_t *codes, size_t capacity);

/* ALPN protocols (RFC 7301), most wanted first, separated by ','; "sip/2" is SIP's (RFC 8591:
 * "sip/2"). NULL or "": ALPN is off (default). */
STLS_API stls_result stls_profile_set_alpn(stls_profile *profile, const char *protocols,
                                           stls_error *error);

/* --- Who we are */

/* The chain and key to show, of the same backend; the profile holds it. NULL: none (a server needs
 * one).
 */
STLS_API stls_result stls_profile_set_credential(stls_profile *profile, stls_credential *credential,
                                                 stls_error *error);

/* A server: for clients that ask for `host` by SNI (a DNS name, compared without regard to case; no
 * wildcard), `credential` and `verify` together. A `host` that is there already is replaced. */
STLS_API stls_result stls_profile_add_host(stls_profile *profile, const char *host,
                                           stls_credential *credential, stls_verify_mode verify,
                                           stls_error *error);

/* A server: whether a client that asks for an unknown host, or for none, is refused with the alert
 * unrecognized_name instead of served with the profile's own credential. Default: false. */
STLS_API stls_result stls_profile_set_strict_hosts(stls_profile *profile, bool strict,
                                                   stls_error *error);

/* --- Who the peer is */

/* The profile holds `trust`, which is frozen from here on. NULL: none. */
STLS_API stls_result stls_profile_set_trust(stls_profile *profile, stls_trust *trust,
                                            stls_error *error);

STLS_API stls_result stls_profile_set_verify(stls_profile *profile, stls_verify_mode mode,
                                             stls_error *error);

/* The identity mode, and STLS_IDENTITY_... flags or-ed. A server's peers prove a name only in mode
 * LIST; in the others it is told which names they have (stls_certificate_sip_identity()). */
STLS_API stls_result stls_profile_set_identity(stls_profile *profile, stls_identity_mode mode,
                                               uint32_t flags, stls_error *error);

/* Adds a name for mode LIST: a DNS name or an IP address. */
STLS_API stls_result stls_profile_add_name(stls_profile *profile, const char *name,
                                           stls_error *error);

STLS_API stls_result stls_profile_set_usage(stls_profile *profile, stls_usage_mode mode,
                                            stls_error *error);
STLS_API stls_result stls_profile_set_strength(stls_profile *profile, stls_strength strength,
                                               stls_error *error);

STLS_API stls_result stls_profile_set_crl_mode(stls_profile *profile, stls_crl_mode mode,
                                               stls_error *error);

/* STLS_FLAG_... bits that do not reject, of STLS_FLAGS_TOLERABLE only. */
STLS_API stls_result stls_profile_set_tolerated(stls_profile *profile, uint32_t flags,
                                                stls_error *error);

/* The most intermediates between leaf and anchor, 0 to STLS_PATH_MAX - 2; self-issued ones do not
 * count (RFC 5280 section 6.1.4 (l)). Default: 8. */
STLS_API stls_result stls_profile_set_max_intermediates(stls_profile *profile, unsigned count,
                                                        stls_error *error);

/* --- The clock
 *
 * Each verdict asks it anew, so a context that was made before the clock was set is as good as one
 * made after. While it is not set, dates of certificates and CRLs cannot be judged: the verdict has
 * STLS_FLAG_CLOCK_NOT_SET, once, in place of ..._EXPIRED, ..._NOT_YET_VALID and ..._CRL_EXPIRED. It
 * rejects, unless the profile tolerates it: a device that learns the time from a server it reaches
 * by TLS must. All else is judged as ever: signatures, names, revocation by whatever CRLs there
 * are. When the clock is set, stls_conn_revalidate() makes good what was left out. */

/* What a clock answers that was never set. */
#define STLS_CLOCK_NOT_SET INT64_MIN

/* The wall clock by which certificates are judged: seconds since 1970, or STLS_CLOCK_NOT_SET. NULL:
 * the system's. Called in any thread that uses a context made from the profile. */
typedef int64_t (*stls_clock)(void *arg);
STLS_API stls_result stls_profile_set_clock(stls_profile *profile, stls_clock clock, void *arg,
                                            stls_error *error);

/* Whatever the clock says, it is not set if that is before `earliest` (seconds since 1970; such as
 * when the firmware was built): devices boot in 1970. What expired before `earliest` is
 * STLS_FLAG_EXPIRED or ..._CRL_EXPIRED even then, since that much is known. 0: off, the clock is
 * believed (default); STLS_E_ARGUMENT for a time before 1970. */
STLS_API stls_result stls_profile_set_clock_floor(stls_profile *profile, int64_t earliest,
                                                  stls_error *error);

/* --- Costs and limits */

/* How many signatures of certificates that were found good a context remembers, so that a peer that
 * comes back does not cost them again; 32 bytes each. Dates, names, constraints and revocation are
 * judged each time all the same. 0: none. Default: STLS_SIGNATURE_MEMORY_DEFAULT; at most
 * STLS_SIGNATURE_MEMORY_MAX. */
enum { STLS_SIGNATURE_MEMORY_DEFAULT = 256, STLS_SIGNATURE_MEMORY_MAX = 1 << 20 };
STLS_API stls_result stls_profile_set_signature_memory(stls_profile *profile, size_t count,
                                                       stls_error *error);

/* --- Resumption */

/* A client: where sessions are kept; the profile holds `cache`, which profiles may share. NULL:
 * nowhere, every handshake is a full one. Default: each context makes a cache of
 * STLS_SESSION_CACHE_DEFAULT sessions for itself, if the backend can (STLS_CAN_RESUME). */
STLS_API stls_result stls_profile_set_session_cache(stls_profile *profile,
                                                    stls_session_cache *cache, stls_error *error);

/* A server: the keys of its tickets, and how many tickets a client of TLS 1.3 gets after a full
 * handshake: 0 to STLS_TICKETS_MAX. 0: nobody gets a ticket in any version, and nobody resumes; for
 * peers that break on data they did not ask for; `ring` is NULL then. The profile holds `ring`;
 * NULL: each context makes a random one for itself, which goes with it. Default: NULL and 1, if the
 * backend can (STLS_CAN_ISSUE_TICKETS). */
enum { STLS_TICKETS_MAX = 8 };
STLS_API stls_result stls_profile_set_tickets(stls_profile *profile, stls_ticket_ring *ring,
                                              unsigned count, stls_error *error);

/* How many tickets that is now; 0 for a client. For a program that keeps a ring for all contexts of
 * a profile that comes from a file. */
STLS_API unsigned stls_profile_tickets(const stls_profile *profile);

/* --- Keys for others */

/* Keeps what stls_conn_export() needs after the handshake. Default: false, as it costs some
 * libraries memory for each connection. STLS_E_UNSUPPORTED without STLS_CAN_EXPORT_KEYS. */
STLS_API stls_result stls_profile_set_exporter(stls_profile *profile, bool wanted,
                                               stls_error *error);

/* Gives the secrets of each connection to `keylog`, as lines of the NSS key log format without a
 * line's end: whoever has them can decrypt what is captured of the connection, and so can wireshark
 * (a file of such lines as its "(Pre)-Master-Secret log"). For finding faults; never for a device
 * that is sold. `keylog` is called inside the calls of the connection, in their threads; the line
 * is wiped afterwards. NULL: nobody gets them (default). STLS_E_UNSUPPORTED without
 * STLS_CAN_KEYLOG. */
typedef void (*stls_keylog)(void *arg, const char *line);
STLS_API stls_result stls_profile_set_keylog(stls_profile *profile, stls_keylog keylog, void *arg,
                                             stls_error *error);

/* --- Limits */

/* A client: asks the server for records of at most `bytes`: 512, 1024, 2048 or 4096 (RFC 6066
 * section 4); a server may not honour it. For devices with little memory. 0: does not ask
 * (default). STLS_E_UNSUPPORTED without STLS_CAN_MAX_FRAGMENT. */
STLS_API stls_result stls_profile_set_max_fragment(stls_profile *profile, unsigned bytes,
                                                   stls_error *error);

/* The most handshakes that the connections of a context have under way at the same time; one more
 * is answered STLS_E_BUSY by its first stls_conn_handshake(), before any cryptography and without a
 * byte sent. For a server that all its clients come back to at once. 0: no limit (default). */
STLS_API stls_result stls_profile_set_max_handshakes(stls_profile *profile, unsigned count,
                                                     stls_error *error);

/* The time from the first handshake call to its end, milliseconds; 0: no limit. Default: 10 000. */
STLS_API stls_result stls_profile_set_handshake_timeout(stls_profile *profile, unsigned timeout_ms,
                                                        stls_error *error);

/* The most bytes of certificates that a peer may send. Default: STLS_CHAIN_BYTES_DEFAULT, which
 * every backend can carry; STLS_E_UNSUPPORTED above what this one can. */
enum { STLS_CHAIN_BYTES_DEFAULT = 16000 };
STLS_API stls_result stls_profile_set_chain_bytes(stls_profile *profile, size_t bytes,
                                                  stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
