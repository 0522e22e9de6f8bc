/* store.h - what `siptls store` and `siptls device` share: their options, and how they show a
 * store.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_STORE_H
#define SIPTLS_TOOL_STORE_H

#include "json.h"
#include "place.h"
#include "tool.h"

#include <getopt.h>
#include <siptls/certstore.h>

int store_main(int argc, char **argv);
int device_main(int argc, char **argv);
int profile_main(int argc, char **argv);

/* The text of builtin-cas.txt. */
extern const char builtin_cas[];

/* Exit code of `siptls store check` when something needs to be looked at; as a refused certificate.
 */
enum { EXIT_TROUBLE = EXIT_VERIFY };

typedef struct store_command {
    char title[32]; /* "siptls store add" */
    const char *folder;
    const char *place_word; /* what the first operand is called: FOLDER, PLACE */
    char **operands;        /* behind the folder */
    int operand_count;
    const char *backend_name, *name, *subject, *from, *list, *parts, *cert, *key, *password_file,
        *place, *store, *role;
    unsigned days, max_custom;
    bool expiring, force, peer, pem, create, json, quiet;
    const stls_backend *backend;
    char password[PASSWORD_SIZE]; /* of password_file, once store_open() has read it */
} store_command;

/* Options, as bits of what an action takes; all take --backend, --json and --quiet. */
enum {
    STORE_NAME = 1 << 0,
    STORE_SUBJECT = 1 << 1,
    STORE_FROM = 1 << 2,
    STORE_LIST = 1 << 3,
    STORE_PARTS = 1 << 4,
    STORE_CERT = 1 << 5, /* and --key */
    STORE_PASSWORD = 1 << 6,
    STORE_PLACE = 1 << 7,
    STORE_DAYS = 1 << 8,
    STORE_MAX = 1 << 9,
    STORE_FORCE = 1 << 10,
    STORE_PEER = 1 << 11,
    STORE_PEM = 1 << 12,
    STORE_STORE = 1 << 13,
    STORE_ROLE = 1 << 14,
    STORE_CREATE = 1 << 15,
};

typedef struct store_action {
    const char *name;
    int (*run)(store_command *self);
    uint32_t options;
    int least, most; /* operands behind the folder */
    const char *operands;
    const char
        *words; /* for completion: what the operands behind the folder are; see completion.c */
} store_action;

/* All options, and the commands of each group. */
extern const struct option store_options[];
extern const store_action store_actions[], device_actions[], profile_actions[];

/* Whether the command takes the option with this `val`. */
bool store_takes(const store_action *action, int id);

/* Reads the command line of "siptls GROUP ACTION ..." and runs it. */
int store_run(const char *group, const char *place_word, const char *usage,
              const store_action *actions, int argc, char **argv);

/* The store in the folder, which is told the password of --password-file; NULL after the reason was
 * printed. `options` may be NULL. */
stls_certstore *store_open(store_command *self, stls_certstore_options *options);

/* Prints the sentence; returns EXIT_USAGE. */
int store_failed(const store_command *self, const stls_error *error);

/* Prints what was done (as {"done": ...} with --json), and returns EXIT_GOOD. */
int store_done(const store_command *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The entries that answer `query`: a table, or the members "entries" of the object that is open. */
void store_print_entries(const stls_certstore *store, const stls_certstore_query *query);
void store_print_crl(const stls_certstore_entry *entry);
void store_entries_json(json *writer, const store_command *self, const stls_certstore *store,
                        const stls_certstore_query *query);

#endif
