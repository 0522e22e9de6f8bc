/* SPDX-License-Identifier: MIT */
#include "certstore/read/der.h"

#include <string.h>

enum {
    CLASS_MASK = 0xc0,
    CONSTRUCTED = 0x20,
    NUMBER_MASK = 0x1f,
    LONG_LENGTH = 0x80,
    DAY = 86400,
};

stls_der stls_der_of(stls_bytes bytes) {
    /* NULL + 0 is not defined in C, so an empty string gets an address of its own. */
    static const uint8_t nothing[1];
    const uint8_t *at = bytes.data != NULL ? bytes.data : nothing;
    return (stls_der){.at = at, .end = at + (bytes.data != NULL ? bytes.len : 0)};
}

bool stls_der_done(const stls_der *der) {
    return der->at == der->end;
}

static size_t left(const stls_der *der) {
    return (size_t)(der->end - der->at);
}

uint8_t stls_der_peek(const stls_der *der) {
    return stls_der_done(der) ? 0 : *der->at;
}

/* Whether DER allows the tag: low tag numbers, and the universal types in their one form, primitive
 * for all but the structured ones (constructed strings are BER). */
static bool tag_is_der(uint8_t tag) {
    unsigned number = tag & NUMBER_MASK;
    if (number == NUMBER_MASK) {
        return false;
    }
    if ((tag & CLASS_MASK) != 0) {
        return true;
    }
    enum { EXTERNAL = 8, EMBEDDED = 11, SEQUENCE = 16, SET = 17, CHARACTERS = 29 };
    bool structured = number == EXTERNAL || number == EMBEDDED || number == SEQUENCE ||
                      number == SET || number == CHARACTERS;
    return number != 0 && structured == ((tag & CONSTRUCTED) != 0);
}

/* A definite length in its shortest form; the length must be there. */
static bool read_length(stls_der *der, size_t *len) {
    if (stls_der_done(der)) {
        return false;
    }
    uint8_t first = *der->at++;
    if (first < LONG_LENGTH) {
        *len = first;
        return *len <= left(der);
    }
    size_t octets = first & 0x7fu;
    if (octets == 0 || octets > sizeof(uint32_t) || octets > left(der)) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < octets; i++) {
        value = value << 8 | *der->at++;
    }
    bool shortest = value >= LONG_LENGTH && value >> (8 * (octets - 1)) != 0;
    *len = value;
    return shortest && *len <= left(der);
}

bool stls_der_any(stls_der *der, uint8_t *tag, stls_bytes *content, stls_bytes *whole) {
    stls_der ahead = *der;
    size_t len = 0;
    uint8_t first = stls_der_peek(der);
    if (!tag_is_der(first)) {
        return false;
    }
    ahead.at++;
    if (!read_length(&ahead, &len)) {
        return false;
    }
    if (tag != NULL) {
        *tag = first;
    }
    if (content != NULL) {
        *content = (stls_bytes){.data = ahead.at, .len = len};
    }
    ahead.at += len;
    if (whole != NULL) {
        *whole = (stls_bytes){.data = der->at, .len = (size_t)(ahead.at - der->at)};
    }
    *der = ahead;
    return true;
}

bool stls_der_get(stls_der *der, uint8_t tag, stls_bytes *content) {
    return stls_der_peek(der) == tag && stls_der_any(der, NULL, content, NULL);
}

bool stls_der_get_optional(stls_der *der, uint8_t tag, bool *present, stls_bytes *content) {
    *present = stls_der_peek(der) == tag;
    return !*present || stls_der_any(der, NULL, content, NULL);
}

bool stls_der_enter(stls_der *der, uint8_t tag, stls_der *inside) {
    stls_bytes content;
    if (!stls_der_get(der, tag, &content)) {
        return false;
    }
    *inside = stls_der_of(content);
    return true;
}

bool stls_der_default_false(stls_der *der, bool *value) {
    stls_der ahead = *der;
    stls_bytes content;
    bool present;
    if (!stls_der_get_optional(&ahead, STLS_DER_BOOLEAN, &present, &content)) {
        return false;
    }
    if (present && (content.len != 1 || (content.data[0] != 0x00 && content.data[0] != 0xff))) {
        return false;
    }
    *value = present && content.data[0] == 0xff;
    *der = ahead;
    return true;
}

bool stls_der_integer_of(stls_bytes content) {
    if (content.len == 0) {
        return false;
    }
    if (content.len == 1) {
        return true;
    }
    bool high = (content.data[1] & 0x80) != 0;
    return !(content.data[0] == 0x00 && !high) && !(content.data[0] == 0xff && high);
}

bool stls_der_integer(stls_der *der, stls_bytes *content) {
    stls_der ahead = *der;
    if (!stls_der_get(&ahead, STLS_DER_INTEGER, content) || !stls_der_integer_of(*content)) {
        return false;
    }
    *der = ahead;
    return true;
}

bool stls_der_unsigned(stls_der *der, uint32_t max, uint32_t *value) {
    stls_der ahead = *der;
    stls_bytes content;
    if (!stls_der_integer(&ahead, &content) || content.len > sizeof(uint32_t) + 1 ||
        (content.data[0] & 0x80) != 0) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < content.len; i++) {
        number = number << 8 | content.data[i];
    }
    if (number > max) {
        return false;
    }
    *value = (uint32_t)number;
    *der = ahead;
    return true;
}

bool stls_der_oid_of(stls_bytes content) {
    bool starts = true; /* whether a number of the OID starts at this octet */
    for (size_t i = 0; i < content.len; i++) {
        if (starts && content.data[i] == 0x80) {
            return false;
        }
        starts = (content.data[i] & 0x80) == 0;
    }
    return content.len != 0 && starts;
}

bool stls_der_oid(stls_der *der, stls_bytes *content) {
    stls_der ahead = *der;
    if (!stls_der_get(&ahead, STLS_DER_OID, content) || !stls_der_oid_of(*content)) {
        return false;
    }
    *der = ahead;
    return true;
}

bool stls_der_null(stls_der *der) {
    stls_der ahead = *der;
    stls_bytes content;
    if (!stls_der_get(&ahead, STLS_DER_NULL, &content) || content.len != 0) {
        return false;
    }
    *der = ahead;
    return true;
}

bool stls_der_octet_aligned_bits(stls_der *der, stls_bytes *octets) {
    stls_der ahead = *der;
    stls_bytes content;
    if (!stls_der_get(&ahead, STLS_DER_BIT_STRING, &content) || content.len == 0 ||
        content.data[0] != 0) {
        return false;
    }
    *octets = (stls_bytes){.data = content.data + 1, .len = content.len - 1};
    *der = ahead;
    return true;
}

bool stls_der_bits_of(stls_bytes content) {
    if (content.len == 0 || content.data[0] > 7) {
        return false;
    }
    if (content.len == 1) {
        return content.data[0] == 0;
    }
    unsigned padding = (1u << content.data[0]) - 1;
    return (content.data[content.len - 1] & padding) == 0;
}

bool stls_der_named_bits_of(stls_bytes content, uint16_t *bits) {
    if (!stls_der_bits_of(content)) {
        return false;
    }
    unsigned value = 0;
    for (size_t i = 1; i < content.len; i++) {
        if (i > 2 && content.data[i] != 0) {
            return false;
        }
        for (unsigned bit = 0; bit < 8 && i <= 2; bit++) {
            value |= (content.data[i] >> (7 - bit) & 1u) << (8 * (i - 1) + bit);
        }
    }
    *bits = (uint16_t)value;
    return true;
}

bool stls_der_named_bits(stls_der *der, uint16_t *bits) {
    stls_der ahead = *der;
    stls_bytes content;
    if (!stls_der_get(&ahead, STLS_DER_BIT_STRING, &content) ||
        !stls_der_named_bits_of(content, bits)) {
        return false;
    }
    *der = ahead;
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar. Years begin in March here, so that a leap day is
 * the last day of its year; and one cycle of 400 years later, so that none is negative. */
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
    unsigned march_year = 400 + (month > 2 ? year : year - 1);
    unsigned march_month = month > 2 ? month - 3 : month + 9;
    unsigned leap_days = march_year / 4 - march_year / 100 + march_year / 400;
    unsigned day_of_year = (153 * march_month + 2) / 5 + day - 1;
    const int64_t days_in_cycle = 146097, days_from_march_0_to_1970 = 719468;
    return (int64_t)march_year * 365 + leap_days + day_of_year - days_in_cycle -
           days_from_march_0_to_1970;
}

static unsigned days_in_month(unsigned year, unsigned month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* Two decimal digits at `text`, of `least` to `most`. */
static bool read_pair(const uint8_t *text, unsigned least, unsigned most, unsigned *value) {
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return false;
    }
    *value = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    return *value >= least && *value <= most;
}

/* MMDDHHMMSSZ of `year`. */
static bool read_moment(const uint8_t *text, unsigned year, int64_t *time) {
    unsigned month, day, hour, minute, second;
    if (!read_pair(text, 1, 12, &month) || !read_pair(text + 2, 1, 31, &day) ||
        day > days_in_month(year, month) || !read_pair(text + 4, 0, 23, &hour) ||
        !read_pair(text + 6, 0, 59, &minute) || !read_pair(text + 8, 0, 59, &second) ||
        text[10] != 'Z') {
        return false;
    }
    *time = days_since_1970(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    return true;
}

bool stls_der_time(stls_der *der, int64_t *time) {
    stls_der ahead = *der;
    stls_bytes text;
    uint8_t tag;
    unsigned high, low;
    const size_t moment_len = strlen("MMDDHHMMSSZ");
    if (!stls_der_any(&ahead, &tag, &text, NULL)) {
        return false;
    }
    if (tag == STLS_DER_UTC_TIME && text.len == 2 + moment_len) {
        if (!read_pair(text.data, 0, 99, &low)) {
            return false;
        }
        high = low >= 50 ? 19 : 20;
    } else if (tag == STLS_DER_GENERALIZED_TIME && text.len == 4 + moment_len) {
        if (!read_pair(text.data, 0, 99, &high) || !read_pair(text.data + 2, 0, 99, &low)) {
            return false;
        }
    } else {
        return false;
    }
    if (!read_moment(text.data + text.len - moment_len, high * 100 + low, time)) {
        return false;
    }
    *der = ahead;
    return true;
}
