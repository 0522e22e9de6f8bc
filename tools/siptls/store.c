/* siptls store: the lists of trusted certificates in a folder.
 *
 * SPDX-License-Identifier: MIT */
#include "store.h"
#include "output.h"
#include "place.h"

#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: siptls store COMMAND FOLDER ...\n"
    "\n"
    "Keeps the certificate lists of a phone in a folder: trusted certificates, built-in\n"
    "and custom ones, and beside them the server certificates of \"siptls device\".\n"
    "Every change is made whole or not at all, whatever happens meanwhile.\n"
    "\n"
    "  init FOLDER              make a store\n"
    "      --builtin-from FILE  built-in certificates out of this PEM bundle;\n"
    "                           \"system\" stands for /etc/ssl/certs/ca-certificates.crt\n"
    "      --builtin-list FILE  those with the fingerprints in FILE; \"all\": the whole\n"
    "                           bundle; default: 30 large public CAs\n"
    "      --force              forget what is there\n"
    "  add FOLDER FILE...       add custom certificates, PEM or DER; all or none\n"
    "      --name NAME          call them so; default: the file's name\n"
    "      --peer               also certificates that are no CA's: of one server\n"
    "  list FOLDER              show the lists\n"
    "      --days N             only what has expired or will within N days\n"
    "      --subject TEXT       only what has TEXT in its names\n"
    "  show FOLDER WHICH        all about one: WHICH is a name or a SHA-256 fingerprint\n"
    "      --pem                as PEM, for export\n"
    "  remove FOLDER WHICH      remove a custom certificate or a CRL\n"
    "  add-crl FOLDER FILE...   add revocation lists, PEM or DER; each takes the place of\n"
    "                           an older one of the same CA and scope\n"
    "      --name NAME          call them so; default: the file's name\n"
    "  use FOLDER SET           which count: default (built-in), custom, all, or system\n"
    "  check FOLDER             is anything expired (or will within --days N, default\n"
    "                           30), damaged, or open to others? A CRL: is the next due?\n"
    "  export FOLDER FILE       write the store into one file\n"
    "      --parts PARTS        provisioning (settings and custom certificates, no key;\n"
    "                           default), or all, with private keys\n"
    "  import FOLDER FILE       replace what FILE holds\n"
    "      --password-file FILE whose first line is the password of encrypted private keys\n"
    "                           in it (\"-\": stdin), which are then checked too\n"
    "  reset FOLDER             factory reset: custom certificates, CRLs and settings go\n"
    "\n"
    "  --max-custom N           most custom certificates (add, import); default: 10\n"
    "  --backend NAME           the TLS library for digests and checks\n"
    "  --json                   as one JSON object\n"
    "  --quiet                  print nothing but errors\n"
    "\n"
    "Exit codes:\n"
    "  0  it is done; check: all is well\n"
    "  1  it is not, and the store is as it was; stderr tells why\n"
    "  4  check: something needs to be looked at\n";

/* --- init */

/* The built-in list of --builtin-list; NULL with `*good` true: all. Owned. */
static char *read_list(const store_command *self, bool *good) {
    *good = true;
    if (self->list != NULL && strcmp(self->list, "all") == 0) {
        return NULL;
    }
    if (self->list == NULL) {
        *good = true;
        return strdup(builtin_cas);
    }
    enum { LIST_MAX = 1024 * 1024 };
    char *text = malloc(LIST_MAX + 1);
    FILE *file = fopen(self->list, "r");
    size_t len = text != NULL && file != NULL ? fread(text, 1, LIST_MAX, file) : 0;
    *good = text != NULL && file != NULL && ferror(file) == 0 && len < LIST_MAX;
    if (file != NULL) {
        fclose(file);
    }
    if (!*good) {
        complain(self->title, "the list %s cannot be read", self->list);
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

static void *read_file(const store_command *self, const char *path, size_t *len) {
    void *data = malloc(STLS_TRUST_INPUT_MAX + 1);
    FILE *file = fopen(path, "rb");
    *len = data != NULL && file != NULL ? fread(data, 1, STLS_TRUST_INPUT_MAX + 1, file) : 0;
    bool good = data != NULL && file != NULL && ferror(file) == 0;
    if (file != NULL) {
        fclose(file);
    }
    if (!good) {
        complain(self->title, "the file %s cannot be read", path);
        free(data);
        return NULL;
    }
    return data;
}

/* The built-in list that is wanted, into `store`. */
static bool take_builtin(const store_command *self, stls_certstore *store) {
    bool is_system = strcmp(self->from, "system") == 0, good;
    size_t len = 0;
    stls_error error;
    char *list = read_list(self, &good);
    void *bundle =
        good ? read_file(self, is_system ? "/etc/ssl/certs/ca-certificates.crt" : self->from, &len)
             : NULL;
    good =
        bundle != NULL && stls_certstore_set_builtin(store, bundle, len, list, &error) == STLS_OK;
    if (bundle != NULL && !good) {
        store_failed(self, &error);
    }
    free(bundle);
    free(list);
    return good;
}

/* What the store will be, in memory; NULL: that cannot be. So what is wrong with it is told before
 * anything is made, or lost. */
static stls_certstore *make_fresh(const store_command *self) {
    stls_certstore *store = NULL;
    stls_error error;
    if (stls_certstore_new(self->backend, NULL, &store, &error) != STLS_OK) {
        store_failed(self, &error);
        return NULL;
    }
    if (self->from != NULL && !take_builtin(self, store)) {
        stls_certstore_free(store);
        return NULL;
    }
    return store;
}

typedef struct making {
    const store_command *self;
    stls_certstore *store;
} making;

/* In one step, so that what is there, with the keys in it, is there as long as it may fail. */
static stls_result make_with(void *arg, const void *data, size_t len, stls_error *error) {
    making *made = arg;
    const store_command *self = made->self;
    stls_certstore_options options = {.create = true, .replace = self->force};
    return stls_certstore_make_folder(self->backend, self->folder, &options, data, len,
                                      &made->store, error);
}

static int run_init(store_command *self) {
    stls_certstore *there = NULL;
    making made = {.self = self};
    stls_certstore_query query = {.places = STLS_PLACE_BUILTIN};
    stls_error error;
    if (self->list != NULL && self->from == NULL) {
        return usage_error(self->title, "--builtin-list chooses from --builtin-from, which is "
                                        "missing");
    }
    stls_result found = STLS_E_FILE;
    if (!self->force) {
        found = stls_certstore_open_folder(self->backend, self->folder, NULL, &there, &error);
        stls_certstore_free(there);
    }
    if (found == STLS_OK) {
        complain(self->title, "there is a store in %s already; --force makes an empty one instead",
                 self->folder);
        return EXIT_USAGE;
    }
    if (found != STLS_E_FILE) { /* one that cannot be read, or a file that is not ours */
        return store_failed(self, &error);
    }
    stls_certstore *fresh = make_fresh(self);
    if (fresh == NULL) {
        return EXIT_USAGE;
    }
    stls_result result = stls_certstore_export(fresh, STLS_PARTS_ALL, make_with, &made, &error);
    int status = result == STLS_OK
                     ? store_done(self, "made a store in %s with %zu built-in certificates",
                                  self->folder, stls_certstore_count(made.store, &query))
                     : store_failed(self, &error);
    stls_certstore_free(made.store);
    stls_certstore_free(fresh);
    return status;
}

/* --- Changes */

static int added(const store_command *self, stls_result result, size_t count, const char *what,
                 const stls_error *error) {
    return result == STLS_OK
               ? store_done(self, "added %zu %s%s", count, what, count == 1 ? "" : "s")
               : store_failed(self, error);
}

static int run_add(store_command *self) {
    stls_certstore *store = store_open(self, NULL);
    stls_error error;
    size_t count = 0;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    stls_result result = stls_certstore_add_files(store, (const char *const *)self->operands,
                                                  (size_t)self->operand_count, self->name,
                                                  self->peer ? STLS_ADD_PEER : 0U, &count, &error);
    stls_certstore_free(store);
    return added(self, result, count, "certificate", &error);
}

static int run_add_crl(store_command *self) {
    stls_certstore *store = store_open(self, NULL);
    stls_error error;
    size_t count = 0;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    stls_result result =
        stls_certstore_add_crl_files(store, (const char *const *)self->operands,
                                     (size_t)self->operand_count, self->name, &count, &error);
    stls_certstore_free(store);
    return added(self, result, count, "CRL", &error);
}

static int run_remove(store_command *self) {
    stls_certstore *store = store_open(self, NULL);
    stls_error error;
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    size_t count = 1;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    const char *which = self->operands[0];
    stls_result result = stls_fingerprint_read(which, fingerprint)
                             ? stls_certstore_remove(store, fingerprint, &error)
                             : stls_certstore_remove_name(store, which, &count, &error);
    int status = result == STLS_OK
                     ? store_done(self, "removed %zu entr%s", count, count == 1 ? "y" : "ies")
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

static int run_use(store_command *self) {
    stls_trust_set set = stls_trust_set_find(self->operands[0]);
    stls_error error;
    if (set == STLS_TRUST_SET_STORED) {
        return usage_error(self->title, "SET is default, custom, all or system, not \"%s\"",
                           self->operands[0]);
    }
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status = stls_certstore_set_trust_set(store, set, &error) == STLS_OK
                     ? store_done(self, "trusted certificates in force: %s", self->operands[0])
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

static int run_reset(store_command *self) {
    stls_certstore *store = store_open(self, NULL);
    stls_error error;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status = stls_certstore_reset(store, &error) == STLS_OK
                     ? store_done(self, "custom certificates, CRLs and settings are gone")
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

static int run_export(store_command *self) {
    uint32_t parts = STLS_PARTS_PROVISIONING;
    stls_error error;
    if (self->parts != NULL && strcmp(self->parts, "all") == 0) {
        parts = STLS_PARTS_ALL;
    } else if (self->parts != NULL && strcmp(self->parts, "provisioning") != 0) {
        return usage_error(self->title, "--parts takes provisioning or all, not \"%s\"",
                           self->parts);
    }
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status =
        stls_certstore_export_file(store, parts, self->operands[0], &error) == STLS_OK
            ? store_done(self, "wrote %s%s", self->operands[0],
                         parts == STLS_PARTS_ALL ? ", with private keys: keep it safe" : "")
            : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

static int run_import(store_command *self) {
    stls_certstore *store = store_open(self, NULL);
    stls_error error;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status = stls_certstore_import_file(store, self->operands[0], NULL, &error) == STLS_OK
                     ? store_done(self, "took over what %s holds", self->operands[0])
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

/* --- Looking */

static int run_list(store_command *self) {
    stls_certstore_query query = {
        .subject = self->subject, .expiring = self->expiring, .days = self->days};
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    if (self->json) {
        json writer = json_to(stdout);
        json_object(&writer, NULL);
        json_text(&writer, "trust", stls_trust_set_name(stls_certstore_trust_set(store)));
        json_text(&writer, "send", stls_send_choice_name(stls_certstore_send(store)));
        store_entries_json(&writer, self, store, &query);
        json_object_end(&writer);
    } else if (!self->quiet) {
        printf("trusted certificates in force: %s\n",
               stls_trust_set_name(stls_certstore_trust_set(store)));
        store_print_entries(store, &query);
    }
    stls_certstore_free(store);
    return EXIT_GOOD;
}

static void print_pem(const stls_certstore_entry *entry) {
    size_t len = stls_certstore_pem(entry, NULL, 0);
    char *text = malloc(len + 1);
    if (text != NULL) {
        stls_certstore_pem(entry, text, len + 1);
        fputs(text, stdout);
        free(text);
    }
}

/* False: it cannot be shown so. */
static bool show_entry(const store_command *self, const stls_certstore_entry *entry) {
    if (self->pem && entry->der.len == 0) {
        complain(self->title, "%s \"%s\": %s", stls_place_name(entry->place), entry->name,
                 entry->damage);
        return false;
    }
    if (entry->der.len == 0) {
        printf("%s \"%s\": %s\n", stls_place_name(entry->place), entry->name, entry->damage);
    } else if (self->pem) {
        print_pem(entry);
    } else if (entry->place == STLS_PLACE_CRL) {
        store_print_crl(entry);
    } else {
        printf("%s \"%s\"\n", stls_place_name(entry->place), entry->name);
        output_certificate(self->backend, entry->der, "",
                           entry->info.not_after - entry->seconds_left);
    }
    return true;
}

static int run_show(store_command *self) {
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    stls_certstore_query query = {.name = self->operands[0]};
    if (stls_fingerprint_read(self->operands[0], fingerprint)) {
        query = (stls_certstore_query){.fingerprint = fingerprint};
    }
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    stls_certstore_entry entry;
    size_t position = 0, count = 0;
    bool good = true;
    if (self->json) {
        json writer = json_to(stdout);
        json_object(&writer, NULL);
        store_entries_json(&writer, self, store, &query);
        json_object_end(&writer);
        count = stls_certstore_count(store, &query);
    }
    while (!self->json && stls_certstore_next(store, &query, &position, &entry)) {
        good = show_entry(self, &entry) && good;
        count++;
    }
    if (count == 0) {
        complain(self->title,
                 "no certificate or CRL in %s is called \"%s\" or has that fingerprint",
                 self->folder, self->operands[0]);
    }
    stls_certstore_free(store);
    return count != 0 && good ? EXIT_GOOD : EXIT_USAGE;
}

/* --- check */

/* What should be done about `entry`; NULL: nothing. */
static const char *advice(const stls_certstore_entry *entry, unsigned days) {
    if ((entry->flags & STLS_ENTRY_DAMAGED) != 0) {
        return entry->damage;
    }
    if ((entry->flags & STLS_ENTRY_EXPOSED) != 0) {
        return "other users can read its key or change it: chmod go-w the folder and the files in "
               "it, chmod 600 the files server-*.pem, and have a key that was open to read "
               "replaced";
    }
    if (entry->place == STLS_PLACE_CRL && entry->seconds_left < (int64_t)days * 86400) {
        return entry->seconds_left < 0 ? "the next one was due: download it and add it"
                                       : "the next one will be due soon: download it and add it";
    }
    if ((entry->flags & STLS_ENTRY_EXPIRED) != 0) {
        return "it has expired: replace it";
    }
    if ((entry->flags & STLS_ENTRY_NOT_YET_VALID) != 0) {
        return "it is not valid yet: is the clock right?";
    }
    return entry->seconds_left < (int64_t)days * 86400 ? "it will expire soon: get its successor"
                                                       : NULL;
}

static void tell_trouble(const store_command *self, json *writer, const char *place,
                         const char *name, const char *what) {
    if (self->json) {
        json_object(writer, NULL);
        json_text(writer, "place", place);
        json_text(writer, "name", name);
        json_text(writer, "text", what);
        json_object_end(writer);
    } else if (!self->quiet) {
        printf("%s \"%s\": %s\n", place, name, what);
    }
}

/* Of the profiles that stand beside the lists. */
static const char *exposure_of_profiles(const store_command *self) {
    profile_place place;
    return place_find(&place, self->title, self->folder, strlen(self->folder), NULL)
               ? place_exposure(&place)
               : NULL;
}

static int run_check(store_command *self) {
    unsigned days = self->expiring ? self->days : 30;
    stls_certstore *store = store_open(self, NULL);
    stls_certstore_entry entry;
    size_t position = 0, count = 0;
    json writer = json_to(stdout);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    const char *exposure = exposure_of_profiles(self);
    if (self->json) {
        json_object(&writer, NULL);
        json_array(&writer, "troubles");
    }
    while (stls_certstore_next(store, NULL, &position, &entry)) {
        const char *what = advice(&entry, days);
        if (what != NULL) {
            count++;
            tell_trouble(self, &writer, stls_place_name(entry.place), entry.name, what);
        }
    }
    if (exposure != NULL) {
        count++;
        tell_trouble(self, &writer, "profiles", STLS_PROFILES_FILE, exposure);
    }
    if (self->json) {
        json_array_end(&writer);
        json_object_end(&writer);
    } else if (count == 0 && !self->quiet) {
        printf("all %zu certificates and CRLs are well\n", stls_certstore_count(store, NULL));
    }
    stls_certstore_free(store);
    return count == 0 ? EXIT_GOOD : EXIT_TROUBLE;
}

enum { MANY = 1000 };

const store_action store_actions[] = {
    {"init", run_init, STORE_FROM | STORE_LIST | STORE_FORCE, 0, 0, "", ""},
    {"add", run_add, STORE_NAME | STORE_PEER | STORE_MAX, 1, MANY, " and at least one FILE",
     "@file"},
    {"add-crl", run_add_crl, STORE_NAME, 1, MANY, " and at least one FILE", "@file"},
    {"list", run_list, STORE_DAYS | STORE_SUBJECT, 0, 0, "", ""},
    {"show", run_show, STORE_PEM, 1, 1, " and a name or fingerprint", ""},
    {"remove", run_remove, 0, 1, 1, " and a name or fingerprint", ""},
    {"use", run_use, 0, 1, 1, " and a SET", "default custom all system"},
    {"check", run_check, STORE_DAYS, 0, 0, "", ""},
    {"export", run_export, STORE_PARTS, 1, 1, " and a FILE", "@file"},
    {"import", run_import, STORE_MAX | STORE_PASSWORD, 1, 1, " and a FILE", "@file"},
    {"reset", run_reset, 0, 0, 0, "", ""},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};

int store_main(int argc, char **argv) {
    return store_run("store", "FOLDER", usage, store_actions, argc, argv);
}
