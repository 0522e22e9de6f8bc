/* tests/conformance/sni.c - several hosts behind one address.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <string.h>

enum { UNRECOGNIZED_NAME = 112 };

#define LABEL_63 "a123456789b123456789c123456789d123456789e123456789f123456789g12"

static const end_host three_hosts[] = {
    {"one.test", "wrong-domain", STLS_VERIFY_NONE},
    {"two.test", "server-rsa", STLS_VERIFY_NONE},
    {LABEL_63 "." LABEL_63 "." LABEL_63 ".test", "dns-only", STLS_VERIFY_NONE},
    {NULL, NULL, 0},
};

/* Which certificate the server shows (its own is "server"), and which name it got. */
static void check_shown(pair *p, const char *certificate, const char *server_name) {
    char file[64];
    stls_conn_info info;
    snprintf(file, sizeof file, "%s.der", certificate);
    CHECK_BYTES(certificate, stls_conn_peer_certificate(p->conn[CLIENT], 0), pki_bytes(file));
    stls_conn_get_info(p->conn[SERVER], &info);
    CHECK_TEXT("the name that the server got", info.server_name, server_name);
    stls_conn_get_info(p->conn[CLIENT], &info);
    CHECK_TEXT("the name that the client sent", info.server_name, server_name);
}

static void test_choice(void) {
    static const struct {
        const char *name, *peer, *server_name; /* as in `end` */
        const char *certificate, *got;
    } table[] = {
        {"known", "one.test", NULL, "wrong-domain", "one.test"},
        {"another kind of key", "two.test", NULL, "server-rsa", "two.test"},
        {"labels of 63 bytes", LABEL_63 "." LABEL_63 "." LABEL_63 ".test", NULL, "dns-only",
         LABEL_63 "." LABEL_63 "." LABEL_63 ".test"},
        {"upper case", "ONE.Test", NULL, "wrong-domain", "one.test"},
        {"unknown", "unknown.test", NULL, "server", "unknown.test"},
        {"a name behind a known one", "sub.one.test", NULL, "server", "sub.one.test"},
        {"a part of a known one", "one", NULL, "server", "one"},
        {"none", "one.test", "", "server", ""},
        {"another than the peer's", "one.test", "two.test", "server-rsa", "two.test"},
        {"an IPv4 address is no name", "127.0.0.1", NULL, "server", ""},
        {"an IPv6 address is no name", "[::1]", NULL, "server", ""},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(table); i++) {
            end client = {.trust = GOOD_ROOTS,
                          .peer = table[i].peer,
                          .server_name = table[i].server_name,
                          .identity = STLS_IDENTITY_NONE,
                          .version = both_versions[v]};
            end server = {
                .credential = "server", .hosts = three_hosts, .version = both_versions[v]};
            pair p;
            check_case("%s, %s", table[i].name, version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                check_shown(&p, table[i].certificate, table[i].got);
            }
            pair_close(&p);
        }
    }
}

/* Without hosts, any name is served, and the server still learns it. */
static void test_no_hosts(void) {
    end client = {.trust = "root", .peer = "example.test"}, server = {.credential = "server"};
    pair p;
    check_case("a server without hosts");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_shown(&p, "server", "example.test");
    }
    pair_close(&p);
}

static void test_strict(void) {
    static const struct {
        const char *peer, *server_name;
        bool served;
    } table[] = {
        {"one.test", NULL, true}, {"ONE.TEST", NULL, true},   {"unknown.test", NULL, false},
        {"one.test", "", false},  {"127.0.0.1", NULL, false},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(table); i++) {
            end client = {.trust = GOOD_ROOTS,
                          .peer = table[i].peer,
                          .server_name = table[i].server_name,
                          .identity = STLS_IDENTITY_NONE,
                          .version = both_versions[v]};
            end server = {.credential = "server",
                          .hosts = three_hosts,
                          .strict_hosts = true,
                          .version = both_versions[v]};
            pair p;
            check_case("strict, \"%s\", %s",
                       table[i].server_name ? table[i].server_name : table[i].peer,
                       version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL)) {
                pair_handshake(&p);
                CHECK_RESULT("the server", p.handshake[SERVER],
                             table[i].served ? STLS_OK : STLS_E_REFUSED, pair_error(&p, SERVER));
                CHECK_RESULT("the client", p.handshake[CLIENT],
                             table[i].served ? STLS_OK : STLS_E_ALERT, pair_error(&p, CLIENT));
                if (!table[i].served) {
                    check_alert(&p, SERVER, UNRECOGNIZED_NAME);
                }
            }
            pair_close(&p);
        }
    }
}

/* The credential and the verify mode change together, in both directions (DESIGN.md 11, 12). */
static void test_verify_mode(void) {
    static const end_host strict_host[] = {{"one.test", "wrong-domain", STLS_VERIFY_REQUIRED},
                                           {NULL, NULL, 0}};
    static const end_host lax_host[] = {{"one.test", "wrong-domain", STLS_VERIFY_NONE},
                                        {NULL, NULL, 0}};
    static const struct {
        const char *name;
        stls_verify_mode own;
        const end_host *hosts;
        const char *peer, *credential;
        bool served, judged;
    } table[] = {
        {"strict host, no certificate", STLS_VERIFY_NONE, strict_host, "one.test", NULL, false,
         true},
        {"strict host, good certificate", STLS_VERIFY_NONE, strict_host, "one.test", "phone", true,
         true},
        {"strict host, unknown CA", STLS_VERIFY_NONE, strict_host, "one.test", "phone-other", false,
         true},
        {"lax default, no certificate", STLS_VERIFY_NONE, strict_host, "example.test", NULL, true,
         false},
        {"lax host, no certificate", STLS_VERIFY_REQUIRED, lax_host, "one.test", NULL, true, false},
        {"lax host, unknown CA", STLS_VERIFY_REQUIRED, lax_host, "one.test", "phone-other", true,
         false},
        {"strict default, no certificate", STLS_VERIFY_REQUIRED, lax_host, "example.test", NULL,
         false, true},
        {"strict default, good certificate", STLS_VERIFY_REQUIRED, lax_host, "example.test",
         "phone", true, true},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(table); i++) {
            end client = {.trust = "root",
                          .peer = table[i].peer,
                          .identity = STLS_IDENTITY_NONE,
                          .credential = table[i].credential,
                          .version = both_versions[v]};
            end server = {.credential = "server",
                          .trust = "root",
                          .verify = table[i].own,
                          .hosts = table[i].hosts,
                          .version = both_versions[v]};
            pair p;
            check_case("%s, %s", table[i].name, version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL)) {
                pair_handshake(&p);
                CHECK_RESULT("the server", p.handshake[SERVER],
                             table[i].served ? STLS_OK : STLS_E_VERIFY, pair_error(&p, SERVER));
                CHECK_RESULT("the client", pair_outcome(&p, CLIENT),
                             table[i].served ? STLS_OK : STLS_E_ALERT, pair_error(&p, CLIENT));
                CHECK((pair_verdict(&p, SERVER)->state != STLS_VERDICT_NOT_DONE) == table[i].judged,
                      "the verdict's state is %d", (int)pair_verdict(&p, SERVER)->state);
                CHECK(stls_conn_is_secure(p.conn[SERVER]) == (table[i].served && table[i].judged),
                      "the server's lock is wrong");
            }
            pair_close(&p);
        }
    }
}

/* Ten hosts, each with a certificate of its own. */
static void test_ten_hosts(void) {
    static const char *const certificates[] = {"dns-only",   "uri-only",   "cn-only",  "wildcard",
                                               "ip",         "sips-uri",   "uri-user", "eku-none",
                                               "server-rsa", "server-p384"};
    char names[COUNT(certificates)][16];
    end_host hosts[COUNT(certificates) + 1] = {{NULL, NULL, 0}};
    end server = {.credential = "server", .hosts = hosts};
    stls_context *server_context;
    for (size_t i = 0; i < COUNT(certificates); i++) {
        snprintf(names[i], sizeof names[i], "h%zu.test", i);
        hosts[i] = (end_host){names[i], certificates[i], STLS_VERIFY_NONE};
    }
    check_case("ten hosts");
    server_context = end_context(STLS_ROLE_SERVER, &server);
    for (size_t i = 0; i < COUNT(certificates); i++) {
        end client = {.trust = GOOD_ROOTS, .peer = names[i], .identity = STLS_IDENTITY_NONE};
        stls_context *client_context = end_context(STLS_ROLE_CLIENT, &client);
        pair p;
        check_case("host %zu of ten", i);
        if (pair_open_on(&p, client_context, &client, server_context, NULL) && pair_connect(&p)) {
            check_shown(&p, certificates[i], names[i]);
        }
        pair_close(&p);
        stls_context_free(client_context);
    }
    stls_context_free(server_context);
}

/* A host that is there already is replaced. */
static void test_replaced(void) {
    static const end_host hosts[] = {{"one.test", "wrong-domain", STLS_VERIFY_REQUIRED},
                                     {"ONE.test", "dns-only", STLS_VERIFY_NONE},
                                     {NULL, NULL, 0}};
    end client = {.trust = "root", .peer = "one.test", .identity = STLS_IDENTITY_NONE};
    end server = {.credential = "server", .trust = "root", .hosts = hosts};
    pair p;
    check_case("a host given twice");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        check_shown(&p, "dns-only", "one.test");
    }
    pair_close(&p);
}

const test_case sni_tests[] = {
    {"which host is served", test_choice},
    {"a server without hosts", test_no_hosts},
    {"strict hosts", test_strict},
    {"the verify mode goes with the credential", test_verify_mode},
    {"ten hosts", test_ten_hosts},
    {"a host given twice", test_replaced},
    {NULL, NULL},
};
