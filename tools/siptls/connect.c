/* siptls connect: a phone that calls a SIP server over TLS and tells what it saw.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "output.h"
#include "phone.h"
#include "secrets.h"
#include "tool.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const char usage[] =
    "usage: siptls connect [options] sips:host[:port]\n"
    "\n"
    "Connects to a SIP server over TLS, tells what was negotiated and who the server\n"
    "proved to be, sends OPTIONS, and closes. The URI can also be\n"
    "sip:host;transport=tls, or a bare host[:port]. The port is 5061 unless given;\n"
    "NAPTR and SRV records are not looked up.\n"
    "\n"
    "Whom to trust:\n"
    "  --ca FILE            certificates to trust, PEM or DER; several times if need\n"
    "                       be. \"system\" stands for the system's CA bundle, which is\n"
    "                       the default\n"
    "  --crl FILE           a CRL, PEM or DER; several times if need be. Then every\n"
    "                       certificate below the trusted one must be in no CRL\n"
    "  --crl-check MODE     off, leaf (the peer's own certificate; the default if the\n"
    "                       store of --profile has CRLs) or chain (with --crl)\n"
    "  --identity MODE      how the server must name itself: sip (RFC 5922, the\n"
    "                       default: the whole SIP domain, no wildcard), https (RFC\n"
    "                       9525: wildcards, IP addresses) or none\n"
    "  --domain NAME        the SIP domain that the server must prove; default: the\n"
    "                       URI's host\n"
    "  --tolerate FLAGS     go on in spite of these flaws: \"expired,name-mismatch\"\n"
    "  --insecure           do not look at the server's certificate at all\n"
    "\n"
    "Who we are:\n"
    "  --cert FILE          our certificate and its intermediates, PEM, leaf first\n"
    "  --key FILE           its private key; default: it is in the file of --cert\n"
    "  --password-file FILE the key's password is the first line of this file\n"
    "\n"
    "How to connect:\n"
    "  --profile PLACE#NAME the settings of a named profile, which the other options\n"
    "                       change; PLACE is a file of profiles, or a store's folder,\n"
    "                       whose certificates are then used; see \"siptls profile\"\n"
    "  --store FOLDER       the store for a profile out of a file\n"
    "  --address HOST:PORT  where TCP goes to; default: the URI's host and port\n"
    "  --backend NAME       the TLS library; see \"siptls backends\"\n"
    "  --tls VERSION        1.2, 1.3 or 1.2-1.3 (the default)\n"
    "  --suites LIST        cipher suites, most wanted first, separated by ':'\n"
    "  --groups LIST        groups for the key exchange\n"
    "  --schemes LIST       signature schemes\n"
    "  --alpn LIST          application protocols: \"sip/2\"\n"
    "  --timeout MS         for TCP, for the handshake and for each answer; default:\n"
    "                       10000\n"
    "\n"
    "What to do:\n"
    "  --register USER      send REGISTER for this user before OPTIONS (for 60\n"
    "                       seconds)\n"
    "  --keepalive          send one CRLF keep-alive (RFC 5626) after OPTIONS\n"
    "  --reconnect N        then connect N times more, and tell of each whether the\n"
    "                       session was resumed, and how long the handshake took\n"
    "  --session FILE       resume the session in this file, if it is there, and keep\n"
    "                       the last one in it for the next run; needs --session-key\n"
    "  --session-key FILE   what seals it: one line of 64 hex digits; make it by\n"
    "                       \"openssl rand -hex 32\"\n"
    "  --keylog FILE        append the keys of the connection, so that wireshark can\n"
    "                       decrypt what is captured of it\n"
    "  --json               tell everything as one JSON object\n"
    "  --quiet              tell nothing but errors\n"
    "\n"
    "Examples:\n"
    "  siptls connect sips:sip.example.com\n"
    "  siptls connect --ca ca.pem --domain example.com --address 192.0.2.7:5061 sips:example.com\n"
    "  siptls connect --ca ca.pem --cert phone.pem --key phone.key --register alice "
    "sips:example.com\n"
    "  siptls connect --profile /etc/phone#sip sips:example.com\n"
    "\n"
    "Exit codes:\n"
    "  0  connected, and every SIP answer was 2xx\n"
    "  1  the command line, or a file or setting in it, cannot be used\n"
    "  2  no connection: name look-up, TCP, or nothing came in time\n"
    "  3  TLS failed, or the server refused us\n"
    "  4  the server's certificate was refused\n"
    "  5  a SIP answer was not 2xx\n"
    "  6  no SIP answer came, or something that is none\n";

enum own_option {
    OPTION_DOMAIN = OPTION_OWN,
    OPTION_INSECURE,
    OPTION_ADDRESS,
    OPTION_REGISTER,
    OPTION_KEEPALIVE,
    OPTION_RECONNECT,
    OPTION_SESSION,
    OPTION_SESSION_KEY,
};

const struct option connect_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"backend", required_argument, NULL, OPTION_BACKEND},
    {"tls", required_argument, NULL, OPTION_TLS},
    {"suites", required_argument, NULL, OPTION_SUITES},
    {"groups", required_argument, NULL, OPTION_GROUPS},
    {"schemes", required_argument, NULL, OPTION_SCHEMES},
    {"alpn", required_argument, NULL, OPTION_ALPN},
    {"ca", required_argument, NULL, OPTION_CA},
    {"crl", required_argument, NULL, OPTION_CRL},
    {"crl-check", required_argument, NULL, OPTION_CRL_CHECK},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"tolerate", required_argument, NULL, OPTION_TOLERATE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"store", required_argument, NULL, OPTION_STORE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"insecure", no_argument, NULL, OPTION_INSECURE},
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"register", required_argument, NULL, OPTION_REGISTER},
    {"keepalive", no_argument, NULL, OPTION_KEEPALIVE},
    {"reconnect", required_argument, NULL, OPTION_RECONNECT},
    {"session", required_argument, NULL, OPTION_SESSION},
    {"session-key", required_argument, NULL, OPTION_SESSION_KEY},
    {"keylog", required_argument, NULL, OPTION_KEYLOG},
    {NULL, 0, NULL, 0},
};

typedef struct connection {
    tls_options tls;
    const char *uri, *domain, *user;
    bool insecure, keepalive;
    unsigned reconnects;
    unsigned again; /* 0: the first connection; else one line tells it all */
    unsigned resumed, full;
    uint64_t resumed_ms, full_ms; /* of all of them together */
    session_file session;
    stls_sip_target target;
    char host[NET_HOST_SIZE], port[NET_PORT_SIZE]; /* where TCP goes to */
    char where[NET_ADDRESS_SIZE];
    json json;
} connection;

static bool tells(const connection *call) {
    return !call->tls.json && !call->tls.quiet && call->again == 0;
}

/* --- The command line */

static int take_address(connection *call, const char *value) {
    if (!net_split(value, call->host, call->port) || strcmp(call->port, "0") == 0) {
        return usage_error(call->tls.command, "--address takes host:port, not \"%s\"", value);
    }
    return EXIT_GOOD;
}

/* The characters of a user part (RFC 3261 section 25.1); escapes are the caller's. */
static bool is_user(const char *text) {
    return text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789-_.!~*'()&=+$,;?/%")] == '\0';
}

/* -1: go on; otherwise the exit code. */
static int take_own_option(connection *call, int id, const char *value) {
    switch (id) {
    case 'h':
        fputs(usage, stdout);
        return EXIT_GOOD;
    case OPTION_DOMAIN:
        call->domain = value;
        return -1;
    case OPTION_INSECURE:
        call->insecure = true;
        return -1;
    case OPTION_ADDRESS:
        return take_address(call, value) == EXIT_GOOD ? -1 : EXIT_USAGE;
    case OPTION_REGISTER:
        call->user = value;
        return is_user(value)
                   ? -1
                   : usage_error(call->tls.command,
                                 "--register takes the user part of a SIP URI, not \"%s\"", value);
    case OPTION_KEEPALIVE:
        call->keepalive = true;
        return -1;
    case OPTION_RECONNECT:
        return read_unsigned(value, 1, 100000, &call->reconnects)
                   ? -1
                   : usage_error(call->tls.command,
                                 "--reconnect takes a number from 1 to 100000, not \"%s\"", value);
    case OPTION_SESSION:
        call->session.path = value;
        return -1;
    case OPTION_SESSION_KEY:
        call->session.key_path = value;
        return -1;
    default:
        return take_option(&call->tls, id, value) ? -1 : EXIT_USAGE;
    }
}

static int check_options(connection *call) {
    const char *command = call->tls.command;
    stls_error error;
    if (stls_sip_target_read(call->uri, &call->target, &error) != STLS_OK) {
        return usage_error(command, "%s", error.text);
    }
    if (strncasecmp(call->uri, "sip:", 4) == 0 && !call->target.secure) {
        return usage_error(command, "\"%s\" does not ask for TLS: write sips:, or ;transport=tls",
                           call->uri);
    }
    if (call->insecure &&
        (call->tls.ca_count > 0 || call->tls.crl_count > 0 || call->tls.tolerated != 0)) {
        return usage_error(command, "--insecure looks at no certificate, so --ca, --crl and "
                                    "--tolerate make no sense with it");
    }
    if (call->tls.store != NULL && call->tls.profile == NULL) {
        return usage_error(command, "--store needs --profile");
    }
    bool may_have_key = call->tls.cert != NULL || call->tls.profile != NULL;
    if ((call->tls.cert == NULL && call->tls.key != NULL) ||
        (!may_have_key && call->tls.password_file != NULL)) {
        return usage_error(command, "--key and --password-file need --cert");
    }
    if ((call->session.path == NULL) != (call->session.key_path == NULL)) {
        return usage_error(command, "--session and --session-key need each other");
    }
    if (call->domain == NULL) {
        call->domain = call->target.host;
    }
    if (call->host[0] == '\0') {
        snprintf(call->host, sizeof call->host, "%s", call->target.host);
        snprintf(call->port, sizeof call->port, "%u",
                 call->target.port != 0 ? call->target.port : 5061U);
    }
    return -1;
}

static int read_command_line(connection *call, int argc, char **argv) {
    int id;
    while ((id = getopt_long(argc, argv, "h", connect_options, NULL)) != -1) {
        int status = take_own_option(call, id, optarg);
        if (status != -1) {
            return status;
        }
    }
    if (optind != argc - 1) {
        return usage_error(call->tls.command, optind == argc
                                                  ? "whom to connect to is missing: sips:host"
                                                  : "one URI is enough");
    }
    call->uri = argv[optind];
    return check_options(call);
}

/* --- The context */

/* Whether `result` is OK; if not, the reason is printed. */
static bool is_fine(const connection *call, stls_result result, const stls_error *error) {
    if (result != STLS_OK) {
        complain(call->tls.command, "%s", error->text);
    }
    return result == STLS_OK;
}

static bool set_trust(connection *call, stls_profile *profile) {
    stls_error error;
    if (call->insecure) {
        stls_result result = stls_profile_set_verify(profile, STLS_VERIFY_NONE, &error);
        return is_fine(call, result, &error);
    }
    if (call->tls.asks_nobody && (call->tls.ca_count > 0 || call->tls.crl_count > 0)) {
        complain(call->tls.command, "the profile looks at no certificate (verify = none), so --ca "
                                    "and --crl make no sense with it");
        return false;
    }
    if (call->tls.ca_count == 0 && call->tls.with_store) {
        if (call->tls.crl_count > 0) {
            complain(call->tls.command, "--crl needs --ca; for those whom the profile's store "
                                        "trusts, put it into the store: siptls store add-crl");
        }
        return call->tls.crl_count == 0;
    }
    if (call->tls.ca_count == 0) {
        call->tls.ca[call->tls.ca_count++] = "system";
    }
    stls_trust *trust = load_trust(&call->tls);
    bool good =
        trust != NULL && is_fine(call, stls_profile_set_trust(profile, trust, &error), &error);
    stls_trust_free(trust);
    return good;
}

static bool set_credential(const connection *call, const stls_backend *backend,
                           stls_profile *profile) {
    if (call->tls.cert == NULL) {
        return true;
    }
    stls_error error;
    stls_credential *credential =
        load_credential(&call->tls, backend, call->tls.cert, call->tls.key);
    bool good = credential != NULL &&
                is_fine(call, stls_profile_set_credential(profile, credential, &error), &error);
    stls_credential_free(credential);
    return good;
}

static stls_context *make_context(connection *call) {
    const stls_backend *backend = find_backend(&call->tls);
    stls_profile *profile =
        backend != NULL ? make_profile(&call->tls, backend, STLS_ROLE_CLIENT) : NULL;
    stls_context *context = NULL;
    stls_error error;
    if (profile != NULL && set_trust(call, profile) && set_credential(call, backend, profile)) {
        (void)is_fine(call, stls_context_new(profile, &context, &error), &error);
    }
    stls_profile_free(profile);
    return context;
}

/* --- What it tells */

static void begin_json(connection *call, const stls_context *context) {
    const stls_backend *backend = stls_context_backend(context);
    call->json = json_to(stdout);
    json_object(&call->json, NULL);
    json_text(&call->json, "uri", call->uri);
    json_text(&call->json, "domain", call->domain);
    json_object(&call->json, "backend");
    json_text(&call->json, "name", stls_backend_name(backend));
    json_text(&call->json, "version", stls_backend_version_running(backend));
    json_object_end(&call->json);
}

static int end_json(connection *call, int status) {
    if (call->tls.json) {
        json_number(&call->json, "exit", status);
        json_object_end(&call->json);
    }
    return status;
}

static int tell_no_connection(connection *call, const char *why) {
    if (!call->tls.json) {
        complain(call->tls.command, "%s", why);
    } else {
        json_text(&call->json, "address", call->where[0] != '\0' ? call->where : NULL);
        json_bool(&call->json, "secure", false);
        json_object(&call->json, "error");
        json_text(&call->json, "result", "no connection");
        json_text(&call->json, "text", why);
        json_object_end(&call->json);
    }
    return EXIT_CONNECTION;
}

static int exit_code_of(const stls_error *error, bool in_handshake) {
    switch (error->result) {
    case STLS_E_VERIFY:
        return EXIT_VERIFY;
    case STLS_E_TIMEOUT:
        return EXIT_CONNECTION;
    case STLS_CLOSED:
    case STLS_EOF:
        return in_handshake ? EXIT_TLS : EXIT_SIP;
    default:
        return EXIT_TLS;
    }
}

static int tell_failure(connection *call, stls_conn *conn, bool in_handshake) {
    const stls_error *error = stls_conn_error(conn);
    const stls_verdict *verdict = stls_conn_verdict(conn);
    if (call->tls.json) {
        output_failure_json(&call->json, error, verdict);
    } else {
        output_failure(call->tls.command, error, verdict);
    }
    return exit_code_of(error, in_handshake);
}

static void tell_peer_json(connection *call, const stls_conn *conn) {
    json_text(&call->json, "address", call->where);
    json_bool(&call->json, "secure", stls_conn_is_secure(conn));
    output_handshake_json(&call->json, conn);
    output_chain_json(&call->json, conn);
    output_verdict_json(&call->json, stls_conn_verdict(conn));
}

static void tell_peer(const connection *call, const stls_conn *conn) {
    bool secure = stls_conn_is_secure(conn);
    printf("%s %s at %s%s\n", output_lock(secure), call->domain, call->where,
           secure ? " has proved who it is" : "");
    output_handshake(conn);
    output_verdict(stls_conn_verdict(conn));
    puts("  The server's certificates:");
    output_chain(conn);
}

/* --reconnect: what is of interest now, and its share in the summary. */
static void tell_reconnection(connection *call, const stls_conn *conn) {
    stls_conn_info info;
    stls_conn_get_info(conn, &info);
    *(info.resumed ? &call->resumed : &call->full) += 1;
    *(info.resumed ? &call->resumed_ms : &call->full_ms) += info.handshake_ms;
    if (call->tls.json) {
        json_bool(&call->json, "secure", stls_conn_is_secure(conn));
        json_bool(&call->json, "resumed", info.resumed);
        json_number(&call->json, "handshake_ms", info.handshake_ms);
    } else if (!call->tls.quiet) {
        printf("    %-12u  %s %s, in %u ms\n", call->again, output_lock(stls_conn_is_secure(conn)),
               info.resumed ? "resumed" : "full handshake", info.handshake_ms);
    }
}

static void tell_share(const char *what, unsigned count, uint64_t ms) {
    printf("    %-12s  %u", what, count);
    if (count > 0) {
        printf(", %.1f ms each", (double)ms / count);
    }
    putchar('\n');
}

static void tell_summary(connection *call, unsigned failed) {
    if (call->tls.json) {
        json_object(&call->json, "reconnected");
        json_number(&call->json, "resumed", call->resumed);
        json_number(&call->json, "full", call->full);
        json_number(&call->json, "failed", failed);
        json_object_end(&call->json);
    } else if (!call->tls.quiet) {
        puts("  In all, without the first:");
        tell_share("resumed", call->resumed, call->resumed_ms);
        tell_share("full", call->full, call->full_ms);
        if (failed > 0) {
            tell_share("failed", failed, 0);
        }
    }
}

static void tell_session(connection *call, const char *name, const char *note) {
    if (note[0] == '\0') {
        return;
    }
    if (call->tls.json) {
        json_text(&call->json, name, note);
    } else if (tells(call)) {
        printf("  Session in %s: %s\n", call->session.path, note);
    }
}

static int tell_refused_peer(connection *call, stls_conn *conn) {
    if (call->tls.json) {
        tell_peer_json(call, conn);
    } else if (tells(call) && stls_conn_peer_count(conn) > 0) {
        printf("%s %s at %s showed these certificates:\n", output_lock(false), call->domain,
               call->where);
        output_chain(conn);
    }
    return tell_failure(call, conn, true);
}

/* --- SIP */

static int tell_silence(connection *call, const sip_phone *phone, phone_outcome outcome,
                        const char *what) {
    const char *why = outcome == PHONE_SILENCE  ? "no answer in time"
                      : outcome == PHONE_BROKEN ? phone->reader.why
                                                : "out of memory";
    if (!call->tls.json) {
        complain(call->tls.command, "%s: %s%s", what,
                 outcome == PHONE_BROKEN ? "what came is no answer: " : "", why);
    } else {
        json_object(&call->json, "error");
        json_text(&call->json, "result", "no SIP answer");
        json_text(&call->json, "text", why);
        json_object_end(&call->json);
    }
    return EXIT_SIP;
}

static int tell_answer(connection *call, const char *method, const sip_message *answer,
                       int64_t ms) {
    char reason[128], contact[256] = "";
    sip_slice value;
    output_foreign(answer->reason.data, answer->reason.len, reason, sizeof reason);
    if (strcmp(method, "REGISTER") == 0 && sip_message_header(answer, "Contact", 0, &value)) {
        output_foreign(value.data, value.len, contact, sizeof contact);
    }
    if (call->tls.json) {
        json_object(&call->json, method);
        json_number(&call->json, "status", answer->status);
        json_text(&call->json, "reason", reason);
        json_text(&call->json, "contact", contact[0] != '\0' ? contact : NULL);
        json_number(&call->json, "ms", ms);
        json_object_end(&call->json);
    } else if (tells(call)) {
        printf("    %-12s  %d %s, after %d ms\n", method, answer->status, reason, (int)ms);
        if (contact[0] != '\0') {
            printf("                  Contact: %s\n", contact);
        }
    }
    bool wants_password = answer->status == 401 || answer->status == 407;
    if (answer->status >= 300 && !call->tls.json) {
        complain(call->tls.command, "%s was answered with %d %s%s", method, answer->status, reason,
                 wants_password ? ": the server asks for a password, which this command has not"
                                : "");
    }
    return answer->status < 300 ? EXIT_GOOD : EXIT_STATUS;
}

static int ask(connection *call, sip_phone *phone, const char *method) {
    sip_message answer;
    int64_t start = net_now();
    phone_outcome outcome = phone_ask(phone, method, &answer);
    switch (outcome) {
    case PHONE_ANSWERED:
        return tell_answer(call, method, &answer, net_now() - start);
    case PHONE_TLS:
        return tell_failure(call, phone->conn, false);
    case PHONE_SILENCE:
    case PHONE_BROKEN:
    case PHONE_MEMORY:
        break;
    }
    return tell_silence(call, phone, outcome, method);
}

static int ping(connection *call, sip_phone *phone) {
    int64_t start = net_now();
    phone_outcome outcome = phone_ping(phone);
    if (outcome == PHONE_TLS) {
        return tell_failure(call, phone->conn, false);
    }
    if (outcome != PHONE_ANSWERED) {
        return tell_silence(call, phone, outcome, "keep-alive");
    }
    int64_t ms = net_now() - start;
    if (call->tls.json) {
        json_object(&call->json, "keepalive");
        json_number(&call->json, "ms", ms);
        json_object_end(&call->json);
    } else if (tells(call)) {
        printf("    %-12s  answered after %d ms\n", "keep-alive", (int)ms);
    }
    return EXIT_GOOD;
}

static void hang_up(connection *call, sip_phone *phone) {
    bool clean = phone_close(phone) == STLS_CLOSED;
    if (call->tls.json) {
        json_bool(&call->json, "closed_cleanly", clean);
    } else if (tells(call)) {
        printf("    %-12s  %s\n", "closed",
               clean ? "cleanly, by both sides" : "by us; the server did not say goodbye");
    }
}

static int talk(connection *call, sip_phone *phone) {
    int status = EXIT_GOOD;
    if (tells(call)) {
        puts("  SIP:");
    }
    if (call->user != NULL) {
        status = ask(call, phone, "REGISTER");
    }
    if (status == EXIT_GOOD) {
        status = ask(call, phone, "OPTIONS");
    }
    if (status == EXIT_GOOD && call->keepalive) {
        status = ping(call, phone);
    }
    if (status == EXIT_GOOD || status == EXIT_STATUS || status == EXIT_SIP) { /* TLS is still up */
        hang_up(call, phone);
    }
    return status;
}

/* --- One call from beginning to end */

static int run_on(connection *call, stls_conn *conn, int fd) {
    char domain[STLS_SIP_HOST_SIZE + 2];
    bool sips = strncasecmp(call->uri, "sip:", 4) != 0;
    snprintf(domain, sizeof domain, strchr(call->domain, ':') != NULL ? "[%s]" : "%s",
             call->domain);
    sip_phone phone = phone_on(conn, sips ? "sips" : "sip", domain, call->user);
    phone.timeout_ms = call->tls.timeout_ms;
    net_local_address(fd, phone.local);
    int status;
    if (phone_handshake(&phone) != STLS_OK) {
        status = tell_refused_peer(call, conn);
    } else {
        if (call->again > 0) {
            tell_reconnection(call, conn);
        } else if (call->tls.json) {
            tell_peer_json(call, conn);
        } else if (tells(call)) {
            tell_peer(call, conn);
        }
        status = talk(call, &phone);
    }
    phone_free(&phone);
    return status;
}

static int run(connection *call, stls_context *context) {
    char why[NET_WHY_SIZE];
    int fd = net_connect(call->host, call->port, call->tls.timeout_ms, call->where, why);
    if (fd < 0) {
        return tell_no_connection(call, why);
    }
    stls_conn *conn = NULL;
    stls_error error;
    int status = EXIT_USAGE;
    if (is_fine(call, stls_conn_new(context, call->domain, &conn, &error), &error) &&
        is_fine(call, stls_conn_set_fd(conn, fd, &error), &error)) {
        status = run_on(call, conn, fd);
    }
    stls_conn_free(conn);
    close(fd);
    return status;
}

static int run_again(connection *call, stls_context *context) {
    if (!call->tls.json) {
        return run(call, context);
    }
    json_object(&call->json, NULL);
    int status = run(call, context);
    json_object_end(&call->json);
    return status;
}

/* The first connection's exit code `status`, or that of the first that failed after it. */
static int reconnect(connection *call, stls_context *context, int status) {
    if (call->tls.json) {
        json_array(&call->json, "reconnects");
    } else if (tells(call)) {
        puts("  Again:");
    }
    while (call->again < call->reconnects) {
        call->again++;
        int next = run_again(call, context);
        status = status == EXIT_GOOD ? next : status;
    }
    call->again = 0;
    if (call->tls.json) {
        json_array_end(&call->json);
    }
    tell_summary(call, call->reconnects - call->resumed - call->full);
    return status;
}

static int run_all(connection *call, stls_context *context) {
    char note[SESSION_NOTE_SIZE];
    if (!take_session(&call->session, call->tls.command, context, note)) {
        return EXIT_USAGE;
    }
    tell_session(call, "session_taken", note);
    int status = run(call, context);
    bool was_connected = status == EXIT_GOOD || status == EXIT_STATUS || status == EXIT_SIP;
    if (was_connected && call->reconnects > 0) {
        status = reconnect(call, context, status);
    }
    if (!keep_session(&call->session, call->tls.command, context, call->domain, note)) {
        return status == EXIT_GOOD ? EXIT_USAGE : status;
    }
    tell_session(call, "session_kept", note);
    return status;
}

int connect_main(int argc, char **argv) {
    connection call = {.tls = {.command = "siptls connect", .timeout_ms = 10000}};
    int status = read_command_line(&call, argc, argv);
    if (status != -1) {
        return status;
    }
    stls_context *context = make_context(&call);
    if (context == NULL) {
        return EXIT_USAGE;
    }
    if (call.insecure) {
        complain(call.tls.command,
                 "--insecure: the server's certificate is NOT looked at; anybody can "
                 "be at the other end");
    }
    if (call.tls.json) {
        begin_json(&call, context);
    }
    status = end_json(&call, run_all(&call, context));
    stls_context_free(context);
    return status;
}
