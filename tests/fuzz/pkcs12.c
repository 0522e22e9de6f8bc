/* A PKCS#12 file from anybody, for a backend that finds every password and every key good and whose
 * ciphers are none: so that what is inside of encrypted safes is read as well. What comes out must
 * be one key and some certificates, and no more iterations are done than are allowed.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/pkcs12.h"
#include "backends/contract.h"
#include <siptls/credential.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t iterations;

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void describe(stls_be_description *description) {
    *description = (stls_be_description){.capabilities = STLS_CAN_PKCS12};
}

static stls_be_status derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                             stls_bytes password, uint8_t *out, size_t len) {
    (void)purpose, (void)password;
    must(derivation->iterations != 0 && len != 0 && len <= 64);
    must(derivation->salt.len == 0 || derivation->salt.data != NULL);
    iterations += derivation->iterations;
    memset(out, 0, len);
    return STLS_BE_OK;
}

static stls_be_status hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                           size_t *len) {
    (void)hash, (void)key, (void)data;
    memset(out, 0, STLS_HASH_SIZE_MAX);
    *len = 20;
    return STLS_BE_OK;
}

static stls_be_status decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                              stls_bytes sealed, uint8_t *out) {
    (void)key, (void)iv;
    must(cipher != STLS_CIPHER_NONE);
    memcpy(out, sealed.data, sealed.len);
    return STLS_BE_OK;
}

static stls_be_status credential_init(void *credential, const stls_bytes *chain, size_t count,
                                      stls_bytes key, const char *password,
                                      stls_be_failure *failure) {
    (void)credential, (void)password, (void)failure;
    must(count == 1 && chain[0].len != 0 && key.len != 0);
    return chain[0].len % 2 == 0 ? STLS_BE_OK : STLS_BE_KEY_MISMATCH;
}

static void credential_fini(void *credential) {
    (void)credential;
}

static const stls_backend anything = {
    .name = "anything",
    .credential_size = 1,
    .describe = describe,
    .derive = derive,
    .hmac = hmac,
    .cbc_decrypt = decrypt,
    .credential_init = credential_init,
    .credential_fini = credential_fini,
};

static void check(const stls_blocks *blocks) {
    size_t keys = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        keys += blocks->items[i].kind == STLS_BLOCK_KEY;
        must(blocks->items[i].der.len != 0);
        must(blocks->items[i].kind == STLS_BLOCK_KEY ||
             blocks->items[i].kind == STLS_BLOCK_CERTIFICATE);
    }
    must(keys == 1 && blocks->count > 1 && blocks->count <= STLS_CREDENTIAL_CHAIN_MAX + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_blocks blocks;
    stls_error error = {.result = STLS_NOT_DONE};
    if (stls_blocks_read((stls_bytes){data, size}, 1 << 20, "file x", &blocks, &error) != STLS_OK) {
        return 0;
    }
    bool is_one = blocks.count == 1 && blocks.items[0].kind == STLS_BLOCK_PKCS12;
    for (size_t i = 0; i < 2; i++) {
        const char *password = i == 0 ? "\xc3\xa4" : NULL;
        iterations = 0;
        stls_result result = stls_pkcs12_expand(&anything, "file x", password, &blocks, &error);
        must(iterations <= 2 * (uint64_t)STLS_PKCS12_ITERATIONS_MAX);
        if (result == STLS_OK && is_one) {
            check(&blocks);
            break;
        }
        must(!is_one || strncmp(error.text, "file x", strlen("file x")) == 0 ||
             result == STLS_E_NO_MEMORY);
    }
    stls_blocks_free(&blocks);
    return 0;
}
