/* SPDX-License-Identifier: MIT */
#include "certstore/read/describe.h"

#include "base/memory.h"
#include "certstore/read/parts.h"

#include <arpa/inet.h>
#include <siptls/certificate.h>
#include <string.h>
#include <sys/socket.h>

/* --- Names */

#define AT(last) STLS_OID(0x55, 0x04, last)
#define UCL(...) STLS_OID(0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, __VA_ARGS__)

static const stls_bytes common_name_oid = AT(0x03);

static const struct {
    stls_bytes oid;
    const char *name;
} attribute_names[] = {
    {AT(0x03), "CN"},
    {AT(0x0a), "O"},
    {AT(0x0b), "OU"},
    {AT(0x06), "C"},
    {AT(0x08), "ST"},
    {AT(0x07), "L"},
    {AT(0x09), "STREET"},
    {AT(0x04), "SN"},
    {AT(0x2a), "GN"},
    {AT(0x05), "serialNumber"},
    {AT(0x0c), "title"},
    {AT(0x61), "organizationIdentifier"},
    {AT(0x2e), "dnQualifier"},
    {UCL(0x19), "DC"},
    {UCL(0x01), "UID"},
    {STLS_OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01), "emailAddress"},
};

void stls_describe_oid(stls_text *text, stls_bytes oid) {
    uint64_t number = 0;
    bool first = true;
    for (size_t i = 0; i < oid.len; i++) {
        if (number > UINT64_MAX >> 7) {
            stls_text_add(text, "...");
            return;
        }
        number = number << 7 | (oid.data[i] & 0x7f);
        if ((oid.data[i] & 0x80) != 0) {
            continue;
        }
        if (first) {
            unsigned top = number < 40 ? 0 : number < 80 ? 1 : 2;
            stls_text_add(text, "%u", top);
            number -= (uint64_t)top * 40;
        }
        stls_text_add(text, ".%llu", (unsigned long long)number);
        first = false;
        number = 0;
    }
}

static void add_type(stls_text *text, stls_bytes oid) {
    for (size_t i = 0; i < sizeof attribute_names / sizeof attribute_names[0]; i++) {
        if (stls_bytes_equal(oid, attribute_names[i].oid)) {
            stls_text_add(text, "%s", attribute_names[i].name);
            return;
        }
    }
    stls_describe_oid(text, oid);
}

/* Wide characters that are ASCII become it. */
static void add_value(stls_text *text, uint8_t tag, stls_bytes value) {
    size_t width = tag == STLS_DER_BMP_STRING ? 2 : tag == STLS_DER_UNIVERSAL_STRING ? 4 : 1;
    for (size_t i = 0; i + width <= value.len; i += width) {
        size_t zeros = 0;
        while (zeros + 1 < width && value.data[i + zeros] == 0) {
            zeros++;
        }
        uint8_t last = value.data[i + width - 1];
        if (zeros + 1 < width) {
            zeros = 0;
        } else if (last != 0 && strchr(",+\"\\<>;", last) != NULL) {
            stls_text_add(text, "\\");
        }
        stls_text_add_foreign(text, (stls_bytes){value.data + i + zeros, width - zeros});
    }
}

enum { NAME_PARTS_MAX = 24 };

typedef struct name_part {
    stls_bytes type, value;
    uint8_t tag;
} name_part;

typedef struct name_parts {
    name_part items[NAME_PARTS_MAX];
    size_t count;
    size_t common_name; /* index of the last; `count`: there is none */
    bool cut;
} name_parts;

static void add_part(stls_text *text, const name_part *part) {
    add_type(text, part->type);
    stls_text_add(text, "=");
    add_value(text, part->tag, part->value);
}

static void split_name(stls_bytes name, name_parts *parts) {
    stls_name_walk walk;
    bool new_rdn;
    name_part part;
    size_t found = NAME_PARTS_MAX;
    *parts = (name_parts){.count = 0};
    if (!stls_name_walk_start(&walk, name)) {
        parts->common_name = 0;
        return;
    }
    while (stls_name_walk_next(&walk, &new_rdn, &part.type, &part.tag, &part.value)) {
        if (parts->count == NAME_PARTS_MAX) {
            parts->cut = true;
            break;
        }
        if (stls_bytes_equal(part.type, common_name_oid)) {
            found = parts->count;
        }
        parts->items[parts->count++] = part;
    }
    parts->common_name = found < parts->count ? found : parts->count;
}

void stls_describe_name(stls_text *text, stls_bytes name) {
    name_parts parts;
    split_name(name, &parts);
    if (parts.count == 0) {
        stls_text_add(text, "(empty name)");
        return;
    }
    const char *between = "";
    if (parts.common_name != parts.count) {
        add_part(text, &parts.items[parts.common_name]);
        between = ", ";
    }
    for (size_t i = parts.count; i-- > 0;) {
        if (i != parts.common_name) {
            stls_text_add(text, "%s", between);
            add_part(text, &parts.items[i]);
            between = ", ";
        }
    }
    if (parts.cut) {
        stls_text_add(text, ", ...");
    }
}

void stls_describe_short_name(stls_text *text, stls_bytes name) {
    name_parts parts;
    split_name(name, &parts);
    if (parts.common_name != parts.count) {
        add_part(text, &parts.items[parts.common_name]);
    } else {
        stls_describe_name(text, name);
    }
}

static void add_serial(stls_text *text, stls_bytes serial) {
    for (size_t i = 0; i < serial.len; i++) {
        stls_text_add(text, "%02x", serial.data[i]);
    }
}

void stls_describe_subject(stls_text *text, const stls_x509 *certificate) {
    if (!stls_name_is_empty(certificate->subject)) {
        stls_describe_short_name(text, certificate->subject);
        return;
    }
    stls_der names = stls_der_of(certificate->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    if (stls_general_name_next(&names, &kind, &value)) {
        stls_describe_general_name(text, kind, value);
    } else {
        stls_text_add(text, "serial number ");
        add_serial(text, certificate->serial);
    }
}

void stls_describe_address(stls_text *text, stls_bytes address) {
    char out[INET6_ADDRSTRLEN];
    int family = address.len == 4 ? AF_INET : AF_INET6;
    if ((address.len == 4 || address.len == 16) &&
        inet_ntop(family, address.data, out, sizeof out) != NULL) {
        stls_text_add(text, "%s", out);
    } else {
        stls_text_add(text, "(%zu octets)", address.len);
    }
}

void stls_describe_general_name(stls_text *text, stls_general_name_kind kind, stls_bytes value) {
    switch (kind) {
    case STLS_GENERAL_NAME_EMAIL:
        stls_text_add(text, "email:");
        stls_text_add_foreign(text, value);
        break;
    case STLS_GENERAL_NAME_DNS:
        stls_text_add(text, "DNS:");
        stls_text_add_foreign(text, value);
        break;
    case STLS_GENERAL_NAME_URI:
        stls_text_add(text, "URI:");
        stls_text_add_foreign(text, value);
        break;
    case STLS_GENERAL_NAME_DIRECTORY:
        stls_text_add(text, "DirName:");
        stls_describe_name(text, value);
        break;
    case STLS_GENERAL_NAME_IP:
        stls_text_add(text, "IP:");
        stls_describe_address(text, value);
        break;
    case STLS_GENERAL_NAME_OTHER:
    case STLS_GENERAL_NAME_X400:
    case STLS_GENERAL_NAME_EDI:
    case STLS_GENERAL_NAME_REGISTERED_ID:
        stls_text_add(text, "other");
        break;
    }
}

/* --- Keys */

static const char *curve_name(uint16_t group) {
    static const struct {
        uint16_t group;
        const char *name;
    } curves[] = {
        {18, "secp192k1"},       {19, "secp192r1"},       {20, "secp224k1"},
        {21, "secp224r1"},       {22, "secp256k1"},       {23, "secp256r1"},
        {24, "secp384r1"},       {25, "secp521r1"},       {26, "brainpoolP256r1"},
        {27, "brainpoolP384r1"}, {28, "brainpoolP512r1"},
    };
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        if (curves[i].group == group) {
            return curves[i].name;
        }
    }
    return "(other curve)";
}

void stls_describe_key(stls_text *text, const stls_x509 *certificate) {
    switch (certificate->key_kind) {
    case STLS_KEY_UNKNOWN:
        stls_describe_oid(text, certificate->key_oid);
        break;
    case STLS_KEY_RSA:
        stls_text_add(text, "RSA %zu", certificate->key_bits);
        break;
    case STLS_KEY_RSA_PSS:
        stls_text_add(text, "RSA-PSS %zu", certificate->key_bits);
        break;
    case STLS_KEY_EC:
        stls_text_add(text, "EC %s", curve_name(certificate->key_group));
        break;
    case STLS_KEY_ED25519:
        stls_text_add(text, "Ed25519");
        break;
    case STLS_KEY_ED448:
        stls_text_add(text, "Ed448");
        break;
    }
}

/* --- siptls/certificate.h */

static size_t count_alt_names(const stls_x509 *certificate) {
    stls_der names = stls_der_of(certificate->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    size_t count = 0;
    while (stls_general_name_next(&names, &kind, &value)) {
        count++;
    }
    return count;
}

stls_result stls_certificate_read(stls_bytes der, stls_certificate_info *info, stls_error *error) {
    stls_x509 certificate;
    if (info == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no place for what the certificate says");
    }
    *info = (stls_certificate_info){.is_ca = false};
    stls_result result = stls_x509_parse(der, &certificate, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_text text = stls_text_in(info->subject, sizeof info->subject);
    stls_describe_name(&text, certificate.subject);
    text = stls_text_in(info->issuer, sizeof info->issuer);
    stls_describe_name(&text, certificate.issuer);
    text = stls_text_in(info->serial, sizeof info->serial);
    add_serial(&text, certificate.serial);
    text = stls_text_in(info->key, sizeof info->key);
    stls_describe_key(&text, &certificate);
    info->not_before = certificate.not_before;
    info->not_after = certificate.not_after;
    info->is_ca = certificate.is_ca;
    info->alt_name_count = count_alt_names(&certificate);
    return STLS_OK;
}

enum { TEXT_SIZE_MIN = 4 }; /* of an stls_text */

bool stls_certificate_alt_name(stls_bytes der, size_t index, char *text, size_t size) {
    stls_x509 certificate;
    if (text == NULL || size < TEXT_SIZE_MIN ||
        stls_x509_parse(der, &certificate, NULL) != STLS_OK) {
        return false;
    }
    stls_text out = stls_text_in(text, size);
    stls_der names = stls_der_of(certificate.alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    while (stls_general_name_next(&names, &kind, &value)) {
        if (index-- == 0) {
            stls_describe_general_name(&out, kind, value);
            return true;
        }
    }
    return false;
}

stls_result stls_certificate_fingerprint(const stls_backend *backend, stls_bytes der,
                                         uint8_t *fingerprint) {
    uint8_t out[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    if (backend == NULL || fingerprint == NULL) {
        return STLS_E_ARGUMENT;
    }
    stls_be_status status = backend->digest(STLS_HASH_SHA256, der, out, &len);
    if (status == STLS_BE_NO_MEMORY) {
        return STLS_E_NO_MEMORY;
    }
    if (status != STLS_BE_OK || len != STLS_FINGERPRINT_LEN) {
        return STLS_E_BACKEND;
    }
    memcpy(fingerprint, out, STLS_FINGERPRINT_LEN);
    return STLS_OK;
}

/* --- PEM */

enum { PEM_LINE_OCTETS = 48 }; /* 64 characters */

/* A text that is cut where there is no more room, but goes on counting. */
typedef struct counted_text {
    char *data;
    size_t size, len;
} counted_text;

static void put(counted_text *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++, out->len++) {
        if (out->len + 1 < out->size) {
            out->data[out->len] = text[i];
        }
    }
}

static void put_base64(counted_text *out, stls_bytes octets) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < octets.len; i += 3) {
        size_t count = octets.len - i < 3 ? octets.len - i : 3;
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (k < count ? octets.data[i + k] : 0U);
        }
        char quad[4];
        for (size_t k = 0; k < 4; k++) {
            quad[k] = k <= count ? alphabet[group >> (18 - 6 * k) & 63] : '=';
        }
        put(out, quad, sizeof quad);
    }
}

static void put_line(counted_text *out, const char *what, const char *label) {
    put(out, "-----", 5);
    put(out, what, strlen(what));
    put(out, " ", 1);
    put(out, label, strlen(label));
    put(out, "-----\n", 6);
}

size_t stls_describe_pem(const char *label, stls_bytes der, char *text, size_t size) {
    counted_text out = {text, text != NULL ? size : 0, 0};
    put_line(&out, "BEGIN", label);
    for (size_t i = 0; i < der.len; i += PEM_LINE_OCTETS) {
        size_t len = der.len - i < PEM_LINE_OCTETS ? der.len - i : PEM_LINE_OCTETS;
        put_base64(&out, (stls_bytes){der.data + i, len});
        put(&out, "\n", 1);
    }
    put_line(&out, "END", label);
    if (out.size != 0) {
        out.data[out.len < out.size ? out.len : out.size - 1] = '\0';
    }
    return out.len;
}

size_t stls_certificate_pem(stls_bytes der, char *text, size_t size) {
    return stls_describe_pem("CERTIFICATE", der, text, size);
}
