/* base/memory.h - memory for the whole library: one way to get it, one way to give it back.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BASE_MEMORY_H
#define STLS_BASE_MEMORY_H

#include <siptls/types.h>

/* `count` zeroed items of `size` bytes; NULL if there is no memory or the product overflows. From
 * the allocator of siptls/allocator.h, as all here. */
void *stls_alloc(size_t count, size_t size);

/* Makes room for `to` items of `size` bytes where there were `from`, fewer: new memory with a copy
 * of these and the rest zeroed, and the old is wiped and freed. NULL leaves `memory` as it is. */
void *stls_grow(void *memory, size_t from, size_t to, size_t size);

/* NULL is allowed. */
void stls_free(void *memory);

/* Overwrites `len` bytes in a way that the compiler keeps. */
void stls_wipe(void *memory, size_t len);

/* A copy of `bytes` on the heap, into `*copy`; false if there is no memory. An empty string gives
 * {NULL, 0}. */
bool stls_bytes_copy(stls_bytes bytes, stls_bytes *copy);
void stls_bytes_free(stls_bytes *copy);

bool stls_bytes_equal(stls_bytes a, stls_bytes b);

/* Whether `len` bytes are the same, in a time that tells nothing of them. */
bool stls_secret_equal(const void *a, const void *b, size_t len);

#endif
