/* SPDX-License-Identifier: MIT */
#include "stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILLERS_MAX = 16, CONNECTED_MS = 50 };

/* A connection to `at`; true if it does not come about. */
static bool stays_under_way(const struct sockaddr_in *at) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* stays open */
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0 &&
           errno == EINPROGRESS && poll(&wanted, 1, CONNECTED_MS) == 0;
}

static uint16_t make_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* likewise */
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 ||
        listen(listener, 0) != 0 || getsockname(listener, (struct sockaddr *)&at, &len) != 0) {
        return 0;
    }
    for (int i = 0; i < FILLERS_MAX; i++) {
        if (stays_under_way(&at)) {
            return ntohs(at.sin_port);
        }
    }
    return 0;
}

uint16_t bench_stand_in_port(void) {
    static uint16_t port;
    if (port == 0) {
        port = make_port();
    }
    return port;
}

int bench_stand_in_call(const struct sockaddr *at, socklen_t len) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, at, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int bench_stand_in_next(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(fd);
    return fd;
}

bool bench_stand_in(int socket, int fd) {
    int type = 0;
    socklen_t len = sizeof type;
    return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           dup3(fd, socket, O_CLOEXEC) == socket;
}
