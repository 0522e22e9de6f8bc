/* tests/fuzz/whole/rig.h - whole connections for the fuzz targets, the same in every run.
 *
 * The model: rig_begin() at the start of each input sets the random numbers of all three libraries
 * back to the same row, so that the bytes of an untouched handshake, and with them the offsets that
 * an input names, do not change. The wall clock stands. Contexts are made once for each kind and
 * kept. Certificates are those of the test PKI (SIPTLS_TEST_PKI).
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FUZZ_WHOLE_RIG_H
#define STLS_TESTS_FUZZ_WHOLE_RIG_H

#include <siptls/siptls.h>

/* Ends the program if `holds` is false, which the fuzzer reports; `what` says what did not hold. */
void must(bool holds, const char *what);

/* One kind of connection. */
typedef struct rig_kind {
    const stls_backend *client, *server;
    uint16_t version; /* STLS_TLS1_2 or STLS_TLS1_3 only; 0: both */
    bool mutual;      /* the client shows a certificate, and must */
} rig_kind;

/* The backend that the target was built for, and the one that `choice` stands for. */
const stls_backend *rig_backend(void);
const stls_backend *rig_peer_backend(uint8_t choice);

/* Random numbers and sessions as at the first run. */
void rig_begin(void);

/* A new connection of this kind with memory for transport. The context is the rig's. */
stls_conn *rig_client(const rig_kind *kind);
stls_conn *rig_server(const rig_kind *kind);
stls_context *rig_context(const rig_kind *kind, stls_role role);

/* The secret called `label` ("SERVER_TRAFFIC_SECRET_0") that an end with role `role` has told since
 * rig_begin() or rig_forget_secrets(); its length, 0: not yet. */
size_t rig_secret(stls_role role, const char *label, uint8_t secret[64]);
void rig_forget_secrets(void);

/* The name of the ring's key that seals now: what stands in front of each ticket. */
void rig_ticket_name(uint8_t name[16]);

/* Steps of both ends without anything between them until both wait; `true`: both are through. */
bool rig_join(stls_conn *client, stls_conn *server);

/* Moves all that waits at `from` to `to`. */
void rig_move(stls_conn *from, stls_conn *to);

/* Reads all that has come and forgets it, which takes in tickets too. */
void rig_drain(stls_conn *conn);

#endif
