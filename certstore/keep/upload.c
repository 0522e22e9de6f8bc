/* What comes into a list from outside: one input or several, all of them or none.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"

typedef struct input {
    stls_blocks blocks;
    char title[STLS_STORE_WHERE_SIZE];
    char file[STLS_CERTSTORE_NAME_SIZE]; /* its name, fit for the list */
} input;

typedef struct inputs {
    stls_upload *upload;
    const char *name; /* as it was given; NULL: none */
    input *items;
    size_t count;
} inputs;

/* `looked_at`: how many blocks, if there may be more. */
static stls_result check_all(const stls_certstore *store, const stls_state *next,
                             const inputs *self, size_t looked_at, stls_error *error) {
    stls_error reason;
    stls_result result = self->upload->check(store, next, &reason);
    if (result == STLS_OK) {
        return STLS_OK;
    }
    char others[80] = "";
    stls_text text = stls_text_in(others, sizeof others);
    if (self->count > 1) {
        stls_text_add(&text, " and %zu more", self->count - 1);
    }
    if (looked_at != 0) {
        stls_text_add(&text, ", of which the first %zu were looked at", looked_at);
    }
    return stls_fail(error, result, "%s%s: %s", self->items[0].title, others, reason.text);
}

/* What comes into a list is compared with all that is there: far too much of it is not looked at to
 * its end. Of a few too many, the sentence tells how many. */
static stls_result check_now_and_then(const stls_certstore *store, const stls_state *next,
                                      const inputs *self, size_t looked_at, stls_error *error) {
    enum { STEP = 256 };
    return looked_at % STEP == 0 ? check_all(store, next, self, looked_at, error) : STLS_OK;
}

static stls_result edit_upload(stls_certstore *store, stls_state *next, void *arg,
                               stls_error *error) {
    const inputs *self = arg;
    stls_upload *upload = self->upload;
    stls_result result = STLS_OK;
    size_t looked_at = 0;
    upload->added = 0;
    for (size_t i = 0; i < self->count; i++) {
        const input *at = &self->items[i];
        upload->input = at->title;
        upload->name = self->name == NULL && *at->file != '\0' ? at->file : self->name;
        for (size_t j = 0; result == STLS_OK && j < at->blocks.count; j++) {
            result = upload->add(store, next, upload, &at->blocks.items[j], error);
            if (result == STLS_OK) {
                result = check_now_and_then(store, next, self, ++looked_at, error);
            }
        }
    }
    return result == STLS_OK ? check_all(store, next, self, 0, error) : result;
}

/* `*inputs` is of one for data, or of one for each file. */
static stls_result begin(inputs *self, size_t count, stls_error *error) {
    self->items = stls_alloc(count, sizeof *self->items);
    self->count = self->items != NULL ? count : 0;
    return self->items != NULL
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for what is to be added");
}

static stls_result end(stls_certstore *store, inputs *self, stls_result result, size_t *count,
                       stls_error *error) {
    if (result == STLS_OK) {
        result = stls_store_change(store, edit_upload, self, error);
    }
    for (size_t i = 0; i < self->count; i++) {
        stls_blocks_free(&self->items[i].blocks);
    }
    stls_free(self->items);
    if (result == STLS_OK && count != NULL) {
        *count = self->upload->added;
    }
    return result;
}

stls_result stls_upload_data(stls_certstore *store, stls_upload *upload, stls_bytes data,
                             const char *name, size_t *count, stls_error *error) {
    inputs self = {.upload = upload, .name = name};
    stls_result result = begin(&self, 1, error);
    if (result == STLS_OK) {
        input *at = &self.items[0];
        stls_text title = stls_text_in(at->title, sizeof at->title);
        stls_text_add(&title, "%s", name != NULL ? name : "input");
        result = stls_blocks_read(data, store->options.max_bytes, at->title, &at->blocks, error);
    }
    return end(store, &self, result, count, error);
}

static stls_result read_file(const stls_certstore *store, const char *path, input *to,
                             stls_error *error) {
    stls_bytes data;
    if (path == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the name of a file is NULL");
    }
    stls_text title = stls_text_in(to->title, sizeof to->title);
    stls_text_add(&title, "file %s", path);
    stls_store_file_name(path, to->file);
    stls_result result = stls_file_read(path, store->options.max_bytes, &data, error);
    if (result == STLS_OK) {
        result = stls_blocks_read(data, store->options.max_bytes, to->title, &to->blocks, error);
        stls_secret_free(&data); /* somebody may have taken the wrong file, with a key in it */
    }
    return result;
}

stls_result stls_upload_files(stls_certstore *store, stls_upload *upload, const char *const *paths,
                              size_t path_count, const char *name, size_t *count,
                              stls_error *error) {
    inputs self = {.upload = upload, .name = name};
    stls_result result = begin(&self, path_count, error);
    for (size_t i = 0; result == STLS_OK && i < path_count; i++) {
        result = read_file(store, paths[i], &self.items[i], error);
    }
    return end(store, &self, result, count, error);
}
