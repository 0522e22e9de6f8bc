/* bench/storm.c - section "storm": a registrar restarts, and all its phones return at once, through
 * `siptls proxy`.
 *
 * Kinds, in the order in which they run, with the same phones:
 *   full     nobody has a ticket
 *   resumed  the proxies were restarted with the same ticket secret; each phone returns to its own
 *   fleet    the same, and each returns to the other one
 *   refused  the proxies let few handshakes be under way at a time, as docs/resumption.md advises,
 * and hang up on the others, who come again; with tickets In the first three the proxies turn
 * nobody away: they take as long as it takes.
 *
 * SPDX-License-Identifier: MIT */
#include "bench/harness.h"
#include "storm/phones.h"
#include "storm/site.h"

#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    PHONES = 10000,
    PHONES_QUICK = 1000,
    RUNS = 3,
    DESCRIPTORS_BESIDES = 64,
    REFUSING_HANDSHAKES = 100, /* of each proxy */
    REFUSING_TIMEOUT_MS = 5000,
    TIMER_F_S = 32, /* of RFC 3261: how long a phone waits for an answer */
    GIVE_UP_S = 300,
};

/* A thirtieth of what RFC 5626 section 4.5 advises (30 and 1800 seconds), for the benchmark to end.
 */
static const double base_s = 1, max_s = 60;

enum kind { FULL, RESUMED, FLEET, REFUSED, KINDS };
static const char *const kind_names[KINDS] = {"full", "resumed", "fleet", "refused"};

struct series {
    struct bench_series time, latency, cpu, rate, rss, resumed, turned_away, failed, lost,
        most_tries;
};

static size_t phone_count;
static char tool[PATH_MAX];

static void describe(enum kind kind, char text[128]) {
    snprintf(text, 128, "{\"phones\":%zu,\"kind\":\"%s\",\"proxies\":%d}", phone_count,
             kind_names[kind], SITE_PROXIES);
}

static bool wants(const struct bench_subject *subject, enum kind kind) {
    char text[128];
    describe(kind, text);
    return bench_wants_subject(subject) && bench_wants_case(text);
}

/* --- One storm */

static void sample(struct series *series, const struct phones_outcome *outcome,
                   const struct bench_series *latencies, double cpu, double rss) {
    for (size_t i = 0; i < latencies->count; i++) {
        bench_sample(&series->latency, latencies->values[i]);
    }
    bench_sample(&series->time, outcome->last_s);
    bench_sample(&series->cpu, cpu);
    bench_sample(&series->rate, outcome->back > 0 ? (double)outcome->back / outcome->last_s : 0);
    bench_sample(&series->rss, rss);
    bench_sample(&series->resumed, (double)outcome->resumed);
    bench_sample(&series->turned_away, (double)outcome->turned_away);
    bench_sample(&series->failed, (double)(outcome->failed + outcome->dropped));
    bench_sample(&series->lost, (double)outcome->lost);
    bench_sample(&series->most_tries, outcome->most_tries);
}

static void check(const char *what, enum kind kind, const struct phones_outcome *outcome) {
    if (outcome->lost > 0 || outcome->dropped > 0) {
        bench_failed("%s: %zu phones are lost, %zu were dropped: %s", what, outcome->lost,
                     outcome->dropped, outcome->why);
    } else if (kind != REFUSED && outcome->failed + outcome->turned_away > 0) {
        bench_failed("%s: %zu attempts failed: %s", what, outcome->failed + outcome->turned_away,
                     outcome->why);
    } else if ((kind == FULL && outcome->resumed > 0) ||
               ((kind == RESUMED || kind == FLEET) && outcome->resumed < phone_count)) {
        bench_failed("%s: %zu of %zu handshakes were resumed", what, outcome->resumed, phone_count);
    }
}

static bool storm(struct site *site, struct phones *phones, const char *backend, enum kind kind,
                  struct series *series) {
    bool refuses = kind == REFUSED;
    const struct site_settings settings = {
        .tool = tool,
        .backend = backend,
        .chain_file = bench_file("p256-server1.pem"),
        .key_file = bench_file("p256-server1.key"),
        .max_handshakes = refuses ? REFUSING_HANDSHAKES : (unsigned)phone_count,
        .max_connections = (unsigned)phone_count / SITE_PROXIES + 1,
        .timeout_ms = refuses ? REFUSING_TIMEOUT_MS : GIVE_UP_S * 1000,
    };
    if (!site_start(site, &settings)) {
        return false;
    }
    size_t first = kind == FLEET ? 1 : 0;
    const struct phones_plan plan = {
        .ports = {site->proxies[first].port, site->proxies[!first].port},
        .offers_tickets = kind != FULL,
        .patience_s = refuses ? TIMER_F_S : GIVE_UP_S,
        .base_s = base_s,
        .max_s = max_s,
        .give_up_s = GIVE_UP_S,
    };
    char what[64];
    snprintf(what, sizeof what, "%s, %s", backend, kind_names[kind]);
    struct phones_outcome outcome;
    struct bench_series latencies = {.count = 0};
    double cpu = site_cpu(site);
    phones_return(phones, &plan, what, &outcome, &latencies);
    cpu = site_cpu(site) - cpu;
    fprintf(stderr,
            "storm: %s: %zu of %zu phones are back after %.2f s, %zu resumed, %zu turned away, "
            "%zu failed, at most %u tries; CPU of the proxies %.2f s\n",
            what, outcome.back, phone_count, outcome.last_s, outcome.resumed, outcome.turned_away,
            outcome.failed, outcome.most_tries, cpu);
    if (series != NULL) {
        sample(series, &outcome, &latencies, cpu, site_peak_rss(site));
    }
    check(what, kind, &outcome);
    bench_series_free(&latencies);
    phones_leave(phones);
    return site_stop(site);
}

/* --- All storms of one subject */

static void run(const struct bench_subject *subject, const stls_backend *clients,
                struct series series[KINDS]) {
    struct site site;
    struct phones *phones = NULL;
    bool good = site_open(&site);
    if (good) {
        phones = phones_new(clients, phone_count, bench_file("p256-root.pem"));
        good = phones != NULL;
    }
    for (enum kind kind = 0; kind < KINDS && good; kind++) {
        /* The first gives the tickets for all the others. */
        if (kind == FULL || wants(subject, kind)) {
            good = storm(&site, phones, subject->library, kind,
                         wants(subject, kind) ? &series[kind] : NULL);
        }
    }
    phones_free(phones);
    site_close(&site);
}

static void record(const struct bench_subject *subject, const char *peer, enum kind kind,
                   struct series *series) {
    char text[128], all[64];
    describe(kind, text);
    snprintf(all, sizeof all, "siptls-%s", peer);
    const struct bench_label label = {text, subject->name, all, "server"};
    struct {
        const char *metric, *unit;
        struct bench_series *series;
    } figures[] = {{"time", "s", &series->time},
                   {"latency", "s", &series->latency},
                   {"cpu", "s", &series->cpu},
                   {"rate", "1/s", &series->rate},
                   {"rss", "bytes", &series->rss},
                   {"resumed", "phones", &series->resumed},
                   {"turned_away", "attempts", &series->turned_away},
                   {"failed", "attempts", &series->failed},
                   {"lost", "phones", &series->lost},
                   {"most_tries", "attempts", &series->most_tries}};
    bool ran = series->time.count > 0;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (ran) {
            bench_record(&label, figures[i].metric, figures[i].unit, figures[i].series);
        }
        bench_series_free(figures[i].series);
    }
}

/* --- The start */

/* Takes "--phones N" out of the command line. */
static void take_phones(int *argc, char **argv) {
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--phones") == 0) {
            int number = atoi(argv[i + 1]);
            if (number < 2) {
                fprintf(stderr, "--phones takes a number from 2, not \"%s\"\n", argv[i + 1]);
                exit(2);
            }
            phone_count = (size_t)number;
            memmove(argv + i, argv + i + 2, (size_t)(*argc - i - 1) * sizeof *argv);
            *argc -= 2;
        }
    }
}

/* A descriptor for each phone here, one in the registrar, and two in one of the proxies. */
static void fit_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && phone_count + DESCRIPTORS_BESIDES > limit.rlim_max) {
        phone_count = limit.rlim_max > 2 * DESCRIPTORS_BESIDES
                          ? (size_t)limit.rlim_max - DESCRIPTORS_BESIDES
                          : DESCRIPTORS_BESIDES;
        fprintf(stderr, "storm: the system allows %llu descriptors (ulimit -Hn): %zu phones\n",
                (unsigned long long)limit.rlim_max, phone_count);
    }
}

static bool find_tool(void) {
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    int written = snprintf(tool, sizeof tool, "%s/siptls", dirname(self));
    if (written < 0 || (size_t)written >= sizeof tool || access(tool, X_OK) != 0) {
        bench_failed("%s is not there: build the command too (SIPTLS_TOOLS)", tool);
        return false;
    }
    return true;
}

/* Runs all storms of `subject` once, for sample `run` of each. */
static void take_turn(const struct bench_subject *subject, const stls_backend *clients,
                      unsigned sample, unsigned done, unsigned count, struct series series[KINDS]) {
    char text[64];
    snprintf(text, sizeof text, "%s, run %u", subject->name, sample + 1);
    bench_progress(done, count, text);
    run(subject, clients, series);
}

/* Whether storms of `subject` can be had, and were asked for. */
static bool is_ours(const struct bench_subject *subject) {
    return strncmp(subject->name, "siptls-", 7) == 0 && bench_wants_subject(subject);
}

int main(int argc, char **argv) {
    const stls_backend *clients = stls_backend_default();
    unsigned count = 0, done = 0;
    take_phones(&argc, argv);
    bench_begin(argc, argv, "storm", RUNS);
    if (phone_count == 0) {
        phone_count = bench_options.quick ? PHONES_QUICK : PHONES;
    }
    fit_descriptors();
    struct series(*series)[KINDS] =
        find_tool() ? calloc(bench_subject_count, sizeof *series) : NULL;
    if (series == NULL) {
        return 1;
    }
    for (size_t s = 0; s < bench_subject_count; s++) {
        count += is_ours(bench_subjects[s]) ? bench_options.runs : 0;
    }
    for (unsigned i = 0; i < bench_options.runs; i++) {
        for (size_t s = 0; s < bench_subject_count; s++) {
            if (is_ours(bench_subjects[s])) {
                take_turn(bench_subjects[s], clients, i, done++, count, series[s]);
            }
        }
    }
    for (size_t s = 0; s < bench_subject_count; s++) {
        for (enum kind kind = 0; kind < KINDS; kind++) {
            record(bench_subjects[s], stls_backend_name(clients), kind, &series[s][kind]);
        }
    }
    free(series);
    return bench_end();
}
