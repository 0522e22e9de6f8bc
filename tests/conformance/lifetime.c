/* tests/conformance/lifetime.c - who holds what, for how long, and what a child process may not
 * use.
 *
 * The sanitizers are the other half of these tests: a double free or a leak fails the program.
 *
 * Promise P11 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything that a connection was made of is given back before it is used. */
static void test_freed_early(void) {
    stls_profile *profile[2] = {NULL, NULL};
    stls_context *context[2] = {NULL, NULL};
    stls_trust *trust = pki_trust("root");
    stls_credential *credential = pki_credential(test_backend(), "server");
    end client = {.peer = "example.test"};
    pair p;
    check_case("everything is freed before the handshake");
    stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile[CLIENT], NULL);
    stls_profile_new(test_backend(), STLS_ROLE_SERVER, &profile[SERVER], NULL);
    stls_profile_set_trust(profile[CLIENT], trust, NULL);
    stls_profile_set_credential(profile[SERVER], credential, NULL);
    stls_trust_free(trust);
    stls_credential_free(credential);
    for (side s = CLIENT; s <= SERVER; s++) {
        stls_error error = {0};
        CHECK_RESULT("a context", stls_context_new(profile[s], &context[s], &error), STLS_OK,
                     &error);
        stls_profile_free(profile[s]);
    }
    bool open = pair_open_on(&p, context[CLIENT], &client, context[SERVER], NULL);
    stls_context_free(context[CLIENT]);
    stls_context_free(context[SERVER]);
    if (open && pair_connect(&p)) {
        pair_echo(&p, 1000);
        CHECK(stls_context_role(stls_conn_context(p.conn[CLIENT])) == STLS_ROLE_CLIENT,
              "the connection's context is gone");
        pair_shut(&p);
    }
    pair_close(&p);
}

static void test_counts(void) {
    stls_trust *trust = pki_trust("root int");
    stls_credential *credential = pki_credential(test_backend(), "server");
    end server = {.credential = "server"};
    stls_context *context = end_context(STLS_ROLE_SERVER, &server);
    check_case("hold and free");
    if (!trust || !credential || !context) {
        return;
    }
    CHECK(stls_trust_hold(trust) == trust, "another trust");
    CHECK(stls_credential_hold(credential) == credential, "another credential");
    CHECK(stls_context_hold(context) == context, "another context");
    stls_trust_free(trust);
    stls_credential_free(credential);
    stls_context_free(context);
    CHECK_NUMBER("anchors", stls_trust_count(trust), 2);
    CHECK_BYTES("the leaf", stls_credential_certificate(credential, 0), pki_bytes("server.der"));
    CHECK(stls_context_backend(context) == test_backend(), "another backend");
    stls_trust_free(trust);
    stls_credential_free(credential);
    stls_context_free(context);
}

/* From the first profile on a trust does not change; that it is refused, and nothing added, is
 * said. */
static void test_trust_frozen(void) {
    stls_trust *trust = pki_trust("root");
    stls_bytes more = pki_bytes("other-root.pem");
    stls_profile *profile = NULL;
    stls_error error = {0};
    check_case("a trust that is in use");
    stls_profile_new(test_backend(), STLS_ROLE_CLIENT, &profile, NULL);
    if (trust && profile) {
        CHECK_RESULT("adding before", stls_trust_add(trust, more.data, more.len, NULL, &error),
                     STLS_OK, &error);
        CHECK_NUMBER("anchors", stls_trust_count(trust), 2);
        stls_profile_set_trust(profile, trust, NULL);
        CHECK_RESULT("adding after", stls_trust_add(trust, more.data, more.len, NULL, &error),
                     STLS_E_STATE, &error);
        CHECK_RESULT("adding a file after", stls_trust_add_file(trust, pki_path("int.pem"), &error),
                     STLS_E_STATE, &error);
        CHECK(*error.text, "no sentence");
        CHECK_NUMBER("anchors", stls_trust_count(trust), 2);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
}

/* A connection may be freed at any point of its life. */
static void test_freed_anywhere(void) {
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        end client = {.trust = "root",
                      .peer = "example.test",
                      .credential = "phone",
                      .version = both_versions[v]};
        end server = {.credential = "server",
                      .trust = "root",
                      .verify = STLS_VERIFY_REQUIRED,
                      .version = both_versions[v]};
        for (unsigned steps = 0; steps < 8; steps++) {
            pair p;
            check_case("freed after %u steps, %s", steps, version_text(both_versions[v]));
            if (pair_open(&p, &client, &server, NULL)) {
                for (unsigned i = 0; i < steps; i++) {
                    stls_conn_handshake(p.conn[i % 2]);
                    pair_move(&p);
                }
            }
            pair_close(&p);
        }
    }
}

static void test_no_transport(void) {
    end client = {.trust = "root", .peer = "example.test"};
    stls_context *context = end_context(STLS_ROLE_CLIENT, &client);
    stls_conn *conn = NULL;
    check_case("without a transport");
    if (context && CHECK_RESULT("a connection", stls_conn_new(context, "example.test", &conn, NULL),
                                STLS_OK, NULL)) {
        CHECK_RESULT("its handshake", stls_conn_handshake(conn), STLS_E_STATE,
                     stls_conn_error(conn));
    }
    stls_conn_free(conn);
    stls_context_free(context);
}

static void test_transports(void) {
    end client = {.trust = "root", .peer = "example.test"};
    stls_context *context = end_context(STLS_ROLE_CLIENT, &client);
    stls_conn *conn = NULL;
    int data;
    check_case("one transport only");
    if (context && stls_conn_new(context, "example.test", &conn, NULL) == STLS_OK) {
        stls_error error = {0};
        CHECK_RESULT("no callbacks", stls_conn_set_transport(conn, NULL, NULL, NULL, &error),
                     STLS_E_ARGUMENT, &error);
        CHECK_RESULT("a descriptor of -1", stls_conn_set_fd(conn, -1, &error), STLS_E_ARGUMENT,
                     &error);
        CHECK_RESULT("feeding without memory", stls_conn_feed(conn, "x", 1), STLS_E_STATE, NULL);
        CHECK_RESULT("memory", stls_conn_use_memory(conn, &error), STLS_OK, &error);
        CHECK_RESULT("memory again", stls_conn_use_memory(conn, &error), STLS_E_STATE, &error);
        CHECK_RESULT("a descriptor on top", stls_conn_set_fd(conn, 0, &error), STLS_E_STATE,
                     &error);
        CHECK_RESULT("consuming what is not there", stls_conn_consume(conn, 1), STLS_E_ARGUMENT,
                     NULL);
        CHECK(stls_conn_user_data(conn) == NULL, "user data that nobody set");
        stls_conn_set_user_data(conn, &data);
        CHECK(stls_conn_user_data(conn) == &data, "the user data are others");
        stls_conn_handshake(conn);
        CHECK_RESULT("a server name during the handshake",
                     stls_conn_set_server_name(conn, "other.test", &error), STLS_E_STATE, &error);
    }
    stls_conn_free(conn);
    stls_context_free(context);
}

/* --- fork() */

/* In the child: 0 if every use of the parent's connection is refused, and a new one on the parent's
 * context works. */
static int use_in_child(pair *p, stls_context *client_context, const end *client,
                        stls_context *server_context, stls_conn *unused) {
    uint8_t byte, key[32], binding[STLS_BINDING_MAX];
    size_t done;
    stls_error error;
    pair fresh;
    if (stls_conn_read(p->conn[CLIENT], &byte, 1, &done) != STLS_E_STATE) {
        return 1;
    }
    if (stls_conn_write(p->conn[CLIENT], "x", 1, &done) != STLS_E_STATE) {
        return 2;
    }
    if (stls_conn_close(p->conn[CLIENT]) != STLS_E_STATE) {
        return 3;
    }
    if (stls_conn_handshake(p->conn[SERVER]) != STLS_E_STATE) {
        return 4;
    }
    if (stls_conn_feed(p->conn[CLIENT], "x", 1) != STLS_E_STATE ||
        stls_conn_feed_eof(p->conn[CLIENT]) != STLS_E_STATE ||
        stls_conn_consume(p->conn[CLIENT], 0) != STLS_E_STATE ||
        stls_conn_peek(p->conn[CLIENT]).len != 0) {
        return 5;
    }
    error.text[0] = '\0';
    if (stls_conn_export(p->conn[CLIENT], "EXPORTER-test", NULL, 0, key, sizeof key, &error) !=
            STLS_E_STATE ||
        strstr(error.text, "fork()") == NULL) {
        return 6;
    }
    if (stls_conn_update_keys(p->conn[CLIENT], true) != STLS_E_STATE) {
        return 7;
    }
    error.text[0] = '\0';
    if (stls_conn_revalidate(p->conn[CLIENT], client_context, &error) != STLS_E_STATE ||
        strstr(error.text, "fork()") == NULL) {
        return 8;
    }
    error.text[0] = '\0';
    if (stls_conn_channel_binding(p->conn[CLIENT], STLS_BINDING_TLS_SERVER_END_POINT, binding,
                                  &done, &error) != STLS_E_STATE ||
        strstr(error.text, "fork()") == NULL) {
        return 9;
    }
    if (stls_conn_set_server_name(unused, "example.test", &error) != STLS_E_STATE ||
        stls_conn_use_memory(unused, &error) != STLS_E_STATE ||
        stls_conn_set_fd(unused, STDIN_FILENO, &error) != STLS_E_STATE) {
        return 10;
    }
    if (!pair_open_on(&fresh, client_context, client, server_context, NULL) ||
        !pair_connect(&fresh) || !pair_echo(&fresh, 100)) {
        return 11;
    }
    pair_close(&fresh);
    return 0;
}

static void test_fork(void) {
    static const char *const failures[] = {"",
                                           "the read",
                                           "the write",
                                           "the close",
                                           "the handshake",
                                           "the memory transport",
                                           "the exporter",
                                           "the key update",
                                           "judging it again",
                                           "the channel binding",
                                           "what comes before the handshake",
                                           "a new connection"};
    end client = {.trust = "root", .peer = "example.test"}, server = {.credential = "server"};
    stls_context *client_context = end_context(STLS_ROLE_CLIENT, &client);
    stls_context *server_context = end_context(STLS_ROLE_SERVER, &server);
    stls_conn *unused = NULL;
    pair p;
    check_case("fork");
    if (pair_open_on(&p, client_context, &client, server_context, NULL) && pair_connect(&p) &&
        CHECK_RESULT("a connection", stls_conn_new(client_context, "example.test", &unused, NULL),
                     STLS_OK, NULL)) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            _exit(use_in_child(&p, client_context, &client, server_context, unused));
        }
        if (CHECK(child > 0 && waitpid(child, &status, 0) == child, "no child")) {
            unsigned code = WIFEXITED(status) ? (unsigned)WEXITSTATUS(status) : 99;
            CHECK(code == 0, "in the child, %s did not do what it should (status %u)",
                  code < COUNT(failures) ? failures[code] : "something", code);
        }
        /* And the parent's connection has not noticed. */
        pair_echo(&p, 100);
    }
    stls_conn_free(unused);
    pair_close(&p);
    stls_context_free(client_context);
    stls_context_free(server_context);
}

const test_case lifetime_tests[] = {
    {"everything is freed early", test_freed_early},
    {"hold and free", test_counts},
    {"a trust in use is frozen", test_trust_frozen},
    {"freed at any point", test_freed_anywhere},
    {"no transport", test_no_transport},
    {"transports", test_transports},
    {"fork", test_fork},
    {NULL, NULL},
};
