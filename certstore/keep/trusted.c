/* Trusted certificates: what comes into the lists, and what goes.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"

#include <string.h>

enum { WHERE_SIZE = STLS_STORE_WHERE_SIZE };

const char *stls_store_where(const char *input, const stls_block *block,
                             char text[STLS_STORE_WHERE_SIZE]) {
    stls_text where = stls_text_in(text, STLS_STORE_WHERE_SIZE);
    stls_text_add(&where, "%s", input);
    if (block->line != 0) {
        stls_text_add(&where, ", line %zu", block->line);
    }
    return text;
}

/* Only certificates can be trusted. */
static stls_result check_kind(const stls_block *block, const char *input, stls_error *error) {
    char where[WHERE_SIZE];
    stls_store_where(input, block, where);
    switch (block->kind) {
    case STLS_BLOCK_CERTIFICATE:
        return STLS_OK;
    case STLS_BLOCK_PKCS12:
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s is a PKCS#12 file, as server certificates come in; take the CAs out "
                         "of it: openssl pkcs12 -in FILE -cacerts -nokeys -out ca.pem. Nothing was "
                         "added",
                         input);
    case STLS_BLOCK_CRL:
        return stls_fail(error, STLS_E_FORMAT,
                         "%s: this is a certificate revocation list, but only certificates can be "
                         "trusted; CRLs have a list of their own. Nothing was added",
                         where);
    default:
        return stls_fail(error, STLS_E_FORMAT,
                         "%s: this is %s, but only certificates can be trusted; nothing was added",
                         where, stls_block_kind_name(block->kind));
    }
}

/* --- Adding */

/* Why `item` may not be trusted, if so. */
static stls_result check_item(const stls_certstore *store, const stls_store_item *item,
                              const char *where, uint32_t flags, stls_error *error) {
    char title[STLS_ITEM_TITLE_SIZE], date[32];
    stls_item_title(item, title);
    if (!item->is_ca && (flags & STLS_ADD_PEER) == 0) {
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: %s is not a CA's certificate, so nobody's certificate can end in it; "
                         "add that of the CA that issued it. Nothing was added",
                         where, title);
    }
    if (stls_store_now(store) > item->not_after) {
        stls_text text = stls_text_in(date, sizeof date);
        stls_text_add_date(&text, item->not_after);
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: %s has expired on %s; ask whoever runs it for its successor. Nothing "
                         "was added",
                         where, title, date);
    }
    if (stls_state_find(&store->state, STLS_PLACE_CUSTOM, item->fingerprint) != NULL) {
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: %s is in the list of custom certificates already. Nothing was added",
                         where, title);
    }
    return STLS_OK;
}

static stls_result add_block(stls_certstore *store, stls_state *next, stls_upload *self,
                             const stls_block *block, stls_error *error) {
    char where[WHERE_SIZE], name[STLS_CERTSTORE_NAME_SIZE];
    stls_store_item *item = NULL;
    stls_error reason;
    stls_store_where(self->input, block, where);
    stls_result result = check_kind(block, self->input, error);
    if (result != STLS_OK) {
        return result;
    }
    result = stls_store_name(self->name, block->der, name, &reason);
    if (result == STLS_OK) {
        result = stls_item_new(store, STLS_PLACE_CUSTOM, name, block->der, &item, &reason);
    }
    if (result == STLS_E_FORMAT) {
        return stls_fail(error, result, "%s: %s. Nothing was added", where, reason.text);
    }
    if (result != STLS_OK) {
        return stls_fail(error, result, "%s", reason.text);
    }
    result = check_item(store, item, where, self->flags, error);
    if (result != STLS_OK || stls_state_find(next, STLS_PLACE_CUSTOM, item->fingerprint) != NULL) {
        stls_item_free(item); /* or it stands in the input twice */
        return result;
    }
    self->added++;
    return stls_state_insert(next, item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
}

stls_result stls_store_check_count(const stls_certstore *store, const stls_state *next,
                                   stls_error *error) {
    size_t count = stls_state_count(next, STLS_PLACE_CUSTOM), max = store->options.max_custom;
    if (count <= max) {
        return STLS_OK;
    }
    return stls_fail(
        error, STLS_E_LIMIT,
        "that would be %zu custom certificates, and at most %zu are allowed; remove %zu "
        "first. Nothing was added",
        count, max, count - max);
}

static stls_result check_arguments(const stls_certstore *store, const void *input, uint32_t flags,
                                   stls_error *error) {
    if (store == NULL || input == NULL || (flags & ~(uint32_t)STLS_ADD_PEER) != 0) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store or the input is NULL, or there is an unknown flag");
    }
    return STLS_OK;
}

static stls_upload upload_of(uint32_t flags) {
    return (stls_upload){.add = add_block, .check = stls_store_check_count, .flags = flags};
}

stls_result stls_certstore_add(stls_certstore *store, const void *data, size_t len,
                               const char *name, uint32_t flags, size_t *count, stls_error *error) {
    stls_upload upload = upload_of(flags);
    /* Nothing, an empty upload, is for the reader to refuse. */
    stls_result result = check_arguments(store, len == 0 ? "" : data, flags, error);
    return result == STLS_OK
               ? stls_upload_data(store, &upload, (stls_bytes){data, len}, name, count, error)
               : result;
}

stls_result stls_certstore_add_files(stls_certstore *store, const char *const *paths,
                                     size_t path_count, const char *name, uint32_t flags,
                                     size_t *count, stls_error *error) {
    stls_upload upload = upload_of(flags);
    stls_result result = check_arguments(store, path_count != 0 ? paths : NULL, flags, error);
    return result == STLS_OK
               ? stls_upload_files(store, &upload, paths, path_count, name, count, error)
               : result;
}

stls_result stls_certstore_add_file(stls_certstore *store, const char *path, const char *name,
                                    uint32_t flags, size_t *count, stls_error *error) {
    return stls_certstore_add_files(store, &path, 1, name, flags, count, error);
}

/* --- Removing */

typedef struct removal {
    const uint8_t *fingerprint;
    const char *name;
    size_t count;
} removal;

static bool is_meant(const removal *self, const stls_store_item *item) {
    return self->name != NULL
               ? strcmp(self->name, item->name) == 0
               : memcmp(self->fingerprint, item->fingerprint, STLS_FINGERPRINT_LEN) == 0;
}

static stls_result edit_remove(stls_certstore *store, stls_state *next, void *arg,
                               stls_error *error) {
    removal *self = arg;
    bool is_builtin = false;
    (void)store;
    self->count = 0;
    for (size_t i = next->count; i-- > 0;) {
        const stls_store_item *item = next->items[i];
        if (stls_place_is_single(item->place) && is_meant(self, item)) {
            stls_state_remove(next, i);
            self->count++;
        } else if (item->place == STLS_PLACE_BUILTIN && is_meant(self, item)) {
            is_builtin = true;
        }
    }
    if (self->count != 0) {
        return STLS_OK;
    }
    char meant[WHERE_SIZE];
    stls_text text = stls_text_in(meant, sizeof meant);
    if (self->name != NULL) {
        stls_text_add(&text, "called \"%s\"", self->name);
    } else {
        stls_text_add(&text, "with the fingerprint %02x%02x%02x%02x...", self->fingerprint[0],
                      self->fingerprint[1], self->fingerprint[2], self->fingerprint[3]);
    }
    return stls_fail(error, STLS_E_REFUSED,
                     is_builtin ? "the certificate %s is built in and cannot be removed; the trust "
                                  "set \"custom\" leaves all built-in ones out"
                                : "there is no custom certificate and no CRL %s",
                     meant);
}

stls_result stls_certstore_remove(stls_certstore *store, const uint8_t *fingerprint,
                                  stls_error *error) {
    removal self = {.fingerprint = fingerprint};
    if (store == NULL || fingerprint == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the fingerprint is NULL");
    }
    return stls_store_change(store, edit_remove, &self, error);
}

stls_result stls_certstore_remove_name(stls_certstore *store, const char *name, size_t *count,
                                       stls_error *error) {
    removal self = {.name = name};
    if (store == NULL || name == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the name is NULL");
    }
    stls_result result = stls_store_change(store, edit_remove, &self, error);
    if (result == STLS_OK && count != NULL) {
        *count = self.count;
    }
    return result;
}

/* --- The built-in list */

static stls_result insert_builtin(const stls_certstore *store, stls_state *next,
                                  const stls_block *block, stls_error *error) {
    char name[STLS_CERTSTORE_NAME_SIZE], title[STLS_ITEM_TITLE_SIZE];
    stls_store_item *item = NULL;
    stls_result result = stls_store_name(NULL, block->der, name, error);
    if (result == STLS_OK) {
        result = stls_item_new(store, STLS_PLACE_BUILTIN, name, block->der, &item, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    bool is_there = stls_state_find(next, STLS_PLACE_BUILTIN, item->fingerprint) != NULL;
    if (!item->is_ca) {
        result = stls_fail(error, STLS_E_REFUSED,
                           "%s is not a CA's certificate, so it cannot be built in",
                           stls_item_title(item, title));
    }
    if (result != STLS_OK || is_there) {
        stls_item_free(item);
        return result;
    }
    return stls_state_insert(next, item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
}

static const stls_block *find_block(const stls_blocks *blocks, const uint8_t *digests,
                                    const uint8_t *fingerprint) {
    for (size_t i = 0; i < blocks->count; i++) {
        if (memcmp(digests + i * STLS_FINGERPRINT_LEN, fingerprint, STLS_FINGERPRINT_LEN) == 0) {
            return &blocks->items[i];
        }
    }
    return NULL;
}

/* The fingerprint at the begin of a line. NOT_DONE: the line has none. */
static stls_result read_choice(const char *line, size_t len, uint8_t *fingerprint) {
    char word[3 * STLS_FINGERPRINT_LEN];
    size_t word_len = 0;
    while (word_len < len && strchr(" \t\r#", line[word_len]) == NULL) {
        word_len++;
    }
    if (word_len == 0) {
        return STLS_NOT_DONE;
    }
    if (word_len >= sizeof word) {
        return STLS_E_FORMAT;
    }
    memcpy(word, line, word_len);
    word[word_len] = '\0';
    return stls_fingerprint_read(word, fingerprint) ? STLS_OK : STLS_E_FORMAT;
}

typedef struct builtin_input {
    stls_blocks blocks;
    uint8_t *digests; /* STLS_FINGERPRINT_LEN for each block */
    const char *list;
} builtin_input;

static stls_result insert_choice(const stls_certstore *store, stls_state *next,
                                 const builtin_input *self, const char *line, size_t len,
                                 size_t number, stls_error *error) {
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    stls_result result = read_choice(line, len, fingerprint);
    if (result == STLS_NOT_DONE) {
        return STLS_OK;
    }
    if (result != STLS_OK) {
        return stls_fail(error, STLS_E_FORMAT,
                         "line %zu of the list of built-in certificates does not begin with a "
                         "SHA-256 fingerprint",
                         number);
    }
    const stls_block *block = find_block(&self->blocks, self->digests, fingerprint);
    if (block != NULL) {
        return insert_builtin(store, next, block, error);
    }
    char shown[WHERE_SIZE];
    stls_text text = stls_text_in(shown, sizeof shown);
    stls_text_add_foreign(&text, (stls_bytes){(const uint8_t *)line, len});
    return stls_fail(error, STLS_E_REFUSED,
                     "the bundle lacks the certificate of line %zu of the list: %s", number, shown);
}

static stls_result insert_list(const stls_certstore *store, stls_state *next,
                               const builtin_input *self, stls_error *error) {
    stls_result result = STLS_OK;
    size_t number = 0;
    for (const char *line = self->list; result == STLS_OK && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        result = insert_choice(store, next, self, line, len, ++number, error);
        line += len + (line[len] == '\n');
    }
    return result;
}

static stls_result insert_all(const stls_certstore *store, stls_state *next,
                              const builtin_input *self, stls_error *error) {
    stls_result result = STLS_OK;
    for (size_t i = 0; result == STLS_OK && i < self->blocks.count; i++) {
        result = insert_builtin(store, next, &self->blocks.items[i], error);
    }
    return result;
}

static stls_result edit_builtin(stls_certstore *store, stls_state *next, void *arg,
                                stls_error *error) {
    const builtin_input *self = arg;
    stls_buffer content = {.data = NULL};
    stls_state_remove_places(next, STLS_PLACE_BUILTIN);
    stls_result result = self->list != NULL ? insert_list(store, next, self, error)
                                            : insert_all(store, next, self, error);
    if (result != STLS_OK) {
        return result;
    }
    next->has_builtin = stls_state_count(next, STLS_PLACE_BUILTIN) != 0;
    next->builtin_stored = false;
    stls_state_builtin_content(next, &content);
    result = content.failed
                 ? stls_fail(error, STLS_E_NO_MEMORY, "no memory for the built-in certificates")
                 : stls_store_digest(store, stls_buffer_bytes(&content), next->builtin_id, error);
    stls_buffer_free(&content);
    return result;
}

static stls_result digest_blocks(const stls_certstore *store, builtin_input *self,
                                 stls_error *error) {
    stls_result result = STLS_OK;
    self->digests = stls_alloc(self->blocks.count, STLS_FINGERPRINT_LEN);
    if (self->digests == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the built-in certificates");
    }
    for (size_t i = 0; result == STLS_OK && i < self->blocks.count; i++) {
        result = stls_store_digest(store, self->blocks.items[i].der,
                                   self->digests + i * STLS_FINGERPRINT_LEN, error);
    }
    return result;
}

stls_result stls_certstore_set_builtin(stls_certstore *store, const void *data, size_t len,
                                       const char *list, stls_error *error) {
    builtin_input self = {.list = list};
    if (store == NULL || (data == NULL && len != 0)) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the bundle is NULL");
    }
    stls_result result = stls_blocks_read((stls_bytes){data, len}, store->options.max_bytes,
                                          "the bundle", &self.blocks, error);
    for (size_t i = 0; result == STLS_OK && i < self.blocks.count; i++) {
        result = check_kind(&self.blocks.items[i], "the bundle", error);
    }
    if (result == STLS_OK) {
        result = digest_blocks(store, &self, error);
    }
    if (result == STLS_OK) {
        result = stls_store_change(store, edit_builtin, &self, error);
    }
    stls_free(self.digests);
    stls_blocks_free(&self.blocks);
    return result;
}
