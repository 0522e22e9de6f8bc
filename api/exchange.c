/* api/exchange.c - sessions of a client outside: sealed with a key of the caller's, and taken back.
 *
 * "SIPTLSS" and the format (8) | nonce (12) | AES-256-GCM( session ) | tag (16); the front is
 * authenticated too. The key is derived from the caller's by HKDF.
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

enum { FORMAT = 1, EXPORT_HEAD = 8 + STLS_AEAD_NONCE_LEN };
static const uint8_t export_magic[8] = {'S', 'I', 'P', 'T', 'L', 'S', 'S', FORMAT};

static stls_result no_memory_for_a_session(stls_error *error) {
    return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a session");
}

static stls_result check_exchange(const stls_context *context, const void *key, const void *data,
                                  stls_error *error) {
    if (context == NULL || key == NULL || data == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a context, a key and the session's bytes are "
                         "needed");
    }
    if (context->sessions == NULL) {
        return stls_fail(error, STLS_E_STATE,
                         "the context does not resume sessions: it is a server's, its profile says "
                         "so, or its backend cannot");
    }
    return STLS_OK;
}

static stls_be_status export_key(const stls_context *context, const uint8_t *key,
                                 uint8_t aead[STLS_AEAD_KEY_LEN]) {
    static const char salt[] = "siptls session export";
    return context->profile->backend->hkdf((stls_bytes){key, STLS_SESSION_KEY_LEN},
                                           (stls_bytes){(const uint8_t *)salt, sizeof salt - 1},
                                           (stls_bytes){NULL, 0}, aead, STLS_AEAD_KEY_LEN);
}

static void write_session(stls_writer *writer, const stls_context *context, const char *peer,
                          const char *server_name, const stls_session *session) {
    stls_write_fixed(writer, context->fingerprint, sizeof context->fingerprint);
    stls_write_text(writer, peer);
    stls_write_text(writer, server_name);
    stls_write_number(writer, (uint64_t)session->received_at, 8);
    stls_write_number(writer, (uint64_t)session->expires_at, 8);
    stls_write_number(writer, (uint64_t)session->proved_at, 8);
    stls_write_number(writer, session->single_use ? 1 : 0, 1);
    stls_write_peer(writer, &session->peer.verdict, session->peer.chain, session->peer.count);
    stls_write_vector(writer, session->state);
}

static stls_be_status seal_export(const stls_context *context, const uint8_t *key, stls_bytes plain,
                                  uint8_t *data) {
    const stls_backend *backend = context->profile->backend;
    uint8_t aead[STLS_AEAD_KEY_LEN];
    memcpy(data, export_magic, sizeof export_magic);
    uint8_t *nonce = data + sizeof export_magic;
    stls_be_status status = export_key(context, key, aead);
    if (status == STLS_BE_OK) {
        status = backend->random(nonce, STLS_AEAD_NONCE_LEN);
    }
    if (status == STLS_BE_OK) {
        status = backend->aead_seal(aead, nonce, (stls_bytes){data, sizeof export_magic}, plain,
                                    data + EXPORT_HEAD);
    }
    stls_wipe(aead, sizeof aead);
    return status;
}

stls_result stls_context_export_session(stls_context *context, const char *peer, const uint8_t *key,
                                        uint8_t *data, size_t size, size_t *len,
                                        stls_error *error) {
    char name[STLS_PEER_NAME_SIZE];
    uint8_t lookup[STLS_FINGERPRINT_SIZE];
    bool is_ip = false;
    /* Nothing to write to is room for nothing: who asks how much it takes. */
    stls_result result = check_exchange(context, key, size == 0 ? key : data, error);
    if (result != STLS_OK) {
        return result;
    }
    if (peer == NULL || len == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT, "%s is NULL",
                         peer == NULL ? "the peer whose session is asked for"
                                      : "where the session's length goes");
    }
    result = stls_peer_name(peer, name, &is_ip, error);
    if (result != STLS_OK) {
        return result;
    }
    const char *server_name = is_ip ? "" : name;
    if (!stls_session_key(context, name, server_name, lookup)) {
        return no_memory_for_a_session(error);
    }
    stls_session *session =
        stls_session_cache_take(context->sessions, lookup, stls_profile_now(context->profile));
    if (session == NULL) {
        return stls_fail(error, STLS_E_STATE, "there is no session for \"%s\" that is still good",
                         name);
    }
    stls_writer writer = {.max = 4 * STLS_SESSION_BYTES_MAX};
    write_session(&writer, context, name, server_name, session);
    *len = EXPORT_HEAD + writer.len + STLS_AEAD_TAG_LEN;
    if (writer.failed) {
        result = no_memory_for_a_session(error);
    } else if (*len > size) {
        result = stls_fail(error, STLS_E_LIMIT,
                           "the session takes %zu bytes, and there is room "
                           "for %zu",
                           *len, size);
    } else {
        stls_be_status status =
            seal_export(context, key, (stls_bytes){writer.data, writer.len}, data);
        if (status == STLS_BE_NO_MEMORY) {
            result = no_memory_for_a_session(error);
        } else if (status != STLS_BE_OK) {
            result = stls_fail(error, STLS_E_BACKEND, "%s could not seal the session",
                               context->profile->backend->name);
        }
    }
    stls_writer_free(&writer);
    if (result != STLS_OK && session->single_use) {
        stls_session_cache_put(context->sessions, session);
    } else {
        stls_session_free(session);
    }
    return result;
}

static stls_result read_session(stls_bytes in, uint8_t fingerprint[STLS_FINGERPRINT_SIZE],
                                char peer[STLS_PEER_NAME_SIZE],
                                char server_name[STLS_PEER_NAME_SIZE], stls_session *session) {
    uint64_t single_use;
    stls_bytes state;
    if (!stls_read_fixed(&in, fingerprint, STLS_FINGERPRINT_SIZE) ||
        !stls_read_text(&in, peer, STLS_PEER_NAME_SIZE) ||
        !stls_read_text(&in, server_name, STLS_PEER_NAME_SIZE) ||
        !stls_read_time(&in, &session->received_at) || !stls_read_time(&in, &session->expires_at) ||
        !stls_read_time(&in, &session->proved_at) || !stls_read_number(&in, &single_use, 1) ||
        single_use > 1) {
        return STLS_E_FORMAT;
    }
    stls_result result = stls_read_peer(&in, &session->peer);
    if (result != STLS_OK) {
        return result;
    }
    if (!stls_read_vector(&in, &state) || in.len != 0 || state.len == 0 ||
        state.len > STLS_SESSION_BYTES_MAX) {
        return STLS_E_FORMAT;
    }
    session->single_use = single_use == 1;
    return stls_bytes_copy(state, &session->state) ? STLS_OK : STLS_E_NO_MEMORY;
}

/* The plaintext of an exported session, into `*plain` on the heap. FAILED: it cannot be opened. */
static stls_be_status open_export(const stls_context *context, const uint8_t *key, stls_bytes data,
                                  uint8_t **plain) {
    const stls_backend *backend = context->profile->backend;
    uint8_t aead[STLS_AEAD_KEY_LEN];
    *plain = stls_alloc(1, data.len - EXPORT_HEAD - STLS_AEAD_TAG_LEN);
    stls_be_status status = *plain != NULL ? export_key(context, key, aead) : STLS_BE_NO_MEMORY;
    if (status == STLS_BE_OK) {
        status = backend->aead_open(
            aead, data.data + sizeof export_magic, (stls_bytes){data.data, sizeof export_magic},
            (stls_bytes){data.data + EXPORT_HEAD, data.len - EXPORT_HEAD}, *plain);
    }
    stls_wipe(aead, sizeof aead);
    return status;
}

static stls_result take_in(stls_context *context, stls_bytes plain, stls_session *session,
                           stls_error *error) {
    uint8_t fingerprint[STLS_FINGERPRINT_SIZE];
    char peer[STLS_PEER_NAME_SIZE], server_name[STLS_PEER_NAME_SIZE];
    stls_result result = read_session(plain, fingerprint, peer, server_name, session);
    if (result == STLS_E_NO_MEMORY) {
        return no_memory_for_a_session(error);
    }
    if (result != STLS_OK) {
        return stls_fail(error, STLS_E_FORMAT, "the session is damaged");
    }
    if (!stls_session_key(context, peer, server_name, session->key)) {
        return no_memory_for_a_session(error);
    }
    if (memcmp(fingerprint, context->fingerprint, sizeof fingerprint) != 0) {
        return stls_fail(error, STLS_E_REFUSED,
                         "the session for \"%s\" was made with other settings, trusted "
                         "certificates, or another TLS library or version",
                         peer);
    }
    if (!stls_peer_may_come_back(context->profile, &session->peer)) {
        return stls_fail(error, STLS_E_FORMAT, "the session is damaged");
    }
    if (!stls_session_is_good(session, stls_profile_now(context->profile))) {
        return stls_fail(error, STLS_E_REFUSED,
                         "the session for \"%s\" is too old, or this clock is wrong", peer);
    }
    return STLS_OK;
}

stls_result stls_context_import_session(stls_context *context, const uint8_t *key,
                                        const uint8_t *data, size_t len, stls_error *error) {
    stls_result result = check_exchange(context, key, data, error);
    if (result != STLS_OK) {
        return result;
    }
    bool ours = len > EXPORT_HEAD + STLS_AEAD_TAG_LEN && len <= 4 * STLS_SESSION_BYTES_MAX &&
                memcmp(data, export_magic, sizeof export_magic) == 0;
    uint8_t *plain = NULL;
    stls_be_status status =
        ours ? open_export(context, key, (stls_bytes){data, len}, &plain) : STLS_BE_FAILED;
    if (status != STLS_BE_OK) {
        stls_free(plain);
        return status == STLS_BE_NO_MEMORY
                   ? no_memory_for_a_session(error)
                   : stls_fail(error, STLS_E_FORMAT,
                               "this is no exported session, it was cut off or changed, or it was "
                               "sealed with another key");
    }
    size_t plain_len = len - EXPORT_HEAD - STLS_AEAD_TAG_LEN;
    stls_session *session = stls_alloc(1, sizeof *session);
    if (session == NULL) {
        result = no_memory_for_a_session(error);
    } else {
        atomic_init(&session->holds, 1);
        result = take_in(context, (stls_bytes){plain, plain_len}, session, error);
    }
    if (result == STLS_OK) {
        stls_session_cache_put(context->sessions, session);
    } else {
        stls_session_free(session);
    }
    stls_wipe(plain, plain_len);
    stls_free(plain);
    return result;
}
