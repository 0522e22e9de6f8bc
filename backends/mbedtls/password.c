/* backends/mbedtls/password.c - what PKCS#12 needs: keys from passwords, HMAC, and CBC.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/cipher.h>
#include <mbedtls/pkcs12.h>
#include <mbedtls/pkcs5.h>

#include <limits.h>

static stls_be_status status_of(int code) {
    return code == 0                 ? STLS_BE_OK
           : mbed_is_no_memory(code) ? STLS_BE_NO_MEMORY
                                     : STLS_BE_UNSUPPORTED;
}

/* Of PKCS#12, mbedTLS takes passwords of up to 31 characters and salts of up to 64 octets. */
stls_be_status mbed_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len) {
#if defined(MBED_HAS_PKCS12)
    mbedtls_md_type_t md = mbed_md_type(derivation->hash);
    if (md == MBEDTLS_MD_NONE || derivation->iterations > INT_MAX || len > UINT_MAX) {
        return STLS_BE_UNSUPPORTED;
    }
    if (derivation->kdf == STLS_KDF_PBKDF2) {
        return status_of(mbedtls_pkcs5_pbkdf2_hmac_ext(md, password.data, password.len,
                                                       derivation->salt.data, derivation->salt.len,
                                                       derivation->iterations, (uint32_t)len, out));
    }
    return derivation->kdf == STLS_KDF_PKCS12
               ? status_of(mbedtls_pkcs12_derivation(out, len, password.data, password.len,
                                                     derivation->salt.data, derivation->salt.len,
                                                     md, (int)purpose, (int)derivation->iterations))
               : STLS_BE_UNSUPPORTED;
#else
    (void)derivation, (void)purpose, (void)password, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
#endif
}

stls_be_status mbed_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len) {
    const mbedtls_md_info_t *info = mbedtls_md_info_from_type(mbed_md_type(hash));
    if (info == NULL) {
        return STLS_BE_UNSUPPORTED;
    }
    *len = mbedtls_md_get_size(info);
    return status_of(mbedtls_md_hmac(info, key.data, key.len, data.data, data.len, out));
}

#if defined(MBED_HAS_PKCS12)
static mbedtls_cipher_type_t cipher_type(stls_cipher cipher) {
    switch (cipher) {
    case STLS_CIPHER_AES_128_CBC:
        return MBEDTLS_CIPHER_AES_128_CBC;
    case STLS_CIPHER_AES_192_CBC:
        return MBEDTLS_CIPHER_AES_192_CBC;
    case STLS_CIPHER_AES_256_CBC:
        return MBEDTLS_CIPHER_AES_256_CBC;
    case STLS_CIPHER_DES_EDE3_CBC:
        return MBEDTLS_CIPHER_DES_EDE3_CBC;
    case STLS_CIPHER_NONE:
        break;
    }
    return MBEDTLS_CIPHER_NONE;
}

/* Without padding in its eyes, mbedTLS gives every block out at once. */
static int decrypt(mbedtls_cipher_context_t *context, const mbedtls_cipher_info_t *info,
                   const uint8_t *key, const uint8_t *iv, stls_bytes sealed, uint8_t *out) {
    size_t len = 0;
    int code = mbedtls_cipher_setup(context, info);
    if (code == 0) {
        code = mbedtls_cipher_set_padding_mode(context, MBEDTLS_PADDING_NONE);
    }
    if (code == 0) {
        code = mbedtls_cipher_setkey(context, key, (int)mbedtls_cipher_info_get_key_bitlen(info),
                                     MBEDTLS_DECRYPT);
    }
    if (code == 0) {
        code = mbedtls_cipher_crypt(context, iv, mbedtls_cipher_info_get_iv_size(info), sealed.data,
                                    sealed.len, out, &len);
    }
    return code == 0 && len != sealed.len ? MBEDTLS_ERR_CIPHER_BAD_INPUT_DATA : code;
}
#endif

stls_be_status mbed_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out) {
#if defined(MBED_HAS_PKCS12)
    const mbedtls_cipher_info_t *info = mbedtls_cipher_info_from_type(cipher_type(cipher));
    mbedtls_cipher_context_t context;
    if (info == NULL) {
        return STLS_BE_UNSUPPORTED;
    }
    mbedtls_cipher_init(&context);
    int code = decrypt(&context, info, key, iv, sealed, out);
    mbedtls_cipher_free(&context);
    return status_of(code);
#else
    (void)cipher, (void)key, (void)iv, (void)sealed, (void)out;
    return STLS_BE_UNSUPPORTED;
#endif
}
