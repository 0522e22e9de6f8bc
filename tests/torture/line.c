/* SPDX-License-Identifier: MIT */
#include "tests/torture/line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- The clock */

int64_t line_clock_ms = 1000000;

/* In the place of the C library's: deadlines pass when a test says so. */
int clock_gettime(clockid_t id, struct timespec *now) {
    if (id != CLOCK_MONOTONIC) {
        return (int)syscall(SYS_clock_gettime, id, now);
    }
    *now = (struct timespec){.tv_sec = (time_t)(line_clock_ms / 1000),
                             .tv_nsec = (long)(line_clock_ms % 1000) * 1000000};
    return 0;
}

/* --- Chance */

/* SplitMix64: any seed is good, and each gives a sequence of its own. */
size_t line_random(uint64_t *state, size_t below) {
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (size_t)((x ^ (x >> 31)) % below);
}

/* --- One direction */

const char *trouble_text(trouble_kind kind) {
    static const char *const names[] = {"no trouble", "FIN", "RST", "stall", "repeat", "double"};
    return names[kind];
}

static side other(side s) {
    return s == CLIENT ? SERVER : CLIENT;
}

static void append(direction *d, const uint8_t *data, size_t len) {
    if (d->len + len > d->size) {
        d->size = (d->len + len) * 2;
        d->data = realloc(d->data, d->size);
        if (!d->data) {
            abort();
        }
    }
    if (len) {
        memcpy(d->data + d->len, data, len);
    }
    d->len += len;
}

/* Puts what side `s` sends on the line, where the trouble may meet it. */
static void put(line *l, side s, const uint8_t *data, size_t len) {
    direction *d = &l->from[s];
    const trouble *t = &l->trouble;
    size_t clean = l->from[other(s)].hung_up ? 0 : len; /* nobody is there to take it */
    bool meets = t->kind != TROUBLE_NONE && t->of == s;
    if (meets && t->kind == TROUBLE_REPEAT) {
        append(d, data, clean);
        if (d->sends - 1 == t->at) {
            append(d, data, clean);
            d->hit = true;
        }
    } else if (meets && t->kind == TROUBLE_DOUBLE) {
        append(d, data, clean);
        if (t->at >= d->sent && t->at - d->sent < clean) {
            append(d, data + (t->at - d->sent), clean - (t->at - d->sent));
            d->hit = true;
        }
    } else if (meets) {
        if (d->sent + len > t->at) {
            clean = d->sent > t->at ? 0 : t->at - d->sent;
            d->hit = true;
        }
        append(d, data, clean);
        if (d->hit && t->kind == TROUBLE_FIN) {
            d->ended = true;
        }
        if (d->hit && t->kind == TROUBLE_RESET) {
            l->from[CLIENT].broken = l->from[SERVER].broken = true;
        }
    } else {
        append(d, data, clean);
    }
    d->sent += len;
    if (!l->schedule.merge) {
        d->visible = d->len;
    }
}

/* Whether this call is one that the schedule lets wait. */
static bool waits(line *l, side s, bool sending, size_t number, unsigned *waited) {
    const schedule *c = &l->schedule;
    if (c->random) {
        return line_random(&l->random, 4) == 0;
    }
    if (c->delay && *waited < c->delay) {
        ++*waited;
        return true;
    }
    *waited = 0;
    return c->wants && c->want_of == s && c->want_send == sending && c->want == number;
}

static size_t at_most(line *l, size_t n) {
    const schedule *c = &l->schedule;
    if (c->chunk && n > c->chunk) {
        n = c->chunk;
    }
    return c->random && n > 1 && line_random(&l->random, 2) == 0 ? 1 + line_random(&l->random, n)
                                                                 : n;
}

stls_result line_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    const line_end *e = arg;
    line *l = e->line;
    direction *d = &l->from[e->side];
    size_t room = l->schedule.room, waiting = d->len - d->taken, n = at_most(l, len);
    *done = 0;
    if (d->broken || l->from[other(e->side)].broken) {
        return STLS_E_TRANSPORT;
    }
    if (waits(l, e->side, true, d->sends++, &d->waited_send) ||
        (room && waiting >= room && !l->from[other(e->side)].hung_up)) {
        return STLS_WANT_WRITE;
    }
    if (d->sends <= sizeof d->first / sizeof d->first[0]) {
        d->first[d->sends - 1] = d->sent;
    }
    n = room && !l->from[other(e->side)].hung_up && n > room - waiting ? room - waiting : n;
    put(l, e->side, data, n);
    *done = n;
    return STLS_OK;
}

stls_result line_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    const line_end *e = arg;
    line *l = e->line;
    direction *d = &l->from[other(e->side)];
    const schedule *c = &l->schedule;
    size_t n = d->visible - d->taken;
    *done = 0;
    if (waits(l, e->side, false, d->receives++, &d->waited_receive)) {
        return STLS_WANT_READ;
    }
    if (n == 0) {
        return d->broken ? STLS_E_TRANSPORT : d->ended ? STLS_EOF : STLS_WANT_READ;
    }
    if (c->splits && c->split_of != e->side && !d->was_split && d->taken <= c->split) {
        if (d->taken == c->split) {
            d->was_split = true;
            return STLS_WANT_READ;
        }
        n = n > c->split - d->taken ? c->split - d->taken : n;
    }
    n = at_most(l, n);
    n = n > size ? size : n;
    memcpy(data, d->data + d->taken, n);
    d->taken += n;
    *done = n;
    return STLS_OK;
}

void line_deliver(line *l, side s) {
    l->from[s].visible = l->from[s].len;
}

void line_hang_up(line *l, side s) {
    line_deliver(l, s);
    l->from[s].ended = l->from[s].hung_up = true;
}

void line_free(line *l) {
    free(l->from[CLIENT].data);
    free(l->from[SERVER].data);
    *l = (line){.random = 0};
}
