/* tests/conformance/conformance.h - what every backend must do in the same way.
 *
 * The model: one program for each backend, from the same sources. The tests use the public headers
 * only; what one backend cannot do stands in a table (tests/expectations/, or beside the cases it
 * is about) and is compared, too.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_CONFORMANCE_H
#define STLS_TESTS_CONFORMANCE_H

#include "tests/support/check.h"
#include "tests/support/pair.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

extern const test_case alpn_tests[], backend_tests[], credential_tests[], handshake_tests[],
    identity_tests[], io_tests[], keying_tests[], lifetime_tests[], mutual_tests[], notls_tests[],
    reload_tests[], resume_tests[], revalidate_tests[], settings_tests[], sni_tests[],
    threads_tests[], together_tests[], verify_tests[];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The anchors of everything good in the PKI. */
#define GOOD_ROOTS "root root-rsa root-ed25519"

/* The versions that a table of cases is run with. */
static const uint16_t both_versions[] = {STLS_TLS1_2, STLS_TLS1_3};

/* A certificate that this build's library cannot read (unreadable.c), and what comes of it. */
typedef struct unreadable {
    const char *backend, *credential;
    uint32_t without; /* if the library lacks this capability */
    bool judged;      /* the verdict says which certificate it is; otherwise only the error does */
    unsigned depth;   /* where it is, if judged */
    int alert_12, alert_13; /* what the peer gets */
} unreadable;

/* NULL: this build can read what `credential` sends. */
const unreadable *find_unreadable(const char *credential);

/* Checks that a client refused it, and how. */
void check_unreadable(pair *p, const unreadable *u, uint16_t version);

/* The two alerts of a rejection as both sides tell them: `by` sent it, the other got it. */
static inline void check_alert(const pair *p, side by, int alert) {
    side to = by == CLIENT ? SERVER : CLIENT;
    CHECK_NUMBER("the alert that was sent", pair_error(p, by)->alert_sent, alert);
    CHECK_NUMBER("the alert that arrived", pair_error(p, to)->alert_received, alert);
}

#endif
