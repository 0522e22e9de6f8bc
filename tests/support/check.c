/* tests/support/check.c - checks that say in one line which case failed and why.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"

#include <CUnit/TestRun.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CASE_SIZE = 256, LINE_SIZE = 1600, SPARE_BUFFERS = 8 };

static const stls_backend *backend_under_test;
static char case_name[CASE_SIZE];
static CU_pTest case_test; /* the test that set case_name: another one has no case yet */

void test_set_backend(const stls_backend *backend) {
    backend_under_test = backend;
}

const stls_backend *test_backend(void) {
    return backend_under_test;
}

bool test_is(const char *name) {
    return backend_under_test && strcmp(stls_backend_name(backend_under_test), name) == 0;
}

void check_case(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(case_name, sizeof case_name, format, arguments);
    va_end(arguments);
    case_test = CU_get_current_test();
}

static bool report(bool holds, const char *file, unsigned line, const char *text) {
    char sentence[LINE_SIZE];
    const char *name = case_test == CU_get_current_test() ? case_name : "";
    const char *slash = strrchr(file, '/');
    if (holds) {
        CU_assertImplementation(CU_TRUE, line, text, file, "", CU_FALSE);
        return true;
    }
    snprintf(sentence, sizeof sentence, "%s%s%s%s%s",
             backend_under_test ? stls_backend_name(backend_under_test) : "",
             backend_under_test ? ": " : "", name, *name ? ": " : "", text);
    CU_assertImplementation(CU_FALSE, line, sentence, slash ? slash + 1 : file, "", CU_FALSE);
    return false;
}

void check_held(const char *file, unsigned line) {
    report(true, file, line, "");
}

void check_failed(const char *file, unsigned line, const char *format, ...) {
    char text[LINE_SIZE / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report(false, file, line, text);
}

void check_tell_result(const char *file, unsigned line, const char *what, stls_result got,
                       stls_result expected, const stls_error *error) {
    char text[LINE_SIZE / 2];
    snprintf(text, sizeof text, "%s: expected %s, got %s%s%s%s", what, stls_result_name(expected),
             stls_result_name(got), error && *error->text ? " (\"" : "", error ? error->text : "",
             error && *error->text ? "\")" : "");
    report(got == expected, file, line, text);
}

void check_tell_number(const char *file, unsigned line, const char *what, long long got,
                       long long expected) {
    char text[LINE_SIZE / 2];
    snprintf(text, sizeof text, "%s: expected %lld, got %lld", what, expected, got);
    report(got == expected, file, line, text);
}

bool check_text(const char *file, unsigned line, const char *what, const char *got,
                const char *expected) {
    char text[LINE_SIZE / 2];
    bool same = got && expected ? strcmp(got, expected) == 0 : got == expected;
    snprintf(text, sizeof text, "%s: expected \"%s\", got \"%s\"", what,
             expected ? expected : "(null)", got ? got : "(null)");
    return report(same, file, line, text);
}

bool check_contains(const char *file, unsigned line, const char *what, const char *text,
                    const char *part) {
    char words[LINE_SIZE / 2];
    bool holds = text && strstr(text, part);
    snprintf(words, sizeof words, "%s: \"%s\" does not contain \"%s\"", what,
             text ? text : "(null)", part);
    return report(holds, file, line, words);
}

bool check_bytes(const char *file, unsigned line, const char *what, stls_bytes got,
                 stls_bytes expected) {
    char text[LINE_SIZE / 2];
    size_t at = 0;
    while (at < got.len && at < expected.len && got.data[at] == expected.data[at]) {
        at++;
    }
    snprintf(text, sizeof text, "%s: expected %zu bytes, got %zu, different from byte %zu on", what,
             expected.len, got.len, at);
    return report(got.len == expected.len && at == got.len, file, line, text);
}

/* A few buffers in turn, so that one call of printf can show several texts. */
static char *spare_buffer(size_t *size) {
    static char buffers[SPARE_BUFFERS][CASE_SIZE];
    static unsigned next;
    *size = CASE_SIZE;
    return buffers[next++ % SPARE_BUFFERS];
}

const char *flags_text(uint32_t flags) {
    size_t size, len = 0;
    char *text = spare_buffer(&size);
    snprintf(text, size, "none");
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t flag = (uint32_t)1 << bit;
        const char *name = flags & flag ? stls_flag_name(flag) : NULL;
        if (!(flags & flag)) {
            continue;
        }
        int n = name ? snprintf(text + len, size - len, "%s%s", len ? "," : "", name)
                     : snprintf(text + len, size - len, "%sbit-%u", len ? "," : "", bit);
        len += (size_t)n;
        if (len >= size) {
            break;
        }
    }
    return text;
}

const char *code_text(stls_registry registry, uint16_t code) {
    const char *name = stls_iana_name(registry, code);
    size_t size;
    char *text;
    if (name) {
        return name;
    }
    text = spare_buffer(&size);
    snprintf(text, size, "0x%04x", code);
    return text;
}

const char *version_text(uint16_t version) {
    return version == STLS_TLS1_2 ? "TLS 1.2" : version == STLS_TLS1_3 ? "TLS 1.3" : "TLS ?";
}

void test_skip(const char *name, const char *format, ...) {
    va_list arguments;
    printf("SKIP %s: ", name);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}
