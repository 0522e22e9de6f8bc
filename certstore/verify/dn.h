/* certstore/verify/dn.h - when two distinguished names are the same (RFC 5280 section 7.1).
 *
 * The model: attribute values of the types PrintableString, UTF8String and IA5String are compared
 * without regard to the case of ASCII letters, to blanks around them, and to how many blanks stand
 * between words; all other types must be equal octet for octet. The attributes of an RDN are a set.
 * A name with more than 8 attributes in one RDN equals only its own octets.
 *
 * All functions take whole Name elements and are pure.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_DN_H
#define STLS_CERTSTORE_VERIFY_DN_H

#include <siptls/types.h>

bool stls_name_equal(stls_bytes a, stls_bytes b);

/* Whether `name` begins with all RDNs of `base`: a directoryName constraint. */
bool stls_name_within(stls_bytes name, stls_bytes base);

/* Whether no RDN of `name` has more than 8 attributes: those are within nothing else. */
bool stls_name_is_comparable(stls_bytes name);

/* Whether two RDNs, given as the content of their SETs, are the same. */
bool stls_rdn_equal(stls_bytes a, stls_bytes b);

/* Whether `name` is `base` with one RDN more, the content of whose SET is `added`: a
 * nameRelativeToCRLIssuer. */
bool stls_name_is_child(stls_bytes name, stls_bytes base, stls_bytes added);

/* Equal names have equal hashes. Not for hostile input without a bound on the comparisons. */
uint64_t stls_name_hash(stls_bytes name);

#endif
