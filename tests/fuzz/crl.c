/* A CRL from anybody: it is read, indexed, and asked about a certificate of its own issuer, for a
 * backend to which every signature is good. The certificate names the distribution point that the
 * CRL is for, and has the serial number of its first entry, if that is there.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/crl.h"
#include "base/memory.h"
#include "certstore/verify/crl_list.h"
#include "certstore/verify/verify.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_SIZE = 1 << 16 };

#define ED25519 "\x30\x05\x06\x03\x2b\x65\x70"
#define VALID                                                                                      \
    "\x30\x1e\x17\x0d"                                                                             \
    "700101000000Z"                                                                                \
    "\x17\x0d"                                                                                     \
    "490101000000Z"

static stls_be_status any_key(stls_bytes spki, void **key) {
    static int only_one;
    (void)spki;
    *key = &only_one;
    return STLS_BE_OK;
}

static void free_key(void *key) {
    (void)key;
}

static stls_be_status any_signature(const stls_signature_algorithm *algorithm, void *key,
                                    stls_bytes message, stls_bytes signature) {
    (void)algorithm;
    (void)key;
    (void)message;
    (void)signature;
    return STLS_BE_OK;
}

static const stls_backend anything = {
    .name = "anything",
    .key_from_spki = any_key,
    .key_free = free_key,
    .verify_signature = any_signature,
};

/* --- Certificates --- */

/* DER, written from its end to its beginning. */
typedef struct writer {
    uint8_t out[OUT_SIZE];
    size_t at;
    bool full;
} writer;

static void put(writer *to, const void *octets, size_t len) {
    if (len > to->at) {
        to->full = true;
        return;
    }
    to->at -= len;
    memcpy(to->out + to->at, octets, len);
}

/* The header of what stands from here to `end`. */
static void put_header(writer *to, uint8_t tag, size_t end) {
    size_t len = end - to->at;
    uint8_t header[] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    if (len < 0x80) {
        put(to, &header[3], 1);
    } else if (len < 0x100) {
        header[2] = 0x81;
        put(to, &header[2], 2);
    } else {
        put(to, &header[1], 3);
    }
    put(to, &tag, 1);
}

static void put_points(writer *to, stls_bytes point_name) {
    size_t end = to->at;
    put(to, point_name.data, point_name.len);
    put_header(to, 0xa0, end);
    put_header(to, 0x30, end);
    put_header(to, 0x30, end);
    put_header(to, 0x04, end);
    put(to, "\x06\x03\x55\x1d\x1f", 5);
    put_header(to, 0x30, end);
    put_header(to, 0x30, end);
    put_header(to, 0xa3, end);
}

static void put_ca_mark(writer *to) {
    static const char mark[] =
        "\xa3\x13\x30\x11\x30\x0f\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x05\x30\x03\x01\x01\xff";
    put(to, mark, sizeof mark - 1);
}

/* A key that signatures of the given kind are made with; all its free octets are `fill`. */
static void put_key(writer *to, stls_signature_kind kind, uint8_t fill) {
    static const char ec[] = "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08"
                             "\x2a\x86\x48\xce\x3d\x03\x01\x07";
    static const char rsa[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    uint8_t octets[256];
    size_t end = to->at;
    memset(octets, fill | 0x81, sizeof octets);
    if (kind == STLS_SIGNATURE_RSA_PKCS1 || kind == STLS_SIGNATURE_RSA_PSS) {
        put(to, "\x02\x01\x03", 3);
        size_t modulus_end = to->at;
        put(to, octets, sizeof octets);
        put(to, "", 1);
        put_header(to, 0x02, modulus_end);
        put_header(to, 0x30, end);
    } else if (kind == STLS_SIGNATURE_ECDSA) {
        put(to, octets, 64);
        put(to, "\x04", 1);
    } else {
        put(to, octets, 32);
    }
    put(to, "", 1);
    put_header(to, 0x03, end);
    if (kind == STLS_SIGNATURE_RSA_PKCS1 || kind == STLS_SIGNATURE_RSA_PSS) {
        put(to, rsa, sizeof rsa - 1);
    } else if (kind == STLS_SIGNATURE_ECDSA) {
        put(to, ec, sizeof ec - 1);
    } else {
        put(to, ED25519, 7);
    }
    put_header(to, 0x30, end);
}

/* A certificate for `crl` to be about: by its issuer, signed as it is, and with its distribution
 * point; or a CA with the name of its issuer. */
static stls_bytes write_certificate(writer *to, const stls_crl *crl, stls_bytes serial,
                                    bool is_ca) {
    static const char leaf_name[] = "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01l";
    /* The AlgorithmIdentifier stands before the BIT STRING of the signature, up to the end. */
    stls_bytes signature = {crl->tbs.data + crl->tbs.len,
                            (size_t)(crl->der.data + crl->der.len - crl->tbs.data) - crl->tbs.len};
    stls_der after_tbs = stls_der_of(signature);
    stls_bytes algorithm = {NULL, 0};
    stls_der_any(&after_tbs, NULL, NULL, &algorithm);
    *to = (writer){.at = OUT_SIZE};
    put(to, signature.data, signature.len);
    size_t tbs_end = to->at;
    if (is_ca) {
        put_ca_mark(to);
    } else if (crl->point_name.len != 0) {
        put_points(to, crl->point_name);
    }
    put_key(to, crl->signature_algorithm.kind, is_ca ? 0x10 : 0x20);
    put(to, is_ca ? crl->issuer.data : (const uint8_t *)leaf_name,
        is_ca ? crl->issuer.len : sizeof leaf_name - 1);
    put(to, VALID, 32);
    put(to, crl->issuer.data, crl->issuer.len);
    put(to, algorithm.data, algorithm.len);
    size_t serial_end = to->at;
    put(to, serial.data, serial.len);
    put_header(to, 0x02, serial_end);
    put(to, "\xa0\x03\x02\x01\x02", 5);
    put_header(to, 0x30, tbs_end);
    put_header(to, 0x30, OUT_SIZE);
    return (stls_bytes){to->out + to->at, OUT_SIZE - to->at};
}

/* --- One input --- */

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

/* Every entry has to be found, and the number of them has to be right. */
static void check_index(const stls_trust *trust) {
    const stls_loaded_crl *loaded = stls_trust_crls(trust)->items[0];
    stls_der entries = stls_der_of(loaded->crl.entries);
    stls_crl_entry entry, found;
    size_t count = 0;
    while (stls_crl_entry_next(&entries, &entry)) {
        demand(stls_loaded_crl_find(loaded, entry.serial, &found));
        demand(stls_bytes_equal(found.serial, entry.serial));
        count++;
    }
    demand(count == loaded->crl.entry_count && stls_der_done(&entries));
}

static void judge(const stls_crl *crl, stls_trust *trust) {
    static writer issuer_writer, leaf_writer;
    stls_der entries = stls_der_of(crl->entries);
    stls_crl_entry entry;
    bool listed = stls_crl_entry_next(&entries, &entry);
    stls_bytes serial = listed ? entry.serial : (stls_bytes){(const uint8_t *)"\x05", 1};
    stls_bytes issuer =
        write_certificate(&issuer_writer, crl, (stls_bytes){(const uint8_t *)"\x01", 1}, true);
    stls_bytes leaf = write_certificate(&leaf_writer, crl, serial, false);
    if (issuer_writer.full || leaf_writer.full ||
        stls_trust_add(trust, issuer.data, issuer.len, NULL, NULL) != STLS_OK) {
        return;
    }
    stls_rules rules = {.identity = STLS_IDENTITY_NONE,
                        .usage = STLS_USAGE_TLS_OR_SIP,
                        .strength = STLS_STRENGTH_LEGACY,
                        .crl = STLS_CRL_CHAIN,
                        .max_intermediates = 8,
                        .chain_bytes_max = OUT_SIZE};
    stls_verdict verdict;
    stls_judge(&(stls_judge_request){.backend = &anything,
                                     .trust = trust,
                                     .rules = &rules,
                                     .peer_role = STLS_ROLE_SERVER,
                                     .now = crl->this_update,
                                     .chain = &leaf,
                                     .count = 1},
               &verdict);
    /* What is listed first is not good, whatever the list is. */
    demand(verdict.state == STLS_VERDICT_REJECTED || !listed ||
           entry.reason == STLS_CRL_REASON_REMOVE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_crl crl;
    stls_error error;
    if (stls_crl_parse((stls_bytes){data, size}, &crl, &error) != STLS_OK) {
        demand(error.result == STLS_E_FORMAT);
        return 0;
    }
    stls_trust *trust = stls_trust_new();
    if (trust != NULL && stls_trust_add_crl(trust, data, size, NULL, &error) == STLS_OK) {
        demand(stls_trust_crl_count(trust) == 1);
        check_index(trust);
        judge(&crl, trust);
    }
    stls_trust_free(trust);
    return 0;
}
