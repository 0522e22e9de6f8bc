/* SPDX-License-Identifier: MIT */
#include "certstore/verify/host.h"

#include <string.h>

enum { LABEL_MAX = 63, DNS_NAME_MAX = 253 };

static uint8_t lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter(uint8_t byte) {
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* What is behind the first `start` of `bytes`, which are not none. */
static stls_bytes from(stls_bytes bytes, size_t start) {
    size_t skipped = start < bytes.len ? start : bytes.len;
    return (stls_bytes){bytes.data + skipped, bytes.len - skipped};
}

/* The first `stop` in `bytes`, or their length. */
static size_t find(stls_bytes bytes, const char *stops) {
    size_t i = 0;
    while (i < bytes.len && (bytes.data[i] == 0 || strchr(stops, bytes.data[i]) == NULL)) {
        i++;
    }
    return i;
}

bool stls_host_equal(stls_bytes a, stls_bytes b) {
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

static bool is_label(stls_bytes label) {
    if (label.len == 0 || label.len > LABEL_MAX || label.data[0] == '-' ||
        label.data[label.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < label.len; i++) {
        uint8_t byte = label.data[i];
        if (!is_letter(byte) && !is_digit(byte) && byte != '-' && byte != '_') {
            return false;
        }
    }
    return true;
}

static bool is_number(stls_bytes label) {
    for (size_t i = 0; i < label.len; i++) {
        if (!is_digit(label.data[i])) {
            return false;
        }
    }
    return true;
}

bool stls_host_is_dns(stls_bytes name) {
    if (name.len > DNS_NAME_MAX) {
        return false;
    }
    for (;;) {
        const uint8_t *dot = name.len > 0 ? memchr(name.data, '.', name.len) : NULL;
        stls_bytes label = {name.data, dot != NULL ? (size_t)(dot - name.data) : name.len};
        if (!is_label(label)) {
            return false;
        }
        if (label.len == name.len) {
            return !is_number(label);
        }
        name = from(name, label.len + 1);
    }
}

bool stls_host_is_wildcard(stls_bytes name, stls_bytes *parent) {
    if (name.len <= 2 || name.len > DNS_NAME_MAX || name.data[0] != '*' || name.data[1] != '.') {
        return false;
    }
    *parent = from(name, 2);
    return stls_host_is_dns(*parent);
}

size_t stls_host_labels(stls_bytes name) {
    size_t labels = 1;
    for (size_t i = 0; i < name.len; i++) {
        labels += name.data[i] == '.';
    }
    return labels;
}

bool stls_host_within(stls_bytes name, stls_bytes domain) {
    if (domain.len == 0) {
        return true;
    }
    if (name.len < domain.len) {
        return false;
    }
    size_t start = name.len - domain.len;
    return stls_host_equal(from(name, start), domain) &&
           (start == 0 || name.data[start - 1] == '.');
}

/* --- URIs */

static bool is_scheme(stls_bytes text) {
    if (text.len == 0 || !is_letter(text.data[0])) {
        return false;
    }
    for (size_t i = 1; i < text.len; i++) {
        uint8_t byte = text.data[i];
        if (!is_letter(byte) && !is_digit(byte) && byte != '+' && byte != '-' && byte != '.') {
            return false;
        }
    }
    return true;
}

static bool scheme_is(stls_bytes scheme, const char *name) {
    return stls_host_equal(scheme, (stls_bytes){(const uint8_t *)name, strlen(name)});
}

/* "host" or "host:port" or "[address]:port". */
static bool read_host(stls_bytes text, stls_bytes *host) {
    size_t end = find(text, ":");
    if (text.len != 0 && text.data[0] == '[') {
        end = find(text, "]");
        if (end == text.len) {
            return false;
        }
        end++;
    }
    *host = (stls_bytes){text.data, end};
    if (end == text.len) {
        return true;
    }
    stls_bytes port = from(text, end + 1);
    return text.data[end] == ':' && port.len >= 1 && port.len <= 5 && is_number(port);
}

bool stls_uri_read(stls_bytes text, stls_uri *uri) {
    *uri = (stls_uri){.is_sip = false};
    stls_bytes scheme = {text.data, find(text, ":")};
    if (scheme.len == text.len || !is_scheme(scheme)) {
        return false;
    }
    stls_bytes rest = from(text, scheme.len + 1);
    uri->is_sip = scheme_is(scheme, "sip");
    uri->is_sips = scheme_is(scheme, "sips");
    uri->has_user = find(rest, "@") != rest.len;
    if (uri->is_sip || uri->is_sips) {
        /* The user part is all up to the '@', whatever characters it has. */
        if (uri->has_user) {
            rest = from(rest, find(rest, "@") + 1);
        }
        rest.len = find(rest, ";?");
    } else {
        if (rest.len < 2 || rest.data[0] != '/' || rest.data[1] != '/') {
            return false;
        }
        rest = from(rest, 2);
        rest.len = find(rest, "/?#");
        size_t at = find(rest, "@");
        if (at != rest.len) {
            rest = from(rest, at + 1);
        }
    }
    return find(rest, "@") == rest.len && read_host(rest, &uri->host);
}
