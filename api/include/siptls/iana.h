/* siptls/iana.h - names of the TLS registries, and back.
 *
 * The model: siptls speaks numbers; people speak the names that IANA gives them
 * ("TLS_AES_128_GCM_SHA256", "x25519", "ecdsa_secp256r1_sha256", "unknown_ca", "TLSv1.3"). These
 * are the tables, the same whichever backends are built in; stls_backend_supports() tells which of
 * them a backend can use. The names that OpenSSL uses for suites ("ECDHE-RSA-AES128-GCM-SHA256")
 * and for groups ("P-256", "prime256v1") are understood too, because configurations are full of
 * them; what comes out is always IANA's.
 *
 * Thread rules: constants and pure functions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_IANA_H
#define SIPTLS_IANA_H

#include <siptls/backend.h>

#ifdef __cplusplus
extern "C" {
#endif

/* IANA's name of `code`, or NULL if these tables do not have it. */
STLS_API const char *stls_iana_name(stls_registry registry, uint16_t code);

/* The number of `name` (compared without regard to case) into `*code`. STLS_E_ARGUMENT if there is
 * no such name; `*code` is then untouched. "0x1301" and "4865" are taken as numbers. */
STLS_API stls_result stls_iana_code(stls_registry registry, const char *name, uint16_t *code);

/* The number at `index` of the table of `registry`, from 0, into `*code`; false after the last. */
STLS_API bool stls_iana_at(stls_registry registry, size_t index, uint16_t *code);

/* Reads a list of names, separated by ':' or ',' or blanks, into `codes` (room for `capacity`) and
 * their number into `*count`. STLS_E_ARGUMENT names the first unknown or repeated entry in `error`;
 * STLS_E_LIMIT if the list is longer than `capacity`. */
STLS_API stls_result stls_iana_list(stls_registry registry, const char *list, uint16_t *codes,
                                    size_t capacity, size_t *count, stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
