/* tests/torture/main.c - the I/O torture of one backend: bytes cut, delayed, split, merged and
 * repeated wherever that can happen, on both sides, in TLS 1.2 and 1.3, in full, mutual and resumed
 * handshakes.
 *
 *     torture_BACKEND [FILTER]      the offsets that are most telling, and 400 schedules by chance
 *     SIPTLS_TORTURE=long           every offset, and 20 000 schedules by chance
 *     SIPTLS_TORTURE_SEED=NUMBER    one schedule by chance: the one that a failed check names
 *
 * A seed gives the schedule again, but not the keys: a signature may be a byte longer.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/torture/run.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_long(void) {
    const char *wanted = getenv("SIPTLS_TORTURE");
    return wanted && strcmp(wanted, "long") == 0;
}

static side other(side s) {
    return s == CLIENT ? SERVER : CLIENT;
}

static plan plain_plan(uint16_t version, kind k) {
    return (plan){.version = version, .kind = k, .message = {300, 200}};
}

/* Runs `test` with a plan of each version and kind. */
static void each_kind(void (*test)(plan p)) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (kind k = FULL; k < KINDS; k++) {
            test(plain_plan(both_versions[v], k));
        }
    }
}

/* --- Delayed, in pieces, merged */

static void run_pieces(plan p) {
    static const struct {
        const char *name;
        schedule schedule;
        size_t message;
    } cases[] = {
        {"undisturbed", {.chunk = 0}, 300},
        {"single bytes", {.chunk = 1}, 300},
        {"single bytes, each delayed", {.chunk = 1, .delay = 1}, 100},
        {"2 bytes", {.chunk = 2}, 300},
        {"3 bytes", {.chunk = 3}, 300},
        {"5 bytes, the length of a record's header", {.chunk = 5}, 300},
        {"delayed 3 times", {.delay = 3}, 20000},
        {"merged", {.merge = true}, 20000},
        {"merged and delayed", {.merge = true, .delay = 2}, 20000},
        {"merged, in pieces of 100", {.merge = true, .chunk = 100}, 20000},
        {"room for 1 byte", {.room = 1}, 50},
        {"room for 7 bytes, delayed", {.room = 7, .delay = 1}, 300},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool slow = cases[i].schedule.chunk == 1 || cases[i].schedule.room == 1;
        for (unsigned how = 0; how < (slow && !is_long() ? 1u : 4u); how++) {
            p.schedule = cases[i].schedule;
            p.message[CLIENT] = p.message[SERVER] = cases[i].message;
            p.move = true;
            p.early[CLIENT] = how & 1;
            p.early[SERVER] = how & 2;
            p.read[CLIENT] = how == 3 ? 1 : 0;
            p.read[SERVER] = how == 3 ? 1 : 0;
            check_case("%s, %s, %s, closing %u", version_text(p.version), kind_text(p.kind),
                       cases[i].name, how);
            run_plan(&p, NULL);
        }
    }
}

static void test_pieces(void) {
    each_kind(run_pieces);
}

/* Both sides write a lot before they read, and a line holds next to nothing. */
static void test_crossing(void) {
    static const size_t rooms[] = {60, 1000, 5000};
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(rooms); i++) {
            plan p = plain_plan(both_versions[v], FULL);
            p.message[CLIENT] = p.message[SERVER] = 64 * 1024;
            p.schedule.room = rooms[i];
            /* Where a write waits a thousand times, its bytes are handed over as often. */
            p.write[CLIENT] = p.write[SERVER] = rooms[i] < 1000 ? 2000 : 0;
            check_case("64 KB both ways, room for %zu bytes, %s", rooms[i],
                       version_text(both_versions[v]));
            run_plan(&p, NULL);
            if (rooms[i] < 1000 && !is_long()) {
                continue;
            }
            p.message[SERVER] = 200000;
            p.schedule.delay = 1;
            check_case("64 and 200 KB, room for %zu bytes, delayed, %s", rooms[i],
                       version_text(both_versions[v]));
            run_plan(&p, NULL);
        }
    }
}

/* Each call of the transport, one after another, waits once. */
static void run_wants(plan p) {
    line whole;
    check_case("%s, %s, undisturbed", version_text(p.version), kind_text(p.kind));
    run_plan(&p, &whole);
    for (side s = CLIENT; s <= SERVER; s++) {
        for (unsigned sending = 0; sending < 2; sending++) {
            size_t calls = sending ? whole.from[s].sends : whole.from[other(s)].receives;
            for (size_t n = 0; n < calls; n++) {
                p.schedule =
                    (schedule){.wants = true, .want_of = s, .want_send = sending, .want = n};
                check_case("%s, %s, %s %zu of the %s waits", version_text(p.version),
                           kind_text(p.kind), sending ? "send" : "receive", n, side_text(s));
                run_plan(&p, NULL);
            }
        }
    }
    line_free(&whole);
}

static void test_wants(void) {
    each_kind(run_wants);
}

/* --- At each offset */

enum { OFFSETS_MAX = 16384 };

/* The offsets of a direction that are worth a run: in the long form all; else the ends of records
 * and of flights, what is around them, and some between. */
static size_t choose_offsets(const direction *d, size_t most, size_t *offsets) {
    bool chosen[OFFSETS_MAX] = {false};
    size_t count = 0, len = d->len < OFFSETS_MAX ? d->len : OFFSETS_MAX;
    for (size_t at = 0; at + 5 <= len; at += 5 + ((size_t)d->data[at + 3] << 8) + d->data[at + 4]) {
        chosen[at] = chosen[at + 4] = true;
        if (at > 0) {
            chosen[at - 1] = true;
        }
    }
    for (size_t at = 0; at < len; at += is_long() ? 1 : 1 + len / most) {
        chosen[at] = true;
    }
    for (size_t at = 0; at < len; at++) {
        if (chosen[at]) {
            offsets[count++] = at;
        }
    }
    return count;
}

/* Calls `at_offset` with each chosen offset of each direction of an undisturbed run of `p`. */
static void each_offset(plan p, size_t most, void (*at_offset)(plan p, side of, size_t at)) {
    static size_t offsets[OFFSETS_MAX];
    line whole;
    check_case("%s, %s, undisturbed", version_text(p.version), kind_text(p.kind));
    run_plan(&p, &whole);
    for (side s = CLIENT; s <= SERVER; s++) {
        size_t count = choose_offsets(&whole.from[s], most, offsets);
        for (size_t i = 0; i < count; i++) {
            at_offset(p, s, offsets[i]);
        }
    }
    line_free(&whole);
}

static void split_at(plan p, side of, size_t at) {
    p.schedule = (schedule){.splits = true, .split_of = of, .split = at};
    check_case("%s, %s, split at byte %zu of the %s's", version_text(p.version), kind_text(p.kind),
               at, side_text(of));
    run_plan(&p, NULL);
}

static void split_kind(plan p) {
    each_offset(p, 20, split_at);
}

static void test_splits(void) {
    each_kind(split_kind);
}

static void cut_at(plan p, side of, size_t at) {
    static const trouble_kind kinds[] = {TROUBLE_FIN, TROUBLE_RESET, TROUBLE_STALL};
    for (size_t i = 0; i < COUNT(kinds); i++) {
        p.trouble = (trouble){kinds[i], of, at};
        check_case("%s, %s, %s at byte %zu of the %s's", version_text(p.version), kind_text(p.kind),
                   trouble_text(kinds[i]), at, side_text(of));
        run_plan(&p, NULL);
    }
}

static void cut_kind(plan p) {
    each_offset(p, 30, cut_at);
}

static void test_cuts(void) {
    each_kind(cut_kind);
}

/* --- Each flight twice */

static void repeat_kind(plan p) {
    line whole;
    check_case("%s, %s, undisturbed", version_text(p.version), kind_text(p.kind));
    run_plan(&p, &whole);
    for (side s = CLIENT; s <= SERVER; s++) {
        for (size_t n = 0; n + 1 < whole.from[s].sends; n++) { /* the last one is close_notify */
            p.trouble = (trouble){TROUBLE_REPEAT, s, n};
            check_case("%s, %s, flight %zu of the %s arrives twice", version_text(p.version),
                       kind_text(p.kind), n, side_text(s));
            run_plan(&p, NULL);
        }
    }
    line_free(&whole);
}

static void test_repeats(void) {
    each_kind(repeat_kind);
}

/* What is behind each offset twice: whatever becomes of it, no byte is read that was not written
 * there, which run_plan() looks at, and nobody takes it for a proper end. */
static void double_at(plan p, side of, size_t at) {
    p.trouble = (trouble){TROUBLE_DOUBLE, of, at};
    check_case("%s, %s, what is behind byte %zu of the %s's arrives twice", version_text(p.version),
               kind_text(p.kind), at, side_text(of));
    run_plan(&p, NULL);
}

static void double_kind(plan p) {
    enum { SIGNATURES = 16 }; /* so much longer may they be from run to run */
    static size_t offsets[OFFSETS_MAX];
    line whole;
    check_case("%s, %s, undisturbed", version_text(p.version), kind_text(p.kind));
    run_plan(&p, &whole);
    for (side s = CLIENT; s <= SERVER; s++) {
        const direction *d = &whole.from[s];
        size_t count = choose_offsets(d, 20, offsets);
        size_t most = d->sends <= COUNT(d->first) ? d->first[d->sends - 1] : 0; /* close_notify */
        CHECK(most > 0, "the %s sends too often", side_text(s));
        for (size_t i = 0; i < count && offsets[i] + SIGNATURES < most; i++) {
            double_at(p, s, offsets[i]);
        }
    }
    line_free(&whole);
}

static void test_doubles(void) {
    each_kind(double_kind);
}

/* --- A write that waits */

/* A connection whose client's line is full but for `room` bytes. */
static bool open_narrow(run *r, plan *p, size_t room) {
    p->message[CLIENT] = p->message[SERVER] = 0;
    p->turns_max = 12;
    if (!run_open(r, p)) {
        return false;
    }
    for (unsigned i = 0; i < 12; i++) {
        for (side s = CLIENT; s <= SERVER; s++) {
            r->party[s].handshake = stls_conn_handshake(r->party[s].conn);
        }
    }
    r->line.schedule.room = room;
    return CHECK_RESULT("the client's handshake", r->party[CLIENT].handshake, STLS_OK,
                        stls_conn_error(r->party[CLIENT].conn)) &&
           CHECK_RESULT("the server's handshake", r->party[SERVER].handshake, STLS_OK,
                        stls_conn_error(r->party[SERVER].conn));
}

/* Goes on with a write of `again` bytes after one of `first` had to wait. What arrives is what was
 * promised: `first` bytes of `a`, and none of what stands behind them in the second call. */
static void run_resumed_write(uint16_t version, size_t first, size_t again) {
    static uint8_t a[3000], b[3000], got[6000];
    plan p = plain_plan(version, FULL);
    size_t done = 0, have = 0, n;
    run r;
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    memset(b + first, 'b', sizeof b - first);
    if (open_narrow(&r, &p, 10)) {
        stls_conn *client = r.party[CLIENT].conn, *server = r.party[SERVER].conn;
        CHECK_RESULT("the write", stls_conn_write(client, a, first, &done), STLS_WANT_WRITE,
                     stls_conn_error(client));
        memset(a, 'x', sizeof a);
        if (again < first) {
            CHECK_RESULT("the shorter write", stls_conn_write(client, b, again, &done),
                         STLS_E_ARGUMENT, NULL);
            CHECK_CONTAINS("its sentence", stls_conn_error(client)->text, "fewer bytes");
            CHECK_NUMBER("its bytes", done, 0);
            again = first;
        }
        stls_result result = STLS_WANT_WRITE;
        for (unsigned i = 0; i < 1000 && have < first; i++) {
            if (result == STLS_WANT_WRITE) {
                result = stls_conn_write(client, b, again, &done);
            }
            if (stls_conn_read(server, got + have, sizeof got - have, &n) == STLS_OK) {
                have += n;
            }
        }
        CHECK_RESULT("the write that went on", result, STLS_OK, stls_conn_error(client));
        CHECK_NUMBER("its bytes", done, first);
        CHECK_BYTES("what arrived", ((stls_bytes){got, have}), ((stls_bytes){b, first}));
    }
    run_close(&r);
}

static void test_resumed_writes(void) {
    static const struct {
        const char *name;
        size_t first, again;
    } cases[] = {
        {"the same length", 1000, 1000},
        {"more behind it", 1000, 2500},
        {"a byte less", 1000, 999},
        {"nothing", 1000, 0},
        {"1 byte", 1000, 1},
        {"1 byte of 1", 1, 1},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            check_case("%s, %s", version_text(both_versions[v]), cases[i].name);
            run_resumed_write(both_versions[v], cases[i].first, cases[i].again);
        }
    }
}

/* --- Closed at each state */

/* After `turns` of both, side `s` closes and hangs up; the other one must not believe that this was
 * a proper end unless it was told so, with all that had been written. */
static void close_after(plan p, side s, unsigned turns) {
    run r;
    p.turns_max = turns;
    p.schedule.chunk = 400;
    check_case("%s, %s, the %s closes after %u turns", version_text(p.version), kind_text(p.kind),
               side_text(s), turns);
    if (run_open(&r, &p)) {
        if (turns) {
            run_go(&r);
        }
        if (!r.party[s].gone) {
            bool open = r.party[s].handshake == STLS_OK;
            size_t before = r.line.from[s].sent;
            CHECK_RESULT("stls_conn_close", stls_conn_close(r.party[s].conn), STLS_OK, NULL);
            CHECK(open || r.line.from[s].sent == before,
                  "%zu bytes were sent by a close before the handshake is complete",
                  r.line.from[s].sent - before);
            CHECK_RESULT("stls_conn_close again", stls_conn_close(r.party[s].conn), STLS_OK, NULL);
            r.party[s].closed = open;
            r.party[s].gone = true;
            line_hang_up(&r.line, s);
        }
        p.turns_max = 1000;
        run_go(&r);
        const party *peer = &r.party[other(s)];
        stls_result ended = peer->handshake == STLS_OK ? peer->in : peer->handshake;
        bool told = r.party[s].closed && r.party[s].written == peer->got;
        CHECK(peer->gone, "the %s hangs", side_text(other(s)));
        CHECK(ended == STLS_EOF || (ended == STLS_CLOSED && told), "the %s says %s (\"%s\")",
              side_text(other(s)), stls_result_name(ended), peer->error.text);
        CHECK(ended == STLS_CLOSED || !r.party[s].closed,
              "close_notify was sent, and the %s says %s (\"%s\")", side_text(other(s)),
              stls_result_name(ended), peer->error.text);
    }
    run_close(&r);
}

static void close_kind(plan p) {
    for (side s = CLIENT; s <= SERVER; s++) {
        for (unsigned turns = 0; turns < 10; turns++) {
            close_after(p, s, turns);
        }
    }
}

static void test_closes(void) {
    each_kind(close_kind);
}

/* --- Ends told apart, by what a real socket does */

typedef enum ending {
    END_FIN,      /* the socket is closed */
    END_RESET,    /* it is reset */
    END_CLOSE,    /* close_notify, and the socket is closed */
    END_HALF,     /* close_notify, and nothing more */
    END_HALF_FIN, /* close_notify, and its direction of the socket is shut */
} ending;

static const struct {
    ending ending;
    const char *name;
    stls_result read; /* after what was written before */
    bool writes;      /* whether the other direction still works */
} endings[] = {
    {END_FIN, "FIN", STLS_EOF, false},
    {END_RESET, "RST", STLS_E_TRANSPORT, false},
    {END_CLOSE, "close_notify and FIN", STLS_CLOSED, false},
    {END_HALF, "close_notify alone", STLS_CLOSED, true},
    {END_HALF_FIN, "close_notify and half a FIN", STLS_CLOSED, true},
};

/* Two ends of a TCP connection over loopback. */
static bool tcp_pair(int fd[2]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    fd[CLIENT] = socket(AF_INET, SOCK_STREAM, 0);
    fd[SERVER] = -1;
    if (bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&at, &len) == 0 &&
        connect(fd[CLIENT], (struct sockaddr *)&at, len) == 0) {
        fd[SERVER] = accept(listener, NULL, NULL);
    }
    close(listener);
    return CHECK(fd[SERVER] >= 0, "no TCP connection over loopback");
}

static void end_socket(int *fd, ending e) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (e == END_HALF_FIN) {
        shutdown(*fd, SHUT_WR);
    }
    if (e == END_RESET) {
        setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    if (e != END_HALF && e != END_HALF_FIN) {
        close(*fd);
        *fd = -1;
    }
}

/* A read that waits for what is on its way through the kernel. */
static stls_result read_socket(stls_conn *conn, void *data, size_t size, size_t *done) {
    stls_result result = stls_conn_read(conn, data, size, done);
    while (result == STLS_WANT_READ && stls_conn_wait(conn, result, 10000) == STLS_OK) {
        result = stls_conn_read(conn, data, size, done);
    }
    return result;
}

static void check_message(stls_conn *from, stls_conn *to, const char *text) {
    uint8_t data[64];
    size_t done;
    CHECK_RESULT(text, stls_conn_write(from, text, strlen(text), &done), STLS_OK,
                 stls_conn_error(from));
    CHECK_RESULT(text, read_socket(to, data, sizeof data, &done), STLS_OK, stls_conn_error(to));
    CHECK_NUMBER(text, done, strlen(text));
}

static void check_ending(stls_conn *const conn[2], int fd[2], side s, size_t e) {
    stls_conn *reader = conn[other(s)];
    uint8_t byte;
    size_t done;
    check_message(reader, conn[s], "first words"); /* and what tickets came before them */
    check_message(conn[s], reader, "last words");
    if (endings[e].ending != END_FIN && endings[e].ending != END_RESET) {
        CHECK_RESULT("stls_conn_close", stls_conn_close(conn[s]), STLS_OK, NULL);
    }
    end_socket(&fd[s], endings[e].ending);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_RESULT("the read", read_socket(reader, &byte, 1, &done), endings[e].read,
                     stls_conn_error(reader));
        CHECK_RESULT("the error's result", stls_conn_error(reader)->result, endings[e].read, NULL);
    }
    CHECK_CONTAINS("the sentence", stls_conn_error(reader)->text,
                   endings[e].read == STLS_E_TRANSPORT ? "broke during reading: Connection reset"
                   : endings[e].read == STLS_EOF       ? "without close_notify"
                                                       : "the peer closed the TLS connection");
    if (endings[e].writes) {
        check_message(reader, conn[s], "an answer");
        CHECK_RESULT("a close after the end", stls_conn_close(reader), STLS_OK, NULL);
        CHECK_RESULT("the end behind the answer", read_socket(conn[s], &byte, 1, &done),
                     STLS_CLOSED, stls_conn_error(conn[s]));
    }
}

static bool shake_hands(stls_conn *const conn[2], const int fd[2]) {
    stls_result result[2] = {STLS_WANT_READ, STLS_WANT_READ};
    for (side s = CLIENT; s <= SERVER; s++) {
        fcntl(fd[s], F_SETFL, O_NONBLOCK);
        CHECK_RESULT("the socket", stls_conn_set_fd(conn[s], fd[s], NULL), STLS_OK, NULL);
    }
    for (unsigned i = 0; i < 100000 && (result[CLIENT] != STLS_OK || result[SERVER] != STLS_OK);
         i++) {
        result[i % 2] = stls_conn_handshake(conn[i % 2]);
    }
    return CHECK(result[CLIENT] == STLS_OK && result[SERVER] == STLS_OK,
                 "no handshake over TCP: %s, %s", stls_conn_error(conn[CLIENT])->text,
                 stls_conn_error(conn[SERVER])->text);
}

static void run_ending(const plan *p, side s, size_t e) {
    stls_conn *conn[2] = {NULL, NULL};
    int fd[2] = {-1, -1};
    check_case("%s, %s by the %s", version_text(p->version), endings[e].name, side_text(s));
    if (tcp_pair(fd) && plan_connections(p, conn) && shake_hands(conn, fd)) {
        check_ending(conn, fd, s, e);
    }
    for (side each = CLIENT; each <= SERVER; each++) {
        stls_conn_free(conn[each]);
        if (fd[each] >= 0) {
            close(fd[each]);
        }
    }
}

static void test_endings(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        const plan p = plain_plan(both_versions[v], FULL);
        for (side s = CLIENT; s <= SERVER; s++) {
            for (size_t e = 0; e < COUNT(endings); e++) {
                run_ending(&p, s, e);
            }
        }
    }
}

/* --- Deadlines */

/* The flight that begins at byte `at` of side `of` never comes: until the last millisecond of its
 * deadline the other one waits, then it says so. */
static void stall_flight(plan p, side of, size_t flight, size_t at) {
    side waits = other(of);
    run r;
    p.trouble = (trouble){TROUBLE_STALL, of, at};
    p.turns_max = 60;
    check_case("%s, %s, flight %zu of the %s never comes", version_text(p.version),
               kind_text(p.kind), flight, side_text(of));
    if (run_open(&r, &p)) {
        stls_conn *conn = r.party[waits].conn;
        run_go(&r);
        if (r.party[waits].handshake == STLS_WANT_READ) {
            CHECK_NUMBER("the time left", stls_conn_deadline(conn), DEADLINE_MS);
            line_clock_ms += DEADLINE_MS - 1;
            CHECK_NUMBER("the time left", stls_conn_deadline(conn), 1);
            CHECK_RESULT("just before", stls_conn_handshake(conn), STLS_WANT_READ, NULL);
            line_clock_ms++;
            CHECK_RESULT("at the deadline", stls_conn_handshake(conn), STLS_E_TIMEOUT,
                         stls_conn_error(conn));
            CHECK_CONTAINS("the sentence", stls_conn_error(conn)->text, "5000 ms");
            check_stays_failed(&r, waits, STLS_E_TIMEOUT);
        } else {
            CHECK_RESULT("who needs no more for its handshake", r.party[waits].handshake, STLS_OK,
                         stls_conn_error(conn));
        }
    }
    run_close(&r);
}

static void stall_kind(plan p) {
    line whole;
    check_case("%s, %s, undisturbed", version_text(p.version), kind_text(p.kind));
    run_plan(&p, &whole);
    for (side s = CLIENT; s <= SERVER; s++) {
        for (size_t n = 0; n < whole.from[s].sends && n < COUNT(whole.from[s].first); n++) {
            stall_flight(p, s, n, whole.from[s].first[n]);
        }
    }
    line_free(&whole);
}

/* A peer that sends a byte now and then does not put the deadline off. */
static void drip_kind(plan p) {
    run r;
    p.schedule = (schedule){.merge = true}; /* what arrives is what the loop lets arrive */
    check_case("%s, %s, a byte each 50 ms", version_text(p.version), kind_text(p.kind));
    if (run_open(&r, &p)) {
        stls_result result[2] = {STLS_WANT_READ, STLS_WANT_READ};
        for (unsigned i = 0; i <= DEADLINE_MS / 50; i++) {
            for (side s = CLIENT; s <= SERVER; s++) {
                direction *d = &r.line.from[s];
                d->visible = d->taken + (d->len > d->taken);
            }
            for (side s = CLIENT; s <= SERVER; s++) {
                if (result[s] == STLS_WANT_READ) {
                    result[s] = stls_conn_handshake(r.party[s].conn);
                }
            }
            line_clock_ms += 50;
        }
        for (side s = CLIENT; s <= SERVER; s++) {
            CHECK_RESULT(side_text(s), result[s], STLS_E_TIMEOUT, stls_conn_error(r.party[s].conn));
            CHECK_CONTAINS("the sentence", stls_conn_error(r.party[s].conn)->text, "5000 ms");
        }
    }
    run_close(&r);
}

/* A peer that takes nothing but a few bytes. */
static void full_line(plan p, side s) {
    run r;
    check_case("%s, %s, the %s can send no more", version_text(p.version), kind_text(p.kind),
               side_text(s));
    if (run_open(&r, &p)) {
        stls_conn *conn = r.party[s].conn;
        if (s == SERVER) {
            CHECK_RESULT("the client", stls_conn_handshake(r.party[CLIENT].conn), STLS_WANT_READ,
                         stls_conn_error(r.party[CLIENT].conn));
        }
        r.line.schedule.room = 20;
        CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_WANT_WRITE,
                     stls_conn_error(conn));
        line_clock_ms += DEADLINE_MS - 1;
        CHECK_RESULT("just before", stls_conn_handshake(conn), STLS_WANT_WRITE, NULL);
        line_clock_ms++;
        CHECK_RESULT("at the deadline", stls_conn_handshake(conn), STLS_E_TIMEOUT,
                     stls_conn_error(conn));
        r.line.schedule.room = 0;
        check_stays_failed(&r, s, STLS_E_TIMEOUT);
    }
    run_close(&r);
}

static void full_kind(plan p) {
    full_line(p, CLIENT);
    full_line(p, SERVER);
}

static void test_deadlines(void) {
    each_kind(stall_kind);
    each_kind(drip_kind);
    each_kind(full_kind);
}

/* --- By chance */

static bool can_update(const stls_backend *backend) {
    return stls_backend_can(backend, STLS_CAN_UPDATE_KEYS);
}

static plan plan_by_chance(uint64_t seed) {
    uint64_t state = seed;
    static const size_t messages[] = {0, 1, 500, 16384, 16385, 40000, 70000};
    static const size_t sizes[] = {0, 0, 1, 17, 1000, 4096};
    static const size_t chunks[] = {0, 0, 1, 5, 60, 1460};
    static const size_t rooms[] = {0, 0, 30, 2000};
    plan p = {.version = both_versions[line_random(&state, 2)],
              .kind = (kind)line_random(&state, KINDS),
              .move = true};
    side foreign = (side)line_random(&state, 2);
    size_t backends = 0;
    while (stls_backend_at(backends)) {
        backends++;
    }
    p.backend[foreign] = stls_backend_at(line_random(&state, backends));
    p.schedule = (schedule){.chunk = chunks[line_random(&state, COUNT(chunks))],
                            .room = rooms[line_random(&state, COUNT(rooms))],
                            .merge = line_random(&state, 4) == 0,
                            .random = seed | 1};
    for (side s = CLIENT; s <= SERVER; s++) {
        p.message[s] = messages[line_random(&state, COUNT(messages))];
        p.write[s] = sizes[line_random(&state, COUNT(sizes))];
        p.read[s] = sizes[line_random(&state, COUNT(sizes))];
        p.memory[s] = line_random(&state, 3) == 0;
        p.early[s] = line_random(&state, 2) == 0;
        if (p.schedule.chunk == 1 || p.write[s] == 1 || p.write[s] == 17 || p.schedule.room == 30) {
            p.message[s] %= 800; /* so that no run is longer than it is worth */
        }
    }
    p.updates =
        can_update(p.backend[foreign]) && can_update(test_backend()) && p.version == STLS_TLS1_3
            ? (unsigned)line_random(&state, 4)
            : 0;
    if (line_random(&state, 2) == 0) {
        p.trouble = (trouble){.kind = (trouble_kind)(TROUBLE_FIN + line_random(&state, 3)),
                              .of = (side)line_random(&state, 2),
                              .at = line_random(&state, 5000)};
    }
    return p;
}

static void run_by_chance(uint64_t seed) {
    const plan p = plan_by_chance(seed);
    check_case("SIPTLS_TORTURE_SEED=%llu: %s, %s, %s to %s, %s at byte %zu of the %s's",
               (unsigned long long)seed, version_text(p.version), kind_text(p.kind),
               stls_backend_name(p.backend[CLIENT] ? p.backend[CLIENT] : test_backend()),
               stls_backend_name(p.backend[SERVER] ? p.backend[SERVER] : test_backend()),
               trouble_text(p.trouble.kind), p.trouble.at, side_text(p.trouble.of));
    run_plan(&p, NULL);
}

static void test_chance(void) {
    const char *given = getenv("SIPTLS_TORTURE_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1;
    uint64_t count = given ? 1 : is_long() ? 20000 : 400;
    for (uint64_t seed = first; seed < first + count; seed++) {
        run_by_chance(seed);
    }
}

static const test_case tests[] = {
    {"delayed, in pieces, merged", test_pieces},
    {"64 KB both ways over a line that holds little", test_crossing},
    {"each call waits once", test_wants},
    {"split at each offset", test_splits},
    {"cut at each offset", test_cuts},
    {"each flight twice", test_repeats},
    {"twice from each offset", test_doubles},
    {"a write that goes on", test_resumed_writes},
    {"closed at each state", test_closes},
    {"FIN, RST, close_notify, half a close", test_endings},
    {"deadlines at each flight", test_deadlines},
    {"by chance", test_chance},
    {NULL, NULL},
};

static const test_suite suites[] = {{"torture", tests}, {NULL, NULL}};

int main(int argc, char **argv) {
    const stls_backend *backend = stls_backend_find(STLS_TEST_BACKEND);
    if (!backend) {
        fprintf(stderr, "the backend %s is not built in, or its library could not be started\n",
                STLS_TEST_BACKEND);
        return EXIT_FAILURE;
    }
    test_set_backend(backend);
    int status = suite_main(suites, argc, argv);
    forget_contexts();
    return status;
}
