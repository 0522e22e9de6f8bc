/* backends/openssl/backend.c - the table of the OpenSSL backend, and what this libssl can do.
 *
 * Nothing about the library is assumed from its version: start() makes a scratch SSL_CTX and tries
 * every group and scheme on it, and asks it for its cipher suites. (A FIPS provider, or a
 * distribution's policy, takes away what the version number promises.)
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>

#include <stdio.h>
#include <string.h>

/* --- IANA numbers and OpenSSL's names --- */

#ifndef NID_brainpoolP256r1tls13 /* before OpenSSL 3.2 */
#define NID_brainpoolP256r1tls13 0
#define NID_brainpoolP384r1tls13 0
#define NID_brainpoolP512r1tls13 0
#endif

typedef struct ossl_group {
    uint16_t code;
    int nid; /* 0: reported by its code */
    const char *name;
} ossl_group;

static const ossl_group ossl_groups[] = {
    {0x0015, NID_secp224r1, "secp224r1"},
    {0x0016, NID_secp256k1, "secp256k1"},
    {0x0017, NID_X9_62_prime256v1, "secp256r1"},
    {0x0018, NID_secp384r1, "secp384r1"},
    {0x0019, NID_secp521r1, "secp521r1"},
    {0x001A, NID_brainpoolP256r1, "brainpoolP256r1"},
    {0x001B, NID_brainpoolP384r1, "brainpoolP384r1"},
    {0x001C, NID_brainpoolP512r1, "brainpoolP512r1"},
    {0x001D, NID_X25519, "x25519"},
    {0x001E, NID_X448, "x448"},
    {0x001F, NID_brainpoolP256r1tls13, "brainpoolP256r1tls13"},
    {0x0020, NID_brainpoolP384r1tls13, "brainpoolP384r1tls13"},
    {0x0021, NID_brainpoolP512r1tls13, "brainpoolP512r1tls13"},
    {0x0100, NID_ffdhe2048, "ffdhe2048"},
    {0x0101, NID_ffdhe3072, "ffdhe3072"},
    {0x0102, NID_ffdhe4096, "ffdhe4096"},
    {0x0103, NID_ffdhe6144, "ffdhe6144"},
    {0x0104, NID_ffdhe8192, "ffdhe8192"},
    {0x0200, 0, "MLKEM512"},
    {0x0201, 0, "MLKEM768"},
    {0x0202, 0, "MLKEM1024"},
    {0x11EB, 0, "SecP256r1MLKEM768"},
    {0x11EC, 0, "X25519MLKEM768"},
    {0x11ED, 0, "SecP384r1MLKEM1024"},
};

typedef struct ossl_scheme {
    uint16_t code;
    int type; /* as SSL_get_peer_signature_type_nid() and SSL_get_peer_signature_nid() */
    int hash; /* report it; 0, 0: by its name only */
    const char *name;
} ossl_scheme;

/* The rsa_pss_pss entries come last: the same nids as rsa_pss_rsae. */
static const ossl_scheme ossl_schemes[] = {
    {0x0403, EVP_PKEY_EC, NID_sha256, "ecdsa_secp256r1_sha256"},
    {0x0503, EVP_PKEY_EC, NID_sha384, "ecdsa_secp384r1_sha384"},
    {0x0603, EVP_PKEY_EC, NID_sha512, "ecdsa_secp521r1_sha512"},
    {0x0303, EVP_PKEY_EC, NID_sha224, "ECDSA+SHA224"},
    {0x0203, EVP_PKEY_EC, NID_sha1, "ECDSA+SHA1"},
    {0x0807, EVP_PKEY_ED25519, NID_undef, "ed25519"},
    {0x0808, EVP_PKEY_ED448, NID_undef, "ed448"},
    {0x0804, EVP_PKEY_RSA_PSS, NID_sha256, "rsa_pss_rsae_sha256"},
    {0x0805, EVP_PKEY_RSA_PSS, NID_sha384, "rsa_pss_rsae_sha384"},
    {0x0806, EVP_PKEY_RSA_PSS, NID_sha512, "rsa_pss_rsae_sha512"},
    {0x0401, EVP_PKEY_RSA, NID_sha256, "rsa_pkcs1_sha256"},
    {0x0501, EVP_PKEY_RSA, NID_sha384, "rsa_pkcs1_sha384"},
    {0x0601, EVP_PKEY_RSA, NID_sha512, "rsa_pkcs1_sha512"},
    {0x0301, EVP_PKEY_RSA, NID_sha224, "RSA+SHA224"},
    {0x0201, EVP_PKEY_RSA, NID_sha1, "rsa_pkcs1_sha1"},
    {0x081A, 0, 0, "ecdsa_brainpoolP256r1tls13_sha256"},
    {0x081B, 0, 0, "ecdsa_brainpoolP384r1tls13_sha384"},
    {0x081C, 0, 0, "ecdsa_brainpoolP512r1tls13_sha512"},
    {0x0904, 0, 0, "mldsa44"},
    {0x0905, 0, 0, "mldsa65"},
    {0x0906, 0, 0, "mldsa87"},
    {0x0809, EVP_PKEY_RSA_PSS, NID_sha256, "rsa_pss_pss_sha256"},
    {0x080A, EVP_PKEY_RSA_PSS, NID_sha384, "rsa_pss_pss_sha384"},
    {0x080B, EVP_PKEY_RSA_PSS, NID_sha512, "rsa_pss_pss_sha512"},
};

enum {
    OSSL_GROUP_COUNT = sizeof ossl_groups / sizeof ossl_groups[0],
    OSSL_SCHEME_COUNT = sizeof ossl_schemes / sizeof ossl_schemes[0],
    OSSL_SUITE_MAX = 256,
};

/* --- What start() finds out --- */

static struct {
    BIO_METHOD *bio;
    EVP_PKEY *curves[OSSL_CURVE_COUNT];
    bool groups[OSSL_GROUP_COUNT];
    bool schemes[OSSL_SCHEME_COUNT];
    const SSL_CIPHER *suites[OSSL_SUITE_MAX]; /* constants inside libssl */
    size_t suite_count;
    bool tls1_2, tls1_3;
    bool ed25519;
    bool rsa_pss;
    bool tickets;   /* the algorithms that seal them, here or in the core */
    EVP_MD *sha256; /* OpenSSL looks for EVP_sha256() anew each time that it is used */
} ossl_library;

static bool ossl_suite_is_tls1_3(const SSL_CIPHER *suite) {
    return strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") == 0;
}

/* Without a certificate of the peer there is nothing to judge: anonymous and PSK suites do not
 * count. */
static bool ossl_suite_is_usable(const SSL_CIPHER *suite) {
    if (ossl_suite_is_tls1_3(suite)) {
        return true;
    }
    int auth = SSL_CIPHER_get_auth_nid(suite);
    int kx = SSL_CIPHER_get_kx_nid(suite);
    return (auth == NID_auth_rsa || auth == NID_auth_ecdsa) &&
           (kx == NID_kx_rsa || kx == NID_kx_ecdhe || kx == NID_kx_dhe);
}

static void ossl_probe_suites(SSL_CTX *ctx) {
    (void)SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL");
    static const char *const tls1_3[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                         "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256",
                                         "TLS_AES_128_CCM_8_SHA256"};
    for (size_t i = 0; i <= sizeof tls1_3 / sizeof tls1_3[0]; i++) {
        STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(ctx);
        for (int j = 0; j < sk_SSL_CIPHER_num(list); j++) {
            const SSL_CIPHER *suite = sk_SSL_CIPHER_value(list, j);
            /* With the list of TLS 1.2 still in force, each round brings one suite of TLS 1.3. */
            bool is_new = i == 0 ? !ossl_suite_is_tls1_3(suite) : ossl_suite_is_tls1_3(suite);
            if (is_new && ossl_suite_is_usable(suite) &&
                ossl_library.suite_count < OSSL_SUITE_MAX) {
                ossl_library.suites[ossl_library.suite_count++] = suite;
            }
        }
        if (i < sizeof tls1_3 / sizeof tls1_3[0] && SSL_CTX_set_ciphersuites(ctx, tls1_3[i]) != 1) {
            (void)SSL_CTX_set_ciphersuites(ctx, "");
        }
    }
}

static void ossl_probe_lists(SSL_CTX *ctx) {
    char name[64]; /* OpenSSL's macros want it writable */
    for (size_t i = 0; i < OSSL_GROUP_COUNT; i++) {
        OPENSSL_strlcpy(name, ossl_groups[i].name, sizeof name);
        ossl_library.groups[i] = SSL_CTX_set1_groups_list(ctx, name) == 1;
    }
    for (size_t i = 0; i < OSSL_SCHEME_COUNT; i++) {
        OPENSSL_strlcpy(name, ossl_schemes[i].name, sizeof name);
        ossl_library.schemes[i] = SSL_CTX_set1_sigalgs_list(ctx, name) == 1;
    }
    ossl_library.tls1_2 = SSL_CTX_set_min_proto_version(ctx, 0) == 1 &&
                          SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1;
    ossl_library.tls1_3 = SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1;
}

static bool ossl_has_signature(const char *name) {
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, name, NULL);
    EVP_SIGNATURE_free(signature);
    return signature != NULL;
}

static bool ossl_has_ticket_algorithms(void) {
    EVP_CIPHER *cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    bool all = cbc != NULL && gcm != NULL && hmac != NULL && hkdf != NULL;
    EVP_CIPHER_free(cbc);
    EVP_CIPHER_free(gcm);
    EVP_MAC_free(hmac);
    EVP_KDF_free(hkdf);
    return all;
}

/* A key with nothing but its curve. Filling a copy of it is 20 times cheaper in OpenSSL 3.0 than
 * decoding a SubjectPublicKeyInfo. */
static EVP_PKEY *ossl_make_curve_template(const char *curve) {
    char name[16];
    OPENSSL_strlcpy(name, curve, sizeof name);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* --- Start --- */

static stls_allocator ossl_allocator;

static void *ossl_allocate(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return ossl_allocator.allocate(size);
}

static void *ossl_reallocate(void *memory, size_t size, const char *file, int line) {
    (void)file, (void)line;
    return ossl_allocator.reallocate(memory, size);
}

static void ossl_release(void *memory, const char *file, int line) {
    (void)file, (void)line;
    ossl_allocator.release(memory);
}

void ossl_clear_errors(void) {
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

static stls_be_status ossl_set_allocator(const stls_allocator *allocator) {
    ossl_allocator = *allocator;
    return CRYPTO_set_mem_functions(ossl_allocate, ossl_reallocate, ossl_release) == 1
               ? STLS_BE_OK
               : STLS_BE_FAILED;
}

static stls_be_status ossl_start(void) {
    if (OPENSSL_init_ssl(0, NULL) != 1) {
        return ossl_fail(NULL, STLS_BE_CAUSE_UNKNOWN, NULL);
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    if (ctx == NULL) {
        return ossl_fail(NULL, STLS_BE_CAUSE_UNKNOWN, NULL);
    }
    SSL_CTX_set_security_level(ctx, 0);
    ossl_probe_suites(ctx);
    ossl_probe_lists(ctx);
    SSL_CTX_free(ctx);
    ossl_library.ed25519 = ossl_has_signature("ED25519");
    ossl_library.tickets = ossl_has_ticket_algorithms();
    ossl_library.rsa_pss = EVP_PKEY_type(EVP_PKEY_RSA_PSS) == EVP_PKEY_RSA_PSS;
    ossl_library.curves[OSSL_CURVE_P256] = ossl_make_curve_template("P-256");
    ossl_library.curves[OSSL_CURVE_P384] = ossl_make_curve_template("P-384");
    ossl_library.curves[OSSL_CURVE_P521] = ossl_make_curve_template("P-521");
    ossl_library.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ERR_clear_error();
    ossl_library.bio = ossl_bio_method_new();
    return ossl_library.bio != NULL ? STLS_BE_OK : STLS_BE_NO_MEMORY;
}

const BIO_METHOD *ossl_bio_method(void) {
    return ossl_library.bio;
}

const EVP_MD *ossl_sha256(void) {
    return ossl_library.sha256 != NULL ? ossl_library.sha256 : EVP_sha256();
}

EVP_PKEY *ossl_curve_template(size_t index) {
    return ossl_library.curves[index];
}

static void ossl_describe(stls_be_description *description) {
    uint32_t can = STLS_CAN_SET_SIGNATURE_SCHEMES | STLS_CAN_ALPN | STLS_CAN_SELECT_VERIFY |
                   STLS_CAN_READ_ANY_CHAIN | STLS_CAN_LONG_CHAINS | STLS_CAN_ANY_ALERT |
                   STLS_CAN_TELL_GROUP | STLS_CAN_TELL_SCHEME | STLS_CAN_ENCRYPTED_KEYS |
                   STLS_CAN_PKCS12 | STLS_CAN_RESUME | STLS_CAN_EXPORT_KEYS | STLS_CAN_KEYLOG |
                   STLS_CAN_MAX_FRAGMENT;
    can |= ossl_library.tls1_2 ? STLS_CAN_TLS1_2 : 0u;
    can |= ossl_library.tls1_3 ? STLS_CAN_TLS1_3 | STLS_CAN_UPDATE_KEYS : 0u;
    can |= ossl_library.tickets ? STLS_CAN_ISSUE_TICKETS | STLS_CAN_TICKET_PEER : 0u;
    can |= ossl_library.ed25519 ? STLS_CAN_VERIFY_ED25519 : 0u;
    can |= ossl_library.rsa_pss ? STLS_CAN_VERIFY_RSA_PSS_KEYS : 0u;
    *description = (stls_be_description){
        .version_built = OPENSSL_FULL_VERSION_STR,
        .version_running = OpenSSL_version(OPENSSL_FULL_VERSION_STRING),
        .capabilities = can,
        .chain_bytes_max = OSSL_CHAIN_BYTES_MAX,
        .chain_count_max = OSSL_CHAIN_COUNT_MAX,
    };
}

/* --- Names --- */

const char *ossl_suite_name(uint16_t code, bool *tls1_3) {
    for (size_t i = 0; i < ossl_library.suite_count; i++) {
        const SSL_CIPHER *suite = ossl_library.suites[i];
        if (SSL_CIPHER_get_protocol_id(suite) == code) {
            *tls1_3 = ossl_suite_is_tls1_3(suite);
            return SSL_CIPHER_get_name(suite);
        }
    }
    return NULL;
}

const char *ossl_group_name(uint16_t code) {
    for (size_t i = 0; i < OSSL_GROUP_COUNT; i++) {
        if (ossl_groups[i].code == code) {
            return ossl_library.groups[i] ? ossl_groups[i].name : NULL;
        }
    }
    return NULL;
}

const char *ossl_scheme_name(uint16_t code) {
    for (size_t i = 0; i < OSSL_SCHEME_COUNT; i++) {
        if (ossl_schemes[i].code == code) {
            return ossl_library.schemes[i] ? ossl_schemes[i].name : NULL;
        }
    }
    return NULL;
}

static bool ossl_supports(stls_registry registry, uint16_t code) {
    bool tls1_3 = false;
    switch (registry) {
    case STLS_REGISTRY_VERSION:
        return (code == STLS_TLS1_2 && ossl_library.tls1_2) ||
               (code == STLS_TLS1_3 && ossl_library.tls1_3);
    case STLS_REGISTRY_SUITE:
        return ossl_suite_name(code, &tls1_3) != NULL;
    case STLS_REGISTRY_GROUP:
        return ossl_group_name(code) != NULL;
    case STLS_REGISTRY_SCHEME:
        return ossl_scheme_name(code) != NULL;
    case STLS_REGISTRY_NONE:
    case STLS_REGISTRY_ALERT:
        break;
    }
    return false;
}

uint16_t ossl_group_of(SSL *ssl) {
    long nid = SSL_get_negotiated_group(ssl);
    if (nid > 0 && (nid & TLSEXT_nid_unknown) != 0) {
        return (uint16_t)(nid & 0xFFFF); /* a group that has no nid is reported so */
    }
    for (size_t i = 0; i < OSSL_GROUP_COUNT; i++) {
        if (nid != NID_undef && ossl_groups[i].nid == nid) {
            return ossl_groups[i].code;
        }
    }
    return 0;
}

static bool ossl_peer_has_pss_key(SSL *ssl) {
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    EVP_PKEY *key = leaf != NULL ? X509_get0_pubkey(leaf) : NULL;
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA_PSS;
}

uint16_t ossl_scheme_of(SSL *ssl) {
#if OPENSSL_VERSION_NUMBER >= 0x30500000L
    const char *name = NULL;
    if (SSL_get0_peer_signature_name(ssl, &name) == 1 && name != NULL) {
        for (size_t i = 0; i < OSSL_SCHEME_COUNT; i++) {
            if (OPENSSL_strcasecmp(name, ossl_schemes[i].name) == 0) {
                return ossl_schemes[i].code;
            }
        }
    }
#endif
    int type = NID_undef, hash = NID_undef;
    if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) {
        return 0; /* the peer has signed nothing (static RSA, or a client without certificate) */
    }
    (void)SSL_get_peer_signature_nid(ssl, &hash);
    bool pss_key = ossl_peer_has_pss_key(ssl);
    for (size_t i = 0; i < OSSL_SCHEME_COUNT; i++) {
        const ossl_scheme *scheme = &ossl_schemes[i];
        bool is_pss_pss = scheme->code >= 0x0809 && scheme->code <= 0x080B;
        if (type != NID_undef && scheme->type == type && scheme->hash == hash &&
            (is_pss_pss == pss_key)) {
            return scheme->code;
        }
    }
    return 0;
}

/* --- Failures --- */

/* The library's sentence for `error`; what it quotes may come from the peer or a file. */
static void ossl_failure_text(stls_be_failure *failure, unsigned long error, const char *data) {
    const char *reason = ERR_reason_error_string(error);
    const char *library = ERR_lib_error_string(error);
    bool quote = data != NULL && data[0] != '\0';
    (void)snprintf(failure->text, sizeof failure->text, "%s%s%s%s%s", library ? library : "",
                   library ? ": " : "", reason ? reason : "unknown error", quote ? ": " : "",
                   quote ? data : "");
    for (char *c = failure->text; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7E) {
            *c = '?';
        }
    }
}

stls_be_status ossl_fail(stls_be_failure *failure, stls_be_cause cause, const char *text) {
    stls_be_failure scratch;
    if (failure == NULL) {
        failure = &scratch;
    }
    *failure = (stls_be_failure){.cause = cause};
    (void)snprintf(failure->text, sizeof failure->text, "%s", text != NULL ? text : "");
    bool no_memory = false, from_ssl = false;
    for (;;) {
        const char *data = NULL;
        int flags = 0;
        unsigned long error = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
        if (error == 0) {
            break;
        }
        no_memory = no_memory || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE ||
                    ERR_GET_REASON(error) == ERR_R_BUF_LIB; /* a buffer cannot grow */
        /* The first error of libssl itself says most; without one, the first of all. */
        bool is_ssl = ERR_GET_LIB(error) == ERR_LIB_SSL;
        if (failure->native == 0 || (is_ssl && !from_ssl)) {
            failure->native = (long)error;
            from_ssl = is_ssl;
            ossl_failure_text(failure, error, (flags & ERR_TXT_STRING) != 0 ? data : NULL);
        }
    }
    return no_memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

/* --- The table --- */

extern const stls_backend stls_backend_openssl;

const stls_backend stls_backend_openssl = {
    .abi = STLS_CONTRACT_ABI,
    .name = "openssl",
    .context_size = sizeof(ossl_context),
    .credential_size = sizeof(ossl_credential),
    .conn_size = sizeof(ossl_conn),
    .handshake_size = sizeof(ossl_handshake),
    .set_allocator = ossl_set_allocator,
    .start = ossl_start,
    .describe = ossl_describe,
    .supports = ossl_supports,
    .key_from_spki = ossl_key_from_spki,
    .key_free = ossl_key_free,
    .verify_signature = ossl_verify_signature,
    .digest = ossl_digest,
    .derive = ossl_derive,
    .hmac = ossl_hmac,
    .cbc_decrypt = ossl_cbc_decrypt,
    .random = ossl_random,
    .hkdf = ossl_hkdf,
    .aead_seal = ossl_aead_seal,
    .aead_open = ossl_aead_open,
    .credential_init = ossl_credential_init,
    .credential_fini = ossl_credential_fini,
    .context_init = ossl_context_init,
    .context_fini = ossl_context_fini,
    .conn_init = ossl_conn_init,
    .conn_handshake = ossl_conn_handshake,
    .conn_read = ossl_conn_read,
    .conn_write = ossl_conn_write,
    .conn_pending = ossl_conn_pending,
    .conn_close_notify = ossl_conn_close_notify,
    .conn_info = ossl_conn_info,
    .conn_export = ossl_conn_export,
    .conn_update_keys = ossl_conn_update_keys,
    .conn_memory = ossl_conn_memory,
    .conn_fini = ossl_conn_fini,
};
