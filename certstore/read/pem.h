/* certstore/read/pem.h - what a file of certificates or keys holds (RFC 7468), told by its content.
 *
 * The model: a file is either DER (it begins with a SEQUENCE and that SEQUENCE is all of it) or
 * text with PEM blocks. Text around the blocks is ignored, as openssl writes it there; a UTF-8 byte
 * order mark and CR LF line ends are accepted. A block that is begun and not ended, ends with
 * another label, or holds anything but base64 is an error that names the line: a file is taken
 * whole or not at all. A label that belies its content (certutil -encode writes CERTIFICATE around
 * anything) is an error too.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_PEM_H
#define STLS_CERTSTORE_READ_PEM_H

#include <siptls/error.h>

typedef enum stls_block_kind {
    STLS_BLOCK_UNKNOWN = 0,
    STLS_BLOCK_CERTIFICATE = 1, /* CERTIFICATE, X509 CERTIFICATE; TRUSTED CERTIFICATE is unknown */
    STLS_BLOCK_CRL = 2,
    STLS_BLOCK_KEY = 3,                  /* PRIVATE KEY, EC PRIVATE KEY, RSA PRIVATE KEY */
    STLS_BLOCK_ENCRYPTED_KEY = 4,        /* ENCRYPTED PRIVATE KEY */
    STLS_BLOCK_LEGACY_ENCRYPTED_KEY = 5, /* a key with Proc-Type/DEK-Info headers: not DER */
    STLS_BLOCK_EC_PARAMETERS = 6, /* openssl ecparam writes it before the key; skipped by callers */
    STLS_BLOCK_CSR = 7,
    STLS_BLOCK_PUBLIC_KEY = 8,
    STLS_BLOCK_PKCS12 = 9, /* DER that is a PFX (RFC 7292) */
    STLS_BLOCK_PKCS7 = 10,
} stls_block_kind;

/* "a certificate", "a private key", ... for sentences. */
const char *stls_block_kind_name(stls_block_kind kind);

/* A file may have as many as it has 39 bytes, so this is kept small. */
typedef struct stls_block {
    stls_block_kind kind;
    stls_bytes der;
    size_t line; /* where it begins, from 1; 0 for a DER file */
} stls_block;

typedef struct stls_blocks {
    stls_block *items; /* in the order of the file */
    size_t count;
} stls_blocks;

/* Reads `data` (at most `limit` bytes, else STLS_E_LIMIT). `name` is what errors call the input
 * ("file ca.pem"). STLS_E_FORMAT with a sentence for empty, truncated, binary or otherwise wrong
 * input, and for text without any block. On success `*blocks` owns heap memory: stls_blocks_free().
 */
stls_result stls_blocks_read(stls_bytes data, size_t limit, const char *name, stls_blocks *blocks,
                             stls_error *error);

/* Wipes and frees; all zero is allowed. */
void stls_blocks_free(stls_blocks *blocks);

/* The content of file `path` into `*data` (stls_bytes_free; stls_wipe first if it is secret).
 * STLS_E_FILE with the system's reason; STLS_E_LIMIT above `limit` bytes; only regular files and
 * pipes. */
stls_result stls_file_read(const char *path, size_t limit, stls_bytes *data, stls_error *error);

#endif
