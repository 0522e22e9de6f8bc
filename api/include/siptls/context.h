/* siptls/context.h - a profile, frozen onto its backend.
 *
 * The model: a context is what connections are made from. It holds the trust and the credentials of
 * its profile, never changes, and is shared by all connections and threads. Make one and keep it: a
 * context for every connection costs many times a handshake. To change anything (a renewed
 * certificate, another trust), make a new context and use it for new connections; live ones keep
 * the old one, which goes when the last of them is freed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_CONTEXT_H
#define SIPTLS_CONTEXT_H

#include <siptls/profile.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_context stls_context;

/* Freezes `profile` into `*context`, held once. Fails closed: STLS_E_STATE if the profile lacks
 * what its role needs (a client that verifies: a trust; a server: a credential; ...),
 * STLS_E_NOT_APPLIED if the backend did not install every setting, STLS_E_UNSUPPORTED,
 * STLS_E_NO_MEMORY, STLS_E_BACKEND. */
STLS_API stls_result stls_context_new(const stls_profile *profile, stls_context **context,
                                      stls_error *error);

/* The same for stls_verify() only: needs a trust but no credential, and no TLS is set up.
 * stls_conn_new() answers STLS_E_STATE on it. A client's profile judges servers' chains, a server's
 * profile clients'. */
STLS_API stls_result stls_context_new_verifier(const stls_profile *profile, stls_context **context,
                                               stls_error *error);

/* Holds it once more; returns `context`. Thread-safe. */
STLS_API stls_context *stls_context_hold(stls_context *context);

/* Gives one hold back. Connections hold their context themselves. NULL is allowed. Thread-safe. */
STLS_API void stls_context_free(stls_context *context);

/* What the connections of a context have done so far. */
typedef struct stls_context_stats {
    uint64_t started;   /* handshakes begun */
    uint64_t full;      /* completed, with certificates or without */
    uint64_t resumed;   /* completed by resuming a session */
    uint64_t failed;    /* ended with an error, or given up */
    uint64_t refused;   /* answered STLS_E_BUSY; not among those begun */
    unsigned under_way; /* begun and not ended yet */
} stls_context_stats;

/* Thread-safe. */
STLS_API void stls_context_get_stats(const stls_context *context, stls_context_stats *stats);

STLS_API const stls_backend *stls_context_backend(const stls_context *context);
STLS_API stls_role stls_context_role(const stls_context *context);

#ifdef __cplusplus
}
#endif
#endif
