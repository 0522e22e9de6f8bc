/* SIP URIs to targets, and failures to answers.
 *
 * SPDX-License-Identifier: MIT */
#include <siptls/sip.h>

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct target_case {
    const char *uri;
    const char *host; /* NULL: refused */
    bool secure, is_ip;
    uint16_t port;
} target_case;

static const target_case targets[] = {
    /* plain */
    {"sips:example.com", "example.com", true, false, 0},
    {"sip:example.com", "example.com", false, false, 0},
    {"SIPS:EXAMPLE.COM", "example.com", true, false, 0},
    {"sips:example.com.", "example.com", true, false, 0},
    {"sips:alice@example.com", "example.com", true, false, 0},
    {"sips:alice:secret@example.com:5061", "example.com", true, false, 5061},
    {"sip:example.com:1", "example.com", false, false, 1},
    {"sip:example.com:65535", "example.com", false, false, 65535},
    {"sip:example.com:05061", "example.com", false, false, 5061},
    /* transport */
    {"sip:example.com;transport=tls", "example.com", true, false, 0},
    {"sip:example.com;TRANSPORT=TLS", "example.com", true, false, 0},
    {"sip:example.com;transport=tcp", "example.com", false, false, 0},
    {"sip:example.com;transport=udp", "example.com", false, false, 0},
    {"sips:example.com;transport=tcp", "example.com", true, false, 0},
    {"sips:example.com;transport=tls", "example.com", true, false, 0},
    {"sip:example.com;transport=tls-sctp", "example.com", false, false, 0},
    {"sip:example.com;lr;transport=tls;ob", "example.com", true, false, 0},
    {"sip:example.com;xtransport=tls", "example.com", false, false, 0},
    {"sips:example.com;transport=udp", NULL, false, false, 0},
    {"sip:example.com;transport=udp;transport=tls", NULL, false, false, 0},
    {"sip:example.com;transport=", NULL, false, false, 0},
    {"sip:example.com;transport", NULL, false, false, 0},
    /* who is before the '@' does not count */
    {"sip:alice/phone@attacker.example", "attacker.example", false, false, 0},
    {"sip:example.com;x=1@attacker.example", "attacker.example", false, false, 0},
    {"sip:example.com%40@attacker.example", "attacker.example", false, false, 0},
    {"sip:+1-212-555-0101;isub=1@gw.example", "gw.example", false, false, 0},
    {"sip:a?b@gw.example", "gw.example", false, false, 0},
    {"sip:a@b@example.com", NULL, false, false, 0},
    {"sip:@example.com", NULL, false, false, 0},
    {"sip::secret@example.com", NULL, false, false, 0},
    {"sip:al ice@example.com", NULL, false, false, 0},
    {"sip:al%4@example.com", NULL, false, false, 0},
    {"sip:al%zzice@example.com", NULL, false, false, 0},
    {"sip:a:b:c@example.com", NULL, false, false, 0},
    {"sip:a[b@example.com", NULL, false, false, 0},
    /* addresses */
    {"sip:192.0.2.1", "192.0.2.1", false, true, 0},
    {"sips:bob@192.0.2.1:5062", "192.0.2.1", true, true, 5062},
    {"sips:[2001:DB8::1]", "2001:db8::1", true, true, 0},
    {"sips:[2001:db8:0:0:0:0:0:1]:5061", "2001:db8::1", true, true, 5061},
    {"sips:[::1];transport=tcp", "::1", true, true, 0},
    {"sips:::1", NULL, false, false, 0},
    {"sips:[::1", NULL, false, false, 0},
    {"sips:[::1]x", NULL, false, false, 0},
    {"sips:[::1]5061", NULL, false, false, 0},
    {"sips:[]", NULL, false, false, 0},
    {"sips:[192.0.2.1]", NULL, false, false, 0},
    {"sips:[example.com]", NULL, false, false, 0},
    /* ports */
    {"sip:example.com:", NULL, false, false, 0},
    {"sip:example.com:0", NULL, false, false, 0},
    {"sip:example.com:65536", NULL, false, false, 0},
    {"sip:example.com:99999", NULL, false, false, 0},
    {"sip:example.com:4294972357", NULL, false, false, 0}, /* 5061 modulo 2^32 */
    {"sip:example.com:-1", NULL, false, false, 0},
    {"sip:example.com:+5061", NULL, false, false, 0},
    {"sip:example.com:5061x", NULL, false, false, 0},
    {"sip:example.com:50:61", NULL, false, false, 0},
    /* hosts */
    {"sip:", NULL, false, false, 0},
    {"sips:", NULL, false, false, 0},
    {"sip://example.com", NULL, false, false, 0},
    {"sip:alice@", NULL, false, false, 0},
    {"sip:exam ple.com", NULL, false, false, 0},
    {"sip:example%2ecom", NULL, false, false, 0},
    {"sip:b\xc3\xbc"
     "cher.example",
     NULL, false, false, 0},
    {"sip:xn--bcher-kva.example", "xn--bcher-kva.example", false, false, 0},
    {"sip:.example.com", NULL, false, false, 0},
    {"sip:example..com", NULL, false, false, 0},
    /* parameters and headers */
    {"sip:example.com;", NULL, false, false, 0},
    {"sip:example.com;=x", NULL, false, false, 0},
    {"sip:example.com;a=", NULL, false, false, 0},
    {"sip:example.com;a=b c", NULL, false, false, 0},
    {"sip:example.com;a=%41", "example.com", false, false, 0},
    {"sip:example.com;maddr=192.0.2.9", "example.com", false, false, 0},
    {"sip:example.com?subject=x&priority=urgent", "example.com", false, false, 0},
    {"sip:example.com;lr?subject=", "example.com", false, false, 0},
    {"sip:example.com?", NULL, false, false, 0},
    {"sip:example.com?a", NULL, false, false, 0},
    {"sip:example.com?a=b;c", NULL, false, false, 0},
    {"sip:example.com?transport=tls", "example.com", false, false, 0},
    /* without a scheme */
    {"example.com", "example.com", false, false, 0},
    {"example.com:5061", "example.com", false, false, 5061},
    {"[::1]:5061", "::1", false, true, 5061},
    {"[::1]", "::1", false, true, 0},
    {"2001:db8::1", "2001:db8::1", false, true, 0},
    {"192.0.2.1:5061", "192.0.2.1", false, true, 5061},
    {"example.com;transport=tls", NULL, false, false, 0},
    {"alice@example.com", NULL, false, false, 0},
    {"https://example.com", NULL, false, false, 0},
    {"tel:+12125550101", NULL, false, false, 0},
    {"<sips:example.com>", NULL, false, false, 0},
    {" sips:example.com", NULL, false, false, 0},
    {"sips:example.com\n", NULL, false, false, 0},
    {"", NULL, false, false, 0},
};

static bool is_as_expected(const target_case *expected) {
    stls_sip_target target;
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result = stls_sip_target_read(expected->uri, &target, &error);
    if (expected->host == NULL) {
        return result == STLS_E_FORMAT && error.result == STLS_E_FORMAT && error.text[0] != '\0' &&
               target.host[0] == '\0' && !target.secure;
    }
    return result == STLS_OK && strcmp(target.host, expected->host) == 0 &&
           target.secure == expected->secure && target.is_ip == expected->is_ip &&
           target.port == expected->port;
}

static void test_targets(void) {
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        bool good = is_as_expected(&targets[i]);
        if (!good) {
            stls_sip_target target;
            stls_error error = {.result = STLS_NOT_DONE};
            stls_result result = stls_sip_target_read(targets[i].uri, &target, &error);
            printf("\n    \"%s\": %s, host \"%s\", port %u, secure %d, %s", targets[i].uri,
                   stls_result_name(result), target.host, target.port, target.secure, error.text);
        }
        CU_ASSERT_TRUE(good);
    }
}

static void test_long_uris(void) {
    char uri[4096] = "sips:";
    memset(uri + 5, 'a', sizeof uri - 6);
    stls_sip_target target;
    stls_error error;
    CU_ASSERT_EQUAL(stls_sip_target_read(uri, &target, &error), STLS_E_FORMAT);
    uri[5 + 64] = '@'; /* a long user is fine */
    memcpy(uri + 5 + 65, "example.com", 12);
    CU_ASSERT_EQUAL(stls_sip_target_read(uri, &target, &error), STLS_OK);
    CU_ASSERT_STRING_EQUAL(target.host, "example.com");
    CU_ASSERT_EQUAL(stls_sip_target_read(NULL, &target, &error), STLS_E_ARGUMENT);
    CU_ASSERT_EQUAL(stls_sip_target_read("sips:a", NULL, NULL), STLS_E_ARGUMENT);
}

/* --- Answers */

typedef struct answer_case {
    stls_result result;
    int alert;      /* received */
    uint32_t flags; /* of the verdict */
    int status;
    bool retry_later, try_next;
} answer_case;

enum { NO = STLS_ALERT_NONE };

static const answer_case answers[] = {
    {STLS_E_TRANSPORT, NO, 0, 503, true, true},
    {STLS_EOF, NO, 0, 503, true, true},
    {STLS_CLOSED, NO, 0, 430, true, true},
    {STLS_E_TIMEOUT, NO, 0, 408, true, true},
    {STLS_E_NOT_TLS, NO, 0, 503, false, true},
    {STLS_E_PROTOCOL, NO, 0, 503, false, true},
    {STLS_E_NOTHING_SHARED, NO, 0, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_UNTRUSTED, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_EXPIRED, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_REVOKED, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_NAME_MISMATCH, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_NOT_YET_VALID, 503, true, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_NOT_YET_VALID | STLS_FLAG_UNTRUSTED, 503, false, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_CRL_EXPIRED, 503, true, false},
    {STLS_E_VERIFY, NO, STLS_FLAG_CLOCK_NOT_SET, 503, true, false},
    {STLS_E_VERIFY, NO, 0, 503, false, false},
    {STLS_E_ALERT, 42, 0, 403, false, false},
    {STLS_E_ALERT, 43, 0, 403, false, false},
    {STLS_E_ALERT, 44, 0, 403, false, false},
    {STLS_E_ALERT, 45, 0, 403, false, false},
    {STLS_E_ALERT, 46, 0, 403, false, false},
    {STLS_E_ALERT, 48, 0, 403, false, false},
    {STLS_E_ALERT, 49, 0, 403, false, false},
    {STLS_E_ALERT, 116, 0, 403, false, false},
    {STLS_E_ALERT, 40, 0, 503, false, false},
    {STLS_E_ALERT, 70, 0, 503, false, false},
    {STLS_E_ALERT, 71, 0, 503, false, false},
    {STLS_E_ALERT, 112, 0, 503, false, false},
    {STLS_E_ALERT, 120, 0, 503, false, false},
    {STLS_E_ALERT, 80, 0, 503, true, true},
    {STLS_E_ALERT, 50, 0, 503, false, true},
    {STLS_E_REFUSED, NO, 0, 403, false, false},
    {STLS_E_NO_MEMORY, NO, 0, 500, true, true},
    {STLS_E_BACKEND, NO, 0, 500, false, false},
    {STLS_E_STATE, NO, 0, 500, false, false},
    {STLS_E_KEY_MISMATCH, NO, 0, 500, false, false},
    {STLS_NOT_DONE, NO, 0, 500, false, false},
    {STLS_OK, NO, 0, 500, false, false},
    {STLS_WANT_READ, NO, 0, 500, false, false},
    {(stls_result)4711, NO, 0, 500, false, false},
};

/* What RFC 3261 lets stand in a quoted-string without an escape. */
static bool is_quotable(const char *text) {
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\') {
            return false;
        }
    }
    return len > 0 && len < STLS_SIP_WARNING_SIZE;
}

static void test_answers(void) {
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        const answer_case *expected = &answers[i];
        stls_error error = {.result = expected->result,
                            .alert_sent = STLS_ALERT_NONE,
                            .alert_received = expected->alert,
                            .text = "a sentence"};
        stls_verdict verdict = {.state = STLS_VERDICT_REJECTED, .flags = expected->flags};
        stls_sip_answer answer;
        stls_sip_answer_for(&error, &verdict, &answer);
        bool good = answer.status == expected->status && answer.reason[0] != '\0' &&
                    answer.retry_later == expected->retry_later &&
                    answer.try_next == expected->try_next && is_quotable(answer.warning) &&
                    strstr(answer.warning, "a sentence") != NULL;
        if (!good) {
            printf("\n    %s, alert %d, flags %#x: %d %s, retry %d, next %d, %s",
                   stls_result_name(expected->result), expected->alert, expected->flags,
                   answer.status, answer.reason, answer.retry_later, answer.try_next,
                   answer.warning);
        }
        CU_ASSERT_TRUE(good);
    }
}

static void test_tolerated(void) {
    stls_error error = {.result = STLS_E_VERIFY};
    stls_verdict verdict = {.state = STLS_VERDICT_REJECTED,
                            .flags = STLS_FLAG_EXPIRED | STLS_FLAG_NOT_YET_VALID,
                            .tolerated = STLS_FLAG_EXPIRED};
    stls_sip_answer answer;
    stls_sip_answer_for(&error, &verdict, &answer);
    CU_ASSERT_TRUE(answer.retry_later); /* what is tolerated is not what stands in the way */
}

static void test_warning(void) {
    stls_error error = {.result = STLS_E_VERIFY, .text = "from the error"};
    stls_verdict verdict = {.state = STLS_VERDICT_REJECTED,
                            .flags = STLS_FLAG_NAME_MISMATCH,
                            .text = "wants \"a\\b\", has \xc3\xbc\r\nVia: x"};
    stls_sip_answer answer;
    stls_sip_answer_for(&error, &verdict, &answer);
    CU_ASSERT_STRING_EQUAL(answer.warning, "TLS identity mismatch: wants 'a/b', has ????Via: x");

    memset(verdict.text, 'x', sizeof verdict.text - 1);
    stls_sip_answer_for(&error, &verdict, &answer);
    CU_ASSERT_TRUE(is_quotable(answer.warning));
    CU_ASSERT_STRING_EQUAL(answer.warning + strlen(answer.warning) - 4, "x...");

    stls_sip_answer_for(&error, NULL, &answer);
    CU_ASSERT_STRING_EQUAL(answer.warning, "TLS certificate rejected: from the error");
    stls_sip_answer_for(NULL, NULL, &answer);
    CU_ASSERT_EQUAL(answer.status, 500);
    CU_ASSERT_TRUE(is_quotable(answer.warning));
}

int main(void) {
    CU_pSuite suite;
    if (CU_initialize_registry() != CUE_SUCCESS ||
        (suite = CU_add_suite("SIP", NULL, NULL)) == NULL ||
        CU_add_test(suite, "URIs become targets", test_targets) == NULL ||
        CU_add_test(suite, "long URIs, missing arguments", test_long_uris) == NULL ||
        CU_add_test(suite, "failures become answers", test_answers) == NULL ||
        CU_add_test(suite, "tolerated flags do not decide", test_tolerated) == NULL ||
        CU_add_test(suite, "the text of the Warning", test_warning) == NULL) {
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    bool good = CU_get_number_of_tests_run() == 5 && CU_get_number_of_failures() == 0;
    CU_cleanup_registry();
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
