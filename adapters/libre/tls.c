/* struct tls: what a stack wants of its TLS connections, and the contexts made of it.
 *
 * SPDX-License-Identifier: MIT */
#include "adapter.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

const char siptls_tag = 0;

stock_function *stock(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    stock_function *function = NULL;
    memcpy(&function, &symbol, sizeof function);
    return function;
}

/* Says why, and answers what the stack shall see. */
static int refuse(const char *what, const stls_error *error) {
    DEBUG_WARNING("%s: %s\n", what, error->text);
    return error->result == STLS_E_NO_MEMORY ? ENOMEM : EINVAL;
}

static int cannot(const char *what, const char *instead) {
    DEBUG_WARNING("%s is not there with siptls: %s\n", what, instead);
    return ENOSYS;
}

/* --- Life */

static void destructor(void *arg) {
    struct tls *tls = arg;
    for (size_t use = 0; use < USE_COUNT; use++) {
        stls_context_free(tls->context[use]);
    }
    stls_credential_free(tls->credential);
    stls_trust_free(tls->trust);
    settings_free(&tls->settings);
}

/* Connections that are there keep the old contexts; new ones get what is wanted now. */
static void forget_contexts(struct tls *tls) {
    for (size_t use = 0; use < USE_COUNT; use++) {
        stls_context_free(tls->context[use]);
        tls->context[use] = NULL;
    }
}

static int set_up(struct tls *tls, const char *keyfile, const char *pwd) {
    stls_error error;
    int err = settings_read(&tls->settings);
    if (err) {
        return err;
    }
    tls->trust = stls_trust_new();
    if (tls->trust == NULL) {
        return ENOMEM;
    }
    const char *ca = tls->settings.ca;
    stls_result result = STLS_OK;
    if (ca != NULL) {
        result = strcmp(ca, "system") == 0 ? stls_trust_add_system(tls->trust, &error)
                                           : stls_trust_add_file(tls->trust, ca, &error);
    }
    if (result != STLS_OK) {
        return refuse("SIPTLS_RE_CA", &error);
    }
    if (keyfile != NULL && stls_credential_load(tls->settings.backend, keyfile, NULL, pwd,
                                                &tls->credential, &error) != STLS_OK) {
        return refuse("certificate", &error);
    }
    return 0;
}

int tls_alloc(struct tls **tlsp, enum tls_method method, const char *keyfile, const char *pwd) {
    if (method != TLS_METHOD_SSLV23) {
        PASS_ON(NULL, ENOSYS, tls_alloc, tlsp, method, keyfile, pwd);
    }
    if (tlsp == NULL) {
        return EINVAL;
    }
    struct tls *tls = mem_zalloc(sizeof *tls, destructor);
    if (tls == NULL) {
        return ENOMEM;
    }
    tls->ours = &siptls_tag;
    int err = set_up(tls, keyfile, pwd);
    if (err) {
        mem_deref(tls);
        return err;
    }
    DEBUG_INFO("TLS by %s %s\n", stls_backend_name(tls->settings.backend),
               stls_backend_version_running(tls->settings.backend));
    *tlsp = tls;
    return 0;
}

/* --- Whom to trust */

int tls_add_ca(struct tls *tls, const char *cafile) {
    PASS_ON(tls, ENOSYS, tls_add_ca, tls, cafile);
    stls_error error;
    if (cafile == NULL) {
        return EINVAL;
    }
    return stls_trust_add_file(tls->trust, cafile, &error) == STLS_OK ? 0 : refuse("CA", &error);
}

int tls_add_cafile_path(struct tls *tls, const char *cafile, const char *capath) {
    PASS_ON(tls, ENOSYS, tls_add_cafile_path, tls, cafile, capath);
    if (capath != NULL && capath[0] != '\0') {
        return cannot("a folder of CAs", "put them into one file");
    }
    return tls_add_ca(tls, cafile);
}

int tls_add_capem(struct tls *tls, const char *capem) {
    PASS_ON(tls, ENOSYS, tls_add_capem, tls, capem);
    stls_error error;
    if (capem == NULL) {
        return EINVAL;
    }
    return stls_trust_add(tls->trust, capem, strlen(capem), NULL, &error) == STLS_OK
               ? 0
               : refuse("CA", &error);
}

int tls_set_verify_purpose(struct tls *tls, const char *purpose) {
    PASS_ON(tls, ENOSYS, tls_set_verify_purpose, tls, purpose);
    if (purpose == NULL || strcmp(purpose, "sslserver") != 0) {
        return EINVAL;
    }
    tls->https = true; /* libre's HTTP client, and nobody else, says this */
    forget_contexts(tls);
    return 0;
}

void tls_set_verify_client(struct tls *tls) {
    if (is_ours(tls)) {
        tls->verify_client = true;
        forget_contexts(tls);
        return;
    }
    __typeof__(&tls_set_verify_client) next =
        (__typeof__(&tls_set_verify_client))stock("tls_set_verify_client");
    if (next != NULL) {
        next(tls);
    }
}

void tls_disable_verify_server(struct tls *tls) {
    if (is_ours(tls)) {
        DEBUG_WARNING("servers are verified all the same; what turns that off is "
                      "SIPTLS_RE_VERIFY=none\n");
        return;
    }
    __typeof__(&tls_disable_verify_server) next =
        (__typeof__(&tls_disable_verify_server))stock("tls_disable_verify_server");
    if (next != NULL) {
        next(tls);
    }
}

/* --- Who we are */

static int set_credential(struct tls *tls, const void *cert, size_t len_cert, const void *key,
                          size_t len_key) {
    stls_credential *credential = NULL;
    stls_error error;
    if (stls_credential_new(tls->settings.backend, cert, len_cert, key, len_key, NULL, &credential,
                            &error) != STLS_OK) {
        return refuse("certificate", &error);
    }
    stls_credential_free(tls->credential);
    tls->credential = credential;
    forget_contexts(tls);
    return 0;
}

int tls_set_certificate_pem(struct tls *tls, const char *cert, size_t len_cert, const char *key,
                            size_t len_key) {
    PASS_ON(tls, ENOSYS, tls_set_certificate_pem, tls, cert, len_cert, key, len_key);
    return set_credential(tls, cert, len_cert, key, len_key);
}

int tls_set_certificate_der(struct tls *tls, enum tls_keytype keytype, const uint8_t *cert,
                            size_t len_cert, const uint8_t *key, size_t len_key) {
    PASS_ON(tls, ENOSYS, tls_set_certificate_der, tls, keytype, cert, len_cert, key, len_key);
    return set_credential(tls, cert, len_cert, key, len_key);
}

int tls_set_certificate(struct tls *tls, const char *cert, size_t len) {
    PASS_ON(tls, ENOSYS, tls_set_certificate, tls, cert, len);
    return set_credential(tls, cert, len, NULL, 0);
}

int tls_set_selfsigned(struct tls *tls, const char *cn) {
    PASS_ON(tls, ENOSYS, tls_set_selfsigned, tls, cn);
    return cannot("making a certificate", "give one");
}

int tls_set_selfsigned_rsa(struct tls *tls, const char *cn, size_t bits) {
    PASS_ON(tls, ENOSYS, tls_set_selfsigned_rsa, tls, cn, bits);
    return cannot("making a certificate", "give one");
}

int tls_set_selfsigned_ec(struct tls *tls, const char *cn, const char *curve_n) {
    PASS_ON(tls, ENOSYS, tls_set_selfsigned_ec, tls, cn, curve_n);
    return cannot("making a certificate", "give one");
}

int tls_fingerprint(const struct tls *tls, enum tls_fingerprint type, uint8_t *md, size_t size) {
    PASS_ON(tls, ENOSYS, tls_fingerprint, tls, type, md, size);
    stls_bytes leaf = {NULL, 0};
    if (tls->credential != NULL) {
        leaf = stls_credential_certificate(tls->credential, 0);
    }
    if (type != TLS_FINGERPRINT_SHA256) {
        return cannot("a fingerprint of SHA-1", "ask for SHA-256");
    }
    if (md == NULL || size < STLS_FINGERPRINT_LEN || leaf.data == NULL) {
        return EINVAL;
    }
    return stls_certificate_fingerprint(tls->settings.backend, leaf, md) == STLS_OK ? 0 : EINVAL;
}

/* One name of each certificate that we send, a line each. */
static int print_names(const struct tls *tls, struct mbuf *mb, bool issuer) {
    if (mb == NULL || tls->credential == NULL) {
        return EINVAL;
    }
    stls_bytes der;
    int err = 0;
    for (size_t i = 0; !err; i++) {
        stls_certificate_info info;
        der = stls_credential_certificate(tls->credential, i);
        if (der.data == NULL || stls_certificate_read(der, &info, NULL) != STLS_OK) {
            break;
        }
        err = mbuf_printf(mb, "%s\n", issuer ? info.issuer : info.subject);
    }
    return err;
}

int tls_get_issuer(struct tls *tls, struct mbuf *mb) {
    PASS_ON(tls, ENOSYS, tls_get_issuer, tls, mb);
    return print_names(tls, mb, true);
}

int tls_get_subject(struct tls *tls, struct mbuf *mb) {
    PASS_ON(tls, ENOSYS, tls_get_subject, tls, mb);
    return print_names(tls, mb, false);
}

/* --- What is not ours to do */

int tls_set_ciphers(struct tls *tls, const char *cipherv[], size_t count) {
    PASS_ON(tls, ENOSYS, tls_set_ciphers, tls, cipherv, count);
    return cannot("tls_set_ciphers()", "name them in SIPTLS_RE_PROFILES");
}

int tls_set_srtp(struct tls *tls, const char *suites) {
    PASS_ON(tls, ENOSYS, tls_set_srtp, tls, suites);
    return cannot("SRTP", "it needs a context of a DTLS method");
}

struct ssl_ctx_st *tls_openssl_context(const struct tls *tls) {
    PASS_ON(tls, NULL, tls_openssl_context, tls);
    (void)cannot("OpenSSL's context", "this is another library's");
    return NULL;
}

int dtls_connect(struct tls_conn **ptc, struct tls *tls, struct dtls_sock *sock,
                 const struct sa *peer, dtls_estab_h *estabh, dtls_recv_h *recvh,
                 dtls_close_h *closeh, void *arg) {
    PASS_ON(tls, ENOSYS, dtls_connect, ptc, tls, sock, peer, estabh, recvh, closeh, arg);
    return cannot("DTLS", "it needs a context of a DTLS method");
}

int dtls_accept(struct tls_conn **ptc, struct tls *tls, struct dtls_sock *sock,
                dtls_estab_h *estabh, dtls_recv_h *recvh, dtls_close_h *closeh, void *arg) {
    PASS_ON(tls, ENOSYS, dtls_accept, ptc, tls, sock, estabh, recvh, closeh, arg);
    return cannot("DTLS", "it needs a context of a DTLS method");
}

/* --- Contexts */

static bool has_profile(const struct tls *tls, const char *section) {
    const char *name;
    for (size_t i = 0; tls->settings.profiles != NULL &&
                       (name = stls_profiles_name(tls->settings.profiles, i)) != NULL;
         i++) {
        if (strcmp(name, section) == 0) {
            return true;
        }
    }
    return false;
}

/* The profile of the file, if it has that section; else siptls's own, fit to the use. */
static stls_result begin_profile(const struct tls *tls, enum use use, stls_profile **profile,
                                 stls_error *error) {
    const stls_backend *backend = tls->settings.backend;
    stls_role role = use == USE_SERVER ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT;
    const char *section = use == USE_SERVER ? "sip-server" : tls->https ? "https" : "sip";
    if (has_profile(tls, section)) {
        return stls_profiles_make(tls->settings.profiles, section, backend, role, NULL, profile,
                                  error);
    }
    stls_result result = stls_profile_new(backend, role, profile, error);
    if (result == STLS_OK && use != USE_SERVER && tls->https) {
        result = stls_profile_set_identity(*profile, STLS_IDENTITY_HTTPS, 0, error);
    }
    return result;
}

static stls_result finish_profile(const struct tls *tls, enum use use, stls_profile *profile,
                                  stls_error *error) {
    stls_result result = stls_profile_set_credential(profile, tls->credential, error);
    if (result == STLS_OK && stls_trust_count(tls->trust) > 0) {
        result = stls_profile_set_trust(profile, tls->trust, error);
    }
    if (result == STLS_OK && use == USE_UNNAMED) {
        result = stls_profile_set_identity(profile, STLS_IDENTITY_NONE, 0, error);
    }
    if (result == STLS_OK && use == USE_SERVER && tls->verify_client) {
        result = stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, error);
    }
    if (result == STLS_OK && use != USE_SERVER && !tls->settings.verify) {
        result = stls_profile_set_verify(profile, STLS_VERIFY_NONE, error);
    }
    return result;
}

stls_context *context_for(struct tls *tls, enum use use) {
    stls_profile *profile = NULL;
    stls_error error;
    if (tls->context[use] != NULL) {
        return tls->context[use];
    }
    stls_result result = begin_profile(tls, use, &profile, &error);
    if (result == STLS_OK) {
        result = finish_profile(tls, use, profile, &error);
    }
    if (result == STLS_OK) {
        result = stls_context_new(profile, &tls->context[use], &error);
    }
    if (result != STLS_OK) {
        DEBUG_WARNING("%s connections: %s%s\n", use == USE_SERVER ? "incoming" : "outgoing",
                      error.text,
                      use != USE_SERVER && stls_trust_count(tls->trust) == 0
                          ? " (name a CA: sip_cafile, or SIPTLS_RE_CA)"
                          : "");
    }
    stls_profile_free(profile);
    return tls->context[use];
}
