/* The reader of certificates on any bytes. What it takes must be walkable to the end, and lie
 * inside the input.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/x509.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_inside(stls_bytes slice, stls_bytes all) {
    must(slice.len == 0 || (slice.data >= all.data && slice.len <= all.len &&
                            (size_t)(slice.data - all.data) <= all.len - slice.len));
}

static void check_name(stls_bytes name) {
    stls_bytes value;
    uint8_t tag;
    must(stls_name_is_well_formed(name));
    if (stls_name_common_name(name, &tag, &value)) {
        check_inside(value, name);
    }
}

static void check_alt_names(const stls_x509 *certificate) {
    stls_der names = stls_der_of(certificate->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    while (stls_general_name_next(&names, &kind, &value)) {
        check_inside(value, certificate->alt_names);
        must(kind != STLS_GENERAL_NAME_IP || value.len == 4 || value.len == 16);
    }
    must(stls_der_done(&names));
}

static void check_constraints(const stls_x509 *certificate) {
    stls_der lists = stls_der_of(certificate->name_constraints), subtrees, subtree;
    stls_general_name_kind kind;
    stls_bytes value;
    while (!stls_der_done(&lists)) {
        must(stls_der_enter(&lists, stls_der_peek(&lists), &subtrees));
        while (!stls_der_done(&subtrees)) {
            must(stls_der_enter(&subtrees, STLS_DER_SEQUENCE, &subtree));
            must(stls_general_name_next(&subtree, &kind, &value));
            must(stls_der_done(&subtree));
            must(kind != STLS_GENERAL_NAME_IP || value.len == 8 || value.len == 32);
        }
    }
}

static void check_slices(const stls_x509 *certificate) {
    const stls_bytes slices[] = {
        certificate->tbs,
        certificate->serial,
        certificate->issuer,
        certificate->subject,
        certificate->signature_oid,
        certificate->signature,
        certificate->spki,
        certificate->key_oid,
        certificate->key_octets,
        certificate->unknown_critical,
        certificate->ext_key_usage,
        certificate->alt_names,
        certificate->name_constraints,
        certificate->policies,
        certificate->policy_mappings,
        certificate->policy_constraints,
        certificate->crl_distribution_points,
        certificate->authority_key_id,
        certificate->subject_key_id,
    };
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        check_inside(slices[i], certificate->der);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_x509 certificate;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result = stls_x509_parse((stls_bytes){data, size}, &certificate, &error);
    if (result != STLS_OK) {
        must(result == STLS_E_FORMAT && error.text[0] != '\0' && certificate.version == 0);
        return 0;
    }
    check_slices(&certificate);
    check_name(certificate.issuer);
    check_name(certificate.subject);
    must(!stls_name_is_empty(certificate.issuer));
    check_alt_names(&certificate);
    check_constraints(&certificate);
    stls_x509_has_purpose(&certificate, stls_oid_sip_domain);
    must((certificate.critical & ~certificate.present) == 0);
    return 0;
}
