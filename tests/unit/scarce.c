/* tests/unit/scarce.c - what connections take of siptls's own heap: nothing for a keep-alive ping,
 * and any of it may be refused while sessions are resumed.
 *
 * Counted is what siptls itself allocates (all by its allocator), not what the TLS library takes.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"
#include "tests/support/end.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/siptls.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned taken;   /* allocations so far */
static unsigned refused; /* the number of the one that fails; 0: none */

static void *counted_malloc(size_t size) {
    return ++taken == refused ? NULL : malloc(size);
}

static const stls_allocator counted = {.allocate = counted_malloc, .release = free};

static const uint16_t versions[] = {STLS_TLS1_2, STLS_TLS1_3};

typedef struct ends {
    stls_context *context[2];
    stls_conn *conn[2]; /* client, server */
    int fd[2];
} ends;

static bool open_contexts(ends *e, const stls_backend *backend, uint16_t version) {
    bool mutual = stls_backend_can(backend, STLS_CAN_TICKET_PEER);
    end client = {.backend = backend,
                  .trust = "root",
                  .credential = mutual ? "phone" : NULL,
                  .version = version};
    end server = {.backend = backend,
                  .trust = "root",
                  .credential = "server",
                  .verify = mutual ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE,
                  .version = version};
    *e = (ends){.fd = {-1, -1}};
    e->context[0] = end_context(STLS_ROLE_CLIENT, &client);
    e->context[1] = end_context(STLS_ROLE_SERVER, &server);
    return e->context[0] && e->context[1];
}

/* The result of the first call that failed; STLS_OK: both are open. Without checks, as memory may
 * be refused. */
static stls_result connect_ends(ends *e) {
    stls_result result[2] = {STLS_WANT_READ, STLS_WANT_READ};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, e->fd) != 0) {
        return STLS_E_TRANSPORT;
    }
    for (int i = 0; i < 2; i++) {
        result[i] = stls_conn_new(e->context[i], i == 0 ? "example.test" : NULL, &e->conn[i], NULL);
        result[i] = result[i] == STLS_OK ? stls_conn_set_fd(e->conn[i], e->fd[i], NULL) : result[i];
        if (result[i] != STLS_OK) {
            return result[i];
        }
    }
    for (int turn = 0; turn < 40; turn++) {
        result[turn % 2] = stls_conn_handshake(e->conn[turn % 2]);
        if (result[turn % 2] < 0) {
            return result[turn % 2];
        }
    }
    return result[0] != STLS_OK ? result[0] : result[1];
}

static void disconnect(ends *e) {
    for (int i = 0; i < 2; i++) {
        stls_conn_free(e->conn[i]);
        e->conn[i] = NULL;
        if (e->fd[i] >= 0) {
            close(e->fd[i]);
        }
        e->fd[i] = -1;
    }
}

static void close_contexts(ends *e) {
    stls_context_free(e->context[0]);
    stls_context_free(e->context[1]);
}

/* RFC 5626 section 3.5.1: a ping is CRLF CRLF, a pong is CRLF. */
static stls_result say(ends *e, int from, const char *text) {
    char got[16];
    size_t done = 0;
    stls_result result = stls_conn_write(e->conn[from], text, strlen(text), &done);
    result = result == STLS_OK ? stls_conn_read(e->conn[1 - from], got, sizeof got, &done) : result;
    return result == STLS_OK && done != strlen(text) ? STLS_E_FORMAT : result;
}

static void ping(const stls_backend *backend, uint16_t version) {
    ends e;
    stls_conn_memory_use before[2], after[2];
    check_case("pings, %s, %s", stls_backend_name(backend), version_text(version));
    refused = 0;
    if (open_contexts(&e, backend, version) &&
        CHECK_RESULT("the connection", connect_ends(&e), STLS_OK, NULL) &&
        CHECK_RESULT("the first ping", say(&e, 0, "\r\n\r\n"), STLS_OK, NULL) &&
        CHECK_RESULT("the first pong", say(&e, 1, "\r\n"), STLS_OK, NULL)) {
        stls_conn_memory(e.conn[0], &before[0]);
        stls_conn_memory(e.conn[1], &before[1]);
        taken = 0;
        for (int i = 0; i < 10; i++) {
            CHECK_RESULT("a ping", say(&e, 0, "\r\n\r\n"), STLS_OK, NULL);
            CHECK_RESULT("a pong", say(&e, 1, "\r\n"), STLS_OK, NULL);
        }
        CHECK_NUMBER("allocations", taken, 0);
        for (int i = 0; i < 2; i++) {
            stls_conn_memory(e.conn[i], &after[i]);
            CHECK_NUMBER("own bytes", after[i].own, before[i].own);
            CHECK_NUMBER("the library's bytes", after[i].library, before[i].library);
        }
        printf("%s, %s: idle: client %zu + %zu bytes, server %zu + %zu bytes (own + library's; 0: "
               "not told)\n",
               stls_backend_name(backend), version_text(version), after[0].own, after[0].library,
               after[1].own, after[1].library);
    }
    disconnect(&e);
    close_contexts(&e);
}

static void test_pings(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        for (size_t v = 0; v < COUNT(versions); v++) {
            ping(backend, versions[v]);
        }
    }
}

/* What becomes of a connection that resumes while allocation number `number` fails. False: there
 * are not so many. */
static bool refuse_one(ends *e, unsigned number) {
    taken = 0;
    refused = number;
    stls_result result = connect_ends(e);
    if (result == STLS_OK) {
        result = say(e, 1, "\r\n");
    }
    bool was_refused = taken >= number;
    refused = 0;
    CHECK(result == STLS_OK || result == STLS_E_NO_MEMORY || result == STLS_E_BACKEND ||
              result == STLS_E_ALERT || result == STLS_EOF || result == STLS_WANT_READ,
          "allocation %u refused: %d", number, result);
    if (result == STLS_OK) {
        CHECK(stls_conn_is_secure(e->conn[0]), "allocation %u refused: not secure", number);
        CHECK(stls_conn_peer_count(e->conn[0]) == 2, "allocation %u refused: nobody", number);
    }
    disconnect(e);
    return was_refused;
}

/* After it, everything is as before. */
static void refuse_each(const stls_backend *backend, uint16_t version) {
    ends e;
    check_case("refused memory, %s, %s", stls_backend_name(backend), version_text(version));
    refused = 0;
    if (open_contexts(&e, backend, version)) {
        for (unsigned number = 1; number < 500 && refuse_one(&e, number); number++) {
            CHECK_RESULT("the next connection", connect_ends(&e), STLS_OK, NULL);
            CHECK_RESULT("its pong", say(&e, 1, "\r\n"), STLS_OK, NULL);
            disconnect(&e);
        }
        stls_conn_info info = {.resumed = false};
        CHECK_RESULT("the last connection", connect_ends(&e), STLS_OK, NULL);
        stls_conn_get_info(e.conn[1], &info);
        CHECK(info.resumed, "nothing is resumed in the end");
        disconnect(&e);
    }
    close_contexts(&e);
}

static void test_refusals(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        for (size_t v = 0; v < COUNT(versions); v++) {
            if (stls_backend_can(backend, STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS)) {
                refuse_each(backend, versions[v]);
            }
        }
    }
}

static const test_case cases[] = {{"pings", test_pings}, {"refusals", test_refusals}, {NULL, NULL}};
static const test_suite suites[] = {{"scarce", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    if (stls_set_allocator(&counted, NULL) != STLS_OK) {
        return EXIT_FAILURE;
    }
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
