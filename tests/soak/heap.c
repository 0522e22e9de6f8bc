/* tests/soak/heap.c - how much of the heap is in use, of a program that is started with this
 * library in LD_PRELOAD.
 *
 * SOAK_HEAP names a file of 16 bytes, two int64_t: blocks that were taken and not given back, and
 * their bytes, as malloc gave them out. Whoever reads the file knows at any time; what was there
 * before it was opened is not counted, so that only differences say something.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

/* glibc's own names for what is replaced here. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

typedef struct heap {
    _Atomic int64_t blocks, bytes;
} heap;

static heap nowhere, *shown = &nowhere;

__attribute__((constructor)) static void find_page(void) {
    const char *path = getenv("SOAK_HEAP");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page =
        fd >= 0 ? mmap(NULL, sizeof *shown, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) {
        close(fd);
    }
    if (page != MAP_FAILED) {
        shown = page;
    }
}

static void count(void *block, int sign) {
    if (block) {
        shown->blocks += sign;
        shown->bytes += sign * (int64_t)malloc_usable_size(block);
    }
}

static void *counted(void *block) {
    count(block, 1);
    return block;
}

SHOWN void *malloc(size_t size) {
    return counted(__libc_malloc(size));
}

SHOWN void *calloc(size_t number, size_t size) {
    return counted(__libc_calloc(number, size));
}

SHOWN void *realloc(void *block, size_t size) {
    count(block, -1);
    void *moved = __libc_realloc(block, size);
    count(moved || size == 0 ? moved : block, 1); /* without memory the old one stays */
    return moved;
}

SHOWN void free(void *block) {
    count(block, -1);
    __libc_free(block);
}

SHOWN void *memalign(size_t alignment, size_t size) {
    return counted(__libc_memalign(alignment, size));
}

SHOWN void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

SHOWN int posix_memalign(void **place, size_t alignment, size_t size) {
    void *block = memalign(alignment, size);
    if (!block) {
        return ENOMEM;
    }
    *place = block;
    return 0;
}
