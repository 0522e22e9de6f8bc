/* backends/mbedtls/credential.c - our chain and private key.
 *
 * mbedTLS is to send the certificates, not to have an opinion on them: what it could not read, or
 * would not use (a server's, without the usages it expects), the core may still want to send. So
 * the chain is not parsed: a node of its list with only `raw` set is enough, and the leaf's public
 * key.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/psa_util.h>

#include <stdio.h>
#include <string.h>

/* --- The chain --- */

/* One SEQUENCE, and nothing behind it. */
static bool is_one_sequence(stls_bytes der) {
    size_t header = 2, len;
    if (der.len < 2 || der.data[0] != (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)) {
        return false;
    }
    len = der.data[1];
    if (len >= 0x80) {
        header += len - 0x80;
        if (len == 0x80 || len > 0x83 || der.len < header) {
            return false;
        }
        len = 0;
        for (size_t i = 2; i < header; i++) {
            len = len << 8 | der.data[i];
        }
    }
    return len == der.len - header;
}

static int keep_bytes(mbedtls_x509_crt *node, stls_bytes der) {
    node->raw.p = mbedtls_calloc(1, der.len);
    if (node->raw.p == NULL) {
        return MBEDTLS_ERR_X509_ALLOC_FAILED;
    }
    memcpy(node->raw.p, der.data, der.len);
    node->raw.tag = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
    node->raw.len = der.len;
    mbed_own_the_bytes(node);
    return 0;
}

/* Certificate { TBSCertificate { [0] version OPTIONAL, serial, signature, issuer, validity,
 * subject, subjectPublicKeyInfo, ... */
static int read_public_key(mbedtls_x509_crt *leaf) {
    enum {
        SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
        VERSION = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED,
    };
    static const int before_key[] = {MBEDTLS_ASN1_INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE};
    unsigned char *p = leaf->raw.p, *end = p + leaf->raw.len;
    size_t len;
    int ret = mbedtls_asn1_get_tag(&p, end, &len, SEQUENCE);
    if (ret == 0) {
        ret = mbedtls_asn1_get_tag(&p, end, &len, SEQUENCE);
    }
    if (ret != 0) {
        return ret;
    }
    end = p + len;
    if (mbedtls_asn1_get_tag(&p, end, &len, VERSION) == 0) {
        p += len;
    }
    for (size_t i = 0; i < sizeof before_key / sizeof before_key[0]; i++) {
        ret = mbedtls_asn1_get_tag(&p, end, &len, before_key[i]);
        if (ret != 0) {
            return ret;
        }
        p += len;
    }
    return mbedtls_pk_parse_subpubkey(&p, end, &leaf->pk);
}

static stls_be_status read_chain(mbed_credential *credential, const stls_bytes *chain, size_t count,
                                 stls_be_failure *failure) {
    mbedtls_x509_crt *node = credential->chain;
    int ret;
    for (size_t i = 0; i < count; i++) {
        if (!is_one_sequence(chain[i])) {
            return mbed_fail(failure, STLS_BE_MALFORMED, STLS_BE_CAUSE_UNKNOWN, 0,
                             "a certificate of the chain is not DER");
        }
        if (i > 0) {
            node->next = mbedtls_calloc(1, sizeof *node);
            node = node->next;
        }
        if (node == NULL || keep_bytes(node, chain[i]) != 0) {
            return mbed_fail(failure, STLS_BE_NO_MEMORY, STLS_BE_CAUSE_UNKNOWN, 0, "no memory");
        }
    }
    ret = read_public_key(credential->chain);
    return ret == 0 ? STLS_BE_OK
                    : mbed_fail(failure, mbed_key_status(ret), STLS_BE_CAUSE_UNKNOWN, ret, NULL);
}

/* mbedTLS writes a handshake message into one buffer and does not split it. */
static stls_be_status check_length(const stls_bytes *chain, size_t count,
                                   stls_be_failure *failure) {
    const size_t limit = MBEDTLS_SSL_OUT_CONTENT_LEN - 4 - 4;
    size_t sum = 0;
    char text[STLS_BE_TEXT_SIZE];
    for (size_t i = 0; i < count; i++) {
        if (chain[i].len > limit - sum || limit - sum - chain[i].len < 5) {
            snprintf(text, sizeof text, "this mbedTLS sends chains of at most %zu bytes", limit);
            return mbed_fail(failure, STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_SETTING, 0, text);
        }
        sum += chain[i].len + 5;
    }
    return STLS_BE_OK;
}

/* --- The key --- */

/* The first thing in an EncryptedPrivateKeyInfo is an AlgorithmIdentifier; in every other form of a
 * private key it is a version, an INTEGER. */
static bool is_encrypted(stls_bytes key) {
    size_t at = 2;
    if (key.len > 2 && key.data[1] > 0x80) {
        at += key.data[1] & 0x7Fu;
    }
    return key.len > at && key.data[0] == (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) &&
           key.data[at] == (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

#if defined(MBEDTLS_PKCS5_C) && defined(MBEDTLS_CIPHER_C)
static bool is_pkcs12_scheme(const mbedtls_asn1_buf *oid) {
#if defined(MBEDTLS_PKCS12_C)
    mbedtls_md_type_t hash;
    mbedtls_cipher_type_t cipher;
    return mbedtls_oid_get_pkcs12_pbe_alg(oid, &hash, &cipher) == 0;
#else
    (void)oid;
    return false;
#endif
}

/* Why an encrypted key could not be read. With a wrong password the padding is right once in 256
 * times, and then the library sees rubbish instead of a key: only decrypting again tells that from
 * a cipher that it does not have. `der` is a copy that may be written to. */
static stls_be_status why_not_decrypted(unsigned char *der, size_t size, const char *password) {
    unsigned char *p = der, *plain;
    mbedtls_asn1_buf oid, parameters;
    size_t len;
    int ret;
    if (mbedtls_asn1_get_tag(&p, der + size, &len,
                             MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0 ||
        mbedtls_asn1_get_alg(&p, der + size, &oid, &parameters) != 0 ||
        mbedtls_asn1_get_tag(&p, der + size, &len, MBEDTLS_ASN1_OCTET_STRING) != 0) {
        return STLS_BE_MALFORMED;
    }
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_PKCS5_PBES2, &oid) != 0) {
        return is_pkcs12_scheme(&oid) ? STLS_BE_PASSWORD : STLS_BE_UNSUPPORTED;
    }
    plain = mbedtls_calloc(1, size);
    if (plain == NULL) {
        return STLS_BE_NO_MEMORY;
    }
    ret =
        mbedtls_pkcs5_pbes2_ext(&parameters, MBEDTLS_PKCS5_DECRYPT, (const unsigned char *)password,
                                strlen(password), p, len, plain, size, &len);
    mbedtls_platform_zeroize(plain, size);
    mbedtls_free(plain);
    if (mbed_is_no_memory(ret)) {
        return STLS_BE_NO_MEMORY;
    }
    return ret == 0 || ret == MBEDTLS_ERR_PKCS5_PASSWORD_MISMATCH ? STLS_BE_PASSWORD
                                                                  : STLS_BE_UNSUPPORTED;
}
#else
static stls_be_status why_not_decrypted(unsigned char *der, size_t size, const char *password) {
    (void)der, (void)size, (void)password;
    return STLS_BE_UNSUPPORTED;
}
#endif

static stls_be_status why_not_read(int code, stls_bytes key, const char *password) {
    unsigned char *copy;
    stls_be_status status;
    if (mbed_is_no_memory(code) || !mbed_has_memory()) {
        return STLS_BE_NO_MEMORY;
    }
    if (code == MBEDTLS_ERR_PK_PASSWORD_MISMATCH) {
        return STLS_BE_PASSWORD;
    }
    if (!is_encrypted(key)) {
        return STLS_BE_MALFORMED;
    }
    copy = mbedtls_calloc(1, key.len);
    if (copy == NULL) {
        return STLS_BE_NO_MEMORY;
    }
    memcpy(copy, key.data, key.len);
    status = why_not_decrypted(copy, key.len, password);
    mbedtls_free(copy);
    return status;
}

static stls_be_status read_key(mbed_credential *credential, stls_bytes key, const char *password,
                               stls_be_failure *failure) {
    size_t password_len = 0;
    int ret;
    if (is_encrypted(key)) {
        if (password == NULL || password[0] == '\0') {
            return mbed_fail(failure, STLS_BE_PASSWORD, STLS_BE_CAUSE_UNKNOWN, 0,
                             "the private key is encrypted");
        }
        password_len = strlen(password);
    }
    ret = mbedtls_pk_parse_key(credential->key, key.data, key.len, (const unsigned char *)password,
                               password_len, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    if (ret != 0) {
        return mbed_fail(failure, why_not_read(ret, key, password), STLS_BE_CAUSE_UNKNOWN, ret,
                         NULL);
    }
    ret = mbedtls_pk_check_pair(&credential->chain->pk, credential->key, mbedtls_psa_get_random,
                                MBEDTLS_PSA_RANDOM_STATE);
    if (ret != 0) {
        return mbed_fail(failure, mbed_has_memory() ? STLS_BE_KEY_MISMATCH : STLS_BE_NO_MEMORY,
                         STLS_BE_CAUSE_UNKNOWN, ret, NULL);
    }
    return STLS_BE_OK;
}

/* --- The slots --- */

stls_be_status mbed_credential_init(void *block, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password,
                                    stls_be_failure *failure) {
    mbed_credential *credential = block;
    stls_be_status status;
    credential->chain = mbedtls_calloc(1, sizeof *credential->chain);
    credential->key = mbedtls_calloc(1, sizeof *credential->key);
    if (credential->chain == NULL || credential->key == NULL) {
        return mbed_fail(failure, STLS_BE_NO_MEMORY, STLS_BE_CAUSE_UNKNOWN, 0, "no memory");
    }
    mbedtls_x509_crt_init(credential->chain);
    mbedtls_pk_init(credential->key);
    if (count == 0 || key.len == 0) {
        return mbed_fail(failure, STLS_BE_MALFORMED, STLS_BE_CAUSE_UNKNOWN, 0,
                         "no certificate or key");
    }
    status = check_length(chain, count, failure);
    if (status == STLS_BE_OK) {
        status = read_chain(credential, chain, count, failure);
    }
    return status == STLS_BE_OK ? read_key(credential, key, password, failure) : status;
}

void mbed_credential_fini(void *block) {
    mbed_credential *credential = block;
    mbedtls_x509_crt_free(credential->chain);
    mbedtls_free(credential->chain);
    mbedtls_pk_free(credential->key); /* wipes */
    mbedtls_free(credential->key);
    *credential = (mbed_credential){0};
}
