/* ua: a small SIP user agent on libosip2 and siptls. It shows how the files beside it are used, and
 * is what their tests drive.
 *
 *     ua --ca ca.pem sips:alice@example.com register message=hello wait=60
 *
 * SPDX-License-Identifier: MIT */
#include "sips_osip.h"

#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: ua [options] sips:USER@DOMAIN ACTION...\n"
    "\n"
    "Does one thing after the other, over TLS connections to whom the URIs name:\n"
    "  register             register USER, and keep the connection (RFC 5626)\n"
    "  options[=URI]        ask DOMAIN, or URI, what it can do\n"
    "  message=TEXT[@URI]   send TEXT to USER, or to URI\n"
    "  long=BYTES[@URI]     send a message of so many bytes, headers and all\n"
    "  wait=SECONDS         go on answering and keeping alive\n"
    "\n"
    "  --backend NAME       the TLS library\n"
    "  --ca FILE            certificates to trust; default: the system's\n"
    "  --cert FILE, --key FILE\n"
    "                       our own certificate with its key\n"
    "  --address HOST:PORT  where servers are, whatever the domain; may be repeated:\n"
    "                       they are tried in that order\n"
    "  --ping MS, --pong MS between keep-alives; for the answer to one\n"
    "  --retry MS           before the first try after a failed one, doubled each time\n"
    "  --expires SECONDS    of a registration; default: 300\n"
    "\n"
    "Exit codes:\n"
    "  0  every answer was 2xx        4  the server's certificate was refused\n"
    "  1  the command line            5  an answer was not 2xx\n"
    "  2  no connection               6  no answer came\n"
    "  3  TLS failed, or the server refused us\n";

enum exit_code { GOOD, USAGE, CONNECTION, TLS, VERIFY, STATUS, SILENCE };

typedef struct agent {
    sips_osip sip;
    const char *backend, *ca, *cert, *key;
    sips_address addresses[SIPS_ADDRESSES_MAX];
    size_t address_count;
    sips_times times;
    int expires;
    stls_sip_target me; /* the registrar's domain */
    char user[128];
    char tag[17], call_id[33];
    int cseq;
    sips_flow flow; /* to our own domain, which we keep; 0: none yet */
    bool open;      /* it is */
    bool registered;
    bool waits; /* for the answer to the action that is under way */
    int status; /* exit code so far */
} agent;

static agent self;
static volatile sig_atomic_t stops;

static void on_signal(int number) {
    (void)number;
    stops = 1;
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void random_text(char *text, size_t digits) {
    unsigned char bytes[16];
    (void)!getentropy(bytes, sizeof bytes);
    for (size_t i = 0; i < digits; i++) {
        text[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 * 4) & 15];
    }
    text[digits] = '\0';
}

/* --- Requests */

/* Puts a request together from text, and lets libosip2 parse it: shorter than forty calls. `to` is
 * a URI; `body` may be NULL. */
static osip_message_t *make_request(const char *method, const char *uri, const char *to,
                                    const char *headers, const char *body, size_t body_len) {
    char head[4096], local[80], branch[17];
    osip_message_t *request = NULL;
    if (!sips_transport_local(self.sip.transport, self.flow, local, sizeof local)) {
        snprintf(local, sizeof local, "%s.invalid", self.tag); /* not known yet; as RFC 7118 does */
    }
    random_text(branch, 16);
    int len = snprintf(head, sizeof head,
                       "%s %s SIP/2.0\r\nVia: SIP/2.0/TLS %s;branch=z9hG4bK%s;rport;alias\r\n"
                       "Max-Forwards: 70\r\nFrom: <sips:%s@%s>;tag=%s\r\nTo: <%s>\r\n"
                       "Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sips:%s@%s>\r\n%s"
                       "User-Agent: siptls-ua\r\nContent-Length: %zu\r\n\r\n",
                       method, uri, local, branch, self.user, self.me.host, self.tag, to,
                       self.call_id, ++self.cseq, method, self.user, local, headers, body_len);
    if (len < 0 || (size_t)len >= sizeof head || osip_message_init(&request) != OSIP_SUCCESS) {
        return NULL;
    }
    char *text = malloc((size_t)len + body_len + 1);
    if (text != NULL) {
        memcpy(text, head, (size_t)len);
        memcpy(text + len, body != NULL ? body : "", body_len);
        text[(size_t)len + body_len] = '\0';
    }
    if (text == NULL || osip_message_parse(request, text, (size_t)len + body_len) != OSIP_SUCCESS) {
        osip_message_free(request);
        request = NULL;
    }
    free(text);
    return request;
}

static int send_request(osip_message_t *request) {
    if (request == NULL || !sips_osip_request(&self.sip, request, NULL)) {
        fprintf(stderr, "ua: the request cannot be made\n");
        return USAGE;
    }
    self.waits = true;
    return GOOD;
}

/* Opens the connection to our own domain, and keeps it: a registration says where we are. */
static int open_flow(void) {
    stls_error error;
    self.flow = sips_transport_keep(self.sip.transport, self.me.host, self.me.port, &error);
    if (self.flow == 0) {
        fprintf(stderr, "ua: %s\n", error.text);
        return USAGE;
    }
    while (!self.open && self.status == GOOD && !stops) {
        sips_osip_turn(&self.sip, -1);
    }
    return self.status;
}

static int send_register(void) {
    char uri[300], to[500], headers[200];
    snprintf(uri, sizeof uri, "sips:%s", self.me.host);
    snprintf(to, sizeof to, "sips:%s@%s", self.user, self.me.host);
    snprintf(headers, sizeof headers, "Expires: %d\r\nSupported: outbound, path\r\n", self.expires);
    return send_request(make_request("REGISTER", uri, to, headers, NULL, 0));
}

static int send_options(const char *uri) {
    char own[300];
    snprintf(own, sizeof own, "sips:%s", self.me.host);
    uri = uri != NULL ? uri : own;
    return send_request(make_request("OPTIONS", uri, uri, "Accept: application/sdp\r\n", NULL, 0));
}

static int send_message(const char *body, size_t len, const char *uri) {
    char own[500];
    snprintf(own, sizeof own, "sips:%s@%s", self.user, self.me.host);
    uri = uri != NULL ? uri : own;
    return send_request(
        make_request("MESSAGE", uri, uri, "Content-Type: text/plain\r\n", body, len));
}

/* A message whose whole length is `whole`: the body is what the headers leave. */
static int send_long(size_t whole, const char *uri) {
    char *body = malloc(whole + 1), *text = NULL;
    size_t len = 0;
    int status = USAGE;
    if (body != NULL) {
        memset(body, 'x', whole);
        char own[500];
        snprintf(own, sizeof own, "sips:%s@%s", self.user, self.me.host);
        osip_message_t *trial =
            make_request("MESSAGE", uri != NULL ? uri : own, uri != NULL ? uri : own,
                         "Content-Type: text/plain\r\n", body, whole);
        if (trial != NULL && osip_message_to_str(trial, &text, &len) == OSIP_SUCCESS &&
            len - whole < whole) {
            status = send_message(body, whole - (len - whole), uri);
        }
        osip_free(text);
        osip_message_free(trial);
    }
    free(body);
    return status;
}

/* --- What comes back */

static sips_flow flow_of(const osip_transaction_t *transaction) {
    return transaction->out_socket;
}

static void on_answer(int type, osip_transaction_t *transaction, osip_message_t *answer) {
    (void)type;
    const char *method = transaction->orig_request->sip_method;
    osip_header_t *warning = NULL;
    (void)osip_message_header_get_byname(answer, "warning", 0, &warning);
    printf("%s: %d %s, flow %d%s%s\n", method, answer->status_code, answer->reason_phrase,
           flow_of(transaction), warning != NULL ? "; " : "",
           warning != NULL ? warning->hvalue : "");
    if (answer->status_code < 200) {
        return;
    }
    self.waits = false;
    if (strcmp(method, "REGISTER") == 0 && MSG_IS_STATUS_2XX(answer)) {
        self.registered = true;
    } else if (!MSG_IS_STATUS_2XX(answer) && self.status == GOOD) {
        self.status = STATUS;
    }
}

static void on_silence(int type, osip_transaction_t *transaction, osip_message_t *message) {
    (void)type;
    (void)message;
    printf("%s: no answer came in time\n", transaction->orig_request->sip_method);
    self.waits = false;
    self.status = self.status == GOOD ? SILENCE : self.status;
}

static void on_unsent(int type, osip_transaction_t *transaction, int error) {
    (void)type;
    (void)error;
    printf("%s: it cannot be sent now\n", transaction->orig_request->sip_method);
    self.waits = false;
    self.status = self.status == GOOD ? CONNECTION : self.status;
}

/* --- What others ask */

static void on_request(void *arg, osip_transaction_t *transaction, osip_message_t *request) {
    (void)arg;
    bool known = MSG_IS_OPTIONS(request) || MSG_IS_MESSAGE(request) || MSG_IS_NOTIFY(request);
    osip_message_t *answer = known ? sips_osip_answer(request, 200, "OK")
                                   : sips_osip_answer(request, 501, "Not Implemented");
    printf("%s came in, flow %d: %s\n", request->sip_method, flow_of(transaction),
           known ? "200 OK" : "501 Not Implemented");
    if (answer != NULL) {
        (void)sips_osip_reply(transaction, answer);
    }
}

/* --- Flows */

static void on_opened(void *arg, sips_flow flow, const char *domain) {
    char proved[STLS_SIP_HOST_SIZE];
    (void)arg;
    printf("flow %d to %s is open; it has proved", flow, domain);
    for (size_t i = 0; sips_transport_identity(self.sip.transport, flow, i, proved); i++) {
        printf("%s %s", i > 0 ? "," : "", proved);
    }
    putchar('\n');
    self.open = self.open || flow == self.flow;
    if (self.registered && flow == self.flow) { /* opened again: the registrar must know */
        (void)send_register();
    }
}

static void on_closed(void *arg, sips_flow flow, const char *domain, const stls_error *error,
                      const stls_sip_answer *answer, int waits_ms) {
    (void)arg;
    printf("flow %d to %s has ended: %s; for SIP %d %s", flow, domain, error->text, answer->status,
           answer->reason);
    if (waits_ms >= 0) {
        printf("; again in %d ms", waits_ms);
    }
    putchar('\n');
    if (self.status == GOOD && !(self.registered && flow == self.flow)) {
        self.status = error->result == STLS_E_VERIFY ? VERIFY
                      : error->result == STLS_E_TRANSPORT || error->result == STLS_E_TIMEOUT
                          ? CONNECTION
                          : TLS;
    }
}

static size_t on_locate(void *arg, const char *domain, int port, sips_address *list) {
    (void)arg;
    (void)domain;
    (void)port;
    memcpy(list, self.addresses, self.address_count * sizeof *list);
    return self.address_count;
}

/* --- The command line */

static bool add_address(const char *text) {
    char host[256];
    const char *colon = strrchr(text, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host ||
        self.address_count == SIPS_ADDRESSES_MAX) {
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return false;
    }
    sips_address *address = &self.addresses[self.address_count++];
    memcpy(&address->at, found->ai_addr, found->ai_addrlen);
    address->len = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

/* Digits only, up to a day of milliseconds; the longest of what the options take. */
static bool read_number(const char *text, int *number) {
    char *end = NULL;
    long value = strtol(text, &end, 10);
    *number = (int)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= 86400L * 1000;
}

static bool take_option(int id, const char *value) {
    switch (id) {
    case 'b':
        self.backend = value;
        return true;
    case 'c':
        self.ca = value;
        return true;
    case 'C':
        self.cert = value;
        return true;
    case 'k':
        self.key = value;
        return true;
    case 'a':
        return add_address(value);
    case 'p':
        return read_number(value, &self.times.ping_ms);
    case 'P':
        return read_number(value, &self.times.pong_ms);
    case 'r':
        return read_number(value, &self.times.retry_base_ms);
    case 'e':
        return read_number(value, &self.expires);
    default:
        return false;
    }
}

/* "sips:USER@DOMAIN" */
static bool take_uri(const char *uri) {
    stls_error error;
    const char *user = strchr(uri, ':'), *at = strchr(uri, '@');
    if (user == NULL || at == NULL || (size_t)(at - user) > sizeof self.user) {
        return false;
    }
    if (stls_sip_target_read(uri, &self.me, &error) != STLS_OK) {
        fprintf(stderr, "ua: %s\n", error.text);
        return false;
    }
    memcpy(self.user, user + 1, (size_t)(at - user - 1));
    return self.me.secure;
}

static bool read_command_line(int argc, char **argv) {
    static const struct option options[] = {{"backend", required_argument, NULL, 'b'},
                                            {"ca", required_argument, NULL, 'c'},
                                            {"cert", required_argument, NULL, 'C'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"address", required_argument, NULL, 'a'},
                                            {"ping", required_argument, NULL, 'p'},
                                            {"pong", required_argument, NULL, 'P'},
                                            {"retry", required_argument, NULL, 'r'},
                                            {"expires", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int id;
    while ((id = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (id == 'h') {
            fputs(usage, stdout);
            exit(GOOD);
        }
        if (!take_option(id, optarg)) {
            return false;
        }
    }
    return optind + 1 < argc && take_uri(argv[optind]);
}

/* --- TLS */

static bool set_trust(stls_profile *profile, stls_error *error) {
    stls_trust *trust = stls_trust_new();
    bool good = trust != NULL &&
                (self.ca != NULL ? stls_trust_add_file(trust, self.ca, error)
                                 : stls_trust_add_system(trust, error)) == STLS_OK &&
                stls_profile_set_trust(profile, trust, error) == STLS_OK;
    stls_trust_free(trust);
    return good;
}

static bool set_credential(stls_profile *profile, const stls_backend *backend, stls_error *error) {
    if (self.cert == NULL) {
        return true;
    }
    stls_credential *credential = NULL;
    bool good =
        stls_credential_load(backend, self.cert, self.key, NULL, &credential, error) == STLS_OK &&
        stls_profile_set_credential(profile, credential, error) == STLS_OK;
    stls_credential_free(credential);
    return good;
}

static stls_context *make_context(void) {
    const stls_backend *backend =
        self.backend != NULL ? stls_backend_find(self.backend) : stls_backend_default();
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_error error = {.text = "no such backend"};
    if (backend == NULL ||
        stls_profile_new(backend, STLS_ROLE_CLIENT, &profile, &error) != STLS_OK ||
        !set_trust(profile, &error) || !set_credential(profile, backend, &error) ||
        stls_context_new(profile, &context, &error) != STLS_OK) {
        fprintf(stderr, "ua: %s\n", error.text);
    }
    stls_profile_free(profile);
    return context;
}

/* --- Actions */

static int unknown_action(const char *action) {
    fprintf(stderr, "ua: there is no action \"%s\"; --help has them\n", action);
    return USAGE;
}

static int start_action(const char *action) {
    const char *value = strchr(action, '=');
    size_t name = value != NULL ? (size_t)(value - action) : strlen(action);
    value = value != NULL ? value + 1 : NULL;
    if (strcmp(action, "register") == 0) {
        int status = open_flow();
        return status == GOOD ? send_register() : status;
    }
    if (name == 7 && strncmp(action, "options", name) == 0) {
        return send_options(value);
    }
    char body[1024];
    const char *uri = value != NULL ? strstr(value, "@sips:") : NULL;
    size_t len = value == NULL ? 0 : uri != NULL ? (size_t)(uri - value) : strlen(value);
    if (value == NULL || len >= sizeof body) {
        return unknown_action(action);
    }
    memcpy(body, value, len);
    body[len] = '\0';
    uri = uri != NULL ? uri + 1 : NULL;
    int bytes;
    if (name == 7 && strncmp(action, "message", name) == 0) {
        return send_message(body, len, uri);
    }
    if (name == 4 && strncmp(action, "long", name) == 0 && read_number(body, &bytes)) {
        return send_long((size_t)bytes, uri);
    }
    return unknown_action(action);
}

static void wait_seconds(int seconds) {
    int64_t end = now_ms() + (int64_t)seconds * 1000, left;
    while (!stops && (left = end - now_ms()) > 0) {
        sips_osip_turn(&self.sip, (int)left);
    }
}

static int run(char **actions) {
    for (; *actions != NULL && self.status == GOOD && !stops; actions++) {
        int seconds;
        if (strncmp(*actions, "wait=", 5) == 0 && read_number(*actions + 5, &seconds)) {
            wait_seconds(seconds);
            continue;
        }
        int status = start_action(*actions);
        if (status != GOOD) {
            return status;
        }
        while (self.waits && !stops) {
            sips_osip_turn(&self.sip, -1);
        }
    }
    return self.status;
}

static void set_callbacks(osip_t *osip) {
    for (int i = OSIP_NICT_STATUS_1XX_RECEIVED; i <= OSIP_NICT_STATUS_6XX_RECEIVED; i++) {
        osip_set_message_callback(osip, i, on_answer);
    }
    osip_set_message_callback(osip, OSIP_NICT_STATUS_TIMEOUT, on_silence);
    osip_set_transport_error_callback(osip, OSIP_NICT_TRANSPORT_ERROR, on_unsent);
}

int main(int argc, char **argv) {
    self.times = sips_transport_defaults();
    self.expires = 300;
    if (!read_command_line(argc, argv)) {
        fputs(usage, stderr);
        return USAGE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);
    random_text(self.tag, 16);
    random_text(self.call_id, 32);
    stls_context *context = make_context();
    if (context == NULL) {
        return USAGE;
    }
    self.sip.request = on_request;
    self.sip.opened = on_opened;
    self.sip.closed = on_closed;
    self.sip.locate = self.address_count > 0 ? on_locate : NULL;
    int status = USAGE;
    if (sips_osip_init(&self.sip, context, &self.times)) {
        set_callbacks(self.sip.osip);
        status = run(argv + optind + 1);
    }
    sips_osip_free(&self.sip);
    stls_context_free(context);
    return status;
}
