/* bench/subjects/libcurl.c - libcurl on OpenSSL: a client only, by CURLOPT_CONNECT_ONLY.
 *
 * A context is a multi handle, which keeps the trusted certificates once they are read
 * (CURLOPT_CA_CACHE_TIMEOUT), and a share for the sessions.
 *
 * SPDX-License-Identifier: MIT */
#include "../subject.h"
#include "stand_in.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct bench_context {
    CURLM *multi;
    CURLSH *share;
    struct bench_setup setup;
    char url[256];
};

struct bench_conn {
    CURL *easy;
    CURLM *multi;
    int socket; /* its own */
    char error[CURL_ERROR_SIZE];
};

static const char *version(const struct bench_subject *subject) {
    (void)subject;
    return curl_version_info(CURLVERSION_NOW)->version;
}

static const char *lacks(const struct bench_subject *subject, const struct bench_setup *setup) {
    const char *ssl = curl_version_info(CURLVERSION_NOW)->ssl_version;
    (void)subject;
    if (setup->server) {
        return "a client only";
    }
    if (ssl == NULL || strncmp(ssl, "OpenSSL/", 8) != 0) {
        return "this libcurl is not on OpenSSL";
    }
    if (setup->resume && setup->version == 12) {
        return "takes no tickets of TLS 1.2, which is how the server resumes";
    }
    return strcmp(setup->groups, "X25519MLKEM768") == 0 ? "no such group" : NULL;
}

/* --- Contexts */

static void context_free(bench_context *self) {
    if (self != NULL) {
        curl_multi_cleanup(self->multi);
        curl_share_cleanup(self->share);
    }
    free(self);
}

static bench_context *context_new(const struct bench_subject *subject,
                                  const struct bench_setup *setup, char *why, size_t why_size) {
    (void)subject;
    bench_context *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->setup = *setup;
        self->multi = curl_multi_init();
        self->share = curl_share_init();
        snprintf(self->url, sizeof self->url, "https://%s:%u/",
                 setup->host != NULL ? setup->host : "localhost", (unsigned)bench_stand_in_port());
    }
    if (self == NULL || self->multi == NULL || self->share == NULL ||
        curl_share_setopt(self->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        snprintf(why, why_size, "no memory");
        context_free(self);
        return NULL;
    }
    return self;
}

/* --- The socket that is there already, which 7.88 does not believe to be connected
 * (CURL_SOCKOPT_ALREADY_CONNECTED) */

static curl_socket_t make_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    bench_conn *conn = arg;
    (void)purpose;
    conn->socket = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    return conn->socket;
}

/* --- Connections */

static bool set_transport(bench_conn *conn, const bench_context *context) {
    return curl_easy_setopt(conn->easy, CURLOPT_URL, context->url) == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_OPENSOCKETFUNCTION, make_socket) == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_OPENSOCKETDATA, conn) == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(conn->easy, CURLOPT_ERRORBUFFER, conn->error) == CURLE_OK;
}

static bool set_tls(CURL *easy, const bench_context *context) {
    const struct bench_setup *setup = &context->setup;
    long tls = setup->version == 13 ? CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3
                                    : CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2;
    return curl_easy_setopt(easy, CURLOPT_SSLVERSION, tls) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TLS13_CIPHERS, "TLS_AES_128_GCM_SHA256") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST,
                            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, setup->groups) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, setup->verify ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, setup->verify ? 2L : 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CAINFO, setup->trust_file) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLCERT, setup->chain_file) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLKEY, setup->key_file) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, setup->resume ? 1L : 0L) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SHARE, context->share) == CURLE_OK;
}

/* The name is never looked up. */
static bool set_address(bench_conn *conn, const bench_context *context,
                        struct curl_slist **addresses) {
    char text[300];
    snprintf(text, sizeof text, "%s:%u:127.0.0.1",
             context->setup.host != NULL ? context->setup.host : "localhost",
             (unsigned)bench_stand_in_port());
    *addresses = curl_slist_append(NULL, text);
    return *addresses != NULL &&
           curl_easy_setopt(conn->easy, CURLOPT_RESOLVE, *addresses) == CURLE_OK;
}

static bench_conn *conn_new(bench_context *context, int fd) {
    bench_conn *conn = calloc(1, sizeof *conn);
    struct curl_slist *addresses = NULL;
    int running = 0;
    if (conn == NULL) {
        return NULL;
    }
    conn->socket = -1;
    conn->multi = context->multi;
    conn->easy = curl_easy_init();
    bool good = conn->easy != NULL && set_transport(conn, context) &&
                set_tls(conn->easy, context) && set_address(conn, context, &addresses) &&
                curl_easy_setopt(conn->easy, CURLOPT_PRIVATE, addresses) == CURLE_OK &&
                curl_multi_add_handle(conn->multi, conn->easy) == CURLM_OK &&
                curl_multi_perform(conn->multi, &running) == CURLM_OK && conn->socket >= 0 &&
                bench_stand_in(conn->socket, fd);
    if (!good) {
        curl_slist_free_all(addresses);
        curl_easy_cleanup(conn->easy);
        free(conn);
        return NULL;
    }
    return conn;
}

static enum bench_step handshake(bench_conn *conn) {
    int running = 0, left = 0;
    if (curl_multi_perform(conn->multi, &running) != CURLM_OK) {
        return BENCH_FAILED;
    }
    CURLMsg *message = curl_multi_info_read(conn->multi, &left);
    if (message == NULL) {
        return BENCH_WANT;
    }
    return message->msg == CURLMSG_DONE && message->data.result == CURLE_OK ? BENCH_DONE
                                                                            : BENCH_FAILED;
}

static enum bench_step step_of(CURLcode result) {
    return result == CURLE_OK ? BENCH_DONE : result == CURLE_AGAIN ? BENCH_WANT : BENCH_FAILED;
}

static enum bench_step read_some(bench_conn *conn, void *data, size_t size, size_t *got) {
    return step_of(curl_easy_recv(conn->easy, data, size, got));
}

static enum bench_step write_some(bench_conn *conn, const void *data, size_t len, size_t *done) {
    return step_of(curl_easy_send(conn->easy, data, len, done));
}

static bool resumed(bench_conn *conn) {
    struct curl_tlssessioninfo *info = NULL;
    return curl_easy_getinfo(conn->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info != NULL &&
           info->internals != NULL && SSL_session_reused(info->internals) == 1;
}

static void close_notify(bench_conn *conn) {
    (void)conn; /* by curl_easy_cleanup() */
}

static void conn_free(bench_conn *conn) {
    struct curl_slist *addresses = NULL;
    (void)curl_easy_getinfo(conn->easy, CURLINFO_PRIVATE, &addresses);
    (void)curl_multi_remove_handle(conn->multi, conn->easy);
    curl_easy_cleanup(conn->easy);
    curl_slist_free_all(addresses);
    free(conn);
}

static const char *error_text(bench_conn *conn) {
    return conn->error;
}

extern const struct bench_subject bench_libcurl;
const struct bench_subject bench_libcurl = {
    .name = "libcurl",
    .library = "openssl",
    .note = "makes an OpenSSL context for each connection; a multi handle keeps the trusted "
            "certificates",
    .version = version,
    .lacks = lacks,
    .context_new = context_new,
    .context_free = context_free,
    .conn_new = conn_new,
    .handshake = handshake,
    .read = read_some,
    .write = write_some,
    .resumed = resumed,
    .close = close_notify,
    .conn_free = conn_free,
    .error = error_text,
};
