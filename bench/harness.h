/* bench/harness.h - what every section of the benchmark does alike: options, the certificates,
 * pairs of connections, what a piece of work costs, and records.
 *
 * A section is a program. It goes through its cases; in each it lets every subject do the same work
 * by turns, takes a sample of each turn, and writes the median and the quartiles as records: one
 * JSON object a line (bench/README.md has the fields).
 *
 * Run natively, a section measures time (CPU time of the thread: others on the machine do not
 * count), system calls and allocations. Run by bench/instructions.py, under callgrind, the same
 * program measures instructions, and nothing else.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "subject.h"

#include <stdint.h>
#include <stdio.h>

/* The host name that the bench's servers prove. */
#define BENCH_HOST "example.test"

/* --- Options */

struct bench_options {
    const char *section;
    const char *pki;      /* folder that bench/make-pki.sh made */
    const char *subjects; /* comma-separated names; NULL: all */
    const char *cases;    /* only cases whose text contains this; NULL: all */
    bool quick;
    unsigned runs; /* samples of each figure */
};
extern struct bench_options bench_options;

/* Reads the command line (--help says it), opens the records. Ends the program on bad arguments.
 * `sections`: the names of the program's sections with blanks between, of which --section picks one
 * into bench_options.section; the first without it. `runs`: the default number of samples; a quick
 * run takes a fifth. */
void bench_begin(int argc, char **argv, const char *sections, unsigned runs);

/* Closes the records; the program's exit status: 0 only if nothing failed. */
int bench_end(void);

/* Whether the program runs under callgrind, and so measures instructions. */
bool bench_counts_instructions(void);

/* Whether this subject, this case, was asked for on the command line. */
bool bench_wants_subject(const struct bench_subject *subject);
bool bench_wants_case(const char *case_json);

/* The subject of that name, NULL if it is not in this build. */
const struct bench_subject *bench_find(const char *name);
/* The library used directly that `subject` is compared with. */
const struct bench_subject *bench_raw(const struct bench_subject *subject);

/* The path of a file of the PKI. Stays valid; the harness keeps a few hundred of them. */
const char *bench_file(const char *name);

/* "section: case 3 of 40, about 2 min left: TEXT" on stderr. */
void bench_progress(unsigned done, unsigned count, const char *text);

/* The same for cases that take unlike times: `part` of the work is done, from 0 to 1. */
void bench_progress_part(unsigned done, unsigned count, double part, const char *text);

/* Says on stderr what failed, and makes bench_end() answer 1. */
void bench_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- Work and what it costs */

enum bench_side { BENCH_CLIENT = 0, BENCH_SERVER = 1 };
extern const char *const bench_side_names[2]; /* "client", "server" */

/* Adds up what happens between enter and leave. */
struct bench_meter {
    bool on; /* false: enter and leave do nothing */
    double us;
    uint64_t system_calls;                 /* 0 unless linked with calls.c */
    uint64_t allocations, own_allocations; /* 0 unless linked with heap.c */
    struct {
        int64_t ns;
        uint64_t calls, allocations, own_allocations;
    } since; /* when it was entered */
};
void bench_enter(struct bench_meter *meter);
void bench_leave(struct bench_meter *meter);

/* Two connections, connected to each other. Indexed by enum bench_side. */
struct bench_pair {
    const struct bench_subject *subject[2];
    bench_conn *conn[2];
    int fd[2];
    struct bench_meter meter[2];
};

/* Makes both; what making costs counts for the meters that are on (set `meter[..].on` before).
 * false: nothing is left behind, and the failure is told. */
bool bench_pair_open(struct bench_pair *pair, const struct bench_subject *client,
                     bench_context *client_context, const struct bench_subject *server,
                     bench_context *server_context);

/* The handshake, and a first byte from the server to the client: a TLS 1.3 client is done before
 * the server has judged it, and its ticket comes behind the handshake. */
bool bench_pair_handshake(struct bench_pair *pair);

/* `len` bytes to the server and back. */
bool bench_pair_echo(struct bench_pair *pair, const uint8_t *data, uint8_t *room, size_t len);

/* Sends close_notify both ways (not measured), frees both (measured), closes the sockets. */
void bench_pair_close(struct bench_pair *pair);

/* A context, or NULL after saying why. */
bench_context *bench_context_open(const struct bench_subject *subject,
                                  const struct bench_setup *setup);

/* --- Records */

/* Samples of one figure. */
struct bench_series {
    double *values;
    size_t count, capacity;
};
void bench_sample(struct bench_series *series, double value);
void bench_series_free(struct bench_series *series);

/* What a record says beside the figure. */
struct bench_label {
    const char *case_json; /* an object */
    const char *subject, *peer;
    const char *side;
};

/* The median and the quartiles of `series`. */
void bench_record(const struct bench_label *label, const char *metric, const char *unit,
                  const struct bench_series *series);

/* That the subject cannot do this case, and why: metric "lacks". */
void bench_record_lacks(const struct bench_label *label, const char *why);

/* Under callgrind: what was collected since the last call belongs to this label, divided by
 * `times`; bench/instructions.py makes the record. Collected is what happens between enter and
 * leave. */
void bench_instructions(const struct bench_label *label, unsigned times);

/* Collects from here on (translating under instrumentation is slow: warm up before). */
void bench_instructions_start(void);
void bench_instructions_stop(void);

#endif
