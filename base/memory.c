/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void *stls_alloc(size_t count, size_t size) {
    return calloc(count != 0 ? count : 1, size);
}

void *stls_realloc(void *memory, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    size_t total = count * size;
    return realloc(memory, total != 0 ? total : 1);
}

void stls_free(void *memory) {
    free(memory);
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
