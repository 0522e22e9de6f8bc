/* PKCS#12 and encrypted keys: the same on every backend, and bounded.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"

#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#include "base/memory.h"
#include <siptls/siptls.h>

static stls_result load(const stls_backend *backend, stls_bytes file, const char *password,
                        stls_credential **credential, stls_error *error) {
    *credential = NULL;
    *error = (stls_error){.result = STLS_NOT_DONE};
    return stls_credential_new(backend, file.data, file.len, NULL, 0, password, credential, error);
}

/* --- Files that openssl has made */

typedef struct file_case {
    const char *file, *password;
    stls_result result;
    const char *chain; /* what is sent, or what the sentence says */
} file_case;

static const file_case file_cases[] = {
    {"modern.p12", "secret", STLS_OK, "server int root"},
    {"rsa.p12", "secret", STLS_OK, "server-rsa"},
    {"triple-des.p12", "secret", STLS_OK, "server int"},
    {"two-key-des.p12", "secret", STLS_OK, "server"},
    {"des-pbes2.p12", "secret", STLS_OK, "server"},
    {"aes-128.p12", "secret", STLS_OK, "server"},
    {"no-mac.p12", "secret", STLS_OK, "server int"},
    {"key-open.p12", "secret", STLS_OK, "server"},
    {"no-cipher.p12", "secret", STLS_OK, "server"},
    {"nothing.p12", NULL, STLS_OK, "server"},
    {"nothing.p12", "anything", STLS_OK, "server"},
    {"empty-password.p12", "", STLS_OK, "server int"},
    {"empty-password.p12", NULL, STLS_OK, "server int"},
    {"empty-triple-des.p12", NULL, STLS_OK, "server"},
    {"umlaut.p12", "p\xc3\xa4ssw\xc3\xb6rt \xe2\x82\xac", STLS_OK, "server"},
    {"other-leaf.p12", "secret", STLS_OK, "phone server"},
    {"modern.p12", NULL, STLS_E_PASSWORD, "no password was given"},
    {"modern.p12", "", STLS_E_PASSWORD, "the password is wrong"},
    {"modern.p12", "Secret", STLS_E_PASSWORD, "the password is wrong"},
    {"triple-des.p12", "wrong", STLS_E_PASSWORD, "the password is wrong"},
    {"no-mac.p12", "wrong", STLS_E_PASSWORD, "the password is wrong"},
    {"no-cipher.p12", "wrong", STLS_E_PASSWORD, "the password is wrong"},
    {"empty-password.p12", "secret", STLS_E_PASSWORD, "the password is wrong"},
    {"umlaut.p12", "p\xe4ssw\xf6rt", STLS_E_PASSWORD, "not UTF-8"},
    {"key-only.p12", "secret", STLS_E_FORMAT, "holds no certificate"},
    {"no-key.p12", "secret", STLS_E_FORMAT, "holds no private key"},
    {"trunc.p12", "secret", STLS_E_FORMAT, "cut off"},
    {"rc2.p12", "secret", STLS_E_UNSUPPORTED, "openssl pkcs12 -legacy"},
};

static void check_chain(const stls_credential *credential, const char *names) {
    char name[64], file[80];
    size_t count = 0;
    int used;
    for (const char *at = names; sscanf(at, " %63s%n", name, &used) == 1; at += used) {
        snprintf(file, sizeof file, "%s.der", name);
        CHECK_BYTES(file, stls_credential_certificate(credential, count++), pki_bytes(file));
    }
    CHECK_NUMBER("no more", stls_credential_certificate(credential, count).len, 0);
}

static bool has_rc2(void) {
    FILE *file = fopen(pki_path("rc2.p12"), "rb");
    if (file != NULL) {
        fclose(file);
    }
    return file != NULL;
}

static void run_file(const stls_backend *backend, const file_case *at) {
    stls_credential *credential;
    stls_error error;
    check_case("%s: %s, password %s", stls_backend_name(backend), at->file,
               at->password != NULL ? at->password : "NULL");
    CHECK_RESULT("load", load(backend, pki_bytes(at->file), at->password, &credential, &error),
                 at->result, &error);
    CHECK_NUMBER("a credential", credential != NULL, at->result == STLS_OK);
    if (at->result != STLS_OK) {
        CHECK_CONTAINS("sentence", error.text, at->chain);
    } else if (credential != NULL) {
        check_chain(credential, at->chain);
    }
    stls_credential_free(credential);
}

static void test_files(void) {
    const stls_backend *backend;
    for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
        CHECK(stls_backend_can(backend, STLS_CAN_PKCS12), "%s reads PKCS#12",
              stls_backend_name(backend));
        for (size_t i = 0; i < sizeof file_cases / sizeof file_cases[0]; i++) {
            if (strcmp(file_cases[i].file, "rc2.p12") == 0 && !has_rc2()) {
                test_skip("rc2.p12", "openssl has no legacy provider");
                continue;
            }
            run_file(backend, &file_cases[i]);
        }
    }
}

static void test_beside_a_key(void) {
    stls_bytes file = pki_bytes("modern.p12"), key = pki_bytes("server.key"),
               certificate = pki_bytes("server.pem");
    stls_credential *credential = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("a key beside it",
                 stls_credential_new(stls_backend_default(), file.data, file.len, key.data, key.len,
                                     "secret", &credential, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "brings its own private key");
    CHECK_RESULT("as a key",
                 stls_credential_new(stls_backend_default(), certificate.data, certificate.len,
                                     file.data, file.len, "secret", &credential, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "give it alone");
}

/* Whichever byte is changed, nothing comes of it; and so for every length that is cut off. */
static void test_damage(void) {
    static const char *const files[] = {"modern.p12", "triple-des.p12"};
    const stls_backend *backend;
    for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
        for (size_t f = 0; f < 2; f++) {
            stls_bytes whole = pki_bytes(files[f]);
            uint8_t *copy = malloc(whole.len);
            for (size_t i = 0; copy != NULL && i < whole.len; i += b == 0 ? 1 : 11) {
                stls_credential *credential;
                stls_error error;
                check_case("%s: %s, byte %zu", stls_backend_name(backend), files[f], i);
                memcpy(copy, whole.data, whole.len);
                copy[i] ^= (uint8_t)(1U << i % 8);
                stls_result result =
                    load(backend, (stls_bytes){copy, whole.len}, "secret", &credential, &error);
                CHECK(result == STLS_E_FORMAT || result == STLS_E_PASSWORD ||
                          result == STLS_E_UNSUPPORTED || result == STLS_E_LIMIT,
                      "%s: %s", stls_result_name(result), error.text);
                CHECK_RESULT(
                    "cut off",
                    load(backend, (stls_bytes){whole.data, i}, "secret", &credential, &error),
                    STLS_E_FORMAT, &error);
            }
            free(copy);
        }
    }
}

/* --- Files made here */

#define DATA       "06{2A864886F70D010701}"
#define PFX(safes) "30{ 02{03} 30{" DATA "A0{ 04{ 30{" safes "} } } } }"
#define SAFE(bags) "30{" DATA "A0{ 04{ 30{" bags "} } } }"
#define CERTIFICATE(at)                                                                            \
    "30{ 06{2A864886F70D010C0A0103} A0{ 30{ 06{2A864886F70D01091601} A0{ 04{" at "} } } } }"
#define KEY(at) "30{ 06{2A864886F70D010C0A0101} A0{" at "} }"
#define PBES2(salt, iterations)                                                                    \
    "30{ 06{2A864886F70D01050D} 30{"                                                               \
    "30{ 06{2A864886F70D01050C} 30{ 04{" salt "} 02{" iterations "} } }"                           \
    "30{ 06{60864801650304012A} 04{00112233445566778899AABBCCDDEEFF} } } }"
#define SHROUDED(pbe, sealed) "30{ 06{2A864886F70D010C0A0102} A0{ 30{" pbe "04{" sealed "} } } }"
#define ENCRYPTED(pbe, sealed)                                                                     \
    "30{ 06{2A864886F70D010706} A0{ 30{ 02{00} 30{" DATA pbe "80{" sealed "} } } } }"
#define BLOCK "00112233445566778899AABBCCDDEE01"

/* A file of the PKI as hexadecimal text, in one of a few static buffers. */
static const char *hex(const char *file) {
    static char buffers[4][8192];
    static unsigned next;
    stls_bytes data = pki_bytes(file);
    char *text = buffers[next++ % 4];
    for (size_t i = 0; i < data.len && 2 * i + 3 < sizeof buffers[0]; i++) {
        snprintf(text + 2 * i, 3, "%02x", data.data[i]);
    }
    return text;
}

static void expect(const char *what, stls_bytes file, stls_result result, const char *text) {
    const stls_backend *backend;
    for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
        stls_credential *credential;
        stls_error error;
        check_case("%s: %s", stls_backend_name(backend), what);
        CHECK_RESULT("load", load(backend, file, "secret", &credential, &error), result, &error);
        if (result != STLS_OK) {
            CHECK_CONTAINS("sentence", error.text, text);
        } else if (credential != NULL) {
            check_chain(credential, text);
        }
        stls_credential_free(credential);
    }
    stls_bytes_free(&file);
}

static void test_made(void) {
    const char *root = hex("root.der"), *leaf = hex("server.der"), *issuer = hex("int.der"),
               *key = hex("server.key.der");
    expect("the leaf stands last",
           der_text(PFX(SAFE(CERTIFICATE("%s") CERTIFICATE("%s") CERTIFICATE("%s") KEY("%s"))),
                    root, issuer, leaf, key),
           STLS_OK, "server int root");
    expect("each in a safe of its own",
           der_text(PFX(SAFE(KEY("%s")) SAFE(CERTIFICATE("%s")) SAFE(CERTIFICATE("%s"))), key,
                    issuer, leaf),
           STLS_OK, "server int");
    expect(
        "an unknown bag is passed over",
        der_text(PFX(SAFE("30{ 06{2A864886F70D010C0A0105} A0{0500} }" KEY("%s") CERTIFICATE("%s"))),
                 key, leaf),
        STLS_OK, "server");
    expect("two keys", der_text(PFX(SAFE(KEY("%s") KEY("%s") CERTIFICATE("%s"))), key, key, leaf),
           STLS_E_FORMAT, "more than one private key");
    expect("another's key", der_text(PFX(SAFE(KEY("%s") CERTIFICATE("%s"))), key, issuer),
           STLS_E_KEY_MISMATCH, "is not the one of");
    expect("a key that is none", der_text(PFX(SAFE(KEY("0500") CERTIFICATE("%s"))), leaf),
           STLS_E_FORMAT, "");
    expect("a certificate that is none", der_text(PFX(SAFE(KEY("%s") CERTIFICATE("0500"))), key),
           STLS_E_FORMAT, "");
    expect("nothing at all", der_text(PFX("")), STLS_E_FORMAT, "no private key");
    expect("an empty safe", der_text(PFX(SAFE(""))), STLS_E_FORMAT, "no private key");
    expect("safes in a safe", der_text(PFX(SAFE("30{ 06{2A864886F70D010C0A0106} A0{3000} }"))),
           STLS_E_FORMAT, "safes inside of safes");
    expect("no bag", der_text(PFX(SAFE("0500"))), STLS_E_FORMAT, "malformed bag");
    expect("no safe", der_text(PFX("0500")), STLS_E_FORMAT, "malformed safe");
    expect("signed", der_text("30{ 02{03} 30{ 06{2A864886F70D010702} A0{ 3000 } } }"),
           STLS_E_FORMAT, "protected by a signature");
    expect("for a certificate's key", der_text(PFX("30{ 06{2A864886F70D010703} A0{ 3000 } }")),
           STLS_E_FORMAT, "encrypted for a certificate");
    expect("no whole block", der_text(PFX(SAFE(SHROUDED(PBES2("00", "01"), "0011")))),
           STLS_E_FORMAT, "whole blocks");
    expect("no iteration", der_text(PFX(SAFE(SHROUDED(PBES2("00", "00"), BLOCK)))), STLS_E_FORMAT,
           "malformed parameters");
}

static void test_many_certificates(void) {
    static char text[1 << 16];
    const char *leaf = hex("server.der");
    size_t len = 0;
    for (int i = 0; i < 11; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, CERTIFICATE("%s"), leaf);
    }
    expect("eleven certificates", der_text(PFX(SAFE("%s")), text), STLS_E_LIMIT,
           "more than 10 certificates");
}

/* --- Time */

static uint64_t iterations_done;

static stls_be_status count_iterations(const stls_derivation *derivation, stls_kdf_purpose purpose,
                                       stls_bytes password, uint8_t *out, size_t len) {
    (void)purpose, (void)password;
    iterations_done += derivation->iterations;
    memset(out, 0, len);
    return STLS_BE_OK;
}

/* What is encrypted is its own plaintext. */
static stls_be_status copy_blocks(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                  stls_bytes sealed, uint8_t *out) {
    (void)cipher, (void)key, (void)iv;
    memcpy(out, sealed.data, sealed.len);
    return STLS_BE_OK;
}

/* Adds `content` and its padding. */
static const char *padded(const char *content) {
    static char text[8192];
    stls_bytes plain = der_text("%s", content);
    unsigned count = 16 - (unsigned)(plain.len % 16);
    size_t len = (size_t)snprintf(text, sizeof text, "%s", content);
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%02x", count);
    }
    stls_bytes_free(&plain);
    return text;
}

/* However many iterations a file asks for, and wherever it does: not more are done than are
 * allowed. */
static void test_iterations(void) {
    static const char *const numbers[] = {"7FFFFFFF", "00FFFFFFFF", "7FFFFFFFFFFFFFFFFF",
                                          "1E8481" /* 2 000 001 */};
    static const char mac[] =
        "30{ 30{ 30{ 06{608648016503040201} } 04{" BLOCK BLOCK "} } 04{00} 02{%s} }";
    stls_backend backend = *stls_backend_default();
    backend.derive = count_iterations;
    backend.cbc_decrypt = copy_blocks;
    for (size_t i = 0; i < 4; i++) {
        stls_bytes files[] = {
            der_text(PFX(SAFE(SHROUDED(PBES2("00", "%s"), BLOCK))), numbers[i]),
            der_text(PFX(ENCRYPTED(PBES2("00", "%s"), BLOCK)), numbers[i]),
            der_text("30{ 02{03} 30{" DATA "A0{ 04{ 30{} } } } %s }", ""),
            {NULL, 0},
            {NULL, 0},
        };
        char text[1024], hidden[1024];
        snprintf(text, sizeof text, mac, numbers[i]);
        stls_bytes_free(&files[2]);
        files[2] = der_text("30{ 02{03} 30{" DATA "A0{ 04{ 30{} } } } %s }", text);
        /* Inside of what is encrypted, where only who has decrypted it can see it. */
        snprintf(hidden, sizeof hidden, "30{" SHROUDED(PBES2("00", "%s"), BLOCK) "}", numbers[i]);
        files[3] = der_text(PFX(ENCRYPTED(PBES2("00", "01"), "%s")), padded(hidden));
        for (size_t f = 0; f < 4; f++) {
            stls_credential *credential;
            stls_error error;
            check_case("%s iterations, file %zu", numbers[i], f);
            iterations_done = 0;
            CHECK_RESULT("load", load(&backend, files[f], "secret", &credential, &error),
                         STLS_E_LIMIT, &error);
            CHECK_CONTAINS("sentence", error.text, "too many iterations");
            CHECK(iterations_done <= STLS_PKCS12_ITERATIONS_MAX, "%llu iterations",
                  (unsigned long long)iterations_done);
            stls_bytes_free(&files[f]);
        }
    }
}

/* Many small ones are added up. */
static void test_many_iterations(void) {
    static char text[1 << 17];
    stls_backend backend = *stls_backend_default();
    stls_credential *credential;
    stls_error error;
    size_t len = 0;
    backend.derive = count_iterations;
    backend.cbc_decrypt = copy_blocks;
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, ENCRYPTED(PBES2("00", "2710"), "%s"),
                                padded("3000"));
    }
    stls_bytes file = der_text(PFX("%s"), text);
    iterations_done = 0;
    CHECK_RESULT("load", load(&backend, file, "secret", &credential, &error), STLS_E_LIMIT, &error);
    CHECK(iterations_done <= STLS_PKCS12_ITERATIONS_MAX && iterations_done > 900000,
          "%llu iterations", (unsigned long long)iterations_done);
    stls_bytes_free(&file);
}

/* --- A key that stands alone */

#define ALONE(algorithm) "30{" algorithm "04{" BLOCK "} }"
#define SCRYPT(cost, block_size, parallel)                                                         \
    "30{ 06{2A864886F70D01050D} 30{"                                                               \
    "30{ 06{2B06010401DA47040B} 30{ 04{00} 02{" cost "} 02{" block_size "} 02{" parallel "} } }"   \
    "30{ 06{60864801650304012A} 04{00112233445566778899AABBCCDDEEFF} } } }"
#define OLD(last_of_oid, iterations)                                                               \
    "30{ 06{2A864886F70D01" last_of_oid "} 30{ 04{0011223344556677} 02{" iterations "} } }"

static unsigned keys_seen, passwords_seen;

/* A library that reads anything, and would have begun to. */
static stls_be_status read_anything(void *credential, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password,
                                    stls_be_failure *failure) {
    (void)credential, (void)chain, (void)count, (void)key, (void)failure;
    keys_seen++;
    passwords_seen += password != NULL;
    return STLS_BE_OK;
}

static void forget_anything(void *credential) {
    (void)credential;
}

static stls_backend credulous(const stls_backend *of) {
    stls_backend backend = *of;
    backend.credential_init = read_anything;
    backend.credential_fini = forget_anything;
    keys_seen = passwords_seen = 0;
    return backend;
}

static void expect_alone(const char *key, stls_result result, const char *text) {
    const stls_backend *of;
    stls_bytes chain = pki_bytes("server.pem"), der = der_text("%s", key);
    for (size_t i = 0; (of = stls_backend_at(i)) != NULL; i++) {
        stls_backend backend = credulous(of);
        stls_credential *credential = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s: %s", stls_backend_name(of), key);
        CHECK_RESULT("load",
                     stls_credential_new(&backend, chain.data, chain.len, der.data, der.len,
                                         "secret", &credential, &error),
                     result, &error);
        CHECK_NUMBER("keys that the library was given", keys_seen, result == STLS_OK);
        if (result != STLS_OK) {
            CHECK_CONTAINS("sentence", error.text, text);
        }
        stls_credential_free(credential);
    }
    stls_bytes_free(&der);
}

/* Who asks for more work than is done is refused before the library begins with it. */
static void test_work_alone(void) {
    static const char *const too_much[] = {
        ALONE(PBES2("00", "1E8481")), /* 2 000 001 */
        ALONE(PBES2("00", "7FFFFFFF")),
        ALONE(PBES2("00", "7FFFFFFFFFFFFFFFFF")),
        ALONE(SCRYPT("0400", "08", "61A8")), /* 1024 * 8 * 25 000 */
        ALONE(SCRYPT("0100000000", "0100000000", "01")),
        ALONE(SCRYPT("00FFFFFFFF", "00FFFFFFFF", "00FFFFFFFF")),
        ALONE(OLD("0C0103", "1E8481")), /* RFC 7292: Triple DES */
        ALONE(OLD("0C0106", "1E8481")), /* and RC2 */
        ALONE(OLD("0503", "1E8481")),   /* RFC 8018: DES with MD5 */
        ALONE(OLD("050A", "7FFFFFFF")), /* and SHA-1 */
    };
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        expect_alone(too_much[i], STLS_E_LIMIT, "too many iterations");
    }
    expect_alone(ALONE(PBES2("00", "1E8480")), STLS_OK, "");
    expect_alone(ALONE(SCRYPT("4000", "08", "01")), STLS_OK, ""); /* openssl pkcs8 -scrypt */
    expect_alone(ALONE(SCRYPT("020000", "08", "01")), STLS_OK, "");
    expect_alone(ALONE(OLD("0C0103", "0800")), STLS_OK, "");
    expect_alone(ALONE(OLD("050A", "0800")), STLS_OK, "");
}

/* And so is what does not tell how much that is. */
static void test_work_unknown(void) {
    expect_alone(ALONE("30{ 06{2A864886F70D010563} 0500 }"), STLS_E_UNSUPPORTED,
                 "an unknown scheme");
    expect_alone(ALONE("30{ 06{2A864886F70D01050D} 30{ 30{ 06{2A0304} 0500 }"
                       "30{ 06{60864801650304012A} 04{00112233445566778899AABBCCDDEEFF} } } }"),
                 STLS_E_UNSUPPORTED, "an unknown key derivation");
    expect_alone(ALONE(PBES2("00", "00")), STLS_E_FORMAT, "malformed parameters of PBKDF2");
    expect_alone(ALONE(PBES2("00", "80000000")), STLS_E_FORMAT, "malformed parameters of PBKDF2");
    expect_alone(ALONE(SCRYPT("00", "08", "01")), STLS_E_FORMAT, "malformed parameters of scrypt");
    expect_alone(ALONE(SCRYPT("0400", "08", "01} 02{20} 02{20")), STLS_E_FORMAT,
                 "malformed parameters of scrypt");
}

/* In a PKCS#12 file is the key where nobody has looked how it is encrypted: it is not decrypted. */
static void test_work_in_a_bag(void) {
    const stls_backend *of;
    stls_bytes file =
        der_text(PFX(SAFE(KEY(ALONE(PBES2("00", "01"))) CERTIFICATE("%s"))), hex("server.der"));
    for (size_t i = 0; (of = stls_backend_at(i)) != NULL; i++) {
        stls_backend backend = credulous(of);
        stls_credential *credential;
        stls_error error;
        check_case("%s", stls_backend_name(of));
        CHECK_RESULT("load", load(&backend, file, "secret", &credential, &error), STLS_OK, &error);
        CHECK(keys_seen > 0, "the library has not seen the key");
        CHECK_NUMBER("passwords that the library was given", passwords_seen, 0);
        stls_credential_free(credential);
        CHECK_RESULT("for what it is", load(of, file, "secret", &credential, &error),
                     STLS_E_PASSWORD, &error);
    }
    stls_bytes_free(&file);
}

/* --- No memory while the leaf is looked for */

static const stls_backend *scarce_of;
static unsigned pairs_seen, pair_failing;

static stls_be_status scarce_init(void *credential, const stls_bytes *chain, size_t count,
                                  stls_bytes key, const char *password, stls_be_failure *failure) {
    if (++pairs_seen == pair_failing) {
        memset(credential, 0, scarce_of->credential_size);
        return STLS_BE_NO_MEMORY;
    }
    return scarce_of->credential_init(credential, chain, count, key, password, failure);
}

static void test_scarce(void) {
    const char *issuer = hex("int.der"), *leaf = hex("server.der"), *key = hex("server.key.der");
    stls_bytes file =
        der_text(PFX(SAFE(CERTIFICATE("%s") CERTIFICATE("%s") KEY("%s"))), issuer, leaf, key);
    for (size_t i = 0; (scarce_of = stls_backend_at(i)) != NULL; i++) {
        stls_backend backend = *scarce_of;
        backend.credential_init = scarce_init;
        stls_result result = STLS_E_NO_MEMORY;
        for (pair_failing = 1; result == STLS_E_NO_MEMORY && pair_failing < 20; pair_failing++) {
            stls_credential *credential;
            stls_error error;
            pairs_seen = 0;
            check_case("%s, pair %u", stls_backend_name(scarce_of), pair_failing);
            result = load(&backend, file, NULL, &credential, &error);
            CHECK_RESULT("load", result, pair_failing <= pairs_seen ? STLS_E_NO_MEMORY : STLS_OK,
                         &error);
            stls_credential_free(credential);
        }
        CHECK(pair_failing > 3, "the leaf was not looked for");
    }
    stls_bytes_free(&file);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"files of openssl", test_files},
        {"a key beside it", test_beside_a_key},
        {"damage", test_damage},
        {"files made here", test_made},
        {"many certificates", test_many_certificates},
        {"too many iterations", test_iterations},
        {"many times a few iterations", test_many_iterations},
        {"a key that asks for too many iterations", test_work_alone},
        {"a key that does not say how many", test_work_unknown},
        {"an encrypted key in a bag for plain ones", test_work_in_a_bag},
        {"no memory to look for the leaf", test_scarce},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"pkcs12", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
