/* Files of profiles that are edited: what changes, what stays, and what is left when the disk
 * fails.
 *
 * SPDX-License-Identifier: MIT */
#include "api/internal.h"
#include "api/profiles_inside.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"
#include "tests/unit/simulated_disk.h"

#include <unistd.h>

static stls_profiles *read_text(const char *text) {
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("read", stls_profiles_read(text, strlen(text), NULL, &profiles, &error), STLS_OK,
                 &error);
    return profiles;
}

enum { TEXT_SIZE = 8192 };

static stls_result keep_text(void *arg, const void *data, size_t len, stls_error *error) {
    char *text = arg;
    (void)error;
    if (len >= TEXT_SIZE) {
        abort();
    }
    if (len != 0) {
        memcpy(text, data, len);
    }
    text[len] = '\0';
    return STLS_OK;
}

static const char *text_of(const stls_profiles *profiles) {
    static char text[TEXT_SIZE];
    stls_profiles_write(profiles, keep_text, text, NULL);
    return text;
}

/* SET with a key, UNSET with a key, ADD and REMOVE without. */
typedef enum { ADD, SET, UNSET, REMOVE } edit_kind;

static stls_result run(stls_profiles *profiles, edit_kind kind, const char *name, const char *key,
                       const char *value, stls_error *error) {
    switch (kind) {
    case ADD:
        return stls_profiles_add(profiles, name, error);
    case SET:
        return stls_profiles_set(profiles, name, key, value, error);
    case UNSET:
        return stls_profiles_unset(profiles, name, key, error);
    default:
        return stls_profiles_remove(profiles, name, error);
    }
}

#define LONG_COMMENT                                                                               \
    "; this line has a comment that is so long that another value does not fit into the line "     \
    "any more, however short the name of the setting and its first value may have been, is it "    \
    "not so"

static const struct {
    const char *what, *before;
    edit_kind kind;
    const char *name, *key, *value, *after;
} edits[] = {
    {"first profile", "", ADD, "sip", NULL, NULL, "[sip]\n"},
    {"second profile", "[sip]\ntrust = all", ADD, "web", NULL, NULL,
     "[sip]\ntrust = all\n\n[web]\n"},
    {"one blank line is enough", "[sip]\n\n", ADD, "web", NULL, NULL, "[sip]\n\n[web]\n"},
    {"new setting", "[sip]\n", SET, "sip", "verify", "required", "[sip]\nverify = required\n"},
    {"behind the last setting, before the next profile's comment",
     "[sip]\ntrust = all\n\n; the web\n[web]\n", SET, "sip", "alpn", "sip/2",
     "[sip]\ntrust = all\nalpn = sip/2\n\n; the web\n[web]\n"},
    {"a file without an end", "[sip]\ntrust = all", SET, "sip", "alpn", "sip/2",
     "[sip]\ntrust = all\nalpn = sip/2\n"},
    {"CR LF", "[sip]\r\ntrust = all\r\n", SET, "sip", "alpn", "sip/2",
     "[sip]\r\ntrust = all\r\nalpn = sip/2\r\n"},
    {"in place, with spacing and comment", "[sip]\ntrust   =  all   ; of the house\nalpn = x\n",
     SET, "sip", "trust", "custom", "[sip]\ntrust   =  custom   ; of the house\nalpn = x\n"},
    {"in place, without spaces", "[sip]\ntrust=all\nalpn=a;b\n", SET, "sip", "alpn", "c",
     "[sip]\ntrust=all\nalpn=c\n"},
    {"a colon", "[sip]\ntrust: all\n", SET, "sip", "trust", "custom", "[sip]\ntrust: custom\n"},
    {"no value before", "[sip]\nalpn = ; none\n", SET, "sip", "alpn", "sip/2",
     "[sip]\nalpn = sip/2 ; none\n"},
    {"indented", "[sip]\n  trust = all\n", SET, "sip", "trust", "custom",
     "[sip]\n  trust = custom\n"},
    {"a byte order mark", "\xef\xbb\xbf[sip]\ntrust = all\n", SET, "sip", "trust", "custom",
     "\xef\xbb\xbf[sip]\ntrust = custom\n"},
    {"no end, in place", "[sip]\ntrust = all", SET, "sip", "trust", "custom",
     "[sip]\ntrust = custom"},
    {"a profile in two parts", "[sip]\ntrust = all\n[web]\n[sip]\nverify = none\n", SET, "sip",
     "verify", "required", "[sip]\ntrust = all\n[web]\n[sip]\nverify = required\n"},
    {"the same key elsewhere", "[web]\ntrust = all\n[sip]\ntrust = all\n", SET, "sip", "trust",
     "custom", "[web]\ntrust = all\n[sip]\ntrust = custom\n"},
    {"a long comment goes above", "[sip]\ntrust = all " LONG_COMMENT "\n", SET, "sip", "trust",
     "default", "[sip]\n" LONG_COMMENT "\ntrust = default\n"},
    {"a list in several lines and its comments",
     "[sip]\ngroups = x25519 ; fast\n; small\n  secp256r1:\n\tsecp384r1\nalpn = x\n", SET, "sip",
     "groups", "secp256r1", "[sip]\ngroups = secp256r1 ; fast\n; small\nalpn = x\n"},
    {"a list twice", "[sip]\ngroups = x25519\nalpn = x\ngroups = secp256r1\n", SET, "sip", "groups",
     "secp384r1", "[sip]\ngroups = secp384r1\nalpn = x\n"},
    {"a list as people write it", "[sip]\n", SET, "sip", "groups", "x25519, secp256r1 secp384r1",
     "[sip]\ngroups = x25519:secp256r1:secp384r1\n"},
    {"a long list", "[sip]\nalpn = x\n", SET, "sip", "ciphers",
     "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:"
     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
     "[sip]\nalpn = x\nciphers = TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
     "TLS_CHACHA20_POLY1305_SHA256:TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:"
     "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:\n    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n"},
    {"flags", "[sip]\n", SET, "sip", "tolerate", "not-yet-valid,expired",
     "[sip]\ntolerate = not-yet-valid,expired\n"},
    {"a number", "[sip]\n", SET, "sip", "max-intermediates", "007",
     "[sip]\nmax-intermediates = 007\n"},
    {"a date", "[sip]\n", SET, "sip", "clock-not-before", "2026-11-01",
     "[sip]\nclock-not-before = 2026-11-01\n"},
    {"unset", "[sip]\n; of all\ntrust = all ; x\nalpn = x\n", UNSET, "sip", "trust", NULL,
     "[sip]\n; of all\nalpn = x\n"},
    {"unset a list", "[sip]\ngroups = x25519\n ; note\n secp256r1\nalpn = x\n", UNSET, "sip",
     "groups", NULL, "[sip]\n ; note\nalpn = x\n"},
    {"unset the only one", "[sip]\ntrust = all\n", UNSET, "sip", "trust", NULL, "[sip]\n"},
    {"remove", "; head\n\n[sip]\n; why\ntrust = all\n\n; the web\n[web]\nalpn = x\n", REMOVE, "sip",
     NULL, NULL, "; head\n\n; the web\n[web]\nalpn = x\n"},
    {"remove the last", "[web]\n\n[sip]\ntrust = all\n", REMOVE, "sip", NULL, NULL, "[web]\n\n"},
    {"remove the only one", "[sip]\n", REMOVE, "sip", NULL, NULL, ""},
    {"remove one in two parts", "[sip]\ntrust = all\n[web]\n[sip]\nverify = none\n", REMOVE, "sip",
     NULL, NULL, "[web]\n"},
};

static void test_edits(void) {
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        stls_error error = {.result = STLS_NOT_DONE};
        check_case("%s", edits[i].what);
        stls_profiles *profiles = read_text(edits[i].before);
        CHECK_RESULT(
            "edit",
            run(profiles, edits[i].kind, edits[i].name, edits[i].key, edits[i].value, &error),
            STLS_OK, &error);
        CHECK_TEXT("text", text_of(profiles), edits[i].after);
        stls_profiles_free(profiles);
    }
}

static const struct {
    edit_kind kind;
    const char *name, *key, *value;
    stls_result result;
    const char *sentence;
} bad_edits[] = {
    {ADD, "sip", NULL, NULL, STLS_E_ARGUMENT, "there is a profile [sip] already"},
    {ADD, "", NULL, NULL, STLS_E_ARGUMENT, "1 to 49 characters"},
    {ADD, "a2345678901234567890123456789012345678901234567890", NULL, NULL, STLS_E_ARGUMENT,
     "1 to 49 characters"},
    {ADD, "a]b", NULL, NULL, STLS_E_ARGUMENT, "not [ ] # ;"},
    {ADD, "a\nb", NULL, NULL, STLS_E_ARGUMENT, "ASCII"},
    {ADD, "b\xc3\xbcro", NULL, NULL, STLS_E_ARGUMENT, "ASCII"},
    {ADD, " a", NULL, NULL, STLS_E_ARGUMENT, "begins and ends with no blank"},
    {ADD, NULL, NULL, NULL, STLS_E_ARGUMENT, "NULL"},
    {SET, "web", "trust", "all", STLS_E_ARGUMENT, "there is no profile [web]"},
    {SET, "w\xff", "trust", "all", STLS_E_ARGUMENT, "there is no profile [w\\xff]"},
    {SET, NULL, "trust", "all", STLS_E_ARGUMENT, "NULL"},
    {SET, "sip", NULL, "all", STLS_E_ARGUMENT, "NULL"},
    {SET, "sip", "trust", NULL, STLS_E_ARGUMENT, "NULL"},
    {SET, "sip", "trusted", "all", STLS_E_FORMAT, "\"trusted\" is not the name of a setting"},
    {SET, "sip", "trust", "some", STLS_E_FORMAT,
     "trust takes default, custom, all, system, not \"some\""},
    {SET, "sip", "trust", "", STLS_E_FORMAT, "trust takes"},
    {SET, "sip", "ciphers", "RC4", STLS_E_FORMAT, "nothing is called \"RC4\""},
    {SET, "sip", "tolerate", "revoked", STLS_E_FORMAT, "can never be tolerated"},
    {SET, "sip", "max-intermediates", "-1", STLS_E_FORMAT, "takes a number"},
    {SET, "sip", "alpn", "x\ntrust = all", STLS_E_FORMAT, "text in one line"},
    {SET, "sip", "alpn", "x\r", STLS_E_FORMAT, "text in one line"},
    {SET, "sip", "alpn", "x ; y", STLS_E_FORMAT, "without a comment"},
    {SET, "sip", "alpn", "; y", STLS_E_FORMAT, "without a comment"},
    {SET, "sip", "alpn", " x", STLS_E_FORMAT, "without a blank"},
    {SET, "sip", "alpn", "x ", STLS_E_FORMAT, "without a blank"},
    {UNSET, "sip", "verify", NULL, STLS_E_ARGUMENT, "[sip] does not set verify"},
    {UNSET, "sip", "trusted", NULL, STLS_E_FORMAT, "is not the name of a setting"},
    {UNSET, "sip", NULL, NULL, STLS_E_FORMAT, "is not the name of a setting"},
    {UNSET, "web", "verify", NULL, STLS_E_ARGUMENT, "there is no profile"},
    {REMOVE, "web", NULL, NULL, STLS_E_ARGUMENT, "there is no profile"},
    {REMOVE, NULL, NULL, NULL, STLS_E_ARGUMENT, "NULL"},
};

static void test_bad_edits(void) {
    static const char before[] = "[sip]\ntrust = all\n";
    stls_profiles *profiles = read_text(before);
    stls_error error = {.result = STLS_NOT_DONE};
    for (size_t i = 0; i < sizeof bad_edits / sizeof bad_edits[0]; i++) {
        check_case("%d, %s", (int)i, bad_edits[i].sentence);
        CHECK_RESULT("edit",
                     run(profiles, bad_edits[i].kind, bad_edits[i].name, bad_edits[i].key,
                         bad_edits[i].value, &error),
                     bad_edits[i].result, &error);
        CHECK_CONTAINS("sentence", error.text, bad_edits[i].sentence);
        CHECK_TEXT("text", text_of(profiles), before);
    }
    char long_value[3000];
    memset(long_value, 'a', sizeof long_value);
    long_value[sizeof long_value - 1] = '\0';
    check_case("long values");
    CHECK_RESULT("longer than any",
                 stls_profiles_set(profiles, "sip", "ciphers", long_value, &error), STLS_E_LIMIT,
                 &error);
    long_value[200] = '\0';
    CHECK_RESULT("longer than ALPN", stls_profiles_set(profiles, "sip", "alpn", long_value, &error),
                 STLS_E_LIMIT, &error);
    CHECK_TEXT("text", text_of(profiles), before);
    CHECK_RESULT("no profiles", stls_profiles_set(NULL, "sip", "alpn", "x", &error),
                 STLS_E_ARGUMENT, &error);
    CHECK_RESULT("no sink", stls_profiles_write(profiles, NULL, NULL, &error), STLS_E_ARGUMENT,
                 &error);
    for (unsigned i = 1; i < STLS_PROFILES_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%u", i);
        CHECK_RESULT("add", stls_profiles_add(profiles, name, &error), STLS_OK, &error);
    }
    CHECK_RESULT("65 profiles", stls_profiles_add(profiles, "more", &error), STLS_E_LIMIT, &error);
    stls_profiles_free(profiles);
}

/* --- What a profile says */

static void test_values(void) {
    char value[STLS_PROFILES_VALUE_SIZE];
    stls_profiles *profiles =
        read_text("[sip]\ngroups = x25519:\n secp256r1\ntolerate = not-yet-valid,expired\n"
                  "verify = none\nmax-intermediates = 03\nclock-not-before = 2026-11-01\n[web]\n");
    static const struct {
        const char *key, *value;
    } expected[] = {{"groups", "x25519:secp256r1"},
                    {"tolerate", "expired,not-yet-valid"},
                    {"verify", "none"},
                    {"clock-not-before", "2026-11-01"},
                    {"max-intermediates", "3"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        check_case("%s", expected[i].key);
        CHECK(stls_profiles_value(profiles, "sip", expected[i].key, value, sizeof value), "given");
        CHECK_TEXT("value", value, expected[i].value);
        CHECK(!stls_profiles_value(profiles, "web", expected[i].key, value, sizeof value),
              "not given");
        CHECK_TEXT("no value", value, "");
    }
    CHECK(!stls_profiles_value(profiles, "sip", "trusted", value, sizeof value), "no such setting");
    CHECK(!stls_profiles_value(profiles, "ldap", "trust", value, sizeof value), "no such profile");
    CHECK_TEXT("word", stls_profiles_word("usage", 2), "sip");
    CHECK(stls_profiles_word("usage", 3) == NULL && stls_profiles_word("alpn", 0) == NULL &&
              stls_profiles_word("trusted", 0) == NULL,
          "no more words");
    stls_profiles_free(profiles);
}

/* Whoever writes the defaults down gets the profile of who writes nothing. */
static void test_defaults(void) {
    static const stls_role roles[] = {STLS_ROLE_CLIENT, STLS_ROLE_SERVER};
    for (size_t i = 0; i < 2; i++) {
        stls_profiles *profiles = read_text("[empty]\n[full]\n");
        stls_profile *made[2] = {NULL, NULL};
        stls_error error = {.result = STLS_NOT_DONE};
        const char *key;
        size_t said = 0;
        for (size_t at = 0; (key = stls_profiles_key(at)) != NULL; at++) {
            const char *value = stls_profiles_default(key, roles[i]);
            check_case("%s", key);
            if (CHECK(value != NULL, "there is a default") && *value != '(') {
                CHECK_RESULT("set", stls_profiles_set(profiles, "full", key, value, &error),
                             STLS_OK, &error);
                said++;
            }
        }
        for (size_t at = 0; at < 2; at++) {
            CHECK_RESULT("make",
                         stls_profiles_make(profiles, at == 0 ? "empty" : "full",
                                            stls_backend_default(), roles[i], NULL, &made[at],
                                            &error),
                         STLS_OK, &error);
        }
        CHECK(said >= 9, "%zu defaults are values", said);
        CHECK(made[0] != NULL && made[1] != NULL &&
                  /* NOLINTNEXTLINE(bugprone-*,cert-*): what lies between the members is zero */
                  memcmp(made[0], made[1], sizeof *made[0]) == 0,
              "both are the same");
        stls_profile_free(made[0]);
        stls_profile_free(made[1]);
        stls_profiles_free(profiles);
    }
    CHECK(stls_profiles_default("trusted", STLS_ROLE_CLIENT) == NULL, "no such setting");
}

/* --- Files */

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *file_text(const char *name) {
    static char text[TEXT_SIZE];
    FILE *file = fopen(in_folder(name), "r");
    text[0] = '\0';
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

static stls_profiles *load(const char *name) {
    stls_profiles *profiles = NULL;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("load", stls_profiles_load(in_folder(name), &profiles, &error), STLS_OK, &error);
    return profiles;
}

static stls_result save(stls_profiles *profiles, const char *name, stls_error *error) {
    return stls_profiles_save(profiles, in_folder(name), error);
}

static void test_save(void) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_profiles *profiles = read_text(""), *other;
    struct stat facts;
    stls_profiles_add(profiles, "sip", &error);
    CHECK_RESULT("a new file", save(profiles, "p.ini", &error), STLS_OK, &error);
    CHECK_TEXT("text", file_text("p.ini"), "[sip]\n");
    chmod(in_folder("p.ini"), 0660);
    CHECK(symlink("p.ini", in_folder("link")) == 0, "a link");
    other = load("link");
    stls_profiles_set(other, "sip", "trust", "all", &error);
    CHECK_RESULT("by a link", save(other, "link", &error), STLS_OK, &error);
    CHECK(lstat(in_folder("link"), &facts) == 0 && S_ISLNK(facts.st_mode), "the link stays");
    CHECK(stat(in_folder("p.ini"), &facts) == 0, "the file is there");
    CHECK_NUMBER("its mode", facts.st_mode & 07777, 0660);
    CHECK_TEXT("text", file_text("p.ini"), "[sip]\ntrust = all\n");
    stls_profiles_set(other, "sip", "trust", "custom", &error);
    CHECK_RESULT("once more", save(other, "p.ini", &error), STLS_OK, &error);
    CHECK_RESULT("and again", save(other, "p.ini", &error), STLS_OK, &error);
    stls_profiles_add(profiles, "web", &error);
    CHECK_RESULT("changed meanwhile", save(profiles, "p.ini", &error), STLS_E_STATE, &error);
    CHECK_CONTAINS("sentence", error.text, "p.ini has been changed meanwhile");
    CHECK_TEXT("text", file_text("p.ini"), "[sip]\ntrust = custom\n");
    unlink(in_folder("p.ini"));
    CHECK_RESULT("gone meanwhile", save(profiles, "p.ini", &error), STLS_E_STATE, &error);
    CHECK_RESULT("no folder", stls_profiles_save(profiles, "/nowhere/p.ini", &error), STLS_E_FILE,
                 &error);
    mkdir(in_folder("sub"), 0755);
    CHECK_RESULT("a folder", save(profiles, "sub", &error), STLS_E_STATE, &error);
    CHECK_RESULT("NULL", stls_profiles_save(profiles, NULL, &error), STLS_E_ARGUMENT, &error);
    CHECK_RESULT("dangling link", save(profiles, "link", &error), STLS_E_FILE, &error);
    CHECK(access(in_folder(".p.ini.new"), F_OK) != 0, "nothing is left");
    stls_profiles_free(other);
    stls_profiles_free(profiles);
}

/* --- A disk that fails */

static const char old_text[] = "[sip]\ntrust = all\n", new_text[] = "[sip]\ntrust = custom\n";

static void look(sim_disk *disk, char text[TEXT_SIZE]) {
    const sim_entry *entry = sim_find(disk->now, "p.ini");
    const sim_inode *inode = entry != NULL ? &disk->inodes[entry->inode] : NULL;
    snprintf(text, TEXT_SIZE, "%.*s", inode != NULL ? (int)inode->now.len : 0,
             inode != NULL ? (const char *)inode->now.data : "");
}

static bool is_old_or_new(const char *text) {
    return strcmp(text, old_text) == 0 || strcmp(text, new_text) == 0;
}

static size_t cut_power(const sim_disk *disk) {
    size_t images = 0;
    for (unsigned mask = 0; mask < 1U << disk->change_count; mask++) {
        for (int data = 0; data < SIM_DATA_MODES; data++) {
            char text[TEXT_SIZE];
            sim_disk *cut = sim_cut(disk, mask, (sim_data)data);
            look(cut, text);
            CHECK(is_old_or_new(text), "changes %x, data %d: %s", mask, data, text);
            sim_free(cut);
            images++;
        }
    }
    return images;
}

static void start(void) {
    sim_reset_faults();
    sim = sim_new();
    sim->exists = true;
    int fd = sim_open(SIM_FOLDER, "p.ini", O_CREAT, 0640);
    sim_write(fd, old_text, sizeof old_text - 1);
    sim_sync(fd);
    sim_close(fd);
    sim_sync(SIM_FOLDER);
}

static stls_profiles *changed(void) {
    stls_profiles *profiles = read_text(old_text);
    stls_profiles_set(profiles, "sip", "trust", "custom", NULL);
    return profiles;
}

/* False: there are not so many calls. */
static bool run_with_fault(int call, int fail_for, int reason, size_t *images) {
    char text[TEXT_SIZE];
    stls_error error = {.result = STLS_NOT_DONE};
    stls_profiles *profiles = changed();
    start();
    sim_reset_faults();
    sim_fail_at = call;
    sim_fail_for = fail_for;
    sim_fail_with = reason;
    stls_result result = stls_profiles_save_with(profiles, "sim/p.ini", &sim_disk_calls, &error);
    bool failed = sim_failed;
    sim_reset_faults();
    look(sim, text);
    CHECK(is_old_or_new(text), "neither old nor new: %s", text);
    CHECK(result != STLS_OK || strcmp(text, new_text) == 0, "said OK, but it is old");
    CHECK(result == STLS_OK || error.result == result, "a sentence: %s", error.text);
    *images += cut_power(sim);
    CHECK_RESULT("then again",
                 stls_profiles_save_with(profiles, "sim/p.ini", &sim_disk_calls, &error), STLS_OK,
                 &error);
    look(sim, text);
    CHECK_TEXT("text", text, new_text);
    CHECK_NUMBER("changes that are not synced", sim->change_count, 0);
    CHECK(sim_find(sim->now, ".p.ini.new") == NULL, "nothing is left");
    const sim_entry *entry = sim_find(sim->now, "p.ini");
    CHECK_NUMBER("mode", entry != NULL ? sim->inodes[entry->inode].mode : 0, 0640);
    stls_profiles_free(profiles);
    sim_free(sim);
    return failed;
}

static void test_faults(void) {
    static const int kinds[] = {1, 2, SIM_KILLED};
    size_t images = 0, faults = 0;
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        bool more = true;
        for (int call = 0; more; call++) {
            check_case("call %d and %d more fail", call, kinds[kind] - 1);
            more = run_with_fault(call, kinds[kind], call % 2 != 0 ? ENOSPC : EIO, &images);
            faults += more;
        }
    }
    CHECK(faults > 30 && images > 100, "%zu faults, %zu images", faults, images);
}

static void test_errors(void) {
    static const struct {
        int reason;
        const char *text;
    } cases[] = {{EROFS, "mount it for writing first"},
                 {ENOSPC, "make room there"},
                 {EACCES, "chown, chmod"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stls_error error = {.result = STLS_NOT_DONE};
        char text[TEXT_SIZE];
        stls_profiles *profiles = changed();
        check_case("%s", cases[i].text);
        start();
        sim_reset_faults();
        sim_fail_at = 7; /* behind opening, locking and comparing: the temporary file */
        sim_fail_for = 2;
        sim_fail_with = cases[i].reason;
        CHECK_RESULT("save",
                     stls_profiles_save_with(profiles, "sim/p.ini", &sim_disk_calls, &error),
                     STLS_E_FILE, &error);
        CHECK_CONTAINS("sentence", error.text, cases[i].text);
        CHECK_CONTAINS("sentence", error.text, "folder sim: cannot write p.ini");
        sim_reset_faults();
        look(sim, text);
        CHECK_TEXT("text", text, old_text);
        sim_free(sim);
        stls_profiles_free(profiles);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"edits", test_edits},
        {"bad edits", test_bad_edits},
        {"values", test_values},
        {"defaults", test_defaults},
        {"files", test_save},
        {"a fault at every call, and a power cut there", test_faults},
        {"read-only, full, forbidden", test_errors},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"profiles, edited", tests}, {NULL, NULL}};
    if (!stls_profiles_available()) {
        test_skip("profiles, edited", "this build has no inih");
        return 77;
    }
    snprintf(folder, sizeof folder, "/tmp/siptls-profiles-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    int status = suite_main(suites, argc, argv);
    static const char *const left[] = {"p.ini", "link", "sub"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        remove(in_folder(left[i]));
    }
    rmdir(folder);
    return status;
}
