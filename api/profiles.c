/* Named profiles out of a file.
 *
 * SPDX-License-Identifier: MIT */
#include "api/ini.h"
#include "api/profiles_inside.h"
#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/der.h"
#include "certstore/read/pem.h"
#include <siptls/iana.h>
#include <siptls/profiles.h>

#include <string.h>

#ifdef STLS_HAVE_INIH
#include <ini.h>
#endif

enum {
    NAME_SIZE = STLS_INI_NAME_MAX + 1,
    LIST_SIZE = STLS_PROFILES_VALUE_SIZE,
    ALPN_SIZE = 128,
    NUMBER_MAX = 3600 * 1000,
};

/* The keys; each has a bit in `given`. */
typedef enum key {
    KEY_TRUST,
    KEY_CERTIFICATE,
    KEY_VERIFY,
    KEY_IDENTITY,
    KEY_MIN_VERSION,
    KEY_MAX_VERSION,
    KEY_PRESET,
    KEY_CIPHERS,
    KEY_GROUPS,
    KEY_SCHEMES,
    KEY_ALPN,
    KEY_TOLERATE,
    KEY_STRENGTH,
    KEY_USAGE,
    KEY_CRL,
    KEY_MAX_INTERMEDIATES,
    KEY_TIMEOUT,
    KEY_CLOCK,
    KEY_RESUMPTION,
    KEY_TICKETS,
    KEY_MAX_HANDSHAKES,
    KEY_MAX_FRAGMENT,
    KEY_COUNT,
} key;

static const char *const key_names[KEY_COUNT] = {"trust",
                                                 "certificate",
                                                 "verify",
                                                 "identity",
                                                 "min-version",
                                                 "max-version",
                                                 "preset",
                                                 "ciphers",
                                                 "groups",
                                                 "schemes",
                                                 "alpn",
                                                 "tolerate",
                                                 "strength",
                                                 "usage",
                                                 "crl",
                                                 "max-intermediates",
                                                 "handshake-timeout-ms",
                                                 "clock-not-before",
                                                 "resumption",
                                                 "tickets",
                                                 "max-handshakes",
                                                 "max-fragment"};

/* Numbers are those of the enums of siptls/profile.h. */
typedef struct stls_profile_entry {
    char name[NAME_SIZE];
    uint32_t given;
    unsigned number[KEY_COUNT];
    char lists[3][LIST_SIZE]; /* ciphers, groups, schemes */
    bool weak_ciphers;        /* at least one of them: see stls_profiles_warning() */
    char alpn[ALPN_SIZE];
    uint32_t tolerated;
    int64_t clock_floor;
} entry;

/* --- Values */

typedef struct word {
    key key;
    const char *text;
    unsigned number;
} word;

/* identity = https-cn; no mode of its own */
enum { IDENTITY_HTTPS_CN = 100 };

static const word words[] = {
    {KEY_TRUST, "default", STLS_TRUST_SET_DEFAULT},
    {KEY_TRUST, "custom", STLS_TRUST_SET_CUSTOM},
    {KEY_TRUST, "all", STLS_TRUST_SET_ALL},
    {KEY_TRUST, "system", STLS_TRUST_SET_SYSTEM},
    {KEY_CERTIFICATE, "device", STLS_SEND_DEVICE},
    {KEY_CERTIFICATE, "custom", STLS_SEND_CUSTOM},
    {KEY_CERTIFICATE, "none", STLS_SEND_NONE},
    {KEY_VERIFY, "required", STLS_VERIFY_REQUIRED},
    {KEY_VERIFY, "none", STLS_VERIFY_NONE},
    {KEY_VERIFY, "optional", STLS_VERIFY_OPTIONAL},
    {KEY_VERIFY, "optional-any", STLS_VERIFY_OPTIONAL_ANY},
    {KEY_IDENTITY, "sip", STLS_IDENTITY_SIP},
    {KEY_IDENTITY, "https", STLS_IDENTITY_HTTPS},
    {KEY_IDENTITY, "https-cn", IDENTITY_HTTPS_CN},
    {KEY_IDENTITY, "none", STLS_IDENTITY_NONE},
    {KEY_MIN_VERSION, "1.2", STLS_TLS1_2},
    {KEY_MIN_VERSION, "1.3", STLS_TLS1_3},
    {KEY_MAX_VERSION, "1.2", STLS_TLS1_2},
    {KEY_MAX_VERSION, "1.3", STLS_TLS1_3},
    {KEY_PRESET, "modern", STLS_PRESET_MODERN},
    {KEY_PRESET, "compatible", STLS_PRESET_COMPATIBLE},
    {KEY_STRENGTH, "standard", STLS_STRENGTH_STANDARD},
    {KEY_STRENGTH, "legacy", STLS_STRENGTH_LEGACY},
    {KEY_USAGE, "tls-or-sip", STLS_USAGE_TLS_OR_SIP},
    {KEY_USAGE, "tls", STLS_USAGE_TLS},
    {KEY_USAGE, "sip", STLS_USAGE_SIP},
    {KEY_CRL, "off", STLS_CRL_OFF},
    {KEY_CRL, "leaf", STLS_CRL_LEAF},
    {KEY_CRL, "chain", STLS_CRL_CHAIN},
    {KEY_RESUMPTION, "yes", true},
    {KEY_RESUMPTION, "no", false},
};

static bool was_given(const entry *at, key which) {
    return (at->given & (uint32_t)1 << which) != 0;
}

static bool is_list(key which) {
    return which >= KEY_CIPHERS && which <= KEY_SCHEMES;
}

/* What the reader answers to inih; the first sentence counts. */
typedef struct reading {
    stls_profiles *profiles;
    stls_error why;
    bool failed;
} reading;

static stls_result refuse_value(const entry *at, key which, const char *value, stls_error *error) {
    char allowed[160];
    stls_text text = stls_text_in(allowed, sizeof allowed);
    if (stls_profiles_word(key_names[which], 0) == NULL) {
        stls_text_add(&text, "a number up to %d", NUMBER_MAX);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].key == which) {
            stls_text_add(&text, "%s%s", text.len != 0 ? ", " : "", words[i].text);
        }
    }
    char shown[STLS_SHOWN_SIZE];
    return stls_fail(error, STLS_E_FORMAT, "[%s] %s takes %s, not \"%s\"", at->name,
                     key_names[which], allowed, stls_shown(value, strlen(value), shown));
}

static stls_result take_word(entry *at, key which, const char *value, stls_error *error) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].key == which && strcmp(words[i].text, value) == 0) {
            at->number[which] = words[i].number;
            return STLS_OK;
        }
    }
    return refuse_value(at, which, value, error);
}

static stls_result take_number(entry *at, key which, const char *value, stls_error *error) {
    unsigned number = 0;
    bool good = *value != '\0';
    for (const char *digit = value; good && *digit != '\0'; digit++) {
        good = *digit >= '0' && *digit <= '9' && number <= NUMBER_MAX;
        number = number * 10 + (unsigned)(*digit - '0');
    }
    at->number[which] = number;
    return good && number <= NUMBER_MAX ? STLS_OK : refuse_value(at, which, value, error);
}

static bool is_weak(uint16_t suite) {
    const char *name = stls_iana_name(STLS_REGISTRY_SUITE, suite);
    return strncmp(name, "TLS_RSA_", 8) == 0 || strstr(name, "_CBC_") != NULL;
}

/* A line that goes on is joined with ':'. */
static stls_result take_list(entry *at, key which, const char *value, stls_error *error) {
    static const stls_registry registries[] = {STLS_REGISTRY_SUITE, STLS_REGISTRY_GROUP,
                                               STLS_REGISTRY_SCHEME};
    char *list = at->lists[which - KEY_CIPHERS];
    size_t len = strlen(list);
    if (len + strlen(value) + 2 > LIST_SIZE) {
        return stls_fail(error, STLS_E_LIMIT, "[%s] %s is longer than %d bytes", at->name,
                         key_names[which], LIST_SIZE - 2);
    }
    stls_text text = {.data = list, .size = LIST_SIZE, .len = len};
    stls_text_add(&text, "%s%s", len != 0 && list[len - 1] != ':' ? ":" : "", value);
    for (const char *name = value; *name != '\0';) {
        char one[96] = "";
        uint16_t code = 0;
        size_t name_len = strcspn(name, ":, \t");
        if (name_len != 0 && name_len < sizeof one) {
            memcpy(one, name, name_len);
        }
        if (name_len != 0 &&
            stls_iana_code(registries[which - KEY_CIPHERS], one, &code) != STLS_OK) {
            char shown[STLS_SHOWN_SIZE];
            return stls_fail(error, STLS_E_FORMAT, "[%s] %s: nothing is called \"%s\"", at->name,
                             key_names[which], stls_shown(name, name_len, shown));
        }
        at->weak_ciphers |= name_len != 0 && which == KEY_CIPHERS && is_weak(code);
        name += name_len + (name[name_len] != '\0');
    }
    return STLS_OK;
}

static stls_result take_tolerated(entry *at, const char *value, stls_error *error) {
    while (*value != '\0') {
        char name[32] = "";
        size_t len = strcspn(value, ", \t");
        if (len < sizeof name) {
            memcpy(name, value, len);
        }
        uint32_t flag = len != 0 ? stls_flag_find(name) : 0;
        if (len != 0 && (flag == 0 || (flag & ~STLS_FLAGS_TOLERABLE) != 0)) {
            char shown[STLS_SHOWN_SIZE];
            return stls_fail(error, STLS_E_FORMAT, "[%s] tolerate: \"%s\" %s", at->name,
                             stls_shown(value, len, shown),
                             flag == 0 ? "is not the name of a flag" : "can never be tolerated");
        }
        at->tolerated |= flag;
        value += len + (value[len] != '\0');
    }
    return STLS_OK;
}

static stls_result take_alpn(entry *at, const char *value, stls_error *error) {
    if (strlen(value) >= sizeof at->alpn) {
        return stls_fail(error, STLS_E_LIMIT, "[%s] alpn is longer than %d bytes", at->name,
                         ALPN_SIZE - 1);
    }
    memcpy(at->alpn, value, strlen(value) + 1);
    return STLS_OK;
}

/* "2026-11-01": read as a certificate's GeneralizedTime, which is as strict. */
static stls_result take_date(entry *at, const char *value, stls_error *error) {
    uint8_t time[] = {0x18, 15,  'Y', 'Y', 'Y', 'Y', 'M', 'M', 'D',
                      'D',  '0', '0', '0', '0', '0', '0', 'Z'};
    stls_der der = stls_der_of((stls_bytes){time, sizeof time});
    if (strlen(value) == 10 && value[4] == '-' && value[7] == '-') {
        memcpy(time + 2, value, 4);
        memcpy(time + 6, value + 5, 2);
        memcpy(time + 8, value + 8, 2);
    }
    if (stls_der_time(&der, &at->clock_floor) && at->clock_floor > 0) {
        return STLS_OK;
    }
    char shown[STLS_SHOWN_SIZE];
    return stls_fail(error, STLS_E_FORMAT,
                     "[%s] clock-not-before takes a date behind 1970, as 2026-11-01, not \"%s\"",
                     at->name, stls_shown(value, strlen(value), shown));
}

static stls_result take_value(entry *at, key which, const char *value, stls_error *error) {
    if (is_list(which)) {
        return take_list(at, which, value, error);
    }
    switch (which) {
    case KEY_ALPN:
        return take_alpn(at, value, error);
    case KEY_TOLERATE:
        return take_tolerated(at, value, error);
    case KEY_MAX_INTERMEDIATES:
    case KEY_TIMEOUT:
    case KEY_TICKETS:
    case KEY_MAX_HANDSHAKES:
    case KEY_MAX_FRAGMENT:
        return take_number(at, which, value, error);
    case KEY_CLOCK:
        return take_date(at, value, error);
    default:
        return take_word(at, which, value, error);
    }
}

static size_t find_key(const char *name) {
    size_t which = 0;
    while (which < KEY_COUNT && (name == NULL || strcmp(key_names[which], name) != 0)) {
        which++;
    }
    return which;
}

static stls_result refuse_key(const char *profile, const char *name, stls_error *error) {
    char shown[STLS_SHOWN_SIZE];
    return stls_fail(error, STLS_E_FORMAT, "[%s] \"%s\" is not the name of a setting", profile,
                     stls_shown(name, strlen(name), shown));
}

static const entry *find(const stls_profiles *profiles, const char *name) {
    for (size_t i = 0; profiles != NULL && name != NULL && i < profiles->count; i++) {
        if (strcmp(profiles->entries[i].name, name) == 0) {
            return &profiles->entries[i];
        }
    }
    return NULL;
}

/* --- Reading */

#ifdef STLS_HAVE_INIH

static stls_result add_profile(stls_profiles *profiles, stls_bytes name, stls_error *error) {
    if (profiles->count == STLS_PROFILES_MAX) {
        return stls_fail(error, STLS_E_LIMIT, "more than %d profiles", STLS_PROFILES_MAX);
    }
    entry *more = stls_grow(profiles->entries, profiles->count, profiles->count + 1, sizeof *more);
    if (more == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the profiles");
    }
    profiles->entries = more;
    entry *added = &more[profiles->count++];
    *added = (entry){.given = 0};
    memcpy(added->name, name.data, name.len);
    return STLS_OK;
}

static stls_result take_line(stls_profiles *profiles, const char *section, const char *name,
                             const char *value, stls_error *error) {
    if (*section == '\0') {
        return stls_fail(error, STLS_E_FORMAT,
                         "it stands before the first [profile], so it belongs to none");
    }
    const entry *there = find(profiles, section);
    if (there == NULL) { /* add_sections() and inih do not agree what a section is */
        return stls_fail(error, STLS_E_FORMAT, "the [profile] it belongs to cannot be read");
    }
    entry *at = &profiles->entries[there - profiles->entries];
    size_t which = find_key(name);
    if (which == KEY_COUNT) {
        return refuse_key(at->name, name, error);
    }
    if (was_given(at, (key)which) && !is_list((key)which)) {
        return stls_fail(error, STLS_E_FORMAT,
                         "[%s] %s stands there twice (a line that begins with a blank goes on with "
                         "the setting before)",
                         at->name, name);
    }
    at->given |= (uint32_t)1 << which;
    return take_value(at, (key)which, value, error);
}

/* inih goes on behind an error, and answers the line of the first. */
static int on_line(void *arg, const char *section, const char *name, const char *value) {
    reading *self = arg;
    if (!self->failed) {
        self->failed = take_line(self->profiles, section, name, value, &self->why) != STLS_OK;
    }
    return !self->failed;
}

/* The profiles of the file, also those without any setting, and what is wrong with its lines. What
 * inih would not take for a line of its own is left for inih to refuse. */
static stls_result add_sections(stls_profiles *profiles, const char *name, stls_error *error) {
    stls_ini lines = {.text = profiles->text};
    stls_ini_line line;
    stls_error why;
    while (stls_ini_next(&lines, &line)) {
        if (line.kind == STLS_INI_FLAW) {
            return stls_fail(error, STLS_E_FORMAT, "%s, line %zu: %s", name, line.number,
                             line.flaw);
        }
        char section[NAME_SIZE] = "";
        if (line.kind != STLS_INI_SECTION) {
            continue;
        }
        memcpy(section, line.section.data, line.section.len);
        if (find(profiles, section) == NULL &&
            add_profile(profiles, line.section, &why) != STLS_OK) {
            return stls_fail(error, why.result, "%s, line %zu: %s", name, line.number, why.text);
        }
    }
    return STLS_OK;
}

static stls_result parse(stls_profiles *profiles, const char *name, stls_error *error) {
    reading self = {.profiles = profiles};
    stls_bytes data = profiles->text;
    char *text = stls_alloc(data.len + 1, 1);
    if (text == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to read %s", name);
    }
    if (data.len != 0) {
        memcpy(text, data.data, data.len);
    }
    int line = ini_parse_string(text, on_line, &self);
    stls_free(text);
    if (line == 0) {
        return STLS_OK;
    }
    return stls_fail(
        error, self.failed ? self.why.result : STLS_E_FORMAT, "%s, line %d: %s", name, line,
        self.failed ? self.why.text : "it is neither [name] nor setting = value nor a ; comment");
}

static stls_result read_text(stls_bytes data, const char *name, stls_profiles **out,
                             stls_error *error) {
    stls_profiles *profiles = stls_alloc(1, sizeof *profiles);
    if (profiles == NULL || !stls_bytes_copy(data, &profiles->text) ||
        !stls_bytes_copy(data, &profiles->origin)) {
        stls_profiles_free(profiles);
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for the profiles");
    }
    stls_result result = add_sections(profiles, name, error);
    if (result == STLS_OK) {
        result = parse(profiles, name, error);
    }
    if (result != STLS_OK) {
        stls_profiles_free(profiles);
        return result;
    }
    *out = profiles;
    return STLS_OK;
}

bool stls_profiles_available(void) {
    return true;
}

#else

static stls_result read_text(stls_bytes data, const char *name, stls_profiles **out,
                             stls_error *error) {
    (void)data, (void)out, (void)take_value, (void)was_given;
    return stls_fail(
        error, STLS_E_UNSUPPORTED,
        "%s: this build of siptls cannot read profiles: it was made without the library "
        "inih (Debian: libinih-dev)",
        name);
}

bool stls_profiles_available(void) {
    return false;
}

#endif

stls_result stls_profiles_read(const void *data, size_t len, const char *name,
                               stls_profiles **profiles, stls_error *error) {
    if (profiles == NULL || (data == NULL && len != 0)) {
        return stls_fail(error, STLS_E_ARGUMENT, "the profiles, or the place for them, are NULL");
    }
    if (len > STLS_PROFILES_BYTES) {
        return stls_fail(error, STLS_E_LIMIT, "%s is larger than %d bytes",
                         name != NULL ? name : "input", STLS_PROFILES_BYTES);
    }
    return read_text((stls_bytes){data, len}, name != NULL ? name : "input", profiles, error);
}

stls_result stls_profiles_load(const char *path, stls_profiles **profiles, stls_error *error) {
    stls_bytes data;
    char name[200];
    if (path == NULL || profiles == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "the file's name is NULL");
    }
    stls_result result = stls_file_read(path, STLS_PROFILES_BYTES, &data, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_text text = stls_text_in(name, sizeof name);
    stls_text_add(&text, "file %s", path);
    result = stls_profiles_read(data.data, data.len, name, profiles, error);
    stls_bytes_free(&data);
    return result;
}

void stls_profiles_free(stls_profiles *profiles) {
    if (profiles != NULL) {
        stls_free(profiles->entries);
        stls_bytes_free(&profiles->text);
        stls_bytes_free(&profiles->origin);
        stls_free(profiles);
    }
}

const char *stls_profiles_name(const stls_profiles *profiles, size_t index) {
    return profiles != NULL && index < profiles->count ? profiles->entries[index].name : NULL;
}

/* --- Settings */

const char *stls_profiles_key(size_t index) {
    return index < KEY_COUNT ? key_names[index] : NULL;
}

const char *stls_profiles_word(const char *name, size_t index) {
    size_t which = find_key(name);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].key == which && index-- == 0) {
            return words[i].text;
        }
    }
    return NULL;
}

const char *stls_profiles_default(const char *name, stls_role role) {
    static const struct {
        key key;
        const char *text;
    } defaults[] = {
        {KEY_TRUST, "(as the store says)"},
        {KEY_CERTIFICATE, "(as the store says)"},
        {KEY_IDENTITY, "sip"},
        {KEY_MIN_VERSION, "1.2"},
        {KEY_MAX_VERSION, "1.3"},
        {KEY_PRESET, "modern"},
        {KEY_CIPHERS, "(those of the preset)"},
        {KEY_GROUPS, "(those of the preset)"},
        {KEY_SCHEMES, "(those of the preset)"},
        {KEY_STRENGTH, "standard"},
        {KEY_USAGE, "tls-or-sip"},
        {KEY_CRL, "(leaf, if the store has CRLs)"},
        {KEY_MAX_INTERMEDIATES, "8"},
        {KEY_TIMEOUT, "10000"},
        {KEY_RESUMPTION, "yes"},
        {KEY_MAX_HANDSHAKES, "0"},
    };
    size_t which = find_key(name);
    if (which == KEY_VERIFY) {
        return role == STLS_ROLE_SERVER ? "none" : "required";
    }
    if (which == KEY_TICKETS && role == STLS_ROLE_SERVER) {
        return "1";
    }
    if (which == KEY_MAX_FRAGMENT && role == STLS_ROLE_CLIENT) {
        return "0";
    }
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (defaults[i].key == which) {
            return defaults[i].text;
        }
    }
    return which < KEY_COUNT ? "(none)" : NULL;
}

static void write_value(const entry *at, key which, stls_text *text) {
    if (is_list(which)) {
        stls_text_add(text, "%s", at->lists[which - KEY_CIPHERS]);
    } else if (which == KEY_ALPN) {
        stls_text_add(text, "%s", at->alpn);
    } else if (which == KEY_CLOCK) {
        stls_text_add_date(text, at->clock_floor);
    } else if (which == KEY_TOLERATE) {
        for (unsigned bit = 0; bit < STLS_FLAG_COUNT; bit++) {
            if ((at->tolerated & (uint32_t)1 << bit) != 0) {
                stls_text_add(text, "%s%s", text->len != 0 ? "," : "",
                              stls_flag_name((uint32_t)1 << bit));
            }
        }
    } else if (stls_profiles_word(key_names[which], 0) == NULL) {
        stls_text_add(text, "%u", at->number[which]);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].key == which && words[i].number == at->number[which]) {
            stls_text_add(text, "%s", words[i].text);
        }
    }
}

bool stls_profiles_value(const stls_profiles *profiles, const char *name, const char *key_name,
                         char *value, size_t size) {
    const entry *at = find(profiles, name);
    size_t which = find_key(key_name);
    if (value == NULL || size == 0) {
        return false;
    }
    stls_text text = {.data = value, .size = size};
    value[0] = '\0';
    if (at == NULL || which == KEY_COUNT) {
        return false;
    }
    if (was_given(at, (key)which)) {
        write_value(at, (key)which, &text);
    }
    return was_given(at, (key)which);
}

stls_result stls_profiles_check_value(const char *name, const char *key_name, const char *value,
                                      char wanted[STLS_PROFILES_VALUE_SIZE], stls_error *error) {
    size_t which = find_key(key_name);
    entry *scratch = stls_alloc(1, sizeof *scratch);
    if (scratch == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to check the value");
    }
    stls_text title = stls_text_in(scratch->name, sizeof scratch->name);
    stls_text_add(&title, "%s", name);
    stls_result result = which == KEY_COUNT ? refuse_key(scratch->name, key_name, error)
                                            : take_value(scratch, (key)which, value, error);
    if (result == STLS_OK) {
        stls_text text = stls_text_in(wanted, STLS_PROFILES_VALUE_SIZE);
        write_value(scratch, (key)which, &text);
    }
    stls_free(scratch);
    return result;
}

/* --- Warnings */

const char *stls_profiles_warning(const stls_profiles *profiles, const char *name, size_t index) {
    static const struct {
        key key;
        unsigned number;
        const char *text;
    } unsafe[] = {
        {KEY_VERIFY, STLS_VERIFY_NONE,
         "verify = none: nobody looks at the peer's certificate, so anybody can pose as the peer"},
        {KEY_VERIFY, STLS_VERIFY_OPTIONAL_ANY,
         "verify = optional-any: a bad certificate is let in; look at the verdict of each"},
        {KEY_IDENTITY, STLS_IDENTITY_NONE,
         "identity = none: whoever has any certificate of a trusted CA can pose as the peer"},
        {KEY_IDENTITY, IDENTITY_HTTPS_CN,
         "identity = https-cn: a common name is no name that CAs must check"},
        {KEY_PRESET, STLS_PRESET_COMPATIBLE,
         "preset = compatible: without forward secrecy, who gets the key later reads all that was "
         "recorded"},
        {KEY_STRENGTH, STLS_STRENGTH_LEGACY,
         "strength = legacy: SHA-1 and RSA of 1024 bits can be forged by who pays for it"},
        {KEY_CRL, STLS_CRL_OFF,
         "crl = off: certificates count though a revocation list of the store has them"},
    };
    const entry *at = find(profiles, name);
    for (size_t i = 0; at != NULL && i < sizeof unsafe / sizeof unsafe[0]; i++) {
        if (was_given(at, unsafe[i].key) && at->number[unsafe[i].key] == unsafe[i].number &&
            index-- == 0) {
            return unsafe[i].text;
        }
    }
    if (at != NULL && at->weak_ciphers && index-- == 0) {
        return "ciphers: TLS_RSA_ is without forward secrecy, so who gets the key later reads all "
               "that was recorded; of _CBC_, an attacker may learn by timing what was said";
    }
    if (at != NULL && (at->tolerated & STLS_FLAG_CLOCK_NOT_SET) != 0 && index-- == 0) {
        return "tolerate = clock-not-set: as long as the clock is not set, certificates count that "
               "expired long ago, and old lists of revoked ones; such connections are not called "
               "secure";
    }
    return at != NULL && (at->tolerated & ~(uint32_t)STLS_FLAG_CLOCK_NOT_SET) != 0 && index == 0
               ? "tolerate: what is tolerated does not protect any more; such connections are not "
                 "called secure"
               : NULL;
}

/* --- Making */

static stls_result set_protocol(const entry *at, stls_profile *profile, stls_error *error) {
    uint16_t min = STLS_TLS1_2, max = STLS_TLS1_3;
    stls_result result = STLS_OK;
    if (was_given(at, KEY_PRESET)) {
        result = stls_profile_set_preset(profile, (stls_preset)at->number[KEY_PRESET], error);
    }
    if (result == STLS_OK && (was_given(at, KEY_MIN_VERSION) || was_given(at, KEY_MAX_VERSION))) {
        min = was_given(at, KEY_MIN_VERSION) ? (uint16_t)at->number[KEY_MIN_VERSION] : min;
        max = was_given(at, KEY_MAX_VERSION) ? (uint16_t)at->number[KEY_MAX_VERSION] : max;
        if (min > max) {
            return stls_fail(error, STLS_E_ARGUMENT, "min-version is above max-version");
        }
        result = stls_profile_set_versions(profile, min, max, error);
    }
    static const stls_registry registries[] = {STLS_REGISTRY_SUITE, STLS_REGISTRY_GROUP,
                                               STLS_REGISTRY_SCHEME};
    for (size_t i = 0; result == STLS_OK && i < 3; i++) {
        if (was_given(at, (key)(KEY_CIPHERS + i))) {
            result = stls_profile_set_names(profile, registries[i], at->lists[i], error);
        }
    }
    if (result == STLS_OK && was_given(at, KEY_ALPN)) {
        result = stls_profile_set_alpn(profile, at->alpn, error);
    }
    return result;
}

/* Where a backend cannot resume, "yes" leaves it as it is, which is the default anyway; "no" is
 * always possible. */
static stls_result set_resumption(const entry *at, stls_role role, stls_profile *profile,
                                  stls_error *error) {
    bool off = was_given(at, KEY_RESUMPTION) && at->number[KEY_RESUMPTION] == 0;
    if (role == STLS_ROLE_CLIENT && was_given(at, KEY_TICKETS)) {
        return stls_fail(error, STLS_E_ARGUMENT, "tickets is a server's setting");
    }
    if (off && was_given(at, KEY_TICKETS) && at->number[KEY_TICKETS] != 0) {
        return stls_fail(error, STLS_E_ARGUMENT, "resumption = no, but tickets are asked for");
    }
    if (off) {
        return role == STLS_ROLE_CLIENT ? stls_profile_set_session_cache(profile, NULL, error)
                                        : stls_profile_set_tickets(profile, NULL, 0, error);
    }
    return was_given(at, KEY_TICKETS)
               ? stls_profile_set_tickets(profile, NULL, at->number[KEY_TICKETS], error)
               : STLS_OK;
}

static stls_result set_limits(const entry *at, stls_profile *profile, stls_error *error) {
    stls_result result = STLS_OK;
    if (was_given(at, KEY_TIMEOUT)) {
        result = stls_profile_set_handshake_timeout(profile, at->number[KEY_TIMEOUT], error);
    }
    if (result == STLS_OK && was_given(at, KEY_MAX_HANDSHAKES)) {
        result = stls_profile_set_max_handshakes(profile, at->number[KEY_MAX_HANDSHAKES], error);
    }
    if (result == STLS_OK && was_given(at, KEY_MAX_FRAGMENT)) {
        result = stls_profile_set_max_fragment(profile, at->number[KEY_MAX_FRAGMENT], error);
    }
    return result;
}

static stls_result set_identity(const entry *at, stls_profile *profile, stls_error *error) {
    if (!was_given(at, KEY_IDENTITY)) {
        return STLS_OK;
    }
    unsigned mode = at->number[KEY_IDENTITY];
    bool with_common_name = mode == IDENTITY_HTTPS_CN;
    return stls_profile_set_identity(
        profile, with_common_name ? STLS_IDENTITY_HTTPS : (stls_identity_mode)mode,
        with_common_name ? STLS_IDENTITY_COMMON_NAME : 0U, error);
}

static stls_result set_peer(const entry *at, stls_profile *profile, stls_error *error) {
    stls_result result = set_identity(at, profile, error);
    if (result == STLS_OK && was_given(at, KEY_VERIFY)) {
        result = stls_profile_set_verify(profile, (stls_verify_mode)at->number[KEY_VERIFY], error);
    }
    if (result == STLS_OK && was_given(at, KEY_USAGE)) {
        result = stls_profile_set_usage(profile, (stls_usage_mode)at->number[KEY_USAGE], error);
    }
    if (result == STLS_OK && was_given(at, KEY_STRENGTH)) {
        result = stls_profile_set_strength(profile, (stls_strength)at->number[KEY_STRENGTH], error);
    }
    if (result == STLS_OK && at->tolerated != 0) {
        result = stls_profile_set_tolerated(profile, at->tolerated, error);
    }
    if (result == STLS_OK && was_given(at, KEY_CLOCK)) {
        result = stls_profile_set_clock_floor(profile, at->clock_floor, error);
    }
    if (result == STLS_OK && was_given(at, KEY_MAX_INTERMEDIATES)) {
        result =
            stls_profile_set_max_intermediates(profile, at->number[KEY_MAX_INTERMEDIATES], error);
    }
    return result;
}

/* CRLs of a store are there for a reason: they count unless the profile says otherwise. */
static stls_result set_crl(const entry *at, const stls_trust *trust, stls_profile *profile,
                           stls_error *error) {
    if (was_given(at, KEY_CRL)) {
        return stls_profile_set_crl_mode(profile, (stls_crl_mode)at->number[KEY_CRL], error);
    }
    return stls_trust_crl_count(trust) != 0
               ? stls_profile_set_crl_mode(profile, STLS_CRL_LEAF, error)
               : STLS_OK;
}

static stls_result set_certificates(const entry *at, stls_certstore *store,
                                    const stls_backend *backend, stls_profile *profile,
                                    stls_error *error) {
    stls_trust *trust = NULL;
    stls_credential *credential = NULL;
    if (store == NULL) {
        return set_crl(at, NULL, profile, error);
    }
    stls_result result = stls_certstore_snapshot(
        store, backend, (stls_trust_set)at->number[KEY_TRUST],
        (stls_send_choice)at->number[KEY_CERTIFICATE], &trust, &credential, error);
    if (result == STLS_OK) {
        result = stls_profile_set_trust(profile, trust, error);
    }
    if (result == STLS_OK) {
        result = set_crl(at, trust, profile, error);
    }
    if (result == STLS_OK) {
        result = stls_profile_set_credential(profile, credential, error);
    }
    stls_trust_free(trust);
    stls_credential_free(credential);
    return result;
}

stls_result stls_profiles_make(const stls_profiles *profiles, const char *name,
                               const stls_backend *backend, stls_role role, stls_certstore *store,
                               stls_profile **out, stls_error *error) {
    const entry *at = find(profiles, name);
    stls_profile *profile = NULL;
    stls_error why;
    char shown[STLS_SHOWN_SIZE];
    if (profiles == NULL || name == NULL || out == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "the profiles, the name of one, or the place for it are NULL");
    }
    if (at == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "there is no profile [%s]",
                         stls_shown(name, strlen(name), shown));
    }
    stls_result result = stls_profile_new(backend, role, &profile, &why);
    if (result == STLS_OK) {
        result = set_protocol(at, profile, &why);
    }
    if (result == STLS_OK) {
        result = set_resumption(at, role, profile, &why);
    }
    if (result == STLS_OK) {
        result = set_limits(at, profile, &why);
    }
    if (result == STLS_OK) {
        result = set_peer(at, profile, &why);
    }
    if (result == STLS_OK) {
        result = set_certificates(at, store, backend, profile, &why);
    }
    if (result != STLS_OK) {
        stls_profile_free(profile);
        return stls_fail(error, result, "profile [%s]: %s", at->name, why.text);
    }
    *out = profile;
    return STLS_OK;
}
