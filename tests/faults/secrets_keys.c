/* tests/faults/secrets_keys.c - the secrets of a connection, from the wire, its key log, and one
 * private key.
 *
 * What the parent process has of a connection are bytes that anybody on the way can see, and the
 * lines of the key log behind the mask; all the rest happens in children.
 *
 * SPDX-License-Identifier: MIT */
#include "backends/contract.h"
#include "tests/faults/secrets.h"
#include "tests/faults/secrets_crypto.h"
#include "tests/support/check.h"
#include "tests/support/heap.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    RECORD_HEADER = 5,
    HANDSHAKE_RECORD = 22,
    ENCRYPTED_RECORD = 23,
    MESSAGE_HEADER = 4,
    NEW_SESSION_TICKET = 4,
    FINISHED = 20,
    RANDOM_AT = MESSAGE_HEADER + 2,
    RANDOM_LEN = 32,
    HASH_LEN = 32,
    MASTER_LEN = 48,
    KEY_LEN = 16,
    NONCE_LEN = 12,
    BINDERS_LEN = 2 + 1 + HASH_LEN, /* of one ticket, at the end of its hello */
    SENT_MAX = 16 * 1024,
    LINES_MAX = 32,
};

typedef struct octets {
    uint8_t data[SENT_MAX];
    size_t len;
} octets;

static octets sent[2];
static bool is_over; /* the handshake: what is sent now does not count */
static stls_conn_info info;

static struct {
    char label[40];
    uint8_t masked[MASTER_LEN];
    size_t len;
} lines[LINES_MAX];
static size_t line_count;

void keys_begin(void) {
    sent[0].len = sent[1].len = 0;
    line_count = 0;
    is_over = false;
}

void keys_see(int s, stls_bytes bytes) {
    octets *to = &sent[s];
    if (!is_over && CHECK(bytes.len <= sizeof to->data - to->len, "side %d sends without end", s)) {
        memcpy(to->data + to->len, bytes.data, bytes.len);
        to->len += bytes.len;
    }
}

/* "LABEL RANDOM SECRET", in hexadecimal. */
void keys_log(void *arg, const char *line) {
    const char *text = strrchr(line, ' ');
    size_t len = 0;
    (void)arg;
    if (!CHECK(line_count < LINES_MAX && text != NULL, "a line too many, or none: %s", line)) {
        return;
    }
    sscanf(line, "%39[A-Z0-9_]", lines[line_count].label);
    for (text++; len < MASTER_LEN && isxdigit((unsigned char)*text); text += 2) {
        unsigned value = 0;
        sscanf(text, "%2x", &value);
        lines[line_count].masked[len++] = (uint8_t)value ^ MASK;
    }
    lines[line_count++].len = len;
}

/* --- Derivations; from here on, all is done by children */

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
    uint8_t text[128], block[HASH_LEN];
    int at = snprintf((char *)text, sizeof text, "%c%c%ctls13 %s", 0, (int)len,
                      (int)(6 + strlen(label)), label);
    text[at++] = (uint8_t)context.len;
    memcpy(text + at, context.data != NULL ? context.data : text, context.len);
    at += (int)context.len;
    text[at++] = 1;
    hash_with(secret, HASH_LEN, text, (size_t)at, block);
    memcpy(out, block, len);
}

static void digest(const uint8_t *data, size_t len, uint8_t out[STLS_HASH_SIZE_MAX]) {
    size_t digest_len;
    test_backend()->digest(STLS_HASH_SHA256, (stls_bytes){data, len}, out, &digest_len);
}

/* Derive-Secret of RFC 8446, 7.1. */
static void derive(const uint8_t secret[HASH_LEN], const char *label, const octets *messages,
                   uint8_t out[HASH_LEN]) {
    uint8_t hash[STLS_HASH_SIZE_MAX];
    digest(messages->data, messages->len, hash);
    expand(secret, label, (stls_bytes){hash, HASH_LEN}, out, HASH_LEN);
}

static const stls_bytes nothing = {NULL, 0};
static const octets no_messages;
static const uint8_t zeros[HASH_LEN];

static void learn_finished(const uint8_t secret[HASH_LEN]) {
    uint8_t key[HASH_LEN];
    expand(secret, "finished", nothing, key, sizeof key);
    learn("finished-key", key, sizeof key);
}

static void learn_record_key(const uint8_t secret[HASH_LEN]) {
    uint8_t key[KEY_LEN];
    expand(secret, "key", nothing, key, sizeof key);
    learn("record-key", key, sizeof key);
}

/* And the next, after a KeyUpdate. */
static void learn_traffic(const uint8_t secret[HASH_LEN]) {
    uint8_t next[HASH_LEN];
    learn_record_key(secret);
    expand(secret, "traffic upd", nothing, next, sizeof next);
    learn("traffic-secret", next, sizeof next);
    learn_record_key(next);
}

/* --- The key log */

static bool logged(const char *label, uint8_t *out, size_t len) {
    for (size_t i = 0; i < line_count; i++) {
        if (lines[i].len == len && strcmp(lines[i].label, label) == 0) {
            for (size_t k = 0; k < len; k++) {
                out[k] = lines[i].masked[k] ^ MASK;
            }
            return true;
        }
    }
    return false;
}

static void learn_lines(void) {
    uint8_t secret[MASTER_LEN];
    for (size_t i = 0; i < line_count; i++) {
        const char *label = lines[i].label;
        for (size_t k = 0; k < lines[i].len; k++) {
            secret[k] = lines[i].masked[k] ^ MASK;
        }
        if (strcmp(label, "CLIENT_RANDOM") == 0) {
            learn("master-secret", secret, lines[i].len);
            continue;
        }
        learn("traffic-secret", secret, lines[i].len);
        if (CHECK(lines[i].len == HASH_LEN, "%s: %zu bytes", label, lines[i].len) &&
            strstr(label, "TRAFFIC") != NULL) {
            learn_traffic(secret);
        }
        if (strstr(label, "HANDSHAKE") != NULL) {
            learn_finished(secret);
        }
    }
}

/* --- Key agreement */

/* The share of side `s`: in a message of TLS 1.2 (ClientKeyExchange, ServerKeyExchange) or in a
 * hello of 1.3. NULL: there is none. */
static const uint8_t *share_of(int s) {
    static const char *const before[] = {"\x10\0\0\x21\x20", "\x03\0\x1d\x20", "\0\x1d\0\x20"};
    static const size_t lens[] = {5, 4, 4};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        const uint8_t *at = memmem(sent[s].data, sent[s].len, before[i], lens[i]);
        if (at != NULL && (size_t)(sent[s].data + sent[s].len - at) >= lens[i] + X25519_LEN) {
            return at + lens[i];
        }
    }
    return NULL;
}

/* The side whose share `private` gives; -1: of neither. */
static int side_of(const uint8_t private[X25519_LEN]) {
    uint8_t public[X25519_LEN];
    bool is_key = x25519_public(private, public);
    for (int s = 0; is_key && s < 2; s++) {
        if (share_of(s) != NULL && memcmp(public, share_of(s), sizeof public) == 0) {
            return s;
        }
    }
    return -1;
}

/* To ask of each place whether it gives a share would take long: most are no random bytes. */
static bool looks_random(const uint8_t *it) {
    enum { LEAST = 20 }; /* of 32 random bytes, 30 are different */
    bool seen[256] = {false};
    unsigned different = 0;
    for (size_t i = 0; i < X25519_LEN; i++) {
        different += !seen[it[i]];
        seen[it[i]] = true;
    }
    return different >= LEAST;
}

static void look_for_private(const uint8_t *data, size_t len) {
    enum { APART = 4 };
    for (size_t at = 0; at + X25519_LEN <= len; at += APART) {
        const uint8_t *it = data + at;
        if (looks_random(it) && side_of(it) >= 0) {
            learn("agreement-key", it, X25519_LEN);
        }
    }
}

static void look_everywhere(void) {
    heap_each(HEAP_LIBRARY, look_for_private);
}

void keys_meet(void) {
    if (crypto_is_there() && share_of(1) != NULL) {
        learn_apart(look_everywhere);
    }
}

static bool agree(uint8_t shared[X25519_LEN]) {
    uint8_t private[X25519_LEN];
    int s = -1;
    for (size_t i = 0; s < 0 && learnt("agreement-key", i, private, sizeof private); i++) {
        s = side_of(private);
    }
    if (!CHECK(s >= 0 && share_of(1 - s) != NULL && x25519_shared(private, share_of(1 - s), shared),
               "no private key was found that the handshake has used")) {
        return false;
    }
    learn("agreed-secret", shared, X25519_LEN);
    return true;
}

/* --- TLS 1.2 */

/* Both write keys are the first bytes of the key block (RFC 5246, 6.3). */
static void learn_key_block(const uint8_t master[MASTER_LEN]) {
    static const char label[] = "key expansion";
    enum { LABEL_LEN = sizeof label - 1, SEED_LEN = LABEL_LEN + 2 * RANDOM_LEN };
    uint8_t data[HASH_LEN + SEED_LEN], block[HASH_LEN];
    memcpy(data + HASH_LEN, label, LABEL_LEN);
    for (int s = 0; s < 2; s++) { /* the server's first */
        memcpy(data + HASH_LEN + LABEL_LEN + s * RANDOM_LEN,
               sent[1 - s].data + RECORD_HEADER + RANDOM_AT, RANDOM_LEN);
    }
    hash_with(master, MASTER_LEN, data + HASH_LEN, SEED_LEN, data);
    hash_with(master, MASTER_LEN, data, sizeof data, block);
    learn("record-key", block, KEY_LEN);
    learn("record-key", block + KEY_LEN, KEY_LEN);
}

/* --- What was said in TLS 1.3 */

static void append(octets *to, const uint8_t *data, size_t len) {
    if (CHECK(len <= sizeof to->data - to->len, "messages without end")) {
        memcpy(to->data + to->len, data, len);
        to->len += len;
    }
}

static size_t message_len(const uint8_t *at) {
    return MESSAGE_HEADER + ((size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
}

/* The next message of that type from `*at` on, which goes behind it. */
static stls_bytes next_message(const octets *said, uint8_t type, size_t *at) {
    while (*at + MESSAGE_HEADER <= said->len && *at + message_len(said->data + *at) <= said->len) {
        const uint8_t *it = said->data + *at;
        *at += message_len(it);
        if (it[0] == type) {
            return (stls_bytes){it, message_len(it)};
        }
    }
    return nothing;
}

static bool is_finished(const octets *said) {
    size_t at = 0;
    return next_message(said, FINISHED, &at).len > 0;
}

/* The messages of an encrypted record, number `sequence` under `secret` (RFC 8446, 5.2 and 5.3). */
static bool open_record(const uint8_t secret[HASH_LEN], uint64_t sequence, stls_bytes record,
                        octets *said) {
    uint8_t key[KEY_LEN], nonce[NONCE_LEN], plain[SENT_MAX];
    size_t len = record.len - RECORD_HEADER;
    expand(secret, "key", nothing, key, sizeof key);
    expand(secret, "iv", nothing, nonce, sizeof nonce);
    for (size_t i = 0; i < sizeof sequence; i++) {
        nonce[NONCE_LEN - 1 - i] ^= (uint8_t)(sequence >> 8 * i);
    }
    if (!aes128_gcm_open(key, nonce, (stls_bytes){record.data, RECORD_HEADER},
                         (stls_bytes){record.data + RECORD_HEADER, len}, plain)) {
        return false;
    }
    for (len -= KEY_LEN; len > 0 && plain[len - 1] == 0; len--) {
    }
    if (len > 0 && plain[len - 1] == HANDSHAKE_RECORD) {
        append(said, plain, len - 1);
    }
    return true;
}

static void read_side(int s, octets *said) {
    static const char *const labels[2][2] = {
        {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"},
        {"SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"}};
    uint8_t secret[HASH_LEN];
    uint64_t sequence[2] = {0, 0};
    size_t len;
    for (size_t at = 0; at + RECORD_HEADER <= sent[s].len; at += len) {
        const uint8_t *record = sent[s].data + at;
        len = RECORD_HEADER + ((size_t)record[3] << 8 | record[4]);
        if (record[0] == HANDSHAKE_RECORD) {
            append(said, record + RECORD_HEADER, len - RECORD_HEADER);
        } else if (record[0] == ENCRYPTED_RECORD) {
            bool later = is_finished(said);
            CHECK(logged(labels[s][later], secret, sizeof secret) &&
                      open_record(secret, sequence[later]++, (stls_bytes){record, len}, said),
                  "record at %zu of side %d cannot be opened", at, s);
        }
    }
}

/* --- TLS 1.3 (RFC 8446, 7.1) */

static octets said[2];

/* The hellos; with `flights`, those up to the Finished of each side. */
static void transcribe(bool flights, octets *transcript) {
    size_t hello = 0, server = 0, client;
    next_message(&said[0], said[0].data[0], &hello);
    next_message(&said[1], flights ? FINISHED : said[1].data[0], &server);
    client = hello;
    transcript->len = 0;
    append(transcript, said[0].data, hello);
    append(transcript, said[1].data, server);
    if (flights) {
        next_message(&said[0], FINISHED, &client);
        append(transcript, said[0].data + hello, client - hello);
    }
}

/* Whether `psk` gives the binder of the hello (RFC 8446, 4.2.11.2). */
static bool binds(const uint8_t psk[HASH_LEN]) {
    uint8_t secret[HASH_LEN], hash[STLS_HASH_SIZE_MAX];
    size_t len = 0;
    next_message(&said[0], said[0].data[0], &len);
    digest(said[0].data, len - BINDERS_LEN, hash);
    hash_with(zeros, sizeof zeros, psk, HASH_LEN, secret);
    derive(secret, "res binder", &no_messages, secret);
    expand(secret, "finished", nothing, secret, HASH_LEN);
    hash_with(secret, HASH_LEN, hash, HASH_LEN, secret);
    return memcmp(secret, said[0].data + len - HASH_LEN, HASH_LEN) == 0;
}

/* What a key that resumes leads to, up to where the agreement comes in. */
static void begin_schedule(uint8_t derived[HASH_LEN]) {
    uint8_t psk[HASH_LEN] = {0}, early[HASH_LEN], binder[HASH_LEN];
    bool bound = !info.resumed;
    for (size_t i = 0; !bound && learnt("resumption-key", i, psk, sizeof psk); i++) {
        bound = binds(psk);
    }
    CHECK(bound, "no key is known that gives the binder");
    hash_with(zeros, sizeof zeros, psk, sizeof psk, early);
    derive(early, "derived", &no_messages, derived);
    if (info.resumed) { /* else anybody knows them */
        learn("schedule-early", early, sizeof early);
        learn("schedule-derived", derived, HASH_LEN);
        derive(early, "res binder", &no_messages, binder);
        learn("schedule-binder", binder, sizeof binder);
        learn_finished(binder);
    }
}

/* That `secret` is the right one: the key log has what it leads to. */
static void compare(const uint8_t secret[HASH_LEN], const char *label, const octets *transcript,
                    const char *line) {
    uint8_t made[HASH_LEN], known[HASH_LEN];
    derive(secret, label, transcript, made);
    CHECK(logged(line, known, sizeof known) && memcmp(made, known, sizeof made) == 0,
          "what was computed gives another %s than the key log has", line);
}

static void learn_tickets(const uint8_t resumption[HASH_LEN]) {
    enum { NONCE_AT = MESSAGE_HEADER + 4 + 4 };
    uint8_t key[HASH_LEN];
    stls_bytes ticket;
    for (size_t at = 0; (ticket = next_message(&said[1], NEW_SESSION_TICKET, &at)).len > 0;) {
        const uint8_t *nonce = ticket.data + NONCE_AT;
        expand(resumption, "resumption", (stls_bytes){nonce + 1, *nonce}, key, sizeof key);
        learn("resumption-key", key, sizeof key);
    }
}

static void learn_schedule(void) {
    static octets hellos, all;
    uint8_t secret[HASH_LEN], derived[HASH_LEN], shared[X25519_LEN];
    for (int s = 0; s < 2; s++) {
        read_side(s, &said[s]);
    }
    transcribe(false, &hellos);
    transcribe(true, &all);
    begin_schedule(derived);
    if (!agree(shared)) {
        return;
    }
    hash_with(derived, sizeof derived, shared, sizeof shared, secret);
    learn("schedule-handshake", secret, sizeof secret);
    compare(secret, "c hs traffic", &hellos, "CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    derive(secret, "derived", &no_messages, derived);
    learn("schedule-derived", derived, sizeof derived);
    hash_with(derived, sizeof derived, zeros, sizeof zeros, secret);
    learn("schedule-master", secret, sizeof secret);
    derive(secret, "res master", &all, secret);
    learn("resumption-secret", secret, sizeof secret);
    learn_tickets(secret);
}

/* --- All of it */

static void learn_all(void) {
    uint8_t shared[X25519_LEN], master[MASTER_LEN];
    learn_lines();
    /* wolfSSL logs none where a session is resumed: it is one of those before. */
    for (size_t i = 0;
         info.version == STLS_TLS1_2 && learnt("master-secret", i, master, sizeof master); i++) {
        learn_key_block(master);
    }
    if (crypto_is_there() && info.version == STLS_TLS1_3) {
        learn_schedule();
    } else if (crypto_is_there() && !info.resumed) {
        agree(shared);
    }
}

void keys_settle(stls_conn *conn) {
    is_over = true;
    stls_conn_get_info(conn, &info);
    CHECK(info.suite == 0x1301 || info.suite == 0xc02b || info.suite == 0xc02f,
          "the keys of %s are not known", code_text(STLS_REGISTRY_SUITE, info.suite));
    CHECK(info.group == 0x001d || (info.version == STLS_TLS1_2 && info.resumed),
          "the keys of %s are not known", code_text(STLS_REGISTRY_GROUP, info.group));
    learn_apart(learn_all);
}
