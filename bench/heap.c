/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* glibc's own names for what is replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

typedef struct counter {
    atomic_size_t live, peak, allocations, blocks;
} counter;

static counter whole, own;

static void count_in(counter *at, size_t size) {
    size_t now = atomic_fetch_add_explicit(&at->live, size, memory_order_relaxed) + size;
    size_t peak = atomic_load_explicit(&at->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(
                             &at->peak, &peak, now, memory_order_relaxed, memory_order_relaxed)) {
    }
    atomic_fetch_add_explicit(&at->allocations, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&at->blocks, 1, memory_order_relaxed);
}

static void count_out(counter *at, size_t size) {
    atomic_fetch_sub_explicit(&at->live, size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&at->blocks, 1, memory_order_relaxed);
}

/* --- Where blocks come from --- */

enum { NOTES = 1 << 20, DEPTH = 14 };

typedef struct note {
    void *block;
    size_t size;
    void *from[DEPTH];
    int depth;
} note;

static note *notes; /* an open hash table; NULL: nothing is noted */
static bool noting; /* inside backtrace(), which allocates the first time */

static note *find_note(const void *block) {
    size_t at = (size_t)(((uintptr_t)block >> 4) * 2654435761u) % NOTES;
    while (notes[at].block != NULL && notes[at].block != block) {
        at = (at + 1) % NOTES;
    }
    return &notes[at];
}

static void note_in(void *block, size_t size) {
    if (notes == NULL || noting) {
        return;
    }
    noting = true;
    note *at = find_note(block);
    at->block = block;
    at->size = size;
    at->depth = backtrace(at->from, DEPTH);
    noting = false;
}

static void note_out(const void *block) {
    note *at = notes != NULL ? find_note(block) : NULL;
    if (at != NULL && at->block == block) {
        at->size = 0; /* the place stays taken, or others would not be found behind it */
    }
}

/* --- The family --- */

static void *in(void *block) {
    if (block != NULL) {
        size_t size = malloc_usable_size(block);
        count_in(&whole, size);
        note_in(block, size);
    }
    return block;
}

static void out(void *block) {
    count_out(&whole, malloc_usable_size(block));
    note_out(block);
}

#define SHARED __attribute__((visibility("default")))

SHARED void *malloc(size_t size) {
    return in(__libc_malloc(size));
}

SHARED void *calloc(size_t count, size_t size) {
    return in(__libc_calloc(count, size));
}

SHARED void *realloc(void *memory, size_t size) {
    size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *moved = __libc_realloc(memory, size);
    if (memory != NULL && (moved != NULL || size == 0)) {
        count_out(&whole, before);
        note_out(memory);
    }
    return in(moved);
}

SHARED void free(void *memory) {
    if (memory != NULL) {
        out(memory);
        __libc_free(memory);
    }
}

SHARED void *memalign(size_t alignment, size_t size) {
    return in(__libc_memalign(alignment, size));
}

SHARED void *aligned_alloc(size_t alignment, size_t size) {
    return in(__libc_memalign(alignment, size));
}

SHARED int posix_memalign(void **memory, size_t alignment, size_t size) {
    void *block = in(__libc_memalign(alignment, size));
    if (block == NULL) {
        return ENOMEM;
    }
    *memory = block;
    return 0;
}

/* --- siptls's part --- */

void *bench_heap_own_malloc(size_t size) {
    void *block = malloc(size);
    if (block != NULL) {
        count_in(&own, malloc_usable_size(block));
    }
    return block;
}

void *bench_heap_own_realloc(void *memory, size_t size) {
    size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *moved = realloc(memory, size);
    if (memory != NULL && (moved != NULL || size == 0)) {
        count_out(&own, before);
    }
    if (moved != NULL) {
        count_in(&own, malloc_usable_size(moved));
    }
    return moved;
}

void bench_heap_own_free(void *memory) {
    if (memory != NULL) {
        count_out(&own, malloc_usable_size(memory));
        free(memory);
    }
}

/* --- What it comes to --- */

bench_heap bench_heap_now(void) {
    return (bench_heap){
        .live = whole.live,
        .peak = whole.peak,
        .allocations = whole.allocations,
        .blocks = whole.blocks,
        .own_live = own.live,
        .own_peak = own.peak,
        .own_allocations = own.allocations,
        .own_blocks = own.blocks,
    };
}

void bench_heap_mark_peak(void) {
    whole.peak = whole.live;
    own.peak = own.live;
}

void bench_heap_note(void) {
    void *from[DEPTH];
    (void)backtrace(from, DEPTH); /* loads what it needs */
    notes = __libc_calloc(NOTES, sizeof *notes);
}

static int by_origin(const void *a, const void *b) {
    const note *x = a, *y = b;
    size_t count = (size_t)(x->depth < y->depth ? x->depth : y->depth);
    int order = memcmp(x->from, y->from, count * sizeof x->from[0]);
    return order != 0 ? order : x->depth - y->depth;
}

static int by_size(const void *a, const void *b) {
    const note *x = a, *y = b;
    return (x->size < y->size) - (x->size > y->size);
}

void bench_heap_list(FILE *out_file, size_t most) {
    note *list = notes;
    size_t count = 0, groups = 0;
    if (list == NULL) {
        return;
    }
    notes = NULL;
    for (size_t i = 0; i < NOTES; i++) {
        if (list[i].block != NULL && list[i].size > 0) {
            list[count] = list[i];
            list[count++].block = (void *)1; /* from here on: how many blocks */
        }
    }
    qsort(list, count, sizeof *list, by_origin);
    for (size_t i = 0; i < count; i++) {
        if (groups > 0 && by_origin(&list[groups - 1], &list[i]) == 0) {
            list[groups - 1].size += list[i].size;
            list[groups - 1].block = (char *)list[groups - 1].block + 1;
        } else {
            list[groups++] = list[i];
        }
    }
    qsort(list, groups, sizeof *list, by_size);
    for (size_t i = 0; i < groups && i < most; i++) {
        char **names = backtrace_symbols(list[i].from, list[i].depth);
        fprintf(out_file, "%zu bytes in %zu blocks\n", list[i].size, (size_t)list[i].block);
        for (int j = 3; names != NULL && j < list[i].depth; j++) {
            fprintf(out_file, "    %s\n", names[j]);
        }
        free(names);
    }
    __libc_free(list);
}
