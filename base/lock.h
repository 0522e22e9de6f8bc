/* base/lock.h - locks that a child process never finds held.
 *
 * The model: fork() copies what the other threads have half done, and the locks that they hold, but
 * not the threads. So whoever forks takes all of these locks first, and both processes let go of
 * them afterwards: nobody is within at that moment. What is done under one must therefore end by
 * itself, and must not fork; nobody takes two.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BASE_LOCK_H
#define STLS_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

typedef struct stls_lock {
    pthread_mutex_t mutex;
    struct stls_lock *next, *previous; /* all there are */
} stls_lock;

/* From now on; once in a process. False: no memory. */
bool stls_locks_guard_forks(void);

/* False: no memory, and nothing is to be undone. */
bool stls_lock_init(stls_lock *lock);
void stls_lock_fini(stls_lock *lock);

void stls_lock_take(stls_lock *lock);
void stls_lock_give(stls_lock *lock);

#endif
