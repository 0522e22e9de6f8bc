/* tests/support/pair.c - a client and a server joined in one process.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/pair.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More steps than any test needs: a pair that neither ends nor waits is a failure, not an endless
 * loop. */
enum { STEPS_MAX = 400000 };

const char *side_text(side s) {
    return s == CLIENT ? "client" : "server";
}

static side other(side s) {
    return s == CLIENT ? SERVER : CLIENT;
}

/* --- Wires */

static void wire_append(wire *w, const uint8_t *data, size_t len) {
    if (w->len + len > w->room) {
        w->room = (w->len + len) * 2;
        w->data = realloc(w->data, w->room);
        if (!w->data) {
            abort();
        }
    }
    if (len) {
        memcpy(w->data + w->len, data, len);
    }
    w->len += len;
}

/* Puts bytes on the wire, where the wire's fault may meet them. */
static void wire_put(wire *w, const uint8_t *data, size_t len) {
    size_t clean = len;
    if (w->fault.kind != FAULT_NONE && !w->hit && w->passed + len > w->fault.at) {
        clean = w->fault.at - w->passed;
    }
    w->passed += len;
    if (w->hit && (w->fault.kind == FAULT_CUT || w->fault.kind == FAULT_STALL)) {
        return;
    }
    wire_append(w, data, clean);
    if (clean == len) {
        return;
    }
    w->hit = true;
    if (w->fault.kind == FAULT_CUT) {
        w->ended = true;
    } else if (w->fault.kind == FAULT_INSERT) {
        wire_append(w, w->fault.data.data, w->fault.data.len);
        wire_append(w, data + clean, len - clean);
    } else if (w->fault.kind == FAULT_FLIP) {
        wire_append(w, data + clean, len - clean);
        w->data[w->len - (len - clean)] ^= 1;
    }
}

static size_t wire_waiting(const wire *w) {
    return w->len - w->taken;
}

/* --- The transport by callbacks */

static stls_result send_bytes(void *arg, const uint8_t *data, size_t len, size_t *done) {
    pair_transport_arg *a = arg;
    const pair_options *o = &a->pair->options;
    wire *w = &a->pair->wire[a->side];
    size_t n = o->chunk && len > o->chunk ? o->chunk : len;
    *done = 0;
    if (o->stutter && !(a->sent_last = !a->sent_last)) {
        return STLS_WANT_WRITE;
    }
    if (o->room && wire_waiting(w) >= o->room) {
        return STLS_WANT_WRITE;
    }
    if (o->room && n > o->room - wire_waiting(w)) {
        n = o->room - wire_waiting(w);
    }
    wire_put(w, data, n);
    *done = n;
    return STLS_OK;
}

static stls_result recv_bytes(void *arg, uint8_t *data, size_t size, size_t *done) {
    pair_transport_arg *a = arg;
    const pair_options *o = &a->pair->options;
    wire *w = &a->pair->wire[other(a->side)];
    size_t n = wire_waiting(w);
    *done = 0;
    if (o->stutter && !(a->received_last = !a->received_last)) {
        return STLS_WANT_READ;
    }
    if (n == 0) {
        return w->ended ? STLS_EOF : STLS_WANT_READ;
    }
    if (o->chunk && n > o->chunk) {
        n = o->chunk;
    }
    if (n > size) {
        n = size;
    }
    memcpy(data, w->data + w->taken, n);
    w->taken += n;
    *done = n;
    return STLS_OK;
}

/* --- Life */

static bool set_transports(pair *p) {
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_result r;
        stls_error error = {0};
        p->arg[s] = (pair_transport_arg){.pair = p, .side = s};
        if (p->options.transport == PAIR_MEMORY) {
            r = stls_conn_use_memory(p->conn[s], &error);
        } else if (p->options.transport == PAIR_CALLBACKS) {
            r = stls_conn_set_transport(p->conn[s], send_bytes, recv_bytes, &p->arg[s], &error);
        } else {
            r = stls_conn_set_fd(p->conn[s], p->fd[s], &error);
        }
        if (!CHECK_RESULT("the transport", r, STLS_OK, &error)) {
            return false;
        }
    }
    return true;
}

static bool make_sockets(pair *p) {
    if (!CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p->fd) == 0, "no socketpair")) {
        return false;
    }
    for (side s = CLIENT; s <= SERVER && p->options.transport == PAIR_SOCKETS; s++) {
        fcntl(p->fd[s], F_SETFL, O_NONBLOCK);
    }
    return true;
}

bool pair_open_on(pair *p, stls_context *client_context, const end *client,
                  stls_context *server_context, const pair_options *options) {
    stls_error error = {0};
    *p = (pair){.fd = {-1, -1}};
    if (options) {
        p->options = *options;
    }
    for (side s = CLIENT; s <= SERVER; s++) {
        p->wire[s].fault = p->options.fault[s];
    }
    if (!client_context || !server_context) {
        return false;
    }
    if (!CHECK_RESULT("the client's connection",
                      stls_conn_new(client_context, client->peer, &p->conn[CLIENT], &error),
                      STLS_OK, &error) ||
        !CHECK_RESULT("the server's connection",
                      stls_conn_new(server_context, NULL, &p->conn[SERVER], &error), STLS_OK,
                      &error)) {
        return false;
    }
    if (client->server_name &&
        !CHECK_RESULT("the server name",
                      stls_conn_set_server_name(p->conn[CLIENT],
                                                *client->server_name ? client->server_name : NULL,
                                                &error),
                      STLS_OK, &error)) {
        return false;
    }
    if (p->options.transport >= PAIR_SOCKETS && !make_sockets(p)) {
        return false;
    }
    return set_transports(p);
}

bool pair_open(pair *p, const end *client, const end *server, const pair_options *options) {
    stls_context *client_context = end_context(STLS_ROLE_CLIENT, client);
    stls_context *server_context = end_context(STLS_ROLE_SERVER, server);
    bool open = pair_open_on(p, client_context, client, server_context, options);
    stls_context_free(client_context);
    stls_context_free(server_context);
    return open;
}

void pair_hang_up(pair *p, side s) {
    stls_conn_free(p->conn[s]);
    p->conn[s] = NULL;
    p->wire[s].ended = true;
    if (p->fd[s] >= 0) {
        close(p->fd[s]);
    }
    p->fd[s] = -1;
}

void pair_close(pair *p) {
    for (side s = CLIENT; s <= SERVER; s++) {
        pair_hang_up(p, s);
        free(p->wire[s].data);
        p->wire[s].data = NULL;
    }
}

/* --- Moving */

/* From the connection of side `s` to its wire. */
static bool collect(pair *p, side s) {
    stls_bytes out;
    if (!p->conn[s]) {
        return false;
    }
    out = stls_conn_peek(p->conn[s]);
    if (out.len == 0) {
        return false;
    }
    if (p->options.chunk && out.len > p->options.chunk) {
        out.len = p->options.chunk;
    }
    wire_put(&p->wire[s], out.data, out.len);
    CHECK_RESULT("stls_conn_consume", stls_conn_consume(p->conn[s], out.len), STLS_OK, NULL);
    return true;
}

/* From the other side's wire to the connection of side `s`. */
static bool deliver(pair *p, side s) {
    wire *w = &p->wire[other(s)];
    size_t n = wire_waiting(w);
    if (!p->conn[s]) {
        return false;
    }
    if (n == 0) {
        if (!w->ended || p->told_eof[s]) {
            return false;
        }
        p->told_eof[s] = true;
        stls_conn_feed_eof(p->conn[s]);
        return true;
    }
    if (p->options.chunk && n > p->options.chunk) {
        n = p->options.chunk;
    }
    if (stls_conn_feed(p->conn[s], w->data + w->taken, n) == STLS_OK) {
        w->taken += n;
    } else {
        w->taken = w->len; /* a connection that has failed takes nothing more */
    }
    return true;
}

bool pair_move(pair *p) {
    bool moved = false;
    if (p->options.transport != PAIR_MEMORY) {
        return false;
    }
    for (side s = CLIENT; s <= SERVER; s++) {
        moved = collect(p, s) || moved;
    }
    for (side s = CLIENT; s <= SERVER; s++) {
        moved = deliver(p, s) || moved;
    }
    return moved;
}

static bool is_waiting(stls_result r) {
    return r == STLS_NOT_DONE || r == STLS_WANT_READ || r == STLS_WANT_WRITE;
}

/* Whether side `s` could go on: something waits for it, or it can send. With callbacks and sockets
 * nothing is moved by us, so this is how a pair that waits for ever is told from one that has been
 * interrupted. */
static bool may_go_on(const pair *p, side s, stls_result last) {
    if (p->options.transport == PAIR_MEMORY) {
        return false; /* pair_move() tells */
    }
    if (last == STLS_WANT_WRITE || last == STLS_NOT_DONE) {
        return true;
    }
    if (p->options.transport == PAIR_CALLBACKS) {
        const wire *w = &p->wire[other(s)];
        return wire_waiting(w) > 0 || w->ended || (p->options.stutter && !p->arg[s].received_last);
    }
    struct pollfd poll_fd = {.fd = p->fd[s], .events = POLLIN};
    return poll(&poll_fd, 1, 0) > 0;
}

/* One step of the handshake on each side that is not through. True if it led anywhere. */
static bool step(pair *p) {
    bool moved = pair_move(p);
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_result before = p->handshake[s];
        if (!p->conn[s] || !is_waiting(before)) {
            continue;
        }
        bool may = may_go_on(p, s, before);
        p->handshake[s] = stls_conn_handshake(p->conn[s]);
        moved = moved || may || p->handshake[s] != before;
    }
    return moved;
}

void pair_handshake(pair *p) {
    unsigned steps = 0;
    /* Two steps without effect: what the first left behind is moved by the second. */
    for (unsigned idle = 0; idle < 3 && steps < STEPS_MAX; steps++) {
        idle = step(p) ? 0 : idle + 1;
    }
    CHECK(steps < STEPS_MAX, "the handshake goes on for ever: client %s, server %s",
          stls_result_name(p->handshake[CLIENT]), stls_result_name(p->handshake[SERVER]));
}

bool pair_connect(pair *p) {
    pair_handshake(p);
    bool client = CHECK_RESULT("the client's handshake", p->handshake[CLIENT], STLS_OK,
                               pair_error(p, CLIENT));
    return CHECK_RESULT("the server's handshake", p->handshake[SERVER], STLS_OK,
                        pair_error(p, SERVER)) &&
           client;
}

stls_result pair_read(pair *p, side s, void *data, size_t size, size_t *done) {
    stls_result r;
    unsigned steps = 0;
    do {
        bool moved = pair_move(p);
        r = stls_conn_read(p->conn[s], data, size, done);
        if (r != STLS_WANT_READ && r != STLS_WANT_WRITE) {
            return r;
        }
        if (!moved && !may_go_on(p, s, r) && !pair_move(p)) {
            return r;
        }
    } while (++steps < STEPS_MAX);
    CHECK(false, "a read goes on for ever");
    return r;
}

stls_result pair_outcome(pair *p, side s) {
    uint8_t byte;
    size_t done;
    stls_result r = p->handshake[s];
    if (r == STLS_OK) {
        r = pair_read(p, s, &byte, 1, &done);
        CHECK(r != STLS_OK, "the %s read data that nobody wrote", side_text(s));
        if (r == STLS_WANT_READ) {
            r = STLS_OK;
        }
    }
    return r;
}

/* --- Data */

/* A byte that differs from its neighbours and from the same place of another transfer. */
static uint8_t pattern(size_t at, size_t len) {
    return (uint8_t)(at * 7 + (at >> 8) * 13 + len);
}

/* Writes what is left of `data`; after a WANT the next call passes the bytes at another address, if
 * the test wants that, and the old place holds something else. */
static stls_result write_some(pair *p, side s, const uint8_t *data, size_t len, size_t *done) {
    uint8_t *copy;
    stls_result r;
    if (!p->options.move) {
        return stls_conn_write(p->conn[s], data, len, done);
    }
    copy = malloc(len ? len : 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, data, len);
    r = stls_conn_write(p->conn[s], copy, len, done);
    memset(copy, 0xee, len);
    free(copy);
    return r;
}

/* Bytes that have gone in or out of the wires: more of them is progress, although no call said OK.
 */
static size_t traffic(const pair *p) {
    return p->wire[CLIENT].passed + p->wire[CLIENT].taken + p->wire[SERVER].passed +
           p->wire[SERVER].taken;
}

static bool transfer(pair *p, side from, const uint8_t *data, size_t len, uint8_t *got) {
    size_t written = 0, received = 0, done;
    unsigned idle = 0, steps = 0;
    while (received < len && idle < 4 && steps++ < STEPS_MAX) {
        size_t before = traffic(p);
        bool moved = pair_move(p);
        stls_result r;
        if (written < len) {
            done = 0;
            r = write_some(p, from, data + written, len - written, &done);
            if (r != STLS_OK && r != STLS_WANT_WRITE && r != STLS_WANT_READ) {
                return CHECK_RESULT("stls_conn_write", r, STLS_OK, pair_error(p, from));
            }
            if (r == STLS_OK && !CHECK(done > 0 && done <= len - written,
                                       "stls_conn_write: %zu of %zu bytes", done, len - written)) {
                return false;
            }
            written += r == STLS_OK ? done : 0;
            moved = moved || r == STLS_OK;
        } else {
            /* What the core still holds back leaves with the next call. */
            stls_conn_write(p->conn[from], data, 0, &done);
        }
        done = 0;
        r = stls_conn_read(p->conn[other(from)], got + received, len - received, &done);
        if (r != STLS_OK && r != STLS_WANT_WRITE && r != STLS_WANT_READ) {
            return CHECK_RESULT("stls_conn_read", r, STLS_OK, pair_error(p, other(from)));
        }
        if (r == STLS_OK && !CHECK(done > 0 && done <= len - received,
                                   "stls_conn_read: %zu of %zu bytes", done, len - received)) {
            return false;
        }
        received += r == STLS_OK ? done : 0;
        idle = moved || r == STLS_OK || traffic(p) > before ? 0 : idle + 1;
    }
    return CHECK(received == len, "%zu of %zu bytes were written and %zu arrived at the %s",
                 written, len, received, side_text(other(from)));
}

bool pair_transfer(pair *p, side from, size_t len) {
    uint8_t *data = malloc(len), *got = calloc(len, 1);
    bool ok;
    if (!data || !got) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(i, len);
    }
    ok = transfer(p, from, data, len, got) &&
         CHECK_BYTES("what arrived", ((stls_bytes){got, len}), ((stls_bytes){data, len}));
    free(data);
    free(got);
    return ok;
}

bool pair_echo(pair *p, size_t len) {
    return pair_transfer(p, CLIENT, len) && pair_transfer(p, SERVER, len);
}

static stls_result close_side(pair *p, side s) {
    stls_result r = STLS_WANT_WRITE;
    for (unsigned steps = 0; r == STLS_WANT_WRITE && steps < 1000; steps++) {
        r = stls_conn_close(p->conn[s]);
    }
    return r;
}

bool pair_shut(pair *p) {
    uint8_t byte;
    size_t done;
    bool ok = true;
    for (side s = CLIENT; s <= SERVER; s++) {
        ok = CHECK_RESULT("stls_conn_close", close_side(p, s), STLS_OK, pair_error(p, s)) && ok;
        ok = CHECK_RESULT("the read of the other side", pair_read(p, other(s), &byte, 1, &done),
                          STLS_CLOSED, pair_error(p, other(s))) &&
             ok;
    }
    return ok;
}

/* --- What is known */

const stls_error *pair_error(const pair *p, side s) {
    return stls_conn_error(p->conn[s]);
}

const stls_verdict *pair_verdict(const pair *p, side s) {
    return stls_conn_verdict(p->conn[s]);
}

void pair_check_info(pair *p) {
    stls_conn_info client, server;
    stls_conn_get_info(p->conn[CLIENT], &client);
    stls_conn_get_info(p->conn[SERVER], &server);
    CHECK_NUMBER("the version on both ends", client.version, server.version);
    CHECK_TEXT("the suite on both ends", code_text(STLS_REGISTRY_SUITE, client.suite),
               code_text(STLS_REGISTRY_SUITE, server.suite));
    if (client.group && server.group) {
        CHECK_TEXT("the group on both ends", code_text(STLS_REGISTRY_GROUP, client.group),
                   code_text(STLS_REGISTRY_GROUP, server.group));
    }
    CHECK_TEXT("the ALPN protocol on both ends", client.alpn, server.alpn);
    CHECK_TEXT("the server name on both ends", client.server_name, server.server_name);
    if (p->options.transport == PAIR_MEMORY) {
        pair_move(p);
    }
    CHECK_NUMBER("bytes from the client", server.bytes_in, client.bytes_out);
    CHECK_NUMBER("bytes from the server", client.bytes_in, server.bytes_out);
}
