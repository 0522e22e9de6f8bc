/* Items and states of a store.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"
#include "certstore/read/crl.h"
#include "certstore/read/describe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- Bytes that grow */

static bool reserve(stls_buffer *buffer, size_t more) {
    if (buffer->failed || more > SIZE_MAX / 2 - buffer->len) {
        buffer->failed = true;
        return false;
    }
    if (buffer->len + more <= buffer->room) {
        return true;
    }
    size_t room = buffer->room != 0 ? 2 * buffer->room : 1024;
    room = room < buffer->len + more ? buffer->len + more : room;
    uint8_t *data = stls_alloc(room, 1);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    if (buffer->len != 0) {
        memcpy(data, buffer->data, buffer->len);
    }
    stls_wipe(buffer->data, buffer->room);
    stls_free(buffer->data);
    buffer->data = data;
    buffer->room = room;
    return true;
}

void stls_buffer_add(stls_buffer *buffer, const void *data, size_t len) {
    if (len != 0 && reserve(buffer, len)) {
        memcpy(buffer->data + buffer->len, data, len);
        buffer->len += len;
    }
}

void stls_buffer_print(stls_buffer *buffer, const char *format, ...) {
    char line[256];
    va_list list;
    va_start(list, format);
    int len = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (len < 0 || (size_t)len >= sizeof line) {
        buffer->failed = true;
        return;
    }
    stls_buffer_add(buffer, line, (size_t)len);
}

void stls_buffer_add_hex(stls_buffer *buffer, const uint8_t *id) {
    for (size_t i = 0; i < STLS_STORE_ID_LEN; i++) {
        stls_buffer_print(buffer, "%02x", id[i]);
    }
}

static void add_base64(stls_buffer *buffer, stls_bytes octets) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < octets.len; i += 3) {
        uint32_t group = (uint32_t)octets.data[i] << 16;
        group |= i + 1 < octets.len ? (uint32_t)octets.data[i + 1] << 8 : 0;
        group |= i + 2 < octets.len ? octets.data[i + 2] : 0;
        char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        i + 1 < octets.len ? digits[group >> 6 & 63] : '=',
                        i + 2 < octets.len ? digits[group & 63] : '='};
        stls_buffer_add(buffer, text, sizeof text);
        stls_wipe(text, sizeof text);
    }
}

enum { LINE_OCTETS = 48 };

/* At most. */
static size_t pem_len(size_t der_len) {
    enum { FRAME = 2 * 64 };
    return der_len / 3 * 4 + der_len / LINE_OCTETS + FRAME;
}

void stls_buffer_add_pem(stls_buffer *buffer, const char *label, stls_bytes der) {
    reserve(buffer, pem_len(der.len));
    stls_buffer_print(buffer, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < der.len; i += LINE_OCTETS) {
        size_t len = der.len - i < LINE_OCTETS ? der.len - i : LINE_OCTETS;
        add_base64(buffer, (stls_bytes){der.data + i, len});
        stls_buffer_add(buffer, "\n", 1);
    }
    stls_buffer_print(buffer, "-----END %s-----\n", label);
}

stls_bytes stls_buffer_bytes(const stls_buffer *buffer) {
    return (stls_bytes){buffer->data, buffer->len};
}

void stls_buffer_free(stls_buffer *buffer) {
    stls_wipe(buffer->data, buffer->room);
    stls_free(buffer->data);
    *buffer = (stls_buffer){.data = NULL};
}

void stls_secret_free(stls_bytes *secret) {
    union {
        const uint8_t *constant;
        void *owned;
    } data = {secret->data};
    stls_wipe(data.owned, secret->len);
    stls_bytes_free(secret);
}

/* --- Items */

stls_result stls_store_digest(const stls_certstore *store, stls_bytes data, uint8_t *id,
                              stls_error *error) {
    stls_result result = stls_certificate_fingerprint(store->backend, data, id);
    return result == STLS_OK ? STLS_OK
                             : stls_fail(error, result, "%s cannot compute a SHA-256 digest",
                                         stls_backend_name(store->backend));
}

static stls_store_item *item_alloc(stls_place place, const char *name) {
    stls_store_item *item = stls_alloc(1, sizeof *item);
    if (item != NULL) {
        item->holds = 1;
        item->place = place;
        stls_text text = stls_text_in(item->name, sizeof item->name);
        stls_text_add(&text, "%s", name);
    }
    return item;
}

static stls_result read_certificate(stls_bytes der, stls_store_item *item, stls_error *error) {
    stls_x509 certificate;
    stls_result result = stls_x509_parse(der, &certificate, error);
    if (result == STLS_OK) {
        item->not_before = certificate.not_before;
        item->not_after = certificate.not_after;
        /* A CA that may not sign certificates is none (RFC 5280 4.2.1.3). */
        item->is_ca = certificate.is_ca && ((certificate.present & STLS_EXT_KEY_USAGE) == 0 ||
                                            (certificate.key_usage & STLS_KU_KEY_CERT_SIGN) != 0);
    }
    return result;
}

static stls_result read_crl(stls_bytes der, stls_store_item *item, stls_error *error) {
    stls_crl crl;
    stls_result result = stls_crl_parse(der, &crl, error);
    if (result == STLS_OK) {
        item->not_before = crl.this_update;
        item->not_after = crl.has_next_update ? crl.next_update : crl.this_update;
    }
    return result;
}

stls_result stls_item_new(const stls_certstore *store, stls_place place, const char *name,
                          stls_bytes der, stls_store_item **out, stls_error *error) {
    stls_store_item facts = {.holds = 0};
    stls_result result = place == STLS_PLACE_CRL ? read_crl(der, &facts, error)
                                                 : read_certificate(der, &facts, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_store_item *item = item_alloc(place, name);
    if (item == NULL || !stls_bytes_copy(der, &item->der)) {
        stls_item_free(item);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a certificate or CRL");
    }
    result = stls_store_digest(store, der, item->fingerprint, error);
    if (result != STLS_OK) {
        stls_item_free(item);
        return result;
    }
    memcpy(item->id, item->fingerprint, sizeof item->id);
    item->not_before = facts.not_before;
    item->not_after = facts.not_after;
    item->is_ca = facts.is_ca;
    *out = item;
    return STLS_OK;
}

stls_store_item *stls_item_new_damaged(stls_place place, const char *name, const uint8_t *id,
                                       stls_damage damage) {
    stls_store_item *item = item_alloc(place, name);
    if (item != NULL) {
        memcpy(item->id, id, sizeof item->id);
        if (stls_place_is_single(place)) {
            memcpy(item->fingerprint, id, sizeof item->fingerprint);
        }
        item->damage = damage;
        item->stored = true; /* there is nothing that could be written in its place */
    }
    return item;
}

void stls_item_free(stls_store_item *item) {
    if (item == NULL || --item->holds != 0) {
        return;
    }
    stls_bytes_free(&item->der);
    stls_secret_free(&item->content);
    stls_free(item);
}

const char *stls_item_title(const stls_store_item *item, char title[STLS_ITEM_TITLE_SIZE]) {
    stls_text text = stls_text_in(title, STLS_ITEM_TITLE_SIZE);
    stls_x509 certificate;
    stls_crl crl;
    bool is_crl = item->place == STLS_PLACE_CRL;
    if (is_crl && item->der.len != 0 && stls_crl_parse(item->der, &crl, NULL) == STLS_OK) {
        stls_text_add(&text, "the CRL of ");
        stls_describe_short_name(&text, crl.issuer);
    } else if (!is_crl && item->der.len != 0 &&
               stls_x509_parse(item->der, &certificate, NULL) == STLS_OK) {
        stls_describe_subject(&text, &certificate);
    } else {
        stls_text_add(&text, "\"%s\"", item->name);
    }
    return title;
}

/* --- States */

bool stls_state_insert(stls_state *state, stls_store_item *item) {
    if (item == NULL) {
        return false;
    }
    if (state->count == state->room) {
        size_t room = state->room != 0 ? 2 * state->room : 16;
        stls_store_item **items =
            stls_grow(state->items, state->room, room, sizeof(stls_store_item *));
        if (items == NULL) {
            stls_item_free(item);
            return false;
        }
        state->items = items;
        state->room = room;
    }
    size_t at = state->count;
    while (at > 0 && state->items[at - 1]->place > item->place) {
        at--;
    }
    memmove(&state->items[at + 1], &state->items[at],
            (state->count - at) * sizeof(stls_store_item *));
    state->items[at] = item;
    state->count++;
    return true;
}

void stls_state_remove(stls_state *state, size_t index) {
    stls_item_free(state->items[index]);
    state->count--;
    memmove(&state->items[index], &state->items[index + 1],
            (state->count - index) * sizeof(stls_store_item *));
}

void stls_state_remove_places(stls_state *state, uint32_t places) {
    for (size_t i = state->count; i-- > 0;) {
        if ((state->items[i]->place & places) != 0) {
            stls_state_remove(state, i);
        }
    }
    if ((places & STLS_PLACE_BUILTIN) != 0) {
        state->has_builtin = state->builtin_stored = false;
    }
}

bool stls_state_copy(const stls_state *state, stls_state *copy) {
    *copy = *state;
    copy->room = state->count;
    copy->items = stls_alloc(copy->room, sizeof(stls_store_item *));
    if (copy->items == NULL) {
        *copy = (stls_state){.items = NULL};
        return false;
    }
    for (size_t i = 0; i < state->count; i++) {
        copy->items[i] = state->items[i];
        copy->items[i]->holds++;
    }
    return true;
}

void stls_state_free(stls_state *state) {
    for (size_t i = 0; i < state->count; i++) {
        stls_item_free(state->items[i]);
    }
    stls_free(state->items);
    *state = (stls_state){.items = NULL};
}

stls_store_item *stls_state_find(const stls_state *state, uint32_t places,
                                 const uint8_t *fingerprint) {
    for (size_t i = 0; i < state->count; i++) {
        stls_store_item *item = state->items[i];
        if ((item->place & places) != 0 &&
            (fingerprint == NULL ||
             memcmp(item->fingerprint, fingerprint, STLS_FINGERPRINT_LEN) == 0)) {
            return item;
        }
    }
    return NULL;
}

size_t stls_state_count(const stls_state *state, uint32_t places) {
    size_t count = 0;
    for (size_t i = 0; i < state->count; i++) {
        count += (state->items[i]->place & places) != 0;
    }
    return count;
}

const char *stls_item_label(const stls_store_item *item) {
    return item->place == STLS_PLACE_CRL ? "X509 CRL" : "CERTIFICATE";
}

bool stls_place_is_single(stls_place place) {
    return place == STLS_PLACE_CUSTOM || place == STLS_PLACE_CRL;
}

void stls_state_builtin_content(const stls_state *state, stls_buffer *content) {
    size_t len = 0;
    for (size_t i = 0; i < state->count; i++) {
        bool is_one = state->items[i]->place == STLS_PLACE_BUILTIN;
        len += is_one ? pem_len(state->items[i]->der.len) : 0;
    }
    reserve(content, len);
    for (size_t i = 0; i < state->count; i++) {
        if (state->items[i]->place == STLS_PLACE_BUILTIN && state->items[i]->der.len != 0) {
            stls_buffer_add_pem(content, "CERTIFICATE", state->items[i]->der);
        }
    }
}

/* --- Names and time */

static bool is_printable(char byte) {
    return byte >= 0x20 && byte < 0x7f;
}

stls_result stls_store_name(const char *name, stls_bytes der, char out[STLS_CERTSTORE_NAME_SIZE],
                            stls_error *error) {
    stls_text text = stls_text_in(out, STLS_CERTSTORE_NAME_SIZE);
    if (name == NULL) {
        stls_x509 certificate;
        stls_crl crl;
        if (stls_crl_parse(der, &crl, NULL) == STLS_OK) {
            stls_describe_short_name(&text, crl.issuer);
            return STLS_OK;
        }
        stls_result result = stls_x509_parse(der, &certificate, error);
        if (result == STLS_OK) {
            stls_describe_subject(&text, &certificate);
        }
        return result;
    }
    size_t len = strlen(name);
    bool good = len > 0 && len < STLS_CERTSTORE_NAME_SIZE;
    for (size_t i = 0; good && i < len; i++) {
        good = is_printable(name[i]);
    }
    if (!good) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a certificate's name has 1 to %d printable ASCII characters",
                         STLS_CERTSTORE_NAME_SIZE - 1);
    }
    stls_text_add(&text, "%s", name);
    return STLS_OK;
}

void stls_store_file_name(const char *path, char out[STLS_CERTSTORE_NAME_SIZE]) {
    const char *slash = strrchr(path, '/');
    stls_text text = stls_text_in(out, STLS_CERTSTORE_NAME_SIZE);
    stls_text_add(&text, "%s", slash != NULL ? slash + 1 : path);
    for (char *at = out; *at != '\0'; at++) {
        *at = is_printable(*at) ? *at : '_';
    }
    if (out[0] == '\0') {
        stls_text_add(&text, "upload");
    }
}

int64_t stls_store_now(const stls_certstore *store) {
    int64_t now = store->options.clock != NULL ? store->options.clock(store->options.clock_arg)
                                               : (int64_t)time(NULL);
    return now == STLS_CLOCK_NOT_SET ? 0 : now;
}
