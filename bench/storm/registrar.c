/* SPDX-License-Identifier: MIT */
#include "registrar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 4096, EVENTS_A_TURN = 256 };

struct caller {
    int fd;
    size_t len; /* of what has come of the next request */
    char request[REQUEST_MAX];
};

/* What is to come back as it came (RFC 3261 section 8.2.6.2), and the contact (section 10.3). */
static bool is_returned(const char *line) {
    static const char *const names[] = {"Via:", "From:", "To:", "Call-ID:", "CSeq:", "Contact:"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncasecmp(line, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static size_t append(char *to, size_t len, const char *text, size_t text_len) {
    memcpy(to + len, text, text_len);
    return len + text_len;
}

/* `request` ends with its empty line; the answer is at most as long, and REQUEST_MAX more. */
static size_t answer(const char *request, char *to) {
    static const char first[] = "SIP/2.0 200 OK\r\n", last[] = "Content-Length: 0\r\n\r\n";
    size_t len = append(to, 0, first, sizeof first - 1);
    for (const char *line = strstr(request, "\r\n") + 2; *line != '\r';) {
        const char *end = strstr(line, "\r\n");
        if (is_returned(line)) {
            len = append(to, len, line, (size_t)(end - line));
            len = strncasecmp(line, "To:", 3) == 0 ? append(to, len, ";tag=storm", 10) : len;
            len = append(to, len, "\r\n", 2);
        }
        line = end + 2;
    }
    return append(to, len, last, sizeof last - 1);
}

/* False: it is over with this caller. */
static bool answer_all(struct caller *caller) {
    char text[2 * REQUEST_MAX];
    char *end;
    caller->request[caller->len] = '\0';
    while ((end = strstr(caller->request, "\r\n\r\n")) != NULL) {
        char first_behind = end[4];
        size_t request_len = (size_t)(end + 4 - caller->request);
        end[4] = '\0';
        size_t len = answer(caller->request, text);
        if (send(caller->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
            return false; /* who does not read what fits into a socket's buffer */
        }
        end[4] = first_behind;
        caller->len -= request_len;
        memmove(caller->request, caller->request + request_len, caller->len + 1);
    }
    return caller->len < REQUEST_MAX - 1;
}

static bool hear(struct caller *caller) {
    ssize_t len = recv(caller->fd, caller->request + caller->len, REQUEST_MAX - 1 - caller->len, 0);
    if (len < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    caller->len += (size_t)len;
    return len > 0 && answer_all(caller);
}

static void accept_some(int epoll, int listener) {
    int fd;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll has the callers, it does not leak them */
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct caller *caller = malloc(sizeof *caller);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};
        if (caller == NULL || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
            free(caller);
            close(fd);
            continue;
        }
        caller->fd = fd;
        caller->len = 0;
    }
}

bool registrar_run(int listener, int life) {
    static char is_listener, is_life; /* what an event tells of, besides callers */
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event at_listener = {.events = EPOLLIN, .data.ptr = &is_listener};
    struct epoll_event at_life = {.events = EPOLLIN, .data.ptr = &is_life};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &at_listener) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, life, &at_life) != 0) {
        return false;
    }
    for (;;) {
        struct epoll_event events[EVENTS_A_TURN];
        int count = epoll_wait(epoll, events, EVENTS_A_TURN, -1);
        for (int i = 0; i < count; i++) {
            void *of = events[i].data.ptr;
            if (of == &is_life) {
                return true;
            }
            if (of == &is_listener) {
                accept_some(epoll, listener);
            } else if (!hear(of)) {
                close(((struct caller *)of)->fd);
                free(of);
            }
        }
    }
}
