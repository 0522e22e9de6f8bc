/* What `siptls store` and `siptls device` share.
 *
 * SPDX-License-Identifier: MIT */
#include "output.h"
#include "store.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- The command line */

const struct option store_options[] = {{"name", required_argument, NULL, STORE_NAME},
                                       {"subject", required_argument, NULL, STORE_SUBJECT},
                                       {"builtin-from", required_argument, NULL, STORE_FROM},
                                       {"builtin-list", required_argument, NULL, STORE_LIST},
                                       {"parts", required_argument, NULL, STORE_PARTS},
                                       {"cert", required_argument, NULL, STORE_CERT},
                                       {"key", required_argument, NULL, 'k'},
                                       {"password-file", required_argument, NULL, STORE_PASSWORD},
                                       {"place", required_argument, NULL, STORE_PLACE},
                                       {"days", required_argument, NULL, STORE_DAYS},
                                       {"max-custom", required_argument, NULL, STORE_MAX},
                                       {"force", no_argument, NULL, STORE_FORCE},
                                       {"peer", no_argument, NULL, STORE_PEER},
                                       {"pem", no_argument, NULL, STORE_PEM},
                                       {"store", required_argument, NULL, STORE_STORE},
                                       {"role", required_argument, NULL, STORE_ROLE},
                                       {"create", no_argument, NULL, STORE_CREATE},
                                       {"backend", required_argument, NULL, 'b'},
                                       {"json", no_argument, NULL, 'j'},
                                       {"quiet", no_argument, NULL, 'q'},
                                       {"help", no_argument, NULL, 'h'},
                                       {NULL, 0, NULL, 0}};

static bool take_number(const store_command *self, const char *name, const char *value,
                        unsigned least, unsigned *number) {
    enum { MOST = 100000 };
    if (read_unsigned(value, least, MOST, number)) {
        return true;
    }
    usage_error(self->title, "--%s takes a number from %u to %d, not \"%s\"", name, least, MOST,
                value);
    return false;
}

/* Where the value of an option that is text goes. */
static const char **text_option(store_command *self, int id) {
    switch (id) {
    case STORE_NAME:
        return &self->name;
    case STORE_SUBJECT:
        return &self->subject;
    case STORE_FROM:
        return &self->from;
    case STORE_LIST:
        return &self->list;
    case STORE_PARTS:
        return &self->parts;
    case STORE_CERT:
        return &self->cert;
    case 'k':
        return &self->key;
    case STORE_PASSWORD:
        return &self->password_file;
    case STORE_PLACE:
        return &self->place;
    case STORE_STORE:
        return &self->store;
    case STORE_ROLE:
        return &self->role;
    case 'b':
        return &self->backend_name;
    default:
        return NULL;
    }
}

static bool take_flag(store_command *self, int id) {
    self->force = self->force || id == STORE_FORCE;
    self->peer = self->peer || id == STORE_PEER;
    self->pem = self->pem || id == STORE_PEM;
    self->create = self->create || id == STORE_CREATE;
    self->json = self->json || id == 'j';
    self->quiet = self->quiet || id == 'q';
    return true;
}

bool store_takes(const store_action *action, int id) {
    uint32_t bit = id == 'k' ? STORE_CERT : (uint32_t)id;
    bool is_common = id == 'b' || id == 'j' || id == 'q' || id == 'h';
    return is_common || (action->options & bit) != 0;
}

static bool take(store_command *self, const store_action *action, int id, const char *name) {
    if (id == '?') {
        fprintf(stderr, "\"%s --help\" tells how to use it.\n", self->title);
        return false;
    }
    if (!store_takes(action, id)) {
        usage_error(self->title, "--%s does not belong to this command", name);
        return false;
    }
    const char **text = text_option(self, id);
    if (text != NULL) {
        *text = optarg;
        return true;
    }
    if (id == STORE_DAYS) {
        self->expiring = true;
        return take_number(self, name, optarg, 0, &self->days);
    }
    return id == STORE_MAX ? take_number(self, name, optarg, 1, &self->max_custom)
                           : take_flag(self, id);
}

/* -1: go on. */
static int read_options(store_command *self, const store_action *action, const char *usage,
                        int argc, char **argv) {
    int id, index = 0;
    while ((id = getopt_long(argc, argv, "", store_options, &index)) != -1) {
        if (id == 'h') {
            fputs(usage, stdout);
            return EXIT_GOOD;
        }
        if (!take(self, action, id, id == '?' ? "" : store_options[index].name)) {
            return EXIT_USAGE;
        }
    }
    int count = argc - optind - 1;
    if (count < action->least || count > action->most) {
        return usage_error(self->title, "it takes %s%s", self->place_word, action->operands);
    }
    self->folder = argv[optind];
    self->operands = argv + optind + 1;
    self->operand_count = count;
    return -1;
}

int store_run(const char *group, const char *place_word, const char *usage,
              const store_action *actions, int argc, char **argv) {
    char title[32];
    snprintf(title, sizeof title, "siptls %s", group);
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_GOOD;
    }
    if (argv[1][0] == '-') {
        return usage_error(title, "unrecognized option '%s'", argv[1]);
    }
    for (; actions->name != NULL; actions++) {
        if (strcmp(actions->name, argv[1]) == 0) {
            store_command self = {.place_word = place_word};
            snprintf(self.title, sizeof self.title, "siptls %s %s", group, actions->name);
            argv[1] = self.title;
            int status = read_options(&self, actions, usage, argc - 1, argv + 1);
            if (status == -1) {
                tls_options backend = {.command = self.title, .backend = self.backend_name};
                self.backend = find_backend(&backend);
                status = self.backend != NULL ? actions->run(&self) : EXIT_USAGE;
                wipe_text(self.password, sizeof self.password);
            }
            return status;
        }
    }
    return usage_error(title, "there is no command \"%s\"", argv[1]);
}

/* --- The store */

int store_failed(const store_command *self, const stls_error *error) {
    complain(self->title, "%s", error->text);
    return EXIT_USAGE;
}

/* For every key that asks for one. */
static bool answer_password(void *arg, stls_place place, const char *name, char *password,
                            size_t size) {
    const store_command *self = arg;
    (void)place, (void)name;
    snprintf(password, size, "%s", self->password);
    return true;
}

stls_certstore *store_open(store_command *self, stls_certstore_options *options) {
    stls_certstore *store = NULL;
    stls_certstore_options none = {.create = false};
    stls_error error;
    options = options != NULL ? options : &none;
    options->max_custom = self->max_custom;
    if (self->password_file != NULL) {
        if (!read_password(self->title, self->password_file, self->password,
                           sizeof self->password)) {
            return NULL;
        }
        options->password = answer_password;
        options->password_arg = self;
    }
    if (stls_certstore_open_folder(self->backend, self->folder, options, &store, &error) !=
        STLS_OK) {
        store_failed(self, &error);
        return NULL;
    }
    return store;
}

int store_done(const store_command *self, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (self->json) {
        json writer = json_to(stdout);
        json_object(&writer, NULL);
        json_text(&writer, "done", text);
        json_object_end(&writer);
    } else if (!self->quiet) {
        puts(text);
    }
    return EXIT_GOOD;
}

/* --- Entries */

enum { SECONDS_A_DAY = 86400 };

static const char *colour(uint32_t flags) {
    if ((flags & (STLS_ENTRY_EXPIRED | STLS_ENTRY_DAMAGED | STLS_ENTRY_EXPOSED)) != 0) {
        return output_paint(OUTPUT_RED);
    }
    return output_paint((flags & STLS_ENTRY_NOT_YET_VALID) != 0 ? OUTPUT_YELLOW : OUTPUT_PLAIN);
}

static void write_flags(uint32_t flags, char *text, size_t size) {
    size_t len = 0;
    text[0] = '\0';
    for (unsigned bit = 0; bit < 32; bit++) {
        const char *name = stls_entry_flag_name((uint32_t)1 << bit);
        if ((flags & (uint32_t)1 << bit) != 0 && name != NULL && len < size) {
            len += (size_t)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", name);
        }
    }
}

void store_print_entries(const stls_certstore *store, const stls_certstore_query *query) {
    stls_certstore_entry entry;
    size_t position = 0;
    bool is_first = true;
    while (stls_certstore_next(store, query, &position, &entry)) {
        char days[24] = "?", flags[128], date[OUTPUT_DATE_SIZE] = "?";
        if (is_first) {
            printf("%-13s  %-40s  %-8s  %-10s  %9s  %s\n", "PLACE", "NAME", "SHA-256", "UNTIL",
                   "DAYS LEFT", "NOTES");
        }
        is_first = false;
        if (entry.der.len != 0) {
            snprintf(days, sizeof days, "%lld", (long long)(entry.seconds_left / SECONDS_A_DAY));
            output_date(entry.info.not_after, date);
        }
        write_flags(entry.flags, flags, sizeof flags);
        const char *paint = colour(entry.flags);
        printf("%s%-13s  %-40.40s  %02X%02X%02X%02X  %-10s  %9s  %s%s\n", paint,
               stls_place_name(entry.place), entry.name, entry.fingerprint[0], entry.fingerprint[1],
               entry.fingerprint[2], entry.fingerprint[3], date, days, flags,
               output_paint(OUTPUT_PLAIN));
    }
    if (is_first) {
        puts("no certificate");
    }
}

static void write_fingerprint(const uint8_t *fingerprint, char text[3 * STLS_FINGERPRINT_LEN]) {
    for (size_t i = 0; i < STLS_FINGERPRINT_LEN; i++) {
        snprintf(text + 3 * i, 4, "%02X%s", fingerprint[i],
                 i + 1 < STLS_FINGERPRINT_LEN ? ":" : "");
    }
}

void store_print_crl(const stls_certstore_entry *entry) {
    char since[OUTPUT_DATE_SIZE], until[OUTPUT_DATE_SIZE], sha256[3 * STLS_FINGERPRINT_LEN];
    long long days = entry->seconds_left / SECONDS_A_DAY;
    output_date(entry->info.not_before, since);
    output_date(entry->info.not_after, until);
    printf("%s \"%s\"\n", stls_place_name(entry->place), entry->name);
    printf("         issuer   %s%s\n", entry->info.issuer,
           (entry->flags & STLS_ENTRY_NO_ISSUER) != 0 ? " (not in this store)" : "");
    printf("         number   %s\n", entry->info.serial[0] != '\0' ? entry->info.serial : "none");
    printf("         valid    %s to %s: %s%lld days%s\n", since, until,
           entry->seconds_left < 0 ? "expired; next update was due " : "next update in ",
           entry->seconds_left < 0 ? -days : days, entry->seconds_left < 0 ? " ago" : "");
    printf("         revokes  %zu certificate%s\n", entry->revoked_count,
           entry->revoked_count == 1 ? "" : "s");
    write_fingerprint(entry->fingerprint, sha256);
    printf("         SHA-256  %s\n", sha256);
}

static void crl_json(json *writer, const stls_certstore_entry *entry) {
    char date[OUTPUT_DATE_SIZE], sha256[3 * STLS_FINGERPRINT_LEN];
    json_object(writer, "crl");
    json_text(writer, "issuer", entry->info.issuer);
    json_text(writer, "number", entry->info.serial);
    output_date_and_time(entry->info.not_before, date);
    json_text(writer, "this_update", date);
    output_date_and_time(entry->info.not_after, date);
    json_text(writer, "next_update", date);
    json_number(writer, "days_left", entry->seconds_left / SECONDS_A_DAY);
    json_number(writer, "revoked", (int64_t)entry->revoked_count);
    write_fingerprint(entry->fingerprint, sha256);
    json_text(writer, "sha256", sha256);
    json_object_end(writer);
}

void store_entries_json(json *writer, const store_command *self, const stls_certstore *store,
                        const stls_certstore_query *query) {
    stls_certstore_entry entry;
    size_t position = 0;
    json_array(writer, "entries");
    while (stls_certstore_next(store, query, &position, &entry)) {
        json_object(writer, NULL);
        json_text(writer, "place", stls_place_name(entry.place));
        json_text(writer, "name", entry.name);
        json_array(writer, "flags");
        for (unsigned bit = 0; bit < 32; bit++) {
            const char *name = stls_entry_flag_name((uint32_t)1 << bit);
            if ((entry.flags & (uint32_t)1 << bit) != 0 && name != NULL) {
                json_text(writer, NULL, name);
            }
        }
        json_array_end(writer);
        json_text(writer, "damage", entry.damage);
        if (entry.der.len != 0 && entry.place == STLS_PLACE_CRL) {
            crl_json(writer, &entry);
        } else if (entry.der.len != 0) {
            output_certificate_json(writer, "certificate", self->backend, entry.der,
                                    entry.info.not_after - entry.seconds_left);
        } else {
            json_null(writer, "certificate");
        }
        json_object_end(writer);
    }
    json_array_end(writer);
}
