/* siptls: TLS for SIP, on the command line.
 *
 * SPDX-License-Identifier: MIT */
#include "output.h"
#include "store.h"
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: siptls COMMAND [options]\n"
    "\n"
    "Tries and tests TLS as SIP uses it, on any of the TLS libraries that siptls is built with.\n"
    "\n"
    "  backends   which libraries there are, and what each can do\n"
    "  connect    call a SIP server: what was negotiated, who it is, does it answer OPTIONS\n"
    "  serve      be a small SIP registrar over TLS\n"
    "  verify     judge a certificate chain without any connection\n"
    "  store      keep the lists of trusted certificates in a folder\n"
    "  device     keep the device's own certificates there\n"
    "\n"
    "\"siptls COMMAND --help\" tells more about each; so does the manual page siptls(1).\n"
    "\"siptls --version\" prints the version.\n";

/* getopt_long begins its own messages with this, so that they read like ours. */
static int run(const char *name, int (*command)(int, char **), int argc, char **argv) {
    char full[32];
    snprintf(full, sizeof full, "siptls %s", name);
    argv[0] = full;
    int status = command(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "%s: cannot write the output: %s\n", full, strerror(errno));
        return EXIT_USAGE;
    }
    return status;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*command)(int, char **);
    } commands[] = {{"backends", backends_main},
                    {"connect", connect_main},
                    {"serve", serve_main},
                    {"verify", verify_main},
                    {"store", store_main},
                    {"device", device_main}};
    output_init();
    if (argc < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        return EXIT_GOOD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("siptls %s\n", stls_version());
        return EXIT_GOOD;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return run(commands[i].name, commands[i].command, argc - 1, argv + 1);
        }
    }
    return usage_error("siptls", "there is no command \"%s\"", argv[1]);
}
