/* SPDX-License-Identifier: MIT */
#include "tests/torture/run.h"
#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TURNS_MAX = 400000,
    IDLE_MAX = 40,        /* turns in which nothing moves: nothing will */
    IDLE_BY_CHANCE = 400, /* the same, where calls wait by chance */
    BACKENDS = 3,
    SESSION_SIZE = 32 * 1024,
};

const char *kind_text(kind k) {
    static const char *const names[] = {"full", "mutual", "resumed"};
    return names[k];
}

static side other(side s) {
    return s == CLIENT ? SERVER : CLIENT;
}

/* --- Contexts, made once */

typedef struct stage {
    stls_context *context[2];
    stls_session_cache *cache;
    uint8_t session[SESSION_SIZE];
    size_t session_len;
} stage;

static stage stages[BACKENDS][BACKENDS][2][KINDS];
static const uint8_t session_key[STLS_SESSION_KEY_LEN] = {7};

static size_t index_of(const stls_backend *backend) {
    size_t i = 0;
    while (stls_backend_at(i) != backend) {
        i++;
    }
    return i;
}

static const stls_backend *backend_of(const plan *p, side s) {
    return p->backend[s] ? p->backend[s] : test_backend();
}

static bool make_context(stage *g, const plan *p, side s) {
    static const unsigned deadline = DEADLINE_MS;
    bool mutual = p->kind == MUTUAL;
    const end ends[] = {
        {.backend = backend_of(p, CLIENT),
         .trust = "root",
         .peer = "example.test",
         .credential = mutual ? "phone" : NULL,
         .version = p->version,
         .groups = "x25519:secp256r1",
         .timeout_ms = &deadline},
        {.backend = backend_of(p, SERVER),
         .credential = "server",
         .trust = "root",
         .verify = mutual ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE,
         .version = p->version,
         .groups = "x25519:secp256r1",
         .timeout_ms = &deadline},
    };
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_result r = end_try_profile(s == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER, &ends[s],
                                    &profile, &error);
    if (r == STLS_OK && s == CLIENT) {
        g->cache = stls_session_cache_new(8);
        r = stls_profile_set_session_cache(profile, g->cache, &error);
    }
    if (r == STLS_OK) {
        r = stls_context_new(profile, &g->context[s], &error);
    }
    stls_profile_free(profile);
    return CHECK_RESULT("a context", r, STLS_OK, &error);
}

static void free_stage(stage *g) {
    stls_context_free(g->context[CLIENT]);
    stls_context_free(g->context[SERVER]);
    stls_session_cache_free(g->cache);
    *g = (stage){.session_len = 0};
}

void forget_contexts(void) {
    stage *first = &stages[0][0][0][0];
    for (size_t i = 0; i < sizeof stages / sizeof *first; i++) {
        free_stage(first + i);
    }
}

/* A session that each run starts from, so that a ticket that a failed run has used up does not make
 * the next one a full handshake. */
static bool make_session(stage *g, const plan *p) {
    plan first = {.backend = {p->backend[CLIENT], p->backend[SERVER]},
                  .version = p->version,
                  .kind = RESUMED,
                  .message = {10, 10}};
    stls_error error = {0};
    run r;
    g->session_len = SESSION_SIZE; /* so that this run needs none */
    stls_session_cache_clear(g->cache);
    if (run_open(&r, &first)) {
        run_go(&r);
    }
    run_close(&r);
    return CHECK_RESULT("the session of a first connection",
                        stls_context_export_session(g->context[CLIENT], "example.test", session_key,
                                                    g->session, SESSION_SIZE, &g->session_len,
                                                    &error),
                        STLS_OK, &error);
}

static stage *stage_of(const plan *p) {
    stage *g = &stages[index_of(backend_of(p, CLIENT))][index_of(backend_of(p, SERVER))]
                      [p->version == STLS_TLS1_3][p->kind];
    stls_error error = {0};
    for (side s = CLIENT; s <= SERVER; s++) {
        if (!g->context[s] && !make_context(g, p, s)) {
            return NULL;
        }
    }
    if (p->kind == RESUMED && g->session_len == 0 && !make_session(g, p)) {
        return NULL;
    }
    stls_session_cache_clear(g->cache);
    if (p->kind == RESUMED && g->session_len < SESSION_SIZE &&
        !CHECK_RESULT("the session taken back",
                      stls_context_import_session(g->context[CLIENT], session_key, g->session,
                                                  g->session_len, &error),
                      STLS_OK, &error)) {
        return NULL;
    }
    return g;
}

/* --- Life */

bool plan_connections(const plan *p, stls_conn *conn[2]) {
    const stage *g = stage_of(p);
    stls_error error = {0};
    for (side s = CLIENT; g && s <= SERVER; s++) {
        if (!CHECK_RESULT(
                "a connection",
                stls_conn_new(g->context[s], s == CLIENT ? "example.test" : NULL, &conn[s], &error),
                STLS_OK, &error)) {
            return false;
        }
    }
    return g != NULL;
}

bool run_open(run *r, const plan *p) {
    stls_conn *conn[2] = {NULL, NULL};
    stls_error error = {0};
    *r = (run){
        .plan = p,
        .line = {.schedule = p->schedule, .trouble = p->trouble, .random = p->schedule.random}};
    bool open = plan_connections(p, conn);
    for (side s = CLIENT; s <= SERVER; s++) {
        r->party[s].conn = conn[s];
        r->end[s] = (line_end){&r->line, s};
        open = open &&
               CHECK_RESULT("the transport",
                            p->memory[s] ? stls_conn_use_memory(conn[s], &error)
                                         : stls_conn_set_transport(conn[s], line_send, line_recv,
                                                                   &r->end[s], &error),
                            STLS_OK, &error);
    }
    return open;
}

void run_close(run *r) {
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_conn_free(r->party[s].conn);
        r->party[s].conn = NULL;
    }
    line_free(&r->line);
}

/* --- The memory transport, moved by hand */

static void pump_out(run *r, side s) {
    stls_bytes out;
    size_t done;
    while ((out = stls_conn_peek(r->party[s].conn)).len > 0) {
        stls_result result = line_send(&r->end[s], out.data, out.len, &done);
        if (result == STLS_E_TRANSPORT) {
            done = out.len; /* it goes nowhere */
        } else if (result != STLS_OK) {
            break;
        }
        stls_conn_consume(r->party[s].conn, done);
    }
}

static void pump_in(run *r, side s) {
    uint8_t data[4096];
    size_t done;
    stls_result result;
    while ((result = line_recv(&r->end[s], data, sizeof data, &done)) == STLS_OK) {
        CHECK_RESULT("stls_conn_feed", stls_conn_feed(r->party[s].conn, data, done), STLS_OK, NULL);
    }
    if (result != STLS_WANT_READ && !r->fed_eof[s]) {
        r->fed_eof[s] = true;
        stls_conn_feed_eof(r->party[s].conn);
    }
}

/* --- Failures */

static size_t bytes_out(const run *r, side s) {
    return r->line.from[s].sent + stls_conn_peek(r->party[s].conn).len;
}

void check_stays_failed(run *r, side s, stls_result result) {
    stls_conn *conn = r->party[s].conn;
    size_t before = bytes_out(r, s), done = 1;
    uint8_t byte = 0;
    CHECK_RESULT("a handshake after the failure", stls_conn_handshake(conn), result, NULL);
    CHECK_RESULT("a read after the failure", stls_conn_read(conn, &byte, 1, &done), result, NULL);
    CHECK_NUMBER("bytes read after the failure", done, 0);
    CHECK_RESULT("a write after the failure", stls_conn_write(conn, "x", 1, &done), result, NULL);
    CHECK_NUMBER("bytes written after the failure", done, 0);
    CHECK_RESULT("a key update after the failure", stls_conn_update_keys(conn, true), result, NULL);
    CHECK_RESULT("a close after the failure", stls_conn_close(conn), STLS_OK, NULL);
    CHECK_RESULT("the error's result", stls_conn_error(conn)->result, result, NULL);
    CHECK(!stls_conn_is_secure(conn), "the %s failed and is secure", side_text(s));
    CHECK(!stls_conn_pending(conn), "something is pending after the failure");
    CHECK_NUMBER("the deadline after the failure", stls_conn_deadline(conn), -1);
    CHECK_NUMBER("bytes sent after the failure", bytes_out(r, s) - before, 0);
}

/* OpenSSL 3.0 calls a record of TLS 1.2 that is too short for its cipher, such as a second
 * ChangeCipherSpec, an internal error, and says so to the peer. wolfSSL has one code for a record
 * of another version and for a version that is not shared. */
static bool is_misnamed(const plan *p, side reader, const stls_error *e) {
    const char *name = stls_backend_name(backend_of(p, reader));
    trouble_kind met = p->trouble.kind;
    return ((met == TROUBLE_REPEAT || met == TROUBLE_DOUBLE) && p->version == STLS_TLS1_2 &&
            strcmp(name, "openssl") == 0 && e->result == STLS_E_BACKEND && e->alert_sent == 80) ||
           (met == TROUBLE_DOUBLE && strcmp(name, "wolfssl") == 0 &&
            e->result == STLS_E_NOTHING_SHARED && strstr(e->text, "record layer version"));
}

/* The sentence says what happened, and where. */
static void check_sentence(const run *r, side s, bool shaking_hands) {
    const stls_error *e = stls_conn_error(r->party[s].conn);
    static const struct {
        stls_result result;
        const char *what;
    } words[] = {
        {STLS_EOF, "close"},         {STLS_CLOSED, "closed the TLS connection"},
        {STLS_E_TRANSPORT, "broke"}, {STLS_E_TIMEOUT, " ms"},
        {STLS_E_ALERT, "alert"},     {STLS_E_PROTOCOL, "broke the TLS protocol during"},
    };
    bool known = is_misnamed(r->plan, s, e);
    for (size_t i = 0; i < COUNT(words); i++) {
        if (words[i].result == e->result) {
            known = true;
            CHECK_CONTAINS("the sentence", e->text, words[i].what);
        }
    }
    CHECK(known, "an end that no line's trouble explains: %s (\"%s\"), alert %d",
          stls_result_name(e->result), e->text, e->alert_sent);
    if (shaking_hands) {
        CHECK(is_misnamed(r->plan, s, e) || strstr(e->text, "handshake") ||
                  strstr(e->text, "without having sent a byte") || strstr(e->text, "sent nothing"),
              "\"%s\" does not say that it was the handshake", e->text);
    } else {
        CHECK(!strstr(e->text, "handshake"), "\"%s\" speaks of the handshake", e->text);
    }
}

/* Side `s` goes away: what it has said can still be read. */
static void hang_up(run *r, side s) {
    party *who = &r->party[s];
    if (r->plan->memory[s]) {
        pump_out(r, s);
        if (stls_conn_peek(who->conn).len > 0) {
            return; /* again in the next turn */
        }
    }
    who->gone = true;
    who->error = *stls_conn_error(who->conn);
    line_hang_up(&r->line, s);
}

static bool is_waiting(stls_result r) {
    return r == STLS_NOT_DONE || r == STLS_WANT_READ || r == STLS_WANT_WRITE;
}

static void fail(run *r, side s, stls_result result, bool shaking_hands) {
    check_stays_failed(r, s, result);
    check_sentence(r, s, shaking_hands);
}

/* --- A turn of one side */

/* A byte that differs from its neighbours, and from the same place of the other side's message. */
static uint8_t pattern(side from, size_t at) {
    return (uint8_t)(at * 7 + (at >> 8) * 13 + (from == CLIENT ? 0 : 101));
}

static void take_handshake(run *r, side s) {
    party *who = &r->party[s];
    stls_conn_info info;
    who->handshake = stls_conn_handshake(who->conn);
    if (who->handshake == STLS_OK) {
        stls_conn_get_info(who->conn, &info);
        who->resumed = info.resumed;
        CHECK_NUMBER("the deadline after the handshake", stls_conn_deadline(who->conn), -1);
    } else if (is_waiting(who->handshake)) {
        CHECK(!stls_conn_is_secure(who->conn), "secure without a whole handshake");
    } else {
        who->in = who->out = who->handshake;
        fail(r, s, who->handshake, true);
    }
}

static void take_write(run *r, side s) {
    const plan *p = r->plan;
    party *who = &r->party[s];
    size_t len = p->message[s] - who->written, done = 0;
    uint8_t *data;
    stls_result result;
    len = p->write[s] && len > p->write[s] ? p->write[s] : len;
    data = malloc(len + 1);
    if (!data) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(s, who->written + i);
    }
    result = stls_conn_write(who->conn, data, len, &done);
    memset(data, 0xee, len); /* what waits must not depend on the caller's bytes */
    free(data);
    if (result == STLS_OK) {
        CHECK(len == 0 || (done > 0 && done <= len), "stls_conn_write: %zu of %zu bytes", done,
              len);
        who->written += done;
        who->out = who->written == p->message[s] ? STLS_OK : STLS_NOT_DONE;
        return;
    }
    CHECK_NUMBER("bytes of a write that did not answer OK", done, 0);
    if (result == STLS_E_TRANSPORT) { /* what the peer has sent before may still be read */
        who->out = result;
        CHECK_RESULT("another write", stls_conn_write(who->conn, "x", 1, &done), result, NULL);
        check_sentence(r, s, false);
    } else if (!is_waiting(result)) {
        who->out = who->in = result;
        fail(r, s, result, false);
    }
}

static void end_reading(run *r, side s, stls_result result) {
    party *who = &r->party[s];
    uint8_t byte;
    size_t done;
    who->in = result;
    CHECK_RESULT("the error's result", stls_conn_error(who->conn)->result, result, NULL);
    if (result == STLS_CLOSED || result == STLS_EOF) {
        CHECK_RESULT("the next read", stls_conn_read(who->conn, &byte, 1, &done), result, NULL);
        CHECK(!stls_conn_pending(who->conn), "something is pending behind the end");
        check_sentence(r, s, false);
    } else {
        who->out = who->out == STLS_OK ? STLS_OK : result;
        fail(r, s, result, false);
    }
}

static void take_read(run *r, side s) {
    const plan *p = r->plan;
    party *who = &r->party[s];
    uint8_t data[4096];
    size_t size = p->read[s] ? p->read[s] : sizeof data, done = 0;
    stls_result result = STLS_OK;
    while (result == STLS_OK) {
        result = stls_conn_read(who->conn, data, size, &done);
        CHECK((result == STLS_OK) == (done > 0) && done <= size,
              "stls_conn_read: %s with %zu bytes", stls_result_name(result), done);
        for (size_t i = 0; i < done; i++) {
            if (data[i] != pattern(other(s), who->got + i)) {
                CHECK(false, "byte %zu that the %s reads is not the one that was written",
                      who->got + i, side_text(s));
                i = done;
            }
        }
        who->got += done;
    }
    if (!is_waiting(result)) {
        end_reading(r, s, result);
    }
}

static void take_close(run *r, side s) {
    party *who = &r->party[s];
    stls_result result = stls_conn_close(who->conn);
    who->closed = CHECK(result == STLS_OK || result == STLS_WANT_WRITE, "stls_conn_close: %s",
                        stls_result_name(result)) &&
                  result == STLS_OK;
}

static void take_update(run *r, side s) {
    stls_conn *conn = r->party[s].conn;
    stls_result result = stls_conn_update_keys(conn, true);
    r->party[s].updates++;
    CHECK(result == STLS_OK || result == STLS_WANT_WRITE || result == STLS_E_TRANSPORT ||
              result == STLS_E_STATE,
          "stls_conn_update_keys: %s (\"%s\")", stls_result_name(result),
          stls_conn_error(conn)->text);
}

static void take_turn(run *r, side s) {
    const plan *p = r->plan;
    party *who = &r->party[s];
    if (who->gone) {
        return;
    }
    if (p->memory[s]) {
        pump_in(r, s);
    }
    if (is_waiting(who->handshake)) {
        take_handshake(r, s);
    }
    if (who->handshake == STLS_OK) {
        if (who->updates < p->updates && !who->closed && line_random(&r->line.random, 4) == 0) {
            take_update(r, s);
        }
        if (who->out == STLS_NOT_DONE) {
            take_write(r, s);
        }
        if (who->in == STLS_NOT_DONE) {
            take_read(r, s);
        }
        bool has_all = who->in != STLS_NOT_DONE || who->got == p->message[other(s)];
        if (!who->closed && who->out != STLS_NOT_DONE && (p->early[s] || has_all)) {
            take_close(r, s);
        }
    }
    bool failed = !is_waiting(who->handshake) && who->handshake != STLS_OK;
    if (failed || (who->closed && who->in != STLS_NOT_DONE)) {
        hang_up(r, s);
    } else if (p->memory[s]) {
        pump_out(r, s);
    }
}

/* --- The whole */

static size_t traffic(const run *r) {
    size_t sum = 0;
    for (side s = CLIENT; s <= SERVER; s++) {
        const party *who = &r->party[s];
        sum += r->line.from[s].sent + r->line.from[s].taken + r->line.from[s].visible +
               who->written + who->got + who->updates + who->closed + who->gone +
               (who->in != STLS_NOT_DONE) + (who->out != STLS_NOT_DONE) +
               (who->handshake == STLS_OK);
    }
    return sum;
}

static void turns(run *r, unsigned most) {
    unsigned idle_max =
        (r->plan->schedule.random ? IDLE_BY_CHANCE : IDLE_MAX) + 4 * r->plan->schedule.delay;
    unsigned turn = 0;
    for (unsigned idle = 0; idle < idle_max && turn < most; turn++) {
        size_t before = traffic(r);
        for (side s = CLIENT; s <= SERVER; s++) {
            take_turn(r, s);
            line_deliver(&r->line, s);
        }
        idle = traffic(r) > before ? 0 : idle + 1;
        if (r->party[CLIENT].gone && r->party[SERVER].gone) {
            return;
        }
    }
    CHECK(turn < most || most < TURNS_MAX, "it goes on for ever: client %s, server %s",
          stls_result_name(r->party[CLIENT].handshake),
          stls_result_name(r->party[SERVER].handshake));
}

/* Nothing moves: a handshake gets to its deadline, and who waits open gives up. */
static void give_up(run *r) {
    bool stalled = r->line.from[CLIENT].hit || r->line.from[SERVER].hit;
    trouble_kind met = r->plan->trouble.kind; /* bytes in the place of a length announce more */
    CHECK(stalled && (met == TROUBLE_STALL || met == TROUBLE_DOUBLE),
          "it hangs: the client's handshake %s, written %zu, read %zu; the server's %s, %zu, %zu",
          stls_result_name(r->party[CLIENT].handshake), r->party[CLIENT].written,
          r->party[CLIENT].got, stls_result_name(r->party[SERVER].handshake),
          r->party[SERVER].written, r->party[SERVER].got);
    line_clock_ms += DEADLINE_MS;
    turns(r, TURNS_MAX);
    for (side s = CLIENT; s <= SERVER; s++) {
        if (!r->party[s].gone && r->party[s].handshake == STLS_OK) {
            hang_up(r, s);
        }
    }
    turns(r, TURNS_MAX);
}

void run_go(run *r) {
    turns(r, r->plan->turns_max ? r->plan->turns_max : TURNS_MAX);
    if (!r->plan->turns_max && !(r->party[CLIENT].gone && r->party[SERVER].gone)) {
        give_up(r);
    }
}

/* The list ends with 0 where it is shorter. */
static bool is_one_of(stls_result r, const stls_result *list, size_t count) {
    for (size_t i = 0; i < count && list[i] != 0; i++) {
        if (list[i] == r) {
            return true;
        }
    }
    return false;
}

/* What the two sides may say of a trouble that met the bytes of one of them. */
static const struct {
    bool may_wait; /* a side may not have come to an end: it is told nothing */
    stls_result reader[4], sender[6];
} said[] = {
    [TROUBLE_FIN] = {false, {STLS_EOF}, {STLS_EOF, STLS_E_ALERT, STLS_CLOSED}},
    [TROUBLE_RESET] = {false, {STLS_E_TRANSPORT}, {STLS_E_TRANSPORT, STLS_CLOSED}},
    [TROUBLE_STALL] = {true, {STLS_E_TIMEOUT, STLS_EOF}, {STLS_EOF, STLS_CLOSED, STLS_E_TIMEOUT}},
    [TROUBLE_REPEAT] = {false, {STLS_E_PROTOCOL}, {STLS_E_ALERT, STLS_EOF, STLS_E_PROTOCOL}},
    [TROUBLE_DOUBLE] = {true,
                        {STLS_E_PROTOCOL, STLS_E_TIMEOUT, STLS_EOF},
                        {STLS_E_ALERT, STLS_EOF, STLS_E_PROTOCOL, STLS_CLOSED, STLS_E_TIMEOUT}},
};

/* Who has no alert for what comes twice. */
static const struct {
    const char *backend;
    uint16_t version;
} silent[] = {
    /* Behind its own Finished: that would have to be encrypted, and the library has no call for
     * it. */
    {"wolfssl", STLS_TLS1_2},
};

static bool is_silent(const plan *p, side s) {
    for (size_t i = 0; i < COUNT(silent); i++) {
        if (silent[i].version == p->version &&
            strcmp(silent[i].backend, stls_backend_name(backend_of(p, s))) == 0) {
            return true;
        }
    }
    return false;
}

/* What came twice is answered by an alert, and that one arrives. */
static void judge_repeat(const run *r, side reader) {
    const party *who = &r->party[reader], *sender = &r->party[other(reader)];
    if (who->error.alert_sent == STLS_ALERT_NONE) {
        CHECK(is_silent(r->plan, reader), "the %s sent no alert", side_text(reader));
        CHECK_RESULT("who sent it twice", sender->in, STLS_EOF, &sender->error);
    } else {
        CHECK_RESULT("who sent it twice", sender->in, STLS_E_ALERT, &sender->error);
        CHECK_NUMBER("the alert that arrived", sender->error.alert_received, who->error.alert_sent);
    }
}

/* Whether the trouble met only what stands behind close_notify: who has closed and is asked for new
 * keys still answers that. */
static bool is_behind_the_end(const run *r, side reader) {
    return r->plan->updates > 0 && r->party[reader].in == STLS_CLOSED &&
           r->party[other(reader)].closed;
}

static void judge_trouble(const run *r, side s) {
    const trouble *t = &r->plan->trouble;
    bool reads = t->of != s;
    const party *who = &r->party[s];
    bool in_memory = t->kind == TROUBLE_RESET && r->plan->memory[s]; /* which knows an end only */
    const stls_result *may = reads ? said[t->kind].reader : said[t->kind].sender;
    CHECK(is_one_of(who->in, may, reads ? 4 : 6) ||
              (said[t->kind].may_wait && who->in == STLS_NOT_DONE) ||
              (in_memory && who->in == STLS_EOF) ||
              (reads && is_misnamed(r->plan, s, &who->error)) || (reads && is_behind_the_end(r, s)),
          "the %s, whose %s met the %s, says %s (\"%s\")", side_text(s),
          reads ? "peer" : "own bytes", trouble_text(t->kind), stls_result_name(who->in),
          who->error.text);
    if (t->kind == TROUBLE_REPEAT && reads) {
        judge_repeat(r, s);
    }
}

void run_judge(run *r) {
    const plan *p = r->plan;
    bool hit = r->line.from[CLIENT].hit || r->line.from[SERVER].hit;
    for (side s = CLIENT; s <= SERVER; s++) {
        const party *who = &r->party[s], *peer = &r->party[other(s)];
        CHECK(peer->in != STLS_CLOSED || (who->closed && peer->got == who->written),
              "the %s read CLOSED behind %zu of %zu bytes", side_text(other(s)), peer->got,
              who->written);
        if (hit) {
            judge_trouble(r, s);
            continue;
        }
        CHECK_RESULT(s == CLIENT ? "the client's handshake" : "the server's handshake",
                     who->handshake, STLS_OK, &who->error);
        CHECK_RESULT("the end of reading", who->in, STLS_CLOSED, &who->error);
        CHECK_RESULT("the last write", who->out, STLS_OK, &who->error);
        CHECK_NUMBER("bytes written", who->written, p->message[s]);
        CHECK_NUMBER("bytes read", who->got, p->message[other(s)]);
        CHECK_NUMBER("whether it was resumed", who->resumed, p->kind == RESUMED);
    }
}

void run_plan(const plan *p, line *kept) {
    run r;
    if (run_open(&r, p)) {
        run_go(&r);
        run_judge(&r);
    }
    if (kept) {
        *kept = r.line;
        r.line = (line){.random = 0};
    }
    run_close(&r);
}
