/* siptls-verdicts: the verdicts of siptls on many certificate chains.
 *
 * SPDX-License-Identifier: MIT */
#include "judge.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: siptls-verdicts [--backend NAME] [--mode verify|handshake] FILE\n"
    "\n"
    "Puts each case of FILE (\"-\": standard input) before siptls and prints one line\n"
    "for it:\n"
    "\n"
    "    ID<TAB>expected<TAB>accept|reject|unsupported<TAB>flag@depth,...: sentence\n"
    "\n"
    "where expected is accept or reject, as the case says. The format of FILE is\n"
    "told in siptls(1); compressed files come through a pipe:\n"
    "\n"
    "    xz -dc x509-limbo.cases.xz | siptls-verdicts --backend mbedtls -\n"
    "\n"
    "  --backend NAME     the TLS library; default: the first one\n"
    "  --mode verify      ask stls_verify(), without a connection (default)\n"
    "  --mode handshake   let a client connect to a server that shows the chain in\n"
    "                     TLS 1.2, without having its key, and see whether the\n"
    "                     client goes on\n"
    "\n"
    "Cases with a name are judged by HTTPS rules (RFC 9525), those without by no\n"
    "name. A chain of kind CLIENT is judged as a server does it, in mode verify\n"
    "only; all others as a client does it, OTHEREKU too: siptls knows of no other\n"
    "use. \"unsupported\" are cases that ask for what siptls does not have (names\n"
    "that are e-mail addresses), and rejections whose only reason is that the\n"
    "library cannot read a certificate or check a signature. Where a case has CRLs,\n"
    "every certificate below the anchor is looked up in them.\n"
    "\n"
    "Exit codes:\n"
    "  0  every case was judged, whatever the verdicts are\n"
    "  1  the command line is wrong, or the file cannot be read\n";

typedef struct options {
    const stls_backend *backend;
    bool in_handshake;
    const char *file;
} options;

static int usage_error(const char *text, const char *what) {
    fprintf(stderr, "siptls-verdicts: %s%s\n\"siptls-verdicts --help\" tells how to use it.\n",
            text, what);
    return EXIT_FAILURE;
}

/* -1: go on; otherwise the exit code. */
static int read_command_line(options *self, int argc, char **argv) {
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'},
                                                 {"backend", required_argument, NULL, 'b'},
                                                 {"mode", required_argument, NULL, 'm'},
                                                 {NULL, 0, NULL, 0}};
    const char *mode = "verify";
    int id;
    self->backend = stls_backend_default();
    while ((id = getopt_long(argc, argv, "hb:m:", long_options, NULL)) != -1) {
        if (id == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        } else if (id == 'b') {
            self->backend = stls_backend_find(optarg);
            if (self->backend == NULL) {
                return usage_error("there is no backend ", optarg);
            }
        } else if (id == 'm') {
            mode = optarg;
        } else {
            return EXIT_FAILURE;
        }
    }
    self->in_handshake = strcmp(mode, "handshake") == 0;
    if (!self->in_handshake && strcmp(mode, "verify") != 0) {
        return usage_error("there is no mode ", mode);
    }
    if (optind != argc - 1) {
        return usage_error("one file with cases is wanted", "");
    }
    self->file = argv[optind];
    return -1;
}

/* The depth counts from the leaf, which is 0. */
static void print_flags(const judgement *result) {
    const char *separator = "";
    for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
        if ((result->flags & (uint32_t)1 << bit) != 0) {
            printf("%s%s@%u", separator, stls_flag_name((uint32_t)1 << bit),
                   (unsigned)result->depth[bit]);
            separator = ",";
        }
    }
    printf("%s: ", result->flags == 0 ? "none" : "");
}

static void print_judgement(const verdict_case *input, const judgement *result) {
    static const char *const answers[] = {"unsupported", "accept", "reject"};
    printf("%s\t%s\t%s\t", input->id, input->expected ? "accept" : "reject",
           answers[result->answer]);
    print_flags(result);
    puts(result->text);
}

static bool judge_all(const options *self, case_reader *reader) {
    verdict_case input;
    case_result state;
    while ((state = case_read(reader, &input)) == CASE_READ) {
        judgement result = {.answer = ANSWER_UNSUPPORTED};
        if (self->in_handshake) {
            judge_handshake(self->backend, &input, &result);
        } else {
            judge_chain(self->backend, &input, &result);
        }
        print_judgement(&input, &result);
        case_free(&input);
    }
    return state == CASE_END;
}

int main(int argc, char **argv) {
    options self;
    int status = read_command_line(&self, argc, argv);
    if (status != -1) {
        return status;
    }
    bool piped = strcmp(self.file, "-") == 0;
    case_reader reader = {.file = piped ? stdin : fopen(self.file, "r"),
                          .name = piped ? "standard input" : self.file};
    if (reader.file == NULL) {
        fprintf(stderr, "siptls-verdicts: %s: %s\n", self.file, strerror(errno));
        return EXIT_FAILURE;
    }
    bool good = judge_all(&self, &reader);
    case_reader_free(&reader);
    if (!piped) {
        fclose(reader.file);
    }
    return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
