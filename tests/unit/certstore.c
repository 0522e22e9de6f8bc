/* The lists of a phone, in memory: what comes in, what does not, what goes out.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/certstore.h>

#include "backends/contract.h"
#include "base/memory.h"
#include "certstore/read/crl.h"
#include "certstore/read/pem.h"
#include "certstore/read/x509.h"
#include "certstore/verify/verify.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 86400, NAME_SIZE = 64 };

static int64_t clock_at(void *arg) {
    return *(const int64_t *)arg;
}

static stls_certstore *new_store(const stls_certstore_options *options) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("a store", stls_certstore_new(stls_backend_default(), options, &store, &error),
                 STLS_OK, &error);
    return store;
}

static stls_result add(stls_certstore *store, const char *files, const char *name, uint32_t flags,
                       stls_error *error) {
    stls_bytes data = pki_join(files);
    return stls_certstore_add(store, data.data, data.len, name, flags, NULL, error);
}

/* Certificate and key from files of the PKI; `key` "": in `chain`. */
static stls_result install(stls_certstore *store, stls_place place, const char *chain,
                           const char *key, const char *password, stls_error *error) {
    stls_bytes data = pki_join(chain), key_data = {NULL, 0};
    if (*key != '\0') {
        key_data = pki_join(key);
    }
    return stls_certstore_install(store, place, data.data, data.len, key_data.data, key_data.len,
                                  password, NULL, error);
}

static size_t count(const stls_certstore *store, uint32_t places) {
    stls_certstore_query query = {.places = places};
    return stls_certstore_count(store, &query);
}

static bool find_at(const stls_certstore *store, uint32_t places, stls_certstore_entry *entry) {
    stls_certstore_query query = {.places = places};
    size_t position = 0;
    return stls_certstore_next(store, &query, &position, entry);
}

static void set_builtin(stls_certstore *store, const char *files) {
    stls_bytes bundle = pki_join(files);
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("built-in",
                 stls_certstore_set_builtin(store, bundle.data, bundle.len, NULL, &error), STLS_OK,
                 &error);
}

static uint8_t *fingerprint_of(const char *file) {
    static uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    stls_certificate_fingerprint(stls_backend_default(), pki_bytes(file), fingerprint);
    return fingerprint;
}

typedef struct text_sink {
    uint8_t *data;
    size_t len;
} text_sink;

static stls_result collect(void *arg, const void *data, size_t len, stls_error *error) {
    text_sink *sink = arg;
    (void)error;
    uint8_t *longer = realloc(sink->data, sink->len + len + 1);
    if (longer == NULL) {
        abort();
    }
    memcpy(longer + sink->len, data, len);
    sink->data = longer;
    sink->len += len;
    longer[sink->len] = '\0';
    return STLS_OK;
}

/* --- Trusted certificates */

typedef struct add_case {
    const char *files;
    uint32_t flags;
    stls_result result;
    size_t count; /* that were added */
    const char *text;
} add_case;

static const add_case add_cases[] = {
    {"root.pem", 0, STLS_OK, 1, NULL},
    {"root.der", 0, STLS_OK, 1, NULL},
    {"two.pem", 0, STLS_OK, 2, NULL},
    {"root.pem root.pem int.pem root.pem", 0, STLS_OK, 2, NULL},
    {"root-rsa.pem root-ed25519.pem", 0, STLS_OK, 2, NULL},
    {"server.pem", STLS_ADD_PEER, STLS_OK, 1, NULL},
    {"crlf.pem", STLS_ADD_PEER, STLS_OK, 1, NULL},
    {"bom.pem", STLS_ADD_PEER, STLS_OK, 1, NULL},
    {"text-before.pem", STLS_ADD_PEER, STLS_OK, 1, NULL},
    {"self-signed.pem root.pem", STLS_ADD_PEER, STLS_OK, 2, NULL},
    /* refused, all of it */
    {"server.pem", 0, STLS_E_REFUSED, 0, "CN=server is not a CA"},
    {"root.pem self-signed.pem", 0, STLS_E_REFUSED, 0, "is not a CA"},
    {"int-notca.pem", 0, STLS_E_REFUSED, 0, "is not a CA"},
    {"int-nobc.pem", 0, STLS_E_REFUSED, 0, "is not a CA"},
    {"int-nosign.pem", 0, STLS_E_REFUSED, 0, "is not a CA"},
    {"root-expired.pem", 0, STLS_E_REFUSED, 0, "has expired on 20"},
    {"root.pem root-expired.pem", 0, STLS_E_REFUSED, 0, "Nothing was added"},
    {"expired.pem", STLS_ADD_PEER, STLS_E_REFUSED, 0, "has expired on"},
    {"other-root.pem", 0, STLS_E_REFUSED, 0, "is in the list of custom certificates already"},
    {"mixed-bundle.pem", 0, STLS_E_FORMAT, 0, "line"},
    {"root.pem server.key", 0, STLS_E_FORMAT, 0, "a private key"},
    {"root.pem crl-int.pem", 0, STLS_E_FORMAT, 0, "CRLs have a list of their own"},
    {"trunc.pem", 0, STLS_E_FORMAT, 0, NULL},
    {"trunc.der", 0, STLS_E_FORMAT, 0, NULL},
    {"trailing.der", 0, STLS_E_FORMAT, 0, NULL},
    {"empty.pem", 0, STLS_E_FORMAT, 0, NULL},
    {"garbage.bin", 0, STLS_E_FORMAT, 0, NULL},
    {"no-end.pem", 0, STLS_E_FORMAT, 0, NULL},
};

static void test_add(void) {
    for (size_t i = 0; i < sizeof add_cases / sizeof add_cases[0]; i++) {
        const add_case *at = &add_cases[i];
        stls_certstore *store = new_store(NULL);
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", at->files);
        CHECK_RESULT("before", add(store, "other-root.pem", "other", 0, &error), STLS_OK, &error);
        uint64_t generation = stls_certstore_generation(store);
        CHECK_RESULT("add", add(store, at->files, "the upload", at->flags, &error), at->result,
                     &error);
        CHECK_NUMBER("certificates", count(store, 0), at->count + 1);
        CHECK_NUMBER("generation", stls_certstore_generation(store),
                     generation + (at->result == STLS_OK));
        if (at->result != STLS_OK) {
            CHECK_CONTAINS("sentence", error.text, at->text != NULL ? at->text : "the upload");
        }
        stls_certstore_free(store);
    }
}

static void test_limits(void) {
    static const char *const files[] = {"root.pem",          "root-rsa.pem", "root-ed25519.pem",
                                        "other-root.pem",    "int.pem",      "int-rsa.pem",
                                        "int-ed25519.pem",   "int2.pem",     "int-nc.pem",
                                        "int-eku-client.pem"};
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        CHECK_RESULT(files[i], add(store, files[i], NULL, 0, &error), STLS_OK, &error);
    }
    CHECK_RESULT("the 11th", add(store, "int-unknown-critical.pem", NULL, 0, &error), STLS_E_LIMIT,
                 &error);
    CHECK_CONTAINS("sentence", error.text, "11 custom certificates, and at most 10");
    CHECK_NUMBER("certificates", count(store, 0), 10);
    stls_certstore_free(store);

    store = new_store(&(stls_certstore_options){.max_custom = 2, .max_bytes = 3000});
    CHECK_RESULT("one", add(store, "other-root.pem", NULL, 0, &error), STLS_OK, &error);
    CHECK_RESULT("and two", add(store, "two.pem", NULL, 0, &error), STLS_E_LIMIT, &error);
    CHECK_NUMBER("certificates", count(store, 0), 1);
    CHECK_RESULT("3000 bytes", add(store, "two.pem two.pem two.pem", NULL, 0, &error), STLS_E_LIMIT,
                 &error);
    stls_certstore_free(store);
}

static void test_large_file(void) {
    char path[] = "/tmp/siptls-large-XXXXXX";
    int fd = mkstemp(path);
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK(fd >= 0 && ftruncate(fd, 6 * 1024 * 1024) == 0, "a file of 6 MB");
    CHECK_RESULT("6 MB", stls_certstore_add_file(store, path, NULL, 0, NULL, &error), STLS_E_LIMIT,
                 &error);
    CHECK_CONTAINS("sentence", error.text, path);
    CHECK_RESULT(
        "6 MB",
        stls_certstore_install_files(store, STLS_PLACE_UNIQUE, path, NULL, NULL, NULL, &error),
        STLS_E_LIMIT, &error);
    char *large = calloc(1, 6 * 1024 * 1024);
    CHECK_RESULT("6 MB of memory",
                 stls_certstore_add(store, large, 6 * 1024 * 1024, NULL, 0, NULL, &error),
                 STLS_E_LIMIT, &error);
    CHECK_RESULT("no file",
                 stls_certstore_add_file(store, "/nowhere/ca.pem", NULL, 0, NULL, &error),
                 STLS_E_FILE, &error);
    CHECK_NUMBER("certificates", count(store, 0), 0);
    free(large);
    close(fd);
    unlink(path);
    stls_certstore_free(store);
}

static void test_names(void) {
    static const struct {
        const char *name;
        stls_result result;
    } cases[] = {
        {"ca.pem", STLS_OK},
        {"Jim's \"own\" CA", STLS_OK},
        {" ", STLS_OK},
        {"", STLS_E_ARGUMENT},
        {"a\nb", STLS_E_ARGUMENT},
        {"\xc3\xa4", STLS_E_ARGUMENT},
        {"63 bytes 63 bytes 63 bytes 63 bytes 63 bytes 63 bytes 63 bytes ", STLS_OK},
        {"64 bytes 64 bytes 64 bytes 64 bytes 64 bytes 64 bytes 64 bytes 6", STLS_E_ARGUMENT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stls_certstore *store = new_store(NULL);
        stls_certstore_entry entry;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("name \"%s\"", cases[i].name);
        CHECK_RESULT("add", add(store, "root.pem", cases[i].name, 0, &error), cases[i].result,
                     &error);
        if (find_at(store, 0, &entry)) {
            CHECK_TEXT("name", entry.name, cases[i].name);
        }
        stls_certstore_free(store);
    }
    stls_certstore *store = new_store(NULL);
    stls_certstore_entry entry;
    stls_error error;
    add(store, "root.pem", NULL, 0, &error);
    CHECK(find_at(store, 0, &entry), "there");
    CHECK_TEXT("name", entry.name, "CN=root");
    size_t added = 0;
    CHECK_RESULT("file",
                 stls_certstore_add_file(store, pki_path("int.pem"), NULL, 0, &added, &error),
                 STLS_OK, &error);
    CHECK_NUMBER("added", added, 1);
    CHECK_NUMBER("of that name",
                 stls_certstore_count(store, &(stls_certstore_query){.name = "int.pem"}), 1);
    stls_certstore_free(store);
}

static void test_remove(void) {
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    size_t removed = 0;
    set_builtin(store, "root-rsa.pem int-rsa.pem");
    add(store, "two.pem", "a bundle", 0, &error);
    add(store, "other-root.pem", "other", 0, &error);
    CHECK_RESULT("unknown name", stls_certstore_remove_name(store, "nobody", NULL, &error),
                 STLS_E_REFUSED, &error);
    CHECK_CONTAINS("sentence", error.text, "no custom certificate and no CRL called \"nobody\"");
    CHECK_RESULT("unknown fingerprint",
                 stls_certstore_remove(store, fingerprint_of("int2.der"), &error), STLS_E_REFUSED,
                 &error);
    CHECK_RESULT("built in", stls_certstore_remove(store, fingerprint_of("root-rsa.der"), &error),
                 STLS_E_REFUSED, &error);
    CHECK_CONTAINS("sentence", error.text, "is built in and cannot be removed");
    CHECK_NUMBER("certificates", count(store, 0), 5);
    CHECK_RESULT("bundle", stls_certstore_remove_name(store, "a bundle", &removed, &error), STLS_OK,
                 &error);
    CHECK_NUMBER("removed", removed, 2);
    CHECK_RESULT("other", stls_certstore_remove(store, fingerprint_of("other-root.der"), &error),
                 STLS_OK, &error);
    CHECK_NUMBER("custom", count(store, STLS_PLACE_CUSTOM), 0);
    CHECK_NUMBER("built in", count(store, STLS_PLACE_BUILTIN), 2);
    stls_certstore_free(store);
}

static void add_hex(char *text, size_t size, const char *file, const char *rest) {
    const uint8_t *fingerprint = fingerprint_of(file);
    size_t len = strlen(text);
    for (size_t i = 0; i < STLS_FINGERPRINT_LEN; i++) {
        const char *colon = i + 1 < STLS_FINGERPRINT_LEN ? ":" : "";
        len += (size_t)snprintf(text + len, size - len, i % 2 == 0 ? "%02X%s" : "%02x%s",
                                fingerprint[i], colon);
    }
    snprintf(text + len, size - len, "%s", rest);
}

static void test_builtin(void) {
    stls_certstore *store = new_store(NULL);
    stls_certstore_entry entry;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_bytes bundle = pki_join("root.pem int.pem other-root.pem root-expired.pem root.pem");
    char list[1024] = "# the two that we want\n\n", missing[512] = "";
    set_builtin(store, "root-rsa.pem");
    add_hex(list, sizeof list, "root-expired.der", "  Old CA\n# no more\n");
    add_hex(list, sizeof list, "root.der", "");
    CHECK_RESULT("by list",
                 stls_certstore_set_builtin(store, bundle.data, bundle.len, list, &error), STLS_OK,
                 &error);
    CHECK_NUMBER("built in", count(store, STLS_PLACE_BUILTIN), 2);
    CHECK(find_at(store, 0, &entry), "the first");
    CHECK_TEXT("first", entry.name, "CN=root-expired");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_EXPIRED);
    add_hex(missing, sizeof missing, "int2.der", " A CA that is gone\x1b[2J");
    CHECK_RESULT("not there",
                 stls_certstore_set_builtin(store, bundle.data, bundle.len, missing, &error),
                 STLS_E_REFUSED, &error);
    CHECK_CONTAINS("sentence", error.text, "A CA that is gone\\x1b[2J");
    CHECK_RESULT("no fingerprint",
                 stls_certstore_set_builtin(store, bundle.data, bundle.len, "\nroot\n", &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "line 2");
    bundle = pki_join("root.pem server.pem");
    CHECK_RESULT("a leaf", stls_certstore_set_builtin(store, bundle.data, bundle.len, NULL, &error),
                 STLS_E_REFUSED, &error);
    CHECK_NUMBER("built in", count(store, STLS_PLACE_BUILTIN), 2);
    CHECK_RESULT("custom too", add(store, "root.pem", NULL, 0, &error), STLS_OK, &error);
    CHECK(find_at(store, STLS_PLACE_CUSTOM, &entry), "custom");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_ALSO_BUILTIN);
    set_builtin(store, "root.pem int.pem root.pem");
    CHECK_NUMBER("built in", count(store, STLS_PLACE_BUILTIN), 2);
    stls_certstore_free(store);
}

/* --- Revocation lists */

static stls_result add_crl(stls_certstore *store, const char *files, stls_error *error) {
    stls_bytes data = pki_join(files);
    return stls_certstore_add_crl(store, data.data, data.len, "the upload", NULL, error);
}

typedef struct crl_case {
    const char *trusted, *before, *files;
    stls_result result;
    size_t count; /* CRLs afterwards */
    uint32_t flags;
    const char *text;
} crl_case;

static const crl_case crl_cases[] = {
    {"int.pem", "", "crl-int.pem", STLS_OK, 1, 0, NULL},
    {"int.pem", "", "crl-int.der", STLS_OK, 1, 0, NULL},
    {"int.pem root.pem", "", "crl-two.pem", STLS_OK, 2, 0, NULL},
    {"int.pem", "", "crl-int.pem crl-int.pem", STLS_OK, 1, 0, NULL},
    {"int.pem", "", "crl-int-not-yet.pem", STLS_OK, 1, STLS_ENTRY_NOT_YET_VALID, NULL},
    /* of a CA that is not in the store */
    {"root.pem", "", "crl-int.pem", STLS_OK, 1, STLS_ENTRY_NO_ISSUER, NULL},
    {"root.pem", "", "crl-int-bad-signature.pem", STLS_OK, 1, STLS_ENTRY_NO_ISSUER, NULL},
    /* newer, older, the same, and beside each other */
    {"int.pem", "crl-int.pem", "crl-int-revoked.pem", STLS_OK, 1, 0, NULL},
    {"int.pem", "crl-int.pem", "crl-root.pem", STLS_OK, 2, 0, NULL},
    {"int.pem", "crl-int.pem", "crl-int-users.pem", STLS_OK, 2, 0, NULL},
    {"int.pem", "crl-int.pem", "crl-int-delta.pem", STLS_OK, 2, 0, NULL},
    {"int.pem", "crl-int-delta.pem", "crl-int-delta-revoked.pem", STLS_OK, 1, 0, NULL},
    {"int.pem", "", "crl-int-revoked.pem crl-int.pem", STLS_E_REFUSED, 0, 0, "not older than"},
    {"int.pem", "crl-int-revoked.pem", "crl-int.pem", STLS_E_REFUSED, 1, 0, "not older than this"},
    {"int.pem", "crl-int.pem", "crl-int.pem", STLS_E_REFUSED, 1, 0, "this very one"},
    /* refused, all of it */
    {"int.pem", "", "crl-int-bad-signature.pem", STLS_E_REFUSED, 0, 0, "damaged or forged"},
    {"int.pem", "", "crl-root.pem crl-int-bad-signature.pem", STLS_E_REFUSED, 0, 0, "Nothing was"},
    {"int.pem", "", "crl-int-expired.pem", STLS_E_REFUSED, 0, 0, "the next was due on 20"},
    {"int.pem", "", "crl-int-indirect.pem", STLS_E_UNSUPPORTED, 0, 0, "indirect CRL"},
    {"int.pem", "", "crl-int-critical.pem", STLS_E_UNSUPPORTED, 0, 0, "critical extension"},
    {"int.pem", "", "crl-and-certificate.pem", STLS_E_FORMAT, 0, 0, "only CRLs are taken here"},
    {"int.pem", "", "int.pem", STLS_E_FORMAT, 0, 0, "this is a certificate"},
    {"int.pem", "", "server.key", STLS_E_FORMAT, 0, 0, "this is a private key"},
    {"int.pem", "", "garbage.bin", STLS_E_FORMAT, 0, 0, "the upload"},
    {"int.pem", "", "empty.pem", STLS_E_FORMAT, 0, 0, "the upload"},
};

static void test_add_crl(void) {
    for (size_t i = 0; i < sizeof crl_cases / sizeof crl_cases[0]; i++) {
        const crl_case *at = &crl_cases[i];
        stls_certstore *store = new_store(NULL);
        stls_certstore_entry entry = {.flags = 0};
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s behind \"%s\"", at->files, at->before);
        CHECK_RESULT("CAs", add(store, at->trusted, NULL, 0, &error), STLS_OK, &error);
        if (at->before[0] != '\0') {
            CHECK_RESULT("before", add_crl(store, at->before, &error), STLS_OK, &error);
        }
        uint64_t generation = stls_certstore_generation(store);
        CHECK_RESULT("add", add_crl(store, at->files, &error), at->result, &error);
        CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), at->count);
        CHECK_NUMBER("generation", stls_certstore_generation(store),
                     generation + (at->result == STLS_OK));
        if (at->text != NULL) {
            CHECK_CONTAINS("sentence", error.text, at->text);
        }
        if (at->result == STLS_OK && find_at(store, STLS_PLACE_CRL, &entry)) {
            CHECK_NUMBER("flags", entry.flags, at->flags);
        }
        stls_certstore_free(store);
    }
}

/* crl-int.der without its nextUpdate, the second of two dates of 15 octets; signed by nobody. */
static stls_bytes without_next_update(void) {
    enum { HEADER = 3, DATE = 15 };
    static uint8_t der[512];
    stls_bytes whole = pki_bytes("crl-int.der");
    static const uint8_t utc_time[] = {0x17, 0x0d};
    size_t at = 0, found = 0, tbs_end = whole.data[5] + 2U * HEADER;
    for (size_t i = 2 * HEADER; found < 2 && i + 2 < tbs_end; i++) {
        if (memcmp(whole.data + i, utc_time, sizeof utc_time) == 0) {
            at = i;
            found++;
        }
    }
    CHECK(found == 2 && whole.len < sizeof der && whole.data[4] == 0x81 &&
              whole.data[5] < 0x80 + DATE,
          "the CRL is as it was");
    /* Both lengths are smaller; that of what is signed needs an octet less. */
    const uint8_t headers[] = {0x30, 0x81, (uint8_t)(whole.len - HEADER - DATE - 1), 0x30,
                               (uint8_t)(whole.data[5] - DATE)};
    memcpy(der, headers, sizeof headers);
    memcpy(der + sizeof headers, whole.data + 6, at - 6);
    memcpy(der + sizeof headers + at - 6, whole.data + at + DATE, whole.len - at - DATE);
    return (stls_bytes){der, whole.len - DATE - 1};
}

static void test_crl_limits(void) {
    stls_certstore *store = new_store(&(stls_certstore_options){.max_crls = 1, .max_bytes = 1500});
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("two of one", add_crl(store, "crl-two.pem", &error), STLS_E_LIMIT, &error);
    CHECK_CONTAINS("sentence", error.text, "2 CRLs, and at most 1 are allowed; remove 1");
    CHECK_RESULT("one", add_crl(store, "crl-int.pem", &error), STLS_OK, &error);
    CHECK_RESULT("its successor", add_crl(store, "crl-int-revoked.pem", &error), STLS_OK, &error);
    CHECK_RESULT("another", add_crl(store, "crl-root.pem", &error), STLS_E_LIMIT, &error);
    CHECK_RESULT(
        "1500 bytes of text",
        add_crl(store, "crl-int.pem crl-int.pem crl-int.pem crl-int.pem crl-int.pem", &error),
        STLS_E_LIMIT, &error);
    CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), 1);
    stls_certstore_free(store);

    store = new_store(&(stls_certstore_options){.max_bytes = 450});
    CHECK_RESULT("one", add_crl(store, "crl-int.der", &error), STLS_OK, &error);
    CHECK_RESULT("450 bytes together", add_crl(store, "crl-int-users.pem", &error), STLS_E_LIMIT,
                 &error);
    CHECK_CONTAINS("sentence", error.text, "bytes of CRLs, and at most 450");
    stls_certstore_free(store);

    store = new_store(NULL);
    stls_bytes endless = without_next_update();
    CHECK_RESULT("no nextUpdate",
                 stls_certstore_add_crl(store, endless.data, endless.len, NULL, NULL, &error),
                 STLS_E_REFUSED, &error);
    CHECK_CONTAINS("sentence", error.text, "nextUpdate");
    CHECK_RESULT("no file", stls_certstore_add_crl_file(store, "/nowhere/x", NULL, NULL, &error),
                 STLS_E_FILE, &error);
    CHECK_RESULT("NULL", stls_certstore_add_crl(store, NULL, 1, NULL, NULL, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), 0);
    stls_certstore_free(store);
}

/* So many CRLs as PEM, each of an issuer of its own, which nobody knows. */
static char *many_crls(size_t many) {
    enum { ONE = 1024 };
    stls_bytes model = pki_bytes("crl-int.der");
    uint8_t der[512];
    char *text = malloc(many * ONE);
    size_t len = 0, at = 0;
    while (at + 3 < model.len && memcmp(model.data + at, "int", 3) != 0) {
        at++;
    }
    CHECK(text != NULL && at + 3 < model.len && model.len < sizeof der, "the CRL is as it was");
    memcpy(der, model.data, model.len);
    for (size_t i = 0; i < many; i++) {
        stls_certstore_entry entry = {.place = STLS_PLACE_CRL, .der = {der, model.len}};
        der[at] = (uint8_t)('a' + i / 676);
        der[at + 1] = (uint8_t)('a' + i / 26 % 26);
        der[at + 2] = (uint8_t)('a' + i % 26);
        len += stls_certstore_pem(&entry, text + len, ONE);
    }
    return text;
}

/* Of so many, not all are looked at: it is not told what the last one is. */
static void test_far_too_many(void) {
    enum { MANY = 1000 };
    char *text = many_crls(MANY);
    stls_bytes last = pki_bytes("root.pem");
    text_sink sink = {NULL, 0};
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    collect(&sink, text, strlen(text), NULL);
    CHECK_RESULT("1000 CRLs",
                 stls_certstore_add_crl(store, sink.data, sink.len, NULL, NULL, &error),
                 STLS_E_LIMIT, &error);
    CHECK_CONTAINS("sentence", error.text, "the first 256 were looked at: that would be 256 CRLs");
    collect(&sink, last.data, last.len, NULL);
    CHECK_RESULT("and a certificate",
                 stls_certstore_add_crl(store, sink.data, sink.len, NULL, NULL, &error),
                 STLS_E_LIMIT, &error);
    CHECK_NUMBER("CRLs", count(store, 0), 0);
    stls_certstore_free(store);
    free(sink.data);
    free(text);
}

static void test_crl_entry(void) {
    int64_t now = (int64_t)time(NULL);
    stls_certstore *store =
        new_store(&(stls_certstore_options){.clock = clock_at, .clock_arg = &now});
    stls_certstore_entry entry;
    stls_error error = {.result = STLS_NOT_DONE};
    char pem[8192];
    CHECK_RESULT(
        "add",
        stls_certstore_add_crl_file(store, pki_path("crl-int-revoked.pem"), NULL, NULL, &error),
        STLS_OK, &error);
    CHECK(find_at(store, STLS_PLACE_CRL, &entry), "there");
    CHECK_TEXT("name", entry.name, "crl-int-revoked.pem");
    CHECK_CONTAINS("issuer", entry.info.issuer, "CN=int");
    CHECK_NUMBER("revoked", entry.revoked_count, 1);
    CHECK(entry.info.serial[0] != '\0', "a number");
    CHECK(entry.seconds_left > 28 * DAY && entry.seconds_left < 31 * DAY, "%lld seconds",
          (long long)entry.seconds_left);
    size_t len = stls_certstore_pem(&entry, pem, sizeof pem);
    CHECK_NUMBER("length", len, strlen(pem));
    CHECK_BYTES("PEM", ((stls_bytes){(const uint8_t *)pem, strlen(pem)}),
                pki_bytes("crl-int-revoked.pem"));
    CHECK_NUMBER("by issuer",
                 stls_certstore_count(store, &(stls_certstore_query){.subject = "cn=INT"}), 1);
    CHECK_NUMBER("due in 40 days",
                 stls_certstore_count(store, &(stls_certstore_query){.expiring = true, .days = 40}),
                 1);
    CHECK_NUMBER("in 20",
                 stls_certstore_count(store, &(stls_certstore_query){.expiring = true, .days = 20}),
                 0);
    now += 40 * DAY;
    CHECK(find_at(store, STLS_PLACE_CRL, &entry), "there");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_EXPIRED | STLS_ENTRY_NO_ISSUER);
    CHECK(entry.seconds_left < 0, "%lld seconds", (long long)entry.seconds_left);
    size_t removed = 0;
    CHECK_RESULT("remove", stls_certstore_remove_name(store, entry.name, &removed, &error), STLS_OK,
                 &error);
    CHECK_NUMBER("removed", removed, 1);
    now -= 40 * DAY;
    add_crl(store, "crl-int.pem", &error);
    CHECK(find_at(store, STLS_PLACE_CRL, &entry), "there");
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    memcpy(fingerprint, entry.fingerprint, sizeof fingerprint);
    CHECK_RESULT("remove", stls_certstore_remove(store, fingerprint, &error), STLS_OK, &error);
    CHECK_RESULT("once more", stls_certstore_remove(store, fingerprint, &error), STLS_E_REFUSED,
                 &error);
    stls_certstore_free(store);
}

/* --- Looking */

static void test_query(void) {
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    set_builtin(store, "root.pem root-expired.pem");
    add(store, "other-root.pem int.pem", "mine", 0, &error);
    install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", NULL, &error);
    static const struct {
        const char *title;
        stls_certstore_query query;
        size_t count;
    } cases[] = {
        {"all", {.places = 0}, 5},
        {"trusted", {.places = STLS_PLACES_TRUSTED}, 4},
        {"name", {.name = "mine"}, 2},
        {"subject", {.subject = "cn=ROOT"}, 2},
        {"subject", {.subject = "other"}, 1},
        {"alternative name", {.subject = "sip:Example.test"}, 1},
        {"nobody", {.subject = "nobody"}, 0},
        {"expired", {.expiring = true}, 1},
        {"in 100 years", {.expiring = true, .days = 36500}, 5},
        {"expired, of the custom ones", {.expiring = true, .places = STLS_PLACE_CUSTOM}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_NUMBER(cases[i].title, stls_certstore_count(store, &cases[i].query), cases[i].count);
    }
    stls_certstore_query query = {.fingerprint = fingerprint_of("other-root.der")};
    stls_certstore_entry entry;
    size_t position = 0;
    CHECK(stls_certstore_next(store, &query, &position, &entry), "by fingerprint");
    CHECK_BYTES("certificate", entry.der, pki_bytes("other-root.der"));
    CHECK_CONTAINS("subject", entry.info.subject, "CN=other-root");
    CHECK(entry.seconds_left > DAY, "%lld seconds", (long long)entry.seconds_left);
    CHECK(!stls_certstore_next(store, &query, &position, &entry), "no other");
    CHECK(stls_certstore_memory(store) > 5 * 300 && stls_certstore_memory(store) < 20000,
          "%zu bytes", stls_certstore_memory(store));
    stls_certstore_free(store);
}

static void test_order(void) {
    static const stls_place expected[] = {
        STLS_PLACE_BUILTIN, STLS_PLACE_CUSTOM,        STLS_PLACE_CUSTOM, STLS_PLACE_UNIQUE,
        STLS_PLACE_GENERIC, STLS_PLACE_CUSTOM_SERVER, STLS_PLACE_CRL};
    stls_certstore *store = new_store(NULL);
    stls_certstore_entry entry;
    size_t position = 0;
    add_crl(store, "crl-int.pem", NULL);
    install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", NULL, NULL);
    install(store, STLS_PLACE_GENERIC, "phone.pem", "phone.key", NULL, NULL);
    add(store, "int.pem", NULL, 0, NULL);
    install(store, STLS_PLACE_UNIQUE, "server-rsa.pem", "server-rsa.key", NULL, NULL);
    add(store, "root.pem", NULL, 0, NULL);
    set_builtin(store, "other-root.pem");
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        CHECK(stls_certstore_next(store, NULL, &position, &entry), "entry %zu", i);
        CHECK_TEXT("place", stls_place_name(entry.place), stls_place_name(expected[i]));
    }
    CHECK(!stls_certstore_next(store, NULL, &position, &entry), "no more");
    stls_certstore_free(store);
}

static void test_clock(void) {
    int64_t now = 0;
    stls_certstore *store =
        new_store(&(stls_certstore_options){.clock = clock_at, .clock_arg = &now});
    stls_certstore_entry entry;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("in 1970", add(store, "root.pem", NULL, 0, &error), STLS_OK, &error);
    CHECK(find_at(store, 0, &entry), "there");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_NOT_YET_VALID);
    CHECK_RESULT("in 1970", add(store, "root-expired.pem", NULL, 0, &error), STLS_OK, &error);
    now = STLS_CLOCK_NOT_SET;
    CHECK(find_at(store, 0, &entry), "there");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_NOT_YET_VALID);
    CHECK_NUMBER("seconds left", entry.seconds_left, entry.info.not_after);
    now = (int64_t)time(NULL);
    CHECK(find_at(store, 0, &entry), "there");
    CHECK_NUMBER("flags", entry.flags, 0);
    CHECK_NUMBER("expired", stls_certstore_count(store, &(stls_certstore_query){.expiring = true}),
                 1);
    now += (int64_t)100 * 365 * DAY;
    CHECK(find_at(store, 0, &entry), "there");
    CHECK_NUMBER("flags", entry.flags, STLS_ENTRY_EXPIRED);
    CHECK(entry.seconds_left < 0, "%lld seconds", (long long)entry.seconds_left);
    stls_certstore_free(store);
}

static void test_fingerprints(void) {
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", true},
        {"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
         "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
         true},
        {"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEF", false},
        {"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF0", false},
        {"00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFG", false},
        {"0:0112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t fingerprint[STLS_FINGERPRINT_LEN] = {0};
        CHECK_NUMBER(cases[i].text != NULL ? cases[i].text : "NULL",
                     stls_fingerprint_read(cases[i].text, fingerprint), cases[i].good);
        if (cases[i].good) {
            CHECK_NUMBER("last", fingerprint[31], 0xff);
        }
    }
}

/* --- Server certificates */

typedef struct install_case {
    const char *chain, *key, *password;
    stls_result result;
    uint32_t flags; /* of the entry afterwards */
    const char *text;
} install_case;

static const install_case install_cases[] = {
    {"server.chain.pem", "server.key", NULL, STLS_OK, 0, NULL},
    {"server.chain.pem server.key", "", NULL, STLS_OK, 0, NULL},
    {"server.key server.pem", "", NULL, STLS_OK, 0, NULL},
    {"server.der", "server.key.der", NULL, STLS_OK, 0, NULL},
    {"server.pem", "server.key.sec1.pem", NULL, STLS_OK, 0, NULL},
    {"server.pem root.pem int.pem", "server.key", NULL, STLS_OK, 0, NULL},
    {"server-rsa.pem", "server-rsa.key.pkcs1.pem", NULL, STLS_OK, 0, NULL},
    {"server.pem", "server.key.enc.pem", "secret", STLS_OK, STLS_ENTRY_ENCRYPTED, NULL},
    {"not-yet.pem", "not-yet.key", NULL, STLS_OK, STLS_ENTRY_NOT_YET_VALID, NULL},
    {"modern.p12", "", "secret", STLS_OK, 0, NULL},
    {"triple-des.p12", "", "secret", STLS_OK, 0, NULL},
    {"empty-password.p12", "", NULL, STLS_OK, 0, NULL},
    {"nothing.p12", "", NULL, STLS_OK, 0, NULL},
    {"modern.p12", "", "wrong", STLS_E_PASSWORD, 0, "the password is wrong"},
    {"modern.p12", "", NULL, STLS_E_PASSWORD, 0, "no password was given"},
    {"modern.p12", "server.key", "secret", STLS_E_FORMAT, 0, "its own private key"},
    {"server.pem", "modern.p12", "secret", STLS_E_FORMAT, 0, "give it alone"},
    {"key-only.p12", "", "secret", STLS_E_FORMAT, 0, "holds no certificate"},
    {"no-key.p12", "", "secret", STLS_E_FORMAT, 0, "holds no private key"},
    {"other-leaf.p12", "", "secret", STLS_E_FORMAT, 0, "issued none of the others: CN=server"},
    {"expired.p12", "", "secret", STLS_E_REFUSED, 0, "has expired on 20"},
    {"trunc.p12", "", "secret", STLS_E_FORMAT, 0, "cut off"},
    {"server.pem", "server.key.enc.pem", NULL, STLS_E_PASSWORD, 0, "no password was given"},
    {"server.pem", "server.key.enc.pem", "wrong", STLS_E_PASSWORD, 0, "the password is wrong"},
    {"server.pem", "server.key.legacy.pem", "secret", STLS_E_UNSUPPORTED, 0, "openssl pkcs8"},
    {"server.pem", "phone.key", NULL, STLS_E_KEY_MISMATCH, 0, "is not the one of"},
    {"int.pem server.pem", "server.key", NULL, STLS_E_KEY_MISMATCH, 0, NULL},
    {"server.pem other-root.pem", "server.key", NULL, STLS_E_FORMAT, 0, "CN=other-root"},
    {"server.pem root.pem", "server.key", NULL, STLS_E_FORMAT, 0, "issued none of the others"},
    {"bad-signature.pem int.pem", "bad-signature.key", NULL, STLS_E_FORMAT, 0, "issued none"},
    {"expired.pem", "expired.key", NULL, STLS_E_REFUSED, 0, "has expired on 20"},
    {"server.pem", "", NULL, STLS_E_FORMAT, 0, "no private key"},
    {"server.pem", "root.pem", NULL, STLS_E_FORMAT, 0, "no private key"},
    {"server.key", "server.key", NULL, STLS_E_FORMAT, 0, NULL},
    {"garbage.bin", "server.key", NULL, STLS_E_FORMAT, 0, NULL},
    {"server.pem", "trunc.pem", NULL, STLS_E_FORMAT, 0, NULL},
};

static void test_install(void) {
    for (size_t i = 0; i < sizeof install_cases / sizeof install_cases[0]; i++) {
        const install_case *at = &install_cases[i];
        stls_certstore *store = new_store(NULL);
        stls_certstore_entry entry;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s with %s, password %s", at->chain, at->key, at->password);
        CHECK_RESULT(
            "before",
            install(store, STLS_PLACE_CUSTOM_SERVER, "phone.chain.pem", "phone.key", NULL, &error),
            STLS_OK, &error);
        CHECK_RESULT(
            "install",
            install(store, STLS_PLACE_CUSTOM_SERVER, at->chain, at->key, at->password, &error),
            at->result, &error);
        CHECK_NUMBER("certificates", count(store, 0), 1);
        CHECK(find_at(store, STLS_PLACE_CUSTOM_SERVER, &entry), "one is there");
        if (at->result == STLS_OK) {
            CHECK_NUMBER("flags", entry.flags, at->flags);
            CHECK(strcmp(entry.name, "CN=phone") != 0, "it is the new one");
        } else {
            CHECK_TEXT("it is still", entry.name, "CN=phone");
        }
        if (at->text != NULL) {
            CHECK_CONTAINS("sentence", error.text, at->text);
        }
        stls_certstore_free(store);
    }
}

/* --- Signatures that nobody can check */

static stls_be_status signature_answer;

static stls_be_status answer_signature(const stls_signature_algorithm *algorithm, void *key,
                                       stls_bytes message, stls_bytes signature) {
    (void)algorithm, (void)key, (void)message, (void)signature;
    return signature_answer;
}

/* What is not known to be signed by whom it names is refused, for the reason that there is. */
static void test_unchecked(void) {
    static const struct {
        stls_be_status answer;
        stls_result result, crl_result;
        const char *chain_text, *crl_text;
    } rows[] = {
        {STLS_BE_OK, STLS_OK, STLS_OK, NULL, NULL},
        {STLS_BE_FAILED, STLS_E_FORMAT, STLS_E_REFUSED, "issued none of", "damaged or forged"},
        {STLS_BE_UNSUPPORTED, STLS_E_UNSUPPORTED, STLS_E_UNSUPPORTED, "cannot check a signature",
         "cannot check whether the CA"},
        {STLS_BE_NO_MEMORY, STLS_E_NO_MEMORY, STLS_E_NO_MEMORY, "no memory", "no memory"},
    };
    stls_backend backend = *stls_backend_default();
    backend.verify_signature = answer_signature;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *store = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("answer %d", rows[i].answer);
        signature_answer = rows[i].answer;
        CHECK_RESULT("a store", stls_certstore_new(&backend, NULL, &store, &error), STLS_OK,
                     &error);
        CHECK_RESULT("a CA", add(store, "int.pem", NULL, 0, &error), STLS_OK, &error);
        CHECK_RESULT("a CRL", add_crl(store, "crl-int.pem", &error), rows[i].crl_result, &error);
        if (rows[i].crl_text != NULL) {
            CHECK_CONTAINS("sentence", error.text, rows[i].crl_text);
        }
        CHECK_RESULT(
            "a chain",
            install(store, STLS_PLACE_UNIQUE, "server.chain.pem", "server.key", NULL, &error),
            rows[i].result, &error);
        if (rows[i].chain_text != NULL) {
            CHECK_CONTAINS("sentence", error.text, rows[i].chain_text);
        }
        CHECK_NUMBER("entries", count(store, 0), rows[i].result == STLS_OK ? 3 : 1);
        stls_certstore_free(store);
    }
}

static stls_be_status any_key(stls_bytes spki, void **key) {
    static char handle;
    (void)spki;
    *key = &handle;
    return STLS_BE_OK;
}

static void free_any_key(void *key) {
    (void)key;
}

static void judge_with(const stls_backend *backend, stls_trust *trust, stls_bytes leaf,
                       stls_verdict *verdict) {
    const stls_rules rules = {.identity = STLS_IDENTITY_NONE,
                              .usage = STLS_USAGE_TLS_OR_SIP,
                              .strength = STLS_STRENGTH_STANDARD,
                              .max_intermediates = 8,
                              .chain_bytes_max = STLS_CHAIN_BYTES_DEFAULT};
    stls_judge(&(stls_judge_request){.backend = backend,
                                     .trust = trust,
                                     .rules = &rules,
                                     .peer_role = STLS_ROLE_SERVER,
                                     .now = (int64_t)time(NULL),
                                     .chain = &leaf,
                                     .count = 1},
               verdict);
}

#define ED25519      "30{06{2B6570}}"
#define CALLED(name) "30{31{30{06{550403} 0C{'" name "'}}}}"
#define VALID        "30{17{'260101000000Z'} 17{'491231000000Z'}}"
#define EIGHT(hex)   hex hex hex hex hex hex hex hex
#define KEY(hex)     "30{" ED25519 "03{00" EIGHT(hex) EIGHT(hex) EIGHT(hex) EIGHT(hex) "}}"
#define VERSION_1(subject, hex)                                                                    \
    "30{30{ 02{" hex "}" ED25519 CALLED("phone") VALID CALLED(subject) KEY(hex) "}" ED25519        \
                                                                                "03{0000}}"

/* A store that trusts `der` as a peer's own, and what it makes of that. */
static stls_trust *trust_peer(const stls_backend *backend, stls_bytes der) {
    stls_certstore *store = NULL;
    stls_trust *trust = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_certstore_new(backend, NULL, &store, &error);
    CHECK_RESULT("as a CA", stls_certstore_add(store, der.data, der.len, NULL, 0, NULL, &error),
                 STLS_E_REFUSED, &error);
    CHECK_RESULT("as a peer",
                 stls_certstore_add(store, der.data, der.len, NULL, STLS_ADD_PEER, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, backend, STLS_TRUST_SET_STORED, STLS_SEND_STORED,
                                         &trust, NULL, &error),
                 STLS_OK, &error);
    stls_certstore_free(store);
    return trust;
}

/* A certificate of version 1 does not say whether it is a CA's. As a peer's own it is none, unless
 * it is trusted as a CA's besides. */
static void test_peer_of_version_1(void) {
    stls_bytes phone = der_text_of(VERSION_1("phone", "11")),
               bank = der_text_of(VERSION_1("bank", "22"));
    stls_backend backend = *stls_backend_default();
    stls_verdict verdict;
    stls_error error = {.result = STLS_NOT_DONE};
    backend.key_from_spki = any_key;
    backend.key_free = free_any_key;
    backend.verify_signature = answer_signature;
    signature_answer = STLS_BE_OK;
    stls_trust *trust = trust_peer(&backend, phone);
    judge_with(&backend, trust, phone, &verdict);
    CHECK_NUMBER("itself", verdict.state, STLS_VERDICT_ACCEPTED);
    judge_with(&backend, trust, bank, &verdict);
    CHECK_NUMBER("whom it issues", verdict.state, STLS_VERDICT_REJECTED);
    CHECK_NUMBER("flags", verdict.flags, STLS_FLAG_NOT_A_CA);
    CHECK_RESULT("as a CA's", stls_trust_add(trust, phone.data, phone.len, NULL, &error), STLS_OK,
                 &error);
    CHECK_NUMBER("anchors", stls_trust_count(trust), 1);
    judge_with(&backend, trust, bank, &verdict);
    CHECK_NUMBER("whom it issues then", verdict.state, STLS_VERDICT_ACCEPTED);
    stls_trust_free(trust);
    stls_bytes_free(&phone);
    stls_bytes_free(&bank);
}

/* A CRL in the name of "int", of a kind of signature that no key of that CA makes; or of one that
 * nobody knows. */
static void test_foreign_signature(void) {
    static const struct {
        const char *algorithm;
        stls_result result;
    } rows[] = {
        {"30{06{2B6570}}", STLS_E_REFUSED}, /* Ed25519; its key is on P-256 */
        {"30{06{2A864886F70D01010B} 0500}", STLS_E_REFUSED},
        {"30{06{2A03}}", STLS_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *store = new_store(NULL);
        stls_error error = {.result = STLS_NOT_DONE};
        stls_bytes crl = der_text("30{ 30{ 020101 %s 30{31{30{06{55040A} 0C{'siptls tests'}}} "
                                  "31{30{06{550403} 0C{'int'}}}}"
                                  " 17{'260601000000Z'} 17{'491231000000Z'} } %s 03{00 '%064d'} }",
                                  rows[i].algorithm, rows[i].algorithm, 0);
        check_case("algorithm %s", rows[i].algorithm);
        CHECK_RESULT("a CA", add(store, "int.pem", NULL, 0, &error), STLS_OK, &error);
        CHECK_RESULT("the CRL",
                     stls_certstore_add_crl(store, crl.data, crl.len, NULL, NULL, &error),
                     rows[i].result, &error);
        CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), 0);
        stls_bytes_free(&crl);
        stls_certstore_free(store);
    }
}

/* A CRL in the name of a CA, with a signature that a library may take for good, and by which no
 * peer is judged: in the place of the CA's own it would keep all of them out. */
static void test_useless_signature(void) {
#define ECDSA_SHA256 "30{06{2A8648CE3D040302}}"
#define RSA_MD5      "30{06{2A864886F70D010104} 0500}"
#define RSA_PSS(mgf1_hash, salt)                                                                   \
    "30{06{2A864886F70D01010A} 30{A0{30{06{608648016503040201}}} "                                 \
    "A1{30{06{2A864886F70D010108} 30{06{" mgf1_hash "}}}} A2{02{" salt "}}}}"
#define SHA256 "608648016503040201"
    static const struct {
        const char *name, *ca, *algorithm, *signature;
        stls_result result;
    } rows[] = {
        {"a good one", "int", ECDSA_SHA256, "3006020101020101", STLS_OK},
        {"a long length", "int", ECDSA_SHA256, "308106020101020101", STLS_E_REFUSED},
        {"a negative number", "int", ECDSA_SHA256, "3006020181020101", STLS_E_REFUSED},
        {"more behind it", "int", ECDSA_SHA256, "300602010102010100", STLS_E_REFUSED},
        {"MD5", "int-rsa", RSA_MD5, "01", STLS_E_UNSUPPORTED},
        {"PSS", "int-rsa", RSA_PSS(SHA256, "20"), "01", STLS_OK},
        {"PSS of two hashes", "int-rsa", RSA_PSS("608648016503040202", "20"), "01",
         STLS_E_UNSUPPORTED},
        {"PSS with a long salt", "int-rsa", RSA_PSS(SHA256, "41"), "01", STLS_E_UNSUPPORTED},
    };
    stls_backend backend = *stls_backend_default();
    backend.verify_signature = answer_signature;
    signature_answer = STLS_BE_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *store = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        char file[32];
        stls_bytes crl =
            der_text("30{ 30{ 020101 %s 30{31{30{06{55040A} 0C{'siptls tests'}}} "
                     "31{30{06{550403} 0C{'%s'}}}}"
                     " 17{'260601000000Z'} 17{'491231000000Z'} } %s 03{00 %s} }",
                     rows[i].algorithm, rows[i].ca, rows[i].algorithm, rows[i].signature);
        check_case("%s", rows[i].name);
        snprintf(file, sizeof file, "%s.pem", rows[i].ca);
        CHECK_RESULT("a store", stls_certstore_new(&backend, NULL, &store, &error), STLS_OK,
                     &error);
        CHECK_RESULT("a CA", add(store, file, NULL, 0, &error), STLS_OK, &error);
        CHECK_RESULT("the CRL",
                     stls_certstore_add_crl(store, crl.data, crl.len, NULL, NULL, &error),
                     rows[i].result, &error);
        CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), rows[i].result == STLS_OK);
        stls_bytes_free(&crl);
        stls_certstore_free(store);
    }
}

/* What is kept of a PKCS#12 file: chain and key as PEM, which every backend reads without a
 * password. */
static void test_pkcs12(void) {
    const stls_backend *backend;
    stls_certstore *store = new_store(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("install",
                 stls_certstore_install_files(store, STLS_PLACE_UNIQUE, pki_path("modern.p12"),
                                              NULL, "secret", NULL, &error),
                 STLS_OK, &error);
    CHECK_NUMBER("of that name",
                 stls_certstore_count(store, &(stls_certstore_query){.name = "modern.p12"}), 1);
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        stls_credential *credential = NULL;
        check_case("%s", stls_backend_name(backend));
        CHECK_RESULT("snapshot",
                     stls_certstore_snapshot(store, backend, STLS_TRUST_SET_STORED,
                                             STLS_SEND_STORED, NULL, &credential, &error),
                     STLS_OK, &error);
        CHECK_BYTES("leaf", stls_credential_certificate(credential, 0), pki_bytes("server.der"));
        CHECK_BYTES("next", stls_credential_certificate(credential, 1), pki_bytes("int.der"));
        CHECK_BYTES("last", stls_credential_certificate(credential, 2), pki_bytes("root.der"));
        stls_credential_free(credential);
    }
    CHECK_RESULT("add", add(store, "modern.p12", NULL, 0, &error), STLS_E_UNSUPPORTED, &error);
    CHECK_CONTAINS("sentence", error.text, "openssl pkcs12 -in FILE -cacerts -nokeys");
    stls_certstore_free(store);
}

#define NONE ((stls_place)0)
#define U    STLS_PLACE_UNIQUE
#define G    STLS_PLACE_GENERIC
#define C    STLS_PLACE_CUSTOM_SERVER

static void test_chosen(void) {
    static const struct {
        uint32_t there;
        stls_send_choice send;
        stls_place chosen;
        const char *why;
    } cases[] = {
        {0, STLS_SEND_STORED, NONE, "neither"},
        {U, STLS_SEND_DEVICE, U, "the unique one"},
        {G, STLS_SEND_DEVICE, G, "the generic one"},
        {U | G, STLS_SEND_DEVICE, U, "goes before the generic"},
        {C, STLS_SEND_DEVICE, NONE, "so the custom one is not sent: neither"},
        {U | G | C, STLS_SEND_STORED, U, "so the custom one is not sent"},
        {U | G | C, STLS_SEND_CUSTOM, C, "the custom one"},
        {U | G, STLS_SEND_CUSTOM, U, "no custom one is installed: the unique"},
        {G, STLS_SEND_CUSTOM, G, "no custom one is installed: the generic"},
        {0, STLS_SEND_CUSTOM, NONE, "no custom one is installed: neither"},
        {U | G | C, STLS_SEND_NONE, NONE, "none"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stls_certstore *store = new_store(NULL);
        stls_credential *credential = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        char why[200] = "";
        check_case("case %zu", i);
        for (uint32_t place = U; place <= C; place <<= 1) {
            if ((cases[i].there & place) != 0) {
                const char *name = place == U ? "server" : place == G ? "phone" : "uri-only";
                char chain[NAME_SIZE], key[NAME_SIZE];
                snprintf(chain, sizeof chain, "%s.pem", name);
                snprintf(key, sizeof key, "%s.key", name);
                CHECK_RESULT(name, install(store, (stls_place)place, chain, key, NULL, &error),
                             STLS_OK, &error);
            }
        }
        CHECK_NUMBER("chosen", stls_certstore_chosen(store, cases[i].send, why, sizeof why),
                     cases[i].chosen);
        CHECK_CONTAINS("why", why, cases[i].why);
        CHECK_NUMBER("chosen", stls_certstore_chosen(store, cases[i].send, NULL, 0),
                     cases[i].chosen);
        CHECK_RESULT("snapshot",
                     stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                             cases[i].send, NULL, &credential, &error),
                     STLS_OK, &error);
        CHECK_NUMBER("a credential", credential != NULL, cases[i].chosen != 0);
        stls_credential_free(credential);
        stls_certstore_free(store);
    }
}

static void test_settings(void) {
    stls_certstore *store = new_store(NULL);
    stls_certstore_entry entry;
    stls_error error = {.result = STLS_NOT_DONE};
    install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", NULL, NULL);
    install(store, STLS_PLACE_CUSTOM_SERVER, "phone.pem", "phone.key", NULL, NULL);
    CHECK_NUMBER("set", stls_certstore_trust_set(store), STLS_TRUST_SET_ALL);
    CHECK_NUMBER("send", stls_certstore_send(store), STLS_SEND_DEVICE);
    CHECK(find_at(store, STLS_PLACE_UNIQUE, &entry) && entry.flags == STLS_ENTRY_SENT, "unique");
    CHECK_RESULT("set", stls_certstore_set_trust_set(store, STLS_TRUST_SET_CUSTOM, &error), STLS_OK,
                 &error);
    CHECK_RESULT("send", stls_certstore_set_send(store, STLS_SEND_CUSTOM, &error), STLS_OK, &error);
    CHECK_NUMBER("set", stls_certstore_trust_set(store), STLS_TRUST_SET_CUSTOM);
    CHECK(find_at(store, STLS_PLACE_UNIQUE, &entry) && entry.flags == 0, "unique");
    CHECK(find_at(store, STLS_PLACE_CUSTOM_SERVER, &entry) && entry.flags == STLS_ENTRY_SENT,
          "custom");
    CHECK_RESULT("no set", stls_certstore_set_trust_set(store, (stls_trust_set)5, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no set", stls_certstore_set_trust_set(store, STLS_TRUST_SET_STORED, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no send", stls_certstore_set_send(store, (stls_send_choice)4, &error),
                 STLS_E_ARGUMENT, &error);
    for (int i = 1; i <= 4; i++) {
        CHECK_NUMBER("name", stls_trust_set_find(stls_trust_set_name((stls_trust_set)i)), i);
    }
    for (int i = 1; i <= 3; i++) {
        CHECK_NUMBER("name", stls_send_choice_find(stls_send_choice_name((stls_send_choice)i)), i);
    }
    CHECK_NUMBER("no name", stls_trust_set_find("everything"), 0);
    CHECK_RESULT("uninstall", stls_certstore_uninstall(store, STLS_PLACE_CUSTOM_SERVER, &error),
                 STLS_OK, &error);
    CHECK_RESULT("again", stls_certstore_uninstall(store, STLS_PLACE_CUSTOM_SERVER, &error),
                 STLS_E_REFUSED, &error);
    CHECK_RESULT("no place", stls_certstore_uninstall(store, STLS_PLACE_CUSTOM, &error),
                 STLS_E_ARGUMENT, &error);
    stls_certstore_free(store);
}

/* --- Snapshots */

static void test_sets(void) {
    static const struct {
        stls_trust_set set;
        size_t least, most;
    } cases[] = {{STLS_TRUST_SET_DEFAULT, 2, 2},
                 {STLS_TRUST_SET_CUSTOM, 1, 1},
                 {STLS_TRUST_SET_ALL, 3, 3},
                 {STLS_TRUST_SET_STORED, 3, 3},
                 {STLS_TRUST_SET_SYSTEM, 10, 1000}};
    stls_certstore *store = new_store(NULL);
    set_builtin(store, "root.pem int.pem");
    add(store, "other-root.pem", NULL, 0, NULL);
    add_crl(store, "crl-two.pem", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stls_trust *trust = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("set %s", stls_trust_set_name(cases[i].set));
        stls_result result = stls_certstore_snapshot(store, stls_backend_default(), cases[i].set,
                                                     STLS_SEND_STORED, &trust, NULL, &error);
        if (cases[i].set == STLS_TRUST_SET_SYSTEM && result == STLS_E_FILE) {
            test_skip("the system's bundle", "%s", error.text);
            continue;
        }
        CHECK_RESULT("snapshot", result, STLS_OK, &error);
        CHECK_NUMBER("CRLs", stls_trust_crl_count(trust), 2);
        CHECK(stls_trust_count(trust) >= cases[i].least && stls_trust_count(trust) <= cases[i].most,
              "%zu anchors", stls_trust_count(trust));
        stls_trust_free(trust);
    }
    stls_certstore_free(store);
}

/* A snapshot keeps what it has; for each backend of the build. */
static void test_snapshot(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        stls_certstore *store = NULL;
        stls_trust *trust = NULL;
        stls_credential *credential = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", stls_backend_name(backend));
        CHECK_RESULT("store", stls_certstore_new(backend, NULL, &store, &error), STLS_OK, &error);
        add(store, "root.pem", NULL, 0, &error);
        CHECK_RESULT("install",
                     install(store, STLS_PLACE_UNIQUE, "server.pem root.pem int.pem", "server.key",
                             NULL, &error),
                     STLS_OK, &error);
        CHECK_RESULT("snapshot",
                     stls_certstore_snapshot(store, backend, STLS_TRUST_SET_STORED,
                                             STLS_SEND_STORED, &trust, &credential, &error),
                     STLS_OK, &error);
        CHECK(stls_credential_backend(credential) == backend, "its backend");
        stls_certstore_reset(store, &error);
        stls_certstore_free(store);
        CHECK_NUMBER("anchors", stls_trust_count(trust), 1);
        CHECK_BYTES("leaf", stls_credential_certificate(credential, 0), pki_bytes("server.der"));
        CHECK_BYTES("next", stls_credential_certificate(credential, 1), pki_bytes("int.der"));
        CHECK_BYTES("last", stls_credential_certificate(credential, 2), pki_bytes("root.der"));
        stls_trust_free(trust);
        stls_credential_free(credential);
    }
}

/* --- Storage of the caller's */

static stls_result no_read(void *arg, const char *name, uint8_t *data, size_t size,
                           stls_storage_facts *facts, stls_error *error) {
    (void)arg, (void)name, (void)data, (void)size, (void)error;
    *facts = (stls_storage_facts){.exists = false};
    return STLS_OK;
}

static stls_result no_write(void *arg, const char *name, const uint8_t *data, size_t len,
                            bool secret, stls_error *error) {
    (void)arg, (void)name, (void)data, (void)len, (void)secret, (void)error;
    return STLS_E_FILE;
}

static stls_result no_remove(void *arg, const char *name, stls_error *error) {
    (void)arg, (void)name, (void)error;
    return STLS_OK;
}

static stls_result no_list(void *arg, void (*visit)(void *visit_arg, const char *name),
                           void *visit_arg, stls_error *error) {
    (void)arg, (void)visit, (void)visit_arg, (void)error;
    return STLS_OK;
}

static stls_result take_lock(void *arg, unsigned wait_ms, stls_error *error) {
    (void)arg, (void)wait_ms, (void)error;
    return STLS_OK;
}

static void give_lock(void *arg) {
    (void)arg;
}

static void count_close(void *arg) {
    ++*(unsigned *)arg;
}

/* What cannot be opened is closed, whatever the reason. */
static void test_closed_storage(void) {
    static const struct {
        const char *name;
        size_t missing; /* where it stands in the struct; 0: nothing is missing */
        size_t max_bytes;
        stls_result result;
    } table[] = {
        {"no store in it", 0, 0, STLS_E_FILE},
        {"options out of range", 0, SIZE_MAX, STLS_E_ARGUMENT},
        {"no name", offsetof(stls_storage, name), 0, STLS_E_ARGUMENT},
        {"no read", offsetof(stls_storage, read), 0, STLS_E_ARGUMENT},
        {"no write", offsetof(stls_storage, write), 0, STLS_E_ARGUMENT},
        {"no remove", offsetof(stls_storage, remove), 0, STLS_E_ARGUMENT},
        {"no list", offsetof(stls_storage, list), 0, STLS_E_ARGUMENT},
        {"no lock", offsetof(stls_storage, lock), 0, STLS_E_ARGUMENT},
        {"no unlock", offsetof(stls_storage, unlock), 0, STLS_E_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        unsigned closed = 0;
        stls_storage storage = {&closed, "flash",   no_read,   no_write,   no_remove,
                                no_list, take_lock, give_lock, count_close};
        stls_certstore_options options = {.max_bytes = table[i].max_bytes};
        stls_certstore *store = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("storage: %s", table[i].name);
        if (table[i].missing != 0) {
            memset((char *)&storage + table[i].missing, 0, sizeof(void *));
        }
        CHECK_RESULT(
            "open", stls_certstore_open(stls_backend_default(), &storage, &options, &store, &error),
            table[i].result, &error);
        CHECK_NUMBER("closed", closed, 1);
    }
}

static bool give_password(void *arg, stls_place place, const char *name, char *password,
                          size_t size) {
    const char *answer = *(const char *const *)arg;
    CHECK_NUMBER("place", place, STLS_PLACE_GENERIC);
    CHECK_TEXT("name", name, "CN=server");
    if (answer != NULL) {
        snprintf(password, size, "%s", answer);
    }
    return answer != NULL;
}

static void test_password(void) {
    const char *password = NULL;
    stls_certstore *store =
        new_store(&(stls_certstore_options){.password = give_password, .password_arg = &password});
    stls_credential *credential = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    install(store, STLS_PLACE_GENERIC, "server.pem", "server.key.enc.pem", "secret", &error);
    static const struct {
        const char *password;
        stls_result result;
    } cases[] = {{NULL, STLS_E_PASSWORD}, {"wrong", STLS_E_PASSWORD}, {"secret", STLS_OK}};
    for (size_t i = 0; i < 3; i++) {
        password = cases[i].password;
        CHECK_RESULT("snapshot",
                     stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                             STLS_SEND_STORED, NULL, &credential, &error),
                     cases[i].result, &error);
        CHECK_NUMBER("a credential", credential != NULL, cases[i].result == STLS_OK);
    }
    stls_credential_free(credential);
    stls_certstore_free(store);
}

/* --- The whole */

static stls_certstore *full_store(void) {
    stls_certstore *store = new_store(NULL);
    set_builtin(store, "root.pem root-expired.pem");
    add(store, "other-root.pem int.pem", "mine", 0, NULL);
    add(store, "self-signed.pem", "a peer", STLS_ADD_PEER, NULL);
    install(store, STLS_PLACE_UNIQUE, "server.chain.pem", "server.key", NULL, NULL);
    install(store, STLS_PLACE_GENERIC, "phone.pem", "phone.key", NULL, NULL);
    install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key.enc.pem", "secret", NULL);
    add_crl(store, "crl-two.pem", NULL);
    stls_certstore_set_trust_set(store, STLS_TRUST_SET_CUSTOM, NULL);
    stls_certstore_set_send(store, STLS_SEND_CUSTOM, NULL);
    return store;
}

static void test_reset(void) {
    stls_certstore *store = full_store();
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_NUMBER("before", count(store, 0), 10);
    CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
    CHECK_NUMBER("built in", count(store, STLS_PLACE_BUILTIN), 2);
    CHECK_NUMBER("custom", count(store, STLS_PLACE_CUSTOM | STLS_PLACE_CUSTOM_SERVER), 0);
    CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), 0);
    CHECK_NUMBER("of the device", count(store, STLS_PLACE_UNIQUE | STLS_PLACE_GENERIC), 2);
    CHECK_NUMBER("set", stls_certstore_trust_set(store), STLS_TRUST_SET_ALL);
    CHECK_NUMBER("send", stls_certstore_send(store), STLS_SEND_DEVICE);
    stls_certstore_free(store);
}

static void test_export(void) {
    static const struct {
        uint32_t parts;
        size_t count; /* in a store that had one custom certificate and one unique one */
        bool secret;
    } cases[] = {{STLS_PARTS_ALL, 10, true},     {STLS_PARTS_PROVISIONING, 4, false},
                 {STLS_PART_SETTINGS, 2, false}, {STLS_PART_BUILTIN, 4, false},
                 {STLS_PART_CUSTOM, 4, false},   {STLS_PART_CUSTOM_SERVER, 3, true},
                 {STLS_PART_DEVICE, 3, true},    {STLS_PART_CRL, 4, false}};
    stls_certstore *from = full_store();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_sink sink = {NULL, 0};
        uint32_t parts = 0;
        stls_error error = {.result = STLS_NOT_DONE};
        stls_certstore *to = new_store(NULL);
        check_case("parts %u", cases[i].parts);
        add(to, "root-rsa.pem", NULL, 0, NULL);
        install(to, STLS_PLACE_UNIQUE, "server-rsa.pem", "server-rsa.key", NULL, NULL);
        CHECK_RESULT("export", stls_certstore_export(from, cases[i].parts, collect, &sink, &error),
                     STLS_OK, &error);
        CHECK_NUMBER("keys", strstr((char *)sink.data, "PRIVATE KEY") != NULL, cases[i].secret);
        CHECK_RESULT("import", stls_certstore_import(to, sink.data, sink.len, &parts, &error),
                     STLS_OK, &error);
        CHECK_NUMBER("parts", parts, cases[i].parts);
        CHECK_NUMBER("certificates", count(to, 0), cases[i].count);
        CHECK_NUMBER("set", stls_certstore_trust_set(to),
                     (parts & STLS_PART_SETTINGS) != 0 ? STLS_TRUST_SET_CUSTOM
                                                       : STLS_TRUST_SET_ALL);
        free(sink.data);
        stls_certstore_free(to);
    }
    stls_error error;
    CHECK_RESULT("no part", stls_certstore_export(from, 0, collect, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    stls_certstore_free(from);
}

/* Every byte of an export counts: whichever is changed, it is refused and changes nothing. */
static void test_bad_import(void) {
    stls_certstore *from = full_store(), *to = new_store(NULL);
    text_sink sink = {NULL, 0};
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("export", stls_certstore_export(from, STLS_PARTS_ALL, collect, &sink, &error),
                 STLS_OK, &error);
    for (size_t i = 0; i < sink.len; i += i < 200 || sink.len - i < 100 ? 1 : 97) {
        check_case("byte %zu", i);
        sink.data[i] ^= 1;
        stls_result result = stls_certstore_import(to, sink.data, sink.len, NULL, &error);
        CHECK(result == STLS_E_FORMAT || result == STLS_E_UNSUPPORTED, "%s",
              stls_result_name(result));
        sink.data[i] ^= 1;
        CHECK_RESULT("cut off", stls_certstore_import(to, sink.data, i, NULL, &error),
                     STLS_E_FORMAT, &error);
    }
    CHECK_NUMBER("generation", stls_certstore_generation(to), 0);
    free(sink.data);
    stls_certstore_free(to);
    to = new_store(&(stls_certstore_options){.max_custom = 2});
    sink = (text_sink){NULL, 0};
    stls_certstore_export(from, STLS_PART_CUSTOM, collect, &sink, &error);
    CHECK_RESULT("three", stls_certstore_import(to, sink.data, sink.len, NULL, &error),
                 STLS_E_LIMIT, &error);
    CHECK_NUMBER("certificates", count(to, 0), 0);
    free(sink.data);
    stls_certstore_free(to);
    stls_certstore_free(from);
}

/* The line that ends an export, over the `len` bytes before it. */
static void add_seal(text_sink *sink) {
    uint8_t digest[STLS_HASH_SIZE_MAX];
    char line[4 + 2 * STLS_HASH_SIZE_MAX + 2] = "end ";
    size_t len = 0;
    stls_backend_default()->digest(STLS_HASH_SHA256, (stls_bytes){sink->data, sink->len}, digest,
                                   &len);
    for (size_t i = 0; i < len; i++) {
        snprintf(line + 4 + 2 * i, 3, "%02x", digest[i]);
    }
    memcpy(line + 4 + 2 * len, "\n", 2);
    collect(sink, line, strlen(line), NULL);
}

/* An export of `part`, without the line that ends it. */
static text_sink open_export(stls_certstore *store, uint32_t part) {
    text_sink sink = {NULL, 0};
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("export", stls_certstore_export(store, part, collect, &sink, &error), STLS_OK,
                 &error);
    while (sink.len > 0 && strncmp((char *)sink.data + sink.len, "\nend ", 5) != 0) {
        sink.len--;
    }
    char *end = strdup((char *)sink.data + sink.len + 1);
    sink.len++;
    add_seal(&sink);
    if (CHECK(end != NULL, "no memory")) {
        CHECK_TEXT("the seal", (char *)sink.data + sink.len - strlen(end), end);
        sink.len -= strlen(end);
        sink.data[sink.len] = '\0';
    }
    free(end);
    return sink;
}

/* Whole and well sealed, but nobody's siptls writes such. */
static void test_import_twice(void) {
    static const struct {
        uint32_t part;
        const char *builtin; /* of the second */
        const char *first;   /* what is there twice begins so */
        const char *says;
    } rows[] = {
        {STLS_PART_BUILTIN, "root.pem root-expired.pem", "builtin ", "the built-in list twice"},
        {STLS_PART_BUILTIN, "other-root.pem", "builtin ", "the built-in list twice"},
        {STLS_PART_CUSTOM_SERVER, "root.pem", "server ", "two certificates for one place"},
        {STLS_PART_CUSTOM, "root.pem", "trusted ", "twice"},
        {STLS_PART_CRL, "root.pem", "crl ", "twice"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *from = full_store(), *to = new_store(NULL);
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%sand %s", rows[i].first, rows[i].builtin);
        text_sink sink = open_export(from, rows[i].part);
        set_builtin(from, rows[i].builtin);
        text_sink more = open_export(from, rows[i].part);
        char *second = strstr((char *)more.data, rows[i].first);
        if (CHECK(second != NULL, "nothing begins so")) {
            collect(&sink, second, strlen(second), NULL);
            add_seal(&sink);
            CHECK_RESULT("import", stls_certstore_import(to, sink.data, sink.len, NULL, &error),
                         STLS_E_FORMAT, &error);
            CHECK_CONTAINS("the error", error.text, rows[i].says);
        }
        CHECK_NUMBER("generation", stls_certstore_generation(to), 0);
        CHECK_NUMBER("certificates", count(to, 0), 0);
        free(sink.data);
        free(more.data);
        stls_certstore_free(to);
        stls_certstore_free(from);
    }
}

/* An item of an export, called "imported", with what is in `file` or, if that is NULL, `der`. */
static void add_item(text_sink *sink, const char *keyword, const char *file, stls_bytes der) {
    stls_blocks blocks = {NULL, 0};
    stls_bytes data = file != NULL ? pki_bytes(file) : der;
    stls_error error = {.result = STLS_NOT_DONE};
    uint8_t digest[STLS_FINGERPRINT_LEN];
    char line[256];
    CHECK_RESULT("read", stls_blocks_read(data, STLS_CERTSTORE_MAX_BYTES, "it", &blocks, &error),
                 STLS_OK, &error);
    stls_certificate_fingerprint(stls_backend_default(), blocks.items[0].der, digest);
    int len = snprintf(line, sizeof line, "%s ", keyword);
    for (size_t i = 0; i < sizeof digest; i++) {
        len += snprintf(line + len, sizeof line - (size_t)len, "%02x", digest[i]);
    }
    snprintf(line + len, sizeof line - (size_t)len, " %zu imported\n", data.len);
    collect(sink, line, strlen(line), NULL);
    collect(sink, data.data, data.len, NULL);
    stls_blocks_free(&blocks);
}

/* Well sealed, and written by somebody who means ill. */
static const struct forged {
    const char *what, *front; /* NULL: as it should be; '%' is a NUL */
    const char *files;
    long more; /* bytes that there seem to be */
    size_t max_bytes;
    stls_result result;
    const char *says;
} forged[] = {
    {"a CA", NULL, "root.pem", 0, 0, STLS_OK, ""},
    {"no CA, as one", NULL, "server.pem", 0, 0, STLS_E_REFUSED, "is not a CA's certificate"},
    {"a CA that is too large", NULL, "root.pem", 0, 100, STLS_E_LIMIT, "larger than 100 bytes"},
    {"a length beyond the end", NULL, "root.pem", 1, 0, STLS_E_FORMAT, "a length that cannot be"},
    {"one far beyond", NULL, "root.pem", 1000000, 0, STLS_E_FORMAT, "a length that cannot be"},
    {"a length that is not all", NULL, "root.pem", -30, 0, STLS_E_FORMAT, ""},
    {"two in one", NULL, "root.pem int.pem", 0, 0, STLS_E_FORMAT, "not what it was written"},
    {"a key beside it", NULL, "root.pem server.key", 0, 0, STLS_E_FORMAT, "not what it was"},
    {"another format", "siptls-export 2\nparts 4\n", "root.pem", 0, 0, STLS_E_UNSUPPORTED,
     "is of format 2"},
    {"an unknown line", "siptls-export 1\nparts 4\nfoo 1\n", "root.pem", 0, 0, STLS_E_FORMAT,
     "a keyword"},
    {"NUL in a line", "siptls-export 1\nparts 4\ntrust all%\n", "root.pem", 0, 0, STLS_E_FORMAT,
     "a line that cannot be"},
};

static text_sink forge(const struct forged *row) {
    const char *front = row->front != NULL ? row->front : "siptls-export 1\nparts 4\n";
    stls_bytes pem = pki_join(row->files);
    stls_blocks blocks = {NULL, 0};
    uint8_t id[STLS_FINGERPRINT_LEN];
    char line[160] = "trusted ";
    text_sink sink = {NULL, 0};
    collect(&sink, front, strlen(front), NULL);
    char *nul = strchr((char *)sink.data, '%');
    if (nul != NULL) {
        *nul = '\0';
    }
    CHECK_RESULT("the file", stls_blocks_read(pem, 1 << 20, "it", &blocks, NULL), STLS_OK, NULL);
    stls_certificate_fingerprint(stls_backend_default(), blocks.items[0].der, id);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(line + strlen(line), 3, "%02x", id[i]);
    }
    snprintf(line + strlen(line), 64, " %ld x\n", (long)pem.len + row->more);
    collect(&sink, line, strlen(line), NULL);
    collect(&sink, pem.data, pem.len, NULL);
    add_seal(&sink);
    stls_blocks_free(&blocks);
    return sink;
}

static void test_import_forged(void) {
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        const struct forged *row = &forged[i];
        stls_certstore *to = new_store(&(stls_certstore_options){.max_bytes = row->max_bytes});
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", row->what);
        text_sink sink = forge(row);
        CHECK_RESULT("import", stls_certstore_import(to, sink.data, sink.len, NULL, &error),
                     row->result, &error);
        CHECK_CONTAINS("the error", row->result == STLS_OK ? "" : error.text, row->says);
        CHECK_NUMBER("certificates", count(to, 0), row->result == STLS_OK);
        free(sink.data);
        stls_certstore_free(to);
    }
}

/* What is good until a second is good in that second, and not in the next. */
static void test_last_second(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_x509 root, leaf;
    stls_crl crl;
    CHECK_RESULT("root", stls_x509_parse(pki_bytes("root.der"), &root, &error), STLS_OK, &error);
    CHECK_RESULT("leaf", stls_x509_parse(pki_bytes("server.der"), &leaf, &error), STLS_OK, &error);
    CHECK_RESULT("CRL", stls_crl_parse(pki_bytes("crl-int.der"), &crl, &error), STLS_OK, &error);
    stls_bytes crl_der = pki_bytes("crl-int.der");
    for (int late = 0; late <= 1; late++) {
        stls_result expected = late == 0 ? STLS_OK : STLS_E_REFUSED;
        int64_t now = root.not_after + late;
        stls_certstore *store =
            new_store(&(stls_certstore_options){.clock = clock_at, .clock_arg = &now});
        check_case("%d s behind its last", late);
        CHECK_RESULT("a CA", add(store, "root.pem", NULL, 0, &error), expected, &error);
        now = leaf.not_after + late;
        CHECK_RESULT(
            "a server's",
            install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", NULL, &error),
            expected, &error);
        now = crl.next_update + late;
        CHECK_RESULT("a CRL",
                     stls_certstore_add_crl(store, crl_der.data, crl_der.len, NULL, NULL, &error),
                     expected, &error);
        stls_certstore_free(store);
    }
}

typedef struct import_crl_case {
    const char *trusted; /* in the export, beside the CRL; NULL: what is in the store stays */
    const char *crl;     /* NULL: one without nextUpdate */
    stls_result result;
    uint32_t flags; /* of the CRL that there is then */
    const char *says;
} import_crl_case;

/* What add_crl refuses, import does; but an old one stays as old as it is. */
static void test_import_crl(void) {
    static const import_crl_case rows[] = {
        {NULL, "crl-int.der", STLS_OK, 0, NULL},
        {NULL, "crl-int-expired.pem", STLS_OK, STLS_ENTRY_EXPIRED, NULL},
        {NULL, "crl-int-bad-signature.pem", STLS_E_REFUSED, 0, "\"imported\": this CRL is not sig"},
        {NULL, "crl-int-indirect.pem", STLS_E_UNSUPPORTED, 0, "indirect CRL"},
        {NULL, "crl-int-critical.pem", STLS_E_UNSUPPORTED, 0, "critical extension"},
        {NULL, NULL, STLS_E_REFUSED, 0, "nextUpdate"},
        /* It is the certificates that come with it which count. */
        {"int.pem", "crl-int-bad-signature.pem", STLS_E_REFUSED, 0, "damaged or forged"},
        {"root.pem", "crl-int-bad-signature.pem", STLS_OK, STLS_ENTRY_NO_ISSUER, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const import_crl_case *at = &rows[i];
        stls_certstore *store = new_store(NULL);
        stls_certstore_entry entry = {.flags = 0};
        stls_error error = {.result = STLS_NOT_DONE};
        text_sink sink = {NULL, 0};
        check_case("%s with %s", at->crl != NULL ? at->crl : "no nextUpdate",
                   at->trusted != NULL ? at->trusted : "the store's CA");
        add(store, "int.pem", NULL, 0, &error);
        CHECK_RESULT("before", add_crl(store, "crl-int-revoked.pem", &error), STLS_OK, &error);
        const char *head =
            at->trusted != NULL ? "siptls-export 1\nparts 36\n" : "siptls-export 1\nparts 32\n";
        collect(&sink, head, strlen(head), NULL);
        if (at->trusted != NULL) {
            add_item(&sink, "trusted", at->trusted, (stls_bytes){NULL, 0});
        }
        add_item(&sink, "crl", at->crl, without_next_update());
        add_seal(&sink);
        CHECK_RESULT("import", stls_certstore_import(store, sink.data, sink.len, NULL, &error),
                     at->result, &error);
        if (CHECK(find_at(store, STLS_PLACE_CRL, &entry), "there is a CRL")) {
            CHECK_TEXT("which", entry.name, at->result == STLS_OK ? "imported" : "the upload");
            CHECK_NUMBER("flags", entry.flags, at->flags);
        }
        CHECK_NUMBER("CRLs", count(store, STLS_PLACE_CRL), 1);
        if (at->says != NULL) {
            CHECK_CONTAINS("the error", error.text, at->says);
        }
        free(sink.data);
        stls_certstore_free(store);
    }
}

/* Behind as many as may be, nothing of their kind is looked at. */
static void test_import_too_many(void) {
    static const struct {
        const char *head, *keyword, *files[2], *says;
    } rows[] = {
        {"parts 32", "crl", {"crl-int.pem", "crl-root.pem"}, "more CRLs than the 2"},
        {"parts 4", "trusted", {"root.pem", "int.pem"}, "more custom certificates than the 2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *store =
            new_store(&(stls_certstore_options){.max_custom = 2, .max_crls = 2});
        stls_error error = {.result = STLS_NOT_DONE};
        text_sink sink = {NULL, 0};
        char head[64], bad[128];
        check_case("%s", rows[i].keyword);
        snprintf(head, sizeof head, "siptls-export 1\n%s\n", rows[i].head);
        collect(&sink, head, strlen(head), NULL);
        add_item(&sink, rows[i].keyword, rows[i].files[0], (stls_bytes){NULL, 0});
        add_item(&sink, rows[i].keyword, rows[i].files[1], (stls_bytes){NULL, 0});
        snprintf(bad, sizeof bad, "%s %064d 4 bad\nbad\n", rows[i].keyword, 0);
        collect(&sink, bad, strlen(bad), NULL);
        add_seal(&sink);
        CHECK_RESULT("import", stls_certstore_import(store, sink.data, sink.len, NULL, &error),
                     STLS_E_LIMIT, &error);
        CHECK_CONTAINS("sentence", error.text, rows[i].says);
        CHECK_NUMBER("entries", count(store, 0), 0);
        free(sink.data);
        stls_certstore_free(store);
    }
}

static void test_arguments(void) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("no backend", stls_certstore_new(NULL, NULL, &store, &error), STLS_E_NO_BACKEND,
                 &error);
    CHECK_RESULT("too much",
                 stls_certstore_new(stls_backend_default(),
                                    &(stls_certstore_options){.max_bytes = 6 * 1024 * 1024}, &store,
                                    &error),
                 STLS_E_ARGUMENT, &error);
    store = new_store(NULL);
    CHECK_RESULT("NULL", stls_certstore_add(store, NULL, 1, NULL, 0, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("NULL", stls_certstore_add(NULL, "x", 1, NULL, 0, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT("flag", stls_certstore_add(store, "x", 1, NULL, 2, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    CHECK_RESULT(
        "place",
        stls_certstore_install(store, STLS_PLACE_CUSTOM, "x", 1, NULL, 0, NULL, NULL, &error),
        STLS_E_ARGUMENT, &error);
    CHECK_RESULT("places",
                 stls_certstore_install(store, (stls_place)STLS_PLACES_SERVER, "x", 1, NULL, 0,
                                        NULL, NULL, &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_RESULT("refresh", stls_certstore_refresh(store, NULL, &error), STLS_OK, &error);
    CHECK_RESULT("NULL", stls_certstore_reset(NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_NUMBER("NULL", stls_certstore_count(NULL, NULL), 0);
    CHECK_NUMBER("NULL", stls_certstore_memory(NULL), 0);
    stls_certstore_free(store);
    stls_certstore_free(NULL);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"what can be added", test_add},
        {"how many and how large", test_limits},
        {"a file of 6 MB", test_large_file},
        {"names", test_names},
        {"removing", test_remove},
        {"the built-in list", test_builtin},
        {"revocation lists", test_add_crl},
        {"how many, how large, how long", test_crl_limits},
        {"far too many revocation lists", test_far_too_many},
        {"what a revocation list says", test_crl_entry},
        {"queries", test_query},
        {"order", test_order},
        {"a phone's clock", test_clock},
        {"the last second", test_last_second},
        {"a forged import", test_import_forged},
        {"fingerprints", test_fingerprints},
        {"what can be installed", test_install},
        {"signatures that cannot be checked", test_unchecked},
        {"a signature that the CA cannot make", test_foreign_signature},
        {"a signature by which nobody is judged", test_useless_signature},
        {"a peer of version 1", test_peer_of_version_1},
        {"PKCS#12", test_pkcs12},
        {"which is sent, and why", test_chosen},
        {"settings", test_settings},
        {"trust sets", test_sets},
        {"snapshots", test_snapshot},
        {"storage that cannot be opened", test_closed_storage},
        {"passwords", test_password},
        {"reset", test_reset},
        {"export and import", test_export},
        {"bad imports", test_bad_import},
        {"imports of something twice", test_import_twice},
        {"imports of revocation lists", test_import_crl},
        {"imports of too many", test_import_too_many},
        {"arguments", test_arguments},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"certstore", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
