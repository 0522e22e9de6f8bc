/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "calls.h"
#include "heap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else /* no instructions are counted then */
#define RUNNING_ON_VALGRIND 0
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_DUMP_STATS_AT(text) ((void)(text))
#endif

struct bench_options bench_options;
const char *const bench_side_names[2] = {"client", "server"};

static FILE *records;
static bool failed;

/* Counting is for programs that are linked with heap.c and calls.c. */
#pragma weak bench_heap_now
#pragma weak bench_system_calls

/* --- Options --- */

static void usage(FILE *out, const char *program, const char *sections) {
    fprintf(out,
            "usage: %s --pki DIR [option]...\n"
            "  --pki DIR         the certificates that bench/make-pki.sh made\n"
            "  --section NAME    one of: %s; without it the first\n"
            "  --records FILE    adds the records to FILE; without it they are printed\n"
            "  --runs N          samples of each figure (default: %u)\n"
            "  --quick           fewer cases and samples\n"
            "  --subject NAMES   only these subjects, separated by commas\n"
            "  --case TEXT       only cases whose JSON contains TEXT\n"
            "  --subjects        prints the subjects of this build with their versions, and ends\n",
            program, sections, bench_options.runs);
}

static void list_subjects(void) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        const struct bench_subject *subject = bench_subjects[i];
        printf("%s\t%s\t%s\n", subject->name, subject->library, subject->version(subject));
    }
}

static const char *value_of(int argc, char **argv, int *at) {
    if (*at + 1 >= argc) {
        fprintf(stderr, "%s needs a value\n", argv[*at]);
        exit(2);
    }
    return argv[++*at];
}

static unsigned number_of(int argc, char **argv, int *at) {
    const char *option = argv[*at], *text = value_of(argc, argv, at);
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || number < 1 || number > 1000000) {
        fprintf(stderr, "%s takes a number from 1 to 1000000, not \"%s\"\n", option, text);
        exit(2);
    }
    return (unsigned)number;
}

static void check_subjects(void) {
    char list[512];
    snprintf(list, sizeof list, "%s", bench_options.subjects);
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (bench_find(name) == NULL) {
            fprintf(stderr, "there is no subject \"%s\" in this build; --subjects lists them\n",
                    name);
            exit(2);
        }
    }
}

/* The section called `name`, or the first if it is NULL; NULL if there is none of that name. */
static const char *pick_section(const char *sections, const char *name) {
    static char list[256];
    char *rest = NULL;
    snprintf(list, sizeof list, "%s", sections);
    char *section = strtok_r(list, " ", &rest);
    while (name != NULL && section != NULL && strcmp(section, name) != 0) {
        section = strtok_r(NULL, " ", &rest);
    }
    return section;
}

void bench_begin(int argc, char **argv, const char *sections, unsigned runs) {
    const char *file = NULL, *section = NULL;
    unsigned wanted = 0;
    bench_options = (struct bench_options){.runs = runs};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout, argv[0], sections);
            exit(0);
        } else if (strcmp(argv[i], "--subjects") == 0) {
            list_subjects();
            exit(0);
        } else if (strcmp(argv[i], "--pki") == 0) {
            bench_options.pki = value_of(argc, argv, &i);
        } else if (strcmp(argv[i], "--section") == 0) {
            section = value_of(argc, argv, &i);
        } else if (strcmp(argv[i], "--records") == 0) {
            file = value_of(argc, argv, &i);
        } else if (strcmp(argv[i], "--runs") == 0) {
            wanted = number_of(argc, argv, &i);
        } else if (strcmp(argv[i], "--quick") == 0) {
            bench_options.quick = true;
        } else if (strcmp(argv[i], "--subject") == 0) {
            bench_options.subjects = value_of(argc, argv, &i);
            check_subjects();
        } else if (strcmp(argv[i], "--case") == 0) {
            bench_options.cases = value_of(argc, argv, &i);
        } else {
            fprintf(stderr, "unknown option %s\n", argv[i]);
            usage(stderr, argv[0], sections);
            exit(2);
        }
    }
    bench_options.section = pick_section(sections, section);
    if (bench_options.section == NULL) {
        fprintf(stderr, "%s has no section \"%s\", only: %s\n", argv[0], section, sections);
        exit(2);
    }
    if (bench_options.pki == NULL) {
        fprintf(stderr, "say where the certificates are: --pki DIR\n");
        exit(2);
    }
    unsigned quick = bench_options.runs / 5 > 0 ? bench_options.runs / 5 : 1;
    bench_options.runs = wanted > 0 ? wanted : bench_options.quick ? quick : bench_options.runs;
    records = file != NULL ? fopen(file, "a") : stdout;
    if (records == NULL) {
        fprintf(stderr, "%s cannot be written: %s\n", file, strerror(errno));
        exit(2);
    }
    (void)signal(SIGPIPE, SIG_IGN); /* some libraries write to a socket without MSG_NOSIGNAL */
}

int bench_end(void) {
    if (ferror(records) != 0 || fclose(records) != 0) {
        bench_failed("the records cannot be written: %s", strerror(errno));
    }
    return failed ? 1 : 0;
}

bool bench_counts_instructions(void) {
    return RUNNING_ON_VALGRIND != 0;
}

bool bench_wants_subject(const struct bench_subject *subject) {
    const char *list = bench_options.subjects;
    size_t len = strlen(subject->name);
    while (list != NULL) {
        if (strncmp(list, subject->name, len) == 0 && (list[len] == ',' || list[len] == '\0')) {
            return true;
        }
        list = strchr(list, ',');
        list = list != NULL ? list + 1 : NULL;
    }
    return bench_options.subjects == NULL;
}

bool bench_wants_case(const char *case_json) {
    return bench_options.cases == NULL || strstr(case_json, bench_options.cases) != NULL;
}

const struct bench_subject *bench_find(const char *name) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        if (strcmp(bench_subjects[i]->name, name) == 0) {
            return bench_subjects[i];
        }
    }
    return NULL;
}

const struct bench_subject *bench_raw(const struct bench_subject *subject) {
    char name[64];
    snprintf(name, sizeof name, "raw-%s", subject->library);
    return bench_find(name);
}

const char *bench_file(const char *name) {
    static char *paths[512];
    size_t at = 0;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", bench_options.pki, name);
    while (at < sizeof paths / sizeof *paths && paths[at] != NULL) {
        if (strcmp(paths[at], path) == 0) {
            return paths[at];
        }
        at++;
    }
    if (at == sizeof paths / sizeof *paths || (paths[at] = strdup(path)) == NULL) {
        fprintf(stderr, "too many files of the PKI are in use\n");
        exit(1);
    }
    return paths[at];
}

void bench_progress(unsigned done, unsigned count, const char *text) {
    bench_progress_part(done, count, (double)done / count, text);
}

void bench_progress_part(unsigned done, unsigned count, double part, const char *text) {
    static time_t began;
    char left[48] = "";
    time_t now = time(NULL);
    if (began == 0) {
        began = now;
    }
    if (part > 0 && now > began) {
        double rest = (double)(now - began) / part * (1 - part);
        snprintf(left, sizeof left, rest < 90 ? ", about %.0f s left" : ", about %.0f min left",
                 rest < 90 ? rest : rest / 60);
    }
    fprintf(stderr, "%s: case %u of %u%s: %s\n", bench_options.section, done + 1, count, left,
            text);
}

void bench_failed(const char *format, ...) {
    va_list args;
    failed = true;
    fprintf(stderr, "%s: FAILED: ", bench_options.section);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

/* --- Work and what it costs --- */

static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_enter(struct bench_meter *meter) {
    if (!meter->on) {
        return;
    }
    if (bench_heap_now != NULL) {
        bench_heap heap = bench_heap_now();
        meter->since.allocations = heap.allocations;
        meter->since.own_allocations = heap.own_allocations;
    }
    if (bench_system_calls != NULL) {
        meter->since.calls = bench_system_calls();
    }
    if (bench_counts_instructions()) {
        CALLGRIND_TOGGLE_COLLECT;
    } else {
        meter->since.ns = cpu_ns();
    }
}

void bench_leave(struct bench_meter *meter) {
    if (!meter->on) {
        return;
    }
    if (bench_counts_instructions()) {
        CALLGRIND_TOGGLE_COLLECT;
    } else {
        meter->us += (double)(cpu_ns() - meter->since.ns) / 1000.0;
    }
    if (bench_system_calls != NULL) {
        meter->system_calls += bench_system_calls() - meter->since.calls;
    }
    if (bench_heap_now != NULL) {
        bench_heap heap = bench_heap_now();
        meter->allocations += heap.allocations - meter->since.allocations;
        meter->own_allocations += heap.own_allocations - meter->since.own_allocations;
    }
}

/* --- Pairs --- */

bench_context *bench_context_open(const struct bench_subject *subject,
                                  const struct bench_setup *setup) {
    char why[512] = "";
    bench_context *context = subject->context_new(subject, setup, why, sizeof why);
    if (context == NULL) {
        bench_failed("%s makes no context as a %s: %s", subject->name,
                     bench_side_names[setup->server ? BENCH_SERVER : BENCH_CLIENT], why);
    }
    return context;
}

bool bench_pair_open(struct bench_pair *pair, const struct bench_subject *client,
                     bench_context *client_context, const struct bench_subject *server,
                     bench_context *server_context) {
    bench_context *context[2] = {client_context, server_context};
    pair->subject[BENCH_CLIENT] = client;
    pair->subject[BENCH_SERVER] = server;
    pair->conn[0] = pair->conn[1] = NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair->fd) != 0) {
        bench_failed("no sockets: %s", strerror(errno));
        return false;
    }
    for (int side = 0; side < 2; side++) {
        bench_enter(&pair->meter[side]);
        pair->conn[side] = pair->subject[side]->conn_new(context[side], pair->fd[side]);
        bench_leave(&pair->meter[side]);
        if (pair->conn[side] == NULL) {
            bench_failed("%s makes no connection as a %s", pair->subject[side]->name,
                         bench_side_names[side]);
            bench_pair_close(pair);
            return false;
        }
    }
    return true;
}

void bench_pair_close(struct bench_pair *pair) {
    for (int side = 0; side < 2; side++) {
        if (pair->conn[side] != NULL) { /* without this some libraries forget the session */
            pair->subject[side]->close(pair->conn[side]);
        }
    }
    for (int side = 0; side < 2; side++) {
        if (pair->conn[side] != NULL) {
            bench_enter(&pair->meter[side]);
            pair->subject[side]->conn_free(pair->conn[side]);
            bench_leave(&pair->meter[side]);
            pair->conn[side] = NULL;
        }
        if (pair->fd[side] >= 0) {
            close(pair->fd[side]);
            pair->fd[side] = -1;
        }
    }
}

static bool step_failed(struct bench_pair *pair, int side, const char *what) {
    bench_failed("%s as a %s against %s: %s: %s", pair->subject[side]->name, bench_side_names[side],
                 pair->subject[!side]->name, what, pair->subject[side]->error(pair->conn[side]));
    return false;
}

static enum bench_step shake(struct bench_pair *pair, int side) {
    bench_enter(&pair->meter[side]);
    enum bench_step step = pair->subject[side]->handshake(pair->conn[side]);
    bench_leave(&pair->meter[side]);
    return step;
}

static enum bench_step push(struct bench_pair *pair, int side, const uint8_t *data, size_t len,
                            size_t *done) {
    bench_enter(&pair->meter[side]);
    enum bench_step step = pair->subject[side]->write(pair->conn[side], data, len, done);
    bench_leave(&pair->meter[side]);
    return step;
}

static enum bench_step pull(struct bench_pair *pair, int side, uint8_t *data, size_t size,
                            size_t *got) {
    bench_enter(&pair->meter[side]);
    enum bench_step step = pair->subject[side]->read(pair->conn[side], data, size, got);
    bench_leave(&pair->meter[side]);
    return step;
}

/* More rounds than any handshake or message on an empty socket takes. */
enum { ROUNDS_MAX = 1000 };

/* `len` bytes from one side to the other. The reader reads only when something was written. */
static bool move(struct bench_pair *pair, int from, const uint8_t *data, uint8_t *room,
                 size_t len) {
    size_t sent = 0, came = 0;
    for (int i = 0; came < len && i < ROUNDS_MAX; i++) {
        size_t done = 0;
        if (sent < len) {
            enum bench_step step = push(pair, from, data + sent, len - sent, &done);
            if (step == BENCH_FAILED) {
                return step_failed(pair, from, "write");
            }
            sent += step == BENCH_DONE ? done : 0;
        }
        enum bench_step step = BENCH_DONE;
        while (came < len && came < sent && step == BENCH_DONE) {
            step = pull(pair, !from, room + came, len - came, &done);
            if (step == BENCH_FAILED) {
                return step_failed(pair, !from, "read");
            }
            came += step == BENCH_DONE ? done : 0;
        }
    }
    if (came < len || memcmp(data, room, len) != 0) {
        return step_failed(pair, !from, "the message did not arrive as it was sent");
    }
    return true;
}

bool bench_pair_handshake(struct bench_pair *pair) {
    bool done[2] = {false, false};
    for (int i = 0; !(done[0] && done[1]) && i < ROUNDS_MAX; i++) {
        int side = i % 2;
        enum bench_step step = done[side] ? BENCH_DONE : shake(pair, side);
        if (step == BENCH_FAILED) {
            return step_failed(pair, side, "handshake");
        }
        done[side] = step == BENCH_DONE;
    }
    if (!(done[0] && done[1])) {
        return step_failed(pair, done[0] ? 1 : 0, "the handshake does not end");
    }
    uint8_t room = 0;
    return move(pair, BENCH_SERVER, (const uint8_t *)"!", &room, 1);
}

bool bench_pair_echo(struct bench_pair *pair, const uint8_t *data, uint8_t *room, size_t len) {
    return move(pair, BENCH_CLIENT, data, room, len) && move(pair, BENCH_SERVER, data, room, len);
}

/* --- Records --- */

void bench_sample(struct bench_series *series, double value) {
    if (series->count == series->capacity) {
        series->capacity = series->capacity > 0 ? 2 * series->capacity : 16;
        series->values = realloc(series->values, series->capacity * sizeof *series->values);
        if (series->values == NULL) {
            abort();
        }
    }
    series->values[series->count++] = value;
}

void bench_series_free(struct bench_series *series) {
    free(series->values);
    *series = (struct bench_series){0};
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which `part` of the sorted values lie, between neighbours by distance. */
static double quantile(const struct bench_series *series, double part) {
    double at = part * (double)(series->count - 1);
    size_t below = (size_t)at;
    size_t above = below + 1 < series->count ? below + 1 : below;
    return series->values[below] +
           (at - (double)below) * (series->values[above] - series->values[below]);
}

enum { LABEL_SIZE = 2048, SENTENCE_SIZE = 1024 };

/* `text` as it stands between the quotes of JSON. */
static const char *escaped(const char *text, char out[SENTENCE_SIZE]) {
    size_t len = 0;
    for (; *text != '\0' && len + sizeof "\\u0000" < SENTENCE_SIZE; text++) {
        bool plain = (unsigned char)*text >= ' ' && *text != '"' && *text != '\\';
        len += (size_t)snprintf(out + len, SENTENCE_SIZE - len, plain ? "%c" : "\\u%04x",
                                (unsigned char)*text);
    }
    out[len] = '\0';
    return out;
}

/* How a record begins; with what there is to note about the subject. */
static const char *label_text(const struct bench_label *label, char text[LABEL_SIZE]) {
    const struct bench_subject *subject = bench_find(label->subject);
    const char *note = subject != NULL ? subject->note : NULL;
    char sentence[SENTENCE_SIZE];
    snprintf(text, LABEL_SIZE,
             "{\"section\":\"%s\",\"case\":%s,\"subject\":\"%s\",\"peer\":\"%s\","
             "\"side\":\"%s\"%s%s%s",
             bench_options.section, label->case_json, label->subject,
             label->peer != NULL ? label->peer : "", label->side != NULL ? label->side : "",
             note != NULL ? ",\"note\":\"" : "", note != NULL ? escaped(note, sentence) : "",
             note != NULL ? "\"" : "");
    return text;
}

static void begin_record(const struct bench_label *label) {
    char text[LABEL_SIZE];
    fputs(label_text(label, text), records);
}

void bench_record(const struct bench_label *label, const char *metric, const char *unit,
                  const struct bench_series *series) {
    if (series->count == 0) {
        bench_failed("no samples of %s of %s", metric, label->subject);
        return;
    }
    qsort(series->values, series->count, sizeof *series->values, ascending);
    begin_record(label);
    fprintf(records,
            ",\"metric\":\"%s\",\"unit\":\"%s\",\"median\":%.10g,\"low\":%.10g,\"high\":%.10g,"
            "\"runs\":%zu}\n",
            metric, unit, quantile(series, 0.5), quantile(series, 0.25), quantile(series, 0.75),
            series->count);
    (void)fflush(records);
}

void bench_record_lacks(const struct bench_label *label, const char *why) {
    char sentence[SENTENCE_SIZE];
    begin_record(label);
    fprintf(records, ",\"metric\":\"lacks\",\"why\":\"%s\"}\n", escaped(why, sentence));
    (void)fflush(records);
}

void bench_instructions(const struct bench_label *label, unsigned times) {
    char begin[LABEL_SIZE], text[LABEL_SIZE + 32];
    snprintf(text, sizeof text, "%s,\"times\":%u}", label_text(label, begin), times);
    CALLGRIND_DUMP_STATS_AT(text);
}

void bench_instructions_start(void) {
    CALLGRIND_START_INSTRUMENTATION;
}

void bench_instructions_stop(void) {
    CALLGRIND_STOP_INSTRUMENTATION;
}
