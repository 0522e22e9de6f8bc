/* The reader of files on any bytes. What it takes must hold blocks that make sense.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/pem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_blocks blocks;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result =
        stls_blocks_read((stls_bytes){data, size}, 1 << 20, "file x", &blocks, &error);
    if (result != STLS_OK) {
        must(blocks.items == NULL && blocks.count == 0);
        must(strncmp(error.text, "file x", strlen("file x")) == 0);
        return 0;
    }
    must(blocks.count > 0);
    for (size_t i = 0; i < blocks.count; i++) {
        const stls_block *block = &blocks.items[i];
        must(block->der.len > 0 && block->der.len <= size);
        must(i == 0 || block->line > blocks.items[i - 1].line);
    }
    stls_blocks_free(&blocks);
    return 0;
}
