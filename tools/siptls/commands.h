/* commands.h - the commands of siptls, for who runs them and for who completes them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_COMMANDS_H
#define SIPTLS_TOOL_COMMANDS_H

#include "store.h"

typedef struct tool_command {
    const char *name;
    int (*run)(int argc, char **argv);
    const struct option *options; /* ends with a name of NULL */
    const store_action *actions;  /* NULL: it has none */
    const char *words; /* without actions, what its operands are: as those of an action */
} tool_command;

/* Ends with a name of NULL. */
extern const tool_command tool_commands[];

extern const struct option backends_options[], connect_options[], serve_options[], verify_options[],
    proxy_command_options[], completion_options[];

/* `siptls backends --presets`. */
void presets_print(bool as_json);

int completion_main(int argc, char **argv);

#endif
