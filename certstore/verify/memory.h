/* certstore/verify/memory.h - signatures that were found good before.
 *
 * The model: that a key made a signature is a fact that neither time, nor trust, nor policy can
 * change. A memory keeps such facts, as SHA-256 digests of certificate and key, so that a peer that
 * comes back does not cost the same public-key operations again. Everything else about its chain is
 * judged anew each time: dates, names, constraints, revocation. Only chains that lead to a trust
 * anchor get in, so strangers cannot fill it.
 *
 * It is bounded: a new fact takes the place of an old one. Any number of threads may use one
 * memory.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_MEMORY_H
#define STLS_CERTSTORE_VERIFY_MEMORY_H

#include "backends/contract.h"

typedef struct stls_memory stls_memory;

enum { STLS_FACT_LEN = 32 };

/* For at least `count` facts; NULL if there is no memory. The digests are `backend`'s. */
stls_memory *stls_memory_new(const stls_backend *backend, size_t count);

/* NULL is allowed. */
void stls_memory_free(stls_memory *memory);

/* The fact that the key `spki` signed the certificate `der`, into `fact`; false if it cannot be
 * computed. */
bool stls_memory_fact(const stls_memory *memory, stls_bytes spki, stls_bytes der,
                      uint8_t fact[STLS_FACT_LEN]);

bool stls_memory_has(stls_memory *memory, const uint8_t fact[STLS_FACT_LEN]);
void stls_memory_add(stls_memory *memory, const uint8_t fact[STLS_FACT_LEN]);

#endif
