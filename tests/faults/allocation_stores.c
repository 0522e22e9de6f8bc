/* tests/faults/allocation_stores.c - certificate stores in a folder: every operation.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/allocation.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_SIZE = 2048, EXPORT_SIZE = 64 * 1024 };

static struct {
    char folder[64];
    stls_certstore *store;
    char before[TEXT_SIZE], after[TEXT_SIZE];
    uint8_t export[EXPORT_SIZE];
    size_t export_len;
    bool takes_for_damaged; /* what could not be read for want of memory */
} now;

/* --- A folder with a bit of everything */

static stls_certstore_options options(void) {
    return (stls_certstore_options){.create = true};
}

static bool fill(stls_certstore *store) {
    stls_bytes pem = pki_bytes("other-root.pem"), root = pki_bytes("root.pem"),
               pair = pki_join("server.pem server.key"), crl = pki_bytes("crl-root.pem");
    return stls_certstore_set_builtin(store, pem.data, pem.len, NULL, NULL) == STLS_OK &&
           stls_certstore_add(store, root.data, root.len, "root", 0, NULL, NULL) == STLS_OK &&
           stls_certstore_add_crl(store, crl.data, crl.len, "crl", NULL, NULL) == STLS_OK &&
           stls_certstore_install(store, STLS_PLACE_CUSTOM_SERVER, pair.data, pair.len, NULL, 0,
                                  NULL, NULL, NULL) == STLS_OK;
}

/* What a store holds that is opened now. */
static bool describe(char text[TEXT_SIZE]) {
    stls_certstore *store = NULL;
    stls_certstore_entry entry;
    size_t position = 0, len = 0;
    stls_certstore_options how = {.create = false};
    if (stls_certstore_open_folder(test_backend(), now.folder, &how, &store, NULL) != STLS_OK) {
        snprintf(text, TEXT_SIZE, "it cannot be opened");
        return false;
    }
    len += (size_t)snprintf(text, TEXT_SIZE, "%d %d; ", stls_certstore_trust_set(store),
                            stls_certstore_send(store));
    while (stls_certstore_next(store, NULL, &position, &entry) && len < TEXT_SIZE) {
        len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s %02x%02x%s; ",
                                stls_place_name(entry.place), entry.fingerprint[0],
                                entry.fingerprint[1], entry.damage != NULL ? " DAMAGED" : "");
    }
    stls_certstore_free(store);
    return strstr(text, "DAMAGED") == NULL;
}

static void remove_folder(void) {
    char path[512];
    DIR *folder = opendir(now.folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", now.folder, entry->d_name);
        unlink(path);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    rmdir(now.folder);
}

static bool prepare(void) {
    stls_certstore_options how = options();
    snprintf(now.folder, sizeof now.folder, "/tmp/siptls-faults-XXXXXX");
    return mkdtemp(now.folder) != NULL &&
           stls_certstore_open_folder(test_backend(), now.folder, &how, &now.store, NULL) ==
               STLS_OK &&
           fill(now.store) && describe(now.before);
}

static void finish(void) {
    stls_certstore_free(now.store);
    remove_folder();
    memset(&now, 0, sizeof now);
}

/* A change that failed has changed nothing, in the folder as well as in memory. */
static const char *flaw(const outcome *out) {
    static char text[3 * TEXT_SIZE];
    bool whole = describe(now.after), same = strcmp(now.before, now.after) == 0;
    if (!whole) {
        return now.after;
    }
    if (now.takes_for_damaged) {
        return "what is whole is taken for damaged";
    }
    if (out->result != STLS_OK && !same) {
        snprintf(text, sizeof text, "was \"%s\", is \"%s\"", now.before, now.after);
        return text;
    }
    bool changed = false;
    if (now.store != NULL && (stls_certstore_refresh(now.store, &changed, NULL) != STLS_OK ||
                              (changed && out->result != STLS_OK))) {
        return "the store that failed is not what its folder is";
    }
    return NULL;
}

static bool has_damage(const stls_certstore *store) {
    stls_certstore_entry entry;
    size_t position = 0;
    while (store != NULL && stls_certstore_next(store, NULL, &position, &entry)) {
        if (entry.damage != NULL) {
            return true;
        }
    }
    return false;
}

/* --- The operations */

static void run_open(outcome *out) {
    stls_certstore *store = NULL;
    stls_certstore_options how = options();
    did(out, stls_certstore_open_folder(test_backend(), now.folder, &how, &store, &out->error));
    now.takes_for_damaged = has_damage(store);
    stls_certstore_free(store);
}

static void run_add(outcome *out) {
    stls_bytes pem = pki_bytes("root-rsa.pem");
    did(out, stls_certstore_add(now.store, pem.data, pem.len, NULL, 0, NULL, &out->error));
}

static void run_add_file(outcome *out) {
    did(out,
        stls_certstore_add_file(now.store, pki_path("root-rsa.pem"), NULL, 0, NULL, &out->error));
}

static void run_add_files(outcome *out) {
    const char *const paths[] = {pki_path("root-rsa.pem"), pki_path("int.pem")};
    did(out, stls_certstore_add_files(now.store, paths, 2, NULL, 0, NULL, &out->error));
}

static void run_remove(outcome *out) {
    did(out, stls_certstore_remove_name(now.store, "root", NULL, &out->error));
}

static void run_builtin(outcome *out) {
    stls_bytes two = pki_bytes("two.pem");
    did(out, stls_certstore_set_builtin(now.store, two.data, two.len, NULL, &out->error));
}

static void run_crl(outcome *out) {
    stls_bytes crl = pki_bytes("crl-int.pem");
    did(out, stls_certstore_add_crl(now.store, crl.data, crl.len, NULL, NULL, &out->error));
}

static void run_crl_file(outcome *out) {
    did(out,
        stls_certstore_add_crl_file(now.store, pki_path("crl-int.pem"), NULL, NULL, &out->error));
}

static void run_install(outcome *out) {
    stls_bytes pair = pki_join("server.chain.pem server.key");
    did(out, stls_certstore_install(now.store, STLS_PLACE_UNIQUE, pair.data, pair.len, NULL, 0,
                                    NULL, NULL, &out->error));
}

static void run_install_files(outcome *out) {
    did(out, stls_certstore_install_files(now.store, STLS_PLACE_CUSTOM_SERVER,
                                          pki_path("server-rsa.chain.pem"),
                                          pki_path("server-rsa.key"), NULL, NULL, &out->error));
}

static void run_install_pkcs12(outcome *out) {
    stls_bytes p12 = pki_bytes("modern.p12");
    did(out, stls_certstore_install(now.store, STLS_PLACE_GENERIC, p12.data, p12.len, NULL, 0,
                                    "secret", NULL, &out->error));
}

static void run_uninstall(outcome *out) {
    did(out, stls_certstore_uninstall(now.store, STLS_PLACE_CUSTOM_SERVER, &out->error));
}

static void run_trust_set(outcome *out) {
    did(out, stls_certstore_set_trust_set(now.store, STLS_TRUST_SET_CUSTOM, &out->error));
}

static void run_send(outcome *out) {
    did(out, stls_certstore_set_send(now.store, STLS_SEND_CUSTOM, &out->error));
}

static void run_reset(outcome *out) {
    did(out, stls_certstore_reset(now.store, &out->error));
}

static void run_snapshot(outcome *out) {
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    did(out, stls_certstore_snapshot(now.store, test_backend(), STLS_TRUST_SET_ALL,
                                     STLS_SEND_CUSTOM, &trust, &credential, &out->error));
    stls_trust_free(trust);
    stls_credential_free(credential);
}

static stls_result keep(void *arg, const void *data, size_t len, stls_error *error) {
    (void)arg, (void)error;
    memcpy(now.export, data, len < EXPORT_SIZE ? len : EXPORT_SIZE);
    now.export_len = len;
    return STLS_OK;
}

static void run_export(outcome *out) {
    did(out, stls_certstore_export(now.store, STLS_PARTS_ALL, keep, NULL, &out->error));
}

static bool prepare_import(void) {
    outcome out = {.result = STLS_OK};
    bool prepared = prepare();
    run_export(&out);
    return prepared && out.result == STLS_OK && stls_certstore_reset(now.store, NULL) == STLS_OK &&
           describe(now.before);
}

static void run_import(outcome *out) {
    did(out, stls_certstore_import(now.store, now.export, now.export_len, NULL, &out->error));
}

/* Beside the store's folder. */
static const char *export_path(void) {
    static char path[sizeof now.folder + sizeof ".export"];
    snprintf(path, sizeof path, "%s.export", now.folder);
    return path;
}

static void run_export_file(outcome *out) {
    did(out, stls_certstore_export_file(now.store, STLS_PARTS_ALL, export_path(), &out->error));
}

/* Written whole, or not at all. */
static const char *flaw_export(const outcome *out) {
    bool there = access(export_path(), F_OK) == 0;
    unlink(export_path());
    return there == (out->result == STLS_OK) ? flaw(out) : "half exported";
}

static bool prepare_import_file(void) {
    outcome out = {.result = STLS_OK};
    bool prepared = prepare();
    run_export_file(&out);
    return prepared && out.result == STLS_OK && stls_certstore_reset(now.store, NULL) == STLS_OK &&
           describe(now.before);
}

static void run_import_file(outcome *out) {
    did(out, stls_certstore_import_file(now.store, export_path(), NULL, &out->error));
}

static void finish_import_file(void) {
    unlink(export_path());
    finish();
}

static void run_memory(outcome *out) {
    stls_certstore *store = NULL;
    stls_bytes pem = pki_bytes("root.pem"), pair = pki_join("server.chain.pem server.key");
    if (did(out, stls_certstore_new(test_backend(), NULL, &store, &out->error)) &&
        did(out, stls_certstore_add(store, pem.data, pem.len, NULL, 0, NULL, &out->error))) {
        did(out, stls_certstore_install(store, STLS_PLACE_UNIQUE, pair.data, pair.len, NULL, 0,
                                        NULL, NULL, &out->error));
    }
    stls_certstore_free(store);
}

#define STORE(words, what, before, needed)                                                         \
    {                                                                                              \
        .name = (words), .needs = (needed), .prepare = (before), .run = (what), .flaw = flaw,      \
        .finish = finish                                                                           \
    }

const scenario store_scenarios[] = {
    STORE("a store opened", run_open, prepare, 0),
    STORE("a certificate added", run_add, prepare, 0),
    STORE("a file added", run_add_file, prepare, 0),
    STORE("files added", run_add_files, prepare, 0),
    STORE("a certificate removed", run_remove, prepare, 0),
    STORE("a built-in list", run_builtin, prepare, 0),
    STORE("a CRL added", run_crl, prepare, 0),
    STORE("a CRL added of a file", run_crl_file, prepare, 0),
    STORE("a server certificate", run_install, prepare, 0),
    STORE("a server certificate in files", run_install_files, prepare, 0),
    STORE("a server certificate in PKCS#12", run_install_pkcs12, prepare, STLS_CAN_PKCS12),
    STORE("a server certificate removed", run_uninstall, prepare, 0),
    STORE("the trust set", run_trust_set, prepare, 0),
    STORE("the choice to send", run_send, prepare, 0),
    STORE("a reset", run_reset, prepare, 0),
    STORE("a snapshot", run_snapshot, prepare, 0),
    STORE("an export", run_export, prepare, 0),
    STORE("an import", run_import, prepare_import, 0),
    {.name = "an export to a file",
     .prepare = prepare,
     .run = run_export_file,
     .flaw = flaw_export,
     .finish = finish},
    {.name = "an import of a file",
     .prepare = prepare_import_file,
     .run = run_import_file,
     .flaw = flaw,
     .finish = finish_import_file},
    {.name = "a store in memory", .run = run_memory},
    {.name = NULL}};
