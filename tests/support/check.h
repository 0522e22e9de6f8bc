/* tests/support/check.h - checks that say in one line which case failed and why.
 *
 * The model: a test sets the case it is at with check_case(); every failed check is a CUnit failure
 * whose text is one line: backend under test, case, what was expected, what came, and the library's
 * own sentence. Each check returns whether it held.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_CHECK_H
#define STLS_TESTS_SUPPORT_CHECK_H

#include <siptls/siptls.h>

#include <CUnit/CUnit.h>

#define CHECK_FORMAT(text, first) __attribute__((__format__(__printf__, text, first)))

/* The backend that a conformance program tests; NULL elsewhere. */
void test_set_backend(const stls_backend *backend);
const stls_backend *test_backend(void);

/* Whether the backend under test is called `name`. */
bool test_is(const char *name);

/* Names the case of the running test; it holds until the next one or the end of the test. */
void check_case(const char *format, ...) CHECK_FORMAT(1, 2);

/* Whether it holds is decided here and only told elsewhere, so that who reads the code sees it. */
#define CHECK(condition, ...)                                                                      \
    check_is((condition) ? (check_held(__FILE__, __LINE__), true)                                  \
                         : (check_failed(__FILE__, __LINE__, __VA_ARGS__), false))
#define CHECK_RESULT(what, got, expected, error)                                                   \
    check_result(__FILE__, __LINE__, what, got, expected, error)
#define CHECK_NUMBER(what, got, expected)                                                          \
    check_number(__FILE__, __LINE__, what, (long long)(got), (long long)(expected))
#define CHECK_TEXT(what, got, expected)  check_text(__FILE__, __LINE__, what, got, expected)
#define CHECK_CONTAINS(what, text, part) check_contains(__FILE__, __LINE__, what, text, part)
#define CHECK_BYTES(what, got, expected) check_bytes(__FILE__, __LINE__, what, got, expected)

static inline bool check_is(bool holds) {
    return holds;
}

void check_held(const char *file, unsigned line);
void check_failed(const char *file, unsigned line, const char *format, ...) CHECK_FORMAT(3, 4);

/* `error` may be NULL; its sentence is shown if the results differ. */
void check_tell_result(const char *file, unsigned line, const char *what, stls_result got,
                       stls_result expected, const stls_error *error);
void check_tell_number(const char *file, unsigned line, const char *what, long long got,
                       long long expected);

static inline bool check_result(const char *file, unsigned line, const char *what, stls_result got,
                                stls_result expected, const stls_error *error) {
    check_tell_result(file, line, what, got, expected, error);
    return got == expected;
}

static inline bool check_number(const char *file, unsigned line, const char *what, long long got,
                                long long expected) {
    check_tell_number(file, line, what, got, expected);
    return got == expected;
}

bool check_text(const char *file, unsigned line, const char *what, const char *got,
                const char *expected);
bool check_contains(const char *file, unsigned line, const char *what, const char *text,
                    const char *part);
bool check_bytes(const char *file, unsigned line, const char *what, stls_bytes got,
                 stls_bytes expected);

/* Names of flags, "expired,name-mismatch" or "none", in one of a few static buffers. */
const char *flags_text(uint32_t flags);

/* The registry's name of `code`, or "0x1234"; in one of a few static buffers. */
const char *code_text(stls_registry registry, uint16_t code);

/* "TLS 1.2", "TLS 1.3". */
const char *version_text(uint16_t version);

/* Says that this test cannot run, in the words that cmake/count-tests.py counts. */
void test_skip(const char *name, const char *format, ...) CHECK_FORMAT(2, 3);

#endif
