/* tool.h - what the files of the siptls command share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_H
#define SIPTLS_TOOL_H

#include <siptls/siptls.h>

/* The command's exit codes; docs/siptls.1 and every --help tell them. */
enum exit_code {
    EXIT_GOOD = 0,
    EXIT_USAGE = 1,      /* the command line, or a file or setting in it, cannot be used */
    EXIT_CONNECTION = 2, /* no connection: DNS, TCP, or nothing came in time */
    EXIT_TLS = 3,        /* TLS failed, or the peer refused us */
    EXIT_VERIFY = 4,     /* we refused the peer's certificate */
    EXIT_STATUS = 5,     /* SIP answered, but not with 2xx */
    EXIT_SIP = 6,        /* no SIP answer came, or something that is none */
};

int backends_main(int argc, char **argv);
int connect_main(int argc, char **argv);
int proxy_main(int argc, char **argv);
int serve_main(int argc, char **argv);
int verify_main(int argc, char **argv);

/* --- options.c */

enum { CA_FILES_MAX = 32, CRL_FILES_MAX = 32 };

/* What several subcommands take. Pointers are into argv. */
typedef struct tls_options {
    const char *command;               /* "siptls connect" */
    const char *backend;               /* NULL: the default one */
    uint16_t version_min, version_max; /* 0: the default ones */
    const char *suites, *groups, *schemes, *alpn;
    const char *ca[CA_FILES_MAX]; /* files, or "system" */
    size_t ca_count;
    const char *crl[CRL_FILES_MAX];
    size_t crl_count;
    stls_crl_mode crl_mode; /* 0: CHAIN with --crl, LEAF with CRLs of a store, else OFF */
    const char *cert, *key, *password_file;
    const char *profile, *store; /* PLACE#NAME, and another store than the place's */
    bool with_store;             /* make_profile() took trust and credential from a store */
    bool asks_nobody;            /* and the profile does not look who the peer is */
    stls_identity_mode identity; /* 0: the default one */
    uint32_t tolerated;
    unsigned timeout_ms;
    bool timeout_given;
    const char *keylog;
    int keylog_fd; /* 0: not open */
    bool json, quiet;
} tls_options;

/* Numbers of long options that have no letter; a subcommand's own begin at OPTION_OWN. */
enum option_id {
    OPTION_BACKEND = 256,
    OPTION_TLS,
    OPTION_SUITES,
    OPTION_GROUPS,
    OPTION_SCHEMES,
    OPTION_ALPN,
    OPTION_CA,
    OPTION_CRL,
    OPTION_CRL_CHECK,
    OPTION_CERT,
    OPTION_KEY,
    OPTION_PASSWORD_FILE,
    OPTION_IDENTITY,
    OPTION_TOLERATE,
    OPTION_TIMEOUT,
    OPTION_PROFILE,
    OPTION_STORE,
    OPTION_KEYLOG,
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_HOST, /* from here on: take_server_option() */
    OPTION_STRICT_HOSTS,
    OPTION_TICKETS,
    OPTION_TICKET_SECRETS,
    OPTION_VERIFY,
    OPTION_OWN,
};

/* Takes one of the options above; false after the reason was printed. */
bool take_option(tls_options *options, int id, const char *value);

/* For --backend: NULL after the reason was printed. */
const stls_backend *find_backend(const tls_options *options);

/* A credential from files; `password_file` and `key` may be NULL. NULL after the reason was
 * printed. */
stls_credential *load_credential(const tls_options *options, const stls_backend *backend,
                                 const char *cert, const char *key);

/* What a store has for a server: its trusted certificates, with the CRLs of --crl, into `*trust`
 * (NULL: not wanted), and the certificate that it sends. False after the reason was printed. */
bool load_store(const tls_options *options, const stls_backend *backend, const char *folder,
                stls_trust **trust, stls_credential **credential);

/* The trust of --ca with the CRLs of --crl; NULL after the reason was printed. */
stls_trust *load_trust(const tls_options *options);

/* A profile with the settings of the options, on top of those of --profile; without trust and
 * credential, unless `with_store` says so then. NULL after the reason was printed. */
stls_profile *make_profile(tls_options *options, const stls_backend *backend, stls_role role);

/* A number from `min` to `max`. */
bool read_unsigned(const char *text, unsigned min, unsigned max, unsigned *number);

/* --- serveroptions.c: what the subcommands that are TLS servers take besides */

enum { HOSTS_MAX = 32 };

typedef struct server_options {
    tls_options tls;
    const char *hosts[HOSTS_MAX];
    size_t host_count;
    bool strict_hosts;
    stls_verify_mode verify; /* 0: by --client-ca, until check_server_options(); then: what the
                                profile says */
    bool tickets_given;
    unsigned tickets;           /* if given; else one */
    const char *ticket_secrets; /* a file; NULL: a random one */
    unsigned max_handshakes;    /* 0: no limit */
    stls_ticket_ring *ring;     /* outlives contexts: the caller frees it at the end */
} server_options;

/* Takes one of the server's options, or of take_option(); false after the reason was printed. */
bool take_server_option(server_options *options, int id, const char *value);

/* Whether they go together; false after the reason was printed. */
bool check_server_options(server_options *options);

/* The one place where a server's profile is made: of what is in the files and in the store now.
 * NULL after the reason was printed. */
stls_context *make_server_context(server_options *options);

/* --- Complaints (options.c) */

/* Prints "siptls connect: ..." to stderr. */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From now on complaints, without the command in front, go to `log` and not to stderr. */
void complain_to(void (*log)(const char *text));

/* The same, with a hint at --help; returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
