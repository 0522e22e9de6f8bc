/* Whom a leaf names: RFC 5922 section 7 (SIP), RFC 9525 (HTTPS), and a list.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/identity.h"

#include "base/memory.h"
#include "certstore/read/describe.h"
#include "certstore/verify/host.h"

#include <arpa/inet.h>
#include <siptls/certificate.h>
#include <string.h>
#include <sys/socket.h>

static stls_bytes bytes_of(const char *text) {
    return (stls_bytes){(const uint8_t *)text, strlen(text)};
}

/* --- The name that is wanted */

typedef struct wanted_name {
    stls_bytes host;    /* a DNS name, or ... */
    stls_bytes address; /* ... 4 or 16 octets in `octets` */
    uint8_t octets[16];
} wanted_name;

/* `name` was normalised by stls_peer_name(). */
static void read_wanted(const char *name, wanted_name *wanted) {
    *wanted = (wanted_name){.host = bytes_of(name)};
    if (inet_pton(AF_INET, name, wanted->octets) == 1) {
        wanted->address = (stls_bytes){wanted->octets, 4};
    } else if (inet_pton(AF_INET6, name, wanted->octets) == 1) {
        wanted->address = (stls_bytes){wanted->octets, 16};
    }
}

/* --- The SIP domain identities of a certificate (RFC 5922 section 7.1) */

/* A sip URI without user part gives its host. An address is no SIP domain, nor is what is no DNS
 * name. */
static bool sip_uri_identity(stls_bytes text, stls_bytes *host) {
    stls_uri uri;
    if (!stls_uri_read(text, &uri) || !uri.is_sip || uri.has_user || !stls_host_is_dns(uri.host)) {
        return false;
    }
    *host = uri.host;
    return true;
}

static bool has_alt_name(const stls_x509 *leaf) {
    return (leaf->present & STLS_EXT_SUBJECT_ALT_NAME) != 0;
}

static bool common_name(const stls_x509 *leaf, stls_bytes *name) {
    uint8_t tag;
    return stls_name_common_name(leaf->subject, &tag, name) && stls_host_is_dns(*name);
}

/* The next entry of `names` that is an identity of kind `source`. */
static bool next_alt_identity(stls_der *names, stls_name_kind source, stls_bytes *identity) {
    stls_general_name_kind kind;
    stls_bytes value;
    while (stls_general_name_next(names, &kind, &value)) {
        if (source == STLS_NAME_SIP_URI && kind == STLS_GENERAL_NAME_URI &&
            sip_uri_identity(value, identity)) {
            return true;
        }
        if (source == STLS_NAME_DNS && kind == STLS_GENERAL_NAME_DNS && stls_host_is_dns(value)) {
            *identity = value;
            return true;
        }
    }
    return false;
}

/* A walk over the identities: all from one source, as the RFC ranks the sources. */
typedef struct sip_walk {
    stls_name_kind source; /* NONE: there are none left */
    stls_der names;
    stls_bytes common_name;
} sip_walk;

static void sip_walk_start(sip_walk *walk, const stls_x509 *leaf) {
    stls_bytes identity;
    *walk = (sip_walk){.names = stls_der_of(leaf->alt_names)};
    stls_der ahead = walk->names;
    if (next_alt_identity(&ahead, STLS_NAME_SIP_URI, &identity)) {
        walk->source = STLS_NAME_SIP_URI;
    } else if (has_alt_name(leaf)) {
        walk->source = STLS_NAME_DNS;
    } else if (common_name(leaf, &walk->common_name)) {
        walk->source = STLS_NAME_CN;
    }
}

static bool sip_walk_next(sip_walk *walk, stls_bytes *identity) {
    if (walk->source == STLS_NAME_CN) {
        *identity = walk->common_name;
        walk->source = STLS_NAME_NONE;
        return true;
    }
    return walk->source != STLS_NAME_NONE &&
           next_alt_identity(&walk->names, walk->source, identity);
}

bool stls_certificate_sip_identity(stls_bytes der, size_t index, char *text, size_t size,
                                   stls_name_kind *kind) {
    enum { TEXT_SIZE_MIN = 4 };
    stls_x509 leaf;
    if (text == NULL || kind == NULL || size < TEXT_SIZE_MIN ||
        stls_x509_parse(der, &leaf, NULL) != STLS_OK) {
        return false;
    }
    sip_walk walk;
    sip_walk_start(&walk, &leaf);
    *kind = walk.source;
    stls_bytes identity;
    while (sip_walk_next(&walk, &identity)) {
        if (index-- == 0) {
            stls_text out = stls_text_in(text, size);
            stls_text_add_foreign(&out, identity);
            return true;
        }
    }
    *kind = STLS_NAME_NONE;
    return false;
}

/* --- Matching */

static bool matched(stls_verdict *verdict, stls_name_kind kind, stls_bytes name) {
    stls_text text = stls_text_in(verdict->name, sizeof verdict->name);
    verdict->name_kind = kind;
    if (kind == STLS_NAME_IP) {
        stls_describe_address(&text, name);
    } else {
        stls_text_add_foreign(&text, name);
    }
    return true;
}

static bool match_address(const stls_x509 *leaf, stls_bytes address, stls_verdict *verdict) {
    stls_der names = stls_der_of(leaf->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    while (stls_general_name_next(&names, &kind, &value)) {
        if (kind == STLS_GENERAL_NAME_IP && stls_bytes_equal(value, address)) {
            return matched(verdict, STLS_NAME_IP, value);
        }
    }
    return false;
}

static bool match_sip(const stls_x509 *leaf, const wanted_name *wanted, stls_verdict *verdict) {
    if (wanted->address.len != 0) {
        return match_address(leaf, wanted->address, verdict);
    }
    sip_walk walk;
    stls_bytes identity;
    sip_walk_start(&walk, leaf);
    stls_name_kind kind = walk.source;
    while (sip_walk_next(&walk, &identity)) {
        if (stls_host_equal(identity, wanted->host)) {
            return matched(verdict, kind, identity);
        }
    }
    return false;
}

/* RFC 9525 6.3: '*' is the whole left label and stands for exactly one. What is behind it must have
 * two labels at least, so that nobody is everybody under "com". */
static bool wildcard_matches(stls_bytes pattern, stls_bytes host) {
    stls_bytes parent;
    if (!stls_host_is_wildcard(pattern, &parent) || stls_host_labels(parent) < 2) {
        return false;
    }
    return stls_host_labels(host) == stls_host_labels(parent) + 1 && stls_host_within(host, parent);
}

static bool host_matches(stls_bytes name, stls_bytes host, bool wildcards) {
    return stls_host_equal(name, host) || (wildcards && wildcard_matches(name, host));
}

typedef struct dns_rules {
    bool wildcards, common_name;
} dns_rules;

static bool match_dns(const stls_x509 *leaf, const wanted_name *wanted, dns_rules rules,
                      stls_verdict *verdict) {
    if (wanted->address.len != 0) {
        return match_address(leaf, wanted->address, verdict);
    }
    stls_der names = stls_der_of(leaf->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    bool has_dns = false;
    while (stls_general_name_next(&names, &kind, &value)) {
        if (kind != STLS_GENERAL_NAME_DNS) {
            continue;
        }
        has_dns = true;
        if (host_matches(value, wanted->host, rules.wildcards)) {
            return matched(verdict, STLS_NAME_DNS, value);
        }
    }
    uint8_t tag;
    if (!has_dns && rules.common_name && stls_name_common_name(leaf->subject, &tag, &value) &&
        host_matches(value, wanted->host, rules.wildcards)) {
        return matched(verdict, STLS_NAME_CN, value);
    }
    return false;
}

/* Any of the names; for each, a sip URI counts besides what counts in mode HTTPS. */
static bool match_list(const stls_rules *rules, const stls_x509 *leaf, stls_verdict *verdict) {
    const dns_rules how = {
        .wildcards = (rules->identity_flags & STLS_IDENTITY_WILDCARD) != 0,
        .common_name = (rules->identity_flags & STLS_IDENTITY_COMMON_NAME) != 0,
    };
    for (size_t i = 0; i < rules->name_count; i++) {
        wanted_name wanted;
        read_wanted(rules->names[i], &wanted);
        stls_der names = stls_der_of(leaf->alt_names);
        stls_bytes identity;
        while (wanted.address.len == 0 && next_alt_identity(&names, STLS_NAME_SIP_URI, &identity)) {
            if (stls_host_equal(identity, wanted.host)) {
                return matched(verdict, STLS_NAME_SIP_URI, identity);
            }
        }
        if (match_dns(leaf, &wanted, how, verdict)) {
            return true;
        }
    }
    return false;
}

bool stls_identity_check(const stls_rules *rules, const char *peer, const stls_x509 *leaf,
                         stls_verdict *verdict) {
    wanted_name wanted;
    switch (rules->identity) {
    case STLS_IDENTITY_NONE:
        return true;
    case STLS_IDENTITY_LIST:
        return match_list(rules, leaf, verdict);
    case STLS_IDENTITY_SIP:
        if (peer == NULL) {
            return true;
        }
        read_wanted(peer, &wanted);
        return match_sip(leaf, &wanted, verdict);
    case STLS_IDENTITY_HTTPS:
        if (peer == NULL) {
            return true;
        }
        read_wanted(peer, &wanted);
        return match_dns(
            leaf, &wanted,
            (dns_rules){
                .wildcards = true,
                .common_name = (rules->identity_flags & STLS_IDENTITY_COMMON_NAME) != 0,
            },
            verdict);
    }
    return false;
}

bool stls_identity_next_sip_uri(stls_der *names, stls_bytes *host) {
    return next_alt_identity(names, STLS_NAME_SIP_URI, host);
}

bool stls_identity_common_name(const stls_rules *rules, const stls_x509 *leaf, stls_bytes *name) {
    stls_der names = stls_der_of(leaf->alt_names);
    stls_general_name_kind kind;
    stls_bytes value, parent;
    uint8_t tag;
    bool has_dns = false;
    while (stls_general_name_next(&names, &kind, &value)) {
        has_dns = has_dns || kind == STLS_GENERAL_NAME_DNS;
    }
    if (!stls_name_common_name(leaf->subject, &tag, name) ||
        !(stls_host_is_dns(*name) || stls_host_is_wildcard(*name, &parent))) {
        return false;
    }
    if (rules->identity == STLS_IDENTITY_SIP) {
        return !has_alt_name(leaf);
    }
    bool told = !has_alt_name(leaf) && stls_host_labels(*name) >= 2;
    return told || (!has_dns && (rules->identity_flags & STLS_IDENTITY_COMMON_NAME) != 0);
}

void stls_identity_describe(stls_text *text, const stls_x509 *leaf) {
    enum { NAMES_MAX = 4, LONGEST = 80 };
    stls_der names = stls_der_of(leaf->alt_names);
    stls_general_name_kind kind;
    stls_bytes value;
    size_t count = 0;
    while (stls_general_name_next(&names, &kind, &value)) {
        if (count++ >= NAMES_MAX) {
            continue;
        }
        char name[LONGEST];
        stls_text one = stls_text_in(name, sizeof name);
        if (kind == STLS_GENERAL_NAME_URI) {
            stls_text_add_foreign(&one, value); /* its scheme says what it is */
        } else {
            stls_describe_general_name(&one, kind, value);
        }
        stls_text_add(text, "%s%s", count == 1 ? "" : ", ", name);
    }
    if (count > NAMES_MAX) {
        stls_text_add(text, " and %zu more", count - NAMES_MAX);
    }
    if (!has_alt_name(leaf)) {
        stls_describe_subject(text, leaf);
    }
}

/* --- The name of a peer, as a caller writes it */

static stls_result refuse_name(stls_error *error, stls_bytes name, const char *why) {
    char shown[100];
    stls_text text = stls_text_in(shown, sizeof shown);
    stls_text_add_foreign(&text, name);
    return stls_fail(error, STLS_E_FORMAT, "the peer name \"%s\" %s", shown, why);
}

/* Why `host` is no DNS name, in the words of whoever typed it. */
static const char *dns_flaw(stls_bytes host) {
    size_t label = 0;
    for (size_t i = 0; i < host.len; i++) {
        uint8_t byte = host.data[i];
        if (byte > 0x7f) {
            return "has a byte that is not ASCII: use the A-label (\"xn--...\")";
        }
        if (byte <= ' ' || byte == 0x7f) {
            return "has a blank or control character in it";
        }
        if (byte == '*') {
            return "is a pattern, but has to be one name";
        }
        if (byte == ':') {
            return "has a ':' and is no IPv6 address: leave the port out";
        }
        label = byte == '.' ? 0 : label + 1;
        if (label > 63) {
            return "has a label of more than 63 characters";
        }
    }
    return host.len > 253 ? "is longer than 253 characters"
                          : "is neither a DNS name nor an IP address";
}

/* The host of a sip or sips URI, if `text` is one; false for a broken one. */
static bool host_of(stls_bytes text, stls_bytes *host) {
    *host = text;
    stls_bytes head = {text.data, text.len < 4 ? text.len : 4};
    bool sip = stls_host_equal(head, bytes_of("sip:"));
    head.len = text.len < 5 ? text.len : 5;
    if (!sip && !stls_host_equal(head, bytes_of("sips:"))) {
        return true;
    }
    stls_uri uri;
    bool whole = stls_uri_read(text, &uri) && uri.host.len != 0;
    *host = uri.host;
    return whole;
}

/* Whether `host` is an address; its canonical text then goes to `name`. */
static bool read_address(stls_bytes host, char name[STLS_PEER_NAME_SIZE]) {
    char text[INET6_ADDRSTRLEN];
    uint8_t octets[16];
    bool brackets = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (brackets) {
        host = (stls_bytes){host.data + 1, host.len - 2};
    }
    if (host.len >= sizeof text || memchr(host.data, 0, host.len) != NULL) {
        return false;
    }
    memcpy(text, host.data, host.len);
    text[host.len] = '\0';
    if (!brackets && inet_pton(AF_INET, text, octets) == 1) {
        return inet_ntop(AF_INET, octets, name, STLS_PEER_NAME_SIZE) != NULL;
    }
    return inet_pton(AF_INET6, text, octets) == 1 &&
           inet_ntop(AF_INET6, octets, name, STLS_PEER_NAME_SIZE) != NULL;
}

static void copy_lower(stls_bytes host, char name[STLS_PEER_NAME_SIZE]) {
    for (size_t i = 0; i < host.len; i++) {
        char byte = (char)host.data[i];
        name[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte + ('a' - 'A')) : byte;
    }
    name[host.len] = '\0';
}

stls_result stls_peer_name(const char *text, char name[STLS_PEER_NAME_SIZE], bool *is_ip,
                           stls_error *error) {
    name[0] = '\0';
    *is_ip = false;
    if (text == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the peer name is NULL");
    }
    if (text[0] == '\0') {
        return stls_fail(error, STLS_E_FORMAT, "the peer name is empty");
    }
    stls_bytes whole = bytes_of(text), host;
    if (!host_of(whole, &host)) {
        return refuse_name(error, whole, "is a sip URI without a readable host");
    }
    *is_ip = read_address(host, name);
    if (*is_ip) {
        return STLS_OK;
    }
    if (host.len > 1 && host.data[host.len - 1] == '.') {
        host.len--; /* the root of the DNS, which no certificate writes */
    }
    if (!stls_host_is_dns(host)) {
        name[0] = '\0';
        return refuse_name(error, whole, dns_flaw(host));
    }
    copy_lower(host, name);
    return STLS_OK;
}
