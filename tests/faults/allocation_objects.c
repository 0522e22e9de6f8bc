/* tests/faults/allocation_objects.c - trust, credentials, profiles, contexts, rings, verdicts.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/allocation.h"
#include "tests/support/check.h"
#include "tests/support/end.h"
#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    stls_trust *trust;
    stls_credential *credential;
    stls_profile *profile[2]; /* client, server */
    stls_context *context;
    stls_verdict verdict;
} shared;

static void forget_shared(void) {
    stls_context_free(shared.context);
    stls_profile_free(shared.profile[0]);
    stls_profile_free(shared.profile[1]);
    stls_credential_free(shared.credential);
    stls_trust_free(shared.trust);
    memset(&shared, 0, sizeof shared);
}

/* --- Trust and CRLs */

static void run_trust(outcome *out) {
    stls_trust *trust = stls_trust_new();
    stls_bytes two = pki_bytes("two.pem"), crls = pki_bytes("crl-two.pem");
    if (got(out, trust) &&
        did(out, stls_trust_add(trust, two.data, two.len, "two.pem", &out->error)) &&
        did(out, stls_trust_add_file(trust, pki_path("other-root.pem"), &out->error)) &&
        did(out, stls_trust_add(trust, pki_bytes("root-rsa.der").data,
                                pki_bytes("root-rsa.der").len, NULL, &out->error)) &&
        did(out, stls_trust_add_crl(trust, crls.data, crls.len, NULL, &out->error))) {
        did(out, stls_trust_add_crl_file(trust, pki_path("crl-root.pem"), &out->error));
    }
    stls_trust_free(trust);
}

static size_t system_count; /* as many are in the system's bundle, or in the PKI's if it has none */

static stls_result add_system(stls_trust *trust, stls_error *error) {
    stls_result result = stls_trust_add_system(trust, error);
    return result == STLS_E_FILE ? stls_trust_add_file(trust, pki_path("two.pem"), error) : result;
}

static bool begin_system(const scenario *self) {
    stls_trust *trust = stls_trust_new();
    stls_error error;
    (void)self;
    bool added = add_system(trust, &error) == STLS_OK;
    system_count = stls_trust_count(trust);
    stls_trust_free(trust);
    return added && system_count > 0;
}

/* What cannot be read is left out; but not what there is no memory for. */
static void run_system(outcome *out) {
    stls_trust *trust = stls_trust_new();
    if (got(out, trust)) {
        did(out, add_system(trust, &out->error));
        size_t count = stls_trust_count(trust);
        if (count != (out->result == STLS_OK ? system_count : 0)) {
            out->result = STLS_NOT_DONE;
            snprintf(out->error.text, sizeof out->error.text, "%zu of %zu are trusted", count,
                     system_count);
        }
    }
    stls_trust_free(trust);
}

/* What a call that failed has not added is not there. */
static void run_trust_whole(outcome *out) {
    stls_bytes two = pki_bytes("two.pem"), crls = pki_bytes("crl-two.pem");
    size_t count = stls_trust_count(shared.trust), crl_count = stls_trust_crl_count(shared.trust);
    if (!did(out, stls_trust_add(shared.trust, two.data, two.len, NULL, &out->error)) &&
        stls_trust_count(shared.trust) != count) {
        out->result = STLS_NOT_DONE;
        snprintf(out->error.text, sizeof out->error.text, "half of a bundle is trusted");
    } else if (out->result == STLS_OK &&
               !did(out,
                    stls_trust_add_crl(shared.trust, crls.data, crls.len, NULL, &out->error)) &&
               stls_trust_crl_count(shared.trust) != crl_count) {
        out->result = STLS_NOT_DONE;
        snprintf(out->error.text, sizeof out->error.text, "half of the CRLs are there");
    }
}

static bool prepare_trust(void) {
    shared.trust = pki_trust("other-root");
    return shared.trust != NULL;
}

/* --- Credentials */

static void make_credential(outcome *out, const char *chain, const char *key,
                            const char *password) {
    stls_credential *credential = NULL;
    stls_bytes chain_bytes = pki_bytes(chain),
               key_bytes = key != NULL ? pki_bytes(key) : (stls_bytes){NULL, 0};
    did(out, stls_credential_new(test_backend(), chain_bytes.data, chain_bytes.len, key_bytes.data,
                                 key_bytes.len, password, &credential, &out->error));
    stls_credential_free(credential);
}

static void run_credential_ec(outcome *out) {
    make_credential(out, "server.chain.pem", "server.key", NULL);
}

static void run_credential_rsa(outcome *out) {
    make_credential(out, "server-rsa.chain.pem", "server-rsa.key", NULL);
}

static void run_credential_password(outcome *out) {
    make_credential(out, "server.chain.pem", "server.key.enc.pem", "secret");
}

static void run_credential_pkcs12(outcome *out) {
    make_credential(out, "modern.p12", NULL, "secret");
}

static void run_credential_files(outcome *out) {
    stls_credential *credential = NULL;
    did(out, stls_credential_load(test_backend(), pki_path("server.chain.pem"),
                                  pki_path("server.key"), NULL, &credential, &out->error));
    stls_credential_free(credential);
}

/* --- Profiles and contexts */

static bool set_all(outcome *out, stls_profile *profile) {
    return did(out, stls_profile_set_preset(profile, STLS_PRESET_MODERN, &out->error)) &&
           did(out, stls_profile_set_names(profile, STLS_REGISTRY_GROUP, "x25519:secp256r1",
                                           &out->error)) &&
           did(out, stls_profile_set_trust(profile, shared.trust, &out->error)) &&
           did(out, stls_profile_set_credential(profile, shared.credential, &out->error)) &&
           did(out, stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, &out->error)) &&
           did(out, stls_profile_set_signature_memory(profile, 16, &out->error));
}

static void run_client_profile(outcome *out) {
    stls_profile *profile = NULL;
    stls_session_cache *cache = NULL;
    if (did(out, stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile, &out->error)) &&
        set_all(out, profile) && got(out, cache = stls_session_cache_new(16)) &&
        did(out, stls_profile_set_session_cache(profile, cache, &out->error)) &&
        did(out, stls_profile_set_identity(profile, STLS_IDENTITY_LIST, 0, &out->error))) {
        for (int i = 0; i < 5 && out->result == STLS_OK; i++) {
            char name[32];
            snprintf(name, sizeof name, "host%d.example.test", i);
            did(out, stls_profile_add_name(profile, name, &out->error));
        }
    }
    stls_session_cache_free(cache);
    stls_profile_free(profile);
}

static void run_server_profile(outcome *out) {
    stls_profile *profile = NULL;
    if (did(out, stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, &out->error)) &&
        set_all(out, profile)) {
        for (int i = 0; i < 5 && out->result == STLS_OK; i++) {
            char name[32];
            snprintf(name, sizeof name, "host%d.example.test", i);
            did(out, stls_profile_add_host(profile, name, shared.credential, STLS_VERIFY_NONE,
                                           &out->error));
        }
    }
    stls_profile_free(profile);
}

static bool begin_profiles(const scenario *self) {
    outcome out = {.result = STLS_OK};
    (void)self;
    shared.trust = pki_trust("root other-root");
    shared.credential = pki_credential(test_backend(), "server");
    return shared.trust != NULL && shared.credential != NULL &&
           did(&out, stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &shared.profile[0],
                                      &out.error)) &&
           set_all(&out, shared.profile[0]) &&
           did(&out, stls_profile_new(test_backend(), STLS_ROLE_SERVER, &shared.profile[1],
                                      &out.error)) &&
           set_all(&out, shared.profile[1]) &&
           did(&out, stls_profile_set_alpn(shared.profile[1], "sip/2", &out.error)) &&
           did(&out, stls_profile_add_host(shared.profile[1], "example.test", shared.credential,
                                           STLS_VERIFY_REQUIRED, &out.error)) &&
           did(&out, stls_profile_add_host(shared.profile[1], "other.test", shared.credential,
                                           STLS_VERIFY_NONE, &out.error));
}

static void make_context(outcome *out, int of) {
    stls_context *context = NULL;
    did(out, stls_context_new(shared.profile[of], &context, &out->error));
    stls_context_free(context);
}

static void run_client_context(outcome *out) {
    make_context(out, 0);
}

static void run_server_context(outcome *out) {
    make_context(out, 1);
}

/* --- Rings of ticket keys */

static void run_ring(outcome *out) {
    stls_ticket_ring *ring = NULL;
    uint8_t secrets[3 * STLS_TICKET_SECRET_LEN];
    for (size_t i = 0; i < sizeof secrets; i++) {
        secrets[i] = (uint8_t)(i + 1);
    }
    if (did(out, stls_ticket_ring_new(test_backend(), NULL, &ring, &out->error)) &&
        did(out, stls_ticket_ring_set_secrets(ring, secrets, 3, &out->error))) {
        did(out, stls_ticket_ring_rotate(ring, 2, &out->error));
    }
    stls_ticket_ring_free(ring);
}

/* --- Verdicts */

static bool begin_verify(const scenario *self) {
    outcome out = {.result = STLS_OK};
    stls_profile *profile = NULL;
    stls_bytes crls = pki_bytes("crl-two.pem");
    (void)self;
    shared.trust = pki_trust("root other-root");
    bool made =
        did(&out, stls_trust_add_crl(shared.trust, crls.data, crls.len, NULL, &out.error)) &&
        did(&out, stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile, &out.error)) &&
        did(&out, stls_profile_set_trust(profile, shared.trust, &out.error)) &&
        did(&out, stls_profile_set_crl_mode(profile, STLS_CRL_CHAIN, &out.error)) &&
        did(&out, stls_context_new_verifier(profile, &shared.context, &out.error));
    stls_profile_free(profile);
    return made;
}

static void run_verify(outcome *out) {
    stls_bytes chain[] = {pki_bytes("server.der"), pki_bytes("int.der")};
    did(out, stls_verify(shared.context, chain, 2, "example.test", &shared.verdict, &out->error));
}

/* Nobody is accepted half judged, and no verdict speaks of what the certificates are not. */
static const char *flaw_verify(const outcome *out) {
    uint32_t flags = shared.verdict.flags;
    if (out->result == STLS_OK) {
        return flags == 0 && shared.verdict.state == STLS_VERDICT_ACCEPTED ? NULL : "half accepted";
    }
    return shared.verdict.state == STLS_VERDICT_ACCEPTED ? "accepted and refused"
           : flags & ~(uint32_t)STLS_FLAG_OTHER          ? flags_text(flags)
                                                         : NULL;
}

static void run_verifier(outcome *out) {
    stls_context *context = NULL;
    did(out, stls_context_new_verifier(shared.profile[0], &context, &out->error));
    stls_context_free(context);
}

/* --- Profiles from a file */

static const char profiles_text[] = "; by hand\n"
                                    "[sip]\n"
                                    "trust = custom\n"
                                    "verify = required\n"
                                    "ciphers = TLS_AES_128_GCM_SHA256:\n"
                                    "  ECDHE-ECDSA-AES128-GCM-SHA256\n"
                                    "[ldap]\n"
                                    "identity = https\n";

static char profiles_path[64];

static stls_result drop(void *arg, const void *data, size_t len, stls_error *error) {
    (void)arg, (void)data, (void)len, (void)error;
    return STLS_OK;
}

static void run_profiles(outcome *out) {
    stls_profiles *profiles = NULL;
    if (did(out, stls_profiles_read(profiles_text, strlen(profiles_text), "profiles", &profiles,
                                    &out->error)) &&
        did(out, stls_profiles_set(profiles, "sip", "verify", "none", &out->error)) &&
        did(out, stls_profiles_add(profiles, "web", &out->error)) &&
        did(out, stls_profiles_unset(profiles, "sip", "trust", &out->error)) &&
        did(out, stls_profiles_remove(profiles, "ldap", &out->error)) &&
        did(out, stls_profiles_write(profiles, drop, NULL, &out->error)) &&
        did(out, stls_profiles_save(profiles, profiles_path, &out->error))) {
        stls_profiles_free(profiles);
        profiles = NULL;
        did(out, stls_profiles_load(profiles_path, &profiles, &out->error));
    }
    stls_profiles_free(profiles);
}

static bool prepare_profiles(void) {
    snprintf(profiles_path, sizeof profiles_path, "/tmp/siptls-faults-XXXXXX");
    int fd = mkstemp(profiles_path);
    bool written = fd >= 0 && write(fd, profiles_text, strlen(profiles_text)) ==
                                  (ssize_t)strlen(profiles_text);
    close(fd);
    return written;
}

/* The file is the old one or the new one. */
static const char *flaw_profiles(const outcome *out) {
    static char text[512];
    memset(text, 0, sizeof text);
    FILE *file = fopen(profiles_path, "rb");
    size_t len = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (len == strlen(profiles_text) && memcmp(text, profiles_text, len) == 0) {
        return out->result == STLS_OK ? "nothing was saved" : NULL;
    }
    return strstr(text, "[web]") != NULL && strstr(text, "[ldap]") == NULL ? NULL : text;
}

static void finish_profiles(void) {
    unlink(profiles_path);
}

static stls_profiles *edited;

static bool prepare_edit(void) {
    return stls_profiles_read(profiles_text, strlen(profiles_text), "profiles", &edited, NULL) ==
           STLS_OK;
}

static void run_edit(outcome *out) {
    did(out, stls_profiles_set(edited, "sip", "alpn", "sip/2", &out->error));
}

/* An edit that fails has changed nothing. */
static const char *flaw_edit(const outcome *out) {
    char value[64] = "";
    bool is_set = stls_profiles_value(edited, "sip", "alpn", value, sizeof value) &&
                  strcmp(value, "sip/2") == 0;
    return is_set == (out->result == STLS_OK) ? NULL : "half edited";
}

static void finish_edit(void) {
    stls_profiles_free(edited);
    edited = NULL;
}

static bool begin_made(const scenario *self) {
    (void)self;
    return prepare_edit();
}

static void run_made(outcome *out) {
    stls_profile *profile = NULL;
    did(out, stls_profiles_make(edited, "ldap", test_backend(), STLS_ROLE_CLIENT, NULL, &profile,
                                &out->error));
    stls_profile_free(profile);
}

/* --- What a certificate says */

static void run_certificate(outcome *out) {
    stls_certificate_info info;
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    if (did(out, stls_certificate_read(pki_bytes("server.der"), &info, &out->error)) &&
        stls_certificate_fingerprint(test_backend(), pki_bytes("server.der"), fingerprint) !=
            STLS_OK) {
        out->result = STLS_E_NO_MEMORY; /* it has no sentence */
        snprintf(out->error.text, sizeof out->error.text, "no fingerprint");
        out->error.result = STLS_E_NO_MEMORY;
    }
}

const scenario object_scenarios[] = {
    {.name = "trust", .run = run_trust},
    {.name = "the system's trust", .begin = begin_system, .run = run_system},
    {.name = "whole bundles",
     .prepare = prepare_trust,
     .run = run_trust_whole,
     .finish = forget_shared},
    {.name = "a credential", .run = run_credential_ec},
    {.name = "a credential, RSA", .run = run_credential_rsa},
    {.name = "a credential under a password",
     .run = run_credential_password,
     .needs = STLS_CAN_ENCRYPTED_KEYS},
    {.name = "a credential in PKCS#12", .run = run_credential_pkcs12, .needs = STLS_CAN_PKCS12},
    {.name = "a credential in files", .run = run_credential_files},
    {.name = "a client's profile",
     .begin = begin_profiles,
     .run = run_client_profile,
     .end = forget_shared},
    {.name = "a server's profile",
     .begin = begin_profiles,
     .run = run_server_profile,
     .end = forget_shared},
    {.name = "a client's context",
     .begin = begin_profiles,
     .run = run_client_context,
     .end = forget_shared},
    {.name = "a server's context",
     .begin = begin_profiles,
     .run = run_server_context,
     .end = forget_shared},
    {.name = "a verifier", .begin = begin_profiles, .run = run_verifier, .end = forget_shared},
    {.name = "a ring of ticket keys", .run = run_ring},
    {.name = "the first random numbers of a child", .is_cold = true, .run = run_ring},
    {.name = "a verdict",
     .begin = begin_verify,
     .run = run_verify,
     .flaw = flaw_verify,
     .end = forget_shared},
    {.name = "a file of profiles",
     .prepare = prepare_profiles,
     .run = run_profiles,
     .flaw = flaw_profiles,
     .finish = finish_profiles},
    {.name = "an edit of profiles",
     .prepare = prepare_edit,
     .run = run_edit,
     .flaw = flaw_edit,
     .finish = finish_edit},
    {.name = "a profile made of a file", .begin = begin_made, .run = run_made, .end = finish_edit},
    {.name = "a certificate", .run = run_certificate},
    {.name = NULL}};
