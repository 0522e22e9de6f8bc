/* registrar.h - a registrar as small as can be (RFC 3261 section 10), and answers to other
 * requests.
 *
 * The model: a message goes in, an answer comes out; nothing here knows of connections. Bindings
 * live in memory, for as long as they were asked for. There is no authentication but TLS's. An
 * address of record is compared as it is spelled, without its parameters.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_REGISTRAR_H
#define SIPTLS_TOOL_REGISTRAR_H

#include "message.h"

enum {
    REGISTRAR_URI_SIZE = 256,
    REGISTRAR_BINDINGS_MAX = 1000,
    REGISTRAR_CONTACTS_MAX = 16, /* of one address of record */
};

struct binding;

typedef struct registrar {
    struct binding *bindings;
    size_t count;
} registrar;

/* What was done, for a log; texts are printable ASCII. */
typedef struct registrar_note {
    char method[24],
        uri[REGISTRAR_URI_SIZE]; /* of the request; for REGISTER the address of record */
    int status;                  /* 0: no answer is due (ACK) */
    const char *reason;
    size_t bindings; /* REGISTER: how many the address of record has now */
} registrar_note;

/* Appends the answer to `request`, which came from `ip` and `port`, to `answer`. */
void registrar_answer(registrar *self, const sip_message *request, const char *ip, const char *port,
                      sip_text *answer, registrar_note *note);

void registrar_free(registrar *self);

#endif
