/* backends/mbedtls/wire.c - the few TLS messages that the backend reads itself, as bytes.
 *
 * mbedTLS has no calls that tell the exact certificates of the peer, the negotiated group or the
 * peer's signature scheme; the messages do. Nothing here touches the library. Every function takes
 * the bytes of one message, trusts no length in them, and says "no" or 0 when in doubt.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

enum {
    MESSAGE_HEADER = 4, /* type, 24-bit length */
    CURVE_TYPE_NAMED = 3,
};

/* Takes a big-endian number of `size` bytes off the front of `from`. */
static bool take_number(stls_bytes *from, size_t size, size_t *number) {
    size_t value = 0;
    if (from->len < size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | from->data[i];
    }
    *number = value;
    from->data += size;
    from->len -= size;
    return true;
}

static bool take_bytes(stls_bytes *from, size_t len, stls_bytes *taken) {
    if (from->len < len) {
        return false;
    }
    *taken = (stls_bytes){from->data, len};
    from->data += len;
    from->len -= len;
    return true;
}

/* Takes a vector: its length as a number of `size` bytes, then its bytes. */
static bool take_vector(stls_bytes *from, size_t size, stls_bytes *vector) {
    size_t len;
    return take_number(from, size, &len) && take_bytes(from, len, vector);
}

static bool skip(stls_bytes *from, size_t len) {
    stls_bytes skipped;
    return take_bytes(from, len, &skipped);
}

static bool skip_vector(stls_bytes *from, size_t size) {
    stls_bytes skipped;
    return take_vector(from, size, &skipped);
}

/* The certificates of a Certificate message, into at most MBED_CHAIN_MAX entries of `chain`. */
bool mbed_wire_certificates(stls_bytes message, bool tls1_3, stls_bytes *chain, size_t *count) {
    stls_bytes list;
    *count = 0;
    if (!skip(&message, MESSAGE_HEADER) || (tls1_3 && !skip_vector(&message, 1)) ||
        !take_vector(&message, 3, &list) || message.len != 0) {
        return false;
    }
    while (list.len > 0) {
        if (*count == MBED_CHAIN_MAX || !take_vector(&list, 3, &chain[*count]) ||
            (tls1_3 && !skip_vector(&list, 2))) {
            return false;
        }
        ++*count;
    }
    return true;
}

/* The age that a client of TLS 1.3 sends with `ticket`, as it is sent; `identities` are what it
 * offers. */
bool mbed_wire_ticket_age(stls_bytes identities, stls_bytes ticket, uint32_t *age) {
    stls_bytes identity;
    size_t number;
    while (take_vector(&identities, 2, &identity) && take_number(&identities, 4, &number)) {
        if (identity.len == ticket.len && memcmp(identity.data, ticket.data, ticket.len) == 0) {
            *age = (uint32_t)number;
            return true;
        }
    }
    return false;
}

/* The group in the ServerKeyExchange of an ECDHE suite; 0: there is none. */
uint16_t mbed_wire_ecdhe_group(stls_bytes message) {
    size_t type, group;
    if (!skip(&message, MESSAGE_HEADER) || !take_number(&message, 1, &type) ||
        type != CURVE_TYPE_NAMED || !take_number(&message, 2, &group)) {
        return 0;
    }
    return (uint16_t)group;
}

uint16_t mbed_wire_ecdhe_scheme(stls_bytes message) {
    size_t scheme;
    if (!skip(&message, MESSAGE_HEADER) || !skip(&message, 1 + 2) || !skip_vector(&message, 1) ||
        !take_number(&message, 2, &scheme)) {
        return 0;
    }
    return (uint16_t)scheme;
}

uint16_t mbed_wire_verify_scheme(stls_bytes message) {
    size_t scheme;
    if (!skip(&message, MESSAGE_HEADER) || !take_number(&message, 2, &scheme)) {
        return 0;
    }
    return (uint16_t)scheme;
}
