/* The seam of PJLIB: the part of a secure socket that a TLS library sees, and what it must define.
 * PJ_SIPTLS_OLD_BUFFERS and PJ_SIPTLS_OLD_HANDSHAKE make it the seam of older trees.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_PJ_STUB_IMP_COMMON_H
#define SIPTLS_PJ_STUB_IMP_COMMON_H

#include <pj/ssl_sock.h>

enum ssl_state {
    SSL_STATE_NULL,
    SSL_STATE_HANDSHAKING,
    SSL_STATE_ESTABLISHED,
    SSL_STATE_ERROR,
};

typedef int pj_ioqueue_op_key_t;

typedef struct circ_buf_t {
    pj_uint8_t *buf;
    pj_size_t size;
} circ_buf_t;

struct pj_ssl_sock_t {
    pj_pool_t *pool;
    pj_ssl_sock_param param;
    pj_ssl_cert_t *cert;
    pj_ssl_cert_info local_cert_info, remote_cert_info;
    pj_bool_t is_server;
    enum ssl_state ssl_state;
    pj_ioqueue_op_key_t handshake_op_key, shutdown_op_key;
    pj_status_t verify_status;
    unsigned long last_err;
    pj_sock_t sock;
    pj_lock_t *write_mutex;
#ifdef PJ_SIPTLS_OLD_BUFFERS
    circ_buf_t circ_buf_input;
    circ_buf_t circ_buf_output;
    pj_lock_t *circ_buf_input_mutex;
#else
    circ_buf_t ssl_read_buf;
    circ_buf_t ssl_write_buf;
    pj_lock_t *ssl_read_buf_mutex;
#endif
};

struct pj_ssl_cert_t {
    pj_str_t CA_file, CA_path, cert_file, privkey_file, privkey_pass;
    pj_ssl_cert_buffer CA_buf, cert_buf, privkey_buf;
};

static unsigned ssl_cipher_num;
static struct ssl_ciphers_t {
    pj_ssl_cipher id;
    const char *name;
} ssl_ciphers[PJ_SSL_SOCK_MAX_CIPHERS];

static unsigned ssl_curves_num;
static struct ssl_curves_t {
    pj_ssl_curve id;
    const char *name;
} ssl_curves[PJ_SSL_SOCK_MAX_CURVES];

static pj_ssl_sock_t *ssl_alloc(pj_pool_t *pool);
static pj_status_t ssl_create(pj_ssl_sock_t *ssock);
static void ssl_destroy(pj_ssl_sock_t *ssock);
static void ssl_reset_sock_state(pj_ssl_sock_t *ssock);
static void ssl_ciphers_populate(void);
static pj_ssl_cipher ssl_get_cipher(pj_ssl_sock_t *ssock);
static void ssl_update_certs_info(pj_ssl_sock_t *ssock);
static void ssl_set_state(pj_ssl_sock_t *ssock, pj_bool_t is_server);
static void ssl_set_peer_name(pj_ssl_sock_t *ssock);
static pj_status_t ssl_do_handshake(pj_ssl_sock_t *ssock);
static pj_status_t ssl_renegotiate(pj_ssl_sock_t *ssock);
static pj_status_t ssl_read(pj_ssl_sock_t *ssock, void *data, int *size);
static pj_status_t ssl_write(pj_ssl_sock_t *ssock, const void *data, pj_ssize_t size,
                             int *nwritten);

#endif
