/* tests/conformance/identity.c - whom a certificate names: the table of certificates and modes (RFC
 * 5922, RFC 9525), in a handshake and through stls_verify().
 *
 * Promise P1 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>

/* The columns of the table. */
static const struct {
    const char *name;
    stls_identity_mode mode;
    uint32_t flags;
} modes[] = {
    {"SIP", STLS_IDENTITY_SIP, 0},
    {"HTTPS", STLS_IDENTITY_HTTPS, 0},
    {"HTTPS with CN", STLS_IDENTITY_HTTPS, STLS_IDENTITY_COMMON_NAME},
    {"LIST", STLS_IDENTITY_LIST, 0},
    {"LIST with CN and wildcards", STLS_IDENTITY_LIST,
     STLS_IDENTITY_COMMON_NAME | STLS_IDENTITY_WILDCARD},
    {"NONE", STLS_IDENTITY_NONE, 0},
};

/* What matched, one letter for each mode: U a SIP URI, D a DNS name, I an IP address, C the common
 * name, - nothing, although accepted; x: rejected for its name. */
static const struct {
    const char *certificate, *peer;
    const char *matches;
} rows[] = {
    {"server", "example.test", "UDDUU-"},
    {"server", "EXAMPLE.Test", "UDDUU-"},
    {"server", "example.test.", "UDDUU-"},
    {"server", "sip.example.test", "xxxxx-"},
    {"server", "test", "xxxxx-"},
    {"server", "example.testing", "xxxxx-"},
    {"server", "127.0.0.1", "xxxxx-"},
    {"wrong-domain", "example.test", "xxxxx-"},
    {"uri-only", "example.test", "UxxUU-"},
    {"uri-only", "proxy1.example.net", "xxCxC-"},
    {"dns-only", "example.test", "DDDDD-"},
    {"cn-only", "example.test", "CxCxC-"},
    {"cn-and-other-san", "example.test", "xxxxx-"},
    {"wildcard", "example.test", "xxxxx-"},
    {"wildcard", "sip.example.test", "xDDxD-"},
    {"wildcard", "a.sip.example.test", "xxxxx-"},
    {"ip", "example.test", "xxxxx-"},
    {"ip", "127.0.0.1", "IIIII-"},
    {"ip", "::1", "IIIII-"},
    {"ip", "[::1]", "IIIII-"},
    {"ip", "127.0.0.2", "xxxxx-"},
    {"uri-and-dns-differ", "example.test", "xDDDD-"},
    {"uri-and-dns-differ", "other.test", "UxxUU-"},
    {"sips-uri", "example.test", "xxxxx-"},
    {"uri-user", "example.test", "xxxxx-"},
    {"uri-port", "example.test", "UxxUU-"},
    {"uri-upper", "example.test", "UxxUU-"},
    {"nul-in-dns", "example.test", "xxxxx-"},
    {"san-300", "example.test", "DDDDD-"},
    {"san-300", "n17.other.test", "DDDDD-"},
    {"san-300", "n300.other.test", "xxxxx-"},
    {"san-empty-name", "example.test", "xxxxx-"},
    {"trailing-dot", "example.test", "xxxxx-"},
    {"long-name", "example.test", "DDDDD-"},
};

static stls_name_kind kind_of(char letter) {
    static const char letters[] = "-UDIC";
    static const stls_name_kind kinds[] = {STLS_NAME_NONE, STLS_NAME_SIP_URI, STLS_NAME_DNS,
                                           STLS_NAME_IP, STLS_NAME_CN};
    const char *found = strchr(letters, letter);
    return found ? kinds[found - letters] : STLS_NAME_NONE;
}

static void check_verdict(const stls_verdict *v, char match) {
    bool accepted = match != 'x';
    CHECK_NUMBER("the state", v->state, accepted ? STLS_VERDICT_ACCEPTED : STLS_VERDICT_REJECTED);
    CHECK_TEXT("the flags", flags_text(v->flags),
               flags_text(accepted ? 0 : STLS_FLAG_NAME_MISMATCH));
    CHECK_TEXT("what matched", stls_name_kind_text(v->name_kind),
               stls_name_kind_text(kind_of(match)));
    CHECK(!*v->name == (v->name_kind == STLS_NAME_NONE), "the name that matched is \"%s\"",
          v->name);
    CHECK(stls_verdict_is_secure(v) == (accepted && match != '-'), "secure: %s", v->text);
}

static end client_for(size_t row, size_t mode) {
    bool list = modes[mode].mode == STLS_IDENTITY_LIST;
    return (end){.trust = "root",
                 .peer = rows[row].peer,
                 .identity = modes[mode].mode,
                 .identity_flags = modes[mode].flags,
                 .names = list ? rows[row].peer : NULL};
}

static void run_live(size_t row, size_t mode) {
    end client = client_for(row, mode), server = {.credential = rows[row].certificate};
    char match = rows[row].matches[mode];
    pair p;
    check_case("%s for %s, mode %s", rows[row].certificate, rows[row].peer, modes[mode].name);
    if (pair_open(&p, &client, &server, NULL)) {
        const unreadable *u = find_unreadable(rows[row].certificate);
        pair_handshake(&p);
        if (u) {
            check_unreadable(&p, u, STLS_TLS1_3);
            pair_close(&p);
            return;
        }
        CHECK_RESULT("the client", p.handshake[CLIENT], match == 'x' ? STLS_E_VERIFY : STLS_OK,
                     pair_error(&p, CLIENT));
        check_verdict(pair_verdict(&p, CLIENT), match);
        CHECK(stls_conn_is_secure(p.conn[CLIENT]) == (match != 'x' && match != '-'),
              "the connection's lock is wrong");
        if (match == 'x') {
            CHECK_RESULT("the server", pair_outcome(&p, SERVER), STLS_E_ALERT,
                         pair_error(&p, SERVER));
            check_alert(&p, CLIENT, 42);
        }
    }
    pair_close(&p);
}

static void run_verify(size_t row, size_t mode) {
    end client = client_for(row, mode);
    char file[64] = "", match = rows[row].matches[mode];
    stls_context *context;
    stls_verdict v = {.state = STLS_VERDICT_NOT_DONE};
    stls_error error = {0};
    check_case("%s for %s, mode %s, stls_verify", rows[row].certificate, rows[row].peer,
               modes[mode].name);
    snprintf(file, sizeof file, "%s.der", rows[row].certificate);
    const stls_bytes chain[] = {pki_bytes(file), pki_bytes("int.der")};
    context = end_context(STLS_ROLE_CLIENT, &client);
    if (context) {
        CHECK_RESULT("the answer", stls_verify(context, chain, 2, rows[row].peer, &v, &error),
                     match == 'x' ? STLS_E_VERIFY : STLS_OK, &error);
        check_verdict(&v, match);
    }
    stls_context_free(context);
}

static void run_table(void (*run)(size_t row, size_t mode)) {
    for (size_t row = 0; row < COUNT(rows); row++) {
        for (size_t mode = 0; mode < COUNT(modes); mode++) {
            run(row, mode);
        }
    }
}

static void test_live(void) {
    run_table(run_live);
}

static void test_verify(void) {
    run_table(run_verify);
}

/* The peer of stls_conn_new() may be a whole URI. */
static void test_peer_forms(void) {
    static const struct {
        const char *peer;
        stls_result result; /* of stls_conn_new() */
        const char *server_name;
    } table[] = {
        {"sip:example.test", STLS_OK, "example.test"},
        {"sips:example.test", STLS_OK, "example.test"},
        {"SIPS:alice@Example.Test:5061;transport=tls", STLS_OK, "example.test"},
        {"sip:alice:secret@example.test;lr?a=b", STLS_OK, "example.test"},
        {"example.test.", STLS_OK, "example.test"},
        {"", STLS_E_FORMAT, NULL},
        {".", STLS_E_FORMAT, NULL},
        {"example..test", STLS_E_FORMAT, NULL},
        {"exa mple.test", STLS_E_FORMAT, NULL},
        {"ex\xc3\xa4mple.test", STLS_E_FORMAT, NULL},
        {"[::1", STLS_E_FORMAT, NULL},
        {"[example.test]", STLS_E_FORMAT, NULL},
        {"sip:", STLS_E_FORMAT, NULL},
        {"sip:alice@", STLS_E_FORMAT, NULL},
        {"a123456789b123456789c123456789d123456789e123456789f123456789g123.test", STLS_E_FORMAT,
         NULL},
        {NULL, STLS_E_ARGUMENT, NULL},
    };
    end client = {.trust = "root"}, server = {.credential = "server"};
    stls_context *client_context = end_context(STLS_ROLE_CLIENT, &client);
    stls_context *server_context = end_context(STLS_ROLE_SERVER, &server);
    for (size_t i = 0; client_context && server_context && i < COUNT(table); i++) {
        pair p;
        check_case("peer \"%s\"", table[i].peer ? table[i].peer : "(null)");
        if (table[i].result != STLS_OK) {
            stls_conn *conn = NULL;
            stls_error error = {0};
            CHECK_RESULT("stls_conn_new",
                         stls_conn_new(client_context, table[i].peer, &conn, &error),
                         table[i].result, &error);
            CHECK(conn == NULL, "a connection all the same");
            CHECK(*error.text, "no sentence");
            continue;
        }
        client.peer = table[i].peer;
        if (pair_open_on(&p, client_context, &client, server_context, NULL) && pair_connect(&p)) {
            stls_conn_info info;
            stls_conn_get_info(p.conn[SERVER], &info);
            CHECK_TEXT("the server name", info.server_name, table[i].server_name);
            CHECK(stls_conn_is_secure(p.conn[CLIENT]), "not secure");
        }
        pair_close(&p);
    }
    stls_context_free(client_context);
    stls_context_free(server_context);
}

/* A list of several names: any of them will do, and the connection's peer is not looked at. */
static void test_list(void) {
    static const struct {
        const char *certificate, *names, *peer;
        bool accepted;
    } table[] = {
        {"server", "other.test example.test third.test", "nobody.test", true},
        {"server", "other.test third.test", "example.test", false},
        {"wrong-domain", "example.test other.test", NULL, true},
        {"ip", "192.0.2.1 127.0.0.1", "192.0.2.7", true},
        {"ip", "192.0.2.1 ::2", NULL, false},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        end client = {.trust = "root",
                      .peer = table[i].peer,
                      .identity = STLS_IDENTITY_LIST,
                      .names = table[i].names};
        end server = {.credential = table[i].certificate};
        pair p;
        check_case("%s, list \"%s\"", table[i].certificate, table[i].names);
        if (pair_open(&p, &client, &server, NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the client", p.handshake[CLIENT],
                         table[i].accepted ? STLS_OK : STLS_E_VERIFY, pair_error(&p, CLIENT));
            CHECK(stls_conn_is_secure(p.conn[CLIENT]) == table[i].accepted, "the lock is wrong");
        }
        pair_close(&p);
    }
}

const test_case identity_tests[] = {
    {"certificates and modes, in a handshake", test_live},
    {"certificates and modes, stls_verify", test_verify},
    {"forms of the peer's name", test_peer_forms},
    {"lists of names", test_list},
    {NULL, NULL},
};
