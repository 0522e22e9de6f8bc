/* siptls/verify.h - the verdict on a peer's certificates.
 *
 * The model: one engine judges every chain, whichever TLS library carries the connection; the
 * library supplies the signature checks and nothing else. It builds a path from the leaf to a trust
 * anchor out of the certificates that the peer sent, validates it by RFC 5280 section 6, and checks
 * whom the leaf names by RFC 5922 (SIP) or RFC 9525 (HTTPS). The result is an stls_verdict: what
 * was found, as flags; where, as depths; what it means, as a state and a sentence.
 *
 * A verdict begins as STLS_VERDICT_NOT_DONE, and zero is never success. Flags are found even where
 * the profile tolerates them: a tolerated flag leaves the state ACCEPTED, but stays in `flags`, and
 * stls_verdict_is_secure() is false.
 *
 * Depths count from the leaf: 0 is the leaf, 1 its issuer, and so on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_VERIFY_H
#define SIPTLS_VERIFY_H

#include <siptls/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What can be wrong with a chain. The numbers are stable. */
typedef enum stls_flag {
    STLS_FLAG_NO_CERTIFICATE = 1 << 0, /* the peer sent none */
    STLS_FLAG_MALFORMED = 1 << 1,      /* a certificate of the path that is no strict DER or breaks
                                          the form of RFC 5280 */
    STLS_FLAG_UNTRUSTED = 1 << 2,      /* no path to a trust anchor */
    STLS_FLAG_BAD_SIGNATURE = 1 << 3,  /* a certificate's signature is not its issuer's */
    STLS_FLAG_EXPIRED = 1 << 4,
    STLS_FLAG_NOT_YET_VALID = 1 << 5,
    STLS_FLAG_REVOKED = 1 << 6,
    STLS_FLAG_CRL_MISSING = 1 << 7, /* no CRL speaks about the certificate, for all reasons */
    STLS_FLAG_CRL_EXPIRED = 1 << 8, /* one does, but not today: before its thisUpdate, after its
                                       nextUpdate, or it has none */
    STLS_FLAG_CRL_INVALID = 1 << 9, /* one does, but cannot be used: bad signature, an issuer that
                                       may sign none, unknown critical extension, indirect */
    STLS_FLAG_NAME_MISMATCH = 1 << 10, /* the leaf does not name whom we want */
    STLS_FLAG_WRONG_USAGE = 1 << 11,   /* key usage or extended key usage forbids this use */
    STLS_FLAG_NOT_A_CA = 1 << 12,      /* an issuer that may not issue */
    STLS_FLAG_PATH_TOO_LONG =
        1 << 13, /* more intermediates than a certificate or the profile allows */
    STLS_FLAG_NAME_CONSTRAINT = 1 << 14,  /* a name outside what an issuer may name */
    STLS_FLAG_POLICY = 1 << 15,           /* no valid policy where one is required */
    STLS_FLAG_UNKNOWN_CRITICAL = 1 << 16, /* a critical extension that is not understood */
    STLS_FLAG_WEAK_KEY = 1 << 17,
    STLS_FLAG_WEAK_ALGORITHM = 1 << 18,
    STLS_FLAG_UNSUPPORTED = 1 << 19,   /* an algorithm that this backend cannot check */
    STLS_FLAG_UNREADABLE = 1 << 20,    /* a certificate that this backend's library cannot read */
    STLS_FLAG_LIMIT = 1 << 21,         /* the chain costs more to judge than the bounds allow */
    STLS_FLAG_CLOCK_NOT_SET = 1 << 22, /* nobody knows what time it is, so dates cannot be judged:
                                          siptls/profile.h, "the clock" */
    STLS_FLAG_OTHER = 1 << 30,         /* anything else; can never be tolerated */
} stls_flag;

enum { STLS_FLAG_COUNT = 31 }; /* bit numbers 0 to 30 */

/* The flags that a profile may tolerate. The others say that nobody knows who the peer is. */
#define STLS_FLAGS_TOLERABLE                                                                       \
    ((uint32_t)(STLS_FLAG_EXPIRED | STLS_FLAG_NOT_YET_VALID | STLS_FLAG_NAME_MISMATCH |            \
                STLS_FLAG_WRONG_USAGE | STLS_FLAG_WEAK_KEY | STLS_FLAG_WEAK_ALGORITHM |            \
                STLS_FLAG_CRL_MISSING | STLS_FLAG_CRL_EXPIRED | STLS_FLAG_CLOCK_NOT_SET))

/* A short name for one flag ("expired", "name-mismatch"), stable, for logs and scripts; NULL for a
 * bit without meaning. */
STLS_API const char *stls_flag_name(uint32_t flag);

/* The bit of the flag called `name`; 0 if there is none. */
STLS_API uint32_t stls_flag_find(const char *name);

typedef enum stls_verdict_state {
    STLS_VERDICT_NOT_DONE = 0, /* nobody has judged: no handshake yet, or verification is off */
    STLS_VERDICT_ACCEPTED =
        1, /* a valid path, and the right name; or all that is wrong is tolerated */
    STLS_VERDICT_REJECTED = 2,
} stls_verdict_state;

/* Where the matching name stood. */
typedef enum stls_name_kind {
    STLS_NAME_NONE = 0,
    STLS_NAME_SIP_URI = 1, /* host of a sip: URI in the SAN */
    STLS_NAME_DNS = 2,     /* dNSName in the SAN */
    STLS_NAME_IP = 3,      /* iPAddress in the SAN */
    STLS_NAME_CN = 4,      /* common name of the subject */
} stls_name_kind;

STLS_API const char *stls_name_kind_text(stls_name_kind kind); /* "SAN sip URI", ... */

enum {
    STLS_VERDICT_TEXT_SIZE = 320,
    STLS_NAME_SIZE = 256,
    STLS_PATH_MAX = 32,     /* certificates in a path, anchor included */
    STLS_PATH_ANCHOR = 255, /* in `path`: a trust anchor, not a certificate that the peer sent */
};

typedef struct stls_verdict {
    stls_verdict_state state;
    uint32_t flags;                 /* STLS_FLAG_...: all that was found */
    uint32_t tolerated;             /* those of `flags` that the profile tolerates */
    uint8_t depth[STLS_FLAG_COUNT]; /* for each bit of `flags`: where it arose first */
    int alert; /* the TLS alert that goes with a rejection, or STLS_ALERT_NONE */

    /* From when to when (seconds since 1970, both included) the dates of the path, of the CRLs of
     * its issuers and of who may have signed these leave the verdict as it is; and a clock that is
     * set, or not. */
    int64_t holds_since, holds_until;

    /* The path that was judged, leaf first: indices into what the peer sent, STLS_PATH_ANCHOR for
     * the anchor. The best one found, if none is valid. */
    uint8_t path[STLS_PATH_MAX];
    size_t path_len;

    /* The next moment at which time alone makes it worse: the first of the dates, notAfter of the
     * path's certificates and nextUpdate of CRLs that counted, that is not behind us yet. Seconds
     * since 1970; INT64_MAX if none is ahead (all is over, and tolerated); 0 if the state is not
     * ACCEPTED. */
    int64_t next_expiry;

    stls_name_kind name_kind;  /* what matched the wanted name; NONE: nothing, or not asked */
    char name[STLS_NAME_SIZE]; /* the certificate's own spelling, printable ASCII */
    char text[STLS_VERDICT_TEXT_SIZE]; /* a sentence a person can act on */
} stls_verdict;

/* Whether the verdict is ACCEPTED, nothing was tolerated, and a wanted name was matched. */
STLS_API bool stls_verdict_is_secure(const stls_verdict *verdict);

struct stls_context;

/* Judges `chain` (`count` certificates as DER, leaf first, the rest in any order) as a handshake on
 * `context` would: a client context judges a server's chain, a server context a client's. `peer` is
 * the name the peer must prove, as for stls_conn_new(); NULL where the profile allows it. Fills
 * `*verdict` whenever it returns STLS_OK or STLS_E_VERIFY; the former only if the state is
 * ACCEPTED.
 *
 * Thread-safe: any number of threads may use one context. RFC 5280 section 6. */
STLS_API stls_result stls_verify(const struct stls_context *context, const stls_bytes *chain,
                                 size_t count, const char *peer, stls_verdict *verdict,
                                 stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
