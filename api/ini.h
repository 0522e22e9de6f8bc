/* api/ini.h - INI text by its lines: what the library inih, which reads values, does not tell and
 * cannot do.
 *
 * The model: inih says what a file means; this says where in the file it stands, by inih's rules
 * for lines, and changes single lines there, so that comments and the order of lines stay as people
 * wrote them. Whoever edits must read the result with inih: nothing here is trusted to have done
 * what it was asked to.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_INI_H
#define STLS_API_INI_H

#include <siptls/error.h>

enum {
    STLS_INI_LINE_MAX = 198, /* bytes of a line without its '\n'; inih cuts longer ones in two */
    STLS_INI_NAME_MAX = 49,  /* of a section's name; inih cuts longer ones off */
};

typedef enum stls_ini_kind {
    STLS_INI_NOTHING = 1, /* blank, or a comment */
    STLS_INI_SECTION = 2, /* [section] */
    STLS_INI_SETTING = 3, /* name = value */
    STLS_INI_MORE = 4,    /* more of the setting before: it begins with a blank */
    STLS_INI_FLAW = 5,    /* none of these; `flaw` says why */
} stls_ini_kind;

typedef struct stls_ini_line {
    stls_ini_kind kind;
    size_t number;          /* from 1 */
    stls_bytes whole;       /* with its end */
    stls_bytes content;     /* without blanks around it, and without '\n' */
    stls_bytes section;     /* it stands in, or begins; {NULL, 0}: before the first */
    stls_bytes name, value; /* SETTING; MORE: of what it is more */
    const char *flaw;
} stls_ini_line;

typedef struct stls_ini {
    stls_bytes text;
    size_t at, number;
    stls_bytes section, name;
} stls_ini;

/* The next line of `self`, which begins as {.text = ...}; false behind the last. All slices are
 * slices of the text. */
bool stls_ini_next(stls_ini *self, stls_ini_line *line);

/* NULL: a section may be called so; otherwise what is wrong with that. */
const char *stls_ini_name_flaw(stls_bytes name);

/* Each makes `*edited` out of `text`, which has no flaw; the caller frees it. STLS_E_NO_MEMORY,
 * STLS_E_LIMIT (a line would be too long). */

/* Gives `setting` of `section`, which is there, the value `value`. A value that does not fit
 * into a line goes on in further ones behind a ':'. */
stls_result stls_ini_set(stls_bytes text, const char *section, const char *setting,
                         const char *value, stls_bytes *edited, stls_error *error);

/* Takes the lines of `setting` out of `section`. */
stls_result stls_ini_unset(stls_bytes text, const char *section, const char *setting,
                           stls_bytes *edited, stls_error *error);

/* Adds an empty section at the end. */
stls_result stls_ini_add_section(stls_bytes text, const char *section, stls_bytes *edited,
                                 stls_error *error);

/* Takes out `section` with all between its first and its last setting; comments behind that, which
 * mostly belong to the next section, stay. */
stls_result stls_ini_remove_section(stls_bytes text, const char *section, stls_bytes *edited,
                                    stls_error *error);

#endif
