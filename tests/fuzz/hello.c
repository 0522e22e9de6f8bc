/* The readers of handshake messages that two backends have of their own (backends/mbedtls/wire.c,
 * backends/wolfssl/hello.c): nothing comes out but what is in the message, and both find the same
 * suites and the same name in a ClientHello.
 *
 * The input: an octet for the length of the records that the message comes in, then the message.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/mbedtls/internal.h"
#include "backends/wolfssl/internal.h"

#include <siptls/siptls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_HEADER = 5, TYPE_HANDSHAKE = 22 };

static void must_at(bool holds, int line) {
    if (!holds) {
        fprintf(stderr, "hello.c: what line %d says does not hold\n", line);
        abort();
    }
}
#define must(holds) must_at((holds), __LINE__)

static void must_be_inside(stls_bytes part, stls_bytes whole) {
    must(part.len == 0 || (part.data >= whole.data && part.len <= whole.len &&
                           (size_t)(part.data - whole.data) <= whole.len - part.len));
}

/* The message in records of at most `size` bytes. */
static stls_bytes in_records(stls_bytes message, size_t size) {
    uint8_t *out = malloc(message.len + (message.len / size + 1) * RECORD_HEADER), *at = out;
    must(out != NULL);
    while (message.len != 0) {
        size_t len = size < message.len ? size : message.len;
        const uint8_t head[RECORD_HEADER] = {TYPE_HANDSHAKE, 3, 1, (uint8_t)(len >> 8),
                                             (uint8_t)len};
        memcpy(at, head, sizeof head);
        memcpy(at + sizeof head, message.data, len);
        at += sizeof head + len;
        message = (stls_bytes){message.data + len, message.len - len};
    }
    return (stls_bytes){out, (size_t)(at - out)};
}

/* --- mbedTLS */

static void read_others(stls_bytes message) {
    stls_bytes chain[MBED_CHAIN_MAX];
    size_t count;
    for (int tls1_3 = 0; tls1_3 < 2; tls1_3++) {
        bool good = mbed_wire_certificates(message, tls1_3 != 0, chain, &count);
        must(count <= MBED_CHAIN_MAX);
        for (size_t i = 0; good && i < count; i++) {
            must_be_inside(chain[i], message);
        }
    }
    (void)mbed_wire_server_hello_has(message, MBED_EXTENSION_KEY_SHARE);
    (void)mbed_wire_key_share_group(message);
    (void)mbed_wire_ecdhe_group(message);
    (void)mbed_wire_ecdhe_scheme(message);
    (void)mbed_wire_verify_scheme(message);
}

static bool read_by_mbedtls(stls_bytes message, mbed_hello *hello) {
    bool good = mbed_wire_client_hello(message, hello);
    stls_bytes data;
    uint32_t age;
    if (good) {
        must_be_inside(hello->suites, message);
        must_be_inside(hello->extensions, message);
        for (uint16_t type = 0; type < 52; type++) {
            if (mbed_wire_extension(hello->extensions, type, &data)) {
                must_be_inside(data, hello->extensions);
                (void)mbed_wire_ticket_age(hello, data, &age);
            }
        }
    }
    return good;
}

static void read_first_record(stls_bytes records) {
    stls_bytes suites;
    if (mbed_wire_offered_suites(records, &suites)) {
        must_be_inside(suites, records);
    }
}

/* --- wolfSSL */

/* A server's connection, as far as reading goes. */
static wolf_conn *server_conn(void) {
    static wolf_context context = {
        .role = STLS_ROLE_SERVER, .group_count = 2, .groups = {29 /* x25519 */, 23 /* P-256 */}};
    static wolf_handshake handshake;
    static wolf_conn conn = {.context = &context, .handshake = &handshake};
    if (conn.ssl == NULL) {
        must(stls_backend_find("wolfssl") != NULL);
        /* It tells the version and nothing else; a server would want a certificate. */
        WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLSv1_3_client_method());
        must(ctx != NULL && (conn.ssl = wolfSSL_new(ctx)) != NULL);
    }
    return &conn;
}

/* What comes out points into the connection's copy. */
static wolf_conn *read_by_wolfssl(stls_bytes records, size_t piece) {
    wolf_conn *conn = server_conn();
    conn->handshake->hello_joined = false;
    for (size_t at = 0; at < records.len; at += piece) {
        size_t len = piece < records.len - at ? piece : records.len - at;
        wolf_hello_add(conn, records.data + at, len);
    }
    (void)wolf_hello_choose_group(conn);
    return conn;
}

/* --- Both */

static size_t count_extensions(stls_bytes list, unsigned type) {
    size_t count = 0;
    while (list.len >= 4) {
        size_t len = 4 + ((size_t)list.data[2] << 8 | list.data[3]);
        count += (unsigned)(list.data[0] << 8 | list.data[1]) == type;
        len = len < list.len ? len : list.len;
        list = (stls_bytes){list.data + len, list.len - len};
    }
    return count;
}

static void must_agree(const mbed_hello *hello, wolf_conn *conn) {
    stls_bytes one, other;
    if (!wolf_hello_server_name(conn, &other)) {
        return;
    }
    must_be_inside(other, (stls_bytes){conn->handshake->hello, conn->handshake->hello_len});
    for (size_t i = 0; i + 1 < hello->suites.len && i < 64; i += 2) {
        uint16_t suite = (uint16_t)(hello->suites.data[i] << 8 | hello->suites.data[i + 1]);
        must(mbed_wire_offers_suite(hello, suite) && wolf_hello_has_suite(conn, suite));
    }
    if (mbed_wire_server_name(hello, &one) &&
        count_extensions(hello->extensions, MBED_EXTENSION_SERVER_NAME) <= 1) {
        must(one.len == other.len && (one.len == 0 || memcmp(one.data, other.data, one.len) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    size_t piece = data[0] < 128 ? 1 + data[0] : 16384;
    stls_bytes message = {data + 1, size - 1}, records = in_records(message, piece);
    mbed_hello hello;
    read_others(message);
    read_first_record(records);
    read_first_record(message);
    wolf_conn *conn = read_by_wolfssl(records, piece);
    if (read_by_mbedtls(message, &hello)) {
        must_agree(&hello, conn);
    }
    wolf_hello_drop(conn);
    union {
        const uint8_t *in;
        void *out;
    } own = {records.data};
    free(own.out);
    return 0;
}
