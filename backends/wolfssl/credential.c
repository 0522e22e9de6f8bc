/* backends/wolfssl/credential.c - our own chain and private key.
 *
 * wolfSSL has no object for a pair of them that several connections could share, so the block holds
 * their DER, and wolf_context_init and wolf_select give it to wolfSSL.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/asn_public.h>

static stls_be_status wolf_copy_chain(wolf_credential *self, const stls_bytes *chain,
                                      size_t count) {
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += chain[i].len;
    if (len == 0 || len > INT32_MAX)
        return STLS_BE_MALFORMED;
    self->chain = XMALLOC(len, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (!self->chain)
        return STLS_BE_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        memcpy(self->chain + self->chain_len, chain[i].data, chain[i].len);
        self->chain_len += chain[i].len;
    }
    return STLS_BE_OK;
}

/* EncryptedPrivateKeyInfo: a SEQUENCE of a SEQUENCE and an OCTET STRING. */
static bool wolf_is_encrypted(stls_bytes key) {
    stls_bytes body, part;
    return wolf_der_take(&key, 0x30, &body) && wolf_der_take(&body, 0x30, &part) &&
           wolf_der_take(&body, 0x04, &part) && body.len == 0;
}

/* Decrypts self->key in its place. */
static stls_be_status wolf_decrypt_key(wolf_credential *self, const char *password) {
#if defined(HAVE_PKCS8) && !defined(NO_PWDBASED)
    int len;

    if (!password)
        return STLS_BE_PASSWORD;
    len = wc_DecryptPKCS8Key(self->key, (word32)self->key_len, password, (int)strlen(password));
    if (len == MEMORY_E)
        return STLS_BE_NO_MEMORY;
    if (len == ASN_UNKNOWN_OID_E || len == ALGO_ID_E || len == NOT_COMPILED_IN)
        return STLS_BE_UNSUPPORTED;
    /* A wrong password gives noise, and wolfSSL complains about whatever it sees in it. */
    if (len <= 0 || (size_t)len > self->key_len)
        return STLS_BE_PASSWORD;
    self->key_len = (size_t)len;
    return STLS_BE_OK;
#else
    (void)self, (void)password;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_copy_key(wolf_credential *self, stls_bytes key, const char *password,
                                    bool *encrypted) {
    if (key.len == 0 || key.len > INT32_MAX)
        return STLS_BE_MALFORMED;
    self->key = XMALLOC(key.len, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (!self->key)
        return STLS_BE_NO_MEMORY;
    memcpy(self->key, key.data, key.len);
    self->key_len = self->key_size = key.len;
    *encrypted = wolf_is_encrypted(key);
    return *encrypted ? wolf_decrypt_key(self, password) : STLS_BE_OK;
}

/* wolfSSL takes PKCS #8 off an RSA key in its copies, once for each connection, and wipes such a
 * copy to its new length only. So it is given the RSAPrivateKey inside. (That of an EC key may lack
 * its curve.) */
static void wolf_unwrap_rsa(wolf_credential *self, stls_bytes spki) {
#ifdef HAVE_PKCS8
    word32 at = 0;
    int len = wolf_spki_is_rsa(spki)
                  ? wc_GetPkcs8TraditionalOffset(self->key, &at, (word32)self->key_len)
                  : 0;

    if (len > 0 && at + (size_t)len <= self->key_len) {
        memmove(self->key, self->key + at, (size_t)len);
        self->key_len = (size_t)len;
    }
#else
    (void)self, (void)spki;
#endif
}

/* Whether wolfSSL's TLS can use the pair: answered by giving it to a context that nobody uses. */
static stls_be_status wolf_try(const wolf_credential *self, stls_be_failure *failure) {
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_client_method());
    const char *what = NULL;
    int result = WOLFSSL_SUCCESS;

    if (!ctx)
        return wolf_fail_native(STLS_BE_CAUSE_SETTING, MEMORY_E, failure);
    result = wolfSSL_CTX_use_certificate_chain_buffer_format(
        ctx, self->chain, (long)self->chain_len, WOLFSSL_FILETYPE_ASN1);
    if (result != WOLFSSL_SUCCESS) {
        what = "wolfSSL cannot use the certificate chain";
    } else {
        result = wolfSSL_CTX_use_PrivateKey_buffer(ctx, self->key, (long)self->key_len,
                                                   WOLFSSL_FILETYPE_ASN1);
        if (result != WOLFSSL_SUCCESS)
            what = "wolfSSL cannot use the private key";
    }
    wolfSSL_CTX_free(ctx);
    if (!what)
        return STLS_BE_OK;
    if (result == MEMORY_E || result == MEMORY_ERROR)
        return wolf_fail_native(STLS_BE_CAUSE_SETTING, result, failure);
    return wolf_fail(STLS_BE_MALFORMED, STLS_BE_CAUSE_SETTING, result, what, failure);
}

static const char *wolf_credential_text(stls_be_status status) {
    switch (status) {
    case STLS_BE_NO_MEMORY:
        return "out of memory";
    case STLS_BE_UNSUPPORTED:
        return "wolfSSL does not have this kind of key, curve or encryption";
    case STLS_BE_KEY_MISMATCH:
        return "the private key is not the certificate's";
    case STLS_BE_PASSWORD:
        return "the private key's password is missing or wrong";
    default:
        return "the certificate or the private key is not DER that wolfSSL can read";
    }
}

stls_be_status wolf_credential_init(void *credential, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password,
                                    stls_be_failure *failure) {
    wolf_credential *self = credential;
    stls_bytes spki = {NULL, 0};
    bool encrypted = false;
    stls_be_status status;

    status = wolf_copy_chain(self, chain, count);
    if (status == STLS_BE_OK && !wolf_certificate_spki(chain[0], &spki))
        status = STLS_BE_MALFORMED;
    /* wolfSSL takes an id-RSASSA-PSS key, and signs handshakes with it under the number of another
     * scheme. */
    if (status == STLS_BE_OK && wolf_spki_is_pss(spki))
        status = STLS_BE_UNSUPPORTED;
    if (status == STLS_BE_OK)
        status = wolf_copy_key(self, key, password, &encrypted);
    if (status == STLS_BE_OK) {
        status = wolf_key_matches(spki, (stls_bytes){self->key, self->key_len});
        if (status == STLS_BE_MALFORMED && encrypted)
            status = STLS_BE_PASSWORD; /* noise can look like the beginning of a key */
    }
    if (status != STLS_BE_OK)
        return wolf_fail(status, STLS_BE_CAUSE_SETTING, 0, wolf_credential_text(status), failure);
    wolf_unwrap_rsa(self, spki);
    status = wolf_try(self, failure);
    wolf_clear_errors();
    return status;
}

void wolf_credential_fini(void *credential) {
    wolf_credential *self = credential;

    XFREE(self->chain, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (self->key)
        wolf_wipe(self->key, self->key_size);
    XFREE(self->key, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    *self = (wolf_credential){0};
}
