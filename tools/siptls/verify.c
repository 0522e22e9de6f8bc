/* siptls verify: the verdict on a chain, without any connection.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "output.h"
#include "tool.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: siptls verify [options] --ca FILE CHAIN\n"
    "\n"
    "Judges the certificates in the file CHAIN (PEM, the leaf first; or one as DER)\n"
    "as a handshake would, and prints the path, the verdict and its flags. A\n"
    "certificate that is in the file twice counts once.\n"
    "\n"
    "  --ca FILE            certificates to trust, PEM or DER; several times if need\n"
    "                       be; \"system\" stands for the system's CA bundle\n"
    "  --crl FILE           a CRL, PEM or DER; several times if need be. Then every\n"
    "                       certificate below the trusted one must be in no CRL\n"
    "  --crl-check MODE     off, leaf (the peer's own certificate) or chain, which is\n"
    "                       the default with --crl\n"
    "  --name NAME          whom the leaf must name: a SIP domain, DNS name or IP\n"
    "                       address; default: any\n"
    "  --identity MODE      by which rules: sip (RFC 5922, default), https (RFC\n"
    "                       9525), none\n"
    "  --role ROLE          what the leaf is used as: server (default) or client\n"
    "  --time TIME          judge as if it were 2026-12-24, 2026-12-24T18:00:00Z, or\n"
    "                       a number of seconds since 1970; or \"unset\": as a device\n"
    "                       would whose clock is not set\n"
    "  --tolerate FLAGS     accept in spite of these flaws: \"expired,name-mismatch\"\n"
    "  --backend NAME       the TLS library whose signature checks are used\n"
    "  --json               as one JSON object\n"
    "  --quiet              print nothing; the exit code tells\n"
    "\n"
    "Examples:\n"
    "  siptls verify --ca ca.pem --name sip.example.com server.pem\n"
    "  siptls verify --ca phones-ca.pem --role client --time 2030-01-01 phone.pem\n"
    "\n"
    "Exit codes:\n"
    "  0  accepted\n"
    "  1  the command line, or a file or setting in it, cannot be used\n"
    "  4  rejected\n";

enum own_option {
    OPTION_NAME = OPTION_OWN,
    OPTION_ROLE,
    OPTION_TIME,
};

const struct option verify_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"backend", required_argument, NULL, OPTION_BACKEND},
    {"ca", required_argument, NULL, OPTION_CA},
    {"crl", required_argument, NULL, OPTION_CRL},
    {"crl-check", required_argument, NULL, OPTION_CRL_CHECK},
    {"identity", required_argument, NULL, OPTION_IDENTITY},
    {"tolerate", required_argument, NULL, OPTION_TOLERATE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"name", required_argument, NULL, OPTION_NAME},
    {"role", required_argument, NULL, OPTION_ROLE},
    {"time", required_argument, NULL, OPTION_TIME},
    {NULL, 0, NULL, 0},
};

enum { CHAIN_MAX = 256 };

typedef struct question {
    tls_options tls;
    const char *file, *name;
    stls_role leaf_role;
    int64_t now;
    bool unset;        /* `now` is for showing dates only */
    stls_trust *chain; /* only to read the file: it keeps the certificates in their order */
    stls_bytes certificates[CHAIN_MAX];
    size_t count;
} question;

/* --- The command line */

/* Days from 1970-01-01 of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day) {
    int64_t y =
        month <= 2 ? year - 1 : year; /* a year that begins in March ends with its leap day */
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool take_digits(const char **text, size_t count, int min, int max, int *number) {
    *number = 0;
    for (size_t i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9') {
            return false;
        }
        *number = *number * 10 + (**text - '0');
    }
    return *number >= min && *number <= max;
}

static bool take_char(const char **text, char wanted) {
    bool found = **text == wanted;
    *text += found;
    return found;
}

static bool read_iso_time(const char *text, int64_t *seconds) {
    static const int lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour = 0, minute = 0, second = 0;
    if (!take_digits(&text, 4, 1, 9999, &year) || !take_char(&text, '-') ||
        !take_digits(&text, 2, 1, 12, &month) || !take_char(&text, '-') ||
        !take_digits(&text, 2, 1, lengths[month - 1], &day)) {
        return false;
    }
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2 && day == 29 && !leap) {
        return false;
    }
    if (take_char(&text, 'T') &&
        (!take_digits(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
         !take_digits(&text, 2, 0, 59, &minute) ||
         (take_char(&text, ':') && !take_digits(&text, 2, 0, 59, &second)))) {
        return false;
    }
    (void)take_char(&text, 'Z');
    *seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    return *text == '\0';
}

static int take_time(question *self, const char *value) {
    unsigned seconds;
    self->unset = strcmp(value, "unset") == 0;
    if (self->unset) {
        return -1;
    }
    if (read_unsigned(value, 0, UINT32_MAX, &seconds)) {
        self->now = seconds;
        return -1;
    }
    return read_iso_time(value, &self->now)
               ? -1
               : usage_error(self->tls.command,
                             "--time takes 2026-12-24, 2026-12-24T18:00:00Z, seconds since "
                             "1970 or unset, not \"%s\"",
                             value);
}

static int take_role(question *self, const char *value) {
    bool server = strcmp(value, "server") == 0;
    if (!server && strcmp(value, "client") != 0) {
        return usage_error(self->tls.command, "--role takes server or client, not \"%s\"", value);
    }
    self->leaf_role = server ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT;
    return -1;
}

/* -1: go on; otherwise the exit code. */
static int take_own_option(question *self, int id, const char *value) {
    switch (id) {
    case 'h':
        fputs(usage, stdout);
        return EXIT_GOOD;
    case OPTION_NAME:
        self->name = value;
        return -1;
    case OPTION_ROLE:
        return take_role(self, value);
    case OPTION_TIME:
        return take_time(self, value);
    default:
        return take_option(&self->tls, id, value) ? -1 : EXIT_USAGE;
    }
}

static int read_command_line(question *self, int argc, char **argv) {
    int id;
    while ((id = getopt_long(argc, argv, "h", verify_options, NULL)) != -1) {
        int status = take_own_option(self, id, optarg);
        if (status != -1) {
            return status;
        }
    }
    if (optind != argc - 1) {
        return usage_error(self->tls.command, optind == argc ? "the file with the chain is missing"
                                                             : "one file with the chain is enough");
    }
    if (self->tls.ca_count == 0) {
        return usage_error(self->tls.command, "whom to trust is missing: --ca");
    }
    self->file = argv[optind];
    return -1;
}

/* --- The context: a server's chain is judged by a client's, a client's by a server's */

static int64_t clock_of(void *asked) {
    const question *self = asked;
    return self->unset ? STLS_CLOCK_NOT_SET : self->now;
}

/* A server asks its clients for a name in mode LIST only. */
static bool set_name(const question *self, stls_profile *profile, stls_error *error) {
    if (self->name == NULL) {
        return stls_profile_set_identity(profile, STLS_IDENTITY_NONE, 0, error) == STLS_OK;
    }
    return self->leaf_role == STLS_ROLE_SERVER || self->tls.identity == STLS_IDENTITY_NONE ||
           (stls_profile_set_identity(profile, STLS_IDENTITY_LIST, 0, error) == STLS_OK &&
            stls_profile_add_name(profile, self->name, error) == STLS_OK);
}

static bool fill_profile(question *self, stls_profile *profile, stls_trust *trust,
                         stls_error *error) {
    return stls_profile_set_trust(profile, trust, error) == STLS_OK &&
           stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, error) == STLS_OK &&
           stls_profile_set_clock(profile, clock_of, self, error) == STLS_OK &&
           set_name(self, profile, error);
}

static stls_context *make_context(question *self) {
    const stls_backend *backend = find_backend(&self->tls);
    stls_role role = self->leaf_role == STLS_ROLE_SERVER ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER;
    stls_profile *profile = backend != NULL ? make_profile(&self->tls, backend, role) : NULL;
    stls_trust *trust = profile != NULL ? load_trust(&self->tls) : NULL;
    stls_context *context = NULL;
    stls_error error;
    if (trust != NULL && (!fill_profile(self, profile, trust, &error) ||
                          stls_context_new_verifier(profile, &context, &error) != STLS_OK)) {
        complain(self->tls.command, "%s", error.text);
    }
    stls_trust_free(trust);
    stls_profile_free(profile);
    return context;
}

/* --- Judging and telling */

static bool read_chain(question *self) {
    stls_error error = {.text = "out of memory"};
    self->chain = stls_trust_new();
    if (self->chain == NULL || stls_trust_add_file(self->chain, self->file, &error) != STLS_OK) {
        complain(self->tls.command, "%s", error.text);
        return false;
    }
    self->count = stls_trust_count(self->chain);
    if (self->count > CHAIN_MAX) {
        complain(self->tls.command, "%s: more than %d certificates", self->file, CHAIN_MAX);
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        self->certificates[i] = stls_trust_at(self->chain, i);
    }
    return true;
}

static void tell_json(const question *self, const stls_backend *backend,
                      const stls_verdict *verdict, int status) {
    char date[OUTPUT_DATE_SIZE];
    json writer = json_to(stdout);
    output_date_and_time(self->now, date);
    json_object(&writer, NULL);
    json_text(&writer, "file", self->file);
    json_text(&writer, "backend", stls_backend_name(backend));
    json_text(&writer, "time", self->unset ? "unset" : date);
    json_text(&writer, "wanted_name", self->name);
    json_array(&writer, "certificates");
    for (size_t i = 0; i < self->count; i++) {
        output_certificate_json(&writer, NULL, backend, self->certificates[i], self->now);
    }
    json_array_end(&writer);
    output_verdict_json(&writer, verdict);
    json_number(&writer, "exit", status);
    json_object_end(&writer);
}

static void tell(const question *self, const stls_backend *backend, const stls_verdict *verdict) {
    char label[16];
    printf("%s: %s\n", verdict->state == STLS_VERDICT_ACCEPTED ? "accepted" : "rejected",
           verdict->text);
    output_flags(verdict);
    puts("  The path, leaf first:");
    for (size_t i = 0; i < verdict->path_len; i++) {
        uint8_t index = verdict->path[i];
        if (index == STLS_PATH_ANCHOR) {
            puts("    a trust anchor");
            continue;
        }
        snprintf(label, sizeof label, "%u", index);
        output_certificate(backend, self->certificates[index], label, self->now);
    }
    if (verdict->path_len == 0) {
        puts("    none");
    }
}

static int judge(question *self, stls_context *context) {
    stls_verdict verdict;
    stls_error error;
    stls_result result =
        stls_verify(context, self->certificates, self->count,
                    self->leaf_role == STLS_ROLE_SERVER ? self->name : NULL, &verdict, &error);
    if (result != STLS_OK && result != STLS_E_VERIFY) {
        complain(self->tls.command, "%s", error.text);
        return EXIT_USAGE;
    }
    int status = result == STLS_OK ? EXIT_GOOD : EXIT_VERIFY;
    if (self->tls.json) {
        tell_json(self, stls_context_backend(context), &verdict, status);
    } else if (!self->tls.quiet) {
        tell(self, stls_context_backend(context), &verdict);
    }
    return status;
}

int verify_main(int argc, char **argv) {
    static question self = {.tls = {.command = "siptls verify", .timeout_ms = 10000},
                            .leaf_role = STLS_ROLE_SERVER};
    self.now = time(NULL);
    int status = read_command_line(&self, argc, argv);
    if (status != -1) {
        return status;
    }
    status = EXIT_USAGE;
    stls_context *context = read_chain(&self) ? make_context(&self) : NULL;
    if (context != NULL) {
        status = judge(&self, context);
    }
    stls_context_free(context);
    stls_trust_free(self.chain);
    return status;
}
