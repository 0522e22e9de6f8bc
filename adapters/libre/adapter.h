/* What the files of this adapter share.
 *
 * The model: struct tls collects what the stack says (CA, certificate) and makes a siptls context
 * of it for each use, when the first connection needs it. struct tls_conn stands between one
 * struct tcp_conn and its user, as a helper of libre's re_tcp.h, on siptls's memory transport.
 *
 * DTLS stays with libre: tls_alloc() passes its methods on to the next definition, and every
 * function below passes on objects that are not ours, which is told by their first word.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_ADAPTER_LIBRE_H
#define SIPTLS_ADAPTER_LIBRE_H

#include <re.h>
#include <siptls/siptls.h>

#define DEBUG_MODULE "siptls"
#define DEBUG_LEVEL  6
#include <re_dbg.h>

/* Functions that only one of libre 1.1 and 2.0 declares; defined for both. */
int tls_add_cafile_path(struct tls *tls, const char *cafile, const char *capath);
int tls_add_capem(struct tls *tls, const char *capem);
int tls_set_selfsigned_ec(struct tls *tls, const char *cn, const char *curve_n);
void tls_disable_verify_server(struct tls *tls);
int tls_peer_set_verify_host(struct tls_conn *tc, const char *hostname);
int tls_set_servername(struct tls_conn *tc, const char *servername);
struct ssl_ctx_st *tls_openssl_context(const struct tls *tls);

/* --- The environment, which says what baresip's configuration cannot: settings.c */

struct settings {
    const stls_backend *backend;
    stls_profiles *profiles; /* NULL: none */
    const char *ca;          /* a file, or "system"; NULL: the stack's */
    const char *domain; /* whom every server must prove to be; NULL: the stack's requests say */
    bool verify;
};

/* Fills `*settings`; an errno, with a sentence in the log. */
int settings_read(struct settings *settings);
void settings_free(struct settings *settings);

/* --- What is wanted of connections: tls.c */

enum use {
    USE_NAMED,   /* a client that knows whom it calls */
    USE_UNNAMED, /* a client that will know when the first request is to be sent */
    USE_SERVER,
    USE_COUNT,
};

struct tls {
    const void *ours;
    struct settings settings;
    stls_trust *trust;
    stls_credential *credential; /* NULL: none */
    stls_context *context[USE_COUNT];
    bool https;         /* for HTTP clients: the rules of RFC 9525 */
    bool verify_client; /* as a server: clients must show a good certificate */
};

/* The context for `use`, kept by `tls`; NULL with a sentence in the log. */
stls_context *context_for(struct tls *tls, enum use use);

/* --- Whom a message goes to: nexthop.c */

enum message {
    MESSAGE_OTHER,    /* no SIP request: a response, a keep-alive, HTTP */
    MESSAGE_NEW,      /* a request that needs its next hop to be who it should be */
    MESSAGE_FOLLOWUP, /* one within a dialog, which the peer's own messages have routed */
};

/* What `mb` holds, and for requests the host of the next hop (RFC 3261 section 8.1.2): the first
 * Route, else the Request-URI. */
enum message next_hop(const struct mbuf *mb, char host[STLS_SIP_HOST_SIZE]);

/* --- libre's own definitions */

extern const char siptls_tag;

static inline bool is_ours(const void *object) {
    return object != NULL && *(const void *const *)object == &siptls_tag;
}

typedef void stock_function(void);
stock_function *stock(const char *name);

/* In a function `name` that answers a value: passes on what is not ours. */
#define PASS_ON(object, otherwise, name, ...)                                                      \
    if (!is_ours(object)) {                                                                        \
        __typeof__(&name) next = (__typeof__(&name))stock(#name);                                  \
        return next != NULL ? next(__VA_ARGS__) : (otherwise);                                     \
    }

#endif
