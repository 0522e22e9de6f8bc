/* tests/faults/allocation_conns.c - connections: both sides of a handshake, data, sessions,
 * tickets, reload.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/allocation.h"
#include "tests/support/check.h"
#include "tests/support/end.h"
#include "tests/support/pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURNS = 60, CHUNK = 20000, PIECE = 700, ROOM = 12000 };

typedef enum transport { IN_MEMORY, OVER_SOCKETS, OVER_CALLBACKS } transport;

/* What is shared by all tries; each try has its own connections. */
static struct {
    const scenario *scenario;
    stls_context *context[2], *next[2]; /* client, server */
    stls_session_cache *cache;
    bool resumes, mutual;
    transport transport;
} shared;

typedef struct side_state {
    stls_conn *conn;
    stls_result result; /* of the handshake; then the first failure */
    bool told_eof;
    bool not_fed; /* the result is that of stls_conn_feed(), which has no sentence */
} side_state;

/* What a side has sent over its own transport, and the other has not received. */
typedef struct wire {
    uint8_t data[ROOM];
    size_t len;
    bool ended;
} wire;

static struct {
    side_state side[2];
    int fd[2];
    wire wire[2];
    bool resumed, damaged;
    uint8_t session[STLS_SESSION_BYTES_MAX];
    size_t session_len;
} now;

static const uint8_t session_key[STLS_SESSION_KEY_LEN] = {1, 2, 3};

/* --- Two connections in memory */

static bool waits(stls_result result) {
    return result == STLS_NOT_DONE || result == STLS_WANT_READ || result == STLS_WANT_WRITE;
}

/* The first failure of a side is its result. */
static bool note(int s, stls_result result) {
    if (result < 0 || result == STLS_CLOSED || result == STLS_EOF) {
        now.side[s].result = now.side[s].result < 0 ? now.side[s].result : result;
        return false;
    }
    return true;
}

/* A transport of our own: small pieces, and not much room. `arg` is the side. */
static stls_result send_piece(void *arg, const uint8_t *data, size_t len, size_t *done) {
    wire *it = &now.wire[(side_state *)arg - now.side];
    size_t room = sizeof it->data - it->len;
    *done = len < PIECE ? len : PIECE;
    *done = *done < room ? *done : room;
    if (*done == 0) {
        return STLS_WANT_WRITE;
    }
    memcpy(it->data + it->len, data, *done);
    it->len += *done;
    return STLS_OK;
}

static stls_result recv_piece(void *arg, uint8_t *data, size_t size, size_t *done) {
    wire *it = &now.wire[1 - ((side_state *)arg - now.side)];
    *done = size < PIECE ? size : PIECE;
    *done = *done < it->len ? *done : it->len;
    if (*done == 0) {
        return it->ended ? STLS_EOF : STLS_WANT_READ;
    }
    memcpy(data, it->data, *done);
    it->len -= *done;
    memmove(it->data, it->data + *done, it->len);
    return STLS_OK;
}

/* What side `s` has to say, to the other. */
static void carry(int s) {
    side_state *from = &now.side[s], *to = &now.side[1 - s];
    if (shared.transport != IN_MEMORY) {
        if (from->result < 0 && shared.transport == OVER_SOCKETS) {
            shutdown(now.fd[s], SHUT_WR);
        }
        now.wire[s].ended = from->result < 0;
        return;
    }
    stls_bytes out = from->conn != NULL ? stls_conn_peek(from->conn) : (stls_bytes){NULL, 0};
    if (out.len > 0 && to->conn != NULL) {
        heap_mark(1 - s);
        stls_result result = stls_conn_feed(to->conn, out.data, out.len);
        if (result == STLS_E_NO_MEMORY) { /* it has taken nothing, and can be made again */
            result = stls_conn_feed(to->conn, out.data, out.len);
        }
        if (to->result >= 0 && result == STLS_E_NO_MEMORY) {
            to->result = result;
            to->not_fed = true;
        }
        heap_mark(s);
        stls_conn_consume(from->conn, out.len);
    } else if (from->result < 0 && to->conn != NULL && !to->told_eof) {
        to->told_eof = true;
        stls_conn_feed_eof(to->conn);
    }
}

static bool open_side(int s, outcome *out) {
    side_state *it = &now.side[s];
    heap_mark(s);
    stls_result result =
        stls_conn_new(shared.context[s], s == 0 ? "example.test" : NULL, &it->conn, &out->error);
    if (result == STLS_OK) {
        result = shared.transport == OVER_SOCKETS
                     ? stls_conn_set_fd(it->conn, now.fd[s], &out->error)
                 : shared.transport == OVER_CALLBACKS
                     ? stls_conn_set_transport(it->conn, send_piece, recv_piece, it, &out->error)
                     : stls_conn_use_memory(it->conn, &out->error);
    }
    if (result == STLS_OK && s == 0) {
        result = stls_conn_set_server_name(it->conn, "example.test", &out->error);
    }
    return did(out, result);
}

static void shake_hands(void) {
    for (int turn = 0; turn < TURNS; turn++) {
        int s = turn % 2;
        side_state *it = &now.side[s];
        heap_mark(s);
        if (waits(it->result)) {
            it->result = stls_conn_handshake(it->conn);
        }
        carry(s);
    }
}

/* `CHUNK` bytes from side `s` to the other, in a handful of records. */
static bool transfer(int s) {
    static uint8_t data[CHUNK], back[CHUNK];
    size_t sent = 0, received = 0, done;
    memset(data, 'a' + s, sizeof data);
    for (int turn = 0; turn < TURNS && received < sizeof data; turn++) {
        heap_mark(s);
        done = 0;
        stls_result result = sent < sizeof data ? stls_conn_write(now.side[s].conn, data + sent,
                                                                  sizeof data - sent, &done)
                                                : STLS_OK;
        sent += done;
        if (!note(s, result)) {
            return false;
        }
        carry(s);
        heap_mark(1 - s);
        result = STLS_OK;
        while (result == STLS_OK && received < sizeof back) {
            done = 0;
            result = stls_conn_read(now.side[1 - s].conn, back + received, sizeof back - received,
                                    &done);
            received += done;
        }
        carry(1 - s);
        if (!note(1 - s, result)) {
            return false;
        }
    }
    bool whole = received == sizeof data && memcmp(data, back, sizeof data) == 0;
    now.damaged = now.damaged || (!whole && now.side[0].result >= 0 && now.side[1].result >= 0);
    return whole;
}

static bool look_at_info(int s) {
    stls_conn_info info;
    stls_conn_get_info(now.side[s].conn, &info);
    now.resumed = info.resumed;
    bool sees = s == 0 || shared.mutual;
    now.damaged = now.damaged || info.version == 0 ||
                  (sees && (!stls_conn_is_secure(now.side[s].conn) ||
                            stls_conn_peer_count(now.side[s].conn) == 0));
    return !now.damaged;
}

/* Exporter, channel binding, key update: calls with an error of their own. */
static bool use_keys(int s, outcome *out) {
    uint8_t key[32], binding[STLS_BINDING_MAX];
    size_t len;
    heap_mark(s);
    stls_result result =
        stls_conn_export(now.side[s].conn, "EXPORTER-test", NULL, 0, key, sizeof key, &out->error);
    if (result == STLS_OK) {
        result = stls_conn_channel_binding(now.side[s].conn, STLS_BINDING_TLS_SERVER_END_POINT,
                                           binding, &len, &out->error);
    }
    return did(out, result);
}

/* What the side says in whose call memory failed; if it says nothing, or nobody's has: what the
 * other says. The other one may say what it sees, an alert or an end, if the one has said why. */
static void settle(outcome *out) {
    int hit = heap_failed_at() > 0;
    for (int i = 0; i < 2 && out->result == STLS_OK; i++) {
        const side_state *it = &now.side[i == 0 ? hit : !hit];
        if (it->conn != NULL && it->result != STLS_OK) {
            out->result = it->result;
            out->error = *stls_conn_error(it->conn);
            if (it->not_fed) {
                out->error.result = it->result;
                snprintf(out->error.text, sizeof out->error.text, "stls_conn_feed()");
            }
        }
    }
}

static void run_connection(outcome *out) {
    if (open_side(0, out) && open_side(1, out)) {
        shake_hands();
        if (now.side[0].result == STLS_OK && now.side[1].result == STLS_OK && look_at_info(0) &&
            look_at_info(1) && transfer(0) && transfer(1) && use_keys(0, out) && use_keys(1, out)) {
            for (int s = 0; s < 2; s++) {
                heap_mark(s);
                stls_conn_close(now.side[s].conn);
                carry(s);
            }
        }
    }
    settle(out);
}

/* --- What a try leaves */

static const char *flaw_connection(const outcome *out) {
    bool both = now.side[0].result == STLS_OK && now.side[1].result == STLS_OK;
    if (now.damaged) {
        return "a connection without a peer, or with other data";
    }
    if (out->result == STLS_OK && both && shared.resumes && !now.resumed && !heap_has_failed()) {
        return "nothing was resumed";
    }
    return NULL;
}

static void finish_connection(void) {
    stls_context_stats stats;
    for (int s = 0; s < 2; s++) {
        stls_conn_free(now.side[s].conn);
        if (shared.transport == OVER_SOCKETS) {
            close(now.fd[s]);
        }
        stls_context_get_stats(shared.context[s], &stats);
        if (stats.under_way != 0) {
            abort(); /* a handshake that is counted for ever: seen as a crash */
        }
    }
    stls_session_cache_clear(shared.cache);
    memset(&now, 0, sizeof now);
}

static bool prepare_connection(void) {
    memset(&now, 0, sizeof now);
    return true;
}

static bool prepare_sockets(void) {
    prepare_connection();
    return socketpair(AF_UNIX, SOCK_STREAM, 0, now.fd) == 0 &&
           fcntl(now.fd[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(now.fd[1], F_SETFL, O_NONBLOCK) == 0;
}

/* A session is in the cache. */
static bool prepare_resumption(void) {
    outcome out = {.result = STLS_OK};
    prepare_connection();
    run_connection(&out);
    for (int s = 0; s < 2; s++) {
        stls_conn_free(now.side[s].conn);
    }
    memset(&now, 0, sizeof now);
    return out.result == STLS_OK && stls_session_cache_count(shared.cache) > 0;
}

/* --- The two sides */

static stls_result make_context(int s, bool mutual, bool hosts, stls_context **context,
                                stls_error *error) {
    static const end_host host[] = {{"example.test", "server", STLS_VERIFY_NONE}, {NULL, NULL, 0}};
    end e = {.trust = "root",
             .version = shared.scenario->version,
             .credential = s == 1   ? hosts ? "other-root" : "server"
                           : mutual ? "phone"
                                    : NULL,
             .verify = s == 0 || mutual ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE,
             .hosts = s == 1 && hosts ? host : NULL};
    stls_profile *profile = NULL;
    stls_result result =
        end_try_profile(s == 0 ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER, &e, &profile, error);
    if (result == STLS_OK) {
        result = stls_profile_set_exporter(profile, true, error);
    }
    if (result == STLS_OK && s == 0 && shared.cache != NULL) {
        result = stls_profile_set_session_cache(profile, shared.cache, error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, context, error);
    }
    stls_profile_free(profile);
    return result;
}

static bool begin_sides(const scenario *self, bool mutual, bool hosts) {
    stls_error error = {.result = STLS_NOT_DONE};
    shared.scenario = self;
    shared.mutual = mutual;
    shared.cache = stls_session_cache_new(8);
    for (int s = 0; s < 2; s++) {
        if (!CHECK_RESULT("a context", make_context(s, mutual, hosts, &shared.context[s], &error),
                          STLS_OK, &error) ||
            !CHECK_RESULT("the next context",
                          make_context(s, mutual, hosts, &shared.next[s], &error), STLS_OK,
                          &error)) {
            return false;
        }
    }
    return true;
}

static bool begin_full(const scenario *self) {
    shared.resumes = false;
    return begin_sides(self, false, false);
}

static bool begin_sockets(const scenario *self) {
    shared.transport = OVER_SOCKETS;
    return begin_full(self);
}

static bool begin_callbacks(const scenario *self) {
    shared.transport = OVER_CALLBACKS;
    return begin_full(self);
}

static bool begin_hosts(const scenario *self) {
    shared.resumes = false;
    return begin_sides(self, false, true);
}

static bool begin_mutual(const scenario *self) {
    shared.resumes = false;
    return begin_sides(self, true, false);
}

static bool begin_resumed(const scenario *self) {
    shared.resumes = true;
    return begin_sides(self, false, false);
}

static bool begin_mutual_resumed(const scenario *self) {
    shared.resumes = true;
    return begin_sides(self, true, false);
}

static void end_sides(void) {
    for (int s = 0; s < 2; s++) {
        stls_context_free(shared.context[s]);
        stls_context_free(shared.next[s]);
    }
    stls_session_cache_free(shared.cache);
    memset(&shared, 0, sizeof shared);
}

/* --- Sessions that leave the process, and come back */

static void run_export(outcome *out) {
    did(out,
        stls_context_export_session(shared.context[0], "example.test", session_key, now.session,
                                    sizeof now.session, &now.session_len, &out->error));
}

static bool prepare_import(void) {
    outcome out = {.result = STLS_OK};
    bool prepared = prepare_resumption();
    run_export(&out);
    stls_session_cache_clear(shared.cache);
    return prepared && out.result == STLS_OK;
}

static void run_import(outcome *out) {
    did(out, stls_context_import_session(shared.context[0], session_key, now.session,
                                         now.session_len, &out->error));
}

static const char *flaw_import(const outcome *out) {
    bool there = stls_session_cache_count(shared.cache) == 1;
    return there == (out->result == STLS_OK) ? NULL : "half imported";
}

/* --- Under a live connection */

static bool prepare_live(void) {
    outcome out = {.result = STLS_OK};
    prepare_connection();
    bool open = open_side(0, &out) && open_side(1, &out);
    if (open) {
        shake_hands();
    }
    return open && now.side[0].result == STLS_OK && now.side[1].result == STLS_OK;
}

static void run_revalidate(outcome *out) {
    for (int s = 0; s < 2; s++) {
        did(out, stls_conn_revalidate(now.side[s].conn, shared.next[s], &out->error));
    }
}

/* A connection that could not be judged goes on as it was. */
static const char *flaw_revalidate(const outcome *out) {
    (void)out;
    return transfer(0) && transfer(1) && stls_conn_is_secure(now.side[0].conn)
               ? NULL
               : "it does not go on";
}

/* As a server does it whose certificate is renewed. */
static void run_reload(outcome *out) {
    stls_trust *trust = stls_trust_new();
    stls_credential *credential = NULL;
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_conn *conn = NULL;
    if (got(out, trust) &&
        did(out, stls_trust_add_file(trust, pki_path("root.pem"), &out->error)) &&
        did(out, stls_credential_load(test_backend(), pki_path("server.chain.pem"),
                                      pki_path("server.key"), NULL, &credential, &out->error)) &&
        did(out, stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile, &out->error)) &&
        did(out, stls_profile_set_trust(profile, trust, &out->error)) &&
        did(out, stls_profile_set_credential(profile, credential, &out->error)) &&
        did(out, stls_context_new(profile, &context, &out->error))) {
        did(out, stls_conn_new(context, NULL, &conn, &out->error));
    }
    stls_conn_free(conn);
    stls_context_free(context);
    stls_profile_free(profile);
    stls_credential_free(credential);
    stls_trust_free(trust);
}

static void run_update(outcome *out) {
    for (int s = 0; s < 2; s++) {
        heap_mark(s);
        if (!note(s, stls_conn_update_keys(now.side[s].conn, true)) || !transfer(s)) {
            break;
        }
    }
    settle(out);
}

#define CONNECTION(words, tls, first, before, needed)                                              \
    {                                                                                              \
        .name = (words), .version = (tls), .needs = (needed), .begin = (first),                    \
        .prepare = (before), .run = run_connection, .flaw = flaw_connection,                       \
        .finish = finish_connection, .end = end_sides                                              \
    }

enum { BOTH = STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS };

const scenario conn_scenarios[] = {
    CONNECTION("full, TLS 1.2", STLS_TLS1_2, begin_full, prepare_connection, 0),
    CONNECTION("full, TLS 1.3", STLS_TLS1_3, begin_full, prepare_connection, 0),
    CONNECTION("over sockets, TLS 1.2", STLS_TLS1_2, begin_sockets, prepare_sockets, 0),
    CONNECTION("over sockets, TLS 1.3", STLS_TLS1_3, begin_sockets, prepare_sockets, 0),
    CONNECTION("over callbacks, TLS 1.2", STLS_TLS1_2, begin_callbacks, prepare_connection, 0),
    CONNECTION("over callbacks, TLS 1.3", STLS_TLS1_3, begin_callbacks, prepare_connection, 0),
    CONNECTION("hosts, TLS 1.2", STLS_TLS1_2, begin_hosts, prepare_connection,
               STLS_CAN_SELECT_VERIFY),
    CONNECTION("hosts, TLS 1.3", STLS_TLS1_3, begin_hosts, prepare_connection,
               STLS_CAN_SELECT_VERIFY),
    CONNECTION("mutual, TLS 1.2", STLS_TLS1_2, begin_mutual, prepare_connection, 0),
    CONNECTION("mutual, TLS 1.3", STLS_TLS1_3, begin_mutual, prepare_connection, 0),
    CONNECTION("resumed, TLS 1.2", STLS_TLS1_2, begin_resumed, prepare_resumption, BOTH),
    CONNECTION("resumed, TLS 1.3", STLS_TLS1_3, begin_resumed, prepare_resumption, BOTH),
    CONNECTION("mutual and resumed, TLS 1.2", STLS_TLS1_2, begin_mutual_resumed, prepare_resumption,
               BOTH | STLS_CAN_TICKET_PEER),
    CONNECTION("mutual and resumed, TLS 1.3", STLS_TLS1_3, begin_mutual_resumed, prepare_resumption,
               BOTH | STLS_CAN_TICKET_PEER),
    {.name = "a session exported",
     .version = STLS_TLS1_3,
     .needs = BOTH,
     .begin = begin_full,
     .prepare = prepare_resumption,
     .run = run_export,
     .finish = finish_connection,
     .end = end_sides},
    {.name = "a session imported",
     .version = STLS_TLS1_3,
     .needs = BOTH,
     .begin = begin_full,
     .prepare = prepare_import,
     .run = run_import,
     .flaw = flaw_import,
     .finish = finish_connection,
     .end = end_sides},
    {.name = "a live connection judged again",
     .version = STLS_TLS1_3,
     .begin = begin_mutual,
     .prepare = prepare_live,
     .run = run_revalidate,
     .flaw = flaw_revalidate,
     .finish = finish_connection,
     .end = end_sides},
    {.name = "a reload under a live connection",
     .version = STLS_TLS1_3,
     .begin = begin_full,
     .prepare = prepare_live,
     .run = run_reload,
     .flaw = flaw_revalidate,
     .finish = finish_connection,
     .end = end_sides},
    {.name = "keys updated",
     .version = STLS_TLS1_3,
     .needs = STLS_CAN_UPDATE_KEYS,
     .begin = begin_full,
     .prepare = prepare_live,
     .run = run_update,
     .finish = finish_connection,
     .end = end_sides},
    {.name = NULL}};
