/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

void judgement_say(judgement *out, case_answer answer, const char *format, ...) {
    va_list list;
    out->answer = answer;
    va_start(list, format);
    vsnprintf(out->text, sizeof out->text, format, list);
    va_end(list);
}

void judgement_take(judgement *out, const stls_verdict *verdict) {
    const uint32_t inability = STLS_FLAG_UNSUPPORTED | STLS_FLAG_UNREADABLE;
    bool only_unable = verdict->flags != 0 && (verdict->flags & ~inability) == 0;
    out->flags = verdict->flags;
    memcpy(out->depth, verdict->depth, sizeof out->depth);
    judgement_say(out,
                  verdict->state == STLS_VERDICT_ACCEPTED ? ANSWER_ACCEPT
                  : only_unable                           ? ANSWER_UNSUPPORTED
                                                          : ANSWER_REJECT,
                  "%s", verdict->text);
}

bool judge_cannot(const verdict_case *input, judgement *out) {
    if (input->name_form == NAME_RFC822) {
        judgement_say(out, ANSWER_UNSUPPORTED, "no identity mode compares e-mail addresses");
        return true;
    }
    return false;
}

/* --- The context */

static int64_t clock_of(void *now) {
    return *(const int64_t *)now;
}

/* An anchor or a CRL that siptls does not take is one that is not there. */
static stls_trust *make_trust(const verdict_case *input, judgement *out) {
    stls_trust *trust = stls_trust_new();
    stls_error error = {.text = "no anchor"};
    for (size_t i = 0; trust != NULL && i < input->anchors.count; i++) {
        stls_bytes der = input->anchors.items[i];
        (void)stls_trust_add(trust, der.data, der.len, "the trust anchor", &error);
    }
    for (size_t i = 0; trust != NULL && i < input->crls.count; i++) {
        stls_bytes der = input->crls.items[i];
        (void)stls_trust_add_crl(trust, der.data, der.len, "the CRL", &error);
    }
    if (trust != NULL && stls_trust_count(trust) == 0) {
        judgement_say(out, ANSWER_REJECT, "no usable trust anchor: %s", error.text);
        stls_trust_free(trust);
        return NULL;
    }
    return trust;
}

static bool set_depth(const verdict_case *input, stls_profile *profile, stls_error *error) {
    unsigned most = STLS_PATH_MAX - 2, depth = input->depth < most ? input->depth : most;
    return !input->has_depth ||
           stls_profile_set_max_intermediates(profile, depth, error) == STLS_OK;
}

static bool fill_profile(const verdict_case *input, stls_trust *trust, stls_profile *profile,
                         stls_error *error) {
    static int64_t now; /* one case at a time */
    now = input->has_time ? input->time : (int64_t)time(NULL);
    stls_identity_mode identity =
        input->name_form == NAME_NONE ? STLS_IDENTITY_NONE : STLS_IDENTITY_HTTPS;
    return stls_profile_set_trust(profile, trust, error) == STLS_OK &&
           stls_profile_set_verify(profile, STLS_VERIFY_REQUIRED, error) == STLS_OK &&
           stls_profile_set_identity(profile, identity, 0, error) == STLS_OK &&
           stls_profile_set_clock(profile, clock_of, &now, error) == STLS_OK &&
           set_depth(input, profile, error) &&
           stls_profile_set_crl_mode(profile, input->crls.count > 0 ? STLS_CRL_CHAIN : STLS_CRL_OFF,
                                     error) == STLS_OK;
}

stls_context *judge_context(const stls_backend *backend, stls_role role, const verdict_case *input,
                            judgement *out) {
    stls_error error = {.text = "out of memory"};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_trust *trust = make_trust(input, out);
    if (trust == NULL) {
        return NULL;
    }
    if (stls_profile_new(backend, role, &profile, &error) != STLS_OK ||
        !fill_profile(input, trust, profile, &error) ||
        (role == STLS_ROLE_CLIENT
             ? stls_context_new(profile, &context, &error)
             : stls_context_new_verifier(profile, &context, &error)) != STLS_OK) {
        judgement_say(out, ANSWER_UNSUPPORTED, "%s", error.text);
    }
    stls_profile_free(profile);
    stls_trust_free(trust);
    return context;
}

/* --- The verdict without a connection */

void judge_chain(const stls_backend *backend, const verdict_case *input, judgement *out) {
    bool is_client = input->kind == LEAF_CLIENT; /* other usages are judged as a server's */
    stls_role role = is_client ? STLS_ROLE_SERVER : STLS_ROLE_CLIENT;
    if (judge_cannot(input, out)) {
        return;
    }
    stls_context *context = judge_context(backend, role, input, out);
    if (context == NULL) {
        return;
    }
    stls_verdict verdict;
    stls_error error;
    stls_result result = stls_verify(context, input->chain.items, input->chain.count,
                                     is_client ? NULL : input->name, &verdict, &error);
    if (result == STLS_OK || result == STLS_E_VERIFY) {
        judgement_take(out, &verdict);
    } else { /* a name that nobody can prove, or a chain that is too much: no connection comes of it
              */
        judgement_say(out, ANSWER_REJECT, "%s", error.text);
    }
    stls_context_free(context);
}
