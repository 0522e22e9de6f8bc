/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>

json json_to(FILE *out) {
    return (json){.out = out};
}

/* The length of the UTF-8 character at `text`, or 0 if there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text) {
    size_t len;
    uint32_t code, least;
    if (text[0] < 0x80) {
        return 1;
    } else if ((text[0] & 0xe0) == 0xc0) {
        len = 2, code = text[0] & 0x1f, least = 0x80;
    } else if ((text[0] & 0xf0) == 0xe0) {
        len = 3, code = text[0] & 0x0f, least = 0x800;
    } else if ((text[0] & 0xf8) == 0xf0) {
        len = 4, code = text[0] & 0x07, least = 0x10000;
    } else {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) { /* the NUL at the end too */
            return 0;
        }
        code = code << 6 | (text[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least || code > 0x10ffff || is_surrogate ? 0 : len;
}

static void write_string(FILE *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', out);
    while (*at != '\0') {
        size_t len = utf8_length(at);
        if (len == 0) {
            fputs("\\ufffd", out);
            len = 1;
        } else if (*at == '"' || *at == '\\') {
            fprintf(out, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            fprintf(out, "\\u%04x", *at);
        } else {
            fwrite(at, 1, len, out);
        }
        at += len;
    }
    fputc('"', out);
}

static void begin_value(json *writer, const char *name) {
    if (writer->wants_comma[writer->depth]) {
        fputc(',', writer->out);
    }
    writer->wants_comma[writer->depth] = true;
    if (name != NULL) {
        write_string(writer->out, name);
        fputc(':', writer->out);
    }
}

static void open_block(json *writer, const char *name, char bracket) {
    begin_value(writer, name);
    fputc(bracket, writer->out);
    if (writer->depth + 1 < JSON_DEPTH_MAX) {
        writer->depth++;
    }
    writer->wants_comma[writer->depth] = false;
}

static void close_block(json *writer, char bracket) {
    fputc(bracket, writer->out);
    if (writer->depth > 0 && --writer->depth == 0) {
        fputc('\n', writer->out);
        writer->wants_comma[0] = false; /* another document may follow: one on a line */
    }
}

void json_object(json *writer, const char *name) {
    open_block(writer, name, '{');
}

void json_object_end(json *writer) {
    close_block(writer, '}');
}

void json_array(json *writer, const char *name) {
    open_block(writer, name, '[');
}

void json_array_end(json *writer) {
    close_block(writer, ']');
}

void json_text(json *writer, const char *name, const char *value) {
    if (value == NULL) {
        json_null(writer, name);
        return;
    }
    begin_value(writer, name);
    write_string(writer->out, value);
}

void json_number(json *writer, const char *name, int64_t value) {
    begin_value(writer, name);
    fprintf(writer->out, "%" PRId64, value);
}

void json_bool(json *writer, const char *name, bool value) {
    begin_value(writer, name);
    fputs(value ? "true" : "false", writer->out);
}

void json_null(json *writer, const char *name) {
    begin_value(writer, name);
    fputs("null", writer->out);
}
