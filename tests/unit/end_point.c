/* The channel binding tls-server-end-point of a credential.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "certstore/keep/credential.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/siptls.h>

static stls_be_status answer; /* of a digest; STLS_BE_OK: the library's own */

static stls_be_status flaky_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len) {
    return answer == STLS_BE_OK ? stls_backend_default()->digest(hash, data, out, len) : answer;
}

/* A library may take want of memory for want of the hash: that is not for ever. */
static void test_again(void) {
    stls_backend flaky = *stls_backend_default();
    stls_credential *credential;
    stls_end_point end_point;
    stls_error error = {0};
    flaky.digest = flaky_digest;
    answer = STLS_BE_UNSUPPORTED;
    credential = pki_credential(&flaky, "server");
    if (credential != NULL) {
        CHECK_RESULT("without", stls_credential_end_point(credential, &end_point, &error),
                     STLS_E_UNSUPPORTED, &error);
        CHECK_NUMBER("its length", end_point.len, 0);
        answer = STLS_BE_OK;
        CHECK_RESULT("with", stls_credential_end_point(credential, &end_point, &error), STLS_OK,
                     &error);
        CHECK_NUMBER("its length", end_point.len, 32);
    }
    stls_credential_free(credential);
}

static void test_no_memory(void) {
    stls_backend flaky = *stls_backend_default();
    stls_credential *credential;
    stls_error error = {0};
    flaky.digest = flaky_digest;
    answer = STLS_BE_NO_MEMORY;
    CHECK_RESULT("a credential", pki_try_credential(&flaky, "server", &credential, &error),
                 STLS_E_NO_MEMORY, &error);
    stls_credential_free(credential);
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"the hash is there later", test_again},
        {"no memory", test_no_memory},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"end point", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
