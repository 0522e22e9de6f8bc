/* sips_transport.h - SIP over TLS for a SIP stack: connections, found by whom they belong to.
 *
 * The model: a transport has flows. A flow is a TLS connection that the transport opened to a SIP
 * domain, or that was accepted and handed to it. Messages go to a domain; the transport finds the
 * flow that belongs to it, or opens one. What comes in goes to a handler, one whole message at a
 * time.
 *
 * Whose a flow is, is decided by certificates, never by addresses (RFC 5923 section 9, RFC 5922
 * section 7): a message for domain D goes over
 *
 *   1. the flow that was opened for D (and for the port, if its URI has one), else
 *   2. any flow of the same context whose peer has proved D by its certificate, or that the peer
 *      opened and has proved D on: this is how a server reaches a phone behind NAT that has a
 *      certificate of its own. The latter was judged by the server's context that accepted it: a CA
 *      that is trusted there may name any domain; else
 *   3. a new flow, which is used by nobody before the server has proved D.
 *
 * An address says nothing: one may serve many domains, and one domain may live at many addresses.
 *
 * Keep-alives (RFC 5626 section 3.5.1, 4.4.1): a flow that we opened sends CRLF CRLF from time to
 * time, and fails if no CRLF comes back in time; pings are answered on flows that we accepted.
 * (Answering is what RFC 5626 asks of a server that speaks "outbound"; a server that does not is
 * found out by the first ping. Turn pings off for it: `ping_ms` 0.)
 *
 * A flow that is kept (sips_transport_keep()) is opened again when it fails: the first time at
 * once, if that was not within the last 30 seconds, then after 30 to 60 seconds, and each time
 * about twice as long, up to half an hour (RFC 5626 section 4.5 and appendix A). While it waits,
 * messages for it fail at once.
 *
 * There is no thread here and nothing blocks, but for the look-up of names, which is a function of
 * yours if you have a better one (`locate`). The caller owns the loop:
 *
 *     for (;;) {
 *         int timeout;
 *         size_t count = sips_transport_poll(transport, list, capacity, &timeout);
 *         poll(list, count, timeout);      // and whatever else you wait for
 *         sips_transport_handle(transport, list, count);
 *     }
 *
 * Handlers run inside sips_transport_handle(), and nowhere else. They may send, keep and close;
 * they must not free the transport.
 *
 * Thread rules: one thread at a time for one transport.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPS_TRANSPORT_H
#define SIPS_TRANSPORT_H

#include <poll.h>
#include <siptls/siptls.h>
#include <sys/socket.h>

typedef struct sips_transport sips_transport;

/* A flow's number: never used twice, so that one that is gone is not mistaken for another. 0: none.
 */
typedef int sips_flow;

typedef struct sips_address {
    struct sockaddr_storage at;
    socklen_t len;
} sips_address;

enum { SIPS_ADDRESSES_MAX = 8, SIPS_PORT = 5061 };

typedef struct sips_handlers {
    void *arg;

    /* A whole message came in, `len` bytes that are valid during the call. */
    void (*message)(void *arg, sips_flow flow, const char *message, size_t len);

    /* A flow is open: its peer is who it should be. May be NULL. */
    void (*opened)(void *arg, sips_flow flow, const char *domain);

    /* A flow has ended, and what was sent on it and not answered is lost. `answer`: what to answer
     * instead (RFC 3261 section 8.1.3.1), with a Warning to show. `waits_ms`: when a kept flow
     * will be tried again; -1: never. May be NULL. */
    void (*closed)(void *arg, sips_flow flow, const char *domain, const stls_error *error,
                   const stls_sip_answer *answer, int waits_ms);

    /* The addresses of `domain`, best first (RFC 3263); `port` is 0 if the URI had none. Returns
     * how many it wrote to `list`, which takes SIPS_ADDRESSES_MAX. NULL: A and AAAA records by
     * getaddrinfo(), which blocks, and port SIPS_PORT. */
    size_t (*locate)(void *arg, const char *domain, int port, sips_address *list);
} sips_handlers;

/* Milliseconds; sips_transport_defaults() has those of the RFCs. */
typedef struct sips_times {
    int connect_ms;    /* for TCP, to each address */
    int ping_ms;       /* between keep-alives, at most; each is shorter by up to a fifth; 0: none */
    int pong_ms;       /* for the answer to one */
    int retry_base_ms; /* RFC 5626: base-time */
    int retry_max_ms;  /* RFC 5626: max-time */
    int message_ms;    /* for the rest of a message that has begun */
    int close_ms;      /* for the peer to take what is left when we close */
} sips_times;

sips_times sips_transport_defaults(void);

/* A transport whose own connections are made by `client`, which it holds. NULL: no memory. */
sips_transport *sips_transport_new(stls_context *client, const sips_handlers *handlers,
                                   const sips_times *times);

/* Closes all flows, without calling handlers. NULL is allowed. */
void sips_transport_free(sips_transport *transport);

/* From now on new flows are made by `client`: after certificates were renewed. Flows that are there
 * go on, but nothing new is sent on those that we opened, except answers. */
void sips_transport_set_context(sips_transport *transport, stls_context *client);

/* Sends `message` (`len` bytes, whole, with Content-Length) to SIP domain `domain`; `port` 0: the
 * URI had none. Returns the flow that it goes over: whether it arrives is told by its answer, or by
 * `closed`. 0 if it cannot be sent, with the reason in `*error`. */
sips_flow sips_transport_send(sips_transport *transport, const char *domain, int port,
                              const char *message, size_t len, stls_error *error);

/* Sends an answer back where its request came from; false if that flow is gone (RFC 3261 section
 * 18.2.2 then says: open one to the Via's sent-by). */
bool sips_transport_answer(sips_transport *transport, sips_flow flow, const char *message,
                           size_t len);

/* Opens a flow to `domain` if there is none, and keeps it open. 0: see sips_transport_send(). */
sips_flow sips_transport_keep(sips_transport *transport, const char *domain, int port,
                              stls_error *error);

/* Takes over the connected socket `fd` of somebody who called us; `server` makes its TLS. 0: no
 * memory, or as stls_conn_new(); the socket is closed then. */
sips_flow sips_transport_accept(sips_transport *transport, stls_context *server, int fd,
                                stls_error *error);

/* Ends a flow properly: what is on its way still goes. It is not opened again. */
void sips_transport_close(sips_transport *transport, sips_flow number);

/* Whether the peer of `flow` has proved `domain` (RFC 5922) on a connection that is secure. */
bool sips_transport_proves(const sips_transport *transport, sips_flow flow, const char *domain);

/* SIP domain `index` (from 0) that the peer has proved into `domain`; false behind the last. */
bool sips_transport_identity(const sips_transport *transport, sips_flow flow, size_t index,
                             char domain[STLS_SIP_HOST_SIZE]);

/* The local address of a flow, for Via and Contact: "192.0.2.1:40000". False if there is none. */
bool sips_transport_local(const sips_transport *transport, sips_flow flow, char *text, size_t size);

/* How many flows there are, for the size of the list below. */
size_t sips_transport_count(const sips_transport *transport);

/* Fills `list` with what to poll for, at most `capacity` entries; returns how many. `*timeout_ms`
 * is made smaller if something is due before (-1: nothing is). */
size_t sips_transport_poll(sips_transport *transport, struct pollfd *list, size_t capacity,
                           int *timeout_ms);

/* Acts on what poll() found in the same list, and on what is due. */
void sips_transport_handle(sips_transport *transport, const struct pollfd *list, size_t count);

#endif
