/* The readers of handshake messages (api/hello.c, backends/mbedtls/wire.c): nothing comes out but
 * what is in the message.
 *
 * The input: a message; its first two bytes are also where, in what is behind its header, the second
 * of two hellos begins.
 *
 * SPDX-License-Identifier: MIT */
#include "api/hello.h"
#include "backends/mbedtls/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    (void)mbed_wire_ecdhe_group(message);
    (void)mbed_wire_ecdhe_scheme(message);
    (void)mbed_wire_verify_scheme(message);
}

static void read_age(const stls_be_hello *says) {
    uint32_t age;
    stls_bytes identities = says->identities;
    if (identities.len > 2) {
        stls_bytes first = {identities.data + 2,
                            (size_t)identities.data[0] << 8 | identities.data[1]};
        must_be_inside(first, identities);
        must(mbed_wire_ticket_age(identities, first, &age));
    }
}

/* --- The core */

static void read_hello(stls_bytes body) {
    stls_be_hello says = {.extended_master = false};
    if (stls_check_client_hello(body, STLS_TLS1_2, STLS_TLS1_3, &says).text != NULL) {
        return;
    }
    must(says.max_fragment == 0 || (says.max_fragment >= 512 && says.max_fragment <= 4096));
    must_be_inside(says.suites, body);
    must_be_inside(says.groups, body);
    must_be_inside(says.server_name, body);
    must_be_inside(says.identities, body);
    must(says.suites.len > 0 && says.suites.len % 2 == 0 && says.groups.len % 2 == 0);
    must(says.server_name.len == 0 ||
         memchr(says.server_name.data, 0, says.server_name.len) == NULL);
    read_age(&says);
}

/* Two hellos: a ClientHello, and what comes after it, a second one or the answer. */
static void read_two(stls_bytes first, stls_bytes next) {
    stls_be_hello says = {.extended_master = false};
    stls_choice choice = {.retry = false};
    if (stls_check_second_hello(next, first, 0, &says).text == NULL) {
        must_be_inside(says.suites, next);
        must_be_inside(says.identities, next);
    }
    if (stls_check_server_hello(next, first, STLS_TLS1_2, STLS_TLS1_3, &choice).text == NULL) {
        must(choice.version == STLS_TLS1_2 || choice.version == STLS_TLS1_3);
    }
    (void)stls_read_choice(next, &choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MESSAGE_HEADER = 4 };
    read_others((stls_bytes){data, size});
    if (size > MESSAGE_HEADER) {
        stls_bytes body = {data + MESSAGE_HEADER, size - MESSAGE_HEADER};
        size_t first = (size_t)data[0] << 8 | data[1];
        read_hello(body);
        read_two(body, body);
        if (first < body.len) {
            read_two((stls_bytes){body.data, first},
                     (stls_bytes){body.data + first, body.len - first});
        }
    }
    return 0;
}
