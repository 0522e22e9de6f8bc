/* Whole connections: a client or a server of the backend that this target is built for, and a peer
 * of any, between whom somebody changes what the peer sends (tests/fuzz/whole/middle.h).
 *
 * Whatever comes, the target answers each record in one step, never says that the handshake is
 * complete unless all of the peer's handshake was handed on as it was sent and the peer was judged,
 * gives out no data that the peer did not write, ends with one error for good and a sentence, and
 * keeps nothing.
 *
 * The input: an octet for the kind of connection, one for how the bytes arrive, then orders.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/fuzz/whole/middle.h"
#include "tests/fuzz/whole/rig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

enum { HEAD = 2, ROUNDS_MAX = 64, TEXT_LEN = 300 };

/* The first octet. */
enum {
    TARGET_IS_SERVER = 1 << 0,
    PEER_BACKEND = 1, /* two bits from there on */
    VERSION = 3,      /* the same */
    MUTUAL = 1 << 5,
    RESUMES = 1 << 6,
};

/* The second. */
enum { BY_OCTETS = 1 << 0, THEN_ENDS = 1 << 1 };

static rig_kind kind_of(uint8_t choice) {
    static const uint16_t versions[] = {STLS_TLS1_3, STLS_TLS1_2, 0, STLS_TLS1_3};
    const stls_backend *peer = rig_peer_backend(choice >> PEER_BACKEND & 3);
    bool server = (choice & TARGET_IS_SERVER) != 0;
    return (rig_kind){.client = server ? peer : rig_backend(),
                      .server = server ? rig_backend() : peer,
                      .version = versions[choice >> VERSION & 3],
                      .mutual = (choice & MUTUAL) != 0};
}

/* --- The target */

typedef struct target {
    stls_conn *conn;
    stls_role role;
    const rig_kind *kind;
    const middle *between;
    bool through;        /* its handshake is complete */
    stls_result failure; /* its last word; STLS_NOT_DONE: none yet */
    size_t got;          /* of the peer's text */
} target;

static uint8_t letter(size_t at) {
    return (uint8_t)('a' + at % 23);
}

static void check_complete(const target *t) {
    stls_conn_info info;
    stls_conn_get_info(t->conn, &info);
    must(middle_is_faithful(t->between), "complete only with the handshake that the peer sent");
    must(info.version == STLS_TLS1_2 || info.version == STLS_TLS1_3, "a version of ours");
    must(t->kind->version == 0 || info.version == t->kind->version,
         "the version that was asked for");
    if (t->role == STLS_ROLE_CLIENT || t->kind->mutual) {
        must(stls_conn_verdict(t->conn)->state == STLS_VERDICT_ACCEPTED, "the peer was accepted");
        must(stls_conn_peer_count(t->conn) > 0, "the peer's certificates are known");
        must(stls_conn_is_secure(t->conn), "the lock is closed");
    }
}

static void check_failure(target *t, stls_result result) {
    const stls_error *error = stls_conn_error(t->conn);
    size_t done;
    uint8_t octet;
    must(result < 0 || result == STLS_EOF || result == STLS_CLOSED, "an end is one of those");
    must(error->result == result && error->text[0] != '\0', "an end has a sentence");
    for (const char *at = error->text; *at != '\0'; at++) {
        must(*at >= ' ' && *at <= '~', "a sentence can be read");
    }
    if (!t->through) {
        must(!stls_conn_is_secure(t->conn), "the lock is open without a handshake");
        must(stls_conn_handshake(t->conn) == result, "the handshake stays as it ended");
    }
    must(stls_conn_read(t->conn, &octet, 1, &done) == result, "reading stays as it ended");
    t->failure = result;
}

static void shake(target *t) {
    stls_result result = stls_conn_handshake(t->conn);
    if (result == STLS_OK) {
        t->through = true;
        check_complete(t);
    } else if (result != STLS_WANT_READ) {
        check_failure(t, result);
    }
}

static void take_text(target *t) {
    uint8_t text[128];
    size_t done = 0;
    stls_result result;
    while ((result = stls_conn_read(t->conn, text, sizeof text, &done)) == STLS_OK) {
        must(done > 0 && done <= sizeof text, "a read gives something");
        for (size_t i = 0; i < done && !middle_changed_data(t->between); i++) {
            must(t->got < 2 * TEXT_LEN && text[i] == letter(t->got), "only what the peer wrote");
            t->got++;
        }
    }
    if (result != STLS_WANT_READ) {
        check_failure(t, result);
    }
}

static void step(target *t) {
    if (t->failure == STLS_NOT_DONE && !t->through) {
        shake(t);
    }
    if (t->failure == STLS_NOT_DONE && t->through) {
        take_text(t);
    }
}

static void give(target *t, stls_bytes record, bool by_octets) {
    size_t piece = by_octets ? 1 : record.len;
    for (size_t at = 0; at < record.len; at += piece) {
        stls_result result = stls_conn_feed(t->conn, record.data + at, piece);
        must(result == STLS_OK || t->failure != STLS_NOT_DONE, "what comes is taken");
        step(t);
    }
}

/* --- The peer: no more is asked of it than to be there */

static void step_peer(stls_conn *peer, bool *wrote) {
    uint8_t text[TEXT_LEN];
    size_t done;
    if (stls_conn_handshake(peer) != STLS_OK) {
        return;
    }
    rig_drain(peer);
    for (unsigned i = 0; i < 2 && !*wrote; i++) {
        for (size_t at = 0; at < TEXT_LEN; at++) {
            text[at] = letter(i * TEXT_LEN + at);
        }
        (void)stls_conn_write(peer, text, TEXT_LEN, &done);
    }
    *wrote = true;
}

static bool pump(target *t, stls_conn *peer, middle *m, bool by_octets, bool *wrote) {
    stls_bytes sent, record;
    bool moved = false;
    step_peer(peer, wrote);
    sent = stls_conn_peek(peer);
    middle_take(m, sent);
    moved = sent.len != 0;
    stls_conn_consume(peer, sent.len);
    while (middle_next(m, &record)) {
        give(t, record, by_octets);
    }
    moved = moved || stls_conn_peek(t->conn).len != 0;
    sent = stls_conn_peek(t->conn);
    (void)stls_conn_feed(peer, sent.data, sent.len);
    stls_conn_consume(t->conn, sent.len);
    return moved;
}

static void run(target *t, stls_conn *peer, middle *m, uint8_t how) {
    bool wrote = false;
    unsigned rounds = 0;
    step(t);
    (void)pump(t, peer, m, false, &wrote);
    while (pump(t, peer, m, (how & BY_OCTETS) != 0, &wrote)) {
        must(++rounds < ROUNDS_MAX, "two ends come to an end");
    }
    if ((how & THEN_ENDS) != 0 && t->failure == STLS_NOT_DONE) {
        must(stls_conn_feed_eof(t->conn) == STLS_OK, "the end is taken");
        step(t);
        must(t->failure != STLS_NOT_DONE, "the end is told");
    }
    must(stls_conn_close(t->conn) == STLS_OK, "closing is always allowed");
}

static void resume_first(const rig_kind *kind) {
    stls_conn *client = rig_client(kind), *server = rig_server(kind);
    must(rig_join(client, server), "an untouched handshake comes about");
    rig_drain(client);
    stls_conn_free(client);
    stls_conn_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD) {
        return 0;
    }
    const rig_kind kind = kind_of(data[0]);
    rig_begin();
    if ((data[0] & RESUMES) != 0) {
        resume_first(&kind);
        rig_forget_secrets();
    }
    bool is_server = (data[0] & TARGET_IS_SERVER) != 0;
    stls_conn *client = rig_client(&kind), *server = rig_server(&kind);
    stls_conn *peer = is_server ? client : server;
    middle *m = middle_new(is_server ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
                           (stls_bytes){data + HEAD, size - HEAD});
    target t = {.conn = is_server ? server : client,
                .role = is_server ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT,
                .kind = &kind,
                .between = m};
    run(&t, peer, m, data[1]);
    if (size < HEAD + ORDER_HEADER) { /* no orders */
        must(t.through && t.got == 2 * TEXT_LEN, "an untouched connection comes about");
    }
    stls_conn_free(client);
    stls_conn_free(server);
    middle_free(m);
    return 0;
}

/* --- Inputs out of inputs */

typedef struct row {
    order at[ORDERS_MAX];
    size_t count;
    uint8_t data[256]; /* of the one that was changed */
} row;

static void change_one(row *r, uint8_t *room, uint32_t pick) {
    order *o = &r->at[pick % r->count];
    switch (pick >> 8 & 7) {
    case 0:
        o->kind = (order_kind)(pick >> 16 & 15);
        break;
    case 1:
        o->record = (uint8_t)(pick >> 16 & 7);
        break;
    case 2: /* in front, where the headers are */
        o->place = (uint16_t)(pick >> 16 & 63);
        break;
    case 3:
        o->place = (uint16_t)(pick >> 16 & 0x7ff);
        break;
    case 4:
        o->value = (uint16_t)(pick >> 16 & 63);
        break;
    default:
        if (o->data.len != 0) {
            memcpy(room, o->data.data, o->data.len);
        }
        o->data = (stls_bytes){room, LLVMFuzzerMutate(room, o->data.len, 255)};
        break;
    }
}

static void add_one(row *r, uint32_t pick) {
    if (r->count < ORDERS_MAX) {
        order *o = &r->at[r->count++];
        *o = (order){.kind = (order_kind)(pick >> 8 & 15),
                     .record = (uint8_t)(pick >> 12 & 7),
                     .place = (uint16_t)(pick >> 15 & 0xff),
                     .value = (uint16_t)(pick >> 23 & 0x3f)};
    }
}

/* Orders stay orders: one is changed, made, taken away or moved. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    static row r;
    uint32_t pick = seed * 2654435761u;
    uint8_t out[HEAD + ORDERS_MAX * (ORDER_HEADER + 255)];
    stls_bytes rest = {data + HEAD, size > HEAD ? size - HEAD : 0};
    r.count = 0;
    while (r.count < ORDERS_MAX && order_read(&rest, &r.at[r.count])) {
        r.count++;
    }
    memcpy(out, size >= HEAD ? data : (const uint8_t *)"\0", HEAD);
    if (pick >> 24 < 24) {
        out[pick & 1] ^= (uint8_t)(1u << (pick >> 1 & 7));
    } else if (r.count == 0 || pick >> 24 < 80) {
        add_one(&r, pick);
    } else if (pick >> 24 < 100) {
        r.at[pick % r.count] = r.at[--r.count];
    } else {
        change_one(&r, r.data, pick);
    }
    size_t len = HEAD;
    for (size_t i = 0; i < r.count && len + ORDER_HEADER + r.at[i].data.len <= max_size; i++) {
        len += order_write(&r.at[i], out + len);
    }
    memcpy(data, out, len < max_size ? len : max_size);
    return len < max_size ? len : max_size;
}
