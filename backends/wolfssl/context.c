/* backends/wolfssl/context.c - a context: one WOLFSSL_CTX, and what wolfSSL takes for each
 * connection only.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* --- The watchdog --- */

/* wolfSSL calls this when it puts a certificate into a trust store. Ours stay empty, so this would
 * be a bug that makes it trust a peer's CA in later connections. The call tells neither context nor
 * connection: all are refused from then on. */
static atomic_bool wolf_touched;

static void wolf_on_trust(unsigned char *der, int len, int type) {
    (void)der, (void)len, (void)type;
    atomic_store(&wolf_touched, true);
}

bool wolf_store_touched(void) {
    return atomic_load(&wolf_touched);
}

/* --- One function for each setting ------------------------------------------------------------
 * OK: wolfSSL has it. UNSUPPORTED: it has not. NO_MEMORY. */

#ifndef NO_PSK
static unsigned wolf_no_psk(WOLFSSL *ssl, const char *identity, unsigned char *key, unsigned max) {
    (void)ssl, (void)identity, (void)key, (void)max;
    return 0;
}
#endif

/* What a call of wolfSSL that answers WOLFSSL_SUCCESS says. */
static stls_be_status wolf_taken(int result) {
    return result == WOLFSSL_SUCCESS                      ? STLS_BE_OK
           : result == MEMORY_E || result == MEMORY_ERROR ? STLS_BE_NO_MEMORY
                                                          : STLS_BE_UNSUPPORTED;
}

/* A server of wolfSSL wants its certificate when a connection is made, and keeps what it has
 * learned from it (which suites can be signed for) when another one is given to the connection. So
 * where a selection may bring another it gets none at first: it is content if it believes that
 * there are pre-shared keys. Nobody has one, and no suite is for one. */
static void wolf_begin_select(wolf_context *self, const stls_be_settings *settings) {
#ifndef NO_PSK
    self->select_wanted = true;
    self->others = settings->other_credentials || !settings->credential;
    if (self->others)
        wolfSSL_CTX_set_psk_server_callback(self->ctx, wolf_no_psk);
#else
    (void)self, (void)settings;
#endif
}

static stls_be_status wolf_set_versions(wolf_context *self, const stls_be_settings *settings) {
    if (settings->version_min > settings->version_max ||
        !wolf_supports(STLS_REGISTRY_VERSION, settings->version_min) ||
        !wolf_supports(STLS_REGISTRY_VERSION, settings->version_max))
        return STLS_BE_UNSUPPORTED;
    if (settings->version_max < STLS_TLS1_3) /* there is no native call for a maximum */
        wolfSSL_CTX_set_options(self->ctx, WOLFSSL_OP_NO_TLSv1_3);
    return wolf_taken(wolfSSL_CTX_SetMinVersion(
        self->ctx, settings->version_min == STLS_TLS1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2));
}

/* Adds `name` to a list with colons between; false if it is NULL or there is no room. */
static inline bool wolf_append(char *list, size_t size, const char *name) {
    size_t len = strlen(list);

    if (!name || strlen(name) + 2 > size - len)
        return false;
    snprintf(list + len, size - len, "%s%s", len ? ":" : "", name);
    return true;
}

/* A server of wolfSSL asks for client certificates of the kinds of key that its suites are for: of
 * RSA only, if they are all ECDHE_RSA. A suite of TLS 1.3 is for all kinds; one that can never be
 * negotiated shows nowhere else. */
static bool wolf_needs_all_kinds(const wolf_context *self) {
    return self->role == STLS_ROLE_SERVER && self->version_max < STLS_TLS1_3 &&
           wolf_suite_name(0x1301);
}

#if defined(OPENSSL_EXTRA) || defined(WOLFSSL_SET_CIPHER_BYTES)
/* The look-alike's list of names keeps the other version's suites if the list has those of one
 * version only. */
static stls_be_status wolf_set_suites(wolf_context *self) {
    uint8_t list[2 * WOLF_SUITES_MAX + 2];
    size_t n = 0;

    for (size_t i = 0; i < self->suite_count; i++) {
        if (!wolf_suite_name(self->suites[i])) /* it drops those without a word */
            return STLS_BE_UNSUPPORTED;
        list[n++] = (uint8_t)(self->suites[i] >> 8);
        list[n++] = (uint8_t)self->suites[i];
    }
    if (wolf_needs_all_kinds(self)) {
        list[n++] = 0x13;
        list[n++] = 0x01;
    }
    return wolf_taken(wolfSSL_CTX_set_cipher_list_bytes(self->ctx, list, (int)n));
}
#else
static stls_be_status wolf_set_suites(wolf_context *self) {
    char list[4096] = "";

    for (size_t i = 0; i < self->suite_count; i++)
        if (!wolf_append(list, sizeof list, wolf_suite_name(self->suites[i])))
            return STLS_BE_UNSUPPORTED;
    if (!*list ||
        (wolf_needs_all_kinds(self) && !wolf_append(list, sizeof list, wolf_suite_name(0x1301))))
        return STLS_BE_UNSUPPORTED;
    return wolf_taken(wolfSSL_CTX_set_cipher_list(self->ctx, list));
}
#endif

static stls_be_status wolf_set_groups(wolf_context *self, const stls_be_settings *settings) {
    if (settings->group_count == 0 || settings->group_count > WOLF_GROUPS_MAX)
        return STLS_BE_UNSUPPORTED;
    for (size_t i = 0; i < settings->group_count; i++) {
        if (!wolf_supports(STLS_REGISTRY_GROUP, settings->groups[i]))
            return STLS_BE_UNSUPPORTED;
        self->groups[i] = settings->groups[i];
    }
    self->group_count = settings->group_count;
    return wolf_taken(wolfSSL_CTX_set_groups(self->ctx, self->groups, (int)self->group_count));
}

/* After the suites: those set wolfSSL's default schemes. */
static stls_be_status wolf_set_schemes(wolf_context *self, const stls_be_settings *settings) {
#ifdef OPENSSL_EXTRA
    char list[1024] = "";

    for (size_t i = 0; i < settings->scheme_count; i++)
        if (!wolf_append(list, sizeof list, wolf_scheme_name(settings->schemes[i])))
            return STLS_BE_UNSUPPORTED;
    return *list ? wolf_taken(wolfSSL_CTX_set1_sigalgs_list(self->ctx, list)) : STLS_BE_UNSUPPORTED;
#else
    (void)self, (void)settings;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_set_credential(wolf_context *self, const stls_be_settings *settings) {
    const wolf_credential *credential = settings->credential;
    stls_be_status status;

    self->credential = credential;
    if (!credential || self->others)
        return STLS_BE_OK;
    status = wolf_taken(wolfSSL_CTX_use_certificate_chain_buffer_format(
        self->ctx, credential->chain, (long)credential->chain_len, WOLFSSL_FILETYPE_ASN1));
    if (status == STLS_BE_OK)
        status = wolf_taken(wolfSSL_CTX_use_PrivateKey_buffer(
            self->ctx, credential->key, (long)credential->key_len, WOLFSSL_FILETYPE_ASN1));
    return status;
}

/* wolfSSL_UseALPN() is for each connection, and wants the names with commas between them. */
static stls_be_status wolf_set_alpn(wolf_context *self, const stls_be_settings *settings) {
#ifdef HAVE_ALPN
    size_t len = 0;

    for (size_t i = 0; i < settings->alpn_count; i++) {
        stls_bytes name = settings->alpn[i];
        if (name.len == 0 || name.len > WOLFSSL_MAX_ALPN_PROTO_NAME_LEN ||
            memchr(name.data, ',', name.len) || memchr(name.data, 0, name.len))
            return STLS_BE_UNSUPPORTED;
        len += name.len + 1;
    }
    if (settings->alpn_count == 0 || settings->alpn_count > WOLFSSL_MAX_ALPN_NUMBER)
        return settings->alpn_count == 0 ? STLS_BE_OK : STLS_BE_UNSUPPORTED;
    self->alpn = XMALLOC(len, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (!self->alpn)
        return STLS_BE_NO_MEMORY;
    for (size_t i = 0; i < settings->alpn_count; i++) {
        memcpy(self->alpn + self->alpn_len, settings->alpn[i].data, settings->alpn[i].len);
        self->alpn_len += settings->alpn[i].len;
        self->alpn[self->alpn_len++] = ',';
    }
    self->alpn[--self->alpn_len] = '\0';
    return STLS_BE_OK;
#else
    (void)self;
    return settings->alpn_count == 0 ? STLS_BE_OK : STLS_BE_UNSUPPORTED;
#endif
}

/* --- Resumption --- */

/* The session cache of wolfSSL belongs to the process: it is never used. */
static stls_be_status wolf_no_cache(wolf_context *self) {
#ifndef NO_SESSION_CACHE
    return wolf_taken((int)wolfSSL_CTX_set_session_cache_mode(self->ctx, WOLFSSL_SESS_CACHE_OFF));
#else
    (void)self;
    return STLS_BE_OK;
#endif
}

/* A resumed connection of TLS 1.3 agrees on new keys, too: a ticket's secret alone would open every
 * connection that was resumed with it (RFC 8446 section 2.2). */
static stls_be_status wolf_only_with_key_agreement(wolf_context *self) {
#ifdef WOLFSSL_TLS13
    return wolfSSL_CTX_only_dhe_psk(self->ctx) == 0 ? STLS_BE_OK : STLS_BE_UNSUPPORTED;
#else
    (void)self;
    return STLS_BE_OK;
#endif
}

static stls_be_status wolf_set_no_resumption(wolf_context *self, const stls_be_settings *settings) {
    stls_be_status status = wolf_no_cache(self);

#ifdef WOLF_TICKETS
    if (settings->role != STLS_ROLE_SERVER || status != STLS_BE_OK)
        return status;
    /* With a callback, its own by default, it fails over tickets that it finds too long. */
    status = wolf_taken(wolfSSL_CTX_set_TicketEncCb(self->ctx, NULL));
    if (status == STLS_BE_OK)
        status = wolf_taken(wolfSSL_CTX_NoTicketTLSv12(self->ctx));
#ifdef WOLFSSL_TLS13
    /* Refuses where the context cannot do TLS 1.3: then there is nothing to switch off. */
    if (status == STLS_BE_OK && self->version_max >= STLS_TLS1_3 &&
        wolfSSL_CTX_no_ticket_TLSv13(self->ctx) != 0)
        status = STLS_BE_UNSUPPORTED;
#endif
#else
    (void)settings;
#endif
    return status;
}

static stls_be_status wolf_set_sessions(wolf_context *self, const stls_be_settings *settings) {
#ifdef WOLF_SESSIONS
    enum { SEVEN_DAYS = 7 * 24 * 3600 };
    stls_be_status status = wolf_no_cache(self);

    if (settings->role != STLS_ROLE_CLIENT)
        return STLS_BE_UNSUPPORTED;
    if (status == STLS_BE_OK && self->version_max >= STLS_TLS1_3)
        status = wolf_only_with_key_agreement(self);
    /* How long a session counts of which the server does not say; some flavours answer with the
     * time from before. */
    if (status == STLS_BE_OK && wolfSSL_CTX_set_timeout(self->ctx, SEVEN_DAYS) < 0)
        status = STLS_BE_UNSUPPORTED;
    /* The extension of TLS 1.2: see session.c. */
    if (status == STLS_BE_OK && self->version_max == STLS_TLS1_2)
        status = wolf_taken(wolfSSL_CTX_UseSessionTicket(self->ctx));
    return status;
#else
    (void)self, (void)settings;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_set_tickets(wolf_context *self, const stls_be_settings *settings) {
#ifdef WOLF_TICKETS
    stls_be_status status = wolf_no_cache(self);

    if (settings->role != STLS_ROLE_SERVER || settings->ticket_count == 0 ||
        settings->ticket_lifetime_s > INT32_MAX)
        return STLS_BE_UNSUPPORTED;
    if (status == STLS_BE_OK && self->version_max >= STLS_TLS1_3)
        status = wolf_only_with_key_agreement(self);
    /* How old a ticket may be is the core's to say. wolfSSL, by its own clock, would open one that
     * is too old for it and then not resume: see wolf_untimely(). */
    if (status == STLS_BE_OK && wolfSSL_CTX_set_timeout(self->ctx, INT32_MAX) < 0)
        status = STLS_BE_UNSUPPORTED;
    if (status == STLS_BE_OK)
        status =
            wolf_taken(wolfSSL_CTX_set_TicketHint(self->ctx, (int)settings->ticket_lifetime_s));
    if (status == STLS_BE_OK)
        status = wolf_taken(wolfSSL_CTX_set_TicketEncCb(self->ctx, wolf_ticket));
#ifdef WOLFSSL_TLS13
    if (status == STLS_BE_OK)
        status = wolf_taken(wolfSSL_CTX_set_num_tickets(self->ctx, settings->ticket_count));
#endif
    return status;
#else
    (void)self, (void)settings;
    return STLS_BE_UNSUPPORTED;
#endif
}

/* --- What is told and kept, small records --- */

static stls_be_status wolf_set_keylog(void) {
#ifdef HAVE_SECRET_CALLBACK
    return STLS_BE_OK; /* conn.c: wolf_want_secrets() */
#else
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_set_exporter(void) {
#ifdef HAVE_KEYING_MATERIAL
    return STLS_BE_OK; /* conn.c: wolf_want_secrets() */
#else
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_set_max_fragment(wolf_context *self, const stls_be_settings *settings) {
#if defined(HAVE_MAX_FRAGMENT) && !defined(NO_WOLFSSL_CLIENT)
    static const struct {
        uint16_t bytes;
        uint8_t code;
    } sizes[] = {{512, WOLFSSL_MFL_2_9},
                 {1024, WOLFSSL_MFL_2_10},
                 {2048, WOLFSSL_MFL_2_11},
                 {4096, WOLFSSL_MFL_2_12}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].bytes == settings->max_fragment && settings->role == STLS_ROLE_CLIENT)
            return wolf_taken(wolfSSL_CTX_UseMaxFragment(self->ctx, sizes[i].code));
#else
    (void)self, (void)settings;
#endif
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status wolf_set_no_renegotiation(void) {
#ifdef HAVE_SECURE_RENEGOTIATION
    return STLS_BE_UNSUPPORTED; /* compiled in: an OpenSSL look-alike may switch it on */
#else
    return STLS_BE_OK;
#endif
}

static void wolf_keep_suites_of(wolf_context *self, const stls_be_settings *settings, bool tls13) {
    for (size_t i = 0; i < settings->suite_count; i++)
        if ((settings->suites[i] >> 8 == 0x13) == tls13)
            self->suites[self->suite_count++] = settings->suites[i];
}

/* The suites, also for what wolfSSL does not look at itself. Those of TLS 1.3 come first: a server
 * of TLS 1.3 takes the first that the client has too, and fails if that is one of TLS 1.2. */
static stls_be_status wolf_keep_suites(wolf_context *self, const stls_be_settings *settings) {
    if (settings->suite_count == 0 || settings->suite_count > WOLF_SUITES_MAX)
        return STLS_BE_UNSUPPORTED;
    self->suite_count = 0;
    wolf_keep_suites_of(self, settings, true);
    wolf_keep_suites_of(self, settings, false);
    return wolf_set_suites(self);
}

static stls_be_status wolf_apply_one(wolf_context *self, const stls_be_settings *settings,
                                     uint32_t bit) {
    switch (bit) {
    case STLS_BE_SET_VERDICT:           /* wolf_context_init has done it */
    case STLS_BE_SET_SERVER_PREFERENCE: /* unless wolfSSL_CTX_UseClientSuites() is called */
        return STLS_BE_OK;
    case STLS_BE_SET_VERSIONS:
        return wolf_set_versions(self, settings);
    case STLS_BE_SET_SUITES:
        return wolf_keep_suites(self, settings);
    case STLS_BE_SET_GROUPS:
        return wolf_set_groups(self, settings);
    case STLS_BE_SET_SCHEMES:
        return wolf_set_schemes(self, settings);
    case STLS_BE_SET_CLIENT_AUTH:
        self->client_auth = settings->client_auth;
        return STLS_BE_OK;
    case STLS_BE_SET_CREDENTIAL:
        return wolf_set_credential(self, settings);
    case STLS_BE_SET_SELECT:
        return self->select_wanted ? STLS_BE_OK : STLS_BE_UNSUPPORTED;
    case STLS_BE_SET_ALPN:
        return wolf_set_alpn(self, settings);
    case STLS_BE_SET_CHAIN_LIMIT:
        self->chain_bytes_max = settings->chain_bytes_max;
        return STLS_BE_OK;
    case STLS_BE_SET_NO_RENEGOTIATION:
        return wolf_set_no_renegotiation();
    case STLS_BE_SET_NO_RESUMPTION:
        return wolf_set_no_resumption(self, settings);
    case STLS_BE_SET_SESSIONS:
        return wolf_set_sessions(self, settings);
    case STLS_BE_SET_TICKETS:
        return wolf_set_tickets(self, settings);
    case STLS_BE_SET_KEYLOG:
        return wolf_set_keylog();
    case STLS_BE_SET_EXPORTER:
        return wolf_set_exporter();
    case STLS_BE_SET_MAX_FRAGMENT:
        return wolf_set_max_fragment(self, settings);
    default:
        return STLS_BE_UNSUPPORTED;
    }
}

/* --- The block --- */

stls_be_status wolf_context_init(void *context, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure) {
    wolf_context *self = context;
    bool versions = settings->wanted & STLS_BE_SET_VERSIONS;
    WOLFSSL_METHOD *method = settings->role == STLS_ROLE_CLIENT ? wolfSSLv23_client_method()
                                                                : wolfSSLv23_server_method();

    *applied = 0;
    self->role = settings->role;
    self->version_min = versions ? settings->version_min : STLS_TLS1_2;
    self->version_max = versions ? settings->version_max : STLS_TLS1_3;
    self->chain_bytes_max = SIZE_MAX;
    self->ctx = method ? wolfSSL_CTX_new(method) : NULL; /* frees the method, also when it fails */
    if (!self->ctx)
        return wolf_fail_native(STLS_BE_CAUSE_SETTING, MEMORY_E, failure);

    wolfSSL_CTX_set_verify(self->ctx, WOLFSSL_VERIFY_PEER, wolf_verify);
    wolfSSL_CTX_SetCACb(self->ctx, wolf_on_trust);
    wolfSSL_CTX_SetIORecv(self->ctx, wolf_recv);
    wolfSSL_CTX_SetIOSend(self->ctx, wolf_send);
    if (self->role == STLS_ROLE_SERVER)
        wolfSSL_CTX_set_servername_callback(self->ctx, wolf_select);
    if ((settings->wanted & STLS_BE_SET_SELECT) && self->role == STLS_ROLE_SERVER)
        wolf_begin_select(self, settings); /* before the credential */

    for (uint32_t bit = 1; bit && bit <= settings->wanted; bit <<= 1) {
        stls_be_status status =
            settings->wanted & bit ? wolf_apply_one(self, settings, bit) : STLS_BE_UNSUPPORTED;
        if (status == STLS_BE_NO_MEMORY)
            return wolf_fail_native(STLS_BE_CAUSE_SETTING, MEMORY_E, failure);
        if (status == STLS_BE_OK)
            *applied |= bit;
    }
    self->applied = *applied;
    wolf_clear_errors();
    return STLS_BE_OK;
}

void wolf_context_fini(void *context) {
    wolf_context *self = context;

    wolfSSL_CTX_free(self->ctx);
    XFREE(self->alpn, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    *self = (wolf_context){0};
}
