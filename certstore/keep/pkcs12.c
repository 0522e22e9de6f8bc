/* SPDX-License-Identifier: MIT */
#include "certstore/keep/pkcs12.h"

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/pkcs12.h"
#include <siptls/credential.h>

#include <string.h>

enum { KEY_MAX = 64, IV_MAX = 16, PASSWORD_MAX = 1023, BLOCKS_MAX = STLS_CREDENTIAL_CHAIN_MAX + 1 };

/* A password in the two forms that schemes want. */
typedef struct passwords {
    stls_bytes utf8;                     /* PBES2, PBMAC1 */
    uint8_t bmp[2 * (PASSWORD_MAX + 1)]; /* RFC 7292 appendix B.1: UTF-16, big-endian, with a NUL */
    size_t bmp_len;
} passwords;

typedef struct opening {
    const stls_backend *backend;
    const char *name;
    bool has_password;
    const passwords *password;
    uint32_t iterations; /* that may still be done */
    stls_block items[BLOCKS_MAX];
    size_t count, keys;
    stls_error *error;
} opening;

/* --- Errors */

static stls_result malformed(const opening *self, const char *flaw) {
    return stls_fail(self->error, STLS_E_FORMAT, "%s %s", self->name, flaw);
}

static stls_result wrong_password(const opening *self) {
    return stls_fail(self->error, STLS_E_PASSWORD,
                     self->has_password
                         ? "%s: the password is wrong, or the file was changed"
                         : "%s is a PKCS#12 file under a password, and no password was given",
                     self->name);
}

static stls_result unsupported(const opening *self, const char *scheme) {
    return stls_fail(self->error, STLS_E_UNSUPPORTED,
                     "%s is encrypted with %s, which is not supported; convert it: openssl pkcs12 "
                     "-legacy -in FILE -nodes -out server.pem",
                     self->name, scheme);
}

static stls_result no_memory(const opening *self) {
    return stls_fail(self->error, STLS_E_NO_MEMORY, "no memory to read %s", self->name);
}

static stls_result explain(const opening *self, stls_be_status status) {
    switch (status) {
    case STLS_BE_OK:
        return STLS_OK;
    case STLS_BE_NO_MEMORY:
        return no_memory(self);
    default:
        return stls_fail(self->error, STLS_E_UNSUPPORTED,
                         "%s: %s cannot do the encryption of this PKCS#12 file; convert it: "
                         "openssl pkcs12 -in FILE -nodes -out server.pem",
                         self->name, self->backend->name);
    }
}

/* --- Passwords */

/* The next character of UTF-8; false: it is none. */
static bool next_character(const char **at, uint32_t *character) {
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = (uint8_t) * (*at)++;
    size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint32_t value = more == 0 ? first : first & (0x3fU >> more);
    if (first >= 0xf8 || (first >= 0x80 && first < 0xc0)) {
        return false;
    }
    for (size_t i = 0; i < more; i++) {
        uint8_t byte = (uint8_t) * *at;
        if ((byte & 0xc0) != 0x80) {
            return false;
        }
        value = value << 6 | (byte & 0x3fU);
        (*at)++;
    }
    *character = value;
    return value >= least[more] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
}

static void put_unit(passwords *to, uint32_t unit) {
    to->bmp[to->bmp_len++] = (uint8_t)(unit >> 8);
    to->bmp[to->bmp_len++] = (uint8_t)unit;
}

static bool make_passwords(const char *password, passwords *to) {
    size_t len = strlen(password);
    *to = (passwords){.utf8 = {(const uint8_t *)password, len}};
    if (len > PASSWORD_MAX) {
        return false;
    }
    while (*password != '\0') {
        uint32_t character;
        if (!next_character(&password, &character)) {
            return false;
        }
        if (character >= 0x10000) {
            put_unit(to, 0xd800 + ((character - 0x10000) >> 10));
            character = 0xdc00 + ((character - 0x10000) & 0x3ff);
        }
        put_unit(to, character);
    }
    put_unit(to, 0);
    return true;
}

/* --- Derivation and decryption */

static size_t hash_len(stls_hash hash) {
    static const size_t lengths[] = {
        [STLS_HASH_SHA1] = 20,   [STLS_HASH_SHA224] = 28, [STLS_HASH_SHA256] = 32,
        [STLS_HASH_SHA384] = 48, [STLS_HASH_SHA512] = 64,
    };
    return lengths[hash];
}

/* Derives octets, if there is something left of what may be spent. */
static stls_result derive(opening *self, const stls_derivation *derivation,
                          stls_kdf_purpose purpose, uint8_t *out, size_t len) {
    bool is_pbkdf2 = derivation->kdf == STLS_KDF_PBKDF2;
    size_t at_once = hash_len(derivation->hash); /* more octets take every iteration again */
    uint64_t cost = (uint64_t)derivation->iterations * ((len + at_once - 1) / at_once);
    if (cost > self->iterations) {
        return stls_fail(self->error, STLS_E_LIMIT,
                         "%s asks for too many iterations to make its keys: at most %d are done. "
                         "Export it again with fewer: openssl pkcs12 -export -iter 10000",
                         self->name, STLS_PKCS12_ITERATIONS_MAX);
    }
    self->iterations -= (uint32_t)cost;
    stls_bytes password = is_pbkdf2 ? self->password->utf8
                                    : (stls_bytes){self->password->bmp, self->password->bmp_len};
    return explain(self, self->backend->derive(derivation, purpose, password, out, len));
}

/* RFC 8018 section 6.1.1 (4): 1 to 8 or 16 octets, each of which holds their number. */
static bool strip_padding(stls_bytes *plain, size_t block_len) {
    size_t count = plain->data[plain->len - 1];
    bool good = count >= 1 && count <= block_len;
    for (size_t i = 1; good && i <= count; i++) {
        good = plain->data[plain->len - i] == count;
    }
    plain->len -= good ? count : 0;
    return good;
}

static stls_result make_key_and_iv(opening *self, const stls_pbe *pbe, uint8_t key[KEY_MAX],
                                   uint8_t iv[IV_MAX]) {
    enum { DES_IV = 8, TWO_KEYS = 16, ONE_KEY = 8 };
    stls_result result = derive(self, &pbe->derivation, STLS_KDF_FOR_KEY, key, pbe->key_len);
    if (pbe->key_len == TWO_KEYS && pbe->cipher == STLS_CIPHER_DES_EDE3_CBC) {
        memcpy(key + TWO_KEYS, key, ONE_KEY);
    }
    if (pbe->iv.len != 0) {
        memcpy(iv, pbe->iv.data, pbe->iv.len);
    } else if (result == STLS_OK) {
        result = derive(self, &pbe->derivation, STLS_KDF_FOR_IV, iv, DES_IV);
    }
    return result;
}

static void wipe_bytes(stls_bytes *bytes, size_t size) {
    union {
        const uint8_t *constant;
        void *owned;
    } data = {bytes->data};
    stls_wipe(data.owned, size);
    stls_bytes_free(bytes);
}

/* `*plain` is on the heap and as large as `sealed` is. */
static stls_result decrypt(opening *self, const stls_pbe *pbe, stls_bytes sealed,
                           stls_bytes *plain) {
    uint8_t key[KEY_MAX], iv[IV_MAX];
    size_t block_len = pbe->cipher == STLS_CIPHER_DES_EDE3_CBC ? 8 : 16;
    *plain = (stls_bytes){NULL, 0};
    if (pbe->unsupported != NULL) {
        return unsupported(self, pbe->unsupported);
    }
    if (sealed.len == 0 || sealed.len % block_len != 0) {
        return malformed(self, "has something encrypted that is not made of whole blocks");
    }
    uint8_t *out = stls_alloc(sealed.len, 1);
    if (out == NULL) {
        return no_memory(self);
    }
    stls_result result = make_key_and_iv(self, pbe, key, iv);
    if (result == STLS_OK) {
        result = explain(self, self->backend->cbc_decrypt(pbe->cipher, key, iv, sealed, out));
    }
    stls_wipe(key, sizeof key);
    *plain = (stls_bytes){out, sealed.len};
    if (result == STLS_OK && !strip_padding(plain, block_len)) {
        result = wrong_password(self);
    }
    if (result != STLS_OK) {
        wipe_bytes(plain, sealed.len);
    }
    return result;
}

/* --- Safes and bags */

static stls_result keep(opening *self, stls_block_kind kind, stls_bytes der) {
    size_t certificates = self->count - self->keys;
    if (kind == STLS_BLOCK_KEY && self->keys != 0) {
        return stls_fail(self->error, STLS_E_FORMAT,
                         "%s holds more than one private key: export the one that is meant",
                         self->name);
    }
    if (kind == STLS_BLOCK_CERTIFICATE && certificates == STLS_CREDENTIAL_CHAIN_MAX) {
        return stls_fail(self->error, STLS_E_LIMIT, "%s: more than %d certificates", self->name,
                         STLS_CREDENTIAL_CHAIN_MAX);
    }
    stls_block *block = &self->items[self->count];
    *block = (stls_block){.kind = kind};
    if (!stls_bytes_copy(der, &block->der)) {
        return no_memory(self);
    }
    self->count++;
    self->keys += kind == STLS_BLOCK_KEY;
    return STLS_OK;
}

static stls_result take_bag(opening *self, const stls_pfx_bag *bag) {
    stls_bytes plain;
    switch (bag->kind) {
    case STLS_PFX_BAG_CERTIFICATE:
        return keep(self, STLS_BLOCK_CERTIFICATE, bag->content);
    case STLS_PFX_BAG_OTHER:
        return STLS_OK;
    case STLS_PFX_BAG_KEY:
        return keep(self, STLS_BLOCK_KEY, bag->content);
    case STLS_PFX_BAG_SHROUDED_KEY:
        break;
    }
    stls_result result = decrypt(self, &bag->pbe, bag->content, &plain);
    if (result == STLS_OK) {
        result = keep(self, STLS_BLOCK_KEY, plain);
        wipe_bytes(&plain, bag->content.len);
    }
    return result;
}

static stls_result take_bags(opening *self, stls_bytes content) {
    stls_der bags;
    stls_pfx_bag bag;
    const char *flaw = stls_pfx_enter(content, &bags);
    stls_result result = flaw == NULL ? STLS_OK : malformed(self, flaw);
    while (result == STLS_OK && !stls_der_done(&bags)) {
        flaw = stls_pfx_bag_next(&bags, &bag);
        result = flaw == NULL ? take_bag(self, &bag) : malformed(self, flaw);
    }
    return result;
}

static stls_result take_safe(opening *self, const stls_pfx_safe *safe, bool is_proved) {
    stls_bytes plain;
    if (!safe->is_encrypted) {
        return take_bags(self, safe->content);
    }
    stls_result result = decrypt(self, &safe->pbe, safe->content, &plain);
    if (result != STLS_OK) {
        return result;
    }
    result = take_bags(self, plain);
    wipe_bytes(&plain, safe->content.len);
    /* Once in 256 times a wrong password gives a padding, and noise before it. */
    return result == STLS_E_FORMAT && !is_proved ? wrong_password(self) : result;
}

static stls_result take_safes(opening *self, const stls_pfx *pfx) {
    stls_der safes;
    stls_pfx_safe safe;
    const char *flaw = stls_pfx_enter(pfx->authenticated, &safes);
    stls_result result = flaw == NULL ? STLS_OK : malformed(self, flaw);
    while (result == STLS_OK && !stls_der_done(&safes)) {
        flaw = stls_pfx_safe_next(&safes, &safe);
        result = flaw == NULL ? take_safe(self, &safe, pfx->has_mac) : malformed(self, flaw);
    }
    return result;
}

/* --- The whole */

static stls_result check_mac(opening *self, const stls_pfx *pfx) {
    uint8_t key[KEY_MAX], mac[STLS_HASH_SIZE_MAX];
    size_t key_len, len = 0;
    if (!pfx->has_mac) {
        return STLS_OK;
    }
    if (pfx->mac_unsupported != NULL) {
        return unsupported(self, pfx->mac_unsupported);
    }
    key_len = pfx->mac_key_len != 0 ? pfx->mac_key_len : hash_len(pfx->mac_hash);
    stls_result result = derive(self, &pfx->mac, STLS_KDF_FOR_MAC, key, key_len);
    if (result == STLS_OK) {
        result = explain(self, self->backend->hmac(pfx->mac_hash, (stls_bytes){key, key_len},
                                                   pfx->authenticated, mac, &len));
    }
    stls_wipe(key, sizeof key);
    if (result == STLS_OK &&
        (len != pfx->mac_value.len || !stls_secret_equal(mac, pfx->mac_value.data, len))) {
        result = wrong_password(self);
    }
    return result;
}

static void forget(opening *self) {
    for (size_t i = 0; i < self->count; i++) {
        wipe_bytes(&self->items[i].der, self->items[i].der.len);
    }
    self->count = self->keys = 0;
}

static stls_result try_password(opening *self, const stls_pfx *pfx, const passwords *password) {
    forget(self);
    self->password = password;
    self->iterations = STLS_PKCS12_ITERATIONS_MAX;
    stls_result result = check_mac(self, pfx);
    return result == STLS_OK ? take_safes(self, pfx) : result;
}

/* No password is an empty one, which some write as a NUL and some as nothing at all. */
static stls_result open_file(opening *self, const stls_pfx *pfx, const char *password) {
    passwords both;
    self->has_password = password != NULL;
    if (!make_passwords(password != NULL ? password : "", &both)) {
        stls_wipe(&both, sizeof both);
        return stls_fail(self->error, STLS_E_PASSWORD,
                         "%s: the password is not UTF-8, or is longer than %d bytes", self->name,
                         PASSWORD_MAX);
    }
    stls_result result = try_password(self, pfx, &both);
    if (result == STLS_E_PASSWORD && both.utf8.len == 0) {
        both.bmp_len = 0;
        result = try_password(self, pfx, &both);
        /* Not every library can do without an octet. */
        result = result == STLS_E_UNSUPPORTED ? wrong_password(self) : result;
    }
    self->password = NULL;
    stls_wipe(&both, sizeof both);
    return result;
}

static const stls_block *find_key(const opening *self) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].kind == STLS_BLOCK_KEY) {
            return &self->items[i];
        }
    }
    return NULL;
}

/* Whether the key is the one of certificate `der`, by the only one who can tell. */
static stls_be_status check_pair(const opening *self, void *block, stls_bytes der, stls_bytes key) {
    stls_be_failure failure = {.native = 0};
    stls_be_status status = self->backend->credential_init(block, &der, 1, key, NULL, &failure);
    self->backend->credential_fini(block);
    stls_wipe(block, self->backend->credential_size);
    return status;
}

/* The place of the certificate that the key belongs to into `*at`; the number of them if there is
 * none. */
static stls_result find_leaf(const opening *self, const stls_block *key, size_t *at) {
    void *block = stls_alloc(1, self->backend->credential_size);
    stls_be_status status = block != NULL ? STLS_BE_FAILED : STLS_BE_NO_MEMORY;
    *at = 0;
    while (status != STLS_BE_OK && status != STLS_BE_NO_MEMORY && *at < self->count) {
        status = &self->items[*at] != key ? check_pair(self, block, self->items[*at].der, key->der)
                                          : STLS_BE_FAILED;
        *at += status != STLS_BE_OK;
    }
    stls_free(block);
    return status == STLS_BE_NO_MEMORY ? no_memory(self) : STLS_OK;
}

/* Puts the leaf first; where none is, the order stays, and whoever loads the pair says why. */
static stls_result put_leaf_first(opening *self) {
    const stls_block *key = find_key(self);
    if (key == NULL || self->count == 1) {
        return malformed(self, key == NULL ? "holds no private key; export it with its key"
                                           : "holds no certificate, only a private key");
    }
    size_t at;
    stls_result result = find_leaf(self, key, &at);
    if (result == STLS_OK && at < self->count) {
        stls_block leaf = self->items[at];
        memmove(&self->items[1], &self->items[0], at * sizeof leaf);
        self->items[0] = leaf;
    }
    return result;
}

/* Takes over the blocks. */
static stls_result hand_out(opening *self, stls_blocks *blocks) {
    stls_block *items = stls_alloc(self->count, sizeof *items);
    if (items == NULL) {
        return no_memory(self);
    }
    memcpy(items, self->items, self->count * sizeof *items);
    stls_blocks_free(blocks);
    *blocks = (stls_blocks){.items = items, .count = self->count};
    self->count = 0;
    return STLS_OK;
}

stls_result stls_pkcs12_expand(const stls_backend *backend, const char *name, const char *password,
                               stls_blocks *blocks, stls_error *error) {
    opening self = {.backend = backend, .name = name, .error = error};
    stls_pfx pfx;
    if (blocks->count != 1 || blocks->items[0].kind != STLS_BLOCK_PKCS12) {
        return STLS_OK;
    }
    if (!stls_backend_can(backend, STLS_CAN_PKCS12)) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s is a PKCS#12 file, which %s does not read; convert it: openssl "
                         "pkcs12 -in FILE -nodes -out server.pem",
                         name, backend->name);
    }
    const char *flaw = stls_pfx_read(blocks->items[0].der, &pfx);
    stls_result result = flaw == NULL ? open_file(&self, &pfx, password) : malformed(&self, flaw);
    if (result == STLS_OK) {
        result = put_leaf_first(&self);
    }
    if (result == STLS_OK) {
        result = hand_out(&self, blocks);
    }
    forget(&self);
    return result;
}
