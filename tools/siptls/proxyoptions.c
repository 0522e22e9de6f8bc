/* SPDX-License-Identifier: MIT */
#include "commands.h"
#include "proxy.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char usage[] =
    "usage: siptls proxy [options] --cert FILE | --store FOLDER --to HOST:PORT\n"
    "\n"
    "Takes TLS connections and passes what is in them on to a server over TCP or TLS,\n"
    "byte by byte, both ways: TLS for a SIP server that has none. Prints \"listening\n"
    "on ADDRESS\" first; the log goes to stderr.\n"
    "\n"
    "Where it goes:\n"
    "  --to HOST:PORT       the server, over plain TCP\n"
    "  --to-tls URI         or over TLS: sips:host[:port]; port 5061 unless given\n"
    "  --to-address HOST:PORT\n"
    "                       with --to-tls: where TCP goes to; default: the URI's\n"
    "  --to-domain NAME     with --to-tls: the SIP domain that the server must prove;\n"
    "                       default: the URI's host\n"
    "  --to-identity MODE   sip (the default), https or none\n"
    "  --to-ca FILE         certificates to trust for it; \"system\" is the default\n"
    "  --to-crl FILE        CRLs; then the server's chain must be in none\n"
    "  --to-cert FILE, --to-key FILE, --to-password-file FILE\n"
    "                       our certificate for a server that asks for one\n"
    "\n"
    "Who we are, and whom we let in:\n"
    "  --listen HOST:PORT   default: 127.0.0.1:5061; port 0 takes any free port\n"
    "  --cert FILE          the certificate and its intermediates, PEM, leaf first\n"
    "  --key FILE           its private key; default: it is in the file of --cert\n"
    "  --password-file FILE the password of all keys is the first line of this file\n"
    "  --store FOLDER       in place of --cert and --client-ca: the certificate and\n"
    "                       the trusted certificates of a store; see \"siptls device\"\n"
    "  --profile PLACE#NAME the settings of a profile; see \"siptls profile\"\n"
    "  --host NAME=CERT[,KEY]\n"
    "                       another certificate for clients that ask for NAME (SNI);\n"
    "                       may be repeated\n"
    "  --strict-hosts       refuse clients that ask for no name, or for one without\n"
    "                       --host\n"
    "  --client-ca FILE     certificates that clients' certificates must end in; may\n"
    "                       be repeated; \"system\" stands for the system's CA bundle\n"
    "  --crl FILE           CRLs, PEM or DER; may be repeated\n"
    "  --crl-check MODE     off, leaf (the default if the store has CRLs), or chain\n"
    "                       (with --crl)\n"
    "  --verify MODE        none, optional, optional-any, or required, which is the\n"
    "                       default with --client-ca (see \"siptls serve --help\")\n"
    "  --tolerate FLAGS     accept in spite of these flaws: \"expired,wrong-usage\"\n"
    "  --tickets N, --ticket-secrets FILE\n"
    "                       with what they resume (see \"siptls serve --help\")\n"
    "\n"
    "TLS, on both sides:\n"
    "  --backend NAME       the TLS library; see \"siptls backends\"\n"
    "  --tls VERSION        1.2, 1.3 or 1.2-1.3 (the default)\n"
    "  --suites LIST, --groups LIST, --schemes LIST\n"
    "                       most wanted first, separated by ':'\n"
    "  --alpn LIST          application protocols: \"sip/2\"\n"
    "\n"
    "Bounds:\n"
    "  --threads N          threads that carry connections; default: 1\n"
    "  --max-connections N  clients at once; default: 20000. Each needs two\n"
    "                       descriptors\n"
    "  --max-handshakes N   of them in their handshake; default: 1000. Who comes\n"
    "                       beyond is closed before any cryptography\n"
    "  --timeout MS         for a handshake, and for TCP to the server; default:\n"
    "                       10000\n"
    "  --idle SECONDS       end connections on which nothing passes; default: never\n"
    "  --stats SECONDS      print the counters so often; default: never\n"
    "\n"
    "Signals:\n"
    "  HUP   read certificates, keys, trust, CRLs, secrets and the store again, and look\n"
    "        the server's name up again, for new connections; if something is wrong with\n"
    "        them, all stays as it is\n"
    "  USR1  print the counters, as one line of JSON\n"
    "  TERM, INT\n"
    "        accept no more, say goodbye to all, print the counters, end\n"
    "\n"
    "Examples:\n"
    "  siptls proxy --listen 0.0.0.0:5061 --cert s.pem --key s.key --to 127.0.0.1:5060\n"
    "  siptls proxy --store /etc/sip/certs --to-tls sips:pbx.example.com --threads 4\n"
    "\n"
    "Exit codes:\n"
    "  0  ended by a signal\n"
    "  1  the command line, or a file or setting in it, cannot be used\n"
    "  2  cannot listen\n";

enum own_option {
    OPTION_LISTEN = OPTION_OWN,
    OPTION_TO,
    OPTION_TO_TLS,
    OPTION_TO_ADDRESS,
    OPTION_TO_DOMAIN,
    OPTION_TO_IDENTITY,
    OPTION_TO_CA,
    OPTION_TO_CRL,
    OPTION_TO_CERT,
    OPTION_TO_KEY,
    OPTION_TO_PASSWORD_FILE,
    OPTION_THREADS,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_HANDSHAKES,
    OPTION_IDLE,
    OPTION_STATS,
};

const struct option proxy_command_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"backend", required_argument, NULL, OPTION_BACKEND},
    {"tls", required_argument, NULL, OPTION_TLS},
    {"suites", required_argument, NULL, OPTION_SUITES},
    {"groups", required_argument, NULL, OPTION_GROUPS},
    {"schemes", required_argument, NULL, OPTION_SCHEMES},
    {"alpn", required_argument, NULL, OPTION_ALPN},
    {"client-ca", required_argument, NULL, OPTION_CA},
    {"crl", required_argument, NULL, OPTION_CRL},
    {"crl-check", required_argument, NULL, OPTION_CRL_CHECK},
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"password-file", required_argument, NULL, OPTION_PASSWORD_FILE},
    {"tolerate", required_argument, NULL, OPTION_TOLERATE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"profile", required_argument, NULL, OPTION_PROFILE},
    {"store", required_argument, NULL, OPTION_STORE},
    {"host", required_argument, NULL, OPTION_HOST},
    {"strict-hosts", no_argument, NULL, OPTION_STRICT_HOSTS},
    {"verify", required_argument, NULL, OPTION_VERIFY},
    {"tickets", required_argument, NULL, OPTION_TICKETS},
    {"ticket-secrets", required_argument, NULL, OPTION_TICKET_SECRETS},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"to", required_argument, NULL, OPTION_TO},
    {"to-tls", required_argument, NULL, OPTION_TO_TLS},
    {"to-address", required_argument, NULL, OPTION_TO_ADDRESS},
    {"to-domain", required_argument, NULL, OPTION_TO_DOMAIN},
    {"to-identity", required_argument, NULL, OPTION_TO_IDENTITY},
    {"to-ca", required_argument, NULL, OPTION_TO_CA},
    {"to-crl", required_argument, NULL, OPTION_TO_CRL},
    {"to-cert", required_argument, NULL, OPTION_TO_CERT},
    {"to-key", required_argument, NULL, OPTION_TO_KEY},
    {"to-password-file", required_argument, NULL, OPTION_TO_PASSWORD_FILE},
    {"threads", required_argument, NULL, OPTION_THREADS},
    {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
    {"max-handshakes", required_argument, NULL, OPTION_MAX_HANDSHAKES},
    {"idle", required_argument, NULL, OPTION_IDLE},
    {"stats", required_argument, NULL, OPTION_STATS},
    {NULL, 0, NULL, 0},
};

static const char *command_of(const proxy_options *options) {
    return options->server.tls.command;
}

static bool take_number(const proxy_options *options, const char *name, const char *value,
                        unsigned max, unsigned *number) {
    if (!read_unsigned(value, 1, max, number)) {
        usage_error(command_of(options), "--%s takes a number from 1 to %u, not \"%s\"", name, max,
                    value);
        return false;
    }
    return true;
}

static bool take_address(proxy_options *options, const char *name, const char *value) {
    if (!net_split(value, options->to_host, options->to_port) ||
        strcmp(options->to_port, "0") == 0) {
        usage_error(command_of(options), "--%s takes host:port, not \"%s\"", name, value);
        return false;
    }
    return true;
}

static bool take_uri(proxy_options *options, const char *value) {
    stls_error error;
    if (stls_sip_target_read(value, &options->to_target, &error) != STLS_OK) {
        usage_error(command_of(options), "%s", error.text);
        return false;
    }
    if (strncasecmp(value, "sip:", 4) == 0 && !options->to_target.secure) {
        usage_error(command_of(options),
                    "\"%s\" does not ask for TLS: write sips:, or use --to host:port", value);
        return false;
    }
    options->to_tls = true;
    return true;
}

static bool take_bound(proxy_options *options, int id, const char *value) {
    enum { YEAR_S = 366 * 86400 };
    switch (id) {
    case OPTION_THREADS:
        return take_number(options, "threads", value, 256, &options->threads);
    case OPTION_MAX_CONNECTIONS:
        return take_number(options, "max-connections", value, 10000000, &options->max_connections);
    case OPTION_MAX_HANDSHAKES:
        return take_number(options, "max-handshakes", value, 10000000, &options->max_handshakes);
    case OPTION_IDLE:
        return take_number(options, "idle", value, YEAR_S, &options->idle_s);
    default:
        return take_number(options, "stats", value, YEAR_S, &options->stats_s);
    }
}

/* Options of the side towards the server, as take_option() knows them; 0: it is none. */
static int to_option(int id) {
    static const struct {
        int id, is;
    } same[] = {{OPTION_TO_CA, OPTION_CA},
                {OPTION_TO_CRL, OPTION_CRL},
                {OPTION_TO_CERT, OPTION_CERT},
                {OPTION_TO_KEY, OPTION_KEY},
                {OPTION_TO_PASSWORD_FILE, OPTION_PASSWORD_FILE},
                {OPTION_TO_IDENTITY, OPTION_IDENTITY}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        if (same[i].id == id) {
            return same[i].is;
        }
    }
    return 0;
}

static bool is_for_both(int id) {
    return id == OPTION_BACKEND || id == OPTION_TLS || id == OPTION_SUITES || id == OPTION_GROUPS ||
           id == OPTION_SCHEMES || id == OPTION_ALPN || id == OPTION_TIMEOUT;
}

static bool take(proxy_options *options, int id, const char *value) {
    switch (id) {
    case OPTION_LISTEN:
        options->listen = value;
        return true;
    case OPTION_TO:
        return take_address(options, "to", value);
    case OPTION_TO_ADDRESS:
        return take_address(options, "to-address", value);
    case OPTION_TO_TLS:
        return take_uri(options, value);
    case OPTION_TO_DOMAIN:
        options->to_domain = value;
        return true;
    case OPTION_THREADS:
    case OPTION_MAX_CONNECTIONS:
    case OPTION_MAX_HANDSHAKES:
    case OPTION_IDLE:
    case OPTION_STATS:
        return take_bound(options, id, value);
    default:
        break;
    }
    if (to_option(id) != 0) {
        return take_option(&options->to, to_option(id), value);
    }
    return take_server_option(&options->server, id, value) &&
           (!is_for_both(id) || take_option(&options->to, id, value));
}

/* -1: go on; otherwise the exit code. */
static int check(proxy_options *options, bool plain, bool by_address) {
    const char *command = command_of(options);
    if (!check_server_options(&options->server)) {
        return EXIT_USAGE;
    }
    if (plain == options->to_tls) {
        return usage_error(command, plain ? "--to and --to-tls: choose one"
                                          : "where it goes is missing: --to, or --to-tls");
    }
    const tls_options *to = &options->to;
    if (plain && (to->ca_count > 0 || to->crl_count > 0 || to->cert != NULL || to->key != NULL ||
                  to->password_file != NULL || to->identity != 0 || options->to_domain != NULL ||
                  by_address)) {
        return usage_error(command, "--to is plain TCP: the other --to-... need --to-tls");
    }
    if (to->cert == NULL && (to->key != NULL || to->password_file != NULL)) {
        return usage_error(command, "--to-key and --to-password-file need --to-cert");
    }
    if (plain) {
        return -1;
    }
    if (options->to_domain == NULL) {
        options->to_domain = options->to_target.host;
    }
    if (options->to_host[0] == '\0') {
        snprintf(options->to_host, sizeof options->to_host, "%s", options->to_target.host);
        snprintf(options->to_port, sizeof options->to_port, "%u",
                 options->to_target.port != 0 ? options->to_target.port : 5061U);
    }
    return -1;
}

int proxy_read_command_line(proxy_options *options, int argc, char **argv) {
    int id;
    bool plain = false, by_address = false;
    while ((id = getopt_long(argc, argv, "h", proxy_command_options, NULL)) != -1) {
        if (id == 'h') {
            fputs(usage, stdout);
            return EXIT_GOOD;
        }
        plain = plain || id == OPTION_TO;
        by_address = by_address || id == OPTION_TO_ADDRESS;
        if (!take(options, id, optarg)) {
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        return usage_error(command_of(options), "\"%s\" is too much", argv[optind]);
    }
    return check(options, plain, by_address);
}
