/* tests/conformance/mutual.c - what a server does about a client's certificate.
 *
 * In TLS 1.3 the client's handshake ends before the server has seen its certificate: the refusal
 * comes from the client's first read.
 *
 * Promise P1 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

/* What the server makes of the client. */
typedef struct outcome {
    bool accepted;
    stls_verdict_state state;
    uint32_t flags;
    int alert_12, alert_13;
    bool secure;
} outcome;

#define ACCEPTED                                                                                   \
    { true, STLS_VERDICT_ACCEPTED, 0, 0, 0, true }
#define NOT_ASKED                                                                                  \
    { true, STLS_VERDICT_NOT_DONE, 0, 0, 0, false }
#define REJECTED(flag, alert)                                                                      \
    { false, STLS_VERDICT_REJECTED, flag, alert, alert, false }
#define EXPOSED(flag)                                                                              \
    { true, STLS_VERDICT_REJECTED, flag, 0, 0, false }
#define MISSING                                                                                    \
    { false, STLS_VERDICT_REJECTED, STLS_FLAG_NO_CERTIFICATE, 40, 116, false }
/* No certificate, and none was needed: nothing to judge. */
#define ABSENT                                                                                     \
    { true, STLS_VERDICT_NOT_DONE, 0, 0, 0, false }

static const char *const clients[] = {"phone",         "phone-rsa",   NULL,
                                      "phone-expired", "phone-other", "server"};

static const struct {
    const char *name;
    stls_verify_mode mode;
    outcome outcomes[COUNT(clients)];
} modes[] = {
    {"NONE", STLS_VERIFY_NONE, {NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED, NOT_ASKED}},
    {"OPTIONAL",
     STLS_VERIFY_OPTIONAL,
     {ACCEPTED, ACCEPTED, ABSENT, REJECTED(STLS_FLAG_EXPIRED, 45),
      REJECTED(STLS_FLAG_UNTRUSTED, 48), REJECTED(STLS_FLAG_WRONG_USAGE, 43)}},
    {"OPTIONAL_ANY",
     STLS_VERIFY_OPTIONAL_ANY,
     {ACCEPTED, ACCEPTED, ABSENT, EXPOSED(STLS_FLAG_EXPIRED), EXPOSED(STLS_FLAG_UNTRUSTED),
      EXPOSED(STLS_FLAG_WRONG_USAGE)}},
    {"REQUIRED",
     STLS_VERIFY_REQUIRED,
     {ACCEPTED, ACCEPTED, MISSING, REJECTED(STLS_FLAG_EXPIRED, 45),
      REJECTED(STLS_FLAG_UNTRUSTED, 48), REJECTED(STLS_FLAG_WRONG_USAGE, 43)}},
};

static void check_accepted(pair *p, const outcome *o, const char *credential) {
    if (pair_connect(p) && pair_echo(p, 100)) {
        bool judged = o->state != STLS_VERDICT_NOT_DONE;
        CHECK(stls_conn_is_secure(p->conn[SERVER]) == o->secure, "the server's lock is wrong: %s",
              pair_verdict(p, SERVER)->text);
        CHECK(stls_conn_is_secure(p->conn[CLIENT]), "the client's lock is wrong");
        CHECK((stls_conn_peer_count(p->conn[SERVER]) > 0) == (judged && credential),
              "the server has %zu certificates of the client",
              stls_conn_peer_count(p->conn[SERVER]));
        pair_shut(p);
    }
}

static void check_refused(pair *p, const outcome *o, uint16_t version) {
    pair_handshake(p);
    CHECK_RESULT("the server", p->handshake[SERVER], STLS_E_VERIFY, pair_error(p, SERVER));
    CHECK_RESULT("the client's handshake", p->handshake[CLIENT],
                 version == STLS_TLS1_2 ? STLS_E_ALERT : STLS_OK, pair_error(p, CLIENT));
    CHECK_RESULT("the client after its first read", pair_outcome(p, CLIENT), STLS_E_ALERT,
                 pair_error(p, CLIENT));
    check_alert(p, SERVER, version == STLS_TLS1_2 ? o->alert_12 : o->alert_13);
    CHECK(!stls_conn_is_secure(p->conn[SERVER]), "a refused client is secure");
    CHECK(*pair_error(p, CLIENT)->text, "the client has no sentence");
}

static void run(size_t mode, size_t c, uint16_t version) {
    const outcome *o = &modes[mode].outcomes[c];
    end client = {
        .trust = "root", .peer = "example.test", .version = version, .credential = clients[c]};
    end server = {.credential = "server",
                  .trust = "root root-rsa",
                  .version = version,
                  .verify = modes[mode].mode};
    pair p;
    check_case("server %s, client %s, %s", modes[mode].name, clients[c] ? clients[c] : "without",
               version_text(version));
    if (pair_open(&p, &client, &server, NULL)) {
        if (o->accepted) {
            check_accepted(&p, o, clients[c]);
        } else {
            check_refused(&p, o, version);
        }
        const stls_verdict *v = pair_verdict(&p, SERVER);
        CHECK_NUMBER("the state", v->state, o->state);
        CHECK_TEXT("the flags", flags_text(v->flags), flags_text(o->flags));
        CHECK(o->state == STLS_VERDICT_NOT_DONE || *v->text, "no sentence");
    }
    pair_close(&p);
}

static void run_version(uint16_t version) {
    for (size_t mode = 0; mode < COUNT(modes); mode++) {
        for (size_t c = 0; c < COUNT(clients); c++) {
            run(mode, c, version);
        }
    }
}

static void test_12(void) {
    run_version(STLS_TLS1_2);
}

static void test_13(void) {
    run_version(STLS_TLS1_3);
}

/* A server may ask its clients for a name, by a list. */
static void test_names(void) {
    static const struct {
        const char *names;
        bool accepted;
    } table[] = {
        {"alice.example.test", true},
        {"other.test alice.example.test", true},
        {"bob.example.test", false},
        {"example.test", false}, /* sip:alice@example.test names a user, not the domain */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        end client = {.trust = "root", .peer = "example.test", .credential = "phone"};
        end server = {.credential = "server",
                      .trust = "root",
                      .verify = STLS_VERIFY_REQUIRED,
                      .identity = STLS_IDENTITY_LIST,
                      .names = table[i].names};
        pair p;
        check_case("the client must be one of: %s", table[i].names);
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the server", p.handshake[SERVER],
                         table[i].accepted ? STLS_OK : STLS_E_VERIFY, pair_error(&p, SERVER));
            CHECK(stls_conn_is_secure(p.conn[SERVER]) == table[i].accepted, "the lock is wrong");
        }
        pair_close(&p);
    }
}

/* The client's verdict does not wait for the server's, nor the reverse: each refuses for itself. */
static void test_both_refuse(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = {.trust = "other-root",
                      .peer = "example.test",
                      .credential = "phone-other",
                      .version = both_versions[v]};
        end server = {.credential = "server",
                      .trust = "root",
                      .verify = STLS_VERIFY_REQUIRED,
                      .version = both_versions[v]};
        pair p;
        check_case("neither trusts the other, %s", version_text(both_versions[v]));
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            /* The client sees a certificate first, and says so instead of showing its own. */
            CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_VERIFY, pair_error(&p, CLIENT));
            CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_ALERT, pair_error(&p, SERVER));
            CHECK_NUMBER("certificates at the server", stls_conn_peer_count(p.conn[SERVER]), 0);
        }
        pair_close(&p);
    }
}

/* RFC 8446 section 4.2.3: a scheme of TLS 1.3 names the curve, and none of ours names secp256k1.
 * Some libraries cannot use such a key, and some do not show it. */
static void test_curve_without_scheme(void) {
    end client = {.trust = "root",
                  .peer = "example.test",
                  .credential = "phone-ec256k1",
                  .version = STLS_TLS1_3};
    end server = {.credential = "server",
                  .trust = "root",
                  .verify = STLS_VERIFY_REQUIRED,
                  .version = STLS_TLS1_3};
    stls_credential *key = NULL;
    stls_bytes chain = pki_bytes("phone-ec256k1.chain.pem"), own = pki_bytes("phone-ec256k1.key");
    if (stls_credential_new(test_backend(), chain.data, chain.len, own.data, own.len, NULL, &key,
                            NULL) != STLS_OK) {
        return;
    }
    stls_credential_free(key);
    pair p;
    check_case("a client with a key of secp256k1");
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        CHECK(p.handshake[SERVER] == STLS_E_PROTOCOL || p.handshake[SERVER] == STLS_E_VERIFY,
              "the server: %s, %s", stls_result_name(p.handshake[SERVER]),
              pair_error(&p, SERVER)->text);
        CHECK(!stls_conn_is_secure(p.conn[SERVER]), "it is secure");
    }
    pair_close(&p);
}

/* The groups are for the key agreement: a client is not told them in TLS 1.2, and its certificate
 * may be on another curve than they. */
static void test_curve_beside_groups(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = {.trust = "root",
                      .peer = "example.test",
                      .credential = "phone",
                      .version = both_versions[v]};
        end server = {.credential = "server",
                      .trust = "root",
                      .verify = STLS_VERIFY_REQUIRED,
                      .groups = "x25519",
                      .version = both_versions[v]};
        pair p;
        check_case("a client's key of P-256, a server with x25519, %s",
                   version_text(both_versions[v]));
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            CHECK(stls_conn_is_secure(p.conn[SERVER]), "the client is not secure");
            pair_echo(&p, 100);
        }
        pair_close(&p);
    }
}

const test_case mutual_tests[] = {
    {"server modes and clients, TLS 1.2", test_12},
    {"server modes and clients, TLS 1.3", test_13},
    {"names of clients", test_names},
    {"both refuse", test_both_refuse},
    {"a curve that no scheme of TLS 1.3 names", test_curve_without_scheme},
    {"a client's curve that is none of the server's groups", test_curve_beside_groups},
    {NULL, NULL},
};
