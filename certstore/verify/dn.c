/* SPDX-License-Identifier: MIT */
#include "certstore/verify/dn.h"

#include "base/memory.h"
#include "certstore/read/der.h"

enum { RDN_ATTRIBUTES_MAX = 8 };

typedef struct attribute {
    stls_bytes oid, value;
    uint8_t tag;
} attribute;

typedef struct rdn {
    attribute attributes[RDN_ATTRIBUTES_MAX];
    size_t count; /* 0: one that we do not compare by its content */
} rdn;

static bool read_attribute(stls_der *set, attribute *item) {
    stls_der inside;
    return stls_der_enter(set, STLS_DER_SEQUENCE, &inside) &&
           stls_der_get(&inside, STLS_DER_OID, &item->oid) &&
           stls_der_any(&inside, &item->tag, &item->value, NULL) && stls_der_done(&inside);
}

static void read_rdn(stls_der set, rdn *next) {
    size_t count = 0;
    next->count = 0;
    while (!stls_der_done(&set)) {
        if (count == RDN_ATTRIBUTES_MAX || !read_attribute(&set, &next->attributes[count])) {
            return;
        }
        count++;
    }
    next->count = count;
}

/* The next RDN; false at the end. */
static bool next_rdn(stls_der *rdns, rdn *next) {
    next->count = 0;
    if (stls_der_done(rdns)) {
        return false;
    }
    stls_der set;
    if (stls_der_enter(rdns, STLS_DER_SET, &set)) {
        read_rdn(set, next);
    }
    return true;
}

static bool is_text(uint8_t tag) {
    return tag == STLS_DER_PRINTABLE_STRING || tag == STLS_DER_UTF8_STRING ||
           tag == STLS_DER_IA5_STRING;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* A text without blanks at its ends; fold_next() gives it byte by byte as it is compared. */
static stls_der fold_of(stls_bytes text) {
    stls_der fold = stls_der_of(text);
    while (fold.at != fold.end && is_blank(fold.at[0])) {
        fold.at++;
    }
    while (fold.at != fold.end && is_blank(fold.end[-1])) {
        fold.end--;
    }
    return fold;
}

static bool fold_next(stls_der *fold, uint8_t *byte) {
    if (fold->at == fold->end) {
        return false;
    }
    *byte = *fold->at++;
    if (is_blank(*byte)) {
        *byte = ' ';
        while (is_blank(*fold->at)) { /* the last byte is no blank, so this ends */
            fold->at++;
        }
    } else if (*byte >= 'A' && *byte <= 'Z') {
        *byte = (uint8_t)(*byte + ('a' - 'A'));
    }
    return true;
}

static bool text_equal(stls_bytes a, stls_bytes b) {
    stls_der fold_a = fold_of(a), fold_b = fold_of(b);
    uint8_t byte_a = 0, byte_b = 0;
    for (;;) {
        bool more_a = fold_next(&fold_a, &byte_a), more_b = fold_next(&fold_b, &byte_b);
        if (more_a != more_b) {
            return false;
        }
        if (!more_a) {
            return true;
        }
        if (byte_a != byte_b) {
            return false;
        }
    }
}

static bool attribute_equal(const attribute *a, const attribute *b) {
    if (!stls_bytes_equal(a->oid, b->oid)) {
        return false;
    }
    if (is_text(a->tag) && is_text(b->tag)) {
        return text_equal(a->value, b->value);
    }
    return a->tag == b->tag && stls_bytes_equal(a->value, b->value);
}

static bool holds(const rdn *set, const attribute *item) {
    for (size_t i = 0; i < set->count; i++) {
        if (attribute_equal(&set->attributes[i], item)) {
            return true;
        }
    }
    return false;
}

static bool rdn_equal(const rdn *a, const rdn *b) {
    if (a->count == 0 || a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!holds(b, &a->attributes[i]) || !holds(a, &b->attributes[i])) {
            return false;
        }
    }
    return true;
}

/* Whether `name` begins with the RDNs of `base`; `*rest` runs over those that it has more. */
static bool begins_with(stls_bytes name, stls_bytes base, stls_der *rest) {
    stls_der outer_name = stls_der_of(name), outer_base = stls_der_of(base), rdns_base;
    if (!stls_der_enter(&outer_name, STLS_DER_SEQUENCE, rest) ||
        !stls_der_enter(&outer_base, STLS_DER_SEQUENCE, &rdns_base)) {
        return false;
    }
    rdn one, other;
    while (next_rdn(&rdns_base, &other)) {
        if (!next_rdn(rest, &one) || !rdn_equal(&one, &other)) {
            return false;
        }
    }
    return true;
}

bool stls_name_equal(stls_bytes a, stls_bytes b) {
    stls_der rest;
    return stls_bytes_equal(a, b) || (begins_with(a, b, &rest) && stls_der_done(&rest));
}

bool stls_name_within(stls_bytes name, stls_bytes base) {
    stls_der rest;
    return stls_bytes_equal(name, base) || begins_with(name, base, &rest);
}

bool stls_name_is_comparable(stls_bytes name) {
    stls_der outer = stls_der_of(name), rdns;
    rdn next;
    bool all = stls_der_enter(&outer, STLS_DER_SEQUENCE, &rdns);
    while (all && next_rdn(&rdns, &next)) {
        all = next.count != 0;
    }
    return all;
}

bool stls_rdn_equal(stls_bytes a, stls_bytes b) {
    rdn one, other;
    read_rdn(stls_der_of(a), &one);
    read_rdn(stls_der_of(b), &other);
    return stls_bytes_equal(a, b) || rdn_equal(&one, &other);
}

bool stls_name_is_child(stls_bytes name, stls_bytes base, stls_bytes added) {
    stls_der rest;
    stls_bytes last;
    return begins_with(name, base, &rest) && stls_der_get(&rest, STLS_DER_SET, &last) &&
           stls_der_done(&rest) && stls_rdn_equal(last, added);
}

/* FNV-1a. */
static uint64_t hash_byte(uint64_t hash, uint8_t byte) {
    return (hash ^ byte) * UINT64_C(1099511628211);
}

static uint64_t hash_attribute(const attribute *item) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < item->oid.len; i++) {
        hash = hash_byte(hash, item->oid.data[i]);
    }
    uint8_t byte = 0;
    if (is_text(item->tag)) {
        stls_der fold = fold_of(item->value);
        while (fold_next(&fold, &byte)) {
            hash = hash_byte(hash, byte);
        }
        return hash;
    }
    hash = hash_byte(hash, item->tag);
    for (size_t i = 0; i < item->value.len; i++) {
        hash = hash_byte(hash, item->value.data[i]);
    }
    return hash;
}

uint64_t stls_name_hash(stls_bytes name) {
    stls_der outer = stls_der_of(name), rdns;
    uint64_t hash = 0;
    if (!stls_der_enter(&outer, STLS_DER_SEQUENCE, &rdns)) {
        return hash;
    }
    rdn next;
    while (next_rdn(&rdns, &next) && next.count != 0) {
        uint64_t sum = 0; /* the same for every order of the set */
        for (size_t i = 0; i < next.count; i++) {
            sum += hash_attribute(&next.attributes[i]);
        }
        hash = (hash ^ sum) * UINT64_C(1099511628211);
    }
    return hash;
}
