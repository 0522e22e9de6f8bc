/* tests/conformance/notls.c - the other side does not speak TLS.
 *
 * Promise P4 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>

#define BYTES(text)                                                                                \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const struct {
    const char *name;
    stls_bytes bytes;
    bool not_tls;     /* STLS_E_NOT_TLS; otherwise STLS_E_PROTOCOL */
    const char *says; /* in the sentence; NULL: nothing special */
} cases[] = {
    {"a SIP response", BYTES("SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), true, "SIP"},
    {"a SIP request", BYTES("OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"), true,
     "SIP"},
    {"an HTTP response", BYTES("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), true,
     "HTTP"},
    {"an HTTP request", BYTES("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n"), true, "HTTP"},
    {"an SSH banner", BYTES("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), true, "SSH"},
    {"an SMTP banner", BYTES("220 mail.example.test ESMTP\r\n"), true, "220 mail.example.test"},
    {"a keep-alive of SIP", BYTES("\r\n\r\n"), true, NULL},
    {"zeros", BYTES("\0\0\0\0\0\0\0\0"), true, NULL},
    {"an SSLv2 hello",
     BYTES("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x07\x00\xc0\x03\x00\x80"),
     true, NULL},
    {"a record of an unknown major version", BYTES("\x16\x09\x01\x00\x05\x01\x02\x03\x04\x05"),
     true, NULL},
    {"application data", BYTES("\x17\x03\x03\x00\x05\x01\x02\x03\x04\x05"), true, NULL},
    {"a record with garbage", BYTES("\x16\x03\x03\x00\x05\xff\x00\x00\x01\x05"), false, NULL},
    {"a hello of 0 bytes", BYTES("\x16\x03\x03\x00\x04\x01\x00\x00\x00"), false, NULL},
    {"a record that is too long", BYTES("\x16\x03\x03\xff\xff\x01\x00\x00\x00"), false, NULL},
};

static stls_conn *connection(stls_role role) {
    end client = {.trust = "root", .peer = "example.test"}, server = {.credential = "server"};
    stls_context *context = end_context(role, role == STLS_ROLE_CLIENT ? &client : &server);
    stls_conn *conn = NULL;
    if (context &&
        CHECK_RESULT(
            "a connection",
            stls_conn_new(context, role == STLS_ROLE_CLIENT ? client.peer : NULL, &conn, NULL),
            STLS_OK, NULL)) {
        stls_conn_use_memory(conn, NULL);
    }
    stls_context_free(context);
    return conn;
}

static void run(size_t i, stls_role role, bool byte_wise) {
    stls_conn *conn = connection(role);
    stls_result expected = cases[i].not_tls ? STLS_E_NOT_TLS : STLS_E_PROTOCOL;
    size_t step = byte_wise ? 1 : cases[i].bytes.len;
    stls_result r = STLS_WANT_READ;
    check_case("a %s is sent %s%s", role == STLS_ROLE_CLIENT ? "client" : "server", cases[i].name,
               byte_wise ? ", byte by byte" : "");
    if (!conn) {
        return;
    }
    stls_conn_handshake(conn);
    for (size_t at = 0; at < cases[i].bytes.len && r == STLS_WANT_READ; at += step) {
        CHECK_RESULT("stls_conn_feed", stls_conn_feed(conn, cases[i].bytes.data + at, step),
                     STLS_OK, NULL);
        r = stls_conn_handshake(conn);
    }
    if (r == STLS_WANT_READ) {
        stls_conn_feed_eof(conn);
        r = stls_conn_handshake(conn);
    }
    CHECK_RESULT("the handshake", r, expected, stls_conn_error(conn));
    CHECK_RESULT("the same again", stls_conn_handshake(conn), expected, NULL);
    CHECK(strlen(stls_conn_error(conn)->text) >= 20, "the sentence is \"%s\"",
          stls_conn_error(conn)->text);
    if (cases[i].says && !byte_wise) {
        CHECK_CONTAINS("the sentence", stls_conn_error(conn)->text, cases[i].says);
    }
    stls_conn_free(conn);
}

static void test_client(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        run(i, STLS_ROLE_CLIENT, false);
        run(i, STLS_ROLE_CLIENT, true);
    }
}

static void test_server(void) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        run(i, STLS_ROLE_SERVER, false);
        run(i, STLS_ROLE_SERVER, true);
    }
}

/* Garbage from the PKI, which is the same every time. */
static void test_garbage(void) {
    stls_bytes garbage = pki_bytes("garbage.bin");
    for (stls_role role = STLS_ROLE_CLIENT; role <= STLS_ROLE_SERVER; role++) {
        stls_conn *conn = connection(role);
        check_case("4 KB of garbage for a %s", role == STLS_ROLE_CLIENT ? "client" : "server");
        if (conn) {
            stls_conn_handshake(conn);
            stls_conn_feed(conn, garbage.data, garbage.len);
            CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_E_NOT_TLS,
                         stls_conn_error(conn));
        }
        stls_conn_free(conn);
    }
}

/* Nothing at all: the transport ends without a byte. */
static void test_nothing(void) {
    for (stls_role role = STLS_ROLE_CLIENT; role <= STLS_ROLE_SERVER; role++) {
        stls_conn *conn = connection(role);
        check_case("a %s hears nothing", role == STLS_ROLE_CLIENT ? "client" : "server");
        if (conn) {
            CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_WANT_READ,
                         stls_conn_error(conn));
            stls_conn_feed_eof(conn);
            CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_EOF,
                         stls_conn_error(conn));
            CHECK(*stls_conn_error(conn)->text, "no sentence");
        }
        stls_conn_free(conn);
    }
}

/* Two clients, two servers: neither can go on, and neither hangs or crashes. */
static void test_same_role(void) {
    for (stls_role role = STLS_ROLE_CLIENT; role <= STLS_ROLE_SERVER; role++) {
        stls_conn *a = connection(role), *b = connection(role);
        stls_bytes out;
        check_case("two %s", role == STLS_ROLE_CLIENT ? "clients" : "servers");
        if (a && b) {
            stls_conn_handshake(a);
            out = stls_conn_peek(a);
            if (role == STLS_ROLE_SERVER) {
                CHECK_NUMBER("bytes that a server sends first", out.len, 0);
            } else {
                stls_conn_handshake(b);
                CHECK_RESULT("stls_conn_feed", stls_conn_feed(b, out.data, out.len), STLS_OK, NULL);
                CHECK_RESULT("a client that gets a ClientHello", stls_conn_handshake(b),
                             STLS_E_PROTOCOL, stls_conn_error(b));
            }
        }
        stls_conn_free(a);
        stls_conn_free(b);
    }
}

const test_case notls_tests[] = {
    {"a client hears something else", test_client},
    {"a server hears something else", test_server},
    {"garbage", test_garbage},
    {"nothing", test_nothing},
    {"two of the same role", test_same_role},
    {NULL, NULL},
};
