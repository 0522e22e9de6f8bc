/* certstore/verify/host.h - host names as they stand in certificates, and in URIs there.
 *
 * The model: bytes from outside, with a length and no end. A name is a DNS name or it is not;
 * nothing is repaired. All functions are pure.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_HOST_H
#define STLS_CERTSTORE_VERIFY_HOST_H

#include <siptls/types.h>

/* Without regard to the case of ASCII letters (RFC 4343). */
bool stls_host_equal(stls_bytes a, stls_bytes b);

/* Whether `name` is a DNS name: labels of 1 to 63 letters, digits, hyphens (not at their ends) and
 * underscores, at most 253 bytes, no dot at the end, and a last label that is not a number. */
bool stls_host_is_dns(stls_bytes name);

/* Whether `name` is "*." and a DNS name; `*parent` is that name then. */
bool stls_host_is_wildcard(stls_bytes name, stls_bytes *parent);

/* How many labels a DNS name has. */
size_t stls_host_labels(stls_bytes name);

/* Whether `name` is `domain` or ends in "." and `domain`. An empty domain has every name. */
bool stls_host_within(stls_bytes name, stls_bytes domain);

typedef struct stls_uri {
    bool is_sip, is_sips; /* the scheme */
    bool has_user;        /* an '@' anywhere */
    stls_bytes host;      /* without port, parameters, headers; brackets stay */
} stls_uri;

/* Takes apart a sip or sips URI (RFC 3261 19.1.1), or one with an authority (RFC 3986 3.2: "//"
 * after the scheme). False for any other, and for one with an odd port. The host is not checked. */
bool stls_uri_read(stls_bytes text, stls_uri *uri);

#endif
