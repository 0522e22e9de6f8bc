/* Certificate policies: RFC 5280 section 6.1 with any policy asked for and all initial flags false.
 *
 * The tree of the RFC grows without bound (RFC 9618). Since any policy will do, the only question
 * is whether the tree is empty, and for that its lowest row is enough: the set of policies that the
 * next certificate may have. A set that outgrows its bound loses members, which can only refuse
 * more.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/search.h"

enum { SET_MAX = 128 };

static const uint8_t any_policy_octets[] = {0x55, 0x1d, 0x20, 0x00};
static const stls_bytes any_policy = {any_policy_octets, sizeof any_policy_octets};

typedef struct policy_set {
    stls_bytes items[SET_MAX];
    size_t count;
} policy_set;

typedef struct policy_state {
    stls_search *search;
    policy_set expected;                    /* what the next certificate may have */
    policy_set valid;                       /* what the present one has of it */
    uint32_t explicit_policy, mapping, any; /* certificates until each takes effect; 0: it has */
} policy_state;

/* With the comparisons used up nothing is found any more. */
static bool holds(policy_state *state, const policy_set *set, stls_bytes policy) {
    for (size_t i = 0; i < set->count; i++) {
        if (!stls_search_spend(state->search, 1)) {
            return false;
        }
        if (stls_bytes_equal(set->items[i], policy)) {
            return true;
        }
    }
    return false;
}

static void put(policy_state *state, policy_set *set, stls_bytes policy) {
    if (set->count < SET_MAX && !holds(state, set, policy)) {
        set->items[set->count++] = policy;
    }
}

static bool next_policy(stls_der *list, stls_bytes *policy) {
    stls_der information;
    return stls_der_enter(list, STLS_DER_SEQUENCE, &information) &&
           stls_der_oid(&information, policy);
}

static bool next_mapping(stls_der *list, stls_bytes *from, stls_bytes *to) {
    stls_der pair;
    return stls_der_enter(list, STLS_DER_SEQUENCE, &pair) && stls_der_oid(&pair, from) &&
           stls_der_oid(&pair, to);
}

/* 6.1.3 (d), (e). */
static void take_policies(policy_state *state, const stls_x509 *x509, bool any_counts) {
    stls_der list = stls_der_of(x509->policies);
    stls_bytes policy;
    bool has_any = false;
    state->valid.count = 0;
    bool any_expected = holds(state, &state->expected, any_policy);
    while (next_policy(&list, &policy)) {
        if (stls_bytes_equal(policy, any_policy)) {
            has_any = true;
        } else if (any_expected || holds(state, &state->expected, policy)) {
            put(state, &state->valid, policy);
        }
    }
    for (size_t i = 0; has_any && any_counts && i < state->expected.count; i++) {
        put(state, &state->valid, state->expected.items[i]);
    }
}

/* Whether `policy` is mapped from in `x509`. */
static bool is_mapped(policy_state *state, const stls_x509 *x509, stls_bytes policy) {
    stls_der list = stls_der_of(x509->policy_mappings);
    stls_bytes from, to;
    while (next_mapping(&list, &from, &to)) {
        if (!stls_search_spend(state->search, 1) || stls_bytes_equal(from, policy)) {
            return true;
        }
    }
    return false;
}

/* 6.1.4 (a), (b); false for a mapping that must not be. */
static bool map_policies(policy_state *state, const stls_x509 *x509) {
    stls_der list = stls_der_of(x509->policy_mappings);
    stls_bytes from, to;
    state->expected.count = 0;
    for (size_t i = 0; i < state->valid.count; i++) {
        if (!is_mapped(state, x509, state->valid.items[i])) {
            put(state, &state->expected, state->valid.items[i]);
        }
    }
    bool any_valid = holds(state, &state->valid, any_policy);
    while (next_mapping(&list, &from, &to)) {
        if (stls_bytes_equal(from, any_policy) || stls_bytes_equal(to, any_policy)) {
            return false;
        }
        if (state->mapping > 0 && (any_valid || holds(state, &state->valid, from))) {
            put(state, &state->expected, to);
        }
    }
    return true;
}

/* The field [number] of policyConstraints, if it is there and less, to `*count`. */
static void lower(const stls_x509 *x509, unsigned number, uint32_t *count) {
    stls_der fields = stls_der_of(x509->policy_constraints);
    for (unsigned i = 0; i <= number; i++) {
        bool present;
        stls_bytes content;
        if (!stls_der_get_optional(&fields, (uint8_t)(STLS_DER_CONTEXT | i), &present, &content)) {
            return;
        }
        if (present && i == number && content.len == 1 && content.data[0] < *count) {
            *count = content.data[0]; /* larger numbers are beyond every path */
        }
    }
}

/* 6.1.4 (i), (j). */
static void take_constraints(policy_state *state, const stls_x509 *x509) {
    lower(x509, 0, &state->explicit_policy);
    lower(x509, 1, &state->mapping);
    if (x509->has_inhibit_any_policy && x509->inhibit_any_policy < state->any) {
        state->any = x509->inhibit_any_policy;
    }
}

static void count_down(uint32_t *count) {
    if (*count != 0) {
        --*count;
    }
}

static bool asks_for_policies(const stls_path *path) {
    for (size_t i = 0; i < path->len; i++) {
        if ((path->steps[i].cert->x509.present &
             (STLS_EXT_POLICY_CONSTRAINTS | STLS_EXT_POLICY_MAPPINGS)) != 0) {
            return true;
        }
    }
    return false;
}

/* 6.1.3 (d) to (f) and 6.1.4 (a) to (j), or for the leaf 6.1.5 (a), (b). */
static bool judge_certificate(policy_state *state, const stls_cert *cert, bool is_leaf) {
    const stls_x509 *x509 = &cert->x509;
    take_policies(state, x509, state->any > 0 || (!is_leaf && cert->self_issued));
    if (state->explicit_policy == 0 && state->valid.count == 0) {
        return false;
    }
    if (is_leaf) {
        uint32_t required = UINT32_MAX;
        count_down(&state->explicit_policy);
        lower(x509, 0, &required);
        return state->valid.count != 0 || (state->explicit_policy != 0 && required != 0);
    }
    if (!map_policies(state, x509)) {
        return false;
    }
    if (!cert->self_issued) {
        count_down(&state->explicit_policy);
        count_down(&state->mapping);
        count_down(&state->any);
    }
    take_constraints(state, x509);
    return true;
}

bool stls_policy_judge(stls_search *search, size_t *depth) {
    const stls_path *path = &search->path;
    uint32_t beyond = (uint32_t)path->len;
    if (path->len < 2 || !asks_for_policies(path)) {
        return true;
    }
    policy_state state = {
        .search = search,
        .expected = {.items = {any_policy}, .count = 1},
        .explicit_policy = beyond,
        .mapping = beyond,
        .any = beyond,
    };
    /* The anchor is no part of the path, but what it demands of paths counts. */
    take_constraints(&state, &path->steps[path->len - 1].cert->x509);
    for (size_t i = path->len - 1; i-- > 0;) {
        if (!judge_certificate(&state, path->steps[i].cert, i == 0)) {
            *depth = i;
            return false;
        }
    }
    return true;
}
