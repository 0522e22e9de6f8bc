/* net.h - TCP, time and chance.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_NET_H
#define SIPTLS_TOOL_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NET_ADDRESS_SIZE = 64, /* "[IPv6]:port" */
    NET_HOST_SIZE = 256,
    NET_PORT_SIZE = 8,
    NET_WHY_SIZE = 512,
};

/* Takes "host:port" or "[host]:port" apart; the port becomes a number without zeros before
 * it; 0 is one. */
bool net_split(const char *text, char host[NET_HOST_SIZE], char port[NET_PORT_SIZE]);

/* A connected socket that does not block, and where it goes; -1 and why not. Tries all addresses of
 * the name, for at most `timeout_ms` together; looking up the name itself takes as long as the
 * system lets it. */
int net_connect(const char *host, const char *port, unsigned timeout_ms,
                char where[NET_ADDRESS_SIZE], char why[NET_WHY_SIZE]);

/* A socket that listens and does not block, and where; -1 and why not. */
int net_listen(const char *host, const char *port, char where[NET_ADDRESS_SIZE],
               char why[NET_WHY_SIZE]);

/* The next waiting connection, not blocking, and who it is; -1 with errno set. */
int net_accept(int listener, char who[NET_ADDRESS_SIZE]);

/* Whether with `error` an accept() failed for want of what the system may have again later, and the
 * listener stays readable. */
bool net_is_exhausted(int error);

/* `address` as "host:port". */
struct sockaddr;
void net_address_text(const struct sockaddr *address, unsigned len, char text[NET_ADDRESS_SIZE]);

/* Looks `host` and `port` up for TCP; freeaddrinfo() the list. NULL and why not. */
struct addrinfo;
struct addrinfo *net_look_up(const char *host, const char *port, char why[NET_WHY_SIZE]);

/* The address of this end of `socket`. */
void net_local_address(int socket, char text[NET_ADDRESS_SIZE]);

/* Milliseconds of a clock that only goes forward. */
int64_t net_now(void);

/* Milliseconds from now to `deadline`, for poll(): 0 if it has passed. */
int net_left(int64_t deadline);

/* `count` hexadecimal digits that nobody can guess, and a NUL. */
void net_random_digits(char *text, size_t count);

#endif
