/* backends/wolfssl/hello.c - the groups of a server.
 *
 * In TLS 1.2 a server of wolfSSL takes whatever group the client offers, also one that is not in
 * its own list, and in the client's order. So we read the client's list ourselves, choose, and
 * leave wolfSSL one group. It shows the ClientHello to nobody; but that is in the clear, and passes
 * through wolf_recv. In TLS 1.3 wolfSSL keeps to its list; there we only see to it that "no group
 * in common" is told as on the other backends.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    WOLF_RECORD_HEADER = 5,
    WOLF_HELLO_MAX = 65536,
    WOLF_EXTENSION_GROUPS = 10,
    WOLF_P256 = 23, /* what a client without the extension is taken to have */
};

void wolf_hello_add(wolf_conn *conn, const uint8_t *data, size_t len) {
    uint8_t *more;

    if (conn->context->role != STLS_ROLE_SERVER || conn->selected ||
        conn->context->group_count == 0)
        return;
    if (conn->hello_len + len > WOLF_HELLO_MAX) { /* wolfSSL takes no such message either */
        wolf_hello_drop(conn);
        return;
    }
    more = realloc(conn->hello, conn->hello_len + len);
    if (!more) { /* no ClientHello, no group: wolf_hello_choose_group refuses */
        conn->no_memory = true;
        wolf_hello_drop(conn);
        return;
    }
    memcpy(more + conn->hello_len, data, len);
    conn->hello = more;
    conn->hello_len += len;
}

void wolf_hello_drop(wolf_conn *conn) {
    free(conn->hello);
    conn->hello = NULL;
    conn->hello_len = 0;
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

/* False: not a ClientHello. *groups is empty if there is no such extension. */
static bool wolf_client_groups(stls_bytes message, stls_bytes *groups) {
    stls_bytes hello, extensions, skipped, type, body;

    *groups = (stls_bytes){NULL, 0};
    if (!wolf_take(&message, 1, &type) || type.data[0] != 1 ||
        !wolf_take_vector(&message, 3, &hello) ||
        !wolf_take(&hello, 2 + 32, &skipped) ||    /* version, random */
        !wolf_take_vector(&hello, 1, &skipped) ||  /* session */
        !wolf_take_vector(&hello, 2, &skipped) ||  /* suites */
        !wolf_take_vector(&hello, 1, &skipped) ||  /* compression */
        !wolf_take_vector(&hello, 2, &extensions)) /* wolfSSL has found some: absent is an error */
        return false;
    while (extensions.len > 0) {
        if (!wolf_take(&extensions, 2, &type) || !wolf_take_vector(&extensions, 2, &body))
            return false;
        if ((type.data[0] << 8 | type.data[1]) == WOLF_EXTENSION_GROUPS)
            return wolf_take_vector(&body, 2, groups);
    }
    return true;
}

static bool wolf_offers(stls_bytes groups, int group) {
    for (size_t i = 0; i + 1 < groups.len; i += 2)
        if ((groups.data[i] << 8 | groups.data[i + 1]) == group)
            return true;
    return groups.len == 0 && group == WOLF_P256;
}

bool wolf_hello_choose_group(wolf_conn *conn) {
    const wolf_context *context = conn->context;
    stls_bytes groups;

    if (context->group_count == 0)
        return true;
    conn->hello_len = wolf_join(conn->hello, conn->hello_len);
    if (!wolf_client_groups((stls_bytes){conn->hello, conn->hello_len}, &groups))
        return false;
    for (size_t i = 0; i < context->group_count; i++) {
        int group = context->groups[i];
        if (wolf_offers(groups, group))
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
