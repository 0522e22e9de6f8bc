/*
 * siptls's parse hook for mbedTLS, compiled into siptls's own static build of mbedTLS only.
 *
 * mbedTLS parses every certificate of a peer before any callback runs, and ends the handshake over
 * what it cannot read, needed or not: a critical extension it does not know (name constraints,
 * policies), a key type it does not have (Ed25519, RSA-PSS) in an intermediate. The verdict on a
 * chain is siptls's own, taken from the bytes on the wire, so the library's list only has to hold
 * what the library needs itself: the leaf's key.
 */
#ifndef SIPTLS_PARSE_HOOK_H
#define SIPTLS_PARSE_HOOK_H

#include "mbedtls/x509_crt.h"

static int siptls_accept_extension(void *ctx, mbedtls_x509_crt const *crt,
                                   mbedtls_x509_buf const *oid, int critical,
                                   const unsigned char *p, const unsigned char *end) {
    (void)ctx;
    (void)crt;
    (void)oid;
    (void)critical;
    (void)p;
    (void)end;
    return 0;
}

/* Returns 0, MBEDTLS_ERR_X509_ALLOC_FAILED or MBEDTLS_ERR_X509_UNKNOWN_VERSION, nothing else: the
 * callers send an alert for the last two (unsupported_certificate for UNKNOWN_VERSION), and the
 * TLS 1.3 caller would otherwise hand an ignored "unknown signature algorithm" on as the result of
 * the whole message. */
static int siptls_parse_peer_certificate(mbedtls_x509_crt *chain, const unsigned char *der,
                                         size_t len) {
    const int is_leaf = chain->raw.p == NULL;
    int ret =
        mbedtls_x509_crt_parse_der_with_ext_cb(chain, der, len, 1, siptls_accept_extension, NULL);

    if (ret == 0 || ret == MBEDTLS_ERR_X509_ALLOC_FAILED) {
        return ret;
    }
    return is_leaf ? MBEDTLS_ERR_X509_UNKNOWN_VERSION : 0;
}

#endif
