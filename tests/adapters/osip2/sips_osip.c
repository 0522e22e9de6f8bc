/* Which flow an answer may come from. In the place of the transport stands one that does nothing.
 *
 * SPDX-License-Identifier: MIT */
#include "adapters/osip2/sips_osip.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OURS = 7, ANOTHERS = 8, MESSAGE_SIZE = 1024 };

static sips_handlers handlers;

sips_transport *sips_transport_new(stls_context *client, const sips_handlers *of,
                                   const sips_times *times) {
    static char place;
    (void)client, (void)times;
    handlers = *of;
    return (sips_transport *)(void *)&place;
}

void sips_transport_free(sips_transport *transport) {
    (void)transport;
}

sips_flow sips_transport_send(sips_transport *transport, const char *domain, int port,
                              const char *message, size_t len, stls_error *error) {
    (void)transport, (void)domain, (void)port, (void)message, (void)len, (void)error;
    return OURS;
}

bool sips_transport_answer(sips_transport *transport, sips_flow flow, const char *message,
                           size_t len) {
    (void)transport, (void)flow, (void)message, (void)len;
    return true;
}

size_t sips_transport_count(const sips_transport *transport) {
    (void)transport;
    return 0;
}

size_t sips_transport_poll(sips_transport *transport, struct pollfd *list, size_t capacity,
                           int *timeout_ms) {
    (void)transport, (void)list, (void)capacity;
    *timeout_ms = 0;
    return 0;
}

void sips_transport_handle(sips_transport *transport, const struct pollfd *list, size_t count) {
    (void)transport, (void)list, (void)count;
}

static int last_status; /* of the answers that an application was told of */

static void on_answer(int type, osip_transaction_t *transaction, osip_message_t *answer) {
    (void)type, (void)transaction;
    last_status = answer->status_code;
}

#define WHOSE                                                                                      \
    "Via: SIP/2.0/TLS a.test;branch=z9hG4bK1\r\nFrom: <sip:a@a.test>;tag=1\r\n"                    \
    "To: <sip:b@b.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"

static void answer_from(sips_osip *sip, sips_flow flow, int status) {
    char text[MESSAGE_SIZE];
    int len =
        snprintf(text, sizeof text, "SIP/2.0 %d It\r\n" WHOSE "Content-Length: 0\r\n\r\n", status);
    handlers.message(handlers.arg, flow, text, (size_t)len);
    sips_osip_turn(sip, 0);
}

static void test_answers(void) {
    static const char text[] =
        "OPTIONS sips:b.test SIP/2.0\r\n" WHOSE "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    sips_osip sip = {.arg = NULL};
    sips_times times = {0};
    osip_message_t *request = NULL;
    CHECK(sips_osip_init(&sip, NULL, &times), "no memory");
    osip_set_message_callback(sip.osip, OSIP_NICT_STATUS_2XX_RECEIVED, on_answer);
    osip_set_message_callback(sip.osip, OSIP_NICT_STATUS_4XX_RECEIVED, on_answer);
    CHECK(osip_message_init(&request) == OSIP_SUCCESS &&
              osip_message_parse(request, text, sizeof text - 1) == OSIP_SUCCESS &&
              sips_osip_request(&sip, request, NULL),
          "no request");
    sips_osip_turn(&sip, 0);
    answer_from(&sip, ANOTHERS, 403);
    CHECK_NUMBER("an answer of somebody else", last_status, 0);
    answer_from(&sip, OURS, 200);
    CHECK_NUMBER("an answer", last_status, 200);
    sips_osip_free(&sip);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {{"answers", test_answers}, {NULL, NULL}};
    static const test_suite suites[] = {{"osip2", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
