/* SPDX-License-Identifier: MIT */
#include "api/guard.h"
#include "base/memory.h"

#include <string.h>

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23 };
enum {
    HELLO_REQUEST = 0,
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    NEW_SESSION_TICKET = 4,
    CERTIFICATE = 11,
    SERVER_KEY_EXCHANGE = 12,
    CERTIFICATE_REQUEST = 13,
    SERVER_HELLO_DONE = 14,
    CERTIFICATE_VERIFY = 15,
    CLIENT_KEY_EXCHANGE = 16,
    CERTIFICATE_STATUS = 22,
};
enum {
    ALERT_UNEXPECTED_MESSAGE = 10,
    ALERT_RECORD_OVERFLOW = 22,
    ALERT_CERTIFICATE_UNKNOWN = 46,
    ALERT_DECODE_ERROR = 50,
    ALERT_PROTOCOL_VERSION = 70,
};
enum {
    RECORD_HEADER = 5,
    MESSAGE_HEADER = 4,
    FRAGMENT_MAX = 1 << 14,
    ENCRYPTED_MAX = FRAGMENT_MAX + 256,
    FRAGMENT_LEAST = 1 << 9,                   /* that can be agreed: RFC 6066, 4 */
    HELLO_MAX = FRAGMENT_MAX - MESSAGE_HEADER, /* mbedTLS takes it in one record only */
    MESSAGE_MAX = 1 << 16,
    CERTIFICATES_EXTRA = 4096, /* lengths between the certificates */
    IDLE_MAX = 32,             /* records that bring nothing on */
};

static const char too_long_a_hello[] = "its hello is longer than any has to be";
static const char leads_nowhere[] = "it sends record after record, and none that leads anywhere";

/* --- Beginning and end --- */

bool stls_guard_begin(stls_guard **guard, const stls_profile *profile) {
    *guard = stls_alloc(1, sizeof **guard);
    if (*guard == NULL) {
        return false;
    }
    **guard = (stls_guard){
        .on = true,
        .is_server = profile->role == STLS_ROLE_SERVER,
        .waits_for_hello = true,
        .version_min = profile->version_min,
        .version_max = profile->version_max,
        .longest = FRAGMENT_LEAST,
        .chain_bytes_max = profile->rules.chain_bytes_max,
    };
    return true;
}

void stls_guard_free(stls_guard **guard) {
    stls_guard *self = *guard;
    *guard = NULL;
    if (self != NULL) {
        stls_queue_free(&self->message);
        stls_queue_free(&self->ready);
        stls_queue_free(&self->hello);
        stls_queue_free(&self->sent);
        stls_queue_free(&self->own);
        stls_free(self);
    }
}

void stls_guard_settle(stls_io *io) {
    const stls_guard *self = io->guard;
    if (self != NULL && !self->on && stls_queue_len(self->ready) == 0 && !self->no_memory &&
        self->complaint.text == NULL) {
        io->extended_master = self->choice.extended_master;
        stls_guard_free(&io->guard);
    }
}

bool stls_guard_extended_master(const stls_io *io) {
    return io->guard != NULL ? io->guard->choice.extended_master : io->extended_master;
}

size_t stls_guard_memory(const stls_guard *guard) {
    return guard == NULL ? 0
                         : sizeof *guard + stls_queue_memory(guard->message) +
                               stls_queue_memory(guard->ready) + stls_queue_memory(guard->sent) +
                               stls_queue_memory(guard->own) + stls_queue_memory(guard->hello);
}

size_t stls_guard_ready(const stls_guard *guard) {
    return guard != NULL ? stls_queue_len(guard->ready) : 0;
}

const stls_be_hello *stls_guard_hello(const stls_guard *guard) {
    return guard != NULL && guard->hello != NULL && !guard->waits_for_hello ? &guard->says : NULL;
}

const stls_complaint *stls_guard_complaint(const stls_guard *guard) {
    return guard != NULL && guard->complaint.text != NULL ? &guard->complaint : NULL;
}

static stls_bytes bytes_of(const stls_queue *queue) {
    size_t len = stls_queue_len(queue);
    return (stls_bytes){len > 0 ? queue->data + queue->start : NULL, len};
}

/* --- Handing on --- */

/* Handshake messages, or a part of one, in records of their own. They are no longer than the
 * peer's: max_fragment_length may have been agreed. */
static void hand_on(stls_guard *guard, stls_bytes data) {
    while (data.len > 0 && !guard->no_memory) {
        size_t len = data.len < guard->longest ? data.len : guard->longest;
        const uint8_t header[RECORD_HEADER] = {HANDSHAKE, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
        guard->no_memory = !stls_queue_add(&guard->ready, header, sizeof header) ||
                           !stls_queue_add(&guard->ready, data.data, len);
        data.data += len;
        data.len -= len;
    }
}

/* What is here goes to the library as it is, and all that follows. */
static void step_aside(stls_guard *guard) {
    hand_on(guard, bytes_of(guard->message));
    guard->on = false;
    guard->cleared = 0;
    stls_queue_free(&guard->message);
    stls_queue_free(&guard->hello);
    stls_queue_free(&guard->sent);
    stls_queue_free(&guard->own);
}

static bool refuse(stls_guard *guard, stls_result result, uint8_t alert, const char *text) {
    guard->complaint = (stls_complaint){result, alert, text};
    return false;
}

static bool surprise(stls_guard *guard, const char *text) {
    return refuse(guard, STLS_E_PROTOCOL, ALERT_UNEXPECTED_MESSAGE, text);
}

/* --- Messages --- */

static bool is_tls1_3(const stls_guard *guard) {
    return guard->choice.version == STLS_TLS1_3 && !guard->choice.retry;
}

/* Keeps it, in the place of one from before. */
static stls_complaint look_at_client_hello(stls_guard *guard, stls_bytes body) {
    stls_queue *first = guard->hello;
    guard->hello = NULL;
    guard->says = (stls_be_hello){.extended_master = false};
    guard->no_memory |= !stls_queue_add(&guard->hello, body.data, body.len);
    body = bytes_of(guard->hello);
    stls_complaint complaint = {.result = STLS_OK};
    if (!guard->no_memory) {
        complaint = first == NULL ? stls_check_client_hello(body, guard->version_min,
                                                            guard->version_max, &guard->says)
                                  : stls_check_second_hello(body, bytes_of(first),
                                                            guard->choice.group, &guard->says);
    }
    stls_queue_free(&first);
    return complaint;
}

static stls_complaint look_at_server_hello(stls_guard *guard, stls_bytes body) {
    stls_complaint complaint = stls_check_server_hello(
        body, bytes_of(guard->hello), guard->version_min, guard->version_max, &guard->choice);
    guard->says.extended_master = guard->choice.extended_master;
    guard->says.group = guard->choice.group;
    return complaint;
}

static bool look_at_hello(stls_guard *guard, stls_bytes body, size_t behind) {
    guard->complaint =
        guard->is_server ? look_at_client_hello(guard, body) : look_at_server_hello(guard, body);
    if (guard->complaint.text == NULL && behind > 0 &&
        (guard->is_server || guard->choice.version == STLS_TLS1_3)) {
        return surprise(guard, "it sends something behind its hello in the same record");
    }
    guard->waits_for_hello = !guard->is_server && guard->choice.retry;
    return guard->complaint.text == NULL;
}

static bool look_at_length(stls_guard *guard, uint8_t type, size_t len) {
    if (guard->waits_for_hello && len > HELLO_MAX) {
        return refuse(guard, STLS_E_LIMIT, ALERT_DECODE_ERROR, too_long_a_hello);
    }
    if (type == CERTIFICATE && len > guard->chain_bytes_max + CERTIFICATES_EXTRA) {
        return refuse(guard, STLS_E_LIMIT, ALERT_CERTIFICATE_UNKNOWN,
                      "its certificates are longer than the limit");
    }
    if (type != CERTIFICATE && len > MESSAGE_MAX) {
        return refuse(guard, STLS_E_LIMIT, ALERT_DECODE_ERROR,
                      "it announces a handshake message that is longer than any has to be");
    }
    return true;
}

/* Whether a peer may send a message of `type` in the clear at all. In which order is for the
 * library to know. */
static bool is_due(const stls_guard *guard, uint8_t type) {
    if (guard->waits_for_hello) {
        return type == (guard->is_server ? CLIENT_HELLO : SERVER_HELLO);
    }
    if (guard->is_server) {
        return type == CERTIFICATE || type == CERTIFICATE_VERIFY || type == CLIENT_KEY_EXCHANGE;
    }
    return type == HELLO_REQUEST || type == NEW_SESSION_TICKET || type == CERTIFICATE ||
           type == SERVER_KEY_EXCHANGE || type == CERTIFICATE_REQUEST ||
           type == SERVER_HELLO_DONE || type == CERTIFICATE_STATUS;
}

/* HelloRequest: RFC 5246, 7.4.1.1. */
static bool is_to_be_ignored(const uint8_t *message, size_t len) {
    return message[0] == HELLO_REQUEST && len == MESSAGE_HEADER;
}

/* Looks at the first message of `in`. `*len` is its length; 0: it is not whole. */
static bool look_at_message(stls_guard *guard, stls_bytes in, size_t *len) {
    *len = 0;
    if (in.len < MESSAGE_HEADER) {
        return true;
    }
    size_t body_len = (size_t)in.data[1] << 16 | (size_t)in.data[2] << 8 | in.data[3];
    if (!is_due(guard, in.data[0])) {
        return surprise(guard, guard->waits_for_hello
                                   ? "it begins with another message than a hello"
                                   : "it sends a message that it must not send in the clear");
    }
    if (!look_at_length(guard, in.data[0], body_len)) {
        return false;
    }
    if (in.len - MESSAGE_HEADER < body_len) {
        return true;
    }
    *len = MESSAGE_HEADER + body_len;
    return !guard->waits_for_hello ||
           look_at_hello(guard, (stls_bytes){in.data + MESSAGE_HEADER, body_len}, in.len - *len);
}

/* Whether the messages of `*in` may pass as they are; if not, or not all, `*in` is what is left. */
static bool look_in_place(stls_guard *guard, stls_bytes *in) {
    while (in->len > 0) {
        size_t len;
        if (!look_at_message(guard, *in, &len)) {
            return false;
        }
        if (len == 0 || is_to_be_ignored(in->data, len)) {
            return true;
        }
        in->data += len;
        in->len -= len;
    }
    return true;
}

/* Hands on what is whole of messages that came in pieces. */
static bool look_at_pieces(stls_guard *guard) {
    while (guard->message != NULL) {
        stls_bytes in = {guard->message->data + guard->message->start, guard->message->len};
        size_t len;
        if (!look_at_message(guard, in, &len)) {
            return false;
        }
        if (len == 0) {
            break;
        }
        if (!is_to_be_ignored(in.data, len)) {
            hand_on(guard, (stls_bytes){in.data, len});
        } else if (++guard->idle > IDLE_MAX) {
            return surprise(guard, leads_nowhere);
        }
        stls_queue_take(&guard->message, len);
    }
    return true;
}

/* --- Records --- */

/* Whether it is not for us to judge a record with this header: its content is encrypted, or our
 * alert would have to be. */
static bool is_beyond_us(const stls_guard *guard, uint8_t type, size_t len) {
    if (is_tls1_3(guard)) {
        return type != CCS || len != 1; /* that of RFC 8446, D.4 is dropped */
    }
    return stls_queue_len(guard->message) == 0 && type == CCS && !guard->waits_for_hello;
}

/* Whether data may be here: early data, which a HelloRetryRequest has refused. It is dropped (RFC
 * 8446, 4.2.10), and the hello behind it is looked at as any other. */
static bool is_early_data(const stls_guard *guard) {
    return guard->is_server && guard->waits_for_hello && guard->choice.retry &&
           stls_announces_early_data(bytes_of(guard->hello));
}

/* A header is there. */
static bool look_at_header(stls_guard *guard, const uint8_t *header, size_t len) {
    uint8_t type = header[0];
    if (is_beyond_us(guard, type, len)) {
        step_aside(guard);
        return true;
    }
    if (header[1] != 3) {
        return refuse(guard, STLS_E_PROTOCOL, ALERT_PROTOCOL_VERSION,
                      "it sends a record of an unknown version");
    }
    if (type < CCS || type > DATA) {
        return surprise(guard, "it sends a record of an unknown type");
    }
    if (type != HANDSHAKE && stls_queue_len(guard->message) > 0) {
        return surprise(guard, "it sends something else in the middle of a message");
    }
    bool early = type == DATA && is_early_data(guard);
    if ((type == DATA && !early) ||
        (type == CCS && guard->waits_for_hello && !guard->choice.retry)) {
        return surprise(guard, type == DATA ? "it sends data during the handshake"
                                            : "it begins with a ChangeCipherSpec");
    }
    if (len > (early ? ENCRYPTED_MAX : FRAGMENT_MAX)) {
        return refuse(guard, STLS_E_PROTOCOL, ALERT_RECORD_OVERFLOW,
                      "it sends a record that is longer than the protocol allows");
    }
    if (type == ALERT && len != 2) {
        return refuse(guard, STLS_E_PROTOCOL, ALERT_DECODE_ERROR, "it sends a malformed alert");
    }
    return len > 0 || surprise(guard, "it sends a record that is empty");
}

/* The record that waits first, of `len` bytes with its header, passes. */
static void pass(stls_guard *guard, uint8_t *record, size_t len) {
    record[1] = record[2] = 3; /* the usual version */
    guard->cleared = len;
}

static bool look_at_handshake(stls_io *io, uint8_t *record, size_t len) {
    stls_guard *guard = io->guard;
    const stls_bytes body = {record + RECORD_HEADER, len - RECORD_HEADER};
    stls_bytes rest = body;
    if (guard->message == NULL) {
        if (!look_in_place(guard, &rest)) {
            return false;
        }
        if (rest.len == 0) {
            pass(guard, record, len);
            return true;
        }
        hand_on(guard, (stls_bytes){body.data, body.len - rest.len});
    }
    guard->no_memory |= !stls_queue_add(&guard->message, rest.data, rest.len);
    stls_io_drop(io, len);
    return guard->no_memory || look_at_pieces(guard);
}

/* A record is there, of `len` bytes with its header. */
static bool look_at_record(stls_io *io, uint8_t *record, size_t len) {
    stls_guard *guard = io->guard;
    bool idle = record[0] != HANDSHAKE && ++guard->idle > IDLE_MAX;
    if ((record[0] == CCS && record[RECORD_HEADER] != 1) || (idle && is_tls1_3(guard))) {
        step_aside(guard);
        return true;
    }
    if (idle) {
        return surprise(guard, leads_nowhere);
    }
    if (record[0] != DATA && len - RECORD_HEADER > guard->longest) {
        guard->longest = len - RECORD_HEADER;
    }
    if (record[0] == HANDSHAKE) {
        return look_at_handshake(io, record, len);
    }
    if (record[0] == ALERT) {
        pass(guard, record, len);
    } else {
        stls_io_drop(io, len);
    }
    return true;
}

/* Nothing is encrypted yet, so this is what the peer can read. */
static stls_be_status end(stls_io *io) {
    const uint8_t record[] = {ALERT, 3, 3, 0, 2, 2, io->guard->complaint.alert};
    io->guard->on = false;
    (void)stls_io_send(io, record, sizeof record);
    return STLS_BE_FAILED;
}

/* Looks at the next record. */
static stls_be_status look(stls_io *io) {
    stls_guard *guard = io->guard;
    uint8_t *record;
    size_t there;
    stls_be_status status = stls_io_look(io, RECORD_HEADER, &record, &there);
    if (status != STLS_BE_OK) {
        return status;
    }
    size_t len = (size_t)record[3] << 8 | record[4];
    if (!look_at_header(guard, record, len)) {
        return end(io);
    }
    len += RECORD_HEADER;
    if (guard->on && there < len) {
        status = stls_io_look(io, len, &record, &there);
    }
    if (status == STLS_BE_OK && guard->on && !look_at_record(io, record, len)) {
        return end(io);
    }
    return status;
}

static stls_be_status give_ready(stls_guard *guard, uint8_t *data, size_t size, size_t *got) {
    const stls_queue *ready = guard->ready;
    *got = ready->len < size ? ready->len : size;
    memcpy(data, ready->data + ready->start, *got);
    stls_queue_take(&guard->ready, *got);
    return STLS_BE_OK;
}

stls_be_status stls_guard_recv(stls_io *io, uint8_t *data, size_t size, size_t *got) {
    stls_guard *guard = io->guard;
    stls_be_status status = STLS_BE_OK;
    while (guard->cleared == 0 && guard->on && guard->ready == NULL && !guard->no_memory &&
           status == STLS_BE_OK) {
        status = look(io);
    }
    if (guard->no_memory || guard->complaint.text != NULL) {
        io->no_memory |= guard->no_memory;
        return STLS_BE_FAILED;
    }
    if (guard->ready != NULL) {
        return give_ready(guard, data, size, got);
    }
    if (guard->cleared > 0) {
        status = stls_io_take(io, data, size < guard->cleared ? size : guard->cleared, got);
        guard->cleared -= *got;
        return status;
    }
    stls_guard_settle(io);
    return status == STLS_BE_OK ? stls_io_take(io, data, size, got) : status;
}

/* --- What we send --- */

/* A hello of our own is whole. Keeps a ClientHello, and learns from a ServerHello. */
static void learn_hello(stls_guard *guard, stls_bytes hello) {
    if (!guard->is_server) {
        stls_queue_free(&guard->hello);
        guard->no_memory |= !stls_queue_add(&guard->hello, hello.data, hello.len);
    } else if (stls_read_choice(hello, &guard->choice)) {
        guard->waits_for_hello = guard->choice.retry;
        guard->says.group = guard->choice.group;
    }
}

static bool is_hello_of_ours(const stls_guard *guard, uint8_t type) {
    return type == (guard->is_server ? SERVER_HELLO : CLIENT_HELLO);
}

/* The length of the message that `in` begins with; more than there is, if that is not known yet. */
static size_t message_len(stls_bytes in) {
    return in.len < MESSAGE_HEADER
               ? MESSAGE_HEADER
               : MESSAGE_HEADER + ((size_t)in.data[1] << 16 | (size_t)in.data[2] << 8 | in.data[3]);
}

/* `body` is that of a record. A hello takes several if short ones are agreed, and OpenSSL sends
 * them from the first on to a server whose session it offers. */
static void learn_from_handshake(stls_guard *guard, stls_bytes body) {
    stls_bytes in = body;
    if (guard->own == NULL && (body.len == 0 || !is_hello_of_ours(guard, body.data[0]))) {
        return;
    }
    if (guard->own != NULL || message_len(body) > body.len) {
        guard->no_memory |= !stls_queue_add(&guard->own, body.data, body.len);
        in = bytes_of(guard->own);
    }
    size_t len = message_len(in);
    if (len <= in.len) { /* more messages may be behind it */
        learn_hello(guard, (stls_bytes){in.data + MESSAGE_HEADER, len - MESSAGE_HEADER});
        stls_queue_free(&guard->own);
    }
}

/* Whether the next message of our own is a hello: behind the last ServerHello there is none. */
static bool is_hello_due(const stls_guard *guard) {
    return guard->choice.version == 0 || guard->choice.retry;
}

/* A record of our own is whole. */
static void learn(stls_guard *guard, stls_bytes record) {
    if (record.data[0] == CCS && guard->choice.version != STLS_TLS1_3) {
        step_aside(guard); /* our next alert is encrypted */
    } else if (record.data[0] == HANDSHAKE && is_hello_due(guard)) {
        learn_from_handshake(guard,
                             (stls_bytes){record.data + RECORD_HEADER, record.len - RECORD_HEADER});
    }
}

/* In TLS 1.3 nothing is to be learnt from what we send behind the ServerHello. */
static bool knows_enough(const stls_guard *guard) {
    return !guard->on || is_tls1_3(guard);
}

/* Looks at the records of `sent` that are whole; their length. */
static size_t look_at_sent(stls_guard *guard, stls_bytes sent) {
    size_t done = 0;
    while (!knows_enough(guard) && sent.len - done >= RECORD_HEADER) {
        const uint8_t *record = sent.data + done;
        size_t len = RECORD_HEADER + ((size_t)record[3] << 8 | record[4]);
        if (len > sent.len - done) {
            break;
        }
        learn(guard, (stls_bytes){record, len});
        done += len;
    }
    return done;
}

void stls_guard_sent(stls_guard *guard, const uint8_t *data, size_t len) {
    if (guard == NULL || knows_enough(guard)) {
        return;
    }
    bool in_place = guard->sent == NULL;
    if (!in_place && !stls_queue_add(&guard->sent, data, len)) {
        guard->no_memory = true;
        return;
    }
    size_t done = look_at_sent(guard, in_place ? (stls_bytes){data, len} : bytes_of(guard->sent));
    if (knows_enough(guard)) {
        stls_queue_free(&guard->sent);
        return;
    }
    if (!in_place) {
        stls_queue_take(&guard->sent, done);
    } else if (done < len && !stls_queue_add(&guard->sent, data + done, len - done)) {
        guard->no_memory = true;
    }
}
