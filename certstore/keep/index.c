/* A state as text, and back.
 *
 *     siptls-store 1                 siptls-export 1
 *     generation 7                   parts 3
 *     trust all                      trust all
 *     send device                    send device
 *     builtin ID                     builtin ID LENGTH, and so many bytes
 *     trusted ID NAME                trusted ID LENGTH NAME, and so many bytes
 *     peer ID NAME                   ...
 *     server custom-server ID NAME
 *     crl ID NAME
 *     end ID                         end ID
 *
 * ID is the hexadecimal SHA-256 of what the item holds; that of the last line, of all lines before
 * it. The first line stands by itself, so that another version can be told from damage.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/keep/store.h"

#include <stdio.h>
#include <string.h>

static const char index_magic[] = "siptls-store ", export_magic[] = STLS_EXPORT_MAGIC;

static const struct {
    stls_place place;
    const char *name, *blob;
} places[] = {
    {STLS_PLACE_BUILTIN, "builtin", "builtin"},
    {STLS_PLACE_CUSTOM, "custom", "ca"},
    {STLS_PLACE_UNIQUE, "unique", "server"},
    {STLS_PLACE_GENERIC, "generic", "server"},
    {STLS_PLACE_CUSTOM_SERVER, "custom-server", "server"},
    {STLS_PLACE_CRL, "crl", "crl"},
};

enum { PLACE_COUNT = sizeof places / sizeof places[0] };

const char *stls_place_name(stls_place place) {
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (places[i].place == place) {
            return places[i].name;
        }
    }
    return NULL;
}

static const char *const set_names[] = {NULL, "default", "custom", "all", "system"};
static const char *const send_names[] = {NULL, "device", "custom", "none"};

enum {
    SET_COUNT = sizeof set_names / sizeof set_names[0],
    SEND_COUNT = sizeof send_names / sizeof send_names[0],
};

/* The place of `name` in a list of names, from 1; 0: it is not there. */
static size_t find_name(const char *const *names, size_t count, const char *name) {
    for (size_t i = 1; name != NULL && i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return 0;
}

const char *stls_trust_set_name(stls_trust_set set) {
    return (size_t)set < SET_COUNT ? set_names[set] : NULL;
}

stls_trust_set stls_trust_set_find(const char *name) {
    return (stls_trust_set)find_name(set_names, SET_COUNT, name);
}

const char *stls_send_choice_name(stls_send_choice send) {
    return (size_t)send < SEND_COUNT ? send_names[send] : NULL;
}

stls_send_choice stls_send_choice_find(const char *name) {
    return (stls_send_choice)find_name(send_names, SEND_COUNT, name);
}

void stls_blob_name(stls_place place, const uint8_t *id, char name[STLS_STORE_BLOB_NAME_SIZE]) {
    stls_text text = stls_text_in(name, STLS_STORE_BLOB_NAME_SIZE);
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (places[i].place == place) {
            stls_text_add(&text, "%s-", places[i].blob);
        }
    }
    for (size_t i = 0; i < STLS_STORE_ID_LEN; i++) {
        stls_text_add(&text, "%02x", id[i]);
    }
    stls_text_add(&text, ".pem");
}

/* --- Writing */

static void add_settings(stls_buffer *text, const stls_state *state) {
    stls_buffer_print(text, "trust %s\nsend %s\n", stls_trust_set_name(state->set),
                      stls_send_choice_name(state->send));
}

static void add_content(stls_buffer *text, const stls_bytes *content) {
    stls_buffer_add(text, "\n", 1);
    if (content != NULL) {
        stls_buffer_add(text, content->data, content->len);
    }
}

void stls_index_add_builtin(stls_buffer *text, const uint8_t *id, const stls_bytes *content) {
    stls_buffer_print(text, "builtin ");
    stls_buffer_add_hex(text, id);
    if (content != NULL) {
        stls_buffer_print(text, " %zu", content->len);
    }
    add_content(text, content);
}

void stls_index_add_item(stls_buffer *text, const stls_store_item *item,
                         const stls_bytes *content) {
    if (item->place == STLS_PLACE_CUSTOM) {
        /* What a damaged certificate was is not known any more; it will not be used as either. */
        bool is_peer = item->der.len != 0 && !item->is_ca;
        stls_buffer_print(text, "%s ", is_peer ? "peer" : "trusted");
    } else if (item->place == STLS_PLACE_CRL) {
        stls_buffer_print(text, "crl ");
    } else {
        stls_buffer_print(text, "server %s ", stls_place_name(item->place));
    }
    stls_buffer_add_hex(text, item->id);
    if (content != NULL) {
        stls_buffer_print(text, " %zu", content->len);
    }
    stls_buffer_print(text, " %s", item->name);
    add_content(text, content);
}

void stls_index_write(const stls_state *state, stls_buffer *text) {
    stls_buffer_print(text, "%s%d\ngeneration %llu\n", index_magic, STLS_STORE_VERSION,
                      (unsigned long long)state->generation);
    add_settings(text, state);
    if (state->has_builtin) {
        stls_index_add_builtin(text, state->builtin_id, NULL);
    }
    for (size_t i = 0; i < state->count; i++) {
        if (state->items[i]->place != STLS_PLACE_BUILTIN) {
            stls_index_add_item(text, state->items[i], NULL);
        }
    }
}

void stls_export_begin(uint32_t parts, const stls_state *state, stls_buffer *text) {
    stls_buffer_print(text, "%s%d\nparts %u\n", export_magic, STLS_STORE_VERSION, (unsigned)parts);
    if ((parts & STLS_PART_SETTINGS) != 0) {
        add_settings(text, state);
    }
}

stls_result stls_index_end(const stls_certstore *store, stls_buffer *text, stls_error *error) {
    uint8_t id[STLS_STORE_ID_LEN];
    if (text->failed) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory to write the store's index");
    }
    stls_result result = stls_store_digest(store, stls_buffer_bytes(text), id, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_buffer_print(text, "end ");
    stls_buffer_add_hex(text, id);
    stls_buffer_add(text, "\n", 1);
    return text->failed ? stls_fail(error, STLS_E_NO_MEMORY, "no memory to write the store's index")
                        : STLS_OK;
}

/* --- Reading */

typedef struct reader {
    const uint8_t *at, *end;
    size_t line;
    bool is_export;
    const char *what;
    stls_error *error;
} reader;

enum { LINE_SIZE = 256 };

static stls_result flaw(const reader *in, const char *why) {
    return stls_fail(in->error, STLS_E_FORMAT, "%s, line %zu: %s", in->what, in->line, why);
}

/* The next line, without its end; false if there is none or it is longer than ours are. */
static bool next_line(reader *in, char line[LINE_SIZE]) {
    size_t room = (size_t)(in->end - in->at);
    const uint8_t *end = in->at != NULL ? memchr(in->at, '\n', room) : NULL;
    if (end == NULL || end - in->at >= LINE_SIZE) {
        return false;
    }
    size_t len = (size_t)(end - in->at);
    memcpy(line, in->at, len);
    line[len] = '\0';
    in->at = end + 1;
    in->line++;
    return strlen(line) == len;
}

/* Cuts the next word off `*rest`; "" at the end. */
static const char *next_word(char **rest) {
    char *word = *rest, *blank = strchr(word, ' ');
    if (blank != NULL) {
        *blank = '\0';
        *rest = blank + 1;
    } else {
        *rest = word + strlen(word);
    }
    return word;
}

static bool read_number(const char *text, uint64_t max, uint64_t *number) {
    *number = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9' || *number > max / 10) {
            return false;
        }
        *number = *number * 10 + (uint64_t)(*at - '0');
    }
    return *text != '\0' && *number <= max;
}

static stls_result check_version(reader *in, stls_error *error) {
    const char *magic = in->is_export ? export_magic : index_magic;
    char line[LINE_SIZE];
    uint64_t version;
    size_t len = strlen(magic);
    if (!next_line(in, line) || strncmp(line, magic, len) != 0 ||
        !read_number(line + len, 1000000, &version)) {
        return stls_fail(error, STLS_E_FORMAT, "%s is not %s: its first line is not \"%s%d\"",
                         in->what, in->is_export ? "an export of a store" : "a store's index",
                         magic, STLS_STORE_VERSION);
    }
    if (version != STLS_STORE_VERSION) {
        return stls_fail(
            error, STLS_E_UNSUPPORTED,
            "%s is of format %llu, and this siptls reads and writes format %d: use the "
            "siptls that wrote it",
            in->what, (unsigned long long)version, STLS_STORE_VERSION);
    }
    return STLS_OK;
}

/* Looks for the last line, checks it, and takes it off. */
static stls_result check_end(const stls_certstore *store, stls_bytes text, reader *in,
                             stls_error *error) {
    enum { END_LEN = 4 + 2 * STLS_STORE_ID_LEN + 1 };
    uint8_t told[STLS_STORE_ID_LEN], is[STLS_STORE_ID_LEN];
    char last[END_LEN + 1] = "";
    size_t len = text.len;
    if (len > END_LEN) {
        memcpy(last, text.data + len - END_LEN, END_LEN);
    }
    bool ends = strncmp(last, "end ", 4) == 0 && last[END_LEN - 1] == '\n';
    last[END_LEN - 1] = '\0';
    if (!ends || !stls_fingerprint_read(last + 4, told)) {
        return stls_fail(error, STLS_E_FORMAT, "%s is cut off: it does not end with its checksum",
                         in->what);
    }
    stls_result result =
        stls_store_digest(store, (stls_bytes){text.data, len - END_LEN}, is, error);
    if (result == STLS_OK && memcmp(told, is, sizeof is) != 0) {
        result = stls_fail(error, STLS_E_FORMAT,
                           "%s was changed by something else than siptls: its checksum is wrong",
                           in->what);
    }
    in->end -= END_LEN;
    return result;
}

static bool read_keyword(const char *keyword, char **rest, stls_parsed_item *item) {
    if (strcmp(keyword, "builtin") == 0) {
        item->place = STLS_PLACE_BUILTIN;
    } else if (strcmp(keyword, "trusted") == 0 || strcmp(keyword, "peer") == 0) {
        item->place = STLS_PLACE_CUSTOM;
        item->is_peer = *keyword == 'p';
    } else if (strcmp(keyword, "crl") == 0) {
        item->place = STLS_PLACE_CRL;
    } else if (strcmp(keyword, "server") == 0) {
        const char *place = next_word(rest);
        for (size_t i = 0; i < PLACE_COUNT; i++) {
            if ((places[i].place & STLS_PLACES_SERVER) != 0 && strcmp(places[i].name, place) == 0) {
                item->place = places[i].place;
            }
        }
    }
    return item->place != 0;
}

static stls_result read_content(reader *in, const char *length, stls_parsed_item *item) {
    uint64_t len;
    if (!read_number(length, STLS_STORE_BLOB_MAX, &len) || len > (size_t)(in->end - in->at)) {
        return flaw(in, "a length that cannot be");
    }
    item->has_content = true;
    item->content = (stls_bytes){in->at, (size_t)len};
    in->at += len;
    return STLS_OK;
}

static stls_result read_item(reader *in, const char *keyword, char *rest, stls_item_visitor visit,
                             void *arg) {
    stls_parsed_item item = {.place = 0};
    if (!read_keyword(keyword, &rest, &item)) {
        return flaw(in, "a keyword that this siptls does not know");
    }
    if (!stls_fingerprint_read(next_word(&rest), item.id)) {
        return flaw(in, "no SHA-256 digest where one is due");
    }
    if (in->is_export) {
        stls_result result = read_content(in, next_word(&rest), &item);
        if (result != STLS_OK) {
            return result;
        }
    }
    bool is_builtin = item.place == STLS_PLACE_BUILTIN;
    if (is_builtin != (*rest == '\0') ||
        stls_store_name(is_builtin ? "built-in" : rest, (stls_bytes){NULL, 0}, item.name, NULL) !=
            STLS_OK) {
        return flaw(in, "a name that no certificate can have");
    }
    return visit(arg, &item, in->error);
}

/* A line of settings; NOT_DONE if it is none. */
static stls_result read_setting(const reader *in, const char *keyword, const char *value,
                                stls_index *index) {
    uint64_t number = 0;
    bool good;
    if (strcmp(keyword, "generation") == 0) {
        good = read_number(value, UINT64_MAX - 1, &number);
        index->generation = number;
    } else if (strcmp(keyword, "parts") == 0) {
        good = read_number(value, STLS_PARTS_ALL, &number);
        index->parts = (uint32_t)number;
    } else if (strcmp(keyword, "trust") == 0) {
        index->set = stls_trust_set_find(value);
        good = index->set != 0;
    } else if (strcmp(keyword, "send") == 0) {
        index->send = stls_send_choice_find(value);
        good = index->send != 0;
    } else {
        return STLS_NOT_DONE;
    }
    return good ? STLS_OK : flaw(in, "a setting that cannot be");
}

uint64_t stls_index_generation(stls_bytes text) {
    static const char keyword[] = "generation ";
    const size_t len = sizeof keyword - 1;
    reader in = {.at = text.data, .end = text.data != NULL ? text.data + text.len : NULL};
    char line[LINE_SIZE];
    uint64_t number = 0;
    bool good = next_line(&in, line) && next_line(&in, line) && strncmp(line, keyword, len) == 0 &&
                read_number(line + len, UINT64_MAX / 2, &number); /* no store comes so far */
    return good ? number : 0;
}

stls_result stls_index_read(const stls_certstore *store, stls_bytes text, bool is_export,
                            const char *what, stls_index *index, stls_item_visitor visit, void *arg,
                            stls_error *error) {
    reader in = {.at = text.data,
                 .end = text.data != NULL ? text.data + text.len : NULL,
                 .is_export = is_export,
                 .what = what,
                 .error = error};
    char line[LINE_SIZE];
    *index = (stls_index){.parts = 0};
    stls_result result = check_version(&in, error);
    if (result == STLS_OK) {
        result = check_end(store, text, &in, error);
    }
    while (result == STLS_OK && in.at < in.end) {
        if (!next_line(&in, line)) {
            return flaw(&in, "a line that cannot be");
        }
        char *rest = line;
        const char *keyword = next_word(&rest);
        result = read_setting(&in, keyword, rest, index);
        if (result == STLS_NOT_DONE) {
            result = read_item(&in, keyword, rest, visit, arg);
        }
    }
    if (result == STLS_OK && !is_export && (index->set == 0 || index->send == 0)) {
        result = flaw(&in, "a setting is missing");
    }
    return result;
}
