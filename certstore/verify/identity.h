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

/* The host of the next of `names`, which is what is left of a SAN, that is a SIP domain identity
 * (RFC 5922 7.1); false: there is none left. */
bool stls_identity_next_sip_uri(stls_der *names, stls_bytes *host);

/* The common name of `leaf`, if it is a DNS name and may be taken for a host: where there is no SAN
 * (mode SIP), or no dNSName in it (with STLS_IDENTITY_COMMON_NAME). In the other modes, too, it is
 * told as the peer's name where there is no SAN, and counts if it is a domain: a name of one label
 * is a device's. */
bool stls_identity_common_name(const stls_rules *rules, const stls_x509 *leaf, stls_bytes *name);

/* "sip:other.test, DNS:other.test": the first names of `leaf`, for a sentence. */
void stls_identity_describe(stls_text *text, const stls_x509 *leaf);

#endif
