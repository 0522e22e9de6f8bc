/* SPDX-License-Identifier: MIT */
#include <siptls/sip.h>

#include "base/error.h"
#include "certstore/verify/verify.h"

#include <string.h>
#include <strings.h>

_Static_assert((int)STLS_SIP_HOST_SIZE == (int)STLS_PEER_NAME_SIZE,
               "a target's host is a peer's name");

/* --- A URI becomes a target: RFC 3261 section 25.1, without its extensions */

typedef struct uri_reader {
    const char *whole, *at, *end;
    stls_error *error;
} uri_reader;

static stls_result bad_uri(const uri_reader *uri, const char *why) {
    char shown[96];
    stls_text text = stls_text_in(shown, sizeof shown);
    stls_bytes bytes = {(const uint8_t *)uri->whole, strlen(uri->whole)};
    stls_text_add_foreign(&text, bytes);
    return stls_fail(uri->error, STLS_E_FORMAT, "\"%s\" cannot be used as a SIP address: %s", shown,
                     why);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_unreserved(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("-_.!~*'()", c) != NULL);
}

/* The first place from `at` that is neither unreserved, nor escaped, nor one of `others`. */
static const char *skip(const char *at, const char *end, const char *others) {
    while (at < end) {
        if (is_unreserved(*at) || strchr(others, *at) != NULL) {
            at++;
        } else if (*at == '%' && end - at >= 3 && is_hex(at[1]) && is_hex(at[2])) {
            at += 3;
        } else {
            break;
        }
    }
    return at;
}

/* A '@' can stand nowhere else unescaped, so the first one ends the user part; a second one is
 * found where the host is read. */
static stls_result read_user(uri_reader *uri) {
    const char *user_end = memchr(uri->at, '@', (size_t)(uri->end - uri->at));
    if (user_end == NULL) {
        return STLS_OK;
    }
    const char *at = skip(uri->at, user_end, "&=+$,;?/");
    if (at == uri->at) {
        return bad_uri(uri,
                       "the user before the '@' is empty or has a character that needs escaping");
    }
    if (at < user_end && *at == ':') {
        at = skip(at + 1, user_end, "&=+$,");
    }
    if (at != user_end) {
        return bad_uri(uri, "the part before the '@' has a character that must be escaped");
    }
    uri->at = user_end + 1;
    return STLS_OK;
}

static stls_result read_host(uri_reader *uri, const char *host_end, stls_sip_target *target) {
    char host[STLS_SIP_HOST_SIZE + 2]; /* with brackets */
    size_t len = (size_t)(host_end - uri->at);
    if (len == 0) {
        return bad_uri(uri, "it has no host");
    }
    if (len >= sizeof host) {
        return bad_uri(uri, "its host is too long");
    }
    memcpy(host, uri->at, len);
    host[len] = '\0';
    stls_error why;
    if (stls_peer_name(host, target->host, &target->is_ip, &why) != STLS_OK) {
        return bad_uri(uri, why.text);
    }
    if (host[0] == '[' && (!target->is_ip || strchr(target->host, ':') == NULL)) {
        return bad_uri(uri, "only an IPv6 address stands in brackets");
    }
    uri->at = host_end;
    return STLS_OK;
}

static stls_result read_port(uri_reader *uri, stls_sip_target *target) {
    if (uri->at == uri->end || *uri->at != ':') {
        return STLS_OK;
    }
    unsigned port = 0;
    const char *first = ++uri->at;
    while (uri->at < uri->end && is_digit(*uri->at) && uri->at - first < 5) {
        port = port * 10 + (unsigned)(*uri->at++ - '0');
    }
    bool ends = uri->at == uri->end || *uri->at == ';' || *uri->at == '?';
    if (!ends || port < 1 || port > 65535) {
        return bad_uri(uri, "its port is not a number from 1 to 65535");
    }
    target->port = (uint16_t)port;
    return STLS_OK;
}

static stls_result read_host_and_port(uri_reader *uri, stls_sip_target *target) {
    size_t left = (size_t)(uri->end - uri->at);
    const char *host_end;
    if (left > 0 && *uri->at == '[') {
        host_end = memchr(uri->at, ']', left);
        if (host_end == NULL) {
            return bad_uri(uri, "the bracket of its IPv6 address is not closed");
        }
        host_end++;
        if (host_end < uri->end && strchr(":;?", *host_end) == NULL) {
            return bad_uri(uri, "something follows the bracket that does not belong there");
        }
    } else {
        host_end = uri->at;
        while (host_end < uri->end && strchr(":;?", *host_end) == NULL) {
            host_end++;
        }
    }
    stls_result result = read_host(uri, host_end, target);
    return result == STLS_OK ? read_port(uri, target) : result;
}

typedef enum transport {
    TRANSPORT_NONE,
    TRANSPORT_TLS,
    TRANSPORT_UDP,
    TRANSPORT_OTHER,
} transport;

static transport transport_of(const char *value, size_t len) {
    if (len == 3 && strncasecmp(value, "tls", 3) == 0) {
        return TRANSPORT_TLS;
    }
    if (len == 3 && strncasecmp(value, "udp", 3) == 0) {
        return TRANSPORT_UDP;
    }
    return TRANSPORT_OTHER;
}

static stls_result read_parameters(uri_reader *uri, transport *found) {
    static const char others[] = "[]/:&+$";
    while (uri->at < uri->end && *uri->at == ';') {
        const char *name = uri->at + 1;
        const char *name_end = skip(name, uri->end, others);
        const char *value = name_end, *value_end = name_end;
        if (name_end < uri->end && *name_end == '=') {
            value = name_end + 1;
            value_end = skip(value, uri->end, others);
        }
        if (name_end == name || (value > name_end && value_end == value)) {
            return bad_uri(uri, "it has a parameter without name or value");
        }
        if (name_end - name == 9 && strncasecmp(name, "transport", 9) == 0) {
            if (*found != TRANSPORT_NONE || value_end == value) {
                return bad_uri(uri, "its parameter transport stands there twice or has no value");
            }
            *found = transport_of(value, (size_t)(value_end - value));
        }
        uri->at = value_end;
    }
    return STLS_OK;
}

static stls_result read_headers(uri_reader *uri) {
    static const char others[] = "[]/?:+$";
    if (uri->at == uri->end || *uri->at != '?') {
        return STLS_OK;
    }
    do {
        const char *name = uri->at + 1;
        const char *name_end = skip(name, uri->end, others);
        if (name_end == name || name_end == uri->end || *name_end != '=') {
            return bad_uri(uri, "it has a header without name or '='");
        }
        uri->at = skip(name_end + 1, uri->end, others);
    } while (uri->at < uri->end && *uri->at == '&');
    return STLS_OK;
}

static stls_result read_uri(uri_reader *uri, bool sips, stls_sip_target *target) {
    transport found = TRANSPORT_NONE;
    stls_result result = read_user(uri);
    if (result == STLS_OK) {
        result = read_host_and_port(uri, target);
    }
    if (result == STLS_OK) {
        result = read_parameters(uri, &found);
    }
    if (result == STLS_OK) {
        result = read_headers(uri);
    }
    if (result != STLS_OK) {
        return result;
    }
    if (uri->at != uri->end) {
        return bad_uri(uri, "a character in it must be escaped, or does not belong there");
    }
    if (sips && found == TRANSPORT_UDP) {
        return bad_uri(uri, "sips asks for TLS, which transport=udp cannot carry");
    }
    target->secure = sips || found == TRANSPORT_TLS;
    return STLS_OK;
}

static stls_result read_bare(uri_reader *uri, stls_sip_target *target) {
    const char *colon = strchr(uri->at, ':');
    bool bare_ipv6 = *uri->at != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
    stls_result result =
        bare_ipv6 ? read_host(uri, uri->end, target) : read_host_and_port(uri, target);
    if (result == STLS_OK && uri->at != uri->end) {
        return bad_uri(uri, "parameters need the scheme sip: or sips: in front");
    }
    return result;
}

stls_result stls_sip_target_read(const char *uri, stls_sip_target *target, stls_error *error) {
    if (uri == NULL || target == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "stls_sip_target_read needs a URI and a target");
    }
    *target = (stls_sip_target){.port = 0};
    uri_reader reader = {uri, uri, uri + strlen(uri), error};
    bool sip = strncasecmp(uri, "sip:", 4) == 0, sips = strncasecmp(uri, "sips:", 5) == 0;
    stls_result result;
    if (sip || sips) {
        reader.at += sips ? 5 : 4;
        result = read_uri(&reader, sips, target);
    } else {
        result = read_bare(&reader, target);
    }
    if (result != STLS_OK) {
        *target = (stls_sip_target){.port = 0}; /* nobody connects to half a target */
    }
    return result;
}

/* --- A failure becomes an answer */

typedef struct answer_class {
    int status;
    const char *reason;
    bool retry_later, try_next;
    const char *what; /* begins the warning */
} answer_class;

static const char unavailable[] = "Service Unavailable";
static const char forbidden[] = "Forbidden";
static const char internal[] = "Server Internal Error";

/* What only time, a clock or a fresh list can mend. Everything else that is wrong with a chain
 * needs a person; and another server of the domain is not asked either, for whoever shows a bad
 * certificate for a domain may also have answered its DNS queries. */
static answer_class class_of_verdict(const stls_verdict *verdict) {
    const uint32_t passing = STLS_FLAG_NOT_YET_VALID | STLS_FLAG_CLOCK_NOT_SET |
                             STLS_FLAG_CRL_MISSING | STLS_FLAG_CRL_EXPIRED;
    uint32_t against = verdict != NULL ? verdict->flags & ~verdict->tolerated : 0;
    bool retry = against != 0 && (against & ~passing) == 0;
    bool only_name = against == STLS_FLAG_NAME_MISMATCH;
    return (answer_class){503, unavailable, retry, false,
                          only_name ? "TLS identity mismatch" : "TLS certificate rejected"};
}

static answer_class class_of_alert(int alert) {
    switch (alert) {
    case 42: /* bad_certificate */
    case 43: /* unsupported_certificate */
    case 44: /* certificate_revoked */
    case 45: /* certificate_expired */
    case 46: /* certificate_unknown */
    case 48: /* unknown_ca */
        return (answer_class){403, forbidden, false, false, "TLS client certificate refused"};
    case 116: /* certificate_required */
        return (answer_class){403, forbidden, false, false, "TLS client certificate required"};
    case 49: /* access_denied */
        return (answer_class){403, forbidden, false, false, "TLS access denied"};
    case 40:  /* handshake_failure */
    case 70:  /* protocol_version */
    case 71:  /* insufficient_security */
    case 86:  /* inappropriate_fallback */
    case 112: /* unrecognized_name */
    case 120: /* no_application_protocol */
        return (answer_class){503, unavailable, false, false, "TLS refused"};
    case 80: /* internal_error */
    case 90: /* user_canceled */
        return (answer_class){503, unavailable, true, true, "TLS refused"};
    default:
        return (answer_class){503, unavailable, false, true, "TLS refused"};
    }
}

static answer_class class_of(const stls_error *error, const stls_verdict *verdict) {
    switch (error->result) {
    case STLS_E_TIMEOUT:
        return (answer_class){408, "Request Timeout", true, true, "TLS handshake timeout"};
    case STLS_E_TRANSPORT:
    case STLS_EOF:
        return (answer_class){503, unavailable, true, true, "TLS connection failed"};
    case STLS_CLOSED: /* a connection that was there is gone: RFC 5626 section 5.3 */
        return (answer_class){430, "Flow Failed", true, true, "TLS connection closed"};
    case STLS_E_NOT_TLS:
        return (answer_class){503, unavailable, false, true, "no TLS"};
    case STLS_E_PROTOCOL:
        return (answer_class){503, unavailable, false, true, "TLS protocol error"};
    case STLS_E_NOTHING_SHARED:
        return (answer_class){503, unavailable, false, false, "nothing in common for TLS"};
    case STLS_E_VERIFY:
        return class_of_verdict(verdict);
    case STLS_E_ALERT:
        return class_of_alert(error->alert_received);
    case STLS_E_REFUSED:
        return (answer_class){403, forbidden, false, false, "TLS peer refused"};
    case STLS_E_NO_MEMORY:
        return (answer_class){500, internal, true, true, "TLS out of memory"};
    case STLS_E_BUSY:
        return (answer_class){503, unavailable, true, true, "too many TLS handshakes"};
    case STLS_NOT_DONE:
    case STLS_OK:
    case STLS_WANT_READ:
    case STLS_WANT_WRITE:
    case STLS_E_ARGUMENT:
    case STLS_E_STATE:
    case STLS_E_NO_BACKEND:
    case STLS_E_UNSUPPORTED:
    case STLS_E_NOT_APPLIED:
    case STLS_E_FORMAT:
    case STLS_E_LIMIT:
    case STLS_E_KEY_MISMATCH:
    case STLS_E_PASSWORD:
    case STLS_E_FILE:
    case STLS_E_BACKEND:
        break;
    }
    return (answer_class){500, internal, false, false, "TLS cannot be used here"};
}

/* A quoted-string of RFC 3261 without need of escapes: other quotes, and nothing but ASCII. */
static void make_quotable(char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *text = *text == '"' ? '\'' : '/';
        } else if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

void stls_sip_answer_for(const stls_error *error, const stls_verdict *verdict,
                         stls_sip_answer *answer) {
    const stls_error unknown = {.result = STLS_NOT_DONE};
    if (error == NULL) {
        error = &unknown;
    }
    answer_class class = class_of(error, verdict);
    *answer = (stls_sip_answer){.status = class.status,
                                .reason = class.reason,
                                .retry_later = class.retry_later,
                                .try_next = class.try_next};
    bool judged = error->result == STLS_E_VERIFY && verdict != NULL &&
                  verdict->state == STLS_VERDICT_REJECTED && verdict->text[0] != '\0';
    const char *why = judged ? verdict->text : error->text;
    stls_text warning = stls_text_in(answer->warning, sizeof answer->warning);
    stls_text_add(&warning, why[0] != '\0' ? "%s: %s" : "%s", class.what, why);
    make_quotable(answer->warning);
}
