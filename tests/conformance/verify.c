/* tests/conformance/verify.c - the verdict on a server's chain: the same on every backend, in both
 * versions, and from stls_verify() as from a handshake.
 *
 * Promise P1 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>
#include <time.h>

enum { DAY = 86400 };

/* The alerts that go with a verdict. */
enum {
    BAD_CERTIFICATE = 42,
    UNSUPPORTED_CERTIFICATE = 43,
    CERTIFICATE_EXPIRED = 45,
    CERTIFICATE_UNKNOWN = 46,
    UNKNOWN_CA = 48,
};

typedef struct verdict_case {
    const char *credential;
    const char *trust; /* NULL: all anchors but other-root */
    uint32_t flags;    /* 0: accepted and secure */
    unsigned depth;    /* of every flag */
    int alert;
} verdict_case;

static const verdict_case cases[] = {
    {.credential = "server"},
    {.credential = "server-rsa"},
    {.credential = "server-p384"},
    {.credential = "peer-both"},
    {.credential = "direct"},
    {.credential = "server", .trust = "int"},
    {.credential = "eku-none"},
    {.credential = "eku-any"},
    {.credential = "eku-sip"},
    {.credential = "ca-as-leaf"},
    {.credential = "via-nc"},
    {.credential = "via-ed25519"},

    {.credential = "server",
     .trust = "other-root",
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 1,
     .alert = UNKNOWN_CA},
    {.credential = "server-rsa",
     .trust = "other-root",
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 1,
     .alert = UNKNOWN_CA},
    {.credential = "self-signed", .flags = STLS_FLAG_UNTRUSTED, .alert = UNKNOWN_CA},
    {.credential = "bad-signature", .flags = STLS_FLAG_BAD_SIGNATURE, .alert = BAD_CERTIFICATE},

    {.credential = "expired", .flags = STLS_FLAG_EXPIRED, .alert = CERTIFICATE_EXPIRED},
    {.credential = "not-yet", .flags = STLS_FLAG_NOT_YET_VALID, .alert = CERTIFICATE_EXPIRED},
    {.credential = "via-int-expired",
     .flags = STLS_FLAG_EXPIRED,
     .depth = 1,
     .alert = CERTIFICATE_EXPIRED},
    {.credential = "via-root-expired",
     .flags = STLS_FLAG_EXPIRED,
     .depth = 1,
     .alert = CERTIFICATE_EXPIRED},

    {.credential = "wrong-domain", .flags = STLS_FLAG_NAME_MISMATCH, .alert = BAD_CERTIFICATE},
    {.credential = "eku-client", .flags = STLS_FLAG_WRONG_USAGE, .alert = UNSUPPORTED_CERTIFICATE},
    {.credential = "eku-wrong", .flags = STLS_FLAG_WRONG_USAGE, .alert = UNSUPPORTED_CERTIFICATE},
    {.credential = "ku-none-signing",
     .flags = STLS_FLAG_WRONG_USAGE,
     .alert = UNSUPPORTED_CERTIFICATE},
    {.credential = "via-eku-client",
     .flags = STLS_FLAG_WRONG_USAGE,
     .depth = 1,
     .alert = UNSUPPORTED_CERTIFICATE},

    {.credential = "via-notca", .flags = STLS_FLAG_NOT_A_CA, .depth = 1, .alert = UNKNOWN_CA},
    {.credential = "via-nobc", .flags = STLS_FLAG_NOT_A_CA, .depth = 1, .alert = UNKNOWN_CA},
    {.credential = "via-nosign", .flags = STLS_FLAG_NOT_A_CA, .depth = 1, .alert = UNKNOWN_CA},
    {.credential = "via-int2",
     .flags = STLS_FLAG_PATH_TOO_LONG,
     .depth = 2,
     .alert = CERTIFICATE_UNKNOWN},
    {.credential = "via-nc-violated",
     .flags = STLS_FLAG_NAME_CONSTRAINT,
     .alert = CERTIFICATE_UNKNOWN},
    {.credential = "via-unknown-critical",
     .flags = STLS_FLAG_UNKNOWN_CRITICAL,
     .depth = 1,
     .alert = UNSUPPORTED_CERTIFICATE},
    {.credential = "unknown-critical",
     .flags = STLS_FLAG_UNKNOWN_CRITICAL,
     .alert = UNSUPPORTED_CERTIFICATE},

    {.credential = "rsa1024", .flags = STLS_FLAG_WEAK_KEY, .alert = CERTIFICATE_UNKNOWN},
    {.credential = "sha1", .flags = STLS_FLAG_WEAK_ALGORITHM, .alert = CERTIFICATE_UNKNOWN},
    /* No backend is asked to check an MD5 signature, so tolerating the weakness would not help. */
    {.credential = "md5",
     .flags = STLS_FLAG_WEAK_ALGORITHM | STLS_FLAG_UNSUPPORTED,
     .alert = CERTIFICATE_UNKNOWN},
};

/* Certificates that a backend's own library does not let a server show, because it checks them
 * itself. Another backend shows them then. That these cannot be shown is a check, too. */
static const struct {
    const char *backend, *credential;
    uint16_t version; /* 0: both */
} cannot_show[] = {
    {"openssl", "ku-none-signing", STLS_TLS1_2},
};

static bool can_show(const stls_backend *backend, const char *credential, uint16_t version) {
    for (size_t i = 0; i < COUNT(cannot_show); i++) {
        if (strcmp(cannot_show[i].backend, stls_backend_name(backend)) == 0 &&
            strcmp(cannot_show[i].credential, credential) == 0 &&
            (cannot_show[i].version == 0 || cannot_show[i].version == version)) {
            return false;
        }
    }
    return true;
}

static bool is_pki_file(const char *credential) {
    /* An openssl that refuses to sign with MD5 leaves it out (tests/pki/README.md). */
    stls_credential *found;
    stls_result r;
    if (strcmp(credential, "md5") != 0) {
        return true;
    }
    r = pki_try_credential(test_backend(), credential, &found, NULL);
    stls_credential_free(found);
    return r != STLS_E_FILE;
}

/* The listed exceptions are true: these servers cannot show these certificates. */
static void check_cannot_show(const stls_backend *backend, const char *credential,
                              uint16_t version) {
    end client = {.verify = STLS_VERIFY_NONE, .version = version};
    end server = {.backend = backend, .credential = credential, .version = version};
    stls_context *client_context = end_context(STLS_ROLE_CLIENT, &client), *server_context;
    pair p;
    if (end_try_context(STLS_ROLE_SERVER, &server, &server_context, NULL) == STLS_OK) {
        if (pair_open_on(&p, client_context, &client, server_context, NULL)) {
            pair_handshake(&p);
            CHECK(p.handshake[SERVER] != STLS_OK,
                  "%s can show %s: take it out of the table of what it cannot show",
                  stls_backend_name(backend), credential);
        }
        pair_close(&p);
    }
    stls_context_free(server_context);
    stls_context_free(client_context);
}

/* A server's backend that shows `credential`: the one under test, if it can. */
static const stls_backend *shower(const char *credential, uint16_t version) {
    const stls_backend *backend;
    if (can_show(test_backend(), credential, version)) {
        return test_backend();
    }
    check_cannot_show(test_backend(), credential, version);
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        if (can_show(backend, credential, version)) {
            return backend;
        }
    }
    return NULL;
}

static void check_flags(const stls_verdict *v, uint32_t flags, unsigned depth) {
    CHECK_TEXT("the flags", flags_text(v->flags), flags_text(flags));
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        if (v->flags & flags & ((uint32_t)1 << bit)) {
            CHECK(v->depth[bit] == depth, "%s at depth %u, not %u", flags_text((uint32_t)1 << bit),
                  v->depth[bit], depth);
        }
    }
}

/* Judged without a connection, the chain that the peer sent gets the verdict that it got in the
 * handshake. */
static void check_same_verdict(const pair *p, side s, const char *peer) {
    const stls_verdict *live = pair_verdict(p, s);
    stls_verdict again = {.state = STLS_VERDICT_NOT_DONE};
    stls_bytes chain[16];
    size_t count = stls_conn_peer_count(p->conn[s]);
    stls_error error = {0};
    stls_result r;
    if (!CHECK(count > 0 && count <= COUNT(chain), "the peer sent %zu certificates", count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        chain[i] = stls_conn_peer_certificate(p->conn[s], i);
    }
    r = stls_verify(stls_conn_context(p->conn[s]), chain, count, peer, &again, &error);
    CHECK_RESULT("stls_verify", r, live->state == STLS_VERDICT_ACCEPTED ? STLS_OK : STLS_E_VERIFY,
                 &error);
    CHECK_NUMBER("stls_verify's state", again.state, live->state);
    CHECK_TEXT("stls_verify's flags", flags_text(again.flags), flags_text(live->flags));
    CHECK_NUMBER("stls_verify's tolerated", again.tolerated, live->tolerated);
    CHECK(memcmp(again.depth, live->depth, sizeof again.depth) == 0, "stls_verify's depths differ");
    CHECK_NUMBER("stls_verify's alert", again.alert, live->alert);
    CHECK_NUMBER("the length of stls_verify's path", again.path_len, live->path_len);
    CHECK(memcmp(again.path, live->path, live->path_len) == 0, "stls_verify's path differs");
    CHECK_NUMBER("the kind of stls_verify's name", again.name_kind, live->name_kind);
    CHECK_TEXT("stls_verify's name", again.name, live->name);
    CHECK_TEXT("stls_verify's sentence", again.text, live->text);
}

static void check_accepted(pair *p) {
    const stls_verdict *v = pair_verdict(p, CLIENT);
    if (!CHECK_RESULT("the client", pair_outcome(p, CLIENT), STLS_OK, pair_error(p, CLIENT)) ||
        !CHECK_RESULT("the server", pair_outcome(p, SERVER), STLS_OK, pair_error(p, SERVER))) {
        return;
    }
    CHECK_NUMBER("the state", v->state, STLS_VERDICT_ACCEPTED);
    CHECK(stls_verdict_is_secure(v) && stls_conn_is_secure(p->conn[CLIENT]), "not secure: %s",
          v->text);
    CHECK_NUMBER("the verdict's alert", v->alert, STLS_ALERT_NONE);
    CHECK(v->path_len >= 2 || v->path[0] == STLS_PATH_ANCHOR, "a path of %zu", v->path_len);
}

static void check_rejected(pair *p, int alert) {
    const stls_verdict *v = pair_verdict(p, CLIENT);
    CHECK_RESULT("the client", p->handshake[CLIENT], STLS_E_VERIFY, pair_error(p, CLIENT));
    CHECK_RESULT("the server", pair_outcome(p, SERVER), STLS_E_ALERT, pair_error(p, SERVER));
    CHECK_NUMBER("the state", v->state, STLS_VERDICT_REJECTED);
    CHECK(!stls_verdict_is_secure(v) && !stls_conn_is_secure(p->conn[CLIENT]),
          "a rejected peer is secure");
    CHECK_NUMBER("the verdict's alert", v->alert, alert);
    check_alert(p, CLIENT, alert);
    CHECK(strlen(pair_error(p, CLIENT)->text) >= 20, "the error's sentence is \"%s\"",
          pair_error(p, CLIENT)->text);
}

static void check_case_verdict(pair *p, const verdict_case *c, const char *peer) {
    if (c->flags) {
        check_rejected(p, c->alert);
    } else {
        check_accepted(p);
    }
    check_flags(pair_verdict(p, CLIENT), c->flags, c->depth);
    CHECK(strlen(pair_verdict(p, CLIENT)->text) >= 20, "the verdict's sentence is \"%s\"",
          pair_verdict(p, CLIENT)->text);
    check_same_verdict(p, CLIENT, peer);
}

static void run_case(const verdict_case *c, uint16_t version) {
    const stls_backend *backend = shower(c->credential, version);
    const unreadable *u = find_unreadable(c->credential);
    end client = {.trust = c->trust ? c->trust : GOOD_ROOTS " root-expired",
                  .peer = "example.test",
                  .version = version};
    end server = {.backend = backend, .credential = c->credential, .version = version};
    pair p;
    check_case("%s%s%s, %s", c->credential, c->trust ? ", trust " : "", c->trust ? c->trust : "",
               version_text(version));
    if (!is_pki_file(c->credential)) {
        return;
    }
    if (backend == NULL) {
        test_skip(c->credential, "no backend of this build can show it in %s",
                  version_text(version));
        return;
    }
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        if (u) {
            check_unreadable(&p, u, version);
        } else {
            check_case_verdict(&p, c, client.peer);
        }
    }
    pair_close(&p);
}

static void test_verdicts_12(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        run_case(&cases[i], STLS_TLS1_2);
    }
}

static void test_verdicts_13(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        run_case(&cases[i], STLS_TLS1_3);
    }
}

/* --- What a profile tolerates, and what it may change */

static void test_tolerated(void) {
    static const struct {
        const char *credential;
        uint32_t tolerated, flags;
        bool accepted;
    } table[] = {
        {"expired", STLS_FLAG_EXPIRED, STLS_FLAG_EXPIRED, true},
        {"not-yet", STLS_FLAG_NOT_YET_VALID, STLS_FLAG_NOT_YET_VALID, true},
        {"wrong-domain", STLS_FLAG_NAME_MISMATCH, STLS_FLAG_NAME_MISMATCH, true},
        {"eku-client", STLS_FLAG_WRONG_USAGE, STLS_FLAG_WRONG_USAGE, true},
        {"rsa1024", STLS_FLAG_WEAK_KEY, STLS_FLAG_WEAK_KEY, true},
        {"sha1", STLS_FLAG_WEAK_ALGORITHM, STLS_FLAG_WEAK_ALGORITHM, true},
        {"md5", STLS_FLAGS_TOLERABLE, STLS_FLAG_WEAK_ALGORITHM | STLS_FLAG_UNSUPPORTED, false},
        {"expired", STLS_FLAG_NOT_YET_VALID, STLS_FLAG_EXPIRED, false},
        {"expired", STLS_FLAGS_TOLERABLE & ~(uint32_t)STLS_FLAG_EXPIRED, STLS_FLAG_EXPIRED, false},
        {"self-signed", STLS_FLAGS_TOLERABLE, STLS_FLAG_UNTRUSTED, false},
        {"via-notca", STLS_FLAGS_TOLERABLE, STLS_FLAG_NOT_A_CA, false},
        {"bad-signature", STLS_FLAGS_TOLERABLE, STLS_FLAG_BAD_SIGNATURE, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const stls_backend *backend = shower(table[i].credential, STLS_TLS1_3);
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version = STLS_TLS1_3,
                      .tolerated = table[i].tolerated};
        end server = {
            .backend = backend, .credential = table[i].credential, .version = STLS_TLS1_3};
        pair p;
        check_case("%s with %s tolerated", table[i].credential, flags_text(table[i].tolerated));
        if (!is_pki_file(table[i].credential)) {
            continue;
        }
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            const stls_verdict *v = pair_verdict(&p, CLIENT);
            CHECK_RESULT("the client", p.handshake[CLIENT],
                         table[i].accepted ? STLS_OK : STLS_E_VERIFY, pair_error(&p, CLIENT));
            CHECK_NUMBER("the state", v->state,
                         table[i].accepted ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED);
            CHECK_TEXT("the flags", flags_text(v->flags), flags_text(table[i].flags));
            CHECK_TEXT("those of them that are tolerated", flags_text(v->tolerated),
                       flags_text(table[i].flags & table[i].tolerated));
            CHECK(!stls_conn_is_secure(p.conn[CLIENT]) && !stls_verdict_is_secure(v), "secure");
            check_same_verdict(&p, CLIENT, client.peer);
        }
        pair_close(&p);
    }
}

static void test_not_tolerable(void) {
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flag = (uint32_t)1 << bit;
        stls_profile *profile;
        stls_error error = {0};
        stls_result expected = STLS_FLAGS_TOLERABLE & flag ? STLS_OK : STLS_E_ARGUMENT;
        end e = {0};
        check_case("tolerating %s", flags_text(flag));
        if (end_try_profile(STLS_ROLE_CLIENT, &e, &profile, &error) == STLS_OK) {
            CHECK_RESULT("the setter", stls_profile_set_tolerated(profile, flag, &error), expected,
                         &error);
        }
        stls_profile_free(profile);
    }
}

static void test_usage_and_strength(void) {
    static const struct {
        const char *credential;
        stls_usage_mode usage;
        stls_strength strength;
        uint32_t flags;
    } table[] = {
        {"server", STLS_USAGE_TLS, 0, 0},
        {"server", STLS_USAGE_SIP, 0, STLS_FLAG_WRONG_USAGE},
        {"eku-sip", STLS_USAGE_TLS, 0, STLS_FLAG_WRONG_USAGE},
        {"eku-sip", STLS_USAGE_SIP, 0, 0},
        {"eku-none", STLS_USAGE_TLS, 0, 0},
        {"eku-none", STLS_USAGE_SIP, 0, STLS_FLAG_WRONG_USAGE},
        {"rsa1024", 0, STLS_STRENGTH_LEGACY, 0},
        {"sha1", 0, STLS_STRENGTH_LEGACY, 0},
        {"md5", 0, STLS_STRENGTH_LEGACY, STLS_FLAG_WEAK_ALGORITHM | STLS_FLAG_UNSUPPORTED},
        {"server", 0, STLS_STRENGTH_LEGACY, 0},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        const stls_backend *backend = shower(table[i].credential, STLS_TLS1_3);
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version = STLS_TLS1_3,
                      .usage = table[i].usage,
                      .strength = table[i].strength};
        end server = {
            .backend = backend, .credential = table[i].credential, .version = STLS_TLS1_3};
        pair p;
        check_case("%s, usage mode %d, strength %d", table[i].credential, (int)table[i].usage,
                   (int)table[i].strength);
        if (!is_pki_file(table[i].credential)) {
            continue;
        }
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the client", p.handshake[CLIENT],
                         table[i].flags ? STLS_E_VERIFY : STLS_OK, pair_error(&p, CLIENT));
            CHECK_TEXT("the flags", flags_text(pair_verdict(&p, CLIENT)->flags),
                       flags_text(table[i].flags));
        }
        pair_close(&p);
    }
}

/* --- Time */

static void test_clock(void) {
    static const struct {
        const char *credential;
        int64_t days; /* from now */
        uint32_t flags;
    } table[] = {
        {"server", 0, 0},
        {"server", 60, STLS_FLAG_EXPIRED},
        {"server", -10, STLS_FLAG_NOT_YET_VALID},
        {"expired", -5, 0},
        {"not-yet", 366, 0},
        {"via-int-expired", -5, 0},
        {"via-root-expired", -5, 0},
        {"via-int-expired", 0, STLS_FLAG_EXPIRED},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        int64_t now = (int64_t)time(NULL) + table[i].days * DAY;
        end client = {.trust = GOOD_ROOTS " root-expired", .peer = "example.test", .now = &now};
        end server = {.credential = table[i].credential};
        pair p;
        check_case("%s, %+d days", table[i].credential, (int)table[i].days);
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the client", p.handshake[CLIENT],
                         table[i].flags ? STLS_E_VERIFY : STLS_OK, pair_error(&p, CLIENT));
            CHECK_TEXT("the flags", flags_text(pair_verdict(&p, CLIENT)->flags),
                       flags_text(table[i].flags));
            check_same_verdict(&p, CLIENT, client.peer);
        }
        pair_close(&p);
    }
}

/* A phone that boots in 1970 with the clock that nobody has set yet. */
static void test_1970(void) {
    int64_t now = 0;
    end client = {.trust = GOOD_ROOTS, .peer = "example.test", .now = &now};
    end server = {.credential = "server"};
    pair p;
    check_case("in 1970");
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_VERIFY, pair_error(&p, CLIENT));
        CHECK_TEXT("the flags", flags_text(pair_verdict(&p, CLIENT)->flags),
                   flags_text(STLS_FLAG_NOT_YET_VALID));
        CHECK_CONTAINS("the sentence", pair_verdict(&p, CLIENT)->text, "1970");
    }
    pair_close(&p);
}

/* Several things are wrong, and the verdict has them all. */
static void test_several_flags(void) {
    int64_t now = (int64_t)time(NULL) + 60 * DAY;
    end client = {.trust = GOOD_ROOTS, .peer = "example.test", .now = &now};
    end server = {.credential = "wrong-domain"};
    pair p;
    check_case("wrong-domain, expired as well");
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_VERIFY, pair_error(&p, CLIENT));
        check_flags(pair_verdict(&p, CLIENT), STLS_FLAG_EXPIRED | STLS_FLAG_NAME_MISMATCH, 0);
        check_same_verdict(&p, CLIENT, client.peer);
    }
    pair_close(&p);
}

/* --- stls_verify() by itself */

static void test_without_connection(void) {
    end client = {.trust = GOOD_ROOTS}, server = {.credential = "server", .trust = GOOD_ROOTS};
    stls_context *judge = end_context(STLS_ROLE_CLIENT, &client);
    stls_context *server_judge = end_context(STLS_ROLE_SERVER, &server);
    const stls_bytes good[] = {pki_bytes("server.der"), pki_bytes("int.der")};
    const stls_bytes shuffled[] = {pki_bytes("server.der"), pki_bytes("int-rsa.der"),
                                   pki_bytes("root.der"), pki_bytes("int.der")};
    const stls_bytes phone[] = {pki_bytes("phone.der"), pki_bytes("int.der")};
    const stls_bytes broken[] = {pki_bytes("trunc.der"), pki_bytes("int.der")};
    const stls_bytes trailing[] = {pki_bytes("trailing.der"), pki_bytes("int.der")};
    const struct {
        const char *name;
        const stls_context *context;
        const stls_bytes *chain;
        size_t count;
        const char *peer;
        stls_result result;
        uint32_t flags;
    } table[] = {
        {"good", judge, good, 2, "example.test", STLS_OK, 0},
        {"superfluous certificates and no order", judge, shuffled, 4, "example.test", STLS_OK, 0},
        {"the intermediate is missing", judge, good, 1, "example.test", STLS_E_VERIFY,
         STLS_FLAG_UNTRUSTED},
        {"another name", judge, good, 2, "other.test", STLS_E_VERIFY, STLS_FLAG_NAME_MISMATCH},
        {"no certificate", judge, good, 0, "example.test", STLS_E_VERIFY, STLS_FLAG_NO_CERTIFICATE},
        {"a phone where a server is due", judge, phone, 2, "alice.example.test", STLS_E_VERIFY,
         STLS_FLAG_WRONG_USAGE},
        {"a client's, judged by a server", server_judge, phone, 2, NULL, STLS_OK, 0},
        {"a server's, judged by a server", server_judge, good, 2, NULL, STLS_E_VERIFY,
         STLS_FLAG_WRONG_USAGE},
        {"half a certificate", judge, broken, 2, "example.test", STLS_E_VERIFY,
         STLS_FLAG_MALFORMED},
        {"a byte too many", judge, trailing, 2, "example.test", STLS_E_VERIFY, STLS_FLAG_MALFORMED},
    };
    for (size_t i = 0; judge && server_judge && i < COUNT(table); i++) {
        stls_verdict v = {.state = STLS_VERDICT_NOT_DONE};
        stls_error error = {0};
        check_case("stls_verify: %s", table[i].name);
        CHECK_RESULT("the answer",
                     stls_verify(table[i].context, table[i].chain, table[i].count, table[i].peer,
                                 &v, &error),
                     table[i].result, &error);
        CHECK_TEXT("the flags", flags_text(v.flags), flags_text(table[i].flags));
        CHECK_NUMBER("the state", v.state,
                     table[i].result == STLS_OK ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED);
        CHECK(*v.text, "no sentence");
    }
    check_case("stls_verify: bad arguments");
    if (judge) {
        stls_verdict v = {.state = STLS_VERDICT_NOT_DONE};
        CHECK_RESULT("no context", stls_verify(NULL, good, 2, "example.test", &v, NULL),
                     STLS_E_ARGUMENT, NULL);
        CHECK_RESULT("no verdict", stls_verify(judge, good, 2, "example.test", NULL, NULL),
                     STLS_E_ARGUMENT, NULL);
        CHECK_RESULT("no chain", stls_verify(judge, NULL, 2, "example.test", &v, NULL),
                     STLS_E_ARGUMENT, NULL);
        CHECK_RESULT("no peer", stls_verify(judge, good, 2, NULL, &v, NULL), STLS_E_ARGUMENT, NULL);
        CHECK(v.state != STLS_VERDICT_ACCEPTED, "accepted without having looked");
    }
    stls_context_free(judge);
    stls_context_free(server_judge);
}

const test_case verify_tests[] = {
    {"verdicts, TLS 1.2", test_verdicts_12},
    {"verdicts, TLS 1.3", test_verdicts_13},
    {"tolerated flags", test_tolerated},
    {"what cannot be tolerated", test_not_tolerable},
    {"usage modes and strength", test_usage_and_strength},
    {"an injected clock", test_clock},
    {"in 1970", test_1970},
    {"several flags at once", test_several_flags},
    {"stls_verify by itself", test_without_connection},
    {NULL, NULL},
};
