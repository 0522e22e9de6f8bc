/* certstore/verify/anchors.h - the inside of an stls_trust, for the engine.
 *
 * The model: each anchor is parsed once, when it is added, and found by the hash of its subject.
 * Making a key handle costs more than many a signature check, so an anchor keeps one for each
 * backend that ever needed it; the handles live as long as the trust.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_ANCHORS_H
#define STLS_CERTSTORE_VERIFY_ANCHORS_H

#include "certstore/read/x509.h"
#include <siptls/trust.h>
#include <stdatomic.h>

/* A parsed certificate with what is looked up by. */
typedef struct stls_cert {
    stls_x509 x509;
    uint64_t subject_hash, issuer_hash;
    bool self_issued; /* subject and issuer are the same name */
} stls_cert;

/* Parses `der`, which must stay, into `*cert`. As stls_x509_parse(). */
stls_result stls_cert_read(stls_bytes der, stls_cert *cert, stls_error *error);

enum { STLS_ANCHOR_BACKENDS = 4 };

/* A slot belongs to the first backend that writes itself into it. */
typedef struct stls_anchor_key {
    _Atomic(const stls_backend *) backend;
    _Atomic(void *) key;
} stls_anchor_key;

typedef struct stls_anchor {
    stls_cert cert;
    stls_bytes der;           /* owned; what `cert` points into */
    bool is_peer;             /* it anchors nothing but itself, whatever it says */
    struct stls_anchor *next; /* in the same bucket */
    stls_anchor_key keys[STLS_ANCHOR_BACKENDS];
} stls_anchor;

/* Adds certificate `der` as a peer's own. One that is there as an issuer stays one, and becomes one
 * when it is added as that. As stls_trust_add(). */
stls_result stls_trust_add_peer(stls_trust *trust, stls_bytes der, const char *name,
                                stls_error *error);

/* The first anchor in the bucket of `subject_hash`, or NULL; go on with ->next and compare hash and
 * name. Thread-safe once `trust` is frozen. NULL is an empty trust. */
stls_anchor *stls_anchor_bucket(const stls_trust *trust, uint64_t subject_hash);

/* A key handle of `anchor` for `backend`. `*borrowed`: it stays the anchor's; otherwise the caller
 * frees it. As key_from_spki(). Thread-safe. */
stls_be_status stls_anchor_key_for(stls_anchor *anchor, const stls_backend *backend, void **key,
                                   bool *borrowed);

#endif
