/* tests/unit/exporters.c - keys for others are had of a connection of TLS 1.2 only if both ends
 * have the extended master secret.
 *
 * The peer is OpenSSL's own, which can do without. siptls is the server or the client, on each
 * backend.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/end.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include "tests/support/check.h"

#include <string.h>

#ifdef STLS_TEST_OPENSSL
#include <openssl/ssl.h>

typedef struct ends {
    SSL *raw;
    stls_conn *conn;
} ends;

static SSL_CTX *raw_context(stls_role ours, bool extended) {
    bool server = ours == STLS_ROLE_CLIENT;
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    bool ready = ctx && SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1;
    if (server) {
        ready = ready &&
                SSL_CTX_use_certificate_chain_file(ctx, pki_path("server.chain.pem")) == 1 &&
                SSL_CTX_use_PrivateKey_file(ctx, pki_path("server.key"), SSL_FILETYPE_PEM) == 1;
    }
    if (ctx && !extended) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    }
    CHECK(ready, "OpenSSL's end cannot be set up");
    return ctx;
}

static stls_context *our_context(const stls_backend *backend, stls_role role) {
    bool server = role == STLS_ROLE_SERVER;
    const end wanted = {.backend = backend,
                        .credential = server ? "server" : NULL,
                        .trust = server ? NULL : "root",
                        .peer = "example.test",
                        .version = STLS_TLS1_2};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    if (CHECK_RESULT("the profile", end_try_profile(role, &wanted, &profile, &error), STLS_OK,
                     &error)) {
        CHECK_RESULT("the exporter", stls_profile_set_exporter(profile, true, &error), STLS_OK,
                     &error);
        CHECK_RESULT("the context", stls_context_new(profile, &context, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    return context;
}

static void move_bytes(const ends *e) {
    char buffer[16384];
    int len = BIO_read(SSL_get_wbio(e->raw), buffer, sizeof buffer);
    stls_bytes out = stls_conn_peek(e->conn);
    if (out.len > 0) {
        BIO_write(SSL_get_rbio(e->raw), out.data, (int)out.len);
        stls_conn_consume(e->conn, out.len);
    }
    if (len > 0) {
        CHECK_RESULT("feeding", stls_conn_feed(e->conn, buffer, (size_t)len), STLS_OK, NULL);
    }
}

static bool shake_hands(const ends *e) {
    stls_result ours = STLS_WANT_READ;
    int theirs = 0;
    for (int i = 0; i < 10 && (ours != STLS_OK || theirs != 1); i++) {
        theirs = SSL_do_handshake(e->raw);
        move_bytes(e);
        ours = stls_conn_handshake(e->conn);
        move_bytes(e);
    }
    return CHECK_RESULT("the handshake", ours, STLS_OK, stls_conn_error(e->conn)) &&
           CHECK(theirs == 1, "OpenSSL's handshake does not end");
}

static void check_keys(const ends *e, bool extended) {
    enum { LEN = 32 };
    static const char label[] = "EXPORTER-Channel-Binding";
    uint8_t key[LEN], binding[STLS_BINDING_MAX], end_point[STLS_BINDING_MAX], expected[LEN];
    size_t len = 0;
    stls_error error = {0};
    stls_result result = extended ? STLS_OK : STLS_E_UNSUPPORTED;
    CHECK_RESULT("the key", stls_conn_export(e->conn, label, "", 0, key, LEN, &error), result,
                 &error);
    CHECK_RESULT(
        "tls-exporter",
        stls_conn_channel_binding(e->conn, STLS_BINDING_TLS_EXPORTER, binding, &len, &error),
        result, &error);
    CHECK_RESULT("tls-server-end-point",
                 stls_conn_channel_binding(e->conn, STLS_BINDING_TLS_SERVER_END_POINT, end_point,
                                           &len, &error),
                 STLS_OK, &error);
    if (extended) {
        CHECK(SSL_export_keying_material(e->raw, expected, LEN, label, sizeof label - 1,
                                         (const unsigned char *)"", 0, 1) == 1,
              "OpenSSL exports nothing");
        CHECK_BYTES("the key", ((stls_bytes){key, LEN}), ((stls_bytes){expected, LEN}));
        CHECK_BYTES("the binding", ((stls_bytes){binding, LEN}), ((stls_bytes){expected, LEN}));
    }
}

static void run(const stls_backend *backend, stls_role role, bool extended) {
    SSL_CTX *theirs = raw_context(role, extended);
    stls_context *ours = our_context(backend, role);
    SSL_SESSION *session = NULL;
    stls_error error = {0};
    bool client = role == STLS_ROLE_CLIENT;
    for (int again = 0; theirs && ours && again < 2; again++) { /* the second may be resumed */
        ends e = {.raw = SSL_new(theirs)};
        check_case("%s as %s, %s, %s", stls_backend_name(backend), client ? "client" : "server",
                   extended ? "extended" : "not extended", again ? "again" : "full");
        if (CHECK(e.raw, "no SSL") &&
            CHECK_RESULT("the connection",
                         stls_conn_new(ours, client ? "example.test" : NULL, &e.conn, &error),
                         STLS_OK, &error) &&
            CHECK_RESULT("its transport", stls_conn_use_memory(e.conn, &error), STLS_OK, &error)) {
            SSL_set_bio(e.raw, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
            if (client) {
                SSL_set_accept_state(e.raw);
            } else {
                SSL_set_connect_state(e.raw);
                SSL_set_session(e.raw, session);
            }
            if (shake_hands(&e)) {
                check_keys(&e, extended);
            }
            SSL_SESSION_free(session);
            session = client ? NULL : SSL_get1_session(e.raw);
        }
        stls_conn_free(e.conn);
        SSL_shutdown(e.raw); /* or OpenSSL forgets the session */
        SSL_free(e.raw);
    }
    SSL_SESSION_free(session);
    stls_context_free(ours);
    SSL_CTX_free(theirs);
}

static void test_exporters(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        if (stls_backend_can(backend, STLS_CAN_EXPORT_KEYS) &&
            stls_backend_supports(backend, STLS_REGISTRY_VERSION, STLS_TLS1_2)) {
            for (int extended = 0; extended < 2; extended++) {
                run(backend, STLS_ROLE_CLIENT, extended != 0);
                run(backend, STLS_ROLE_SERVER, extended != 0);
            }
        }
    }
}

#else

static void test_exporters(void) {
    test_skip("a peer without extended master secret",
              "the peer is OpenSSL's, which this build has not");
}

#endif

static const test_case cases[] = {{"exporters", test_exporters}, {NULL, NULL}};
static const test_suite suites[] = {{"exporters", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
