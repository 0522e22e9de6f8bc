/* SPDX-License-Identifier: MIT */
#include "certstore/verify/crl.h"

#include "base/memory.h"
#include "certstore/verify/dn.h"

/* A DistributionPointName: names, or an RDN below the issuer's name. */
typedef struct point_name {
    bool is_relative;
    stls_bytes content; /* of GeneralNames, or of the RDN's SET */
} point_name;

static point_name point_name_of(stls_bytes whole) {
    stls_der der = stls_der_of(whole);
    point_name name = {.is_relative = stls_der_peek(&der) != (STLS_DER_CONTEXT_CONSTRUCTED | 0)};
    stls_der_any(&der, NULL, &name.content, NULL);
    return name;
}

/* Names of distribution points are labels for equality, whatever they say; but a directory name has
 * many spellings. */
static bool general_name_equal(stls_search *search, stls_general_name_kind kind_a, stls_bytes a,
                               stls_general_name_kind kind_b, stls_bytes b) {
    enum { OCTETS_FOR_ONE = 32 };
    if (kind_a != kind_b || !stls_search_spend(search, 1 + a.len / OCTETS_FOR_ONE)) {
        return false;
    }
    return kind_a == STLS_GENERAL_NAME_DIRECTORY ? stls_name_equal(a, b) : stls_bytes_equal(a, b);
}

static bool stands_in(stls_search *search, stls_general_name_kind kind, stls_bytes value,
                      stls_bytes names) {
    stls_der list = stls_der_of(names);
    stls_general_name_kind there;
    stls_bytes name;
    while (stls_general_name_next(&list, &there, &name)) {
        if (general_name_equal(search, kind, value, there, name)) {
            return true;
        }
    }
    return false;
}

static bool have_one_in_common(stls_search *search, stls_bytes a, stls_bytes b) {
    stls_der list = stls_der_of(a);
    stls_general_name_kind kind;
    stls_bytes name;
    while (stls_general_name_next(&list, &kind, &name)) {
        if (stands_in(search, kind, name, b)) {
            return true;
        }
    }
    return false;
}

/* Whether one of `names` is that of `issuer` with `rdn` added. */
static bool holds_child(stls_search *search, stls_bytes names, stls_bytes issuer, stls_bytes rdn) {
    stls_der list = stls_der_of(names);
    stls_general_name_kind kind;
    stls_bytes name;
    while (stls_general_name_next(&list, &kind, &name)) {
        if (kind == STLS_GENERAL_NAME_DIRECTORY && stls_search_spend(search, 1) &&
            stls_name_is_child(name, issuer, rdn)) {
            return true;
        }
    }
    return false;
}

/* Both are of one issuer: that of the certificate is that of the CRL. */
static bool point_names_match(stls_search *search, stls_bytes issuer, point_name a, point_name b) {
    if (a.is_relative && b.is_relative) {
        return stls_search_spend(search, 1) && stls_rdn_equal(a.content, b.content);
    }
    if (a.is_relative) {
        return holds_child(search, b.content, issuer, a.content);
    }
    if (b.is_relative) {
        return holds_child(search, a.content, issuer, b.content);
    }
    return have_one_in_common(search, a.content, b.content);
}

/* The reasons of all points of `x509` that the CRL's own name stands in, and of the one that every
 * certificate has without saying so: the name of its issuer (RFC 5280 6.3.3, last paragraph). */
static uint16_t reasons_by_name(stls_search *search, const stls_crl *crl, const stls_x509 *x509) {
    point_name wanted = point_name_of(crl->point_name);
    stls_der points = stls_der_of(x509->crl_distribution_points);
    stls_distribution_point point;
    unsigned reasons = 0;
    if (!wanted.is_relative &&
        stands_in(search, STLS_GENERAL_NAME_DIRECTORY, x509->issuer, wanted.content)) {
        return STLS_REASONS_ALL;
    }
    while (stls_distribution_point_next(&points, &point)) {
        if (!point.has_issuer && point.name.len != 0 &&
            point_names_match(search, x509->issuer, wanted, point_name_of(point.name))) {
            reasons |= point.reasons;
        }
    }
    return (uint16_t)reasons;
}

uint16_t stls_crl_scope(stls_search *search, const stls_crl *crl, const stls_x509 *x509) {
    if (crl->only_attributes || (crl->only_users && x509->is_ca) ||
        (crl->only_cas && !x509->is_ca)) {
        return 0;
    }
    unsigned reasons = crl->reasons & (unsigned)STLS_REASONS_ALL;
    if (reasons != 0 && crl->point_name.len != 0) {
        reasons &= reasons_by_name(search, crl, x509);
    }
    return (uint16_t)reasons;
}
