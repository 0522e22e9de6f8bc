/* siptls/credential.h - a certificate chain with its private key.
 *
 * The model: a credential is made on one backend, whole or not at all: the chain is read, the key
 * is decrypted if need be, and the key must be the leaf's. Then it is frozen, and can be given to
 * profiles of that backend and shared by threads. It is counted: every holder releases it once.
 *
 * Accepted: certificates as PEM (leaf first; the rest in any order) or one as DER; a key as PEM or
 * DER: PKCS#8 (RFC 5958), encrypted PKCS#8, SEC 1 (RFC 5915), PKCS#1 (RFC 8017). Chain and key may
 * stand in one PEM file. Keys encrypted in OpenSSL's old way (Proc-Type, DEK-Info) are refused with
 * the command that converts them: one round of MD5 protects nobody. An encrypted key may ask for
 * STLS_PKCS12_ITERATIONS_MAX iterations; under scrypt, where the backend has it, N * r * p is held
 * to that number. What does not tell how much work it is, is refused.
 *
 * Or one PKCS#12 file (RFC 7292: .p12, .pfx) in the place of the chain, without a key beside it.
 * It has to hold one private key; the certificate that this belongs to is the leaf, wherever it
 * stands. Read are DER files under a password (UTF-8, at most 1023 bytes; NULL is the empty one) or
 * under none, encrypted by PBES2 with AES or Triple DES and PBKDF2, or by the older Triple DES;
 * not under RC2 or RC4, not under scrypt, and not for a certificate's key. The iterations by which
 * such a file slows its readers down are counted before they are done: all together, at most
 * STLS_PKCS12_ITERATIONS_MAX (and twice that where no password is given); programs write 2 000 to
 * 600 000 for each of a file's two or three keys. It works alike on every backend that can:
 * STLS_CAN_PKCS12.
 *
 * Secrets: passwords are not kept; key bytes are wiped when they are no longer needed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_CREDENTIAL_H
#define SIPTLS_CREDENTIAL_H

#include <siptls/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_credential stls_credential;

enum {
    STLS_CREDENTIAL_CHAIN_MAX = 10,              /* certificates */
    STLS_CREDENTIAL_INPUT_MAX = 5 * 1024 * 1024, /* bytes of one input */
    STLS_PKCS12_ITERATIONS_MAX = 2000000,        /* half a second to two on a server, ten on a
                                                    phone */
};

/* Makes a credential from `chain` and `key`. If `key` is NULL, the key is looked for in `chain`.
 * `password` (ended by NUL) is used for an encrypted key; NULL: none. `*credential` is set on
 * success only.
 *
 * STLS_E_FORMAT, STLS_E_LIMIT; STLS_E_PASSWORD (missing or wrong); STLS_E_KEY_MISMATCH;
 * STLS_E_UNSUPPORTED (a kind of key that the backend does not have); STLS_E_NO_MEMORY. */
STLS_API stls_result stls_credential_new(const stls_backend *backend, const void *chain,
                                         size_t chain_len, const void *key, size_t key_len,
                                         const char *password, stls_credential **credential,
                                         stls_error *error);

/* The same from files; `key_path` NULL: the key is in `chain_path` too. Also STLS_E_FILE. */
STLS_API stls_result stls_credential_load(const stls_backend *backend, const char *chain_path,
                                          const char *key_path, const char *password,
                                          stls_credential **credential, stls_error *error);

/* Holds it once more; returns `credential`. Thread-safe. */
STLS_API stls_credential *stls_credential_hold(stls_credential *credential);

/* Gives one hold back; the last one wipes the key and frees. NULL is allowed. Thread-safe. */
STLS_API void stls_credential_free(stls_credential *credential);

/* The backend it was made on. */
STLS_API const stls_backend *stls_credential_backend(const stls_credential *credential);

/* Certificate `index` of the chain as it is sent (0 is the leaf), DER, valid as long as the
 * credential; {NULL, 0} behind the last. */
STLS_API stls_bytes stls_credential_certificate(const stls_credential *credential, size_t index);

#ifdef __cplusplus
}
#endif
#endif
