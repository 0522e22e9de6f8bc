/* siptls/certificate.h - what a certificate says, for people and for logs.
 *
 * The model: pure functions from the DER of one certificate to plain data. Nothing here judges a
 * certificate (siptls/verify.h does), and nothing that comes out may be used to decide whom to
 * trust. All text is printable ASCII; other bytes appear as \xNN.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_CERTIFICATE_H
#define SIPTLS_CERTIFICATE_H

#include <siptls/backend.h>
#include <siptls/verify.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    STLS_CERTIFICATE_NAME_SIZE = 256,
    STLS_CERTIFICATE_SERIAL_SIZE = 64,
    STLS_CERTIFICATE_KEY_SIZE = 32,
    STLS_FINGERPRINT_LEN = 32, /* bytes of SHA-256 */
};

typedef struct stls_certificate_info {
    char subject[STLS_CERTIFICATE_NAME_SIZE]; /* "CN=sip.example.com, O=Example", cut with "..." */
    char issuer[STLS_CERTIFICATE_NAME_SIZE];
    char serial[STLS_CERTIFICATE_SERIAL_SIZE]; /* hexadecimal */
    char key[STLS_CERTIFICATE_KEY_SIZE];       /* "EC secp256r1", "RSA 2048", "Ed25519" */
    int64_t not_before, not_after;             /* seconds since 1970, both inclusive */
    bool is_ca;
    size_t alt_name_count; /* entries for stls_certificate_alt_name() */
} stls_certificate_info;

/* Reads certificate `der` into `*info`. STLS_E_FORMAT with a sentence. */
STLS_API stls_result stls_certificate_read(stls_bytes der, stls_certificate_info *info,
                                           stls_error *error);

/* Writes subjectAltName entry `index` (from 0) of certificate `der` into `text` (`size` bytes) as
 * "DNS:example.com", "URI:sip:example.com", "IP:192.0.2.1", "email:...", "DirName:...", "other",
 * which ends in "..." if `text` is too short for it. False behind the last, and for less than 4
 * bytes. */
STLS_API bool stls_certificate_alt_name(stls_bytes der, size_t index, char *text, size_t size);

/* Writes SIP domain identity `index` (from 0) of certificate `der` by RFC 5922 section 7.1 into
 * `text` and its source into `*kind`. The rest as above. */
STLS_API bool stls_certificate_sip_identity(stls_bytes der, size_t index, char *text, size_t size,
                                            stls_name_kind *kind);

/* The SHA-256 of `der`, computed by `backend`, into `fingerprint` (STLS_FINGERPRINT_LEN bytes). */
STLS_API stls_result stls_certificate_fingerprint(const stls_backend *backend, stls_bytes der,
                                                  uint8_t *fingerprint);

/* Writes certificate `der` as PEM, ended by NUL, into `text` of `size` bytes; returns the length
 * that the whole takes without the NUL, as snprintf does. */
STLS_API size_t stls_certificate_pem(stls_bytes der, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
