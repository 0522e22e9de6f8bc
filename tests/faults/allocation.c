/* tests/faults/allocation.c - memory that fails, at every allocation of every public path.
 *
 * For each scenario of allocation_*.c, the n-th allocation of siptls's own fails, until the
 * scenario passes untouched; then the n-th and all behind it; then the same with the TLS library's.
 * How many of them are tried, SIPTLS_FAULTS_TRIES says: with "all", every one. Each try must
 *
 *     end in success, or in STLS_E_NO_MEMORY with a sentence,
 *     not crash, and leave what the scenario says is whole,
 *     leave no memory behind,
 *     and succeed when it is made again with memory.
 *
 * Where a TLS library does not keep to that, tests/expectations/<backend>.faults says so, with the
 * reason; a line there that is not met is a failure as well.
 *
 * Tries run in another process, so that a crash is one try's; and in a new one after each that has
 * left the library in another state, so that all begin in the same. SIPTLS_FAULTS_ONLY=WORDS tries
 * the scenarios with these words in their names, SIPTLS_FAULTS_FROM=N begins with the n-th
 * allocation, and SIPTLS_HEAP_TRACE=1 shows where the memory failed.
 *
 * Promise P7 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/allocation.h"
#include "tests/support/check.h"
#include "tests/support/expected.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WHAT_SIZE = 512, TRIES = 6 };
enum { OWN_TRIES = HEAP_IS_SANITIZED ? 12 : 36 };

/* What went wrong in a try, the gravest last: the words that an expectation uses, too. */
typedef enum flaw {
    FLAW_NONE = 0,
    FLAW_CODE,         /* another result than STLS_E_NO_MEMORY */
    FLAW_TEXT,         /* an error without a sentence */
    FLAW_RETRY,        /* the next try failed */
    FLAW_STATE,        /* the scenario says that something is not whole */
    FLAW_LIBRARY_LEAK, /* memory of the library's was left */
    FLAW_LEAK,         /* of siptls's own */
    FLAW_CRASH,        /* the process died */
} flaw;

static const char *const flaw_texts[] = {"none",  "code",         "text", "retry",
                                         "state", "library-leak", "leak", "crash"};

/* Written by the process of a try. */
typedef struct report {
    unsigned long at, before; /* which it is; tries before it in the same process */
    bool done, failed;        /* it came to its end; memory did fail */
    unsigned long taken[2];
    size_t left[2];
    flaw flaw;
    stls_result result; /* with FLAW_CODE */
    char what[WHAT_SIZE];
} report;

static report *result; /* shared with the processes */

bool did(outcome *out, stls_result r) {
    if (r != STLS_OK && out->result == STLS_OK) {
        out->result = r;
    }
    return r == STLS_OK;
}

bool got(outcome *out, const void *object) {
    if (object == NULL && out->result == STLS_OK) {
        out->result = out->error.result = STLS_E_NO_MEMORY;
        snprintf(out->error.text, sizeof out->error.text, "NULL");
    }
    return object != NULL;
}

/* --- A try */

static void complain(flaw kind, const char *format, ...) CHECK_FORMAT(2, 3);

/* Of several the gravest counts: what is expected must not hide what is not. */
static void complain(flaw kind, const char *format, ...) {
    va_list arguments;
    if (kind <= result->flaw) {
        return;
    }
    result->flaw = kind;
    va_start(arguments, format);
    vsnprintf(result->what, sizeof result->what, format, arguments);
    va_end(arguments);
}

static void look_at(const outcome *out) {
    if (out->result == STLS_OK) {
        return;
    }
    if (out->error.text[0] == '\0' || out->error.result != out->result) {
        complain(FLAW_TEXT, "%s, and the error is %s \"%s\"", stls_result_name(out->result),
                 stls_result_name(out->error.result), out->error.text);
    }
    if (out->result != STLS_E_NO_MEMORY) {
        result->result = result->flaw == FLAW_NONE ? out->result : result->result;
        complain(FLAW_CODE, "%s \"%s\"", stls_result_name(out->result), out->error.text);
    }
}

/* One run of the scenario, with allocation `at` failing; what it leaves goes into `left`. */
static void run_once(const scenario *it, heap_kind kind, unsigned long at, bool all, outcome *out) {
    *out = (outcome){.result = STLS_OK};
    if (it->prepare != NULL && !it->prepare()) {
        complain(FLAW_RETRY, "it cannot be prepared");
        return;
    }
    heap_fail(kind, at, all);
    it->run(out);
    heap_relent();
    const char *wrong = it->flaw != NULL ? it->flaw(out) : NULL;
    if (wrong != NULL) {
        complain(FLAW_STATE, "%s (after %s \"%s\")", wrong, stls_result_name(out->result),
                 out->error.text);
    }
    if (it->finish != NULL) {
        it->finish();
    }
}

/* Whether a library has leaked, or only keeps something from now on, shows in repetition. */
static bool leaks(const scenario *it, heap_kind kind, unsigned long at, bool all) {
    size_t last = heap_live(HEAP_LIBRARY);
    for (int i = 0; i < 3; i++) {
        outcome out;
        run_once(it, kind, at, all, &out);
        if (heap_live(HEAP_LIBRARY) <= last) {
            return false;
        }
        last = heap_live(HEAP_LIBRARY);
    }
    return true;
}

/* `at` 0: nothing fails, and what is taken is counted. */
static void try_here(const scenario *it, heap_kind kind, unsigned long at, bool all) {
    outcome out;
    *result = (report){.at = at, .before = result->before};
    size_t before[2] = {heap_live(HEAP_OWN), heap_live(HEAP_LIBRARY)};
    run_once(it, kind, at, all, &out);
    result->failed = heap_has_failed();
    result->taken[HEAP_OWN] = heap_taken(HEAP_OWN);
    result->taken[HEAP_LIBRARY] = heap_taken(HEAP_LIBRARY);
    look_at(&out);
    if (out.result != STLS_OK && !result->failed) {
        complain(FLAW_RETRY, "%s \"%s\" with all the memory", stls_result_name(out.result),
                 out.error.text);
    }
    run_once(it, kind, 0, false, &out);
    if (out.result != STLS_OK) {
        complain(FLAW_RETRY, "the next try: %s \"%s\"", stls_result_name(out.result),
                 out.error.text);
    }
    if (heap_live(HEAP_LIBRARY) > before[HEAP_LIBRARY] && leaks(it, kind, at, all)) {
        complain(FLAW_LIBRARY_LEAK, "%zd bytes",
                 (ssize_t)(heap_live(HEAP_LIBRARY) - before[HEAP_LIBRARY]));
    }
    if (heap_live(HEAP_OWN) != before[HEAP_OWN]) {
        complain(FLAW_LEAK, "%zd bytes", (ssize_t)(heap_live(HEAP_OWN) - before[HEAP_OWN]));
    }
    result->done = true;
}

/* The first random numbers in a child make a library read the system's again, which takes more than
 * all that is tried. */
static void warm_up(void) {
    stls_ticket_ring *ring = NULL;
    stls_ticket_ring_new(test_backend(), NULL, &ring, NULL);
    stls_ticket_ring_free(ring);
}

/* The tries of one scenario, of which something is the same. */
typedef struct series {
    const scenario *it;
    heap_kind kind;
    bool all;
    unsigned long stride, taken;
} series;

/* The try `at`, and those that follow it while nothing is wrong, and nothing else than before. One
 * in which no memory failed may owe that to those before it: `done` is false, and it is made anew.
 */
static void try_on(const series *of, unsigned long at) {
    if (!of->it->is_cold) {
        warm_up();
    }
    size_t live = heap_live(HEAP_LIBRARY);
    for (result->before = 0;; result->before++, at += of->stride) {
        try_here(of->it, of->kind, at, of->all);
        if (!result->failed && result->before != 0) {
            result->done = false;
            return;
        }
        if (result->flaw != FLAW_NONE || heap_live(HEAP_LIBRARY) != live || of->it->is_cold ||
            at + of->stride > of->taken) {
            return;
        }
    }
}

/* In another process. `result` is of the last try that was made; what was before it is good. */
static void try_apart(const series *of, unsigned long at) {
    int status = 0;
    *result = (report){.at = at};
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        try_on(of, at);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 ||
        (!result->done && result->before == 0)) {
        result->flaw = FLAW_CRASH;
        snprintf(result->what, sizeof result->what, "it died: status %d, signal %d", status,
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}

/* --- All tries of a scenario */

static const char *list_name; /* of the scenario that is tried */

/* Nothing is of siptls's own allocations. */
static bool may_be(heap_kind kind) {
    const char *code = result->flaw == FLAW_CODE ? stls_result_name(result->result) : "-";
    return kind == HEAP_LIBRARY && is_expected(flaw_texts[result->flaw], list_name, code);
}

static void note_flaw(const series *of) {
    CHECK(may_be(of->kind), "allocation %lu of %s%s, %lu tries before: %s: %s", result->at,
          heap_text(of->kind), of->all ? " and all behind it" : "", result->before,
          flaw_texts[result->flaw], result->what);
}

static unsigned long number_of(const char *variable, unsigned long otherwise) {
    const char *text = getenv(variable);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static unsigned long tries_wanted(void) {
    unsigned long number = number_of("SIPTLS_FAULTS_TRIES", TRIES);
    return number != 0 ? number : ~0ul;
}

/* Of siptls's own each is tried, or every second or third where there are many. */
static unsigned long stride_for(heap_kind kind, unsigned long taken, bool all) {
    unsigned long wanted = all ? tries_wanted() / 2 + 1 : tries_wanted();
    if (kind == HEAP_OWN && !all && wanted < OWN_TRIES) {
        wanted = OWN_TRIES;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): tries_wanted() is never 0 */
    return taken <= wanted ? 1 : (taken + wanted - 1) / wanted;
}

static void fail_each(const series *of) {
    unsigned long tries = 0, processes = 0;
    for (unsigned long at = number_of("SIPTLS_FAULTS_FROM", 1); at <= of->taken; processes++) {
        try_apart(of, at);
        tries += result->before + 1;
        if (result->flaw != FLAW_NONE) {
            note_flaw(of);
        } else if (!result->done) {
            tries--;
            at = result->at;
            continue;
        }
        at = result->at + of->stride;
    }
    printf("\n    %-34s %s%s: %lu of %lu, in %lu processes", of->it->name, heap_text(of->kind),
           of->all ? ", all behind" : "", tries, of->taken, processes);
}

/* What a backend cannot do is listed. */
static bool is_able(const scenario *it) {
    bool able = true;
    for (uint32_t bit = 1; bit != 0; bit <<= 1) {
        if ((it->needs & bit) != 0 && !stls_backend_can(test_backend(), bit)) {
            const char *name = stls_capability_name(bit);
            able = false;
            CHECK(is_expected("unable", list_name, name), "it is not tried: it needs %s", name);
        }
    }
    return able;
}

static void run_scenario(const scenario *it) {
    outcome out;
    check_case("%s", it->name);
    if (!is_able(it)) {
        return;
    }
    if (it->begin != NULL && !CHECK(it->begin(it), "it cannot begin")) {
        return;
    }
    memset(result, 0, sizeof *result);
    run_once(it, HEAP_OWN, 0, false, &out); /* what is made once, is made now */
    CHECK(out.result == STLS_OK && result->flaw == FLAW_NONE, "untouched: %s \"%s\" %s",
          stls_result_name(out.result), out.error.text, result->what);
    try_apart(&(series){.it = it, .kind = HEAP_OWN, .stride = 1}, 0);
    if (CHECK(result->flaw == FLAW_NONE, "untouched: %s: %s", flaw_texts[result->flaw],
              result->what)) {
        unsigned long taken[2] = {result->taken[HEAP_OWN], result->taken[HEAP_LIBRARY]};
        for (int i = 0; i < 4; i++) {
            series of = {.it = it, .kind = i < 2 ? HEAP_OWN : HEAP_LIBRARY, .all = i % 2 != 0};
            of.taken = taken[of.kind];
            of.stride = stride_for(of.kind, of.taken, of.all);
            fail_each(&of);
        }
    }
    if (it->end != NULL) {
        it->end();
    }
}

static void run_all(const char *name, const scenario *list) {
    const char *only = getenv("SIPTLS_FAULTS_ONLY");
    list_name = name;
    for (; list->name != NULL; list++) {
        if (only == NULL || strstr(list->name, only) != NULL) {
            run_scenario(list);
        }
    }
}

static void test_objects(void) {
    run_all("objects", object_scenarios);
}

static void test_conns(void) {
    run_all("connections", conn_scenarios);
}

static void test_stores(void) {
    run_all("stores", store_scenarios);
}

static void test_expectations(void) {
    bool is_all = getenv("SIPTLS_FAULTS_ONLY") == NULL && getenv("SIPTLS_FAULTS_FROM") == NULL;
    check_expected(!is_all ? "" : tries_wanted() == ~0ul ? NULL : "unable");
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"objects", test_objects},
                                      {"connections", test_conns},
                                      {"stores", test_stores},
                                      {"expectations", test_expectations},
                                      {NULL, NULL}};
    static const test_suite suites[] = {{"allocation", cases}, {NULL, NULL}};
    stls_error error = {.result = STLS_NOT_DONE};
    if (!heap_install(STLS_TEST_BACKEND, &error)) {
        printf("skipped: %s\n", error.text);
        return error.result == STLS_E_UNSUPPORTED ? 77 : EXIT_FAILURE;
    }
    test_set_backend(stls_backend_find(STLS_TEST_BACKEND));
    if (!expected_read("faults")) {
        return EXIT_FAILURE;
    }
    result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (result == MAP_FAILED) {
        return EXIT_FAILURE;
    }
    return suite_main(suites, argc, argv);
}
