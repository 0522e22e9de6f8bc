/* bench/subjects/siptls.c - siptls, on each of its backends, by its public headers only.
 *
 * SPDX-License-Identifier: MIT */
#include "../parts.h"
#include "../subject.h"

#include <siptls/siptls.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_context {
    stls_context *context;
    const char *peer;
};

/* A bench_conn is an stls_conn: nothing of the benchmark stands around what is measured. */
static stls_conn *of(bench_conn *conn) {
    return (stls_conn *)conn;
}

/* --- What can be had */

static const stls_backend *backend_of(const struct bench_subject *subject) {
    return stls_backend_find(subject->library);
}

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return stls_version();
}

enum { GROUPS_MAX = 4 };

static bool has_groups(const stls_backend *backend, const char *names) {
    uint16_t groups[GROUPS_MAX];
    size_t count = 0;
    if (stls_iana_list(STLS_REGISTRY_GROUP, names, groups, GROUPS_MAX, &count, NULL) != STLS_OK) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!stls_backend_supports(backend, STLS_REGISTRY_GROUP, groups[i])) {
            return false;
        }
    }
    return true;
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    const stls_backend *backend = backend_of(subject);
    if (backend == NULL) {
        return "the library does not start";
    }
    if (!has_groups(backend, setup->groups)) {
        return "no such group in this build of the library";
    }
    if ((setup->chain_file != NULL && strstr(setup->chain_file, "ed25519") != NULL) ||
        (setup->trust_file != NULL && strstr(setup->trust_file, "ed25519") != NULL)) {
        return stls_backend_can(backend, STLS_CAN_VERIFY_ED25519) ? NULL : "no Ed25519";
    }
    return NULL;
}

/* --- Contexts */

static stls_result set_protocol(stls_profile *profile, const struct bench_setup *setup,
                                stls_error *error) {
    uint16_t tls = setup->version == 13 ? STLS_TLS1_3 : STLS_TLS1_2;
    stls_result result = stls_profile_set_versions(profile, tls, tls, error);
    if (result == STLS_OK) {
        result =
            stls_profile_set_names(profile, STLS_REGISTRY_SUITE,
                                   setup->version == 13 ? "TLS_AES_128_GCM_SHA256"
                                                        : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:"
                                                          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                                   error);
    }
    if (result == STLS_OK) {
        result = stls_profile_set_names(profile, STLS_REGISTRY_GROUP, setup->groups, error);
    }
    if (result == STLS_OK && !setup->chain_memory) {
        result = stls_profile_set_signature_memory(profile, 0, error);
    }
    if (result == STLS_OK && !setup->resume) {
        result = setup->server ? stls_profile_set_tickets(profile, NULL, 0, error)
                               : stls_profile_set_session_cache(profile, NULL, error);
    }
    return result;
}

struct adding {
    stls_trust *trust;
    stls_error *error;
    stls_result result;
};

static bool add_part(void *arg, const char *data, size_t len) {
    struct adding *self = arg;
    self->result = stls_trust_add(self->trust, data, len, NULL, self->error);
    return self->result == STLS_OK;
}

static stls_result set_peer(stls_profile *profile, const struct bench_setup *setup,
                            stls_error *error) {
    stls_result result = STLS_OK;
    if (setup->trust_file != NULL) {
        struct adding adding = {.trust = stls_trust_new(), .error = error, .result = STLS_E_FILE};
        snprintf(error->text, sizeof error->text, "%s cannot be read", setup->trust_file);
        bool added = adding.trust != NULL && bench_parts(setup->trust_file, add_part, &adding);
        result = added ? stls_profile_set_trust(profile, adding.trust, error) : adding.result;
        stls_trust_free(adding.trust);
    }
    if (result == STLS_OK && setup->server && setup->mutual) {
        result = stls_profile_set_verify(
            profile, setup->verify ? STLS_VERIFY_REQUIRED : STLS_VERIFY_OPTIONAL_ANY, error);
    }
    if (result == STLS_OK && !setup->server && !setup->verify) {
        result = stls_profile_set_verify(profile, STLS_VERIFY_NONE, error);
    }
    return result;
}

static stls_result set_own(stls_profile *profile, const stls_backend *backend,
                           const struct bench_setup *setup, stls_error *error) {
    stls_credential *credential = NULL;
    if (setup->chain_file == NULL) {
        return STLS_OK;
    }
    stls_result result =
        stls_credential_load(backend, setup->chain_file, setup->key_file, NULL, &credential, error);
    if (result == STLS_OK) {
        result = stls_profile_set_credential(profile, credential, error);
    }
    stls_credential_free(credential);
    return result;
}

static stls_result add_host(stls_profile *profile, const stls_backend *backend, const char *folder,
                            unsigned number, stls_error *error) {
    char chain[1024], key[1024], name[64];
    stls_credential *credential = NULL;
    snprintf(chain, sizeof chain, "%s/host-%u.pem", folder, number);
    snprintf(key, sizeof key, "%s/host.key", folder);
    snprintf(name, sizeof name, "h%u.example.test", number);
    stls_result result = stls_credential_load(backend, chain, key, NULL, &credential, error);
    if (result == STLS_OK) {
        result = stls_profile_add_host(profile, name, credential, STLS_VERIFY_NONE, error);
    }
    stls_credential_free(credential);
    return result;
}

static stls_result set_hosts(stls_profile *profile, const stls_backend *backend,
                             const struct bench_setup *setup, stls_error *error) {
    stls_result result = STLS_OK;
    for (unsigned i = 0; i < setup->hosts && result == STLS_OK; i++) {
        result = add_host(profile, backend, setup->hosts_folder, i, error);
    }
    return result;
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    const stls_backend *backend = backend_of(subject);
    stls_error error = {.text = "no memory"};
    stls_profile *profile = NULL;
    struct bench_context *self = calloc(1, sizeof *self);
    bool done = self != NULL &&
                stls_profile_new(backend, setup->server ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT,
                                 &profile, &error) == STLS_OK &&
                set_protocol(profile, setup, &error) == STLS_OK &&
                set_peer(profile, setup, &error) == STLS_OK &&
                set_own(profile, backend, setup, &error) == STLS_OK &&
                set_hosts(profile, backend, setup, &error) == STLS_OK &&
                stls_context_new(profile, &self->context, &error) == STLS_OK;
    stls_profile_free(profile);
    if (!done) {
        snprintf(why, why_size, "%s", error.text);
        free(self);
        return NULL;
    }
    self->peer = setup->server ? NULL : setup->host;
    return self;
}

static void context_free(bench_context *self) {
    if (self != NULL) {
        stls_context_free(self->context);
    }
    free(self);
}

/* --- Connections */

static bench_conn *conn_new(bench_context *context, int fd) {
    stls_conn *conn = NULL;
    if (stls_conn_new(context->context, context->peer, &conn, NULL) == STLS_OK &&
        stls_conn_set_fd(conn, fd, NULL) == STLS_OK) {
        return (bench_conn *)conn;
    }
    stls_conn_free(conn);
    return NULL;
}

static enum bench_step step_of(stls_result result) {
    switch (result) {
    case STLS_OK:
        return BENCH_DONE;
    case STLS_WANT_READ:
    case STLS_WANT_WRITE:
        return BENCH_WANT;
    default:
        return BENCH_FAILED;
    }
}

static enum bench_step handshake(bench_conn *conn) {
    return step_of(stls_conn_handshake(of(conn)));
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    return step_of(stls_conn_read(of(conn), data, size, got));
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    return step_of(stls_conn_write(of(conn), data, len, done));
}

static bool resumed(bench_conn *conn) {
    stls_conn_info info;
    stls_conn_get_info(of(conn), &info);
    return info.resumed;
}

static void close_notify(bench_conn *conn) {
    (void)stls_conn_close(of(conn));
}

static void conn_free(bench_conn *conn) {
    stls_conn_free(of(conn));
}

static const char *error_text(bench_conn *conn) {
    return stls_conn_error(of(conn))->text;
}

static size_t kept(bench_conn *conn) {
    size_t bytes = 0;
    for (size_t i = 0; i < stls_conn_peer_count(of(conn)); i++) {
        bytes += stls_conn_peer_certificate(of(conn), i).len + sizeof(stls_bytes);
    }
    bool judged = stls_conn_verdict(of(conn))->state != STLS_VERDICT_NOT_DONE;
    return bytes + (judged ? sizeof(stls_verdict) : 0);
}

#define SIPTLS_ON(backend)                                                                         \
    {                                                                                              \
        .name = "siptls-" backend, .library = (backend), .version = version, .lacks = lacks,       \
        .context_new = context_new, .context_free = context_free, .conn_new = conn_new,            \
        .handshake = handshake, .read = read_some, .write = write_some, .resumed = resumed,        \
        .close = close_notify, .conn_free = conn_free, .error = error_text, .kept = kept,          \
    }

extern const struct bench_subject bench_siptls_openssl, bench_siptls_mbedtls, bench_siptls_wolfssl;
const struct bench_subject bench_siptls_openssl = SIPTLS_ON("openssl");
const struct bench_subject bench_siptls_mbedtls = SIPTLS_ON("mbedtls");
const struct bench_subject bench_siptls_wolfssl = SIPTLS_ON("wolfssl");
