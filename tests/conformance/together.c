/* tests/conformance/together.c - threads that resume from one cache and one ring, while others
 * clear the cache, turn the ring, move its clock and take sessions out and in; for
 * ThreadSanitizer, and for whoever would get a wrong peer by it.
 *
 * Promise P11 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CALLERS = 3, CALLS = 40, HOUR = 3600 };

static const char *const callers[CALLERS] = {"phone", "peer-both", NULL};

typedef struct shared {
    stls_context *server;
    stls_context *clients[CALLERS];
    stls_session_cache *cache;
    stls_ticket_ring *ring;
    atomic_llong now; /* of the ring's clock */
    atomic_bool over;
} shared;

typedef struct caller {
    shared *with;
    stls_context *client;
    stls_bytes leaf; /* {NULL, 0}: none is shown */
    unsigned secure, resumed, wrong;
} caller;

static int64_t shared_clock(void *arg) {
    return atomic_load(&((shared *)arg)->now);
}

static void move_bytes(stls_conn *from, stls_conn *to) {
    stls_bytes out = stls_conn_peek(from);
    if (out.len > 0 && stls_conn_feed(to, out.data, out.len) == STLS_OK) {
        stls_conn_consume(from, out.len);
    }
}

/* The client reads, so that its tickets arrive. */
static bool shake_hands(stls_conn *client, stls_conn *server) {
    uint8_t byte;
    size_t done = 0;
    for (int i = 0; i < 10; i++) {
        stls_conn_handshake(client);
        move_bytes(client, server);
        stls_conn_handshake(server);
        move_bytes(server, client);
    }
    return stls_conn_write(server, "x", 1, &done) == STLS_OK &&
           (move_bytes(server, client), true) &&
           stls_conn_read(client, &byte, 1, &done) == STLS_OK && byte == 'x';
}

static bool is_the_callers(const caller *self, const stls_conn *server) {
    stls_bytes leaf = stls_conn_peer_certificate(server, 0);
    return leaf.len == self->leaf.len &&
           (leaf.len == 0 || memcmp(leaf.data, self->leaf.data, leaf.len) == 0);
}

/* Without checks: CUnit is for one thread. */
static void *call(void *arg) {
    caller *self = arg;
    for (unsigned i = 0; i < CALLS; i++) {
        stls_conn *client = NULL, *server = NULL;
        stls_conn_info info;
        if (stls_conn_new(self->client, "example.test", &client, NULL) == STLS_OK &&
            stls_conn_new(self->with->server, NULL, &server, NULL) == STLS_OK &&
            stls_conn_use_memory(client, NULL) == STLS_OK &&
            stls_conn_use_memory(server, NULL) == STLS_OK && shake_hands(client, server)) {
            stls_conn_get_info(server, &info);
            self->secure += stls_conn_is_secure(client);
            self->resumed += info.resumed;
            self->wrong += !is_the_callers(self, server);
        }
        stls_conn_free(client);
        stls_conn_free(server);
    }
    return NULL;
}

static void *disturb(void *arg) {
    static const uint8_t key[STLS_SESSION_KEY_LEN] = "disturbing";
    static uint8_t blob[STLS_SESSION_BYTES_MAX];
    shared *with = arg;
    size_t len;
    for (unsigned i = 0; !atomic_load(&with->over); i++) {
        stls_context *client = with->clients[i % CALLERS];
        if (stls_context_export_session(client, "example.test", key, blob, sizeof blob, &len,
                                        NULL) == STLS_OK) {
            stls_context_import_session(client, key, blob, len, NULL);
        }
        if (i % 7 == 0) {
            stls_ticket_ring_rotate(with->ring, 2, NULL);
            atomic_fetch_add(&with->now, HOUR);
        }
        if (i % 50 == 0) {
            stls_session_cache_clear(with->cache);
        }
        (void)stls_session_cache_count(with->cache);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static stls_context *client_of(const shared *with, const char *credential, uint16_t version) {
    end e = {.trust = "root", .credential = credential, .version = version};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    CHECK_RESULT("the profile", end_try_profile(STLS_ROLE_CLIENT, &e, &profile, &error), STLS_OK,
                 &error);
    if (profile) {
        stls_profile_set_session_cache(profile, with->cache, &error);
        CHECK_RESULT("the context", stls_context_new(profile, &context, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    return context;
}

static stls_context *server_of(const shared *with, uint16_t version) {
    end e = {.trust = "root",
             .credential = "server",
             .verify = STLS_VERIFY_OPTIONAL,
             .version = version};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    CHECK_RESULT("the profile", end_try_profile(STLS_ROLE_SERVER, &e, &profile, &error), STLS_OK,
                 &error);
    if (profile) {
        stls_profile_set_tickets(profile, with->ring, 2, &error);
        CHECK_RESULT("the context", stls_context_new(profile, &context, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    return context;
}

static void run(shared *with) {
    pthread_t threads[CALLERS + 1];
    caller self[CALLERS];
    char file[64];
    unsigned started = 0, resumed = 0;
    bool disturbed =
        CHECK(pthread_create(&threads[CALLERS], NULL, disturb, with) == 0, "no thread");
    for (unsigned i = 0; i < CALLERS; i++) {
        self[i] = (caller){.with = with, .client = with->clients[i]};
        if (callers[i]) {
            snprintf(file, sizeof file, "%s.der", callers[i]);
            self[i].leaf = pki_bytes(file);
        }
    }
    while (started < CALLERS &&
           pthread_create(&threads[started], NULL, call, &self[started]) == 0) {
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        CHECK_NUMBER("secure connections", self[i].secure, CALLS);
        CHECK_NUMBER("connections of somebody else", self[i].wrong, 0);
        resumed += self[i].resumed;
    }
    CHECK_NUMBER("threads", started, CALLERS);
    CHECK(resumed > 0, "nothing was ever resumed");
    atomic_store(&with->over, true);
    if (disturbed) {
        pthread_join(threads[CALLERS], NULL);
    }
}

static void test_together(void) {
    if (!stls_backend_can(test_backend(),
                          STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS | STLS_CAN_TICKET_PEER)) {
        test_skip("threads that resume", "%s cannot, as its expectations say",
                  stls_backend_name(test_backend()));
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        shared with = {.cache = stls_session_cache_new(5), .now = (long long)time(NULL)};
        stls_ticket_ring_options options = {.clock = shared_clock, .clock_arg = &with};
        stls_error error = {0};
        bool ready = CHECK_RESULT(
            "the ring", stls_ticket_ring_new(test_backend(), &options, &with.ring, &error), STLS_OK,
            &error);
        check_case("threads that resume, %s", version_text(both_versions[v]));
        with.server = ready ? server_of(&with, both_versions[v]) : NULL;
        ready = with.server != NULL;
        for (unsigned i = 0; i < CALLERS; i++) {
            with.clients[i] = client_of(&with, callers[i], both_versions[v]);
            ready = ready && with.clients[i];
        }
        if (ready) {
            run(&with);
        }
        for (unsigned i = 0; i < CALLERS; i++) {
            stls_context_free(with.clients[i]);
        }
        stls_context_free(with.server);
        stls_ticket_ring_free(with.ring);
        stls_session_cache_free(with.cache);
    }
}

const test_case together_tests[] = {
    {"threads that resume", test_together},
    {NULL, NULL},
};
