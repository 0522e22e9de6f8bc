/* Tickets that were changed, offered to a server of the backend that this target is built for by a
 * client of any: the client has the session's secrets and offers the ticket as its own, so that all
 * of the server's reading of tickets is reached.
 *
 * A ticket that is not as the server gave it means a full handshake, and never a failure; none but
 * an untouched one is resumed; and the client's certificates are known in either case.
 *
 * The input: an octet for the kind of connection; then changes of three octets, a place (2) and
 * what its octet is changed by, or, if the first has its top bit set, the place from which on all
 * is zero.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/memory.h"
#include "tests/fuzz/whole/rig.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGE_LEN = 3, NAME_LEN = STLS_TICKET_NAME_LEN };

/* The first octet. */
enum { CLIENT_BACKEND_MASK = 3, IS_1_2 = 1 << 2, MUTUAL = 1 << 3 };

/* A session as the client got it, and where its ticket stands in what the library keeps. */
typedef struct sample {
    stls_session *session;
    size_t at, len;
} sample;

static rig_kind kind_of(uint8_t choice) {
    return (rig_kind){.client = rig_peer_backend(choice & CLIENT_BACKEND_MASK),
                      .server = rig_backend(),
                      .version = (choice & IS_1_2) != 0 ? STLS_TLS1_2 : STLS_TLS1_3,
                      .mutual = (choice & MUTUAL) != 0};
}

static stls_session *take(const rig_kind *kind, const stls_conn *client) {
    uint8_t key[STLS_FINGERPRINT_SIZE];
    stls_context *context = rig_context(kind, STLS_ROLE_CLIENT);
    must(stls_session_key(context, stls_conn_named(client), client->server_name, key), "there is memory");
    return stls_session_cache_take(context->sessions, key, client->proved_at);
}

/* All three libraries keep a ticket behind its length, in two octets (or, in DER, one). */
static void find_ticket(sample *s) {
    uint8_t name[NAME_LEN];
    rig_ticket_name(name);
    stls_bytes state = s->session->state;
    const uint8_t *at = memmem(state.data, state.len, name, sizeof name);
    must(at != NULL, "a ticket begins with the name of its key");
    s->at = (size_t)(at - state.data);
    s->len = (size_t)at[-2] << 8 | at[-1];
    if (s->len > state.len - s->at) {
        s->len = at[-1];
    }
    must(s->len > NAME_LEN + STLS_AEAD_TAG_LEN && s->len <= state.len - s->at, "a ticket's length");
}

static const sample *sample_of(const rig_kind *kind, uint8_t choice) {
    static sample samples[16];
    sample *s = &samples[choice % 16];
    if (s->session == NULL) {
        stls_conn *client = rig_client(kind), *server = rig_server(kind);
        must(rig_join(client, server), "an untouched handshake comes about");
        rig_drain(client);
        s->session = take(kind, client);
        must(s->session != NULL, "a server gives a ticket");
        find_ticket(s);
        stls_conn_free(client);
        stls_conn_free(server);
    }
    return s;
}

/* Whether anything is different afterwards. */
static bool change(uint8_t *ticket, size_t len, stls_bytes changes) {
    uint8_t *before = malloc(len);
    must(before != NULL, "there is memory");
    memcpy(before, ticket, len);
    for (; changes.len >= CHANGE_LEN; changes.len -= CHANGE_LEN, changes.data += CHANGE_LEN) {
        size_t at = ((size_t)(changes.data[0] & 0x7f) << 8 | changes.data[1]) % len;
        if ((changes.data[0] & 0x80) != 0) {
            memset(ticket + at, 0, len - at);
        } else {
            ticket[at] ^= changes.data[2];
        }
    }
    bool changed = memcmp(before, ticket, len) != 0;
    free(before);
    return changed;
}

/* Puts a session like the sample, but with a changed ticket, before the client. */
static bool offer(const rig_kind *kind, const sample *s, stls_bytes changes) {
    stls_session *made = stls_alloc(1, sizeof *made);
    uint8_t *state = stls_alloc(1, s->session->state.len);
    must(made != NULL && state != NULL, "there is memory");
    memcpy(state, s->session->state.data, s->session->state.len);
    bool changed = change(state + s->at, s->len, changes);
    atomic_init(&made->holds, 1);
    memcpy(made->key, s->session->key, sizeof made->key);
    made->received_at = s->session->received_at;
    made->expires_at = s->session->expires_at;
    made->proved_at = s->session->proved_at;
    made->single_use = s->session->single_use;
    made->peer.verdict = s->session->peer.verdict;
    made->peer.chain = stls_chain_copy(s->session->peer.chain, s->session->peer.count);
    made->peer.count = s->session->peer.count;
    made->state = (stls_bytes){state, s->session->state.len};
    stls_session_cache_put(rig_context(kind, STLS_ROLE_CLIENT)->sessions, made);
    return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    const rig_kind kind = kind_of(data[0]);
    rig_begin();
    const sample *s = sample_of(&kind, data[0]);
    rig_begin();
    bool changed = offer(&kind, s, (stls_bytes){data + 1, size - 1});
    stls_conn *client = rig_client(&kind), *server = rig_server(&kind);
    must(rig_join(client, server), "a ticket that is not good means a full handshake");
    stls_conn_info info;
    stls_conn_get_info(server, &info);
    must(info.resumed == !changed, "none but an untouched ticket is resumed");
    must(stls_conn_is_secure(client), "the client knows its server");
    must(!kind.mutual || (stls_conn_is_secure(server) && stls_conn_peer_count(server) > 0),
         "the server knows its client");
    stls_conn_free(client);
    stls_conn_free(server);
    return 0;
}
