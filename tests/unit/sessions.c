/* tests/unit/sessions.c - sessions, tickets, keying material and the small cryptography of every
 * backend, held to the contract itself.
 *
 * Each test goes through the backends of the build, or through all pairs of a client and a server
 * of them, in TLS 1.2 and 1.3; a backend without the capability is passed over.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/suite.h"
#include "tests/unit/raw_pair.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- The pairs --- */

typedef struct setting_of_pair {
    const stls_backend *client, *server;
    uint16_t version;
} setting_of_pair;

typedef void (*pair_test)(const setting_of_pair *at);

/* Runs `test` for every pair whose ends have the capabilities, in both versions. */
static void each_pair(const char *name, uint32_t client_can, uint32_t server_can, pair_test test) {
    unsigned runs = 0;
    const stls_backend *client, *server;
    for (size_t i = 0; (client = stls_backend_at(i)) != NULL; i++) {
        for (size_t j = 0; (server = stls_backend_at(j)) != NULL; j++) {
            for (unsigned v = STLS_TLS1_2; v <= STLS_TLS1_3; v++) {
                uint16_t version = (uint16_t)v;
                if (stls_backend_can(client, client_can) && stls_backend_can(server, server_can)) {
                    check_case("%s: %s client, %s server, %s", name, stls_backend_name(client),
                               stls_backend_name(server), version_text(version));
                    test(&(setting_of_pair){client, server, version});
                    runs++;
                }
            }
        }
    }
    if (runs == 0) {
        test_skip(name, "no backend of this build has what it needs");
    }
}

static raw_settings client_settings(uint16_t version) {
    return (raw_settings){
        .wanted = STLS_BE_SET_SESSIONS, .version_min = version, .version_max = version};
}

static raw_settings server_settings(uint16_t version) {
    return (raw_settings){
        .wanted = STLS_BE_SET_TICKETS, .version_min = version, .version_max = version};
}

/* Two contexts, closed together. */
typedef struct contexts {
    raw_context client, server;
} contexts;

static bool open_contexts(contexts *c, const setting_of_pair *at, const raw_settings *client,
                          const raw_settings *server) {
    c->server = (raw_context){.block = NULL};
    return raw_context_open(&c->client, at->client, STLS_ROLE_CLIENT, client) &&
           raw_context_open(&c->server, at->server, STLS_ROLE_SERVER, server);
}

static void close_contexts(contexts *c) {
    raw_context_close(&c->client);
    raw_context_close(&c->server);
}

static raw_ring simple_ring(void) {
    return (raw_ring){.keys = {raw_key('A', 1)}, .count = 1};
}

/* A full handshake on `c`, and the session that came of it. */
static bool first_session(const contexts *c, const raw_ring *ring, raw_session *session) {
    raw_pair *p = raw_pair_open(&c->client, &c->server, ring, NULL);
    bool ran = p && raw_pair_run(p) && CHECK(p->client.session_count > 0, "no session came");
    if (ran) {
        CHECK(!raw_info(&p->client).resumed && !raw_info(&p->server).resumed,
              "the first handshake resumed something");
        CHECK_NUMBER("verdicts on the server", p->client.verifies, 1);
        *session = p->client.sessions[0];
        session->cut = p->server.cut;
    }
    raw_pair_close(p);
    return ran;
}

/* Runs `p`, and holds both ends to `resumed`. */
static bool run_and_check(raw_pair *p, bool resumed) {
    if (!p || !raw_pair_run(p)) {
        return false;
    }
    bool client = raw_info(&p->client).resumed, server = raw_info(&p->server).resumed;
    CHECK(!p->server.read_before_select, "a ticket was opened before the select upcall");
    CHECK(p->client.verifies == (resumed ? 0 : 1), "%u verdicts on the server", p->client.verifies);
    return CHECK(client == resumed && server == resumed,
                 "resumed: the client says %d, the server says %d; expected %d", client, server,
                 resumed);
}

/* --- Full and resumed --- */

static void check_same_exports(raw_pair *p, bool tls1_3);

static void resume(const setting_of_pair *at) {
    contexts c = {.client = {.block = NULL}};
    raw_session session;
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    server.lifetime_s = 4321;
    if (open_contexts(&c, at, &client, &server) && first_session(&c, &ring, &session)) {
        CHECK_NUMBER("the lifetime", session.lifetime_s, 4321);
        CHECK_NUMBER("used once", session.single_use, at->version == STLS_TLS1_3);
        /* A session from a resumed connection resumes the next. TLS 1.2 gives none: the first
         * stays good. */
        for (int i = 0; i < 3; i++) {
            raw_pair *p = raw_pair_open(&c.client, &c.server, &ring, &session);
            if (run_and_check(p, true)) {
                CHECK(p->server.selects > 0, "the server was not asked which host to be");
                CHECK(p->server.accepted, "resumed without a record");
                CHECK_NUMBER("the version", raw_info(&p->client).version, at->version);
                CHECK_NUMBER("the suite", raw_info(&p->client).suite, raw_info(&p->server).suite);
                if (at->version == STLS_TLS1_3 &&
                    CHECK(p->client.session_count > 0, "no new ticket")) {
                    session = p->client.sessions[0];
                }
            }
            raw_pair_close(p);
        }
    }
    close_contexts(&c);
}

static void test_resume(void) {
    each_pair("resume", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, resume);
}

/* --- What changes between the two handshakes --- */

typedef struct changed {
    const char *name;
    bool resumes;
    /* The second connection's; 0 or NULL: as in the first. */
    uint16_t client_suite, server_suite; /* of TLS 1.3; a TLS 1.2 counterpart is put in its place */
    uint16_t client_group, server_group;
    bool client_other_version, server_other_version;
    bool client_both_versions, server_both_versions;
    bool refuse;       /* the server's core refuses the record */
    char key_name;     /* the server's keys are others: their name, ... */
    uint8_t key;       /* ... and what they are */
    bool old_key_too;  /* and the first is still known */
    bool old_renewed;  /* ... but due for renewal */
    bool no_tickets;   /* the server does not do tickets any more */
    bool cut;          /* (where the core seals) the ticket has lost its last byte */
    size_t state_cut;  /* the client's state has lost this many bytes at its end */
    bool state_halved; /* or the second half */
} changed;

static const changed changes[] = {
    {.name = "nothing", .resumes = true},
    {.name = "the record is refused", .refuse = true},
    {.name = "the key has another name", .key_name = 'B', .key = 1},
    {.name = "the key is another under the same name", .key_name = 'A', .key = 2},
    {.name = "a newer key, the old one known",
     .resumes = true,
     .key_name = 'B',
     .key = 2,
     .old_key_too = true},
    {.name = "a newer key, the old one to be renewed",
     .resumes = true,
     .key_name = 'B',
     .key = 2,
     .old_key_too = true,
     .old_renewed = true},
    {.name = "no tickets any more", .no_tickets = true},
    {.name = "a ticket cut by a byte", .cut = true},
    {.name = "the server has only the other suite", .server_suite = 0x1302},
    {.name = "the client has only the other suite", .client_suite = 0x1302},
    {.name = "the client has both versions", .resumes = true, .client_both_versions = true},
    {.name = "the server has both versions", .resumes = true, .server_both_versions = true},
    {.name = "the server has only the other version",
     .client_both_versions = true,
     .server_other_version = true},
    {.name = "the client has only the other version",
     .client_other_version = true,
     .server_both_versions = true},
    {.name = "the server wants another group", .resumes = true, .server_group = 0x0017},
    {.name = "a state cut by a byte", .state_cut = 1},
    {.name = "half a state", .state_halved = true},
};

/* What mbedTLS has no way to do: a client offers the version of its session and no other; a server
 * of TLS 1.2 sends no ticket when it resumes. */
static bool is_mbedtls(const stls_backend *backend) {
    return strcmp(stls_backend_name(backend), "mbedtls") == 0;
}

static uint16_t suite_of(uint16_t suite, uint16_t version) {
    return suite && version == STLS_TLS1_2 ? (uint16_t)(suite - 0x1301 + 0xc02b) : suite;
}

static void set_versions(raw_settings *s, uint16_t version, bool other, bool both) {
    s->version_min = both ? STLS_TLS1_2 : other ? (uint16_t)(0x0607 - version) : version;
    s->version_max = both ? STLS_TLS1_3 : s->version_min;
}

static void apply_change(const changed *change, uint16_t version, raw_settings *client,
                         raw_settings *server, raw_ring *ring, raw_session *session) {
    *client = client_settings(version);
    *server = server_settings(version);
    set_versions(client, version, change->client_other_version, change->client_both_versions);
    set_versions(server, version, change->server_other_version, change->server_both_versions);
    client->suite = suite_of(change->client_suite, version);
    server->suite = suite_of(change->server_suite, version);
    client->group = change->client_group;
    server->group = change->server_group;
    server->wanted = change->no_tickets ? 0 : server->wanted;
    ring->refuse = change->refuse;
    if (change->key) {
        ring->keys[1] = ring->keys[0];
        ring->keys[1].renew = change->old_renewed;
        ring->keys[0] = raw_key(change->key_name, change->key);
        ring->count = change->old_key_too ? 2 : 1;
    }
    session->len = change->state_halved ? session->len / 2 : session->len - change->state_cut;
}

/* Whether the key called `name` made the ticket inside `session`. */
static bool is_ticket_of(const raw_session *session, char name) {
    uint8_t wanted[STLS_TICKET_NAME_LEN];
    memset(wanted, name, sizeof wanted);
    for (size_t i = 0; i + sizeof wanted <= session->len; i++) {
        if (memcmp(session->state + i, wanted, sizeof wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* wolfSSL's ClientHello for a session of TLS 1.2 offers nothing newer, so it is not made where TLS
 * 1.3 is wanted. */
static bool is_offered(const setting_of_pair *at, const changed *change) {
    return at->version == STLS_TLS1_3 || !change->client_both_versions ||
           strcmp(stls_backend_name(at->client), "wolfssl") != 0;
}

static void second_handshake(const setting_of_pair *at, const changed *change, raw_ring *ring,
                             raw_session *session) {
    contexts c = {.client = {.block = NULL}};
    raw_settings client, server;
    apply_change(change, at->version, &client, &server, ring, session);
    raw_pair *p = NULL;
    if (open_contexts(&c, at, &client, &server) &&
        (p = raw_pair_open(&c.client, &c.server, ring, session)) != NULL &&
        run_and_check(p, change->resumes && is_offered(at, change))) {
        bool tickets = !change->no_tickets && raw_info(&p->client).version == at->version &&
                       is_offered(at, change);
        bool due = tickets && (!change->resumes || at->version == STLS_TLS1_3 ||
                               (change->old_renewed && !is_mbedtls(at->server)));
        CHECK(!due || p->client.session_count > 0, "no new ticket came");
        CHECK(!change->no_tickets || p->server.tickets_made == 0, "a ticket was made");
        CHECK(!due || p->client.session_count == 0 ||
                  is_ticket_of(&p->client.sessions[0], change->key ? change->key_name : 'A'),
              "the new ticket is not of the newest key");
    }
    raw_pair_close(p);
    close_contexts(&c);
}

static void change_something(const setting_of_pair *at) {
    for (size_t i = 0; i < COUNT(changes); i++) {
        contexts c;
        raw_session session;
        raw_settings client = client_settings(at->version), server = server_settings(at->version);
        raw_ring ring = simple_ring();
        if (changes[i].server_other_version && is_mbedtls(at->client)) {
            continue;
        }
        check_case("%s: %s client, %s server, %s", changes[i].name, stls_backend_name(at->client),
                   stls_backend_name(at->server), version_text(at->version));
        ring.cut = changes[i].cut;
        bool begun = open_contexts(&c, at, &client, &server) && first_session(&c, &ring, &session);
        close_contexts(&c);
        ring.cut = false;
        if (begun && changes[i].cut != session.cut) {
            continue; /* a library that seals its tickets itself: see the mutations below */
        }
        if (begun) {
            second_handshake(at, &changes[i], &ring, &session);
        }
    }
}

static void test_changes(void) {
    each_pair("changes", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, change_something);
}

/* --- Tickets changed on the wire --- */

/* A ClientHello in one record, and where the ticket stands in it. */
typedef struct hello {
    uint8_t data[RAW_STREAM_SIZE];
    size_t len;
    size_t ticket, ticket_len;
    size_t lengths[8], widths[8], count; /* the length fields that count the ticket */
} hello;

static size_t number_at(const uint8_t *data, size_t at, size_t width) {
    size_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | data[at + i];
    }
    return value;
}

static void enclose(hello *h, size_t at, size_t width) {
    h->lengths[h->count] = at;
    h->widths[h->count++] = width;
}

/* The ClientHello that `from` has written. False: there is no ticket in it. */
static bool find_ticket(hello *h, const raw_stream *from, uint16_t version) {
    enum { RECORD = 5, HANDSHAKE = 4, FIXED = 2 + 32 };
    *h = (hello){.len = from->len};
    memcpy(h->data, from->data, from->len);
    if (h->len < RECORD + HANDSHAKE + FIXED || h->data[RECORD] != 1 ||
        RECORD + number_at(h->data, 3, 2) != h->len) {
        return false;
    }
    size_t at = RECORD + HANDSHAKE + FIXED;
    at += 1u + h->data[at];
    at += 2 + number_at(h->data, at, 2);
    at += 1u + h->data[at];
    enclose(h, 3, 2);
    enclose(h, RECORD + 1, 3);
    enclose(h, at, 2);
    uint16_t wanted = version == STLS_TLS1_3 ? 41 : 35;
    for (at += 2; at + 4 <= h->len; at += 4 + number_at(h->data, at + 2, 2)) {
        if (number_at(h->data, at, 2) == wanted) {
            enclose(h, at + 2, 2);
            size_t ticket = at + 4;
            if (version == STLS_TLS1_3) {
                enclose(h, ticket, 2);
                enclose(h, ticket + 2, 2);
                ticket += 4;
            }
            h->ticket = ticket;
            h->ticket_len = number_at(h->data, h->lengths[h->count - 1], h->widths[h->count - 1]);
            return h->ticket_len > 0;
        }
    }
    return false;
}

/* `h` with `ticket` in the place of its own, into `out`. */
static void put_ticket(raw_stream *out, const hello *h, const uint8_t *ticket, size_t len) {
    size_t tail = h->len - h->ticket - h->ticket_len;
    memcpy(out->data, h->data, h->ticket);
    memcpy(out->data + h->ticket, ticket, len);
    memcpy(out->data + h->ticket + len, h->data + h->ticket + h->ticket_len, tail);
    out->len = h->ticket + len + tail;
    for (size_t i = 0; i < h->count; i++) {
        size_t value = number_at(h->data, h->lengths[i], h->widths[i]) + len - h->ticket_len;
        for (size_t j = h->widths[i]; j-- > 0; value >>= 8) {
            out->data[h->lengths[i] + j] = (uint8_t)value;
        }
    }
}

/* Whether the server's first flight resumes: no Certificate message before the keys change in TLS
 * 1.2, a pre_shared_key extension in the ServerHello of TLS 1.3. */
static bool flight_resumes(const raw_stream *s, uint16_t version) {
    static uint8_t messages[RAW_STREAM_SIZE];
    size_t len = 0;
    for (size_t at = 0; at + 5 <= s->len && s->data[at] == 22;
         at += 5 + number_at(s->data, at + 3, 2)) {
        size_t n = number_at(s->data, at + 3, 2);
        memcpy(messages + len, s->data + at + 5, n);
        len += n;
    }
    if (!CHECK(len > 40 && messages[0] == 2, "the server has not sent a ServerHello")) {
        return false;
    }
    size_t end = 4 + number_at(messages, 1, 3);
    if (version == STLS_TLS1_2) {
        bool certificate = false;
        for (size_t at = end; at + 4 <= len; at += 4 + number_at(messages, at + 1, 3)) {
            certificate = certificate || messages[at] == 11;
        }
        return !certificate;
    }
    size_t at = 4 + 2 + 32;
    at += 1u + messages[at] + 2 + 1 + 2;
    for (; at + 4 <= end; at += 4 + number_at(messages, at + 2, 2)) {
        if (number_at(messages, at, 2) == 41) {
            return true;
        }
    }
    return false;
}

static void answer_hello(const contexts *c, const raw_ring *ring, const hello *h, uint16_t version,
                         const uint8_t *ticket, size_t len, const char *how, size_t where) {
    raw_pair *p = raw_pair_open(&c->client, &c->server, ring, NULL);
    if (p) {
        put_ticket(&p->up, h, ticket, len);
        bool same = len == h->ticket_len && memcmp(ticket, h->data + h->ticket, len) == 0;
        stls_be_failure failure = {.text = ""};
        stls_be_status status = c->server.backend->conn_handshake(p->server.block, &failure);
        if (CHECK(status == STLS_BE_WANT_READ, "%s at %zu: the server answers %d: %s", how, where,
                  status, failure.text)) {
            bool resumes = flight_resumes(&p->down, version);
            CHECK(resumes == same, "%s at %zu: %s", how, where,
                  resumes ? "resumed" : "not resumed");
        }
    }
    raw_pair_close(p);
}

static void mutate(const setting_of_pair *at) {
    static hello h;
    static uint8_t ticket[RAW_STREAM_SIZE];
    contexts c = {.client = {.block = NULL}};
    raw_session session;
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    if (open_contexts(&c, at, &client, &server) && first_session(&c, &ring, &session)) {
        raw_pair *p = raw_pair_open(&c.client, &c.server, &ring, &session);
        bool found = p && raw_step(&p->client) && find_ticket(&h, &p->up, at->version);
        raw_pair_close(p);
        if (CHECK(found, "the client offers no ticket")) {
            const uint8_t *good = h.data + h.ticket;
            size_t len = h.ticket_len, step = len / 24 + 1;
            answer_hello(&c, &ring, &h, at->version, good, len, "unchanged", 0);
            for (size_t i = 0; i < len; i += i < len - step && i > 48 ? step : 5) {
                memcpy(ticket, good, len);
                ticket[i] ^= (uint8_t)(1u << i % 8);
                answer_hello(&c, &ring, &h, at->version, ticket, len, "a bit flipped", i);
                answer_hello(&c, &ring, &h, at->version, good, i + 1 < len ? i + 1 : 1, "cut", i);
            }
            memcpy(ticket, good, len);
            memset(ticket + len, 0, 300);
            answer_hello(&c, &ring, &h, at->version, ticket, len + 1, "longer by a byte", len);
            answer_hello(&c, &ring, &h, at->version, ticket, len + 300, "longer by 300", len);
            memset(ticket, 'A', sizeof ticket);
            answer_hello(&c, &ring, &h, at->version, ticket, len, "nothing but the name", 0);
            answer_hello(&c, &ring, &h, at->version, ticket, 12000, "12 000 bytes of nothing", 0);
        }
    }
    close_contexts(&c);
}

static void test_mutations(void) {
    each_pair("mutations", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, mutate);
}

/* --- The same ticket in another ClientHello --- */

/* Where the extension of this type begins in `h`; 0: it has none. */
static size_t find_extension(const hello *h, uint16_t type) {
    size_t at = h->lengths[2] + 2;
    while (at + 4 <= h->len && number_at(h->data, at, 2) != type) {
        at += 4 + number_at(h->data, at + 2, 2);
    }
    return at + 4 <= h->len ? at : 0;
}

static bool move_to_the_end(hello *h, uint16_t type) {
    size_t at = find_extension(h, type);
    size_t len = at ? 4 + number_at(h->data, at + 2, 2) : 0;
    uint8_t moved[256];
    if (!CHECK(at && len <= sizeof moved, "no extension %u", type)) {
        return false;
    }
    memcpy(moved, h->data + at, len);
    memmove(h->data + at, h->data + at + len, h->len - at - len);
    memcpy(h->data + h->len - len, moved, len);
    return true;
}

/* No library knows 0xFAFA. */
static bool rename_extension(hello *h, uint16_t type) {
    size_t at = find_extension(h, type);
    if (at) {
        h->data[at] = h->data[at + 1] = 0xFA;
    }
    return at != 0;
}

/* In two records, cut in the middle of the ticket. */
static bool split_record(hello *h, uint16_t type) {
    size_t at = find_extension(h, type);
    size_t cut = at ? at + 4 + number_at(h->data, at + 2, 2) / 2 : 0;
    if (!CHECK(cut > 0, "no extension %u", type)) {
        return false;
    }
    size_t rest = h->len - cut;
    memmove(h->data + cut + 5, h->data + cut, rest);
    memcpy(h->data + cut, h->data, 3);
    h->data[3] = (uint8_t)((cut - 5) >> 8);
    h->data[4] = (uint8_t)(cut - 5);
    h->data[cut + 3] = (uint8_t)(rest >> 8);
    h->data[cut + 4] = (uint8_t)rest;
    h->len += 5;
    return true;
}

/* A server answers `h`. `failure_is_fine`: so is a refusal. */
static void answer_changed(const contexts *c, const raw_ring *ring, const hello *h,
                           uint16_t version, bool resumes, bool failure_is_fine) {
    raw_pair *p = raw_pair_open(&c->client, &c->server, ring, NULL);
    if (p) {
        memcpy(p->up.data, h->data, h->len);
        p->up.len = h->len;
        stls_be_failure failure = {.text = ""};
        stls_be_status status = c->server.backend->conn_handshake(p->server.block, &failure);
        if (!failure_is_fine || status == STLS_BE_WANT_READ) {
            CHECK_NUMBER("the server's answer", status, STLS_BE_WANT_READ);
            CHECK_TEXT("the name that select was told", p->server.server_name, "example.test");
            CHECK(!p->server.read_before_select, "a ticket was opened before the select upcall");
            CHECK_NUMBER("resumed", flight_resumes(&p->down, version), resumes);
        }
    }
    raw_pair_close(p);
}

/* The ClientHello with a ticket of `version`, from a client of its own context. */
static bool hello_with_ticket(const setting_of_pair *at, uint16_t version, const raw_ring *ring,
                              hello *h) {
    contexts c = {.client = {.block = NULL}};
    raw_session session;
    raw_settings client = client_settings(version), server = server_settings(version);
    bool found = false;
    if (open_contexts(&c, at, &client, &server) && first_session(&c, ring, &session)) {
        raw_pair *p = raw_pair_open(&c.client, &c.server, ring, &session);
        found = p && raw_step(&p->client) && find_ticket(h, &p->up, version);
        raw_pair_close(p);
    }
    close_contexts(&c);
    return CHECK(found, "the client offers no ticket");
}

static void change_hello(const setting_of_pair *at) {
    enum { SERVER_NAME = 0, EXTENDED_MASTER_SECRET = 23, TICKET = 35, PRE_SHARED_KEY = 41 };
    static hello good, h, other;
    contexts c = {.client = {.block = NULL}};
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    set_versions(&server, at->version, false, true);
    if (!open_contexts(&c, at, &client, &server) ||
        !hello_with_ticket(at, at->version, &ring, &good)) {
        close_contexts(&c);
        return;
    }
    h = good;
    if (split_record(&h, at->version == STLS_TLS1_3 ? PRE_SHARED_KEY : TICKET)) {
        answer_changed(&c, &ring, &h, at->version, true, false);
    }
    if (at->version == STLS_TLS1_2) { /* in TLS 1.3 the ticket is bound to the ClientHello */
        h = good;
        if (move_to_the_end(&h, SERVER_NAME)) {
            answer_changed(&c, &ring, &h, at->version, true, false);
        }
        h = good;
        if (rename_extension(&h, EXTENDED_MASTER_SECRET)) {
            answer_changed(&c, &ring, &h, at->version, false, true);
        }
        /* The secret behind it is nothing for TLS 1.2. */
        h = good;
        if (hello_with_ticket(at, STLS_TLS1_3, &ring, &other)) {
            raw_stream *out = calloc(1, sizeof *out);
            put_ticket(out, &good, other.data + other.ticket, other.ticket_len);
            memcpy(h.data, out->data, out->len);
            h.len = out->len;
            free(out);
            answer_changed(&c, &ring, &h, at->version, false, false);
        }
    }
    close_contexts(&c);
}

static void test_hellos(void) {
    each_pair("hellos", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS | STLS_CAN_SELECT_VERIFY,
              change_hello);
}

/* What a client's ClientHello allows a server to do with its ticket: a new key agreement
 * (psk_dhe_ke), and nothing without one (psk_ke), which whoever gets the ticket's secret could read
 * later. RFC 8446 section 4.2.9. */
static void offer_modes(const setting_of_pair *at) {
    enum { PSK_KEY_EXCHANGE_MODES = 45, PSK_DHE_KE = 1 };
    static hello h;
    raw_ring ring = simple_ring();
    if (at->version == STLS_TLS1_3 && hello_with_ticket(at, at->version, &ring, &h)) {
        size_t at_modes = find_extension(&h, PSK_KEY_EXCHANGE_MODES);
        if (CHECK(at_modes > 0, "no modes")) {
            CHECK_NUMBER("the number of modes", h.data[at_modes + 4], 1);
            CHECK_NUMBER("the mode", h.data[at_modes + 5], PSK_DHE_KE);
        }
    }
}

static void test_modes(void) {
    each_pair("modes", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, offer_modes);
}

/* --- Another machine --- */

/* What this process adds to the clocks that begin with the machine, in seconds. */
static long uptime_shift;

/* In the place of the C library's, for the libraries that are linked in. */
int clock_gettime(clockid_t id, struct timespec *now) {
    *now = (struct timespec){.tv_sec = 0}; /* MemorySanitizer does not see what a call writes */
    int result = (int)syscall(SYS_clock_gettime, id, now);
    if (result == 0 && (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME)) {
        now->tv_sec += uptime_shift;
    }
    return result;
}

/* A ticket is good on a machine that has run longer, or not as long, as the one that made it. */
static void restart(const setting_of_pair *at) {
    static const long shifts[] = {3600, -3600, 300000, -300000};
    raw_session session;
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    for (size_t i = 0; i < COUNT(shifts); i++) {
        contexts c = {.client = {.block = NULL}};
        uptime_shift = 0;
        if (open_contexts(&c, at, &client, &server) && first_session(&c, &ring, &session)) {
            raw_pair *p = raw_pair_open(&c.client, &c.server, &ring, &session);
            for (int step = 0; p && step < 20 && !(p->client.done && p->server.done); step++) {
                uptime_shift = 0;
                raw_step(&p->client);
                uptime_shift = shifts[i];
                raw_step(&p->server);
            }
            CHECK(p && raw_info(&p->server).resumed, "not resumed by a machine %ld s older",
                  shifts[i]);
            raw_pair_close(p);
        }
        uptime_shift = 0;
        close_contexts(&c);
    }
}

static void test_restart(void) {
    each_pair("restart", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, restart);
}

/* The select upcall's refusal stands, ticket or not. */
static void refuse_host(const setting_of_pair *at) {
    contexts c = {.client = {.block = NULL}};
    raw_session session;
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    if (open_contexts(&c, at, &client, &server) && first_session(&c, &ring, &session)) {
        ring.nobody = true;
        raw_pair *p = raw_pair_open(&c.client, &c.server, &ring, &session);
        stls_be_failure failure = {.text = ""};
        if (p && raw_step(&p->client)) {
            CHECK_NUMBER("the server's answer",
                         c.server.backend->conn_handshake(p->server.block, &failure),
                         STLS_BE_FAILED);
            CHECK_NUMBER("because of", failure.cause, STLS_BE_CAUSE_SELECT);
            CHECK_NUMBER("selects", p->server.selects, 1);
            CHECK_NUMBER("tickets opened", p->server.tickets_read, 0);
        }
        raw_pair_close(p);
    }
    close_contexts(&c);
}

static void test_refused_host(void) {
    each_pair("refused host", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS | STLS_CAN_SELECT_VERIFY,
              refuse_host);
}

/* --- How many tickets --- */

static void count_tickets(const setting_of_pair *at) {
    for (unsigned count = 0; count <= 8; count += count < 3 ? 1 : 5) {
        contexts c;
        raw_settings client = client_settings(at->version), server = server_settings(at->version);
        raw_ring ring = simple_ring();
        server.tickets = count;
        server.wanted = count ? server.wanted : 0;
        raw_pair *p = NULL;
        if (open_contexts(&c, at, &client, &server) &&
            (p = raw_pair_open(&c.client, &c.server, &ring, NULL)) != NULL && raw_pair_run(p)) {
            unsigned expected = at->version == STLS_TLS1_2 && count ? 1 : count;
            /* A session without a ticket may have a session ID, which nobody finds again. */
            CHECK((count == 0 || p->client.session_count == expected) &&
                      (p->server.tickets_made > 0) == (count > 0),
                  "%u tickets: %zu came, %u records, expected %u", count, p->client.session_count,
                  p->server.tickets_made, expected);
        }
        raw_pair_close(p);
        ring.no_record = true;
        if (count && (p = raw_pair_open(&c.client, &c.server, &ring, NULL)) != NULL &&
            raw_pair_run(p) && p->client.session_count > 0) {
            /* The library could not keep the ticket back: it is worth nothing. */
            raw_session session = p->client.sessions[0];
            raw_pair_close(p);
            p = raw_pair_open(&c.client, &c.server, &ring, &session);
            run_and_check(p, false);
        }
        raw_pair_close(count ? p : NULL);
        close_contexts(&c);
    }
}

static void test_counts(void) {
    each_pair("counts", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, count_tickets);
}

/* No ticket for a client that has not asked to keep sessions; none offered. */
static void keep_none(const setting_of_pair *at) {
    contexts c = {.client = {.block = NULL}};
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    client.wanted = 0;
    raw_pair *p = NULL;
    if (open_contexts(&c, at, &client, &server) &&
        (p = raw_pair_open(&c.client, &c.server, &ring, NULL)) != NULL && run_and_check(p, false)) {
        CHECK_NUMBER("sessions", p->client.session_count, 0);
    }
    raw_pair_close(p);
    close_contexts(&c);
}

static void test_none(void) {
    each_pair("none", 0, STLS_CAN_ISSUE_TICKETS, keep_none);
}

/* --- Mutual TLS --- */

static void mutual_record(const setting_of_pair *at, stls_be_client_auth auth, const char *names) {
    contexts c = {.client = {.block = NULL}};
    raw_session session = {.len = 0};
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    client.names = names;
    server.client_auth = auth;
    raw_end *seen = calloc(1, sizeof *seen);
    bool begun = seen && open_contexts(&c, at, &client, &server);
    for (int i = 0; begun && i < 3; i++) {
        raw_pair *p = raw_pair_open(&c.client, &c.server, &ring, i ? &session : NULL);
        if (run_and_check(p, i > 0)) {
            CHECK(p->server.verifies == (i ? 0 : 1), "%u verdicts on the client, handshake %d",
                  p->server.verifies, i);
            CHECK_BYTES("the record", ((stls_bytes){p->server.record, p->server.record_len}),
                        i ? ((stls_bytes){seen->record, seen->record_len})
                          : ((stls_bytes){p->server.record, p->server.record_len}));
            CHECK(!names || p->server.record[0] == 0x30, "the record is not of the client's leaf");
            memcpy(seen->record, p->server.record, p->server.record_len);
            seen->record_len = p->server.record_len;
            session = p->client.session_count ? p->client.sessions[0] : session;
        }
        begun = session.len > 0;
        raw_pair_close(p);
    }
    CHECK(begun, "no session came");
    free(seen);
    close_contexts(&c);
}

static void mutual(const setting_of_pair *at) {
    mutual_record(at, STLS_BE_CLIENT_AUTH_REQUIRED, "phone");
    mutual_record(at, STLS_BE_CLIENT_AUTH_OPTIONAL, "phone");
    mutual_record(at, STLS_BE_CLIENT_AUTH_OPTIONAL, NULL);
}

static void test_mutual(void) {
    each_pair("mutual", STLS_CAN_RESUME, STLS_CAN_ISSUE_TICKETS, mutual);
}

/* --- Keying material --- */

static bool export_from(raw_end *e, const char *label, const stls_bytes *context, uint8_t *out,
                        size_t len) {
    stls_be_failure failure = {.text = ""};
    memset(out, 0, len);
    stls_be_status status = e->context->backend->conn_export(
        e->block, (stls_bytes){(const uint8_t *)label, strlen(label)}, context, out, len, &failure);
    return CHECK(status == STLS_BE_OK, "%s: export \"%s\", %zu bytes: %d, %s",
                 e->context->backend->name, label, len, status, failure.text);
}

static void check_same_exports(raw_pair *p, bool tls1_3) {
    enum { EXPORTS = 4, LEN = 60 }; /* 60: DTLS-SRTP (RFC 5764) */
    const stls_bytes empty = {(const uint8_t *)"", 0}, some = {(const uint8_t *)"\0context", 8};
    const struct {
        const char *label;
        const stls_bytes *context;
    } exports[EXPORTS] = {{"EXPORTER-siptls-test", NULL},
                          {"EXPORTER-siptls-test", &empty},
                          {"EXPORTER-siptls-test", &some},
                          {"EXPORTER-siptls-other", NULL}};
    uint8_t client[EXPORTS][LEN], server[EXPORTS][LEN];
    for (size_t i = 0; i < EXPORTS; i++) {
        if (!export_from(&p->client, exports[i].label, exports[i].context, client[i], LEN) ||
            !export_from(&p->server, exports[i].label, exports[i].context, server[i], LEN)) {
            return;
        }
        CHECK(memcmp(client[i], server[i], LEN) == 0, "export %zu differs between the ends", i);
        for (size_t j = 0; j < i; j++) {
            bool same = tls1_3 && i == 1 && j == 0; /* no context is an empty one in TLS 1.3 */
            CHECK((memcmp(client[i], client[j], LEN) == 0) == same, "exports %zu and %zu", i, j);
        }
    }
}

static void export_keys(const setting_of_pair *at) {
    contexts c = {.client = {.block = NULL}};
    raw_session session;
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    raw_ring ring = simple_ring();
    bool resumes = stls_backend_can(at->client, STLS_CAN_RESUME) &&
                   stls_backend_can(at->server, STLS_CAN_ISSUE_TICKETS);
    client.wanted = STLS_BE_SET_EXPORTER | (resumes ? client.wanted : 0);
    server.wanted = STLS_BE_SET_EXPORTER | (resumes ? server.wanted : 0);
    raw_pair *p = NULL;
    if (open_contexts(&c, at, &client, &server)) {
        p = raw_pair_open(&c.client, &c.server, &ring, NULL);
        if (run_and_check(p, false)) {
            check_same_exports(p, at->version == STLS_TLS1_3);
        }
        raw_pair_close(p);
        if (resumes && first_session(&c, &ring, &session)) {
            p = raw_pair_open(&c.client, &c.server, &ring, &session);
            if (run_and_check(p, true)) {
                check_same_exports(p, at->version == STLS_TLS1_3);
            }
            raw_pair_close(p);
        }
    }
    close_contexts(&c);
}

static void test_exporter(void) {
    each_pair("exporter", STLS_CAN_EXPORT_KEYS, STLS_CAN_EXPORT_KEYS, export_keys);
}

/* --- Key log --- */

static const raw_secret *find_secret(const raw_end *e, const char *label) {
    const raw_secret *found = NULL;
    for (size_t i = 0; i < e->secret_count; i++) {
        if (strcmp(e->secrets[i].label, label) == 0) {
            CHECK(!found, "%s came twice", label);
            found = &e->secrets[i];
        }
    }
    return found;
}

static void log_keys(const setting_of_pair *at) {
    static const char *const tls1_2[] = {"CLIENT_RANDOM", NULL};
    static const char *const tls1_3[] = {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", NULL};
    for (int logs = 0; logs <= 1; logs++) {
        contexts c;
        raw_settings client = client_settings(at->version), server = server_settings(at->version);
        client.wanted = server.wanted = logs ? STLS_BE_SET_KEYLOG : 0;
        raw_pair *p = NULL;
        if (open_contexts(&c, at, &client, &server) &&
            (p = raw_pair_open(&c.client, &c.server, NULL, NULL)) != NULL &&
            run_and_check(p, false)) {
            const char *const *label = at->version == STLS_TLS1_2 ? tls1_2 : tls1_3;
            CHECK(logs || p->client.secret_count + p->server.secret_count == 0,
                  "secrets came that nobody wanted");
            for (; logs && *label; label++) {
                const raw_secret *ours = find_secret(&p->client, *label);
                const raw_secret *theirs = find_secret(&p->server, *label);
                CHECK(ours && theirs && ours->len == (at->version == STLS_TLS1_2 ? 48 : 32) &&
                          ours->len == theirs->len &&
                          memcmp(ours->secret, theirs->secret, ours->len) == 0,
                      "%s: the ends differ, or do not tell it", *label);
                CHECK(ours && theirs && memcmp(ours->client_random, p->up.data + 11, 32) == 0 &&
                          memcmp(theirs->client_random, p->up.data + 11, 32) == 0,
                      "%s: not the client's random", *label);
            }
        }
        raw_pair_close(p);
        close_contexts(&c);
    }
}

static void test_keylog(void) {
    each_pair("keylog", STLS_CAN_KEYLOG, STLS_CAN_KEYLOG, log_keys);
}

/* --- Key update --- */

static void update_from(raw_end *from, raw_end *to, bool both) {
    stls_be_failure failure = {.text = ""};
    size_t before = from->out->len;
    stls_be_status status = from->context->backend->conn_update_keys(from->block, both, &failure);
    if (raw_info(from).version == STLS_TLS1_2) {
        CHECK(status == STLS_BE_UNSUPPORTED, "TLS 1.2 updates keys: %d", status);
        CHECK_NUMBER("bytes sent", from->out->len - before, 0);
    } else if (!both && strcmp(from->context->backend->name, "wolfssl") == 0) {
        CHECK(status == STLS_BE_UNSUPPORTED, "wolfSSL does not ask the peer: %d", status);
        CHECK_NUMBER("bytes sent", from->out->len - before, 0);
    } else {
        CHECK(status == STLS_BE_OK, "update: %d, %s", status, failure.text);
        CHECK(from->out->len > before, "no KeyUpdate has left");
    }
    raw_say(from, to, "behind the update");
    raw_say(to, from, "and back");
    raw_say(from, to, "and again");
}

static void update_keys(const setting_of_pair *at) {
    contexts c = {.client = {.block = NULL}};
    raw_settings client = client_settings(at->version), server = server_settings(at->version);
    client.wanted = server.wanted = 0;
    raw_pair *p = NULL;
    if (open_contexts(&c, at, &client, &server) &&
        (p = raw_pair_open(&c.client, &c.server, NULL, NULL)) != NULL && run_and_check(p, false)) {
        update_from(&p->client, &p->server, false);
        update_from(&p->server, &p->client, false);
        update_from(&p->client, &p->server, true);
        update_from(&p->server, &p->client, true);
    }
    raw_pair_close(p);
    close_contexts(&c);
}

static void test_update(void) {
    each_pair("update", STLS_CAN_UPDATE_KEYS, STLS_CAN_UPDATE_KEYS, update_keys);
}

/* --- Small records --- */

/* The code in the max_fragment_length extension of a ClientHello; 0: there is none. */
static size_t fragment_code(const raw_stream *s) {
    size_t at = 5 + 4 + 2 + 32;
    at += 1u + s->data[at];
    at += 2 + number_at(s->data, at, 2);
    at += 1u + s->data[at];
    for (at += 2; at + 4 <= s->len; at += 4 + number_at(s->data, at + 2, 2)) {
        if (number_at(s->data, at, 4) == 0x00010001) {
            return s->data[at + 4];
        }
    }
    return 0;
}

/* Application data of 3000 bytes from one end, in records of at most `max` bytes of it. */
static void check_records(raw_end *from, size_t max) {
    enum { OVERHEAD = 64, LEN = 3000 };
    static const uint8_t data[LEN];
    stls_be_failure failure = {.text = ""};
    size_t at = from->out->len, taken = 0;
    for (size_t done = 0; done < LEN; done += taken) {
        stls_be_status status = from->context->backend->conn_write(from->block, data + done,
                                                                   LEN - done, &taken, &failure);
        if (!CHECK(status == STLS_BE_OK && taken > 0, "a write: %d, %s", status, failure.text)) {
            return;
        }
    }
    for (; at + 5 <= from->out->len; at += 5 + number_at(from->out->data, at + 3, 2)) {
        size_t len = number_at(from->out->data, at + 3, 2);
        CHECK(len <= max + OVERHEAD, "a record of %zu bytes, for at most %zu", len, max);
    }
}

/* What a server of TLS 1.2 sends in the clear: records of at most `max` bytes of handshake. */
static void check_flight(const raw_stream *s, size_t max) {
    enum { CHANGE_CIPHER_SPEC = 20 };
    for (size_t at = 0; at + 5 <= s->len && s->data[at] != CHANGE_CIPHER_SPEC;
         at += 5 + number_at(s->data, at + 3, 2)) {
        size_t len = number_at(s->data, at + 3, 2);
        CHECK(len <= max, "a record of %zu bytes, for at most %zu", len, max);
    }
}

static void ask_small_records(const setting_of_pair *at) {
    for (unsigned code = 0; code <= 4; code++) {
        contexts c;
        raw_settings client = client_settings(at->version), server = server_settings(at->version);
        client.wanted = code ? STLS_BE_SET_MAX_FRAGMENT : 0;
        client.max_fragment = (uint16_t)(code ? 256u << code : 0u);
        server.wanted = 0;
        raw_pair *p = NULL;
        if (open_contexts(&c, at, &client, &server) &&
            (p = raw_pair_open(&c.client, &c.server, NULL, NULL)) != NULL && raw_step(&p->client)) {
            CHECK_NUMBER("the code in the ClientHello", fragment_code(&p->up), code);
            if (run_and_check(p, false) && code && at->version == STLS_TLS1_2) {
                check_flight(&p->down, client.max_fragment);
                check_records(&p->client, client.max_fragment);
                check_records(&p->server, client.max_fragment);
            }
        }
        raw_pair_close(p);
        close_contexts(&c);
    }
}

static void test_fragment(void) {
    each_pair("fragment", STLS_CAN_MAX_FRAGMENT, 0, ask_small_records);
}

/* --- Cryptography --- */

static stls_bytes hex(const char *text, uint8_t *out, size_t size) {
    size_t len = strlen(text) / 2;
    if (len > size) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        CHECK(sscanf(text + 2 * i, "%2x", &byte) == 1, "not hex: %s", text);
        out[i] = (uint8_t)byte;
    }
    return (stls_bytes){out, len};
}

/* RFC 5869, appendices A.1 to A.3. */
static const struct {
    const char *secret, *salt, *info, *expected;
} hkdf_vectors[] = {
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
     "f0f1f2f3f4f5f6f7f8f9",
     "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
    {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2"
     "e"
     "2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
     "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8"
     "e"
     "8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
     "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcddd"
     "e"
     "dfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
     "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590"
     "e"
     "09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
    {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
     "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
};

static void check_hkdf(const stls_backend *backend) {
    for (size_t i = 0; i < COUNT(hkdf_vectors); i++) {
        uint8_t secret[128], salt[128], info[128], expected[128], out[128];
        stls_bytes wanted = hex(hkdf_vectors[i].expected, expected, sizeof expected);
        stls_be_status status =
            backend->hkdf(hex(hkdf_vectors[i].secret, secret, sizeof secret),
                          hex(hkdf_vectors[i].salt, salt, sizeof salt),
                          hex(hkdf_vectors[i].info, info, sizeof info), out, wanted.len);
        CHECK_NUMBER("hkdf", status, STLS_BE_OK);
        CHECK_BYTES("RFC 5869", ((stls_bytes){out, wanted.len}), wanted);
    }
    static uint8_t most[255 * 32 + 1];
    const stls_bytes secret = {(const uint8_t *)"secret", 6}, none = {NULL, 0};
    CHECK_NUMBER("the most that HKDF gives",
                 backend->hkdf(secret, none, none, most, sizeof most - 1), STLS_BE_OK);
    CHECK(backend->hkdf(secret, none, none, most, sizeof most) != STLS_BE_OK,
          "more than HKDF can give");
}

/* The Galois/Counter Mode of Operation (McGrew, Viega), appendix B, test cases 13, 14 and 16. */
static const struct {
    const char *key, *nonce, *associated, *plain, *sealed;
} gcm_vectors[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "5"
     "25b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838"
     "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
};

static void check_gcm(const stls_backend *backend, size_t i) {
    uint8_t key[32], nonce[12], associated[64], plain[128], sealed[128], out[128], zero[128] = {0};
    hex(gcm_vectors[i].key, key, sizeof key);
    hex(gcm_vectors[i].nonce, nonce, sizeof nonce);
    stls_bytes a = hex(gcm_vectors[i].associated, associated, sizeof associated);
    stls_bytes p = hex(gcm_vectors[i].plain, plain, sizeof plain);
    stls_bytes s = hex(gcm_vectors[i].sealed, sealed, sizeof sealed);
    CHECK_NUMBER("seal", backend->aead_seal(key, nonce, a, p, out), STLS_BE_OK);
    CHECK_BYTES("sealed", ((stls_bytes){out, s.len}), s);
    CHECK_NUMBER("open", backend->aead_open(key, nonce, a, s, out), STLS_BE_OK);
    CHECK_BYTES("opened", ((stls_bytes){out, p.len}), p);
    memcpy(out, plain, p.len);
    CHECK_NUMBER("seal in place", backend->aead_seal(key, nonce, a, (stls_bytes){out, p.len}, out),
                 STLS_BE_OK);
    CHECK_BYTES("sealed in place", ((stls_bytes){out, s.len}), s);
    CHECK_NUMBER("open in place", backend->aead_open(key, nonce, a, (stls_bytes){out, s.len}, out),
                 STLS_BE_OK);
    CHECK_BYTES("opened in place", ((stls_bytes){out, p.len}), p);
    for (size_t at = 0; at < s.len; at++) {
        sealed[at] ^= 1;
        memset(out, 0, sizeof out);
        CHECK(backend->aead_open(key, nonce, a, s, out) == STLS_BE_FAILED, "forged at %zu", at);
        CHECK(memcmp(out, zero, p.len) == 0, "forged at %zu: something of it came out", at);
        sealed[at] ^= 1;
    }
    for (size_t len = 0; len < s.len; len++) {
        CHECK(backend->aead_open(key, nonce, a, (stls_bytes){sealed, len}, out) == STLS_BE_FAILED,
              "cut to %zu bytes", len);
    }
    key[31] ^= 0x80;
    CHECK(backend->aead_open(key, nonce, a, s, out) == STLS_BE_FAILED, "another key");
    key[31] ^= 0x80;
    nonce[0] ^= 1;
    CHECK(backend->aead_open(key, nonce, a, s, out) == STLS_BE_FAILED, "another nonce");
    nonce[0] ^= 1;
    associated[a.len] = 0;
    CHECK(backend->aead_open(key, nonce, (stls_bytes){associated, a.len + 1}, s, out) ==
              STLS_BE_FAILED,
          "other associated data");
}

/* Not a measure of quality, but all zero, all the same, or untouched bytes are found. */
static void check_random(const stls_backend *backend) {
    static uint8_t a[4096], b[4096];
    unsigned seen[256] = {0}, kinds = 0;
    CHECK_NUMBER("random", backend->random(a, sizeof a), STLS_BE_OK);
    CHECK_NUMBER("random again", backend->random(b, sizeof b), STLS_BE_OK);
    CHECK_NUMBER("no random bytes", backend->random(b, 0), STLS_BE_OK);
    CHECK(memcmp(a, b, sizeof a) != 0, "the same bytes twice");
    for (size_t i = 0; i < sizeof a; i++) {
        kinds += seen[a[i]]++ == 0;
    }
    CHECK(kinds > 200, "4096 bytes have only %u values", kinds);
}

/* A child of fork() goes on with random numbers of its own: its tickets never have the nonces of
 * its parent's. None at all would be right, too. */
static void check_child(const stls_backend *backend) {
    uint8_t ours[32] = {0}, theirs[1 + 32] = {0};
    int end[2];
    if (!CHECK(backend->random(ours, sizeof ours) == STLS_BE_OK && pipe(end) == 0, "no pipe")) {
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        theirs[0] = backend->random(theirs + 1, sizeof theirs - 1) == STLS_BE_OK ? 1 : 2;
        _exit(write(end[1], theirs, sizeof theirs) == sizeof theirs ? 0 : 1);
    }
    CHECK_NUMBER("random in the parent", backend->random(ours, sizeof ours), STLS_BE_OK);
    CHECK(child > 0 && read(end[0], theirs, sizeof theirs) == sizeof theirs && theirs[0] != 0 &&
              waitpid(child, NULL, 0) == child,
          "the child said nothing");
    CHECK(memcmp(ours, theirs + 1, sizeof ours) != 0, "parent and child have the same bytes");
    close(end[0]);
    close(end[1]);
}

static void test_crypto(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        uint32_t can = stls_backend_capabilities(backend);
        if ((can & (STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS)) == 0) {
            continue;
        }
        check_case("%s", stls_backend_name(backend));
        check_random(backend);
        check_child(backend);
        check_hkdf(backend);
        for (size_t v = 0; v < COUNT(gcm_vectors); v++) {
            check_gcm(backend, v);
        }
    }
}

static const test_case cases[] = {
    {"crypto", test_crypto},     {"resume", test_resume},
    {"changes", test_changes},   {"mutations", test_mutations},
    {"hellos", test_hellos},     {"refused_host", test_refused_host},
    {"modes", test_modes},       {"restart", test_restart},
    {"counts", test_counts},     {"none", test_none},
    {"mutual", test_mutual},     {"exporter", test_exporter},
    {"keylog", test_keylog},     {"update", test_update},
    {"fragment", test_fragment}, {NULL, NULL},
};

static const test_suite suites[] = {{"sessions", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
