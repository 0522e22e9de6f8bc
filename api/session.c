/* api/session.c - the sessions that a client may resume: a cache, bounded, for any number of
 * threads.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/lock.h"
#include "base/memory.h"

#include <string.h>

struct stls_session_cache {
    atomic_size_t holds;
    stls_lock lock;
    size_t max, count;
    stls_session **buckets;
    size_t bucket_count; /* a power of two */
    stls_session *newest, *oldest;
};

enum { PER_KEY_MAX = 4 }; /* tickets of TLS 1.3 for one peer */

void stls_session_free(stls_session *session) {
    if (session != NULL && atomic_fetch_sub(&session->holds, 1) == 1) {
        union {
            const uint8_t *constant;
            uint8_t *owned;
        } state = {session->state.data};
        stls_wipe(state.owned, session->state.len);
        stls_bytes_free(&session->state);
        stls_free(session->peer.chain);
        stls_free(session);
    }
}

/* --- Life --- */

stls_session_cache *stls_session_cache_new(size_t max_sessions) {
    if (max_sessions == 0 || max_sessions > STLS_SESSION_CACHE_MAX) {
        return NULL;
    }
    stls_session_cache *cache = stls_alloc(1, sizeof *cache);
    if (cache == NULL) {
        return NULL;
    }
    atomic_init(&cache->holds, 1);
    cache->max = max_sessions;
    cache->bucket_count = 1;
    while (cache->bucket_count < max_sessions) {
        cache->bucket_count *= 2;
    }
    cache->buckets = stls_alloc(cache->bucket_count, sizeof(stls_session *));
    if (cache->buckets == NULL || !stls_lock_init(&cache->lock)) {
        stls_free(cache->buckets);
        stls_free(cache);
        return NULL;
    }
    return cache;
}

stls_session_cache *stls_session_cache_hold(stls_session_cache *cache) {
    if (cache != NULL) {
        atomic_fetch_add(&cache->holds, 1);
    }
    return cache;
}

void stls_session_cache_free(stls_session_cache *cache) {
    if (cache == NULL || atomic_fetch_sub(&cache->holds, 1) != 1) {
        return;
    }
    stls_session_cache_clear(cache);
    stls_lock_fini(&cache->lock);
    stls_free(cache->buckets);
    stls_free(cache);
}

/* --- The two orders that a session stands in; the cache is locked --- */

static stls_session **bucket_of(stls_session_cache *cache, const uint8_t *key) {
    uint32_t number = 0; /* the key is a digest: any of its bytes will do */
    for (size_t i = 0; i < 4; i++) {
        number = number << 8 | key[i];
    }
    return &cache->buckets[number & (cache->bucket_count - 1)];
}

static void take_out(stls_session_cache *cache, stls_session *session) {
    stls_session **place = bucket_of(cache, session->key);
    while (*place != session) {
        place = &(*place)->next;
    }
    *place = session->next;
    *(session->newer != NULL ? &session->newer->older : &cache->newest) = session->older;
    *(session->older != NULL ? &session->older->newer : &cache->oldest) = session->newer;
    session->next = session->newer = session->older = NULL;
    cache->count--;
}

static void put_in(stls_session_cache *cache, stls_session *session) {
    stls_session **bucket = bucket_of(cache, session->key);
    session->next = *bucket;
    *bucket = session;
    session->newer = NULL;
    session->older = cache->newest;
    *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = session;
    cache->newest = session;
    cache->count++;
}

/* --- Sessions in and out --- */

/* Makes room for `session` among those of its key: a session that can be used again takes the place
 * of the one before, and of tickets there are only so many. */
static void make_room_for(stls_session_cache *cache, const stls_session *session) {
    size_t tickets = 0;
    stls_session *next;
    for (stls_session *at = *bucket_of(cache, session->key); at != NULL; at = next) {
        next = at->next;
        if (memcmp(at->key, session->key, sizeof at->key) == 0 &&
            (!at->single_use || !session->single_use || ++tickets == PER_KEY_MAX)) {
            take_out(cache, at);
            stls_session_free(at);
        }
    }
}

void stls_session_cache_put(stls_session_cache *cache, stls_session *session) {
    stls_lock_take(&cache->lock);
    make_room_for(cache, session);
    if (cache->count == cache->max) {
        stls_session *oldest = cache->oldest;
        take_out(cache, oldest);
        stls_session_free(oldest);
    }
    put_in(cache, session);
    stls_lock_give(&cache->lock);
}

/* A clock that has been set back makes a session one of the future. */
bool stls_session_is_good(const stls_session *session, int64_t now) {
    const stls_verdict *verdict = &session->peer.verdict;
    bool judged = verdict->state != STLS_VERDICT_NOT_DONE;
    return now >= session->received_at && now < session->expires_at && now >= session->proved_at &&
           now - session->proved_at <= STLS_SESSION_LIFETIME_MAX &&
           (!judged || (now >= verdict->holds_since && now <= verdict->holds_until));
}

stls_session *stls_session_cache_take(stls_session_cache *cache,
                                      const uint8_t key[STLS_FINGERPRINT_SIZE], int64_t now) {
    stls_session *found = NULL, *next;
    stls_lock_take(&cache->lock);
    for (stls_session *at = *bucket_of(cache, key); at != NULL && found == NULL; at = next) {
        next = at->next;
        if (memcmp(at->key, key, sizeof at->key) != 0) {
            continue;
        }
        bool good = stls_session_is_good(at, now);
        take_out(cache, at);
        if (!good) {
            stls_session_free(at);
            continue;
        }
        found = at;
        if (!at->single_use) {
            atomic_fetch_add(&at->holds, 1);
            put_in(cache, at);
        }
    }
    stls_lock_give(&cache->lock);
    return found;
}

void stls_session_cache_drop(stls_session_cache *cache, const uint8_t key[STLS_FINGERPRINT_SIZE]) {
    stls_session *next;
    stls_lock_take(&cache->lock);
    for (stls_session *at = *bucket_of(cache, key); at != NULL; at = next) {
        next = at->next;
        if (memcmp(at->key, key, sizeof at->key) == 0) {
            take_out(cache, at);
            stls_session_free(at);
        }
    }
    stls_lock_give(&cache->lock);
}

void stls_session_cache_clear(stls_session_cache *cache) {
    if (cache == NULL) {
        return;
    }
    stls_lock_take(&cache->lock);
    while (cache->newest != NULL) {
        stls_session *session = cache->newest;
        take_out(cache, session);
        stls_session_free(session);
    }
    stls_lock_give(&cache->lock);
}

size_t stls_session_cache_count(const stls_session_cache *cache) {
    union {
        const stls_session_cache *constant;
        stls_session_cache *locked;
    } own = {cache}; /* counting changes nothing but the lock */
    if (cache == NULL) {
        return 0;
    }
    stls_lock_take(&own.locked->lock);
    size_t count = cache->count;
    stls_lock_give(&own.locked->lock);
    return count;
}
