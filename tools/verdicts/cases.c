/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

static bool complain(const case_reader *reader, const char *what) {
    fprintf(stderr, "siptls-verdicts: %s, line %lu: %s\n", reader->name, reader->line_number, what);
    return false;
}

/* --- Lists */

static bool append(der_list *list, stls_bytes item) {
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        stls_bytes *items = realloc(list->items, room * sizeof *items);
        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    return true;
}

static void free_bytes(stls_bytes bytes) {
    union {
        const uint8_t *constant;
        void *owned;
    } data = {bytes.data};
    free(data.owned);
}

static void free_list(der_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free_bytes(list->items[i]);
    }
    free(list->items);
}

void case_free(verdict_case *out) {
    free_list(&out->anchors);
    free_list(&out->chain);
    free_list(&out->crls);
    free(out->id);
    free(out->name);
    *out = (verdict_case){.id = NULL};
}

void case_reader_free(case_reader *reader) {
    free(reader->line);
    reader->line = NULL;
}

/* --- Values */

static int digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* NULL: it is none, or there is no memory. */
static uint8_t *take_hex(const char *text, size_t len) {
    if (len == 0 || len % 2 != 0) {
        return NULL;
    }
    uint8_t *data = malloc(len / 2);
    for (size_t i = 0; data != NULL && i < len; i += 2) {
        int high = digit(text[i]), low = digit(text[i + 1]);
        if (high < 0 || low < 0) {
            free(data);
            return NULL;
        }
        data[i / 2] = (uint8_t)(high << 4 | low);
    }
    return data;
}

/* gcc's analyser, asked to look from case_read() on, loses sight of the list behind `items`. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

/* One or more values, separated by blanks. */
static bool take_certificates(const char *value, der_list *list) {
    while (*value != '\0') {
        size_t len = strcspn(value, " ");
        uint8_t *data = take_hex(value, len);
        if (data == NULL || !append(list, (stls_bytes){data, len / 2})) {
            free(data);
            return false;
        }
        value += len + strspn(value + len, " ");
    }
    return list->count > 0;
}

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 10
#pragma GCC diagnostic pop
#endif

/* The leaf may stand behind the intermediates in the file. */
static bool take_leaf(const char *value, der_list *chain) {
    size_t before = chain->count;
    if (!take_certificates(value, chain) || chain->count != before + 1) {
        return false;
    }
    stls_bytes leaf = chain->items[before];
    memmove(chain->items + 1, chain->items, before * sizeof *chain->items);
    chain->items[0] = leaf;
    return true;
}

static bool take_number(const char *value, long long min, long long max, long long *number) {
    char *end;
    *number = strtoll(value, &end, 10);
    return end != value && *end == '\0' && *number >= min && *number <= max;
}

static bool take_word(const char *value, const char *const *words, size_t count, unsigned *index) {
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool take_kind(const char *value, verdict_case *out) {
    static const char *const words[] = {"SERVER", "CLIENT", "OTHEREKU"};
    unsigned index = 0;
    bool good = take_word(value, words, 3, &index);
    out->kind = (leaf_kind)index;
    return good;
}

static bool take_key_type(const char *value, verdict_case *out) {
    static const char *const words[] = {"EC", "RSA", "OTHER"};
    unsigned index = 0;
    bool good = take_word(value, words, 3, &index);
    out->key_type = (key_type)index;
    return good;
}

static bool take_name(const char *value, verdict_case *out) {
    static const char *const forms[] = {"DNS ", "IP ", "RFC822 "};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(forms[i]);
        if (strncmp(value, forms[i], len) == 0 && out->name == NULL) {
            out->name_form = (name_form)(NAME_DNS + (int)i);
            out->name = strdup(value + len);
            return out->name != NULL;
        }
    }
    return false;
}

/* --- Lines */

/* Cuts the line into a word and the rest. */
static bool take_line(char *line, verdict_case *out) {
    char *value = strchr(line, ' ');
    long long number = 0;
    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (strcmp(line, "kind") == 0) {
        return take_kind(value, out);
    } else if (strcmp(line, "expect") == 0) {
        out->expected = strcmp(value, "1") == 0;
        return out->expected || strcmp(value, "0") == 0;
    } else if (strcmp(line, "time") == 0) {
        out->has_time = take_number(value, INT64_MIN / 2, INT64_MAX / 2, &number);
        out->time = number;
        return out->has_time;
    } else if (strcmp(line, "name") == 0) {
        return take_name(value, out);
    } else if (strcmp(line, "depth") == 0) {
        out->has_depth = take_number(value, 0, 1000, &number);
        out->depth = (unsigned)number;
        return out->has_depth;
    } else if (strcmp(line, "kt") == 0) {
        return take_key_type(value, out);
    } else if (strcmp(line, "T") == 0) {
        return take_certificates(value, &out->anchors);
    } else if (strcmp(line, "I") == 0) {
        return take_certificates(value, &out->chain);
    } else if (strcmp(line, "L") == 0) {
        return take_leaf(value, &out->chain);
    } else if (strcmp(line, "C") == 0) {
        return take_certificates(value, &out->crls);
    }
    return false;
}

static bool next_line(case_reader *reader) {
    ssize_t len = getline(&reader->line, &reader->line_room, reader->file);
    if (len < 0) {
        return false;
    }
    reader->line_number++;
    reader->line[strcspn(reader->line, "\r\n")] = '\0';
    return true;
}

static bool read_rest(case_reader *reader, verdict_case *out) {
    bool has_leaf = false;
    while (next_line(reader)) {
        if (strcmp(reader->line, "end") == 0) {
            return has_leaf || complain(reader, "the case has no leaf");
        }
        bool is_leaf = reader->line[0] == 'L' && reader->line[1] == ' ';
        if ((is_leaf && has_leaf) || !take_line(reader->line, out)) {
            return complain(reader, "this line is malformed, or not known");
        }
        has_leaf = has_leaf || is_leaf;
    }
    return complain(reader, "the file ends within a case");
}

case_result case_read(case_reader *reader, verdict_case *out) {
    *out = (verdict_case){.id = NULL};
    do {
        if (!next_line(reader)) {
            return ferror(reader->file) ? (complain(reader, "it cannot be read"), CASE_BROKEN)
                                        : CASE_END;
        }
    } while (reader->line[0] == '\0' || reader->line[0] == '#');
    if (strncmp(reader->line, "case ", 5) != 0) {
        complain(reader, "a case begins with \"case\" and its name");
        return CASE_BROKEN;
    }
    out->id = strdup(reader->line + 5);
    if (out->id == NULL || !read_rest(reader, out)) {
        case_free(out);
        return CASE_BROKEN;
    }
    return CASE_READ;
}
