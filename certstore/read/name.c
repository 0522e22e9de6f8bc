/* SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/read/x509.h"

#include <string.h>

/* Attribute values may be of any type (RFC 5280 appendix A); those of wide characters have to be
 * whole ones, so that nobody reads half of one later. */
static bool value_is_whole(uint8_t tag, stls_bytes value) {
    size_t width = tag == STLS_DER_BMP_STRING ? 2 : tag == STLS_DER_UNIVERSAL_STRING ? 4 : 1;
    return value.len % width == 0;
}

bool stls_name_walk_start(stls_name_walk *walk, stls_bytes name) {
    stls_der der = stls_der_of(name);
    walk->attributes = stls_der_of((stls_bytes){NULL, 0});
    return stls_der_enter(&der, STLS_DER_SEQUENCE, &walk->rdns) && stls_der_done(&der);
}

bool stls_name_walk_next(stls_name_walk *walk, bool *new_rdn, stls_bytes *type_oid, uint8_t *tag,
                         stls_bytes *value) {
    stls_name_walk ahead = *walk;
    stls_der attribute;
    *new_rdn = stls_der_done(&ahead.attributes);
    if (*new_rdn && !stls_der_enter(&ahead.rdns, STLS_DER_SET, &ahead.attributes)) {
        return false;
    }
    if (!stls_der_enter(&ahead.attributes, STLS_DER_SEQUENCE, &attribute) ||
        !stls_der_oid(&attribute, type_oid) || !stls_der_any(&attribute, tag, value, NULL) ||
        !stls_der_done(&attribute) || !value_is_whole(*tag, *value)) {
        return false;
    }
    *walk = ahead;
    return true;
}

bool stls_name_is_well_formed(stls_bytes name) {
    stls_name_walk walk;
    bool new_rdn;
    stls_bytes type, value;
    uint8_t tag;
    if (!stls_name_walk_start(&walk, name)) {
        return false;
    }
    while (stls_name_walk_next(&walk, &new_rdn, &type, &tag, &value)) {
    }
    /* A walk that stops at something malformed, an RDN without attributes too, has not used it up.
     */
    return stls_der_done(&walk.rdns) && stls_der_done(&walk.attributes);
}

bool stls_name_is_empty(stls_bytes name) {
    stls_name_walk walk;
    return stls_name_walk_start(&walk, name) && stls_der_done(&walk.rdns);
}

bool stls_name_common_name(stls_bytes name, uint8_t *tag, stls_bytes *value) {
    static const uint8_t common_name[] = {0x55, 0x04, 0x03};
    const stls_bytes wanted = {common_name, sizeof common_name};
    stls_name_walk walk;
    bool new_rdn, found = false;
    stls_bytes type, candidate;
    uint8_t candidate_tag;
    if (!stls_name_walk_start(&walk, name)) {
        return false;
    }
    while (stls_name_walk_next(&walk, &new_rdn, &type, &candidate_tag, &candidate)) {
        if (stls_bytes_equal(type, wanted)) {
            found = true;
            *tag = candidate_tag;
            *value = candidate;
        }
    }
    return found;
}

/* IA5String is ASCII. A NUL is ASCII too: it makes a name that matches nothing, not a malformed
 * one. */
static bool is_ascii(stls_bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] > 0x7f) {
            return false;
        }
    }
    return true;
}

/* OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY } */
static bool other_name_is_well_formed(stls_bytes content) {
    stls_der der = stls_der_of(content), inside;
    stls_bytes type;
    return stls_der_oid(&der, &type) &&
           stls_der_enter(&der, STLS_DER_CONTEXT_CONSTRUCTED | 0, &inside) && stls_der_done(&der) &&
           stls_der_any(&inside, NULL, NULL, NULL) && stls_der_done(&inside);
}

/* A Name stands in GeneralName with an explicit tag, because it is a CHOICE. */
static bool directory_name(stls_bytes content, stls_bytes *name) {
    stls_der der = stls_der_of(content);
    return stls_der_any(&der, NULL, NULL, name) && stls_der_done(&der) &&
           stls_name_is_well_formed(*name);
}

static bool address_has_a_length(stls_bytes address) {
    return address.len == 4 || address.len == 16 || address.len == 8 || address.len == 32;
}

static bool general_name(uint8_t tag, stls_bytes content, stls_general_name_kind *kind,
                         stls_bytes *value) {
    enum { CLASS_MASK = 0xc0, CONSTRUCTED = 0x20, NUMBER_MASK = 0x1f };
    bool constructed = (tag & CONSTRUCTED) != 0;
    if ((tag & CLASS_MASK) != STLS_DER_CONTEXT) {
        return false;
    }
    *kind = (stls_general_name_kind)(tag & NUMBER_MASK);
    *value = content;
    switch (*kind) {
    case STLS_GENERAL_NAME_OTHER:
        return constructed && other_name_is_well_formed(content);
    case STLS_GENERAL_NAME_EMAIL:
    case STLS_GENERAL_NAME_DNS:
    case STLS_GENERAL_NAME_URI:
        return !constructed && is_ascii(content);
    case STLS_GENERAL_NAME_X400:
    case STLS_GENERAL_NAME_EDI:
        return constructed;
    case STLS_GENERAL_NAME_DIRECTORY:
        return constructed && directory_name(content, value);
    case STLS_GENERAL_NAME_IP:
        return !constructed && address_has_a_length(content);
    case STLS_GENERAL_NAME_REGISTERED_ID:
        return !constructed && stls_der_oid_of(content);
    }
    return false;
}

bool stls_general_name_next(stls_der *names, stls_general_name_kind *kind, stls_bytes *value) {
    stls_der ahead = *names;
    uint8_t tag;
    stls_bytes content;
    if (!stls_der_any(&ahead, &tag, &content, NULL) || !general_name(tag, content, kind, value)) {
        return false;
    }
    *names = ahead;
    return true;
}
