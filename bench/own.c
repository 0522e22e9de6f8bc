/* Lets siptls allocate by heap.c's functions for its own memory, in each program that this is
 * linked to.
 *
 * SPDX-License-Identifier: MIT */
#include "heap.h"

#include <siptls/allocator.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void count_own(void) {
    static const stls_allocator allocator = {
        .allocate = bench_heap_own_malloc,
        .reallocate = bench_heap_own_realloc,
        .release = bench_heap_own_free,
    };
    stls_error error;
    if (stls_set_allocator(&allocator, &error) != STLS_OK) {
        fprintf(stderr, "siptls's memory cannot be counted: %s\n", error.text);
        exit(1);
    }
}
