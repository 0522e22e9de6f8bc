/* SPDX-License-Identifier: MIT */
#include "api/ini.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

/* --- Lines */

static bool is_blank(uint8_t byte) {
    return byte != '\0' && strchr(" \t\r\n\v\f", byte) != NULL;
}

static stls_bytes trim_end(stls_bytes text) {
    while (text.len > 0 && is_blank(text.data[text.len - 1])) {
        text.len--;
    }
    return text;
}

static stls_bytes skip(stls_bytes text, size_t count) {
    return (stls_bytes){text.data + count, text.len - count};
}

static stls_bytes trim(stls_bytes text) {
    while (text.len > 0 && is_blank(*text.data)) {
        text = skip(text, 1);
    }
    return trim_end(text);
}

/* Where one of `chars` or a comment begins; the length if neither does. */
static size_t find_end(stls_bytes text, const char *chars) {
    size_t at = 0;
    bool after_blank = false;
    while (at < text.len && strchr(chars, text.data[at]) == NULL &&
           !(after_blank && text.data[at] == ';')) {
        after_blank = is_blank(text.data[at++]);
    }
    return at;
}

static bool is_comment(stls_bytes text) {
    return text.len == 0 || *text.data == ';' || *text.data == '#';
}

const char *stls_ini_name_flaw(stls_bytes name) {
    if (name.len == 0 || name.len > STLS_INI_NAME_MAX) {
        return "the name of a profile has 1 to 49 characters";
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < ' ' || name.data[i] > '~' ||
            strchr("[]#;", (char)name.data[i]) != NULL) {
            return "the name of a profile is of ASCII characters, but not [ ] # ;";
        }
    }
    return trim(name).len != name.len ? "the name of a profile begins and ends with no blank"
                                      : NULL;
}

static void take_section(stls_ini *self, stls_ini_line *line) {
    stls_bytes name = skip(line->content, 1);
    size_t len = find_end(name, "]");
    if (line->content.data > line->whole.data && is_blank(line->content.data[-1])) {
        /* Behind a setting, inih takes it for more of that. */
        line->flaw = "[name] must stand at the begin of its line";
        return;
    }
    if (len == name.len || name.data[len] != ']') {
        line->flaw = "it is neither [name] nor setting = value nor a ; comment";
        return;
    }
    if (!is_comment(trim(skip(name, len + 1)))) {
        line->flaw = "something stands behind [name]; a comment begins with ;";
        return;
    }
    name.len = len;
    line->flaw = stls_ini_name_flaw(name);
    line->kind = line->flaw == NULL ? STLS_INI_SECTION : STLS_INI_FLAW;
    self->section = line->section = name;
    self->name = (stls_bytes){NULL, 0};
}

static void take_setting(stls_ini *self, stls_ini_line *line) {
    size_t len = find_end(line->content, "=:");
    if (len == line->content.len || line->content.data[len] == ';') {
        line->flaw = "it is neither [name] nor setting = value nor a ; comment";
        return;
    }
    stls_bytes value = skip(line->content, len + 1);
    value.len = find_end(value, "");
    line->kind = STLS_INI_SETTING;
    self->name = line->name = trim_end((stls_bytes){line->content.data, len});
    line->value = trim(value);
}

static void take_more(const stls_ini *self, stls_ini_line *line) {
    line->kind = STLS_INI_MORE;
    line->name = self->name;
    line->value = trim_end((stls_bytes){line->content.data, find_end(line->content, "")});
}

bool stls_ini_next(stls_ini *self, stls_ini_line *line) {
    if (self->at == self->text.len) {
        return false;
    }
    stls_bytes rest = skip(self->text, self->at);
    const uint8_t *end = memchr(rest.data, '\n', rest.len);
    size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len;
    *line = (stls_ini_line){.kind = STLS_INI_FLAW,
                            .number = ++self->number,
                            .whole = {rest.data, len + (end != NULL)},
                            .section = self->section};
    self->at += line->whole.len;
    stls_bytes text = {rest.data, len};
    if (memchr(text.data, '\0', text.len) != NULL) {
        line->flaw = "a NUL, which no text has";
        return true;
    }
    if (text.len > STLS_INI_LINE_MAX) {
        line->flaw =
            "it is longer than 198 bytes; ciphers, groups and schemes may go on in further "
            "lines that begin with a blank";
        return true;
    }
    if (line->number == 1 && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text = skip(text, 3);
    }
    line->content = trim(text);
    if (is_comment(line->content)) {
        line->kind = STLS_INI_NOTHING;
    } else if (self->name.len != 0 && is_blank(*text.data)) {
        take_more(self, line);
    } else if (*line->content.data == '[') {
        take_section(self, line);
    } else {
        take_setting(self, line);
    }
    return true;
}

static bool is_text(stls_bytes bytes, const char *text) {
    return bytes.len == strlen(text) &&
           (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

static bool is_in(const stls_ini_line *line, const char *section) {
    return line->kind != STLS_INI_NOTHING && is_text(line->section, section);
}

static bool is_of(const stls_ini_line *line, const char *section, const char *name) {
    return (line->kind == STLS_INI_SETTING || line->kind == STLS_INI_MORE) &&
           is_text(line->section, section) && is_text(line->name, name);
}

/* --- Writing */

typedef struct output {
    uint8_t *data;
    size_t len, room;
    const char *line_end;
    bool too_long;
} output;

/* What an edit can add: a value of 2 kB in lines. */
enum { ROOM_FOR_EDIT = 8192 };

static stls_result begin_output(stls_bytes text, output *out, stls_error *error) {
    const uint8_t *end = text.len != 0 ? memchr(text.data, '\n', text.len) : NULL;
    bool is_crlf = end != NULL && end > text.data && end[-1] == '\r';
    *out = (output){.data = stls_alloc(text.len + ROOM_FOR_EDIT, 1),
                    .room = text.len + ROOM_FOR_EDIT,
                    .line_end = is_crlf ? "\r\n" : "\n"};
    return out->data != NULL ? STLS_OK
                             : stls_fail(error, STLS_E_NO_MEMORY, "no memory to edit the profiles");
}

static void put(output *out, const void *data, size_t len) {
    if (len > out->room - out->len) {
        out->too_long = true;
    } else if (len != 0) {
        memcpy(out->data + out->len, data, len);
        out->len += len;
    }
}

static void put_text(output *out, const char *text) {
    put(out, text, strlen(text));
}

/* The file's last line may lack its end. */
static void end_line(output *out) {
    if (out->len != 0 && out->data[out->len - 1] != '\n') {
        put_text(out, out->line_end);
    }
}

static stls_result end_output(output *out, stls_bytes *edited, stls_error *error) {
    if (out->too_long) {
        stls_free(out->data);
        return stls_fail(error, STLS_E_LIMIT, "the value is too long for the file's lines");
    }
    *edited = (stls_bytes){out->data, out->len};
    return STLS_OK;
}

/* How much of `value` fits into `room`: all, or up to behind a ':'; 0: nothing. */
static size_t fitting(const char *value, size_t room) {
    size_t len = strlen(value);
    if (len <= room) {
        return len;
    }
    for (len = room; len > 0 && value[len - 1] != ':'; len--) {
    }
    return len;
}

static void put_value(output *out, stls_bytes head, const char *value, stls_bytes end) {
    static const char more[] = "    ";
    size_t len = fitting(value, STLS_INI_LINE_MAX - 1 - head.len);
    put(out, head.data, head.len);
    while (len != 0 && value[len] != '\0') {
        put(out, value, len);
        put_text(out, out->line_end);
        put_text(out, more);
        value += len;
        len = fitting(value, STLS_INI_LINE_MAX - sizeof more);
    }
    out->too_long = out->too_long || (len == 0 && *value != '\0');
    put(out, value, len);
    put(out, end.data, end.len);
}

static void put_new(output *out, const char *name, const char *value) {
    char head[STLS_INI_NAME_MAX + 4];
    stls_text text = stls_text_in(head, sizeof head);
    stls_text_add(&text, "%s = ", name);
    put_value(out, (stls_bytes){(const uint8_t *)head, text.len}, value,
              (stls_bytes){(const uint8_t *)out->line_end, strlen(out->line_end)});
}

/* Line `old` with another value; its comment goes above it if both do not fit into one line. */
static void put_changed(output *out, const stls_ini_line *old, const char *name,
                        const char *value) {
    const uint8_t *start = old->whole.data, *end = start + old->whole.len;
    const uint8_t *content_end = old->content.data + old->content.len;
    size_t head_len = find_end(old->content, "=:") + 1 + (size_t)(old->content.data - start);
    while (start + head_len < content_end && is_blank(start[head_len])) {
        head_len++;
    }
    const uint8_t *value_end = old->value.data + old->value.len;
    value_end = old->value.len == 0 ? start + head_len : value_end;
    stls_bytes tail = {value_end, (size_t)(content_end - value_end)};
    stls_bytes line_end = {content_end, (size_t)(end - content_end)};
    bool fits = head_len + 1 + strlen(value) + tail.len + line_end.len <= STLS_INI_LINE_MAX;
    if (!fits && tail.len != 0) {
        stls_bytes comment = trim(tail);
        put(out, comment.data, comment.len);
        put_text(out, out->line_end);
    }
    if (!fits) {
        put_new(out, name, value);
        return;
    }
    put(out, start, head_len);
    if (old->value.len == 0 && !is_blank(start[head_len - 1])) {
        put_text(out, " ");
    }
    put_text(out, value);
    put_text(out, tail.len != 0 && !is_blank(*tail.data) ? " " : "");
    put(out, tail.data, tail.len);
    put(out, line_end.data, line_end.len);
}

/* --- Editing */

/* The number of the first line of the setting; without one, of the last line of its section. */
static size_t find_place(stls_bytes text, const char *section, const char *name, bool *found) {
    stls_ini lines = {.text = text};
    stls_ini_line line;
    size_t last = 0;
    *found = false;
    while (stls_ini_next(&lines, &line)) {
        if (is_of(&line, section, name)) {
            *found = true;
            return line.number;
        }
        last = is_in(&line, section) ? line.number : last;
    }
    return last;
}

stls_result stls_ini_set(stls_bytes text, const char *section, const char *setting,
                         const char *value, stls_bytes *edited, stls_error *error) {
    stls_ini lines = {.text = text};
    stls_ini_line line;
    output out;
    bool found;
    size_t place = find_place(text, section, setting, &found);
    if (begin_output(text, &out, error) != STLS_OK) {
        return STLS_E_NO_MEMORY;
    }
    while (stls_ini_next(&lines, &line)) {
        bool is_here = line.number == place;
        if (is_here && found) {
            put_changed(&out, &line, setting, value);
        } else if (!is_of(&line, section, setting)) {
            put(&out, line.whole.data, line.whole.len);
        }
        if (is_here && !found) {
            end_line(&out);
            put_new(&out, setting, value);
        }
    }
    return end_output(&out, edited, error);
}

stls_result stls_ini_unset(stls_bytes text, const char *section, const char *setting,
                           stls_bytes *edited, stls_error *error) {
    stls_ini lines = {.text = text};
    stls_ini_line line;
    output out;
    if (begin_output(text, &out, error) != STLS_OK) {
        return STLS_E_NO_MEMORY;
    }
    while (stls_ini_next(&lines, &line)) {
        if (!is_of(&line, section, setting)) {
            put(&out, line.whole.data, line.whole.len);
        }
    }
    return end_output(&out, edited, error);
}

/* Whether a blank line would be one too many. */
static bool ends_blank(const output *out) {
    size_t at = out->len, ends = 0;
    while (at > 0 && is_blank(out->data[at - 1])) {
        ends += out->data[--at] == '\n';
    }
    return at == 0 || ends >= 2;
}

stls_result stls_ini_add_section(stls_bytes text, const char *section, stls_bytes *edited,
                                 stls_error *error) {
    output out;
    if (begin_output(text, &out, error) != STLS_OK) {
        return STLS_E_NO_MEMORY;
    }
    put(&out, text.data, text.len);
    end_line(&out);
    put_text(&out, ends_blank(&out) ? "" : out.line_end);
    put_text(&out, "[");
    put_text(&out, section);
    put_text(&out, "]");
    put_text(&out, out.line_end);
    return end_output(&out, edited, error);
}

stls_result stls_ini_remove_section(stls_bytes text, const char *section, stls_bytes *edited,
                                    stls_error *error) {
    stls_ini lines = {.text = text};
    stls_ini_line line;
    output out;
    size_t kept = 0; /* what was written when the last line of the section had passed */
    bool is_behind = false;
    if (begin_output(text, &out, error) != STLS_OK) {
        return STLS_E_NO_MEMORY;
    }
    while (stls_ini_next(&lines, &line)) {
        if (is_in(&line, section)) {
            kept = is_behind ? kept : out.len;
            out.len = kept; /* nor what stood before it, since the section began */
            is_behind = true;
            continue;
        }
        is_behind = is_behind && line.kind == STLS_INI_NOTHING;
        /* One blank line is enough where the section was. */
        if (!is_behind || line.content.len != 0 || !ends_blank(&out)) {
            put(&out, line.whole.data, line.whole.len);
        }
    }
    return end_output(&out, edited, error);
}
