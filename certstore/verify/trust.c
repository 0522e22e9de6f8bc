/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/pem.h"
#include "certstore/verify/anchors.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/verify.h"

#include <stdlib.h>
#include <string.h>

struct stls_trust {
    atomic_size_t holds;
    atomic_bool frozen;
    stls_anchor **items; /* in the order of their adding */
    size_t count, capacity;
    stls_anchor **buckets; /* `bucket_count` of them, a power of two */
    size_t bucket_count;
    stls_crl_list crls;
    _Atomic(uint8_t *) digest; /* see stls_trust_digest(); NULL: not computed yet */
};

enum { FIRST_CAPACITY = 8 };

stls_result stls_cert_read(stls_bytes der, stls_cert *cert, stls_error *error) {
    *cert = (stls_cert){.subject_hash = 0};
    stls_result result = stls_x509_parse(der, &cert->x509, error);
    if (result == STLS_OK) {
        cert->subject_hash = stls_name_hash(cert->x509.subject);
        cert->issuer_hash = stls_name_hash(cert->x509.issuer);
        cert->self_issued = cert->subject_hash == cert->issuer_hash &&
                            stls_name_equal(cert->x509.subject, cert->x509.issuer);
    }
    return result;
}

/* --- One anchor */

static void anchor_free(stls_anchor *anchor) {
    if (anchor == NULL) {
        return;
    }
    for (size_t i = 0; i < STLS_ANCHOR_BACKENDS; i++) {
        const stls_backend *backend = atomic_load(&anchor->keys[i].backend);
        void *key = atomic_load(&anchor->keys[i].key);
        if (backend != NULL && key != NULL) {
            backend->key_free(key);
        }
    }
    stls_bytes_free(&anchor->der);
    stls_free(anchor);
}

static void anchors_free(stls_anchor *first) {
    while (first != NULL) {
        stls_anchor *next = first->next;
        anchor_free(first);
        first = next;
    }
}

static stls_result anchor_new(stls_bytes der, stls_anchor **anchor, stls_error *error) {
    stls_anchor *made = stls_alloc(1, sizeof *made);
    if (made == NULL || !stls_bytes_copy(der, &made->der)) {
        anchor_free(made);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a trusted certificate");
    }
    stls_result result = stls_cert_read(made->der, &made->cert, error);
    if (result != STLS_OK) {
        anchor_free(made);
        return result;
    }
    *anchor = made;
    return STLS_OK;
}

/* The slot of `backend`, taken if need be; NULL if all belong to others. */
static stls_anchor_key *slot_of(stls_anchor *anchor, const stls_backend *backend) {
    for (size_t i = 0; i < STLS_ANCHOR_BACKENDS; i++) {
        const stls_backend *owner = NULL;
        if (atomic_compare_exchange_strong(&anchor->keys[i].backend, &owner, backend) ||
            owner == backend) {
            return &anchor->keys[i];
        }
    }
    return NULL;
}

stls_be_status stls_anchor_key_for(stls_anchor *anchor, const stls_backend *backend, void **key,
                                   bool *borrowed) {
    stls_bytes spki = anchor->cert.x509.spki;
    stls_anchor_key *slot = slot_of(anchor, backend);
    *borrowed = slot != NULL;
    *key = slot != NULL ? atomic_load(&slot->key) : NULL;
    if (*key != NULL) {
        return STLS_BE_OK;
    }
    void *made = NULL;
    stls_be_status status = backend->key_from_spki(spki, &made);
    if (status != STLS_BE_OK) {
        return status;
    }
    *key = made;
    void *there = NULL;
    if (slot != NULL && !atomic_compare_exchange_strong(&slot->key, &there, made)) {
        backend->key_free(made); /* another thread was faster */
        *key = there;
    }
    return STLS_BE_OK;
}

/* --- The set */

stls_trust *stls_trust_new(void) {
    stls_trust *trust = stls_alloc(1, sizeof *trust);
    if (trust != NULL) {
        atomic_init(&trust->holds, 1);
        atomic_init(&trust->frozen, false);
    }
    return trust;
}

stls_trust *stls_trust_hold(stls_trust *trust) {
    if (trust != NULL) {
        atomic_fetch_add_explicit(&trust->holds, 1, memory_order_relaxed);
    }
    return trust;
}

void stls_trust_free(stls_trust *trust) {
    if (trust == NULL || atomic_fetch_sub(&trust->holds, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < trust->count; i++) {
        anchor_free(trust->items[i]);
    }
    stls_crl_list_free(&trust->crls);
    stls_free(atomic_load(&trust->digest));
    stls_free(trust->items);
    stls_free(trust->buckets);
    stls_free(trust);
}

void stls_trust_freeze(stls_trust *trust) {
    if (trust != NULL) {
        atomic_store(&trust->frozen, true);
    }
}

/* --- The digest */

static bool sha256(const stls_backend *backend, stls_bytes data, uint8_t *out) {
    uint8_t whole[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    bool done = backend->digest(STLS_HASH_SHA256, data, whole, &len) == STLS_BE_OK &&
                len == STLS_TRUST_DIGEST_LEN;
    memcpy(out, whole, done ? len : 0);
    return done;
}

static int compare_digests(const void *a, const void *b) {
    return memcmp(a, b, STLS_TRUST_DIGEST_LEN);
}

/* The digest of the sorted digests of all that is held: anchors, and behind them CRLs. */
static bool digest_all(const stls_trust *trust, const stls_backend *backend, uint8_t *digest) {
    size_t count = trust->count + trust->crls.count;
    uint8_t(*all)[STLS_TRUST_DIGEST_LEN] = stls_alloc(count, sizeof *all);
    bool done = all != NULL;
    for (size_t i = 0; done && i < count; i++) {
        bool is_anchor = i < trust->count;
        done = sha256(backend,
                      is_anchor ? trust->items[i]->der : trust->crls.items[i - trust->count]->der,
                      all[i]);
        if (done && is_anchor && trust->items[i]->is_peer) { /* another than that of the issuer */
            done = sha256(backend, (stls_bytes){all[i], sizeof all[i]}, all[i]);
        }
    }
    if (done) {
        qsort(all, count, sizeof *all, compare_digests);
        done = sha256(backend, (stls_bytes){(const uint8_t *)all, count * sizeof *all}, digest);
    }
    stls_free(all);
    return done;
}

bool stls_trust_digest(stls_trust *trust, const stls_backend *backend,
                       uint8_t digest[STLS_TRUST_DIGEST_LEN]) {
    uint8_t *made, *there = trust != NULL ? atomic_load(&trust->digest) : NULL;
    if (trust == NULL) {
        return sha256(backend, (stls_bytes){NULL, 0}, digest);
    }
    if (there == NULL) {
        made = stls_alloc(1, STLS_TRUST_DIGEST_LEN);
        if (made == NULL || !digest_all(trust, backend, made)) {
            stls_free(made);
            return false;
        }
        if (atomic_compare_exchange_strong(&trust->digest, &there, made)) {
            there = made;
        } else {
            stls_free(made); /* another thread was faster */
        }
    }
    memcpy(digest, there, STLS_TRUST_DIGEST_LEN);
    return true;
}

size_t stls_trust_count(const stls_trust *trust) {
    return trust != NULL ? trust->count : 0;
}

stls_bytes stls_trust_at(const stls_trust *trust, size_t index) {
    return index < stls_trust_count(trust) ? trust->items[index]->der : (stls_bytes){NULL, 0};
}

stls_anchor *stls_anchor_bucket(const stls_trust *trust, uint64_t subject_hash) {
    if (trust == NULL || trust->bucket_count == 0) {
        return NULL;
    }
    return trust->buckets[subject_hash & (trust->bucket_count - 1)];
}

static void put_in_bucket(stls_trust *trust, stls_anchor *anchor) {
    /* At the end, so that anchors of one name are tried in the order of their adding. */
    stls_anchor **place = &trust->buckets[anchor->cert.subject_hash & (trust->bucket_count - 1)];
    while (*place != NULL) {
        place = &(*place)->next;
    }
    anchor->next = NULL;
    *place = anchor;
}

/* Makes room for `more` anchors; nothing is lost if there is no memory. */
static bool reserve(stls_trust *trust, size_t more) {
    if (more <= trust->capacity - trust->count) {
        return true;
    }
    size_t capacity = trust->capacity != 0 ? trust->capacity : FIRST_CAPACITY;
    while (capacity - trust->count < more) {
        capacity *= 2;
    }
    stls_anchor **items = stls_grow(trust->items, trust->count, capacity, sizeof *items);
    if (items == NULL) {
        return false;
    }
    trust->items = items;
    stls_anchor **buckets = stls_alloc(capacity, sizeof *buckets);
    if (buckets == NULL) {
        return false;
    }
    stls_free(trust->buckets);
    trust->buckets = buckets;
    trust->bucket_count = capacity;
    trust->capacity = capacity;
    for (size_t i = 0; i < trust->count; i++) {
        put_in_bucket(trust, trust->items[i]);
    }
    return true;
}

static stls_anchor *find_same(const stls_trust *trust, const stls_anchor *anchor) {
    stls_anchor *at = stls_anchor_bucket(trust, anchor->cert.subject_hash);
    while (at != NULL && !stls_bytes_equal(at->der, anchor->der)) {
        at = at->next;
    }
    return at;
}

/* Moves a list of anchors into `trust`, for which there is room. */
static void take_in(stls_trust *trust, stls_anchor *first) {
    while (first != NULL) {
        stls_anchor *anchor = first, *there = find_same(trust, anchor);
        first = first->next;
        if (there != NULL) {
            there->is_peer = there->is_peer && anchor->is_peer;
            anchor_free(anchor);
        } else {
            trust->items[trust->count++] = anchor;
            put_in_bucket(trust, anchor);
        }
    }
}

/* --- Reading */

static stls_result read_block(const stls_block *block, const char *name, stls_anchor **anchor,
                              stls_error *error) {
    stls_text where;
    char at[256];
    where = stls_text_in(at, sizeof at);
    stls_text_add(&where, "%s", name);
    if (block->line != 0) {
        stls_text_add(&where, ", line %zu", block->line);
    }
    if (block->kind != STLS_BLOCK_CERTIFICATE) {
        return stls_fail(error, STLS_E_FORMAT,
                         "%s: this is %s, but only certificates can be trusted; nothing was added",
                         at, stls_block_kind_name(block->kind));
    }
    stls_error inner;
    stls_result result = anchor_new(block->der, anchor, &inner);
    return result == STLS_OK ? STLS_OK : stls_fail(error, result, "%s: %s", at, inner.text);
}

/* What to do about a certificate in a bundle that cannot be read. */
typedef enum { REFUSE_BUNDLE, LEAVE_OUT } on_bad;

static stls_result read_all(const stls_blocks *blocks, const char *name, on_bad mode,
                            stls_anchor **list, size_t *count, stls_error *error) {
    stls_anchor **end = list;
    for (size_t i = 0; i < blocks->count; i++) {
        stls_result result = read_block(&blocks->items[i], name, end, error);
        if (result == STLS_OK) {
            end = &(*end)->next;
            ++*count;
        } else if (mode == REFUSE_BUNDLE || result != STLS_E_FORMAT) {
            return result;
        }
    }
    return STLS_OK;
}

static stls_result add(stls_trust *trust, stls_bytes data, const char *name, on_bad mode,
                       stls_error *error) {
    stls_blocks blocks = {NULL, 0};
    stls_result result = stls_blocks_read(data, STLS_TRUST_INPUT_MAX, name, &blocks, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_anchor *list = NULL;
    size_t count = 0;
    result = read_all(&blocks, name, mode, &list, &count, error);
    if (result == STLS_OK && !reserve(trust, count)) {
        result =
            stls_fail(error, STLS_E_NO_MEMORY, "no memory for %zu trusted certificates", count);
    }
    if (result == STLS_OK) {
        take_in(trust, list);
    } else {
        anchors_free(list);
    }
    stls_blocks_free(&blocks);
    return result;
}

static stls_result check_open(const stls_trust *trust, stls_error *error) {
    if (trust == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the trust is NULL");
    }
    if (atomic_load(&trust->frozen)) {
        return stls_fail(
            error, STLS_E_STATE,
            "a profile uses this trust already, so it cannot be changed: make a new one");
    }
    return STLS_OK;
}

stls_result stls_trust_open_crls(stls_trust *trust, stls_crl_list **list, stls_error *error) {
    stls_result result = check_open(trust, error);
    *list = result == STLS_OK ? &trust->crls : NULL;
    return result;
}

const stls_crl_list *stls_trust_crls(const stls_trust *trust) {
    static const stls_crl_list none;
    return trust != NULL ? &trust->crls : &none;
}

stls_result stls_trust_add(stls_trust *trust, const void *data, size_t len, const char *name,
                           stls_error *error) {
    stls_result result = check_open(trust, error);
    if (result != STLS_OK) {
        return result;
    }
    if (data == NULL && len != 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "the certificates to trust are NULL");
    }
    return add(trust, (stls_bytes){data, len}, name != NULL ? name : "input", REFUSE_BUNDLE, error);
}

stls_result stls_trust_add_peer(stls_trust *trust, stls_bytes der, const char *name,
                                stls_error *error) {
    stls_anchor *anchor = NULL;
    stls_error reason;
    stls_result result = check_open(trust, error);
    if (result != STLS_OK) {
        return result;
    }
    result = anchor_new(der, &anchor, &reason);
    if (result == STLS_OK && !reserve(trust, 1)) {
        anchor_free(anchor);
        result = stls_fail(&reason, STLS_E_NO_MEMORY, "no memory for a trusted certificate");
    }
    if (result != STLS_OK) {
        return stls_fail(error, result, "%s: %s", name, reason.text);
    }
    anchor->is_peer = true;
    take_in(trust, anchor);
    return STLS_OK;
}

static stls_result add_file(stls_trust *trust, const char *path, on_bad mode, stls_error *error) {
    stls_bytes data = {NULL, 0};
    stls_result result = stls_file_read(path, STLS_TRUST_INPUT_MAX, &data, error);
    if (result != STLS_OK) {
        return result;
    }
    char name[200];
    stls_text text = stls_text_in(name, sizeof name);
    stls_text_add(&text, "file %s", path);
    result = add(trust, data, name, mode, error);
    stls_bytes_free(&data);
    return result;
}

stls_result stls_trust_add_file(stls_trust *trust, const char *path, stls_error *error) {
    stls_result result = check_open(trust, error);
    if (result != STLS_OK) {
        return result;
    }
    if (path == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the name of the file of trusted certificates is NULL");
    }
    return add_file(trust, path, REFUSE_BUNDLE, error);
}

stls_result stls_trust_add_system(stls_trust *trust, stls_error *error) {
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Alpine, Arch */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* Fedora, RHEL */
        "/etc/pki/tls/certs/ca-bundle.crt",                  /* older of them */
        "/etc/ssl/ca-bundle.pem",                            /* SUSE */
        "/etc/ssl/cert.pem",                                 /* BSD, macOS, Buildroot */
        "/usr/local/share/certs/ca-root-nss.crt",            /* FreeBSD's port */
    };
    stls_result result = check_open(trust, error);
    if (result != STLS_OK) {
        return result;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        result = add_file(trust, places[i], LEAVE_OUT, error);
        if (result != STLS_E_FILE) {
            return result;
        }
    }
    return stls_fail(
        error, STLS_E_FILE,
        "the system has no CA bundle in any usual place (%s, ...): install the package "
        "ca-certificates, or add a file of your own",
        places[0]);
}
