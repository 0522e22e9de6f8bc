/* sips_osip.h - libosip2 on a sips_transport.
 *
 * The model: libosip2 has transactions and a parser, and no transport. This is what stands between:
 *
 *   out   its callback for sending: a request goes to the domain of its first Route, or else of its
 *         Request-URI; an answer goes back to the flow on which its request came
 *   in    a message is parsed and given to its transaction; a request without one gets one; an
 *         answer counts only on the flow that its request went over
 *   lost  a flow that ends answers the requests that were under way on it, as if the answer of
 *         siptls/sip.h had come (RFC 3261 section 8.1.3.1), with its Warning
 *
 * out_socket and in_socket of a transaction hold the sips_flow.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPS_OSIP_H
#define SIPS_OSIP_H

#include "sips_transport.h"

#include <sys/time.h> /* osip.h needs it */

#include <osip2/osip.h>

typedef struct sips_osip {
    osip_t *osip;
    sips_transport *transport;
    void *arg;

    /* A new request came in: answer it, by an event of the transaction. */
    void (*request)(void *arg, osip_transaction_t *transaction, osip_message_t *request);

    /* As in sips_handlers; may be NULL. */
    void (*opened)(void *arg, sips_flow flow, const char *domain);
    void (*closed)(void *arg, sips_flow flow, const char *domain, const stls_error *error,
                   const stls_sip_answer *answer, int waits_ms);
    size_t (*locate)(void *arg, const char *domain, int port, sips_address *list);

    osip_list_t ended; /* transactions to be freed */
} sips_osip;

/* Sets up `osip` and `transport` of `*self`, whose `arg` and handlers are set; false: no memory. */
bool sips_osip_init(sips_osip *self, stls_context *client, const sips_times *times);
void sips_osip_free(sips_osip *self);

/* Begins a client transaction with `request`, which it takes over. False: no memory. Its end is
 * told by the callbacks of osip_set_message_callback(). */
bool sips_osip_request(sips_osip *self, osip_message_t *request, void *instance);

/* An answer to `request` (RFC 3261 section 8.2.6) with a tag; NULL: no memory. */
osip_message_t *sips_osip_answer(const osip_message_t *request, int status, const char *reason);

/* Sends `answer` in a server transaction, which takes it over. */
bool sips_osip_reply(osip_transaction_t *transaction, osip_message_t *answer);

/* One turn of the loop: everything that can be done, then poll() for at most `timeout_ms`. */
void sips_osip_turn(sips_osip *self, int timeout_ms);

#endif
