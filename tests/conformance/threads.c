/* tests/conformance/threads.c - contexts that threads share, and connections that go from one
 * thread to another; for ThreadSanitizer, and for whoever would get another's verdict by it.
 *
 * Promise P11 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 8, SMALL_MEMORY = 2 };

typedef struct worker {
    stls_context *client, *server;
    stls_result expected; /* the server's answer */
    unsigned done;        /* rounds that ended as expected */
    unsigned rounds;
} worker;

typedef struct call {
    stls_conn *conn[2];
    stls_result result[2];
} call;

static bool call_open(call *c, stls_context *client, stls_context *server) {
    *c = (call){.result = {STLS_WANT_READ, STLS_WANT_READ}};
    return stls_conn_new(client, "example.test", &c->conn[CLIENT], NULL) == STLS_OK &&
           stls_conn_new(server, NULL, &c->conn[SERVER], NULL) == STLS_OK &&
           stls_conn_use_memory(c->conn[CLIENT], NULL) == STLS_OK &&
           stls_conn_use_memory(c->conn[SERVER], NULL) == STLS_OK;
}

static void call_close(call *c) {
    stls_conn_free(c->conn[CLIENT]);
    stls_conn_free(c->conn[SERVER]);
}

/* What `s` has sent reaches the other side. */
static void call_move(call *c, side s) {
    stls_bytes out = stls_conn_peek(c->conn[s]);
    if (out.len > 0 && stls_conn_feed(c->conn[1 - s], out.data, out.len) == STLS_OK) {
        stls_conn_consume(c->conn[s], out.len);
    }
}

static void call_step(call *c, side s) {
    if (c->result[s] == STLS_WANT_READ) {
        c->result[s] = stls_conn_handshake(c->conn[s]);
    }
    call_move(c, s);
}

static bool call_is_up(const call *c) {
    return c->result[CLIENT] == STLS_OK && c->result[SERVER] == STLS_OK;
}

static void call_handshake(call *c) {
    for (unsigned turn = 0; turn < 20 && !call_is_up(c); turn++) {
        call_step(c, turn % 2 == 0 ? CLIENT : SERVER);
    }
}

/* One byte from `s` to the other side. */
static bool call_say(call *c, side s) {
    char byte = 0;
    size_t done = 0;
    if (stls_conn_write(c->conn[s], "x", 1, &done) != STLS_OK) {
        return false;
    }
    call_move(c, s);
    return stls_conn_read(c->conn[1 - s], &byte, 1, &done) == STLS_OK && byte == 'x';
}

/* --- Contexts */

static bool is_as_expected(const worker *w, const call *c) {
    bool secure = stls_conn_is_secure(c->conn[SERVER]);
    return c->result[SERVER] == w->expected && secure == (w->expected == STLS_OK);
}

/* CUnit's checks are not made for threads, so the worker counts. */
static void *work(void *arg) {
    worker *w = arg;
    for (unsigned i = 0; i < w->rounds; i++) {
        call c;
        if (call_open(&c, w->client, w->server)) {
            call_handshake(&c);
            w->done += is_as_expected(w, &c);
        }
        call_close(&c);
    }
    return NULL;
}

/* `workers` at once, and whether each of their rounds ended as it should. */
static void run(worker *workers, const char *const *names, unsigned count) {
    pthread_t threads[THREADS];
    unsigned started = 0;
    while (
        started < count &&
        CHECK(pthread_create(&threads[started], NULL, work, &workers[started]) == 0, "no thread")) {
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        check_case("%s", names[i]);
        CHECK_NUMBER("rounds that ended as expected", workers[i].done, workers[i].rounds);
    }
}

static stls_context *client_context(const char *credential) {
    end client = {.trust = GOOD_ROOTS, .peer = "example.test", .credential = credential};
    return end_context(STLS_ROLE_CLIENT, &client);
}

static const end mutual_server = {
    .credential = "server", .trust = "root", .verify = STLS_VERIFY_REQUIRED};

static void test_contexts(void) {
    static const char *const names[THREADS] = {"one", "two", "three", "four"};
    stls_context *client = client_context("phone");
    stls_context *server = end_context(STLS_ROLE_SERVER, &mutual_server);
    worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){client, server, STLS_OK, 0, ROUNDS};
    }
    if (client != NULL && server != NULL) {
        run(workers, names, THREADS);
    }
    stls_context_free(client);
    stls_context_free(server);
}

/* --- The memory of signatures */

static stls_context *forgetful_server(void) {
    stls_context *server = NULL;
    stls_profile *profile = NULL;
    stls_error error = {0};
    if (CHECK_RESULT("the profile",
                     end_try_profile(STLS_ROLE_SERVER, &mutual_server, &profile, &error), STLS_OK,
                     &error) &&
        CHECK_RESULT("its memory", stls_profile_set_signature_memory(profile, SMALL_MEMORY, &error),
                     STLS_OK, &error)) {
        CHECK_RESULT("the context", stls_context_new(profile, &server, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    return server;
}

/* Good and bad phones, whose signatures push each other out of a memory with room for two: nobody
 * gets in by what was found out about another. */
static void test_memory(void) {
    static const char *const names[THREADS] = {"phone", "phone-other", "phone-self-signed",
                                               "peer-both"};
    static const stls_result expected[THREADS] = {STLS_OK, STLS_E_VERIFY, STLS_E_VERIFY, STLS_OK};
    worker workers[THREADS];
    bool ready = true;
    check_case("a memory of %d signatures", SMALL_MEMORY);
    stls_context *server = forgetful_server();
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){client_context(names[i]), server, expected[i], 0, ROUNDS};
        ready = ready && workers[i].client != NULL;
    }
    if (ready && server != NULL) {
        run(workers, names, THREADS);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        stls_context_free(workers[i].client);
    }
    stls_context_free(server);
}

/* --- Connections that move */

typedef struct leg {
    call *with;
    bool good;
} leg;

/* One turn of a call, by a thread of its own. */
static void *go_on(void *arg) {
    leg *l = arg;
    if (!call_is_up(l->with)) {
        call_step(l->with, CLIENT);
        call_step(l->with, SERVER);
        l->good = true;
    } else {
        l->good = call_say(l->with, CLIENT) && call_say(l->with, SERVER);
    }
    return NULL;
}

/* A connection belongs to one thread at a time, not to the thread that made it. */
static void test_moving(void) {
    enum { LEGS = 12 };
    stls_context *client = client_context("phone");
    stls_context *server = end_context(STLS_ROLE_SERVER, &mutual_server);
    call c = {.conn = {NULL, NULL}};
    check_case("each turn by another thread");
    if (client != NULL && server != NULL &&
        CHECK(call_open(&c, client, server), "no connections")) {
        for (unsigned i = 0; i < LEGS; i++) {
            pthread_t thread;
            leg l = {&c, false};
            if (!CHECK(pthread_create(&thread, NULL, go_on, &l) == 0, "no thread")) {
                break;
            }
            pthread_join(thread, NULL);
            CHECK(l.good, "turn %u: what was said did not arrive", i);
        }
        CHECK(call_is_up(&c) && call_say(&c, CLIENT), "it is not up in the end");
    }
    call_close(&c);
    stls_context_free(client);
    stls_context_free(server);
}

const test_case threads_tests[] = {
    {"share contexts", test_contexts},
    {"share a small memory of signatures", test_memory},
    {"hand on a connection", test_moving},
    {NULL, NULL},
};
