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

int main(int argc, char **argv) {
    static const test_case tests[] = {{"cases", test_cases}, {"proof", test_proof},
                                      {"order", test_order}, {"sessions", test_sessions},
                                      {"keys", test_keys},   {NULL, NULL}};
    static const test_suite suites[] = {{"tickets", tests}, {NULL, NULL}};
    if (!stls_backend_can(stls_backend_default(), STLS_CAN_ISSUE_TICKETS)) {
        printf("skipped: the default backend issues no tickets\n");
        return 77;
    }
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
