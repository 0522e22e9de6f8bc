/* SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "base/error.h"

#include <siptls/allocator.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static stls_allocator custom; /* empty: the C library's */
static atomic_bool is_in_use; /* memory was asked for, or `custom` is set: it stays as it is */

stls_result stls_set_allocator(const stls_allocator *allocator, stls_error *error) {
    if (allocator == NULL || allocator->allocate == NULL || allocator->release == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "an allocator needs allocate and release");
    }
    if (atomic_exchange(&is_in_use, true)) {
        return stls_fail(error, STLS_E_STATE,
                         "siptls has memory or an allocator already: an allocator must be set "
                         "before anything else of siptls is called, and once");
    }
    custom = *allocator;
    return STLS_OK;
}

void *stls_alloc(size_t count, size_t size) {
    if (!atomic_load_explicit(&is_in_use, memory_order_relaxed)) {
        atomic_store(&is_in_use, true);
    }
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    total = total != 0 ? total : 1;
    if (custom.allocate == NULL) {
        return calloc(1, total);
    }
    void *memory = custom.allocate(total);
    if (memory != NULL) {
        memset(memory, 0, total);
    }
    return memory;
}

void *stls_grow(void *memory, size_t from, size_t to, size_t size) {
    void *grown = from <= to ? stls_alloc(to, size) : NULL;
    if (grown != NULL && memory != NULL) {
        memcpy(grown, memory, from * size);
        stls_wipe(memory, from * size);
        stls_free(memory);
    }
    return grown;
}

void stls_free(void *memory) {
    if (custom.release != NULL) {
        custom.release(memory);
    } else {
        free(memory);
    }
}

void stls_wipe(void *memory, size_t len) {
    if (memory != NULL) {
        explicit_bzero(memory, len);
    }
}

bool stls_bytes_copy(stls_bytes bytes, stls_bytes *copy) {
    *copy = (stls_bytes){NULL, 0};
    if (bytes.len == 0) {
        return true;
    }
    uint8_t *data = stls_alloc(bytes.len, 1);
    if (data == NULL) {
        return false;
    }
    memcpy(data, bytes.data, bytes.len);
    *copy = (stls_bytes){data, bytes.len};
    return true;
}

void stls_bytes_free(stls_bytes *copy) {
    union {
        const uint8_t *constant;
        void *owned;
    } data = {copy->data};
    stls_free(data.owned);
    *copy = (stls_bytes){NULL, 0};
}

bool stls_bytes_equal(stls_bytes a, stls_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool stls_secret_equal(const void *a, const void *b, size_t len) {
    /* volatile: no compiler may leave the loop at the first difference. */
    const volatile uint8_t *left = a, *right = b;
    uint8_t differences = 0;
    for (size_t i = 0; i < len; i++) {
        differences |= left[i] ^ right[i];
    }
    return differences == 0;
}
