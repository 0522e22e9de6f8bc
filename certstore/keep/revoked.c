/* Revocation lists: what comes into the list, and what it says.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "certstore/keep/store.h"
#include "certstore/read/crl.h"
#include "certstore/read/describe.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/search.h"

#include <string.h>

/* --- What a CRL says */

void stls_crl_describe(stls_bytes der, stls_certificate_info *info, size_t *entry_count) {
    stls_crl crl;
    *info = (stls_certificate_info){.is_ca = false};
    *entry_count = 0;
    if (stls_crl_parse(der, &crl, NULL) != STLS_OK) {
        return;
    }
    stls_text text = stls_text_in(info->subject, sizeof info->subject);
    stls_describe_name(&text, crl.issuer);
    text = stls_text_in(info->issuer, sizeof info->issuer);
    stls_describe_name(&text, crl.issuer);
    text = stls_text_in(info->serial, sizeof info->serial);
    for (size_t i = 0; i < crl.number.len; i++) {
        stls_text_add(&text, "%02x", crl.number.data[i]);
    }
    info->not_before = crl.this_update;
    info->not_after = crl.has_next_update ? crl.next_update : crl.this_update;
    *entry_count = crl.entry_count;
}

/* --- Whose it is */

/* Whether `item` is a trusted certificate that may have signed `crl`, by the names of both. */
static bool may_be_issuer(const stls_store_item *item, const stls_crl *crl, stls_x509 *issuer) {
    if ((item->place & STLS_PLACES_TRUSTED) == 0 || item->der.len == 0 ||
        stls_x509_parse(item->der, issuer, NULL) != STLS_OK ||
        !stls_name_equal(issuer->subject, crl->issuer)) {
        return false;
    }
    return crl->authority_key_id.len == 0 || issuer->subject_key_id.len == 0 ||
           stls_bytes_equal(crl->authority_key_id, issuer->subject_key_id);
}

bool stls_crl_lacks_issuer(const stls_certstore *store, const stls_store_item *item) {
    stls_crl crl;
    stls_x509 issuer;
    bool found = stls_crl_parse(item->der, &crl, NULL) != STLS_OK;
    for (size_t i = 0; !found && i < store->state.count; i++) {
        found = may_be_issuer(store->state.items[i], &crl, &issuer);
    }
    return !found;
}

/* A signature that no peer's chain is judged by could only be in the way. */
static stls_be_status ask_issuer(const stls_certstore *store, const stls_x509 *issuer,
                                 const stls_crl *crl) {
    uint32_t flags = stls_algorithm_flags(STLS_STRENGTH_LEGACY, &crl->signature_algorithm);
    return (flags & STLS_FLAG_UNSUPPORTED) != 0
               ? STLS_BE_UNSUPPORTED
               : stls_store_check_signature(store->backend, issuer, &crl->signature_algorithm,
                                            crl->tbs, crl->signature);
}

/* Whether one of the certificates that may have signed the CRL has: STLS_BE_OK, also if there is
 * none; STLS_BE_FAILED; or why that cannot be told. */
static stls_be_status ask_issuers(const stls_certstore *store, const stls_state *next,
                                  const stls_crl *crl) {
    stls_be_status answer = STLS_BE_OK;
    stls_x509 issuer;
    for (size_t i = 0; i < next->count; i++) {
        if (!may_be_issuer(next->items[i], crl, &issuer)) {
            continue;
        }
        stls_be_status status = ask_issuer(store, &issuer, crl);
        if (status == STLS_BE_OK || status == STLS_BE_NO_MEMORY) {
            return status;
        }
        answer = answer == STLS_BE_UNSUPPORTED ? answer : status;
    }
    return answer;
}

static stls_result check_signature(const stls_certstore *store, const stls_state *next,
                                   const stls_crl *crl, const char *where, stls_error *error) {
    switch (ask_issuers(store, next, crl)) {
    case STLS_BE_OK:
        return STLS_OK;
    case STLS_BE_NO_MEMORY:
        return stls_fail(error, STLS_E_NO_MEMORY, "%s: no memory to check who signed this CRL",
                         where);
    case STLS_BE_UNSUPPORTED:
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s: %s cannot check whether the CA that this CRL names has signed it. "
                         "Nothing was added",
                         where, stls_backend_name(store->backend));
    default:
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: this CRL is not signed by the CA that it names, so it was damaged or "
                         "forged; download it again. Nothing was added",
                         where);
    }
}

/* --- Adding */

stls_result stls_store_check_crl(const stls_certstore *store, const stls_state *next,
                                 const stls_crl *crl, const char *where, stls_error *error) {
    const char *defect = stls_crl_defect(crl);
    if (defect == NULL && crl->only_attributes) {
        defect = "it is for attribute certificates, which TLS does not have";
    }
    if (defect != NULL) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s: this CRL cannot be used: %s. Ask its CA for a complete CRL. Nothing "
                         "was added",
                         where, defect);
    }
    if (!crl->has_next_update) {
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: this CRL does not say when the next is due (nextUpdate), so it could "
                         "be of any age. Nothing was added",
                         where);
    }
    return check_signature(store, next, crl, where, error);
}

static stls_result check_date(const stls_certstore *store, const stls_crl *crl, const char *where,
                              stls_error *error) {
    if (stls_store_now(store) > crl->next_update) {
        char date[32];
        stls_text text = stls_text_in(date, sizeof date);
        stls_text_add_date(&text, crl->next_update);
        return stls_fail(error, STLS_E_REFUSED,
                         "%s: this CRL has expired: the next was due on %s; download that. Nothing "
                         "was added",
                         where, date);
    }
    return STLS_OK;
}

/* Whether one of them can take the place of the other. */
static bool is_of_one_kind(const stls_crl *a, const stls_crl *b) {
    return a->is_delta == b->is_delta && stls_bytes_equal(a->scope, b->scope) &&
           stls_bytes_equal(a->authority_key_id, b->authority_key_id) &&
           stls_name_equal(a->issuer, b->issuer);
}

/* Takes out what `crl` replaces. */
static stls_result make_room(stls_state *next, const stls_crl *crl, const char *where,
                             stls_error *error) {
    for (size_t i = next->count; i-- > 0;) {
        const stls_store_item *item = next->items[i];
        stls_crl there;
        if (item->place != STLS_PLACE_CRL || item->der.len == 0 ||
            stls_crl_parse(item->der, &there, NULL) != STLS_OK || !is_of_one_kind(&there, crl)) {
            continue;
        }
        if (!stls_crl_is_newer(crl, &there)) {
            char title[STLS_ITEM_TITLE_SIZE];
            return stls_fail(error, STLS_E_REFUSED,
                             "%s: %s in the store (\"%s\") is %s. Nothing was added", where,
                             stls_item_title(item, title), item->name,
                             stls_bytes_equal(there.der, crl->der) ? "this very one"
                                                                   : "not older than this one");
        }
        stls_state_remove(next, i);
    }
    return STLS_OK;
}

/* Whether it stands in the input twice. */
static bool is_new_there(const stls_certstore *store, const stls_state *next, stls_bytes der) {
    for (size_t i = 0; i < next->count; i++) {
        const stls_store_item *item = next->items[i];
        if (item->place == STLS_PLACE_CRL && stls_bytes_equal(item->der, der)) {
            return stls_state_find(&store->state, STLS_PLACE_CRL, item->fingerprint) == NULL;
        }
    }
    return false;
}

/* What stands in the list for this very CRL, and cannot be read. */
static void remove_damaged(stls_state *next, const stls_store_item *whole) {
    for (size_t i = next->count; i-- > 0;) {
        const stls_store_item *item = next->items[i];
        if (item->place == STLS_PLACE_CRL && item->damage != STLS_DAMAGE_NONE &&
            memcmp(item->fingerprint, whole->fingerprint, sizeof item->fingerprint) == 0) {
            stls_state_remove(next, i);
        }
    }
}

static stls_result insert_crl(stls_certstore *store, stls_state *next, stls_upload *self,
                              const stls_crl *crl, const char *where, stls_error *error) {
    char name[STLS_CERTSTORE_NAME_SIZE];
    stls_store_item *item = NULL;
    stls_result result = make_room(next, crl, where, error);
    if (result == STLS_OK) {
        result = stls_store_name(self->name, crl->der, name, error);
    }
    if (result == STLS_OK) {
        result = stls_item_new(store, STLS_PLACE_CRL, name, crl->der, &item, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    self->added++;
    remove_damaged(next, item);
    return stls_state_insert(next, item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the list of CRLs");
}

static stls_result add_block(stls_certstore *store, stls_state *next, stls_upload *self,
                             const stls_block *block, stls_error *error) {
    char where[STLS_STORE_WHERE_SIZE];
    stls_crl crl;
    stls_error reason;
    stls_store_where(self->input, block, where);
    if (block->kind != STLS_BLOCK_CRL) {
        return stls_fail(error, STLS_E_FORMAT,
                         "%s: this is %s, but only CRLs are taken here. Nothing was added", where,
                         stls_block_kind_name(block->kind));
    }
    stls_result result = stls_crl_parse(block->der, &crl, &reason);
    if (result != STLS_OK) {
        return stls_fail(error, result, "%s: %s. Nothing was added", where, reason.text);
    }
    result = stls_store_check_crl(store, next, &crl, where, error);
    if (result == STLS_OK) {
        result = check_date(store, &crl, where, error);
    }
    return result == STLS_OK && !is_new_there(store, next, crl.der)
               ? insert_crl(store, next, self, &crl, where, error)
               : result;
}

stls_result stls_store_check_crls(const stls_certstore *store, const stls_state *next,
                                  stls_error *error) {
    size_t count = stls_state_count(next, STLS_PLACE_CRL), max = store->options.max_crls, sum = 0;
    for (size_t i = 0; i < next->count; i++) {
        sum += next->items[i]->place == STLS_PLACE_CRL ? next->items[i]->der.len : 0;
    }
    if (count > max) {
        return stls_fail(error, STLS_E_LIMIT,
                         "that would be %zu CRLs, and at most %zu are allowed; remove %zu first. "
                         "Nothing was added",
                         count, max, count - max);
    }
    return sum <= store->options.max_bytes
               ? STLS_OK
               : stls_fail(error, STLS_E_LIMIT,
                           "that would be %zu bytes of CRLs, and at most %zu are allowed; remove "
                           "one first. Nothing was added",
                           sum, store->options.max_bytes);
}

stls_result stls_certstore_add_crl(stls_certstore *store, const void *data, size_t len,
                                   const char *name, size_t *count, stls_error *error) {
    stls_upload upload = {.add = add_block, .check = stls_store_check_crls};
    if (store == NULL || (data == NULL && len != 0)) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store or the CRL is NULL");
    }
    return stls_upload_data(store, &upload, (stls_bytes){data, len}, name, count, error);
}

stls_result stls_certstore_add_crl_files(stls_certstore *store, const char *const *paths,
                                         size_t path_count, const char *name, size_t *count,
                                         stls_error *error) {
    stls_upload upload = {.add = add_block, .check = stls_store_check_crls};
    if (store == NULL || paths == NULL || path_count == 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "the store is NULL, or there are no files");
    }
    return stls_upload_files(store, &upload, paths, path_count, name, count, error);
}

stls_result stls_certstore_add_crl_file(stls_certstore *store, const char *path, const char *name,
                                        size_t *count, stls_error *error) {
    return stls_certstore_add_crl_files(store, &path, 1, name, count, error);
}
