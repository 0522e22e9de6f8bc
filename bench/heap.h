/* bench/heap.h - what a process takes from the heap: bytes alive, their peak, allocations.
 *
 * The model: heap.c defines malloc and its family in the executable it is linked to, so that every
 * library of the process, static or shared, allocates through it. A block counts with the bytes
 * that malloc gave out for it (malloc_usable_size), not with those that were asked for: that is
 * what it costs, but for the 8 bytes in front of each block.
 *
 * What siptls itself allocates is counted apart as well, by bench_heap_own(): siptls has a hook for
 * its memory, and whoever compares gives it the functions there.
 *
 * Any thread may allocate. The counters are a process's, exact, and cost two atomic additions for
 * each call: programs that measure time leave heap.c out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include <stddef.h>
#include <stdio.h>

typedef struct bench_heap {
    size_t live, peak;  /* bytes now, and the most since bench_heap_mark_peak() */
    size_t allocations; /* calls that gave a block, since the process began */
    size_t blocks;      /* blocks now */
    size_t own_live, own_peak, own_allocations, own_blocks; /* the part of them that is siptls's */
} bench_heap;

bench_heap bench_heap_now(void);

/* The peaks begin again, at what is alive now. */
void bench_heap_mark_peak(void);

/* Memory on behalf of siptls. */
void *bench_heap_own_malloc(size_t size);
void *bench_heap_own_realloc(void *memory, size_t size);
void bench_heap_own_free(void *memory);

/* From now on the blocks that are made are noted with where they came from; bench_heap_list()
 * writes those still alive, grouped, the largest sum first, at most `most` groups: for finding what
 * holds memory. Costs a lot; one thread only. */
void bench_heap_note(void);
void bench_heap_list(FILE *out, size_t most);

#endif
