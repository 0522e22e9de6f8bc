/* siptls serve: a small SIP registrar over TLS.
 *
 * One process, no threads: poll() tells which connection can go on, and each goes on only as far as
 * it can without waiting. A peer that says nothing, or says half a message, has a deadline.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "net.h"
#include "output.h"
#include "registrar.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] =
    "usage: siptls serve [options] --cert FILE | --store FOLDER | --profile PLACE#NAME\n"
    "\n"
    "Listens for TLS and is a small SIP registrar: REGISTER is remembered in memory,\n"
    "OPTIONS is answered with 200, keep-alives (RFC 5626) are answered, other\n"
    "requests with 405 or 501. Nobody needs a password; --client-ca lets in only who\n"
    "has a certificate. Prints \"listening on ADDRESS\" first, then one line for each\n"
    "thing that happens. SIGINT and SIGTERM end it. SIGHUP reads all files anew: new\n"
    "connections get what is in them then, the others keep what they have, and so do\n"
    "all if anything is wrong with the new files.\n"
    "\n"
    "  --listen HOST:PORT   default: 127.0.0.1:5061; port 0 takes any free port\n"
    "  --cert FILE          the server's certificate and its intermediates, PEM,\n"
    "                       leaf first\n"
    "  --store FOLDER       in place of --cert and --client-ca: the certificate and the\n"
    "                       trusted certificates of a store; see \"siptls device\"\n"
    "  --key FILE           its private key; default: it is in the file of --cert\n"
    "  --password-file FILE the password of all keys is the first line of this file\n"
    "  --host NAME=CERT[,KEY]\n"
    "                       another certificate for clients that ask for NAME (SNI);\n"
    "                       may be repeated\n"
    "  --strict-hosts       refuse clients that ask for no name, or for one without\n"
    "                       --host\n"
    "  --client-ca FILE     certificates that clients' certificates must end in; may\n"
    "                       be repeated; \"system\" stands for the system's CA bundle\n"
    "  --crl FILE           a CRL, PEM or DER; several times if need be. Then every\n"
    "                       certificate below the trusted one must be in no CRL\n"
    "  --crl-check MODE     off, leaf (the peer's own certificate; the default if the\n"
    "                       store has CRLs: then a CA without one needs \"off\", or\n"
    "                       --tolerate crl-missing) or chain (with --crl)\n"
    "  --verify MODE        none: do not ask for a certificate (the default without\n"
    "                       --client-ca)\n"
    "                       optional: none is fine, one that comes must be good\n"
    "                       optional-any: a bad one is fine too, and is told\n"
    "                       required: it must come and be good (the default with\n"
    "                       --client-ca)\n"
    "  --profile PLACE#NAME the settings of a named profile, which the other options\n"
    "                       change; PLACE is a file of profiles, or a store's folder,\n"
    "                       whose certificates are then used, or those of --store;\n"
    "                       see \"siptls profile\"\n"
    "  --tolerate FLAGS     accept in spite of these flaws: \"expired,wrong-usage\"\n"
    "  --backend NAME       the TLS library; see \"siptls backends\"\n"
    "  --tls VERSION        1.2, 1.3 or 1.2-1.3 (the default)\n"
    "  --suites LIST, --groups LIST, --schemes LIST\n"
    "                       most wanted first, separated by ':'\n"
    "  --alpn LIST          application protocols: \"sip/2\"\n"
    "  --timeout MS         for a handshake, for the rest of a message that has\n"
    "                       begun, and for an answer to be taken; default: 10000\n"
    "  --tickets N          tickets that a client of TLS 1.3 gets to resume with, 0 to 8;\n"
    "                       0: nobody resumes, in any version; default: 1\n"
    "  --ticket-secrets FILE\n"
    "                       what seals tickets, for a restart and for other servers: a\n"
    "                       secret a line, as \"openssl rand -hex 32\" makes them; the\n"
    "                       first seals, all open\n"
    "  --max-handshakes N   at most so many at a time; more are hung up on at once\n"
    "  --keylog FILE        append the keys of all connections, for wireshark\n"
    "  --count N            end when N connections have come and gone\n"
    "  --json               one JSON object a line\n"
    "\n"
    "Examples:\n"
    "  siptls serve --listen 127.0.0.1:15061 --cert server.pem --key server.key\n"
    "  siptls serve --cert server.pem --key server.key --client-ca phones-ca.pem\n"
    "\n"
    "Exit codes:\n"
    "  0  ended by a signal or by --count\n"
    "  1  the command line, or a file or setting in it, cannot be used\n"
    "  2  cannot listen\n";

enum own_option {
    OPTION_LISTEN = OPTION_OWN,
    OPTION_MAX_HANDSHAKES,
    OPTION_COUNT,
};

const struct option serve_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"backend", required_argument, NULL, OPTION_BACKEND},
    {"tls", required_argument, NULL, OPTION_TLS},
    {"suites", required_argument, NULL, OPTION_SUITES},
    {"groups", required_argument, NULL, OPTION_GROUPS},
    {"schemes", required_argument, NULL, OPTION_SCHEMES},
    {"alpn", required_argument, NULL, OPTION_ALPN},
    {"client-ca", required_argument, NULL, OPTION_CA},
    {"crl", required_argument, NULL, OPTION_CRL},
    {"crl-check", required_argument, NULL, OPTION_CRL_CHECK},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"tolerate", required_argument, NULL, OPTION_TOLERATE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"store", required_argument, NULL, OPTION_STORE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"host", required_argument, NULL, OPTION_HOST},
    {"strict-hosts", no_argument, NULL, OPTION_STRICT_HOSTS},
    {"verify", required_argument, NULL, OPTION_VERIFY},
    {"tickets", required_argument, NULL, OPTION_TICKETS},
    {"ticket-secrets", required_argument, NULL, OPTION_TICKET_SECRETS},
    {"max-handshakes", required_argument, NULL, OPTION_MAX_HANDSHAKES},
    {"keylog", required_argument, NULL, OPTION_KEYLOG},
    {"count", required_argument, NULL, OPTION_COUNT},
    {NULL, 0, NULL, 0},
};

enum {
    VISITORS_MAX = 256,
    MESSAGES_A_TURN = 16, /* of one connection, before the others have theirs */
    LINGER_MS = 2000,
    REST_MS = 1000,
};

typedef enum visitor_state {
    SHAKING_HANDS,
    TALKING,
    CLOSING,   /* our close_notify is on its way */
    LINGERING, /* the peer gets time to read what we sent; a close with unread bytes would reset it
                */
    GONE,
} visitor_state;

typedef struct sip_visitor {
    int fd;
    unsigned number;
    char who[NET_ADDRESS_SIZE], ip[NET_HOST_SIZE], port[NET_PORT_SIZE];
    stls_conn *conn;
    visitor_state state;
    stls_result wanted; /* what it waits for; STLS_OK: nothing, it can go on at once */
    int64_t deadline;   /* net_now(); 0: none. That of the handshake is the connection's own */
    sip_reader reader;
    sip_text answer; /* the part from `answered` on is not written yet */
    size_t answered;
} sip_visitor;

typedef struct server {
    server_options options;
    const char *listen;
    unsigned max_count, accepted, gone;
    int listener;
    bool rests; /* nothing is left for another connection: the next turn looks for none */
    stls_context *context;
    registrar registrar;
    sip_visitor *visitors[VISITORS_MAX];
    size_t visitor_count;
    json json;
} server;

/* --- Telling */

static void begin_event(server *self, const sip_visitor *visitor, const char *event) {
    json_object(&self->json, NULL);
    json_text(&self->json, "event", event);
    if (visitor != NULL) {
        json_number(&self->json, "connection", visitor->number);
        json_text(&self->json, "peer", visitor->who);
    }
}

static void tell(server *self, const sip_visitor *visitor, const char *event, const char *text) {
    if (self->options.tls.json) {
        begin_event(self, visitor, event);
        json_text(&self->json, "text", text);
        json_object_end(&self->json);
    } else {
        printf("#%u %s %s%s%s\n", visitor->number, visitor->who, event, text[0] != '\0' ? ": " : "",
               text);
    }
}

/* What the server does of itself. */
static void tell_own(server *self, const char *event, const char *text) {
    if (self->options.tls.json) {
        begin_event(self, NULL, event);
        json_text(&self->json, "text", text);
        json_object_end(&self->json);
    } else {
        printf("%s: %s\n", event, text);
    }
}

static void tell_failure(server *self, const sip_visitor *visitor, const char *event) {
    const stls_error *error = stls_conn_error(visitor->conn);
    if (self->options.tls.json) {
        begin_event(self, visitor, event);
        output_failure_json(&self->json, error, stls_conn_verdict(visitor->conn));
        json_object_end(&self->json);
        return;
    }
    char alert[64] = "";
    if (error->alert_sent != STLS_ALERT_NONE) { /* one that was received is in the sentence */
        output_alert(error->alert_sent, alert, sizeof alert);
    }
    printf("#%u %s %s: %s%s%s\n", visitor->number, visitor->who, event, error->text,
           alert[0] != '\0' ? "; alert sent: " : "", alert);
}

/* Who the client is: "CN=phone, verified, SIP identity alice.example.test". */
static void describe_client(const stls_conn *conn, char *text, size_t size) {
    const stls_verdict *verdict = stls_conn_verdict(conn);
    stls_bytes leaf = stls_conn_peer_certificate(conn, 0);
    stls_certificate_info info;
    stls_name_kind kind;
    char name[STLS_NAME_SIZE];
    if (leaf.len == 0) {
        snprintf(text, size, "without certificate");
        return;
    }
    if (stls_certificate_read(leaf, &info, NULL) != STLS_OK) {
        snprintf(info.subject, sizeof info.subject, "an unreadable certificate");
    }
    if (!stls_conn_is_secure(conn)) {
        snprintf(text, size, "%s, NOT verified: %s", info.subject, verdict->text);
    } else if (stls_certificate_sip_identity(leaf, 0, name, sizeof name, &kind)) {
        snprintf(text, size, "%s, verified, SIP identity %s", info.subject, name);
    } else {
        snprintf(text, size, "%s, verified, no SIP identity", info.subject);
    }
}

static void tell_handshake(server *self, const sip_visitor *visitor) {
    stls_conn_info info;
    char client[1024];
    stls_conn_get_info(visitor->conn, &info);
    if (self->options.tls.json) {
        begin_event(self, visitor, "handshake");
        json_bool(&self->json, "secure", stls_conn_is_secure(visitor->conn));
        output_handshake_json(&self->json, visitor->conn);
        output_chain_json(&self->json, visitor->conn);
        output_verdict_json(&self->json, stls_conn_verdict(visitor->conn));
        json_object_end(&self->json);
        return;
    }
    describe_client(visitor->conn, client, sizeof client);
    const char *suite = stls_iana_name(STLS_REGISTRY_SUITE, info.suite);
    printf("#%u %s connected: TLS %s, %s, %s%s%s, client %s\n", visitor->number, visitor->who,
           info.version == STLS_TLS1_3 ? "1.3" : "1.2", suite != NULL ? suite : "unknown suite",
           info.resumed ? "resumed" : "full handshake", info.server_name[0] != '\0' ? ", for " : "",
           info.server_name, client);
}

static void tell_request(server *self, const sip_visitor *visitor, const registrar_note *note) {
    bool registers = strcmp(note->method, "REGISTER") == 0 && note->status == 200;
    if (self->options.tls.json) {
        begin_event(self, visitor, "request");
        json_text(&self->json, "method", note->method);
        json_text(&self->json, "uri", note->uri);
        json_number(&self->json, "status", note->status);
        if (registers) {
            json_number(&self->json, "bindings", (int64_t)note->bindings);
        }
        json_object_end(&self->json);
    } else if (note->status == 0) {
        printf("#%u %s %s %s: no answer is due\n", visitor->number, visitor->who, note->method,
               note->uri);
    } else {
        printf("#%u %s %s %s: %d %s", visitor->number, visitor->who, note->method, note->uri,
               note->status, note->reason);
        if (registers) {
            printf(", %zu contact%s now", note->bindings, note->bindings == 1 ? "" : "s");
        }
        putchar('\n');
    }
}

/* --- One connection */

static void linger(sip_visitor *visitor) {
    shutdown(visitor->fd, SHUT_WR);
    sip_reader_free(&visitor->reader);
    sip_text_free(&visitor->answer);
    visitor->state = LINGERING;
    visitor->wanted = STLS_WANT_READ;
    visitor->deadline = net_now() + LINGER_MS;
}

static void start_closing(server *self, sip_visitor *visitor) {
    visitor->state = CLOSING;
    visitor->deadline = net_now() + self->options.tls.timeout_ms;
}

/* Whether the connection can go on; otherwise `wanted` or `state` says what now. */
static bool shake_hands(server *self, sip_visitor *visitor) {
    stls_result result = stls_conn_handshake(visitor->conn);
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        visitor->wanted = result;
        return false;
    }
    if (result != STLS_OK) {
        tell_failure(self, visitor, "refused");
        linger(visitor);
        return false;
    }
    tell_handshake(self, visitor);
    visitor->state = TALKING;
    return true;
}

static bool end_after(server *self, sip_visitor *visitor, stls_result result) {
    if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
        visitor->wanted = result;
    } else if (result == STLS_CLOSED) {
        tell(self, visitor, "closed", "by the client");
        start_closing(self, visitor);
        return true;
    } else {
        tell_failure(self, visitor, result == STLS_EOF ? "cut off" : "failed");
        linger(visitor);
    }
    return false;
}

static bool write_answer(server *self, sip_visitor *visitor) {
    while (visitor->answered < visitor->answer.len) {
        size_t done = 0;
        stls_result result =
            stls_conn_write(visitor->conn, visitor->answer.data + visitor->answered,
                            visitor->answer.len - visitor->answered, &done);
        if (result != STLS_OK) {
            return end_after(self, visitor, result);
        }
        visitor->answered += done;
    }
    sip_text_free(&visitor->answer);
    visitor->answered = 0;
    return true;
}

static bool read_more(server *self, sip_visitor *visitor) {
    size_t room, done = 0;
    char *data = sip_reader_room(&visitor->reader, &room);
    if (data == NULL) {
        tell(self, visitor, "failed", "out of memory");
        linger(visitor);
        return false;
    }
    stls_result result = stls_conn_read(visitor->conn, data, room, &done);
    if (result != STLS_OK) {
        return end_after(self, visitor, result);
    }
    sip_reader_added(&visitor->reader, done);
    return true;
}

static void answer_request(server *self, sip_visitor *visitor, const sip_message *message) {
    registrar_note note;
    if (!message->is_request) {
        return; /* to a request that we never sent */
    }
    registrar_answer(&self->registrar, message, visitor->ip, visitor->port, &visitor->answer,
                     &note);
    tell_request(self, visitor, &note);
}

static bool take_event(server *self, sip_visitor *visitor, sip_event event,
                       const sip_message *message) {
    switch (event) {
    case SIP_NEED_MORE:
        return read_more(self, visitor);
    case SIP_MESSAGE:
        answer_request(self, visitor, message);
        break;
    case SIP_PING:
        sip_text_add(&visitor->answer, "\r\n");
        tell(self, visitor, "keep-alive", "");
        break;
    case SIP_PONG:
        break;
    case SIP_BROKEN:
        tell(self, visitor, "no SIP", visitor->reader.why);
        start_closing(self, visitor);
        return true;
    }
    if (visitor->answer.failed) {
        tell(self, visitor, "failed", "the answer would be too long");
        start_closing(self, visitor);
        return true;
    }
    return write_answer(self, visitor);
}

/* A message that has begun must end, and an answer must be taken; a phone may be silent for hours.
 */
static void set_deadline(server *self, sip_visitor *visitor) {
    bool busy = sip_reader_is_waiting(&visitor->reader) || visitor->answer.len > 0;
    if (!busy) {
        visitor->deadline = 0;
    } else if (visitor->deadline == 0) {
        visitor->deadline = net_now() + self->options.tls.timeout_ms;
    }
}

static bool talk(server *self, sip_visitor *visitor) {
    static sip_message message; /* large, and used between here and the answer only */
    visitor->wanted = STLS_OK;
    bool goes_on = write_answer(self, visitor);
    for (int i = 0; goes_on && visitor->state == TALKING && i < MESSAGES_A_TURN; i++) {
        sip_event event = sip_reader_next(&visitor->reader, &message);
        if (event != SIP_NEED_MORE) {
            visitor->deadline = 0;
        }
        goes_on = take_event(self, visitor, event, &message);
    }
    if (visitor->state == TALKING) {
        set_deadline(self, visitor);
    }
    return goes_on && visitor->state == CLOSING;
}

static void say_goodbye(sip_visitor *visitor) {
    stls_result result = stls_conn_close(visitor->conn);
    if (result == STLS_WANT_WRITE || result == STLS_WANT_READ) {
        visitor->wanted = result;
    } else {
        linger(visitor);
    }
}

static void drain(sip_visitor *visitor) {
    char rest[4096];
    ssize_t len = recv(visitor->fd, rest, sizeof rest, 0);
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
        visitor->state = GONE;
    }
}

/* Goes on as far as possible without waiting. */
static void step(server *self, sip_visitor *visitor) {
    bool goes_on = true;
    if (visitor->state == SHAKING_HANDS) {
        goes_on = shake_hands(self, visitor);
    }
    if (goes_on && visitor->state == TALKING) {
        goes_on = talk(self, visitor);
    }
    if (goes_on && visitor->state == CLOSING) {
        say_goodbye(visitor);
    } else if (goes_on && visitor->state == LINGERING) {
        drain(visitor);
    }
}

static void end_if_late(server *self, sip_visitor *visitor) {
    if (visitor->state == SHAKING_HANDS) {
        if (stls_conn_deadline(visitor->conn) == 0) {
            step(self, visitor); /* the handshake itself says that it is too late */
        }
    } else if (visitor->deadline != 0 && net_left(visitor->deadline) == 0) {
        if (visitor->state == LINGERING) {
            visitor->state = GONE;
            return;
        }
        if (visitor->state == TALKING) {
            tell(self, visitor, "too slow",
                 visitor->answer.len > 0 ? "it did not take our answer"
                                         : "it did not finish its message");
        }
        linger(visitor);
    }
}

/* --- The context */

/* Of what is in the files now, in place of the one in force; which stays if that fails, after the
 * reason was printed. */
static bool make_context(server *self) {
    stls_context *context = make_server_context(&self->options);
    if (context == NULL) {
        return false;
    }
    stls_context_free(self->context); /* its connections keep it as long as they live */
    self->context = context;
    return true;
}

static void reload(server *self) {
    if (make_context(self)) {
        tell_own(self, "reloaded", "new connections get what is in the files now");
    } else {
        tell_own(self, "not reloaded", "new connections get what they got before");
    }
}

/* --- All connections */

static sip_visitor *new_visitor(server *self, int fd, const char *who) {
    sip_visitor *visitor = calloc(1, sizeof *visitor);
    stls_error error = {.text = "out of memory"};
    if (visitor == NULL || stls_conn_new(self->context, NULL, &visitor->conn, &error) != STLS_OK ||
        stls_conn_set_fd(visitor->conn, fd, &error) != STLS_OK) {
        complain(self->options.tls.command, "%s", error.text);
        stls_conn_free(visitor != NULL ? visitor->conn : NULL);
        free(visitor);
        return NULL;
    }
    visitor->fd = fd;
    visitor->number = ++self->accepted;
    visitor->state = SHAKING_HANDS;
    visitor->wanted = STLS_WANT_READ;
    visitor->reader.is_server = true;
    snprintf(visitor->who, sizeof visitor->who, "%s", who);
    (void)net_split(who, visitor->ip, visitor->port);
    return visitor;
}

static void remove_visitor(server *self, size_t index) {
    sip_visitor *visitor = self->visitors[index];
    self->visitors[index] = self->visitors[--self->visitor_count];
    stls_conn_free(visitor->conn);
    sip_reader_free(&visitor->reader);
    sip_text_free(&visitor->answer);
    close(visitor->fd);
    free(visitor);
    self->gone++;
}

static bool accepts(const server *self) {
    return self->visitor_count < VISITORS_MAX && !self->rests &&
           (self->max_count == 0 || self->accepted < self->max_count);
}

static void let_in(server *self) {
    char who[NET_ADDRESS_SIZE];
    while (accepts(self)) {
        int fd = net_accept(self->listener, who);
        if (fd < 0) {
            /* Without a free descriptor the listener stays readable. */
            self->rests = net_is_exhausted(errno);
            return;
        }
        sip_visitor *visitor = new_visitor(self, fd, who);
        if (visitor == NULL) {
            close(fd);
            return;
        }
        self->visitors[self->visitor_count++] = visitor;
        step(self, visitor);
    }
}

static int time_to_wait(const server *self) {
    int wait = self->rests ? REST_MS : -1;
    for (size_t i = 0; i < self->visitor_count; i++) {
        const sip_visitor *visitor = self->visitors[i];
        int left = visitor->wanted == STLS_OK        ? 0
                   : visitor->state == SHAKING_HANDS ? stls_conn_deadline(visitor->conn)
                   : visitor->deadline != 0          ? net_left(visitor->deadline)
                                                     : -1;
        if (left >= 0 && (wait < 0 || left < wait)) {
            wait = left;
        }
    }
    return wait;
}

/* Entry 0 is the signals' pipe, entry 1 the listener, the rest the connections in their order. */
static void fill_poll(const server *self, int signals, struct pollfd *list) {
    list[0] = (struct pollfd){.fd = signals, .events = POLLIN};
    list[1] = (struct pollfd){.fd = accepts(self) ? self->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < self->visitor_count; i++) {
        bool writes = self->visitors[i]->wanted == STLS_WANT_WRITE;
        list[i + 2] =
            (struct pollfd){.fd = self->visitors[i]->fd, .events = writes ? POLLOUT : POLLIN};
    }
}

static void serve_visitors(server *self, const struct pollfd *list) {
    size_t count = self->visitor_count;
    for (size_t i = 0; i < count; i++) {
        sip_visitor *visitor = self->visitors[i];
        if (list[i + 2].revents != 0 || visitor->wanted == STLS_OK) {
            step(self, visitor);
        }
        if (visitor->state != GONE) {
            end_if_late(self, visitor);
        }
    }
    for (size_t i = count; i-- > 0;) {
        if (self->visitors[i]->state == GONE) {
            remove_visitor(self, i);
        }
    }
}

static int signal_pipe[2] = {-1, -1};

static void on_signal(int number) {
    int error = errno;
    (void)!write(signal_pipe[1], number == SIGHUP ? "h" : "x", 1);
    errno = error;
}

static bool catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    return pipe(signal_pipe) == 0 && fcntl(signal_pipe[0], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(signal_pipe[1], F_SETFL, O_NONBLOCK) == 0 &&
           sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0 &&
           sigaction(SIGHUP, &action, NULL) == 0 &&
           /* a file that may grow no more, a log or --keylog, ends no call */
           signal(SIGXFSZ, SIG_IGN) != SIG_ERR;
}

/* Whether to go on, after the signals that have come. */
static bool heed_signals(server *self) {
    char signals[64];
    ssize_t count = read(signal_pipe[0], signals, sizeof signals);
    if (count > 0 && memchr(signals, 'x', (size_t)count) != NULL) {
        return false;
    }
    if (count > 0) {
        reload(self);
    }
    return true;
}

static void run(server *self) {
    static struct pollfd list[VISITORS_MAX + 2];
    while (self->max_count == 0 || self->gone < self->max_count) {
        fill_poll(self, signal_pipe[0], list);
        int ready = poll(list, (nfds_t)(self->visitor_count + 2), time_to_wait(self));
        self->rests = false;
        if (ready < 0 && errno != EINTR) {
            complain(self->options.tls.command, "poll: %s", strerror(errno));
            return;
        }
        if (ready < 0) {
            continue;
        }
        if (list[0].revents != 0 && !heed_signals(self)) {
            return;
        }
        serve_visitors(self, list);
        if (list[1].revents != 0) {
            let_in(self);
        }
    }
}

/* Everybody hears close_notify who can hear it at once. */
static void send_home(server *self) {
    while (self->visitor_count > 0) {
        sip_visitor *visitor = self->visitors[self->visitor_count - 1];
        if (visitor->state == TALKING) {
            (void)stls_conn_close(visitor->conn);
        }
        remove_visitor(self, self->visitor_count - 1);
    }
}

/* --- The command line */

/* -1: go on; otherwise the exit code. */
static int take_own_option(server *self, int id, const char *value) {
    switch (id) {
    case 'h':
        fputs(usage, stdout);
        return EXIT_GOOD;
    case OPTION_LISTEN:
        self->listen = value;
        return -1;
    case OPTION_MAX_HANDSHAKES:
        return read_unsigned(value, 1, 1000000, &self->options.max_handshakes)
                   ? -1
                   : usage_error(self->options.tls.command,
                                 "--max-handshakes takes a number from 1, not \"%s\"", value);
    case OPTION_COUNT:
        return read_unsigned(value, 1, 1000000000, &self->max_count)
                   ? -1
                   : usage_error(self->options.tls.command,
                                 "--count takes a number from 1, not \"%s\"", value);
    default:
        return take_server_option(&self->options, id, value) ? -1 : EXIT_USAGE;
    }
}

static int read_command_line(server *self, int argc, char **argv) {
    int id;
    while ((id = getopt_long(argc, argv, "h", serve_options, NULL)) != -1) {
        int status = take_own_option(self, id, optarg);
        if (status != -1) {
            return status;
        }
    }
    if (optind != argc) {
        return usage_error(self->options.tls.command, "\"%s\" is too much", argv[optind]);
    }
    return check_server_options(&self->options) ? -1 : EXIT_USAGE;
}

/* --- The whole */

static int start_listening(server *self) {
    char host[NET_HOST_SIZE], port[NET_PORT_SIZE], where[NET_ADDRESS_SIZE], why[NET_WHY_SIZE];
    if (!net_split(self->listen, host, port)) {
        return usage_error(self->options.tls.command, "--listen takes host:port, not \"%s\"",
                           self->listen);
    }
    self->listener = net_listen(host, port, where, why);
    if (self->listener < 0) {
        complain(self->options.tls.command, "%s", why);
        return EXIT_CONNECTION;
    }
    if (self->options.tls.json) {
        begin_event(self, NULL, "listening");
        json_text(&self->json, "address", where);
        json_object_end(&self->json);
    } else {
        printf("listening on %s\n", where);
    }
    return -1;
}

int serve_main(int argc, char **argv) {
    static server self = {.options.tls = {.command = "siptls serve", .timeout_ms = 10000},
                          .listen = "127.0.0.1:5061"};
    int status = read_command_line(&self, argc, argv);
    if (status != -1) {
        return status;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    self.json = json_to(stdout);
    if (!make_context(&self)) {
        return EXIT_USAGE;
    }
    if (!catch_signals()) {
        complain(self.options.tls.command, "signals cannot be caught: %s", strerror(errno));
        return EXIT_USAGE;
    }
    status = start_listening(&self);
    if (status == -1) {
        run(&self);
        send_home(&self);
        close(self.listener);
        status = EXIT_GOOD;
    }
    registrar_free(&self.registrar);
    stls_context_free(self.context);
    stls_ticket_ring_free(self.options.ring);
    return status;
}
