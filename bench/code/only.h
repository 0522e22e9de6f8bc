/* bench/code/only.h - BENCH_BACKEND is the only backend of the program: as in a library that was
 * built with no other.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_CODE_ONLY_H
#define BENCH_CODE_ONLY_H

#include <siptls/siptls.h>

extern const stls_backend BENCH_BACKEND;

extern const stls_backend *const stls_backends_builtin[];
const stls_backend *const stls_backends_builtin[] = {&BENCH_BACKEND, NULL};

#endif
