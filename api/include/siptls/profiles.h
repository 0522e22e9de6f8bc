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
 *     crl = leaf                  ; off, leaf (the peer's own certificate), chain
 *     max-intermediates = 8
 *     handshake-timeout-ms = 10000
 *     clock-not-before = 2026-11-01   ; UTC; a clock before it is not set (siptls/profile.h)
 *     resumption = yes            ; yes (where the library can), no: every handshake is a full one
 *     tickets = 1                 ; a server's: how many each client gets, 0 to 8
 *     max-handshakes = 0          ; at the same time; 0: no limit
 *     max-fragment = 0            ; a client's: 512, 1024, 2048 or 4096 bytes; 0: does not ask
 *
 * A key that is left out has the default of stls_profile_new(), which is safe; trust and
 * certificate, the store's setting; crl, leaf if the store has CRLs, else off. So with the CRL of
 * one CA in the store, a peer of another CA without one is refused (crl-missing): crl = off lets it
 * in, and tolerate = crl-missing only it. A key or value that is not in this list is an error,
 * which tells its line, and so is a key that comes twice; nothing of such a file is used. Numbers
 * go up to 3600000, alpn has at most 127 bytes. ciphers, groups and schemes may go on in further
 * lines that begin with a blank; no line has more than 198 bytes. The name of a profile has 1 to 49
 * ASCII characters, without [ ] # ; and without a blank at either end. A profile need not set
 * anything.
 *
 * Whatever makes connections less safe is told by stls_profiles_warning(), in words for who wrote
 * it.
 *
 * Editing changes the text that was read, line by line: comments, blank lines and the order of
 * lines stay as they are. Each edit is read again as a whole before it counts, and changes nothing
 * but what it was asked to, or nothing at all. stls_profiles_save() puts the text into the file in
 * one step.
 *
 * Beside a store in a folder, profiles stand in the file STLS_PROFILES_FILE of that folder. The
 * store does not touch it: a factory reset leaves it, and an export does not hold it. It has no
 * secret, so a copy of it is its backup.
 *
 * What vendors call these: "only accept trusted certificates" is verify; "common name validation",
 * "check domain certificates" is identity; "CA certificates: default, custom, all" is trust;
 * "device certificates: default, custom" is certificate; the minimum and maximum "SSL method" are
 * the versions.
 *
 * The file is read by the library inih, which does not write; so edits are our own, and inih reads
 * what they made. A build without it answers STLS_E_UNSUPPORTED.
 *
 * Thread rules: any thread may use a set of profiles that nobody edits; one thread at a time edits.
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
    STLS_PROFILES_VALUE_SIZE = 2048,  /* of any value, with its NUL */
};

/* The file of profiles in the folder of a store. */
#define STLS_PROFILES_FILE "profiles.ini"

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

/* --- Settings */

/* The name of setting `index` (from 0) that a profile can have, as in the list above; NULL behind
 * the last. */
STLS_API const char *stls_profiles_key(size_t index);

/* Word `index` (from 0) of those that setting `key` takes; NULL behind the last, for a setting that
 * takes something else, and for none. */
STLS_API const char *stls_profiles_word(const char *key, size_t index);

/* What setting `key` is for `role` where a profile does not say it: a value, or in parentheses
 * words for what no value says. NULL: no such setting. */
STLS_API const char *stls_profiles_default(const char *key, stls_role role);

/* The value that profile `name` gives to `key`, into `value` (`size` bytes, at least 4; of
 * STLS_PROFILES_VALUE_SIZE bytes it is never cut): lists in one line, numbers without leading
 * zeros, flags in the order of siptls/verify.h. False, and "", if it gives none. */
STLS_API bool stls_profiles_value(const stls_profiles *profiles, const char *name, const char *key,
                                  char *value, size_t size);

/* --- Making */

/* Makes profile `name` for `role` on `backend`, with trust and certificate out of `store` (NULL:
 * neither; the caller sets them). It can be changed further, and is the caller's. STLS_E_ARGUMENT
 * if there is no profile of that name; what the setters of siptls/profile.h and
 * stls_certstore_snapshot() answer, with the name of the profile before it. */
STLS_API stls_result stls_profiles_make(const stls_profiles *profiles, const char *name,
                                        const stls_backend *backend, stls_role role,
                                        stls_certstore *store, stls_profile **profile,
                                        stls_error *error);

/* --- Editing. Each changes nothing when it fails. Begin an empty set with stls_profiles_read() of
 * nothing. */

/* Adds a profile without settings at the end. STLS_E_ARGUMENT: it is there, or the name cannot be;
 * STLS_E_LIMIT, STLS_E_NO_MEMORY. */
STLS_API stls_result stls_profiles_add(stls_profiles *profiles, const char *name,
                                       stls_error *error);

/* Gives `key` of profile `name` the value `value`, as it would stand in the file: in the line where
 * it stands, with what else is there; else in a new line behind the profile's last. STLS_E_ARGUMENT
 * if there is no such profile; STLS_E_FORMAT and STLS_E_LIMIT with the sentences of
 * stls_profiles_read(). Whether a backend can honour it, stls_profiles_make() tells. */
STLS_API stls_result stls_profiles_set(stls_profiles *profiles, const char *name, const char *key,
                                       const char *value, stls_error *error);

/* Takes `key` out of profile `name`, which has its default then. STLS_E_ARGUMENT if the profile is
 * not there or does not set it; STLS_E_FORMAT: there is no such setting. */
STLS_API stls_result stls_profiles_unset(stls_profiles *profiles, const char *name, const char *key,
                                         stls_error *error);

/* Takes profile `name` out, with the comments between its settings. STLS_E_ARGUMENT: it is not
 * there. */
STLS_API stls_result stls_profiles_remove(stls_profiles *profiles, const char *name,
                                          stls_error *error);

/* Gives the whole text to `sink`, whose answer is returned. */
STLS_API stls_result stls_profiles_write(const stls_profiles *profiles, stls_sink sink, void *arg,
                                         stls_error *error);

/* Puts the text into file `path` (a symbolic link: into what it stands for), whose mode stays, and
 * whose owner as far as the system allows. Whenever power fails it holds the old text or the new
 * one; when this returns STLS_OK, the new one for good. Others who save wait for each other.
 * STLS_E_STATE if the file does not hold what the profiles were read from or last saved as, which
 * is nothing for a file that is not there: somebody has changed it meanwhile. STLS_E_FILE. */
STLS_API stls_result stls_profiles_save(stls_profiles *profiles, const char *path,
                                        stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
