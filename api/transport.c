/* SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* --- Any --- */

static stls_result check_no_transport(const stls_conn *conn, stls_error *error) {
    if (conn == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the connection is NULL");
    }
    if (conn->io.kind != STLS_TRANSPORT_NONE) {
        return stls_fail(error, STLS_E_STATE, "the connection has a transport already");
    }
    return stls_conn_check_process(conn, error);
}

stls_result stls_conn_set_transport(stls_conn *conn, stls_send send, stls_recv recv, void *arg,
                                    stls_error *error) {
    stls_result result = check_no_transport(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    if (send == NULL || recv == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "a transport needs both of its callbacks");
    }
    conn->io.kind = STLS_TRANSPORT_CALLBACKS;
    conn->io.send = send;
    conn->io.recv = recv;
    conn->io.arg = arg;
    return STLS_OK;
}

/* --- Memory --- */

stls_result stls_conn_use_memory(stls_conn *conn, stls_error *error) {
    stls_result result = check_no_transport(conn, error);
    if (result == STLS_OK) {
        conn->io.kind = STLS_TRANSPORT_MEMORY;
    }
    return result;
}

static bool has_memory(const stls_conn *conn) {
    return conn != NULL && conn->io.kind == STLS_TRANSPORT_MEMORY &&
           stls_conn_is_of_this_process(conn);
}

stls_result stls_conn_feed(stls_conn *conn, const void *data, size_t len) {
    if (!has_memory(conn)) {
        return STLS_E_STATE;
    }
    if ((data == NULL && len > 0) || conn->io.eof) {
        return STLS_E_ARGUMENT;
    }
    return stls_io_feed(&conn->io, data, len);
}

stls_result stls_conn_feed_eof(stls_conn *conn) {
    if (!has_memory(conn)) {
        return STLS_E_STATE;
    }
    conn->io.eof = true;
    return STLS_OK;
}

stls_bytes stls_conn_peek(const stls_conn *conn) {
    if (!has_memory(conn) || stls_queue_len(conn->io.out) == 0) {
        return (stls_bytes){NULL, 0};
    }
    return (stls_bytes){conn->io.out->data + conn->io.out->start, conn->io.out->len};
}

stls_result stls_conn_consume(stls_conn *conn, size_t len) {
    if (!has_memory(conn)) {
        return STLS_E_STATE;
    }
    if (len > stls_queue_len(conn->io.out)) {
        return STLS_E_ARGUMENT;
    }
    stls_queue_take(&conn->io.out, len);
    return STLS_OK;
}

/* --- A socket --- */

/* Waits for `events`, at most `timeout_ms` (negative: for ever). False when time is up. */
static bool wait_for(int fd, short events, int timeout_ms) {
    int64_t end = stls_now_ms() + timeout_ms;
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int ready = poll(&poll_fd, 1, timeout_ms);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true; /* a failing descriptor shows itself at the next call */
        }
        if (ready == 0) {
            return false;
        }
        if (timeout_ms >= 0) {
            int64_t left = end - stls_now_ms();
            timeout_ms = left > 0 ? (int)left : 0;
        }
    }
}

static bool would_block(void) {
#if EAGAIN != EWOULDBLOCK
    if (errno == EWOULDBLOCK) {
        return true;
    }
#endif
    return errno == EAGAIN;
}

static bool blocks(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK) == 0;
}

/* A blocking socket is waited for here, so that the handshake's deadline holds; unless it has been
 * made one meanwhile that does not block. */
static bool try_again(stls_conn *conn, short events) {
    conn->io.fd_blocks = conn->io.fd_blocks && blocks(conn->io.fd);
    return conn->io.fd_blocks && wait_for(conn->io.fd, events, stls_conn_deadline(conn));
}

static stls_result fd_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    stls_conn *conn = arg;
    for (;;) {
        ssize_t count = send(conn->io.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0) {
            *done = (size_t)count;
            return STLS_OK;
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count == 0 || !would_block()) {
            conn->io.system_error = errno;
            return STLS_E_TRANSPORT;
        }
        if (!try_again(conn, POLLOUT)) {
            return STLS_WANT_WRITE;
        }
    }
}

static stls_result fd_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    stls_conn *conn = arg;
    for (;;) {
        ssize_t count = recv(conn->io.fd, data, size, MSG_DONTWAIT);
        if (count > 0) {
            *done = (size_t)count;
            return STLS_OK;
        }
        if (count == 0) {
            return STLS_EOF;
        }
        if (errno == EINTR) {
            continue;
        }
        if (!would_block()) {
            conn->io.system_error = errno;
            return STLS_E_TRANSPORT;
        }
        if (!try_again(conn, POLLIN)) {
            return STLS_WANT_READ;
        }
    }
}

stls_result stls_conn_set_fd(stls_conn *conn, int fd, stls_error *error) {
    if (fcntl(fd, F_GETFL) < 0) {
        char words[128];
        return stls_fail(error, STLS_E_ARGUMENT, "descriptor %d cannot be used: %s", fd,
                         strerror_r(errno, words, sizeof words));
    }
    stls_result result = stls_conn_set_transport(conn, fd_send, fd_recv, conn, error);
    if (result == STLS_OK) {
        conn->io.kind = STLS_TRANSPORT_FD;
        conn->io.fd = fd;
        conn->io.fd_blocks = blocks(fd);
    }
    return result;
}

stls_result stls_conn_wait(stls_conn *conn, stls_result wanted, int timeout_ms) {
    if (conn == NULL || (wanted != STLS_WANT_READ && wanted != STLS_WANT_WRITE)) {
        return STLS_E_ARGUMENT;
    }
    if (conn->io.kind != STLS_TRANSPORT_FD || !stls_conn_is_of_this_process(conn)) {
        return STLS_E_STATE;
    }
    if (wanted == STLS_WANT_READ && stls_conn_pending(conn)) {
        return STLS_OK; /* what is inside already makes no socket readable */
    }
    int deadline = stls_conn_deadline(conn);
    bool sooner = deadline >= 0 && (timeout_ms < 0 || deadline < timeout_ms);
    bool ready = wait_for(conn->io.fd, wanted == STLS_WANT_READ ? POLLIN : POLLOUT,
                          sooner ? deadline : timeout_ms);
    /* At the handshake's own deadline the handshake call has the better error. */
    return ready || sooner ? STLS_OK : STLS_E_TIMEOUT;
}
