/* tests/conformance/resume.c - sessions are resumed where nothing has changed, and nowhere else.
 *
 * Both ends keep their contexts from connection to connection, or make new ones that share what
 * outlives a context: the client's cache, the server's ring. A resumed connection must know as much
 * about its peer as a full one.
 *
 * Promises P5 and P8 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- Two ends, and what they keep --- */

typedef struct stage {
    end of[2];
    stls_session_cache *cache; /* NULL: the context's own */
    stls_ticket_ring *ring;    /* likewise */
    int tickets;               /* negative: the default */
    stls_context *context[2];
} stage;

static bool set_resumption(const stage *s, side which, stls_profile *profile, stls_error *error) {
    stls_result result = STLS_OK;
    if (which == CLIENT && s->cache) {
        result = stls_profile_set_session_cache(profile, s->cache, error);
    } else if (which == SERVER && (s->ring || s->tickets >= 0)) {
        result = stls_profile_set_tickets(profile, s->ring,
                                          s->tickets >= 0 ? (unsigned)s->tickets : 1, error);
    }
    return CHECK_RESULT("the resumption", result, STLS_OK, error);
}

/* Makes the context of one end anew. */
static bool set_up(stage *s, side which) {
    stls_role role = which == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER;
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_context_free(s->context[which]);
    s->context[which] = NULL;
    bool ready = CHECK_RESULT("the profile", end_try_profile(role, &s->of[which], &profile, &error),
                              STLS_OK, &error) &&
                 set_resumption(s, which, profile, &error) &&
                 CHECK_RESULT("the context", stls_context_new(profile, &s->context[which], &error),
                              STLS_OK, &error);
    stls_profile_free(profile);
    return ready;
}

static void tear_down(stage *s) {
    stls_context_free(s->context[CLIENT]);
    stls_context_free(s->context[SERVER]);
    stls_session_cache_free(s->cache);
    stls_ticket_ring_free(s->ring);
    *s = (stage){.tickets = -1};
}

static stage plain_stage(uint16_t version) {
    return (stage){
        .of = {{.trust = "root", .peer = "example.test", .version = version},
               {.credential = "server", .version = version}},
        .tickets = -1,
    };
}

static stage mutual_stage(uint16_t version) {
    stage s = plain_stage(version);
    s.of[CLIENT].credential = "phone";
    s.of[SERVER].trust = "root";
    s.of[SERVER].verify = STLS_VERIFY_REQUIRED;
    return s;
}

/* --- One connection --- */

static bool was_resumed(const pair *p, side which) {
    stls_conn_info info;
    stls_conn_get_info(p->conn[which], &info);
    return info.resumed;
}

/* What a full handshake tells about the peer, a resumed one must tell, too. */
static void check_peers(const stage *s, const pair *p) {
    bool mutual = s->of[SERVER].verify == STLS_VERIFY_REQUIRED;
    stls_bytes server = stls_conn_peer_certificate(p->conn[CLIENT], 0);
    CHECK(stls_conn_is_secure(p->conn[CLIENT]), "the client's lock is open: %s",
          pair_verdict(p, CLIENT)->text);
    CHECK_BYTES("the server's certificate", server, pki_bytes("server.der"));
    CHECK_NUMBER("the server's certificates", stls_conn_peer_count(p->conn[CLIENT]), 2);
    CHECK_TEXT("the proved name", pair_verdict(p, CLIENT)->name, "example.test");
    CHECK(*pair_verdict(p, CLIENT)->text, "the client's verdict has no sentence");
    CHECK(stls_conn_is_secure(p->conn[SERVER]) == mutual, "the server's lock is wrong: %s",
          pair_verdict(p, SERVER)->text);
    if (mutual) {
        CHECK_BYTES("the phone's certificate", stls_conn_peer_certificate(p->conn[SERVER], 0),
                    pki_bytes("phone.der"));
        CHECK_NUMBER("the phone's certificates", stls_conn_peer_count(p->conn[SERVER]), 2);
    }
}

/* Connects, moves data so that tickets arrive, and closes. */
static bool connect_once(stage *s, bool resumed) {
    pair p;
    bool done = pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER], NULL) &&
                pair_connect(&p) && pair_echo(&p, 100);
    if (done) {
        done = CHECK(was_resumed(&p, CLIENT) == resumed, "the client says %s",
                     was_resumed(&p, CLIENT) ? "resumed" : "full");
        done = CHECK(was_resumed(&p, SERVER) == resumed, "the server says %s",
                     was_resumed(&p, SERVER) ? "resumed" : "full") &&
               done;
        check_peers(s, &p);
        pair_check_info(&p);
        pair_shut(&p);
    }
    pair_close(&p);
    return done;
}

static bool can(uint32_t capability, const char *what) {
    if (stls_backend_can(test_backend(), capability)) {
        return true;
    }
    test_skip(what, "%s cannot, as its expectations say", stls_backend_name(test_backend()));
    return false;
}

static bool can_resume(void) {
    return can(STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS, "resumption");
}

/* --- Where it is on --- */

static void run_default(const char *what, stage s) {
    check_case("%s, %s", what, version_text(s.of[CLIENT].version));
    if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        for (unsigned i = 0; i < 4; i++) {
            connect_once(&s, true);
        }
        stls_context_stats stats;
        stls_context_get_stats(s.context[SERVER], &stats);
        CHECK_NUMBER("full handshakes that were counted", stats.full, 1);
        CHECK_NUMBER("resumed handshakes that were counted", stats.resumed, 4);
        CHECK_NUMBER("handshakes under way", stats.under_way, 0);
    }
    tear_down(&s);
}

static void test_default(void) {
    if (!can_resume()) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        run_default("resumed without a word from the caller", plain_stage(both_versions[v]));
        if (stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER)) {
            run_default("mutual", mutual_stage(both_versions[v]));
        }
        stage optional = plain_stage(both_versions[v]);
        optional.of[SERVER].trust = "root";
        optional.of[SERVER].verify = STLS_VERIFY_OPTIONAL;
        run_default("a client that was asked, and has no certificate", optional);
    }
}

/* --- The verdict --- */

static void check_same_verdict(side of, const stls_verdict *full, const stls_verdict *resumed) {
    const char *who = side_text(of);
    CHECK_NUMBER(who, resumed->state, full->state);
    CHECK_TEXT(who, flags_text(resumed->flags), flags_text(full->flags));
    CHECK_TEXT(who, flags_text(resumed->tolerated), flags_text(full->tolerated));
    CHECK_BYTES(who, ((stls_bytes){resumed->depth, sizeof resumed->depth}),
                ((stls_bytes){full->depth, sizeof full->depth}));
    CHECK_NUMBER("the alert", resumed->alert, full->alert);
    CHECK_NUMBER("holds since", resumed->holds_since, full->holds_since);
    CHECK_NUMBER("holds until", resumed->holds_until, full->holds_until);
    CHECK_NUMBER("the next expiry", resumed->next_expiry, full->next_expiry);
    CHECK_BYTES("the path", ((stls_bytes){resumed->path, resumed->path_len}),
                ((stls_bytes){full->path, full->path_len}));
    CHECK_NUMBER("the kind of the name", resumed->name_kind, full->name_kind);
    CHECK_TEXT("the name", resumed->name, full->name);
    CHECK_TEXT("the sentence", resumed->text, full->text);
}

/* Every field of it is what the full handshake has found, of a client that is not trusted, too. */
static void test_verdicts(void) {
    static const char *const clients[] = {"phone", "expired"};
    if (!can_resume() || !can(STLS_CAN_TICKET_PEER, "clients in tickets")) {
        return;
    }
    for (size_t i = 0; i < 2 * COUNT(both_versions); i++) {
        stage s = mutual_stage(both_versions[i / 2]);
        stls_verdict full[2];
        s.of[CLIENT].credential = clients[i % 2];
        s.of[SERVER].verify = STLS_VERIFY_OPTIONAL_ANY;
        check_case("the verdict on %s, %s", clients[i % 2], version_text(both_versions[i / 2]));
        for (unsigned round = 0; round < 3; round++) {
            pair p;
            bool open = (round > 0 || (set_up(&s, CLIENT) && set_up(&s, SERVER))) &&
                        pair_open_on(&p, s.context[CLIENT], &s.of[CLIENT], s.context[SERVER], NULL);
            if (!open) {
                break;
            }
            if (pair_connect(&p) && pair_echo(&p, 100)) {
                CHECK_NUMBER("resumed", was_resumed(&p, SERVER), round > 0);
                for (side of = CLIENT; of <= SERVER; of++) {
                    full[of] = round == 0 ? *pair_verdict(&p, of) : full[of];
                    check_same_verdict(of, &full[of], pair_verdict(&p, of));
                }
                CHECK_NUMBER("trusted", full[SERVER].state == STLS_VERDICT_ACCEPTED, i % 2 == 0);
            }
            pair_close(&p);
        }
        tear_down(&s);
    }
}

/* --- What changes in between --- */

typedef struct change {
    const char *what;
    bool resumed; /* all the same */
    void (*client)(end *client);
    void (*server)(end *server);
    bool other_ring; /* the server does not have the key any more */
    bool mutual;
} change;

static void peer_other(end *e) {
    e->peer = "sip.example.test";
    e->identity = STLS_IDENTITY_LIST;
    e->names = "example.test";
}
static void no_server_name(end *e) {
    e->server_name = "";
}
static void other_server_name(end *e) {
    e->server_name = "www.example.test";
}
static void more_trust(end *e) {
    e->trust = "root other-root";
}
static void trust_in_another_order(end *e) {
    e->trust = "other-root root";
}
static void https(end *e) {
    e->identity = STLS_IDENTITY_HTTPS;
}
static void tolerant(end *e) {
    e->tolerated = STLS_FLAG_EXPIRED;
}
static void strict_usage(end *e) {
    e->usage = STLS_USAGE_TLS;
}
static void with_certificate(end *e) {
    e->credential = "phone";
}
static void other_suites(end *e) {
    e->suites = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384";
}
static void other_alpn(end *e) {
    e->alpn = "sip/2";
}
static void other_groups(end *e) {
    e->groups = "secp256r1";
}
static void other_schemes(end *e) {
    e->schemes = "ecdsa_secp256r1_sha256";
}
static void verify_optional(end *e) {
    e->trust = "root";
    e->verify = STLS_VERIFY_OPTIONAL;
}
static void verify_required(end *e) {
    e->trust = "root";
    e->verify = STLS_VERIFY_REQUIRED;
}
static void verify_none(end *e) {
    e->verify = STLS_VERIFY_NONE;
}

/* With a cache and a ring that both sides' new contexts share. */
static const change changes[] = {
    {.what = "nothing", .resumed = true},
    {.what = "nothing, mutual", .resumed = true, .mutual = true},
    {.what = "the key of the server", .other_ring = true},
    {.what = "the key of the server, mutual", .other_ring = true, .mutual = true},
    {.what = "the peer that must be proved", .client = peer_other},
    {.what = "the client sends no SNI", .client = no_server_name},
    {.what = "the client sends another SNI", .client = other_server_name},
    {.what = "the client trusts more", .client = more_trust},
    {.what = "the client's identity mode", .client = https},
    {.what = "what the client tolerates", .client = tolerant},
    {.what = "the usages that the client takes", .client = strict_usage},
    {.what = "the client's certificate", .client = with_certificate},
    {.what = "the client's suites", .client = other_suites},
    {.what = "the client's protocols", .client = other_alpn},
    {.what = "the server asks for a certificate", .server = verify_optional},
    {.what = "the server wants a certificate",
     .server = verify_required,
     .client = with_certificate},
    {.what = "the server wants none any more", .server = verify_none, .mutual = true},
    {.what = "the server trusts more", .server = more_trust, .mutual = true},
    {.what = "the usages that the server takes", .server = strict_usage, .mutual = true},
    {.what = "the server's groups", .server = other_groups},
    {.what = "the server's groups, mutual", .server = other_groups, .mutual = true},
    {.what = "the server's signature schemes", .server = other_schemes, .mutual = true},
    {.what = "what the server trusts does not matter", .server = more_trust, .resumed = true},
};

static bool new_ring(stage *s) {
    stls_error error = {0};
    stls_ticket_ring_free(s->ring);
    s->ring = NULL;
    return CHECK_RESULT("the ring", stls_ticket_ring_new(test_backend(), NULL, &s->ring, &error),
                        STLS_OK, &error);
}

/* The peers' facts after a change may differ from check_peers(): only whether it was resumed. */
static void connect_changed(stage *s, bool resumed) {
    pair p;
    if (pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER], NULL) &&
        pair_connect(&p) && pair_echo(&p, 10)) {
        CHECK(was_resumed(&p, CLIENT) == resumed, "the client says %s",
              was_resumed(&p, CLIENT) ? "resumed" : "full");
        CHECK(was_resumed(&p, SERVER) == resumed, "the server says %s",
              was_resumed(&p, SERVER) ? "resumed" : "full");
        CHECK_NUMBER("the client's verdict", pair_verdict(&p, CLIENT)->state,
                     STLS_VERDICT_ACCEPTED);
        pair_shut(&p);
    }
    pair_close(&p);
}

static void run_change(const change *c, uint16_t version) {
    stage s = c->mutual ? mutual_stage(version) : plain_stage(version);
    check_case("changed: %s, %s", c->what, version_text(version));
    s.cache = stls_session_cache_new(8);
    if (new_ring(&s) && set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        if (c->client) {
            c->client(&s.of[CLIENT]);
        }
        if (c->server) {
            c->server(&s.of[SERVER]);
        }
        if ((!c->other_ring || new_ring(&s)) && set_up(&s, CLIENT) && set_up(&s, SERVER)) {
            connect_changed(&s, c->resumed);
        }
    }
    tear_down(&s);
}

static void test_changes(void) {
    if (!can_resume()) {
        return;
    }
    for (size_t i = 0; i < COUNT(changes); i++) {
        if (changes[i].server == other_schemes &&
            !stls_backend_can(test_backend(), STLS_CAN_SET_SIGNATURE_SCHEMES)) {
            continue;
        }
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            if (!changes[i].mutual || stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER)) {
                run_change(&changes[i], both_versions[v]);
            }
        }
    }
}

/* What is trusted is a set: the order of adding does not matter. */
static void test_order_of_trust(void) {
    stage s = plain_stage(STLS_TLS1_3);
    if (!can_resume()) {
        return;
    }
    check_case("the same certificates, trusted in another order");
    s.cache = stls_session_cache_new(8);
    more_trust(&s.of[CLIENT]);
    if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        trust_in_another_order(&s.of[CLIENT]);
        if (set_up(&s, CLIENT)) {
            connect_once(&s, true);
        }
    }
    tear_down(&s);
}

/* The protocol is agreed anew each time: the same, another, or none. With a group of which the
 * client sends no key share, its hello comes twice. */
static void test_protocols(void) {
    static const struct {
        const char *first, *then, *groups;
    } table[] = {{"sip/2", "sip/2", NULL},       {"sip/2", "sip/2", "secp256r1"},
                 {"other,sip/2", "other", NULL}, {NULL, "sip/2", NULL},
                 {"sip/2", NULL, NULL},          {"other", "sip/2,other", "secp256r1"}};
    for (size_t i = 0; can_resume() && i < 2 * COUNT(table); i++) {
        stage s = plain_stage(both_versions[i % 2]);
        check_case("a server of %s, then of %s, %s, %s",
                   table[i / 2].first ? table[i / 2].first : "no protocol",
                   table[i / 2].then ? table[i / 2].then : "no protocol",
                   table[i / 2].groups ? table[i / 2].groups : "all groups",
                   version_text(both_versions[i % 2]));
        s.of[CLIENT].alpn = "sip/2,other";
        s.of[SERVER].alpn = table[i / 2].first;
        s.of[SERVER].groups = table[i / 2].groups;
        if (new_ring(&s) && set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
            connect_once(&s, true);
            s.of[SERVER].alpn = table[i / 2].then;
            if (set_up(&s, SERVER)) {
                connect_once(&s, true);
                connect_once(&s, true);
            }
        }
        tear_down(&s);
    }
}

static stls_bytes end_point_of(const pair *p, side of, uint8_t out[STLS_BINDING_MAX]) {
    size_t len = 0;
    stls_error error = {0};
    CHECK_RESULT(side_text(of),
                 stls_conn_channel_binding(p->conn[of], STLS_BINDING_TLS_SERVER_END_POINT, out,
                                           &len, &error),
                 STLS_OK, &error);
    return (stls_bytes){out, len};
}

/* A renewed certificate of the server goes on resuming, but both ends bind to the one that the
 * client has seen. */
static void run_renewed(stage *s, uint16_t version) {
    uint8_t first[STLS_BINDING_MAX], clients[STLS_BINDING_MAX], servers[STLS_BINDING_MAX];
    stls_bytes seen = {NULL, 0};
    bool ready = new_ring(s) && set_up(s, CLIENT) && set_up(s, SERVER);
    for (unsigned round = 0; ready && round < 4; round++) {
        pair p;
        check_case("the server's certificate is renewed, %s, connection %u", version_text(version),
                   round);
        if (round == 2) {
            s->of[SERVER].credential = "server-p384";
            ready = set_up(s, SERVER);
        }
        if (ready &&
            pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER], NULL)) {
            if (pair_connect(&p) && pair_echo(&p, 100)) {
                seen = round == 0 ? end_point_of(&p, CLIENT, first) : seen;
                CHECK_NUMBER("resumed", was_resumed(&p, SERVER), round > 0);
                CHECK_BYTES("the client's", end_point_of(&p, CLIENT, clients), seen);
                CHECK_BYTES("the server's", end_point_of(&p, SERVER, servers), seen);
            }
            pair_close(&p);
        }
    }
}

/* What the new certificate makes of the ticket is for the library: it resumes, or it does not. But
 * what both ends bind to is the same, also later. */
static void run_other_key(stage *s, const char *what, const char *suites) {
    uint8_t clients[STLS_BINDING_MAX], servers[STLS_BINDING_MAX];
    s->of[CLIENT].trust = GOOD_ROOTS;
    s->of[SERVER].credential = "server-rsa";
    bool ready = new_ring(s) && set_up(s, CLIENT) && set_up(s, SERVER);
    for (unsigned round = 0; ready && round < 4; round++) {
        pair p;
        check_case("another key and %s, %s, connection %u", what,
                   version_text(s->of[SERVER].version), round);
        if (round == 1) {
            s->of[SERVER].credential = "server";
            s->of[SERVER].suites = suites;
            ready = set_up(s, SERVER);
        }
        if (ready &&
            pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER], NULL)) {
            if (pair_connect(&p) && pair_echo(&p, 100)) {
                CHECK_BYTES("what both bind to", end_point_of(&p, CLIENT, clients),
                            end_point_of(&p, SERVER, servers));
            }
            pair_close(&p);
        }
    }
}

static void test_renewed_certificate(void) {
    for (size_t v = 0; can_resume() && v < COUNT(both_versions); v++) {
        stage s = plain_stage(both_versions[v]);
        run_renewed(&s, both_versions[v]);
        tear_down(&s);
        s = plain_stage(both_versions[v]);
        run_other_key(&s, "the same suites", NULL);
        tear_down(&s);
    }
    if (can_resume()) {
        stage s = plain_stage(STLS_TLS1_3);
        run_other_key(&s, "another suite", "TLS_AES_256_GCM_SHA384");
        tear_down(&s);
    }
}

/* --- Time --- */

enum { DAY = 24 * 3600 };

static const struct {
    const char *what;
    int64_t client, server; /* by how much each one's clock moves in between */
    bool resumed;
    stls_result result;
} jumps[] = {
    {"an hour later", 3600, 3600, true, STLS_OK},
    {"the client's clock was set back", -60, 0, false, STLS_OK},
    {"the client's clock is ahead by two days", 2 * DAY, 0, false, STLS_OK},
    {"eight days later", 8 * DAY, 8 * DAY, false, STLS_OK},
    {"the certificate has expired since", 40 * DAY, 40 * DAY, false, STLS_E_VERIFY},
    {"the server's clock was set back by two days", 0, -2 * DAY, false, STLS_OK},
    {"the server's clock is ahead by two days", 0, 2 * DAY, false, STLS_OK},
};

static void run_jump(size_t i, uint16_t version) {
    int64_t now[2] = {(int64_t)time(NULL), (int64_t)time(NULL)};
    stls_ticket_ring_options options = {.clock = end_clock, .clock_arg = &now[SERVER]};
    stage s = plain_stage(version);
    stls_error error = {0};
    pair p;
    check_case("%s, %s", jumps[i].what, version_text(version));
    s.of[CLIENT].now = &now[CLIENT];
    s.of[SERVER].now = &now[SERVER];
    if (CHECK_RESULT("the ring", stls_ticket_ring_new(test_backend(), &options, &s.ring, &error),
                     STLS_OK, &error) &&
        set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        now[CLIENT] += jumps[i].client;
        now[SERVER] += jumps[i].server;
        if (pair_open_on(&p, s.context[CLIENT], &s.of[CLIENT], s.context[SERVER], NULL)) {
            pair_handshake(&p);
            CHECK_RESULT("the client", p.handshake[CLIENT], jumps[i].result,
                         pair_error(&p, CLIENT));
            CHECK(was_resumed(&p, CLIENT) == jumps[i].resumed, "the client says %s",
                  was_resumed(&p, CLIENT) ? "resumed" : "full");
        }
        pair_close(&p);
    }
    tear_down(&s);
}

/* What was left open while the clock was not set is made good by a full handshake, once it is. */
static void run_unset_clock(int64_t unset, bool resumed, uint16_t version) {
    int64_t now = unset, floor = (int64_t)time(NULL) - 60;
    stage s = plain_stage(version);
    check_case("a clock that is not set and says %lld, %s", (long long)unset,
               version_text(version));
    s.of[CLIENT].now = &now;
    s.of[CLIENT].clock_floor = floor;
    s.of[CLIENT].tolerated = STLS_FLAG_CLOCK_NOT_SET;
    if (set_up(&s, CLIENT) && set_up(&s, SERVER)) {
        connect_changed(&s, false);
        connect_changed(&s, resumed);
        now = floor + 60;
        connect_once(&s, false);
        connect_once(&s, true);
    }
    tear_down(&s);
}

static void test_unset_clock(void) {
    if (!can_resume()) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        run_unset_clock((int64_t)time(NULL) - 90, true, both_versions[v]);
        run_unset_clock(100, true, both_versions[v]);
        run_unset_clock(-100, false, both_versions[v]);
        run_unset_clock(STLS_CLOCK_NOT_SET, false, both_versions[v]);
        run_unset_clock(INT64_MIN + 1, false, both_versions[v]);
    }
}

/* A clock from the end of time. */
static void test_mad_clock(void) {
    int64_t now = INT64_MAX;
    stage s = plain_stage(STLS_TLS1_3);
    if (!can_resume()) {
        return;
    }
    check_case("a clock from the end of time");
    s.of[CLIENT].now = &now;
    s.of[CLIENT].tolerated = STLS_FLAG_EXPIRED;
    if (set_up(&s, CLIENT) && set_up(&s, SERVER)) {
        connect_changed(&s, false);
        connect_changed(&s, false);
    }
    tear_down(&s);
}

/* Tickets that come after the connection was judged by another context's rules are not kept: their
 * verdict is not what a full handshake on this one would give. */
static void test_judged_elsewhere(void) {
    stage s = plain_stage(STLS_TLS1_3);
    end other = s.of[CLIENT];
    stls_error error = {0};
    pair p;
    if (!can_resume()) {
        return;
    }
    check_case("a ticket after a verdict by other rules");
    s.cache = stls_session_cache_new(8);
    other.tolerated = STLS_FLAG_EXPIRED | STLS_FLAG_NAME_MISMATCH;
    stls_context *context = end_context(STLS_ROLE_CLIENT, &other);
    for (unsigned own = 0; own < 2; own++) {
        if (context && set_up(&s, CLIENT) && set_up(&s, SERVER) &&
            pair_open_on(&p, s.context[CLIENT], &s.of[CLIENT], s.context[SERVER], NULL)) {
            if (pair_connect(&p)) {
                CHECK_NUMBER("sessions", stls_session_cache_count(s.cache), 0);
                CHECK_RESULT("the other verdict",
                             stls_conn_revalidate(p.conn[CLIENT], own ? NULL : context, &error),
                             STLS_OK, &error);
                pair_echo(&p, 100);
                CHECK_NUMBER("sessions", stls_session_cache_count(s.cache), own);
            }
            pair_close(&p);
        }
    }
    stls_context_free(context);
    tear_down(&s);
}

static void test_time(void) {
    if (!can_resume()) {
        return;
    }
    for (size_t i = 0; i < COUNT(jumps); i++) {
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            run_jump(i, both_versions[v]);
        }
    }
}

/* --- Tickets --- */

static void test_ticket_counts(void) {
    static const struct {
        int tickets;
        size_t kept_12, kept_13;
    } table[] = {{0, 0, 0}, {1, 1, 1}, {2, 1, 2}};
    if (!can_resume()) {
        return;
    }
    for (size_t i = 0; i < COUNT(table); i++) {
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            stage s = plain_stage(both_versions[v]);
            s.tickets = table[i].tickets;
            s.cache = stls_session_cache_new(8);
            check_case("%d tickets, %s", table[i].tickets, version_text(both_versions[v]));
            if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
                CHECK_NUMBER("sessions that the client has", stls_session_cache_count(s.cache),
                             v == 0 ? table[i].kept_12 : table[i].kept_13);
                connect_once(&s, table[i].tickets > 0);
            }
            tear_down(&s);
        }
    }
}

/* A ticket of TLS 1.3 is offered once, also when nothing comes of it. */
static void test_single_use(void) {
    stage s = plain_stage(STLS_TLS1_3);
    pair p;
    if (!can_resume()) {
        return;
    }
    check_case("a ticket of TLS 1.3 is used once");
    s.cache = stls_session_cache_new(8);
    if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        if (pair_open_on(&p, s.context[CLIENT], &s.of[CLIENT], s.context[SERVER], NULL)) {
            stls_conn_handshake(p.conn[CLIENT]); /* its ClientHello is out, and that is all */
        }
        pair_close(&p);
        CHECK_NUMBER("sessions that are left", stls_session_cache_count(s.cache), 0);
        connect_once(&s, false);
    }
    tear_down(&s);
}

/* How a handshake ends without a server that answers it. */
typedef enum failure { HUNG_UP, TIMED_OUT, GIVEN_UP } failure;

static stls_result wait_in_vain(stls_conn *conn) {
    stls_result result = stls_conn_handshake(conn);
    while (result == STLS_WANT_READ) {
        struct timespec pause = {.tv_nsec = stls_conn_deadline(conn) * 1000000L};
        nanosleep(&pause, NULL);
        result = stls_conn_handshake(conn);
    }
    return result;
}

/* The client begins, and the server has nothing to say, or hangs up after `sent` bytes. */
static void fail_once(stage *s, failure how, size_t sent) {
    static const stls_result results[] = {
        [HUNG_UP] = STLS_EOF, [TIMED_OUT] = STLS_E_TIMEOUT, [GIVEN_UP] = STLS_WANT_READ};
    const pair_options cut = {.fault = {[SERVER] = {.kind = FAULT_CUT, .at = sent}}};
    pair p;
    if (pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER],
                     how == HUNG_UP ? &cut : NULL)) {
        if (how == HUNG_UP) {
            pair_handshake(&p);
        } else {
            p.handshake[CLIENT] = how == TIMED_OUT ? wait_in_vain(p.conn[CLIENT])
                                                   : stls_conn_handshake(p.conn[CLIENT]);
        }
        CHECK_RESULT("the client's handshake", p.handshake[CLIENT], results[how],
                     pair_error(&p, CLIENT));
    }
    pair_close(&p);
}

/* A server that has too much to do turns clients away, and each comes again with what it has. */
static void test_turned_away(void) {
    static const unsigned short_time = 100;
    static const struct {
        const char *name;
        failure how;
        size_t times, sent;
        bool resumed;
        int tickets;
    } table[] = {{"turned away once", HUNG_UP, 1, 0, true, 1},
                 {"turned away three times", HUNG_UP, 3, 0, true, 1},
                 {"turned away four times: it may be for the ticket", HUNG_UP, 4, 0, false, 1},
                 {"cut off in the answer", HUNG_UP, 1, 1, false, 1},
                 {"cut off in the answer, and there are more tickets", HUNG_UP, 1, 1, false, 4},
                 {"no answer in time", TIMED_OUT, 1, 0, true, 1},
                 {"no answer in time, four times", TIMED_OUT, 4, 0, false, 1},
                 {"given up", GIVEN_UP, 1, 0, false, 1}};
    if (!can_resume()) {
        return;
    }
    for (size_t i = 0; i < COUNT(table); i++) {
        for (size_t v = 0; v < COUNT(both_versions); v++) {
            stage s = plain_stage(both_versions[v]);
            check_case("%s, %s", table[i].name, version_text(both_versions[v]));
            s.tickets = table[i].tickets;
            s.cache = stls_session_cache_new(4);
            bool ready = set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false);
            s.of[CLIENT].timeout_ms = table[i].how == TIMED_OUT ? &short_time : NULL;
            ready = ready && set_up(&s, CLIENT);
            for (size_t n = 0; ready && n < table[i].times; n++) {
                fail_once(&s, table[i].how, table[i].sent);
            }
            s.of[CLIENT].timeout_ms = NULL;
            if (ready && set_up(&s, CLIENT)) {
                connect_once(&s, table[i].resumed);
            }
            tear_down(&s);
        }
    }
}

/* However often a session is resumed, certificates are shown again some time. */
static void test_chain_limit(void) {
    stage s = plain_stage(STLS_TLS1_3);
    if (!can_resume()) {
        return;
    }
    check_case("%d resumptions in a row, then a full handshake", STLS_TICKET_CHAIN_MAX);
    if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
        for (unsigned i = 0; i < STLS_TICKET_CHAIN_MAX && connect_once(&s, true); i++) {
        }
        connect_once(&s, false);
        connect_once(&s, true);
    }
    tear_down(&s);
}

/* New secrets in front; the old one opens until it is taken off. */
static void test_rotation(void) {
    uint8_t secrets[3][STLS_TICKET_SECRET_LEN];
    stls_error error = {0};
    if (!can_resume()) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        stage s = plain_stage(both_versions[v]);
        /* mbedTLS sends no ticket when it resumes TLS 1.2: the old one goes with its secret. */
        const bool renews = both_versions[v] == STLS_TLS1_3 || !test_is("mbedtls");
        check_case("rotation, %s", version_text(both_versions[v]));
        for (size_t i = 0; i < 3; i++) {
            memset(secrets[i], (int)(1 + i), sizeof secrets[i]);
        }
        bool ready = new_ring(&s) && set_up(&s, CLIENT) && set_up(&s, SERVER);
        /* Each round: which secrets, from where and how many; is the client resumed? */
        static const struct {
            size_t from, count;
            bool resumed;
        } rounds[] = {{2, 1, false}, {1, 2, true}, {1, 1, true},
                      {0, 2, true},  {0, 1, true}, {2, 1, false}};
        for (size_t i = 0; ready && i < COUNT(rounds); i++) {
            CHECK_RESULT("the secrets",
                         stls_ticket_ring_set_secrets(s.ring, secrets[rounds[i].from],
                                                      rounds[i].count, &error),
                         STLS_OK, &error);
            ready = connect_once(&s, rounds[i].resumed && (renews || rounds[i].count > 1));
        }
        if (ready) {
            CHECK_RESULT("a random secret in front", stls_ticket_ring_rotate(s.ring, 8, &error),
                         STLS_OK, &error);
            connect_once(&s, true);
        }
        tear_down(&s);
    }
}

/* --- Sessions outside --- */

static const uint8_t seal_key[STLS_SESSION_KEY_LEN] = "thirty-two bytes of a phone's ke";

static stls_bytes export_of(stage *s) {
    static uint8_t blob[STLS_SESSION_BYTES_MAX];
    size_t len = 0;
    stls_error error = {0};
    CHECK_RESULT("the export",
                 stls_context_export_session(s->context[CLIENT], "example.test", seal_key, blob,
                                             sizeof blob, &len, &error),
                 STLS_OK, &error);
    return (stls_bytes){blob, len};
}

/* A phone reboots: a new context, an empty cache, and the sealed bytes. */
static void test_export(void) {
    stls_error error = {0};
    if (!can_resume()) {
        return;
    }
    for (size_t v = 0; v < COUNT(both_versions); v++) {
        stage s = plain_stage(both_versions[v]);
        check_case("exported and imported, %s", version_text(both_versions[v]));
        if (set_up(&s, CLIENT) && set_up(&s, SERVER) && connect_once(&s, false)) {
            stls_bytes blob = export_of(&s);
            if (set_up(&s, CLIENT)) {
                CHECK_RESULT("the import",
                             stls_context_import_session(s.context[CLIENT], seal_key, blob.data,
                                                         blob.len, &error),
                             STLS_OK, &error);
                connect_once(&s, true);
            }
            if (set_up(&s, CLIENT)) { /* the same bytes again: the server decides */
                CHECK_RESULT("the import",
                             stls_context_import_session(s.context[CLIENT], seal_key, blob.data,
                                                         blob.len, &error),
                             STLS_OK, &error);
                connect_once(&s, true);
            }
        }
        tear_down(&s);
    }
}

static void check_import(stage *s, const char *what, const uint8_t *key, stls_bytes blob,
                         stls_result expected) {
    stls_error error = {0};
    check_case("%s", what);
    CHECK_RESULT("the import",
                 stls_context_import_session(s->context[CLIENT], key, blob.data, blob.len, &error),
                 expected, &error);
    CHECK(*error.text, "no sentence");
}

static void test_bad_imports(void) {
    static const uint8_t other_key[STLS_SESSION_KEY_LEN] = "another";
    stage s = plain_stage(STLS_TLS1_3);
    stls_error error = {0};
    uint8_t *copy = NULL;
    if (!can_resume()) {
        return;
    }
    check_case("bad imports");
    s.cache = stls_session_cache_new(8);
    if (!set_up(&s, CLIENT) || !set_up(&s, SERVER) || !connect_once(&s, false)) {
        tear_down(&s);
        return;
    }
    stls_bytes blob = export_of(&s);
    copy = malloc(blob.len);
    unsigned taken = 0;
    for (size_t i = 0; copy && i < blob.len; i++) { /* cut at each byte */
        memcpy(copy, blob.data, i);
        taken +=
            stls_context_import_session(s.context[CLIENT], seal_key, copy, i, &error) == STLS_OK;
    }
    CHECK_NUMBER("cut sessions that were taken", taken, 0);
    for (size_t i = 0; copy && i < 8 * blob.len; i++) { /* flipped at each bit */
        memcpy(copy, blob.data, blob.len);
        copy[i / 8] ^= (uint8_t)(1 << i % 8);
        taken += stls_context_import_session(s.context[CLIENT], seal_key, copy, blob.len, &error) ==
                 STLS_OK;
    }
    CHECK_NUMBER("changed sessions that were taken", taken, 0);
    free(copy);
    check_import(&s, "another key", other_key, blob, STLS_E_FORMAT);
    check_import(&s, "nothing", seal_key, (stls_bytes){blob.data, 0}, STLS_E_FORMAT);
    more_trust(&s.of[CLIENT]);
    if (set_up(&s, CLIENT)) {
        check_import(&s, "another trust", seal_key, blob, STLS_E_REFUSED);
    }
    s.of[CLIENT] = plain_stage(STLS_TLS1_3).of[CLIENT];
    s.of[CLIENT].verify = STLS_VERIFY_NONE;
    if (set_up(&s, CLIENT)) {
        check_import(&s, "of a client that looks, to one that does not", seal_key, blob,
                     STLS_E_REFUSED);
        pair p;
        if (pair_open_on(&p, s.context[CLIENT], &s.of[CLIENT], s.context[SERVER], NULL)) {
            pair_connect(&p);
            pair_echo(&p, 100);
            pair_close(&p);
        }
        blob = export_of(&s);
        s.of[CLIENT].verify = STLS_VERIFY_REQUIRED;
    }
    if (set_up(&s, CLIENT)) {
        check_import(&s, "of a client that does not look, to one that does", seal_key, blob,
                     STLS_E_REFUSED);
    }
    CHECK_NUMBER("sessions in the cache", stls_session_cache_count(s.cache), 0);
    const stls_backend *other = stls_backend_at(0);
    other = other == test_backend() ? stls_backend_at(1) : other;
    s.of[CLIENT] = plain_stage(STLS_TLS1_3).of[CLIENT];
    s.of[CLIENT].backend = other;
    if (other && stls_backend_can(other, STLS_CAN_RESUME) && set_up(&s, CLIENT)) {
        check_import(&s, "another backend", seal_key, blob, STLS_E_REFUSED);
    }
    tear_down(&s);
}

static void test_export_refusals(void) {
    stage s = plain_stage(STLS_TLS1_3);
    uint8_t small[16];
    size_t len = 0;
    stls_error error = {0};
    if (!can_resume()) {
        return;
    }
    check_case("exports that cannot be");
    s.cache = stls_session_cache_new(8);
    if (set_up(&s, CLIENT) && set_up(&s, SERVER)) {
        CHECK_RESULT("no session yet",
                     stls_context_export_session(s.context[CLIENT], "example.test", seal_key, small,
                                                 sizeof small, &len, &error),
                     STLS_E_STATE, &error);
        CHECK_RESULT("of a server",
                     stls_context_export_session(s.context[SERVER], "example.test", seal_key, small,
                                                 sizeof small, &len, &error),
                     STLS_E_STATE, &error);
        if (connect_once(&s, false)) {
            CHECK_RESULT("no room",
                         stls_context_export_session(s.context[CLIENT], "example.test", seal_key,
                                                     small, sizeof small, &len, &error),
                         STLS_E_LIMIT, &error);
            CHECK(len > sizeof small, "%zu bytes are needed", len);
            size_t asked = 0;
            CHECK_RESULT("no place at all",
                         stls_context_export_session(s.context[CLIENT], "example.test", seal_key,
                                                     NULL, 0, &asked, &error),
                         STLS_E_LIMIT, &error);
            CHECK_NUMBER("bytes that are needed", asked, len);
            CHECK_RESULT("room at no place",
                         stls_context_export_session(s.context[CLIENT], "example.test", seal_key,
                                                     NULL, 1, &asked, &error),
                         STLS_E_ARGUMENT, &error);
            CHECK_NUMBER("sessions that are left", stls_session_cache_count(s.cache), 1);
        }
    }
    tear_down(&s);
}

/* --- The cache --- */

static void test_cache_bound(void) {
    static const char *const peers[] = {"a.test", "b.test", "c.test"};
    stage s = plain_stage(STLS_TLS1_3);
    if (!can_resume()) {
        return;
    }
    check_case("a cache of two sessions, and three peers");
    s.cache = stls_session_cache_new(2);
    s.of[CLIENT].identity = STLS_IDENTITY_NONE;
    if (set_up(&s, CLIENT) && set_up(&s, SERVER)) {
        for (size_t i = 0; i < COUNT(peers); i++) {
            s.of[CLIENT].peer = peers[i];
            connect_changed(&s, false);
        }
        CHECK_NUMBER("sessions", stls_session_cache_count(s.cache), 2);
        stls_session_cache_clear(s.cache);
        CHECK_NUMBER("sessions after clearing", stls_session_cache_count(s.cache), 0);
    }
    tear_down(&s);
    CHECK(!stls_session_cache_new(0), "a cache of no sessions");
    CHECK(!stls_session_cache_new(STLS_SESSION_CACHE_MAX + 1), "a cache beyond the limit");
}

/* Nobody could say whose session it was. */
static void test_nameless(void) {
    stage s = plain_stage(STLS_TLS1_3);
    if (!can_resume()) {
        return;
    }
    check_case("a client that names no peer and sends no SNI");
    s.cache = stls_session_cache_new(8);
    s.of[CLIENT].peer = NULL;
    s.of[CLIENT].identity = STLS_IDENTITY_LIST;
    s.of[CLIENT].names = "example.test";
    if (set_up(&s, CLIENT) && set_up(&s, SERVER)) {
        connect_changed(&s, false);
        CHECK_NUMBER("sessions", stls_session_cache_count(s.cache), 0);
        connect_changed(&s, false);
    }
    tear_down(&s);
}

/* --- Rings --- */

static void test_ring_arguments(void) {
    static const struct {
        const char *what;
        stls_ticket_ring_options options;
    } bad[] = {
        {"a life of eight days", {.lifetime_s = 8 * DAY}},
        {"clocks two hours apart", {.skew_s = 7200}},
        {"more keys than can be", {.epoch_s = 1, .lifetime_s = 7 * DAY}},
    };
    uint8_t secrets[2][STLS_TICKET_SECRET_LEN] = {{1}, {1}};
    stls_ticket_ring *ring = NULL;
    stls_error error = {0};
    if (!can_resume()) {
        return;
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        check_case("%s", bad[i].what);
        CHECK_RESULT("the ring",
                     stls_ticket_ring_new(test_backend(), &bad[i].options, &ring, &error),
                     STLS_E_ARGUMENT, &error);
    }
    check_case("secrets");
    if (CHECK_RESULT("the ring", stls_ticket_ring_new(test_backend(), NULL, &ring, &error), STLS_OK,
                     &error)) {
        CHECK_RESULT("none", stls_ticket_ring_set_secrets(ring, secrets[0], 0, &error),
                     STLS_E_ARGUMENT, &error);
        CHECK_RESULT("the same twice", stls_ticket_ring_set_secrets(ring, secrets[0], 2, &error),
                     STLS_E_ARGUMENT, &error);
        secrets[0][0] = 0;
        CHECK_RESULT("zeros", stls_ticket_ring_set_secrets(ring, secrets[0], 1, &error),
                     STLS_E_ARGUMENT, &error);
    }
    stls_ticket_ring_free(ring);
}

/* --- The bound on handshakes under way --- */

static void test_busy(void) {
    end client = {.trust = "root", .peer = "example.test"};
    end server = {.credential = "server"};
    stls_profile *profile = NULL;
    stls_context *contexts[2] = {end_context(STLS_ROLE_CLIENT, &client), NULL};
    stls_error error = {0};
    stls_context_stats stats;
    pair first, second;
    check_case("two handshakes where one may be under way");
    if (CHECK_RESULT("the profile", end_try_profile(STLS_ROLE_SERVER, &server, &profile, &error),
                     STLS_OK, &error)) {
        stls_profile_set_max_handshakes(profile, 1, &error);
        CHECK_RESULT("the context", stls_context_new(profile, &contexts[SERVER], &error), STLS_OK,
                     &error);
    }
    bool open = pair_open_on(&first, contexts[CLIENT], &client, contexts[SERVER], NULL);
    open = pair_open_on(&second, contexts[CLIENT], &client, contexts[SERVER], NULL) && open;
    if (open) {
        CHECK_RESULT("the first", stls_conn_handshake(first.conn[SERVER]), STLS_WANT_READ,
                     pair_error(&first, SERVER));
        CHECK_RESULT("the second", stls_conn_handshake(second.conn[SERVER]), STLS_E_BUSY,
                     pair_error(&second, SERVER));
        CHECK_NUMBER("bytes for the second", stls_conn_peek(second.conn[SERVER]).len, 0);
        CHECK_RESULT("the second again", stls_conn_handshake(second.conn[SERVER]), STLS_E_BUSY,
                     pair_error(&second, SERVER));
        pair_connect(&first);
        pair_close(&second);
        if (pair_open_on(&second, contexts[CLIENT], &client, contexts[SERVER], NULL)) {
            pair_connect(&second); /* there is room again */
        }
        stls_context_get_stats(contexts[SERVER], &stats);
        CHECK_NUMBER("begun", stats.started, 2);
        CHECK_NUMBER("refused", stats.refused, 1);
        CHECK_NUMBER("under way", stats.under_way, 0);
        CHECK_NUMBER("failed", stats.failed, 0);
    }
    pair_close(&first);
    pair_close(&second);
    stls_profile_free(profile);
    stls_context_free(contexts[CLIENT]);
    stls_context_free(contexts[SERVER]);
}

const test_case resume_tests[] = {
    {"resumed by default", test_default},
    {"the verdict of a resumed connection", test_verdicts},
    {"what changes in between", test_changes},
    {"the order of trust", test_order_of_trust},
    {"protocols", test_protocols},
    {"a renewed certificate", test_renewed_certificate},
    {"clocks", test_time},
    {"clocks that are not set", test_unset_clock},
    {"a mad clock", test_mad_clock},
    {"judged elsewhere", test_judged_elsewhere},
    {"numbers of tickets", test_ticket_counts},
    {"used once", test_single_use},
    {"turned away", test_turned_away},
    {"the limit of a chain", test_chain_limit},
    {"rotation of secrets", test_rotation},
    {"export and import", test_export},
    {"bad imports", test_bad_imports},
    {"exports that cannot be", test_export_refusals},
    {"the bound of the cache", test_cache_bound},
    {"nameless", test_nameless},
    {"arguments of rings", test_ring_arguments},
    {"handshakes under way", test_busy},
    {NULL, NULL},
};
