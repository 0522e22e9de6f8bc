/* Options that several subcommands take.
 *
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "secrets.h"
#include "tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void print_complaint(const char *command, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));

static void (*complaint_log)(const char *text);

void complain_to(void (*log)(const char *text)) {
    complaint_log = log;
}

static void print_complaint(const char *command, const char *format, va_list list) {
    if (complaint_log != NULL) {
        char text[1024];
        vsnprintf(text, sizeof text, format, list);
        complaint_log(text);
        return;
    }
    fflush(stdout);
    fprintf(stderr, "%s: ", command);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
}

void complain(const char *command, const char *format, ...) {
    va_list list;
    va_start(list, format);
    print_complaint(command, format, list);
    va_end(list);
}

int usage_error(const char *command, const char *format, ...) {
    va_list list;
    va_start(list, format);
    print_complaint(command, format, list);
    va_end(list);
    fprintf(stderr, "\"%s --help\" tells how to use it.\n", command);
    return EXIT_USAGE;
}

bool read_unsigned(const char *text, unsigned min, unsigned max, unsigned *number) {
    unsigned long long value = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || value > max) {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *number = (unsigned)value;
    return len > 0 && value >= min && value <= max;
}

static bool take_version(tls_options *options, const char *value) {
    static const struct {
        const char *text;
        uint16_t min, max;
    } ranges[] = {{"1.2", STLS_TLS1_2, STLS_TLS1_2},
                  {"1.3", STLS_TLS1_3, STLS_TLS1_3},
                  {"1.2-1.3", STLS_TLS1_2, STLS_TLS1_3}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (strcmp(value, ranges[i].text) == 0) {
            options->version_min = ranges[i].min;
            options->version_max = ranges[i].max;
            return true;
        }
    }
    usage_error(options->command, "--tls takes 1.2, 1.3 or 1.2-1.3, not \"%s\"", value);
    return false;
}

static bool take_identity(tls_options *options, const char *value) {
    static const struct {
        const char *text;
        stls_identity_mode mode;
    } modes[] = {
        {"sip", STLS_IDENTITY_SIP}, {"https", STLS_IDENTITY_HTTPS}, {"none", STLS_IDENTITY_NONE}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(value, modes[i].text) == 0) {
            options->identity = modes[i].mode;
            return true;
        }
    }
    usage_error(options->command, "--identity takes sip, https or none, not \"%s\"", value);
    return false;
}

static void print_tolerable(void) {
    fputs("It takes, separated by commas:", stderr);
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        uint32_t flag = (uint32_t)1 << bit;
        if ((flag & STLS_FLAGS_TOLERABLE) != 0) {
            fprintf(stderr, " %s", stls_flag_name(flag));
        }
    }
    fputc('\n', stderr);
}

static bool take_tolerated(tls_options *options, const char *value) {
    while (*value != '\0') {
        char name[32];
        size_t len = strcspn(value, ",");
        if (len < sizeof name) {
            memcpy(name, value, len);
        }
        name[len < sizeof name ? len : 0] = '\0';
        uint32_t flag = stls_flag_find(name);
        if (flag == 0 || (flag & ~STLS_FLAGS_TOLERABLE) != 0) {
            usage_error(options->command, "--tolerate: \"%.*s\" %s", (int)len, value,
                        flag == 0 ? "is not the name of a flag" : "can never be tolerated");
            print_tolerable();
            return false;
        }
        options->tolerated |= flag;
        value += len + (value[len] == ',');
    }
    return true;
}

static bool take_ca(tls_options *options, const char *value) {
    if (options->ca_count == CA_FILES_MAX) {
        usage_error(options->command, "--ca can be given %d times, no more", CA_FILES_MAX);
        return false;
    }
    options->ca[options->ca_count++] = value;
    return true;
}

static bool take_crl(tls_options *options, const char *value) {
    if (options->crl_count == CRL_FILES_MAX) {
        usage_error(options->command, "--crl can be given %d times, no more", CRL_FILES_MAX);
        return false;
    }
    options->crl[options->crl_count++] = value;
    return true;
}

static bool take_crl_mode(tls_options *options, const char *value) {
    static const struct {
        const char *name;
        stls_crl_mode mode;
    } modes[] = {{"off", STLS_CRL_OFF}, {"leaf", STLS_CRL_LEAF}, {"chain", STLS_CRL_CHAIN}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(value, modes[i].name) == 0) {
            options->crl_mode = modes[i].mode;
            return true;
        }
    }
    usage_error(options->command, "--crl-check takes off, leaf or chain, not \"%s\"", value);
    return false;
}

static bool take_timeout(tls_options *options, const char *value) {
    if (!read_unsigned(value, 1, 3600 * 1000, &options->timeout_ms)) {
        usage_error(options->command, "--timeout takes milliseconds from 1 to 3600000, not \"%s\"",
                    value);
        return false;
    }
    options->timeout_given = true;
    return true;
}

bool take_option(tls_options *options, int id, const char *value) {
    switch (id) {
    case OPTION_BACKEND:
        options->backend = value;
        return true;
    case OPTION_TLS:
        return take_version(options, value);
    case OPTION_SUITES:
        options->suites = value;
        return true;
    case OPTION_GROUPS:
        options->groups = value;
        return true;
    case OPTION_SCHEMES:
        options->schemes = value;
        return true;
    case OPTION_ALPN:
        options->alpn = value;
        return true;
    case OPTION_CA:
        return take_ca(options, value);
    case OPTION_CRL:
        return take_crl(options, value);
    case OPTION_CRL_CHECK:
        return take_crl_mode(options, value);
    case OPTION_CERT:
        options->cert = value;
        return true;
    case OPTION_KEY:
        options->key = value;
        return true;
    case OPTION_PASSWORD_FILE:
        options->password_file = value;
        return true;
    case OPTION_IDENTITY:
        return take_identity(options, value);
    case OPTION_TOLERATE:
        return take_tolerated(options, value);
    case OPTION_TIMEOUT:
        return take_timeout(options, value);
    case OPTION_PROFILE:
        options->profile = value;
        return true;
    case OPTION_STORE:
        options->store = value;
        return true;
    case OPTION_KEYLOG:
        options->keylog = value;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    default: /* getopt_long has said what is wrong */
        fprintf(stderr, "\"%s --help\" tells how to use it.\n", options->command);
        return false;
    }
}

const stls_backend *find_backend(const tls_options *options) {
    const stls_backend *backend =
        options->backend == NULL ? stls_backend_default() : stls_backend_find(options->backend);
    if (backend != NULL) {
        return backend;
    }
    if (options->backend == NULL) {
        complain(options->command, "the TLS library of this build could not be started");
        return NULL;
    }
    fflush(stdout);
    fprintf(stderr, "%s: no backend \"%s\"; this build has", options->command, options->backend);
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        fprintf(stderr, "%s %s", i > 0 ? "," : "", stls_backend_name(backend));
    }
    fputc('\n', stderr);
    return NULL;
}

/* --- Files */

stls_credential *load_credential(const tls_options *options, const stls_backend *backend,
                                 const char *cert, const char *key) {
    char password[PASSWORD_SIZE] = "";
    bool with_password = options->password_file != NULL;
    if (with_password &&
        !read_password(options->command, options->password_file, password, sizeof password)) {
        return NULL;
    }
    stls_credential *credential = NULL;
    stls_error error;
    stls_result result = stls_credential_load(backend, cert, key, with_password ? password : NULL,
                                              &credential, &error);
    wipe_text(password, sizeof password);
    if (result != STLS_OK) {
        complain(options->command, "%s", error.text);
        return NULL;
    }
    return credential;
}

static stls_result add_crls(const tls_options *options, stls_trust *trust, stls_error *error) {
    stls_result result = STLS_OK;
    for (size_t i = 0; result == STLS_OK && i < options->crl_count; i++) {
        result = stls_trust_add_crl_file(trust, options->crl[i], error);
    }
    return result;
}

stls_trust *load_trust(const tls_options *options) {
    stls_error error = {.result = STLS_E_NO_MEMORY, .text = "out of memory"};
    stls_trust *trust = stls_trust_new();
    bool good = trust != NULL;
    for (size_t i = 0; good && i < options->ca_count; i++) {
        stls_result result = strcmp(options->ca[i], "system") == 0
                                 ? stls_trust_add_system(trust, &error)
                                 : stls_trust_add_file(trust, options->ca[i], &error);
        good = result == STLS_OK;
    }
    if (!good || add_crls(options, trust, &error) != STLS_OK) {
        complain(options->command, "%s", error.text);
        stls_trust_free(trust);
        return NULL;
    }
    return trust;
}

bool load_store(const tls_options *options, const stls_backend *backend, const char *folder,
                stls_trust **trust, stls_credential **credential) {
    profile_place place;
    stls_certstore *store = NULL;
    stls_error error;
    if (!place_find(&place, options->command, folder, strlen(folder), folder)) {
        return false;
    }
    place.password_file = options->password_file;
    if (!place_open_store(&place, backend, &store)) {
        return false;
    }
    stls_result result = stls_certstore_snapshot(store, backend, STLS_TRUST_SET_STORED,
                                                 STLS_SEND_STORED, trust, credential, &error);
    if (result == STLS_OK && trust != NULL) {
        result = add_crls(options, *trust, &error);
    }
    stls_certstore_free(store);
    if (result != STLS_OK) {
        complain(options->command, "%s", error.text);
        return false;
    }
    if (*credential == NULL) {
        complain(options->command,
                 "the store in %s has no server certificate to send: siptls device install",
                 folder);
        return false;
    }
    return true;
}

/* --- The profile */

static bool set_names(stls_profile *profile, stls_registry registry, const char *list,
                      stls_error *error) {
    return list == NULL || stls_profile_set_names(profile, registry, list, error) == STLS_OK;
}

/* What the options say. Without a profile, what they do not say has the defaults of the command. */
static bool apply(const tls_options *options, stls_profile *profile, stls_error *error) {
    bool alone = options->profile == NULL;
    if (options->version_min != 0 &&
        stls_profile_set_versions(profile, options->version_min, options->version_max, error) !=
            STLS_OK) {
        return false;
    }
    if (options->identity != 0 &&
        stls_profile_set_identity(profile, options->identity, 0, error) != STLS_OK) {
        return false;
    }
    stls_crl_mode crl_mode = options->crl_mode != 0   ? options->crl_mode
                             : options->crl_count > 0 ? STLS_CRL_CHAIN
                                                      : STLS_CRL_OFF;
    bool with_crl = alone || options->crl_mode != 0 || options->crl_count > 0;
    bool with_tolerated = alone || options->tolerated != 0;
    bool with_timeout = alone || options->timeout_given;
    return (!with_crl || stls_profile_set_crl_mode(profile, crl_mode, error) == STLS_OK) &&
           set_names(profile, STLS_REGISTRY_SUITE, options->suites, error) &&
           set_names(profile, STLS_REGISTRY_GROUP, options->groups, error) &&
           set_names(profile, STLS_REGISTRY_SCHEME, options->schemes, error) &&
           ((options->alpn == NULL && !alone) ||
            stls_profile_set_alpn(profile, options->alpn, error) == STLS_OK) &&
           (!with_tolerated ||
            stls_profile_set_tolerated(profile, options->tolerated, error) == STLS_OK) &&
           (!with_timeout ||
            stls_profile_set_handshake_timeout(profile, options->timeout_ms, error) == STLS_OK);
}

static void tell_warnings(const tls_options *options, const stls_profiles *profiles,
                          const char *name) {
    const char *warning;
    for (size_t i = 0; (warning = stls_profiles_warning(profiles, name, i)) != NULL; i++) {
        complain(options->command, "warning: profile [%s], %s", name, warning);
    }
}

/* Whom --ca trusts is in no CRL of the store: these are not looked for unless the profile says it.
 */
static bool leave_store_crls(const tls_options *options, const stls_profiles *profiles,
                             const char *name, stls_profile *profile, stls_error *error) {
    char value[8];
    return options->ca_count == 0 ||
           stls_profiles_value(profiles, name, "crl", value, sizeof value) ||
           stls_profile_set_crl_mode(profile, STLS_CRL_OFF, error) == STLS_OK;
}

static bool asks_nobody(const stls_profiles *profiles, const char *name, stls_role role) {
    char value[STLS_PROFILES_VALUE_SIZE];
    const char *verify = stls_profiles_value(profiles, name, "verify", value, sizeof value)
                             ? value
                             : stls_profiles_default("verify", role);
    return verify == NULL || strcmp(verify, "none") == 0;
}

/* The profile of --profile PLACE#NAME, with what its store holds. */
static stls_profile *named_profile(tls_options *options, const stls_backend *backend,
                                   stls_role role) {
    const char *hash = strrchr(options->profile, '#');
    profile_place place;
    if (hash == NULL || hash[1] == '\0') {
        usage_error(options->command, "--profile takes FILE#NAME or FOLDER#NAME, not \"%s\"",
                    options->profile);
        return NULL;
    }
    if (!place_find(&place, options->command, options->profile, (size_t)(hash - options->profile),
                    options->store)) {
        return NULL;
    }
    place.password_file = options->password_file;
    stls_profiles *profiles = place_load(&place);
    stls_certstore *store = NULL;
    stls_profile *profile = NULL;
    stls_error error;
    if (profiles != NULL && place_open_store(&place, backend, &store)) {
        tell_warnings(options, profiles, hash + 1);
        if (stls_profiles_make(profiles, hash + 1, backend, role, store, &profile, &error) !=
                STLS_OK ||
            !leave_store_crls(options, profiles, hash + 1, profile, &error)) {
            complain(options->command, "%s", error.text);
            stls_profile_free(profile);
            profile = NULL;
        }
        options->with_store = store != NULL;
        options->asks_nobody = asks_nobody(profiles, hash + 1, role);
    }
    stls_certstore_free(store);
    stls_profiles_free(profiles);
    return profile;
}

static stls_profile *new_profile(tls_options *options, const stls_backend *backend,
                                 stls_role role) {
    stls_profile *profile = NULL;
    stls_error error;
    if (options->profile != NULL) {
        return named_profile(options, backend, role);
    }
    if (stls_profile_new(backend, role, &profile, &error) != STLS_OK) {
        complain(options->command, "%s", error.text);
    }
    return profile;
}

stls_profile *make_profile(tls_options *options, const stls_backend *backend, stls_role role) {
    stls_profile *profile = new_profile(options, backend, role);
    stls_error error;
    if (profile != NULL && !apply(options, profile, &error)) {
        complain(options->command, "%s", error.text);
        stls_profile_free(profile);
        return NULL;
    }
    if (profile != NULL && !set_keylog(options, profile)) {
        stls_profile_free(profile);
        return NULL;
    }
    return profile;
}
