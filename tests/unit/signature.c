/* Keys and signatures before any library is asked: their form, their strength, which belongs to
 * which. Some libraries are as strict, which hides what is missing here.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/search.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_ecdsa(void) {
    static const struct {
        const char *what, *signature;
        bool good;
    } cases[] = {
        {"two numbers", "30{02{01} 02{01}}", true},
        {"two large ones", "30{02{0080} 02{00FF}}", true},
        {"r below zero", "30{02{80} 02{01}}", false},
        {"s below zero", "30{02{01} 02{80}}", false},
        {"r not minimal", "30{02{0001} 02{01}}", false},
        {"s not minimal", "30{02{01} 02{0001}}", false},
        {"a third number", "30{02{01} 02{01} 02{01}}", false},
        {"something behind it", "30{02{01} 02{01}} 00", false},
        {"one number", "30{02{01}}", false},
        {"a set", "31{02{01} 02{01}}", false},
        {"nothing", "", false},
    };
    const stls_signature_algorithm ecdsa = {.kind = STLS_SIGNATURE_ECDSA, .hash = STLS_HASH_SHA256};
    const stls_signature_algorithm rsa = {.kind = STLS_SIGNATURE_RSA_PKCS1};
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_bytes signature = der_text("%s", cases[i].signature);
        check_case("%s", cases[i].what);
        CHECK_NUMBER("ECDSA", stls_signature_is_well_formed(&ecdsa, signature), cases[i].good);
        CHECK(stls_signature_is_well_formed(&rsa, signature), "of RSA any octets are one");
        stls_bytes_free(&signature);
    }
}

/* A key of RSASSA-PSS that is for SHA-256, with MGF1 with SHA-256 and a salt of 32 at least. */
static void test_pss(void) {
    static const struct {
        stls_hash hash, mgf1_hash;
        uint32_t salt_len;
        bool good;
    } cases[] = {
        {STLS_HASH_SHA256, STLS_HASH_SHA256, 32, true},
        {STLS_HASH_SHA256, STLS_HASH_SHA256, 33, true},
        {STLS_HASH_SHA256, STLS_HASH_SHA256, 31, false},
        {STLS_HASH_SHA384, STLS_HASH_SHA256, 32, false},
        {STLS_HASH_SHA256, STLS_HASH_SHA384, 32, false},
    };
    const stls_x509 restricted = {.key_kind = STLS_KEY_RSA_PSS,
                                  .key_restriction = {.kind = STLS_SIGNATURE_RSA_PSS,
                                                      .hash = STLS_HASH_SHA256,
                                                      .mgf1_hash = STLS_HASH_SHA256,
                                                      .salt_len = 32}};
    const stls_x509 free_one = {.key_kind = STLS_KEY_RSA_PSS}, rsa = {.key_kind = STLS_KEY_RSA},
                    ec = {.key_kind = STLS_KEY_EC};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const stls_signature_algorithm pss = {.kind = STLS_SIGNATURE_RSA_PSS,
                                              .hash = cases[i].hash,
                                              .mgf1_hash = cases[i].mgf1_hash,
                                              .salt_len = cases[i].salt_len};
        check_case("hashes %d and %d, salt %u", cases[i].hash, cases[i].mgf1_hash,
                   (unsigned)cases[i].salt_len);
        CHECK_NUMBER("a restricted key", stls_key_fits(&restricted, &pss), cases[i].good);
        CHECK(stls_key_fits(&free_one, &pss), "a key without restriction");
        CHECK(stls_key_fits(&rsa, &pss), "a key for all of RSA");
        CHECK(!stls_key_fits(&ec, &pss), "a key of another kind");
    }
}

static void test_strength(void) {
    static const struct {
        stls_key_kind kind;
        size_t bits;
        bool standard, legacy;
    } cases[] = {
        {STLS_KEY_RSA, 2048, true, true},      {STLS_KEY_RSA, 2047, false, true},
        {STLS_KEY_RSA, 1024, false, true},     {STLS_KEY_RSA, 1023, false, false},
        {STLS_KEY_RSA_PSS, 2047, false, true}, {STLS_KEY_RSA_PSS, 1023, false, false},
        {STLS_KEY_EC, 256, true, true},        {STLS_KEY_EC, 255, false, true},
        {STLS_KEY_EC, 224, false, true},       {STLS_KEY_EC, 223, false, false},
    };
    stls_bytes numbers = der_text("30{02{03} 02{010001}}");
    for (size_t i = 0; i < COUNT(cases); i++) {
        const stls_x509 key = {.key_kind = cases[i].kind,
                               .key_bits = cases[i].bits,
                               .key_group = 23,
                               .key_octets = numbers};
        stls_findings standard = {.flags = 0}, legacy = {.flags = 0};
        check_case("kind %d, %zu bits", cases[i].kind, cases[i].bits);
        stls_key_judge(STLS_STRENGTH_STANDARD, &key, 0, &standard);
        stls_key_judge(STLS_STRENGTH_LEGACY, &key, 0, &legacy);
        CHECK_NUMBER("standard", standard.flags, cases[i].standard ? 0 : STLS_FLAG_WEAK_KEY);
        CHECK_NUMBER("legacy", legacy.flags, cases[i].legacy ? 0 : STLS_FLAG_WEAK_KEY);
    }
    stls_bytes_free(&numbers);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"ECDSA", test_ecdsa}, {"RSASSA-PSS", test_pss}, {"strength", test_strength}, {NULL, NULL}};
    static const test_suite suites[] = {{"signature", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
