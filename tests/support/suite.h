/* tests/support/suite.h - the main loop of a test program.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_SUITE_H
#define STLS_TESTS_SUPPORT_SUITE_H

#include <CUnit/CUnit.h>

typedef struct test_case {
    const char *name;
    CU_TestFunc run;
} test_case;

typedef struct test_suite {
    const char *name;
    const test_case *tests; /* ended by one without name */
} test_suite;

/* Runs all tests of `suites` (ended by one without name), or those whose "suite/test" contains the
 * first argument of the command line. The exit status: 0 if something ran and nothing failed. */
int suite_main(const test_suite *suites, int argc, char **argv);

#endif
