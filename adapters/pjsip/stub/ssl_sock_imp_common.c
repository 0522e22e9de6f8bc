/* The network side of a secure socket: buffers that grow, and a socket.
 *
 * SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

static pj_status_t circ_init(pj_pool_factory *factory, circ_buf_t *buffer, pj_size_t size) {
    PJ_UNUSED_ARG(factory);
    buffer->buf = malloc(size);
    buffer->size = 0;
    return buffer->buf != NULL ? PJ_SUCCESS : PJ_ENOMEM;
}

static void circ_deinit(circ_buf_t *buffer) {
    free(buffer->buf);
    buffer->buf = NULL;
}

static pj_size_t circ_size(const circ_buf_t *buffer) {
    return buffer->size;
}

static void circ_read(circ_buf_t *buffer, pj_uint8_t *data, pj_size_t len) {
    memcpy(data, buffer->buf, len);
    buffer->size -= len;
    memmove(buffer->buf, buffer->buf + len, buffer->size);
}

static pj_status_t circ_write(circ_buf_t *buffer, const pj_uint8_t *data, pj_size_t len) {
    pj_uint8_t *larger = realloc(buffer->buf, buffer->size + len);
    if (larger == NULL) {
        return PJ_ENOMEM;
    }
    buffer->buf = larger;
    memcpy(buffer->buf + buffer->size, data, len);
    buffer->size += len;
    return PJ_SUCCESS;
}

static void ssl_close_sockets(pj_ssl_sock_t *ssock) {
    if (ssock->sock >= 0) {
        (void)close(ssock->sock);
        ssock->sock = -1;
    }
}

#ifdef PJ_SIPTLS_OLD_BUFFERS
static pj_status_t flush_circ_buf_output(pj_ssl_sock_t *ssock, pj_ioqueue_op_key_t *key,
                                         pj_size_t plain_len, unsigned flags) {
    circ_buf_t *buffer = &ssock->circ_buf_output;
#else
static pj_status_t flush_ssl_write_buf(pj_ssl_sock_t *ssock, pj_ioqueue_op_key_t *key,
                                       pj_size_t plain_len, unsigned flags) {
    circ_buf_t *buffer = &ssock->ssl_write_buf;
#endif
    PJ_UNUSED_ARG(key);
    PJ_UNUSED_ARG(plain_len);
    while (buffer->size > 0) {
        ssize_t sent = send(ssock->sock, buffer->buf, buffer->size, (int)flags | MSG_NOSIGNAL);
        if (sent <= 0) {
            return PJ_EINVAL;
        }
        buffer->size -= (pj_size_t)sent;
        memmove(buffer->buf, buffer->buf + sent, buffer->size);
    }
    return PJ_SUCCESS;
}

#ifndef PJ_SIPTLS_OLD_HANDSHAKE
static pj_status_t ssl_do_handshake_and_flush(pj_ssl_sock_t *ssock) {
    pj_status_t status = ssl_do_handshake(ssock);
    (void)SEND(ssock, &ssock->handshake_op_key);
    return status;
}
#endif
