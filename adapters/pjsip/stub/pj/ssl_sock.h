/* What applications see of PJLIB's secure sockets, as far as the adapter does.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_PJ_STUB_SSL_SOCK_H
#define SIPTLS_PJ_STUB_SSL_SOCK_H

#include <pj/stub.h>

typedef struct pj_ssl_sock_t pj_ssl_sock_t;
typedef struct pj_ssl_cert_t pj_ssl_cert_t;
typedef pj_str_t pj_ssl_cert_buffer;

enum {
    PJ_SSL_CERT_ESUCCESS = 0,
    PJ_SSL_CERT_EISSUER_NOT_FOUND = 1 << 0,
    PJ_SSL_CERT_EUNTRUSTED = 1 << 1,
    PJ_SSL_CERT_EVALIDITY_PERIOD = 1 << 2,
    PJ_SSL_CERT_EINVALID_FORMAT = 1 << 3,
    PJ_SSL_CERT_EINVALID_PURPOSE = 1 << 4,
    PJ_SSL_CERT_EISSUER_MISMATCH = 1 << 5,
    PJ_SSL_CERT_ECRL_FAILURE = 1 << 6,
    PJ_SSL_CERT_EREVOKED = 1 << 7,
    PJ_SSL_CERT_ECHAIN_TOO_LONG = 1 << 8,
    PJ_SSL_CERT_EIDENTITY_NOT_MATCH = 1 << 30,
    PJ_SSL_CERT_EUNKNOWN = (int)0x80000000,
};

typedef enum pj_ssl_cert_name_type {
    PJ_SSL_CERT_NAME_UNKNOWN,
    PJ_SSL_CERT_NAME_RFC822,
    PJ_SSL_CERT_NAME_DNS,
    PJ_SSL_CERT_NAME_URI,
    PJ_SSL_CERT_NAME_IP,
} pj_ssl_cert_name_type;

typedef struct pj_ssl_cert_info {
    unsigned version;
    pj_uint8_t serial_no[20];
    struct {
        pj_str_t cn, info;
    } subject, issuer;
    struct {
        pj_time_val start, end;
        pj_bool_t gmt;
    } validity;
    struct {
        unsigned cnt;
        struct {
            pj_ssl_cert_name_type type;
            pj_str_t name;
        } * entry;
    } subj_alt_name;
} pj_ssl_cert_info;

typedef enum pj_ssl_cipher {
    PJ_TLS_UNKNOWN_CIPHER = -1,
    PJ_TLS_RSA_WITH_AES_128_CBC_SHA = 0x2f,
    PJ_SSL_CK_RC4_128_WITH_MD5 = 0x10080,
} pj_ssl_cipher;

typedef enum pj_ssl_curve {
    PJ_TLS_UNKNOWN_CURVE = 0,
    PJ_TLS_CURVE_SECP384R1 = 24,
} pj_ssl_curve;

enum {
    PJ_SSL_SOCK_PROTO_DEFAULT = 0,
    PJ_SSL_SOCK_PROTO_TLS1 = 1 << 2,
    PJ_SSL_SOCK_PROTO_TLS1_2 = 1 << 4,
    PJ_SSL_SOCK_PROTO_TLS1_3 = 1 << 5,
};

typedef struct pj_ssl_sock_param {
    pj_uint32_t proto;
    unsigned ciphers_num;
    pj_ssl_cipher *ciphers;
    unsigned curves_num;
    pj_ssl_curve *curves;
    pj_str_t sigalgs;
    pj_time_val timeout;
    pj_bool_t verify_peer, require_client_cert;
    pj_str_t server_name;
} pj_ssl_sock_param;

/* Newer trees take PJMEDIA's random numbers from here. */
pj_status_t pj_ssl_rand_bytes(void *buf, pj_size_t len);

#endif
