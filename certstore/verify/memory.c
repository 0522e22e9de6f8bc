/* SPDX-License-Identifier: MIT */
#include "certstore/verify/memory.h"

#include "base/lock.h"
#include "base/memory.h"

#include <string.h>

/* A fact has a home in one set, and any of its places. */
enum { WAYS = 4 };

typedef struct fact_set {
    uint8_t facts[WAYS][STLS_FACT_LEN];
    uint8_t used, next; /* places in use; the one that is overwritten next */
} fact_set;

struct stls_memory {
    const stls_backend *backend;
    stls_lock lock;
    fact_set *sets;
    size_t set_count;
};

stls_memory *stls_memory_new(const stls_backend *backend, size_t count) {
    stls_memory *memory = stls_alloc(1, sizeof *memory);
    if (memory == NULL) {
        return NULL;
    }
    memory->backend = backend;
    memory->set_count = (count + WAYS - 1) / WAYS;
    memory->sets = stls_alloc(memory->set_count, sizeof *memory->sets);
    if (memory->sets == NULL || !stls_lock_init(&memory->lock)) {
        stls_free(memory->sets);
        stls_free(memory);
        return NULL;
    }
    return memory;
}

void stls_memory_free(stls_memory *memory) {
    if (memory != NULL) {
        stls_lock_fini(&memory->lock);
        stls_free(memory->sets);
        stls_free(memory);
    }
}

static bool digest(const stls_memory *memory, stls_bytes data, uint8_t *out) {
    uint8_t whole[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    if (memory->backend->digest(STLS_HASH_SHA256, data, whole, &len) != STLS_BE_OK ||
        len != STLS_FACT_LEN) {
        return false;
    }
    memcpy(out, whole, STLS_FACT_LEN);
    return true;
}

bool stls_memory_fact(const stls_memory *memory, stls_bytes spki, stls_bytes der,
                      uint8_t fact[STLS_FACT_LEN]) {
    uint8_t both[2 * STLS_FACT_LEN];
    return digest(memory, spki, both) && digest(memory, der, both + STLS_FACT_LEN) &&
           digest(memory, (stls_bytes){both, sizeof both}, fact);
}

static fact_set *home_of(const stls_memory *memory, const uint8_t fact[STLS_FACT_LEN]) {
    size_t number = 0;
    for (size_t i = 0; i < 4; i++) {
        number = number << 8 | fact[i];
    }
    return &memory->sets[number % memory->set_count];
}

static bool holds(const fact_set *set, const uint8_t fact[STLS_FACT_LEN]) {
    for (size_t i = 0; i < set->used; i++) {
        if (memcmp(set->facts[i], fact, STLS_FACT_LEN) == 0) {
            return true;
        }
    }
    return false;
}

bool stls_memory_has(stls_memory *memory, const uint8_t fact[STLS_FACT_LEN]) {
    stls_lock_take(&memory->lock);
    bool found = holds(home_of(memory, fact), fact);
    stls_lock_give(&memory->lock);
    return found;
}

void stls_memory_add(stls_memory *memory, const uint8_t fact[STLS_FACT_LEN]) {
    stls_lock_take(&memory->lock);
    fact_set *set = home_of(memory, fact);
    if (!holds(set, fact)) {
        memcpy(set->facts[set->next], fact, STLS_FACT_LEN);
        set->next = (uint8_t)((set->next + 1) % WAYS);
        set->used = set->used < WAYS ? (uint8_t)(set->used + 1) : (uint8_t)WAYS;
    }
    stls_lock_give(&memory->lock);
}
