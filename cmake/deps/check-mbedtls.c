/* Compiled and linked at configure time: can siptls use this mbedTLS? Each #error is shown to the
 * user. */
#if defined(__has_include)
#if !__has_include(<mbedtls/build_info.h>)
#define SIPTLS_MBEDTLS_2
#endif
#endif

#if defined(SIPTLS_MBEDTLS_2)
#error "siptls: this mbedTLS is older than 3.6"
#else

#include <mbedtls/build_info.h>

#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <psa/crypto.h>

#if MBEDTLS_VERSION_NUMBER < 0x03060000
#error "siptls: this mbedTLS is older than 3.6"
#endif
#if MBEDTLS_VERSION_NUMBER >= 0x04000000
#error "siptls: mbedTLS 4 is not supported yet, 3.6 is"
#endif
#if !defined(MBEDTLS_SSL_PROTO_TLS1_2) || !defined(MBEDTLS_SSL_PROTO_TLS1_3)
#error "siptls: this mbedTLS was built without TLS 1.2 or TLS 1.3"
#endif
#if !defined(MBEDTLS_SSL_CLI_C) || !defined(MBEDTLS_SSL_SRV_C)
#error "siptls: this mbedTLS was built without the client or the server"
#endif
#if !defined(MBEDTLS_SSL_KEYING_MATERIAL_EXPORT)
#error "siptls: this mbedTLS was built without MBEDTLS_SSL_KEYING_MATERIAL_EXPORT"
#endif
#if !defined(MBEDTLS_SSL_ALPN) || !defined(MBEDTLS_SSL_SERVER_NAME_INDICATION)
#error "siptls: this mbedTLS was built without ALPN or SNI"
#endif
#if !defined(MBEDTLS_SSL_SESSION_TICKETS) || !defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE)
#error "siptls: this mbedTLS was built without session tickets or the peer's certificate"
#endif

int main(void) {
    static mbedtls_ssl_context ssl;
    unsigned char out[4];

    mbedtls_ssl_init(&ssl);
    (void)psa_crypto_init();
    (void)mbedtls_ssl_export_keying_material(&ssl, out, sizeof out, "x", 1, NULL, 0, 0);
    return 0;
}

#endif
