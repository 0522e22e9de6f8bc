/* siptls/ticket.h - resuming sessions: a server's side.
 *
 * The model: a server keeps nothing about its clients. All that it needs to resume a session is in
 * the ticket that the client keeps, sealed: the TLS library's state, who the client has proved to
 * be (its certificates and the verdict on them), for which host name, since when and until when.
 * Who holds the keys of a ring can open the tickets made with it: so a restarted server resumes the
 * clients of the one before, and any server of a fleet resumes the clients of the others, without a
 * word between them.
 *
 * A ring is a list of secrets of 32 bytes. The first one seals; all of them open. To change the
 * secret without dropping anybody: put the new one in front of the old one everywhere, as second
 * first; then move it to the front; then, a ticket's lifetime later, take the old one off. From the
 * secrets and the clock the ring derives keys (HKDF, RFC 5869): a new one for each epoch (an hour
 * by default), named by 16 bytes in front of each ticket. All servers with the same secrets and a
 * clock that is right within `skew_s` have the same keys. A key opens nothing once the tickets that
 * it sealed are older than `lifetime_s`: who steals a server's memory cannot open last week's
 * captures, unless he gets the secret itself. Guard it as a private key.
 *
 * What a ticket proves is judged again when it comes back: the host name must be the same, and the
 * groups, the verify mode, and for a client that was asked for certificates the signature schemes,
 * the trust with its CRLs and the rules of the profile; the dates of the certificates must leave
 * the verdict as it was; and after STLS_TICKET_CHAIN_MAX resumptions in a row, or seven days after
 * the certificates were shown, they must be shown again. In all other cases, and with a ticket that
 * cannot be opened, is foreign, or was made by another TLS library or version, a full handshake
 * follows: never a failure. The server's own certificate is not among these things: a fleet's
 * servers may each have their own, and a renewed one goes on resuming. When a private key is lost,
 * change the secret as well.
 *
 * A client whose certificates and record take more than STLS_TICKET_RECORD_MAX bytes gets no
 * ticket, and neither does one with certificates on a backend without STLS_CAN_TICKET_PEER.
 *
 * A key must not seal more than 2^32 tickets (RFC 5116, AES-GCM with random nonces): an epoch takes
 * care of that; with STLS_TICKET_EPOCH_NONE change the secret in time.
 *
 * Thread rules: a ring may be used and changed by any thread at any time. After fork() the child
 * may use it too, if no other thread of the parent was inside a call of siptls at that moment: its
 * keys are made by the TLS library (see siptls/conn.h). The clock is asked while the ring is
 * locked, and fork() waits for that: the clock must not wait for who forks.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TICKET_H
#define SIPTLS_TICKET_H

#include <siptls/profile.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    STLS_TICKET_SECRET_LEN = 32,    /* bytes */
    STLS_TICKET_SECRETS_MAX = 1024, /* in a ring */
    STLS_TICKET_KEYS_MAX = 4096,    /* keys that a ring may have to hold at a time */
    STLS_TICKET_EPOCH_DEFAULT = 3600,
    STLS_TICKET_LIFETIME_DEFAULT = 24 * 3600,
    STLS_TICKET_LIFETIME_MAX = 7 * 24 * 3600, /* RFC 8446 section 4.6.1 */
    STLS_TICKET_SKEW_DEFAULT = 60,
    STLS_TICKET_SKEW_MAX = 3600,
    STLS_TICKET_CHAIN_MAX = 100,   /* resumptions in a row */
    STLS_TICKET_RECORD_MAX = 4096, /* bytes for the core's part of a ticket */
};

/* Zero, or a NULL pointer to it, is the default of everything. */
typedef struct stls_ticket_ring_options {
    unsigned epoch_s;    /* seconds; STLS_TICKET_EPOCH_NONE: the secrets are the keys */
    unsigned lifetime_s; /* of a ticket, seconds, 1 to STLS_TICKET_LIFETIME_MAX */
    unsigned skew_s;     /* how far the servers' clocks may be from the right time, seconds */
    stls_clock clock;    /* NULL: the system's */
    void *clock_arg;
} stls_ticket_ring_options;

#define STLS_TICKET_EPOCH_NONE 0xffffffffu

/* A ring with one random secret, held once, into `*ring`. `backend` gives the random numbers and
 * HKDF; profiles of any backend can use the ring. STLS_E_ARGUMENT (options out of range, or more
 * than STLS_TICKET_KEYS_MAX keys would be needed), STLS_E_NO_BACKEND, STLS_E_UNSUPPORTED,
 * STLS_E_NO_MEMORY, STLS_E_BACKEND (no random numbers). */
STLS_API stls_result stls_ticket_ring_new(const stls_backend *backend,
                                          const stls_ticket_ring_options *options,
                                          stls_ticket_ring **ring, stls_error *error);

/* Holds it once more; returns `ring`. */
STLS_API stls_ticket_ring *stls_ticket_ring_hold(stls_ticket_ring *ring);

/* Gives one hold back; the last one wipes and frees it. NULL is allowed. */
STLS_API void stls_ticket_ring_free(stls_ticket_ring *ring);

/* Replaces the secrets: `count` (1 to STLS_TICKET_SECRETS_MAX) of STLS_TICKET_SECRET_LEN bytes, one
 * behind the other, copied. The first seals. Takes effect at once for all contexts that use the
 * ring; nothing changes if it fails: STLS_E_ARGUMENT (none, a secret twice, one of zeros only),
 * STLS_E_LIMIT, STLS_E_NO_MEMORY. */
STLS_API stls_result stls_ticket_ring_set_secrets(stls_ticket_ring *ring, const uint8_t *secrets,
                                                  size_t count, stls_error *error);

/* Puts a new random secret in front, and keeps the `keep` first of the others. For one server that
 * is not part of a fleet. */
STLS_API stls_result stls_ticket_ring_rotate(stls_ticket_ring *ring, size_t keep,
                                             stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
