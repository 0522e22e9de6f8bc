/* siptls backends --presets: what the presets are, and which library has how much of them.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "json.h"
#include "tool.h"

#include <stdio.h>

enum { CODES_MAX = 256 };

static const struct {
    stls_preset preset;
    const char *name;
} presets[] = {{STLS_PRESET_MODERN, "MODERN"}, {STLS_PRESET_COMPATIBLE, "COMPATIBLE"}};

enum { PRESETS = sizeof presets / sizeof presets[0] };

static const struct {
    stls_registry registry;
    const char *title, *name;
} lists[] = {{STLS_REGISTRY_SUITE, "cipher suites", "suites"},
             {STLS_REGISTRY_GROUP, "groups for the key exchange", "groups"},
             {STLS_REGISTRY_SCHEME, "signature schemes", "schemes"}};

enum { LISTS = sizeof lists / sizeof lists[0] };

/* --- For people */

static void print_list(size_t preset, size_t list) {
    uint16_t codes[CODES_MAX];
    const stls_backend *backend;
    size_t count =
        stls_preset_codes(presets[preset].preset, lists[list].registry, codes, CODES_MAX);
    char title[64];
    snprintf(title, sizeof title, "%s: %s", presets[preset].name, lists[list].title);
    printf("%-48s", title);
    for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
        printf(" %-8s", stls_backend_name(backend));
    }
    putchar('\n');
    for (size_t i = 0; i < count && i < CODES_MAX; i++) {
        printf("%-48s", stls_iana_name(lists[list].registry, codes[i]));
        for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
            bool has = stls_backend_supports(backend, lists[list].registry, codes[i]);
            printf(" %-8s", has ? "yes" : "-");
        }
        putchar('\n');
    }
    putchar('\n');
}

static void print_tables(void) {
    for (size_t preset = 0; preset < PRESETS; preset++) {
        for (size_t list = 0; list < LISTS; list++) {
            print_list(preset, list);
        }
    }
    puts("Most wanted first. yes: this build of the library has it; -: it has not, and a profile\n"
         "with the preset goes without. MODERN is what a new profile has.");
}

/* --- As JSON */

static void list_json(json *writer, size_t preset, size_t list) {
    uint16_t codes[CODES_MAX];
    const stls_backend *backend;
    size_t count =
        stls_preset_codes(presets[preset].preset, lists[list].registry, codes, CODES_MAX);
    json_array(writer, lists[list].name);
    for (size_t i = 0; i < count && i < CODES_MAX; i++) {
        json_object(writer, NULL);
        json_text(writer, "name", stls_iana_name(lists[list].registry, codes[i]));
        json_object(writer, "backends");
        for (size_t b = 0; (backend = stls_backend_at(b)) != NULL; b++) {
            json_bool(writer, stls_backend_name(backend),
                      stls_backend_supports(backend, lists[list].registry, codes[i]));
        }
        json_object_end(writer);
        json_object_end(writer);
    }
    json_array_end(writer);
}

static void print_json(void) {
    json writer = json_to(stdout);
    json_object(&writer, NULL);
    json_text(&writer, "version", stls_version());
    json_object(&writer, "presets");
    for (size_t preset = 0; preset < PRESETS; preset++) {
        json_object(&writer, presets[preset].name);
        for (size_t list = 0; list < LISTS; list++) {
            list_json(&writer, preset, list);
        }
        json_object_end(&writer);
    }
    json_object_end(&writer);
    json_object_end(&writer);
}

void presets_print(bool as_json) {
    if (as_json) {
        print_json();
    } else {
        print_tables();
    }
}
