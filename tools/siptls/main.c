/* siptls: TLS for SIP, on the command line.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: siptls COMMAND [options]\n"
    "\n"
    "Tries and tests TLS as SIP uses it, on any of the TLS libraries that siptls is built with.\n"
    "\n"
    "  backends   which libraries there are, and what each can do\n"
    "  connect    call a SIP server: what was negotiated, who it is, does it answer OPTIONS\n"
    "  serve      be a small SIP registrar over TLS\n"
    "  proxy      put TLS in front of a server that has none\n"
    "  verify     judge a certificate chain without any connection\n"
    "  store      keep the lists of trusted certificates in a folder\n"
    "  device     keep the device's own certificates there\n"
    "  profile    keep named TLS profiles, one for each service\n"
    "  completion let the shell complete all of this\n"
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

const tool_command tool_commands[] = {
    {"backends", backends_main, backends_options, NULL, ""},
    {"connect", connect_main, connect_options, NULL, ""},
    {"serve", serve_main, serve_options, NULL, ""},
    {"proxy", proxy_main, proxy_command_options, NULL, ""},
    {"verify", verify_main, verify_options, NULL, "@file"},
    {"store", store_main, store_options, store_actions, NULL},
    {"device", device_main, store_options, device_actions, NULL},
    {"profile", profile_main, store_options, profile_actions, NULL},
    {"completion", completion_main, completion_options, NULL, "bash"},
    {NULL, NULL, NULL, NULL, NULL},
};

/* Whoever starts us may have closed stdin, stdout or stderr. The next socket or file would get that
 * number, and what we print would go into it. So each is kept, and fails as if it were closed. */
static bool keep_standard_numbers(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode) != fd) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    if (!keep_standard_numbers()) {
        return EXIT_USAGE;
    }
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
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        if (strcmp(argv[1], command->name) == 0) {
            return run(command->name, command->run, argc - 1, argv + 1);
        }
    }
    return usage_error("siptls", "there is no command \"%s\"", argv[1]);
}
