/* backends/mbedtls/context.c - settings into an mbedtls_ssl_config.
 *
 * mbedTLS keeps lists by reference; the block owns copies. Its setters mostly return nothing and
 * look at nothing, so each list is checked against what this build supports before its bit is set.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <mbedtls/platform.h>
#include <mbedtls/psa_util.h>

#include <string.h>

enum { PSS_HIGH_BYTE = MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256 >> 8 };

/* --- Lists of numbers --- */

static bool all_supported(stls_registry registry, const uint16_t *codes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!mbed_supports(registry, codes[i])) {
            return false;
        }
    }
    return count > 0;
}

/* A copy that ends with a zero. */
static uint16_t *copy_codes(const uint16_t *codes, size_t count) {
    uint16_t *copy = mbedtls_calloc(count + 1, sizeof *copy);
    if (copy != NULL) {
        memcpy(copy, codes, count * sizeof *copy);
    }
    return copy;
}

static bool is_tls1_3(int suite) {
    const mbedtls_ssl_ciphersuite_t *info = mbedtls_ssl_ciphersuite_from_id(suite);
    return info != NULL && mbed_is_suite_of_tls1_3(info);
}

/* In TLS 1.3 mbedTLS's server takes the client's favourite among the suites that it has. To pick by
 * its own order, a connection that has seen the client's list is given a list with only one suite
 * of TLS 1.3, and all of TLS 1.2, whose order mbedTLS does follow. These are those lists, made once
 * for each suite of TLS 1.3, in the order of preference. */
static bool make_narrowed_lists(mbed_context *context, size_t count) {
    size_t lists = 0, at;
    for (size_t i = 0; i < count; i++) {
        lists += is_tls1_3(context->suites[i]) ? 1u : 0u;
    }
    if (context->role != STLS_ROLE_SERVER || lists < 2) {
        return true;
    }
    context->narrowed_stride = count - lists + 2;
    context->narrowed = mbedtls_calloc(lists * context->narrowed_stride, sizeof(int));
    if (context->narrowed == NULL) {
        return false;
    }
    int *list = context->narrowed;
    for (size_t i = 0; i < count; i++) {
        if (is_tls1_3(context->suites[i])) {
            list[0] = context->suites[i];
            at = 1;
            for (size_t k = 0; k < count; k++) {
                if (!is_tls1_3(context->suites[k])) {
                    list[at++] = context->suites[k];
                }
            }
            list += context->narrowed_stride;
        }
    }
    return true;
}

/* The list for a client that offers these suites; NULL: the whole one will do. */
const int *mbed_narrowed_suites(const mbed_context *context, stls_bytes offered) {
    if (context->narrowed_stride == 0) {
        return NULL;
    }
    const int *list = context->narrowed;
    for (const int *suite = context->suites; *suite != 0; suite++) {
        if (!is_tls1_3(*suite)) {
            continue;
        }
        for (size_t i = 0; i + 1 < offered.len; i += 2) {
            if ((offered.data[i] << 8 | offered.data[i + 1]) == *suite) {
                return list;
            }
        }
        list += context->narrowed_stride;
    }
    return NULL;
}

/* A client that offers TLS 1.3 has to list the PSS schemes, and mbedTLS refuses them in TLS 1.2,
 * unless it was built to take them: a server of 1.2 with an RSA key that picks the first of the
 * list would end the handshake. So PKCS #1 goes before PSS. In TLS 1.3, where nobody may sign a
 * handshake with PKCS #1, the order is as given. */
static void put_pkcs1_before_pss(uint16_t *schemes) {
#if defined(SIPTLS_MBEDTLS_PSS_IN_TLS1_2)
    (void)schemes;
#else
    size_t at = 0;
    while (schemes[at] != 0 && schemes[at] >> 8 != PSS_HIGH_BYTE) {
        at++;
    }
    for (size_t i = at; schemes[i] != 0; i++) {
        const uint16_t scheme = schemes[i];
        if ((scheme & 0xFF) == MBEDTLS_SSL_SIG_RSA && scheme >> 8 != PSS_HIGH_BYTE) {
            memmove(&schemes[at + 1], &schemes[at], (i - at) * sizeof *schemes);
            schemes[at++] = scheme;
        }
    }
#endif
}

/* Whether a version in the range can use one of these: mbedTLS has PSS in TLS 1.3 only, unless it
 * was built to take it in TLS 1.2. */
static bool schemes_fit_versions(const stls_be_settings *settings) {
#if defined(SIPTLS_MBEDTLS_PSS_IN_TLS1_2)
    (void)settings;
    return true;
#else
    for (size_t i = 0; i < settings->scheme_count; i++) {
        if (settings->schemes[i] >> 8 != PSS_HIGH_BYTE) {
            return true;
        }
    }
    return settings->version_max >= STLS_TLS1_3;
#endif
}

/* --- Groups of settings --- */

static stls_be_status set_lists(mbed_context *context, const stls_be_settings *settings,
                                uint32_t *applied) {
    if ((settings->wanted & STLS_BE_SET_SUITES) != 0 &&
        all_supported(STLS_REGISTRY_SUITE, settings->suites, settings->suite_count)) {
        context->suites = mbedtls_calloc(settings->suite_count + 1, sizeof(int));
        if (context->suites == NULL) {
            return STLS_BE_NO_MEMORY;
        }
        for (size_t i = 0; i < settings->suite_count; i++) {
            context->suites[i] = settings->suites[i];
        }
        mbedtls_ssl_conf_ciphersuites(&context->conf, context->suites);
        *applied |= STLS_BE_SET_SUITES;
    }
    if ((settings->wanted & STLS_BE_SET_GROUPS) != 0 &&
        all_supported(STLS_REGISTRY_GROUP, settings->groups, settings->group_count)) {
        context->groups = copy_codes(settings->groups, settings->group_count);
        if (context->groups == NULL) {
            return STLS_BE_NO_MEMORY;
        }
        mbedtls_ssl_conf_groups(&context->conf, context->groups);
        *applied |= STLS_BE_SET_GROUPS;
    }
    if ((settings->wanted & STLS_BE_SET_SCHEMES) != 0 &&
        all_supported(STLS_REGISTRY_SCHEME, settings->schemes, settings->scheme_count) &&
        schemes_fit_versions(settings)) {
        context->schemes = copy_codes(settings->schemes, settings->scheme_count);
        if (context->schemes == NULL) {
            return STLS_BE_NO_MEMORY;
        }
        if (settings->role == STLS_ROLE_CLIENT && settings->version_min < STLS_TLS1_3) {
            put_pkcs1_before_pss(context->schemes);
        }
        mbedtls_ssl_conf_sig_algs(&context->conf, context->schemes);
        *applied |= STLS_BE_SET_SCHEMES;
    }
    return STLS_BE_OK;
}

#if defined(MBEDTLS_SSL_ALPN)
static stls_be_status set_alpn(mbed_context *context, const stls_be_settings *settings,
                               uint32_t *applied) {
    size_t size = 0;
    for (size_t i = 0; i < settings->alpn_count; i++) {
        /* The library takes strings. */
        if (memchr(settings->alpn[i].data, '\0', settings->alpn[i].len) != NULL) {
            return STLS_BE_OK;
        }
        size += settings->alpn[i].len + 1;
    }
    context->alpn = mbedtls_calloc(settings->alpn_count + 1, sizeof *context->alpn);
    context->alpn_text = mbedtls_calloc(1, size + 1);
    if (context->alpn == NULL || context->alpn_text == NULL) {
        return STLS_BE_NO_MEMORY;
    }
    char *p = context->alpn_text;
    for (size_t i = 0; i < settings->alpn_count; i++) {
        memcpy(p, settings->alpn[i].data, settings->alpn[i].len);
        context->alpn[i] = p;
        p += settings->alpn[i].len + 1;
    }
    if (mbedtls_ssl_conf_alpn_protocols(&context->conf, context->alpn) == 0) {
        *applied |= STLS_BE_SET_ALPN;
    }
    return STLS_BE_OK;
}
#else
static stls_be_status set_alpn(mbed_context *context, const stls_be_settings *settings,
                               uint32_t *applied) {
    (void)context, (void)settings, (void)applied;
    return STLS_BE_OK;
}
#endif

static stls_be_status set_preference(mbed_context *context, const stls_be_settings *settings,
                                     uint32_t *applied) {
    if ((settings->wanted & STLS_BE_SET_SERVER_PREFERENCE) == 0) {
        mbedtls_ssl_conf_preference_order(&context->conf, MBEDTLS_SSL_SRV_CIPHERSUITE_ORDER_CLIENT);
        return STLS_BE_OK;
    }
    mbedtls_ssl_conf_preference_order(&context->conf, MBEDTLS_SSL_SRV_CIPHERSUITE_ORDER_SERVER);
    if (context->suites != NULL) {
        if (!make_narrowed_lists(context, settings->suite_count)) {
            return STLS_BE_NO_MEMORY;
        }
        *applied |= STLS_BE_SET_SERVER_PREFERENCE;
    }
    return STLS_BE_OK;
}

static void set_versions(mbed_context *context, const stls_be_settings *settings,
                         uint32_t *applied) {
    if (mbed_supports(STLS_REGISTRY_VERSION, settings->version_min) &&
        mbed_supports(STLS_REGISTRY_VERSION, settings->version_max) &&
        settings->version_min <= settings->version_max) {
        mbedtls_ssl_conf_min_tls_version(&context->conf,
                                         (mbedtls_ssl_protocol_version)settings->version_min);
        mbedtls_ssl_conf_max_tls_version(&context->conf,
                                         (mbedtls_ssl_protocol_version)settings->version_max);
        context->version_min = settings->version_min;
        context->version_max = settings->version_max;
        *applied |= STLS_BE_SET_VERSIONS;
    }
}

/* Never REQUIRED, where the library has checks of its own that no callback can overrule. A client
 * does not verify at all; a server must say OPTIONAL to be sent a certificate. The verdict is
 * conn.c's. */
static void set_authentication(mbed_context *context, const stls_be_settings *settings,
                               uint32_t *applied) {
    int mode = MBEDTLS_SSL_VERIFY_NONE;
    if (settings->role == STLS_ROLE_SERVER) {
        context->client_auth = settings->client_auth;
        if (settings->client_auth != STLS_BE_CLIENT_AUTH_NONE) {
            mode = MBEDTLS_SSL_VERIFY_OPTIONAL;
        }
    }
    mbedtls_ssl_conf_authmode(&context->conf, mode);
    *applied |= STLS_BE_SET_VERDICT | STLS_BE_SET_CLIENT_AUTH;
}

/* Resumption is off unless it is asked for. A TLS 1.3 key exchange is always a fresh one. A client
 * that keeps no sessions reads the tickets of a server and drops them: the library's default. */
static void set_resumption(mbed_context *context, const stls_be_settings *settings,
                           uint32_t *applied) {
    const bool client = settings->role == STLS_ROLE_CLIENT;
#if defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_conf_session_tickets(&context->conf, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
#endif
    if ((settings->wanted & STLS_BE_SET_SESSIONS) != 0 && client && mbed_conf_sessions(context)) {
        *applied |= STLS_BE_SET_SESSIONS;
    }
    if ((settings->wanted & STLS_BE_SET_TICKETS) != 0 && !client &&
        mbed_conf_tickets(context, settings)) {
        *applied |= STLS_BE_SET_TICKETS;
    }
    if (!context->sessions && !context->tickets) {
        *applied |= STLS_BE_SET_NO_RESUMPTION;
    }
#if defined(MBEDTLS_SSL_PROTO_TLS1_3)
    mbedtls_ssl_conf_tls13_key_exchange_modes(
        &context->conf, MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL |
                            (context->sessions || context->tickets
                                 ? MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL
                                 : 0));
#endif
}

static void set_keying(mbed_context *context, const stls_be_settings *settings, uint32_t *applied) {
    if ((settings->wanted & STLS_BE_SET_KEYLOG) != 0) {
        context->keylog = true;
        *applied |= STLS_BE_SET_KEYLOG;
    }
    *applied |= mbed_has_exporter() ? STLS_BE_SET_EXPORTER : 0u; /* keeps what it needs anyway */
}

static void set_what_is_off(mbed_context *context, uint32_t *applied) {
    (void)context;
#if defined(MBEDTLS_SSL_RENEGOTIATION)
    mbedtls_ssl_conf_renegotiation(&context->conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
#endif
    *applied |= STLS_BE_SET_NO_RENEGOTIATION;
}

/* With a select upcall it alone says which credential a connection has: the library would fall back
 * to the config's. */
static stls_be_status set_credential(mbed_context *context, const stls_be_settings *settings,
                                     uint32_t *applied, stls_be_failure *failure) {
    const mbed_credential *credential = settings->credential;
    int ret;
    if (credential != NULL && !context->select) {
        context->credential = credential;
        ret = mbedtls_ssl_conf_own_cert(&context->conf, credential->chain, credential->key);
        if (ret != 0) {
            return mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, ret, NULL);
        }
    }
    *applied |= STLS_BE_SET_CREDENTIAL;
    return STLS_BE_OK;
}

/* --- The slots --- */

static stls_be_status set_all(mbed_context *context, const stls_be_settings *settings,
                              uint32_t *applied, stls_be_failure *failure) {
    stls_be_status status = set_lists(context, settings, applied);
    if (status == STLS_BE_OK && (settings->wanted & STLS_BE_SET_ALPN) != 0) {
        status = set_alpn(context, settings, applied);
    }
    if (status == STLS_BE_OK) {
        status = set_preference(context, settings, applied);
    }
    if (status != STLS_BE_OK) {
        return mbed_fail(failure, status, STLS_BE_CAUSE_SETTING, 0, "no memory");
    }
    if ((settings->wanted & STLS_BE_SET_VERSIONS) != 0) {
        set_versions(context, settings, applied);
    }
    if ((settings->wanted & STLS_BE_SET_CHAIN_LIMIT) != 0) {
        context->chain_bytes_max = settings->chain_bytes_max;
        *applied |= STLS_BE_SET_CHAIN_LIMIT;
    }
    if ((settings->wanted & STLS_BE_SET_SELECT) != 0 && settings->role == STLS_ROLE_SERVER) {
        mbedtls_ssl_conf_cert_cb(&context->conf, mbed_select);
        context->select = true;
        *applied |= STLS_BE_SET_SELECT;
    }
    set_authentication(context, settings, applied);
    set_resumption(context, settings, applied);
    set_keying(context, settings, applied);
    set_what_is_off(context, applied);
    return set_credential(context, settings, applied, failure);
}

stls_be_status mbed_context_init(void *block, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure) {
    mbed_context *context = block;
    stls_be_status status;
    int ret;
    *applied = 0;
    mbedtls_ssl_config_init(&context->conf);
    context->role = settings->role;
    ret = mbedtls_ssl_config_defaults(&context->conf,
                                      settings->role == STLS_ROLE_SERVER ? MBEDTLS_SSL_IS_SERVER
                                                                         : MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret != 0) {
        return mbed_fail(failure, STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, ret, NULL);
    }
    /* PSA's generator has a lock, and is seeded already. */
    mbedtls_ssl_conf_rng(&context->conf, mbed_rng, NULL);
    status = set_all(context, settings, applied, failure);
    *applied &= settings->wanted;
    return status;
}

void mbed_context_fini(void *block) {
    mbed_context *context = block;
    mbedtls_ssl_config_free(&context->conf);
    mbedtls_free(context->suites);
    mbedtls_free(context->narrowed);
    mbedtls_free(context->groups);
    mbedtls_free(context->schemes);
    /* An array of pointers to const: freed as what it is, an array of ours. */
    mbedtls_free((void *)context->alpn);
    mbedtls_free(context->alpn_text);
    *context = (mbed_context){0};
}
