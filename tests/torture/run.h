/* tests/torture/run.h - one connection over a line, from its first byte to its end, and what must
 * hold whatever happens to it.
 *
 * The model: a plan says who talks to whom and what happens on the way. run_plan() plays both
 * sides: each shakes hands, writes its message, reads the other's, and closes; a side that fails
 * hangs up. It ends when both sides have ended, or when nothing can move any more; then the clock
 * is moved past the deadline of a handshake that waits. Checked in every run:
 *
 *   - it ends within a bounded number of steps, and waits for ever only behind a stall;
 *   - the bytes that are read are the bytes that were written, in order;
 *   - CLOSED is only read behind the last of them; whoever misses some gets an error;
 *   - a side that failed stays failed, in every call, with the same result, sends nothing more, is
 *     not secure, and has a sentence that says what and where;
 *   - without trouble all arrives; with one, both sides say what it was.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_TORTURE_RUN_H
#define STLS_TESTS_TORTURE_RUN_H

#include "tests/support/check.h"
#include "tests/torture/line.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint16_t both_versions[] = {STLS_TLS1_2, STLS_TLS1_3};

typedef enum kind { FULL = 0, MUTUAL = 1, RESUMED = 2, KINDS = 3 } kind;

const char *kind_text(kind k);

typedef struct plan {
    const stls_backend *backend[2]; /* NULL: the one under test */
    uint16_t version;
    kind kind;
    schedule schedule;
    trouble trouble;
    size_t message[2];  /* bytes that each side writes */
    size_t write[2];    /* most bytes handed to one write; 0: all */
    size_t read[2];     /* most bytes of one read; 0: 4096 */
    bool memory[2];     /* this side uses the memory transport */
    bool move;          /* a write that waits goes on at another address */
    bool early[2];      /* this side closes when it has written all; else when it has read all */
    unsigned updates;   /* so often each side updates its keys, in turns taken by chance */
    unsigned turns_max; /* 0: until the end; else so many turns, and what comes is the caller's */
} plan;

typedef struct party {
    stls_conn *conn;
    stls_result handshake; /* the last answer */
    stls_result in;        /* how reading ended; NOT_DONE: it has not */
    stls_result out;       /* OK: all is written; or the error */
    size_t written, got;
    unsigned updates;
    bool closed, gone;
    stls_error error; /* as it was when the side hung up */
    bool resumed;
} party;

typedef struct run {
    const plan *plan;
    line line;
    line_end end[2];
    party party[2];
    bool fed_eof[2];
} run;

/* The contexts of a plan are kept from run to run until this. */
void forget_contexts(void);

/* Two connections on the contexts of `p`, without a transport; the caller frees them. */
bool plan_connections(const plan *p, stls_conn *conn[2]);

/* The run's connections and line. False after a failed check. run_close() is due in any case. */
bool run_open(run *r, const plan *p);

/* Turns until both have ended or `turns_max`. */
void run_go(run *r);

/* The checks that do not need a trouble of a kind: see above. */
void run_judge(run *r);

void run_close(run *r);

/* All four; what was sent stays in `*kept`, unless that is NULL; line_free() it. */
void run_plan(const plan *p, line *kept);

/* Checks that side `s`, which has failed with `result`, stays failed. */
void check_stays_failed(run *r, side s, stls_result result);

/* The handshake's time, of every context here. */
enum { DEADLINE_MS = 5000 };

#endif
