/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t net_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int net_left(int64_t deadline) {
    int64_t left = deadline - net_now();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void net_random_digits(char *text, size_t count) {
    uint8_t bytes[32] = {0};
    FILE *file = fopen("/dev/urandom", "rb");
    if (file == NULL || fread(bytes, 1, sizeof bytes, file) != sizeof bytes) {
        fputs("siptls: /dev/urandom cannot be read\n", stderr);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    for (size_t i = 0; i < count; i++) {
        text[i] = "0123456789abcdef"[bytes[i % sizeof bytes] >> (i / sizeof bytes % 2 * 4) & 15];
    }
    text[count] = '\0';
}

/* --- Addresses */

bool net_split(const char *text, char host[NET_HOST_SIZE], char port[NET_PORT_SIZE]) {
    const char *colon = strrchr(text, ':'), *host_end = colon;
    if (colon == NULL) {
        return false;
    }
    if (text[0] == '[' && colon > text && colon[-1] == ']') {
        text++;
        host_end--;
    } else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
        return false; /* an IPv6 address without brackets: which part is the port? */
    }
    size_t host_len = (size_t)(host_end - text), port_len = strlen(colon + 1);
    unsigned long number = strtoul(colon + 1, NULL, 10);
    if (host_len == 0 || host_len >= NET_HOST_SIZE || port_len == 0 || port_len > 5 ||
        strspn(colon + 1, "0123456789") != port_len || number > 65535) {
        return false;
    }
    memcpy(host, text, host_len);
    host[host_len] = '\0';
    snprintf(port, NET_PORT_SIZE, "%lu", number);
    return true;
}

void net_address_text(const struct sockaddr *address, unsigned len, char text[NET_ADDRESS_SIZE]) {
    char host[NET_ADDRESS_SIZE - 10], port[NET_PORT_SIZE];
    if (getnameinfo(address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(text, NET_ADDRESS_SIZE, "unknown address");
        return;
    }
    snprintf(text, NET_ADDRESS_SIZE, strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
}

void net_local_address(int socket, char text[NET_ADDRESS_SIZE]) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (getsockname(socket, (struct sockaddr *)&address, &len) != 0) {
        snprintf(text, NET_ADDRESS_SIZE, "unknown address");
        return;
    }
    net_address_text((struct sockaddr *)&address, len, text);
}

static struct addrinfo *look_up(const char *host, const char *port, int flags,
                                char why[NET_WHY_SIZE]) {
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int status = getaddrinfo(host, port, &hints, &list);
    if (status != 0) {
        snprintf(why, NET_WHY_SIZE, "%s cannot be looked up: %s", host,
                 status == EAI_SYSTEM ? strerror(errno) : gai_strerror(status));
        return NULL;
    }
    return list;
}

struct addrinfo *net_look_up(const char *host, const char *port, char why[NET_WHY_SIZE]) {
    return look_up(host, port, 0, why);
}

static bool prepare(int fd) {
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* --- Connecting */

/* 0, or an errno. */
static int wait_until_connected(int fd, int64_t deadline) {
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    int ready;
    do {
        ready = poll(&wanted, 1, net_left(deadline));
    } while (ready < 0 && errno == EINTR);
    if (ready == 0) {
        return ETIMEDOUT;
    }
    int error = 0;
    socklen_t len = sizeof error;
    return ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ? errno : error;
}

static int connect_to(const struct addrinfo *to, int64_t deadline) {
    int one = 1;
    int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    int error = 0;
    if (!prepare(fd)) {
        error = errno;
    } else if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
        error = errno == EINPROGRESS ? wait_until_connected(fd, deadline) : errno;
    }
    if (error != 0) {
        close(fd);
        errno = error;
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

int net_connect(const char *host, const char *port, unsigned timeout_ms,
                char where[NET_ADDRESS_SIZE], char why[NET_WHY_SIZE]) {
    struct addrinfo *list = net_look_up(host, port, why);
    int64_t deadline = net_now() + timeout_ms;
    int fd = -1;
    for (struct addrinfo *to = list; to != NULL && fd < 0; to = to->ai_next) {
        net_address_text(to->ai_addr, to->ai_addrlen, where);
        fd = connect_to(to, deadline);
        if (fd < 0) {
            snprintf(why, NET_WHY_SIZE, "no TCP connection to %s: %s", where,
                     errno == ETIMEDOUT ? "no answer in time" : strerror(errno));
        }
    }
    if (list != NULL) {
        freeaddrinfo(list);
    }
    return fd;
}

/* --- Listening */

static int listen_at(const struct addrinfo *at) {
    int one = 1;
    int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (!prepare(fd) || bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

int net_listen(const char *host, const char *port, char where[NET_ADDRESS_SIZE],
               char why[NET_WHY_SIZE]) {
    struct addrinfo *list = look_up(host, port, AI_PASSIVE, why);
    if (list == NULL) {
        return -1;
    }
    int fd = listen_at(list);
    if (fd < 0) {
        snprintf(why, NET_WHY_SIZE, "cannot listen on %s port %s: %s", host, port, strerror(errno));
    } else {
        net_local_address(fd, where);
    }
    freeaddrinfo(list);
    return fd;
}

int net_accept(int listener, char who[NET_ADDRESS_SIZE]) {
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    int one = 1;
    int fd = accept(listener, (struct sockaddr *)&address, &len);
    if (fd < 0) {
        return -1;
    }
    if (!prepare(fd)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    net_address_text((struct sockaddr *)&address, len, who);
    return fd;
}

bool net_is_exhausted(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
