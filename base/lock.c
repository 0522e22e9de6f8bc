/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static stls_lock list = {.next = &list, .previous = &list};

/* --- fork() --- */

static void take_all(void) {
    pthread_mutex_lock(&list_mutex);
    for (stls_lock *it = list.next; it != &list; it = it->next) {
        pthread_mutex_lock(&it->mutex);
    }
}

static void give_all(void) {
    for (stls_lock *it = list.next; it != &list; it = it->next) {
        pthread_mutex_unlock(&it->mutex);
    }
    pthread_mutex_unlock(&list_mutex);
}

bool stls_locks_guard_forks(void) {
    return pthread_atfork(take_all, give_all, give_all) == 0;
}

/* --- Life --- */

bool stls_lock_init(stls_lock *lock) {
    if (pthread_mutex_init(&lock->mutex, NULL) != 0) {
        return false;
    }
    pthread_mutex_lock(&list_mutex);
    lock->next = list.next;
    lock->previous = &list;
    lock->next->previous = lock->previous->next = lock;
    pthread_mutex_unlock(&list_mutex);
    return true;
}

void stls_lock_fini(stls_lock *lock) {
    pthread_mutex_lock(&list_mutex);
    lock->next->previous = lock->previous;
    lock->previous->next = lock->next;
    pthread_mutex_unlock(&list_mutex);
    pthread_mutex_destroy(&lock->mutex);
}

/* --- Use --- */

void stls_lock_take(stls_lock *lock) {
    pthread_mutex_lock(&lock->mutex);
}

void stls_lock_give(stls_lock *lock) {
    pthread_mutex_unlock(&lock->mutex);
}
