/* tests/conformance/threads.c - contexts that threads share, and connections that go from one
 * thread to another; for ThreadSanitizer, and for whoever would get another's verdict by it.
 *
 * Promise P11 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"
#include "tests/support/heap.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* --- fork() */

enum { CALLERS = 2, BUSY = CALLERS + 1, FORKS = 60, HANG_S = 120 };

typedef struct site site;

/* One thread's part: connections, or what locks. */
typedef struct busy {
    site *at;
    pthread_t thread;
    pthread_mutex_t turn; /* held during one round */
    atomic_uint done, failed;
} busy;

struct site {
    stls_session_cache *cache;
    stls_ticket_ring *ring; /* NULL: the backend has none */
    stls_context *context[2];
    call open, begun; /* by the thread that forks */
    busy busy[BUSY];
    atomic_bool stops;
};

static bool call_once(site *at) {
    call c;
    bool good = call_open(&c, at->context[CLIENT], at->context[SERVER]);
    if (good) {
        call_handshake(&c);
        good = call_is_up(&c) && call_say(&c, SERVER) && call_say(&c, CLIENT);
    }
    call_close(&c);
    return good;
}

/* Most of the time, a lock is held of what all share: the cache's, or one of the library's. */
static bool lock_often(site *at) {
    static const uint8_t secrets[][STLS_TICKET_SECRET_LEN] = {{1}, {2}, {3}, {4}};
    bool good = true;
    for (unsigned i = 0; good && i < 20; i++) {
        call c;
        for (unsigned k = 0; k < 2000; k++) {
            stls_session_cache_count(at->cache);
        }
        good = call_open(&c, at->context[CLIENT], at->context[SERVER]);
        call_close(&c);
    }
    return good && (at->ring == NULL || stls_ticket_ring_set_secrets(
                                            at->ring, secrets[0], COUNT(secrets), NULL) == STLS_OK);
}

static void *be_busy(void *arg) {
    busy *b = arg;
    while (!atomic_load(&b->at->stops)) {
        pthread_mutex_lock(&b->turn);
        bool good = b == &b->at->busy[CALLERS] ? lock_often(b->at) : call_once(b->at);
        pthread_mutex_unlock(&b->turn);
        atomic_fetch_add(good ? &b->done : &b->failed, 1);
    }
    return NULL;
}

static bool site_context(site *at, stls_role role, const end *e, stls_error *error) {
    stls_profile *profile = NULL;
    bool made = end_try_profile(role, e, &profile, error) == STLS_OK &&
                (role == STLS_ROLE_SERVER || !stls_backend_can(test_backend(), STLS_CAN_RESUME) ||
                 stls_profile_set_session_cache(profile, at->cache, error) == STLS_OK) &&
                (role == STLS_ROLE_CLIENT || at->ring == NULL ||
                 stls_profile_set_tickets(profile, at->ring, 1, error) == STLS_OK) &&
                stls_context_new(profile, &at->context[role == STLS_ROLE_SERVER], error) == STLS_OK;
    stls_profile_free(profile);
    return made;
}

static bool site_open(site *at) {
    static const end client = {.trust = GOOD_ROOTS, .peer = "example.test", .credential = "phone"};
    stls_error error = {0};
    at->cache = stls_session_cache_new(STLS_SESSION_CACHE_DEFAULT);
    if (stls_backend_can(test_backend(), STLS_CAN_ISSUE_TICKETS)) {
        stls_ticket_ring_new(test_backend(), NULL, &at->ring, &error);
    }
    if (!CHECK(site_context(at, STLS_ROLE_CLIENT, &client, &error) &&
                   site_context(at, STLS_ROLE_SERVER, &mutual_server, &error),
               "no contexts: %s", error.text) ||
        !CHECK(call_open(&at->open, at->context[CLIENT], at->context[SERVER]) &&
                   call_open(&at->begun, at->context[CLIENT], at->context[SERVER]),
               "no connections")) {
        return false;
    }
    call_handshake(&at->open);
    call_step(&at->begun, CLIENT);
    call_step(&at->begun, SERVER);
    return CHECK(call_is_up(&at->open), "no handshake");
}

static void site_free(site *at) {
    call_close(&at->open);
    call_close(&at->begun);
    stls_context_free(at->context[CLIENT]);
    stls_context_free(at->context[SERVER]);
    stls_ticket_ring_free(at->ring);
    stls_session_cache_free(at->cache);
}

static bool is_refused(stls_conn *conn) {
    char byte = 0;
    size_t done = 0;
    return stls_conn_handshake(conn) == STLS_E_STATE &&
           stls_conn_read(conn, &byte, 1, &done) == STLS_E_STATE &&
           stls_conn_write(conn, "x", 1, &done) == STLS_E_STATE &&
           stls_conn_close(conn) == STLS_E_STATE;
}

static const char *const child_failures[] = {
    "", "the parent's connection was not refused", "the parent's handshake was not refused",
    "what the cache holds is not so", "a new connection failed"};

/* What a child may do at any time: it ends with 0, or with what was wrong. With `quiet`, no other
 * thread was in a call when it was forked, and it may do all. */
static int live_as_child(site *at, bool quiet) {
    alarm(HANG_S);
    if (!is_refused(at->open.conn[CLIENT]) || !is_refused(at->open.conn[SERVER])) {
        return 1;
    }
    if (!is_refused(at->begun.conn[CLIENT]) || !is_refused(at->begun.conn[SERVER])) {
        return 2;
    }
    /* A sanitizer's free() waits for a lock of its own that a thread of the parent's may have. */
    if (!quiet && HEAP_IS_SANITIZED) {
        return stls_session_cache_count(at->cache) > STLS_SESSION_CACHE_DEFAULT ? 3 : 0;
    }
    call_close(&at->open);
    call_close(&at->begun);
    stls_session_cache_clear(at->cache);
    if (stls_session_cache_count(at->cache) != 0) {
        return 3;
    }
    if (quiet && (!lock_often(at) || !call_once(at) || !call_once(at))) {
        return 4;
    }
    if (quiet) {
        at->open = at->begun = (call){.conn = {NULL, NULL}};
        site_free(at);
    }
    return 0;
}

/* Valgrind looks at what a process leaves when it ends: here the library's part of the parent's
 * connections, which is not entered. Of another program it asks nothing. */
static void end_child(int wrong) {
    if (wrong == 0) {
        execl("/bin/true", "true", (char *)NULL);
    }
    _exit(wrong);
}

static bool fork_once(site *at, bool quiet) {
    int status = 0;
    for (unsigned i = 0; quiet && i < BUSY; i++) {
        pthread_mutex_lock(&at->busy[i].turn);
    }
    pid_t child = fork();
    if (child == 0) {
        end_child(live_as_child(at, quiet));
    }
    for (unsigned i = 0; quiet && i < BUSY; i++) {
        pthread_mutex_unlock(&at->busy[i].turn);
    }
    if (!CHECK(child > 0 && waitpid(child, &status, 0) == child, "no child")) {
        return false;
    }
    unsigned code = WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : COUNT(child_failures);
    return CHECK(status == 0, "in the child: %s (status 0x%x)",
                 code < COUNT(child_failures)                         ? child_failures[code]
                 : WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it hangs"
                                                                      : "it was ended",
                 (unsigned)status);
}

static bool start_busy(site *at) {
    for (unsigned i = 0; i < BUSY; i++) {
        at->busy[i].at = at;
        pthread_mutex_init(&at->busy[i].turn, NULL);
        if (!CHECK(pthread_create(&at->busy[i].thread, NULL, be_busy, &at->busy[i]) == 0,
                   "no thread")) {
            return false;
        }
    }
    return true;
}

/* Of each thread one more round begins and ends. */
static void wait_for_rounds(site *at) {
    for (unsigned i = 0; i < BUSY; i++) {
        unsigned before = atomic_load(&at->busy[i].done) + atomic_load(&at->busy[i].failed);
        while (atomic_load(&at->busy[i].done) + atomic_load(&at->busy[i].failed) < before + 2) {
            usleep(100);
        }
    }
}

/* Threads that are within, and a fork in the middle: the child does not wait for a lock that one of
 * them had, and the parent's go on. */
static void test_fork(void) {
    static site at; /* also for threads that could not be started */
    at = (site){.cache = NULL};
    check_case("fork() while threads make connections");
    if (site_open(&at) && start_busy(&at)) {
        bool good = true;
        for (unsigned i = 0; good && i < FORKS; i++) {
            usleep(37 * i);
            good = fork_once(&at, i % 4 == 3);
        }
        wait_for_rounds(&at);
        atomic_store(&at.stops, true);
        for (unsigned i = 0; i < BUSY; i++) {
            pthread_join(at.busy[i].thread, NULL);
            pthread_mutex_destroy(&at.busy[i].turn);
            CHECK_NUMBER("rounds that failed", at.busy[i].failed, 0);
        }
        CHECK(call_say(&at.open, CLIENT) && call_say(&at.open, SERVER),
              "the parent's connection has noticed");
        call_handshake(&at.begun);
        CHECK(call_is_up(&at.begun), "the parent's handshake has noticed");
    }
    site_free(&at);
}

const test_case threads_tests[] = {
    {"share contexts", test_contexts},
    {"share a small memory of signatures", test_memory},
    {"hand on a connection", test_moving},
    {"fork", test_fork},
    {NULL, NULL},
};
