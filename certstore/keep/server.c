/* Server certificates: three places, and which of them is sent.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "certstore/keep/pkcs12.h"
#include "certstore/keep/store.h"
#include "certstore/read/x509.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/search.h"

#include <string.h>

/* --- Is it a chain? */

stls_be_status stls_store_check_signature(const stls_backend *backend, const stls_x509 *issuer,
                                          const stls_signature_algorithm *algorithm, stls_bytes tbs,
                                          stls_bytes signature) {
    void *key = NULL;
    if (algorithm->kind == STLS_SIGNATURE_UNKNOWN) {
        return STLS_BE_UNSUPPORTED;
    }
    if (!stls_key_fits(issuer, algorithm)) {
        return issuer->key_kind == STLS_KEY_UNKNOWN ? STLS_BE_UNSUPPORTED : STLS_BE_FAILED;
    }
    if (!stls_signature_is_well_formed(algorithm, signature)) {
        return STLS_BE_FAILED;
    }
    stls_be_status status = backend->key_from_spki(issuer->spki, &key);
    if (status == STLS_BE_OK) {
        status = backend->verify_signature(algorithm, key, tbs, signature);
        backend->key_free(key);
    } else if (status != STLS_BE_NO_MEMORY) {
        status = STLS_BE_UNSUPPORTED; /* a key that we can read, and it cannot */
    }
    return status;
}

static stls_be_status check_issuer(const stls_backend *backend, const stls_x509 *certificate,
                                   const stls_x509 *issuer) {
    return stls_name_equal(certificate->issuer, issuer->subject)
               ? stls_store_check_signature(backend, issuer, &certificate->signature_algorithm,
                                            certificate->tbs, certificate->signature)
               : STLS_BE_FAILED;
}

/* Why certificate `above` is not known to have issued the one before it. */
static stls_result refuse_issuer(const stls_certstore *store, stls_be_status status,
                                 stls_bytes above, stls_error *error) {
    char name[STLS_CERTSTORE_NAME_SIZE];
    stls_store_name(NULL, above, name, NULL);
    switch (status) {
    case STLS_BE_NO_MEMORY:
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to check the chain");
    case STLS_BE_UNSUPPORTED:
        return stls_fail(
            error, STLS_E_UNSUPPORTED,
            "%s cannot check a signature in the chain, which %s is to have made; leave "
            "out that certificate and those behind it. Nothing was changed",
            stls_backend_name(store->backend), name);
    default:
        return stls_fail(error, STLS_E_FORMAT,
                         "the chain has a certificate that issued none of the others: %s; leave it "
                         "out, or put in what is missing between. Nothing was changed",
                         name);
    }
}

/* Each certificate behind the leaf issued the one before it. */
static stls_result check_chain(const stls_certstore *store, const stls_credential *credential,
                               stls_error *error) {
    stls_x509 certificate, issuer;
    for (size_t i = 0; stls_credential_certificate(credential, i + 1).len != 0; i++) {
        stls_bytes here = stls_credential_certificate(credential, i);
        stls_bytes above = stls_credential_certificate(credential, i + 1);
        if (stls_x509_parse(here, &certificate, error) != STLS_OK ||
            stls_x509_parse(above, &issuer, error) != STLS_OK) {
            return STLS_E_FORMAT;
        }
        stls_be_status status = check_issuer(store->backend, &certificate, &issuer);
        if (status != STLS_BE_OK) {
            return refuse_issuer(store, status, above, error);
        }
    }
    return STLS_OK;
}

static stls_result check_date(const stls_certstore *store, const stls_credential *credential,
                              stls_error *error) {
    stls_x509 leaf;
    stls_bytes der = stls_credential_certificate(credential, 0);
    stls_result result = stls_x509_parse(der, &leaf, error);
    if (result == STLS_OK && stls_store_now(store) > leaf.not_after) {
        char name[STLS_CERTSTORE_NAME_SIZE], date[32];
        stls_text text = stls_text_in(date, sizeof date);
        stls_text_add_date(&text, leaf.not_after);
        stls_store_name(NULL, der, name, NULL);
        result =
            stls_fail(error, STLS_E_REFUSED,
                      "%s has expired on %s: have it renewed. Nothing was changed", name, date);
    }
    return result;
}

stls_result stls_store_check_pair(const stls_certstore *store, stls_bytes content,
                                  const char *password, stls_error *error) {
    stls_credential *credential = NULL;
    stls_result result = stls_credential_new(store->backend, content.data, content.len, NULL, 0,
                                             password, &credential, error);
    if (result == STLS_OK) {
        result = check_chain(store, credential, error);
    }
    stls_credential_free(credential);
    return result;
}

/* --- What is kept of an upload */

/* A key's label tells its form, which DER input does not have: the element behind the version is an
 * AlgorithmIdentifier (PKCS#8), a modulus (PKCS#1) or the key itself (SEC 1). */
static const char *key_label(const stls_block *block) {
    stls_der der = stls_der_of(block->der), inside;
    stls_bytes version;
    if (block->kind == STLS_BLOCK_ENCRYPTED_KEY) {
        return "ENCRYPTED PRIVATE KEY";
    }
    if (!stls_der_enter(&der, STLS_DER_SEQUENCE, &inside) ||
        !stls_der_get(&inside, STLS_DER_INTEGER, &version)) {
        return "PRIVATE KEY";
    }
    switch (stls_der_peek(&inside)) {
    case STLS_DER_INTEGER:
        return "RSA PRIVATE KEY";
    case STLS_DER_OCTET_STRING:
        return "EC PRIVATE KEY";
    default:
        return "PRIVATE KEY";
    }
}

static const stls_block *find_key(const stls_blocks *blocks) {
    for (size_t i = 0; i < blocks->count; i++) {
        stls_block_kind kind = blocks->items[i].kind;
        if (kind == STLS_BLOCK_KEY || kind == STLS_BLOCK_ENCRYPTED_KEY) {
            return &blocks->items[i];
        }
    }
    return NULL;
}

typedef struct installation {
    stls_place place;
    const char *name; /* NULL: by its subject */
    stls_bytes chain, key;
    bool key_apart;
    const char *password;
    stls_blocks blocks;   /* of the input that holds the key */
    stls_buffer unpacked; /* a PKCS#12 file as PEM */
    stls_store_item *item;
} installation;

/* Once for all: opening a PKCS#12 file is slow on purpose. */
static stls_result unpack(const stls_certstore *store, installation *self, stls_error *error) {
    stls_result result = stls_pkcs12_expand(store->backend, "the certificate input", self->password,
                                            &self->blocks, error);
    for (size_t i = 0; result == STLS_OK && i < self->blocks.count; i++) {
        const stls_block *block = &self->blocks.items[i];
        stls_buffer_add_pem(&self->unpacked,
                            block->kind == STLS_BLOCK_KEY ? key_label(block) : "CERTIFICATE",
                            block->der);
    }
    if (result == STLS_OK && self->unpacked.failed) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory for a server certificate");
    }
    return result;
}

static stls_result read_inputs(const stls_certstore *store, installation *self, stls_error *error) {
    size_t max = store->options.max_bytes;
    stls_result result =
        stls_blocks_read(self->chain, max, "the certificate input", &self->blocks, error);
    if (result == STLS_OK && self->key_apart) {
        stls_blocks_free(&self->blocks);
        return stls_blocks_read(self->key, max, "the key input", &self->blocks, error);
    }
    bool is_pkcs12 = result == STLS_OK && self->blocks.items[0].kind == STLS_BLOCK_PKCS12;
    return is_pkcs12 ? unpack(store, self, error) : result;
}

static void write_content(const installation *self, const stls_credential *credential,
                          stls_buffer *content) {
    const stls_block *key = find_key(&self->blocks);
    for (size_t i = 0; stls_credential_certificate(credential, i).len != 0; i++) {
        stls_buffer_add_pem(content, "CERTIFICATE", stls_credential_certificate(credential, i));
    }
    if (key != NULL) {
        stls_buffer_add_pem(content, key_label(key), key->der);
    }
}

static stls_result make_item(const stls_certstore *store, installation *self,
                             const stls_credential *credential, stls_error *error) {
    char name[STLS_CERTSTORE_NAME_SIZE];
    stls_bytes leaf = stls_credential_certificate(credential, 0);
    stls_buffer content = {.data = NULL};
    stls_result result = stls_store_name(self->name, leaf, name, error);
    if (result == STLS_OK) {
        result = stls_item_new(store, self->place, name, leaf, &self->item, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    const stls_block *key = find_key(&self->blocks);
    self->item->encrypted = key != NULL && key->kind == STLS_BLOCK_ENCRYPTED_KEY;
    write_content(self, credential, &content);
    if (content.failed || !stls_bytes_copy(stls_buffer_bytes(&content), &self->item->content)) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory for a server certificate");
    } else {
        result = stls_store_digest(store, self->item->content, self->item->id, error);
    }
    stls_buffer_free(&content);
    return result;
}

/* All that can be wrong with the input, before anything is locked. */
static stls_result check_inputs(const stls_certstore *store, installation *self,
                                stls_error *error) {
    stls_credential *credential = NULL;
    stls_result result = read_inputs(store, self, error);
    if (result == STLS_OK) {
        stls_bytes chain =
            self->unpacked.len != 0 ? stls_buffer_bytes(&self->unpacked) : self->chain;
        result = stls_credential_new(store->backend, chain.data, chain.len,
                                     self->key_apart ? self->key.data : NULL, self->key.len,
                                     self->password, &credential, error);
    }
    if (result == STLS_OK) {
        result = check_chain(store, credential, error);
    }
    if (result == STLS_OK) {
        result = check_date(store, credential, error);
    }
    if (result == STLS_OK) {
        result = make_item(store, self, credential, error);
    }
    stls_credential_free(credential);
    return result;
}

static stls_result edit_install(stls_certstore *store, stls_state *next, void *arg,
                                stls_error *error) {
    installation *self = arg;
    (void)store;
    stls_state_remove_places(next, self->place);
    self->item->holds++;
    return stls_state_insert(next, self->item)
               ? STLS_OK
               : stls_fail(error, STLS_E_NO_MEMORY, "no memory for the certificate lists");
}

static stls_result install(stls_certstore *store, installation *self, stls_error *error) {
    stls_result result = check_inputs(store, self, error);
    if (result == STLS_OK) {
        result = stls_store_change(store, edit_install, self, error);
    }
    stls_item_free(self->item);
    stls_blocks_free(&self->blocks);
    stls_buffer_free(&self->unpacked);
    return result;
}

static bool is_server_place(stls_place place) {
    return (place & STLS_PLACES_SERVER) != 0 && stls_place_name(place) != NULL;
}

static stls_result check_arguments(const stls_certstore *store, stls_place place, const void *chain,
                                   stls_error *error) {
    if (store == NULL || chain == NULL || !is_server_place(place)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store or the certificate is NULL, or this is no place for a server "
                         "certificate");
    }
    return STLS_OK;
}

stls_result stls_certstore_install(stls_certstore *store, stls_place place, const void *chain,
                                   size_t chain_len, const void *key, size_t key_len,
                                   const char *password, const char *name, stls_error *error) {
    installation self = {.place = place,
                         .name = name,
                         .chain = {chain, chain_len},
                         .key = {key, key_len},
                         .key_apart = key != NULL,
                         .password = password};
    stls_result result = check_arguments(store, place, chain, error);
    return result == STLS_OK ? install(store, &self, error) : result;
}

stls_result stls_certstore_install_files(stls_certstore *store, stls_place place,
                                         const char *chain_path, const char *key_path,
                                         const char *password, const char *name,
                                         stls_error *error) {
    char of_file[STLS_CERTSTORE_NAME_SIZE];
    stls_error reason;
    installation self = {.place = place, .key_apart = key_path != NULL, .password = password};
    stls_result result = check_arguments(store, place, chain_path, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_store_file_name(chain_path, of_file);
    self.name = name != NULL ? name : of_file;
    result = stls_file_read(chain_path, store->options.max_bytes, &self.chain, error);
    if (result == STLS_OK && key_path != NULL) {
        result = stls_file_read(key_path, store->options.max_bytes, &self.key, error);
    }
    if (result == STLS_OK) {
        result = install(store, &self, &reason);
        if (result != STLS_OK) {
            stls_error_fill(error, result, "file %s: %s", chain_path, reason.text);
        }
    }
    stls_secret_free(&self.chain);
    stls_secret_free(&self.key);
    return result;
}

static stls_result edit_uninstall(stls_certstore *store, stls_state *next, void *arg,
                                  stls_error *error) {
    stls_place place = *(const stls_place *)arg;
    (void)store;
    if (stls_state_count(next, place) == 0) {
        return stls_fail(error, STLS_E_REFUSED, "there is no %s certificate to remove",
                         stls_place_name(place));
    }
    stls_state_remove_places(next, place);
    return STLS_OK;
}

stls_result stls_certstore_uninstall(stls_certstore *store, stls_place place, stls_error *error) {
    if (store == NULL || !is_server_place(place)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the store is NULL, or this is no place for a server certificate");
    }
    return stls_store_change(store, edit_uninstall, &place, error);
}

/* --- Which is sent */

const stls_store_item *stls_store_choose(const stls_certstore *store, stls_send_choice send,
                                         stls_text *why) {
    const stls_state *state = &store->state;
    const stls_store_item *custom = stls_state_find(state, STLS_PLACE_CUSTOM_SERVER, NULL);
    const stls_store_item *unique = stls_state_find(state, STLS_PLACE_UNIQUE, NULL);
    const stls_store_item *generic = stls_state_find(state, STLS_PLACE_GENERIC, NULL);
    const stls_store_item *chosen = unique != NULL ? unique : generic;
    send = send != STLS_SEND_STORED ? send : state->send;
    const char *first = "";
    const char *reason = "neither a unique nor a generic one is installed";
    if (unique != NULL) {
        reason = "the unique one, which goes before the generic one";
    } else if (generic != NULL) {
        reason = "the generic one, as no unique one is installed";
    }
    if (send == STLS_SEND_NONE) {
        chosen = NULL;
        reason = "none, as the setting says";
    } else if (send == STLS_SEND_CUSTOM && custom != NULL) {
        chosen = custom;
        reason = "the custom one, as the setting says";
    } else if (send == STLS_SEND_CUSTOM) {
        first = "the setting says custom, but no custom one is installed: ";
    } else if (custom != NULL) {
        first = "the setting says device, so the custom one is not sent: ";
    }
    if (why != NULL) {
        stls_text_add(why, "%s%s", first, reason);
    }
    return chosen;
}

stls_place stls_certstore_chosen(const stls_certstore *store, stls_send_choice send, char *why,
                                 size_t size) {
    enum { LEAST = 4 };
    char unused[LEAST];
    bool wanted = why != NULL && size >= LEAST;
    stls_text text = stls_text_in(wanted ? why : unused, wanted ? size : sizeof unused);
    const stls_store_item *item = store != NULL ? stls_store_choose(store, send, &text) : NULL;
    return item != NULL ? item->place : (stls_place)0;
}
