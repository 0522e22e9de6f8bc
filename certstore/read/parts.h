/* certstore/read/parts.h - the pieces of X.509 that more than one file of this room reads.
 *
 * The model: a piece is read from a cursor, as in der.h. What is wrong with it comes back as the
 * end of a sentence whose beginning the caller knows ("certificate field notAfter" + "is not a
 * time"); NULL says that all is well. Where a reader fails, the cursor and the outputs mean
 * nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_PARTS_H
#define STLS_CERTSTORE_READ_PARTS_H

#include "certstore/read/x509.h"

/* The content octets of an OID, for the tables. */
#define STLS_OID(...)                                                                              \
    { .data = (const uint8_t[]){__VA_ARGS__}, .len = sizeof((const uint8_t[]){__VA_ARGS__}) }

/* A SubjectPublicKeyInfo, into the fields spki and key_... of `certificate`. */
const char *stls_spki_read(stls_der *der, stls_x509 *certificate);

/* The Extensions inside their [3], into the fields of `certificate`. `*extension` is the name of
 * the one at fault, or NULL if it is none in particular. */
const char *stls_extensions_read(stls_der *der, stls_x509 *certificate, const char **extension);

/* One extension of a list: what is wrong with it, and in `*extension` its name if it is known. */
typedef const char *stls_extension_visit(stls_bytes oid, bool critical, stls_bytes value,
                                         void *into, const char **extension);

/* Extensions, each shown once to `visit`; an empty list, or the same OID twice, is a flaw. */
const char *stls_extensions_walk(stls_der *der, stls_extension_visit *visit, void *into,
                                 const char **extension);

/* Enters the one SEQUENCE that an extension's value has to be. */
bool stls_only_sequence(stls_bytes value, stls_der *inside);

/* The content of a cursor that nobody has moved yet. */
stls_bytes stls_content_of(const stls_der *der);

/* The extensions that hold names, from their value into the fields of `certificate` if it has one.
 */
const char *stls_read_subject_alt_name(stls_bytes value, stls_x509 *certificate);
const char *stls_read_issuer_alt_name(stls_bytes value, stls_x509 *certificate);
const char *stls_read_name_constraints(stls_bytes value, stls_x509 *certificate);
const char *stls_read_authority_key_id(stls_bytes value, stls_x509 *certificate);
const char *stls_read_crl_distribution_points(stls_bytes value, stls_x509 *certificate);
const char *stls_read_freshest_crl(stls_bytes value, stls_x509 *certificate);
const char *stls_read_info_access(stls_bytes value, stls_x509 *certificate);

/* GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName; `names` runs over the content. */
const char *stls_general_names_check(stls_der names);

/* DistributionPointName ::= CHOICE { fullName [0], nameRelativeToCRLIssuer [1] }; `name` runs over
 * the whole of it. */
const char *stls_point_name_check(stls_der name);

#endif
