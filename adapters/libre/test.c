/* The seam, call by call: objects of ours and of libre's own DTLS with every function; then two
 * ends of connections in one event loop, used as libre 1.1 and as libre 2.0 use them.
 *
 * SPDX-License-Identifier: MIT */
#include <re.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What this adapter has for every libre, and not every libre declares. */
int tls_add_cafile_path(struct tls *tls, const char *cafile, const char *capath);
int tls_add_capem(struct tls *tls, const char *capem);
int tls_set_selfsigned_ec(struct tls *tls, const char *cn, const char *curve_n);
void tls_disable_verify_server(struct tls *tls);
int tls_set_servername(struct tls_conn *tc, const char *servername);

static const char *pki;
static int failures;

static void expect(const char *what, int got, int wanted) {
    if (got != wanted) {
        (void)re_printf("FAIL  %s: answered %d, expected %d\n", what, got, wanted);
        failures++;
    } else {
        (void)re_printf("ok    %s\n", what);
    }
}
#define EXPECT(wanted, call) expect(#call, call, wanted)

/* Of a TLS context, what belongs to DTLS is refused, and so is what siptls does not make. */
static void ours(void) {
    struct tls *tls = NULL;
    struct tls_conn *tc = NULL;
    struct mbuf *mb = mbuf_alloc(1024);
    char path[1024];
    uint8_t md[32];
    EXPECT(0, tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL));
    EXPECT(ENOSYS, tls_set_srtp(tls, "SRTP_AES128_CM_SHA1_80"));
    EXPECT(ENOSYS, dtls_connect(&tc, tls, NULL, NULL, NULL, NULL, NULL, NULL));
    EXPECT(ENOSYS, dtls_accept(&tc, tls, NULL, NULL, NULL, NULL, NULL));
    EXPECT(ENOSYS, tls_set_selfsigned(tls, "phone"));
    EXPECT(ENOSYS, tls_set_selfsigned_rsa(tls, "phone", 2048));
    EXPECT(ENOSYS, tls_set_selfsigned_ec(tls, "phone", "prime256v1"));
    EXPECT(ENOSYS, tls_set_ciphers(tls, NULL, 0));
    EXPECT(EINVAL, tls_fingerprint(tls, TLS_FINGERPRINT_SHA256, md, sizeof md));
    EXPECT(EINVAL, tls_get_issuer(tls, mb));
    EXPECT(EINVAL, tls_set_verify_purpose(tls, "any"));
    EXPECT(EINVAL, tls_start_tcp(&tc, tls, NULL, 0));
    EXPECT(EINVAL, tls_set_certificate(tls, "no certificate", 14));
    EXPECT(EINVAL, tls_add_capem(tls, "no certificate"));
    EXPECT(EINVAL, tls_add_ca(tls, "/nowhere"));
    EXPECT(ENOSYS, tls_add_cafile_path(tls, NULL, "/etc/ssl/certs"));
    tls_disable_verify_server(tls);
    tls_set_verify_client(tls);

    (void)re_snprintf(path, sizeof path, "%s/root.pem", pki);
    EXPECT(0, tls_add_ca(tls, path));
    EXPECT(0, tls_add_cafile_path(tls, path, NULL));
    mem_deref(tls);

    (void)re_snprintf(path, sizeof path, "%s/server.chain.pem", pki);
    tls = NULL;
    EXPECT(EINVAL, tls_alloc(&tls, TLS_METHOD_SSLV23, path, NULL)); /* it holds no key */
    expect("nothing was made", tls != NULL, false);
    mem_deref(mb);
}

/* A DTLS context is libre's own, through and through. */
static void stock(void) {
    static const enum tls_method methods[] = {TLS_METHOD_DTLSV1, TLS_METHOD_DTLS};
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        struct tls *tls = NULL;
        struct tls_conn *tc = NULL;
        uint8_t md[32];
        EXPECT(0, tls_alloc(&tls, methods[i], NULL, NULL));
        EXPECT(0, tls_set_selfsigned_rsa(tls, "phone", 2048));
        EXPECT(0, tls_set_srtp(tls, "SRTP_AES128_CM_SHA1_80"));
        EXPECT(0, tls_fingerprint(tls, TLS_FINGERPRINT_SHA256, md, sizeof md));
        EXPECT(EINVAL, dtls_connect(&tc, tls, NULL, NULL, NULL, NULL, NULL, NULL));
        EXPECT(EINVAL, tls_start_tcp(&tc, tls, NULL, 0));
        tls_set_verify_client(tls);
        mem_deref(tls);
    }
}

static void nothing(void) {
    struct tls_conn *tc = NULL;
    uint8_t md[32];
    char cn[8];
    EXPECT(EINVAL, tls_alloc(NULL, TLS_METHOD_SSLV23, NULL, NULL));
    EXPECT(EINVAL, tls_add_ca(NULL, "/nowhere"));
    EXPECT(EINVAL, tls_start_tcp(&tc, NULL, NULL, 0));
    EXPECT(EINVAL, tls_set_verify_server(NULL, "example.test"));
    EXPECT(EINVAL, tls_peer_fingerprint(NULL, TLS_FINGERPRINT_SHA256, md, sizeof md));
    EXPECT(EINVAL, tls_peer_common_name(NULL, cn, sizeof cn));
    expect("tls_cipher_name(NULL)", tls_cipher_name(NULL) != NULL, false);
}

/* A setting that is wrong makes no context. */
static void settings(void) {
    static const char *const wrong[][2] = {
        {"SIPTLS_RE_BACKEND", "rustls"},
        {"SIPTLS_RE_VERIFY", "perhaps"},
        {"SIPTLS_RE_CA", "/nowhere"},
        {"SIPTLS_RE_PROFILES", "/nowhere"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct tls *tls = NULL;
        (void)setenv(wrong[i][0], wrong[i][1], 1);
        expect(wrong[i][0], tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL) != 0, true);
        mem_deref(tls);
        (void)unsetenv(wrong[i][0]);
    }
}

/* --- Two ends in one event loop */

enum { DATA_LEN = 60000 };

struct end {
    struct tcp_conn *tcp;
    struct tls_conn *tls;
    uint8_t data[DATA_LEN];
    size_t len;
    bool established, closed;
};

static struct loop {
    struct tcp_sock *listener;
    struct tls *client_tls, *server_tls; /* NULL: plain TCP */
    struct end client, server;
    struct tmr watchdog;
    size_t awaited; /* bytes that the server shall get */
} loop;

static void stop_if_done(void) {
    if (loop.client.closed || loop.server.closed ||
        (loop.server.established && loop.server.len >= loop.awaited)) {
        re_cancel();
    }
}

static int send_bytes(struct end *end, const void *data, size_t len) {
    struct mbuf *mb = mbuf_alloc(len);
    (void)mbuf_write_mem(mb, data, len);
    mbuf_set_pos(mb, 0);
    int err = tcp_send(end->tcp, mb);
    mem_deref(mb);
    return err;
}

static void established(void *arg) {
    struct end *end = arg;
    end->established = true;
    if (end == &loop.client && loop.client_tls == NULL) { /* a client that speaks HTTP */
        (void)send_bytes(end, "GET / HTTP/1.1\r\n\r\n", 18);
    }
    stop_if_done();
}

static void received(struct mbuf *mb, void *arg) {
    struct end *end = arg;
    size_t len = mbuf_get_left(mb);
    if (len > DATA_LEN - end->len) {
        len = DATA_LEN - end->len;
    }
    (void)mbuf_read_mem(mb, end->data + end->len, len);
    end->len += len;
    stop_if_done();
}

static void closed(int err, void *arg) {
    struct end *end = arg;
    (void)err;
    end->closed = true;
    stop_if_done();
}

static void connecting(const struct sa *peer, void *arg) {
    (void)peer;
    (void)arg;
    int err =
        tcp_accept(&loop.server.tcp, loop.listener, established, received, closed, &loop.server);
    if (!err && loop.server_tls != NULL) {
        err = tls_start_tcp(&loop.server.tls, loop.server_tls, loop.server.tcp, 0);
    }
    expect("accepting", err, 0);
}

static void too_long(void *arg) {
    (void)arg;
    expect("the event loop comes to an end", 0, 1);
    re_cancel();
}

static void run(void) {
    tmr_start(&loop.watchdog, 30000, too_long, NULL);
    (void)re_main(NULL);
    tmr_cancel(&loop.watchdog);
}

static struct tls *context(const char *certificate) {
    struct tls *tls = NULL;
    char path[1024];
    expect("a context", tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL), 0);
    (void)re_snprintf(path, sizeof path, "%s/root.pem", pki);
    expect("its CA", tls_add_ca(tls, path), 0);
    if (certificate != NULL) {
        char *cert = mem_zalloc(65536, NULL);
        size_t len[2] = {0, 0};
        static const char *const suffix[] = {"chain.pem", "key"};
        for (size_t i = 0; i < 2; i++) {
            (void)re_snprintf(path, sizeof path, "%s/%s.%s", pki, certificate, suffix[i]);
            FILE *file = fopen(path, "r");
            len[i] = file != NULL ? fread(cert + len[0], 1, 65536 - len[0], file) : 0;
            if (file != NULL) {
                (void)fclose(file);
            }
        }
        expect("its certificate", tls_set_certificate_pem(tls, cert, len[0], cert + len[0], len[1]),
               0);
        mem_deref(cert);
    }
    return tls;
}

/* A server with `certificate` (NULL: without TLS), and a client that has begun to connect. */
static void open_loop(const char *certificate, bool client_tls) {
    struct sa address;
    memset(&loop, 0, sizeof loop);
    (void)sa_set_str(&address, "127.0.0.1", 0);
    loop.server_tls = certificate != NULL ? context(certificate) : NULL;
    expect("listening", tcp_listen(&loop.listener, &address, connecting, NULL), 0);
    expect("its address", tcp_local_get(loop.listener, &address), 0);
    expect("connecting",
           tcp_connect(&loop.client.tcp, &address, established, received, closed, &loop.client), 0);
    if (client_tls) {
        loop.client_tls = context(NULL);
        expect("TLS", tls_start_tcp(&loop.client.tls, loop.client_tls, loop.client.tcp, 0), 0);
    }
}

static void close_loop(void) {
    mem_deref(loop.client.tls);
    mem_deref(loop.client.tcp);
    mem_deref(loop.server.tls);
    mem_deref(loop.server.tcp);
    mem_deref(loop.client_tls);
    mem_deref(loop.server_tls);
    mem_deref(loop.listener);
}

/* As libre 2.0: the name is said before the handshake. */
static void named(void) {
    static uint8_t data[DATA_LEN];
    uint8_t mine[32], seen[32];
    for (size_t i = 0; i < DATA_LEN; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    open_loop("server", true);
    EXPECT(0, tls_set_verify_server(loop.client.tls, "example.test"));
    EXPECT(EAUTH, tls_peer_verify(loop.client.tls));
    EXPECT(ENOTCONN, send_bytes(&loop.client, "too early", 9));
    run();
    expect("both are established", loop.client.established && loop.server.established, true);
    EXPECT(0, tls_peer_verify(loop.client.tls));
    EXPECT(EALREADY, tls_set_verify_server(loop.client.tls, "other.example"));
    EXPECT(0, tls_fingerprint(loop.server_tls, TLS_FINGERPRINT_SHA256, mine, sizeof mine));
    EXPECT(0, tls_peer_fingerprint(loop.client.tls, TLS_FINGERPRINT_SHA256, seen, sizeof seen));
    EXPECT(0, memcmp(mine, seen, sizeof mine));
    EXPECT(true, tls_cipher_name(loop.client.tls) != NULL);
    EXPECT(ENOSYS, tls_srtp_keyinfo(loop.client.tls, NULL, NULL, 0, NULL, 0));
    loop.awaited = DATA_LEN;
    EXPECT(0, send_bytes(&loop.client, data, DATA_LEN));
    run();
    expect("all has come", loop.server.len == DATA_LEN, true);
    EXPECT(0, memcmp(data, loop.server.data, DATA_LEN));
    close_loop();

    open_loop("server", true);
    EXPECT(0, tls_set_verify_server(loop.client.tls, "other.example"));
    run();
    expect("another name: not established", loop.client.established || loop.server.established,
           false);
    close_loop();
}

/* As libre 1.1: the name comes with the first request. */
static void unnamed(void) {
    static const char request[] = "OPTIONS sip:%s SIP/2.0\r\n"
                                  "Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKre\r\n"
                                  "%s"
                                  "From: <sip:alice@example.test>;tag=1\r\n"
                                  "To: <sip:bob@example.test>%s\r\n"
                                  "Call-ID: re-1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    static const struct {
        const char *name, *host, *route, *tag;
        int err;
    } cases[] = {
        {"first, a response", NULL, NULL, NULL, EPROTO},
        {"first, within a dialog, to another", "other.example", "", ";tag=2", EPROTO},
        {"a request", "example.test", "", "", 0},
        {"another user, a port", "bob@EXAMPLE.TEST:5061;transport=tls", "", "", 0},
        {"to another", "other.example", "", "", EPROTO},
        {"by way of us", "other.example", "Route: <sip:example.test;lr>, <sip:x.example>\r\n", "",
         0},
        {"by way of another", "example.test", "Route: <sip:other.example;lr>\r\n", "", EPROTO},
        {"a Route that cannot be read", "example.test", "Route: nonsense<\r\n", "", EPROTO},
        {"within a dialog, to another", "other.example", "", ";tag=2", 0},
        {"a response", NULL, NULL, NULL, 0},
    };
    char text[1024];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (i <= 2) { /* a refusal at first ends the connection */
            open_loop("server", true);
            run();
        }
        int len = cases[i].host != NULL ? re_snprintf(text, sizeof text, request, cases[i].host,
                                                      cases[i].route, cases[i].tag)
                                        : re_snprintf(text, sizeof text, "SIP/2.0 200 OK\r\n\r\n");
        loop.awaited = loop.server.len + (size_t)len;
        expect(cases[i].name, send_bytes(&loop.client, text, (size_t)len), cases[i].err);
        size_t before = loop.server.len;
        if (cases[i].err == 0 || i < 2) {
            run();
        }
        expect("what may go comes, and nothing else", loop.server.len > before, cases[i].err == 0);
        if (i < 2) {
            expect("the connection is closed", loop.client.closed || loop.server.closed, true);
            close_loop();
        }
    }
    close_loop();
}

/* As libre's HTTP client: the rules of RFC 9525. */
static void https(void) {
    static const struct {
        const char *host;
        bool good;
    } cases[] = {{"www.example.test", true}, {"www.example.org", false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        open_loop("wildcard", true);
        EXPECT(0, tls_set_verify_purpose(loop.client_tls, "sslserver"));
        EXPECT(0, tls_set_servername(loop.client.tls, cases[i].host));
        run();
        expect(cases[i].host, loop.client.established, cases[i].good);
        close_loop();
    }
}

/* Peers that are not what they should be end, and no handler is called with bytes of theirs. */
static void odd_peers(void) {
    open_loop("server", false);
    run();
    expect("HTTP to a TLS server: closed", loop.client.closed || loop.server.closed, true);
    expect("HTTP to a TLS server: nothing comes up", loop.server.len != 0, false);
    close_loop();

    char path[1024];
    (void)re_snprintf(path, sizeof path, "%s/../libre-profiles.ini", pki);
    FILE *file = fopen(path, "w");
    expect("a file of profiles",
           file != NULL && fputs("[sip]\nhandshake-timeout-ms = 200\n", file) >= 0, true);
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)setenv("SIPTLS_RE_PROFILES", path, 1);
    open_loop(NULL, true);
    loop.awaited = DATA_LEN; /* more than a hello */
    run();
    expect("a server that says nothing: closed", loop.client.closed || loop.server.closed, true);
    expect("a server that says nothing: not established", loop.client.established, false);
    close_loop();
    (void)unsetenv("SIPTLS_RE_PROFILES");
    (void)remove(path);
}

int main(void) {
    pki = getenv("SIPTLS_TEST_PKI");
    if (pki == NULL || libre_init() != 0) {
        return EXIT_FAILURE;
    }
    ours();
    stock();
    nothing();
    settings();
    named();
    unnamed();
    https();
    odd_peers();
    libre_close();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
