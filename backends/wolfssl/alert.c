/* backends/wolfssl/alert.c - the alerts: reporting them, and sending the one that was decided.
 *
 * A verify callback of wolfSSL can only say no; the library picks the alert (bad_certificate or
 * unknown_ca), and for several errors it sends none. So where our core has decided on an alert, the
 * record that wolfSSL hands to our send callback is replaced. In the clear that is one byte. In
 * TLS 1.3 it must be encrypted again, with the key that wolfSSL writes with: it tells the key
 * (ATOMIC_USER) or the secret that it comes from (HAVE_SECRET_CALLBACK). First wolfSSL's own alert
 * is sealed: only if that gives exactly wolfSSL's record are key and sequence number proved, and
 * the other alert takes its place. The record of wolfSSL is then never sent, so no nonce is used
 * for two messages.
 *
 * SPDX-License-Identifier: MIT */
#include "internal.h"

#include <string.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/kdf.h>

enum { WOLF_RECORD_CCS = 20, WOLF_RECORD_ALERT = 21, WOLF_RECORD_DATA = 23, WOLF_HEADER = 5 };

/* --- Sealing an alert of TLS 1.3 --- */

typedef struct wolf_keys {
    uint8_t key[32], iv[12];
    word32 key_len;
    bool chacha;
    int hash;
} wolf_keys;

#if WOLF_TELLS_KEY || WOLF_TELLS_SECRET
static bool wolf_suite_keys(uint16_t suite, wolf_keys *keys) {
    switch (suite) {
    case 0x1301: /* TLS_AES_128_GCM_SHA256 */
        *keys = (wolf_keys){.key_len = 16, .hash = WC_SHA256};
        return true;
#ifdef WOLFSSL_SHA384
    case 0x1302: /* TLS_AES_256_GCM_SHA384 */
        *keys = (wolf_keys){.key_len = 32, .hash = WC_SHA384};
        return true;
#endif
    case 0x1303: /* TLS_CHACHA20_POLY1305_SHA256 */
        *keys = (wolf_keys){.key_len = 32, .hash = WC_SHA256, .chacha = true};
        return true;
    default:
        return false;
    }
}

#if WOLF_TELLS_KEY
static bool wolf_write_keys(const wolf_conn *conn, wolf_keys *keys) {
    bool client = conn->context->role == STLS_ROLE_CLIENT;
    const uint8_t *key =
        client ? wolfSSL_GetClientWriteKey(conn->ssl) : wolfSSL_GetServerWriteKey(conn->ssl);
    const uint8_t *iv =
        client ? wolfSSL_GetClientWriteIV(conn->ssl) : wolfSSL_GetServerWriteIV(conn->ssl);
    uint8_t any = 0;

    if (!key || !iv)
        return false;
    memcpy(keys->key, key, keys->key_len);
    memcpy(keys->iv, iv, sizeof keys->iv);
    for (size_t i = 0; i < keys->key_len; i++)
        any |= key[i];
    return any != 0; /* zero: not derived yet */
}
#else
static bool wolf_expand(const wolf_conn *conn, const wolf_keys *keys, const char *label,
                        uint8_t *out, word32 len) {
    static const char protocol[] = "tls13 ";
    return wc_Tls13_HKDF_Expand_Label(out, len, conn->handshake->secret,
                                      (word32)conn->handshake->secret_len, (const byte *)protocol,
                                      sizeof protocol - 1, (const byte *)label,
                                      (word32)strlen(label), NULL, 0, keys->hash) == 0;
}

static bool wolf_write_keys(const wolf_conn *conn, wolf_keys *keys) {
    return conn->handshake && conn->handshake->secret_len > 0 &&
           wolf_expand(conn, keys, "key", keys->key, keys->key_len) &&
           wolf_expand(conn, keys, "iv", keys->iv, sizeof keys->iv);
}
#endif

static bool wolf_encrypt(const wolf_keys *keys, const uint8_t *nonce, const uint8_t plain[3],
                         uint8_t *record) {
    uint8_t *body = record + WOLF_HEADER, *tag = body + 3;
    Aes aes;
    bool ok;

    if (keys->chacha)
#if defined(HAVE_CHACHA) && defined(HAVE_POLY1305)
        return wc_ChaCha20Poly1305_Encrypt(keys->key, nonce, record, WOLF_HEADER, plain, 3, body,
                                           tag) == 0;
#else
        return false;
#endif
    if (wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
        return false;
    ok = wc_AesGcmSetKey(&aes, keys->key, keys->key_len) == 0 &&
         wc_AesGcmEncrypt(&aes, body, plain, 3, nonce, sizeof keys->iv, tag, 16, record,
                          WOLF_HEADER) == 0;
    wc_AesFree(&aes);
    return ok;
}

/* The record for an alert, as the next one that we write in the handshake. */
static bool wolf_seal(const wolf_conn *conn, uint8_t level, uint8_t description,
                      uint8_t record[WOLF_ALERT_RECORD]) {
    const uint8_t plain[3] = {level, description, WOLF_RECORD_ALERT};
    uint8_t nonce[12];
    wolf_keys keys;
    bool ok;

    /* A server may have keys and yet have sent no ServerHello. */
    if ((conn->context->role == STLS_ROLE_SERVER && !conn->ciphered) ||
        !wolf_suite_keys((uint16_t)wolfSSL_get_current_cipher_suite(conn->ssl), &keys) ||
        !wolf_write_keys(conn, &keys))
        return false;
    memcpy(nonce, keys.iv, sizeof nonce);
    for (size_t i = 0; i < 8; i++)
        nonce[sizeof nonce - 1 - i] ^= (uint8_t)(conn->records >> (8 * i));
    memcpy(record, (const uint8_t[]){WOLF_RECORD_DATA, 3, 3, 0, WOLF_ALERT_RECORD - WOLF_HEADER},
           WOLF_HEADER);
    ok = wolf_encrypt(&keys, nonce, plain, record);
    wolf_wipe(&keys, sizeof keys);
    return ok;
}
#else
static bool wolf_seal(const wolf_conn *conn, uint8_t level, uint8_t description,
                      uint8_t record[WOLF_ALERT_RECORD]) {
    (void)conn, (void)level, (void)description, (void)record;
    return false;
}
#endif

#if WOLF_TELLS_SECRET
void wolf_alert_secret(wolf_conn *conn, int id, const unsigned char *secret, int len) {
    /* The two secrets with which an alert during the handshake can have to be written. */
    if (!conn->handshake || conn->established || len <= 0 || len > WOLF_SECRET_MAX ||
        id != (conn->context->role == STLS_ROLE_CLIENT ? CLIENT_HANDSHAKE_TRAFFIC_SECRET
                                                       : SERVER_TRAFFIC_SECRET))
        return;
    memcpy(conn->handshake->secret, secret, (size_t)len);
    conn->handshake->secret_len = (size_t)len;
}
#endif

/* --- Sending --- */

void wolf_alert_want(wolf_conn *conn, uint8_t description) {
    conn->alert_wanted = true;
    conn->alert = description;
}

/* The record of the wanted alert, for wolfSSL's one at the end of `data`. Its length, or 0. */
static size_t wolf_replace(const wolf_conn *conn, const uint8_t *data, size_t len,
                           uint8_t record[WOLF_ALERT_RECORD]) {
    const uint8_t level = (uint8_t)conn->sent.level, description = (uint8_t)conn->sent.code;
    const size_t plain_len = WOLF_HEADER + 2;

    if (len >= plain_len) {
        const uint8_t *end = data + len - plain_len;
        if (end[0] == WOLF_RECORD_ALERT && end[3] == 0 && end[4] == 2 && end[5] == level &&
            end[6] == description) {
            memcpy(record, end, plain_len);
            record[6] = conn->alert;
            return plain_len;
        }
    }
    if (len < WOLF_ALERT_RECORD || wolfSSL_version(conn->ssl) != STLS_TLS1_3 ||
        !wolf_seal(conn, level, description, record) ||
        memcmp(record, data + len - WOLF_ALERT_RECORD, WOLF_ALERT_RECORD) != 0)
        return 0;
    return wolf_seal(conn, level, conn->alert, record) ? WOLF_ALERT_RECORD : 0;
}

/* All that a client writes encrypted in the handshake is under one key. A server has one for its
 * flight, and another from its Finished on. Which of them wolfSSL writes with is not told; but it
 * reads nothing in the middle of the flight, and makes no ticket before the end. Where an alert has
 * the key of the one and the number of the other, the peer cannot read it, but that number was not
 * used under that key. */
void wolf_alert_rekey(wolf_conn *conn) {
    if (!conn->established && !conn->rekeyed && conn->ciphered &&
        conn->context->role == STLS_ROLE_SERVER && wolfSSL_version(conn->ssl) == STLS_TLS1_3) {
        conn->rekeyed = true;
        conn->records = 0;
    }
}

/* Counts what leaves encrypted. */
static void wolf_watch(wolf_conn *conn, const uint8_t *data, size_t len) {
    bool tls13 = wolfSSL_version(conn->ssl) == STLS_TLS1_3;

    if (conn->established)
        return;
    for (size_t at = 0; at + WOLF_HEADER <= len;) {
        if (data[at] == WOLF_RECORD_DATA) {
            conn->records++;
            conn->ciphered = true;
        } else if (data[at] == WOLF_RECORD_CCS && !tls13) {
            conn->ciphered = true;
        }
        at += WOLF_HEADER + (size_t)(data[at + 3] << 8 | data[at + 4]);
    }
}

static stls_be_status wolf_put(wolf_conn *conn, const uint8_t *data, size_t len) {
    stls_be_status status = len ? conn->upcalls->send(conn->core, data, len) : STLS_BE_OK;

    if (status != STLS_BE_OK)
        conn->transport_failed = true;
    return status;
}

stls_be_status wolf_alert_send(wolf_conn *conn, const uint8_t *data, size_t len) {
    WOLFSSL_ALERT_HISTORY history;
    uint8_t record[WOLF_ALERT_RECORD];
    size_t n = 0;
    stls_be_status status;

    /* wolfSSL notes an alert before it sends it: a change means that `data` ends with one. */
    if (wolfSSL_get_alert_history(conn->ssl, &history) != WOLFSSL_SUCCESS ||
        (history.last_tx.code == conn->sent.code && history.last_tx.level == conn->sent.level)) {
        wolf_watch(conn, data, len);
        return wolf_put(conn, data, len);
    }
    conn->sent = history.last_tx;
    if (conn->alert_wanted && conn->sent.level == alert_fatal) {
        n = wolf_replace(conn, data, len, record);
        conn->alert_wanted = false;
    }
    wolf_watch(conn, data, len);
    status = wolf_put(conn, data, len - n);
    if (status == STLS_BE_OK)
        status = wolf_put(conn, record, n);
    if (status == STLS_BE_OK) {
        conn->fatal_sent |= conn->sent.level == alert_fatal;
        conn->upcalls->alert(conn->core, true, conn->sent.level == alert_fatal,
                             n ? conn->alert : (uint8_t)conn->sent.code);
    }
    return status;
}

void wolf_alert_make_up(wolf_conn *conn, uint8_t description) {
    uint8_t record[WOLF_ALERT_RECORD] = {WOLF_RECORD_ALERT, 3, 3, 0, 2, alert_fatal, description};
    size_t len = WOLF_HEADER + 2;

    if (conn->alert_wanted)
        description = record[6] = conn->alert;
    /* In TLS 1.3 a client may have begun to encrypt and sent nothing yet: then there is a key. */
    if (wolfSSL_version(conn->ssl) == STLS_TLS1_3 &&
        wolf_seal(conn, alert_fatal, description, record))
        len = WOLF_ALERT_RECORD;
    else if (conn->ciphered)
        return;
    if (wolf_put(conn, record, len) == STLS_BE_OK) {
        conn->fatal_sent = true;
        conn->upcalls->alert(conn->core, true, true, description);
    }
}

/* --- Receiving --- */

static void wolf_report(wolf_conn *conn, WOLFSSL_ALERT alert) {
    conn->received = alert;
    conn->upcalls->alert(conn->core, false, alert.level == alert_fatal, (uint8_t)alert.code);
}

void wolf_alert_received(wolf_conn *conn) {
    WOLFSSL_ALERT_HISTORY history;
    WOLFSSL_ALERT plain = {conn->frame[6], conn->frame[5]};

    if (wolfSSL_get_alert_history(conn->ssl, &history) == WOLFSSL_SUCCESS &&
        history.last_rx.code >= 0 &&
        (history.last_rx.code != conn->received.code ||
         history.last_rx.level != conn->received.level))
        wolf_report(conn, history.last_rx);
    else if (conn->frame_len == sizeof conn->frame && conn->received.code < 0)
        wolf_report(conn, plain);
}

/* A client of OpenSSL or mbedTLS that refuses our certificate says so in the clear, in TLS 1.3 too,
 * where wolfSSL waits for an encrypted record and calls it a bad header. We want to know what the
 * client said. It cannot do harm to believe it: the connection ends here in any case. */
void wolf_alert_listen(wolf_conn *conn, const uint8_t *data, size_t len) {
    if (len <= conn->frame_skip) {
        conn->frame_skip -= len;
        return;
    }
    while (len > 0 && conn->frame_len < sizeof conn->frame) {
        size_t n = conn->frame_skip;
        if (n > 0) {
            n = n < len ? n : len;
            conn->frame_skip -= n;
        } else {
            n = (conn->frame_len < WOLF_HEADER ? WOLF_HEADER : sizeof conn->frame) -
                conn->frame_len;
            n = n < len ? n : len;
            memcpy(conn->frame + conn->frame_len, data, n);
            conn->frame_len += n;
        }
        data += n;
        len -= n;
        if (conn->frame_len == WOLF_HEADER &&
            (conn->frame[0] != WOLF_RECORD_ALERT || conn->frame[3] != 0 || conn->frame[4] != 2)) {
            conn->frame_skip = (size_t)(conn->frame[3] << 8 | conn->frame[4]);
            conn->frame_len = 0;
        }
    }
}

void wolf_alert_rest(wolf_conn *conn) {
    uint8_t byte;
    size_t got;

    while (conn->frame_len >= WOLF_HEADER && conn->frame_len < sizeof conn->frame &&
           conn->upcalls->recv(conn->core, &byte, 1, &got) == STLS_BE_OK && got == 1)
        wolf_alert_listen(conn, &byte, 1);
    wolf_alert_received(conn);
}
