/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static _Thread_local uint64_t calls;

uint64_t bench_system_calls(void) {
    return calls;
}

#define SHARED __attribute__((visibility("default")))

/* syscall() sets errno as the functions themselves do. */
SHARED ssize_t read(int fd, void *data, size_t size) {
    calls++;
    return syscall(SYS_read, fd, data, size);
}

SHARED ssize_t write(int fd, const void *data, size_t size) {
    calls++;
    return syscall(SYS_write, fd, data, size);
}

SHARED ssize_t readv(int fd, const struct iovec *list, int count) {
    calls++;
    return syscall(SYS_readv, fd, list, count);
}

SHARED ssize_t writev(int fd, const struct iovec *list, int count) {
    calls++;
    return syscall(SYS_writev, fd, list, count);
}

SHARED ssize_t recv(int fd, void *data, size_t size, int flags) {
    calls++;
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}

SHARED ssize_t send(int fd, const void *data, size_t size, int flags) {
    calls++;
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}

SHARED ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    calls++;
    return syscall(SYS_recvmsg, fd, message, flags);
}

SHARED ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    calls++;
    return syscall(SYS_sendmsg, fd, message, flags);
}

SHARED int poll(struct pollfd *list, nfds_t count, int timeout_ms) {
    calls++;
    return (int)syscall(SYS_poll, list, count, timeout_ms);
}

SHARED ssize_t getrandom(void *data, size_t size, unsigned flags) {
    calls++;
    return syscall(SYS_getrandom, data, size, flags);
}

SHARED int fcntl(int fd, int command, ...) {
    va_list args;
    va_start(args, command);
    long argument = va_arg(args, long);
    va_end(args);
    calls++;
    return (int)syscall(SYS_fcntl, fd, command, argument);
}
