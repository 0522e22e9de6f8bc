/* SPDX-License-Identifier: MIT */
#include "sips_osip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Out */

/* Whom a request is for, before any look-up: that is who the server must prove to be. */
static const osip_uri_t *target_of(const osip_message_t *request) {
    const osip_route_t *route = osip_list_get(&request->routes, 0);
    return route != NULL ? route->url : request->req_uri;
}

static sips_flow send_request(sips_osip *self, const osip_message_t *request, const char *text,
                              size_t len, stls_error *error) {
    const osip_uri_t *target = target_of(request);
    if (target == NULL || target->host == NULL) {
        return 0;
    }
    int port = target->port != NULL ? (int)strtol(target->port, NULL, 10) : 0;
    return sips_transport_send(self->transport, target->host, port, text, len, error);
}

/* libosip2 calls this. 0: it is sent, or will be; negative: it cannot be. */
static int send_message(osip_transaction_t *transaction, osip_message_t *message, char *host,
                        int port, int out_socket) {
    (void)host; /* from the URIs, like ours; or an address out of a Via */
    (void)port;
    char *text = NULL;
    size_t len = 0;
    stls_error error;
    if (transaction == NULL || osip_message_to_str(message, &text, &len) != OSIP_SUCCESS) {
        return OSIP_UNDEFINED_ERROR;
    }
    sips_osip *self = osip_get_application_context(transaction->config);
    bool sent;
    if (MSG_IS_RESPONSE(message)) {
        sent = sips_transport_answer(self->transport, out_socket, text, len);
    } else {
        sips_flow flow = send_request(self, message, text, len, &error);
        sent = flow != 0;
        osip_transaction_set_out_socket(transaction, flow);
    }
    osip_free(text);
    return sent ? OSIP_SUCCESS : OSIP_UNDEFINED_ERROR;
}

/* --- In */

/* Whoever is at the end of another flow than the request went over has proved to be somebody else,
 * or nobody, whatever he knows of the request. */
static void receive_response(sips_osip *self, sips_flow flow, osip_event_t *event) {
    osip_transaction_t *transaction =
        osip_transaction_find(&self->osip->osip_ict_transactions, event);
    if (transaction == NULL) {
        transaction = osip_transaction_find(&self->osip->osip_nict_transactions, event);
    }
    if (transaction == NULL || transaction->out_socket != flow ||
        osip_transaction_add_event(transaction, event) != OSIP_SUCCESS) {
        osip_event_free(event); /* to a request that is forgotten, or was never ours */
    }
}

static void receive_request(sips_osip *self, sips_flow flow, osip_event_t *event) {
    if (osip_find_transaction_and_add_event(self->osip, event) == OSIP_SUCCESS) {
        return; /* a request again, or an ACK */
    }
    osip_transaction_t *transaction =
        EVT_IS_RCV_ACK(event) ? NULL : osip_create_transaction(self->osip, event);
    if (transaction == NULL) {
        osip_event_free(event);
        return;
    }
    osip_transaction_set_in_socket(transaction, flow);
    osip_transaction_set_out_socket(transaction, flow);
    osip_message_t *request = event->sip;
    if (osip_transaction_add_event(transaction, event) == OSIP_SUCCESS) {
        self->request(self->arg, transaction, request);
    }
}

static void on_message(void *arg, sips_flow flow, const char *message, size_t len) {
    sips_osip *self = arg;
    osip_event_t *event = osip_parse(message, len);
    if (event == NULL) { /* its frame was good, so the next one may be too: RFC 3261 18.3 */
        return;
    }
    if (EVT_IS_INCOMINGRESP(event)) {
        receive_response(self, flow, event);
    } else {
        receive_request(self, flow, event);
    }
}

/* --- Answers */

static bool copy_headers(const osip_message_t *request, osip_message_t *answer) {
    bool good = osip_from_clone(request->from, &answer->from) == OSIP_SUCCESS &&
                osip_to_clone(request->to, &answer->to) == OSIP_SUCCESS &&
                osip_call_id_clone(request->call_id, &answer->call_id) == OSIP_SUCCESS &&
                osip_cseq_clone(request->cseq, &answer->cseq) == OSIP_SUCCESS;
    for (int i = 0; good && i < osip_list_size(&request->vias); i++) {
        osip_via_t *via = NULL;
        good = osip_via_clone(osip_list_get(&request->vias, i), &via) == OSIP_SUCCESS &&
               osip_list_add(&answer->vias, via, -1) > 0;
    }
    return good;
}

static bool add_tag(osip_message_t *answer) {
    osip_generic_param_t *tag = NULL;
    char text[16];
    unsigned chance = 0;
    char name[] = "tag"; /* libosip2 takes no constant */
    if (osip_uri_param_get_byname(&answer->to->gen_params, name, &tag) == OSIP_SUCCESS) {
        return true;
    }
    (void)!getentropy(&chance, sizeof chance);
    snprintf(text, sizeof text, "%08x", chance);
    return osip_to_set_tag(answer->to, osip_strdup(text)) == OSIP_SUCCESS;
}

osip_message_t *sips_osip_answer(const osip_message_t *request, int status, const char *reason) {
    osip_message_t *answer = NULL;
    if (osip_message_init(&answer) != OSIP_SUCCESS) {
        return NULL;
    }
    osip_message_set_version(answer, osip_strdup("SIP/2.0"));
    osip_message_set_status_code(answer, status);
    osip_message_set_reason_phrase(answer, osip_strdup(reason));
    if (!copy_headers(request, answer) || !add_tag(answer)) {
        osip_message_free(answer);
        return NULL;
    }
    return answer;
}

bool sips_osip_reply(osip_transaction_t *transaction, osip_message_t *answer) {
    osip_event_t *event = osip_new_outgoing_sipmessage(answer);
    if (event == NULL) {
        osip_message_free(answer);
        return false;
    }
    event->transactionid = transaction->transactionid;
    return osip_transaction_add_event(transaction, event) == OSIP_SUCCESS;
}

bool sips_osip_request(sips_osip *self, osip_message_t *request, void *instance) {
    osip_transaction_t *transaction = NULL;
    osip_event_t *event = NULL;
    osip_fsm_type_t type = MSG_IS_INVITE(request) ? ICT : NICT;
    if (osip_transaction_init(&transaction, type, self->osip, request) != OSIP_SUCCESS ||
        (event = osip_new_outgoing_sipmessage(request)) == NULL) {
        if (transaction != NULL) {
            osip_transaction_free(transaction);
        }
        osip_message_free(request);
        return false;
    }
    osip_transaction_set_your_instance(transaction, instance);
    event->transactionid = transaction->transactionid;
    return osip_transaction_add_event(transaction, event) == OSIP_SUCCESS;
}

/* --- Lost flows */

static void add_warning(osip_message_t *message, const stls_sip_answer *answer) {
    char text[STLS_SIP_WARNING_SIZE + 32];
    snprintf(text, sizeof text, "399 localhost \"%s\"", answer->warning);
    osip_message_set_warning(message, text);
}

/* An answer from nobody. Its Via is the request's own, by which the transaction is found. */
static void answer_for_the_lost(osip_transaction_t *transaction, const stls_sip_answer *answer) {
    osip_message_t *message =
        sips_osip_answer(transaction->orig_request, answer->status, answer->reason);
    if (message == NULL) {
        return; /* timer B or F ends it */
    }
    add_warning(message, answer);
    char *text = NULL;
    size_t len = 0;
    if (osip_message_to_str(message, &text, &len) == OSIP_SUCCESS) {
        osip_event_t *event =
            osip_parse(text, len); /* makes the event that belongs to its status */
        if (event != NULL && osip_transaction_add_event(transaction, event) != OSIP_SUCCESS) {
            osip_event_free(event);
        }
        osip_free(text);
    }
    osip_message_free(message);
}

static bool waits_for_answer(const osip_transaction_t *transaction) {
    return transaction->orig_request != NULL &&
           (transaction->state == ICT_CALLING || transaction->state == ICT_PROCEEDING ||
            transaction->state == NICT_TRYING || transaction->state == NICT_PROCEEDING);
}

static void lose_transactions(osip_list_t *list, sips_flow flow, const stls_sip_answer *answer) {
    for (int i = 0; i < osip_list_size(list); i++) {
        osip_transaction_t *transaction = osip_list_get(list, i);
        if (transaction->out_socket == flow && waits_for_answer(transaction)) {
            answer_for_the_lost(transaction, answer);
        }
    }
}

static void on_closed(void *arg, sips_flow flow, const char *domain, const stls_error *error,
                      const stls_sip_answer *answer, int waits_ms) {
    sips_osip *self = arg;
    lose_transactions(&self->osip->osip_ict_transactions, flow, answer);
    lose_transactions(&self->osip->osip_nict_transactions, flow, answer);
    if (self->closed != NULL) {
        self->closed(self->arg, flow, domain, error, answer, waits_ms);
    }
}

static void on_opened(void *arg, sips_flow flow, const char *domain) {
    sips_osip *self = arg;
    if (self->opened != NULL) {
        self->opened(self->arg, flow, domain);
    }
}

static size_t on_locate(void *arg, const char *domain, int port, sips_address *list) {
    sips_osip *self = arg;
    return self->locate(self->arg, domain, port, list);
}

/* --- Life */

/* Inside this callback the transaction is still in use: it is freed at the next turn. */
static void on_end_of_transaction(int type, osip_transaction_t *transaction) {
    (void)type;
    sips_osip *self = osip_get_application_context(transaction->config);
    (void)osip_remove_transaction(self->osip, transaction);
    (void)osip_list_add(&self->ended, transaction, -1);
}

static void free_ended(sips_osip *self) {
    osip_transaction_t *transaction;
    while ((transaction = osip_list_get(&self->ended, 0)) != NULL) {
        osip_list_remove(&self->ended, 0);
        osip_transaction_free(transaction);
    }
}

bool sips_osip_init(sips_osip *self, stls_context *client, const sips_times *times) {
    sips_handlers handlers = {.arg = self,
                              .message = on_message,
                              .opened = on_opened,
                              .closed = on_closed,
                              .locate = self->locate != NULL ? on_locate : NULL};
    self->transport = sips_transport_new(client, &handlers, times);
    if (self->transport == NULL || osip_init(&self->osip) != OSIP_SUCCESS) {
        sips_transport_free(self->transport);
        self->transport = NULL;
        return false;
    }
    osip_list_init(&self->ended);
    osip_set_application_context(self->osip, self);
    osip_set_cb_send_message(self->osip, send_message);
    for (int i = 0; i < OSIP_KILL_CALLBACK_COUNT; i++) {
        osip_set_kill_transaction_callback(self->osip, i, on_end_of_transaction);
    }
    return true;
}

static void free_transactions(osip_list_t *list) {
    osip_transaction_t *transaction;
    while ((transaction = osip_list_get(list, 0)) != NULL) {
        osip_transaction_free(transaction); /* takes it out of the list */
    }
}

void sips_osip_free(sips_osip *self) {
    sips_transport_free(self->transport);
    if (self->osip != NULL) {
        free_ended(self);
        free_transactions(&self->osip->osip_ict_transactions);
        free_transactions(&self->osip->osip_ist_transactions);
        free_transactions(&self->osip->osip_nict_transactions);
        free_transactions(&self->osip->osip_nist_transactions);
        osip_release(self->osip);
    }
    self->osip = NULL;
    self->transport = NULL;
}

/* --- The loop */

static void execute(sips_osip *self) {
    osip_timers_ict_execute(self->osip);
    osip_timers_ist_execute(self->osip);
    osip_timers_nict_execute(self->osip);
    osip_timers_nist_execute(self->osip);
    osip_ict_execute(self->osip);
    osip_ist_execute(self->osip);
    osip_nict_execute(self->osip);
    osip_nist_execute(self->osip);
    free_ended(self);
}

static int until_next_timer(sips_osip *self, int timeout_ms) {
    struct timeval left;
    osip_timers_gettimeout(self->osip, &left);
    bool soon = left.tv_sec < 3600;
    int ms = soon ? (int)(left.tv_sec * 1000 + left.tv_usec / 1000 + 1) : -1;
    return ms >= 0 && (timeout_ms < 0 || ms < timeout_ms) ? ms : timeout_ms;
}

void sips_osip_turn(sips_osip *self, int timeout_ms) {
    execute(self);
    size_t capacity = sips_transport_count(self->transport);
    struct pollfd *list = calloc(capacity + 1, sizeof *list);
    if (list == NULL) {
        return;
    }
    int timeout = until_next_timer(self, timeout_ms);
    size_t count = sips_transport_poll(self->transport, list, capacity, &timeout);
    if (poll(list, (nfds_t)count, timeout) >= 0) {
        sips_transport_handle(self->transport, list, count);
    }
    free(list);
    execute(self);
}
