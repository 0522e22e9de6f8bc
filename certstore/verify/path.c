/* The search for a path: depth first, from the leaf to an anchor, within bounds.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/search.h"

/* What a flaw weighs when the best of bad paths is chosen: one that ends nowhere, and one whose
 * signatures do not hold, before all else; then what says that somebody had no right to do this;
 * then what time or age did. */
static uint32_t weight(uint32_t flag, uint32_t tolerated) {
    if ((flag & tolerated) != 0) {
        return 1;
    }
    switch (flag) {
    case STLS_FLAG_UNTRUSTED:
        return 1 << 22;
    case STLS_FLAG_BAD_SIGNATURE:
    case STLS_FLAG_LIMIT:
        return 1 << 19;
    case STLS_FLAG_NOT_A_CA:
    case STLS_FLAG_MALFORMED:
    case STLS_FLAG_UNSUPPORTED:
        return 1 << 12;
    case STLS_FLAG_EXPIRED:
    case STLS_FLAG_NOT_YET_VALID:
        return 1 << 4;
    default:
        return 1 << 8;
    }
}

static uint32_t cost_of(const stls_findings *found, uint32_t tolerated) {
    uint32_t cost = 0;
    for (uint32_t flags = found->flags; flags != 0; flags &= flags - 1) {
        cost += weight(flags & (~flags + 1), tolerated);
    }
    return cost;
}

/* --- Candidates */

/* Whether two certificates are for the same name and key. */
static bool is_same_entity(const stls_cert *a, const stls_cert *b) {
    return a->subject_hash == b->subject_hash && stls_bytes_equal(a->x509.spki, b->x509.spki) &&
           stls_name_equal(a->x509.subject, b->x509.subject);
}

static bool in_path(const stls_search *search, const stls_cert *cert) {
    for (size_t i = 0; i < search->path.len; i++) {
        if (is_same_entity(search->path.steps[i].cert, cert)) {
            return true;
        }
    }
    return false;
}

bool stls_cert_names_issuer(const stls_cert *child, const stls_cert *issuer) {
    return child->issuer_hash == issuer->subject_hash &&
           stls_name_equal(child->x509.issuer, issuer->x509.subject);
}

/* Key identifiers are hints (RFC 5280 4.2.1.1): they order, they do not decide. */
typedef enum hint { HINT_MATCH, HINT_NONE, HINT_OTHER_KEY } hint;

static hint key_hint(const stls_cert *child, const stls_cert *issuer) {
    stls_bytes wanted = child->x509.authority_key_id, there = issuer->x509.subject_key_id;
    if (wanted.len == 0 || there.len == 0) {
        return HINT_NONE;
    }
    return stls_bytes_equal(wanted, there) ? HINT_MATCH : HINT_OTHER_KEY;
}

/* The order in which candidates are tried. */
enum { RANKS = 4 };

static unsigned rank_of(const stls_search *search, const stls_cert *child,
                        const stls_cert *issuer) {
    bool valid = stls_time_most(search->request) >= issuer->x509.not_before &&
                 stls_time_least(search->request) <= issuer->x509.not_after;
    switch (key_hint(child, issuer)) {
    case HINT_MATCH:
        return valid ? 0 : 2;
    case HINT_NONE:
        return valid ? 1 : 2;
    case HINT_OTHER_KEY:
        break;
    }
    return 3;
}

/* --- Paths that are offered */

static void take(stls_search *search, uint32_t cost, bool reached) {
    search->best = search->path;
    search->best_cost = cost;
    search->reached = reached;
}

/* search->path ends in an anchor. */
static void offer(stls_search *search) {
    stls_findings *found = &search->path.steps[search->path.len - 1].found;
    size_t depth = 0;
    if (!stls_policy_judge(search, &depth)) {
        stls_found(found, STLS_FLAG_POLICY, depth);
    }
    if ((found->flags & ~search->permitted) != 0) {
        return;
    }
    stls_revocation_judge(search, found);
    if ((found->flags & ~search->permitted) != 0) {
        return;
    }
    uint32_t cost = cost_of(found, search->request->rules->tolerated);
    if (!search->reached || cost < search->best_cost) {
        take(search, cost, true);
    }
    search->done = !search->report || cost == 0;
}

/* search->path ends nowhere. A longer one tells more, unless its signatures do not hold or it is
 * one that could not lead anywhere any more. */
static void offer_dead_end(stls_search *search) {
    enum { WORTH_OF_A_STEP = 1 << 13 };
    const stls_findings *found = &search->path.steps[search->path.len - 1].found;
    if ((found->flags & STLS_FLAG_PATH_TOO_LONG) != 0) {
        return;
    }
    uint32_t cost = cost_of(found, search->request->rules->tolerated) +
                    weight(STLS_FLAG_UNTRUSTED, 0) - WORTH_OF_A_STEP * (uint32_t)search->path.len;
    if (search->best.len == 0 || cost < search->best_cost) {
        take(search, cost, false);
        stls_found(&search->best.steps[search->best.len - 1].found, STLS_FLAG_UNTRUSTED,
                   search->best.len - 1);
    }
}

/* --- The search */

static void extend(stls_search *search);

/* Whether a step with these findings may be part of a path in this pass. */
static bool may_go_on(const stls_search *search, const stls_step *step) {
    if ((step->found.flags & ~search->permitted) != 0) {
        return false;
    }
    return !search->report || search->best.len == 0 ||
           cost_of(&step->found, search->request->rules->tolerated) < search->best_cost;
}

/* Only a self-signed certificate may leave out whose key signed it (RFC 5280 4.2.1.1). */
static bool is_self_signed(const stls_cert *cert) {
    return cert->self_issued && cert->x509.authority_key_id.len == 0;
}

/* A namesake: the key is another one than the child says, and indeed has not signed it. */
static bool is_stranger(const stls_search *search, const stls_step *next) {
    const stls_step *last = &search->path.steps[search->path.len - 1];
    return (next->found.flags & ~last->found.flags & STLS_FLAG_BAD_SIGNATURE) != 0 &&
           (key_hint(last->cert, next->cert) == HINT_OTHER_KEY || is_self_signed(last->cert));
}

/* Judges `next` as the issuer of the path so far, cheap questions first; whether it may stand
 * there. */
static bool judge(stls_search *search, stls_step *next) {
    stls_step_issuer(search, next);
    if (!may_go_on(search, next)) {
        return false;
    }
    stls_constraints_judge(search, next);
    if (!may_go_on(search, next)) {
        return false;
    }
    stls_signature_judge(search, next);
    return may_go_on(search, next) && !is_stranger(search, next);
}

static void try_issuer(stls_search *search, const stls_cert *cert, stls_node *node,
                       stls_anchor *anchor) {
    if (in_path(search, cert)) {
        return;
    }
    if (search->path.len == STLS_PATH_MAX || search->visits_left == 0) {
        search->exhausted = true;
        search->done = search->visits_left == 0;
        return;
    }
    search->visits_left--;
    stls_step *next = &search->path.steps[search->path.len];
    *next = (stls_step){
        .cert = cert,
        .node = node,
        .anchor = anchor,
        .found = search->path.steps[search->path.len - 1].found,
    };
    if (!judge(search, next)) {
        return;
    }
    search->path.len++;
    if (anchor != NULL) {
        offer(search);
    } else {
        extend(search);
    }
    search->path.len--;
}

/* Whether an anchor could be reached over `node` without more intermediates than allowed. */
static bool can_reach(const stls_search *search, const stls_node *node) {
    const stls_step *last = &search->path.steps[search->path.len - 1];
    return node->distance != STLS_NO_WAY &&
           last->counted + node->distance <= search->request->rules->max_intermediates;
}

/* Tries every issuer of the last certificate of search->path. At most STLS_PATH_MAX calls deep. */
static void extend(stls_search *search) {
    const stls_cert *child = search->path.steps[search->path.len - 1].cert;
    for (unsigned rank = 0; rank < RANKS; rank++) {
        for (stls_anchor *anchor = stls_anchor_bucket(search->request->trust, child->issuer_hash);
             anchor != NULL && !search->done; anchor = anchor->next) {
            if (stls_cert_names_issuer(child, &anchor->cert) &&
                rank_of(search, child, &anchor->cert) == rank) {
                try_issuer(search, &anchor->cert, NULL, anchor);
            }
        }
        for (size_t i = 0; i < search->count && !search->done; i++) {
            stls_node *node = &search->nodes[i];
            if (node->usable && stls_cert_names_issuer(child, &node->cert) &&
                rank_of(search, child, &node->cert) == rank &&
                (search->report || can_reach(search, node))) {
                try_issuer(search, &node->cert, node, NULL);
            }
        }
    }
    if (search->report && !search->reached) {
        offer_dead_end(search);
    }
}

/* --- Distances */

static bool issued_by_anchor(const stls_search *search, const stls_cert *cert) {
    for (const stls_anchor *anchor = stls_anchor_bucket(search->request->trust, cert->issuer_hash);
         anchor != NULL; anchor = anchor->next) {
        if (stls_cert_names_issuer(cert, &anchor->cert)) {
            return true;
        }
    }
    return false;
}

/* Whether one of the certificates at `distance` has the name of the issuer of `cert`. */
static bool issued_from(const stls_search *search, const stls_cert *cert, unsigned distance) {
    for (size_t i = 0; i < search->count; i++) {
        const stls_node *node = &search->nodes[i];
        if (node->usable && node->distance == distance &&
            stls_cert_names_issuer(cert, &node->cert)) {
            return true;
        }
    }
    return false;
}

/* Gives `distance` to all that can have it: those next to an anchor, if they are self-issued at 0
 * and else at 1; the issued of a certificate that is one nearer; self-issued ones, which do not
 * count themselves, by a namesake at the same distance. */
static bool measure_at(stls_search *search, unsigned distance, bool self_issued) {
    bool any = false;
    for (size_t i = 0; i < search->count; i++) {
        stls_node *node = &search->nodes[i];
        if (!node->usable || node->distance != STLS_NO_WAY ||
            node->cert.self_issued != self_issued) {
            continue;
        }
        unsigned before = self_issued ? distance : distance - 1;
        if ((before == 0 && issued_by_anchor(search, &node->cert)) ||
            issued_from(search, &node->cert, before)) {
            node->distance = (uint8_t)distance;
            any = true;
        }
    }
    return any;
}

/* How far each certificate is from an anchor, going by names alone: the true distance is no less.
 * So certificates that lead nowhere cost nothing in the search. */
static void measure_distances(stls_search *search) {
    for (size_t i = 0; i < search->count; i++) {
        search->nodes[i].distance = STLS_NO_WAY;
    }
    bool more = true;
    measure_at(search, 0, true);
    for (unsigned distance = 1; distance < STLS_PATH_MAX && more; distance++) {
        more = measure_at(search, distance, false);
        more = measure_at(search, distance, true) || more;
    }
}

/* --- The passes */

static void run_pass(stls_search *search, uint32_t permitted, bool report) {
    search->permitted = permitted;
    search->report = report;
    search->done = false;
    search->path.len = 1;
    extend(search);
}

/* The leaf may be an anchor itself: then there is nothing more to find. */
static bool leaf_is_anchor(stls_search *search) {
    const stls_cert *leaf = search->path.steps[0].cert;
    for (stls_anchor *anchor = stls_anchor_bucket(search->request->trust, leaf->subject_hash);
         anchor != NULL; anchor = anchor->next) {
        if (stls_bytes_equal(anchor->der, leaf->x509.der)) {
            search->path.steps[0].anchor = anchor;
            search->path.len = 1;
            take(search, 0, true);
            return true;
        }
    }
    return false;
}

void stls_search_run(stls_search *search) {
    uint32_t tolerated = search->request->rules->tolerated & STLS_FLAGS_TOLERABLE;
    search->path.crls_expire = INT64_MAX;
    search->checks_left = STLS_CHECKS_MAX;
    search->comparisons_left = STLS_COMPARISONS_MAX;
    search->visits_left = STLS_VISITS_MAX;
    if (!leaf_is_anchor(search)) {
        measure_distances(search);
        run_pass(search, 0, false);
        if (!search->reached && tolerated != 0) {
            run_pass(search, tolerated, false);
        }
    }
    search->valid = search->reached;
    if (!search->valid) {
        bool exhausted = search->exhausted;
        search->visits_left = STLS_REPORT_VISITS_MAX;
        run_pass(search, UINT32_MAX, true);
        search->exhausted = exhausted;
    }
}
