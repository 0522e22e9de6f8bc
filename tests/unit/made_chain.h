/* tests/unit/made_chain.h - certificates made on the spot, and a backend that checks their
 * signatures.
 *
 * The model: a certificate is described by a few words; its key is "Ed25519" with 32 octets, equal
 * but for one, and its signature is the 32 octets of its issuer's key. The fake backend accepts a
 * signature that is the key. So a test can have any graph of CAs, and count what judging it costs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_UNIT_MADE_CHAIN_H
#define STLS_TESTS_UNIT_MADE_CHAIN_H

#include "backends/contract.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The backend */

static atomic_uint fake_checks, fake_keys_made, fake_keys_freed;
static stls_be_status fake_key_answer = STLS_BE_OK, fake_check_answer = STLS_BE_OK;

/* A key handle is a copy of the last 32 octets of the SPKI. */
static stls_be_status fake_key_from_spki(stls_bytes spki, void **key) {
    if (fake_key_answer != STLS_BE_OK) {
        return fake_key_answer;
    }
    atomic_fetch_add(&fake_keys_made, 1);
    *key = malloc(32);
    if (*key == NULL || spki.len < 32) {
        abort();
    }
    memcpy(*key, spki.data + spki.len - 32, 32);
    return STLS_BE_OK;
}

static void fake_key_free(void *key) {
    atomic_fetch_add(&fake_keys_freed, 1);
    free(key);
}

static stls_be_status fake_verify(const stls_signature_algorithm *algorithm, void *key,
                                  stls_bytes message, stls_bytes signature) {
    atomic_fetch_add(&fake_checks, 1);
    if (fake_check_answer != STLS_BE_OK) {
        return fake_check_answer;
    }
    return algorithm->kind == STLS_SIGNATURE_ED25519 && message.len != 0 && signature.len == 32 &&
                   memcmp(signature.data, key, 32) == 0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
}

static const stls_backend fake_backend = {
    .abi = STLS_CONTRACT_ABI,
    .name = "fake",
    .key_from_spki = fake_key_from_spki,
    .key_free = fake_key_free,
    .verify_signature = fake_verify,
};

static void fake_reset(void) {
    fake_checks = fake_keys_made = fake_keys_freed = 0;
    fake_key_answer = fake_check_answer = STLS_BE_OK;
}

/* --- The certificates */

typedef struct made_curve {
    const char *oid; /* the content */
    size_t oid_len, coordinate;
} made_curve;

typedef struct made {
    const char *subject, *issuer; /* common names */
    uint8_t key, signer;          /* which key it has, and which one signed it */
    bool ca;
    const char *not_after;    /* "20300101000000Z"; NULL: in 2040 */
    const char *dns;          /* a subjectAltName; NULL: none. Its tag is that of dNSName, or ... */
    uint8_t alt_tag;          /* ... this one, if it is not 0 */
    const uint8_t *extension; /* one more, whole, or NULL */
    size_t extension_len;
    const made_curve *curve; /* NULL: Ed25519; else an EC key, which has never signed anything */
} made;

typedef struct writer {
    uint8_t data[2048];
    size_t len; /* written from the end, so that lengths are known */
} writer;

static void put_octets(writer *out, const void *octets, size_t len) {
    out->len += len;
    if (out->len > sizeof out->data) {
        abort();
    }
    memcpy(out->data + sizeof out->data - out->len, octets, len);
}

static void put_octet(writer *out, uint8_t octet) {
    put_octets(out, &octet, 1);
}

/* Closes an element whose content began when `out` had `start` octets. */
static void put_tag(writer *out, uint8_t tag, size_t start) {
    size_t len = out->len - start;
    put_octet(out, (uint8_t)len);
    if (len > 255) {
        put_octet(out, (uint8_t)(len >> 8));
        put_octet(out, 0x82);
    } else if (len > 127) {
        put_octet(out, 0x81);
    }
    put_octet(out, tag);
}

static void put_string(writer *out, uint8_t tag, const char *text) {
    size_t start = out->len;
    put_octets(out, text, strlen(text));
    put_tag(out, tag, start);
}

static void put_name(writer *out, const char *common_name) {
    static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x04, 0x03};
    size_t start = out->len;
    put_string(out, 0x0c, common_name);
    put_octets(out, oid, sizeof oid);
    put_tag(out, 0x30, start);
    put_tag(out, 0x31, start);
    put_tag(out, 0x30, start);
}

enum { MADE_KEY_FIRST = 0x66 };

/* A BIT STRING of 32 octets, all but the first `key`: so that each is below the prime, and none 0.
 */
static void put_key_octets(writer *out, uint8_t key) {
    uint8_t octets[33];
    size_t start = out->len;
    memset(octets, key, sizeof octets);
    octets[0] = 0;
    octets[1] = MADE_KEY_FIRST;
    put_octets(out, octets, sizeof octets);
    put_tag(out, 0x03, start);
}

static const uint8_t ed25519_algorithm[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};

static void put_extensions(writer *out, const made *cert) {
    static const uint8_t ca[] = {0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13, 0x01, 0x01,
                                 0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff};
    static const uint8_t san[] = {0x06, 0x03, 0x55, 0x1d, 0x11};
    size_t start = out->len;
    if (cert->extension != NULL) {
        put_octets(out, cert->extension, cert->extension_len);
    }
    if (cert->dns != NULL) {
        size_t inner = out->len;
        put_string(out, cert->alt_tag != 0 ? cert->alt_tag : 0x82, cert->dns);
        put_tag(out, 0x30, inner);
        put_tag(out, 0x04, inner);
        put_octets(out, san, sizeof san);
        put_tag(out, 0x30, inner);
    }
    if (cert->ca) {
        put_octets(out, ca, sizeof ca);
    }
    if (out->len != start) {
        put_tag(out, 0x30, start);
        put_tag(out, 0xa3, start);
    }
}

/* ecdsa-with-SHA256, and a signature of the form of one. */
static const uint8_t ecdsa_algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                          0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t ecdsa_signature[] = {0x03, 0x09, 0x00, 0x30, 0x06, 0x02,
                                          0x01, 0x01, 0x02, 0x01, 0x01};

static void put_algorithm(writer *out, const made *cert) {
    if (cert->curve != NULL) {
        put_octets(out, ecdsa_algorithm, sizeof ecdsa_algorithm);
    } else {
        put_octets(out, ed25519_algorithm, sizeof ed25519_algorithm);
    }
}

static void put_signature(writer *out, const made *cert) {
    if (cert->curve != NULL) {
        put_octets(out, ecdsa_signature, sizeof ecdsa_signature);
    } else {
        put_key_octets(out, cert->signer);
    }
}

/* SubjectPublicKeyInfo with a point whose octets are all the same. */
static void put_ec_key(writer *out, const made *cert) {
    static const uint8_t ec_public_key[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
    size_t start = out->len;
    for (size_t i = 0; i < 2 * cert->curve->coordinate; i++) {
        put_octet(out, cert->key);
    }
    put_octet(out, 0x04);
    put_octet(out, 0x00);
    put_tag(out, 0x03, start);
    size_t algorithm = out->len;
    put_octets(out, cert->curve->oid, cert->curve->oid_len);
    put_tag(out, 0x06, algorithm);
    put_octets(out, ec_public_key, sizeof ec_public_key);
    put_tag(out, 0x30, algorithm);
    put_tag(out, 0x30, start);
}

static void put_key(writer *out, const made *cert) {
    if (cert->curve != NULL) {
        put_ec_key(out, cert);
        return;
    }
    size_t start = out->len;
    put_key_octets(out, cert->key);
    put_octets(out, ed25519_algorithm, sizeof ed25519_algorithm);
    put_tag(out, 0x30, start);
}

/* The DER of `cert`, on the heap. */
static stls_bytes make_certificate(const made *cert) {
    static const uint8_t version_serial[] = {0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01};
    writer out = {.len = 0};
    put_signature(&out, cert);
    put_algorithm(&out, cert);
    size_t tbs = out.len;
    put_extensions(&out, cert);
    put_key(&out, cert);
    put_name(&out, cert->subject);
    size_t start = out.len;
    put_string(&out, 0x18, cert->not_after != NULL ? cert->not_after : "20400101000000Z");
    put_string(&out, 0x18, "20000101000000Z");
    put_tag(&out, 0x30, start);
    put_name(&out, cert->issuer);
    put_algorithm(&out, cert);
    put_octets(&out, version_serial, sizeof version_serial);
    put_tag(&out, 0x30, tbs);
    put_tag(&out, 0x30, 0);
    uint8_t *copy = malloc(out.len);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, out.data + sizeof out.data - out.len, out.len);
    return (stls_bytes){copy, out.len};
}

#endif
