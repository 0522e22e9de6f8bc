/* tests/support/end.c - one end of a connection, described in a few words.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/end.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#include <stdio.h>
#include <string.h>

int64_t end_clock(void *arg) {
    const int64_t *now = arg;
    return *now;
}

static stls_result set_protocol(stls_profile *p, const end *e, stls_error *error) {
    stls_result r = STLS_OK;
    uint16_t min = e->version ? e->version : e->version_min;
    uint16_t max = e->version ? e->version : e->version_max;
    if (e->preset) {
        r = stls_profile_set_preset(p, e->preset, error);
    }
    if (r == STLS_OK && (min || max)) {
        r = stls_profile_set_versions(p, min ? min : STLS_TLS1_2, max ? max : STLS_TLS1_3, error);
    }
    if (r == STLS_OK && e->suites) {
        r = stls_profile_set_names(p, STLS_REGISTRY_SUITE, e->suites, error);
    }
    if (r == STLS_OK && e->groups) {
        r = stls_profile_set_names(p, STLS_REGISTRY_GROUP, e->groups, error);
    }
    if (r == STLS_OK && e->schemes) {
        r = stls_profile_set_names(p, STLS_REGISTRY_SCHEME, e->schemes, error);
    }
    if (r == STLS_OK && e->alpn) {
        r = stls_profile_set_alpn(p, e->alpn, error);
    }
    return r;
}

/* The profile holds what it is given, so our hold goes at once. */
static stls_result set_credential(stls_profile *p, const stls_backend *backend, const char *name,
                                  stls_error *error) {
    stls_credential *credential;
    stls_result r = pki_try_credential(backend, name, &credential, error);
    if (r == STLS_OK) {
        r = stls_profile_set_credential(p, credential, error);
    }
    stls_credential_free(credential);
    return r;
}

static stls_result set_trust(stls_profile *p, const char *names, stls_error *error) {
    stls_trust *trust = pki_trust(names);
    stls_result r = stls_profile_set_trust(p, trust, error);
    stls_trust_free(trust);
    return r;
}

static stls_result add_names(stls_profile *p, const char *names, stls_error *error) {
    stls_result r = STLS_OK;
    char name[300];
    int used;
    for (const char *at = names; r == STLS_OK && sscanf(at, " %299s%n", name, &used) == 1;
         at += used) {
        r = stls_profile_add_name(p, name, error);
    }
    return r;
}

static stls_result add_host(stls_profile *p, const stls_backend *backend, const end_host *host,
                            stls_error *error) {
    stls_credential *credential;
    stls_result r = pki_try_credential(backend, host->credential, &credential, error);
    if (r == STLS_OK) {
        r = stls_profile_add_host(p, host->name, credential, host->verify, error);
    }
    stls_credential_free(credential);
    return r;
}

static stls_result set_peer(stls_profile *p, const end *e, stls_error *error) {
    stls_result r = STLS_OK;
    if (e->trust) {
        r = set_trust(p, e->trust, error);
    }
    if (r == STLS_OK && e->verify) {
        r = stls_profile_set_verify(p, e->verify, error);
    }
    if (r == STLS_OK && e->identity) {
        r = stls_profile_set_identity(p, e->identity, e->identity_flags, error);
    }
    if (r == STLS_OK && e->names) {
        r = add_names(p, e->names, error);
    }
    if (r == STLS_OK && e->usage) {
        r = stls_profile_set_usage(p, e->usage, error);
    }
    if (r == STLS_OK && e->strength) {
        r = stls_profile_set_strength(p, e->strength, error);
    }
    if (r == STLS_OK && e->tolerated) {
        r = stls_profile_set_tolerated(p, e->tolerated, error);
    }
    return r;
}

static stls_result set_rest(stls_profile *p, const stls_backend *backend, const end *e,
                            stls_error *error) {
    stls_result r = STLS_OK;
    if (e->now) {
        union {
            const int64_t *in;
            void *out;
        } arg = {.in = e->now}; /* the clock only reads it */
        r = stls_profile_set_clock(p, end_clock, arg.out, error);
    }
    if (r == STLS_OK && e->clock_floor) {
        r = stls_profile_set_clock_floor(p, e->clock_floor, error);
    }
    if (r == STLS_OK) {
        r = stls_profile_set_handshake_timeout(p, e->timeout_ms ? *e->timeout_ms : END_PATIENCE_MS,
                                               error);
    }
    if (r == STLS_OK && e->chain_bytes) {
        r = stls_profile_set_chain_bytes(p, e->chain_bytes, error);
    }
    for (const end_host *h = e->hosts; r == STLS_OK && h && h->name; h++) {
        r = add_host(p, backend, h, error);
    }
    if (r == STLS_OK && e->strict_hosts) {
        r = stls_profile_set_strict_hosts(p, true, error);
    }
    if (r == STLS_OK && e->no_tickets) {
        r = stls_profile_set_tickets(p, NULL, 0, error);
    }
    return r;
}

stls_result end_try_profile(stls_role role, const end *e, stls_profile **profile,
                            stls_error *error) {
    const stls_backend *backend = e->backend ? e->backend : test_backend();
    stls_profile *p = NULL;
    stls_result r = stls_profile_new(backend, role, &p, error);
    *profile = NULL;
    if (r != STLS_OK) {
        return r;
    }
    r = set_protocol(p, e, error);
    if (r == STLS_OK && e->credential) {
        r = set_credential(p, backend, e->credential, error);
    }
    if (r == STLS_OK) {
        r = set_peer(p, e, error);
    }
    if (r == STLS_OK) {
        r = set_rest(p, backend, e, error);
    }
    if (r == STLS_OK) {
        *profile = p;
    } else {
        stls_profile_free(p);
    }
    return r;
}

stls_result end_try_context(stls_role role, const end *e, stls_context **context,
                            stls_error *error) {
    stls_profile *profile;
    stls_result r = end_try_profile(role, e, &profile, error);
    *context = NULL;
    if (r == STLS_OK) {
        r = stls_context_new(profile, context, error);
    }
    stls_profile_free(profile);
    return r;
}

stls_context *end_context(stls_role role, const end *e) {
    stls_context *context;
    stls_error error = {0};
    CHECK_RESULT(role == STLS_ROLE_CLIENT ? "the client's context" : "the server's context",
                 end_try_context(role, e, &context, &error), STLS_OK, &error);
    return context;
}
