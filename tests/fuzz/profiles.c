/* The reader of profiles, and edits of what it took, on any bytes. An edit must say what was asked
 * for when it is read again, and touch nothing else.
 *
 * The input: one byte each for the edit, the setting and its value, then the file.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/profiles.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

typedef struct text {
    char *data;
    size_t len;
} text;

static stls_result keep(void *arg, const void *data, size_t len, stls_error *error) {
    text *copy = arg;
    (void)error;
    *copy = (text){malloc(len + 1), len};
    must(copy->data != NULL);
    if (len != 0) {
        memcpy(copy->data, data, len);
    }
    copy->data[len] = '\0';
    return STLS_OK;
}

static text text_of(const stls_profiles *profiles) {
    text copy;
    must(stls_profiles_write(profiles, keep, &copy, NULL) == STLS_OK);
    return copy;
}

/* Lines that are a comment and nothing else. */
static size_t count_comments(text of) {
    size_t count = 0;
    for (const char *line = of.data; line != NULL && *line != '\0';) {
        line += strspn(line, " \t\r\v\f");
        count += *line == ';' || *line == '#';
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return count;
}

/* All that profile `name` says, but for `except` (may be NULL). */
static void add_settings(const stls_profiles *profiles, const char *name, const char *except,
                         text *all) {
    char value[STLS_PROFILES_VALUE_SIZE];
    const char *key;
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        if ((except == NULL || strcmp(key, except) != 0) &&
            stls_profiles_value(profiles, name, key, value, sizeof value)) {
            all->data = realloc(all->data, all->len + sizeof value + 64);
            must(all->data != NULL);
            all->len +=
                (size_t)snprintf(all->data + all->len, sizeof value + 64, "%s = %s\n", key, value);
        }
    }
}

/* The same of every profile, but for profile `name` without `except`; `without`: without it. */
static text describe(const stls_profiles *profiles, const char *name, const char *except,
                     bool without) {
    text all = {calloc(1, 1), 0};
    const char *at;
    for (size_t i = 0; (at = stls_profiles_name(profiles, i)) != NULL; i++) {
        bool is_it = strcmp(at, name) == 0;
        if (is_it && without) {
            continue;
        }
        all.data = realloc(all.data, all.len + 64);
        must(all.data != NULL);
        all.len += (size_t)snprintf(all.data + all.len, 64, "[%s]\n", at);
        add_settings(profiles, at, is_it ? except : NULL, &all);
    }
    return all;
}

static void must_be_same(text a, text b) {
    must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    free(a.data);
    free(b.data);
}

/* A value that `key` takes. */
static const char *good_value(const char *key, uint8_t choice) {
    static const char *const lists[][3] = {
        {"ciphers",
         "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
         "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:"
         "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
         "TLS_AES_128_GCM_SHA256"},
        {"groups", "x25519:secp256r1", "secp384r1"},
        {"schemes", "ecdsa_secp256r1_sha256", "ed25519:rsa_pss_rsae_sha256"},
        {"alpn", "sip/2", "x"},
        {"tolerate", "expired", "expired,not-yet-valid"},
        {"max-intermediates", "0", "8"},
        {"clock-not-before", "2026-11-01", "1999-12-31"},
        {"tickets", "0", "8"},
        {"max-handshakes", "0", "100"},
        {"max-fragment", "0", "4096"},
        {"handshake-timeout-ms", "1000", "3600000"}};
    size_t count = 0;
    while (stls_profiles_word(key, count) != NULL) {
        count++;
    }
    if (count != 0) {
        return stls_profiles_word(key, choice % count);
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(lists[i][0], key) == 0) {
            return lists[i][1 + choice % 2];
        }
    }
    return NULL;
}

typedef enum { SET, UNSET, REMOVE, ADD, KINDS } edit_kind;

static void check_edit(const stls_profiles *before, stls_profiles *after, edit_kind kind,
                       const char *name, const char *key, const char *value) {
    char got[STLS_PROFILES_VALUE_SIZE];
    bool whole = kind == REMOVE || kind == ADD;
    must_be_same(describe(before, name, whole ? NULL : key, whole),
                 describe(after, name, whole ? NULL : key, whole));
    must(stls_profiles_value(after, name, key, got, sizeof got) == (kind == SET));
    must(kind != SET || strcmp(got, value) == 0);
    text old = text_of(before), new = text_of(after);
    must(kind == REMOVE || count_comments(new) >= count_comments(old));
    free(old.data);
    free(new.data);
}

static void edit(const stls_profiles *before, stls_profiles *profiles, const uint8_t *head) {
    edit_kind kind = (edit_kind)(head[0] % KINDS);
    size_t profile_count = 0, key_count = 0;
    while (stls_profiles_name(before, profile_count) != NULL) {
        profile_count++;
    }
    while (stls_profiles_key(key_count) != NULL) {
        key_count++;
    }
    const char *there =
        profile_count != 0 ? stls_profiles_name(before, head[0] / KINDS % profile_count) : NULL;
    char name[64];
    snprintf(name, sizeof name, "%s", kind == ADD || there == NULL ? "one-more" : there);
    const char *key = stls_profiles_key(head[1] % key_count), *value = good_value(key, head[2]);
    stls_result result = STLS_NOT_DONE;
    stls_error error = {.result = STLS_NOT_DONE};
    char old[STLS_PROFILES_VALUE_SIZE];
    bool was = stls_profiles_value(before, name, key, old, sizeof old);
    if (value == NULL) {
        return;
    }
    switch (kind) {
    case SET:
        result = stls_profiles_set(profiles, name, key, value, &error);
        must(result == STLS_OK || result == STLS_E_LIMIT || there == NULL);
        break;
    case UNSET:
        result = stls_profiles_unset(profiles, name, key, &error);
        must(was == (result == STLS_OK));
        break;
    case REMOVE:
        result = stls_profiles_remove(profiles, name, &error);
        must((there != NULL) == (result == STLS_OK));
        break;
    default:
        result = stls_profiles_add(profiles, name, &error);
        must(result == STLS_OK || result == STLS_E_LIMIT || result == STLS_E_ARGUMENT);
        break;
    }
    if (result == STLS_OK) {
        check_edit(before, profiles, kind, name, key, value);
    } else {
        must(error.result == result);
        must_be_same(text_of(before), text_of(profiles));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_profiles *profiles = NULL, *before = NULL, *again = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (size < 3) {
        return 0;
    }
    if (stls_profiles_read(data + 3, size - 3, "file x", &profiles, &error) != STLS_OK) {
        must(profiles == NULL && strncmp(error.text, "file x", strlen("file x")) == 0);
        return 0;
    }
    must(stls_profiles_read(data + 3, size - 3, "file x", &before, &error) == STLS_OK);
    edit(before, profiles, data);
    text written = text_of(profiles);
    must(stls_profiles_read(written.data, written.len, "file x", &again, &error) == STLS_OK);
    must_be_same(describe(profiles, "", NULL, false), describe(again, "", NULL, false));
    free(written.data);
    stls_profiles_free(again);
    stls_profiles_free(before);
    stls_profiles_free(profiles);
    return 0;
}
