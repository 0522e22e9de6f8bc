/* tests/unit/expected.c - a list of expectations that says less than it seems to is refused.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/expected.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/siptls-expected-XXXXXX";
static char list[128];

static bool read_text(const char *text) {
    FILE *file = fopen(list, "w");
    if (file == NULL) {
        return CHECK(false, "%s cannot be written", list);
    }
    fputs(text, file);
    fclose(file);
    return expected_read("faults");
}

static void test_lines(void) {
    static const struct {
        const char *name, *text;
        bool good;
    } rows[] = {
        {"three words", "known 3.0. system\ncrash objects -\n", true},
        {"comments and empty lines", "# what\n\n  \nknown 3.0. system\ncrash objects -\n", true},
        {"without the end of the last line", "known 3.0. system\ncrash objects -", true},
        {"no build", "crash objects -\n", false},
        {"two words", "known 3.0. system\ncrash objects\n", false},
        {"four words", "known 3.0. system\ncrash objects - again\n", false},
        {"one word", "known 3.0. system\ncrash\n", false},
        {"a word that is too long",
         "known 3.0. system\ncrash objects a-word-of-more-than-thirty-one-letters\n", false},
        {"a build without an origin", "known 3.0. system\nknown 3.0.\n", false},
        {"a bad line behind a good one", "known 3.0. system\ncrash objects -\ncrash\n", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_case("%s", rows[i].name);
        CHECK(read_text(rows[i].text) == rows[i].good, "it is %s", rows[i].good ? "good" : "bad");
    }
    check_case("too many lines");
    char text[512] = "known 3.0. system\n";
    for (size_t i = 0, len = strlen(text); i < 65; i++, len += 6) {
        snprintf(text + len, sizeof text - len, "a b c\n");
    }
    CHECK(!read_text(text), "it is good");
    check_case("no file");
    unlink(list);
    CHECK(!expected_read("faults"), "it is good");
}

static void test_builds(void) {
    char text[256];
    const char *version = stls_backend_version_running(test_backend());
    static const struct {
        const char *origin;
        bool listed_only;
    } rows[] = {{"system", true}, {"user", false}};
    setenv("SIPTLS_ORIGINS", "none=built openssl=system mbedtls=system wolfssl=system", 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_case("a list for builds of the %s", rows[i].origin);
        snprintf(text, sizeof text, "known 0. system\nknown %.3s %s\na b c\n", version,
                 rows[i].origin);
        CHECK(read_text(text), "it cannot be read");
        CHECK(is_expected("a", "b", "c"), "what is listed is not expected");
        CHECK(is_expected("a", "b", "d") != rows[i].listed_only, "what is not listed");
    }
    unlink(list);
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"lines", test_lines}, {"builds", test_builds}, {NULL, NULL}};
    static const test_suite suites[] = {{"expected", cases}, {NULL, NULL}};
    char path[64];
    test_set_backend(stls_backend_default());
    if (mkdtemp(folder) == NULL) {
        return EXIT_FAILURE;
    }
    setenv("SIPTLS_SOURCE_DIR", folder, 1);
    snprintf(path, sizeof path, "%s/tests", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/tests/expectations", folder);
    mkdir(path, 0700);
    snprintf(list, sizeof list, "%s/%s.faults", path, stls_backend_name(test_backend()));
    int status = suite_main(suites, argc, argv);
    rmdir(path);
    snprintf(path, sizeof path, "%s/tests", folder);
    rmdir(path);
    rmdir(folder);
    return status;
}
