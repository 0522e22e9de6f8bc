/* phone.h - the SIP of `siptls connect`: one request at a time over one TLS connection, waiting for
 * each answer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PHONE_H
#define SIPTLS_TOOL_PHONE_H

#include "message.h"
#include "net.h"

#include <siptls/conn.h>

enum { PHONE_REGISTER_SECONDS = 60 };

typedef struct sip_phone {
    stls_conn *conn;
    unsigned timeout_ms;          /* for each answer */
    const char *scheme;           /* "sips" or "sip" */
    const char *domain;           /* as it stands in a URI, with brackets if need be */
    const char *user;             /* NULL: anonymous */
    char local[NET_ADDRESS_SIZE]; /* our own address */
    char call_id[33], tag[17];
    unsigned cseq;
    sip_reader reader;
} sip_phone;

typedef enum phone_outcome {
    PHONE_ANSWERED,
    PHONE_TLS,     /* the connection failed or ended: stls_conn_error() */
    PHONE_SILENCE, /* nothing came in time */
    PHONE_BROKEN,  /* what came is no SIP: reader.why */
    PHONE_MEMORY,
} phone_outcome;

/* `conn` and the strings stay the caller's. */
sip_phone phone_on(stls_conn *conn, const char *scheme, const char *domain, const char *user);
void phone_free(sip_phone *phone);

/* Goes on with the handshake until it is over. */
stls_result phone_handshake(sip_phone *phone);

/* Sends REGISTER or OPTIONS and waits for its final answer, which is valid until the next call. */
phone_outcome phone_ask(sip_phone *phone, const char *method, sip_message *answer);

/* Sends a ping and waits for the pong (RFC 5626 section 4.4.1). */
phone_outcome phone_ping(sip_phone *phone);

/* Says goodbye and waits a moment for the peer's own: STLS_CLOSED if it came. */
stls_result phone_close(sip_phone *phone);

#endif
