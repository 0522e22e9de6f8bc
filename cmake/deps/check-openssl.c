/* Compiled and linked at configure time: can siptls use this OpenSSL? Each #error is shown to the
 * user. */
#include <openssl/opensslv.h>
#include <openssl/ssl.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "siptls: this OpenSSL is older than 3.0"
#endif
#if defined(OPENSSL_NO_TLS1_2) || defined(OPENSSL_NO_TLS1_3)
#error "siptls: this OpenSSL was built without TLS 1.2 or TLS 1.3"
#endif

int main(void) {
    return SSL_CTX_new(TLS_method()) == NULL;
}
