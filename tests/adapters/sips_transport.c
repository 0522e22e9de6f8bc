/* Flows between two transports in one process, over loopback: whose they are, how they live and
 * end. Each test runs on every backend of the build.
 *
 * SPDX-License-Identifier: MIT */
#include "adapters/osip2/sips_transport.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, LIST_MAX = 64 };

/* One transport, what it is made of, and what it has seen. */
typedef struct side {
    sips_transport *transport;
    stls_context *client, *server;
    int listener; /* -1: nobody can call it */
    sips_address address;
    const sips_address *found[2]; /* where every domain is found; NULL: nowhere */

    int messages, opened, closed;
    sips_flow message_flow, opened_flow, closed_flow;
    size_t message_len;
    stls_result error;
    int status, waits_ms;
} side;

static const stls_backend *backend;

/* --- Making one */

static void on_message(void *arg, sips_flow flow, const char *message, size_t len) {
    side *self = arg;
    (void)message;
    self->messages++;
    self->message_flow = flow;
    self->message_len = len;
}

static void on_opened(void *arg, sips_flow flow, const char *domain) {
    side *self = arg;
    (void)domain;
    self->opened++;
    self->opened_flow = flow;
}

static void on_closed(void *arg, sips_flow flow, const char *domain, const stls_error *error,
                      const stls_sip_answer *answer, int waits_ms) {
    side *self = arg;
    (void)domain;
    self->closed++;
    self->closed_flow = flow;
    self->error = error->result;
    self->status = answer->status;
    self->waits_ms = waits_ms;
}

static size_t on_locate(void *arg, const char *domain, int port, sips_address *list) {
    side *self = arg;
    size_t count = 0;
    (void)domain;
    (void)port;
    for (size_t i = 0; i < 2 && self->found[i] != NULL; i++) {
        list[count++] = *self->found[i];
    }
    return count;
}

static stls_context *make_context(stls_role role, const char *cert, stls_verify_mode verify) {
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.text = ""};
    stls_trust *trust = pki_trust("root");
    stls_credential *credential = cert != NULL ? pki_credential(backend, cert) : NULL;
    bool good = stls_profile_new(backend, role, &profile, &error) == STLS_OK &&
                stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
                stls_profile_set_verify(profile, verify, &error) == STLS_OK &&
                stls_profile_set_credential(profile, credential, &error) == STLS_OK &&
                stls_context_new(profile, &context, &error) == STLS_OK;
    CHECK(good, "no context: %s", error.text);
    stls_profile_free(profile);
    stls_credential_free(credential);
    stls_trust_free(trust);
    return context;
}

static void start_listening(side *self) {
    struct sockaddr_in *at = (struct sockaddr_in *)&self->address.at;
    self->address.len = sizeof *at;
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at->sin_port = 0;
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bool good = self->listener >= 0 &&
                bind(self->listener, (struct sockaddr *)at, sizeof *at) == 0 &&
                listen(self->listener, 16) == 0 &&
                getsockname(self->listener, (struct sockaddr *)at, &self->address.len) == 0;
    CHECK(good, "it cannot listen");
}

/* An address where nobody listens. */
static sips_address dead_address(void) {
    side other = {.listener = -1};
    start_listening(&other);
    close(other.listener);
    return other.address;
}

static sips_times quick(void) {
    sips_times times = sips_transport_defaults();
    times.ping_ms = 0;
    times.close_ms = 500;
    return times;
}

/* `cert`: what it shows as a server and as a client; NULL: it is only a client, without any. */
static void begin(side *self, const char *cert, stls_verify_mode verify, const sips_times *times) {
    sips_handlers handlers = {.arg = self,
                              .message = on_message,
                              .opened = on_opened,
                              .closed = on_closed,
                              .locate = on_locate};
    sips_times own = times != NULL ? *times : quick();
    *self = (side){.listener = -1};
    self->client = make_context(STLS_ROLE_CLIENT, cert, STLS_VERIFY_REQUIRED);
    self->transport = sips_transport_new(self->client, &handlers, &own);
    if (cert != NULL) {
        self->server = make_context(STLS_ROLE_SERVER, cert, verify);
        start_listening(self);
    }
}

static void end(side *self) {
    sips_transport_free(self->transport);
    stls_context_free(self->client);
    stls_context_free(self->server);
    if (self->listener >= 0) {
        close(self->listener);
    }
}

/* --- Running */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void take_callers(side *self) {
    int fd;
    stls_error error;
    while (self->listener >= 0 && (fd = accept(self->listener, NULL, NULL)) >= 0) {
        CHECK(sips_transport_accept(self->transport, self->server, fd, &error) != 0, "%s",
              error.text);
    }
}

/* One turn of the loop of several, at most 20 ms. */
static void turn(side *const *sides, size_t count) {
    struct pollfd list[2 * LIST_MAX];
    size_t used[4] = {0}, total = 0;
    int timeout = 20;
    for (size_t i = 0; i < count; i++) {
        take_callers(sides[i]);
        used[i] = sips_transport_poll(sides[i]->transport, list + total, LIST_MAX, &timeout);
        total += used[i];
    }
    (void)poll(list, (nfds_t)total, timeout);
    total = 0;
    for (size_t i = 0; i < count; i++) {
        sips_transport_handle(sides[i]->transport, list + total, used[i]);
        total += used[i];
    }
}

/* Until `*counter` is at least `wanted`. `other` may be NULL: it does not run then. */
static bool run_until(side *one, side *other, const int *counter, int wanted) {
    side *sides[] = {one, other};
    int64_t give_up = now_ms() + PATIENCE_MS;
    while (*counter < wanted && now_ms() < give_up) {
        turn(sides, other != NULL ? 2 : 1);
    }
    return *counter >= wanted;
}

static const char message[] = "OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n";

static sips_flow send_to(side *self, const char *domain, int port) {
    stls_error error = {.text = ""};
    return sips_transport_send(self->transport, domain, port, message, sizeof message - 1, &error);
}

/* --- Tests: bytes */

static void test_messages(void) {
    static const size_t sizes[] = {0, 100, 16384, 65536, 200000};
    side phone, server;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    phone.found[0] = &server.address;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = calloc(1, sizes[i] + 128);
        size_t len =
            (size_t)sprintf(text, "MESSAGE sip:a SIP/2.0\r\nl: %zu\r\n\r\n", sizes[i]) + sizes[i];
        stls_error error = {.text = ""};
        check_case("%s, a body of %zu bytes", stls_backend_name(backend), sizes[i]);
        CHECK(sips_transport_send(phone.transport, "example.test", 0, text, len, &error) == 1,
              "not on the first flow: %s", error.text);
        CHECK(run_until(&phone, &server, &server.messages, (int)i + 1), "it does not arrive");
        CHECK_NUMBER("length", server.message_len, len);
        CHECK(sips_transport_answer(server.transport, server.message_flow, text, len), "no answer");
        CHECK(run_until(&phone, &server, &phone.messages, (int)i + 1),
              "its answer does not arrive");
        CHECK_NUMBER("length of the answer", phone.message_len, len);
        free(text);
    }
    CHECK_NUMBER("flows of the phone", sips_transport_count(phone.transport), 1);
    sips_transport_close(phone.transport, 1);
    CHECK(run_until(&phone, &server, &server.closed, 1), "the server does not see the end");
    CHECK_RESULT("the end", server.error, STLS_CLOSED, NULL);
    CHECK(
        !sips_transport_answer(server.transport, server.message_flow, message, sizeof message - 1),
        "an answer goes to a flow that is gone");
    CHECK_NUMBER("the phone's handler", phone.closed, 0);
    end(&phone);
    end(&server);
}

static void test_nonsense(void) {
    static const char *const texts[] = {"GET / HTTP/1.1\r\n\r\n",
                                        "OPTIONS sip:a SIP/2.0\r\nl: 9999999\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        side phone, server;
        stls_error error;
        begin(&server, "server", STLS_VERIFY_NONE, NULL);
        begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
        phone.found[0] = &server.address;
        check_case("%s, nonsense %zu", stls_backend_name(backend), i);
        (void)sips_transport_send(phone.transport, "example.test", 0, texts[i], strlen(texts[i]),
                                  &error);
        CHECK(run_until(&phone, &server, &server.closed, 1), "the server bears it");
        CHECK_RESULT("the server's reason", server.error, STLS_E_PROTOCOL, NULL);
        CHECK_NUMBER("messages", server.messages, 0);
        end(&phone);
        end(&server);
    }
}

static void test_half_a_message(void) {
    side phone, server;
    stls_error error;
    sips_times times = quick();
    times.message_ms = 100;
    begin(&server, "server", STLS_VERIFY_NONE, &times);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    phone.found[0] = &server.address;
    (void)sips_transport_send(phone.transport, "example.test", 0, message, sizeof message - 5,
                              &error);
    CHECK(run_until(&phone, &server, &server.closed, 1), "the server waits for ever");
    CHECK_RESULT("the reason", server.error, STLS_E_PROTOCOL, NULL);
    end(&phone);
    end(&server);
}

/* --- Tests: whose a flow is */

static void test_one_server_of_two_domains(void) {
    side phone, server;
    begin(&server, "san-300", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    phone.found[0] = &server.address;
    CHECK_NUMBER("the first flow", send_to(&phone, "example.test", 0), 1);
    CHECK(!sips_transport_proves(phone.transport, 1, "example.test"),
          "proved before the handshake");
    CHECK(run_until(&phone, &server, &server.messages, 1), "no message");
    CHECK(sips_transport_proves(phone.transport, 1, "N7.OTHER.test"),
          "the certificate's name counts");
    CHECK(!sips_transport_proves(phone.transport, 1, "n999.other.test"),
          "a name that is not there");
    CHECK(!sips_transport_proves(phone.transport, 1, "other.test"), "the end of a name");
    CHECK_NUMBER("the same domain", send_to(&phone, "Example.TEST", 0), 1);
    CHECK_NUMBER("the other domain", send_to(&phone, "n7.other.test", 0), 1);
    CHECK(send_to(&phone, "n7.other.test", 5061) != 1, "a port names a server of its own");
    sips_flow refused = send_to(&phone, "n999.other.test", 0);
    CHECK(refused > 1, "a domain that was not proved goes over the flow that is there");
    CHECK(run_until(&phone, &server, &phone.closed, 1),
          "a server that proves another name is taken");
    CHECK_NUMBER("the flow that ended", phone.closed_flow, refused);
    CHECK_RESULT("why", phone.error, STLS_E_VERIFY, NULL);
    CHECK_NUMBER("for SIP", phone.status, 503);
    CHECK_NUMBER("another try", phone.waits_ms, -1);
    end(&phone);
    end(&server);
}

static void test_two_servers_of_one_domain(void) {
    side phone, server;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    sips_address dead = dead_address();
    phone.found[0] = &dead;
    phone.found[1] = &server.address;
    CHECK_NUMBER("flow", send_to(&phone, "example.test", 0), 1);
    CHECK(run_until(&phone, &server, &server.messages, 1), "the second address is not tried");
    CHECK_NUMBER("failures", phone.closed, 0);
    end(&phone);
    end(&server);
}

/* A server of the domain that shows a bad certificate is no reason to ask the next one. */
static void test_no_next_server_after_a_bad_certificate(void) {
    side phone, wrong, good;
    begin(&wrong, "wrong-domain", STLS_VERIFY_NONE, NULL);
    begin(&good, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    phone.found[0] = &wrong.address;
    phone.found[1] = &good.address;
    (void)send_to(&phone, "example.test", 0);
    CHECK(run_until(&phone, &wrong, &phone.closed, 1), "it does not end");
    CHECK_RESULT("why", phone.error, STLS_E_VERIFY, NULL);
    end(&phone);
    end(&wrong);
    end(&good);
}

/* The server wants to call "example.test", and somebody is connected to it already. */
static void test_flows_that_were_accepted(void) {
    static const struct {
        const char *cert;
        stls_verify_mode verify;
        bool reused;
    } cases[] = {{"peer-both", STLS_VERIFY_REQUIRED, true},
                 {"peer-both", STLS_VERIFY_OPTIONAL, true},
                 {NULL, STLS_VERIFY_OPTIONAL, false},
                 {"phone", STLS_VERIFY_REQUIRED, false},           /* alice.example.test */
                 {"phone-other", STLS_VERIFY_OPTIONAL_ANY, false}, /* an unknown CA */
                 {"expired", STLS_VERIFY_OPTIONAL_ANY, false},
                 {"peer-both", STLS_VERIFY_NONE, false}}; /* never asked for */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        side phone, server;
        begin(&server, "server", cases[i].verify, NULL);
        begin(&phone, cases[i].cert, STLS_VERIFY_NONE, NULL);
        phone.found[0] = &server.address;
        check_case("%s, a peer with %s, case %zu", stls_backend_name(backend),
                   cases[i].cert != NULL ? cases[i].cert : "nothing", i);
        (void)send_to(&phone, "example.test", 0);
        CHECK(run_until(&phone, &server, &server.messages, 1), "it does not get in");
        sips_flow back = send_to(&server, "example.test", 0);
        CHECK_NUMBER("goes back over the same flow", back == server.message_flow, cases[i].reused);
        int *counter = cases[i].reused ? &phone.messages : &server.closed;
        CHECK(run_until(&phone, &server, counter, 1), "what is sent back gets lost");
        end(&phone);
        end(&server);
    }
}

static void test_a_new_context(void) {
    side phone, server;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, NULL);
    phone.found[0] = &server.address;
    CHECK_NUMBER("flow", send_to(&phone, "example.test", 0), 1);
    CHECK(run_until(&phone, &server, &server.messages, 1), "no message");
    stls_context *renewed = make_context(STLS_ROLE_CLIENT, NULL, STLS_VERIFY_REQUIRED);
    sips_transport_set_context(phone.transport, renewed);
    stls_context_free(renewed);
    CHECK_NUMBER("flow of the new context", send_to(&phone, "example.test", 0), 2);
    CHECK(run_until(&phone, &server, &server.messages, 2), "no second message");
    CHECK(sips_transport_answer(server.transport, 1, message, sizeof message - 1),
          "the old flow is gone");
    CHECK(run_until(&phone, &server, &phone.messages, 1), "the old flow is disturbed");
    CHECK_NUMBER("ends", phone.closed, 0);
    end(&phone);
    end(&server);
}

/* --- Tests: keep-alives, and the way back */

static void test_pings(void) {
    side phone, server;
    sips_times times = quick();
    times.ping_ms = 20;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, &times);
    phone.found[0] = &server.address;
    (void)send_to(&phone, "example.test", 0);
    CHECK(run_until(&phone, &server, &server.messages, 1), "no message");
    side *both[] = {&phone, &server};
    for (int64_t until = now_ms() + 500; now_ms() < until;) {
        turn(both, 2);
    }
    CHECK_NUMBER("ends while pings are answered", phone.closed + server.closed, 0);
    end(&phone);
    end(&server);
}

static void test_a_server_that_does_not_answer_pings(void) {
    side phone, server;
    sips_times times = quick();
    times.ping_ms = 50;
    times.pong_ms = 100;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, &times);
    phone.found[0] = &server.address;
    (void)send_to(&phone, "example.test", 0);
    CHECK(run_until(&phone, &server, &server.messages, 1), "no message");
    CHECK(run_until(&phone, NULL, &phone.closed, 1), "it waits for ever"); /* the server stands */
    CHECK_RESULT("why", phone.error, STLS_EOF, NULL);
    end(&phone);
    end(&server);
}

static void test_back_off(void) {
    static const int most[] = {200, 400, 800, 1000, 1000};
    side phone;
    sips_times times = quick();
    times.retry_base_ms = 100;
    times.retry_max_ms = 1000;
    begin(&phone, NULL, STLS_VERIFY_NONE, &times);
    sips_address dead = dead_address();
    phone.found[0] = &dead;
    stls_error error;
    sips_flow flow = sips_transport_keep(phone.transport, "example.test", 0, &error);
    for (int i = 0; i < (int)(sizeof most / sizeof most[0]); i++) {
        CHECK(run_until(&phone, NULL, &phone.closed, i + 1), "failure %d does not come", i + 1);
        CHECK(phone.waits_ms >= most[i] / 2 && phone.waits_ms <= most[i],
              "failure %d waits for %d ms, not %d to %d", i + 1, phone.waits_ms, most[i] / 2,
              most[i]);
        CHECK_NUMBER("a message meanwhile", send_to(&phone, "example.test", 0), 0);
    }
    CHECK_NUMBER("the flow keeps its number", phone.closed_flow, flow);
    end(&phone);
}

static void test_the_way_back(void) {
    side phone, server;
    sips_times times = quick();
    times.retry_base_ms = 50;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, &times);
    phone.found[0] = &server.address;
    stls_error error;
    sips_flow flow = sips_transport_keep(phone.transport, "example.test", 0, &error);
    CHECK_NUMBER("messages go over it", send_to(&phone, "example.test", 0), flow);
    CHECK(run_until(&phone, &server, &server.messages, 1), "no message");
    (void)sips_transport_answer(server.transport, server.message_flow, message, sizeof message - 1);
    CHECK(run_until(&phone, &server, &phone.messages, 1), "no answer");
    sips_transport_close(server.transport, server.message_flow);
    CHECK(run_until(&phone, &server, &phone.closed, 1), "the phone does not see the end");
    CHECK_RESULT("the end", phone.error, STLS_CLOSED, NULL);
    CHECK_NUMBER("a flow that has worked is tried again at once", phone.waits_ms, 0);
    CHECK(run_until(&phone, &server, &phone.opened, 2), "it is not opened again");
    CHECK_NUMBER("its number", phone.opened_flow, flow);
    CHECK(run_until(&phone, &server, &server.opened, 2), "the server does not see it");
    sips_transport_close(server.transport, server.opened_flow); /* before anything came */
    CHECK(run_until(&phone, &server, &phone.closed, 2), "the phone does not see the second end");
    CHECK(phone.waits_ms > 0, "a server that only hangs up is called without end");
    CHECK(run_until(&phone, &server, &phone.opened, 3), "it is not opened a third time");
    end(&phone);
    end(&server);
}

/* As an overloaded server does, or one that means ill. */
static void test_a_server_that_says_a_word_and_hangs_up(void) {
    side phone, server, *both[] = {&phone, &server};
    sips_times times = quick();
    int served = 0;
    times.retry_base_ms = 20000;
    begin(&server, "server", STLS_VERIFY_NONE, NULL);
    begin(&phone, NULL, STLS_VERIFY_NONE, &times);
    phone.found[0] = &server.address;
    stls_error error;
    (void)sips_transport_keep(phone.transport, "example.test", 0, &error);
    for (int64_t until = now_ms() + 900; now_ms() < until || phone.closed < 2;) {
        turn(both, 2);
        if (server.opened > served) {
            served = server.opened;
            (void)sips_transport_answer(server.transport, server.opened_flow, message,
                                        sizeof message - 1);
            sips_transport_close(server.transport, server.opened_flow);
        }
    }
    CHECK_NUMBER("calls in the time of one retry", served, 2);
    CHECK(phone.waits_ms >= 20000, "the second loss waits for %d ms", phone.waits_ms);
    end(&phone);
    end(&server);
}

/* --- On every backend */

static void on_all(void (*run)(void)) {
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        check_case("%s", stls_backend_name(backend));
        run();
    }
}

#define ON_ALL(test)                                                                               \
    static void all_##test(void) {                                                                 \
        on_all(test_##test);                                                                       \
    }
ON_ALL(messages)
ON_ALL(nonsense)
ON_ALL(half_a_message)
ON_ALL(one_server_of_two_domains)
ON_ALL(two_servers_of_one_domain)
ON_ALL(no_next_server_after_a_bad_certificate)
ON_ALL(flows_that_were_accepted)
ON_ALL(a_new_context)
ON_ALL(pings)
ON_ALL(a_server_that_does_not_answer_pings)
ON_ALL(back_off)
ON_ALL(the_way_back)
ON_ALL(a_server_that_says_a_word_and_hangs_up)

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"messages both ways", all_messages},
        {"nonsense ends a flow", all_nonsense},
        {"half a message has a deadline", all_half_a_message},
        {"one server of two domains", all_one_server_of_two_domains},
        {"two servers of one domain", all_two_servers_of_one_domain},
        {"no next server after a bad certificate", all_no_next_server_after_a_bad_certificate},
        {"flows that were accepted", all_flows_that_were_accepted},
        {"a new context", all_a_new_context},
        {"pings", all_pings},
        {"no answer to pings", all_a_server_that_does_not_answer_pings},
        {"back-off", all_back_off},
        {"the way back", all_the_way_back},
        {"a word, and a hang-up", all_a_server_that_says_a_word_and_hangs_up},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"sips_transport", tests}, {NULL, NULL}};
    int status = suite_main(suites, argc, argv);
    pki_forget();
    return status;
}
