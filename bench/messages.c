/* bench/messages.c - section "messages": what it costs to send a message and to receive its echo,
 * on an open connection.
 *
 * Built twice: bench_messages measures time, and under callgrind instructions;
 * bench_messages_counted has heap.c and calls.c in it, and counts allocations and system calls.
 *
 * SPDX-License-Identifier: MIT */
#include "harness.h"

#include "calls.h"
#include "heap.h"

#include <string.h>

#pragma weak bench_heap_now

static const struct {
    int version;
    size_t size;
    bool quick;
} cases[] = {
    {13, 400, true},  {13, 1024, false}, {13, 16384, true},
    {12, 400, false}, {12, 1024, false}, {12, 16384, false},
};

enum { SIZE_MAX_BYTES = 16384, WARM_UP = 10, ECHOES = 20 /* of one sample */ };

struct lane {
    const struct bench_subject *subject[2];
    bench_context *context[2];
    struct bench_pair pair;
    int measured; /* the side */
    struct bench_series us, system_calls, allocations, own_allocations;
};

static void lane_close(struct lane *lane) {
    for (int side = 0; side < 2; side++) {
        lane->pair.meter[side].on = false;
    }
    bench_pair_close(&lane->pair);
    for (int side = 0; side < 2; side++) {
        if (lane->context[side] != NULL) {
            lane->subject[side]->context_free(lane->context[side]);
        }
        lane->context[side] = NULL;
    }
    bench_series_free(&lane->us);
    bench_series_free(&lane->system_calls);
    bench_series_free(&lane->allocations);
    bench_series_free(&lane->own_allocations);
}

static bool lane_echo(struct lane *lane, size_t size, unsigned times) {
    static uint8_t data[SIZE_MAX_BYTES], room[SIZE_MAX_BYTES];
    bool done = true;
    memset(data, 'm', sizeof data);
    for (unsigned i = 0; i < times && done; i++) {
        done = bench_pair_echo(&lane->pair, data, room, size);
    }
    return done;
}

static bool lane_open(struct lane *lane, int version, size_t size,
                      const struct bench_subject *client, const struct bench_subject *server,
                      int measured) {
    *lane =
        (struct lane){.subject = {client, server}, .pair = {.fd = {-1, -1}}, .measured = measured};
    for (int side = 0; side < 2; side++) {
        const struct bench_setup setup = {
            .server = side == BENCH_SERVER,
            .version = version,
            .groups = version == 12 ? "X25519:P-256" : "X25519",
            .trust_file = side == BENCH_CLIENT ? bench_file("p256-root.pem") : NULL,
            .chain_file = side == BENCH_SERVER ? bench_file("p256-server1.pem") : NULL,
            .key_file = side == BENCH_SERVER ? bench_file("p256-server1.key") : NULL,
            .host = side == BENCH_CLIENT ? BENCH_HOST : NULL,
            .verify = side == BENCH_CLIENT,
            .chain_memory = true,
        };
        lane->context[side] = bench_context_open(lane->subject[side], &setup);
        if (lane->context[side] == NULL) {
            return false;
        }
    }
    return bench_pair_open(&lane->pair, client, lane->context[0], server, lane->context[1]) &&
           bench_pair_handshake(&lane->pair) && lane_echo(lane, size, WARM_UP);
}

static struct bench_label label_of(const struct lane *lane, const char *case_json) {
    return (struct bench_label){case_json, lane->subject[lane->measured]->name,
                                lane->subject[!lane->measured]->name,
                                bench_side_names[lane->measured]};
}

static bool lane_sample(struct lane *lane, const char *case_json, size_t size) {
    struct bench_meter *meter = &lane->pair.meter[lane->measured];
    *meter = (struct bench_meter){.on = true};
    bool done = lane_echo(lane, size, ECHOES);
    if (done && bench_counts_instructions()) {
        const struct bench_label label = label_of(lane, case_json);
        bench_instructions(&label, ECHOES);
    }
    bench_sample(&lane->us, meter->us / ECHOES);
    bench_sample(&lane->system_calls, (double)meter->system_calls / ECHOES);
    bench_sample(&lane->allocations, (double)meter->allocations / ECHOES);
    bench_sample(&lane->own_allocations, (double)meter->own_allocations / ECHOES);
    meter->on = false;
    return done;
}

static void lane_record(struct lane *lane, const char *case_json) {
    const struct bench_label label = label_of(lane, case_json);
    if (bench_heap_now == NULL) {
        bench_record(&label, "time", "us", &lane->us);
        return;
    }
    bench_record(&label, "system_calls", "calls", &lane->system_calls);
    bench_record(&label, "allocations", "allocations", &lane->allocations);
    if (strncmp(label.subject, "siptls-", 7) == 0) {
        bench_record(&label, "own_allocations", "allocations", &lane->own_allocations);
    }
}

enum { LANES_MAX = 32 };

static void run_case(int version, size_t size, const char *case_json) {
    static struct lane lanes[LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < bench_subject_count && count + 2 <= LANES_MAX; i++) {
        const struct bench_subject *subject = bench_subjects[i], *raw = bench_raw(subject);
        if (!bench_wants_subject(subject) || raw == NULL) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            const struct bench_subject *client = side == BENCH_CLIENT ? subject : raw;
            const struct bench_subject *server = side == BENCH_CLIENT ? raw : subject;
            if (lane_open(&lanes[count], version, size, client, server, side)) {
                count++;
            } else {
                lane_close(&lanes[count]);
            }
        }
    }
    bench_instructions_start(); /* not before: it is slow */
    for (unsigned run = 0; run < bench_options.runs; run++) {
        for (size_t i = 0; i < count; i++) {
            if (lanes[i].context[0] != NULL && !lane_sample(&lanes[i], case_json, size)) {
                lane_close(&lanes[i]); /* told; its figures are not recorded */
            }
        }
    }
    bench_instructions_stop();
    for (size_t i = 0; i < count; i++) {
        if (lanes[i].context[0] != NULL && !bench_counts_instructions()) {
            lane_record(&lanes[i], case_json);
        }
        lane_close(&lanes[i]);
    }
}

int main(int argc, char **argv) {
    unsigned wanted = 0, done = 0;
    bench_begin(argc, argv, "messages", 50);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char text[64];
            snprintf(text, sizeof text, "{\"version\":\"1.%d\",\"size\":%zu}",
                     cases[i].version - 10, cases[i].size);
            if ((bench_options.quick && !cases[i].quick) || !bench_wants_case(text)) {
                continue;
            }
            if (pass == 0) {
                wanted++;
                continue;
            }
            bench_progress(done++, wanted, text);
            run_case(cases[i].version, cases[i].size, text);
        }
    }
    return bench_end();
}
