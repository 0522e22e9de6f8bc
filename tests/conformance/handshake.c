/* tests/conformance/handshake.c - versions, suites, groups, schemes and keys of a handshake.
 *
 * Promise P2 of SECURITY.md: what is agreed is of both profiles, and else nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <string.h>

/* The defaults of every backend, as far as its library has them (DESIGN.md, 8), in their order. */
static const uint16_t modern_suites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
                                         0xc02c, 0xc030, 0xcca9, 0xcca8};
static const uint16_t compatible_suites[] = {
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc023, 0xc027, 0xc024,
    0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035};
static const uint16_t default_groups[] = {0x11ec, 0x001d, 0x0017, 0x0018};
static const uint16_t default_schemes[] = {0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806,
                                           0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601};

static void check_list(stls_preset preset, stls_registry registry, const uint16_t *codes,
                       size_t count) {
    stls_profile *profile;
    stls_error error = {0};
    uint16_t got[64];
    size_t n, at = 0;
    end e = {.preset = preset};
    if (!CHECK_RESULT("profile", end_try_profile(STLS_ROLE_CLIENT, &e, &profile, &error), STLS_OK,
                      &error)) {
        return;
    }
    n = stls_profile_codes(profile, registry, got, COUNT(got));
    for (size_t i = 0; i < count; i++) {
        if (!stls_backend_supports(test_backend(), registry, codes[i])) {
            continue;
        }
        if (!CHECK(at < n, "%s is missing", code_text(registry, codes[i])) ||
            !CHECK_TEXT("the next in the list", code_text(registry, got[at]),
                        code_text(registry, codes[i]))) {
            break;
        }
        at++;
    }
    CHECK_NUMBER("the length of the list", n, at);
    stls_profile_free(profile);
}

static void test_defaults(void) {
    check_case("default suites");
    check_list(0, STLS_REGISTRY_SUITE, modern_suites, COUNT(modern_suites));
    check_case("suites of preset modern");
    check_list(STLS_PRESET_MODERN, STLS_REGISTRY_SUITE, modern_suites, COUNT(modern_suites));
    check_case("suites of preset compatible");
    check_list(STLS_PRESET_COMPATIBLE, STLS_REGISTRY_SUITE, compatible_suites,
               COUNT(compatible_suites));
    check_case("default groups");
    check_list(0, STLS_REGISTRY_GROUP, default_groups, COUNT(default_groups));
    check_case("default schemes");
    check_list(0, STLS_REGISTRY_SCHEME, default_schemes, COUNT(default_schemes));
}

/* Handshake, 1 KB each way, information, close: what a good connection does. */
static bool check_good(const end *client, const end *server, stls_conn_info *info) {
    pair p;
    stls_conn_info own = {0};
    bool good = pair_open(&p, client, server, NULL) && pair_connect(&p) && pair_echo(&p, 1024);
    if (good) {
        pair_check_info(&p);
        stls_conn_get_info(p.conn[CLIENT], &own);
        CHECK(stls_conn_is_secure(p.conn[CLIENT]) ||
                  (client->verify == STLS_VERIFY_NONE || client->tolerated),
              "the client's connection is not secure: %s", pair_verdict(&p, CLIENT)->text);
        good = pair_shut(&p);
    }
    if (info) {
        *info = own;
    }
    pair_close(&p);
    return good;
}

/* --- Keys */

static void test_keys(void) {
    static const struct {
        const char *name;
        uint16_t scheme; /* of the key, in TLS 1.3; the backend must have it */
    } keys[] = {
        {"server", 0x0403},         {"server-rsa", 0x0804}, {"server-p384", 0x0503},
        {"server-ed25519", 0x0807}, {"server-pss", 0x0809}, {"direct", 0x0403},
        {"peer-both", 0x0403},
    };
    for (size_t i = 0; i < COUNT(keys); i++) {
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            end client = {.trust = GOOD_ROOTS, .peer = "example.test", .version = both_versions[v]};
            end server = {.credential = keys[i].name, .version = both_versions[v]};
            stls_conn_info info = {0};
            check_case("%s, %s", keys[i].name, version_text(both_versions[v]));
            if (!stls_backend_supports(test_backend(), STLS_REGISTRY_SCHEME, keys[i].scheme)) {
                stls_credential *credential;
                stls_error error = {0};
                CHECK_RESULT("a key of a scheme that the backend does not have",
                             pki_try_credential(test_backend(), keys[i].name, &credential, &error),
                             STLS_E_UNSUPPORTED, &error);
                stls_credential_free(credential);
                continue;
            }
            check_good(&client, &server, &info);
            CHECK_NUMBER("version", info.version, both_versions[v]);
            if (!stls_backend_can(test_backend(), STLS_CAN_TELL_SCHEME)) {
                CHECK_NUMBER("the scheme", info.peer_scheme, 0);
            } else if (both_versions[v] == STLS_TLS1_3) {
                CHECK_TEXT("the scheme", code_text(STLS_REGISTRY_SCHEME, info.peer_scheme),
                           code_text(STLS_REGISTRY_SCHEME, keys[i].scheme));
            } else {
                CHECK(info.peer_scheme != 0, "the scheme is not told");
            }
        }
    }
}

/* --- Suites */

static const char *key_for_suite(uint16_t suite) {
    const char *name = stls_iana_name(STLS_REGISTRY_SUITE, suite);
    return strstr(name, "_RSA_") ? "server-rsa" : "server";
}

static void test_each_suite(void) {
    for (size_t i = 0; i < COUNT(compatible_suites); i++) {
        uint16_t suite = compatible_suites[i];
        const char *name = stls_iana_name(STLS_REGISTRY_SUITE, suite);
        uint16_t version = suite >> 8 == 0x13 ? STLS_TLS1_3 : STLS_TLS1_2;
        end client = {
            .trust = GOOD_ROOTS, .peer = "example.test", .version = version, .suites = name};
        end server = {.credential = key_for_suite(suite), .version = version, .suites = name};
        stls_conn_info info = {0};
        check_case("%s", name);
        if (!stls_backend_supports(test_backend(), STLS_REGISTRY_SUITE, suite)) {
            stls_context *context;
            CHECK_RESULT("a suite that the backend does not have",
                         end_try_context(STLS_ROLE_CLIENT, &client, &context, NULL),
                         STLS_E_UNSUPPORTED, NULL);
            stls_context_free(context);
            continue;
        }
        check_good(&client, &server, &info);
        CHECK_TEXT("the suite", code_text(STLS_REGISTRY_SUITE, info.suite), name);
    }
}

/* The server's order counts, whatever the client prefers; where both versions can be had, that of
 * the suites of TLS 1.3. */
static void test_server_preference(void) {
    static const struct {
        uint16_t version;
        const char *client, *server, *chosen;
    } cases[] = {
        {STLS_TLS1_3, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384",
         "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"},
        {STLS_TLS1_3, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
         "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"},
        {STLS_TLS1_3, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256",
         "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"},
        {STLS_TLS1_2, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
         "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
         "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
        {STLS_TLS1_2, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
         "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
         "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
        {0,
         "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
         "TLS_AES_256_GCM_SHA384",
         "ECDHE-ECDSA-AES128-GCM-SHA256:TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:"
         "TLS_AES_128_GCM_SHA256",
         "TLS_AES_256_GCM_SHA384"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version = cases[i].version,
                      .suites = cases[i].client};
        end server = {
            .credential = "server", .version = cases[i].version, .suites = cases[i].server};
        stls_conn_info info = {0};
        check_case("%s, the server wants %s",
                   cases[i].version ? version_text(cases[i].version) : "both versions",
                   cases[i].chosen);
        check_good(&client, &server, &info);
        CHECK_TEXT("the suite", code_text(STLS_REGISTRY_SUITE, info.suite), cases[i].chosen);
    }
}

/* --- Groups */

static void check_group(const end *client, const end *server, uint16_t group) {
    stls_conn_info info = {0};
    check_good(client, server, &info);
    if (stls_backend_can(test_backend(), STLS_CAN_TELL_GROUP)) {
        CHECK_TEXT("the group", code_text(STLS_REGISTRY_GROUP, info.group),
                   code_text(STLS_REGISTRY_GROUP, group));
    } else {
        CHECK_NUMBER("the group, of a backend that cannot tell", info.group, 0);
    }
}

static void test_each_group(void) {
    for (size_t i = 0; i < COUNT(default_groups); i++) {
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            const char *name = stls_iana_name(STLS_REGISTRY_GROUP, default_groups[i]);
            /* An RSA key: in TLS 1.2 the list of groups is also that of the certificates' curves.
             */
            end client = {.trust = GOOD_ROOTS,
                          .peer = "example.test",
                          .version = both_versions[v],
                          .groups = name};
            end server = {.credential = "server-rsa", .version = both_versions[v], .groups = name};
            bool hybrid = default_groups[i] == 0x11ec;
            check_case("%s, %s", name, version_text(both_versions[v]));
            if (!stls_backend_supports(test_backend(), STLS_REGISTRY_GROUP, default_groups[i])) {
                stls_context *context;
                CHECK_RESULT("a group that the backend does not have",
                             end_try_context(STLS_ROLE_CLIENT, &client, &context, NULL),
                             STLS_E_UNSUPPORTED, NULL);
                stls_context_free(context);
            } else if (!hybrid || both_versions[v] == STLS_TLS1_3) {
                check_group(&client, &server, default_groups[i]);
            }
        }
    }
}

/* The client's key share is of a group that the server does not have: HelloRetryRequest in TLS 1.3.
 */
static void test_second_group(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version = both_versions[v],
                      .groups = "x25519:secp256r1:secp384r1"};
        end server = {
            .credential = "server-rsa", .version = both_versions[v], .groups = "secp384r1"};
        check_case("the server has secp384r1 only, %s", version_text(both_versions[v]));
        check_group(&client, &server, 0x0018);
    }
}

/* --- Schemes */

static void test_schemes(void) {
    static const struct {
        const char *key;
        uint16_t scheme;
    } cases[] = {
        {"server", 0x0403},     {"server-p384", 0x0503}, {"server-rsa", 0x0804},
        {"server-rsa", 0x0805}, {"server-rsa", 0x0806},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = stls_iana_name(STLS_REGISTRY_SCHEME, cases[i].scheme);
        end client = {
            .trust = GOOD_ROOTS, .peer = "example.test", .version = STLS_TLS1_3, .schemes = name};
        end server = {.credential = cases[i].key, .version = STLS_TLS1_3};
        stls_conn_info info = {0};
        check_case("the client takes %s only", name);
        if (!stls_backend_can(test_backend(), STLS_CAN_SET_SIGNATURE_SCHEMES)) {
            stls_context *context;
            CHECK_RESULT("schemes on a backend that cannot set them",
                         end_try_context(STLS_ROLE_CLIENT, &client, &context, NULL),
                         STLS_E_UNSUPPORTED, NULL);
            stls_context_free(context);
            continue;
        }
        check_good(&client, &server, &info);
        if (stls_backend_can(test_backend(), STLS_CAN_TELL_SCHEME)) {
            CHECK_TEXT("the scheme", code_text(STLS_REGISTRY_SCHEME, info.peer_scheme), name);
        }
    }
}

/* The client's suite is for SHA-384, which its server does not want to be signed by. */
static void test_schemes_of_clients(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        bool sha_384 = both_versions[v] == STLS_TLS1_2;
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .credential = "phone",
                      .version = both_versions[v],
                      .suites = sha_384 ? "ECDHE-ECDSA-AES256-GCM-SHA384" : NULL};
        end server = {.trust = GOOD_ROOTS,
                      .credential = "server",
                      .verify = STLS_VERIFY_REQUIRED,
                      .version = both_versions[v],
                      .schemes = "ecdsa_secp256r1_sha256"};
        pair p;
        check_case("the server takes ecdsa_secp256r1_sha256 only, %s",
                   version_text(both_versions[v]));
        if (!stls_backend_can(test_backend(), STLS_CAN_SET_SIGNATURE_SCHEMES)) {
            continue; /* test_schemes() has it */
        }
        if (pair_open(&p, &client, &server, NULL)) {
            stls_conn_info info;
            pair_handshake(&p);
            stls_conn_get_info(p.conn[SERVER], &info);
            if (p.handshake[SERVER] == STLS_OK) {
                CHECK_NUMBER("the scheme", info.peer_scheme, 0x0403);
            } else { /* mbedTLS's client does not ask what its server wants */
                CHECK(test_is("mbedtls") && sha_384, "the handshake failed: %s",
                      pair_error(&p, SERVER)->text);
                CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_PROTOCOL,
                             pair_error(&p, SERVER));
                CHECK_NUMBER("the alert", pair_error(&p, SERVER)->alert_sent, 47);
                CHECK_NUMBER("the alert, as it came", pair_error(&p, CLIENT)->alert_received, 47);
            }
        }
        pair_close(&p);
    }
}

/* --- Versions */

static void test_versions(void) {
    static const struct {
        uint16_t client_min, client_max, server_min, server_max, chosen; /* 0: nothing shared */
    } cases[] = {
        {STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_3},
        {STLS_TLS1_2, STLS_TLS1_2, STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_2},
        {STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_2, STLS_TLS1_2, STLS_TLS1_2},
        {STLS_TLS1_3, STLS_TLS1_3, STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_3},
        {STLS_TLS1_2, STLS_TLS1_3, STLS_TLS1_3, STLS_TLS1_3, STLS_TLS1_3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version_min = cases[i].client_min,
                      .version_max = cases[i].client_max};
        end server = {.credential = "server",
                      .version_min = cases[i].server_min,
                      .version_max = cases[i].server_max};
        stls_conn_info info = {0};
        check_case("client %s to %s, server %s to %s", version_text(cases[i].client_min),
                   version_text(cases[i].client_max), version_text(cases[i].server_min),
                   version_text(cases[i].server_max));
        check_good(&client, &server, &info);
        CHECK_TEXT("the version", version_text(info.version), version_text(cases[i].chosen));
    }
}

/* --- Nothing shared */

/* The server notices each of these: it says STLS_E_NOTHING_SHARED and sends the alert, and the
 * client gets it. RFC 8446 6.2: protocol_version for a version, handshake_failure for the rest. */
static void test_nothing_shared(void) {
    static const struct {
        const char *name;
        end client, server;
        int alert;
    } cases[] = {
        {"versions: client 1.3, server 1.2",
         {.version = STLS_TLS1_3},
         {.version = STLS_TLS1_2},
         70},
        {"versions: client 1.2, server 1.3",
         {.version = STLS_TLS1_2},
         {.version = STLS_TLS1_3},
         70},
        {"suites, TLS 1.3",
         {.version = STLS_TLS1_3, .suites = "TLS_AES_128_GCM_SHA256"},
         {.version = STLS_TLS1_3, .suites = "TLS_AES_256_GCM_SHA384"},
         40},
        {"suites, TLS 1.2",
         {.version = STLS_TLS1_2, .suites = "ECDHE-ECDSA-AES128-GCM-SHA256"},
         {.version = STLS_TLS1_2, .suites = "ECDHE-ECDSA-AES256-GCM-SHA384"},
         40},
        {"suites of another kind of key, TLS 1.2",
         {.version = STLS_TLS1_2, .suites = "ECDHE-RSA-AES128-GCM-SHA256"},
         {.version = STLS_TLS1_2},
         40},
        {"groups, TLS 1.3",
         {.version = STLS_TLS1_3, .groups = "secp256r1"},
         {.version = STLS_TLS1_3, .groups = "secp384r1"},
         40},
        {"groups, TLS 1.2",
         {.version = STLS_TLS1_2, .groups = "secp256r1"},
         {.version = STLS_TLS1_2, .groups = "secp384r1", .credential = "server-rsa"},
         40},
        {"schemes, TLS 1.3",
         {.version = STLS_TLS1_3, .schemes = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"},
         {.version = STLS_TLS1_3},
         40},
        {"schemes, TLS 1.2",
         {.version = STLS_TLS1_2, .schemes = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256"},
         {.version = STLS_TLS1_2},
         40},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        end client = cases[i].client, server = cases[i].server;
        pair p;
        check_case("%s", cases[i].name);
        client.trust = GOOD_ROOTS;
        client.peer = "example.test";
        if (cases[i].server.credential == NULL) {
            server.credential = "server";
        }
        if (client.schemes && !stls_backend_can(test_backend(), STLS_CAN_SET_SIGNATURE_SCHEMES)) {
            continue; /* test_schemes() has it */
        }
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_NOTHING_SHARED,
                         pair_error(&p, SERVER));
            CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_ALERT, pair_error(&p, CLIENT));
            check_alert(&p, SERVER, cases[i].alert);
            CHECK(*pair_error(&p, SERVER)->text && *pair_error(&p, CLIENT)->text,
                  "an error without a sentence");
        }
        pair_close(&p);
    }
}

/* A client that does not verify gets through, and is not secure. */
static void test_unverified(void) {
    end client = {.verify = STLS_VERIFY_NONE}, server = {.credential = "server"};
    pair p;
    check_case("a client that does not verify");
    if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
        CHECK(!stls_conn_is_secure(p.conn[CLIENT]), "the connection says it is secure");
        CHECK(!stls_conn_is_secure(p.conn[SERVER]), "the server's side says it is secure");
        CHECK_NUMBER("the verdict's state", pair_verdict(&p, CLIENT)->state, STLS_VERDICT_NOT_DONE);
    }
    pair_close(&p);
}

/* Zero is not success: before the handshake nothing is known, nothing is secure, nothing is an
 * error. */
static void test_before(void) {
    end client = {.trust = GOOD_ROOTS, .peer = "example.test"}, server = {.credential = "server"};
    pair p;
    check_case("before the handshake");
    if (pair_open(&p, &client, &server, NULL)) {
        for (side s = CLIENT; s <= SERVER; s++) {
            stls_conn_info info;
            uint8_t byte = 0;
            size_t done = 1;
            CHECK(!stls_conn_is_secure(p.conn[s]), "the %s is secure", side_text(s));
            CHECK_NUMBER("the verdict's state", pair_verdict(&p, s)->state, STLS_VERDICT_NOT_DONE);
            CHECK_NUMBER("the error", pair_error(&p, s)->result, STLS_NOT_DONE);
            CHECK_NUMBER("certificates", stls_conn_peer_count(p.conn[s]), 0);
            CHECK(stls_conn_peer_certificate(p.conn[s], 0).data == NULL, "a certificate");
            stls_conn_get_info(p.conn[s], &info);
            CHECK_NUMBER("the version", info.version, 0);
            CHECK_NUMBER("the suite", info.suite, 0);
            CHECK_RESULT("a read", stls_conn_read(p.conn[s], &byte, 1, &done), STLS_E_STATE, NULL);
            CHECK_RESULT("a write", stls_conn_write(p.conn[s], &byte, 1, &done), STLS_E_STATE,
                         NULL);
        }
        /* And both calls were harmless. */
        pair_connect(&p);
    }
    pair_close(&p);
}

/* The peer's certificates are the bytes that it sent, in its order. */
static void test_peer_chain(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = {.trust = GOOD_ROOTS,
                      .peer = "example.test",
                      .version = both_versions[v],
                      .credential = "phone-rsa"};
        end server = {.credential = "server",
                      .trust = GOOD_ROOTS,
                      .version = both_versions[v],
                      .verify = STLS_VERIFY_REQUIRED};
        static const char *const sent[2][2] = {{"server.der", "int.der"},
                                               {"phone-rsa.der", "int-rsa.der"}};
        pair p;
        check_case("the peer's chain, %s", version_text(both_versions[v]));
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            for (side s = CLIENT; s <= SERVER; s++) {
                CHECK_NUMBER("certificates", stls_conn_peer_count(p.conn[s]), 2);
                for (size_t i = 0; i < 2; i++) {
                    CHECK_BYTES(sent[s][i], stls_conn_peer_certificate(p.conn[s], i),
                                pki_bytes(sent[s][i]));
                }
                CHECK(stls_conn_peer_certificate(p.conn[s], 2).data == NULL, "one too many");
            }
        }
        pair_close(&p);
    }
}

const test_case handshake_tests[] = {
    {"default lists", test_defaults},
    {"before the handshake nothing is known", test_before},
    {"kinds of keys", test_keys},
    {"each suite by itself", test_each_suite},
    {"the server's order of suites counts", test_server_preference},
    {"each group by itself", test_each_group},
    {"a second group", test_second_group},
    {"signature schemes", test_schemes},
    {"signature schemes of clients", test_schemes_of_clients},
    {"version ranges", test_versions},
    {"nothing shared", test_nothing_shared},
    {"without verification", test_unverified},
    {"the peer's chain", test_peer_chain},
    {NULL, NULL},
};
