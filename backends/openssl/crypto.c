/* backends/openssl/crypto.c - public keys, signatures and digests of certificates; HKDF, AES-GCM
 * and random bytes for tickets.
 *
 * A key handle is an EVP_PKEY, whether made here or by OpenSSL while it read the peer's chain. In
 * OpenSSL 3.0 the general decoder (d2i_PUBKEY) costs more than verifying a signature does; so the
 * usual kinds of key are recognised by the exact bytes of their AlgorithmIdentifier and built
 * directly.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <limits.h>
#include <string.h>

/* --- A walk through a SubjectPublicKeyInfo --- */

/* Takes one element off the front of `*in`; its contents go to `*content`, the whole to `*element`
 * (both may be NULL). */
static bool ossl_der_take(stls_bytes *in, uint8_t tag, stls_bytes *content, stls_bytes *element) {
    if (in->len < 2 || in->data[0] != tag) {
        return false;
    }
    size_t header = 2, len = in->data[1];
    if (len >= 0x80) {
        size_t octets = len - 0x80;
        if (octets < 1 || octets > 2 || in->len < 2 + octets || in->data[2] == 0) {
            return false; /* no key is longer than 65 535 bytes */
        }
        len = octets == 1 ? in->data[2] : (size_t)in->data[2] << 8 | in->data[3];
        if (len < 0x80) {
            return false;
        }
        header += octets;
    }
    if (len > in->len - header) {
        return false;
    }
    if (content != NULL) {
        *content = (stls_bytes){in->data + header, len};
    }
    if (element != NULL) {
        *element = (stls_bytes){in->data, header + len};
    }
    in->data += header + len;
    in->len -= header + len;
    return true;
}

/* `bits`: the key itself, behind the count of unused bits. */
static bool ossl_spki_split(stls_bytes spki, stls_bytes *algorithm, stls_bytes *bits) {
    stls_bytes body;
    if (!ossl_der_take(&spki, 0x30, &body, NULL) || spki.len != 0 ||
        !ossl_der_take(&body, 0x30, NULL, algorithm) || !ossl_der_take(&body, 0x03, bits, NULL) ||
        body.len != 0 || bits->len < 1 || bits->data[0] != 0) {
        return false;
    }
    bits->data++;
    bits->len--;
    return true;
}

/* --- Keys --- */

static EVP_PKEY *ossl_make_ec(stls_bytes bits, size_t curve) {
    EVP_PKEY *template = ossl_curve_template(curve);
    EVP_PKEY *key = template != NULL ? EVP_PKEY_new() : NULL;
    if (key == NULL || EVP_PKEY_copy_parameters(key, template) != 1 ||
        EVP_PKEY_set1_encoded_public_key(key, bits.data, bits.len) != 1) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

/* An INTEGER above zero, in its shortest form. */
static BIGNUM *ossl_take_integer(stls_bytes *in) {
    stls_bytes integer;
    if (!ossl_der_take(in, 0x02, &integer, NULL) || integer.len < 1 ||
        (integer.data[0] & 0x80) != 0 ||
        (integer.data[0] == 0 && (integer.len < 2 || (integer.data[1] & 0x80) == 0))) {
        return NULL;
    }
    return BN_bin2bn(integer.data, (int)integer.len, NULL);
}

static EVP_PKEY *ossl_make_rsa(stls_bytes bits, size_t unused) {
    (void)unused;
    stls_bytes body;
    if (!ossl_der_take(&bits, 0x30, &body, NULL) || bits.len != 0) {
        return NULL;
    }
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = NULL;
    BIGNUM *n = ossl_take_integer(&body);
    BIGNUM *e = ossl_take_integer(&body);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || body.len != 0 || build == NULL ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1 ||
        (params = OSSL_PARAM_BLD_to_param(build)) == NULL ||
        (ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL)) == NULL ||
        EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return key;
}

static EVP_PKEY *ossl_make_raw(stls_bytes bits, size_t len) {
    return EVP_PKEY_new_raw_public_key_ex(NULL, len == 32 ? "ED25519" : "ED448", NULL, bits.data,
                                          bits.len);
}

/* The AlgorithmIdentifiers of RFC 3279, 5480 and 8410 that are built directly. */
static const struct {
    const char *algorithm;
    size_t len;
    EVP_PKEY *(*make)(stls_bytes bits, size_t argument);
    size_t argument;
} ossl_key_kinds[] = {
    {"\x30\x13\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07", 21,
     ossl_make_ec, OSSL_CURVE_P256},
    {"\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22", 18, ossl_make_ec,
     OSSL_CURVE_P384},
    {"\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x23", 18, ossl_make_ec,
     OSSL_CURVE_P521},
    {"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00", 15, ossl_make_rsa, 0},
    {"\x30\x05\x06\x03\x2B\x65\x70", 7, ossl_make_raw, 32},
    {"\x30\x05\x06\x03\x2B\x65\x71", 7, ossl_make_raw, 57},
};

bool ossl_key_has_explicit_curve(EVP_PKEY *key) {
    int is_explicit = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                  &is_explicit) == 1 &&
           is_explicit != 0;
}

/* Why the decoder has not made a key: is it a kind that OpenSSL has, then the key is broken. */
static stls_be_status ossl_undecoded(X509_PUBKEY *pubkey) {
    X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *kind = NULL;
    const void *parameter = NULL;
    int type = V_ASN1_UNDEF;
    (void)X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, pubkey);
    X509_ALGOR_get0(&kind, &type, &parameter, algorithm);
    switch (OBJ_obj2nid(kind)) {
    case NID_rsaEncryption:
    case NID_rsassaPss:
    case NID_ED25519:
    case NID_ED448:
        return STLS_BE_MALFORMED;
    case NID_X9_62_id_ecPublicKey: {
        if (type != V_ASN1_OBJECT) {
            return STLS_BE_UNSUPPORTED;
        }
        EC_GROUP *curve = EC_GROUP_new_by_curve_name(OBJ_obj2nid(parameter));
        EC_GROUP_free(curve);
        return curve != NULL ? STLS_BE_MALFORMED : STLS_BE_UNSUPPORTED;
    }
    default:
        return STLS_BE_UNSUPPORTED;
    }
}

/* The general way, for the rarer kinds. */
static stls_be_status ossl_decode_key(stls_bytes spki, EVP_PKEY **key) {
    const unsigned char *at = spki.data;
    X509_PUBKEY *pubkey = d2i_X509_PUBKEY(NULL, &at, (long)spki.len);
    if (pubkey == NULL || at != spki.data + spki.len) {
        X509_PUBKEY_free(pubkey);
        return STLS_BE_MALFORMED;
    }
    stls_be_status status = STLS_BE_OK;
    *key = X509_PUBKEY_get(pubkey);
    if (*key == NULL) {
        status = ossl_undecoded(pubkey);
    } else if (ossl_key_has_explicit_curve(*key)) {
        EVP_PKEY_free(*key);
        *key = NULL;
        status = STLS_BE_UNSUPPORTED;
    }
    X509_PUBKEY_free(pubkey);
    return status;
}

/* Whether memory ran out since the mark was set; takes the errors since then away. */
static bool ossl_mark_end(void) {
    bool no_memory = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ||
                     ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;
    (void)ERR_pop_to_mark();
    return no_memory;
}

stls_be_status ossl_key_from_spki(stls_bytes spki, void **out) {
    stls_bytes algorithm, bits;
    *out = NULL;
    if (spki.len > LONG_MAX || !ossl_spki_split(spki, &algorithm, &bits)) {
        return STLS_BE_MALFORMED;
    }
    (void)ERR_set_mark();
    EVP_PKEY *key = NULL;
    stls_be_status status = STLS_BE_UNSUPPORTED;
    size_t i = 0, kinds = sizeof ossl_key_kinds / sizeof ossl_key_kinds[0];
    while (i < kinds && (ossl_key_kinds[i].len != algorithm.len ||
                         memcmp(ossl_key_kinds[i].algorithm, algorithm.data, algorithm.len) != 0)) {
        i++;
    }
    if (i < kinds) {
        key = ossl_key_kinds[i].make(bits, ossl_key_kinds[i].argument);
    }
    if (key != NULL) {
        status = STLS_BE_OK;
    } else {
        /* Also after a failure above: the decoder tells a broken key from a missing algorithm. */
        status = ossl_decode_key(spki, &key);
    }
    bool no_memory = ossl_mark_end();
    *out = key;
    return no_memory && status != STLS_BE_OK ? STLS_BE_NO_MEMORY : status;
}

void ossl_key_free(void *key) {
    EVP_PKEY_free(key);
}

/* --- Digests and signatures --- */

const EVP_MD *ossl_md(stls_hash hash) {
    switch (hash) {
    case STLS_HASH_MD5:
        return EVP_md5();
    case STLS_HASH_SHA1:
        return EVP_sha1();
    case STLS_HASH_SHA224:
        return EVP_sha224();
    case STLS_HASH_SHA256:
        return ossl_sha256();
    case STLS_HASH_SHA384:
        return EVP_sha384();
    case STLS_HASH_SHA512:
        return EVP_sha512();
    case STLS_HASH_NONE:
        break;
    }
    return NULL;
}

stls_be_status ossl_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len) {
    const EVP_MD *md = ossl_md(hash);
    if (md == NULL) {
        return STLS_BE_UNSUPPORTED;
    }
    (void)ERR_set_mark();
    unsigned int size = 0;
    int done = EVP_Digest(data.data, data.len, out, &size, md, NULL);
    bool no_memory = ossl_mark_end();
    if (done != 1) {
        return no_memory ? STLS_BE_NO_MEMORY : STLS_BE_UNSUPPORTED;
    }
    *len = size;
    return STLS_BE_OK;
}

/* An algorithm is verified only with the kind of key it is for. */
static bool ossl_key_fits(EVP_PKEY *key, const stls_signature_algorithm *algorithm) {
    bool hashed = ossl_md(algorithm->hash) != NULL;
    switch (algorithm->kind) {
    case STLS_SIGNATURE_RSA_PKCS1:
        return hashed && EVP_PKEY_is_a(key, "RSA") == 1;
    case STLS_SIGNATURE_RSA_PSS:
        return hashed && ossl_md(algorithm->mgf1_hash) != NULL && algorithm->salt_len <= 2048 &&
               (EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1);
    case STLS_SIGNATURE_ECDSA:
        return hashed && EVP_PKEY_is_a(key, "EC") == 1;
    case STLS_SIGNATURE_ED25519:
        return algorithm->hash == STLS_HASH_NONE && EVP_PKEY_is_a(key, "ED25519") == 1;
    case STLS_SIGNATURE_ED448:
        return algorithm->hash == STLS_HASH_NONE && EVP_PKEY_is_a(key, "ED448") == 1;
    case STLS_SIGNATURE_UNKNOWN:
        break;
    }
    return false;
}

/* OpenSSL refuses here what the parameters of an id-RSASSA-PSS key do not allow. */
static bool ossl_set_pss(EVP_PKEY_CTX *ctx, const stls_signature_algorithm *algorithm) {
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, ossl_md(algorithm->mgf1_hash)) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)algorithm->salt_len) == 1;
}

stls_be_status ossl_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                     stls_bytes message, stls_bytes signature) {
    if (key == NULL || !ossl_key_fits(key, algorithm)) {
        return STLS_BE_UNSUPPORTED;
    }
    (void)ERR_set_mark();
    stls_be_status status = STLS_BE_UNSUPPORTED;
    EVP_PKEY_CTX *parameters = NULL; /* belongs to ctx */
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL &&
        EVP_DigestVerifyInit(ctx, &parameters, ossl_md(algorithm->hash), NULL, key) == 1 &&
        (algorithm->kind != STLS_SIGNATURE_RSA_PSS || ossl_set_pss(parameters, algorithm))) {
        /* Else a copy is finished, and OpenSSL does not tell if there is no memory for one. */
        EVP_MD_CTX_set_flags(ctx, EVP_MD_CTX_FLAG_FINALISE);
        int good = EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len);
        status = good == 1 ? STLS_BE_OK : STLS_BE_FAILED;
    }
    EVP_MD_CTX_free(ctx);
    bool no_memory = ossl_mark_end();
    return no_memory && status != STLS_BE_OK ? STLS_BE_NO_MEMORY : status;
}

void *ossl_readable(const void *data) {
    union {
        const void *constant;
        void *plain;
    } pointer = {data};
    return pointer.plain;
}

/* --- Random, HKDF, AES-256-GCM --- */

stls_be_status ossl_random(uint8_t *out, size_t len) {
    (void)ERR_set_mark();
    bool done = len == 0 || RAND_bytes_ex(NULL, out, len, 0) == 1;
    bool no_memory = ossl_mark_end();
    return done ? STLS_BE_OK : no_memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

/* The parameters point to the caller's bytes: those of OSSL_PARAM_BLD are copies, which it does not
 * wipe. */
stls_be_status ossl_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len) {
    static const uint8_t nothing[1];
    char digest[] = "SHA256";
    OSSL_PARAM params[5] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_KEY, ossl_readable(secret.len > 0 ? secret.data : nothing), secret.len),
    };
    size_t count = 2;
    if (salt.len > 0) {
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                            ossl_readable(salt.data), salt.len);
    }
    if (info.len > 0) {
        params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                            ossl_readable(info.data), info.len);
    }
    params[count] = OSSL_PARAM_construct_end();
    (void)ERR_set_mark();
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    bool done = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    bool no_memory = ossl_mark_end();
    if (!done) {
        OPENSSL_cleanse(out, len);
    }
    return done ? STLS_BE_OK : no_memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

/* Starts AES-256-GCM and takes in the associated data. */
static EVP_CIPHER_CTX *ossl_gcm(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                                bool seal) {
    int len = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    /* STLS_AEAD_NONCE_LEN is the length that GCM has unless told otherwise. */
    if (ctx != NULL && associated.len <= INT_MAX &&
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal ? 1 : 0) == 1 &&
        (associated.len == 0 ||
         EVP_CipherUpdate(ctx, NULL, &len, associated.data, (int)associated.len) == 1)) {
        return ctx;
    }
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

stls_be_status ossl_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out) {
    int len = 0;
    (void)ERR_set_mark();
    EVP_CIPHER_CTX *ctx = plain.len <= INT_MAX ? ossl_gcm(key, nonce, associated, true) : NULL;
    bool done =
        ctx != NULL &&
        (plain.len == 0 || EVP_CipherUpdate(ctx, out, &len, plain.data, (int)plain.len) == 1) &&
        EVP_CipherFinal_ex(ctx, out + plain.len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, STLS_AEAD_TAG_LEN, out + plain.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    bool no_memory = ossl_mark_end();
    return done ? STLS_BE_OK : no_memory ? STLS_BE_NO_MEMORY : STLS_BE_UNSUPPORTED;
}

stls_be_status ossl_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out) {
    uint8_t tag[STLS_AEAD_TAG_LEN];
    int len = 0;
    if (sealed.len < sizeof tag || sealed.len > INT_MAX) {
        return STLS_BE_FAILED;
    }
    size_t text_len = sealed.len - sizeof tag;
    memcpy(tag, sealed.data + text_len, sizeof tag);
    (void)ERR_set_mark();
    EVP_CIPHER_CTX *ctx = ossl_gcm(key, nonce, associated, false);
    bool done =
        ctx != NULL &&
        (text_len == 0 || EVP_CipherUpdate(ctx, out, &len, sealed.data, (int)text_len) == 1) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
        EVP_CipherFinal_ex(ctx, tag, &len) == 1; /* gives no bytes */
    EVP_CIPHER_CTX_free(ctx);
    bool no_memory = ossl_mark_end();
    if (!done) {
        OPENSSL_cleanse(out, text_len);
    }
    return done ? STLS_BE_OK : no_memory ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}
