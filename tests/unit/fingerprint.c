/* What a session depends on: a context that differs in one setting that decides about the peer, or
 * about what is negotiated, has another fingerprint, and so takes no session of the other's.
 *
 * SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "api/resume.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/iana.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- One change each */

static stls_result trust_in(stls_profile *profile, stls_trust *trust, stls_error *error) {
    stls_result result = stls_profile_set_trust(profile, trust, error);
    stls_trust_free(trust);
    return result;
}

static stls_result nothing(stls_profile *profile, stls_error *error) {
    return trust_in(profile, pki_trust("other-root root"), error);
}
static stls_result trust_less(stls_profile *profile, stls_error *error) {
    return trust_in(profile, pki_trust("root"), error);
}
static stls_result trust_a_crl(stls_profile *profile, stls_error *error) {
    stls_trust *trust = pki_trust("root other-root");
    stls_result result = stls_trust_add_crl_file(trust, pki_path("crl-int.pem"), error);
    return result == STLS_OK ? trust_in(profile, trust, error) : result;
}
static stls_result identity_mode(stls_profile *profile, stls_error *error) {
    return stls_profile_set_identity(profile, STLS_IDENTITY_HTTPS, 0, error);
}
static stls_result common_name(stls_profile *profile, stls_error *error) {
    return stls_profile_set_identity(profile, STLS_IDENTITY_LIST, STLS_IDENTITY_COMMON_NAME, error);
}
static stls_result one_name(stls_profile *profile, stls_error *error) {
    stls_result result = stls_profile_set_identity(profile, STLS_IDENTITY_LIST, 0, error);
    return result == STLS_OK ? stls_profile_add_name(profile, "a.test", error) : result;
}
static stls_result other_name(stls_profile *profile, stls_error *error) {
    stls_result result = stls_profile_set_identity(profile, STLS_IDENTITY_LIST, 0, error);
    return result == STLS_OK ? stls_profile_add_name(profile, "b.test", error) : result;
}
static stls_result one_name_and_common(stls_profile *profile, stls_error *error) {
    stls_result result = common_name(profile, error);
    return result == STLS_OK ? stls_profile_add_name(profile, "a.test", error) : result;
}
static stls_result usage(stls_profile *profile, stls_error *error) {
    return stls_profile_set_usage(profile, STLS_USAGE_TLS, error);
}
static stls_result strength(stls_profile *profile, stls_error *error) {
    return stls_profile_set_strength(profile, STLS_STRENGTH_LEGACY, error);
}
static stls_result crl_leaf(stls_profile *profile, stls_error *error) {
    return stls_profile_set_crl_mode(profile, STLS_CRL_LEAF, error);
}
static stls_result crl_chain(stls_profile *profile, stls_error *error) {
    return stls_profile_set_crl_mode(profile, STLS_CRL_CHAIN, error);
}
static stls_result tolerated(stls_profile *profile, stls_error *error) {
    return stls_profile_set_tolerated(profile, STLS_FLAG_EXPIRED, error);
}
static stls_result intermediates(stls_profile *profile, stls_error *error) {
    return stls_profile_set_max_intermediates(profile, 3, error);
}
static stls_result chain_bytes(stls_profile *profile, stls_error *error) {
    return stls_profile_set_chain_bytes(profile, STLS_CHAIN_BYTES_DEFAULT - 1, error);
}
static stls_result clock_floor(stls_profile *profile, stls_error *error) {
    return stls_profile_set_clock_floor(profile, 1, error);
}
static stls_result verify_none(stls_profile *profile, stls_error *error) {
    return stls_profile_set_verify(profile, STLS_VERIFY_NONE, error);
}
static stls_result only_1_2(stls_profile *profile, stls_error *error) {
    return stls_profile_set_versions(profile, STLS_TLS1_2, STLS_TLS1_2, error);
}
static stls_result only_1_3(stls_profile *profile, stls_error *error) {
    return stls_profile_set_versions(profile, STLS_TLS1_3, STLS_TLS1_3, error);
}
static stls_result suites(stls_profile *profile, stls_error *error) {
    return stls_profile_set_names(profile, STLS_REGISTRY_SUITE,
                                  "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", error);
}
static stls_result groups(stls_profile *profile, stls_error *error) {
    return stls_profile_set_names(profile, STLS_REGISTRY_GROUP, "secp256r1", error);
}
static stls_result schemes(stls_profile *profile, stls_error *error) {
    return stls_profile_set_names(profile, STLS_REGISTRY_SCHEME, "ecdsa_secp256r1_sha256", error);
}
static stls_result protocols(stls_profile *profile, stls_error *error) {
    return stls_profile_set_alpn(profile, "sip/2", error);
}
static stls_result fragments(stls_profile *profile, stls_error *error) {
    return stls_profile_set_max_fragment(profile, 1024, error);
}
static stls_result certificate(stls_profile *profile, stls_error *error) {
    stls_credential *credential = pki_credential(stls_backend_default(), "phone");
    stls_result result = stls_profile_set_credential(profile, credential, error);
    stls_credential_free(credential);
    return result;
}
static stls_result other_certificate(stls_profile *profile, stls_error *error) {
    stls_credential *credential = pki_credential(stls_backend_default(), "phone-other");
    stls_result result = stls_profile_set_credential(profile, credential, error);
    stls_credential_free(credential);
    return result;
}
static stls_result timeout(stls_profile *profile, stls_error *error) {
    return stls_profile_set_handshake_timeout(profile, 1234, error);
}

static const struct change {
    const char *what;
    stls_result (*make)(stls_profile *profile, stls_error *error);
    bool client, server; /* whether it counts */
    uint32_t needs;      /* capabilities */
} changes[] = {
    {"nothing", nothing, true, true, 0},
    {"the trust", trust_less, true, true, 0},
    {"a CRL in the trust", trust_a_crl, true, true, 0},
    {"the identity mode", identity_mode, true, true, 0},
    {"a list of one name", one_name, true, true, 0},
    {"a list of another", other_name, true, true, 0},
    {"the common name counts", one_name_and_common, true, true, 0},
    {"the usages", usage, true, true, 0},
    {"the strength", strength, true, true, 0},
    {"CRLs of the leaf", crl_leaf, true, true, 0},
    {"CRLs of the chain", crl_chain, true, true, 0},
    {"what is tolerated", tolerated, true, true, 0},
    {"the number of intermediates", intermediates, true, true, 0},
    {"the bytes of a chain", chain_bytes, true, true, 0},
    {"the earliest time", clock_floor, true, true, 0},
    {"the verify mode", verify_none, true, false, 0},
    {"only TLS 1.2", only_1_2, true, false, 0},
    {"only TLS 1.3", only_1_3, true, false, 0},
    {"the suites", suites, true, false, 0},
    {"the groups", groups, true, false, 0},
    {"the schemes", schemes, true, true, STLS_CAN_SET_SIGNATURE_SCHEMES},
    {"the protocols", protocols, true, false, 0},
    {"the length of fragments", fragments, true, false, STLS_CAN_MAX_FRAGMENT},
    {"a certificate", certificate, true, false, 0},
    {"another certificate", other_certificate, true, false, 0},
    {"how long to wait", timeout, false, false, 0},
};

/* --- The fingerprints */

static bool take(const stls_backend *backend, stls_role role, const struct change *change,
                 uint8_t fingerprint[STLS_FINGERPRINT_SIZE]) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_credential *server = role == STLS_ROLE_SERVER ? pki_credential(backend, "server") : NULL;
    bool made =
        stls_profile_new(backend, role, &profile, &error) == STLS_OK &&
        trust_in(profile, pki_trust("root other-root"), &error) == STLS_OK &&
        (server == NULL || stls_profile_set_credential(profile, server, &error) == STLS_OK) &&
        (server == NULL ||
         stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, &error) == STLS_OK) &&
        change->make(profile, &error) == STLS_OK &&
        stls_context_new(profile, &context, &error) == STLS_OK;
    if (CHECK(made, "%s: %s", change->what, error.text)) {
        memcpy(fingerprint, context->fingerprint, STLS_FINGERPRINT_SIZE);
    }
    stls_context_free(context);
    stls_profile_free(profile);
    stls_credential_free(server);
    return made;
}

/* Those that count differ from one another; the others are as if nothing had changed. */
static void check_changes(stls_role role) {
    static uint8_t fingerprints[COUNT(changes)][STLS_FINGERPRINT_SIZE];
    const stls_backend *backend = stls_backend_default();
    const char *who = role == STLS_ROLE_CLIENT ? "client" : "server";
    size_t count = 0;
    for (size_t i = 0; i < COUNT(changes); i++) {
        const struct change *change = &changes[i];
        bool counts = role == STLS_ROLE_CLIENT ? change->client : change->server;
        bool is_for_clients = change->make == fragments;
        check_case("%s, %s", who, change->what);
        if ((is_for_clients && role == STLS_ROLE_SERVER) ||
            !stls_backend_can(backend, change->needs) ||
            !take(backend, role, change, fingerprints[count])) {
            continue;
        }
        for (size_t k = 0; counts && k < count; k++) {
            CHECK(memcmp(fingerprints[count], fingerprints[k], STLS_FINGERPRINT_SIZE) != 0,
                  "the same fingerprint as %zu before it", count - k);
        }
        CHECK(counts || memcmp(fingerprints[count], fingerprints[0], STLS_FINGERPRINT_SIZE) == 0,
              "another fingerprint than of nothing");
        count += counts;
    }
}

static void test_client(void) {
    if (!stls_backend_can(stls_backend_default(), STLS_CAN_RESUME)) {
        test_skip("sessions", "the default backend does not resume");
        return;
    }
    check_changes(STLS_ROLE_CLIENT);
}

static void test_server(void) {
    if (!stls_backend_can(stls_backend_default(), STLS_CAN_ISSUE_TICKETS)) {
        test_skip("tickets", "the default backend issues none");
        return;
    }
    check_changes(STLS_ROLE_SERVER);
}

static void describe_another(stls_be_description *description) {
    stls_backend_default()->describe(description);
    description->version_running = "another";
}

/* A session is of the library that made it, and of its version. */
static void test_library(void) {
    uint8_t usual[STLS_FINGERPRINT_SIZE], other[STLS_FINGERPRINT_SIZE];
    stls_backend named = *stls_backend_default(), newer = *stls_backend_default();
    if (!stls_backend_can(stls_backend_default(), STLS_CAN_RESUME)) {
        test_skip("sessions", "the default backend does not resume");
        return;
    }
    named.name = "another";
    newer.describe = describe_another;
    if (take(stls_backend_default(), STLS_ROLE_CLIENT, &changes[0], usual)) {
        check_case("another library");
        CHECK(take(&named, STLS_ROLE_CLIENT, &changes[0], other) &&
                  memcmp(usual, other, sizeof usual) != 0,
              "the same fingerprint");
        check_case("another version");
        CHECK(take(&newer, STLS_ROLE_CLIENT, &changes[0], other) &&
                  memcmp(usual, other, sizeof usual) != 0,
              "the same fingerprint");
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"client", test_client}, {"server", test_server}, {"library", test_library}, {NULL, NULL}};
    static const test_suite suites[] = {{"fingerprint", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
