/* backends/wolfssl/backend.c - the table, what this build of wolfSSL can do, and the names it has
 * for the numbers of the IANA registries.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#include <wolfssl/version.h>
#include <wolfssl/wolfcrypt/ecc.h>

const stls_backend stls_backend_wolfssl = {
    .abi = STLS_CONTRACT_ABI,
    .name = "wolfssl",
    .context_size = sizeof(wolf_context),
    .credential_size = sizeof(wolf_credential),
    .conn_size = sizeof(wolf_conn),
    .handshake_size = sizeof(wolf_handshake),
    .set_allocator = wolf_set_allocator,
    .start = wolf_start,
    .describe = wolf_describe,
    .supports = wolf_supports,
    .key_from_spki = wolf_key_from_spki,
    .key_free = wolf_key_free,
    .verify_signature = wolf_verify_signature,
    .digest = wolf_digest,
    .derive = wolf_derive,
    .hmac = wolf_hmac,
    .cbc_decrypt = wolf_cbc_decrypt,
    .random = wolf_random,
    .hkdf = wolf_hkdf,
    .aead_seal = wolf_aead_seal,
    .aead_open = wolf_aead_open,
    .credential_init = wolf_credential_init,
    .credential_fini = wolf_credential_fini,
    .context_init = wolf_context_init,
    .context_fini = wolf_context_fini,
    .conn_init = wolf_conn_init,
    .conn_handshake = wolf_conn_handshake,
    .conn_read = wolf_conn_read,
    .conn_write = wolf_conn_write,
    .conn_pending = wolf_conn_pending,
    .conn_close_notify = wolf_conn_close_notify,
    .conn_info = wolf_conn_info,
    .conn_export = wolf_conn_export,
    .conn_update_keys = wolf_conn_update_keys,
    .conn_memory = wolf_conn_memory,
    .conn_fini = wolf_conn_fini,
};

stls_be_status wolf_set_allocator(const stls_allocator *allocator) {
#if defined(USE_WOLFSSL_MEMORY) && !defined(WOLFSSL_STATIC_MEMORY) && !defined(WOLFSSL_DEBUG_MEMORY)
    return wolfSSL_SetAllocators(allocator->allocate, allocator->release, allocator->reallocate) ==
                   0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
#else
    (void)allocator;
    return STLS_BE_UNSUPPORTED;
#endif
}

stls_be_status wolf_start(void) {
    return wolfSSL_Init() == WOLFSSL_SUCCESS ? STLS_BE_OK : STLS_BE_FAILED;
}

static uint32_t wolf_capabilities(void) {
    uint32_t can = STLS_CAN_TELL_GROUP;
#ifndef NO_PSK
    can |= STLS_CAN_SELECT_VERIFY; /* context.c says why */
#endif
#ifndef WOLFSSL_NO_TLS12
    can |= STLS_CAN_TLS1_2;
#endif
#ifdef WOLFSSL_TLS13
    can |= STLS_CAN_TLS1_3;
#endif
#ifdef HAVE_ALPN
    can |= STLS_CAN_ALPN;
#endif
#ifdef OPENSSL_EXTRA
    /* Only the look-alike has calls for these two. */
    can |= STLS_CAN_SET_SIGNATURE_SCHEMES | STLS_CAN_TELL_SCHEME;
#else
    /* The look-alike makes an X509 of each certificate, and fails where it cannot, before it calls
     * us. */
    can |= STLS_CAN_READ_ANY_CHAIN;
#endif
    if (MAX_CHAIN_DEPTH > 9)
        can |= STLS_CAN_LONG_CHAINS;
    if (WOLF_TELLS_KEY || WOLF_TELLS_SECRET)
        can |= STLS_CAN_ANY_ALERT;
#if defined(HAVE_PKCS8) && !defined(NO_PWDBASED)
    can |= STLS_CAN_ENCRYPTED_KEYS;
#endif
#ifdef WOLF_HAS_PKCS12
    can |= STLS_CAN_PKCS12;
#endif
#ifdef HAVE_ED25519
    can |= STLS_CAN_VERIFY_ED25519;
#endif
#ifdef WC_RSA_PSS
    can |= STLS_CAN_VERIFY_RSA_PSS_KEYS;
#endif
#ifdef WOLF_SESSIONS
    can |= STLS_CAN_RESUME;
#endif
#ifdef WOLF_TICKETS
    can |= STLS_CAN_ISSUE_TICKETS;
#if defined(WOLFSSL_TICKET_EXTRA_PADDING_SZ) && WOLFSSL_TICKET_EXTRA_PADDING_SZ >= 4096 + 256
    can |= STLS_CAN_TICKET_PEER;
#endif
#endif
#ifdef HAVE_KEYING_MATERIAL
    can |= STLS_CAN_EXPORT_KEYS;
#endif
#ifdef HAVE_SECRET_CALLBACK
    can |= STLS_CAN_KEYLOG;
#endif
#ifdef WOLFSSL_TLS13
    can |= STLS_CAN_UPDATE_KEYS;
#endif
#ifdef HAVE_MAX_FRAGMENT
    can |= STLS_CAN_MAX_FRAGMENT;
#endif
    return can;
}

void wolf_describe(stls_be_description *description) {
    /* The message also holds 3 bytes of length for each certificate, and in TLS 1.3 two more for
     * extensions. */
    const size_t overhead = 16 + 5 * (size_t)MAX_CHAIN_DEPTH;
    size_t bytes = MAX_HANDSHAKE_SZ < MAX_CERTIFICATE_SZ ? MAX_HANDSHAKE_SZ : MAX_CERTIFICATE_SZ;

    *description = (stls_be_description){
        .version_built = LIBWOLFSSL_VERSION_STRING,
        .version_running = wolfSSL_lib_version(),
        .capabilities = wolf_capabilities(),
        .chain_bytes_max = bytes - overhead,
        .chain_count_max = MAX_CHAIN_DEPTH,
    };
}

/* --- Numbers and names --- */

/* The names are those that wolfSSL_get_curve_name() gives. */
static const wolf_name wolf_groups[] = {
    {23, "SECP256R1"},
    {24, "SECP384R1"},
    {25, "SECP521R1"},
#ifdef HAVE_CURVE25519
    {29, "X25519"},
#endif
#ifdef HAVE_CURVE448
    {30, "X448"},
#endif
#if defined(WOLFSSL_HAVE_MLKEM) && !defined(WOLFSSL_NO_ML_KEM_768) && defined(HAVE_CURVE25519) &&  \
    defined(WOLFSSL_TLS13) && LIBWOLFSSL_VERSION_HEX >= 0x05008000 /* other numbers before */
    {WOLF_X25519MLKEM768, "X25519MLKEM768"},
#endif
};

/* The names are those that wolfSSL_CTX_set1_sigalgs_list() takes. rsa_pss_pss_* has none: wolfSSL
 * offers it along with rsa_pss_rsae_*, but cannot carry such a key through a handshake. */
static const wolf_name wolf_schemes[] = {
    {0x0401, "RSA+SHA256"},     {0x0403, "ECDSA+SHA256"},
#ifdef WOLFSSL_SHA384
    {0x0501, "RSA+SHA384"},     {0x0503, "ECDSA+SHA384"},
#endif
#ifdef WOLFSSL_SHA512
    {0x0601, "RSA+SHA512"},     {0x0603, "ECDSA+SHA512"},
#endif
#ifdef WC_RSA_PSS
    {0x0804, "RSA-PSS+SHA256"},
#ifdef WOLFSSL_SHA384
    {0x0805, "RSA-PSS+SHA384"},
#endif
#ifdef WOLFSSL_SHA512
    {0x0806, "RSA-PSS+SHA512"},
#endif
#endif
#ifdef HAVE_ED25519
    {0x0807, "ED25519"},
#endif
#ifdef HAVE_ED448
    {0x0808, "ED448"},
#endif
};

/* wolfSSL's own table has a name for each suite that is compiled in. Not all of them can be
 * negotiated here: nobody gives it a pre-shared key or Diffie-Hellman parameters. */
const char *wolf_suite_name(uint16_t code) {
    const char *name =
        wolfSSL_get_cipher_name_from_suite((unsigned char)(code >> 8), (unsigned char)code);

    if (!name || strcmp(name, "None") == 0 || strstr(name, "PSK") || strstr(name, "ADH") ||
        strncmp(name, "DHE-", 4) == 0 || strstr(name, "RENEGOTIATION"))
        return NULL;
    return name;
}

const char *wolf_scheme_name(uint16_t code) {
    for (size_t i = 0; i < sizeof wolf_schemes / sizeof *wolf_schemes; i++)
        if (wolf_schemes[i].code == code)
            return wolf_schemes[i].name;
    return NULL;
}

uint16_t wolf_group_code(const char *name) {
    for (size_t i = 0; name && i < sizeof wolf_groups / sizeof *wolf_groups; i++)
        if (strcmp(wolf_groups[i].name, name) == 0)
            return wolf_groups[i].code;
    return 0;
}

static bool wolf_supports_group(uint16_t code) {
    for (size_t i = 0; i < sizeof wolf_groups / sizeof *wolf_groups; i++)
        if (wolf_groups[i].code == code) /* the NIST curves can be left out of a build one by one */
            return code > 25 || wc_ecc_get_curve_id_from_name(wolf_groups[i].name) >= 0;
    return false;
}

bool wolf_supports(stls_registry registry, uint16_t code) {
    switch (registry) {
    case STLS_REGISTRY_VERSION:
        return (code == STLS_TLS1_2 && (wolf_capabilities() & STLS_CAN_TLS1_2)) ||
               (code == STLS_TLS1_3 && (wolf_capabilities() & STLS_CAN_TLS1_3));
    case STLS_REGISTRY_SUITE:
        return wolf_suite_name(code) != NULL;
    case STLS_REGISTRY_GROUP:
        return wolf_supports_group(code);
    case STLS_REGISTRY_SCHEME:
        return wolf_scheme_name(code) != NULL;
    case STLS_REGISTRY_NONE:
    case STLS_REGISTRY_ALERT:
        break;
    }
    return false;
}

/* --- Failures --- */

stls_be_status wolf_fail(stls_be_status status, stls_be_cause cause, int native, const char *text,
                         stls_be_failure *failure) {
    *failure = (stls_be_failure){.cause = cause, .native = native};
    snprintf(failure->text, sizeof failure->text, "%s", text);
    return status;
}

stls_be_status wolf_fail_native(stls_be_cause cause, int native, stls_be_failure *failure) {
    bool memory = native == MEMORY_E || native == MEMORY_ERROR || native == MP_MEM;
    return wolf_fail(memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED, cause, native,
                     wolfSSL_ERR_reason_error_string((unsigned long)native), failure);
}

void wolf_wipe(void *data, size_t len) {
    if (len > 0)
        explicit_bzero(data, len);
}

void wolf_clear_errors(void) {
#ifdef OPENSSL_EXTRA
    wolfSSL_ERR_clear_error();
#endif
}
