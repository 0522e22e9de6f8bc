/* backends/wolfssl/crypto.c - signatures, digests, keys and what tickets need, through wolfCrypt.
 *
 * A key handle holds the bytes of the key, not wolfCrypt's structure: wolfCrypt writes to an RsaKey
 * while it verifies, so one structure cannot serve several threads, and decoding is cheap.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>
#ifdef HAVE_ED25519
#include <wolfssl/wolfcrypt/ed25519.h>
#endif
#ifdef HAVE_ED448
#include <wolfssl/wolfcrypt/ed448.h>
#endif

enum { WOLF_RSA_BYTES = RSA_MAX_SIZE / 8, WOLF_RANDOM_AT_ONCE = 4096 };

typedef enum wolf_key_kind {
    WOLF_KEY_NONE = 0,
    WOLF_KEY_RSA,
    WOLF_KEY_RSA_PSS, /* id-RSASSA-PSS: good for PSS only */
    WOLF_KEY_EC,
    WOLF_KEY_ED25519,
    WOLF_KEY_ED448,
} wolf_key_kind;

typedef struct wolf_key {
    wolf_key_kind kind;
    int curve; /* WOLF_KEY_EC: wolfCrypt's id */
    size_t len;
    uint8_t bits[]; /* inside of the BIT STRING: RSAPublicKey, or the point */
} wolf_key;

static const uint8_t wolf_oid_rsa[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};
static const uint8_t wolf_oid_rsa_pss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
static const uint8_t wolf_oid_ec[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01};
#ifdef HAVE_ED25519
static const uint8_t wolf_oid_ed25519[] = {0x2b, 0x65, 0x70};
#endif
#ifdef HAVE_ED448
static const uint8_t wolf_oid_ed448[] = {0x2b, 0x65, 0x71};
#endif

/* --- As much DER as it takes to find a key --- */

bool wolf_der_take(stls_bytes *in, uint8_t tag, stls_bytes *content) {
    size_t head = 2, len;

    if (in->len < 2 || in->data[0] != tag)
        return false;
    len = in->data[1];
    if (len >= 0x80) {
        size_t n = len & 0x7f;
        if (n < 1 || n > 4 || in->len < 2 + n || in->data[2] == 0)
            return false;
        for (len = 0; head < 2 + n; head++)
            len = len << 8 | in->data[head];
        if (len < 0x80)
            return false;
    }
    if (len > in->len - head)
        return false;
    *content = (stls_bytes){in->data + head, len};
    *in = (stls_bytes){in->data + head + len, in->len - head - len};
    return true;
}

static bool wolf_equal(stls_bytes bytes, const uint8_t *data, size_t len) {
    return bytes.len == len && memcmp(bytes.data, data, len) == 0;
}

typedef struct wolf_spki {
    stls_bytes oid, parameters, bits; /* parameters: whole elements; empty if absent */
} wolf_spki;

static bool wolf_spki_read(stls_bytes der, wolf_spki *spki) {
    stls_bytes body, algorithm;

    if (!wolf_der_take(&der, 0x30, &body) || der.len != 0 ||
        !wolf_der_take(&body, 0x30, &algorithm) || !wolf_der_take(&algorithm, 0x06, &spki->oid) ||
        !wolf_der_take(&body, 0x03, &spki->bits) || body.len != 0 || spki->bits.len < 2 ||
        spki->bits.data[0] != 0)
        return false;
    spki->parameters = algorithm;
    spki->bits.data++;
    spki->bits.len--;
    return true;
}

bool wolf_certificate_spki(stls_bytes certificate, stls_bytes *spki) {
    stls_bytes outer, tbs, skipped;

    if (!wolf_der_take(&certificate, 0x30, &outer) || !wolf_der_take(&outer, 0x30, &tbs))
        return false;
    (void)wolf_der_take(&tbs, 0xa0, &skipped);  /* version */
    if (!wolf_der_take(&tbs, 0x02, &skipped) || /* serial number */
        !wolf_der_take(&tbs, 0x30, &skipped) || /* signature */
        !wolf_der_take(&tbs, 0x30, &skipped) || /* issuer */
        !wolf_der_take(&tbs, 0x30, &skipped) || /* validity */
        !wolf_der_take(&tbs, 0x30, &skipped))   /* subject */
        return false;
    *spki = tbs;
    if (!wolf_der_take(&tbs, 0x30, &skipped))
        return false;
    spki->len -= tbs.len;
    return true;
}

bool wolf_spki_is_pss(stls_bytes der) {
    wolf_spki spki;
    return wolf_spki_read(der, &spki) &&
           wolf_equal(spki.oid, wolf_oid_rsa_pss, sizeof wolf_oid_rsa_pss);
}

bool wolf_spki_is_rsa(stls_bytes der) {
    wolf_spki spki;
    return wolf_spki_read(der, &spki) && wolf_equal(spki.oid, wolf_oid_rsa, sizeof wolf_oid_rsa);
}

/* --- Keys --- */

/* The key's RsaKey; the caller frees it, also after a failure. */
static bool wolf_rsa_open(const wolf_key *key, RsaKey *rsa) {
    word32 at = 0;
    return wc_InitRsaKey(rsa, NULL) == 0 &&
           wc_RsaPublicKeyDecode(key->bits, &at, rsa, (word32)key->len) == 0 && at == key->len;
}

static stls_be_status wolf_rsa_check(const wolf_key *key) {
    const byte *n, *e;
    word32 at = 0, n_len = 0, e_len = 0;
    RsaKey rsa;
    stls_be_status status = STLS_BE_MALFORMED;

    if (wc_RsaPublicKeyDecode_ex(key->bits, &at, (word32)key->len, &n, &n_len, &e, &e_len) != 0 ||
        at != key->len || n_len == 0 || e_len == 0)
        return STLS_BE_MALFORMED;
    if (n_len > WOLF_RSA_BYTES || e_len > WOLF_RSA_BYTES)
        return STLS_BE_UNSUPPORTED;
    if (wolf_rsa_open(key, &rsa))
        status = STLS_BE_OK;
    wc_FreeRsaKey(&rsa);
    return status;
}

static bool wolf_ec_open(const wolf_key *key, ecc_key *ec) {
    return wc_ecc_init(ec) == 0 &&
           wc_ecc_import_x963_ex(key->bits, (word32)key->len, ec, key->curve) == 0;
}

/* wc_ecc_check_key() multiplies by the order of the curve as well, which costs as much as verifying
 * a signature; on a curve of cofactor 1 each point is of that order. */
static bool wolf_ec_is_valid(ecc_key *ec) {
    const ecc_set_type *curve = wc_ecc_get_curve_params(ec->idx);
    mp_int prime, a, b;

    if (!curve || curve->cofactor != 1)
        return curve && wc_ecc_check_key(ec) == 0;
    return mp_init_multi(&prime, &a, &b, NULL, NULL, NULL) == MP_OKAY &&
           mp_read_radix(&prime, curve->prime, MP_RADIX_HEX) == MP_OKAY &&
           mp_read_radix(&a, curve->Af, MP_RADIX_HEX) == MP_OKAY &&
           mp_read_radix(&b, curve->Bf, MP_RADIX_HEX) == MP_OKAY &&
           wc_ecc_is_point(&ec->pubkey, &a, &b, &prime) == MP_OKAY;
}

static stls_be_status wolf_ec_check(const wolf_key *key) {
    ecc_key ec;
    bool ok;

    /* 02 and 03 begin a compressed point, which not every build can read. */
    if (key->bits[0] != 0x04)
        return key->bits[0] == 0x02 || key->bits[0] == 0x03 ? STLS_BE_UNSUPPORTED
                                                            : STLS_BE_MALFORMED;
    ok = wolf_ec_open(key, &ec) && wolf_ec_is_valid(&ec);
    wc_ecc_free(&ec);
    return ok ? STLS_BE_OK : STLS_BE_MALFORMED;
}

static stls_be_status wolf_curve(const wolf_spki *spki, int *curve) {
    stls_bytes parameters = spki->parameters, oid;

    if (!wolf_der_take(&parameters, 0x06, &oid) || parameters.len != 0)
        /* Explicit parameters are a SEQUENCE: known, and done nowhere here. */
        return spki->parameters.len && spki->parameters.data[0] == 0x30 ? STLS_BE_UNSUPPORTED
                                                                        : STLS_BE_MALFORMED;
    *curve = wc_ecc_get_curve_id_from_oid(oid.data, (word32)oid.len);
    return *curve > ECC_CURVE_DEF ? STLS_BE_OK : STLS_BE_UNSUPPORTED;
}

static stls_be_status wolf_key_kind_of(const wolf_spki *spki, wolf_key_kind *kind, int *curve) {
    if (wolf_equal(spki->oid, wolf_oid_rsa, sizeof wolf_oid_rsa)) {
        *kind = WOLF_KEY_RSA;
    } else if (wolf_equal(spki->oid, wolf_oid_rsa_pss, sizeof wolf_oid_rsa_pss)) {
        *kind = WOLF_KEY_RSA_PSS;
    } else if (wolf_equal(spki->oid, wolf_oid_ec, sizeof wolf_oid_ec)) {
        *kind = WOLF_KEY_EC;
        return wolf_curve(spki, curve);
#ifdef HAVE_ED25519
    } else if (wolf_equal(spki->oid, wolf_oid_ed25519, sizeof wolf_oid_ed25519)) {
        *kind = WOLF_KEY_ED25519;
        return spki->bits.len == ED25519_PUB_KEY_SIZE ? STLS_BE_OK : STLS_BE_MALFORMED;
#endif
#ifdef HAVE_ED448
    } else if (wolf_equal(spki->oid, wolf_oid_ed448, sizeof wolf_oid_ed448)) {
        *kind = WOLF_KEY_ED448;
        return spki->bits.len == ED448_PUB_KEY_SIZE ? STLS_BE_OK : STLS_BE_MALFORMED;
#endif
    } else {
        return STLS_BE_UNSUPPORTED;
    }
    return STLS_BE_OK;
}

stls_be_status wolf_key_from_spki(stls_bytes der, void **out) {
    wolf_spki spki;
    wolf_key_kind kind = WOLF_KEY_NONE;
    wolf_key *key;
    int curve = ECC_CURVE_INVALID;
    stls_be_status status;

    *out = NULL;
    if (der.len > INT32_MAX || !wolf_spki_read(der, &spki))
        return STLS_BE_MALFORMED;
    status = wolf_key_kind_of(&spki, &kind, &curve);
    if (status != STLS_BE_OK)
        return status;
    key = XMALLOC(sizeof *key + spki.bits.len, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    if (!key)
        return STLS_BE_NO_MEMORY;
    *key = (wolf_key){.kind = kind, .curve = curve, .len = spki.bits.len};
    memcpy(key->bits, spki.bits.data, spki.bits.len);

    if (kind == WOLF_KEY_RSA || kind == WOLF_KEY_RSA_PSS)
        status = wolf_rsa_check(key);
    else if (kind == WOLF_KEY_EC)
        status = wolf_ec_check(key);
    if (status == STLS_BE_OK)
        *out = key;
    else
        XFREE(key, NULL, DYNAMIC_TYPE_TMP_BUFFER);
    return status;
}

void wolf_key_free(void *key) {
    XFREE(key, NULL, DYNAMIC_TYPE_TMP_BUFFER);
}

/* --- Digests --- */

enum wc_HashType wolf_hash(stls_hash hash) {
    switch (hash) {
    case STLS_HASH_MD5:
        return WC_HASH_TYPE_MD5;
    case STLS_HASH_SHA1:
        return WC_HASH_TYPE_SHA;
    case STLS_HASH_SHA224:
        return WC_HASH_TYPE_SHA224;
    case STLS_HASH_SHA256:
        return WC_HASH_TYPE_SHA256;
    case STLS_HASH_SHA384:
        return WC_HASH_TYPE_SHA384;
    case STLS_HASH_SHA512:
        return WC_HASH_TYPE_SHA512;
    case STLS_HASH_NONE:
        break;
    }
    return WC_HASH_TYPE_NONE;
}

static int wolf_mgf(stls_hash hash) {
    switch (hash) {
    case STLS_HASH_SHA1:
        return WC_MGF1SHA1;
    case STLS_HASH_SHA224:
        return WC_MGF1SHA224;
    case STLS_HASH_SHA256:
        return WC_MGF1SHA256;
    case STLS_HASH_SHA384:
        return WC_MGF1SHA384;
    case STLS_HASH_SHA512:
        return WC_MGF1SHA512;
    case STLS_HASH_NONE:
    case STLS_HASH_MD5:
        break;
    }
    return WC_MGF1NONE;
}

stls_be_status wolf_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len) {
    enum wc_HashType type = wolf_hash(hash);
    int size = type == WC_HASH_TYPE_NONE ? 0 : wc_HashGetDigestSize(type);
    int result;

    if (size <= 0 || size > STLS_HASH_SIZE_MAX)
        return STLS_BE_UNSUPPORTED;
    if (data.len > UINT32_MAX)
        return STLS_BE_FAILED;
    /* wolfCrypt refuses NULL, also for nothing at all. */
    result = wc_Hash(type, data.len ? data.data : (const uint8_t *)"", (word32)data.len, out,
                     (word32)size);
    if (result != 0)
        return result == MEMORY_E      ? STLS_BE_NO_MEMORY
               : result == HASH_TYPE_E ? STLS_BE_UNSUPPORTED
                                       : STLS_BE_FAILED;
    *len = (size_t)size;
    return STLS_BE_OK;
}

/* --- Signatures --- */

/* What a function of wolfCrypt has said that did not say "good". */
static stls_be_status wolf_not_good(int result) {
    return result == MEMORY_E || result == MP_MEM ? STLS_BE_NO_MEMORY
           : result == NOT_COMPILED_IN || result == HASH_TYPE_E || result == SIG_TYPE_E
               ? STLS_BE_UNSUPPORTED
               : STLS_BE_FAILED;
}

static stls_be_status wolf_verify_pkcs1(RsaKey *rsa, stls_hash hash, stls_bytes digest,
                                        stls_bytes signature) {
    uint8_t found[WOLF_RSA_BYTES], wanted[STLS_HASH_SIZE_MAX + 64];
    int oid = wc_HashGetOID(wolf_hash(hash));
    word32 wanted_len;
    int result;

    if (oid <= 0)
        return STLS_BE_UNSUPPORTED;
    wanted_len = wc_EncodeSignature(wanted, digest.data, (word32)digest.len, oid);
    result = wc_RsaSSL_Verify(signature.data, (word32)signature.len, found, sizeof found, rsa);
    if (result < 0)
        return wolf_not_good(result);
    return wanted_len > 0 && (word32)result == wanted_len && memcmp(found, wanted, wanted_len) == 0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
}

static stls_be_status wolf_verify_pss(RsaKey *rsa, const stls_signature_algorithm *algorithm,
                                      stls_bytes digest, stls_bytes signature) {
#ifdef WC_RSA_PSS
    uint8_t in[WOLF_RSA_BYTES], out[WOLF_RSA_BYTES];
    enum wc_HashType type = wolf_hash(algorithm->hash);
    int mgf = wolf_mgf(algorithm->mgf1_hash);
    int bits = wc_RsaEncryptSize(rsa) * 8;
    int result;

    if (mgf == WC_MGF1NONE || algorithm->salt_len > WOLF_RSA_BYTES)
        return STLS_BE_UNSUPPORTED;
#ifndef WOLFSSL_PSS_LONG_SALT
    if (algorithm->salt_len > digest.len)
        return STLS_BE_UNSUPPORTED;
#endif
    memcpy(in, signature.data, signature.len);
    result = wc_RsaPSS_Verify_ex(in, (word32)signature.len, out, sizeof out, type, mgf,
                                 (int)algorithm->salt_len, rsa);
    if (result <= 0)
        return wolf_not_good(result);
    result = wc_RsaPSS_CheckPadding_ex(digest.data, (word32)digest.len, out, (word32)result, type,
                                       (int)algorithm->salt_len, bits);
    return result == 0 ? STLS_BE_OK : wolf_not_good(result);
#else
    (void)rsa, (void)algorithm, (void)digest, (void)signature;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_verify_rsa(const stls_signature_algorithm *algorithm,
                                      const wolf_key *key, stls_bytes digest,
                                      stls_bytes signature) {
    RsaKey rsa;
    stls_be_status status = STLS_BE_FAILED;

    /* wolfCrypt takes shorter signatures too; RFC 8017 does not. */
    if (wolf_rsa_open(key, &rsa) && wc_RsaEncryptSize(&rsa) > 0 &&
        signature.len == (size_t)wc_RsaEncryptSize(&rsa))
        status = algorithm->kind == STLS_SIGNATURE_RSA_PSS
                     ? wolf_verify_pss(&rsa, algorithm, digest, signature)
                     : wolf_verify_pkcs1(&rsa, algorithm->hash, digest, signature);
    wc_FreeRsaKey(&rsa);
    return status;
}

static stls_be_status wolf_verify_ec(const wolf_key *key, stls_bytes digest, stls_bytes signature) {
    ecc_key ec;
    int good = 0, result = BAD_FUNC_ARG;

    if (wolf_ec_open(key, &ec))
        result = wc_ecc_verify_hash(signature.data, (word32)signature.len, digest.data,
                                    (word32)digest.len, &good, &ec);
    wc_ecc_free(&ec);
    return result == 0 && good == 1 ? STLS_BE_OK : wolf_not_good(result);
}

static stls_be_status wolf_verify_ed25519(const wolf_key *key, stls_bytes message,
                                          stls_bytes signature) {
#ifdef HAVE_ED25519
    ed25519_key ed;
    int good = 0, result = wc_ed25519_init(&ed);

    if (result == 0)
        result = wc_ed25519_import_public(key->bits, (word32)key->len, &ed);
    if (result == 0)
        result = wc_ed25519_verify_msg(signature.data, (word32)signature.len, message.data,
                                       (word32)message.len, &good, &ed);
    wc_ed25519_free(&ed);
    return result == 0 && good == 1 ? STLS_BE_OK : wolf_not_good(result);
#else
    (void)key, (void)message, (void)signature;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_verify_ed448(const wolf_key *key, stls_bytes message,
                                        stls_bytes signature) {
#ifdef HAVE_ED448
    ed448_key ed;
    int good = 0, result = wc_ed448_init(&ed);

    if (result == 0)
        result = wc_ed448_import_public(key->bits, (word32)key->len, &ed);
    if (result == 0)
        result = wc_ed448_verify_msg(signature.data, (word32)signature.len, message.data,
                                     (word32)message.len, &good, &ed, NULL, 0);
    wc_ed448_free(&ed);
    return result == 0 && good == 1 ? STLS_BE_OK : wolf_not_good(result);
#else
    (void)key, (void)message, (void)signature;
    return STLS_BE_UNSUPPORTED;
#endif
}

/* Whether a key of this kind can make a signature of this kind. */
static bool wolf_key_fits(wolf_key_kind key, stls_signature_kind signature) {
    switch (signature) {
    case STLS_SIGNATURE_RSA_PKCS1:
        return key == WOLF_KEY_RSA;
    case STLS_SIGNATURE_RSA_PSS:
        return key == WOLF_KEY_RSA || key == WOLF_KEY_RSA_PSS;
    case STLS_SIGNATURE_ECDSA:
        return key == WOLF_KEY_EC;
    case STLS_SIGNATURE_ED25519:
        return key == WOLF_KEY_ED25519;
    case STLS_SIGNATURE_ED448:
        return key == WOLF_KEY_ED448;
    case STLS_SIGNATURE_UNKNOWN:
        break;
    }
    return false;
}

stls_be_status wolf_verify_signature(const stls_signature_algorithm *algorithm, void *handle,
                                     stls_bytes message, stls_bytes signature) {
    const wolf_key *key = handle;
    uint8_t hashed[STLS_HASH_SIZE_MAX];
    stls_bytes digest = {hashed, 0};
    stls_be_status status;

    if (!wolf_key_fits(key->kind, algorithm->kind))
        return STLS_BE_UNSUPPORTED;
    if (signature.len == 0 || signature.len > UINT16_MAX || message.len > UINT32_MAX)
        return STLS_BE_FAILED;
    if (key->kind == WOLF_KEY_ED25519)
        return wolf_verify_ed25519(key, message, signature);
    if (key->kind == WOLF_KEY_ED448)
        return wolf_verify_ed448(key, message, signature);

    status = wolf_digest(algorithm->hash, message, hashed, &digest.len);
    if (status != STLS_BE_OK)
        return status;
    return key->kind == WOLF_KEY_EC ? wolf_verify_ec(key, digest, signature)
                                    : wolf_verify_rsa(algorithm, key, digest, signature);
}

/* --- Does a private key belong to a public one? -----------------------------------------------
 * MALFORMED if the private key is not of the function's kind; KEY_MISMATCH if `public` is NULL. */

static stls_be_status wolf_compared(int result, bool equal) {
    if (result == MEMORY_E || result == MP_MEM)
        return STLS_BE_NO_MEMORY;
    if (result != 0)
        return STLS_BE_MALFORMED;
    return equal ? STLS_BE_OK : STLS_BE_KEY_MISMATCH;
}

/* Whether `public` verifies what `private` signs. */
static int wolf_rsa_is_pair(RsaKey *public, RsaKey *private, bool *is_pair) {
    static const byte message[] = "siptls";
    byte signature[WOLF_RSA_BYTES], found[WOLF_RSA_BYTES] = {0};
    WC_RNG rng;
    int len, result = wc_InitRng(&rng);

    *is_pair = false;
    if (result != 0)
        return result;
#ifdef WC_RSA_BLINDING
    result = wc_RsaSetRNG(private, &rng);
#endif
    if (result == 0) {
        len = wc_RsaSSL_Sign(message, sizeof message, signature, sizeof signature, private, &rng);
        if (len > 0)
            len = wc_RsaSSL_Verify(signature, (word32)len, found, sizeof found, public);
        if (len == MEMORY_E || len == MP_MEM)
            result = len;
        *is_pair = len == (int)sizeof message && memcmp(found, message, sizeof message) == 0;
    }
    wc_FreeRng(&rng);
    return result;
}

static stls_be_status wolf_rsa_matches(const wolf_key *public, stls_bytes der) {
    RsaKey mine, theirs;
    byte n[2][WOLF_RSA_BYTES], e[2][WOLF_RSA_BYTES];
    word32 n_len[2] = {sizeof n[0], sizeof n[1]}, e_len[2] = {sizeof e[0], sizeof e[1]}, at = 0;
    bool equal = false;
    int result = wc_InitRsaKey(&mine, NULL);

    if (result == 0)
        result = wc_RsaPrivateKeyDecode(der.data, &at, &mine, (word32)der.len);
    if (result == 0)
        result = wc_RsaFlattenPublicKey(&mine, e[0], &e_len[0], n[0], &n_len[0]);
    if (result == 0 && public) {
        equal = wolf_rsa_open(public, &theirs) &&
                wc_RsaFlattenPublicKey(&theirs, e[1], &e_len[1], n[1], &n_len[1]) == 0 &&
                n_len[0] == n_len[1] && memcmp(n[0], n[1], n_len[0]) == 0 && e_len[0] == e_len[1] &&
                memcmp(e[0], e[1], e_len[0]) == 0;
        if (equal) /* the file of a key states its public half itself */
            result = wolf_rsa_is_pair(&theirs, &mine, &equal);
        wc_FreeRsaKey(&theirs);
    }
    wc_FreeRsaKey(&mine); /* wipes the private part */
    return wolf_compared(result, equal);
}

static stls_be_status wolf_ec_matches(const wolf_key *public, stls_bytes der) {
    ecc_key mine;
    byte point[2 * MAX_ECC_BYTES + 1];
    word32 len = sizeof point, at = 0;
    int result = wc_ecc_init(&mine);
    bool equal = false;

    if (result == 0)
        result = wc_EccPrivateKeyDecode(der.data, &at, &mine, (word32)der.len);
    /* The point is computed from the private number: what the key file says of it proves nothing.
     */
    if (result == 0)
        result = wc_ecc_make_pub(&mine, NULL);
    if (result == 0)
        result = wc_ecc_export_x963(&mine, point, &len);
    if (result == 0 && public)
        equal = wc_ecc_get_curve_id(mine.idx) == public->curve && len == public->len &&
                memcmp(point, public->bits, len) == 0;
    wc_ecc_free(&mine);
    return wolf_compared(result, equal);
}

static stls_be_status wolf_ed25519_matches(const wolf_key *public, stls_bytes der) {
#ifdef HAVE_ED25519
    ed25519_key mine;
    byte made[ED25519_PUB_KEY_SIZE];
    word32 at = 0;
    int result = wc_ed25519_init(&mine);

    if (result == 0)
        result = wc_Ed25519PrivateKeyDecode(der.data, &at, &mine, (word32)der.len);
    if (result == 0)
        result = wc_ed25519_make_public(&mine, made, sizeof made);
    wc_ed25519_free(&mine);
    return wolf_compared(result, result == 0 && public && public->len == sizeof made &&
                                     memcmp(made, public->bits, sizeof made) == 0);
#else
    (void)public, (void)der;
    return STLS_BE_UNSUPPORTED;
#endif
}

static stls_be_status wolf_matches_kind(const wolf_key *public, wolf_key_kind kind,
                                        stls_bytes der) {
    switch (kind) {
    case WOLF_KEY_RSA:
    case WOLF_KEY_RSA_PSS:
        return wolf_rsa_matches(public, der);
    case WOLF_KEY_EC:
        return wolf_ec_matches(public, der);
    case WOLF_KEY_ED25519:
        return wolf_ed25519_matches(public, der);
    case WOLF_KEY_ED448:
    case WOLF_KEY_NONE:
        break;
    }
    return STLS_BE_UNSUPPORTED;
}

stls_be_status wolf_key_matches(stls_bytes spki, stls_bytes private_key) {
    static const wolf_key_kind kinds[] = {WOLF_KEY_RSA, WOLF_KEY_EC, WOLF_KEY_ED25519};
    void *key;
    stls_be_status status = wolf_key_from_spki(spki, &key);

    if (status != STLS_BE_OK)
        return status;
    status = STLS_BE_MALFORMED;
    if (private_key.len <= INT32_MAX)
        status = wolf_matches_kind(key, ((const wolf_key *)key)->kind, private_key);
    /* A good key of another kind is not a malformed one. */
    for (size_t i = 0; status == STLS_BE_MALFORMED && i < sizeof kinds / sizeof *kinds; i++)
        if (wolf_matches_kind(NULL, kinds[i], private_key) == STLS_BE_KEY_MISMATCH)
            status = STLS_BE_KEY_MISMATCH;
    wolf_key_free(key);
    return status;
}

/* --- Random, HKDF, AES-256-GCM --- */

static int wolf_generate(WC_RNG *rng, uint8_t *out, size_t len) {
    int result = 0;

    for (size_t at = 0; result == 0 && at < len;) {
        size_t n = len - at < WOLF_RANDOM_AT_ONCE ? len - at : WOLF_RANDOM_AT_ONCE;
        result = wc_RNG_GenerateBlock(rng, out + at, (word32)n);
        at += n;
    }
    return result;
}

static int wolf_generate_once(uint8_t *out, size_t len) {
    WC_RNG rng;
    int result = wc_InitRng(&rng);

    if (result == 0)
        result = wolf_generate(&rng, out, len);
    wc_FreeRng(&rng);
    return result;
}

/* To seed a generator costs as much as a tenth of a resumed handshake: there is one for all, and a
 * new one in a child of fork(). Where another thread has it, or had it at that moment, one is made
 * for this call. */
static pthread_mutex_t wolf_shared_lock = PTHREAD_MUTEX_INITIALIZER;
static WC_RNG wolf_shared;
static pid_t wolf_shared_owner; /* 0: it is not there */

static int wolf_generate_shared(uint8_t *out, size_t len) {
    int result = 0;

    if (wolf_shared_owner != getpid()) {
        if (wolf_shared_owner != 0)
            wc_FreeRng(&wolf_shared);
        result = wc_InitRng(&wolf_shared);
        wolf_shared_owner = result == 0 ? getpid() : 0;
    }
    if (result == 0)
        result = wolf_generate(&wolf_shared, out, len);
    if (result != 0 && wolf_shared_owner != 0) {
        wc_FreeRng(&wolf_shared);
        wolf_shared_owner = 0;
    }
    return result;
}

stls_be_status wolf_random(uint8_t *out, size_t len) {
    int result;

    if (pthread_mutex_trylock(&wolf_shared_lock) == 0) {
        result = wolf_generate_shared(out, len);
        pthread_mutex_unlock(&wolf_shared_lock);
    } else {
        result = wolf_generate_once(out, len);
    }
    return result == 0 ? STLS_BE_OK : result == MEMORY_E ? STLS_BE_NO_MEMORY : STLS_BE_FAILED;
}

stls_be_status wolf_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len) {
#ifdef HAVE_HKDF
    if (secret.len > INT32_MAX || salt.len > INT32_MAX || info.len > INT32_MAX ||
        len > 255 * WC_SHA256_DIGEST_SIZE)
        return STLS_BE_FAILED;
    return wc_HKDF(WC_SHA256, secret.data, (word32)secret.len, salt.data, (word32)salt.len,
                   info.data, (word32)info.len, out, (word32)len) == 0
               ? STLS_BE_OK
               : STLS_BE_FAILED;
#else
    (void)secret, (void)salt, (void)info, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
#endif
}

static bool wolf_aes(Aes *aes, const uint8_t *key, stls_bytes associated, stls_bytes in) {
    return associated.len <= INT32_MAX && in.len <= INT32_MAX &&
           wc_AesGcmSetKey(aes, key, STLS_AEAD_KEY_LEN) == 0;
}

stls_be_status wolf_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out) {
    Aes aes;
    bool ok;

    if (wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
        return STLS_BE_FAILED;
    ok = wolf_aes(&aes, key, associated, plain) &&
         wc_AesGcmEncrypt(&aes, out, plain.data, (word32)plain.len, nonce, STLS_AEAD_NONCE_LEN,
                          out + plain.len, STLS_AEAD_TAG_LEN, associated.data,
                          (word32)associated.len) == 0;
    wc_AesFree(&aes);
    return ok ? STLS_BE_OK : STLS_BE_FAILED;
}

stls_be_status wolf_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out) {
    uint8_t tag[STLS_AEAD_TAG_LEN];
    Aes aes;
    size_t len;
    bool ok;

    if (sealed.len < sizeof tag || wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
        return STLS_BE_FAILED;
    len = sealed.len - sizeof tag;
    memcpy(tag, sealed.data + len, sizeof tag); /* `out` may reach into it */
    ok = wolf_aes(&aes, key, associated, sealed) &&
         wc_AesGcmDecrypt(&aes, out, sealed.data, (word32)len, nonce, STLS_AEAD_NONCE_LEN, tag,
                          sizeof tag, associated.data, (word32)associated.len) == 0;
    wc_AesFree(&aes);
    if (!ok)
        wolf_wipe(out, len); /* it decrypts before it checks */
    return ok ? STLS_BE_OK : STLS_BE_FAILED;
}
