/* certstore/read/describe.h - certificates in words, for sentences that people read.
 *
 * The model: everything is added to an stls_text, as printable ASCII; nothing that comes out is for
 * comparing. The functions of siptls/certificate.h are in describe.c too, but for
 * stls_certificate_sip_identity(), which is in certstore/verify/identity.c.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_DESCRIBE_H
#define STLS_CERTSTORE_READ_DESCRIBE_H

#include "base/error.h"
#include "certstore/read/x509.h"

/* A Name: "CN=sip.example.com, O=Example, C=DE": the common name first, then from the most to the
 * least special. ',', '+', '"', '\', '<', '>' and ';' in a value have a '\' before them, as in RFC
 * 4514. */
void stls_describe_name(stls_text *text, stls_bytes name);

/* What a certificate is best called: "CN=sip.example.com", or its whole subject if that has no
 * common name, or its first alternative name, or its serial number. */
void stls_describe_subject(stls_text *text, const stls_x509 *certificate);

/* The same for a Name alone. */
void stls_describe_short_name(stls_text *text, stls_bytes name);

/* "DNS:example.com", as in siptls/certificate.h. */
void stls_describe_general_name(stls_text *text, stls_general_name_kind kind, stls_bytes value);

/* "192.0.2.1" or "2001:db8::1" for 4 or 16 octets. */
void stls_describe_address(stls_text *text, stls_bytes address);

/* "1.2.840.113549" for the content octets of an OID. */
void stls_describe_oid(stls_text *text, stls_bytes oid);

/* "EC secp256r1", "RSA 2048", "Ed25519". */
void stls_describe_key(stls_text *text, const stls_x509 *certificate);

/* stls_certificate_pem() with another label. */
size_t stls_describe_pem(const char *label, stls_bytes der, char *text, size_t size);

#endif
