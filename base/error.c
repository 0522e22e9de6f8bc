/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

stls_text stls_text_in(char *buffer, size_t size) {
    buffer[0] = '\0';
    return (stls_text){.data = buffer, .size = size};
}

/* It does not fit. */
static void cut(stls_text *text) {
    text->len = text->size - 1;
    memcpy(text->data + text->size - 4, "...", 4);
}

static void add_list(stls_text *text, const char *format, va_list list) STLS_PRINTF(2, 0);

static void add_list(stls_text *text, const char *format, va_list list) {
    size_t room = text->size - text->len;
    int wanted = vsnprintf(text->data + text->len, room, format, list);
    if (wanted < 0) {
        text->data[text->len] = '\0';
        return;
    }
    if ((size_t)wanted < room) {
        text->len += (size_t)wanted;
        return;
    }
    cut(text);
}

void stls_text_add(stls_text *text, const char *format, ...) {
    va_list list;
    va_start(list, format);
    add_list(text, format, list);
    va_end(list);
}

/* How many of `bytes`, from the first on, are printable. */
static size_t printable(stls_bytes bytes) {
    size_t count = 0;
    while (count < bytes.len && bytes.data[count] >= 0x20 && bytes.data[count] < 0x7f) {
        count++;
    }
    return count;
}

static void add_escaped(stls_text *text, uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    const char escaped[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    if (text->size - text->len <= sizeof escaped) {
        cut(text);
        return;
    }
    memcpy(text->data + text->len, escaped, sizeof escaped);
    text->len += sizeof escaped;
}

void stls_text_add_foreign(stls_text *text, stls_bytes bytes) {
    while (bytes.len > 0 && text->len + 1 < text->size) {
        size_t room = text->size - text->len - 1;
        size_t len = printable((stls_bytes){bytes.data, bytes.len < room ? bytes.len : room});
        if (len > 0) {
            memcpy(text->data + text->len, bytes.data, len);
            text->len += len;
        } else {
            add_escaped(text, bytes.data[0]);
            len = 1;
        }
        bytes = (stls_bytes){bytes.data + len, bytes.len - len};
    }
    if (bytes.len > 0) {
        cut(text);
    }
    text->data[text->len] = '\0';
}

const char *stls_shown(const char *text, size_t len, char shown[STLS_SHOWN_SIZE]) {
    stls_text foreign = stls_text_in(shown, STLS_SHOWN_SIZE);
    stls_text_add_foreign(&foreign, (stls_bytes){(const uint8_t *)text, len});
    return shown;
}

void stls_text_add_date(stls_text *text, int64_t time) {
    const int64_t year_0 = -62167219200, year_10000 = 253402300800;
    if (time < year_0) {
        stls_text_add(text, "long ago");
        return;
    }
    time_t seconds = (time_t)time;
    struct tm day;
    if (time >= year_10000 || gmtime_r(&seconds, &day) == NULL) {
        stls_text_add(text, "far in the future");
        return;
    }
    stls_text_add(text, "%04d-%02d-%02d", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

void stls_error_fill(stls_error *error, stls_result result, const char *format, ...) {
    if (error == NULL) {
        return;
    }
    *error = (stls_error){
        .result = result, .alert_sent = STLS_ALERT_NONE, .alert_received = STLS_ALERT_NONE};
    stls_text text = stls_text_in(error->text, sizeof error->text);
    va_list list;
    va_start(list, format);
    add_list(&text, format, list);
    va_end(list);
}

const char *stls_result_name(stls_result result) {
    switch (result) {
    case STLS_NOT_DONE:
        return "STLS_NOT_DONE";
    case STLS_OK:
        return "STLS_OK";
    case STLS_WANT_READ:
        return "STLS_WANT_READ";
    case STLS_WANT_WRITE:
        return "STLS_WANT_WRITE";
    case STLS_CLOSED:
        return "STLS_CLOSED";
    case STLS_EOF:
        return "STLS_EOF";
    case STLS_E_ARGUMENT:
        return "STLS_E_ARGUMENT";
    case STLS_E_STATE:
        return "STLS_E_STATE";
    case STLS_E_NO_MEMORY:
        return "STLS_E_NO_MEMORY";
    case STLS_E_NO_BACKEND:
        return "STLS_E_NO_BACKEND";
    case STLS_E_UNSUPPORTED:
        return "STLS_E_UNSUPPORTED";
    case STLS_E_NOT_APPLIED:
        return "STLS_E_NOT_APPLIED";
    case STLS_E_FORMAT:
        return "STLS_E_FORMAT";
    case STLS_E_LIMIT:
        return "STLS_E_LIMIT";
    case STLS_E_KEY_MISMATCH:
        return "STLS_E_KEY_MISMATCH";
    case STLS_E_PASSWORD:
        return "STLS_E_PASSWORD";
    case STLS_E_FILE:
        return "STLS_E_FILE";
    case STLS_E_TRANSPORT:
        return "STLS_E_TRANSPORT";
    case STLS_E_TIMEOUT:
        return "STLS_E_TIMEOUT";
    case STLS_E_NOT_TLS:
        return "STLS_E_NOT_TLS";
    case STLS_E_VERIFY:
        return "STLS_E_VERIFY";
    case STLS_E_ALERT:
        return "STLS_E_ALERT";
    case STLS_E_NOTHING_SHARED:
        return "STLS_E_NOTHING_SHARED";
    case STLS_E_PROTOCOL:
        return "STLS_E_PROTOCOL";
    case STLS_E_REFUSED:
        return "STLS_E_REFUSED";
    case STLS_E_BACKEND:
        return "STLS_E_BACKEND";
    case STLS_E_BUSY:
        return "STLS_E_BUSY";
    }
    return "unknown result";
}
