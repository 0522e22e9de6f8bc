/* certstore/read/x509.h - one X.509 certificate: bytes in, a plain struct out (RFC 5280 section 4).
 *
 * The model: stls_x509_parse() reads the DER of one certificate and fills a struct whose slices
 * point into that DER; nothing is copied and nothing needs to be freed, but the DER must stay. The
 * reader is strict: it accepts what RFC 5280 lets a certificate be, in DER, with nothing before or
 * after, and answers with a sentence for anything else. It judges form only. Whether a certificate
 * is good for something is decided by certstore/verify.
 *
 * Where CAs in use break the letter of RFC 5280, this is what holds. Taken are:
 * - Serial numbers that are negative or zero, as "certificate users SHOULD be prepared" for them
 *   (4.1.2.2; PKITS 4.4.14 has a valid path with one, and roots in use have 0). More than 20 octets
 *   are refused; an octet 00 that only keeps a number positive does not count.
 * - GeneralizedTime for a year before 2050 (PKITS 4.2.4).
 * - cA FALSE and critical FALSE, which DER leaves out (the example of RFC 8410 10.2 has both).
 * - Zeros at the end of keyUsage, which DER leaves out (two of Mozilla's roots).
 * - Strings of any string type with any characters; SET OF in any order.
 * - Names in subjectAltName that are empty or hold NUL; they are names that match nothing.
 * - An all-zero keyUsage, and a pathLenConstraint without cA: the verifier looks at these.
 * - Absent parameters of an RSA signature, as RFC 4055 section 5 demands. A key must have NULL.
 *
 * Refused, though no RFC has such a limit, are more than 128 extensions or 256 policies.
 *
 * What has a list inside (alternative names, extended key usages, constraints) stays as a slice and
 * is walked with the iterators below; parse has already walked each once, so that a walk over a
 * parsed certificate meets no malformed element.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_X509_H
#define STLS_CERTSTORE_READ_X509_H

#include "backends/contract.h"
#include "certstore/read/der.h"

typedef enum stls_key_kind {
    STLS_KEY_UNKNOWN = 0,
    STLS_KEY_RSA = 1,     /* rsaEncryption */
    STLS_KEY_RSA_PSS = 2, /* id-RSASSA-PSS */
    STLS_KEY_EC = 3,      /* id-ecPublicKey with a named curve */
    STLS_KEY_ED25519 = 4,
    STLS_KEY_ED448 = 5,
} stls_key_kind;

/* KeyUsage, RFC 5280 4.2.1.3: bit numbers. */
enum {
    STLS_KU_DIGITAL_SIGNATURE = 1 << 0,
    STLS_KU_KEY_ENCIPHERMENT = 1 << 2,
    STLS_KU_KEY_AGREEMENT = 1 << 4,
    STLS_KU_KEY_CERT_SIGN = 1 << 5,
    STLS_KU_CRL_SIGN = 1 << 6,
};

/* Extensions that the reader knows, as bits of `present` and `critical`. */
enum {
    STLS_EXT_BASIC_CONSTRAINTS = 1 << 0,
    STLS_EXT_KEY_USAGE = 1 << 1,
    STLS_EXT_EXT_KEY_USAGE = 1 << 2,
    STLS_EXT_SUBJECT_ALT_NAME = 1 << 3,
    STLS_EXT_NAME_CONSTRAINTS = 1 << 4,
    STLS_EXT_CERTIFICATE_POLICIES = 1 << 5,
    STLS_EXT_POLICY_MAPPINGS = 1 << 6,
    STLS_EXT_POLICY_CONSTRAINTS = 1 << 7,
    STLS_EXT_INHIBIT_ANY_POLICY = 1 << 8,
    STLS_EXT_AUTHORITY_KEY_ID = 1 << 9,
    STLS_EXT_SUBJECT_KEY_ID = 1 << 10,
    STLS_EXT_CRL_DISTRIBUTION_POINTS = 1 << 11,
    STLS_EXT_ISSUER_ALT_NAME = 1 << 12,
    STLS_EXT_AUTHORITY_INFO_ACCESS = 1 << 13,
    STLS_EXT_FRESHEST_CRL = 1 << 14,
    STLS_EXT_SUBJECT_INFO_ACCESS = 1 << 15,
    STLS_EXT_SUBJECT_DIRECTORY_ATTRIBUTES = 1 << 16,
    STLS_EXT_OCSP_NO_CHECK = 1 << 17, /* RFC 6960 4.2.2.2.1; says nothing that we would act on */
};

typedef struct stls_x509 {
    stls_bytes der;                /* the whole certificate */
    stls_bytes tbs;                /* the whole TBSCertificate: what is signed */
    unsigned version;              /* 1, 2 or 3 */
    stls_bytes serial;             /* content octets */
    stls_bytes issuer, subject;    /* the whole Name elements */
    int64_t not_before, not_after; /* seconds since 1970, both inclusive */

    stls_signature_algorithm signature_algorithm; /* kind UNKNOWN: an OID we do not know */
    stls_bytes signature_oid;
    stls_bytes signature; /* octets of the BIT STRING */

    stls_bytes spki; /* the whole SubjectPublicKeyInfo */
    stls_key_kind key_kind;
    stls_bytes key_oid;
    size_t key_bits;    /* of the modulus, or of the curve; 0: not known */
    uint16_t key_group; /* an EC key's curve by its number in the TLS groups registry; 0: another */
    stls_bytes key_octets; /* of the subjectPublicKey BIT STRING */
    /* RSA_PSS: what the key's parameters restrict it to (RFC 4055 1.2): signatures with these
     * hashes and at least this salt; kind UNKNOWN: no parameters, no restriction. */
    stls_signature_algorithm key_restriction;

    uint32_t present, critical;  /* STLS_EXT_... */
    stls_bytes unknown_critical; /* OID of the first critical extension that is not known here */

    bool is_ca; /* basicConstraints.cA */
    bool has_path_len;
    uint32_t path_len;             /* numbers above UINT32_MAX - 1 count as that */
    uint16_t key_usage;            /* STLS_KU_... */
    stls_bytes ext_key_usage;      /* content of the SEQUENCE OF KeyPurposeId */
    stls_bytes alt_names;          /* content of GeneralNames */
    stls_bytes name_constraints;   /* content of NameConstraints */
    stls_bytes policies;           /* content of CertificatePolicies */
    stls_bytes policy_mappings;    /* content of PolicyMappings */
    stls_bytes policy_constraints; /* content of PolicyConstraints */
    bool has_inhibit_any_policy;
    uint32_t inhibit_any_policy;        /* SkipCerts, bounded as path_len is */
    stls_bytes crl_distribution_points; /* content of CRLDistributionPoints */
    stls_bytes authority_key_id;        /* keyIdentifier, may be empty */
    stls_bytes subject_key_id;
} stls_x509;

/* Reads the certificate `der`. STLS_E_FORMAT with a sentence ("certificate field serialNumber is
 * longer than 20 octets") if it is not one; `*certificate` is then all zero. Pure; thread-safe. */
stls_result stls_x509_parse(stls_bytes der, stls_x509 *certificate, stls_error *error);

/* Reads the AlgorithmIdentifier of a signature (also a CRL's). NULL if it is well-formed, with kind
 * UNKNOWN for an OID or PSS parameters that are not known here; else what is wrong with it, as the
 * end of a sentence ("has parameters that ECDSA does not have"). */
const char *stls_signature_algorithm_read(stls_der *der, stls_signature_algorithm *algorithm,
                                          stls_bytes *oid);

/* GeneralName, RFC 5280 4.2.1.6: the tag's number. */
typedef enum stls_general_name_kind {
    STLS_GENERAL_NAME_OTHER = 0,
    STLS_GENERAL_NAME_EMAIL = 1,
    STLS_GENERAL_NAME_DNS = 2,
    STLS_GENERAL_NAME_X400 = 3,
    STLS_GENERAL_NAME_DIRECTORY = 4, /* value: the whole Name element */
    STLS_GENERAL_NAME_EDI = 5,
    STLS_GENERAL_NAME_URI = 6,
    STLS_GENERAL_NAME_IP = 7, /* value: 4 or 16 octets (8 or 32 in a constraint) */
    STLS_GENERAL_NAME_REGISTERED_ID = 8,
} stls_general_name_kind;

/* The next GeneralName of a GeneralNames' content; false at the end or at a malformed one. */
bool stls_general_name_next(stls_der *names, stls_general_name_kind *kind, stls_bytes *value);

/* A walk over a Name: each attribute in turn, with `*new_rdn` true when it opens an RDN. `name` was
 * entered by stls_name_walk() from a whole Name element. */
typedef struct stls_name_walk {
    stls_der rdns, attributes;
} stls_name_walk;
bool stls_name_walk_start(stls_name_walk *walk, stls_bytes name);
bool stls_name_walk_next(stls_name_walk *walk, bool *new_rdn, stls_bytes *type_oid, uint8_t *tag,
                         stls_bytes *value);

/* Whether `name` is a whole Name element, which a walk will not find malformed. */
bool stls_name_is_well_formed(stls_bytes name);

/* Whether a Name element has no RDN at all. */
bool stls_name_is_empty(stls_bytes name);

/* The value of the last commonName (2.5.4.3) of a Name; false if there is none. `tag` tells the
 * string type. */
bool stls_name_common_name(stls_bytes name, uint8_t *tag, stls_bytes *value);

/* Whether `oid` (content octets) stands in `ext_key_usage` of a certificate. */
bool stls_x509_has_purpose(const stls_x509 *certificate, stls_bytes oid);

/* Content octets of OIDs that more than one file needs. */
extern const stls_bytes stls_oid_server_auth, stls_oid_client_auth, stls_oid_any_purpose,
    stls_oid_sip_domain;

#endif
