/* certstore/read/der.h - a strict reader of DER (X.690, distinguished encoding rules).
 *
 * The model: a cursor over bytes that somebody else keeps. Each call reads one element at the
 * cursor and moves behind it, or answers false and leaves the cursor where it was. Nothing is
 * copied. Only DER is accepted: definite lengths in their shortest form, low tag numbers, integers
 * in their shortest form, booleans 00 or FF.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_READ_DER_H
#define STLS_CERTSTORE_READ_DER_H

#include <siptls/types.h>

enum {
    STLS_DER_BOOLEAN = 0x01,
    STLS_DER_INTEGER = 0x02,
    STLS_DER_BIT_STRING = 0x03,
    STLS_DER_OCTET_STRING = 0x04,
    STLS_DER_NULL = 0x05,
    STLS_DER_OID = 0x06,
    STLS_DER_ENUMERATED = 0x0a,
    STLS_DER_UTF8_STRING = 0x0c,
    STLS_DER_PRINTABLE_STRING = 0x13,
    STLS_DER_TELETEX_STRING = 0x14,
    STLS_DER_IA5_STRING = 0x16,
    STLS_DER_UTC_TIME = 0x17,
    STLS_DER_GENERALIZED_TIME = 0x18,
    STLS_DER_UNIVERSAL_STRING = 0x1c,
    STLS_DER_BMP_STRING = 0x1e,
    STLS_DER_SEQUENCE = 0x30,
    STLS_DER_SET = 0x31,
    STLS_DER_CONTEXT = 0x80,             /* | number: [number] IMPLICIT, primitive */
    STLS_DER_CONTEXT_CONSTRUCTED = 0xa0, /* | number: [number], constructed */
};

typedef struct stls_der {
    const uint8_t *at, *end;
} stls_der;

stls_der stls_der_of(stls_bytes bytes);
bool stls_der_done(const stls_der *der);

/* The tag of the next element, or 0 at the end. */
uint8_t stls_der_peek(const stls_der *der);

/* The next element, whatever it is: its tag, its content, and the whole of it (each may
 * be NULL). */
bool stls_der_any(stls_der *der, uint8_t *tag, stls_bytes *content, stls_bytes *whole);

/* The content of the next element, which must have `tag`. */
bool stls_der_get(stls_der *der, uint8_t tag, stls_bytes *content);

/* The same for an element that may be absent: true with `*present` false if the next tag
 * differs. */
bool stls_der_get_optional(stls_der *der, uint8_t tag, bool *present, stls_bytes *content);

/* Enters an element with `tag`; `*inside` runs over its content. */
bool stls_der_enter(stls_der *der, uint8_t tag, stls_der *inside);

/* A BOOLEAN DEFAULT FALSE: absent is false. An encoded FALSE is false too: DER leaves it out, but
 * CAs in use write it, as does the example certificate of RFC 8410 section 10.2, and it can mean
 * nothing else. Other octets than 00 and FF are refused. */
bool stls_der_default_false(stls_der *der, bool *value);

/* An INTEGER in shortest form: its content octets (two's complement). */
bool stls_der_integer(stls_der *der, stls_bytes *content);

/* Whether content octets that stand behind an implicit tag are an INTEGER in shortest form. */
bool stls_der_integer_of(stls_bytes content);

/* A non-negative INTEGER of at most `max`. */
bool stls_der_unsigned(stls_der *der, uint32_t max, uint32_t *value);

/* An OBJECT IDENTIFIER, each of its numbers in shortest form: its content octets. */
bool stls_der_oid(stls_der *der, stls_bytes *content);

/* The same for content octets that stand behind an implicit tag. */
bool stls_der_oid_of(stls_bytes content);

bool stls_der_null(stls_der *der);

/* A BIT STRING of whole octets. */
bool stls_der_octet_aligned_bits(stls_der *der, stls_bytes *octets);

/* Whether content octets that stand behind an implicit tag are a BIT STRING: the bits that are not
 * used are few enough, and zero. */
bool stls_der_bits_of(stls_bytes content);

/* A named-bit BIT STRING (KeyUsage, ReasonFlags): bit n of the result is named bit n; at most 16
 * bits. Zeros at the end are taken, though DER leaves them out: roots in use have them (Trustwave
 * Global ECC P256 and P384). */
bool stls_der_named_bits(stls_der *der, uint16_t *bits);

/* The same for content octets that stand behind an implicit tag. */
bool stls_der_named_bits_of(stls_bytes content, uint16_t *bits);

/* UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 allows them, as seconds since 1970 (UTC); every
 * field is checked. */
bool stls_der_time(stls_der *der, int64_t *time);

#endif
