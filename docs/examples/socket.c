/* docs/examples/socket.c - a client on a socket that an event loop looks after. Calls twice; the
 * second call resumes the session of the first.
 *
 * SPDX-License-Identifier: MIT */
#include "example.h"

#include <poll.h>

typedef struct peer {
    stls_conn *conn;
    int fd;
    short events;    /* what the loop is to wait for */
    bool open;       /* the handshake is complete */
    const char *out; /* what is still to be written: the stack's own queue */
    size_t out_len;
    bool answered;
    example_inbox in;
} peer;

/* Whether it goes on; then the loop knows what to wait for. */
static bool wants(peer *p, stls_result result) {
    p->events |= result == STLS_WANT_READ ? POLLIN : result == STLS_WANT_WRITE ? POLLOUT : 0;
    return result == STLS_WANT_READ || result == STLS_WANT_WRITE;
}

/* The loop calls this when the socket is ready for `events`, when the deadline has passed, and when
 * there is something new to write. False: it is over. */
static bool ready(peer *p) {
    stls_result result;
    char data[4096];
    size_t done;
    p->events = 0;
    if (!p->open) {
        result = stls_conn_handshake(p->conn);
        if (result != STLS_OK) {
            return wants(p, result);
        }
        p->open = true; /* the peer has proved its name: not before this may anything be sent */
    }
    /* After STLS_WANT_...: the same bytes next time, and more behind them if there are. */
    while (p->out_len > 0) {
        result = stls_conn_write(p->conn, p->out, p->out_len, &done);
        if (result != STLS_OK && !wants(p, result)) {
            return false;
        }
        if (result != STLS_OK) {
            break;
        }
        p->out += done;
        p->out_len -= done;
    }
    /* Until STLS_WANT_READ: what has been decrypted already makes no socket readable. */
    while ((result = stls_conn_read(p->conn, data, sizeof data, &done)) == STLS_OK) {
        p->answered = example_got(&p->in, data, done) || p->answered;
    }
    return wants(p, result);
}

/* It is over, and requests may be waiting for an answer: this is what SIP says to them. */
static void explain(const peer *p) {
    const stls_error *error = stls_conn_error(p->conn);
    stls_sip_answer answer;
    stls_sip_answer_for(error, stls_conn_verdict(p->conn), &answer);
    fprintf(stderr, "%s: %s\n", stls_result_name(error->result), error->text);
    fprintf(stderr, "SIP/2.0 %d %s\nWarning: 399 example \"%s\"\n", answer.status, answer.reason,
            answer.warning);
    fprintf(stderr, "%s\n",
            answer.try_next      ? "another server of the domain may be tried"
            : answer.retry_later ? "may work later"
                                 : "somebody has to mend it");
}

/* The loop. A real one has many connections; each wakes it by its socket or its deadline. */
static void loop(peer *p) {
    while (ready(p) && !p->answered) {
        struct pollfd wait = {.fd = p->fd, .events = p->events};
        poll(&wait, 1, stls_conn_deadline(p->conn));
    }
}

static int call(stls_context *context, const char *domain, const char *port) {
    stls_error error = {0};
    char request[1024];
    peer p = {.fd = example_connect(port), .out = request};
    p.out_len = example_request(request, sizeof request, domain);
    if (p.fd < 0 || stls_conn_new(context, domain, &p.conn, &error) != STLS_OK ||
        stls_conn_set_fd(p.conn, p.fd, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        stls_conn_free(p.conn);
        return EXIT_FAILURE;
    }
    loop(&p);
    if (!p.answered) {
        explain(&p);
    }
    stls_conn_close(p.conn); /* STLS_WANT_WRITE: a loop would come back to it */
    close(p.fd);
    return example_end(p.conn, &p.in, p.answered);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: socket BACKEND CA-FILE DOMAIN PORT\n");
        return 2;
    }
    stls_context *context = example_context(argv[1], argv[2]);
    if (context == NULL) {
        return 2;
    }
    int status = call(context, argv[3], argv[4]);
    if (status == EXIT_SUCCESS) {
        status = call(context, argv[3], argv[4]);
    }
    stls_context_free(context);
    return status;
}
