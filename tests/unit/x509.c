/* The reader of certificates: each field right and wrong, and the sentence that goes with it.
 *
 * The certificates here are written in the manner of der_text.h; nobody checks their signatures.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/x509.h"

#include "base/memory.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#define HEX32     "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20"
#define ED25519   "30{06{2B6570}}"
#define NAME      "30{ 31{ 30{ 06{550403} 0C{'ca'} } } }"
#define VALID     "30{ 17{'260101000000Z'} 17{'270101000000Z'} }"
#define SPKI      "30{ " ED25519 " 03{00 " HEX32 "} }"
#define SIGNATURE "03{00 " HEX32 HEX32 "}"

#define SHA256        "30{06{608648016503040201} 0500}"
#define SHA384        "30{06{608648016503040202} 0500}"
#define MGF1(hash)    "30{06{2A864886F70D010108} " hash "}"
#define RSA_OID(last) "06{2A864886F70D0101" last "}"
#define RSA_KEY       "03{00 30{ 02{00C1 " HEX32 "} 02{010001} }}"

/* The fields of a certificate; NULL stands for a good one, "" for none. */
typedef struct parts {
    const char *version, *serial, *inner, *issuer, *validity, *subject, *spki, *ids, *extensions;
    const char *outer, *signature, *more, *behind;
} parts;

static const char *or_else(const char *given, const char *good) {
    return given != NULL ? given : good;
}

static stls_bytes assemble(const parts *p) {
    const char *inner = or_else(p->inner, ED25519);
    return der_text("30{ 30{ %s %s %s %s %s %s %s %s %s } %s %s %s } %s",
                    or_else(p->version, "A0{020102}"), or_else(p->serial, "020101"), inner,
                    or_else(p->issuer, NAME), or_else(p->validity, VALID),
                    or_else(p->subject, NAME), or_else(p->spki, SPKI), or_else(p->ids, ""),
                    or_else(p->extensions, ""), or_else(p->outer, inner),
                    or_else(p->signature, SIGNATURE), or_else(p->more, ""), or_else(p->behind, ""));
}

/* Reads what the parts make; `sentence` is part of the refusal, or NULL if it has to be taken. The
 * caller frees `*der`. */
static bool read_parts(const parts *p, const char *sentence, stls_bytes *der, stls_x509 *out) {
    stls_error error = {.result = STLS_NOT_DONE};
    *der = assemble(p);
    stls_result result = stls_x509_parse(*der, out, &error);
    CHECK_RESULT("parse", result, sentence == NULL ? STLS_OK : STLS_E_FORMAT, &error);
    if (sentence != NULL && result != STLS_OK) {
        CHECK_CONTAINS("the sentence", error.text, sentence);
        CHECK(out->der.data == NULL && out->version == 0, "a refused certificate is not all zero");
    }
    return result == STLS_OK;
}

static void expect(const parts *p, const char *sentence) {
    stls_bytes der;
    stls_x509 certificate;
    read_parts(p, sentence, &der, &certificate);
    stls_bytes_free(&der);
}

/* --- The fields --- */

static const struct {
    const char *name;
    parts parts;
    const char *sentence;
} fields[] = {
    {"all as it should be", {.version = NULL}, NULL},
    {"version 1", {.version = ""}, NULL},
    {"version 2", {.version = "A0{020101}"}, NULL},
    {"version 1 written out", {.version = "A0{020100}"}, "field version is v1, which DER leaves"},
    {"version 4", {.version = "A0{020103}"}, "field version is none of"},
    {"version -1", {.version = "A0{0201FF}"}, "field version is none of"},
    {"version in two octets", {.version = "A0{02020002}"}, "field version is none of"},
    {"something behind the version", {.version = "A0{020102 0500}"}, "field version is none of"},
    {"an empty version", {.version = "A0{}"}, "field version is none of"},
    {"serial 0", {.serial = "020100"}, NULL},
    {"a negative serial", {.serial = "0201FF"}, NULL},
    {"a serial of 20 octets", {.serial = "02{7F000102030405060708090A0B0C0D0E0F101112}"}, NULL},
    {"a serial of 20 octets and a sign",
     {.serial = "02{00FF000102030405060708090A0B0C0D0E0F101112}"},
     NULL},
    {"a serial of 21 octets",
     {.serial = "02{7F000102030405060708090A0B0C0D0E0F10111213}"},
     "field serialNumber is longer than 20"},
    {"a negative serial of 21 octets",
     {.serial = "02{80000102030405060708090A0B0C0D0E0F10111213}"},
     "field serialNumber is longer than 20"},
    {"a serial that is not shortest", {.serial = "02020001"}, "field serialNumber is not an INT"},
    {"an empty serial", {.serial = "0200"}, "field serialNumber is not an INTEGER"},
    {"no serial", {.serial = ""}, "field serialNumber is not an INTEGER"},
    {"no inner algorithm", {.inner = "", .outer = ED25519}, "field"},
    {"other inner algorithm",
     {.inner = "30{06{2B6571}}", .outer = ED25519},
     "field signatureAlgorithm differs from the one that is signed"},
    {"inner NULL, outer nothing",
     {.inner = "30{" RSA_OID("0B") "0500}", .outer = "30{" RSA_OID("0B") "}"},
     "field signatureAlgorithm differs from the one that is signed"},
    {"an empty issuer", {.issuer = "3000"}, "field issuer is empty"},
    {"an issuer that is no Name", {.issuer = "0500"}, "field issuer is not a well-formed Name"},
    {"an empty subject", {.subject = "3000"}, NULL},
    {"a subject with an empty RDN", {.subject = "30{3100}"}, "field subject is not a well-formed"},
    {"GeneralizedTime from 2050 on",
     {.validity = "30{17{'260101000000Z'} 18{'20500101000000Z'}}"},
     NULL},
    {"GeneralizedTime before 2050",
     {.validity = "30{18{'20260101000000Z'} 17{'270101000000Z'}}"},
     NULL},
    {"no end", {.validity = "30{17{'260101000000Z'} 18{'99991231235959Z'}}"}, NULL},
    {"the end before the beginning",
     {.validity = "30{17{'270101000000Z'} 17{'260101000000Z'}}"},
     NULL},
    {"notBefore without seconds",
     {.validity = "30{17{'2601010000Z'} 17{'270101000000Z'}}"},
     "field notBefore is not a UTCTime or GeneralizedTime"},
    {"notAfter with another zone",
     {.validity = "30{17{'260101000000Z'} 17{'270101000000+0100'}}"},
     "field notAfter is not a UTCTime or GeneralizedTime"},
    {"one time", {.validity = "30{17{'260101000000Z'}}"}, "field notAfter is not a UTCTime"},
    {"three times",
     {.validity = "30{17{'260101000000Z'} 17{'260101000000Z'} 17{'260101000000Z'}}"},
     "field validity has more than two times"},
    {"no validity", {.validity = ""}, "field notBefore is not"},
    {"no key", {.spki = ""}, "field subjectPublicKeyInfo is not a SEQUENCE"},
    {"unique identifiers", {.ids = "81{00AA} 82{04A0}"}, NULL},
    {"one unique identifier, version 2", {.version = "A0{020101}", .ids = "82{00AA}"}, NULL},
    {"unique identifiers the wrong way round", {.ids = "82{00AA} 81{00AA}"}, "tbsCertificate"},
    {"a unique identifier with stray bits", {.ids = "81{04AF}"}, "uniqueIdentifier is not a BIT"},
    {"a unique identifier in version 1",
     {.version = "", .ids = "81{00AA}"},
     "uniqueIdentifier stands in a certificate of version 1"},
    {"extensions in version 2",
     {.version = "A0{020101}", .extensions = "A3{30{30{06{2A03} 0400}}}"},
     "field extensions stands in a certificate of version 1 or 2"},
    {"extensions in version 1",
     {.version = "", .extensions = "A3{30{30{06{2A03} 0400}}}"},
     "field extensions stands in a certificate of version 1 or 2"},
    {"an empty list of extensions",
     {.extensions = "A3{3000}"},
     "field extensions is an empty list"},
    {"no list of extensions", {.extensions = "A3{}"}, "field extensions is not a SEQUENCE"},
    {"two lists of extensions",
     {.extensions = "A3{30{30{06{2A03} 0400}} 30{30{06{2A04} 0400}}}"},
     "field extensions is not a SEQUENCE"},
    {"something behind the extensions",
     {.extensions = "A3{30{30{06{2A03} 0400}}} 0500"},
     "field tbsCertificate has something behind its extensions"},
    {"something in place of the extensions", {.extensions = "0500"}, "field tbsCertificate has"},
    {"signature bits that are not octets",
     {.signature = "030204F0"},
     "field signatureValue is not"},
    {"no signature", {.signature = ""}, "field signatureValue is not a BIT STRING"},
    {"an empty signature", {.signature = "030100"}, NULL},
    {"something behind the signature", {.more = "0500"}, "field signatureValue is not the last"},
    {"something behind the certificate", {.behind = "00"}, "certificate has 1 more bytes behind"},
};

static void test_fields(void) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        check_case("%s", fields[i].name);
        expect(&fields[i].parts, fields[i].sentence);
    }
}

static void test_slices(void) {
    stls_bytes der;
    stls_x509 got;
    if (read_parts(&(parts){.extensions = "A3{30{ 30{06{551D13} 0101FF 04{30{0101FF 020103}}} }}"},
                   NULL, &der, &got)) {
        CHECK_NUMBER("version", got.version, 3);
        CHECK_NUMBER("serial", got.serial.len, 1);
        CHECK_NUMBER("notBefore", got.not_before, 1767225600);
        CHECK_NUMBER("notAfter", got.not_after, 1798761600);
        CHECK(stls_bytes_equal(got.issuer, got.subject), "issuer and subject differ");
        CHECK_NUMBER("signature kind", got.signature_algorithm.kind, STLS_SIGNATURE_ED25519);
        CHECK_NUMBER("signature", got.signature.len, 64);
        CHECK_NUMBER("key kind", got.key_kind, STLS_KEY_ED25519);
        CHECK_NUMBER("key", got.key_octets.len, 32);
        CHECK(got.der.data == der.data && got.der.len == der.len, "der is not all of it");
        stls_der outside = stls_der_of(der), inside;
        CHECK(stls_der_enter(&outside, STLS_DER_SEQUENCE, &inside) && got.tbs.data == inside.at &&
                  got.tbs.data + got.tbs.len < inside.end,
              "tbs is not the first field");
        CHECK(got.is_ca && got.has_path_len, "it is not a CA with a path length");
        CHECK_NUMBER("path length", got.path_len, 3);
        CHECK_NUMBER("present", got.present, STLS_EXT_BASIC_CONSTRAINTS);
        CHECK_NUMBER("critical", got.critical, STLS_EXT_BASIC_CONSTRAINTS);
    }
    stls_bytes_free(&der);
}

/* What is cut off anywhere is refused, and what has one octet changed does at least no harm. */
static void test_damage(void) {
    stls_bytes der = assemble(&(parts){.extensions = "A3{30{ 30{06{551D0F} 04{03020106}} "
                                                     "30{06{551D11} 04{30{82{'a.test'}}}} }}"});
    stls_x509 certificate;
    for (size_t len = 0; len < der.len; len++) {
        stls_bytes cut;
        CHECK(stls_bytes_copy((stls_bytes){der.data, len}, &cut), "no memory");
        check_case("the first %zu octets", len);
        CHECK_RESULT("parse", stls_x509_parse(cut, &certificate, NULL), STLS_E_FORMAT, NULL);
        stls_bytes_free(&cut);
    }
    uint8_t *copy = CHECK(der.len > 0, "nothing to damage") ? malloc(der.len) : NULL;
    for (size_t at = 0; copy != NULL && at < der.len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(copy, der.data, der.len);
            copy[at] ^= (uint8_t)(1u << bit);
            stls_x509_parse((stls_bytes){copy, der.len}, &certificate, NULL);
        }
    }
    free(copy);
    stls_bytes_free(&der);
}

/* A certificate with most of what a certificate can have, and each SEQUENCE, SET and tagged field
 * of it with a NULL more at its end: nothing may stand where nobody looks. */
static void test_more(void) {
    static const char good[] =
        "30{ 30{ A0{020102} 020101 30{06{2A864886F70D01010A} 30{A0{30{06{608648016503040201} 0500}}"
        "A1{30{06{2A864886F70D010108} 30{06{608648016503040201} 0500}}} A2{020120}}}" NAME VALID
            NAME "30{30{06{2A864886F70D010101} 0500} " RSA_KEY "}"
        "A3{30{ 30{06{551D13} 0101FF 04{30{0101FF 020100}}} 30{06{551D25} 04{30{06{2A03}}}}"
        "30{06{551D11} 04{30{82{'a'} A4{" NAME "} A0{06{2A03} A0{0C{'x'}}}}}}"
        "30{06{551D1E} 04{30{A0{30{82{'a'}}} A1{30{82{'b'}}}}}}"
        "30{06{551D20} 04{30{30{06{2A03} 30{30{06{2A05} 16{'x'}}}}}}}"
        "30{06{551D21} 04{30{30{06{2A03} 06{2A04}}}}} 30{06{551D24} 04{30{800100 810101}}}"
        "30{06{551D23} 04{30{80{01} A1{82{'a'}} 820101}}}"
        "30{06{551D1F} 04{30{30{A0{A0{82{'a'}}} 81{0640} A2{82{'a'}}}}}}"
        "30{06{2B06010505070101} 04{30{30{06{2A03} 82{'a'}}}}}"
        "}} } 30{06{2A864886F70D01010A} 30{A0{30{06{608648016503040201} 0500}}"
        "A1{30{06{2A864886F70D010108} 30{06{608648016503040201} 0500}}} A2{020120}}} 03{00 AA} }";
    const char *opened[32]; /* where each brace stands that is open */
    size_t depth = 0;
    unsigned tried = 0;
    stls_x509 certificate;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_bytes der = der_text_of(good);
    CHECK_RESULT("parse", stls_x509_parse(der, &certificate, &error), STLS_OK, &error);
    stls_bytes_free(&der);
    for (const char *at = good; *at != '\0'; at++) {
        if (*at == '{') {
            opened[depth++] = at;
            continue;
        }
        if (*at != '}') {
            continue;
        }
        const char *tag = opened[--depth] - 2;
        if (strchr("3A", *tag) != NULL) {
            check_case("0500 behind \"%.*s\"", (int)(at - tag), tag);
            der = der_text("%.*s 0500 %s", (int)(at - good), good, at);
            CHECK_RESULT("parse", stls_x509_parse(der, &certificate, NULL), STLS_E_FORMAT, NULL);
            stls_bytes_free(&der);
            tried++;
        }
    }
    CHECK_NUMBER("places", tried, 71);
}

/* --- Signature algorithms --- */

#define PKCS1(last) "30{" RSA_OID(last) "0500}"
#define PSS(fields) "30{" RSA_OID("0A") "30{" fields "}}"

static const struct {
    const char *name, *text;
    const char *flaw;
    stls_signature_algorithm algorithm;
} algorithms[] = {
    {"sha256WithRSAEncryption", PKCS1("0B"), NULL, {1, STLS_HASH_SHA256, 0, 0}},
    {"sha384WithRSAEncryption", PKCS1("0C"), NULL, {1, STLS_HASH_SHA384, 0, 0}},
    {"sha512WithRSAEncryption", PKCS1("0D"), NULL, {1, STLS_HASH_SHA512, 0, 0}},
    {"sha224WithRSAEncryption", PKCS1("0E"), NULL, {1, STLS_HASH_SHA224, 0, 0}},
    {"sha1WithRSAEncryption", PKCS1("05"), NULL, {1, STLS_HASH_SHA1, 0, 0}},
    {"sha1WithRSA of the OIW", "30{06{2B0E03021D} 0500}", NULL, {1, STLS_HASH_SHA1, 0, 0}},
    {"md5WithRSAEncryption", PKCS1("04"), NULL, {1, STLS_HASH_MD5, 0, 0}},
    {"md2WithRSAEncryption", PKCS1("02"), NULL, {0, 0, 0, 0}},
    {"RSA without parameters", "30{" RSA_OID("0B") "}", NULL, {1, STLS_HASH_SHA256, 0, 0}},
    {"RSA with other parameters", "30{" RSA_OID("0B") "3000}", "parameters that RSA", {0}},
    {"RSA with two NULL", "30{" RSA_OID("0B") "0500 0500}", "is not an AlgorithmIdent", {0}},
    {"ecdsa-with-SHA1", "30{06{2A8648CE3D0401}}", NULL, {3, STLS_HASH_SHA1, 0, 0}},
    {"ecdsa-with-SHA224", "30{06{2A8648CE3D040301}}", NULL, {3, STLS_HASH_SHA224, 0, 0}},
    {"ecdsa-with-SHA256", "30{06{2A8648CE3D040302}}", NULL, {3, STLS_HASH_SHA256, 0, 0}},
    {"ecdsa-with-SHA384", "30{06{2A8648CE3D040303}}", NULL, {3, STLS_HASH_SHA384, 0, 0}},
    {"ecdsa-with-SHA512", "30{06{2A8648CE3D040304}}", NULL, {3, STLS_HASH_SHA512, 0, 0}},
    {"ECDSA with NULL", "30{06{2A8648CE3D040302} 0500}", "parameters that ECDSA", {0}},
    {"Ed25519", ED25519, NULL, {4, 0, 0, 0}},
    {"Ed448", "30{06{2B6571}}", NULL, {5, 0, 0, 0}},
    {"Ed25519 with NULL", "30{06{2B6570} 0500}", "parameters that EdDSA", {0}},
    {"an unknown OID", "30{06{2A03} 30{0500}}", NULL, {0, 0, 0, 0}},
    {"PSS, SHA-256",
     PSS("A0{" SHA256 "} A1{" MGF1(SHA256) "} A2{020120}"),
     NULL,
     {2, STLS_HASH_SHA256, STLS_HASH_SHA256, 32}},
    {"PSS, two hashes",
     PSS("A0{" SHA384 "} A1{" MGF1(SHA256) "} A2{020130}"),
     NULL,
     {2, STLS_HASH_SHA384, STLS_HASH_SHA256, 48}},
    {"PSS, a hash without NULL",
     PSS("A0{30{06{608648016503040201}}} A1{" MGF1("30{06{608648016503040201}}") "} A2{020120}"),
     NULL,
     {2, STLS_HASH_SHA256, STLS_HASH_SHA256, 32}},
    {"PSS, the defaults", PSS(""), NULL, {2, STLS_HASH_SHA1, STLS_HASH_SHA1, 20}},
    {"PSS, salt 0",
     PSS("A0{" SHA256 "} A1{" MGF1(SHA256) "} A2{020100}"),
     NULL,
     {2, STLS_HASH_SHA256, STLS_HASH_SHA256, 0}},
    {"PSS, the trailer written out", PSS("A3{020101}"), NULL, {2, 2, 2, 20}},
    {"PSS, another trailer", PSS("A3{020102}"), "no well-formed RSASSA-PSS", {0}},
    {"PSS, trailer 0", PSS("A3{020100}"), "no well-formed RSASSA-PSS", {0}},
    {"PSS, a negative salt", PSS("A2{0201FF}"), "no well-formed RSASSA-PSS", {0}},
    {"PSS, a salt of megabytes", PSS("A2{02037FFFFF}"), "no well-formed RSASSA-PSS", {0}},
    {"PSS, fields in another order", PSS("A2{020120} A0{" SHA256 "}"), "no well-formed", {0}},
    {"PSS, an unknown field", PSS("A4{020120}"), "no well-formed RSASSA-PSS", {0}},
    {"PSS, two hashes in one field", PSS("A0{" SHA256 SHA256 "}"), "no well-formed", {0}},
    {"PSS, no parameters", "30{" RSA_OID("0A") "}", "no well-formed RSASSA-PSS", {0}},
    {"PSS, NULL", "30{" RSA_OID("0A") "0500}", "no well-formed RSASSA-PSS", {0}},
    {"PSS, an unknown hash", PSS("A0{30{06{2A03}}}"), NULL, {0, 0, STLS_HASH_SHA1, 20}},
    {"PSS, an unknown mask", PSS("A1{30{06{2A03}}}"), NULL, {0, STLS_HASH_SHA1, 0, 20}},
    {"no SEQUENCE", "0500", "is not an AlgorithmIdentifier", {0}},
    {"no OID", "30{0500}", "is not an AlgorithmIdentifier", {0}},
};

static void test_algorithms(void) {
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        const stls_signature_algorithm *wanted = &algorithms[i].algorithm;
        stls_bytes bytes = der_text_of(algorithms[i].text), oid;
        stls_der der = stls_der_of(bytes);
        stls_signature_algorithm got;
        check_case("%s", algorithms[i].name);
        const char *flaw = stls_signature_algorithm_read(&der, &got, &oid);
        if (algorithms[i].flaw != NULL) {
            CHECK_CONTAINS("the flaw", flaw != NULL ? flaw : "", algorithms[i].flaw);
        } else if (CHECK(flaw == NULL, "it is refused: %s", flaw)) {
            CHECK_NUMBER("kind", got.kind, wanted->kind);
            CHECK_NUMBER("hash", got.hash, wanted->hash);
            CHECK_NUMBER("mask hash", got.mgf1_hash, wanted->mgf1_hash);
            CHECK_NUMBER("salt", got.salt_len, wanted->salt_len);
            CHECK(stls_der_done(&der), "something is left");
        }
        stls_bytes_free(&bytes);
    }
}

/* --- Public keys --- */

#define EC(curve, key)   "30{ 30{06{2A8648CE3D0201} " curve "} 03{00 " key "} }"
#define P256             "06{2A8648CE3D030107}"
#define EDDSA(last, key) "30{ 30{06{2B65" last "}} 03{00 " key "} }"

static const struct {
    const char *name, *text;
    const char *sentence;
    stls_key_kind kind;
    size_t bits;
    uint16_t group;
} keys[] = {
    {"RSA", "30{ 30{" RSA_OID("01") "0500} " RSA_KEY "}", NULL, STLS_KEY_RSA, 264, 0},
    {"RSA of 9 bits", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 02020101 020103 }} }", NULL,
     STLS_KEY_RSA, 9, 0},
    {"RSA without NULL", "30{ 30{" RSA_OID("01") "} " RSA_KEY "}", "parameters are not NULL", 0, 0,
     0},
    {"RSA with a negative modulus", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 02{C1} 020103 }} }",
     "two positive numbers", 0, 0, 0},
    {"RSA with modulus 0", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 020100 020103 }} }",
     "two positive numbers", 0, 0, 0},
    {"RSA with exponent 0", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 020121 020100 }} }",
     "two positive numbers", 0, 0, 0},
    {"RSA with three numbers", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 020121 020103 020103 }} }",
     "two positive numbers", 0, 0, 0},
    {"RSA with a modulus that is not shortest",
     "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 02020021 020103 }} }", "two positive numbers", 0, 0,
     0},
    {"RSA with an octet behind it", "30{ 30{" RSA_OID("01") "0500} 03{00 30{ 020121 020103 } 00} }",
     "two positive numbers", 0, 0, 0},
    {"RSA without a key", "30{ 30{" RSA_OID("01") "0500} 030100 }", "two positive numbers", 0, 0,
     0},
    {"RSA-PSS", "30{ 30{" RSA_OID("0A") "} " RSA_KEY "}", NULL, STLS_KEY_RSA_PSS, 264, 0},
    {"RSA-PSS with NULL", "30{ 30{" RSA_OID("0A") "0500} " RSA_KEY "}", "RSASSA-PSS parameters", 0,
     0, 0},
    {"RSA-PSS for an unknown hash", "30{ 30{" RSA_OID("0A") "30{A0{30{06{2A03}}}}} " RSA_KEY "}",
     NULL, STLS_KEY_UNKNOWN, 0, 0},
    {"P-256", EC(P256, "04" HEX32 HEX32), NULL, STLS_KEY_EC, 256, 23},
    {"P-256, compressed", EC(P256, "02" HEX32), NULL, STLS_KEY_EC, 256, 23},
    {"P-256, hybrid", EC(P256, "06" HEX32 HEX32), "not a point", 0, 0, 0},
    {"P-256, too long", EC(P256, "04" HEX32 HEX32 "00"), "not a point", 0, 0, 0},
    {"P-256, no point", EC(P256, ""), "not a point", 0, 0, 0},
    {"P-256, the point at infinity", EC(P256, "00"), "not a point", 0, 0, 0},
    {"P-384", EC("06{2B81040022}", "02" HEX32 "01020304050607080910111213141516"), NULL,
     STLS_KEY_EC, 384, 24},
    {"P-521", EC("06{2B81040023}", "03" HEX32 HEX32 "0102"), NULL, STLS_KEY_EC, 521, 25},
    {"secp256k1", EC("06{2B8104000A}", "04" HEX32 HEX32), NULL, STLS_KEY_EC, 256, 22},
    {"brainpoolP256r1", EC("06{2B2403030208010107}", "04" HEX32 HEX32), NULL, STLS_KEY_EC, 256, 26},
    {"brainpoolP512r1", EC("06{2B240303020801010D}", "02" HEX32 HEX32), NULL, STLS_KEY_EC, 512, 28},
    {"an unknown curve", EC("06{2A03}", "04AABB"), NULL, STLS_KEY_EC, 0, 0},
    {"an explicit curve", EC("30{020101 0500}", "04AABB"), NULL, STLS_KEY_UNKNOWN, 0, 0},
    {"the curve of the issuer", EC("0500", "04AABB"), NULL, STLS_KEY_UNKNOWN, 0, 0},
    {"no curve", EC("", "04AABB"), "EC key without a curve", 0, 0, 0},
    {"Ed25519", SPKI, NULL, STLS_KEY_ED25519, 255, 0},
    {"Ed25519 of 31 octets",
     EDDSA("70", "01020304050607080910111213141516171819202122232425262728"
                 "293031"),
     "length than 32 octets", 0, 0, 0},
    {"Ed25519 with NULL", "30{ 30{06{2B6570} 0500} 03{00 " HEX32 "} }", "EdDSA does not have", 0, 0,
     0},
    {"Ed448", EDDSA("71", HEX32 "01020304050607080910111213141516171819202122232425"), NULL,
     STLS_KEY_ED448, 448, 0},
    {"Ed448 of 32 octets", EDDSA("71", HEX32), "length than 57 octets", 0, 0, 0},
    {"X25519", EDDSA("6E", HEX32), NULL, STLS_KEY_UNKNOWN, 0, 0},
    {"an unknown algorithm", "30{ 30{06{2A03} 3000} 03{00 AABB} }", NULL, STLS_KEY_UNKNOWN, 0, 0},
    {"bits that are not octets", "30{ " ED25519 " 030204F0 }", "whole octets", 0, 0, 0},
    {"something behind the key", "30{ " ED25519 " 03{00 " HEX32 "} 0500 }", "whole octets", 0, 0,
     0},
    {"no algorithm", "30{ 03{00 " HEX32 "} }", "has no AlgorithmIdentifier", 0, 0, 0},
};

static void test_keys(void) {
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        stls_bytes der;
        stls_x509 got;
        check_case("%s", keys[i].name);
        if (read_parts(&(parts){.spki = keys[i].text}, keys[i].sentence, &der, &got)) {
            CHECK_NUMBER("kind", got.key_kind, keys[i].kind);
            CHECK_NUMBER("bits", got.key_bits, keys[i].bits);
            CHECK_NUMBER("group", got.key_group, keys[i].group);
        }
        stls_bytes_free(&der);
    }
}

static void test_key_restriction(void) {
    static const char restricted[] =
        "30{ 30{" RSA_OID("0A") "30{A0{" SHA384 "} A1{" MGF1(SHA384) "} A2{020130}}} " RSA_KEY "}";
    stls_bytes der;
    stls_x509 got;
    if (read_parts(&(parts){.spki = restricted}, NULL, &der, &got)) {
        CHECK_NUMBER("kind", got.key_restriction.kind, STLS_SIGNATURE_RSA_PSS);
        CHECK_NUMBER("hash", got.key_restriction.hash, STLS_HASH_SHA384);
        CHECK_NUMBER("salt", got.key_restriction.salt_len, 48);
    }
    stls_bytes_free(&der);
    if (read_parts(&(parts){.spki = "30{ 30{" RSA_OID("0A") "} " RSA_KEY "}"}, NULL, &der, &got)) {
        CHECK_NUMBER("kind without restriction", got.key_restriction.kind, 0);
    }
    stls_bytes_free(&der);
}

/* --- Extensions --- */

#define ALT(names)      "30{06{551D11} 04{30{" names "}}}"
#define NC(fields)      "30{06{551D1E} 0101FF 04{30{" fields "}}}"
#define BC(fields)      "30{06{551D13} 04{30{" fields "}}}"
#define AKI(fields)     "30{06{551D23} 04{30{" fields "}}}"
#define POLICIES(list)  "30{06{551D20} 04{30{" list "}}}"
#define CDP(points)     "30{06{551D1F} 04{30{" points "}}}"
#define AIA(list)       "30{06{2B06010505070101} 04{30{" list "}}}"
#define DIRECTORY(name) "A4{" name "}"

static const struct {
    const char *name, *text;
    const char *sentence;
} extensions[] = {
    {"an unknown one", "30{06{2A03} 0400}", NULL},
    {"an unknown one whose value is anything", "30{06{2A03} 04{FFFF}}", NULL},
    {"critical", "30{06{2A03} 0101FF 0400}", NULL},
    {"critical FALSE", "30{06{2A03} 010100 0400}", NULL},
    {"critical 01", "30{06{2A03} 010101 0400}", "field critical is not a BOOLEAN"},
    {"no OID", "30{0400}", "an extension without OID"},
    {"no value", "30{06{2A03}}", "value is not an OCTET STRING"},
    {"two values", "30{06{2A03} 0400 0400}", "value is not an OCTET STRING"},
    {"no SEQUENCE", "0500", "something that is not an Extension"},
    {"the same twice", "30{06{2A03} 0400} 30{06{2A04} 0400} 30{06{2A03} 0101FF 0400}",
     "the same extension twice"},
    {"a known one twice", BC("") BC(""), "the same extension twice"},
    /* basicConstraints */
    {"no CA", BC(""), NULL},
    {"cA FALSE", BC("010100"), NULL},
    {"cA 01", BC("010101"), "extension basicConstraints has a field cA"},
    {"a CA", BC("0101FF"), NULL},
    {"a path length", BC("0101FF 020100"), NULL},
    {"a path length without cA", BC("020100"), NULL},
    {"a long path", BC("0101FF 02{7FFFFFFFFFFFFFFFFFFF}"), NULL},
    {"a negative path", BC("0101FF 0201FF"), "basicConstraints has a pathLenConstraint that"},
    {"a path that is not shortest", BC("0101FF 02020001"), "basicConstraints has a pathLen"},
    {"a third field", BC("0101FF 020100 0500"), "basicConstraints has more fields"},
    {"something behind it", "30{06{551D13} 04{3000 3000}}", "basicConstraints is not a SEQUENCE"},
    /* keyUsage */
    {"keyUsage", "30{06{551D0F} 04{03020106}}", NULL},
    {"keyUsage of nothing", "30{06{551D0F} 04{030100}}", NULL},
    {"keyUsage with a stray bit", "30{06{551D0F} 04{03020107}}", "extension keyUsage is not a BIT"},
    {"keyUsage as an INTEGER", "30{06{551D0F} 04{020106}}", "extension keyUsage is not a BIT"},
    {"keyUsage and more", "30{06{551D0F} 04{03020106 00}}", "extension keyUsage is not a BIT"},
    /* extKeyUsage */
    {"extKeyUsage", "30{06{551D25} 04{30{06{2B06010505070301}}}}", NULL},
    {"extKeyUsage of nothing", "30{06{551D25} 04{3000}}", "extension extKeyUsage is an empty list"},
    {"extKeyUsage with a NULL", "30{06{551D25} 04{30{0500}}}", "extKeyUsage holds something"},
    /* subjectAltName */
    {"a DNS name", ALT("82{'a.test'}"), NULL},
    {"a DNS name with a NUL", ALT("82{'a.test' 00 '.b.test'}"), NULL},
    {"an empty DNS name", ALT("8200"), NULL},
    {"a DNS name that is not ASCII", ALT("82{E4 '.test'}"), "subjectAltName holds a DNS name that"},
    {"a URI that is not ASCII", ALT("86{'sip:' E4}"), "subjectAltName holds a URI that is not"},
    {"an e-mail that is not ASCII", ALT("81{E4 '@b'}"), "holds an e-mail address that is not"},
    {"IPv4", ALT("87{C0000201}"), NULL},
    {"IPv6", ALT("87{20010DB8000000000000000000000001}"), NULL},
    {"an address of 5 octets", ALT("87{C000020100}"), "an IP address of another length"},
    {"an address with a mask", ALT("87{C0000200FFFFFF00}"), "an IP address of another length"},
    {"no address", ALT("8700"), "an IP address of another length"},
    {"a directory name", ALT(DIRECTORY(NAME)), NULL},
    {"an empty directory name", ALT(DIRECTORY("3000")), NULL},
    {"a directory name without its tag", ALT("A4{31{30{06{550403} 0C{'a'}}}}"), "malformed Gen"},
    {"two directory names in one", ALT(DIRECTORY(NAME NAME)), "a malformed GeneralName"},
    {"otherName", ALT("A0{06{2A03} A0{0500}}"), NULL},
    {"otherName without value", ALT("A0{06{2A03}}"), "a malformed GeneralName"},
    {"otherName with two values", ALT("A0{06{2A03} A0{0500 0500}}"), "a malformed GeneralName"},
    {"registeredID", ALT("88{2A03}"), NULL},
    {"registeredID of nothing", ALT("8800"), "a malformed GeneralName"},
    {"x400Address and ediPartyName", ALT("A3{3000} A5{A1{0C{'x'}}}"), NULL},
    {"a tag that is none", ALT("89{00}"), "a malformed GeneralName"},
    {"a constructed DNS name", ALT("A2{16{'a'}}"), "a malformed GeneralName"},
    {"a universal tag", ALT("16{'a.test'}"), "a malformed GeneralName"},
    {"the second name is wrong", ALT("82{'a'} 82{FF}"), "holds a DNS name that is not ASCII"},
    {"no name", ALT(""), "subjectAltName has an empty list of names"},
    {"text", "30{06{551D11} 04{'example.com'}}", "subjectAltName is not a SEQUENCE"},
    {"issuerAltName", "30{06{551D12} 04{30{82{'a'}}}}", NULL},
    {"issuerAltName without names", "30{06{551D12} 04{3000}}", "issuerAltName has an empty list"},
    /* nameConstraints */
    {"permitted", NC("A0{30{82{'a.test'}}}"), NULL},
    {"permitted and excluded", NC("A0{30{8200}} A1{30{87{C0000200FFFFFF00}}}"), NULL},
    {"neither", NC(""), "nameConstraints has neither"},
    {"an empty list", NC("A0{}"), "nameConstraints has an empty list of subtrees"},
    {"the wrong way round", NC("A1{30{8200}} A0{30{8200}}"), "has more than permitted and"},
    {"a minimum", NC("A0{30{8200 800101}}"), "a subtree with a minimum or maximum"},
    {"the minimum 0 written out", NC("A0{30{8200 800100}}"), "a subtree with a minimum"},
    {"a maximum", NC("A0{30{8200 810101}}"), "a subtree with a minimum or maximum"},
    {"an address without a mask", NC("A0{30{87{C0000201}}}"), "constraint of another length"},
    {"all addresses", NC("A0{30{87{0000000000000000}}}"), NULL},
    {"one address", NC("A0{30{87{C0000201FFFFFFFF}}}"), NULL},
    {"a mask with a hole", NC("A0{30{87{C0000201FF00FF00}}}"), "whose mask is not a prefix"},
    {"a name that is not ASCII", NC("A0{30{82{FF}}}"), "holds a DNS name that is not ASCII"},
    {"no subtree", NC("A0{0500}"), "holds a malformed subtree"},
    /* policies */
    {"two policies", POLICIES("30{06{2A03}} 30{06{2A04}}"), NULL},
    {"a qualifier", POLICIES("30{06{2A03} 30{30{06{2A05} 16{'x'}}}}"), NULL},
    {"no policy", POLICIES(""), "certificatePolicies is an empty list"},
    {"one policy twice", POLICIES("30{06{2A03}} 30{06{2A03}}"), "has the same policy twice"},
    {"an empty list of qualifiers", POLICIES("30{06{2A03} 3000}"), "malformed list of qualifiers"},
    {"a malformed qualifier", POLICIES("30{06{2A03} 30{30{0500}}}"), "malformed policy qualifier"},
    {"a policy without OID", POLICIES("30{0500}"), "holds a policy without OID"},
    {"mappings", "30{06{551D21} 04{30{30{06{2A03} 06{2A04}}}}}", NULL},
    {"no mapping", "30{06{551D21} 04{3000}}", "policyMappings is an empty list"},
    {"half a mapping", "30{06{551D21} 04{30{30{06{2A03}}}}}", "is not a pair of OIDs"},
    {"requireExplicitPolicy", "30{06{551D24} 04{30{800100}}}", NULL},
    {"both policy constraints", "30{06{551D24} 04{30{800100 810101}}}", NULL},
    {"no policy constraint", "30{06{551D24} 04{3000}}", "policyConstraints has no field"},
    {"a negative policy constraint", "30{06{551D24} 04{30{8001FF}}}", "a field that is not a num"},
    {"a third policy constraint", "30{06{551D24} 04{30{820100}}}", "policyConstraints has more"},
    {"inhibitAnyPolicy", "30{06{551D36} 04{020100}}", NULL},
    {"a negative inhibitAnyPolicy", "30{06{551D36} 04{0201FF}}", "inhibitAnyPolicy is not a num"},
    /* identifiers */
    {"authorityKeyIdentifier", AKI("80{0102}"), NULL},
    {"authorityKeyIdentifier of nothing", AKI(""), NULL},
    {"issuer and serial", AKI("A1{" DIRECTORY(NAME) "} 820101"), NULL},
    {"serial without issuer", AKI("820101"), "issuer or serial number without the other"},
    {"issuer without serial", AKI("A1{" DIRECTORY(NAME) "}"), "without the other"},
    {"an empty issuer", AKI("A100 820101"), "authorityKeyIdentifier has an empty list of names"},
    {"a serial that is not shortest", AKI("A1{82{'a'}} 82020001"), "not an INTEGER in DER"},
    {"an unknown field", AKI("83{01}"), "authorityKeyIdentifier has malformed fields"},
    {"subjectKeyIdentifier", "30{06{551D0E} 04{04{0102}}}", NULL},
    {"subjectKeyIdentifier without its own tag", "30{06{551D0E} 04{0102}}", "not an OCTET STRING"},
    /* where to find more */
    {"a CRL's URI", CDP("30{A0{A0{86{'http://a.test/crl'}}}}"), NULL},
    {"a name relative to the issuer", CDP("30{A0{A1{30{06{550403} 0C{'a'}}}}}"), NULL},
    {"reasons and issuer", CDP("30{81{0640} A2{" DIRECTORY(NAME) "}}"), NULL},
    {"no distribution point", CDP(""), "cRLDistributionPoints is an empty list"},
    {"a point without names", CDP("30{A0{A0{}}}"), "has an empty list of names"},
    {"a point's name of a third kind", CDP("30{A0{A2{00}}}"), "malformed name of a distribution"},
    {"reasons with stray bits", CDP("30{81{0641}}"), "reasons that are not named bits"},
    {"an unknown field of a point", CDP("30{A3{00}}"), "holds a malformed distribution point"},
    {"freshestCRL", "30{06{551D2E} 04{30{30{A0{A0{86{'http://a'}}}}}}}", NULL},
    {"freshestCRL of nothing", "30{06{551D2E} 04{3000}}", "freshestCRL is an empty list"},
    {"authorityInfoAccess", AIA("30{06{2B06010505073001} 86{'http://a'}}"), NULL},
    {"authorityInfoAccess of nothing", AIA(""), "authorityInfoAccess is an empty list"},
    {"text for it", "30{06{2B06010505070101} 04{'malformed'}}", "Access is not a SEQUENCE"},
    {"an access without a place", AIA("30{06{2A03}}"), "authorityInfoAccess holds a malformed"},
    {"subjectInfoAccess", "30{06{2B0601050507010B} 04{30{30{06{2A03} 82{'a'}}}}}", NULL},
    {"subjectDirectoryAttributes", "30{06{551D09} 04{30{30{06{2A03} 31{0500}}}}}", NULL},
    {"an attribute without value", "30{06{551D09} 04{30{30{06{2A03} 3100}}}}", "malformed attrib"},
    {"id-pkix-ocsp-nocheck", "30{06{2B0601050507300105} 0101FF 04{0500}}", NULL},
    {"id-pkix-ocsp-nocheck with more", "30{06{2B0601050507300105} 04{3000}}", "is not NULL"},
};

static void test_extensions(void) {
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "A3{30{%s}}", extensions[i].text);
        check_case("%s", extensions[i].name);
        expect(&(parts){.extensions = text}, extensions[i].sentence);
    }
}

/* No extension that the reader knows is a NULL, but for one. */
static void test_wrong_type(void) {
    static const char *const oids[] = {
        "551D13", "551D0F", "551D25", "551D11",           "551D23",           "551D0E",
        "551D1F", "551D20", "551D1E", "551D21",           "551D24",           "551D36",
        "551D12", "551D2E", "551D09", "2B06010505070101", "2B0601050507010B",
    };
    for (size_t i = 0; i < sizeof oids / sizeof oids[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "A3{30{30{06{%s} 04{0500}}}}", oids[i]);
        check_case("OID %s", oids[i]);
        expect(&(parts){.extensions = text}, "certificate extension ");
    }
}

static void test_values(void) {
    static const char all[] = "A3{30{"
                              "30{06{551D13} 04{30{0101FF 02{7FFFFFFFFFFFFFFFFFFF}}}}"
                              "30{06{551D0F} 0101FF 04{03020106}}"
                              "30{06{551D25} 04{30{06{2A03} 06{2B06010505070314}}}}"
                              "30{06{551D11} 04{30{82{'a.test'}}}}"
                              "30{06{551D1E} 0101FF 04{30{A0{30{82{'a.test'}}}}}}"
                              "30{06{551D20} 04{30{30{06{2A03}}}}}"
                              "30{06{551D36} 04{020102}}"
                              "30{06{2A03} 0400}"
                              "30{06{2A04} 0101FF 0400}"
                              "30{06{2A05} 0101FF 0400}"
                              "30{06{551D23} 04{30{80{0102}}}}"
                              "30{06{551D0E} 04{04{010203}}}"
                              "30{06{551D1F} 04{30{30{A0{A0{86{'http://a'}}}}}}}"
                              "}}";
    static const uint8_t first_unknown[] = {0x2a, 0x04};
    stls_bytes der;
    stls_x509 got;
    if (read_parts(&(parts){.extensions = all}, NULL, &der, &got)) {
        CHECK(got.is_ca && got.has_path_len && got.has_inhibit_any_policy, "a flag is missing");
        CHECK_NUMBER("path length", got.path_len, UINT32_MAX - 1);
        CHECK_NUMBER("key usage", got.key_usage, STLS_KU_KEY_CERT_SIGN | STLS_KU_CRL_SIGN);
        CHECK_NUMBER("critical", got.critical, STLS_EXT_KEY_USAGE | STLS_EXT_NAME_CONSTRAINTS);
        CHECK_BYTES("first unknown critical", got.unknown_critical,
                    ((stls_bytes){first_unknown, sizeof first_unknown}));
        CHECK(stls_x509_has_purpose(&got, stls_oid_sip_domain), "id-kp-sipDomain is not found");
        CHECK(!stls_x509_has_purpose(&got, stls_oid_server_auth), "serverAuth is found");
        CHECK_NUMBER("alternative names", got.alt_names.len, 8);
        CHECK_NUMBER("name constraints", got.name_constraints.len, 12);
        CHECK_NUMBER("policies", got.policies.len, 6);
        CHECK_NUMBER("inhibitAnyPolicy", got.inhibit_any_policy, 2);
        CHECK_NUMBER("authority key", got.authority_key_id.len, 2);
        CHECK_NUMBER("subject key", got.subject_key_id.len, 3);
        CHECK_NUMBER("distribution points", got.crl_distribution_points.len, 16);
    }
    stls_bytes_free(&der);
}

/* `count` times `each`, a format of one number below 2^14, between `before` and `behind`. */
static char *repeat(const char *before, const char *each, unsigned count, const char *behind) {
    const size_t size = 1 << 16;
    char *text = malloc(size);
    if (text == NULL) {
        abort();
    }
    size_t len = (size_t)snprintf(text, size, "%s", before);
    for (unsigned i = 0; i < count && len < size; i++) {
        const char *at = strchr(each, '#');
        len += (size_t)snprintf(text + len, size - len, "%.*s%02X%02X%s", (int)(at - each), each,
                                0x81 + i / 128, i % 128, at + 1);
    }
    if (len < size) {
        snprintf(text + len, size - len, "%s", behind);
    }
    return text;
}

static void test_limits(void) {
    static const struct {
        const char *name, *before, *each, *behind;
        unsigned count;
        const char *sentence;
    } limits[] = {
        {"128 extensions", "A3{30{", "30{06{2A#} 0400}", "}}", 128, NULL},
        {"129 extensions", "A3{30{", "30{06{2A#} 0400}", "}}", 129, "more than 128 extensions"},
        {"256 policies", "A3{30{30{06{551D20} 04{30{", "30{06{2A#}}", "}}}}}", 256, NULL},
        {"257 policies", "A3{30{30{06{551D20} 04{30{", "30{06{2A#}}", "}}}}}", 257,
         "more than 256 policies"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char *text = repeat(limits[i].before, limits[i].each, limits[i].count, limits[i].behind);
        check_case("%s", limits[i].name);
        expect(&(parts){.extensions = text}, limits[i].sentence);
        free(text);
    }
}

/* --- Names --- */

#define CN(value) "30{06{550403} " value "}"
#define O(value)  "30{06{55040A} " value "}"

static const struct {
    const char *name, *text;
    bool good;
    const char *common_name; /* NULL: none */
} names[] = {
    {"no RDN", "3000", true, NULL},
    {"a common name", "30{31{" CN("0C{'a'}") "}}", true, "a"},
    {"the last of two common names", "30{31{" CN("0C{'a'}") "} 31{" CN("13{'b'}") "}}", true, "b"},
    {"one RDN of two attributes", "30{31{" O("0C{'x'}") CN("0C{'a'}") "}}", true, "a"},
    {"no common name", "30{31{" O("0C{'x'}") "}}", true, NULL},
    {"an empty value", "30{31{" CN("0C00") "}}", true, ""},
    {"a value that is no string", "30{31{" O("03{00AA}") "}}", true, NULL},
    {"BMPString", "30{31{" CN("1E{0061}") "}}", true, NULL},
    {"half a character of BMPString", "30{31{" CN("1E{006100}") "}}", false, NULL},
    {"half a character of UniversalString", "30{31{" CN("1C{0061}") "}}", false, NULL},
    {"an empty RDN", "30{3100}", false, NULL},
    {"an empty RDN behind a good one", "30{31{" CN("0C{'a'}") "} 3100}", false, NULL},
    {"an attribute without value", "30{31{30{06{550403}}}}", false, NULL},
    {"an attribute with two values", "30{31{" CN("0C{'a'} 0C{'b'}") "}}", false, NULL},
    {"an attribute without type", "30{31{30{0C{'a'}}}}", false, NULL},
    {"the second attribute is wrong", "30{31{" CN("0C{'a'}") "0500}}", false, NULL},
    {"an RDN that is a SEQUENCE", "30{30{" CN("0C{'a'}") "}}", false, NULL},
    {"a SET", "31{31{" CN("0C{'a'}") "}}", false, NULL},
    {"something behind it", "30{31{" CN("0C{'a'}") "}} 00", false, NULL},
    {"nothing", "", false, NULL},
};

static void test_names(void) {
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        stls_bytes name = der_text_of(names[i].text), value;
        uint8_t tag;
        check_case("%s", names[i].name);
        bool good = stls_name_is_well_formed(name);
        CHECK(good == names[i].good, "it is %s", good ? "taken" : "refused");
        CHECK(stls_name_is_empty(name) == (strcmp(names[i].text, "3000") == 0),
              "it is wrongly called empty or not");
        if (good && names[i].common_name != NULL) {
            size_t len = strlen(names[i].common_name);
            CHECK(stls_name_common_name(name, &tag, &value) && value.len == len &&
                      memcmp(value.data, names[i].common_name, len) == 0,
                  "the common name is not %s", names[i].common_name);
        }
        stls_bytes_free(&name);
    }
}

static void test_name_walk(void) {
    stls_bytes name = der_text_of("30{ 31{" O("0C{'x'}") CN("13{'y'}") "} 31{" CN("16{'z'}") "} }");
    static const struct {
        bool new_rdn;
        uint8_t tag;
        char value;
    } wanted[] = {{true, STLS_DER_UTF8_STRING, 'x'},
                  {false, STLS_DER_PRINTABLE_STRING, 'y'},
                  {true, STLS_DER_IA5_STRING, 'z'}};
    stls_name_walk walk;
    stls_bytes type, value;
    bool new_rdn;
    uint8_t tag;
    CHECK(stls_name_walk_start(&walk, name), "the walk does not start");
    for (size_t i = 0; i < 3; i++) {
        check_case("attribute %zu", i);
        CHECK(stls_name_walk_next(&walk, &new_rdn, &type, &tag, &value), "the walk ends");
        CHECK(new_rdn == wanted[i].new_rdn && tag == wanted[i].tag && value.len == 1 &&
                  value.data[0] == (uint8_t)wanted[i].value,
              "it is another one");
    }
    CHECK(!stls_name_walk_next(&walk, &new_rdn, &type, &tag, &value), "the walk does not end");
    stls_bytes_free(&name);
}

static void test_general_names(void) {
    stls_bytes bytes = der_text_of("82{'a'} 86{'sip:a'} 87{C0000201} A4{" NAME "} 82{FF}"), value;
    static const struct {
        stls_general_name_kind kind;
        size_t len;
    } wanted[] = {{STLS_GENERAL_NAME_DNS, 1},
                  {STLS_GENERAL_NAME_URI, 5},
                  {STLS_GENERAL_NAME_IP, 4},
                  {STLS_GENERAL_NAME_DIRECTORY, 15}};
    stls_der walk = stls_der_of(bytes);
    stls_general_name_kind kind;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        check_case("name %zu", i);
        CHECK(stls_general_name_next(&walk, &kind, &value), "the walk ends");
        CHECK_NUMBER("kind", kind, wanted[i].kind);
        CHECK_NUMBER("length", value.len, wanted[i].len);
    }
    check_case("the malformed one");
    CHECK(!stls_general_name_next(&walk, &kind, &value), "it is taken");
    CHECK(!stls_der_done(&walk), "the cursor has moved");
    stls_bytes_free(&bytes);
}

/* --- Certificates that openssl made --- */

static const struct {
    const char *file;
    stls_key_kind key;
    size_t bits;
    stls_signature_kind signature;
    uint32_t present;
} made[] = {
    {"server.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA,
     STLS_EXT_SUBJECT_ALT_NAME | STLS_EXT_EXT_KEY_USAGE},
    {"server-p384.der", STLS_KEY_EC, 384, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"server-p521.der", STLS_KEY_EC, 521, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"server-rsa.der", STLS_KEY_RSA, 2048, STLS_SIGNATURE_RSA_PKCS1, STLS_EXT_KEY_USAGE},
    {"server-pss.der", STLS_KEY_RSA_PSS, 2048, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"server-ed25519.der", STLS_KEY_ED25519, 255, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"via-ed25519.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ED25519, STLS_EXT_SUBJECT_ALT_NAME},
    {"root.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_BASIC_CONSTRAINTS},
    {"int-nc.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_NAME_CONSTRAINTS},
    {"nul-in-dns.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"san-empty-name.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"san-300.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
    {"big.der", STLS_KEY_EC, 256, STLS_SIGNATURE_ECDSA, STLS_EXT_SUBJECT_ALT_NAME},
};

static void test_made(void) {
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        stls_bytes der = pki_bytes(made[i].file);
        stls_x509 got;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", made[i].file);
        if (CHECK_RESULT("parse", stls_x509_parse(der, &got, &error), STLS_OK, &error)) {
            CHECK_NUMBER("key", got.key_kind, made[i].key);
            CHECK_NUMBER("bits", got.key_bits, made[i].bits);
            CHECK_NUMBER("signature", got.signature_algorithm.kind, made[i].signature);
            CHECK_NUMBER("extensions", got.present & made[i].present, made[i].present);
        }
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"fields", test_fields},
        {"slices", test_slices},
        {"damage", test_damage},
        {"more than there should be", test_more},
        {"signature algorithms", test_algorithms},
        {"keys", test_keys},
        {"restricted keys", test_key_restriction},
        {"extensions", test_extensions},
        {"extensions of the wrong type", test_wrong_type},
        {"values of extensions", test_values},
        {"limits", test_limits},
        {"names", test_names},
        {"a walk over a name", test_name_walk},
        {"a walk over general names", test_general_names},
        {"made by openssl", test_made},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"X.509", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
