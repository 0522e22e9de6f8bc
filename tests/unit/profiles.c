/* Profiles out of a file: what can be said, and which line is wrong.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/profiles.h>

#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

static stls_result read_text(const char *text, stls_profiles **profiles, stls_error *error) {
    return stls_profiles_read(text, strlen(text), "the file", profiles, error);
}

static bool available(void) {
    if (!stls_profiles_available()) {
        test_skip("profiles", "this build has no inih");
    }
    return stls_profiles_available();
}

static const struct {
    const char *text, *sentence;
} bad_files[] = {
    {"[sip]\ntrusted = all\n", "line 2: [sip] \"trusted\" is not the name of a setting"},
    {"[sip]\n\n; note\ntrust = some\n",
     "line 4: [sip] trust takes default, custom, all, system, not "
     "\"some\""},
    {"trust = all\n", "line 1: it stands before the first [profile]"},
    {"[sip]\ntrust = all\ntrust = all\n", "line 3: [sip] trust stands there twice"},
    {"[sip]\ntrust = all\n[web]\nalpn = x\n[sip]\ntrust = custom\n", "line 6: [sip] trust stands"},
    {"[sip]\nverify\n", "line 2: it is neither"},
    {"[sip\n", "line 1: it is neither"},
    {"[]\n", "line 1: the name of a profile has 1 to 49 characters"},
    {"[a2345678901234567890123456789012345678901234567890]\n",
     "line 1: the name of a profile has 1 to 49 characters"},
    {"[sip]\n[ web ]\n", "line 2: the name of a profile begins and ends with no blank"},
    {"[b\xc3\xbcro]\n", "line 1: the name of a profile is of ASCII"},
    {"[sip]\n\n [web]\n", "line 3: [name] must stand at the begin of its line"},
    {"[sip] trust = all\n", "line 1: something stands behind [name]"},
    {"[sip]\ntrust = all\n  verify = none\n",
     "line 3: [sip] trust stands there twice (a line that"},
    {"[sip]\nciphers = \xff\n", "nothing is called \"\\xff\""},
    {"[sip]\nVerify = none\n", "line 2"},
    {"[sip]\nverify = NONE\n", "line 2"},
    {"[sip]\nverify =\n", "line 2"},
    {"[sip]\nmin-version = 1.1\n", "min-version takes 1.2, 1.3, not \"1.1\""},
    {"[sip]\nciphers = TLS_AES_128_GCM_SHA256:RC4\n", "nothing is called \"RC4\""},
    {"[sip]\ngroups = x25519\n  nope\n", "line 3: [sip] groups: nothing is called \"nope\""},
    {"[sip]\ntolerate = expired, revoked\n", "\"revoked\" can never be tolerated"},
    {"[sip]\ntolerate = oldness\n", "is not the name of a flag"},
    {"[sip]\nmax-intermediates = many\n", "takes a number"},
    {"[sip]\ncrl = yes\n", "line 2: [sip] crl takes off, leaf, chain, not \"yes\""},
    {"[sip]\ntickets = yes\n", "tickets takes a number"},
    {"[sip]\nresumption = 1\n", "resumption takes yes, no, not \"1\""},
    {"[sip]\nhandshake-timeout-ms = 99999999999999999999\n", "takes a number"},
    {"[sip]\nhandshake-timeout-ms = -1\n", "takes a number"},
    {"[sip]\nclock-not-before = 2026-02-29\n",
     "clock-not-before takes a date behind 1970, as 2026-11-01, not \"2026-02-29\""},
    {"[sip]\nclock-not-before = 2026-1-1\n", "not \"2026-1-1\""},
    {"[sip]\nclock-not-before = 20261101\n", "not \"20261101\""},
    {"[sip]\nclock-not-before = 2026-11-01T\n", "takes a date"},
    {"[sip]\nclock-not-before = 1970-01-01\n", "takes a date"},
    {"[sip]\nclock-not-before = 1950-01-01\n", "takes a date"},
    {"[sip]\nclock-not-before = +026-11-01\n", "takes a date"},
    {"[sip]\nclock-not-before = 2026-11-01\nclock-not-before = 2026-11-01\n", "stands there twice"},
    {"[sip]\nusage = \xc3\xa4\n", "\\xc3\\xa4"},
    {"[sip]\nmax-handshakes = 3600001\n",
     "max-handshakes takes a number up to 3600000, not \"3600001\""},
    {"[sip]\nmax-handshakes = many\n", "takes a number up to 3600000, not \"many\""},
};

static void test_bad_files(void) {
    for (size_t i = 0; available() && i < sizeof bad_files / sizeof bad_files[0]; i++) {
        stls_profiles *profiles = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", bad_files[i].sentence);
        CHECK_RESULT("read", read_text(bad_files[i].text, &profiles, &error), STLS_E_FORMAT,
                     &error);
        CHECK_CONTAINS("sentence", error.text, bad_files[i].sentence);
        CHECK_CONTAINS("sentence", error.text, "the file, line ");
        CHECK(profiles == NULL, "nothing was read");
    }
}

static void test_limits(void) {
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    char line[400] = "[sip]\nciphers = ";
    if (!available()) {
        return;
    }
    memset(line + strlen(line), 'A', 300);
    CHECK_RESULT("long line", read_text(line, &profiles, &error), STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "line 2: it is longer than 198 bytes; ciphers");
    CHECK_RESULT("NUL", stls_profiles_read("[a]\n\0", 5, NULL, &profiles, &error), STLS_E_FORMAT,
                 &error);
    char *large = calloc(1, STLS_PROFILES_BYTES + 1);
    CHECK_RESULT("large",
                 stls_profiles_read(large, STLS_PROFILES_BYTES + 1, NULL, &profiles, &error),
                 STLS_E_LIMIT, &error);
    free(large);
    char many[65 * 32] = "";
    for (unsigned i = 0; i < 65; i++) {
        snprintf(many + strlen(many), 32, "[%u]\ntrust = all\n", i);
    }
    CHECK_RESULT("65 profiles", read_text(many, &profiles, &error), STLS_E_LIMIT, &error);
    CHECK_RESULT("no file", stls_profiles_load("/nowhere/profiles", &profiles, &error), STLS_E_FILE,
                 &error);
    CHECK_RESULT("NULL", stls_profiles_load(NULL, &profiles, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("empty", stls_profiles_read(NULL, 0, NULL, &profiles, &error), STLS_OK, &error);
    CHECK(stls_profiles_name(profiles, 0) == NULL, "no profile");
    stls_profiles_free(profiles);
    CHECK_RESULT("nothing set", read_text("[sip] ; all is as it is\n", &profiles, &error), STLS_OK,
                 &error);
    CHECK_TEXT("name", stls_profiles_name(profiles, 0), "sip");
    stls_profiles_free(profiles);
    stls_profiles_free(NULL);
}

static const char good[] = "\xef\xbb\xbf; profiles of a phone\r\n"
                           "[sip]\r\n"
                           "trust = custom\r\n"
                           "certificate = custom ; of the house\r\n"
                           "identity = sip\r\n"
                           "min-version = 1.3\r\n"
                           "ciphers = TLS_AES_256_GCM_SHA384:\r\n"
                           "    TLS_AES_128_GCM_SHA256\r\n"
                           "alpn = sip/2\r\n"
                           "max-intermediates = 3\r\n"
                           "\r\n"
                           "[provisioning]\r\n"
                           "identity = https-cn\r\n"
                           "verify = none\r\n"
                           "tolerate = expired,clock-not-set\r\n"
                           "strength = legacy\r\n"
                           "crl = off\r\n"
                           "usage = tls\r\n"
                           "handshake-timeout-ms = 30000\r\n"
                           "[ldap]\r\n"
                           "trust = default\r\n";

static stls_certstore *new_store(void) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_bytes ca = pki_bytes("root.pem"), cert = pki_bytes("phone.pem"),
               key = pki_bytes("phone.key");
    CHECK_RESULT("store", stls_certstore_new(stls_backend_default(), NULL, &store, &error), STLS_OK,
                 &error);
    stls_certstore_set_builtin(store, ca.data, ca.len, NULL, NULL);
    stls_certstore_add(store, ca.data, ca.len, NULL, 0, NULL, NULL);
    stls_certstore_install(store, STLS_PLACE_CUSTOM_SERVER, cert.data, cert.len, key.data, key.len,
                           NULL, NULL, NULL);
    return store;
}

static void test_good(void) {
    static const char *const names[] = {"sip", "provisioning", "ldap"};
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    stls_certstore *store = new_store();
    CHECK_RESULT("read", read_text(good, &profiles, &error), STLS_OK, &error);
    for (size_t i = 0; i < 3; i++) {
        stls_profile *profile = NULL;
        stls_context *context = NULL;
        check_case("%s", names[i]);
        CHECK_TEXT("name", stls_profiles_name(profiles, i), names[i]);
        CHECK_RESULT("make",
                     stls_profiles_make(profiles, names[i], stls_backend_default(),
                                        STLS_ROLE_CLIENT, store, &profile, &error),
                     STLS_OK, &error);
        if (i == 0) {
            uint16_t codes[4];
            CHECK_NUMBER("suites", stls_profile_codes(profile, STLS_REGISTRY_SUITE, codes, 4), 2);
            CHECK_NUMBER("the first", codes[0], 0x1302);
        }
        CHECK_RESULT("context", stls_context_new(profile, &context, &error), STLS_OK, &error);
        stls_context_free(context);
        stls_profile_free(profile);
    }
    CHECK(stls_profiles_name(profiles, 3) == NULL, "no fourth");
    stls_profile *profile = NULL;
    CHECK_RESULT("unknown",
                 stls_profiles_make(profiles, "web", stls_backend_default(), STLS_ROLE_CLIENT,
                                    store, &profile, &error),
                 STLS_E_ARGUMENT, &error);
    stls_certstore_free(store);
    stls_profiles_free(profiles);
}

/* The key reaches the verdict. */
static void test_clock(void) {
    static const char text[] = "[early]\nclock-not-before = 2000-02-29\n"
                               "[late]\nclock-not-before = 2300-01-01\n"
                               "[late-tolerated]\nclock-not-before = 2300-01-01\n"
                               "tolerate = clock-not-set\n";
    static const struct {
        const char *name;
        stls_result result;
        uint32_t flags;
    } table[] = {
        {"early", STLS_OK, 0},
        {"late", STLS_E_VERIFY, STLS_FLAG_CLOCK_NOT_SET | STLS_FLAG_EXPIRED},
        {"late-tolerated", STLS_E_VERIFY, STLS_FLAG_CLOCK_NOT_SET | STLS_FLAG_EXPIRED},
    };
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    CHECK_RESULT("read", read_text(text, &profiles, &error), STLS_OK, &error);
    stls_trust *trust = pki_trust("root");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        stls_profile *profile = NULL;
        stls_context *context = NULL;
        stls_verdict verdict = {.flags = 0};
        stls_bytes chain[] = {pki_bytes("server.der"), pki_bytes("int.der")};
        check_case("%s", table[i].name);
        CHECK_RESULT("make",
                     stls_profiles_make(profiles, table[i].name, stls_backend_default(),
                                        STLS_ROLE_CLIENT, NULL, &profile, &error),
                     STLS_OK, &error);
        stls_profile_set_trust(profile, trust, NULL);
        CHECK_RESULT("context", stls_context_new_verifier(profile, &context, &error), STLS_OK,
                     &error);
        CHECK_RESULT("verdict", stls_verify(context, chain, 2, "example.test", &verdict, &error),
                     table[i].result, &error);
        CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(table[i].flags));
        stls_context_free(context);
        stls_profile_free(profile);
    }
    stls_trust_free(trust);
    stls_profiles_free(profiles);
}

/* --- Revocation */

static const struct {
    const char *setting, *crls; /* of the store; NULL: none */
    const char *leaf;           /* issued by int */
    stls_result result;
    uint32_t flags;
} revocations[] = {
    {"", "crl-int-revoked.pem", "revoked.der", STLS_E_VERIFY, STLS_FLAG_REVOKED},
    {"", "crl-int-revoked.pem", "server.der", STLS_OK, 0},
    {"", "crl-root.pem", "server.der", STLS_E_VERIFY, STLS_FLAG_CRL_MISSING},
    {"", NULL, "revoked.der", STLS_OK, 0},
    {"crl = off", "crl-int-revoked.pem", "revoked.der", STLS_OK, 0},
    {"crl = leaf", "crl-int-revoked.pem", "revoked.der", STLS_E_VERIFY, STLS_FLAG_REVOKED},
    {"crl = leaf", "crl-int-revoked.pem", "server.der", STLS_OK, 0},
    {"crl = leaf", NULL, "server.der", STLS_E_VERIFY, STLS_FLAG_CRL_MISSING},
    {"crl = chain", "crl-two.pem", "server.der", STLS_OK, 0},
    {"crl = chain", "crl-int-revoked.pem", "server.der", STLS_E_VERIFY, STLS_FLAG_CRL_MISSING},
    {"tolerate = crl-missing", "crl-root.pem", "server.der", STLS_OK, STLS_FLAG_CRL_MISSING},
};

static stls_certstore *store_with(const char *crls) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_bytes ca = pki_bytes("root.pem");
    CHECK_RESULT("store", stls_certstore_new(stls_backend_default(), NULL, &store, &error), STLS_OK,
                 &error);
    CHECK_RESULT("CA", stls_certstore_add(store, ca.data, ca.len, NULL, 0, NULL, &error), STLS_OK,
                 &error);
    if (crls != NULL) {
        CHECK_RESULT("CRLs", stls_certstore_add_crl_file(store, pki_path(crls), NULL, NULL, &error),
                     STLS_OK, &error);
    }
    return store;
}

static void judge(const stls_profile *profile, size_t at) {
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_verdict verdict = {.flags = 0};
    stls_bytes chain[] = {pki_bytes(revocations[at].leaf), pki_bytes("int.der")};
    CHECK_RESULT("context", stls_context_new_verifier(profile, &context, &error), STLS_OK, &error);
    CHECK_RESULT("verdict", stls_verify(context, chain, 2, "example.test", &verdict, &error),
                 revocations[at].result, &error);
    CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(revocations[at].flags));
    stls_context_free(context);
}

/* Who adds a CRL to a store wants it looked at, whether or not a profile says so. */
static void test_revocation(void) {
    const stls_backend *backend;
    for (size_t i = 0; available() && i < sizeof revocations / sizeof revocations[0]; i++) {
        char text[64];
        stls_profiles *profiles = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        stls_certstore *store = store_with(revocations[i].crls);
        snprintf(text, sizeof text, "[x]\n%s\n", revocations[i].setting);
        CHECK_RESULT("read", read_text(text, &profiles, &error), STLS_OK, &error);
        for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
            stls_profile *profile = NULL;
            check_case("%s: \"%s\", %s in the store, %s", stls_backend_name(backend),
                       revocations[i].setting,
                       revocations[i].crls != NULL ? revocations[i].crls : "no CRL",
                       revocations[i].leaf);
            CHECK_RESULT("make",
                         stls_profiles_make(profiles, "x", backend, STLS_ROLE_CLIENT, store,
                                            &profile, &error),
                         STLS_OK, &error);
            judge(profile, i);
            stls_profile_free(profile);
        }
        stls_profiles_free(profiles);
        stls_certstore_free(store);
    }
}

/* What makes a profile, and what does not, for which end. */
static void test_resumption(void) {
    static const struct {
        const char *text;
        stls_role role;
        uint32_t needs;
        stls_result result;
        const char *sentence;
    } table[] = {
        {"resumption = yes", STLS_ROLE_CLIENT, 0, STLS_OK, ""},
        {"resumption = yes", STLS_ROLE_SERVER, 0, STLS_OK, ""},
        {"resumption = no", STLS_ROLE_CLIENT, 0, STLS_OK, ""},
        {"resumption = no\ntickets = 0", STLS_ROLE_SERVER, 0, STLS_OK, ""},
        {"tickets = 0", STLS_ROLE_SERVER, 0, STLS_OK, ""},
        {"tickets = 8", STLS_ROLE_SERVER, STLS_CAN_ISSUE_TICKETS, STLS_OK, ""},
        {"tickets = 9", STLS_ROLE_SERVER, 0, STLS_E_ARGUMENT, "issues tickets, 0 to 8"},
        {"tickets = 1", STLS_ROLE_CLIENT, 0, STLS_E_ARGUMENT, "tickets is a server's setting"},
        {"resumption = no\ntickets = 1", STLS_ROLE_SERVER, 0, STLS_E_ARGUMENT, "asked for"},
        {"max-handshakes = 100", STLS_ROLE_SERVER, 0, STLS_OK, ""},
        {"max-fragment = 1024", STLS_ROLE_CLIENT, STLS_CAN_MAX_FRAGMENT, STLS_OK, ""},
        {"max-fragment = 1000", STLS_ROLE_CLIENT, 0, STLS_E_ARGUMENT, "512, 1024, 2048 or 4096"},
        {"max-fragment = 1024", STLS_ROLE_SERVER, 0, STLS_E_ARGUMENT, "only a client asks"},
    };
    for (size_t i = 0; available() && i < sizeof table / sizeof table[0]; i++) {
        char text[128];
        stls_profiles *profiles = NULL;
        stls_profile *profile = NULL;
        stls_error error = {.text = ""};
        if (!stls_backend_can(stls_backend_default(), table[i].needs)) {
            continue;
        }
        check_case("%s, %s", table[i].text,
                   table[i].role == STLS_ROLE_SERVER ? "server" : "client");
        snprintf(text, sizeof text, "[x]\n%s\n", table[i].text);
        CHECK_RESULT("read", read_text(text, &profiles, &error), STLS_OK, &error);
        CHECK_RESULT("make",
                     stls_profiles_make(profiles, "x", stls_backend_default(), table[i].role, NULL,
                                        &profile, &error),
                     table[i].result, &error);
        CHECK_CONTAINS("sentence", error.text, table[i].sentence);
        stls_profile_free(profile);
        stls_profiles_free(profiles);
    }
}

/* What a sentence tells of a file is printable. */
static void test_foreign_bytes(void) {
    stls_profiles *profiles = NULL;
    stls_profile *profile = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    CHECK_RESULT("read", read_text("[sip]\nalpn = sip/2,,\x1b[2J\n", &profiles, &error), STLS_OK,
                 &error);
    CHECK_RESULT("make",
                 stls_profiles_make(profiles, "sip", stls_backend_default(), STLS_ROLE_CLIENT, NULL,
                                    &profile, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_CONTAINS("the protocols", error.text, "\"sip/2,,\\x1b[2J\" has an empty entry");
    CHECK_RESULT("make another",
                 stls_profiles_make(profiles, "\x1b[2J", stls_backend_default(), STLS_ROLE_CLIENT,
                                    NULL, &profile, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_CONTAINS("the name", error.text, "there is no profile [\\x1b[2J]");
    stls_profiles_free(profiles);
}

/* A value that is not there is "", whatever is not there of it. */
static void test_no_value(void) {
    static const struct {
        const char *name, *key;
    } table[] = {{"sip", "trust"}, {"sip", "nothing"}, {"web", "trust"}, {NULL, NULL}};
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    CHECK_RESULT("read", read_text("[sip]\n", &profiles, &error), STLS_OK, &error);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char value[8] = "before";
        check_case("%s of %s", table[i].key != NULL ? table[i].key : "NULL",
                   table[i].name != NULL ? table[i].name : "NULL");
        CHECK(!stls_profiles_value(profiles, table[i].name, table[i].key, value, sizeof value),
              "there is a value");
        CHECK_TEXT("the value", value, "");
    }
    stls_profiles_free(profiles);
}

/* Verification stays on where nobody has turned it off. */
static void test_safe(void) {
    stls_profiles *profiles = NULL;
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    CHECK_RESULT("read", read_text("[sip]\nalpn = sip/2\n", &profiles, &error), STLS_OK, &error);
    CHECK_RESULT("make",
                 stls_profiles_make(profiles, "sip", stls_backend_default(), STLS_ROLE_CLIENT, NULL,
                                    &profile, &error),
                 STLS_OK, &error);
    CHECK_RESULT("without trust", stls_context_new(profile, &context, &error), STLS_E_STATE,
                 &error);
    CHECK(stls_profiles_warning(profiles, "sip", 0) == NULL, "no warning");
    stls_profile_free(profile);
    stls_profiles_free(profiles);
}

static void test_warnings(void) {
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!available()) {
        return;
    }
    CHECK_RESULT("read", read_text(good, &profiles, &error), STLS_OK, &error);
    static const char *const expected[] = {
        "verify = none", "identity = https-cn",      "strength = legacy",
        "crl = off",     "tolerate = clock-not-set", "tolerate: what"};
    for (size_t i = 0; i < 6; i++) {
        const char *text = stls_profiles_warning(profiles, "provisioning", i);
        CHECK_CONTAINS("warning", text != NULL ? text : "", expected[i]);
    }
    CHECK(stls_profiles_warning(profiles, "provisioning", 6) == NULL, "no seventh");
    CHECK(stls_profiles_warning(profiles, "nobody", 0) == NULL, "of nobody");
    stls_profiles_free(profiles);
}

/* What a preset is warned of is so in a list, too. */
static void test_weak_ciphers(void) {
    static const struct {
        const char *ciphers;
        bool warns;
    } table[] = {
        {"TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256", false},
        {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256\n TLS_ECDHE_ECDSA_WITH_AES_128_CCM", false},
        {"TLS_AES_128_GCM_SHA256:AES128-SHA", true},
        {"TLS_AES_128_GCM_SHA256\n TLS_RSA_WITH_AES_128_GCM_SHA256", true},
        {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", true},
        {"0xc013", true},
    };
    for (size_t i = 0; available() && i < sizeof table / sizeof table[0]; i++) {
        char text[160];
        stls_profiles *profiles = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", table[i].ciphers);
        snprintf(text, sizeof text, "[x]\nciphers = %s\n", table[i].ciphers);
        CHECK_RESULT("read", read_text(text, &profiles, &error), STLS_OK, &error);
        const char *warning = stls_profiles_warning(profiles, "x", 0);
        CHECK_CONTAINS("warning", warning != NULL ? warning : "none",
                       table[i].warns ? "ciphers: " : "none");
        stls_profiles_free(profiles);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"bad files", test_bad_files},       {"limits", test_limits},
        {"a good file", test_good},          {"the clock", test_clock},
        {"revocation", test_revocation},     {"resumption and limits", test_resumption},
        {"safe defaults", test_safe},        {"warnings", test_warnings},
        {"weak ciphers", test_weak_ciphers}, {"foreign bytes", test_foreign_bytes},
        {"no value", test_no_value},         {NULL, NULL},
    };
    static const test_suite suites[] = {{"profiles", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
