/* SPDX-License-Identifier: MIT */
#include "sips_framing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_SIZE = 4096 };

/* --- Memory */

static size_t length(const sips_stream *stream) {
    return stream->end - stream->start;
}

void sips_stream_free(sips_stream *stream) {
    free(stream->data);
    stream->data = NULL;
    stream->start = stream->end = stream->size = 0;
    stream->searched = stream->head = stream->whole = 0;
}

char *sips_stream_room(sips_stream *stream, size_t *room) {
    if (stream->start > 0) {
        memmove(stream->data, stream->data + stream->start, length(stream));
        stream->end -= stream->start;
        stream->start = 0;
    }
    if (stream->end == stream->size) {
        size_t size = stream->size == 0 ? FIRST_SIZE : 2 * stream->size;
        char *data = realloc(stream->data, size); /* bounded by what sips_stream_next() lets in */
        if (data == NULL) {
            return NULL;
        }
        stream->data = data;
        stream->size = size;
    }
    *room = stream->size - stream->end;
    return stream->data + stream->end;
}

void sips_stream_added(sips_stream *stream, size_t len) {
    stream->end += len;
}

static void take(sips_stream *stream, size_t len) {
    stream->start += len;
    stream->searched = stream->head = stream->whole = 0;
}

static sips_event broken(sips_stream *stream, const char *why) {
    stream->why = why;
    return SIPS_BROKEN;
}

/* --- Between messages */

static bool begins_with(const sips_stream *stream, const char *text) {
    size_t len = strlen(text);
    return length(stream) >= len && memcmp(stream->data + stream->start, text, len) == 0;
}

/* Who accepted the connection cannot tell a CRLF from half a ping before the next bytes come. */
static bool is_part_of_ping(const sips_stream *stream) {
    return length(stream) < 4 &&
           memcmp(stream->data + stream->start, "\r\n\r\n", length(stream)) == 0;
}

/* SIPS_MORE: the bytes at the front are no keep-alive, or not yet. */
static sips_event next_keepalive(sips_stream *stream) {
    if (stream->accepted) {
        if (begins_with(stream, "\r\n\r\n")) {
            take(stream, 4);
            return SIPS_PING;
        }
        if (!is_part_of_ping(stream) && begins_with(stream, "\r\n")) {
            take(stream, 2); /* RFC 3261 section 7.5: CRLF before a message is ignored */
        }
    } else if (begins_with(stream, "\r\n")) {
        take(stream, 2);
        return SIPS_PONG;
    }
    return SIPS_MORE;
}

/* --- The head */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* If `line` is a Content-Length header, where its value begins; else NULL. */
static const char *length_value(const char *line, const char *end) {
    static const char *const names[] = {"Content-Length", "l"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i]);
        if ((size_t)(end - line) > len && strncasecmp(line, names[i], len) == 0) {
            const char *at = line + len;
            while (at < end && is_blank(*at)) {
                at++;
            }
            if (at < end && *at == ':') {
                return at + 1;
            }
        }
    }
    return NULL;
}

/* Digits with blanks around them, and no more than a message may have. */
static bool read_number(const char *at, const char *end, size_t *number) {
    while (at < end && is_blank(*at)) {
        at++;
    }
    while (end > at && is_blank(end[-1])) {
        end--;
    }
    const char *first = at;
    for (*number = 0; at < end && *at >= '0' && *at <= '9' && *number <= SIPS_MESSAGE_MAX; at++) {
        *number = *number * 10 + (size_t)(*at - '0');
    }
    return at == end && at > first && *number <= SIPS_MESSAGE_MAX;
}

/* The Content-Length of the head from `line` to `end`; what is wrong, or NULL. */
static const char *read_length(const char *line, const char *end, size_t *body) {
    bool found = false;
    for (const char *next; line < end; line = next) {
        const char *line_end = memchr(line, '\r', (size_t)(end - line));
        line_end = line_end == NULL ? end : line_end;
        next = end - line_end > 2 ? line_end + 2 : end;
        const char *value = length_value(line, line_end);
        if (value == NULL) {
            continue;
        }
        if (found) {
            return "a message has more than one Content-Length";
        }
        if (next < end && is_blank(*next)) {
            return "a Content-Length goes on in the next line";
        }
        if (!read_number(value, line_end, body)) {
            return "a Content-Length is no number, or too large";
        }
        found = true;
    }
    return found ? NULL : "a message has no Content-Length, which it needs on TLS";
}

/* A CR or LF alone, or a NUL, could make this reader and a parser see different lines. */
static bool has_odd_bytes(const char *head, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bool line_end = head[i] == '\r' && i + 1 < len && head[i + 1] == '\n';
        if (line_end) {
            i++;
        } else if (head[i] == '\r' || head[i] == '\n' || head[i] == '\0') {
            return true;
        }
    }
    return false;
}

/* The length up to and including the empty line; 0: it has not come. */
static size_t find_head(sips_stream *stream) {
    const char *data = stream->data + stream->start;
    for (size_t i = stream->searched; i + 4 <= length(stream); i++) {
        if (memcmp(data + i, "\r\n\r\n", 4) == 0) {
            return i + 4;
        }
    }
    stream->searched = length(stream) > 3 ? length(stream) - 3 : 0;
    return 0;
}

static sips_event read_head(sips_stream *stream) {
    size_t head = find_head(stream), body = 0;
    if (head > SIPS_HEAD_MAX || (head == 0 && length(stream) >= SIPS_HEAD_MAX)) {
        return broken(stream, "the headers of a message are too long");
    }
    if (head == 0) {
        return SIPS_MORE;
    }
    const char *data = stream->data + stream->start;
    if (has_odd_bytes(data, head)) {
        return broken(stream, "the headers of a message hold a lone CR or LF, or a NUL");
    }
    const char *why = read_length(data, data + head - 2, &body);
    if (why == NULL && body > SIPS_MESSAGE_MAX - head) {
        why = "a message is too long";
    }
    if (why != NULL) {
        return broken(stream, why);
    }
    stream->head = head;
    stream->whole = head + body;
    return SIPS_MORE;
}

/* --- The stream */

sips_event sips_stream_next(sips_stream *stream, const char **message, size_t *len) {
    if (stream->why != NULL) {
        return SIPS_BROKEN;
    }
    if (stream->head == 0) {
        while (length(stream) > 0 && stream->data[stream->start] == '\r' &&
               !(stream->accepted && is_part_of_ping(stream))) {
            size_t before = length(stream);
            sips_event event = next_keepalive(stream);
            if (event != SIPS_MORE) {
                return event;
            }
            if (length(stream) == before) {
                break; /* a CR without LF: part of the head, which refuses it */
            }
        }
        if (length(stream) == 0) {
            sips_stream_free(stream);
            return SIPS_MORE;
        }
        sips_event event = read_head(stream);
        if (event != SIPS_MORE || stream->head == 0) {
            return event;
        }
    }
    if (length(stream) < stream->whole) {
        return SIPS_MORE;
    }
    *message = stream->data + stream->start;
    *len = stream->whole;
    take(stream, stream->whole);
    return SIPS_MESSAGE;
}

bool sips_stream_is_waiting(const sips_stream *stream) {
    return length(stream) > 0 && !is_part_of_ping(stream);
}
