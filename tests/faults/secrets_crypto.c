/* tests/faults/secrets_crypto.c - key agreement and records, by OpenSSL, for each backend's search.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/secrets_crypto.h"

#ifdef STLS_TEST_OPENSSL

#include <openssl/evp.h>

bool crypto_is_there(void) {
    return true;
}

static EVP_PKEY *private_key(const uint8_t private[X25519_LEN]) {
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private, X25519_LEN);
}

bool x25519_public(const uint8_t private[X25519_LEN], uint8_t public[X25519_LEN]) {
    size_t len = X25519_LEN;
    EVP_PKEY *key = private_key(private);
    bool done = key != NULL && EVP_PKEY_get_raw_public_key(key, public, &len) == 1;
    EVP_PKEY_free(key);
    return done;
}

bool x25519_shared(const uint8_t private[X25519_LEN], const uint8_t peer[X25519_LEN],
                   uint8_t shared[X25519_LEN]) {
    size_t len = X25519_LEN;
    EVP_PKEY *key = private_key(private);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, X25519_LEN);
    EVP_PKEY_CTX *agreement = key != NULL ? EVP_PKEY_CTX_new(key, NULL) : NULL;
    bool done = agreement != NULL && other != NULL && EVP_PKEY_derive_init(agreement) == 1 &&
                EVP_PKEY_derive_set_peer(agreement, other) == 1 &&
                EVP_PKEY_derive(agreement, shared, &len) == 1;
    EVP_PKEY_CTX_free(agreement);
    EVP_PKEY_free(other);
    EVP_PKEY_free(key);
    return done;
}

bool aes128_gcm_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                     stls_bytes sealed, uint8_t *out) {
    enum { TAG_LEN = 16 };
    int len = 0;
    uint8_t tag[TAG_LEN];
    if (sealed.len < TAG_LEN) {
        return false;
    }
    const int plain_len = (int)sealed.len - TAG_LEN;
    for (int i = 0; i < TAG_LEN; i++) {
        tag[i] = sealed.data[plain_len + i];
    }
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    bool done = cipher != NULL &&
                EVP_DecryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, nonce) == 1 &&
                EVP_DecryptUpdate(cipher, NULL, &len, associated.data, (int)associated.len) == 1 &&
                EVP_DecryptUpdate(cipher, out, &len, sealed.data, plain_len) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
                EVP_DecryptFinal_ex(cipher, out + plain_len, &len) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return done;
}

#else

bool crypto_is_there(void) {
    return false;
}

bool x25519_public(const uint8_t private[X25519_LEN], uint8_t public[X25519_LEN]) {
    (void)private, (void)public;
    return false;
}

bool x25519_shared(const uint8_t private[X25519_LEN], const uint8_t peer[X25519_LEN],
                   uint8_t shared[X25519_LEN]) {
    (void)private, (void)peer, (void)shared;
    return false;
}

bool aes128_gcm_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                     stls_bytes sealed, uint8_t *out) {
    (void)key, (void)nonce, (void)associated, (void)sealed, (void)out;
    return false;
}

#endif
