/* proxylog.h - the log of `siptls proxy`, on stderr.
 *
 * The model: what the operator does is told. What peers do is told too, a line each, but only so
 * many lines a second: a storm of peers must not become a storm of lines. A reader of the log that
 * has stopped reading stops no call: nothing is written that would have to wait. What was left out
 * is counted, and told when it is over.
 *
 * Thread rules: any thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXYLOG_H
#define SIPTLS_TOOL_PROXYLOG_H

#include "proxycounters.h"

/* Of peers, a second. */
enum { PROXY_LOG_LINES = 10 };

void proxy_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* About a peer: at most PROXY_LOG_LINES a second, else counted into `counters`. */
void proxy_log_peer(proxy_counters *counters, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether `fd` takes a line without waiting. */
bool proxy_log_takes(int fd);

/* A terminal says that it takes a line when it has room for a byte: then writes to `fd` fail rather
 * than wait, for this process alone. */
void proxy_log_wait_for_no_terminal(int fd);

/* Once a second: tells what was left out. */
void proxy_log_tick(void);

#endif
