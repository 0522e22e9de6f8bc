/* SPDX-License-Identifier: MIT */
#include "phone.h"

#include <siptls/siptls.h>
#include <stdio.h>
#include <string.h>

enum { CLOSE_MS = 2000 };

sip_phone phone_on(stls_conn *conn, const char *scheme, const char *domain, const char *user) {
    sip_phone self = {.conn = conn, .scheme = scheme, .domain = domain, .user = user};
    net_random_digits(self.call_id, sizeof self.call_id - 1);
    net_random_digits(self.tag, sizeof self.tag - 1);
    return self;
}

void phone_free(sip_phone *phone) {
    sip_reader_free(&phone->reader);
}

stls_result phone_handshake(sip_phone *phone) {
    stls_result result;
    while ((result = stls_conn_handshake(phone->conn)) == STLS_WANT_READ ||
           result == STLS_WANT_WRITE) {
        /* A deadline that has passed is what the next call of the handshake reports. */
        (void)stls_conn_wait(phone->conn, result, -1);
    }
    return result;
}

/* --- Bytes, with a deadline */

static phone_outcome outcome_of(stls_result result) {
    return result == STLS_OK          ? PHONE_ANSWERED
           : result == STLS_E_TIMEOUT ? PHONE_SILENCE
                                      : PHONE_TLS;
}

static phone_outcome send_all(sip_phone *phone, const char *data, size_t len, int64_t deadline) {
    while (len > 0) {
        size_t done = 0;
        stls_result result = stls_conn_write(phone->conn, data, len, &done);
        if (result == STLS_OK) {
            data += done;
            len -= done;
            continue;
        }
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            result = stls_conn_wait(phone->conn, result, net_left(deadline));
        }
        if (result != STLS_OK) {
            return outcome_of(result);
        }
    }
    return PHONE_ANSWERED;
}

/* Also a server that sends without end is given up at the deadline. */
static phone_outcome receive_some(sip_phone *phone, int64_t deadline) {
    while (net_left(deadline) > 0) {
        size_t room, done = 0;
        char *data = sip_reader_room(&phone->reader, &room);
        if (data == NULL) {
            return PHONE_MEMORY;
        }
        stls_result result = stls_conn_read(phone->conn, data, room, &done);
        if (result == STLS_OK) {
            sip_reader_added(&phone->reader, done);
            return PHONE_ANSWERED;
        }
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            result = stls_conn_wait(phone->conn, result, net_left(deadline));
        }
        if (result != STLS_OK) {
            return outcome_of(result);
        }
    }
    return PHONE_SILENCE;
}

/* Waits for `wanted`; what else comes meanwhile (an answer to nothing, a server's own requests) is
 * dropped. */
static phone_outcome receive(sip_phone *phone, sip_event wanted, int64_t deadline,
                             sip_message *message) {
    for (;;) {
        sip_event event = sip_reader_next(&phone->reader, message);
        if (event == wanted) {
            return PHONE_ANSWERED;
        }
        if (event == SIP_BROKEN) {
            return PHONE_BROKEN;
        }
        if (event == SIP_NEED_MORE) {
            phone_outcome outcome = receive_some(phone, deadline);
            if (outcome != PHONE_ANSWERED) {
                return outcome;
            }
        }
    }
}

/* --- Requests */

static void write_request(sip_phone *phone, const char *method, sip_text *text) {
    const char *user = phone->user != NULL ? phone->user : "anonymous";
    char branch[17];
    bool registers = strcmp(method, "REGISTER") == 0;
    net_random_digits(branch, sizeof branch - 1);
    sip_text_add(text, "%s %s:%s SIP/2.0\r\n", method, phone->scheme, phone->domain);
    sip_text_add(text, "Via: SIP/2.0/TLS %s;branch=z9hG4bK%s;rport\r\n", phone->local, branch);
    sip_text_add(text, "Max-Forwards: 70\r\n");
    sip_text_add(text, "From: <%s:%s@%s>;tag=%s\r\n", phone->scheme, user, phone->domain,
                 phone->tag);
    if (registers) {
        sip_text_add(text, "To: <%s:%s@%s>\r\n", phone->scheme, user, phone->domain);
    } else {
        sip_text_add(text, "To: <%s:%s>\r\n", phone->scheme, phone->domain);
    }
    sip_text_add(text, "Call-ID: %s\r\nCSeq: %u %s\r\n", phone->call_id, ++phone->cseq, method);
    sip_text_add(text, "Contact: <%s:%s@%s>\r\n", phone->scheme, user, phone->local);
    if (registers) {
        sip_text_add(text, "Expires: %d\r\n", PHONE_REGISTER_SECONDS);
    } else {
        sip_text_add(text, "Accept: application/sdp\r\n");
    }
    sip_text_add(text, "User-Agent: siptls/%s\r\nContent-Length: 0\r\n\r\n", stls_version());
}

static bool is_answer_to(const sip_phone *phone, const char *method, const sip_message *message) {
    char cseq[64];
    sip_slice call_id, number;
    snprintf(cseq, sizeof cseq, "%u %s", phone->cseq, method);
    return !message->is_request && message->status >= 200 &&
           sip_message_header(message, "Call-ID", 0, &call_id) &&
           sip_slice_is(call_id, phone->call_id) &&
           sip_message_header(message, "CSeq", 0, &number) && sip_slice_is(number, cseq);
}

phone_outcome phone_ask(sip_phone *phone, const char *method, sip_message *answer) {
    int64_t deadline = net_now() + phone->timeout_ms;
    sip_text text = {.data = NULL};
    write_request(phone, method, &text);
    phone_outcome outcome =
        text.failed ? PHONE_MEMORY : send_all(phone, text.data, text.len, deadline);
    sip_text_free(&text);
    while (outcome == PHONE_ANSWERED) {
        outcome = receive(phone, SIP_MESSAGE, deadline, answer);
        if (outcome == PHONE_ANSWERED && is_answer_to(phone, method, answer)) {
            break;
        }
    }
    return outcome;
}

phone_outcome phone_ping(sip_phone *phone) {
    sip_message message;
    int64_t deadline = net_now() + phone->timeout_ms;
    phone_outcome outcome = send_all(phone, "\r\n\r\n", 4, deadline);
    return outcome == PHONE_ANSWERED ? receive(phone, SIP_PONG, deadline, &message) : outcome;
}

stls_result phone_close(sip_phone *phone) {
    int64_t deadline = net_now() + CLOSE_MS;
    char rest[1024];
    size_t done;
    stls_result result;
    while ((result = stls_conn_close(phone->conn)) == STLS_WANT_WRITE) {
        if (stls_conn_wait(phone->conn, result, net_left(deadline)) != STLS_OK) {
            return STLS_E_TIMEOUT;
        }
    }
    do { /* what the peer had sent before it saw our goodbye */
        result = stls_conn_read(phone->conn, rest, sizeof rest, &done);
        if (result == STLS_WANT_READ || result == STLS_WANT_WRITE) {
            result = stls_conn_wait(phone->conn, result, net_left(deadline));
        }
    } while (result == STLS_OK && net_left(deadline) > 0);
    return result == STLS_OK ? STLS_E_TIMEOUT : result;
}
