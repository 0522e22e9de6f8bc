/* proxy.h - what `siptls proxy` is asked for, and what it makes of it.
 *
 * The model of the whole: TLS comes in, TCP or TLS goes out, bytes pass through unchanged. One
 * thread (proxy.c) accepts, refuses what is beyond the bounds before any cryptography, and takes
 * signals; it hands each connection to one of the workers (proxyworker.h), which are threads with
 * an event loop of their own. A worker owns its pairs (proxypair.h): a client's connection and the
 * one to the server that belongs to it. What they are made from is made anew in another thread
 * (proxyreload.h).
 *
 *     proxy.c  ->  proxyworker.c  ->  proxypair.c  ->  proxyend.c
 *        \_ proxyoptions.c  proxysetup.c  proxyreload.c  proxycounters.c  proxylog.c
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXY_H
#define SIPTLS_TOOL_PROXY_H

#include "net.h"
#include "tool.h"

#include <sys/socket.h>

/* --- proxyoptions.c */

typedef struct proxy_options {
    server_options server; /* towards the clients */
    tls_options to;        /* towards the server, with --to-tls */
    const char *listen;
    bool to_tls;
    char to_host[NET_HOST_SIZE], to_port[NET_PORT_SIZE]; /* where TCP goes to */
    stls_sip_target to_target;                           /* with --to-tls */
    const char *to_domain; /* whom the server must prove to be, with --to-tls */
    unsigned threads, max_connections, max_handshakes;
    unsigned idle_s, stats_s; /* 0: no limit; never */
} proxy_options;

/* -1: go on; otherwise the exit code. */
int proxy_read_command_line(proxy_options *options, int argc, char **argv);

/* --- proxysetup.c */

enum { PROXY_ADDRESSES_MAX = 16 };

/* What a new pair is made from. Frozen and counted; a reload makes another one, and pairs that are
 * there keep theirs. */
typedef struct proxy_setup proxy_setup;

typedef struct proxy_address {
    struct sockaddr_storage at;
    socklen_t len;
} proxy_address;

/* Reads every file and looks every name up anew. NULL after the reason was printed. */
proxy_setup *proxy_setup_make(proxy_options *options);
proxy_setup *proxy_setup_hold(proxy_setup *setup);
void proxy_setup_free(proxy_setup *setup);

stls_context *proxy_setup_server(const proxy_setup *setup); /* for clients' connections */
stls_context *proxy_setup_client(const proxy_setup *setup); /* NULL: the server gets plain TCP */
const char *proxy_setup_domain(const proxy_setup *setup);   /* whom the server must prove to be */

/* Address `index` of the server, in the order to try; NULL behind the last. */
const proxy_address *proxy_setup_address(const proxy_setup *setup, size_t index);

#endif
