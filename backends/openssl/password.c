/* backends/openssl/password.c - what PKCS#12 needs: keys from passwords, HMAC, and CBC.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include <limits.h>

/* After a call that has not worked. Algorithms may be missing: Triple DES, and all of PKCS#12's own
 * in a process that keeps to FIPS 140. */
static stls_be_status ossl_without(void) {
    return ossl_fail(NULL, STLS_BE_CAUSE_UNKNOWN, NULL) == STLS_BE_NO_MEMORY ? STLS_BE_NO_MEMORY
                                                                             : STLS_BE_UNSUPPORTED;
}

static bool ossl_derive_pkcs12(const stls_derivation *derivation, stls_kdf_purpose purpose,
                               const EVP_MD *md, stls_bytes password, uint8_t *out, size_t len) {
    int id = (int)purpose, iterations = (int)derivation->iterations;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, ossl_readable(EVP_MD_get0_name(md)),
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, ossl_readable(password.data),
                                          password.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, ossl_readable(derivation->salt.data),
                                          derivation->salt.len),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS12_ID, &id),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_ITER, &iterations),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "PKCS12KDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    bool done = context != NULL && EVP_KDF_derive(context, out, len, parameters) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return done;
}

stls_be_status ossl_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len) {
    static const uint8_t nothing[1];
    const EVP_MD *md = ossl_md(derivation->hash);
    bool done = false;
    if (md == NULL || password.len > INT_MAX || derivation->salt.len > INT_MAX || len > INT_MAX ||
        derivation->iterations > INT_MAX) {
        return STLS_BE_UNSUPPORTED;
    }
    password.data = password.len != 0 ? password.data : nothing;
    ERR_clear_error();
    if (derivation->kdf == STLS_KDF_PBKDF2) {
        done = PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.len,
                                 derivation->salt.data, (int)derivation->salt.len,
                                 (int)derivation->iterations, md, (int)len, out) == 1;
    } else if (derivation->kdf == STLS_KDF_PKCS12) {
        done = ossl_derive_pkcs12(derivation, purpose, md, password, out, len);
    }
    return done ? STLS_BE_OK : ossl_without();
}

stls_be_status ossl_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len) {
    const EVP_MD *md = ossl_md(hash);
    unsigned int size = 0;
    if (md == NULL || key.len > INT_MAX) {
        return STLS_BE_UNSUPPORTED;
    }
    ERR_clear_error();
    if (HMAC(md, key.data, (int)key.len, data.data, data.len, out, &size) == NULL) {
        return ossl_without();
    }
    *len = size;
    return STLS_BE_OK;
}

static const EVP_CIPHER *ossl_cipher(stls_cipher cipher) {
    switch (cipher) {
    case STLS_CIPHER_AES_128_CBC:
        return EVP_aes_128_cbc();
    case STLS_CIPHER_AES_192_CBC:
        return EVP_aes_192_cbc();
    case STLS_CIPHER_AES_256_CBC:
        return EVP_aes_256_cbc();
    case STLS_CIPHER_DES_EDE3_CBC:
        return EVP_des_ede3_cbc();
    case STLS_CIPHER_NONE:
        break;
    }
    return NULL;
}

stls_be_status ossl_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out) {
    const EVP_CIPHER *kind = ossl_cipher(cipher);
    int len = 0;
    if (kind == NULL || sealed.len > INT_MAX) {
        return STLS_BE_UNSUPPORTED;
    }
    ERR_clear_error();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done = context != NULL && EVP_DecryptInit_ex2(context, kind, key, iv, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                EVP_DecryptUpdate(context, out, &len, sealed.data, (int)sealed.len) == 1 &&
                (size_t)len == sealed.len;
    EVP_CIPHER_CTX_free(context);
    return done ? STLS_BE_OK : ossl_without();
}
