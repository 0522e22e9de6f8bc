/* The extensions of RFC 5280 4.2, but for those that hold names. What is only looked up later is
 * read here once for its form.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/read/parts.h"

#define CE(last) STLS_OID(0x55, 0x1d, last)
#define PE(last) STLS_OID(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, last)
#define KP(last)                                                                                   \
    { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last }

/* Each is compared with all before it, which must stay cheap. */
enum { EXTENSIONS_MAX = 128, POLICIES_MAX = 256 };

static const uint8_t server_auth[] = KP(1), client_auth[] = KP(2), sip_domain[] = KP(20),
                     any_purpose[] = {0x55, 0x1d, 0x25, 0x00};
const stls_bytes stls_oid_server_auth = {server_auth, sizeof server_auth};
const stls_bytes stls_oid_client_auth = {client_auth, sizeof client_auth};
const stls_bytes stls_oid_any_purpose = {any_purpose, sizeof any_purpose};
const stls_bytes stls_oid_sip_domain = {sip_domain, sizeof sip_domain};

static const char empty_list[] = "is an empty list";
static const char not_a_sequence[] = "is not a SEQUENCE";

bool stls_only_sequence(stls_bytes value, stls_der *inside) {
    stls_der der = stls_der_of(value);
    return stls_der_enter(&der, STLS_DER_SEQUENCE, inside) && stls_der_done(&der);
}

stls_bytes stls_content_of(const stls_der *der) {
    return (stls_bytes){.data = der->at, .len = (size_t)(der->end - der->at)};
}

/* "SkipCerts ::= INTEGER (0..MAX)", "pathLenConstraint INTEGER (0..MAX)": numbers that are larger
 * than any path is long may be of any size. */
static bool count_of(stls_bytes content, uint32_t *count) {
    if (!stls_der_integer_of(content) || (content.data[0] & 0x80) != 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < content.len && value < UINT32_MAX; i++) {
        value = value << 8 | content.data[i];
    }
    *count = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX - 1;
    return true;
}

/* --- Keys and what they are for --- */

static const char *read_basic_constraints(stls_bytes value, stls_x509 *certificate) {
    stls_der fields;
    if (!stls_only_sequence(value, &fields)) {
        return not_a_sequence;
    }
    if (!stls_der_default_false(&fields, &certificate->is_ca)) {
        return "has a field cA that is not a BOOLEAN in DER";
    }
    stls_bytes path_len;
    if (!stls_der_get_optional(&fields, STLS_DER_INTEGER, &certificate->has_path_len, &path_len) ||
        (certificate->has_path_len && !count_of(path_len, &certificate->path_len))) {
        return "has a pathLenConstraint that is not a number from 0 on";
    }
    return stls_der_done(&fields) ? NULL : "has more fields than cA and pathLenConstraint";
}

static const char *read_key_usage(stls_bytes value, stls_x509 *certificate) {
    stls_der der = stls_der_of(value);
    return stls_der_named_bits(&der, &certificate->key_usage) && stls_der_done(&der)
               ? NULL
               : "is not a BIT STRING of named bits in DER";
}

static const char *read_ext_key_usage(stls_bytes value, stls_x509 *certificate) {
    stls_der purposes;
    stls_bytes purpose;
    if (!stls_only_sequence(value, &purposes)) {
        return not_a_sequence;
    }
    certificate->ext_key_usage = stls_content_of(&purposes);
    if (stls_der_done(&purposes)) {
        return empty_list;
    }
    while (!stls_der_done(&purposes)) {
        if (!stls_der_oid(&purposes, &purpose)) {
            return "holds something that is not an OID";
        }
    }
    return NULL;
}

static const char *read_subject_key_id(stls_bytes value, stls_x509 *certificate) {
    stls_der der = stls_der_of(value);
    return stls_der_get(&der, STLS_DER_OCTET_STRING, &certificate->subject_key_id) &&
                   stls_der_done(&der)
               ? NULL
               : "is not an OCTET STRING";
}

static const char *read_ocsp_no_check(stls_bytes value, stls_x509 *certificate) {
    stls_der der = stls_der_of(value);
    (void)certificate;
    return stls_der_null(&der) && stls_der_done(&der) ? NULL : "is not NULL";
}

/* SubjectDirectoryAttributes ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { type, values SET SIZE
 * (1..MAX) } */
static const char *read_directory_attributes(stls_bytes value, stls_x509 *certificate) {
    stls_der attributes, attribute, values;
    stls_bytes type;
    (void)certificate;
    if (!stls_only_sequence(value, &attributes)) {
        return not_a_sequence;
    }
    if (stls_der_done(&attributes)) {
        return empty_list;
    }
    while (!stls_der_done(&attributes)) {
        if (!stls_der_enter(&attributes, STLS_DER_SEQUENCE, &attribute) ||
            !stls_der_oid(&attribute, &type) ||
            !stls_der_enter(&attribute, STLS_DER_SET, &values) || stls_der_done(&values) ||
            !stls_der_done(&attribute)) {
            return "holds a malformed attribute";
        }
    }
    return NULL;
}

/* --- Policies --- */

/* PolicyInformation ::= SEQUENCE { policyIdentifier, policyQualifiers SEQUENCE SIZE (1..MAX)
 * OPTIONAL } */
static const char *read_policy(stls_der *policies, stls_bytes *policy) {
    stls_der information, qualifiers, qualifier;
    stls_bytes id;
    if (!stls_der_enter(policies, STLS_DER_SEQUENCE, &information) ||
        !stls_der_oid(&information, policy)) {
        return "holds a policy without OID";
    }
    if (stls_der_done(&information)) {
        return NULL;
    }
    if (!stls_der_enter(&information, STLS_DER_SEQUENCE, &qualifiers) ||
        !stls_der_done(&information) || stls_der_done(&qualifiers)) {
        return "holds a policy with a malformed list of qualifiers";
    }
    while (!stls_der_done(&qualifiers)) {
        if (!stls_der_enter(&qualifiers, STLS_DER_SEQUENCE, &qualifier) ||
            !stls_der_oid(&qualifier, &id) || !stls_der_any(&qualifier, NULL, NULL, NULL) ||
            !stls_der_done(&qualifier)) {
            return "holds a malformed policy qualifier";
        }
    }
    return NULL;
}

static bool is_among(stls_bytes oid, const stls_bytes *oids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (stls_bytes_equal(oid, oids[i])) {
            return true;
        }
    }
    return false;
}

static const char *read_policies(stls_bytes value, stls_x509 *certificate) {
    stls_bytes seen[POLICIES_MAX];
    size_t count = 0;
    stls_der policies;
    if (!stls_only_sequence(value, &policies)) {
        return not_a_sequence;
    }
    certificate->policies = stls_content_of(&policies);
    if (stls_der_done(&policies)) {
        return empty_list;
    }
    while (!stls_der_done(&policies)) {
        if (count == POLICIES_MAX) {
            return "has more than 256 policies";
        }
        const char *flaw = read_policy(&policies, &seen[count]);
        if (flaw != NULL) {
            return flaw;
        }
        if (is_among(seen[count], seen, count)) {
            return "has the same policy twice";
        }
        count++;
    }
    return NULL;
}

static const char *read_policy_mappings(stls_bytes value, stls_x509 *certificate) {
    stls_der mappings, mapping;
    stls_bytes issuer_policy, subject_policy;
    if (!stls_only_sequence(value, &mappings)) {
        return not_a_sequence;
    }
    certificate->policy_mappings = stls_content_of(&mappings);
    if (stls_der_done(&mappings)) {
        return empty_list;
    }
    while (!stls_der_done(&mappings)) {
        if (!stls_der_enter(&mappings, STLS_DER_SEQUENCE, &mapping) ||
            !stls_der_oid(&mapping, &issuer_policy) || !stls_der_oid(&mapping, &subject_policy) ||
            !stls_der_done(&mapping)) {
            return "holds something that is not a pair of OIDs";
        }
    }
    return NULL;
}

/* "Conforming CAs MUST NOT issue certificates where policy constraints is an empty sequence." */
static const char *read_policy_constraints(stls_bytes value, stls_x509 *certificate) {
    stls_der fields;
    bool present;
    stls_bytes content;
    uint32_t count;
    if (!stls_only_sequence(value, &fields)) {
        return not_a_sequence;
    }
    certificate->policy_constraints = stls_content_of(&fields);
    if (stls_der_done(&fields)) {
        return "has no field";
    }
    for (unsigned number = 0; number <= 1; number++) {
        uint8_t tag = (uint8_t)(STLS_DER_CONTEXT | number);
        if (!stls_der_get_optional(&fields, tag, &present, &content) ||
            (present && !count_of(content, &count))) {
            return "has a field that is not a number from 0 on";
        }
    }
    return stls_der_done(&fields) ? NULL
                                  : "has more than requireExplicitPolicy and inhibitPolicyMapping";
}

static const char *read_inhibit_any_policy(stls_bytes value, stls_x509 *certificate) {
    stls_der der = stls_der_of(value);
    stls_bytes content;
    certificate->has_inhibit_any_policy = true;
    return stls_der_get(&der, STLS_DER_INTEGER, &content) && stls_der_done(&der) &&
                   count_of(content, &certificate->inhibit_any_policy)
               ? NULL
               : "is not a number from 0 on";
}

/* --- All of them --- */

typedef struct known_extension {
    stls_bytes oid;
    uint32_t bit;
    const char *name; /* for the sentence about what is wrong */
    const char *(*read)(stls_bytes value, stls_x509 *certificate);
} known_extension;

static const known_extension known_extensions[] = {
    {CE(19), STLS_EXT_BASIC_CONSTRAINTS, "extension basicConstraints", read_basic_constraints},
    {CE(15), STLS_EXT_KEY_USAGE, "extension keyUsage", read_key_usage},
    {CE(37), STLS_EXT_EXT_KEY_USAGE, "extension extKeyUsage", read_ext_key_usage},
    {CE(17), STLS_EXT_SUBJECT_ALT_NAME, "extension subjectAltName", stls_read_subject_alt_name},
    {CE(35), STLS_EXT_AUTHORITY_KEY_ID, "extension authorityKeyIdentifier",
     stls_read_authority_key_id},
    {CE(14), STLS_EXT_SUBJECT_KEY_ID, "extension subjectKeyIdentifier", read_subject_key_id},
    {CE(31), STLS_EXT_CRL_DISTRIBUTION_POINTS, "extension cRLDistributionPoints",
     stls_read_crl_distribution_points},
    {CE(32), STLS_EXT_CERTIFICATE_POLICIES, "extension certificatePolicies", read_policies},
    {CE(30), STLS_EXT_NAME_CONSTRAINTS, "extension nameConstraints", stls_read_name_constraints},
    {CE(33), STLS_EXT_POLICY_MAPPINGS, "extension policyMappings", read_policy_mappings},
    {CE(36), STLS_EXT_POLICY_CONSTRAINTS, "extension policyConstraints", read_policy_constraints},
    {CE(54), STLS_EXT_INHIBIT_ANY_POLICY, "extension inhibitAnyPolicy", read_inhibit_any_policy},
    {CE(18), STLS_EXT_ISSUER_ALT_NAME, "extension issuerAltName", stls_read_issuer_alt_name},
    {CE(46), STLS_EXT_FRESHEST_CRL, "extension freshestCRL", stls_read_freshest_crl},
    {CE(9), STLS_EXT_SUBJECT_DIRECTORY_ATTRIBUTES, "extension subjectDirectoryAttributes",
     read_directory_attributes},
    {PE(1), STLS_EXT_AUTHORITY_INFO_ACCESS, "extension authorityInfoAccess", stls_read_info_access},
    {PE(11), STLS_EXT_SUBJECT_INFO_ACCESS, "extension subjectInfoAccess", stls_read_info_access},
    {STLS_OID(0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05), STLS_EXT_OCSP_NO_CHECK,
     "extension id-pkix-ocsp-nocheck", read_ocsp_no_check},
};

static const known_extension *find_known(stls_bytes oid) {
    for (size_t i = 0; i < sizeof known_extensions / sizeof known_extensions[0]; i++) {
        if (stls_bytes_equal(oid, known_extensions[i].oid)) {
            return &known_extensions[i];
        }
    }
    return NULL;
}

/* Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
static const char *split_extension(stls_der *extensions, stls_bytes *oid, bool *critical,
                                   stls_bytes *value) {
    stls_der fields;
    if (!stls_der_enter(extensions, STLS_DER_SEQUENCE, &fields)) {
        return "is a list with something that is not an Extension";
    }
    if (!stls_der_oid(&fields, oid)) {
        return "has an extension without OID";
    }
    if (!stls_der_default_false(&fields, critical)) {
        return "has an extension whose field critical is not a BOOLEAN in DER";
    }
    if (!stls_der_get(&fields, STLS_DER_OCTET_STRING, value) || !stls_der_done(&fields)) {
        return "has an extension whose value is not an OCTET STRING";
    }
    return NULL;
}

static const char *read_extension(stls_bytes oid, bool critical, stls_bytes value, void *into,
                                  const char **extension) {
    stls_x509 *certificate = into;
    const known_extension *known = find_known(oid);
    if (known == NULL) {
        if (critical && certificate->unknown_critical.len == 0) {
            certificate->unknown_critical = oid;
        }
        return NULL;
    }
    certificate->present |= known->bit;
    certificate->critical |= critical ? known->bit : 0;
    *extension = known->name;
    return known->read(value, certificate);
}

const char *stls_extensions_read(stls_der *der, stls_x509 *certificate, const char **extension) {
    return stls_extensions_walk(der, read_extension, certificate, extension);
}

const char *stls_extensions_walk(stls_der *der, stls_extension_visit *visit, void *into,
                                 const char **extension) {
    stls_bytes seen[EXTENSIONS_MAX], value;
    size_t count = 0;
    bool critical;
    stls_der extensions;
    *extension = NULL;
    if (!stls_der_enter(der, STLS_DER_SEQUENCE, &extensions) || !stls_der_done(der)) {
        return not_a_sequence;
    }
    if (stls_der_done(&extensions)) {
        return empty_list;
    }
    while (!stls_der_done(&extensions)) {
        *extension = NULL;
        if (count == EXTENSIONS_MAX) {
            return "has more than 128 extensions";
        }
        const char *flaw = split_extension(&extensions, &seen[count], &critical, &value);
        if (flaw != NULL) {
            return flaw;
        }
        if (is_among(seen[count], seen, count)) {
            return "has the same extension twice";
        }
        flaw = visit(seen[count], critical, value, into, extension);
        if (flaw != NULL) {
            return flaw;
        }
        count++;
    }
    return NULL;
}

bool stls_x509_has_purpose(const stls_x509 *certificate, stls_bytes oid) {
    stls_der purposes = stls_der_of(certificate->ext_key_usage);
    stls_bytes purpose;
    while (stls_der_oid(&purposes, &purpose)) {
        if (stls_bytes_equal(purpose, oid)) {
            return true;
        }
    }
    return false;
}
