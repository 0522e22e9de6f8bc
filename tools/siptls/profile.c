/* siptls profile: the named profiles of a phone's services, in a file that people write.
 *
 * SPDX-License-Identifier: MIT */
#include "output.h"
#include "place.h"
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: siptls profile COMMAND PLACE ...\n"
    "\n"
    "Keeps named TLS profiles, one for each service of a phone, in a text file. PLACE is\n"
    "that file; or the folder of a store (\"siptls store\"), which stands for the file\n"
    "profiles.ini in it. Comments and the order of lines stay as they are, and the file is\n"
    "replaced whole or not at all. A factory reset of the store leaves it, an export does\n"
    "not hold it: it has no secret, so copy it.\n"
    "\n"
    "  list PLACE                    the profiles\n"
    "  show PLACE NAME               all settings of one, also those it does not make\n"
    "      --role ROLE               as a client (default) or as a server\n"
    "  set PLACE NAME KEY VALUE ...  set one key or several\n"
    "      --create                  make the profile, and the file, if need be\n"
    "  unset PLACE NAME KEY ...      back to the default\n"
    "  remove PLACE NAME             remove a profile\n"
    "  check PLACE [NAME]            can the profiles be used? Makes each on each TLS\n"
    "                                library, as a client and as a server\n"
    "      --role ROLE               only as a client, or only as a server\n"
    "      --store FOLDER            with the certificates of this store, if PLACE is a file\n"
    "      --password-file FILE      whose first line is the password of the store's key\n"
    "\n"
    "  --backend NAME                the TLS library: for show, and for check only this one\n"
    "  --json                        as one JSON object\n"
    "  --quiet                       print nothing but errors and warnings\n"
    "\n"
    "Keys and values:\n";

static const char usage_end[] =
    "\n"
    "Examples:\n"
    "  siptls profile set --create /etc/phone sip trust custom identity sip\n"
    "  siptls profile check /etc/phone\n"
    "  siptls connect --profile /etc/phone#sip sips:example.com\n"
    "\n"
    "Exit codes:\n"
    "  0  it is done; check: every profile can be used\n"
    "  1  it is not, and the file is as it was; stderr tells why. check: the file cannot\n"
    "     be read\n"
    "  4  check: a profile cannot be used, or others can change the file\n";

/* --- Help */

enum { HELP_SIZE = 8192 };

/* The keys come from the library, so that the help cannot lack one. */
static const char *whole_usage(void) {
    static char text[HELP_SIZE];
    size_t len = (size_t)snprintf(text, sizeof text, "%s", usage);
    const char *key, *word;
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "  %-22s", key);
        for (size_t at = 0; (word = stls_profiles_word(key, at)) != NULL; at++) {
            len +=
                (size_t)snprintf(text + len, sizeof text - len, "%s%s", at > 0 ? ", " : "", word);
        }
        const char *preset = stls_profiles_default(key, STLS_ROLE_CLIENT);
        if (stls_profiles_word(key, 0) == NULL) {
            len += (size_t)snprintf(text + len, sizeof text - len, "default: %s", preset);
        }
        len += (size_t)snprintf(text + len, sizeof text - len, "\n");
    }
    snprintf(text + len, sizeof text - len, "%s", usage_end);
    return text;
}

/* --- What several commands do */

typedef struct profile_command {
    store_command *options;
    profile_place place;
    stls_profiles *profiles;
} profile_command;

static bool open_profiles(profile_command *self, store_command *options) {
    *self = (profile_command){.options = options};
    if (!place_find(&self->place, options->title, options->folder, strlen(options->folder),
                    options->store)) {
        return false;
    }
    self->place.password_file = options->password_file;
    self->profiles = place_load(&self->place);
    return self->profiles != NULL;
}

/* The same for a file that need not be there. */
static bool open_or_create(profile_command *self, store_command *options) {
    stls_error error;
    if (!options->create) {
        return open_profiles(self, options);
    }
    *self = (profile_command){.options = options};
    if (!place_find(&self->place, options->title, options->folder, strlen(options->folder), NULL)) {
        return false;
    }
    if (access(self->place.file, F_OK) == 0 || errno != ENOENT) {
        return open_profiles(self, options);
    }
    if (stls_profiles_read(NULL, 0, NULL, &self->profiles, &error) != STLS_OK) {
        store_failed(options, &error);
    }
    return self->profiles != NULL;
}

static bool has_profile(const profile_command *self, const char *name) {
    const char *there;
    for (size_t i = 0; (there = stls_profiles_name(self->profiles, i)) != NULL; i++) {
        if (strcmp(there, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool need_profile(const profile_command *self, const char *name) {
    if (!has_profile(self, name)) {
        complain(self->options->title, "there is no profile [%s] in %s", name, self->place.file);
        return false;
    }
    return true;
}

/* 0 after a complaint. */
static stls_role find_role(const store_command *options) {
    if (options->role == NULL || strcmp(options->role, "client") == 0) {
        return STLS_ROLE_CLIENT;
    }
    if (strcmp(options->role, "server") == 0) {
        return STLS_ROLE_SERVER;
    }
    usage_error(options->title, "--role takes client or server, not \"%s\"", options->role);
    return (stls_role)0;
}

static const char *role_name(stls_role role) {
    return role == STLS_ROLE_CLIENT ? "client" : "server";
}

static size_t count_warnings(const stls_profiles *profiles, const char *name) {
    size_t count = 0;
    while (stls_profiles_warning(profiles, name, count) != NULL) {
        count++;
    }
    return count;
}

static void write_warnings(json *writer, const stls_profiles *profiles, const char *name) {
    const char *warning;
    json_array(writer, "warnings");
    for (size_t i = 0; (warning = stls_profiles_warning(profiles, name, i)) != NULL; i++) {
        json_text(writer, NULL, warning);
    }
    json_array_end(writer);
}

static void print_warnings(const stls_profiles *profiles, const char *name, const char *indent) {
    const char *warning;
    for (size_t i = 0; (warning = stls_profiles_warning(profiles, name, i)) != NULL; i++) {
        printf("%s%swarning: %s%s\n", indent, output_paint(OUTPUT_YELLOW), warning,
               output_paint(OUTPUT_PLAIN));
    }
}

/* --- list */

static size_t count_settings(const stls_profiles *profiles, const char *name) {
    char value[STLS_PROFILES_VALUE_SIZE];
    const char *key;
    size_t count = 0;
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        count += stls_profiles_value(profiles, name, key, value, sizeof value);
    }
    return count;
}

static void print_list(const stls_profiles *profiles) {
    const char *name;
    printf(stls_profiles_name(profiles, 0) != NULL ? "%-30s  %8s  %8s\n" : "no profile\n", "NAME",
           "SETTINGS", "WARNINGS");
    for (size_t i = 0; (name = stls_profiles_name(profiles, i)) != NULL; i++) {
        size_t warnings = count_warnings(profiles, name);
        printf("%s%-30s  %8zu  %8zu%s\n", output_paint(warnings > 0 ? OUTPUT_YELLOW : OUTPUT_PLAIN),
               name, count_settings(profiles, name), warnings, output_paint(OUTPUT_PLAIN));
    }
}

static int run_list(store_command *options) {
    profile_command self;
    const char *name;
    if (!open_profiles(&self, options)) {
        return EXIT_USAGE;
    }
    if (options->json) {
        json writer = json_to(stdout);
        json_object(&writer, NULL);
        json_text(&writer, "file", self.place.file);
        json_array(&writer, "profiles");
        for (size_t i = 0; (name = stls_profiles_name(self.profiles, i)) != NULL; i++) {
            json_object(&writer, NULL);
            json_text(&writer, "name", name);
            json_number(&writer, "settings", (int64_t)count_settings(self.profiles, name));
            write_warnings(&writer, self.profiles, name);
            json_object_end(&writer);
        }
        json_array_end(&writer);
        json_object_end(&writer);
    } else if (!options->quiet) {
        print_list(self.profiles);
    }
    stls_profiles_free(self.profiles);
    return EXIT_GOOD;
}

/* --- show */

/* The list that a profile has in force, for the lists that it does not set. */
static bool write_codes(const stls_profile *profile, const char *key, char *text, size_t size) {
    static const struct {
        const char *key;
        stls_registry registry;
    } lists[] = {{"ciphers", STLS_REGISTRY_SUITE},
                 {"groups", STLS_REGISTRY_GROUP},
                 {"schemes", STLS_REGISTRY_SCHEME}};
    enum { CODES_MAX = 64 };
    uint16_t codes[CODES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (profile == NULL || strcmp(lists[i].key, key) != 0) {
            continue;
        }
        size_t count = stls_profile_codes(profile, lists[i].registry, codes, CODES_MAX);
        for (size_t at = 0; at < count && at < CODES_MAX && len < size; at++) {
            const char *name = stls_iana_name(lists[i].registry, codes[at]);
            len += (size_t)snprintf(text + len, size - len, "%s%s", at > 0 ? ":" : "",
                                    name != NULL ? name : "?");
        }
    }
    return len > 0 && len < size;
}

typedef struct shown_setting {
    const char *key;
    bool given; /* the file says so */
    char value[STLS_PROFILES_VALUE_SIZE];
} shown_setting;

/* What is in force. `profile` may be NULL, if it cannot be made. */
static void read_setting(const stls_profiles *profiles, const char *name, const char *key,
                         stls_role role, const stls_profile *profile, shown_setting *setting) {
    setting->key = key;
    setting->given =
        stls_profiles_value(profiles, name, key, setting->value, sizeof setting->value);
    if (!setting->given && !write_codes(profile, key, setting->value, sizeof setting->value)) {
        snprintf(setting->value, sizeof setting->value, "%s", stls_profiles_default(key, role));
    }
}

/* Lists have one name a line. */
static void print_setting(const shown_setting *setting) {
    const char *rest = setting->value;
    printf("%s%-22s  %-7s  ", output_paint(setting->given ? OUTPUT_BOLD : OUTPUT_DIM), setting->key,
           setting->given ? "file" : "default");
    do {
        size_t len = strcspn(rest, ":");
        printf("%s%.*s\n", rest == setting->value ? "" : "                                 ",
               (int)len, rest);
        rest += len + (rest[len] == ':');
    } while (*rest != '\0');
    fputs(output_paint(OUTPUT_PLAIN), stdout);
}

static void show(const profile_command *self, const char *name, stls_role role) {
    const store_command *options = self->options;
    stls_profile *profile = NULL;
    stls_error error = {.text = ""};
    const char *key;
    static shown_setting one;
    stls_result result =
        stls_profiles_make(self->profiles, name, options->backend, role, NULL, &profile, &error);
    json writer = json_to(stdout);
    if (options->json) {
        json_object(&writer, NULL);
        json_text(&writer, "name", name);
        json_text(&writer, "role", role_name(role));
        json_text(&writer, "backend", stls_backend_name(options->backend));
        json_object(&writer, "settings");
    } else {
        printf("[%s] as a %s on %s\n%-22s  %-7s  %s\n", name, role_name(role),
               stls_backend_name(options->backend), "SETTING", "FROM", "VALUE");
    }
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        read_setting(self->profiles, name, key, role, profile, &one);
        if (options->json) {
            json_object(&writer, key);
            json_text(&writer, "value", one.value);
            json_bool(&writer, "given", one.given);
            json_object_end(&writer);
        } else {
            print_setting(&one);
        }
    }
    if (options->json) {
        json_object_end(&writer);
        write_warnings(&writer, self->profiles, name);
        json_text(&writer, "flaw", result == STLS_OK ? NULL : error.text);
        json_object_end(&writer);
    } else {
        print_warnings(self->profiles, name, "");
        if (result != STLS_OK) {
            printf("%scannot be used so: %s%s\n", output_paint(OUTPUT_RED), error.text,
                   output_paint(OUTPUT_PLAIN));
        }
    }
    stls_profile_free(profile);
}

static int run_show(store_command *options) {
    profile_command self;
    stls_role role = find_role(options);
    if (role == 0 || !open_profiles(&self, options)) {
        return EXIT_USAGE;
    }
    bool good = need_profile(&self, options->operands[0]);
    if (good && (options->json || !options->quiet)) {
        show(&self, options->operands[0], role);
    }
    stls_profiles_free(self.profiles);
    return good ? EXIT_GOOD : EXIT_USAGE;
}

/* --- set, unset, remove */

/* Saves, tells, and gives the profiles back. */
static int finish(profile_command *self, stls_result result, stls_error *error, const char *done) {
    const char *name = self->options->operands[0], *warning;
    if (result == STLS_OK) {
        result = stls_profiles_save(self->profiles, self->place.file, error);
    }
    int status = result == STLS_OK ? store_done(self->options, "%s", done)
                                   : store_failed(self->options, error);
    for (size_t i = 0; result == STLS_OK && !self->options->json &&
                       (warning = stls_profiles_warning(self->profiles, name, i)) != NULL;
         i++) {
        complain(self->options->title, "warning: profile [%s], %s", name, warning);
    }
    stls_profiles_free(self->profiles);
    return status;
}

static int run_set(store_command *options) {
    profile_command self;
    char done[256];
    const char *name = options->operands[0];
    int pairs = options->operand_count - 1;
    if (pairs == 0 && !options->create) {
        return usage_error(options->title, "what to set is missing: KEY and VALUE");
    }
    if (pairs % 2 != 0) {
        return usage_error(options->title, "%s has no value", options->operands[pairs]);
    }
    if (!open_or_create(&self, options)) {
        return EXIT_USAGE;
    }
    stls_error error;
    stls_result result = STLS_OK;
    if (!has_profile(&self, name) && !options->create) {
        complain(options->title, "there is no profile [%s] in %s; --create makes it", name,
                 self.place.file);
        stls_profiles_free(self.profiles);
        return EXIT_USAGE;
    }
    if (!has_profile(&self, name)) {
        result = stls_profiles_add(self.profiles, name, &error);
    }
    for (int i = 1; result == STLS_OK && i < pairs; i += 2) {
        result = stls_profiles_set(self.profiles, name, options->operands[i],
                                   options->operands[i + 1], &error);
    }
    if (pairs == 2) {
        snprintf(done, sizeof done, "[%s] %s is %s", name, options->operands[1],
                 options->operands[2]);
    } else {
        snprintf(done, sizeof done, pairs > 0 ? "[%s] %d settings are made" : "[%s] is there", name,
                 pairs / 2);
    }
    return finish(&self, result, &error, done);
}

static int run_unset(store_command *options) {
    profile_command self;
    char done[256];
    if (!open_profiles(&self, options)) {
        return EXIT_USAGE;
    }
    stls_error error;
    stls_result result = STLS_OK;
    for (int i = 1; result == STLS_OK && i < options->operand_count; i++) {
        result =
            stls_profiles_unset(self.profiles, options->operands[0], options->operands[i], &error);
    }
    snprintf(done, sizeof done, "[%s] %s has the default again", options->operands[0],
             options->operand_count == 2 ? options->operands[1] : "each");
    return finish(&self, result, &error, done);
}

static int run_remove(store_command *options) {
    profile_command self;
    char done[128];
    if (!open_profiles(&self, options)) {
        return EXIT_USAGE;
    }
    stls_error error;
    stls_result result = stls_profiles_remove(self.profiles, options->operands[0], &error);
    snprintf(done, sizeof done, "removed [%s]", options->operands[0]);
    return finish(&self, result, &error, done);
}

/* --- check */

enum { BACKENDS_MAX = 8 };

typedef struct trial {
    profile_command *self;
    const stls_backend *backends[BACKENDS_MAX];
    stls_certstore *stores[BACKENDS_MAX];
    size_t backend_count;
    stls_role roles[2];
    size_t role_count;
    json writer;
} trial;

/* With a store, as far as a connection is made of it. */
static bool try_one(const trial *check, size_t at, const char *name, stls_role role,
                    stls_error *error) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    bool good =
        stls_profiles_make(check->self->profiles, name, check->backends[at], role,
                           check->stores[at], &profile, error) == STLS_OK &&
        (check->stores[at] == NULL || stls_context_new(profile, &context, error) == STLS_OK);
    stls_context_free(context);
    stls_profile_free(profile);
    return good;
}

/* What became of a profile in one role. */
typedef struct outcome {
    stls_role role;
    bool good[BACKENDS_MAX], all_good;
    char why[BACKENDS_MAX][STLS_ERROR_TEXT_SIZE];
} outcome;

static void try_all(const trial *check, const char *name, stls_role role, outcome *result) {
    stls_error error;
    *result = (outcome){.role = role, .all_good = true};
    for (size_t at = 0; at < check->backend_count; at++) {
        result->good[at] = try_one(check, at, name, role, &error);
        result->all_good = result->all_good && result->good[at];
        snprintf(result->why[at], sizeof result->why[at], "%s",
                 result->good[at] ? "good" : error.text);
    }
}

static void write_outcome(trial *check, const outcome *result) {
    for (size_t at = 0; at < check->backend_count; at++) {
        json_object(&check->writer, NULL);
        json_text(&check->writer, "role", role_name(result->role));
        json_text(&check->writer, "backend", stls_backend_name(check->backends[at]));
        json_bool(&check->writer, "good", result->good[at]);
        json_text(&check->writer, "flaw", result->good[at] ? NULL : result->why[at]);
        json_object_end(&check->writer);
    }
}

/* One line, if it is the same on all libraries. `matters`: it is bad that it is not good. */
static void print_outcome(const trial *check, const char *name, const outcome *result,
                          bool matters) {
    bool same = true;
    for (size_t at = 1; at < check->backend_count; at++) {
        same = same && strcmp(result->why[0], result->why[at]) == 0;
    }
    for (size_t at = 0; at < (same ? 1 : check->backend_count); at++) {
        const char *backend = stls_backend_name(check->backends[at]);
        const char *paint = result->good[at] ? OUTPUT_GREEN : matters ? OUTPUT_RED : OUTPUT_DIM;
        printf("%-20s  %-6s  %-8s  %s%s%s\n", name, role_name(result->role),
               same && check->backend_count > 1 ? "all" : backend, output_paint(paint),
               result->why[at], output_paint(OUTPUT_PLAIN));
    }
}

/* Whether it can be used on every library in one of the roles. */
static bool check_profile(trial *check, const char *name) {
    static outcome results[2];
    bool good = false;
    for (size_t i = 0; i < check->role_count; i++) {
        try_all(check, name, check->roles[i], &results[i]);
        good = good || results[i].all_good;
    }
    const store_command *options = check->self->options;
    if (options->json) {
        json_object(&check->writer, NULL);
        json_text(&check->writer, "name", name);
        json_bool(&check->writer, "good", good);
        write_warnings(&check->writer, check->self->profiles, name);
        json_array(&check->writer, "uses");
    }
    for (size_t i = 0; i < check->role_count; i++) {
        if (options->json) {
            write_outcome(check, &results[i]);
        } else if (!options->quiet) {
            print_outcome(check, name, &results[i], !good);
        }
    }
    if (options->json) {
        json_array_end(&check->writer);
        json_object_end(&check->writer);
    } else if (!options->quiet) {
        print_warnings(check->self->profiles, name, "  ");
    }
    return good;
}

static bool begin_check(trial *check, profile_command *self) {
    const store_command *options = self->options;
    const stls_backend *backend;
    *check = (trial){.self = self, .writer = json_to(stdout)};
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL && i < BACKENDS_MAX; i++) {
        if (options->backend_name != NULL && backend != options->backend) {
            continue;
        }
        check->backends[check->backend_count] = backend;
        if (!place_open_store(&self->place, backend, &check->stores[check->backend_count])) {
            return false;
        }
        check->backend_count++;
    }
    stls_role role = find_role(options);
    check->roles[0] = role;
    check->roles[1] = STLS_ROLE_SERVER;
    check->role_count = options->role == NULL ? 2 : 1;
    return role != 0;
}

static int run_all(trial *check, const char *only) {
    const store_command *options = check->self->options;
    size_t count = 0, bad = 0;
    const char *name, *exposure = place_exposure(&check->self->place);
    if (options->json) {
        json_object(&check->writer, NULL);
        json_text(&check->writer, "file", check->self->place.file);
        json_text(&check->writer, "exposed", exposure);
        json_array(&check->writer, "profiles");
    } else if (!options->quiet) {
        printf("%-20s  %-6s  %-8s  %s\n", "PROFILE", "ROLE", "BACKEND", "RESULT");
    }
    for (size_t i = 0; (name = stls_profiles_name(check->self->profiles, i)) != NULL; i++) {
        if (only == NULL || strcmp(only, name) == 0) {
            bad += !check_profile(check, name);
            count++;
        }
    }
    if (options->json) {
        json_array_end(&check->writer);
        json_bool(&check->writer, "good", bad == 0 && exposure == NULL);
        json_object_end(&check->writer);
    } else if (!options->quiet) {
        if (exposure != NULL) {
            printf("%s: %s\n", check->self->place.file, exposure);
        }
        const char *store = check->self->place.folder;
        printf("%zu of %zu profiles can be used, %s%s\n", count - bad, count,
               *store != '\0' ? "with the store " : "no store was looked at", store);
    }
    return bad == 0 && exposure == NULL ? EXIT_GOOD : EXIT_TROUBLE;
}

static int run_check(store_command *options) {
    profile_command self;
    trial check;
    const char *only = options->operand_count > 0 ? options->operands[0] : NULL;
    if (!open_profiles(&self, options)) {
        return EXIT_USAGE;
    }
    int status = EXIT_USAGE;
    bool ready = begin_check(&check, &self);
    if (ready && (only == NULL || need_profile(&self, only))) {
        status = run_all(&check, only);
    }
    for (size_t i = 0; i < BACKENDS_MAX; i++) {
        stls_certstore_free(check.stores[i]);
    }
    stls_profiles_free(self.profiles);
    return status;
}

enum { MANY = 64 };

const store_action profile_actions[] = {
    {"list", run_list, 0, 0, 0, "", ""},
    {"show", run_show, STORE_ROLE, 1, 1, " and NAME", "@profile"},
    {"set", run_set, STORE_CREATE, 1, MANY, ", NAME, and each KEY with its VALUE",
     "@profile @key @value"},
    {"unset", run_unset, 0, 2, MANY, ", NAME and KEY", "@profile @key"},
    {"remove", run_remove, 0, 1, 1, " and NAME", "@profile"},
    {"check", run_check, STORE_ROLE | STORE_STORE | STORE_PASSWORD, 0, 1, ", and NAME if you like",
     "@profile"},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};

int profile_main(int argc, char **argv) {
    return store_run("profile", "PLACE", whole_usage(), profile_actions, argc, argv);
}
