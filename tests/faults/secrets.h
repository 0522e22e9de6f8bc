/* tests/faults/secrets.h - what the search for secrets knows of the keys of a connection.
 *
 * The model: keys_begin(), then keys_log() takes the lines of a key log and keys_see() what each
 * side sends. What follows from them by RFC 5246 and 8446 is learnt as well. Where one side has
 * sent its share of the key agreement and has no answer yet, its private key is in memory, and
 * keys_meet() finds it: it is what gives that share. With it keys_settle() computes all the rest,
 * what resumes a session included. The suites are those with AES-128-GCM and SHA-256, the group is
 * X25519.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FAULTS_SECRETS_H
#define STLS_TESTS_FAULTS_SECRETS_H

#include <siptls/siptls.h>

enum { MASK = 0xa7, SECRET_MAX = 160 };

/* One more secret to search for, from now on; known twice, it is one. */
void learn(const char *name, const void *data, size_t len);

/* What `find` learns is learnt in a child process: of how it came to know it, nothing is left here.
 */
void learn_apart(void (*find)(void));

/* Number `index` of the secrets that are called `name`, of `len` bytes: for a child process. False:
 * there are not so many. */
bool learnt(const char *name, size_t index, uint8_t *out, size_t len);

/* A connection begins. */
void keys_begin(void);

/* For stls_profile_set_keylog(). */
void keys_log(void *arg, const char *line);

/* Side `s` (0: the client) has sent this. */
void keys_see(int s, stls_bytes sent);

/* The server has answered the ClientHello, and the client has not read it. */
void keys_meet(void);

/* The handshake is over; `conn` is its client. */
void keys_settle(stls_conn *conn);

#endif
