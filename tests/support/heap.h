/* tests/support/heap.h - two heaps that a test can look into: siptls's own, and a TLS library's.
 *
 * The model: heap_install() puts both in the place of malloc, by siptls/allocator.h, before
 * anything else of siptls is used. From then on they count, fail at the allocation that a test
 * names, and, if asked to, keep what is freed, so that it can be searched for secrets.
 *
 * One thread only.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_HEAP_H
#define STLS_TESTS_SUPPORT_HEAP_H

#include <siptls/siptls.h>

/* A sanitizer watches: it guards what lies between blocks, and makes fork() slow. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define HEAP_IS_SANITIZED 1
#endif
#endif
#ifndef HEAP_IS_SANITIZED
#define HEAP_IS_SANITIZED 0
#endif

typedef enum heap_kind {
    HEAP_OWN = 0,
    HEAP_LIBRARY = 1,
} heap_kind;

const char *heap_text(heap_kind kind);

/* False: it is too late, or that library cannot be given a heap; `error` says which. */
bool heap_install(const char *backend, stls_error *error);

/* A block of that heap, as siptls or the library gets it; NULL: none. heap_give() it back. */
void *heap_take(heap_kind kind, size_t size);
void heap_give(heap_kind kind, void *memory);

/* Counts from now on; allocation number `at` of `kind` (from 1) fails; 0: none. With `all`, so do
 * those behind it, until heap_relent(). */
void heap_fail(heap_kind kind, unsigned long at, bool all);
void heap_relent(void);

/* Since heap_fail(): how many allocations there were, and whether one has failed. */
unsigned long heap_taken(heap_kind kind);
bool heap_has_failed(void);

/* What heap_mark() was told last when the first allocation failed; -1: none has. */
void heap_mark(int place);
int heap_failed_at(void);

/* Bytes that were not given back. */
size_t heap_live(heap_kind kind);

/* From now on, what is given back stays as it is, and can be found. */
void heap_keep(void);

/* The block in which `address` is; false: in none of the two heaps. */
bool heap_find(const void *address, heap_kind *kind, bool *live);

/* Shows each block of that heap that is in use. */
void heap_each(heap_kind kind, void (*see)(const uint8_t *data, size_t len));

/* Where the block of `address` was allocated, on stderr: for whoever looks for the reason. */
void heap_print_origin(const void *address);

#endif
