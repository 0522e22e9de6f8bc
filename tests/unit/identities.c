/* tests/unit/identities.c - a ClientHello with two tickets: who is resumed is who the ticket that
 * was chosen belongs to.
 *
 * The client is OpenSSL's own, which can offer a session and another one's ticket as an external
 * PSK behind it (RFC 8446 section 4.2.11); the second can only fail, as the binder of an external
 * PSK is another one. The server is siptls, on each backend.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/end.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include "tests/support/check.h"

#include <stdio.h>
#include <string.h>

#ifdef STLS_TEST_OPENSSL
#include <openssl/ssl.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { PERSONS = 2 };
static const char *const persons[PERSONS] = {"phone", "peer-both"};

/* What a client does. */
typedef struct offer {
    const char *credential;
    SSL_SESSION *first, *second;
    bool other_key_share; /* the server has to ask for another one: two ClientHellos */
} offer;

typedef struct outcome {
    bool done, resumed;
    bool is[PERSONS];  /* the server says who its client is */
    SSL_SESSION *came; /* a session, the caller's to free */
} outcome;

static int use_second(SSL *ssl, const EVP_MD *md, const unsigned char **id, size_t *len,
                      SSL_SESSION **session) {
    const offer *what = SSL_get_app_data(ssl);
    (void)md;
    *session = what->second ? SSL_SESSION_dup(what->second) : NULL;
    if (what->second) {
        SSL_SESSION_get0_ticket(what->second, id, len);
    }
    return 1;
}

static SSL_SESSION **place_of_session;

static int take_session(SSL *ssl, SSL_SESSION *session) {
    (void)ssl;
    SSL_SESSION_free(*place_of_session);
    *place_of_session = session;
    return 1;
}

static SSL_CTX *client_context(const offer *what) {
    char file[64], groups[] = "X25519:P-256", other[] = "P-256:X25519"; /* OpenSSL wants char * */
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool ready = ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                 SSL_CTX_set1_groups_list(ctx, what->other_key_share ? other : groups) == 1;
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, take_session);
    SSL_CTX_set_psk_use_session_callback(ctx, use_second);
    if (what->credential) {
        snprintf(file, sizeof file, "%s.chain.pem", what->credential);
        ready = ready && SSL_CTX_use_certificate_chain_file(ctx, pki_path(file)) == 1;
        snprintf(file, sizeof file, "%s.key", what->credential);
        ready = ready && SSL_CTX_use_PrivateKey_file(ctx, pki_path(file), SSL_FILETYPE_PEM) == 1;
    }
    CHECK(ready, "OpenSSL's client cannot be set up");
    return ctx;
}

static void move_bytes(SSL *client, stls_conn *server) {
    char buffer[16384];
    int len = BIO_read(SSL_get_wbio(client), buffer, sizeof buffer);
    if (len > 0) {
        stls_conn_feed(server, buffer, (size_t)len);
    }
    stls_conn_handshake(server);
    stls_bytes out = stls_conn_peek(server);
    if (out.len > 0) {
        BIO_write(SSL_get_rbio(client), out.data, (int)out.len);
        stls_conn_consume(server, out.len);
    }
}

static bool is_person(const stls_conn *server, const char *person) {
    char file[64];
    snprintf(file, sizeof file, "%s.der", person);
    stls_bytes leaf = stls_conn_peer_certificate(server, 0), wanted = pki_bytes(file);
    return leaf.len == wanted.len && memcmp(leaf.data, wanted.data, leaf.len) == 0;
}

static outcome run(stls_context *context, const offer *what) {
    outcome is = {.done = false};
    stls_conn *server = NULL;
    stls_conn_info info;
    SSL_CTX *ctx = client_context(what);
    SSL *client = SSL_new(ctx);
    place_of_session = &is.came;
    SSL_set_bio(client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_app_data(client, (void *)(uintptr_t)what);
    SSL_set_connect_state(client);
    SSL_set1_host(client, NULL);
    SSL_set_tlsext_host_name(client, (char[]){"example.test"});
    if (what->first) {
        SSL_SESSION *once = SSL_SESSION_dup(what->first); /* OpenSSL would not offer it again */
        SSL_set_session(client, once);
        SSL_SESSION_free(once);
    }
    stls_error error = {0};
    if (CHECK_RESULT("a connection", stls_conn_new(context, NULL, &server, &error), STLS_OK,
                     &error)) {
        stls_conn_use_memory(server, NULL);
        for (int i = 0; i < 8; i++) {
            char byte;
            SSL_read(client, &byte, 1);
            move_bytes(client, server);
        }
        is.done = stls_conn_handshake(server) == STLS_OK;
        stls_conn_get_info(server, &info);
        is.resumed = info.resumed;
        for (size_t i = 0; i < PERSONS; i++) {
            is.is[i] = is_person(server, persons[i]);
        }
    }
    stls_conn_free(server);
    SSL_set_shutdown(client,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* or its session is lost */
    SSL_free(client);
    SSL_CTX_free(ctx);
    return is;
}

static stls_context *server_context(const stls_backend *backend, stls_ticket_ring *ring) {
    end e = {.backend = backend,
             .credential = "server",
             .trust = "root",
             .verify = STLS_VERIFY_OPTIONAL,
             .version = STLS_TLS1_3,
             .groups = "x25519"};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {0};
    CHECK_RESULT("the profile", end_try_profile(STLS_ROLE_SERVER, &e, &profile, &error), STLS_OK,
                 &error);
    if (profile) {
        stls_profile_set_tickets(profile, ring, 1, &error);
        CHECK_RESULT("the context", stls_context_new(profile, &context, &error), STLS_OK, &error);
    }
    stls_profile_free(profile);
    return context;
}

/* Offers the sessions of two persons, in both orders, in one ClientHello and in two. */
static void offer_both(stls_context *context, SSL_SESSION *const sessions[PERSONS]) {
    for (size_t i = 0; i < 2 * PERSONS; i++) {
        size_t who = i % PERSONS;
        bool again = i >= PERSONS;
        const offer what = {
            .first = sessions[who], .second = sessions[1 - who], .other_key_share = again};
        outcome is = run(context, &what);
        const char *how = again ? "in two ClientHellos" : "in one ClientHello";
        CHECK(is.done && is.resumed, "%s first, %s: %s", persons[who], how,
              is.done ? "a full handshake" : "no handshake");
        CHECK(is.is[who], "%s first, %s: it is somebody else who is resumed", persons[who], how);
        SSL_SESSION_free(is.came);
    }
}

/* A ticket that nobody can open, and behind it one that is good, but was not made for this: nobody
 * becomes its owner. */
static void offer_behind_foreign(stls_context *context, SSL_SESSION *foreign, SSL_SESSION *good) {
    const offer what = {.credential = persons[0], .first = foreign, .second = good};
    outcome is = run(context, &what);
    CHECK(!is.resumed && !is.is[1], "a PSK without its binder was resumed");
    CHECK(!is.done || is.is[0], "a full handshake with somebody else");
    SSL_SESSION_free(is.came);
}

static void test_backend_identities(const stls_backend *backend) {
    SSL_SESSION *sessions[PERSONS] = {NULL}, *foreign = NULL;
    stls_context *context = server_context(backend, NULL);
    stls_context *elsewhere = server_context(backend, NULL); /* with a ring of its own */
    bool ready = context && elsewhere;
    for (size_t i = 0; ready && i < PERSONS; i++) {
        outcome is = run(context, &(offer){.credential = persons[i]});
        ready =
            CHECK(is.done && !is.resumed && is.is[i] && is.came, "no session of %s", persons[i]);
        sessions[i] = is.came;
    }
    if (ready) {
        outcome is = run(elsewhere, &(offer){.credential = persons[0]});
        foreign = is.came;
        CHECK(foreign, "no foreign session");
        offer_both(context, (SSL_SESSION *const *)sessions);
        offer_behind_foreign(context, foreign, sessions[1]);
    }
    SSL_SESSION_free(foreign);
    SSL_SESSION_free(sessions[0]);
    SSL_SESSION_free(sessions[1]);
    stls_context_free(context);
    stls_context_free(elsewhere);
}

static void test_identities(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        check_case("two tickets, %s", stls_backend_name(backend));
        if (stls_backend_can(backend, STLS_CAN_ISSUE_TICKETS | STLS_CAN_TICKET_PEER)) {
            test_backend_identities(backend);
        }
    }
}

#else

static void test_identities(void) {
    test_skip("two tickets in a ClientHello", "the client is OpenSSL's, which this build has not");
}

#endif

static const test_case cases[] = {{"identities", test_identities}, {NULL, NULL}};
static const test_suite suites[] = {{"identities", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
