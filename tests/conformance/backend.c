/* tests/conformance/backend.c - what this build of the backend can do, compared with what it is
 * expected to do.
 *
 * tests/expectations/<backend>.caps says it; tests/expectations/README.md says how to read it.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"
#include "tests/support/expected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPECTED_MAX = 128, WORD_SIZE = 64 };

typedef struct expectation {
    stls_registry registry; /* NONE: a capability */
    char name[WORD_SIZE];
    bool seen;
} expectation;

typedef struct expectations {
    expectation at[EXPECTED_MAX];
    size_t count;
} expectations;

/* Whether the running library is at least `version` ("3.5"). */
static bool is_at_least(const char *version) {
    unsigned have[3] = {0}, want[3] = {0};
    sscanf(stls_backend_version_running(test_backend()), "%u.%u.%u", &have[0], &have[1], &have[2]);
    sscanf(version, "%u.%u.%u", &want[0], &want[1], &want[2]);
    for (unsigned i = 0; i < 3; i++) {
        if (have[i] != want[i]) {
            return have[i] > want[i];
        }
    }
    return true;
}

static stls_registry registry_of(const char *word) {
    static const struct {
        const char *word;
        stls_registry registry;
    } words[] = {
        {"suite", STLS_REGISTRY_SUITE},
        {"group", STLS_REGISTRY_GROUP},
        {"scheme", STLS_REGISTRY_SCHEME},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            return words[i].registry;
        }
    }
    return STLS_REGISTRY_NONE;
}

/* "can NAME", "suite NAME", "group NAME", "scheme NAME", each perhaps followed by "since VERSION".
 */
static bool read_line(const char *line, expectations *list) {
    char kind[WORD_SIZE], name[WORD_SIZE], since[WORD_SIZE];
    int words = sscanf(line, "%63s %63s since %63s", kind, name, since);
    if (words < 1 || kind[0] == '#') {
        return true;
    }
    if (words < 2 || list->count == EXPECTED_MAX ||
        (registry_of(kind) == STLS_REGISTRY_NONE && strcmp(kind, "can") != 0)) {
        return CHECK(false, "the expectations have a line that nobody understands: %s", line);
    }
    if (words == 3 && !is_at_least(since)) {
        return true;
    }
    expectation *e = &list->at[list->count++];
    *e = (expectation){.registry = registry_of(kind)};
    memcpy(e->name, name, sizeof name);
    return true;
}

/* The lines of "[all]" and of "[origin]". */
static bool read_expectations(expectations *list) {
    const char *tree = getenv("SIPTLS_SOURCE_DIR");
    char path[1024], line[256], section[WORD_SIZE] = "";
    *list = (expectations){.count = 0};
    snprintf(path, sizeof path, "%s/tests/expectations/%s.caps", tree ? tree : ".",
             STLS_TEST_BACKEND);
    FILE *file = fopen(path, "r");
    if (!CHECK(file != NULL, "there are no expectations in %s (SIPTLS_SOURCE_DIR)", path)) {
        return false; /* cppcheck-suppress resourceLeak; CHECK() was false */
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "[%63[a-z]]", section) != 1 &&
            (strcmp(section, "all") == 0 || strcmp(section, test_origin()) == 0)) {
            read_line(line, list);
        }
    }
    fclose(file);
    return CHECK(list->count > 0, "%s expects nothing of a build that is \"%s\"", path,
                 test_origin());
}

static void check_one(expectations *list, stls_registry registry, const char *name, bool has) {
    for (size_t i = 0; i < list->count; i++) {
        expectation *e = &list->at[i];
        if (e->registry == registry && strcmp(e->name, name) == 0) {
            e->seen = true;
            CHECK(has, "%s %s (%s) has lost %s, which tests/expectations/%s.caps lists",
                  STLS_TEST_BACKEND, stls_backend_version_running(test_backend()), test_origin(),
                  name, STLS_TEST_BACKEND);
            return;
        }
    }
    CHECK(!has, "%s %s (%s) has gained %s: add it to tests/expectations/%s.caps", STLS_TEST_BACKEND,
          stls_backend_version_running(test_backend()), test_origin(), name, STLS_TEST_BACKEND);
}

static void test_expectations(void) {
    static const stls_registry registries[] = {STLS_REGISTRY_SUITE, STLS_REGISTRY_GROUP,
                                               STLS_REGISTRY_SCHEME};
    expectations list;
    uint16_t code;
    check_case("expectations");
    if (strcmp(test_origin(), "user") == 0) {
        test_skip("expectations", "nobody knows what your own build of %s should have",
                  STLS_TEST_BACKEND);
        return;
    }
    if (!read_expectations(&list)) {
        return;
    }
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t capability = (uint32_t)1 << bit;
        const char *name = stls_capability_name(capability);
        if (CHECK(name || !stls_backend_can(test_backend(), capability),
                  "capability bit %u has no name", bit) &&
            name) {
            check_one(&list, STLS_REGISTRY_NONE, name,
                      stls_backend_can(test_backend(), capability));
        }
    }
    for (size_t r = 0; r < COUNT(registries); r++) {
        for (size_t i = 0; stls_iana_at(registries[r], i, &code); i++) {
            check_one(&list, registries[r], stls_iana_name(registries[r], code),
                      stls_backend_supports(test_backend(), registries[r], code));
        }
    }
    for (size_t i = 0; i < list.count; i++) {
        CHECK(list.at[i].seen, "tests/expectations/%s.caps expects \"%s\", which does not exist",
              STLS_TEST_BACKEND, list.at[i].name);
    }
}

static void test_description(void) {
    const stls_backend *backend = test_backend();
    check_case("description");
    CHECK_TEXT("the name", stls_backend_name(backend), STLS_TEST_BACKEND);
    CHECK(stls_backend_find(STLS_TEST_BACKEND) == backend, "found twice, at two addresses");
    CHECK(strlen(stls_backend_version_running(backend)) >= 3, "the running version is \"%s\"",
          stls_backend_version_running(backend));
    CHECK(strlen(stls_backend_version_built(backend)) >= 3, "the built version is \"%s\"",
          stls_backend_version_built(backend));
    CHECK(stls_backend_can(backend, STLS_CAN_TLS1_2 | STLS_CAN_TLS1_3), "TLS 1.2 and 1.3");
    CHECK(!stls_backend_can(backend, (uint32_t)1 << 31), "a bit that does not exist");
    for (uint32_t version = 0x0300; version <= 0x0305; version++) {
        bool ours = version == STLS_TLS1_2 || version == STLS_TLS1_3;
        CHECK(stls_backend_supports(backend, STLS_REGISTRY_VERSION, (uint16_t)version) == ours,
              "version 0x%04x is %ssupported", version, ours ? "not " : "");
    }
}

/* Numbers that no backend may offer, whatever its library can do. */
static void test_never_supported(void) {
    static const struct {
        stls_registry registry;
        uint16_t code;
        const char *why;
    } never[] = {
        {STLS_REGISTRY_SUITE, 0x0000, "TLS_NULL_WITH_NULL_NULL"},
        {STLS_REGISTRY_SUITE, 0x0005, "RC4"},
        {STLS_REGISTRY_SUITE, 0x000a, "3DES"},
        {STLS_REGISTRY_SUITE, 0x0034, "anonymous"},
        {STLS_REGISTRY_SUITE, 0x003b, "no encryption"},
        {STLS_REGISTRY_SUITE, 0x00ff, "a signal, not a suite"},
        {STLS_REGISTRY_SUITE, 0x5600, "a signal, not a suite"},
        {STLS_REGISTRY_SUITE, 0xffff, "not assigned"},
        {STLS_REGISTRY_GROUP, 0x0000, "not assigned"},
        {STLS_REGISTRY_GROUP, 0x0001, "163 bits"},
        {STLS_REGISTRY_GROUP, 0xffff, "not assigned"},
        {STLS_REGISTRY_SCHEME, 0x0000, "not assigned"},
        {STLS_REGISTRY_SCHEME, 0x0101, "MD5"},
        {STLS_REGISTRY_SCHEME, 0x0201, "SHA-1"},
        {STLS_REGISTRY_SCHEME, 0x0203, "SHA-1"},
        {STLS_REGISTRY_NONE, 0x1301, "no registry"},
        {STLS_REGISTRY_ALERT, 48, "an alert is not negotiated"},
    };
    for (size_t i = 0; i < COUNT(never); i++) {
        check_case("0x%04x", never[i].code);
        CHECK(!stls_backend_supports(test_backend(), never[i].registry, never[i].code),
              "supported, but: %s", never[i].why);
    }
}

const test_case backend_tests[] = {
    {"capabilities and registries are as expected", test_expectations},
    {"description", test_description},
    {"what is never supported", test_never_supported},
    {NULL, NULL},
};
