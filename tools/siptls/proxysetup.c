/* SPDX-License-Identifier: MIT */
#include "proxy.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct proxy_setup {
    atomic_uint holds;
    stls_context *server, *client;
    const char *domain;
    proxy_address addresses[PROXY_ADDRESSES_MAX];
    size_t address_count;
};

/* --- The connection to the server, with --to-tls */

static bool set_trust(const proxy_options *options, stls_profile *profile, stls_error *error) {
    tls_options from = options->to;
    if (from.ca_count == 0) {
        from.ca[from.ca_count++] = "system";
    }
    stls_trust *trust = load_trust(&from);
    bool good = trust != NULL && stls_profile_set_trust(profile, trust, error) == STLS_OK;
    stls_trust_free(trust);
    return good;
}

static bool set_credential(const proxy_options *options, const stls_backend *backend,
                           stls_profile *profile, stls_error *error) {
    if (options->to.cert == NULL) {
        return true;
    }
    stls_credential *credential =
        load_credential(&options->to, backend, options->to.cert, options->to.key);
    bool good =
        credential != NULL && stls_profile_set_credential(profile, credential, error) == STLS_OK;
    stls_credential_free(credential);
    return good;
}

static stls_context *make_client_context(proxy_options *options) {
    const stls_backend *backend = find_backend(&options->to);
    stls_profile *profile =
        backend != NULL ? make_profile(&options->to, backend, STLS_ROLE_CLIENT) : NULL;
    if (profile == NULL) {
        return NULL;
    }
    stls_context *context = NULL;
    stls_error error = {.text = ""};
    if ((!set_trust(options, profile, &error) ||
         !set_credential(options, backend, profile, &error) ||
         stls_context_new(profile, &context, &error) != STLS_OK) &&
        error.text[0] != '\0') { /* what load_...() complain of, they have told */
        complain(options->to.command, "%s", error.text);
    }
    stls_profile_free(profile);
    return context;
}

/* Whom no connection can be made to, is better told now than to each client. */
static bool check_domain(const proxy_setup *setup, const proxy_options *options) {
    stls_conn *conn = NULL;
    stls_error error;
    if (stls_conn_new(setup->client, setup->domain, &conn, &error) != STLS_OK) {
        complain(options->to.command, "--to-domain: %s", error.text);
        return false;
    }
    stls_conn_free(conn);
    return true;
}

/* --- Its addresses */

static bool look_up(proxy_setup *setup, const proxy_options *options) {
    char why[NET_WHY_SIZE];
    struct addrinfo *list = net_look_up(options->to_host, options->to_port, why);
    if (list == NULL) {
        complain(options->to.command, "%s", why);
        return false;
    }
    for (struct addrinfo *at = list; at != NULL && setup->address_count < PROXY_ADDRESSES_MAX;
         at = at->ai_next) {
        proxy_address *address = &setup->addresses[setup->address_count];
        if (at->ai_addrlen <= sizeof address->at) {
            memcpy(&address->at, at->ai_addr, at->ai_addrlen);
            address->len = at->ai_addrlen;
            setup->address_count++;
        }
    }
    freeaddrinfo(list);
    return true;
}

/* --- The whole */

proxy_setup *proxy_setup_make(proxy_options *options) {
    proxy_setup *setup = calloc(1, sizeof *setup);
    if (setup == NULL) {
        complain(options->server.tls.command, "out of memory");
        return NULL;
    }
    atomic_init(&setup->holds, 1);
    setup->domain = options->to_domain;
    bool good = look_up(setup, options);
    if (good && options->to_tls) {
        setup->client = make_client_context(options);
        good = setup->client != NULL && check_domain(setup, options);
    }
    if (good) { /* last: it puts the secrets of tickets into force, which cannot be undone */
        setup->server = make_server_context(&options->server);
    }
    if (setup->server == NULL) {
        proxy_setup_free(setup);
        return NULL;
    }
    return setup;
}

proxy_setup *proxy_setup_hold(proxy_setup *setup) {
    atomic_fetch_add(&setup->holds, 1);
    return setup;
}

void proxy_setup_free(proxy_setup *setup) {
    if (setup != NULL && atomic_fetch_sub(&setup->holds, 1) == 1) {
        stls_context_free(setup->server);
        stls_context_free(setup->client);
        free(setup);
    }
}

stls_context *proxy_setup_server(const proxy_setup *setup) {
    return setup->server;
}

stls_context *proxy_setup_client(const proxy_setup *setup) {
    return setup->client;
}

const char *proxy_setup_domain(const proxy_setup *setup) {
    return setup->domain;
}

const proxy_address *proxy_setup_address(const proxy_setup *setup, size_t index) {
    return index < setup->address_count ? &setup->addresses[index] : NULL;
}
