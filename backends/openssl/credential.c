/* backends/openssl/credential.c - a chain and the private key of its leaf, from DER.
 *
 * The decoded objects are shared by all contexts and connections that use the credential; OpenSSL
 * counts them and locks them where it must.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/pkcs12.h> /* PKCS8_decrypt */
#include <openssl/x509err.h>

#include <limits.h>
#include <string.h>

static X509 *ossl_read_certificate(stls_bytes der) {
    const unsigned char *at = der.data;
    X509 *certificate = der.len <= LONG_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    if (certificate != NULL && at != der.data + der.len) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static stls_be_status ossl_read_chain(ossl_credential *credential, const stls_bytes *chain,
                                      size_t count, stls_be_failure *failure) {
    credential->issuers = sk_X509_new_null();
    if (credential->issuers == NULL) {
        return STLS_BE_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        X509 *certificate = ossl_read_certificate(chain[i]);
        if (certificate == NULL) {
            stls_be_status status =
                ossl_fail(failure, STLS_BE_CAUSE_SETTING, "bytes behind the certificate");
            return status == STLS_BE_NO_MEMORY ? status : STLS_BE_MALFORMED;
        }
        if (i == 0) {
            credential->leaf = certificate;
        } else if (sk_X509_push(credential->issuers, certificate) == 0) {
            X509_free(certificate);
            return STLS_BE_NO_MEMORY;
        }
    }
    return STLS_BE_OK;
}

/* EncryptedPrivateKeyInfo is the one format whose second element is a SEQUENCE. */
static bool ossl_key_is_encrypted(stls_bytes der) {
    const unsigned char *at = der.data;
    long len = 0;
    int tag = 0, class = 0;
    int form = ASN1_get_object(&at, &len, &tag, &class, (long)der.len);
    return (form & 0x80) == 0 && tag == V_ASN1_SEQUENCE && len > 0 &&
           *at == (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED);
}

/* Whether an error in the queue says that an algorithm is missing. */
static bool ossl_queue_says_unsupported(void) {
    bool found = false;
    unsigned long error = 0;
    while ((error = ERR_get_error()) != 0) {
        int reason = ERR_GET_REASON(error);
        found = found || reason == ERR_R_UNSUPPORTED ||
                (ERR_GET_LIB(error) == ERR_LIB_EVP &&
                 (reason == EVP_R_UNKNOWN_PBE_ALGORITHM || reason == EVP_R_UNSUPPORTED_CIPHER ||
                  reason == EVP_R_UNSUPPORTED_PRF || reason == EVP_R_UNSUPPORTED_ALGORITHM ||
                  reason == EVP_R_UNSUPPORTED_KEY_DERIVATION_FUNCTION));
    }
    return found;
}

static stls_be_status ossl_read_encrypted_key(ossl_credential *credential, stls_bytes der,
                                              const char *password) {
    const unsigned char *at = der.data;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)der.len);
    if (sealed == NULL || at != der.data + der.len) {
        X509_SIG_free(sealed);
        return STLS_BE_MALFORMED;
    }
    size_t password_len = password != NULL ? strlen(password) : 0;
    stls_be_status status = STLS_BE_PASSWORD;
    if (password != NULL && password_len <= INT_MAX) {
        ERR_clear_error();
        PKCS8_PRIV_KEY_INFO *info = PKCS8_decrypt(sealed, password, (int)password_len);
        credential->key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
        if (credential->key != NULL) {
            status = STLS_BE_OK;
        } else if (ossl_queue_says_unsupported()) {
            status = STLS_BE_UNSUPPORTED;
        } else {
            /* A wrong password also shows as garbage where the key should be. */
            status = info != NULL ? STLS_BE_MALFORMED : STLS_BE_PASSWORD;
        }
        PKCS8_PRIV_KEY_INFO_free(info);
    }
    X509_SIG_free(sealed);
    return status;
}

/* Whether `der` is a well-formed PrivateKeyInfo of a kind that OpenSSL does not have. */
static bool ossl_key_is_foreign(stls_bytes der) {
    const unsigned char *at = der.data;
    const ASN1_OBJECT *kind = NULL;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    bool foreign = info != NULL && PKCS8_pkey_get0(&kind, NULL, NULL, NULL, info) == 1;
    if (foreign) {
        int nid = OBJ_obj2nid(kind);
        foreign = nid != NID_rsaEncryption && nid != NID_rsassaPss && nid != NID_ED25519 &&
                  nid != NID_ED448 && nid != NID_X9_62_id_ecPublicKey;
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return foreign;
}

static stls_be_status ossl_read_key(ossl_credential *credential, stls_bytes der,
                                    const char *password) {
    if (der.len < 2 || der.len > LONG_MAX) {
        return STLS_BE_MALFORMED;
    }
    if (ossl_key_is_encrypted(der)) {
        return ossl_read_encrypted_key(credential, der, password);
    }
    const unsigned char *at = der.data;
    credential->key = d2i_AutoPrivateKey_ex(NULL, &at, (long)der.len, NULL, NULL);
    if (credential->key == NULL) {
        return ossl_key_is_foreign(der) ? STLS_BE_UNSUPPORTED : STLS_BE_MALFORMED;
    }
    return at == der.data + der.len ? STLS_BE_OK : STLS_BE_MALFORMED;
}

/* Whether an RSA key's numbers are no longer than those of a key that is one. OpenSSL computes with
 * them as they are: an exponent of megabytes takes hours. */
static stls_be_status ossl_check_numbers(EVP_PKEY *key) {
    OSSL_PARAM *numbers = NULL;
    size_t most = (size_t)EVP_PKEY_get_size(key);
    stls_be_status status = STLS_BE_OK;
    if (EVP_PKEY_is_a(key, "RSA") != 1 && EVP_PKEY_is_a(key, "RSA-PSS") != 1) {
        return STLS_BE_OK;
    }
    if (EVP_PKEY_get_bits(key) > OPENSSL_RSA_MAX_MODULUS_BITS) {
        return STLS_BE_UNSUPPORTED; /* OpenSSL verifies nothing with such a key */
    }
    if (EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &numbers) != 1) {
        return STLS_BE_MALFORMED;
    }
    if (numbers == NULL) { /* OpenSSL 3.0 calls it done when it has no memory for a copy */
        return STLS_BE_NO_MEMORY;
    }
    for (OSSL_PARAM *at = numbers; at->key != NULL; at++) {
        if (at->data_type == OSSL_PARAM_UNSIGNED_INTEGER && at->data_size > most) {
            status = STLS_BE_MALFORMED;
        }
        OPENSSL_cleanse(at->data, at->data_size);
    }
    OSSL_PARAM_free(numbers);
    return status;
}

/* KEY_MISMATCH unless `public` verifies what `key` signs. */
static stls_be_status ossl_try_pair(EVP_PKEY *public, EVP_PKEY *key) {
    static const unsigned char message[] = "siptls";
    size_t len = (size_t)EVP_PKEY_get_size(key);
    unsigned char *signature = OPENSSL_malloc(len);
    EVP_MD_CTX *sign = EVP_MD_CTX_new(), *verify = EVP_MD_CTX_new();
    bool has_room = signature != NULL && sign != NULL && verify != NULL;
    bool good = has_room && EVP_DigestSignInit_ex(sign, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
                EVP_DigestSign(sign, signature, &len, message, sizeof message) == 1 &&
                EVP_DigestVerifyInit_ex(verify, NULL, NULL, NULL, NULL, public, NULL) == 1 &&
                EVP_DigestVerify(verify, signature, len, message, sizeof message) == 1;
    EVP_MD_CTX_free(sign);
    EVP_MD_CTX_free(verify);
    OPENSSL_free(signature);
    return good ? STLS_BE_OK : has_room ? STLS_BE_KEY_MISMATCH : STLS_BE_NO_MEMORY;
}

static stls_be_status ossl_match(const ossl_credential *credential) {
    EVP_PKEY *public = X509_get0_pubkey(credential->leaf);
    if (public == NULL) {
        return STLS_BE_UNSUPPORTED; /* a certificate may hold a key of any kind */
    }
    /* This compares public halves, and the file of a key states its public half itself. */
    if (X509_check_private_key(credential->leaf, credential->key) != 1) {
        return STLS_BE_KEY_MISMATCH;
    }
    stls_be_status status = ossl_check_numbers(credential->key);
    return status == STLS_BE_OK ? ossl_try_pair(public, credential->key) : status;
}

/* What a handshake can sign with. */
static bool ossl_key_can_sign(EVP_PKEY *key) {
    static const char *const kinds[] = {"RSA",   "RSA-PSS",   "EC",        "ED25519",
                                        "ED448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (EVP_PKEY_is_a(key, kinds[i]) == 1) {
            return true;
        }
    }
    return false;
}

static bool ossl_has_memory(void) {
    enum { ABOUT_A_KEY = 4096 };
    void *p = OPENSSL_malloc(ABOUT_A_KEY);
    OPENSSL_free(p);
    return p != NULL;
}

stls_be_status ossl_credential_init(void *block, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password,
                                    stls_be_failure *failure) {
    ossl_credential *credential = block;
    ERR_clear_error();
    if (count == 0) {
        (void)ossl_fail(failure, STLS_BE_CAUSE_SETTING, "no certificate");
        return STLS_BE_MALFORMED;
    }
    stls_be_status status = ossl_read_chain(credential, chain, count, failure);
    if (status != STLS_BE_OK) {
        ERR_clear_error();
        return status;
    }
    status = ossl_read_key(credential, key, password);
    if (status == STLS_BE_OK && !ossl_key_can_sign(credential->key)) {
        status = STLS_BE_UNSUPPORTED;
    }
    if (status == STLS_BE_OK) {
        status = ossl_match(credential);
    }
    if (status == STLS_BE_KEY_MISMATCH) {
        status = ossl_match(credential); /* that memory failed once, OpenSSL does not always say */
    }
    if (status != STLS_BE_OK &&
        (ossl_fail(failure, STLS_BE_CAUSE_SETTING,
                   status == STLS_BE_PASSWORD
                       ? "the private key needs another password"
                       : "the private key cannot be used") == STLS_BE_NO_MEMORY ||
         !ossl_has_memory())) {
        status = STLS_BE_NO_MEMORY;
    }
    ERR_clear_error();
    return status;
}

void ossl_credential_fini(void *block) {
    ossl_credential *credential = block;
    X509_free(credential->leaf);
    sk_X509_pop_free(credential->issuers, X509_free);
    EVP_PKEY_free(credential->key);
    *credential = (ossl_credential){0};
}
