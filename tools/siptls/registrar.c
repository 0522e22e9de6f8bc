/* SPDX-License-Identifier: MIT */
#include "registrar.h"

#include "net.h"
#include "output.h"

#include <siptls/types.h>
#include <stdlib.h>
#include <string.h>

enum { EXPIRES_DEFAULT = 3600, EXPIRES_MAX = 86400 };

static const char allow[] = "REGISTER, OPTIONS, ACK";

struct binding {
    char aor[REGISTRAR_URI_SIZE], contact[REGISTRAR_URI_SIZE];
    int64_t ends; /* net_now() */
};

/* A Contact of a request, read and checked before anything is changed. */
typedef struct wanted_contact {
    char uri[REGISTRAR_URI_SIZE];
    size_t expires;
} wanted_contact;

typedef struct register_request {
    char aor[REGISTRAR_URI_SIZE];
    bool removes_all; /* Contact: * */
    wanted_contact contacts[8];
    size_t count;
} register_request;

typedef struct outcome {
    int status;
    const char *reason;
} outcome;

static const outcome ok = {200, "OK"};

/* --- Bindings */

static void remove_binding(registrar *self, size_t index) {
    self->bindings[index] = self->bindings[--self->count];
}

/* Those of `aor` with `contact` (NULL: any). */
static void remove_bindings(registrar *self, const char *aor, const char *contact) {
    for (size_t i = self->count; i-- > 0;) {
        const struct binding *binding = &self->bindings[i];
        if (strcmp(binding->aor, aor) == 0 &&
            (contact == NULL || strcmp(binding->contact, contact) == 0)) {
            remove_binding(self, i);
        }
    }
}

static void remove_ended(registrar *self) {
    int64_t now = net_now();
    for (size_t i = self->count; i-- > 0;) {
        if (self->bindings[i].ends <= now) {
            remove_binding(self, i);
        }
    }
}

static void add_binding(registrar *self, const char *aor, const wanted_contact *contact) {
    struct binding *binding = &self->bindings[self->count++];
    memcpy(binding->aor, aor, sizeof binding->aor);
    memcpy(binding->contact, contact->uri, sizeof binding->contact);
    binding->ends = net_now() + (int64_t)contact->expires * 1000;
}

static size_t count_bindings(const registrar *self, const char *aor) {
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        count += strcmp(self->bindings[i].aor, aor) == 0;
    }
    return count;
}

void registrar_free(registrar *self) {
    free(self->bindings);
    *self = (registrar){.bindings = NULL};
}

/* --- REGISTER */

static bool copy_uri(sip_slice uri, char text[REGISTRAR_URI_SIZE]) {
    if (uri.len >= REGISTRAR_URI_SIZE) {
        return false;
    }
    memset(text, 0, REGISTRAR_URI_SIZE);
    memcpy(text, uri.data, uri.len);
    return strpbrk(text, "<>\" ,") == NULL; /* it will stand in <> again */
}

static bool read_aor(const sip_message *request, char aor[REGISTRAR_URI_SIZE]) {
    sip_slice to, uri, parameters;
    if (!sip_message_header(request, "To", 0, &to) || !sip_read_address(to, &uri, &parameters) ||
        !copy_uri(uri, aor)) {
        return false;
    }
    char *at = strchr(aor, '@'), *host = at != NULL ? at : aor; /* a user may have a ';' */
    size_t kept = (size_t)(host - aor) + strcspn(host, ";?");
    memset(aor + kept, 0, REGISTRAR_URI_SIZE - kept);
    return aor[0] != '\0';
}

static bool read_expires(sip_slice text, size_t *expires) {
    size_t number;
    if (!sip_read_number(text, UINT32_MAX, &number)) {
        return false;
    }
    *expires = number < EXPIRES_MAX ? number : EXPIRES_MAX;
    return true;
}

static bool read_contact(sip_slice element, size_t expires, register_request *wanted) {
    sip_slice uri, parameters, value;
    if (sip_slice_is(element, "*")) {
        wanted->removes_all = true;
        return expires == 0;
    }
    if (wanted->count == sizeof wanted->contacts / sizeof wanted->contacts[0]) {
        return false;
    }
    wanted_contact *contact = &wanted->contacts[wanted->count++];
    contact->expires = expires;
    return sip_read_address(element, &uri, &parameters) && copy_uri(uri, contact->uri) &&
           (!sip_parameter(parameters, "expires", &value) ||
            read_expires(value, &contact->expires));
}

static bool read_register(const sip_message *request, register_request *wanted) {
    sip_slice value, element;
    size_t expires = EXPIRES_DEFAULT;
    if (!read_aor(request, wanted->aor) ||
        (sip_message_header(request, "Expires", 0, &value) && !read_expires(value, &expires))) {
        return false;
    }
    for (size_t i = 0; sip_message_header(request, "Contact", i, &value); i++) {
        while (sip_next_element(&value, &element)) {
            if (!read_contact(element, expires, wanted)) {
                return false;
            }
        }
    }
    return !wanted->removes_all || wanted->count == 0;
}

/* A contact that is there already takes no more room. */
static size_t count_new(const registrar *self, const register_request *wanted) {
    size_t count = wanted->count;
    for (size_t i = 0; i < self->count; i++) {
        for (size_t c = 0; c < wanted->count; c++) {
            if (strcmp(self->bindings[i].aor, wanted->aor) == 0 &&
                strcmp(self->bindings[i].contact, wanted->contacts[c].uri) == 0) {
                count--;
                break;
            }
        }
    }
    return count;
}

static bool has_room(registrar *self, const register_request *wanted) {
    size_t count = count_new(self, wanted);
    if (self->bindings == NULL) {
        self->bindings = calloc(REGISTRAR_BINDINGS_MAX, sizeof *self->bindings);
    }
    return self->bindings != NULL && self->count + count <= REGISTRAR_BINDINGS_MAX &&
           count_bindings(self, wanted->aor) + count <= REGISTRAR_CONTACTS_MAX;
}

static outcome apply_register(registrar *self, const register_request *wanted) {
    remove_ended(self);
    if (!has_room(self, wanted)) {
        return (outcome){503, "Service Unavailable"};
    }
    if (wanted->removes_all) {
        remove_bindings(self, wanted->aor, NULL);
    }
    for (size_t i = 0; i < wanted->count; i++) {
        remove_bindings(self, wanted->aor, wanted->contacts[i].uri);
        if (wanted->contacts[i].expires > 0) {
            add_binding(self, wanted->aor, &wanted->contacts[i]);
        }
    }
    return ok;
}

static void write_contacts(const registrar *self, const char *aor, sip_text *answer) {
    int64_t now = net_now();
    for (size_t i = 0; i < self->count; i++) {
        const struct binding *binding = &self->bindings[i];
        if (strcmp(binding->aor, aor) == 0) {
            sip_text_add(answer, "Contact: <%s>;expires=%d\r\n", binding->contact,
                         (int)((binding->ends - now + 999) / 1000));
        }
    }
}

/* --- The answer */

/* Says where the request came from, if the client asks or does not know (RFC 3261 section 18.2.1,
 * RFC 3581). */
static void write_top_via(sip_slice via, const char *ip, const char *port, sip_text *answer) {
    sip_slice rest = via, top = via, value;
    (void)sip_next_element(&rest, &top);
    const char *end = top.data + top.len, *at = top.data;
    sip_text_add(answer, "Via: ");
    if (sip_parameter(top, "rport", &value) && value.len == 0) {
        sip_text_add_slice(answer, (sip_slice){at, (size_t)(value.data - at)});
        sip_text_add(answer, "=%s", port);
        at = value.data;
    }
    sip_text_add_slice(answer, (sip_slice){at, (size_t)(end - at)});
    sip_text_add(answer, ";received=%s", ip);
    sip_text_add_slice(answer, (sip_slice){end, (size_t)(via.data + via.len - end)});
    sip_text_add(answer, "\r\n");
}

/* Leaves the line open; false if the request, which may be a bad one, has no such header. */
static bool write_header(const sip_message *request, const char *name, sip_text *answer) {
    sip_slice value;
    if (!sip_message_header(request, name, 0, &value)) {
        return false;
    }
    sip_text_add(answer, "%s: ", name);
    sip_text_add_slice(answer, value);
    return true;
}

static void copy_header(const sip_message *request, const char *name, sip_text *answer) {
    if (write_header(request, name, answer)) {
        sip_text_add(answer, "\r\n");
    }
}

static void write_to(const sip_message *request, sip_text *answer) {
    sip_slice to, uri, parameters, tag;
    char own_tag[17];
    if (!write_header(request, "To", answer)) {
        return;
    }
    if (sip_message_header(request, "To", 0, &to) && sip_read_address(to, &uri, &parameters) &&
        !sip_parameter(parameters, "tag", &tag)) {
        net_random_digits(own_tag, sizeof own_tag - 1);
        sip_text_add(answer, ";tag=%s", own_tag);
    }
    sip_text_add(answer, "\r\n");
}

static void begin_answer(const sip_message *request, outcome result, const char *ip,
                         const char *port, sip_text *answer) {
    sip_slice via;
    sip_text_add(answer, "SIP/2.0 %d %s\r\n", result.status, result.reason);
    for (size_t i = 0; sip_message_header(request, "Via", i, &via); i++) {
        if (i == 0) {
            write_top_via(via, ip, port, answer);
        } else {
            sip_text_add(answer, "Via: ");
            sip_text_add_slice(answer, via);
            sip_text_add(answer, "\r\n");
        }
    }
    copy_header(request, "From", answer);
    write_to(request, answer);
    copy_header(request, "Call-ID", answer);
    copy_header(request, "CSeq", answer);
}

static bool is_known_method(sip_slice method) {
    static const char *const names[] = {"INVITE", "BYE",     "CANCEL", "SUBSCRIBE",
                                        "NOTIFY", "MESSAGE", "INFO",   "PRACK",
                                        "UPDATE", "REFER",   "PUBLISH"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (sip_slice_is(method, names[i])) {
            return true;
        }
    }
    return false;
}

static bool has_what_it_needs(const sip_message *request) {
    static const char *const names[] = {"Via", "From", "To", "Call-ID", "CSeq"};
    sip_slice value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!sip_message_header(request, names[i], 0, &value) || value.len == 0) {
            return false;
        }
    }
    size_t method = request->method.len; /* `value` is CSeq's: "1 REGISTER" */
    return value.len > method &&
           memcmp(value.data + value.len - method, request->method.data, method) == 0;
}

static bool is_sip_uri(sip_slice uri) {
    return (uri.len > 4 && sip_slice_is_like((sip_slice){uri.data, 4}, "sip:")) ||
           (uri.len > 5 && sip_slice_is_like((sip_slice){uri.data, 5}, "sips:"));
}

static outcome decide(registrar *self, const sip_message *request, register_request *wanted) {
    if (!has_what_it_needs(request)) {
        return (outcome){400, "Bad Request"};
    }
    if (!is_sip_uri(request->uri)) {
        return (outcome){416, "Unsupported URI Scheme"};
    }
    if (sip_slice_is(request->method, "REGISTER")) {
        return read_register(request, wanted) ? apply_register(self, wanted)
                                              : (outcome){400, "Bad Request"};
    }
    if (sip_slice_is(request->method, "OPTIONS")) {
        return ok;
    }
    return is_known_method(request->method) ? (outcome){405, "Method Not Allowed"}
                                            : (outcome){501, "Not Implemented"};
}

void registrar_answer(registrar *self, const sip_message *request, const char *ip, const char *port,
                      sip_text *answer, registrar_note *note) {
    register_request wanted = {.count = 0};
    *note = (registrar_note){.status = 0};
    output_foreign(request->method.data, request->method.len, note->method, sizeof note->method);
    output_foreign(request->uri.data, request->uri.len, note->uri, sizeof note->uri);
    if (sip_slice_is(request->method, "ACK")) {
        return;
    }
    outcome result = decide(self, request, &wanted);
    begin_answer(request, result, ip, port, answer);
    bool registered = result.status == 200 && sip_slice_is(request->method, "REGISTER");
    if (registered) {
        write_contacts(self, wanted.aor, answer);
        note->bindings = count_bindings(self, wanted.aor);
        output_foreign(wanted.aor, strlen(wanted.aor), note->uri, sizeof note->uri);
    } else if (result.status == 200 || result.status == 405) {
        sip_text_add(answer, "Allow: %s\r\n", allow);
    }
    sip_text_add(answer, "Server: siptls/%s\r\nContent-Length: 0\r\n\r\n", stls_version());
    note->status = result.status;
    note->reason = result.reason;
}
