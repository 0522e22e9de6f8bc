/* SPDX-License-Identifier: MIT */
#include "api/hello.h"

#include "api/internal.h"
#include "api/record.h"

#include <string.h>

enum {
    ALERT_HANDSHAKE_FAILURE = 40,
    ALERT_ILLEGAL_PARAMETER = 47,
    ALERT_DECODE_ERROR = 50,
    ALERT_PROTOCOL_VERSION = 70,
    ALERT_INAPPROPRIATE_FALLBACK = 86,
    ALERT_MISSING_EXTENSION = 109,
    ALERT_UNSUPPORTED_EXTENSION = 110,
};

enum {
    EXT_SERVER_NAME = 0,
    EXT_MAX_FRAGMENT = 1,
    EXT_GROUPS = 10,
    EXT_POINT_FORMATS = 11,
    EXT_SCHEMES = 13,
    EXT_ALPN = 16,
    EXT_EXTENDED_MASTER_SECRET = 23,
    EXT_SESSION_TICKET = 35,
    EXT_PRE_SHARED_KEY = 41,
    EXT_EARLY_DATA = 42,
    EXT_VERSIONS = 43,
    EXT_COOKIE = 44,
    EXT_PSK_MODES = 45,
    EXT_KEY_SHARE = 51,
    EXT_ENCRYPTED_CLIENT_HELLO = 0xFE0D,
    EXT_RENEGOTIATION = 0xFF01,
};

/* Where a hello keeps an extension: by its number, or at the end. */
enum { PLACES = 64, PLACE_RENEGOTIATION = PLACES - 1, NOWHERE = PLACES };

/* More than any hello has: they are looked for in each other, which takes the square of the time.
 */
enum { OTHERS_MAX = 128, SHARES_MAX = 64 };

enum { SCSV_RENEGOTIATION = 0x00FF, SCSV_FALLBACK = 0x5600, RANDOM_LEN = 32, SENTINEL_LEN = 8 };

/* RFC 8446, 4.1.3: the random of a HelloRetryRequest, and how one ends of a server that speaks TLS
 * 1.3 and was made to answer with 1.2, or with less. */
static const uint8_t retry_random[RANDOM_LEN] = {
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};
static const uint8_t sentinels[2][SENTINEL_LEN] = {"DOWNGRD\1", "DOWNGRD"};

static const stls_complaint none = {.result = STLS_OK};

static stls_complaint protocol(uint8_t alert, const char *text) {
    return (stls_complaint){STLS_E_PROTOCOL, alert, text};
}

static stls_complaint too_many(const char *text) {
    return (stls_complaint){STLS_E_LIMIT, ALERT_DECODE_ERROR, text};
}

static stls_complaint nothing_shared(uint8_t alert, const char *text) {
    return (stls_complaint){STLS_E_NOTHING_SHARED, alert, text};
}

/* --- Reading --- */

/* The next `len` bytes of `in`. */
static bool take(stls_bytes *in, size_t len, stls_bytes *out) {
    if (in->len < len) {
        return false;
    }
    *out = (stls_bytes){in->data, len};
    in->data += len;
    in->len -= len;
    return true;
}

static bool number16(stls_bytes *in, uint16_t *number) {
    if (in->len < 2) {
        *in = (stls_bytes){in->data, 0};
        *number = 0;
        return false;
    }
    *number = (uint16_t)(in->data[0] << 8 | in->data[1]);
    in->data += 2;
    in->len -= 2;
    return true;
}

/* The next vector of `in`, behind a length of 1 or 2 bytes. */
static bool vector(stls_bytes *in, size_t octets, stls_bytes *out) {
    if (in->len < octets) {
        return false;
    }
    size_t len = octets == 2 ? (size_t)in->data[0] << 8 | in->data[1] : in->data[0];
    if (len > in->len - octets) {
        return false;
    }
    *out = (stls_bytes){in->data + octets, len};
    in->data += octets + len;
    in->len -= octets + len;
    return true;
}

/* All of `data` is one vector behind `octets` bytes, of at least one item of `item` bytes. */
static bool whole(stls_bytes data, size_t octets, size_t item, stls_bytes *out) {
    return vector(&data, octets, out) && data.len == 0 && out->len > 0 && out->len % item == 0;
}

typedef struct hello {
    uint16_t version, suite; /* the suite of a ServerHello */
    stls_bytes random, session_id, suites, compressions, extensions;
    uint64_t there;        /* a bit for each place that is taken */
    stls_bytes at[PLACES]; /* what stands in the extensions that are there */
} hello;

static bool read_front(stls_bytes body, bool is_client, hello *h) {
    h->there = 0;
    h->extensions = (stls_bytes){NULL, 0};
    bool front = number16(&body, &h->version) && take(&body, RANDOM_LEN, &h->random) &&
                 vector(&body, 1, &h->session_id) && h->session_id.len <= 32;
    bool middle =
        front && (is_client ? vector(&body, 2, &h->suites) && h->suites.len > 0 &&
                                  h->suites.len % 2 == 0 && vector(&body, 1, &h->compressions)
                            : number16(&body, &h->suite) && take(&body, 1, &h->compressions));
    return middle && h->compressions.len > 0 &&
           (body.len == 0 || (vector(&body, 2, &h->extensions) && body.len == 0));
}

static bool next_extension(stls_bytes *extensions, uint16_t *type, stls_bytes *data) {
    enum { HEAD = 2 + 2 }; /* type, length */
    const uint8_t *at = extensions->data;
    if (extensions->len < HEAD) {
        return false;
    }
    size_t len = (size_t)at[2] << 8 | at[3];
    if (len > extensions->len - HEAD) {
        return false;
    }
    *type = (uint16_t)(at[0] << 8 | at[1]);
    *data = (stls_bytes){at + HEAD, len};
    *extensions = (stls_bytes){at + HEAD + len, extensions->len - HEAD - len};
    return true;
}

/* Remembers numbers. Zero it but for `others`. */
typedef struct seen {
    uint64_t low; /* numbers below 64 */
    bool has_others;
    uint8_t others[65536 / 8];
} seen;

/* Whether `number` was there already. */
static bool seen_before(seen *s, uint16_t number) {
    if (number < 64) {
        uint64_t bit = UINT64_C(1) << number, before = s->low & bit;
        s->low |= bit;
        return before != 0;
    }
    if (!s->has_others) {
        memset(s->others, 0, sizeof s->others);
        s->has_others = true;
    }
    uint8_t bit = (uint8_t)(1u << number % 8);
    bool before = (s->others[number / 8] & bit) != 0;
    s->others[number / 8] |= bit;
    return before;
}

static unsigned place_of(uint16_t type) {
    return type < PLACE_RENEGOTIATION  ? type
           : type == EXT_RENEGOTIATION ? PLACE_RENEGOTIATION
                                       : NOWHERE;
}

/* False: it is taken. */
static bool put(hello *h, unsigned place, stls_bytes data) {
    uint64_t bit = UINT64_C(1) << place;
    if ((h->there & bit) != 0) {
        return false;
    }
    h->there |= bit;
    h->at[place] = data;
    return true;
}

/* Finds a place for each extension, which is there once, and whole. */
static stls_complaint read_extensions(hello *h) {
    stls_bytes in = h->extensions, data;
    seen s;
    size_t others = 0;
    s.low = 0;
    s.has_others = false;
    while (in.len > 0) {
        uint16_t type;
        if (!next_extension(&in, &type, &data)) {
            return protocol(ALERT_DECODE_ERROR, "the extensions of its hello are cut short");
        }
        unsigned place = place_of(type);
        if (place != NOWHERE ? !put(h, place, data) : seen_before(&s, type)) {
            return protocol(ALERT_ILLEGAL_PARAMETER, "its hello has the same extension twice");
        }
        if (place == NOWHERE && ++others > OTHERS_MAX) {
            return too_many("its hello has more extensions than any has to have");
        }
    }
    return none;
}

/* Of the extensions that have a place. */
static bool find(const hello *h, uint16_t type, stls_bytes *data) {
    unsigned place = place_of(type);
    bool found = (h->there >> place & 1) != 0;
    *data = found ? h->at[place] : (stls_bytes){NULL, 0};
    return found;
}

static bool has(const hello *h, uint16_t type) {
    return (h->there >> place_of(type) & 1) != 0;
}

/* Of all. */
static bool find_any(const hello *h, uint16_t type, stls_bytes *data) {
    if (place_of(type) != NOWHERE) {
        return find(h, type, data);
    }
    stls_bytes in = h->extensions;
    uint16_t at;
    while (next_extension(&in, &at, data)) {
        if (at == type) {
            return true;
        }
    }
    return false;
}

/* --- Extensions of a ClientHello --- */

/* A name that is no text would be cut at a NUL by one library, and kept by another. */
static bool is_printable(stls_bytes name) {
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static stls_complaint check_server_name(stls_bytes data) {
    stls_bytes list, name;
    uint64_t type;
    if (!whole(data, 2, 1, &list) || !stls_read_number(&list, &type, 1) || type != 0 ||
        !vector(&list, 2, &name) || name.len == 0 || name.len > 255) {
        return protocol(ALERT_DECODE_ERROR, "the server name that it asks for is malformed");
    }
    if (list.len > 0) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "it asks for two server names at once");
    }
    if (!is_printable(name)) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "the server name that it asks for has bytes that no host name has");
    }
    return none;
}

static stls_complaint check_protocols(stls_bytes data) {
    stls_bytes list, name;
    bool good = whole(data, 2, 1, &list);
    while (good && list.len > 0) {
        good = vector(&list, 1, &name) && name.len > 0;
    }
    return good ? none : protocol(ALERT_DECODE_ERROR, "its list of ALPN protocols is malformed");
}

static stls_complaint check_codes(stls_bytes data) {
    stls_bytes list;
    return whole(data, 2, 2, &list)
               ? none
               : protocol(ALERT_DECODE_ERROR,
                          "its list of groups or signature schemes is empty or malformed");
}

static stls_complaint check_versions(stls_bytes data) {
    stls_bytes list;
    return whole(data, 1, 2, &list)
               ? none
               : protocol(ALERT_DECODE_ERROR, "its list of TLS versions is empty or malformed");
}

static stls_complaint check_psk_modes(stls_bytes data) {
    stls_bytes list;
    return whole(data, 1, 1, &list)
               ? none
               : protocol(ALERT_DECODE_ERROR, "its PSK modes are empty or malformed");
}

static stls_complaint check_point_formats(stls_bytes data) {
    stls_bytes list;
    if (!whole(data, 1, 1, &list)) {
        return protocol(ALERT_DECODE_ERROR, "its list of point formats is empty or malformed");
    }
    return memchr(list.data, 0, list.len) != NULL
               ? none
               : protocol(ALERT_ILLEGAL_PARAMETER, "it takes no uncompressed points");
}

static stls_complaint check_empty(stls_bytes data) {
    return data.len == 0 ? none
                         : protocol(ALERT_DECODE_ERROR, "an extension that must be empty is not");
}

static stls_complaint check_renegotiation(stls_bytes data) {
    stls_bytes verify_data;
    if (!vector(&data, 1, &verify_data) || data.len > 0) {
        return protocol(ALERT_DECODE_ERROR, "its renegotiation_info is malformed");
    }
    return verify_data.len == 0 ? none
                                : protocol(ALERT_HANDSHAKE_FAILURE,
                                           "it takes a first handshake for a renegotiation");
}

static stls_complaint check_max_fragment(stls_bytes data) {
    if (data.len != 1) {
        return protocol(ALERT_DECODE_ERROR, "its max_fragment_length is malformed");
    }
    return data.data[0] >= 1 && data.data[0] <= 4
               ? none
               : protocol(ALERT_ILLEGAL_PARAMETER, "its max_fragment_length is unknown");
}

static stls_complaint check_psk(stls_bytes data) {
    stls_bytes identities, binders, item;
    size_t asked = 0, bound = 0;
    bool good = vector(&data, 2, &identities) && vector(&data, 2, &binders) && data.len == 0 &&
                identities.len > 0 && binders.len > 0;
    for (; good && identities.len > 0; asked++) {
        good = vector(&identities, 2, &item) && item.len > 0 && take(&identities, 4, &item);
    }
    for (; good && binders.len > 0; bound++) {
        good = vector(&binders, 1, &item) && item.len >= 32;
    }
    if (!good) {
        return protocol(ALERT_DECODE_ERROR, "the sessions that it offers are malformed");
    }
    return asked == bound ? none
                          : protocol(ALERT_ILLEGAL_PARAMETER,
                                     "it offers another number of sessions than of binders");
}

typedef stls_complaint (*const checks[PLACES])(stls_bytes data);

static checks client_extensions = {
    [EXT_SERVER_NAME] = check_server_name,
    [EXT_MAX_FRAGMENT] = check_max_fragment,
    [EXT_GROUPS] = check_codes,
    [EXT_POINT_FORMATS] = check_point_formats,
    [EXT_SCHEMES] = check_codes,
    [EXT_ALPN] = check_protocols,
    [EXT_EXTENDED_MASTER_SECRET] = check_empty,
    [EXT_PRE_SHARED_KEY] = check_psk,
    [EXT_EARLY_DATA] = check_empty,
    [EXT_VERSIONS] = check_versions,
    [EXT_PSK_MODES] = check_psk_modes,
    [PLACE_RENEGOTIATION] = check_renegotiation,
};

static stls_complaint check_extensions(const hello *h, checks check) {
    stls_complaint complaint = none;
    for (uint64_t left = h->there; complaint.text == NULL && left != 0; left &= left - 1) {
        int place = __builtin_ctzll(left);
        if (check[place] != NULL) {
            complaint = check[place](h->at[place]);
        }
    }
    return complaint;
}

/* --- ClientHello --- */

/* The version that a server of our range has to choose; 0: there is none. */
static uint16_t version_for(const hello *h, uint16_t version_min, uint16_t version_max) {
    stls_bytes data, list = {NULL, 0};
    bool listed = find(h, EXT_VERSIONS, &data) && whole(data, 1, 2, &list);
    if (version_max >= STLS_TLS1_3 && stls_be_lists(list, STLS_TLS1_3)) {
        return STLS_TLS1_3;
    }
    bool offers_1_2 = listed ? stls_be_lists(list, STLS_TLS1_2) : h->version >= STLS_TLS1_2;
    return offers_1_2 && version_min <= STLS_TLS1_2 ? STLS_TLS1_2 : 0;
}

/* Each share is of another group, and of one that stands in the list of groups. */
static stls_complaint check_shares(stls_bytes data, stls_bytes groups) {
    stls_bytes shares, key;
    uint16_t group;
    size_t count = 0;
    seen s;
    s.low = 0;
    s.has_others = false;
    if (!vector(&data, 2, &shares) || data.len > 0) {
        return protocol(ALERT_DECODE_ERROR, "its key shares are malformed");
    }
    while (shares.len > 0) {
        if (!number16(&shares, &group) || !vector(&shares, 2, &key) || key.len == 0) {
            return protocol(ALERT_DECODE_ERROR, "its key shares are malformed");
        }
        if (seen_before(&s, group)) {
            return protocol(ALERT_ILLEGAL_PARAMETER, "it sends two key shares of one group");
        }
        if (++count > SHARES_MAX) {
            return too_many("it sends more key shares than any client has to");
        }
        if (!stls_be_lists(groups, group)) {
            return protocol(ALERT_ILLEGAL_PARAMETER,
                            "it sends a key share of a group that it does not offer");
        }
    }
    return none;
}

/* RFC 8446, 4.1.2, 4.2.8, 4.2.9, 4.2.10, 4.2.11 and 9.2. */
static stls_complaint check_client_hello_1_3(const hello *h) {
    stls_bytes data, groups = {NULL, 0};
    bool psk = find(h, EXT_PRE_SHARED_KEY, &data), shares = has(h, EXT_KEY_SHARE);
    if (h->compressions.len != 1 || h->compressions.data[0] != 0) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "it offers compression with TLS 1.3");
    }
    if (has(h, EXT_GROUPS) != shares || (!psk && (!shares || !has(h, EXT_SCHEMES))) ||
        (psk && !has(h, EXT_PSK_MODES))) {
        return protocol(ALERT_MISSING_EXTENSION,
                        "its ClientHello misses an extension that TLS 1.3 needs");
    }
    if (has(h, EXT_EARLY_DATA) && !psk) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "it announces early data without a session");
    }
    if (psk && data.data + data.len != h->extensions.data + h->extensions.len) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "the sessions that it offers are not at the end of its ClientHello");
    }
    if (find(h, EXT_GROUPS, &data)) {
        (void)whole(data, 2, 2, &groups);
    }
    return find(h, EXT_KEY_SHARE, &data) ? check_shares(data, groups) : none;
}

/* What `type` has behind its first `len` bytes; it was checked. */
static stls_bytes behind(const hello *h, uint16_t type, size_t len) {
    stls_bytes data;
    return find(h, type, &data) ? (stls_bytes){data.data + len, data.len - len} : data;
}

/* Whether the sessions that it offers may be resumed with a new key agreement: RFC 8446, 4.2.9. */
static bool takes_psk_with_share(const hello *h) {
    enum { PSK_DHE_KE = 1 };
    stls_bytes modes = behind(h, EXT_PSK_MODES, 1);
    return modes.len > 0 && memchr(modes.data, PSK_DHE_KE, modes.len) != NULL;
}

static void tell(const hello *h, stls_be_hello *says) {
    enum { LIST = 2, NAME = LIST + 1 + 2 }; /* the lengths, and the type of a name */
    stls_bytes offered, fragment;
    *says = (stls_be_hello){
        .suites = h->suites,
        .groups = behind(h, EXT_GROUPS, LIST),
        .server_name = behind(h, EXT_SERVER_NAME, NAME),
        .extended_master = has(h, EXT_EXTENDED_MASTER_SECRET),
        .protocols = behind(h, EXT_ALPN, LIST),
    };
    if (find(h, EXT_PRE_SHARED_KEY, &offered) && takes_psk_with_share(h)) {
        (void)vector(&offered, 2, &says->identities);
    }
    if (find(h, EXT_MAX_FRAGMENT, &fragment)) {
        says->max_fragment = (size_t)256 << fragment.data[0]; /* RFC 6066, 4 */
    }
}

stls_complaint stls_check_client_hello(stls_bytes body, uint16_t version_min, uint16_t version_max,
                                       stls_be_hello *says) {
    hello h;
    if (!read_front(body, true, &h)) {
        return protocol(ALERT_DECODE_ERROR, "its ClientHello is malformed");
    }
    stls_complaint complaint = read_extensions(&h);
    if (complaint.text == NULL) {
        complaint = check_extensions(&h, client_extensions);
    }
    if (complaint.text != NULL) {
        return complaint;
    }
    if (memchr(h.compressions.data, 0, h.compressions.len) == NULL) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "it does not offer to do without compression");
    }
    uint16_t version = version_for(&h, version_min, version_max);
    if (version == 0) {
        return nothing_shared(ALERT_PROTOCOL_VERSION,
                              "it offers no TLS version that is allowed here");
    }
    if (version < version_max && stls_be_lists(h.suites, SCSV_FALLBACK)) { /* RFC 7507 */
        return nothing_shared(ALERT_INAPPROPRIATE_FALLBACK,
                              "it has fallen back to a lower TLS version than both sides speak: "
                              "somebody may have meddled with its first attempts");
    }
    tell(&h, says);
    return version == STLS_TLS1_3 ? check_client_hello_1_3(&h) : none;
}

static bool read_client_hello(stls_bytes body, hello *h) {
    return read_front(body, true, h) && read_extensions(h).text == NULL;
}

bool stls_announces_early_data(stls_bytes body) {
    hello h;
    return read_client_hello(body, &h) && has(&h, EXT_EARLY_DATA);
}

/* Whether a ClientHello has a key share of `group`. */
static bool has_share(const hello *h, uint16_t group) {
    stls_bytes data, shares, key;
    uint16_t at;
    if (!find(h, EXT_KEY_SHARE, &data) || !vector(&data, 2, &shares)) {
        return false;
    }
    while (number16(&shares, &at) && vector(&shares, 2, &key)) {
        if (at == group) {
            return true;
        }
    }
    return false;
}

static bool has_only_share(const hello *h, uint16_t group) {
    stls_bytes data, shares, key;
    uint16_t at;
    return find(h, EXT_KEY_SHARE, &data) && vector(&data, 2, &shares) && number16(&shares, &at) &&
           at == group && vector(&shares, 2, &key) && shares.len == 0;
}

static bool same(stls_bytes a, stls_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Whether every extension of `a` that may not change is in `b` too: RFC 8446 section 4.1.2; what is
 * encrypted in a ClientHello is so anew in the second (RFC 9849 section 6.1.5). */
static bool keeps_extensions(const hello *a, const hello *b) {
    enum { EXT_PADDING = 21 };
    stls_bytes at = a->extensions, data, other;
    uint16_t type;
    while (next_extension(&at, &type, &data)) {
        bool may_change = type == EXT_KEY_SHARE || type == EXT_EARLY_DATA || type == EXT_COOKIE ||
                          type == EXT_PRE_SHARED_KEY || type == EXT_PADDING ||
                          type == EXT_ENCRYPTED_CLIENT_HELLO;
        if (!may_change && (!find_any(b, type, &other) || !same(data, other))) {
            return false;
        }
    }
    return true;
}

stls_complaint stls_check_second_hello(stls_bytes body, stls_bytes first_body, uint16_t group,
                                       stls_be_hello *says) {
    hello h, first;
    stls_complaint complaint = stls_check_client_hello(body, STLS_TLS1_3, STLS_TLS1_3, says);
    if (complaint.text != NULL && complaint.result != STLS_E_NOTHING_SHARED) {
        return complaint;
    }
    if (!read_client_hello(body, &h) || !read_client_hello(first_body, &first) ||
        h.version != first.version || !same(h.random, first.random) ||
        !same(h.session_id, first.session_id) || !same(h.suites, first.suites) ||
        !same(h.compressions, first.compressions) || !keeps_extensions(&h, &first) ||
        !keeps_extensions(&first, &h) ||
        (has(&h, EXT_PRE_SHARED_KEY) && !has(&first, EXT_PRE_SHARED_KEY))) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "its second ClientHello is not like the first");
    }
    if (has(&h, EXT_EARLY_DATA)) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "its second ClientHello announces early data");
    }
    if (group != 0 && !has_only_share(&h, group)) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "its second ClientHello has not the key share that it was asked for");
    }
    return complaint;
}

/* --- ServerHello --- */

/* A server may only answer what we have asked for. (A HelloRetryRequest may speak of what seemed to
 * be encrypted, also if nothing was: RFC 9849 section 6.2.1.) */
static stls_complaint check_answers(const hello *h, const hello *own, bool retry, bool is_1_3) {
    stls_bytes at = h->extensions, data, ours;
    uint16_t type;
    enum { CONFIRMATION_LEN = 8 };
    while (next_extension(&at, &type, &data)) {
        bool asked = find_any(own, type, &ours) || (retry && type == EXT_COOKIE) ||
                     (type == EXT_RENEGOTIATION && stls_be_lists(own->suites, SCSV_RENEGOTIATION));
        if (!asked) {
            return protocol(ALERT_UNSUPPORTED_EXTENSION,
                            "its ServerHello has an extension that we did not ask for");
        }
        bool of_retry = retry && type == EXT_ENCRYPTED_CLIENT_HELLO;
        bool of_1_3 = type == EXT_VERSIONS || type == EXT_KEY_SHARE || type == EXT_COOKIE ||
                      type == EXT_PRE_SHARED_KEY || of_retry;
        bool of_clients = type == EXT_SCHEMES || type == EXT_PSK_MODES;
        if (is_1_3 != of_1_3 || of_clients) {
            return protocol(ALERT_ILLEGAL_PARAMETER,
                            "its ServerHello has an extension that belongs elsewhere");
        }
        if (of_retry && data.len != CONFIRMATION_LEN) {
            return protocol(ALERT_DECODE_ERROR,
                            "what its HelloRetryRequest says of an encrypted hello is malformed");
        }
    }
    return none;
}

/* RFC 7301, 3.1: one protocol, and one of ours. */
static stls_complaint check_protocol(stls_bytes data, const hello *own) {
    stls_bytes list, name, ours, each;
    if (!whole(data, 2, 1, &list) || !vector(&list, 1, &name) || name.len == 0 || list.len > 0) {
        return protocol(ALERT_DECODE_ERROR, "its choice of an ALPN protocol is malformed");
    }
    if (find(own, EXT_ALPN, &data) && vector(&data, 2, &ours)) {
        while (vector(&ours, 1, &each)) {
            if (each.len == name.len && memcmp(each.data, name.data, name.len) == 0) {
                return none;
            }
        }
    }
    return protocol(ALERT_ILLEGAL_PARAMETER, "it chose an ALPN protocol that we did not offer");
}

static checks server_extensions_1_2 = {
    [EXT_SERVER_NAME] = check_empty,
    [EXT_POINT_FORMATS] = check_point_formats,
    [EXT_EXTENDED_MASTER_SECRET] = check_empty,
    [EXT_SESSION_TICKET] = check_empty,
    [PLACE_RENEGOTIATION] = check_renegotiation,
};

static stls_complaint check_server_hello_1_2(const hello *h, const hello *own,
                                             uint16_t version_max) {
    stls_bytes data, ours;
    const uint8_t *end = h->random.data + RANDOM_LEN - SENTINEL_LEN;
    if (version_max >= STLS_TLS1_3 && (memcmp(end, sentinels[0], SENTINEL_LEN) == 0 ||
                                       memcmp(end, sentinels[1], SENTINEL_LEN) == 0)) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "it speaks TLS 1.3, and yet chose TLS 1.2: somebody may have meddled with "
                        "what we offered");
    }
    stls_complaint complaint = check_extensions(h, server_extensions_1_2);
    if (complaint.text == NULL && find(h, EXT_ALPN, &data)) {
        complaint = check_protocol(data, own);
    }
    if (complaint.text == NULL && find(h, EXT_MAX_FRAGMENT, &data) &&
        (!find(own, EXT_MAX_FRAGMENT, &ours) || !same(data, ours))) { /* RFC 6066 section 4 */
        complaint = protocol(ALERT_ILLEGAL_PARAMETER,
                             "it chose another max_fragment_length than we have asked for");
    }
    return complaint;
}

static bool offers_group(const hello *own, uint16_t group) {
    stls_bytes data, groups;
    return find(own, EXT_GROUPS, &data) && whole(data, 2, 2, &groups) &&
           stls_be_lists(groups, group);
}

/* RFC 8446, 4.1.4. */
static stls_complaint check_retry(const hello *h, const hello *own, stls_choice *choice) {
    stls_bytes data, cookie;
    bool group = find(h, EXT_KEY_SHARE, &data);
    if (choice->retry) {
        return protocol(10, "it sends a second HelloRetryRequest");
    }
    if (group && (!number16(&data, &choice->group) || data.len > 0)) {
        return protocol(ALERT_DECODE_ERROR, "the group of its HelloRetryRequest is malformed");
    }
    if (group && (!offers_group(own, choice->group) || has_share(own, choice->group))) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "its HelloRetryRequest asks for a group that we do not offer, or have sent "
                        "a key share of");
    }
    if (find(h, EXT_COOKIE, &data)) {
        return whole(data, 2, 1, &cookie)
                   ? none
                   : protocol(ALERT_DECODE_ERROR,
                              "the cookie of its HelloRetryRequest is malformed");
    }
    return group ? none
                 : protocol(ALERT_ILLEGAL_PARAMETER, "its HelloRetryRequest changes nothing");
}

static stls_complaint check_share(const hello *h, const hello *own, stls_choice *choice) {
    stls_bytes data, key;
    uint16_t group;
    if (!find(h, EXT_KEY_SHARE, &data)) {
        return protocol(ALERT_MISSING_EXTENSION, "its ServerHello has no key share");
    }
    if (!number16(&data, &group) || !vector(&data, 2, &key) || key.len == 0 || data.len > 0) {
        return protocol(ALERT_DECODE_ERROR, "its key share is malformed");
    }
    if (!has_share(own, group) || (choice->group != 0 && choice->group != group)) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "its key share is of a group that we have sent none of");
    }
    choice->group = group;
    return none;
}

/* The session that it resumes: the number of an identity. */
static stls_complaint check_choice_of_psk(const hello *h) {
    stls_bytes data;
    return !find(h, EXT_PRE_SHARED_KEY, &data) || data.len == 2
               ? none
               : protocol(ALERT_DECODE_ERROR, "its choice of a session is malformed");
}

static stls_complaint check_server_hello_1_3(const hello *h, const hello *own,
                                             stls_choice *choice) {
    if (h->version != STLS_TLS1_2) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "its ServerHello of TLS 1.3 has a wrong legacy_version");
    }
    if (!same(h->session_id, own->session_id)) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "its ServerHello has another session ID than ours");
    }
    if (choice->retry && h->suite != choice->suite) {
        return protocol(ALERT_ILLEGAL_PARAMETER,
                        "it chose another cipher suite than in its HelloRetryRequest");
    }
    bool retry = memcmp(h->random.data, retry_random, RANDOM_LEN) == 0;
    stls_complaint complaint = retry ? check_retry(h, own, choice) : check_share(h, own, choice);
    return complaint.text == NULL && !retry ? check_choice_of_psk(h) : complaint;
}

/* The version that a ServerHello has chosen; 0: its supported_versions is malformed. */
static uint16_t version_of(const hello *h) {
    stls_bytes data;
    uint16_t version = h->version;
    if (find(h, EXT_VERSIONS, &data) && (!number16(&data, &version) || data.len > 0)) {
        return 0;
    }
    return version;
}

static stls_complaint check_version(const hello *h, uint16_t version, uint16_t version_min,
                                    uint16_t version_max, bool retried) {
    bool listed = has(h, EXT_VERSIONS);
    if (version == 0) {
        return protocol(ALERT_DECODE_ERROR, "the version of its ServerHello is malformed");
    }
    if ((listed || retried) && version != STLS_TLS1_3) {
        return protocol(ALERT_ILLEGAL_PARAMETER, "it chose a version that is not offered this way");
    }
    if (version < version_min || version > version_max || (!listed && version >= STLS_TLS1_3)) {
        return nothing_shared(ALERT_PROTOCOL_VERSION,
                              "it chose a TLS version that is not allowed here");
    }
    return none;
}

stls_complaint stls_check_server_hello(stls_bytes body, stls_bytes own_body, uint16_t version_min,
                                       uint16_t version_max, stls_choice *choice) {
    hello h, own;
    if (!read_client_hello(own_body, &own)) {
        return (stls_complaint){STLS_E_BACKEND, 80, "our own ClientHello could not be read"};
    }
    if (!read_front(body, false, &h)) {
        return protocol(ALERT_DECODE_ERROR, "its ServerHello is malformed");
    }
    bool retry = memcmp(h.random.data, retry_random, RANDOM_LEN) == 0;
    stls_complaint complaint = read_extensions(&h);
    uint16_t version = version_of(&h);
    if (complaint.text == NULL) {
        complaint = check_version(&h, version, version_min, version_max, choice->retry);
    }
    if (complaint.text == NULL) {
        complaint = check_answers(&h, &own, retry, version == STLS_TLS1_3);
    }
    if (complaint.text == NULL && h.compressions.data[0] != 0) {
        complaint = protocol(ALERT_ILLEGAL_PARAMETER, "it chose a compression");
    }
    if (complaint.text == NULL &&
        (!stls_be_lists(own.suites, h.suite) || stls_suite_version(h.suite) != version)) {
        complaint = protocol(ALERT_ILLEGAL_PARAMETER,
                             "it chose a cipher suite that we do not offer for that version");
    }
    if (complaint.text == NULL) {
        complaint = version == STLS_TLS1_3 ? check_server_hello_1_3(&h, &own, choice)
                                           : check_server_hello_1_2(&h, &own, version_max);
    }
    choice->version = version;
    choice->suite = h.suite;
    choice->retry = retry;
    choice->extended_master = has(&h, EXT_EXTENDED_MASTER_SECRET);
    return complaint;
}

bool stls_read_choice(stls_bytes body, stls_choice *choice) {
    hello h;
    if (!read_front(body, false, &h) || read_extensions(&h).text != NULL) {
        return false;
    }
    stls_bytes share;
    *choice = (stls_choice){.retry = memcmp(h.random.data, retry_random, RANDOM_LEN) == 0,
                            .extended_master = has(&h, EXT_EXTENDED_MASTER_SECRET),
                            .version = version_of(&h),
                            .suite = h.suite};
    if (find(&h, EXT_KEY_SHARE, &share)) {
        (void)number16(&share, &choice->group);
    }
    return true;
}
