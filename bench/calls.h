/* bench/calls.h - how many system calls a piece of work takes.
 *
 * The model: calls.c defines the C library's functions that move bytes through a descriptor, wait
 * for one, or ask for random numbers, in the executable that it is linked to: every library of the
 * process calls them. Each asks the kernel and counts. What the C library answers without the
 * kernel (the time) is no system call, and neither is memory that it gets from there now and then.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include <stdint.h>

/* Of this thread, so far. */
uint64_t bench_system_calls(void);

#endif
