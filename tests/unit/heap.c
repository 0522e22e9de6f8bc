/* The heap that a store takes on a device, measured over its whole life: never more than
 * siptls/certstore.h says.
 *
 * Counted is what siptls itself allocates (all by its allocator); what the TLS library takes
 * for keys, and the trust and credential of a snapshot, are counted where they come from there.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <malloc.h>
#include <siptls/siptls.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t heap_now, heap_peak;

static void heap_count(void *memory, size_t before) {
    heap_now -= before;
    heap_now += memory != NULL ? malloc_usable_size(memory) : 0;
    heap_peak = heap_now > heap_peak ? heap_now : heap_peak;
}

/* How many allocations there are until one fails; negative: none does. */
static long heap_left = -1;

static bool heap_fails(void) {
    return heap_left >= 0 && heap_left-- == 0;
}

static void *counted_malloc(size_t size) {
    void *memory = heap_fails() ? NULL : malloc(size);
    heap_count(memory, 0);
    return memory;
}

static void counted_free(void *memory) {
    heap_now -= memory != NULL ? malloc_usable_size(memory) : 0;
    free(memory);
}

static const stls_allocator counted = {.allocate = counted_malloc, .release = counted_free};

/* --- A device's storage: memory that is not counted */

enum { BLOBS = 64 };

typedef struct flash {
    struct {
        char name[96];
        uint8_t *data;
        size_t len;
    } blobs[BLOBS];
} flash;

static int flash_find(const flash *self, const char *name) {
    for (int i = 0; i < BLOBS; i++) {
        if (strcmp(self->blobs[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static stls_result flash_read(void *arg, const char *name, uint8_t *data, size_t size,
                              stls_storage_facts *facts, stls_error *error) {
    const flash *self = arg;
    int at = flash_find(self, name);
    (void)error;
    *facts = (stls_storage_facts){.exists = at >= 0};
    if (at >= 0) {
        facts->len = self->blobs[at].len;
        if (data != NULL) {
            memcpy(data, self->blobs[at].data, size < facts->len ? size : facts->len);
        }
    }
    return STLS_OK;
}

static stls_result flash_remove(void *arg, const char *name, stls_error *error) {
    flash *self = arg;
    int at = flash_find(self, name);
    (void)error;
    if (at >= 0) {
        free(self->blobs[at].data);
        memset(&self->blobs[at], 0, sizeof self->blobs[at]);
    }
    return STLS_OK;
}

static stls_result flash_write(void *arg, const char *name, const uint8_t *data, size_t len,
                               bool secret, stls_error *error) {
    flash *self = arg;
    (void)secret;
    flash_remove(self, name, error);
    int at = flash_find(self, "");
    uint8_t *copy = malloc(len);
    if (at < 0 || copy == NULL) {
        abort();
    }
    memcpy(copy, data, len);
    snprintf(self->blobs[at].name, sizeof self->blobs[at].name, "%s", name);
    self->blobs[at].data = copy;
    self->blobs[at].len = len;
    return STLS_OK;
}

static stls_result flash_list(void *arg, void (*visit)(void *visit_arg, const char *name),
                              void *visit_arg, stls_error *error) {
    const flash *self = arg;
    (void)error;
    for (int i = 0; i < BLOBS; i++) {
        if (self->blobs[i].name[0] != '\0') {
            visit(visit_arg, self->blobs[i].name);
        }
    }
    return STLS_OK;
}

static void flash_erase(void *arg) {
    flash *self = arg;
    for (int i = 0; i < BLOBS; i++) {
        free(self->blobs[i].data);
        self->blobs[i].data = NULL;
        self->blobs[i].name[0] = '\0';
    }
}

/* --- Inputs */

/* The first 30 certificates of the system's bundle. {NULL, 0}: it has none. */
static stls_bytes read_bundle(void) {
    enum { SIZE = 1 << 20, WANTED = 30 };
    static char text[SIZE];
    FILE *file = fopen("/etc/ssl/certs/ca-certificates.crt", "rb");
    if (file == NULL) {
        return (stls_bytes){NULL, 0};
    }
    size_t len = fread(text, 1, SIZE - 1, file), count = 0;
    const char *at = text;
    fclose(file);
    text[len] = '\0';
    while (count < WANTED && (at = strstr(at, "-----END CERTIFICATE-----\n")) != NULL) {
        at += strlen("-----END CERTIFICATE-----\n");
        count++;
    }
    return at != NULL ? (stls_bytes){(const uint8_t *)text, (size_t)(at - text)}
                      : (stls_bytes){NULL, 0};
}

static uint8_t *put_header(uint8_t *at, uint8_t tag, size_t len) {
    const uint8_t header[] = {tag, 0x83, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
    memcpy(at, header, sizeof header);
    return at + sizeof header;
}

/* A CRL of `size` bytes, full of entries; its fields are those of crl-int.der. */
static stls_bytes large_crl(size_t size) {
    enum { HEADERS = 3 * 5, ENTRY = 22, ALGORITHM = 12, FIELDS = 12 + 39 + 15 + 15, TAIL = 10 };
    static uint8_t der[STLS_CERTSTORE_MAX_BYTES];
    const uint8_t *model = pki_bytes("crl-int.der").data + 9;
    static const uint8_t signature[] = {0x03, 0x03, 0x00, 0x01, 0x02};
    size_t count = (size - HEADERS - FIELDS - ALGORITHM - TAIL) / ENTRY, entries = count * ENTRY;
    size_t tbs = FIELDS + 5 + entries, all = 5 + tbs + ALGORITHM + sizeof signature;
    uint8_t *at = put_header(put_header(der, 0x30, all), 0x30, tbs);
    memcpy(at, model, FIELDS);
    at = put_header(at + FIELDS, 0x30, entries);
    for (size_t i = 0; i < count; i++, at += ENTRY) {
        const uint8_t serial[] = {
            0x30,      ENTRY - 2, 0x02, 0x03, 0x40 | (uint8_t)(i >> 16 & 0x3f), (uint8_t)(i >> 8),
            (uint8_t)i};
        memcpy(at, serial, sizeof serial);
        memcpy(at + sizeof serial, model + 12 + 39, 15);
    }
    memcpy(at, model, ALGORITHM);
    memcpy(at + ALGORITHM, signature, sizeof signature);
    return (stls_bytes){der, all + 5};
}

/* PEM of certificates of usual size, in text that fills `size` bytes. */
static stls_bytes large_text(size_t size) {
    static char text[STLS_CERTSTORE_MAX_BYTES];
    stls_bytes pem = pki_bytes("root.pem");
    memset(text, '#', size);
    for (size_t i = 80; i < size; i += 80) {
        text[i] = '\n';
    }
    memcpy(text + size - pem.len, pem.data, pem.len);
    text[size - pem.len - 1] = '\n';
    return (stls_bytes){(const uint8_t *)text, size};
}

/* In a file of its own, as an upload comes. */
static const char *in_file(stls_bytes data) {
    static char path[32];
    snprintf(path, sizeof path, "/tmp/siptls-heap-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, data.data, data.len) == (ssize_t)data.len, "a file");
    close(fd);
    return path;
}

/* As many blocks as text of `size` bytes can hold, none of them a certificate. */
static stls_bytes many_blocks(size_t size) {
    static const char block[] = "-----BEGIN X-----\nAA==\n-----END X-----\n";
    static char text[STLS_CERTSTORE_MAX_BYTES];
    size_t len = sizeof block - 1, count = size / len;
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * len, block, len);
    }
    return (stls_bytes){(const uint8_t *)text, count * len};
}

/* What another process writes into a pipe; it ends when that is read. */
static const char *in_pipe(stls_bytes data, pid_t *writer) {
    static char path[48];
    snprintf(path, sizeof path, "/tmp/siptls-heap-pipe-%ld", (long)getpid());
    CHECK(mkfifo(path, 0600) == 0, "a pipe");
    *writer = fork();
    if (*writer == 0) {
        int fd = open(path, O_WRONLY);
        while (data.len > 0) {
            ssize_t taken = write(fd, data.data, data.len);
            if (taken <= 0) {
                _exit(1);
            }
            data.data += taken;
            data.len -= (size_t)taken;
        }
        _exit(0);
    }
    return path;
}

/* --- The life of a device */

static const char *const customs[] = {"root.pem",
                                      "root-rsa.pem",
                                      "root-ed25519.pem",
                                      "other-root.pem",
                                      "int-unknown-critical.pem",
                                      "int-rsa.pem",
                                      "int-ed25519.pem",
                                      "int2.pem",
                                      "int-nc.pem",
                                      "int-eku-client.pem"};

static stls_certstore *open_store(flash *self, bool create) {
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_storage storage = {.arg = self,
                            .name = "flash",
                            .read = flash_read,
                            .write = flash_write,
                            .remove = flash_remove,
                            .list = flash_list};
    CHECK_RESULT("open",
                 stls_certstore_open(stls_backend_default(), &storage,
                                     &(stls_certstore_options){.create = create}, &store, &error),
                 STLS_OK, &error);
    return store;
}

/* What siptls/certstore.h allows beyond what the store holds: so many times the input, the export
 * or the largest blob, and a little. */
enum { TIMES = 4, TIMES_INSTALL = 8, ALWAYS = 32 * 1024 };

static size_t usual_peak;

/* Compares the peak since the last call with `held`, which is what the store held at most, and
 * `times` the size of what was worked on. */
static void lap(const char *what, size_t held, size_t times, size_t size) {
    size_t allowed = held + times * size + ALWAYS;
    CHECK(heap_peak <= allowed, "%s: %zu bytes, and at most %zu are allowed", what, heap_peak,
          allowed);
    printf("\n    %-28s peak %9zu of %9zu, held %8zu", what, heap_peak, allowed, heap_now);
    usual_peak = heap_peak > usual_peak ? heap_peak : usual_peak;
    heap_peak = heap_now;
}

static stls_result keep_export(void *arg, const void *data, size_t len, stls_error *error) {
    stls_bytes *to = arg;
    (void)error;
    uint8_t *copy = malloc(len);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, len);
    to->data = copy;
    to->len = len;
    return STLS_OK;
}

/* The smallest blocks take the most; from memory, from a file, and from what tells no length. */
static void upload_many_blocks(stls_certstore *store, size_t held) {
    stls_bytes many = many_blocks(STLS_CERTSTORE_MAX_BYTES);
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("from memory",
                 stls_certstore_add(store, many.data, many.len, NULL, 0, NULL, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("why", error.text, "this is something unknown");
    lap("5 MB of small blocks", held, TIMES, many.len);
    const char *path = in_file(many);
    CHECK_RESULT("from a file", stls_certstore_add_file(store, path, NULL, 0, NULL, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("why", error.text, "this is something unknown");
    unlink(path);
    lap("the same from a file", held, TIMES, many.len);
    pid_t writer;
    many = many_blocks(4 * 1024 * 1024 + 100); /* a little more than a power of two */
    path = in_pipe(many, &writer);
    CHECK_RESULT("from a pipe", stls_certstore_add_file(store, path, NULL, 0, NULL, &error),
                 STLS_E_FORMAT, &error);
    CHECK_CONTAINS("why", error.text, "this is something unknown");
    waitpid(writer, NULL, 0);
    unlink(path);
    lap("from a pipe", held, TIMES, many.len);
}

static void test_life(void) {
    static flash device;
    stls_bytes bundle = read_bundle(), exported = {NULL, 0};
    stls_certstore *store = open_store(&device, true);
    stls_error error = {.result = STLS_NOT_DONE};
    if (bundle.len == 0) {
        test_skip("a device's heap", "the system has no bundle of 30 CAs");
        stls_certstore_free(store);
        return;
    }
    size_t held = stls_certstore_memory(store);
    lap("create", held, 0, 0);
    CHECK_RESULT("built in",
                 stls_certstore_set_builtin(store, bundle.data, bundle.len, NULL, &error), STLS_OK,
                 &error);
    held = stls_certstore_memory(store);
    lap("30 built-in ones", held, TIMES, bundle.len);
    for (size_t i = 0; i < sizeof customs / sizeof customs[0]; i++) {
        stls_bytes pem = pki_bytes(customs[i]);
        CHECK_RESULT(customs[i],
                     stls_certstore_add(store, pem.data, pem.len, NULL, 0, NULL, &error), STLS_OK,
                     &error);
    }
    held = stls_certstore_memory(store);
    lap("10 custom ones", held, TIMES, 1000);
    stls_bytes p12 = pki_bytes("modern.p12");
    CHECK_RESULT("install",
                 stls_certstore_install(store, STLS_PLACE_UNIQUE, p12.data, p12.len, NULL, 0,
                                        "secret", NULL, &error),
                 STLS_OK, &error);
    held = stls_certstore_memory(store);
    lap("a server certificate", held, TIMES_INSTALL, p12.len);
    stls_bytes pair = pki_join("big.chain.pem big.key");
    CHECK_RESULT("install",
                 stls_certstore_install(store, STLS_PLACE_GENERIC, pair.data, pair.len, NULL, 0,
                                        NULL, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("uninstall", stls_certstore_uninstall(store, STLS_PLACE_GENERIC, &error), STLS_OK,
                 &error);
    lap("a large server certificate", held, TIMES_INSTALL, pair.len);
    stls_bytes crl = pki_bytes("crl-int.pem");
    CHECK_RESULT("CRL", stls_certstore_add_crl(store, crl.data, crl.len, NULL, NULL, &error),
                 STLS_OK, &error);
    held = stls_certstore_memory(store);
    lap("a CRL", held, TIMES, crl.len);
    CHECK(heap_now <= held + 32 * stls_certstore_count(store, NULL) + 1024,
          "%zu bytes held, %zu told", heap_now, held);
    printf(" (told: %zu)", held);
    CHECK_RESULT("export",
                 stls_certstore_export(store, STLS_PARTS_ALL, keep_export, &exported, &error),
                 STLS_OK, &error);
    lap("export", held, TIMES, exported.len);
    CHECK_RESULT("import", stls_certstore_import(store, exported.data, exported.len, NULL, &error),
                 STLS_OK, &error);
    lap("import", held, TIMES, exported.len);
    free((void *)(uintptr_t)exported.data);
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, &trust, &credential, &error),
                 STLS_OK, &error);
    lap("snapshot", 2 * held, 1, 1024 * stls_trust_count(trust));
    stls_trust_free(trust);
    stls_credential_free(credential);
    stls_certstore_free(store);
    store = open_store(&device, false);
    lap("open", held, TIMES, bundle.len);
    CHECK(usual_peak <= 256 * 1024 && held <= 64 * 1024, "%zu bytes at most, %zu held", usual_peak,
          held);
    stls_bytes large = large_text(STLS_CERTSTORE_MAX_BYTES);
    const char *path = in_file(large);
    CHECK_RESULT("upload of 5 MB", stls_certstore_add_file(store, path, NULL, 0, NULL, &error),
                 STLS_E_REFUSED, &error);
    unlink(path);
    lap("5 MB of text around a CA", held, TIMES, large.len);
    upload_many_blocks(store, held);
    large = large_crl(STLS_CERTSTORE_MAX_BYTES - 1000);
    path = in_file(large);
    CHECK_RESULT("CRL of 5 MB", stls_certstore_add_crl_file(store, path, NULL, NULL, &error),
                 STLS_OK, &error);
    unlink(path);
    lap("a CRL of 5 MB", held, TIMES, large.len);
    held = stls_certstore_memory(store);
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, &trust, NULL, &error),
                 STLS_OK, &error);
    lap("snapshot with it", 2 * held, 1, 1024 * stls_trust_count(trust) + large.len * 2 / 5);
    stls_trust_free(trust);
    CHECK_RESULT("export",
                 stls_certstore_export(store, STLS_PARTS_ALL, keep_export, &exported, &error),
                 STLS_OK, &error);
    lap("export with it", held, TIMES, exported.len);
    CHECK_RESULT("import", stls_certstore_import(store, exported.data, exported.len, NULL, &error),
                 STLS_OK, &error);
    lap("import with it", held, TIMES, exported.len);
    free((void *)(uintptr_t)exported.data);
    stls_certstore_free(store);
    CHECK_NUMBER("left behind", heap_now, 0);
    flash_erase(&device);
}

/* --- An allocation that fails */

static stls_result try_open(flash *self, stls_certstore *store, stls_error *error) {
    stls_certstore *another = NULL;
    stls_storage storage = {.arg = self,
                            .name = "flash",
                            .read = flash_read,
                            .write = flash_write,
                            .remove = flash_remove,
                            .list = flash_list};
    (void)store;
    stls_result result =
        stls_certstore_open(stls_backend_default(), &storage, NULL, &another, error);
    stls_certstore_free(another);
    return result;
}

static stls_result try_add(flash *self, stls_certstore *store, stls_error *error) {
    stls_bytes pem = pki_bytes("two.pem");
    (void)self;
    return stls_certstore_add(store, pem.data, pem.len, NULL, 0, NULL, error);
}

static stls_result try_install(flash *self, stls_certstore *store, stls_error *error) {
    stls_bytes pair = pki_join("server.chain.pem server.key");
    (void)self;
    return stls_certstore_install(store, STLS_PLACE_UNIQUE, pair.data, pair.len, NULL, 0, NULL,
                                  NULL, error);
}

static stls_result try_add_crl(flash *self, stls_certstore *store, stls_error *error) {
    stls_bytes crl = pki_bytes("crl-int.pem");
    (void)self;
    return stls_certstore_add_crl(store, crl.data, crl.len, NULL, NULL, error);
}

static stls_result try_set_builtin(flash *self, stls_certstore *store, stls_error *error) {
    stls_bytes bundle = pki_bytes("two.pem");
    (void)self;
    return stls_certstore_set_builtin(store, bundle.data, bundle.len, NULL, error);
}

static stls_result try_reset(flash *self, stls_certstore *store, stls_error *error) {
    (void)self;
    return stls_certstore_reset(store, error);
}

static stls_result try_snapshot(flash *self, stls_certstore *store, stls_error *error) {
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    (void)self;
    stls_result result =
        stls_certstore_snapshot(store, stls_backend_default(), STLS_TRUST_SET_STORED,
                                STLS_SEND_CUSTOM, &trust, &credential, error);
    stls_trust_free(trust);
    stls_credential_free(credential);
    return result;
}

/* `text` becomes what a store holds that is opened now. */
static void describe(flash *self, char text[512]) {
    stls_certstore *store = open_store(self, false);
    stls_certstore_entry entry;
    size_t position = 0, len = 0;
    text[0] = '\0';
    while (stls_certstore_next(store, NULL, &position, &entry)) {
        len += (size_t)snprintf(text + len, 512 - len, "%s %02x%02x%s; ",
                                stls_place_name(entry.place), entry.fingerprint[0],
                                entry.fingerprint[1], entry.damage != NULL ? " DAMAGED" : "");
    }
    stls_certstore_free(store);
}

static void begin_device(flash *device) {
    stls_certstore *store = open_store(device, true);
    stls_bytes pem = pki_bytes("other-root.pem"), pair = pki_join("server.pem server.key");
    stls_certstore_add(store, pem.data, pem.len, NULL, 0, NULL, NULL);
    stls_certstore_set_builtin(store, pem.data, pem.len, NULL, NULL);
    stls_certstore_install(store, STLS_PLACE_CUSTOM_SERVER, pair.data, pair.len, NULL, 0, NULL,
                           NULL, NULL);
    stls_certstore_free(store);
}

/* Each allocation of each call fails once: the lists are the old ones or, if it says so, the new
 * ones, and nothing is left behind. */
static void test_no_memory(void) {
    static const struct {
        const char *name;
        stls_result (*run)(flash *self, stls_certstore *store, stls_error *error);
    } calls[] = {{"open", try_open},
                 {"add", try_add},
                 {"install", try_install},
                 {"add a CRL", try_add_crl},
                 {"built in", try_set_builtin},
                 {"reset", try_reset},
                 {"snapshot", try_snapshot}};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        bool has_failed = true;
        for (long at = 0; has_failed; at++) {
            static flash device;
            char before[512], after[512];
            stls_error error = {.result = STLS_NOT_DONE};
            check_case("%s, allocation %ld", calls[i].name, at);
            begin_device(&device);
            describe(&device, before);
            stls_certstore *store = open_store(&device, false);
            heap_left = at;
            stls_result result = calls[i].run(&device, store, &error);
            has_failed = heap_left < 0;
            heap_left = -1;
            CHECK(has_failed || result == STLS_OK, "without a failure: %s", error.text);
            stls_certstore_free(store);
            describe(&device, after);
            if (result != STLS_OK) {
                CHECK_TEXT("as it was", after, before);
            }
            CHECK_NUMBER("left behind", heap_now, 0);
            flash_erase(&device);
        }
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"the life of a device", test_life},
        {"an allocation that fails", test_no_memory},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"heap", tests}, {NULL, NULL}};
    if (stls_set_allocator(&counted, NULL) != STLS_OK) {
        return EXIT_FAILURE;
    }
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
