/* SPDX-License-Identifier: MIT */
#include "certstore/read/pkcs12.h"

#include "base/memory.h"
#include "certstore/read/parts.h"

#define PKCS5(last)   STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, last)
#define PKCS7(last)   STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, last)
#define PBE(last)     STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, last)
#define BAG(last)     STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, last)
#define HMAC(last)    STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, last)
#define AES_CBC(last) STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, last)
#define SHA2(last)    STLS_OID(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last)

static const stls_bytes pkcs7_data = PKCS7(0x01), pkcs7_encrypted = PKCS7(0x06),
                        pbkdf2 = PKCS5(0x0c), pbes2 = PKCS5(0x0d), pbmac1 = PKCS5(0x0e),
                        scrypt = STLS_OID(0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b),
                        x509_certificate =
                            STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01);

enum { CONTENT = STLS_DER_CONTEXT_CONSTRUCTED | 0, IV_MAX = 16 };

/* --- Algorithms */

/* AlgorithmIdentifier: its parameters run from where `parameters` is. */
static bool read_algorithm(stls_der *der, stls_bytes *oid, stls_der *parameters) {
    return stls_der_enter(der, STLS_DER_SEQUENCE, parameters) && stls_der_oid(parameters, oid);
}

typedef struct named_hash {
    stls_bytes oid;
    stls_hash hash;
} named_hash;

static const named_hash hashes[] = {
    {STLS_OID(0x2b, 0x0e, 0x03, 0x02, 0x1a), STLS_HASH_SHA1},
    {SHA2(0x01), STLS_HASH_SHA256},
    {SHA2(0x02), STLS_HASH_SHA384},
    {SHA2(0x03), STLS_HASH_SHA512},
    {SHA2(0x04), STLS_HASH_SHA224},
};

static const named_hash hmacs[] = {
    {HMAC(0x07), STLS_HASH_SHA1},   {HMAC(0x08), STLS_HASH_SHA224}, {HMAC(0x09), STLS_HASH_SHA256},
    {HMAC(0x0a), STLS_HASH_SHA384}, {HMAC(0x0b), STLS_HASH_SHA512},
};

/* An AlgorithmIdentifier of one of `known`, whose parameters are NULL or absent. NONE: another. */
static bool read_hash(stls_der *der, const named_hash *known, size_t count, stls_hash *hash) {
    stls_der parameters;
    stls_bytes oid;
    if (!read_algorithm(der, &oid, &parameters)) {
        return false;
    }
    *hash = STLS_HASH_NONE;
    for (size_t i = 0; i < count; i++) {
        *hash = stls_bytes_equal(oid, known[i].oid) ? known[i].hash : *hash;
    }
    return stls_der_done(&parameters) || (stls_der_null(&parameters) && stls_der_done(&parameters));
}

/* What is larger than a uint32_t is as good as the largest of them: nobody counts that far. */
static uint32_t capped(uint64_t value) {
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* An INTEGER of 1 and more. */
static bool read_count(stls_der *der, uint32_t *count) {
    stls_bytes octets;
    uint64_t value = 0;
    if (!stls_der_integer(der, &octets) || (octets.data[0] & 0x80) != 0) {
        return false;
    }
    for (size_t i = 0; i < octets.len; i++) {
        value = value > UINT32_MAX ? value : value << 8 | octets.data[i];
    }
    *count = capped(value);
    return value != 0;
}

/* PBKDF2-params ::= SEQUENCE { salt OCTET STRING, iterationCount, keyLength OPTIONAL, prf DEFAULT
 * hmacWithSHA1 }. `*key_len` is 0 if it is absent. */
static const char *read_pbkdf2(stls_der parameters, stls_derivation *out, uint32_t *key_len,
                               const char **unsupported) {
    stls_der fields;
    *key_len = 0;
    *out = (stls_derivation){.kdf = STLS_KDF_PBKDF2, .hash = STLS_HASH_SHA1};
    if (!stls_der_enter(&parameters, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&parameters) ||
        !stls_der_get(&fields, STLS_DER_OCTET_STRING, &out->salt) ||
        !read_count(&fields, &out->iterations)) {
        return "has malformed parameters of PBKDF2";
    }
    if (stls_der_peek(&fields) == STLS_DER_INTEGER &&
        (!stls_der_unsigned(&fields, 64, key_len) || *key_len == 0)) {
        return "has a key length that cannot be";
    }
    if (!stls_der_done(&fields) &&
        (!read_hash(&fields, hmacs, sizeof hmacs / sizeof hmacs[0], &out->hash) ||
         !stls_der_done(&fields))) {
        return "has malformed parameters of PBKDF2";
    }
    if (out->hash == STLS_HASH_NONE) {
        *unsupported = "PBKDF2 with an unknown hash";
    }
    return NULL;
}

/* scrypt-params ::= SEQUENCE { salt OCTET STRING, costParameter, blockSize,
 * parallelizationParameter, keyLength OPTIONAL } (RFC 7914 section 7.1). What it costs is about one
 * iteration of PBKDF2 for each of the 128 octets that it mixes. */
static const char *read_scrypt(stls_der parameters, stls_derivation *out) {
    stls_der fields;
    uint32_t cost, block_size, parallel, key_len;
    if (!stls_der_enter(&parameters, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&parameters) ||
        !stls_der_get(&fields, STLS_DER_OCTET_STRING, &out->salt) || !read_count(&fields, &cost) ||
        !read_count(&fields, &block_size) || !read_count(&fields, &parallel) ||
        (!stls_der_done(&fields) && !read_count(&fields, &key_len)) || !stls_der_done(&fields)) {
        return "has malformed parameters of scrypt";
    }
    out->iterations = capped((uint64_t)capped((uint64_t)cost * block_size) * parallel);
    return NULL;
}

/* The KDF that PBES2 and PBMAC1 name. */
static const char *read_kdf(stls_der *fields, stls_derivation *out, uint32_t *key_len,
                            const char **unsupported) {
    stls_der parameters;
    stls_bytes oid;
    *key_len = 0;
    if (!read_algorithm(fields, &oid, &parameters)) {
        return "has malformed parameters of its encryption";
    }
    if (stls_bytes_equal(oid, pbkdf2)) {
        return read_pbkdf2(parameters, out, key_len, unsupported);
    }
    if (stls_bytes_equal(oid, scrypt)) {
        *unsupported = "scrypt";
        return read_scrypt(parameters, out);
    }
    *unsupported = "an unknown key derivation";
    return NULL;
}

static const struct {
    stls_bytes oid;
    stls_cipher cipher;
    size_t key_len, iv_len;
} ciphers[] = {
    {AES_CBC(0x02), STLS_CIPHER_AES_128_CBC, 16, 16},
    {AES_CBC(0x16), STLS_CIPHER_AES_192_CBC, 24, 16},
    {AES_CBC(0x2a), STLS_CIPHER_AES_256_CBC, 32, 16},
    {STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07), STLS_CIPHER_DES_EDE3_CBC, 24, 8},
};

/* PBES2-params ::= SEQUENCE { keyDerivationFunc, encryptionScheme } */
static const char *read_pbes2(stls_der parameters, stls_pbe *pbe) {
    stls_der fields, of_cipher;
    stls_bytes oid;
    uint32_t key_len;
    if (!stls_der_enter(&parameters, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&parameters)) {
        return "has malformed parameters of PBES2";
    }
    const char *flaw = read_kdf(&fields, &pbe->derivation, &key_len, &pbe->unsupported);
    if (flaw != NULL) {
        return flaw;
    }
    if (!read_algorithm(&fields, &oid, &of_cipher) || !stls_der_done(&fields)) {
        return "has malformed parameters of PBES2";
    }
    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        if (!stls_bytes_equal(oid, ciphers[i].oid)) {
            continue;
        }
        pbe->cipher = ciphers[i].cipher;
        pbe->key_len = ciphers[i].key_len;
        bool fits = stls_der_get(&of_cipher, STLS_DER_OCTET_STRING, &pbe->iv) &&
                    pbe->iv.len == ciphers[i].iv_len && stls_der_done(&of_cipher) &&
                    (key_len == 0 || key_len == pbe->key_len);
        return fits ? NULL : "has malformed parameters of its cipher";
    }
    pbe->unsupported = pbe->unsupported != NULL ? pbe->unsupported : "an unknown cipher";
    return NULL;
}

/* pkcs-12PbeParams ::= SEQUENCE { salt OCTET STRING, iterations INTEGER }; PBEParameter of RFC 8018
 * is the same. */
static const char *read_pkcs12_pbe(stls_der parameters, stls_pbe *pbe) {
    stls_der fields;
    stls_derivation *out = &pbe->derivation;
    *out = (stls_derivation){.kdf = STLS_KDF_PKCS12, .hash = STLS_HASH_SHA1};
    pbe->cipher = STLS_CIPHER_DES_EDE3_CBC;
    return stls_der_enter(&parameters, STLS_DER_SEQUENCE, &fields) && stls_der_done(&parameters) &&
                   stls_der_get(&fields, STLS_DER_OCTET_STRING, &out->salt) &&
                   read_count(&fields, &out->iterations) && stls_der_done(&fields)
               ? NULL
               : "has malformed parameters of its encryption";
}

static const struct {
    stls_bytes oid;
    size_t key_len; /* of Triple DES; 0: not supported */
    const char *name;
} old_schemes[] = {
    {PBE(0x01), 0, "RC4"},         {PBE(0x02), 0, "40-bit RC4"}, {PBE(0x03), 24, "Triple DES"},
    {PBE(0x04), 16, "Triple DES"}, {PBE(0x05), 0, "RC2"},        {PBE(0x06), 0, "40-bit RC2"},
    {PKCS5(0x01), 0, "DES"},       {PKCS5(0x03), 0, "DES"},      {PKCS5(0x0a), 0, "DES"},
    {PKCS5(0x04), 0, "RC2"},       {PKCS5(0x06), 0, "RC2"},      {PKCS5(0x0b), 0, "RC2"},
};

static const char *read_pbe(stls_der *der, stls_pbe *pbe) {
    stls_der parameters;
    stls_bytes oid;
    *pbe = (stls_pbe){.key_len = 0};
    if (!read_algorithm(der, &oid, &parameters)) {
        return "does not say how it is encrypted";
    }
    if (stls_bytes_equal(oid, pbes2)) {
        return read_pbes2(parameters, pbe);
    }
    for (size_t i = 0; i < sizeof old_schemes / sizeof old_schemes[0]; i++) {
        if (stls_bytes_equal(oid, old_schemes[i].oid)) {
            pbe->key_len = old_schemes[i].key_len;
            pbe->unsupported = pbe->key_len == 0 ? old_schemes[i].name : NULL;
            return read_pkcs12_pbe(parameters, pbe);
        }
    }
    pbe->unsupported = "an unknown scheme";
    return NULL;
}

/* --- The outside */

/* PBMAC1-params ::= SEQUENCE { keyDerivationFunc, messageAuthScheme } */
static const char *read_pbmac1(stls_der parameters, stls_pfx *pfx) {
    stls_der fields;
    uint32_t key_len;
    if (!stls_der_enter(&parameters, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&parameters)) {
        return "has malformed parameters of PBMAC1";
    }
    const char *flaw = read_kdf(&fields, &pfx->mac, &key_len, &pfx->mac_unsupported);
    if (flaw != NULL) {
        return flaw;
    }
    if (!read_hash(&fields, hmacs, sizeof hmacs / sizeof hmacs[0], &pfx->mac_hash) ||
        !stls_der_done(&fields) || (key_len == 0 && pfx->mac_unsupported == NULL)) {
        return "has malformed parameters of PBMAC1";
    }
    pfx->mac_key_len = key_len;
    return NULL;
}

/* The digestAlgorithm of a MacData. */
static const char *read_mac_algorithm(stls_der *info, stls_pfx *pfx) {
    stls_der ahead = *info, parameters;
    stls_bytes oid;
    if (read_algorithm(&ahead, &oid, &parameters) && stls_bytes_equal(oid, pbmac1)) {
        *info = ahead;
        return read_pbmac1(parameters, pfx);
    }
    return read_hash(info, hashes, sizeof hashes / sizeof hashes[0], &pfx->mac_hash)
               ? NULL
               : "has a malformed MAC";
}

/* MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 } */
static const char *read_mac(stls_der *fields, stls_pfx *pfx) {
    stls_der mac, info;
    stls_bytes salt;
    uint32_t iterations = 1;
    pfx->has_mac = true;
    if (!stls_der_enter(fields, STLS_DER_SEQUENCE, &mac) ||
        !stls_der_enter(&mac, STLS_DER_SEQUENCE, &info)) {
        return "has a malformed MAC";
    }
    const char *flaw = read_mac_algorithm(&info, pfx);
    if (flaw != NULL) {
        return flaw;
    }
    if (!stls_der_get(&info, STLS_DER_OCTET_STRING, &pfx->mac_value) || !stls_der_done(&info) ||
        !stls_der_get(&mac, STLS_DER_OCTET_STRING, &salt) ||
        (!stls_der_done(&mac) && !read_count(&mac, &iterations)) || !stls_der_done(&mac)) {
        return "has a malformed MAC";
    }
    if (pfx->mac.kdf == STLS_KDF_NONE) { /* PBMAC1 has its own */
        pfx->mac = (stls_derivation){
            .kdf = STLS_KDF_PKCS12, .hash = pfx->mac_hash, .salt = salt, .iterations = iterations};
    }
    if (pfx->mac_hash == STLS_HASH_NONE && pfx->mac_unsupported == NULL) {
        pfx->mac_unsupported = "a MAC with an unknown hash";
    }
    return NULL;
}

/* ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT }: `inside` runs over the [0]. */
static bool read_content_info(stls_der *der, stls_bytes *type, stls_der *inside) {
    stls_der fields;
    return stls_der_enter(der, STLS_DER_SEQUENCE, &fields) && stls_der_oid(&fields, type) &&
           stls_der_enter(&fields, CONTENT, inside) && stls_der_done(&fields);
}

/* The only element, an OCTET STRING. */
static bool read_octets(stls_der inside, stls_bytes *octets) {
    return stls_der_get(&inside, STLS_DER_OCTET_STRING, octets) && stls_der_done(&inside);
}

/* EncryptedPrivateKeyInfo ::= SEQUENCE { encryptionAlgorithm, encryptedData OCTET STRING } */
const char *stls_pbe_read(stls_bytes der, stls_pbe *pbe, stls_bytes *sealed) {
    stls_der outside = stls_der_of(der), fields;
    if (!stls_der_enter(&outside, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&outside)) {
        return "has a malformed encrypted key";
    }
    const char *flaw = read_pbe(&fields, pbe);
    if (flaw != NULL) {
        return flaw;
    }
    return read_octets(fields, sealed) ? NULL : "has a malformed encrypted key";
}

const char *stls_pfx_read(stls_bytes der, stls_pfx *pfx) {
    stls_der outside = stls_der_of(der), fields, inside;
    stls_bytes type;
    uint32_t version;
    *pfx = (stls_pfx){.has_mac = false};
    if (!stls_der_enter(&outside, STLS_DER_SEQUENCE, &fields) || !stls_der_done(&outside) ||
        !stls_der_unsigned(&fields, 3, &version) || version != 3 ||
        !read_content_info(&fields, &type, &inside)) {
        return "is not a PFX in DER";
    }
    if (!stls_bytes_equal(type, pkcs7_data)) {
        return "is protected by a signature instead of a password";
    }
    if (!read_octets(inside, &pfx->authenticated)) {
        return "has no AuthenticatedSafe in DER";
    }
    const char *flaw = stls_der_done(&fields) ? NULL : read_mac(&fields, pfx);
    return flaw != NULL || stls_der_done(&fields) ? flaw : "has something behind its MAC";
}

/* --- Safes */

const char *stls_pfx_enter(stls_bytes content, stls_der *inside) {
    stls_der der = stls_der_of(content);
    return stls_der_enter(&der, STLS_DER_SEQUENCE, inside) && stls_der_done(&der)
               ? NULL
               : "has a safe that is not a SEQUENCE in DER";
}

/* EncryptedData ::= SEQUENCE { version, EncryptedContentInfo ::= SEQUENCE { contentType,
 * contentEncryptionAlgorithm, encryptedContent [0] IMPLICIT OCTET STRING } } */
static const char *read_encrypted(stls_der inside, stls_pfx_safe *safe) {
    stls_der data, info;
    stls_bytes type;
    uint32_t version;
    safe->is_encrypted = true;
    if (!stls_der_enter(&inside, STLS_DER_SEQUENCE, &data) || !stls_der_done(&inside) ||
        !stls_der_unsigned(&data, 2, &version) ||
        !stls_der_enter(&data, STLS_DER_SEQUENCE, &info) || !stls_der_oid(&info, &type) ||
        !stls_bytes_equal(type, pkcs7_data)) {
        return "has a malformed encrypted safe";
    }
    const char *flaw = read_pbe(&info, &safe->pbe);
    if (flaw != NULL) {
        return flaw;
    }
    return stls_der_get(&info, STLS_DER_CONTEXT | 0, &safe->content) && stls_der_done(&info)
               ? NULL
               : "has a malformed encrypted safe";
}

const char *stls_pfx_safe_next(stls_der *safes, stls_pfx_safe *safe) {
    stls_der inside;
    stls_bytes type;
    *safe = (stls_pfx_safe){.is_encrypted = false};
    if (!read_content_info(safes, &type, &inside)) {
        return "has a malformed safe";
    }
    if (stls_bytes_equal(type, pkcs7_encrypted)) {
        return read_encrypted(inside, safe);
    }
    if (!stls_bytes_equal(type, pkcs7_data)) {
        return "has a safe that is encrypted for a certificate instead of a password";
    }
    return read_octets(inside, &safe->content) ? NULL : "has a malformed safe";
}

/* --- Bags */

static const char *read_shrouded(stls_der value, stls_pfx_bag *bag) {
    stls_bytes whole;
    return stls_der_any(&value, NULL, NULL, &whole) && stls_der_done(&value)
               ? stls_pbe_read(whole, &bag->pbe, &bag->content)
               : "has a malformed encrypted key";
}

/* CertBag ::= SEQUENCE { certId, certValue [0] EXPLICIT }; one of another kind is passed over. */
static const char *read_certificate(stls_der value, stls_pfx_bag *bag) {
    stls_der inside;
    stls_bytes type;
    if (!read_content_info(&value, &type, &inside) || !stls_der_done(&value)) {
        return "has a malformed certificate bag";
    }
    if (!stls_bytes_equal(type, x509_certificate)) {
        bag->kind = STLS_PFX_BAG_OTHER;
        return NULL;
    }
    return read_octets(inside, &bag->content) ? NULL : "has a malformed certificate bag";
}

static const struct {
    stls_bytes oid;
    stls_pfx_bag_kind kind;
} bag_kinds[] = {{BAG(0x01), STLS_PFX_BAG_KEY},
                 {BAG(0x02), STLS_PFX_BAG_SHROUDED_KEY},
                 {BAG(0x03), STLS_PFX_BAG_CERTIFICATE}};

static const stls_bytes nested_safe = BAG(0x06);

static const char *read_value(stls_der value, stls_bytes id, stls_pfx_bag *bag) {
    for (size_t i = 0; i < sizeof bag_kinds / sizeof bag_kinds[0]; i++) {
        bag->kind = stls_bytes_equal(id, bag_kinds[i].oid) ? bag_kinds[i].kind : bag->kind;
    }
    switch (bag->kind) {
    case STLS_PFX_BAG_KEY:
        return stls_der_any(&value, NULL, NULL, &bag->content) && stls_der_done(&value)
                   ? NULL
                   : "has a malformed key";
    case STLS_PFX_BAG_SHROUDED_KEY:
        return read_shrouded(value, bag);
    case STLS_PFX_BAG_CERTIFICATE:
        return read_certificate(value, bag);
    case STLS_PFX_BAG_OTHER:
        break;
    }
    return stls_bytes_equal(id, nested_safe) ? "has safes inside of safes" : NULL;
}

/* SafeBag ::= SEQUENCE { bagId, bagValue [0] EXPLICIT, bagAttributes SET OPTIONAL } */
const char *stls_pfx_bag_next(stls_der *bags, stls_pfx_bag *bag) {
    stls_der fields, value;
    stls_bytes id, attributes;
    bool has_attributes;
    *bag = (stls_pfx_bag){.kind = STLS_PFX_BAG_OTHER};
    if (!stls_der_enter(bags, STLS_DER_SEQUENCE, &fields) || !stls_der_oid(&fields, &id) ||
        !stls_der_enter(&fields, CONTENT, &value) ||
        !stls_der_get_optional(&fields, STLS_DER_SET, &has_attributes, &attributes) ||
        !stls_der_done(&fields)) {
        return "has a malformed bag";
    }
    return read_value(value, id, bag);
}
