/* certstore/verify/search.h - the parts of the engine, and what they share.
 *
 * The model: judge.c reads the chain and asks for a path; path.c searches, depth first, from the
 * leaf towards an anchor. Each step adds an issuer, and step.c, signature.c, constraints.c say what
 * is wrong with it; policy.c judges the whole path at its end. verdict.c sums up, sentence.c puts
 * it into words.
 *
 * The search makes up to three passes over the same graph. They differ in what may be wrong with a
 * step: nothing; only what the profile tolerates; anything. The first two end at the first path
 * that reaches an anchor; the third only looks for the path worth reporting. So a flawless path is
 * always preferred, and found if there is one within the bounds.
 *
 * Everything here lives within one call of stls_judge().
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_SEARCH_H
#define STLS_CERTSTORE_VERIFY_SEARCH_H

#include "base/error.h"
#include "certstore/verify/anchors.h"
#include "certstore/verify/verify.h"

/* The bounds. What a chain can cost at most, whatever is in it: */
enum {
    STLS_CHAIN_COUNT_MAX = 255,    /* certificates: a path names them by uint8_t */
    STLS_FACTS_KEPT = 8,           /* the facts of so many checks are not made twice */
    STLS_CHECKS_MAX = 128,         /* signature checks; with keys that take longer, fewer */
    STLS_VISITS_MAX = 4096,        /* candidates for an issuer looked at in passes one and two */
    STLS_REPORT_VISITS_MAX = 512,  /* and in the third */
    STLS_COMPARISONS_MAX = 250000, /* of names with name constraints, and of policies */
    STLS_RSA_BITS_MAX = 16384,
};

/* What was found wrong, and where first: nearest to the leaf. */
typedef struct stls_findings {
    uint32_t flags;
    uint8_t depth[STLS_FLAG_COUNT];
} stls_findings;

/* Adds `flags`, one or several or none, at `depth`. */
void stls_found(stls_findings *findings, uint32_t flags, size_t depth);
void stls_found_all(stls_findings *into, const stls_findings *from);

/* The number of the lowest bit of `flags`, which is not 0. */
size_t stls_flag_bit(uint32_t flags);

/* A certificate that the peer sent. */
typedef struct stls_node {
    stls_cert cert;
    uint8_t index;     /* in the chain */
    bool usable;       /* could be read, and is neither sent twice nor an anchor */
    bool key_tried;    /* `key_status` and `key` hold the answer of key_from_spki */
    bool key_borrowed; /* from the TLS library's own copy of the chain */
    stls_be_status key_status;
    void *key;
    uint8_t distance; /* intermediates from here to an anchor, by names alone; STLS_NO_WAY */
} stls_node;

enum { STLS_NO_WAY = 255 };

/* A certificate in the path. */
typedef struct stls_step {
    const stls_cert *cert;
    stls_node *node;     /* what the peer sent; NULL for ... */
    stls_anchor *anchor; /* ... a trust anchor */
    stls_findings found; /* on the path up to here, without what is wrong with the leaf itself */
    uint8_t uses;        /* STLS_USE_... that all extended key usages up to here allow */
    uint8_t counted;     /* intermediates up to here that are not self-issued */
    stls_general_name_kind bad_kind; /* the first name below that its name constraints forbid, */
    stls_bytes bad_name;             /* if there is one */
} stls_step;

typedef struct stls_path {
    stls_step steps[STLS_PATH_MAX];
    size_t len;
    int64_t crls_expire; /* the first of those that were found current; INT64_MAX: none */
} stls_path;

typedef enum stls_signed {
    STLS_SIGNED_GOOD = 1,
    STLS_SIGNED_BAD,
    STLS_SIGNED_UNSUPPORTED
} stls_signed;

/* What somebody has signed: a certificate or a CRL. */
typedef struct stls_signed_data {
    const void *what; /* stands for it in the memory of checks */
    const stls_signature_algorithm *algorithm;
    stls_bytes message, signature;
    stls_bytes der; /* by which the request's memory knows it; empty: it is not asked */
} stls_signed_data;

/* The outcome of one check: this key and that signature. */
typedef struct stls_check {
    const void *what;
    stls_bytes spki;
    stls_signed outcome;
    bool fact_kept; /* in `facts` of the search, under the number of the check */
} stls_check;

typedef struct stls_search {
    const stls_judge_request *request;
    stls_node *nodes; /* one for each certificate of the chain */
    size_t count;
    size_t unreadable; /* index of the first certificate that could not be read, or `count` */
    stls_error unreadable_error; /* and why */

    stls_findings leaf; /* what is wrong with the leaf, whatever the path */

    stls_path path;     /* under construction */
    uint32_t permitted; /* flags that do not end a path in this pass */
    bool report;        /* the third pass */
    bool done;          /* this pass is over */
    unsigned visits_left, checks_left;
    size_t comparisons_left;
    bool exhausted; /* a bound was hit */
    bool no_memory;

    stls_path best; /* len 0: none yet */
    uint32_t best_cost;
    bool reached; /* `best` ends in an anchor */
    bool valid;   /* and was found in the first pass or the second */

    stls_check checks[STLS_CHECKS_MAX];
    size_t check_count;
    uint8_t facts[STLS_FACTS_KEPT][STLS_FACT_LEN]; /* of the first checks, if there is a memory */
} stls_search;

/* --- clock.c: the time lies between these two; they are one if the clock is set. So what has
 * expired for certain is known even if it is not. */
bool stls_clock_is_set(const stls_judge_request *request);
int64_t stls_time_least(const stls_judge_request *request);
int64_t stls_time_most(const stls_judge_request *request);

/* --- path.c: fills best, best_cost, reached, exhausted. */
void stls_search_run(stls_search *search);

/* Whether the issuer that `child` names has the name of `issuer`. */
bool stls_cert_names_issuer(const stls_cert *child, const stls_cert *issuer);

/* --- step.c */

enum { STLS_USE_TLS = 1 << 0, STLS_USE_SIP = 1 << 1 };

/* Judges the leaf by itself (dates, usage, key, extensions, but not its names) into search->leaf
 * and the first step of search->path. */
void stls_step_leaf(stls_search *search);

/* What is wrong with any certificate, by itself: its dates, critical extensions and key. */
void stls_step_any(const stls_search *search, const stls_x509 *x509, size_t depth,
                   stls_findings *found);

/* Judges `next` as the issuer of the last step of search->path, all but the signature; what is
 * wrong goes to next->found, which already holds what is wrong up to there. */
void stls_step_issuer(stls_search *search, stls_step *next);

/* --- signature.c */

/* What is wrong with the key of `x509` at `depth` by the profile's strength. */
void stls_key_judge(stls_strength strength, const stls_x509 *x509, size_t depth,
                    stls_findings *found);

/* Flags of an algorithm that a signature is made with: UNSUPPORTED, WEAK_ALGORITHM. */
uint32_t stls_algorithm_flags(stls_strength strength, const stls_signature_algorithm *algorithm);

/* Whether the key of `issuer` could have made a signature with that algorithm; false for one that
 * is not known. */
bool stls_key_fits(const stls_x509 *issuer, const stls_signature_algorithm *algorithm);

/* Whether `signature` has the form of one with that algorithm. */
bool stls_signature_is_well_formed(const stls_signature_algorithm *algorithm, stls_bytes signature);

stls_signed_data stls_signed_certificate(const stls_cert *cert);

/* Flags of a signature by the key of `issuer`: those of the algorithm, BAD_SIGNATURE, LIMIT. */
uint32_t stls_signature_flags(stls_search *search, const stls_signed_data *data, stls_step *issuer);

/* Judges the signature of the last step of search->path by the key of `next`. */
void stls_signature_judge(stls_search *search, stls_step *next);

/* Puts the signatures of search->best, which is valid, into the request's memory. */
void stls_signatures_remember(const stls_search *search);

/* Frees the key handles that the search has made. */
void stls_search_free_keys(stls_search *search);

/* --- constraints.c */

/* Takes `count` from the comparisons that are left; false if there are not as many. */
bool stls_search_spend(stls_search *search, size_t count);

/* Judges all names of search->path by the name constraints of `next`, if it has any. */
void stls_constraints_judge(stls_search *search, stls_step *next);

/* --- policy.c: whether the finished path search->path has a policy wherever one is required; if
 * not, `*depth` is where it ran out. */
bool stls_policy_judge(stls_search *search, size_t *depth);

/* --- crl.c: whether any certificate of the finished path search->path is revoked, as far as the
 * profile wants to know. */
void stls_revocation_judge(stls_search *search, stls_findings *found);

/* What the flags REVOKED, CRL_... mean for `x509`, as the end of a sentence. */
void stls_revocation_describe(stls_text *text, const stls_judge_request *request,
                              const stls_x509 *x509, uint32_t flag);

/* --- verdict.c */

/* Writes all of the verdict but the name. Adds OTHER to `found` if a chain without valid path had
 * no flaw. */
void stls_verdict_write(const stls_search *search, stls_findings *found, stls_verdict *verdict);
void stls_verdict_no_memory(stls_verdict *verdict);

/* --- sentence.c */

/* What one flaw of search->best is, and what to do about it. */
void stls_sentence_flaw(stls_text *text, const stls_search *search, uint32_t flag, size_t depth);
void stls_sentence_accepted(stls_text *text, const stls_search *search,
                            const stls_verdict *verdict);

#endif
