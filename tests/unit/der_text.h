/* tests/unit/der_text.h - DER written so that people can read it.
 *
 * The model: hexadecimal octets; { and } around content, for which the length is written; 'text'
 * for ASCII. White space does not count. So "30{ 02{01} 0C{'ab'} }" is 30 07 02 01 01 0C 02 61 62.
 * The result is in memory of its exact size, where a sanitizer sees whoever reads beyond it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_UNIT_DER_TEXT_H
#define STLS_TESTS_UNIT_DER_TEXT_H

#include <siptls/types.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DER_TEXT_SIZE = 1 << 17 };

typedef struct der_text_writer {
    const char *at;
    uint8_t out[DER_TEXT_SIZE];
    size_t len;
} der_text_writer;

static inline void der_text_wrong(const der_text_writer *writer) {
    fprintf(stderr, "the test's own DER text is wrong at \"%.40s\"\n", writer->at);
    exit(EXIT_FAILURE);
}

static inline void der_text_put(der_text_writer *writer, unsigned octet) {
    if (writer->len == sizeof writer->out) {
        der_text_wrong(writer);
    }
    writer->out[writer->len++] = (uint8_t)octet;
}

/* Writes the length of what stands from `from` on before it. */
static inline void der_text_put_length(der_text_writer *writer, size_t from) {
    size_t content = writer->len - from;
    uint8_t length[4];
    size_t count = 0;
    if (content >= 0x80) {
        count = content > 0xffff ? 3 : content > 0xff ? 2 : 1;
        for (size_t i = 0; i < count; i++) {
            length[1 + i] = (uint8_t)(content >> 8 * (count - 1 - i));
        }
        length[0] = (uint8_t)(0x80 | count);
    } else {
        length[0] = (uint8_t)content;
    }
    for (size_t i = 0; i <= count; i++) {
        der_text_put(writer, 0);
    }
    memmove(writer->out + from + 1 + count, writer->out + from, content);
    memcpy(writer->out + from, length, 1 + count);
}

static inline unsigned der_text_digit(const der_text_writer *writer, char digit) {
    if (!isxdigit((unsigned char)digit)) {
        der_text_wrong(writer);
    }
    return (unsigned)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

/* One level of braces, up to its end or the text's. */
static inline void der_text_level(der_text_writer *writer) {
    while (*writer->at != '\0' && *writer->at != '}') {
        char first = *writer->at;
        if (isspace((unsigned char)first)) {
            writer->at++;
        } else if (first == '\'') {
            for (writer->at++; *writer->at != '\'' && *writer->at != '\0'; writer->at++) {
                der_text_put(writer, (uint8_t)*writer->at);
            }
            writer->at += *writer->at == '\'';
        } else if (first == '{') {
            size_t from = writer->len;
            writer->at++;
            der_text_level(writer);
            if (*writer->at != '}') {
                der_text_wrong(writer);
            }
            writer->at++;
            der_text_put_length(writer, from);
        } else {
            der_text_put(writer, der_text_digit(writer, first) << 4 |
                                     der_text_digit(writer, writer->at[1]));
            writer->at += 2;
        }
    }
}

/* The octets that the text stands for; stls_bytes_free() gives them back. */
static inline stls_bytes der_text_of(const char *text) {
    static der_text_writer writer;
    writer.at = text;
    writer.len = 0;
    der_text_level(&writer);
    if (*writer.at != '\0') {
        der_text_wrong(&writer);
    }
    uint8_t *copy = malloc(writer.len != 0 ? writer.len : 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, writer.out, writer.len);
    return (stls_bytes){.data = copy, .len = writer.len};
}

/* The same for a text that is made as printf makes it. */
__attribute__((format(printf, 1, 2))) static inline stls_bytes der_text(const char *format, ...) {
    static char text[4 * DER_TEXT_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return der_text_of(text);
}

#endif
