/* bench/parts.h - a large PEM file in parts: some libraries take no file of more than a few MB.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_PARTS_H
#define BENCH_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/* Calls `take` for one part after the other, whole certificates, at most 1 MB each, as long as it
 * answers true. false: it did not, or the file cannot be read. */
bool bench_parts(const char *file, bool (*take)(void *arg, const char *data, size_t len),
                 void *arg);

#endif
