/* cases.h - reads certificate cases, the format of tests/corpora.
 *
 *     case ID
 *     kind SERVER | CLIENT | OTHEREKU
 *     expect 1 | 0
 *     time UNIX
 *     name DNS|IP|RFC822 VALUE
 *     depth N
 *     T HEX ...     (trust anchor)      I HEX ...    (intermediate)
 *     L HEX         (leaf)              C HEX ...    (CRL)
 *     kt EC | RSA | OTHER
 *     end
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_VERDICTS_CASES_H
#define SIPTLS_VERDICTS_CASES_H

#include <siptls/types.h>
#include <stdio.h>

/* Certificates as DER, in one block of memory each. */
typedef struct der_list {
    stls_bytes *items;
    size_t count, room;
} der_list;

typedef enum leaf_kind { LEAF_SERVER, LEAF_CLIENT, LEAF_OTHER_EKU } leaf_kind;
typedef enum name_form { NAME_NONE, NAME_DNS, NAME_IP, NAME_RFC822 } name_form;
typedef enum key_type { KEY_EC, KEY_RSA, KEY_OTHER } key_type;

typedef struct verdict_case {
    char *id;
    leaf_kind kind;
    bool expected;
    bool has_time, has_depth;
    int64_t time;
    unsigned depth;
    name_form name_form;
    char *name;
    key_type key_type;
    der_list anchors;
    der_list chain; /* the leaf first, then the intermediates in their order */
    der_list crls;
} verdict_case;

typedef struct case_reader {
    FILE *file;
    const char *name;
    unsigned long line_number;
    char *line;
    size_t line_room;
} case_reader;

typedef enum case_result { CASE_READ, CASE_END, CASE_BROKEN } case_result;

/* The next case; CASE_BROKEN after the reason was printed. */
case_result case_read(case_reader *reader, verdict_case *out);
void case_free(verdict_case *out);
void case_reader_free(case_reader *reader);

#endif
