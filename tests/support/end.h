/* tests/support/end.h - one end of a connection, described in a few words.
 *
 * The model: an `end` is what a test wants of one side; zero in a field means the library's
 * default. end_context() makes the context of it, and a setting that is refused is a failed check.
 *
 *     end client = {.trust = "root", .peer = "example.test"};
 *     end server = {.credential = "server"};
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_SUPPORT_END_H
#define STLS_TESTS_SUPPORT_END_H

#include <siptls/siptls.h>

/* How long a handshake may take, unless the end says otherwise: also under valgrind. */
enum { END_PATIENCE_MS = 10 * 60 * 1000 };

/* A host of a server: a name, the credential's name in the PKI, a verify mode. */
typedef struct end_host {
    const char *name, *credential;
    stls_verify_mode verify;
} end_host;

typedef struct end {
    const stls_backend *backend; /* NULL: the backend under test */
    const char *credential;      /* NAME in the PKI; NULL: none */
    const char *trust;           /* anchors, separated by blanks; NULL: none */
    const char *peer;            /* a client's: for stls_conn_new() */
    const char *server_name;     /* a client's: for stls_conn_set_server_name(); "": none at all */
    stls_verify_mode verify;
    uint16_t version; /* this one only; 0: version_min to version_max */
    uint16_t version_min, version_max;
    stls_preset preset;
    const char *suites, *groups, *schemes; /* names, separated by ':' */
    const char *alpn;
    stls_identity_mode identity;
    uint32_t identity_flags;
    const char *names; /* for mode LIST, separated by blanks */
    stls_usage_mode usage;
    stls_strength strength;
    uint32_t tolerated;
    const int64_t *now; /* the time of the injected clock; must stay where it is */
    int64_t clock_floor;
    const unsigned *timeout_ms; /* NULL: END_PATIENCE_MS */
    size_t chain_bytes;
    const end_host *hosts; /* ended by one without name */
    bool strict_hosts;
    bool no_tickets; /* a server: nothing follows its handshake */
} end;

/* A context of `e` for `role`; NULL and a failed check if there is none. */
stls_context *end_context(stls_role role, const end *e);

/* The same without a check: what the first call that failed answered. */
stls_result end_try_context(stls_role role, const end *e, stls_context **context,
                            stls_error *error);

/* A profile of `e`, for tests that go on setting. */
stls_result end_try_profile(stls_role role, const end *e, stls_profile **profile,
                            stls_error *error);

/* A clock for stls_profile_set_clock(): `arg` points to an int64_t. */
int64_t end_clock(void *arg);

#endif
