/* base/error.h - how the library fills an stls_error, and how it writes text that people read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BASE_ERROR_H
#define STLS_BASE_ERROR_H

#include <siptls/error.h>

#define STLS_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))

/* Fills `*error` (NULL: nothing is written) with `result` and a sentence. */
void stls_error_fill(stls_error *error, stls_result result, const char *format, ...)
    STLS_PRINTF(3, 4);

/* The same, with the value `result`: a macro, so that compilers and analysers see that nobody goes
 * on after a failure. */
#define stls_fail(error, result, ...) (stls_error_fill(error, result, __VA_ARGS__), (result))

/* A text of limited size that always ends with NUL and says "..." where it was cut. */
typedef struct stls_text {
    char *data;
    size_t size, len;
} stls_text;

/* Starts an empty text in `buffer`; `size` of at least 4. */
stls_text stls_text_in(char *buffer, size_t size);
void stls_text_add(stls_text *text, const char *format, ...) STLS_PRINTF(2, 3);

/* Adds bytes that came from outside: printable ASCII as it is, all else as \xNN. */
void stls_text_add_foreign(stls_text *text, stls_bytes bytes);

/* A cut of bytes that came from outside, for sentences; returns `shown`. */
enum { STLS_SHOWN_SIZE = 80 };
const char *stls_shown(const char *text, size_t len, char shown[STLS_SHOWN_SIZE]);

/* Adds "2026-11-23" for a time of the calendar, in UTC; years 0 to 9999, others as "long ago" and
 * "far in the future". */
void stls_text_add_date(stls_text *text, int64_t time);

#endif
