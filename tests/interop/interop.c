/* tests/interop/interop.c - every backend as client against every backend as server.
 *
 * The model: one CUnit test for each pair. In each, over a socketpair: both versions, EC and RSA
 * keys, with and without a client's certificate, every default group that both have; messages of 1
 * byte, 1 KB and 64 KB there and back; close_notify both ways; and rejections in both directions,
 * where the alert that arrives is the alert that was sent. A table at the end counts what each pair
 * did.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"
#include "tests/support/pair.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKENDS = 3 };

static const char *const names[BACKENDS] = {"openssl", "mbedtls", "wolfssl"};
static const uint16_t versions[] = {STLS_TLS1_2, STLS_TLS1_3};
static const uint16_t groups[] = {0x11ec, 0x001d, 0x0017, 0x0018};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a pair has done so far. */
typedef struct tally {
    unsigned connected, resumed, refused;
} tally;
static tally tallies[BACKENDS][BACKENDS];

static const stls_backend *backend_at(size_t i) {
    return stls_backend_find(names[i]);
}

/* --- Connections */

static void check_info(pair *p, const end *client, uint16_t group) {
    stls_conn_info info[2];
    pair_check_info(p);
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_conn_get_info(p->conn[s], &info[s]);
        CHECK_NUMBER("the version", info[s].version, client->version);
        if (info[s].group != 0 && group != 0) {
            CHECK_TEXT("the group", code_text(STLS_REGISTRY_GROUP, info[s].group),
                       code_text(STLS_REGISTRY_GROUP, group));
        }
    }
    CHECK_TEXT("the server name", info[SERVER].server_name, "example.test");
    CHECK(stls_conn_is_secure(p->conn[CLIENT]), "the client's connection is not secure: %s",
          pair_verdict(p, CLIENT)->text);
    CHECK(stls_conn_is_secure(p->conn[SERVER]) == (client->credential != NULL),
          "the server's lock is wrong: %s", pair_verdict(p, SERVER)->text);
}

static void connect_once(tally *t, const end *client, const end *server, uint16_t group) {
    static const pair_options sockets = {.transport = PAIR_SOCKETS, .move = true};
    pair p;
    if (pair_open(&p, client, server, &sockets) && pair_connect(&p) && pair_echo(&p, 1) &&
        pair_echo(&p, 1024) && pair_echo(&p, 64 * 1024)) {
        check_info(&p, client, group);
        t->connected += pair_shut(&p);
    }
    pair_close(&p);
}

static void connect_all(size_t c, size_t s, uint16_t version) {
    static const struct {
        const char *server, *phone;
    } keys[] = {{"server", "phone"}, {"server-rsa", "phone-rsa"}};
    for (size_t k = 0; k < COUNT(keys); k++) {
        for (int mutual = 0; mutual < 2; mutual++) {
            end client = {.backend = backend_at(c),
                          .trust = "root root-rsa",
                          .peer = "example.test",
                          .version = version,
                          .alpn = "sip/2",
                          .credential = mutual ? keys[k].phone : NULL};
            end server = {.backend = backend_at(s),
                          .trust = "root root-rsa",
                          .version = version,
                          .credential = keys[k].server,
                          .alpn = "sip/2",
                          .verify = mutual ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE};
            check_case("%s to %s, %s, %s%s", names[c], names[s], version_text(version),
                       keys[k].server, mutual ? " and client certificate" : "");
            connect_once(&tallies[c][s], &client, &server, 0);
        }
    }
}

static void connect_groups(size_t c, size_t s, uint16_t version) {
    for (size_t g = 0; g < COUNT(groups); g++) {
        const char *name = stls_iana_name(STLS_REGISTRY_GROUP, groups[g]);
        /* An RSA key: in TLS 1.2 the list of groups is also that of the certificates' curves. */
        end client = {.backend = backend_at(c),
                      .trust = "root root-rsa",
                      .peer = "example.test",
                      .version = version,
                      .groups = name};
        end server = {.backend = backend_at(s),
                      .credential = "server-rsa",
                      .version = version,
                      .groups = name};
        bool hybrid = groups[g] == 0x11ec;
        if (!stls_backend_supports(client.backend, STLS_REGISTRY_GROUP, groups[g]) ||
            !stls_backend_supports(server.backend, STLS_REGISTRY_GROUP, groups[g]) ||
            (hybrid && version != STLS_TLS1_3)) {
            continue; /* the expectations of each backend say which groups it has */
        }
        check_case("%s to %s, %s, %s", names[c], names[s], version_text(version), name);
        connect_once(&tallies[c][s], &client, &server, groups[g]);
    }
}

/* --- Resumption */

/* The contexts of both sides, which can be made anew: the client keeps its sessions, the server its
 * ring, as far as the test lets it. */
typedef struct resuming {
    end of[2];
    stls_context *context[2];
    stls_session_cache *cache;
    stls_ticket_ring *ring;
    unsigned max_fragment; /* of the client */
} resuming;

static bool restart(resuming *r, side which) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_context_free(r->context[which]);
    r->context[which] = NULL;
    stls_result result = end_try_profile(which == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
                                         &r->of[which], &profile, &error);
    if (result == STLS_OK) {
        result = which == CLIENT ? stls_profile_set_session_cache(profile, r->cache, &error)
                                 : stls_profile_set_tickets(profile, r->ring, 1, &error);
    }
    if (result == STLS_OK && which == CLIENT && r->max_fragment) {
        result = stls_profile_set_max_fragment(profile, r->max_fragment, &error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, &r->context[which], &error);
    }
    stls_profile_free(profile);
    return CHECK_RESULT(side_text(which), result, STLS_OK, &error);
}

static bool set_secret(resuming *r, uint8_t byte) {
    uint8_t secret[STLS_TICKET_SECRET_LEN];
    stls_error error = {0};
    memset(secret, byte, sizeof secret);
    stls_ticket_ring_free(r->ring);
    r->ring = NULL;
    return CHECK_RESULT("the ring",
                        stls_ticket_ring_new(r->of[SERVER].backend, NULL, &r->ring, &error),
                        STLS_OK, &error) &&
           CHECK_RESULT("the secret", stls_ticket_ring_set_secrets(r->ring, secret, 1, &error),
                        STLS_OK, &error);
}

/* Connects over sockets; both ends must say whether it was resumed, and know each other. */
static void come_back(tally *t, resuming *r, const char *what, bool resumed) {
    static const pair_options sockets = {.transport = PAIR_SOCKETS};
    bool mutual = r->of[CLIENT].credential != NULL;
    stls_conn_info info;
    pair p;
    if (pair_open_on(&p, r->context[CLIENT], &r->of[CLIENT], r->context[SERVER], &sockets) &&
        pair_connect(&p) && pair_echo(&p, 1024)) {
        for (side s = CLIENT; s <= SERVER; s++) {
            stls_conn_get_info(p.conn[s], &info);
            CHECK(info.resumed == resumed, "%s: the %s says %s", what, side_text(s),
                  info.resumed ? "resumed" : "full");
            CHECK(stls_conn_is_secure(p.conn[s]) == (s == CLIENT || mutual),
                  "%s: the %s's lock is wrong: %s", what, side_text(s), pair_verdict(&p, s)->text);
        }
        CHECK_NUMBER("the server's certificates", stls_conn_peer_count(p.conn[CLIENT]), 2);
        CHECK_NUMBER("the phone's certificates", stls_conn_peer_count(p.conn[SERVER]),
                     mutual ? 2 : 0);
        t->resumed += pair_shut(&p) && info.resumed;
    }
    pair_close(&p);
}

static resuming resuming_of(size_t c, size_t s, uint16_t version, bool mutual) {
    return (resuming){
        .of = {{.backend = backend_at(c),
                .trust = "root",
                .peer = "example.test",
                .version = version,
                .credential = mutual ? "phone" : NULL},
               {.backend = backend_at(s),
                .credential = "server",
                .trust = mutual ? "root" : NULL,
                .verify = mutual ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE,
                .version = version}},
        .cache = stls_session_cache_new(4),
    };
}

static void leave(resuming *r) {
    stls_context_free(r->context[CLIENT]);
    stls_context_free(r->context[SERVER]);
    stls_session_cache_free(r->cache);
    stls_ticket_ring_free(r->ring);
}

/* A registrar restarts, with its secret and without. */
static void resume(size_t c, size_t s, uint16_t version, bool mutual) {
    tally *t = &tallies[c][s];
    resuming r = resuming_of(c, s, version, mutual);
    check_case("%s to %s, resumed, %s%s", names[c], names[s], version_text(version),
               mutual ? ", mutual" : "");
    if (set_secret(&r, 1) && restart(&r, CLIENT) && restart(&r, SERVER)) {
        come_back(t, &r, "the first time", false);
        come_back(t, &r, "the second time", true);
        if (set_secret(&r, 1) && restart(&r, SERVER) && restart(&r, CLIENT)) {
            come_back(t, &r, "a restarted server and client", true);
        }
        if (set_secret(&r, 2) && restart(&r, SERVER)) {
            come_back(t, &r, "a server that lost its secret", false);
            come_back(t, &r, "and the time after that", true);
        }
    }
    leave(&r);
}

/* A ticket with a client's certificates takes several records. wolfSSL's server, which sends one in
 * a record of its own, sends none. */
static void resume_in_short_records(size_t c, size_t s, uint16_t version) {
    resuming r = resuming_of(c, s, version, true);
    r.max_fragment = 1024;
    check_case("%s to %s, resumed in records of %u bytes, %s", names[c], names[s], r.max_fragment,
               version_text(version));
    if (set_secret(&r, 1) && restart(&r, CLIENT) && restart(&r, SERVER)) {
        come_back(&tallies[c][s], &r, "the first time", false);
        come_back(&tallies[c][s], &r, "the second time", strcmp(names[s], "wolfssl") != 0);
    }
    leave(&r);
}

/* What a backend lacks of this is in its expectations. */
static void resume_all(size_t c, size_t s, uint16_t version) {
    bool can = stls_backend_can(backend_at(c), STLS_CAN_RESUME) &&
               stls_backend_can(backend_at(s), STLS_CAN_ISSUE_TICKETS);
    if (can) {
        resume(c, s, version, false);
        if (stls_backend_can(backend_at(s), STLS_CAN_TICKET_PEER)) {
            resume(c, s, version, true);
            if (stls_backend_can(backend_at(c), STLS_CAN_MAX_FRAGMENT)) {
                resume_in_short_records(c, s, version);
            }
        }
    }
}

/* --- Refusals */

/* The client refuses the server. */
static const struct {
    const char *credential, *trust;
    int alert;
} bad_servers[] = {
    {"server", "other-root", 48},
    {"expired", "root", 45},
    {"wrong-domain", "root", 42},
};

/* The server refuses the client. */
static const struct {
    const char *credential; /* NULL: none */
    int alert_12, alert_13;
} bad_clients[] = {
    {"phone-other", 48, 48},
    {"phone-expired", 45, 45},
    {NULL, 40, 116},
};

/* Who refuses says E_VERIFY, the other E_ALERT; and the alert that arrives is the one that was
 * sent. */
static void check_refusal(tally *t, const end *client, const end *server, side refuser, int alert) {
    static const pair_options sockets = {.transport = PAIR_SOCKETS};
    side other = refuser == CLIENT ? SERVER : CLIENT;
    pair p;
    if (pair_open(&p, client, server, &sockets)) {
        pair_handshake(&p);
        bool ok = CHECK_RESULT("who refuses", pair_outcome(&p, refuser), STLS_E_VERIFY,
                               pair_error(&p, refuser));
        ok = CHECK_RESULT("who is refused", pair_outcome(&p, other), STLS_E_ALERT,
                          pair_error(&p, other)) &&
             ok;
        ok = CHECK_NUMBER("the alert that was sent", pair_error(&p, refuser)->alert_sent, alert) &&
             ok;
        ok = CHECK_NUMBER("the alert that arrived", pair_error(&p, other)->alert_received, alert) &&
             ok;
        t->refused += ok;
    }
    pair_close(&p);
}

static void refuse_servers(size_t c, size_t s, uint16_t version) {
    for (size_t i = 0; i < COUNT(bad_servers); i++) {
        end client = {.backend = backend_at(c),
                      .trust = bad_servers[i].trust,
                      .peer = "example.test",
                      .version = version};
        end server = {
            .backend = backend_at(s), .credential = bad_servers[i].credential, .version = version};
        check_case("%s refuses %s's %s for trust %s, %s", names[c], names[s],
                   bad_servers[i].credential, bad_servers[i].trust, version_text(version));
        check_refusal(&tallies[c][s], &client, &server, CLIENT, bad_servers[i].alert);
    }
}

static void refuse_clients(size_t c, size_t s, uint16_t version) {
    for (size_t i = 0; i < COUNT(bad_clients); i++) {
        end client = {.backend = backend_at(c),
                      .trust = "root",
                      .peer = "example.test",
                      .version = version,
                      .credential = bad_clients[i].credential};
        end server = {.backend = backend_at(s),
                      .credential = "server",
                      .trust = "root",
                      .version = version,
                      .verify = STLS_VERIFY_REQUIRED};
        check_case("%s refuses %s with %s, %s", names[s], names[c],
                   bad_clients[i].credential ? bad_clients[i].credential : "no certificate",
                   version_text(version));
        check_refusal(&tallies[c][s], &client, &server, SERVER,
                      version == STLS_TLS1_2 ? bad_clients[i].alert_12 : bad_clients[i].alert_13);
    }
}

/* The server shares nothing with the client, and says so with an alert that the client can read. */
static void share_nothing(size_t c, size_t s, uint16_t version) {
    bool old = version == STLS_TLS1_2;
    end client = {.backend = backend_at(c),
                  .trust = "root",
                  .peer = "example.test",
                  .version = version,
                  .suites = old ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS_AES_128_GCM_SHA256"};
    end server = {.backend = backend_at(s),
                  .credential = "server",
                  .version = version,
                  .suites = old ? "ECDHE-ECDSA-AES256-GCM-SHA384" : "TLS_AES_256_GCM_SHA384"};
    static const pair_options sockets = {.transport = PAIR_SOCKETS};
    pair p;
    check_case("%s to %s, no suite in common, %s", names[c], names[s], version_text(version));
    if (pair_open(&p, &client, &server, &sockets)) {
        pair_handshake(&p);
        CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_NOTHING_SHARED,
                     pair_error(&p, SERVER));
        CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_ALERT, pair_error(&p, CLIENT));
        CHECK_NUMBER("the alert that was sent", pair_error(&p, SERVER)->alert_sent, 40);
        CHECK_NUMBER("the alert that arrived", pair_error(&p, CLIENT)->alert_received, 40);
    }
    pair_close(&p);
}

/* --- One test for each pair */

static void run_pair(size_t c, size_t s) {
    char name[64];
    if (!backend_at(c) || !backend_at(s)) {
        snprintf(name, sizeof name, "%s to %s", names[c], names[s]);
        test_skip(name, "%s is not in this build", names[backend_at(c) ? s : c]);
        return;
    }
    for (size_t v = 0; v < COUNT(versions); v++) {
        connect_all(c, s, versions[v]);
        connect_groups(c, s, versions[v]);
        resume_all(c, s, versions[v]);
        refuse_servers(c, s, versions[v]);
        refuse_clients(c, s, versions[v]);
        share_nothing(c, s, versions[v]);
    }
}

#define PAIR_TEST(client, server)                                                                  \
    static void test_##client##_##server(void) {                                                   \
        run_pair(client, server);                                                                  \
    }

enum { openssl = 0, mbedtls = 1, wolfssl = 2 };

PAIR_TEST(openssl, openssl)
PAIR_TEST(openssl, mbedtls)
PAIR_TEST(openssl, wolfssl)
PAIR_TEST(mbedtls, openssl)
PAIR_TEST(mbedtls, mbedtls)
PAIR_TEST(mbedtls, wolfssl)
PAIR_TEST(wolfssl, openssl)
PAIR_TEST(wolfssl, mbedtls)
PAIR_TEST(wolfssl, wolfssl)

static const test_case pairs[] = {
    {"openssl to openssl", test_openssl_openssl}, {"openssl to mbedtls", test_openssl_mbedtls},
    {"openssl to wolfssl", test_openssl_wolfssl}, {"mbedtls to openssl", test_mbedtls_openssl},
    {"mbedtls to mbedtls", test_mbedtls_mbedtls}, {"mbedtls to wolfssl", test_mbedtls_wolfssl},
    {"wolfssl to openssl", test_wolfssl_openssl}, {"wolfssl to mbedtls", test_wolfssl_mbedtls},
    {"wolfssl to wolfssl", test_wolfssl_wolfssl}, {NULL, NULL},
};

static const test_suite suites[] = {{"interop", pairs}, {NULL, NULL}};

static void print_table(void) {
    printf("\n%-20s", "client \\ server");
    for (size_t s = 0; s < BACKENDS; s++) {
        printf("%-38s", names[s]);
    }
    for (size_t c = 0; c < BACKENDS; c++) {
        printf("\n%-20s", names[c]);
        for (size_t s = 0; s < BACKENDS; s++) {
            char cell[64];
            snprintf(cell, sizeof cell, "%u connected, %u resumed, %u refused",
                     tallies[c][s].connected, tallies[c][s].resumed, tallies[c][s].refused);
            printf("%-38s", cell);
        }
    }
    printf("\n");
}

int main(int argc, char **argv) {
    int status = suite_main(suites, argc, argv);
    print_table();
    return status;
}
