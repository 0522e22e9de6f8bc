/* SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "base/error.h"

#include <siptls/iana.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct iana_entry {
    uint16_t code;
    const char *name;
    const char *aliases; /* other names in use, separated by blanks; NULL: none */
    uint16_t version;    /* suites: the version they belong to */
} iana_entry;

static const iana_entry versions[] = {
    {STLS_TLS1_2, "TLSv1.2", "1.2 TLS1.2", 0},
    {STLS_TLS1_3, "TLSv1.3", "1.3 TLS1.3", 0},
};

static const iana_entry suites[] = {
    {0x1301, "TLS_AES_128_GCM_SHA256", NULL, STLS_TLS1_3},
    {0x1302, "TLS_AES_256_GCM_SHA384", NULL, STLS_TLS1_3},
    {0x1303, "TLS_CHACHA20_POLY1305_SHA256", NULL, STLS_TLS1_3},
    {0x1304, "TLS_AES_128_CCM_SHA256", NULL, STLS_TLS1_3},
    {0x1305, "TLS_AES_128_CCM_8_SHA256", NULL, STLS_TLS1_3},
    {0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
     STLS_TLS1_2},
    {0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", STLS_TLS1_2},
    {0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384",
     STLS_TLS1_2},
    {0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", STLS_TLS1_2},
    {0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
     STLS_TLS1_2},
    {0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
     STLS_TLS1_2},
    {0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "ECDHE-ECDSA-AES128-CCM", STLS_TLS1_2},
    {0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", "ECDHE-ECDSA-AES256-CCM", STLS_TLS1_2},
    {0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", STLS_TLS1_2},
    {0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", STLS_TLS1_2},
    {0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", "ECDHE-ECDSA-AES256-SHA384", STLS_TLS1_2},
    {0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "ECDHE-RSA-AES256-SHA384", STLS_TLS1_2},
    {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", STLS_TLS1_2},
    {0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", STLS_TLS1_2},
    {0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", STLS_TLS1_2},
    {0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", STLS_TLS1_2},
    {0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", STLS_TLS1_2},
    {0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", STLS_TLS1_2},
    {0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", STLS_TLS1_2},
    {0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", "AES256-SHA256", STLS_TLS1_2},
    {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", STLS_TLS1_2},
    {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", STLS_TLS1_2},
};

static const iana_entry groups[] = {
    {0x11ec, "X25519MLKEM768", NULL, 0},
    {0x001d, "x25519", NULL, 0},
    {0x0017, "secp256r1", "P-256 prime256v1", 0},
    {0x0018, "secp384r1", "P-384", 0},
    {0x0019, "secp521r1", "P-521", 0},
    {0x001e, "x448", NULL, 0},
    {0x001a, "brainpoolP256r1", NULL, 0},
    {0x001b, "brainpoolP384r1", NULL, 0},
    {0x001c, "brainpoolP512r1", NULL, 0},
};

static const iana_entry schemes[] = {
    {0x0403, "ecdsa_secp256r1_sha256", "ECDSA+SHA256", 0},
    {0x0503, "ecdsa_secp384r1_sha384", "ECDSA+SHA384", 0},
    {0x0603, "ecdsa_secp521r1_sha512", "ECDSA+SHA512", 0},
    {0x0807, "ed25519", NULL, 0},
    {0x0808, "ed448", NULL, 0},
    {0x0804, "rsa_pss_rsae_sha256", "RSA-PSS+SHA256", 0},
    {0x0805, "rsa_pss_rsae_sha384", "RSA-PSS+SHA384", 0},
    {0x0806, "rsa_pss_rsae_sha512", "RSA-PSS+SHA512", 0},
    {0x0809, "rsa_pss_pss_sha256", NULL, 0},
    {0x080a, "rsa_pss_pss_sha384", NULL, 0},
    {0x080b, "rsa_pss_pss_sha512", NULL, 0},
    {0x0401, "rsa_pkcs1_sha256", "RSA+SHA256", 0},
    {0x0501, "rsa_pkcs1_sha384", "RSA+SHA384", 0},
    {0x0601, "rsa_pkcs1_sha512", "RSA+SHA512", 0},
};

static const iana_entry alerts[] = {
    {0, "close_notify", NULL, 0},
    {10, "unexpected_message", NULL, 0},
    {20, "bad_record_mac", NULL, 0},
    {21, "decryption_failed", NULL, 0},
    {22, "record_overflow", NULL, 0},
    {30, "decompression_failure", NULL, 0},
    {40, "handshake_failure", NULL, 0},
    {41, "no_certificate", NULL, 0},
    {42, "bad_certificate", NULL, 0},
    {43, "unsupported_certificate", NULL, 0},
    {44, "certificate_revoked", NULL, 0},
    {45, "certificate_expired", NULL, 0},
    {46, "certificate_unknown", NULL, 0},
    {47, "illegal_parameter", NULL, 0},
    {48, "unknown_ca", NULL, 0},
    {49, "access_denied", NULL, 0},
    {50, "decode_error", NULL, 0},
    {51, "decrypt_error", NULL, 0},
    {60, "export_restriction", NULL, 0},
    {70, "protocol_version", NULL, 0},
    {71, "insufficient_security", NULL, 0},
    {80, "internal_error", NULL, 0},
    {86, "inappropriate_fallback", NULL, 0},
    {90, "user_canceled", NULL, 0},
    {100, "no_renegotiation", NULL, 0},
    {109, "missing_extension", NULL, 0},
    {110, "unsupported_extension", NULL, 0},
    {111, "certificate_unobtainable", NULL, 0},
    {112, "unrecognized_name", NULL, 0},
    {113, "bad_certificate_status_response", NULL, 0},
    {114, "bad_certificate_hash_value", NULL, 0},
    {115, "unknown_psk_identity", NULL, 0},
    {116, "certificate_required", NULL, 0},
    {120, "no_application_protocol", NULL, 0},
};

typedef struct iana_table {
    const iana_entry *at;
    size_t count;
    const char *what;
} iana_table;

#define TABLE(entries, what)                                                                       \
    { entries, sizeof(entries) / sizeof((entries)[0]), what }

static iana_table table_of(stls_registry registry) {
    static const iana_table tables[] = {
        [STLS_REGISTRY_NONE] = {NULL, 0, "number"},
        [STLS_REGISTRY_VERSION] = TABLE(versions, "TLS version"),
        [STLS_REGISTRY_SUITE] = TABLE(suites, "cipher suite"),
        [STLS_REGISTRY_GROUP] = TABLE(groups, "group"),
        [STLS_REGISTRY_SCHEME] = TABLE(schemes, "signature scheme"),
        [STLS_REGISTRY_ALERT] = TABLE(alerts, "alert"),
    };
    size_t index = (size_t)registry;
    return index < sizeof tables / sizeof tables[0] ? tables[index] : tables[0];
}

static const iana_entry *find_code(stls_registry registry, uint16_t code) {
    iana_table table = table_of(registry);
    for (size_t i = 0; i < table.count; i++) {
        if (table.at[i].code == code) {
            return &table.at[i];
        }
    }
    return NULL;
}

const char *stls_iana_name(stls_registry registry, uint16_t code) {
    const iana_entry *entry = find_code(registry, code);
    return entry != NULL ? entry->name : NULL;
}

uint16_t stls_suite_version(uint16_t code) {
    const iana_entry *entry = find_code(STLS_REGISTRY_SUITE, code);
    return entry != NULL ? entry->version : 0;
}

bool stls_iana_at(stls_registry registry, size_t index, uint16_t *code) {
    iana_table table = table_of(registry);
    if (index >= table.count) {
        return false;
    }
    *code = table.at[index].code;
    return true;
}

/* Whether `word` of `len` bytes stands in `list`, separated by blanks. */
static bool is_listed(const char *list, const char *word, size_t len) {
    while (list != NULL && *list != '\0') {
        size_t item = strcspn(list, " ");
        if (item == len && strncasecmp(list, word, len) == 0) {
            return true;
        }
        list += item + strspn(list + item, " ");
    }
    return false;
}

static bool read_number(const char *word, size_t len, uint16_t *code) {
    bool is_hex = len > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
    uint32_t base = is_hex ? 16 : 10, value = 0;
    size_t start = is_hex ? 2 : 0;
    if (len == start || len - start > 5) {
        return false;
    }
    for (size_t i = start; i < len; i++) {
        static const char digits[] = "0123456789abcdef";
        char lower = word[i] >= 'A' && word[i] <= 'F' ? (char)(word[i] + 32) : word[i];
        const char *digit = lower != '\0' ? strchr(digits, lower) : NULL;
        if (digit == NULL || (uint32_t)(digit - digits) >= base) {
            return false;
        }
        value = value * base + (uint32_t)(digit - digits);
    }
    *code = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool find_word(stls_registry registry, const char *word, size_t len, uint16_t *code) {
    iana_table table = table_of(registry);
    for (size_t i = 0; i < table.count; i++) {
        if (is_listed(table.at[i].name, word, len) || is_listed(table.at[i].aliases, word, len)) {
            *code = table.at[i].code;
            return true;
        }
    }
    uint16_t number;
    if (read_number(word, len, &number) && find_code(registry, number) != NULL) {
        *code = number;
        return true;
    }
    return false;
}

stls_result stls_iana_code(stls_registry registry, const char *name, uint16_t *code) {
    if (name == NULL || code == NULL || !find_word(registry, name, strlen(name), code)) {
        return STLS_E_ARGUMENT;
    }
    return STLS_OK;
}

stls_result stls_iana_list(stls_registry registry, const char *list, uint16_t *codes,
                           size_t capacity, size_t *count, stls_error *error) {
    static const char separators[] = ":, \t\r\n";
    const char *what = table_of(registry).what;
    if (list == NULL || codes == NULL || count == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "a list of %ss is NULL", what);
    }
    size_t found = 0;
    for (list += strspn(list, separators); *list != '\0';) {
        size_t len = strcspn(list, separators);
        uint16_t code;
        if (!find_word(registry, list, len, &code)) {
            char shown[STLS_SHOWN_SIZE];
            return stls_fail(error, STLS_E_ARGUMENT, "there is no %s \"%s\"", what,
                             stls_shown(list, len, shown));
        }
        for (size_t i = 0; i < found; i++) {
            if (codes[i] == code) {
                return stls_fail(error, STLS_E_ARGUMENT, "%s \"%s\" stands in the list twice", what,
                                 stls_iana_name(registry, code));
            }
        }
        if (found == capacity) {
            return stls_fail(error, STLS_E_LIMIT, "the list has more than %zu %ss", capacity, what);
        }
        codes[found++] = code;
        list += len + strspn(list + len, separators);
    }
    *count = found;
    return STLS_OK;
}
