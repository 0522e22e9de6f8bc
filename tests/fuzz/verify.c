/* Any certificates under any rules, by a backend whose signatures always hold: no input may make
 * the engine read where it must not, run without end, or contradict itself.
 *
 * The input is a list of blocks of two octets of length and as many of content. The first block
 * holds the rules; those behind it are certificates, whose lengths have their top bit set if they
 * are anchors as well.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/verify.h"

#include <stdlib.h>
#include <string.h>

static int one_key;

static stls_be_status key_from_spki(stls_bytes spki, void **key) {
    *key = &one_key;
    return spki.len % 7 == 6 ? STLS_BE_UNSUPPORTED : STLS_BE_OK;
}

static void key_free(void *key) {
    if (key != &one_key) {
        abort();
    }
}

/* Nearly always: one in 16 does not hold, told by its last octet. */
static stls_be_status verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                       stls_bytes message, stls_bytes signature) {
    if (key != &one_key || algorithm->kind == STLS_SIGNATURE_UNKNOWN || message.len == 0) {
        abort();
    }
    bool bad = signature.len != 0 && signature.data[signature.len - 1] % 16 == 15;
    return bad ? STLS_BE_FAILED : STLS_BE_OK;
}

static const stls_backend backend = {
    .abi = STLS_CONTRACT_ABI,
    .name = "fuzz",
    .key_from_spki = key_from_spki,
    .key_free = key_free,
    .verify_signature = verify_signature,
};

static bool next_block(stls_bytes *rest, bool *mark, stls_bytes *block) {
    if (rest->len < 2) {
        return false;
    }
    size_t len = (size_t)(rest->data[0] & 0x7f) << 8 | rest->data[1];
    *mark = (rest->data[0] & 0x80) != 0;
    len = len < rest->len - 2 ? len : rest->len - 2;
    *block = (stls_bytes){rest->data + 2, len};
    *rest = (stls_bytes){rest->data + 2 + len, rest->len - 2 - len};
    return true;
}

static uint8_t octet(stls_bytes bytes, size_t index) {
    return index < bytes.len ? bytes.data[index] : 0;
}

static void check(const stls_verdict *verdict, const stls_rules *rules) {
    uint32_t open = verdict->flags & ~(rules->tolerated & STLS_FLAGS_TOLERABLE);
    bool accepted = verdict->state == STLS_VERDICT_ACCEPTED;
    if (accepted == (verdict->state == STLS_VERDICT_REJECTED) || accepted != (open == 0) ||
        accepted != (verdict->alert == STLS_ALERT_NONE) || verdict->text[0] == '\0' ||
        verdict->path_len > STLS_PATH_MAX) {
        abort();
    }
    if (accepted &&
        (verdict->path_len == 0 || verdict->path[verdict->path_len - 1] != STLS_PATH_ANCHOR)) {
        abort();
    }
    for (const char *at = verdict->text; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"example.test", "192.0.2.1", "sip.example.test", "::1"};
    enum { CHAIN_MAX = 40 };
    stls_bytes rest = {data, size}, config, block, chain[CHAIN_MAX];
    bool mark;
    size_t count = 0;
    if (!next_block(&rest, &mark, &config)) {
        return 0;
    }
    stls_trust *trust = stls_trust_new();
    while (count < CHAIN_MAX && next_block(&rest, &mark, &block)) {
        chain[count++] = block;
        if (mark) {
            (void)stls_trust_add(trust, block.data, block.len, NULL, NULL);
        }
    }
    stls_trust_freeze(trust);
    const stls_rules rules = {
        .identity = (stls_identity_mode)(1 + octet(config, 0) % 4),
        .identity_flags = octet(config, 1) & 3U,
        .names = names,
        .name_count = sizeof names / sizeof names[0],
        .usage = (stls_usage_mode)(1 + octet(config, 2) % 3),
        .strength = (stls_strength)(1 + octet(config, 3) % 2),
        .tolerated = octet(config, 4) % 2 != 0 ? STLS_FLAGS_TOLERABLE : 0,
        .max_intermediates = octet(config, 5) % 31U,
        .chain_bytes_max = 60000,
    };
    const stls_judge_request request = {
        .backend = &backend,
        .trust = trust,
        .rules = &rules,
        .peer_role = octet(config, 6) % 2 != 0 ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
        .peer = octet(config, 7) % 5 < 4 ? names[octet(config, 7) % 5] : NULL,
        .now = octet(config, 10) % 4 == 1 ? STLS_CLOCK_NOT_SET : (int64_t)octet(config, 8) << 23,
        .earliest = (int64_t)octet(config, 11) << 23,
        .chain = chain,
        .count = count,
    };
    stls_verdict verdict;
    stls_judge(&request, &verdict);
    check(&verdict, &rules);
    if (count != 0) {
        stls_judge_unreadable(&backend, chain, count, octet(config, 9) % (count + 1), &verdict);
    }
    stls_trust_free(trust);
    return 0;
}
