/* siptls/trust.h - the certificates that a chain must end in.
 *
 * The model: a trust is a set of anchors. It is filled, then given to profiles; from the first
 * profile on it is frozen and can be shared by any number of contexts and threads. It is counted:
 * every holder releases it once. It belongs to no backend.
 *
 * Any certificate can be an anchor: a root, an intermediate, or a peer's own certificate. What an
 * anchor says about itself beyond its name and key is judged as RFC 5280 section 6.1.1 (d) and RFC
 * 5937 let it be: its dates and constraints count. One that says that it is no CA anchors itself
 * only. One of version 1 cannot say so: if it is self-issued, it may issue others. Who means a
 * peer's own certificate of version 1 puts it into a store (STLS_ADD_PEER), where it does not.
 *
 * A trust also holds the certificate revocation lists by which chains are judged, if the profile
 * asks for that: stls_profile_set_crl_mode(). siptls fetches none: whoever downloads or receives a
 * newer CRL makes a new trust with it and a new context, and swaps them.
 *
 * Thread rules: while it is being filled, one thread; once frozen, any.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TRUST_H
#define SIPTLS_TRUST_H

#include <siptls/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_trust stls_trust;

/* The largest file or block of memory that is read at once, bytes; and of CRLs. */
enum { STLS_TRUST_INPUT_MAX = 5 * 1024 * 1024, STLS_CRL_INPUT_MAX = 32 * 1024 * 1024 };

/* The most CRLs that a trust holds. */
enum { STLS_TRUST_CRLS_MAX = 4096 };

/* An empty trust, held once; NULL if there is no memory. */
STLS_API stls_trust *stls_trust_new(void);

/* Holds it once more; returns `trust`. Thread-safe. */
STLS_API stls_trust *stls_trust_hold(stls_trust *trust);

/* Gives one hold back; the last one frees it. NULL is allowed. Thread-safe. */
STLS_API void stls_trust_free(stls_trust *trust);

/* Adds every certificate in `data`: one as DER, or any number as PEM, told apart by content. All or
 * none is added: a bundle with one bad certificate is refused whole. A certificate that is there
 * already is skipped. `name` is what errors call the input ("the uploaded file"); NULL: "input".
 * The bytes are copied.
 *
 * STLS_E_FORMAT (what, and at which line), STLS_E_LIMIT (larger than STLS_TRUST_INPUT_MAX),
 * STLS_E_STATE (frozen), STLS_E_NO_MEMORY. */
STLS_API stls_result stls_trust_add(stls_trust *trust, const void *data, size_t len,
                                    const char *name, stls_error *error);

/* The same from file `path`; also STLS_E_FILE. */
STLS_API stls_result stls_trust_add_file(stls_trust *trust, const char *path, stls_error *error);

/* Adds the CA bundle of the operating system, from the first of the usual places that has one.
 * Single certificates in it that cannot be read are left out. STLS_E_FILE if there is no bundle. */
STLS_API stls_result stls_trust_add_system(stls_trust *trust, stls_error *error);

/* How many anchors it has, and the DER of the one at `index`, valid as long as the trust; {NULL, 0}
 * behind the last. */
STLS_API size_t stls_trust_count(const stls_trust *trust);
STLS_API stls_bytes stls_trust_at(const stls_trust *trust, size_t index);

/* Adds every CRL in `data`: one as DER, or any number as PEM ("X509 CRL"). All or none is added; a
 * bundle with a certificate or anything else in it is refused. A CRL that is there already is
 * skipped. Several CRLs of one issuer may be there: the newest of each scope counts.
 *
 * Only the form is looked at here. Who signed a CRL, its dates and its scope are judged with each
 * chain; a CRL of an issuer that no chain has is never used. Complete CRLs say who is good; a delta
 * CRL can only revoke; indirect CRLs, which speak for other issuers, are not used
 * (STLS_FLAG_CRL_INVALID).
 *
 * Results as of stls_trust_add(); the limits are STLS_CRL_INPUT_MAX, and STLS_TRUST_CRLS_MAX with
 * those that are there. */
STLS_API stls_result stls_trust_add_crl(stls_trust *trust, const void *data, size_t len,
                                        const char *name, stls_error *error);

/* The same from file `path`; also STLS_E_FILE. */
STLS_API stls_result stls_trust_add_crl_file(stls_trust *trust, const char *path,
                                             stls_error *error);

/* How many CRLs it has. */
STLS_API size_t stls_trust_crl_count(const stls_trust *trust);

#ifdef __cplusplus
}
#endif
#endif
