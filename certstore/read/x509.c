/* SPDX-License-Identifier: MIT */
#include "certstore/read/x509.h"

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/parts.h"

enum { SERIAL_OCTETS_MAX = 20 };

/* What is wrong, in two halves of a sentence; flaw NULL: nothing. */
typedef struct finding {
    const char *where; /* "field notAfter", "extension keyUsage" */
    const char *flaw;
} finding;

static const finding nothing;

static finding at(const char *name, const char *flaw) {
    return (finding){.where = name, .flaw = flaw};
}

/* A certificate on its way from bytes to the struct. */
typedef struct reading {
    stls_x509 *certificate;
    stls_bytes inner_algorithm; /* the whole AlgorithmIdentifier of TBSCertificate */
} reading;

/* version [0] EXPLICIT INTEGER { v1(0), v2(1), v3(2) } DEFAULT v1 */
static finding read_version(stls_der *tbs, reading *in) {
    stls_der inside;
    uint32_t number;
    in->certificate->version = 1;
    if (stls_der_peek(tbs) != (STLS_DER_CONTEXT_CONSTRUCTED | 0)) {
        return nothing;
    }
    if (!stls_der_enter(tbs, STLS_DER_CONTEXT_CONSTRUCTED | 0, &inside) ||
        !stls_der_unsigned(&inside, 2, &number) || !stls_der_done(&inside)) {
        return at("field version", "is none of v1, v2 and v3");
    }
    if (number == 0) {
        return at("field version", "is v1, which DER leaves out");
    }
    in->certificate->version = number + 1;
    return nothing;
}

/* Octets that keep the sign of a positive number do not count: CAs fill all 20 with random bits. */
static finding read_serial(stls_der *tbs, reading *in) {
    if (!stls_der_integer(tbs, &in->certificate->serial)) {
        return at("field serialNumber", "is not an INTEGER in DER");
    }
    size_t len = in->certificate->serial.len - (in->certificate->serial.data[0] == 0 ? 1 : 0);
    return len <= SERIAL_OCTETS_MAX ? nothing
                                    : at("field serialNumber", "is longer than 20 octets");
}

static const char *read_name(stls_der *tbs, stls_bytes *name) {
    return stls_der_any(tbs, NULL, NULL, name) && stls_name_is_well_formed(*name)
               ? NULL
               : "is not a well-formed Name";
}

static finding read_issuer(stls_der *tbs, reading *in) {
    const char *flaw = read_name(tbs, &in->certificate->issuer);
    if (flaw == NULL && stls_name_is_empty(in->certificate->issuer)) {
        flaw = "is empty";
    }
    return at("field issuer", flaw);
}

static finding read_subject(stls_der *tbs, reading *in) {
    return at("field subject", read_name(tbs, &in->certificate->subject));
}

static finding read_validity(stls_der *tbs, reading *in) {
    static const char not_a_time[] = "is not a UTCTime or GeneralizedTime of RFC 5280";
    stls_der times;
    if (!stls_der_enter(tbs, STLS_DER_SEQUENCE, &times)) {
        return at("field validity", "is not a SEQUENCE");
    }
    if (!stls_der_time(&times, &in->certificate->not_before)) {
        return at("field notBefore", not_a_time);
    }
    if (!stls_der_time(&times, &in->certificate->not_after)) {
        return at("field notAfter", not_a_time);
    }
    return at("field validity", stls_der_done(&times) ? NULL : "has more than two times");
}

/* [1] and [2] IMPLICIT BIT STRING; nobody uses them, so only their form is looked at. */
static finding read_unique_ids(stls_der *tbs, reading *in) {
    for (unsigned number = 1; number <= 2; number++) {
        bool present;
        stls_bytes content;
        uint8_t tag = (uint8_t)(STLS_DER_CONTEXT | number);
        if (!stls_der_get_optional(tbs, tag, &present, &content) ||
            (present && !stls_der_bits_of(content))) {
            return at("field uniqueIdentifier", "is not a BIT STRING");
        }
        if (present && in->certificate->version < 2) {
            return at("field uniqueIdentifier", "stands in a certificate of version 1");
        }
    }
    return nothing;
}

static finding read_extensions(stls_der *tbs, reading *in) {
    stls_der inside;
    const char *extension;
    if (stls_der_done(tbs)) {
        return nothing;
    }
    if (!stls_der_enter(tbs, STLS_DER_CONTEXT_CONSTRUCTED | 3, &inside)) {
        return at("field tbsCertificate", "has something other than extensions at its end");
    }
    if (in->certificate->version != 3) {
        return at("field extensions", "stands in a certificate of version 1 or 2");
    }
    if (!stls_der_done(tbs)) {
        return at("field tbsCertificate", "has something behind its extensions");
    }
    const char *flaw = stls_extensions_read(&inside, in->certificate, &extension);
    return (finding){.where = extension != NULL ? extension : "field extensions", .flaw = flaw};
}

static finding read_spki(stls_der *tbs, reading *in) {
    return at("field subjectPublicKeyInfo", stls_spki_read(tbs, in->certificate));
}

/* It is compared with the outer one, byte for byte, and read there. */
static finding read_inner_algorithm(stls_der *tbs, reading *in) {
    bool is_one = stls_der_peek(tbs) == STLS_DER_SEQUENCE &&
                  stls_der_any(tbs, NULL, NULL, &in->inner_algorithm);
    return at("field signature", is_one ? NULL : "is not an AlgorithmIdentifier");
}

static finding read_tbs(stls_der tbs, reading *in) {
    static finding (*const readers[])(stls_der *, reading *) = {
        read_version, read_serial, read_inner_algorithm, read_issuer,     read_validity,
        read_subject, read_spki,   read_unique_ids,      read_extensions,
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
    const char *flaw = stls_signature_algorithm_read(fields, &in->certificate->signature_algorithm,
                                                     &in->certificate->signature_oid);
    if (flaw != NULL) {
        return at("field signatureAlgorithm", flaw);
    }
    if (!stls_der_any(&ahead, NULL, NULL, &outer) ||
        !stls_bytes_equal(outer, in->inner_algorithm)) {
        return at("field signatureAlgorithm", "differs from the one that is signed");
    }
    if (!stls_der_octet_aligned_bits(fields, &in->certificate->signature)) {
        return at("field signatureValue", "is not a BIT STRING of whole octets");
    }
    return nothing;
}

/* Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } */
static finding read_certificate(stls_der fields, stls_x509 *certificate) {
    reading in = {.certificate = certificate};
    stls_bytes content;
    if (stls_der_peek(&fields) != STLS_DER_SEQUENCE ||
        !stls_der_any(&fields, NULL, &content, &certificate->tbs)) {
        return at("field tbsCertificate", "is not a SEQUENCE in DER");
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

stls_result stls_x509_parse(stls_bytes der, stls_x509 *certificate, stls_error *error) {
    stls_der outside = stls_der_of(der), fields;
    *certificate = (stls_x509){.der = der};
    if (!stls_der_enter(&outside, STLS_DER_SEQUENCE, &fields)) {
        *certificate = (stls_x509){.version = 0};
        return stls_fail(error, STLS_E_FORMAT,
                         "certificate is cut off, or not DER: no whole SEQUENCE in %zu bytes",
                         der.len);
    }
    if (!stls_der_done(&outside)) {
        *certificate = (stls_x509){.version = 0};
        return stls_fail(error, STLS_E_FORMAT, "certificate has %zu more bytes behind its end",
                         (size_t)(outside.end - outside.at));
    }
    finding found = read_certificate(fields, certificate);
    if (found.flaw != NULL) {
        *certificate = (stls_x509){.version = 0};
        return stls_fail(error, STLS_E_FORMAT, "certificate %s %s", found.where, found.flaw);
    }
    return STLS_OK;
}
