/* A stand-in for what ssl_sock_siptls.c uses of PJLIB, so that it compiles and runs without a
 * pjproject tree: the names, types and numbers of PJLIB's API, with small bodies of our own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_PJ_STUB_H
#define SIPTLS_PJ_STUB_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define PJ_HAS_SSL_SOCK         1
#define PJ_SSL_SOCK_IMP_SIPTLS  7
#define PJ_SSL_SOCK_IMP         PJ_SSL_SOCK_IMP_SIPTLS
#define PJ_SSL_SOCK_MAX_CIPHERS 256
#define PJ_SSL_SOCK_MAX_CURVES  32
#define PJ_UNUSED_ARG(arg)      (void)(arg)
#define PJ_DEF(type)            type

typedef int pj_status_t;
typedef int pj_bool_t;
typedef size_t pj_size_t;
typedef ssize_t pj_ssize_t;
typedef uint8_t pj_uint8_t;
typedef uint32_t pj_uint32_t;
typedef int pj_sock_t;
typedef struct pj_time_val {
    long sec, msec;
} pj_time_val;
typedef struct pj_str_t {
    char *ptr;
    pj_ssize_t slen;
} pj_str_t;

enum { PJ_FALSE = 0, PJ_TRUE = 1, PJ_SUCCESS = 0 };
enum { /* pj/errno.h: PJ_ERRNO_START_STATUS is 70000 */
       PJ_EUNKNOWN = 70001,
       PJ_EPENDING = 70002,
       PJ_EINVAL = 70004,
       PJ_ENOTFOUND = 70006,
       PJ_ENOMEM = 70007,
       PJ_ETIMEDOUT = 70009,
       PJ_ENOTSUP = 70012,
       PJ_EEOF = 70016,
};

/* --- pools: blocks that go together */

typedef struct pj_pool_factory pj_pool_factory;
typedef struct pj_pool_t {
    pj_pool_factory *factory;
    struct stub_block *blocks;
} pj_pool_t;
struct stub_block {
    struct stub_block *next;
    max_align_t data[];
};

/* gcc does not see that a pool has its blocks, because it gives away what is inside of them. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

static inline void *pj_pool_calloc(pj_pool_t *pool, pj_size_t count, pj_size_t size) {
    struct stub_block *block = calloc(1, sizeof *block + count * size);
    if (block == NULL) {
        abort(); /* as PJLIB does by default: it throws */
    }
    block->next = pool->blocks;
    pool->blocks = block;
    return block->data;
}
static inline void stub_pool_release(pj_pool_t *pool) {
    while (pool->blocks != NULL) {
        struct stub_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
}
#define PJ_POOL_ZALLOC_T(pool, type) ((type *)pj_pool_calloc(pool, 1, sizeof(type)))

/* --- strings */

static inline void pj_strdup_with_null(pj_pool_t *pool, pj_str_t *to, const pj_str_t *from) {
    to->ptr = pj_pool_calloc(pool, (size_t)from->slen + 1, 1);
    to->slen = from->slen;
    memcpy(to->ptr, from->ptr, (size_t)from->slen);
}
static inline void pj_strdup2(pj_pool_t *pool, pj_str_t *to, const char *from) {
    to->slen = (pj_ssize_t)strlen(from);
    to->ptr = pj_pool_calloc(pool, (size_t)to->slen + 1, 1);
    memcpy(to->ptr, from, (size_t)to->slen);
}
#define pj_bzero(at, size) memset(at, 0, size)
#define pj_ansi_snprintf   snprintf

/* --- log: what was said, for the test */

extern char stub_log_text[2048];
static inline void __attribute__((format(printf, 2, 3)))
stub_log(const char *sender, const char *format, ...) {
    size_t len = strlen(stub_log_text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(stub_log_text + len, sizeof stub_log_text - len, format, arguments);
    va_end(arguments);
    (void)sender;
}
#define PJ_LOG(level, arguments) stub_log arguments

/* --- locks: one thread, but whoever forgets to give one back is found */

typedef struct pj_lock_t {
    int depth;
} pj_lock_t;
static inline void pj_lock_acquire(pj_lock_t *lock) {
    lock->depth++;
}
static inline void pj_lock_release(pj_lock_t *lock) {
    lock->depth--;
}

#endif
