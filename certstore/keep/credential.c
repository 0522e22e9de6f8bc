/* SPDX-License-Identifier: MIT */
#include "certstore/keep/credential.h"

#include "backends/contract.h"
#include "base/error.h"
#include "base/memory.h"
#include "certstore/keep/pkcs12.h"
#include "certstore/read/pem.h"
#include "certstore/read/pkcs12.h"
#include "certstore/read/x509.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

struct stls_credential {
    const stls_backend *backend;
    atomic_size_t holds;
    bool initialised; /* the backend's init was called on `block` */
    stls_bytes chain[STLS_CREDENTIAL_CHAIN_MAX];
    size_t count;
    stls_end_point end_point;
    bool has_end_point; /* or that there is none, is known */
    alignas(max_align_t) unsigned char block[];
};

/* The inputs while they are being read. */
typedef struct inputs {
    stls_blocks chain, key;
    const char *chain_name, *key_name;
    stls_x509 certificates[STLS_CREDENTIAL_CHAIN_MAX];
    size_t count;
    const stls_block *private_key;
} inputs;

static stls_result take_certificate(inputs *in, const stls_block *block, stls_error *error) {
    if (in->count == STLS_CREDENTIAL_CHAIN_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "%s: more than %d certificates", in->chain_name,
                         STLS_CREDENTIAL_CHAIN_MAX);
    }
    stls_error reason;
    if (stls_x509_parse(block->der, &in->certificates[in->count], &reason) != STLS_OK) {
        return stls_fail(error, STLS_E_FORMAT, "%s: certificate %zu cannot be read: %s",
                         in->chain_name, in->count, reason.text);
    }
    in->count++;
    return STLS_OK;
}

static bool is_key(stls_block_kind kind) {
    return kind == STLS_BLOCK_KEY || kind == STLS_BLOCK_ENCRYPTED_KEY;
}

static stls_result take_key(inputs *in, const char *name, const stls_block *block,
                            stls_error *error) {
    if (block->kind == STLS_BLOCK_LEGACY_ENCRYPTED_KEY) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s: the private key at line %zu is encrypted in OpenSSL's old way "
                         "(DEK-Info), which is too weak; convert it: openssl pkcs8 -topk8 -in KEY "
                         "-out NEWKEY",
                         name, block->line);
    }
    if (in->private_key != NULL) {
        return stls_fail(error, STLS_E_FORMAT, "%s: a second private key at line %zu", name,
                         block->line);
    }
    in->private_key = block;
    return STLS_OK;
}

static stls_result take_chain(inputs *in, bool key_may_be_here, stls_error *error) {
    for (size_t i = 0; i < in->chain.count; i++) {
        const stls_block *block = &in->chain.items[i];
        stls_result result = STLS_OK;
        if (block->kind == STLS_BLOCK_CERTIFICATE) {
            result = take_certificate(in, block, error);
        } else if (is_key(block->kind) || block->kind == STLS_BLOCK_LEGACY_ENCRYPTED_KEY) {
            if (key_may_be_here) {
                result = take_key(in, in->chain_name, block, error);
            }
        } else if (block->kind != STLS_BLOCK_EC_PARAMETERS) {
            result = stls_fail(error, STLS_E_FORMAT, "%s: %s where certificates are due (line %zu)",
                               in->chain_name, stls_block_kind_name(block->kind), block->line);
        }
        if (result != STLS_OK) {
            return result;
        }
    }
    if (in->count == 0) {
        return stls_fail(error, STLS_E_FORMAT, "%s: no certificate in it%s", in->chain_name,
                         in->private_key != NULL || !key_may_be_here ? "" : ", and no key");
    }
    return STLS_OK;
}

static stls_result take_keys(inputs *in, stls_error *error) {
    for (size_t i = 0; i < in->key.count; i++) {
        const stls_block *block = &in->key.items[i];
        if (block->kind == STLS_BLOCK_PKCS12) {
            return stls_fail(error, STLS_E_FORMAT,
                             "%s is a PKCS#12 file: give it alone, in the place of the certificate",
                             in->key_name);
        }
        if (is_key(block->kind) || block->kind == STLS_BLOCK_LEGACY_ENCRYPTED_KEY) {
            stls_result result = take_key(in, in->key_name, block, error);
            if (result != STLS_OK) {
                return result;
            }
        }
    }
    return STLS_OK;
}

static bool is_pkcs12(const stls_blocks *blocks) {
    return blocks->count == 1 && blocks->items[0].kind == STLS_BLOCK_PKCS12;
}

static stls_result open_pkcs12(inputs *in, const stls_backend *backend, const char *password,
                               bool key_apart, stls_error *error) {
    if (key_apart) {
        return stls_fail(error, STLS_E_FORMAT,
                         "%s is a PKCS#12 file, which brings its own private key: leave out %s",
                         in->chain_name, in->key_name);
    }
    return stls_pkcs12_expand(backend, in->chain_name, password, &in->chain, error);
}

static stls_result read_inputs(inputs *in, const stls_backend *backend, stls_bytes chain,
                               stls_bytes key, bool key_apart, const char *password,
                               stls_error *error) {
    stls_result result =
        stls_blocks_read(chain, STLS_CREDENTIAL_INPUT_MAX, in->chain_name, &in->chain, error);
    if (result == STLS_OK && is_pkcs12(&in->chain)) {
        result = open_pkcs12(in, backend, password, key_apart, error);
    }
    if (result == STLS_OK && key_apart) {
        result = stls_blocks_read(key, STLS_CREDENTIAL_INPUT_MAX, in->key_name, &in->key, error);
    }
    if (result == STLS_OK) {
        result = take_chain(in, !key_apart, error);
    }
    if (result == STLS_OK && key_apart) {
        result = take_keys(in, error);
    }
    if (result == STLS_OK && in->private_key == NULL) {
        result = stls_fail(error, STLS_E_FORMAT, "%s: no private key in it",
                           key_apart ? in->key_name : in->chain_name);
    }
    return result;
}

static const char *name_of_key(const inputs *in) {
    return in->key_name != NULL ? in->key_name : in->chain_name;
}

/* How much work a password takes is known before the library begins with it, and is bounded. */
static stls_result check_work(const inputs *in, stls_error *error) {
    const char *name = name_of_key(in);
    stls_pbe pbe;
    stls_bytes sealed;
    const char *flaw = stls_pbe_read(in->private_key->der, &pbe, &sealed);
    if (flaw != NULL) {
        return stls_fail(error, STLS_E_FORMAT, "%s %s", name, flaw);
    }
    if (pbe.derivation.iterations == 0) {
        return stls_fail(error, STLS_E_UNSUPPORTED,
                         "%s: the private key is encrypted with %s, which is not supported", name,
                         pbe.unsupported);
    }
    if (pbe.derivation.iterations > STLS_PKCS12_ITERATIONS_MAX) {
        return stls_fail(
            error, STLS_E_LIMIT,
            "%s: the private key asks for too many iterations to be decrypted: at most "
            "%d are done. Encrypt it again with fewer: openssl pkcs8 -topk8 -iter "
            "10000 -in KEY -out NEWKEY",
            name, STLS_PKCS12_ITERATIONS_MAX);
    }
    return STLS_OK;
}

static stls_result explain(const inputs *in, const stls_backend *backend, stls_be_status status,
                           const stls_be_failure *failure, const char *password,
                           stls_error *error) {
    const char *key_name = name_of_key(in);
    const char *because = failure->text[0] != '\0' ? failure->text : "it does not say why";
    stls_result result = STLS_E_BACKEND;
    switch (status) {
    case STLS_BE_PASSWORD:
        result =
            stls_fail(error, STLS_E_PASSWORD, "%s: the private key is encrypted, and %s", key_name,
                      password != NULL ? "the password is wrong" : "no password was given");
        break;
    case STLS_BE_KEY_MISMATCH:
        result = stls_fail(error, STLS_E_KEY_MISMATCH,
                           "%s: the private key is not the one of the certificate in %s, or is "
                           "damaged",
                           key_name, in->chain_name);
        break;
    case STLS_BE_UNSUPPORTED:
        result = stls_fail(error, STLS_E_UNSUPPORTED,
                           "%s: %s cannot use this kind of certificate or key: %s", in->chain_name,
                           backend->name, because);
        break;
    case STLS_BE_MALFORMED:
        result = stls_fail(error, STLS_E_FORMAT, "%s: %s cannot read the key or certificate: %s",
                           key_name, backend->name, because);
        break;
    case STLS_BE_NO_MEMORY:
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory for the credential of %s",
                           in->chain_name);
        break;
    default:
        result = stls_fail(error, STLS_E_BACKEND, "%s: %s refuses it: %s", in->chain_name,
                           backend->name, because);
        break;
    }
    if (error != NULL) {
        error->native = failure->native;
    }
    return result;
}

/* Puts each certificate behind the one it issued, as TLS 1.2 wants a chain to be sent (RFC 5246
 * section 7.4.2); what belongs to nobody goes to the end. */
static void sort_chain(inputs *in) {
    for (size_t i = 0; i + 1 < in->count; i++) {
        for (size_t j = i + 1; j < in->count; j++) {
            if (stls_bytes_equal(in->certificates[j].subject, in->certificates[i].issuer)) {
                stls_x509 issuer = in->certificates[j];
                memmove(&in->certificates[i + 2], &in->certificates[i + 1],
                        (j - i - 1) * sizeof issuer);
                in->certificates[i + 1] = issuer;
                break;
            }
        }
    }
}

static stls_credential *allocate(const stls_backend *backend, const inputs *in) {
    stls_credential *credential = stls_alloc(1, sizeof(stls_credential) + backend->credential_size);
    if (credential == NULL) {
        return NULL;
    }
    credential->backend = backend;
    atomic_init(&credential->holds, 1);
    for (; credential->count < in->count; credential->count++) {
        if (!stls_bytes_copy(in->certificates[credential->count].der,
                             &credential->chain[credential->count])) {
            stls_credential_free(credential);
            return NULL;
        }
    }
    return credential;
}

/* --- The channel binding of the leaf */

stls_result stls_end_point_of(const stls_backend *backend, stls_bytes certificate,
                              stls_end_point *end_point, stls_error *error) {
    stls_x509 x509;
    uint8_t digest[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    *end_point = (stls_end_point){.len = 0};
    stls_result result = stls_x509_parse(certificate, &x509, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_hash hash = x509.signature_algorithm.hash;
    if (hash == STLS_HASH_NONE) {
        return STLS_OK;
    }
    if (hash == STLS_HASH_MD5 || hash == STLS_HASH_SHA1) {
        hash = STLS_HASH_SHA256;
    }
    stls_be_status status = backend->digest(hash, certificate, digest, &len);
    if (status == STLS_BE_NO_MEMORY) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the hash of a certificate");
    }
    if (status != STLS_BE_OK || len > sizeof digest) {
        return stls_fail(error, STLS_E_UNSUPPORTED, "%s lacks the hash of the server's certificate",
                         backend->name);
    }
    memcpy(end_point->data, digest, len);
    end_point->len = (uint8_t)len;
    return STLS_OK;
}

stls_result stls_credential_end_point(const stls_credential *credential, stls_end_point *end_point,
                                      stls_error *error) {
    if (credential != NULL && !credential->has_end_point) {
        return stls_end_point_of(credential->backend, credential->chain[0], end_point, error);
    }
    *end_point = credential != NULL ? credential->end_point : (stls_end_point){.len = 0};
    return STLS_OK;
}

/* --- Making */

static stls_result build(const stls_backend *backend, const inputs *in, const char *password,
                         stls_credential **out, stls_error *error) {
    bool encrypted = in->private_key->kind == STLS_BLOCK_ENCRYPTED_KEY;
    stls_result result = encrypted ? check_work(in, error) : STLS_OK;
    if (result != STLS_OK) {
        return result;
    }
    if (encrypted && password == NULL) {
        stls_be_failure none = {0};
        return explain(in, backend, STLS_BE_PASSWORD, &none, NULL, error);
    }
    stls_credential *credential = allocate(backend, in);
    if (credential == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the credential of %s",
                         in->chain_name);
    }
    stls_be_failure failure = {0};
    credential->initialised = true;
    /* Without a password nothing is decrypted in what only the library takes for encrypted. */
    stls_be_status status =
        backend->credential_init(credential->block, credential->chain, credential->count,
                                 in->private_key->der, encrypted ? password : NULL, &failure);
    if (status != STLS_BE_OK) {
        stls_credential_free(credential);
        return explain(in, backend, status, &failure, password, error);
    }
    result = stls_end_point_of(backend, credential->chain[0], &credential->end_point, NULL);
    credential->has_end_point = result == STLS_OK;
    if (result == STLS_E_NO_MEMORY) {
        stls_credential_free(credential);
        return explain(in, backend, STLS_BE_NO_MEMORY, &failure, password, error);
    }
    *out = credential;
    return STLS_OK;
}

static stls_result make(const stls_backend *backend, stls_bytes chain, stls_bytes key,
                        bool key_apart, const char *chain_name, const char *key_name,
                        const char *password, stls_credential **credential, stls_error *error) {
    inputs in = {.chain_name = chain_name, .key_name = key_apart ? key_name : NULL};
    stls_result result = read_inputs(&in, backend, chain, key, key_apart, password, error);
    if (result == STLS_OK) {
        sort_chain(&in);
        result = build(backend, &in, password, credential, error);
    }
    stls_blocks_free(&in.chain);
    stls_blocks_free(&in.key);
    return result;
}

static stls_result check_arguments(const stls_backend *backend, const void *chain,
                                   stls_credential **credential, stls_error *error) {
    const char *flaw = stls_backend_flaw(backend);
    if (flaw != NULL) {
        return stls_fail(error, backend == NULL ? STLS_E_NO_BACKEND : STLS_E_BACKEND, "%s", flaw);
    }
    if (chain == NULL || credential == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a credential needs a certificate chain and a "
                         "place to go to; one of them is NULL");
    }
    return STLS_OK;
}

stls_result stls_credential_new(const stls_backend *backend, const void *chain, size_t chain_len,
                                const void *key, size_t key_len, const char *password,
                                stls_credential **credential, stls_error *error) {
    stls_result result = check_arguments(backend, chain, credential, error);
    if (result != STLS_OK) {
        return result;
    }
    return make(backend, (stls_bytes){chain, chain_len}, (stls_bytes){key, key_len}, key != NULL,
                "the certificate input", "the key input", password, credential, error);
}

static void forget(stls_bytes *secret) {
    union {
        const uint8_t *constant;
        void *owned;
    } data = {secret->data};
    stls_wipe(data.owned, secret->len);
    stls_bytes_free(secret);
}

stls_result stls_credential_load(const stls_backend *backend, const char *chain_path,
                                 const char *key_path, const char *password,
                                 stls_credential **credential, stls_error *error) {
    stls_result result = check_arguments(backend, chain_path, credential, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_bytes chain = {NULL, 0}, key = {NULL, 0};
    result = stls_file_read(chain_path, STLS_CREDENTIAL_INPUT_MAX, &chain, error);
    if (result == STLS_OK && key_path != NULL) {
        result = stls_file_read(key_path, STLS_CREDENTIAL_INPUT_MAX, &key, error);
    }
    if (result == STLS_OK) {
        result = make(backend, chain, key, key_path != NULL, chain_path, key_path, password,
                      credential, error);
    }
    forget(&chain);
    forget(&key);
    return result;
}

stls_credential *stls_credential_hold(stls_credential *credential) {
    if (credential != NULL) {
        atomic_fetch_add(&credential->holds, 1);
    }
    return credential;
}

void stls_credential_free(stls_credential *credential) {
    if (credential == NULL || atomic_fetch_sub(&credential->holds, 1) != 1) {
        return;
    }
    if (credential->initialised) {
        credential->backend->credential_fini(credential->block);
    }
    stls_wipe(credential->block, credential->backend->credential_size);
    for (size_t i = 0; i < credential->count; i++) {
        stls_bytes_free(&credential->chain[i]);
    }
    stls_free(credential);
}

const stls_backend *stls_credential_backend(const stls_credential *credential) {
    return credential != NULL ? credential->backend : NULL;
}

stls_bytes stls_credential_certificate(const stls_credential *credential, size_t index) {
    if (credential == NULL || index >= credential->count) {
        return (stls_bytes){NULL, 0};
    }
    return credential->chain[index];
}

const void *stls_credential_block(const stls_credential *credential) {
    return credential != NULL ? credential->block : NULL;
}
