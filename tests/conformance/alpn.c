/* tests/conformance/alpn.c - application protocols (RFC 7301).
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>

enum { NO_APPLICATION_PROTOCOL = 120 };

static bool has_alpn(void) {
    stls_profile *profile = NULL;
    end e = {0};
    stls_error error = {0};
    if (stls_backend_can(test_backend(), STLS_CAN_ALPN)) {
        return true;
    }
    check_case("ALPN on a backend without it");
    if (end_try_profile(STLS_ROLE_CLIENT, &e, &profile, &error) == STLS_OK) {
        CHECK_RESULT("the setter", stls_profile_set_alpn(profile, "sip/2", &error),
                     STLS_E_UNSUPPORTED, &error);
    }
    stls_profile_free(profile);
    return false;
}

static void test_choice(void) {
    static char long_name[256];
    const struct {
        const char *name, *client, *server;
        const char *chosen; /* NULL: nothing in common */
    } table[] = {
        {"the same", "sip/2", "sip/2", "sip/2"},
        {"the server's order counts", "http/1.1,sip/2", "sip/2,http/1.1", "sip/2"},
        {"the server's order counts, the other way", "sip/2,http/1.1", "http/1.1,sip/2",
         "http/1.1"},
        {"one in common", "a,b,sip/2", "c,sip/2,d", "sip/2"},
        {"only the server", NULL, "sip/2", ""},
        {"only the client", "sip/2", NULL, ""},
        {"neither", NULL, NULL, ""},
        {"a name of 255 bytes", long_name, long_name, long_name},
        {"nothing in common", "http/1.1", "sip/2", NULL},
        {"a part of the name", "sip", "sip/2", NULL},
        {"another case", "SIP/2", "sip/2", NULL},
    };
    memset(long_name, 'x', 255);
    if (!has_alpn()) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(table); i++) {
            end client = {.trust = "root",
                          .peer = "example.test",
                          .alpn = table[i].client,
                          .version = both_versions[v]};
            end server = {
                .credential = "server", .alpn = table[i].server, .version = both_versions[v]};
            pair p;
            check_case("%s, %s", table[i].name, version_text(both_versions[v]));
            if (!pair_open(&p, &client, &server, NULL)) {
                pair_close(&p);
                continue;
            }
            if (table[i].chosen && pair_connect(&p)) {
                stls_conn_info info;
                stls_conn_get_info(p.conn[CLIENT], &info);
                CHECK_TEXT("the protocol", info.alpn, table[i].chosen);
                pair_check_info(&p);
            } else if (!table[i].chosen) {
                pair_handshake(&p);
                CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_NOTHING_SHARED,
                             pair_error(&p, SERVER));
                CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_ALERT,
                             pair_error(&p, CLIENT));
                check_alert(&p, SERVER, NO_APPLICATION_PROTOCOL);
            }
            pair_close(&p);
        }
    }
}

/* ALPN goes with hosts: the choice of a host does not lose it. */
static void test_with_hosts(void) {
    static const end_host hosts[] = {{"one.test", "wrong-domain", STLS_VERIFY_NONE},
                                     {NULL, NULL, 0}};
    end client = {
        .trust = "root", .peer = "one.test", .identity = STLS_IDENTITY_NONE, .alpn = "sip/2"};
    end server = {.credential = "server", .hosts = hosts, .alpn = "sip/2"};
    pair p;
    if (!has_alpn()) {
        return;
    }
    check_case("ALPN and hosts");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        stls_conn_info info;
        stls_conn_get_info(p.conn[SERVER], &info);
        CHECK_TEXT("the protocol", info.alpn, "sip/2");
    }
    pair_close(&p);
}

static void test_bad_lists(void) {
    static char long_name[257];
    const struct {
        const char *name, *list;
        stls_result result;
    } table[] = {
        {"an empty entry", "a,,b", STLS_E_ARGUMENT},
        {"a comma at the end", "a,", STLS_E_ARGUMENT},
        {"a comma at the start", ",a", STLS_E_ARGUMENT},
        {"a comma only", ",", STLS_E_ARGUMENT},
        {"a name of 256 bytes", long_name, STLS_E_LIMIT},
        {"17 names", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", STLS_E_LIMIT},
        {"off", "", STLS_OK},
        {"off by NULL", NULL, STLS_OK},
    };
    stls_profile *profile = NULL;
    end e = {0};
    memset(long_name, 'x', 256);
    if (!has_alpn() || end_try_profile(STLS_ROLE_CLIENT, &e, &profile, NULL) != STLS_OK) {
        return;
    }
    for (size_t i = 0; i < COUNT(table); i++) {
        stls_error error = {0};
        check_case("%s", table[i].name);
        CHECK_RESULT("the setter", stls_profile_set_alpn(profile, table[i].list, &error),
                     table[i].result, &error);
        CHECK(table[i].result == STLS_OK || *error.text, "no sentence");
    }
    stls_profile_free(profile);
}

const test_case alpn_tests[] = {
    {"which protocol is chosen", test_choice},
    {"together with hosts", test_with_hosts},
    {"bad lists", test_bad_lists},
    {NULL, NULL},
};
