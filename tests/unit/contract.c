/* tests/unit/contract.c - backends that do not keep the contract: the core refuses each with the
 * right error.
 *
 * The model: one honest fake backend without any TLS in it, a few words (`lies`) that make it break
 * one rule of backends/contract.h at a time, and counters that tell whether the core keeps its own
 * side: fini once for each init, nothing called after a final answer. All is driven through the
 * public API.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"

#include <siptls/siptls.h>

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- The fake backend --- */

/* How the fake handshake deals with the peer's chain. */
typedef enum judging {
    JUDGE_ONCE = 0,
    JUDGE_NEVER,
    JUDGE_TWICE,
    JUDGE_AND_IGNORE, /* says OK whatever the core decided */
    JUDGE_UNREADABLE, /* says that a certificate cannot be read, and goes on */
    JUDGE_THEN_UNREADABLE,
    JUDGE_LATE, /* once more, in conn_read */
} judging;

/* What a server's fake does about the ClientHello. */
typedef enum selecting {
    SELECT_ONCE = 0,
    SELECT_TWICE, /* allowed: HelloRetryRequest */
    SELECT_NEVER,
    SELECT_AND_IGNORE, /* says OK although the core refused */
} selecting;

/* Zero is honest. */
typedef struct lies {
    uint32_t omit; /* applied bits that are left out */
    stls_be_status credential_status, context_status, init_status, handshake_status;
    stls_be_failure failure; /* what goes with a status */
    judging judging;
    selecting selecting;
    const char *server_name; /* what the select upcall is told; NULL: none */
    size_t chain_count;      /* certificates of the peer; 0: two */
    bool no_chain;           /* the peer sends none */
    bool client_chain;       /* the peer of a server sends one, and is judged */
    stls_be_info info;       /* fields that are not 0 replace the honest ones */
    unsigned alerts;         /* alert upcalls before the answer */
    bool alert_fatal, alert_sent;
    uint8_t first_alert, other_alerts;
    bool read_nothing, read_too_much, write_nothing, write_too_much;
    stls_be_status read_status, write_status, close_status;
    bool no_capabilities, no_versions, null_versions, no_registries;
    bool extras; /* no lie: it says that it can resume and tell keys, and is asked to */
} lies;

static lies lie;

/* What the core did. */
static struct {
    int credentials, contexts, conns; /* inits without fini */
    unsigned handshakes, reads, writes, closes;
    uint32_t wanted; /* settings of the last context */
    int keys;
} seen;

enum { BLOCK_MARK = 0x5a };

typedef struct fake_block {
    unsigned mark;
    int initialised;
} fake_block;

typedef struct fake_conn {
    fake_block block;
    stls_be_conn_settings settings;
    stls_role role;
    bool done;
} fake_conn;

typedef struct fake_handshake {
    unsigned mark;
} fake_handshake;

typedef struct fake_context {
    fake_block block;
    stls_role role;
} fake_context;

static stls_be_status or_ok(stls_be_status status) {
    return status == STLS_BE_FAILED ? STLS_BE_OK : status;
}

/* The block comes zeroed, and is initialised once. */
static void open_block(fake_block *block, int *count) {
    CHECK(block->mark == 0 && block->initialised == 0, "a block that is not zeroed");
    *block = (fake_block){.mark = BLOCK_MARK, .initialised = 1};
    ++*count;
}

static void close_block(fake_block *block, int *count) {
    CHECK(block->mark == BLOCK_MARK && block->initialised == 1, "fini without init, or twice");
    block->initialised = 2;
    --*count;
}

static stls_be_status fake_start(void) {
    return STLS_BE_OK;
}

static void fake_describe(stls_be_description *description) {
    uint32_t versions = lie.no_versions ? 0 : STLS_CAN_TLS1_2 | STLS_CAN_TLS1_3;
    uint32_t extras = lie.extras ? STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS | STLS_CAN_EXPORT_KEYS |
                                       STLS_CAN_KEYLOG | STLS_CAN_MAX_FRAGMENT
                                 : 0;
    *description = (stls_be_description){
        .version_built = lie.null_versions ? NULL : "1.0.0",
        .version_running = lie.null_versions ? NULL : "1.0.1",
        .capabilities = lie.no_capabilities
                            ? 0
                            : versions | extras | STLS_CAN_SET_SIGNATURE_SCHEMES | STLS_CAN_ALPN |
                                  STLS_CAN_SELECT_VERIFY | STLS_CAN_READ_ANY_CHAIN |
                                  STLS_CAN_LONG_CHAINS | STLS_CAN_ANY_ALERT,
        .chain_bytes_max = 100000,
        .chain_count_max = 16,
    };
}

static bool fake_supports(stls_registry registry, uint16_t code) {
    (void)code;
    return !lie.no_registries && (registry != STLS_REGISTRY_VERSION || !lie.no_versions);
}

static stls_be_status fake_key_from_spki(stls_bytes spki, void **key) {
    (void)spki;
    seen.keys++;
    *key = &seen.keys;
    return STLS_BE_OK;
}

static void fake_key_free(void *key) {
    CHECK(key == &seen.keys, "a key that is none");
    seen.keys--;
}

/* Every signature is good: this file is not about certificates. */
static stls_be_status fake_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                            stls_bytes message, stls_bytes signature) {
    (void)algorithm, (void)key, (void)message, (void)signature;
    return STLS_BE_OK;
}

static stls_be_status fake_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len) {
    (void)hash;
    memset(out, 0, STLS_HASH_SIZE_MAX);
    memcpy(out, data.data, data.len < 32 ? data.len : 32);
    *len = 32;
    return STLS_BE_OK;
}

static stls_be_status fake_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                                  stls_bytes password, uint8_t *out, size_t len) {
    (void)derivation, (void)purpose, (void)password, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status fake_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                                size_t *len) {
    (void)hash, (void)key, (void)data, (void)out, (void)len;
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status fake_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                       stls_bytes sealed, uint8_t *out) {
    (void)cipher, (void)key, (void)iv, (void)sealed, (void)out;
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status fake_credential_init(void *credential, const stls_bytes *chain, size_t count,
                                           stls_bytes key, const char *password,
                                           stls_be_failure *failure) {
    (void)password;
    open_block(credential, &seen.credentials);
    CHECK(count > 0 && chain[0].len > 0 && key.len > 0, "a credential of nothing");
    *failure = lie.failure;
    return or_ok(lie.credential_status);
}

static void fake_credential_fini(void *credential) {
    close_block(credential, &seen.credentials);
}

static stls_be_status fake_context_init(void *context, const stls_be_settings *settings,
                                        uint32_t *applied, stls_be_failure *failure) {
    fake_context *c = context;
    open_block(&c->block, &seen.contexts);
    c->role = settings->role;
    seen.wanted = settings->wanted;
    *applied = settings->wanted & ~lie.omit;
    *failure = lie.failure;
    return or_ok(lie.context_status);
}

static void fake_context_fini(void *context) {
    fake_context *c = context;
    close_block(&c->block, &seen.contexts);
}

static stls_be_status fake_conn_init(void *conn, const void *context,
                                     const stls_be_conn_settings *settings,
                                     stls_be_failure *failure) {
    fake_conn *c = conn;
    const fake_context *of = context;
    open_block(&c->block, &seen.conns);
    CHECK_NUMBER("the context's mark", of->block.mark, BLOCK_MARK);
    c->settings = *settings;
    c->role = of->role;
    fake_handshake *handshake = settings->handshake;
    CHECK(handshake->mark == 0, "a block for the handshake that is not zeroed");
    handshake->mark = BLOCK_MARK;
    *failure = lie.failure;
    return or_ok(lie.init_status);
}

/* False: the core has refused, and an honest backend would stop. */
static bool select_host(fake_conn *c) {
    const stls_be_upcalls *up = c->settings.upcalls;
    stls_bytes name = {(const uint8_t *)lie.server_name,
                       lie.server_name ? strlen(lie.server_name) : 0};
    stls_be_selection selection = {.accept = true};
    if (c->role == STLS_ROLE_CLIENT || lie.selecting == SELECT_NEVER) {
        return true;
    }
    for (int i = 0; i < (lie.selecting == SELECT_TWICE ? 2 : 1); i++) {
        selection = up->select(c->settings.core, name);
    }
    return selection.accept || lie.selecting == SELECT_AND_IGNORE;
}

static bool judge(fake_conn *c) {
    const stls_be_upcalls *up = c->settings.upcalls;
    const stls_bytes chain[] = {pki_bytes("server.der"), pki_bytes("int.der")};
    size_t count = lie.no_chain ? 0 : lie.chain_count ? lie.chain_count : COUNT(chain);
    stls_be_decision decision = {.accept = true};
    if (lie.judging == JUDGE_UNREADABLE) {
        up->unreadable(c->settings.core, STLS_TLS1_3, chain, count, 0);
        return true;
    }
    if (lie.judging != JUDGE_NEVER) {
        decision = up->verify(c->settings.core, STLS_TLS1_3, chain, NULL, count);
    }
    if (lie.judging == JUDGE_TWICE) {
        up->verify(c->settings.core, STLS_TLS1_3, chain, NULL, count);
    }
    if (lie.judging == JUDGE_THEN_UNREADABLE) {
        up->unreadable(c->settings.core, STLS_TLS1_3, chain, count, 0);
    }
    return decision.accept || lie.judging == JUDGE_AND_IGNORE;
}

static void storm(fake_conn *c) {
    for (unsigned i = 0; i < lie.alerts; i++) {
        c->settings.upcalls->alert(c->settings.core, lie.alert_sent, lie.alert_fatal,
                                   i == 0 ? lie.first_alert : lie.other_alerts);
    }
}

static stls_be_status fake_conn_handshake(void *conn, stls_be_failure *failure) {
    fake_conn *c = conn;
    seen.handshakes++;
    CHECK(!c->done, "the handshake goes on after its end");
    const fake_handshake *handshake = c->settings.handshake;
    CHECK(handshake->mark == BLOCK_MARK, "the block for the handshake has changed or is gone");
    storm(c);
    if (lie.handshake_status != STLS_BE_FAILED || lie.failure.cause != STLS_BE_CAUSE_UNKNOWN ||
        lie.failure.text[0]) {
        *failure = lie.failure;
        return lie.handshake_status;
    }
    c->done = true;
    if (!select_host(c)) {
        failure->cause = STLS_BE_CAUSE_SELECT;
        return STLS_BE_FAILED;
    }
    if ((c->role == STLS_ROLE_CLIENT || lie.client_chain) && !judge(c)) {
        failure->cause = STLS_BE_CAUSE_VERIFY;
        return STLS_BE_FAILED;
    }
    return STLS_BE_OK;
}

static stls_be_status fake_conn_read(void *conn, uint8_t *data, size_t size, size_t *got,
                                     stls_be_failure *failure) {
    fake_conn *c = conn;
    seen.reads++;
    *failure = lie.failure;
    if (lie.judging == JUDGE_LATE) {
        c->settings.upcalls->verify(c->settings.core, STLS_TLS1_3, NULL, NULL, 0);
    }
    memset(data, 'r', size);
    *got = lie.read_nothing ? 0 : lie.read_too_much ? size + 1 : 1;
    return or_ok(lie.read_status);
}

static stls_be_status fake_conn_write(void *conn, const uint8_t *data, size_t len, size_t *taken,
                                      stls_be_failure *failure) {
    (void)conn, (void)data;
    seen.writes++;
    *failure = lie.failure;
    *taken = lie.write_nothing ? 0 : lie.write_too_much ? len + 1 : len;
    return or_ok(lie.write_status);
}

static size_t fake_conn_pending(void *conn) {
    (void)conn;
    return 0;
}

static stls_be_status fake_conn_close_notify(void *conn, stls_be_failure *failure) {
    (void)conn;
    seen.closes++;
    *failure = lie.failure;
    return or_ok(lie.close_status);
}

static void fake_conn_info(void *conn, stls_be_info *info) {
    (void)conn;
    *info = (stls_be_info){.version = STLS_TLS1_3, .suite = 0x1301, .group = 0x001d};
    info->version = lie.info.version ? lie.info.version : info->version;
    info->suite = lie.info.suite ? lie.info.suite : info->suite;
    info->group = lie.info.group ? lie.info.group : info->group;
    info->alpn_len = lie.info.alpn_len;
    memcpy(info->alpn, lie.info.alpn, lie.info.alpn_len);
}

static stls_be_status fake_random(uint8_t *out, size_t len) {
    memset(out, 0x5a, len);
    return STLS_BE_OK;
}

static stls_be_status fake_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                                size_t len) {
    (void)secret, (void)salt, (void)info;
    memset(out, 0x5a, len);
    return STLS_BE_OK;
}

static stls_be_status fake_aead(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                                stls_bytes in, uint8_t *out) {
    (void)key, (void)nonce, (void)associated, (void)in, (void)out;
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status fake_conn_export(void *conn, stls_bytes label, const stls_bytes *context,
                                       uint8_t *out, size_t len, stls_be_failure *failure) {
    (void)conn, (void)label, (void)context, (void)out, (void)len, (void)failure;
    return STLS_BE_UNSUPPORTED;
}

static stls_be_status fake_conn_update_keys(void *conn, bool both, stls_be_failure *failure) {
    (void)conn, (void)both, (void)failure;
    return STLS_BE_UNSUPPORTED;
}

static size_t fake_conn_memory(void *conn) {
    (void)conn;
    return 0;
}

static void fake_conn_fini(void *conn) {
    fake_conn *c = conn;
    close_block(&c->block, &seen.conns);
}

static stls_be_status fake_set_allocator(const stls_allocator *allocator) {
    (void)allocator;
    return STLS_BE_UNSUPPORTED;
}

static const stls_backend fake = {
    .abi = STLS_CONTRACT_ABI,
    .name = "fake",
    .context_size = sizeof(fake_context),
    .credential_size = sizeof(fake_block),
    .conn_size = sizeof(fake_conn),
    .handshake_size = sizeof(fake_handshake),
    .set_allocator = fake_set_allocator,
    .start = fake_start,
    .describe = fake_describe,
    .supports = fake_supports,
    .key_from_spki = fake_key_from_spki,
    .key_free = fake_key_free,
    .verify_signature = fake_verify_signature,
    .digest = fake_digest,
    .derive = fake_derive,
    .hmac = fake_hmac,
    .cbc_decrypt = fake_cbc_decrypt,
    .random = fake_random,
    .hkdf = fake_hkdf,
    .aead_seal = fake_aead,
    .aead_open = fake_aead,
    .credential_init = fake_credential_init,
    .credential_fini = fake_credential_fini,
    .context_init = fake_context_init,
    .context_fini = fake_context_fini,
    .conn_init = fake_conn_init,
    .conn_handshake = fake_conn_handshake,
    .conn_read = fake_conn_read,
    .conn_write = fake_conn_write,
    .conn_pending = fake_conn_pending,
    .conn_close_notify = fake_conn_close_notify,
    .conn_info = fake_conn_info,
    .conn_export = fake_conn_export,
    .conn_update_keys = fake_conn_update_keys,
    .conn_memory = fake_conn_memory,
    .conn_fini = fake_conn_fini,
};

/* --- Helpers --- */

static void begin(const char *name, lies how) {
    check_case("%s", name);
    lie = how;
    memset(&seen, 0, sizeof seen);
}

/* Everything that was initialised was finished, also where it had failed. */
static void finish(void) {
    CHECK_NUMBER("credentials left", seen.credentials, 0);
    CHECK_NUMBER("contexts left", seen.contexts, 0);
    CHECK_NUMBER("connections left", seen.conns, 0);
    CHECK_NUMBER("keys left", seen.keys, 0);
    lie = (lies){.omit = 0};
}

typedef struct setup {
    stls_role role;
    stls_verify_mode verify;
    bool strict; /* a server that serves "known.test" only */
} setup;

static void ignore_secret(void *arg, const char *line) {
    (void)arg, (void)line;
}

static stls_result ask_for_extras(stls_profile *profile, stls_role role, stls_error *error) {
    stls_result r = stls_profile_set_exporter(profile, true, error);
    if (r == STLS_OK) {
        r = stls_profile_set_keylog(profile, ignore_secret, NULL, error);
    }
    if (r == STLS_OK && role == STLS_ROLE_CLIENT) {
        r = stls_profile_set_max_fragment(profile, 1024, error);
    }
    return r; /* resumption is on without being asked for */
}

static stls_result try_context(const setup *s, stls_context **context, stls_error *error) {
    stls_profile *profile = NULL;
    stls_trust *trust = pki_trust("root");
    stls_credential *credential = NULL;
    stls_result r = stls_profile_new(&fake, s->role, &profile, error);
    *context = NULL;
    if (r == STLS_OK) {
        r = pki_try_credential(&fake, "server", &credential, error);
    }
    if (r == STLS_OK) {
        r = stls_profile_set_trust(profile, trust, error);
    }
    if (r == STLS_OK && s->verify) {
        r = stls_profile_set_verify(profile, s->verify, error);
    }
    if (r == STLS_OK) {
        r = stls_profile_set_alpn(profile, "sip/2", error);
    }
    if (r == STLS_OK) {
        r = stls_profile_set_credential(profile, credential, error);
    }
    if (r == STLS_OK && lie.extras) {
        r = ask_for_extras(profile, s->role, error);
    }
    if (r == STLS_OK && s->strict) {
        r = stls_profile_add_host(profile, "known.test", credential, STLS_VERIFY_REQUIRED, error);
    }
    if (r == STLS_OK && s->strict) {
        r = stls_profile_set_strict_hosts(profile, true, error);
    }
    if (r == STLS_OK) {
        r = stls_context_new(profile, context, error);
    }
    stls_credential_free(credential);
    stls_trust_free(trust);
    stls_profile_free(profile);
    return r;
}

/* A connection on the fake, with memory for a transport; NULL after a failed check. */
static stls_conn *connection(const setup *s) {
    stls_context *context;
    stls_conn *conn = NULL;
    stls_error error = {0};
    if (CHECK_RESULT("the context", try_context(s, &context, &error), STLS_OK, &error) &&
        CHECK_RESULT("the connection",
                     stls_conn_new(context, s->role == STLS_ROLE_CLIENT ? "example.test" : NULL,
                                   &conn, &error),
                     STLS_OK, &error)) {
        stls_conn_use_memory(conn, NULL);
    }
    stls_context_free(context);
    return conn;
}

static const setup verifying_client = {STLS_ROLE_CLIENT, STLS_VERIFY_REQUIRED, false};
static const setup careless_client = {STLS_ROLE_CLIENT, STLS_VERIFY_NONE, false};
static const setup plain_server = {STLS_ROLE_SERVER, STLS_VERIFY_NONE, false};
static const setup verifying_server = {STLS_ROLE_SERVER, STLS_VERIFY_REQUIRED, false};
static const setup strict_server = {STLS_ROLE_SERVER, STLS_VERIFY_NONE, true};

/* A handshake's answer, which stays, and after which the backend is left alone. */
static void check_handshake(const char *name, const setup *s, lies how, stls_result expected) {
    begin(name, how);
    stls_conn *conn = connection(s);
    if (conn) {
        CHECK_RESULT("the handshake", stls_conn_handshake(conn), expected, stls_conn_error(conn));
        CHECK_RESULT("the same again", stls_conn_handshake(conn), expected, stls_conn_error(conn));
        if (expected != STLS_OK && expected != STLS_WANT_READ) {
            uint8_t byte = 0;
            size_t done = 0;
            CHECK(seen.handshakes <= 1, "the backend was asked again after its final answer");
            CHECK_RESULT("a read", stls_conn_read(conn, &byte, 1, &done), expected, NULL);
            CHECK_RESULT("a write", stls_conn_write(conn, &byte, 1, &done), expected, NULL);
            CHECK_RESULT("a close", stls_conn_close(conn), STLS_OK, NULL);
            CHECK(!stls_conn_is_secure(conn), "secure after an error");
            CHECK(seen.reads + seen.writes + seen.closes == 0,
                  "the backend was used after an error");
            CHECK_NUMBER("the error's result", stls_conn_error(conn)->result, expected);
            CHECK(*stls_conn_error(conn)->text, "no sentence");
        }
    }
    stls_conn_free(conn);
    finish();
}

/* --- Honest --- */

/* The fake works when it does not lie: otherwise nothing below would mean anything. */
static void test_honest(void) {
    check_handshake("an honest client", &verifying_client, (lies){.omit = 0}, STLS_OK);
    check_handshake("an honest client that does not verify", &careless_client, (lies){.omit = 0},
                    STLS_OK);
    check_handshake("an honest server", &plain_server, (lies){.omit = 0}, STLS_OK);
    check_handshake("select twice", &plain_server, (lies){.selecting = SELECT_TWICE}, STLS_OK);
    check_handshake("a known host", &strict_server,
                    (lies){.server_name = "known.test", .judging = JUDGE_ONCE}, STLS_E_VERIFY);
    begin("an honest connection", (lies){.omit = 0});
    stls_conn *conn = connection(&verifying_client);
    uint8_t data[8];
    size_t done = 0;
    if (conn && stls_conn_handshake(conn) == STLS_OK) {
        CHECK(stls_conn_is_secure(conn), "not secure: %s", stls_conn_verdict(conn)->text);
        CHECK_RESULT("a read", stls_conn_read(conn, data, sizeof data, &done), STLS_OK, NULL);
        CHECK_NUMBER("bytes read", done, 1);
        CHECK_RESULT("a write", stls_conn_write(conn, data, sizeof data, &done), STLS_OK, NULL);
        CHECK_NUMBER("bytes written", done, sizeof data);
        CHECK_RESULT("a close", stls_conn_close(conn), STLS_OK, NULL);
        CHECK_NUMBER("closes", seen.closes, 1);
    }
    stls_conn_free(conn);
    finish();
}

/* --- The table --- */

#define SLOT(name)                                                                                 \
    { #name, offsetof(stls_backend, name) }

static const struct {
    const char *name;
    size_t offset;
} slots[] = {
    SLOT(name),
    SLOT(set_allocator),
    SLOT(start),
    SLOT(describe),
    SLOT(supports),
    SLOT(key_from_spki),
    SLOT(key_free),
    SLOT(verify_signature),
    SLOT(digest),
    SLOT(derive),
    SLOT(hmac),
    SLOT(cbc_decrypt),
    SLOT(random),
    SLOT(hkdf),
    SLOT(aead_seal),
    SLOT(aead_open),
    SLOT(credential_init),
    SLOT(credential_fini),
    SLOT(context_init),
    SLOT(context_fini),
    SLOT(conn_init),
    SLOT(conn_handshake),
    SLOT(conn_read),
    SLOT(conn_write),
    SLOT(conn_pending),
    SLOT(conn_close_notify),
    SLOT(conn_info),
    SLOT(conn_export),
    SLOT(conn_update_keys),
    SLOT(conn_memory),
    SLOT(conn_fini),
};

static void check_table(const stls_backend *backend) {
    stls_bytes chain = pki_bytes("server.chain.pem"), key = pki_bytes("server.key");
    stls_profile *profile = NULL;
    stls_credential *credential = NULL;
    stls_error error = {0};
    CHECK_RESULT("stls_profile_new", stls_profile_new(backend, STLS_ROLE_CLIENT, &profile, &error),
                 STLS_E_BACKEND, &error);
    CHECK(profile == NULL && *error.text, "a profile, or no sentence");
    error = (stls_error){0};
    CHECK_RESULT("stls_credential_new",
                 stls_credential_new(backend, chain.data, chain.len, key.data, key.len, NULL,
                                     &credential, &error),
                 STLS_E_BACKEND, &error);
    CHECK(credential == NULL && *error.text, "a credential, or no sentence");
    stls_profile_free(profile);
    stls_credential_free(credential);
}

static void test_tables(void) {
    static const uint32_t numbers[] = {0, STLS_CONTRACT_ABI - 1, STLS_CONTRACT_ABI + 1, UINT32_MAX};
    static const stls_backend nothing = {.abi = STLS_CONTRACT_ABI, .name = "nothing"};
    for (size_t i = 0; i < COUNT(slots); i++) {
        stls_backend holed = fake;
        begin(slots[i].name, (lies){.omit = 0});
        memset((unsigned char *)&holed + slots[i].offset, 0, sizeof(void (*)(void)));
        check_table(&holed);
        finish();
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        stls_backend other = fake;
        begin("another ABI number", (lies){.omit = 0});
        other.abi = numbers[i];
        check_table(&other);
        finish();
    }
    begin("a table of nothing", (lies){.omit = 0});
    check_table(&nothing);
    finish();
}

/* A backend that can do nothing: what it cannot do is refused, setting by setting. */
static void test_can_nothing(void) {
    stls_context *context;
    stls_profile *profile = NULL;
    stls_error error = {0};
    static const setup client = {STLS_ROLE_CLIENT, STLS_VERIFY_NONE, false};

    begin("no capability at all", (lies){.no_capabilities = true, .no_registries = true});
    CHECK_NUMBER("capabilities", stls_backend_capabilities(&fake), 0);
    if (stls_profile_new(&fake, STLS_ROLE_CLIENT, &profile, &error) == STLS_OK) {
        CHECK_RESULT("ALPN", stls_profile_set_alpn(profile, "sip/2", &error), STLS_E_UNSUPPORTED,
                     &error);
        CHECK_RESULT("schemes",
                     stls_profile_set_names(profile, STLS_REGISTRY_SCHEME, "ed25519", &error),
                     STLS_E_UNSUPPORTED, &error);
        CHECK_RESULT(
            "suites",
            stls_profile_set_names(profile, STLS_REGISTRY_SUITE, "TLS_AES_128_GCM_SHA256", &error),
            STLS_E_UNSUPPORTED, &error);
        CHECK_RESULT("groups",
                     stls_profile_set_names(profile, STLS_REGISTRY_GROUP, "x25519", &error),
                     STLS_E_UNSUPPORTED, &error);
        CHECK_RESULT("versions",
                     stls_profile_set_versions(profile, STLS_TLS1_2, STLS_TLS1_3, &error),
                     STLS_E_UNSUPPORTED, &error);
        CHECK(stls_context_new(profile, &context, &error) != STLS_OK, "a context of nothing");
    }
    stls_profile_free(profile);
    finish();

    begin("groups and suites, but no version", (lies){.no_versions = true});
    CHECK(try_context(&client, &context, &error) != STLS_OK, "a context without a TLS version");
    stls_context_free(context);
    finish();

    begin("no version texts", (lies){.null_versions = true});
    CHECK(stls_backend_version_built(&fake) && stls_backend_version_running(&fake),
          "a version that is NULL");
    finish();
}

/* --- Credentials and contexts --- */

static void test_credential_answers(void) {
    static const struct {
        const char *name;
        stls_be_status status;
        stls_result result;
    } cases[] = {
        {"UNSUPPORTED", STLS_BE_UNSUPPORTED, STLS_E_UNSUPPORTED},
        {"NO_MEMORY", STLS_BE_NO_MEMORY, STLS_E_NO_MEMORY},
        {"MALFORMED", STLS_BE_MALFORMED, STLS_E_FORMAT},
        {"KEY_MISMATCH", STLS_BE_KEY_MISMATCH, STLS_E_KEY_MISMATCH},
        {"PASSWORD", STLS_BE_PASSWORD, STLS_E_PASSWORD},
        {"WANT_READ, which makes no sense", STLS_BE_WANT_READ, STLS_E_BACKEND},
        {"a number that does not exist", (stls_be_status)77, STLS_E_BACKEND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_credential *credential = NULL;
        stls_error error = {0};
        begin(cases[i].name, (lies){.credential_status = cases[i].status});
        CHECK_RESULT("the credential", pki_try_credential(&fake, "server", &credential, &error),
                     cases[i].result, &error);
        CHECK(credential == NULL && *error.text, "a credential, or no sentence");
        finish();
    }
}

static void test_context_answers(void) {
    static const struct {
        const char *name;
        stls_be_status status;
        stls_result result;
    } cases[] = {
        {"UNSUPPORTED", STLS_BE_UNSUPPORTED, STLS_E_UNSUPPORTED},
        {"NO_MEMORY", STLS_BE_NO_MEMORY, STLS_E_NO_MEMORY},
        {"WANT_READ, which makes no sense", STLS_BE_WANT_READ, STLS_E_BACKEND},
        {"a number that does not exist", (stls_be_status)77, STLS_E_BACKEND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        stls_context *context;
        stls_error error = {0};
        begin(cases[i].name,
              (lies){.context_status = cases[i].status,
                     .failure = {STLS_BE_CAUSE_SETTING, -17, "a word of the library's"}});
        CHECK_RESULT("the context", try_context(&verifying_client, &context, &error),
                     cases[i].result, &error);
        CHECK(context == NULL && *error.text, "a context, or no sentence");
        if (cases[i].result != STLS_E_NO_MEMORY) {
            CHECK_CONTAINS("the sentence", error.text, "a word of the library's");
            CHECK_NUMBER("the native code", error.native, -17);
        }
        finish();
    }
}

/* Each setting that was asked for and not installed is refused. */
static void test_applied(void) {
    static const struct {
        const char *name;
        uint32_t bit;
        bool of_client, of_server;
        bool extras;
    } settings[] = {
        {"VERDICT", STLS_BE_SET_VERDICT, true, true, false},
        {"VERSIONS", STLS_BE_SET_VERSIONS, true, true, false},
        {"SUITES", STLS_BE_SET_SUITES, true, true, false},
        {"GROUPS", STLS_BE_SET_GROUPS, true, true, false},
        {"SCHEMES", STLS_BE_SET_SCHEMES, true, true, false},
        {"SERVER_PREFERENCE", STLS_BE_SET_SERVER_PREFERENCE, false, true, false},
        {"CLIENT_AUTH", STLS_BE_SET_CLIENT_AUTH, false, true, false},
        {"CREDENTIAL", STLS_BE_SET_CREDENTIAL, true, true, false},
        {"SELECT", STLS_BE_SET_SELECT, false, true, false},
        {"ALPN", STLS_BE_SET_ALPN, true, true, false},
        {"CHAIN_LIMIT", STLS_BE_SET_CHAIN_LIMIT, true, true, false},
        {"NO_RENEGOTIATION", STLS_BE_SET_NO_RENEGOTIATION, true, true, false},
        {"NO_RESUMPTION", STLS_BE_SET_NO_RESUMPTION, true, true, false},
        {"NO_RESUMPTION, of one that can", STLS_BE_SET_NO_RESUMPTION, false, false, true},
        {"SESSIONS", STLS_BE_SET_SESSIONS, true, false, true},
        {"TICKETS", STLS_BE_SET_TICKETS, false, true, true},
        {"KEYLOG", STLS_BE_SET_KEYLOG, true, true, true},
        {"EXPORTER", STLS_BE_SET_EXPORTER, true, true, true},
        {"MAX_FRAGMENT", STLS_BE_SET_MAX_FRAGMENT, true, false, true},
        {"KEYLOG, not asked for", STLS_BE_SET_KEYLOG, false, false, false},
        {"EXPORTER, not asked for", STLS_BE_SET_EXPORTER, false, false, false},
        {"MAX_FRAGMENT, not asked for", STLS_BE_SET_MAX_FRAGMENT, false, false, false},
    };
    for (size_t i = 0; i < COUNT(settings); i++) {
        for (int server = 0; server < 2; server++) {
            bool asked = server ? settings[i].of_server : settings[i].of_client;
            stls_context *context;
            stls_error error = {0};
            begin(settings[i].name, (lies){.omit = settings[i].bit, .extras = settings[i].extras});
            CHECK_RESULT(
                server ? "a server without it" : "a client without it",
                try_context(server ? &verifying_server : &verifying_client, &context, &error),
                asked ? STLS_E_NOT_APPLIED : STLS_OK, &error);
            CHECK(((seen.wanted & settings[i].bit) != 0) == asked,
                  "whether a %s asks for it is the other way round", server ? "server" : "client");
            CHECK((context == NULL) == asked, "the context is %p", (void *)context);
            stls_context_free(context);
            finish();
        }
    }
}

/* --- The verdict --- */

static void test_verdict(void) {
    check_handshake("OK without a verdict", &verifying_client, (lies){.judging = JUDGE_NEVER},
                    STLS_E_BACKEND);
    check_handshake("OK without a verdict, to a client that does not verify", &careless_client,
                    (lies){.judging = JUDGE_NEVER}, STLS_E_BACKEND);
    check_handshake("two verdicts", &verifying_client, (lies){.judging = JUDGE_TWICE},
                    STLS_E_BACKEND);
    check_handshake("a bad chain, rejected honestly", &verifying_client, (lies){.chain_count = 1},
                    STLS_E_VERIFY);
    check_handshake("OK in spite of a rejection", &verifying_client,
                    (lies){.chain_count = 1, .judging = JUDGE_AND_IGNORE}, STLS_E_VERIFY);
    check_handshake("OK in spite of a missing certificate", &verifying_client,
                    (lies){.no_chain = true, .judging = JUDGE_AND_IGNORE}, STLS_E_VERIFY);
    check_handshake("OK in spite of an unreadable certificate", &verifying_client,
                    (lies){.judging = JUDGE_UNREADABLE}, STLS_E_VERIFY);
    check_handshake("OK in spite of an unreadable certificate, to a client that does not verify",
                    &careless_client, (lies){.judging = JUDGE_UNREADABLE}, STLS_E_VERIFY);
    check_handshake("unreadable after a verdict", &verifying_client,
                    (lies){.judging = JUDGE_THEN_UNREADABLE}, STLS_E_BACKEND);
    check_handshake("a server that needs a certificate, and no verdict", &verifying_server,
                    (lies){.judging = JUDGE_NEVER}, STLS_E_VERIFY);
}

/* A second verdict after the handshake, in a read: the connection is over, and not secure. */
static void test_late_verdict(void) {
    begin("a verdict in a read", (lies){.judging = JUDGE_LATE});
    stls_conn *conn = connection(&verifying_client);
    uint8_t byte = 0;
    size_t done = 0;
    if (conn &&
        CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_OK, stls_conn_error(conn))) {
        CHECK_RESULT("the read", stls_conn_read(conn, &byte, 1, &done), STLS_E_BACKEND,
                     stls_conn_error(conn));
        CHECK(!stls_conn_is_secure(conn), "still secure");
    }
    stls_conn_free(conn);
    finish();
}

static void test_select(void) {
    check_handshake("an unknown host, refused honestly", &strict_server,
                    (lies){.server_name = "unknown.test"}, STLS_E_REFUSED);
    check_handshake("OK in spite of an unknown host", &strict_server,
                    (lies){.server_name = "unknown.test", .selecting = SELECT_AND_IGNORE},
                    STLS_E_REFUSED);
    check_handshake("OK in spite of no host", &strict_server,
                    (lies){.selecting = SELECT_AND_IGNORE}, STLS_E_REFUSED);
    check_handshake("OK without asking for the host", &strict_server,
                    (lies){.selecting = SELECT_NEVER}, STLS_E_BACKEND);
    check_handshake("OK without asking for the host, but for the client's certificate",
                    &strict_server, (lies){.selecting = SELECT_NEVER, .client_chain = true},
                    STLS_E_BACKEND);
}

/* --- What was negotiated --- */

static void test_negotiated(void) {
    static const struct {
        const char *name;
        stls_be_info info;
    } cases[] = {
        {"a version that was not asked for", {.version = 0x0302}},
        {"a suite that was not asked for", {.suite = 0x0005}},
        {"a suite of another version", {.suite = 0xc02b}},
        {"a group that was not asked for", {.group = 0x0001}},
        {"a protocol that was not asked for", {.alpn = "h2", .alpn_len = 2}},
        {"a part of our protocol", {.alpn = "sip", .alpn_len = 3}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_handshake(cases[i].name, &verifying_client, (lies){.info = cases[i].info},
                        STLS_E_NOT_APPLIED);
    }
    check_handshake("our protocol", &verifying_client,
                    (lies){.info = {.alpn = "sip/2", .alpn_len = 5}}, STLS_OK);
}

/* --- Handshake answers --- */

static void test_handshake_answers(void) {
    static const struct {
        const char *name;
        stls_be_status status;
        stls_be_cause cause;
        stls_result result;
    } cases[] = {
        {"FAILED, nothing shared", STLS_BE_FAILED, STLS_BE_CAUSE_NOTHING_SHARED,
         STLS_E_NOTHING_SHARED},
        {"FAILED, protocol", STLS_BE_FAILED, STLS_BE_CAUSE_PROTOCOL, STLS_E_PROTOCOL},
        {"FAILED, unreadable", STLS_BE_FAILED, STLS_BE_CAUSE_UNREADABLE, STLS_E_VERIFY},
        {"FAILED, setting", STLS_BE_FAILED, STLS_BE_CAUSE_SETTING, STLS_E_BACKEND},
        {"FAILED, alert, but there was none", STLS_BE_FAILED, STLS_BE_CAUSE_ALERT, STLS_E_BACKEND},
        {"FAILED, verify, but nobody judged", STLS_BE_FAILED, STLS_BE_CAUSE_VERIFY, STLS_E_BACKEND},
        {"FAILED, a cause that does not exist", STLS_BE_FAILED, (stls_be_cause)55, STLS_E_BACKEND},
        {"UNSUPPORTED", STLS_BE_UNSUPPORTED, STLS_BE_CAUSE_UNKNOWN, STLS_E_BACKEND},
        {"NO_MEMORY", STLS_BE_NO_MEMORY, STLS_BE_CAUSE_UNKNOWN, STLS_E_NO_MEMORY},
        {"EOF", STLS_BE_EOF, STLS_BE_CAUSE_UNKNOWN, STLS_EOF},
        {"a number that does not exist", (stls_be_status)99, STLS_BE_CAUSE_UNKNOWN, STLS_E_BACKEND},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_handshake(cases[i].name, &verifying_client,
                        (lies){.handshake_status = cases[i].status,
                               .failure = {cases[i].cause, -5, "a word of the library's"}},
                        cases[i].result);
    }
    check_handshake("a start that fails", &verifying_client,
                    (lies){.init_status = STLS_BE_UNSUPPORTED}, STLS_E_BACKEND);
    check_handshake("a start without memory", &verifying_client,
                    (lies){.init_status = STLS_BE_NO_MEMORY}, STLS_E_NO_MEMORY);
}

/* Alerts without end: the first fatal one is the peer's reason; warnings are none. */
static void test_alerts(void) {
    static const stls_be_failure by_alert = {STLS_BE_CAUSE_ALERT, 0, "an alert"};
    check_handshake("a storm of warnings", &verifying_client,
                    (lies){.alerts = 10000, .first_alert = 90, .other_alerts = 90}, STLS_OK);
    check_handshake("a storm of alerts that we sent", &verifying_client,
                    (lies){.alerts = 10000, .alert_sent = true, .first_alert = 90}, STLS_OK);
    begin("a storm of fatal alerts", (lies){.alerts = 10000,
                                            .alert_fatal = true,
                                            .first_alert = 48,
                                            .other_alerts = 10,
                                            .handshake_status = STLS_BE_FAILED,
                                            .failure = by_alert});
    stls_conn *conn = connection(&verifying_client);
    if (conn) {
        CHECK_RESULT("the handshake", stls_conn_handshake(conn), STLS_E_ALERT,
                     stls_conn_error(conn));
        CHECK_NUMBER("the alert", stls_conn_error(conn)->alert_received, 48);
    }
    stls_conn_free(conn);
    finish();
    check_handshake("OK in spite of a fatal alert", &verifying_client,
                    (lies){.alerts = 1, .alert_fatal = true, .first_alert = 40}, STLS_E_ALERT);
}

/* --- Bytes --- */

static void check_bytes_lie(const char *name, lies how, stls_result read, stls_result write) {
    for (int writing = 0; writing < 2; writing++) {
        begin(name, how);
        stls_conn *conn = connection(&verifying_client);
        uint8_t data[4] = {0};
        size_t done = 99;
        stls_result expected = writing ? write : read;
        if (conn && stls_conn_handshake(conn) == STLS_OK) {
            for (int again = 0; again < 2; again++) {
                CHECK_RESULT(writing ? "the write" : "the read",
                             writing ? stls_conn_write(conn, data, sizeof data, &done)
                                     : stls_conn_read(conn, data, sizeof data, &done),
                             expected, stls_conn_error(conn));
                CHECK(expected == STLS_OK || done == 0 || again, "%zu bytes with an error", done);
            }
            CHECK(expected == STLS_OK || seen.reads + seen.writes == 1,
                  "the backend was asked again after its final answer");
        }
        stls_conn_free(conn);
        finish();
    }
}

static void test_bytes(void) {
    check_bytes_lie("0 bytes with OK", (lies){.read_nothing = true, .write_nothing = true},
                    STLS_E_BACKEND, STLS_E_BACKEND);
    check_bytes_lie("more bytes than there is room for",
                    (lies){.read_too_much = true, .write_too_much = true}, STLS_E_BACKEND,
                    STLS_E_BACKEND);
    check_bytes_lie("a status that does not exist",
                    (lies){.read_status = (stls_be_status)99, .write_status = (stls_be_status)99},
                    STLS_E_BACKEND, STLS_E_BACKEND);
    check_bytes_lie("NO_MEMORY",
                    (lies){.read_status = STLS_BE_NO_MEMORY, .write_status = STLS_BE_NO_MEMORY},
                    STLS_E_NO_MEMORY, STLS_E_NO_MEMORY);
    check_bytes_lie("WANT_READ from a write, which cannot happen",
                    (lies){.write_status = STLS_BE_WANT_READ}, STLS_OK, STLS_E_BACKEND);
}

static void test_close(void) {
    begin("a close that fails", (lies){.close_status = STLS_BE_UNSUPPORTED});
    stls_conn *conn = connection(&verifying_client);
    if (conn && stls_conn_handshake(conn) == STLS_OK) {
        CHECK_RESULT("the close", stls_conn_close(conn), STLS_OK, NULL);
        CHECK_RESULT("the same again", stls_conn_close(conn), STLS_OK, NULL);
        CHECK_NUMBER("closes", seen.closes, 1);
    }
    stls_conn_free(conn);
    finish();
}

static const test_case contract_tests[] = {
    {"the fake is honest", test_honest},
    {"tables with holes, other ABI numbers", test_tables},
    {"a backend that can do nothing", test_can_nothing},
    {"answers to a credential", test_credential_answers},
    {"answers to a context", test_context_answers},
    {"each applied bit", test_applied},
    {"lies about the verdict", test_verdict},
    {"a verdict too late", test_late_verdict},
    {"lies about the host", test_select},
    {"lies about what was negotiated", test_negotiated},
    {"answers to a handshake", test_handshake_answers},
    {"storms of alerts", test_alerts},
    {"lies about bytes", test_bytes},
    {"a close that fails", test_close},
    {NULL, NULL},
};

static const test_suite suites[] = {{"contract", contract_tests}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
