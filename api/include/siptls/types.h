/* siptls/types.h - the few types and numbers that every other header of siptls uses.
 *
 * The model: a byte string is a pointer and a length, never ended by NUL. Everything that TLS
 * itself numbers is called by the number of the IANA TLS registries, as a uint16_t: versions,
 * cipher suites, groups, signature schemes; alerts by their number, as an int. siptls/iana.h turns
 * these numbers into the registries' names and back.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TYPES_H
#define SIPTLS_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define STLS_API __attribute__((visibility("default")))
#else
#define STLS_API
#endif

/* Bytes that belong to somebody else; the function that hands them out says for how long they stay
 * valid. {NULL, 0} is the empty string. */
typedef struct stls_bytes {
    const uint8_t *data;
    size_t len;
} stls_bytes;

/* Protocol versions, as on the wire (RFC 5246, RFC 8446). */
enum {
    STLS_TLS1_2 = 0x0303,
    STLS_TLS1_3 = 0x0304,
};

/* Which end of a connection. */
typedef enum stls_role {
    STLS_ROLE_NONE = 0,
    STLS_ROLE_CLIENT = 1,
    STLS_ROLE_SERVER = 2,
} stls_role;

/* "No alert", where an alert number is given: close_notify is number 0, so 0 cannot say it. */
#define STLS_ALERT_NONE (-1)

/* The version of this header. */
#define STLS_VERSION "0.1.0"

/* The version of the library that runs, "MAJOR.MINOR.PATCH". Thread-safe. */
STLS_API const char *stls_version(void);

#ifdef __cplusplus
}
#endif
#endif
