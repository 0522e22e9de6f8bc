/* tests/conformance/unreadable.c - chains that a library cannot read, and therefore never reach our
 * verdict.
 *
 * All of them are refused: a library that cannot read a certificate ends the handshake. Only how it
 * says so differs, and stands here.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/conformance/conformance.h"

#include <string.h>

static const unreadable table[] = {
    /* mbedTLS drops a leaf that is signed with Ed25519, in every build. */
    {"mbedtls", "via-ed25519", STLS_CAN_VERIFY_ED25519, true, 0, 43, 43},
    /* Without the parse hook, critical extensions that it does not know. */
    {"mbedtls", "via-nc", STLS_CAN_READ_ANY_CHAIN, true, 1, 43, 43},
    {"mbedtls", "via-nc-violated", STLS_CAN_READ_ANY_CHAIN, true, 1, 43, 43},
    {"mbedtls", "via-unknown-critical", STLS_CAN_READ_ANY_CHAIN, true, 1, 43, 43},
    {"mbedtls", "unknown-critical", STLS_CAN_READ_ANY_CHAIN, true, 0, 43, 43},
    /* With the OpenSSL look-alike, wolfSSL reads some certificates before it asks us. */
    {"wolfssl", "via-ed25519", STLS_CAN_READ_ANY_CHAIN, false, 0, 42, 42},
    {"wolfssl", "unknown-critical", STLS_CAN_READ_ANY_CHAIN, false, 0, 40, 43},
    {"wolfssl", "san-300", STLS_CAN_READ_ANY_CHAIN, false, 0, 0, 42}, /* run with 1.3 only */
};

const unreadable *find_unreadable(const char *credential) {
    for (size_t i = 0; i < COUNT(table); i++) {
        if (test_is(table[i].backend) && strcmp(table[i].credential, credential) == 0 &&
            !stls_backend_can(test_backend(), table[i].without)) {
            return &table[i];
        }
    }
    return NULL;
}

void check_unreadable(pair *p, const unreadable *u, uint16_t version) {
    const stls_verdict *v = pair_verdict(p, CLIENT);
    int alert = version == STLS_TLS1_2 ? u->alert_12 : u->alert_13;
    CHECK_RESULT("the client", p->handshake[CLIENT], STLS_E_VERIFY, pair_error(p, CLIENT));
    CHECK_RESULT("the server", pair_outcome(p, SERVER), STLS_E_ALERT, pair_error(p, SERVER));
    CHECK_NUMBER("the alert that arrived", pair_error(p, SERVER)->alert_received, alert);
    CHECK_CONTAINS("the sentence", pair_error(p, CLIENT)->text, "cannot read");
    CHECK_NUMBER("the state", v->state, u->judged ? STLS_VERDICT_REJECTED : STLS_VERDICT_NOT_DONE);
    CHECK_TEXT("the flags", flags_text(v->flags), flags_text(u->judged ? STLS_FLAG_UNREADABLE : 0));
    if (u->judged) {
        CHECK_NUMBER("the depth", v->depth[20], u->depth);
        CHECK_NUMBER("the verdict's alert", v->alert, alert);
    }
    CHECK(!stls_conn_is_secure(p->conn[CLIENT]), "secure");
}
