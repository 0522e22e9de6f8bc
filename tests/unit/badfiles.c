/* Files that are damaged: each kind that siptls reads, cut off everywhere and changed everywhere,
 * is taken or refused with a sentence, and nothing is read outside of it.
 *
 * Each piece is in memory of its own size, so that the sanitizers see what is read behind it.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/siptls.h>

#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char name[] = "the-file";

static const stls_backend *backend; /* whose readers of keys and PKCS#12 are asked */

/* --- What reads them */

static stls_result read_trust(const void *data, size_t len, stls_error *error) {
    stls_trust *trust = stls_trust_new();
    stls_result result = stls_trust_add(trust, data, len, name, error);
    CHECK(result == STLS_OK || stls_trust_count(trust) == 0, "it is trusted in part");
    stls_trust_free(trust);
    return result;
}

static stls_result read_crl(const void *data, size_t len, stls_error *error) {
    stls_trust *trust = stls_trust_new();
    stls_result result = stls_trust_add_crl(trust, data, len, name, error);
    CHECK(result == STLS_OK || stls_trust_crl_count(trust) == 0, "it counts in part");
    stls_trust_free(trust);
    return result;
}

static stls_result read_credential(stls_bytes chain, stls_bytes key, const char *password,
                                   stls_error *error) {
    stls_credential *credential = NULL;
    stls_result result = stls_credential_new(backend, chain.data, chain.len, key.data, key.len,
                                             password, &credential, error);
    CHECK((result == STLS_OK) == (credential != NULL), "%s and %s credential",
          stls_result_name(result), credential != NULL ? "a" : "no");
    stls_credential_free(credential);
    return result;
}

static stls_result read_chain(const void *data, size_t len, stls_error *error) {
    return read_credential((stls_bytes){data, len}, pki_bytes("server.key"), NULL, error);
}

static stls_result read_key(const void *data, size_t len, stls_error *error) {
    return read_credential(pki_bytes("server.chain.pem"), (stls_bytes){data, len}, NULL, error);
}

static stls_result read_pkcs12(const void *data, size_t len, stls_error *error) {
    return read_credential((stls_bytes){data, len}, (stls_bytes){NULL, 0}, "secret", error);
}

static stls_result read_profiles(const void *data, size_t len, stls_error *error) {
    stls_profiles *profiles = NULL;
    stls_result result = stls_profiles_read(data, len, name, &profiles, error);
    stls_profiles_free(profiles);
    return result;
}

static stls_result read_export(const void *data, size_t len, stls_error *error) {
    stls_certstore *store = NULL;
    stls_result result = stls_certstore_new(backend, NULL, &store, error);
    if (result == STLS_OK) {
        result = stls_certstore_import(store, data, len, NULL, error);
        CHECK((result == STLS_OK) == (stls_certstore_generation(store) != 0),
              "it is taken in part");
    }
    stls_certstore_free(store);
    return result;
}

static stls_result append(void *arg, const void *data, size_t len, stls_error *error) {
    stls_bytes *to = arg;
    uint8_t *copy = malloc(to->len + len);
    (void)error;
    if (copy == NULL) {
        return STLS_E_NO_MEMORY;
    }
    memcpy(copy, to->len > 0 ? to->data : data, to->len);
    memcpy(copy + to->len, data, len);
    free((void *)(uintptr_t)to->data);
    to->data = copy;
    to->len += len;
    return STLS_OK;
}

static stls_bytes make_export(void) {
    stls_bytes made = {NULL, 0}, custom = pki_bytes("other-root.pem");
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("a store", stls_certstore_new(backend, NULL, &store, &error), STLS_OK, &error);
    CHECK_RESULT("a certificate",
                 stls_certstore_add(store, custom.data, custom.len, "mine", 0, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("a server's",
                 stls_certstore_install_files(store, STLS_PLACE_UNIQUE, pki_path("server.pem"),
                                              pki_path("server.key"), NULL, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("the export", stls_certstore_export(store, STLS_PARTS_ALL, append, &made, &error),
                 STLS_OK, &error);
    stls_certstore_free(store);
    return made;
}

/* --- Damage */

typedef struct kind {
    const char *what, *file; /* NULL: made here */
    stls_result (*read)(const void *data, size_t len, stls_error *error);
    size_t stride;   /* bytes from one damage to the next */
    bool tells_name; /* the sentence says which file */
    bool whole_only; /* cut off anywhere, it is refused */
    bool exact;      /* changed anywhere, it is refused */
} kind;

static void look(const kind *it, stls_result result, const stls_error *error) {
    static const stls_result answers[] = {
        STLS_OK,         STLS_E_FORMAT,      STLS_E_LIMIT,  STLS_E_KEY_MISMATCH,
        STLS_E_PASSWORD, STLS_E_UNSUPPORTED, STLS_E_REFUSED};
    bool known = false;
    for (size_t i = 0; i < COUNT(answers); i++) {
        known = known || result == answers[i];
    }
    CHECK(known, "%s: %s", stls_result_name(result), error->text);
    if (result == STLS_OK) {
        return;
    }
    CHECK(error->result == result && error->text[0] != '\0', "%s without a sentence",
          stls_result_name(result));
    for (const char *at = error->text; *at != '\0'; at++) {
        CHECK(isprint((unsigned char)*at) || (*at & 0x80) != 0, "%02x in: %s", (unsigned char)*at,
              error->text);
    }
    if (it->tells_name) {
        CHECK_CONTAINS("the sentence", error->text, name);
    }
}

static stls_result damage(const kind *it, stls_bytes data, size_t len, size_t at, uint8_t change) {
    stls_error error = {.result = STLS_NOT_DONE};
    uint8_t *copy = malloc(len > 0 ? len : 1);
    stls_result result = STLS_NOT_DONE;
    if (CHECK(copy != NULL, "no memory")) {
        memcpy(copy, data.data, len);
        if (at < len) {
            copy[at] ^= change;
        }
        result = it->read(copy, len, &error);
        look(it, result, &error);
    }
    free(copy);
    return result;
}

static void try_kind(const kind *it, stls_bytes data) {
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    const char *library = stls_backend_name(backend);
    check_case("%s, %s", library, it->what);
    CHECK(damage(it, data, data.len, data.len, 0) == STLS_OK, "it is refused as it is");
    for (size_t at = 0; at < data.len; at += it->stride) {
        check_case("%s, %s, cut off at %zu", library, it->what, at);
        stls_result result = damage(it, data, at, at, 0);
        CHECK(result != STLS_OK || !it->whole_only, "it is taken");
        for (size_t i = 0; i < sizeof changes; i++) {
            check_case("%s, %s, byte %zu changed by %02x", library, it->what, at, changes[i]);
            result = damage(it, data, data.len, at, changes[i]);
            CHECK(result != STLS_OK || !it->exact, "it is taken");
        }
    }
}

static void try_kinds(const kind *kinds, size_t count) {
    for (size_t i = 0; i < count; i++) {
        try_kind(&kinds[i], pki_bytes(kinds[i].file));
    }
}

static void test_trust(void) {
    static const kind kinds[] = {
        {"a CA in DER", "root.der", read_trust, 1, true, true, false},
        {"CAs in PEM", "two.pem", read_trust, 1, true, false, false},
        {"a CRL", "crl-int.der", read_crl, 1, true, true, false},
    };
    backend = stls_backend_default();
    try_kinds(kinds, COUNT(kinds));
}

static void test_credentials(void) {
    static const kind kinds[] = {
        {"a chain", "server.chain.pem", read_chain, 1, false, false, false},
        {"a key in PEM", "server.key", read_key, 1, false, false, false},
        {"a key in DER", "server.key.der", read_key, 1, false, true, false},
        {"a PKCS#12", "modern.p12", read_pkcs12, 41, false, true, false},
    };
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        try_kinds(kinds, COUNT(kinds));
    }
}

static void test_export(void) {
    static const kind it = {"an export", NULL, read_export, 5, false, true, true};
    backend = stls_backend_default();
    stls_bytes made = make_export();
    try_kind(&it, made);
    free((void *)(uintptr_t)made.data);
}

static void test_profiles(void) {
    static const char text[] = "; for a phone\n[sip]\ntrust = custom\nverify = required\n"
                               "identity = sip\nmin-version = 1.2\ntickets = 2\n\n[ldap]\n"
                               "alpn = sip/2:http/1.1\nciphers = TLS_AES_128_GCM_SHA256\n";
    static const kind it = {"profiles", NULL, read_profiles, 1, true, false, false};
    if (!stls_profiles_available()) {
        test_skip("profiles", "this build reads none");
        return;
    }
    backend = stls_backend_default();
    try_kind(&it, (stls_bytes){(const uint8_t *)text, sizeof text - 1});
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"certificates and CRLs to trust", test_trust},
                                      {"certificates and keys of our own", test_credentials},
                                      {"exports", test_export},
                                      {"profiles", test_profiles},
                                      {NULL, NULL}};
    static const test_suite suites[] = {{"bad files", cases}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
