/* bench/memory.c - section "memory": the heap that contexts and idle connections hold, and the peak
 * in a handshake.
 *
 * Measured is one side, in this process; the other side is the raw library, in a process of its
 * own. The heap is what malloc has given out (heap.h), siptls's part of it apart. "kept" is what a
 * connection keeps of its peer for whoever asks: the verdict, and the certificates as they came.
 *
 * context: a context with its credential, or its anchors.
 * idle: a connection after its handshake; and the most that was taken during it. With tickets, a
 * client resumes from its second connection on.
 * many: 10 000 of them at the same time, with the pages of the process (RSS).
 *
 * SPDX-License-Identifier: MIT */
#include "apart.h"
#include "harness.h"
#include "heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Figures of one subject */

enum figure { HEAP, OWN_HEAP, PEAK, OWN_PEAK, KEPT, RSS, FIGURES };
static const char *const figure_names[FIGURES] = {"heap",     "own_heap", "peak",
                                                  "own_peak", "kept",     "rss"};

struct figures {
    struct bench_series of[FIGURES];
};

static bool is_siptls(const struct bench_subject *subject) {
    return strncmp(subject->name, "siptls-", 7) == 0;
}

static void add(struct figures *figures, const struct bench_subject *subject, enum figure figure,
                double bytes) {
    bool own = figure == OWN_HEAP || figure == OWN_PEAK || figure == KEPT;
    if (!own || is_siptls(subject)) {
        bench_sample(&figures->of[figure], bytes);
    }
}

static void record(struct figures *figures, const struct bench_label *label) {
    for (int i = 0; i < FIGURES; i++) {
        if (figures->of[i].count > 0) {
            bench_record(label, figure_names[i], "bytes", &figures->of[i]);
        }
        bench_series_free(&figures->of[i]);
    }
}

static double difference(size_t after, size_t before) {
    return (double)after - (double)before;
}

/* --- Cases */

struct memory_case {
    const char *what; /* "context", "idle", "many" */
    int version;
    bool mutual, resume;
    unsigned anchors; /* besides the one of the servers */
    unsigned connections;
    bool quick;
};

static const struct memory_case cases[] = {
    {.what = "context", .version = 13, .quick = true},
    {.what = "context", .version = 13, .anchors = 150},
    {.what = "context", .version = 13, .anchors = 10000},
    {.what = "idle", .version = 13, .connections = 100, .quick = true},
    {.what = "idle", .version = 12, .connections = 100},
    {.what = "idle", .version = 13, .mutual = true, .connections = 100},
    {.what = "idle", .version = 12, .mutual = true, .connections = 100},
    {.what = "idle", .version = 13, .resume = true, .connections = 100},
    {.what = "many", .version = 13, .connections = 10000, .quick = true},
};

static unsigned connections_of(const struct memory_case *c) {
    return bench_options.quick && c->connections > 20 ? 20 : c->connections;
}

static void describe(const struct memory_case *c, char *text, size_t size) {
    if (strcmp(c->what, "context") == 0) {
        snprintf(text, size, "{\"what\":\"context\",\"anchors\":%u}",
                 c->anchors > 0 ? c->anchors : 1);
    } else {
        snprintf(text, size,
                 "{\"what\":\"%s\",\"version\":\"1.%d\",\"mutual\":%s,\"tickets\":%s,"
                 "\"connections\":%u}",
                 c->what, c->version - 10, c->mutual ? "true" : "false",
                 c->resume ? "true" : "false", connections_of(c));
    }
}

static void set_up(struct bench_setup *setup, const struct memory_case *c, bool server) {
    char anchors[64];
    snprintf(anchors, sizeof anchors, "anchors-%u.pem", c->anchors);
    bool judges = !server || c->mutual;
    bool shows = server || c->mutual;
    *setup = (struct bench_setup){
        .server = server,
        .version = c->version,
        .groups = c->version == 12 ? "X25519:P-256" : "X25519",
        .trust_file = !judges ? NULL : bench_file(c->anchors > 0 ? anchors : "p256-root.pem"),
        .chain_file = !shows ? NULL : bench_file(server ? "p256-server1.pem" : "p256-phone1.pem"),
        .key_file = !shows ? NULL : bench_file(server ? "p256-server1.key" : "p256-phone1.key"),
        .host = server ? NULL : BENCH_HOST,
        .verify = judges,
        .mutual = c->mutual,
        .resume = c->resume,
        .chain_memory = true,
    };
}

/* --- Contexts */

/* What a library sets up once in a process is there before it is measured. */
static void measure_context(const struct bench_subject *subject, const struct bench_setup *setup,
                            struct figures *figures) {
    bench_context *first = bench_context_open(subject, setup);
    if (first == NULL) {
        return;
    }
    bench_heap before = bench_heap_now();
    bench_heap_mark_peak();
    bench_context *context = bench_context_open(subject, setup);
    bench_heap after = bench_heap_now();
    if (context != NULL) {
        add(figures, subject, HEAP, difference(after.live, before.live));
        add(figures, subject, OWN_HEAP, difference(after.own_live, before.own_live));
        add(figures, subject, PEAK, difference(after.peak, before.live));
        subject->context_free(context);
    }
    subject->context_free(first);
}

/* --- Connections */

static double resident(void) {
    unsigned long whole = 0, pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    bool read = file != NULL && fscanf(file, "%lu %lu", &whole, &pages) == 2;
    if (file != NULL) {
        fclose(file);
    }
    return read ? (double)pages * (double)sysconf(_SC_PAGESIZE) : 0;
}

/* One connection; its figures are samples if `figures`. */
static bool open_one(const struct bench_apart *apart, const struct bench_subject *subject,
                     bench_context *context, bool server, bench_conn **conn, int *fd,
                     struct figures *figures) {
    bench_heap before = bench_heap_now();
    bench_heap_mark_peak();
    *conn = bench_apart_connect(apart, subject, context, server, fd);
    if (*conn == NULL) {
        return false;
    }
    bench_heap after = bench_heap_now();
    if (figures != NULL) {
        add(figures, subject, HEAP, difference(after.live, before.live));
        add(figures, subject, OWN_HEAP, difference(after.own_live, before.own_live));
        add(figures, subject, PEAK, difference(after.peak, before.live));
        add(figures, subject, OWN_PEAK, difference(after.own_peak, before.own_live));
        if (subject->kept != NULL) {
            add(figures, subject, KEPT, (double)subject->kept(*conn));
        }
    }
    return true;
}

struct idle {
    bench_conn **conn;
    int *fd;
    unsigned count;
};

static void close_all(const struct bench_subject *subject, struct idle *idle) {
    for (unsigned i = 0; i < idle->count; i++) {
        subject->conn_free(idle->conn[i]);
        close(idle->fd[i]);
    }
    idle->count = 0;
}

/* Holds `count` connections at the same time, after a few that warm up. */
static void hold(const struct bench_apart *apart, const struct bench_subject *subject,
                 bench_context *context, const struct bench_setup *setup, unsigned count,
                 struct figures *figures, bool pages) {
    enum { WARM = 5 };
    unsigned most = count + WARM;
    struct idle idle = {.conn = calloc(most, sizeof *idle.conn),
                        .fd = calloc(most, sizeof *idle.fd)};
    for (int i = 0; i < FIGURES; i++) { /* room, so that samples take none while it is measured */
        figures->of[i].values = calloc(most, sizeof(double));
        figures->of[i].capacity = most;
    }
    double before = 0;
    bool good = idle.conn != NULL && idle.fd != NULL;
    for (unsigned i = 0; good && i < most; i++) {
        if (i == WARM && pages) {
            malloc_trim(0);
            before = resident();
        }
        good = open_one(apart, subject, context, setup->server, &idle.conn[i], &idle.fd[i],
                        i < WARM ? NULL : figures);
        idle.count += good ? 1 : 0;
    }
    if (good && pages) {
        add(figures, subject, RSS, (resident() - before) / count);
    }
    close_all(subject, &idle);
    free(idle.conn);
    free(idle.fd);
}

static void measure_connections(const struct memory_case *c, const struct bench_subject *subject,
                                const struct bench_setup *setup, struct figures *figures) {
    struct bench_apart apart;
    struct bench_setup other;
    set_up(&other, c, !setup->server);
    if (!bench_apart_start(&apart, bench_raw(subject), &other)) {
        return;
    }
    bench_context *context = bench_context_open(subject, setup);
    if (context != NULL) {
        hold(&apart, subject, context, setup, connections_of(c), figures,
             strcmp(c->what, "many") == 0);
        subject->context_free(context);
    }
    bench_apart_stop(&apart);
}

/* --- */

static void run_case(const struct memory_case *c, const char *case_json) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        const struct bench_subject *subject = bench_subjects[i];
        for (int side = 0; side < 2 && bench_wants_subject(subject) && bench_raw(subject) != NULL;
             side++) {
            struct bench_setup setup;
            struct figures figures = {0};
            struct bench_label label = {.case_json = case_json,
                                        .subject = subject->name,
                                        .peer = bench_raw(subject)->name,
                                        .side = bench_side_names[side]};
            set_up(&setup, c, side == BENCH_SERVER);
            const char *lacks = subject->lacks(subject, &setup);
            if (lacks != NULL) {
                bench_record_lacks(&label, lacks);
            } else if (strcmp(c->what, "context") != 0) {
                measure_connections(c, subject, &setup, &figures);
            } else if (side == BENCH_CLIENT || c->anchors == 0) {
                measure_context(subject, &setup, &figures);
            }
            record(&figures, &label);
        }
    }
}

int main(int argc, char **argv) {
    unsigned wanted = 0, done = 0;
    bench_begin(argc, argv, "memory", 1);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char text[160];
            describe(&cases[i], text, sizeof text);
            if ((bench_options.quick && !cases[i].quick) || !bench_wants_case(text)) {
                continue;
            }
            if (pass == 0) {
                wanted++;
                continue;
            }
            bench_progress(done++, wanted, text);
            if (!bench_raise_descriptors(connections_of(&cases[i]))) {
                bench_failed("%s is left out", text);
                continue;
            }
            run_case(&cases[i], text);
        }
    }
    return bench_end();
}
