/* place.h - where named profiles stand, and what belongs to them.
 *
 * The model: a place is a file of profiles, or the folder of a store, which stands for the file
 * profiles.ini in it. Profiles from the folder of a store take trusted certificates and the
 * device's own from that store; those of a file, from none, unless one is named.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PLACE_H
#define SIPTLS_TOOL_PLACE_H

#include <siptls/profiles.h>

enum { PLACE_FILE_SIZE = 4096, PASSWORD_SIZE = 1024 };

typedef struct profile_place {
    const char *command; /* for complaints */
    char file[PLACE_FILE_SIZE];
    char folder[PLACE_FILE_SIZE]; /* the store's; "": none */
    const char *password_file;    /* for a key in the store; NULL: none */
} profile_place;

/* Fills `*place` from `text` (`len` bytes) and `store` (NULL: none is named). False after the
 * reason was printed. */
bool place_find(profile_place *place, const char *command, const char *text, size_t len,
                const char *store);

/* What is to be done if others than its owner can change the place's profiles; NULL if they cannot,
 * or there is no file. */
const char *place_exposure(const profile_place *place);

/* The profiles of the place; NULL after the reason was printed. */
stls_profiles *place_load(const profile_place *place);

/* The place's store into `*store`, NULL if it has none. False after the reason was printed.
 * `place` must stay as long as the store. */
bool place_open_store(profile_place *place, const stls_backend *backend, stls_certstore **store);

/* The first line of file `path`, or of stdin for "-", into `password`; false after the reason was
 * printed. wipe_text() is for when it is no longer needed. */
bool read_password(const char *command, const char *path, char *password, size_t size);

/* Overwrites text in a way that the compiler keeps. */
void wipe_text(char *text, size_t size);

#endif
