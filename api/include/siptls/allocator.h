/* siptls/allocator.h - where the memory comes from: a heap of the application's instead of malloc.
 *
 * The model: siptls takes its own memory (profiles, contexts, connections, stores, and the blocks
 * in which a backend keeps its state) from one allocator, which stls_set_allocator() replaces. The
 * TLS library behind a backend takes its memory from one of its own, and so does what siptls asks
 * it to keep. As an application may use that library for itself, too, siptls leaves it alone unless
 * stls_set_library_allocator() is called for it. What the C library takes to open files is taken
 * from neither.
 *
 * An allocator may refuse: the call that needed the memory answers STLS_E_NO_MEMORY, leaves
 * everything as it was (a connection ends, as after any error), and can be made again.
 *
 * siptls overwrites what was secret before it gives memory back, and never moves it by
 * `reallocate`, which could leave a copy.
 *
 * Thread rules: both functions are called before anything else of siptls, from one thread, while no
 * other thread uses siptls or the library. The functions of an allocator are called from any thread
 * that calls siptls, at the same time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_ALLOCATOR_H
#define SIPTLS_ALLOCATOR_H

#include <siptls/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_allocator {
    /* As malloc: `size` bytes, never 0, aligned for any type; NULL if there are none. */
    void *(*allocate)(size_t size);

    /* As realloc, with a `size` that is never 0; `memory` may be NULL. Only TLS libraries call it:
     * it may be NULL for stls_set_allocator(). */
    void *(*reallocate)(void *memory, size_t size);

    /* As free; `memory` may be NULL. */
    void (*release)(void *memory);
} stls_allocator;

/* Lets all that siptls itself allocates come from `allocator`, which is copied, until the process
 * ends. STLS_E_ARGUMENT: a function is missing. STLS_E_STATE: siptls has memory already, or an
 * allocator was set before; nothing has changed then. */
STLS_API stls_result stls_set_allocator(const stls_allocator *allocator, stls_error *error);

/* Lets the TLS library behind the backend called `backend` ("openssl", "mbedtls", "wolfssl") take
 * its memory from `allocator`, which is copied: for the whole process, whoever calls the library.
 * It takes effect only before the library's first use by anybody. OpenSSL sees to that itself; with
 * mbedTLS and wolfSSL it is the application's to know, and a block that was allocated before must
 * not be freed after.
 *
 * STLS_E_ARGUMENT: a function is missing. STLS_E_NO_BACKEND: that library is not built in.
 * STLS_E_STATE: siptls has started its libraries (any call with a backend does), or OpenSSL has
 * allocated before. STLS_E_UNSUPPORTED: the library was built without a way to do so (mbedTLS
 * without MBEDTLS_PLATFORM_MEMORY, wolfSSL with NO_WOLFSSL_MEMORY or static memory). */
STLS_API stls_result stls_set_library_allocator(const char *backend,
                                                const stls_allocator *allocator, stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
