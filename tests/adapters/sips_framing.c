/* Messages and keep-alives out of a stream, however it is cut.
 *
 * SPDX-License-Identifier: MIT */
#include "adapters/osip2/sips_framing.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "OPTIONS sip:a SIP/2.0\r\n"
#define ONE  HEAD "Content-Length: 3\r\n\r\nabc" /* 47 bytes */
#define NONE HEAD "l:0\r\n\r\n"                  /* 30 bytes */

enum { TRACE_SIZE = 256 };

/* What comes out: "47 " for a message of so many bytes, "ping ", "pong ", "broken". */
typedef struct stream_case {
    const char *name;
    bool accepted;
    const char *bytes;
    const char *events;
} stream_case;

static const stream_case streams[] = {
    {"nothing", true, "", ""},
    {"a message", true, ONE, "47 "},
    {"a compact header", true, NONE, "30 "},
    {"two messages", true, ONE NONE, "47 30 "},
    {"half a message", true, HEAD "Content-Length: 3\r\n\r\nab", ""},
    {"half a head", true, HEAD "Content-Length: 3\r\n", ""},
    {"blanks around the length", true, HEAD "Content-Length \t: \t 3 \t\r\n\r\nabc", "53 "},
    {"any case", true, HEAD "cOnTeNt-LeNgTh: 0\r\n\r\n", "44 "},
    {"an empty line in the body", true, HEAD "l: 6\r\n\r\na\r\n\r\nb", "37 "},
    {"a folded header with a length in it", true, HEAD "X: a\r\n Content-Length: 9\r\nl: 0\r\n\r\n",
     "57 "},
    {"a name that begins alike", true, HEAD "l: 0\r\nContent-Length-X: 9\r\nlx: 1\r\n\r\n", "59 "},
    /* keep-alives */
    {"a ping", true, "\r\n\r\n", "ping "},
    {"half a ping", true, "\r\n\r", ""},
    {"two pings", true, "\r\n\r\n\r\n\r\n", "ping ping "},
    {"pings around a message", true, "\r\n\r\n" ONE "\r\n\r\n" NONE, "ping 47 ping 30 "},
    {"CRLF before a message", true, "\r\n" ONE, "47 "},
    {"three CRLF before a message", true, "\r\n\r\n\r\n" ONE, "ping 47 "},
    {"a pong", false, "\r\n", "pong "},
    {"half a pong", false, "\r", ""},
    {"two pongs", false, "\r\n\r\n", "pong pong "},
    {"a pong between messages", false, ONE "\r\n" NONE "\r\n", "47 pong 30 pong "},
    /* what makes no sense */
    {"no length", true, HEAD "Via: x\r\n\r\n", "broken"},
    {"two lengths", true, HEAD "l: 0\r\nContent-Length: 0\r\n\r\n", "broken"},
    {"two lengths that differ", true, HEAD "l: 0\r\nl: 5\r\n\r\n", "broken"},
    {"an empty length", true, HEAD "l:\r\n\r\n", "broken"},
    {"a length below zero", true, HEAD "l: -1\r\n\r\n", "broken"},
    {"a length with a sign", true, HEAD "l: +1\r\n\r\n", "broken"},
    {"a hexadecimal length", true, HEAD "l: 0x10\r\n\r\n", "broken"},
    {"a length with a comma", true, HEAD "l: 1,1\r\n\r\n", "broken"},
    {"a length with a comment", true, HEAD "l: 1 (one)\r\n\r\n", "broken"},
    {"a folded length", true, HEAD "l: 1\r\n 2\r\n\r\n", "broken"},
    {"a length above the limit", true, HEAD "l: 262145\r\n\r\n", "broken"},
    {"a length that overflows", true, HEAD "l: 18446744073709551617\r\n\r\n", "broken"},
    {"a length that overflows 32 bits", true, HEAD "l: 4294967296\r\n\r\n", "broken"},
    {"a lone LF", true, "OPTIONS sip:a SIP/2.0\nl: 5\r\nl: 0\r\n\r\n", "broken"},
    {"a lone CR", true, HEAD "X: a\rl: 5\r\nl: 0\r\n\r\n", "broken"},
    {"a CR before the message", true, "\r" ONE, "broken"},
    {"a good message, then nonsense", true, ONE "GET / HTTP/1.1\r\n\r\n", "47 broken"},
};

static void add(char *trace, const char *event) {
    size_t len = strlen(trace);
    snprintf(trace + len, TRACE_SIZE - len, "%s", event);
}

static void add_number(char *trace, size_t number) {
    char text[32];
    snprintf(text, sizeof text, "%zu ", number);
    add(trace, text);
}

/* Takes out all there is; a message must be the bytes that went in. */
static bool drain(sips_stream *stream, const char *bytes, size_t *at, char *trace) {
    const char *message;
    size_t len;
    for (;;) {
        switch (sips_stream_next(stream, &message, &len)) {
        case SIPS_MORE:
            return true;
        case SIPS_MESSAGE: {
            const char *found = strstr(bytes + *at, "OPTIONS");
            add_number(trace, len);
            if (found == NULL || memcmp(found, message, len) != 0) {
                add(trace, "(not what went in)");
                return false;
            }
            *at = (size_t)(found - bytes) + len;
            break;
        }
        case SIPS_PING:
            add(trace, "ping ");
            break;
        case SIPS_PONG:
            add(trace, "pong ");
            break;
        case SIPS_BROKEN:
            add(trace, "broken");
            CHECK(stream->why != NULL, "it does not say why");
            return false;
        }
    }
}

static bool put(sips_stream *stream, const char *bytes, size_t len) {
    while (len > 0) {
        size_t room = 0;
        char *data = sips_stream_room(stream, &room);
        if (!CHECK(data != NULL && room > 0, "there is no room")) {
            return false;
        }
        size_t count = len < room ? len : room;
        memcpy(data, bytes, count);
        sips_stream_added(stream, count);
        bytes += count;
        len -= count;
    }
    return true;
}

/* The events when `bytes` come in pieces: one up to `cut`, then pieces of `step`. */
static void trace_of(const stream_case *expected, size_t cut, size_t step, char *trace) {
    sips_stream stream = {.accepted = expected->accepted};
    size_t len = strlen(expected->bytes), at = 0, given = 0;
    trace[0] = '\0';
    while (given < len) {
        size_t piece = given < cut ? cut - given : step;
        piece = piece < len - given ? piece : len - given;
        if (!put(&stream, expected->bytes + given, piece) ||
            !drain(&stream, expected->bytes, &at, trace)) {
            break;
        }
        given += piece;
    }
    sips_stream_free(&stream);
}

static void test_streams(void) {
    char trace[TRACE_SIZE];
    for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
        size_t len = strlen(streams[i].bytes);
        for (size_t cut = 0; cut <= len; cut++) {
            check_case("%s, cut at %zu", streams[i].name, cut);
            trace_of(&streams[i], cut, len + 1, trace);
            CHECK_TEXT("events", trace, streams[i].events);
        }
        check_case("%s, byte by byte", streams[i].name);
        trace_of(&streams[i], 0, 1, trace);
        CHECK_TEXT("events", trace, streams[i].events);
    }
}

/* A message of `body` bytes, with its head; the caller frees it. */
static char *make_message(size_t body, size_t *len) {
    char *message = malloc(body + 128);
    if (message == NULL) {
        abort();
    }
    int head = sprintf(message, HEAD "Content-Length: %zu\r\n\r\n", body);
    memset(message + head, 'x', body);
    *len = (size_t)head + body;
    return message;
}

static void test_sizes(void) {
    static const size_t bodies[] = {0, 1, 4000, 4096, 65535, 65536, 200000, SIPS_MESSAGE_MAX - 100};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        size_t len = 0, got = 0;
        char *bytes = make_message(bodies[i], &len);
        const char *message;
        sips_stream stream = {.accepted = true};
        check_case("a body of %zu bytes", bodies[i]);
        for (size_t at = 0; at < len; at += 1000) {
            CHECK(sips_stream_next(&stream, &message, &got) == SIPS_MORE, "it is whole too early");
            put(&stream, bytes + at, len - at < 1000 ? len - at : 1000);
        }
        CHECK(sips_stream_is_waiting(&stream), "it does not know that it has something");
        CHECK(sips_stream_next(&stream, &message, &got) == SIPS_MESSAGE, "it is not whole");
        CHECK_NUMBER("length", got, len);
        CHECK(got == len && memcmp(message, bytes, len) == 0, "it is not what went in");
        CHECK(sips_stream_next(&stream, &message, &got) == SIPS_MORE, "there is more");
        CHECK(stream.data == NULL, "it holds memory while it is empty");
        free(bytes);
    }
}

static void test_endless_head(void) {
    sips_stream stream = {.accepted = true};
    const char *message;
    size_t len, given = 0;
    sips_event event = SIPS_MORE;
    put(&stream, HEAD, strlen(HEAD));
    while (event == SIPS_MORE && given < 10 * SIPS_HEAD_MAX) {
        put(&stream, "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 34);
        given += 34;
        event = sips_stream_next(&stream, &message, &len);
    }
    CHECK_NUMBER("event", event, SIPS_BROKEN);
    CHECK(given <= SIPS_HEAD_MAX + 34, "it takes %zu bytes before it says so", given);
    CHECK(stream.size <= 4 * SIPS_HEAD_MAX, "it takes %zu bytes of memory", stream.size);
    CHECK(sips_stream_next(&stream, &message, &len) == SIPS_BROKEN, "it goes on");
    sips_stream_free(&stream);
}

static void test_nul(void) {
    static const char bytes[] = HEAD "X: a\0b\r\nl: 0\r\n\r\n", body[] = HEAD "l: 2\r\n\r\n\0\0";
    const char *message;
    size_t len;
    sips_stream stream = {.accepted = true}, other = {.accepted = true};
    put(&stream, bytes, sizeof bytes - 1);
    CHECK(sips_stream_next(&stream, &message, &len) == SIPS_BROKEN, "NUL in the head");
    put(&other, body, sizeof body - 1);
    CHECK(sips_stream_next(&other, &message, &len) == SIPS_MESSAGE, "NUL in the body");
    sips_stream_free(&stream);
    sips_stream_free(&other);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"streams, cut anywhere", test_streams},
        {"messages of all sizes", test_sizes},
        {"a head without end", test_endless_head},
        {"NUL", test_nul},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"framing", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
