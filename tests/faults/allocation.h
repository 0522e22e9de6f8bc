/* tests/faults/allocation.h - scenarios in which each allocation fails once.
 *
 * The model: a scenario is a public path of siptls. Its begin() makes what all tries share, and is
 * never disturbed. A try is prepare(), run(), flaw(), finish(), each in a process of its own;
 * memory fails during run() only. A try leaves nothing behind, and the next one, undisturbed,
 * succeeds.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FAULTS_ALLOCATION_H
#define STLS_TESTS_FAULTS_ALLOCATION_H

#include "tests/support/heap.h"

#include <siptls/siptls.h>

/* What the call answered that failed first; STLS_OK: none did. */
typedef struct outcome {
    stls_result result;
    stls_error error;
} outcome;

typedef struct scenario {
    const char *name;
    uint32_t needs; /* STLS_CAN_... */
    uint16_t version;
    bool is_cold; /* the first random numbers of a child are part of it */

    bool (*begin)(const struct scenario *self); /* NULL: nothing is shared */
    void (*end)(void);
    bool (*prepare)(void); /* NULL: nothing */
    void (*run)(outcome *out);
    const char *(*flaw)(const outcome *out); /* what is wrong now; NULL: nothing */
    void (*finish)(void);
} scenario;

/* Each list ends with one without name. */
extern const scenario object_scenarios[], conn_scenarios[], store_scenarios[];

/* Notes the answer of a call; false: it failed, and run() gives up. */
bool did(outcome *out, stls_result result);

/* The same of a function that answers NULL where there is no memory. */
bool got(outcome *out, const void *object);

#endif
