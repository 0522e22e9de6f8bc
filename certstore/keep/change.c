/* From storage into memory, and back: what lies around every change of a store.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"

#include <string.h>

/* --- One item from the content of its blob */

static stls_result damaged(const stls_parsed_item *parsed, bool strict, const char *why,
                           stls_state *state, stls_damage damage, stls_error *error) {
    if (strict) {
        return stls_fail(error, STLS_E_FORMAT, "%s \"%s\": %s", stls_place_name(parsed->place),
                         parsed->name, why);
    }
    stls_store_item *item = stls_item_new_damaged(parsed->place, parsed->name, parsed->id, damage);
    return stls_state_insert(state, item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
}

static bool is_key(stls_block_kind kind) {
    return kind == STLS_BLOCK_KEY || kind == STLS_BLOCK_ENCRYPTED_KEY;
}

/* Whether `blocks` are what a blob of this place holds: one CRL; or certificates first, then a
 * server's key. */
static bool blocks_fit(const stls_blocks *blocks, stls_place place) {
    size_t certificates = 0, keys = 0;
    if (place == STLS_PLACE_CRL) {
        return blocks->count == 1 && blocks->items[0].kind == STLS_BLOCK_CRL;
    }
    for (size_t i = 0; i < blocks->count; i++) {
        certificates += blocks->items[i].kind == STLS_BLOCK_CERTIFICATE;
        keys += is_key(blocks->items[i].kind);
    }
    if (certificates + keys != blocks->count || certificates == 0 ||
        blocks->items[0].kind != STLS_BLOCK_CERTIFICATE) {
        return false;
    }
    return (place & STLS_PLACES_SERVER) != 0
               ? keys == 1
               : keys == 0 && (place == STLS_PLACE_BUILTIN || certificates == 1);
}

static stls_result insert_block(const stls_certstore *store, stls_state *state,
                                const stls_parsed_item *parsed, const stls_block *block,
                                stls_store_item **item, stls_error *error) {
    char name[STLS_CERTSTORE_NAME_SIZE];
    const char *given = parsed->place == STLS_PLACE_BUILTIN ? NULL : parsed->name;
    stls_result result = stls_store_name(given, block->der, name, error);
    if (result == STLS_OK) {
        result = stls_item_new(store, parsed->place, name, block->der, item, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    (*item)->exposed = parsed->exposed;
    return stls_state_insert(state, *item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
}

static stls_result insert_builtin(const stls_certstore *store, stls_state *state,
                                  const stls_parsed_item *parsed, const stls_blocks *blocks,
                                  stls_error *error) {
    stls_result result = STLS_OK;
    stls_store_item *item;
    for (size_t i = 0; result == STLS_OK && i < blocks->count; i++) {
        result = insert_block(store, state, parsed, &blocks->items[i], &item, error);
        if (result == STLS_OK) {
            item->stored = true;
        }
    }
    return result;
}

/* A server certificate: the leaf, and what will be written as its blob. */
static stls_result insert_server(const stls_certstore *store, stls_state *state,
                                 const stls_parsed_item *parsed, const stls_blocks *blocks,
                                 stls_bytes content, stls_error *error) {
    stls_store_item *item;
    stls_result result = insert_block(store, state, parsed, &blocks->items[0], &item, error);
    if (result != STLS_OK) {
        return result;
    }
    memcpy(item->id, parsed->id, sizeof item->id);
    for (size_t i = 0; i < blocks->count; i++) {
        item->encrypted = item->encrypted || blocks->items[i].kind == STLS_BLOCK_ENCRYPTED_KEY;
    }
    return stls_bytes_copy(content, &item->content)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for a server certificate");
}

static stls_result insert_blocks(const stls_certstore *store, stls_state *state,
                                 const stls_parsed_item *parsed, const stls_blocks *blocks,
                                 stls_bytes content, stls_error *error) {
    stls_store_item *item;
    if (parsed->place == STLS_PLACE_BUILTIN) {
        return insert_builtin(store, state, parsed, blocks, error);
    }
    if ((parsed->place & STLS_PLACES_SERVER) != 0) {
        return insert_server(store, state, parsed, blocks, content, error);
    }
    return insert_block(store, state, parsed, &blocks->items[0], &item, error);
}

stls_result stls_store_take_item(const stls_certstore *store, stls_state *state,
                                 const stls_parsed_item *parsed, stls_bytes content, bool strict,
                                 stls_error *error) {
    stls_blocks blocks = {NULL, 0};
    uint8_t id[STLS_STORE_ID_LEN];
    stls_error reason;
    stls_result result = stls_blocks_read(content, STLS_STORE_BLOB_MAX, "it", &blocks, &reason);
    if (result == STLS_E_NO_MEMORY) { /* it may be whole */
        return stls_fail(error, result, "no memory to read %s \"%s\"",
                         stls_place_name(parsed->place), parsed->name);
    }
    if (result != STLS_OK) {
        return damaged(parsed, strict, reason.text, state, STLS_DAMAGE_CHANGED, error);
    }
    bool of_element = stls_place_is_single(parsed->place);
    bool fits = blocks_fit(&blocks, parsed->place);
    result = stls_store_digest(store, of_element ? blocks.items[0].der : content, id, error);
    if (result == STLS_OK && (!fits || memcmp(id, parsed->id, sizeof id) != 0)) {
        result = damaged(parsed, strict, "its content is not what it was written with", state,
                         STLS_DAMAGE_CHANGED, error);
    } else if (result == STLS_OK) {
        size_t before = state->count;
        result = insert_blocks(store, state, parsed, &blocks, content, &reason);
        if (result == STLS_E_FORMAT && state->count == before) {
            result = damaged(parsed, strict, reason.text, state, STLS_DAMAGE_CHANGED, error);
        } else if (result != STLS_OK) {
            result = stls_fail(error, result, "%s", reason.text);
        }
    }
    stls_blocks_free(&blocks);
    return result;
}

/* --- Reading */

/* The whole of blob `name`. It may be replaced between two looks at it. */
static stls_result read_blob(const stls_certstore *store, const char *name, stls_bytes *blob,
                             stls_storage_facts *facts, stls_error *error) {
    const stls_storage *storage = &store->storage;
    size_t size = 0;
    uint8_t *data = NULL;
    *blob = (stls_bytes){NULL, 0};
    for (;;) {
        *facts = (stls_storage_facts){.exists = false};
        stls_result result = storage->read(storage->arg, name, data, size, facts, error);
        if (result == STLS_OK && facts->len > STLS_STORE_BLOB_MAX) {
            result = stls_fail(error, STLS_E_LIMIT, "%s in %s is larger than %d bytes", name,
                               storage->name, STLS_STORE_BLOB_MAX);
        }
        bool complete = facts->len <= size;
        if (result != STLS_OK || !facts->exists || (complete && data != NULL)) {
            if (result == STLS_OK && facts->exists && facts->len != 0) {
                *blob = (stls_bytes){data, facts->len};
            } else {
                stls_wipe(data, size);
                stls_free(data);
            }
            return result;
        }
        stls_wipe(data, size);
        stls_free(data);
        size = facts->len != 0 ? facts->len : 1;
        data = stls_alloc(size, 1);
        if (data == NULL) {
            return stls_fail(error, STLS_E_NO_MEMORY, "no memory to read %s", name);
        }
    }
}

typedef struct loader {
    const stls_certstore *store;
    stls_state *state;
    bool is_missing; /* a blob was */
} loader;

static stls_result load_item(void *arg, const stls_parsed_item *parsed, stls_error *error) {
    loader *self = arg;
    stls_parsed_item item = *parsed;
    char name[STLS_STORE_BLOB_NAME_SIZE];
    stls_bytes content = {NULL, 0};
    stls_storage_facts facts;
    stls_blob_name(item.place, item.id, name);
    if (item.place == STLS_PLACE_BUILTIN) {
        if (self->state->has_builtin) {
            return stls_fail(error, STLS_E_FORMAT, "the built-in list is named twice");
        }
        self->state->has_builtin = self->state->builtin_stored = true;
        memcpy(self->state->builtin_id, item.id, sizeof item.id);
    }
    stls_result result = read_blob(self->store, name, &content, &facts, error);
    size_t before = self->state->count;
    if (result == STLS_E_NO_MEMORY) {
        return result;
    }
    if (result != STLS_OK || !facts.exists) {
        self->is_missing = self->is_missing || result == STLS_OK;
        return damaged(&item, false, "", self->state,
                       result == STLS_OK ? STLS_DAMAGE_MISSING : STLS_DAMAGE_UNREADABLE, error);
    }
    item.exposed = facts.exposed;
    result = stls_store_take_item(self->store, self->state, &item, content, false, error);
    for (size_t i = before; result == STLS_OK && i < self->state->count; i++) {
        self->state->items[i]->stored = true;
        stls_secret_free(&self->state->items[i]->content);
    }
    stls_secret_free(&content);
    return result;
}

static stls_result load(const stls_certstore *store, stls_bytes text, stls_state *state,
                        bool *is_missing, stls_error *error) {
    loader self = {.store = store, .state = state};
    stls_index index;
    char what[160];
    stls_text words = stls_text_in(what, sizeof what);
    stls_text_add(&words, "the index in %s", store->storage.name);
    *state = (stls_state){.items = NULL};
    stls_error reason;
    stls_result result = stls_store_digest(store, text, state->mark, &reason);
    if (result == STLS_OK) {
        result = stls_index_read(store, text, false, what, &index, load_item, &self, &reason);
    }
    if (result != STLS_OK) {
        stls_error_fill(error, result, "%s%s", reason.text,
                        result == STLS_E_FORMAT
                            ? ". Put it back from a backup, or make a new store in its "
                              "place (siptls store init --force) and import an export"
                            : "");
        stls_state_free(state);
        return result;
    }
    state->generation = index.generation;
    state->set = index.set;
    state->send = index.send;
    *is_missing = self.is_missing;
    return STLS_OK;
}

static stls_result read_index(const stls_certstore *store, stls_bytes *text, bool *exposed,
                              stls_error *error) {
    stls_storage_facts facts;
    stls_result result = read_blob(store, STLS_STORE_INDEX, text, &facts, error);
    *exposed = facts.exposed;
    if (result == STLS_OK && !facts.exists) {
        result = stls_fail(error, STLS_E_FILE,
                           "there is no certificate store in %s: it has no index. Make one first "
                           "(siptls store init)",
                           store->storage.name);
    }
    return result;
}

static bool is_damaged(const stls_state *state) {
    bool damaged = false;
    for (size_t i = 0; !damaged && i < state->count; i++) {
        damaged = state->items[i]->damage != STLS_DAMAGE_NONE;
    }
    return damaged;
}

/* Whether one has something that the other has not, of the same index. */
static bool is_damaged_elsewhere(const stls_state *one, const stls_state *other) {
    bool differs = one->count != other->count;
    for (size_t i = 0; !differs && i < one->count; i++) {
        differs = one->items[i]->damage != other->items[i]->damage;
    }
    return differs;
}

static bool was_damaged(const stls_state *before, const stls_store_item *now) {
    bool was = false;
    for (size_t i = 0; !was && i < before->count; i++) {
        const stls_store_item *item = before->items[i];
        was = item->damage != STLS_DAMAGE_NONE && item->place == now->place &&
              memcmp(item->id, now->id, sizeof item->id) == 0;
    }
    return was;
}

/* Whether something cannot be read now that is whole in memory: for want of descriptors, say. */
static bool is_out_of_reach(const stls_state *now, const stls_state *before) {
    bool is = false;
    for (size_t i = 0; !is && i < now->count; i++) {
        is = now->items[i]->damage == STLS_DAMAGE_UNREADABLE && !was_damaged(before, now->items[i]);
    }
    return is;
}

/* Puts what index `text` names in the place of the state in memory; if that is of the same index,
 * only if something else of it is damaged, and nothing is lost that may only be out of reach. */
static stls_result take_index(stls_certstore *store, stls_bytes text, bool is_new, bool *is_missing,
                              bool *changed, stls_error *error) {
    stls_state state;
    stls_result result = load(store, text, &state, is_missing, error);
    if (result != STLS_OK) {
        return result;
    }
    if (is_new ||
        (is_damaged_elsewhere(&state, &store->state) && !is_out_of_reach(&state, &store->state))) {
        stls_state_free(&store->state);
        store->state = state;
        *changed = true;
    } else {
        stls_state_free(&state);
    }
    return STLS_OK;
}

stls_result stls_store_reload(stls_certstore *store, bool *changed, stls_error *error) {
    /* A writer may remove what an index that we have just read names. So often in a row it will
     * not. */
    enum { TRIES = 16 };
    bool is_missing = false, again = true;
    *changed = false;
    for (int i = 0; again && i < TRIES; i++) {
        stls_bytes text;
        uint8_t mark[STLS_STORE_ID_LEN];
        bool exposed;
        stls_result result = read_index(store, &text, &exposed, error);
        if (result == STLS_OK) {
            result = stls_store_digest(store, text, mark, error);
        }
        bool is_new = result == STLS_OK && memcmp(mark, store->state.mark, sizeof mark) != 0;
        /* What could not be read may have been mended. */
        bool is_worth_a_look = i == 0 && is_damaged(&store->state);
        if (result == STLS_OK && (is_new || is_worth_a_look)) {
            result = take_index(store, text, is_new, &is_missing, changed, error);
        }
        stls_bytes_free(&text);
        if (result != STLS_OK) {
            return result;
        }
        store->state.exposed = exposed;
        again = is_missing && (is_new || is_worth_a_look);
    }
    return STLS_OK;
}

bool stls_store_has_changed(stls_certstore *store) {
    bool changed = false;
    return store->has_storage && stls_store_reload(store, &changed, NULL) == STLS_OK && changed;
}

stls_result stls_store_content(const stls_certstore *store, const stls_store_item *item,
                               stls_bytes *content, stls_error *error) {
    char name[STLS_STORE_BLOB_NAME_SIZE];
    uint8_t id[STLS_STORE_ID_LEN];
    stls_storage_facts facts;
    *content = (stls_bytes){NULL, 0};
    if (item->content.len != 0 || !store->has_storage) {
        return stls_bytes_copy(item->content, content)
                   ? STLS_OK
                   : stls_fail(error, STLS_E_NO_MEMORY, "no memory for a server certificate");
    }
    stls_blob_name(item->place, item->id, name);
    stls_result result = read_blob(store, name, content, &facts, error);
    if (result == STLS_OK) {
        result = stls_store_digest(store, *content, id, error);
    }
    if (result == STLS_OK && (!facts.exists || memcmp(id, item->id, sizeof id) != 0)) {
        result =
            stls_fail(error, STLS_E_FORMAT,
                      "%s in %s is not what it was written with; install the certificate again",
                      name, store->storage.name);
    }
    if (result != STLS_OK) {
        stls_secret_free(content);
    }
    return result;
}

/* --- Writing */

static stls_result write_blob(const stls_certstore *store, stls_place place, const uint8_t *id,
                              const stls_buffer *content, stls_error *error) {
    char name[STLS_STORE_BLOB_NAME_SIZE];
    if (content->failed) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to write a certificate");
    }
    stls_blob_name(place, id, name);
    return store->storage.write(store->storage.arg, name, content->data, content->len,
                                (place & STLS_PLACES_SERVER) != 0, error);
}

static stls_result write_item(const stls_certstore *store, const stls_store_item *item,
                              stls_error *error) {
    stls_buffer content = {.data = NULL};
    if ((item->place & STLS_PLACES_SERVER) != 0) {
        stls_buffer_add(&content, item->content.data, item->content.len);
    } else {
        stls_buffer_add_pem(&content, stls_item_label(item), item->der);
    }
    stls_result result = write_blob(store, item->place, item->id, &content, error);
    stls_buffer_free(&content);
    return result;
}

static stls_result write_new_blobs(const stls_certstore *store, const stls_state *next,
                                   stls_error *error) {
    stls_result result = STLS_OK;
    if (next->has_builtin && !next->builtin_stored) {
        stls_buffer content = {.data = NULL};
        stls_state_builtin_content(next, &content);
        result = write_blob(store, STLS_PLACE_BUILTIN, next->builtin_id, &content, error);
        stls_buffer_free(&content);
    }
    for (size_t i = 0; result == STLS_OK && i < next->count; i++) {
        const stls_store_item *item = next->items[i];
        if (!item->stored && item->place != STLS_PLACE_BUILTIN) {
            result = write_item(store, item, error);
        }
    }
    return result;
}

/* --- Blobs that no index names any more */

typedef struct name_list {
    char (*names)[STLS_STORE_BLOB_NAME_SIZE];
    size_t count, room;
    const stls_state *keep;
} name_list;

static bool is_named(const stls_state *state, const char *blob) {
    char name[STLS_STORE_BLOB_NAME_SIZE];
    if (state->has_builtin) {
        stls_blob_name(STLS_PLACE_BUILTIN, state->builtin_id, name);
        if (strcmp(name, blob) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < state->count; i++) {
        if (state->items[i]->place != STLS_PLACE_BUILTIN) {
            stls_blob_name(state->items[i]->place, state->items[i]->id, name);
            if (strcmp(name, blob) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Files of ours only: a folder may hold a note of the administrator. */
static bool is_blob(const char *name) {
    static const char *const prefixes[] = {"ca-", "crl-", "builtin-", "server-"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(name, prefixes[i], len) == 0 &&
            strlen(name) == len + 2 * STLS_STORE_ID_LEN + strlen(".pem")) {
            return true;
        }
    }
    return false;
}

static void note_unnamed(void *arg, const char *name) {
    name_list *list = arg;
    if (!is_blob(name) || is_named(list->keep, name)) {
        return;
    }
    if (list->count == list->room) {
        size_t room = list->room != 0 ? 2 * list->room : 8;
        char(*names)[STLS_STORE_BLOB_NAME_SIZE] =
            stls_grow(list->names, list->room, room, sizeof *list->names);
        if (names == NULL) {
            return;
        }
        list->names = names;
        list->room = room;
    }
    memcpy(list->names[list->count++], name, strlen(name) + 1);
}

/* What cannot be removed now will be at the next change: nothing names it, so it does no harm. */
static void remove_unnamed(const stls_certstore *store, const stls_state *state) {
    name_list list = {.keep = state};
    store->storage.list(store->storage.arg, note_unnamed, &list, NULL);
    for (size_t i = 0; i < list.count; i++) {
        store->storage.remove(store->storage.arg, list.names[i], NULL);
    }
    stls_free(list.names);
}

/* --- A change */

static void accept_state(stls_certstore *store, stls_state *next) {
    stls_state_free(&store->state);
    store->state = *next;
    *next = (stls_state){.items = NULL};
    if (!store->has_storage) {
        return;
    }
    store->state.builtin_stored = store->state.has_builtin;
    store->state.exposed = false; /* it is a new one */
    for (size_t i = 0; i < store->state.count; i++) {
        store->state.items[i]->stored = true;
        stls_secret_free(&store->state.items[i]->content);
    }
}

/* Which index there is after a failure to write the new one. */
typedef enum { INDEX_UNKNOWN, INDEX_OLD, INDEX_NEW } which_index;

static which_index find_index(const stls_certstore *store, stls_bytes new_text) {
    stls_bytes there;
    stls_storage_facts facts;
    uint8_t mark[STLS_STORE_ID_LEN];
    which_index which = INDEX_UNKNOWN;
    if (read_blob(store, STLS_STORE_INDEX, &there, &facts, NULL) != STLS_OK) {
        return INDEX_UNKNOWN;
    }
    if (facts.exists && stls_bytes_equal(there, new_text)) {
        which = INDEX_NEW;
    } else if (stls_store_digest(store, there, mark, NULL) == STLS_OK &&
               memcmp(mark, store->state.mark, sizeof mark) == 0) {
        which = INDEX_OLD;
    }
    stls_bytes_free(&there);
    return which;
}

static void explain_index(stls_certstore *store, stls_state *next, stls_bytes text,
                          stls_error *reason, stls_error *error) {
    which_index which = find_index(store, text);
    const char *prefix = "";
    if (which == INDEX_NEW) {
        /* Blobs of the old state stay, in case that power fails now. */
        accept_state(store, next);
        prefix = "the change is made, but a power cut may still undo it: ";
    } else if (which == INDEX_OLD) {
        remove_unnamed(store, &store->state);
    }
    stls_error_fill(error, reason->result, "%s%s", prefix, reason->text);
}

static stls_result write_index(stls_certstore *store, stls_state *next, stls_error *error) {
    stls_buffer text = {.data = NULL};
    stls_error reason;
    stls_index_write(next, &text);
    stls_result result = stls_index_end(store, &text, error);
    if (result == STLS_OK) {
        result = stls_store_digest(store, stls_buffer_bytes(&text), next->mark, error);
    }
    if (result != STLS_OK) {
        stls_buffer_free(&text);
        return result;
    }
    result = store->storage.write(store->storage.arg, STLS_STORE_INDEX, text.data, text.len, false,
                                  &reason);
    if (result == STLS_OK) {
        accept_state(store, next);
        remove_unnamed(store, &store->state);
    } else {
        explain_index(store, next, stls_buffer_bytes(&text), &reason, error);
    }
    stls_buffer_free(&text);
    return result;
}

static stls_result commit(stls_certstore *store, stls_state *next, stls_error *error) {
    next->generation = store->state.generation + 1;
    if (!store->has_storage) {
        accept_state(store, next);
        return STLS_OK;
    }
    stls_result result = write_new_blobs(store, next, error);
    if (result != STLS_OK) {
        if (find_index(store, (stls_bytes){NULL, 0}) == INDEX_OLD) { /* else nothing names ours */
            remove_unnamed(store, &store->state);
        }
        return result;
    }
    return write_index(store, next, error);
}

static stls_result lock(const stls_certstore *store, stls_error *error) {
    const stls_storage *storage = &store->storage;
    return store->has_storage && storage->lock != NULL
               ? storage->lock(storage->arg, store->options.lock_ms, error)
               : STLS_OK;
}

static void unlock(const stls_certstore *store) {
    if (store->has_storage && store->storage.unlock != NULL) {
        store->storage.unlock(store->storage.arg);
    }
}

static stls_result change_locked(stls_certstore *store, stls_edit edit, void *arg,
                                 stls_error *error) {
    stls_state next;
    if (!stls_state_copy(&store->state, &next)) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to change the certificate lists");
    }
    stls_result result = edit(store, &next, arg, error);
    if (result == STLS_OK) {
        result = commit(store, &next, error);
    }
    stls_state_free(&next);
    return result;
}

stls_result stls_store_change(stls_certstore *store, stls_edit edit, void *arg, stls_error *error) {
    bool changed;
    stls_result result = lock(store, error);
    if (result != STLS_OK) {
        return result;
    }
    if (store->has_storage) {
        result = stls_store_reload(store, &changed, error);
    }
    if (result == STLS_OK) {
        result = change_locked(store, edit, arg, error);
    }
    unlock(store);
    return result;
}

/* Where another process was faster, its store is taken. What is replaced may be damaged, or no
 * store at all; its generation is for those who had it open before. */
static stls_result create_locked(stls_certstore *store, stls_bytes content, stls_error *error) {
    bool replace = store->options.replace, changed;
    stls_bytes index;
    stls_storage_facts facts;
    stls_result result = read_blob(store, STLS_STORE_INDEX, &index, &facts, error);
    if (result == STLS_OK && replace) {
        store->state.generation = stls_index_generation(index);
    }
    stls_bytes_free(&index);
    if (result != STLS_OK && (!replace || result == STLS_E_NO_MEMORY)) {
        return result;
    }
    if (facts.exists && !replace) {
        return stls_store_reload(store, &changed, error);
    }
    stls_state next = store->state;
    result = content.len != 0 ? stls_store_take_export(store, &next, content, error) : STLS_OK;
    if (result == STLS_OK) {
        result = commit(store, &next, error);
    }
    stls_state_free(&next);
    return result;
}

stls_result stls_store_create(stls_certstore *store, stls_bytes content, stls_error *error) {
    stls_result result = lock(store, error);
    if (result == STLS_OK) {
        result = create_locked(store, content, error);
        unlock(store);
    }
    return result;
}
