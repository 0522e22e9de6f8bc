/* tests/torture/line.h - a transport that does its worst between two connections of one process.
 *
 * The model: a line has one direction for each side that sends. A schedule says at each call of the
 * transport whether it goes on now and with how many bytes; a trouble is what happens once to the
 * bytes of one direction. Everything that was sent stays in the direction, so that a test can look
 * at it afterwards. The monotonic clock of the whole program stands still until line_clock_ms is
 * moved.
 *
 * Promise P3 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_TORTURE_LINE_H
#define STLS_TESTS_TORTURE_LINE_H

#include "tests/support/pair.h"

#define LINE_NEVER SIZE_MAX

typedef enum trouble_kind {
    TROUBLE_NONE = 0,
    TROUBLE_FIN = 1,    /* behind the first `at` bytes the reader sees the end; the rest vanishes */
    TROUBLE_RESET = 2,  /* behind them both ends of both directions fail */
    TROUBLE_STALL = 3,  /* nothing more arrives */
    TROUBLE_REPEAT = 4, /* what the send call number `at` sends arrives twice */
    TROUBLE_DOUBLE = 5, /* from byte `at` to the end of its send call it does */
} trouble_kind;

const char *trouble_text(trouble_kind kind);

typedef struct trouble {
    trouble_kind kind;
    side of; /* the side whose bytes it meets */
    size_t at;
} trouble;

typedef struct schedule {
    size_t chunk;   /* most bytes of one call; 0: any number */
    size_t room;    /* most bytes that wait in a direction; 0: any number */
    unsigned delay; /* how often each call wants to be called again before it does something */
    bool merge;     /* bytes arrive when their sender can do no more for now: line_deliver() */
    bool splits;    /* a receive of what `split_of` sends ends at `split`, and the next one waits */
    side split_of;
    size_t split;
    bool wants; /* call number `want` of the side `want_of` waits once */
    side want_of;
    bool want_send; /* a send; else a receive */
    size_t want;
    uint64_t random; /* not 0: waits and numbers of bytes by chance, from this seed */
} schedule;

typedef struct direction {
    uint8_t *data;
    size_t len, taken, visible, size;
    size_t sent;            /* bytes that the sender believes to have sent */
    size_t sends, receives; /* calls */
    size_t first[64];       /* where the first send calls began, in `sent` */
    unsigned waited_send, waited_receive;
    bool was_split, hit, ended, broken, hung_up;
} direction;

typedef struct line {
    direction from[2]; /* by the side that sends */
    schedule schedule;
    trouble trouble;
    uint64_t random;
} line;

typedef struct line_end {
    line *line;
    side side;
} line_end;

/* The transport's callbacks; `arg` is a line_end. */
stls_result line_send(void *arg, const uint8_t *data, size_t len, size_t *done);
stls_result line_recv(void *arg, uint8_t *data, size_t size, size_t *done);

/* Lets arrive what side `s` has sent. */
void line_deliver(line *l, side s);

/* Side `s` has gone: behind its bytes the other one sees the end, and what that one sends goes
 * nowhere. */
void line_hang_up(line *l, side s);

void line_free(line *l);

/* A number below `below` (not 0). */
size_t line_random(uint64_t *state, size_t below);

/* Milliseconds of the monotonic clock of this program. */
extern int64_t line_clock_ms;

#endif
