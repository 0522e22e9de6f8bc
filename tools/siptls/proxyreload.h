/* proxyreload.h - the setup is made anew in a thread of its own: a name server, or a file, that
 * does not answer keeps no client waiting.
 *
 * One thread calls these functions; it waits for `made`, besides what else it waits for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_PROXYRELOAD_H
#define SIPTLS_TOOL_PROXYRELOAD_H

#include "proxy.h"

#include <pthread.h>

typedef struct proxy_reload {
    proxy_options *options; /* the thread's, as long as it is there */
    pthread_t thread;
    proxy_setup *setup;
    int made; /* readable when the thread is through */
    bool under_way, again;
} proxy_reload;

/* False, with errno, if there is no descriptor for it. */
bool proxy_reload_init(proxy_reload *self, proxy_options *options);

/* Begins a reload; behind one that is under way, which may have read the files of before, comes
 * another. False, with errno: there is no thread for it. */
bool proxy_reload_begin(proxy_reload *self);

/* When `made` is readable: the new setup; NULL after the reason was told. What was asked for
 * meanwhile is the caller's to begin, if `again`. */
proxy_setup *proxy_reload_take(proxy_reload *self);

#endif
