/* The extensions that hold names: GeneralNames in their several places (RFC 5280 4.2.1.1, 4.2.1.6,
 * 4.2.1.7, 4.2.1.10, 4.2.1.13, 4.2.1.15, 4.2.2).
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/parts.h"

static const char empty_list[] = "is an empty list";
static const char not_a_sequence[] = "is not a SEQUENCE";

/* --- GeneralNames
 * ------------------------------------------------------------------------------------ */

/* An address stands alone in a name, and with a mask in a constraint (RFC 5280 4.2.1.10). */
typedef enum name_use { IN_NAME, IN_CONSTRAINT } name_use;

/* A mask in the manner of CIDR: ones, then zeros. */
static bool is_mask(const uint8_t *mask, size_t len) {
    bool zeros = false;
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bool one = (mask[bit / 8] >> (7 - bit % 8) & 1) != 0;
        if (one && zeros) {
            return false;
        }
        zeros = !one;
    }
    return true;
}

static const char *check_address(stls_bytes address, name_use use) {
    if (use == IN_NAME) {
        return address.len == 4 || address.len == 16
                   ? NULL
                   : "holds an IP address of another length than 4 or 16 octets";
    }
    if (address.len != 8 && address.len != 32) {
        return "holds an IP address constraint of another length than 8 or 32 octets";
    }
    return is_mask(address.data + address.len / 2, address.len / 2)
               ? NULL
               : "holds an IP address constraint whose mask is not a prefix";
}

static const char *check_general_name(stls_der *names, name_use use) {
    stls_general_name_kind kind;
    stls_bytes value;
    switch (stls_der_peek(names)) {
    case STLS_DER_CONTEXT | STLS_GENERAL_NAME_EMAIL:
        return stls_general_name_next(names, &kind, &value)
                   ? NULL
                   : "holds an e-mail address that is not ASCII";
    case STLS_DER_CONTEXT | STLS_GENERAL_NAME_DNS:
        return stls_general_name_next(names, &kind, &value) ? NULL
                                                            : "holds a DNS name that is not ASCII";
    case STLS_DER_CONTEXT | STLS_GENERAL_NAME_URI:
        return stls_general_name_next(names, &kind, &value) ? NULL
                                                            : "holds a URI that is not ASCII";
    case STLS_DER_CONTEXT | STLS_GENERAL_NAME_IP:
        if (!stls_der_get(names, STLS_DER_CONTEXT | STLS_GENERAL_NAME_IP, &value)) {
            return "holds an IP address that is cut off";
        }
        return check_address(value, use);
    default:
        return stls_general_name_next(names, &kind, &value) ? NULL
                                                            : "holds a malformed GeneralName";
    }
}

const char *stls_general_names_check(stls_der names) {
    if (stls_der_done(&names)) {
        return "has an empty list of names";
    }
    const char *flaw = NULL;
    while (flaw == NULL && !stls_der_done(&names)) {
        flaw = check_general_name(&names, IN_NAME);
    }
    return flaw;
}

const char *stls_read_subject_alt_name(stls_bytes value, stls_x509 *certificate) {
    stls_der names;
    if (!stls_only_sequence(value, &names)) {
        return not_a_sequence;
    }
    certificate->alt_names = stls_content_of(&names);
    return stls_general_names_check(names);
}

const char *stls_read_issuer_alt_name(stls_bytes value, stls_x509 *certificate) {
    stls_der names;
    (void)certificate;
    return stls_only_sequence(value, &names) ? stls_general_names_check(names) : not_a_sequence;
}

/* GeneralSubtrees, RFC 5280 4.2.1.10: "minimum MUST be zero, and maximum MUST be absent", and zero
 * is the default, which DER leaves out. */
static const char *check_subtrees(stls_der subtrees) {
    if (stls_der_done(&subtrees)) {
        return "has an empty list of subtrees";
    }
    while (!stls_der_done(&subtrees)) {
        stls_der subtree;
        if (!stls_der_enter(&subtrees, STLS_DER_SEQUENCE, &subtree)) {
            return "holds a malformed subtree";
        }
        const char *flaw = check_general_name(&subtree, IN_CONSTRAINT);
        if (flaw != NULL) {
            return flaw;
        }
        if (!stls_der_done(&subtree)) {
            return "holds a subtree with a minimum or maximum";
        }
    }
    return NULL;
}

const char *stls_read_name_constraints(stls_bytes value, stls_x509 *certificate) {
    stls_der fields, subtrees;
    if (!stls_only_sequence(value, &fields)) {
        return not_a_sequence;
    }
    certificate->name_constraints = stls_content_of(&fields);
    if (stls_der_done(&fields)) {
        return "has neither permitted nor excluded subtrees";
    }
    for (unsigned number = 0; number <= 1; number++) {
        uint8_t tag = (uint8_t)(STLS_DER_CONTEXT_CONSTRUCTED | number);
        if (stls_der_peek(&fields) != tag) {
            continue;
        }
        if (!stls_der_enter(&fields, tag, &subtrees)) {
            return "has a malformed list of subtrees";
        }
        const char *flaw = check_subtrees(subtrees);
        if (flaw != NULL) {
            return flaw;
        }
    }
    return stls_der_done(&fields) ? NULL : "has more than permitted and excluded subtrees";
}

/* AuthorityKeyIdentifier: "authorityCertIssuer and authorityCertSerialNumber MUST both be present
 * or both be absent" (RFC 5280 appendix A.2). */
const char *stls_read_authority_key_id(stls_bytes value, stls_x509 *certificate) {
    stls_der fields;
    bool has_id, has_issuer, has_serial;
    stls_bytes issuer, serial;
    if (!stls_only_sequence(value, &fields)) {
        return not_a_sequence;
    }
    if (!stls_der_get_optional(&fields, STLS_DER_CONTEXT | 0, &has_id,
                               &certificate->authority_key_id) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 1, &has_issuer, &issuer) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT | 2, &has_serial, &serial) ||
        !stls_der_done(&fields)) {
        return "has malformed fields";
    }
    if (has_issuer != has_serial) {
        return "names the authority's issuer or serial number without the other";
    }
    if (has_serial && !stls_der_integer_of(serial)) {
        return "has a serial number that is not an INTEGER in DER";
    }
    return has_issuer ? stls_general_names_check(stls_der_of(issuer)) : NULL;
}

/* --- Where to find more --- */

const char *stls_point_name_check(stls_der name) {
    stls_bytes content;
    uint8_t tag;
    if (!stls_der_any(&name, &tag, &content, NULL) || !stls_der_done(&name)) {
        return "has a malformed name of a distribution point";
    }
    if (tag == (STLS_DER_CONTEXT_CONSTRUCTED | 0)) {
        return stls_general_names_check(stls_der_of(content));
    }
    return tag == (STLS_DER_CONTEXT_CONSTRUCTED | 1) && content.len != 0
               ? NULL
               : "has a malformed name of a distribution point";
}

/* DistributionPoint ::= SEQUENCE { distributionPoint [0], reasons [1], cRLIssuer [2] }, all
 * OPTIONAL */
static const char *check_distribution_point(stls_der fields) {
    bool has_name, has_reasons, has_issuer;
    stls_bytes name, reasons, issuer;
    uint16_t bits;
    if (!stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 0, &has_name, &name) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT | 1, &has_reasons, &reasons) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 2, &has_issuer, &issuer) ||
        !stls_der_done(&fields)) {
        return "holds a malformed distribution point";
    }
    const char *flaw = NULL;
    if (has_name) {
        flaw = stls_point_name_check(stls_der_of(name));
    }
    if (flaw == NULL && has_reasons && !stls_der_named_bits_of(reasons, &bits)) {
        flaw = "holds reasons that are not named bits in DER";
    }
    if (flaw == NULL && has_issuer) {
        flaw = stls_general_names_check(stls_der_of(issuer));
    }
    return flaw;
}

/* CRLDistributionPoints and FreshestCRL have one syntax. */
static const char *check_distribution_points(stls_bytes value, stls_der *points) {
    if (!stls_only_sequence(value, points)) {
        return not_a_sequence;
    }
    stls_der rest = *points, point;
    const char *flaw = stls_der_done(&rest) ? empty_list : NULL;
    while (flaw == NULL && !stls_der_done(&rest)) {
        flaw = stls_der_enter(&rest, STLS_DER_SEQUENCE, &point)
                   ? check_distribution_point(point)
                   : "holds a malformed distribution point";
    }
    return flaw;
}

const char *stls_read_crl_distribution_points(stls_bytes value, stls_x509 *certificate) {
    stls_der points = stls_der_of((stls_bytes){NULL, 0});
    const char *flaw = check_distribution_points(value, &points);
    certificate->crl_distribution_points = stls_content_of(&points);
    return flaw;
}

const char *stls_read_freshest_crl(stls_bytes value, stls_x509 *certificate) {
    stls_der points;
    (void)certificate;
    return check_distribution_points(value, &points);
}

/* AuthorityInfoAccess and SubjectInfoAccess: SEQUENCE SIZE (1..MAX) OF SEQUENCE { OID, GeneralName
 * } */
const char *stls_read_info_access(stls_bytes value, stls_x509 *certificate) {
    stls_der descriptions, description;
    stls_bytes method;
    (void)certificate;
    if (!stls_only_sequence(value, &descriptions)) {
        return not_a_sequence;
    }
    const char *flaw = stls_der_done(&descriptions) ? empty_list : NULL;
    while (flaw == NULL && !stls_der_done(&descriptions)) {
        if (!stls_der_enter(&descriptions, STLS_DER_SEQUENCE, &description) ||
            !stls_der_oid(&description, &method)) {
            return "holds a malformed AccessDescription";
        }
        flaw = check_general_name(&description, IN_NAME);
        if (flaw == NULL && !stls_der_done(&description)) {
            flaw = "holds a malformed AccessDescription";
        }
    }
    return flaw;
}
