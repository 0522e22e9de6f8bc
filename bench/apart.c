/* SPDX-License-Identifier: MIT */
#include "apart.h"
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Handing over one end of a socket pair --- */

union control {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static bool hand_over(int control, int fd) {
    union control ancillary = {0};
    char byte = 'c';
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(control, &message, MSG_NOSIGNAL) == 1;
}

/* -1: no more come. */
static int take_over(int control) {
    union control ancillary = {0};
    char byte = 0;
    struct iovec io = {&byte, 1};
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary};
    int fd = -1;
    if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL) {
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    }
    return fd;
}

/* --- One end --- */

static bool wait_for(int fd) {
    struct pollfd at = {.fd = fd, .events = POLLIN};
    enum { PATIENCE_MS = 20000 };
    return poll(&at, 1, PATIENCE_MS) == 1;
}

/* The handshake, and a byte from the server to the client. */
static bool establish(const struct bench_subject *subject, bench_conn *conn, int fd, bool server) {
    enum bench_step step;
    size_t done = 0;
    char byte = '!';
    while ((step = subject->handshake(conn)) == BENCH_WANT && wait_for(fd)) {
    }
    while (step == BENCH_DONE && done == 0) {
        step =
            server ? subject->write(conn, &byte, 1, &done) : subject->read(conn, &byte, 1, &done);
        if (step == BENCH_WANT && wait_for(fd)) {
            step = BENCH_DONE;
            done = 0;
        }
    }
    if (step != BENCH_DONE) {
        bench_failed("%s as a %s: %s", subject->name,
                     bench_side_names[server ? BENCH_SERVER : BENCH_CLIENT], subject->error(conn));
    }
    return step == BENCH_DONE;
}

/* The process: takes descriptors, and holds what it makes of them until it is stopped. */
static void serve(int control, const struct bench_subject *subject,
                  const struct bench_setup *setup) {
    bench_context *context = bench_context_open(subject, setup);
    char answer = context != NULL ? 'y' : 'n';
    bool good = write(control, &answer, 1) == 1 && context != NULL;
    for (int fd; good && (fd = take_over(control)) >= 0;) {
        bench_conn *conn = subject->conn_new(context, fd);
        answer = conn != NULL && establish(subject, conn, fd, setup->server) ? 'y' : 'n';
        good = write(control, &answer, 1) == 1;
    }
    _exit(0); /* what it holds goes with it */
}

static bool is_answered(const struct bench_apart *apart) {
    char answer = 0;
    return read(apart->control, &answer, 1) == 1 && answer == 'y';
}

bool bench_apart_start(struct bench_apart *apart, const struct bench_subject *subject,
                       const struct bench_setup *setup) {
    int ends[2];
    *apart = (struct bench_apart){.pid = -1, .control = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        bench_failed("no sockets: %s", strerror(errno));
        return false;
    }
    apart->pid = fork();
    if (apart->pid == 0) {
        close(ends[0]);
        serve(ends[1], subject, setup);
    }
    close(ends[1]);
    apart->control = ends[0];
    if (apart->pid < 0 || !is_answered(apart)) {
        bench_failed("the process of the other end does not start");
        bench_apart_stop(apart);
        return false;
    }
    return true;
}

void bench_apart_stop(struct bench_apart *apart) {
    if (apart->control >= 0) {
        close(apart->control);
    }
    if (apart->pid > 0) {
        waitpid(apart->pid, NULL, 0);
    }
    *apart = (struct bench_apart){.pid = -1, .control = -1};
}

bench_conn *bench_apart_connect(const struct bench_apart *apart,
                                const struct bench_subject *subject, bench_context *context,
                                bool server, int *fd) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
        bench_failed("no sockets: %s", strerror(errno));
        return NULL;
    }
    bool given = hand_over(apart->control, ends[1]);
    close(ends[1]);
    bench_conn *conn = given ? subject->conn_new(context, ends[0]) : NULL;
    if (conn != NULL && establish(subject, conn, ends[0], server) && is_answered(apart)) {
        *fd = ends[0];
        return conn;
    }
    bench_failed("%s: no connection as a %s", subject->name,
                 bench_side_names[server ? BENCH_SERVER : BENCH_CLIENT]);
    if (conn != NULL) {
        subject->conn_free(conn);
    }
    close(ends[0]);
    return NULL;
}

bool bench_raise_descriptors(unsigned count) {
    enum { OTHERS = 64 };
    struct rlimit limit;
    rlim_t wanted = (rlim_t)count + OTHERS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return false;
    }
    if (limit.rlim_cur < wanted) {
        rlim_t most = limit.rlim_max;
        limit.rlim_cur = wanted;
        limit.rlim_max = most < wanted ? wanted : most;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            fprintf(stderr,
                    "%s: %u connections need %llu descriptors, and this process may have %llu: "
                    "\"ulimit -n\" raises that, as root\n",
                    bench_options.section, count, (unsigned long long)wanted,
                    (unsigned long long)most);
            return false;
        }
    }
    return true;
}
