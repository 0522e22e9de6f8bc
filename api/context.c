/* SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "api/resume.h"
#include "base/error.h"
#include "base/memory.h"

#include <siptls/iana.h>
#include <string.h>

/* --- What a profile must have before it can be frozen --- */

static bool judges(stls_verify_mode mode) {
    return mode == STLS_VERIFY_REQUIRED || mode == STLS_VERIFY_OPTIONAL;
}

static stls_result check_client(const stls_profile *profile, stls_error *error) {
    if (judges(profile->verify) && stls_trust_count(profile->trust) == 0) {
        return stls_fail(error, STLS_E_STATE,
                         "a client that verifies its server needs trusted certificates: "
                         "stls_profile_set_trust()");
    }
    return STLS_OK;
}

static stls_result check_server(const stls_profile *profile, stls_error *error) {
    bool only_hosts = profile->strict_hosts && profile->host_count > 0;
    if (profile->credential == NULL && !only_hosts) {
        return stls_fail(error, STLS_E_STATE,
                         "a server needs a credential: stls_profile_set_credential(), or hosts and "
                         "stls_profile_set_strict_hosts()");
    }
    bool verifies = judges(profile->verify);
    for (size_t i = 0; i < profile->host_count; i++) {
        verifies = verifies || judges(profile->hosts[i].verify);
    }
    if (verifies && stls_trust_count(profile->trust) == 0) {
        return stls_fail(error, STLS_E_STATE,
                         "a server that verifies its clients needs trusted certificates: "
                         "stls_profile_set_trust()");
    }
    if (profile->host_count > 0 && !stls_backend_can(profile->backend, STLS_CAN_SELECT_VERIFY)) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "this build of %s cannot choose credential and verify mode by SNI",
                         profile->backend->name);
    }
    return STLS_OK;
}

static stls_result check_names(const stls_profile *profile, stls_error *error) {
    if (profile->rules.identity == STLS_IDENTITY_LIST && profile->rules.name_count == 0) {
        return stls_fail(error, STLS_E_STATE,
                         "identity mode LIST needs names: stls_profile_add_name()");
    }
    return STLS_OK;
}

static stls_result check_versions(const stls_profile *profile, stls_error *error) {
    for (uint16_t version = profile->version_min; version <= profile->version_max; version++) {
        bool has_suite = false;
        if (!stls_backend_supports(profile->backend, STLS_REGISTRY_VERSION, version)) {
            return stls_fail(error, STLS_E_UNSUPPORTED, "this build of %s does not have %s",
                             profile->backend->name,
                             stls_iana_name(STLS_REGISTRY_VERSION, version));
        }
        for (size_t i = 0; i < profile->suites.count; i++) {
            has_suite = has_suite || stls_suite_version(profile->suites.at[i]) == version;
        }
        if (!has_suite) {
            return stls_fail(error, STLS_E_STATE,
                             "%s is allowed, but no cipher suite of it is in the list: narrow "
                             "stls_profile_set_versions(), or add one",
                             stls_iana_name(STLS_REGISTRY_VERSION, version));
        }
    }
    return STLS_OK;
}

static stls_result check_profile(const stls_profile *profile, stls_error *error) {
    stls_result result = check_names(profile, error);
    if (result == STLS_OK) {
        result = check_versions(profile, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    if (profile->groups.count == 0) {
        return stls_fail(error, STLS_E_STATE, "the list of groups is empty");
    }
    return profile->role == STLS_ROLE_CLIENT ? check_client(profile, error)
                                             : check_server(profile, error);
}

/* --- Freezing --- */

static uint32_t wanted_settings(const stls_profile *profile) {
    uint32_t wanted = STLS_BE_SET_VERDICT | STLS_BE_SET_VERSIONS | STLS_BE_SET_SUITES |
                      STLS_BE_SET_GROUPS | STLS_BE_SET_CHAIN_LIMIT | STLS_BE_SET_NO_RENEGOTIATION;
    if (!profile->resumes) {
        wanted |= STLS_BE_SET_NO_RESUMPTION;
    } else {
        wanted |= profile->role == STLS_ROLE_CLIENT ? STLS_BE_SET_SESSIONS : STLS_BE_SET_TICKETS;
    }
    if (profile->keylog != NULL) {
        wanted |= STLS_BE_SET_KEYLOG;
    }
    if (profile->exporter) {
        wanted |= STLS_BE_SET_EXPORTER;
    }
    if (profile->max_fragment != 0) {
        wanted |= STLS_BE_SET_MAX_FRAGMENT;
    }
    if (stls_backend_can(profile->backend, STLS_CAN_SET_SIGNATURE_SCHEMES)) {
        wanted |= STLS_BE_SET_SCHEMES;
    }
    if (profile->role == STLS_ROLE_SERVER) {
        wanted |= STLS_BE_SET_SERVER_PREFERENCE | STLS_BE_SET_CLIENT_AUTH | STLS_BE_SET_SELECT;
    }
    if (profile->credential != NULL) {
        wanted |= STLS_BE_SET_CREDENTIAL;
    }
    if (profile->alpn[0] != '\0') {
        wanted |= STLS_BE_SET_ALPN;
    }
    return wanted;
}

static const char *setting_name(uint32_t setting) {
    switch (setting) {
    case STLS_BE_SET_VERDICT:
        return "our own verdict";
    case STLS_BE_SET_VERSIONS:
        return "the TLS versions";
    case STLS_BE_SET_SUITES:
        return "the cipher suites";
    case STLS_BE_SET_GROUPS:
        return "the groups";
    case STLS_BE_SET_SCHEMES:
        return "the signature schemes";
    case STLS_BE_SET_SERVER_PREFERENCE:
        return "the server's preference";
    case STLS_BE_SET_CLIENT_AUTH:
        return "the request for client certificates";
    case STLS_BE_SET_CREDENTIAL:
        return "the credential";
    case STLS_BE_SET_SELECT:
        return "the choice by SNI";
    case STLS_BE_SET_ALPN:
        return "ALPN";
    case STLS_BE_SET_CHAIN_LIMIT:
        return "the limit on certificates";
    case STLS_BE_SET_NO_RENEGOTIATION:
        return "the ban on renegotiation";
    case STLS_BE_SET_NO_RESUMPTION:
        return "the ban on resumption";
    case STLS_BE_SET_SESSIONS:
        return "the resumption of sessions";
    case STLS_BE_SET_TICKETS:
        return "the keys of tickets";
    case STLS_BE_SET_KEYLOG:
        return "the key log";
    case STLS_BE_SET_EXPORTER:
        return "the exporter";
    case STLS_BE_SET_MAX_FRAGMENT:
        return "the size of records";
    default:
        return "a setting";
    }
}

/* The suites of the versions in force. */
static size_t suites_in_force(const stls_profile *profile, uint16_t suites[STLS_CODES_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < profile->suites.count; i++) {
        uint16_t version = stls_suite_version(profile->suites.at[i]);
        if (version >= profile->version_min && version <= profile->version_max) {
            suites[count++] = profile->suites.at[i];
        }
    }
    return count;
}

stls_be_client_auth stls_client_auth_of(stls_verify_mode mode) {
    switch (mode) {
    case STLS_VERIFY_REQUIRED:
        return STLS_BE_CLIENT_AUTH_REQUIRED;
    case STLS_VERIFY_OPTIONAL:
    case STLS_VERIFY_OPTIONAL_ANY:
        return STLS_BE_CLIENT_AUTH_OPTIONAL;
    case STLS_VERIFY_NONE:
        return STLS_BE_CLIENT_AUTH_NONE;
    }
    return STLS_BE_CLIENT_AUTH_REQUIRED;
}

/* Whether a server can have to ask its clients for certificates. */
static bool may_ask(const stls_profile *profile) {
    bool asks = profile->role == STLS_ROLE_SERVER && profile->verify != STLS_VERIFY_NONE;
    for (size_t i = 0; i < profile->host_count && !asks; i++) {
        asks = profile->hosts[i].verify != STLS_VERIFY_NONE;
    }
    return asks;
}

static stls_result install(stls_context *context, stls_error *error) {
    const stls_profile *profile = context->profile;
    const stls_backend *backend = profile->backend;
    uint16_t suites[STLS_CODES_MAX];
    stls_bytes alpn[STLS_ALPN_MAX];
    stls_be_settings settings = {
        .wanted = wanted_settings(profile),
        .role = profile->role,
        .version_min = profile->version_min,
        .version_max = profile->version_max,
        .suites = suites,
        .suite_count = suites_in_force(profile, suites),
        .groups = profile->groups.at,
        .group_count = profile->groups.count,
        .schemes = profile->schemes.at,
        .scheme_count = profile->schemes.count,
        .client_auth = profile->role == STLS_ROLE_SERVER ? stls_client_auth_of(profile->verify)
                                                         : STLS_BE_CLIENT_AUTH_NONE,
        .may_ask = may_ask(profile),
        .credential = stls_credential_block(profile->credential),
        .other_credentials = profile->host_count > 0,
        .alpn = alpn,
        .alpn_count = stls_alpn_split(profile->alpn, alpn),
        .chain_bytes_max = profile->rules.chain_bytes_max,
        .ticket_count = profile->ticket_count,
        .ticket_lifetime_s = context->ring != NULL ? stls_ticket_ring_lifetime(context->ring) : 0,
        .max_fragment = profile->max_fragment,
    };
    uint32_t applied = 0;
    stls_be_failure failure = {0};
    context->initialised = true;
    stls_be_status status = backend->context_init(context->block, &settings, &applied, &failure);
    if (status == STLS_BE_NO_MEMORY) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a context of %s", backend->name);
    }
    if (status != STLS_BE_OK) {
        stls_error_fill(error, status == STLS_BE_UNSUPPORTED ? STLS_E_UNSUPPORTED : STLS_E_BACKEND,
                        "%s refuses these settings: %s", backend->name,
                        failure.text[0] != '\0' ? failure.text : "it does not say why");
        if (error != NULL) {
            error->native = failure.native;
        }
        return status == STLS_BE_UNSUPPORTED ? STLS_E_UNSUPPORTED : STLS_E_BACKEND;
    }
    uint32_t missing = settings.wanted & ~applied;
    if (missing != 0) {
        return stls_fail(error, STLS_E_NOT_APPLIED, "%s did not install %s%s%s", backend->name,
                         setting_name(missing & (~missing + 1)),
                         failure.text[0] != '\0' ? ": " : "", failure.text);
    }
    return STLS_OK;
}

static bool make_memory(stls_context *context) {
    const stls_profile *profile = context->profile;
    context->memory = stls_memory_new(profile->backend, profile->signature_memory);
    return context->memory != NULL;
}

/* A copy of `profile` with room for the backend's block behind it; NULL if there is no memory. */
static stls_context *allocate(const stls_profile *profile) {
    stls_context *context = stls_alloc(1, sizeof *context + profile->backend->context_size);
    if (context == NULL) {
        return NULL;
    }
    atomic_init(&context->holds, 1);
    context->profile = stls_profile_copy(profile);
    if (context->profile == NULL || (profile->signature_memory > 0 && !make_memory(context))) {
        stls_context_free(context);
        return NULL;
    }
    context->profile->rules.names = (const char *const *)context->profile->names;
    return context;
}

static stls_result freeze(const stls_profile *profile, bool only_verifies, stls_context **context,
                          stls_error *error) {
    stls_context *new = allocate(profile);
    if (new == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a context");
    }
    new->only_verifies = only_verifies;
    stls_result result = STLS_OK;
    if (!only_verifies) {
        result = stls_context_prepare_resumption(new, error);
        result = result == STLS_OK ? install(new, error) : result;
    }
    if (result != STLS_OK) {
        stls_context_free(new);
        return result;
    }
    *context = new;
    return STLS_OK;
}

static stls_result refuse_null(stls_error *error) {
    return stls_fail(error, STLS_E_ARGUMENT, "a context needs a profile and a place to go to");
}

stls_result stls_context_new(const stls_profile *profile, stls_context **context,
                             stls_error *error) {
    if (profile == NULL || context == NULL) {
        return refuse_null(error);
    }
    stls_result result = check_profile(profile, error);
    return result == STLS_OK ? freeze(profile, false, context, error) : result;
}

stls_result stls_context_new_verifier(const stls_profile *profile, stls_context **context,
                                      stls_error *error) {
    if (profile == NULL || context == NULL) {
        return refuse_null(error);
    }
    stls_result result = check_names(profile, error);
    if (result == STLS_OK && stls_trust_count(profile->trust) == 0) {
        result = stls_fail(error, STLS_E_STATE,
                           "a verdict needs trusted certificates: stls_profile_set_trust()");
    }
    return result == STLS_OK ? freeze(profile, true, context, error) : result;
}

stls_context *stls_context_hold(stls_context *context) {
    if (context != NULL) {
        atomic_fetch_add(&context->holds, 1);
    }
    return context;
}

void stls_context_free(stls_context *context) {
    if (context == NULL || atomic_fetch_sub(&context->holds, 1) != 1) {
        return;
    }
    if (context->initialised) {
        context->profile->backend->context_fini(context->block);
    }
    stls_memory_free(context->memory);
    stls_session_cache_free(context->sessions);
    stls_ticket_ring_free(context->ring);
    stls_profile_free(context->profile);
    stls_free(context);
}

const stls_backend *stls_context_backend(const stls_context *context) {
    return context != NULL ? context->profile->backend : NULL;
}

stls_role stls_context_role(const stls_context *context) {
    return context != NULL ? context->profile->role : STLS_ROLE_NONE;
}

void stls_context_get_stats(const stls_context *context, stls_context_stats *stats) {
    if (stats == NULL) {
        return;
    }
    *stats = (stls_context_stats){.started = 0};
    if (context != NULL) {
        stats->started = atomic_load(&context->started);
        stats->full = atomic_load(&context->full);
        stats->resumed = atomic_load(&context->resumed);
        stats->failed = atomic_load(&context->failed);
        stats->refused = atomic_load(&context->refused);
        stats->under_way = atomic_load(&context->under_way);
    }
}

/* --- Judging --- */

void stls_context_judge(const stls_context *context, const char *peer, const stls_bytes *chain,
                        void *const *keys, size_t count, stls_verdict *verdict) {
    const stls_profile *profile = context->profile;
    stls_judge_request request = {
        .backend = profile->backend,
        .trust = profile->trust,
        .rules = &profile->rules,
        .peer_role = profile->role == STLS_ROLE_CLIENT ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT,
        .peer = peer,
        .now = stls_profile_now(profile),
        .earliest = profile->clock_floor,
        .chain = chain,
        .keys = keys,
        .count = count,
        .memory = context->memory,
    };
    stls_judge(&request, verdict);
}

stls_result stls_context_peer(const stls_context *context, const char *text,
                              char peer[STLS_PEER_NAME_SIZE], bool *is_ip, stls_error *error) {
    const stls_profile *profile = context->profile;
    bool by_name = profile->rules.identity == STLS_IDENTITY_SIP ||
                   profile->rules.identity == STLS_IDENTITY_HTTPS;
    peer[0] = '\0';
    *is_ip = false;
    if (profile->role == STLS_ROLE_SERVER) {
        return text == NULL ? STLS_OK
                            : stls_fail(error, STLS_E_ARGUMENT,
                                        "a server does not know who will call: its peer is NULL "
                                        "(identity mode LIST restricts it)");
    }
    if (text != NULL) {
        return stls_peer_name(text, peer, is_ip, error);
    }
    if (profile->verify != STLS_VERIFY_NONE && by_name) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a client that verifies must name its peer: the SIP domain or host that "
                         "the server has to prove");
    }
    return STLS_OK;
}

stls_result stls_verify(const stls_context *context, const stls_bytes *chain, size_t count,
                        const char *peer, stls_verdict *verdict, stls_error *error) {
    if (context == NULL || verdict == NULL || (chain == NULL && count > 0)) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a verdict needs a context, a chain and a place to go to");
    }
    *verdict = (stls_verdict){.alert = STLS_ALERT_NONE};
    if (context->profile->trust == NULL) {
        return stls_fail(error, STLS_E_STATE, "the context's profile has no trust to verify with");
    }
    char name[STLS_PEER_NAME_SIZE];
    bool is_ip = false;
    stls_result result = stls_context_peer(context, peer, name, &is_ip, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_context_judge(context, name[0] != '\0' ? name : NULL, chain, NULL, count, verdict);
    if (verdict->state == STLS_VERDICT_ACCEPTED) {
        return STLS_OK;
    }
    if ((verdict->flags & STLS_FLAG_OTHER) != 0) {
        return stls_fail(error, STLS_E_NO_MEMORY, "%s", verdict->text);
    }
    return stls_fail(error, STLS_E_VERIFY, "%s", verdict->text);
}
