/* tests/conformance/reload.c - a server whose certificates are renewed while it has calls.
 *
 * The certificates are a store's. An upload replaces the custom one, a context is made of what the
 * store holds then, and takes the place of the last one for new connections; those that live keep
 * theirs.
 *
 * Promise P6 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <pthread.h>
#include <siptls/certstore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* mallinfo2() is glibc's, and knows nothing of a sanitizer's heap; there the leak check does it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
enum { LIVE = 100, RELOADS = 20 };
#else
enum { LIVE = 1000, RELOADS = 100 };
#endif
#if defined(__GLIBC__) && !defined(SANITIZED)
#include <malloc.h>
static size_t heap_in_use(void) {
    return mallinfo2().uordblks;
}
#else
static size_t heap_in_use(void) {
    return 0;
}
#endif

enum {
    COMING = 5,             /* connections that come and go with each reload */
    COMERS = 10 * COMING,   /* so that each lives through ten */
    STEADY = LIVE - COMERS, /* those that live through all */
    TALKING = LIVE / 10,    /* that send and receive between two reloads */
    HEAP_NOISE = 256 * 1024 /* what malloc keeps for itself; a context for each reload is more */
};

static const char *const uploads[] = {"server", "server-p384"};

/* --- The server */

typedef struct reloader {
    stls_certstore *store;
    stls_context *context; /* the one in force */
    const char *shown;     /* of the uploads: what the one in force shows */
    bool trusts_other;     /* phones of other-root, too */
} reloader;

static stls_result upload_files(reloader *self, const char *chain, const char *key,
                                stls_error *error) {
    stls_bytes cert = pki_bytes(chain), private_key = pki_bytes(key);
    return stls_certstore_install(self->store, STLS_PLACE_CUSTOM_SERVER, cert.data, cert.len,
                                  private_key.data, private_key.len, NULL, NULL, error);
}

static stls_result upload(reloader *self, const char *name, stls_error *error) {
    char chain[64], key[64];
    snprintf(chain, sizeof chain, "%s.chain.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    return upload_files(self, chain, key, error);
}

/* A context of what the store holds; the last one is given back. */
static bool reload(reloader *self) {
    stls_profile *profile = NULL;
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    stls_result result = stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, &error);
    if (result == STLS_OK) {
        result = stls_certstore_snapshot(self->store, test_backend(), STLS_TRUST_SET_CUSTOM,
                                         STLS_SEND_CUSTOM, &trust, &credential, &error);
    }
    if (result == STLS_OK) {
        stls_profile_set_trust(profile, trust, NULL);
        stls_profile_set_credential(profile, credential, NULL);
        stls_profile_set_verify(profile, STLS_VERIFY_OPTIONAL, NULL);
        stls_profile_set_handshake_timeout(profile, END_PATIENCE_MS, NULL);
        result = stls_context_new(profile, &context, &error);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    stls_credential_free(credential);
    if (!CHECK_RESULT("the reload", result, STLS_OK, &error)) {
        return false;
    }
    stls_context_free(self->context);
    self->context = context;
    return true;
}

static bool start_server(reloader *self) {
    stls_bytes root = pki_bytes("root.pem");
    stls_error error = {0};
    *self = (reloader){.shown = uploads[0]};
    return CHECK_RESULT("the store", stls_certstore_new(test_backend(), NULL, &self->store, &error),
                        STLS_OK, &error) &&
           CHECK_RESULT(
               "its trust",
               stls_certstore_add(self->store, root.data, root.len, "root", 0, NULL, &error),
               STLS_OK, &error) &&
           CHECK_RESULT("the first upload", upload(self, uploads[0], &error), STLS_OK, &error) &&
           reload(self);
}

static void stop_server(reloader *self) {
    stls_context_free(self->context);
    stls_certstore_free(self->store);
}

/* Refused, and what is in force stays. */
static void upload_badly(reloader *self, unsigned round) {
    static const struct {
        const char *chain, *key;
        stls_result result;
    } bad[] = {
        {"server-rsa.chain.pem", "server.key", STLS_E_KEY_MISMATCH},
        {"key-as-cert.pem", "server.key", STLS_E_FORMAT},
        {"server.chain.pem", "server.der", STLS_E_FORMAT},
    };
    uint64_t before = stls_certstore_generation(self->store);
    size_t i = round / 7 % COUNT(bad);
    stls_error error = {0};
    CHECK_RESULT("the bad upload", upload_files(self, bad[i].chain, bad[i].key, &error),
                 bad[i].result, &error);
    CHECK(error.text[0] != '\0', "no sentence");
    CHECK_NUMBER("the store's generation", stls_certstore_generation(self->store), before);
}

static void change_trust(reloader *self) {
    stls_bytes other = pki_bytes("other-root.pem");
    stls_error error = {0};
    stls_result result =
        self->trusts_other
            ? stls_certstore_remove_name(self->store, "other", NULL, &error)
            : stls_certstore_add(self->store, other.data, other.len, "other", 0, NULL, &error);
    CHECK_RESULT("the change of trust", result, STLS_OK, &error);
    self->trusts_other = !self->trusts_other;
}

/* What happens at the server in round `round`: a good upload, now and then a bad one instead, now
 * and then another trust. */
static bool renew(reloader *self, unsigned round) {
    stls_error error = {0};
    if (round % 7 == 3) {
        upload_badly(self, round);
    } else {
        const char *next = self->shown == uploads[0] ? uploads[1] : uploads[0];
        if (CHECK_RESULT("the upload", upload(self, next, &error), STLS_OK, &error)) {
            self->shown = next;
        }
    }
    if (round % 5 == 2) {
        change_trust(self);
    }
    return reload(self);
}

/* --- Its connections */

typedef struct call {
    pair p;
    const char *shown;           /* what the server shows in it */
    const stls_context *context; /* the server's */
} call;

static stls_bytes leaf_of(const char *name) {
    char file[64];
    snprintf(file, sizeof file, "%s.der", name);
    return pki_bytes(file);
}

static bool start_call(call *c, reloader *server, stls_context *client) {
    static const end phone = {.peer = "example.test"};
    *c = (call){.shown = server->shown, .context = server->context};
    return pair_open_on(&c->p, client, &phone, server->context, NULL) && pair_connect(&c->p);
}

/* The wires of a pair keep what went over them. */
static void forget_wires(pair *p) {
    for (side s = CLIENT; s <= SERVER; s++) {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the line behind it leaves no data */
        free(p->wire[s].data);
        p->wire[s] = (wire){.passed = p->wire[s].passed};
    }
}

/* It works, and is what it was when it began. */
static void check_call(call *c, size_t len) {
    CHECK_BYTES("the server's certificate", stls_conn_peer_certificate(c->p.conn[CLIENT], 0),
                leaf_of(c->shown));
    CHECK(stls_conn_context(c->p.conn[SERVER]) == c->context, "it has another context");
    CHECK(stls_conn_is_secure(c->p.conn[CLIENT]), "it is not secure");
    pair_echo(&c->p, len);
    forget_wires(&c->p);
}

/* A phone of another CA gets in if the trust in force is for it. */
static void check_trust(const reloader *server, stls_context *client) {
    static const end phone = {.peer = "example.test"};
    pair p;
    if (pair_open_on(&p, client, &phone, server->context, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the server, of a phone of the other CA", pair_outcome(&p, SERVER),
                     server->trusts_other ? STLS_OK : STLS_E_VERIFY, pair_error(&p, SERVER));
    }
    pair_close(&p);
}

/* --- The tests */

typedef struct clients {
    stls_context *plain[COUNT(both_versions)], *other; /* `other` has a certificate of other-root */
} clients;

static bool make_clients(clients *self) {
    end client = {.trust = GOOD_ROOTS, .peer = "example.test", .credential = "phone-other"};
    self->other = end_context(STLS_ROLE_CLIENT, &client);
    client.credential = NULL;
    bool good = self->other != NULL;
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        client.version = both_versions[v];
        self->plain[v] = end_context(STLS_ROLE_CLIENT, &client);
        good = good && self->plain[v] != NULL;
    }
    return good;
}

static void free_clients(clients *self) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        stls_context_free(self->plain[v]);
    }
    stls_context_free(self->other);
}

/* One reload, and what goes on meanwhile. */
static bool turn(reloader *server, const clients *phones, call *calls, unsigned round) {
    check_case("reload %u", round);
    if (!renew(server, round)) {
        return false;
    }
    for (unsigned i = 0; i < COMING; i++) {
        call *c = &calls[STEADY + (round * COMING + i) % COMERS];
        pair_shut(&c->p);
        pair_close(&c->p);
        if (!start_call(c, server, phones->plain[i % COUNT(both_versions)])) {
            return false;
        }
        check_call(c, 100);
    }
    for (unsigned i = 0; i < TALKING; i++) {
        check_call(&calls[(round * TALKING + i) % LIVE], 1 + (round * 31 + i) % 900);
    }
    if (round % 5 <= 2) { /* before and after a change */
        check_trust(server, phones->other);
    }
    return true;
}

static void run_reloads(reloader *server, const clients *phones, call *calls) {
    size_t started = 0, heap = 0;
    check_case("the first %d connections", LIVE);
    while (started < LIVE &&
           start_call(&calls[started], server, phones->plain[started % COUNT(both_versions)])) {
        started++;
    }
    for (unsigned round = 0; started == LIVE && round < RELOADS; round++) {
        if (!turn(server, phones, calls, round)) {
            break;
        }
        /* From here on as many contexts go as come. */
        heap = round == RELOADS / 5 ? heap_in_use() : heap;
    }
    check_case("after %d reloads", RELOADS);
    size_t now = heap_in_use();
    CHECK(now < heap + HEAP_NOISE, "the heap has grown from %zu to %zu bytes", heap, now);
    for (size_t i = 0; i < started; i++) {
        check_call(&calls[i], 10);
    }
    for (size_t i = 0; i < LIVE; i++) {
        pair_close(&calls[i].p);
    }
}

static void test_live(void) {
    call *calls = calloc(LIVE, sizeof *calls);
    clients phones = {.other = NULL};
    reloader server = {.store = NULL};
    printf("\n    %d connections through %d reloads%s ... ", LIVE, RELOADS,
           LIVE < 1000 ? ", fewer than without a sanitizer (1000, 100)" : "");
    fflush(stdout);
    if (calls == NULL) {
        abort();
    }
    if (make_clients(&phones) && start_server(&server)) {
        run_reloads(&server, &phones, calls);
    }
    stop_server(&server);
    free_clients(&phones);
    free(calls);
}

/* A call whose trust has gone stays, and can be looked at by the context in force. */
static void test_trust_gone(void) {
    clients phones = {.other = NULL};
    reloader server = {.store = NULL};
    call c = {.shown = NULL};
    check_case("a call whose CA was removed");
    if (make_clients(&phones) && start_server(&server)) {
        change_trust(&server);
        if (reload(&server) && start_call(&c, &server, phones.other)) {
            stls_error error = {0};
            CHECK(stls_conn_is_secure(c.p.conn[SERVER]), "the phone was not verified");
            change_trust(&server);
            reload(&server);
            check_call(&c, 100);
            CHECK_RESULT("by its own context", stls_conn_revalidate(c.p.conn[SERVER], NULL, &error),
                         STLS_OK, &error);
            CHECK_RESULT("by the context in force",
                         stls_conn_revalidate(c.p.conn[SERVER], server.context, &error),
                         STLS_E_VERIFY, &error);
            check_call(&c, 100);
        }
        pair_close(&c.p);
    }
    stop_server(&server);
    free_clients(&phones);
}

/* --- Threads that connect while another one reloads */

enum { WORKERS = 2, THREAD_RELOADS = RELOADS / 4, LEAST_CALLS = 20 };

typedef struct exchange {
    pthread_mutex_t lock;
    stls_context *context;
    atomic_bool over;
} exchange;

typedef struct worker {
    exchange *from;
    stls_context *client;
    stls_bytes leaves[COUNT(uploads)];
    unsigned calls, good;
} worker;

static stls_context *take_context(exchange *from) {
    pthread_mutex_lock(&from->lock);
    stls_context *context = stls_context_hold(from->context);
    pthread_mutex_unlock(&from->lock);
    return context;
}

static void move_bytes(stls_conn *from, stls_conn *to) {
    stls_bytes out = stls_conn_peek(from);
    if (out.len > 0 && stls_conn_feed(to, out.data, out.len) == STLS_OK) {
        stls_conn_consume(from, out.len);
    }
}

/* Without checks: CUnit is for one thread. */
static bool is_good_call(worker *self, stls_context *server) {
    stls_conn *conn[2] = {NULL, NULL};
    bool good = stls_conn_new(self->client, "example.test", &conn[CLIENT], NULL) == STLS_OK &&
                stls_conn_new(server, NULL, &conn[SERVER], NULL) == STLS_OK &&
                stls_conn_use_memory(conn[CLIENT], NULL) == STLS_OK &&
                stls_conn_use_memory(conn[SERVER], NULL) == STLS_OK;
    stls_context_free(server); /* the connection has its own hold */
    for (int i = 0; good && i < 20; i++) {
        stls_conn_handshake(conn[i % 2]);
        move_bytes(conn[i % 2], conn[1 - i % 2]);
    }
    good = good && stls_conn_is_secure(conn[CLIENT]);
    stls_bytes leaf = stls_conn_peer_certificate(conn[CLIENT], 0);
    bool known = false;
    for (size_t i = 0; i < COUNT(uploads); i++) {
        known = known || (leaf.len == self->leaves[i].len &&
                          memcmp(leaf.data, self->leaves[i].data, leaf.len) == 0);
    }
    stls_conn_free(conn[CLIENT]);
    stls_conn_free(conn[SERVER]);
    return good && known;
}

static void *call_again_and_again(void *arg) {
    worker *self = arg;
    while (!atomic_load(&self->from->over) || self->calls < LEAST_CALLS) {
        self->calls++;
        self->good += is_good_call(self, take_context(self->from));
    }
    return NULL;
}

/* The lock is held for the swap only, not while the context is made. */
static void reload_beside(reloader *server, exchange *into) {
    for (unsigned round = 0; round < THREAD_RELOADS; round++) {
        check_case("reload %u beside %d threads", round, WORKERS);
        if (!renew(server, round)) {
            return;
        }
        pthread_mutex_lock(&into->lock);
        stls_context *last = into->context;
        into->context = stls_context_hold(server->context);
        pthread_mutex_unlock(&into->lock);
        stls_context_free(last);
    }
}

static void run_threads(reloader *server, stls_context *client) {
    exchange from = {.lock = PTHREAD_MUTEX_INITIALIZER,
                     .context = stls_context_hold(server->context)};
    worker workers[WORKERS];
    pthread_t threads[WORKERS];
    unsigned started = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (worker){
            .from = &from, .client = client, .leaves = {leaf_of(uploads[0]), leaf_of(uploads[1])}};
        if (CHECK(pthread_create(&threads[i], NULL, call_again_and_again, &workers[i]) == 0,
                  "no thread")) {
            started++;
        }
    }
    reload_beside(server, &from);
    atomic_store(&from.over, true);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        CHECK_NUMBER("good calls of a thread", workers[i].good, workers[i].calls);
    }
    stls_context_free(from.context);
}

static void test_threads(void) {
    clients phones = {.other = NULL};
    reloader server = {.store = NULL};
    check_case("threads connect");
    if (make_clients(&phones) && start_server(&server)) {
        run_threads(&server, phones.other);
    }
    stop_server(&server);
    free_clients(&phones);
}

const test_case reload_tests[] = {
    {"live connections", test_live},
    {"a trust that goes", test_trust_gone},
    {"while threads connect", test_threads},
    {NULL, NULL},
};
