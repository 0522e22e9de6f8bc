/* A store's folder made of the input: opened, listed, used, changed, exported and opened again, in
 * memory or in a folder of the file system.
 *
 * Opening writes nothing. What cannot be opened has a sentence, and what is damaged says so. A
 * change that fails leaves every file as it was; one that succeeds is there when the store is
 * opened again, and with it all that was there before. An export is imported as a whole, or not at
 * all: what nobody could have uploaded may be in a store that was made for mischief.
 *
 * The input: an octet for how, one for what is done, then blocks of an octet for what it is, two of
 * length, and content: a line of the index, a blob of a place, which the index then names, or any
 * file. The checksums are made right, as they would be by whoever means harm.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"

#include <siptls/siptls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 2, BLOCK_HEAD = 3, FILES_MAX = 24, BLOCKS_MAX = 12, NOW = 1800000000 };

/* How. */
enum {
    ON_DISK = 15,         /* all of these bits: in a folder of the file system */
    RAW_INDEX = 1 << 4,   /* the index is what the input's lines say, and nothing else */
    BAD_CHECKSUM = 1 << 5 /* and its checksum stays wrong */
};

/* What a block is, besides the places: from 0. */
enum { LINE = 0, FIRST_PLACE = 1, LAST_PLACE = 6, DAMAGED = 8, MISSING = 16 };

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static int64_t standing_clock(void *unused) {
    (void)unused;
    return NOW;
}

/* --- Files in memory */

typedef struct file {
    char name[STLS_STORE_BLOB_NAME_SIZE];
    uint8_t *data;
    size_t len;
} file;

typedef struct folder {
    file files[FILES_MAX];
    size_t count;
    bool changed;
} folder;

static file *find(folder *in, const char *name) {
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->files[i].name, name) == 0) {
            return &in->files[i];
        }
    }
    return NULL;
}

static uint8_t *copy(const uint8_t *data, size_t len) {
    uint8_t *made = malloc(len + 1);
    must(made != NULL);
    if (len != 0) {
        memcpy(made, data, len);
    }
    return made;
}

static bool put(folder *in, const char *name, const uint8_t *data, size_t len) {
    file *f = find(in, name);
    uint8_t *made = copy(data, len);
    if (f == NULL && in->count == FILES_MAX) {
        free(made);
        return false;
    }
    if (f == NULL) {
        f = &in->files[in->count++];
        *f = (file){.data = NULL};
        snprintf(f->name, sizeof f->name, "%s", name);
    }
    free(f->data);
    f->data = made;
    f->len = len;
    in->changed = true;
    return true;
}

static stls_result read_file(void *arg, const char *name, uint8_t *data, size_t size,
                             stls_storage_facts *facts, stls_error *error) {
    const file *f = find(arg, name);
    (void)error;
    *facts = (stls_storage_facts){.exists = f != NULL, .len = f != NULL ? f->len : 0};
    if (f != NULL && f->len != 0 && size != 0) {
        memcpy(data, f->data, f->len < size ? f->len : size);
    }
    return STLS_OK;
}

static stls_result write_file(void *arg, const char *name, const uint8_t *data, size_t len,
                              bool secret, stls_error *error) {
    (void)secret;
    return put(arg, name, data, len) ? STLS_OK
                                     : stls_fail(error, STLS_E_FILE, "the folder is full");
}

static stls_result remove_file(void *arg, const char *name, stls_error *error) {
    folder *in = arg;
    file *f = find(in, name);
    (void)error;
    if (f != NULL) {
        free(f->data);
        *f = in->files[--in->count];
        in->changed = true;
    }
    return STLS_OK;
}

static stls_result list_files(void *arg, void (*visit)(void *visit_arg, const char *name),
                              void *visit_arg, stls_error *error) {
    const folder *in = arg;
    (void)error;
    for (size_t i = 0; i < in->count; i++) {
        visit(visit_arg, in->files[i].name);
    }
    return STLS_OK;
}

static void forget(folder *in) {
    for (size_t i = 0; i < in->count; i++) {
        free(in->files[i].data);
    }
    in->count = 0;
}

static void copy_folder(folder *to, const folder *from) {
    *to = (folder){.count = 0};
    for (size_t i = 0; i < from->count; i++) {
        must(put(to, from->files[i].name, from->files[i].data, from->files[i].len));
    }
}

/* Blobs that nobody names may come and go; what was there stays as it was. */
static void must_hold_all(folder *now, const folder *before) {
    for (size_t i = 0; i < before->count; i++) {
        const file *was = &before->files[i], *is = find(now, was->name);
        must(is != NULL && is->len == was->len && memcmp(is->data, was->data, is->len) == 0);
    }
}

/* --- A folder out of the input */

typedef struct maker {
    folder *folder;
    stls_buffer index;
    bool raw;
    stls_bytes certificate; /* the first one, for what is done */
} maker;

static const stls_backend *backend(void) {
    return stls_backend_default();
}

static void digest(stls_bytes data, uint8_t id[STLS_STORE_ID_LEN]) {
    uint8_t out[STLS_HASH_SIZE_MAX];
    size_t len;
    must(backend()->digest(STLS_HASH_SHA256, data, out, &len) == STLS_BE_OK);
    memcpy(id, out, STLS_STORE_ID_LEN);
}

static void name_in_index(maker *to, stls_place place, const uint8_t *id) {
    if (to->raw) {
        return;
    }
    const char *keyword = place == STLS_PLACE_BUILTIN  ? "builtin"
                          : place == STLS_PLACE_CUSTOM ? "trusted"
                          : place == STLS_PLACE_CRL    ? "crl"
                                                       : "server ";
    stls_buffer_print(&to->index, "%s%s ", keyword,
                      (place & STLS_PLACES_SERVER) != 0 ? stls_place_name(place) : "");
    stls_buffer_add_hex(&to->index, id);
    stls_buffer_print(&to->index, place == STLS_PLACE_BUILTIN ? "\n" : " one\n");
}

/* A certificate or CRL of the administrator's is PEM in its blob, and named by its DER. */
static void add_blob(maker *to, uint8_t what, stls_bytes content) {
    stls_place place = (stls_place)(1 << ((what & 7) - FIRST_PLACE));
    bool is_der = place == STLS_PLACE_CUSTOM || place == STLS_PLACE_CRL;
    stls_buffer blob = {.data = NULL};
    uint8_t id[STLS_STORE_ID_LEN];
    char name[STLS_STORE_BLOB_NAME_SIZE];
    if (is_der) {
        stls_buffer_add_pem(&blob, place == STLS_PLACE_CRL ? "X509 CRL" : "CERTIFICATE", content);
        to->certificate = to->certificate.len == 0 ? content : to->certificate;
    } else {
        stls_buffer_add(&blob, content.data, content.len);
    }
    digest(is_der ? content : stls_buffer_bytes(&blob), id);
    stls_blob_name(place, id, name);
    name_in_index(to, place, id);
    if ((what & DAMAGED) != 0 && blob.len != 0) {
        blob.data[blob.len / 2] ^= 1;
    }
    if ((what & MISSING) == 0) {
        (void)put(to->folder, name, blob.data, blob.len);
    }
    stls_buffer_free(&blob);
}

static void add_block(maker *to, uint8_t what, stls_bytes content) {
    if ((what & 7) == LINE) {
        stls_buffer_add(&to->index, content.data, content.len);
        if (!to->raw) {
            stls_buffer_add(&to->index, "\n", 1);
        }
    } else if ((what & 7) <= LAST_PLACE) {
        add_blob(to, what, content);
    } else {
        (void)put(to->folder, ".tmp-1", content.data, content.len);
    }
}

static void end_index(maker *to, uint8_t how) {
    uint8_t id[STLS_STORE_ID_LEN];
    digest(stls_buffer_bytes(&to->index), id);
    id[0] ^= (how & BAD_CHECKSUM) != 0;
    stls_buffer_print(&to->index, "end ");
    stls_buffer_add_hex(&to->index, id);
    stls_buffer_add(&to->index, "\n", 1);
    must(put(to->folder, STLS_STORE_INDEX, to->index.data, to->index.len));
    stls_buffer_free(&to->index);
}

/* The first certificate of the input. */
static stls_bytes make_folder(folder *made, uint8_t how, stls_bytes blocks) {
    maker to = {.folder = made, .raw = (how & RAW_INDEX) != 0};
    if (!to.raw) {
        stls_buffer_print(&to.index, "siptls-store 1\ngeneration 7\ntrust all\nsend custom\n");
    }
    for (size_t i = 0; i < BLOCKS_MAX && blocks.len >= BLOCK_HEAD; i++) {
        size_t len = (size_t)blocks.data[1] << 8 | blocks.data[2];
        size_t room = blocks.len - BLOCK_HEAD;
        len = len < room ? len : room;
        add_block(&to, blocks.data[0], (stls_bytes){blocks.data + BLOCK_HEAD, len});
        blocks = (stls_bytes){blocks.data + BLOCK_HEAD + len, room - len};
    }
    end_index(&to, how);
    return to.certificate;
}

/* --- Opening, and looking */

static const stls_certstore_options options = {.clock = standing_clock, .max_bytes = 100000};

static stls_certstore *open_store(folder *in, stls_error *error) {
    const stls_storage storage = {.arg = in,
                                  .name = "a fuzzer's",
                                  .read = read_file,
                                  .write = write_file,
                                  .remove = remove_file,
                                  .list = list_files};
    stls_certstore *store = NULL;
    stls_result result = stls_certstore_open(backend(), &storage, &options, &store, error);
    must((result == STLS_OK) == (store != NULL));
    must(result == STLS_OK || result == STLS_E_FORMAT || result == STLS_E_UNSUPPORTED ||
         result == STLS_E_LIMIT);
    must(result == STLS_OK || error->text[0] != '\0');
    return store;
}

static size_t look(const stls_certstore *store) {
    stls_certstore_entry entry;
    size_t position = 0, count = 0;
    while (stls_certstore_next(store, NULL, &position, &entry)) {
        bool damaged = (entry.flags & STLS_ENTRY_DAMAGED) != 0;
        must(damaged == (entry.damage != NULL) && stls_place_name(entry.place) != NULL);
        must(entry.name != NULL && entry.name[0] != '\0');
        size_t len = stls_certstore_pem(&entry, NULL, 0);
        char *text = malloc(len + 1);
        must(text != NULL && stls_certstore_pem(&entry, text, len + 1) == len);
        free(text);
        count++;
    }
    must(count == stls_certstore_count(store, NULL));
    (void)stls_certstore_memory(store);
    return count;
}

static void use(stls_certstore *store) {
    for (stls_send_choice send = STLS_SEND_STORED; send <= STLS_SEND_NONE; send++) {
        stls_trust *trust = NULL;
        stls_credential *credential = NULL;
        stls_error error = {.text = ""};
        char why[256];
        (void)stls_certstore_chosen(store, send, why, sizeof why);
        stls_result result = stls_certstore_snapshot(store, backend(), STLS_TRUST_SET_STORED, send,
                                                     &trust, &credential, &error);
        must(result == STLS_OK || (error.text[0] != '\0' && trust == NULL && credential == NULL));
        stls_trust_free(trust);
        stls_credential_free(credential);
    }
}

static stls_result collect(void *arg, const void *data, size_t len, stls_error *error) {
    (void)error;
    stls_buffer_add(arg, data, len);
    return STLS_OK;
}

static void export_and_import(stls_certstore *store) {
    stls_buffer text = {.data = NULL};
    stls_error error = {.text = ""};
    stls_result result = stls_certstore_export(store, STLS_PARTS_ALL, collect, &text, &error);
    must(result == STLS_OK || error.text[0] != '\0');
    if (result == STLS_OK) {
        stls_certstore *other = NULL;
        must(stls_certstore_new(backend(), &options, &other, NULL) == STLS_OK);
        result = stls_certstore_import(other, text.data, text.len, NULL, &error);
        must(result == STLS_OK || error.text[0] != '\0');
        must(look(other) == (result == STLS_OK ? look(store) : 0));
        stls_certstore_free(other);
    }
    stls_buffer_free(&text);
}

/* --- Changing */

static stls_result change(stls_certstore *store, uint8_t what, stls_bytes data, stls_error *error) {
    switch (what % 8) {
    case 0:
        return stls_certstore_set_trust_set(store, STLS_TRUST_SET_CUSTOM, error);
    case 1:
        return stls_certstore_add(store, data.data, data.len, "new", what & 8 ? STLS_ADD_PEER : 0,
                                  NULL, error);
    case 2:
        return stls_certstore_remove_name(store, "one", NULL, error);
    case 3:
        return stls_certstore_add_crl(store, data.data, data.len, "new", NULL, error);
    case 4:
        return stls_certstore_install(store, STLS_PLACE_CUSTOM_SERVER, data.data, data.len, NULL, 0,
                                      NULL, "new", error);
    case 5:
        return stls_certstore_uninstall(store, STLS_PLACE_UNIQUE, error);
    case 6:
        return stls_certstore_set_builtin(store, data.data, data.len, NULL, error);
    default:
        return stls_certstore_import(store, data.data, data.len, NULL, error);
    }
}

static void change_and_reopen(stls_certstore *store, folder *in, uint8_t what, stls_bytes data) {
    folder before;
    stls_error error = {.text = ""};
    size_t count = look(store);
    copy_folder(&before, in);
    stls_result result = change(store, what, data, &error);
    if (result != STLS_OK) {
        must(error.text[0] != '\0' && look(store) == count);
        must_hold_all(in, &before);
    }
    forget(&before);
    count = look(store);
    stls_certstore *again = open_store(in, &error);
    must(again != NULL && look(again) == count);
    stls_certstore_free(again);
}

/* --- In a folder of the file system */

static void run_on_disk(folder *in) {
    char path[] = "/tmp/siptls-fuzz-XXXXXX", name[sizeof path + STLS_STORE_BLOB_NAME_SIZE + 8];
    stls_certstore *store = NULL;
    stls_error error = {.text = ""};
    must(mkdtemp(path) != NULL);
    for (size_t i = 0; i < in->count; i++) {
        snprintf(name, sizeof name, "%s/%s", path, in->files[i].name);
        FILE *to = fopen(name, "wb");
        must(to != NULL && fwrite(in->files[i].data, 1, in->files[i].len, to) == in->files[i].len);
        must(fclose(to) == 0);
    }
    stls_result result = stls_certstore_open_folder(backend(), path, &options, &store, &error);
    stls_certstore *other = open_store(in, &error);
    must((result == STLS_OK) == (other != NULL));
    if (result == STLS_OK) {
        must(look(store) == look(other));
        export_and_import(store);
    }
    stls_certstore_free(store);
    stls_certstore_free(other);
    for (size_t i = 0; i < in->count; i++) {
        snprintf(name, sizeof name, "%s/%s", path, in->files[i].name);
        must(unlink(name) == 0);
    }
    must(rmdir(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) {
        return 0;
    }
    folder in = {.count = 0};
    stls_error error = {.text = ""};
    stls_bytes certificate = make_folder(&in, data[0], (stls_bytes){data + HEAD, size - HEAD});
    in.changed = false;
    stls_certstore *store = open_store(&in, &error);
    must(!in.changed);
    if (store != NULL) {
        look(store);
        use(store);
        export_and_import(store);
        must(!in.changed);
        change_and_reopen(store, &in, data[1], certificate);
        stls_certstore_free(store);
    }
    if ((data[0] & ON_DISK) == ON_DISK) {
        run_on_disk(&in);
    }
    forget(&in);
    return 0;
}
