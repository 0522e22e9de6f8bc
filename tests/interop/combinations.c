/* tests/interop/combinations.c - settings that meet each other, every backend against every other.
 *
 * The model: a factor is a setting, its levels are what a test gives to it. For each pair of
 * backends an array of rows, one level of each factor, is made so that every two levels of
 * different factors are in some row together, and every three of those that are strong: what goes
 * wrong only where two or three settings meet is met. The arrays of two pairs differ, and are the
 * same in each run. A row is two or three connections one after the other. From the levels alone
 * follows what each must be: complete, resumed or not, the same on both ends, with the peer known,
 * bytes there and back, closed by both.
 *
 * What a backend cannot do, its capabilities say: that such a level is refused is checked, and the
 * array is made without it. What else differs is in is_offered() and in docs/backends.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/support/check.h"
#include "tests/support/pair.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BACKENDS = 3, openssl = 0, mbedtls = 1, wolfssl = 2 };

static const char *const names[BACKENDS] = {"openssl", "mbedtls", "wolfssl"};

static const stls_backend *backend_at(size_t i) {
    return stls_backend_find(names[i]);
}

/* --- The factors */

enum factor {
    VERSIONS,
    TICKETS,
    CERTIFICATE,
    ALPN,
    GROUPS,
    SUITES,
    HOSTS,
    KEY,
    FRAGMENT,
    SECRETS,
    PRESET,
    CLOSING,
    UPDATES,
    TRANSPORT,
    FACTORS
};

enum { LEVELS = 7, VALUES = FACTORS * LEVELS };

enum { T_OWN, T_RESTARTED, T_SEALED, T_NOT_SERVER, T_NOT_CLIENT };
enum { C_NOT_ASKED, C_REQUIRED, C_OPTIONAL, C_ANY, C_NONE };
enum { G_DEFAULT, G_RETRY, G_P384 };
enum { H_NONE, H_STRICT, H_ALIAS, H_UNKNOWN, H_UNNAMED, H_KNOWN };
enum { K_P256, K_P384, K_RSA, K_ED25519 };
enum { S_NONE, S_EXPORTER, S_LOG, S_BOTH };
enum { U_NONE, U_CLIENT, U_SERVER, U_EACH };
enum { R_MEMORY, R_CHUNKS, R_CALLBACKS, R_SOCKETS };

static const struct {
    const char *name;
    uint8_t strong; /* so many of its levels, from the first, meet every two others */
    const char *levels[LEVELS + 1];
} factors[FACTORS] = {
    [VERSIONS] = {"versions",
                  5,
                  {"1.2", "1.3", "both", "both to 1.2", "1.2 to both", "both to 1.3",
                   "1.3 to both"}},
    [TICKETS] = {"resumption",
                 3,
                 {"contexts that stay", "restarted", "sealed", "no tickets", "no cache"}},
    [CERTIFICATE] = {"client certificate",
                     4,
                     {"not asked for", "required, EC", "optional, RSA", "any, of an unknown CA",
                      "optional, none"}},
    [ALPN] = {"ALPN",
              3,
              {"ALPN off", "ALPN shared", "ALPN of the client", "ALPN one of two",
               "ALPN of the server"}},
    [GROUPS] = {"groups", 3, {"groups as they are", "another key share", "secp384r1"}},
    [SUITES] = {"suites", 3, {"suites as they are", "SHA-256", "SHA-384", "ChaCha20"}},
    [HOSTS] = {"hosts",
               4,
               {"no hosts", "strict hosts", "alias", "unknown host", "no name", "known host"}},
    [KEY] = {"server key", 0, {"P-256", "P-384", "RSA", "Ed25519"}},
    [FRAGMENT] = {"records", 0, {"long records", "4096", "1024"}},
    [SECRETS] = {"secrets", 0, {"no secrets", "exporter", "key log", "exporter and key log"}},
    [PRESET] = {"preset", 0, {"modern", "compatible"}},
    [CLOSING] = {"closing", 0, {"client closes", "server closes"}},
    [UPDATES] = {"key updates", 0, {"no update", "update by client", "by server", "by each"}},
    [TRANSPORT] = {"transport", 0, {"memory", "chunks", "callbacks", "sockets"}},
};

static const uint16_t offered[][2][2] = {
    /* by client and server, lowest and highest */
    {{STLS_TLS1_2, STLS_TLS1_2}, {STLS_TLS1_2, STLS_TLS1_2}},
    {{STLS_TLS1_3, STLS_TLS1_3}, {STLS_TLS1_3, STLS_TLS1_3}},
    {{STLS_TLS1_2, STLS_TLS1_3}, {STLS_TLS1_2, STLS_TLS1_3}},
    {{STLS_TLS1_2, STLS_TLS1_3}, {STLS_TLS1_2, STLS_TLS1_2}},
    {{STLS_TLS1_2, STLS_TLS1_2}, {STLS_TLS1_2, STLS_TLS1_3}},
    {{STLS_TLS1_2, STLS_TLS1_3}, {STLS_TLS1_3, STLS_TLS1_3}},
    {{STLS_TLS1_3, STLS_TLS1_3}, {STLS_TLS1_2, STLS_TLS1_3}},
};
static const struct {
    const char *credential;
    stls_verify_mode verify;
} certificates[] = {
    {"phone", STLS_VERIFY_NONE},         {"phone", STLS_VERIFY_REQUIRED},
    {"phone-rsa", STLS_VERIFY_OPTIONAL}, {"phone-other", STLS_VERIFY_OPTIONAL_ANY},
    {NULL, STLS_VERIFY_OPTIONAL},
};
static const struct {
    const char *of[2], *chosen;
} protocols[] = {{{NULL, NULL}, ""},
                 {{"sip/2", "sip/2"}, "sip/2"},
                 {{"sip/2", NULL}, ""},
                 {{"http/1.1,sip/2", "sip/2,http/1.1"}, "sip/2"},
                 {{NULL, "sip/2"}, ""}};
/* P-256 and P-384 stand in each list: in TLS 1.2 it is also that of the certificates' curves. */
static const struct {
    const char *of[2];
    uint16_t chosen; /* 0: whatever both prefer */
} groups[] = {{{NULL, NULL}, 0},
              {{"x25519:secp256r1:secp384r1", "secp256r1:secp384r1"}, 0x0017},
              {{"secp384r1:secp256r1", "secp384r1:secp256r1"}, 0x0018}};
static const struct {
    const char *list;
    uint16_t codes[3]; /* TLS 1.3, TLS 1.2 with ECDSA, with RSA; 0: whatever both prefer */
} suites_of[] = {
    {NULL, {0}},
    {"TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
     {0x1301, 0xc02b, 0xc02f}},
    {"TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384",
     {0x1302, 0xc02c, 0xc030}},
    {"TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305",
     {0x1303, 0xcca9, 0xcca8}},
};
static const char *const keys[] = {"server", "server-p384", "server-rsa", "server-ed25519"};
static const unsigned fragments[] = {0, 4096, 1024};
static const pair_options transports[] = {
    {.transport = PAIR_MEMORY},
    {.transport = PAIR_MEMORY, .chunk = 97},
    {.transport = PAIR_CALLBACKS, .chunk = 500, .stutter = true, .move = true},
    {.transport = PAIR_SOCKETS, .move = true},
};

typedef struct row {
    size_t c, s; /* the backends */
    uint8_t level[FACTORS];
} row;

/* --- Rows in which all levels meet */

typedef struct array {
    uint8_t count[FACTORS], level[FACTORS][LEVELS];          /* those that the pair can have */
    bool two[VALUES][VALUES], three[VALUES][VALUES][VALUES]; /* met, by ascending factor */
    uint32_t seed;
} array;

static unsigned draw(array *a, unsigned below) {
    a->seed = a->seed * 1664525u + 1013904223u;
    return (a->seed >> 16) % below;
}

static size_t value_of(size_t factor, uint8_t level) {
    return factor * LEVELS + level;
}

enum { UNSET = 0xff };

static bool is_strong(const uint8_t *r, size_t factor) {
    return r[factor] < factors[factor].strong; /* not if it is UNSET */
}

/* How many combinations `r` has that were not met, only those with factor `with` if that is one;
 * met from now on if `take`. */
static unsigned news(array *a, const uint8_t *r, size_t with, bool take) {
    unsigned count = 0;
    for (size_t f = 0; f < FACTORS; f++) {
        for (size_t g = f + 1; r[f] != UNSET && g < FACTORS; g++) {
            size_t x = value_of(f, r[f]), y = value_of(g, r[g]);
            if (r[g] == UNSET) {
                continue;
            }
            bool met = with == FACTORS || f == with || g == with;
            count += met && !a->two[x][y];
            a->two[x][y] |= take;
            for (size_t h = g + 1; is_strong(r, f) && is_strong(r, g) && h < FACTORS; h++) {
                if (is_strong(r, h) && (met || h == with)) {
                    size_t z = value_of(h, r[h]);
                    count += !a->three[x][y][z];
                    a->three[x][y][z] |= take;
                }
            }
        }
    }
    return count;
}

/* The first level of a strong factor behind `g` that `r` has not met; false: all are met. */
static bool begin_three(const array *a, uint8_t *r, size_t f, size_t g) {
    for (size_t h = g + 1; is_strong(r, f) && is_strong(r, g) && h < FACTORS; h++) {
        for (uint8_t k = 0; k < a->count[h]; k++) {
            r[h] = a->level[h][k];
            if (is_strong(r, h) &&
                !a->three[value_of(f, r[f])][value_of(g, r[g])][value_of(h, r[h])]) {
                return true;
            }
        }
        r[h] = UNSET;
    }
    return false;
}

/* The first combination that was not met yet, into `r`; false if there is none. */
static bool begin(const array *a, uint8_t *r) {
    memset(r, UNSET, FACTORS);
    for (size_t f = 0; f < FACTORS; f++) {
        for (size_t g = f + 1; g < FACTORS; g++) {
            for (size_t i = 0; i < (size_t)a->count[f] * a->count[g]; i++) {
                r[f] = a->level[f][i % a->count[f]];
                r[g] = a->level[g][i / a->count[f]];
                if (!a->two[value_of(f, r[f])][value_of(g, r[g])] || begin_three(a, r, f, g)) {
                    return true;
                }
            }
            r[g] = UNSET;
        }
        r[f] = UNSET;
    }
    return false;
}

/* Gives each factor that has none the level that adds most, in an order that is drawn. */
static void complete(array *a, uint8_t *r) {
    size_t start = draw(a, FACTORS), step = 1 + 2 * draw(a, FACTORS / 2);
    while (step % 7 == 0) {
        step += 2;
    }
    for (size_t i = 0; i < FACTORS; i++) {
        size_t f = (start + i * step) % FACTORS;
        unsigned most = 0, turn = draw(a, a->count[f]);
        uint8_t best = a->level[f][turn];
        for (unsigned k = 0; r[f] == UNSET && k < a->count[f]; k++) {
            uint8_t with[FACTORS];
            memcpy(with, r, FACTORS);
            with[f] = a->level[f][(turn + k) % a->count[f]];
            unsigned adds = news(a, with, f, false);
            if (adds > most) {
                most = adds;
                best = with[f];
            }
        }
        r[f] = r[f] == UNSET ? best : r[f];
    }
}
_Static_assert(FACTORS == 14,
               "complete() walks through all of them by steps coprime to their number");

/* The next row; false if all has been met. */
static bool next_row(array *a, row *r) {
    enum { TRIES = 8 };
    uint8_t first[FACTORS], candidate[FACTORS];
    unsigned most = 0;
    if (!begin(a, first)) {
        return false;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        memcpy(candidate, first, FACTORS);
        complete(a, candidate);
        unsigned adds = news(a, candidate, FACTORS, false);
        if (adds > most) {
            most = adds;
            memcpy(r->level, candidate, FACTORS);
        }
    }
    news(a, r->level, FACTORS, true);
    return true;
}

/* --- What must come of a row */

static bool can(const row *r, side s, uint32_t capability) {
    return stls_backend_can(backend_at(s == CLIENT ? r->c : r->s), capability);
}

static uint16_t version_of(const row *r) {
    const uint16_t(*range)[2] = offered[r->level[VERSIONS]];
    return range[CLIENT][1] < range[SERVER][1] ? range[CLIENT][1] : range[SERVER][1];
}

static bool is_shown(const row *r) {
    return certificates[r->level[CERTIFICATE]].verify != STLS_VERIFY_NONE &&
           certificates[r->level[CERTIFICATE]].credential;
}

/* wolfSSL's server sends a ticket in one record, and one with both of the client's certificates is
 * longer than a short one; in TLS 1.2, where it has promised one, it sends what nobody can open. */
static bool is_worthless(const row *r) {
    return r->s == wolfssl && fragments[r->level[FRAGMENT]] == 1024 && is_shown(r) &&
           r->level[CERTIFICATE] != C_ANY;
}

/* Whether the client has a ticket to come back with; wolfSSL's offers none of TLS 1.2 where it also
 * has TLS 1.3. */
static bool is_offered(const row *r) {
    return r->level[TICKETS] != T_NOT_SERVER && r->level[TICKETS] != T_NOT_CLIENT &&
           can(r, SERVER, STLS_CAN_ISSUE_TICKETS) && can(r, CLIENT, STLS_CAN_RESUME) &&
           (!is_shown(r) || can(r, SERVER, STLS_CAN_TICKET_PEER)) &&
           !(r->c == wolfssl && version_of(r) < offered[r->level[VERSIONS]][CLIENT][1]) &&
           !(is_worthless(r) && version_of(r) == STLS_TLS1_3);
}

static bool is_resumed(const row *r) {
    return is_offered(r) && !is_worthless(r);
}

static bool has_name(const row *r) {
    return r->level[HOSTS] != H_UNNAMED;
}

/* --- Both ends */

typedef struct key_log {
    char lines[16][320];
    size_t count;
} key_log;

static void take_line(void *arg, const char *line) {
    key_log *log = arg;
    if (CHECK(log->count < COUNT(log->lines), "more lines than there are secrets")) {
        snprintf(log->lines[log->count++], sizeof log->lines[0], "%s", line);
    }
}

typedef struct stage {
    const row *r;
    end of[2];
    end_host hosts[2];
    key_log log[2];
    stls_session_cache *cache;
    stls_ticket_ring *ring;
    stls_context *context[2];
} stage;

static void describe(stage *s) {
    const uint8_t *level = s->r->level;
    stls_verify_mode verify = certificates[level[CERTIFICATE]].verify;
    end *client = &s->of[CLIENT], *server = &s->of[SERVER];
    *client = (end){.backend = backend_at(s->r->c),
                    .peer = "example.test",
                    .credential = certificates[level[CERTIFICATE]].credential};
    *server =
        (end){.backend = backend_at(s->r->s), .credential = keys[level[KEY]], .verify = verify};
    for (side i = CLIENT; i <= SERVER; i++) {
        end *e = &s->of[i];
        e->trust = "root root-rsa";
        e->version_min = offered[level[VERSIONS]][i][0];
        e->version_max = offered[level[VERSIONS]][i][1];
        e->alpn = protocols[level[ALPN]].of[i];
        e->groups = groups[level[GROUPS]].of[i];
        e->suites = suites_of[level[SUITES]].list;
        e->preset = level[PRESET] == 0 ? STLS_PRESET_MODERN : STLS_PRESET_COMPATIBLE;
    }
    /* Whoever takes the wrong one of the server's two faces shows another certificate, and asks
     * where it must not, or does not where it must. */
    s->hosts[0] = (end_host){"other.test", "wrong-domain",
                             verify == STLS_VERIFY_NONE ? STLS_VERIFY_REQUIRED : STLS_VERIFY_NONE};
    server->hosts = level[HOSTS] == H_NONE ? NULL : s->hosts;
    if (level[HOSTS] == H_KNOWN || level[HOSTS] == H_STRICT || level[HOSTS] == H_ALIAS) {
        server->credential = s->hosts[0].credential;
        server->verify = s->hosts[0].verify;
        s->hosts[0] = (end_host){level[HOSTS] == H_ALIAS ? "alias.test" : "example.test",
                                 keys[level[KEY]], verify};
    }
    server->strict_hosts = level[HOSTS] == H_STRICT;
    client->server_name = level[HOSTS] == H_ALIAS     ? "alias.test"
                          : level[HOSTS] == H_UNNAMED ? ""
                                                      : NULL;
}

/* The settings that an `end` has not. What a backend lacks, it says. */
static stls_result set_rest(stage *s, side i, stls_profile *profile, stls_error *error) {
    const uint8_t *level = s->r->level;
    stls_result result = STLS_OK;
    if (level[SECRETS] == S_EXPORTER || level[SECRETS] == S_BOTH) {
        result = stls_profile_set_exporter(profile, true, error);
    }
    if (result == STLS_OK && level[SECRETS] >= S_LOG) {
        result = stls_profile_set_keylog(profile, take_line, &s->log[i], error);
    }
    if (result == STLS_OK && i == CLIENT && fragments[level[FRAGMENT]]) {
        result = stls_profile_set_max_fragment(profile, fragments[level[FRAGMENT]], error);
    }
    if (result == STLS_OK && i == CLIENT && level[TICKETS] == T_RESTARTED) {
        result = stls_profile_set_session_cache(profile, s->cache, error);
    } else if (result == STLS_OK && i == CLIENT && level[TICKETS] == T_NOT_CLIENT) {
        result = stls_profile_set_session_cache(profile, NULL, error);
    } else if (result == STLS_OK && i == SERVER && level[TICKETS] == T_NOT_SERVER) {
        result = stls_profile_set_tickets(profile, NULL, 0, error);
    } else if (result == STLS_OK && i == SERVER && level[TICKETS] == T_RESTARTED) {
        result = stls_profile_set_tickets(profile, s->ring, 2, error);
    }
    return result;
}

static bool make_context(stage *s, side i) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_context_free(s->context[i]);
    s->context[i] = NULL;
    stls_result result = end_try_profile(i == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
                                         &s->of[i], &profile, &error);
    if (result == STLS_OK) {
        result = set_rest(s, i, profile, &error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, &s->context[i], &error);
    }
    stls_profile_free(profile);
    return CHECK_RESULT(side_text(i), result, STLS_OK, &error);
}

static bool set_up(stage *s, const row *r) {
    stls_error error = {0};
    *s = (stage){.r = r, .cache = stls_session_cache_new(4)};
    describe(s);
    return CHECK_RESULT("the ring",
                        stls_ticket_ring_new(s->of[SERVER].backend, NULL, &s->ring, &error),
                        STLS_OK, &error) &&
           make_context(s, CLIENT) && make_context(s, SERVER);
}

static void tear_down(stage *s) {
    stls_context_free(s->context[CLIENT]);
    stls_context_free(s->context[SERVER]);
    stls_session_cache_free(s->cache);
    stls_ticket_ring_free(s->ring);
}

/* What happens to the contexts between two connections. A session of a connection that was told
 * another server name than its peer's is not one for that peer, and stays where it is. */
static bool come_back(stage *s, side again) {
    static const uint8_t key[STLS_SESSION_KEY_LEN] = "a key of the phone's own";
    static uint8_t sealed[STLS_SESSION_BYTES_MAX];
    stls_error error = {0};
    size_t len = 0;
    if (s->r->level[TICKETS] == T_RESTARTED) {
        return make_context(s, again);
    }
    if (s->r->level[TICKETS] != T_SEALED) {
        return true;
    }
    bool found = is_offered(s->r) && s->of[CLIENT].server_name == NULL;
    return CHECK_RESULT("the export",
                        stls_context_export_session(s->context[CLIENT], "example.test", key, sealed,
                                                    sizeof sealed, &len, &error),
                        found ? STLS_OK : STLS_E_STATE, &error) &&
           (!found ||
            (make_context(s, CLIENT) &&
             CHECK_RESULT("the import",
                          stls_context_import_session(s->context[CLIENT], key, sealed, len, &error),
                          STLS_OK, &error)));
}

/* --- One connection */

static void check_facts(const stage *s, const pair *p, bool resumed) {
    const row *r = s->r;
    uint16_t version = version_of(r);
    for (side i = CLIENT; i <= SERVER; i++) {
        stls_conn_info info;
        stls_conn_get_info(p->conn[i], &info);
        CHECK(info.resumed == resumed, "the %s says %s", side_text(i),
              info.resumed ? "resumed" : "full");
        CHECK_TEXT("the version", version_text(info.version), version_text(version));
        CHECK_TEXT("the protocol", info.alpn, protocols[r->level[ALPN]].chosen);
        CHECK_TEXT("the server name", info.server_name,
                   !has_name(r)                 ? ""
                   : r->level[HOSTS] == H_ALIAS ? "alias.test"
                                                : "example.test");
        const uint16_t *codes = suites_of[r->level[SUITES]].codes;
        uint16_t suite = codes[version == STLS_TLS1_3 ? 0 : r->level[KEY] == K_RSA ? 2 : 1];
        if (suite) {
            CHECK_TEXT("the suite", code_text(STLS_REGISTRY_SUITE, info.suite),
                       code_text(STLS_REGISTRY_SUITE, suite));
        }
        uint16_t group = groups[r->level[GROUPS]].chosen;
        if (group && info.group) {
            CHECK_TEXT("the group", code_text(STLS_REGISTRY_GROUP, info.group),
                       code_text(STLS_REGISTRY_GROUP, group));
        }
    }
}

static void check_peers(const stage *s, const pair *p) {
    const row *r = s->r;
    char file[64];
    snprintf(file, sizeof file, "%s.der", keys[r->level[KEY]]);
    CHECK_BYTES("the server's certificate", stls_conn_peer_certificate(p->conn[CLIENT], 0),
                pki_bytes(file));
    CHECK_TEXT("the proved name", pair_verdict(p, CLIENT)->name, "example.test");
    CHECK(stls_conn_is_secure(p->conn[CLIENT]), "the client's lock is open: %s",
          pair_verdict(p, CLIENT)->text);
    CHECK(stls_conn_is_secure(p->conn[SERVER]) == (is_shown(r) && r->level[CERTIFICATE] != C_ANY),
          "the server's lock is wrong: %s", pair_verdict(p, SERVER)->text);
    CHECK_NUMBER("the phone's certificates", stls_conn_peer_count(p->conn[SERVER]) > 0,
                 is_shown(r));
    if (is_shown(r)) {
        snprintf(file, sizeof file, "%s.der", certificates[r->level[CERTIFICATE]].credential);
        CHECK_BYTES("the phone's certificate", stls_conn_peer_certificate(p->conn[SERVER], 0),
                    pki_bytes(file));
    }
}

/* The random of a ServerHello that asks for another key share (RFC 8446 section 4.1.3). */
static bool has_retry(const wire *w) {
    static const uint8_t random[8] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};
    return w->len >= 19 && memcmp(w->data + 11, random, sizeof random) == 0;
}

static void check_retry(const row *r, const pair *p) {
    if (p->options.transport == PAIR_MEMORY || p->options.transport == PAIR_CALLBACKS) {
        CHECK_NUMBER("another key share was asked for", has_retry(&p->wire[SERVER]),
                     r->level[GROUPS] == G_RETRY && version_of(r) == STLS_TLS1_3);
    }
}

static bool has_line(const key_log *log, const char *line) {
    for (size_t i = 0; i < log->count; i++) {
        if (strcmp(log->lines[i], line) == 0) {
            return true;
        }
    }
    return false;
}

/* The secrets that both ends tell, and the keys that both make, are the same. */
static void check_secrets(stage *s, const pair *p) {
    const row *r = s->r;
    stls_bytes made[2][2];
    uint8_t keying[2][40], binding[2][2][STLS_BINDING_MAX];
    stls_error error = {0};
    size_t len;
    bool exporter = r->level[SECRETS] == S_EXPORTER || r->level[SECRETS] == S_BOTH;
    for (side i = CLIENT; i <= SERVER; i++) {
        CHECK_RESULT("the keying material",
                     stls_conn_export(p->conn[i], "EXPORTER-siptls", "x", 1, keying[i], 40, &error),
                     exporter ? STLS_OK : STLS_E_STATE, &error);
        CHECK_RESULT("tls-exporter",
                     stls_conn_channel_binding(p->conn[i], STLS_BINDING_TLS_EXPORTER, binding[i][0],
                                               &len, &error),
                     exporter ? STLS_OK : STLS_E_STATE, &error);
        made[i][0] = (stls_bytes){binding[i][0], exporter ? len : 0};
        CHECK_RESULT("tls-server-end-point",
                     stls_conn_channel_binding(p->conn[i], STLS_BINDING_TLS_SERVER_END_POINT,
                                               binding[i][1], &len, &error),
                     STLS_OK, &error);
        made[i][1] = (stls_bytes){binding[i][1], len};
    }
    if (exporter) {
        CHECK_BYTES("the server's keying material", ((stls_bytes){keying[SERVER], 40}),
                    ((stls_bytes){keying[CLIENT], 40}));
        CHECK_BYTES("the server's tls-exporter", made[SERVER][0], made[CLIENT][0]);
    }
    CHECK_BYTES("the server's tls-server-end-point", made[SERVER][1], made[CLIENT][1]);
    if (r->level[SECRETS] >= S_LOG) {
        CHECK(s->log[CLIENT].count >= (version_of(r) == STLS_TLS1_3 ? 4 : 1),
              "%zu lines in the key log", s->log[CLIENT].count);
        for (side i = CLIENT; i <= SERVER; i++) {
            for (size_t k = 0; k < s->log[i].count; k++) {
                const char *line = s->log[i].lines[k];
                /* Which others there are is the library's matter. */
                bool traffic = strstr(line, "TRAFFIC_SECRET") || strstr(line, "CLIENT_RANDOM");
                CHECK(!traffic || has_line(&s->log[1 - i], line), "only the %s tells: %s",
                      side_text(i), line);
            }
        }
    }
}

/* KeyUpdate of one side, where the library has it and the peer bears it. */
static void update_keys(const row *r, pair *p, side i) {
    bool has = version_of(r) == STLS_TLS1_3 && can(r, i, STLS_CAN_UPDATE_KEYS);
    if (has && !can(r, 1 - i, STLS_CAN_UPDATE_KEYS)) {
        return;
    }
    stls_result result = stls_conn_update_keys(p->conn[i], true);
    CHECK(has ? result == STLS_OK || result == STLS_WANT_WRITE : result == STLS_E_UNSUPPORTED,
          "the %s's key update: %s", side_text(i), stls_result_name(result));
}

static void update_all(const row *r, pair *p) {
    uint8_t level = r->level[UPDATES];
    if (level == U_CLIENT || level == U_EACH) {
        update_keys(r, p, CLIENT);
    }
    if (level == U_SERVER || level == U_EACH) {
        update_keys(r, p, SERVER);
    }
    if (level != U_NONE) {
        pair_echo(p, 1000);
    }
}

static void close_side(pair *p, side i) {
    side other = 1 - i;
    stls_result result = STLS_WANT_WRITE;
    uint8_t byte;
    size_t done;
    for (unsigned k = 0; result == STLS_WANT_WRITE && k < 1000; k++) {
        result = stls_conn_close(p->conn[i]);
        if (result == STLS_WANT_WRITE) { /* room, where the wire was full */
            pair_read(p, other, &byte, 1, &done);
        }
    }
    CHECK_RESULT(side_text(i), result, STLS_OK, pair_error(p, i));
    for (unsigned k = 0; k < 100; k++) {
        result = pair_read(p, other, &byte, 1, &done);
        if (result != STLS_WANT_READ && result != STLS_WANT_WRITE) {
            break;
        }
    }
    CHECK_RESULT("the read of the other side", result, STLS_CLOSED, pair_error(p, other));
}

/* The one that is left goes on sending until it closes too. */
static void close_both(const row *r, pair *p) {
    side first = r->level[CLOSING] == 0 ? CLIENT : SERVER;
    close_side(p, first);
    pair_transfer(p, 1 - first, 300);
    close_side(p, 1 - first);
}

static bool connect_once(stage *s, bool resumed) {
    const row *r = s->r;
    pair p;
    s->log[CLIENT].count = s->log[SERVER].count = 0;
    bool done = pair_open_on(&p, s->context[CLIENT], &s->of[CLIENT], s->context[SERVER],
                             &transports[r->level[TRANSPORT]]) &&
                pair_connect(&p);
    if (done && (done = pair_echo(&p, 3000))) {
        pair_check_info(&p);
        check_facts(s, &p, resumed);
        check_peers(s, &p);
        check_retry(r, &p);
        check_secrets(s, &p);
        update_all(r, &p);
        close_both(r, &p);
    }
    pair_close(&p);
    return done;
}

/* --- A row */

static unsigned rows_run, connections, resumptions;

static void run_row(const row *r) {
    unsigned times = is_resumed(r) ? 3 : 2;
    static stage s;
    char text[256];
    size_t len = 0;
    stls_context_stats stats;
    for (size_t f = 0; f < FACTORS && len < sizeof text; f++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %s", f ? ";" : "",
                                factors[f].levels[r->level[f]]);
    }
    rows_run++;
    if (set_up(&s, r)) {
        for (unsigned i = 0; i < times; i++) {
            check_case("%s to %s:%s; connection %u", names[r->c], names[r->s], text, i + 1);
            if ((i > 0 && !come_back(&s, i % 2 ? SERVER : CLIENT)) ||
                !connect_once(&s, i > 0 && is_resumed(r))) {
                break;
            }
            connections++;
            resumptions += i > 0 && is_resumed(r);
        }
        stls_context_get_stats(s.context[SERVER], &stats);
        CHECK_NUMBER("handshakes that failed or never ended", stats.failed + stats.under_way, 0);
    }
    tear_down(&s);
}

/* --- Levels that a pair cannot have */

/* What lacks a setting refuses it. */
static void check_refused(const row *r, side i, size_t factor) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    stls_result result =
        stls_profile_new(backend_at(i == CLIENT ? r->c : r->s),
                         i == CLIENT ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER, &profile, &error);
    check_case("%s to %s: %s, which the %s cannot", names[r->c], names[r->s], factors[factor].name,
               side_text(i));
    if (CHECK_RESULT("the profile", result, STLS_OK, &error)) {
        result = factor == FRAGMENT ? stls_profile_set_max_fragment(profile, 1024, &error)
                                    : stls_profile_set_keylog(profile, take_line, NULL, &error);
        CHECK_RESULT("the setting", result, STLS_E_UNSUPPORTED, &error);
    }
    stls_profile_free(profile);
}

/* A key that one side does not know leads to no connection. */
static void check_no_connection(const row *r, const char *key) {
    stls_credential *credential = NULL;
    stls_error error = {0};
    end client = {.backend = backend_at(r->c), .trust = "root", .peer = "example.test"};
    end server = {.backend = backend_at(r->s), .credential = key};
    pair p;
    check_case("%s to %s: %s, which one of them cannot", names[r->c], names[r->s], key);
    if (pki_try_credential(server.backend, key, &credential, &error) != STLS_OK) {
        CHECK(!credential && *error.text, "a credential that was refused without a word");
        return;
    }
    stls_credential_free(credential);
    if (pair_open(&p, &client, &server, NULL)) {
        pair_handshake(&p);
        CHECK_RESULT("the server", p.handshake[SERVER], STLS_E_NOTHING_SHARED,
                     pair_error(&p, SERVER));
        CHECK_RESULT("the client", p.handshake[CLIENT], STLS_E_ALERT, pair_error(&p, CLIENT));
    }
    pair_close(&p);
}

/* Whether the pair can have a level; where not, that it is refused is checked. */
static bool has_level(const row *r, size_t factor, uint8_t level) {
    enum { ED25519 = 0x0807 };
    if (factor == FRAGMENT && level != 0 && !can(r, CLIENT, STLS_CAN_MAX_FRAGMENT)) {
        check_refused(r, CLIENT, factor);
        return false;
    }
    for (side i = CLIENT; i <= SERVER; i++) {
        if (factor == SECRETS && level >= S_LOG && !can(r, i, STLS_CAN_KEYLOG)) {
            check_refused(r, i, factor);
            return false;
        }
        if (factor == KEY && level == K_ED25519 &&
            !stls_backend_supports(backend_at(i == CLIENT ? r->c : r->s), STLS_REGISTRY_SCHEME,
                                   ED25519)) {
            check_no_connection(r, keys[level]);
            return false;
        }
    }
    return true;
}

/* --- One test for each pair */

static void run_pair(size_t c, size_t s) {
    static array a;
    row r = {.c = c, .s = s};
    char name[64];
    if (!backend_at(c) || !backend_at(s)) {
        snprintf(name, sizeof name, "%s to %s", names[c], names[s]);
        test_skip(name, "%s is not in this build", names[backend_at(c) ? s : c]);
        return;
    }
    memset(&a, 0, sizeof a);
    a.seed = (uint32_t)(c * BACKENDS + s);
    for (size_t f = 0; f < FACTORS; f++) {
        for (uint8_t k = 0; factors[f].levels[k]; k++) {
            if (has_level(&r, f, k)) {
                a.level[f][a.count[f]++] = k;
            }
        }
    }
    while (next_row(&a, &r)) {
        run_row(&r);
    }
}

#define PAIR_TEST(client, server)                                                                  \
    static void test_##client##_##server(void) {                                                   \
        run_pair(client, server);                                                                  \
    }

PAIR_TEST(openssl, openssl)
PAIR_TEST(openssl, mbedtls)
PAIR_TEST(openssl, wolfssl)
PAIR_TEST(mbedtls, openssl)
PAIR_TEST(mbedtls, mbedtls)
PAIR_TEST(mbedtls, wolfssl)
PAIR_TEST(wolfssl, openssl)
PAIR_TEST(wolfssl, mbedtls)
PAIR_TEST(wolfssl, wolfssl)

static const test_case pairs[] = {
    {"openssl to openssl", test_openssl_openssl}, {"openssl to mbedtls", test_openssl_mbedtls},
    {"openssl to wolfssl", test_openssl_wolfssl}, {"mbedtls to openssl", test_mbedtls_openssl},
    {"mbedtls to mbedtls", test_mbedtls_mbedtls}, {"mbedtls to wolfssl", test_mbedtls_wolfssl},
    {"wolfssl to openssl", test_wolfssl_openssl}, {"wolfssl to mbedtls", test_wolfssl_mbedtls},
    {"wolfssl to wolfssl", test_wolfssl_wolfssl}, {NULL, NULL},
};

static const test_suite suites[] = {{"combinations", pairs}, {NULL, NULL}};

int main(int argc, char **argv) {
    int status = suite_main(suites, argc, argv);
    printf("\n%u rows, %u connections, %u of them resumed\n", rows_run, connections, resumptions);
    return status;
}
