/* SPDX-License-Identifier: MIT */
#include "tests/support/expected.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 64, WORD_SIZE = 32, WORDS = 3 };

typedef struct expectation {
    char words[WORDS][WORD_SIZE];
    bool met;
} expectation;

static expectation lines[LINES_MAX];
static size_t line_count, build_count, found_elsewhere;
static bool is_known; /* the build */

const char *test_origin(void) {
    static char word[WORD_SIZE];
    const char *name = stls_backend_name(test_backend());
    const char *origins = getenv("SIPTLS_ORIGINS");
    char key[WORD_SIZE];
    snprintf(key, sizeof key, "%s=", name);
    const char *at = origins != NULL ? strstr(origins, key) : NULL;
    if (at != NULL && sscanf(at + strlen(key), "%31[a-z]", word) == 1) {
        return word;
    }
    return strcmp(name, "openssl") == 0 ? "system" : "built";
}

static const char *build_text(void) {
    static char text[128];
    snprintf(text, sizeof text, "%s %s (%s)", stls_backend_name(test_backend()),
             stls_backend_version_running(test_backend()), test_origin());
    return text;
}

/* Three words, or "known", the beginning of a version, and an origin. */
static bool read_line(const char *text) {
    expectation it = {.met = false};
    char more[2];
    int count = sscanf(text, "%31s %31s %31s %1s", it.words[0], it.words[1], it.words[2], more);
    if (count < 1 || it.words[0][0] == '#') {
        return true;
    }
    if (count != WORDS || line_count == LINES_MAX) {
        return false;
    }
    if (strcmp(it.words[0], "known") != 0) {
        lines[line_count++] = it;
        return true;
    }
    build_count++;
    if (strncmp(stls_backend_version_running(test_backend()), it.words[1], strlen(it.words[1])) ==
            0 &&
        strcmp(test_origin(), it.words[2]) == 0) {
        is_known = true;
    }
    return true;
}

bool expected_read(const char *kind) {
    char path[1024], text[256];
    const char *folder = getenv("SIPTLS_SOURCE_DIR");
    line_count = build_count = found_elsewhere = 0;
    is_known = false;
    snprintf(path, sizeof path, "%s/tests/expectations/%s.%s", folder != NULL ? folder : ".",
             stls_backend_name(test_backend()), kind);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        return false;
    }
    bool good = true;
    for (unsigned number = 1; fgets(text, sizeof text, file) != NULL; number++) {
        if (!read_line(text)) {
            fprintf(stderr, "%s:%u: not three words, or one line too many: %s\n", path, number,
                    text);
            good = false;
        }
    }
    if (build_count == 0) {
        fprintf(stderr, "%s names no build that it was compared with\n", path);
    }
    good = ferror(file) == 0 && build_count > 0 && good;
    fclose(file);
    return good;
}

static bool find(const char *const words[WORDS]) {
    for (size_t i = 0; i < line_count; i++) {
        size_t same = 0;
        while (same < WORDS && strcmp(lines[i].words[same], words[same]) == 0) {
            same++;
        }
        if (same == WORDS) {
            lines[i].met = true;
            return true;
        }
    }
    return false;
}

bool is_expected(const char *first, const char *second, const char *third) {
    if (find((const char *const[]){first, second, third})) {
        return true;
    }
    if (is_known) {
        return false;
    }
    found_elsewhere++;
    printf("\n    %s: %s %s %s is not listed", build_text(), first, second, third);
    return true;
}

void expected_perhaps(const char *third) {
    for (size_t i = 0; i < line_count; i++) {
        lines[i].met |= strcmp(lines[i].words[2], third) == 0;
    }
}

void check_expected(const char *first) {
    size_t unmet = 0;
    for (size_t i = 0; i < line_count; i++) {
        const expectation *it = &lines[i];
        if (first != NULL && strcmp(first, it->words[0]) != 0) {
            continue;
        }
        if (is_known) {
            CHECK(it->met, "expected, and not met: %s %s %s", it->words[0], it->words[1],
                  it->words[2]);
        } else if (!it->met) {
            unmet++;
            printf("\n    %s: %s %s %s is listed, and not met", build_text(), it->words[0],
                   it->words[1], it->words[2]);
        }
    }
    if (!is_known) {
        test_skip("expectations", "%s is not a build that the list knows: %zu more, %zu less",
                  build_text(), found_elsewhere, unmet);
    }
}
