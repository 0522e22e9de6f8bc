/* The seam without a network: objects of ours and of libre's own DTLS, each with every function.
 *
 * SPDX-License-Identifier: MIT */
#include <re.h>

#include <errno.h>
#include <stdlib.h>

/* What this adapter has for every libre, and not every libre declares. */
int tls_add_cafile_path(struct tls *tls, const char *cafile, const char *capath);
int tls_add_capem(struct tls *tls, const char *capem);
int tls_set_selfsigned_ec(struct tls *tls, const char *cn, const char *curve_n);
void tls_disable_verify_server(struct tls *tls);

static int failures;

static void expect(const char *what, int got, int wanted) {
    if (got != wanted) {
        (void)re_printf("FAIL  %s: answered %d, expected %d\n", what, got, wanted);
        failures++;
    } else {
        (void)re_printf("ok    %s\n", what);
    }
}
#define EXPECT(wanted, call) expect(#call, call, wanted)

/* Of a TLS context, what belongs to DTLS is refused, and so is what siptls does not make. */
static void ours(const char *pki) {
    struct tls *tls = NULL;
    struct tls_conn *tc = NULL;
    struct mbuf *mb = mbuf_alloc(1024);
    char path[1024];
    uint8_t md[32];
    EXPECT(0, tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL));
    EXPECT(ENOSYS, tls_set_srtp(tls, "SRTP_AES128_CM_SHA1_80"));
    EXPECT(ENOSYS, dtls_connect(&tc, tls, NULL, NULL, NULL, NULL, NULL, NULL));
    EXPECT(ENOSYS, dtls_accept(&tc, tls, NULL, NULL, NULL, NULL, NULL));
    EXPECT(ENOSYS, tls_set_selfsigned(tls, "phone"));
    EXPECT(ENOSYS, tls_set_selfsigned_rsa(tls, "phone", 2048));
    EXPECT(ENOSYS, tls_set_selfsigned_ec(tls, "phone", "prime256v1"));
    EXPECT(ENOSYS, tls_set_ciphers(tls, NULL, 0));
    EXPECT(EINVAL, tls_fingerprint(tls, TLS_FINGERPRINT_SHA256, md, sizeof md));
    EXPECT(EINVAL, tls_get_issuer(tls, mb));
    EXPECT(EINVAL, tls_set_verify_purpose(tls, "any"));
    EXPECT(EINVAL, tls_start_tcp(&tc, tls, NULL, 0));
    EXPECT(EINVAL, tls_set_certificate(tls, "no certificate", 14));
    EXPECT(EINVAL, tls_add_capem(tls, "no certificate"));
    EXPECT(EINVAL, tls_add_ca(tls, "/nowhere"));
    EXPECT(ENOSYS, tls_add_cafile_path(tls, NULL, "/etc/ssl/certs"));
    tls_disable_verify_server(tls);
    tls_set_verify_client(tls);

    (void)re_snprintf(path, sizeof path, "%s/root.pem", pki);
    EXPECT(0, tls_add_ca(tls, path));
    EXPECT(0, tls_add_cafile_path(tls, path, NULL));
    mem_deref(tls);

    (void)re_snprintf(path, sizeof path, "%s/server.chain.pem", pki);
    tls = NULL;
    EXPECT(EINVAL, tls_alloc(&tls, TLS_METHOD_SSLV23, path, NULL)); /* it holds no key */
    expect("nothing was made", tls != NULL, false);
    mem_deref(mb);
}

/* A DTLS context is libre's own, through and through. */
static void stock(void) {
    static const enum tls_method methods[] = {TLS_METHOD_DTLSV1, TLS_METHOD_DTLS};
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        struct tls *tls = NULL;
        struct tls_conn *tc = NULL;
        uint8_t md[32];
        EXPECT(0, tls_alloc(&tls, methods[i], NULL, NULL));
        EXPECT(0, tls_set_selfsigned_rsa(tls, "phone", 2048));
        EXPECT(0, tls_set_srtp(tls, "SRTP_AES128_CM_SHA1_80"));
        EXPECT(0, tls_fingerprint(tls, TLS_FINGERPRINT_SHA256, md, sizeof md));
        EXPECT(EINVAL, dtls_connect(&tc, tls, NULL, NULL, NULL, NULL, NULL, NULL));
        EXPECT(EINVAL, tls_start_tcp(&tc, tls, NULL, 0));
        tls_set_verify_client(tls);
        mem_deref(tls);
    }
}

static void nothing(void) {
    struct tls_conn *tc = NULL;
    uint8_t md[32];
    char cn[8];
    EXPECT(EINVAL, tls_alloc(NULL, TLS_METHOD_SSLV23, NULL, NULL));
    EXPECT(EINVAL, tls_add_ca(NULL, "/nowhere"));
    EXPECT(EINVAL, tls_start_tcp(&tc, NULL, NULL, 0));
    EXPECT(EINVAL, tls_set_verify_server(NULL, "example.test"));
    EXPECT(EINVAL, tls_peer_fingerprint(NULL, TLS_FINGERPRINT_SHA256, md, sizeof md));
    EXPECT(EINVAL, tls_peer_common_name(NULL, cn, sizeof cn));
    expect("tls_cipher_name(NULL)", tls_cipher_name(NULL) != NULL, false);
}

/* A setting that is wrong makes no context. */
static void settings(void) {
    static const char *const wrong[][2] = {
        {"SIPTLS_RE_BACKEND", "rustls"},
        {"SIPTLS_RE_VERIFY", "perhaps"},
        {"SIPTLS_RE_CA", "/nowhere"},
        {"SIPTLS_RE_PROFILES", "/nowhere"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct tls *tls = NULL;
        (void)setenv(wrong[i][0], wrong[i][1], 1);
        expect(wrong[i][0], tls_alloc(&tls, TLS_METHOD_SSLV23, NULL, NULL) != 0, true);
        mem_deref(tls);
        (void)unsetenv(wrong[i][0]);
    }
}

int main(void) {
    const char *pki = getenv("SIPTLS_TEST_PKI");
    if (pki == NULL || libre_init() != 0) {
        return EXIT_FAILURE;
    }
    ours(pki);
    stock();
    nothing();
    settings();
    libre_close();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
