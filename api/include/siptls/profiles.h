/* siptls/profiles.h - named profiles for a phone's services, from a file that people write.
 *
 * The model: a phone has one set of TLS settings for each service (SIP, provisioning, LDAP, its web
 * server, ...). They stand in one file, as vendors' manuals have them, in the INI format:
 *
 *     [sip]                       ; one profile; the name is free
 *     trust = all                 ; default, custom, all, system: see siptls/certstore.h
 *     certificate = device        ; device, custom, none
 *     verify = required           ; required, none; a server also: optional, optional-any
 *     identity = sip              ; sip, https, https-cn (and the common name), none
 *     min-version = 1.2           ; 1.2, 1.3
 *     max-version = 1.3
 *     preset = modern             ; modern, compatible (see siptls/profile.h)
 *     ciphers = TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256
 *     groups = x25519:secp256r1
 *     schemes = ...
 *     alpn = sip/2
 *     tolerate = expired          ; flags of siptls/verify.h, separated by ','
 *     strength = standard         ; standard, legacy
 *     usage = tls-or-sip          ; tls-or-sip, tls, sip
 *     max-intermediates = 8
 *     handshake-timeout-ms = 10000
 *     clock-not-before = 2026-11-01   ; UTC; a clock before it is not set (siptls/profile.h)
 *
 * A key that is left out has the default of stls_profile_new(), which is safe; trust and
 * certificate, the store's setting. A key or value that is not in this list is an error, which
 * tells its line, and so is a key that comes twice; nothing of such a file is used. ciphers, groups
 * and schemes may go on in further lines that begin with a blank; no line has more than 198 bytes.
 *
 * Whatever makes connections less safe is told by stls_profiles_warning(), in words for who wrote
 * it.
 *
 * What vendors call these: "only accept trusted certificates" is verify; "common name validation",
 * "check domain certificates" is identity; "CA certificates: default, custom, all" is trust;
 * "device certificates: default, custom" is certificate; the minimum and maximum "SSL method" are
 * the versions.
 *
 * The file is read by the library inih. A build without it answers STLS_E_UNSUPPORTED.
 *
 * Thread rules: a set of profiles is constant once it is read; any thread may use it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_PROFILES_H
#define SIPTLS_PROFILES_H

#include <siptls/certstore.h>
#include <siptls/profile.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_profiles stls_profiles;

enum {
    STLS_PROFILES_MAX = 64,           /* in one file */
    STLS_PROFILES_BYTES = 256 * 1024, /* of a file */
};

/* Whether this build can read profiles. */
STLS_API bool stls_profiles_available(void);

/* Reads profiles from `data`; `name` is what errors call it (NULL: "input"). STLS_E_FORMAT with the
 * line; STLS_E_LIMIT, STLS_E_UNSUPPORTED, STLS_E_NO_MEMORY. */
STLS_API stls_result stls_profiles_read(const void *data, size_t len, const char *name,
                                        stls_profiles **profiles, stls_error *error);

/* The same from file `path`; also STLS_E_FILE. */
STLS_API stls_result stls_profiles_load(const char *path, stls_profiles **profiles,
                                        stls_error *error);

/* NULL is allowed. Profiles that were made stay. */
STLS_API void stls_profiles_free(stls_profiles *profiles);

/* The name of profile `index` (from 0), in the order of the file; NULL behind the last. */
STLS_API const char *stls_profiles_name(const stls_profiles *profiles, size_t index);

/* Warning `index` (from 0) about profile `name`, a sentence that begins with the setting; NULL
 * behind the last. */
STLS_API const char *stls_profiles_warning(const stls_profiles *profiles, const char *name,
                                           size_t index);

/* Makes profile `name` for `role` on `backend`, with trust and certificate out of `store` (NULL:
 * neither; the caller sets them). It can be changed further, and is the caller's. STLS_E_ARGUMENT
 * if there is no profile of that name; what the setters of siptls/profile.h and
 * stls_certstore_snapshot() answer, with the name of the profile before it. */
STLS_API stls_result stls_profiles_make(const stls_profiles *profiles, const char *name,
                                        const stls_backend *backend, stls_role role,
                                        stls_certstore *store, stls_profile **profile,
                                        stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
