/* api/profiles_inside.h - the inside of a set of profiles.
 *
 * The model: profiles.c turns text into entries and entries into profiles; profiles_edit.c turns
 * text into other text, and has profiles.c read that before it counts.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_PROFILES_INSIDE_H
#define STLS_API_PROFILES_INSIDE_H

#include "certstore/keep/storage.h"
#include <siptls/profiles.h>

struct stls_profiles {
    struct stls_profile_entry *entries;
    size_t count;
    stls_bytes text;   /* what `entries` say */
    stls_bytes origin; /* what was read, or last saved */
};

/* Whether a file may give `value` to setting `key_name` of profile `name`: answers as reading it
 * would. `wanted` becomes what stls_profiles_value() will then say. */
stls_result stls_profiles_check_value(const char *name, const char *key_name, const char *value,
                                      char wanted[STLS_PROFILES_VALUE_SIZE], stls_error *error);

/* stls_profiles_save() with another file system. */
stls_result stls_profiles_save_with(stls_profiles *profiles, const char *path,
                                    const stls_disk_calls *calls, stls_error *error);

#endif
