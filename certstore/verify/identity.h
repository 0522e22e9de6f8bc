/* certstore/verify/identity.h - whom a leaf names, for the rest of the engine.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_IDENTITY_H
#define STLS_CERTSTORE_VERIFY_IDENTITY_H

#include "base/error.h"
#include "certstore/read/x509.h"
#include "certstore/verify/verify.h"

/* Whether `leaf` proves the name that `rules` and `peer` ask for, or none is asked for. Writes what
 * matched into name_kind and name of `*verdict`. */
bool stls_identity_check(const stls_rules *rules, const char *peer, const stls_x509 *leaf,
                         stls_verdict *verdict);

/* The common name of `leaf`, if `rules` let it stand for a host and it is a DNS name: no SAN (mode
 * SIP), or no dNSName in it (with STLS_IDENTITY_COMMON_NAME). */
bool stls_identity_common_name(const stls_rules *rules, const stls_x509 *leaf, stls_bytes *name);

/* "sip:other.test, DNS:other.test": the first names of `leaf`, for a sentence. */
void stls_identity_describe(stls_text *text, const stls_x509 *leaf);

#endif
