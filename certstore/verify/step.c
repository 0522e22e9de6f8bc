/* One certificate as a link of a path: what RFC 5280 section 6.1 asks of it but for names and
 * signatures.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/search.h"

/* Critical extensions that the engine acts on, or that have nothing to act on for a TLS peer. */
#define UNDERSTOOD                                                                                 \
    ((uint32_t)(STLS_EXT_BASIC_CONSTRAINTS | STLS_EXT_KEY_USAGE | STLS_EXT_EXT_KEY_USAGE |         \
                STLS_EXT_SUBJECT_ALT_NAME | STLS_EXT_NAME_CONSTRAINTS |                            \
                STLS_EXT_CERTIFICATE_POLICIES | STLS_EXT_POLICY_MAPPINGS |                         \
                STLS_EXT_POLICY_CONSTRAINTS | STLS_EXT_INHIBIT_ANY_POLICY |                        \
                STLS_EXT_CRL_DISTRIBUTION_POINTS | STLS_EXT_OCSP_NO_CHECK))

/* What holds for every certificate of a path, the leaf and the anchor included. */
void stls_step_any(const stls_search *search, const stls_x509 *x509, size_t depth,
                   stls_findings *found) {
    if (stls_time_most(search->request) < x509->not_before) {
        stls_found(found, STLS_FLAG_NOT_YET_VALID, depth);
    }
    if (stls_time_least(search->request) > x509->not_after) {
        stls_found(found, STLS_FLAG_EXPIRED, depth);
    }
    if (x509->unknown_critical.len != 0 || (x509->critical & ~UNDERSTOOD) != 0) {
        stls_found(found, STLS_FLAG_UNKNOWN_CRITICAL, depth);
    }
    stls_key_judge(search->request->rules->strength, x509, depth, found);
}

/* --- Extended key usage */

/* What the extension, where there is one, allows. */
static uint8_t uses_of(const stls_x509 *x509, stls_role role, bool any_counts) {
    if ((x509->present & STLS_EXT_EXT_KEY_USAGE) == 0 ||
        (any_counts && stls_x509_has_purpose(x509, stls_oid_any_purpose))) {
        return STLS_USE_TLS | STLS_USE_SIP;
    }
    stls_bytes tls = role == STLS_ROLE_CLIENT ? stls_oid_client_auth : stls_oid_server_auth;
    unsigned uses = 0;
    uses |= stls_x509_has_purpose(x509, tls) ? (unsigned)STLS_USE_TLS : 0;
    uses |= stls_x509_has_purpose(x509, stls_oid_sip_domain) ? (unsigned)STLS_USE_SIP : 0;
    return (uint8_t)uses;
}

/* Which uses would do, in the profile's mode. */
static uint8_t uses_wanted(stls_usage_mode mode) {
    switch (mode) {
    case STLS_USAGE_TLS:
        return STLS_USE_TLS;
    case STLS_USAGE_SIP:
        return STLS_USE_SIP;
    case STLS_USAGE_TLS_OR_SIP:
        break;
    }
    return STLS_USE_TLS | STLS_USE_SIP;
}

static uint8_t leaf_uses(const stls_judge_request *request, const stls_x509 *x509) {
    stls_usage_mode mode = request->rules->usage;
    uint8_t wanted = uses_wanted(mode);
    if (mode == STLS_USAGE_SIP) { /* it must be said, by name */
        return stls_x509_has_purpose(x509, stls_oid_sip_domain) ? wanted : 0;
    }
    return wanted & uses_of(x509, request->peer_role, mode != STLS_USAGE_TLS);
}

/* --- The leaf */

/* All cipher suites of the default sign with the leaf's key; a key that may only decipher is of no
 * use. */
static bool may_sign(const stls_x509 *x509) {
    return (x509->present & STLS_EXT_KEY_USAGE) == 0 ||
           (x509->key_usage & STLS_KU_DIGITAL_SIGNATURE) != 0;
}

void stls_step_leaf(stls_search *search) {
    const stls_judge_request *request = search->request;
    stls_step *leaf = &search->path.steps[0];
    const stls_x509 *x509 = &leaf->cert->x509;
    stls_step_any(search, x509, 0, &search->leaf);
    if (!stls_clock_is_set(request)) { /* once, for all certificates and CRLs of the path */
        stls_found(&search->leaf, STLS_FLAG_CLOCK_NOT_SET, 0);
    }
    leaf->uses = leaf_uses(request, x509);
    if (leaf->uses == 0 || !may_sign(x509)) {
        stls_found(&search->leaf, STLS_FLAG_WRONG_USAGE, 0);
        /* What the issuers allow is judged for itself. */
        leaf->uses = uses_wanted(request->rules->usage);
    }
}

/* --- Issuers */

/* RFC 5280 6.1.4 (k), (n). An anchor of version 1 has no way to say what it is: a self-issued one
 * is a root, unless who trusts it knows better, and any other anchors only itself. */
static bool may_issue(const stls_step *step) {
    const stls_x509 *x509 = &step->cert->x509;
    if (step->anchor != NULL && step->anchor->is_peer) {
        return false;
    }
    if (x509->version < 3) {
        return step->anchor != NULL && step->cert->self_issued;
    }
    return x509->is_ca && ((x509->present & STLS_EXT_KEY_USAGE) == 0 ||
                           (x509->key_usage & STLS_KU_KEY_CERT_SIGN) != 0);
}

/* Self-issued intermediates (a CA's change of key) do not count, here as in 6.1.4 (l). */
static void judge_length(const stls_search *search, stls_step *next, size_t depth) {
    const stls_x509 *x509 = &next->cert->x509;
    const stls_step *last = &search->path.steps[search->path.len - 1];
    if (x509->has_path_len && last->counted > x509->path_len) {
        stls_found(&next->found, STLS_FLAG_PATH_TOO_LONG, depth);
    }
    next->counted = (uint8_t)(last->counted + (next->cert->self_issued ? 0 : 1));
    if (next->anchor == NULL && next->counted > search->request->rules->max_intermediates) {
        stls_found(&next->found, STLS_FLAG_PATH_TOO_LONG, depth);
    }
}

void stls_step_issuer(stls_search *search, stls_step *next) {
    const stls_step *last = &search->path.steps[search->path.len - 1];
    size_t depth = search->path.len;
    stls_step_any(search, &next->cert->x509, depth, &next->found);
    if (!may_issue(next)) {
        stls_found(&next->found, STLS_FLAG_NOT_A_CA, depth);
    }
    judge_length(search, next, depth);
    uint8_t uses = uses_of(&next->cert->x509, search->request->peer_role, true);
    next->uses = last->uses & uses;
    if (next->uses == 0) {
        stls_found(&next->found, STLS_FLAG_WRONG_USAGE, depth);
        next->uses = last->uses;
    }
}
