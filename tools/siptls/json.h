/* json.h - writes JSON, one value after the other.
 *
 * The model: a writer knows how deep it stands and whether a comma is due. `name` is the member's
 * name inside an object, NULL inside an array and for the outermost value. Text that is no UTF-8 is
 * written with U+FFFD in place of what is wrong.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_JSON_H
#define SIPTLS_TOOL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 16 };

typedef struct json {
    FILE *out;
    unsigned depth;
    bool wants_comma[JSON_DEPTH_MAX];
} json;

json json_to(FILE *out);

void json_object(json *writer, const char *name);
void json_object_end(json *writer);
void json_array(json *writer, const char *name);
void json_array_end(json *writer);

/* NULL becomes null. */
void json_text(json *writer, const char *name, const char *value);
void json_number(json *writer, const char *name, int64_t value);
void json_bool(json *writer, const char *name, bool value);
void json_null(json *writer, const char *name);

#endif
