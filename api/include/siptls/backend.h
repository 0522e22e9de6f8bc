/* siptls/backend.h - the TLS libraries that this build of siptls contains.
 *
 * The model: a backend is a constant object that stands for one TLS library. Every profile and
 * every credential is made on one backend and stays there. What the library behind it can do is
 * asked at run time, because two builds of the same library differ: stls_backend_can() for
 * features, and stls_backend_supports() for single numbers of the TLS registries. A setting that a
 * backend cannot honour is refused at the call that sets it (STLS_E_UNSUPPORTED), never ignored.
 *
 * Thread rules: all functions here may be called from any thread at any time. The first call starts
 * the library behind a backend, once in a process.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_BACKEND_H
#define SIPTLS_BACKEND_H

#include <siptls/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_backend stls_backend;

/* Features that not every build of every library has. Each is a bit. */
typedef enum stls_capability {
    STLS_CAN_TLS1_2 = 1 << 0,
    STLS_CAN_TLS1_3 = 1 << 1,
    STLS_CAN_SET_SIGNATURE_SCHEMES = 1 << 2, /* the list of signature schemes can be chosen */
    STLS_CAN_ALPN = 1 << 3,                  /* RFC 7301 */
    STLS_CAN_SELECT_VERIFY = 1 << 4, /* a server can choose credential and verify mode by SNI */
    STLS_CAN_READ_ANY_CHAIN =
        1 << 5,                    /* certificates that the library itself would not parse (name
                                      constraints, policies, foreign key types) reach our verdict */
    STLS_CAN_LONG_CHAINS = 1 << 6, /* chains of more than 9 certificates, up to the limits */
    STLS_CAN_ANY_ALERT = 1 << 7,   /* every rejection sends the alert that the verdict asks for */
    STLS_CAN_TELL_GROUP = 1 << 8,  /* the negotiated group is known */
    STLS_CAN_TELL_SCHEME = 1 << 9, /* the peer's signature scheme is known */
    STLS_CAN_ENCRYPTED_KEYS = 1 << 10,      /* PKCS#8 private keys under a password */
    STLS_CAN_VERIFY_ED25519 = 1 << 11,      /* certificates signed with Ed25519 (RFC 8410) */
    STLS_CAN_VERIFY_RSA_PSS_KEYS = 1 << 12, /* certificates signed by an id-RSASSA-PSS key */
    STLS_CAN_PKCS12 = 1 << 13,              /* chains with their key in PKCS#12 (RFC 7292) */
    STLS_CAN_RESUME = 1 << 14,        /* a client can resume sessions, which are kept as bytes */
    STLS_CAN_ISSUE_TICKETS = 1 << 15, /* a server can, by tickets under keys that we choose */
    STLS_CAN_TICKET_PEER = 1 << 16,   /* and a client's certificates have room in them */
    STLS_CAN_EXPORT_KEYS = 1 << 17,   /* RFC 5705, RFC 8446 section 7.5 */
    STLS_CAN_KEYLOG = 1 << 18,        /* secrets can be told, for decrypting captures */
    STLS_CAN_UPDATE_KEYS = 1 << 19,   /* KeyUpdate of TLS 1.3, ours and the peer's */
    STLS_CAN_MAX_FRAGMENT = 1 << 20,  /* a client can ask for small records (RFC 6066 section 4) */
} stls_capability;

/* The registries of numbers that stls_backend_supports() and siptls/iana.h know. */
typedef enum stls_registry {
    STLS_REGISTRY_NONE = 0,
    STLS_REGISTRY_VERSION = 1, /* STLS_TLS1_2, STLS_TLS1_3 */
    STLS_REGISTRY_SUITE = 2,   /* "TLS Cipher Suites" */
    STLS_REGISTRY_GROUP = 3,   /* "TLS Supported Groups" */
    STLS_REGISTRY_SCHEME = 4,  /* "TLS SignatureScheme" */
    STLS_REGISTRY_ALERT = 5,   /* "TLS Alerts"; known to siptls/iana.h only */
} stls_registry;

/* The backend called `name` ("openssl", "mbedtls", "wolfssl"), or NULL if it is not built in or its
 * library could not be started. */
STLS_API const stls_backend *stls_backend_find(const char *name);

/* The first backend of the build. NULL only if its library could not be started. */
STLS_API const stls_backend *stls_backend_default(void);

/* The backend at `index` in the build's list, from 0; NULL after the last. */
STLS_API const stls_backend *stls_backend_at(size_t index);

/* "openssl", ...; a constant. */
STLS_API const char *stls_backend_name(const stls_backend *backend);

/* The library's version at build time, and the one that runs now ("3.0.19"). Constants. */
STLS_API const char *stls_backend_version_built(const stls_backend *backend);
STLS_API const char *stls_backend_version_running(const stls_backend *backend);

/* All capability bits of the backend. */
STLS_API uint32_t stls_backend_capabilities(const stls_backend *backend);

/* Whether the backend has all bits of `capability` (one bit or several or-ed). */
STLS_API bool stls_backend_can(const stls_backend *backend, uint32_t capability);

/* A short name for one capability bit ("tls1.3", "alpn"), for tables; NULL for a bit without
 * meaning. stls_capability_text() says what it means in a few words. */
STLS_API const char *stls_capability_name(uint32_t capability);
STLS_API const char *stls_capability_text(uint32_t capability);

/* Whether the library behind `backend` can use number `code` of `registry` in a handshake. */
STLS_API bool stls_backend_supports(const stls_backend *backend, stls_registry registry,
                                    uint16_t code);

#ifdef __cplusplus
}
#endif
#endif
