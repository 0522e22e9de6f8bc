/* tests/conformance/revalidate.c - a clock that is not set yet, and the verdict given again on a
 * connection that lives.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>
#include <time.h>

enum { DAY = 86400, TODAY = 1000000, CERTIFICATE_UNKNOWN = 46 };

/* A context of `e` whose trust has the CRL `crl` too, for `mode`. */
static stls_context *context_with_crl(stls_role role, const end *e, const char *crl) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    stls_trust *trust = pki_trust(e->trust);
    CHECK_RESULT("the CRL", stls_trust_add_crl_file(trust, pki_path(crl), &error), STLS_OK, &error);
    CHECK_RESULT("the profile", end_try_profile(role, e, &profile, &error), STLS_OK, &error);
    if (profile != NULL) {
        stls_profile_set_trust(profile, trust, NULL);
        stls_profile_set_crl_mode(profile, STLS_CRL_LEAF, NULL);
        CHECK_RESULT("the context", stls_context_new(profile, &context, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    return context;
}

/* What side `s` answers, and what it makes of the verdict and the lock; and the connection works.
 */
static void check_again(pair *p, side s, const stls_context *context, stls_result result,
                        uint32_t flags, bool secure) {
    stls_error error = {0};
    CHECK_RESULT("revalidate", stls_conn_revalidate(p->conn[s], context, &error), result, &error);
    CHECK_TEXT("the flags", flags_text(pair_verdict(p, s)->flags), flags_text(flags));
    CHECK(stls_conn_is_secure(p->conn[s]) == secure, "the lock is wrong: %s",
          pair_verdict(p, s)->text);
    if (result == STLS_E_VERIFY) {
        CHECK_TEXT("the sentence", error.text, pair_verdict(p, s)->text);
        CHECK_NUMBER("the state", pair_verdict(p, s)->state, STLS_VERDICT_REJECTED);
        CHECK_NUMBER("next expiry", pair_verdict(p, s)->next_expiry, 0);
    }
    CHECK_NUMBER("the connection's own error", pair_error(p, s)->result, STLS_NOT_DONE);
    pair_echo(p, 100);
}

/* --- The clock --- */

/* What a client makes of a server while its clock says `now`. */
static const struct clock_case {
    const char *name, *credential;
    int64_t now; /* 0: the right time */
    int floor;   /* days from today; 0: none */
    uint32_t tolerated, flags;
    bool accepted;
} clock_cases[] = {
    {"is set", "server", 0, -10, 0, 0, true},
    {"says so", "server", STLS_CLOCK_NOT_SET, 0, 0, STLS_FLAG_CLOCK_NOT_SET, false},
    {"says so, tolerated", "server", STLS_CLOCK_NOT_SET, 0, STLS_FLAG_CLOCK_NOT_SET,
     STLS_FLAG_CLOCK_NOT_SET, true},
    {"is in 1970", "server", 100, -10, 0, STLS_FLAG_CLOCK_NOT_SET, false},
    {"is in 1970, tolerated", "server", 100, -10, STLS_FLAG_CLOCK_NOT_SET, STLS_FLAG_CLOCK_NOT_SET,
     true},
    {"is in 1970, without a floor", "server", 100, 0, STLS_FLAG_CLOCK_NOT_SET,
     STLS_FLAG_NOT_YET_VALID, false},
    {"is in 1970, and it may have expired", "expired", 100, -10, STLS_FLAG_CLOCK_NOT_SET,
     STLS_FLAG_CLOCK_NOT_SET, true},
    {"is in 1970, and it has expired for certain", "expired", 100, TODAY, STLS_FLAG_CLOCK_NOT_SET,
     STLS_FLAG_CLOCK_NOT_SET | STLS_FLAG_EXPIRED, false},
    {"is in 1970, for another domain", "wrong-domain", 100, -10, STLS_FLAG_CLOCK_NOT_SET,
     STLS_FLAG_CLOCK_NOT_SET | STLS_FLAG_NAME_MISMATCH, false},
};

static void run_clock(const struct clock_case *c, uint16_t version) {
    int64_t today = (int64_t)time(NULL), now = c->now != 0 ? c->now : today;
    end client = {.trust = GOOD_ROOTS,
                  .peer = "example.test",
                  .version = version,
                  .now = &now,
                  .clock_floor = c->floor == TODAY ? today
                                 : c->floor != 0   ? today + (int64_t)c->floor * DAY
                                                   : 0,
                  .tolerated = c->tolerated};
    end server = {.credential = c->credential, .version = version};
    pair p;
    check_case("the clock %s, %s", c->name, version_text(version));
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the client", pair_outcome(&p, CLIENT), c->accepted ? STLS_OK : STLS_E_VERIFY,
                     pair_error(&p, CLIENT));
        CHECK_TEXT("the flags", flags_text(pair_verdict(&p, CLIENT)->flags), flags_text(c->flags));
        CHECK(stls_conn_is_secure(p.conn[CLIENT]) == (c->flags == 0), "the lock is wrong");
        if (c->flags == STLS_FLAG_CLOCK_NOT_SET && !c->accepted) {
            check_alert(&p, CLIENT, CERTIFICATE_UNKNOWN);
        }
        if (c->accepted && pair_echo(&p, 10)) { /* and then somebody sets it */
            bool expired = strcmp(c->credential, "expired") == 0;
            now = today;
            check_again(&p, CLIENT, NULL, expired ? STLS_E_VERIFY : STLS_OK,
                        expired ? STLS_FLAG_EXPIRED : 0, !expired);
        }
    }
    pair_close(&p);
}

static void test_clock(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(clock_cases); i++) {
            run_clock(&clock_cases[i], both_versions[v]);
        }
    }
}

/* A server's clock may be wrong as well. */
static void test_clock_of_server(void) {
    int64_t now = STLS_CLOCK_NOT_SET;
    end client = {.trust = GOOD_ROOTS, .peer = "example.test", .credential = "phone"};
    end server = {.credential = "server",
                  .trust = "root",
                  .verify = STLS_VERIFY_REQUIRED,
                  .now = &now,
                  .tolerated = STLS_FLAG_CLOCK_NOT_SET};
    pair p;
    check_case("the server's clock is not set");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_again(&p, SERVER, NULL, STLS_OK, STLS_FLAG_CLOCK_NOT_SET, false);
        now = (int64_t)time(NULL);
        check_again(&p, SERVER, NULL, STLS_OK, 0, true);
    }
    pair_close(&p);
}

static void test_floor_argument(void) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    check_case("a floor before 1970");
    stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile, &error);
    CHECK_RESULT("the setter", stls_profile_set_clock_floor(profile, -1, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("without profile", stls_profile_set_clock_floor(NULL, 1, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("off", stls_profile_set_clock_floor(profile, 0, &error), STLS_OK, &error);
    stls_profile_free(profile);
}

/* --- Again --- */

static void test_expired(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        int64_t now = (int64_t)time(NULL);
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .credential = "phone",
                      .now = &now,
                      .version = both_versions[v]};
        end server = client;
        server.peer = NULL;
        server.credential = "server";
        server.verify = STLS_VERIFY_REQUIRED;
        pair p;
        check_case("the certificates expire, %s", version_text(both_versions[v]));
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            for (side s = CLIENT; s <= SERVER; s++) {
                stls_certificate_info info = {.not_after = 0};
                int64_t before = now;
                check_again(&p, s, NULL, STLS_OK, 0, true);
                stls_certificate_read(stls_conn_peer_certificate(p.conn[s], 0), &info, NULL);
                CHECK_NUMBER("next expiry", pair_verdict(&p, s)->next_expiry, info.not_after);
                now = info.not_after; /* the last second */
                check_again(&p, s, NULL, STLS_OK, 0, true);
                now++;
                check_again(&p, s, NULL, STLS_E_VERIFY, STLS_FLAG_EXPIRED, false);
                check_again(&p, s, NULL, STLS_E_VERIFY, STLS_FLAG_EXPIRED, false);
                now = before;
                check_again(&p, s, NULL, STLS_OK, 0, true);
            }
            now += 10000 * (int64_t)DAY;
            CHECK_RESULT("revalidate", stls_conn_revalidate(p.conn[CLIENT], NULL, NULL),
                         STLS_E_VERIFY, NULL);
            pair_shut(&p); /* and it can be ended as any other */
        }
        pair_close(&p);
    }
}

static void test_revoked(void) {
    end client = {.trust = "root", .peer = "example.test"};
    end server = {.credential = "revoked"};
    stls_context *fresh = context_with_crl(STLS_ROLE_CLIENT, &client, "crl-int-revoked.pem");
    stls_context *harmless = context_with_crl(STLS_ROLE_CLIENT, &client, "crl-int.pem");
    pair p;
    check_case("revoked since");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_again(&p, CLIENT, NULL, STLS_OK, 0, true);
        check_again(&p, CLIENT, harmless, STLS_OK, 0, true);
        check_again(&p, CLIENT, fresh, STLS_E_VERIFY, STLS_FLAG_REVOKED, false);
        CHECK(stls_conn_context(p.conn[CLIENT]) != fresh, "it went over to the other context");
        check_again(&p, CLIENT, NULL, STLS_OK, 0, true);
        check_again(&p, CLIENT, fresh, STLS_E_VERIFY, STLS_FLAG_REVOKED, false);
        pair_hang_up(&p, SERVER); /* what happens later has its own reason */
        uint8_t data[10];
        size_t done;
        CHECK_RESULT("the next read", pair_read(&p, CLIENT, data, sizeof data, &done), STLS_EOF,
                     pair_error(&p, CLIENT));
    }
    pair_close(&p);
    stls_context_free(fresh);
    stls_context_free(harmless);
}

/* One connection, and what another context makes of it. */
typedef struct other_case {
    const char *name;
    side side;
    end client, server; /* the connection */
    end other;          /* the context, of the role of `side` */
    stls_result result;
    uint32_t flags;
    bool secure;
} other_case;

static const end_host required_host[] = {{"example.test", "server-rsa", STLS_VERIFY_REQUIRED},
                                         {NULL, NULL, 0}};
static const end_host optional_host[] = {{"example.test", "server-rsa", STLS_VERIFY_OPTIONAL},
                                         {NULL, NULL, 0}};

#define CLIENT_END       .trust = GOOD_ROOTS, .peer = "example.test"
#define PHONE            CLIENT_END, .credential = "phone"
#define SERVER_OF(mode_) .credential = "server", .trust = "root", .verify = STLS_VERIFY_##mode_

static const other_case other_cases[] = {
    {"another trust",
     CLIENT,
     {CLIENT_END},
     {.credential = "server"},
     {.trust = "other-root", .peer = "example.test"},
     STLS_E_VERIFY,
     STLS_FLAG_UNTRUSTED,
     false},
    {"a list that has the name",
     CLIENT,
     {CLIENT_END},
     {.credential = "server"},
     {.trust = "root", .identity = STLS_IDENTITY_LIST, .names = "other.test example.test"},
     STLS_OK,
     0,
     true},
    {"a list that has not",
     CLIENT,
     {CLIENT_END},
     {.credential = "server"},
     {.trust = "root", .identity = STLS_IDENTITY_LIST, .names = "other.test"},
     STLS_E_VERIFY,
     STLS_FLAG_NAME_MISMATCH,
     false},
    {"a name that is tolerated",
     CLIENT,
     {CLIENT_END},
     {.credential = "server"},
     {.trust = "root",
      .identity = STLS_IDENTITY_LIST,
      .names = "other.test",
      .tolerated = STLS_FLAG_NAME_MISMATCH},
     STLS_OK,
     STLS_FLAG_NAME_MISMATCH,
     false},
    {"no name is asked for",
     CLIENT,
     {CLIENT_END},
     {.credential = "server"},
     {.trust = "root", .identity = STLS_IDENTITY_NONE},
     STLS_OK,
     0,
     false},
    {"by a context that verifies, after one that did not",
     CLIENT,
     {.peer = "example.test", .verify = STLS_VERIFY_NONE},
     {.credential = "server"},
     {CLIENT_END},
     STLS_OK,
     0,
     true},
    {"the same, and it is another's",
     CLIENT,
     {.peer = "other.test", .verify = STLS_VERIFY_NONE},
     {.credential = "server"},
     {CLIENT_END},
     STLS_E_VERIFY,
     STLS_FLAG_NAME_MISMATCH,
     false},

    {"a server's other trust",
     SERVER,
     {PHONE},
     {SERVER_OF(REQUIRED)},
     {.credential = "server", .trust = "other-root", .verify = STLS_VERIFY_REQUIRED},
     STLS_E_VERIFY,
     STLS_FLAG_UNTRUSTED,
     false},
    {"a server's list without the client",
     SERVER,
     {PHONE},
     {SERVER_OF(REQUIRED)},
     {SERVER_OF(REQUIRED), .identity = STLS_IDENTITY_LIST, .names = "bob.example.test"},
     STLS_E_VERIFY,
     STLS_FLAG_NAME_MISMATCH,
     false},
    {"a server's list with the client",
     SERVER,
     {PHONE},
     {SERVER_OF(REQUIRED)},
     {SERVER_OF(REQUIRED), .identity = STLS_IDENTITY_LIST, .names = "alice.example.test"},
     STLS_OK,
     0,
     true},
    {"what is let in to be looked at stays",
     SERVER,
     {PHONE},
     {SERVER_OF(REQUIRED)},
     {.credential = "server", .trust = "other-root", .verify = STLS_VERIFY_OPTIONAL_ANY},
     STLS_OK,
     STLS_FLAG_UNTRUSTED,
     false},
    {"what was let in to be looked at",
     SERVER,
     {CLIENT_END, .credential = "phone-other"},
     {SERVER_OF(OPTIONAL_ANY)},
     {SERVER_OF(REQUIRED)},
     STLS_E_VERIFY,
     STLS_FLAG_UNTRUSTED,
     false},
    {"its CA is trusted since",
     SERVER,
     {CLIENT_END, .credential = "phone-other"},
     {SERVER_OF(OPTIONAL_ANY)},
     {.credential = "server", .trust = "other-root", .verify = STLS_VERIFY_REQUIRED},
     STLS_OK,
     0,
     true},
    {"no certificate, and none is needed",
     SERVER,
     {CLIENT_END},
     {SERVER_OF(OPTIONAL)},
     {SERVER_OF(OPTIONAL)},
     STLS_OK,
     0,
     false},
    {"no certificate, and one is needed now",
     SERVER,
     {CLIENT_END},
     {SERVER_OF(OPTIONAL)},
     {SERVER_OF(REQUIRED)},
     STLS_E_VERIFY,
     STLS_FLAG_NO_CERTIFICATE,
     false},
    {"none was asked for, and one is needed now",
     SERVER,
     {PHONE},
     {.credential = "server"},
     {SERVER_OF(REQUIRED)},
     STLS_E_VERIFY,
     STLS_FLAG_NO_CERTIFICATE,
     false},
    {"the host's mode counts",
     SERVER,
     {CLIENT_END},
     {SERVER_OF(OPTIONAL)},
     {SERVER_OF(OPTIONAL), .hosts = required_host},
     STLS_E_VERIFY,
     STLS_FLAG_NO_CERTIFICATE,
     false},
    {"and not the profile's",
     SERVER,
     {CLIENT_END},
     {SERVER_OF(OPTIONAL)},
     {SERVER_OF(REQUIRED), .hosts = optional_host},
     STLS_OK,
     0,
     false},
};

static void test_other_contexts(void) {
    for (size_t i = 0; i < COUNT(other_cases); i++) {
        const other_case *c = &other_cases[i];
        stls_role role = c->side == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER;
        pair p;
        check_case("%s", c->name);
        stls_context *other = end_context(role, &c->other);
        if (other != NULL && pair_open(&p, &c->client, &c->server, NULL)) {
            if (pair_connect(&p)) {
                check_again(&p, c->side, other, c->result, c->flags, c->secure);
            }
        }
        if (other != NULL) {
            pair_close(&p);
        }
        stls_context_free(other);
    }
}

/* What was said by a context for which somebody has to be there, does not stay. */
static void test_absence(void) {
    end client = {CLIENT_END}, server = {SERVER_OF(OPTIONAL)}, strict = {SERVER_OF(REQUIRED)};
    stls_context *other = end_context(STLS_ROLE_SERVER, &strict);
    pair p;
    check_case("no certificate: one is needed, and then none");
    if (other != NULL && pair_open(&p, &client, &server, NULL)) {
        if (pair_connect(&p)) {
            check_again(&p, SERVER, other, STLS_E_VERIFY, STLS_FLAG_NO_CERTIFICATE, false);
            check_again(&p, SERVER, NULL, STLS_OK, 0, false);
            CHECK_NUMBER("the verdict's state", stls_conn_verdict(p.conn[SERVER])->state,
                         STLS_VERDICT_NOT_DONE);
        }
    }
    if (other != NULL) {
        pair_close(&p);
    }
    stls_context_free(other);
}

/* The mode of the host that the client asked for is the connection's own. */
static void test_hosts(void) {
    int64_t now = (int64_t)time(NULL);
    end client = {PHONE};
    end server = {.credential = "server", .trust = "root", .now = &now, .hosts = required_host};
    pair p;
    check_case("a host with another mode than the profile");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_again(&p, SERVER, NULL, STLS_OK, 0, true);
        now += 10000 * (int64_t)DAY;
        stls_error error = {0};
        CHECK_RESULT("when all has expired", stls_conn_revalidate(p.conn[SERVER], NULL, &error),
                     STLS_E_VERIFY, &error);
    }
    pair_close(&p);
}

static void check_refused(const char *what, stls_conn *conn, const stls_context *context,
                          stls_result result) {
    stls_error error = {0};
    stls_verdict before = *stls_conn_verdict(conn);
    CHECK_RESULT(what, stls_conn_revalidate(conn, context, &error), result, &error);
    CHECK(error.text[0] != '\0', "%s: no sentence", what);
    CHECK(stls_conn_verdict(conn)->state == before.state &&
              stls_conn_verdict(conn)->flags == before.flags,
          "%s: the verdict is another", what);
}

/* A host that a newer context has lost, and who came without a name. */
static void test_hosts_not_served(void) {
    static const end_host other_host[] = {{"other.test", "server-rsa", STLS_VERIFY_OPTIONAL_ANY},
                                          {NULL, NULL, 0}};
    static const char *const names[] = {"example.test", ""};
    end strict = {SERVER_OF(OPTIONAL_ANY), .hosts = other_host, .strict_hosts = true};
    end open = {SERVER_OF(OPTIONAL_ANY), .hosts = other_host};
    stls_context *refuses = end_context(STLS_ROLE_SERVER, &strict);
    stls_context *serves = end_context(STLS_ROLE_SERVER, &open);
    for (size_t i = 0; i < COUNT(names); i++) {
        end client = {PHONE, .server_name = names[i]}, server = {SERVER_OF(REQUIRED)};
        pair p;
        check_case("the host \"%s\" is not served any more", names[i]);
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            check_refused("by known hosts only", p.conn[SERVER], refuses, STLS_E_REFUSED);
            check_again(&p, SERVER, serves, STLS_OK, 0, true);
        }
        pair_close(&p);
    }
    stls_context_free(refuses);
    stls_context_free(serves);
}

/* The chain can be judged by any library. */
static void test_other_backends(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        end client = {CLIENT_END}, server = {.credential = "server"};
        end elsewhere = {CLIENT_END, .backend = backend};
        pair p;
        check_case("a context on %s", stls_backend_name(backend));
        stls_context *other = end_context(STLS_ROLE_CLIENT, &elsewhere);
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            check_again(&p, CLIENT, other, STLS_OK, 0, true);
        }
        pair_close(&p);
        stls_context_free(other);
    }
}

/* --- What is refused --- */

static void test_refused(void) {
    end client = {CLIENT_END}, server = {.credential = "server"};
    end nobody = {.peer = "example.test", .verify = STLS_VERIFY_NONE};
    stls_context *of_server = end_context(STLS_ROLE_SERVER, &server), *verifier = NULL;
    stls_context *verifies_nobody = end_context(STLS_ROLE_CLIENT, &nobody);
    stls_profile *profile = NULL;
    pair p;
    check_case("contexts that do not do");
    end_try_profile(STLS_ROLE_CLIENT, &client, &profile, NULL);
    stls_context_new_verifier(profile, &verifier, NULL);
    check_refused("no connection", NULL, NULL, STLS_E_ARGUMENT);
    if (pair_open(&p, &client, &server, NULL)) {
        check_refused("before the handshake", p.conn[CLIENT], NULL, STLS_E_STATE);
        for (int step = 0; step < 20 && p.handshake[CLIENT] != STLS_OK; step++) {
            p.handshake[CLIENT] = stls_conn_handshake(p.conn[CLIENT]);
            p.handshake[SERVER] = stls_conn_handshake(p.conn[SERVER]);
            if (p.handshake[CLIENT] != STLS_OK) {
                check_refused("in the handshake", p.conn[CLIENT], NULL, STLS_E_STATE);
            }
            pair_move(&p);
        }
        if (pair_connect(&p)) {
            check_refused("a server's context", p.conn[CLIENT], of_server, STLS_E_ARGUMENT);
            check_refused("a verifier", p.conn[CLIENT], verifier, STLS_E_ARGUMENT);
            check_refused("verification is off", p.conn[CLIENT], verifies_nobody, STLS_E_STATE);
            check_refused("a server's is off", p.conn[SERVER], NULL, STLS_E_STATE);
            check_again(&p, CLIENT, NULL, STLS_OK, 0, true);
        }
    }
    pair_close(&p);
    stls_context_free(of_server);
    stls_context_free(verifier);
    stls_context_free(verifies_nobody);
    stls_profile_free(profile);
}

static void test_no_name(void) {
    end client = {.trust = GOOD_ROOTS, .identity = STLS_IDENTITY_LIST, .names = "example.test"};
    end by_name = {CLIENT_END}, server = {.credential = "server"};
    stls_context *other = end_context(STLS_ROLE_CLIENT, &by_name);
    pair p;
    check_case("a connection without a name");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_refused("by a context that needs one", p.conn[CLIENT], other, STLS_E_ARGUMENT);
        check_again(&p, CLIENT, NULL, STLS_OK, 0, true);
    }
    pair_close(&p);
    stls_context_free(other);
}

static void test_failed(void) {
    end client = {.trust = "other-root", .peer = "example.test"};
    end server = {.credential = "server"}, trusting = {CLIENT_END};
    stls_context *other = end_context(STLS_ROLE_CLIENT, &trusting);
    pair p;
    check_case("a connection that was refused");
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        check_refused("by a context that would not", p.conn[CLIENT], other, STLS_E_STATE);
        CHECK(!stls_conn_is_secure(p.conn[CLIENT]), "it is secure");
    }
    pair_close(&p);
    stls_context_free(other);
}

const test_case revalidate_tests[] = {
    {"the clock is not set", test_clock},
    {"the server's clock", test_clock_of_server},
    {"a floor before 1970", test_floor_argument},
    {"expired since", test_expired},
    {"revoked since", test_revoked},
    {"by other contexts", test_other_contexts},
    {"who showed nothing", test_absence},
    {"by a host's mode", test_hosts},
    {"hosts that are not served", test_hosts_not_served},
    {"by other backends", test_other_backends},
    {"refused", test_refused},
    {"without a name", test_no_name},
    {"after a failure", test_failed},
    {NULL, NULL},
};
