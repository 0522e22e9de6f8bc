/* Which ticket a server takes, to the second: what the core writes into one, given back to it on
 * other connections. No library is asked, which would have its own opinion of time.
 *
 * SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "api/resume.h"
#include "base/memory.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { DAY = 24 * 3600, LIFETIME = 3 * DAY, SKEW = 100, APART = 2 * SKEW };
static const int64_t start = INT64_C(1800000000);
static int64_t now;

static int64_t clock_now(void *arg) {
    (void)arg;
    return now;
}

static stls_context *make_context(void) {
    const stls_ticket_ring_options options = {
        .lifetime_s = LIFETIME, .skew_s = SKEW, .clock = clock_now};
    stls_ticket_ring *ring = NULL;
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_trust *trust = pki_trust("root");
    stls_credential *credential = pki_credential(stls_backend_default(), "server");
    bool made =
        stls_ticket_ring_new(stls_backend_default(), &options, &ring, &error) == STLS_OK &&
        stls_profile_new(stls_backend_default(), STLS_ROLE_SERVER, &profile, &error) == STLS_OK &&
        stls_profile_set_credential(profile, credential, &error) == STLS_OK &&
        stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
        stls_profile_set_clock(profile, clock_now, NULL, &error) == STLS_OK &&
        stls_profile_set_tickets(profile, ring, 1, &error) == STLS_OK &&
        stls_context_new(profile, &context, &error) == STLS_OK;
    CHECK(made, "%s", error.text);
    stls_credential_free(credential);
    stls_trust_free(trust);
    stls_profile_free(profile);
    stls_ticket_ring_free(ring);
    return context;
}

/* A connection whose client has asked for `host`. */
static stls_conn *make_conn(stls_context *context, stls_verify_mode verify, const char *host) {
    stls_conn *conn = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("a connection", stls_conn_new(context, NULL, &conn, &error), STLS_OK, &error);
    CHECK(stls_conn_keep_server_name(conn, host), "no memory");
    conn->verify = verify;
    conn->selected = true;
    return conn;
}

/* Who has come to the first connection. */
typedef struct visitor {
    stls_verdict_state state; /* NOT_DONE: nobody */
    int64_t holds_since, holds_until;
} visitor;

static void receive(stls_conn *conn, const visitor *who) {
    static const stls_bytes certificate = {(const uint8_t *)"certificate", 11};
    conn->judged = conn->accepted = true;
    if (who->state != STLS_VERDICT_NOT_DONE) {
        conn->peer_chain = stls_chain_copy(&certificate, 1);
        conn->peer_count = 1;
        stls_verdict *verdict = stls_conn_new_verdict(conn);
        verdict->state = who->state;
        verdict->holds_since = who->holds_since;
        verdict->holds_until = who->holds_until;
    }
}

/* What the ticket of `conn` says, in new memory. */
static stls_bytes take_record(stls_conn *conn, bool resumed) {
    stls_bytes record = {NULL, 0};
    CHECK(stls_bytes_copy(stls_up_ticket_record(conn, resumed), &record), "no memory");
    CHECK(record.len > 0, "no ticket");
    return record;
}

static const visitor nobody = {.state = STLS_VERDICT_NOT_DONE},
                     good = {STLS_VERDICT_ACCEPTED, INT64_MIN, INT64_MAX},
                     bad = {STLS_VERDICT_REJECTED, INT64_MIN, INT64_MAX},
                     short_of_life = {STLS_VERDICT_ACCEPTED, INT64_C(1800000000) - 10,
                                      INT64_C(1800000000) + 10};

#define NONE     STLS_VERIFY_NONE
#define OPTIONAL STLS_VERIFY_OPTIONAL
#define ANY      STLS_VERIFY_OPTIONAL_ANY
#define REQUIRED STLS_VERIFY_REQUIRED

static const struct ticket_case {
    const char *what;
    const visitor *who;
    stls_verify_mode first, then;
    const char *host; /* that is asked for then; at first, "a.test" */
    int64_t later;
    bool accepted;
} cases[] = {
    {"at once", &good, REQUIRED, REQUIRED, "a.test", 0, true},
    {"nobody, at once", &nobody, NONE, NONE, "a.test", 0, true},
    {"nobody, who need not come", &nobody, OPTIONAL, OPTIONAL, "a.test", 0, true},
    {"a stranger, who may come", &bad, ANY, ANY, "a.test", 0, true},

    {"another host", &good, REQUIRED, REQUIRED, "b.test", 0, false},
    {"no host", &good, REQUIRED, REQUIRED, "", 0, false},
    {"nobody, and another host", &nobody, NONE, NONE, "b.test", 0, false},

    {"nobody, who has to come now", &nobody, NONE, REQUIRED, "a.test", 0, false},
    {"nobody, who had not to come, and has now", &nobody, OPTIONAL, REQUIRED, "a.test", 0, false},
    {"nobody, who was not asked, and is now", &nobody, NONE, OPTIONAL, "a.test", 0, false},
    {"a stranger, who has to be known now", &bad, ANY, REQUIRED, "a.test", 0, false},
    {"a stranger, who must not come any more", &bad, ANY, OPTIONAL, "a.test", 0, false},
    {"somebody, who is not asked any more", &good, REQUIRED, NONE, "a.test", 0, false},

    {"the last second of its life", &good, REQUIRED, REQUIRED, "a.test", LIFETIME + APART, true},
    {"a second later", &good, REQUIRED, REQUIRED, "a.test", LIFETIME + APART + 1, false},
    {"of a clock that is ahead", &good, REQUIRED, REQUIRED, "a.test", -APART, true},
    {"of one too far ahead", &good, REQUIRED, REQUIRED, "a.test", -APART - 1, false},

    {"the last second of the verdict", &short_of_life, REQUIRED, REQUIRED, "a.test", 10, true},
    {"the next", &short_of_life, REQUIRED, REQUIRED, "a.test", 11, false},
    {"the first second of the verdict", &short_of_life, REQUIRED, REQUIRED, "a.test", -10, true},
    {"the one before", &short_of_life, REQUIRED, REQUIRED, "a.test", -11, false},
};

static void test_cases(void) {
    stls_context *context = make_context();
    for (size_t i = 0; context != NULL && i < COUNT(cases); i++) {
        const struct ticket_case *c = &cases[i];
        check_case("%s", c->what);
        now = start;
        stls_conn *first = make_conn(context, c->first, "a.test");
        receive(first, c->who);
        stls_bytes record = take_record(first, false);
        now = start + c->later;
        stls_conn *then = make_conn(context, c->then, c->host);
        CHECK_NUMBER("accepted", stls_up_ticket_accept(then, record), c->accepted);
        CHECK_NUMBER("and kept", then->handshake->resumption != NULL, c->accepted);
        stls_bytes_free(&record);
        stls_conn_free(first);
        stls_conn_free(then);
    }
    stls_context_free(context);
}

/* However often it is resumed, certificates must be shown again in the end. */
static void test_proof(void) {
    const int64_t longest = STLS_SESSION_LIFETIME_MAX;
    stls_context *context = make_context();
    check_case("seven days of tickets, each made of the one before");
    now = start;
    stls_conn *conn = make_conn(context, REQUIRED, "a.test");
    receive(conn, &good);
    stls_bytes record = take_record(conn, false);
    stls_conn_free(conn);
    for (int64_t later = 2 * (int64_t)DAY; later < longest; later += 2 * (int64_t)DAY) {
        now = start + later;
        conn = make_conn(context, REQUIRED, "a.test");
        CHECK(stls_up_ticket_accept(conn, record), "refused on day %d", (int)(later / DAY));
        stls_bytes_free(&record);
        record = take_record(conn, true);
        stls_conn_free(conn);
    }
    for (int late = 0; late <= 1; late++) {
        now = start + longest + late;
        conn = make_conn(context, REQUIRED, "a.test");
        CHECK_NUMBER("accepted", stls_up_ticket_accept(conn, record), late == 0);
        stls_conn_free(conn);
    }
    stls_bytes_free(&record);
    stls_context_free(context);
}

/* Tickets are for the time between the choice of the host and the verdict. */
static void test_order(void) {
    stls_context *context = make_context();
    now = start;
    stls_conn *conn = make_conn(context, REQUIRED, "a.test");
    receive(conn, &good);
    stls_bytes record = take_record(conn, false);
    check_case("behind the verdict");
    CHECK(!stls_up_ticket_accept(conn, record), "accepted");
    stls_conn_free(conn);
    check_case("before the choice");
    conn = make_conn(context, REQUIRED, "a.test");
    conn->selected = false;
    CHECK(!stls_up_ticket_accept(conn, record), "accepted");
    CHECK_NUMBER("a ticket", stls_up_ticket_record(conn, false).len, 0);
    check_case("behind a refusal");
    conn->selected = conn->refused_host = true;
    CHECK(!stls_up_ticket_accept(conn, record), "accepted");
    CHECK_NUMBER("a ticket", stls_up_ticket_record(conn, false).len, 0);
    check_case("without a verdict that is due");
    conn->refused_host = false;
    CHECK_NUMBER("a ticket", stls_up_ticket_record(conn, false).len, 0);
    check_case("with certificates, though it is resumed");
    CHECK(stls_up_ticket_accept(conn, record), "refused");
    receive(conn, &good);
    CHECK(!stls_conn_restore(conn), "restored");
    stls_conn_free(conn);
    stls_bytes_free(&record);
    stls_context_free(context);
}

/* The same of a client's sessions. */
static void test_sessions(void) {
    const int64_t longest = STLS_SESSION_LIFETIME_MAX;
    const struct {
        const char *what;
        int64_t received, expires, proved; /* seconds from now */
        stls_verdict_state state;
        int64_t since, until;
        bool good;
    } sessions[] = {
        {"of this second", 0, 1, 0, STLS_VERDICT_ACCEPTED, 0, 0, true},
        {"over", -1, 0, -1, STLS_VERDICT_ACCEPTED, -9, 9, false},
        {"of the future", 1, 9, 0, STLS_VERDICT_ACCEPTED, -9, 9, false},
        {"proved in the future", 0, 9, 1, STLS_VERDICT_ACCEPTED, -9, 9, false},
        {"proved long ago", 0, 9, -longest, STLS_VERDICT_ACCEPTED, -9, 9, true},
        {"proved too long ago", 0, 9, -longest - 1, STLS_VERDICT_ACCEPTED, -9, 9, false},
        {"of a verdict that is over", 0, 9, 0, STLS_VERDICT_ACCEPTED, -9, -1, false},
        {"of one that is to come", 0, 9, 0, STLS_VERDICT_ACCEPTED, 1, 9, false},
        {"of no verdict", 0, 9, 0, STLS_VERDICT_NOT_DONE, 1, -1, true},
    };
    for (size_t i = 0; i < COUNT(sessions); i++) {
        stls_session session = {.received_at = start + sessions[i].received,
                                .expires_at = start + sessions[i].expires,
                                .proved_at = start + sessions[i].proved};
        session.peer.verdict.state = sessions[i].state;
        session.peer.verdict.holds_since = start + sessions[i].since;
        session.peer.verdict.holds_until = start + sessions[i].until;
        check_case("%s", sessions[i].what);
        CHECK_NUMBER("good", stls_session_is_good(&session, start), sessions[i].good);
    }
}

/* Each peer and each name that is asked for has sessions of its own. */
static void test_keys(void) {
    static const struct {
        const char *peer, *server_name;
    } names[] = {{"a.test", "a.test"}, {"b.test", "a.test"}, {"a.test", "b.test"},
                 {"a.test", ""},       {"", "a.test"},       {"a.testa.test", ""}};
    uint8_t keys[COUNT(names)][STLS_FINGERPRINT_SIZE];
    stls_context *context = make_context();
    for (size_t i = 0; context != NULL && i < COUNT(names); i++) {
        check_case("\"%s\" by \"%s\"", names[i].peer, names[i].server_name);
        CHECK(stls_session_key(context, names[i].peer, names[i].server_name, keys[i]), "no key");
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(keys[i], keys[k], sizeof keys[i]) != 0, "the key of number %zu", k);
        }
    }
    stls_context_free(context);
}

/* A library's state comes out of a ticket whole, or not at all. */
static void test_room(void) {
    uint8_t state[100] = {1, 2, 3}, ticket[1000], out[sizeof state];
    size_t len = 0, ticket_len = 0;
    bool renew = false;
    stls_context *context = make_context();
    now = start;
    stls_conn *conn = make_conn(context, NONE, "a.test");
    receive(conn, &nobody);
    check_case("a state of %zu bytes", sizeof state);
    CHECK(!stls_up_ticket_seal(conn, false, (stls_bytes){state, 0}, ticket, sizeof ticket, &len),
          "nothing was sealed");
    CHECK(stls_up_ticket_seal(conn, false, (stls_bytes){state, sizeof state}, ticket, sizeof ticket,
                              &ticket_len),
          "not sealed");
    CHECK(!stls_up_ticket_seal(conn, false, (stls_bytes){state, sizeof state}, ticket,
                               ticket_len - 1, &len),
          "sealed into less than it takes");
    stls_conn_free(conn);
    for (size_t size = sizeof state - 1; size <= sizeof state; size++) {
        conn = make_conn(context, NONE, "a.test");
        CHECK_NUMBER(
            "opened",
            stls_up_ticket_open(conn, (stls_bytes){ticket, ticket_len}, out, size, &len, &renew),
            size == sizeof state);
        stls_conn_free(conn);
    }
    CHECK_BYTES("the state", ((stls_bytes){out, len}), ((stls_bytes){state, sizeof state}));
    stls_context_free(context);
}

static stls_context *make_client(void) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_trust *trust = pki_trust("root");
    bool made =
        stls_profile_new(stls_backend_default(), STLS_ROLE_CLIENT, &profile, &error) == STLS_OK &&
        stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
        stls_profile_set_clock(profile, clock_now, NULL, &error) == STLS_OK &&
        stls_context_new(profile, &context, &error) == STLS_OK;
    CHECK(made, "%s", error.text);
    stls_trust_free(trust);
    stls_profile_free(profile);
    return context;
}

/* How long a client keeps what a server has given. */
static void test_lifetimes(void) {
    static const uint8_t bytes[STLS_SESSION_BYTES_MAX + 1];
    const int64_t longest = STLS_SESSION_LIFETIME_MAX;
    const struct {
        const char *what;
        uint32_t lifetime;
        bool single_use;
        size_t len;
        int64_t now;
        int64_t life; /* 0: it is not kept */
    } sessions[] = {
        {"an hour", 3600, true, 9, start, 3600},
        {"none, in TLS 1.3", 0, true, 9, start, 0},
        {"none, in TLS 1.2, where that is not told", 0, false, 9, start, 3600},
        {"as long as may be", (uint32_t)longest, true, 9, start, longest},
        {"longer than may be", (uint32_t)longest + 1, true, 9, start, longest},
        {"of no bytes", 3600, true, 0, start, 0},
        {"as large as may be", 3600, true, STLS_SESSION_BYTES_MAX, start, 3600},
        {"too large", 3600, true, STLS_SESSION_BYTES_MAX + 1, start, 0},
        {"without a clock", 3600, true, 9, STLS_CLOCK_NOT_SET, 0},
    };
    stls_context *context = make_client();
    for (size_t i = 0; context != NULL && i < COUNT(sessions); i++) {
        stls_conn *conn = NULL;
        const stls_be_session told = {.state = {bytes, sessions[i].len},
                                      .lifetime_s = sessions[i].lifetime,
                                      .single_use = sessions[i].single_use};
        check_case("%s", sessions[i].what);
        now = sessions[i].now;
        CHECK_RESULT("a connection", stls_conn_new(context, "a.test", &conn, NULL), STLS_OK, NULL);
        stls_up_session(conn, &told);
        const stls_session *kept = conn->handshake->fresh;
        CHECK_NUMBER("kept", kept != NULL, sessions[i].life != 0);
        CHECK_NUMBER("its life", kept != NULL ? kept->expires_at - now : 0, sessions[i].life);
        stls_conn_free(conn);
    }
    stls_context_free(context);
}

static void describe_another(stls_be_description *description) {
    stls_backend_default()->describe(description);
    description->version_running = "another";
}

/* No key is used twice: not for two things, two libraries, or two versions of one. */
static void test_ring_keys(void) {
    stls_backend named = *stls_backend_default(), newer = *stls_backend_default();
    const stls_backend *const backends[] = {stls_backend_default(), &named, &newer};
    stls_ticket_ring *ring = NULL;
    stls_ring_keys keys[COUNT(backends)];
    stls_error error = {.result = STLS_NOT_DONE};
    named.name = "another";
    newer.describe = describe_another;
    CHECK_RESULT("the ring", stls_ticket_ring_new(stls_backend_default(), NULL, &ring, &error),
                 STLS_OK, &error);
    for (size_t i = 0; ring != NULL && i < COUNT(backends); i++) {
        check_case("library %zu", i);
        CHECK(stls_ticket_ring_keys(ring, backends[i], NULL, &keys[i]), "no keys");
        for (size_t k = 0; k <= i; k++) {
            CHECK(memcmp(keys[i].ticket.cipher, keys[k].ticket.mac, 32) != 0 &&
                      memcmp(keys[i].ticket.cipher, keys[k].aead, 32) != 0 &&
                      memcmp(keys[i].ticket.mac, keys[k].aead, 32) != 0,
                  "one key for two things");
            CHECK(i == k || (memcmp(keys[i].ticket.cipher, keys[k].ticket.cipher, 32) != 0 &&
                             memcmp(keys[i].ticket.mac, keys[k].ticket.mac, 32) != 0 &&
                             memcmp(keys[i].aead, keys[k].aead, 32) != 0),
                  "a key of library %zu", k);
        }
    }
    stls_ticket_ring_free(ring);
}

/* --- What a ticket or a session says of the peer */

static const struct peer_case {
    const char *what;
    uint64_t state, flags, tolerated, kind, count;
    size_t path_len;
    uint8_t path; /* each step */
    const char *name;
    size_t name_len;
    stls_result result;
} peers[] = {
    {"as it is", 1, 0, 0, 2, 1, 1, 0, "a.test", 6, STLS_OK},
    {"an anchor", 1, 0, 0, 2, 1, 1, STLS_PATH_ANCHOR, "a.test", 6, STLS_OK},
    {"a flaw, tolerated", 1, 6, 2, 2, 1, 1, 0, "a.test", 6, STLS_OK},
    {"a flaw that is not there, tolerated", 1, 4, 2, 2, 1, 1, 0, "a.test", 6, STLS_E_FORMAT},
    {"an unknown state", 3, 0, 0, 2, 1, 1, 0, "a.test", 6, STLS_E_FORMAT},
    {"an unknown kind of name", 1, 0, 0, STLS_NAME_CN + 1, 1, 1, 0, "a.test", 6, STLS_E_FORMAT},
    {"a step behind the chain", 1, 0, 0, 2, 1, 1, 1, "a.test", 6, STLS_E_FORMAT},
    {"the longest path", 1, 0, 0, 2, 1, STLS_PATH_MAX, 0, "a.test", 6, STLS_OK},
    {"a longer one", 1, 0, 0, 2, 1, STLS_PATH_MAX + 1, 0, "a.test", 6, STLS_E_FORMAT},
    {"NUL in the name", 1, 0, 0, 2, 1, 1, 0, "a\0test", 6, STLS_E_FORMAT},
    {"fewer certificates than are told", 1, 0, 0, 2, 2, 1, 0, "a.test", 6, STLS_E_FORMAT},
    {"more than a chain has", 1, 0, 0, 2, 256, 1, 0, "a.test", 6, STLS_E_FORMAT},
};

static void test_peers(void) {
    static const stls_verdict none;
    for (size_t i = 0; i < COUNT(peers); i++) {
        const struct peer_case *c = &peers[i];
        uint8_t path[STLS_PATH_MAX + 1];
        stls_writer writer = {.max = 4096};
        stls_peer peer;
        check_case("%s", c->what);
        memset(path, c->path, sizeof path);
        stls_write_number(&writer, c->state, 1);
        stls_write_number(&writer, c->flags, 4);
        stls_write_number(&writer, c->tolerated, 4);
        stls_write_number(&writer, 0, 2);
        stls_write_vector(&writer, (stls_bytes){none.depth, sizeof none.depth});
        for (int date = 0; date < 3; date++) {
            stls_write_number(&writer, 0, 8);
        }
        stls_write_vector(&writer, (stls_bytes){path, c->path_len});
        stls_write_number(&writer, c->kind, 1);
        stls_write_vector(&writer, (stls_bytes){(const uint8_t *)c->name, c->name_len});
        stls_write_text(&writer, "a sentence");
        stls_write_number(&writer, c->count, 2);
        stls_write_text(&writer, "a certificate");
        stls_bytes in = {writer.data, writer.len};
        CHECK_RESULT("the peer", stls_read_peer(&in, &peer), c->result, NULL);
        stls_free(peer.chain);
        stls_writer_free(&writer);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"cases", test_cases},         {"proof", test_proof},
        {"order", test_order},         {"sessions", test_sessions},
        {"keys", test_keys},           {"room", test_room},
        {"lifetimes", test_lifetimes}, {"keys of a ring", test_ring_keys},
        {"peers", test_peers},         {NULL, NULL}};
    static const test_suite suites[] = {{"tickets", tests}, {NULL, NULL}};
    if (!stls_backend_can(stls_backend_default(), STLS_CAN_ISSUE_TICKETS)) {
        printf("skipped: the default backend issues no tickets\n");
        return 77;
    }
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
