/* siptls device: the server certificates in a store, and which of them is sent.
 *
 * SPDX-License-Identifier: MIT */
#include "place.h"
#include "store.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: siptls device COMMAND FOLDER ...\n"
    "\n"
    "Keeps the certificates that a device shows of itself, with their private keys, in\n"
    "the store of \"siptls store init FOLDER\": a unique one of this device, a generic one\n"
    "of its model, and a custom one of its administrator.\n"
    "\n"
    "  install FOLDER --cert FILE  put one in; what was there goes only if key, password\n"
    "                              and chain of the new one are good. FILE is PEM, DER, or\n"
    "                              PKCS#12 (.p12, .pfx) with its key\n"
    "      --key FILE              its private key, if that is not in FILE too\n"
    "      --password-file FILE    whose first line is the key's password; \"-\": stdin. It\n"
    "                              is not kept: a key in PEM or DER stays encrypted, and\n"
    "                              whoever uses the store is asked for it; a key out of\n"
    "                              PKCS#12 is kept without\n"
    "      --place PLACE           custom (default), unique, or generic\n"
    "      --name NAME             such as the device's MAC; default: the file's name\n"
    "  show FOLDER                 what there is, which is sent, and why\n"
    "  use FOLDER WHICH            send device (unique, else generic), custom (else as\n"
    "                              device), or none\n"
    "  remove FOLDER PLACE         remove the custom, unique or generic one\n"
    "\n"
    "  --backend NAME              the TLS library for the checks\n"
    "  --json                      as one JSON object\n"
    "  --quiet                     print nothing but errors\n"
    "\n"
    "Exit codes:\n"
    "  0  it is done\n"
    "  1  it is not, and the store is as it was; stderr tells why\n";

/* 0 after a complaint. */
static stls_place find_place(const store_command *self, const char *name) {
    static const stls_place places[] = {STLS_PLACE_UNIQUE, STLS_PLACE_GENERIC};
    if (strcmp(name, "custom") == 0) {
        return STLS_PLACE_CUSTOM_SERVER;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(name, stls_place_name(places[i])) == 0) {
            return places[i];
        }
    }
    usage_error(self->title, "PLACE is custom, unique or generic, not \"%s\"", name);
    return (stls_place)0;
}

static int install(store_command *self, stls_place place) {
    stls_error error;
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    const char *password = self->password_file != NULL ? self->password : NULL;
    int status = stls_certstore_install_files(store, place, self->cert, self->key, password,
                                              self->name, &error) == STLS_OK
                     ? store_done(self, "installed %s as the %s certificate", self->cert,
                                  self->place != NULL ? self->place : "custom")
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

static int run_install(store_command *self) {
    if (self->cert == NULL) {
        return usage_error(self->title, "--cert FILE is missing");
    }
    stls_place place = find_place(self, self->place != NULL ? self->place : "custom");
    return place != 0 ? install(self, place) : EXIT_USAGE;
}

static int run_show(store_command *self) {
    stls_certstore_query query = {.places = STLS_PLACES_SERVER};
    stls_certstore *store = store_open(self, NULL);
    char why[160];
    if (store == NULL) {
        return EXIT_USAGE;
    }
    stls_place chosen = stls_certstore_chosen(store, STLS_SEND_STORED, why, sizeof why);
    if (self->json) {
        json writer = json_to(stdout);
        json_object(&writer, NULL);
        json_text(&writer, "send", stls_send_choice_name(stls_certstore_send(store)));
        json_text(&writer, "sent", stls_place_name(chosen));
        json_text(&writer, "why", why);
        store_entries_json(&writer, self, store, &query);
        json_object_end(&writer);
    } else if (!self->quiet) {
        store_print_entries(store, &query);
        printf("sent: %s\n", why);
    }
    stls_certstore_free(store);
    return EXIT_GOOD;
}

static int run_use(store_command *self) {
    stls_send_choice send = stls_send_choice_find(self->operands[0]);
    char why[160];
    stls_error error;
    if (send == STLS_SEND_STORED) {
        return usage_error(self->title, "WHICH is device, custom or none, not \"%s\"",
                           self->operands[0]);
    }
    stls_certstore *store = store_open(self, NULL);
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status = EXIT_USAGE;
    if (stls_certstore_set_send(store, send, &error) != STLS_OK) {
        store_failed(self, &error);
    } else {
        stls_certstore_chosen(store, STLS_SEND_STORED, why, sizeof why);
        status = store_done(self, "sent: %s", why);
    }
    stls_certstore_free(store);
    return status;
}

static int run_remove(store_command *self) {
    stls_place place = find_place(self, self->operands[0]);
    stls_error error;
    stls_certstore *store = place != 0 ? store_open(self, NULL) : NULL;
    if (store == NULL) {
        return EXIT_USAGE;
    }
    int status = stls_certstore_uninstall(store, place, &error) == STLS_OK
                     ? store_done(self, "removed the %s certificate", self->operands[0])
                     : store_failed(self, &error);
    stls_certstore_free(store);
    return status;
}

const store_action device_actions[] = {
    {"install", run_install, STORE_CERT | STORE_PASSWORD | STORE_PLACE | STORE_NAME, 0, 0, "", ""},
    {"show", run_show, 0, 0, 0, "", ""},
    {"use", run_use, 0, 1, 1, " and WHICH", "device custom none"},
    {"remove", run_remove, 0, 1, 1, " and a PLACE", "custom unique generic"},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};

int device_main(int argc, char **argv) {
    return store_run("device", "FOLDER", usage, device_actions, argc, argv);
}
