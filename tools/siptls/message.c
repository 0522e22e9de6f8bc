/* SPDX-License-Identifier: MIT */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- Slices */

bool sip_slice_is(sip_slice slice, const char *text) {
    return slice.len == strlen(text) && memcmp(slice.data, text, slice.len) == 0;
}

bool sip_slice_is_like(sip_slice slice, const char *text) {
    return slice.len == strlen(text) && strncasecmp(slice.data, text, slice.len) == 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

sip_slice sip_trim(sip_slice slice) {
    while (slice.len > 0 && is_blank(slice.data[0])) {
        slice.data++, slice.len--;
    }
    while (slice.len > 0 && is_blank(slice.data[slice.len - 1])) {
        slice.len--;
    }
    return slice;
}

/* Cuts the piece up to `separator` off the front of `*rest`, and the separator; false if there is
 * none. */
static bool cut(sip_slice *rest, char separator, sip_slice *piece) {
    const char *found = memchr(rest->data, separator, rest->len);
    if (found == NULL) {
        return false;
    }
    piece->data = rest->data;
    piece->len = (size_t)(found - rest->data);
    rest->data = found + 1;
    rest->len -= piece->len + 1;
    return true;
}

static bool is_token(sip_slice slice) {
    for (size_t i = 0; i < slice.len; i++) {
        char c = slice.data[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || strchr("-.!%*_+`'~", c) == NULL)) {
            return false;
        }
    }
    return slice.len > 0;
}

/* Digits only, at most `max`. */
bool sip_read_number(sip_slice slice, size_t max, size_t *number) {
    *number = 0;
    for (size_t i = 0; i < slice.len; i++) {
        if (slice.data[i] < '0' || slice.data[i] > '9') {
            return false;
        }
        *number = *number * 10 + (size_t)(slice.data[i] - '0');
        if (*number > max) {
            return false;
        }
    }
    return slice.len > 0;
}

/* --- The form of a message */

static const char *read_request_line(sip_slice line, sip_message *message) {
    message->is_request = true;
    if (!cut(&line, ' ', &message->method) || !cut(&line, ' ', &message->uri) ||
        !sip_slice_is_like(line, "SIP/2.0")) {
        return "the first line is not SIP";
    }
    return is_token(message->method) && message->uri.len > 0 ? NULL : "the first line is malformed";
}

static const char *read_start_line(sip_slice line, sip_message *message) {
    static const char version[] = "SIP/2.0 ";
    size_t len = sizeof version - 1, status;
    if (line.len < len || strncasecmp(line.data, version, len) != 0) {
        return read_request_line(line, message);
    }
    sip_slice rest = {line.data + len, line.len - len}, code;
    if (!cut(&rest, ' ', &code)) {
        code = rest;
        rest.len = 0;
    }
    if (code.len != 3 || !sip_read_number(code, 699, &status) || status < 100) {
        return "the status line is malformed";
    }
    message->status = (int)status;
    message->reason = rest;
    return NULL;
}

static sip_slice full_name(sip_slice name) {
    static const struct {
        char compact;
        const char *full;
    } names[] = {
        {'i', "Call-ID"},      {'m', "Contact"}, {'e', "Content-Encoding"}, {'l', "Content-Length"},
        {'c', "Content-Type"}, {'f', "From"},    {'s', "Subject"},          {'k', "Supported"},
        {'t', "To"},           {'v', "Via"}};
    for (size_t i = 0; name.len == 1 && i < sizeof names / sizeof names[0]; i++) {
        if ((name.data[0] | 0x20) == names[i].compact) {
            return (sip_slice){names[i].full, strlen(names[i].full)};
        }
    }
    return name;
}

static const char *read_header_line(sip_slice line, sip_message *message) {
    sip_slice name;
    if (!cut(&line, ':', &name) || !is_token(sip_trim(name))) {
        return "a header line is malformed";
    }
    if (message->header_count == SIP_HEADERS_MAX) {
        return "it has too many headers";
    }
    message->headers[message->header_count++] =
        (sip_header){full_name(sip_trim(name)), sip_trim(line)};
    return NULL;
}

/* Joins lines that go on with a blank, and refuses control characters. `head` ends with CRLF CRLF.
 */
static const char *clean_head(char *head, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)head[i];
        bool line_end = c == '\r' && i + 1 < len && head[i + 1] == '\n';
        if (line_end && i + 2 < len && is_blank(head[i + 2])) {
            head[i] = head[i + 1] = ' ';
        } else if (line_end) {
            i++;
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return "it has a control character";
        }
    }
    return NULL;
}

static const char *read_head(char *head, size_t len, sip_message *message) {
    *message = (sip_message){.status = 0};
    const char *why = clean_head(head, len);
    sip_slice rest = {head, len - 2}, line = {head, 0}; /* without the empty line */
    if (why == NULL) {
        (void)cut(&rest, '\r', &line);
        why = read_start_line(line, message);
    }
    while (why == NULL && rest.len > 1) {
        rest.data++, rest.len--; /* LF */
        (void)cut(&rest, '\r', &line);
        why = read_header_line(line, message);
    }
    return why;
}

static const char *read_length(const sip_message *message, size_t max, size_t *len) {
    sip_slice first, second;
    if (!sip_message_header(message, "Content-Length", 0, &first)) {
        return "it has no Content-Length, which it needs on TLS";
    }
    if (sip_message_header(message, "Content-Length", 1, &second)) {
        return "it has more than one Content-Length";
    }
    return sip_read_number(first, max, len) ? NULL : "its Content-Length is wrong or too large";
}

bool sip_message_header(const sip_message *message, const char *name, size_t index,
                        sip_slice *value) {
    for (size_t i = 0; i < message->header_count; i++) {
        if (sip_slice_is_like(message->headers[i].name, name) && index-- == 0) {
            *value = message->headers[i].value;
            return true;
        }
    }
    return false;
}

/* --- What stands in headers */

/* The first `separator` outside of quoted strings and <>; the end if there is none. */
static size_t find_outside(sip_slice slice, char separator) {
    bool quoted = false, angled = false;
    for (size_t i = 0; i < slice.len; i++) {
        char c = slice.data[i];
        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && !angled && c == separator) {
            return i;
        } else if (!quoted && (c == '<' || c == '>')) {
            angled = c == '<';
        }
    }
    return slice.len;
}

bool sip_next_element(sip_slice *rest, sip_slice *element) {
    if (rest->len == 0) {
        return false;
    }
    size_t len = find_outside(*rest, ','), skipped = len < rest->len ? len + 1 : len;
    *element = sip_trim((sip_slice){rest->data, len});
    rest->data += skipped;
    rest->len -= skipped;
    return true;
}

bool sip_read_address(sip_slice element, sip_slice *uri, sip_slice *parameters) {
    size_t open = find_outside(element, '<'), end;
    if (open < element.len) {
        const char *close = memchr(element.data + open, '>', element.len - open);
        if (close == NULL) {
            return false;
        }
        end = (size_t)(close - element.data);
        *uri = sip_trim((sip_slice){element.data + open + 1, end - open - 1});
        end++;
    } else {
        end = find_outside(element, ';');
        *uri = sip_trim((sip_slice){element.data, end});
    }
    *parameters = (sip_slice){element.data + end, element.len - end};
    return uri->len > 0;
}

bool sip_parameter(sip_slice parameters, const char *name, sip_slice *value) {
    size_t at = find_outside(parameters, ';');
    while (at < parameters.len) {
        parameters.data += at + 1;
        parameters.len -= at + 1;
        at = find_outside(parameters, ';');
        sip_slice item = sip_trim((sip_slice){parameters.data, at});
        size_t equals = find_outside(item, '=');
        if (sip_slice_is_like(sip_trim((sip_slice){item.data, equals}), name)) {
            size_t from = equals < item.len ? equals + 1 : item.len;
            *value = sip_trim((sip_slice){item.data + from, item.len - from});
            return true;
        }
    }
    return false;
}

/* --- The stream */

char *sip_reader_room(sip_reader *reader, size_t *room) {
    if (reader->buffer == NULL) {
        reader->buffer = malloc(SIP_MESSAGE_MAX);
        reader->start = reader->end = 0;
        if (reader->buffer == NULL) {
            return NULL;
        }
    }
    if (reader->start > 0) {
        memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    *room = SIP_MESSAGE_MAX - reader->end;
    return reader->buffer + reader->end;
}

void sip_reader_added(sip_reader *reader, size_t len) {
    reader->end += len;
}

void sip_reader_free(sip_reader *reader) {
    free(reader->buffer);
    reader->buffer = NULL;
    reader->start = reader->end = reader->searched = reader->wanted = 0;
}

static bool starts_with(const sip_reader *reader, const char *text, size_t len) {
    return reader->end - reader->start >= len &&
           memcmp(reader->buffer + reader->start, text, len) == 0;
}

/* A server cannot tell a CRLF from the first half of a ping before the next bytes come. */
static bool is_half_ping(const sip_reader *reader) {
    size_t len = reader->end - reader->start;
    return len < 4 && memcmp(reader->buffer + reader->start, "\r\n\r\n", len) == 0;
}

static sip_event next_keepalive(sip_reader *reader) {
    while (reader->end > reader->start && reader->buffer[reader->start] == '\r') {
        if (!reader->is_server && starts_with(reader, "\r\n", 2)) {
            reader->start += 2;
            return SIP_PONG;
        }
        if (reader->is_server && starts_with(reader, "\r\n\r\n", 4)) {
            reader->start += 4;
            return SIP_PING;
        }
        if (is_half_ping(reader) || !starts_with(reader, "\r\n", 2)) {
            break;
        }
        reader->start += 2; /* RFC 3261 section 7.5: CRLF before a message is ignored */
    }
    return SIP_NEED_MORE;
}

static sip_event broken(sip_reader *reader, const char *why) {
    reader->why = why;
    return SIP_BROKEN;
}

/* The length up to and including the empty line; 0: it has not come. */
static size_t find_head(sip_reader *reader) {
    const char *head = reader->buffer + reader->start;
    size_t len = reader->end - reader->start;
    for (size_t i = reader->searched; i + 4 <= len; i++) {
        if (head[i] == '\r' && memcmp(head + i, "\r\n\r\n", 4) == 0) {
            reader->searched = 0;
            return i + 4;
        }
    }
    reader->searched = len > 3 ? len - 3 : 0;
    return 0;
}

sip_event sip_reader_next(sip_reader *reader, sip_message *message) {
    if (reader->why != NULL) {
        return SIP_BROKEN;
    }
    if (reader->end > reader->start) {
        sip_event keepalive = next_keepalive(reader);
        if (keepalive != SIP_NEED_MORE) {
            return keepalive;
        }
    }
    if (reader->end == reader->start) {
        sip_reader_free(reader);
        return SIP_NEED_MORE;
    }
    size_t have = reader->end - reader->start, body_len = 0;
    if (is_half_ping(reader) || have < reader->wanted) {
        return SIP_NEED_MORE;
    }
    size_t head_len = find_head(reader);
    if (head_len == 0) {
        return have < SIP_MESSAGE_MAX ? SIP_NEED_MORE : broken(reader, "its headers are too long");
    }
    char *head = reader->buffer + reader->start;
    const char *why = read_head(head, head_len, message);
    if (why == NULL) {
        why = read_length(message, SIP_MESSAGE_MAX - head_len, &body_len);
    }
    if (why != NULL) {
        return broken(reader, why);
    }
    if (have - head_len < body_len) {
        reader->wanted = head_len + body_len;
        return SIP_NEED_MORE;
    }
    reader->wanted = 0;
    message->body = (sip_slice){head + head_len, body_len};
    reader->start += head_len + body_len;
    return SIP_MESSAGE;
}

bool sip_reader_is_waiting(const sip_reader *reader) {
    return reader->end > reader->start && !is_half_ping(reader);
}

/* --- Writing */

static bool make_room(sip_text *text, size_t len) {
    size_t wanted = text->len + len + 1;
    if (text->failed || wanted > SIP_MESSAGE_MAX) {
        text->failed = true;
        return false;
    }
    if (wanted > text->room) {
        size_t room = wanted < 1024 ? 1024 : wanted * 2;
        char *data = realloc(text->data, room);
        if (data == NULL) {
            text->failed = true;
            return false;
        }
        text->data = data;
        text->room = room;
    }
    return true;
}

void sip_text_add(sip_text *text, const char *format, ...) {
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (len < 0) {
        text->failed = true;
    } else if (make_room(text, (size_t)len)) {
        vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
        text->len += (size_t)len;
    }
    va_end(again);
}

void sip_text_add_slice(sip_text *text, sip_slice slice) {
    if (slice.len > 0 && make_room(text, slice.len)) {
        memcpy(text->data + text->len, slice.data, slice.len);
        text->len += slice.len;
        text->data[text->len] = '\0';
    }
}

void sip_text_free(sip_text *text) {
    free(text->data);
    *text = (sip_text){.data = NULL};
}
