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
    atomic_long most;    /* `taken` comes so far, then there is no memory; 0: without end */
    atomic_bool denied;  /* for want of memory */
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
    long most = atomic_load(&self->most);
    if (most != 0 && atomic_load(&self->taken) >= most) {
        atomic_store(&self->denied, true);
        return NULL;
    }
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

/* --- A library that has no memory left for its flight, or for its tickets */

/* A server that gives eight tickets, or a client that keeps none. */
static stls_context *ticketing_context(const stls_backend *backend, stls_role role) {
    end ends[] = {{.backend = backend, .trust = "root", .peer = "example.test"},
                  {.backend = backend, .credential = "server", .version = STLS_TLS1_3}};
    bool is_server = role == STLS_ROLE_SERVER;
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK(end_try_profile(role, &ends[is_server], &profile, &error) == STLS_OK &&
              (is_server ? stls_profile_set_tickets(profile, NULL, 8, &error)
                         : stls_profile_set_session_cache(profile, NULL, &error)) == STLS_OK &&
              stls_context_new(profile, &context, &error) == STLS_OK,
          "a context: %s", error.text);
    stls_profile_free(profile);
    return context;
}

static void pass_on(stls_conn *from, stls_conn *to) {
    stls_bytes out = stls_conn_peek(from);
    CHECK(stls_conn_feed(to, out.data, out.len) == STLS_OK &&
              stls_conn_consume(from, out.len) == STLS_OK,
          "what one sends does not reach the other");
}

/* LeakSanitizer's, where it watches. */
extern void __lsan_disable(void) __attribute__((weak));
extern void __lsan_enable(void) __attribute__((weak));

/* `conn` goes on with `memory` more blocks; whether they were enough into `*enough`. What a library
 * then keeps for ever is listed in tests/expectations, whose test counts it. */
static stls_result go_on_with(stls_conn *conn, heap *its, long memory, bool *enough) {
    bool is_watched = __lsan_disable != NULL && __lsan_enable != NULL;
    atomic_store(&its->denied, false);
    atomic_store(&its->most, atomic_load(&its->taken) + memory);
    if (is_watched) {
        __lsan_disable();
    }
    stls_result result = stls_conn_handshake(conn);
    if (is_watched) {
        __lsan_enable();
    }
    atomic_store(&its->most, 0);
    *enough = !atomic_load(&its->denied);
    return result;
}

/* Whether the last record of `out` is encrypted. */
static bool ends_sealed(stls_bytes out) {
    enum { HEADER_LEN = 5, DATA = 23 };
    bool sealed = false;
    for (size_t at = 0; at + HEADER_LEN <= out.len;) {
        sealed = out.data[at] == DATA;
        at += HEADER_LEN + ((size_t)out.data[at + 3] << 8 | out.data[at + 4]);
    }
    return sealed;
}

/* What the server says for want of memory must be of use to the client. */
static void check_said(stls_conn *client, stls_result said, stls_conn *server, long memory) {
    CHECK(said == STLS_E_ALERT || said == STLS_WANT_READ || said == STLS_OK,
          "with %ld blocks the client cannot read what the server says: %s (the server: %s)",
          memory, stls_conn_error(client)->text, stls_conn_error(server)->text);
}

/* The server gets `memory` more blocks for its own flight. Whether they were enough. Between its
 * hello and its keys a library can say what is wrong in the clear only. */
static bool answer_with(stls_conn *client, stls_conn *server, heap *its, long memory) {
    bool enough;
    stls_conn_handshake(client);
    pass_on(client, server);
    (void)go_on_with(server, its, memory, &enough);
    bool sealed = ends_sealed(stls_conn_peek(server));
    pass_on(server, client);
    stls_result said = stls_conn_handshake(client);
    if (sealed) {
        check_said(client, said, server, memory);
    }
    return enough;
}

/* The same once the client has finished. */
static bool finish_with(stls_conn *client, stls_conn *server, heap *its, long memory) {
    uint8_t byte;
    size_t done;
    bool enough;
    stls_conn_handshake(client);
    pass_on(client, server);
    stls_conn_handshake(server);
    pass_on(server, client);
    CHECK(stls_conn_handshake(client) == STLS_OK, "the client: %s", stls_conn_error(client)->text);
    pass_on(client, server);
    stls_result result = go_on_with(server, its, memory, &enough);
    pass_on(server, client);
    stls_result said = stls_conn_read(client, &byte, 1, &done);
    CHECK(result != STLS_OK || said == STLS_WANT_READ, "with %ld blocks: %s", memory,
          stls_conn_error(client)->text);
    check_said(client, said, server, memory);
    return enough;
}

typedef bool (*part)(stls_conn *client, stls_conn *server, heap *its, long memory);

/* An alert that is sent in the middle of its flight, or behind some of its tickets, has a number of
 * its own, as has each record. */
static void play_short_of_memory(part play, const stls_backend *backend, heap *its) {
    enum { MOST = 5000 };
    stls_context *contexts[2] = {ticketing_context(backend, STLS_ROLE_CLIENT),
                                 ticketing_context(backend, STLS_ROLE_SERVER)};
    bool enough = false;
    for (long memory = 1; !enough && memory < MOST; memory++) {
        stls_conn *conns[2] = {NULL, NULL};
        if (!CHECK(stls_conn_new(contexts[0], "example.test", &conns[0], NULL) == STLS_OK &&
                       stls_conn_new(contexts[1], NULL, &conns[1], NULL) == STLS_OK &&
                       stls_conn_use_memory(conns[0], NULL) == STLS_OK &&
                       stls_conn_use_memory(conns[1], NULL) == STLS_OK,
                   "no connections")) {
            memory = MOST;
        } else {
            enough = play(conns[0], conns[1], its, memory);
        }
        stls_conn_free(conns[0]);
        stls_conn_free(conns[1]);
    }
    stls_context_free(contexts[0]);
    stls_context_free(contexts[1]);
}

static void test_alert_short_of_memory(void) {
    for (size_t i = 0; i < COUNT(libraries); i++) {
        const stls_backend *backend = stls_backend_find(libraries[i].backend);
        uint32_t needed = STLS_CAN_TLS1_3 | STLS_CAN_ISSUE_TICKETS;
        if (is_replaced[i] && backend != NULL && stls_backend_can(backend, needed)) {
            check_case("%s, in its flight", libraries[i].backend);
            play_short_of_memory(answer_with, backend, libraries[i].heap);
            check_case("%s, behind tickets", libraries[i].backend);
            play_short_of_memory(finish_with, backend, libraries[i].heap);
        }
    }
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

static const test_case cases[] = {{"refused", test_refusals},
                                  {"too late", test_too_late},
                                  {"set", test_set},
                                  {"used", test_use},
                                  {"an alert short of memory", test_alert_short_of_memory},
                                  {"overflow", test_overflow},
                                  {"zeroed", test_zeroed},
                                  {"wiped", test_wiped},
                                  {NULL, NULL}};
static const test_suite suites[] = {{"allocator", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
