/* tests/conformance/credential.c - chains and keys: every form that is taken, and every file that
 * is not.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Loads a credential, checks what came of it, and (if it is good) uses it in a handshake. */
static void check_load(const char *chain, const char *key, const char *password,
                       stls_result expected) {
    stls_credential *credential = NULL;
    stls_error error = {0};
    char *chain_path = NULL, path[1024];
    if (chain) {
        snprintf(path, sizeof path, "%s", pki_path(chain));
        chain_path = path;
    }
    CHECK_RESULT("stls_credential_load",
                 stls_credential_load(test_backend(), chain_path, key ? pki_path(key) : NULL,
                                      password, &credential, &error),
                 expected, &error);
    CHECK((credential != NULL) == (expected == STLS_OK), "the credential is %p",
          (void *)credential);
    if (expected != STLS_OK) {
        CHECK_NUMBER("the error's result", error.result, expected);
        CHECK(*error.text, "no sentence");
    }
    stls_credential_free(credential);
}

/* --- Forms of keys */

static void test_key_forms(void) {
    static const struct {
        const char *name, *chain, *key, *password;
    } cases[] = {
        {"EC, PKCS#8 PEM", "server.chain.pem", "server.key", NULL},
        {"EC, PKCS#8 DER", "server.chain.pem", "server.key.der", NULL},
        {"EC, SEC 1 PEM", "server.chain.pem", "server.key.sec1.pem", NULL},
        {"EC, encrypted", "server.chain.pem", "server.key.enc.pem", "secret"},
        {"RSA, PKCS#8 PEM", "server-rsa.chain.pem", "server-rsa.key", NULL},
        {"RSA, PKCS#1 PEM", "server-rsa.chain.pem", "server-rsa.key.pkcs1.pem", NULL},
        {"RSA, encrypted", "server-rsa.chain.pem", "server-rsa.key.enc.pem", "secret"},
        {"P-384", "server-p384.chain.pem", "server-p384.key", NULL},
        {"a password that nobody needs", "server.chain.pem", "server.key", "secret"},
        {"certificate as DER", "server.der", "server.key", NULL},
        {"CRLF", "crlf.pem", "server.key", NULL},
        {"a byte order mark", "bom.pem", "server.key", NULL},
        {"text before", "text-before.pem", "server.key", NULL},
        {"the leaf alone", "server.pem", "server.key", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case("%s", cases[i].name);
        if (cases[i].password && strstr(cases[i].key, ".enc.") &&
            !stls_backend_can(test_backend(), STLS_CAN_ENCRYPTED_KEYS)) {
            check_load(cases[i].chain, cases[i].key, cases[i].password, STLS_E_UNSUPPORTED);
        } else {
            check_load(cases[i].chain, cases[i].key, cases[i].password, STLS_OK);
        }
    }
}

/* A credential made of `chain` and `key` in memory serves a handshake. */
static void check_serves(stls_bytes chain, stls_bytes key, const char *password) {
    end client = {.trust = GOOD_ROOTS, .peer = "example.test"};
    stls_credential *credential = NULL;
    stls_profile *profile = NULL;
    stls_context *server = NULL, *client_context = end_context(STLS_ROLE_CLIENT, &client);
    stls_error error = {0};
    pair p;
    if (!CHECK_RESULT("stls_credential_new",
                      stls_credential_new(test_backend(), chain.data, chain.len, key.data, key.len,
                                          password, &credential, &error),
                      STLS_OK, &error)) {
        stls_context_free(client_context);
        return;
    }
    CHECK(stls_credential_backend(credential) == test_backend(), "its backend is another");
    stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, NULL);
    stls_profile_set_credential(profile, credential, NULL);
    stls_context_new(profile, &server, &error);
    stls_profile_free(profile);
    stls_credential_free(credential);
    if (pair_open_on(&p, client_context, &client, server, NULL) && pair_connect(&p)) {
        CHECK(stls_conn_is_secure(p.conn[CLIENT]), "not secure: %s",
              pair_verdict(&p, CLIENT)->text);
        CHECK_NUMBER("certificates", stls_conn_peer_count(p.conn[CLIENT]), 2);
    }
    pair_close(&p);
    stls_context_free(client_context);
    stls_context_free(server);
}

static void test_in_memory(void) {
    static const struct {
        const char *name, *chain, *key, *password;
    } cases[] = {
        {"chain and key in one, the key last", "server.chain.pem server.key", NULL, NULL},
        {"chain and key in one, the key first", "server.key server.chain.pem", NULL, NULL},
        {"intermediates in any order are put right", "server.pem int.pem", "server.key", NULL},
        {"the key as DER", "server.chain.pem", "server.key.der", NULL},
        {"SEC 1", "server.chain.pem", "server.key.sec1.pem", NULL},
        {"RSA", "server-rsa.chain.pem", "server-rsa.key", NULL},
        {"PKCS#1", "server-rsa.chain.pem", "server-rsa.key.pkcs1.pem", NULL},
        {"encrypted EC", "server.chain.pem", "server.key.enc.pem", "secret"},
        {"encrypted RSA", "server-rsa.chain.pem", "server-rsa.key.enc.pem", "secret"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_bytes key = {NULL, 0};
        check_case("%s", cases[i].name);
        if (cases[i].password && !stls_backend_can(test_backend(), STLS_CAN_ENCRYPTED_KEYS)) {
            continue; /* test_key_forms() has it */
        }
        if (cases[i].key) {
            key = pki_bytes(cases[i].key);
        }
        check_serves(pki_join(cases[i].chain), key, cases[i].password);
    }
}

/* What is sent: leaf first, then its issuers in order, whatever the file's order. */
static void test_chain_order(void) {
    stls_bytes chain = pki_join("via-int2.pem int.pem int2.pem"), key = pki_bytes("via-int2.key");
    static const char *const sent[] = {"via-int2.der", "int2.der", "int.der"};
    stls_credential *credential = NULL;
    stls_error error = {0};
    check_case("intermediates in the wrong order");
    if (CHECK_RESULT("stls_credential_new",
                     stls_credential_new(test_backend(), chain.data, chain.len, key.data, key.len,
                                         NULL, &credential, &error),
                     STLS_OK, &error)) {
        for (size_t i = 0; i < COUNT(sent); i++) {
            CHECK_BYTES(sent[i], stls_credential_certificate(credential, i), pki_bytes(sent[i]));
        }
        CHECK(stls_credential_certificate(credential, 3).data == NULL, "one too many");
    }
    stls_credential_free(credential);
}

/* --- Damage */

enum { D = 3, DP = 6, NUMBERS = 9 }; /* of an RSAPrivateKey (RFC 8017 appendix A.1.2) */

/* Where the last octet of each number is: the whole is a SEQUENCE of more than 255 octets. */
static void find_numbers(stls_bytes der, size_t last[NUMBERS]) {
    size_t at = 4;
    for (size_t i = 0; i < NUMBERS; i++) {
        size_t header = 2, len = der.data[at + 1];
        if (len > 0x80) {
            size_t long_form = len - 0x80;
            header += long_form;
            len = 0;
            for (size_t k = 0; k < long_form; k++) {
                len = len << 8 | der.data[at + 2 + k];
            }
        }
        at += header + len;
        last[i] = at - 1;
    }
    CHECK_NUMBER("the end of the key", at, der.len);
}

/* A library may do without some of a key's numbers, but what it takes it can use. */
static void check_damaged(stls_bytes key, bool must_refuse) {
    stls_bytes chain = pki_bytes("server-rsa.chain.pem");
    stls_credential *credential = NULL;
    stls_error error = {0};
    stls_result result = stls_credential_new(test_backend(), chain.data, chain.len, key.data,
                                             key.len, NULL, &credential, &error);
    stls_credential_free(credential);
    if (result == STLS_OK && CHECK(!must_refuse, "it is taken")) {
        check_serves(chain, key, NULL);
    } else if (result != STLS_OK) {
        CHECK(result == STLS_E_KEY_MISMATCH || result == STLS_E_FORMAT, "%s: %s",
              stls_result_name(result), error.text);
    }
}

static void test_damaged_rsa(void) {
    static const char *const names[] = {"version", "n", "e", "d", "p", "q", "dP", "dQ", "qInv"};
    stls_bytes good = pki_bytes("server-rsa.key.pkcs1.der");
    size_t last[NUMBERS];
    uint8_t *copy = malloc(good.len);
    if (!CHECK(copy != NULL && good.len > 1000, "no key")) {
        free(copy);
        return;
    }
    find_numbers(good, last);
    for (size_t i = D; i < NUMBERS; i++) {
        for (size_t k = i; k < NUMBERS; k++) {
            check_case("%s and %s are wrong", names[i], names[k]);
            memcpy(copy, good.data, good.len);
            copy[last[i] - 8] ^= 1;
            copy[last[k] - 9] ^= 1;
            check_damaged((stls_bytes){copy, good.len}, i == D && k == DP);
        }
    }
    free(copy);
}

static size_t put_header(uint8_t *to, uint8_t tag, size_t len) {
    const uint8_t header[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(to, header, sizeof header);
    return sizeof header;
}

/* An exponent of that many octets takes a library that computes with it a thousand times as long as
 * one that fits; those of megabytes take hours. */
static void test_long_exponent(void) {
    enum { HEADER = 4, LONG = 20000 };
    stls_bytes good = pki_bytes("server-rsa.key.pkcs1.der");
    size_t last[NUMBERS], len = HEADER;
    uint8_t *made = malloc(good.len + LONG + 2 * HEADER);
    check_case("d of %d octets", LONG);
    if (!CHECK(made != NULL && good.len > 1000, "no key")) {
        free(made);
        return;
    }
    find_numbers(good, last);
    memcpy(made + len, good.data + HEADER, last[D - 1] + 1 - HEADER);
    len = last[D - 1] + 1;
    len += put_header(made + len, 0x02, LONG);
    memset(made + len, 0x55, LONG);
    len += LONG;
    memcpy(made + len, good.data + last[D] + 1, good.len - last[D] - 1);
    len += good.len - last[D] - 1;
    put_header(made, 0x30, len - HEADER);
    check_damaged((stls_bytes){made, len}, true);
    free(made);
}

/* --- What is refused */

static void test_passwords(void) {
    static const struct {
        const char *name, *chain, *key, *password;
    } cases[] = {
        {"EC, wrong password", "server.chain.pem", "server.key.enc.pem", "Secret"},
        {"EC, empty password", "server.chain.pem", "server.key.enc.pem", ""},
        {"EC, no password", "server.chain.pem", "server.key.enc.pem", NULL},
        {"RSA, wrong password", "server-rsa.chain.pem", "server-rsa.key.enc.pem", "secret "},
        {"RSA, no password", "server-rsa.chain.pem", "server-rsa.key.enc.pem", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case("%s", cases[i].name);
        bool can = stls_backend_can(test_backend(), STLS_CAN_ENCRYPTED_KEYS);
        check_load(cases[i].chain, cases[i].key, cases[i].password,
                   can || !cases[i].password ? STLS_E_PASSWORD : STLS_E_UNSUPPORTED);
    }
}

/* An error says which file it is about. */
static void check_bad_file(const char *chain, const char *key, stls_result expected,
                           const char *culprit) {
    stls_credential *credential = NULL;
    stls_error error = {0};
    check_case("chain %s, key %s", chain, key);
    CHECK_RESULT("stls_credential_load",
                 stls_credential_load(test_backend(), pki_path(chain), pki_path(key), "secret",
                                      &credential, &error),
                 expected, &error);
    CHECK_CONTAINS("the sentence", error.text, culprit);
    CHECK(credential == NULL, "a credential all the same");
    stls_credential_free(credential);
}

static void test_bad_files(void) {
    static const struct {
        const char *file;
        stls_result as_chain, as_key;
    } cases[] = {
        {"empty.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"garbage.bin", STLS_E_FORMAT, STLS_E_FORMAT},
        {"trunc.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"trunc.der", STLS_E_FORMAT, STLS_E_FORMAT},
        {"trailing.der", STLS_E_FORMAT, STLS_E_FORMAT},
        {"nul.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"bad-base64.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"no-end.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"mixed-bundle.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"key-as-cert.pem", STLS_E_FORMAT, STLS_OK},
        {"server.pem", STLS_OK, STLS_E_FORMAT},
        {"crl-int.pem", STLS_E_FORMAT, STLS_E_FORMAT},
        {"server.key.legacy.pem", STLS_E_FORMAT, STLS_E_UNSUPPORTED},
        {"server-rsa.key", STLS_E_FORMAT, STLS_E_KEY_MISMATCH},
        {"phone.key", STLS_E_FORMAT, STLS_E_KEY_MISMATCH},
        {"no-such-file.pem", STLS_E_FILE, STLS_E_FILE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cases[i].as_chain != STLS_OK) {
            check_bad_file(cases[i].file, "server.key", cases[i].as_chain, cases[i].file);
        }
        if (cases[i].as_key != STLS_OK) {
            check_bad_file("server.chain.pem", cases[i].file, cases[i].as_key, cases[i].file);
        }
    }
}

/* A key in OpenSSL's old encrypted form is refused, and the sentence has the command that converts
 * it. */
static void test_legacy(void) {
    stls_credential *credential = NULL;
    stls_error error = {0};
    check_case("DEK-Info");
    stls_credential_load(test_backend(), pki_path("server.chain.pem"),
                         pki_path("server.key.legacy.pem"), "secret", &credential, &error);
    CHECK_CONTAINS("the sentence", error.text, "openssl p");
    stls_credential_free(credential);
}

static void test_arguments(void) {
    stls_bytes chain = pki_bytes("server.chain.pem"), key = pki_bytes("server.key");
    stls_credential *credential = NULL;
    const struct {
        const char *name;
        const stls_backend *backend;
        stls_bytes chain, key;
        stls_credential **to;
        stls_result result;
    } cases[] = {
        {"no backend", NULL, chain, key, &credential, STLS_E_NO_BACKEND},
        {"no chain", test_backend(), {NULL, 0}, key, &credential, STLS_E_ARGUMENT},
        {"no place", test_backend(), chain, key, NULL, STLS_E_ARGUMENT},
        {"no key anywhere", test_backend(), chain, {NULL, 0}, &credential, STLS_E_FORMAT},
        {"an empty chain", test_backend(), {chain.data, 0}, key, &credential, STLS_E_FORMAT},
        {"too much",
         test_backend(),
         {chain.data, STLS_CREDENTIAL_INPUT_MAX + 1},
         key,
         &credential,
         STLS_E_LIMIT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_error error = {0};
        check_case("%s", cases[i].name);
        CHECK_RESULT("stls_credential_new",
                     stls_credential_new(cases[i].backend, cases[i].chain.data, cases[i].chain.len,
                                         cases[i].key.data, cases[i].key.len, NULL, cases[i].to,
                                         &error),
                     cases[i].result, &error);
        CHECK(credential == NULL, "a credential all the same");
        CHECK(*error.text, "no sentence");
    }
}

/* More certificates than STLS_CREDENTIAL_CHAIN_MAX. */
static void test_long_chain(void) {
    stls_bytes key = pki_bytes("server.key");
    stls_bytes eleven = pki_join("server.pem int.pem root.pem int2.pem int-nc.pem int-notca.pem "
                                 "int-nobc.pem int-nosign.pem int-eku-client.pem int-rsa.pem "
                                 "root-rsa.pem");
    stls_credential *credential = NULL;
    stls_error error = {0};
    check_case("11 certificates");
    CHECK_RESULT("stls_credential_new",
                 stls_credential_new(test_backend(), eleven.data, eleven.len, key.data, key.len,
                                     NULL, &credential, &error),
                 STLS_E_LIMIT, &error);
    stls_credential_free(credential);
}

const test_case credential_tests[] = {
    {"forms of keys and chains", test_key_forms},
    {"each form serves a handshake", test_in_memory},
    {"the order of a chain", test_chain_order},
    {"an RSA key that is damaged", test_damaged_rsa},
    {"an RSA key with a long exponent", test_long_exponent},
    {"passwords", test_passwords},
    {"bad files", test_bad_files},
    {"OpenSSL's old encryption", test_legacy},
    {"bad arguments", test_arguments},
    {"too many certificates", test_long_chain},
    {NULL, NULL},
};
