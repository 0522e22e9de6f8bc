/* certstore/verify/crl_list.h - the CRLs of a stls_trust, for the engine.
 *
 * The model: a CRL is parsed once, when it is added, and gets an index of its entries by serial
 * number, one pointer each, so that a look-up costs the logarithm of their number. Checking the
 * signature of a large CRL costs as much as hashing it; so a CRL remembers, for each backend, the
 * key by which its signature was found good. That is a fact about bytes, not a verdict: whether
 * that key may sign CRLs is asked each time.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_CRL_LIST_H
#define STLS_CERTSTORE_VERIFY_CRL_LIST_H

#include "certstore/read/crl.h"
#include "certstore/verify/anchors.h"

/* "The signature is good by this key." The slot belongs to the first backend that writes itself in.
 */
typedef struct stls_crl_proof {
    _Atomic(const stls_backend *) backend;
    _Atomic(stls_bytes *) spki;
} stls_crl_proof;

typedef struct stls_loaded_crl {
    stls_crl crl;
    stls_bytes der; /* owned; what `crl` points into */
    uint64_t issuer_hash;
    const uint8_t **index; /* where each entry begins, in the order of serial numbers */
    stls_crl_proof proofs[STLS_ANCHOR_BACKENDS];
} stls_loaded_crl;

typedef struct stls_crl_list {
    stls_loaded_crl **items; /* in the order of their adding */
    size_t count;
} stls_crl_list;

/* Frees what the list holds. */
void stls_crl_list_free(stls_crl_list *list);

/* The list of `trust`, to be changed; STLS_E_STATE with a sentence if it is frozen. */
stls_result stls_trust_open_crls(stls_trust *trust, stls_crl_list **list, stls_error *error);

/* The same for reading; that of NULL is empty. Thread-safe once the trust is frozen. */
const stls_crl_list *stls_trust_crls(const stls_trust *trust);

/* Whether the CRL lists `serial`, and the entry. Of several, one with another reason than
 * removeFromCRL. Thread-safe. */
bool stls_loaded_crl_find(const stls_loaded_crl *crl, stls_bytes serial, stls_crl_entry *entry);

/* Whether the signature is known to be good by the key `spki`; and how that gets known.
 * Thread-safe. */
bool stls_loaded_crl_is_proved(const stls_loaded_crl *crl, const stls_backend *backend,
                               stls_bytes spki);
void stls_loaded_crl_prove(stls_loaded_crl *crl, const stls_backend *backend, stls_bytes spki);

#endif
