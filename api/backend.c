/* SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"
#include "base/lock.h"

#include <pthread.h>
#include <siptls/iana.h>
#include <string.h>

/* What the process knows of its libraries: written once, by start_all(). */
enum { BACKENDS_MAX = 8 };
static bool backend_started[BACKENDS_MAX];
static pthread_once_t started = PTHREAD_ONCE_INIT;
static atomic_bool is_started;
static atomic_uint fork_generation;

static void count_fork(void) {
    atomic_fetch_add(&fork_generation, 1);
}

static void start_all(void) {
    atomic_store(&is_started, true);
    if (pthread_atfork(NULL, NULL, count_fork) != 0 || !stls_locks_guard_forks()) {
        return; /* nothing is started: every look-up answers NULL */
    }
    for (size_t i = 0; i < BACKENDS_MAX && stls_backends_builtin[i] != NULL; i++) {
        const stls_backend *backend = stls_backends_builtin[i];
        backend_started[i] = stls_backend_flaw(backend) == NULL && backend->start() == STLS_BE_OK;
    }
}

static const stls_backend *built_in(const char *name) {
    for (size_t i = 0; i < BACKENDS_MAX && stls_backends_builtin[i] != NULL; i++) {
        if (stls_backend_flaw(stls_backends_builtin[i]) == NULL &&
            strcmp(stls_backends_builtin[i]->name, name) == 0) {
            return stls_backends_builtin[i];
        }
    }
    return NULL;
}

unsigned stls_fork_generation(void) {
    pthread_once(&started, start_all);
    return atomic_load(&fork_generation);
}

stls_result stls_set_library_allocator(const char *name, const stls_allocator *allocator,
                                       stls_error *error) {
    if (name == NULL || allocator == NULL || allocator->allocate == NULL ||
        allocator->reallocate == NULL || allocator->release == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a TLS library's allocator needs its backend's name and all functions");
    }
    if (atomic_load(&is_started)) {
        return stls_fail(error, STLS_E_STATE,
                         "the TLS libraries are in use already: the allocator of %s must be set "
                         "before anything else of siptls is called",
                         name);
    }
    const stls_backend *backend = built_in(name);
    if (backend == NULL) {
        return stls_fail(error, STLS_E_NO_BACKEND, "backend %s is not built in", name);
    }
    switch (backend->set_allocator(allocator)) {
    case STLS_BE_OK:
        return STLS_OK;
    case STLS_BE_UNSUPPORTED:
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s was built without a way to replace its allocator", name);
    default:
        return stls_fail(error, STLS_E_STATE,
                         "%s has allocated memory already, for somebody else in this process",
                         name);
    }
}

const stls_backend *stls_backend_at(size_t index) {
    pthread_once(&started, start_all);
    for (size_t i = 0; i < BACKENDS_MAX && stls_backends_builtin[i] != NULL; i++) {
        if (backend_started[i] && index-- == 0) {
            return stls_backends_builtin[i];
        }
    }
    return NULL;
}

const stls_backend *stls_backend_find(const char *name) {
    const stls_backend *backend;
    for (size_t i = 0; name != NULL && (backend = stls_backend_at(i)) != NULL; i++) {
        if (strcmp(backend->name, name) == 0) {
            return backend;
        }
    }
    return NULL;
}

const stls_backend *stls_backend_default(void) {
    return stls_backend_at(0);
}

static stls_be_description describe(const stls_backend *backend) {
    stls_be_description description = {0};
    if (backend != NULL) {
        backend->describe(&description);
    }
    return description;
}

const char *stls_backend_name(const stls_backend *backend) {
    return backend != NULL ? backend->name : "none";
}

static const char *or_unknown(const char *text) {
    return text != NULL ? text : "unknown";
}

const char *stls_backend_version_built(const stls_backend *backend) {
    return or_unknown(describe(backend).version_built);
}

const char *stls_backend_version_running(const stls_backend *backend) {
    return or_unknown(describe(backend).version_running);
}

uint32_t stls_backend_capabilities(const stls_backend *backend) {
    return describe(backend).capabilities;
}

bool stls_backend_can(const stls_backend *backend, uint32_t capability) {
    return (stls_backend_capabilities(backend) & capability) == capability;
}

bool stls_backend_supports(const stls_backend *backend, stls_registry registry, uint16_t code) {
    if (backend == NULL || registry == STLS_REGISTRY_NONE || registry == STLS_REGISTRY_ALERT ||
        stls_iana_name(registry, code) == NULL) {
        return false;
    }
    if (registry == STLS_REGISTRY_VERSION &&
        !stls_backend_can(backend, code == STLS_TLS1_3 ? STLS_CAN_TLS1_3 : STLS_CAN_TLS1_2)) {
        return false;
    }
    return backend->supports(registry, code);
}

static const struct {
    uint32_t capability;
    const char *name, *text;
} capabilities[] = {
    {STLS_CAN_TLS1_2, "tls1.2", "TLS 1.2"},
    {STLS_CAN_TLS1_3, "tls1.3", "TLS 1.3"},
    {STLS_CAN_SET_SIGNATURE_SCHEMES, "set-schemes", "signature schemes can be chosen"},
    {STLS_CAN_ALPN, "alpn", "application protocols (ALPN)"},
    {STLS_CAN_SELECT_VERIFY, "select-verify", "certificate and verification chosen by SNI"},
    {STLS_CAN_READ_ANY_CHAIN, "any-chain", "chains its own parser would refuse reach our verdict"},
    {STLS_CAN_LONG_CHAINS, "long-chains", "chains of more than 9 certificates"},
    {STLS_CAN_ANY_ALERT, "any-alert", "a rejection sends exactly the alert of the verdict"},
    {STLS_CAN_TELL_GROUP, "tell-group", "the negotiated group is known"},
    {STLS_CAN_TELL_SCHEME, "tell-scheme", "the peer's signature scheme is known"},
    {STLS_CAN_ENCRYPTED_KEYS, "encrypted-keys", "private keys under a password (PKCS#8)"},
    {STLS_CAN_VERIFY_ED25519, "ed25519", "certificates signed with Ed25519"},
    {STLS_CAN_PKCS12, "pkcs12", "chains with their key in PKCS#12"},
    {STLS_CAN_VERIFY_RSA_PSS_KEYS, "rsa-pss-keys", "certificates signed by an id-RSASSA-PSS key"},
    {STLS_CAN_RESUME, "resume", "a client resumes sessions"},
    {STLS_CAN_ISSUE_TICKETS, "tickets", "a server resumes by tickets under our keys"},
    {STLS_CAN_TICKET_PEER, "ticket-peer", "tickets hold the client's certificates"},
    {STLS_CAN_EXPORT_KEYS, "export-keys", "keying material is exported (RFC 5705)"},
    {STLS_CAN_KEYLOG, "keylog", "secrets can be logged, to decrypt captures"},
    {STLS_CAN_UPDATE_KEYS, "update-keys", "keys of TLS 1.3 are updated, by us and by the peer"},
    {STLS_CAN_MAX_FRAGMENT, "max-fragment", "a client can ask for small records"},
};

enum { CAPABILITY_COUNT = sizeof capabilities / sizeof capabilities[0] };

const char *stls_capability_name(uint32_t capability) {
    for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
        if (capabilities[i].capability == capability) {
            return capabilities[i].name;
        }
    }
    return NULL;
}

const char *stls_capability_text(uint32_t capability) {
    for (size_t i = 0; i < CAPABILITY_COUNT; i++) {
        if (capabilities[i].capability == capability) {
            return capabilities[i].text;
        }
    }
    return NULL;
}

const char *stls_version(void) {
    return STLS_VERSION;
}
