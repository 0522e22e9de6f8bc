/* Signatures: which algorithms and keys a chain may use, and whether a key made a signature.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/search.h"

#include <string.h>

enum {
    RSA_EXPONENT_OCTETS_MAX = 4, /* a larger one only costs time */
    RSA_BITS_CHEAP = 4096,       /* up to here a check counts once */
    PSS_SALT_MAX = 64,
};

/* --- Keys */

/* The magnitude of a positive INTEGER. */
static bool read_magnitude(stls_der *fields, stls_bytes *number) {
    if (!stls_der_integer(fields, number) || number->len == 0) {
        return false;
    }
    if (number->data[0] == 0) {
        *number = (stls_bytes){number->data + 1, number->len - 1};
    }
    return number->len != 0;
}

/* Whether a key is one that a signature can be checked with at a bounded cost and that means
 * anything: with the exponent 1 everything is a signature. */
static uint32_t rsa_form(const stls_x509 *x509) {
    stls_der der = stls_der_of(x509->key_octets), fields;
    stls_bytes modulus, exponent;
    if (!stls_der_enter(&der, STLS_DER_SEQUENCE, &fields) || !read_magnitude(&fields, &modulus) ||
        !read_magnitude(&fields, &exponent)) {
        return STLS_FLAG_MALFORMED;
    }
    uint8_t low = exponent.data[exponent.len - 1];
    if ((modulus.data[modulus.len - 1] & 1) == 0 || (low & 1) == 0 ||
        (exponent.len == 1 && low < 3)) {
        return STLS_FLAG_MALFORMED;
    }
    bool large = x509->key_bits > STLS_RSA_BITS_MAX || exponent.len > RSA_EXPONENT_OCTETS_MAX;
    return large ? (uint32_t)STLS_FLAG_UNSUPPORTED : 0;
}

enum { ED25519_OCTETS = 32, ED448_OCTETS = 57 };

/* The y of the points of order 8 of Ed25519. */
static const uint8_t order_8[2][ED25519_OCTETS] = {
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* Octet `i` of p - 1, p being the prime of the curve (RFC 8032, 5.1 and 5.2). */
static uint8_t largest_octet(bool is_448, size_t i) {
    if (is_448) {
        return i == 56 ? 0x00 : i == 0 || i == 28 ? 0xfe : 0xff;
    }
    return i == 0 ? 0xec : i == 31 ? 0x7f : 0xff;
}

/* Whether a key, the y of a point and a bit for its x, means anything: with those of order 1 to 8,
 * of which 0, 1 and p - 1 are the y but for two, there are signatures that anybody can make; and of
 * what is not below p (RFC 8032, 5.1.3 and 5.2.3) each library thinks something else. */
static bool eddsa_key_is_sound(stls_bytes key, bool is_448) {
    uint8_t y[ED448_OCTETS];
    memcpy(y, key.data, key.len);
    y[key.len - 1] &= 0x7f;
    int order = 0;
    unsigned rest = 0;
    for (size_t i = 0; i < key.len; i++) { /* the most significant octet is the last */
        uint8_t most = largest_octet(is_448, i);
        order = y[i] != most ? (y[i] < most ? -1 : 1) : order;
        rest |= i > 0 ? y[i] : 0U;
    }
    bool is_tiny = rest == 0 && y[0] <= 1;
    return order < 0 && !is_tiny &&
           (is_448 || (memcmp(y, order_8[0], sizeof order_8[0]) != 0 &&
                       memcmp(y, order_8[1], sizeof order_8[1]) != 0));
}

/* Flags of a key that cannot be used at all. */
static uint32_t key_form(const stls_x509 *x509) {
    switch (x509->key_kind) {
    case STLS_KEY_UNKNOWN:
        return STLS_FLAG_UNSUPPORTED;
    case STLS_KEY_RSA:
    case STLS_KEY_RSA_PSS:
        return rsa_form(x509);
    case STLS_KEY_EC:
        return x509->key_group == 0 ? (uint32_t)STLS_FLAG_UNSUPPORTED : 0;
    case STLS_KEY_ED25519:
    case STLS_KEY_ED448:
        return eddsa_key_is_sound(x509->key_octets, x509->key_kind == STLS_KEY_ED448)
                   ? 0
                   : (uint32_t)STLS_FLAG_MALFORMED;
    }
    return STLS_FLAG_UNSUPPORTED;
}

static bool key_is_weak(stls_strength strength, const stls_x509 *x509) {
    bool legacy = strength == STLS_STRENGTH_LEGACY;
    switch (x509->key_kind) {
    case STLS_KEY_RSA:
    case STLS_KEY_RSA_PSS:
        return x509->key_bits < (legacy ? 1024U : 2048U);
    case STLS_KEY_EC:
        return x509->key_group != 0 && x509->key_bits < (legacy ? 224U : 256U);
    case STLS_KEY_UNKNOWN:
    case STLS_KEY_ED25519:
    case STLS_KEY_ED448:
        return false;
    }
    return true;
}

void stls_key_judge(stls_strength strength, const stls_x509 *x509, size_t depth,
                    stls_findings *found) {
    stls_found(found, key_form(x509), depth);
    if (key_is_weak(strength, x509)) {
        stls_found(found, STLS_FLAG_WEAK_KEY, depth);
    }
}

/* --- Algorithms */

static bool hash_is_weak(stls_strength strength, stls_hash hash) {
    return hash == STLS_HASH_MD5 || (hash == STLS_HASH_SHA1 && strength != STLS_STRENGTH_LEGACY);
}

/* Flags of the algorithm that `x509` is signed with. MD5 is no signature any more: nobody checks
 * it, so nobody can tolerate it. */
uint32_t stls_algorithm_flags(stls_strength strength, const stls_signature_algorithm *algorithm) {
    uint32_t flags = 0;
    if (algorithm->kind == STLS_SIGNATURE_UNKNOWN || algorithm->hash == STLS_HASH_MD5 ||
        (algorithm->kind == STLS_SIGNATURE_RSA_PSS &&
         (algorithm->hash != algorithm->mgf1_hash || algorithm->salt_len > PSS_SALT_MAX))) {
        flags |= STLS_FLAG_UNSUPPORTED;
    }
    if (hash_is_weak(strength, algorithm->hash)) {
        flags |= STLS_FLAG_WEAK_ALGORITHM;
    }
    return flags;
}

/* RFC 4055 1.2: a key of the kind id-RSASSA-PSS may be for some parameters only. */
static bool restriction_allows(const stls_signature_algorithm *restriction,
                               const stls_signature_algorithm *algorithm) {
    return restriction->kind == STLS_SIGNATURE_UNKNOWN ||
           (restriction->hash == algorithm->hash &&
            restriction->mgf1_hash == algorithm->mgf1_hash &&
            algorithm->salt_len >= restriction->salt_len);
}

bool stls_key_fits(const stls_x509 *issuer, const stls_signature_algorithm *algorithm) {
    switch (algorithm->kind) {
    case STLS_SIGNATURE_UNKNOWN:
        return false;
    case STLS_SIGNATURE_RSA_PKCS1:
        return issuer->key_kind == STLS_KEY_RSA;
    case STLS_SIGNATURE_RSA_PSS:
        return issuer->key_kind == STLS_KEY_RSA ||
               (issuer->key_kind == STLS_KEY_RSA_PSS &&
                restriction_allows(&issuer->key_restriction, algorithm));
    case STLS_SIGNATURE_ECDSA:
        return issuer->key_kind == STLS_KEY_EC;
    case STLS_SIGNATURE_ED25519:
        return issuer->key_kind == STLS_KEY_ED25519;
    case STLS_SIGNATURE_ED448:
        return issuer->key_kind == STLS_KEY_ED448;
    }
    return false;
}

/* ECDSA-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 2.2.3), in DER. Not every library
 * is strict here: mbedTLS takes long lengths, padded integers, and negative ones as if they were
 * not. What the numbers are is left to the library. */
bool stls_signature_is_well_formed(const stls_signature_algorithm *algorithm,
                                   stls_bytes signature) {
    stls_der der = stls_der_of(signature), fields;
    stls_bytes r, s;
    return algorithm->kind != STLS_SIGNATURE_ECDSA ||
           (stls_der_enter(&der, STLS_DER_SEQUENCE, &fields) && stls_der_done(&der) &&
            stls_der_integer(&fields, &r) && (r.data[0] & 0x80) == 0 &&
            stls_der_integer(&fields, &s) && (s.data[0] & 0x80) == 0 && stls_der_done(&fields));
}

/* --- Checking */

static stls_be_status node_key(stls_search *search, stls_node *node, void **key) {
    if (!node->key_tried) {
        void *const *keys = search->request->keys;
        node->key_tried = true;
        node->key_borrowed = keys != NULL && keys[node->index] != NULL;
        if (node->key_borrowed) {
            node->key = keys[node->index];
            node->key_status = STLS_BE_OK;
        } else {
            node->key_status =
                search->request->backend->key_from_spki(node->cert.x509.spki, &node->key);
        }
    }
    *key = node->key;
    return node->key_status;
}

void stls_search_free_keys(stls_search *search) {
    for (size_t i = 0; i < search->count; i++) {
        stls_node *node = &search->nodes[i];
        if (node->key_tried && !node->key_borrowed && node->key_status == STLS_BE_OK) {
            search->request->backend->key_free(node->key);
        }
    }
}

/* In checks with P-256. All libraries are quick with NIST's curves; with others mbedTLS takes up to
 * 15 times as long as with P-256. */
static size_t ec_check_cost(const stls_x509 *issuer) {
    enum { P256 = 23, P521 = 25, BITS_A_STEP = 128, SLOW = 4 };
    size_t steps = (issuer->key_bits + BITS_A_STEP - 1) / BITS_A_STEP;
    bool is_nist = issuer->key_group >= P256 && issuer->key_group <= P521;
    return (steps > 2 ? steps - 1 : 1) * (is_nist ? 1 : SLOW);
}

static size_t rsa_check_cost(const stls_x509 *issuer) {
    size_t times = (issuer->key_bits + RSA_BITS_CHEAP - 1) / RSA_BITS_CHEAP;
    return times * times;
}

/* How much of the budget a check with this key takes. */
static unsigned check_cost(const stls_x509 *issuer) {
    bool rsa = issuer->key_kind == STLS_KEY_RSA || issuer->key_kind == STLS_KEY_RSA_PSS;
    size_t cost = rsa                               ? rsa_check_cost(issuer)
                  : issuer->key_kind == STLS_KEY_EC ? ec_check_cost(issuer)
                                                    : 1;
    return (unsigned)cost;
}

static stls_signed ask_backend(stls_search *search, const stls_signed_data *data,
                               stls_step *issuer) {
    const stls_backend *backend = search->request->backend;
    void *key = NULL;
    bool borrowed = true;
    stls_be_status status = issuer->anchor != NULL
                                ? stls_anchor_key_for(issuer->anchor, backend, &key, &borrowed)
                                : node_key(search, issuer->node, &key);
    if (status == STLS_BE_OK) {
        status = backend->verify_signature(data->algorithm, key, data->message, data->signature);
        if (!borrowed) {
            backend->key_free(key);
        }
    } else if (status != STLS_BE_NO_MEMORY) {
        status = STLS_BE_UNSUPPORTED; /* it cannot read a key that we can */
    }
    search->no_memory = search->no_memory || status == STLS_BE_NO_MEMORY;
    return status == STLS_BE_OK            ? STLS_SIGNED_GOOD
           : status == STLS_BE_UNSUPPORTED ? STLS_SIGNED_UNSUPPORTED
                                           : STLS_SIGNED_BAD;
}

/* The check of that key and that signature, if it was made in this search. */
static const stls_check *check_made(const stls_search *search, const void *what, stls_bytes spki) {
    for (size_t i = 0; i < search->check_count; i++) {
        const stls_check *made = &search->checks[i];
        if (made->what == what && stls_bytes_equal(made->spki, spki)) {
            return made;
        }
    }
    return NULL;
}

/* A signature that was not checked is remembered already. */
void stls_signatures_remember(const stls_search *search) {
    stls_memory *memory = search->request->memory;
    uint8_t again[STLS_FACT_LEN];
    for (size_t i = 0; memory != NULL && i + 1 < search->best.len; i++) {
        const stls_cert *child = search->best.steps[i].cert;
        stls_bytes spki = search->best.steps[i + 1].cert->x509.spki;
        const stls_check *made = check_made(search, child, spki);
        if (made == NULL || made->outcome != STLS_SIGNED_GOOD) {
            continue;
        }
        if (made->fact_kept) {
            stls_memory_add(memory, search->facts[made - search->checks]);
        } else if (stls_memory_fact(memory, spki, child->x509.der, again)) {
            stls_memory_add(memory, again);
        }
    }
}

/* The outcome, known if the same check was made before; false if the budget is used up. */
static bool check(stls_search *search, const stls_signed_data *data, stls_step *issuer,
                  stls_signed *outcome) {
    stls_bytes spki = issuer->cert->x509.spki;
    const stls_check *made = check_made(search, data->what, spki);
    if (made != NULL) {
        *outcome = made->outcome;
        return true;
    }
    stls_memory *memory = search->request->memory;
    uint8_t unkept[STLS_FACT_LEN];
    bool keeps = search->check_count < STLS_FACTS_KEPT;
    uint8_t *fact = keeps ? search->facts[search->check_count] : unkept;
    bool has_fact =
        memory != NULL && data->der.len != 0 && stls_memory_fact(memory, spki, data->der, fact);
    if (has_fact && stls_memory_has(memory, fact)) {
        *outcome = STLS_SIGNED_GOOD;
        return true;
    }
    unsigned cost = check_cost(&issuer->cert->x509);
    if (cost > search->checks_left) {
        search->exhausted = true;
        return false;
    }
    search->checks_left -= cost;
    *outcome = ask_backend(search, data, issuer);
    search->checks[search->check_count++] =
        (stls_check){data->what, spki, *outcome, .fact_kept = keeps && has_fact};
    return true;
}

stls_signed_data stls_signed_certificate(const stls_cert *cert) {
    return (stls_signed_data){.what = cert,
                              .algorithm = &cert->x509.signature_algorithm,
                              .message = cert->x509.tbs,
                              .signature = cert->x509.signature,
                              .der = cert->x509.der};
}

uint32_t stls_signature_flags(stls_search *search, const stls_signed_data *data,
                              stls_step *issuer) {
    uint32_t flags = stls_algorithm_flags(search->request->rules->strength, data->algorithm);
    flags |= key_form(&issuer->cert->x509);
    if ((flags & ~(uint32_t)STLS_FLAG_WEAK_ALGORITHM) != 0) {
        return flags; /* it would not be asked */
    }
    if (!stls_key_fits(&issuer->cert->x509, data->algorithm) ||
        !stls_signature_is_well_formed(data->algorithm, data->signature)) {
        return flags | STLS_FLAG_BAD_SIGNATURE;
    }
    stls_signed outcome;
    if (!check(search, data, issuer, &outcome)) {
        return flags | STLS_FLAG_LIMIT;
    }
    return flags | (outcome == STLS_SIGNED_GOOD  ? 0
                    : outcome == STLS_SIGNED_BAD ? (uint32_t)STLS_FLAG_BAD_SIGNATURE
                                                 : (uint32_t)STLS_FLAG_UNSUPPORTED);
}

void stls_signature_judge(stls_search *search, stls_step *next) {
    size_t depth = search->path.len - 1;
    stls_signed_data data = stls_signed_certificate(search->path.steps[depth].cert);
    stls_found(&next->found, stls_algorithm_flags(search->request->rules->strength, data.algorithm),
               depth);
    if (key_form(&next->cert->x509) == 0) { /* else it was found where the key is */
        stls_found(&next->found, stls_signature_flags(search, &data, next), depth);
    }
}
