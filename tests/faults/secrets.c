/* tests/faults/secrets.c - no secret is left in the process once what held it is freed.
 *
 * Private keys are loaded, stored and used, connections are made, resumed and closed; then all that
 * the process can write to is searched: the heaps, in which what was given back stays as it is,
 * static data, and the stacks on which it was done. The search has another one. The secrets
 * themselves are known to the test only behind a mask, so that it does not find its own. The
 * sentences of errors and verdicts are searched as well.
 *
 * Where a TLS library leaves a secret, tests/expectations/<backend>.secrets says so, with the
 * reason; a line there that is not met is a failure as well, but for stacks. SIPTLS_HEAP_TRACE=1
 * shows where the memory was allocated in which one is found.
 *
 * Promise P9 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/secrets.h"
#include "backends/contract.h"
#include "tests/faults/secrets_crypto.h"
#include "tests/support/check.h"
#include "tests/support/expected.h"
#include "tests/support/heap.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <CUnit/TestRun.h>

#include <fcntl.h>
#include <siptls/siptls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { SECRETS_MAX = 256, TURNS = 20, UNREAD_AT = 10 };
enum { STACK_SIZE = 512 * 1024, STACKS_MAX = 64 };

/* --- The secrets, behind a mask */

typedef struct secret {
    const char *name;
    uint8_t masked[SECRET_MAX];
    size_t len;
} secret;

static secret secrets[SECRETS_MAX];
static size_t secret_count;

static bool is_at(const uint8_t *at, size_t len, const secret *what) {
    size_t same = 0;
    while (same < what->len && same < len && at[same] == (what->masked[same] ^ MASK)) {
        same++;
    }
    return same == what->len;
}

static bool is_in(const char *text, const secret *what) {
    for (size_t len = strlen(text); len > 0; text++, len--) {
        if (is_at((const uint8_t *)text, len, what)) {
            return true;
        }
    }
    return false;
}

static bool is_known(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < secret_count; i++) {
        if (secrets[i].len == len && is_at(bytes, len, &secrets[i])) {
            return true;
        }
    }
    return false;
}

void learn(const char *name, const void *data, size_t len) {
    const uint8_t *bytes = data;
    if (!CHECK(secret_count < SECRETS_MAX && len >= 6 && len <= SECRET_MAX, "%s: %zu bytes", name,
               len) ||
        is_known(bytes, len)) {
        return;
    }
    secret *it = &secrets[secret_count++];
    it->name = name;
    it->len = len;
    for (size_t i = 0; i < len; i++) {
        it->masked[i] = bytes[i] ^ MASK;
    }
}

bool learnt(const char *name, size_t index, uint8_t *out, size_t len) {
    for (size_t i = 0; i < secret_count; i++) {
        if (secrets[i].len == len && strcmp(secrets[i].name, name) == 0 && index-- == 0) {
            for (size_t k = 0; k < len; k++) {
                out[k] = secrets[i].masked[k] ^ MASK;
            }
            return true;
        }
    }
    return false;
}

/* In the child: the new secrets to the parent, which has the same texts at the same addresses, and
 * what has failed to whoever looks. */
static _Noreturn void tell_parent(int to, size_t from, unsigned failures) {
    const size_t len = (secret_count - from) * sizeof *secrets;
    unsigned number = 0;
    for (CU_pFailureRecord it = CU_get_failure_list(); it != NULL; it = it->pNext) {
        if (number++ >= failures) {
            fprintf(stderr, "in the child process: %s\n", it->strCondition);
        }
    }
    _exit(write(to, &secrets[from], len) == (ssize_t)len && number == failures ? EXIT_SUCCESS
                                                                               : EXIT_FAILURE);
}

void learn_apart(void (*find)(void)) {
    const size_t from = secret_count;
    int end[2], status = -1;
    if (!CHECK(pipe(end) == 0, "no pipe")) {
        return;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        const unsigned failures = CU_get_number_of_failure_records();
        find();
        tell_parent(end[1], from, failures);
    }
    close(end[1]);
    ssize_t len = 0, got;
    while ((got = read(end[0], (uint8_t *)&secrets[from] + len,
                       sizeof secrets - from * sizeof *secrets - (size_t)len)) > 0) {
        len += got;
    }
    close(end[0]);
    secret_count += (size_t)len / sizeof *secrets;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the child failed");
}

/* Libraries keep numbers with the least byte first. */
static void learn_number(const char *name, const uint8_t *data, size_t len) {
    uint8_t reversed[SECRET_MAX];
    for (; len > 0 && data[0] == 0; data++, len--) {
    }
    for (size_t i = 0; i < len && i < SECRET_MAX; i++) {
        reversed[i] = data[len - 1 - i];
    }
    learn(name, data, len);
    learn(name, reversed, len);
    explicit_bzero(reversed, sizeof reversed);
}

/* --- Stacks */

static uint8_t *stacks[STACKS_MAX];
static size_t stack_count;

static bool is_on_stack(const uint8_t *at) {
    for (size_t i = 0; i < stack_count; i++) {
        if (at >= stacks[i] && at < stacks[i] + STACK_SIZE) {
            return true;
        }
    }
    return false;
}

/* Not a thread's: what a thread leaves on its stack, the C library gives back as it ends. What is
 * there of the test's own must not be a secret. */
static void on_stack(void (*take)(void)) {
    ucontext_t here, there;
    void *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!CHECK(stack_count < STACKS_MAX && stack != MAP_FAILED && getcontext(&there) == 0,
               "no stack")) {
        return;
    }
    stacks[stack_count++] = stack;
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK_SIZE;
    there.uc_link = &here;
    makecontext(&there, take, 0);
    CHECK(swapcontext(&here, &there) == 0, "no way to the other stack");
}

/* What they hold was found in its stage, or is nothing. */
static void drop_stacks(void) {
    while (stack_count > 0) {
        munmap(stacks[--stack_count], STACK_SIZE);
    }
}

/* --- The search */

typedef void (*finding)(const char *stage, const secret *what, const uint8_t *at);

static void found(const char *stage, const secret *what, const uint8_t *at) {
    heap_kind kind = HEAP_OWN;
    bool live = false;
    const char *where = is_on_stack(at)                ? "stack"
                        : !heap_find(at, &kind, &live) ? "elsewhere"
                        : kind == HEAP_OWN             ? "own"
                                                       : "library";
    bool may_be = (strcmp(where, "library") == 0 || strcmp(where, "stack") == 0) &&
                  is_expected(stage, what->name, where);
    if (!CHECK(may_be, "%s: %s is left (%s, %s)", stage, what->name, where,
               live ? "in use" : "given back") &&
        getenv("SIPTLS_HEAP_TRACE") != NULL) {
        fprintf(stderr, "--- %s: %s at %p\n", stage, what->name, (const void *)at);
        heap_print_origin(at);
    }
}

static unsigned seen[2][2]; /* by the heap, and whether the block is in use */
static unsigned seen_on_stack, seen_elsewhere;

static void count_found(const char *stage, const secret *what, const uint8_t *at) {
    heap_kind kind = HEAP_OWN;
    bool live = false;
    (void)stage, (void)what;
    if (is_on_stack(at)) {
        seen_on_stack++;
    } else if (heap_find(at, &kind, &live)) {
        seen[kind][live]++;
    } else {
        seen_elsewhere++;
    }
}

/* `only`: beginnings of the names of those that must not be there, separated by blanks; NULL: none
 * may. */
static bool is_meant(const char *only, const char *name) {
    char word[24];
    int used;
    for (; only != NULL && sscanf(only, " %23s%n", word, &used) == 1; only += used) {
        if (strncmp(name, word, strlen(word)) == 0) {
            return true;
        }
    }
    return only == NULL;
}

typedef struct area {
    const uint8_t *begin, *end;
} area;

/* What the process may write to, but the stack of its first thread, on which the search runs. */
static size_t find_areas(area *areas, size_t max) {
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && count < max && fgets(line, sizeof line, maps) != NULL) {
        unsigned long begin, end;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, access) == 3 && access[0] == 'r' &&
            access[1] == 'w' && strstr(line, "[stack]") == NULL && strstr(line, "[v") == NULL) {
            areas[count++] = (area){(const uint8_t *)begin, (const uint8_t *)end};
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return count;
}

/* Most places are no secret's beginning by their first two bytes. */
static void search_area(area in, const char *stage, const char *only, finding tell) {
    static bool begins[256][256];
    memset(begins, 0, sizeof begins);
    for (size_t i = 0; i < secret_count; i++) {
        begins[secrets[i].masked[0] ^ MASK][secrets[i].masked[1] ^ MASK] |=
            is_meant(only, secrets[i].name);
    }
    for (const uint8_t *at = in.begin; at + 1 < in.end; at++) {
        for (size_t i = 0; begins[at[0]][at[1]] && i < secret_count; i++) {
            if (is_at(at, (size_t)(in.end - at), &secrets[i]) && is_meant(only, secrets[i].name)) {
                tell(stage, &secrets[i], at);
            }
        }
    }
}

static void search_for(const char *stage, const char *only, finding tell) {
    static area areas[1024];
    /* First all areas, then the search: reading takes memory as well. */
    const size_t count = find_areas(areas, sizeof areas / sizeof *areas);
    check_case("%s", stage);
    CHECK(count > 3, "the memory cannot be looked at");
    for (size_t i = 0; i < count; i++) {
        search_area(areas[i], stage, only, tell);
    }
}

/* On a stack none may be, whatever is in use elsewhere. */
static void search_all(const char *stage, const char *only) {
    search_for(stage, only, found);
    for (size_t i = 0; i < stack_count; i++) {
        search_area((area){stacks[i], stacks[i] + STACK_SIZE}, stage, NULL, found);
    }
    drop_stacks();
}

/* That what was learnt is what is used: it is where it is needed now. */
static void check_learnt(const char *stage, const char *names, heap_kind kind, unsigned least) {
    memset(seen, 0, sizeof seen);
    search_for(stage, names, count_found);
    CHECK(seen[kind][1] >= least, "%u of %s in use", seen[kind][1], names);
}

/* A sentence that people read. */
static void look_at_text(const char *what, const char *text) {
    for (size_t i = 0; i < secret_count; i++) {
        CHECK(!is_in(text, &secrets[i]), "%s says %s: %s", what, secrets[i].name, text);
    }
}

/* --- The keys of the PKI */

/* The file as it is, without stdio's buffers. */
static size_t read_raw(const char *file, char *data, size_t size) {
    int fd = open(pki_path(file), O_RDONLY);
    ssize_t len = fd >= 0 ? read(fd, data, size) : -1;
    close(fd);
    return CHECK(len > 0, "%s cannot be read", file) ? (size_t)len : 0;
}

static size_t from_base64(const char *text, size_t len, uint8_t *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t count = 0;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] != '\0' ? strchr(digits, text[i]) : NULL;
        if (digit != NULL) {
            held = held << 6 | (unsigned)(digit - digits);
            bits += 6;
        }
        if (bits >= 8) {
            bits -= 8;
            out[count++] = (uint8_t)(held >> bits);
        }
    }
    return count;
}

/* The element at `at` of DER, if there is something: its content; NULL: there is none. */
static const uint8_t *element(const uint8_t *at, const uint8_t *end, size_t *len) {
    if (at == NULL || end - at < 2) {
        return NULL;
    }
    size_t bytes = at[1] < 0x80 ? 0 : at[1] & 0x7f;
    *len = bytes == 0 ? at[1] : 0;
    at += 2;
    for (; bytes > 0 && at < end; bytes--) {
        *len = *len << 8 | *at++;
    }
    return bytes == 0 && *len <= (size_t)(end - at) ? at : NULL;
}

/* What is behind that element. */
static const uint8_t *next_element(const uint8_t *at, const uint8_t *end) {
    size_t len;
    at = element(at, end, &len);
    return at != NULL ? at + len : NULL;
}

/* Into PKCS#8 (SEQUENCE, INTEGER, SEQUENCE, OCTET STRING, SEQUENCE), to element number `index` of
 * what is inside. */
static void learn_element(const char *name, const uint8_t *der, size_t der_len, int index) {
    const uint8_t *end = der + der_len;
    size_t len = 0;
    const uint8_t *at = element(der, end, &len);
    at = next_element(next_element(at, end), end);
    at = element(element(at, end, &len), end, &len);
    for (int i = 0; i < index; i++) {
        at = next_element(at, end);
    }
    at = element(at, end, &len);
    if (CHECK(at != NULL && len >= 32, "%s: no such element", name)) {
        learn_number(name, at, len);
    }
}

static void learn_key(const char *file, const char *pem_name, const char *number, int index) {
    char text[4096] = "";
    uint8_t der[4096];
    size_t len = read_raw(file, text, sizeof text - 1);
    char *begin = strchr(text, '\n'), *end = begin != NULL ? strstr(begin, "-----END") : NULL;
    if (CHECK(len > 0 && end != NULL, "%s is no PEM", file)) {
        begin++;
        learn(pem_name, begin + 65, 64); /* its second line */
        learn_element(number, der, from_base64(begin, (size_t)(end - begin), der), index);
    }
    explicit_bzero(text, sizeof text);
    explicit_bzero(der, sizeof der);
}

static const uint8_t wrong_masked[] = {'W' ^ MASK, 'r' ^ MASK, '0' ^ MASK, 'n' ^ MASK, 'g' ^ MASK,
                                       '-' ^ MASK, 'w' ^ MASK, '0' ^ MASK, 'r' ^ MASK, 'd' ^ MASK};

static void wrong_password(char *text) {
    for (size_t i = 0; i < sizeof wrong_masked; i++) {
        text[i] = (char)(wrong_masked[i] ^ MASK);
    }
    text[sizeof wrong_masked] = '\0';
}

/* "pässwört €" as it stands in the PKI, in UTF-8, and in UTF-16 as PKCS#12 has it. */
static const uint8_t right_masked[] = {'p' ^ MASK, 0xc3 ^ MASK, 0xa4 ^ MASK, 's' ^ MASK, 's' ^ MASK,
                                       'w' ^ MASK, 0xc3 ^ MASK, 0xb6 ^ MASK, 'r' ^ MASK, 't' ^ MASK,
                                       ' ' ^ MASK, 0xe2 ^ MASK, 0x82 ^ MASK, 0xac ^ MASK};
static const uint16_t right_wide[] = {'p', 0xe4, 's', 's', 'w', 0xf6, 'r', 't', ' ', 0x20ac};
enum { RIGHT_WIDE_LEN = sizeof right_wide };

static void right_password(char text[sizeof right_masked + 1]) {
    for (size_t i = 0; i < sizeof right_masked; i++) {
        text[i] = (char)(right_masked[i] ^ MASK);
    }
    text[sizeof right_masked] = '\0';
}

static void learn_right_password(void) {
    char right[sizeof right_masked + 1];
    uint8_t wide[RIGHT_WIDE_LEN];
    right_password(right);
    learn("password-right", right, sizeof right_masked);
    for (size_t i = 0; i < RIGHT_WIDE_LEN / 2; i++) {
        wide[2 * i] = (uint8_t)(right_wide[i] >> 8);
        wide[2 * i + 1] = (uint8_t)right_wide[i];
    }
    learn("password-right-wide", wide, sizeof wide);
    explicit_bzero(right, sizeof right);
    explicit_bzero(wide, sizeof wide);
}

static void learn_files(void) {
    char wrong[sizeof wrong_masked + 1], wide[2 * sizeof wrong_masked];
    learn_key("server.key", "key-pem", "key-ec", 1);
    learn_key("server-rsa.key", "key-rsa-pem", "key-rsa", 4);
    wrong_password(wrong);
    learn("password", wrong, sizeof wrong_masked);
    for (size_t i = 0; i < sizeof wrong_masked; i++) { /* as PKCS#12 has it */
        wide[2 * i] = '\0';
        wide[2 * i + 1] = wrong[i];
    }
    learn("password-wide", wide, sizeof wide);
    learn_right_password();
    explicit_bzero(wrong, sizeof wrong);
    explicit_bzero(wide, sizeof wide);
}

/* --- Loading */

static stls_credential *load(const char *chain, const char *key, const char *password,
                             stls_result wanted) {
    stls_credential *credential = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result =
        stls_credential_load(test_backend(), pki_path(chain), key != NULL ? pki_path(key) : NULL,
                             password, &credential, &error);
    CHECK_RESULT(chain, result, wanted, &error);
    look_at_text("an error", error.text);
    return credential;
}

static void load_plain(void) {
    stls_credential_free(load("server.chain.pem", "server.key", NULL, STLS_OK));
    stls_credential_free(load("server-rsa.chain.pem", "server-rsa.key", NULL, STLS_OK));
    stls_credential_free(load("phone.chain.pem", "server.key", NULL, STLS_E_KEY_MISMATCH));
}

static void load_encrypted(void) {
    char wrong[sizeof wrong_masked + 1], right[sizeof right_masked + 1];
    wrong_password(wrong);
    right_password(right);
    if (stls_backend_can(test_backend(), STLS_CAN_ENCRYPTED_KEYS)) {
        stls_credential_free(load("server.chain.pem", "server.key.umlaut.pem", right, STLS_OK));
        load("server.chain.pem", "server.key.enc.pem", wrong, STLS_E_PASSWORD);
    }
    if (stls_backend_can(test_backend(), STLS_CAN_PKCS12)) {
        stls_credential_free(load("umlaut.p12", NULL, right, STLS_OK));
        load("modern.p12", NULL, wrong, STLS_E_PASSWORD);
    }
    explicit_bzero(wrong, sizeof wrong);
    explicit_bzero(right, sizeof right);
}

static void test_credentials(void) {
    on_stack(load_plain);
    search_all("credentials", NULL);
    on_stack(load_encrypted);
    search_all("passwords", NULL);
}

/* --- A store */

static stls_result drop(void *arg, const void *data, size_t len, stls_error *error) {
    (void)arg, (void)data, (void)len, (void)error;
    return STLS_OK;
}

static stls_certstore *store;

/* Refused first. */
static void install_pkcs12(void) {
    char wrong[sizeof wrong_masked + 1], right[sizeof right_masked + 1];
    stls_error error = {.result = STLS_NOT_DONE};
    wrong_password(wrong);
    right_password(right);
    CHECK_RESULT("a wrong password",
                 stls_certstore_install_files(store, STLS_PLACE_CUSTOM_SERVER,
                                              pki_path("umlaut.p12"), NULL, wrong, NULL, &error),
                 STLS_E_PASSWORD, &error);
    look_at_text("an error", error.text);
    CHECK_RESULT("the right one",
                 stls_certstore_install_files(store, STLS_PLACE_CUSTOM_SERVER,
                                              pki_path("umlaut.p12"), NULL, right, NULL, &error),
                 STLS_OK, &error);
    explicit_bzero(wrong, sizeof wrong);
    explicit_bzero(right, sizeof right);
}

static void use_store(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_credential *credential = NULL;
    CHECK_RESULT("install",
                 stls_certstore_install_files(store, STLS_PLACE_UNIQUE,
                                              pki_path("server.chain.pem"), pki_path("server.key"),
                                              NULL, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("install RSA",
                 stls_certstore_install_files(store, STLS_PLACE_GENERIC,
                                              pki_path("server-rsa.chain.pem"),
                                              pki_path("server-rsa.key"), NULL, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("snapshot",
                 stls_certstore_snapshot(store, test_backend(), STLS_TRUST_SET_STORED,
                                         STLS_SEND_STORED, NULL, &credential, &error),
                 STLS_OK, &error);
    stls_credential_free(credential);
    if (stls_backend_can(test_backend(), STLS_CAN_PKCS12)) {
        install_pkcs12();
    }
    CHECK_RESULT("export", stls_certstore_export(store, STLS_PARTS_ALL, drop, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("uninstall", stls_certstore_uninstall(store, STLS_PLACE_GENERIC, &error), STLS_OK,
                 &error);
    CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
    stls_certstore_free(store);
    store = NULL;
}

static void test_stores(void) {
    char folder[] = "/tmp/siptls-secrets-XXXXXX", path[128];
    stls_certstore_options options = {.create = true};
    stls_error error = {.result = STLS_NOT_DONE};
    if (CHECK(mkdtemp(folder) != NULL, "no folder") &&
        CHECK_RESULT("a store in a folder",
                     stls_certstore_open_folder(test_backend(), folder, &options, &store, &error),
                     STLS_OK, &error)) {
        on_stack(use_store);
    }
    search_all("a-folder", "key password");
    snprintf(path, sizeof path, "rm -rf %s", folder);
    CHECK(system(path) == 0, "%s", path); /* NOLINT(cert-env33-c): a folder that we have made */
    if (CHECK_RESULT("a store in memory", stls_certstore_new(test_backend(), NULL, &store, &error),
                     STLS_OK, &error)) {
        on_stack(use_store);
    }
    search_all("a-store", "key password");
}

/* --- Connections */

static stls_context *contexts[2];
static stls_conn *conn[2];
static stls_result result[2];
static stls_ticket_ring *ring;

static int64_t ring_time; /* the ring's clock stands still, so that its epoch is known */

static int64_t ring_clock(void *arg) {
    (void)arg;
    return ring_time;
}

static void compose_ring_secret(uint8_t bytes[STLS_TICKET_SECRET_LEN]) {
    for (size_t i = 0; i < STLS_TICKET_SECRET_LEN; i++) {
        bytes[i] = (uint8_t)(37 * i + 11);
    }
}

static void make_ring(void) {
    const stls_ticket_ring_options options = {.clock = ring_clock};
    stls_error error = {.result = STLS_NOT_DONE};
    uint8_t bytes[STLS_TICKET_SECRET_LEN];
    compose_ring_secret(bytes);
    CHECK_RESULT("a ring", stls_ticket_ring_new(test_backend(), &options, &ring, &error), STLS_OK,
                 &error);
    CHECK_RESULT("its secret", stls_ticket_ring_set_secrets(ring, bytes, 1, &error), STLS_OK,
                 &error);
    explicit_bzero(bytes, sizeof bytes);
}

static void derive(const uint8_t *from, const char *label, stls_bytes info, uint8_t key[32]) {
    CHECK_NUMBER(label,
                 test_backend()->hkdf((stls_bytes){from, STLS_TICKET_SECRET_LEN},
                                      (stls_bytes){(const uint8_t *)label, strlen(label)}, info,
                                      key, 32),
                 STLS_BE_OK);
}

/* What api/ticket.c makes of the secret: the key of the epoch, and from it those that seal. */
static void learn_ticket_keys(const uint8_t *of) {
    static const char *const labels[] = {"siptls ticket cipher", "siptls ticket mac",
                                         "siptls ticket aead"};
    static const char *const names[] = {"ticket-cipher-key", "ticket-mac-key", "ticket-aead-key"};
    const uint64_t epoch = (uint64_t)(ring_time / STLS_TICKET_EPOCH_DEFAULT);
    uint8_t number[8], master[32], key[32];
    char whose[128];
    int len = snprintf(whose, sizeof whose, "%s %s", stls_backend_name(test_backend()),
                       stls_backend_version_running(test_backend()));
    for (size_t i = 0; i < sizeof number; i++) {
        number[i] = (uint8_t)(epoch >> 8 * (7 - i));
    }
    derive(of, "siptls ticket epoch", (stls_bytes){number, sizeof number}, master);
    learn("ticket-epoch-key", master, sizeof master);
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        derive(master, labels[i], (stls_bytes){(const uint8_t *)whose, (size_t)len}, key);
        learn(names[i], key, sizeof key);
    }
    explicit_bzero(master, sizeof master);
    explicit_bzero(key, sizeof key);
}

static bool make_context(int s, uint16_t version, stls_error *error) {
    stls_profile *profile = NULL;
    stls_trust *trust = pki_trust("root");
    stls_credential *credential = s == 1 ? load("server.chain.pem", "server.key", NULL, STLS_OK)
                                         : load("phone.chain.pem", "phone.key", NULL, STLS_OK);
    bool made = stls_profile_new(test_backend(), s == 0 ? STLS_ROLE_CLIENT : STLS_ROLE_SERVER,
                                 &profile, error) == STLS_OK &&
                stls_profile_set_versions(profile, version, version, error) == STLS_OK &&
                stls_profile_set_names(profile, STLS_REGISTRY_GROUP, "x25519:secp256r1", error) ==
                    STLS_OK &&
                stls_profile_set_trust(profile, trust, error) == STLS_OK &&
                stls_profile_set_credential(profile, credential, error) == STLS_OK &&
                stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, error) == STLS_OK &&
                (!stls_backend_can(test_backend(), STLS_CAN_KEYLOG) ||
                 stls_profile_set_keylog(profile, keys_log, NULL, error) == STLS_OK) &&
                (!stls_backend_can(test_backend(), STLS_CAN_EXPORT_KEYS) ||
                 stls_profile_set_exporter(profile, true, error) == STLS_OK) &&
                (s == 0 || !stls_backend_can(test_backend(), STLS_CAN_ISSUE_TICKETS) ||
                 stls_profile_set_tickets(profile, ring, 1, error) == STLS_OK) &&
                stls_context_new(profile, &contexts[s], error) == STLS_OK;
    stls_profile_free(profile);
    stls_credential_free(credential);
    stls_trust_free(trust);
    return made;
}

static void carry(stls_conn *from, stls_conn *to) {
    stls_bytes out = stls_conn_peek(from);
    if (out.len > 0) {
        keys_see(stls_context_role(stls_conn_context(from)) == STLS_ROLE_SERVER, out);
        stls_conn_feed(to, out.data, out.len);
        stls_conn_consume(from, out.len);
    }
}

/* A message that is known in no other form; `letter` tells the way it goes. */
static size_t compose(char text[128], char letter) {
    int len = snprintf(text, 128, "MESSAGE sip:%c%c%c@example.test SIP/2.0\r\n", letter + 1,
                       letter + 2, letter + 3);
    return (size_t)len;
}

static void say(stls_conn *from, stls_conn *to, char letter) {
    char text[128], got[256];
    size_t len = compose(text, letter), done = 0;
    CHECK_RESULT("a write", stls_conn_write(from, text, len, &done), STLS_OK,
                 stls_conn_error(from));
    carry(from, to);
    CHECK_RESULT("a read", stls_conn_read(to, got, sizeof got, &done), STLS_OK,
                 stls_conn_error(to));
    CHECK_NUMBER("read", done, len);
    explicit_bzero(text, sizeof text);
    explicit_bzero(got, sizeof got);
}

/* A message of which only the front is read before all is closed and freed. */
static void say_in_part(stls_conn *from, stls_conn *to, char letter) {
    char text[128], got[UNREAD_AT];
    size_t len = compose(text, letter), done = 0;
    CHECK_RESULT("a write", stls_conn_write(from, text, len, &done), STLS_OK,
                 stls_conn_error(from));
    carry(from, to);
    CHECK_RESULT("a read", stls_conn_read(to, got, sizeof got, &done), STLS_OK,
                 stls_conn_error(to));
    explicit_bzero(text, sizeof text);
}

/* A message whose last byte somebody has changed on its way: it is refused, and was decrypted. */
static void say_in_vain(stls_conn *from, stls_conn *to, char letter) {
    char text[128], got[256];
    uint8_t sent[256];
    size_t len = compose(text, letter), done = 0;
    CHECK_RESULT("a write", stls_conn_write(from, text, len, &done), STLS_OK,
                 stls_conn_error(from));
    stls_bytes out = stls_conn_peek(from);
    if (CHECK(out.len > 0 && out.len <= sizeof sent, "%zu bytes were sent", out.len)) {
        memcpy(sent, out.data, out.len);
        sent[out.len - 1] ^= 1;
        stls_conn_feed(to, sent, out.len);
        stls_conn_consume(from, out.len);
        CHECK_RESULT("a read", stls_conn_read(to, got, sizeof got, &done), STLS_E_PROTOCOL,
                     stls_conn_error(to));
    }
    explicit_bzero(text, sizeof text);
}

/* Of both directions, where it can be done. */
static void update_keys(void) {
    stls_conn *client = conn[0], *server = conn[1];
    stls_conn_info info;
    stls_conn_get_info(client, &info);
    if (info.version == STLS_TLS1_3 && stls_backend_can(test_backend(), STLS_CAN_UPDATE_KEYS)) {
        CHECK_RESULT("an update", stls_conn_update_keys(client, true), STLS_OK,
                     stls_conn_error(client));
        say(client, server, 'A');
        carry(server, client);
        say(server, client, 'a');
    }
}

static int turn;

static void make_conns(void) {
    for (int s = 0; s < 2; s++) {
        stls_conn_new(contexts[s], s == 0 ? "example.test" : NULL, &conn[s], NULL);
        stls_conn_use_memory(conn[s], NULL);
        result[s] = STLS_WANT_READ;
    }
}

static void take_turn(void) {
    int s = turn % 2;
    result[s] = result[s] == STLS_OK ? STLS_OK : stls_conn_handshake(conn[s]);
    carry(conn[s], conn[1 - s]);
}

static void say_there(void) {
    say(conn[0], conn[1], 'A');
}

static void say_back(void) {
    say(conn[1], conn[0], 'a');
}

static void end_talk(void) {
    say_in_part(conn[1], conn[0], 'p');
    say_in_vain(conn[0], conn[1], 'n');
}

static void hang_up(void) {
    for (int s = 0; s < 2; s++) {
        stls_conn_close(conn[s]);
        carry(conn[s], conn[1 - s]);
    }
    for (int s = 0; s < 2; s++) {
        look_at_text("an error", stls_conn_error(conn[s])->text);
        look_at_text("a verdict", stls_conn_verdict(conn[s])->text);
        stls_conn_free(conn[s]);
    }
}

static void shake_hands(void) {
    on_stack(make_conns);
    for (turn = 0; turn < TURNS && (result[0] != STLS_OK || result[1] != STLS_OK); turn++) {
        on_stack(take_turn);
        if (turn == 1) {
            keys_meet();
        }
    }
    CHECK_RESULT("the client", result[0], STLS_OK, stls_conn_error(conn[0]));
    CHECK_RESULT("the server", result[1], STLS_OK, stls_conn_error(conn[1]));
}

/* Each part on another stack, so that none hides what the one before has left. */
static bool connect_once(void) {
    stls_conn_info info = {.resumed = false};
    keys_begin();
    shake_hands();
    if (result[1] == STLS_OK) {
        keys_settle(conn[0]);
        check_learnt("a connection", "record", HEAP_LIBRARY, 2);
        on_stack(say_there);
        on_stack(say_back);
        on_stack(update_keys);
        on_stack(end_talk);
        stls_conn_get_info(conn[0], &info);
    }
    on_stack(hang_up);
    return info.resumed;
}

static void compose_session_key(uint8_t key[STLS_SESSION_KEY_LEN]) {
    for (size_t i = 0; i < STLS_SESSION_KEY_LEN; i++) {
        key[i] = (uint8_t)(41 * i + 7);
    }
}

/* And what api/exchange.c makes of it. */
static void learn_session_keys(void) {
    uint8_t given[STLS_SESSION_KEY_LEN], made[32];
    compose_session_key(given);
    learn("session-key", given, sizeof given);
    derive(given, "siptls session export", (stls_bytes){NULL, 0}, made);
    learn("session-aead-key", made, sizeof made);
    explicit_bzero(given, sizeof given);
    explicit_bzero(made, sizeof made);
}

/* The client's session goes out sealed, and comes back. */
static void exchange_session(void) {
    static uint8_t sealed[STLS_SESSION_BYTES_MAX];
    uint8_t key[STLS_SESSION_KEY_LEN];
    size_t len = 0;
    stls_error error = {.result = STLS_NOT_DONE};
    compose_session_key(key);
    CHECK_RESULT("the export",
                 stls_context_export_session(contexts[0], "example.test", key, sealed,
                                             sizeof sealed, &len, &error),
                 STLS_OK, &error);
    CHECK_RESULT("the import", stls_context_import_session(contexts[0], key, sealed, len, &error),
                 STLS_OK, &error);
    explicit_bzero(key, sizeof key);
}

static void use_connections(const char *stage, uint16_t version) {
    stls_error error = {.result = STLS_NOT_DONE};
    char closed[32];
    snprintf(closed, sizeof closed, "%s-closed", stage);
    check_case("%s", stage);
    if (CHECK(make_context(0, version, &error) && make_context(1, version, &error), "%s",
              error.text)) {
        connect_once();
        if (stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER)) {
            on_stack(exchange_session);
        }
        CHECK(connect_once() || !stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER),
              "nothing was resumed");
        /* The contexts live: their key, and what resumes, is theirs. */
        search_for(closed, "plaintext traffic record finished schedule agree session", found);
    }
    for (int s = 0; s < 2; s++) {
        stls_context_free(contexts[s]);
        contexts[s] = NULL;
    }
}

static void test_connections(void) {
    if (!crypto_is_there()) {
        test_skip("key agreement", "its secrets are known with OpenSSL only, which was not built");
    }
    char text[128] = "";
    uint8_t ring_secret[STLS_TICKET_SECRET_LEN];
    learn("plaintext-sent", text, compose(text, 'A'));
    learn("plaintext-received", text, compose(text, 'a'));
    learn("plaintext-refused", text, compose(text, 'n'));
    learn("plaintext-unread", text + UNREAD_AT, compose(text, 'p') - UNREAD_AT);
    explicit_bzero(text, sizeof text);
    if (stls_backend_can(test_backend(), STLS_CAN_ISSUE_TICKETS)) {
        ring_time = (int64_t)time(NULL);
        compose_ring_secret(ring_secret);
        learn("ring-secret", ring_secret, sizeof ring_secret);
        learn_ticket_keys(ring_secret);
        explicit_bzero(ring_secret, sizeof ring_secret);
        on_stack(make_ring);
    }
    learn_session_keys();
    use_connections("tls1.2", STLS_TLS1_2);
    search_all("tls1.2", "plaintext traffic record master key agree session");
    use_connections("tls1.3", STLS_TLS1_3);
    if (ring != NULL) {
        check_learnt("the ring", "ticket", HEAP_OWN, 4);
    }
    stls_ticket_ring_free(ring);
    ring = NULL;
    search_all("tls1.3", NULL);
}

/* --- The search itself */

/* Far enough down: the way back to the other stack writes where this one began. */
static void leave_on_stack(void) {
    char room[4096];
    wrong_password(room);
    CHECK(memchr(room, '\0', sizeof room) != NULL, "no password");
}

/* That it finds what is there: a secret in a block of each heap that is in use, in one that was
 * given back, on a stack that was, and in memory that is none of these. */
static void test_search(void) {
    static volatile char in_data[sizeof wrong_masked + 1];
    char wrong[sizeof wrong_masked + 1];
    char *block[2][2];
    wrong_password(wrong);
    memcpy((char *)(uintptr_t)in_data, wrong, sizeof wrong);
    for (int kind = HEAP_OWN; kind <= HEAP_LIBRARY; kind++) {
        for (int live = 0; live < 2; live++) {
            block[kind][live] = heap_take((heap_kind)kind, sizeof wrong);
            if (CHECK(block[kind][live] != NULL, "no memory")) {
                memcpy(block[kind][live], wrong, sizeof wrong);
            }
        }
        heap_give((heap_kind)kind, block[kind][0]);
    }
    explicit_bzero(wrong, sizeof wrong);
    on_stack(leave_on_stack);
    search_for("the search", "password", count_found);
    drop_stacks();
    for (int kind = HEAP_OWN; kind <= HEAP_LIBRARY; kind++) {
        check_case("in %s heap", heap_text((heap_kind)kind));
        CHECK_NUMBER("given back", seen[kind][0], 1);
        CHECK_NUMBER("in use", seen[kind][1], 1);
        explicit_bzero(block[kind][0], sizeof wrong); /* it is kept */
        explicit_bzero(block[kind][1], sizeof wrong);
        heap_give((heap_kind)kind, block[kind][1]);
    }
    check_case("on a stack");
    CHECK_NUMBER("found", seen_on_stack, 1);
    check_case("in static data");
    CHECK_NUMBER("found", seen_elsewhere, 1);
    explicit_bzero((char *)(uintptr_t)in_data, sizeof wrong);
}

static void test_expectations(void) {
    expected_perhaps("stack"); /* what is called later may write over it */
    check_expected(NULL);
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"files", learn_files},
                                      {"the search", test_search},
                                      {"credentials", test_credentials},
                                      {"stores", test_stores},
                                      {"connections", test_connections},
                                      {"expectations", test_expectations},
                                      {NULL, NULL}};
    static const test_suite suites[] = {{"secrets", cases}, {NULL, NULL}};
    stls_error error = {.result = STLS_NOT_DONE};
    if (HEAP_IS_SANITIZED) {
        printf("skipped: a sanitizer lets nobody look between blocks\n");
        return 77;
    }
    heap_keep();
    if (!heap_install(STLS_TEST_BACKEND, &error)) {
        printf("skipped: %s\n", error.text);
        return error.result == STLS_E_UNSUPPORTED ? 77 : EXIT_FAILURE;
    }
    test_set_backend(stls_backend_find(STLS_TEST_BACKEND));
    if (!expected_read("secrets")) {
        return EXIT_FAILURE;
    }
    return suite_main(suites, argc, argv);
}
