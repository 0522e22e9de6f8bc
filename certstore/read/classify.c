/* What a file or a block holds, judged by its content: the shapes of DER that matter here, and the
 * files that people take for certificates.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/blocks.h"

#include "base/memory.h"
#include "certstore/read/der.h"

#include <string.h>
#include <strings.h>

/* --- DER --- */

/* The tags of the first fields of a SEQUENCE: enough to tell the kinds apart. */
enum { SHAPE_MAX = 10 };
typedef struct shape {
    uint8_t tags[SHAPE_MAX];
    size_t count; /* SHAPE_MAX: that many or more */
    stls_bytes first;
    stls_bytes second;
} shape;

static bool take_shape(stls_bytes sequence, shape *out) {
    stls_der der = stls_der_of(sequence);
    *out = (shape){.count = 0};
    while (!stls_der_done(&der) && out->count < SHAPE_MAX) {
        stls_bytes content;
        if (!stls_der_any(&der, &out->tags[out->count], &content, NULL)) {
            return false;
        }
        if (out->count == 0) {
            out->first = content;
        } else if (out->count == 1) {
            out->second = content;
        }
        out->count++;
    }
    return true;
}

static size_t count_tags(const uint8_t *tags) {
    size_t count = 0;
    while (tags[count] != 0) {
        count++;
    }
    return count;
}

/* Whether a shape begins with `tags`, which end with 0. */
static bool begins(const shape *is, const uint8_t *tags) {
    size_t count = count_tags(tags);
    return is->count >= count && memcmp(is->tags, tags, count) == 0;
}

/* Whether it is just that. */
static bool equals(const shape *is, const uint8_t *tags) {
    return is->count == count_tags(tags) && begins(is, tags);
}

enum {
    INT = STLS_DER_INTEGER,
    BITS = STLS_DER_BIT_STRING,
    OCTETS = STLS_DER_OCTET_STRING,
    OID = STLS_DER_OID,
    SEQ = STLS_DER_SEQUENCE,
    FIELD_0 = STLS_DER_CONTEXT_CONSTRUCTED | 0,
};

/* Certificate, CertificateList and CertificationRequest are all a SEQUENCE { what is signed,
 * algorithm, signature }. */
static stls_block_kind classify_signed(stls_bytes content) {
    shape is;
    if (!take_shape(content, &is)) {
        return STLS_BLOCK_UNKNOWN;
    }
    if (begins(&is, (const uint8_t[]){FIELD_0, 0}) ||
        begins(&is, (const uint8_t[]){INT, SEQ, SEQ, SEQ, 0})) {
        return STLS_BLOCK_CERTIFICATE;
    }
    size_t version = is.count != 0 && is.tags[0] == INT ? 1 : 0;
    bool has_time = is.count > version + 2 && (is.tags[version + 2] == STLS_DER_UTC_TIME ||
                                               is.tags[version + 2] == STLS_DER_GENERALIZED_TIME);
    if (has_time && is.tags[version] == SEQ && is.tags[version + 1] == SEQ) {
        return STLS_BLOCK_CRL;
    }
    return begins(&is, (const uint8_t[]){INT, SEQ, SEQ, 0}) ? STLS_BLOCK_CSR : STLS_BLOCK_UNKNOWN;
}

/* EncryptedPrivateKeyInfo and SubjectPublicKeyInfo: an AlgorithmIdentifier, then the rest. */
static stls_block_kind classify_with_algorithm(const shape *is) {
    shape algorithm;
    if (!take_shape(is->first, &algorithm) || !begins(&algorithm, (const uint8_t[]){OID, 0})) {
        return STLS_BLOCK_UNKNOWN;
    }
    if (equals(is, (const uint8_t[]){SEQ, OCTETS, 0})) {
        return STLS_BLOCK_ENCRYPTED_KEY;
    }
    return equals(is, (const uint8_t[]){SEQ, BITS, 0}) ? STLS_BLOCK_PUBLIC_KEY : STLS_BLOCK_UNKNOWN;
}

/* Private keys begin with their version, as does a PFX. */
static stls_block_kind classify_with_version(const shape *is) {
    static const uint8_t rsa_private_key[] = {INT, INT, INT, INT, INT, INT, INT, INT, INT, 0};
    uint8_t version = is->first.len == 1 ? is->first.data[0] : 0xff;
    if (begins(is, (const uint8_t[]){INT, SEQ, OCTETS, 0}) && version <= 1) {
        return STLS_BLOCK_KEY; /* PKCS #8 */
    }
    if (begins(is, (const uint8_t[]){INT, OCTETS, 0}) && version == 1) {
        return STLS_BLOCK_KEY; /* SEC 1 */
    }
    if (begins(is, rsa_private_key) && version <= 1) {
        return STLS_BLOCK_KEY; /* PKCS #1 */
    }
    if (equals(is, (const uint8_t[]){INT, INT, 0})) {
        return STLS_BLOCK_PUBLIC_KEY; /* PKCS #1 */
    }
    shape content_info;
    if (begins(is, (const uint8_t[]){INT, SEQ, 0}) && version == 3 &&
        take_shape(is->second, &content_info) &&
        begins(&content_info, (const uint8_t[]){OID, FIELD_0, 0})) {
        return STLS_BLOCK_PKCS12;
    }
    return STLS_BLOCK_UNKNOWN;
}

static bool is_signed_data(stls_bytes oid) {
    static const uint8_t signed_data[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};
    return stls_bytes_equal(oid, (stls_bytes){signed_data, sizeof signed_data});
}

stls_block_kind stls_block_classify(stls_bytes der) {
    stls_der outside = stls_der_of(der);
    stls_bytes content;
    shape is;
    uint8_t tag;
    if (!stls_der_any(&outside, &tag, &content, NULL) || !stls_der_done(&outside)) {
        return STLS_BLOCK_UNKNOWN;
    }
    if (tag == STLS_DER_OID) {
        return STLS_BLOCK_EC_PARAMETERS;
    }
    if (tag != STLS_DER_SEQUENCE || !take_shape(content, &is)) {
        return STLS_BLOCK_UNKNOWN;
    }
    if (equals(&is, (const uint8_t[]){SEQ, SEQ, BITS, 0})) {
        return classify_signed(is.first);
    }
    if (equals(&is, (const uint8_t[]){OID, FIELD_0, 0}) && is_signed_data(is.first)) {
        return STLS_BLOCK_PKCS7;
    }
    if (is.count != 0 && is.tags[0] == SEQ) {
        return classify_with_algorithm(&is);
    }
    return is.count != 0 && is.tags[0] == INT ? classify_with_version(&is) : STLS_BLOCK_UNKNOWN;
}

/* --- Everything else --- */

static bool starts_with(stls_bytes data, const char *text) {
    size_t len = strlen(text);
    return data.len >= len && memcmp(data.data, text, len) == 0;
}

static bool is_space(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The same without the byte order mark of UTF-8 and white space at its beginning. */
static stls_bytes skip_space(stls_bytes data) {
    if (starts_with(data, "\xef\xbb\xbf")) {
        data = (stls_bytes){data.data + 3, data.len - 3};
    }
    while (data.len != 0 && is_space(data.data[0])) {
        data = (stls_bytes){data.data + 1, data.len - 1};
    }
    return data;
}

bool stls_block_is_utf16(stls_bytes data) {
    if (starts_with(data, "\xff\xfe") || starts_with(data, "\xfe\xff")) {
        return true;
    }
    /* Without a mark: ASCII letters, each beside a zero. */
    size_t pairs[2] = {0, 0}, looked = data.len < 64 ? data.len / 2 : 32;
    for (size_t i = 0; i < looked; i++) {
        uint8_t a = data.data[2 * i], b = data.data[2 * i + 1];
        pairs[0] += a == 0 && b >= '\t' && b < 0x7f;
        pairs[1] += b == 0 && a >= '\t' && a < 0x7f;
    }
    return looked >= 4 && (pairs[0] == looked || pairs[1] == looked);
}

bool stls_block_is_html(stls_bytes data) {
    static const char *const openings[] = {"<!doctype html", "<html", "<head", "<body"};
    stls_bytes text = skip_space(data);
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        size_t len = strlen(openings[i]);
        if (text.len >= len && strncasecmp((const char *)text.data, openings[i], len) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_control_bytes(stls_bytes data) {
    for (size_t i = 0; i < data.len; i++) {
        if (data.data[i] < ' ' && !is_space(data.data[i])) {
            return true;
        }
    }
    return false;
}

const char *stls_block_guess(stls_bytes data) {
    stls_bytes text = skip_space(data);
    if (data.len == 0) {
        return "is empty";
    }
    if (text.len == 0) {
        return "holds nothing but white space";
    }
    if (starts_with(data, "PK\x03\x04")) {
        return "is a ZIP archive: unpack it first";
    }
    if (starts_with(data, "\xfe\xed\xfe\xed") || starts_with(data, "\xce\xce\xce\xce")) {
        return "is a Java key store: export the certificate from it as PEM";
    }
    if (has_control_bytes(data)) {
        return "is neither PEM nor DER";
    }
    if (starts_with(text, "ssh-") || starts_with(text, "ecdsa-sha2-")) {
        return "is a key for SSH, not a certificate";
    }
    if (starts_with(text, "MI")) {
        return "looks like PEM whose lines -----BEGIN ...----- and -----END ...----- are missing";
    }
    return "is text without a PEM block: there is no line -----BEGIN CERTIFICATE----- or the like";
}
