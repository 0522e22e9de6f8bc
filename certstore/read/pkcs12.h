/* certstore/read/pkcs12.h - the container PKCS#12 (RFC 7292), as far as it is plain.
 *
 * The model: a PFX holds safes, some of which are encrypted; a safe holds bags, some of which are
 * encrypted again. Everything here is a cursor over bytes that somebody else keeps, as in der.h:
 * who has decrypted a safe walks through its bags with the same functions. What is wrong comes back
 * as the end of a sentence; NULL says that all is well.
 *
 * DER only. Of what a PFX may hold, what a private key with its chain needs: data and encryptedData
 * (not enveloped, not signed); keys, shrouded keys and X.509 certificates; CRLs and secrets are
 * passed over. Encryption by PBES2 (RFC 8018: PBKDF2 with AES or Triple DES) and by the Triple DES
 * of RFC 7292 appendix C; integrity by HMAC (appendix B) and PBMAC1 (RFC 9579).
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_PKCS12_H
#define STLS_CERTSTORE_READ_PKCS12_H

#include "backends/contract.h"
#include "certstore/read/der.h"

/* How something is encrypted under a password. */
typedef struct stls_pbe {
    stls_derivation derivation;
    stls_cipher cipher;
    size_t key_len;          /* 16: Triple DES with two keys */
    stls_bytes iv;           /* empty: derived, as the key is */
    const char *unsupported; /* the name of a scheme that nobody here decrypts; NULL: none. Even so,
                                `derivation.iterations` says how much work it is, if that is known,
                                and is 0 if not */
} stls_pbe;

/* How the key in the EncryptedPrivateKeyInfo `der` (RFC 5958 section 3) is encrypted. PKCS#12 has
 * its keys in this form, and they stand alone in it as well. */
const char *stls_pbe_read(stls_bytes der, stls_pbe *pbe, stls_bytes *sealed);

typedef struct stls_pfx {
    stls_bytes authenticated; /* AuthenticatedSafe: what the MAC is about */
    bool has_mac;
    stls_derivation mac; /* of the MAC's key */
    stls_hash mac_hash;  /* of the HMAC */
    size_t mac_key_len;  /* 0: as long as that hash */
    stls_bytes mac_value;
    const char *mac_unsupported; /* as in stls_pbe */
} stls_pfx;

/* Reads the outside. `*pfx` means nothing if there is a flaw. */
const char *stls_pfx_read(stls_bytes der, stls_pfx *pfx);

typedef struct stls_pfx_safe {
    bool is_encrypted;
    stls_pbe pbe;       /* if it is encrypted */
    stls_bytes content; /* SafeContents, or that encrypted */
} stls_pfx_safe;

/* Enters the SEQUENCE that AuthenticatedSafe and SafeContents are. */
const char *stls_pfx_enter(stls_bytes content, stls_der *inside);

/* The next safe of an AuthenticatedSafe that is not done. */
const char *stls_pfx_safe_next(stls_der *safes, stls_pfx_safe *safe);

typedef enum stls_pfx_bag_kind {
    STLS_PFX_BAG_OTHER = 0,
    STLS_PFX_BAG_KEY = 1,          /* PrivateKeyInfo */
    STLS_PFX_BAG_SHROUDED_KEY = 2, /* that encrypted */
    STLS_PFX_BAG_CERTIFICATE = 3,
} stls_pfx_bag_kind;

typedef struct stls_pfx_bag {
    stls_pfx_bag_kind kind;
    stls_pbe pbe; /* of a shrouded key */
    stls_bytes content;
} stls_pfx_bag;

/* The next bag of a SafeContents that is not done. */
const char *stls_pfx_bag_next(stls_der *bags, stls_pfx_bag *bag);

#endif
