/* tests/conformance/main.c - the program of one backend.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <stdio.h>
#include <stdlib.h>

static const test_suite suites[] = {
    {"backend", backend_tests},
    {"settings", settings_tests},
    {"credential", credential_tests},
    {"handshake", handshake_tests},
    {"verify", verify_tests},
    {"identity", identity_tests},
    {"mutual", mutual_tests},
    {"sni", sni_tests},
    {"alpn", alpn_tests},
    {"io", io_tests},
    {"notls", notls_tests},
    {"lifetime", lifetime_tests},
    {"revalidate", revalidate_tests},
    {"reload", reload_tests},
    {"resume", resume_tests},
    {"threads", threads_tests},
    {"together", together_tests},
    {"keying", keying_tests},
    {NULL, NULL},
};

int main(int argc, char **argv) {
    const stls_backend *backend = stls_backend_find(STLS_TEST_BACKEND);
    if (!backend) {
        fprintf(stderr, "the backend %s is not built in, or its library could not be started\n",
                STLS_TEST_BACKEND);
        return EXIT_FAILURE;
    }
    test_set_backend(backend);
    printf("%s %s, built against %s\n", stls_backend_name(backend),
           stls_backend_version_running(backend), stls_backend_version_built(backend));
    return suite_main(suites, argc, argv);
}
