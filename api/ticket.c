/* api/ticket.c - the ring of keys by which servers seal and open tickets.
 *
 * A secret and an epoch give a master key of 32 bytes; a master key gives the name that stands in
 * front of its tickets, and for each TLS library and version its own keys to seal with, so that
 * nothing of one library's ever opens for another. All of it by HKDF with SHA-256. What is derived
 * is kept until the epoch changes.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/memory.h"

#include <string.h>
#include <time.h>

enum {
    SECRET_LEN = STLS_TICKET_SECRET_LEN,
    BACKENDS_MAX = 4,
    APART = 2, /* two clocks are at most so many times further apart than each from the truth */
};

/* The keys of one backend. */
typedef struct subkeys {
    const stls_backend *backend; /* NULL: not derived */
    uint8_t cipher[32], mac[32], aead[STLS_AEAD_KEY_LEN];
} subkeys;

typedef struct ring_key {
    uint8_t master[SECRET_LEN];
    uint8_t name[STLS_TICKET_NAME_LEN];
    subkeys of[BACKENDS_MAX];
} ring_key;

struct stls_ticket_ring {
    atomic_size_t holds;
    const stls_backend *backend; /* whose HKDF and random numbers */
    unsigned epoch_s, lifetime_s, skew_s;
    stls_clock clock;
    void *clock_arg;

    stls_lock lock;
    uint8_t (*secrets)[SECRET_LEN];
    size_t secret_count;
    ring_key *keys; /* for each secret those of all epochs, from `first_epoch` on */
    size_t key_count, epochs;
    int64_t now_epoch; /* the one that `keys` were made for */
};

/* --- Epochs --- */

static int64_t apart(const stls_ticket_ring *ring) {
    return APART * (int64_t)ring->skew_s;
}

static int64_t epoch_at(const stls_ticket_ring *ring, int64_t time) {
    int64_t length = ring->epoch_s;
    return time / length - (time % length < 0 ? 1 : 0);
}

/* How many epochs' keys may open at any time in one epoch: from that of the oldest ticket that
 * still lives, to that of a server whose clock is ahead. */
static size_t epoch_count(unsigned epoch_s, unsigned lifetime_s, unsigned skew_s) {
    if (epoch_s == STLS_TICKET_EPOCH_NONE) {
        return 1;
    }
    return ((size_t)lifetime_s + APART * 2 * (size_t)skew_s + epoch_s - 1) / epoch_s + 2;
}

static int64_t first_epoch(const stls_ticket_ring *ring, int64_t epoch) {
    int64_t past = (int64_t)ring->lifetime_s + apart(ring);
    return epoch - (past + ring->epoch_s - 1) / ring->epoch_s;
}

/* --- Deriving --- */

static bool derive(const stls_ticket_ring *ring, const uint8_t *secret, const char *label,
                   stls_bytes info, uint8_t *out, size_t len) {
    stls_bytes salt = {(const uint8_t *)label, strlen(label)};
    return ring->backend->hkdf((stls_bytes){secret, SECRET_LEN}, salt, info, out, len) ==
           STLS_BE_OK;
}

static bool make_key(const stls_ticket_ring *ring, const uint8_t *secret, int64_t epoch,
                     ring_key *key) {
    uint8_t number[8];
    for (size_t i = 0; i < sizeof number; i++) {
        number[i] = (uint8_t)((uint64_t)epoch >> 8 * (7 - i));
    }
    if (ring->epoch_s == STLS_TICKET_EPOCH_NONE) {
        memcpy(key->master, secret, SECRET_LEN);
    } else if (!derive(ring, secret, "siptls ticket epoch", (stls_bytes){number, sizeof number},
                       key->master, sizeof key->master)) {
        return false;
    }
    return derive(ring, key->master, "siptls ticket name", (stls_bytes){NULL, 0}, key->name,
                  sizeof key->name);
}

/* Keys are only as good as the library that uses them: its name and version are part of them. */
static bool make_subkeys(const stls_ticket_ring *ring, const ring_key *key,
                         const stls_backend *backend, subkeys *sub) {
    char whose[128];
    stls_be_description description = {0};
    backend->describe(&description);
    stls_text text = stls_text_in(whose, sizeof whose);
    stls_text_add(&text, "%s %s", backend->name, description.version_running);
    stls_bytes info = {(const uint8_t *)whose, text.len};
    if (!derive(ring, key->master, "siptls ticket cipher", info, sub->cipher, sizeof sub->cipher) ||
        !derive(ring, key->master, "siptls ticket mac", info, sub->mac, sizeof sub->mac) ||
        !derive(ring, key->master, "siptls ticket aead", info, sub->aead, sizeof sub->aead)) {
        return false;
    }
    sub->backend = backend;
    return true;
}

static void free_keys(ring_key *keys, size_t count) {
    if (keys != NULL) {
        stls_wipe(keys, count * sizeof *keys);
        stls_free(keys);
    }
}

/* The key of secret number `secret` for `epoch`, if the ring has it already. */
static const ring_key *known_key(const stls_ticket_ring *ring, size_t secret, int64_t epoch) {
    int64_t at = epoch - first_epoch(ring, ring->now_epoch);
    return at >= 0 && at < (int64_t)ring->epochs ? &ring->keys[secret * ring->epochs + (size_t)at]
                                                 : NULL;
}

/* The keys for `epoch`: for each secret one for each epoch that may open then. `known`: the secrets
 * are the ring's own, and so are the keys that it has. */
static ring_key *make_keys(const stls_ticket_ring *ring, const uint8_t (*secrets)[SECRET_LEN],
                           size_t secret_count, int64_t epoch, bool known) {
    size_t count = secret_count * ring->epochs;
    ring_key *keys = stls_alloc(count, sizeof *keys);
    bool done = keys != NULL;
    for (size_t i = 0; done && i < count; i++) {
        size_t secret = i / ring->epochs;
        int64_t its_epoch = first_epoch(ring, epoch) + (int64_t)(i % ring->epochs);
        const ring_key *there = known ? known_key(ring, secret, its_epoch) : NULL;
        if (there != NULL) {
            keys[i] = *there;
        } else {
            done = make_key(ring, secrets[secret], its_epoch, &keys[i]);
        }
    }
    if (!done) {
        free_keys(keys, count);
        return NULL;
    }
    return keys;
}

/* --- Life --- */

/* Within bounds that leave room for sums. */
int64_t stls_ticket_ring_now(const stls_ticket_ring *ring) {
    const int64_t most = INT64_C(1) << 40;
    int64_t now = ring->clock != NULL ? ring->clock(ring->clock_arg) : (int64_t)time(NULL);
    return now < 0 ? 0 : now > most ? most : now;
}

static bool are_in_range(const stls_ticket_ring *ring) {
    return ring->epoch_s >= 1 && ring->lifetime_s >= 1 &&
           ring->lifetime_s <= STLS_TICKET_LIFETIME_MAX && ring->skew_s <= STLS_TICKET_SKEW_MAX &&
           epoch_count(ring->epoch_s, ring->lifetime_s, ring->skew_s) <= STLS_TICKET_KEYS_MAX;
}

static stls_result no_secret(const stls_ticket_ring *ring, stls_be_status status,
                             stls_error *error) {
    if (status == STLS_BE_NO_MEMORY) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a new secret");
    }
    return stls_fail(error, status == STLS_BE_UNSUPPORTED ? STLS_E_UNSUPPORTED : STLS_E_BACKEND,
                     "%s gives no random numbers for a ticket key", ring->backend->name);
}

static stls_result first_secret(stls_ticket_ring *ring, stls_error *error) {
    uint8_t secret[SECRET_LEN];
    stls_be_status status = ring->backend->random(secret, sizeof secret);
    stls_result result = status == STLS_BE_OK ? stls_ticket_ring_set_secrets(ring, secret, 1, error)
                                              : no_secret(ring, status, error);
    stls_wipe(secret, sizeof secret);
    return result;
}

stls_result stls_ticket_ring_new(const stls_backend *backend,
                                 const stls_ticket_ring_options *options, stls_ticket_ring **ring,
                                 stls_error *error) {
    static const stls_ticket_ring_options none = {.epoch_s = 0};
    const char *flaw = stls_backend_flaw(backend);
    options = options != NULL ? options : &none;
    if (flaw != NULL || ring == NULL) {
        return stls_fail(error, backend == NULL ? STLS_E_NO_BACKEND : STLS_E_ARGUMENT, "%s",
                         flaw != NULL ? flaw : "a ring needs a place to go to");
    }
    stls_ticket_ring *new = stls_alloc(1, sizeof *new);
    if (new == NULL || !stls_lock_init(&new->lock)) {
        stls_free(new);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a ring of ticket keys");
    }
    atomic_init(&new->holds, 1);
    new->backend = backend;
    new->epoch_s = options->epoch_s != 0 ? options->epoch_s : STLS_TICKET_EPOCH_DEFAULT;
    new->lifetime_s = options->lifetime_s != 0 ? options->lifetime_s : STLS_TICKET_LIFETIME_DEFAULT;
    new->skew_s = options->skew_s != 0 ? options->skew_s : STLS_TICKET_SKEW_DEFAULT;
    new->clock = options->clock;
    new->clock_arg = options->clock_arg;
    stls_result result = STLS_OK;
    if (!are_in_range(new)) {
        result = stls_fail(error, STLS_E_ARGUMENT,
                           "tickets live for 1 s to 7 days, clocks differ by at most an hour, and "
                           "%u s of life in epochs of %u s must not need more than %d keys",
                           new->lifetime_s, new->epoch_s, STLS_TICKET_KEYS_MAX);
    } else {
        new->epochs = epoch_count(new->epoch_s, new->lifetime_s, new->skew_s);
        result = first_secret(new, error);
    }
    if (result != STLS_OK) {
        stls_ticket_ring_free(new);
        return result;
    }
    *ring = new;
    return STLS_OK;
}

stls_ticket_ring *stls_ticket_ring_hold(stls_ticket_ring *ring) {
    if (ring != NULL) {
        atomic_fetch_add(&ring->holds, 1);
    }
    return ring;
}

static void free_secrets(uint8_t (*secrets)[SECRET_LEN], size_t count) {
    if (secrets != NULL) {
        stls_wipe(secrets, count * sizeof *secrets);
        stls_free(secrets);
    }
}

void stls_ticket_ring_free(stls_ticket_ring *ring) {
    if (ring == NULL || atomic_fetch_sub(&ring->holds, 1) != 1) {
        return;
    }
    free_keys(ring->keys, ring->key_count);
    free_secrets(ring->secrets, ring->secret_count);
    stls_lock_fini(&ring->lock);
    stls_free(ring);
}

/* --- Secrets --- */

static stls_result check_secrets(const stls_ticket_ring *ring, const uint8_t *secrets, size_t count,
                                 stls_error *error) {
    static const uint8_t zeros[SECRET_LEN];
    if (ring == NULL || secrets == NULL || count == 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "a ring of ticket keys needs at least one secret");
    }
    if (count > STLS_TICKET_SECRETS_MAX || count * ring->epochs > STLS_TICKET_KEYS_MAX) {
        return stls_fail(error, STLS_E_LIMIT,
                         "%zu secrets, with %zu epochs each, are more than %d keys: fewer secrets, "
                         "longer epochs, or a shorter life of tickets",
                         count, ring->epochs, STLS_TICKET_KEYS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *secret = secrets + i * SECRET_LEN;
        if (stls_secret_equal(secret, zeros, SECRET_LEN)) {
            return stls_fail(error, STLS_E_ARGUMENT, "secret %zu of the ring is all zeros", i);
        }
        for (size_t k = 0; k < i; k++) {
            if (stls_secret_equal(secret, secrets + k * SECRET_LEN, SECRET_LEN)) {
                return stls_fail(error, STLS_E_ARGUMENT,
                                 "secrets %zu and %zu of the ring are the "
                                 "same",
                                 k, i);
            }
        }
    }
    return STLS_OK;
}

static int64_t current_epoch(const stls_ticket_ring *ring) {
    return ring->epoch_s == STLS_TICKET_EPOCH_NONE ? 0 : epoch_at(ring, stls_ticket_ring_now(ring));
}

/* What a ring had, or is to have. */
typedef struct ring_content {
    uint8_t (*secrets)[SECRET_LEN];
    size_t secret_count;
    ring_key *keys;
    size_t key_count;
    int64_t epoch;
} ring_content;

static void free_content(ring_content *content) {
    free_keys(content->keys, content->key_count);
    free_secrets(content->secrets, content->secret_count);
}

/* `secrets` are the content's from now on, also if this fails. */
static stls_result make_content(const stls_ticket_ring *ring, uint8_t (*secrets)[SECRET_LEN],
                                size_t count, ring_content *content, stls_error *error) {
    *content = (ring_content){.secrets = secrets, .secret_count = count};
    if (secrets != NULL) {
        content->epoch = current_epoch(ring);
        content->key_count = count * ring->epochs;
        content->keys =
            make_keys(ring, (const uint8_t(*)[SECRET_LEN])secrets, count, content->epoch, false);
    }
    return content->keys != NULL ? STLS_OK
                                 : stls_fail(error, STLS_E_NO_MEMORY,
                                             "no memory for %zu ticket keys", count * ring->epochs);
}

/* Swaps it with what the ring, which is locked, has. */
static void swap_content(stls_ticket_ring *ring, ring_content *content) {
    ring_content old = {.secrets = ring->secrets,
                        .secret_count = ring->secret_count,
                        .keys = ring->keys,
                        .key_count = ring->key_count};
    ring->secrets = content->secrets;
    ring->secret_count = content->secret_count;
    ring->keys = content->keys;
    ring->key_count = content->key_count;
    ring->now_epoch = content->epoch;
    *content = old;
}

stls_result stls_ticket_ring_set_secrets(stls_ticket_ring *ring, const uint8_t *secrets,
                                         size_t count, stls_error *error) {
    ring_content content;
    stls_result result = check_secrets(ring, secrets, count, error);
    if (result != STLS_OK) {
        return result;
    }
    uint8_t(*copy)[SECRET_LEN] = stls_alloc(count, sizeof *copy);
    if (copy != NULL) {
        memcpy(copy, secrets, count * sizeof *copy);
    }
    result = make_content(ring, copy, count, &content, error);
    if (result == STLS_OK) {
        stls_lock_take(&ring->lock);
        swap_content(ring, &content);
        stls_lock_give(&ring->lock);
    }
    free_content(&content);
    return result;
}

/* Puts `secret` in front of the `keep` first ones of the ring, which is locked; `*content` is what
 * is to be freed then. */
static stls_result put_in_front(stls_ticket_ring *ring, const uint8_t *secret, size_t keep,
                                ring_content *content, stls_error *error) {
    size_t kept = keep < ring->secret_count ? keep : ring->secret_count;
    uint8_t(*secrets)[SECRET_LEN] = stls_alloc(kept + 1, sizeof *secrets);
    stls_result result = STLS_OK;
    if (secrets != NULL) {
        memcpy(secrets[0], secret, SECRET_LEN);
        memcpy(secrets[1], ring->secrets[0], kept * sizeof *secrets);
        result = check_secrets(ring, secrets[0], kept + 1, error);
    }
    if (result != STLS_OK) {
        *content = (ring_content){.secrets = secrets, .secret_count = kept + 1};
        return result;
    }
    result = make_content(ring, secrets, kept + 1, content, error);
    if (result == STLS_OK) {
        swap_content(ring, content);
    }
    return result;
}

/* One step for the other threads: what one of them sets is before it, and kept, or behind it. */
stls_result stls_ticket_ring_rotate(stls_ticket_ring *ring, size_t keep, stls_error *error) {
    uint8_t secret[SECRET_LEN];
    ring_content content;
    if (ring == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the ring is NULL");
    }
    stls_be_status status = ring->backend->random(secret, sizeof secret);
    if (status != STLS_BE_OK) {
        return no_secret(ring, status, error);
    }
    stls_lock_take(&ring->lock);
    stls_result result = put_in_front(ring, secret, keep, &content, error);
    stls_lock_give(&ring->lock);
    stls_wipe(secret, sizeof secret);
    free_content(&content);
    return result;
}

/* --- Keys; the ring is locked --- */

/* Brings the keys to the epoch of today. Without memory those of yesterday stay, as far as they may
 * still be used. */
static bool is_up_to_date(stls_ticket_ring *ring) {
    int64_t epoch = current_epoch(ring);
    if (epoch == ring->now_epoch) {
        return true;
    }
    ring_key *keys = make_keys(ring, (const uint8_t(*)[SECRET_LEN])ring->secrets,
                               ring->secret_count, epoch, true);
    if (keys == NULL) {
        return false;
    }
    free_keys(ring->keys, ring->key_count);
    ring->keys = keys;
    ring->now_epoch = epoch;
    return true;
}

/* The number of the key that seals: the first secret's, of this epoch. */
static size_t sealing_key(const stls_ticket_ring *ring) {
    return ring->epoch_s == STLS_TICKET_EPOCH_NONE
               ? 0
               : (size_t)(ring->now_epoch - first_epoch(ring, ring->now_epoch));
}

/* Whether tickets of key `number` may be alive now, on any server. */
static bool may_open(const stls_ticket_ring *ring, size_t number) {
    if (ring->epoch_s == STLS_TICKET_EPOCH_NONE) {
        return true;
    }
    int64_t now = stls_ticket_ring_now(ring);
    int64_t epoch = first_epoch(ring, ring->now_epoch) + (int64_t)(number % ring->epochs);
    int64_t begin = epoch * ring->epoch_s, end = begin + ring->epoch_s;
    return begin <= now + apart(ring) && now <= end + ring->lifetime_s + apart(ring);
}

static ring_key *find_key(stls_ticket_ring *ring, const uint8_t *name) {
    if (name == NULL) {
        return &ring->keys[sealing_key(ring)];
    }
    for (size_t i = 0; i < ring->key_count; i++) {
        if (memcmp(ring->keys[i].name, name, STLS_TICKET_NAME_LEN) == 0) {
            return may_open(ring, i) ? &ring->keys[i] : NULL;
        }
    }
    return NULL;
}

static const subkeys *subkeys_for(const stls_ticket_ring *ring, ring_key *key,
                                  const stls_backend *backend) {
    for (size_t i = 0; i < BACKENDS_MAX; i++) {
        subkeys *sub = &key->of[i];
        if (sub->backend == backend ||
            (sub->backend == NULL && make_subkeys(ring, key, backend, sub))) {
            return sub;
        }
    }
    return NULL;
}

static bool give_keys(stls_ticket_ring *ring, const stls_backend *backend, const uint8_t *name,
                      stls_ring_keys *keys) {
    ring_key *key = is_up_to_date(ring) ? find_key(ring, name) : NULL;
    const subkeys *sub = key != NULL ? subkeys_for(ring, key, backend) : NULL;
    if (sub == NULL) {
        return false;
    }
    memcpy(keys->ticket.name, key->name, sizeof keys->ticket.name);
    memcpy(keys->ticket.cipher, sub->cipher, sizeof keys->ticket.cipher);
    memcpy(keys->ticket.mac, sub->mac, sizeof keys->ticket.mac);
    memcpy(keys->aead, sub->aead, sizeof keys->aead);
    keys->ticket.renew = key != &ring->keys[sealing_key(ring)];
    return true;
}

bool stls_ticket_ring_keys(stls_ticket_ring *ring, const stls_backend *backend, const uint8_t *name,
                           stls_ring_keys *keys) {
    stls_lock_take(&ring->lock);
    bool given = give_keys(ring, backend, name, keys);
    stls_lock_give(&ring->lock);
    return given;
}

uint32_t stls_ticket_ring_lifetime(const stls_ticket_ring *ring) {
    return ring->lifetime_s;
}

int64_t stls_ticket_ring_apart(const stls_ticket_ring *ring) {
    return apart(ring);
}
