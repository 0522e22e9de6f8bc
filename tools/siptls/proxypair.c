/* SPDX-License-Identifier: MIT */
#include "proxypair.h"

#include "output.h"
#include "proxylog.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Pieces that move in one turn of a pair, before others have theirs. */
enum { PIECES_A_TURN = 16 };

static void advance(proxy_pair *pair);

/* --- Telling */

static void count(proxy_pair *pair, proxy_count which, uint64_t number) {
    proxy_count_add(&pair->worker->counters, which, number);
}

static void tell(proxy_pair *pair, const char *what, const char *why) {
    proxy_log_peer(&pair->worker->counters, "#%llu %s %s: %s", (unsigned long long)pair->number,
                   pair->who, what, why);
}

static void tell_error(proxy_pair *pair, const char *what, const stls_error *error) {
    char alert[64] = "", text[STLS_ERROR_TEXT_SIZE + 128];
    if (error->alert_sent != STLS_ALERT_NONE) { /* one that was received is in the sentence */
        output_alert(error->alert_sent, alert, sizeof alert);
    }
    snprintf(text, sizeof text, "%s%s%s", error->text, alert[0] != '\0' ? "; alert sent: " : "",
             alert);
    tell(pair, what, text);
}

/* --- The end */

static void leave(proxy_pair *pair) {
    if (pair->state == PAIR_HANDSHAKE) {
        atomic_fetch_sub(&pair->worker->gauges->handshaking, 1);
    }
    pair->state = PAIR_GONE;
    proxy_end_close(&pair->client);
    proxy_end_close(&pair->server);
    atomic_fetch_sub(&pair->worker->gauges->live, 1);
    proxy_worker_leave(pair->worker, pair);
}

/* Reads what the client still sends, and forgets it, until it has closed too. */
static void linger(proxy_pair *pair) {
    ssize_t len;
    int turns = PIECES_A_TURN;
    do {
        len = recv(pair->client.fd, pair->worker->piece, sizeof pair->worker->piece, 0);
    } while ((len > 0 && --turns > 0) || (len < 0 && errno == EINTR));
    if (len == 0 || (len < 0 && errno != EAGAIN)) {
        leave(pair);
    }
}

/* Nothing more will pass. What was written to the client is on its way. */
static void start_lingering(proxy_pair *pair) {
    if (pair->state == PAIR_HANDSHAKE) {
        atomic_fetch_sub(&pair->worker->gauges->handshaking, 1);
    }
    pair->state = PAIR_LINGERING;
    proxy_end_close(&pair->server);
    stls_conn_free(pair->client.conn);
    pair->client.conn = NULL;
    (void)shutdown(pair->client.fd, SHUT_WR);
    proxy_worker_wait(pair->worker, pair, WAIT_LINGER);
    proxy_worker_watch(pair->worker, &pair->client, EPOLLIN);
    linger(pair);
}

/* --- The client's handshake */

static bool begin_tls(proxy_pair *pair, proxy_end *end, stls_context *context, const char *peer) {
    stls_error error;
    if (stls_conn_new(context, peer, &end->conn, &error) == STLS_OK &&
        stls_conn_set_fd(end->conn, end->fd, &error) == STLS_OK) {
        return true;
    }
    tell(pair, "refused", error.text);
    return false;
}

static void connect_to_server(proxy_pair *pair);

static void refuse(proxy_pair *pair) {
    const stls_error *error = stls_conn_error(pair->client.conn);
    count(pair, proxy_count_of(error->result), 1);
    tell_error(pair, "refused", error);
    start_lingering(pair);
}

static void shake_hands(proxy_pair *pair) {
    stls_result result = stls_conn_handshake(pair->client.conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        proxy_worker_watch(pair->worker, &pair->client, proxy_end_events(result));
    } else if (result != STLS_OK) {
        refuse(pair);
    } else {
        atomic_fetch_sub(&pair->worker->gauges->handshaking, 1);
        stls_conn_info info;
        stls_conn_get_info(pair->client.conn, &info);
        count(pair, info.resumed ? COUNT_HANDSHAKES_RESUMED : COUNT_HANDSHAKES_FULL, 1);
        connect_to_server(pair);
    }
}

/* --- The server */

static void set_options(int fd) {
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void open_flows(proxy_pair *pair) {
    count(pair, COUNT_SERVER_CONNECTED, 1);
    pair->state = PAIR_OPEN;
    proxy_worker_wait(pair->worker, pair, WAIT_TRAFFIC);
    advance(pair);
}

static void shake_hands_with_server(proxy_pair *pair) {
    stls_result result = stls_conn_handshake(pair->server.conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        proxy_worker_watch(pair->worker, &pair->server, proxy_end_events(result));
    } else if (result == STLS_OK) {
        open_flows(pair);
    } else {
        count(pair, COUNT_SERVER_TLS, 1);
        tell_error(pair, "has no server", stls_conn_error(pair->server.conn));
        start_lingering(pair); /* without close_notify: this is no proper end */
    }
}

static void start_server_end(proxy_pair *pair) {
    stls_context *context = proxy_setup_client(pair->setup);
    if (context == NULL) {
        open_flows(pair);
        return;
    }
    if (!begin_tls(pair, &pair->server, context, proxy_setup_domain(pair->setup))) {
        count(pair, COUNT_SERVER_TLS, 1);
        start_lingering(pair);
        return;
    }
    pair->state = PAIR_SERVER_HANDSHAKE;
    proxy_worker_wait(pair->worker, pair, WAIT_SERVER_HANDSHAKE);
    shake_hands_with_server(pair);
}

/* 0: it is connecting or connected; else an errno. */
static int start_connecting(proxy_pair *pair, const proxy_address *address) {
    int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    pair->server.fd = fd;
    set_options(fd);
    if (connect(fd, (const struct sockaddr *)&address->at, address->len) != 0 &&
        errno != EINPROGRESS) {
        return errno;
    }
    proxy_worker_watch(pair->worker, &pair->server, EPOLLOUT);
    return 0;
}

/* Address `pair->address` did not work: the next one, or the end. */
static void try_next_address(proxy_pair *pair, int error) {
    const proxy_address *address;
    char where[NET_ADDRESS_SIZE] = "", why[NET_WHY_SIZE];
    while (error != 0) {
        address = proxy_setup_address(pair->setup, pair->address);
        net_address_text((const struct sockaddr *)&address->at, address->len, where);
        proxy_end_close(&pair->server);
        address = proxy_setup_address(pair->setup, ++pair->address);
        if (address == NULL) {
            snprintf(why, sizeof why, "no TCP connection to %s: %s", where, strerror(error));
            count(pair, COUNT_SERVER_TCP, 1);
            tell(pair, "has no server", why);
            start_lingering(pair); /* without close_notify: this is no proper end */
            return;
        }
        proxy_worker_wait(pair->worker, pair, WAIT_CONNECT);
        error = start_connecting(pair, address);
    }
}

static void connect_to_server(proxy_pair *pair) {
    pair->state = PAIR_CONNECTING;
    proxy_worker_watch(pair->worker, &pair->client, 0); /* until there is somewhere to put it */
    proxy_worker_wait(pair->worker, pair, WAIT_CONNECT);
    try_next_address(pair, start_connecting(pair, proxy_setup_address(pair->setup, 0)));
}

static void end_connecting(proxy_pair *pair) {
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(pair->server.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        try_next_address(pair, error);
    } else {
        start_server_end(pair);
    }
}

/* --- Bytes */

static bool is_up(const proxy_flow *flow) {
    return flow == &flow->from->pair->up;
}

static void count_bytes(const proxy_flow *flow, size_t len) {
    proxy_pair *pair = flow->from->pair;
    count(pair, is_up(flow) ? COUNT_BYTES_TO_SERVER : COUNT_BYTES_TO_CLIENT, len);
    if (pair->place.wait != WAIT_STOP) { /* whose deadline stands */
        proxy_worker_wait(pair->worker, pair, pair->place.wait);
    }
}

/* `flow` gives nothing more; `by_client` says whose doing that is. */
static void end_flow(proxy_flow *flow, proxy_ending ending, bool by_client) {
    proxy_pair *pair = flow->from->pair;
    bool is_first = pair->up.ending == ENDING_NONE && pair->down.ending == ENDING_NONE;
    bool closed = ending == ENDING_CLOSED;
    flow->ending = ending;
    if (is_first) {
        count(pair,
              by_client ? (closed ? COUNT_ENDED_CLIENT_CLOSED : COUNT_ENDED_CLIENT_CUT)
                        : (closed ? COUNT_ENDED_SERVER_CLOSED : COUNT_ENDED_SERVER_CUT),
              1);
        proxy_worker_wait(pair->worker, pair, WAIT_OTHER_END);
    }
}

/* `to` takes nothing more. What it has sent before may still be read; the other flow sees to that.
 */
static void give_up_writing(proxy_flow *flow) {
    free(flow->rest);
    flow->rest = NULL;
    flow->rest_len = 0;
    if (flow->ending == ENDING_NONE) {
        end_flow(flow, ENDING_CUT, !is_up(flow));
    }
    flow->told = true;
}

/* After an error nothing can be written there either. A TLS end that failed says why; one that was
 * reset has said enough. */
static void fail_end(proxy_flow *flow, stls_result result) {
    proxy_pair *pair = flow->from->pair;
    if (flow->from->conn != NULL && result != STLS_E_TRANSPORT) {
        tell_error(pair, is_up(flow) ? "failed" : "has a server that failed",
                   stls_conn_error(flow->from->conn));
    }
    end_flow(flow, ENDING_CUT, is_up(flow));
    give_up_writing(is_up(flow) ? &pair->down : &pair->up);
}

/* Gives as much of `data` to the other end as that takes; false if that was not all. */
static bool write_some(proxy_flow *flow, const uint8_t *data, size_t len, size_t *written) {
    for (*written = 0; *written < len;) {
        size_t done = 0;
        stls_result result = proxy_end_write(flow->to, data + *written, len - *written, &done);
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            flow->write_waits = proxy_end_events(result);
            break;
        }
        if (result != STLS_OK) {
            give_up_writing(flow);
            return false;
        }
        *written += done;
    }
    count_bytes(flow, *written);
    return *written == len;
}

static bool keep_rest(proxy_flow *flow, const uint8_t *data, size_t len) {
    flow->rest = malloc(len);
    if (flow->rest == NULL) {
        give_up_writing(flow);
        return false;
    }
    memcpy(flow->rest, data, len);
    flow->rest_start = 0;
    flow->rest_len = len;
    return false;
}

static bool write_rest(proxy_flow *flow) {
    size_t written;
    bool all = write_some(flow, flow->rest + flow->rest_start, flow->rest_len, &written);
    if (flow->rest == NULL) {
        return false;
    }
    flow->rest_start += written;
    flow->rest_len -= written;
    if (all) {
        free(flow->rest);
        flow->rest = NULL;
    }
    return all;
}

/* Takes a piece from one end and gives it to the other; whether more may move at once. */
static bool move_piece(proxy_flow *flow) {
    uint8_t *piece = flow->from->pair->worker->piece;
    size_t len = 0, written;
    bool more = false;
    stls_result result = proxy_end_read(flow->from, piece, PROXY_PIECE, &len, &more);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        flow->read_waits = proxy_end_events(result);
        return false;
    }
    if (result < 0) {
        fail_end(flow, result);
        return true;
    }
    if (result != STLS_OK) {
        end_flow(flow, result == STLS_CLOSED ? ENDING_CLOSED : ENDING_CUT, is_up(flow));
        return true;
    }
    flow->read_waits = more ? 0 : EPOLLIN;
    if (!write_some(flow, piece, len, &written)) {
        return !flow->told && keep_rest(flow, piece + written, len - written);
    }
    return more;
}

static bool pass_end_on(proxy_flow *flow) {
    stls_result result = proxy_end_shut(flow->to, flow->ending == ENDING_CLOSED);
    flow->told = result == STLS_OK;
    flow->write_waits = flow->told ? 0 : proxy_end_events(result);
    return false;
}

static bool wants_to_write(const proxy_flow *flow) {
    return flow->rest_len > 0 || (flow->ending != ENDING_NONE && !flow->told);
}

static bool wants_to_read(const proxy_flow *flow) {
    return flow->rest_len == 0 && flow->ending == ENDING_NONE;
}

/* Whether something moved, and more may. */
static bool move(proxy_flow *flow) {
    if (wants_to_write(flow)) {
        return flow->write_waits == 0 &&
               (flow->rest_len > 0 ? write_rest(flow) : pass_end_on(flow));
    }
    return wants_to_read(flow) && flow->read_waits == 0 && move_piece(flow);
}

static uint32_t events_of(const proxy_flow *reads, const proxy_flow *writes) {
    return (wants_to_read(reads) ? reads->read_waits : 0) |
           (wants_to_write(writes) ? writes->write_waits : 0);
}

/* An open pair goes on until both flows wait, or its turn is over. */
static void advance(proxy_pair *pair) {
    bool more = true;
    for (int i = 0; more && i < PIECES_A_TURN; i++) {
        bool up = move(&pair->up), down = move(&pair->down);
        more = up || down;
    }
    if (pair->up.told && pair->down.told) {
        start_lingering(pair);
        return;
    }
    if (more) {
        proxy_worker_ready(pair->worker, pair);
    }
    proxy_worker_watch(pair->worker, &pair->client, events_of(&pair->up, &pair->down));
    proxy_worker_watch(pair->worker, &pair->server, events_of(&pair->down, &pair->up));
}

/* --- Life */

proxy_pair *proxy_pair_new(int fd, uint64_t number, const struct sockaddr *who, socklen_t len,
                           proxy_setup *setup) {
    proxy_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) {
        return NULL;
    }
    pair->number = number;
    net_address_text(who, len, pair->who);
    pair->setup = proxy_setup_hold(setup);
    pair->client = (proxy_end){.pair = pair, .fd = fd};
    pair->server = (proxy_end){.pair = pair, .fd = -1};
    pair->up = (proxy_flow){.from = &pair->client, .to = &pair->server};
    pair->down = (proxy_flow){.from = &pair->server, .to = &pair->client};
    set_options(fd);
    return pair;
}

void proxy_pair_start(proxy_pair *pair, proxy_worker *worker) {
    pair->worker = worker;
    proxy_worker_wait(worker, pair, WAIT_HANDSHAKE);
    if (!begin_tls(pair, &pair->client, proxy_setup_server(pair->setup), NULL)) {
        count(pair, COUNT_REFUSED_RESOURCES, 1);
        leave(pair);
        return;
    }
    shake_hands(pair);
}

void proxy_pair_free(proxy_pair *pair) {
    free(pair->up.rest);
    free(pair->down.rest);
    proxy_setup_free(pair->setup);
    free(pair);
}

void proxy_pair_go_on(proxy_pair *pair) {
    if (pair->is_lost) {
        count(pair, COUNT_REFUSED_RESOURCES, 1);
        leave(pair);
        return;
    }
    switch (pair->state) {
    case PAIR_HANDSHAKE:
        shake_hands(pair);
        break;
    case PAIR_CONNECTING:
        end_connecting(pair);
        break;
    case PAIR_SERVER_HANDSHAKE:
        shake_hands_with_server(pair);
        break;
    case PAIR_OPEN:
        advance(pair);
        break;
    case PAIR_LINGERING:
        linger(pair);
        break;
    case PAIR_GONE:
        break;
    }
}

/* What waited for these events at `end` can be tried; after an error or a hang-up, all of it. */
static void stop_waiting(proxy_pair *pair, const proxy_end *end, uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        events |= EPOLLIN | EPOLLOUT;
    }
    proxy_flow *reads = end == &pair->client ? &pair->up : &pair->down;
    proxy_flow *writes = end == &pair->client ? &pair->down : &pair->up;
    reads->read_waits = (reads->read_waits & events) != 0 ? 0 : reads->read_waits;
    writes->write_waits = (writes->write_waits & events) != 0 ? 0 : writes->write_waits;
}

void proxy_pair_events(proxy_pair *pair, proxy_end *end, uint32_t events) {
    if (end->fd < 0) {
        return; /* closed since, in this turn */
    }
    stop_waiting(pair, end, events);
    proxy_pair_go_on(pair);
}

void proxy_pair_late(proxy_pair *pair) {
    proxy_wait wait = pair->place.wait;
    switch (wait) {
    case WAIT_HANDSHAKE: /* it knows by itself that it is late, and says why */
    case WAIT_SERVER_HANDSHAKE:
        proxy_pair_go_on(pair);
        if (pair->place.wait == wait && pair->state != PAIR_GONE) {
            proxy_worker_wait(pair->worker, pair, wait);
        }
        break;
    case WAIT_CONNECT:
        try_next_address(pair, ETIMEDOUT);
        break;
    case WAIT_TRAFFIC:
        count(pair, COUNT_ENDED_IDLE, 1);
        proxy_pair_stop(pair);
        break;
    case WAIT_OTHER_END:
        count(pair, COUNT_ENDED_HALF_CLOSED, 1);
        start_lingering(pair);
        break;
    case WAIT_LINGER:
    case WAIT_STOP:
    case WAIT_MAX:
        leave(pair);
        break;
    }
}

void proxy_pair_stop(proxy_pair *pair) {
    if (pair->state == PAIR_OPEN) {
        pair->up.ending = pair->up.ending != ENDING_NONE ? pair->up.ending : ENDING_CLOSED;
        pair->down.ending = pair->down.ending != ENDING_NONE ? pair->down.ending : ENDING_CLOSED;
        proxy_worker_wait(pair->worker, pair, WAIT_STOP);
        advance(pair);
    } else if (pair->state != PAIR_LINGERING) {
        leave(pair);
    }
}
