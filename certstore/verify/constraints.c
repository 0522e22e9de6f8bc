/* Name constraints: RFC 5280 sections 4.2.1.10 and 6.1.3 (b), (c).
 *
 * What cannot be judged is refused: a constraint of a kind that is not known here, if a name of
 * that kind is there; a malformed constraint, or a malformed name that one applies to.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/dn.h"
#include "certstore/verify/host.h"
#include "certstore/verify/identity.h"
#include "certstore/verify/search.h"

/* How a name stands to the base of a subtree. */
typedef enum relation {
    OUTSIDE,
    INSIDE,
    TOUCHING, /* perhaps: a pattern that stands for names on both sides, or words that somebody else
                 may hold for the same */
    UNCLEAR,  /* one of the two cannot be read */
} relation;

static bool begins_with_dot(stls_bytes text) {
    return text.len != 0 && text.data[0] == '.';
}

static stls_bytes behind(stls_bytes text, size_t start) {
    return (stls_bytes){text.data + start, text.len - start};
}

/* --- One kind of name each */

/* "Any DNS name that can be constructed by simply adding zero or more labels to the left-hand
 * side." A base with a leading dot is not defined for DNS names. */
static relation relate_dns(stls_bytes name, stls_bytes base) {
    stls_bytes parent;
    if (base.len != 0 && !stls_host_is_dns(base)) {
        return UNCLEAR;
    }
    if (stls_host_is_dns(name)) {
        return stls_host_within(name, base) ? INSIDE : OUTSIDE;
    }
    if (!stls_host_is_wildcard(name, &parent)) {
        return UNCLEAR;
    }
    if (stls_host_within(parent, base)) {
        return INSIDE;
    }
    bool one_of_them =
        stls_host_within(base, parent) && stls_host_labels(base) == stls_host_labels(parent) + 1;
    return one_of_them ? TOUCHING : OUTSIDE;
}

/* A host, or with a leading dot all hosts below it. */
static relation relate_host(stls_bytes host, stls_bytes base) {
    bool below = begins_with_dot(base);
    stls_bytes domain = below ? behind(base, 1) : base;
    if (!stls_host_is_dns(domain) || !stls_host_is_dns(host)) {
        return UNCLEAR;
    }
    if (below) {
        return stls_host_within(host, domain) && host.len > domain.len ? INSIDE : OUTSIDE;
    }
    return stls_host_equal(host, domain) ? INSIDE : OUTSIDE;
}

static relation relate_uri(stls_bytes name, stls_bytes base) {
    stls_uri uri;
    return stls_uri_read(name, &uri) ? relate_host(uri.host, base) : UNCLEAR;
}

/* Splits "local@host" at the last '@'. */
static bool split_email(stls_bytes text, stls_bytes *local, stls_bytes *host) {
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != '@') {
        at--;
    }
    if (at < 2) {
        return false;
    }
    *local = (stls_bytes){text.data, at - 1};
    *host = behind(text, at);
    return true;
}

/* "A constraint MAY specify a particular mailbox, all addresses at a particular host, or all
 * mailboxes in a domain." The local part is compared octet for octet (7.5). */
static relation relate_email(stls_bytes name, stls_bytes base) {
    stls_bytes local, host, base_local, base_host;
    if (!split_email(name, &local, &host)) {
        return UNCLEAR;
    }
    if (!split_email(base, &base_local, &base_host)) {
        return relate_host(host, base);
    }
    relation hosts = begins_with_dot(base_host) ? UNCLEAR : relate_host(host, base_host);
    return hosts == INSIDE && !stls_bytes_equal(local, base_local) ? OUTSIDE : hosts;
}

/* The base is an address and a mask. */
static relation relate_address(stls_bytes name, stls_bytes base) {
    if (base.len != 2 * name.len) {
        return OUTSIDE; /* the other version of IP */
    }
    for (size_t i = 0; i < name.len; i++) {
        if (((name.data[i] ^ base.data[i]) & base.data[name.len + i]) != 0) {
            return OUTSIDE;
        }
    }
    return INSIDE;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_visible_ascii(stls_bytes text) {
    for (size_t i = 0; i < text.len; i++) {
        if ((text.data[i] < ' ' || text.data[i] > '~') && !is_blank(text.data[i])) {
            return false;
        }
    }
    return true;
}

/* Whether a Name has strings that are compared octet for octet only (dn.h), letters whose case and
 * composition are not looked at, or characters that others pass over (RFC 4518, 2.2). */
static bool has_opaque_strings(stls_bytes name) {
    stls_name_walk walk;
    bool new_rdn;
    stls_bytes type, value;
    uint8_t tag;
    if (!stls_name_walk_start(&walk, name)) {
        return true;
    }
    while (stls_name_walk_next(&walk, &new_rdn, &type, &tag, &value)) {
        bool folded = tag == STLS_DER_UTF8_STRING || tag == STLS_DER_PRINTABLE_STRING ||
                      tag == STLS_DER_IA5_STRING;
        if (!folded || !is_visible_ascii(value)) {
            return true;
        }
    }
    return false;
}

/* The same words in another type of string, or in other letters ("Ä", "ä"), may be the same name;
 * and so may what is not compared at all. */
static relation relate_directory(stls_bytes name, stls_bytes base) {
    if (stls_name_within(name, base)) {
        return INSIDE;
    }
    bool compared = stls_name_is_comparable(name) && stls_name_is_comparable(base);
    return !compared || has_opaque_strings(name) || has_opaque_strings(base) ? TOUCHING : OUTSIDE;
}

static relation relate(stls_general_name_kind kind, stls_bytes name, stls_bytes base) {
    switch (kind) {
    case STLS_GENERAL_NAME_DNS:
        return relate_dns(name, base);
    case STLS_GENERAL_NAME_URI:
        return relate_uri(name, base);
    case STLS_GENERAL_NAME_EMAIL:
        return relate_email(name, base);
    case STLS_GENERAL_NAME_IP:
        return relate_address(name, base);
    case STLS_GENERAL_NAME_DIRECTORY:
        return relate_directory(name, base);
    case STLS_GENERAL_NAME_OTHER:
    case STLS_GENERAL_NAME_X400:
    case STLS_GENERAL_NAME_EDI:
    case STLS_GENERAL_NAME_REGISTERED_ID:
        break;
    }
    return UNCLEAR;
}

/* --- One certificate's constraints */

typedef struct constraints {
    stls_search *search;
    stls_step *issuer;              /* whose they are */
    stls_bytes permitted, excluded; /* GeneralSubtrees, each may be empty */
    bool exhausted;
} constraints;

bool stls_search_spend(stls_search *search, size_t count) {
    if (count > search->comparisons_left) {
        search->comparisons_left = 0;
        search->exhausted = true;
        return false;
    }
    search->comparisons_left -= count;
    return true;
}

/* What a list of subtrees says about a name. */
typedef struct answer {
    bool applies; /* the list has a subtree of the name's kind */
    bool inside, touching, unclear;
} answer;

static answer ask(constraints *from, stls_bytes subtrees, stls_general_name_kind kind,
                  stls_bytes name) {
    enum { OCTETS_FOR_ONE = 32 };
    stls_der list = stls_der_of(subtrees), subtree;
    answer sum = {.applies = false};
    while (stls_der_enter(&list, STLS_DER_SEQUENCE, &subtree)) {
        stls_general_name_kind base_kind;
        stls_bytes base;
        if (!stls_general_name_next(&subtree, &base_kind, &base) ||
            !stls_search_spend(from->search, 1 + (base.len + name.len) / OCTETS_FOR_ONE)) {
            from->exhausted = true;
            return sum;
        }
        if (base_kind != kind) {
            continue;
        }
        relation found = relate(kind, name, base);
        sum.applies = true;
        sum.inside = sum.inside || found == INSIDE;
        sum.touching = sum.touching || found == TOUCHING;
        sum.unclear = sum.unclear || found == UNCLEAR;
    }
    return sum;
}

static bool allows(constraints *from, stls_general_name_kind kind, stls_bytes name) {
    answer excluded = ask(from, from->excluded, kind, name);
    if (excluded.inside || excluded.touching || excluded.unclear) {
        return false;
    }
    answer permitted = ask(from, from->permitted, kind, name);
    return !permitted.applies || (permitted.inside && !permitted.unclear);
}

static void judge_name(constraints *from, stls_general_name_kind kind, stls_bytes name,
                       size_t depth) {
    if (from->exhausted || allows(from, kind, name)) {
        return;
    }
    if (from->issuer->bad_name.len == 0) {
        from->issuer->bad_kind = kind;
        from->issuer->bad_name = name;
    }
    stls_found(&from->issuer->found, STLS_FLAG_NAME_CONSTRAINT, depth);
}

/* --- The names of a certificate */

/* E-mail addresses stand in the subject of old certificates. "When a constraint is imposed on the
 * rfc822Name name form, but the certificate does not include a subject alternative name, the
 * constraint MUST be applied to the attribute of type emailAddress in the subject distinguished
 * name." */
static void judge_subject_email(constraints *from, const stls_x509 *x509, size_t depth) {
    static const uint8_t email_address[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01};
    const stls_bytes wanted = {email_address, sizeof email_address};
    stls_name_walk walk;
    bool new_rdn;
    stls_bytes type, value;
    uint8_t tag;
    if ((x509->present & STLS_EXT_SUBJECT_ALT_NAME) != 0 ||
        !stls_name_walk_start(&walk, x509->subject)) {
        return;
    }
    while (stls_name_walk_next(&walk, &new_rdn, &type, &tag, &value)) {
        if (stls_bytes_equal(type, wanted)) {
            judge_name(from, STLS_GENERAL_NAME_EMAIL, value, depth);
        }
    }
}

/* RFC 5280 lets a constraint for dNSName pass what other kinds of names say of the same host: a CA
 * that may speak for "customer.example" only could name "sip:bank.example". What is taken for the
 * identity of a host is held to the constraints for hosts, whatever kind of name it is. */
static void judge_identities(constraints *from, const stls_x509 *leaf) {
    stls_der names = stls_der_of(leaf->alt_names);
    stls_bytes host;
    while (stls_identity_next_sip_uri(&names, &host)) {
        judge_name(from, STLS_GENERAL_NAME_DNS, host, 0);
    }
    if (stls_identity_common_name(from->search->request->rules, leaf, &host)) {
        judge_name(from, STLS_GENERAL_NAME_DNS, host, 0);
    }
}

static void judge_names(constraints *from, const stls_x509 *x509, size_t depth) {
    if (!stls_name_is_empty(x509->subject)) {
        judge_name(from, STLS_GENERAL_NAME_DIRECTORY, x509->subject, depth);
    }
    judge_subject_email(from, x509, depth);
    stls_der names = stls_der_of(x509->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    while (stls_general_name_next(&names, &kind, &value)) {
        judge_name(from, kind, value, depth);
    }
    if (depth == 0) {
        judge_identities(from, x509);
    }
}

void stls_constraints_judge(stls_search *search, stls_step *next) {
    if ((next->cert->x509.present & STLS_EXT_NAME_CONSTRAINTS) == 0) {
        return;
    }
    constraints from = {.search = search, .issuer = next};
    stls_der fields = stls_der_of(next->cert->x509.name_constraints);
    bool present;
    if (!stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 0, &present,
                               &from.permitted) ||
        !stls_der_get_optional(&fields, STLS_DER_CONTEXT_CONSTRUCTED | 1, &present,
                               &from.excluded)) {
        stls_found(&next->found, STLS_FLAG_NAME_CONSTRAINT, search->path.len);
        return;
    }
    for (size_t depth = 0; depth < search->path.len; depth++) {
        const stls_cert *cert = search->path.steps[depth].cert;
        if (depth == 0 || !cert->self_issued) {
            judge_names(&from, &cert->x509, depth);
        }
    }
    if (from.exhausted) {
        stls_found(&next->found, STLS_FLAG_LIMIT, search->path.len);
    }
}
