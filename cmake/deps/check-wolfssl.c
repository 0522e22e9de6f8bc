/* Compiled and linked at configure time: can siptls use this wolfSSL? Each #error is shown to the
 * user. */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>
#include <wolfssl/version.h>

#if LIBWOLFSSL_VERSION_HEX < 0x05007000
#error "siptls: this wolfSSL is older than 5.7"
#endif
#if !defined(WOLFSSL_TLS13) || defined(WOLFSSL_NO_TLS12)
#error "siptls: this wolfSSL was built without TLS 1.2 or TLS 1.3"
#endif
#if !defined(WOLFSSL_ALWAYS_VERIFY_CB) || !defined(WOLFSSL_VERIFY_CB_ALL_CERTS)
#error                                                                                             \
    "siptls: this wolfSSL was built without WOLFSSL_ALWAYS_VERIFY_CB or WOLFSSL_VERIFY_CB_ALL_CERTS"
#endif
#if !defined(HAVE_SNI) || !defined(HAVE_ALPN)
#error "siptls: this wolfSSL was built without SNI or ALPN"
#endif
#if !defined(HAVE_SESSION_TICKET)
#error "siptls: this wolfSSL was built without session tickets"
#endif
#if !defined(HAVE_KEYING_MATERIAL)
#error "siptls: this wolfSSL was built without --enable-keying-material"
#endif
#if !defined(HAVE_ED25519) || !defined(HAVE_CURVE25519)
#error "siptls: this wolfSSL was built without Ed25519 or Curve25519"
#endif

int main(void) {
    unsigned char out[4];

    wolfSSL_Init();
    wolfSSL_KeepArrays(NULL);
    return wolfSSL_export_keying_material(NULL, out, sizeof out, "x", 1, NULL, 0, 0) == 0;
}
