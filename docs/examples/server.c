/* docs/examples/server.c - a server: `server BACKEND CERTIFICATE KEY PHONES-CA`. Prints the port it
 * listens on, takes one caller after the other, and answers 200 to whatever it hears. SIGHUP: the
 * files are read anew.
 *
 * SPDX-License-Identifier: MIT */
#include "example.h"

#include <signal.h>
#include <sys/select.h>

typedef struct settings {
    const stls_backend *backend;
    const char *certificate, *key, *phones_ca;
    stls_ticket_ring *ring; /* outlives contexts, so that clients resume after a reload */
} settings;

/* Reads the files and puts a new context in place of `*current`, for connections from now on.
 * Those that are there hold the old one. If anything is wrong, all stays as it is. */
static bool reload(const settings *s, stls_context **current) {
    stls_error error = {0};
    stls_credential *credential = NULL;
    stls_profile *profile = NULL;
    stls_context *fresh = NULL;
    stls_trust *phones = stls_trust_new();
    if (stls_credential_load(s->backend, s->certificate, s->key, NULL, &credential, &error) ==
            STLS_OK &&
        stls_trust_add_file(phones, s->phones_ca, &error) == STLS_OK &&
        stls_profile_new(s->backend, STLS_ROLE_SERVER, &profile, &error) == STLS_OK &&
        stls_profile_set_credential(profile, credential, &error) == STLS_OK &&
        stls_profile_set_trust(profile, phones, &error) == STLS_OK &&
        stls_profile_set_verify(profile, STLS_VERIFY_OPTIONAL, &error) == STLS_OK &&
        stls_profile_set_tickets(profile, s->ring, 1, &error) == STLS_OK &&
        stls_profile_set_max_handshakes(profile, 1000, &error) == STLS_OK &&
        stls_context_new(profile, &fresh, &error) == STLS_OK) {
        stls_context_free(*current);
        *current = fresh;
    } else {
        fprintf(stderr, "%s\n", error.text);
    }
    stls_profile_free(profile);
    stls_credential_free(credential);
    stls_trust_free(phones);
    return fresh != NULL;
}

/* After STLS_WANT_...: whether it is worth calling again. */
static bool patient(stls_conn *conn, stls_result result) {
    return (result == STLS_WANT_READ || result == STLS_WANT_WRITE) &&
           stls_conn_wait(conn, result, 30000) == STLS_OK;
}

/* The status line, and back go the caller's own Via, From, To, Call-ID and CSeq. */
static bool answer(stls_conn *conn, const example_inbox *in) {
    char text[sizeof in->text + 16];
    size_t at = 0, done,
           len = (size_t)snprintf(text, sizeof text, "SIP/2.0 200 OK%s",
                                  in->text + strcspn(in->text, "\r"));
    stls_result result;
    do {
        result = stls_conn_write(conn, text + at, len - at, &done);
        at += result == STLS_OK ? done : 0;
    } while (at < len && (result == STLS_OK || patient(conn, result)));
    return at == len;
}

/* One caller, from the handshake to the end. */
static void serve(stls_context *context, int fd) {
    stls_error error = {0};
    stls_conn *conn = NULL;
    example_inbox in = {0};
    char data[1024];
    size_t done;
    stls_result result;
    if (stls_conn_new(context, NULL, &conn, &error) != STLS_OK ||
        stls_conn_set_fd(conn, fd, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        stls_conn_free(conn);
        return;
    }
    do {
        result = stls_conn_handshake(conn);
    } while (patient(conn, result));
    while (result == STLS_OK || patient(conn, result)) {
        result = stls_conn_read(conn, data, sizeof data, &done);
        if (result == STLS_OK && example_got(&in, data, done)) {
            result = answer(conn, &in) ? STLS_OK : STLS_E_TRANSPORT;
            in.len = 0;
        }
    }
    printf("%s: %s\n", stls_result_name(result), stls_conn_error(conn)->text);
    fflush(stdout);
    stls_conn_close(conn);
    stls_conn_free(conn);
}

static volatile sig_atomic_t hangup;

static void on_hangup(int number) {
    (void)number;
    hangup = 1;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    struct sigaction action = {.sa_handler = on_hangup};
    stls_context *context = NULL;
    stls_error error = {.text = "usage: server BACKEND CERTIFICATE KEY PHONES-CA"};
    settings s = {.backend = argc == 5 ? stls_backend_find(argv[1]) : NULL};
    if (s.backend == NULL || stls_ticket_ring_new(s.backend, NULL, &s.ring, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    s.certificate = argv[2];
    s.key = argv[3];
    s.phones_ca = argv[4];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!reload(&s, &context) || bind(listener, (struct sockaddr *)&address, len) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        return 2;
    }
    sigset_t blocked, usual;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, &usual); /* it comes while the server waits, and only then */
    sigaction(SIGHUP, &action, NULL);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        fd_set callers;
        FD_ZERO(&callers);
        FD_SET(listener, &callers);
        int count = pselect(listener + 1, &callers, NULL, NULL, NULL, &usual);
        if (hangup) {
            hangup = 0;
            printf("%s\n", reload(&s, &context) ? "reloaded" : "not reloaded");
            fflush(stdout);
        }
        int fd = count > 0 ? accept(listener, NULL, NULL) : -1;
        if (fd >= 0) {
            fcntl(fd, F_SETFL, O_NONBLOCK);
            serve(context, fd);
            close(fd);
        }
    }
}
