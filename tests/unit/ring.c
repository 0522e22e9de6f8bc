/* tests/unit/ring.c - ticket keys by secrets and the clock, and a fleet that shares them.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { HOUR = 3600, DAY = 24 * HOUR };
static const int64_t noon = 1800000000 - 1800000000 % HOUR + 1800;

static int64_t clock_of(void *arg) {
    return *(const int64_t *)arg;
}

static const uint8_t secret[STLS_TICKET_SECRET_LEN] = "one secret for the whole fleet..";

static stls_ticket_ring *ring_at(const stls_backend *backend, int64_t *now,
                                 stls_ticket_ring_options options) {
    stls_ticket_ring *ring = NULL;
    stls_error error = {0};
    options.clock = clock_of;
    options.clock_arg = now;
    if (CHECK_RESULT("the ring", stls_ticket_ring_new(backend, &options, &ring, &error), STLS_OK,
                     &error)) {
        CHECK_RESULT("its secret", stls_ticket_ring_set_secrets(ring, secret, 1, &error), STLS_OK,
                     &error);
    }
    return ring;
}

/* The name of the key that seals now. */
static bool seal(stls_ticket_ring *ring, const stls_backend *backend,
                 uint8_t name[STLS_TICKET_NAME_LEN]) {
    stls_ring_keys keys;
    bool given = stls_ticket_ring_keys(ring, backend, NULL, &keys);
    memcpy(name, keys.ticket.name, given ? STLS_TICKET_NAME_LEN : 0);
    return given;
}

static bool opens(stls_ticket_ring *ring, const stls_backend *backend, const uint8_t *name) {
    stls_ring_keys keys;
    return stls_ticket_ring_keys(ring, backend, name, &keys);
}

/* A backend that derives keys; NULL, and the test is skipped, if there is none. */
static const stls_backend *deriving(const char *test, size_t index) {
    uint8_t byte;
    size_t found = 0;
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        if (backend->random(&byte, 1) == STLS_BE_OK && found++ == index) {
            return backend;
        }
    }
    test_skip(test, "not so many backends of this build can derive keys");
    return NULL;
}

/* --- When a key opens --- */

/* Sealed at noon by a key of the hour that began half an hour before. */
static const struct {
    const char *what;
    int64_t later;
    bool opened;
} ages[] = {
    {"at once", 0, true},
    {"an hour later", HOUR, true},
    {"on a server that is a minute behind", -60, true},
    {"just within its life", DAY, true},
    {"at the end of the key's life", DAY + 1800 + 120, true},
    {"after that", DAY + 1800 + 121, false},
    {"a week later", 7 * DAY, false},
    {"a year later", 365 * DAY, false},
    {"on a server whose clock is off by as much as two may be apart", -1800 - 120, true},
    {"on a server whose clock is off by more", -1800 - 121, false},
    {"on a server whose clock was never set", -noon, false},
};

static void test_ages(void) {
    const stls_backend *backend = deriving("ages of keys", 0);
    for (size_t i = 0; backend && i < COUNT(ages); i++) {
        int64_t now = noon;
        uint8_t name[STLS_TICKET_NAME_LEN];
        stls_ticket_ring *ring = ring_at(backend, &now, (stls_ticket_ring_options){.epoch_s = 0});
        check_case("%s", ages[i].what);
        if (CHECK(ring && seal(ring, backend, name), "no key")) {
            now += ages[i].later;
            CHECK(opens(ring, backend, name) == ages[i].opened, "the key %s",
                  ages[i].opened ? "does not open" : "opens");
        }
        stls_ticket_ring_free(ring);
    }
}

/* The key changes each epoch; two rings that know nothing of each other have the same ones; and a
 * clock that jumps to and fro finds them again. */
static void test_epochs(void) {
    const stls_backend *backend = deriving("epochs", 0);
    int64_t now = noon;
    uint8_t first[STLS_TICKET_NAME_LEN], next[STLS_TICKET_NAME_LEN];
    if (!backend) {
        return;
    }
    check_case("epochs");
    stls_ticket_ring *a = ring_at(backend, &now, (stls_ticket_ring_options){.epoch_s = 0});
    stls_ticket_ring *b = ring_at(backend, &now, (stls_ticket_ring_options){.epoch_s = 0});
    CHECK(seal(a, backend, first) && opens(b, backend, first), "not the same keys");
    now += 1799;
    CHECK(seal(a, backend, next) && memcmp(first, next, sizeof first) == 0, "another key");
    now += 1;
    CHECK(seal(a, backend, next) && memcmp(first, next, sizeof first) != 0, "the same key");
    CHECK(opens(b, backend, first) && opens(b, backend, next), "b lacks a key");
    static const int64_t jumps[] = {-noon - 5, INT64_MAX / 2, -1, 12345678, INT64_MIN / 2};
    for (size_t i = 0; i < COUNT(jumps); i++) {
        now = jumps[i];
        CHECK(seal(a, backend, next), "no key at %lld", (long long)now);
        now = noon;
        CHECK(opens(a, backend, first), "the key is lost after a jump to %lld",
              (long long)jumps[i]);
    }
    stls_ticket_ring_free(a);
    stls_ticket_ring_free(b);
}

/* Every library derives the same names, and none the same keys. */
static void test_backends(void) {
    const stls_backend *one = deriving("two libraries", 0), *other = deriving("two libraries", 1);
    int64_t now = noon;
    stls_ring_keys mine, theirs;
    if (!one || !other) {
        return;
    }
    check_case("%s and %s", stls_backend_name(one), stls_backend_name(other));
    stls_ticket_ring *a = ring_at(one, &now, (stls_ticket_ring_options){.epoch_s = 0});
    stls_ticket_ring *b = ring_at(other, &now, (stls_ticket_ring_options){.epoch_s = 0});
    if (CHECK(stls_ticket_ring_keys(a, one, NULL, &mine) &&
                  stls_ticket_ring_keys(b, one, NULL, &theirs),
              "no keys")) {
        CHECK(memcmp(&mine.ticket.name, &theirs.ticket.name, STLS_TICKET_NAME_LEN) == 0,
              "two libraries derive different names");
        CHECK(memcmp(mine.aead, theirs.aead, sizeof mine.aead) == 0,
              "two libraries derive different keys for one");
    }
    if (CHECK(stls_ticket_ring_keys(a, other, NULL, &theirs), "no keys")) {
        CHECK(memcmp(mine.aead, theirs.aead, sizeof mine.aead) != 0,
              "the same key serves two libraries");
    }
    stls_ticket_ring_free(a);
    stls_ticket_ring_free(b);
}

/* A thousand secrets as they are, and the bound. */
static void test_many(void) {
    static uint8_t secrets[STLS_TICKET_SECRETS_MAX + 1][STLS_TICKET_SECRET_LEN];
    const stls_backend *backend = deriving("a thousand secrets", 0);
    int64_t now = noon;
    uint8_t name[STLS_TICKET_NAME_LEN];
    stls_error error = {0};
    if (!backend) {
        return;
    }
    for (size_t i = 0; i < COUNT(secrets); i++) {
        memset(secrets[i], 1 + (int)(i % 200), sizeof secrets[i]);
        secrets[i][0] = (uint8_t)(i >> 8);
        secrets[i][1] = (uint8_t)i;
    }
    stls_ticket_ring *ring =
        ring_at(backend, &now, (stls_ticket_ring_options){.epoch_s = STLS_TICKET_EPOCH_NONE});
    stls_ticket_ring *last =
        ring_at(backend, &now, (stls_ticket_ring_options){.epoch_s = STLS_TICKET_EPOCH_NONE});
    check_case("a thousand secrets");
    CHECK_RESULT("the most", stls_ticket_ring_set_secrets(ring, secrets[0], 1024, &error), STLS_OK,
                 &error);
    CHECK_RESULT("the last alone", stls_ticket_ring_set_secrets(last, secrets[1023], 1, &error),
                 STLS_OK, &error);
    CHECK(seal(last, backend, name) && opens(ring, backend, name), "the last one does not open");
    now += 365 * DAY;
    CHECK(opens(ring, backend, name), "a secret without epochs has no age");
    CHECK_RESULT("one more", stls_ticket_ring_set_secrets(ring, secrets[0], 1025, &error),
                 STLS_E_LIMIT, &error);
    CHECK(opens(ring, backend, name), "a failure has changed the ring");
    stls_ticket_ring_free(ring);
    stls_ticket_ring_free(last);
}

/* --- Two threads --- */

static stls_ticket_ring *shared;
static stls_be_status (*real_random)(uint8_t *out, size_t len);

/* The other thread is faster: it sets the fleet's secret while this one waits for random numbers.
 */
static stls_be_status slow_random(uint8_t *out, size_t len) {
    stls_error error = {0};
    if (shared != NULL) {
        CHECK_RESULT("the other's secret", stls_ticket_ring_set_secrets(shared, secret, 1, &error),
                     STLS_OK, &error);
    }
    return real_random(out, len);
}

static void test_rotation_beside_a_change(void) {
    static const uint8_t before[STLS_TICKET_SECRET_LEN] = "what the ring had before........";
    const stls_backend *of;
    for (size_t i = 0; (of = deriving("rotation", i)) != NULL; i++) {
        stls_backend backend = *of;
        int64_t now = noon;
        uint8_t fleet[STLS_TICKET_NAME_LEN] = {0}, rotated[STLS_TICKET_NAME_LEN] = {0};
        stls_error error = {0};
        check_case("%s", stls_backend_name(of));
        real_random = of->random;
        backend.random = slow_random;
        stls_ticket_ring *other = ring_at(of, &now, (stls_ticket_ring_options){.epoch_s = 0});
        stls_ticket_ring *ring = ring_at(&backend, &now, (stls_ticket_ring_options){.epoch_s = 0});
        CHECK(seal(other, of, fleet), "no key");
        CHECK_RESULT("a secret", stls_ticket_ring_set_secrets(ring, before, 1, &error), STLS_OK,
                     &error);
        shared = ring;
        CHECK_RESULT("the rotation", stls_ticket_ring_rotate(ring, 10, &error), STLS_OK, &error);
        shared = NULL;
        CHECK(opens(ring, of, fleet), "what the other thread has set is lost");
        CHECK(seal(ring, of, rotated) && memcmp(rotated, fleet, sizeof fleet) != 0,
              "the rotation is lost");
        CHECK_RESULT("the next", stls_ticket_ring_rotate(ring, 0, &error), STLS_OK, &error);
        CHECK(!opens(ring, of, fleet) && !opens(ring, of, rotated), "old secrets are kept");
        stls_ticket_ring_free(ring);
        stls_ticket_ring_free(other);
    }
}

/* --- A fleet --- */

enum { NODES = 100, PHONES = 5000, DAYS = 7 };

/* Not random, but without a pattern that matters; the same every time. */
static uint32_t dice(void) {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

typedef struct node {
    stls_ticket_ring *ring;
    int64_t now; /* by its own clock */
    int64_t skew;
} node;

typedef struct phone {
    bool has_ticket;
    uint8_t name[STLS_TICKET_NAME_LEN];
    int64_t issued_at; /* true time */
} phone;

static void boot(node *n, const stls_backend *backend, int64_t now) {
    stls_ticket_ring_free(n->ring);
    n->now = now + n->skew;
    n->ring = ring_at(backend, &n->now, (stls_ticket_ring_options){.epoch_s = 0});
}

/* A week: each hour every phone of a tenth of them comes back to some node, and two of a hundred
 * nodes are restarted. Nothing but the secret is common to the nodes. */
static void test_fleet(void) {
    static node nodes[NODES];
    static phone phones[PHONES];
    const stls_backend *backend = deriving("a fleet", 0);
    unsigned resumed = 0, full = 0, due = 0, overdue = 0;
    if (!backend) {
        return;
    }
    check_case("a fleet of %d nodes", NODES);
    for (size_t i = 0; i < NODES; i++) {
        nodes[i].skew =
            (int64_t)(dice() % (2 * STLS_TICKET_SKEW_DEFAULT + 1)) - STLS_TICKET_SKEW_DEFAULT;
        boot(&nodes[i], backend, noon);
    }
    for (int64_t hour = 0; hour < DAYS * 24; hour++) {
        for (size_t i = 0; i < 2; i++) {
            boot(&nodes[dice() % NODES], backend, noon + hour * HOUR);
        }
        for (size_t i = 0; i < PHONES / 10; i++) {
            phone *p = &phones[dice() % PHONES];
            node *n = &nodes[dice() % NODES];
            int64_t now = noon + hour * HOUR + (int64_t)i * HOUR / (PHONES / 10);
            n->now = now + n->skew;
            bool opened = p->has_ticket && opens(n->ring, backend, p->name);
            bool alive = p->has_ticket && now - p->issued_at <= DAY;
            due += alive;
            resumed += opened && alive;
            full += !opened;
            overdue += opened && now - p->issued_at > DAY + HOUR + 4 * STLS_TICKET_SKEW_DEFAULT;
            p->has_ticket = seal(n->ring, backend, p->name);
            p->issued_at = now;
        }
    }
    CHECK_NUMBER("living tickets that were not opened", due - resumed, 0);
    CHECK_NUMBER("keys that opened after their time", overdue, 0);
    printf("\n    %d nodes, clocks up to %d s off, two restarted each hour, %d days: of %u phones "
           "that came back, %u resumed, %u had no living ticket\n    ",
           NODES, STLS_TICKET_SKEW_DEFAULT, DAYS, resumed + full, resumed, full);
    for (size_t i = 0; i < NODES; i++) {
        stls_ticket_ring_free(nodes[i].ring);
        nodes[i].ring = NULL;
    }
}

static const test_case cases[] = {
    {"ages of keys", test_ages},
    {"epochs", test_epochs},
    {"two libraries", test_backends},
    {"a thousand secrets", test_many},
    {"rotation beside a change", test_rotation_beside_a_change},
    {"a fleet", test_fleet},
    {NULL, NULL},
};

static const test_suite suites[] = {{"ring", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
