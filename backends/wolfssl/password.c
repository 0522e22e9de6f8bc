/* backends/wolfssl/password.c - what PKCS#12 needs: keys from passwords, HMAC, and CBC.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/des3.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/pwdbased.h>

#ifdef WOLF_HAS_PKCS12

/* wolfCrypt refuses NULL, also for nothing at all. */
static const uint8_t *wolf_not_null(stls_bytes bytes) {
    return bytes.len ? bytes.data : (const uint8_t *)"";
}

static stls_be_status wolf_status_of(int result) {
    return result == 0 ? STLS_BE_OK : result == MEMORY_E ? STLS_BE_NO_MEMORY : STLS_BE_UNSUPPORTED;
}

stls_be_status wolf_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len) {
    int hash = (int)wolf_hash(derivation->hash);
    const uint8_t *secret = wolf_not_null(password), *salt = wolf_not_null(derivation->salt);

    if (derivation->hash == STLS_HASH_NONE || password.len > INT32_MAX || len > INT32_MAX ||
        derivation->salt.len > INT32_MAX || derivation->iterations > INT32_MAX)
        return STLS_BE_UNSUPPORTED;
    if (derivation->kdf == STLS_KDF_PBKDF2)
        return wolf_status_of(wc_PBKDF2(out, secret, (int)password.len, salt,
                                        (int)derivation->salt.len, (int)derivation->iterations,
                                        (int)len, hash));
    if (derivation->kdf != STLS_KDF_PKCS12)
        return STLS_BE_UNSUPPORTED;
    return wolf_status_of(wc_PKCS12_PBKDF(out, secret, (int)password.len, salt,
                                          (int)derivation->salt.len, (int)derivation->iterations,
                                          (int)len, hash, (int)purpose));
}

stls_be_status wolf_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len) {
    enum wc_HashType type = wolf_hash(hash);
    int size = type == WC_HASH_TYPE_NONE ? 0 : wc_HashGetDigestSize(type), result;
    Hmac hmac;

    if (size <= 0 || key.len > UINT32_MAX || data.len > UINT32_MAX)
        return STLS_BE_UNSUPPORTED;
    result = wc_HmacInit(&hmac, NULL, INVALID_DEVID);
    if (result != 0)
        return wolf_status_of(result);
    result = wc_HmacSetKey(&hmac, (int)type, wolf_not_null(key), (word32)key.len);
    if (result == 0)
        result = wc_HmacUpdate(&hmac, wolf_not_null(data), (word32)data.len);
    if (result == 0)
        result = wc_HmacFinal(&hmac, out);
    wc_HmacFree(&hmac);
    *len = (size_t)size;
    return wolf_status_of(result);
}

static stls_be_status wolf_aes(word32 key_len, const uint8_t *key, const uint8_t *iv,
                               stls_bytes sealed, uint8_t *out) {
    Aes aes;
    int result = wc_AesInit(&aes, NULL, INVALID_DEVID);

    if (result != 0)
        return wolf_status_of(result);
    result = wc_AesSetKey(&aes, key, key_len, iv, AES_DECRYPTION);
    if (result == 0)
        result = wc_AesCbcDecrypt(&aes, out, sealed.data, (word32)sealed.len);
    wc_AesFree(&aes);
    wolf_wipe(&aes, sizeof aes);
    return wolf_status_of(result);
}

static stls_be_status wolf_des3(const uint8_t *key, const uint8_t *iv, stls_bytes sealed,
                                uint8_t *out) {
#ifndef NO_DES3
    Des3 des;
    int result = wc_Des3Init(&des, NULL, INVALID_DEVID);

    if (result != 0)
        return wolf_status_of(result);
    result = wc_Des3_SetKey(&des, key, iv, DES_DECRYPTION);
    if (result == 0)
        result = wc_Des3_CbcDecrypt(&des, out, sealed.data, (word32)sealed.len);
    wc_Des3Free(&des);
    wolf_wipe(&des, sizeof des);
    return wolf_status_of(result);
#else
    (void)key, (void)iv, (void)sealed, (void)out;
    return STLS_BE_UNSUPPORTED;
#endif
}

stls_be_status wolf_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out) {
    if (sealed.len > UINT32_MAX)
        return STLS_BE_UNSUPPORTED;
    switch (cipher) {
    case STLS_CIPHER_AES_128_CBC:
        return wolf_aes(16, key, iv, sealed, out);
    case STLS_CIPHER_AES_192_CBC:
        return wolf_aes(24, key, iv, sealed, out);
    case STLS_CIPHER_AES_256_CBC:
        return wolf_aes(32, key, iv, sealed, out);
    case STLS_CIPHER_DES_EDE3_CBC:
        return wolf_des3(key, iv, sealed, out);
    case STLS_CIPHER_NONE:
        break;
    }
    return STLS_BE_UNSUPPORTED;
}

#else

stls_be_status wolf_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len) {
    (void)derivation, (void)purpose, (void)password, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
}

stls_be_status wolf_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len) {
    (void)hash, (void)key, (void)data, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
}

stls_be_status wolf_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out) {
    (void)cipher, (void)key, (void)iv, (void)sealed, (void)out;
    return STLS_BE_UNSUPPORTED;
}

#endif
