/* tests/faults/constant.c - compares secrets, for tests/scripts/constant-time.sh to look on by
 * valgrind.
 *
 *     faults_constant equal      stls_secret_equal() of memory that nobody wrote
 *     faults_constant memcmp     the same with memcmp(), to see that valgrind sees it
 *
 * Valgrind calls memory that nobody wrote undefined, follows where it goes, and complains where a
 * branch or an address depends on it: what would tell of a secret by its time.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEN = 48 };

static volatile int sink; /* a result that nobody looks at */

int main(int argc, char **argv) {
    void *(*volatile take)(size_t) = malloc; /* the compiler need not know that nobody writes */
    uint8_t *a = take(LEN), *b = take(LEN);
    const char *what = argc > 1 ? argv[1] : "";
    bool known = true;
    if (a == NULL || b == NULL) {
        fprintf(stderr, "no memory\n");
        known = false;
    } else if (strcmp(what, "equal") == 0) {
        sink = stls_secret_equal(a, b, LEN);
    } else if (strcmp(what, "memcmp") == 0) {
        int (*volatile compare)(const void *, const void *, size_t) = memcmp;
        sink = compare(a, b, LEN) == 0;
    } else {
        fprintf(stderr, "usage: faults_constant equal|memcmp\n");
        known = false;
    }
    free(a);
    free(b);
    return known ? EXIT_SUCCESS : EXIT_FAILURE;
}
