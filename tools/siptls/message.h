/* message.h - as much of SIP's form as the siptls command needs (RFC 3261 sections 7 and 18.3).
 *
 * The model: bytes from a connection go into a sip_reader; sip_reader_next() takes out one message
 * after the other, framed by Content-Length, and the keep-alives between them (RFC 5626
 * section 3.5.1). Messages are slices of the reader's buffer, valid until the next call. What
 * breaks the form ends the stream: after a wrong length nobody knows where the next message begins.
 *
 * Messages are written with a sip_text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_MESSAGE_H
#define SIPTLS_TOOL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    SIP_MESSAGE_MAX = 64 * 1024, /* start line, headers and body */
    SIP_HEADERS_MAX = 128,
};

typedef struct sip_slice {
    const char *data;
    size_t len;
} sip_slice;

typedef struct sip_header {
    sip_slice name,
        value; /* compact names are written out; the value is without blanks around it */
} sip_header;

typedef struct sip_message {
    bool is_request;
    sip_slice method, uri; /* a request's */
    int status;            /* a response's, 100 to 699 */
    sip_slice reason;
    sip_header headers[SIP_HEADERS_MAX];
    size_t header_count;
    sip_slice body;
} sip_message;

typedef enum sip_event {
    SIP_NEED_MORE,
    SIP_MESSAGE,
    SIP_PING, /* two CRLF: to be answered with one. Only a server gets it */
    SIP_PONG, /* one CRLF. Only a client gets it */
    SIP_BROKEN,
} sip_event;

typedef struct sip_reader {
    bool is_server;
    char *buffer;      /* SIP_MESSAGE_MAX bytes, as long as something is in it */
    size_t start, end; /* what has come and was not taken out yet */
    size_t searched;   /* so many bytes from `start` hold no end of the headers */
    size_t wanted;     /* the length of the message that is coming; 0: not known */
    const char *why;   /* what is broken */
} sip_reader;

/* Where to put up to `*room` more bytes; NULL if there is no memory. What was put there is told
 * with sip_reader_added(). `*room` is 0 only if the caller does not take out what is complete. */
char *sip_reader_room(sip_reader *reader, size_t *room);
void sip_reader_added(sip_reader *reader, size_t len);

/* The next thing in the stream; `message` is filled for SIP_MESSAGE. */
sip_event sip_reader_next(sip_reader *reader, sip_message *message);

/* Whether part of a message has come, and the rest has not. */
bool sip_reader_is_waiting(const sip_reader *reader);
void sip_reader_free(sip_reader *reader);

/* Header number `index` (from 0) of those called `name`; false behind the last. */
bool sip_message_header(const sip_message *message, const char *name, size_t index,
                        sip_slice *value);

/* Takes the next of the elements of `*rest`, which commas separate outside of quotes and <>; false
 * at the end. */
bool sip_next_element(sip_slice *rest, sip_slice *element);

/* Takes apart "Alice" <sip:alice@a.example;lr>;expires=60: the URI, and the parameters behind it.
 * False if it is malformed. */
bool sip_read_address(sip_slice element, sip_slice *uri, sip_slice *parameters);

/* Whether `parameters` (";a=b;c") has `name`; and its value, which is empty, but stands behind the
 * name, if there is none. */
bool sip_parameter(sip_slice parameters, const char *name, sip_slice *value);

bool sip_read_number(sip_slice slice, size_t max, size_t *number); /* decimal digits only */
bool sip_slice_is(sip_slice slice, const char *text);              /* exactly */
bool sip_slice_is_like(sip_slice slice, const char *text);         /* without regard to case */
sip_slice sip_trim(sip_slice slice);

/* A text that grows up to SIP_MESSAGE_MAX; `failed` is set when it would not fit or memory ran out.
 */
typedef struct sip_text {
    char *data;
    size_t len, room;
    bool failed;
} sip_text;

void sip_text_add(sip_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sip_text_add_slice(sip_text *text, sip_slice slice);
void sip_text_free(sip_text *text);

#endif
