/* backends/mbedtls/internal.h - the structs behind the mbedTLS backend, and what its files share.
 *
 * The model: an mbedtls_ssl_config belongs to a context; each handshake works on a copy of it (a
 * plain struct copy: everything that a config points to stays with the context), because two of its
 * fields are a handshake's own here: the list of suites, which a server narrows once it has seen
 * the client's, and the argument of the CA callback. Afterwards the connection is on the context's.
 *
 * The handshake is our own loop of single steps, so that the verdict falls between two steps:
 * mbedTLS itself is told not to verify (a client) or not to mind (a server).
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BACKENDS_MBEDTLS_INTERNAL_H
#define STLS_BACKENDS_MBEDTLS_INTERNAL_H

#include <mbedtls/build_info.h>

#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include "backends/contract.h"

/* private.c reads and writes fields that mbedTLS does not promise to keep. They were verified in
 * the sources of 3.6; its ABI is frozen within that series. */
#if MBEDTLS_VERSION_NUMBER < 0x03060000 || MBEDTLS_VERSION_NUMBER >= 0x03070000
#error "siptls was verified with mbedTLS 3.6 only (see backends/mbedtls/private.c)."
#endif
#if defined(MBEDTLS_PKCS5_C) && defined(MBEDTLS_PKCS12_C) && defined(MBEDTLS_CIPHER_C) &&          \
    defined(MBEDTLS_CIPHER_MODE_CBC)
#define MBED_HAS_PKCS12
#endif
#if !defined(MBEDTLS_THREADING_C)
#error "siptls shares keys between threads: mbedTLS must be built with MBEDTLS_THREADING_C."
#endif
#if !defined(MBEDTLS_PSA_CRYPTO_C) || !defined(MBEDTLS_SSL_CLI_C) ||                               \
    !defined(MBEDTLS_SSL_SRV_C) || !defined(MBEDTLS_X509_CRT_PARSE_C) ||                           \
    !defined(MBEDTLS_SSL_KEEP_PEER_CERTIFICATE) || !defined(MBEDTLS_SSL_SERVER_NAME_INDICATION)
#error "siptls needs mbedTLS with PSA_CRYPTO_C, SSL_CLI_C, SSL_SRV_C, X509_CRT_PARSE_C, \
SSL_KEEP_PEER_CERTIFICATE and SSL_SERVER_NAME_INDICATION."
#endif

/* What tickets and their keys need besides the library's sessions. */
#if defined(MBEDTLS_HKDF_C) && defined(MBEDTLS_GCM_C) && defined(MBEDTLS_AES_C) &&                 \
    defined(MBEDTLS_MD_CAN_SHA256)
#define MBED_HAS_TICKET_CRYPTO
#endif
/* Of TLS 1.3 only a mode with a fresh key exchange is used. */
#if defined(MBEDTLS_SSL_SESSION_TICKETS) && defined(MBED_HAS_TICKET_CRYPTO) &&                     \
    (!defined(MBEDTLS_SSL_PROTO_TLS1_3) ||                                                         \
     defined(MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED))
#define MBED_HAS_RESUMPTION
#endif

/* --- The three blocks --- */

typedef struct mbed_credential {
    mbedtls_x509_crt *chain; /* bytes to send, and the leaf's key; not parsed */
    mbedtls_pk_context *key;
} mbed_credential;

typedef struct mbed_context {
    mbedtls_ssl_config conf;
    stls_role role;
    stls_be_client_auth client_auth;
    const mbed_credential *credential; /* what the config sends; NULL: nothing, or select says */
    bool select, sessions, tickets, keylog;
    uint16_t version_min, version_max;
    size_t chain_bytes_max; /* 0: no limit of ours */
    uint32_t ticket_lifetime_s;

    /* The config keeps pointers to these; each list ends with a zero. */
    int *suites;
    int *narrowed;          /* lists of narrowed_stride ints, see mbed_narrowed_suites() */
    size_t narrowed_stride; /* 0: there are none */
    uint16_t *groups, *schemes;
    const char **alpn;
    char *alpn_text;
} mbed_context;

/* What only the handshake needs; the core gives it, and wipes it when it is over. */
typedef struct mbed_handshake {
    mbedtls_ssl_config conf;          /* a copy of the context's; owns nothing */
    mbedtls_x509_crt *cut_from, *cut; /* the peer's leaf, and the rest while it is taken off */
    int resumed_suites[2];            /* a list of the one suite that the ticket allows */
    size_t max_fragment; /* a server, TLS 1.2: that the client asks for; 0: it does not */
    bool ciphered;       /* a ChangeCipherSpec has left */
    uint16_t curve;      /* the IANA number of that of the peer's key; 0: it has none, or another */
    bool has_curve;
} mbed_handshake;

typedef struct mbed_conn {
    mbedtls_ssl_context ssl;
    mbed_handshake *handshake; /* NULL: it is over */
    const mbed_context *context;
    const stls_be_upcalls *upcalls;
    void *core;
    stls_be_client_auth client_auth;

    /* How the connection stands. */
    bool judged, accepted; /* the verify upcall was made; and it said yes */
    bool full;             /* the server's certificate was sent, or has come: nothing is resumed */
    bool narrowed;         /* the client's suites were looked at */
    bool handshake_done, close_sent;
    stls_be_status read_end;  /* CLOSED or EOF once read has said so */
    stls_be_status broken;    /* what every call answers after a fatal error; OK: none */
    stls_be_failure *failure; /* the caller's, during a call */

    /* What the transport callbacks saw since they were last reset. */
    bool recv_blocked, recv_ended, io_failed;
    bool muted;        /* what the library sends goes nowhere */
    unsigned sends;    /* calls of send, muted or not */
    bool alert_hidden; /* an alert record left encrypted */
    int alert_seen;    /* the number of an alert in the clear, or -1 */
    bool keys_lent;    /* see mbed_lend_keys() */

    /* What the select upcall decided. */
    bool selected; /* for the ClientHello that is being read */
    bool refused;
    uint8_t refusal;
    const mbed_credential *credential;

    /* Resumption (resume.c). */
    bool offered;          /* a client: conn_settings.session was taken */
    bool ticket_opened;    /* a server: the ticket read last may be resumed */
    bool ticket_withheld;  /* a server: ticket_seal did not want one */
    bool ticket_came;      /* a client, TLS 1.2 */
    bool extended_master;  /* TLS 1.2: this handshake has the extension of RFC 7627 */
    bool session_extended; /* a client: the offered session had it */

    uint16_t group, scheme; /* learned from the messages */
} mbed_conn;

/* --- private.c: what mbedTLS has no public function for --- */

int mbed_state(const mbedtls_ssl_context *ssl);
void mbed_lend_keys(mbed_conn *conn, int state);
void mbed_take_back_keys(mbed_conn *conn);
int mbed_flush(mbedtls_ssl_context *ssl);
stls_bytes mbed_message(const mbedtls_ssl_context *ssl, uint8_t type);
bool mbed_is_amid_message(const mbedtls_ssl_context *ssl);
size_t mbed_message_announced(const mbedtls_ssl_context *ssl, uint8_t type);
stls_bytes mbed_message_sent(const mbedtls_ssl_context *ssl, uint8_t type);
stls_bytes mbed_record_coming(const mbedtls_ssl_context *ssl);
bool mbed_received_alert(const mbedtls_ssl_context *ssl, uint8_t *level, uint8_t *description);
bool mbed_passed_over_alert(mbedtls_ssl_context *ssl, uint8_t *description);
void mbed_forget_empty_records(mbedtls_ssl_context *ssl);
int mbed_pended_alert(const mbedtls_ssl_context *ssl);
bool mbed_got_key_update(const mbedtls_ssl_context *ssl);
mbedtls_x509_crt *mbed_peer_chain(const mbedtls_ssl_context *ssl);
int mbed_suite(const mbedtls_ssl_context *ssl);
mbedtls_key_exchange_type_t mbed_key_exchange(const mbedtls_ssl_ciphersuite_t *suite);
bool mbed_is_suite_of_tls1_3(const mbedtls_ssl_ciphersuite_t *suite);
void mbed_own_the_bytes(mbedtls_x509_crt *certificate);
void mbed_mend_failed_setup(mbed_conn *conn);
void mbed_leave_handshake(mbed_conn *conn);
const mbedtls_ssl_session *mbed_session(const mbedtls_ssl_context *ssl);
void mbed_forget_ticket(mbedtls_ssl_context *ssl);
int mbed_save_session(const mbedtls_ssl_session *session, uint8_t *out, size_t size, size_t *len);
uint16_t mbed_session_version(const mbedtls_ssl_session *session);
bool mbed_session_is_of_server(const mbedtls_ssl_session *session);
bool mbed_session_is_resumable(const mbedtls_ssl_session *session);
bool mbed_session_has_host(const mbedtls_ssl_session *session, const char *name);
uint32_t mbed_session_lifetime(const mbedtls_ssl_session *session);
void mbed_set_ticket_age(mbedtls_ssl_session *session, uint32_t obfuscated_age);

/* --- wire.c: TLS messages as bytes --- */

/* Most certificates that fit into one message: mbedTLS takes none of less than 128 bytes. */
enum { MBED_CHAIN_MAX = MBEDTLS_SSL_IN_CONTENT_LEN / 128 };

enum { /* handshake messages (RFC 8446, RFC 5246) */
       MBED_MSG_CERTIFICATE = 11,
       MBED_MSG_SERVER_KEY_EXCHANGE = 12,
       MBED_MSG_CERTIFICATE_VERIFY = 15,
       MBED_MSG_KEY_UPDATE = 24,
};

bool mbed_wire_certificates(stls_bytes message, bool tls1_3, stls_bytes *chain, size_t *count);
bool mbed_wire_ticket_age(stls_bytes identities, stls_bytes ticket, uint32_t *age);
uint16_t mbed_wire_ecdhe_group(stls_bytes server_key_exchange);
uint16_t mbed_wire_ecdhe_scheme(stls_bytes server_key_exchange);
uint16_t mbed_wire_verify_scheme(stls_bytes certificate_verify);

/* --- backend.c --- */

/* Whether random numbers are good in this process: see mbed_rng(). */
bool mbed_is_started_here(void);

bool mbed_is_no_memory(int code);
bool mbed_has_memory(void);
stls_be_status mbed_fail(stls_be_failure *failure, stls_be_status status, stls_be_cause cause,
                         int code, const char *text);
void mbed_describe(stls_be_description *description);
bool mbed_supports(stls_registry registry, uint16_t code);

/* --- crypto.c --- */

stls_be_status mbed_key_status(int code);
mbedtls_md_type_t mbed_md_type(stls_hash hash); /* NONE: the library has no such */

/* --- context.c --- */

const int *mbed_narrowed_suites(const mbed_context *context, stls_bytes offered);

/* --- conn.c --- */

int mbed_select(mbedtls_ssl_context *ssl);
int mbed_select_once(mbed_conn *conn);

/* --- resume.c --- */

bool mbed_has_resumption(void);
bool mbed_conf_sessions(mbed_context *context);
bool mbed_conf_tickets(mbed_context *context, const stls_be_settings *settings);
void mbed_take_tickets(mbed_conn *conn);
stls_be_status mbed_offer_session(mbed_conn *conn, stls_bytes state, const char *server_name);
void mbed_tell_session(mbed_conn *conn);

/* --- keying.c --- */

bool mbed_has_exporter(void);
void mbed_log_keys(mbed_conn *conn);

/* --- The slots of the table --- */

stls_be_status mbed_key_from_spki(stls_bytes spki, void **key);
void mbed_key_free(void *key);
stls_be_status mbed_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                     stls_bytes message, stls_bytes signature);
stls_be_status mbed_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len);
stls_be_status mbed_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len);
stls_be_status mbed_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len);
stls_be_status mbed_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out);
int mbed_rng(void *unused, unsigned char *out, size_t len); /* for the library's own f_rng */
stls_be_status mbed_random(uint8_t *out, size_t len);
stls_be_status mbed_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len);
stls_be_status mbed_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out);
stls_be_status mbed_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out);

stls_be_status mbed_credential_init(void *credential, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password, stls_be_failure *failure);
void mbed_credential_fini(void *credential);

stls_be_status mbed_context_init(void *context, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure);
void mbed_context_fini(void *context);

stls_be_status mbed_conn_init(void *conn, const void *context,
                              const stls_be_conn_settings *settings, stls_be_failure *failure);
stls_be_status mbed_conn_handshake(void *conn, stls_be_failure *failure);
stls_be_status mbed_conn_read(void *conn, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure);
stls_be_status mbed_conn_write(void *conn, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure);
size_t mbed_conn_pending(void *conn);
stls_be_status mbed_conn_close_notify(void *conn, stls_be_failure *failure);
void mbed_conn_info(void *conn, stls_be_info *info);
stls_be_status mbed_conn_export(void *conn, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure);
stls_be_status mbed_conn_update_keys(void *conn, bool both, stls_be_failure *failure);
size_t mbed_conn_memory(void *conn);
void mbed_conn_fini(void *conn);

#endif
