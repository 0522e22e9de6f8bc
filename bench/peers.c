/* bench/peers.c - section "peers": what an author may take instead, on the same definitions.
 *
 * Each subject as a client of OpenSSL used directly, and as a server of it, by turns. Trusted are
 * 150 certificates, as on a system. Two ways: shared  one context for all connections, as each of
 * the libraries advises each    a context for each connection, as it is often seen: what is counted
 * is making it, the handshake, and freeing it
 *
 * SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

struct peer_case {
    int version;
    bool resumed, each, quick;
};

static const struct peer_case cases[] = {
    {.version = 13, .quick = true},
    {.version = 13, .each = true, .quick = true},
    {.version = 13, .resumed = true, .quick = true},
    {.version = 12, .resumed = true},
};

static void describe(const struct peer_case *c, char text[256]) {
    snprintf(text, 256,
             "{\"version\":\"1.%d\",\"key\":\"P-256\",\"group\":\"X25519\",\"kind\":\"%s\","
             "\"context\":\"%s\",\"roots\":150}",
             c->version - 10, c->resumed ? "resumed" : "full", c->each ? "each" : "shared");
}

static struct bench_setup set_up(const struct peer_case *c, int side) {
    bool server = side == BENCH_SERVER;
    return (struct bench_setup){
        .server = server,
        .version = c->version,
        .groups = c->version == 12 ? "X25519:P-256" : "X25519",
        .trust_file = server ? NULL : bench_file("roots150.pem"),
        .chain_file = server ? bench_file("p256-server1.pem") : NULL,
        .key_file = server ? bench_file("p256-server1.key") : NULL,
        .host = server ? NULL : BENCH_HOST,
        .verify = !server,
        .resume = c->resumed,
        .chain_memory = true,
    };
}

/* --- One subject on one side, OpenSSL on the other */

struct lane {
    int side; /* which is measured */
    const struct bench_subject *subject[2];
    struct bench_setup setup[2];
    bench_context *context[2];
    struct bench_series us;
};

static void lane_close(struct lane *lane) {
    for (int side = 0; side < 2; side++) {
        if (lane->context[side] != NULL) {
            lane->subject[side]->context_free(lane->context[side]);
            lane->context[side] = NULL;
        }
    }
    bench_series_free(&lane->us);
}

static struct bench_label label_of(const struct lane *lane, const char *case_json) {
    return (struct bench_label){case_json, lane->subject[lane->side]->name,
                                lane->subject[!lane->side]->name, bench_side_names[lane->side]};
}

static bool open_context(struct lane *lane, int side) {
    lane->context[side] = bench_context_open(lane->subject[side], &lane->setup[side]);
    return lane->context[side] != NULL;
}

/* From a handshake's begin to its end, with a context of its own if the case says so. */
static bool shake_hands(struct lane *lane, const struct peer_case *c, struct bench_pair *pair) {
    struct bench_meter *meter = &pair->meter[lane->side];
    bench_enter(meter);
    bool done = !c->each || open_context(lane, lane->side);
    bench_leave(meter);
    done = done && bench_pair_open(pair, lane->subject[0], lane->context[0], lane->subject[1],
                                   lane->context[1]);
    if (!done) {
        return false;
    }
    done = bench_pair_handshake(pair);
    if (done && meter->on && lane->subject[0]->resumed(pair->conn[0]) != c->resumed) {
        bench_failed("%s against %s: a %s handshake was wanted, and it was none",
                     lane->subject[0]->name, lane->subject[1]->name,
                     c->resumed ? "resumed" : "full");
        done = false;
    }
    bench_pair_close(pair);
    if (c->each) {
        bench_enter(meter);
        lane->subject[lane->side]->context_free(lane->context[lane->side]);
        bench_leave(meter);
        lane->context[lane->side] = NULL;
    }
    return done;
}

static bool lane_run(struct lane *lane, const struct peer_case *c, const char *case_json,
                     bool counts) {
    struct bench_pair pair = {0};
    pair.meter[lane->side].on = counts;
    if (!shake_hands(lane, c, &pair)) {
        return false;
    }
    if (counts && bench_counts_instructions()) {
        const struct bench_label label = label_of(lane, case_json);
        bench_instructions(&label, 1);
    } else if (counts) {
        bench_sample(&lane->us, pair.meter[lane->side].us);
    }
    return true;
}

/* Ready to be measured: what is set up on first use is, and a client has its ticket. */
static bool lane_open(struct lane *lane, const struct peer_case *c) {
    return open_context(lane, !lane->side) && (c->each || open_context(lane, lane->side)) &&
           lane_run(lane, c, "", false) && lane_run(lane, c, "", false);
}

/* --- That they verify: a figure of one that does not would be none */

/* Whether the client of `lane` ends the handshake with a server that is not who it should be. */
static bool refuses(struct lane *lane) {
    enum { ROUNDS_MAX = 200 };
    struct bench_pair pair = {0};
    bool refused = false, open = bench_pair_open(&pair, lane->subject[0], lane->context[0],
                                                 lane->subject[1], lane->context[1]);
    enum bench_step server = BENCH_WANT;
    for (int i = 0; i < ROUNDS_MAX && open && !refused; i++) {
        refused = pair.subject[BENCH_CLIENT]->handshake(pair.conn[BENCH_CLIENT]) == BENCH_FAILED;
        if (server == BENCH_WANT) {
            server = pair.subject[BENCH_SERVER]->handshake(pair.conn[BENCH_SERVER]);
        }
    }
    if (open) {
        bench_pair_close(&pair);
    }
    return refused;
}

static void check_verification(const struct bench_subject *subject) {
    static const struct {
        const char *what, *host, *trust_file;
    } wrong[] = {{"another name", "example.net", "roots150.pem"},
                 {"an unknown root", BENCH_HOST, "ed25519-root.pem"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct lane lane = {.subject = {subject, bench_find("raw-openssl")}};
        lane.setup[BENCH_CLIENT] = set_up(&cases[0], BENCH_CLIENT);
        lane.setup[BENCH_SERVER] = set_up(&cases[0], BENCH_SERVER);
        lane.setup[BENCH_CLIENT].host = wrong[i].host;
        lane.setup[BENCH_CLIENT].trust_file = bench_file(wrong[i].trust_file);
        if (subject->lacks(subject, &lane.setup[BENCH_CLIENT]) == NULL &&
            open_context(&lane, BENCH_CLIENT) && open_context(&lane, BENCH_SERVER) &&
            !refuses(&lane)) {
            bench_failed("%s lets a server with %s pass", subject->name, wrong[i].what);
        }
        lane_close(&lane);
    }
}

/* --- A case */

enum { LANES_MAX = 64 };
static struct lane lanes[LANES_MAX];
static size_t lane_count;

static void add_lane(const struct peer_case *c, const char *case_json,
                     const struct bench_subject *subject, int side) {
    const struct bench_subject *raw = bench_find("raw-openssl");
    struct lane *lane = &lanes[lane_count];
    *lane = (struct lane){.side = side, .subject = {subject, raw}};
    lane->subject[side] = subject;
    lane->subject[!side] = raw;
    lane->setup[BENCH_CLIENT] = set_up(c, BENCH_CLIENT);
    lane->setup[BENCH_SERVER] = set_up(c, BENCH_SERVER);
    const char *why = subject->lacks(subject, &lane->setup[side]);
    if (why != NULL) {
        const struct bench_label label = label_of(lane, case_json);
        bench_record_lacks(&label, why);
    } else if (lane_open(lane, c)) {
        lane_count++;
    } else {
        lane_close(lane);
    }
}

static void record_none(const char *case_json, const char *name, const char *why) {
    for (int side = 0; side < 2; side++) {
        const struct bench_label label = {case_json, name, "raw-openssl", bench_side_names[side]};
        bench_record_lacks(&label, why);
    }
}

static void record_missing(const char *case_json) {
    char list[] = BENCH_MISSING;
    char *rest = NULL;
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        record_none(case_json, name, "not measured: " BENCH_MISSING_WHY);
    }
}

/* Of libraries used directly only the one that all are compared with: the others are in the section
 * "handshake". */
static bool is_peer(const struct bench_subject *subject) {
    return strncmp(subject->name, "raw-", 4) != 0 || strcmp(subject->name, "raw-openssl") == 0;
}

static void check_all(void) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        if (is_peer(bench_subjects[i]) && bench_wants_subject(bench_subjects[i])) {
            check_verification(bench_subjects[i]);
        }
    }
}

static void run_case(const struct peer_case *c, const char *case_json) {
    lane_count = 0;
    for (size_t i = 0; i < bench_subject_count && lane_count + 2 <= LANES_MAX; i++) {
        if (is_peer(bench_subjects[i]) && bench_wants_subject(bench_subjects[i])) {
            add_lane(c, case_json, bench_subjects[i], BENCH_CLIENT);
            add_lane(c, case_json, bench_subjects[i], BENCH_SERVER);
        }
    }
    bool alive[LANES_MAX];
    memset(alive, true, sizeof alive);
    if (bench_counts_instructions()) { /* not before: it is slow */
        bench_instructions_start();
    }
    for (unsigned run = 0; run < bench_options.runs; run++) {
        for (size_t i = 0; i < lane_count; i++) {
            alive[i] = alive[i] && lane_run(&lanes[i], c, case_json, true);
        }
    }
    if (bench_counts_instructions()) {
        bench_instructions_stop();
    }
    for (size_t i = 0; i < lane_count; i++) {
        if (alive[i] && !bench_counts_instructions()) {
            const struct bench_label label = label_of(&lanes[i], case_json);
            bench_record(&label, "time", "us", &lanes[i].us);
        }
        lane_close(&lanes[i]);
    }
    record_missing(case_json);
}

static bool is_wanted(const struct peer_case *c) {
    char text[256];
    describe(c, text);
    return (!bench_options.quick || c->quick) && bench_wants_case(text);
}

int main(int argc, char **argv) {
    bench_begin(argc, argv, "peers", 50);
    if (bench_find("raw-openssl") == NULL) {
        fprintf(stderr, "peers: they are all compared with OpenSSL, which is not in this build\n");
        return bench_end();
    }
    check_all();
    const size_t all = sizeof cases / sizeof *cases;
    unsigned done = 0, count = 0;
    for (size_t i = 0; i < all; i++) {
        count += is_wanted(&cases[i]);
    }
    for (size_t i = 0; i < all; i++) {
        if (is_wanted(&cases[i])) {
            char text[256];
            describe(&cases[i], text);
            bench_progress(done++, count, text);
            run_case(&cases[i], text);
        }
    }
    return bench_end();
}
