/* tests/faults/secrets.c - no secret is left in the process once what held it is freed.
 *
 * Private keys are loaded, stored and used, connections are made, resumed and closed; then all that
 * the process can write to, but its stack, is searched: the heaps, in which what was given back
 * stays as it is, and static data. The secrets themselves are known to the test only behind a mask,
 * so that it does not find its own. The sentences of errors and verdicts are searched as well.
 *
 * Where a TLS library leaves a secret, tests/expectations/<backend>.secrets says so, with the
 * reason; a line there that is not met is a failure as well. SIPTLS_HEAP_TRACE=1 shows where the
 * memory was allocated in which one is found.
 *
 * Promise P9 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/faults/secrets.h"
#include "backends/contract.h"
#include "tests/support/check.h"
#include "tests/support/expected.h"
#include "tests/support/heap.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <siptls/siptls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SECRETS_MAX = 128, TURNS = 60, UNREAD_AT = 10 };

/* --- The secrets, behind a mask */

typedef struct secret {
    const char *name;
    uint8_t masked[SECRET_MAX];
    size_t len;
} secret;

static secret secrets[SECRETS_MAX];
static size_t secret_count;

static const uint8_t *search(const uint8_t *at, size_t len, const secret *what) {
    uint8_t first = what->masked[0] ^ MASK;
    const uint8_t *end = at + len;
    while (at < end && (size_t)(end - at) >= what->len &&
           (at = memchr(at, first, (size_t)(end - at) - what->len + 1)) != NULL) {
        size_t same = 1;
        while (same < what->len && at[same] == (what->masked[same] ^ MASK)) {
            same++;
        }
        if (same == what->len) {
            return at;
        }
        at++;
    }
    return NULL;
}

static bool is_known(const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < secret_count; i++) {
        if (secrets[i].len == len && search(bytes, len, &secrets[i]) != NULL) {
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

/* --- The search */

typedef void (*finding)(const char *stage, const secret *what, const uint8_t *at);

static void found(const char *stage, const secret *what, const uint8_t *at) {
    heap_kind kind = HEAP_OWN;
    bool live = false;
    const char *where = !heap_find(at, &kind, &live) ? "elsewhere"
                        : kind == HEAP_OWN           ? "own"
                                                     : "library";
    bool may_be = strcmp(where, "library") == 0 && is_expected(stage, what->name, where);
    if (!CHECK(may_be, "%s: %s is left (%s, %s)", stage, what->name, where,
               live ? "in use" : "given back") &&
        getenv("SIPTLS_HEAP_TRACE") != NULL) {
        fprintf(stderr, "--- %s: %s\n", stage, what->name);
        heap_print_origin(at);
    }
}

static unsigned seen[2][2], seen_elsewhere; /* by the heap, and whether the block is in use */

static void count_found(const char *stage, const secret *what, const uint8_t *at) {
    heap_kind kind = HEAP_OWN;
    bool live = false;
    (void)stage, (void)what;
    if (heap_find(at, &kind, &live)) {
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

static void search_for(const char *stage, const char *only, finding tell) {
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    static struct { uintptr_t begin, end; } areas[1024];
    size_t count = 0;
    /* First all areas, then the search: reading takes memory as well. */
    while (maps != NULL && count < 1024 && fgets(line, sizeof line, maps) != NULL) {
        unsigned long begin, end;
        char access[8];
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, access) == 3 && access[0] == 'r' &&
            access[1] == 'w' && strstr(line, "[stack]") == NULL && strstr(line, "[v") == NULL) {
            areas[count].begin = begin;
            areas[count++].end = end;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    check_case("%s", stage);
    CHECK(count > 3, "the memory cannot be looked at");
    for (size_t i = 0; i < secret_count; i++) {
        for (size_t k = 0; is_meant(only, secrets[i].name) && k < count; k++) {
            const uint8_t *at = (const uint8_t *)areas[k].begin;
            const uint8_t *end = (const uint8_t *)areas[k].end;
            while ((at = search(at, (size_t)(end - at), &secrets[i])) != NULL) {
                tell(stage, &secrets[i], at);
                at++;
            }
        }
    }
}

static void search_all(const char *stage, const char *only) {
    search_for(stage, only, found);
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
        CHECK(search((const uint8_t *)text, strlen(text), &secrets[i]) == NULL, "%s says %s: %s",
              what, secrets[i].name, text);
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

static void wrong_password(char text[sizeof wrong_masked + 1]) {
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

static void test_credentials(void) {
    char wrong[sizeof wrong_masked + 1], right[sizeof right_masked + 1];
    stls_credential_free(load("server.chain.pem", "server.key", NULL, STLS_OK));
    stls_credential_free(load("server-rsa.chain.pem", "server-rsa.key", NULL, STLS_OK));
    stls_credential_free(load("phone.chain.pem", "server.key", NULL, STLS_E_KEY_MISMATCH));
    search_all("credentials", NULL);
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
    search_all("passwords", NULL);
}

/* --- A store */

static stls_result drop(void *arg, const void *data, size_t len, stls_error *error) {
    (void)arg, (void)data, (void)len, (void)error;
    return STLS_OK;
}

/* Refused first. */
static void install_pkcs12(stls_certstore *store) {
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

static void use_store(stls_certstore *store) {
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
        install_pkcs12(store);
    }
    CHECK_RESULT("export", stls_certstore_export(store, STLS_PARTS_ALL, drop, NULL, &error),
                 STLS_OK, &error);
    CHECK_RESULT("uninstall", stls_certstore_uninstall(store, STLS_PLACE_GENERIC, &error), STLS_OK,
                 &error);
    CHECK_RESULT("reset", stls_certstore_reset(store, &error), STLS_OK, &error);
}

static void test_stores(void) {
    char folder[] = "/tmp/siptls-secrets-XXXXXX", path[128];
    stls_certstore_options options = {.create = true};
    stls_certstore *store = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    if (CHECK(mkdtemp(folder) != NULL, "no folder") &&
        CHECK_RESULT("a store in a folder",
                     stls_certstore_open_folder(test_backend(), folder, &options, &store, &error),
                     STLS_OK, &error)) {
        use_store(store);
    }
    stls_certstore_free(store);
    search_all("a-folder", "key password");
    snprintf(path, sizeof path, "rm -rf %s", folder);
    CHECK(system(path) == 0, "%s", path); /* NOLINT(cert-env33-c): a folder that we have made */
    store = NULL;
    if (CHECK_RESULT("a store in memory", stls_certstore_new(test_backend(), NULL, &store, &error),
                     STLS_OK, &error)) {
        use_store(store);
    }
    stls_certstore_free(store);
    search_all("a-store", "key password");
}

/* --- Connections */

static stls_context *contexts[2];
static stls_ticket_ring *ring;

static int64_t ring_time; /* the ring's clock stands still, so that its epoch is known */

static int64_t ring_clock(void *arg) {
    (void)arg;
    return ring_time;
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
static void update_keys(stls_conn *client, stls_conn *server) {
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

static bool connect_once(void) {
    stls_conn *conn[2] = {NULL, NULL};
    stls_result result[2] = {STLS_WANT_READ, STLS_WANT_READ};
    stls_conn_info info = {.resumed = false};
    for (int s = 0; s < 2; s++) {
        stls_conn_new(contexts[s], s == 0 ? "example.test" : NULL, &conn[s], NULL);
        stls_conn_use_memory(conn[s], NULL);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int s = turn % 2;
        result[s] = result[s] == STLS_OK ? STLS_OK : stls_conn_handshake(conn[s]);
        if (turn < 2) {
            keys_see(s, stls_conn_peek(conn[s]));
        }
        carry(conn[s], conn[1 - s]);
    }
    CHECK_RESULT("the client", result[0], STLS_OK, stls_conn_error(conn[0]));
    if (CHECK_RESULT("the server", result[1], STLS_OK, stls_conn_error(conn[1]))) {
        keys_settle(conn[0]);
        check_learnt("a connection", "record", HEAP_LIBRARY, 2);
        say(conn[0], conn[1], 'A');
        say(conn[1], conn[0], 'a');
        update_keys(conn[0], conn[1]);
        say_in_part(conn[1], conn[0], 'p');
        say_in_vain(conn[0], conn[1], 'n');
        stls_conn_get_info(conn[0], &info);
    }
    for (int s = 0; s < 2; s++) {
        stls_conn_close(conn[s]);
        carry(conn[s], conn[1 - s]);
    }
    for (int s = 0; s < 2; s++) {
        look_at_text("an error", stls_conn_error(conn[s])->text);
        look_at_text("a verdict", stls_conn_verdict(conn[s])->text);
        stls_conn_free(conn[s]);
    }
    return info.resumed;
}

static void use_connections(const char *stage, uint16_t version) {
    stls_error error = {.result = STLS_NOT_DONE};
    char closed[32];
    snprintf(closed, sizeof closed, "%s-closed", stage);
    check_case("%s", stage);
    if (CHECK(make_context(0, version, &error) && make_context(1, version, &error), "%s",
              error.text)) {
        connect_once();
        if (version == STLS_TLS1_3 && stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER)) {
            keys_keep_session(contexts[0], "example.test");
        }
        CHECK(connect_once() || !stls_backend_can(test_backend(), STLS_CAN_TICKET_PEER),
              "nothing was resumed");
        /* The contexts live: their key, and what resumes, is theirs. */
        search_all(closed, "plaintext traffic record");
    }
    for (int s = 0; s < 2; s++) {
        stls_context_free(contexts[s]);
        contexts[s] = NULL;
    }
}

static void test_connections(void) {
    char text[128] = "";
    uint8_t ring_secret[STLS_TICKET_SECRET_LEN];
    stls_error error = {.result = STLS_NOT_DONE};
    learn("plaintext-sent", text, compose(text, 'A'));
    learn("plaintext-received", text, compose(text, 'a'));
    learn("plaintext-refused", text, compose(text, 'n'));
    learn("plaintext-unread", text + UNREAD_AT, compose(text, 'p') - UNREAD_AT);
    explicit_bzero(text, sizeof text);
    if (stls_backend_can(test_backend(), STLS_CAN_ISSUE_TICKETS)) {
        for (size_t i = 0; i < sizeof ring_secret; i++) {
            ring_secret[i] = (uint8_t)(37 * i + 11);
        }
        learn("ring-secret", ring_secret, sizeof ring_secret);
        const stls_ticket_ring_options options = {.clock = ring_clock};
        ring_time = (int64_t)time(NULL);
        CHECK_RESULT("a ring", stls_ticket_ring_new(test_backend(), &options, &ring, &error),
                     STLS_OK, &error);
        CHECK_RESULT("its secret", stls_ticket_ring_set_secrets(ring, ring_secret, 1, &error),
                     STLS_OK, &error);
        learn_ticket_keys(ring_secret);
        explicit_bzero(ring_secret, sizeof ring_secret);
    }
    use_connections("tls1.2", STLS_TLS1_2);
    search_all("tls1.2", "plaintext traffic record master key");
    use_connections("tls1.3", STLS_TLS1_3);
    if (ring != NULL) {
        check_learnt("the ring", "ticket", HEAP_OWN, 4);
    }
    stls_ticket_ring_free(ring);
    ring = NULL;
    search_all("tls1.3", NULL);
}

/* --- The search itself */

/* That it finds what is there: a secret in a block of each heap that is in use, in one that was
 * given back, and in memory that is in neither heap. */
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
    search_for("the search", "password", count_found);
    for (int kind = HEAP_OWN; kind <= HEAP_LIBRARY; kind++) {
        check_case("in %s heap", heap_text((heap_kind)kind));
        CHECK_NUMBER("given back", seen[kind][0], 1);
        CHECK_NUMBER("in use", seen[kind][1], 1);
        explicit_bzero(block[kind][0], sizeof wrong); /* it is kept */
        explicit_bzero(block[kind][1], sizeof wrong);
        heap_give((heap_kind)kind, block[kind][1]);
    }
    check_case("in static data");
    CHECK_NUMBER("found", seen_elsewhere, 1);
    explicit_bzero((char *)(uintptr_t)in_data, sizeof wrong);
}

static void test_expectations(void) {
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
