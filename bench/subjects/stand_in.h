/* bench/subjects/stand_in.h - for libraries that take no socket that is there already, only make
 * TCP connections of their own.
 *
 * The model: the library is told to connect to a port where TCP connections never come about. While
 * it waits, its socket is replaced, under the same number, by the one of the benchmark, which is
 * connected. The library must ask by poll() or select(), for epoll would not notice.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_SUBJECTS_STAND_IN_H
#define BENCH_SUBJECTS_STAND_IN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A port of 127.0.0.1 whose backlog is full, so that connections to it stay under way; 0: there is
 * none. */
uint16_t bench_stand_in_port(void);

/* A TCP connection to the listening socket of a library at `at`, so that it has one to take; the
 * caller's to close. -1: there is none. */
int bench_stand_in_call(const struct sockaddr *at, socklen_t len);

/* The number that the next socket of this process gets, for libraries that do not tell it. */
int bench_stand_in_next(void);

/* `socket`, the library's, becomes a duplicate of `fd`. */
bool bench_stand_in(int socket, int fd);

#endif
