/* tests/faults/secrets.h - what the search for secrets knows of the keys of a connection.
 *
 * The model: keys_log() takes the lines of a key log, keys_see() the first bytes of each side, and
 * keys_keep_session() what the client's cache has. What follows from them by RFC 5246 and 8446 is
 * learnt as well: the keys of records, before and behind a KeyUpdate, and what resumes a session of
 * TLS 1.3. The suites are those with AES-128-GCM and SHA-256.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FAULTS_SECRETS_H
#define STLS_TESTS_FAULTS_SECRETS_H

#include <siptls/siptls.h>

enum { MASK = 0xa7, SECRET_MAX = 160 };

/* One more secret to search for, from now on; known twice, it is one. */
void learn(const char *name, const void *data, size_t len);

/* For stls_profile_set_keylog(). */
void keys_log(void *arg, const char *line);

/* Side `s` (0: the client) begins with these bytes. */
void keys_see(int s, stls_bytes first);

/* The handshake whose beginning was seen is over; `conn` is its client. */
void keys_settle(stls_conn *conn);

/* Remembers the session of `client` for `peer`, to find in it what the next connection resumes by.
 */
void keys_keep_session(stls_context *client, const char *peer);

#endif
