/* tests/support/expected.h - what a backend's library is expected to do otherwise than it should.
 *
 * The model: a program has one list, tests/expectations/<backend>.<kind>, of lines of three words;
 * the README there says what they mean. What is found and not listed is a failure, and so is what
 * is listed and not found. The list says which builds of the library it was compared with; of
 * another one both are told, and neither fails.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_EXPECTED_H
#define STLS_TESTS_SUPPORT_EXPECTED_H

#include <stdbool.h>

/* Where the library of the backend under test comes from: "built" by cmake/deps, the "system"'s, or
 * the "user"'s own. The build says so in SIPTLS_ORIGINS ("openssl=system mbedtls=built"). */
const char *test_origin(void);

/* Reads the list of the backend under test. False: it cannot be read, or has a line that nobody
 * understands; stderr has the reason. */
bool expected_read(const char *kind);

/* Whether a line has these words; it is met. With a build that the list does not know: always. */
bool is_expected(const char *first, const char *second, const char *third);

/* Lines with this third word need not be met. */
void expected_perhaps(const char *third);

/* Says how another build differs; of one that the list knows, checks that each line with this first
 * word was met; NULL: each line; "": none. */
void check_expected(const char *first);

#endif
