/* certstore/keep/pkcs12.h - certificates and key out of a PKCS#12 file (RFC 7292).
 *
 * The model: the container is read here, once for all backends, which supply derivation, HMAC and
 * cipher only. So what is taken and what is refused, and with which sentence, does not depend on
 * the library; and how often a hostile file has a key derived is known and bounded before it is
 * done, also for what lies encrypted inside of what is encrypted.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_KEEP_PKCS12_H
#define STLS_CERTSTORE_KEEP_PKCS12_H

#include "certstore/read/pem.h"
#include <siptls/backend.h>

/* If `blocks` are one PKCS#12 file, replaces them by what is in it: the certificate that the key
 * belongs to, the other certificates, the key. `name` is what errors call the file. Rules and
 * errors: siptls/credential.h. On failure the blocks stay as they are. */
stls_result stls_pkcs12_expand(const stls_backend *backend, const char *name, const char *password,
                               stls_blocks *blocks, stls_error *error);

#endif
