/* siptls backends: which TLS libraries there are, and what each can do.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: siptls backends [--all | --presets] [--json]\n"
    "\n"
    "Lists the TLS libraries in this build, their versions, and what each can do as\n"
    "it was built.\n"
    "\n"
    "  --all      the cipher suites, groups and signature schemes too\n"
    "  --presets  the lists of the presets MODERN and COMPATIBLE, and who has what of\n"
    "             them\n"
    "  --json     as JSON, with everything\n"
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  the command line is wrong, or none of the libraries could be started\n";

const struct option backends_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"all", no_argument, NULL, 'a'},
    {"presets", no_argument, NULL, 'p'},
    {"json", no_argument, NULL, OPTION_JSON},
    {NULL, 0, NULL, 0},
};

enum { BACKENDS_MAX = 8, CODES_MAX = 256 };

typedef struct code_list {
    uint16_t codes[CODES_MAX];
    size_t count;
} code_list;

static const struct {
    stls_registry registry;
    const char *title, *name;
} registries[] = {{STLS_REGISTRY_SUITE, "Cipher suites", "suites"},
                  {STLS_REGISTRY_GROUP, "Groups for the key exchange", "groups"},
                  {STLS_REGISTRY_SCHEME, "Signature schemes", "schemes"}};

enum { REGISTRIES = sizeof registries / sizeof registries[0] };

typedef struct backend_column {
    const stls_backend *backend;
    code_list defaults[REGISTRIES]; /* of a new client profile */
} backend_column;

static void read_defaults(backend_column *column) {
    stls_profile *profile = NULL;
    if (stls_profile_new(column->backend, STLS_ROLE_CLIENT, &profile, NULL) != STLS_OK) {
        return;
    }
    for (size_t i = 0; i < REGISTRIES; i++) {
        code_list *list = &column->defaults[i];
        size_t count = stls_profile_codes(profile, registries[i].registry, list->codes, CODES_MAX);
        list->count = count < CODES_MAX ? count : CODES_MAX;
    }
    stls_profile_free(profile);
}

static size_t read_columns(backend_column *columns) {
    size_t count = 0;
    const stls_backend *backend;
    while (count < BACKENDS_MAX && (backend = stls_backend_at(count)) != NULL) {
        columns[count].backend = backend;
        read_defaults(&columns[count++]);
    }
    return count;
}

/* "on": in a new profile; "yes": can be asked for; "-": the library does not have it. */
static const char *state_of(const backend_column *column, size_t registry, uint16_t code) {
    const code_list *list = &column->defaults[registry];
    for (size_t i = 0; i < list->count; i++) {
        if (list->codes[i] == code) {
            return "on";
        }
    }
    return stls_backend_supports(column->backend, registries[registry].registry, code) ? "yes"
                                                                                       : "-";
}

/* --- For people */

enum { NAME_WIDTH = 18, CODE_WIDTH = 48, COLUMN_WIDTH = 8 };

static void print_row(int width, const char *title, const backend_column *columns, size_t count,
                      const char *(*cell)(const stls_backend *)) {
    printf("%-*s", width, title);
    for (size_t i = 0; i < count; i++) {
        printf(" %-*s", COLUMN_WIDTH, cell(columns[i].backend));
    }
    putchar('\n');
}

static void print_capabilities(const backend_column *columns, size_t count) {
    for (unsigned bit = 0; bit < 32; bit++) {
        uint32_t capability = (uint32_t)1 << bit;
        const char *name = stls_capability_name(capability);
        if (name == NULL) {
            continue;
        }
        printf("%-*s", NAME_WIDTH, name);
        for (size_t i = 0; i < count; i++) {
            printf(" %-*s", COLUMN_WIDTH,
                   stls_backend_can(columns[i].backend, capability) ? "yes" : "-");
        }
        printf(" %s\n", stls_capability_text(capability));
    }
}

static bool is_anywhere(const backend_column *columns, size_t count, size_t registry,
                        uint16_t code) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(state_of(&columns[i], registry, code), "-") != 0) {
            return true;
        }
    }
    return false;
}

static void print_codes(const backend_column *columns, size_t count, size_t registry) {
    uint16_t code;
    putchar('\n');
    print_row(CODE_WIDTH, registries[registry].title, columns, count, stls_backend_name);
    for (size_t i = 0; stls_iana_at(registries[registry].registry, i, &code); i++) {
        if (!is_anywhere(columns, count, registry, code)) {
            continue;
        }
        printf("%-*s", CODE_WIDTH, stls_iana_name(registries[registry].registry, code));
        for (size_t column = 0; column < count; column++) {
            printf(" %-*s", COLUMN_WIDTH, state_of(&columns[column], registry, code));
        }
        putchar('\n');
    }
}

static void print_table(const backend_column *columns, size_t count, bool all) {
    print_row(NAME_WIDTH, "", columns, count, stls_backend_name);
    print_row(NAME_WIDTH, "version running", columns, count, stls_backend_version_running);
    print_row(NAME_WIDTH, "version built with", columns, count, stls_backend_version_built);
    print_capabilities(columns, count);
    puts("\nyes: this build of the library can; -: it cannot, and siptls refuses to be asked for "
         "it.");
    for (size_t i = 0; all && i < REGISTRIES; i++) {
        print_codes(columns, count, i);
    }
    if (all) {
        puts("\non: used unless told otherwise; yes: can be asked for; -: not in this library.");
    }
}

/* --- As JSON */

static void codes_json(json *writer, const backend_column *column, size_t registry,
                       const char *wanted, const char *name) {
    uint16_t code;
    json_array(writer, name);
    for (size_t i = 0; stls_iana_at(registries[registry].registry, i, &code); i++) {
        const char *state = state_of(column, registry, code);
        if (strcmp(state, "-") != 0 && (wanted == NULL || strcmp(state, wanted) == 0)) {
            json_text(writer, NULL, stls_iana_name(registries[registry].registry, code));
        }
    }
    json_array_end(writer);
}

static void backend_json(json *writer, const backend_column *column) {
    json_object(writer, NULL);
    json_text(writer, "name", stls_backend_name(column->backend));
    json_text(writer, "version_running", stls_backend_version_running(column->backend));
    json_text(writer, "version_built", stls_backend_version_built(column->backend));
    json_object(writer, "capabilities");
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = stls_capability_name((uint32_t)1 << bit);
        if (name != NULL) {
            json_bool(writer, name, stls_backend_can(column->backend, (uint32_t)1 << bit));
        }
    }
    json_object_end(writer);
    for (size_t i = 0; i < REGISTRIES; i++) {
        json_object(writer, registries[i].name);
        codes_json(writer, column, i, "on", "default");
        codes_json(writer, column, i, NULL, "supported");
        json_object_end(writer);
    }
    json_object_end(writer);
}

static void print_json(const backend_column *columns, size_t count) {
    json writer = json_to(stdout);
    json_object(&writer, NULL);
    json_text(&writer, "version", stls_version());
    json_array(&writer, "backends");
    for (size_t i = 0; i < count; i++) {
        backend_json(&writer, &columns[i]);
    }
    json_array_end(&writer);
    json_object_end(&writer);
}

int backends_main(int argc, char **argv) {
    static backend_column columns[BACKENDS_MAX];
    tls_options options = {.command = "siptls backends"};
    bool all = false, presets = false;
    int id;
    while ((id = getopt_long(argc, argv, "h", backends_options, NULL)) != -1) {
        if (id == 'h') {
            fputs(usage, stdout);
            return EXIT_GOOD;
        }
        if (id == 'a') {
            all = true;
        } else if (id == 'p') {
            presets = true;
        } else if (!take_option(&options, id, optarg)) {
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        return usage_error(options.command, "\"%s\" is too much", argv[optind]);
    }
    if (all && presets) {
        return usage_error(options.command, "--all or --presets, not both");
    }
    size_t count = read_columns(columns);
    if (count == 0) {
        complain(options.command, "no TLS library could be started");
        return EXIT_USAGE;
    }
    if (presets) {
        presets_print(options.json);
    } else if (options.json) {
        print_json(columns, count);
    } else {
        print_table(columns, count, all);
    }
    return EXIT_GOOD;
}
