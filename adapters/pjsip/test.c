/* Handshakes through the seam, on the backend that PJ_TEST_BACKEND names: between two secure
 * sockets, and with `adapter_pjsip connect PORT CA NAME` to a server that runs already.
 *
 * SPDX-License-Identifier: MIT */
#define PJ_SIPTLS_BACKEND getenv("PJ_TEST_BACKEND")
#include "ssl_sock_siptls.c" /* NOLINT(bugprone-suspicious-include): no header of its own */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

char stub_log_text[2048];

static int failures;

static void expect(const char *name, const char *what, bool holds) {
    if (!holds) {
        printf("FAIL  %s: %s; the log says \"%s\"\n", name, what, stub_log_text);
        failures++;
    }
}

/* --- What PJLIB does with a secure socket, in short */

typedef struct end {
    pj_pool_t pool;
    pj_lock_t write_mutex, read_mutex;
    pj_ssl_cert_t cert;
    pj_ssl_sock_t *ssock;
    pj_status_t status; /* of ssl_create(), then of the handshake */
} end;

static pj_str_t str(const char *text) {
    return (pj_str_t){(char *)(uintptr_t)text, text != NULL ? (pj_ssize_t)strlen(text) : 0};
}

static const char *path(pj_pool_t *pool, const char *name) {
    size_t size = 1024;
    char *text = pj_pool_calloc(pool, 1, size);
    (void)snprintf(text, size, "%s/%s", getenv("SIPTLS_TEST_PKI"), name);
    return text;
}

static void open_end(end *e, bool is_server) {
    memset(e, 0, sizeof *e);
    e->ssock = ssl_alloc(&e->pool);
    e->ssock->pool = &e->pool;
    e->ssock->is_server = is_server;
    e->ssock->cert = &e->cert;
    e->ssock->write_mutex = &e->write_mutex;
    INPUT_MUTEX(e->ssock) = &e->read_mutex;
    e->ssock->sock = -1;
}

static void create(end *e, pj_sock_t sock) {
    e->ssock->sock = sock;
    e->status = ssl_create(e->ssock);
    if (e->status == PJ_SUCCESS) {
        e->status = PJ_EPENDING;
        ssl_set_peer_name(e->ssock);
        ssl_set_state(e->ssock, e->ssock->is_server);
        e->ssock->ssl_state = SSL_STATE_HANDSHAKING;
    }
}

/* What has come, into the buffer; false at the end of the stream. */
static bool receive(end *e, int timeout_ms) {
    pj_uint8_t data[8192];
    struct pollfd poll_fd = {.fd = e->ssock->sock, .events = POLLIN};
    if (poll(&poll_fd, 1, timeout_ms) <= 0) {
        return true;
    }
    ssize_t len = recv(e->ssock->sock, data, sizeof data, MSG_DONTWAIT);
    return len > 0 && circ_write(INPUT(e->ssock), data, (pj_size_t)len) == PJ_SUCCESS;
}

static void step(end *e, int timeout_ms) {
    if (e->status != PJ_EPENDING) {
        return;
    }
#ifdef PJ_SIPTLS_OLD_HANDSHAKE
    e->status = ssl_do_handshake(e->ssock);
#else
    e->status = ssl_do_handshake_and_flush(e->ssock);
#endif
    if (e->status == PJ_EPENDING && !receive(e, timeout_ms)) {
        e->status = PJ_EEOF;
    }
    if (e->status == PJ_SUCCESS) {
        ssl_update_certs_info(e->ssock);
    } else if (e->status != PJ_EPENDING) {
        ssl_reset_sock_state(e->ssock);
    }
}

static void shake(end *client, end *server) {
    for (int turns = 0;
         turns < 100 && (client->status == PJ_EPENDING || server->status == PJ_EPENDING); turns++) {
        step(client, 0);
        step(server, 0);
    }
}

static void close_end(const char *name, end *e) {
    ssl_reset_sock_state(e->ssock);
    expect(name, "every lock is given back", e->write_mutex.depth == 0 && e->read_mutex.depth == 0);
    ssl_destroy(e->ssock);
    stub_pool_release(&e->pool);
}

/* --- A client and a server */

typedef struct pair {
    end client, server;
} pair;

static void open_pair(pair *p, const char *certificate) {
    char file[128];
    open_end(&p->client, false);
    open_end(&p->server, true);
    (void)snprintf(file, sizeof file, "%s.chain.pem", certificate);
    p->server.cert.cert_file = str(path(&p->server.pool, file));
    (void)snprintf(file, sizeof file, "%s.key", certificate);
    p->server.cert.privkey_file = str(path(&p->server.pool, file));
    p->client.cert.CA_file = str(path(&p->client.pool, "root.pem"));
    p->client.ssock->param.server_name = str("example.test");
    p->client.ssock->param.verify_peer = PJ_TRUE;
}

static void run_pair(pair *p) {
    int sockets[2];
    stub_log_text[0] = '\0';
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
        abort();
    }
    create(&p->client, sockets[0]);
    create(&p->server, sockets[1]);
    shake(&p->client, &p->server);
}

static void close_pair(const char *name, pair *p) {
    close_end(name, &p->client);
    close_end(name, &p->server);
}

/* --- Verification */

static const struct verify_case {
    const char *name, *certificate, *ca, *server_name;
    int verify_status;
    const char *log;
} verify_cases[] = {
    {"good", "server", "root.pem", "example.test", 0, ""},
    {"good by address", "ip", "root.pem", "127.0.0.1", 0, ""},
    {"wrong CA", "server", "other-root.pem", "example.test", PJ_SSL_CERT_EUNTRUSTED,
     "no trusted CA issued it"},
    {"self-signed", "self-signed", "root.pem", "example.test", PJ_SSL_CERT_EUNTRUSTED,
     "self-signed"},
    {"wrong name", "server", "root.pem", "other.example", PJ_SSL_CERT_EIDENTITY_NOT_MATCH,
     "not for \"other.example\""},
    {"common name beside a SAN", "cn-and-other-san", "root.pem", "example.test",
     PJ_SSL_CERT_EIDENTITY_NOT_MATCH, "not for \"example.test\""},
    {"NUL in a name", "nul-in-dns", "root.pem", "example.test", PJ_SSL_CERT_EIDENTITY_NOT_MATCH,
     "not for \"example.test\""},
    {"expired", "expired", "root.pem", "example.test", PJ_SSL_CERT_EVALIDITY_PERIOD, "expired"},
    {"not yet valid", "not-yet", "root.pem", "example.test", PJ_SSL_CERT_EVALIDITY_PERIOD, ""},
    {"wrong usage", "eku-client", "root.pem", "example.test", PJ_SSL_CERT_EINVALID_PURPOSE, ""},
    {"issuer is no CA", "via-notca", "root.pem", "example.test", PJ_SSL_CERT_EINVALID_PURPOSE, ""},
};

/* With verify_peer the bits refuse; without, they are told. */
static void verification(void) {
    for (size_t i = 0; i < 2 * sizeof verify_cases / sizeof verify_cases[0]; i++) {
        const struct verify_case *c = &verify_cases[i / 2];
        bool verify = i % 2 == 0;
        char name[128];
        pair p;
        (void)snprintf(name, sizeof name, "%s, verify_peer %d", c->name, verify);
        open_pair(&p, c->certificate);
        p.client.cert.CA_file = str(path(&p.client.pool, c->ca));
        p.client.ssock->param.server_name = str(c->server_name);
        p.client.ssock->param.verify_peer = verify;
        run_pair(&p);
        bool good = c->verify_status == 0 || !verify;
        expect(name, "the client's handshake", (p.client.status == PJ_SUCCESS) == good);
        expect(name, "a failure that PJLIB takes for one",
               p.client.status != PJ_EUNKNOWN && p.client.status != PJ_EPENDING);
        expect(name, "verify_status", p.client.ssock->verify_status == c->verify_status);
        expect(name, "the sentence", strstr(stub_log_text, c->log) != NULL);
        expect(name, "the state",
               p.client.ssock->ssl_state == (good ? SSL_STATE_ESTABLISHED : SSL_STATE_NULL));
        close_pair(name, &p);
    }
}

static void client_certificates(void) {
    static const struct {
        const char *name, *phone;
        bool verify_peer, require, good;
    } cases[] = {
        {"certificate required and shown", "phone", true, true, true},
        {"required alone is verified too", "phone-other", false, true, false},
        {"certificate required and not shown", NULL, true, true, false},
        {"certificate wanted and not shown", NULL, true, false, true},
        {"certificate wanted and bad", "phone-other", true, false, false},
        {"certificate not asked for", "phone-other", false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p;
        char file[64];
        open_pair(&p, "server");
        p.server.cert.CA_file = str(path(&p.server.pool, "root.pem"));
        p.server.ssock->param.verify_peer = cases[i].verify_peer;
        p.server.ssock->param.require_client_cert = cases[i].require;
        if (cases[i].phone != NULL) {
            (void)snprintf(file, sizeof file, "%s.chain.pem", cases[i].phone);
            p.client.cert.cert_file = str(path(&p.client.pool, file));
            (void)snprintf(file, sizeof file, "%s.key", cases[i].phone);
            p.client.cert.privkey_file = str(path(&p.client.pool, file));
        }
        run_pair(&p);
        expect(cases[i].name, "the server's handshake",
               (p.server.status == PJ_SUCCESS) == cases[i].good);
        if (cases[i].good && cases[i].phone != NULL && cases[i].verify_peer) {
            expect(cases[i].name, "the server knows the phone",
                   strstr(p.server.ssock->remote_cert_info.subject.info.ptr, "CN=phone") != NULL);
        }
        close_pair(cases[i].name, &p);
    }
}

/* --- Settings */

static void refused_settings(void) {
    static pj_ssl_cipher ssl2[] = {PJ_SSL_CK_RC4_128_WITH_MD5};
    static const struct {
        const char *name, *log;
    } cases[] = {
        {"verify_peer without CA", "needs trusted certificates"},
        {"verify_peer without name", "must name its peer"},
        {"TLS 1.0 alone", "neither TLS 1.2 nor 1.3"},
        {"a cipher of SSL 2", "0x0000"},
        {"a folder of CAs", "one file"},
        {"a CA file that is not there", "nowhere.pem"},
        {"a key of another certificate", "key"},
        {"signature algorithms that nobody knows", "SHA"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p;
        open_pair(&p, "server");
        end *e = &p.client;
        switch (i) {
        case 0:
            e->cert.CA_file = str(NULL);
            break;
        case 1:
            e->ssock->param.server_name = str(NULL);
            break;
        case 2:
            e->ssock->param.proto = PJ_SSL_SOCK_PROTO_TLS1;
            break;
        case 3:
            e->ssock->param.ciphers = ssl2;
            e->ssock->param.ciphers_num = 1;
            break;
        case 4:
            e->cert.CA_path = str("/etc/ssl/certs");
            break;
        case 5:
            e->cert.CA_file = str("/nowhere.pem");
            break;
        case 6:
            e = &p.server;
            e->cert.privkey_file = str(path(&e->pool, "phone.key"));
            break;
        default:
            e->ssock->param.sigalgs = str("SHA");
            break;
        }
        stub_log_text[0] = '\0';
        create(e, -1);
        expect(cases[i].name, "it is refused at once",
               e->status != PJ_SUCCESS && e->status != PJ_EPENDING);
        expect(cases[i].name, "the sentence", strstr(stub_log_text, cases[i].log) != NULL);
        close_pair(cases[i].name, &p);
    }
}

static void settings(void) {
    static pj_ssl_cipher suites_12[] = {(pj_ssl_cipher)0xc02b};
    static pj_ssl_cipher suites_13[] = {(pj_ssl_cipher)0x1302};
    static pj_ssl_curve curves[] = {PJ_TLS_CURVE_SECP384R1};
    static const struct {
        const char *name;
        pj_uint32_t proto;
        pj_ssl_cipher *cipher;
        pj_ssl_curve *curve;
        pj_uint32_t got_proto;
    } cases[] = {
        {"defaults", 0, NULL, NULL, PJ_SSL_SOCK_PROTO_TLS1_3},
        {"TLS 1.2", PJ_SSL_SOCK_PROTO_TLS1_2, NULL, NULL, PJ_SSL_SOCK_PROTO_TLS1_2},
        {"all that PJLIB knows", 0xffff, NULL, NULL, PJ_SSL_SOCK_PROTO_TLS1_3},
        {"a cipher of TLS 1.2", 0, suites_12, NULL, PJ_SSL_SOCK_PROTO_TLS1_2},
        {"a cipher of TLS 1.3", 0, suites_13, NULL, PJ_SSL_SOCK_PROTO_TLS1_3},
        {"a curve", 0, NULL, curves, PJ_SSL_SOCK_PROTO_TLS1_3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pair p;
        open_pair(&p, "server");
        pj_ssl_sock_param *param = &p.client.ssock->param;
        param->proto = cases[i].proto;
        param->ciphers = cases[i].cipher;
        param->ciphers_num = cases[i].cipher != NULL;
        param->curves = cases[i].curve;
        param->curves_num = cases[i].curve != NULL;
        run_pair(&p);
        expect(cases[i].name, "both handshakes",
               p.client.status == PJ_SUCCESS && p.server.status == PJ_SUCCESS);
        expect(cases[i].name, "the protocol in use",
               param->proto == cases[i].got_proto &&
                   p.server.ssock->param.proto == cases[i].got_proto);
        pj_ssl_cipher cipher = ssl_get_cipher(p.client.ssock);
        expect(cases[i].name, "the cipher in use",
               cipher == ssl_get_cipher(p.server.ssock) &&
                   (cases[i].cipher == NULL || cipher == *cases[i].cipher));
        close_pair(cases[i].name, &p);
    }
}

/* --- Certificates out of memory, a key under a password, and what is told of them */

static pj_str_t file(pj_pool_t *pool, const char *name) {
    char *text = pj_pool_calloc(pool, 1, 65536);
    FILE *stream = fopen(path(pool, name), "r");
    size_t len = stream != NULL ? fread(text, 1, 65535, stream) : 0;
    if (stream != NULL) {
        (void)fclose(stream);
    }
    return (pj_str_t){text, (pj_ssize_t)len};
}

static void certificates(void) {
    const char *name = "buffers and password";
    pair p;
    open_pair(&p, "server");
    p.client.cert = (pj_ssl_cert_t){.CA_buf = file(&p.client.pool, "root.pem")};
    p.server.cert = (pj_ssl_cert_t){
        .cert_buf = file(&p.server.pool, "server.chain.pem"),
        .privkey_buf = file(&p.server.pool, "server.key.enc.pem"),
        .privkey_pass = str("secret"),
    };
    run_pair(&p);
    expect(name, "both handshakes", p.client.status == PJ_SUCCESS && p.server.status == PJ_SUCCESS);
    if (p.client.status == PJ_SUCCESS) {
        const pj_ssl_cert_info *info = &p.client.ssock->remote_cert_info;
        expect(name, "the subject", strstr(info->subject.info.ptr, "CN=server") != NULL);
        expect(name, "the issuer", strstr(info->issuer.info.ptr, "CN=int") != NULL);
        expect(name, "no common name beside a SAN", info->subject.cn.slen == 0);
        expect(name, "the validity",
               info->validity.gmt && info->validity.start.sec > 0 &&
                   info->validity.end.sec > info->validity.start.sec);
        expect(name, "two names", info->subj_alt_name.cnt == 2);
        expect(name, "the URI",
               info->subj_alt_name.entry[0].type == PJ_SSL_CERT_NAME_URI &&
                   strcmp(info->subj_alt_name.entry[0].name.ptr, "sip:example.test") == 0);
        expect(name, "the DNS name",
               info->subj_alt_name.entry[1].type == PJ_SSL_CERT_NAME_DNS &&
                   strcmp(info->subj_alt_name.entry[1].name.ptr, "example.test") == 0);
        expect(name, "a serial number", info->serial_no[0] != 0);
        expect(name, "the server knows its own",
               strcmp(p.server.ssock->local_cert_info.subject.info.ptr, info->subject.info.ptr) ==
                   0);
    }
    close_pair(name, &p);

    open_pair(&p, "cn-only");
    run_pair(&p);
    expect("common name alone", "it is told",
           p.client.status == PJ_SUCCESS &&
               strcmp(p.client.ssock->remote_cert_info.subject.cn.ptr, "example.test") == 0);
    close_pair("common name alone", &p);
}

/* --- Data */

enum { DATA_LEN = 100000 };

/* 100 000 bytes from one to the other, in pieces of 10 000. */
static void send_data(const char *name, end *from, end *to) {
    static char sent[DATA_LEN], got[DATA_LEN];
    size_t done = 0;
    for (size_t i = 0; i < DATA_LEN; i++) {
        sent[i] = (char)(i * 7 + i / 256);
    }
    for (size_t at = 0; at < DATA_LEN; at += 10000) {
        int written = 0;
        pj_lock_acquire(from->ssock->write_mutex);
        pj_status_t status = ssl_write(from->ssock, sent + at, 10000, &written);
        pj_lock_release(from->ssock->write_mutex);
        expect(name, "ssl_write()", status == PJ_SUCCESS && written == 10000);
        (void)SEND(from->ssock, &from->ssock->handshake_op_key);
        for (int turns = 0; turns < 50 && done < at + 10000; turns++) {
            int size = 3000 < DATA_LEN - (int)done ? 3000 : DATA_LEN - (int)done;
            (void)receive(to, 0);
            expect(name, "ssl_read()", ssl_read(to->ssock, got + done, &size) == PJ_SUCCESS);
            done += (size_t)size;
        }
    }
    expect(name, "all has come as it was", done == DATA_LEN && memcmp(sent, got, DATA_LEN) == 0);
}

static void data(void) {
    static const pj_uint32_t protocols[] = {PJ_SSL_SOCK_PROTO_TLS1_2, PJ_SSL_SOCK_PROTO_TLS1_3};
    for (size_t i = 0; i < 2; i++) {
        const char *name = i == 0 ? "data, TLS 1.2" : "data, TLS 1.3";
        char byte;
        int size = 1;
        pair p;
        open_pair(&p, "server");
        p.client.ssock->param.proto = protocols[i];
        run_pair(&p);
        send_data(name, &p.client, &p.server);
        send_data(name, &p.server, &p.client);
        expect(name, "renegotiation is refused", ssl_renegotiate(p.client.ssock) == PJ_ENOTSUP);
        ssl_reset_sock_state(p.client.ssock);
        (void)receive(&p.server, 0);
        expect(name, "a proper end is no error",
               ssl_read(p.server.ssock, &byte, &size) == PJ_SUCCESS && size == 0);
        close_pair(name, &p);
    }
}

static void garbage(void) {
    static const pj_uint8_t http[] = "GET / HTTP/1.1\r\nHost: example.test\r\n\r\n";
    const char *name = "HTTP to a TLS server";
    pair p;
    int sockets[2];
    open_pair(&p, "server");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) {
        abort();
    }
    create(&p.server, sockets[1]);
    (void)circ_write(INPUT(p.server.ssock), http, sizeof http - 1);
    step(&p.server, 0);
    expect(name, "it is refused", p.server.status == PJ_EINVAL);
    expect(name, "the sentence", strstr(stub_log_text, "TLS") != NULL);
    (void)close(sockets[0]);
    close_pair(name, &p);
}

static void lists(void) {
    ssl_ciphers_populate();
    unsigned ciphers = ssl_cipher_num, curves = ssl_curves_num;
    ssl_ciphers_populate();
    expect("lists", "they are filled once",
           ciphers > 0 && ciphers == ssl_cipher_num && curves > 0 && curves == ssl_curves_num);
    for (unsigned i = 0; i < ciphers; i++) {
        expect("lists", "every cipher has a name", ssl_ciphers[i].name != NULL);
    }
}

static void random_bytes(void) {
#ifdef PJ_SIPTLS_RAND_BYTES
    pj_uint8_t bytes[2][32] = {{0}, {0}};
    expect("random bytes", "they come, and are not the same",
           pj_ssl_rand_bytes(bytes[0], 32) == PJ_SUCCESS &&
               pj_ssl_rand_bytes(bytes[1], 32) == PJ_SUCCESS &&
               memcmp(bytes[0], bytes[1], 32) != 0);
#endif
}

/* --- With a server outside */

static void write_options(end *e) {
    static const char options[] = "OPTIONS sips:example.test SIP/2.0\r\n"
                                  "Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bKpj;rport\r\n"
                                  "Max-Forwards: 70\r\n"
                                  "From: <sips:alice@example.test>;tag=1\r\n"
                                  "To: <sips:example.test>\r\n"
                                  "Call-ID: pjsip-1\r\n"
                                  "CSeq: 1 OPTIONS\r\n"
                                  "Content-Length: 0\r\n\r\n";
    int written;
    (void)ssl_write(e->ssock, options, sizeof options - 1, &written);
    (void)SEND(e->ssock, &e->ssock->handshake_op_key);
}

/* Prints the answer to OPTIONS, or why there is none. */
static int connect_to(const char *port, const char *ca, const char *name) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int sock = socket(AF_INET, SOCK_STREAM, 0);
    char answer[2048];
    end e;
    if (sock < 0 || connect(sock, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        return EXIT_FAILURE;
    }
    open_end(&e, false);
    e.cert.CA_file = str(ca);
    e.ssock->param.server_name = str(name);
    e.ssock->param.verify_peer = PJ_TRUE;
    create(&e, sock);
    for (int turns = 0; turns < 100 && e.status == PJ_EPENDING; turns++) {
        step(&e, 5000);
    }
    printf("status %d, verify_status 0x%x\n", e.status, (unsigned)e.ssock->verify_status);
    if (e.status == PJ_SUCCESS) {
        write_options(&e);
        int size = 0;
        bool more = true;
        for (int turns = 0; turns < 20 && size == 0 && more; turns++) {
            more = receive(&e, 5000);
            size = (int)sizeof answer;
            (void)ssl_read(e.ssock, answer, &size);
        }
        printf("%.*s\n", size, answer);
    } else {
        printf("%s\n", stub_log_text);
    }
    int code = e.status == PJ_SUCCESS ? EXIT_SUCCESS : 4;
    close_end("connect", &e);
    return code;
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "connect") == 0) {
        return connect_to(argv[2], argv[3], argv[4]);
    }
    verification();
    client_certificates();
    refused_settings();
    settings();
    certificates();
    data();
    garbage();
    lists();
    random_bytes();
    printf("%s: %d failed\n", PJ_SIPTLS_BACKEND, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
