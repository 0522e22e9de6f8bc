/* `siptls proxy` where there is no epoll: the build takes this file in place of proxy*.c.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"
#include "tool.h"

const struct option proxy_command_options[] = {{NULL, 0, NULL, 0}};

int proxy_main(int argc, char **argv) {
    (void)argc;
    (void)argv;
    complain("siptls proxy", "this command is built on Linux's epoll, which this system has not");
    return EXIT_USAGE;
}
