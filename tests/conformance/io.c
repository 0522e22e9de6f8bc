/* tests/conformance/io.c - bytes on their way: in pieces, interrupted, cut off, closed, too late,
 * too many.
 *
 * Promise P3 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const end plain_client = {.trust = "root root-rsa", .peer = "example.test"};
static const end plain_server = {.credential = "server", .no_tickets = true};

/* A mutual handshake with RSA keys: its flights have the same length each time. */
static end mutual_client(uint16_t version) {
    return (end){.trust = "root root-rsa",
                 .peer = "example.test",
                 .credential = "phone-rsa",
                 .version = version,
                 .groups = "x25519:secp256r1"};
}

static end mutual_server(uint16_t version) {
    return (end){.credential = "server-rsa",
                 .no_tickets = true,
                 .trust = "root root-rsa",
                 .version = version,
                 .verify = STLS_VERIFY_REQUIRED,
                 .groups = "x25519:secp256r1"};
}

/* --- In pieces */

static void run_whole(const char *name, uint16_t version, const pair_options *options,
                      size_t message) {
    end client = mutual_client(version), server = mutual_server(version);
    pair p;
    check_case("%s, %s", name, version_text(version));
    if (pair_open(&p, &client, &server, options) && pair_connect(&p) && pair_echo(&p, message)) {
        pair_check_info(&p);
        pair_shut(&p);
    }
    pair_close(&p);
}

static void test_pieces(void) {
    static const struct {
        const char *name;
        pair_options options;
        size_t message;
    } cases[] = {
        {"all at once", {.chunk = 0}, 5000},
        {"1 byte at a time", {.chunk = 1}, 300},
        {"2 bytes at a time", {.chunk = 2}, 300},
        {"5 bytes at a time", {.chunk = 5}, 3000},
        {"6 bytes at a time", {.chunk = 6}, 3000},
        {"100 bytes at a time", {.chunk = 100}, 20000},
        {"1460 bytes at a time", {.chunk = 1460}, 40000},
        {"callbacks", {.transport = PAIR_CALLBACKS}, 5000},
        {"callbacks, 1 byte", {.transport = PAIR_CALLBACKS, .chunk = 1}, 300},
        {"callbacks that want again", {.transport = PAIR_CALLBACKS, .stutter = true}, 5000},
        {"callbacks that want again, 1 byte",
         {.transport = PAIR_CALLBACKS, .stutter = true, .chunk = 1},
         300},
        {"callbacks that want again, 37 bytes",
         {.transport = PAIR_CALLBACKS, .stutter = true, .chunk = 37},
         20000},
        {"callbacks with room for 64 bytes", {.transport = PAIR_CALLBACKS, .room = 64}, 5000},
        {"a socket", {.transport = PAIR_SOCKETS}, 20000},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            run_whole(cases[i].name, both_versions[v], &cases[i].options, cases[i].message);
        }
    }
}

/* 64 KB each way, and a write that is retried from another address. */
static void test_large(void) {
    static const struct {
        const char *name;
        pair_options options;
    } cases[] = {
        {"64 KB in memory", {.transport = PAIR_MEMORY}},
        {"64 KB by callbacks, retried from another address",
         {.transport = PAIR_CALLBACKS, .room = 3000, .move = true}},
        {"64 KB by callbacks that want again, from another address",
         {.transport = PAIR_CALLBACKS, .chunk = 1000, .stutter = true, .move = true}},
        {"64 KB through a socket", {.transport = PAIR_SOCKETS, .move = true}},
    };
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (size_t i = 0; i < COUNT(cases); i++) {
            run_whole(cases[i].name, both_versions[v], &cases[i].options, 64 * 1024);
        }
    }
}

/* --- Sockets that block */

typedef struct blocking_server {
    stls_conn *conn;
    stls_result handshake, read, write, end;
    uint8_t got[4];
} blocking_server;

/* CUnit's checks are not made for threads, so the answers are kept. */
static void *serve_blocking(void *arg) {
    blocking_server *s = arg;
    size_t done = 0;
    s->read = s->write = s->end = STLS_NOT_DONE;
    s->handshake = stls_conn_handshake(s->conn);
    if (s->handshake == STLS_OK) {
        s->read = stls_conn_read(s->conn, s->got, sizeof s->got, &done);
    }
    if (s->read == STLS_OK) {
        s->write = stls_conn_write(s->conn, s->got, done, &done);
        s->end = stls_conn_read(s->conn, s->got, sizeof s->got, &done);
    }
    stls_conn_close(s->conn);
    return NULL;
}

/* On a socket that blocks every call comes back with its work done, never with WANT_READ or
 * WANT_WRITE. Who waits for what does not come waits for ever: there is no deadline. */
static void test_blocking(void) {
    static const unsigned no_deadline = 0;
    const pair_options options = {.transport = PAIR_BLOCKING};
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (unsigned refuse = 0; refuse < 2; refuse++) {
            end client = mutual_client(both_versions[v]), server = mutual_server(both_versions[v]);
            pair p;
            check_case("%s, %s", version_text(both_versions[v]), refuse ? "refused" : "accepted");
            client.peer = refuse ? "other.example" : client.peer;
            client.timeout_ms = server.timeout_ms = &no_deadline;
            blocking_server result = {0};
            pthread_t thread;
            if (pair_open(&p, &client, &server, &options) &&
                CHECK((result.conn = p.conn[SERVER],
                       pthread_create(&thread, NULL, serve_blocking, &result) == 0),
                      "no thread")) {
                uint8_t got[4] = {0};
                size_t done = 0;
                CHECK_RESULT("the client's handshake", stls_conn_handshake(p.conn[CLIENT]),
                             refuse ? STLS_E_VERIFY : STLS_OK, pair_error(&p, CLIENT));
                if (!refuse) {
                    CHECK_RESULT("a write", stls_conn_write(p.conn[CLIENT], "ping", 4, &done),
                                 STLS_OK, pair_error(&p, CLIENT));
                    CHECK_RESULT("a read", stls_conn_read(p.conn[CLIENT], got, sizeof got, &done),
                                 STLS_OK, pair_error(&p, CLIENT));
                    CHECK_BYTES("what came back", ((stls_bytes){got, done}),
                                ((stls_bytes){(const uint8_t *)"ping", 4}));
                }
                stls_conn_close(p.conn[CLIENT]);
                shutdown(p.fd[CLIENT], SHUT_WR); /* whatever happened, the server comes to an end */
                pthread_join(thread, NULL);
                CHECK_RESULT("the server's handshake", result.handshake,
                             refuse ? STLS_E_ALERT : STLS_OK, pair_error(&p, SERVER));
                CHECK_RESULT("the server's end", result.end, refuse ? STLS_NOT_DONE : STLS_CLOSED,
                             pair_error(&p, SERVER));
            }
            pair_close(&p);
        }
    }
}

/* Both sides write before either reads. */
static void test_crossing(void) {
    static uint8_t from_client[30000], from_server[30000], got[30000];
    const pair_options options = {.transport = PAIR_MEMORY};
    pair p;
    check_case("both write first");
    memset(from_client, 'c', sizeof from_client);
    memset(from_server, 's', sizeof from_server);
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        const uint8_t *const data[] = {from_client, from_server};
        for (side s = CLIENT; s <= SERVER; s++) {
            size_t done = 0;
            CHECK_RESULT("a write", stls_conn_write(p.conn[s], data[s], sizeof from_client, &done),
                         STLS_OK, pair_error(&p, s));
            CHECK_NUMBER("bytes written", done, sizeof from_client);
        }
        for (side s = CLIENT; s <= SERVER; s++) {
            size_t have = 0, done = 0;
            while (have < sizeof got &&
                   pair_read(&p, s, got + have, sizeof got - have, &done) == STLS_OK) {
                have += done;
            }
            CHECK_BYTES("what arrived", ((stls_bytes){got, have}),
                        ((stls_bytes){data[1 - s], sizeof got}));
        }
    }
    pair_close(&p);
}

/* A write that has to wait keeps its promise: the same bytes, at another address, go on where it
 * stopped, and a read in between does no harm. */
static void test_interrupted_write(void) {
    static uint8_t first[5000], second[5000], got[5000];
    const pair_options options = {.transport = PAIR_CALLBACKS, .room = 700};
    pair p;
    check_case("an interrupted write");
    memset(first, 'm', sizeof first);
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        size_t done = 1, have = 0, n;
        uint8_t byte;
        stls_result r = stls_conn_write(p.conn[CLIENT], first, sizeof first, &done);
        CHECK_RESULT("the first write", r, STLS_WANT_WRITE, pair_error(&p, CLIENT));
        CHECK_NUMBER("bytes that a write that waits has written", done, 0);
        CHECK_RESULT("a read meanwhile", stls_conn_read(p.conn[CLIENT], &byte, 1, &done),
                     STLS_WANT_READ, pair_error(&p, CLIENT));
        CHECK_RESULT("fewer bytes than are taken",
                     stls_conn_write(p.conn[CLIENT], first, sizeof first - 1, &done),
                     STLS_E_ARGUMENT, pair_error(&p, CLIENT));
        CHECK_NUMBER("bytes that it has written", done, 0);
        memcpy(second, first, sizeof first);
        memset(first, 'x', sizeof first);
        for (unsigned steps = 0; steps < 1000 && have < sizeof got; steps++) {
            if (r == STLS_WANT_WRITE) {
                r = stls_conn_write(p.conn[CLIENT], second, sizeof second, &done);
            }
            if (stls_conn_read(p.conn[SERVER], got + have, sizeof got - have, &n) == STLS_OK) {
                have += n;
            }
        }
        CHECK_RESULT("the write at the end", r, STLS_OK, pair_error(&p, CLIENT));
        CHECK_NUMBER("bytes written", done, sizeof second);
        CHECK_BYTES("what arrived", ((stls_bytes){got, have}),
                    ((stls_bytes){second, sizeof second}));
    }
    pair_close(&p);
}

static void test_empty_write(void) {
    pair p;
    check_case("a write of 0 bytes");
    if (pair_open(&p, &plain_client, &plain_server, NULL) && pair_connect(&p)) {
        for (side s = CLIENT; s <= SERVER; s++) {
            size_t done = 1;
            pair_move(&p);
            CHECK_RESULT("the write", stls_conn_write(p.conn[s], "", 0, &done), STLS_OK,
                         pair_error(&p, s));
            CHECK_NUMBER("bytes written", done, 0);
            CHECK_RESULT("the write of NULL", stls_conn_write(p.conn[s], NULL, 0, &done), STLS_OK,
                         pair_error(&p, s));
            CHECK_NUMBER("bytes on the wire", stls_conn_peek(p.conn[s]).len, 0);
        }
        pair_echo(&p, 10);
    }
    pair_close(&p);
}

/* What is inside makes no socket readable: stls_conn_pending() tells. */
static void test_pending(void) {
    uint8_t byte;
    size_t done;
    pair p;
    check_case("bytes that wait inside");
    if (pair_open(&p, &plain_client, &plain_server, NULL) && pair_connect(&p)) {
        CHECK(!stls_conn_pending(p.conn[CLIENT]), "something is pending that nobody wrote");
        stls_conn_write(p.conn[SERVER], "ab", 2, &done);
        stls_conn_write(p.conn[SERVER], "c", 1, &done);
        pair_move(&p);
        for (const char *at = "abc"; *at; at++) {
            CHECK(stls_conn_pending(p.conn[CLIENT]), "nothing is pending before '%c'", *at);
            CHECK_RESULT("a read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done), STLS_OK,
                         pair_error(&p, CLIENT));
            CHECK_NUMBER("the byte", byte, *at);
        }
        CHECK(!stls_conn_pending(p.conn[CLIENT]), "something is pending after the last byte");
        CHECK_RESULT("a read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done), STLS_WANT_READ,
                     pair_error(&p, CLIENT));
    }
    pair_close(&p);
}

/* --- One call, one piece */

typedef struct counting_wire {
    stls_conn *peer;
    unsigned sends;
} counting_wire;

static stls_result count_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    counting_wire *w = arg;
    w->sends++;
    *done = len;
    return stls_conn_feed(w->peer, data, len) == STLS_OK ? STLS_OK : STLS_E_TRANSPORT;
}

/* Takes what the memory side has for us. */
static stls_result take_from_memory(void *arg, uint8_t *data, size_t size, size_t *done) {
    counting_wire *w = arg;
    stls_bytes waiting = stls_conn_peek(w->peer);
    *done = waiting.len < size ? waiting.len : size;
    if (*done == 0) {
        return STLS_WANT_READ;
    }
    memcpy(data, waiting.data, *done);
    stls_conn_consume(w->peer, *done);
    return STLS_OK;
}

/* Every handshake call and a write of `conn[counted]` are one send each, at most. */
static void count_sends(stls_conn *const conn[2], side counted, counting_wire *w) {
    static uint8_t message[3000];
    size_t done;
    for (unsigned i = 0; i < 6; i++) {
        w->sends = 0;
        stls_conn_handshake(conn[counted]);
        CHECK(w->sends <= 1, "one handshake call made %u sends", w->sends);
        stls_conn_handshake(conn[1 - counted]);
    }
    w->sends = 0;
    CHECK_RESULT("a write", stls_conn_write(conn[counted], message, sizeof message, &done), STLS_OK,
                 stls_conn_error(conn[counted]));
    CHECK_NUMBER("sends of one write", w->sends, 1);
}

static void run_one_piece(uint16_t version, side counted) {
    end e[] = {mutual_client(version), mutual_server(version)};
    stls_context *context[] = {end_context(STLS_ROLE_CLIENT, &e[CLIENT]),
                               end_context(STLS_ROLE_SERVER, &e[SERVER])};
    stls_conn *conn[2] = {NULL, NULL};
    counting_wire w = {.sends = 0};
    for (side s = CLIENT; s <= SERVER; s++) {
        if (context[s]) {
            stls_conn_new(context[s], e[s].peer, &conn[s], NULL);
        }
    }
    if (CHECK(conn[CLIENT] && conn[SERVER], "no connections")) {
        w.peer = conn[1 - counted];
        stls_conn_use_memory(conn[1 - counted], NULL);
        stls_conn_set_transport(conn[counted], count_send, take_from_memory, &w, NULL);
        count_sends(conn, counted, &w);
    }
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_conn_free(conn[s]);
        stls_context_free(context[s]);
    }
}

static void test_one_piece(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (side counted = CLIENT; counted <= SERVER; counted++) {
            check_case("sends of the %s, %s", side_text(counted), version_text(both_versions[v]));
            run_one_piece(both_versions[v], counted);
        }
    }
}

/* --- Ends */

/* A read of side `s` gives `expected`, now and ever after. */
static void check_end(pair *p, side s, stls_result expected) {
    for (unsigned i = 0; i < 2; i++) {
        uint8_t byte;
        size_t done = 0;
        CHECK_RESULT(i == 0 ? "the read" : "the read after it", pair_read(p, s, &byte, 1, &done),
                     expected, pair_error(p, s));
    }
    CHECK_NUMBER("the error's result", pair_error(p, s)->result, expected);
    CHECK(*pair_error(p, s)->text, "no sentence");
}

static void check_read(pair *p, side s, const char *expected) {
    uint8_t data[64];
    size_t done = 0;
    CHECK_RESULT("the read", pair_read(p, s, data, sizeof data, &done), STLS_OK, pair_error(p, s));
    CHECK_BYTES("what was read", ((stls_bytes){data, done}),
                ((stls_bytes){(const uint8_t *)expected, strlen(expected)}));
}

static bool write_text(pair *p, side s, const char *text) {
    size_t done = 0;
    return CHECK_RESULT("the write", stls_conn_write(p->conn[s], text, strlen(text), &done),
                        STLS_OK, pair_error(p, s)) &&
           CHECK_NUMBER("bytes written", done, strlen(text));
}

/* A proper end, a cut, and a forgery are three things. */
static void test_ends(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (side s = CLIENT; s <= SERVER; s++) {
            side to = s == CLIENT ? SERVER : CLIENT;
            end client = plain_client, server = plain_server;
            pair p;
            client.version = server.version = both_versions[v];

            check_case("close_notify by the %s, %s", side_text(s), version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                write_text(&p, s, "last words");
                CHECK_RESULT("stls_conn_close", stls_conn_close(p.conn[s]), STLS_OK, NULL);
                CHECK_RESULT("a second one", stls_conn_close(p.conn[s]), STLS_OK, NULL);
                check_read(&p, to, "last words");
                check_end(&p, to, STLS_CLOSED);
            }
            pair_close(&p);

            check_case("cut off by the %s, %s", side_text(s), version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                write_text(&p, s, "last words");
                pair_move(&p);
                pair_hang_up(&p, s);
                check_read(&p, to, "last words");
                check_end(&p, to, STLS_EOF);
            }
            pair_close(&p);

            check_case("cut inside a record by the %s, %s", side_text(s),
                       version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                p.wire[s].fault = (fault){.kind = FAULT_CUT, .at = p.wire[s].passed + 9};
                write_text(&p, s, "last words");
                check_end(&p, to, STLS_EOF);
            }
            pair_close(&p);

            check_case("forged on the way from the %s, %s", side_text(s),
                       version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                p.wire[s].fault = (fault){.kind = FAULT_FLIP, .at = p.wire[s].passed + 9};
                write_text(&p, s, "last words");
                check_end(&p, to, STLS_E_PROTOCOL);
                CHECK_NUMBER("the alert", pair_error(&p, to)->alert_sent, 20);
                check_end(&p, s, STLS_E_ALERT);
                CHECK_NUMBER("the alert that arrived", pair_error(&p, s)->alert_received, 20);
            }
            pair_close(&p);
        }
    }
}

/* After close_notify of one side the other may still write. */
static void test_half_close(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (side s = CLIENT; s <= SERVER; s++) {
            side to = s == CLIENT ? SERVER : CLIENT;
            end client = plain_client, server = plain_server;
            size_t done;
            pair p;
            client.version = server.version = both_versions[v];
            check_case("the %s closes first, %s", side_text(s), version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
                stls_conn_close(p.conn[s]);
                CHECK_RESULT("a write after one's own close",
                             stls_conn_write(p.conn[s], "x", 1, &done), STLS_E_STATE, NULL);
                check_end(&p, to, STLS_CLOSED);
                write_text(&p, to, "one more thing");
                check_read(&p, s, "one more thing");
                CHECK_RESULT("the other close", stls_conn_close(p.conn[to]), STLS_OK, NULL);
                check_end(&p, s, STLS_CLOSED);
            }
            pair_close(&p);
        }
    }
}

/* The result of a call, and what the connection tells of it. */
static void check_told(const pair *p, side s, const char *what, stls_result got,
                       stls_result expected, const char *says) {
    CHECK_RESULT(what, got, expected, pair_error(p, s));
    CHECK_RESULT(what, pair_error(p, s)->result, expected, NULL);
    CHECK_CONTAINS(what, pair_error(p, s)->text, says);
}

/* A call that cannot be made is told in a sentence, and changes nothing. */
static void test_wrong_calls(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = plain_client, server = plain_server;
        uint8_t byte;
        size_t done = 1;
        pair p;
        client.version = server.version = both_versions[v];
        check_case("wrong calls, %s", version_text(both_versions[v]));
        if (pair_open(&p, &client, &server, NULL) && pair_connect(&p)) {
            stls_conn *conn = p.conn[CLIENT];
            check_told(&p, CLIENT, "a read to nowhere", stls_conn_read(conn, NULL, 1, &done),
                       STLS_E_ARGUMENT, "a read needs");
            check_told(&p, CLIENT, "a read of nothing", stls_conn_read(conn, &byte, 0, &done),
                       STLS_E_ARGUMENT, "a read needs");
            check_told(&p, CLIENT, "a read of an unknown number",
                       stls_conn_read(conn, &byte, 1, NULL), STLS_E_ARGUMENT, "a read needs");
            check_told(&p, CLIENT, "a write from nowhere", stls_conn_write(conn, NULL, 1, &done),
                       STLS_E_ARGUMENT, "a write needs");
            check_told(&p, CLIENT, "a write of an unknown number",
                       stls_conn_write(conn, "x", 1, NULL), STLS_E_ARGUMENT, "a write needs");
            if (both_versions[v] == STLS_TLS1_2) {
                check_told(&p, CLIENT, "a key update", stls_conn_update_keys(conn, true),
                           STLS_E_UNSUPPORTED, "keys are updated in TLS 1.3 only");
            }
            write_text(&p, CLIENT, "it goes on");
            check_read(&p, SERVER, "it goes on");
            stls_conn_close(conn);
            check_told(&p, CLIENT, "a write after one's own close",
                       stls_conn_write(conn, "x", 1, &done), STLS_E_STATE, "close_notify was sent");
            check_told(&p, CLIENT, "a key update after it", stls_conn_update_keys(conn, true),
                       STLS_E_STATE, "close_notify was sent");
            CHECK_RESULT("the other close", stls_conn_close(p.conn[SERVER]), STLS_OK, NULL);
            check_end(&p, CLIENT, STLS_CLOSED);
            check_told(&p, CLIENT, "the same write", stls_conn_write(conn, "x", 1, &done),
                       STLS_E_STATE, "close_notify was sent");
            check_told(&p, CLIENT, "the end again", stls_conn_read(conn, &byte, 1, &done),
                       STLS_CLOSED, "the peer closed");
        }
        pair_close(&p);
    }
}

/* How many bytes each side sends until both are done. */
static bool measure(uint16_t version, size_t total[2]) {
    end client = mutual_client(version), server = mutual_server(version);
    pair p;
    bool ok = pair_open(&p, &client, &server, NULL) && pair_connect(&p);
    total[CLIENT] = p.wire[CLIENT].passed;
    total[SERVER] = p.wire[SERVER].passed;
    pair_close(&p);
    return ok;
}

/* The transport ends at some point of the handshake: whoever misses bytes says EOF. */
static void test_cut_handshake(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = mutual_client(both_versions[v]), server = mutual_server(both_versions[v]);
        size_t total[2];
        check_case("an uncut handshake, %s", version_text(both_versions[v]));
        if (!measure(both_versions[v], total)) {
            continue;
        }
        for (side s = CLIENT; s <= SERVER; s++) {
            side to = s == CLIENT ? SERVER : CLIENT;
            const size_t cuts[] = {0,
                                   1,
                                   4,
                                   5,
                                   6,
                                   100,
                                   total[s] / 4,
                                   total[s] / 2,
                                   total[s] / 4 * 3,
                                   total[s] - 40,
                                   total[s] - 1};
            for (size_t i = 0; i < COUNT(cuts); i++) {
                pair_options options = {.chunk = 0};
                pair p;
                options.fault[s] = (fault){.kind = FAULT_CUT, .at = cuts[i]};
                check_case("the %s's bytes end after %zu of %zu, %s", side_text(s), cuts[i],
                           total[s], version_text(both_versions[v]));
                if (pair_open(&p, &client, &server, &options)) {
                    pair_handshake(&p);
                    CHECK_RESULT("who misses bytes", p.handshake[to], STLS_EOF, pair_error(&p, to));
                    CHECK(!stls_conn_is_secure(p.conn[to]), "secure without a whole handshake");
                    CHECK_RESULT("the same again", stls_conn_handshake(p.conn[to]), STLS_EOF, NULL);
                }
                pair_close(&p);
            }
        }
    }
}

/* A bit is flipped somewhere in the handshake: what comes of it is an error of the peer or of the
 * protocol, in words, or (in a byte that nobody looks at) nothing at all. It is never our library's
 * failure, nor a crash. */
static void test_flipped_bits(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = mutual_client(both_versions[v]), server = mutual_server(both_versions[v]);
        size_t total[2];
        check_case("a clean handshake, %s", version_text(both_versions[v]));
        if (!measure(both_versions[v], total)) {
            continue;
        }
        for (side s = CLIENT; s <= SERVER; s++) {
            for (size_t at = 0; at < total[s]; at += 1 + total[s] / 60) {
                pair_options options = {.chunk = 0};
                pair p;
                options.fault[s] = (fault){.kind = FAULT_FLIP, .at = at};
                check_case("bit flipped in the %s's byte %zu, %s", side_text(s), at,
                           version_text(both_versions[v]));
                if (pair_open(&p, &client, &server, &options)) {
                    pair_handshake(&p);
                    for (side who = CLIENT; who <= SERVER; who++) {
                        stls_result r = pair_outcome(&p, who);
                        CHECK(r != STLS_E_BACKEND && r != STLS_E_TRANSPORT &&
                                  r != STLS_E_NO_MEMORY && r != STLS_E_STATE,
                              "the %s says %s (\"%s\")", side_text(who), stls_result_name(r),
                              pair_error(&p, who)->text);
                    }
                    CHECK(p.handshake[CLIENT] != STLS_OK || p.handshake[SERVER] != STLS_OK ||
                              pair_echo(&p, 10),
                          "both are content, and nothing gets through");
                }
                pair_close(&p);
            }
        }
    }
}

/* --- Time */

static void sleep_ms(int ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* A peer that says nothing: the handshake's deadline ends it. Nothing is measured but the error. */
static void test_deadline(void) {
    static const unsigned short_time = 1000, no_time = 0;
    for (side s = CLIENT; s <= SERVER; s++) {
        end e[] = {plain_client, plain_server};
        pair p;
        int left;
        check_case("a silent peer of the %s", side_text(s));
        e[s].timeout_ms = &short_time;
        if (pair_open(&p, &e[CLIENT], &e[SERVER], NULL)) {
            CHECK_NUMBER("the deadline before the handshake", stls_conn_deadline(p.conn[s]), -1);
            CHECK_RESULT("the handshake", stls_conn_handshake(p.conn[s]), STLS_WANT_READ,
                         pair_error(&p, s));
            left = stls_conn_deadline(p.conn[s]);
            CHECK(left >= 0 && left <= 1000, "%d ms are left", left);
            while ((left = stls_conn_deadline(p.conn[s])) > 0) {
                sleep_ms(left);
            }
            CHECK_RESULT("the handshake", stls_conn_handshake(p.conn[s]), STLS_E_TIMEOUT,
                         pair_error(&p, s));
            CHECK_RESULT("the same again", stls_conn_handshake(p.conn[s]), STLS_E_TIMEOUT, NULL);
            CHECK(*pair_error(&p, s)->text, "no sentence");
            CHECK_NUMBER("the deadline afterwards", stls_conn_deadline(p.conn[s]), -1);
        }
        pair_close(&p);

        check_case("no deadline for the %s", side_text(s));
        e[s].timeout_ms = &no_time;
        if (pair_open(&p, &e[CLIENT], &e[SERVER], NULL)) {
            stls_conn_handshake(p.conn[s]);
            CHECK_NUMBER("the deadline", stls_conn_deadline(p.conn[s]), -1);
            pair_connect(&p);
        }
        pair_close(&p);
    }
}

/* The deadline holds in every phase: the peer stalls after some of its bytes. */
static void test_stalled(void) {
    static const unsigned short_time = 400;
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        for (side s = CLIENT; s <= SERVER; s++) {
            side to = s == CLIENT ? SERVER : CLIENT;
            static const size_t stalls[] = {0, 3, 60};
            for (size_t i = 0; i < COUNT(stalls); i++) {
                end e[] = {plain_client, plain_server};
                pair_options options = {.chunk = 0};
                int left;
                pair p;
                check_case("the %s stalls after %zu bytes, %s", side_text(s), stalls[i],
                           version_text(both_versions[v]));
                e[to].timeout_ms = &short_time;
                e[CLIENT].version = e[SERVER].version = both_versions[v];
                options.fault[s] = (fault){.kind = FAULT_STALL, .at = stalls[i]};
                if (pair_open(&p, &e[CLIENT], &e[SERVER], &options)) {
                    pair_handshake(&p);
                    while ((left = stls_conn_deadline(p.conn[to])) > 0) {
                        sleep_ms(left);
                    }
                    CHECK_RESULT("who waited", stls_conn_handshake(p.conn[to]), STLS_E_TIMEOUT,
                                 pair_error(&p, to));
                }
                pair_close(&p);
            }
        }
    }
}

/* --- The transport itself fails */

static stls_result broken_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    (void)arg, (void)data, (void)len;
    *done = 0;
    return STLS_E_TRANSPORT;
}

static stls_result broken_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    (void)arg, (void)data, (void)size;
    *done = 0;
    return STLS_E_TRANSPORT;
}

/* Claims to have received more than there was room for. */
static stls_result lying_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    (void)arg, (void)data;
    *done = size + 1;
    return STLS_OK;
}

static stls_result idle_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    (void)arg, (void)data, (void)size;
    *done = 0;
    return STLS_WANT_READ;
}

static stls_result idle_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    (void)arg, (void)data;
    *done = len;
    return STLS_OK;
}

static void test_broken_transport(void) {
    static const struct {
        const char *name;
        stls_send send;
        stls_recv recv;
    } cases[] = {
        {"send fails", broken_send, idle_recv},
        {"recv fails", idle_send, broken_recv},
        {"recv lies about the number of bytes", idle_send, lying_recv},
    };
    stls_context *context = end_context(STLS_ROLE_CLIENT, &plain_client);
    for (size_t i = 0; context && i < COUNT(cases); i++) {
        stls_conn *conn = NULL;
        check_case("%s", cases[i].name);
        if (CHECK_RESULT("a connection", stls_conn_new(context, "example.test", &conn, NULL),
                         STLS_OK, NULL)) {
            stls_conn_set_transport(conn, cases[i].send, cases[i].recv, NULL, NULL);
            CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_E_TRANSPORT,
                         stls_conn_error(conn));
            CHECK_RESULT("the same again", stls_conn_handshake(conn), STLS_E_TRANSPORT, NULL);
            CHECK(*stls_conn_error(conn)->text, "no sentence");
        }
        stls_conn_free(conn);
    }
    stls_context_free(context);
}

/* --- Sockets */

static volatile sig_atomic_t pipe_signals;

static void count_signal(int number) {
    (void)number;
    pipe_signals++;
}

/* The peer is gone: an error, and no SIGPIPE. */
static void test_socket_gone(void) {
    struct sigaction action = {.sa_handler = count_signal}, before;
    const pair_options options = {.transport = PAIR_SOCKETS};
    uint8_t byte;
    size_t done;
    pair p;
    check_case("the socket's other end is gone");
    sigaction(SIGPIPE, &action, &before);
    pipe_signals = 0;
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        pair_hang_up(&p, SERVER);
        CHECK_RESULT("a write", stls_conn_write(p.conn[CLIENT], "x", 1, &done), STLS_E_TRANSPORT,
                     pair_error(&p, CLIENT));
        CHECK_RESULT("a read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done), STLS_EOF,
                     pair_error(&p, CLIENT));
        CHECK_RESULT("a write behind it", stls_conn_write(p.conn[CLIENT], "x", 1, &done),
                     STLS_E_TRANSPORT, pair_error(&p, CLIENT));
        CHECK_RESULT("and another read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done), STLS_EOF,
                     NULL);
        CHECK_RESULT("stls_conn_close", stls_conn_close(p.conn[CLIENT]), STLS_OK, NULL);
        CHECK_NUMBER("signals", pipe_signals, 0);
    }
    pair_close(&p);

    check_case("the socket's other end is gone, seen by a key update");
    if (stls_backend_can(test_backend(), STLS_CAN_UPDATE_KEYS)) {
        if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
            pair_hang_up(&p, SERVER);
            CHECK_RESULT("a key update", stls_conn_update_keys(p.conn[CLIENT], true),
                         STLS_E_TRANSPORT, pair_error(&p, CLIENT));
            CHECK_RESULT("what the connection tells", pair_error(&p, CLIENT)->result,
                         STLS_E_TRANSPORT, NULL);
            CHECK_NUMBER("signals", pipe_signals, 0);
        }
        pair_close(&p);
    }

    check_case("the socket's other end is gone, seen by a read");
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        pair_hang_up(&p, SERVER);
        CHECK_RESULT("a read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done), STLS_EOF,
                     pair_error(&p, CLIENT));
    }
    pair_close(&p);

    check_case("the socket's other end has closed, seen by reads with a write between them");
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        stls_conn_close(p.conn[SERVER]);
        pair_hang_up(&p, SERVER);
        check_told(&p, CLIENT, "a read", stls_conn_read(p.conn[CLIENT], &byte, 1, &done),
                   STLS_CLOSED, "the peer closed");
        check_told(&p, CLIENT, "a write", stls_conn_write(p.conn[CLIENT], "x", 1, &done),
                   STLS_E_TRANSPORT, "broke during writing");
        check_told(&p, CLIENT, "a read again", stls_conn_read(p.conn[CLIENT], &byte, 1, &done),
                   STLS_CLOSED, "the peer closed");
    }
    pair_close(&p);
    sigaction(SIGPIPE, &before, NULL);
}

/* Who sets O_NONBLOCK after stls_conn_set_fd() gets it. */
static void test_no_longer_blocking(void) {
    static const unsigned deadline = 2000;
    end client = plain_client;
    client.timeout_ms = &deadline;
    stls_context *context = end_context(STLS_ROLE_CLIENT, &client);
    stls_conn *conn = NULL;
    int fd[2];
    check_case("a socket that is made not to block");
    if (!context || !CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "no sockets")) {
        stls_context_free(context);
        return;
    }
    if (CHECK_RESULT("a connection", stls_conn_new(context, "example.test", &conn, NULL), STLS_OK,
                     NULL)) {
        CHECK_RESULT("the socket", stls_conn_set_fd(conn, fd[0], NULL), STLS_OK, NULL);
        fcntl(fd[0], F_SETFL, O_NONBLOCK);
        CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_WANT_READ,
                     stls_conn_error(conn));
    }
    stls_conn_free(conn);
    stls_context_free(context);
    close(fd[0]);
    close(fd[1]);
}

static void test_wait(void) {
    const pair_options options = {.transport = PAIR_SOCKETS};
    size_t done;
    pair p;
    check_case("stls_conn_wait");
    if (pair_open(&p, &plain_client, &plain_server, &options) && pair_connect(&p)) {
        CHECK_RESULT("nothing to read", stls_conn_wait(p.conn[CLIENT], STLS_WANT_READ, 0),
                     STLS_E_TIMEOUT, NULL);
        CHECK_RESULT("room to write", stls_conn_wait(p.conn[CLIENT], STLS_WANT_WRITE, 0), STLS_OK,
                     NULL);
        stls_conn_write(p.conn[SERVER], "x", 1, &done);
        CHECK_RESULT("something to read", stls_conn_wait(p.conn[CLIENT], STLS_WANT_READ, -1),
                     STLS_OK, NULL);
        check_read(&p, CLIENT, "x");
        CHECK_RESULT("a thing nobody waits for", stls_conn_wait(p.conn[CLIENT], STLS_CLOSED, 0),
                     STLS_E_ARGUMENT, NULL);
    }
    pair_close(&p);
    check_case("stls_conn_wait without a socket");
    if (pair_open(&p, &plain_client, &plain_server, NULL)) {
        CHECK_RESULT("the answer", stls_conn_wait(p.conn[CLIENT], STLS_WANT_READ, 0), STLS_E_STATE,
                     NULL);
    }
    pair_close(&p);
}

/* --- Limits */

/* A chain beyond the limit is refused before anybody judges it, and the sentence says so. */
static void check_carried(const end *client, const end *server, bool carried) {
    pair p;
    if (pair_open(&p, client, server, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the client", p.handshake[CLIENT], carried ? STLS_OK : STLS_E_LIMIT,
                     pair_error(&p, CLIENT));
        CHECK_RESULT("the server", pair_outcome(&p, SERVER), carried ? STLS_OK : STLS_E_ALERT,
                     pair_error(&p, SERVER));
        if (!carried) {
            CHECK_CONTAINS("the sentence", pair_error(&p, CLIENT)->text, "limit");
            CHECK(pair_verdict(&p, CLIENT)->state != STLS_VERDICT_ACCEPTED, "accepted");
        }
    }
    pair_close(&p);
}

/* The limit on the bytes of certificates holds to the byte. */
static void test_chain_limit(void) {
    size_t exact = pki_bytes("server.der").len + pki_bytes("int.der").len;
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = plain_client, server = plain_server;
        client.version = server.version = both_versions[v];
        check_case("a limit that fits, %s", version_text(both_versions[v]));
        client.chain_bytes = exact;
        check_carried(&client, &server, true);
        check_case("a limit of one byte less, %s", version_text(both_versions[v]));
        client.chain_bytes = exact - 1;
        check_carried(&client, &server, false);
    }
}

/* What each backend's library, as it is built, carries of certificates. 0: as many as this test
 * asks for. */
static const struct {
    const char *backend;
    bool receives, sends; /* a chain of more than one record */
} big_chains[] = {
    {"openssl", true, true},
    {"mbedtls", false, false}, /* its handshake messages are at most as long as a record */
    {"wolfssl", true, true},
};

static bool big_chain(const stls_backend *backend, bool sends) {
    for (size_t i = 0; i < COUNT(big_chains); i++) {
        if (strcmp(big_chains[i].backend, stls_backend_name(backend)) == 0) {
            return sends ? big_chains[i].sends : big_chains[i].receives;
        }
    }
    return false;
}

static void test_big_chain(void) {
    const stls_backend *sender = test_backend();
    for (size_t i = 0; sender && !big_chain(sender, true); i++) {
        sender = stls_backend_at(i);
    }
    if (!sender) {
        test_skip("big chain", "no backend of this build can send one");
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = plain_client;
        end server = {.backend = sender, .credential = "big", .version = both_versions[v]};
        client.version = both_versions[v];
        check_case("a chain of more than 16 KB and the default limit, %s",
                   version_text(both_versions[v]));
        check_carried(&client, &server, false);
        check_case("a chain of more than 16 KB and a limit of 18000, %s",
                   version_text(both_versions[v]));
        client.chain_bytes = 18000;
        if (big_chain(test_backend(), false)) {
            check_carried(&client, &server, true);
        } else {
            stls_context *context;
            stls_error error = {0};
            CHECK_RESULT("a limit that the backend does not have",
                         end_try_context(STLS_ROLE_CLIENT, &client, &context, &error),
                         STLS_E_UNSUPPORTED, &error);
            stls_context_free(context);
        }
    }
}

/* Memory: what waits to be read is bounded. */
static void test_feed_limit(void) {
    static uint8_t block[64 * 1024];
    pair p;
    check_case("too many bytes fed");
    if (pair_open(&p, &plain_client, &plain_server, NULL) && pair_connect(&p)) {
        stls_result r = STLS_OK;
        size_t fed = 0;
        while (r == STLS_OK && fed <= STLS_MEMORY_MAX) {
            r = stls_conn_feed(p.conn[SERVER], block, sizeof block);
            fed += r == STLS_OK ? sizeof block : 0;
        }
        CHECK_RESULT("stls_conn_feed", r, STLS_E_LIMIT, NULL);
        CHECK(fed <= STLS_MEMORY_MAX && fed + sizeof block > STLS_MEMORY_MAX,
              "%zu bytes were taken", fed);
    }
    pair_close(&p);
}

const test_case io_tests[] = {
    {"in pieces", test_pieces},
    {"64 KB both ways", test_large},
    {"sockets that block", test_blocking},
    {"a socket that blocks no longer", test_no_longer_blocking},
    {"both write first", test_crossing},
    {"an interrupted write", test_interrupted_write},
    {"a write of nothing", test_empty_write},
    {"pending bytes", test_pending},
    {"one call, one send", test_one_piece},
    {"close_notify, cut, forgery", test_ends},
    {"half close", test_half_close},
    {"wrong calls", test_wrong_calls},
    {"the handshake is cut", test_cut_handshake},
    {"flipped bits in the handshake", test_flipped_bits},
    {"a silent peer", test_deadline},
    {"a peer that stalls", test_stalled},
    {"a broken transport", test_broken_transport},
    {"a socket whose other end is gone", test_socket_gone},
    {"waiting for a socket", test_wait},
    {"the limit on certificates", test_chain_limit},
    {"a chain longer than a record", test_big_chain},
    {"the limit on bytes fed", test_feed_limit},
    {NULL, NULL},
};
