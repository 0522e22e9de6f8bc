/* output.h - what the siptls command tells about connections, certificates and verdicts, to people
 * and as JSON.
 *
 * The functions for people write to stdout; those for JSON add members to the object that is open.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_OUTPUT_H
#define SIPTLS_TOOL_OUTPUT_H

#include "json.h"

#include <siptls/siptls.h>

/* Looks at the locale and at what stdout is. Once, first of all. */
void output_init(void);

/* The lock on a terminal that can show it, else "[secure]" or "[not secure]". Only for `secure` as
 * stls_conn_is_secure() or stls_verdict_is_secure() said it. */
const char *output_lock(bool secure);

/* The terminal's colours; "" where they are not wanted: stdout is no terminal, NO_COLOR is set. */
#define OUTPUT_PLAIN  "\033[0m"
#define OUTPUT_BOLD   "\033[1m"
#define OUTPUT_RED    "\033[31m"
#define OUTPUT_YELLOW "\033[33m"
#define OUTPUT_GREEN  "\033[32m"
#define OUTPUT_DIM    "\033[2m"
const char *output_paint(const char *paint);

enum { OUTPUT_DATE_SIZE = 32, OUTPUT_DAYS_SIZE = 48, OUTPUT_FINGERPRINT_SIZE = 96 };

/* "2026-11-23", and with the time of day "2026-11-23T12:00:00Z". */
void output_date(int64_t time, char text[OUTPUT_DATE_SIZE]);
void output_date_and_time(int64_t time, char text[OUTPUT_DATE_SIZE]);

/* "alert", "alert 46": the alert's name and number. */
void output_alert(int alert, char *text, size_t size);

/* A cut of what a peer sent, as printable ASCII. */
void output_foreign(const char *data, size_t len, char *text, size_t size);

/* Version, suite, group, ...: some lines. */
void output_handshake(const stls_conn *conn);
void output_handshake_json(json *writer, const stls_conn *conn);

/* The certificates that the peer sent. */
void output_chain(const stls_conn *conn);
void output_chain_json(json *writer, const stls_conn *conn);

/* One certificate, with the number `label` in front. */
void output_certificate(const stls_backend *backend, stls_bytes der, const char *label,
                        int64_t now);
void output_certificate_json(json *writer, const char *name, const stls_backend *backend,
                             stls_bytes der, int64_t now);

/* State, sentence and flags. */
void output_verdict(const stls_verdict *verdict);
void output_flags(const stls_verdict *verdict); /* the flags only */
void output_verdict_json(json *writer, const stls_verdict *verdict);

/* To stderr: the sentence, the alert, and what a SIP stack would answer. */
void output_failure(const char *command, const stls_error *error, const stls_verdict *verdict);
void output_failure_json(json *writer, const stls_error *error, const stls_verdict *verdict);

#endif
