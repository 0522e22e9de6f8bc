/* SIPTLS_RE_*: see README.md.
 *
 * SPDX-License-Identifier: MIT */
#include "adapter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const sections[] = {"sip", "sip-server", "https"};

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int choose_backend(struct settings *settings) {
    const char *name = variable("SIPTLS_RE_BACKEND");
    settings->backend = name != NULL ? stls_backend_find(name) : stls_backend_default();
    if (settings->backend == NULL) {
        DEBUG_WARNING("SIPTLS_RE_BACKEND: there is no backend \"%s\"\n", name);
        return ENOENT;
    }
    return 0;
}

static int choose_verify(struct settings *settings) {
    const char *value = variable("SIPTLS_RE_VERIFY");
    settings->verify = value == NULL || strcmp(value, "none") != 0;
    if (value != NULL && settings->verify && strcmp(value, "required") != 0) {
        DEBUG_WARNING("SIPTLS_RE_VERIFY is \"%s\"; it can be required or none\n", value);
        return EINVAL;
    }
    if (!settings->verify) {
        DEBUG_WARNING("SIPTLS_RE_VERIFY=none: nobody checks who the servers are\n");
    }
    return 0;
}

static bool is_section(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        if (strcmp(name, sections[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* CAs and certificates come from SIPTLS_RE_CA and from the application: what the file says of them
 * could not be followed. */
static bool can_follow(const struct settings *settings, const char *path, const char *name) {
    static const char *const keys[] = {"trust", "certificate"};
    char value[STLS_PROFILES_VALUE_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (stls_profiles_value(settings->profiles, name, keys[i], value, sizeof value)) {
            DEBUG_WARNING("SIPTLS_RE_PROFILES: %s: [%s]: %s = %s needs a certificate store, and "
                          "there is none here: take the line out, CAs come from SIPTLS_RE_CA and "
                          "certificates from the application\n",
                          path, name, keys[i], value);
            return false;
        }
    }
    return true;
}

static int read_profiles(struct settings *settings) {
    const char *path = variable("SIPTLS_RE_PROFILES");
    stls_error error;
    if (path == NULL) {
        return 0;
    }
    if (stls_profiles_load(path, &settings->profiles, &error) != STLS_OK) {
        DEBUG_WARNING("SIPTLS_RE_PROFILES: %s\n", error.text);
        return EINVAL;
    }
    const char *name;
    for (size_t i = 0; (name = stls_profiles_name(settings->profiles, i)) != NULL; i++) {
        if (!is_section(name)) {
            DEBUG_WARNING("SIPTLS_RE_PROFILES: %s: nothing uses a profile [%s]; there are [sip], "
                          "[sip-server] and [https]\n",
                          path, name);
            return EINVAL;
        }
        if (!can_follow(settings, path, name)) {
            return EINVAL;
        }
        const char *warning;
        for (size_t w = 0; (warning = stls_profiles_warning(settings->profiles, name, w)) != NULL;
             w++) {
            DEBUG_WARNING("SIPTLS_RE_PROFILES: %s: [%s]: %s\n", path, name, warning);
        }
    }
    return 0;
}

int settings_read(struct settings *settings) {
    settings->ca = variable("SIPTLS_RE_CA");
    settings->domain = variable("SIPTLS_RE_DOMAIN");
    int err = choose_backend(settings);
    err = err ? err : choose_verify(settings);
    return err ? err : read_profiles(settings);
}

void settings_free(struct settings *settings) {
    stls_profiles_free(settings->profiles);
}
