/* tests/unit/allocator.c - siptls and its TLS libraries on heaps of the application's.
 *
 * An allocator is set once in a process: what must be refused in another order of calls is tried in
 * a child.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "tests/support/check.h"
#include "tests/support/pair.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/siptls.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Block by block behind a header, so that a block of one heap that reaches another shows. */
typedef struct heap {
    atomic_long taken, live;
    atomic_bool foreign; /* it was given a block of another heap */
} heap;

typedef struct header {
    heap *owner;
    size_t size;
} header;

static _Atomic unsigned char last_given; /* the first byte of the last block that was given back */

/* The header, and what the block is aligned for. */
enum { HEADER = 32 };

static void *heap_take(heap *self, size_t size) {
    header *block = size != 0 && size <= SIZE_MAX - HEADER ? malloc(HEADER + size) : NULL;
    if (block == NULL) {
        return NULL;
    }
    *block = (header){self, size};
    atomic_fetch_add(&self->taken, 1);
    atomic_fetch_add(&self->live, 1);
    memset((char *)block + HEADER, 0xa5, size); /* so nobody is served zeros by luck */
    return (char *)block + HEADER;
}

static void heap_give(heap *self, void *memory) {
    header *block = memory != NULL ? (header *)(void *)((char *)memory - HEADER) : NULL;
    if (block != NULL) {
        last_given = block->size > 0 ? *(unsigned char *)memory : 0;
        atomic_store(&self->foreign, atomic_load(&self->foreign) || block->owner != self);
        atomic_fetch_sub(&self->live, 1);
        free(block);
    }
}

static void *heap_move(heap *self, void *memory, size_t size) {
    void *moved = heap_take(self, size);
    if (moved != NULL && memory != NULL) {
        size_t old = ((header *)(void *)((char *)memory - HEADER))->size;
        memcpy(moved, memory, old < size ? old : size);
        heap_give(self, memory);
    }
    return moved;
}

#define HEAP(name)                                                                                 \
    static heap name##_heap;                                                                       \
    static void *name##_allocate(size_t size) {                                                    \
        return heap_take(&name##_heap, size);                                                      \
    }                                                                                              \
    static void *name##_reallocate(void *memory, size_t size) {                                    \
        return heap_move(&name##_heap, memory, size);                                              \
    }                                                                                              \
    static void name##_release(void *memory) {                                                     \
        heap_give(&name##_heap, memory);                                                           \
    }                                                                                              \
    static const stls_allocator name = {name##_allocate, name##_reallocate, name##_release};

HEAP(own)
HEAP(openssl)
HEAP(mbedtls)
HEAP(wolfssl)

static const struct {
    const char *backend;
    heap *heap;
    const stls_allocator *allocator;
} libraries[] = {{"openssl", &openssl_heap, &openssl},
                 {"mbedtls", &mbedtls_heap, &mbedtls},
                 {"wolfssl", &wolfssl_heap, &wolfssl}};

static bool is_replaced[COUNT(libraries)]; /* that library's allocator is ours */

/* --- Before anything else */

static void test_refusals(void) {
    stls_allocator no_allocate = own, no_reallocate = own, no_release = own;
    stls_error error = {.result = STLS_NOT_DONE};
    no_allocate.allocate = NULL;
    no_reallocate.reallocate = NULL;
    no_release.release = NULL;
    CHECK_RESULT("no allocator", stls_set_allocator(NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no allocate", stls_set_allocator(&no_allocate, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no release", stls_set_allocator(&no_release, &error), STLS_E_ARGUMENT, &error);
    CHECK_CONTAINS("the sentence", error.text, "allocate and release");
    CHECK_RESULT("a library without reallocate",
                 stls_set_library_allocator("openssl", &no_reallocate, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("no library", stls_set_library_allocator(NULL, &own, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("an unknown library", stls_set_library_allocator("gnutls", &own, &error),
                 STLS_E_NO_BACKEND, &error);
    CHECK_CONTAINS("the sentence", error.text, "gnutls");
}

/* Whether `run` answers true in a child of this process. */
static void in_child(const char *what, bool (*run)(void)) {
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        _exit(run() ? 0 : 1);
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "%s: status %d", what, status);
}

static bool after_memory(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_trust *trust = stls_trust_new();
    bool refused = stls_set_allocator(&own, &error) == STLS_E_STATE && error.text[0] != '\0';
    stls_trust_free(trust);
    return trust != NULL && refused && atomic_load(&own_heap.taken) == 0;
}

static bool after_start(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    const stls_backend *backend = stls_backend_default();
    return backend != NULL &&
           stls_set_library_allocator(stls_backend_name(backend), &own, &error) == STLS_E_STATE &&
           error.text[0] != '\0' && atomic_load(&own_heap.taken) == 0;
}

static void test_too_late(void) {
    in_child("an allocator behind the first memory", after_memory);
    in_child("a library's behind its start", after_start);
}

/* --- Set, and in use */

static void test_set(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    for (size_t i = 0; i < COUNT(libraries); i++) {
        stls_result result =
            stls_set_library_allocator(libraries[i].backend, libraries[i].allocator, &error);
        is_replaced[i] = result == STLS_OK;
        CHECK(result == STLS_OK || result == STLS_E_UNSUPPORTED || result == STLS_E_NO_BACKEND,
              "%s: %s", libraries[i].backend, error.text);
    }
    CHECK_RESULT("the first", stls_set_allocator(&own, &error), STLS_OK, &error);
    CHECK_RESULT("a second", stls_set_allocator(&own, &error), STLS_E_STATE, &error);
    CHECK_CONTAINS("the sentence", error.text, "once");
}

static void connect_on(const stls_backend *backend) {
    pair p;
    end client = {.backend = backend, .trust = "root", .peer = "example.test"};
    end server = {.backend = backend, .credential = "server"};
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        pair_echo(&p, 40000);
    }
    pair_close(&p);
}

static void test_use(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        check_case("%s", stls_backend_name(backend));
        long before = atomic_load(&own_heap.taken);
        connect_on(backend);
        CHECK(atomic_load(&own_heap.taken) > before, "siptls took nothing");
        CHECK_NUMBER("left of siptls's own", atomic_load(&own_heap.live), 0);
        for (size_t k = 0; k < COUNT(libraries); k++) {
            if (strcmp(libraries[k].backend, stls_backend_name(backend)) == 0) {
                CHECK(!is_replaced[k] || atomic_load(&libraries[k].heap->taken) > 100,
                      "the library took %ld blocks", atomic_load(&libraries[k].heap->taken));
            }
            CHECK(!atomic_load(&libraries[k].heap->foreign), "%s was given foreign memory",
                  libraries[k].backend);
        }
    }
    CHECK(!atomic_load(&own_heap.foreign), "siptls was given foreign memory");
}

/* --- What base/memory.h promises on any heap */

static void test_overflow(void) {
    long before = atomic_load(&own_heap.taken);
    CHECK(stls_alloc(SIZE_MAX / 4 + 1, 4) == NULL, "a product that overflows");
    CHECK(stls_alloc(SIZE_MAX, SIZE_MAX) == NULL, "a product that overflows");
    uint8_t *memory = stls_alloc(4, 1);
    CHECK(memory != NULL && stls_grow(memory, 4, SIZE_MAX / 4 + 1, 4) == NULL,
          "a growth that overflows");
    CHECK(memory != NULL && stls_grow(memory, 4, 3, 1) == NULL, "a growth that shrinks");
    stls_free(memory);
    CHECK_NUMBER("asked for", atomic_load(&own_heap.taken) - before, 1);
}

static void test_wiped(void) {
    uint8_t *memory = stls_alloc(16, 1);
    if (CHECK(memory != NULL, "no memory")) {
        memory[0] = 0x77;
        uint8_t *grown = stls_grow(memory, 16, 32, 1);
        CHECK(grown != NULL && grown[0] == 0x77, "what was there is not moved");
        CHECK_NUMBER("left in the old memory", last_given, 0);
        stls_free(grown != NULL ? grown : memory);
    }
}

static void test_zeroed(void) {
    static const uint8_t zeros[64];
    uint8_t *memory = stls_alloc(16, 4);
    CHECK(memory != NULL && memcmp(memory, zeros, sizeof zeros) == 0, "memory that is not zeroed");
    uint8_t *grown = memory != NULL ? stls_grow(memory, 64, 128, 1) : NULL;
    CHECK(grown != NULL && memcmp(grown + 64, zeros, sizeof zeros) == 0,
          "growth that is not zeroed");
    stls_free(grown != NULL ? grown : memory);
    void *nothing = stls_alloc(0, 8);
    CHECK(nothing != NULL, "nothing is not given");
    stls_free(nothing);
    stls_free(NULL);
}

static const test_case cases[] = {{"refused", test_refusals},  {"too late", test_too_late},
                                  {"set", test_set},           {"used", test_use},
                                  {"overflow", test_overflow}, {"zeroed", test_zeroed},
                                  {"wiped", test_wiped},       {NULL, NULL}};
static const test_suite suites[] = {{"allocator", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
