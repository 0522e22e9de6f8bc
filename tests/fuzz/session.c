/* What is behind the seals of sessions and tickets, as if the key were known: the first octet of
 * the input says which, and on what backend. An exported session has the fingerprint of the context
 * in front, a ticket's record its format and binding, so that what is read behind them is reached;
 * a session that is taken back is offered to a server, which begins with the library's reading of
 * it.
 *
 * Promise P8 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/memory.h"

#include <siptls/siptls.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    NOW = 1800000000,
    MAGIC_LEN = 8,
    FRONT_LEN = MAGIC_LEN + STLS_AEAD_NONCE_LEN,
    RECORD_FRONT_LEN = 1 + 16,
    SIZE_MAX_HERE = 3 * STLS_SESSION_BYTES_MAX,
    KINDS = 3,
    BACKENDS_MAX = 8,
};

static const uint8_t key[STLS_SESSION_KEY_LEN] = "the key of a fuzzer";

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static int64_t fixed_clock(void *unused) {
    (void)unused;
    return NOW;
}

/* By the first octet of the input; the target says what that is on each. */
static const stls_backend *backend;
static size_t backend_index;

static void choose_backend(uint8_t choice) {
    size_t count = 0;
    while (count < BACKENDS_MAX && stls_backend_at(count) != NULL) {
        count++;
    }
    backend_index = choice % count;
    backend = stls_backend_at(backend_index);
    must(stls_backend_can(backend, STLS_CAN_RESUME | STLS_CAN_ISSUE_TICKETS));
}

static stls_profile *profile_for(stls_role role) {
    stls_profile *profile = NULL;
    must(stls_profile_new(backend, role, &profile, NULL) == STLS_OK &&
         stls_profile_set_clock(profile, fixed_clock, NULL, NULL) == STLS_OK);
    return profile;
}

/* --- Exported sessions */

static stls_context *client_context(void) {
    static stls_context *contexts[BACKENDS_MAX];
    stls_context **context = &contexts[backend_index];
    if (*context == NULL) {
        stls_profile *profile = profile_for(STLS_ROLE_CLIENT);
        must(stls_profile_set_verify(profile, STLS_VERIFY_NONE, NULL) == STLS_OK &&
             stls_context_new(profile, context, NULL) == STLS_OK);
        stls_profile_free(profile);
    }
    return *context;
}

/* As api/exchange.c does it. */
static void seal(const uint8_t *plain, size_t len, uint8_t *out) {
    static const char salt[] = "siptls session export";
    uint8_t aead[STLS_AEAD_KEY_LEN];
    memcpy(out, "SIPTLSS\1", MAGIC_LEN);
    memset(out + MAGIC_LEN, 'n', STLS_AEAD_NONCE_LEN);
    must(backend->hkdf((stls_bytes){key, sizeof key},
                       (stls_bytes){(const uint8_t *)salt, sizeof salt - 1}, (stls_bytes){NULL, 0},
                       aead, sizeof aead) == STLS_BE_OK &&
         backend->aead_seal(aead, out + MAGIC_LEN, (stls_bytes){out, MAGIC_LEN},
                            (stls_bytes){plain, len}, out + FRONT_LEN) == STLS_BE_OK);
}

/* To the peer of the seeds. What the library cannot take is a full handshake. */
static void offer(stls_context *context) {
    stls_conn *conn = NULL;
    must(stls_conn_new(context, "p", &conn, NULL) == STLS_OK &&
         stls_conn_set_server_name(conn, "s", NULL) == STLS_OK &&
         stls_conn_use_memory(conn, NULL) == STLS_OK);
    must(stls_conn_handshake(conn) == STLS_WANT_READ && stls_conn_peek(conn).len != 0);
    stls_conn_free(conn);
}

static void import(const uint8_t *data, size_t size) {
    stls_context *context = client_context();
    size_t len = STLS_FINGERPRINT_SIZE + size, sealed_len = FRONT_LEN + len + STLS_AEAD_TAG_LEN;
    uint8_t *plain = malloc(len), *sealed = malloc(sealed_len);
    must(plain != NULL && sealed != NULL);
    memcpy(plain, context->fingerprint, STLS_FINGERPRINT_SIZE);
    memcpy(plain + STLS_FINGERPRINT_SIZE, data, size);
    seal(plain, len, sealed);
    stls_session_cache_clear(context->sessions);
    stls_error error = {.text = ""};
    stls_result result = stls_context_import_session(context, key, sealed, sealed_len, &error);
    must(result == STLS_OK || result == STLS_E_FORMAT || result == STLS_E_REFUSED);
    must((result == STLS_OK) == (error.text[0] == '\0'));
    must(stls_session_cache_count(context->sessions) == (result == STLS_OK ? 1 : 0));
    if (result == STLS_OK) {
        offer(context);
    }
    free(plain);
    free(sealed);
}

/* --- Tickets */

/* A server's connection, as far as tickets go: nothing of it but this has been set up. */
static stls_conn *server_conn(void) {
    static stls_conn *conns[BACKENDS_MAX];
    stls_conn *conn = conns[backend_index];
    if (conn == NULL) {
        stls_context *context = calloc(1, sizeof *context);
        must(context != NULL);
        context->profile = profile_for(STLS_ROLE_SERVER);
        /* Behind the backend's block stands the peer's name, which is empty. */
        conns[backend_index] = conn =
            calloc(1, sizeof *conn + context->profile->backend->conn_size + 1);
        must(conn != NULL);
        conn->handshake = calloc(1, sizeof *conn->handshake);
        must(conn->handshake != NULL);
        conn->server_name = "";
        const stls_ticket_ring_options options = {.clock = fixed_clock};
        must(stls_ticket_ring_new(context->profile->backend, &options, &context->ring, NULL) ==
             STLS_OK);
        conn->context = context;
        conn->verify = STLS_VERIFY_OPTIONAL_ANY;
        conn->selected = true;
    }
    return conn;
}

static void forget(stls_conn *conn) {
    stls_resumption_free(conn->handshake->resumption);
    conn->handshake->resumption = NULL;
    stls_free(conn->peer_chain);
    conn->peer_chain = NULL;
    conn->peer_count = 0;
    conn->judged = conn->accepted = false;
    stls_free(conn->verdict);
    conn->verdict = NULL;
}

/* What is accepted can be written into the next ticket, and is restored as it is written. */
static void accept_record(const uint8_t *data, size_t size) {
    stls_conn *conn = server_conn();
    stls_bytes record = stls_up_ticket_record(conn, false);
    must(record.len > RECORD_FRONT_LEN);
    uint8_t *made = malloc(RECORD_FRONT_LEN + size);
    must(made != NULL);
    memcpy(made, record.data, RECORD_FRONT_LEN);
    memcpy(made + RECORD_FRONT_LEN, data, size);
    if (stls_up_ticket_accept(conn, (stls_bytes){made, RECORD_FRONT_LEN + size})) {
        stls_up_ticket_record(conn, true);
        must(stls_conn_restore(conn));
        const stls_verdict *verdict = stls_conn_verdict(conn);
        for (size_t i = 0; i < verdict->path_len; i++) {
            uint8_t step = verdict->path[i];
            must(step == STLS_PATH_ANCHOR || stls_conn_peer_certificate(conn, step).data != NULL);
        }
    }
    forget(conn);
    free(made);
}

/* --- The peer alone */

static void read_peer(const uint8_t *data, size_t size) {
    stls_bytes in = {data, size};
    stls_peer peer, again;
    if (stls_read_peer(&in, &peer) == STLS_OK) {
        stls_writer writer = {.max = SIZE_MAX_HERE};
        stls_write_peer(&writer, &peer.verdict, peer.chain, peer.count);
        must(!writer.failed && writer.len == size - in.len &&
             memcmp(writer.data, data, writer.len) == 0);
        in = (stls_bytes){writer.data, writer.len};
        must(stls_read_peer(&in, &again) == STLS_OK && in.len == 0);
        stls_free(again.chain);
        stls_writer_free(&writer);
    }
    stls_free(peer.chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > SIZE_MAX_HERE) {
        return 0;
    }
    choose_backend(data[0] / KINDS);
    switch (data[0] % KINDS) {
    case 0:
        import(data + 1, size - 1);
        break;
    case 1:
        accept_record(data + 1, size - 1);
        break;
    default:
        read_peer(data + 1, size - 1);
        break;
    }
    return 0;
}
