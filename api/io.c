/* SPDX-License-Identifier: MIT */
#include "api/guard.h"
#include "api/internal.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* A peer that makes us answer (KeyUpdate, renegotiation) and does not read is read no further once
 * so many bytes wait for it. A write leaves less. */
enum { OUT_MAX = 256 * 1024 };

/* What is larger is at least half of the largest record, and all that mbedTLS puts into one where
 * it is short of memory: nothing is gained by waiting for more to send with it, and to keep it
 * until then would cost a copy. */
enum { SENT_AT_ONCE = 8192 };

/* --- Queues --- */

static bool make_room(stls_queue **queue, size_t needed) {
    size_t before = *queue != NULL ? (*queue)->size : 0;
    size_t size = needed < 2 * before ? 2 * before : needed;
    stls_queue *grown =
        stls_grow(*queue, *queue != NULL ? sizeof **queue + before : 0, sizeof **queue + size, 1);
    if (grown == NULL) {
        return false;
    }
    if (*queue == NULL) {
        *grown = (stls_queue){.size = 0};
    }
    grown->size = size;
    *queue = grown;
    return true;
}

bool stls_queue_add(stls_queue **queue, const uint8_t *data, size_t len) {
    stls_queue *self = *queue;
    size_t have = stls_queue_len(self);
    if (len == 0) {
        return true;
    }
    if (len > SIZE_MAX / 4 - have) {
        return false;
    }
    if (self != NULL && self->start > 0 && self->start + have + len > self->size) {
        memmove(self->data, self->data + self->start, have);
        self->start = 0;
    }
    size_t needed = (self != NULL ? self->start : 0) + have + len;
    if ((self == NULL || needed > self->size) && !make_room(queue, needed)) {
        return false;
    }
    memcpy((*queue)->data + needed - len, data, len);
    (*queue)->len += len;
    return true;
}

void stls_queue_take(stls_queue **queue, size_t len) {
    if (*queue != NULL) {
        (*queue)->start += len;
        (*queue)->len -= len;
        if ((*queue)->len == 0) {
            stls_queue_free(queue);
        }
    }
}

void stls_queue_free(stls_queue **queue) {
    stls_free(*queue);
    *queue = NULL;
}

/* --- The first bytes of the peer --- */

static void keep_first_text(stls_io *io, stls_bytes bytes) {
    enum { SIZE = 64 };
    io->first_text = stls_alloc(1, SIZE);
    if (io->first_text == NULL) {
        io->no_memory = true;
        return;
    }
    stls_text text = stls_text_in(io->first_text, SIZE);
    stls_text_add_foreign(&text, bytes);
}

/* A TLS connection opens with a record of type handshake (22), or alert (21) from a peer that
 * refuses, and major version 3. Anything else is told to the user in the peer's own words. */
static void look_at_first_bytes(stls_io *io, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len && io->first != STLS_FIRST_BYTES_TLS; i++) {
        bool as_expected =
            io->first == STLS_FIRST_BYTES_NONE ? data[i] == 22 || data[i] == 21 : data[i] == 3;
        if (!as_expected) {
            io->first = STLS_FIRST_BYTES_NOT_TLS;
            size_t line = 0;
            while (i + line < len && line < 48 && data[i + line] != '\r' &&
                   data[i + line] != '\n') {
                line++;
            }
            keep_first_text(io, (stls_bytes){data + i, line});
            return;
        }
        io->first =
            io->first == STLS_FIRST_BYTES_NONE ? STLS_FIRST_BYTES_TYPE : STLS_FIRST_BYTES_TLS;
    }
}

/* --- In --- */

static stls_result settle(stls_io *io);

static bool has_to_send(const stls_io *io) {
    return io->scratch->out_len > 0 || stls_queue_len(io->out) > 0;
}

/* Receives from the transport into `data`. What the backend has to say goes first: the peer may
 * wait for it, and this transport may wait for the peer. */
static stls_be_status receive(stls_io *io, uint8_t *data, size_t size, size_t *got) {
    size_t done = 0;
    if (has_to_send(io)) {
        (void)settle(io); /* what it could not send, stls_io_end() tells */
    }
    stls_result result = io->recv(io->arg, data, size, &done);
    if (result == STLS_OK && done > 0 && done <= size) {
        io->bytes_in += done;
        if (io->first != STLS_FIRST_BYTES_TLS) {
            look_at_first_bytes(io, data, done);
        }
        *got = done;
        return io->first == STLS_FIRST_BYTES_NOT_TLS ? STLS_BE_FAILED : STLS_BE_OK;
    }
    if (result == STLS_WANT_READ) {
        return STLS_BE_WANT_READ;
    }
    if (result == STLS_EOF) {
        io->eof = true;
        return STLS_BE_EOF;
    }
    io->recv_failed = true;
    return STLS_BE_FAILED;
}

/* The bytes that wait: in the queue, or else in the scratch. */
static size_t waiting(const stls_io *io) {
    return io->in != NULL ? io->in->len : io->scratch->in_end - io->scratch->in_start;
}

static uint8_t *first_waiting(const stls_io *io) {
    return io->in != NULL ? io->in->data + io->in->start : io->scratch->in + io->scratch->in_start;
}

/* What the scratch holds goes into the queue. */
static bool keep_scratch(stls_io *io) {
    stls_scratch *scratch = io->scratch;
    size_t len = scratch->in_end - scratch->in_start;
    bool kept = len == 0 || stls_queue_add(&io->in, scratch->in + scratch->in_start, len);
    scratch->in_start = scratch->in_end = 0;
    io->no_memory |= !kept;
    return kept;
}

static stls_be_status may_read(stls_io *io) {
    if (io->first == STLS_FIRST_BYTES_NOT_TLS || io->recv_failed) {
        return STLS_BE_FAILED;
    }
    if (stls_queue_len(io->out) + io->scratch->out_len > OUT_MAX && settle(io) == STLS_WANT_WRITE &&
        stls_queue_len(io->out) > OUT_MAX) {
        io->held = true;
        return STLS_BE_WANT_READ;
    }
    return STLS_BE_OK;
}

static stls_be_status may_receive(const stls_io *io) {
    return io->eof                             ? STLS_BE_EOF
           : io->kind == STLS_TRANSPORT_MEMORY ? STLS_BE_WANT_READ
                                               : STLS_BE_OK;
}

/* Receives behind what waits, which stays in one piece. */
static stls_be_status receive_more(stls_io *io) {
    stls_scratch *scratch = io->scratch;
    stls_be_status status = may_receive(io);
    if (status != STLS_BE_OK) {
        return status;
    }
    if (scratch->in_start == scratch->in_end) {
        scratch->in_start = scratch->in_end = 0;
    }
    bool fits = io->in == NULL && scratch->in_end < sizeof scratch->in;
    if (!fits && !keep_scratch(io)) {
        return STLS_BE_FAILED;
    }
    size_t got = 0;
    status = receive(io, scratch->in + scratch->in_end, sizeof scratch->in - scratch->in_end, &got);
    scratch->in_end += status == STLS_BE_OK ? got : 0;
    return fits || keep_scratch(io) ? status : STLS_BE_FAILED;
}

stls_be_status stls_io_look(stls_io *io, size_t least, uint8_t **data, size_t *len) {
    stls_be_status status = may_read(io);
    while (status == STLS_BE_OK && waiting(io) < least) {
        status = receive_more(io);
    }
    *data = first_waiting(io);
    *len = waiting(io);
    return status;
}

void stls_io_drop(stls_io *io, size_t len) {
    if (io->in != NULL) {
        stls_queue_take(&io->in, len);
    } else {
        io->scratch->in_start += len;
    }
}

stls_be_status stls_io_take(stls_io *io, uint8_t *data, size_t size, size_t *got) {
    stls_be_status status = size > 0 ? may_read(io) : STLS_BE_FAILED;
    if (status == STLS_BE_OK && waiting(io) == 0) {
        status = may_receive(io);
        if (status == STLS_BE_OK && size >= sizeof io->scratch->in) {
            return receive(io, data, size, got);
        }
        status = status == STLS_BE_OK ? receive_more(io) : status;
    }
    if (status == STLS_BE_OK) {
        size_t len = waiting(io);
        *got = len < size ? len : size;
        memcpy(data, first_waiting(io), *got);
        stls_io_drop(io, *got);
    }
    return status;
}

/* The library's next bite of what one call of recv has brought, if nothing else is to be done. */
static bool take_from_scratch(stls_io *io, uint8_t *data, size_t size, size_t *got) {
    stls_scratch *scratch = io->scratch;
    stls_guard *guard = io->guard;
    size_t len = scratch->in_end - scratch->in_start;
    if (guard != NULL) {
        len = len < guard->cleared ? len : guard->cleared;
    }
    len = len < size ? len : size;
    if (len == 0 || io->out != NULL) {
        return false;
    }
    memcpy(data, scratch->in + scratch->in_start, len);
    scratch->in_start += len;
    if (guard != NULL) {
        guard->cleared -= len;
    }
    *got = len;
    return true;
}

stls_be_status stls_io_recv(stls_io *io, uint8_t *data, size_t size, size_t *got) {
    if (!take_from_scratch(io, data, size, got)) {
        *got = 0;
        stls_be_status status = io->guard != NULL ? stls_guard_recv(io, data, size, got)
                                                  : stls_io_take(io, data, size, got);
        if (status != STLS_BE_OK) {
            return status;
        }
    }
    return stls_flood_in_record(&io->flood, *got) ? STLS_BE_OK
                                                  : stls_flood_watch(&io->flood, data, size, got);
}

stls_result stls_io_feed(stls_io *io, const uint8_t *data, size_t len) {
    if (len > STLS_MEMORY_MAX - stls_queue_len(io->in)) {
        return STLS_E_LIMIT;
    }
    if (!stls_queue_add(&io->in, data, len)) {
        return STLS_E_NO_MEMORY;
    }
    io->bytes_in += len;
    if (io->first != STLS_FIRST_BYTES_TLS && io->first != STLS_FIRST_BYTES_NOT_TLS) {
        look_at_first_bytes(io, data, len);
    }
    return STLS_OK;
}

/* --- Out --- */

/* Sends `len` bytes; `*sent` tells how many went. */
static stls_result transmit(stls_io *io, const uint8_t *data, size_t len, size_t *sent) {
    for (*sent = 0; *sent < len;) {
        size_t done = 0;
        stls_result result = io->send(io->arg, data + *sent, len - *sent, &done);
        if (result == STLS_WANT_WRITE) {
            return STLS_WANT_WRITE;
        }
        if (result != STLS_OK || done == 0 || done > len - *sent) {
            return STLS_E_TRANSPORT;
        }
        *sent += done;
    }
    return STLS_OK;
}

stls_be_status stls_io_send(stls_io *io, const uint8_t *data, size_t len) {
    stls_scratch *scratch = io->scratch;
    io->bytes_out += len;
    if (io->send_failed) {
        return STLS_BE_OK; /* nobody will read it; what the peer has sent may still be read */
    }
    if (stls_queue_len(io->out) == 0 && len <= sizeof scratch->out - scratch->out_len) {
        memcpy(scratch->out + scratch->out_len, data, len);
        scratch->out_len += len;
        return STLS_BE_OK;
    }
    if (len > SENT_AT_ONCE && io->kind != STLS_TRANSPORT_MEMORY && stls_queue_len(io->out) == 0 &&
        scratch->out_len == 0) {
        size_t sent = 0;
        if (transmit(io, data, len, &sent) == STLS_E_TRANSPORT) {
            io->send_failed = true;
            return STLS_BE_OK;
        }
        data += sent;
        len -= sent;
        if (len == 0) {
            return STLS_BE_OK;
        }
    }
    if (!stls_queue_add(&io->out, scratch->out, scratch->out_len) ||
        !stls_queue_add(&io->out, data, len)) {
        io->no_memory = true;
        return STLS_BE_NO_MEMORY;
    }
    scratch->out_len = 0;
    return STLS_BE_OK;
}

static stls_result write_out(stls_io *io) {
    stls_scratch *scratch = io->scratch;
    stls_result result = STLS_OK;
    size_t sent = 0;
    if (io->kind != STLS_TRANSPORT_MEMORY && stls_queue_len(io->out) > 0) {
        result = transmit(io, io->out->data + io->out->start, stls_queue_len(io->out), &sent);
        stls_queue_take(&io->out, sent);
    }
    sent = 0;
    if (io->kind != STLS_TRANSPORT_MEMORY && stls_queue_len(io->out) == 0 && result == STLS_OK) {
        result = transmit(io, scratch->out, scratch->out_len, &sent);
    }
    if (sent < scratch->out_len && result != STLS_E_TRANSPORT &&
        !stls_queue_add(&io->out, scratch->out + sent, scratch->out_len - sent)) {
        result = STLS_E_NO_MEMORY;
    }
    scratch->out_len = 0;
    if (result == STLS_OK && io->kind == STLS_TRANSPORT_MEMORY &&
        stls_queue_len(io->out) > OUT_MAX) {
        result = STLS_WANT_WRITE;
    }
    return result;
}

/* Writes out what it can, and remembers what cannot be mended. */
static stls_result settle(stls_io *io) {
    stls_result result = io->send_failed ? STLS_E_TRANSPORT : write_out(io);
    if (result == STLS_E_TRANSPORT) {
        io->send_failed = true;
        stls_queue_free(&io->out);
    }
    if (result == STLS_E_NO_MEMORY) {
        io->no_memory = true;
    }
    return result;
}

void stls_io_begin(stls_io *io, stls_scratch *scratch) {
    scratch->in_start = scratch->in_end = scratch->out_len = 0;
    io->scratch = scratch;
    io->held = false;
}

stls_result stls_io_end(stls_io *io) {
    stls_result result = has_to_send(io) || io->send_failed ? settle(io) : STLS_OK;
    if (result == STLS_OK && io->held) {
        result = STLS_WANT_WRITE; /* the peer's bytes wait: call again */
    }
    if (!keep_scratch(io)) {
        result = STLS_E_NO_MEMORY;
    }
    io->scratch = NULL;
    return result;
}

void stls_io_free(stls_io *io) {
    stls_queue_free(&io->in);
    stls_queue_free(&io->out);
    stls_free(io->first_text);
    stls_guard_free(&io->guard);
}
