/* backends/mbedtls/backend.c - the table of the mbedTLS backend, what this build of mbedTLS can do,
 * and its errors in words.
 *
 * mbedTLS speaks the numbers of the IANA registries itself, so the tables here only say which of
 * them it has.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/platform.h>
#include <mbedtls/version.h>
#include <psa/crypto.h>

#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(MBEDTLS_SSL_PROTO_TLS1_2)
#define HAS_TLS1_2 true
#else
#define HAS_TLS1_2 false
#endif
#if defined(MBEDTLS_SSL_PROTO_TLS1_3) &&                                                           \
    defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED)
#define HAS_TLS1_3 true
#else
#define HAS_TLS1_3 false
#endif

/* --- Start and description --- */

static char version_running[18] = MBEDTLS_VERSION_STRING; /* written by start() only */

static pid_t started_in;
static bool reseeds_in_children;

bool mbed_is_started_here(void) {
    return reseeds_in_children || getpid() == started_in;
}

#if defined(MBEDTLS_PLATFORM_MEMORY) &&                                                            \
    !(defined(MBEDTLS_PLATFORM_CALLOC_MACRO) && defined(MBEDTLS_PLATFORM_FREE_MACRO))
static stls_allocator allocator_in_use;

static void *allocate_zeroed(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    size_t total = count * size;
    void *memory = allocator_in_use.allocate(total != 0 ? total : 1);
    if (memory != NULL) {
        memset(memory, 0, total);
    }
    return memory;
}

static stls_be_status mbed_set_allocator(const stls_allocator *allocator) {
    allocator_in_use = *allocator;
    return mbedtls_platform_set_calloc_free(allocate_zeroed, allocator->release) == 0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
}
#else
static stls_be_status mbed_set_allocator(const stls_allocator *allocator) {
    (void)allocator;
    return STLS_BE_UNSUPPORTED;
}
#endif

static stls_be_status mbed_start(void) {
#if defined(MBEDTLS_VERSION_C)
    /* private.c knows the structs of this series only; a shared library may be another one. */
    if (mbedtls_version_get_number() >> 16 != MBEDTLS_VERSION_NUMBER >> 16) {
        return STLS_BE_FAILED;
    }
    mbedtls_version_get_string(version_running);
    reseeds_in_children = mbedtls_version_get_number() >= 0x03060600;
#else
    reseeds_in_children = MBEDTLS_VERSION_NUMBER >= 0x03060600;
#endif
    started_in = getpid();
    if (psa_crypto_init() != PSA_SUCCESS) { /* TLS 1.3 needs it; and it is our random generator */
        return STLS_BE_FAILED;
    }
    /* The first call fills a static table. */
    return mbedtls_ssl_list_ciphersuites() != NULL ? STLS_BE_OK : STLS_BE_FAILED;
}

static uint32_t capabilities(void) {
    uint32_t can = STLS_CAN_SELECT_VERIFY | STLS_CAN_SET_SIGNATURE_SCHEMES | STLS_CAN_ANY_ALERT |
                   STLS_CAN_TELL_GROUP | STLS_CAN_TELL_SCHEME;
    can |= HAS_TLS1_2 ? STLS_CAN_TLS1_2 : 0u;
    can |= HAS_TLS1_3 ? STLS_CAN_TLS1_3 : 0u;
#if defined(MBEDTLS_SSL_ALPN)
    can |= STLS_CAN_ALPN;
#endif
#if defined(SIPTLS_MBEDTLS_PARSE_HOOK)
    can |= STLS_CAN_READ_ANY_CHAIN;
#endif
#if defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
    can |= STLS_CAN_LONG_CHAINS;
#endif
#if defined(MBEDTLS_PKCS5_C) && defined(MBEDTLS_CIPHER_C)
    can |= STLS_CAN_ENCRYPTED_KEYS;
#endif
#if defined(MBEDTLS_RSA_C) && defined(MBEDTLS_PKCS1_V21)
    can |= STLS_CAN_VERIFY_RSA_PSS_KEYS;
#endif
#if defined(MBED_HAS_PKCS12)
    can |= STLS_CAN_PKCS12;
#endif
    if (mbed_has_resumption()) {
        can |= STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS | STLS_CAN_TICKET_PEER;
    }
    can |= mbed_has_exporter() ? STLS_CAN_EXPORT_KEYS : 0u;
    can |= STLS_CAN_KEYLOG;
    return can;
}

void mbed_describe(stls_be_description *description) {
    /* A server without the CA callback has the library build a chain of the client's certificates
     * (see conn.c), which ends at a limit of its own. */
#if defined(MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK)
    const size_t count_max = 32;
#else
    const size_t count_max = MBEDTLS_X509_MAX_INTERMEDIATE_CA + 1;
#endif
    *description = (stls_be_description){
        .version_built = MBEDTLS_VERSION_STRING,
        .version_running = version_running,
        .capabilities = capabilities(),
        /* One message in one buffer: its header, the list's, and 5 bytes a certificate. */
        .chain_bytes_max = MBEDTLS_SSL_IN_CONTENT_LEN - 4 - 4 - 5 * count_max,
        .chain_count_max = count_max,
    };
}

/* --- Numbers --- */

static bool supports_suite(uint16_t code) {
    const mbedtls_ssl_ciphersuite_t *suite = NULL;
    for (const int *p = mbedtls_ssl_list_ciphersuites(); *p != 0 && suite == NULL; p++) {
        suite = *p == code ? mbedtls_ssl_ciphersuite_from_id(code) : NULL;
    }
    if (suite == NULL) {
        return false;
    }
    switch (mbed_key_exchange(suite)) {
    case MBEDTLS_KEY_EXCHANGE_NONE: /* TLS 1.3 */
        return HAS_TLS1_3;
    case MBEDTLS_KEY_EXCHANGE_RSA:
    case MBEDTLS_KEY_EXCHANGE_DHE_RSA:
    case MBEDTLS_KEY_EXCHANGE_ECDHE_RSA:
    case MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA:
    case MBEDTLS_KEY_EXCHANGE_ECDH_RSA:
    case MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA:
        return HAS_TLS1_2;
    default: /* pre-shared keys: nobody here sets one */
        return false;
    }
}

static bool supports_group(uint16_t code) {
    if (mbedtls_ecp_curve_info_from_tls_id(code) != NULL) {
        return true;
    }
#if defined(PSA_WANT_ALG_FFDH)
    return HAS_TLS1_3 && code >= MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE2048 &&
           code <= MBEDTLS_SSL_IANA_TLS_GROUP_FFDHE8192;
#else
    return false;
#endif
}

static bool supports_scheme(uint16_t code) {
    static const struct {
        uint16_t code;
        mbedtls_md_type_t hash;
        mbedtls_pk_type_t key;
    } schemes[] = {
        {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_MD_SHA256, MBEDTLS_PK_ECDSA},
        {MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384, MBEDTLS_MD_SHA384, MBEDTLS_PK_ECDSA},
        {MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512, MBEDTLS_MD_SHA512, MBEDTLS_PK_ECDSA},
        {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, MBEDTLS_MD_SHA256, MBEDTLS_PK_RSASSA_PSS},
        {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384, MBEDTLS_MD_SHA384, MBEDTLS_PK_RSASSA_PSS},
        {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512, MBEDTLS_MD_SHA512, MBEDTLS_PK_RSASSA_PSS},
        {MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_MD_SHA256, MBEDTLS_PK_RSA},
        {MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384, MBEDTLS_MD_SHA384, MBEDTLS_PK_RSA},
        {MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512, MBEDTLS_MD_SHA512, MBEDTLS_PK_RSA},
        {MBEDTLS_TLS1_3_SIG_ECDSA_SHA1, MBEDTLS_MD_SHA1, MBEDTLS_PK_ECDSA},
        {MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA1, MBEDTLS_MD_SHA1, MBEDTLS_PK_RSA},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (schemes[i].code == code) {
            if (schemes[i].key == MBEDTLS_PK_RSASSA_PSS) { /* mbedTLS has it in TLS 1.3 only */
#if defined(MBEDTLS_PKCS1_V21)
                return HAS_TLS1_3 && mbedtls_md_info_from_type(schemes[i].hash) != NULL;
#else
                return false;
#endif
            }
            return mbedtls_pk_info_from_type(schemes[i].key) != NULL &&
                   mbedtls_md_info_from_type(schemes[i].hash) != NULL;
        }
    }
    return false;
}

bool mbed_supports(stls_registry registry, uint16_t code) {
    switch (registry) {
    case STLS_REGISTRY_VERSION:
        return (code == STLS_TLS1_2 && HAS_TLS1_2) || (code == STLS_TLS1_3 && HAS_TLS1_3);
    case STLS_REGISTRY_SUITE:
        return supports_suite(code);
    case STLS_REGISTRY_GROUP:
        return supports_group(code);
    case STLS_REGISTRY_SCHEME:
        return supports_scheme(code);
    default:
        return false;
    }
}

/* --- Errors --- */

/* mbedTLS adds a code of a low-level module (below 0x80) to one of a high-level module. */
bool mbed_is_no_memory(int code) {
    const int high = -code & 0x7F80, low = -code & 0x7F;
    return code < 0 &&
           (high == -MBEDTLS_ERR_SSL_ALLOC_FAILED || high == -MBEDTLS_ERR_X509_ALLOC_FAILED ||
            high == -MBEDTLS_ERR_PK_ALLOC_FAILED || high == -MBEDTLS_ERR_ECP_ALLOC_FAILED ||
            high == -MBEDTLS_ERR_MD_ALLOC_FAILED || high == -MBEDTLS_ERR_CIPHER_ALLOC_FAILED ||
            low == -MBEDTLS_ERR_MPI_ALLOC_FAILED || low == -MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
            code == PSA_ERROR_INSUFFICIENT_MEMORY);
}

/* The library's parsers call a key bad when it is memory that failed them. */
bool mbed_has_memory(void) {
    enum { ABOUT_A_KEY = 4096 };
    void *p = mbedtls_calloc(1, ABOUT_A_KEY);
    mbedtls_free(p);
    return p != NULL;
}

/* Fills `failure` and answers `status`; lack of memory, whatever it broke, is told as such. `text`
 * NULL: the library's own words for `code`. */
stls_be_status mbed_fail(stls_be_failure *failure, stls_be_status status, stls_be_cause cause,
                         int code, const char *text) {
    *failure = (stls_be_failure){.cause = cause, .native = code};
    if (text != NULL) {
        snprintf(failure->text, sizeof failure->text, "%s", text);
    } else if (code != 0) {
        mbedtls_strerror(code, failure->text, sizeof failure->text);
    }
    return mbed_is_no_memory(code) ? STLS_BE_NO_MEMORY : status;
}

/* --- The table --- */

extern const stls_backend stls_backend_mbedtls;

const stls_backend stls_backend_mbedtls = {
    .abi = STLS_CONTRACT_ABI,
    .name = "mbedtls",
    .context_size = sizeof(mbed_context),
    .credential_size = sizeof(mbed_credential),
    .conn_size = sizeof(mbed_conn),
    .handshake_size = sizeof(mbed_handshake),
    .set_allocator = mbed_set_allocator,
    .start = mbed_start,
    .describe = mbed_describe,
    .supports = mbed_supports,
    .key_from_spki = mbed_key_from_spki,
    .key_free = mbed_key_free,
    .verify_signature = mbed_verify_signature,
    .digest = mbed_digest,
    .derive = mbed_derive,
    .hmac = mbed_hmac,
    .cbc_decrypt = mbed_cbc_decrypt,
    .random = mbed_random,
    .hkdf = mbed_hkdf,
    .aead_seal = mbed_aead_seal,
    .aead_open = mbed_aead_open,
    .credential_init = mbed_credential_init,
    .credential_fini = mbed_credential_fini,
    .context_init = mbed_context_init,
    .context_fini = mbed_context_fini,
    .conn_init = mbed_conn_init,
    .conn_handshake = mbed_conn_handshake,
    .conn_read = mbed_conn_read,
    .conn_write = mbed_conn_write,
    .conn_pending = mbed_conn_pending,
    .conn_close_notify = mbed_conn_close_notify,
    .conn_info = mbed_conn_info,
    .conn_export = mbed_conn_export,
    .conn_update_keys = mbed_conn_update_keys,
    .conn_memory = mbed_conn_memory,
    .conn_fini = mbed_conn_fini,
};
