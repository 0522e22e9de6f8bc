/* sips_framing.h - SIP messages out of a stream of bytes (RFC 3261 section 18.3), and the
 * keep-alives between them (RFC 5626 section 3.5.1).
 *
 * The model: bytes go in with sips_stream_room() and sips_stream_added(); sips_stream_next() takes
 * out one thing after the other. What makes a message end is its Content-Length, which a stream
 * needs (RFC 3261 section 20.14); nothing else of a message is looked at here, that is the parser's
 * work. A length that is missing, twice there, or no number ends the stream: nobody knows where the
 * next message begins.
 *
 * A stream holds no memory while nothing is in it, so that a thousand idle connections cost nothing
 * here. It knows nothing of TLS, sockets, or any SIP stack.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPS_FRAMING_H
#define SIPS_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SIPS_HEAD_MAX = 16 * 1024,     /* start line and headers, with the empty line */
    SIPS_MESSAGE_MAX = 256 * 1024, /* and the body */
};

typedef enum sips_event {
    SIPS_MORE = 0, /* nothing is complete: more bytes are needed */
    SIPS_MESSAGE,
    SIPS_PING,   /* CRLF CRLF, to be answered with CRLF. Only who accepted the connection gets it */
    SIPS_PONG,   /* CRLF. Only who opened the connection gets it */
    SIPS_BROKEN, /* the stream makes no sense: `why` says what; close the connection */
} sips_event;

typedef struct sips_stream {
    bool accepted;   /* set it: we accepted the connection, so CRLF CRLF is a ping */
    const char *why; /* SIPS_BROKEN: what is wrong; a constant */
    /* --- its own */
    char *data;
    size_t start, end, size; /* what is in it begins at `start` and ends before `end` */
    size_t searched;         /* so many bytes from `start` on hold no end of the head */
    size_t head;             /* length of the head; 0: its end has not come */
    size_t whole;            /* length of the message, if `head` is known */
} sips_stream;

/* Where to put up to `*room` > 0 more bytes; NULL: no memory. First take out what is complete. */
char *sips_stream_room(sips_stream *stream, size_t *room);

/* `len` bytes were put there. */
void sips_stream_added(sips_stream *stream, size_t len);

/* The next thing. With SIPS_MESSAGE, `*message` and `*len` are the whole message, valid until the
 * next call. */
sips_event sips_stream_next(sips_stream *stream, const char **message, size_t *len);

/* Whether a message has begun and not ended. */
bool sips_stream_is_waiting(const sips_stream *stream);

/* Empties it. */
void sips_stream_free(sips_stream *stream);

#endif
