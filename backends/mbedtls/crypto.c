/* backends/mbedtls/crypto.c - signatures of certificates, digests, and what tickets are sealed
 * with.
 *
 * A key handle is an mbedtls_pk_context, as the library keeps one in each certificate it has
 * parsed, so that the verify upcall can be given those. mbedTLS has no Ed25519 and no Ed448. It
 * does not know id-RSASSA-PSS keys either, but the RSAPublicKey inside is an ordinary one; the
 * padding mode in its RSA context marks such a key, so that only PSS signatures are checked with
 * it.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/asn1.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/gcm.h>
#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>
#include <mbedtls/oid.h>
#include <mbedtls/platform.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/rsa.h>
#include <psa/crypto.h>

#include <string.h>

mbedtls_md_type_t mbed_md_type(stls_hash hash) {
    switch (hash) {
    case STLS_HASH_MD5:
        return MBEDTLS_MD_MD5;
    case STLS_HASH_SHA1:
        return MBEDTLS_MD_SHA1;
    case STLS_HASH_SHA224:
        return MBEDTLS_MD_SHA224;
    case STLS_HASH_SHA256:
        return MBEDTLS_MD_SHA256;
    case STLS_HASH_SHA384:
        return MBEDTLS_MD_SHA384;
    case STLS_HASH_SHA512:
        return MBEDTLS_MD_SHA512;
    default:
        return MBEDTLS_MD_NONE;
    }
}

/* --- Keys --- */

/* What the library's failure to read a public key means. */
stls_be_status mbed_key_status(int code) {
    const int high = code < 0 ? -(-code & 0x7F80) : code;
    if (code == 0) {
        return STLS_BE_OK;
    }
    if (mbed_is_no_memory(code) || !mbed_has_memory()) {
        return STLS_BE_NO_MEMORY;
    }
    switch (high) {
    case MBEDTLS_ERR_PK_UNKNOWN_PK_ALG:
    case MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE:
    case MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE:
    case MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE:
        return STLS_BE_UNSUPPORTED;
    default:
        return STLS_BE_MALFORMED;
    }
}

#if defined(MBEDTLS_RSA_C) && defined(MBEDTLS_PKCS1_V21)
/* SubjectPublicKeyInfo { AlgorithmIdentifier { id-RSASSA-PSS, ... }, BIT STRING { RSAPublicKey } }.
 * UNKNOWN_PK_ALG: it is for another algorithm. */
static int parse_pss_key(unsigned char *p, const unsigned char *end, mbedtls_pk_context *pk) {
    mbedtls_asn1_buf oid, parameters;
    size_t len;
    int ret;
    if (mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) !=
            0 ||
        p + len != end || mbedtls_asn1_get_alg(&p, end, &oid, &parameters) != 0 ||
        MBEDTLS_OID_CMP(MBEDTLS_OID_RSASSA_PSS, &oid) != 0) {
        return MBEDTLS_ERR_PK_UNKNOWN_PK_ALG;
    }
    if (mbedtls_asn1_get_bitstring_null(&p, end, &len) != 0 || p + len != end) {
        return MBEDTLS_ERR_PK_INVALID_PUBKEY;
    }
    ret = mbedtls_pk_parse_public_key(pk, p, len);
    if (ret != 0) {
        return ret;
    }
    if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_RSA) {
        return MBEDTLS_ERR_PK_INVALID_PUBKEY;
    }
    return mbedtls_rsa_set_padding(mbedtls_pk_rsa(*pk), MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_NONE);
}
#endif

stls_be_status mbed_key_from_spki(stls_bytes spki, void **key) {
    mbedtls_pk_context *pk = mbedtls_calloc(1, sizeof *pk);
    /* The parser's pointer is not to const, though it only reads. */
    unsigned char *der = mbedtls_calloc(1, spki.len + 1), *p = der;
    int ret = MBEDTLS_ERR_PK_ALLOC_FAILED;
    *key = NULL;
    if (pk != NULL && der != NULL) {
        mbedtls_pk_init(pk);
        if (spki.len > 0) {
            memcpy(der, spki.data, spki.len);
        }
        ret = mbedtls_pk_parse_subpubkey(&p, der + spki.len, pk);
        if (ret == 0 && p != der + spki.len) {
            ret = MBEDTLS_ERR_PK_KEY_INVALID_FORMAT;
        }
#if defined(MBEDTLS_RSA_C) && defined(MBEDTLS_PKCS1_V21)
        if (ret == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG) {
            ret = parse_pss_key(der, der + spki.len, pk);
        }
#endif
    }
    mbedtls_free(der);
    if (ret != 0) {
        mbed_key_free(pk);
    } else {
        *key = pk;
    }
    return mbed_key_status(ret);
}

void mbed_key_free(void *key) {
    mbedtls_pk_free(key);
    mbedtls_free(key);
}

/* --- Signatures --- */

static bool is_pss_only(const mbedtls_pk_context *pk) {
#if defined(MBEDTLS_RSA_C)
    return mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA &&
           mbedtls_rsa_get_padding_mode(mbedtls_pk_rsa(*pk)) == MBEDTLS_RSA_PKCS_V21;
#else
    (void)pk;
    return false;
#endif
}

/* Not so the keys of X25519 and X448, which the library takes for EC keys as well. */
static bool is_ecdsa_key(const mbedtls_pk_context *pk) {
#if defined(MBEDTLS_ECP_C)
    if (mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA)) {
        const mbedtls_ecp_group_id curve = mbedtls_ecp_keypair_get_group_id(mbedtls_pk_ec(*pk));
        return curve != MBEDTLS_ECP_DP_CURVE25519 && curve != MBEDTLS_ECP_DP_CURVE448;
    }
#endif
    return false;
}

/* Whether the library can do this at all, and by which name. */
static mbedtls_pk_type_t pk_type(const stls_signature_algorithm *algorithm,
                                 const mbedtls_pk_context *pk) {
    switch (algorithm->kind) {
    case STLS_SIGNATURE_RSA_PKCS1:
        return mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA) && !is_pss_only(pk) ? MBEDTLS_PK_RSA
                                                                         : MBEDTLS_PK_NONE;
    case STLS_SIGNATURE_RSA_PSS:
        /* With two hashes mbedTLS uses the second for both, and calls good signatures bad. */
        return mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA) && algorithm->mgf1_hash == algorithm->hash
                   ? MBEDTLS_PK_RSASSA_PSS
                   : MBEDTLS_PK_NONE;
    case STLS_SIGNATURE_ECDSA:
        return is_ecdsa_key(pk) ? MBEDTLS_PK_ECDSA : MBEDTLS_PK_NONE;
    default:
        return MBEDTLS_PK_NONE;
    }
}

stls_be_status mbed_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                     stls_bytes message, stls_bytes signature) {
    mbedtls_pk_context *pk = key;
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(mbed_md_type(algorithm->hash));
    const mbedtls_pk_type_t type = pk_type(algorithm, pk);
    unsigned char hash[MBEDTLS_MD_MAX_SIZE];
    int ret;
    if (info == NULL || type == MBEDTLS_PK_NONE || algorithm->salt_len > INT16_MAX) {
        return STLS_BE_UNSUPPORTED;
    }
    const mbedtls_pk_rsassa_pss_options pss = {
        .mgf1_hash_id = mbed_md_type(algorithm->mgf1_hash),
        .expected_salt_len = (int)algorithm->salt_len,
    };
    ret = mbedtls_md(info, message.data, message.len, hash);
    if (ret == 0) {
        ret = mbedtls_pk_verify_ext(type, type == MBEDTLS_PK_RSASSA_PSS ? &pss : NULL, pk,
                                    mbed_md_type(algorithm->hash), hash, mbedtls_md_get_size(info),
                                    signature.data, signature.len);
    }
    if (ret == 0) {
        return STLS_BE_OK;
    }
    if (ret == MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE || ret == MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE) {
        return STLS_BE_UNSUPPORTED;
    }
    return mbed_is_no_memory(ret) ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

stls_be_status mbed_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len) {
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(mbed_md_type(hash));
    int ret;
    if (info == NULL) {
        return STLS_BE_UNSUPPORTED;
    }
    ret = mbedtls_md(info, data.data, data.len, out);
    if (ret != 0) {
        return mbed_is_no_memory(ret) ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
    }
    *len = mbedtls_md_get_size(info);
    return STLS_BE_OK;
}

/* --- Random, HKDF, AEAD --- */

/* Before 3.6.6 a child of fork() gets the same random bytes as its parent: two tickets with one
 * nonce, two connections with one secret. It gets none. */
int mbed_rng(void *unused, unsigned char *out, size_t len) {
    (void)unused;
    return mbed_is_started_here() ? mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, out, len)
                                  : MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
}

stls_be_status mbed_random(uint8_t *out, size_t len) {
    psa_status_t status =
        mbed_is_started_here() ? psa_generate_random(out, len) : PSA_ERROR_INSUFFICIENT_ENTROPY;
    return status == PSA_SUCCESS                     ? STLS_BE_OK
           : status == PSA_ERROR_INSUFFICIENT_MEMORY ? STLS_BE_NO_MEMORY
                                                     : STLS_BE_FAILED;
}

#if defined(MBED_HAS_TICKET_CRYPTO)
static stls_be_status status_of(int code) {
    if (code == 0) {
        return STLS_BE_OK;
    }
    return mbed_is_no_memory(code) ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

stls_be_status mbed_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len) {
    /* The library wants pointers even to nothing. */
    static const uint8_t nothing[1] = {0};
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    return status_of(mbedtls_hkdf(sha256, salt.len > 0 ? salt.data : NULL, salt.len,
                                  secret.len > 0 ? secret.data : nothing, secret.len,
                                  info.len > 0 ? info.data : NULL, info.len, out, len));
}

stls_be_status mbed_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out) {
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * STLS_AEAD_KEY_LEN);
    if (ret == 0) {
        ret = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.len, nonce,
                                        STLS_AEAD_NONCE_LEN, associated.data, associated.len,
                                        plain.data, out, STLS_AEAD_TAG_LEN, out + plain.len);
    }
    mbedtls_gcm_free(&gcm);
    return status_of(ret);
}

/* The library wipes what it has written if the tag is wrong. */
stls_be_status mbed_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out) {
    mbedtls_gcm_context gcm;
    if (sealed.len < STLS_AEAD_TAG_LEN) {
        return STLS_BE_FAILED;
    }
    const size_t len = sealed.len - STLS_AEAD_TAG_LEN;
    mbedtls_gcm_init(&gcm);
    int ret = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * STLS_AEAD_KEY_LEN);
    if (ret == 0) {
        ret = mbedtls_gcm_auth_decrypt(&gcm, len, nonce, STLS_AEAD_NONCE_LEN, associated.data,
                                       associated.len, sealed.data + len, STLS_AEAD_TAG_LEN,
                                       sealed.data, out);
    }
    mbedtls_gcm_free(&gcm);
    return status_of(ret);
}
#else
stls_be_status mbed_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len) {
    (void)secret, (void)salt, (void)info, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
}

stls_be_status mbed_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out) {
    (void)key, (void)nonce, (void)associated, (void)plain, (void)out;
    return STLS_BE_UNSUPPORTED;
}

stls_be_status mbed_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out) {
    return mbed_aead_seal(key, nonce, associated, sealed, out);
}
#endif
