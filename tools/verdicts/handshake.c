/* The verdict of a real client connection. The server is a few lines of TLS 1.2 without a key: it
 * answers the ClientHello with ServerHello and Certificate, and says no more. A client that accepts
 * the chain waits for the ServerKeyExchange; one that does not sends an alert.
 *
 * SPDX-License-Identifier: MIT */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_CLIENT_HELLO = 1,
    HANDSHAKE_SERVER_HELLO = 2,
    HANDSHAKE_CERTIFICATE = 11,
    EXTENSION_EXTENDED_MASTER_SECRET = 23,
    EXTENSION_RENEGOTIATION_INFO = 0xff01,
    SUITE_RENEGOTIATION = 0x00ff, /* says the same as the extension (RFC 5746) */
    SUITE_ECDSA = 0xc02b,
    SUITE_RSA = 0xc02f,
    RECORD_MAX = 16384,
};

/* --- Reading the ClientHello */

typedef struct span {
    const uint8_t *at;
    size_t len;
} span;

/* A number of `size` bytes off the front of `from`. */
static bool take_number(span *from, size_t size, size_t *number) {
    *number = 0;
    if (from->len < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        *number = *number << 8 | from->at[i];
    }
    from->at += size;
    from->len -= size;
    return true;
}

/* A vector: its length in `size` bytes, then its content. */
static bool take_vector(span *from, size_t size, span *content) {
    size_t len;
    if (!take_number(from, size, &len) || from->len < len) {
        return false;
    }
    *content = (span){from->at, len};
    from->at += len;
    from->len -= len;
    return true;
}

typedef struct client_hello {
    bool extended_master_secret, renegotiation;
    span suites;
} client_hello;

static bool read_extensions(span extensions, client_hello *hello) {
    size_t type;
    span content;
    while (extensions.len > 0) {
        if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &content)) {
            return false;
        }
        hello->extended_master_secret |= type == EXTENSION_EXTENDED_MASTER_SECRET;
        hello->renegotiation |= type == EXTENSION_RENEGOTIATION_INFO;
    }
    return true;
}

static bool offers(span suites, size_t wanted) {
    size_t suite;
    while (take_number(&suites, 2, &suite)) {
        if (suite == wanted) {
            return true;
        }
    }
    return false;
}

/* It comes in one record. */
static bool read_client_hello(stls_bytes sent, client_hello *hello) {
    span from = {sent.data, sent.len}, record, message, skipped, extensions;
    size_t type, version;
    if (!take_number(&from, 1, &type) || !take_number(&from, 2, &version) ||
        !take_vector(&from, 2, &record) || !take_number(&record, 1, &type) ||
        type != HANDSHAKE_CLIENT_HELLO || !take_vector(&record, 3, &message) || message.len < 34) {
        return false;
    }
    message.at += 34; /* version and random */
    message.len -= 34;
    if (!take_vector(&message, 1, &skipped) || !take_vector(&message, 2, &hello->suites) ||
        !take_vector(&message, 1, &skipped) || !take_vector(&message, 2, &extensions)) {
        return false;
    }
    hello->renegotiation = offers(hello->suites, SUITE_RENEGOTIATION);
    return read_extensions(extensions, hello);
}

/* --- Writing the server's flight */

typedef struct flight {
    uint8_t *data;
    size_t len;
} flight;

static void put_number(flight *to, size_t size, size_t number) {
    while (size-- > 0) {
        to->data[to->len++] = (uint8_t)(number >> size * 8);
    }
}

static void put_bytes(flight *to, const uint8_t *data, size_t len) {
    memcpy(to->data + to->len, data, len);
    to->len += len;
}

static size_t suite_of(const verdict_case *input) {
    return input->key_type == KEY_RSA ? SUITE_RSA : SUITE_ECDSA;
}

static void put_server_hello(flight *to, const verdict_case *input, const client_hello *hello) {
    size_t extensions =
        (hello->renegotiation ? 5U : 0U) + (hello->extended_master_secret ? 4U : 0U);
    put_number(to, 1, HANDSHAKE_SERVER_HELLO);
    put_number(to, 3, 2 + 32 + 1 + 2 + 1 + (extensions > 0 ? 2 + extensions : 0));
    put_number(to, 2, STLS_TLS1_2);
    for (size_t i = 0; i < 32; i++) {
        put_number(to, 1,
                   0x5a); /* "random", and without the mark of a downgrade (RFC 8446 4.1.3) */
    }
    put_number(to, 1, 0); /* no session to resume */
    put_number(to, 2, suite_of(input));
    put_number(to, 1, 0); /* no compression */
    if (extensions > 0) {
        put_number(to, 2, extensions);
    }
    if (hello->renegotiation) {
        put_number(to, 2, EXTENSION_RENEGOTIATION_INFO);
        put_number(to, 2, 1);
        put_number(to, 1, 0);
    }
    if (hello->extended_master_secret) {
        put_number(to, 2, EXTENSION_EXTENDED_MASTER_SECRET);
        put_number(to, 2, 0);
    }
}

static size_t chain_size(const verdict_case *input) {
    size_t size = 0;
    for (size_t i = 0; i < input->chain.count; i++) {
        size += 3 + input->chain.items[i].len;
    }
    return size;
}

static void put_certificates(flight *to, const verdict_case *input) {
    size_t size = chain_size(input);
    put_number(to, 1, HANDSHAKE_CERTIFICATE);
    put_number(to, 3, 3 + size);
    put_number(to, 3, size);
    for (size_t i = 0; i < input->chain.count; i++) {
        put_number(to, 3, input->chain.items[i].len);
        put_bytes(to, input->chain.items[i].data, input->chain.items[i].len);
    }
}

/* The messages in records. */
static bool feed_records(stls_conn *conn, const flight *messages) {
    for (size_t at = 0; at < messages->len; at += RECORD_MAX) {
        size_t left = messages->len - at, len = left < RECORD_MAX ? left : RECORD_MAX;
        uint8_t header[] = {22, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
        if (stls_conn_feed(conn, header, sizeof header) != STLS_OK ||
            stls_conn_feed(conn, messages->data + at, len) != STLS_OK) {
            return false;
        }
    }
    return true;
}

static bool answer_hello(stls_conn *conn, const verdict_case *input, const client_hello *hello) {
    size_t room = 128 + chain_size(input);
    flight messages = {malloc(room), 0};
    if (messages.data == NULL) {
        return false;
    }
    put_server_hello(&messages, input, hello);
    put_certificates(&messages, input);
    bool good = feed_records(conn, &messages);
    free(messages.data);
    return good;
}

/* --- The client's reaction */

static void take_reaction(stls_conn *conn, stls_result result, judgement *out) {
    const stls_verdict *verdict = stls_conn_verdict(conn);
    if (verdict->state == STLS_VERDICT_REJECTED) {
        judgement_take(out, verdict);
    } else if (result == STLS_WANT_READ && verdict->state == STLS_VERDICT_ACCEPTED) {
        judgement_take(out, verdict);
    } else if (result == STLS_WANT_READ) {
        judgement_say(out, ANSWER_UNSUPPORTED, "the client waits, but gave no verdict");
    } else { /* the library did not let the chain come to a verdict */
        judgement_say(out, ANSWER_REJECT, "without a verdict: %s", stls_conn_error(conn)->text);
    }
}

static void shake_hands(stls_conn *conn, const verdict_case *input, judgement *out) {
    client_hello hello = {.renegotiation = false};
    stls_result result = stls_conn_handshake(conn);
    stls_bytes sent = stls_conn_peek(conn);
    if (result != STLS_WANT_READ || !read_client_hello(sent, &hello)) {
        judgement_say(out, ANSWER_UNSUPPORTED, "the client sent no ClientHello that can be read");
        return;
    }
    if (!offers(hello.suites, suite_of(input))) {
        judgement_say(out, ANSWER_UNSUPPORTED, "the client does not offer the cipher suite");
        return;
    }
    if (stls_conn_consume(conn, sent.len) != STLS_OK || !answer_hello(conn, input, &hello)) {
        judgement_say(out, ANSWER_UNSUPPORTED, "the chain is too large for the memory transport");
        return;
    }
    take_reaction(conn, stls_conn_handshake(conn), out);
}

void judge_handshake(const stls_backend *backend, const verdict_case *input, judgement *out) {
    stls_conn *conn = NULL;
    stls_error error;
    if (judge_cannot(input, out)) {
        return;
    }
    if (input->kind == LEAF_CLIENT) {
        judgement_say(out, ANSWER_UNSUPPORTED,
                      "a client's chain needs a client with its key: use --mode verify");
        return;
    }
    stls_context *context = judge_context(backend, STLS_ROLE_CLIENT, input, out);
    if (context == NULL) {
        return;
    }
    if (stls_conn_new(context, input->name, &conn, &error) != STLS_OK ||
        stls_conn_use_memory(conn, &error) != STLS_OK) {
        judgement_say(out, ANSWER_REJECT, "%s", error.text);
    } else {
        shake_hands(conn, input, out);
    }
    stls_conn_free(conn);
    stls_context_free(context);
}
