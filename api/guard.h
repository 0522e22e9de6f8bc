/* api/guard.h - what the peer sends in the clear, looked at before the library sees it.
 *
 * The model: libraries differ most in what they make of the first records of a peer, while the
 * rules for those can be had once, since nothing is encrypted yet. So between transport and library
 * stands a guard. It looks at whole records where they lie, has the hellos checked (hello.h), and
 * lets a record pass if it holds whole messages. Only what a peer has cut into pieces is copied,
 * and handed on as messages in records of their own: how they were cut is not for the library to
 * see. What breaks a rule ends the connection with our alert.
 *
 * It goes as soon as either side encrypts, or the library is the better judge: from then on bytes
 * pass as they come.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_GUARD_H
#define STLS_API_GUARD_H

#include "api/hello.h"
#include "api/internal.h"

/* Begins to guard a connection of `profile`. False: no memory. */
bool stls_guard_begin(stls_guard **guard, const stls_profile *profile);

/* NULL, which all functions allow, is a guard that has gone. */
void stls_guard_free(stls_guard **guard);

/* Frees it if it has nothing to do or to tell any more. */
void stls_guard_settle(stls_io *io);

/* Whether the extended master secret was agreed (RFC 7627), in TLS 1.2. */
bool stls_guard_extended_master(const stls_io *io);

/* As stls_io_recv(); only if there is a guard. STLS_BE_FAILED with a complaint. */
stls_be_status stls_guard_recv(stls_io *io, uint8_t *data, size_t size, size_t *got);

/* The library has sent this. */
void stls_guard_sent(stls_guard *guard, const uint8_t *data, size_t len);

/* The bytes that wait for the library, besides those that wait in the transport's queue. */
size_t stls_guard_ready(const stls_guard *guard);

/* What the hellos say, once the peer's has passed; NULL: it is due, or forgotten. */
const stls_be_hello *stls_guard_hello(const stls_guard *guard);

/* Why it has ended the connection; NULL: it has not. */
const stls_complaint *stls_guard_complaint(const stls_guard *guard);

/* The bytes of heap that it holds. */
size_t stls_guard_memory(const stls_guard *guard);

#endif
