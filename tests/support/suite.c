/* tests/support/suite.c - the main loop of a test program.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/suite.h"
#include "tests/support/pki.h"

#include <CUnit/Basic.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(const test_suite *s, const test_case *t, const char *filter) {
    char name[256];
    snprintf(name, sizeof name, "%s/%s", s->name, t->name);
    return !filter || strstr(name, filter);
}

static bool add(const test_suite *s, const char *filter) {
    CU_pSuite group = NULL;
    for (const test_case *t = s->tests; t->name; t++) {
        if (!is_wanted(s, t, filter)) {
            continue;
        }
        if (!group && !(group = CU_add_suite(s->name, NULL, NULL))) {
            return false;
        }
        if (!CU_add_test(group, t->name, t->run)) {
            return false;
        }
    }
    return true;
}

/* Who starts a program by hand need not name what CTest names. */
static void find_places(void) {
    (void)setenv("SIPTLS_TEST_PKI", STLS_TEST_PKI, 0);
    (void)setenv("SIPTLS_SOURCE_DIR", STLS_TEST_SOURCE_DIR, 0);
    (void)setenv("SIPTLS_ORIGINS", STLS_TEST_ORIGINS, 0);
}

int suite_main(const test_suite *suites, int argc, char **argv) {
    unsigned run, failed;
    find_places();
    /* A crash must not swallow the line that says which test it was in. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    for (const test_suite *s = suites; s->name; s++) {
        if (!add(s, argc > 1 ? argv[1] : NULL)) {
            fprintf(stderr, "suite %s: %s\n", s->name, CU_get_error_msg());
            return EXIT_FAILURE;
        }
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_ErrorCode code = CU_basic_run_tests();
    run = CU_get_number_of_tests_run();
    failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    pki_forget();
    if (run == 0) {
        fprintf(stderr, "no test ran\n");
    }
    return code == CUE_SUCCESS && run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
