/* docs/examples/callbacks.c - a client whose bytes go through two callbacks: for a stack that has a
 * connection object of its own.
 *
 * SPDX-License-Identifier: MIT */
#include "example.h"

#include <errno.h>
#include <poll.h>

/* The stack's own connection, whatever it is: TCP, a proxy, a TURN channel. */
typedef struct link {
    int fd;
} link_t;

static stls_result link_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    ssize_t sent = send(((link_t *)arg)->fd, data, len, MSG_NOSIGNAL);
    if (sent <= 0) {
        return errno == EAGAIN || errno == EINTR ? STLS_WANT_WRITE : STLS_E_TRANSPORT;
    }
    *done = (size_t)sent;
    return STLS_OK;
}

static stls_result link_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    ssize_t got = recv(((link_t *)arg)->fd, data, size, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? STLS_WANT_READ : STLS_E_TRANSPORT;
    }
    *done = (size_t)got;
    return got > 0 ? STLS_OK : STLS_EOF;
}

/* True if `result` asks for patience, after having had it. */
static bool link_waits(link_t *link, stls_result result, int timeout_ms) {
    struct pollfd wait = {.fd = link->fd, .events = result == STLS_WANT_WRITE ? POLLOUT : POLLIN};
    if (result != STLS_WANT_READ && result != STLS_WANT_WRITE) {
        return false;
    }
    return poll(&wait, 1, timeout_ms) >= 0 || errno == EINTR;
}

static bool handshake(stls_conn *conn, link_t *link) {
    stls_result result;
    do {
        result = stls_conn_handshake(conn);
    } while (link_waits(link, result, stls_conn_deadline(conn)));
    return result == STLS_OK;
}

static bool write_all(stls_conn *conn, link_t *link, const char *data, size_t len) {
    stls_result result;
    do { /* after STLS_WANT_...: the same bytes again, from wherever they are now */
        size_t done = 0;
        result = stls_conn_write(conn, data, len, &done);
        if (result == STLS_OK) {
            data += done;
            len -= done;
        }
    } while (len > 0 && (result == STLS_OK || link_waits(link, result, -1)));
    return len == 0;
}

static bool read_answer(stls_conn *conn, link_t *link, example_inbox *inbox) {
    char data[1024];
    size_t done = 0;
    stls_result result;
    do {
        while ((result = stls_conn_read(conn, data, sizeof data, &done)) == STLS_OK) {
            if (example_got(inbox, data, done)) {
                return true;
            }
        }
    } while (link_waits(link, result, -1));
    return false; /* STLS_CLOSED: a proper end; STLS_EOF: cut off; else an error */
}

int main(int argc, char **argv) {
    stls_error error = {0};
    stls_conn *conn = NULL;
    example_inbox inbox = {0};
    char request[1024];
    if (argc != 5) {
        fprintf(stderr, "usage: callbacks BACKEND CA-FILE DOMAIN PORT\n");
        return 2;
    }
    stls_context *context = example_context(argv[1], argv[2]);
    link_t link = {.fd = example_connect(argv[4])};
    if (context == NULL || link.fd < 0) {
        return 2;
    }
    if (stls_conn_new(context, argv[3], &conn, &error) != STLS_OK ||
        stls_conn_set_transport(conn, link_send, link_recv, &link, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    size_t len = example_request(request, sizeof request, argv[3]);
    bool answered = handshake(conn, &link) && write_all(conn, &link, request, len) &&
                    read_answer(conn, &link, &inbox);
    if (!answered) {
        fprintf(stderr, "%s\n", stls_conn_error(conn)->text);
    }
    while (link_waits(&link, stls_conn_close(conn), -1)) { /* close_notify, then TCP */
    }
    close(link.fd);
    stls_context_free(context);
    return example_end(conn, &inbox, answered);
}
