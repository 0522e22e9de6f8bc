/* certstore/verify/crl.h - what a CRL can say about a certificate: its scope (RFC 5280 6.3.3 (b),
 * (d)).
 *
 * The model: a certificate may name distribution points, each with names and with the reasons for
 * which its CRLs revoke; a CRL may name the distribution point that it belongs to, the reasons and
 * the kind of certificates it is for. A CRL of the certificate's issuer that names no distribution
 * point is about all of its certificates. Points whose CRLs another authority issues (cRLIssuer)
 * are passed over: there are no indirect CRLs here.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_VERIFY_CRL_H
#define STLS_CERTSTORE_VERIFY_CRL_H

#include "certstore/read/crl.h"
#include "certstore/verify/search.h"

/* The reasons (ReasonFlags) for which `crl`, which is by the issuer of `x509`, tells whether that
 * is revoked; 0: it is not in the scope of the CRL. Comparisons are taken from those that are left;
 * when there are none, the answer is 0. */
uint16_t stls_crl_scope(stls_search *search, const stls_crl *crl, const stls_x509 *x509);

#endif
