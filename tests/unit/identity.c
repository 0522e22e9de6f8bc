/* Whom a leaf names: the rules of each mode, and the names that callers write.
 *
 * The leaves here are made by hand: only their names are looked at.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/identity.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* --- Leaves */

typedef struct leaf {
    uint8_t names[16384], subject[400];
    stls_x509 x509;
} leaf;

static size_t put_head(uint8_t *out, uint8_t tag, size_t len) {
    size_t n = 0;
    out[n++] = tag;
    if (len > 255) {
        out[n++] = 0x82;
        out[n++] = (uint8_t)(len >> 8);
    } else if (len > 127) {
        out[n++] = 0x81;
    }
    out[n++] = (uint8_t)len;
    return n;
}

/* The bytes of a value in which "%00" stands for a NUL. */
static size_t unescape(const char *text, size_t len, uint8_t *out) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (len - i >= 3 && memcmp(text + i, "%00", 3) == 0) {
            out[n++] = 0;
            i += 2;
        } else {
            out[n++] = (uint8_t)text[i];
        }
    }
    return n;
}

/* Adds one name: "D" for DNS, "U" for a URI, "E" for e-mail, "I" for an address; then the value. */
static size_t put_name(uint8_t *out, const char *text, size_t len) {
    uint8_t value[1024];
    size_t value_len = unescape(text + 1, len - 1, value);
    uint8_t tag = text[0] == 'D' ? 0x82 : text[0] == 'U' ? 0x86 : text[0] == 'E' ? 0x81 : 0x87;
    if (tag == 0x87) {
        bool v6 = memchr(value, ':', value_len) != NULL;
        char address[64];
        snprintf(address, sizeof address, "%.*s", (int)value_len, (const char *)value);
        inet_pton(v6 ? AF_INET6 : AF_INET, address, value);
        value_len = v6 ? 16 : 4;
    }
    size_t n = put_head(out, tag, value_len);
    memcpy(out + n, value, value_len);
    return n + value_len;
}

/* A leaf with the alternative names `san`, separated by blanks (NULL: no such extension), and the
 * common name `cn` (NULL: none). */
static void make_leaf(leaf *made, const char *san, const char *cn) {
    memset(made, 0, sizeof *made);
    size_t len = 0;
    for (const char *at = san; at != NULL && *at != '\0';) {
        size_t word = strcspn(at, " ");
        len += put_name(made->names + len, at, word);
        at += word + (at[word] == ' ');
    }
    made->x509.alt_names = (stls_bytes){made->names, len};
    made->x509.present = san != NULL ? STLS_EXT_SUBJECT_ALT_NAME : 0;
    uint8_t value[256];
    size_t cn_len = cn != NULL ? unescape(cn, strlen(cn), value) : 0, n = 0;
    if (cn == NULL || cn_len > 100) {
        n = put_head(made->subject, 0x30, 0);
    } else {
        static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x04, 0x03};
        n += put_head(made->subject + n, 0x30, cn_len + 11);
        n += put_head(made->subject + n, 0x31, cn_len + 9);
        n += put_head(made->subject + n, 0x30, cn_len + 7);
        memcpy(made->subject + n, oid, sizeof oid);
        n += sizeof oid;
        n += put_head(made->subject + n, 0x0c, cn_len);
        memcpy(made->subject + n, value, cn_len);
        n += cn_len;
    }
    made->x509.subject = (stls_bytes){made->subject, n};
}

/* --- Modes */

typedef struct identity_case {
    const char *san, *cn, *peer;
    stls_name_kind kind; /* NONE: no match */
} identity_case;

static const identity_case sip_cases[] = {
    /* URIs win */
    {"Usip:example.test", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Usip:example.test Dother.test", "x.test", "example.test", STLS_NAME_SIP_URI},
    {"Usip:other.test Dexample.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:other.test Usip:example.test", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Dexample.test Usip:other.test", NULL, "example.test", STLS_NAME_NONE},
    {"USIP:EXAMPLE.TEST", NULL, "example.test", STLS_NAME_SIP_URI},
    /* what a URI may look like */
    {"Usip:example.test:5061", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Usip:example.test:5061;transport=tls", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Usip:example.test;lr", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Usip:example.test?subject=x", NULL, "example.test", STLS_NAME_SIP_URI},
    {"Usip:example.test:", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test:x", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test:123456", NULL, "example.test", STLS_NAME_NONE},
    /* what is no identity lets the DNS names count */
    {"Usips:example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usips:other.test Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"Usip:alice@example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:alice@other.test Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"Usip:alice@", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:@example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:a/b@example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:a@b@example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test;x=@other.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test;x=@other.test", NULL, "other.test", STLS_NAME_NONE},
    {"Usip:", NULL, "example.test", STLS_NAME_NONE},
    {"Usip", NULL, "sip", STLS_NAME_NONE},
    {"U", NULL, "example.test", STLS_NAME_NONE},
    {"Usip://example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example%2etest", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test.", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test%00.attacker.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:example.test%00", NULL, "example.test", STLS_NAME_NONE},
    {"Uhttps://example.test/", NULL, "example.test", STLS_NAME_NONE},
    {"Utel:+12125550101", NULL, "example.test", STLS_NAME_NONE},
    {"Usipx:example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Usip:127.0.0.1", NULL, "127.0.0.1", STLS_NAME_NONE},
    {"Usip:[::1]", NULL, "::1", STLS_NAME_NONE},
    {"Usip:127.0.0.1 Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    /* DNS names */
    {"Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"DEXAMPLE.test", NULL, "example.test", STLS_NAME_DNS},
    {"Dother.test Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"D*.example.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"D*.example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Dexample.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"Dsip.example.test", NULL, "example.test", STLS_NAME_NONE},
    {"Dexample.test.", NULL, "example.test", STLS_NAME_NONE},
    {"D.example.test", NULL, "example.test", STLS_NAME_NONE},
    {"D", NULL, "example.test", STLS_NAME_NONE},
    {"Dexample.test%00.attacker.test", NULL, "example.test", STLS_NAME_NONE},
    {"Dxn--bcher-kva.test", NULL, "xn--bcher-kva.test", STLS_NAME_DNS},
    {"D127.0.0.1", NULL, "127.0.0.1", STLS_NAME_NONE},
    {"Dlocalhost", NULL, "localhost", STLS_NAME_DNS},
    /* the common name, without any alternative name */
    {NULL, "example.test", "example.test", STLS_NAME_CN},
    {NULL, "Example.Test", "example.test", STLS_NAME_CN},
    {NULL, "*.example.test", "sip.example.test", STLS_NAME_NONE},
    {NULL, "example.test%00.attacker.test", "example.test", STLS_NAME_NONE},
    {NULL, "127.0.0.1", "127.0.0.1", STLS_NAME_NONE},
    {NULL, NULL, "example.test", STLS_NAME_NONE},
    {"", "example.test", "example.test", STLS_NAME_NONE},
    {"D", "example.test", "example.test", STLS_NAME_NONE},
    {"Ebob@example.test", "example.test", "example.test", STLS_NAME_NONE},
    {"Usip:bob@example.test", "example.test", "example.test", STLS_NAME_NONE},
    {"I127.0.0.1", "example.test", "example.test", STLS_NAME_NONE},
    /* addresses */
    {"I127.0.0.1", NULL, "127.0.0.1", STLS_NAME_IP},
    {"I::1 I127.0.0.1", NULL, "127.0.0.1", STLS_NAME_IP},
    {"I2001:db8::1", NULL, "2001:db8::1", STLS_NAME_IP},
    {"I127.0.0.1", NULL, "127.0.0.2", STLS_NAME_NONE},
    {"I::ffff:127.0.0.1", NULL, "127.0.0.1", STLS_NAME_NONE},
    {"Usip:other.test I127.0.0.1", NULL, "127.0.0.1", STLS_NAME_IP},
    /* nobody asked */
    {"Dother.test", NULL, NULL, STLS_NAME_NONE},
};

static const identity_case https_cases[] = {
    {"Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"Dother.test Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"Usip:other.test Dexample.test", NULL, "example.test", STLS_NAME_DNS},
    {"Usip:example.test", NULL, "example.test", STLS_NAME_NONE},
    {"D*.example.test", NULL, "sip.example.test", STLS_NAME_DNS},
    {"D*.EXAMPLE.test", NULL, "sip.example.test", STLS_NAME_DNS},
    {"D*.example.test", NULL, "example.test", STLS_NAME_NONE},
    {"D*.example.test", NULL, "a.b.example.test", STLS_NAME_NONE},
    {"Ds*.example.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"D*ip.example.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"Dsip.*.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"D*.*.test", NULL, "sip.example.test", STLS_NAME_NONE},
    {"D*.test", NULL, "example.test", STLS_NAME_NONE},
    {"D*", NULL, "localhost", STLS_NAME_NONE},
    {"D*.0.0.1", NULL, "127.0.0.1", STLS_NAME_NONE},
    {"Dexample.test.", NULL, "example.test", STLS_NAME_NONE},
    {"Dexample.test%00.attacker.test", NULL, "example.test", STLS_NAME_NONE},
    {"I127.0.0.1", NULL, "127.0.0.1", STLS_NAME_IP},
    {"D127.0.0.1", NULL, "127.0.0.1", STLS_NAME_NONE},
    {NULL, "example.test", "example.test", STLS_NAME_NONE},
    {"Dother.test", "example.test", "example.test", STLS_NAME_NONE},
    {"Dother.test", NULL, NULL, STLS_NAME_NONE},
};

static const identity_case common_name_cases[] = {
    {NULL, "example.test", "example.test", STLS_NAME_CN},
    {NULL, "EXAMPLE.test", "example.test", STLS_NAME_CN},
    {NULL, "*.example.test", "sip.example.test", STLS_NAME_CN},
    {"I127.0.0.1", "example.test", "example.test", STLS_NAME_CN},
    {"Dother.test", "example.test", "example.test", STLS_NAME_NONE},
    {"D", "example.test", "example.test", STLS_NAME_NONE},
    {NULL, "127.0.0.1", "127.0.0.1", STLS_NAME_NONE},
    {NULL, "example.test%00.attacker.test", "example.test", STLS_NAME_NONE},
};

static const char *const list_names[] = {"trunk.test", "192.0.2.7"};

static const identity_case list_cases[] = {
    {"Usip:trunk.test", NULL, NULL, STLS_NAME_SIP_URI},
    {"Dtrunk.test", NULL, NULL, STLS_NAME_DNS},
    {"Usip:other.test Dtrunk.test", NULL, NULL, STLS_NAME_DNS},
    {"I192.0.2.7", NULL, NULL, STLS_NAME_IP},
    {"Usip:alice@trunk.test", NULL, NULL, STLS_NAME_NONE},
    {"D*.test", NULL, NULL, STLS_NAME_NONE},
    {NULL, "trunk.test", NULL, STLS_NAME_NONE},
    {"Dexample.test", NULL, "example.test", STLS_NAME_NONE}, /* the peer is not looked at */
};

static void run_cases(const stls_rules *rules, const identity_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const identity_case *at = &cases[i];
        static leaf made;
        stls_verdict verdict = {.state = STLS_VERDICT_NOT_DONE};
        make_leaf(&made, at->san, at->cn);
        check_case("SAN \"%s\", CN \"%s\", peer \"%s\"", at->san != NULL ? at->san : "(none)",
                   at->cn != NULL ? at->cn : "(none)", at->peer != NULL ? at->peer : "(none)");
        bool asked = at->peer != NULL || rules->identity == STLS_IDENTITY_LIST;
        bool held = stls_identity_check(rules, at->peer, &made.x509, &verdict);
        CHECK_NUMBER("match", held, !asked || at->kind != STLS_NAME_NONE);
        CHECK_NUMBER("kind", verdict.name_kind, at->kind);
        CHECK((verdict.name[0] != '\0') == (at->kind != STLS_NAME_NONE), "name \"%s\"",
              verdict.name);
    }
}

#define RUN(rules, cases) run_cases(rules, cases, sizeof(cases) / sizeof(cases)[0])

static void test_sip(void) {
    RUN((&(stls_rules){.identity = STLS_IDENTITY_SIP}), sip_cases);
    /* The flags are for the other modes. */
    RUN((&(stls_rules){.identity = STLS_IDENTITY_SIP,
                       .identity_flags = STLS_IDENTITY_COMMON_NAME | STLS_IDENTITY_WILDCARD}),
        sip_cases);
}

static void test_https(void) {
    RUN((&(stls_rules){.identity = STLS_IDENTITY_HTTPS}), https_cases);
    RUN((&(stls_rules){.identity = STLS_IDENTITY_HTTPS,
                       .identity_flags = STLS_IDENTITY_COMMON_NAME}),
        common_name_cases);
}

static void test_list(void) {
    static const identity_case wildcard[] = {
        {"D*.example.test", NULL, NULL, STLS_NAME_DNS},
        {"D*.other.test", NULL, NULL, STLS_NAME_NONE},
    };
    static const identity_case common[] = {
        {NULL, "sip.example.test", NULL, STLS_NAME_CN},
        {"Dother.test", "sip.example.test", NULL, STLS_NAME_NONE},
    };
    static const char *const names[] = {"sip.example.test"};
    stls_rules rules = {.identity = STLS_IDENTITY_LIST, .names = list_names, .name_count = 2};
    RUN(&rules, list_cases);
    rules.names = names;
    rules.name_count = 1;
    rules.identity_flags = STLS_IDENTITY_WILDCARD;
    RUN(&rules, wildcard);
    rules.identity_flags = STLS_IDENTITY_COMMON_NAME;
    RUN(&rules, common);
    rules.name_count = 0;
    stls_verdict verdict = {.state = STLS_VERDICT_NOT_DONE};
    leaf made;
    make_leaf(&made, "Dsip.example.test", NULL);
    CHECK(!stls_identity_check(&rules, NULL, &made.x509, &verdict), "an empty list lets nobody in");
    rules.identity = STLS_IDENTITY_NONE;
    CHECK(stls_identity_check(&rules, "other.test", &made.x509, &verdict), "mode NONE takes all");
}

static void test_sizes(void) {
    const stls_rules sip = {.identity = STLS_IDENTITY_SIP};
    static char san[16384];
    static leaf made;
    stls_verdict verdict = {.state = STLS_VERDICT_NOT_DONE};
    size_t len = 0;
    for (int i = 0; i < 300; i++) {
        len += (size_t)snprintf(san + len, sizeof san - len, "Dhost-%d.example.test ", i);
    }
    snprintf(san + len, sizeof san - len, "Dexample.test");
    make_leaf(&made, san, NULL);
    CHECK(stls_identity_check(&sip, "example.test", &made.x509, &verdict), "the last of 301 names");
    char sentence[160];
    stls_text text = stls_text_in(sentence, sizeof sentence);
    stls_identity_describe(&text, &made.x509);
    CHECK_CONTAINS("description", sentence, "DNS:host-0.example.test, ");
    CHECK_CONTAINS("description", sentence, " and 297 more");

    /* 300 characters, and the wanted name in front of them: no prefix counts. */
    memset(san, 'a', 301);
    memcpy(san, "Dexample.test.", 14);
    san[301] = '\0';
    make_leaf(&made, san, NULL);
    CHECK(!stls_identity_check(&sip, "example.test", &made.x509, &verdict), "a long name");
}

static void test_constraint_name(void) {
    stls_rules rules = {.identity = STLS_IDENTITY_SIP};
    leaf made;
    stls_bytes name;
    make_leaf(&made, NULL, "example.test");
    CHECK(stls_identity_common_name(&rules, &made.x509, &name), "the CN counts without SAN");
    rules.identity = STLS_IDENTITY_NONE;
    CHECK(stls_identity_common_name(&rules, &made.x509, &name),
          "also if no name is asked for: it may be told as the peer's");
    make_leaf(&made, NULL, "aabbccddeeff");
    CHECK(!stls_identity_common_name(&rules, &made.x509, &name), "but not a device's name");
    make_leaf(&made, "Usip:example.test", "example.test");
    rules.identity = STLS_IDENTITY_HTTPS;
    CHECK(!stls_identity_common_name(&rules, &made.x509, &name), "not beside a SAN");
    rules.identity_flags = STLS_IDENTITY_COMMON_NAME;
    CHECK(stls_identity_common_name(&rules, &made.x509, &name), "HTTPS: with the flag it does");
    make_leaf(&made, "Dx.test", "example.test");
    CHECK(!stls_identity_common_name(&rules, &made.x509, &name), "but not beside a DNS name");
    make_leaf(&made, NULL, "John Doe");
    CHECK(!stls_identity_common_name(&rules, &made.x509, &name), "and not if it is no host");
}

/* --- Names of peers */

static const struct peer_case {
    const char *text, *name; /* name NULL: refused, ... */
    bool is_ip;
    const char *why; /* ... with these words */
} peer_cases[] = {
    {"example.test", "example.test", false, NULL},
    {"EXAMPLE.Test", "example.test", false, NULL},
    {"example.test.", "example.test", false, NULL},
    {"localhost", "localhost", false, NULL},
    {"a_b.example.test", "a_b.example.test", false, NULL},
    {"xn--bcher-kva.test", "xn--bcher-kva.test", false, NULL},
    {"1.example.test", "1.example.test", false, NULL},
    {"127.0.0.1", "127.0.0.1", true, NULL},
    {"::1", "::1", true, NULL},
    {"[::1]", "::1", true, NULL},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", true, NULL},
    {"sip:example.test", "example.test", false, NULL},
    {"SIPS:Example.Test:5061;transport=tls", "example.test", false, NULL},
    {"sip:alice@example.test", "example.test", false, NULL},
    {"sip:[2001:db8::1]:5061", "2001:db8::1", true, NULL},
    {"sip:192.0.2.1", "192.0.2.1", true, NULL},
    {"", NULL, false, "is empty"},
    {".", NULL, false, "neither"},
    {"..", NULL, false, "neither"},
    {"example..test", NULL, false, "neither"},
    {"example.test..", NULL, false, "neither"},
    {"-a.test", NULL, false, "neither"},
    {"a-.test", NULL, false, "neither"},
    {"exam ple.test", NULL, false, "blank"},
    {"example.test\n", NULL, false, "blank"},
    {"b\xc3\xbc"
     "cher.test",
     NULL, false, "A-label"},
    {"*.example.test", NULL, false, "pattern"},
    {"example.test:5061", NULL, false, "port"},
    {"256.0.0.1", NULL, false, "neither"},
    {"1.2.3", NULL, false, "neither"},
    {"0x7f.1", NULL, false, "neither"},
    {"[127.0.0.1]", NULL, false, "neither"},
    {"[::1", NULL, false, "':'"},
    {"fe80::1%eth0", NULL, false, "':'"},
    {"sip:", NULL, false, "sip URI"},
    {"sip:alice@", NULL, false, "sip URI"},
    {"sip:a@b@c.test", NULL, false, "sip URI"},
    {"sip:example.test:x", NULL, false, "sip URI"},
    {"alice@example.test", NULL, false, "neither"},
    {"https://example.test", NULL, false, "':'"},
};

static void test_peer_names(void) {
    for (size_t i = 0; i < sizeof peer_cases / sizeof peer_cases[0]; i++) {
        const struct peer_case *at = &peer_cases[i];
        char name[STLS_PEER_NAME_SIZE] = "x";
        bool is_ip = !at->is_ip;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("\"%s\"", at->text);
        stls_result result = stls_peer_name(at->text, name, &is_ip, &error);
        CHECK_RESULT("stls_peer_name", result, at->name != NULL ? STLS_OK : STLS_E_FORMAT, &error);
        CHECK_TEXT("name", name, at->name != NULL ? at->name : "");
        CHECK_NUMBER("is_ip", is_ip, at->is_ip);
        if (at->why != NULL) {
            CHECK_CONTAINS("sentence", error.text, at->why);
        }
    }
}

static void test_peer_name_lengths(void) {
    char text[400], name[STLS_PEER_NAME_SIZE];
    bool is_ip;
    stls_error error = {.result = STLS_NOT_DONE};
    memset(text, 'a', sizeof text);
    for (size_t i = 63; i < sizeof text; i += 64) {
        text[i] = '.';
    }
    text[253] = '\0';
    CHECK_RESULT("253", stls_peer_name(text, name, &is_ip, &error), STLS_OK, &error);
    text[253] = 'a';
    text[254] = '\0';
    CHECK_RESULT("254", stls_peer_name(text, name, &is_ip, &error), STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "253");
    memset(text, 'a', 64);
    text[64] = '\0';
    CHECK_RESULT("64", stls_peer_name(text, name, &is_ip, &error), STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "63");
    CHECK_RESULT("NULL", stls_peer_name(NULL, name, &is_ip, NULL), STLS_E_ARGUMENT, NULL);
}

/* --- siptls/certificate.h */

static const struct listed_case {
    const char *file, *identities;
    stls_name_kind kind;
} listed_cases[] = {
    {"server.der", "example.test", STLS_NAME_SIP_URI},
    {"dns-only.der", "example.test", STLS_NAME_DNS},
    {"cn-only.der", "example.test", STLS_NAME_CN},
    {"uri-and-dns-differ.der", "other.test", STLS_NAME_SIP_URI},
    {"uri-upper.der", "EXAMPLE.TEST", STLS_NAME_SIP_URI},
    {"phone.der", "alice.example.test", STLS_NAME_DNS},
    {"wildcard.der", "", STLS_NAME_NONE},
    {"ip.der", "", STLS_NAME_NONE},
    {"nul-in-dns.der", "", STLS_NAME_NONE},
    {"san-empty-name.der", "", STLS_NAME_NONE},
};

static void test_listed(void) {
    for (size_t i = 0; i < sizeof listed_cases / sizeof listed_cases[0]; i++) {
        const struct listed_case *at = &listed_cases[i];
        char text[STLS_NAME_SIZE] = "";
        stls_name_kind kind = STLS_NAME_NONE;
        stls_bytes der = pki_bytes(at->file);
        check_case("%s", at->file);
        bool found = stls_certificate_sip_identity(der, 0, text, sizeof text, &kind);
        CHECK_NUMBER("found", found, at->kind != STLS_NAME_NONE);
        CHECK_TEXT("identity", text, at->identities);
        CHECK_NUMBER("kind", kind, at->kind);
        CHECK(!stls_certificate_sip_identity(der, 1, text, sizeof text, &kind), "a second one");
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"SIP (RFC 5922)", test_sip},
        {"HTTPS (RFC 9525)", test_https},
        {"a list", test_list},
        {"many names and long ones", test_sizes},
        {"the common name under constraints", test_constraint_name},
        {"names of peers", test_peer_names},
        {"lengths of names of peers", test_peer_name_lengths},
        {"identities of certificates", test_listed},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"identity", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
