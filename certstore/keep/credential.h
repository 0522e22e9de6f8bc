/* certstore/keep/credential.h - the inside of a credential, for those who hand it to a backend.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_KEEP_CREDENTIAL_H
#define STLS_CERTSTORE_KEEP_CREDENTIAL_H

#include <siptls/credential.h>

/* The backend's block. */
const void *stls_credential_block(const stls_credential *credential);

#endif
