/* tests/support/heap.c - two heaps that a test can look into.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/heap.h"

#include <execinfo.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES = 24, MAGIC = 0x5e1f };

typedef struct block {
    struct block *next, *previous; /* all that were not released */
    size_t size;
    void *origin[FRAMES];
    int frames;
    unsigned magic;
    heap_kind kind;
    bool live;
    max_align_t data[];
} block;

static block blocks = {.next = &blocks, .previous = &blocks};
static size_t live[2];
static unsigned long taken[2];
static bool keeps;

static struct {
    heap_kind kind;
    unsigned long at; /* 0: none */
    bool all, has_failed;
    int place, failed_at;
} failure = {.failed_at = -1};

const char *heap_text(heap_kind kind) {
    return kind == HEAP_OWN ? "siptls's own" : "the library's";
}

/* --- The heaps */

static bool fails(heap_kind kind) {
    taken[kind]++;
    if (failure.at == 0 || failure.kind != kind ||
        (failure.all ? taken[kind] < failure.at : taken[kind] != failure.at)) {
        return false;
    }
    if (!failure.has_failed) {
        failure.has_failed = true;
        failure.failed_at = failure.place;
        if (getenv("SIPTLS_HEAP_TRACE") != NULL) {
            void *frames[FRAMES];
            backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
        }
    }
    return true;
}

void *heap_take(heap_kind kind, size_t size) {
    block *new = fails(kind) || size > SIZE_MAX / 2 ? NULL : malloc(sizeof *new + size);
    if (new == NULL) {
        return NULL;
    }
    *new = (block){.next = blocks.next,
                   .previous = &blocks,
                   .size = size,
                   .magic = MAGIC,
                   .kind = kind,
                   .live = true};
    if (keeps) {
        new->frames = backtrace(new->origin, FRAMES);
    }
    blocks.next->previous = new;
    blocks.next = new;
    live[kind] += size;
    return new->data;
}

static block *block_of(heap_kind kind, void *memory) {
    block *it = (block *)(void *)((char *)memory - offsetof(block, data));
    if (it->magic != MAGIC || it->kind != kind || !it->live) {
        fprintf(stderr, "%s heap was given back what it did not give\n", heap_text(kind));
        abort();
    }
    return it;
}

void heap_give(heap_kind kind, void *memory) {
    if (memory == NULL) {
        return;
    }
    block *it = block_of(kind, memory);
    live[kind] -= it->size;
    it->live = false;
    if (!keeps) {
        it->next->previous = it->previous;
        it->previous->next = it->next;
        free(it);
    }
}

static void *move(heap_kind kind, void *memory, size_t size) {
    if (memory == NULL) {
        return heap_take(kind, size);
    }
    block *old = block_of(kind, memory);
    void *moved = heap_take(kind, size);
    if (moved != NULL) {
        memcpy(moved, memory, old->size < size ? old->size : size);
        heap_give(kind, memory);
    }
    return moved;
}

static void *own_allocate(size_t size) {
    return heap_take(HEAP_OWN, size);
}

static void own_release(void *memory) {
    heap_give(HEAP_OWN, memory);
}

static void *library_allocate(size_t size) {
    return heap_take(HEAP_LIBRARY, size);
}

static void *library_reallocate(void *memory, size_t size) {
    return move(HEAP_LIBRARY, memory, size);
}

static void library_release(void *memory) {
    heap_give(HEAP_LIBRARY, memory);
}

bool heap_install(const char *backend, stls_error *error) {
    static const stls_allocator own = {.allocate = own_allocate, .release = own_release};
    static const stls_allocator library = {library_allocate, library_reallocate, library_release};
    return stls_set_allocator(&own, error) == STLS_OK &&
           stls_set_library_allocator(backend, &library, error) == STLS_OK;
}

/* --- Failing */

void heap_fail(heap_kind kind, unsigned long at, bool all) {
    failure.kind = kind;
    failure.at = at;
    failure.all = all;
    failure.has_failed = false;
    failure.failed_at = -1;
    taken[HEAP_OWN] = taken[HEAP_LIBRARY] = 0;
}

void heap_relent(void) {
    failure.at = 0;
}

unsigned long heap_taken(heap_kind kind) {
    return taken[kind];
}

bool heap_has_failed(void) {
    return failure.has_failed;
}

void heap_mark(int place) {
    failure.place = place;
}

int heap_failed_at(void) {
    return failure.failed_at;
}

size_t heap_live(heap_kind kind) {
    return live[kind];
}

/* --- Looking */

void heap_keep(void) {
    keeps = true;
}

static const block *find(const void *address) {
    const char *at = address;
    const block *it = blocks.next;
    while (it != &blocks &&
           (at < (const char *)it->data || at >= (const char *)it->data + it->size)) {
        it = it->next;
    }
    return it != &blocks ? it : NULL;
}

bool heap_find(const void *address, heap_kind *kind, bool *live_now) {
    const block *it = find(address);
    if (it != NULL) {
        *kind = it->kind;
        *live_now = it->live;
    }
    return it != NULL;
}

void heap_each(heap_kind kind, void (*see)(const uint8_t *data, size_t len)) {
    for (const block *it = blocks.next; it != &blocks; it = it->next) {
        if (it->kind == kind && it->live) {
            see((const uint8_t *)it->data, it->size);
        }
    }
}

void heap_print_origin(const void *address) {
    const block *it = find(address);
    if (it != NULL) {
        backtrace_symbols_fd(it->origin, it->frames, STDERR_FILENO);
    }
}
