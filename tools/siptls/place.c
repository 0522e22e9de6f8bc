/* SPDX-License-Identifier: MIT */
#include "place.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool place_find(profile_place *place, const char *command, const char *text, size_t len,
                const char *store) {
    *place = (profile_place){.command = command};
    if (len == 0 || len + sizeof "/" STLS_PROFILES_FILE > sizeof place->file ||
        (store != NULL && strlen(store) >= sizeof place->folder)) {
        usage_error(command, "the name of the file of profiles, or of the store, is %s",
                    len == 0 ? "missing" : "too long");
        return false;
    }
    memcpy(place->file, text, len);
    if (is_folder(place->file)) {
        memcpy(place->folder, place->file, sizeof place->folder);
        memcpy(place->file + len, "/" STLS_PROFILES_FILE, sizeof "/" STLS_PROFILES_FILE);
    }
    if (store != NULL) {
        snprintf(place->folder, sizeof place->folder, "%s", store);
    }
    return true;
}

/* In a folder with the sticky bit nobody else puts another file in the place of this one. */
static bool is_open_to_others(const struct stat *facts) {
    bool is_guarded = S_ISDIR(facts->st_mode) && (facts->st_mode & S_ISVTX) != 0;
    return (facts->st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_guarded;
}

const char *place_exposure(const profile_place *place) {
    struct stat of_file, of_folder;
    char folder[PLACE_FILE_SIZE + 2];
    snprintf(folder, sizeof folder, "%s", place->file);
    char *slash = strrchr(folder, '/');
    memcpy(slash != NULL ? slash + 1 : folder, ".", sizeof ".");
    if (stat(place->file, &of_file) != 0 || stat(folder, &of_folder) != 0) {
        return NULL;
    }
    return is_open_to_others(&of_file) || is_open_to_others(&of_folder)
               ? "other users can change it, and turn off what it asks of peers: chmod go-w the "
                 "file and the folder that it is in"
               : NULL;
}

stls_profiles *place_load(const profile_place *place) {
    stls_profiles *profiles = NULL;
    stls_error error;
    if (stls_profiles_load(place->file, &profiles, &error) != STLS_OK) {
        complain(place->command, "%s", error.text);
    }
    return profiles;
}

void wipe_text(char *text, size_t size) {
    volatile char *at = text;
    while (size-- > 0) {
        *at++ = 0;
    }
}

bool read_password(const char *command, const char *path, char *password, size_t size) {
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (file == NULL) {
        complain(command, "%s: %s", path, strerror(errno));
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no second copy of it in memory */
    const char *name = is_stdin ? "stdin" : path;
    bool good = fgets(password, (int)size, file) != NULL;
    int reason = ferror(file) != 0 ? errno : 0;
    bool is_whole = good && (strlen(password) + 1 < size || password[size - 2] == '\n');
    if (!is_stdin) {
        fclose(file);
    }
    if (!is_whole) {
        wipe_text(password, size);
    }
    if (reason != 0) {
        complain(command, "%s: %s", name, strerror(reason));
    } else if (!good) {
        complain(command, "%s holds no password", name);
    } else if (!is_whole) {
        complain(command, "%s: the password is longer than %zu bytes", name, size - 2);
    }
    password[strcspn(password, "\r\n")] = '\0';
    return good && is_whole && reason == 0;
}

static bool answer_password(void *arg, stls_place of, const char *name, char *password,
                            size_t size) {
    const profile_place *place = arg;
    (void)of, (void)name; /* the password of all keys */
    return place->password_file != NULL &&
           read_password(place->command, place->password_file, password, size);
}

bool place_open_store(profile_place *place, const stls_backend *backend, stls_certstore **store) {
    stls_error error;
    stls_certstore_options options = {.password = answer_password, .password_arg = place};
    *store = NULL;
    if (place->folder[0] == '\0') {
        return true;
    }
    if (stls_certstore_open_folder(backend, place->folder, &options, store, &error) != STLS_OK) {
        complain(place->command, "%s", error.text);
        return false;
    }
    return true;
}
