/* bench/scale.c - section "scale": what a new connection costs against how much there is of
 * everything. It must not grow.
 *
 * anchors: of a client, the server's the last of them; without siptls's memory of signatures, so
 * that each chain is looked up and judged.
 * connections: of a server that holds so many already, idle.
 * names: of a server that has so many host names with a certificate each; the client asks for the
 * last.
 * threads: client and server in each, on the same two contexts.
 *
 * The other side is the raw library, but for threads. Without siptls's part "names" would be the
 * application's own table: there is no raw figure.
 *
 * SPDX-License-Identifier: MIT */
#include "apart.h"
#include "harness.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POINTS_MAX = 6 };

struct scale_kind {
    const char *what;
    unsigned points[POINTS_MAX]; /* ends with 0 */
    unsigned quick_most;
    unsigned counted_most; /* under callgrind: the way to more takes too long */
};

static const struct scale_kind kinds[] = {
    {"anchors", {1, 10, 150, 1000, 10000}, 150, 10000},
    {"names", {1, 10, 100, 1000, 10000}, 10, 10000},
    {"connections", {1, 100, 1000, 10000, 20000}, 100, 1000},
    {"threads", {1, 2}, 2, 0},
};

static bool is(const struct scale_kind *kind, const char *what) {
    return strcmp(kind->what, what) == 0;
}

static bool has_point(const struct scale_kind *kind, size_t at) {
    unsigned count = at < POINTS_MAX ? kind->points[at] : 0;
    return count > 0 && (!bench_options.quick || count <= kind->quick_most) &&
           (!bench_counts_instructions() || count <= kind->counted_most);
}

/* --- A point of a curve: one subject with so many of something */

struct point {
    const struct bench_subject *subject[2];
    bench_context *context[2];
    int measured;
    unsigned count;
    char host[32], case_json[64];
    struct bench_series us;
};

static void set_up(struct bench_setup *setup, const struct scale_kind *kind,
                   const struct point *point, int side) {
    char anchors[64];
    bool names = is(kind, "names"), server = side == BENCH_SERVER;
    snprintf(anchors, sizeof anchors, "anchors-%u.pem", point->count);
    *setup = (struct bench_setup){
        .server = server,
        .version = 13,
        .groups = "X25519",
        .trust_file = server ? NULL : bench_file("p256-root.pem"),
        .chain_file = server ? bench_file("p256-server1.pem") : NULL,
        .key_file = server ? bench_file("p256-server1.key") : NULL,
        .host = server  ? NULL
                : names ? point->host
                        : BENCH_HOST,
        .hosts = server && names ? point->count : 0,
        .hosts_folder = bench_options.pki,
        .verify = !server,
    };
    if (is(kind, "anchors") && !server && point->count > 1) {
        setup->trust_file = bench_file(anchors);
    }
}

static void point_close(struct point *point) {
    for (int side = 0; side < 2; side++) {
        if (point->context[side] != NULL) {
            point->subject[side]->context_free(point->context[side]);
            point->context[side] = NULL;
        }
    }
    bench_series_free(&point->us);
}

static bool point_open(struct point *point, const struct scale_kind *kind,
                       const struct bench_subject *subject, unsigned count) {
    int measured = is(kind, "anchors") ? BENCH_CLIENT : BENCH_SERVER;
    *point = (struct point){.measured = measured, .count = count};
    point->subject[measured] = subject;
    point->subject[!measured] = is(kind, "threads") ? subject : bench_raw(subject);
    snprintf(point->host, sizeof point->host, "h%u.example.test", count - 1);
    snprintf(point->case_json, sizeof point->case_json, "{\"%s\":%u}", kind->what, count);
    for (int side = 0; side < 2; side++) {
        struct bench_setup setup;
        set_up(&setup, kind, point, side);
        point->context[side] = bench_context_open(point->subject[side], &setup);
        if (point->context[side] == NULL) {
            point_close(point);
            return false;
        }
    }
    return true;
}

static struct bench_label label_of(const struct point *point) {
    return (struct bench_label){
        .case_json = point->case_json,
        .subject = point->subject[point->measured]->name,
        .peer = point->subject[!point->measured]->name,
        .side = bench_side_names[point->measured],
    };
}

/* One connection from beginning to end; a sample, if it counts. */
static bool point_run(struct point *point, bool counts) {
    struct bench_pair pair = {0};
    struct bench_meter *meter = &pair.meter[point->measured];
    meter->on = counts;
    bool done = bench_pair_open(&pair, point->subject[0], point->context[0], point->subject[1],
                                point->context[1]);
    if (!done) {
        return false;
    }
    done = bench_pair_handshake(&pair);
    bench_pair_close(&pair);
    if (done && counts && bench_counts_instructions()) {
        const struct bench_label label = label_of(point);
        bench_instructions(&label, 1);
    } else if (done && counts) {
        bench_sample(&point->us, meter->us);
    }
    return done;
}

static void point_record(struct point *point) {
    if (!bench_counts_instructions() && point->us.count > 0) {
        const struct bench_label label = label_of(point);
        bench_record(&label, "time", "us", &point->us);
    }
}

/* --- Anchors and names: the points by turns */

static void run_by_turns(const struct scale_kind *kind, const struct bench_subject *subject) {
    struct point points[POINTS_MAX];
    size_t count = 0;
    bool good = true;
    bench_instructions_stop(); /* reading many certificates takes long enough without */
    while (good && has_point(kind, count)) {
        good = point_open(&points[count], kind, subject, kind->points[count]) &&
               point_run(&points[count], false);
        count += points[count].context[0] != NULL ? 1 : 0;
    }
    bench_instructions_start();
    for (unsigned run = 0; good && run < bench_options.runs; run++) {
        for (size_t i = 0; good && i < count; i++) {
            good = point_run(&points[i], true);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (good) {
            point_record(&points[i]);
        }
        point_close(&points[i]);
    }
}

/* --- Connections: more and more of them are held */

struct held {
    bench_conn **conn;
    int *fd;
    unsigned count;
};

/* Of each the measured side only: the other one goes. `client`: makes the connections. */
static bool hold(struct point *point, bench_context *client, struct held *held, unsigned count) {
    int here = point->measured;
    while (held->count < count) {
        struct bench_pair pair = {0};
        if (!bench_pair_open(&pair, point->subject[0], client, point->subject[1],
                             point->context[1])) {
            return false;
        }
        bool done = bench_pair_handshake(&pair);
        if (done) {
            held->conn[held->count] = pair.conn[here];
            held->fd[held->count++] = pair.fd[here];
            pair.conn[here] = NULL;
            pair.fd[here] = -1;
            point->subject[!here]->conn_free(pair.conn[!here]); /* without a word to it */
            pair.conn[!here] = NULL;
        }
        bench_pair_close(&pair);
        if (!done) {
            return false;
        }
    }
    return true;
}

/* What can be held if `count` are too many for the limit on descriptors; 0: nothing more. */
static unsigned within_limit(unsigned count, unsigned have) {
    if (bench_raise_descriptors(count)) {
        return count;
    }
    long most = sysconf(_SC_OPEN_MAX);
    unsigned fits = most > 200 ? (unsigned)(most - 100) / 100 * 100 : 0;
    return fits > have ? fits : 0;
}

/* A client that does not verify, which takes more than half of its time. */
static bench_context *open_hasty(const struct scale_kind *kind, const struct point *point) {
    struct bench_setup setup;
    set_up(&setup, kind, point, BENCH_CLIENT);
    setup.verify = false;
    return bench_context_open(point->subject[BENCH_CLIENT], &setup);
}

static void run_growing(const struct scale_kind *kind, const struct bench_subject *subject) {
    struct point point;
    bench_context *hasty = NULL;
    struct held held = {.conn = calloc(kind->points[POINTS_MAX - 2], sizeof *held.conn),
                        .fd = calloc(kind->points[POINTS_MAX - 2], sizeof *held.fd)};
    bool good = held.conn != NULL && held.fd != NULL && point_open(&point, kind, subject, 1) &&
                (hasty = open_hasty(kind, &point)) != NULL;
    for (size_t at = 0; good && has_point(kind, at); at++) {
        point.count = within_limit(kind->points[at], held.count);
        if (point.count == 0) {
            break;
        }
        snprintf(point.case_json, sizeof point.case_json, "{\"%s\":%u}", kind->what, point.count);
        bench_instructions_stop();
        good = hold(&point, hasty, &held, point.count - 1) && point_run(&point, false);
        bench_instructions_start();
        for (unsigned run = 0; good && run < bench_options.runs; run++) {
            good = point_run(&point, true);
        }
        if (good) {
            point_record(&point);
            bench_series_free(&point.us);
        }
    }
    for (unsigned i = 0; i < held.count; i++) {
        point.subject[point.measured]->conn_free(held.conn[i]);
        close(held.fd[i]);
    }
    if (hasty != NULL) {
        point.subject[BENCH_CLIENT]->context_free(hasty);
    }
    if (held.conn != NULL && held.fd != NULL && point.context[0] != NULL) {
        point_close(&point);
    }
    free(held.conn);
    free(held.fd);
}

/* --- Threads: as many connections as they can */

struct worker {
    struct point *point;
    unsigned connections;
    double cpu_us;
    bool good;
};

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *work(void *arg) {
    struct worker *self = arg;
    double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
    self->good = true;
    for (unsigned i = 0; self->good && i < self->connections; i++) {
        self->good = point_run(self->point, false);
    }
    self->cpu_us = (seconds(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e6 / self->connections;
    return NULL;
}

static unsigned in_parallel(void) {
    return bench_options.quick ? 20 : 400;
}

/* So many connections in all; their number in a second, and the CPU time that each took. */
static bool run_threads(struct point *point, struct bench_series *rate, struct bench_series *us) {
    enum { THREADS_MAX = 2 };
    const unsigned all = in_parallel();
    pthread_t threads[THREADS_MAX];
    struct worker workers[THREADS_MAX];
    double begin = seconds(CLOCK_MONOTONIC), sum = 0;
    bool good = true;
    unsigned started = 0;
    while (started < point->count && good) {
        workers[started] = (struct worker){.point = point, .connections = all / point->count};
        good = pthread_create(&threads[started], NULL, work, &workers[started]) == 0;
        started += good ? 1 : 0;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        good = good && workers[i].good;
        sum += workers[i].cpu_us;
    }
    bench_sample(rate, all / (seconds(CLOCK_MONOTONIC) - begin));
    bench_sample(us, sum / started);
    return good;
}

static void run_parallel(const struct scale_kind *kind, const struct bench_subject *subject) {
    for (size_t at = 0; has_point(kind, at); at++) {
        struct point point;
        struct bench_series rate = {0};
        if (!point_open(&point, kind, subject, kind->points[at])) {
            return;
        }
        bool good = true;
        for (unsigned run = 0; good && run < bench_options.runs / 10 + 1; run++) {
            good = run_threads(&point, &rate, &point.us);
        }
        if (good) {
            struct bench_label label = label_of(&point);
            label.side = "both";
            bench_record(&label, "rate", "1/s", &rate);
            bench_record(&label, "time", "us", &point.us);
        }
        bench_series_free(&rate);
        point_close(&point);
    }
}

/* --- */

static void run_kind(const struct scale_kind *kind, const struct bench_subject *subject) {
    if (is(kind, "connections")) {
        run_growing(kind, subject);
    } else if (is(kind, "threads")) {
        run_parallel(kind, subject);
    } else {
        run_by_turns(kind, subject);
    }
}

/* About how long a kind takes, in connections; to read a certificate takes a fiftieth of one. */
static double work_of(const struct scale_kind *kind) {
    unsigned points = 0, most = 0;
    while (has_point(kind, points)) {
        most = kind->points[points++];
    }
    if (is(kind, "threads")) {
        unsigned runs = bench_options.runs / 10 + 1;
        return (double)points * runs * in_parallel();
    }
    return (double)points * bench_options.runs + (is(kind, "connections") ? most : most / 50.0);
}

static bool is_wanted(const struct scale_kind *kind, const struct bench_subject *subject,
                      char text[96]) {
    snprintf(text, 96, "%s, %s", kind->what, subject->name);
    const struct bench_subject *raw = bench_raw(subject);
    return has_point(kind, 0) && bench_wants_case(text) && bench_wants_subject(subject) &&
           raw != NULL && !(is(kind, "names") && raw == subject);
}

int main(int argc, char **argv) {
    enum { KINDS = sizeof kinds / sizeof *kinds };
    unsigned count = 0, done = 0;
    double all = 0, so_far = 0;
    bench_begin(argc, argv, "scale", 40);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < KINDS * bench_subject_count; i++) {
            const struct scale_kind *kind = &kinds[i / bench_subject_count];
            const struct bench_subject *subject = bench_subjects[i % bench_subject_count];
            char text[96];
            if (!is_wanted(kind, subject, text)) {
                continue;
            }
            if (pass == 0) {
                count++;
                all += work_of(kind);
                continue;
            }
            bench_progress_part(done++, count, so_far / all, text);
            run_kind(kind, subject);
            so_far += work_of(kind);
        }
    }
    return bench_end();
}
