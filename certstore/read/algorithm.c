/* Signature algorithms and public keys: RFC 3279, 4055, 5480, 5758, 8410.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/read/parts.h"

/* --- Signature algorithms --- */

typedef struct known_signature {
    stls_bytes oid;
    stls_signature_kind kind;
    stls_hash hash;
} known_signature;

#define RSA(last)        STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last)
#define ECDSA_SHA2(last) STLS_OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last)

static const known_signature known_signatures[] = {
    {RSA(0x0b), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA256},
    {RSA(0x0c), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA384},
    {RSA(0x0d), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA512},
    {RSA(0x0e), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA224},
    {RSA(0x05), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA1},
    {STLS_OID(0x2b, 0x0e, 0x03, 0x02, 0x1d), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_SHA1}, /* OIW */
    {RSA(0x04), STLS_SIGNATURE_RSA_PKCS1, STLS_HASH_MD5},
    {RSA(0x0a), STLS_SIGNATURE_RSA_PSS, STLS_HASH_NONE}, /* its parameters tell the hash */
    {ECDSA_SHA2(0x01), STLS_SIGNATURE_ECDSA, STLS_HASH_SHA224},
    {ECDSA_SHA2(0x02), STLS_SIGNATURE_ECDSA, STLS_HASH_SHA256},
    {ECDSA_SHA2(0x03), STLS_SIGNATURE_ECDSA, STLS_HASH_SHA384},
    {ECDSA_SHA2(0x04), STLS_SIGNATURE_ECDSA, STLS_HASH_SHA512},
    {STLS_OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01), STLS_SIGNATURE_ECDSA, STLS_HASH_SHA1},
    {STLS_OID(0x2b, 0x65, 0x70), STLS_SIGNATURE_ED25519, STLS_HASH_NONE},
    {STLS_OID(0x2b, 0x65, 0x71), STLS_SIGNATURE_ED448, STLS_HASH_NONE},
};

/* The hashes of RSASSA-PSS. */
static const struct {
    stls_bytes oid;
    stls_hash hash;
} known_hashes[] = {
    {STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01), STLS_HASH_SHA256},
    {STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02), STLS_HASH_SHA384},
    {STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03), STLS_HASH_SHA512},
    {STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04), STLS_HASH_SHA224},
    {STLS_OID(0x2b, 0x0e, 0x03, 0x02, 0x1a), STLS_HASH_SHA1},
};

static const stls_bytes mgf1_oid = RSA(0x08);

static const char malformed_pss[] = "has no well-formed RSASSA-PSS parameters";

/* AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL } */
static bool read_algorithm_identifier(stls_der *der, stls_bytes *oid, stls_der *parameters) {
    if (!stls_der_enter(der, STLS_DER_SEQUENCE, parameters) || !stls_der_oid(parameters, oid)) {
        return false;
    }
    stls_der ahead = *parameters;
    return stls_der_done(&ahead) ||
           (stls_der_any(&ahead, NULL, NULL, NULL) && stls_der_done(&ahead));
}

static bool is_null_or_absent(stls_der parameters) {
    return stls_der_done(&parameters) || (stls_der_null(&parameters) && stls_der_done(&parameters));
}

/* A hash algorithm; its parameters may be NULL or absent (RFC 4055 2.1). NONE: not known. */
static bool read_hash(stls_der *der, stls_hash *hash) {
    stls_bytes oid;
    stls_der parameters;
    if (!read_algorithm_identifier(der, &oid, &parameters)) {
        return false;
    }
    *hash = STLS_HASH_NONE;
    for (size_t i = 0; i < sizeof known_hashes / sizeof known_hashes[0]; i++) {
        if (stls_bytes_equal(oid, known_hashes[i].oid)) {
            *hash = known_hashes[i].hash;
            return is_null_or_absent(parameters);
        }
    }
    return true;
}

/* A mask generation function: only MGF1 is known. */
static bool read_mgf(stls_der *der, stls_hash *hash) {
    stls_bytes oid;
    stls_der parameters;
    if (!read_algorithm_identifier(der, &oid, &parameters)) {
        return false;
    }
    if (!stls_bytes_equal(oid, mgf1_oid)) {
        *hash = STLS_HASH_NONE;
        return true;
    }
    return read_hash(&parameters, hash) && stls_der_done(&parameters);
}

/* Field [number] of RSASSA-PSS-params if it is there; `*hash` stays as it is if not. */
static bool read_hash_field(stls_der *fields, unsigned number,
                            bool (*read)(stls_der *der, stls_hash *hash), stls_hash *hash) {
    uint8_t tag = (uint8_t)(STLS_DER_CONTEXT_CONSTRUCTED | number);
    stls_der inside;
    return stls_der_peek(fields) != tag ||
           (stls_der_enter(fields, tag, &inside) && read(&inside, hash) && stls_der_done(&inside));
}

static bool read_number_field(stls_der *fields, unsigned number, uint32_t max, uint32_t *value) {
    uint8_t tag = (uint8_t)(STLS_DER_CONTEXT_CONSTRUCTED | number);
    stls_der inside;
    return stls_der_peek(fields) != tag ||
           (stls_der_enter(fields, tag, &inside) && stls_der_unsigned(&inside, max, value) &&
            stls_der_done(&inside));
}

/* RSASSA-PSS-params, RFC 4055 3.1. A field that holds its default has no place in DER, but RFC 4055
 * tells verifiers to take it. */
static bool read_pss_parameters(stls_der *der, stls_signature_algorithm *algorithm) {
    enum { DEFAULT_SALT_LEN = 20, SALT_LEN_MAX = 0xffff, TRAILER = 1 };
    stls_der fields;
    uint32_t salt_len = DEFAULT_SALT_LEN, trailer = TRAILER;
    stls_hash hash = STLS_HASH_SHA1, mgf1_hash = STLS_HASH_SHA1;
    if (!stls_der_enter(der, STLS_DER_SEQUENCE, &fields) || !stls_der_done(der) ||
        !read_hash_field(&fields, 0, read_hash, &hash) ||
        !read_hash_field(&fields, 1, read_mgf, &mgf1_hash) ||
        !read_number_field(&fields, 2, SALT_LEN_MAX, &salt_len) ||
        !read_number_field(&fields, 3, TRAILER, &trailer) || trailer != TRAILER ||
        !stls_der_done(&fields)) {
        return false;
    }
    bool known = hash != STLS_HASH_NONE && mgf1_hash != STLS_HASH_NONE;
    *algorithm = (stls_signature_algorithm){
        .kind = known ? STLS_SIGNATURE_RSA_PSS : STLS_SIGNATURE_UNKNOWN,
        .hash = hash,
        .mgf1_hash = mgf1_hash,
        .salt_len = salt_len,
    };
    return true;
}

/* The parameters of a signature algorithm whose kind and hash are in `algorithm`. */
static const char *read_signature_parameters(stls_der *der, stls_signature_algorithm *algorithm) {
    switch (algorithm->kind) {
    case STLS_SIGNATURE_UNKNOWN:
        return NULL;
    case STLS_SIGNATURE_RSA_PKCS1:
        /* "MUST be NULL. Implementations MUST accept the parameters being absent", RFC 4055 5. */
        return is_null_or_absent(*der) ? NULL : "has parameters that RSA does not have";
    case STLS_SIGNATURE_RSA_PSS:
        return read_pss_parameters(der, algorithm) ? NULL : malformed_pss;
    case STLS_SIGNATURE_ECDSA:
        return stls_der_done(der) ? NULL : "has parameters that ECDSA does not have";
    case STLS_SIGNATURE_ED25519:
    case STLS_SIGNATURE_ED448:
        return stls_der_done(der) ? NULL : "has parameters that EdDSA does not have";
    }
    return NULL;
}

const char *stls_signature_algorithm_read(stls_der *der, stls_signature_algorithm *algorithm,
                                          stls_bytes *oid) {
    stls_der parameters;
    *algorithm = (stls_signature_algorithm){.kind = STLS_SIGNATURE_UNKNOWN};
    if (!read_algorithm_identifier(der, oid, &parameters)) {
        return "is not an AlgorithmIdentifier";
    }
    for (size_t i = 0; i < sizeof known_signatures / sizeof known_signatures[0]; i++) {
        if (stls_bytes_equal(*oid, known_signatures[i].oid)) {
            algorithm->kind = known_signatures[i].kind;
            algorithm->hash = known_signatures[i].hash;
        }
    }
    return read_signature_parameters(&parameters, algorithm);
}

/* --- Public keys --- */

typedef struct known_curve {
    stls_bytes oid;
    uint16_t group; /* in the TLS Supported Groups registry */
    uint16_t bits;
} known_curve;

#define PRIME_CURVE(last)     STLS_OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, last)
#define SEC_CURVE(last)       STLS_OID(0x2b, 0x81, 0x04, 0x00, last)
#define BRAINPOOL_CURVE(last) STLS_OID(0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, last)

static const known_curve known_curves[] = {
    {PRIME_CURVE(0x07), 23, 256},     /* secp256r1 */
    {SEC_CURVE(0x22), 24, 384},       /* secp384r1 */
    {SEC_CURVE(0x23), 25, 521},       /* secp521r1 */
    {SEC_CURVE(0x0a), 22, 256},       /* secp256k1 */
    {BRAINPOOL_CURVE(0x07), 26, 256}, /* brainpoolP256r1 */
    {BRAINPOOL_CURVE(0x0b), 27, 384}, /* brainpoolP384r1 */
    {BRAINPOOL_CURVE(0x0d), 28, 512}, /* brainpoolP512r1 */
    {SEC_CURVE(0x1f), 18, 192},       /* secp192k1 */
    {PRIME_CURVE(0x01), 19, 192},     /* secp192r1 */
    {SEC_CURVE(0x20), 20, 224},       /* secp224k1 */
    {SEC_CURVE(0x21), 21, 224},       /* secp224r1 */
};

static const struct {
    stls_bytes oid;
    stls_key_kind kind;
} known_keys[] = {
    {RSA(0x01), STLS_KEY_RSA},
    {RSA(0x0a), STLS_KEY_RSA_PSS},
    {STLS_OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01), STLS_KEY_EC},
    {STLS_OID(0x2b, 0x65, 0x70), STLS_KEY_ED25519},
    {STLS_OID(0x2b, 0x65, 0x71), STLS_KEY_ED448},
};

/* A positive INTEGER, without the octet that keeps its sign. */
static bool read_positive(stls_der *der, stls_bytes *magnitude) {
    if (!stls_der_integer(der, magnitude) || (magnitude->data[0] & 0x80) != 0) {
        return false;
    }
    if (magnitude->data[0] == 0) {
        magnitude->data++;
        magnitude->len--;
    }
    return magnitude->len != 0;
}

static size_t bits_of(stls_bytes magnitude) {
    size_t bits = 8 * magnitude.len;
    for (unsigned mask = 0x80; (magnitude.data[0] & mask) == 0; mask >>= 1) {
        bits--;
    }
    return bits;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } */
static const char *read_rsa_key(stls_x509 *certificate) {
    stls_der der = stls_der_of(certificate->key_octets), fields;
    stls_bytes modulus, exponent;
    if (!stls_der_enter(&der, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&der) ||
        !read_positive(&fields, &modulus) || !read_positive(&fields, &exponent) ||
        !stls_der_done(&fields)) {
        return "is not an RSA key of two positive numbers";
    }
    certificate->key_bits = bits_of(modulus);
    return NULL;
}

static const char *read_pss_key(stls_der *parameters, stls_x509 *certificate) {
    if (!stls_der_done(parameters)) {
        if (!read_pss_parameters(parameters, &certificate->key_restriction)) {
            return malformed_pss;
        }
        if (certificate->key_restriction.kind == STLS_SIGNATURE_UNKNOWN) {
            /* Restricted to something that we cannot check. */
            certificate->key_restriction = (stls_signature_algorithm){.hash = STLS_HASH_NONE};
            certificate->key_kind = STLS_KEY_UNKNOWN;
            return NULL;
        }
    }
    return read_rsa_key(certificate);
}

/* Whether the octets have the form of a point: compressed or not, but not hybrid (RFC 5480 2.2). */
static bool is_point(stls_bytes octets, size_t bits) {
    size_t coordinate = (bits + 7) / 8;
    uint8_t form = octets.len != 0 ? octets.data[0] : 0;
    return form == 4 ? octets.len == 1 + 2 * coordinate
                     : (form == 2 || form == 3) && octets.len == 1 + coordinate;
}

/* ECParameters: a named curve; what RFC 5480 forbids, NULL and explicit parameters, is well-formed
 * too, but a kind of key that we do not know. */
static const char *read_ec_key(stls_der *parameters, stls_x509 *certificate) {
    stls_bytes curve;
    uint8_t tag = stls_der_peek(parameters);
    if (tag == STLS_DER_NULL || tag == STLS_DER_SEQUENCE) {
        certificate->key_kind = STLS_KEY_UNKNOWN;
        return NULL;
    }
    if (!stls_der_oid(parameters, &curve)) {
        return "is an EC key without a curve";
    }
    for (size_t i = 0; i < sizeof known_curves / sizeof known_curves[0]; i++) {
        if (stls_bytes_equal(curve, known_curves[i].oid)) {
            certificate->key_group = known_curves[i].group;
            certificate->key_bits = known_curves[i].bits;
            return is_point(certificate->key_octets, certificate->key_bits)
                       ? NULL
                       : "is not a point of its curve";
        }
    }
    return NULL;
}

static const char *read_eddsa_key(stls_der *parameters, stls_x509 *certificate) {
    bool is_448 = certificate->key_kind == STLS_KEY_ED448;
    if (!stls_der_done(parameters)) {
        return "has parameters that EdDSA does not have";
    }
    if (certificate->key_octets.len != (is_448 ? 57 : 32)) {
        return is_448 ? "is an Ed448 key of another length than 57 octets"
                      : "is an Ed25519 key of another length than 32 octets";
    }
    certificate->key_bits = is_448 ? 448 : 255;
    return NULL;
}

static const char *read_key(stls_der *parameters, stls_x509 *certificate) {
    switch (certificate->key_kind) {
    case STLS_KEY_UNKNOWN:
        return NULL;
    case STLS_KEY_RSA:
        if (!stls_der_null(parameters)) {
            return "is an RSA key whose parameters are not NULL";
        }
        return read_rsa_key(certificate);
    case STLS_KEY_RSA_PSS:
        return read_pss_key(parameters, certificate);
    case STLS_KEY_EC:
        return read_ec_key(parameters, certificate);
    case STLS_KEY_ED25519:
    case STLS_KEY_ED448:
        return read_eddsa_key(parameters, certificate);
    }
    return NULL;
}

const char *stls_spki_read(stls_der *der, stls_x509 *certificate) {
    stls_der fields, parameters;
    stls_bytes content;
    if (stls_der_peek(der) != STLS_DER_SEQUENCE ||
        !stls_der_any(der, NULL, &content, &certificate->spki)) {
        return "is not a SEQUENCE";
    }
    fields = stls_der_of(content);
    if (!read_algorithm_identifier(&fields, &certificate->key_oid, &parameters)) {
        return "has no AlgorithmIdentifier";
    }
    if (!stls_der_octet_aligned_bits(&fields, &certificate->key_octets) ||
        !stls_der_done(&fields)) {
        return "has no BIT STRING of whole octets as its key";
    }
    certificate->key_kind = STLS_KEY_UNKNOWN;
    for (size_t i = 0; i < sizeof known_keys / sizeof known_keys[0]; i++) {
        if (stls_bytes_equal(certificate->key_oid, known_keys[i].oid)) {
            certificate->key_kind = known_keys[i].kind;
        }
    }
    return read_key(&parameters, certificate);
}
