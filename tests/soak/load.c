/* tests/soak/load.c - both sides of `siptls proxy` for a soak: many TLS clients that come and go,
 * and the server behind it, which gives back what it gets.
 *
 *     soak-load --backend NAME --trust FILE,... --connections N --life SECONDS
 *
 * Prints the server's port, reads the proxy's from stdin, and then keeps N connections up until
 * stdin ends. Before that, an 'r' there lets it rest, with no connection, once those that it has
 * have come to their end in haste; any other byte lets it go on. Each connection has an ending of
 * its own, and is held to it: what comes back is what was sent, byte by byte, and no end is taken
 * for another. A line of JSON each second, and one for each thing that is wrong, until there are
 * too many.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/siptls.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE = 16 * 1024,
    CONNECTING_MAX = 64, /* handshakes under way: a load, not an attack */
    PATIENCE_MS = 90000, /* in which something must come, on a machine that has others to serve */
    PAUSE_MS = 4000,     /* at most, between two messages of a connection */
    WRONG_TOLD = 50,     /* lines about what is wrong */
};

/* How a connection ends. */
typedef enum ending {
    END_PROPER,      /* close_notify once all has come back */
    END_HALF,        /* close_notify once all is sent; the rest still comes back */
    END_SERVER_FIN,  /* the server closes once all has gone back */
    END_SERVER_DIES, /* the server resets its connection then: an end, but no proper one */
    END_DIES,        /* the client resets its connection at any point */
    END_DIES_EARLY,  /* and in the handshake */
    END_NOT_TLS,     /* it speaks SIP without TLS, and is shown out */
    ENDINGS,
} ending;

static const char *const ending_names[] = {
    "proper", "half-closed", "server-fin", "server-dies", "client-dies", "dies-early", "not-tls"};
static const unsigned ending_shares[] = {66, 10, 5, 5, 8, 4, 2}; /* of 100 */

/* What a client sends first: the server behind must know which end it is part of. */
typedef struct greeting {
    uint32_t number;
    uint32_t ending;
    uint64_t goal; /* bytes of the whole connection, these among them */
} greeting;

typedef enum state { EMPTY = 0, CONNECTING, SHAKING_HANDS, OPEN, LEAVING } state;

typedef struct client {
    bool is_server; /* first in both structures */
    int fd;
    state state;
    stls_conn *conn;
    greeting hello;
    uint64_t wrote, got, due; /* `due`: bytes up to which it writes now */
    bool closed, write_waits;
    int64_t next, last; /* when it writes again; when something last came */
    uint32_t watched;
} client;

typedef struct server {
    bool is_server;
    int fd;
    greeting hello;
    uint64_t got, gone;
    uint8_t rest[PIECE];
    size_t rest_start, rest_len;
    bool ended;
    uint32_t watched;
} server;

static struct {
    int epoll, listener;
    uint16_t proxy_port;
    stls_context *context;
    client *clients;
    unsigned count, life_s;
    uint32_t number;
    uint64_t random;
    uint64_t ended[ENDINGS], full, resumed, bytes, wrong, stuck;
    unsigned live, connecting, servers;
    bool rests; /* no new clients, and those there are make haste */
    bool ends;  /* and there will be none */
} soak = {.random = 1};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t by_chance(uint64_t below) {
    uint64_t x = soak.random += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) % below;
}

/* --- What is wrong */

static void wrong(const client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(const client *c, const char *format, ...) {
    char text[600];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (++soak.wrong <= WRONG_TOLD) {
        fprintf(stderr,
                "wrong: connection %" PRIu32 " (%s, %" PRIu64 " of %" PRIu64 " bytes back): %s\n",
                c->hello.number, ending_names[c->hello.ending], c->got, c->hello.goal, text);
    }
}

static void die(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

/* --- Bytes that tell where they belong */

static uint8_t byte_at(const greeting *hello, uint64_t at) {
    if (at < sizeof *hello) {
        return ((const uint8_t *)hello)[at];
    }
    return (uint8_t)(hello->number * 31 + at * 7 + (at >> 8) * 13);
}

/* --- epoll */

static void watch(int fd, void *who, uint32_t *watched, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = who};
    if (*watched != events &&
        epoll_ctl(soak.epoll, *watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
        die("epoll_ctl");
    }
    *watched = events;
}

static void reset(int fd) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void set_options(int fd) {
    int one = 1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* --- The server behind */

static void server_leave(server *s) {
    close(s->fd);
    soak.servers--;
    free(s);
}

static bool server_write(server *s) {
    while (s->rest_len > 0) {
        ssize_t n = send(s->fd, s->rest + s->rest_start, s->rest_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(s->fd, s, &s->watched, EPOLLOUT);
            return false;
        }
        if (n < 0) {
            server_leave(s);
            return false;
        }
        s->rest_start += (size_t)n;
        s->rest_len -= (size_t)n;
        s->gone += (uint64_t)n;
    }
    return true;
}

/* Takes note of the greeting, which may come in pieces. */
static void server_learn(server *s, size_t n) {
    for (size_t i = 0; i < n && s->got + i < sizeof s->hello; i++) {
        ((uint8_t *)&s->hello)[s->got + i] = s->rest[i];
    }
    s->got += n;
}

static bool server_is_done(const server *s) {
    return s->got >= sizeof s->hello && s->gone >= s->hello.goal &&
           (s->hello.ending == END_SERVER_FIN || s->hello.ending == END_SERVER_DIES);
}

static void server_go(server *s) {
    while (server_write(s)) {
        if (server_is_done(s)) {
            if (s->hello.ending == END_SERVER_DIES) {
                reset(s->fd);
            }
            server_leave(s);
            return;
        }
        ssize_t n = recv(s->fd, s->rest, sizeof s->rest, 0);
        if (n < 0 && errno == EAGAIN) {
            watch(s->fd, s, &s->watched, EPOLLIN);
            return;
        }
        if (n <= 0) { /* all that came has gone back */
            server_leave(s);
            return;
        }
        server_learn(s, (size_t)n);
        s->rest_start = 0;
        s->rest_len = (size_t)n;
    }
}

static void accept_servers(void) {
    int fd;
    while ((fd = accept(soak.listener, NULL, NULL)) >= 0) {
        server *s = calloc(1, sizeof *s);
        if (!s) {
            die("memory");
        }
        set_options(fd);
        s->is_server = true;
        s->fd = fd;
        soak.servers++;
        server_go(s);
    }
}

/* --- A client's life */

static void client_leave(client *c) {
    if (c->state == CONNECTING || c->state == SHAKING_HANDS) {
        soak.connecting--;
    }
    stls_conn_free(c->conn);
    close(c->fd);
    soak.ended[c->hello.ending]++;
    soak.live--;
    *c = (client){.fd = -1};
}

static ending choose_ending(void) {
    unsigned share = (unsigned)by_chance(100);
    ending e = END_PROPER;
    while (share >= ending_shares[e]) {
        share -= ending_shares[e++];
    }
    return e;
}

static void client_start(client *c) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(soak.proxy_port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *c = (client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .state = CONNECTING};
    c->hello = (greeting){.number = ++soak.number,
                          .ending = choose_ending(),
                          .goal = sizeof c->hello + by_chance(200000)};
    c->last = now_ms();
    if (c->fd < 0) {
        die("socket");
    }
    set_options(c->fd);
    soak.live++;
    soak.connecting++;
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS) {
        wrong(c, "connect: %s", strerror(errno));
        client_leave(c);
        return;
    }
    watch(c->fd, c, &c->watched, EPOLLOUT);
}

static void client_watch(client *c, stls_result result) {
    watch(c->fd, c, &c->watched,
          (result == STLS_WANT_WRITE ? EPOLLOUT : EPOLLIN) | (c->write_waits ? EPOLLOUT : 0u));
}

/* All but its end. */
static void client_ends(client *c, stls_result result) {
    const char *why = stls_conn_error(c->conn)->text;
    bool whole = c->got == c->hello.goal;
    switch ((ending)c->hello.ending) {
    case END_PROPER:
    case END_HALF:
        if (result != STLS_CLOSED || !whole || !c->closed) {
            wrong(c, "%s: %s", stls_result_name(result), why);
        }
        break;
    case END_SERVER_FIN:
        if (result != STLS_CLOSED || !whole) {
            wrong(c, "%s: %s", stls_result_name(result), why);
        }
        break;
    case END_SERVER_DIES:
        if (result == STLS_CLOSED) {
            wrong(c, "a server that died is taken for one that said goodbye: %s", why);
        }
        break;
    default:
        wrong(c, "it was to die by itself: %s: %s", stls_result_name(result), why);
    }
    if (result == STLS_CLOSED) {
        stls_conn_close(c->conn);
    }
    client_leave(c);
}

/* False: it has left. */
static bool client_read(client *c) {
    uint8_t data[PIECE];
    size_t n;
    stls_result result;
    while ((result = stls_conn_read(c->conn, data, sizeof data, &n)) == STLS_OK) {
        for (size_t i = 0; i < n; i++) {
            if (data[i] != byte_at(&c->hello, c->got + i)) {
                wrong(c, "byte %" PRIu64 " is not the one that was sent", c->got + i);
                client_leave(c);
                return false;
            }
        }
        c->got += n;
        soak.bytes += n;
        c->last = now_ms();
        if (c->got > c->hello.goal) {
            wrong(c, "more came back than was sent");
        }
    }
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        client_watch(c, result);
        return true;
    }
    client_ends(c, result);
    return false;
}

static void client_write(client *c) {
    uint8_t data[PIECE];
    c->write_waits = false;
    while (c->wrote < c->due) {
        size_t len = c->due - c->wrote < sizeof data ? (size_t)(c->due - c->wrote) : sizeof data;
        size_t done = 0;
        for (size_t i = 0; i < len; i++) {
            data[i] = byte_at(&c->hello, c->wrote + i);
        }
        stls_result result = stls_conn_write(c->conn, data, len, &done);
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            c->write_waits = true;
            return;
        }
        if (result != STLS_OK) {
            return; /* the read has more to say */
        }
        c->wrote += done;
    }
}

static void client_close(client *c) {
    bool sent = c->wrote == c->hello.goal;
    bool due = c->hello.ending == END_HALF     ? sent
               : c->hello.ending == END_PROPER ? sent && c->got == c->hello.goal
                                               : false;
    if (due && !c->closed) {
        c->closed = stls_conn_close(c->conn) == STLS_OK;
    }
}

/* The next message, and whether the client lives on. In the end nobody takes his time. */
static bool client_wakes(client *c, int64_t now) {
    uint64_t rest = c->hello.goal - c->due;
    if (c->hello.ending == END_DIES && (soak.rests || by_chance(8) == 0)) {
        reset(c->fd);
        client_leave(c);
        return false;
    }
    if (c->due == c->wrote && rest > 0) {
        uint64_t life = (uint64_t)soak.life_s * 1000;
        uint64_t piece = 1 + by_chance(2 * c->hello.goal * PAUSE_MS / 2 / life + 100);
        c->due += piece < rest && !soak.rests ? piece : rest;
    }
    c->next = now + (int64_t)by_chance(PAUSE_MS);
    return true;
}

static void client_open(client *c) {
    int64_t now = now_ms();
    if (now >= c->next && !client_wakes(c, now)) {
        return;
    }
    client_write(c);
    client_close(c);
    if (client_read(c)) {
        client_close(c);
    }
}

static void client_shake_hands(client *c) {
    stls_conn_info info;
    stls_result result = stls_conn_handshake(c->conn);
    if (c->hello.ending == END_DIES_EARLY) { /* behind its ClientHello, or a little later */
        if (by_chance(2) == 0 || result == STLS_OK) {
            reset(c->fd);
            client_leave(c);
            return;
        }
    }
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        client_watch(c, result);
        return;
    }
    if (result != STLS_OK) {
        wrong(c, "%s", stls_conn_error(c->conn)->text);
        client_leave(c);
        return;
    }
    stls_conn_get_info(c->conn, &info);
    *(info.resumed ? &soak.resumed : &soak.full) += 1;
    soak.connecting--;
    c->state = OPEN;
    c->due = sizeof c->hello;
    client_open(c);
}

static void client_connect(client *c) {
    static const char request[] = "OPTIONS sip:example.test SIP/2.0\r\n\r\n";
    stls_error error;
    int failed = 0;
    socklen_t len = sizeof failed;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &len);
    if (failed) {
        wrong(c, "connect: %s", strerror(failed));
        client_leave(c);
        return;
    }
    if (c->hello.ending == END_NOT_TLS) {
        (void)!send(c->fd, request, sizeof request - 1, MSG_NOSIGNAL);
        c->state = LEAVING;
        soak.connecting--;
        watch(c->fd, c, &c->watched, EPOLLIN);
        return;
    }
    if (stls_conn_new(soak.context, "example.test", &c->conn, &error) != STLS_OK ||
        stls_conn_set_fd(c->conn, c->fd, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        exit(EXIT_FAILURE);
    }
    c->state = SHAKING_HANDS;
    client_shake_hands(c);
}

/* Without TLS: the proxy must end it, and give nothing of the server's. */
static void client_is_shown_out(client *c) {
    uint8_t data[64];
    ssize_t n = recv(c->fd, data, sizeof data, 0);
    if (n > 0 && data[0] != 21) {
        wrong(c, "something else than an alert came");
    }
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        client_leave(c);
    }
}

static void client_go(client *c) {
    switch (c->state) {
    case CONNECTING:
        client_connect(c);
        break;
    case SHAKING_HANDS:
        client_shake_hands(c);
        break;
    case OPEN:
        client_open(c);
        break;
    case LEAVING:
        client_is_shown_out(c);
        break;
    case EMPTY:
        break;
    }
}

/* Whether the client waits for something that must come. */
static bool client_waits(const client *c) {
    return c->state != OPEN || c->got < c->wrote ||
           (c->wrote == c->hello.goal && c->hello.ending != END_DIES);
}

/* Those whose time has come, those that wait in vain, and new ones. */
static void look_after_clients(void) {
    int64_t now = now_ms();
    for (unsigned i = 0; i < soak.count; i++) {
        client *c = &soak.clients[i];
        if (c->state == EMPTY) {
            if (!soak.rests && soak.connecting < CONNECTING_MAX) {
                client_start(c);
            }
        } else if (now - c->last > PATIENCE_MS && client_waits(c)) {
            soak.stuck++;
            wrong(c, "nothing has come for %d s (state %d)", PATIENCE_MS / 1000, (int)c->state);
            client_leave(c);
        } else if (c->state == OPEN && (now >= c->next || soak.rests) &&
                   (c->due < c->hello.goal || c->hello.ending == END_DIES)) {
            c->next = now;
            client_open(c);
        }
    }
}

/* --- The whole */

static void print_state(void) {
    printf("{\"live\":%u,\"connecting\":%u,\"servers\":%u,\"full\":%" PRIu64 ",\"resumed\":%" PRIu64
           ",\"bytes\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"stuck\":%" PRIu64 ",\"ended\":{",
           soak.live, soak.connecting, soak.servers, soak.full, soak.resumed, soak.bytes,
           soak.wrong, soak.stuck);
    for (unsigned e = 0; e < ENDINGS; e++) {
        printf("%s\"%s\":%" PRIu64, e ? "," : "", ending_names[e], soak.ended[e]);
    }
    printf("}}\n");
}

static uint16_t listen_somewhere(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    soak.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (soak.listener < 0 || bind(soak.listener, (struct sockaddr *)&at, len) != 0 ||
        listen(soak.listener, 4096) != 0 ||
        getsockname(soak.listener, (struct sockaddr *)&at, &len) != 0) {
        die("listen");
    }
    fcntl(soak.listener, F_SETFL, O_NONBLOCK);
    return ntohs(at.sin_port);
}

static stls_context *make_context(const char *backend, char *trust_files) {
    stls_error error = {.text = "no such backend"};
    stls_trust *trust = stls_trust_new();
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    bool good =
        trust && stls_backend_find(backend) &&
        stls_profile_new(stls_backend_find(backend), STLS_ROLE_CLIENT, &profile, &error) == STLS_OK;
    for (char *file = strtok(trust_files, ","); good && file; file = strtok(NULL, ",")) {
        good = stls_trust_add_file(trust, file, &error) == STLS_OK;
    }
    /* The proxy is asked for patience, not the handshake for speed. */
    good = good && stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
           stls_profile_set_handshake_timeout(profile, PATIENCE_MS, &error) == STLS_OK &&
           stls_context_new(profile, &context, &error) == STLS_OK;
    if (!good) {
        fprintf(stderr, "%s\n", error.text);
        exit(EXIT_FAILURE);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    return context;
}

static void take_order(void) {
    char order;
    soak.ends = read(STDIN_FILENO, &order, 1) <= 0;
    soak.rests = soak.ends || order == 'r';
    if (soak.ends) {
        epoll_ctl(soak.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    }
}

static void run(void) {
    static char stdin_marker, listener_marker;
    struct epoll_event events[256];
    uint32_t none = 0, also_none = 0;
    int64_t tick = now_ms() + 1000;
    watch(soak.listener, &listener_marker, &none, EPOLLIN);
    watch(STDIN_FILENO, &stdin_marker, &also_none, EPOLLIN);
    while (!soak.ends || soak.live > 0 || soak.servers > 0) {
        int n = epoll_wait(soak.epoll, events, 256, 50);
        for (int i = 0; i < n; i++) {
            void *who = events[i].data.ptr;
            if (who == &stdin_marker) {
                take_order();
            } else if (who == &listener_marker) {
                accept_servers();
            } else if (*(bool *)who) {
                server_go(who);
            } else {
                client_go(who);
            }
        }
        look_after_clients();
        if (now_ms() >= tick) {
            tick += 1000;
            print_state();
        }
    }
    print_state();
}

int main(int argc, char **argv) {
    const char *backend = "openssl";
    char *trust = NULL, port[16];
    soak.count = 60;
    soak.life_s = 60;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--backend") == 0) {
            backend = argv[i + 1];
        } else if (strcmp(argv[i], "--trust") == 0) {
            trust = argv[i + 1];
        } else if (strcmp(argv[i], "--connections") == 0) {
            soak.count = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--life") == 0) {
            soak.life_s = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            soak.random = strtoull(argv[i + 1], NULL, 10);
        }
    }
    struct rlimit files = {.rlim_cur = soak.count * 3ul + 100, .rlim_max = soak.count * 3ul + 100};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0); /* behind the port come orders */
    signal(SIGPIPE, SIG_IGN);
    soak.context = make_context(backend, trust);
    soak.clients = soak.count > 0 ? calloc(soak.count, sizeof *soak.clients) : NULL;
    soak.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!soak.clients || soak.epoll < 0 || !soak.life_s) {
        die("start");
    }
    printf("%u\n", (unsigned)listen_somewhere());
    if (!fgets(port, sizeof port, stdin)) {
        return EXIT_FAILURE;
    }
    soak.proxy_port = (uint16_t)strtoul(port, NULL, 10);
    run();
    stls_context_free(soak.context);
    free(soak.clients);
    return soak.wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
