/* SPDX-License-Identifier: MIT */
#include "proxypair.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

uint32_t proxy_end_events(stls_result result) {
    return result == STLS_WANT_WRITE ? EPOLLOUT : EPOLLIN;
}

static stls_result result_of_errno(stls_result would_block) {
    return errno == EAGAIN ? would_block : STLS_E_TRANSPORT;
}

static stls_result receive(int fd, void *data, size_t size, size_t *done) {
    ssize_t len;
    do {
        len = recv(fd, data, size, 0);
    } while (len < 0 && errno == EINTR);
    *done = len > 0 ? (size_t)len : 0;
    return len > 0 ? STLS_OK : len == 0 ? STLS_CLOSED : result_of_errno(STLS_WANT_READ);
}

stls_result proxy_end_read(proxy_end *end, void *data, size_t size, size_t *done, bool *more) {
    if (end->conn == NULL) {
        stls_result result = receive(end->fd, data, size, done);
        *more = *done == size;
        return result;
    }
    stls_result result = stls_conn_read(end->conn, data, size, done);
    *more = stls_conn_pending(end->conn);
    return result;
}

stls_result proxy_end_write(proxy_end *end, const void *data, size_t len, size_t *done) {
    if (end->conn != NULL) {
        return stls_conn_write(end->conn, data, len, done);
    }
    ssize_t sent;
    do {
        sent = send(end->fd, data, len, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    *done = sent > 0 ? (size_t)sent : 0;
    return sent > 0 ? STLS_OK : result_of_errno(STLS_WANT_WRITE);
}

stls_result proxy_end_shut(proxy_end *end, bool properly) {
    if (end->conn != NULL && properly) {
        stls_result result = stls_conn_close(end->conn);
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            return result;
        }
    }
    (void)shutdown(end->fd, SHUT_WR);
    return STLS_OK;
}

void proxy_end_close(proxy_end *end) {
    stls_conn_free(end->conn);
    end->conn = NULL;
    if (end->fd >= 0) {
        close(end->fd); /* epoll forgets it with that */
    }
    end->fd = -1;
    end->watched = 0;
}
