/* The engine: verdicts on the chains of the PKI, path building, bounds.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/verify.h"
#include "certstore/verify/search.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/made_chain.h"

#include <time.h>

enum { DAY = 86400, CHAIN_ROOM = 300 };

static const stls_rules default_rules = {
    .identity = STLS_IDENTITY_SIP,
    .usage = STLS_USAGE_TLS_OR_SIP,
    .strength = STLS_STRENGTH_STANDARD,
    .max_intermediates = 8,
    .chain_bytes_max = 100000,
};

/* --- Chains of the PKI, by the first backend of the build */

/* The files "NAME.der" of a list separated by blanks. */
static size_t read_chain(const char *names, stls_bytes *chain) {
    char name[96], file[128];
    size_t count = 0;
    int used;
    for (const char *at = names; sscanf(at, " %95s%n", name, &used) == 1; at += used) {
        snprintf(file, sizeof file, "%s.der", name);
        chain[count++] = pki_bytes(file);
    }
    return count;
}

typedef struct verdict_case {
    const char *chain, *anchors;
    uint32_t flags;
    int depth;        /* of the lowest flag; -1: not looked at */
    const char *text; /* a part of the sentence */
    stls_role role;   /* NONE: a server */
    int days;         /* the clock is so many days ahead */
    stls_usage_mode usage;
    stls_strength strength;
    uint32_t tolerated;
    int max_intermediates; /* 0: the default; -1: none */
} verdict_case;

static const verdict_case verdict_cases[] = {
    /* good */
    {.chain = "server int", .anchors = "root", .text = "by SAN sip URI, issued under CN=root"},
    {.chain = "server int root", .anchors = "root"},
    {.chain = "server root int", .anchors = "other-root root"},
    {.chain = "server other-root int int server", .anchors = "root"},
    {.chain = "server", .anchors = "int", .text = "issued under CN=int"},
    {.chain = "server int", .anchors = "int root"},
    {.chain = "server", .anchors = "server", .text = "itself a trusted certificate"},
    {.chain = "self-signed", .anchors = "self-signed"},
    {.chain = "direct", .anchors = "root", .max_intermediates = -1},
    {.chain = "server-rsa int-rsa", .anchors = "root-rsa"},
    {.chain = "server-p384 int", .anchors = "root"},
    {.chain = "server-p521 int", .anchors = "root"},
    {.chain = "server-pss int", .anchors = "root"},
    {.chain = "via-ed25519 int-ed25519", .anchors = "root-ed25519"},
    {.chain = "via-nc int-nc", .anchors = "root"},
    {.chain = "ca-as-leaf int", .anchors = "root"},
    {.chain = "big int", .anchors = "root"},
    /* no path */
    {.chain = "", .anchors = "root", .flags = STLS_FLAG_NO_CERTIFICATE, .text = "no certificate"},
    {.chain = "server int",
     .anchors = "",
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 1,
     .text = "no CA is trusted here"},
    {.chain = "server",
     .anchors = "root",
     .flags = STLS_FLAG_UNTRUSTED,
     .text = "the chain ends at certificate 0, issued by \"CN=int\", which is not among the 1 "
             "trusted certificates and was not sent along"},
    {.chain = "server int",
     .anchors = "other-root",
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 1,
     .text = "issued by \"CN=root\""},
    {.chain = "server int root",
     .anchors = "other-root",
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 2,
     .text = "the self-signed CN=root"},
    {.chain = "self-signed",
     .anchors = "root",
     .flags = STLS_FLAG_UNTRUSTED,
     .text = "self-signed, and not among the 1"},
    {.chain = "server", .anchors = "server-p384 self-signed", .flags = STLS_FLAG_UNTRUSTED},
    {.chain = "server int",
     .anchors = "root",
     .max_intermediates = -1,
     .flags = STLS_FLAG_PATH_TOO_LONG,
     .depth = 1,
     .text = "more than 0 intermediate"},
    /* signatures */
    {.chain = "bad-signature int",
     .anchors = "root",
     .flags = STLS_FLAG_BAD_SIGNATURE,
     .text = "not that of its issuer \"CN=int\""},
    {.chain = "sha1 int-rsa",
     .anchors = "root-rsa",
     .flags = STLS_FLAG_WEAK_ALGORITHM,
     .text = "SHA-1"},
    {.chain = "sha1 int-rsa", .anchors = "root-rsa", .strength = STLS_STRENGTH_LEGACY},
    {.chain = "md5 int-rsa",
     .anchors = "root-rsa",
     .strength = STLS_STRENGTH_LEGACY,
     .flags = STLS_FLAG_WEAK_ALGORITHM | STLS_FLAG_UNSUPPORTED,
     .text = "MD5"},
    {.chain = "rsa1024 int-rsa",
     .anchors = "root-rsa",
     .flags = STLS_FLAG_WEAK_KEY,
     .text = "RSA 1024 (certificate 0, CN=rsa1024): RSA needs 2048 bits"},
    {.chain = "rsa1024 int-rsa", .anchors = "root-rsa", .strength = STLS_STRENGTH_LEGACY},
    /* time */
    {.chain = "expired int",
     .anchors = "root",
     .flags = STLS_FLAG_EXPIRED,
     .text = "(certificate 0, CN=expired): renew it, or check this device's clock"},
    {.chain = "expired int", .anchors = "root", .days = -5},
    {.chain = "not-yet int",
     .anchors = "root",
     .flags = STLS_FLAG_NOT_YET_VALID,
     .text = "check this device's clock"},
    {.chain = "not-yet int", .anchors = "root", .days = 366},
    {.chain = "server int", .anchors = "root", .days = -20000, .flags = STLS_FLAG_NOT_YET_VALID},
    {.chain = "via-int-expired int-expired",
     .anchors = "root",
     .flags = STLS_FLAG_EXPIRED,
     .depth = 1},
    {.chain = "via-int-expired int-expired", .anchors = "root", .days = -5},
    {.chain = "via-root-expired",
     .anchors = "root-expired",
     .flags = STLS_FLAG_EXPIRED,
     .depth = 1,
     .text = "(trusted certificate CN=root-expired): replace it"},
    /* names */
    {.chain = "wrong-domain int",
     .anchors = "root",
     .flags = STLS_FLAG_NAME_MISMATCH,
     .text = "is for sip:other.test, DNS:other.test, not for \"example.test\" (RFC 5922)"},
    {.chain = "uri-only int", .anchors = "root"},
    {.chain = "dns-only int", .anchors = "root"},
    {.chain = "cn-only int", .anchors = "root", .text = "by common name"},
    {.chain = "cn-and-other-san int", .anchors = "root", .flags = STLS_FLAG_NAME_MISMATCH},
    {.chain = "wildcard int", .anchors = "root", .flags = STLS_FLAG_NAME_MISMATCH},
    {.chain = "nul-in-dns int",
     .anchors = "root",
     .flags = STLS_FLAG_NAME_MISMATCH,
     .text = "example.test\\x00.attacker.test"},
    {.chain = "san-300 int", .anchors = "root"},
    {.chain = "long-name int", .anchors = "root"},
    {.chain = "trailing-dot int", .anchors = "root", .flags = STLS_FLAG_NAME_MISMATCH},
    /* usage */
    {.chain = "eku-none int", .anchors = "root"},
    {.chain = "eku-any int", .anchors = "root"},
    {.chain = "eku-sip int", .anchors = "root"},
    {.chain = "eku-client int",
     .anchors = "root",
     .flags = STLS_FLAG_WRONG_USAGE,
     .text = "TLS server"},
    {.chain = "eku-client int", .anchors = "root", .role = STLS_ROLE_CLIENT},
    {.chain = "eku-wrong int", .anchors = "root", .flags = STLS_FLAG_WRONG_USAGE},
    {.chain = "ku-none-signing int", .anchors = "root", .flags = STLS_FLAG_WRONG_USAGE},
    {.chain = "eku-none int", .anchors = "root", .usage = STLS_USAGE_TLS},
    {.chain = "eku-any int",
     .anchors = "root",
     .usage = STLS_USAGE_TLS,
     .flags = STLS_FLAG_WRONG_USAGE},
    {.chain = "eku-sip int",
     .anchors = "root",
     .usage = STLS_USAGE_TLS,
     .flags = STLS_FLAG_WRONG_USAGE},
    {.chain = "eku-sip int", .anchors = "root", .usage = STLS_USAGE_SIP},
    {.chain = "eku-none int",
     .anchors = "root",
     .usage = STLS_USAGE_SIP,
     .flags = STLS_FLAG_WRONG_USAGE,
     .text = "RFC 5924"},
    {.chain = "server int",
     .anchors = "root",
     .usage = STLS_USAGE_SIP,
     .flags = STLS_FLAG_WRONG_USAGE},
    {.chain = "via-eku-client int-eku-client",
     .anchors = "root",
     .flags = STLS_FLAG_WRONG_USAGE,
     .depth = 1,
     .text = "issuing for"},
    /* issuers */
    {.chain = "via-notca int-notca", .anchors = "root", .flags = STLS_FLAG_NOT_A_CA, .depth = 1},
    {.chain = "via-nobc int-nobc", .anchors = "root", .flags = STLS_FLAG_NOT_A_CA, .depth = 1},
    {.chain = "via-nosign int-nosign", .anchors = "root", .flags = STLS_FLAG_NOT_A_CA, .depth = 1},
    {.chain = "via-notca", .anchors = "int-notca", .flags = STLS_FLAG_NOT_A_CA, .depth = 1},
    {.chain = "via-int2 int2 int", .anchors = "root", .flags = STLS_FLAG_PATH_TOO_LONG, .depth = 2},
    {.chain = "via-int2 int2", .anchors = "int", .flags = STLS_FLAG_PATH_TOO_LONG, .depth = 2},
    {.chain = "via-nc-violated int-nc",
     .anchors = "root",
     .flags = STLS_FLAG_NAME_CONSTRAINT,
     .text = "the name DNS:other.test (certificate 0, CN=via-nc-violated) is outside of what its "
             "issuer may name (certificate 1, CN=int-nc"},
    {.chain = "via-unknown-critical int-unknown-critical",
     .anchors = "root",
     .flags = STLS_FLAG_UNKNOWN_CRITICAL,
     .depth = 1},
    {.chain = "unknown-critical int",
     .anchors = "root",
     .flags = STLS_FLAG_UNKNOWN_CRITICAL,
     .text = "critical extension"},
    /* tolerated */
    {.chain = "expired int",
     .anchors = "root",
     .flags = STLS_FLAG_EXPIRED,
     .tolerated = STLS_FLAG_EXPIRED,
     .text = "; tolerated: expired"},
    {.chain = "via-int-expired int-expired",
     .anchors = "root",
     .flags = STLS_FLAG_EXPIRED,
     .depth = 1,
     .tolerated = STLS_FLAG_EXPIRED | STLS_FLAG_NAME_MISMATCH},
    {.chain = "md5 int-rsa",
     .anchors = "root-rsa",
     .tolerated = STLS_FLAGS_TOLERABLE,
     .flags = STLS_FLAG_WEAK_ALGORITHM | STLS_FLAG_UNSUPPORTED},
    {.chain = "server int",
     .anchors = "other-root",
     .tolerated = UINT32_MAX,
     .flags = STLS_FLAG_UNTRUSTED,
     .depth = 1},
    {.chain = "bad-signature int",
     .anchors = "root",
     .tolerated = UINT32_MAX,
     .flags = STLS_FLAG_BAD_SIGNATURE},
};

static int64_t clock_of(const verdict_case *at) {
    return (int64_t)time(NULL) + (int64_t)at->days * DAY;
}

/* Some builds of openssl refuse to make a certificate signed with MD5. */
static bool is_made(const char *chain) {
    FILE *file;
    if (strncmp(chain, "md5 ", 4) != 0) {
        return true;
    }
    file = fopen(pki_path("md5.der"), "rb");
    return file != NULL && fclose(file) == 0;
}

static void judge_case(const verdict_case *at, const stls_backend *backend) {
    stls_bytes chain[CHAIN_ROOM];
    stls_rules rules = default_rules;
    stls_trust *trust = pki_trust(at->anchors);
    rules.usage = at->usage != 0 ? at->usage : rules.usage;
    rules.strength = at->strength != 0 ? at->strength : rules.strength;
    rules.tolerated = at->tolerated;
    if (at->max_intermediates != 0) {
        rules.max_intermediates = at->max_intermediates > 0 ? (unsigned)at->max_intermediates : 0;
    }
    stls_judge_request request = {
        .backend = backend,
        .trust = trust,
        .rules = &rules,
        .peer_role = at->role != STLS_ROLE_NONE ? at->role : STLS_ROLE_SERVER,
        .peer = "example.test",
        .now = clock_of(at),
        .chain = chain,
        .count = read_chain(at->chain, chain),
    };
    stls_verdict verdict;
    stls_judge(&request, &verdict);
    bool open = (at->flags & ~(at->tolerated & STLS_FLAGS_TOLERABLE)) != 0;
    CHECK(verdict.flags == at->flags, "flags %s, expected %s; %s", flags_text(verdict.flags),
          flags_text(at->flags), verdict.text);
    CHECK_NUMBER("state", verdict.state, open ? STLS_VERDICT_REJECTED : STLS_VERDICT_ACCEPTED);
    CHECK((verdict.alert != STLS_ALERT_NONE) == open, "alert %d", verdict.alert);
    CHECK(verdict.text[0] != '\0', "there is a sentence");
    if (at->flags != 0 && at->depth >= 0 && verdict.flags == at->flags) {
        CHECK_NUMBER("depth", verdict.depth[stls_flag_bit(at->flags)], at->depth);
    }
    if (at->text != NULL) {
        CHECK_CONTAINS("sentence", verdict.text, at->text);
    }
    stls_trust_free(trust);
}

static void test_pki(void) {
    const stls_backend *backend = stls_backend_find("openssl");
    if (backend == NULL) {
        test_skip("verdicts", "the build has no OpenSSL");
        return;
    }
    for (size_t i = 0; i < sizeof verdict_cases / sizeof verdict_cases[0]; i++) {
        const verdict_case *at = &verdict_cases[i];
        check_case("%s under %s", at->chain, at->anchors);
        if (is_made(at->chain)) {
            judge_case(at, backend);
        }
    }
}

/* --- The clock */

/* Two CAs and a leaf, valid as the PKI's are: the leaf for a year from yesterday. "expired" ended
 * yesterday, "not-yet" begins in a year. */
static const struct {
    const char *chain;
    int64_t now;  /* seconds since 1970, or ... */
    int days;     /* ... with 0, days ahead */
    int earliest; /* days ahead; NO_FLOOR */
    uint32_t tolerated, flags;
    const char *text;
} clock_cases[] = {
#define NO_FLOOR 100000
#define UNSET    STLS_FLAG_CLOCK_NOT_SET
    /* a clock that is set */
    {"server int", 0, 0, NO_FLOOR, 0, 0, "verified"},
    {"server int", 0, 0, 0, 0, 0, "verified"}, /* on the very second */
    {"server int", 0, 0, -100, UNSET, 0, "verified"},
    {"expired int", 0, 0, -100, UNSET, STLS_FLAG_EXPIRED, "or check this device's clock"},
    {"not-yet int", 0, 0, -100, UNSET, STLS_FLAG_NOT_YET_VALID, "check this device's clock"},
    /* without a floor, 1970 is a time as any other */
    {"server int", 1, 0, NO_FLOOR, UNSET, STLS_FLAG_NOT_YET_VALID, "(1970-01-01)"},
    /* one that says so */
    {"server int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, 0, UNSET,
     "the clock is not set, so the dates of the peer's certificates cannot be judged: set the "
     "clock, and try again"},
    {"server int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET, "; tolerated: clock-not-set"},
    {"expired int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET, "; tolerated: clock-not-set"},
    {"not-yet int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET, "; tolerated: clock-not-set"},
    {"via-int-expired int-expired", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET, "tolerated"},
    /* one that is before the floor */
    {"server int", 1, 0, -100, 0, UNSET, "the clock is not set (it says 1970-01-01, and it is 20"},
    {"server int", 0, -1, 0, 0, UNSET, "the clock is not set (it says 20"},
    {"server int", 0, -20000, -100, UNSET, UNSET, "; tolerated: clock-not-set"},
    {"server int", STLS_CLOCK_NOT_SET, 0, -100, 0, UNSET, "the clock is not set, so the dates"},
    /* what was over before the floor is over, whatever the clock says */
    {"expired int", 1, 0, 0, UNSET, UNSET | STLS_FLAG_EXPIRED,
     "renew it, though the clock is not set (it is 20"},
    {"expired int", STLS_CLOCK_NOT_SET, 0, 0, 0, UNSET | STLS_FLAG_EXPIRED,
     "; also: clock-not-set"},
    {"via-int-expired int-expired", 1, 0, 0, UNSET, UNSET | STLS_FLAG_EXPIRED, "certificate 1"},
    /* everything else is judged */
    {"wrong-domain int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET | STLS_FLAG_NAME_MISMATCH,
     "is for sip:other.test"},
    {"wrong-domain int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, 0, UNSET | STLS_FLAG_NAME_MISMATCH,
     "the clock is not set"},
    {"bad-signature int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET | STLS_FLAG_BAD_SIGNATURE,
     "not that of its issuer"},
    {"eku-client int", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET | STLS_FLAG_WRONG_USAGE, ""},
    {"via-nosign int-nosign", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET | STLS_FLAG_NOT_A_CA,
     ""},
    {"self-signed", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, UNSET, UNSET | STLS_FLAG_UNTRUSTED, ""},
    /* without a certificate there are no dates */
    {"", STLS_CLOCK_NOT_SET, 0, NO_FLOOR, 0, STLS_FLAG_NO_CERTIFICATE, "no certificate"},
};

static void test_clock(void) {
    const stls_backend *backend = stls_backend_find("openssl");
    if (backend == NULL) {
        test_skip("verdicts", "the build has no OpenSSL");
        return;
    }
    stls_trust *trust = pki_trust("root");
    int64_t today = (int64_t)time(NULL);
    for (size_t i = 0; i < sizeof clock_cases / sizeof clock_cases[0]; i++) {
        stls_bytes chain[CHAIN_ROOM];
        stls_rules rules = default_rules;
        stls_verdict verdict;
        uint32_t flags = clock_cases[i].flags;
        bool open = (flags & ~clock_cases[i].tolerated) != 0;
        check_case("case %zu: %s", i, clock_cases[i].chain);
        rules.tolerated = clock_cases[i].tolerated;
        stls_judge(
            &(stls_judge_request){.backend = backend,
                                  .trust = trust,
                                  .rules = &rules,
                                  .peer_role = STLS_ROLE_SERVER,
                                  .peer = "example.test",
                                  .now = clock_cases[i].now != 0
                                             ? clock_cases[i].now
                                             : today + (int64_t)clock_cases[i].days * DAY,
                                  .earliest = clock_cases[i].earliest == NO_FLOOR
                                                  ? 0
                                                  : today + (int64_t)clock_cases[i].earliest * DAY,
                                  .chain = chain,
                                  .count = read_chain(clock_cases[i].chain, chain)},
            &verdict);
        CHECK_TEXT("flags", flags_text(verdict.flags), flags_text(flags));
        CHECK_NUMBER("state", verdict.state, open ? STLS_VERDICT_REJECTED : STLS_VERDICT_ACCEPTED);
        CHECK(stls_verdict_is_secure(&verdict) == (flags == 0), "secure");
        CHECK_CONTAINS("sentence", verdict.text, clock_cases[i].text);
        if (flags == UNSET && open) {
            CHECK_NUMBER("alert", verdict.alert, 46);
        }
    }
    stls_trust_free(trust);
}

/* The end of what is valid: the leaf's here, since its issuers outlive it; and none without a path.
 */
static void test_next_expiry(void) {
    const stls_backend *backend = stls_backend_find("openssl");
    static const struct {
        const char *chain;
        bool unset;
        uint32_t tolerated;
        const char *first; /* whose notAfter; NULL: none */
    } table[] = {
        {"server int", false, 0, "server.der"},
        {"server int", true, UNSET, "server.der"},
        {"server int", true, 0, NULL},
        {"server", false, 0, NULL},
        {"via-int-expired int-expired", false, STLS_FLAG_EXPIRED, "via-int-expired.der"},
        {"via-int-expired int-expired", true, UNSET, "int-expired.der"},
    };
    if (backend == NULL) {
        test_skip("verdicts", "the build has no OpenSSL");
        return;
    }
    stls_trust *trust = pki_trust("root");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        stls_bytes chain[CHAIN_ROOM];
        stls_rules rules = default_rules;
        stls_verdict verdict;
        stls_certificate_info info = {.not_after = 0};
        check_case("%s, the clock is %s", table[i].chain, table[i].unset ? "not set" : "set");
        rules.tolerated = table[i].tolerated;
        stls_judge(
            &(stls_judge_request){.backend = backend,
                                  .trust = trust,
                                  .rules = &rules,
                                  .peer_role = STLS_ROLE_SERVER,
                                  .peer = "example.test",
                                  .now = table[i].unset ? STLS_CLOCK_NOT_SET : (int64_t)time(NULL),
                                  .chain = chain,
                                  .count = read_chain(table[i].chain, chain)},
            &verdict);
        if (table[i].first != NULL) {
            stls_certificate_read(pki_bytes(table[i].first), &info, NULL);
        }
        CHECK_NUMBER("next expiry", verdict.next_expiry, info.not_after);
    }
    stls_trust_free(trust);
}

/* --- Made chains, by the fake backend */

typedef struct bench {
    stls_rules rules;
    stls_trust *trust;
    stls_bytes chain[CHAIN_ROOM];
    size_t count;
    stls_verdict verdict;
} bench;

static bench *bench_new(void) {
    bench *made_bench = calloc(1, sizeof *made_bench);
    if (made_bench == NULL) {
        abort();
    }
    fake_reset();
    made_bench->rules = default_rules;
    made_bench->rules.identity = STLS_IDENTITY_NONE;
    made_bench->trust = stls_trust_new();
    return made_bench;
}

static void free_der(stls_bytes der) {
    free((void *)(uintptr_t)der.data);
}

static void bench_free(bench *b) {
    for (size_t i = 0; i < b->count; i++) {
        free_der(b->chain[i]);
    }
    stls_trust_free(b->trust);
    CHECK_NUMBER("key handles freed", fake_keys_freed, fake_keys_made);
    free(b);
}

static void send_one(bench *b, made cert) {
    b->chain[b->count++] = make_certificate(&cert);
}

static void trust_one(bench *b, made cert) {
    stls_bytes der = make_certificate(&cert);
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("trust", stls_trust_add(b->trust, der.data, der.len, "made", &error), STLS_OK,
                 &error);
    free_der(der);
}

static void judge(bench *b) {
    stls_judge_request request = {
        .backend = &fake_backend,
        .trust = b->trust,
        .rules = &b->rules,
        .peer_role = STLS_ROLE_SERVER,
        .now = 1795000000,
        .chain = b->chain,
        .count = b->count,
    };
    stls_judge(&request, &b->verdict);
}

static void expect(bench *b, uint32_t flags) {
    judge(b);
    CHECK(b->verdict.flags == flags, "flags %s, expected %s; %s", flags_text(b->verdict.flags),
          flags_text(flags), b->verdict.text);
    CHECK_NUMBER("state", b->verdict.state,
                 flags == 0 ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED);
}

static const made root = {.subject = "root", .issuer = "root", .key = 1, .signer = 1, .ca = true};

/* All orders of four intermediates, with the root and a duplicate among them. */
static void test_orders(void) {
    static const made intermediates[] = {
        {.subject = "a", .issuer = "root", .key = 2, .signer = 1, .ca = true},
        {.subject = "b", .issuer = "a", .key = 3, .signer = 2, .ca = true},
        {.subject = "c", .issuer = "b", .key = 4, .signer = 3, .ca = true},
        {.subject = "d", .issuer = "c", .key = 5, .signer = 4, .ca = true},
    };
    for (unsigned order = 0; order < 256; order++) {
        unsigned at[] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6 & 3};
        if ((1U << at[0] | 1U << at[1] | 1U << at[2] | 1U << at[3]) != 15) {
            continue;
        }
        bench *b = bench_new();
        check_case("order %u%u%u%u", at[0], at[1], at[2], at[3]);
        trust_one(b, root);
        send_one(b, (made){.subject = "leaf", .issuer = "d", .key = 6, .signer = 5});
        send_one(b, root);
        for (size_t i = 0; i < 4; i++) {
            send_one(b, intermediates[at[i]]);
        }
        send_one(b, intermediates[at[0]]);
        expect(b, 0);
        CHECK_NUMBER("path", b->verdict.path_len, 6);
        CHECK_NUMBER("its end", b->verdict.path[5], STLS_PATH_ANCHOR);
        CHECK_NUMBER("signatures checked", fake_checks, 5);
        bench_free(b);
    }
}

static void test_cross_signs(void) {
    bench *b = bench_new();
    check_case("an expired and a good certificate of one CA");
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "a", .key = 9, .signer = 2});
    send_one(b, (made){.subject = "a",
                       .issuer = "root",
                       .key = 2,
                       .signer = 1,
                       .ca = true,
                       .not_after = "20100101000000Z"});
    send_one(b, (made){.subject = "a", .issuer = "root", .key = 2, .signer = 1, .ca = true});
    expect(b, 0);
    CHECK_NUMBER("which", b->verdict.path[1], 2);
    bench_free(b);

    b = bench_new();
    check_case("two anchors of one name, the second is the one");
    trust_one(b, root);
    trust_one(b, (made){.subject = "root", .issuer = "root", .key = 7, .signer = 7, .ca = true});
    send_one(b, (made){.subject = "leaf", .issuer = "root", .key = 9, .signer = 7});
    expect(b, 0);
    bench_free(b);

    b = bench_new();
    check_case("a change of key: the new root signed by the old one");
    b->rules.max_intermediates = 0;
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "root", .key = 9, .signer = 7});
    send_one(b, (made){.subject = "root", .issuer = "root", .key = 7, .signer = 1, .ca = true});
    expect(b, 0);
    bench_free(b);

    b = bench_new();
    check_case("a circle that an anchor leads out of");
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "a", .key = 9, .signer = 2});
    send_one(b, (made){.subject = "a", .issuer = "b", .key = 2, .signer = 3, .ca = true});
    send_one(b, (made){.subject = "b", .issuer = "a", .key = 3, .signer = 2, .ca = true});
    send_one(b, (made){.subject = "b", .issuer = "root", .key = 3, .signer = 1, .ca = true});
    expect(b, 0);
    bench_free(b);

    b = bench_new();
    check_case("a circle and nothing else");
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "a", .key = 9, .signer = 2});
    send_one(b, (made){.subject = "a", .issuer = "b", .key = 2, .signer = 3, .ca = true});
    send_one(b, (made){.subject = "b", .issuer = "a", .key = 3, .signer = 2, .ca = true});
    expect(b, STLS_FLAG_UNTRUSTED);
    bench_free(b);

    b = bench_new();
    check_case("names that differ in case and blanks only");
    trust_one(b, (made){.subject = "The  Root", .issuer = "x", .key = 1, .signer = 1, .ca = true});
    send_one(b, (made){.subject = "leaf", .issuer = " the root ", .key = 9, .signer = 1});
    expect(b, 0);
    bench_free(b);
}

/* 16 CAs, each signed by all others, and one way out. */
static void test_mesh(void) {
    enum { CAS = 16 };
    for (int with_exit = 0; with_exit < 2; with_exit++) {
        bench *b = bench_new();
        char names[CAS][16];
        check_case("a mesh %s", with_exit ? "with a way out" : "without");
        trust_one(b, root);
        for (int i = 0; i < CAS; i++) {
            snprintf(names[i], sizeof names[i], "ca%d", i);
        }
        send_one(b, (made){.subject = "leaf", .issuer = "ca0", .key = 9, .signer = 20});
        for (int i = 0; i < CAS; i++) {
            for (int k = 0; k < CAS; k++) {
                if (i != k) {
                    send_one(b, (made){.subject = names[i],
                                       .issuer = names[k],
                                       .ca = true,
                                       .key = (uint8_t)(20 + i),
                                       .signer = (uint8_t)(20 + k)});
                }
            }
        }
        if (with_exit) {
            send_one(
                b, (made){.subject = "ca15", .issuer = "root", .key = 35, .signer = 1, .ca = true});
        }
        expect(b, with_exit ? 0 : STLS_FLAG_UNTRUSTED);
        CHECK(fake_checks <= STLS_CHECKS_MAX, "%u checks", (unsigned)fake_checks);
        bench_free(b);
    }
}

/* As many checks as take about as long as 128 with P-256, by the slowest library. */
static void test_slow_keys(void) {
#define CURVE(octets, coordinate)                                                                  \
    { (octets), sizeof(octets) - 1, coordinate }
    static const struct {
        const char *name;
        made_curve curve;
        unsigned checks;
    } cases[] = {
        {"P-256", CURVE("\x2a\x86\x48\xce\x3d\x03\x01\x07", 32), 128},
        {"P-384", CURVE("\x2b\x81\x04\x00\x22", 48), 64},
        {"P-521", CURVE("\x2b\x81\x04\x00\x23", 66), 32},
        {"secp256k1", CURVE("\x2b\x81\x04\x00\x0a", 32), 32},
        {"brainpoolP256r1", CURVE("\x2b\x24\x03\x03\x02\x08\x01\x01\x07", 32), 32},
        {"brainpoolP384r1", CURVE("\x2b\x24\x03\x03\x02\x08\x01\x01\x0b", 48), 16},
        {"brainpoolP512r1", CURVE("\x2b\x24\x03\x03\x02\x08\x01\x01\x0d", 64), 10},
    };
#undef CURVE
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench *b = bench_new();
        check_case("CAs with keys of %s", cases[i].name);
        trust_one(b, root);
        send_one(b, (made){.subject = "leaf", .issuer = "ca", .curve = &cases[i].curve});
        for (int k = 1; k < 140; k++) { /* any of them may have signed it, and none has */
            send_one(b, (made){.subject = "ca",
                               .issuer = "root",
                               .key = (uint8_t)k,
                               .ca = true,
                               .curve = &cases[i].curve});
        }
        judge(b);
        CHECK_NUMBER("state", b->verdict.state, STLS_VERDICT_REJECTED);
        CHECK_NUMBER("checks", fake_checks, cases[i].checks);
        bench_free(b);
    }
}

/* What a hostile chain can make us do. */
static void test_bounds(void) {
    bench *b = bench_new();
    check_case("254 CAs of one name, each with its own key, none of which signed");
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "root", .key = 0, .signer = 0});
    for (int i = 2; i < 256; i++) {
        send_one(b, (made){.subject = "root",
                           .issuer = "root",
                           .key = (uint8_t)i,
                           .signer = (uint8_t)i,
                           .ca = true});
    }
    judge(b);
    CHECK(b->verdict.flags & STLS_FLAG_LIMIT, "flags %s", flags_text(b->verdict.flags));
    CHECK_NUMBER("state", b->verdict.state, STLS_VERDICT_REJECTED);
    CHECK(fake_checks <= STLS_CHECKS_MAX, "%u checks", (unsigned)fake_checks);
    bench_free(b);

    b = bench_new();
    check_case("a maze of namesakes that have signed one another");
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "root", .key = 0, .signer = 2});
    for (int i = 2; i < 18; i++) {
        for (int k = 2; k < 18; k++) {
            if (i != k && b->count < 250) {
                send_one(b, (made){.subject = "root",
                                   .issuer = "root",
                                   .key = (uint8_t)i,
                                   .signer = (uint8_t)k,
                                   .ca = true});
            }
        }
    }
    judge(b);
    CHECK_NUMBER("state", b->verdict.state, STLS_VERDICT_REJECTED);
    CHECK(b->verdict.flags & STLS_FLAG_LIMIT, "flags %s", flags_text(b->verdict.flags));
    CHECK(fake_checks <= STLS_CHECKS_MAX, "%u checks", (unsigned)fake_checks);
    bench_free(b);

    b = bench_new();
    check_case("too many certificates, too many bytes");
    trust_one(b, root);
    for (int i = 0; i < 256; i++) {
        send_one(b, (made){.subject = "leaf", .issuer = "root", .key = (uint8_t)i, .signer = 1});
    }
    expect(b, STLS_FLAG_LIMIT);
    b->rules.chain_bytes_max = 100;
    expect(b, STLS_FLAG_LIMIT);
    CHECK_CONTAINS("sentence", b->verdict.text, "at most 100 are allowed");
    CHECK_NUMBER("signatures checked", fake_checks, 0);
    bench_free(b);
}

static void test_bytes(void) {
    bench *b = bench_new();
    size_t bytes = 0;
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "int", .key = 3, .signer = 2});
    send_one(b, (made){.subject = "int", .issuer = "root", .key = 2, .signer = 1, .ca = true});
    for (size_t i = 0; i < b->count; i++) {
        bytes += b->chain[i].len;
    }
    check_case("as many bytes as are allowed, and one less");
    b->rules.chain_bytes_max = bytes;
    expect(b, 0);
    b->rules.chain_bytes_max = bytes - 1;
    expect(b, STLS_FLAG_LIMIT);
    bench_free(b);
}

static void test_long_path(void) {
    bench *b = bench_new();
    char names[40][16];
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof names[i], "ca%d", i);
    }
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "ca0", .key = 0, .signer = 50});
    for (int i = 0; i < 30; i++) {
        send_one(b, (made){.subject = names[i],
                           .issuer = i < 29 ? names[i + 1] : "root",
                           .ca = true,
                           .key = (uint8_t)(50 + i),
                           .signer = (uint8_t)(i < 29 ? 51 + i : 1)});
    }
    for (unsigned most = 28; most <= 30; most++) {
        check_case("30 intermediates, at most %u", most);
        b->rules.max_intermediates = most;
        expect(b, most < 30 ? STLS_FLAG_PATH_TOO_LONG : 0);
    }
    bench_free(b);
}

static void test_backend_answers(void) {
    static const struct {
        stls_be_status key, check;
        uint32_t flags;
    } cases[] = {
        {STLS_BE_OK, STLS_BE_UNSUPPORTED, STLS_FLAG_UNSUPPORTED},
        {STLS_BE_UNSUPPORTED, STLS_BE_OK, STLS_FLAG_UNSUPPORTED},
        {STLS_BE_MALFORMED, STLS_BE_OK, STLS_FLAG_UNSUPPORTED},
        {STLS_BE_OK, STLS_BE_FAILED, STLS_FLAG_BAD_SIGNATURE},
        {STLS_BE_OK, STLS_BE_MALFORMED, STLS_FLAG_BAD_SIGNATURE},
        {STLS_BE_OK, STLS_BE_NO_MEMORY, STLS_FLAG_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench *b = bench_new();
        check_case("key %d, check %d", cases[i].key, cases[i].check);
        fake_key_answer = cases[i].key;
        fake_check_answer = cases[i].check;
        b->rules.tolerated = UINT32_MAX;
        trust_one(b, root);
        send_one(b, (made){.subject = "leaf", .issuer = "root", .key = 0, .signer = 1});
        expect(b, cases[i].flags);
        bench_free(b);
    }
}

/* Key handles that the library has already are used, and not freed. */
static void test_borrowed_keys(void) {
    bench *b = bench_new();
    uint8_t borrowed[32];
    memset(borrowed, 2, sizeof borrowed);
    borrowed[0] = MADE_KEY_FIRST;
    void *keys[] = {NULL, borrowed};
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "a", .key = 9, .signer = 2});
    send_one(b, (made){.subject = "a", .issuer = "root", .key = 2, .signer = 1, .ca = true});
    stls_judge_request request = {
        .backend = &fake_backend,
        .trust = b->trust,
        .rules = &b->rules,
        .peer_role = STLS_ROLE_SERVER,
        .now = 1795000000,
        .chain = b->chain,
        .keys = keys,
        .count = b->count,
    };
    stls_judge(&request, &b->verdict);
    CHECK_NUMBER("state", b->verdict.state, STLS_VERDICT_ACCEPTED);
    CHECK_NUMBER("keys made: the anchor's", fake_keys_made, 1);
    stls_judge(&request, &b->verdict);
    CHECK_NUMBER("and only once", fake_keys_made, 1);
    bench_free(b);
}

/* Everything that is wrong is found, not only the first. */
static void test_many_flaws(void) {
    bench *b = bench_new();
    b->rules.identity = STLS_IDENTITY_HTTPS;
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf",
                       .issuer = "a",
                       .key = 9,
                       .signer = 2,
                       .dns = "other.test",
                       .not_after = "20100101000000Z"});
    send_one(b, (made){.subject = "a", .issuer = "root", .key = 2, .signer = 1});
    stls_judge_request request = {
        .backend = &fake_backend,
        .trust = b->trust,
        .rules = &b->rules,
        .peer_role = STLS_ROLE_SERVER,
        .peer = "example.test",
        .now = 1795000000,
        .chain = b->chain,
        .count = b->count,
    };
    stls_judge(&request, &b->verdict);
    uint32_t expected = STLS_FLAG_EXPIRED | STLS_FLAG_NAME_MISMATCH | STLS_FLAG_NOT_A_CA;
    CHECK(b->verdict.flags == expected, "flags %s", flags_text(b->verdict.flags));
    CHECK_CONTAINS("sentence", b->verdict.text, "; also: expired, name-mismatch");
    CHECK_NUMBER("alert", b->verdict.alert, 48);
    bench_free(b);
}

/* --- Name constraints and policies: an extension in the intermediate */

/* An extension of id-ce with the number `id`, critical, around what `out` holds. */
static void put_extension(writer *out, uint8_t id) {
    const uint8_t head[] = {0x06, 0x03, 0x55, 0x1d, id, 0x01, 0x01, 0xff};
    put_tag(out, 0x30, 0);
    put_tag(out, 0x04, 0);
    put_octets(out, head, sizeof head);
    put_tag(out, 0x30, 0);
}

static void expect_under(made leaf, made intermediate, const writer *extension, uint32_t flags) {
    bench *b = bench_new();
    intermediate.extension = extension->data + sizeof extension->data - extension->len;
    intermediate.extension_len = extension->len;
    trust_one(b, root);
    send_one(b, leaf);
    send_one(b, intermediate);
    expect(b, flags);
    bench_free(b);
}

static const made constrained_leaf = {.subject = "leaf", .issuer = "a", .key = 9, .signer = 2};
static const made constrained_ca = {
    .subject = "a", .issuer = "root", .key = 2, .signer = 1, .ca = true};

typedef struct constraint_case {
    uint8_t kind; /* the tag: 0x81 e-mail, 0x82 DNS, 0x86 URI, 0x87 IP, 0xa4 directory */
    const char *base, *name;
    char permitted, excluded; /* what comes of it: 'y' accepted, 'n' rejected */
    uint8_t name_kind;        /* 0: `kind`; COMMON_NAME: there is no SAN */
} constraint_case;

enum { COMMON_NAME = 0x0c };

static const constraint_case constraint_cases[] = {
    {0x82, "example.test", "example.test", 'y', 'n', 0},
    {0x82, "example.test", "SIP.Example.TEST", 'y', 'n', 0},
    {0x82, "example.test", "a.b.example.test", 'y', 'n', 0},
    {0x82, "example.test", "badexample.test", 'n', 'y', 0},
    {0x82, "example.test", "test", 'n', 'y', 0},
    {0x82, "", "example.test", 'y', 'n', 0},
    {0x82, "example.test", "*.example.test", 'y', 'n', 0},
    {0x82, "sip.example.test", "*.example.test", 'n', 'n', 0},
    {0x82, "a.sip.example.test", "*.example.test", 'n', 'y', 0},
    {0x82, ".example.test", "sip.example.test", 'n', 'n', 0},
    {0x82, "example.test", "example.test.", 'n', 'n', 0},
    {0x82, "example.test", "a b.example.test", 'n', 'n', 0},
    {0x82, "*.example.test", "sip.example.test", 'n', 'n', 0},
    {0x82, "example.test", "sip:example.test", 'y', 'n', 0x86},
    {0x82, "example.test", "sip:other.test", 'n', 'y', 0x86},
    {0x82, "example.test", "sip:alice@other.test", 'y', 'y', 0x86}, /* no domain's identity */
    {0x82, "example.test", "https://other.test/", 'y', 'y', 0x86},
    {0x82, "example.test", "example.test", 'y', 'n', COMMON_NAME},
    {0x82, "example.test", "other.test", 'n', 'y', COMMON_NAME},
    {0x82, "example.test", "no host", 'y', 'y', COMMON_NAME},
    {0x86, "example.test", "sip:example.test", 'y', 'n', 0},
    {0x86, "example.test", "sip:alice@example.test:5061;lr", 'y', 'n', 0},
    {0x86, "example.test", "https://example.test/x", 'y', 'n', 0},
    {0x86, "example.test", "sip:sip.example.test", 'n', 'y', 0},
    {0x86, ".example.test", "sip:sip.example.test", 'y', 'n', 0},
    {0x86, ".example.test", "sip:example.test", 'n', 'y', 0},
    {0x86, "example.test", "sip:127.0.0.1", 'n', 'n', 0},
    {0x86, "example.test", "tel:+12125550101", 'n', 'n', 0},
    {0x86, "example.test", "sip:a@b@example.test", 'n', 'n', 0},
    {0x81, "example.test", "bob@example.test", 'y', 'n', 0},
    {0x81, "example.test", "bob@sip.example.test", 'n', 'y', 0},
    {0x81, ".example.test", "bob@sip.example.test", 'y', 'n', 0},
    {0x81, "bob@example.test", "bob@EXAMPLE.test", 'y', 'n', 0},
    {0x81, "bob@example.test", "Bob@example.test", 'n', 'y', 0},
    {0x81, "example.test", "bob", 'n', 'n', 0},
    {0x87, "\x0a\x01\x01\x01\xff\xff\xff\xff", "\x0a\x01\x01\x01", 'y', 'n', 0},
    {0x87, "\x0a\x01\x01\x01\xff\xff\xff\xff", "\x0a\x01\x01\x02", 'n', 'y', 0},
    {0x87, "\x0a\x01\x01\x01\xff\xff\xff\xff", "0123456789abcdef", 'n', 'y', 0},
    {0xa4, "Aerzte", "aerzte", 'y', 'n', COMMON_NAME},
    {0xa4, "Aerzte", "Kassen", 'n', 'y', COMMON_NAME},
    {0xa4, "\u00c4rzte", "\u00c4rzte", 'y', 'n', COMMON_NAME},
    {0xa4, "\u00c4rzte", "\u00e4rzte", 'n', 'n', COMMON_NAME},
    {0xa4, "aerzte", "aer\u00adzte", 'n', 'n', COMMON_NAME},
};

/* A GeneralSubtree. */
static void put_base(writer *out, uint8_t kind, const char *base) {
    size_t start = out->len;
    if (kind == 0xa4) {
        put_name(out, base);
        put_tag(out, kind, start);
    } else {
        put_string(out, kind, base);
    }
    put_tag(out, 0x30, start);
}

/* 64 paths over a CA that nobody trusts, which excludes 100 names from a subject of 1 500 octets:
 * to compare long names is work, whose bound counts them. */
static void test_long_names(void) {
    static char long_name[1501];
    writer extension = {.len = 0};
    bench *b = bench_new();
    check_case("100 excluded names, a long subject, 64 paths");
    memset(long_name, 'x', sizeof long_name - 1);
    for (int i = 0; i < 100; i++) {
        put_base(&extension, 0xa4, "y");
    }
    put_tag(&extension, 0xa1, 0);
    put_extension(&extension, 0x1e);
    trust_one(b, root);
    send_one(b, (made){.subject = long_name, .issuer = "level0", .key = 9, .signer = 2});
    for (int level = 0; level < 3; level++) {
        char subject[16], issuer[16];
        snprintf(subject, sizeof subject, "level%d", level);
        snprintf(issuer, sizeof issuer, "level%d", level + 1);
        for (int i = 0; i < 4; i++) {
            char date[16];
            snprintf(date, sizeof date, "2040010100000%dZ", i);
            send_one(b, (made){.subject = subject,
                               .issuer = issuer,
                               .key = 2,
                               .signer = 2,
                               .ca = true,
                               .not_after = date});
        }
    }
    send_one(b, (made){.subject = "level3",
                       .issuer = "root",
                       .key = 2,
                       .signer = 3,
                       .ca = true,
                       .extension = extension.data + sizeof extension.data - extension.len,
                       .extension_len = extension.len});
    b->rules.chain_bytes_max = 65536;
    judge(b);
    CHECK_NUMBER("state", b->verdict.state, STLS_VERDICT_REJECTED);
    CHECK(b->verdict.flags & STLS_FLAG_LIMIT, "flags %s", flags_text(b->verdict.flags));
    bench_free(b);
}

static void test_constraints(void) {
    for (size_t i = 0; i < 2 * sizeof constraint_cases / sizeof constraint_cases[0]; i++) {
        const constraint_case *at = &constraint_cases[i / 2];
        bool excluded = i % 2 != 0;
        writer extension = {.len = 0};
        made leaf = constrained_leaf;
        if (at->name_kind == COMMON_NAME) {
            leaf.subject = at->name;
        } else {
            leaf.dns = at->name;
            leaf.alt_tag = at->name_kind != 0 ? at->name_kind : at->kind;
        }
        check_case("%s \"%s\": \"%s\"", excluded ? "excluded" : "permitted", at->base, at->name);
        put_base(&extension, at->kind, at->base);
        put_tag(&extension, excluded ? 0xa1 : 0xa0, 0);
        put_extension(&extension, 0x1e);
        bool accepted = (excluded ? at->excluded : at->permitted) == 'y';
        expect_under(leaf, constrained_ca, &extension,
                     accepted ? 0 : (uint32_t)STLS_FLAG_NAME_CONSTRAINT);
    }
}

/* requireExplicitPolicy from here on, and policies below that are there or are not. */
static void test_policies(void) {
    static const uint8_t require[] = {0x80, 0x01, 0x00};
    static const uint8_t policy_a[] = {0x30, 0x04, 0x06, 0x02, 0x2a, 0x03};
    static const uint8_t policy_b[] = {0x30, 0x04, 0x06, 0x02, 0x2a, 0x04};
    static const uint8_t any[] = {0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x20, 0x00};
    static const struct {
        const char *what;
        const uint8_t *of_ca, *of_leaf;
        uint32_t flags;
    } cases[] = {
        {"none", NULL, NULL, STLS_FLAG_POLICY},
        {"the CA's only", policy_a, NULL, STLS_FLAG_POLICY},
        {"the leaf's only", NULL, policy_a, STLS_FLAG_POLICY},
        {"the same", policy_a, policy_a, 0},
        {"different ones", policy_a, policy_b, STLS_FLAG_POLICY},
        {"any in the CA", any, policy_b, 0},
        {"any in the leaf", policy_a, any, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        writer constraints = {.len = 0}, policies = {.len = 0}, of_leaf = {.len = 0};
        made leaf = constrained_leaf;
        check_case("policies: %s", cases[i].what);
        put_octets(&constraints, require, sizeof require);
        put_extension(&constraints, 0x24);
        if (cases[i].of_ca != NULL) {
            put_octets(&policies, cases[i].of_ca, cases[i].of_ca[1] + 2U);
            put_extension(&policies, 0x20);
        }
        put_octets(&constraints, policies.data + sizeof policies.data - policies.len, policies.len);
        if (cases[i].of_leaf != NULL) {
            put_octets(&of_leaf, cases[i].of_leaf, cases[i].of_leaf[1] + 2U);
            put_extension(&of_leaf, 0x20);
            leaf.extension = of_leaf.data + sizeof of_leaf.data - of_leaf.len;
            leaf.extension_len = of_leaf.len;
        }
        expect_under(leaf, constrained_ca, &constraints, cases[i].flags);
    }
}

static void test_unreadable(void) {
    bench *b = bench_new();
    static const uint8_t junk[] = {0x30, 0x03, 0x02, 0x01};
    stls_verdict verdict;
    trust_one(b, root);
    send_one(b, (made){.subject = "leaf", .issuer = "a", .key = 9, .signer = 2});
    stls_bytes chain[] = {b->chain[0], {junk, sizeof junk}};
    stls_judge_request request = {
        .backend = &fake_backend,
        .trust = b->trust,
        .rules = &b->rules,
        .peer_role = STLS_ROLE_SERVER,
        .now = 1795000000,
        .chain = chain,
        .count = 2,
    };
    check_case("junk where the issuer should be");
    stls_judge(&request, &verdict);
    CHECK(verdict.flags == (STLS_FLAG_UNTRUSTED | STLS_FLAG_MALFORMED), "flags %s",
          flags_text(verdict.flags));
    CHECK_CONTAINS("sentence", verdict.text, "certificate 1 cannot be read: ");
    check_case("junk beside a good chain");
    trust_one(b, (made){.subject = "a", .issuer = "b", .key = 2, .signer = 3, .ca = true});
    stls_judge(&request, &verdict);
    CHECK_NUMBER("state", verdict.state, STLS_VERDICT_ACCEPTED);
    check_case("junk as leaf");
    chain[0] = chain[1];
    stls_judge(&request, &verdict);
    CHECK(verdict.flags == STLS_FLAG_MALFORMED, "flags %s", flags_text(verdict.flags));
    CHECK_NUMBER("path", verdict.path_len, 0);
    check_case("what a library cannot read");
    stls_judge_unreadable(&fake_backend, b->chain, 1, 0, &verdict);
    CHECK(verdict.flags == STLS_FLAG_UNREADABLE, "flags %s", flags_text(verdict.flags));
    CHECK_NUMBER("state", verdict.state, STLS_VERDICT_REJECTED);
    CHECK_NUMBER("alert", verdict.alert, 43);
    CHECK_CONTAINS("sentence", verdict.text, "fake cannot read certificate 0 of the peer (CN=leaf");
    stls_judge_unreadable(&fake_backend, chain, 2, 1, &verdict);
    CHECK(verdict.flags == (STLS_FLAG_UNREADABLE | STLS_FLAG_MALFORMED), "flags %s",
          flags_text(verdict.flags));
    CHECK_NUMBER("depth", verdict.depth[stls_flag_bit(STLS_FLAG_UNREADABLE)], 1);
    bench_free(b);
}

static void test_flag_names(void) {
    unsigned count = 0;
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flag = (uint32_t)1 << bit;
        const char *name = stls_flag_name(flag);
        if (name != NULL) {
            count++;
            CHECK_NUMBER(name, stls_flag_find(name), flag);
        }
    }
    CHECK_NUMBER("flags", count, 24);
    CHECK_NUMBER("no such flag", stls_flag_find("fine"), 0);
    CHECK_NUMBER("NULL", stls_flag_find(NULL), 0);
    CHECK(stls_flag_name(0) == NULL && stls_flag_name(3) == NULL, "no name for none or two");
}

static void test_is_secure(void) {
    stls_verdict verdict = {.state = STLS_VERDICT_NOT_DONE};
    CHECK(!stls_verdict_is_secure(NULL), "NULL");
    CHECK(!stls_verdict_is_secure(&verdict), "not done");
    verdict.state = STLS_VERDICT_ACCEPTED;
    CHECK(!stls_verdict_is_secure(&verdict), "no name");
    verdict.name_kind = STLS_NAME_DNS;
    CHECK(stls_verdict_is_secure(&verdict), "all well");
    verdict.flags = verdict.tolerated = STLS_FLAG_EXPIRED;
    CHECK(!stls_verdict_is_secure(&verdict), "tolerated");
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"chains of the PKI", test_pki},
        {"a clock that is not set", test_clock},
        {"the next expiry", test_next_expiry},
        {"any order", test_orders},
        {"cross signs", test_cross_signs},
        {"a mesh", test_mesh},
        {"slow keys", test_slow_keys},
        {"bounds", test_bounds},
        {"bytes", test_bytes},
        {"a long path", test_long_path},
        {"what the backend answers", test_backend_answers},
        {"borrowed keys", test_borrowed_keys},
        {"many flaws", test_many_flaws},
        {"name constraints", test_constraints},
        {"name constraints on long names", test_long_names},
        {"policies", test_policies},
        {"unreadable certificates", test_unreadable},
        {"names of flags", test_flag_names},
        {"is it secure", test_is_secure},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"verify", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
