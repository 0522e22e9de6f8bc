/* struct tls_conn: one TLS connection, as a helper of libre's TCP connection.
 *
 * Whom the server must prove to be is known before the handshake if the stack says so (libre 2.0,
 * every HTTP client) or SIPTLS_RE_DOMAIN does. SIP in libre 1.1 does not: then the handshake
 * proves only that a trusted CA knows the server, and no byte is sent until the first request has
 * told the name, and the certificate has been judged by it. Later requests are judged as well,
 * because libre reuses connections by address, whatever domain it has looked up.
 *
 * SPDX-License-Identifier: MIT */
#include "adapter.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct tls_conn {
    const void *ours;
    struct tcp_helper *th;
    struct tcp_conn *tcp;
    struct tls *tls;
    stls_conn *conn;                 /* NULL until TCP is up */
    struct tmr deadline;             /* of the handshake */
    char *name;                      /* whom the stack wants; NULL: it has not said */
    char *server_name;               /* SNI, if the stack wants another */
    char proven[STLS_SIP_HOST_SIZE]; /* the last name that the certificate was good for; "": none */
    bool judged_by_message;
    bool up;
};

static void complain(const struct tls_conn *tc, const char *sentence) {
    struct sa peer;
    sa_init(&peer, AF_UNSPEC);
    (void)tcp_conn_peer_get(tc->tcp, &peer);
    DEBUG_WARNING("%J: %s\n", &peer, sentence);
}

/* Hands what siptls wants to send to the layers below. */
static int flush(struct tls_conn *tc) {
    stls_bytes out = stls_conn_peek(tc->conn);
    if (out.len == 0) {
        return 0;
    }
    struct mbuf *mb = mbuf_alloc(out.len);
    if (mb == NULL) {
        return ENOMEM;
    }
    int err = mbuf_write_mem(mb, out.data, out.len);
    mbuf_set_pos(mb, 0);
    if (!err) {
        err = tcp_send_helper(tc->tcp, mb, tc->th);
    }
    mem_deref(mb);
    (void)stls_conn_consume(tc->conn, out.len);
    return err;
}

/* A helper cannot close its connection; an end of file lets libre close it. */
static void hang_up(struct tls_conn *tc) {
    (void)stls_conn_close(tc->conn);
    (void)flush(tc);
    (void)shutdown(tcp_conn_fd(tc->tcp), SHUT_RDWR);
}

/* --- The handshake */

static void deadline_handler(void *arg) {
    struct tls_conn *tc = arg;
    if (stls_conn_handshake(tc->conn) != STLS_WANT_READ) {
        complain(tc, stls_conn_error(tc->conn)->text);
    }
    hang_up(tc);
}

static void show(const struct tls_conn *tc) {
    const stls_verdict *verdict = stls_conn_verdict(tc->conn);
    stls_conn_info info;
    stls_conn_get_info(tc->conn, &info);
    DEBUG_INFO("%s, %s; %s\n", stls_iana_name(STLS_REGISTRY_VERSION, info.version),
               stls_iana_name(STLS_REGISTRY_SUITE, info.suite),
               verdict->state == STLS_VERDICT_NOT_DONE ? "the peer is not verified"
                                                       : verdict->text);
}

static int go_on(struct tls_conn *tc) {
    stls_result result = stls_conn_handshake(tc->conn);
    int err = flush(tc); /* the alert of a failure, too */
    tmr_cancel(&tc->deadline);
    if (result == STLS_OK) {
        tc->up = true;
        show(tc);
        return err;
    }
    if (result == STLS_WANT_READ) {
        int wait = stls_conn_deadline(tc->conn);
        if (wait >= 0) {
            tmr_start(&tc->deadline, (uint64_t)wait + 1, deadline_handler, tc);
        }
        return err;
    }
    complain(tc, stls_conn_error(tc->conn)->text);
    return EPROTO;
}

static int begin(struct tls_conn *tc, bool active) {
    const struct settings *settings = &tc->tls->settings;
    bool one_domain = settings->domain != NULL && !tc->tls->https;
    const char *name = one_domain ? settings->domain : tc->name;
    enum use use = USE_SERVER;
    if (active) {
        use = name != NULL ? USE_NAMED : USE_UNNAMED;
        tc->judged_by_message = !one_domain && !tc->tls->https;
    }
    stls_context *context = context_for(tc->tls, use);
    stls_error error;
    if (context == NULL) {
        return EPROTO;
    }
    stls_result result = stls_conn_new(context, active ? name : NULL, &tc->conn, &error);
    if (result == STLS_OK) {
        result = stls_conn_use_memory(tc->conn, &error);
    }
    if (result == STLS_OK && active && tc->server_name != NULL) {
        result = stls_conn_set_server_name(tc->conn, tc->server_name, &error);
    }
    if (result != STLS_OK) {
        complain(tc, error.text);
        return EPROTO;
    }
    if (active && name != NULL) {
        str_ncpy(tc->proven, name, sizeof tc->proven); /* if the handshake succeeds */
    }
    return go_on(tc);
}

static bool estab_handler(int *err, bool active, void *arg) {
    *err = begin(arg, active);
    return true;
}

/* --- What comes */

static int read_all(struct tls_conn *tc, struct mbuf *mb) {
    uint8_t data[4096];
    size_t len;
    int err = 0;
    stls_result result;
    mbuf_rewind(mb);
    while ((result = stls_conn_read(tc->conn, data, sizeof data, &len)) == STLS_OK && !err) {
        err = mbuf_write_mem(mb, data, len);
    }
    mbuf_set_pos(mb, 0);
    if (result == STLS_CLOSED) {
        (void)stls_conn_close(tc->conn); /* and the peer closes TCP */
    } else if (result < 0) {
        complain(tc, stls_conn_error(tc->conn)->text);
        err = EPROTO;
    }
    int sent = flush(tc);
    return err ? err : sent;
}

static bool recv_handler(int *err, struct mbuf *mb, bool *estab, void *arg) {
    struct tls_conn *tc = arg;
    if (tc->conn == NULL || stls_conn_feed(tc->conn, mbuf_buf(mb), mbuf_get_left(mb)) != STLS_OK) {
        *err = EPROTO;
        return true;
    }
    if (!tc->up) {
        *err = go_on(tc);
        if (*err || !tc->up) {
            return true;
        }
        *estab = true;
    }
    *err = read_all(tc, mb);
    return *err != 0;
}

/* --- What goes */

/* Whether the server's certificate is good for `host`, too. */
static bool prove(struct tls_conn *tc, const char *host) {
    size_t count = stls_conn_peer_count(tc->conn);
    stls_context *context = context_for(tc->tls, USE_NAMED);
    stls_bytes *chain = mem_zalloc((count + 1) * sizeof *chain, NULL);
    stls_verdict verdict;
    stls_error error;
    if (context == NULL || chain == NULL) {
        mem_deref(chain);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        chain[i] = stls_conn_peer_certificate(tc->conn, i);
    }
    stls_result result = stls_verify(context, chain, count, host, &verdict, &error);
    mem_deref(chain);
    if (result != STLS_OK) {
        complain(tc, error.text);
        return false;
    }
    DEBUG_INFO("%s\n", verdict.text);
    str_ncpy(tc->proven, host, sizeof tc->proven);
    return true;
}

/* Whether what stands in `mb` may go to this server. */
static bool may_send(struct tls_conn *tc, const struct mbuf *mb) {
    if (!tc->judged_by_message ||
        stls_conn_verdict(tc->conn)->state == STLS_VERDICT_NOT_DONE) { /* none is wanted */
        return true;
    }
    char host[STLS_SIP_HOST_SIZE];
    enum message message = next_hop(mb, host);
    bool proven = tc->proven[0] != '\0';
    if (proven && (message != MESSAGE_NEW || str_casecmp(host, tc->proven) == 0)) {
        return true;
    }
    if (message != MESSAGE_OTHER && host[0] != '\0' && prove(tc, host)) {
        return true;
    }
    if (message == MESSAGE_OTHER || host[0] == '\0') {
        complain(tc, "nothing says whom the server must prove to be, so nothing is sent "
                     "(SIPTLS_RE_DOMAIN says it, or SIPTLS_RE_VERIFY=none)");
    }
    if (!proven) {
        hang_up(tc); /* RFC 5922 section 7.3 */
    }
    return false;
}

static int write_all(struct tls_conn *tc, const struct mbuf *mb) {
    const uint8_t *data = mbuf_buf(mb);
    size_t left = mbuf_get_left(mb), len = 0;
    int err = 0;
    while (left > 0 && !err) {
        stls_result result = stls_conn_write(tc->conn, data, left, &len);
        if (result == STLS_OK) {
            data += len;
            left -= len;
        } else if (result != STLS_WANT_WRITE || stls_conn_peek(tc->conn).len == 0) {
            complain(tc, stls_conn_error(tc->conn)->text);
            return EPROTO;
        }
        err = flush(tc);
    }
    return err;
}

static bool send_handler(int *err, struct mbuf *mb, void *arg) {
    struct tls_conn *tc = arg;
    if (!tc->up) {
        *err = ENOTCONN;
    } else {
        *err = may_send(tc, mb) ? write_all(tc, mb) : EPROTO;
    }
    return true;
}

/* --- Life */

static void destructor(void *arg) {
    struct tls_conn *tc = arg;
    tmr_cancel(&tc->deadline);
    if (tc->up) {
        (void)stls_conn_close(tc->conn);
        (void)flush(tc);
    }
    stls_conn_free(tc->conn);
    mem_deref(tc->th);
    mem_deref(tc->tcp);
    mem_deref(tc->tls);
    mem_deref(tc->name);
    mem_deref(tc->server_name);
}

int tls_start_tcp(struct tls_conn **ptc, struct tls *tls, struct tcp_conn *tcp, int layer) {
    PASS_ON(tls, ENOSYS, tls_start_tcp, ptc, tls, tcp, layer);
    if (ptc == NULL || tcp == NULL) {
        return EINVAL;
    }
    struct tls_conn *tc = mem_zalloc(sizeof *tc, destructor);
    if (tc == NULL) {
        return ENOMEM;
    }
    tc->ours = &siptls_tag;
    tc->tls = mem_ref(tls);
    tc->tcp = mem_ref(tcp);
    tmr_init(&tc->deadline);
    int err =
        tcp_register_helper(&tc->th, tcp, layer, estab_handler, send_handler, recv_handler, tc);
    if (err) {
        mem_deref(tc);
        return err;
    }
    *ptc = tc;
    return 0;
}

/* --- Whom to call */

static int set_string(struct tls_conn *tc, char **string, const char *value) {
    if (value == NULL) {
        return EINVAL;
    }
    if (tc->conn != NULL) {
        return EALREADY;
    }
    *string = mem_deref(*string);
    return str_dup(string, value);
}

int tls_set_verify_server(struct tls_conn *tc, const char *host) {
    PASS_ON(tc, ENOSYS, tls_set_verify_server, tc, host);
    return set_string(tc, &tc->name, host);
}

int tls_peer_set_verify_host(struct tls_conn *tc, const char *hostname) {
    PASS_ON(tc, ENOSYS, tls_peer_set_verify_host, tc, hostname);
    return set_string(tc, &tc->name, hostname);
}

/* libre 1.1's HTTP client says this always, and tls_peer_set_verify_host() before it only where
 * another name shall be verified. */
int tls_set_servername(struct tls_conn *tc, const char *servername) {
    PASS_ON(tc, ENOSYS, tls_set_servername, tc, servername);
    return set_string(tc, tc->name == NULL ? &tc->name : &tc->server_name, servername);
}

/* --- What is known */

int tls_peer_verify(const struct tls_conn *tc) {
    PASS_ON(tc, ENOSYS, tls_peer_verify, tc);
    return tc->up && stls_conn_verdict(tc->conn)->state == STLS_VERDICT_ACCEPTED ? 0 : EAUTH;
}

int tls_peer_fingerprint(const struct tls_conn *tc, enum tls_fingerprint type, uint8_t *md,
                         size_t size) {
    PASS_ON(tc, ENOSYS, tls_peer_fingerprint, tc, type, md, size);
    if (type != TLS_FINGERPRINT_SHA256) {
        return ENOSYS;
    }
    stls_bytes leaf = {NULL, 0};
    if (tc->up) {
        leaf = stls_conn_peer_certificate(tc->conn, 0);
    }
    if (md == NULL || size < STLS_FINGERPRINT_LEN || leaf.data == NULL) {
        return EINVAL;
    }
    return stls_certificate_fingerprint(tc->tls->settings.backend, leaf, md) == STLS_OK ? 0
                                                                                        : EINVAL;
}

/* The common name proves nothing (RFC 5922 section 7.1), and no caller is known that needs it. */
int tls_peer_common_name(const struct tls_conn *tc, char *cn, size_t size) {
    PASS_ON(tc, ENOSYS, tls_peer_common_name, tc, cn, size);
    return ENOSYS;
}

const char *tls_cipher_name(const struct tls_conn *tc) {
    PASS_ON(tc, NULL, tls_cipher_name, tc);
    stls_conn_info info;
    if (!tc->up) {
        return NULL;
    }
    stls_conn_get_info(tc->conn, &info);
    return stls_iana_name(STLS_REGISTRY_SUITE, info.suite);
}

int tls_srtp_keyinfo(const struct tls_conn *tc, enum srtp_suite *suite, uint8_t *cli_key,
                     size_t cli_key_size, uint8_t *srv_key, size_t srv_key_size) {
    PASS_ON(tc, ENOSYS, tls_srtp_keyinfo, tc, suite, cli_key, cli_key_size, srv_key, srv_key_size);
    return ENOSYS;
}
