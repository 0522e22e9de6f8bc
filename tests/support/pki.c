/* tests/support/pki.c - the certificates of tests/pki/make.sh, by name.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/pki.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1024, PATH_BUFFERS = 8 };

typedef struct kept {
    struct kept *next;
    char *name;
    uint8_t *data;
    size_t len;
} kept;

static kept *kept_files;

const char *pki_path(const char *file) {
    static char buffers[PATH_BUFFERS][PATH_SIZE];
    static unsigned next;
    const char *folder = getenv("SIPTLS_TEST_PKI");
    char *path = buffers[next++ % PATH_BUFFERS];
    if (!folder) {
        fprintf(stderr, "SIPTLS_TEST_PKI does not name the folder of tests/pki/make.sh\n");
        exit(EXIT_FAILURE);
    }
    snprintf(path, PATH_SIZE, "%s/%s", folder, file);
    return path;
}

static void *must_alloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        abort();
    }
    return memory;
}

static kept *keep(const char *name) {
    kept *entry = must_alloc(sizeof *entry);
    *entry = (kept){.next = kept_files, .name = must_alloc(strlen(name) + 1)};
    memcpy(entry->name, name, strlen(name) + 1);
    kept_files = entry;
    return entry;
}

static const kept *find(const char *name) {
    const kept *entry = kept_files;
    while (entry && strcmp(entry->name, name) != 0) {
        entry = entry->next;
    }
    return entry;
}

/* Appends what the file holds to `entry`. */
static bool append_file(kept *entry, const char *file) {
    FILE *stream = fopen(pki_path(file), "rb");
    uint8_t buffer[4096];
    size_t n;
    if (!CHECK(stream != NULL, "the PKI has no file %s", file)) {
        return false; /* cppcheck-suppress resourceLeak; CHECK() was false */
    }
    while ((n = fread(buffer, 1, sizeof buffer, stream)) > 0) {
        uint8_t *data = must_alloc(entry->len + n);
        if (entry->len) {
            memcpy(data, entry->data, entry->len);
        }
        memcpy(data + entry->len, buffer, n);
        free(entry->data);
        entry->data = data;
        entry->len += n;
    }
    fclose(stream);
    return true;
}

stls_bytes pki_join(const char *files) {
    const kept *known = find(files);
    if (!known) {
        kept *entry = keep(files);
        char name[128];
        int used;
        for (const char *at = files; sscanf(at, " %127s%n", name, &used) == 1; at += used) {
            append_file(entry, name);
        }
        known = entry;
    }
    return (stls_bytes){known->data, known->len};
}

stls_bytes pki_bytes(const char *file) {
    return pki_join(file);
}

stls_trust *pki_trust(const char *names) {
    stls_trust *trust = stls_trust_new();
    char name[96], file[128];
    int used;
    if (!CHECK(trust != NULL, "no memory for a trust")) {
        return NULL;
    }
    for (const char *at = names; sscanf(at, " %95s%n", name, &used) == 1; at += used) {
        stls_error error = {0};
        snprintf(file, sizeof file, "%s.pem", name);
        CHECK_RESULT(file, stls_trust_add_file(trust, pki_path(file), &error), STLS_OK, &error);
    }
    return trust;
}

stls_result pki_try_credential(const stls_backend *backend, const char *name,
                               stls_credential **credential, stls_error *error) {
    char chain[128], key[128];
    snprintf(chain, sizeof chain, "%s.chain.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    *credential = NULL;
    return stls_credential_load(backend, pki_path(chain), pki_path(key), NULL, credential, error);
}

stls_credential *pki_credential(const stls_backend *backend, const char *name) {
    stls_credential *credential;
    stls_error error = {0};
    CHECK_RESULT(name, pki_try_credential(backend, name, &credential, &error), STLS_OK, &error);
    return credential;
}

void pki_forget(void) {
    while (kept_files) {
        kept *entry = kept_files;
        kept_files = entry->next;
        free(entry->name);
        free(entry->data);
        free(entry);
    }
}
