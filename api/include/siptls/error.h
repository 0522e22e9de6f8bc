/* siptls/error.h - what a call of siptls answers, and the error that tells why.
 *
 * The model: nearly every function returns an stls_result. Only STLS_OK is success; it is not zero,
 * so that memory that nobody wrote can never read as success. Positive values besides STLS_OK are
 * states of a connection, not failures. Negative values are errors. A function that can fail for a
 * reason worth reading takes a pointer to an stls_error and fills it when it fails; NULL is allowed
 * there. An stls_error is plain data: no ownership, copy it as you like.
 *
 * siptls/sip.h turns an error into what a SIP stack answers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_ERROR_H
#define SIPTLS_ERROR_H

#include <siptls/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum stls_result {
    STLS_NOT_DONE = 0, /* nobody has tried yet */
    STLS_OK = 1,

    /* States of a connection. */
    STLS_WANT_READ = 2,  /* call again when the transport can be read */
    STLS_WANT_WRITE = 3, /* call again when the transport can be written */
    STLS_CLOSED = 4,     /* the peer closed the TLS connection properly (close_notify) */
    STLS_EOF = 5,        /* the transport ended without close_notify: data may have been cut off */

    /* Errors of the caller or of what the caller passed in. */
    STLS_E_ARGUMENT = -1,     /* an argument no call may have (NULL, out of range, unknown name) */
    STLS_E_STATE = -2,        /* not at this point of the object's life */
    STLS_E_NO_MEMORY = -3,    /* */
    STLS_E_NO_BACKEND = -4,   /* a TLS library that is not built in */
    STLS_E_UNSUPPORTED = -5,  /* this backend, as built, cannot do what was asked */
    STLS_E_NOT_APPLIED = -6,  /* the backend took the setting but did not install it */
    STLS_E_FORMAT = -7,       /* input that is not what it should be: PEM, DER, a name, a list */
    STLS_E_LIMIT = -8,        /* input larger or longer than a limit */
    STLS_E_KEY_MISMATCH = -9, /* the private key is not the certificate's */
    STLS_E_PASSWORD = -10,    /* a password is missing or wrong */
    STLS_E_FILE = -11,        /* a file cannot be read or written */

    /* Errors of a connection. Each ends it, where siptls/conn.h does not say otherwise. */
    STLS_E_TRANSPORT = -20,      /* the transport failed (reset, ...) */
    STLS_E_TIMEOUT = -21,        /* the handshake's deadline has passed */
    STLS_E_NOT_TLS = -22,        /* the peer's first bytes are not TLS */
    STLS_E_VERIFY = -23,         /* the peer's certificates were rejected: see the verdict */
    STLS_E_ALERT = -24,          /* the peer refused us with an alert */
    STLS_E_NOTHING_SHARED = -25, /* no version, suite, group or scheme that both sides accept */
    STLS_E_PROTOCOL = -26,       /* the peer broke the protocol */
    STLS_E_REFUSED = -27, /* our own settings refuse it: a peer (an unknown SNI name), or what was
                             to be put into a store */
    STLS_E_BACKEND = -28, /* the TLS library failed in a way that has no other name here */
    STLS_E_BUSY = -29,    /* too many handshakes are under way (stls_profile_set_max_handshakes) */
} stls_result;

enum { STLS_ERROR_TEXT_SIZE = 384 };

typedef struct stls_error {
    stls_result result;
    int alert_sent;                  /* the fatal alert that we sent, or STLS_ALERT_NONE */
    int alert_received;              /* the fatal alert that the peer sent, or STLS_ALERT_NONE */
    long native;                     /* the TLS library's own code, for logs; 0: none */
    char text[STLS_ERROR_TEXT_SIZE]; /* a sentence: what, where, why. UTF-8, ended by NUL. Bytes
                                        that came from a peer or a file are in it only as printable
                                        ASCII */
} stls_error;

/* The name of a result, as in "STLS_E_VERIFY"; never NULL. Thread-safe. */
STLS_API const char *stls_result_name(stls_result result);

#ifdef __cplusplus
}
#endif
#endif
