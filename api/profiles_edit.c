/* Profiles that are changed, and put back into their file.
 *
 * SPDX-License-Identifier: MIT */
#include "api/ini.h"
#include "api/profiles_inside.h"
#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- What an edit may change */

/* One edit: of profile `name`, or of its setting `key`, which gets `value` (NULL: none). */
typedef struct change {
    const char *name, *key, *value;
} change;

static bool has(const stls_profiles *profiles, const char *name) {
    const char *there;
    for (size_t i = 0; (there = stls_profiles_name(profiles, i)) != NULL; i++) {
        if (strcmp(there, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool keeps_settings(const stls_profiles *before, const stls_profiles *after,
                           const char *name, const change *edit) {
    char old[STLS_PROFILES_VALUE_SIZE], new[STLS_PROFILES_VALUE_SIZE];
    const char *key;
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        bool was = stls_profiles_value(before, name, key, old, sizeof old);
        bool is = stls_profiles_value(after, name, key, new, sizeof new);
        bool changes =
            edit->key != NULL && strcmp(name, edit->name) == 0 && strcmp(key, edit->key) == 0;
        const char *wanted = changes ? edit->value : was ? old : NULL;
        if (is != (wanted != NULL) || (wanted != NULL && strcmp(new, wanted) != 0)) {
            return false;
        }
    }
    return true;
}

/* Whether `after` is `before` with the edit, and nothing else. */
static bool is_proved(const stls_profiles *before, const stls_profiles *after, const change *edit) {
    size_t at = 0;
    const char *name;
    for (size_t i = 0; (name = stls_profiles_name(before, i)) != NULL; i++) {
        if (edit->key == NULL && strcmp(name, edit->name) == 0) {
            continue; /* it was removed */
        }
        const char *there = stls_profiles_name(after, at++);
        if (there == NULL || strcmp(there, name) != 0 ||
            !keeps_settings(before, after, name, edit)) {
            return false;
        }
    }
    if (edit->key == NULL && !has(before, edit->name)) { /* it was added */
        name = stls_profiles_name(after, at++);
        if (name == NULL || strcmp(name, edit->name) != 0 ||
            !keeps_settings(before, after, name, edit)) {
            return false;
        }
    }
    return stls_profiles_name(after, at) == NULL;
}

/* Puts `text`, which is given back, in the place of the text of `profiles`. */
static stls_result take_over(stls_profiles *profiles, stls_bytes text, const change *edit,
                             stls_error *error) {
    stls_profiles *next = NULL;
    stls_result result = stls_profiles_read(text.data, text.len, "the edited text", &next, error);
    stls_bytes_free(&text);
    if (result != STLS_OK) {
        return result;
    }
    if (is_proved(profiles, next, edit)) {
        stls_profiles old = *profiles;
        stls_bytes origin = profiles->origin;
        *profiles = *next;
        *next = old;
        next->origin = profiles->origin;
        profiles->origin = origin;
    } else {
        result = stls_fail(error, STLS_E_FORMAT,
                           "[%s] cannot be edited in these lines; change them by hand", edit->name);
    }
    stls_profiles_free(next);
    return result;
}

/* --- Edits */

static stls_result need(const stls_profiles *profiles, const char *name, stls_error *error) {
    if (profiles == NULL || name == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the profiles, or the name of one, are NULL");
    }
    char shown[STLS_SHOWN_SIZE];
    return has(profiles, name) ? STLS_OK
                               : stls_fail(error, STLS_E_ARGUMENT, "there is no profile [%s]",
                                           stls_shown(name, strlen(name), shown));
}

stls_result stls_profiles_add(stls_profiles *profiles, const char *name, stls_error *error) {
    if (profiles == NULL || name == NULL) {
        return need(profiles, name, error);
    }
    const char *flaw = stls_ini_name_flaw((stls_bytes){(const uint8_t *)name, strlen(name)});
    if (flaw != NULL || has(profiles, name)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         flaw != NULL ? "%s" : "there is a profile [%s] already",
                         flaw != NULL ? flaw : name);
    }
    stls_bytes text = {NULL, 0};
    stls_result result = stls_ini_add_section(profiles->text, name, &text, error);
    return result == STLS_OK ? take_over(profiles, text, &(change){.name = name}, error) : result;
}

/* What would not come out of a line as it went in. */
static bool is_one_value(const char *value) {
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++) {
        bool begins_comment = value[i] == ';' && (i == 0 || value[i - 1] == ' ');
        if ((value[i] >= 0 && value[i] < ' ') || value[i] == 0x7f || begins_comment) {
            return false;
        }
    }
    return len == 0 || (value[0] != ' ' && value[len - 1] != ' ');
}

/* Lists are written with ':' between names, behind which a line can end. */
static void normalise(const char *key, const char *value, char text[STLS_PROFILES_VALUE_SIZE]) {
    static const char *const lists[] = {"ciphers", "groups", "schemes"};
    size_t len = 0;
    bool is_list = false;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        is_list = is_list || strcmp(lists[i], key) == 0;
    }
    for (; *value != '\0' && len + 1 < STLS_PROFILES_VALUE_SIZE; value++) {
        bool separates = is_list && strchr(":, \t", *value) != NULL;
        if (!separates) {
            text[len++] = *value;
        } else if (len != 0 && text[len - 1] != ':') {
            text[len++] = ':';
        }
    }
    text[len] = '\0';
}

stls_result stls_profiles_set(stls_profiles *profiles, const char *name, const char *key,
                              const char *value, stls_error *error) {
    char plain[STLS_PROFILES_VALUE_SIZE], wanted[STLS_PROFILES_VALUE_SIZE];
    stls_result result = need(profiles, name, error);
    if (result != STLS_OK) {
        return result;
    }
    if (key == NULL || value == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "[%s] the setting, or its value, is NULL", name);
    }
    if (strlen(value) >= sizeof plain || !is_one_value(value)) {
        return stls_fail(error, strlen(value) >= sizeof plain ? STLS_E_LIMIT : STLS_E_FORMAT,
                         "[%s] a value is text in one line of at most %d bytes, without a blank at "
                         "either end, and without a comment",
                         name, STLS_PROFILES_VALUE_SIZE - 1);
    }
    normalise(key, value, plain);
    result = stls_profiles_check_value(name, key, plain, wanted, error);
    stls_bytes text = {NULL, 0};
    if (result == STLS_OK) {
        result = stls_ini_set(profiles->text, name, key, plain, &text, error);
    }
    return result == STLS_OK ? take_over(profiles, text, &(change){name, key, wanted}, error)
                             : result;
}

stls_result stls_profiles_unset(stls_profiles *profiles, const char *name, const char *key,
                                stls_error *error) {
    char value[STLS_PROFILES_VALUE_SIZE];
    stls_result result = need(profiles, name, error);
    if (result != STLS_OK) {
        return result;
    }
    if (stls_profiles_default(key, STLS_ROLE_CLIENT) == NULL) {
        return stls_profiles_check_value(name, key != NULL ? key : "NULL", "", value, error);
    }
    if (!stls_profiles_value(profiles, name, key, value, sizeof value)) {
        return stls_fail(error, STLS_E_ARGUMENT, "[%s] does not set %s", name, key);
    }
    stls_bytes text = {NULL, 0};
    result = stls_ini_unset(profiles->text, name, key, &text, error);
    return result == STLS_OK ? take_over(profiles, text, &(change){name, key, NULL}, error)
                             : result;
}

stls_result stls_profiles_remove(stls_profiles *profiles, const char *name, stls_error *error) {
    stls_result result = need(profiles, name, error);
    stls_bytes text = {NULL, 0};
    if (result == STLS_OK) {
        result = stls_ini_remove_section(profiles->text, name, &text, error);
    }
    return result == STLS_OK ? take_over(profiles, text, &(change){.name = name}, error) : result;
}

/* --- Writing */

stls_result stls_profiles_write(const stls_profiles *profiles, stls_sink sink, void *arg,
                                stls_error *error) {
    return profiles != NULL && sink != NULL
               ? sink(arg, profiles->text.data, profiles->text.len, error)
               : stls_fail(error, STLS_E_ARGUMENT, "the profiles, or the sink, are NULL");
}

stls_result stls_profiles_save_with(stls_profiles *profiles, const char *path,
                                    const stls_disk_calls *calls, stls_error *error) {
    stls_bytes saved;
    if (!stls_bytes_copy(profiles->text, &saved)) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to save the profiles");
    }
    stls_result result = stls_disk_replace(path, profiles->origin, profiles->text, calls, error);
    if (result != STLS_OK) {
        stls_bytes_free(&saved);
        return result;
    }
    stls_bytes_free(&profiles->origin);
    profiles->origin = saved;
    return STLS_OK;
}

stls_result stls_profiles_save(stls_profiles *profiles, const char *path, stls_error *error) {
    if (profiles == NULL || path == NULL || *path == '\0') {
        return stls_fail(error, STLS_E_ARGUMENT, "the profiles, or the file's name, are NULL");
    }
    char *target = realpath(path, NULL);
    if (target == NULL && errno != ENOENT) {
        char text[128];
        return stls_fail(error, STLS_E_FILE, "file %s cannot be written: %s", path,
                         strerror_r(errno, text, sizeof text));
    }
    stls_result result =
        stls_profiles_save_with(profiles, target != NULL ? target : path, &stls_disk_system, error);
    free(target);
    return result;
}
