/* Revocation: RFC 5280 section 6.3, for the CRLs that a trust holds.
 *
 * A certificate is good if complete CRLs that are in order, current and in scope cover all reasons
 * and none lists it. It is revoked if one lists it whose signature is good, whatever else is the
 * matter with that CRL: one that is out of date, or has a critical extension that nobody here
 * understands, can accuse but not acquit. So can a delta CRL. Of several CRLs with one scope, the
 * newest counts alone.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/crl.h"

#include "base/memory.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/dn.h"

#define WEAK    ((uint32_t)STLS_FLAG_WEAK_ALGORITHM)
#define EXPIRED ((uint32_t)STLS_FLAG_CRL_EXPIRED)

/* What leaves open what a CRL says: it may be the one that revokes, so that no other can acquit. */
#define UNJUDGED ((uint32_t)(STLS_FLAG_UNSUPPORTED | STLS_FLAG_LIMIT))

/* What may be the matter with a CRL that says that a certificate is good, least first. */
static const uint32_t blemishes[] = {0, WEAK, EXPIRED, WEAK | EXPIRED};
enum { BLEMISHES = sizeof blemishes / sizeof blemishes[0] };

/* The question whether one certificate is revoked. */
typedef struct inquiry {
    stls_search *search;
    const stls_cert *cert;
    size_t issuer;      /* the step of search->path that issued it */
    bool other_signers; /* CRLs may be signed by certificates outside the path */

    unsigned covered[BLEMISHES]; /* reasons for which CRLs with that blemish say: not revoked */
    uint32_t obstacles;          /* flags of CRLs that could not be used */
    bool revoked;
} inquiry;

static uint32_t inquire(stls_search *search, const stls_cert *cert, size_t issuer,
                        bool other_signers);

static bool is_by(const stls_loaded_crl *loaded, const stls_cert *cert) {
    return loaded->issuer_hash == cert->issuer_hash &&
           stls_name_equal(loaded->crl.issuer, cert->x509.issuer);
}

/* Notes when something that acquits will cease to. */
static void note_end(const inquiry *in, int64_t end) {
    int64_t *first = &in->search->path.crls_expire;
    *first = end < *first ? end : *first;
}

/* --- Who signed a CRL --- */

/* Flags of the signature of a CRL by the key of `signer`. */
static uint32_t crl_signature_flags(stls_search *search, stls_loaded_crl *loaded,
                                    stls_step *signer) {
    const stls_crl *crl = &loaded->crl;
    const stls_backend *backend = search->request->backend;
    stls_bytes spki = signer->cert->x509.spki;
    if (stls_loaded_crl_is_proved(loaded, backend, spki)) {
        return stls_algorithm_flags(search->request->rules->strength, &crl->signature_algorithm);
    }
    stls_signed_data data = {.what = loaded,
                             .algorithm = &crl->signature_algorithm,
                             .message = crl->tbs,
                             .signature = crl->signature};
    uint32_t flags = stls_signature_flags(search, &data, signer);
    if ((flags & ~WEAK) == 0) {
        stls_loaded_crl_prove(loaded, backend, spki);
    }
    return flags;
}

/* The certificates of the path with the issuer's name: the issuer itself, and when it has changed
 * its key, those above that vouch for it. `*flags` gathers what is wrong. */
static bool is_signed_by_path(const inquiry *in, stls_loaded_crl *loaded, uint32_t *flags) {
    stls_path *path = &in->search->path;
    for (size_t i = in->issuer; i < path->len; i++) {
        const stls_x509 *x509 = &path->steps[i].cert->x509;
        bool may_sign =
            (x509->present & STLS_EXT_KEY_USAGE) == 0 || (x509->key_usage & STLS_KU_CRL_SIGN) != 0;
        if (!may_sign || !stls_cert_names_issuer(in->cert, path->steps[i].cert)) {
            continue;
        }
        uint32_t here = crl_signature_flags(in->search, loaded, &path->steps[i]);
        if ((here & ~WEAK) == 0) {
            *flags = here;
            return true;
        }
        *flags |= here;
    }
    return false;
}

/* Whether a certificate that the peer sent is one for signing the issuer's CRLs: it says so itself,
 * is in order, not revoked, and issued by the path: so it leads to the same anchor (RFC 5280 6.3.3
 * (f)). */
static bool is_crl_signer(const inquiry *in, const stls_node *node) {
    stls_search *search = in->search;
    const stls_cert *cert = &node->cert;
    stls_findings found = {.flags = 0};
    if (!node->usable || !stls_cert_names_issuer(in->cert, cert) ||
        (cert->x509.key_usage & STLS_KU_CRL_SIGN) == 0) {
        return false;
    }
    stls_step_any(search, &cert->x509, 0, &found);
    stls_signed_data data = stls_signed_certificate(cert);
    for (size_t i = in->issuer; i < search->path.len && found.flags == 0; i++) {
        stls_step *step = &search->path.steps[i];
        if (stls_cert_names_issuer(cert, step->cert) &&
            stls_signature_flags(search, &data, step) == 0) {
            return search->request->rules->crl != STLS_CRL_CHAIN ||
                   inquire(search, cert, i, false) == 0;
        }
    }
    return false;
}

static bool is_signed_by_other(const inquiry *in, stls_loaded_crl *loaded, uint32_t *flags) {
    for (size_t i = 0; i < in->search->count; i++) {
        stls_node *node = &in->search->nodes[i];
        if (is_crl_signer(in, node)) {
            stls_step signer = {.cert = &node->cert, .node = node};
            uint32_t here = crl_signature_flags(in->search, loaded, &signer);
            if ((here & ~WEAK) == 0) {
                note_end(in, node->cert.x509.not_after);
                *flags = here;
                return true;
            }
            *flags |= here;
        }
    }
    return false;
}

/* Whether the CRL's signature is good; then `*flags` is 0 or WEAK, else what is wrong with it. */
static bool is_authentic(const inquiry *in, stls_loaded_crl *loaded, uint32_t *flags) {
    *flags = 0;
    return is_signed_by_path(in, loaded, flags) ||
           (in->other_signers && is_signed_by_other(in, loaded, flags));
}

/* Whether the CRL says that it is signed with another key than the issuer has, by a certificate
 * that is not here: then it is no broken CRL, but none at all. */
static bool names_another_key(const inquiry *in, const stls_crl *crl) {
    const stls_path *path = &in->search->path;
    for (size_t i = in->issuer; i < path->len; i++) {
        stls_bytes id = path->steps[i].cert->x509.subject_key_id;
        if (stls_cert_names_issuer(in->cert, path->steps[i].cert) &&
            (id.len == 0 || stls_bytes_equal(id, crl->authority_key_id))) {
            return false;
        }
    }
    return crl->authority_key_id.len != 0;
}

/* --- One CRL --- */

/* Whether a newer CRL of the same scope has taken the place of `loaded`, which has `flags`. */
static bool is_superseded(const inquiry *in, const stls_loaded_crl *loaded, uint32_t flags) {
    const stls_crl_list *list = stls_trust_crls(in->search->request->trust);
    for (size_t i = 0; i < list->count; i++) {
        const stls_crl *other = &list->items[i]->crl;
        uint32_t its_flags;
        if (list->items[i] != loaded && is_by(list->items[i], in->cert) &&
            stls_bytes_equal(other->scope, loaded->crl.scope) && !other->is_delta &&
            stls_crl_defect(other) == NULL &&
            other->this_update <= stls_time_most(in->search->request) &&
            stls_crl_is_newer(other, &loaded->crl) &&
            is_authentic(in, list->items[i], &its_flags) && (its_flags & ~flags) == 0) {
            return true;
        }
    }
    return false;
}

/* A CRL without nextUpdate, which RFC 5280 5.1.2.5 demands, could be of any age. */
static bool is_current(const stls_crl *crl, const stls_judge_request *request) {
    return crl->this_update <= stls_time_most(request) && crl->has_next_update &&
           stls_time_least(request) <= crl->next_update;
}

/* What `flags` of a signature that is not good mean for the certificate. */
static uint32_t obstacle(const inquiry *in, const stls_crl *crl, uint32_t flags) {
    uint32_t kept = flags & UNJUDGED;
    return kept == 0 && names_another_key(in, crl) ? 0 : kept | (uint32_t)STLS_FLAG_CRL_INVALID;
}

/* Whether nobody can tell if the certificate is in the scope of the CRL: the chain has used up the
 * comparisons. */
static bool is_scope_unknown(const inquiry *in, const stls_crl *crl) {
    return crl->point_name.len != 0 && in->search->comparisons_left == 0;
}

/* Adds what a CRL by the issuer says. */
static void consult(inquiry *in, stls_loaded_crl *loaded) {
    const stls_crl *crl = &loaded->crl;
    stls_crl_entry entry;
    uint32_t flags;
    if (crl->is_indirect ||
        crl->has_entry_issuer) { /* its entries may be about others' certificates */
        in->obstacles |= STLS_FLAG_CRL_INVALID;
        return;
    }
    unsigned reasons = stls_crl_scope(in->search, crl, &in->cert->x509);
    if (reasons == 0) {
        in->obstacles |=
            is_scope_unknown(in, crl) ? (uint32_t)(STLS_FLAG_LIMIT | STLS_FLAG_CRL_INVALID) : 0U;
        return;
    }
    if (!is_authentic(in, loaded, &flags)) {
        in->obstacles |= obstacle(in, crl, flags);
        return;
    }
    if (is_superseded(in, loaded, flags)) {
        return;
    }
    if (stls_loaded_crl_find(loaded, in->cert->x509.serial, &entry) &&
        !(crl->is_delta && entry.reason == STLS_CRL_REASON_REMOVE)) {
        in->revoked = true;
        return;
    }
    if (crl->is_delta) {
        return;
    }
    if (stls_crl_defect(crl) != NULL) {
        in->obstacles |= STLS_FLAG_CRL_INVALID;
        return;
    }
    if (is_current(crl, in->search->request)) {
        note_end(in, crl->next_update);
    } else {
        flags |= EXPIRED;
    }
    for (size_t i = 0; i < BLEMISHES; i++) {
        in->covered[i] |= (flags & ~blemishes[i]) == 0 ? reasons : 0;
    }
}

/* --- One certificate --- */

/* Flags; 0: it is not revoked. */
static uint32_t inquire(stls_search *search, const stls_cert *cert, size_t issuer,
                        bool other_signers) {
    const stls_crl_list *list = stls_trust_crls(search->request->trust);
    inquiry in = {.search = search, .cert = cert, .issuer = issuer, .other_signers = other_signers};
    for (size_t i = 0; i < list->count; i++) {
        if (is_by(list->items[i], cert)) {
            consult(&in, list->items[i]);
        }
    }
    if (in.revoked) {
        return STLS_FLAG_REVOKED;
    }
    if ((in.obstacles & UNJUDGED) != 0) {
        return in.obstacles;
    }
    for (size_t i = 0; i < BLEMISHES; i++) {
        if (in.covered[i] == STLS_REASONS_ALL) {
            return blemishes[i];
        }
    }
    return in.obstacles != 0 ? in.obstacles : (uint32_t)STLS_FLAG_CRL_MISSING;
}

/* A path whose signatures do not hold, or cannot be checked, is rejected; whose CRLs to look at,
 * nobody knows. */
void stls_revocation_judge(stls_search *search, stls_findings *found) {
    const uint32_t unproved = STLS_FLAG_BAD_SIGNATURE | STLS_FLAG_UNSUPPORTED | STLS_FLAG_LIMIT;
    stls_crl_mode mode = search->request->rules->crl;
    size_t count = mode == STLS_CRL_CHAIN ? search->path.len - 1 : mode == STLS_CRL_LEAF ? 1 : 0;
    search->path.crls_expire = INT64_MAX;
    if ((found->flags & unproved) != 0) {
        return;
    }
    for (size_t i = 0; i < count && i + 1 < search->path.len; i++) {
        stls_found(found, inquire(search, search->path.steps[i].cert, i + 1, true), i);
    }
}

/* --- Sentences --- */

static const char *reason_text(stls_crl_reason reason) {
    switch (reason) {
    case STLS_CRL_REASON_UNSPECIFIED:
        return "without a reason given";
    case STLS_CRL_REASON_KEY_COMPROMISE:
        return "its key was compromised";
    case STLS_CRL_REASON_CA_COMPROMISE:
        return "its CA was compromised";
    case STLS_CRL_REASON_AFFILIATION_CHANGED:
        return "its subject's data have changed";
    case STLS_CRL_REASON_SUPERSEDED:
        return "it was replaced";
    case STLS_CRL_REASON_CESSATION:
        return "it is no longer needed";
    case STLS_CRL_REASON_HOLD:
        return "it is on hold";
    case STLS_CRL_REASON_REMOVE:
        return "it was on hold";
    case STLS_CRL_REASON_PRIVILEGE_WITHDRAWN:
    case STLS_CRL_REASON_AA_COMPROMISE:
        return "its privilege was withdrawn";
    }
    return "for an unknown reason";
}

/* The newest CRL by the issuer of `x509`, of those that list it if `listing`; NULL if there is
 * none. */
static const stls_loaded_crl *crl_to_name(const stls_trust *trust, const stls_x509 *x509,
                                          bool listing) {
    const stls_crl_list *list = stls_trust_crls(trust);
    const stls_loaded_crl *best = NULL;
    stls_crl_entry entry;
    for (size_t i = 0; i < list->count; i++) {
        const stls_loaded_crl *next = list->items[i];
        if (stls_name_equal(next->crl.issuer, x509->issuer) &&
            (!listing || stls_loaded_crl_find(next, x509->serial, &entry)) &&
            (best == NULL || stls_crl_is_newer(&next->crl, &best->crl))) {
            best = next;
        }
    }
    return best;
}

static void describe_dates(stls_text *text, const stls_crl *crl,
                           const stls_judge_request *request) {
    if (stls_time_most(request) < crl->this_update) {
        stls_text_add(text, "is valid only from ");
        stls_text_add_date(text, crl->this_update);
        stls_text_add(text, ", or this clock is wrong");
    } else if (crl->has_next_update) {
        stls_text_add(text, "was valid until ");
        stls_text_add_date(text, crl->next_update);
        stls_text_add(text, ": load a newer one%s",
                      stls_clock_is_set(request) ? ", or this clock is wrong" : "");
    } else {
        stls_text_add(text, "does not say until when it is valid");
    }
}

void stls_revocation_describe(stls_text *text, const stls_judge_request *request,
                              const stls_x509 *x509, uint32_t flag) {
    stls_crl_entry entry;
    const stls_loaded_crl *named = crl_to_name(request->trust, x509, flag == STLS_FLAG_REVOKED);
    if (flag == STLS_FLAG_REVOKED) {
        if (named != NULL && stls_loaded_crl_find(named, x509->serial, &entry)) {
            stls_text_add(text, " on ");
            stls_text_add_date(text, entry.date);
            stls_text_add(text, ": %s", reason_text(entry.reason));
        }
        return;
    }
    if (named == NULL || flag == STLS_FLAG_CRL_MISSING) {
        stls_text_add(text, named == NULL ? ": there is no CRL of its issuer"
                                          : ": no CRL of its issuer is about this certificate and "
                                            "signed by a key that is known here");
        return;
    }
    stls_text_add(text, ": the CRL of its issuer ");
    if (flag == STLS_FLAG_CRL_EXPIRED) {
        describe_dates(text, &named->crl, request);
        return;
    }
    const char *why = stls_crl_defect(&named->crl);
    stls_text_add(
        text, "cannot be used: %s",
        why != NULL ? why : "its signature is not good by a key of its issuer that may sign CRLs");
}
