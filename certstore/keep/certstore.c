/* Opening a store, looking into it, and its settings.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "certstore/keep/storage.h"
#include "certstore/keep/store.h"
#include "certstore/read/describe.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* --- Opening */

static stls_result allocate(const stls_backend *backend, const stls_certstore_options *options,
                            stls_certstore **out, stls_error *error) {
    const char *flaw = stls_backend_flaw(backend);
    if (flaw != NULL) {
        return stls_fail(error, backend == NULL ? STLS_E_NO_BACKEND : STLS_E_BACKEND, "%s", flaw);
    }
    if (options != NULL && options->max_bytes > STLS_TRUST_INPUT_MAX) {
        return stls_fail(error, STLS_E_ARGUMENT, "max_bytes of a store is at most %d",
                         STLS_TRUST_INPUT_MAX);
    }
    stls_certstore *store = stls_alloc(1, sizeof *store);
    if (store == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a certificate store");
    }
    stls_certstore_options all =
        options != NULL ? *options : (stls_certstore_options){.clock = NULL};
    all.max_custom = all.max_custom != 0 ? all.max_custom : STLS_CERTSTORE_MAX_CUSTOM;
    all.max_crls = all.max_crls != 0 ? all.max_crls : STLS_CERTSTORE_MAX_CRLS;
    all.max_bytes = all.max_bytes != 0 ? all.max_bytes : STLS_CERTSTORE_MAX_BYTES;
    all.lock_ms = all.lock_ms != 0 ? all.lock_ms : STLS_CERTSTORE_LOCK_MS;
    *store = (stls_certstore){.backend = backend, .options = all};
    store->state.set = STLS_TRUST_SET_ALL;
    store->state.send = STLS_SEND_DEVICE;
    *out = store;
    return STLS_OK;
}

stls_result stls_certstore_new(const stls_backend *backend, const stls_certstore_options *options,
                               stls_certstore **store, stls_error *error) {
    return store != NULL ? allocate(backend, options, store, error)
                         : stls_fail(error, STLS_E_ARGUMENT, "there is no place for the store");
}

static stls_result open_stored(stls_certstore *store, stls_bytes content, stls_error *error) {
    bool changed;
    if (store->options.create || store->options.replace) {
        return stls_store_create(store, content, error);
    }
    return stls_store_reload(store, &changed, error);
}

static void close_storage(const stls_storage *storage) {
    if (storage->close != NULL) {
        storage->close(storage->arg);
    }
}

/* Takes over `storage`. */
static stls_result open_storage(const stls_backend *backend, const stls_storage *storage,
                                const stls_certstore_options *options, stls_bytes content,
                                stls_certstore **out, stls_error *error) {
    stls_certstore *store = NULL;
    stls_result result = allocate(backend, options, &store, error);
    if (result != STLS_OK) {
        close_storage(storage);
        return result;
    }
    store->has_storage = true;
    store->storage = *storage;
    result = open_stored(store, content, error);
    if (result != STLS_OK) {
        stls_certstore_free(store);
        return result;
    }
    *out = store;
    return STLS_OK;
}

static bool is_whole(const stls_storage *storage) {
    return storage->name != NULL && storage->read != NULL && storage->write != NULL &&
           storage->remove != NULL && storage->list != NULL &&
           (storage->lock == NULL) == (storage->unlock == NULL);
}

stls_result stls_certstore_open(const stls_backend *backend, const stls_storage *storage,
                                const stls_certstore_options *options, stls_certstore **store,
                                stls_error *error) {
    if (store != NULL && storage != NULL && is_whole(storage)) {
        return open_storage(backend, storage, options, (stls_bytes){NULL, 0}, store, error);
    }
    if (storage != NULL) {
        close_storage(storage);
    }
    return stls_fail(error, STLS_E_ARGUMENT,
                     "a store needs a place to go to and a storage with a name, read, write, "
                     "remove and list, and with both lock and unlock or neither");
}

stls_result stls_certstore_open_folder(const stls_backend *backend, const char *path,
                                       const stls_certstore_options *options,
                                       stls_certstore **store, stls_error *error) {
    return stls_certstore_make_folder(backend, path, options, NULL, 0, store, error);
}

stls_result stls_certstore_make_folder(const stls_backend *backend, const char *path,
                                       const stls_certstore_options *options, const void *content,
                                       size_t content_len, stls_certstore **store,
                                       stls_error *error) {
    stls_storage storage;
    if (store == NULL || path == NULL || (content == NULL && content_len != 0)) {
        return stls_fail(error, STLS_E_ARGUMENT, "a store needs a folder and a place to go to");
    }
    bool create = options != NULL && (options->create || options->replace);
    stls_result result = stls_disk_open(path, create, &stls_disk_system, &storage, error);
    return result == STLS_OK ? open_storage(backend, &storage, options,
                                            (stls_bytes){content, content_len}, store, error)
                             : result;
}

void stls_certstore_free(stls_certstore *store) {
    if (store == NULL) {
        return;
    }
    stls_state_free(&store->state);
    if (store->has_storage) {
        close_storage(&store->storage);
    }
    stls_free(store);
}

stls_result stls_certstore_refresh(stls_certstore *store, bool *changed, stls_error *error) {
    bool unused;
    bool *told = changed != NULL ? changed : &unused;
    *told = false;
    if (store == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store is NULL");
    }
    return store->has_storage ? stls_store_reload(store, told, error) : STLS_OK;
}

uint64_t stls_certstore_generation(const stls_certstore *store) {
    return store != NULL ? store->state.generation : 0;
}

size_t stls_certstore_memory(const stls_certstore *store) {
    if (store == NULL) {
        return 0;
    }
    const stls_state *state = &store->state;
    size_t sum = sizeof *store + state->room * sizeof(stls_store_item *);
    for (size_t i = 0; i < state->count; i++) {
        sum += sizeof(stls_store_item) + state->items[i]->der.len + state->items[i]->content.len;
    }
    return sum;
}

/* --- Looking */

const char *stls_entry_flag_name(uint32_t flag) {
    static const char *const names[] = {"expired",      "not-yet-valid", "peer",
                                        "also-builtin", "damaged",       "exposed",
                                        "encrypted",    "sent",          "no-issuer"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (flag == (uint32_t)1 << i) {
            return names[i];
        }
    }
    return NULL;
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool stls_fingerprint_read(const char *text, uint8_t *fingerprint) {
    size_t len = 0;
    for (; text != NULL && len < STLS_FINGERPRINT_LEN; len++) {
        text += len > 0 && *text == ':';
        int high = hex_value(text[0]), low = high >= 0 ? hex_value(text[1]) : -1;
        if (low < 0) {
            return false;
        }
        fingerprint[len] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return text != NULL && *text == '\0';
}

static const char *damage_text(stls_damage damage) {
    switch (damage) {
    case STLS_DAMAGE_MISSING:
        return "its file is missing: remove it from the list, then add it again";
    case STLS_DAMAGE_CHANGED:
        return "its file was cut off or changed by hand: remove it from the list, then add it "
               "again";
    case STLS_DAMAGE_UNREADABLE:
        return "its file cannot be read: look at its owner and mode, and at the disk";
    case STLS_DAMAGE_NONE:
        break;
    }
    return NULL;
}

static uint32_t entry_flags(const stls_certstore *store, const stls_store_item *item, int64_t now) {
    if (item->damage != STLS_DAMAGE_NONE) {
        return STLS_ENTRY_DAMAGED;
    }
    uint32_t flags = 0;
    flags |= now > item->not_after ? STLS_ENTRY_EXPIRED : 0U;
    flags |= now < item->not_before ? STLS_ENTRY_NOT_YET_VALID : 0U;
    flags |= item->exposed || store->state.exposed ? STLS_ENTRY_EXPOSED : 0U;
    flags |= item->encrypted ? STLS_ENTRY_ENCRYPTED : 0U;
    if (item->place == STLS_PLACE_CRL && stls_crl_lacks_issuer(store, item)) {
        flags |= STLS_ENTRY_NO_ISSUER;
    }
    if ((item->place & STLS_PLACES_TRUSTED) != 0 && !item->is_ca) {
        flags |= STLS_ENTRY_PEER;
    }
    if (item->place == STLS_PLACE_CUSTOM &&
        stls_state_find(&store->state, STLS_PLACE_BUILTIN, item->fingerprint) != NULL) {
        flags |= STLS_ENTRY_ALSO_BUILTIN;
    }
    return flags;
}

static void fill_entry(const stls_certstore *store, const stls_store_item *item,
                       stls_certstore_entry *entry) {
    int64_t now = stls_store_now(store);
    *entry = (stls_certstore_entry){.place = item->place,
                                    .name = item->name,
                                    .flags = entry_flags(store, item, now),
                                    .damage = damage_text(item->damage),
                                    .der = item->der};
    memcpy(entry->fingerprint, item->fingerprint, sizeof entry->fingerprint);
    if (item->der.len != 0) {
        entry->seconds_left = item->not_after - now;
        if (item->place == STLS_PLACE_CRL) {
            stls_crl_describe(item->der, &entry->info, &entry->revoked_count);
        } else {
            stls_certificate_read(item->der, &entry->info, NULL);
        }
    }
    if ((item->place & STLS_PLACES_SERVER) != 0 &&
        stls_store_choose(store, STLS_SEND_STORED, NULL) == item) {
        entry->flags |= STLS_ENTRY_SENT;
    }
}

static bool contains(const char *text, const char *part) {
    size_t len = strlen(part);
    for (; *text != '\0'; text++) {
        if (strncasecmp(text, part, len) == 0) {
            return true;
        }
    }
    return len == 0;
}

static bool names_subject(const stls_store_item *item, const char *part) {
    stls_certificate_info info;
    char name[STLS_NAME_SIZE];
    if (item->place == STLS_PLACE_CRL && item->der.len != 0) {
        size_t unused;
        stls_crl_describe(item->der, &info, &unused);
        return contains(info.subject, part);
    }
    if (item->der.len == 0 || stls_certificate_read(item->der, &info, NULL) != STLS_OK) {
        return false;
    }
    if (contains(info.subject, part)) {
        return true;
    }
    for (size_t i = 0; stls_certificate_alt_name(item->der, i, name, sizeof name); i++) {
        if (contains(name, part)) {
            return true;
        }
    }
    return false;
}

static bool expires_within(const stls_store_item *item, unsigned days, int64_t now) {
    return item->der.len != 0 && item->not_after < now + (int64_t)days * 86400;
}

static bool answers(const stls_certstore *store, const stls_store_item *item,
                    const stls_certstore_query *query) {
    if (query == NULL) {
        return true;
    }
    return (query->places == 0 || (query->places & item->place) != 0) &&
           (query->name == NULL || strcmp(query->name, item->name) == 0) &&
           (query->fingerprint == NULL ||
            memcmp(query->fingerprint, item->fingerprint, STLS_FINGERPRINT_LEN) == 0) &&
           (query->subject == NULL || names_subject(item, query->subject)) &&
           (!query->expiring || expires_within(item, query->days, stls_store_now(store)));
}

/* The next item from `*position` on that answers, which then stands behind it. */
static const stls_store_item *next_item(const stls_certstore *store,
                                        const stls_certstore_query *query, size_t *position) {
    while (store != NULL && *position < store->state.count) {
        const stls_store_item *item = store->state.items[(*position)++];
        if (answers(store, item, query)) {
            return item;
        }
    }
    return NULL;
}

bool stls_certstore_next(const stls_certstore *store, const stls_certstore_query *query,
                         size_t *position, stls_certstore_entry *entry) {
    const stls_store_item *item = next_item(store, query, position);
    if (item != NULL) {
        fill_entry(store, item, entry);
    }
    return item != NULL;
}

size_t stls_certstore_pem(const stls_certstore_entry *entry, char *text, size_t size) {
    if (entry == NULL || entry->der.len == 0) {
        return 0;
    }
    return stls_describe_pem(entry->place == STLS_PLACE_CRL ? "X509 CRL" : "CERTIFICATE",
                             entry->der, text, size);
}

size_t stls_certstore_count(const stls_certstore *store, const stls_certstore_query *query) {
    size_t count = 0, position = 0;
    while (next_item(store, query, &position) != NULL) {
        count++;
    }
    return count;
}

/* --- Settings */

static stls_result edit_set(stls_certstore *store, stls_state *next, void *arg, stls_error *error) {
    (void)store, (void)error;
    next->set = *(const stls_trust_set *)arg;
    return STLS_OK;
}

stls_result stls_certstore_set_trust_set(stls_certstore *store, stls_trust_set set,
                                         stls_error *error) {
    if (store == NULL || stls_trust_set_name(set) == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store is NULL, or this is no trust set");
    }
    return stls_store_change(store, edit_set, &set, error);
}

stls_trust_set stls_certstore_trust_set(const stls_certstore *store) {
    return store != NULL ? store->state.set : STLS_TRUST_SET_STORED;
}

static stls_result edit_send(stls_certstore *store, stls_state *next, void *arg,
                             stls_error *error) {
    (void)store, (void)error;
    next->send = *(const stls_send_choice *)arg;
    return STLS_OK;
}

stls_result stls_certstore_set_send(stls_certstore *store, stls_send_choice send,
                                    stls_error *error) {
    if (store == NULL || stls_send_choice_name(send) == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store is NULL, or this does not say what to send");
    }
    return stls_store_change(store, edit_send, &send, error);
}

stls_send_choice stls_certstore_send(const stls_certstore *store) {
    return store != NULL ? store->state.send : STLS_SEND_STORED;
}
