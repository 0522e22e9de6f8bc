/* The whole of a store: reset, export, import.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/storage.h"
#include "certstore/keep/store.h"

#include <string.h>

/* --- Reset */

static stls_result edit_reset(stls_certstore *store, stls_state *next, void *arg,
                              stls_error *error) {
    (void)store, (void)arg, (void)error;
    stls_state_remove_places(next, STLS_PLACE_CUSTOM | STLS_PLACE_CUSTOM_SERVER | STLS_PLACE_CRL);
    next->set = STLS_TRUST_SET_ALL;
    next->send = STLS_SEND_DEVICE;
    return STLS_OK;
}

stls_result stls_certstore_reset(stls_certstore *store, stls_error *error) {
    return store != NULL ? stls_store_change(store, edit_reset, NULL, error)
                         : stls_fail(error, STLS_E_ARGUMENT, "the store is NULL");
}

/* --- Export */

static uint32_t places_of(uint32_t parts) {
    uint32_t places = 0;
    places |= (parts & STLS_PART_BUILTIN) != 0 ? STLS_PLACE_BUILTIN : 0U;
    places |= (parts & STLS_PART_CUSTOM) != 0 ? STLS_PLACE_CUSTOM : 0U;
    places |= (parts & STLS_PART_CUSTOM_SERVER) != 0 ? STLS_PLACE_CUSTOM_SERVER : 0U;
    places |= (parts & STLS_PART_DEVICE) != 0 ? STLS_PLACE_UNIQUE | STLS_PLACE_GENERIC : 0U;
    places |= (parts & STLS_PART_CRL) != 0 ? STLS_PLACE_CRL : 0U;
    return places;
}

static stls_result export_item(stls_certstore *store, const stls_store_item *item,
                               stls_buffer *text, stls_error *error) {
    if ((item->place & STLS_PLACES_SERVER) != 0) {
        stls_bytes content;
        stls_result result = stls_store_content(store, item, &content, error);
        if (result == STLS_OK) {
            stls_index_add_item(text, item, &content);
        }
        stls_secret_free(&content);
        return result;
    }
    stls_buffer pem = {.data = NULL};
    stls_buffer_add_pem(&pem, stls_item_label(item), item->der);
    stls_bytes content = stls_buffer_bytes(&pem);
    stls_index_add_item(text, item, &content);
    text->failed = text->failed || pem.failed;
    stls_buffer_free(&pem);
    return STLS_OK;
}

static void export_builtin(const stls_certstore *store, stls_buffer *text) {
    stls_buffer pem = {.data = NULL};
    stls_state_builtin_content(&store->state, &pem);
    stls_bytes content = stls_buffer_bytes(&pem);
    stls_index_add_builtin(text, store->state.builtin_id, &content);
    text->failed = text->failed || pem.failed;
    stls_buffer_free(&pem);
}

static stls_result export_items(stls_certstore *store, uint32_t places, stls_buffer *text,
                                stls_error *error) {
    if ((places & STLS_PLACE_BUILTIN) != 0 && store->state.has_builtin) {
        export_builtin(store, text);
    }
    for (size_t i = 0; i < store->state.count; i++) {
        const stls_store_item *item = store->state.items[i];
        if ((item->place & places) == 0) {
            continue;
        }
        if (item->damage != STLS_DAMAGE_NONE) {
            return stls_fail(
                error, STLS_E_FORMAT,
                "%s \"%s\" is damaged, so it cannot be exported; remove it first, or leave that "
                "part out",
                stls_place_name(item->place), item->name);
        }
        stls_result result =
            item->place != STLS_PLACE_BUILTIN ? export_item(store, item, text, error) : STLS_OK;
        if (result != STLS_OK) {
            return result;
        }
    }
    return STLS_OK;
}

static stls_result write_export(stls_certstore *store, uint32_t parts, stls_buffer *text,
                                stls_error *error) {
    stls_export_begin(parts, &store->state, text);
    stls_result result = export_items(store, places_of(parts), text, error);
    return result == STLS_OK ? stls_index_end(store, text, error) : result;
}

stls_result stls_certstore_export(stls_certstore *store, uint32_t parts, stls_sink sink, void *arg,
                                  stls_error *error) {
    if (store == NULL || sink == NULL || parts == 0 || (parts & ~STLS_PARTS_ALL) != 0) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store or the sink is NULL, or these are no parts of a store");
    }
    stls_buffer text = {.data = NULL};
    stls_result result = write_export(store, parts, &text, error);
    while (result == STLS_E_FORMAT && stls_store_has_changed(store)) {
        stls_buffer_free(&text);
        result = write_export(store, parts, &text, error);
    }
    if (result == STLS_OK) {
        result = sink(arg, text.data, text.len, error);
    }
    stls_buffer_free(&text);
    return result;
}

static stls_result write_file(void *arg, const void *data, size_t len, stls_error *error) {
    return stls_disk_save(arg, STLS_EXPORT_MAGIC, (stls_bytes){data, len}, &stls_disk_system,
                          error);
}

stls_result stls_certstore_export_file(stls_certstore *store, uint32_t parts, const char *path,
                                       stls_error *error) {
    union {
        const char *constant;
        void *arg;
    } sink = {path};
    return path != NULL
               ? stls_certstore_export(store, parts, write_file, sink.arg, error)
               : stls_fail(error, STLS_E_ARGUMENT, "the name of the export's file is NULL");
}

/* --- Import */

typedef struct importing {
    stls_certstore *store;
    stls_bytes data;
    const char *what;
    stls_state read; /* what the export holds */
    stls_index index;
} importing;

static stls_result check_trusted(const importing *self, const stls_parsed_item *parsed,
                                 const stls_store_item *item, stls_error *error) {
    char title[STLS_ITEM_TITLE_SIZE];
    if (item->der.len > self->store->options.max_bytes) {
        return stls_fail(error, STLS_E_LIMIT, "%s: %s is larger than %zu bytes", self->what,
                         stls_item_title(item, title), self->store->options.max_bytes);
    }
    if (!item->is_ca && !parsed->is_peer) {
        return stls_fail(error, STLS_E_REFUSED, "%s: %s is not a CA's certificate", self->what,
                         stls_item_title(item, title));
    }
    return STLS_OK;
}

static stls_result check_server(const importing *self, const stls_parsed_item *parsed,
                                const stls_store_item *item, stls_error *error) {
    char password[STLS_STORE_PASSWORD_SIZE] = "";
    const stls_certstore_options *options = &self->store->options;
    bool has_password = item->encrypted && options->password != NULL &&
                        options->password(options->password_arg, item->place, item->name, password,
                                          sizeof password);
    password[sizeof password - 1] = '\0';
    stls_result result = STLS_OK;
    if (!item->encrypted || has_password) {
        stls_error reason;
        result = stls_store_check_pair(self->store, parsed->content, has_password ? password : NULL,
                                       &reason);
        if (result != STLS_OK) {
            stls_error_fill(error, result, "%s, %s \"%s\": %s", self->what,
                            stls_place_name(item->place), item->name, reason.text);
        }
    }
    stls_wipe(password, sizeof password);
    return result;
}

/* What an export holds too many of is not read to its end, as each is compared with those before.
 */
static stls_result check_room(const importing *self, stls_place place, stls_error *error) {
    const stls_certstore_options *options = &self->store->options;
    bool is_crl = place == STLS_PLACE_CRL;
    size_t max = is_crl ? options->max_crls : options->max_custom;
    return stls_state_count(&self->read, place) < max
               ? STLS_OK
               : stls_fail(error, STLS_E_LIMIT,
                           "%s holds more %s than the %zu that are allowed. Nothing was changed",
                           self->what, is_crl ? "CRLs" : "custom certificates", max);
}

/* One certificate has one place; the lists of custom ones and CRLs have many, but none twice. */
static stls_result check_place(const importing *self, const stls_parsed_item *parsed,
                               stls_error *error) {
    if (parsed->place == STLS_PLACE_BUILTIN && self->read.has_builtin) {
        return stls_fail(error, STLS_E_FORMAT, "%s holds the built-in list twice", self->what);
    }
    if (!stls_place_is_single(parsed->place) && stls_state_count(&self->read, parsed->place) != 0) {
        return stls_fail(error, STLS_E_FORMAT, "%s holds two certificates for one place: %s",
                         self->what, stls_place_name(parsed->place));
    }
    if (stls_place_is_single(parsed->place) &&
        stls_state_find(&self->read, parsed->place, parsed->id) != NULL) {
        return stls_fail(error, STLS_E_FORMAT, "%s holds \"%s\" twice", self->what, parsed->name);
    }
    return stls_place_is_single(parsed->place) ? check_room(self, parsed->place, error) : STLS_OK;
}

static const stls_store_item *last_at(const stls_state *state, stls_place place) {
    const stls_store_item *item = NULL;
    for (size_t i = 0; i < state->count; i++) {
        item = state->items[i]->place == place ? state->items[i] : item;
    }
    return item;
}

static stls_result check_builtin(const importing *self, stls_error *error) {
    char title[STLS_ITEM_TITLE_SIZE];
    for (size_t i = 0; i < self->read.count; i++) {
        const stls_store_item *item = self->read.items[i];
        if (item->place == STLS_PLACE_BUILTIN && !item->is_ca) {
            return stls_fail(error, STLS_E_REFUSED, "%s: %s is not a CA's certificate", self->what,
                             stls_item_title(item, title));
        }
    }
    return STLS_OK;
}

static stls_result import_item(void *arg, const stls_parsed_item *parsed, stls_error *error) {
    importing *self = arg;
    stls_result result = check_place(self, parsed, error);
    if (result == STLS_OK) {
        result =
            stls_store_take_item(self->store, &self->read, parsed, parsed->content, true, error);
    }
    const stls_store_item *item = last_at(&self->read, parsed->place);
    if (result != STLS_OK || item == NULL) {
        return result;
    }
    if (parsed->place == STLS_PLACE_BUILTIN) {
        self->read.has_builtin = true;
        memcpy(self->read.builtin_id, parsed->id, sizeof parsed->id);
        return check_builtin(self, error);
    }
    if (parsed->place == STLS_PLACE_CRL) {
        return STLS_OK; /* edit_import() knows whose signatures they may have */
    }
    return parsed->place == STLS_PLACE_CUSTOM ? check_trusted(self, parsed, item, error)
                                              : check_server(self, parsed, item, error);
}

static stls_result check_crl(const importing *self, const stls_state *next,
                             const stls_store_item *item, stls_error *error) {
    char where[STLS_STORE_WHERE_SIZE];
    stls_crl crl;
    stls_text text = stls_text_in(where, sizeof where);
    stls_text_add(&text, "%s, crl \"%s\"", self->what, item->name);
    stls_result result = stls_crl_parse(item->der, &crl, error);
    return result == STLS_OK ? stls_store_check_crl(self->store, next, &crl, where, error) : result;
}

static stls_result check_crls(const importing *self, const stls_state *next, stls_error *error) {
    stls_result result = stls_store_check_crls(self->store, next, error);
    for (size_t i = 0; result == STLS_OK && i < self->read.count; i++) {
        if (self->read.items[i]->place == STLS_PLACE_CRL) {
            result = check_crl(self, next, self->read.items[i], error);
        }
    }
    return result;
}

static stls_result edit_import(stls_certstore *store, stls_state *next, void *arg,
                               stls_error *error) {
    importing *self = arg;
    uint32_t parts = self->index.parts, places = places_of(parts);
    if ((parts & STLS_PART_SETTINGS) != 0) {
        next->set = self->index.set;
        next->send = self->index.send;
    }
    stls_state_remove_places(next, places);
    if ((parts & STLS_PART_BUILTIN) != 0) {
        next->has_builtin = self->read.has_builtin;
        memcpy(next->builtin_id, self->read.builtin_id, sizeof next->builtin_id);
    }
    for (size_t i = 0; i < self->read.count; i++) {
        self->read.items[i]->holds++;
        if (!stls_state_insert(next, self->read.items[i])) {
            return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
        }
    }
    stls_result result = stls_store_check_count(store, next, error);
    return result == STLS_OK ? check_crls(self, next, error) : result;
}

/* A file whose items do not belong to its parts was made by nobody's siptls. */
static stls_result check_parts(const importing *self, stls_error *error) {
    uint32_t parts = self->index.parts, places = places_of(parts);
    bool fits = parts != 0;
    for (size_t i = 0; i < self->read.count; i++) {
        fits = fits && (self->read.items[i]->place & places) != 0;
    }
    if ((parts & STLS_PART_SETTINGS) != 0) {
        fits = fits && self->index.set != 0 && self->index.send != 0;
    }
    return fits ? STLS_OK
                : stls_fail(error, STLS_E_FORMAT, "%s does not hold the parts that it names",
                            self->what);
}

static stls_result read_export(importing *self, stls_error *error) {
    stls_result result = stls_index_read(self->store, self->data, true, self->what, &self->index,
                                         import_item, self, error);
    return result == STLS_OK ? check_parts(self, error) : result;
}

static stls_result run_import(importing *self, uint32_t *parts, stls_error *error) {
    stls_result result = read_export(self, error);
    if (result == STLS_OK) {
        result = stls_store_change(self->store, edit_import, self, error);
    }
    if (result == STLS_OK && parts != NULL) {
        *parts = self->index.parts;
    }
    stls_state_free(&self->read);
    return result;
}

stls_result stls_store_take_export(stls_certstore *store, stls_state *next, stls_bytes data,
                                   stls_error *error) {
    importing self = {.store = store, .data = data, .what = "the export"};
    stls_result result = read_export(&self, error);
    if (result == STLS_OK) {
        result = edit_import(store, next, &self, error);
    }
    stls_state_free(&self.read);
    return result;
}

stls_result stls_certstore_import(stls_certstore *store, const void *data, size_t len,
                                  uint32_t *parts, stls_error *error) {
    importing self = {.store = store, .data = {data, len}, .what = "the export"};
    if (store == NULL || data == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the export is NULL");
    }
    return run_import(&self, parts, error);
}

stls_result stls_certstore_import_file(stls_certstore *store, const char *path, uint32_t *parts,
                                       stls_error *error) {
    enum { EXPORT_MAX = 4 * STLS_STORE_BLOB_MAX };
    char what[160];
    stls_bytes data;
    if (store == NULL || path == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the file's name is NULL");
    }
    stls_result result = stls_file_read(path, EXPORT_MAX, &data, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_text text = stls_text_in(what, sizeof what);
    stls_text_add(&text, "file %s", path);
    importing self = {.store = store, .data = data, .what = what};
    result = run_import(&self, parts, error);
    stls_secret_free(&data);
    return result;
}
