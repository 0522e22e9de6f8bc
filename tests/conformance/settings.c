/* tests/conformance/settings.c - what a profile refuses, at once and with a sentence.
 *
 * Promise P2 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdlib.h>
#include <string.h>

static stls_profile *profile_of(stls_role role) {
    stls_profile *profile;
    stls_error error = {0};
    end e = {0};
    CHECK_RESULT("a profile", end_try_profile(role, &e, &profile, &error), STLS_OK, &error);
    return profile;
}

/* One call that must fail with `expected` and a sentence; without an error to fill, it answers the
 * same. */
#define CHECK_REFUSED(call, expected)                                                              \
    do {                                                                                           \
        stls_error error = {0};                                                                    \
        stls_error *e = &error;                                                                    \
        check_case("%s", #call);                                                                   \
        CHECK_RESULT("the answer", call, expected, e);                                             \
        CHECK_NUMBER("the error's result", error.result, expected);                                \
        CHECK(*error.text, "no sentence");                                                         \
        e = NULL;                                                                                  \
        CHECK_RESULT("the answer without an error to fill", call, expected, NULL);                 \
    } while (0)

static void test_bad_values(void) {
    static const uint16_t unknown[] = {0x1301, 0xffff}, twice[] = {0x1301, 0x1302, 0x1301};
    static uint16_t many[65];
    stls_profile *p = profile_of(STLS_ROLE_CLIENT);
    if (!p) {
        return;
    }
    memset(many, 0x13, sizeof many);
    CHECK_REFUSED(stls_profile_set_versions(p, STLS_TLS1_3, STLS_TLS1_2, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_versions(p, 0x0302, STLS_TLS1_3, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_versions(p, STLS_TLS1_2, 0x0305, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_versions(p, 0, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_preset(p, (stls_preset)0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_preset(p, (stls_preset)9, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_SUITE, "TLS_NO_SUCH_SUITE", e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_SUITE,
                                         "TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256", e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_GROUP, "secp256r1:nonsense", e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_SCHEME, "md5", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_SUITE, "", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_SUITE, NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_ALERT, "unknown_ca", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(p, STLS_REGISTRY_NONE, "x", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(p, STLS_REGISTRY_SUITE, unknown, 2, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(p, STLS_REGISTRY_SUITE, twice, 3, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(p, STLS_REGISTRY_SUITE, twice, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(p, STLS_REGISTRY_SUITE, NULL, 1, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(p, STLS_REGISTRY_SUITE, many, 65, e), STLS_E_LIMIT);
    CHECK_REFUSED(stls_profile_set_verify(p, (stls_verify_mode)0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_verify(p, (stls_verify_mode)5, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_identity(p, (stls_identity_mode)0, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_identity(p, STLS_IDENTITY_SIP, STLS_IDENTITY_WILDCARD, e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_identity(p, STLS_IDENTITY_SIP, STLS_IDENTITY_COMMON_NAME, e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_identity(p, STLS_IDENTITY_LIST, 1 << 7, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_add_name(p, "", e), STLS_E_FORMAT);
    CHECK_REFUSED(stls_profile_add_name(p, "a b", e), STLS_E_FORMAT);
    CHECK_REFUSED(stls_profile_add_name(p, NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_usage(p, (stls_usage_mode)0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_usage(p, (stls_usage_mode)4, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_strength(p, (stls_strength)0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_strength(p, (stls_strength)3, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_max_intermediates(p, STLS_PATH_MAX - 1, e), STLS_E_LIMIT);
    CHECK_REFUSED(stls_profile_set_chain_bytes(p, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_chain_bytes(p, SIZE_MAX, e), STLS_E_UNSUPPORTED);
    stls_profile_free(p);
}

/* The error names the entry that is wrong. */
static void test_sentences(void) {
    stls_profile *p = profile_of(STLS_ROLE_CLIENT);
    stls_error error = {0};
    check_case("the sentence names what is wrong");
    if (!p) {
        return;
    }
    stls_profile_set_names(p, STLS_REGISTRY_SUITE, "TLS_AES_128_GCM_SHA256:TLS_NO_SUCH_SUITE",
                           &error);
    CHECK_CONTAINS("an unknown suite", error.text, "TLS_NO_SUCH_SUITE");
    stls_profile_set_names(p, STLS_REGISTRY_SUITE, "\x1b[2J", &error);
    CHECK_CONTAINS("a suite of foreign bytes", error.text, "\"\\x1b[2J\"");
    stls_profile_set_preset(NULL, STLS_PRESET_MODERN, &error);
    CHECK_CONTAINS("a preset for nobody", error.text, "the profile is NULL");
    stls_profile_set_names(p, STLS_REGISTRY_GROUP, "x25519:P-256:secp256r1", &error);
    CHECK_CONTAINS("a group given twice", error.text, "secp256r1");
    stls_profile_set_tolerated(p, STLS_FLAG_UNTRUSTED, &error);
    CHECK_CONTAINS("a flag that cannot be tolerated", error.text, "untrusted");
    stls_profile_free(p);
}

static void test_wrong_role(void) {
    stls_profile *client = profile_of(STLS_ROLE_CLIENT);
    stls_credential *credential = pki_credential(test_backend(), "server");
    if (client && credential) {
        CHECK_REFUSED(stls_profile_set_verify(client, STLS_VERIFY_OPTIONAL, e), STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_set_verify(client, STLS_VERIFY_OPTIONAL_ANY, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(client, "a.test", credential, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_set_strict_hosts(client, true, e), STLS_E_ARGUMENT);
    }
    stls_credential_free(credential);
    stls_profile_free(client);
}

static void test_bad_hosts(void) {
    stls_profile *server = profile_of(STLS_ROLE_SERVER);
    stls_credential *credential = pki_credential(test_backend(), "server");
    if (server && credential) {
        CHECK_REFUSED(stls_profile_add_host(server, NULL, credential, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(server, "a.test", NULL, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(server, "a.test", credential, (stls_verify_mode)0, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(server, "127.0.0.1", credential, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(server, "[::1]", credential, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(server, "", credential, STLS_VERIFY_NONE, e),
                      STLS_E_FORMAT);
        CHECK_REFUSED(stls_profile_add_host(server, "*.a.test", credential, STLS_VERIFY_NONE, e),
                      STLS_E_FORMAT);
    }
    stls_credential_free(credential);
    stls_profile_free(server);
}

static void test_null(void) {
    static const uint16_t code[] = {0x1301};
    stls_profile *p = NULL;
    stls_context *c = NULL;
    CHECK_REFUSED(stls_profile_new(NULL, STLS_ROLE_CLIENT, &p, e), STLS_E_NO_BACKEND);
    CHECK_REFUSED(stls_profile_new(test_backend(), STLS_ROLE_NONE, &p, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_new(test_backend(), (stls_role)3, &p, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_new(test_backend(), STLS_ROLE_CLIENT, NULL, e), STLS_E_ARGUMENT);
    CHECK(p == NULL, "a profile came out of it");
    CHECK_REFUSED(stls_profile_set_preset(NULL, STLS_PRESET_MODERN, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_versions(NULL, STLS_TLS1_2, STLS_TLS1_3, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_codes(NULL, STLS_REGISTRY_SUITE, code, 1, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_names(NULL, STLS_REGISTRY_SUITE, "x", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_alpn(NULL, "sip/2", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_credential(NULL, NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_add_host(NULL, "a.test", NULL, STLS_VERIFY_NONE, e),
                  STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_strict_hosts(NULL, true, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_trust(NULL, NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_verify(NULL, STLS_VERIFY_NONE, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_identity(NULL, STLS_IDENTITY_SIP, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_add_name(NULL, "a.test", e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_usage(NULL, STLS_USAGE_TLS, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_strength(NULL, STLS_STRENGTH_LEGACY, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_tolerated(NULL, 0, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_max_intermediates(NULL, 1, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_clock(NULL, end_clock, NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_handshake_timeout(NULL, 1, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_profile_set_chain_bytes(NULL, 1, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_context_new(NULL, &c, e), STLS_E_ARGUMENT);
    check_case("what takes NULL");
    CHECK_NUMBER("codes of no profile", stls_profile_codes(NULL, STLS_REGISTRY_SUITE, NULL, 0), 0);
    stls_profile_free(NULL);
    stls_context_free(NULL);
    stls_credential_free(NULL);
    stls_trust_free(NULL);
    stls_conn_free(NULL);
    CHECK(stls_context_hold(NULL) == NULL, "a context came out of it");
}

static void test_null_connection(void) {
    end client = {.trust = "root", .peer = "example.test"};
    stls_context *context = end_context(STLS_ROLE_CLIENT, &client);
    stls_conn *conn = NULL;
    uint8_t byte;
    size_t done;
    CHECK_REFUSED(stls_conn_new(NULL, "a.test", &conn, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_conn_new(context, "a.test", NULL, e), STLS_E_ARGUMENT);
    CHECK_REFUSED(stls_conn_new(context, NULL, &conn, e), STLS_E_ARGUMENT);
    check_case("calls on no connection");
    CHECK(conn == NULL, "a connection came out of it");
    CHECK_RESULT("handshake", stls_conn_handshake(NULL), STLS_E_ARGUMENT, NULL);
    CHECK_RESULT("read", stls_conn_read(NULL, &byte, 1, &done), STLS_E_ARGUMENT, NULL);
    CHECK_RESULT("write", stls_conn_write(NULL, &byte, 1, &done), STLS_E_ARGUMENT, NULL);
    CHECK_RESULT("close", stls_conn_close(NULL), STLS_E_ARGUMENT, NULL);
    CHECK(!stls_conn_is_secure(NULL) && !stls_conn_pending(NULL), "secure or pending");
    CHECK_NUMBER("peek", stls_conn_peek(NULL).len, 0);
    CHECK_NUMBER("the verdict", stls_conn_verdict(NULL)->state, STLS_VERDICT_NOT_DONE);
    CHECK_NUMBER("the error", stls_conn_error(NULL)->result, STLS_NOT_DONE);
    CHECK_NUMBER("certificates", stls_conn_peer_count(NULL), 0);
    CHECK(stls_conn_context(NULL) == NULL, "a context");
    stls_context_free(context);
}

/* What the role needs is asked when the context is made, or at the latest for the connection. */
static void test_incomplete(void) {
    static const struct {
        const char *name;
        stls_role role;
        end end;
        stls_result result;
    } cases[] = {
        {"a client that verifies, without trust", STLS_ROLE_CLIENT, {.trust = NULL}, STLS_E_STATE},
        {"the same, explicitly", STLS_ROLE_CLIENT, {.verify = STLS_VERIFY_REQUIRED}, STLS_E_STATE},
        {"a client whose trust is empty", STLS_ROLE_CLIENT, {.trust = ""}, STLS_E_STATE},
        {"a client that does not verify", STLS_ROLE_CLIENT, {.verify = STLS_VERIFY_NONE}, STLS_OK},
        {"a server without credential", STLS_ROLE_SERVER, {.trust = "root"}, STLS_E_STATE},
        {"a server that verifies, without trust",
         STLS_ROLE_SERVER,
         {.credential = "server", .verify = STLS_VERIFY_REQUIRED},
         STLS_E_STATE},
        {"a server that verifies at will, without trust",
         STLS_ROLE_SERVER,
         {.credential = "server", .verify = STLS_VERIFY_OPTIONAL},
         STLS_E_STATE},
        {"a list without names",
         STLS_ROLE_CLIENT,
         {.trust = "root", .identity = STLS_IDENTITY_LIST},
         STLS_E_STATE},
        {"TLS 1.3 without a suite of it",
         STLS_ROLE_CLIENT,
         {.trust = "root", .suites = "ECDHE-ECDSA-AES128-GCM-SHA256"},
         STLS_E_STATE},
        {"TLS 1.2 without a suite of it",
         STLS_ROLE_CLIENT,
         {.trust = "root", .suites = "TLS_AES_128_GCM_SHA256"},
         STLS_E_STATE},
        {"TLS 1.3 only, with its suite",
         STLS_ROLE_CLIENT,
         {.trust = "root", .suites = "TLS_AES_128_GCM_SHA256", .version = STLS_TLS1_3},
         STLS_OK},
    };
    static const end_host hosts[] = {{"a.test", "server", STLS_VERIFY_REQUIRED}, {NULL, NULL, 0}};
    end server = {.credential = "server", .hosts = hosts};
    stls_context *context;
    stls_error error = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case("%s", cases[i].name);
        CHECK_RESULT("the context", end_try_context(cases[i].role, &cases[i].end, &context, &error),
                     cases[i].result, &error);
        CHECK((context != NULL) == (cases[i].result == STLS_OK), "the context is %p",
              (void *)context);
        CHECK(cases[i].result == STLS_OK || *error.text, "no sentence");
        stls_context_free(context);
    }
    check_case("a host that verifies, without trust");
    CHECK_RESULT("the context", end_try_context(STLS_ROLE_SERVER, &server, &context, &error),
                 STLS_E_STATE, &error);
    stls_context_free(context);
}

/* A context for verdicts needs a trust and nothing else, and makes no connection. */
static void test_verifier(void) {
    static const struct {
        stls_role role;
        const char *leaf, *peer;
    } cases[] = {{STLS_ROLE_CLIENT, "server.der", "example.test"},
                 {STLS_ROLE_SERVER, "phone.der", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_error error = {0};
        stls_profile *profile = NULL;
        stls_context *context = NULL;
        stls_conn *conn = NULL;
        stls_verdict verdict;
        stls_trust *trust = pki_trust("root");
        stls_bytes chain[] = {pki_bytes(cases[i].leaf), pki_bytes("int.der")};
        check_case("%s", cases[i].leaf);
        CHECK_RESULT("the profile",
                     stls_profile_new(test_backend(), cases[i].role, &profile, &error), STLS_OK,
                     &error);
        CHECK_RESULT("without trust", stls_context_new_verifier(profile, &context, &error),
                     STLS_E_STATE, &error);
        stls_profile_set_trust(profile, trust, &error);
        CHECK_RESULT("with trust", stls_context_new_verifier(profile, &context, &error), STLS_OK,
                     &error);
        CHECK_RESULT("the verdict",
                     stls_verify(context, chain, COUNT(chain), cases[i].peer, &verdict, &error),
                     STLS_OK, &error);
        CHECK_RESULT("a connection", stls_conn_new(context, cases[i].peer, &conn, &error),
                     STLS_E_STATE, &error);
        CHECK(conn == NULL && *error.text, "a connection, or no sentence");
        stls_context_free(context);
        stls_profile_free(profile);
        stls_trust_free(trust);
    }
    CHECK_RESULT("NULL", stls_context_new_verifier(NULL, NULL, NULL), STLS_E_ARGUMENT, NULL);
}

/* A credential belongs to the backend that it was made on. */
static void test_foreign_credential(void) {
    const stls_backend *other = NULL;
    for (size_t i = 0; (other = stls_backend_at(i)) == test_backend();) {
        i++;
    }
    if (!other) {
        test_skip("foreign credential", "this build has one backend only");
        return;
    }
    stls_profile *profile = profile_of(STLS_ROLE_SERVER);
    stls_credential *credential = pki_credential(other, "server");
    if (profile && credential) {
        CHECK_REFUSED(stls_profile_set_credential(profile, credential, e), STLS_E_ARGUMENT);
        CHECK_REFUSED(stls_profile_add_host(profile, "a.test", credential, STLS_VERIFY_NONE, e),
                      STLS_E_ARGUMENT);
    }
    stls_credential_free(credential);
    stls_profile_free(profile);
}

/* A setter that fails changes nothing. */
static void test_unchanged(void) {
    stls_profile *p = profile_of(STLS_ROLE_CLIENT);
    uint16_t before[64], after[64];
    size_t n, m;
    check_case("a setter that fails changes nothing");
    if (!p) {
        return;
    }
    n = stls_profile_codes(p, STLS_REGISTRY_SUITE, before, COUNT(before));
    stls_profile_set_names(p, STLS_REGISTRY_SUITE, "TLS_AES_128_GCM_SHA256:TLS_NO_SUCH_SUITE",
                           NULL);
    m = stls_profile_codes(p, STLS_REGISTRY_SUITE, after, COUNT(after));
    CHECK(n > 0 && n == m && memcmp(before, after, n * sizeof before[0]) == 0,
          "the list has changed");
    n = stls_profile_codes(p, STLS_REGISTRY_SUITE, after, 1);
    CHECK_NUMBER("the length of the list, with room for one", n, m);
    stls_profile_free(p);
}

/* The profile may be changed and freed after a context was made; the context stays as it was. */
static void test_frozen(void) {
    end client = {.trust = "root", .peer = "example.test"}, server = {.credential = "server"};
    stls_profile *profile;
    stls_context *old = NULL, *new = NULL, *server_context = end_context(STLS_ROLE_SERVER, &server);
    stls_conn_info info;
    pair p;
    check_case("a profile that changes after its context was made");
    if (end_try_profile(STLS_ROLE_CLIENT, &client, &profile, NULL) == STLS_OK) {
        stls_context_new(profile, &old, NULL);
        stls_profile_set_versions(profile, STLS_TLS1_2, STLS_TLS1_2, NULL);
        stls_context_new(profile, &new, NULL);
        stls_profile_set_trust(profile, NULL, NULL);
    }
    stls_profile_free(profile);
    if (CHECK(old && new, "no contexts")) {
        stls_context *const contexts[] = {old, new};
        static const uint16_t versions[] = {STLS_TLS1_3, STLS_TLS1_2};
        for (size_t i = 0; i < COUNT(contexts); i++) {
            if (pair_open_on(&p, contexts[i], &client, server_context, NULL) && pair_connect(&p)) {
                stls_conn_get_info(p.conn[CLIENT], &info);
                CHECK_TEXT("the version", version_text(info.version), version_text(versions[i]));
            }
            pair_close(&p);
        }
    }
    stls_context_free(old);
    stls_context_free(new);
    stls_context_free(server_context);
}

/* The names of the registries, and back. */
static void test_names(void) {
    static const struct {
        stls_registry registry;
        const char *name;
        uint16_t code;
    } names[] = {
        {STLS_REGISTRY_SUITE, "tls_aes_128_gcm_sha256", 0x1301},
        {STLS_REGISTRY_SUITE, "ECDHE-RSA-AES128-GCM-SHA256", 0xc02f},
        {STLS_REGISTRY_SUITE, "0x1301", 0x1301},
        {STLS_REGISTRY_SUITE, "4865", 0x1301},
        {STLS_REGISTRY_GROUP, "P-256", 0x0017},
        {STLS_REGISTRY_GROUP, "prime256v1", 0x0017},
        {STLS_REGISTRY_GROUP, "X25519", 0x001d},
        {STLS_REGISTRY_ALERT, "unknown_ca", 48},
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        uint16_t code = 0;
        check_case("%s", names[i].name);
        CHECK_RESULT("stls_iana_code", stls_iana_code(names[i].registry, names[i].name, &code),
                     STLS_OK, NULL);
        CHECK_NUMBER("the code", code, names[i].code);
    }
    for (stls_registry r = STLS_REGISTRY_VERSION; r <= STLS_REGISTRY_ALERT; r++) {
        uint16_t code, back = 0xfffe;
        for (size_t i = 0; stls_iana_at(r, i, &code); i++) {
            const char *name = stls_iana_name(r, code);
            check_case("registry %d, number 0x%04x", (int)r, code);
            if (CHECK(name != NULL, "no name")) {
                CHECK_RESULT("the way back", stls_iana_code(r, name, &back), STLS_OK, NULL);
                CHECK_NUMBER("the number", back, code);
            }
        }
    }
}

/* A profile has its preset's list, in its order, without what this library lacks; what it lacks
 * stands in the expectations. */
static void test_presets(void) {
    static const stls_preset presets[] = {STLS_PRESET_MODERN, STLS_PRESET_COMPATIBLE};
    static const stls_registry registries[] = {STLS_REGISTRY_SUITE, STLS_REGISTRY_GROUP,
                                               STLS_REGISTRY_SCHEME};
    enum { CODES = 64 };
    stls_profile *profile = NULL;
    stls_error error = {0};
    CHECK_RESULT("the profile",
                 stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, &error), STLS_OK,
                 &error);
    for (size_t p = 0; profile && p < COUNT(presets); p++) {
        stls_profile_set_preset(profile, presets[p], &error);
        for (size_t r = 0; r < COUNT(registries); r++) {
            uint16_t wanted[CODES], got[CODES];
            size_t count = stls_preset_codes(presets[p], registries[r], wanted, CODES), at = 0;
            size_t got_count = stls_profile_codes(profile, registries[r], got, CODES);
            check_case("preset %d, registry %d", (int)presets[p], (int)registries[r]);
            CHECK(count > 0 && count <= CODES, "the list has %zu entries", count);
            for (size_t i = 0; i < count; i++) {
                if (stls_backend_supports(test_backend(), registries[r], wanted[i])) {
                    CHECK(at < got_count && got[at] == wanted[i], "%s is not at place %zu",
                          code_text(registries[r], wanted[i]), at);
                    at++;
                }
            }
            CHECK_NUMBER("the length", got_count, at);
        }
    }
    CHECK_NUMBER("no such preset", stls_preset_codes((stls_preset)9, STLS_REGISTRY_SUITE, NULL, 0),
                 0);
    stls_profile_free(profile);
}

const test_case settings_tests[] = {
    {"bad values", test_bad_values},
    {"sentences name what is wrong", test_sentences},
    {"calls of the other role", test_wrong_role},
    {"bad hosts", test_bad_hosts},
    {"NULL", test_null},
    {"no connection", test_null_connection},
    {"incomplete profiles", test_incomplete},
    {"a context for verdicts only", test_verifier},
    {"a credential of another backend", test_foreign_credential},
    {"a failed setter changes nothing", test_unchanged},
    {"a context is frozen", test_frozen},
    {"names and numbers", test_names},
    {"presets", test_presets},
    {NULL, NULL},
};
