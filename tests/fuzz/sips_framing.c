/* The framing of a SIP stream on any bytes, in pieces that the first bytes choose: what comes out
 * is the same as in one piece, lies inside what went in, and ends where its Content-Length says.
 *
 * SPDX-License-Identifier: MIT */
#include "adapters/osip2/sips_framing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TRACE_MAX = 4096 };

typedef struct trace {
    size_t at[TRACE_MAX]; /* the length of each message; 0: something else */
    sips_event event[TRACE_MAX];
    size_t count;
} trace;

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_message(const char *message, size_t len) {
    static const char end[] = "\r\n\r\n";
    must(len >= 4 && len <= SIPS_MESSAGE_MAX);
    must(memmem(message, len, end, 4) != NULL);
}

/* False: it is broken. */
static bool drain(sips_stream *stream, trace *trace) {
    const char *message = NULL;
    size_t len = 0;
    sips_event event;
    while ((event = sips_stream_next(stream, &message, &len)) != SIPS_MORE) {
        if (event == SIPS_MESSAGE) {
            check_message(message, len);
        }
        if (trace->count < TRACE_MAX) {
            trace->event[trace->count] = event;
            trace->at[trace->count++] = event == SIPS_MESSAGE ? len : 0;
        }
        if (event == SIPS_BROKEN) {
            must(stream->why != NULL);
            return false;
        }
    }
    return true;
}

static void run(const uint8_t *data, size_t size, bool accepted, size_t step, trace *trace) {
    sips_stream stream = {.accepted = accepted};
    trace->count = 0;
    for (size_t at = 0; at < size;) {
        size_t room = 0;
        char *to = sips_stream_room(&stream, &room);
        must(to != NULL && room > 0);
        size_t len = size - at < step ? size - at : step;
        len = len < room ? len : room;
        memcpy(to, data + at, len);
        sips_stream_added(&stream, len);
        at += len;
        if (!drain(&stream, trace)) {
            break;
        }
        must(stream.size <= 2 * (size_t)SIPS_MESSAGE_MAX);
    }
    sips_stream_free(&stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static trace whole, pieces;
    if (size < 2) {
        return 0;
    }
    bool accepted = (data[0] & 1) != 0;
    size_t step = data[1] == 0 ? 1 : data[1];
    run(data + 2, size - 2, accepted, size, &whole);
    run(data + 2, size - 2, accepted, step, &pieces);
    must(whole.count == pieces.count);
    must(memcmp(whole.at, pieces.at, whole.count * sizeof whole.at[0]) == 0);
    must(memcmp(whole.event, pieces.event, whole.count * sizeof whole.event[0]) == 0);
    return 0;
}
