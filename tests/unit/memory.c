/* The memory of signatures: what it keeps, what it forgets, and that a verdict does not depend on
 * it.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/verify/memory.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/siptls.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void make_fact(uint8_t fact[STLS_FACT_LEN], unsigned number) {
    memset(fact, 0, STLS_FACT_LEN);
    memcpy(fact, &number, sizeof number);
}

static void test_keeps(void) {
    stls_memory *memory = stls_memory_new(stls_backend_default(), 16);
    uint8_t fact[STLS_FACT_LEN];
    if (!CHECK(memory != NULL, "no memory")) {
        return;
    }
    for (unsigned i = 1; i <= 4; i++) {
        make_fact(fact, i);
        CHECK(!stls_memory_has(memory, fact), "fact %u is there before it was added", i);
        stls_memory_add(memory, fact);
        stls_memory_add(memory, fact);
        CHECK(stls_memory_has(memory, fact), "fact %u was forgotten at once", i);
    }
    for (unsigned i = 1; i <= 4; i++) {
        make_fact(fact, i);
        CHECK(stls_memory_has(memory, fact), "fact %u was forgotten", i);
    }
    stls_memory_free(memory);
}

/* Ten thousand facts in a memory for sixteen: it stays bounded, and the last one is there. */
static void test_bounded(void) {
    stls_memory *memory = stls_memory_new(stls_backend_default(), 16);
    uint8_t fact[STLS_FACT_LEN];
    size_t kept = 0;
    for (unsigned i = 1; memory != NULL && i <= 10000; i++) {
        make_fact(fact, i);
        stls_memory_add(memory, fact);
        CHECK(stls_memory_has(memory, fact), "fact %u was forgotten at once", i);
    }
    for (unsigned i = 1; memory != NULL && i <= 10000; i++) {
        make_fact(fact, i);
        kept += stls_memory_has(memory, fact);
    }
    CHECK(kept > 0 && kept <= 16, "%zu facts are kept", kept);
    stls_memory_free(memory);
}

/* A fact is one of key and certificate together. */
static void test_facts_differ(void) {
    static const uint8_t bytes[] = "abc";
    const struct {
        stls_bytes spki, der;
    } pairs[] = {{{bytes, 1}, {bytes + 1, 2}},
                 {{bytes, 2}, {bytes + 2, 1}},
                 {{bytes + 1, 2}, {bytes, 1}},
                 {{bytes, 1}, {bytes + 1, 1}},
                 {{bytes + 1, 1}, {bytes + 1, 2}}};
    uint8_t facts[COUNT(pairs)][STLS_FACT_LEN];
    stls_memory *memory = stls_memory_new(stls_backend_default(), 1);
    for (size_t i = 0; memory != NULL && i < COUNT(pairs); i++) {
        CHECK(stls_memory_fact(memory, pairs[i].spki, pairs[i].der, facts[i]), "fact %zu", i);
        for (size_t j = 0; j < i; j++) {
            CHECK(memcmp(facts[i], facts[j], STLS_FACT_LEN) != 0, "facts %zu and %zu", i, j);
        }
    }
    stls_memory_free(memory);
}

/* The engine with a memory: a backend that counts, and can be made to refuse every signature. */
static stls_backend counting;
static const stls_backend *real;
static unsigned checks;
static bool refuse;

static stls_be_status count_check(const stls_signature_algorithm *algorithm, void *key,
                                  stls_bytes message, stls_bytes signature) {
    checks++;
    return refuse ? STLS_BE_FAILED : real->verify_signature(algorithm, key, message, signature);
}

static int64_t far_future(void *arg) {
    (void)arg;
    return INT64_C(4000000000);
}

static stls_context *make_context(size_t memory, stls_clock clock) {
    stls_error error = {0};
    stls_profile *profile = NULL;
    stls_context *context = NULL;
    stls_trust *trust = pki_trust("root");
    bool made = stls_profile_new(&counting, STLS_ROLE_CLIENT, &profile, &error) == STLS_OK &&
                stls_profile_set_trust(profile, trust, &error) == STLS_OK &&
                stls_profile_set_signature_memory(profile, memory, &error) == STLS_OK &&
                stls_profile_set_clock(profile, clock, NULL, &error) == STLS_OK &&
                stls_context_new(profile, &context, &error) == STLS_OK;
    CHECK(made, "%s", error.text);
    stls_trust_free(trust);
    stls_profile_free(profile);
    return context;
}

static void judge(const stls_context *context, const char *peer, stls_verdict_state state,
                  uint32_t flags, unsigned expected_checks) {
    stls_bytes chain[] = {pki_bytes("server.der"), pki_bytes("int.der")};
    stls_verdict verdict;
    checks = 0;
    stls_verify(context, chain, COUNT(chain), peer, &verdict, NULL);
    CHECK_NUMBER("the state", verdict.state, state);
    CHECK_TEXT("the flags", flags_text(verdict.flags), flags_text(flags));
    CHECK_NUMBER("signature checks", checks, expected_checks);
}

static void test_engine(void) {
    real = stls_backend_default();
    counting = *real;
    counting.verify_signature = count_check;
    check_case("with a memory");
    stls_context *context = make_context(64, NULL);
    judge(context, "example.test", STLS_VERDICT_ACCEPTED, 0, 2);
    refuse = true; /* nobody is asked again */
    judge(context, "example.test", STLS_VERDICT_ACCEPTED, 0, 0);
    judge(context, "other.test", STLS_VERDICT_REJECTED, STLS_FLAG_NAME_MISMATCH, 0);
    refuse = false;
    stls_context_free(context);
    check_case("another context knows nothing");
    context = make_context(64, NULL);
    refuse = true;
    judge(context, "example.test", STLS_VERDICT_REJECTED, STLS_FLAG_BAD_SIGNATURE, 2);
    refuse = false;
    judge(context, "example.test", STLS_VERDICT_ACCEPTED, 0, 2);
    stls_context_free(context);
    check_case("without a memory");
    context = make_context(0, NULL);
    judge(context, "example.test", STLS_VERDICT_ACCEPTED, 0, 2);
    judge(context, "example.test", STLS_VERDICT_ACCEPTED, 0, 2);
    stls_context_free(context);
    check_case("what is not accepted is not remembered");
    context = make_context(64, far_future);
    stls_bytes chain[] = {pki_bytes("server.der"), pki_bytes("int.der")};
    stls_verdict verdict;
    for (int turn = 0; turn < 2; turn++) {
        checks = 0;
        stls_verify(context, chain, COUNT(chain), "example.test", &verdict, NULL);
        CHECK(verdict.flags & STLS_FLAG_EXPIRED && checks > 0, "turn %d: %u checks", turn, checks);
    }
    stls_context_free(context);
}

static void test_limit(void) {
    stls_profile *profile = NULL;
    stls_error error = {0};
    if (CHECK(stls_profile_new(stls_backend_default(), STLS_ROLE_CLIENT, &profile, &error) ==
                  STLS_OK,
              "%s", error.text)) {
        CHECK_RESULT(
            "too much",
            stls_profile_set_signature_memory(profile, STLS_SIGNATURE_MEMORY_MAX + 1, &error),
            STLS_E_LIMIT, &error);
    }
    stls_profile_free(profile);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"facts are kept", test_keeps},
        {"the memory is bounded", test_bounded},
        {"facts are of key and certificate", test_facts_differ},
        {"the engine with and without a memory", test_engine},
        {"the limit", test_limit},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"memory", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
