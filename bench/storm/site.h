/* bench/storm/site.h - what the phones return to: a registrar, and in front of it two processes
 * `siptls proxy` that open each other's tickets.
 *
 * Two, so that "the other one" is there to return to; each has half of the phones.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_STORM_SITE_H
#define BENCH_STORM_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SITE_PROXIES = 2 };

struct site {
    char folder[256]; /* ticket secrets and logs */
    pid_t registrar;
    int life; /* closed: the registrar ends */
    uint16_t registrar_port;
    struct site_proxy {
        pid_t pid;
        int out; /* its standard output */
        uint16_t port;
    } proxies[SITE_PROXIES];
};

struct site_settings {
    const char *tool; /* the siptls command */
    const char *backend, *chain_file, *key_file;
    unsigned max_handshakes, timeout_ms; /* of each proxy */
    unsigned max_connections;
};

/* Starts the registrar, and makes a ticket secret. All of these tell why not. */
bool site_open(struct site *site);

/* Starts the proxies, and waits until they listen. */
bool site_start(struct site *site, const struct site_settings *settings);

/* CPU time of the proxies since they were started, seconds. */
double site_cpu(const struct site *site);

/* The most memory that the proxies had resident, together, bytes. */
double site_peak_rss(const struct site *site);

/* Ends the proxies with SIGTERM. false: one of them did not end well. */
bool site_stop(struct site *site);

/* Ends all that still runs, and removes the folder. */
void site_close(struct site *site);

#endif
