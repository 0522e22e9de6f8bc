/* api/hello.h - the rules for ClientHello and ServerHello, the same for every library.
 *
 * The model: bytes in, a complaint out; nothing is negotiated here. A hello that breaks a rule of
 * RFC 8446 or RFC 5246 that libraries read differently, or not at all, never reaches the library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_HELLO_H
#define STLS_API_HELLO_H

#include "backends/contract.h"

#include <siptls/error.h>

/* Why a peer is refused; `text` NULL: it is not. */
typedef struct stls_complaint {
    stls_result result;
    uint8_t alert;
    const char *text; /* a constant sentence */
} stls_complaint;

/* What a ServerHello or HelloRetryRequest has chosen; 0: nothing. */
typedef struct stls_choice {
    bool retry, extended_master;
    uint16_t version, suite, group; /* group: of a key share */
} stls_choice;

/* `body` is the message without its header. Our versions are `version_min` to `version_max`. What
 * it says goes into `says`, if there is no complaint; it points into `body`. */
stls_complaint stls_check_client_hello(stls_bytes body, uint16_t version_min, uint16_t version_max,
                                       stls_be_hello *says);

/* The same for the one that answers a HelloRetryRequest for `group` (0: for none): it must be the
 * `first` but for what RFC 8446, 4.1.2 names. */
stls_complaint stls_check_second_hello(stls_bytes body, stls_bytes first, uint16_t group,
                                       stls_be_hello *says);

/* Whether a ClientHello announces early data: RFC 8446, 4.2.10. */
bool stls_announces_early_data(stls_bytes body);

/* `own` is the body of the ClientHello that it answers. `choice` is what an earlier
 * HelloRetryRequest has chosen, and then what this message has. */
stls_complaint stls_check_server_hello(stls_bytes body, stls_bytes own, uint16_t version_min,
                                       uint16_t version_max, stls_choice *choice);

/* Whether the body of a ServerHello of our own is a HelloRetryRequest, and its version. */
bool stls_read_choice(stls_bytes body, stls_choice *choice);

#endif
