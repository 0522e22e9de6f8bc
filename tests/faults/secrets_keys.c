/* tests/faults/secrets_keys.c - the keys of records, and what resumes a session of TLS 1.3.
 *
 * No key log tells what resumes. It stands somewhere in the session that the library has given to
 * the cache: it is there where a key begins that gives the binder of the next ClientHello (RFC
 * 8446, 4.2.11.2).
 *
 * SPDX-License-Identifier: MIT */
#include "api/resume.h"
#include "tests/faults/secrets.h"
#include "tests/support/check.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    RECORD_HEADER = 5,
    RANDOM_AT = RECORD_HEADER + 4 + 2,
    RANDOM_LEN = 32,
    HASH_LEN = 32,
    MASTER_LEN = 48,
    KEY_LEN = 16,
    BINDERS_LEN = 2 + 1 + HASH_LEN, /* of one ticket, at the end of its hello */
    NONCES = 4,
};

static uint8_t randoms[2][RANDOM_LEN];
static uint8_t master[MASTER_LEN]; /* the last one of TLS 1.2, behind the mask */
static struct {
    uint8_t bytes[4096];
    size_t len;
} hello, session; /* the last ClientHello; a session's state, behind the mask */

static void mask(uint8_t *to, const uint8_t *from, size_t len) {
    for (size_t i = 0; i < len; i++) {
        to[i] = from[i] ^ MASK;
    }
}

static void hash_with(const uint8_t *key, size_t key_len, const void *data, size_t len,
                      uint8_t out[HASH_LEN]) {
    uint8_t digest[STLS_HASH_SIZE_MAX];
    size_t digest_len = 0;
    CHECK_NUMBER("an HMAC",
                 test_backend()->hmac(STLS_HASH_SHA256, (stls_bytes){key, key_len},
                                      (stls_bytes){data, len}, digest, &digest_len),
                 STLS_BE_OK);
    memcpy(out, digest, HASH_LEN);
}

/* HKDF-Expand-Label of RFC 8446, 7.1, of at most HASH_LEN bytes. */
static void expand(const uint8_t secret[HASH_LEN], const char *label, stls_bytes context,
                   uint8_t *out, size_t len) {
    uint8_t info[128], block[HASH_LEN];
    int at = snprintf((char *)info, sizeof info, "%c%c%ctls13 %s", 0, (int)len,
                      (int)(6 + strlen(label)), label);
    info[at++] = (uint8_t)context.len;
    memcpy(info + at, context.data != NULL ? context.data : info, context.len);
    at += (int)context.len;
    info[at++] = 1;
    hash_with(secret, HASH_LEN, info, (size_t)at, block);
    memcpy(out, block, len);
}

static void digest(const void *data, size_t len, uint8_t out[STLS_HASH_SIZE_MAX]) {
    size_t digest_len;
    test_backend()->digest(STLS_HASH_SHA256, (stls_bytes){data, len}, out, &digest_len);
}

/* --- Records */

static void learn_record_key(const uint8_t secret[HASH_LEN]) {
    uint8_t key[KEY_LEN];
    expand(secret, "key", (stls_bytes){NULL, 0}, key, sizeof key);
    learn("record-key", key, sizeof key);
}

/* And the next, after a KeyUpdate. */
static void learn_traffic(const uint8_t secret[HASH_LEN]) {
    uint8_t next[HASH_LEN];
    learn_record_key(secret);
    expand(secret, "traffic upd", (stls_bytes){NULL, 0}, next, sizeof next);
    learn("traffic-secret", next, sizeof next);
    learn_record_key(next);
}

/* "LABEL RANDOM SECRET", in hexadecimal. */
void keys_log(void *arg, const char *line) {
    uint8_t bytes[SECRET_MAX];
    const char *text = strrchr(line, ' ');
    size_t len = 0;
    (void)arg;
    for (text = text != NULL ? text + 1 : ""; len < sizeof bytes && isxdigit((unsigned char)*text);
         text += 2) {
        unsigned value = 0;
        sscanf(text, "%2x", &value);
        bytes[len++] = (uint8_t)value;
    }
    if (strncmp(line, "CLIENT_RANDOM", 13) == 0) {
        learn("master-secret", bytes, len);
        mask(master, bytes, MASTER_LEN);
    } else {
        learn("traffic-secret", bytes, len);
        if (CHECK(len == HASH_LEN, "%zu bytes: %s", len, line) && strstr(line, "TRAFFIC") != NULL) {
            learn_traffic(bytes);
        }
    }
}

/* Both write keys are the first bytes of the key block (RFC 5246, 6.3). */
static void learn_key_block(void) {
    static const char label[] = "key expansion";
    enum { LABEL_LEN = sizeof label - 1, SEED_LEN = LABEL_LEN + 2 * RANDOM_LEN };
    uint8_t secret[MASTER_LEN], data[HASH_LEN + SEED_LEN], block[HASH_LEN];
    mask(secret, master, sizeof secret);
    memcpy(data + HASH_LEN, label, LABEL_LEN);
    memcpy(data + HASH_LEN + LABEL_LEN, randoms[1], RANDOM_LEN);
    memcpy(data + HASH_LEN + LABEL_LEN + RANDOM_LEN, randoms[0], RANDOM_LEN);
    hash_with(secret, sizeof secret, data + HASH_LEN, SEED_LEN, data);
    hash_with(secret, sizeof secret, data, sizeof data, block);
    learn("record-key", block, KEY_LEN);
    learn("record-key", block + KEY_LEN, KEY_LEN);
}

/* --- What resumes */

void keys_see(int s, stls_bytes first) {
    size_t len = first.len < RECORD_HEADER ? 0 : (size_t)first.data[3] << 8 | first.data[4];
    if (!CHECK(len >= RANDOM_AT + RANDOM_LEN && len <= first.len - RECORD_HEADER &&
                   len <= sizeof hello.bytes,
               "no hello of side %d: %zu bytes", s, len)) {
        return;
    }
    memcpy(randoms[s], first.data + RANDOM_AT, RANDOM_LEN);
    if (s == 0) {
        memcpy(hello.bytes, first.data + RECORD_HEADER, len);
        hello.len = len;
    }
}

void keys_keep_session(stls_context *client, const char *peer) {
    uint8_t key[STLS_FINGERPRINT_SIZE];
    stls_session *it = NULL;
    session.len = 0;
    if (stls_session_key(client, peer, peer, key)) {
        it = stls_session_cache_take(client->sessions, key, (int64_t)time(NULL));
    }
    if (it == NULL) {
        CHECK(false, "no session is kept");
        return;
    }
    if (CHECK(it->state.len <= sizeof session.bytes, "a session of %zu bytes", it->state.len)) {
        session.len = it->state.len;
        mask(session.bytes, it->state.data, session.len);
    }
    stls_session_cache_put(client->sessions, it);
}

/* Whether `psk` gives the binder of the hello, whose other bytes have `transcript`. */
static bool binds(const uint8_t psk[HASH_LEN], const uint8_t *transcript) {
    static const uint8_t zeros[HASH_LEN];
    uint8_t nothing[STLS_HASH_SIZE_MAX], secret[HASH_LEN];
    digest("", 0, nothing);
    hash_with(zeros, sizeof zeros, psk, HASH_LEN, secret);
    expand(secret, "res binder", (stls_bytes){nothing, HASH_LEN}, secret, HASH_LEN);
    expand(secret, "finished", (stls_bytes){NULL, 0}, secret, HASH_LEN);
    hash_with(secret, HASH_LEN, transcript, HASH_LEN, secret);
    return memcmp(secret, hello.bytes + hello.len - HASH_LEN, HASH_LEN) == 0;
}

/* The key itself, or the resumption secret that makes it with the ticket's nonce, which for
 * wolfSSL's servers is one small byte. */
static bool learn_if_it_resumes(const uint8_t here[HASH_LEN], const uint8_t *transcript) {
    uint8_t psk[HASH_LEN];
    bool resumes = binds(here, transcript);
    for (uint8_t nonce = 0; nonce < NONCES && !resumes; nonce++) {
        expand(here, "resumption", (stls_bytes){&nonce, 1}, psk, sizeof psk);
        resumes = binds(psk, transcript);
        if (resumes) {
            learn("resumption-key", psk, sizeof psk);
        }
    }
    if (resumes) {
        learn("resumption-secret", here, HASH_LEN);
    }
    return resumes;
}

static void find_what_resumes(void) {
    uint8_t transcript[STLS_HASH_SIZE_MAX], here[HASH_LEN];
    bool found = false;
    digest(hello.bytes, hello.len - BINDERS_LEN, transcript);
    for (size_t at = 0; at + HASH_LEN <= session.len && !found; at++) {
        mask(here, session.bytes + at, HASH_LEN);
        found = learn_if_it_resumes(here, transcript);
    }
    CHECK(found, "what resumes is not in the %zu bytes of the session", session.len);
}

void keys_settle(stls_conn *conn) {
    stls_conn_info info;
    stls_conn_get_info(conn, &info);
    CHECK(info.suite == 0x1301 || info.suite == 0xc02b || info.suite == 0xc02f,
          "the keys of %s are not known", code_text(STLS_REGISTRY_SUITE, info.suite));
    if (info.version == STLS_TLS1_2) {
        learn_key_block();
    } else if (info.resumed) {
        find_what_resumes();
    }
}
