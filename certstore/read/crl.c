/* SPDX-License-Identifier: MIT */
#include "certstore/read/crl.h"

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/parts.h"

enum { SERIAL_OCTETS_MAX = 20, NUMBER_OCTETS_MAX = 20 };

#define CE(last) STLS_OID(0x55, 0x1d, last)

/* What is wrong, in two halves of a sentence; flaw NULL: nothing. */
typedef struct finding {
    const char *where;
    const char *flaw;
} finding;

static const finding nothing;

static finding at(const char *where, const char *flaw) {
    return (finding){.where = where, .flaw = flaw};
}

/* A CRL on its way from bytes to the struct. */
typedef struct reading {
    stls_crl *crl;
    stls_bytes inner_algorithm; /* the whole AlgorithmIdentifier of TBSCertList */
} reading;

static const char not_a_time[] = "is not a UTCTime or GeneralizedTime of RFC 5280";

/* --- Entries --- */

/* CRLReason ::= ENUMERATED; "value 7 is not used". */
static const char *read_reason(stls_bytes value, stls_crl_entry *entry) {
    enum { NOT_USED = 7 };
    stls_der der = stls_der_of(value);
    stls_bytes content;
    if (!stls_der_get(&der, STLS_DER_ENUMERATED, &content) || !stls_der_done(&der) ||
        content.len != 1) {
        return "has a reasonCode that is not an ENUMERATED of one octet";
    }
    if (content.data[0] == NOT_USED || content.data[0] > STLS_CRL_REASON_AA_COMPROMISE) {
        return "has a reasonCode that does not exist";
    }
    entry->reason = (stls_crl_reason)content.data[0];
    return NULL;
}

/* "The GeneralizedTime values included in this field MUST be expressed in GMT", RFC 5280 5.3.2. */
static const char *read_invalidity_date(stls_bytes value, stls_crl_entry *entry) {
    stls_der der = stls_der_of(value);
    int64_t date;
    (void)entry;
    return stls_der_peek(&der) == STLS_DER_GENERALIZED_TIME && stls_der_time(&der, &date) &&
                   stls_der_done(&der)
               ? NULL
               : "has an invalidityDate that is not a GeneralizedTime of RFC 5280";
}

static const char *read_entry_issuer(stls_bytes value, stls_crl_entry *entry) {
    stls_der names;
    entry->has_issuer = true;
    return stls_only_sequence(value, &names) && stls_general_names_check(names) == NULL
               ? NULL
               : "has a certificateIssuer that is no list of names";
}

static const struct {
    stls_bytes oid;
    const char *(*read)(stls_bytes value, stls_crl_entry *entry);
} known_entry_extensions[] = {
    {CE(21), read_reason},
    {CE(24), read_invalidity_date},
    {CE(29), read_entry_issuer},
};

static const char *visit_entry_extension(stls_bytes oid, bool critical, stls_bytes value,
                                         void *into, const char **extension) {
    stls_crl_entry *entry = into;
    (void)extension;
    for (size_t i = 0; i < sizeof known_entry_extensions / sizeof known_entry_extensions[0]; i++) {
        if (stls_bytes_equal(oid, known_entry_extensions[i].oid)) {
            return known_entry_extensions[i].read(value, entry);
        }
    }
    entry->has_unknown_critical = entry->has_unknown_critical || critical;
    return NULL;
}

/* SEQUENCE { userCertificate, revocationDate, crlEntryExtensions OPTIONAL } */
static const char *read_entry(stls_der *entries, stls_crl_entry *entry) {
    stls_bytes content;
    const char *extension;
    *entry = (stls_crl_entry){.reason = STLS_CRL_REASON_UNSPECIFIED};
    if (stls_der_peek(entries) != STLS_DER_SEQUENCE ||
        !stls_der_any(entries, NULL, &content, &entry->whole)) {
        return "is not a SEQUENCE in DER";
    }
    stls_der fields = stls_der_of(content);
    if (!stls_der_integer(&fields, &entry->serial)) {
        return "has a serial number that is not an INTEGER in DER";
    }
    if (entry->serial.len - (entry->serial.data[0] == 0 ? 1U : 0U) > SERIAL_OCTETS_MAX) {
        return "has a serial number that is longer than 20 octets";
    }
    if (!stls_der_time(&fields, &entry->date)) {
        return "has a date that is not a UTCTime or GeneralizedTime of RFC 5280";
    }
    return stls_der_done(&fields)
               ? NULL
               : stls_extensions_walk(&fields, visit_entry_extension, entry, &extension);
}

bool stls_crl_entry_next(stls_der *entries, stls_crl_entry *entry) {
    return !stls_der_done(entries) && read_entry(entries, entry) == NULL;
}

/* Whether the entry that was just read has extensions: something is left behind its date. */
static bool has_extensions(const stls_crl_entry *entry) {
    stls_der der = stls_der_of(entry->whole), fields;
    stls_bytes serial;
    int64_t date;
    return stls_der_enter(&der, STLS_DER_SEQUENCE, &fields) && stls_der_integer(&fields, &serial) &&
           stls_der_time(&fields, &date) && !stls_der_done(&fields);
}

static finding read_entries(stls_der *tbs, reading *in) {
    stls_crl *crl = in->crl;
    stls_crl_entry entry;
    if (stls_der_peek(tbs) != STLS_DER_SEQUENCE) {
        return nothing;
    }
    if (!stls_der_get(tbs, STLS_DER_SEQUENCE, &crl->entries)) {
        return at("field revokedCertificates", "is not a SEQUENCE in DER");
    }
    stls_der entries = stls_der_of(crl->entries);
    while (!stls_der_done(&entries)) {
        const char *flaw = read_entry(&entries, &entry);
        if (flaw == NULL && crl->version == 1 && has_extensions(&entry)) {
            flaw = "has extensions in a CRL of version 1";
        }
        if (flaw != NULL) {
            return at("entry", flaw);
        }
        crl->entry_count++;
        crl->has_unknown_critical = crl->has_unknown_critical || entry.has_unknown_critical;
        crl->has_entry_issuer = crl->has_entry_issuer || entry.has_issuer;
    }
    return nothing;
}

/* --- Extensions --- */

static const char *read_authority_key_id(stls_bytes value, bool critical, stls_crl *crl) {
    stls_x509 holder = {.version = 0};
    const char *flaw = stls_read_authority_key_id(value, &holder);
    (void)critical;
    crl->authority_key_id = holder.authority_key_id;
    return flaw;
}

static const char *read_issuer_alt_name(stls_bytes value, bool critical, stls_crl *crl) {
    (void)critical;
    (void)crl;
    return stls_read_issuer_alt_name(value, NULL);
}

static const char *read_freshest_crl(stls_bytes value, bool critical, stls_crl *crl) {
    (void)critical;
    (void)crl;
    return stls_read_freshest_crl(value, NULL);
}

/* CRLNumber ::= INTEGER (0..MAX), of at most 20 octets. */
static const char *read_crl_number(stls_bytes value, stls_bytes *number) {
    stls_der der = stls_der_of(value);
    if (!stls_der_integer(&der, number) || !stls_der_done(&der) || (number->data[0] & 0x80) != 0) {
        return "is not a number from 0 on";
    }
    return number->len - (number->data[0] == 0 ? 1U : 0U) <= NUMBER_OCTETS_MAX
               ? NULL
               : "is longer than 20 octets";
}

/* "CRL number is a non-critical CRL extension". */
static const char *read_number(stls_bytes value, bool critical, stls_crl *crl) {
    return critical ? "is critical" : read_crl_number(value, &crl->number);
}

static const char *read_delta_indicator(stls_bytes value, bool critical, stls_crl *crl) {
    (void)critical;
    crl->is_delta = true;
    return read_crl_number(value, &crl->base_number);
}

/* [number] IMPLICIT BOOLEAN DEFAULT FALSE, as stls_der_default_false() takes it. */
static bool read_flag(stls_der *fields, unsigned number, bool *value) {
    bool present;
    stls_bytes content;
    if (!stls_der_get_optional(fields, (uint8_t)(STLS_DER_CONTEXT | number), &present, &content) ||
        (present && (content.len != 1 || (content.data[0] != 0x00 && content.data[0] != 0xff)))) {
        return false;
    }
    *value = present && content.data[0] == 0xff;
    return true;
}

/* IssuingDistributionPoint ::= SEQUENCE { distributionPoint [0], onlyContainsUserCerts [1],
 * onlyContainsCACerts [2], onlySomeReasons [3], indirectCRL [4], onlyContainsAttributeCerts [5] }
 */
static bool read_scope_fields(stls_der fields, stls_crl *crl, bool *has_name, bool *has_reasons) {
    stls_bytes reasons;
    if (!stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 0, has_name,
                               &crl->point_name) ||
        !read_flag(&fields, 1, &crl->only_users) || !read_flag(&fields, 2, &crl->only_cas) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT | 3, has_reasons, &reasons) ||
        !read_flag(&fields, 4, &crl->is_indirect) ||
        !read_flag(&fields, 5, &crl->only_attributes)) {
        return false;
    }
    return stls_der_done(&fields) &&
           (!*has_reasons || stls_der_named_bits_of(reasons, &crl->reasons));
}

static const char *read_scope(stls_bytes value, bool critical, stls_crl *crl) {
    stls_der fields;
    bool has_name = false, has_reasons = false;
    (void)critical;
    if (!stls_only_sequence(value, &fields)) {
        return "is not a SEQUENCE";
    }
    crl->scope = stls_content_of(&fields);
    if (!read_scope_fields(fields, crl, &has_name, &has_reasons)) {
        return "has malformed fields";
    }
    const char *flaw = has_name ? stls_point_name_check(stls_der_of(crl->point_name)) : NULL;
    if (flaw != NULL) {
        return flaw;
    }
    int kinds =
        (crl->only_users ? 1 : 0) + (crl->only_cas ? 1 : 0) + (crl->only_attributes ? 1 : 0);
    if (kinds > 1) {
        return "contains only certificates of two kinds at once";
    }
    return has_name || has_reasons || crl->is_indirect || kinds == 1 ? NULL : "says nothing";
}

static const struct {
    stls_bytes oid;
    const char *name;
    const char *(*read)(stls_bytes value, bool critical, stls_crl *crl);
} known_extensions[] = {
    {CE(35), "extension authorityKeyIdentifier", read_authority_key_id},
    {CE(18), "extension issuerAltName", read_issuer_alt_name},
    {CE(20), "extension cRLNumber", read_number},
    {CE(27), "extension deltaCRLIndicator", read_delta_indicator},
    {CE(28), "extension issuingDistributionPoint", read_scope},
    {CE(46), "extension freshestCRL", read_freshest_crl},
};

static const char *visit_extension(stls_bytes oid, bool critical, stls_bytes value, void *into,
                                   const char **extension) {
    stls_crl *crl = into;
    for (size_t i = 0; i < sizeof known_extensions / sizeof known_extensions[0]; i++) {
        if (stls_bytes_equal(oid, known_extensions[i].oid)) {
            *extension = known_extensions[i].name;
            return known_extensions[i].read(value, critical, crl);
        }
    }
    crl->has_unknown_critical = crl->has_unknown_critical || critical;
    return NULL;
}

static finding read_extensions(stls_der *tbs, reading *in) {
    stls_der inside;
    const char *extension;
    if (stls_der_done(tbs)) {
        return nothing;
    }
    if (!stls_der_enter(tbs, STLS_DER_CONTEXT_CONSTRUCTED | 0, &inside)) {
        return at("field tbsCertList", "has something other than extensions at its end");
    }
    if (in->crl->version != 2) {
        return at("field crlExtensions", "stands in a CRL of version 1");
    }
    if (!stls_der_done(tbs)) {
        return at("field tbsCertList", "has something behind its extensions");
    }
    const char *flaw = stls_extensions_walk(&inside, visit_extension, in->crl, &extension);
    return at(extension != NULL ? extension : "field crlExtensions", flaw);
}

/* --- The list --- */

/* version INTEGER { v2(1) } OPTIONAL */
static finding read_version(stls_der *tbs, reading *in) {
    uint32_t number;
    in->crl->version = 1;
    if (stls_der_peek(tbs) != STLS_DER_INTEGER) {
        return nothing;
    }
    if (!stls_der_unsigned(tbs, 1, &number) || number != 1) {
        return at("field version", "is not v2");
    }
    in->crl->version = 2;
    return nothing;
}

/* It is compared with the outer one, byte for byte, and read there. */
static finding read_inner_algorithm(stls_der *tbs, reading *in) {
    bool is_one = stls_der_peek(tbs) == STLS_DER_SEQUENCE &&
                  stls_der_any(tbs, NULL, NULL, &in->inner_algorithm);
    return at("field signature", is_one ? NULL : "is not an AlgorithmIdentifier");
}

static finding read_issuer(stls_der *tbs, reading *in) {
    stls_bytes *issuer = &in->crl->issuer;
    if (!stls_der_any(tbs, NULL, NULL, issuer) || !stls_name_is_well_formed(*issuer)) {
        return at("field issuer", "is not a well-formed Name");
    }
    return at("field issuer", stls_name_is_empty(*issuer) ? "is empty" : NULL);
}

static finding read_times(stls_der *tbs, reading *in) {
    if (!stls_der_time(tbs, &in->crl->this_update)) {
        return at("field thisUpdate", not_a_time);
    }
    uint8_t tag = stls_der_peek(tbs);
    in->crl->has_next_update = tag == STLS_DER_UTC_TIME || tag == STLS_DER_GENERALIZED_TIME;
    return at("field nextUpdate",
              in->crl->has_next_update && !stls_der_time(tbs, &in->crl->next_update) ? not_a_time
                                                                                     : NULL);
}

static finding read_tbs(stls_der tbs, reading *in) {
    static finding (*const readers[])(stls_der *, reading *) = {
        read_version, read_inner_algorithm, read_issuer, read_times, read_entries, read_extensions,
    };
    finding found = nothing;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0] && found.flaw == NULL; i++) {
        found = readers[i](&tbs, in);
    }
    return found;
}

static finding read_signature(stls_der *fields, const reading *in) {
    stls_der ahead = *fields;
    stls_bytes outer;
    const char *flaw = stls_signature_algorithm_read(fields, &in->crl->signature_algorithm,
                                                     &in->crl->signature_oid);
    if (flaw != NULL) {
        return at("field signatureAlgorithm", flaw);
    }
    if (!stls_der_any(&ahead, NULL, NULL, &outer) ||
        !stls_bytes_equal(outer, in->inner_algorithm)) {
        return at("field signatureAlgorithm", "differs from the one that is signed");
    }
    return at("field signatureValue", stls_der_octet_aligned_bits(fields, &in->crl->signature)
                                          ? NULL
                                          : "is not a BIT STRING of whole octets");
}

/* CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue } */
static finding read_list(stls_der fields, stls_crl *crl) {
    reading in = {.crl = crl};
    stls_bytes content;
    if (stls_der_peek(&fields) != STLS_DER_SEQUENCE ||
        !stls_der_any(&fields, NULL, &content, &crl->tbs)) {
        return at("field tbsCertList", "is not a SEQUENCE in DER");
    }
    finding found = read_tbs(stls_der_of(content), &in);
    if (found.flaw == NULL) {
        found = read_signature(&fields, &in);
    }
    if (found.flaw == NULL && !stls_der_done(&fields)) {
        found = at("field signatureValue", "is not the last");
    }
    return found;
}

stls_result stls_crl_parse(stls_bytes der, stls_crl *crl, stls_error *error) {
    stls_der outside = stls_der_of(der), fields;
    finding found;
    *crl = (stls_crl){.der = der, .reasons = STLS_REASONS_ALL};
    if (!stls_der_enter(&outside, STLS_DER_SEQUENCE, &fields)) {
        found = at("is cut off,", "or not DER: there is no whole SEQUENCE");
    } else if (!stls_der_done(&outside)) {
        found = at("has more bytes", "behind its end");
    } else {
        found = read_list(fields, crl);
    }
    if (found.flaw != NULL) {
        *crl = (stls_crl){.version = 0};
        return stls_fail(error, STLS_E_FORMAT, "CRL %s %s", found.where, found.flaw);
    }
    return STLS_OK;
}

/* --- What it is worth --- */

const char *stls_crl_defect(const stls_crl *crl) {
    if (crl->is_indirect || crl->has_entry_issuer) {
        return "it is an indirect CRL, which is not supported";
    }
    return crl->has_unknown_critical ? "it has a critical extension that is not understood" : NULL;
}

/* "The values are compared as non-negative integers": both are in shortest form. */
static int compare_numbers(stls_bytes a, stls_bytes b) {
    stls_der one = stls_der_of(a), other = stls_der_of(b);
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    while (one.at != one.end && *one.at == *other.at) {
        one.at++;
        other.at++;
    }
    return one.at == one.end ? 0 : *one.at < *other.at ? -1 : 1;
}

bool stls_crl_is_newer(const stls_crl *a, const stls_crl *b) {
    if (a->number.len != 0 && b->number.len != 0) {
        int order = compare_numbers(a->number, b->number);
        if (order != 0) {
            return order > 0;
        }
    }
    return a->this_update > b->this_update;
}

/* --- Distribution points --- */

bool stls_distribution_point_next(stls_der *points, stls_distribution_point *point) {
    stls_der fields;
    stls_bytes reasons, issuer;
    bool has_name, has_reasons;
    *point = (stls_distribution_point){.reasons = STLS_REASONS_ALL};
    return stls_der_enter(points, STLS_DER_SEQUENCE, &fields) &&
           stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 0, &has_name,
                                 &point->name) &&
           stls_der_get_optional(&fields, STLS_DER_CONTEXT | 1, &has_reasons, &reasons) &&
           (!has_reasons || stls_der_named_bits_of(reasons, &point->reasons)) &&
           stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 2, &point->has_issuer,
                                 &issuer);
}
