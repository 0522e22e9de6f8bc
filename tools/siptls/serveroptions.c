/* What the subcommands that are TLS servers have in common: who they are, by name, and whom they
 * let in.
 *
 * SPDX-License-Identifier: MIT */
#include "secrets.h"
#include "tool.h"

#include <stdlib.h>
#include <string.h>

/* --- The command line */

static bool take_verify(server_options *options, const char *value) {
    static const struct {
        const char *name;
        stls_verify_mode mode;
    } modes[] = {{"none", STLS_VERIFY_NONE},
                 {"optional", STLS_VERIFY_OPTIONAL},
                 {"optional-any", STLS_VERIFY_OPTIONAL_ANY},
                 {"required", STLS_VERIFY_REQUIRED}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(value, modes[i].name) == 0) {
            options->verify = modes[i].mode;
            return true;
        }
    }
    usage_error(options->tls.command,
                "--verify takes none, optional, optional-any or required, not \"%s\"", value);
    return false;
}

static bool take_host(server_options *options, const char *value) {
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || equals[1] == '\0' || equals[1] == ',') {
        usage_error(options->tls.command, "--host takes NAME=CERT or NAME=CERT,KEY, not \"%s\"",
                    value);
        return false;
    }
    if (options->host_count == HOSTS_MAX) {
        usage_error(options->tls.command, "--host can be given %d times, no more", HOSTS_MAX);
        return false;
    }
    options->hosts[options->host_count++] = value;
    return true;
}

static bool take_tickets(server_options *options, const char *value) {
    options->tickets_given = true;
    if (read_unsigned(value, 0, STLS_TICKETS_MAX, &options->tickets)) {
        return true;
    }
    usage_error(options->tls.command, "--tickets takes a number from 0 to %d, not \"%s\"",
                STLS_TICKETS_MAX, value);
    return false;
}

bool take_server_option(server_options *options, int id, const char *value) {
    switch (id) {
    case OPTION_HOST:
        return take_host(options, value);
    case OPTION_STRICT_HOSTS:
        options->strict_hosts = true;
        return true;
    case OPTION_VERIFY:
        return take_verify(options, value);
    case OPTION_TICKETS:
        return take_tickets(options, value);
    case OPTION_TICKET_SECRETS:
        options->ticket_secrets = value;
        return true;
    default:
        return take_option(&options->tls, id, value);
    }
}

/* Besides a profile, --store is whence that takes its certificates. */
static const char *own_store(const server_options *options) {
    return options->tls.profile != NULL ? NULL : options->tls.store;
}

static bool check_certificates(const server_options *options) {
    const tls_options *tls = &options->tls;
    const char *store = own_store(options);
    if (tls->cert == NULL && store == NULL && tls->profile == NULL) {
        usage_error(tls->command, "a server needs a certificate: --cert, --store or --profile");
        return false;
    }
    if (store != NULL && (tls->cert != NULL || tls->key != NULL || tls->ca_count > 0)) {
        usage_error(tls->command,
                    "--store has the certificate and whom to trust: --cert, --key and "
                    "--client-ca make no sense with it");
        return false;
    }
    if (tls->crl_count > 0 && tls->ca_count == 0 && store == NULL) {
        usage_error(tls->command,
                    "--crl needs certificates to trust: --client-ca, or --store without "
                    "--profile; what a profile's store trusts has the CRLs in it");
        return false;
    }
    return true;
}

bool check_server_options(server_options *options) {
    const tls_options *tls = &options->tls;
    if (options->tickets_given && options->tickets == 0 && options->ticket_secrets != NULL) {
        usage_error(tls->command, "--ticket-secrets makes no sense with --tickets 0");
        return false;
    }
    if (!check_certificates(options)) {
        return false;
    }
    if (tls->profile != NULL && options->host_count > 0 && options->verify == 0) {
        usage_error(tls->command, "--host with --profile needs --verify");
        return false;
    }
    if (options->verify == STLS_VERIFY_NONE && tls->ca_count > 0) {
        usage_error(tls->command, "--client-ca makes no sense with --verify none");
        return false;
    }
    if (options->verify == 0 && tls->profile == NULL) {
        options->verify = tls->ca_count > 0 ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE;
    }
    if (options->verify == STLS_VERIFY_NONE && tls->crl_count > 0) {
        usage_error(tls->command,
                    "--crl makes no sense without --verify: nobody is asked who he is");
        return false;
    }
    return true;
}

/* --- The context */

/* Trust and credential, from files or from the store; what is left NULL is the profile's to say, or
 * not needed. */
static bool load(const server_options *options, const stls_backend *backend, stls_trust **trust,
                 stls_credential **credential) {
    const tls_options *tls = &options->tls;
    bool verifies = options->verify != STLS_VERIFY_NONE;
    if (own_store(options) != NULL) {
        return load_store(tls, backend, own_store(options), verifies ? trust : NULL, credential);
    }
    if (tls->cert != NULL) {
        *credential = load_credential(tls, backend, tls->cert, tls->key);
    }
    if (tls->ca_count > 0 && (tls->cert == NULL || *credential != NULL)) {
        *trust = load_trust(tls);
    }
    return (tls->cert == NULL || *credential != NULL) && (tls->ca_count == 0 || *trust != NULL);
}

/* CRLs of a store count unless --crl-check says otherwise, as stls_profiles_make() has it. */
static bool set_crl_mode(const tls_options *tls, const stls_trust *trust, stls_profile *profile,
                         stls_error *error) {
    bool is_said = tls->crl_mode != 0 || tls->crl_count > 0;
    return is_said || stls_trust_crl_count(trust) == 0 ||
           stls_profile_set_crl_mode(profile, STLS_CRL_LEAF, error) == STLS_OK;
}

static bool set_certificates(const server_options *options, const stls_backend *backend,
                             stls_profile *profile, stls_error *error) {
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    bool good = load(options, backend, &trust, &credential) &&
                (credential == NULL ||
                 stls_profile_set_credential(profile, credential, error) == STLS_OK) &&
                (trust == NULL || stls_profile_set_trust(profile, trust, error) == STLS_OK) &&
                set_crl_mode(&options->tls, trust, profile, error);
    stls_trust_free(trust);
    stls_credential_free(credential);
    return good;
}

/* Adds "NAME=CERT[,KEY]"; without a sentence in `error` the reason was printed. */
static bool add_host(const server_options *options, const stls_backend *backend,
                     stls_profile *profile, const char *host, stls_error *error) {
    char *name = strdup(host), *cert = name != NULL ? strchr(name, '=') : NULL;
    if (cert == NULL) {
        free(name);
        return false;
    }
    *cert++ = '\0';
    char *key = strchr(cert, ',');
    if (key != NULL) {
        *key++ = '\0';
    }
    stls_credential *credential = load_credential(&options->tls, backend, cert, key);
    bool good = credential != NULL &&
                stls_profile_add_host(profile, name, credential, options->verify, error) == STLS_OK;
    stls_credential_free(credential);
    free(name);
    return good;
}

static bool fill_profile(const server_options *options, const stls_backend *backend,
                         stls_profile *profile, stls_error *error) {
    bool good = set_certificates(options, backend, profile, error) &&
                (options->verify == 0 ||
                 stls_profile_set_verify(profile, options->verify, error) == STLS_OK) &&
                stls_profile_set_strict_hosts(profile, options->strict_hosts, error) == STLS_OK;
    for (size_t i = 0; good && i < options->host_count; i++) {
        good = add_host(options, backend, profile, options->hosts[i], error);
    }
    return good;
}

/* Whether whoever is to be in --client-ca, and not in --crl, is asked who he is. */
static bool check_asked(const server_options *options) {
    const tls_options *tls = &options->tls;
    if (tls->profile == NULL || options->verify != 0 || tls->ca_count == 0 || !tls->asks_nobody) {
        return true;
    }
    complain(tls->command, "--client-ca makes no sense with a profile that asks nobody who he is: "
                           "add --verify, or let the profile say \"verify = required\"");
    return false;
}

/* One ring for all contexts, so that a reload does not make the tickets that are out useless. */
static bool set_tickets(server_options *options, const stls_backend *backend, stls_profile *profile,
                        stls_error *error) {
    /* What a profile says of resumption counts, unless an option says otherwise. */
    unsigned count = options->tickets_given ? options->tickets : stls_profile_tickets(profile);
    if (count == 0 && !options->tickets_given && options->ticket_secrets != NULL) {
        count = 1;
    }
    if (count > 0 && options->ring == NULL &&
        stls_ticket_ring_new(backend, NULL, &options->ring, error) != STLS_OK) {
        return false;
    }
    return stls_profile_set_tickets(profile, count > 0 ? options->ring : NULL, count, error) ==
           STLS_OK;
}

/* The context, and last, for it cannot be undone, the secrets into force. */
static bool make_with_secrets(server_options *options, const stls_backend *backend,
                              stls_profile *profile, stls_context **context, stls_error *error) {
    secret_list secrets = {.count = 0};
    bool good =
        (options->ticket_secrets == NULL ||
         read_secrets(options->tls.command, options->ticket_secrets, &secrets)) &&
        set_tickets(options, backend, profile, error) &&
        stls_profile_set_max_handshakes(profile, options->max_handshakes, error) == STLS_OK &&
        stls_context_new(profile, context, error) == STLS_OK;
    if (good && secrets.count > 0 &&
        stls_ticket_ring_set_secrets(options->ring, secrets.bytes[0], secrets.count, error) !=
            STLS_OK) {
        stls_context_free(*context);
        *context = NULL;
    }
    wipe_secrets(&secrets);
    return *context != NULL;
}

stls_context *make_server_context(server_options *options) {
    const stls_backend *backend = find_backend(&options->tls);
    stls_profile *profile =
        backend != NULL ? make_profile(&options->tls, backend, STLS_ROLE_SERVER) : NULL;
    if (profile == NULL) {
        return NULL;
    }
    stls_context *context = NULL;
    stls_error error = {.text = ""};
    if ((!check_asked(options) || !fill_profile(options, backend, profile, &error) ||
         !make_with_secrets(options, backend, profile, &context, &error)) &&
        error.text[0] != '\0') { /* what load_...() complain of, they have told */
        complain(options->tls.command, "%s", error.text);
    }
    stls_profile_free(profile);
    return context;
}
