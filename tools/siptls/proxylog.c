/* SPDX-License-Identifier: MIT */
#include "proxylog.h"

#include "net.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    int64_t second; /* net_now() / 1000 of the last line about a peer */
    unsigned lines; /* in that second */
    uint64_t left_out;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void print(const char *format, va_list list) __attribute__((format(printf, 1, 0)));

/* A pipe or socket that says so takes a page, which no line of ours fills. */
bool proxy_log_takes(int fd) {
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};
    return poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

void proxy_log_wait_for_no_terminal(int fd) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = isatty(fd) != 0 ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (own >= 0) { /* O_NONBLOCK on what we were given would be our caller's, too */
        (void)dup2(own, fd);
        close(own);
    }
}

/* One line in one write, for stderr has no buffer. */
static void print(const char *format, va_list list) {
    char line[1024];
    vsnprintf(line, sizeof line, format, list);
    fprintf(stderr, "siptls proxy: %s\n", line);
}

/* The second has gone by; with the lock held. */
static void begin_second(int64_t second) {
    if (state.left_out > 0 && proxy_log_takes(STDERR_FILENO)) {
        fprintf(stderr, "siptls proxy: %llu more lines of that kind were left out\n",
                (unsigned long long)state.left_out);
        state.left_out = 0;
    }
    state.second = second;
    state.lines = 0;
}

void proxy_log(const char *format, ...) {
    pthread_mutex_lock(&state.lock);
    if (proxy_log_takes(STDERR_FILENO)) {
        va_list list;
        va_start(list, format);
        print(format, list);
        va_end(list);
    } else {
        state.left_out++;
    }
    pthread_mutex_unlock(&state.lock);
}

void proxy_log_peer(proxy_counters *counters, const char *format, ...) {
    int64_t second = net_now() / 1000;
    pthread_mutex_lock(&state.lock);
    if (second != state.second) {
        begin_second(second);
    }
    bool told = state.lines < PROXY_LOG_LINES && proxy_log_takes(STDERR_FILENO);
    if (told) {
        va_list list;
        va_start(list, format);
        print(format, list);
        va_end(list);
        state.lines++;
    } else {
        state.left_out++;
        proxy_count_add(counters, COUNT_LOG_LEFT_OUT, 1);
    }
    pthread_mutex_unlock(&state.lock);
}

void proxy_log_tick(void) {
    int64_t second = net_now() / 1000;
    pthread_mutex_lock(&state.lock);
    if (second != state.second && state.left_out > 0) {
        begin_second(second);
    }
    pthread_mutex_unlock(&state.lock);
}
