/* A store in a folder: after every failure, every kill and every power cut it holds the old lists
 * or the new ones.
 *
 * Promise P6 of SECURITY.md. With SIPTLS_POWER_CUTS=some, one in 37 images of a power cut is looked
 * at, for what is slow.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/simulated_disk.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 256, STATE_SIZE = 4096 };

static stls_bytes joined(const char *files) {
    return pki_join(files);
}

static stls_result add(stls_certstore *store, const char *files, stls_error *error) {
    stls_bytes data = joined(files);
    return stls_certstore_add(store, data.data, data.len, files, STLS_ADD_PEER, NULL, error);
}

static stls_result install(stls_certstore *store, stls_place place, const char *chain,
                           const char *key, stls_error *error) {
    stls_bytes data = joined(chain), key_data = joined(key);
    return stls_certstore_install(store, place, data.data, data.len, key_data.data, key_data.len,
                                  "secret", chain, error);
}

static stls_result set_builtin(stls_certstore *store, const char *files, stls_error *error) {
    stls_bytes data = joined(files);
    return stls_certstore_set_builtin(store, data.data, data.len, NULL, error);
}

/* All that a store holds, as text; a server certificate whose key cannot be had is "NO KEY". */
static void describe(stls_certstore *store, char text[STATE_SIZE]) {
    stls_certstore_entry entry;
    size_t position = 0, len = 0;
    len += (size_t)snprintf(text, STATE_SIZE, "%s %s",
                            stls_trust_set_name(stls_certstore_trust_set(store)),
                            stls_send_choice_name(stls_certstore_send(store)));
    while (stls_certstore_next(store, NULL, &position, &entry)) {
        len += (size_t)snprintf(text + len, STATE_SIZE - len, "; %s %s %02x%02x%s",
                                stls_place_name(entry.place), entry.name, entry.fingerprint[0],
                                entry.fingerprint[1],
                                (entry.flags & STLS_ENTRY_DAMAGED) != 0 ? " DAMAGED" : "");
    }
    stls_credential *credential = NULL;
    stls_error error;
    if (stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                STLS_SEND_CUSTOM, NULL, &credential, &error) != STLS_OK) {
        snprintf(text + len, STATE_SIZE - len, "; NO KEY: %s", error.text);
    }
    stls_credential_free(credential);
}

/* --- Power cuts and faults */

static stls_result open_simulated(const stls_certstore_options *options, stls_certstore **store,
                                  stls_error *error) {
    stls_storage storage;
    bool create = options != NULL && options->create;
    stls_result result = stls_disk_open("sim", create, &sim_disk_calls, &storage, error);
    return result == STLS_OK
               ? stls_certstore_open(stls_backend_default(), &storage, options, store, error)
               : result;
}

/* The changes that are proved. Each begins with the store of start(). */
typedef struct change_case {
    const char *name;
    stls_result (*run)(stls_certstore *store, stls_error *error);
} change_case;

static uint8_t *export_data;
static size_t export_len;

static stls_result keep_export(void *arg, const void *data, size_t len, stls_error *error) {
    (void)arg, (void)error;
    sim_bytes copy = sim_copy(data, len);
    free(export_data);
    export_data = copy.data;
    export_len = len;
    return STLS_OK;
}

static stls_result change_add(stls_certstore *store, stls_error *error) {
    return add(store, "root.pem int.pem", error);
}

static stls_result change_remove(stls_certstore *store, stls_error *error) {
    return stls_certstore_remove_name(store, "other-root.pem", NULL, error);
}

static stls_result change_install(stls_certstore *store, stls_error *error) {
    return install(store, STLS_PLACE_GENERIC, "server.pem", "server.key", error);
}

static stls_result change_replace(stls_certstore *store, stls_error *error) {
    return install(store, STLS_PLACE_CUSTOM_SERVER, "server.chain.pem", "server.key", error);
}

static stls_result change_pkcs12(stls_certstore *store, stls_error *error) {
    stls_bytes file = joined("empty-triple-des.p12");
    return stls_certstore_install(store, STLS_PLACE_CUSTOM_SERVER, file.data, file.len, NULL, 0,
                                  NULL, "p12", error);
}

static stls_result change_uninstall(stls_certstore *store, stls_error *error) {
    return stls_certstore_uninstall(store, STLS_PLACE_CUSTOM_SERVER, error);
}

static stls_result change_setting(stls_certstore *store, stls_error *error) {
    return stls_certstore_set_trust_set(store, STLS_TRUST_SET_CUSTOM, error);
}

static stls_result change_builtin(stls_certstore *store, stls_error *error) {
    return set_builtin(store, "root.pem int.pem", error);
}

static stls_result add_crl(stls_certstore *store, const char *files, stls_error *error) {
    stls_bytes data = joined(files);
    return stls_certstore_add_crl(store, data.data, data.len, files, NULL, error);
}

static stls_result change_add_crl(stls_certstore *store, stls_error *error) {
    return add_crl(store, "crl-root.pem", error);
}

static stls_result change_renew_crl(stls_certstore *store, stls_error *error) {
    return add_crl(store, "crl-int-revoked.pem", error);
}

static stls_result change_remove_crl(stls_certstore *store, stls_error *error) {
    return stls_certstore_remove_name(store, "crl-int.pem", NULL, error);
}

static stls_result change_reset(stls_certstore *store, stls_error *error) {
    return stls_certstore_reset(store, error);
}

static stls_result change_import(stls_certstore *store, stls_error *error) {
    return stls_certstore_import(store, export_data, export_len, NULL, error);
}

static const change_case changes[] = {
    {"add", change_add},
    {"remove", change_remove},
    {"install", change_install},
    {"replace", change_replace},
    {"replace by PKCS#12", change_pkcs12},
    {"uninstall", change_uninstall},
    {"setting", change_setting},
    {"built-in list", change_builtin},
    {"add a CRL", change_add_crl},
    {"renew a CRL", change_renew_crl},
    {"remove a CRL", change_remove_crl},
    {"reset", change_reset},
    {"import", change_import},
};

enum { CHANGE_COUNT = sizeof changes / sizeof changes[0] };

/* What change_import() brings: something of everything. */
static void make_export(void) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_certstore_new(stls_backend_default(), NULL, &store, &error);
    set_builtin(store, "int.pem", &error);
    add(store, "root-ed25519.pem", &error);
    CHECK_RESULT("CRL", add_crl(store, "crl-root.pem", &error), STLS_OK, &error);
    install(store, STLS_PLACE_UNIQUE, "uri-only.pem", "uri-only.key", &error);
    install(store, STLS_PLACE_CUSTOM_SERVER, "phone.pem", "phone.key", &error);
    CHECK_RESULT("export", stls_certstore_export(store, STLS_PARTS_ALL, keep_export, NULL, &error),
                 STLS_OK, &error);
    stls_certstore_free(store);
}

/* A disk with a store on it, all synced. */
static sim_disk *start(void) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    sim_reset_faults();
    sim = sim_new();
    CHECK_RESULT("create",
                 open_simulated(&(stls_certstore_options){.create = true}, &store, &error), STLS_OK,
                 &error);
    CHECK_RESULT("built in", set_builtin(store, "root-rsa.pem", &error), STLS_OK, &error);
    CHECK_RESULT("add", add(store, "other-root.pem", &error), STLS_OK, &error);
    CHECK_RESULT("install",
                 install(store, STLS_PLACE_UNIQUE, "server-rsa.pem", "server-rsa.key", &error),
                 STLS_OK, &error);
    CHECK_RESULT("install",
                 install(store, STLS_PLACE_CUSTOM_SERVER, "phone.chain.pem", "phone.key", &error),
                 STLS_OK, &error);
    CHECK_RESULT("CRL", add_crl(store, "crl-int.pem", &error), STLS_OK, &error);
    stls_certstore_free(store);
    sim_sync(SIM_FOLDER);
    return sim;
}

/* What a fresh look at the disk `at` finds; "" and the reason if it cannot be opened. */
static stls_result look(sim_disk *at, char text[STATE_SIZE], stls_error *error) {
    stls_certstore *store = NULL;
    sim_disk *before = sim;
    sim = at;
    text[0] = '\0';
    stls_result result = open_simulated(NULL, &store, error);
    if (result == STLS_OK) {
        describe(store, text);
    }
    stls_certstore_free(store);
    sim = before;
    return result;
}

/* Old and new state of a change. */
static char old_state[STATE_SIZE], new_state[STATE_SIZE];

static bool is_old_or_new(const char *state) {
    return strcmp(state, old_state) == 0 || strcmp(state, new_state) == 0;
}

static void find_states(const sim_disk *base, const change_case *change) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    sim = sim_duplicate(base);
    CHECK_RESULT("open", open_simulated(NULL, &store, &error), STLS_OK, &error);
    describe(store, old_state);
    CHECK_RESULT("change", change->run(store, &error), STLS_OK, &error);
    describe(store, new_state);
    CHECK(strcmp(old_state, new_state) != 0, "the change changes something");
    CHECK(strstr(old_state, "DAMAGED") == NULL && strstr(old_state, "NO KEY") == NULL, "%s",
          old_state);
    CHECK(strstr(new_state, "DAMAGED") == NULL && strstr(new_state, "NO KEY") == NULL, "%s",
          new_state);
    stls_certstore_free(store);
    sim_free(sim);
}

/* The store must not only be readable, but go on. */
static bool goes_on(sim_disk *disk) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    sim_disk *before = sim;
    sim = disk;
    bool good = open_simulated(NULL, &store, &error) == STLS_OK &&
                stls_certstore_set_send(store, STLS_SEND_NONE, &error) == STLS_OK &&
                add(store, "root-ed25519.pem", NULL) != STLS_E_FILE;
    stls_certstore_free(store);
    sim = before;
    return CHECK(good, "%s", error.text);
}

/* One in so many images is looked at. */
static size_t image_step(void) {
    const char *wanted = getenv("SIPTLS_POWER_CUTS");
    return wanted != NULL && strcmp(wanted, "some") == 0 ? 37 : 1;
}

/* Every image that a power cut at this moment can leave. The number of those that were looked at.
 */
static size_t check_power_cuts(const sim_disk *disk) {
    static size_t number; /* goes on from one moment to the next, so that others have their turn */
    size_t images = 0;
    unsigned masks = 1U << disk->change_count;
    for (unsigned mask = 0; mask < masks; mask++) {
        for (int data = 0; data < SIM_DATA_MODES; data++) {
            if (number++ % image_step() != 0) {
                continue;
            }
            char state[STATE_SIZE];
            stls_error error = {.result = STLS_NOT_DONE};
            sim_disk *cut = sim_cut(disk, mask, (sim_data)data);
            look(cut, state, &error);
            CHECK(is_old_or_new(state), "changes %x, data %d: neither old nor new: %s%s", mask,
                  data, state, state[0] == '\0' ? error.text : "");
            if (mask % 5 == 0) {
                goes_on(cut);
            }
            sim_free(cut);
            images++;
        }
    }
    return images;
}

/* Runs a change on a copy of `base`, with call number `call` failing; false if there are not so
 * many calls. What a reader, and what a power cut finds afterwards, is checked. */
static bool run_with_fault(const sim_disk *base, const change_case *change, int call, int fail_for,
                           int reason, size_t *images) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE}, of_look = error;
    char in_memory[STATE_SIZE], on_disk[STATE_SIZE];
    sim_disk *disk = sim_duplicate(base);
    sim = disk;
    sim_reset_faults();
    CHECK_RESULT("open", open_simulated(NULL, &store, &error), STLS_OK, &error);
    sim_calls = 0;
    sim_fail_at = call;
    sim_fail_for = fail_for;
    sim_fail_with = reason;
    stls_result result = change->run(store, &error);
    bool failed = sim_failed;
    sim_reset_faults();
    CHECK(sim->change_count <= 10, "%d changes", sim->change_count);
    look(disk, on_disk, &of_look);
    CHECK(is_old_or_new(on_disk), "neither old nor new: %s", on_disk);
    describe(store, in_memory);
    if (fail_for == 2) {
        /* The second fault may have hidden which index there is. */
        CHECK_RESULT("refresh", stls_certstore_refresh(store, NULL, &of_look), STLS_OK, &of_look);
        describe(store, in_memory);
    }
    if (fail_for != SIM_KILLED) {
        CHECK_TEXT("in memory it is as on disk", in_memory, on_disk);
        bool is_new = strcmp(on_disk, new_state) == 0;
        bool says_new = result == STLS_OK || strstr(error.text, "the change is made") != NULL;
        CHECK(is_new == says_new || fail_for == 2, "%s says %s, but it is %s: %s",
              stls_result_name(result), says_new ? "new" : "old", is_new ? "new" : "old",
              error.text);
    }
    *images += check_power_cuts(disk);
    stls_certstore_free(store);
    sim_free(disk);
    return failed;
}

static void test_faults(void) {
    static const int kinds[] = {1, 2, SIM_KILLED};
    sim_disk *base = start();
    size_t images = 0, faults = 0;
    make_export();
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        find_states(base, &changes[i]);
        for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
            bool more = true;
            for (int call = 0; more; call++) {
                check_case("%s, call %d and %d more fail", changes[i].name, call, kinds[kind] - 1);
                more = run_with_fault(base, &changes[i], call, kinds[kind],
                                      call % 2 != 0 ? ENOSPC : EIO, &images);
                faults += more;
            }
        }
    }
    printf("\n    %zu faults, %zu images of a power cut ", faults, images);
    CHECK(faults > 300 && images > 5000 / image_step(), "%zu faults, %zu images", faults, images);
    sim_free(base);
}

/* Creating a store is a change, too: there is none, or an empty one. */
static void test_creating(void) {
    bool more = true;
    for (int call = 0; more; call++) {
        stls_certstore *store = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("call %d", call);
        sim = sim_new();
        sim_reset_faults();
        sim_fail_at = call;
        sim_fail_for = SIM_KILLED;
        stls_result result =
            open_simulated(&(stls_certstore_options){.create = true}, &store, &error);
        more = sim_failed;
        sim_reset_faults();
        CHECK(result == STLS_OK || store == NULL, "nothing is handed out");
        stls_certstore_free(store);
        sim_disk *disk = sim;
        for (unsigned mask = 0; disk->exists && mask < 1U << disk->change_count; mask++) {
            for (int data = 0; data < SIM_DATA_MODES; data++) {
                sim_disk *cut = sim_cut(disk, mask, (sim_data)data);
                sim = cut;
                store = NULL;
                result = open_simulated(NULL, &store, &error);
                CHECK(result == STLS_OK || (result == STLS_E_FILE && strstr(error.text, "init")),
                      "%s: %s", stls_result_name(result), error.text);
                stls_certstore_free(store);
                store = NULL;
                CHECK_RESULT(
                    "once more",
                    open_simulated(&(stls_certstore_options){.create = true}, &store, &error),
                    STLS_OK, &error);
                stls_certstore_free(store);
                sim_free(cut);
            }
        }
        sim_free(disk);
    }
}

/* --- Readers meanwhile */

static size_t looks;

static void look_meanwhile(void) {
    char state[STATE_SIZE];
    stls_error error = {.result = STLS_NOT_DONE};
    int calls = sim_calls;
    look(sim, state, &error);
    sim_calls = calls;
    CHECK(is_old_or_new(state), "neither old nor new: %s%s", state, error.text);
    looks++;
}

static void test_readers(void) {
    sim_disk *base = start();
    make_export();
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        stls_certstore *store = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", changes[i].name);
        find_states(base, &changes[i]);
        sim_disk *disk = sim_duplicate(base);
        sim = disk;
        CHECK_RESULT("open", open_simulated(NULL, &store, &error), STLS_OK, &error);
        sim_hook = look_meanwhile;
        CHECK_RESULT("change", changes[i].run(store, &error), STLS_OK, &error);
        sim_hook = NULL;
        stls_certstore_free(store);
        sim_free(disk);
    }
    CHECK(looks > 100, "%zu looks", looks);
    sim_free(base);
}

static const change_case *meanwhile;
static int meanwhile_at;

static void change_meanwhile(void) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (meanwhile_at-- != 0) {
        return;
    }
    CHECK_RESULT("writer", open_simulated(NULL, &store, &error), STLS_OK, &error);
    CHECK_RESULT("its change", meanwhile->run(store, &error), STLS_OK, &error);
    stls_certstore_free(store);
}

/* A writer's whole change falls between two calls of a reader. */
static void test_writer_meanwhile(void) {
    sim_disk *base = start();
    make_export();
    for (size_t i = 0; i < CHANGE_COUNT; i++) {
        find_states(base, &changes[i]);
        bool reached = true;
        for (int at = 0; reached; at++) {
            char state[STATE_SIZE] = "";
            stls_certstore *store = NULL;
            stls_error error = {.result = STLS_NOT_DONE};
            check_case("%s at call %d", changes[i].name, at);
            sim_disk *disk = sim_duplicate(base);
            sim = disk;
            meanwhile = &changes[i];
            meanwhile_at = at;
            sim_hook = change_meanwhile;
            CHECK_RESULT("reader", open_simulated(NULL, &store, &error), STLS_OK, &error);
            sim_hook = NULL;
            reached = meanwhile_at < 0;
            describe(store, state);
            /* The key is read at the snapshot, when an old one may be gone. */
            char *no_key = strstr(state, "; NO KEY");
            if (no_key != NULL) {
                stls_certstore_refresh(store, NULL, NULL);
                describe(store, state);
            }
            CHECK(is_old_or_new(state), "neither old nor new: %s", state);
            stls_certstore_free(store);
            sim_free(disk);
        }
    }
    sim_free(base);
}

/* --- Other troubles, by their error numbers */

static void test_errors(void) {
    static const struct {
        int reason;
        const char *text;
    } cases[] = {{EROFS, "mount it for writing first"},
                 {ENOSPC, "make room there"},
                 {EACCES, "chown, chmod"},
                 {EIO, "Input/output error"}};
    sim_disk *base = start();
    make_export();
    for (size_t i = 0; i < CHANGE_COUNT * sizeof cases / sizeof cases[0]; i++) {
        const change_case *change = &changes[i % CHANGE_COUNT];
        size_t trouble = i / CHANGE_COUNT;
        stls_certstore *store = NULL;
        char state[STATE_SIZE];
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s: %s", change->name, cases[trouble].text);
        find_states(base, change);
        sim = base;
        CHECK_RESULT("open", open_simulated(NULL, &store, &error), STLS_OK, &error);
        sim_reset_faults();
        sim_fail_at = 0;
        sim_fail_for = SIM_KILLED;
        sim_fail_with = cases[trouble].reason;
        CHECK_RESULT("change", change->run(store, &error), STLS_E_FILE, &error);
        sim_reset_faults();
        CHECK_CONTAINS("sentence", error.text, "folder sim: cannot write lock");
        CHECK_CONTAINS("cure", error.text, cases[trouble].text);
        describe(store, state);
        CHECK_TEXT("the lists", state, old_state);
        stls_certstore_free(store);
    }
    sim_free(base);
}

/* --- A real folder */

static char folder[PATH_SIZE];

static const char *in_folder(const char *name) {
    static char path[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "/tmp/siptls-store-XXXXXX");
    CHECK(mkdtemp(folder) != NULL, "a folder");
}

static void remove_file(void *arg, const char *name) {
    int fd = *(const int *)arg;
    stls_disk_system.remove(fd, name); /* not "." and ".." */
}

static void remove_folder(void) {
    int fd = stls_disk_system.open_folder(folder);
    if (fd >= 0) {
        stls_disk_system.list(fd, remove_file, &fd);
        stls_disk_system.close(fd);
    }
    rmdir(folder);
}

static stls_certstore *open_folder(const stls_certstore_options *options) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT(
        "open", stls_certstore_open_folder(stls_backend_default(), folder, options, &store, &error),
        STLS_OK, &error);
    return store;
}

static stls_certstore *create_folder(void) {
    make_folder();
    return open_folder(&(stls_certstore_options){.create = true});
}

/* Finds a file that begins with `prefix`. */
typedef struct search {
    const char *prefix;
    char name[PATH_SIZE];
} search;

static void match_prefix(void *arg, const char *name) {
    search *self = arg;
    if (strncmp(name, self->prefix, strlen(self->prefix)) == 0) {
        snprintf(self->name, sizeof self->name, "%s", name);
    }
}

static const char *find_file(const char *prefix) {
    static search self;
    self = (search){.prefix = prefix};
    int fd = stls_disk_system.open_folder(folder);
    stls_disk_system.list(fd, match_prefix, &self);
    stls_disk_system.close(fd);
    return in_folder(self.name);
}

static mode_t mode_of(const char *path) {
    struct stat facts = {.st_mode = 0};
    stat(path, &facts);
    return facts.st_mode & 07777;
}

static void test_folder(void) {
    char before[STATE_SIZE], after[STATE_SIZE];
    stls_error error = {.result = STLS_NOT_DONE};
    mode_t mask = umask(022);
    stls_certstore *store = create_folder();
    CHECK_RESULT("built in", set_builtin(store, "root.pem root-expired.pem", &error), STLS_OK,
                 &error);
    CHECK_RESULT("add", add(store, "other-root.pem self-signed.pem", &error), STLS_OK, &error);
    CHECK_RESULT("install", install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", &error),
                 STLS_OK, &error);
    CHECK_RESULT(
        "install",
        install(store, STLS_PLACE_CUSTOM_SERVER, "server-rsa.chain.pem", "server-rsa.key", &error),
        STLS_OK, &error);
    CHECK_RESULT("CRL", add_crl(store, "crl-two.pem", &error), STLS_OK, &error);
    CHECK_RESULT("set", stls_certstore_set_send(store, STLS_SEND_CUSTOM, &error), STLS_OK, &error);
    describe(store, before);
    uint64_t generation = stls_certstore_generation(store);
    stls_certstore_free(store);
    CHECK_NUMBER("key's mode", mode_of(find_file("server-")), 0600);
    CHECK_NUMBER("certificate's mode", mode_of(find_file("ca-")), 0644);
    CHECK_NUMBER("index's mode", mode_of(in_folder("index")), 0644);
    store = open_folder(NULL);
    describe(store, after);
    CHECK_TEXT("again", after, before);
    CHECK_NUMBER("generation", stls_certstore_generation(store), generation);
    CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
    stls_certstore_free(store);
    CHECK_TEXT("no custom file is left", find_file("ca-"), in_folder(""));
    umask(mask);
    remove_folder();
}

static int opened;

/* The first time it is not there yet. */
static int open_late(const char *path) {
    errno = ENOENT;
    return opened++ == 0 ? -1 : stls_disk_system.open_folder(path);
}

/* Another process makes the folder between our look and our mkdir(). */
static void test_made_meanwhile(void) {
    stls_disk_calls calls = stls_disk_system;
    stls_storage storage;
    stls_error error = {.result = STLS_NOT_DONE};
    make_folder();
    opened = 0;
    calls.open_folder = open_late;
    stls_result result = stls_disk_open(folder, true, &calls, &storage, &error);
    CHECK_RESULT("open", result, STLS_OK, &error);
    if (result == STLS_OK) {
        storage.close(storage.arg);
    }
    remove_folder();
}

static void test_two_processes(void) {
    stls_certstore *a = create_folder(), *b = open_folder(NULL);
    stls_error error = {.result = STLS_NOT_DONE};
    bool changed = false;
    CHECK_RESULT("a", add(a, "root.pem", &error), STLS_OK, &error);
    CHECK_RESULT("b", add(b, "int.pem", &error), STLS_OK, &error);
    CHECK_NUMBER("b has both", stls_certstore_count(b, NULL), 2);
    CHECK_NUMBER("a has not looked", stls_certstore_count(a, NULL), 1);
    CHECK_RESULT("refresh", stls_certstore_refresh(a, &changed, &error), STLS_OK, &error);
    CHECK_NUMBER("changed", changed, true);
    CHECK_NUMBER("a has both", stls_certstore_count(a, NULL), 2);
    CHECK_RESULT("refresh", stls_certstore_refresh(a, &changed, &error), STLS_OK, &error);
    CHECK_NUMBER("changed", changed, false);
    CHECK_RESULT("b is there", add(a, "int.pem", &error), STLS_E_REFUSED, &error);
    stls_certstore_free(a);
    stls_certstore_free(b);
    remove_folder();
}

/* A living process holds the lock; then it is killed. */
static void test_lock(void) {
    stls_certstore *store = create_folder();
    stls_error error = {.result = STLS_NOT_DONE};
    int ready[2];
    CHECK(pipe(ready) == 0, "a pipe");
    pid_t child = fork();
    if (child == 0) {
        int fd = open(in_folder("lock"), O_RDWR | O_CREAT, 0600);
        bool good = flock(fd, LOCK_EX) == 0 && write(ready[1], "x", 1) == 1;
        pause();
        _exit(good);
    }
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1, "the other process is ready");
    stls_certstore_free(store);
    store = open_folder(&(stls_certstore_options){.lock_ms = 50});
    CHECK_RESULT("locked", add(store, "root.pem", &error), STLS_E_STATE, &error);
    CHECK_CONTAINS("sentence", error.text, "another process has been changing it");
    CHECK_CONTAINS("whose", error.text, in_folder("lock"));
    CHECK_RESULT("reading", stls_certstore_refresh(store, NULL, &error), STLS_OK, &error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    CHECK_RESULT("its process is dead", add(store, "root.pem", &error), STLS_OK, &error);
    close(ready[0]);
    close(ready[1]);
    stls_certstore_free(store);
    remove_folder();
}

/* A child that another thread forks in the middle of a change, and that lives on. */
static pid_t forked;

static int fork_and_rename(int at, const char *from, const char *to) {
    if (forked == 0 && (forked = fork()) == 0) {
        pause();
        _exit(0);
    }
    return stls_disk_system.rename(at, from, to);
}

static void end_forked(void) {
    CHECK(forked > 0 && kill(forked, SIGKILL) == 0, "there was a child");
    waitpid(forked, NULL, 0);
    forked = 0;
}

/* The child holds nothing. */
static void test_forked(void) {
    stls_certstore_free(create_folder());
    stls_disk_calls calls = stls_disk_system;
    stls_storage storage;
    stls_certstore *store = NULL;
    stls_certstore_options options = {.lock_ms = 50};
    stls_error error = {.result = STLS_NOT_DONE};
    calls.rename = fork_and_rename;
    CHECK_RESULT("storage", stls_disk_open(folder, false, &calls, &storage, &error), STLS_OK,
                 &error);
    CHECK_RESULT("open",
                 stls_certstore_open(stls_backend_default(), &storage, &options, &store, &error),
                 STLS_OK, &error);
    CHECK_RESULT("a change", add(store, "root.pem", &error), STLS_OK, &error);
    CHECK_RESULT("the next", add(store, "int.pem", &error), STLS_OK, &error);
    end_forked();
    stls_certstore_free(store);

    stls_bytes data = {(const uint8_t *)"siptls-export 1\n", 16};
    const char *path = in_folder("backup");
    CHECK_RESULT("a file", stls_disk_save(path, "siptls-export ", data, &calls, &error), STLS_OK,
                 &error);
    int fd = stls_disk_system.open_folder(folder);
    CHECK(stls_disk_system.lock(fd) == 0, "its folder is not locked");
    stls_disk_system.close(fd);
    end_forked();
    remove_folder();
}

static void write_text(const char *path, const char *text, size_t len) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(text, 1, len, file) == len, "writing %s", path);
    if (file != NULL) {
        fclose(file);
    }
}

static void expect_open(const char *what, stls_result expected, const char *text) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT(what,
                 stls_certstore_open_folder(stls_backend_default(), folder, NULL, &store, &error),
                 expected, &error);
    CHECK_CONTAINS(what, error.text, text);
    stls_certstore_free(store);
}

static void test_bad_index(void) {
    char index[4096] = "", other[4096];
    make_folder();
    expect_open("empty folder", STLS_E_FILE, "siptls store init");
    stls_certstore *store = open_folder(&(stls_certstore_options){.create = true});
    add(store, "root.pem", NULL);
    stls_certstore_free(store);
    FILE *file = fopen(in_folder("index"), "rb");
    size_t len = file != NULL ? fread(index, 1, sizeof index - 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    for (size_t cut = 0; cut < len; cut++) {
        write_text(in_folder("index"), index, cut);
        check_case("cut to %zu bytes", cut);
        expect_open("cut off", STLS_E_FORMAT, "siptls store init --force");
    }
    for (size_t at = strlen("siptls-store 1\n"); at < len; at++) {
        memcpy(other, index, len);
        other[at] ^= 1;
        write_text(in_folder("index"), other, len);
        check_case("byte %zu", at);
        expect_open("changed", STLS_E_FORMAT, "siptls store init --force");
    }
    memcpy(other, index, len);
    other[strlen("siptls-store ")] = '2';
    write_text(in_folder("index"), other, len);
    expect_open("version", STLS_E_UNSUPPORTED, "is of format 2");
    store = open_folder(&(stls_certstore_options){.replace = true});
    CHECK_NUMBER("replaced", stls_certstore_count(store, NULL), 0);
    CHECK_TEXT("and cleared", find_file("ca-"), in_folder(""));
    stls_certstore_free(store);
    remove_folder();
    expect_open("no folder", STLS_E_FILE, "No such file");
    snprintf(folder, sizeof folder, "/nowhere/at/all");
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("nothing above",
                 stls_certstore_open_folder(stls_backend_default(), folder,
                                            &(stls_certstore_options){.create = true}, &store,
                                            &error),
                 STLS_E_FILE, &error);
}

/* What another store takes the place of is there until that is. */
static void test_making(void) {
    char before[STATE_SIZE], after[STATE_SIZE], made[STATE_SIZE];
    stls_certstore *store = create_folder(), *other = NULL;
    stls_certstore_options options = {.replace = true};
    stls_error error = {.result = STLS_NOT_DONE};
    make_export();
    stls_certstore_new(stls_backend_default(), NULL, &other, &error);
    stls_certstore_import(other, export_data, export_len, NULL, &error);
    describe(other, made);
    stls_certstore_free(other);
    install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", &error);
    describe(store, before);
    stls_certstore_free(store);
    CHECK_RESULT("an export that is cut off",
                 stls_certstore_make_folder(stls_backend_default(), folder, &options, export_data,
                                            export_len - 1, &store, &error),
                 STLS_E_FORMAT, &error);
    store = open_folder(NULL);
    describe(store, after);
    CHECK_TEXT("the old one", after, before);
    stls_certstore_free(store);
    CHECK_RESULT("whole",
                 stls_certstore_make_folder(stls_backend_default(), folder, &options, export_data,
                                            export_len, &store, &error),
                 STLS_OK, &error);
    describe(store, after);
    CHECK_TEXT("the new one", after, made);
    CHECK_NUMBER("generation", stls_certstore_generation(store), 3);
    stls_certstore_free(store);
    store = open_folder(NULL);
    describe(store, after);
    CHECK_TEXT("in the folder", after, made);
    stls_certstore_free(store);
    CHECK_RESULT("NULL",
                 stls_certstore_make_folder(stls_backend_default(), folder, &options, NULL, 1,
                                            &store, &error),
                 STLS_E_ARGUMENT, &error);
    remove_folder();
}

/* Who has the store open sees by its generation that it is another one. */
static void test_generation(void) {
    static const struct {
        const char *index; /* in the place of the one that is there; NULL: that one */
        uint64_t expected;
    } rows[] = {
        {NULL, 4}, /* 1 when it was made, and two changes */
        {"siptls-store 1\ngeneration 7\ntrust nobody\n", 8},
        {"siptls-store 2\ngeneration 9\nwhat is to come\n", 10},
        {"siptls-store 1\ngeneration 9", 1},                      /* of several figures? */
        {"siptls-store 1\ngeneration 18446744073709551614\n", 1}, /* there is none behind it */
        {"siptls-store 1\n", 1},
        {"", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stls_certstore *before = create_folder();
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("row %zu", i);
        add(before, "root.pem", &error);
        CHECK_RESULT("add", add(before, "int.pem", &error), STLS_OK, &error);
        if (rows[i].index != NULL) {
            write_text(in_folder("index"), rows[i].index, strlen(rows[i].index));
        }
        stls_certstore *store = open_folder(&(stls_certstore_options){.replace = true});
        CHECK_NUMBER("generation", stls_certstore_generation(store), rows[i].expected);
        CHECK_RESULT("refresh", stls_certstore_refresh(before, NULL, &error), STLS_OK, &error);
        CHECK_NUMBER("for the other", stls_certstore_generation(before), rows[i].expected);
        CHECK_RESULT("a change", add(before, "root.pem", &error), STLS_OK, &error);
        CHECK_NUMBER("after it", stls_certstore_generation(before), rows[i].expected + 1);
        stls_certstore_free(store);
        stls_certstore_free(before);
        remove_folder();
    }
}

static uint32_t flags_at(const stls_certstore *store, stls_place place) {
    stls_certstore_query query = {.places = place};
    stls_certstore_entry entry = {.flags = 0};
    size_t position = 0;
    stls_certstore_next(store, &query, &position, &entry);
    return entry.flags;
}

/* Blobs that are gone, cut off, or another's. */
static void test_bad_blobs(void) {
    static const struct {
        const char *prefix;
        stls_place place;
    } blobs[] = {{"builtin-", STLS_PLACE_BUILTIN},
                 {"ca-", STLS_PLACE_CUSTOM},
                 {"server-", STLS_PLACE_CUSTOM_SERVER},
                 {"crl-", STLS_PLACE_CRL}};
    for (size_t i = 0; i < 12; i++) {
        stls_certstore *store = create_folder();
        stls_trust *trust = NULL;
        stls_credential *credential = NULL;
        stls_error error = {.result = STLS_NOT_DONE};
        stls_place place = blobs[i / 3].place;
        set_builtin(store, "int.pem", NULL);
        add(store, "other-root.pem", NULL);
        install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", NULL);
        add_crl(store, "crl-int.pem", NULL);
        stls_certstore_set_send(store, STLS_SEND_CUSTOM, NULL);
        stls_certstore_free(store);
        const char *path = find_file(blobs[i / 3].prefix);
        stls_bytes other = joined("root.pem");
        if (i % 3 == 0) {
            CHECK(unlink(path) == 0, "removed");
        } else if (i % 3 == 1) {
            CHECK(truncate(path, 100) == 0, "cut off");
        } else {
            write_text(path, (const char *)other.data, other.len);
        }
        check_case("%s, trouble %zu", blobs[i / 3].prefix, i % 3);
        store = open_folder(NULL);
        CHECK_NUMBER("entries", stls_certstore_count(store, NULL), 4);
        CHECK((flags_at(store, place) & STLS_ENTRY_DAMAGED) != 0, "flagged");
        /* Without another identity, and without what a CRL revokes, nothing goes on. */
        bool is_fatal = place == STLS_PLACE_CUSTOM_SERVER || place == STLS_PLACE_CRL;
        CHECK_RESULT("snapshot",
                     stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                             STLS_SEND_STORED, &trust, &credential, &error),
                     is_fatal ? STLS_E_FORMAT : STLS_OK, &error);
        CHECK_NUMBER("anchors", stls_trust_count(trust), is_fatal ? 0 : 1);
        CHECK_RESULT("other changes",
                     stls_certstore_set_trust_set(store, STLS_TRUST_SET_CUSTOM, &error), STLS_OK,
                     &error);
        CHECK_RESULT("export",
                     stls_certstore_export(store, STLS_PARTS_ALL, keep_export, NULL, &error),
                     STLS_E_FORMAT, &error);
        CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
        CHECK_NUMBER("after a reset", stls_certstore_count(store, NULL), 1);
        stls_trust_free(trust);
        stls_credential_free(credential);
        stls_certstore_free(store);
        remove_folder();
    }
}

/* A file that was whole when the store was opened, and is not when the key is wanted. */
static void test_late_damage(void) {
    stls_certstore *store = create_folder();
    stls_credential *credential = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", &error);
    CHECK(truncate(find_file("server-"), 700) == 0, "cut off");
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, NULL, &credential, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "install the certificate again");
    stls_certstore_free(store);
    remove_folder();
}

/* What was damaged and is whole again counts again, in stores that are open, too. */
static void test_mended(void) {
    stls_certstore *store = create_folder(), *other;
    stls_error error = {.result = STLS_NOT_DONE};
    char path[PATH_SIZE];
    bool changed = true;
    add(store, "root.pem", &error);
    snprintf(path, sizeof path, "%s", find_file("ca-"));
    CHECK(rename(path, in_folder("away")) == 0, "away");
    other = open_folder(NULL);
    CHECK((flags_at(other, STLS_PLACE_CUSTOM) & STLS_ENTRY_DAMAGED) != 0, "damaged");
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(!changed, "nothing has changed");
    CHECK_RESULT("a change", stls_certstore_set_trust_set(other, STLS_TRUST_SET_CUSTOM, &error),
                 STLS_OK, &error);
    CHECK((flags_at(other, STLS_PLACE_CUSTOM) & STLS_ENTRY_DAMAGED) != 0, "still damaged");
    CHECK(rename(in_folder("away"), path) == 0, "back");
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(changed, "it has changed");
    CHECK_NUMBER("flags", flags_at(other, STLS_PLACE_CUSTOM), 0);
    CHECK_RESULT("again", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(!changed, "nothing has changed");
    stls_certstore_free(other);
    stls_certstore_free(store);
    remove_folder();
}

/* A CRL that is added again takes the place of what was damaged of it. */
static void test_crl_again(void) {
    stls_certstore *store = create_folder();
    stls_trust *trust = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    add_crl(store, "crl-int.pem", &error);
    stls_certstore_free(store);
    CHECK(truncate(find_file("crl-"), 100) == 0, "cut off");
    store = open_folder(NULL);
    CHECK_RESULT("add", add_crl(store, "crl-int.pem", &error), STLS_OK, &error);
    CHECK_NUMBER("entries", stls_certstore_count(store, NULL), 1);
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, &trust, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("export", stls_certstore_export(store, STLS_PARTS_ALL, keep_export, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("import", stls_certstore_import(store, export_data, export_len, NULL, &error),
                 STLS_OK, &error);
    stls_trust_free(trust);
    stls_certstore_free(store);
    remove_folder();
}

static size_t count_damaged(const stls_certstore *store) {
    stls_certstore_query query = {.places = STLS_PLACE_CUSTOM};
    stls_certstore_entry entry;
    size_t position = 0, count = 0;
    while (stls_certstore_next(store, &query, &position, &entry)) {
        count += (entry.flags & STLS_ENTRY_DAMAGED) != 0;
    }
    return count;
}

/* As many are damaged as before, but others. */
static void test_mended_and_damaged(void) {
    stls_certstore *store = create_folder(), *other;
    stls_error error = {.result = STLS_NOT_DONE};
    char first[PATH_SIZE], second[PATH_SIZE];
    bool changed = false;
    add(store, "root.pem other-root.pem", &error);
    snprintf(first, sizeof first, "%s", find_file("ca-"));
    CHECK(rename(first, in_folder("away")) == 0, "away");
    snprintf(second, sizeof second, "%s", find_file("ca-"));
    other = open_folder(NULL);
    CHECK_NUMBER("damaged", count_damaged(other), 1);
    CHECK(rename(in_folder("away"), first) == 0, "back");
    CHECK(rename(second, in_folder("away")) == 0, "the other away");
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(changed, "it has changed");
    CHECK_NUMBER("damaged", count_damaged(other), 1);
    CHECK(rename(in_folder("away"), second) == 0, "back");
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK_NUMBER("damaged", count_damaged(other), 0);
    stls_certstore_free(other);
    stls_certstore_free(store);
    remove_folder();
}

/* Two CAs in `store`, the file of the first, `path`, moved away; and the folder opened again, whose
 * files `open` opens. */
static stls_certstore *open_with_one_away(stls_certstore *store,
                                          int (*open)(int, const char *, int, mode_t),
                                          char path[PATH_SIZE]) {
    stls_certstore *other = NULL;
    static stls_disk_calls calls; /* the store goes on with them */
    stls_storage storage;
    stls_error error = {.result = STLS_NOT_DONE};
    calls = stls_disk_system;
    calls.open = open;
    add(store, "root.pem", &error);
    snprintf(path, PATH_SIZE, "%s", find_file("ca-"));
    add(store, "other-root.pem", &error);
    CHECK(rename(path, in_folder("away")) == 0, "away");
    CHECK_RESULT("storage", stls_disk_open(folder, false, &calls, &storage, &error), STLS_OK,
                 &error);
    CHECK_RESULT("open",
                 stls_certstore_open(stls_backend_default(), &storage, NULL, &other, &error),
                 STLS_OK, &error);
    return other;
}

static stls_certstore *writer; /* changes the store while another reads it; NULL: no more */

static int open_after_change(int at, const char *name, int flags, mode_t mode) {
    if (writer != NULL && strncmp(name, "ca-", 3) == 0) {
        stls_certstore *now = writer;
        writer = NULL;
        CHECK_RESULT("a change", stls_certstore_remove_name(now, "other-root.pem", NULL, NULL),
                     STLS_OK, NULL);
    }
    return stls_disk_system.open(at, name, flags, mode);
}

/* A writer takes away what the index named when it was read. */
static void test_mended_late(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    char path[PATH_SIZE];
    bool changed = false;
    stls_certstore *store = create_folder(),
                   *other = open_with_one_away(store, open_after_change, path);
    CHECK_NUMBER("damaged", count_damaged(other), 1);
    writer = store;
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(writer == NULL && changed, "the store has changed");
    CHECK_NUMBER("damaged", count_damaged(other), 1);
    stls_certstore_free(other);
    stls_certstore_free(store);
    remove_folder();
}

static bool is_short; /* of descriptors, but for the index */

static int open_short(int at, const char *name, int flags, mode_t mode) {
    if (is_short && strncmp(name, "ca-", 3) == 0) {
        errno = EMFILE;
        return -1;
    }
    return stls_disk_system.open(at, name, flags, mode);
}

/* What is whole in memory stays so while its file cannot be read, though another is damaged. */
static void test_out_of_reach(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    char path[PATH_SIZE];
    bool changed = true;
    stls_certstore *store = create_folder(), *other = open_with_one_away(store, open_short, path);
    is_short = true;
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(!changed, "nothing has changed");
    CHECK_NUMBER("damaged", count_damaged(other), 1);
    is_short = false;
    CHECK(rename(in_folder("away"), path) == 0, "back");
    CHECK_RESULT("refresh", stls_certstore_refresh(other, &changed, &error), STLS_OK, &error);
    CHECK(changed, "it has changed");
    CHECK_NUMBER("damaged", count_damaged(other), 0);
    stls_certstore_free(other);
    stls_certstore_free(store);
    remove_folder();
}

static void test_modes(void) {
    stls_certstore *store = create_folder();
    add(store, "root.pem", NULL);
    install(store, STLS_PLACE_UNIQUE, "server.pem", "server.key", NULL);
    stls_certstore_free(store);
    chmod(find_file("server-"), 0640);
    store = open_folder(NULL);
    CHECK((flags_at(store, STLS_PLACE_UNIQUE) & STLS_ENTRY_EXPOSED) != 0, "the key is exposed");
    CHECK((flags_at(store, STLS_PLACE_CUSTOM) & STLS_ENTRY_EXPOSED) == 0, "the CA is not");
    stls_certstore_free(store);
    chmod(find_file("server-"), 0600);
    chmod(folder, 0777);
    store = open_folder(NULL);
    CHECK((flags_at(store, STLS_PLACE_CUSTOM) & STLS_ENTRY_EXPOSED) != 0, "a folder for everybody");
    stls_certstore_free(store);
    chmod(folder, 0755);
    chmod(in_folder("index"), 0664);
    store = open_folder(NULL);
    CHECK((flags_at(store, STLS_PLACE_CUSTOM) & STLS_ENTRY_EXPOSED) != 0, "an index for others");
    stls_certstore_set_send(store, STLS_SEND_NONE, NULL);
    CHECK((flags_at(store, STLS_PLACE_CUSTOM) & STLS_ENTRY_EXPOSED) == 0, "a new one");
    stls_certstore_free(store);
    CHECK(unlink(find_file("ca-")) == 0 && mkfifo(in_folder("pipe"), 0600) == 0, "a pipe");
    remove_folder();
}

static bool is_owned(const char *path, uid_t user, gid_t group) {
    struct stat facts;
    return CHECK(stat(path, &facts) == 0 && facts.st_uid == user && facts.st_gid == group, "%s",
                 path);
}

/* The superuser looks after the store of a service that runs as another user. */
static void test_owner(void) {
    enum { USER = 4711, GROUP = 4712 };
    make_folder();
    if (geteuid() == 0 && chown(folder, USER, GROUP) == 0) {
        stls_certstore *store = open_folder(&(stls_certstore_options){.create = true});
        stls_error error = {.result = STLS_NOT_DONE};
        CHECK_RESULT("install",
                     install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", &error),
                     STLS_OK, &error);
        is_owned(find_file("server-"), USER, GROUP);
        is_owned(in_folder("index"), USER, GROUP);
        is_owned(in_folder("lock"), USER, GROUP);
        CHECK_NUMBER("key's mode", mode_of(find_file("server-")), 0600);
        /* A lock that is there may be another name of a file that is not the service's. */
        CHECK(chown(in_folder("lock"), 0, 0) == 0, "the superuser's");
        CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
        is_owned(in_folder("lock"), 0, 0);
        stls_certstore_free(store);
    }
    remove_folder();
}

/* What is not ours stays; what a killed writer left goes. */
static void test_other_files(void) {
    stls_certstore *store = create_folder();
    stls_error error = {.result = STLS_NOT_DONE};
    write_text(in_folder("README"), "mine", 4);
    write_text(in_folder("new-ca.pem"), "mine", 4);
    write_text(in_folder(".new-server-x.pem"), "left", 4);
    write_text(in_folder(".new-index"), "left", 4);
    CHECK_RESULT("add", add(store, "root.pem", &error), STLS_OK, &error);
    CHECK(access(in_folder("README"), F_OK) == 0, "the note is there");
    CHECK(access(in_folder("new-ca.pem"), F_OK) == 0, "a certificate to come is there");
    CHECK(access(in_folder(".new-server-x.pem"), F_OK) != 0, "the rest of a write is not");
    stls_certstore_free(store);
    remove_folder();
}

static void test_export_file(void) {
    char before[STATE_SIZE], after[STATE_SIZE], path[2 * PATH_SIZE];
    stls_error error = {.result = STLS_NOT_DONE};
    stls_certstore *store = create_folder(), *other = NULL;
    add(store, "root.pem", NULL);
    install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", NULL);
    describe(store, before);
    snprintf(path, sizeof path, "%s", in_folder("backup"));
    CHECK_RESULT("export", stls_certstore_export_file(store, STLS_PARTS_ALL, path, &error), STLS_OK,
                 &error);
    CHECK_NUMBER("mode", mode_of(path), 0600);
    stls_certstore_new(stls_backend_default(), NULL, &other, &error);
    CHECK_RESULT("import", stls_certstore_import_file(other, path, NULL, &error), STLS_OK, &error);
    describe(other, after);
    CHECK_TEXT("the same", after, before);
    CHECK_RESULT("no folder",
                 stls_certstore_export_file(store, STLS_PARTS_ALL, "/nowhere/backup", &error),
                 STLS_E_FILE, &error);
    CHECK_RESULT("no file", stls_certstore_import_file(other, "/nowhere/backup", NULL, &error),
                 STLS_E_FILE, &error);
    CHECK_RESULT("no export", stls_certstore_import_file(other, pki_path("root.pem"), NULL, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("sentence", error.text, "is not an export of a store");
    stls_certstore_free(other);
    stls_certstore_free(store);
    remove_folder();
}

/* An export replaces an export, and nothing else. */
static void test_export_target(void) {
    enum { MADE, KEPT, LINK, PIPE, FOLDER };
    static const struct {
        const char *name;
        int kind;
        const char *content;
        stls_result expected;
    } targets[] = {
        {"nothing", MADE, NULL, STLS_OK},
        {"empty", MADE, "", STLS_OK},
        {"export", MADE, "siptls-export 1\nold", STLS_OK},
        {"ca.pem", KEPT, "-----BEGIN CERTIFICATE-----", STLS_E_REFUSED},
        {"short", KEPT, "siptls-exp", STLS_E_REFUSED},
        {"index", KEPT, "siptls-store 1\n", STLS_E_REFUSED},
        {"link", LINK, NULL, STLS_E_FILE},
        {"pipe", PIPE, NULL, STLS_E_FILE},
        {"folder", FOLDER, NULL, STLS_E_FILE},
    };
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_certstore_new(stls_backend_default(), NULL, &store, &error);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char path[2 * PATH_SIZE], text[64] = "";
        make_folder();
        snprintf(path, sizeof path, "%s", in_folder(targets[i].name));
        check_case("%s", targets[i].name);
        write_text(in_folder("new-export"), "mine", 4);
        if (targets[i].content != NULL) {
            write_text(path, targets[i].content, strlen(targets[i].content));
        }
        CHECK((targets[i].kind != LINK || symlink("new-export", path) == 0) &&
                  (targets[i].kind != PIPE || mkfifo(path, 0600) == 0) &&
                  (targets[i].kind != FOLDER || mkdir(path, 0700) == 0),
              "made");
        mode_t mode = mode_of(path);
        CHECK_RESULT("export", stls_certstore_export_file(store, STLS_PARTS_ALL, path, &error),
                     targets[i].expected, &error);
        CHECK(access(in_folder("new-export"), F_OK) == 0, "a file of another name stays");
        CHECK_NUMBER("mode", mode_of(path), targets[i].kind == MADE ? 0600 : mode);
        if (targets[i].kind == KEPT) {
            FILE *file = fopen(path, "rb");
            CHECK(file != NULL && fread(text, 1, sizeof text - 1, file) > 0, "it is there");
            CHECK_TEXT("it stays", text, targets[i].content);
            CHECK_CONTAINS("sentence", error.text, "give another name");
            if (file != NULL) {
                fclose(file);
            }
        }
        rmdir(path);
        remove_folder();
    }
    CHECK_RESULT("no name", stls_certstore_export_file(store, STLS_PARTS_ALL, "/tmp/", &error),
                 STLS_E_ARGUMENT, &error);
    stls_certstore_free(store);
}

/* What another process has replaced is found anew, by who had the store open already. */
static void test_replaced_meanwhile(void) {
    stls_certstore *a = create_folder(), *b = NULL;
    stls_credential *credential = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    install(a, STLS_PLACE_UNIQUE, "server.pem", "server.key", &error);
    b = open_folder(NULL);
    install(a, STLS_PLACE_UNIQUE, "server-rsa.pem", "server-rsa.key", &error);
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(b, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, NULL, &credential, &error),
                 STLS_OK, &error);
    CHECK(credential != NULL, "there is one");
    install(a, STLS_PLACE_UNIQUE, "server.pem", "server.key", &error);
    CHECK_RESULT("export", stls_certstore_export(b, STLS_PARTS_ALL, keep_export, NULL, &error),
                 STLS_OK, &error);
    stls_credential_free(credential);
    credential = NULL;
    CHECK_RESULT("none", stls_certstore_uninstall(a, STLS_PLACE_UNIQUE, &error), STLS_OK, &error);
    CHECK_RESULT("snapshot without one",
                 stls_certstore_snapshot(b, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, NULL, &credential, &error),
                 STLS_OK, &error);
    CHECK(credential == NULL, "there is none");
    stls_certstore_free(a);
    stls_certstore_free(b);
    remove_folder();
}

/* --- A process that is killed at any moment */

/* Says so in `told` before each change. */
static void change_for_ever(int told) {
    stls_certstore *store = NULL;
    stls_error error;
    if (stls_certstore_open_folder(stls_backend_default(), folder, NULL, &store, &error) !=
        STLS_OK) {
        _exit(1);
    }
    while (write(told, "12345", 5) == 5) {
        add(store, "root.pem int.pem", NULL);
        install(store, STLS_PLACE_CUSTOM_SERVER, "server.pem", "server.key", NULL);
        add_crl(store, "crl-int.pem", NULL);
        stls_certstore_remove_name(store, "root.pem int.pem", NULL, NULL);
        stls_certstore_remove_name(store, "crl-int.pem", NULL, NULL);
        install(store, STLS_PLACE_CUSTOM_SERVER, "phone.pem", "phone.key", NULL);
    }
    _exit(1);
}

static void test_kills(void) {
    enum { KILLS = 30 };
    stls_certstore *store = create_folder();
    joined("root.pem int.pem"); /* read once, here */
    joined("server.pem"), joined("server.key"), joined("phone.pem"), joined("phone.key");
    joined("crl-int.pem");
    install(store, STLS_PLACE_CUSTOM_SERVER, "phone.pem", "phone.key", NULL);
    for (int i = 0; i < KILLS; i++) {
        char state[STATE_SIZE];
        int told[2];
        char byte;
        CHECK(pipe(told) == 0, "a pipe");
        pid_t child = fork();
        if (child == 0) {
            change_for_ever(told[1]);
        }
        close(told[1]);
        /* From its second round on, at any moment. */
        for (int rounds = 0; rounds < 6; rounds++) {
            CHECK(read(told[0], &byte, 1) == 1, "it goes on");
        }
        nanosleep(&(struct timespec){.tv_nsec = (i * 7919 % 40) * 1000000L}, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(told[0]);
        check_case("kill %d", i);
        stls_certstore_free(store);
        store = open_folder(NULL);
        describe(store, state);
        CHECK(strstr(state, "DAMAGED") == NULL && strstr(state, "NO KEY") == NULL, "%s", state);
        size_t custom =
            stls_certstore_count(store, &(stls_certstore_query){.places = STLS_PLACE_CUSTOM});
        CHECK(custom == 0 || custom == 2, "%zu certificates", custom);
    }
    CHECK(stls_certstore_generation(store) > 10, "the processes have changed something");
    stls_certstore_free(store);
    remove_folder();
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"a fault at every call, and a power cut there", test_faults},
        {"creating, with a power cut at every call", test_creating},
        {"a reader at every call of a writer", test_readers},
        {"a writer at every call of a reader", test_writer_meanwhile},
        {"read-only, full, forbidden", test_errors},
        {"a folder", test_folder},
        {"a folder that another process makes", test_made_meanwhile},
        {"two processes", test_two_processes},
        {"the lock", test_lock},
        {"a child forked meanwhile", test_forked},
        {"a bad index", test_bad_index},
        {"the generation of a new store in the place of one", test_generation},
        {"a store made of an export", test_making},
        {"bad files", test_bad_blobs},
        {"a file that goes bad later", test_late_damage},
        {"what is whole again", test_mended},
        {"what is whole again, and what is not", test_mended_and_damaged},
        {"what is looked at while somebody else changes it", test_mended_late},
        {"what cannot be read for a while", test_out_of_reach},
        {"a CRL again", test_crl_again},
        {"modes", test_modes},
        {"whose the files are", test_owner},
        {"other files", test_other_files},
        {"export and import by file", test_export_file},
        {"where an export may go", test_export_target},
        {"what another process replaced", test_replaced_meanwhile},
        {"killed at any moment", test_kills},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"disk", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    free(export_data);
    pki_forget();
    return status;
}
