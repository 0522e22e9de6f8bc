/* From top to bottom: small things; a flow's end; its bytes; its beginning; finding one; the loop.
 *
 * SPDX-License-Identifier: MIT */
#include "sips_transport.h"

#include "sips_framing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum {
    OUT_MAX = 1024 * 1024, /* bytes that may wait to be sent on one flow */
    MESSAGES_A_TURN = 64,  /* of one flow, before others have theirs */
};
static const size_t NO_SLOT = SIZE_MAX;

typedef enum flow_state {
    FLOW_NEW = 0,    /* to be started in the next turn */
    FLOW_WAITING,    /* kept, and failed: until `due` */
    FLOW_CONNECTING, /* TCP */
    FLOW_HANDSHAKE,
    FLOW_OPEN,
    FLOW_CLOSING, /* what is left goes out, then close_notify */
    FLOW_GONE,    /* freed at the end of the turn */
} flow_state;

typedef struct flow {
    struct flow *next;
    sips_transport *transport;
    sips_flow number;
    flow_state state;
    bool accepted, kept;
    char domain[STLS_SIP_HOST_SIZE]; /* whom we called; "": we were called */
    int port;                        /* of the URI; 0: it had none */
    stls_context *context;
    sips_address addresses[SIPS_ADDRESSES_MAX];
    size_t address_count, address;
    bool heard;        /* something came from the peer since it is open */
    unsigned failures; /* one after the other, since something came from the peer */
    int64_t spared;    /* until then, the loss of a flow that has worked is a failure too */

    int fd;      /* -1: none */
    size_t slot; /* its entry in the list for poll(); NO_SLOT: none */
    stls_conn *conn;
    short read_waits, write_waits; /* for these events of poll(); 0: it can be tried */
    sips_stream in;
    char *out; /* what is to be sent */
    size_t out_len, out_size;

    int64_t due;      /* what the state waits for must have come by then; 0: no limit */
    int64_t ping_due; /* the next ping; 0: none */
    int64_t pong_due; /* the answer to the last one; 0: none is missing */
    int64_t rest_due; /* the rest of a message that has begun; 0: none has */
} flow;

struct sips_transport {
    sips_handlers handlers;
    sips_times times;
    stls_context *client;
    flow *flows;
    sips_flow last_number;
};

/* --- Small things */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Between `low` and `high`, so that a thousand phones do not call in step. */
static int random_between(int low, int high) {
    unsigned chance = 0;
    (void)!getentropy(&chance, sizeof chance);
    return high <= low ? low : low + (int)(chance % ((unsigned)(high - low) + 1));
}

static void set_error(stls_error *error, stls_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_error(stls_error *error, stls_result result, const char *format, ...) {
    if (error != NULL) {
        va_list list;
        *error = (stls_error){
            .result = result, .alert_sent = STLS_ALERT_NONE, .alert_received = STLS_ALERT_NONE};
        va_start(list, format);
        vsnprintf(error->text, sizeof error->text, format, list);
        va_end(list);
    }
}

static flow *find_number(const sips_transport *transport, sips_flow number) {
    flow *at = transport->flows;
    while (at != NULL && (at->number != number || at->state == FLOW_GONE)) {
        at = at->next;
    }
    return at;
}

sips_times sips_transport_defaults(void) {
    return (sips_times){.connect_ms = 10000,
                        .ping_ms = 120 * 1000,
                        .pong_ms = 10000,
                        .retry_base_ms = 30 * 1000,
                        .retry_max_ms = 1800 * 1000,
                        .message_ms = 32000, /* RFC 3261: timer F */
                        .close_ms = 2000};
}

/* --- The end of a flow */

static void disconnect(flow *self) {
    stls_conn_free(self->conn);
    self->conn = NULL;
    if (self->fd >= 0) {
        close(self->fd);
    }
    self->fd = -1;
    self->slot = NO_SLOT;
    sips_stream_free(&self->in);
    self->in = (sips_stream){.accepted = self->accepted};
    free(self->out);
    self->out = NULL;
    self->out_len = self->out_size = 0;
    self->read_waits = self->write_waits = 0;
    self->due = self->ping_due = self->pong_due = self->rest_due = 0;
}

/* The loss of a flow that has worked is no failure yet: it is tried again at once; but not over and
 * over, for a peer that says a word and hangs up. */
static void count_failure(flow *self, int64_t now) {
    if (!self->heard || now < self->spared) {
        self->failures++;
    } else {
        self->spared = now + self->transport->times.retry_base_ms;
    }
    self->heard = false;
}

/* RFC 5626 section 4.5: the n-th failure in a row waits for 50 to 100 % of base * 2^n. */
static int wait_before_retry(const flow *self) {
    const sips_times *times = &self->transport->times;
    int64_t most = times->retry_base_ms;
    for (unsigned i = 0; i < self->failures && most < times->retry_max_ms; i++) {
        most *= 2;
    }
    most = most < times->retry_max_ms ? most : times->retry_max_ms;
    return self->failures == 0 ? 0 : random_between((int)(most / 2), (int)most);
}

/* `error` may lie in the connection, which is freed here. */
static void fail(flow *self, const stls_error *error) {
    const sips_handlers *handlers = &self->transport->handlers;
    stls_error kept = *error;
    stls_sip_answer answer;
    stls_sip_answer_for(&kept, stls_conn_verdict(self->conn), &answer);
    count_failure(self, now_ms());
    bool closes = self->state == FLOW_CLOSING;
    int wait = self->kept && !closes ? wait_before_retry(self) : -1;
    disconnect(self);
    self->state = wait < 0 ? FLOW_GONE : FLOW_WAITING;
    self->due = wait < 0 ? 0 : now_ms() + wait;
    if (handlers->closed != NULL && !closes) {
        handlers->closed(handlers->arg, self->number, self->domain, &kept, &answer, wait);
    }
}

static void fail_with(flow *self, stls_result result, const char *why) {
    stls_error error;
    set_error(&error, result, "%s", why);
    fail(self, &error);
}

/* --- Bytes out */

static short events_of(stls_result result) {
    return result == STLS_WANT_WRITE ? POLLOUT : POLLIN;
}

static bool add_out(flow *self, const char *data, size_t len) {
    if (len > OUT_MAX - self->out_len) {
        return false;
    }
    if (self->out_len + len > self->out_size) {
        size_t size = self->out_len + len;
        char *out = realloc(self->out, size);
        if (out == NULL) {
            return false;
        }
        self->out = out;
        self->out_size = size;
    }
    if (len != 0) {
        memcpy(self->out + self->out_len, data, len);
        self->out_len += len;
    }
    return true;
}

/* Writes what it can. After STLS_WANT_... the same bytes, and those that came behind them since,
 * are given again: stls_conn_write() allows that. */
static void write_out(flow *self) {
    size_t gone = 0;
    while (gone < self->out_len && self->write_waits == 0) {
        size_t done = 0;
        stls_result result =
            stls_conn_write(self->conn, self->out + gone, self->out_len - gone, &done);
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            self->write_waits = events_of(result);
        } else if (result != STLS_OK) {
            fail(self, stls_conn_error(self->conn));
            return;
        }
        gone += done;
    }
    self->out_len -= gone;
    if (self->out_len > 0) {
        memmove(self->out, self->out + gone, self->out_len);
    } else {
        free(self->out); /* an idle flow holds nothing */
        self->out = NULL;
        self->out_size = 0;
    }
}

/* Says goodbye when all that was to be sent has gone. */
static void finish_closing(flow *self) {
    if (self->out_len > 0) {
        return;
    }
    stls_result result = stls_conn_close(self->conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        self->write_waits = events_of(result);
        return;
    }
    disconnect(self);
    self->state = FLOW_GONE;
}

/* --- Bytes in */

static void hear(flow *self) {
    self->heard = true;
    self->failures = 0;
}

static void set_next_ping(flow *self) {
    int most = self->transport->times.ping_ms;
    self->pong_due = 0;
    self->ping_due =
        most > 0 && !self->accepted ? now_ms() + random_between(most / 5 * 4, most) : 0;
}

static void answer_ping(flow *self) {
    if (!add_out(self, "\r\n", 2)) {
        fail_with(self, STLS_E_LIMIT, "the peer sends keep-alives and does not read");
    }
}

/* Takes one thing out of the stream and acts on it; false: nothing is whole, or it is over. */
static bool take_one(flow *self) {
    const sips_handlers *handlers = &self->transport->handlers;
    const char *message;
    size_t len;
    switch (sips_stream_next(&self->in, &message, &len)) {
    case SIPS_MORE:
        return false;
    case SIPS_MESSAGE:
        hear(self);
        self->rest_due = 0;
        handlers->message(handlers->arg, self->number, message, len);
        break;
    case SIPS_PING:
        answer_ping(self);
        break;
    case SIPS_PONG:
        hear(self);
        set_next_ping(self);
        break;
    case SIPS_BROKEN:
        fail_with(self, STLS_E_PROTOCOL, self->in.why);
        break;
    }
    return self->state == FLOW_OPEN;
}

static void watch_rest(flow *self) {
    if (!sips_stream_is_waiting(&self->in)) {
        self->rest_due = 0;
    } else if (self->rest_due == 0) {
        self->rest_due = now_ms() + self->transport->times.message_ms;
    }
}

/* Reads once; false: it has to wait, or is over. */
static bool read_more(flow *self) {
    size_t room = 0, done = 0;
    char *data = sips_stream_room(&self->in, &room);
    if (data == NULL) {
        fail_with(self, STLS_E_NO_MEMORY, "no memory");
        return false;
    }
    stls_result result = stls_conn_read(self->conn, data, room, &done);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        self->read_waits = events_of(result);
        return false;
    }
    if (result != STLS_OK) { /* also a proper end: half a SIP flow is of no use */
        fail(self, stls_conn_error(self->conn));
        return false;
    }
    sips_stream_added(&self->in, done);
    return true;
}

static void talk(flow *self) {
    for (int i = 0; i < MESSAGES_A_TURN && self->state == FLOW_OPEN && self->read_waits == 0;) {
        if (take_one(self)) {
            i++;
        } else if (self->state != FLOW_OPEN || !read_more(self)) {
            break;
        }
    }
    if (self->state == FLOW_OPEN) {
        watch_rest(self);
        write_out(self);
    }
}

/* --- The beginning of a flow */

static void advance(flow *self);

static void open_flow(flow *self) {
    const sips_handlers *handlers = &self->transport->handlers;
    self->state = FLOW_OPEN;
    self->due = 0;
    self->read_waits = self->write_waits = 0;
    set_next_ping(self);
    if (handlers->opened != NULL) {
        handlers->opened(handlers->arg, self->number, self->domain);
    }
    advance(self); /* what waited for this goes out */
}

static void shake_hands(flow *self) {
    stls_result result = stls_conn_handshake(self->conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        self->read_waits = events_of(result);
    } else if (result == STLS_OK) {
        open_flow(self);
    } else {
        fail(self, stls_conn_error(self->conn));
    }
}

static void start_tls(flow *self) {
    stls_error error;
    const char *peer = self->accepted ? NULL : self->domain;
    if (stls_conn_new(self->context, peer, &self->conn, &error) != STLS_OK ||
        stls_conn_set_fd(self->conn, self->fd, &error) != STLS_OK) {
        fail(self, &error);
        return;
    }
    self->state = FLOW_HANDSHAKE;
    self->due = 0; /* the handshake has a deadline of its own */
    shake_hands(self);
}

static bool prepare_socket(int fd) {
    int flags = fcntl(fd, F_GETFL), one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* Begins to connect to the address whose turn it is; 0, or an errno. */
static int start_connecting(flow *self) {
    const sips_address *address = &self->addresses[self->address];
    self->fd = socket(address->at.ss_family, SOCK_STREAM, 0);
    if (self->fd < 0 || !prepare_socket(self->fd)) {
        return errno;
    }
    if (connect(self->fd, (const struct sockaddr *)&address->at, address->len) != 0 &&
        errno != EINPROGRESS) {
        return errno;
    }
    self->state = FLOW_CONNECTING;
    self->read_waits = POLLOUT;
    self->due = now_ms() + self->transport->times.connect_ms;
    return 0;
}

/* The current address failed with `cause`: goes on to the next that can be tried. Another server of
 * the domain is asked only because this one was not reached (RFC 3263 section 4.3); a certificate
 * that was refused is no reason: whoever shows it may have answered our DNS query too. */
static void try_next_address(flow *self, int cause) {
    while (cause != 0) {
        if (self->fd >= 0) {
            close(self->fd);
            self->fd = -1;
        }
        if (++self->address >= self->address_count) {
            stls_error error;
            set_error(&error, cause == ETIMEDOUT ? STLS_E_TIMEOUT : STLS_E_TRANSPORT,
                      "no TCP connection to a server of %s: %s", self->domain, strerror(cause));
            fail(self, &error);
            return;
        }
        cause = start_connecting(self);
    }
}

static void end_connecting(flow *self) {
    int cause = 0;
    socklen_t len = sizeof cause;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &cause, &len) != 0) {
        cause = errno;
    }
    if (cause != 0) {
        try_next_address(self, cause);
    } else {
        start_tls(self);
    }
}

static size_t locate_by_dns(const char *domain, int port, sips_address *list) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char service[8];
    size_t count = 0;
    snprintf(service, sizeof service, "%d", port != 0 ? port : SIPS_PORT);
    if (getaddrinfo(domain, service, &hints, &found) != 0) {
        return 0;
    }
    for (struct addrinfo *at = found; at != NULL && count < SIPS_ADDRESSES_MAX; at = at->ai_next) {
        memcpy(&list[count].at, at->ai_addr, at->ai_addrlen);
        list[count++].len = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return count;
}

static void start(flow *self) {
    const sips_handlers *handlers = &self->transport->handlers;
    stls_context_free(self->context); /* a newer one may be there */
    self->context = stls_context_hold(self->transport->client);
    self->address_count =
        handlers->locate != NULL
            ? handlers->locate(handlers->arg, self->domain, self->port, self->addresses)
            : locate_by_dns(self->domain, self->port, self->addresses);
    self->address = 0;
    self->state = FLOW_CONNECTING;
    if (self->address_count == 0) {
        stls_error error;
        set_error(&error, STLS_E_TRANSPORT, "no address of %s is known", self->domain);
        fail(self, &error);
        return;
    }
    try_next_address(self, start_connecting(self));
}

static void advance(flow *self) {
    switch (self->state) {
    case FLOW_NEW:
        if (self->accepted) {
            start_tls(self);
        } else {
            start(self);
        }
        break;
    case FLOW_WAITING:
    case FLOW_GONE:
        break;
    case FLOW_CONNECTING:
        end_connecting(self);
        break;
    case FLOW_HANDSHAKE:
        shake_hands(self);
        break;
    case FLOW_OPEN:
        talk(self);
        break;
    case FLOW_CLOSING:
        write_out(self);
        if (self->state == FLOW_CLOSING) {
            finish_closing(self);
        }
        break;
    }
}

/* --- Finding a flow, and making one */

static bool identity_of(const flow *self, size_t index, char *domain, size_t size) {
    stls_name_kind kind;
    return self != NULL && self->state == FLOW_OPEN && stls_conn_is_secure(self->conn) &&
           stls_certificate_sip_identity(stls_conn_peer_certificate(self->conn, 0), index, domain,
                                         size, &kind);
}

/* By its certificate, on a connection where nothing was tolerated. */
static bool proves(const flow *self, const char *domain) {
    char name[STLS_SIP_HOST_SIZE];
    for (size_t i = 0; identity_of(self, i, name, sizeof name); i++) {
        if (strcasecmp(name, domain) == 0) {
            return true;
        }
    }
    return false;
}

static bool was_opened_for(const flow *self, const char *domain, int port) {
    return !self->accepted && self->state != FLOW_CLOSING && self->state != FLOW_GONE &&
           self->context == self->transport->client && self->port == port &&
           strcasecmp(self->domain, domain) == 0;
}

/* A port in a URI names one server, which no certificate can. */
static bool can_be_shared(const flow *self, const char *domain, int port) {
    return port == 0 && self->port == 0 &&
           (self->accepted || self->context == self->transport->client) && proves(self, domain);
}

static flow *find(const sips_transport *transport, const char *domain, int port) {
    for (flow *at = transport->flows; at != NULL; at = at->next) {
        if (was_opened_for(at, domain, port)) {
            return at;
        }
    }
    for (flow *at = transport->flows; at != NULL; at = at->next) {
        if (can_be_shared(at, domain, port)) {
            return at;
        }
    }
    return NULL;
}

static flow *new_flow(sips_transport *transport, stls_context *context, stls_error *error) {
    flow *self = calloc(1, sizeof *self);
    if (self == NULL) {
        set_error(error, STLS_E_NO_MEMORY, "no memory for a connection");
        return NULL;
    }
    self->transport = transport;
    self->number = transport->last_number = transport->last_number % INT_MAX + 1;
    self->context = stls_context_hold(context);
    self->fd = -1;
    self->slot = NO_SLOT;
    self->next = transport->flows;
    transport->flows = self;
    return self;
}

static void free_flow(flow *self) {
    disconnect(self);
    stls_context_free(self->context);
    free(self);
}

static bool read_domain(const char *domain, char *name, stls_error *error) {
    stls_sip_target target;
    if (stls_sip_target_read(domain, &target, error) != STLS_OK) {
        return false;
    }
    memcpy(name, target.host, sizeof target.host);
    return true;
}

/* The flow for `domain`, found or made. Nothing happens to it before the next turn, so that no
 * handler is called from inside a call of the caller's. */
static flow *flow_for(sips_transport *transport, const char *domain, int port, stls_error *error) {
    char name[STLS_SIP_HOST_SIZE];
    if (!read_domain(domain, name, error)) {
        return NULL;
    }
    flow *self = find(transport, name, port);
    if (self == NULL && (self = new_flow(transport, transport->client, error)) != NULL) {
        memcpy(self->domain, name, sizeof name);
        self->port = port;
    }
    return self;
}

/* --- For the caller */

sips_flow sips_transport_send(sips_transport *transport, const char *domain, int port,
                              const char *message, size_t len, stls_error *error) {
    flow *self = flow_for(transport, domain, port, error);
    if (self == NULL) {
        return 0;
    }
    if (self->state == FLOW_WAITING) {
        set_error(error, STLS_E_TRANSPORT,
                  "the connection to %s has failed, and will be tried again in %d s", self->domain,
                  (int)((self->due - now_ms()) / 1000 + 1));
        return 0;
    }
    if (!add_out(self, message, len)) {
        set_error(error, STLS_E_LIMIT, "too much waits to be sent to %s already", self->domain);
        return 0;
    }
    return self->number;
}

bool sips_transport_answer(sips_transport *transport, sips_flow number, const char *message,
                           size_t len) {
    flow *self = find_number(transport, number);
    return self != NULL && self->state == FLOW_OPEN && add_out(self, message, len);
}

sips_flow sips_transport_keep(sips_transport *transport, const char *domain, int port,
                              stls_error *error) {
    flow *self = flow_for(transport, domain, port, error);
    if (self == NULL) {
        return 0;
    }
    self->kept = !self->accepted; /* the one who called us has to call again */
    return self->number;
}

sips_flow sips_transport_accept(sips_transport *transport, stls_context *server, int fd,
                                stls_error *error) {
    flow *self = new_flow(transport, server, error);
    if (self == NULL || !prepare_socket(fd)) {
        if (self != NULL) {
            self->state = FLOW_GONE;
            set_error(error, STLS_E_TRANSPORT, "the socket cannot be used: %s", strerror(errno));
        }
        close(fd);
        return 0;
    }
    self->accepted = self->in.accepted = true;
    self->fd = fd;
    return self->number;
}

void sips_transport_close(sips_transport *transport, sips_flow number) {
    flow *self = find_number(transport, number);
    if (self == NULL || self->state == FLOW_CLOSING) {
        return;
    }
    self->kept = false;
    self->state = self->state == FLOW_OPEN ? FLOW_CLOSING : FLOW_GONE;
    self->ping_due = self->pong_due = self->rest_due = 0;
    self->due = now_ms() + transport->times.close_ms;
}

bool sips_transport_proves(const sips_transport *transport, sips_flow number, const char *domain) {
    return proves(find_number(transport, number), domain);
}

bool sips_transport_identity(const sips_transport *transport, sips_flow number, size_t index,
                             char domain[STLS_SIP_HOST_SIZE]) {
    return identity_of(find_number(transport, number), index, domain, STLS_SIP_HOST_SIZE);
}

bool sips_transport_local(const sips_transport *transport, sips_flow number, char *text,
                          size_t size) {
    const flow *self = find_number(transport, number);
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    char host[64], port[8];
    if (self == NULL || self->fd < 0 || getsockname(self->fd, (struct sockaddr *)&at, &len) != 0 ||
        getnameinfo((struct sockaddr *)&at, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return false;
    }
    snprintf(text, size, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

sips_transport *sips_transport_new(stls_context *client, const sips_handlers *handlers,
                                   const sips_times *times) {
    sips_transport *transport = calloc(1, sizeof *transport);
    if (transport != NULL) {
        transport->handlers = *handlers;
        transport->times = *times;
        transport->client = stls_context_hold(client);
    }
    return transport;
}

void sips_transport_set_context(sips_transport *transport, stls_context *client) {
    stls_context *old = transport->client;
    transport->client = stls_context_hold(client);
    stls_context_free(old);
}

void sips_transport_free(sips_transport *transport) {
    if (transport == NULL) {
        return;
    }
    for (flow *at = transport->flows, *next; at != NULL; at = next) {
        next = at->next;
        if (at->state == FLOW_OPEN) {
            (void)stls_conn_close(at->conn); /* who can hear it at once, hears it */
        }
        free_flow(at);
    }
    stls_context_free(transport->client);
    free(transport);
}

/* --- The loop */

static int64_t sooner(int64_t one, int64_t other) {
    return one == 0 ? other : other == 0 || one < other ? one : other;
}

/* When something of `self` is due; 0: nothing is. */
static int64_t due_of(const flow *self) {
    int64_t due = sooner(sooner(self->due, self->rest_due), sooner(self->ping_due, self->pong_due));
    int deadline = self->state == FLOW_HANDSHAKE ? stls_conn_deadline(self->conn) : -1;
    return deadline < 0 ? due : sooner(due, now_ms() + deadline);
}

static bool has_to_write(const flow *self) {
    return self->state == FLOW_CLOSING || (self->state == FLOW_OPEN && self->out_len > 0);
}

/* Whether something can be tried at once. */
static bool is_ready(const flow *self) {
    return self->state == FLOW_NEW || self->state == FLOW_GONE ||
           (self->state == FLOW_OPEN && self->read_waits == 0) ||
           (has_to_write(self) && self->write_waits == 0);
}

static short events_for(const flow *self) {
    return (short)(self->read_waits | (has_to_write(self) ? self->write_waits : 0));
}

size_t sips_transport_count(const sips_transport *transport) {
    size_t count = 0;
    for (const flow *at = transport->flows; at != NULL; at = at->next) {
        count++;
    }
    return count;
}

size_t sips_transport_poll(sips_transport *transport, struct pollfd *list, size_t capacity,
                           int *timeout_ms) {
    size_t count = 0;
    int64_t now = now_ms();
    for (flow *at = transport->flows; at != NULL; at = at->next) {
        int64_t due = is_ready(at) ? now : due_of(at);
        int64_t left = due == 0 ? INT_MAX : due <= now ? 0 : due - now;
        if (left < INT_MAX && (*timeout_ms < 0 || left < *timeout_ms)) {
            *timeout_ms = (int)left;
        }
        at->slot = NO_SLOT;
        if (at->fd >= 0 && count < capacity) {
            at->slot = count;
            list[count++] = (struct pollfd){.fd = at->fd, .events = events_for(at)};
        }
    }
    return count;
}

static void act_on_time(flow *self, int64_t now) {
    if (self->state == FLOW_WAITING && self->due <= now) {
        start(self);
    } else if (self->state == FLOW_CONNECTING && self->due <= now) {
        try_next_address(self, ETIMEDOUT);
    } else if (self->state == FLOW_HANDSHAKE && stls_conn_deadline(self->conn) == 0) {
        shake_hands(self); /* it knows by itself that it is late, and says why */
    } else if (self->state == FLOW_CLOSING && self->due <= now) {
        disconnect(self);
        self->state = FLOW_GONE;
    } else if (self->state == FLOW_OPEN && self->pong_due != 0 && self->pong_due <= now) {
        fail_with(self, STLS_EOF, "no answer to a keep-alive came in time (RFC 5626)");
    } else if (self->state == FLOW_OPEN && self->rest_due != 0 && self->rest_due <= now) {
        fail_with(self, STLS_E_PROTOCOL, "a message has begun, and did not end in time");
    } else if (self->state == FLOW_OPEN && self->ping_due != 0 && self->ping_due <= now) {
        self->ping_due = 0;
        self->pong_due = now + self->transport->times.pong_ms;
        (void)add_out(self, "\r\n\r\n", 4); /* full of what the peer does not take: it fails too */
    }
}

static void act_on_events(flow *self, short events) {
    if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
        events |= POLLIN | POLLOUT;
    }
    self->read_waits = (self->read_waits & events) != 0 ? 0 : self->read_waits;
    self->write_waits = (self->write_waits & events) != 0 ? 0 : self->write_waits;
    advance(self);
}

static void remove_gone(sips_transport *transport) {
    for (flow **at = &transport->flows; *at != NULL;) {
        flow *self = *at;
        if (self->state == FLOW_GONE) {
            *at = self->next;
            free_flow(self);
        } else {
            at = &self->next;
        }
    }
}

/* Flows that a handler makes meanwhile stand in front of the list, and have their turn next time.
 */
void sips_transport_handle(sips_transport *transport, const struct pollfd *list, size_t count) {
    for (flow *at = transport->flows; at != NULL; at = at->next) {
        short events = at->slot < count ? list[at->slot].revents : 0;
        if (events != 0 || is_ready(at)) {
            act_on_events(at, events);
        }
        act_on_time(at, now_ms());
    }
    remove_gone(transport);
}
