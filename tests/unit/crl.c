/* CRLs: the reader, the scopes, and what the engine makes of them.
 *
 * Most certificates and CRLs here are written in the manner of der_text.h, for a backend of this
 * file by which a signature is good if it is the signer's public key. The last tests are by
 * openssl's CRLs on the real backends.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/crl.h"

#include "base/memory.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/verify.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#include <stdlib.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ED25519 "30{06{2B6570}}"
#define CN(cn)  "30{ 31{ 30{ 06{550403} 0C{'" cn "'} } } }"
#define ALPHA   CN("alpha")

/* Extensions, by the last octet of 2.5.29. */
#define CRITICAL          "0101FF"
#define EXT(last, value)  "30{06{551D" last "} 04{" value "}}"
#define MUST(last, value) "30{06{551D" last "} " CRITICAL " 04{" value "}}"
#define NUMBER(hex)       EXT("14", "02{" hex "}")
#define DELTA(hex)        MUST("1B", "02{" hex "}")
#define IDP(content)      MUST("1C", "30{" content "}")
#define FULL(names)       "A0{A0{" names "}}"
#define RELATIVE(content) "A0{A1{" content "}}"
#define URI(text)         "86{'" text "'}"
#define DIRECTORY(name)   "A4{" name "}"
#define USERS             "8101FF"
#define CAS               "8201FF"
#define INDIRECT          "8401FF"
#define UNKNOWN           "30{06{2A03} " CRITICAL " 0400}"

#define ENTRY(serial)            "30{ 02{" serial "} 17{'260602000000Z'} }"
#define ENTRY_WITH(serial, exts) "30{ 02{" serial "} 17{'260602000000Z'} 30{" exts "} }"
#define REASON(hex)              EXT("15", "0A01" hex)

/* --- The reader --- */

/* The fields of a CRL; NULL stands for a good one, "" for none. */
typedef struct parts {
    const char *version, *inner, *issuer, *since, *until, *entries, *extensions;
    const char *outer, *signature, *more, *behind;
} parts;

static const char *or_else(const char *given, const char *good) {
    return given != NULL ? given : good;
}

static stls_bytes assemble(const parts *p) {
    const char *inner = or_else(p->inner, ED25519);
    return der_text("30{ 30{ %s %s %s %s %s %s %s } %s %s %s } %s", or_else(p->version, "020101"),
                    inner, or_else(p->issuer, ALPHA), or_else(p->since, "17{'260601000000Z'}"),
                    or_else(p->until, "17{'260701000000Z'}"), or_else(p->entries, ""),
                    or_else(p->extensions, ""), or_else(p->outer, inner),
                    or_else(p->signature, "03{00 0102}"), or_else(p->more, ""),
                    or_else(p->behind, ""));
}

/* Reads what the parts make; `sentence` is part of the refusal, or NULL if it has to be taken. The
 * caller frees `*der`. */
static bool read_parts(const parts *p, const char *sentence, stls_bytes *der, stls_crl *out) {
    stls_error error = {.result = STLS_NOT_DONE};
    *der = assemble(p);
    stls_result result = stls_crl_parse(*der, out, &error);
    CHECK_RESULT("parse", result, sentence == NULL ? STLS_OK : STLS_E_FORMAT, &error);
    if (sentence != NULL && result != STLS_OK) {
        CHECK_CONTAINS("the sentence", error.text, sentence);
        CHECK(out->der.data == NULL && out->version == 0, "a refused CRL is not all zero");
    }
    return result == STLS_OK;
}

static const struct {
    const char *name;
    parts parts;
    const char *sentence;
} forms[] = {
    {"all as it should be", {.version = NULL}, NULL},
    {"version 1", {.version = ""}, NULL},
    {"version 1 written out", {.version = "020100"}, "field version is not v2"},
    {"version 3", {.version = "020102"}, "field version is not v2"},
    {"no inner algorithm", {.inner = "", .outer = ED25519}, "CRL field"},
    {"other inner algorithm",
     {.inner = "30{06{2B6571}}", .outer = ED25519},
     "field signatureAlgorithm differs from the one that is signed"},
    {"an algorithm that is none", {.outer = "0500"}, "field signatureAlgorithm is not an Alg"},
    {"an empty issuer", {.issuer = "3000"}, "field issuer is empty"},
    {"an issuer that is no Name", {.issuer = "0500"}, "field issuer is not a well-formed Name"},
    {"no thisUpdate", {.since = "", .until = ""}, "field thisUpdate is not a UTCTime"},
    {"GeneralizedTime", {.until = "18{'20500101000000Z'}"}, NULL},
    {"no nextUpdate", {.until = ""}, NULL},
    {"nextUpdate without seconds", {.until = "17{'2607010000Z'}"}, "field nextUpdate is not a"},
    {"an empty list", {.entries = "3000"}, NULL},
    {"entries", {.entries = "30{" ENTRY("05") ENTRY("05") ENTRY("FF") "}"}, NULL},
    {"entries with extensions",
     {.entries = "30{" ENTRY_WITH("05", REASON("01") EXT("18", "18{'20260601000000Z'}")) "}"},
     NULL},
    {"an entry that is none", {.entries = "30{0500}"}, "entry is not a SEQUENCE in DER"},
    {"an entry without serial", {.entries = "30{30{17{'260602000000Z'}}}"}, "entry has a serial"},
    {"a serial that is not shortest", {.entries = "30{" ENTRY("0005") "}"}, "entry has a serial"},
    {"a serial of 21 octets",
     {.entries = "30{" ENTRY("7F000102030405060708090A0B0C0D0E0F10111213") "}"},
     "entry has a serial number that is longer than 20"},
    {"a serial of 20 octets and a sign",
     {.entries = "30{" ENTRY("00FF000102030405060708090A0B0C0D0E0F101112") "}"},
     NULL},
    {"an entry without date", {.entries = "30{30{020105}}"}, "entry has a date"},
    {"an empty list of entry extensions",
     {.entries = "30{" ENTRY_WITH("05", "") "}"},
     "entry is an empty list"},
    {"something behind an entry's extensions",
     {.entries = "30{30{020105 17{'260602000000Z'} 30{" REASON("01") "} 0500}}"},
     "entry is not a SEQUENCE"},
    {"entry extensions in version 1",
     {.version = "", .entries = "30{" ENTRY_WITH("05", REASON("01")) "}"},
     "entry has extensions in a CRL of version 1"},
    {"the same entry extension twice",
     {.entries = "30{" ENTRY_WITH("05", REASON("01") REASON("01")) "}"},
     "entry has the same extension twice"},
    {"reason 7", {.entries = "30{" ENTRY_WITH("05", REASON("07")) "}"}, "that does not exist"},
    {"reason 11", {.entries = "30{" ENTRY_WITH("05", REASON("0B")) "}"}, "that does not exist"},
    {"reason -1", {.entries = "30{" ENTRY_WITH("05", REASON("FF")) "}"}, "that does not exist"},
    {"a reason in an INTEGER",
     {.entries = "30{" ENTRY_WITH("05", EXT("15", "020101")) "}"},
     "reasonCode that is not an ENUMERATED"},
    {"an invalidityDate in UTCTime",
     {.entries = "30{" ENTRY_WITH("05", EXT("18", "17{'260601000000Z'}")) "}"},
     "invalidityDate that is not"},
    {"a certificateIssuer",
     {.entries = "30{" ENTRY_WITH("05", MUST("1D", "30{" DIRECTORY(ALPHA) "}")) "}"},
     NULL},
    {"an empty certificateIssuer",
     {.entries = "30{" ENTRY_WITH("05", MUST("1D", "3000")) "}"},
     "certificateIssuer that is no list"},
    {"no list of extensions", {.extensions = "A0{}"}, "field crlExtensions is not a SEQUENCE"},
    {"an empty list of extensions", {.extensions = "A0{3000}"}, "field crlExtensions is an empty"},
    {"extensions in version 1",
     {.version = "", .extensions = "A0{30{" NUMBER("01") "}}"},
     "field crlExtensions stands in a CRL of version 1"},
    {"something in place of extensions", {.extensions = "0500"}, "field tbsCertList has something"},
    {"something behind the extensions",
     {.extensions = "A0{30{" NUMBER("01") "}} 0500"},
     "field tbsCertList has something behind"},
    {"a number twice",
     {.extensions = "A0{30{" NUMBER("01") NUMBER("01") "}}"},
     "field crlExtensions has the same extension twice"},
    {"a critical number",
     {.extensions = "A0{30{" MUST("14", "020101") "}}"},
     "extension cRLNumber is critical"},
    {"a negative number", {.extensions = "A0{30{" NUMBER("FF") "}}"}, "is not a number from 0 on"},
    {"a number of 20 octets",
     {.extensions = "A0{30{" NUMBER("000102030405060708090A0B0C0D0E0F10111213") "}}"},
     "is not a number"},
    {"a number of 21 octets",
     {.extensions = "A0{30{" NUMBER("010102030405060708090A0B0C0D0E0F1011121314") "}}"},
     "extension cRLNumber is longer than 20 octets"},
    {"a delta", {.extensions = "A0{30{" DELTA("01") "}}"}, NULL},
    {"a delta of nothing",
     {.extensions = "A0{30{" MUST("1B", "0500") "}}"},
     "extension deltaCRLIndicator is not a number"},
    {"an issuer's other names", {.extensions = "A0{30{" EXT("12", "30{" URI("a") "}") "}}"}, NULL},
    {"a freshest CRL", {.extensions = "A0{30{" EXT("2E", "30{30{" FULL(URI("a")) "}}") "}}"}, NULL},
    {"a freshest CRL that is none",
     {.extensions = "A0{30{" EXT("2E", "3000") "}}"},
     "extension freshestCRL is an empty list"},
    {"a key identifier", {.extensions = "A0{30{" EXT("23", "30{80{0102}}") "}}"}, NULL},
    {"a key identifier that is none",
     {.extensions = "A0{30{" EXT("23", "0500") "}}"},
     "extension authorityKeyIdentifier is not a SEQUENCE"},
    {"unknown and critical", {.extensions = "A0{30{" UNKNOWN "}}"}, NULL},
    {"a scope", {.extensions = "A0{30{" IDP(FULL(URI("a")) USERS "830206C0" INDIRECT) "}}"}, NULL},
    {"a relative scope",
     {.extensions = "A0{30{" IDP(RELATIVE("30{06{550403} 0C{'p'}}")) "}}"},
     NULL},
    {"a scope that is FALSE", {.extensions = "A0{30{" IDP("810100") "}}"}, "says nothing"},
    {"a scope that says nothing", {.extensions = "A0{30{" IDP("") "}}"}, "says nothing"},
    {"a scope of two kinds", {.extensions = "A0{30{" IDP(USERS CAS) "}}"}, "two kinds at once"},
    {"a scope of no name", {.extensions = "A0{30{" IDP("A0{A0{}}") "}}"}, "an empty list of names"},
    {"a scope in a wrong order", {.extensions = "A0{30{" IDP(CAS USERS) "}}"}, "malformed fields"},
    {"a scope with 01 for TRUE", {.extensions = "A0{30{" IDP("810101") "}}"}, "malformed fields"},
    {"a scope with reasons in a wrong form",
     {.extensions = "A0{30{" IDP("830207FF") "}}"},
     "malformed fields"},
    {"a scope that is no SEQUENCE",
     {.extensions = "A0{30{" MUST("1C", "0500") "}}"},
     "extension issuingDistributionPoint is not a SEQUENCE"},
    {"signature bits that are not octets",
     {.signature = "030204F0"},
     "field signatureValue is not"},
    {"no signature", {.signature = ""}, "field signatureValue is not a BIT STRING"},
    {"something behind the signature", {.more = "0500"}, "field signatureValue is not the last"},
    {"something behind the CRL", {.behind = "00"}, "CRL has more bytes behind its end"},
};

static void test_forms(void) {
    for (size_t i = 0; i < COUNT(forms); i++) {
        stls_bytes der;
        stls_crl crl;
        check_case("%s", forms[i].name);
        read_parts(&forms[i].parts, forms[i].sentence, &der, &crl);
        stls_bytes_free(&der);
    }
}

#define LADEN                                                                                      \
    {                                                                                              \
        .entries = "30{" ENTRY_WITH("05", REASON("06") UNKNOWN) ENTRY("0102") "}",                 \
        .extensions = "A0{30{" NUMBER("0A") DELTA("07") EXT("23", "30{80{AABB}}")                  \
            IDP(FULL(URI("x")) CAS "8303078080") "}}"                                              \
    }

static void check_laden(const stls_crl *got) {
    CHECK_NUMBER("version", got->version, 2);
    CHECK_NUMBER("thisUpdate", got->this_update, 1780272000);
    CHECK_NUMBER("nextUpdate", got->has_next_update ? got->next_update : 0, 1782864000);
    CHECK_NUMBER("signature kind", got->signature_algorithm.kind, STLS_SIGNATURE_ED25519);
    CHECK_NUMBER("signature", got->signature.len, 2);
    CHECK_NUMBER("entries", got->entry_count, 2);
    CHECK_BYTES("number", got->number, ((stls_bytes){(const uint8_t *)"\x0a", 1}));
    CHECK_BYTES("base", got->base_number, ((stls_bytes){(const uint8_t *)"\x07", 1}));
    CHECK_BYTES("key", got->authority_key_id, ((stls_bytes){(const uint8_t *)"\xaa\xbb", 2}));
    CHECK(got->is_delta && got->has_unknown_critical && !got->has_entry_issuer, "the marks");
    CHECK(got->only_cas && !got->only_users && !got->only_attributes && !got->is_indirect, "scope");
    CHECK_NUMBER("reasons", got->reasons, 0x101);
    CHECK_NUMBER("the point's name", got->point_name.len, 5);
}

static void test_slices(void) {
    stls_bytes der;
    stls_crl got;
    stls_crl_entry entry;
    if (read_parts(&(parts)LADEN, NULL, &der, &got)) {
        check_laden(&got);
        stls_der entries = stls_der_of(got.entries);
        CHECK(stls_crl_entry_next(&entries, &entry), "no first entry");
        CHECK_NUMBER("date", entry.date, 1780358400);
        CHECK_NUMBER("reason", entry.reason, STLS_CRL_REASON_HOLD);
        CHECK(entry.has_unknown_critical && !entry.has_issuer, "the first entry's marks");
        CHECK(stls_crl_entry_next(&entries, &entry), "no second entry");
        CHECK_NUMBER("serial", entry.serial.len, 2);
        CHECK(!entry.has_unknown_critical, "the second entry has the first one's marks");
        CHECK(!stls_crl_entry_next(&entries, &entry), "a third entry");
    }
    stls_bytes_free(&der);
}

/* What is cut off anywhere is refused, and what has one octet changed does at least no harm. */
static void test_damage(void) {
    stls_bytes der = assemble(&(parts)LADEN), cut;
    stls_crl crl;
    for (size_t len = 0; len < der.len; len++) {
        check_case("the first %zu octets", len);
        if (!stls_bytes_copy((stls_bytes){der.data, len}, &cut)) {
            abort();
        }
        CHECK(stls_crl_parse(cut, &crl, NULL) == STLS_E_FORMAT, "it is taken");
        stls_bytes_free(&cut);
    }
    for (size_t i = 0; i < der.len * 255; i++) {
        uint8_t *copy = malloc(der.len);
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, der.data, der.len);
        copy[i / 255] = (uint8_t)(copy[i / 255] + 1 + i % 255);
        stls_trust *trust = stls_trust_new();
        stls_trust_add_crl(trust, copy, der.len, NULL, NULL);
        stls_trust_free(trust);
        free(copy);
    }
    stls_bytes_free(&der);
}

/* --- A large one --- */

enum { MANY = 100000, ENTRY_SIZE = 22 };

static void put_length(uint8_t *at, size_t len) { /* in three octets */
    at[0] = 0x83;
    at[1] = (uint8_t)(len >> 16);
    at[2] = (uint8_t)(len >> 8);
    at[3] = (uint8_t)len;
}

/* The DER of a small CRL with MANY entries put in; their serial numbers are 3, 9, 15, ...
 * in an order of no use. */
static stls_bytes make_many(void) {
    static const uint8_t model[ENTRY_SIZE] = "\x30\x14\x02\x03\x00\x00\x00\x17\x0d"
                                             "260602000000Z";
    stls_bytes small = assemble(&(parts){.entries = NULL});
    const size_t head = 4, tbs_len = small.data[3]; /* 30 81 len 30 len ... */
    stls_bytes tbs = {small.data + 2, 2U + tbs_len};
    if (small.data[1] >= 0x80) {
        tbs = (stls_bytes){small.data + 3, 2U + small.data[4]};
    }
    size_t rest = (size_t)(small.data + small.len - (tbs.data + tbs.len));
    size_t list = (size_t)MANY * ENTRY_SIZE, inner = tbs.len - 2 + 5 + list;
    uint8_t *out = malloc(10 + inner + rest + head), *at = out;
    if (out == NULL) {
        abort();
    }
    *at++ = 0x30;
    put_length(at, 5 + inner + rest);
    at += 4;
    *at++ = 0x30;
    put_length(at, inner);
    at += 4;
    memcpy(at, tbs.data + 2, tbs.len - 2);
    at += tbs.len - 2;
    *at++ = 0x30;
    put_length(at, list);
    at += 4;
    for (size_t i = 0; i < MANY; i++, at += ENTRY_SIZE) {
        size_t serial = 0x100000 + 6 * (i * 7919 % MANY) + 3;
        memcpy(at, model, ENTRY_SIZE);
        at[4] = (uint8_t)(serial >> 16);
        at[5] = (uint8_t)(serial >> 8);
        at[6] = (uint8_t)serial;
    }
    memcpy(at, tbs.data + tbs.len, rest);
    at += rest;
    stls_bytes_free(&small);
    return (stls_bytes){out, (size_t)(at - out)};
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_many(void) {
    stls_bytes der = make_many();
    stls_trust *trust = stls_trust_new();
    stls_error error = {.result = STLS_NOT_DONE};
    double start = seconds();
    CHECK_RESULT("add", stls_trust_add_crl(trust, der.data, der.len, NULL, &error), STLS_OK,
                 &error);
    double added = seconds() - start;
    if (CHECK_NUMBER("CRLs", stls_trust_crl_count(trust), 1)) {
        const stls_loaded_crl *crl = stls_trust_crls(trust)->items[0];
        stls_crl_entry entry;
        size_t found = 0;
        CHECK_NUMBER("entries", crl->crl.entry_count, MANY);
        start = seconds();
        for (size_t i = 0; i < 3 * (size_t)MANY; i++) {
            size_t serial = 0x100000 + 2 * i + 1;
            uint8_t octets[] = {(uint8_t)(serial >> 16), (uint8_t)(serial >> 8), (uint8_t)serial};
            bool listed = stls_loaded_crl_find(crl, (stls_bytes){octets, 3}, &entry);
            found += listed;
            CHECK(listed == (i % 3 == 1), "serial number %zu: %d", serial, listed);
        }
        CHECK_NUMBER("found", found, MANY);
        double looked_up = (seconds() - start) / (3.0 * MANY);
        printf("\n    %d entries: read and sorted in %.0f ms, %.2f us a look-up ", MANY,
               added * 1e3, looked_up * 1e6);
    }
    stls_trust_free(trust);
    stls_bytes_free(&der);
}

/* --- Adding --- */

static const struct {
    const char *files;
    size_t count;         /* of CRLs that the trust has then */
    const char *sentence; /* NULL: all are taken */
} bundles[] = {
    {"crl-int.pem", 1, NULL},
    {"crl-int.der", 1, NULL},
    {"crl-two.pem", 2, NULL},
    {"crl-int.pem crl-int.pem", 1, NULL},
    {"crl-int.pem crl-root.pem crl-int-delta.pem", 3, NULL},
    {"crl-and-certificate.pem", 0, "this is a certificate, but only CRLs are taken here"},
    {"root.pem", 0, "this is a certificate, but only CRLs"},
    {"server.key", 0, "this is a private key, but only CRLs"},
    {"crl-int.pem no-end.pem", 0, "no -----END"},
    {"empty.pem", 0, "is empty"},
    {"garbage.bin", 0, "is neither PEM nor DER"},
};

static void test_bundles(void) {
    for (size_t i = 0; i < COUNT(bundles); i++) {
        stls_trust *trust = stls_trust_new();
        stls_bytes data = pki_join(bundles[i].files);
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", bundles[i].files);
        stls_result result = stls_trust_add_crl(trust, data.data, data.len, "x", &error);
        CHECK_RESULT("add", result, bundles[i].sentence == NULL ? STLS_OK : STLS_E_FORMAT, &error);
        if (bundles[i].sentence != NULL) {
            CHECK_CONTAINS("the sentence", error.text, bundles[i].sentence);
        }
        CHECK_NUMBER("CRLs", stls_trust_crl_count(trust), bundles[i].count);
        CHECK_NUMBER("anchors", stls_trust_count(trust), 0);
        stls_trust_free(trust);
    }
}

static void test_refusals(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_trust *trust = stls_trust_new();
    stls_bytes crl = assemble(&(parts){.entries = NULL});
    CHECK_NUMBER("NULL has none", stls_trust_crl_count(NULL), 0);
    CHECK_RESULT("NULL", stls_trust_add_crl(NULL, crl.data, crl.len, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("no data", stls_trust_add_crl(trust, NULL, 1, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("no path", stls_trust_add_crl_file(trust, NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no file", stls_trust_add_crl_file(trust, "/nowhere", &error), STLS_E_FILE,
                 &error);
    CHECK_RESULT("good", stls_trust_add_crl(trust, crl.data, crl.len, NULL, &error), STLS_OK,
                 &error);
    stls_trust_freeze(trust);
    CHECK_RESULT("frozen", stls_trust_add_crl(trust, crl.data, crl.len, NULL, &error), STLS_E_STATE,
                 &error);
    CHECK_RESULT("frozen", stls_trust_add_crl_file(trust, "/nowhere", &error), STLS_E_STATE,
                 &error);
    stls_bytes_free(&crl);
    stls_trust_free(trust);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"forms", test_forms},
        {"slices", test_slices},
        {"damage", test_damage},
        {"100 000 entries", test_many},
        {"bundles", test_bundles},
        {"refusals", test_refusals},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"CRL", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
