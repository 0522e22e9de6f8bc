/* Revocation: what the engine makes of CRLs, good, bad and odd.
 *
 * Most certificates and CRLs here are written in the manner of der_text.h, for a backend of this
 * file by which a signature is good if it is the signer's public key. The last tests are with
 * openssl's CRLs on the real backends.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/verify.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ED25519 "30{06{2B6570}}"
#define CN(cn)  "30{ 31{ 30{ 06{550403} 0C{'" cn "'} } } }"

/* Extensions, by the last octet of 2.5.29. */
#define CRITICAL          "0101FF"
#define EXT(last, value)  "30{06{551D" last "} 04{" value "}}"
#define MUST(last, value) "30{06{551D" last "} " CRITICAL " 04{" value "}}"
#define NUMBER(hex)       EXT("14", "02{" hex "}")
#define DELTA(hex)        MUST("1B", "02{" hex "}")
#define IDP(content)      MUST("1C", "30{" content "}")
#define POINTS(content)   EXT("1F", "30{" content "}")
#define FULL(names)       "A0{A0{" names "}}"
#define RELATIVE(content) "A0{A1{" content "}}"
#define URI(text)         "86{'" text "'}"
#define DIRECTORY(name)   "A4{" name "}"
#define USERS             "8101FF"
#define CAS               "8201FF"
#define INDIRECT          "8401FF"
#define ATTRIBUTES        "8501FF"
#define UNKNOWN           "30{06{2A03} " CRITICAL " 0400}"

#define ENTRY(serial)            "30{ 02{" serial "} 17{'260602000000Z'} }"
#define ENTRY_WITH(serial, exts) "30{ 02{" serial "} 17{'260602000000Z'} 30{" exts "} }"
#define REASON(hex)              EXT("15", "0A01" hex)

static const char *or_else(const char *given, const char *good) {
    return given != NULL ? given : good;
}

/* --- A backend without cryptography --- */

static size_t checks_made;

static stls_be_status fake_key(stls_bytes spki, void **key) {
    stls_bytes *copy = malloc(sizeof *copy);
    if (copy == NULL || !stls_bytes_copy(spki, copy)) {
        abort();
    }
    *key = copy;
    return STLS_BE_OK;
}

static void fake_key_free(void *key) {
    stls_bytes_free(key);
    free(key);
}

/* The last 32 octets of an SPKI are the public key. */
static stls_be_status fake_verify(const stls_signature_algorithm *algorithm, void *key,
                                  stls_bytes message, stls_bytes signature) {
    const stls_bytes *spki = key;
    (void)algorithm;
    (void)message;
    checks_made++;
    return signature.len == 32 && memcmp(spki->data + spki->len - 32, signature.data, 32) == 0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
}

static const stls_backend fake = {
    .abi = STLS_CONTRACT_ABI,
    .name = "fake",
    .key_from_spki = fake_key,
    .key_free = fake_key_free,
    .verify_signature = fake_verify,
};

/* The public key, and the signature, of somebody called by one letter. */
static const char *key_of(char letter) {
    static char texts[8][40];
    static unsigned next;
    char *text = texts[next++ % 8];
    text[0] = text[33] = '\'';
    memset(text + 1, letter, 32);
    text[34] = '\0';
    return text;
}

/* A certificate. Names are common names; keys are letters. */
typedef struct maker {
    const char *serial, *issuer, *subject;
    char signer, key;
    const char *extensions; /* "" for none */
} maker;

/* NULL: 2026. */
static stls_bytes make_valid(const maker *m, const char *since, const char *until) {
    bool has = m->extensions[0] != '\0';
    return der_text("30{ 30{ A0{020102} 02{%s} " ED25519 " 30{31{30{06{550403} 0C{'%s'}}}}"
                    " 30{%s %s} 30{31{30{06{550403} 0C{'%s'}}}}"
                    " 30{" ED25519 " 03{00 %s}} %s %s %s } " ED25519 " 03{00 %s} }",
                    m->serial, m->issuer, or_else(since, "17{'260101000000Z'}"),
                    or_else(until, "17{'270101000000Z'}"), m->subject, key_of(m->key),
                    has ? "A3{30{" : "", m->extensions, has ? "}}" : "", key_of(m->signer));
}

static stls_bytes make(const maker *m) {
    return make_valid(m, NULL, NULL);
}

/* A CRL by `issuer`; NULL and 0 stand for what is good. */
typedef struct crl_maker {
    const char *issuer; /* "int" */
    char signer;        /* I */
    const char *since, *until, *entries, *extensions;
    const char *algorithm;
} crl_maker;

static stls_bytes make_crl(const crl_maker *m) {
    const char *entries = or_else(m->entries, ""), *extensions = or_else(m->extensions, "");
    const char *algorithm = or_else(m->algorithm, ED25519);
    return der_text("30{ 30{ 020101 %s 30{31{30{06{550403} 0C{'%s'}}}} %s %s %s %s %s %s %s %s }"
                    " %s 03{00 %s} }",
                    algorithm, or_else(m->issuer, "int"), or_else(m->since, "17{'260601000000Z'}"),
                    or_else(m->until, "17{'260701000000Z'}"), entries[0] != '\0' ? "30{" : "",
                    entries, entries[0] != '\0' ? "}" : "", extensions[0] != '\0' ? "A0{30{" : "",
                    extensions, extensions[0] != '\0' ? "}}" : "", algorithm,
                    key_of(m->signer != 0 ? m->signer : 'I'));
}

/* --- Verdicts --- */

#define CA_MARK     "30{06{551D13} " CRITICAL " 04{30{0101FF}}}"
#define USAGE(hex)  "30{06{551D0F} " CRITICAL " 04{0302" hex "}}" /* 0106: keyCertSign, cRLSign */
#define CA          CA_MARK USAGE("0106")
#define CRL_SIGNER  USAGE("0102")
#define KEY_ID(hex) EXT("0E", "04{" hex "}")
#define BY_KEY(hex) EXT("23", "30{80{" hex "}}")
#define SOME        "83020560"   /* keyCompromise, cACompromise */
#define OTHERS      "8303071F80" /* all others */
#define P_RDN       "30{06{550403} 0C{'p'}}"
#define P_NAME      "30{ 31{ 30{ 06{550403} 0C{'int'} } } 31{" P_RDN "} }"

enum { CRLS_MAX = 3, EXTRAS_MAX = 3, DAY = 24 * 3600 };
static const int64_t june_1 = 1780272000, june_15 = 1781481600, july_1 = 1782864000;

/* root (key R) - int (serial 02, key I) - leaf (serial 05, key L). */
static const struct verdict_case {
    const char *name;
    const char *leaf;                        /* extensions; NULL: none */
    char leaf_signer;                        /* 0: I */
    const char *intermediate;                /* extensions; NULL: CA */
    maker extras[EXTRAS_MAX];                /* more that the peer sends */
    const char *extras_since, *extras_until; /* NULL: 2026 */
    crl_maker crls[CRLS_MAX];
    size_t crl_count;
    stls_crl_mode mode; /* 0: LEAF */
    int64_t now;        /* 0: june_15 */
    int64_t earliest;   /* a clock before it is not set; 0: none */
    uint32_t tolerated;
    uint32_t flags;
    uint8_t depth;
} verdicts[] = {
    /* The modes. */
    {"off, and no CRL", .mode = STLS_CRL_OFF},
    {"off, and revoked", .mode = STLS_CRL_OFF, .crls = {{.entries = ENTRY("05")}}, .crl_count = 1},
    {"no CRL", .flags = STLS_FLAG_CRL_MISSING},
    {"no CRL, tolerated", .tolerated = STLS_FLAG_CRL_MISSING, .flags = STLS_FLAG_CRL_MISSING},
    {"leaf: nothing revoked", .crls = {{.entries = NULL}}, .crl_count = 1},
    {"leaf: another revoked", .crls = {{.entries = ENTRY("06") ENTRY("0105")}}, .crl_count = 1},
    {"leaf: revoked", .crls = {{.entries = ENTRY("04") ENTRY("05")}}, .crl_count = 1,
     .flags = STLS_FLAG_REVOKED},
    {"revoked without an extension", .crls = {{.entries = ENTRY_WITH("05", REASON("08"))}},
     .crl_count = 1, .flags = STLS_FLAG_REVOKED},
    {"revoked cannot be tolerated", .crls = {{.entries = ENTRY("05")}}, .crl_count = 1,
     .tolerated = STLS_FLAGS_TOLERABLE, .flags = STLS_FLAG_REVOKED},
    {"chain: the intermediate's is missing", .mode = STLS_CRL_CHAIN, .crls = {{.entries = NULL}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING, .depth = 1},
    {"chain: both there", .mode = STLS_CRL_CHAIN,
     .crls = {{.entries = NULL}, {.issuer = "root", .signer = 'R'}}, .crl_count = 2},
    {"chain: the intermediate is revoked", .mode = STLS_CRL_CHAIN,
     .crls = {{.entries = NULL}, {.issuer = "root", .signer = 'R', .entries = ENTRY("02")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED, .depth = 1},
    {"leaf: the intermediate is not asked about",
     .crls = {{.entries = NULL}, {.issuer = "root", .signer = 'R', .entries = ENTRY("02")}},
     .crl_count = 2},
    {"chain: one of two intermediates of one name and key is revoked", .mode = STLS_CRL_CHAIN,
     .extras = {{"08", "root", "int", 'R', 'I', CA}},
     .crls = {{.entries = NULL}, {.issuer = "root", .signer = 'R', .entries = ENTRY("08")}},
     .crl_count = 2},
    {"the root's list is not the intermediate's",
     .crls = {{.issuer = "root", .signer = 'R', .entries = ENTRY("05")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},

    /* Names and signatures. */
    {"the issuer in other letters", .crls = {{.issuer = "INT"}}, .crl_count = 1},
    {"signed by another", .crls = {{.signer = 'X'}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"revoked, but signed by another",
     .crls = {{.signer = 'X', .entries = ENTRY("05")}, {.entries = NULL}}, .crl_count = 2},
    {"signed by the root", .crls = {{.signer = 'R'}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"signed with a key that says it is another", .intermediate = CA KEY_ID("AA"),
     .crls = {{.signer = 'X', .extensions = BY_KEY("BB")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"signed with a key that says it is the issuer's", .intermediate = CA KEY_ID("AA"),
     .crls = {{.signer = 'X', .extensions = BY_KEY("AA")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"signed with an unknown algorithm", .crls = {{.algorithm = "30{06{2A03}}"}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID | STLS_FLAG_UNSUPPORTED},
    {"signed with an unknown algorithm, and another that does not list it",
     .crls = {{.algorithm = "30{06{2A03}}", .entries = ENTRY("05")}, {.entries = NULL}},
     .crl_count = 2, .flags = STLS_FLAG_CRL_INVALID | STLS_FLAG_UNSUPPORTED},
    {"signed with an unknown algorithm, by what it says is another key, and another",
     .intermediate = CA KEY_ID("AA"),
     .crls = {{.algorithm = "30{06{2A03}}", .entries = ENTRY("05"), .extensions = BY_KEY("BB")},
              {.entries = NULL}},
     .crl_count = 2, .flags = STLS_FLAG_CRL_INVALID | STLS_FLAG_UNSUPPORTED},
    {"signed with an algorithm of another kind of key",
     .crls = {{.algorithm = "30{06{2A8648CE3D040302}}"}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"a forged leaf is nobody's, so no CRL is asked for", .leaf_signer = 'X',
     .flags = STLS_FLAG_BAD_SIGNATURE},
    {"the issuer may not sign CRLs", .intermediate = CA_MARK USAGE("0204"),
     .crls = {{.entries = NULL}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"the issuer has no key usage", .intermediate = CA_MARK, .crls = {{.entries = NULL}},
     .crl_count = 1},

    /* Dates. */
    {"the first second", .crls = {{.entries = NULL}}, .crl_count = 1, .now = june_1},
    {"the last second", .crls = {{.entries = NULL}}, .crl_count = 1, .now = july_1},
    {"before", .crls = {{.entries = NULL}}, .crl_count = 1, .now = june_1 - 1,
     .flags = STLS_FLAG_CRL_EXPIRED},
    {"after", .crls = {{.entries = NULL}}, .crl_count = 1, .now = july_1 + 1,
     .flags = STLS_FLAG_CRL_EXPIRED},
    {"after, tolerated", .crls = {{.entries = NULL}}, .crl_count = 1, .now = july_1 + 1,
     .tolerated = STLS_FLAG_CRL_EXPIRED, .flags = STLS_FLAG_CRL_EXPIRED},
    {"after, but revoked", .crls = {{.entries = ENTRY("05")}}, .crl_count = 1, .now = july_1 + 1,
     .tolerated = STLS_FLAG_CRL_EXPIRED, .flags = STLS_FLAG_REVOKED},
    {"no nextUpdate", .crls = {{.until = ""}}, .crl_count = 1, .flags = STLS_FLAG_CRL_EXPIRED},

    /* Several. */
    {"an old one and a new one",
     .crls = {{.until = "17{'260610000000Z'}"}, {.since = "17{'260610000000Z'}"}}, .crl_count = 2},
    {"revoked in the new one",
     .crls = {{.extensions = NUMBER("01")}, {.extensions = NUMBER("02"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"on hold in the old one",
     .crls = {{.extensions = NUMBER("09"), .entries = ENTRY_WITH("05", REASON("06"))},
              {.extensions = NUMBER("0100")}},
     .crl_count = 2},
    {"on hold in the old one, without numbers",
     .crls = {{.since = "17{'260603000000Z'}"}, {.entries = ENTRY("05")}}, .crl_count = 2},
    {"the newest is not valid yet",
     .crls = {{.since = "17{'260620000000Z'}", .extensions = NUMBER("02")},
              {.extensions = NUMBER("01"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"the newest is not authentic",
     .crls = {{.signer = 'X', .extensions = NUMBER("02")},
              {.extensions = NUMBER("01"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"the newest has another scope",
     .crls = {{.extensions = NUMBER("02") IDP(USERS)},
              {.extensions = NUMBER("01"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"the newest has an unknown critical extension",
     .crls = {{.extensions = NUMBER("02") UNKNOWN},
              {.extensions = NUMBER("01"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"two of the same number",
     .crls = {{.extensions = NUMBER("02")}, {.extensions = NUMBER("02"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},

    /* What cannot be used. */
    {"unknown critical", .crls = {{.extensions = UNKNOWN}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"unknown critical, revoked", .crls = {{.extensions = UNKNOWN, .entries = ENTRY("05")}},
     .crl_count = 1, .flags = STLS_FLAG_REVOKED},
    {"unknown critical, and another", .crls = {{.extensions = UNKNOWN}, {.entries = NULL}},
     .crl_count = 2},
    {"an entry of another has an unknown critical one",
     .crls = {{.entries = ENTRY_WITH("06", UNKNOWN)}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"its entry has an unknown critical one", .crls = {{.entries = ENTRY_WITH("05", UNKNOWN)}},
     .crl_count = 1, .flags = STLS_FLAG_REVOKED},
    {"indirect", .crls = {{.extensions = IDP(INDIRECT)}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"indirect, revoked: perhaps another's",
     .crls = {{.extensions = IDP(INDIRECT), .entries = ENTRY("05")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_INVALID},
    {"indirect without saying so",
     .crls = {{.entries = ENTRY_WITH("06", MUST("1D", "30{" DIRECTORY(CN("z")) "}"))}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"indirect without saying so, in its first entry only",
     .crls = {{.entries = ENTRY_WITH("06", MUST("1D", "30{" DIRECTORY(CN("z")) "}")) ENTRY("07")}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"indirect without saying so, revoked: perhaps another's",
     .crls = {{.entries = ENTRY_WITH("05", MUST("1D", "30{" DIRECTORY(CN("z")) "}"))}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"a delta alone", .crls = {{.extensions = NUMBER("02") DELTA("01")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"a delta and its base",
     .crls = {{.extensions = NUMBER("01")}, {.extensions = NUMBER("02") DELTA("01")}},
     .crl_count = 2},
    {"revoked by a delta",
     .crls = {{.extensions = NUMBER("01")},
              {.extensions = NUMBER("02") DELTA("01"), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"removed by a delta, which does not acquit",
     .crls = {{.extensions = NUMBER("01"), .entries = ENTRY_WITH("05", REASON("06"))},
              {.extensions = NUMBER("02") DELTA("01"), .entries = ENTRY_WITH("05", REASON("08"))}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"removed by a delta, and gone",
     .crls = {{.extensions = NUMBER("01")},
              {.extensions = NUMBER("02") DELTA("01"), .entries = ENTRY_WITH("05", REASON("08"))}},
     .crl_count = 2},
    {"in a delta twice, removed last",
     .crls = {{.extensions = NUMBER("01")},
              {.extensions = NUMBER("02") DELTA("01"),
               .entries = ENTRY("05") ENTRY_WITH("05", REASON("08"))}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"in a delta twice, removed first",
     .crls = {{.extensions = NUMBER("01")},
              {.extensions = NUMBER("02") DELTA("01"),
               .entries = ENTRY_WITH("05", REASON("08")) ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"revoked by a delta, on an old base",
     .crls = {{.extensions = NUMBER("03")},
              {.extensions = NUMBER("02") DELTA("01"), .entries = ENTRY("05")}},
     .crl_count = 2},

    /* Kinds. */
    {"users only", .crls = {{.extensions = IDP(USERS)}}, .crl_count = 1},
    {"CAs only", .crls = {{.extensions = IDP(CAS)}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"users only, a CA", .leaf = CA, .crls = {{.extensions = IDP(USERS)}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING | STLS_FLAG_WRONG_USAGE},
    {"CAs only, a CA", .mode = STLS_CRL_CHAIN,
     .crls = {{.entries = NULL}, {.issuer = "root", .signer = 'R', .extensions = IDP(CAS)}},
     .crl_count = 2},
    {"attributes only", .crls = {{.extensions = IDP(ATTRIBUTES), .entries = ENTRY("05")}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING},

    /* Reasons. */
    {"some reasons", .crls = {{.extensions = IDP(SOME)}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"some reasons and the others",
     .crls = {{.extensions = IDP(SOME)}, {.extensions = IDP(OTHERS)}}, .crl_count = 2},
    {"some reasons, and the others out of date",
     .crls = {{.extensions = IDP(SOME)},
              {.extensions = IDP(OTHERS), .until = "17{'260610000000Z'}"}},
     .crl_count = 2, .flags = STLS_FLAG_CRL_EXPIRED},
    {"some reasons, and the others revoke",
     .crls = {{.extensions = IDP(SOME)}, {.extensions = IDP(OTHERS), .entries = ENTRY("05")}},
     .crl_count = 2, .flags = STLS_FLAG_REVOKED},
    {"a point with some reasons", .leaf = POINTS("30{" FULL(URI("a")) "81020560}"),
     .crls = {{.extensions = IDP(FULL(URI("a")))}}, .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING},
    {"two points with one CRL",
     .leaf = POINTS("30{" FULL(URI("a")) "81020560} 30{" FULL(URI("a")) "8103071F80}"),
     .crls = {{.extensions = IDP(FULL(URI("a")))}}, .crl_count = 1},
    {"no reason at all", .crls = {{.extensions = IDP("830100")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},

    /* Names of points. */
    {"a point, and a CRL without one", .leaf = POINTS("30{" FULL(URI("a")) "}"),
     .crls = {{.entries = NULL}}, .crl_count = 1},
    {"a CRL with a point, and a certificate without one",
     .crls = {{.extensions = IDP(FULL(URI("a"))), .entries = ENTRY("05")}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"the same point", .leaf = POINTS("30{" FULL(URI("z")) "} 30{" FULL(URI("y") URI("a")) "}"),
     .crls = {{.extensions = IDP(FULL(URI("b") URI("a")))}}, .crl_count = 1},
    {"another point", .leaf = POINTS("30{" FULL(URI("a")) "}"),
     .crls = {{.extensions = IDP(FULL(URI("b")))}}, .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING},
    {"the same text, another kind of name", .leaf = POINTS("30{" FULL("82{'a'}") "}"),
     .crls = {{.extensions = IDP(FULL(URI("a")))}}, .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING},
    {"a directory name in other letters", .leaf = POINTS("30{" FULL(DIRECTORY(CN("p q"))) "}"),
     .crls = {{.extensions = IDP(FULL(DIRECTORY(CN(" P  Q"))))}}, .crl_count = 1},
    {"the issuer's own name, which every certificate has",
     .crls = {{.extensions = IDP(FULL(DIRECTORY(CN("INT"))))}}, .crl_count = 1},
    {"relative, both", .leaf = POINTS("30{" RELATIVE(P_RDN) "}"),
     .crls = {{.extensions = IDP(RELATIVE("30{06{550403} 13{'P'}}"))}}, .crl_count = 1},
    {"relative, another", .leaf = POINTS("30{" RELATIVE(P_RDN) "}"),
     .crls = {{.extensions = IDP(RELATIVE("30{06{550403} 0C{'q'}}"))}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"relative in the certificate", .leaf = POINTS("30{" RELATIVE(P_RDN) "}"),
     .crls = {{.extensions = IDP(FULL(URI("u") DIRECTORY(P_NAME)))}}, .crl_count = 1},
    {"relative in the CRL", .leaf = POINTS("30{" FULL(URI("u") DIRECTORY(P_NAME)) "}"),
     .crls = {{.extensions = IDP(RELATIVE(P_RDN))}}, .crl_count = 1},
    {"relative in the CRL, the issuer's name without it",
     .leaf = POINTS("30{" FULL(DIRECTORY(CN("int"))) "}"),
     .crls = {{.extensions = IDP(RELATIVE(P_RDN))}}, .crl_count = 1,
     .flags = STLS_FLAG_CRL_MISSING},
    {"a point of another issuer",
     .leaf = POINTS("30{" FULL(URI("a")) " A2{" DIRECTORY(CN("int")) "}}"),
     .crls = {{.extensions = IDP(FULL(URI("a")))}}, .crl_count = 1, .flags = STLS_FLAG_CRL_MISSING},
    {"a point of another issuer, and a CRL of ours",
     .leaf = POINTS("30{A2{" DIRECTORY(CN("z")) "}}"), .crls = {{.entries = NULL}}, .crl_count = 1},

    /* Other signers. */
    {"a CRL signer that is over before its CRL",
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}}, .extras_until = "17{'260620000000Z'}",
     .crls = {{.signer = 'C'}}, .crl_count = 1},
    {"a CRL signer that is not yet valid, and whose CRL revokes",
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}}, .extras_since = "17{'260620000000Z'}",
     .crls = {{.entries = NULL},
              {.signer = 'C', .entries = ENTRY("05"), .extensions = BY_KEY("CC")}},
     .crl_count = 2},
    {"a CRL signer of the same issuer", .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}}, .crl_count = 1},
    {"a CRL signer, but the CRL is by another",
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}}, .crls = {{.signer = 'X'}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"it revokes", .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C', .entries = ENTRY("05")}}, .crl_count = 1, .flags = STLS_FLAG_REVOKED},
    {"chain: it is known to be good", .mode = STLS_CRL_CHAIN,
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}, {.issuer = "root", .signer = 'R'}}, .crl_count = 2},
    {"chain: it is revoked", .mode = STLS_CRL_CHAIN,
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}, {.issuer = "root", .signer = 'R', .entries = ENTRY("07")}},
     .crl_count = 2, .flags = STLS_FLAG_CRL_INVALID},
    {"it does not say that it is one", .extras = {{"07", "root", "int", 'R', 'C', ""}},
     .crls = {{.signer = 'C'}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"it has an unknown critical extension",
     .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER UNKNOWN}}, .crls = {{.signer = 'C'}},
     .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"it has another name", .extras = {{"07", "root", "other", 'R', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"it was not issued by the path", .extras = {{"07", "root", "int", 'X', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"it was issued by the leaf", .extras = {{"07", "leaf", "int", 'L', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
    {"a CRL key that the issuer itself vouches for",
     .extras = {{"07", "int", "int", 'I', 'C', CRL_SIGNER}}, .crls = {{.signer = 'C'}},
     .crl_count = 1},
    {"chain: who vouches for the CRL key must have a CRL for it", .mode = STLS_CRL_CHAIN,
     .extras = {{"07", "int", "int", 'I', 'C', CRL_SIGNER}},
     .crls = {{.signer = 'C'}, {.issuer = "root", .signer = 'R'}}, .crl_count = 2,
     .flags = STLS_FLAG_CRL_INVALID},
    {"chain: and has one", .mode = STLS_CRL_CHAIN,
     .extras = {{"07", "int", "int", 'I', 'C', CRL_SIGNER POINTS("30{" FULL(URI("k")) "}")}},
     .crls = {{.signer = 'C'},
              {.issuer = "root", .signer = 'R'},
              {.extensions = IDP(FULL(URI("k")))}},
     .crl_count = 3},
};

static void add_der(stls_bytes *list, size_t *count, stls_bytes der) {
    list[(*count)++] = der;
}

static void free_all(stls_bytes *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        stls_bytes_free(&list[i]);
    }
}

static stls_trust *make_trust(const struct verdict_case *c) {
    stls_trust *trust = stls_trust_new();
    stls_error error = {.result = STLS_NOT_DONE};
    stls_bytes root = make(&(maker){"01", "root", "root", 'R', 'R', CA});
    CHECK_RESULT("root", stls_trust_add(trust, root.data, root.len, NULL, &error), STLS_OK, &error);
    stls_bytes_free(&root);
    for (size_t i = 0; i < c->crl_count; i++) {
        stls_bytes crl = make_crl(&c->crls[i]);
        CHECK_RESULT("CRL", stls_trust_add_crl(trust, crl.data, crl.len, NULL, &error), STLS_OK,
                     &error);
        stls_bytes_free(&crl);
    }
    CHECK_NUMBER("CRLs", stls_trust_crl_count(trust), c->crl_count);
    stls_trust_freeze(trust);
    return trust;
}

static void judge(const struct verdict_case *c, const stls_trust *trust, stls_verdict *verdict) {
    stls_bytes chain[2 + EXTRAS_MAX];
    size_t count = 0;
    char signer = c->leaf_signer != 0 ? c->leaf_signer : 'I';
    stls_rules rules = {.identity = STLS_IDENTITY_NONE,
                        .usage = STLS_USAGE_TLS_OR_SIP,
                        .strength = STLS_STRENGTH_STANDARD,
                        .crl = c->mode != 0 ? c->mode : STLS_CRL_LEAF,
                        .tolerated = c->tolerated,
                        .max_intermediates = 8,
                        .chain_bytes_max = STLS_CHAIN_BYTES_DEFAULT};
    add_der(chain, &count, make(&(maker){"05", "int", "leaf", signer, 'L', or_else(c->leaf, "")}));
    for (size_t i = 0; i < EXTRAS_MAX && c->extras[i].serial != NULL; i++) {
        add_der(chain, &count, make_valid(&c->extras[i], c->extras_since, c->extras_until));
    }
    add_der(chain, &count,
            make(&(maker){"02", "root", "int", 'R', 'I', or_else(c->intermediate, CA)}));
    stls_judge(&(stls_judge_request){.backend = &fake,
                                     .trust = trust,
                                     .rules = &rules,
                                     .peer_role = STLS_ROLE_SERVER,
                                     .now = c->now != 0 ? c->now : june_15,
                                     .earliest = c->earliest,
                                     .chain = chain,
                                     .count = count},
               verdict);
    free_all(chain, count);
}

static void test_verdicts(void) {
    for (size_t i = 0; i < COUNT(verdicts); i++) {
        const struct verdict_case *c = &verdicts[i];
        check_case("%s", c->name);
        stls_trust *trust = make_trust(c);
        stls_verdict verdict;
        for (int again = 0; again < 2; again++) { /* the second time the signatures are known */
            judge(c, trust, &verdict);
            CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(c->flags));
            CHECK_NUMBER("state", verdict.state,
                         (c->flags & ~c->tolerated) == 0 ? STLS_VERDICT_ACCEPTED
                         : (c->flags & STLS_FLAGS_TOLERABLE & c->tolerated) == c->flags
                             ? STLS_VERDICT_ACCEPTED
                             : STLS_VERDICT_REJECTED);
            for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
                if ((c->flags >> bit & 1) != 0) {
                    CHECK_NUMBER("depth", verdict.depth[bit], c->depth);
                }
            }
        }
        stls_trust_free(trust);
    }
}

/* As long as `verdict` says that it holds, it is the one that would be given. */
static void check_holds_at(const struct verdict_case *c, const stls_trust *trust,
                           const stls_verdict *verdict, int64_t now) {
    struct verdict_case then = *c;
    stls_verdict later;
    then.now = now;
    if (now >= verdict->holds_since && now <= verdict->holds_until) {
        check_case("%s, at %lld and at %lld", c->name, (long long)c->now, (long long)now);
        judge(&then, trust, &later);
        CHECK_TEXT("flags", flags_text(later.flags), flags_text(verdict->flags));
        CHECK_NUMBER("state", later.state, verdict->state);
    }
}

static void test_holds(void) {
    static const int64_t odd[] = {0, STLS_CLOCK_NOT_SET, INT64_MIN + 1, 100, INT64_MAX};
    for (size_t i = 0; i < 2 * COUNT(verdicts) * COUNT(odd); i++) {
        struct verdict_case c = verdicts[i / 2 / COUNT(odd)];
        stls_trust *trust = make_trust(&c);
        stls_verdict verdict;
        c.now = odd[i / 2 % COUNT(odd)] != 0 ? odd[i / 2 % COUNT(odd)] : c.now;
        c.tolerated = i % 2 == 0 ? c.tolerated : STLS_FLAGS_TOLERABLE;
        judge(&c, trust, &verdict);
        for (int64_t day = june_1 - 30 * DAY; day <= july_1 + 30 * DAY; day += DAY) {
            for (int64_t now = day - 1; now <= day + 1; now++) {
                check_holds_at(&c, trust, &verdict, now);
            }
        }
        for (size_t k = 1; k < COUNT(odd); k++) {
            check_holds_at(&c, trust, &verdict, odd[k]);
        }
        stls_trust_free(trust);
    }
}

static void test_too_many(void) {
    stls_trust *trust = stls_trust_new();
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result = STLS_OK;
    check_case("as many CRLs as a trust holds, and one more");
    for (unsigned i = 0; i <= STLS_TRUST_CRLS_MAX && result == STLS_OK; i++) {
        char number[64];
        snprintf(number, sizeof number, NUMBER("01%04X"), i);
        stls_bytes crl = make_crl(&(crl_maker){.extensions = number});
        result = stls_trust_add_crl(trust, crl.data, crl.len, NULL, &error);
        stls_bytes_free(&crl);
    }
    CHECK_RESULT("the last", result, STLS_E_LIMIT, &error);
    CHECK_CONTAINS("sentence", error.text, "too many");
    CHECK_NUMBER("CRLs", stls_trust_crl_count(trust), STLS_TRUST_CRLS_MAX);
    stls_trust_free(trust);
}

static void judge_server(const stls_trust *trust, const stls_rules *rules, const stls_bytes *chain,
                         size_t count, stls_verdict *verdict) {
    stls_judge(&(stls_judge_request){.backend = &fake,
                                     .trust = trust,
                                     .rules = rules,
                                     .peer_role = STLS_ROLE_SERVER,
                                     .now = june_15,
                                     .chain = chain,
                                     .count = count},
               verdict);
}

/* However many signature checks the peer's chain leaves for CRLs: the one that revokes counts. */
static void test_checks_used_up(void) {
    enum { NAMESAKES_MAX = 130 };
    stls_rules rules = {.identity = STLS_IDENTITY_NONE,
                        .usage = STLS_USAGE_TLS_OR_SIP,
                        .strength = STLS_STRENGTH_STANDARD,
                        .crl = STLS_CRL_LEAF,
                        .max_intermediates = 8,
                        .chain_bytes_max = 65536};
    static const struct verdict_case c = {
        .crls = {{.extensions = NUMBER("01")},
                 {.extensions = NUMBER("02"), .entries = ENTRY("05")}},
        .crl_count = 2,
    };
    bool was_revoked = false, was_limited = false;
    for (size_t namesakes = 0; namesakes <= NAMESAKES_MAX; namesakes += namesakes < 100 ? 20 : 1) {
        check_case("%zu namesakes of the issuer", namesakes);
        stls_trust *trust = make_trust(&c);
        stls_bytes chain[2 + NAMESAKES_MAX];
        stls_verdict verdict;
        size_t count = 0;
        add_der(chain, &count, make(&(maker){"05", "int", "leaf", 'I', 'L', ""}));
        for (size_t i = 0; i < namesakes; i++) {
            char serial[8];
            snprintf(serial, sizeof serial, "10%02X", (unsigned)i);
            add_der(chain, &count,
                    make(&(maker){serial, "root", "int", 'X', (char)(0x7d + i), CA}));
        }
        add_der(chain, &count, make(&(maker){"02", "root", "int", 'R', 'I', CA}));
        judge_server(trust, &rules, chain, count, &verdict);
        CHECK_NUMBER("state", verdict.state, STLS_VERDICT_REJECTED);
        CHECK((verdict.flags & (STLS_FLAG_REVOKED | STLS_FLAG_LIMIT)) != 0, "flags %s",
              flags_text(verdict.flags));
        was_revoked = was_revoked || (verdict.flags & STLS_FLAG_REVOKED) != 0;
        was_limited = was_limited || (verdict.flags & STLS_FLAG_LIMIT) != 0;
        free_all(chain, count);
        stls_trust_free(trust);
    }
    CHECK(was_revoked && was_limited, "revoked %d, limit %d: one of them was never reached",
          was_revoked, was_limited);
}

static void append(char *text, size_t size, const char *more, size_t times) {
    size_t len = strlen(text);
    for (size_t i = 0; i < times; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s", more);
    }
}

/* However many comparisons the peer's chain leaves for the scopes of CRLs: the one that revokes
 * counts. */
static void test_comparisons_used_up(void) {
    enum { NAMES = 90, SUBTREES_MAX = 3000, STEP = 250, TEXT_SIZE = 1 << 15 };
    static const stls_rules rules = {.identity = STLS_IDENTITY_NONE,
                                     .usage = STLS_USAGE_TLS_OR_SIP,
                                     .strength = STLS_STRENGTH_STANDARD,
                                     .crl = STLS_CRL_LEAF,
                                     .max_intermediates = 8,
                                     .chain_bytes_max = STLS_CHAIN_BYTES_DEFAULT};
    static const struct verdict_case c = {
        .crls = {{.extensions = NUMBER("01")},
                 {.extensions = NUMBER("02") IDP(FULL(URI("u"))), .entries = ENTRY("05")}},
        .crl_count = 2,
    };
    static char leaf[TEXT_SIZE], constraints[TEXT_SIZE];
    bool was_revoked = false, was_limited = false;
    append(leaf, sizeof leaf, POINTS("30{" FULL(URI("u")) "}") "30{06{551D11} 04{30{", 1);
    append(leaf, sizeof leaf, "82{'a'}", NAMES);
    append(leaf, sizeof leaf, "}}}", 1);
    for (size_t subtrees = 1; subtrees <= SUBTREES_MAX; subtrees += STEP) {
        check_case("%zu constraints of a namesake of the issuer", subtrees);
        constraints[0] = '\0';
        append(constraints, sizeof constraints, CA "30{06{551D1E} 04{30{A1{", 1);
        append(constraints, sizeof constraints, "30{8200}", subtrees);
        append(constraints, sizeof constraints, "}}}}", 1);
        stls_trust *trust = make_trust(&c);
        stls_bytes chain[3];
        stls_verdict verdict;
        size_t count = 0;
        add_der(chain, &count, make(&(maker){"05", "int", "leaf", 'I', 'L', leaf}));
        add_der(chain, &count, make(&(maker){"10", "root", "int", 'X', 'Y', constraints}));
        add_der(chain, &count, make(&(maker){"02", "root", "int", 'R', 'I', CA}));
        judge_server(trust, &rules, chain, count, &verdict);
        CHECK_NUMBER("state", verdict.state, STLS_VERDICT_REJECTED);
        was_revoked = was_revoked || (verdict.flags & STLS_FLAG_REVOKED) != 0;
        was_limited = was_limited || (verdict.flags & STLS_FLAG_LIMIT) != 0;
        free_all(chain, count);
        stls_trust_free(trust);
    }
    CHECK(was_revoked && was_limited, "revoked %d, limit %d: one of them was never reached",
          was_revoked, was_limited);
}

/* A clock that is not set leaves a CRL's dates open, and nothing else. */
static void test_clock(void) {
    const uint32_t unset = STLS_FLAG_CLOCK_NOT_SET;
    static const struct {
        struct verdict_case c; /* `flags` without CLOCK_NOT_SET */
        int64_t next_expiry;   /* 0: the verdict rejects */
        const char *text;
    } cases[] = {
        {{"nothing revoked", .crls = {{.entries = NULL}}, .crl_count = 1}, july_1, "tolerated"},
        {{"revoked", .crls = {{.entries = ENTRY("05")}}, .crl_count = 1,
          .flags = STLS_FLAG_REVOKED},
         0,
         "revoked by its issuer"},
        {{"no CRL", .flags = STLS_FLAG_CRL_MISSING}, 0, "no CRL of its issuer"},
        {{"forged", .crls = {{.signer = 'X'}}, .crl_count = 1, .flags = STLS_FLAG_CRL_INVALID},
         0,
         "its signature is not good"},
        {{"without nextUpdate: old at any time", .crls = {{.until = ""}}, .crl_count = 1,
          .flags = STLS_FLAG_CRL_EXPIRED},
         0,
         "does not say until when"},
        {{"over on the first day that can be", .crls = {{.entries = NULL}}, .crl_count = 1,
          .earliest = july_1 + 1, .flags = STLS_FLAG_CRL_EXPIRED},
         0,
         "was valid until 2026-07-01: load a newer one"},
        {{"not over on the first day that can be", .crls = {{.entries = NULL}}, .crl_count = 1,
          .earliest = july_1},
         july_1,
         "tolerated"},
        {{"the newest counts, whenever it is",
          .crls = {{.extensions = NUMBER("01"), .entries = ENTRY("05")},
                   {.extensions = NUMBER("02"), .since = "17{'260610000000Z'}"}},
          .crl_count = 2},
         july_1,
         "tolerated"},
        {{"chain: the first to end", .mode = STLS_CRL_CHAIN,
          .crls = {{.entries = NULL},
                   {.issuer = "root", .signer = 'R', .until = "17{'260615000000Z'}"}},
          .crl_count = 2},
         june_15,
         "tolerated"},
        {{"the CRL's signer is the first to end",
          .extras = {{"07", "root", "int", 'R', 'C', CRL_SIGNER}},
          .extras_until = "17{'260620000000Z'}", .crls = {{.signer = 'C'}}, .crl_count = 1},
         june_15 + 5 * (int64_t)DAY,
         "tolerated"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct verdict_case c = cases[i].c;
        stls_verdict verdict;
        check_case("the clock is not set: %s", c.name);
        c.now = STLS_CLOCK_NOT_SET;
        c.tolerated = unset;
        stls_trust *trust = make_trust(&c);
        judge(&c, trust, &verdict);
        CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(c.flags | unset));
        CHECK_NUMBER("state", verdict.state,
                     c.flags == 0 ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED);
        CHECK_NUMBER("next expiry", verdict.next_expiry, cases[i].next_expiry);
        CHECK_CONTAINS("sentence", verdict.text, cases[i].text);
        c.tolerated = 0;
        judge(&c, trust, &verdict);
        CHECK_NUMBER("state, not tolerated", verdict.state, STLS_VERDICT_REJECTED);
        stls_trust_free(trust);
    }
}

static void test_sentences(void) {
    static const struct {
        struct verdict_case c;
        const char *text;
    } cases[] = {
        {{"none", .flags = 0}, "there is no CRL of its issuer"},
        {{"out of scope", .crls = {{.extensions = IDP(CAS)}}, .crl_count = 1},
         "no CRL of its issuer is about"},
        {{"old", .crls = {{.entries = NULL}}, .crl_count = 1, .now = july_1 + 1},
         "was valid until 2026-07-01"},
        {{"early", .crls = {{.entries = NULL}}, .crl_count = 1, .now = june_1 - 1},
         "valid only from 2026-06-01"},
        {{"endless", .crls = {{.until = ""}}, .crl_count = 1}, "does not say until when"},
        {{"indirect", .crls = {{.extensions = IDP(INDIRECT)}}, .crl_count = 1},
         "it is an indirect CRL"},
        {{"critical", .crls = {{.extensions = UNKNOWN}}, .crl_count = 1},
         "it has a critical extension"},
        {{"forged", .crls = {{.signer = 'X'}}, .crl_count = 1},
         "its signature is not good by a key of its issuer"},
        {{"revoked", .crls = {{.entries = ENTRY_WITH("05", REASON("01"))}}, .crl_count = 1},
         "revoked by its issuer (certificate 0, CN=leaf) on 2026-06-02: its key was "
         "compromised"},
        {{"held", .crls = {{.entries = ENTRY_WITH("05", REASON("06"))}}, .crl_count = 1},
         "it is on hold"},
        {{"revoked, no reason", .crls = {{.entries = ENTRY("05")}}, .crl_count = 1},
         "without a reason given"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_verdict verdict;
        check_case("%s", cases[i].c.name);
        stls_trust *trust = make_trust(&cases[i].c);
        judge(&cases[i].c, trust, &verdict);
        CHECK_CONTAINS("the sentence", verdict.text, cases[i].text);
        stls_trust_free(trust);
    }
}

static void test_reasons(void) {
    static const char *const texts[] = {
        "without a reason given",
        "key was compromised",
        "CA was compromised",
        "data have changed",
        "was replaced",
        "no longer needed",
        "is on hold",
        NULL,
        "was on hold",
        "was withdrawn",
        "was withdrawn",
    };
    for (unsigned i = 0; i < COUNT(texts); i++) {
        char entry[128];
        stls_verdict verdict;
        if (texts[i] == NULL) {
            continue;
        }
        check_case("reason %u", i);
        snprintf(entry, sizeof entry, ENTRY_WITH("05", REASON("%02X")), i);
        struct verdict_case c = {.crls = {{.entries = entry}}, .crl_count = 1};
        stls_trust *trust = make_trust(&c);
        judge(&c, trust, &verdict);
        CHECK_TEXT("flags", flags_text(verdict.flags), "revoked");
        CHECK_CONTAINS("the sentence", verdict.text, texts[i]);
        stls_trust_free(trust);
    }
}

/* A CRL's signature is checked once for all chains, as long as it is good. */
static void test_proofs(void) {
    static const struct verdict_case good = {.crls = {{.entries = NULL}}, .crl_count = 1},
                                     bad = {.crls = {{.signer = 'X'}}, .crl_count = 1};
    stls_verdict verdict;
    stls_trust *trust = make_trust(&good);
    judge(&good, trust, &verdict);
    checks_made = 0;
    judge(&good, trust, &verdict);
    CHECK_NUMBER("checks the second time", checks_made, 2);
    stls_trust_free(trust);
    trust = make_trust(&bad);
    judge(&bad, trust, &verdict);
    checks_made = 0;
    judge(&bad, trust, &verdict);
    CHECK(checks_made > 2, "a bad signature is remembered as good");
    stls_trust_free(trust);
}

/* One key for each backend, and only so many backends. */
static void test_slots(void) {
    static const struct verdict_case one_crl = {.crls = {{.entries = NULL}}, .crl_count = 1};
    stls_backend backends[STLS_ANCHOR_BACKENDS + 1];
    stls_trust *trust = make_trust(&one_crl);
    stls_loaded_crl *crl = stls_trust_crls(trust)->items[0];
    stls_bytes one = {(const uint8_t *)"one", 3}, other = {(const uint8_t *)"two", 3};
    for (size_t i = 0; i < COUNT(backends); i++) {
        bool fits = i < STLS_ANCHOR_BACKENDS;
        check_case("backend %zu", i);
        CHECK(!stls_loaded_crl_is_proved(crl, &backends[i], one), "known before");
        stls_loaded_crl_prove(crl, &backends[i], one);
        stls_loaded_crl_prove(crl, &backends[i], other);
        CHECK(stls_loaded_crl_is_proved(crl, &backends[i], one) == fits, "known: %d", !fits);
        CHECK(!stls_loaded_crl_is_proved(crl, &backends[i], other), "another key is known");
    }
    stls_trust_free(trust);
}

static void test_profile(void) {
    const stls_backend *backend = stls_backend_default();
    stls_profile *profile = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("new", stls_profile_new(backend, STLS_ROLE_CLIENT, &profile, &error), STLS_OK,
                 &error);
    for (int mode = -1; mode <= 4; mode++) {
        check_case("mode %d", mode);
        CHECK_RESULT("set", stls_profile_set_crl_mode(profile, (stls_crl_mode)mode, &error),
                     mode >= STLS_CRL_OFF && mode <= STLS_CRL_CHAIN ? STLS_OK : STLS_E_ARGUMENT,
                     &error);
    }
    CHECK_RESULT("NULL", stls_profile_set_crl_mode(NULL, STLS_CRL_LEAF, &error), STLS_E_ARGUMENT,
                 &error);
    stls_profile_free(profile);
}

/* --- CRLs of openssl on the real backends --- */

static const struct made_case {
    const char *leaf, *crls;
    stls_crl_mode mode;
    uint32_t flags;
    uint8_t depth;
    uint32_t tolerated;
    stls_strength strength;
} made[] = {
    {"server", "", .mode = STLS_CRL_OFF},
    {"revoked", "crl-int-revoked.pem", .mode = STLS_CRL_OFF},
    {"server", "", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING},
    {"server", "", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING,
     .tolerated = STLS_FLAG_CRL_MISSING},
    {"server", "crl-int.pem", .mode = STLS_CRL_LEAF},
    {"server", "crl-int.der", .mode = STLS_CRL_LEAF},
    {"server", "crl-int-revoked.pem", .mode = STLS_CRL_LEAF},
    {"revoked", "crl-int-revoked.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_REVOKED},
    {"revoked", "crl-int.pem crl-int-revoked.pem", .mode = STLS_CRL_LEAF,
     .flags = STLS_FLAG_REVOKED},
    {"server", "crl-root.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING},
    {"server", "crl-int.pem", .mode = STLS_CRL_CHAIN, .flags = STLS_FLAG_CRL_MISSING, .depth = 1},
    {"server", "crl-int.pem crl-root.pem", .mode = STLS_CRL_CHAIN},
    {"server", "crl-two.pem", .mode = STLS_CRL_CHAIN},
    {"server", "crl-int.pem crl-root-revoked.pem", .mode = STLS_CRL_CHAIN,
     .flags = STLS_FLAG_REVOKED, .depth = 1},
    {"server", "crl-int.pem crl-root-revoked.pem", .mode = STLS_CRL_LEAF},
    {"direct", "crl-root.pem", .mode = STLS_CRL_CHAIN},
    {"server", "crl-int-expired.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_EXPIRED},
    {"server", "crl-int-expired.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_EXPIRED,
     .tolerated = STLS_FLAG_CRL_EXPIRED},
    {"server", "crl-int-expired.pem crl-int.pem", .mode = STLS_CRL_LEAF,
     .flags = STLS_FLAG_CRL_EXPIRED},
    {"server", "crl-int-not-yet.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_EXPIRED},
    {"server", "crl-int-not-yet.pem crl-int.pem", .mode = STLS_CRL_LEAF},
    {"server", "crl-int-bad-signature.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_INVALID},
    {"server", "crl-int-bad-signature.pem crl-int.pem", .mode = STLS_CRL_LEAF},
    {"server", "crl-int-sha1.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_WEAK_ALGORITHM},
    {"server", "crl-int-sha1.pem", .mode = STLS_CRL_LEAF, .strength = STLS_STRENGTH_LEGACY},
    {"revoked", "crl-int-revoked.pem crl-int-sha1.pem", .mode = STLS_CRL_LEAF,
     .flags = STLS_FLAG_REVOKED, .tolerated = STLS_FLAG_WEAK_ALGORITHM},
    {"server", "crl-int-users.pem", .mode = STLS_CRL_LEAF},
    {"server", "crl-int-cas.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING},
    {"server", "crl-int-some-reasons.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING},
    {"server", "crl-int-indirect.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_INVALID},
    {"server", "crl-int-critical.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_INVALID},
    {"server", "crl-int-delta.pem", .mode = STLS_CRL_LEAF, .flags = STLS_FLAG_CRL_MISSING},
    {"server", "crl-int-delta.pem crl-int.pem", .mode = STLS_CRL_LEAF},
    {"revoked", "crl-int-delta-revoked.pem crl-int.pem", .mode = STLS_CRL_LEAF,
     .flags = STLS_FLAG_REVOKED},
};

static bool fill(stls_profile *profile, const struct made_case *c, stls_error *error) {
    char name[64];
    int used;
    stls_trust *trust = pki_trust("root");
    bool good = true;
    for (const char *at = c->crls; sscanf(at, " %63s%n", name, &used) == 1; at += used) {
        good = good && stls_trust_add_crl_file(trust, pki_path(name), error) == STLS_OK;
    }
    good = good && stls_profile_set_trust(profile, trust, error) == STLS_OK &&
           stls_profile_set_crl_mode(profile, c->mode, error) == STLS_OK &&
           stls_profile_set_tolerated(profile, c->tolerated, error) == STLS_OK &&
           (c->strength == 0 || stls_profile_set_strength(profile, c->strength, error) == STLS_OK);
    stls_trust_free(trust);
    return good;
}

static size_t chain_of(const char *leaf, stls_bytes chain[4]) {
    size_t count = 0;
    char file[64];
    snprintf(file, sizeof file, "%s.der", leaf);
    chain[count++] = pki_bytes(file);
    chain[count++] = pki_bytes("int.der");
    return count;
}

static void verify_made(const stls_backend *backend, const struct made_case *c) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_verdict verdict = {.state = STLS_VERDICT_NOT_DONE};
    stls_bytes chain[4];
    size_t count = chain_of(c->leaf, chain);
    check_case("%s: %s, %s, mode %d", backend->name, c->leaf, c->crls, c->mode);
    bool good = stls_profile_new(backend, STLS_ROLE_CLIENT, &profile, &error) == STLS_OK &&
                fill(profile, c, &error) && stls_context_new(profile, &context, &error) == STLS_OK;
    if (CHECK(good, "%s", error.text)) {
        bool accepted = (c->flags & ~c->tolerated) == 0;
        stls_result result = stls_verify(context, chain, count, "example.test", &verdict, &error);
        CHECK_RESULT("verify", result, accepted ? STLS_OK : STLS_E_VERIFY, &error);
        CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(c->flags));
        for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
            if ((c->flags >> bit & 1) != 0) {
                CHECK_NUMBER("depth", verdict.depth[bit], c->depth);
            }
        }
    }
    stls_context_free(context);
    stls_profile_free(profile);
}

static void test_made(void) {
    for (const stls_backend *const *b = stls_backends_builtin; *b != NULL; b++) {
        for (size_t i = 0; i < COUNT(made); i++) {
            verify_made(*b, &made[i]);
        }
    }
    pki_forget();
}

/* --- Names --- */

static void test_names(void) {
    static const struct {
        const char *name, *base, *added;
        bool child;
    } cases[] = {
        {P_NAME, CN("int"), P_RDN, true},    {P_NAME, CN("INT"), "30{06{550403} 13{'P'}}", true},
        {P_NAME, CN("other"), P_RDN, false}, {P_NAME, CN("int"), "30{06{550403} 0C{'q'}}", false},
        {P_NAME, CN("int"), "", false},      {P_NAME, P_NAME, P_RDN, false},
        {P_NAME, "3000", P_RDN, false},      {CN("p"), "3000", P_RDN, true},
        {"0500", CN("int"), P_RDN, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_bytes name = der_text_of(cases[i].name), base = der_text_of(cases[i].base),
                   added = der_text_of(cases[i].added);
        check_case("row %zu", i);
        CHECK(stls_name_is_child(name, base, added) == cases[i].child, "is a child: %d",
              !cases[i].child);
        stls_bytes_free(&name);
        stls_bytes_free(&base);
        stls_bytes_free(&added);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"verdicts", test_verdicts},
        {"as long as a verdict holds", test_holds},
        {"signature checks used up", test_checks_used_up},
        {"comparisons used up", test_comparisons_used_up},
        {"too many", test_too_many},
        {"a clock that is not set", test_clock},
        {"sentences", test_sentences},
        {"signatures are checked once", test_proofs},
        {"reasons", test_reasons},
        {"slots", test_slots},
        {"profile", test_profile},
        {"names below the issuer's", test_names},
        {"made by openssl", test_made},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"revocation", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
