/* From the lists to what a profile takes.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"
#include "certstore/verify/anchors.h"

#define UNREADABLE "cannot be read: look at the owner and mode of its file, and at the disk"

static stls_result add_items(const stls_certstore *store, uint32_t places, stls_trust *trust,
                             stls_error *error) {
    stls_result result = STLS_OK;
    for (size_t i = 0; result == STLS_OK && i < store->state.count; i++) {
        const stls_store_item *item = store->state.items[i];
        if ((item->place & places) != 0 && item->der.len != 0) {
            result = item->is_ca
                         ? stls_trust_add(trust, item->der.data, item->der.len, item->name, error)
                         : stls_trust_add_peer(trust, item->der, item->name, error);
        }
    }
    return result;
}

/* A CRL less could let pass what it revokes, where a profile tolerates that there is none. */
static stls_result add_crls(const stls_certstore *store, stls_trust *trust, stls_error *error) {
    stls_result result = STLS_OK;
    for (size_t i = 0; result == STLS_OK && i < store->state.count; i++) {
        const stls_store_item *item = store->state.items[i];
        if (item->place != STLS_PLACE_CRL) {
            continue;
        }
        result = item->damage == STLS_DAMAGE_NONE
                     ? stls_trust_add_crl(trust, item->der.data, item->der.len, item->name, error)
                     : stls_fail(error, STLS_E_FORMAT, "the CRL \"%s\" %s", item->name,
                                 item->damage == STLS_DAMAGE_UNREADABLE
                                     ? UNREADABLE
                                     : "is damaged: remove it, then add it again");
    }
    return result;
}

static stls_result make_trust(const stls_certstore *store, stls_trust_set set, stls_trust **out,
                              stls_error *error) {
    static const uint32_t places[] = {[STLS_TRUST_SET_DEFAULT] = STLS_PLACE_BUILTIN,
                                      [STLS_TRUST_SET_CUSTOM] = STLS_PLACE_CUSTOM,
                                      [STLS_TRUST_SET_ALL] = STLS_PLACES_TRUSTED,
                                      [STLS_TRUST_SET_SYSTEM] = STLS_PLACE_CUSTOM};
    stls_trust *trust = stls_trust_new();
    if (trust == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the trusted certificates");
    }
    stls_result result =
        set == STLS_TRUST_SET_SYSTEM ? stls_trust_add_system(trust, error) : STLS_OK;
    if (result == STLS_OK) {
        result = add_items(store, places[set], trust, error);
    }
    if (result == STLS_OK) {
        result = add_crls(store, trust, error);
    }
    if (result != STLS_OK) {
        stls_trust_free(trust);
        return result;
    }
    *out = trust;
    return STLS_OK;
}

static stls_result read_credential(stls_certstore *store, const stls_store_item *item,
                                   const stls_backend *backend, stls_credential **credential,
                                   stls_error *error) {
    char password[STLS_STORE_PASSWORD_SIZE] = "";
    bool has_password = false;
    stls_bytes content;
    stls_result result = stls_store_content(store, item, &content, error);
    if (result != STLS_OK) {
        return result;
    }
    if (item->encrypted && store->options.password != NULL) {
        has_password = store->options.password(store->options.password_arg, item->place, item->name,
                                               password, sizeof password);
        password[sizeof password - 1] = '\0';
    }
    result = stls_credential_new(backend, content.data, content.len, NULL, 0,
                                 has_password ? password : NULL, credential, error);
    stls_wipe(password, sizeof password);
    stls_secret_free(&content);
    return result;
}

static stls_result make_credential(stls_certstore *store, stls_send_choice send,
                                   const stls_backend *backend, stls_credential **credential,
                                   stls_error *error) {
    stls_error reason;
    const stls_store_item *item = stls_store_choose(store, send, NULL);
    if (item == NULL) {
        return STLS_OK;
    }
    if (item->damage != STLS_DAMAGE_NONE) {
        return stls_fail(error, STLS_E_FORMAT, "the %s certificate \"%s\" would be sent, but it %s",
                         stls_place_name(item->place), item->name,
                         item->damage == STLS_DAMAGE_UNREADABLE
                             ? UNREADABLE
                             : "is damaged; install it again, or remove it");
    }
    stls_result result = read_credential(store, item, backend, credential, &reason);
    if (result != STLS_OK) {
        stls_error_fill(error, result, "%s certificate \"%s\": %s", stls_place_name(item->place),
                        item->name, reason.text);
    }
    return result;
}

/* Either pointer may be NULL. */
static stls_result make_both(stls_certstore *store, const stls_backend *backend, stls_trust_set set,
                             stls_send_choice send, stls_trust **trust,
                             stls_credential **credential, stls_error *error) {
    stls_trust *made_trust = NULL;
    stls_credential *made_credential = NULL;
    stls_result result = STLS_OK;
    if (trust != NULL) {
        set = set != STLS_TRUST_SET_STORED ? set : store->state.set;
        result = make_trust(store, set, &made_trust, error);
    }
    if (result == STLS_OK && credential != NULL) {
        result = make_credential(store, send, backend, &made_credential, error);
    }
    if (result != STLS_OK) {
        stls_trust_free(made_trust);
        return result;
    }
    if (trust != NULL) {
        *trust = made_trust;
    }
    if (credential != NULL) {
        *credential = made_credential;
    }
    return STLS_OK;
}

stls_result stls_certstore_snapshot(stls_certstore *store, const stls_backend *backend,
                                    stls_trust_set set, stls_send_choice send, stls_trust **trust,
                                    stls_credential **credential, stls_error *error) {
    bool set_is_known = set == STLS_TRUST_SET_STORED || stls_trust_set_name(set) != NULL;
    bool send_is_known = send == STLS_SEND_STORED || stls_send_choice_name(send) != NULL;
    if (store == NULL || backend == NULL || !set_is_known || !send_is_known) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store or the backend is NULL, or a setting is none");
    }
    stls_result result = make_both(store, backend, set, send, trust, credential, error);
    /* Another process may have put a new one in the place of the server certificate. */
    while (result == STLS_E_FORMAT && stls_store_has_changed(store)) {
        result = make_both(store, backend, set, send, trust, credential, error);
    }
    return result;
}
