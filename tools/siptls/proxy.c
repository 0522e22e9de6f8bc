/* siptls proxy: TLS in front of a SIP server. This thread accepts, and takes signals; see proxy.h.
 *
 * SPDX-License-Identifier: MIT */
#include "proxy.h"

#include "proxylog.h"
#include "proxypair.h"
#include "proxyreload.h"
#include "proxyworker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    ACCEPTS_A_TURN = 256,
    DESCRIPTORS_A_PAIR = 2,
    DESCRIPTORS_A_THREAD = 2, /* epoll, and what wakes it */
    DESCRIPTORS_BESIDES = 64, /* standard ones, files that are read, a name look-up */
    TICK_MS = 1000,
};

typedef struct acceptor {
    proxy_options options;
    proxy_setup *setup; /* of new connections */
    proxy_reload reload;
    int listener, signals;
    int spare;  /* a descriptor in reserve: to refuse with when there is no other left */
    bool rests; /* nobody can be let in, nor out again: the next turn looks for nobody */
    proxy_worker *workers[256];
    unsigned worker_count, turn;
    uint64_t number; /* of the last connection */
    int64_t started, next_stats;
    proxy_gauges gauges;
    proxy_counters counters; /* of this thread */
    atomic_bool stops;
} acceptor;

/* --- Accepting */

static void refuse(acceptor *self, int fd, const struct sockaddr *who, socklen_t len,
                   proxy_count which, const char *why) {
    char text[NET_ADDRESS_SIZE];
    close(fd);
    proxy_count_add(&self->counters, which, 1);
    net_address_text(who, len, text);
    proxy_log_peer(&self->counters, "%s refused: %s", text, why);
}

static void hand_over(acceptor *self, int fd, const struct sockaddr *who, socklen_t len) {
    proxy_pair *pair = proxy_pair_new(fd, ++self->number, who, len, self->setup);
    if (pair == NULL) {
        refuse(self, fd, who, len, COUNT_REFUSED_RESOURCES, "out of memory");
        return;
    }
    proxy_count_add(&self->counters, COUNT_ACCEPTED, 1);
    atomic_fetch_add(&self->gauges.live, 1);
    atomic_fetch_add(&self->gauges.handshaking, 1);
    self->turn = (self->turn + 1) % self->worker_count;
    proxy_worker_hand_over(self->workers[self->turn], pair);
}

/* The bounds are looked at before anything is spent on the peer. */
static void let_in(acceptor *self, int fd, const struct sockaddr *who, socklen_t len) {
    if (atomic_load(&self->gauges.live) >= self->options.max_connections) {
        refuse(self, fd, who, len, COUNT_REFUSED_CONNECTIONS, "--max-connections are there");
    } else if (atomic_load(&self->gauges.handshaking) >= self->options.max_handshakes) {
        refuse(self, fd, who, len, COUNT_REFUSED_HANDSHAKES,
               "--max-handshakes are under way already");
    } else {
        hand_over(self, fd, who, len);
    }
}

static bool has_no_descriptor(int error) {
    return error == EMFILE || error == ENFILE;
}

/* Without a free descriptor the listener stays readable: the peer is let in by the spare one, and
 * out again; unless somebody else has been faster to take that one. */
static void refuse_without_descriptor(acceptor *self) {
    struct sockaddr_storage who;
    socklen_t len = sizeof who;
    close(self->spare);
    int fd = accept4(self->listener, (struct sockaddr *)&who, &len, SOCK_CLOEXEC);
    if (fd >= 0) {
        refuse(self, fd, (struct sockaddr *)&who, len, COUNT_REFUSED_RESOURCES,
               "no descriptor is left");
    } else {
        self->rests = net_is_exhausted(errno);
    }
    self->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_some(acceptor *self) {
    for (int i = 0; i < ACCEPTS_A_TURN && !self->rests; i++) {
        struct sockaddr_storage who;
        socklen_t len = sizeof who;
        int fd =
            accept4(self->listener, (struct sockaddr *)&who, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            let_in(self, fd, (struct sockaddr *)&who, len);
        } else if (has_no_descriptor(errno)) {
            refuse_without_descriptor(self);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            self->rests = net_is_exhausted(errno);
            proxy_log_peer(&self->counters, "accept: %s", strerror(errno));
            return;
        }
    }
}

/* --- Signals */

static void print_counters(acceptor *self) {
    proxy_counters sum = {0};
    if (!proxy_log_takes(STDOUT_FILENO)) {
        proxy_log("nobody reads the counters");
        return;
    }
    proxy_counters_sum(&sum, &self->counters);
    for (unsigned i = 0; i < self->worker_count; i++) {
        proxy_counters_sum(&sum, &self->workers[i]->counters);
    }
    proxy_counters_print(stdout, &sum, &self->gauges, net_now() - self->started);
}

static void tell_of_no_reload(acceptor *self) {
    proxy_count_add(&self->counters, COUNT_RELOADS_BAD, 1);
    proxy_log("reload: not done; what was in force stays in force");
}

static void begin_reload(acceptor *self) {
    if (!proxy_reload_begin(&self->reload)) {
        proxy_log("a thread cannot be started: %s", strerror(errno));
        tell_of_no_reload(self);
    }
}

static void end_reload(acceptor *self) {
    proxy_setup *setup = proxy_reload_take(&self->reload);
    if (setup == NULL) {
        tell_of_no_reload(self);
    } else {
        proxy_setup_free(self->setup);
        self->setup = setup;
        proxy_count_add(&self->counters, COUNT_RELOADS_GOOD, 1);
        proxy_log("reload: done, for new connections");
    }
    if (self->reload.again) {
        begin_reload(self);
    }
}

/* False: it is time to stop. */
static bool take_signals(acceptor *self) {
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            begin_reload(self);
        } else if (info.ssi_signo == SIGUSR1) {
            print_counters(self);
        } else {
            return false;
        }
    }
    return true;
}

/* Every thread that is started later inherits the mask. */
static bool catch_signals(acceptor *self) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN); /* a reader of our output that goes away ends no call */
    signal(SIGXFSZ, SIG_IGN); /* nor does a log that may grow no more */
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    self->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return self->signals >= 0;
}

/* --- The loop */

static void tick(acceptor *self) {
    proxy_log_tick();
    if (self->options.stats_s > 0 && net_now() >= self->next_stats) {
        print_counters(self);
        self->next_stats += (int64_t)self->options.stats_s * 1000;
    }
}

static void run(acceptor *self) {
    struct pollfd list[] = {{.fd = self->signals, .events = POLLIN},
                            {.fd = self->reload.made, .events = POLLIN},
                            {.events = POLLIN}};
    self->next_stats = self->started + (int64_t)self->options.stats_s * 1000;
    for (;;) {
        list[2].fd = self->rests ? -1 : self->listener;
        self->rests = false;
        int ready = poll(list, 3, TICK_MS);
        if (ready > 0 && list[0].revents != 0 && !take_signals(self)) {
            return;
        }
        if (ready > 0 && list[1].revents != 0) {
            end_reload(self);
        }
        if (ready > 0 && list[2].revents != 0) {
            accept_some(self);
        }
        tick(self);
    }
}

static void stop(acceptor *self) {
    close(self->listener);
    unsigned live = atomic_load(&self->gauges.live);
    proxy_log("stopping; %u connection%s to say goodbye to", live, live == 1 ? "" : "s");
    atomic_store(&self->stops, true);
    for (unsigned i = 0; i < self->worker_count; i++) {
        proxy_worker_wake(self->workers[i]);
    }
    for (unsigned i = 0; i < self->worker_count; i++) {
        proxy_worker_join(self->workers[i]);
    }
}

/* --- The start */

/* Descriptors for as many connections as were asked for; if there are fewer, so are those. */
static void raise_descriptors(proxy_options *options) {
    rlim_t besides = (rlim_t)options->threads * DESCRIPTORS_A_THREAD + DESCRIPTORS_BESIDES;
    rlim_t wanted = (rlim_t)options->max_connections * DESCRIPTORS_A_PAIR + besides;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur >= wanted)) {
        return;
    }
    struct rlimit more = {.rlim_cur = wanted,
                          .rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &more) == 0) { /* above the hard limit only root may */
        return;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t most = limit.rlim_cur > besides + DESCRIPTORS_A_PAIR
                      ? (limit.rlim_cur - besides) / DESCRIPTORS_A_PAIR
                      : 1;
    proxy_log("the system allows %llu descriptors, which is enough for %llu connections, not %u",
              (unsigned long long)limit.rlim_cur, (unsigned long long)most,
              options->max_connections);
    options->max_connections = (unsigned)most;
}

static int start_listening(acceptor *self) {
    char host[NET_HOST_SIZE], port[NET_PORT_SIZE], where[NET_ADDRESS_SIZE], why[NET_WHY_SIZE];
    if (!net_split(self->options.listen, host, port)) {
        return usage_error(self->options.server.tls.command, "--listen takes host:port, not \"%s\"",
                           self->options.listen);
    }
    self->listener = net_listen(host, port, where, why);
    if (self->listener < 0) {
        proxy_log("%s", why);
        return EXIT_CONNECTION;
    }
    printf("listening on %s\n", where);
    return EXIT_GOOD;
}

static bool start_workers(acceptor *self) {
    for (; self->worker_count < self->options.threads; self->worker_count++) {
        proxy_worker *worker = proxy_worker_start(&self->options, &self->gauges, &self->stops);
        if (worker == NULL) {
            proxy_log("a thread cannot be started: %s", strerror(errno));
            return false;
        }
        self->workers[self->worker_count] = worker;
    }
    return true;
}

/* What a reload complains of waits for nobody, either. */
static void log_complaint(const char *text) {
    proxy_log("%s", text);
}

static int serve(acceptor *self) {
    proxy_log_wait_for_no_terminal(STDOUT_FILENO);
    proxy_log_wait_for_no_terminal(STDERR_FILENO);
    raise_descriptors(&self->options);
    self->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!catch_signals(self)) {
        proxy_log("signals cannot be caught: %s", strerror(errno));
        return EXIT_USAGE;
    }
    if (!proxy_reload_init(&self->reload, &self->options)) {
        proxy_log("no descriptor is left: %s", strerror(errno));
        return EXIT_USAGE;
    }
    int status = start_listening(self);
    if (status != EXIT_GOOD) {
        return status;
    }
    bool good = start_workers(self);
    if (good) {
        complain_to(log_complaint);
        run(self);
    }
    stop(self);
    print_counters(self);
    for (unsigned i = 0; i < self->worker_count; i++) {
        proxy_worker_free(self->workers[i]);
    }
    return good ? EXIT_GOOD : EXIT_USAGE;
}

int proxy_main(int argc, char **argv) {
    static acceptor self = {
        .options = {.server.tls = {.command = "siptls proxy", .timeout_ms = 10000},
                    .to = {.command = "siptls proxy", .timeout_ms = 10000},
                    .listen = "127.0.0.1:5061",
                    .threads = 1,
                    .max_connections = 20000,
                    .max_handshakes = 1000}};
    int status = proxy_read_command_line(&self.options, argc, argv);
    if (status != -1) {
        return status;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    self.started = net_now();
    self.setup = proxy_setup_make(&self.options);
    if (self.setup == NULL) {
        return EXIT_USAGE;
    }
    status = serve(&self);
    if (self.reload.under_way) { /* it may wait for ever, and has what would be freed */
        fflush(stdout);          /* not all: a file that it waits for is locked */
        _exit(status);
    }
    proxy_setup_free(self.setup);
    stls_ticket_ring_free(self.options.server.ring);
    return status;
}
