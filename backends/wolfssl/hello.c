/* backends/wolfssl/hello.c - what a server reads in a ClientHello itself: groups, suites, name.
 *
 * In TLS 1.2 a server of wolfSSL takes whatever group the client offers, also one that is not in
 * its own list, and in the client's order. So we read the client's list ourselves, choose, and
 * leave wolfSSL one group. It shows the ClientHello to nobody; but that is in the clear, and passes
 * through wolf_recv. In TLS 1.3 wolfSSL keeps to its list; there we only see to it that "no group
 * in common" is told as on the other backends.
 *
 * In TLS 1.2 wolfSSL opens a ticket while it still reads extensions, before it knows the name that
 * the client asks for, and without a look at its suites.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

enum {
    WOLF_RECORD_HEADER = 5,
    WOLF_HELLO_MAX = 65536,
    WOLF_EXTENSION_NAME = 0,
    WOLF_EXTENSION_GROUPS = 10,
    WOLF_P256 = 23, /* what a client without the extension is taken to have */
};

void wolf_hello_add(wolf_conn *conn, const uint8_t *data, size_t len) {
    uint8_t *more;

    if (conn->context->role != STLS_ROLE_SERVER || conn->selected ||
        (conn->context->group_count == 0 && !(conn->context->applied & STLS_BE_SET_TICKETS)))
        return;
    if (conn->handshake->hello_len + len >
        WOLF_HELLO_MAX) { /* wolfSSL takes no such message either */
        wolf_hello_drop(conn);
        return;
    }
    more = XREALLOC(conn->handshake->hello, conn->handshake->hello_len + len, NULL,
                    DYNAMIC_TYPE_TMP_BUFFER);
    if (!more) { /* no ClientHello, no group: wolf_hello_choose_group refuses */
        conn->no_memory = true;
        wolf_hello_drop(conn);
        return;
    }
    memcpy(more + conn->handshake->hello_len, data, len);
    conn->handshake->hello = more;
    conn->handshake->hello_len += len;
}

void wolf_hello_drop(wolf_conn *conn) {
    if (!conn->handshake)
        return;
    XFREE(conn->handshake->hello, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    conn->handshake->hello = NULL;
    conn->handshake->hello_len = 0;
}

static bool wolf_take(stls_bytes *in, size_t n, stls_bytes *out) {
    if (in->len < n)
        return false;
    *out = (stls_bytes){in->data, n};
    *in = (stls_bytes){in->data + n, in->len - n};
    return true;
}

/* A vector of TLS whose length is a number of `width` bytes. */
static bool wolf_take_vector(stls_bytes *in, size_t width, stls_bytes *out) {
    stls_bytes number;
    size_t len = 0;

    if (!wolf_take(in, width, &number))
        return false;
    for (size_t i = 0; i < width; i++)
        len = len << 8 | number.data[i];
    return wolf_take(in, len, out);
}

/* Takes the record headers out of `records`; the length of what is left. */
static size_t wolf_join(uint8_t *records, size_t len) {
    size_t joined = 0;

    for (size_t at = 0; at + WOLF_RECORD_HEADER <= len;) {
        size_t n = (size_t)(records[at + 3] << 8 | records[at + 4]);
        at += WOLF_RECORD_HEADER;
        if (n > len - at)
            break;
        memmove(records + joined, records + at, n);
        joined += n;
        at += n;
    }
    return joined;
}

typedef struct wolf_hello {
    stls_bytes suites;
    stls_bytes groups; /* empty: there is no such extension */
    stls_bytes names;  /* ServerNameList; empty: there is no such extension */
} wolf_hello;

static bool wolf_read_extensions(stls_bytes extensions, wolf_hello *hello) {
    stls_bytes type, body;

    while (extensions.len > 0) {
        if (!wolf_take(&extensions, 2, &type) || !wolf_take_vector(&extensions, 2, &body))
            return false;
        switch (type.data[0] << 8 | type.data[1]) {
        case WOLF_EXTENSION_GROUPS:
            if (!wolf_take_vector(&body, 2, &hello->groups))
                return false;
            break;
        case WOLF_EXTENSION_NAME:
            if (!wolf_take_vector(&body, 2, &hello->names))
                return false;
            break;
        default:
            break;
        }
    }
    return true;
}

/* False: not a ClientHello. */
static bool wolf_read_hello(wolf_conn *conn, wolf_hello *hello) {
    stls_bytes message, body, extensions, skipped, type;

    *hello = (wolf_hello){0};
    if (!conn->handshake->hello_joined) {
        conn->handshake->hello_len = wolf_join(conn->handshake->hello, conn->handshake->hello_len);
        conn->handshake->hello_joined = true;
    }
    message = (stls_bytes){conn->handshake->hello, conn->handshake->hello_len};
    return wolf_take(&message, 1, &type) && type.data[0] == 1 &&
           wolf_take_vector(&message, 3, &body) &&
           wolf_take(&body, 2 + 32, &skipped) &&   /* version, random */
           wolf_take_vector(&body, 1, &skipped) && /* session */
           wolf_take_vector(&body, 2, &hello->suites) &&
           wolf_take_vector(&body, 1, &skipped) &&    /* compression */
           wolf_take_vector(&body, 2, &extensions) && /* wolfSSL has found some */
           wolf_read_extensions(extensions, hello);
}

static bool wolf_list_has(stls_bytes list, unsigned code) {
    for (size_t i = 0; i + 1 < list.len; i += 2)
        if ((unsigned)(list.data[i] << 8 | list.data[i + 1]) == code)
            return true;
    return false;
}

bool wolf_hello_has_suite(wolf_conn *conn, uint16_t suite) {
    wolf_hello hello;
    return wolf_read_hello(conn, &hello) && wolf_list_has(hello.suites, suite);
}

bool wolf_hello_server_name(wolf_conn *conn, stls_bytes *name) {
    wolf_hello hello;
    stls_bytes type;

    *name = (stls_bytes){NULL, 0};
    if (!wolf_read_hello(conn, &hello))
        return false;
    while (hello.names.len > 0) {
        stls_bytes entry;
        if (!wolf_take(&hello.names, 1, &type) || !wolf_take_vector(&hello.names, 2, &entry))
            return false;
        if (type.data[0] == 0) { /* host_name */
            *name = entry;
            return true;
        }
    }
    return true;
}

bool wolf_hello_choose_group(wolf_conn *conn) {
    const wolf_context *context = conn->context;
    wolf_hello hello;

    if (context->group_count == 0)
        return true;
    if (!wolf_read_hello(conn, &hello))
        return false;
    for (size_t i = 0; i < context->group_count; i++) {
        int group = context->groups[i];
        if (group == WOLF_X25519MLKEM768 && wolfSSL_version(conn->ssl) != STLS_TLS1_3)
            continue;
        if (wolf_list_has(hello.groups, (unsigned)group) ||
            (hello.groups.len == 0 && group == WOLF_P256))
            return wolfSSL_version(conn->ssl) == STLS_TLS1_3 ||
                   wolfSSL_set_groups(conn->ssl, &group, 1) == WOLFSSL_SUCCESS;
    }
    return false;
}

bool wolf_hello_may_be_bare(const wolf_context *context) {
    bool p256 = context->group_count == 0;

    for (size_t i = 0; i < context->group_count; i++)
        p256 |= context->groups[i] == WOLF_P256; /* wolfSSL takes it then */
    return p256 && !context->select_wanted;
}
