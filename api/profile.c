/* SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"
#include "base/memory.h"

#include <siptls/iana.h>
#include <string.h>
#include <time.h>

enum { NAMES_MAX = 256, HANDSHAKE_TIMEOUT_MS = 10000, MAX_INTERMEDIATES = 8 };

/* --- Presets --- */

static const uint16_t modern_suites[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
                                         0xc02c, 0xc030, 0xcca9, 0xcca8};
static const uint16_t compatible_suites[] = {
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc023, 0xc027, 0xc024,
    0xc028, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035};
static const uint16_t default_groups[] = {0x11ec, 0x001d, 0x0017, 0x0018};
static const uint16_t default_schemes[] = {0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806,
                                           0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct preset_list {
    stls_preset preset;
    stls_registry registry;
    const uint16_t *codes;
    size_t count;
} preset_lists[] = {
    {STLS_PRESET_MODERN, STLS_REGISTRY_SUITE, modern_suites, COUNT(modern_suites)},
    {STLS_PRESET_MODERN, STLS_REGISTRY_GROUP, default_groups, COUNT(default_groups)},
    {STLS_PRESET_MODERN, STLS_REGISTRY_SCHEME, default_schemes, COUNT(default_schemes)},
    {STLS_PRESET_COMPATIBLE, STLS_REGISTRY_SUITE, compatible_suites, COUNT(compatible_suites)},
    {STLS_PRESET_COMPATIBLE, STLS_REGISTRY_GROUP, default_groups, COUNT(default_groups)},
    {STLS_PRESET_COMPATIBLE, STLS_REGISTRY_SCHEME, default_schemes, COUNT(default_schemes)},
};

size_t stls_preset_codes(stls_preset preset, stls_registry registry, uint16_t *codes,
                         size_t capacity) {
    for (size_t i = 0; i < COUNT(preset_lists); i++) {
        const struct preset_list *list = &preset_lists[i];
        if (list->preset == preset && list->registry == registry) {
            size_t count = list->count < capacity ? list->count : capacity;
            if (count > 0 && codes != NULL) {
                memcpy(codes, list->codes, count * sizeof *codes);
            }
            return list->count;
        }
    }
    return 0;
}

/* Those of a preset that the backend has. */
static stls_code_list supported(const stls_backend *backend, stls_preset preset,
                                stls_registry registry) {
    uint16_t codes[STLS_CODES_MAX];
    size_t count = stls_preset_codes(preset, registry, codes, STLS_CODES_MAX);
    stls_code_list list = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        if (stls_backend_supports(backend, registry, codes[i])) {
            list.at[list.count++] = codes[i];
        }
    }
    return list;
}

stls_result stls_profile_set_preset(stls_profile *profile, stls_preset preset, stls_error *error) {
    if (profile == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the profile is NULL");
    }
    if (preset != STLS_PRESET_MODERN && preset != STLS_PRESET_COMPATIBLE) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no preset %d", (int)preset);
    }
    profile->suites = supported(profile->backend, preset, STLS_REGISTRY_SUITE);
    profile->groups = supported(profile->backend, preset, STLS_REGISTRY_GROUP);
    profile->schemes = supported(profile->backend, preset, STLS_REGISTRY_SCHEME);
    return STLS_OK;
}

/* --- Life --- */

/* The capability that a role needs for resuming. */
static uint32_t resumption_of(stls_role role) {
    return role == STLS_ROLE_CLIENT ? STLS_CAN_RESUME : STLS_CAN_ISSUE_TICKETS;
}

stls_result stls_profile_new(const stls_backend *backend, stls_role role, stls_profile **profile,
                             stls_error *error) {
    const char *flaw = stls_backend_flaw(backend);
    if (flaw != NULL) {
        return stls_fail(error, backend == NULL ? STLS_E_NO_BACKEND : STLS_E_BACKEND, "%s", flaw);
    }
    if (profile == NULL || (role != STLS_ROLE_CLIENT && role != STLS_ROLE_SERVER)) {
        return stls_fail(error, STLS_E_ARGUMENT, "a profile is for a client or for a server");
    }
    stls_profile *new = stls_alloc(1, sizeof *new);
    if (new == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a profile");
    }
    bool tls1_2 = stls_backend_supports(backend, STLS_REGISTRY_VERSION, STLS_TLS1_2);
    bool tls1_3 = stls_backend_supports(backend, STLS_REGISTRY_VERSION, STLS_TLS1_3);
    *new = (stls_profile){
        .backend = backend,
        .role = role,
        .version_min = tls1_2 || !tls1_3 ? STLS_TLS1_2 : STLS_TLS1_3,
        .version_max = tls1_3 || !tls1_2 ? STLS_TLS1_3 : STLS_TLS1_2,
        .verify = role == STLS_ROLE_CLIENT ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE,
        .signature_memory = STLS_SIGNATURE_MEMORY_DEFAULT,
        .handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS,
        .resumes = stls_backend_can(backend, resumption_of(role)),
        .ticket_count = 1,
        .rules = {.identity = STLS_IDENTITY_SIP,
                  .usage = STLS_USAGE_TLS_OR_SIP,
                  .strength = STLS_STRENGTH_STANDARD,
                  .crl = STLS_CRL_OFF,
                  .max_intermediates = MAX_INTERMEDIATES,
                  .chain_bytes_max = STLS_CHAIN_BYTES_DEFAULT},
    };
    stls_profile_set_preset(new, STLS_PRESET_MODERN, NULL);
    *profile = new;
    return STLS_OK;
}

static void free_host(stls_host *host) {
    stls_free(host->name);
    stls_credential_free(host->credential);
}

void stls_profile_free(stls_profile *profile) {
    if (profile == NULL) {
        return;
    }
    stls_credential_free(profile->credential);
    stls_trust_free(profile->trust);
    stls_session_cache_free(profile->sessions);
    stls_ticket_ring_free(profile->ring);
    for (size_t i = 0; i < profile->host_count; i++) {
        free_host(&profile->hosts[i]);
    }
    stls_free(profile->hosts);
    for (size_t i = 0; i < profile->rules.name_count; i++) {
        stls_free(profile->names[i]);
    }
    stls_free(profile->names);
    stls_free(profile);
}

static char *copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = stls_alloc(size, 1);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

static bool copy_hosts(stls_profile *copy, const stls_profile *profile) {
    copy->hosts = stls_alloc(profile->host_count, sizeof *copy->hosts);
    for (size_t i = 0; copy->hosts != NULL && i < profile->host_count; i++) {
        const stls_host *host = &profile->hosts[i];
        stls_host *new = &copy->hosts[i];
        *new = (stls_host){.name = copy_text(host->name),
                           .credential = stls_credential_hold(host->credential),
                           .verify = host->verify};
        copy->host_count++;
        if (new->name == NULL) {
            return false;
        }
    }
    return copy->hosts != NULL;
}

static bool copy_names(stls_profile *copy, const stls_profile *profile) {
    copy->names = stls_alloc(profile->rules.name_count, sizeof *copy->names);
    for (size_t i = 0; copy->names != NULL && i < profile->rules.name_count; i++) {
        copy->names[i] = copy_text(profile->names[i]);
        if (copy->names[i] == NULL) {
            return false;
        }
        copy->rules.name_count++;
    }
    return copy->names != NULL;
}

stls_profile *stls_profile_copy(const stls_profile *profile) {
    stls_profile *copy = stls_alloc(1, sizeof *copy);
    if (copy == NULL) {
        return NULL;
    }
    *copy = *profile;
    copy->credential = stls_credential_hold(profile->credential);
    copy->trust = stls_trust_hold(profile->trust);
    copy->sessions = stls_session_cache_hold(profile->sessions);
    copy->ring = stls_ticket_ring_hold(profile->ring);
    copy->hosts = NULL;
    copy->host_count = 0;
    copy->names = NULL;
    copy->rules.name_count = 0;
    if (!copy_hosts(copy, profile) || !copy_names(copy, profile)) {
        stls_profile_free(copy);
        return NULL;
    }
    return copy;
}

/* --- The protocol --- */

static stls_result refuse_null(stls_error *error) {
    return stls_fail(error, STLS_E_ARGUMENT, "the profile is NULL");
}

stls_result stls_profile_set_versions(stls_profile *profile, uint16_t min, uint16_t max,
                                      stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (stls_iana_name(STLS_REGISTRY_VERSION, min) == NULL ||
        stls_iana_name(STLS_REGISTRY_VERSION, max) == NULL || min > max) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "versions 0x%04x to 0x%04x: TLS 1.2 (0x0303) and 1.3 (0x0304) exist here, "
                         "the lower one first",
                         min, max);
    }
    for (uint16_t version = min; version <= max; version++) {
        if (!stls_backend_supports(profile->backend, STLS_REGISTRY_VERSION, version)) {
            return stls_fail(error, STLS_E_UNSUPPORTED, "this build of %s does not have %s",
                             profile->backend->name,
                             stls_iana_name(STLS_REGISTRY_VERSION, version));
        }
    }
    profile->version_min = min;
    profile->version_max = max;
    return STLS_OK;
}

static stls_code_list *list_of(stls_profile *profile, stls_registry registry) {
    switch (registry) {
    case STLS_REGISTRY_SUITE:
        return &profile->suites;
    case STLS_REGISTRY_GROUP:
        return &profile->groups;
    case STLS_REGISTRY_SCHEME:
        return &profile->schemes;
    default:
        return NULL;
    }
}

static stls_result check_code(const stls_profile *profile, stls_registry registry,
                              const uint16_t *codes, size_t index, stls_error *error) {
    const char *name = stls_iana_name(registry, codes[index]);
    if (name == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "number 0x%04x of the list is not known here",
                         codes[index]);
    }
    for (size_t i = 0; i < index; i++) {
        if (codes[i] == codes[index]) {
            return stls_fail(error, STLS_E_ARGUMENT, "%s stands in the list twice", name);
        }
    }
    if (!stls_backend_supports(profile->backend, registry, codes[index])) {
        return stls_fail(error, STLS_E_UNSUPPORTED, "this build of %s does not have %s",
                         profile->backend->name, name);
    }
    return STLS_OK;
}

stls_result stls_profile_set_codes(stls_profile *profile, stls_registry registry,
                                   const uint16_t *codes, size_t count, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    stls_code_list *list = list_of(profile, registry);
    if (list == NULL || codes == NULL || count == 0) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a list of suites, groups or signature schemes with at least one entry is "
                         "needed");
    }
    if (count > STLS_CODES_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "the list has %zu entries, at most %d are taken",
                         count, STLS_CODES_MAX);
    }
    if (registry == STLS_REGISTRY_SCHEME &&
        !stls_backend_can(profile->backend, STLS_CAN_SET_SIGNATURE_SCHEMES)) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "this build of %s has a fixed list of signature schemes",
                         profile->backend->name);
    }
    for (size_t i = 0; i < count; i++) {
        stls_result result = check_code(profile, registry, codes, i, error);
        if (result != STLS_OK) {
            return result;
        }
    }
    memcpy(list->at, codes, count * sizeof codes[0]);
    list->count = count;
    return STLS_OK;
}

stls_result stls_profile_set_names(stls_profile *profile, stls_registry registry, const char *list,
                                   stls_error *error) {
    uint16_t codes[STLS_CODES_MAX];
    size_t count = 0;
    stls_result result = stls_iana_list(registry, list, codes, STLS_CODES_MAX, &count, error);
    return result == STLS_OK ? stls_profile_set_codes(profile, registry, codes, count, error)
                             : result;
}

size_t stls_profile_codes(const stls_profile *profile, stls_registry registry, uint16_t *codes,
                          size_t capacity) {
    if (profile == NULL) {
        return 0;
    }
    const stls_code_list *list = registry == STLS_REGISTRY_SUITE    ? &profile->suites
                                 : registry == STLS_REGISTRY_GROUP  ? &profile->groups
                                 : registry == STLS_REGISTRY_SCHEME ? &profile->schemes
                                                                    : NULL;
    if (list == NULL) {
        return 0;
    }
    for (size_t i = 0; codes != NULL && i < list->count && i < capacity; i++) {
        codes[i] = list->at[i];
    }
    return list->count;
}

size_t stls_alpn_split(const char *text, stls_bytes protocols[STLS_ALPN_MAX]) {
    size_t count = 0;
    while (*text != '\0' && count < STLS_ALPN_MAX) {
        size_t len = strcspn(text, ",");
        protocols[count++] = (stls_bytes){(const uint8_t *)text, len};
        text += len + (text[len] == ',');
    }
    return count;
}

stls_result stls_profile_set_alpn(stls_profile *profile, const char *protocols, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    const char *text = protocols != NULL ? protocols : "";
    if (*text != '\0' && !stls_backend_can(profile->backend, STLS_CAN_ALPN)) {
        return stls_fail(error, STLS_E_UNSUPPORTED, "this build of %s does not have ALPN",
                         profile->backend->name);
    }
    size_t len = strlen(text), commas = 0;
    char shown[STLS_SHOWN_SIZE];
    for (size_t i = 0; i < len; i++) {
        commas += text[i] == ',';
    }
    if (len >= STLS_ALPN_SIZE || commas >= STLS_ALPN_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "the ALPN list may have %d protocols and %d bytes",
                         STLS_ALPN_MAX, STLS_ALPN_SIZE - 1);
    }
    if (len > 0 && (text[0] == ',' || text[len - 1] == ',' || strstr(text, ",,") != NULL)) {
        return stls_fail(error, STLS_E_ARGUMENT, "the ALPN list \"%s\" has an empty entry",
                         stls_shown(text, len, shown));
    }
    memcpy(profile->alpn, text, len + 1);
    return STLS_OK;
}

/* --- Who we are --- */

static stls_result check_credential(const stls_profile *profile, const stls_credential *credential,
                                    stls_error *error) {
    if (credential != NULL && stls_credential_backend(credential) != profile->backend) {
        return stls_fail(
            error, STLS_E_ARGUMENT, "the credential was made on %s, the profile is for %s",
            stls_backend_name(stls_credential_backend(credential)), profile->backend->name);
    }
    return STLS_OK;
}

stls_result stls_profile_set_credential(stls_profile *profile, stls_credential *credential,
                                        stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    stls_result result = check_credential(profile, credential, error);
    if (result == STLS_OK) {
        stls_credential_hold(credential);
        stls_credential_free(profile->credential);
        profile->credential = credential;
    }
    return result;
}

static stls_result check_verify(const stls_profile *profile, stls_verify_mode mode,
                                stls_error *error) {
    bool of_both = mode == STLS_VERIFY_REQUIRED || mode == STLS_VERIFY_NONE;
    bool of_servers = mode == STLS_VERIFY_OPTIONAL || mode == STLS_VERIFY_OPTIONAL_ANY;
    if (!of_both && !of_servers) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no verify mode %d", (int)mode);
    }
    if (of_servers && profile->role == STLS_ROLE_CLIENT) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a client verifies its server (STLS_VERIFY_REQUIRED) or does not "
                         "(STLS_VERIFY_NONE): a server always shows a certificate");
    }
    return STLS_OK;
}

/* Where `name` stands in the sorted hosts, or would stand. */
static size_t host_place(const stls_profile *profile, const char *name, bool *found) {
    size_t low = 0, high = profile->host_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(profile->hosts[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *found = false;
    return low;
}

static stls_result insert_host(stls_profile *profile, size_t place, const char *name,
                               stls_error *error) {
    char *copy = copy_text(name);
    stls_host *hosts = copy != NULL ? stls_grow(profile->hosts, profile->host_count,
                                                profile->host_count + 1, sizeof *hosts)
                                    : NULL;
    if (hosts == NULL) {
        stls_free(copy);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for host \"%s\"", name);
    }
    memmove(&hosts[place + 1], &hosts[place], (profile->host_count - place) * sizeof *hosts);
    hosts[place] = (stls_host){.name = copy};
    profile->hosts = hosts;
    profile->host_count++;
    return STLS_OK;
}

stls_result stls_profile_add_host(stls_profile *profile, const char *host,
                                  stls_credential *credential, stls_verify_mode verify,
                                  stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (profile->role != STLS_ROLE_SERVER || host == NULL || credential == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a host needs a server's profile, a name and a credential");
    }
    char name[STLS_PEER_NAME_SIZE];
    bool is_ip = false, found = false;
    stls_result result = stls_peer_name(host, name, &is_ip, error);
    if (result == STLS_OK && is_ip) {
        result =
            stls_fail(error, STLS_E_ARGUMENT, "\"%s\" is an address: SNI has names only", name);
    }
    if (result == STLS_OK) {
        result = check_credential(profile, credential, error);
    }
    if (result == STLS_OK) {
        result = check_verify(profile, verify, error);
    }
    if (result != STLS_OK) {
        return result;
    }
    size_t place = host_place(profile, name, &found);
    if (!found && (result = insert_host(profile, place, name, error)) != STLS_OK) {
        return result;
    }
    stls_host *entry = &profile->hosts[place];
    stls_credential_hold(credential);
    stls_credential_free(entry->credential);
    entry->credential = credential;
    entry->verify = verify;
    return STLS_OK;
}

const stls_host *stls_profile_find_host(const stls_profile *profile, stls_bytes name) {
    char lower[STLS_PEER_NAME_SIZE];
    if (profile->host_count == 0 || name.len == 0 || name.len >= sizeof lower) {
        return NULL;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    lower[name.len] = '\0';
    bool found = false;
    size_t place = strlen(lower) == name.len ? host_place(profile, lower, &found) : 0;
    return found ? &profile->hosts[place] : NULL;
}

stls_result stls_profile_set_strict_hosts(stls_profile *profile, bool strict, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (profile->role != STLS_ROLE_SERVER) {
        return stls_fail(error, STLS_E_ARGUMENT, "only a server's profile has hosts");
    }
    profile->strict_hosts = strict;
    return STLS_OK;
}

/* --- Who the peer is --- */

stls_result stls_profile_set_trust(stls_profile *profile, stls_trust *trust, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (trust != NULL) {
        stls_trust_freeze(trust);
    }
    stls_trust_hold(trust);
    stls_trust_free(profile->trust);
    profile->trust = trust;
    return STLS_OK;
}

stls_result stls_profile_set_verify(stls_profile *profile, stls_verify_mode mode,
                                    stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    stls_result result = check_verify(profile, mode, error);
    if (result == STLS_OK) {
        profile->verify = mode;
    }
    return result;
}

stls_result stls_profile_set_identity(stls_profile *profile, stls_identity_mode mode,
                                      uint32_t flags, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    uint32_t allowed = mode == STLS_IDENTITY_LIST
                           ? (uint32_t)STLS_IDENTITY_COMMON_NAME | STLS_IDENTITY_WILDCARD
                       : mode == STLS_IDENTITY_HTTPS ? (uint32_t)STLS_IDENTITY_COMMON_NAME
                                                     : 0;
    if (mode < STLS_IDENTITY_SIP || mode > STLS_IDENTITY_NONE) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no identity mode %d", (int)mode);
    }
    if ((flags & ~allowed) != 0) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "identity flags 0x%x do not go with this identity mode",
                         (unsigned)(flags & ~allowed));
    }
    profile->rules.identity = mode;
    profile->rules.identity_flags = flags;
    return STLS_OK;
}

stls_result stls_profile_add_name(stls_profile *profile, const char *name, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    char normal[STLS_PEER_NAME_SIZE];
    bool is_ip = false;
    stls_result result = stls_peer_name(name, normal, &is_ip, error);
    if (result != STLS_OK) {
        return result;
    }
    size_t count = profile->rules.name_count;
    if (count == NAMES_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "at most %d names are taken", NAMES_MAX);
    }
    char *copy = copy_text(normal);
    char **names = copy != NULL ? stls_grow(profile->names, count, count + 1, sizeof *names) : NULL;
    if (names == NULL) {
        stls_free(copy);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for name \"%s\"", normal);
    }
    names[count] = copy;
    profile->names = names;
    profile->rules.name_count = count + 1;
    return STLS_OK;
}

stls_result stls_profile_set_usage(stls_profile *profile, stls_usage_mode mode, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (mode < STLS_USAGE_TLS_OR_SIP || mode > STLS_USAGE_SIP) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no usage mode %d", (int)mode);
    }
    profile->rules.usage = mode;
    return STLS_OK;
}

stls_result stls_profile_set_strength(stls_profile *profile, stls_strength strength,
                                      stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (strength != STLS_STRENGTH_STANDARD && strength != STLS_STRENGTH_LEGACY) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no strength %d", (int)strength);
    }
    profile->rules.strength = strength;
    return STLS_OK;
}

stls_result stls_profile_set_crl_mode(stls_profile *profile, stls_crl_mode mode,
                                      stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (mode < STLS_CRL_OFF || mode > STLS_CRL_CHAIN) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no CRL mode %d", (int)mode);
    }
    profile->rules.crl = mode;
    return STLS_OK;
}

stls_result stls_profile_set_tolerated(stls_profile *profile, uint32_t flags, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    uint32_t forbidden = flags & ~STLS_FLAGS_TOLERABLE;
    if (forbidden != 0) {
        const char *name = stls_flag_name(forbidden & (~forbidden + 1));
        return stls_fail(error, STLS_E_ARGUMENT,
                         "\"%s\" cannot be tolerated: nobody would know who the peer is",
                         name != NULL ? name : "an unknown flag");
    }
    profile->rules.tolerated = flags;
    return STLS_OK;
}

stls_result stls_profile_set_max_intermediates(stls_profile *profile, unsigned count,
                                               stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (count > STLS_PATH_MAX - 2) {
        return stls_fail(error, STLS_E_LIMIT, "%u intermediates: at most %d can be judged", count,
                         STLS_PATH_MAX - 2);
    }
    profile->rules.max_intermediates = count;
    return STLS_OK;
}

stls_result stls_profile_set_clock(stls_profile *profile, stls_clock clock, void *arg,
                                   stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    profile->clock = clock;
    profile->clock_arg = arg;
    return STLS_OK;
}

stls_result stls_profile_set_clock_floor(stls_profile *profile, int64_t earliest,
                                         stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (earliest < 0) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the earliest time that can be is before 1970 (%lld seconds)",
                         (long long)earliest);
    }
    profile->clock_floor = earliest;
    return STLS_OK;
}

stls_result stls_profile_set_signature_memory(stls_profile *profile, size_t count,
                                              stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (count > STLS_SIGNATURE_MEMORY_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "a memory of %zu signatures: at most %d are kept",
                         count, STLS_SIGNATURE_MEMORY_MAX);
    }
    profile->signature_memory = count;
    return STLS_OK;
}

/* --- Limits --- */

int64_t stls_profile_now(const stls_profile *profile) {
    return profile->clock != NULL ? profile->clock(profile->clock_arg) : (int64_t)time(NULL);
}

/* --- Resumption --- */

static stls_result refuse_lack(const stls_profile *profile, uint32_t capability,
                               stls_error *error) {
    return stls_fail(error, STLS_E_UNSUPPORTED, "this build of %s cannot do this: %s",
                     profile->backend->name, stls_capability_text(capability));
}

stls_result stls_profile_set_session_cache(stls_profile *profile, stls_session_cache *cache,
                                           stls_error *error) {
    if (profile == NULL || profile->role != STLS_ROLE_CLIENT) {
        return stls_fail(error, STLS_E_ARGUMENT, "only a client's profile has a session cache");
    }
    if (cache != NULL && !stls_backend_can(profile->backend, STLS_CAN_RESUME)) {
        return refuse_lack(profile, STLS_CAN_RESUME, error);
    }
    stls_session_cache_hold(cache);
    stls_session_cache_free(profile->sessions);
    profile->sessions = cache;
    profile->resumes = cache != NULL;
    return STLS_OK;
}

stls_result stls_profile_set_tickets(stls_profile *profile, stls_ticket_ring *ring, unsigned count,
                                     stls_error *error) {
    if (profile == NULL || profile->role != STLS_ROLE_SERVER || count > STLS_TICKETS_MAX) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a server's profile issues tickets, 0 to %d for a handshake",
                         STLS_TICKETS_MAX);
    }
    if (count == 0 && ring != NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a ring of ticket keys is of no use where no tickets are issued");
    }
    if (count > 0 && !stls_backend_can(profile->backend, STLS_CAN_ISSUE_TICKETS)) {
        return refuse_lack(profile, STLS_CAN_ISSUE_TICKETS, error);
    }
    stls_ticket_ring_hold(ring);
    stls_ticket_ring_free(profile->ring);
    profile->ring = ring;
    profile->ticket_count = count;
    profile->resumes = count > 0;
    return STLS_OK;
}

unsigned stls_profile_tickets(const stls_profile *profile) {
    bool issues = profile != NULL && profile->role == STLS_ROLE_SERVER && profile->resumes;
    return issues ? profile->ticket_count : 0;
}

/* --- Keys for others --- */

stls_result stls_profile_set_exporter(stls_profile *profile, bool wanted, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (wanted && !stls_backend_can(profile->backend, STLS_CAN_EXPORT_KEYS)) {
        return refuse_lack(profile, STLS_CAN_EXPORT_KEYS, error);
    }
    profile->exporter = wanted;
    return STLS_OK;
}

stls_result stls_profile_set_keylog(stls_profile *profile, stls_keylog keylog, void *arg,
                                    stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (keylog != NULL && !stls_backend_can(profile->backend, STLS_CAN_KEYLOG)) {
        return refuse_lack(profile, STLS_CAN_KEYLOG, error);
    }
    profile->keylog = keylog;
    profile->keylog_arg = arg;
    return STLS_OK;
}

/* --- Limits --- */

stls_result stls_profile_set_max_fragment(stls_profile *profile, unsigned bytes,
                                          stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    if (profile->role != STLS_ROLE_CLIENT) {
        return stls_fail(error, STLS_E_ARGUMENT, "only a client asks for small records");
    }
    if (bytes != 0 && bytes != 512 && bytes != 1024 && bytes != 2048 && bytes != 4096) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a client may ask for records of at most 512, 1024, 2048 or 4096 bytes, "
                         "not %u",
                         bytes);
    }
    if (bytes != 0 && !stls_backend_can(profile->backend, STLS_CAN_MAX_FRAGMENT)) {
        return refuse_lack(profile, STLS_CAN_MAX_FRAGMENT, error);
    }
    profile->max_fragment = (uint16_t)bytes;
    return STLS_OK;
}

stls_result stls_profile_set_max_handshakes(stls_profile *profile, unsigned count,
                                            stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    profile->max_handshakes = count;
    return STLS_OK;
}

stls_result stls_profile_set_handshake_timeout(stls_profile *profile, unsigned timeout_ms,
                                               stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    profile->handshake_timeout_ms = timeout_ms;
    return STLS_OK;
}

stls_result stls_profile_set_chain_bytes(stls_profile *profile, size_t bytes, stls_error *error) {
    if (profile == NULL) {
        return refuse_null(error);
    }
    stls_be_description description = {0};
    profile->backend->describe(&description);
    if (bytes == 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "a limit of 0 bytes lets no certificate through");
    }
    if (bytes > description.chain_bytes_max) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "this build of %s carries at most %zu bytes of certificates, not %zu",
                         profile->backend->name, description.chain_bytes_max, bytes);
    }
    profile->rules.chain_bytes_max = bytes;
    return STLS_OK;
}
