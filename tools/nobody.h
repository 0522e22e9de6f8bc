/* nobody.h - a credential that proves nothing.
 *
 * A server's context needs a credential, even if it is made only to judge clients' certificates
 * with stls_verify(). This one is never shown to anybody: its private key is the number 1, which
 * everybody knows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_TOOL_NOBODY_H
#define SIPTLS_TOOL_NOBODY_H

static const char nobody_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAGhRANCAARrF9Hy4SxCR/i85uVjpEDydwN9gS3r\n"
    "M6D0oTlF2JjClk/jQuL+Gn+bjufrSnwPnhYrzjNXazFezsu2QGg3v1H1\n"
    "-----END PRIVATE KEY-----\n"
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBeTCCAR+gAwIBAgIUPVc17q2jMNsJhqoE9OzPb2L/jV4wCgYIKoZIzj0EAwIw\n"
    "ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMzA4MjQ0N1oYDzIxMjYxMDMwMDgy\n"
    "NDQ3WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
    "AARrF9Hy4SxCR/i85uVjpEDydwN9gS3rM6D0oTlF2JjClk/jQuL+Gn+bjufrSnwP\n"
    "nhYrzjNXazFezsu2QGg3v1H1o1MwUTAdBgNVHQ4EFgQUtGejmZ6176Zx3gAy8Iqc\n"
    "nl79oOEwHwYDVR0jBBgwFoAUtGejmZ6176Zx3gAy8Iqcnl79oOEwDwYDVR0TAQH/\n"
    "BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBrL/mJAMQQQCuH4hWlKZnec2zpWkQ3\n"
    "FAkmWvIJTi6skwIhAMdFLQROTtu6ub4LAdQlS1uUE6jlT/xhOewZTjk+wus+\n"
    "-----END CERTIFICATE-----\n";

#endif
