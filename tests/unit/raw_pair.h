/* tests/unit/raw_pair.h - two ends that talk to each other through the contract alone.
 *
 * The model: a raw_context is one context block of a backend; a raw_end is one connection block
 * with the upcalls of this file behind it, and counts what was asked of it; a raw_pair is a client
 * and a server with two streams in memory between them. Nothing of the core is in between: what is
 * tested is how a backend keeps its side of backends/contract.h.
 *
 * The upcalls keep tickets in both ways of the contract: sealed here (with the aead slots of the
 * server's backend), or by the library with keys from here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_UNIT_RAW_PAIR_H
#define STLS_TESTS_UNIT_RAW_PAIR_H

#include "api/hello.h"
#include "certstore/keep/credential.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    RAW_STREAM_SIZE = 1 << 16,
    RAW_SESSION_SIZE = 1 << 14,
    RAW_SESSIONS_MAX = 10,
    RAW_SECRETS_MAX = 16,
    RAW_RECORD_SIZE = 4096,
    RAW_SMALL_RECORD = 32, /* has room in the ticket of any library */
};

/* --- What a test chooses */

typedef struct raw_settings {
    uint32_t wanted; /* besides what every context has */
    uint16_t version_min, version_max;
    uint16_t suite;    /* 0: two of each version */
    uint16_t group;    /* 0: two */
    const char *names; /* of the credential in the PKI; NULL: "server" for a server, none else */
    stls_be_client_auth client_auth;
    unsigned tickets; /* 0: 1 */
    uint32_t lifetime_s;
    uint16_t max_fragment;
} raw_settings;

/* The ticket keys of a server: keys[0] is for new tickets. */
typedef struct raw_ring {
    stls_be_ticket_key keys[2];
    size_t count;
    bool refuse;    /* no record is good enough */
    bool no_record; /* new tickets have none */
    bool cut;       /* a ticket sealed here loses its last byte */
    bool nobody;    /* the select upcall refuses every client */
} raw_ring;

static inline stls_be_ticket_key raw_key(char name, uint8_t secret) {
    stls_be_ticket_key key = {.renew = false};
    memset(key.name, name, sizeof key.name);
    memset(key.cipher, secret, sizeof key.cipher);
    memset(key.mac, secret ^ 0xff, sizeof key.mac);
    return key;
}

/* --- Contexts */

typedef struct raw_context {
    const stls_backend *backend;
    stls_role role;
    stls_be_client_auth client_auth;
    stls_credential *credential;
    uint32_t wanted, applied;
    void *block;
} raw_context;

static inline void raw_context_close(raw_context *c) {
    if (c->block) {
        c->backend->context_fini(c->block);
    }
    free(c->block);
    stls_credential_free(c->credential);
    *c = (raw_context){.block = NULL};
}

/* False, after a failed check: not every setting that was wanted was applied. */
static inline bool raw_context_open(raw_context *c, const stls_backend *backend, stls_role role,
                                    const raw_settings *s) {
    static const uint16_t all_suites[] = {0x1301, 0x1302, 0xc02b, 0xc02c};
    static const uint16_t all_groups[] = {0x001d, 0x0017};
    static const uint16_t schemes[] = {0x0403, 0x0804, 0x0401};
    uint16_t suites[COUNT(all_suites)];
    size_t suite_count = 0;
    for (size_t i = 0; i < COUNT(all_suites); i++) {
        uint16_t version = all_suites[i] < 0x2000 ? STLS_TLS1_3 : STLS_TLS1_2;
        if (version >= s->version_min && version <= s->version_max &&
            (s->suite == 0 || s->suite == all_suites[i])) {
            suites[suite_count++] = all_suites[i];
        }
    }
    bool server = role == STLS_ROLE_SERVER;
    const char *names = s->names ? s->names : server ? "server" : NULL;
    *c = (raw_context){.backend = backend, .role = role, .client_auth = s->client_auth};
    c->credential = names ? pki_credential(backend, names) : NULL;
    c->wanted = s->wanted | STLS_BE_SET_VERDICT | STLS_BE_SET_VERSIONS | STLS_BE_SET_SUITES |
                STLS_BE_SET_GROUPS | STLS_BE_SET_NO_RENEGOTIATION;
    c->wanted |=
        stls_backend_can(backend, STLS_CAN_SET_SIGNATURE_SCHEMES) ? STLS_BE_SET_SCHEMES : 0u;
    c->wanted |= server ? STLS_BE_SET_SERVER_PREFERENCE | STLS_BE_SET_CLIENT_AUTH : 0u;
    c->wanted |=
        server && stls_backend_can(backend, STLS_CAN_SELECT_VERIFY) ? STLS_BE_SET_SELECT : 0u;
    c->wanted |= c->credential ? STLS_BE_SET_CREDENTIAL : 0u;
    c->wanted |=
        s->wanted & (STLS_BE_SET_SESSIONS | STLS_BE_SET_TICKETS) ? 0u : STLS_BE_SET_NO_RESUMPTION;
    const stls_be_settings settings = {
        .wanted = c->wanted,
        .role = role,
        .version_min = s->version_min,
        .version_max = s->version_max,
        .suites = suites,
        .suite_count = suite_count,
        .groups = s->group ? &s->group : all_groups,
        .group_count = s->group ? 1 : COUNT(all_groups),
        .schemes = schemes,
        .scheme_count = COUNT(schemes),
        .client_auth = s->client_auth,
        .may_ask = s->client_auth != STLS_BE_CLIENT_AUTH_NONE,
        .credential = stls_credential_block(c->credential),
        .chain_bytes_max = 65536,
        .ticket_count = s->tickets ? s->tickets : 1,
        .ticket_lifetime_s = s->lifetime_s ? s->lifetime_s : 7200,
        .max_fragment = s->max_fragment,
    };
    stls_be_failure failure = {.text = ""};
    c->block = calloc(1, backend->context_size);
    if (!c->block) {
        abort();
    }
    stls_be_status status = backend->context_init(c->block, &settings, &c->applied, &failure);
    return CHECK(status == STLS_BE_OK, "%s: context_init answers %d: %s", backend->name, status,
                 failure.text) &&
           CHECK(c->applied == c->wanted, "%s: settings 0x%x were wanted, 0x%x applied: %s",
                 backend->name, c->wanted, c->applied, failure.text);
}

/* --- Ends */

typedef struct raw_stream {
    uint8_t data[RAW_STREAM_SIZE];
    size_t len, taken;
} raw_stream;

/* One session, as a core would keep it. */
typedef struct raw_session {
    uint8_t state[RAW_SESSION_SIZE];
    size_t len;
    uint32_t lifetime_s;
    bool single_use;
    bool cut; /* its ticket has lost a byte */
} raw_session;

typedef struct raw_secret {
    char label[48];
    uint8_t client_random[32], secret[64];
    size_t len;
} raw_secret;

typedef struct raw_end {
    const raw_context *context;
    const raw_ring *ring;
    void *block, *handshake;
    raw_stream *in, *out;
    bool done; /* its handshake */

    unsigned selects, verifies, tickets_made, tickets_read;
    uint8_t messages[RAW_STREAM_SIZE]; /* the peer's in the clear, out of their records */
    stls_be_hello hello;
    char server_name[64]; /* what the select upcall was told */
    bool read_before_select;
    bool accepted; /* the ticket read last */
    bool cut;      /* the ticket made last */
    uint8_t record[RAW_RECORD_SIZE];
    size_t record_len;

    raw_session sessions[RAW_SESSIONS_MAX];
    size_t session_count;
    raw_secret secrets[RAW_SECRETS_MAX];
    size_t secret_count;
} raw_end;

typedef struct raw_pair {
    raw_end client, server;
    raw_stream up, down; /* from the client, to the client */
} raw_pair;

static inline stls_be_status raw_send(void *core, const uint8_t *data, size_t len) {
    raw_end *e = core;
    if (len > sizeof e->out->data - e->out->len) {
        return STLS_BE_FAILED;
    }
    memcpy(e->out->data + e->out->len, data, len);
    e->out->len += len;
    return STLS_BE_OK;
}

static inline stls_be_status raw_recv(void *core, uint8_t *data, size_t size, size_t *got) {
    raw_end *e = core;
    size_t n = e->in->len - e->in->taken;
    *got = n < size ? n : size;
    if (*got == 0) {
        return STLS_BE_WANT_READ;
    }
    memcpy(data, e->in->data + e->in->taken, *got);
    e->in->taken += *got;
    return STLS_BE_OK;
}

static inline bool raw_read_hello(uint8_t type, stls_bytes body, stls_be_hello *hello) {
    enum { CLIENT_HELLO = 1, SERVER_HELLO = 2 };
    stls_choice choice;
    if (type == SERVER_HELLO && stls_read_choice(body, &choice)) {
        *hello = (stls_be_hello){.extended_master = choice.extended_master, .group = choice.group};
        return true;
    }
    return type == CLIENT_HELLO &&
           stls_check_client_hello(body, STLS_TLS1_2, STLS_TLS1_3, hello).text == NULL;
}

/* Of the peer's hello that came last: all that is in the clear stays in the stream. A server is not
 * told the group that it has chosen. */
static inline const stls_be_hello *raw_hello(void *core) {
    raw_end *e = core;
    const stls_be_hello *found = NULL;
    const uint8_t *in = e->in->data;
    size_t len = 0;
    for (size_t at = 0, n; at + 5 <= e->in->len && in[at] == 22; at += 5 + n) {
        n = (size_t)in[at + 3] << 8 | in[at + 4];
        n = n < e->in->len - at - 5 ? n : e->in->len - at - 5;
        memcpy(e->messages + len, in + at + 5, n);
        len += n;
    }
    for (size_t at = 0, n; at + 4 <= len; at += 4 + n) {
        const uint8_t *message = e->messages + at;
        n = (size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3];
        if (n <= len - at - 4 &&
            raw_read_hello(message[0], (stls_bytes){message + 4, n}, &e->hello)) {
            found = &e->hello;
        }
    }
    return found;
}

static inline void raw_set_record(raw_end *e, const uint8_t *record, size_t len) {
    if (CHECK(len <= sizeof e->record, "a record of %zu bytes", len)) {
        memcpy(e->record, record, len);
        e->record_len = len;
    }
}

/* The record of a client is its leaf, as far as there is room for it. */
static inline stls_be_decision raw_verify(void *core, uint16_t version, const stls_bytes *chain,
                                          void *const *keys, size_t count) {
    raw_end *e = core;
    (void)version, (void)keys;
    e->verifies++;
    if (count > 0 && e->context->role == STLS_ROLE_SERVER) {
        bool whole = stls_backend_can(e->context->backend, STLS_CAN_TICKET_PEER);
        raw_set_record(e, chain[0].data, whole ? chain[0].len : RAW_SMALL_RECORD);
    }
    return (stls_be_decision){.accept = true};
}

static inline stls_be_decision raw_unreadable(void *core, uint16_t version, const stls_bytes *chain,
                                              size_t count, size_t index) {
    (void)core, (void)version, (void)chain, (void)count;
    CHECK(false, "certificate %zu cannot be read", index);
    return (stls_be_decision){.accept = false};
}

static inline stls_be_selection raw_select(void *core, stls_bytes server_name) {
    raw_end *e = core;
    e->selects++;
    snprintf(e->server_name, sizeof e->server_name, "%.*s", (int)server_name.len,
             server_name.len > 0 ? (const char *)server_name.data : "");
    if (e->ring && e->ring->nobody) {
        return (stls_be_selection){.accept = false, .alert = 112};
    }
    return (stls_be_selection){.accept = true,
                               .credential = stls_credential_block(e->context->credential),
                               .client_auth = e->context->client_auth};
}

static inline void raw_alert(void *core, bool sent, bool fatal, uint8_t description) {
    (void)core, (void)sent, (void)fatal, (void)description;
}

static inline void raw_take_session(void *core, const stls_be_session *session) {
    raw_end *e = core;
    if (CHECK(session->state.len > 0 && session->state.len <= RAW_SESSION_SIZE &&
                  e->session_count < RAW_SESSIONS_MAX,
              "session %zu of %zu bytes", e->session_count, session->state.len)) {
        raw_session *s = &e->sessions[e->session_count++];
        memcpy(s->state, session->state.data, session->state.len);
        s->len = session->state.len;
        s->lifetime_s = session->lifetime_s;
        s->single_use = session->single_use;
    }
}

static inline const stls_be_ticket_key *raw_find_key(const raw_ring *ring, const uint8_t *name) {
    for (size_t i = 0; ring && i < ring->count; i++) {
        if (!name || memcmp(ring->keys[i].name, name, STLS_TICKET_NAME_LEN) == 0) {
            return &ring->keys[i];
        }
    }
    return NULL;
}

static inline bool raw_ticket_key(void *core, const uint8_t *name, stls_be_ticket_key *key) {
    raw_end *e = core;
    const stls_be_ticket_key *found = raw_find_key(e->ring, name);
    if (found) {
        *key = *found;
    }
    e->read_before_select = e->read_before_select || (name && e->selects == 0);
    return found != NULL;
}

static inline stls_bytes raw_ticket_record(void *core, bool resumed) {
    (void)resumed;
    raw_end *e = core;
    if (e->ring->no_record) {
        return (stls_bytes){NULL, 0};
    }
    e->tickets_made++;
    return (stls_bytes){e->record, e->record_len};
}

static inline bool raw_ticket_accept(void *core, stls_bytes record) {
    raw_end *e = core;
    e->tickets_read++;
    e->read_before_select = e->read_before_select || e->selects == 0;
    e->accepted = !e->ring->refuse && record.len > 0;
    if (e->accepted) {
        raw_set_record(e, record.data, record.len);
    }
    return e->accepted;
}

/* A ticket sealed here: key name, nonce, and under the key: length of the record, record, state. */
enum { RAW_HEAD = STLS_TICKET_NAME_LEN + STLS_AEAD_NONCE_LEN };

static inline bool raw_ticket_seal(void *core, bool resumed, stls_bytes state, uint8_t *ticket,
                                   size_t size, size_t *len) {
    (void)resumed;
    raw_end *e = core;
    const stls_backend *backend = e->context->backend;
    const stls_be_ticket_key *key = raw_find_key(e->ring, NULL);
    size_t plain_len = 2 + e->record_len + state.len;
    if (!key || e->ring->no_record || RAW_HEAD + plain_len + STLS_AEAD_TAG_LEN > size) {
        CHECK(!key || e->ring->no_record,
              "%s has %zu bytes for a ticket with %zu of state and %zu "
              "of record",
              backend->name, size, state.len, e->record_len);
        return false;
    }
    uint8_t *plain = calloc(1, plain_len);
    if (!plain) {
        abort();
    }
    plain[0] = (uint8_t)(e->record_len >> 8);
    plain[1] = (uint8_t)e->record_len;
    memcpy(plain + 2, e->record, e->record_len);
    memcpy(plain + 2 + e->record_len, state.data, state.len);
    memcpy(ticket, key->name, STLS_TICKET_NAME_LEN);
    bool done = backend->random(ticket + STLS_TICKET_NAME_LEN, STLS_AEAD_NONCE_LEN) == STLS_BE_OK &&
                backend->aead_seal(key->cipher, ticket + STLS_TICKET_NAME_LEN,
                                   (stls_bytes){key->name, STLS_TICKET_NAME_LEN},
                                   (stls_bytes){plain, plain_len}, ticket + RAW_HEAD) == STLS_BE_OK;
    free(plain);
    e->tickets_made++;
    e->cut = e->ring->cut;
    *len = RAW_HEAD + plain_len + STLS_AEAD_TAG_LEN - (e->cut ? 1 : 0);
    return CHECK(done, "%s cannot seal a ticket", backend->name);
}

static inline bool raw_ticket_open(void *core, stls_bytes ticket, uint8_t *state, size_t size,
                                   size_t *len, bool *renew) {
    raw_end *e = core;
    const stls_backend *backend = e->context->backend;
    const stls_be_ticket_key *key =
        ticket.len >= RAW_HEAD + STLS_AEAD_TAG_LEN + 2 ? raw_find_key(e->ring, ticket.data) : NULL;
    e->tickets_read++;
    e->read_before_select = e->read_before_select || e->selects == 0;
    e->accepted = false;
    uint8_t *plain = key ? calloc(1, ticket.len) : NULL;
    if (!plain) {
        return false;
    }
    size_t plain_len = ticket.len - RAW_HEAD - STLS_AEAD_TAG_LEN;
    if (backend->aead_open(key->cipher, ticket.data + STLS_TICKET_NAME_LEN,
                           (stls_bytes){key->name, STLS_TICKET_NAME_LEN},
                           (stls_bytes){ticket.data + RAW_HEAD, ticket.len - RAW_HEAD},
                           plain) == STLS_BE_OK) {
        size_t record_len = (size_t)plain[0] << 8 | plain[1];
        size_t state_len = plain_len - 2 - record_len;
        e->accepted =
            !e->ring->refuse && CHECK(state_len <= size, "%s has %zu bytes for a state of %zu",
                                      backend->name, size, state_len);
        if (e->accepted) {
            raw_set_record(e, plain + 2, record_len);
            memcpy(state, plain + 2 + record_len, state_len);
            *len = state_len;
            *renew = key->renew;
        }
    }
    free(plain);
    return e->accepted;
}

static inline void raw_keylog(void *core, const char *label, const uint8_t client_random[32],
                              stls_bytes secret) {
    raw_end *e = core;
    if (CHECK(e->secret_count < RAW_SECRETS_MAX && secret.len <= 64, "secret %zu, %zu bytes",
              e->secret_count, secret.len)) {
        raw_secret *s = &e->secrets[e->secret_count++];
        snprintf(s->label, sizeof s->label, "%s", label);
        memcpy(s->client_random, client_random, 32);
        memcpy(s->secret, secret.data, secret.len);
        s->len = secret.len;
    }
}

static const stls_be_upcalls raw_upcalls = {
    .send = raw_send,
    .recv = raw_recv,
    .verify = raw_verify,
    .unreadable = raw_unreadable,
    .hello = raw_hello,
    .select = raw_select,
    .alert = raw_alert,
    .session = raw_take_session,
    .ticket_seal = raw_ticket_seal,
    .ticket_open = raw_ticket_open,
    .ticket_key = raw_ticket_key,
    .ticket_record = raw_ticket_record,
    .ticket_accept = raw_ticket_accept,
    .keylog = raw_keylog,
};

static inline bool raw_end_open(raw_end *e, const raw_context *context, const raw_ring *ring,
                                stls_bytes session) {
    const stls_backend *backend = context->backend;
    stls_be_failure failure = {.text = ""};
    e->context = context;
    e->ring = ring;
    memset(e->record, 'r', RAW_SMALL_RECORD);
    e->record_len = RAW_SMALL_RECORD;
    e->block = calloc(1, backend->conn_size);
    e->handshake = calloc(1, backend->handshake_size + 1);
    if (!e->block || !e->handshake) {
        abort();
    }
    const stls_be_conn_settings settings = {
        .upcalls = &raw_upcalls,
        .core = e,
        .handshake = e->handshake,
        .server_name = context->role == STLS_ROLE_CLIENT ? "example.test" : NULL,
        .session = session,
    };
    stls_be_status status = backend->conn_init(e->block, context->block, &settings, &failure);
    return CHECK(status == STLS_BE_OK, "%s: conn_init answers %d: %s", backend->name, status,
                 failure.text);
}

static inline void raw_end_close(raw_end *e) {
    if (e->block) {
        e->context->backend->conn_fini(e->block);
    }
    free(e->block);
    free(e->handshake);
}

/* --- Pairs */

/* A pair that has not begun; NULL after a failed check. `session` NULL: none is offered. */
static inline raw_pair *raw_pair_open(const raw_context *client, const raw_context *server,
                                      const raw_ring *ring, const raw_session *session) {
    raw_pair *p = calloc(1, sizeof *p);
    if (!p) {
        abort();
    }
    p->client.in = p->server.out = &p->down;
    p->client.out = p->server.in = &p->up;
    stls_bytes state = session ? (stls_bytes){session->state, session->len} : (stls_bytes){NULL, 0};
    bool client_open = raw_end_open(&p->client, client, NULL, state);
    bool server_open = raw_end_open(&p->server, server, ring, (stls_bytes){NULL, 0});
    if (client_open && server_open) {
        return p;
    }
    raw_end_close(&p->client);
    raw_end_close(&p->server);
    free(p);
    return NULL;
}

static inline void raw_pair_close(raw_pair *p) {
    if (p) {
        raw_end_close(&p->client);
        raw_end_close(&p->server);
    }
    free(p);
}

static inline bool raw_step(raw_end *e) {
    const stls_backend *backend = e->context->backend;
    stls_be_failure failure = {.text = ""};
    stls_be_status status = e->done ? STLS_BE_OK : backend->conn_handshake(e->block, &failure);
    if (status == STLS_BE_OK && !e->done) { /* the backend must have let go of it */
        memset(e->handshake, 0xa5, backend->handshake_size);
        free(e->handshake);
        e->handshake = NULL;
    }
    e->done = status == STLS_BE_OK;
    return CHECK(status == STLS_BE_OK || status == STLS_BE_WANT_READ, "the %s (%s) answers %d: %s",
                 e->context->role == STLS_ROLE_CLIENT ? "client" : "server", backend->name, status,
                 failure.text);
}

/* `text` from one end to the other, in one call each. */
static inline bool raw_say(raw_end *from, raw_end *to, const char *text) {
    char got[64] = "";
    size_t taken = 0, len = 0;
    stls_be_failure failure = {.text = ""};
    stls_be_status status = from->context->backend->conn_write(from->block, (const uint8_t *)text,
                                                               strlen(text), &taken, &failure);
    if (!CHECK(status == STLS_BE_OK && taken == strlen(text), "%s writes \"%s\": %d, %s",
               from->context->backend->name, text, status, failure.text)) {
        return false;
    }
    status =
        to->context->backend->conn_read(to->block, (uint8_t *)got, sizeof got - 1, &len, &failure);
    got[len] = '\0';
    return CHECK(status == STLS_BE_OK, "%s reads \"%s\": %d, %s", to->context->backend->name, text,
                 status, failure.text) &&
           CHECK_TEXT("what was read", got, text);
}

/* The handshake, and a word each way; after that the client has the tickets. */
static inline bool raw_pair_run(raw_pair *p) {
    for (int i = 0; i < 20 && !(p->client.done && p->server.done); i++) {
        if (!raw_step(&p->client) || !raw_step(&p->server)) {
            return false;
        }
    }
    return CHECK(p->client.done && p->server.done, "the handshake does not end") &&
           raw_say(&p->client, &p->server, "ping") && raw_say(&p->server, &p->client, "pong");
}

static inline stls_be_info raw_info(const raw_end *e) {
    stls_be_info info = {0};
    e->context->backend->conn_info(e->block, &info);
    return info;
}

#endif
