/* judge.h - puts a case before siptls.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_VERDICTS_JUDGE_H
#define SIPTLS_VERDICTS_JUDGE_H

#include "cases.h"

#include <siptls/siptls.h>

typedef enum case_answer {
    ANSWER_UNSUPPORTED,
    ANSWER_ACCEPT,
    ANSWER_REJECT,
} case_answer;

typedef struct judgement {
    case_answer answer;
    uint32_t flags;
    uint8_t depth[STLS_FLAG_COUNT]; /* of each flag */
    char text[STLS_VERDICT_TEXT_SIZE + STLS_ERROR_TEXT_SIZE];
} judgement;

/* By stls_verify(). */
void judge_chain(const stls_backend *backend, const verdict_case *input, judgement *out);

/* In a handshake: a client of ours connects to a server that shows the chain, and has no key for
 * it. */
void judge_handshake(const stls_backend *backend, const verdict_case *input, judgement *out);

/* --- Shared by both */

void judgement_say(judgement *out, case_answer answer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A verdict of ours as an answer. */
void judgement_take(judgement *out, const stls_verdict *verdict);

/* A context of `role` as the case wants it; NULL when `out` says why there is none. */
stls_context *judge_context(const stls_backend *backend, stls_role role, const verdict_case *input,
                            judgement *out);

/* Whether the case asks for something that siptls does not have; then `out` says what. */
bool judge_cannot(const verdict_case *input, judgement *out);

#endif
