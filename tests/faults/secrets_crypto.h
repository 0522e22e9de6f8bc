/* tests/faults/secrets_crypto.h - key agreement and records, by OpenSSL, for each backend's search.
 *
 * The model: what siptls's backends need not be able to do, and the search must, to know what a
 * connection has agreed on. It leaves traces of its own, so it is used in child processes only. A
 * build without OpenSSL can do none of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FAULTS_SECRETS_CRYPTO_H
#define STLS_TESTS_FAULTS_SECRETS_CRYPTO_H

#include <siptls/siptls.h>

enum { X25519_LEN = 32 };

bool crypto_is_there(void);

bool x25519_public(const uint8_t private[X25519_LEN], uint8_t public[X25519_LEN]);
bool x25519_shared(const uint8_t private[X25519_LEN], const uint8_t peer[X25519_LEN],
                   uint8_t shared[X25519_LEN]);

/* `out`: as long as `sealed`. */
bool aes128_gcm_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                     stls_bytes sealed, uint8_t *out);

#endif
