/* SPDX-License-Identifier: MIT */
#include "certstore/verify/crl_list.h"

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/pem.h"
#include "certstore/verify/dn.h"

#include <stdlib.h>
#include <string.h>

/* --- The index --- */

/* The serial number of the entry that begins here. It was read before, so it is well-formed, and
 * its serial number is short. */
static stls_bytes serial_at(const uint8_t *entry) {
    const uint8_t *inside = entry[1] < 0x80 ? entry + 2 : entry + 2 + (entry[1] & 0x7f);
    return (stls_bytes){.data = inside + 2, .len = inside[1]};
}

/* Any order will do, if it is always the same. */
static int compare(stls_bytes a, stls_bytes b) {
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return memcmp(a.data, b.data, a.len);
}

static int compare_entries(const void *a, const void *b) {
    const uint8_t *const *one = a, *const *other = b;
    return compare(serial_at(*one), serial_at(*other));
}

static bool make_index(stls_loaded_crl *loaded) {
    stls_der entries = stls_der_of(loaded->crl.entries);
    stls_crl_entry entry;
    size_t count = 0;
    loaded->index = stls_alloc(loaded->crl.entry_count, sizeof *loaded->index);
    if (loaded->index == NULL) {
        return false;
    }
    while (stls_crl_entry_next(&entries, &entry)) {
        loaded->index[count++] = entry.whole.data;
    }
    qsort(loaded->index, count, sizeof *loaded->index, compare_entries);
    return true;
}

/* The first place in the index whose serial number is not less. */
static size_t place_of(const stls_loaded_crl *loaded, stls_bytes serial) {
    size_t low = 0, high = loaded->crl.entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(serial_at(loaded->index[middle]), serial) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool stls_loaded_crl_find(const stls_loaded_crl *loaded, stls_bytes serial, stls_crl_entry *entry) {
    const uint8_t *end = stls_der_of(loaded->crl.entries).end;
    bool found = false;
    for (size_t i = place_of(loaded, serial); i < loaded->crl.entry_count; i++) {
        stls_der at = {.at = loaded->index[i], .end = end};
        stls_crl_entry next;
        if (!stls_bytes_equal(serial_at(loaded->index[i]), serial) ||
            !stls_crl_entry_next(&at, &next)) {
            break;
        }
        if (!found || entry->reason == STLS_CRL_REASON_REMOVE) {
            *entry = next;
        }
        found = true;
    }
    return found;
}

/* --- Proofs --- */

bool stls_loaded_crl_is_proved(const stls_loaded_crl *loaded, const stls_backend *backend,
                               stls_bytes spki) {
    for (size_t i = 0; i < STLS_ANCHOR_BACKENDS; i++) {
        if (atomic_load(&loaded->proofs[i].backend) == backend) {
            const stls_bytes *proved = atomic_load(&loaded->proofs[i].spki);
            return proved != NULL && stls_bytes_equal(*proved, spki);
        }
    }
    return false;
}

static void free_proof(stls_bytes *spki) {
    if (spki != NULL) {
        stls_bytes_free(spki);
        stls_free(spki);
    }
}

static stls_bytes *make_proof(stls_bytes spki) {
    stls_bytes *copy = stls_alloc(1, sizeof *copy);
    if (copy != NULL && !stls_bytes_copy(spki, copy)) {
        stls_free(copy);
        copy = NULL;
    }
    return copy;
}

/* Without memory or a slot the signature is checked again next time. */
void stls_loaded_crl_prove(stls_loaded_crl *loaded, const stls_backend *backend, stls_bytes spki) {
    for (size_t i = 0; i < STLS_ANCHOR_BACKENDS; i++) {
        stls_crl_proof *slot = &loaded->proofs[i];
        const stls_backend *owner = NULL;
        if (!atomic_compare_exchange_strong(&slot->backend, &owner, backend) && owner != backend) {
            continue;
        }
        stls_bytes *made = make_proof(spki), *there = NULL;
        if (!atomic_compare_exchange_strong(&slot->spki, &there, made)) {
            free_proof(made); /* another thread was faster, or it is good by two keys */
        }
        return;
    }
}

/* --- One CRL --- */

static void loaded_free(stls_loaded_crl *loaded) {
    if (loaded == NULL) {
        return;
    }
    for (size_t i = 0; i < STLS_ANCHOR_BACKENDS; i++) {
        free_proof(atomic_load(&loaded->proofs[i].spki));
    }
    stls_free(loaded->index);
    stls_bytes_free(&loaded->der);
    stls_free(loaded);
}

/* Takes the DER out of `block`: CRLs are large. */
static stls_result loaded_new(stls_block *block, stls_loaded_crl **loaded, stls_error *error) {
    stls_loaded_crl *made = stls_alloc(1, sizeof *made);
    if (made == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a CRL");
    }
    made->der = block->der;
    block->der = (stls_bytes){NULL, 0};
    stls_result result = stls_crl_parse(made->der, &made->crl, error);
    if (result == STLS_OK && !make_index(made)) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory for a CRL of %zu entries",
                           made->crl.entry_count);
    }
    if (result != STLS_OK) {
        loaded_free(made);
        return result;
    }
    made->issuer_hash = stls_name_hash(made->crl.issuer);
    *loaded = made;
    return STLS_OK;
}

/* --- The list --- */

void stls_crl_list_free(stls_crl_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        loaded_free(list->items[i]);
    }
    stls_free(list->items);
    *list = (stls_crl_list){.items = NULL};
}

static bool is_there(const stls_crl_list *list, stls_bytes der) {
    for (size_t i = 0; i < list->count; i++) {
        if (stls_bytes_equal(list->items[i]->der, der)) {
            return true;
        }
    }
    return false;
}

static stls_result read_block(stls_block *block, const char *name, stls_loaded_crl **loaded,
                              stls_error *error) {
    char where[256];
    stls_text at = stls_text_in(where, sizeof where);
    stls_text_add(&at, "%s", name);
    if (block->line != 0) {
        stls_text_add(&at, ", line %zu", block->line);
    }
    if (block->kind != STLS_BLOCK_CRL) {
        return stls_fail(error, STLS_E_FORMAT,
                         "%s: this is %s, but only CRLs are taken here; nothing was added", where,
                         stls_block_kind_name(block->kind));
    }
    stls_error inner;
    stls_result result = loaded_new(block, loaded, &inner);
    return result == STLS_OK ? STLS_OK : stls_fail(error, result, "%s: %s", where, inner.text);
}

/* Appends what is in `blocks`, and takes it back if something is wrong with any of them. */
static stls_result append(stls_crl_list *list, stls_blocks *blocks, const char *name,
                          stls_error *error) {
    size_t before = list->count;
    stls_result result = STLS_OK;
    if (blocks->count > STLS_TRUST_CRLS_MAX - before) {
        return stls_fail(error, STLS_E_LIMIT,
                         "%s: %zu CRLs are too many: at most %d are taken, and %zu are there "
                         "already; nothing was added",
                         name, blocks->count, STLS_TRUST_CRLS_MAX, before);
    }
    stls_loaded_crl **items =
        stls_grow(list->items, list->count, list->count + blocks->count, sizeof *items);
    if (items == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for %zu CRLs", blocks->count);
    }
    list->items = items;
    for (size_t i = 0; i < blocks->count && result == STLS_OK; i++) {
        stls_loaded_crl *loaded = NULL;
        result = read_block(&blocks->items[i], name, &loaded, error);
        if (loaded != NULL && is_there(list, loaded->der)) {
            loaded_free(loaded);
        } else if (loaded != NULL) {
            list->items[list->count++] = loaded;
        }
    }
    while (result != STLS_OK && list->count > before) {
        loaded_free(list->items[--list->count]);
    }
    return result;
}

static stls_result add(stls_trust *trust, stls_bytes data, const char *name, stls_error *error) {
    stls_crl_list *list;
    stls_blocks blocks = {NULL, 0};
    stls_result result = stls_trust_open_crls(trust, &list, error);
    if (result == STLS_OK) {
        result = stls_blocks_read(data, STLS_CRL_INPUT_MAX, name, &blocks, error);
    }
    if (result == STLS_OK) {
        result = append(list, &blocks, name, error);
    }
    stls_blocks_free(&blocks);
    return result;
}

stls_result stls_trust_add_crl(stls_trust *trust, const void *data, size_t len, const char *name,
                               stls_error *error) {
    if (data == NULL && len != 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "the CRLs are NULL");
    }
    return add(trust, (stls_bytes){data, len}, name != NULL ? name : "input", error);
}

stls_result stls_trust_add_crl_file(stls_trust *trust, const char *path, stls_error *error) {
    char name[200];
    stls_bytes data = {NULL, 0};
    if (path == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the name of the file of CRLs is NULL");
    }
    stls_crl_list *list;
    stls_result result = stls_trust_open_crls(trust, &list, error);
    if (result == STLS_OK) {
        result = stls_file_read(path, STLS_CRL_INPUT_MAX, &data, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    stls_text text = stls_text_in(name, sizeof name);
    stls_text_add(&text, "file %s", path);
    result = add(trust, data, name, error);
    stls_bytes_free(&data);
    return result;
}

size_t stls_trust_crl_count(const stls_trust *trust) {
    return stls_trust_crls(trust)->count;
}
