/* certstore/read/crl.h - one X.509 certificate revocation list (RFC 5280 section 5).
 *
 * The model: as in x509.h. stls_crl_parse() fills a struct of slices into DER that must stay; form
 * is judged here, use in certstore/verify/crl.c. Every entry has been read once for its form, so
 * that a walk over the entries of a parsed CRL meets no malformed one.
 *
 * Where CAs in use break the letter of RFC 5280, this is what holds. Taken are version 1; an empty
 * revokedCertificates, which should be absent; no nextUpdate, no cRLNumber, no
 * authorityKeyIdentifier; the same serial number twice; any order; an issuingDistributionPoint that
 * is not critical. Refused are an issuingDistributionPoint that says nothing, or that contains two
 * kinds of certificates only (5.2.5), a cRLNumber that is critical, negative or longer than 20
 * octets (5.2.3), and a reason that does not exist.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_CRL_H
#define STLS_CERTSTORE_READ_CRL_H

#include "certstore/read/x509.h"

/* CRLReason, RFC 5280 5.3.1. The same numbers are the bits of ReasonFlags, but for REMOVE. */
typedef enum stls_crl_reason {
    STLS_CRL_REASON_UNSPECIFIED = 0,
    STLS_CRL_REASON_KEY_COMPROMISE = 1,
    STLS_CRL_REASON_CA_COMPROMISE = 2,
    STLS_CRL_REASON_AFFILIATION_CHANGED = 3,
    STLS_CRL_REASON_SUPERSEDED = 4,
    STLS_CRL_REASON_CESSATION = 5,
    STLS_CRL_REASON_HOLD = 6,
    STLS_CRL_REASON_REMOVE = 8, /* removeFromCRL, of delta CRLs */
    STLS_CRL_REASON_PRIVILEGE_WITHDRAWN = 9,
    STLS_CRL_REASON_AA_COMPROMISE = 10,
} stls_crl_reason;

/* All that ReasonFlags can name: bits 1 to 8. */
enum { STLS_REASONS_ALL = 0x1fe };

typedef struct stls_crl {
    stls_bytes der;      /* the whole CertificateList */
    stls_bytes tbs;      /* the whole TBSCertList: what is signed */
    unsigned version;    /* 1 or 2 */
    stls_bytes issuer;   /* the whole Name element, not empty */
    int64_t this_update; /* seconds since 1970, both inclusive */
    int64_t next_update; /* if has_next_update */
    bool has_next_update;

    stls_signature_algorithm signature_algorithm; /* kind UNKNOWN: an OID we do not know */
    stls_bytes signature_oid;
    stls_bytes signature; /* octets of the BIT STRING */

    stls_bytes entries; /* content of revokedCertificates */
    size_t entry_count;

    stls_bytes authority_key_id; /* keyIdentifier, may be empty */
    stls_bytes number;           /* content octets of cRLNumber; empty: absent */
    bool is_delta;               /* it has a deltaCRLIndicator */
    stls_bytes base_number;      /* then the number in it */
    bool has_unknown_critical; /* a critical extension that is not known, of the CRL or an entry */
    bool has_entry_issuer;     /* an entry names its certificate's issuer */

    /* issuingDistributionPoint; all zero if it is absent. */
    stls_bytes scope;      /* the content of it, for comparison */
    stls_bytes point_name; /* the whole DistributionPointName; empty: absent */
    bool only_users, only_cas, only_attributes, is_indirect;
    uint16_t reasons; /* ReasonFlags; STLS_REASONS_ALL if the CRL does not restrict them */
} stls_crl;

/* Reads the CRL `der`. STLS_E_FORMAT with a sentence ("CRL field thisUpdate is not ..."); `*crl` is
 * then all zero. Pure; thread-safe. */
stls_result stls_crl_parse(stls_bytes der, stls_crl *crl, stls_error *error);

typedef struct stls_crl_entry {
    stls_bytes whole;  /* the SEQUENCE */
    stls_bytes serial; /* content octets */
    int64_t date;
    stls_crl_reason reason; /* UNSPECIFIED if it gives none */
    bool has_unknown_critical;
    bool has_issuer; /* certificateIssuer */
} stls_crl_entry;

/* The next entry of the entries of a parsed CRL; false at the end. */
bool stls_crl_entry_next(stls_der *entries, stls_crl_entry *entry);

/* Whether `a` was issued after `b`, both parsed and of one issuer and scope: by their numbers, or
 * else by thisUpdate (RFC 5280 5.2.3). */
bool stls_crl_is_newer(const stls_crl *a, const stls_crl *b);

/* Why no certificate can be found good by this CRL, as the end of a sentence; NULL: it can. */
const char *stls_crl_defect(const stls_crl *crl);

/* A DistributionPoint of a certificate's cRLDistributionPoints. */
typedef struct stls_distribution_point {
    stls_bytes name;  /* the whole DistributionPointName; empty: absent */
    uint16_t reasons; /* STLS_REASONS_ALL if the point does not restrict them */
    bool has_issuer;  /* cRLIssuer: the CRLs are another authority's */
} stls_distribution_point;

/* The next one of a parsed certificate's; false at the end. */
bool stls_distribution_point_next(stls_der *points, stls_distribution_point *point);

#endif
