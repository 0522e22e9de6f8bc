/* certstore/verify/verify.h - the engine that judges a chain: structs in, a verdict out.
 *
 * The model: stls_judge() gets everything in one request (the chain as bytes, the trust, the rules,
 * the time) and fills a verdict. It keeps no state. The steps are files of their own, which
 * search.h lists: judge.c reads the chain, path.c looks for a path from the leaf to an anchor,
 * step.c, signature.c, constraints.c and policy.c validate it (RFC 5280 section 6), identity.c
 * compares names (RFC 5922, RFC 9525), verdict.c and sentence.c say what came of it. trust.c keeps
 * the anchors, clock.c says what is known about the time.
 *
 * A chain is accepted only by a path without any flag that is not tolerated, and if there is one
 * within the bounds it is found. Otherwise flags and sentence come from the path that got furthest:
 * a path to an anchor with flaws is better than none, and of two, the one with fewer and lesser
 * flaws.
 *
 * An anchor ends a path: it is STLS_PATH_ANCHOR in the verdict's path, also where the peer sent it
 * along, and also where it is the leaf itself.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_VERIFY_H
#define STLS_CERTSTORE_VERIFY_VERIFY_H

#include "backends/contract.h"
#include "certstore/verify/memory.h"
#include <siptls/profile.h>

/* The rules of a profile, as the engine needs them. */
typedef struct stls_rules {
    stls_identity_mode identity;
    uint32_t identity_flags;  /* STLS_IDENTITY_COMMON_NAME, ... */
    const char *const *names; /* mode LIST */
    size_t name_count;
    stls_usage_mode usage;
    stls_strength strength;
    stls_crl_mode crl;
    uint32_t tolerated;
    unsigned max_intermediates; /* self-issued ones do not count */
    size_t chain_bytes_max;
} stls_rules;

typedef struct stls_judge_request {
    const stls_backend *backend; /* for signatures and digests */
    const stls_trust *trust;     /* frozen; NULL: no anchor at all */
    const stls_rules *rules;
    stls_role peer_role; /* what the peer is: whose usage the leaf must have */
    const char *peer;    /* the name it must prove, normalised by stls_peer_name(); NULL: none */
    int64_t now;         /* seconds since 1970; STLS_CLOCK_NOT_SET */
    int64_t earliest;    /* the clock is not set if `now` is before it; 0: it is taken as it is */
    const stls_bytes *chain; /* leaf first */
    void *const *keys;       /* NULL, or a key handle of the backend for each, or NULL; borrowed */
    size_t count;
    stls_memory *memory; /* signatures found good before; NULL: none is kept */
} stls_judge_request;

/* Fills `*verdict`; its state is ACCEPTED or REJECTED afterwards, also when memory runs out (then
 * with the flag OTHER). Thread-safe. */
void stls_judge(const stls_judge_request *request, stls_verdict *verdict);

/* A verdict that says that certificate `index` of `chain` cannot be read by the library of
 * `backend`. */
void stls_judge_unreadable(const stls_backend *backend, const stls_bytes *chain, size_t count,
                           size_t index, stls_verdict *verdict);

/* --- identity.c */

enum { STLS_PEER_NAME_SIZE = 256 };

/* Normalises the name of a peer (a DNS name, an IPv4 or IPv6 address with or without brackets, a
 * sip: or sips: URI whose host counts) into `name`: lower case, no trailing dot, no brackets, IP
 * addresses in their canonical text form; and tells whether it is an address. STLS_E_ARGUMENT for
 * NULL; STLS_E_FORMAT with a sentence for what is none of these (an empty name, a NUL or blank or
 * non-ASCII byte, a label over 63 bytes, ...; U-labels: "use the A-label"). */
stls_result stls_peer_name(const char *text, char name[STLS_PEER_NAME_SIZE], bool *is_ip,
                           stls_error *error);

/* --- trust.c */

/* From here on stls_trust_add() answers STLS_E_STATE. Thread-safe. */
void stls_trust_freeze(stls_trust *trust);

/* SHA-256 over all that `trust`, which is frozen, holds, in whatever order it was added; the same
 * on every backend. NULL is the empty trust. False: no memory, or the backend cannot. Computed
 * once. Thread-safe. */
enum { STLS_TRUST_DIGEST_LEN = 32 };
bool stls_trust_digest(stls_trust *trust, const stls_backend *backend,
                       uint8_t digest[STLS_TRUST_DIGEST_LEN]);

#endif
