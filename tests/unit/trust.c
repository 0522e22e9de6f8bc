/* The set of anchors: what goes in, what does not, who frees it.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/anchors.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/verify.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/made_chain.h"

#include <pthread.h>

typedef struct input_case {
    const char *files; /* joined into one input */
    stls_result result;
    size_t count;     /* anchors afterwards */
    const char *text; /* a part of the sentence */
} input_case;

static const input_case input_cases[] = {
    {"root.pem", STLS_OK, 1, NULL},
    {"root.der", STLS_OK, 1, NULL},
    {"two.pem", STLS_OK, 2, NULL},
    {"root.pem root.pem int.pem root.pem", STLS_OK, 2, NULL},
    {"server.pem", STLS_OK, 1, NULL}, /* a peer's own certificate can be an anchor */
    {"crlf.pem", STLS_OK, 1, NULL},
    {"bom.pem", STLS_OK, 1, NULL},
    {"text-before.pem", STLS_OK, 1, NULL},
    /* all or none */
    {"mixed-bundle.pem", STLS_E_FORMAT, 0, "line"},
    {"root.pem server.key", STLS_E_FORMAT, 0, "private key"},
    {"root.pem crl-int.pem", STLS_E_FORMAT, 0, "only certificates can be trusted"},
    {"key-as-cert.pem", STLS_E_FORMAT, 0, "the upload, line 1"},
    {"trunc.pem", STLS_E_FORMAT, 0, NULL},
    {"trunc.der", STLS_E_FORMAT, 0, NULL},
    {"trailing.der", STLS_E_FORMAT, 0, NULL},
    {"empty.pem", STLS_E_FORMAT, 0, NULL},
    {"garbage.bin", STLS_E_FORMAT, 0, NULL},
    {"nul.pem", STLS_E_FORMAT, 0, NULL},
    {"bad-base64.pem", STLS_E_FORMAT, 0, NULL},
    {"no-end.pem", STLS_E_FORMAT, 0, NULL},
};

static void test_inputs(void) {
    for (size_t i = 0; i < sizeof input_cases / sizeof input_cases[0]; i++) {
        const input_case *at = &input_cases[i];
        stls_trust *trust = stls_trust_new();
        stls_error error = {.result = STLS_NOT_DONE};
        stls_bytes data = pki_join(at->files);
        check_case("%s", at->files);
        CHECK_RESULT("add", stls_trust_add(trust, data.data, data.len, "the upload", &error),
                     at->result, &error);
        CHECK_NUMBER("anchors", stls_trust_count(trust), at->count);
        if (at->result != STLS_OK) {
            CHECK_CONTAINS("sentence", error.text, "the upload");
        }
        if (at->text != NULL) {
            CHECK_CONTAINS("sentence", error.text, at->text);
        }
        /* What was there before stays as it is. */
        stls_bytes other = pki_bytes("other-root.pem");
        CHECK_RESULT("other-root", stls_trust_add(trust, other.data, other.len, NULL, &error),
                     STLS_OK, &error);
        stls_trust_add(trust, data.data, data.len, NULL, NULL);
        CHECK_NUMBER("anchors", stls_trust_count(trust), at->count + 1);
        stls_trust_free(trust);
    }
}

static void test_order(void) {
    stls_trust *trust = pki_trust("root int other-root root");
    CHECK_NUMBER("anchors", stls_trust_count(trust), 3);
    CHECK_BYTES("first", stls_trust_at(trust, 0), pki_bytes("root.der"));
    CHECK_BYTES("last", stls_trust_at(trust, 2), pki_bytes("other-root.der"));
    CHECK(stls_trust_at(trust, 3).data == NULL, "behind the last there is nothing");
    CHECK(stls_trust_at(NULL, 0).data == NULL, "nor in no trust");
    CHECK_NUMBER("anchors of NULL", stls_trust_count(NULL), 0);
    stls_trust_free(trust);
}

/* One that is trusted as a CA stays one, whoever adds it as a peer, and in whichever order. */
static void test_peer_and_ca(void) {
    for (int peer_first = 0; peer_first <= 1; peer_first++) {
        stls_trust *trust = peer_first ? stls_trust_new() : pki_trust("root");
        stls_bytes root = pki_bytes("root.der");
        stls_error error = {.result = STLS_NOT_DONE};
        stls_x509 x509;
        check_case("a peer %s", peer_first ? "first" : "last");
        CHECK_RESULT("as a peer", stls_trust_add_peer(trust, root, "root", &error), STLS_OK,
                     &error);
        CHECK_RESULT("as a CA", stls_trust_add(trust, root.data, root.len, NULL, &error), STLS_OK,
                     &error);
        CHECK_NUMBER("anchors", stls_trust_count(trust), 1);
        CHECK_RESULT("root", stls_x509_parse(root, &x509, &error), STLS_OK, &error);
        const stls_anchor *anchor = stls_anchor_bucket(trust, stls_name_hash(x509.subject));
        CHECK(anchor != NULL && !anchor->is_peer, "it is no CA any more");
        stls_trust_free(trust);
    }
}

static void digest_of(stls_trust *trust, uint8_t digest[STLS_TRUST_DIGEST_LEN]) {
    CHECK(stls_trust_digest(trust, stls_backend_default(), digest), "no digest");
    stls_trust_free(trust);
}

/* Whatever is judged by, is in the digest that sessions are bound to. */
static void test_digest(void) {
    enum { EMPTY, ONE, TWO, PEER, WITH_CRL, WITH_OTHER_CRL, KINDS };
    uint8_t digests[KINDS][STLS_TRUST_DIGEST_LEN] = {{0}}, again[STLS_TRUST_DIGEST_LEN];
    stls_trust *trusts[KINDS] = {stls_trust_new(), pki_trust("root"), pki_trust("root other-root"),
                                 stls_trust_new(), pki_trust("root"), pki_trust("root")};
    stls_trust_add_peer(trusts[PEER], pki_bytes("root.der"), "root", NULL);
    stls_trust_add_crl_file(trusts[WITH_CRL], pki_path("crl-int.pem"), NULL);
    stls_trust_add_crl_file(trusts[WITH_OTHER_CRL], pki_path("crl-root.pem"), NULL);
    for (size_t i = 0; i < KINDS; i++) {
        check_case("trust %zu", i);
        digest_of(trusts[i], digests[i]);
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(digests[i], digests[k], STLS_TRUST_DIGEST_LEN) != 0, "as trust %zu", k);
        }
    }
    check_case("another order");
    digest_of(pki_trust("other-root root"), again);
    CHECK(memcmp(again, digests[TWO], sizeof again) == 0, "another digest");
}

static void test_arguments(void) {
    stls_trust *trust = stls_trust_new();
    stls_error error;
    CHECK_RESULT("NULL trust", stls_trust_add(NULL, "x", 1, NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("NULL data", stls_trust_add(trust, NULL, 1, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("NULL path", stls_trust_add_file(trust, NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no file", stls_trust_add_file(trust, pki_path("none.pem"), &error), STLS_E_FILE,
                 &error);
    CHECK_CONTAINS("sentence", error.text, "none.pem");
    char *large = calloc(1, STLS_TRUST_INPUT_MAX + 1);
    CHECK(large != NULL, "memory");
    CHECK_RESULT("too large", stls_trust_add(trust, large, STLS_TRUST_INPUT_MAX + 1, NULL, &error),
                 STLS_E_LIMIT, &error);
    free(large);
    stls_trust_free(trust);
    stls_trust_free(NULL);
    CHECK(stls_trust_hold(NULL) == NULL, "holding nothing");
}

static void test_life(void) {
    stls_trust *trust = pki_trust("root");
    stls_bytes der = pki_bytes("int.der");
    stls_error error;
    CHECK(stls_trust_hold(trust) == trust, "hold returns it");
    stls_trust_free(trust);
    CHECK_NUMBER("still there", stls_trust_count(trust), 1);
    stls_trust_freeze(trust);
    CHECK_RESULT("frozen", stls_trust_add(trust, der.data, der.len, NULL, &error), STLS_E_STATE,
                 &error);
    CHECK_RESULT("frozen", stls_trust_add_file(trust, pki_path("int.pem"), &error), STLS_E_STATE,
                 &error);
    CHECK_RESULT("frozen", stls_trust_add_system(trust, &error), STLS_E_STATE, &error);
    CHECK_NUMBER("unchanged", stls_trust_count(trust), 1);
    stls_trust_free(trust);
}

static void test_system(void) {
    stls_trust *trust = stls_trust_new();
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result = stls_trust_add_system(trust, &error);
    if (result == STLS_E_FILE) {
        test_skip("the system's bundle", "%s", error.text);
    } else {
        CHECK_RESULT("system", result, STLS_OK, &error);
        CHECK(stls_trust_count(trust) > 10, "%zu anchors", stls_trust_count(trust));
    }
    stls_trust_free(trust);
}

/* Hundreds of anchors, some of one name: each is found by its name. */
static void test_many(void) {
    stls_trust *trust = stls_trust_new();
    char name[16];
    for (unsigned i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "ca%u", i % 400);
        stls_bytes der = make_certificate(&(made){
            .subject = name, .issuer = name, .key = (uint8_t)(i / 400), .signer = 1, .ca = true});
        stls_error error;
        CHECK_RESULT(name, stls_trust_add(trust, der.data, der.len, NULL, &error), STLS_OK, &error);
        free((void *)(uintptr_t)der.data);
    }
    CHECK_NUMBER("anchors", stls_trust_count(trust), 500);
    for (size_t i = 0; i < 500; i++) {
        stls_cert cert;
        stls_bytes der = stls_trust_at(trust, i);
        CHECK_RESULT("read", stls_cert_read(der, &cert, NULL), STLS_OK, NULL);
        stls_anchor *at = stls_anchor_bucket(trust, cert.subject_hash);
        while (at != NULL && at->der.data != der.data) {
            at = at->next;
        }
        CHECK(at != NULL, "anchor %zu is in its bucket", i);
    }
    stls_trust_free(trust);
}

/* --- Key handles */

static void *get_keys(void *arg) {
    stls_trust *trust = arg;
    for (size_t i = 0; i < stls_trust_count(trust); i++) {
        stls_cert cert;
        stls_cert_read(stls_trust_at(trust, i), &cert, NULL);
        for (stls_anchor *at = stls_anchor_bucket(trust, cert.subject_hash); at != NULL;
             at = at->next) {
            void *key = NULL;
            bool borrowed = false;
            if (stls_anchor_key_for(at, &fake_backend, &key, &borrowed) != STLS_BE_OK ||
                !borrowed || key == NULL) {
                return trust;
            }
        }
    }
    return NULL;
}

static void test_keys(void) {
    enum { THREADS = 4 };
    stls_trust *trust = pki_trust("root int other-root self-signed root-ed25519");
    pthread_t threads[THREADS];
    fake_reset();
    stls_trust_freeze(trust);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, get_keys, trust) == 0, "a thread");
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = trust;
        pthread_join(threads[i], &failed);
        CHECK(failed == NULL, "thread %zu", i);
    }
    CHECK_NUMBER("kept", fake_keys_made - fake_keys_freed, 5);
    stls_trust_free(trust);
    CHECK_NUMBER("freed", fake_keys_freed, fake_keys_made);
}

/* More backends than an anchor has room for: the last one's handle is the caller's. */
static void test_many_backends(void) {
    stls_trust *trust = pki_trust("root");
    stls_cert cert;
    stls_backend backends[STLS_ANCHOR_BACKENDS + 1];
    fake_reset();
    stls_cert_read(stls_trust_at(trust, 0), &cert, NULL);
    stls_anchor *anchor = stls_anchor_bucket(trust, cert.subject_hash);
    for (size_t i = 0; i <= STLS_ANCHOR_BACKENDS; i++) {
        void *key = NULL;
        bool borrowed = false;
        backends[i] = fake_backend;
        CHECK_NUMBER("key", stls_anchor_key_for(anchor, &backends[i], &key, &borrowed), STLS_BE_OK);
        CHECK_NUMBER("borrowed", borrowed, i < STLS_ANCHOR_BACKENDS);
        if (!borrowed) {
            fake_key_free(key);
        }
    }
    stls_trust_free(trust);
    CHECK_NUMBER("freed", fake_keys_freed, STLS_ANCHOR_BACKENDS + 1);
}

/* --- siptls/certificate.h */

static void test_certificate(void) {
    stls_certificate_info info;
    stls_error error = {.result = STLS_NOT_DONE};
    char text[64];
    CHECK_RESULT("server", stls_certificate_read(pki_bytes("server.der"), &info, &error), STLS_OK,
                 &error);
    CHECK_TEXT("subject", info.subject, "CN=server, O=siptls tests");
    CHECK_TEXT("issuer", info.issuer, "CN=int, O=siptls tests");
    CHECK_TEXT("key", info.key, "EC secp256r1");
    CHECK_NUMBER("CA", info.is_ca, false);
    CHECK(info.not_before < info.not_after, "dates");
    CHECK_NUMBER("names", info.alt_name_count, 2);
    CHECK(stls_certificate_alt_name(pki_bytes("server.der"), 0, text, sizeof text), "the first");
    CHECK_TEXT("name", text, "URI:sip:example.test");
    CHECK(stls_certificate_alt_name(pki_bytes("ip.der"), 1, text, sizeof text), "an address");
    CHECK_TEXT("name", text, "IP:::1");
    CHECK(stls_certificate_alt_name(pki_bytes("nul-in-dns.der"), 0, text, sizeof text), "a NUL");
    CHECK_TEXT("name", text, "DNS:example.test\\x00.attacker.test");
    CHECK(!stls_certificate_alt_name(pki_bytes("server.der"), 2, text, sizeof text), "no third");
    stls_name_kind kind;
    CHECK(stls_certificate_alt_name(pki_bytes("server.der"), 0, text, 8), "cut");
    CHECK_TEXT("a cut name", text, "URI:...");
    CHECK(stls_certificate_sip_identity(pki_bytes("server.der"), 0, text, 8, &kind), "cut");
    CHECK_TEXT("a cut identity", text, "exam...");
    CHECK(!stls_certificate_alt_name(pki_bytes("server.der"), 0, text, 3), "no room for a name");
    CHECK(!stls_certificate_sip_identity(pki_bytes("server.der"), 0, text, 3, &kind),
          "no room for an identity");
    CHECK_RESULT("rsa", stls_certificate_read(pki_bytes("root-rsa.der"), &info, &error), STLS_OK,
                 &error);
    CHECK_TEXT("key", info.key, "RSA 2048");
    CHECK_NUMBER("CA", info.is_ca, true);
    CHECK_RESULT("junk", stls_certificate_read(pki_bytes("garbage.bin"), &info, &error),
                 STLS_E_FORMAT, &error);
}

static void test_pem(void) {
    static const char *const names[] = {"server", "root-rsa", "rsa1024", "ip", "phone"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char file[64], text[8192], shorter[100];
        check_case("%s", names[i]);
        snprintf(file, sizeof file, "%s.der", names[i]);
        stls_bytes der = pki_bytes(file);
        size_t len = stls_certificate_pem(der, text, sizeof text);
        snprintf(file, sizeof file, "%s.pem", names[i]);
        stls_bytes expected = pki_bytes(file);
        CHECK_BYTES("PEM", ((stls_bytes){(const uint8_t *)text, len}), expected);
        CHECK_NUMBER("ended", text[len], 0);
        CHECK_NUMBER("no room", stls_certificate_pem(der, NULL, 0), len);
        CHECK_NUMBER("cut", stls_certificate_pem(der, shorter, sizeof shorter), len);
        CHECK_NUMBER("its length", strlen(shorter), sizeof shorter - 1);
        CHECK(memcmp(text, shorter, sizeof shorter - 1) == 0, "its content");
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"inputs", test_inputs},
        {"order", test_order},
        {"a peer and a CA", test_peer_and_ca},
        {"digest", test_digest},
        {"arguments", test_arguments},
        {"life", test_life},
        {"the system's bundle", test_system},
        {"many anchors", test_many},
        {"key handles, by several threads", test_keys},
        {"key handles, of several backends", test_many_backends},
        {"what a certificate says", test_certificate},
        {"PEM", test_pem},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"trust", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
