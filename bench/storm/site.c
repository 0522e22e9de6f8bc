/* SPDX-License-Identifier: MIT */
#include "site.h"

#include "bench/harness.h"
#include "registrar.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 30000, LINE_SIZE = 256, PATH_SIZE = 300 };

/* --- The registrar */

static int listen_somewhere(uint16_t *port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        return -1;
    }
    *port = ntohs(at.sin_port);
    return fd;
}

static bool start_registrar(struct site *site) {
    int life[2], listener = listen_somewhere(&site->registrar_port);
    if (listener < 0 || pipe2(life, O_CLOEXEC) != 0) {
        bench_failed("the registrar does not start: %s", strerror(errno));
        return false;
    }
    site->registrar = fork();
    if (site->registrar == 0) {
        close(life[1]);
        _exit(registrar_run(listener, life[0]) ? 0 : 1);
    }
    close(listener);
    close(life[0]);
    site->life = life[1];
    return site->registrar > 0;
}

/* --- The ticket secret */

static void path_of(const struct site *site, const char *name, char path[PATH_SIZE]) {
    snprintf(path, PATH_SIZE, "%s/%s", site->folder, name);
}

static bool make_secret(struct site *site) {
    uint8_t secret[32];
    char path[PATH_SIZE];
    const char *tmp = getenv("TMPDIR");
    snprintf(site->folder, sizeof site->folder, "%.200s/storm-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(site->folder) == NULL) {
        bench_failed("%s: %s", site->folder, strerror(errno));
        site->folder[0] = '\0';
        return false;
    }
    path_of(site, "secrets", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL || getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret) {
        bench_failed("%s: %s", path, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < sizeof secret; i++) {
        fprintf(file, "%02x", secret[i]);
    }
    fputc('\n', file);
    return fclose(file) == 0;
}

bool site_open(struct site *site) {
    *site = (struct site){.life = -1};
    return make_secret(site) && start_registrar(site);
}

/* --- The proxies */

static void log_path(const struct site *site, int index, char path[PATH_SIZE]) {
    char name[16];
    snprintf(name, sizeof name, "log%d", index);
    path_of(site, name, path);
}

/* In the child: becomes the proxy, or ends. */
static void become_proxy(const struct site *site, const struct site_settings *settings, int index,
                         int out) {
    char path[PATH_SIZE], secrets[PATH_SIZE], to[32], handshakes[16], connections[16], timeout[16];
    log_path(site, index, path);
    path_of(site, "secrets", secrets);
    snprintf(to, sizeof to, "127.0.0.1:%u", (unsigned)site->registrar_port);
    snprintf(handshakes, sizeof handshakes, "%u", settings->max_handshakes);
    snprintf(connections, sizeof connections, "%u", settings->max_connections);
    snprintf(timeout, sizeof timeout, "%u", settings->timeout_ms);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, S_IRUSR | S_IWUSR);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* it must not outlive us */
    if (log < 0 || dup2(log, STDERR_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0) {
        _exit(127);
    }
    execl(settings->tool, settings->tool, "proxy", "--backend", settings->backend, "--listen",
          "127.0.0.1:0", "--cert", settings->chain_file, "--key", settings->key_file, "--to", to,
          "--ticket-secrets", secrets, "--max-handshakes", handshakes, "--max-connections",
          connections, "--timeout", timeout, (char *)NULL);
    fprintf(stderr, "%s: %s\n", settings->tool, strerror(errno));
    _exit(127);
}

static void show_log(const struct site *site, int index) {
    char path[PATH_SIZE], line[LINE_SIZE];
    log_path(site, index, path);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return;
    }
    for (int i = 0; i < 10 && fgets(line, sizeof line, file) != NULL; i++) {
        fprintf(stderr, "    | %s", line);
    }
    fclose(file);
}

/* Waits for the line "listening on 127.0.0.1:PORT". */
static bool await_port(struct site_proxy *proxy) {
    char line[LINE_SIZE] = "";
    size_t len = 0;
    struct pollfd out = {.fd = proxy->out, .events = POLLIN};
    unsigned port = 0;
    while (len < sizeof line - 1 && strchr(line, '\n') == NULL) {
        if (poll(&out, 1, START_MS) <= 0 || read(proxy->out, line + len, 1) != 1) {
            return false;
        }
        line[++len] = '\0';
    }
    const char *colon = strrchr(line, ':');
    if (colon == NULL || sscanf(colon, ":%u", &port) != 1 || port == 0 || port > UINT16_MAX) {
        return false;
    }
    proxy->port = (uint16_t)port;
    return true;
}

static bool start_proxy(struct site *site, const struct site_settings *settings, int index) {
    struct site_proxy *proxy = &site->proxies[index];
    int out[2];
    if (pipe2(out, O_CLOEXEC) != 0) {
        bench_failed("no pipe: %s", strerror(errno));
        return false;
    }
    proxy->pid = fork();
    if (proxy->pid == 0) {
        become_proxy(site, settings, index, out[1]);
    }
    close(out[1]);
    proxy->out = out[0];
    return proxy->pid > 0;
}

bool site_start(struct site *site, const struct site_settings *settings) {
    for (int i = 0; i < SITE_PROXIES; i++) {
        if (!start_proxy(site, settings, i)) {
            return false;
        }
    }
    for (int i = 0; i < SITE_PROXIES; i++) {
        if (!await_port(&site->proxies[i])) {
            bench_failed("siptls proxy on %s does not start; its log:", settings->backend);
            show_log(site, i);
            return false;
        }
    }
    return true;
}

/* Ends the process unless it has ended, and says whether it ended well. */
static bool end(pid_t pid) {
    int status = 0;
    (void)kill(pid, SIGTERM);
    pid_t ended;
    do {
        ended = waitpid(pid, &status, 0);
    } while (ended < 0 && errno == EINTR);
    return ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool site_stop(struct site *site) {
    bool good = true;
    for (int i = 0; i < SITE_PROXIES; i++) {
        struct site_proxy *proxy = &site->proxies[i];
        if (proxy->pid > 0 && !end(proxy->pid)) {
            bench_failed("siptls proxy did not end well; its log:");
            show_log(site, i);
            good = false;
        }
        if (proxy->pid > 0) {
            close(proxy->out);
        }
        *proxy = (struct site_proxy){.pid = 0};
    }
    return good;
}

void site_close(struct site *site) {
    char path[PATH_SIZE];
    (void)site_stop(site);
    if (site->registrar > 0) {
        close(site->life);
        (void)waitpid(site->registrar, NULL, 0);
    }
    if (site->folder[0] != '\0') {
        for (int i = 0; i < SITE_PROXIES; i++) {
            log_path(site, i, path);
            (void)unlink(path);
        }
        path_of(site, "secrets", path);
        (void)unlink(path);
        (void)rmdir(site->folder);
    }
    *site = (struct site){.life = -1};
}

/* --- What it costs */

static double cpu_of(pid_t pid) {
    char path[64], line[1024] = "";
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        const char *rest = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
        if (rest != NULL) { /* fields 14 and 15 of proc(5); the name before may hold blanks */
            (void)sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                         &system);
        }
        fclose(file);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double site_cpu(const struct site *site) {
    double sum = 0;
    for (int i = 0; i < SITE_PROXIES; i++) {
        sum += cpu_of(site->proxies[i].pid);
    }
    return sum;
}

static double peak_rss_of(pid_t pid) {
    char path[64], line[LINE_SIZE];
    double kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && kilobytes <= 0 && fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "VmHWM: %lf", &kilobytes);
    }
    if (file != NULL) {
        fclose(file);
    }
    return kilobytes * 1024;
}

double site_peak_rss(const struct site *site) {
    double sum = 0;
    for (int i = 0; i < SITE_PROXIES; i++) {
        sum += peak_rss_of(site->proxies[i].pid);
    }
    return sum;
}
