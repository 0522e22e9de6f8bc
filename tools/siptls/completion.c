/* siptls completion: lets the shell complete commands, options and what they take.
 *
 * The script is written from the tables that read the command line, so it knows what they know.
 * What the values of an option are stands here; an option that is missing here is an error.
 *
 * SPDX-License-Identifier: MIT */
#include "commands.h"

#include <siptls/profiles.h>

#include <string.h>

static const char usage[] =
    "usage: siptls completion bash\n"
    "\n"
    "Writes a script that lets bash complete the commands of siptls, their options, and\n"
    "what they take. Where it is installed with siptls, bash-completion finds it by itself.\n"
    "\n"
    "Examples:\n"
    "  source <(siptls completion bash)\n"
    "\n"
    "Exit codes:\n"
    "  0  it is written\n"
    "  1  the command line is wrong\n";

const struct option completion_options[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* --- What values there are */

/* Words, of which these stand for more: @file, @folder, and in lists of operands @profile, @key and
 * @value are left to the script; @backend, @suite, @group, @scheme and @flag become words here. "":
 * nobody can guess it. */
static const struct {
    const char *option, *words;
} values[] = {
    {"address", ""},
    {"alpn", "sip/2"},
    {"backend", "@backend"},
    {"builtin-from", "@file system"},
    {"builtin-list", "@file all"},
    {"ca", "@file system"},
    {"cert", "@file"},
    {"client-ca", "@file system"},
    {"count", ""},
    {"crl", "@file"},
    {"crl-check", "off leaf chain"},
    {"days", ""},
    {"domain", ""},
    {"groups", "@group"},
    {"host", ""},
    {"identity", "sip https none"},
    {"idle", ""},
    {"key", "@file"},
    {"keylog", "@file"},
    {"listen", ""},
    {"max-connections", ""},
    {"max-custom", ""},
    {"max-handshakes", ""},
    {"name", ""},
    {"parts", "provisioning all"},
    {"password-file", "@file"},
    {"place", "custom unique generic"},
    {"profile", "@file"},
    {"reconnect", ""},
    {"register", ""},
    {"role", "client server"},
    {"schemes", "@scheme"},
    {"session", "@file"},
    {"session-key", "@file"},
    {"stats", ""},
    {"store", "@folder"},
    {"subject", ""},
    {"suites", "@suite"},
    {"threads", ""},
    {"ticket-secrets", "@file"},
    {"tickets", ""},
    {"time", "unset"},
    {"timeout", ""},
    {"tls", "1.2 1.3 1.2-1.3"},
    {"to", ""},
    {"to-address", ""},
    {"to-ca", "@file system"},
    {"to-cert", "@file"},
    {"to-crl", "@file"},
    {"to-domain", ""},
    {"to-identity", "sip https none"},
    {"to-key", "@file"},
    {"to-password-file", "@file"},
    {"to-tls", ""},
    {"tolerate", "@flag"},
    {"verify", "none optional optional-any required"},
};

static const char *words_of(const char *option) {
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(values[i].option, option) == 0) {
            return values[i].words;
        }
    }
    return NULL;
}

static void print_registry(stls_registry registry) {
    uint16_t code;
    for (size_t i = 0; stls_iana_at(registry, i, &code); i++) {
        printf(" %s", stls_iana_name(registry, code));
    }
}

static void print_backends(void) {
    const stls_backend *backend;
    for (size_t i = 0; (backend = stls_backend_at(i)) != NULL; i++) {
        printf(" %s", stls_backend_name(backend));
    }
}

static void print_flags(void) {
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        uint32_t flag = (uint32_t)1 << bit;
        if ((flag & STLS_FLAGS_TOLERABLE) != 0) {
            printf(" %s", stls_flag_name(flag));
        }
    }
}

static void print_keys(void) {
    const char *key;
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        printf(" %s", key);
    }
}

static void print_words(const char *words) {
    if (strcmp(words, "@backend") == 0) {
        print_backends();
    } else if (strcmp(words, "@suite") == 0) {
        print_registry(STLS_REGISTRY_SUITE);
    } else if (strcmp(words, "@group") == 0) {
        print_registry(STLS_REGISTRY_GROUP);
    } else if (strcmp(words, "@scheme") == 0) {
        print_registry(STLS_REGISTRY_SCHEME);
    } else if (strcmp(words, "@flag") == 0) {
        print_flags();
    } else {
        printf(" %s", words);
    }
}

/* --- The script */

static const char script_begin[] =
    "# Completion for siptls in bash, written by \"siptls completion bash\".\n"
    "\n"
    "# _siptls_words WORDS: those that begin as the word at the cursor does.\n"
    "_siptls_words() {\n"
    "    local word candidates\n"
    "    read -d '' -ra candidates <<<\"$1\"\n"
    "    for word in \"${candidates[@]}\"; do\n"
    "        case $word in\n"
    "        @file)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "            ;;\n"
    "        @folder)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- \"$cur\")\n"
    "            ;;\n"
    "        *) [[ $word != \"$cur\"* ]] || COMPREPLY+=(\"$word\") ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "\n"
    "# _siptls_profiles PLACE: the names of the profiles there.\n"
    "_siptls_profiles() {\n"
    "    local file=$1\n"
    "    [ ! -d \"$file\" ] || file=$file/" STLS_PROFILES_FILE "\n"
    "    sed -n 's/^\\[\\([^]]*\\)\\].*/\\1/p' \"$file\" 2>/dev/null\n"
    "}\n"
    "\n";

static const char script_operands[] =
    "    # Which operand it is, and those before it.\n"
    "    for ((i = first; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -*)\n"
    "            [[ \" $valued \" != *\" ${COMP_WORDS[i]} \"* ]] || i=$((i + 1))\n"
    "            [[ ${COMP_WORDS[i]} != = ]] || i=$((i + 1))\n"
    "            ;;\n"
    "        *) given+=(\"${COMP_WORDS[i]}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    read -ra kinds <<<\"$operands\"\n"
    "    i=${#given[@]}\n"
    "    case ${kinds[*]} in\n"
    "    *@key*@value) # pairs\n"
    "        ((i < 4)) || i=$((2 + i % 2))\n"
    "        ;;\n"
    "    *@key | *@file) # any number\n"
    "        ((i < ${#kinds[@]})) || i=$((${#kinds[@]} - 1))\n"
    "        ;;\n"
    "    esac\n"
    "    case ${kinds[i]-} in\n"
    "    @profile) words=$(_siptls_profiles \"${given[0]}\") ;;\n"
    "    @key) words=$keys ;;\n"
    "    @value) _siptls_value \"${given[${#given[@]} - 1]}\" ;;\n"
    "    @words) words=$choices ;;\n"
    "    *) words=${kinds[i]-} ;;\n"
    "    esac\n"
    "    _siptls_words \"$words\"\n"
    "}\n"
    "complete -F _siptls siptls\n";

static void print_options(const struct option *options, const store_action *action) {
    printf("options='--help");
    for (; options->name != NULL; options++) {
        if (strcmp(options->name, "help") != 0 &&
            (action == NULL || store_takes(action, options->val))) {
            printf(" --%s", options->name);
        }
    }
    printf("'");
}

static void print_operands(const char *place, const char *words) {
    bool is_choice = *words != '\0' && *words != '@';
    printf(" operands='%s%s%s'", place, *place != '\0' && *words != '\0' ? " " : "",
           is_choice ? "@words" : words);
    if (is_choice) {
        printf(" choices='%s'", words);
    }
    printf(" ;;\n");
}

static void print_commands(void) {
    printf("    case $command in\n");
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        if (command->actions == NULL) {
            printf("    %s) ", command->name);
            print_options(command->options, NULL);
            print_operands("", command->words);
            continue;
        }
        for (const store_action *action = command->actions; action->name != NULL; action++) {
            printf("    '%s %s') ", command->name, action->name);
            print_options(command->options, action);
            print_operands(strcmp(command->name, "profile") == 0 ? "@file" : "@folder",
                           action->words);
        }
    }
    printf("    esac\n");
}

static void print_actions(void) {
    printf("    case $command in\n");
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        if (command->actions != NULL) {
            printf("    %s) actions='--help", command->name);
            for (const store_action *action = command->actions; action->name != NULL; action++) {
                printf(" %s", action->name);
            }
            printf("' ;;\n");
        }
    }
    printf("    esac\n"
           "    if [ -n \"$actions\" ]; then\n"
           "        ((COMP_CWORD > 2)) || { _siptls_words \"$actions\"; return; }\n"
           "        command=\"$command ${COMP_WORDS[2]}\" first=3\n"
           "    fi\n");
}

/* Each option once, though several commands have it. */
static bool is_first_use(const tool_command *of, const struct option *option) {
    for (const tool_command *command = tool_commands; command != of; command++) {
        for (const struct option *other = command->options; other->name != NULL; other++) {
            if (strcmp(other->name, option->name) == 0) {
                return false;
            }
        }
    }
    return true;
}

/* False: nobody has said what an option takes. */
static bool print_values(void) {
    bool good = true;
    printf("    case $prev in\n");
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        for (const struct option *option = command->options; option->name != NULL; option++) {
            const char *words = words_of(option->name);
            if (option->has_arg == no_argument || !is_first_use(command, option)) {
                continue;
            }
            if (words == NULL) {
                complain("siptls completion", "nobody has said what --%s takes", option->name);
                good = false;
                continue;
            }
            printf("    --%s) _siptls_words '", option->name);
            print_words(words);
            printf("'; return ;;\n");
        }
    }
    printf("    esac\n");
    return good;
}

static void print_valued(void) {
    printf("    local valued='");
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        for (const struct option *option = command->options; option->name != NULL; option++) {
            if (option->has_arg != no_argument && is_first_use(command, option)) {
                printf(" --%s", option->name);
            }
        }
    }
    printf("'\n    local keys='");
    print_keys();
    printf("'\n");
}

/* What the setting of a profile can be. */
static void print_setting_values(void) {
    static const struct {
        const char *key, *words;
    } lists[] = {
        {"ciphers", "@suite"}, {"groups", "@group"}, {"schemes", "@scheme"}, {"tolerate", "@flag"}};
    const char *key, *word;
    printf("_siptls_value() {\n    case $1 in\n");
    for (size_t i = 0; (key = stls_profiles_key(i)) != NULL; i++) {
        if (stls_profiles_word(key, 0) == NULL) {
            continue;
        }
        printf("    %s) words='", key);
        for (size_t at = 0; (word = stls_profiles_word(key, at)) != NULL; at++) {
            printf("%s%s", at > 0 ? " " : "", word);
        }
        printf("' ;;\n");
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        printf("    %s) words='", lists[i].key);
        print_words(lists[i].words);
        printf("' ;;\n");
    }
    printf("    esac\n}\n\n");
}

static int print_script(void) {
    fputs(script_begin, stdout);
    print_setting_values();
    printf("_siptls() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local command=${COMP_WORDS[1]} first=2 i words='' actions='' options='' "
           "operands='' choices=''\n"
           "    local given=() kinds=()\n");
    print_valued();
    printf("    COMPREPLY=()\n"
           "    # --option=value is three words to bash.\n"
           "    if [ \"$cur\" = = ]; then\n"
           "        cur=\n"
           "    elif [ \"$prev\" = = ]; then\n"
           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
           "    fi\n"
           "    if ((COMP_CWORD == 1)); then\n"
           "        _siptls_words '--help --version");
    for (const tool_command *command = tool_commands; command->name != NULL; command++) {
        printf(" %s", command->name);
    }
    printf("'\n        return\n    fi\n");
    print_actions();
    bool good = print_values();
    print_commands();
    printf("    if [[ $cur == -* ]]; then\n"
           "        _siptls_words \"$options\"\n"
           "        return\n"
           "    fi\n");
    fputs(script_operands, stdout);
    return good ? EXIT_GOOD : EXIT_USAGE;
}

int completion_main(int argc, char **argv) {
    static const char command[] = "siptls completion";
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(usage, stdout);
        return EXIT_GOOD;
    }
    if (argc != 2) {
        return usage_error(command, "which shell? bash");
    }
    if (strcmp(argv[1], "bash") != 0) {
        return usage_error(command, "there is no completion for \"%s\", only for bash", argv[1]);
    }
    return print_script();
}
