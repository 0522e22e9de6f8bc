/* bench/handshakes.c - sections "handshake", "cross" and "own".
 *
 * handshake: each subject as a client of the raw library, and as a server of it; so what differs
 * between siptls and raw is one side only. One base case, and each factor varied from it.
 * cross: each client against each server.
 * own: what is to be told of siptls's own code; under callgrind only.
 *
 * SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

enum memory { WARM = 0, COLD, OFF }; /* siptls's memory of signatures found good */

/* What is not named is the base case's. */
struct handshake_case {
    int version;       /* 13 */
    const char *key;   /* as the PKI's files begin; p256 */
    const char *group; /* X25519; that of TLS 1.2 always */
    bool resumed, mutual;
    int intermediates; /* 1 */
    enum memory memory;
    bool quick, unverified;
};

static const char *key_name(const char *key) {
    return strcmp(key, "p256") == 0 ? "P-256" : strcmp(key, "rsa") == 0 ? "RSA-2048" : "Ed25519";
}

static void describe(const struct handshake_case *c, char *text, size_t size) {
    static const char *const memory[] = {"warm", "cold", "off"};
    snprintf(text, size,
             "{\"version\":\"1.%d\",\"key\":\"%s\",\"group\":\"%s\",\"kind\":\"%s\",\"mutual\":%s,"
             "\"intermediates\":%d,\"chain_memory\":\"%s\",\"verified\":%s}",
             c->version - 10, key_name(c->key), c->group, c->resumed ? "resumed" : "full",
             c->mutual ? "true" : "false", c->intermediates, memory[c->memory],
             c->unverified ? "false" : "true");
}

/* --- One subject on one side */

/* A pair of contexts that makes connections; measured is one side of them, or both. */
struct lane {
    const struct bench_subject *subject[2];
    struct bench_setup setup[2];
    bench_context *context[2];
    bool measured[2];
    struct bench_series us[2];
};

static const char *credential(const struct handshake_case *c, const char *who, const char *suffix) {
    char name[64];
    snprintf(name, sizeof name, "%s-%s%d.%s", c->key, who, c->intermediates, suffix);
    return bench_file(name);
}

static void set_up(struct bench_setup setup[2], const struct handshake_case *c) {
    char root[64];
    snprintf(root, sizeof root, "%s-root.pem", c->key);
    for (int side = 0; side < 2; side++) {
        bool server = side == BENCH_SERVER;
        bool judges = server ? c->mutual : !c->unverified;
        bool shows = server || c->mutual;
        setup[side] = (struct bench_setup){
            .server = server,
            .version = c->version,
            .groups = c->version == 12 ? "X25519:P-256" : c->group,
            .trust_file = judges ? bench_file(root) : NULL,
            .chain_file = shows ? credential(c, server ? "server" : "phone", "pem") : NULL,
            .key_file = shows ? credential(c, server ? "server" : "phone", "key") : NULL,
            .host = server ? NULL : BENCH_HOST,
            .verify = judges,
            .mutual = c->mutual,
            .resume = c->resumed,
            .chain_memory = c->memory != OFF,
        };
    }
}

static void lane_close(struct lane *lane) {
    for (int side = 0; side < 2; side++) {
        if (lane->context[side] != NULL) {
            lane->subject[side]->context_free(lane->context[side]);
            lane->context[side] = NULL;
        }
        bench_series_free(&lane->us[side]);
    }
}

static bool lane_refresh(struct lane *lane, int side) {
    if (lane->context[side] != NULL) {
        lane->subject[side]->context_free(lane->context[side]);
    }
    lane->context[side] = bench_context_open(lane->subject[side], &lane->setup[side]);
    return lane->context[side] != NULL;
}

/* One handshake. What is measured is a sample of its own, if `counts`. */
static bool lane_run(struct lane *lane, const struct handshake_case *c, const char *case_json,
                     bool counts) {
    struct bench_pair pair = {0};
    for (int side = 0; side < 2; side++) {
        pair.meter[side].on = counts && lane->measured[side];
    }
    bool done = bench_pair_open(&pair, lane->subject[0], lane->context[0], lane->subject[1],
                                lane->context[1]);
    if (!done) {
        return false;
    }
    done = bench_pair_handshake(&pair);
    if (done && counts && lane->subject[0]->resumed(pair.conn[0]) != c->resumed) {
        bench_failed("%s against %s: a %s handshake was wanted, and it was none",
                     lane->subject[0]->name, lane->subject[1]->name,
                     c->resumed ? "resumed" : "full");
        done = false;
    }
    bench_pair_close(&pair);
    for (int side = 0; side < 2 && done && counts; side++) {
        if (lane->measured[side] && bench_counts_instructions()) {
            const struct bench_label label = {case_json, lane->subject[side]->name,
                                              lane->subject[!side]->name, bench_side_names[side]};
            bench_instructions(&label, 1);
        } else if (lane->measured[side]) {
            bench_sample(&lane->us[side], pair.meter[side].us);
        }
    }
    return done;
}

static bool lane_open(struct lane *lane, const struct handshake_case *c,
                      const struct bench_subject *client, const struct bench_subject *server,
                      int measured) {
    *lane = (struct lane){.subject = {client, server}};
    lane->measured[0] = measured != BENCH_SERVER;
    lane->measured[1] = measured != BENCH_CLIENT;
    set_up(lane->setup, c);
    /* What the library sets up on first use, a ticket, and the warm memory. */
    return lane_refresh(lane, 0) && lane_refresh(lane, 1) && lane_run(lane, c, "", false) &&
           lane_run(lane, c, "", false);
}

/* A cold memory is a new context's. */
static bool lane_sample(struct lane *lane, const struct handshake_case *c, const char *case_json) {
    for (int side = 0; side < 2; side++) {
        if (lane->measured[side] && c->memory == COLD && !lane_refresh(lane, side)) {
            return false;
        }
    }
    return lane_run(lane, c, case_json, true);
}

static void lane_record(struct lane *lane, const char *case_json) {
    for (int side = 0; side < 2; side++) {
        if (lane->measured[side] && !bench_counts_instructions()) {
            const struct bench_label label = {case_json, lane->subject[side]->name,
                                              lane->subject[!side]->name, bench_side_names[side]};
            bench_record(&label, "time", "us", &lane->us[side]);
        }
    }
}

/* --- A case: all its lanes by turns */

enum { LANES_MAX = 128, BOTH = 2 };

/* Whether both can do the case; if not, that is recorded for `of` on `side`. */
static bool able(const struct handshake_case *c, const char *case_json,
                 const struct bench_subject *client, const struct bench_subject *server, int side) {
    struct bench_setup setup[2];
    set_up(setup, c);
    const struct bench_subject *subject[2] = {client, server};
    for (int i = 0; i < 2; i++) {
        const char *why = subject[i]->lacks(subject[i], &setup[i]);
        if (why != NULL) {
            for (int s = 0; s < 2; s++) {
                if (side == BOTH || side == s) {
                    const struct bench_label label = {case_json, subject[s]->name,
                                                      subject[!s]->name, bench_side_names[s]};
                    bench_record_lacks(&label, why);
                }
            }
            return false;
        }
    }
    return true;
}

static struct lane lanes[LANES_MAX];
static size_t lane_count;

static void add_lane(const struct handshake_case *c, const char *case_json,
                     const struct bench_subject *client, const struct bench_subject *server,
                     int side) {
    if (lane_count < LANES_MAX && able(c, case_json, client, server, side) &&
        lane_open(&lanes[lane_count], c, client, server, side)) {
        lane_count++;
    } else if (lane_count < LANES_MAX) {
        lane_close(&lanes[lane_count]);
    }
}

static void run_lanes(const struct handshake_case *c, const char *case_json) {
    for (unsigned run = 0; run < bench_options.runs; run++) {
        for (size_t i = 0; i < lane_count; i++) {
            if (lanes[i].context[0] != NULL && !lane_sample(&lanes[i], c, case_json)) {
                lane_close(&lanes[i]); /* told; its figures are not recorded */
            }
        }
    }
    for (size_t i = 0; i < lane_count; i++) {
        if (lanes[i].context[0] != NULL) {
            lane_record(&lanes[i], case_json);
        }
        lane_close(&lanes[i]);
    }
    lane_count = 0;
}

/* Subjects beside their raw library. */
static void run_case(const struct handshake_case *c, const char *case_json) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        const struct bench_subject *subject = bench_subjects[i], *raw = bench_raw(subject);
        if (bench_wants_subject(subject) && raw != NULL) {
            add_lane(c, case_json, subject, raw, BENCH_CLIENT);
            add_lane(c, case_json, raw, subject, BENCH_SERVER);
        }
    }
    run_lanes(c, case_json);
}

static void run_cross(const struct handshake_case *c, const char *case_json) {
    for (size_t i = 0; i < bench_subject_count; i++) {
        for (size_t j = 0; j < bench_subject_count; j++) {
            if (bench_wants_subject(bench_subjects[i]) && bench_wants_subject(bench_subjects[j])) {
                add_lane(c, case_json, bench_subjects[i], bench_subjects[j], BOTH);
            }
        }
    }
    run_lanes(c, case_json);
}

/* --- The cases */

static struct handshake_case complete(struct handshake_case c) {
    c.version = c.version != 0 ? c.version : 13;
    c.key = c.key != NULL ? c.key : "p256";
    c.group = c.group != NULL ? c.group : "X25519";
    c.intermediates = c.intermediates != 0 ? c.intermediates : 1;
    return c;
}

static const struct handshake_case handshake_cases[] = {
    {.quick = true},
    {.memory = COLD, .quick = true},
    {.memory = OFF, .quick = true},
    {.resumed = true, .quick = true},
    {.mutual = true},
    {.mutual = true, .memory = OFF},
    {.mutual = true, .resumed = true},
    {.intermediates = 2},
    {.intermediates = 2, .memory = OFF},
    {.group = "P-256"},
    {.group = "P-256", .memory = OFF},
    {.group = "X25519MLKEM768"},
    {.key = "rsa"},
    {.key = "rsa", .memory = OFF},
    {.key = "ed25519"},
    {.key = "ed25519", .memory = OFF},
    {.version = 12, .quick = true},
    {.version = 12, .memory = OFF},
    {.version = 12, .resumed = true, .quick = true},
    {.version = 12, .mutual = true},
    {.version = 12, .mutual = true, .resumed = true},
    {.version = 12, .key = "rsa"},
    {.version = 12, .key = "rsa", .memory = OFF},
    {.version = 12, .key = "ed25519"},
};

static const struct handshake_case cross_cases[] = {
    {.quick = true},
    {.resumed = true},
    {.mutual = true},
    {.version = 12},
};

static const struct handshake_case own_cases[] = {
    {.unverified = true, .quick = true},
    {.resumed = true, .quick = true},
    {.quick = true},
    {.version = 12, .unverified = true},
};

static void run_all(const struct handshake_case *cases, size_t count,
                    void (*run)(const struct handshake_case *, const char *)) {
    unsigned wanted = 0, done = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            struct handshake_case c = complete(cases[i]);
            char text[512];
            describe(&c, text, sizeof text);
            if ((bench_options.quick && !c.quick) || !bench_wants_case(text)) {
                continue;
            }
            if (pass == 0) {
                wanted++;
                continue;
            }
            bench_progress(done++, wanted, text);
            run(&c, text);
        }
    }
}

int main(int argc, char **argv) {
    bench_begin(argc, argv, "handshake cross own", 50);
    if (bench_counts_instructions()) {
        bench_instructions_start();
    }
    if (strcmp(bench_options.section, "handshake") == 0) {
        run_all(handshake_cases, sizeof handshake_cases / sizeof *handshake_cases, run_case);
    } else if (strcmp(bench_options.section, "cross") == 0) {
        run_all(cross_cases, sizeof cross_cases / sizeof *cross_cases, run_cross);
    } else if (bench_counts_instructions()) {
        run_all(own_cases, sizeof own_cases / sizeof *own_cases, run_case);
    } else {
        fprintf(stderr,
                "the section \"own\" counts instructions: run it with bench/instructions.py\n");
    }
    return bench_end();
}
