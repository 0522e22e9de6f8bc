/* docs/examples/example.h - what the clients of these examples share, and what a SIP stack has
 * already: a TCP connection, a request, a place for what comes back.
 *
 * A client is called as `NAME BACKEND CA-FILE DOMAIN PORT`: it connects to 127.0.0.1:PORT, sends
 * OPTIONS to DOMAIN and prints the first line of the answer. Its exit code is 0 if there was one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_EXAMPLE_H
#define SIPTLS_EXAMPLE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <siptls/siptls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connected socket that does not block, or -1. */
static inline int example_connect(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        perror("connect");
        return -1;
    }
    return fd;
}

/* An OPTIONS request to `domain` in `text`; its length. */
static inline size_t example_request(char *text, size_t size, const char *domain) {
    return (size_t)snprintf(text, size,
                            "OPTIONS sips:%s SIP/2.0\r\n"
                            "Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK-example\r\n"
                            "Max-Forwards: 70\r\n"
                            "From: <sips:example@%s>;tag=1\r\n"
                            "To: <sips:%s>\r\n"
                            "Call-ID: example\r\n"
                            "CSeq: 1 OPTIONS\r\n"
                            "Content-Length: 0\r\n\r\n",
                            domain, domain, domain);
}

typedef struct example_inbox {
    char text[4096];
    size_t len;
} example_inbox;

/* Takes in what has come; true once it is a whole message. (A stack looks at Content-Length as
 * well: adapters/osip2/sips_framing.c.) */
static inline bool example_got(example_inbox *inbox, const char *data, size_t len) {
    if (len > sizeof inbox->text - 1 - inbox->len) {
        len = sizeof inbox->text - 1 - inbox->len;
    }
    memcpy(inbox->text + inbox->len, data, len);
    inbox->len += len;
    inbox->text[inbox->len] = '\0';
    return strstr(inbox->text, "\r\n\r\n") != NULL;
}

/* Once, at the start. NULL, and why on stderr. */
static inline stls_context *example_context(const char *backend, const char *ca_file) {
    stls_error error = {.text = "no such backend"};
    const stls_backend *library = stls_backend_find(backend);
    stls_trust *trust = stls_trust_new();
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    if (library == NULL || trust == NULL ||
        stls_trust_add_file(trust, ca_file, &error) != STLS_OK ||
        stls_profile_new(library, STLS_ROLE_CLIENT, &profile, &error) != STLS_OK ||
        stls_profile_set_trust(profile, trust, &error) != STLS_OK ||
        stls_context_new(profile, &context, &error) != STLS_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    return context;
}

/* The first line of the answer, and the end of a client. */
static inline int example_end(stls_conn *conn, const example_inbox *inbox, bool answered) {
    stls_conn_info info = {0};
    if (conn != NULL) {
        stls_conn_get_info(conn, &info);
    }
    if (answered) {
        printf("%.*s, %s%s\n", (int)strcspn(inbox->text, "\r"), inbox->text,
               stls_conn_is_secure(conn) ? "secure" : "not secure",
               info.resumed ? ", resumed" : "");
    }
    stls_conn_free(conn);
    return answered ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
