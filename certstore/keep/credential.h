/* certstore/keep/credential.h - the inside of a credential, for those who hand it to a backend.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_KEEP_CREDENTIAL_H
#define STLS_CERTSTORE_KEEP_CREDENTIAL_H

#include "backends/contract.h"

#include <siptls/credential.h>

/* The backend's block. */
const void *stls_credential_block(const stls_credential *credential);

/* The channel binding tls-server-end-point of a certificate (RFC 5929 section 4.1): the hash of its
 * own signature, but SHA-256 for MD5 and SHA-1. `len` 0: it is not defined for that signature. */
typedef struct stls_end_point {
    uint8_t len, data[STLS_HASH_SIZE_MAX];
} stls_end_point;

/* STLS_E_FORMAT: not a certificate. STLS_E_UNSUPPORTED: the backend lacks the hash; both leave
 * `len` 0, and so does STLS_E_NO_MEMORY. */
stls_result stls_end_point_of(const stls_backend *backend, stls_bytes certificate,
                              stls_end_point *end_point, stls_error *error);

/* That of its leaf, computed once; NULL has none. What failed when it was made (a library may take
 * want of memory for want of the hash) is tried again. */
stls_result stls_credential_end_point(const stls_credential *credential, stls_end_point *end_point,
                                      stls_error *error);

#endif
