/* tests/hostile/driver.c - the side under test: one connection of siptls after the other.
 *
 * Standard input is a socket of packets. The first one out is the library's version. Each that
 * comes in asks for one connection: words "key=value", and a connected stream socket beside them
 * (SCM_RIGHTS). The connection shakes hands, sends back what it reads, and answers a close with a
 * close. Then a packet "key value" per line says how it went. One program per backend, named by the
 * only argument.
 *
 *     role=client|server   versions=1.2|1.3 (default: both)   verify=required|optional|any|none
 *     alpn=sip/2           host=example.test (a server: this host only)
 *     life=1               seconds that a server's tickets live
 *     again=1              with the context of the connection before
 *
 * Promise P4 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/siptls.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STALL_MS = 20000, DATA_MAX = 256 };

static const stls_backend *backend;
static stls_credential *server, *phone;
static stls_trust *trust;
static stls_context *context; /* of the last connection */

typedef struct outcome {
    stls_result handshake, end;
    char data[DATA_MAX + 1]; /* the first of it, as text */
    size_t data_len;
} outcome;

static _Noreturn void give_up(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

static const char *in_pki(const char *file) {
    static char path[4][1024];
    static unsigned next;
    const char *folder = getenv("SIPTLS_TEST_PKI");
    char *here = path[next++ % 4];
    snprintf(here, sizeof path[0], "%s/%s", folder != NULL ? folder : "pki", file);
    return here;
}

static void load(void) {
    stls_error error = {0};
    trust = stls_trust_new();
    if (trust == NULL || stls_trust_add_file(trust, in_pki("root.pem"), &error) != STLS_OK ||
        stls_credential_load(backend, in_pki("server.chain.pem"), in_pki("server.key"), NULL,
                             &server, &error) != STLS_OK ||
        stls_credential_load(backend, in_pki("phone.chain.pem"), in_pki("phone.key"), NULL, &phone,
                             &error) != STLS_OK) {
        give_up("the test PKI", error.text);
    }
}

/* The value of `key` in `words`, into `value`; false if it is not there. */
static bool word(const char *words, const char *key, char value[64]) {
    size_t len = strlen(key);
    for (const char *at = words; at != NULL; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, key, len) == 0 && at[len] == '=') {
            snprintf(value, 64, "%.*s", (int)strcspn(at + len + 1, " "), at + len + 1);
            return true;
        }
    }
    return false;
}

static stls_verify_mode verify_mode(const char *name) {
    return strcmp(name, "optional") == 0 ? STLS_VERIFY_OPTIONAL
           : strcmp(name, "any") == 0    ? STLS_VERIFY_OPTIONAL_ANY
           : strcmp(name, "none") == 0   ? STLS_VERIFY_NONE
                                         : STLS_VERIFY_REQUIRED;
}

static stls_result set_lifetime(stls_profile *profile, unsigned seconds, stls_error *error) {
    const stls_ticket_ring_options options = {.lifetime_s = seconds};
    stls_ticket_ring *ring = NULL;
    stls_result result = stls_ticket_ring_new(backend, &options, &ring, error);
    result = result == STLS_OK ? stls_profile_set_tickets(profile, ring, 1, error) : result;
    stls_ticket_ring_free(ring);
    return result;
}

static stls_result set_profile(stls_profile *profile, stls_role role, const char *words,
                               stls_error *error) {
    char value[64];
    stls_result result = stls_profile_set_trust(profile, trust, error);
    if (result == STLS_OK && word(words, "versions", value)) {
        uint16_t version = strcmp(value, "1.2") == 0 ? STLS_TLS1_2 : STLS_TLS1_3;
        result = stls_profile_set_versions(profile, version, version, error);
    }
    if (result == STLS_OK) {
        result =
            stls_profile_set_credential(profile, role == STLS_ROLE_SERVER ? server : phone, error);
    }
    if (result == STLS_OK && word(words, "verify", value)) {
        result = stls_profile_set_verify(profile, verify_mode(value), error);
    }
    if (result == STLS_OK && word(words, "alpn", value)) {
        result = stls_profile_set_alpn(profile, value, error);
    }
    if (result == STLS_OK && word(words, "life", value)) {
        result = set_lifetime(profile, (unsigned)atoi(value), error);
    }
    if (result == STLS_OK && word(words, "host", value)) {
        result = stls_profile_add_host(profile, value, server, STLS_VERIFY_NONE, error);
        result = result == STLS_OK ? stls_profile_set_strict_hosts(profile, true, error) : result;
    }
    return result;
}

static void make_context(const char *words, stls_role role) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_context_free(context);
    if (stls_profile_new(backend, role, &profile, &error) != STLS_OK ||
        set_profile(profile, role, words, &error) != STLS_OK ||
        stls_profile_set_handshake_timeout(profile, STALL_MS, &error) != STLS_OK ||
        stls_context_new(profile, &context, &error) != STLS_OK) {
        give_up(words, error.text);
    }
    stls_profile_free(profile);
}

static stls_conn *make(const char *words, int fd) {
    stls_conn *conn = NULL;
    stls_error error = {0};
    char value[64] = "";
    stls_role role = word(words, "role", value) && strcmp(value, "server") == 0 ? STLS_ROLE_SERVER
                                                                                : STLS_ROLE_CLIENT;
    if (!word(words, "again", value)) {
        make_context(words, role);
    }
    if (stls_conn_new(context, role == STLS_ROLE_CLIENT ? "example.test" : NULL, &conn, &error) !=
            STLS_OK ||
        stls_conn_set_fd(conn, fd, &error) != STLS_OK) {
        give_up(words, error.text);
    }
    return conn;
}

static bool waits(stls_conn *conn, stls_result result) {
    return (result == STLS_WANT_READ || result == STLS_WANT_WRITE) &&
           stls_conn_wait(conn, result, STALL_MS) == STLS_OK;
}

static stls_result echo(stls_conn *conn, const char *data, size_t len) {
    for (size_t sent = 0; sent < len;) {
        size_t done = 0;
        stls_result result = stls_conn_write(conn, data + sent, len - sent, &done);
        sent += done;
        if (result != STLS_OK && !waits(conn, result)) {
            return result;
        }
    }
    return STLS_OK;
}

/* Reads, and sends it back, to the end. */
static void talk(stls_conn *conn, outcome *o) {
    char buffer[20000];
    size_t done;
    do {
        o->end = stls_conn_read(conn, buffer, sizeof buffer, &done);
        if (o->end == STLS_OK) {
            for (size_t i = 0; i < done && o->data_len + i < DATA_MAX; i++) {
                o->data[o->data_len + i] = buffer[i] > ' ' && buffer[i] <= '~' ? buffer[i] : '.';
            }
            o->data_len += done;
            (void)echo(conn, buffer, done);
        }
    } while (o->end == STLS_OK || waits(conn, o->end));
    if (o->end == STLS_CLOSED || o->end == STLS_EOF) {
        stls_conn_close(conn);
    }
}

static long peak_kb(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return use.ru_maxrss;
}

/* Lets the peer read what we have sent before it hears of our end. */
static void hang_up(int fd) {
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char rest[4096];
    shutdown(fd, SHUT_WR);
    while (poll(&waiting, 1, STALL_MS) > 0 && read(fd, rest, sizeof rest) > 0) {
    }
    close(fd);
}

/* The end of the peer's certificate, part of its signature, in hexadecimal; "-": it has none. */
static const char *peer_of(const stls_conn *conn) {
    enum { END = 16 };
    static char end[2 * END + 1];
    stls_bytes leaf = stls_conn_peer_certificate(conn, 0);
    snprintf(end, sizeof end, "-");
    for (size_t i = 0; leaf.len >= END && i < END; i++) {
        snprintf(end + 2 * i, 3, "%02x", leaf.data[leaf.len - END + i]);
    }
    return end;
}

static void serve(const char *words, int fd) {
    stls_conn *conn = make(words, fd);
    outcome o = {STLS_NOT_DONE, STLS_NOT_DONE, "", 0};
    long before = peak_kb();
    do {
        o.handshake = stls_conn_handshake(conn);
    } while (waits(conn, o.handshake));
    if (o.handshake == STLS_OK) {
        talk(conn, &o);
    }
    const stls_error *error = stls_conn_error(conn);
    stls_conn_info info;
    stls_conn_get_info(conn, &info);
    char late[16], answer[2048];
    size_t more = 0;
    bool read_on = stls_conn_read(conn, late, sizeof late, &more) == STLS_OK || more > 0;
    int len = snprintf(answer, sizeof answer,
                       "handshake %s\nend %s\ndata %s\nlength %zu\nsent %d\nreceived %d\n"
                       "secure %d\nlate %d\ngrown %ld\nresumed %d\npeer %s\ntext %s\n",
                       stls_result_name(o.handshake), stls_result_name(o.end), o.data, o.data_len,
                       error->alert_sent, error->alert_received, stls_conn_is_secure(conn), read_on,
                       peak_kb() - before, info.resumed, peer_of(conn), error->text);
    stls_conn_free(conn);
    hang_up(fd);
    if (write(STDIN_FILENO, answer, (size_t)len) != len) {
        give_up("the answer", "it could not be sent");
    }
}

/* The next packet, and the socket that came with it; false at the end. */
static bool next(char *words, size_t size, int *fd) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {words, size - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t len = recvmsg(STDIN_FILENO, &message, 0);
    struct cmsghdr *header = len > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) {
        return false;
    }
    memcpy(fd, CMSG_DATA(header), sizeof *fd);
    words[len] = '\0';
    return true;
}

int main(int argc, char **argv) {
    char words[512];
    int fd = -1;
    backend = argc == 2 ? stls_backend_find(argv[1]) : NULL;
    if (backend == NULL) {
        give_up("usage", "driver BACKEND, with a socket as standard input");
    }
    load();
    const char *version = stls_backend_version_running(backend);
    if (write(STDIN_FILENO, version, strlen(version)) < 0) {
        give_up("the version", "it could not be sent");
    }
    while (next(words, sizeof words, &fd)) {
        serve(words, fd);
    }
    stls_context_free(context);
    stls_credential_free(server);
    stls_credential_free(phone);
    stls_trust_free(trust);
    return 0;
}
