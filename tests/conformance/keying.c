/* tests/conformance/keying.c - exported keys, channel bindings, the key log, key updates.
 *
 * What a backend cannot do stands in its expectations; here it must say so when it is asked.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 16, LINE_SIZE = 320 };

/* The lines that one side's key log got. */
typedef struct key_log {
    char lines[LINES_MAX][LINE_SIZE];
    size_t count;
} key_log;

static void take_line(void *arg, const char *line) {
    key_log *log = arg;
    if (CHECK(log->count < LINES_MAX, "more lines than there are secrets")) {
        snprintf(log->lines[log->count++], LINE_SIZE, "%s", line);
    }
}

typedef struct setup {
    uint16_t version;
    bool exporter;
    key_log *logs; /* of both sides; NULL: none */
    unsigned max_fragment;
    unsigned tickets; /* of a server that asks for a certificate; 0: the usual */
} setup;

static stls_context *context_of(const setup *s, side which) {
    end ends[2] = {{.trust = "root", .peer = "example.test", .version = s->version},
                   {.credential = "server", .version = s->version}};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    if (s->tickets != 0) {
        ends[CLIENT].credential = "phone-rsa";
        ends[SERVER].trust = "root root-rsa";
        ends[SERVER].verify = STLS_VERIFY_REQUIRED;
    }
    stls_result result = end_try_profile(which == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
                                         &ends[which], &profile, &error);
    if (result == STLS_OK && s->exporter) {
        result = stls_profile_set_exporter(profile, true, &error);
    }
    if (result == STLS_OK && s->logs) {
        result = stls_profile_set_keylog(profile, take_line, &s->logs[which], &error);
    }
    if (result == STLS_OK && s->max_fragment && which == CLIENT) {
        result = stls_profile_set_max_fragment(profile, s->max_fragment, &error);
    }
    if (result == STLS_OK && s->tickets && which == SERVER) {
        result = stls_profile_set_tickets(profile, NULL, s->tickets, &error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, &context, &error);
    }
    CHECK_RESULT(which == CLIENT ? "the client's context" : "the server's context", result, STLS_OK,
                 &error);
    stls_profile_free(profile);
    return context;
}

static bool open_pair(pair *p, const setup *s) {
    end client = {.peer = "example.test"};
    stls_context *contexts[2] = {context_of(s, CLIENT), context_of(s, SERVER)};
    bool open = pair_open_on(p, contexts[CLIENT], &client, contexts[SERVER], NULL) &&
                pair_connect(p) && pair_echo(p, 100);
    stls_context_free(contexts[CLIENT]);
    stls_context_free(contexts[SERVER]);
    return open;
}

static bool can(uint32_t capability) {
    return stls_backend_can(test_backend(), capability);
}

/* --- Exported keys --- */

static const struct {
    const char *label, *context; /* NULL: none */
} exports[] = {
    {"EXPORTER-siptls-a", NULL},
    {"EXPORTER-siptls-a", ""},
    {"EXPORTER-siptls-a", "context"},
    {"EXPORTER-siptls-b", "context"},
};

static void export_one(pair *p, side s, size_t i, uint8_t out[64]) {
    stls_error error = {0};
    CHECK_RESULT(side_text(s),
                 stls_conn_export(p->conn[s], exports[i].label, exports[i].context,
                                  exports[i].context ? strlen(exports[i].context) : 0, out, 64,
                                  &error),
                 STLS_OK, &error);
}

/* Both ends get the same; other labels and contexts give others. In TLS 1.3 an empty context is
 * none (RFC 8446 section 7.5), in TLS 1.2 it is another one (RFC 5705 section 4). */
static void check_exports(pair *p, uint16_t version) {
    uint8_t keys[COUNT(exports)][64], other[64];
    for (size_t i = 0; i < COUNT(exports); i++) {
        export_one(p, CLIENT, i, keys[i]);
        export_one(p, SERVER, i, other);
        CHECK(memcmp(keys[i], other, sizeof other) == 0, "export %zu: the two ends differ", i);
    }
    CHECK((memcmp(keys[0], keys[1], 64) == 0) == (version == STLS_TLS1_3),
          "none and an empty context are %s", version == STLS_TLS1_3 ? "not the same" : "the same");
    CHECK(memcmp(keys[1], keys[2], 64) != 0, "the context does not count");
    CHECK(memcmp(keys[2], keys[3], 64) != 0, "the label does not count");
}

static void test_export(void) {
    for (size_t v = 0; can(STLS_CAN_EXPORT_KEYS) && v < COUNT(both_versions); v++) {
        setup s = {.version = both_versions[v], .exporter = true};
        pair p;
        check_case("exported keys, %s", version_text(s.version));
        if (open_pair(&p, &s)) {
            check_exports(&p, s.version);
        }
        pair_close(&p);
    }
}

static void test_export_refusals(void) {
    setup s = {.version = STLS_TLS1_3};
    uint8_t out[64];
    char label[300];
    stls_error error = {0};
    pair p;
    check_case("exports that cannot be");
    if (open_pair(&p, &s)) {
        CHECK_RESULT("the profile did not ask for it",
                     stls_conn_export(p.conn[CLIENT], "EXPORTER-a", NULL, 0, out, 64, &error),
                     STLS_E_STATE, &error);
        CHECK_CONTAINS("the sentence", error.text, "stls_profile_set_exporter()");
    }
    pair_close(&p);
    s.exporter = can(STLS_CAN_EXPORT_KEYS);
    if (s.exporter && open_pair(&p, &s)) {
        memset(label, 'a', sizeof label);
        label[250] = '\0';
        CHECK_RESULT("no label", stls_conn_export(p.conn[CLIENT], "", NULL, 0, out, 64, &error),
                     STLS_E_ARGUMENT, &error);
        CHECK_RESULT("a long label",
                     stls_conn_export(p.conn[CLIENT], label, NULL, 0, out, 64, &error),
                     STLS_E_ARGUMENT, &error);
        CHECK_RESULT("nothing", stls_conn_export(p.conn[CLIENT], "a", NULL, 0, out, 0, &error),
                     STLS_E_ARGUMENT, &error);
        pair_close(&p);
    }
}

/* Labels of TLS's own are no application's, whatever the library and the version. */
static void test_export_own_labels(void) {
    static const char *const labels[] = {"client finished", "server finished",
                                         "master secret",   "extended master secret",
                                         "key expansion",   "key expansion of somebody"};
    for (size_t v = 0; can(STLS_CAN_EXPORT_KEYS) && v < COUNT(both_versions); v++) {
        setup s = {.version = both_versions[v], .exporter = true};
        pair p;
        check_case("labels of TLS itself, %s", version_text(s.version));
        if (open_pair(&p, &s)) {
            for (size_t i = 0; i < COUNT(labels); i++) {
                uint8_t out[32];
                stls_error error = {0};
                CHECK_RESULT(
                    labels[i],
                    stls_conn_export(p.conn[CLIENT], labels[i], NULL, 0, out, sizeof out, &error),
                    STLS_E_ARGUMENT, &error);
                CHECK_CONTAINS("the sentence", error.text, labels[i]);
            }
        }
        pair_close(&p);
    }
}

/* --- Channel bindings --- */

static void test_bindings(void) {
    static const stls_channel_binding bindings[] = {STLS_BINDING_TLS_EXPORTER,
                                                    STLS_BINDING_TLS_SERVER_END_POINT};
    setup s = {.version = STLS_TLS1_3, .exporter = true};
    pair p;
    if (!can(STLS_CAN_EXPORT_KEYS)) {
        return;
    }
    check_case("channel bindings");
    if (open_pair(&p, &s)) {
        for (size_t i = 0; i < COUNT(bindings); i++) {
            uint8_t ends[2][STLS_BINDING_MAX];
            size_t len[2] = {0, 0};
            stls_error error = {0};
            for (side e = CLIENT; e <= SERVER; e++) {
                CHECK_RESULT(
                    side_text(e),
                    stls_conn_channel_binding(p.conn[e], bindings[i], ends[e], &len[e], &error),
                    STLS_OK, &error);
            }
            CHECK_NUMBER("the length", len[CLIENT], 32);
            CHECK_BYTES("the binding", ((stls_bytes){ends[SERVER], len[SERVER]}),
                        ((stls_bytes){ends[CLIENT], len[CLIENT]}));
        }
    }
    pair_close(&p);
}

/* RFC 5929 section 4.1, by the hash of the certificate's own signature. */
static void test_end_points(void) {
    static const struct {
        const char *credential, *trust;
        stls_result result;
        size_t len;
    } table[] = {
        {"server", "root", STLS_OK, 32},
        {"server-rsa", "root-rsa", STLS_OK, 32},
        {"via-ed25519", "root-ed25519", STLS_E_UNSUPPORTED, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        end client = {.trust = table[i].trust, .peer = "example.test"};
        end server = {.credential = table[i].credential};
        uint8_t out[STLS_BINDING_MAX];
        size_t len = 0;
        stls_error error = {0};
        pair p;
        check_case("tls-server-end-point of %s", table[i].credential);
        if (find_unreadable(table[i].credential) ||
            (i == 2 && !can(STLS_CAN_VERIFY_ED25519 | STLS_CAN_READ_ANY_CHAIN))) {
            continue; /* no handshake with it here: the expectations say so */
        }
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            CHECK_RESULT("the binding",
                         stls_conn_channel_binding(
                             p.conn[CLIENT], STLS_BINDING_TLS_SERVER_END_POINT, out, &len, &error),
                         table[i].result, &error);
            CHECK_NUMBER("its length", table[i].result == STLS_OK ? len : 0, table[i].len);
        }
        pair_close(&p);
    }
}

/* --- The key log --- */

static bool has_line(const key_log *log, const char *label) {
    for (size_t i = 0; i < log->count; i++) {
        if (strncmp(log->lines[i], label, strlen(label)) == 0 &&
            log->lines[i][strlen(label)] == ' ') {
            return true;
        }
    }
    return false;
}

/* LABEL, 64 hexadecimal digits of the client's random, and the secret. */
static void check_line(const char *line) {
    const char *random = strchr(line, ' ');
    const char *secret = random ? strchr(random + 1, ' ') : NULL;
    if (CHECK(secret, "no line of the NSS key log format: %s", line)) {
        size_t len = strlen(secret + 1);
        CHECK_NUMBER("digits of the random", secret - random - 1, 64);
        CHECK(len == 64 || len == 96, "%zu digits of a secret", len);
        CHECK(strspn(secret + 1, "0123456789abcdef") == len, "not hexadecimal: %s", line);
    }
}

static void test_keylog(void) {
    static const char *const labels_12[] = {"CLIENT_RANDOM", NULL};
    static const char *const labels_13[] = {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", NULL};
    for (size_t v = 0; can(STLS_CAN_KEYLOG) && v < COUNT(both_versions); v++) {
        const char *const *labels = v == 0 ? labels_12 : labels_13;
        static key_log logs[2];
        setup s = {.version = both_versions[v], .logs = logs};
        pair p;
        memset(logs, 0, sizeof logs);
        check_case("the key log, %s", version_text(s.version));
        if (open_pair(&p, &s)) {
            for (const char *const *label = labels; *label; label++) {
                CHECK(has_line(&logs[CLIENT], *label), "the client has no %s", *label);
                CHECK(has_line(&logs[SERVER], *label), "the server has no %s", *label);
            }
            for (size_t i = 0; i < logs[CLIENT].count; i++) {
                bool same = false;
                check_line(logs[CLIENT].lines[i]);
                for (size_t k = 0; k < logs[SERVER].count; k++) {
                    same = same || strcmp(logs[CLIENT].lines[i], logs[SERVER].lines[k]) == 0;
                }
                CHECK(same, "the server does not tell: %s", logs[CLIENT].lines[i]);
            }
        }
        pair_close(&p);
    }
}

/* A resumed connection has secrets of its own, or in TLS 1.2 the session's with randoms of its own.
 */
static void test_keylog_resumed(void) {
    static const char *const labels[] = {"CLIENT_RANDOM", "SERVER_TRAFFIC_SECRET_0"};
    static key_log logs[2];
    end client = {.peer = "example.test"};
    if (!can(STLS_CAN_KEYLOG | STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS)) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        setup s = {.version = both_versions[v], .logs = logs};
        stls_context *contexts[2] = {context_of(&s, CLIENT), context_of(&s, SERVER)};
        check_case("the key log of a resumed connection, %s", version_text(s.version));
        for (int i = 0; i < 2; i++) {
            stls_conn_info info;
            pair p;
            memset(logs, 0, sizeof logs);
            if (pair_open_on(&p, contexts[CLIENT], &client, contexts[SERVER], NULL) &&
                pair_connect(&p) && pair_echo(&p, 100)) {
                stls_conn_get_info(p.conn[CLIENT], &info);
                CHECK_NUMBER("resumed", info.resumed, i);
                for (side e = CLIENT; e <= SERVER; e++) {
                    CHECK(has_line(&logs[e], labels[v]), "the %s has no %s", side_text(e),
                          labels[v]);
                }
                for (size_t k = 0; v == 0 && k < logs[CLIENT].count; k++) {
                    check_line(logs[CLIENT].lines[k]);
                    CHECK_TEXT("the server's line", logs[SERVER].lines[k], logs[CLIENT].lines[k]);
                }
                pair_shut(&p);
            }
            pair_close(&p);
        }
        stls_context_free(contexts[CLIENT]);
        stls_context_free(contexts[SERVER]);
    }
}

/* --- Key updates --- */

/* wolfSSL cannot leave the peer out. */
static void update(pair *p, side s, bool both) {
    stls_result result = stls_conn_update_keys(p->conn[s], both);
    if (!both && strcmp(stls_backend_name(test_backend()), "wolfssl") == 0) {
        CHECK_RESULT("an update without the peer", result, STLS_E_UNSUPPORTED, NULL);
    } else {
        CHECK(result == STLS_OK || result == STLS_WANT_WRITE, "the %s's update: %s", side_text(s),
              pair_error(p, s)->text);
    }
    pair_echo(p, 1000);
}

static void test_key_updates(void) {
    setup s = {.version = STLS_TLS1_3};
    pair p;
    check_case("key updates, TLS 1.3");
    if (open_pair(&p, &s)) {
        if (can(STLS_CAN_UPDATE_KEYS)) {
            for (int i = 0; i < 4; i++) {
                update(&p, i % 2 ? SERVER : CLIENT, i >= 2);
            }
            pair_shut(&p);
        } else {
            CHECK_RESULT("the update", stls_conn_update_keys(p.conn[CLIENT], true),
                         STLS_E_UNSUPPORTED, NULL);
            pair_echo(&p, 10);
        }
    }
    pair_close(&p);
    s.version = STLS_TLS1_2;
    check_case("key updates, TLS 1.2");
    if (open_pair(&p, &s)) {
        CHECK_RESULT("the update", stls_conn_update_keys(p.conn[CLIENT], false), STLS_E_UNSUPPORTED,
                     NULL);
        pair_echo(&p, 10);
    }
    pair_close(&p);
}

/* --- Small records --- */

static void test_small_records(void) {
    static const unsigned sizes[] = {512, 1024, 2048, 4096};
    for (size_t v = 0; can(STLS_CAN_MAX_FRAGMENT) && v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(sizes); i++) {
            setup s = {.version = both_versions[v], .max_fragment = sizes[i]};
            pair p;
            check_case("records of %u bytes, %s", sizes[i], version_text(s.version));
            if (open_pair(&p, &s)) {
                pair_echo(&p, 20000);
                pair_shut(&p);
            }
            pair_close(&p);
        }
    }
}

/* With the client's certificates in each of them. A server of wolfSSL, which sends a ticket in one
 * record, sends none then. */
static void test_tickets_in_small_records(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        setup s = {.version = both_versions[v], .max_fragment = 512, .tickets = 8};
        pair p;
        if (!can(STLS_CAN_MAX_FRAGMENT) || !can(STLS_CAN_ISSUE_TICKETS) ||
            !can(STLS_CAN_TICKET_PEER)) {
            return;
        }
        check_case("eight tickets in records of 512 bytes, %s", version_text(s.version));
        if (open_pair(&p, &s)) {
            pair_shut(&p);
        }
        if (s.version == STLS_TLS1_3 && !test_is("wolfssl")) {
            CHECK(p.wire[SERVER].passed > 8 * 4 * 512, "these are short tickets: %zu bytes",
                  p.wire[SERVER].passed);
        }
        pair_close(&p);
    }
}

/* A client of OpenSSL that offers a session keeps to the records of that one from its first byte
 * on: its ClientHello, in which is a ticket with its own certificates, takes several. */
static void resume_in_small_records(uint16_t version, unsigned size) {
    setup s = {.version = version, .max_fragment = size, .tickets = 1};
    stls_context *contexts[2] = {context_of(&s, CLIENT), context_of(&s, SERVER)};
    end client = {.peer = "example.test"};
    check_case("resuming in records of %u bytes, %s", size, version_text(version));
    for (int i = 0; i < 3; i++) {
        stls_conn_info info;
        pair p;
        if (pair_open_on(&p, contexts[CLIENT], &client, contexts[SERVER], NULL) &&
            pair_connect(&p) && pair_echo(&p, 20000)) {
            stls_conn_get_info(p.conn[CLIENT], &info);
            if (!test_is("wolfssl")) { /* see above */
                CHECK_NUMBER("resumed", info.resumed, i > 0);
            }
            pair_shut(&p);
        }
        pair_close(&p);
    }
    stls_context_free(contexts[CLIENT]);
    stls_context_free(contexts[SERVER]);
}

static void test_resume_in_small_records(void) {
    static const unsigned sizes[] = {512, 1024, 2048, 4096};
    for (size_t v = 0; can(STLS_CAN_MAX_FRAGMENT) && v < COUNT(both_versions); v++) {
        for (size_t i = 0; can(STLS_CAN_RESUME) && i < COUNT(sizes); i++) {
            resume_in_small_records(both_versions[v], sizes[i]);
        }
    }
}

/* --- What cannot be is refused when it is set --- */

static void test_lacks(void) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    if (!CHECK_RESULT("the profile",
                      stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile, &error), STLS_OK,
                      &error)) {
        return;
    }
#define EXPECTED(capability) (can(capability) ? STLS_OK : STLS_E_UNSUPPORTED)
    CHECK_RESULT("the exporter", stls_profile_set_exporter(profile, true, &error),
                 EXPECTED(STLS_CAN_EXPORT_KEYS), &error);
    CHECK_RESULT("the key log", stls_profile_set_keylog(profile, take_line, NULL, &error),
                 EXPECTED(STLS_CAN_KEYLOG), &error);
    CHECK_RESULT("small records", stls_profile_set_max_fragment(profile, 1024, &error),
                 EXPECTED(STLS_CAN_MAX_FRAGMENT), &error);
    CHECK_RESULT("records of 1000 bytes", stls_profile_set_max_fragment(profile, 1000, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_RESULT("tickets of a client", stls_profile_set_tickets(profile, NULL, 1, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_NUMBER("how many tickets a client issues", stls_profile_tickets(profile), 0);
#undef EXPECTED
    stls_profile_free(profile);
    stls_ticket_ring *ring = NULL;
    profile = NULL;
    if (can(STLS_CAN_ISSUE_TICKETS) &&
        CHECK_RESULT("the ring", stls_ticket_ring_new(test_backend(), NULL, &ring, &error), STLS_OK,
                     &error) &&
        CHECK_RESULT("a server",
                     stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, &error), STLS_OK,
                     &error)) {
        CHECK_NUMBER("tickets by default", stls_profile_tickets(profile), 1);
        CHECK_RESULT("a ring and no tickets", stls_profile_set_tickets(profile, ring, 0, &error),
                     STLS_E_ARGUMENT, &error);
        CHECK_NUMBER("tickets after what was refused", stls_profile_tickets(profile), 1);
        CHECK_RESULT("three tickets", stls_profile_set_tickets(profile, ring, 3, &error), STLS_OK,
                     &error);
        CHECK_NUMBER("tickets", stls_profile_tickets(profile), 3);
        CHECK_RESULT("no tickets", stls_profile_set_tickets(profile, NULL, 0, &error), STLS_OK,
                     &error);
        CHECK_NUMBER("tickets, without", stls_profile_tickets(profile), 0);
    }
    stls_profile_free(profile);
    stls_ticket_ring_free(ring);
}

/* --- Memory --- */

/* What was taken for a burst is given back; the two figures are told apart. */
static void test_memory(void) {
    setup s = {.version = STLS_TLS1_3};
    stls_conn_memory_use idle[2], after[2];
    pair p;
    check_case("memory of an idle connection");
    if (open_pair(&p, &s)) {
        for (side e = CLIENT; e <= SERVER; e++) {
            stls_conn_memory(p.conn[e], &idle[e]);
            CHECK(idle[e].own > 0, "the %s holds nothing", side_text(e));
        }
        pair_echo(&p, 64 * 1024);
        for (side e = CLIENT; e <= SERVER; e++) {
            stls_conn_memory(p.conn[e], &after[e]);
            CHECK_NUMBER(side_text(e), after[e].own, idle[e].own);
        }
    }
    pair_close(&p);
}

const test_case keying_tests[] = {
    {"exported keys", test_export},
    {"exports that cannot be", test_export_refusals},
    {"labels of TLS itself are not exported", test_export_own_labels},
    {"channel bindings", test_bindings},
    {"tls-server-end-point", test_end_points},
    {"the key log", test_keylog},
    {"the key log of a resumed connection", test_keylog_resumed},
    {"tickets in small records", test_tickets_in_small_records},
    {"key updates", test_key_updates},
    {"small records", test_small_records},
    {"resuming in small records", test_resume_in_small_records},
    {"what cannot be set", test_lacks},
    {"memory", test_memory},
    {NULL, NULL},
};
