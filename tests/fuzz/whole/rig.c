/* tests/fuzz/whole/rig.c - whole connections for the fuzz targets, the same in every run.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/fuzz/whole/rig.h"
#include "api/resume.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void must(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "DOES NOT HOLD: %s\n", what);
        abort();
    }
}

/* --- Random numbers: the linker puts these in the place of the libraries' own */

static uint64_t random_state;

static void fill(unsigned char *out, size_t len) {
    for (size_t i = 0; i < len; i++) { /* SplitMix64 */
        uint64_t z = random_state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        out[i] = (unsigned char)(z >> 56);
    }
}

int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *out, size_t len);
int __wrap_mbedtls_ctr_drbg_random(void *drbg, unsigned char *out, size_t len) {
    (void)drbg;
    fill(out, len);
    return 0;
}

int __wrap_wc_RNG_GenerateBlock(void *rng, unsigned char *out, unsigned len);
int __wrap_wc_RNG_GenerateBlock(void *rng, unsigned char *out, unsigned len) {
    (void)rng;
    fill(out, len);
    return 0;
}

static int fill_for_openssl(unsigned char *out, int len) {
    fill(out, (size_t)len);
    return 1;
}

static int is_ready(void) {
    return 1;
}

static void start_random(void) {
    static const RAND_METHOD method = {
        .bytes = fill_for_openssl, .pseudorand = fill_for_openssl, .status = is_ready};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* the only way to repeat a handshake   \
                                                            */
    must(RAND_set_rand_method(&method) == 1, "OpenSSL takes other random numbers");
#pragma GCC diagnostic pop
}

/* --- The clock */

static int64_t now;

static int64_t standing_clock(void *unused) {
    (void)unused;
    return now;
}

/* The libraries' own look at the wall clock. */
time_t time(time_t *at) {
    if (at != NULL) {
        *at = (time_t)now;
    }
    return (time_t)now;
}

/* --- Files of the PKI */

static const char *pki_path(const char *file) {
    static char path[2][1024];
    static unsigned next;
    const char *folder = getenv("SIPTLS_TEST_PKI");
    if (folder == NULL) {
        fprintf(stderr, "SIPTLS_TEST_PKI does not name the folder of tests/pki/make.sh\n");
        exit(EXIT_FAILURE);
    }
    next = (next + 1) % 2;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, file);
    return path[next];
}

static void must_be_ok(stls_result result, const stls_error *error) {
    must(result == STLS_OK, error->text);
}

/* A day after the certificates were made, whenever it is now. */
static void start_clock(void) {
    uint8_t der[4096];
    stls_certificate_info info;
    stls_error error = {.text = ""};
    FILE *file = fopen(pki_path("server.der"), "rb");
    must(file != NULL, "the test PKI has a server.der");
    size_t len = fread(der, 1, sizeof der, file);
    fclose(file);
    must_be_ok(stls_certificate_read((stls_bytes){der, len}, &info, &error), &error);
    now = info.not_before + 2 * 24 * 3600;
}

/* --- Backends */

const stls_backend *rig_backend(void) {
    return stls_backend_find(STLS_FUZZ_BACKEND);
}

const stls_backend *rig_peer_backend(uint8_t choice) {
    size_t count = 0;
    while (stls_backend_at(count) != NULL) {
        count++;
    }
    return stls_backend_at(choice % count);
}

/* --- Contexts */

enum { SECRETS_MAX = 16 };

typedef struct told {
    size_t count;
    char lines[SECRETS_MAX][320];
} told;

static told secrets[STLS_ROLE_SERVER + 1];

static void keep_secret(void *arg, const char *line) {
    told *of = arg;
    if (of->count < SECRETS_MAX) {
        snprintf(of->lines[of->count++], sizeof of->lines[0], "%s", line);
    }
}

void rig_forget_secrets(void) {
    secrets[STLS_ROLE_CLIENT].count = secrets[STLS_ROLE_SERVER].count = 0;
}

/* A line is a label, the client's random, and the secret, as hexadecimal digits. */
size_t rig_secret(stls_role role, const char *label, uint8_t secret[64]) {
    for (size_t i = secrets[role].count; i > 0; i--) {
        const char *line = secrets[role].lines[i - 1], *hex = strrchr(line, ' ');
        size_t len = strlen(label), n = 0;
        if (strncmp(line, label, len) != 0 || line[len] != ' ') {
            continue;
        }
        for (unsigned octet; n < 64 && sscanf(hex + 1 + 2 * n, "%2x", &octet) == 1; n++) {
            secret[n] = (uint8_t)octet;
        }
        return n;
    }
    return 0;
}

static stls_ticket_ring *ring;

static void start_ring(void) {
    static const uint8_t secret[STLS_TICKET_SECRET_LEN] = "the tickets of a fuzzer";
    const stls_ticket_ring_options options = {.clock = standing_clock};
    stls_error error = {.text = ""};
    must_be_ok(stls_ticket_ring_new(rig_backend(), &options, &ring, &error), &error);
    must_be_ok(stls_ticket_ring_set_secrets(ring, secret, 1, &error), &error);
}

void rig_ticket_name(uint8_t name[16]) {
    stls_ring_keys keys;
    must(stls_ticket_ring_keys(ring, rig_backend(), NULL, &keys), "the ring has a key");
    memcpy(name, keys.ticket.name, sizeof keys.ticket.name);
}

static stls_credential *credential(const stls_backend *backend, const char *chain,
                                   const char *key) {
    stls_credential *made = NULL;
    stls_error error = {.text = ""};
    must_be_ok(stls_credential_load(backend, pki_path(chain), pki_path(key), NULL, &made, &error),
               &error);
    return made;
}

static void set_all(stls_profile *profile, const rig_kind *kind, stls_role role) {
    static stls_trust *trust;
    stls_error error = {.text = ""};
    bool client = role == STLS_ROLE_CLIENT;
    if (trust == NULL) {
        trust = stls_trust_new();
        must_be_ok(stls_trust_add_file(trust, pki_path("root.pem"), &error), &error);
    }
    if (client || kind->mutual) {
        must_be_ok(stls_profile_set_trust(profile, trust, &error), &error);
        must_be_ok(stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, &error), &error);
    }
    if (!client || kind->mutual) {
        stls_credential *own = credential(client ? kind->client : kind->server,
                                          client ? "phone.chain.pem" : "server.chain.pem",
                                          client ? "phone.key" : "server.key");
        must_be_ok(stls_profile_set_credential(profile, own, &error), &error);
        stls_credential_free(own);
    }
    if (!client) {
        must_be_ok(stls_profile_set_tickets(profile, ring, 2, &error), &error);
    }
    if (kind->version != 0) {
        must_be_ok(stls_profile_set_versions(profile, kind->version, kind->version, &error),
                   &error);
    }
    /* One suite for TLS 1.3: the one that tests/fuzz/whole/middle.c reads. */
    must_be_ok(stls_profile_set_names(profile, STLS_REGISTRY_SUITE,
                                      kind->version == STLS_TLS1_2
                                          ? "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
                                          : "TLS_AES_128_GCM_SHA256:"
                                            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                                      &error),
               &error);
    must_be_ok(stls_profile_set_clock(profile, standing_clock, NULL, &error), &error);
    must_be_ok(stls_profile_set_handshake_timeout(profile, 0, &error), &error);
    must_be_ok(stls_profile_set_keylog(profile, keep_secret, &secrets[role], &error), &error);
}

static stls_context *make_context(const rig_kind *kind, stls_role role) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.text = ""};
    must_be_ok(stls_profile_new(role == STLS_ROLE_CLIENT ? kind->client : kind->server, role,
                                &profile, &error),
               &error);
    set_all(profile, kind, role);
    must_be_ok(stls_context_new(profile, &context, &error), &error);
    stls_profile_free(profile);
    return context;
}

typedef struct kept {
    const stls_backend *backend;
    uint16_t version;
    bool mutual;
    stls_role role;
    stls_context *context;
} kept;

static kept contexts[64];
static size_t context_count;

static void start(void) {
    static bool started;
    if (!started) {
        started = true;
        start_random();
        start_clock();
        start_ring();
    }
}

stls_context *rig_context(const rig_kind *kind, stls_role role) {
    const stls_backend *backend = role == STLS_ROLE_CLIENT ? kind->client : kind->server;
    for (size_t i = 0; i < context_count; i++) {
        const kept *k = &contexts[i];
        if (k->backend == backend && k->version == kind->version && k->mutual == kind->mutual &&
            k->role == role) {
            return k->context;
        }
    }
    must(context_count < sizeof contexts / sizeof contexts[0], "there is room for a context");
    contexts[context_count] =
        (kept){backend, kind->version, kind->mutual, role, make_context(kind, role)};
    return contexts[context_count++].context;
}

void rig_begin(void) {
    start();
    rig_forget_secrets();
    for (size_t i = 0; i < context_count; i++) {
        stls_session_cache_clear(contexts[i].context->sessions);
    }
    random_state = 1;
}

/* --- Connections */

/* Making a context takes random numbers, so it is made before the row begins anew. */
static stls_conn *connect(const rig_kind *kind, stls_role role) {
    uint64_t before = random_state;
    stls_context *context = rig_context(kind, role);
    random_state = before;
    stls_conn *conn = NULL;
    stls_error error = {.text = ""};
    must_be_ok(
        stls_conn_new(context, role == STLS_ROLE_CLIENT ? "example.test" : NULL, &conn, &error),
        &error);
    must_be_ok(stls_conn_use_memory(conn, &error), &error);
    return conn;
}

stls_conn *rig_client(const rig_kind *kind) {
    return connect(kind, STLS_ROLE_CLIENT);
}

stls_conn *rig_server(const rig_kind *kind) {
    return connect(kind, STLS_ROLE_SERVER);
}

void rig_move(stls_conn *from, stls_conn *to) {
    stls_bytes waiting = stls_conn_peek(from);
    if (waiting.len != 0) {
        must(stls_conn_feed(to, waiting.data, waiting.len) == STLS_OK, "a whole flight is taken");
        stls_conn_consume(from, waiting.len);
    }
}

bool rig_join(stls_conn *client, stls_conn *server) {
    stls_result is[2] = {STLS_WANT_READ, STLS_WANT_READ};
    for (unsigned round = 0; round < 16 && (is[0] != STLS_OK || is[1] != STLS_OK); round++) {
        is[0] = stls_conn_handshake(client);
        rig_move(client, server);
        is[1] = stls_conn_handshake(server);
        rig_move(server, client);
    }
    return is[0] == STLS_OK && is[1] == STLS_OK;
}

void rig_drain(stls_conn *conn) {
    uint8_t data[1024];
    size_t done;
    while (stls_conn_read(conn, data, sizeof data, &done) == STLS_OK) {
    }
}
