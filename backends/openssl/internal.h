/* backends/openssl/internal.h - the three blocks of the OpenSSL backend, and what its files share.
 *
 * One SSL_CTX in a context block, one X509 chain and EVP_PKEY in a credential block, one SSL in a
 * connection block. A key handle of the contract is an EVP_PKEY.
 *
 *   backend.c     the table, start, what this libssl can do, IANA numbers <-> OpenSSL's names
 *   crypto.c      keys, signatures, digests; HKDF, AES-GCM, random bytes
 *   password.c    what PKCS#12 needs: key derivation, HMAC, CBC
 *   credential.c  DER chain and key
 *   context.c     settings -> SSL_CTX; the choices a server makes for a ClientHello
 *   verdict.c     the peer's Certificate message and our verdict on it
 *   alert.c       the alert that we want, where OpenSSL would send another
 *   session.c     resumption: a client's sessions as bytes, a server's tickets
 *   conn.c        the connection: transport, handshake, data, failures
 *
 * OpenSSL's error queue belongs to the thread: every entry from the table clears it first and
 * leaves it empty. crypto.c can be called from inside a handshake (by the verify upcall) and only
 * takes away what it added.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BACKENDS_OPENSSL_INTERNAL_H
#define STLS_BACKENDS_OPENSSL_INTERNAL_H

#include <backends/contract.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#if OPENSSL_VERSION_NUMBER < 0x30000000L
#error "siptls needs OpenSSL 3.0 or newer"
#endif

/* 1 + 3 bytes in front of a TLS 1.3 list, 3 + 2 around each certificate, and 2^24 in all. */
enum { OSSL_CHAIN_BYTES_MAX = 0xF00000, OSSL_CHAIN_COUNT_MAX = 0xFFFF };

typedef struct ossl_credential {
    X509 *leaf;
    STACK_OF(X509) * issuers; /* the chain without the leaf, as it is sent */
    EVP_PKEY *key;
} ossl_credential;

typedef struct ossl_context {
    SSL_CTX *ctx;
    stls_role role;
    stls_be_client_auth client_auth;
    const ossl_credential *credential;
    size_t chain_bytes_max; /* 0: no limit but OpenSSL's */
    bool sessions;          /* a client keeps them */
    bool tickets;           /* a server issues them */
    bool keylog;
    uint8_t max_fragment; /* the extension's code; 0: it is not sent */
    uint32_t ticket_lifetime_s;
    uint8_t *alpn; /* as on the wire: each name behind its length */
    size_t alpn_len;
} ossl_context;

/* The peer's Certificate message, from its arrival to the end of the handshake: one allocation. */
typedef struct ossl_chain {
    size_t count;
    stls_bytes *certificates;
    void **keys;    /* EVP_PKEY or NULL, filled when the verdict is due */
    uint8_t *bytes; /* what `certificates` points into */
} ossl_chain;

/* What only the handshake needs; the core gives it, and wipes it when it is over. */
typedef struct ossl_handshake {
    bool ticket_ready; /* `ticket_key` and the record for the tickets of this handshake */
    stls_be_ticket_key ticket_key;
    uint8_t secret[EVP_MAX_MD_SIZE]; /* TLS 1.3: of the keys that an alert of ours goes out under */
    size_t secret_len;
} ossl_handshake;

typedef struct ossl_conn {
    SSL *ssl;
    const ossl_context *context;
    const stls_be_upcalls *upcalls;
    void *core;
    stls_be_client_auth client_auth;
    const ossl_credential *credential; /* the one that `ssl` has now */

    ossl_handshake *handshake; /* NULL: it is over */
    ossl_chain *chain;         /* NULL: no readable Certificate message has come */
    bool judged;               /* the verify (or unreadable) upcall was made */
    bool accepted;             /* and it accepted */
    bool no_memory;            /* inside a callback that cannot say so */

    bool session_offered; /* a client's session of an earlier connection is */
    bool ticket_came;     /* to a client, during the handshake */
    bool ticket_accepted; /* the last that a client offered us */

    stls_be_cause refusal;    /* why we ourselves end the handshake */
    const char *refusal_text; /* NULL: we do not */
    bool alert_wanted;        /* the next that leaves is `alert`, and the last; see alert.c */
    bool alert_deferred;      /* OpenSSL does not know yet that it has failed */
    bool alert_left;          /* `alert` has left */
    bool alert_received;      /* a fatal one */
    uint8_t alert;

    bool established;
    bool eof;              /* recv said so */
    bool transport_failed; /* send or recv said so */
    bool dead;             /* a fatal failure */
} ossl_conn;

/* --- backend.c */

/* What start() found out and made; constant afterwards. */
const BIO_METHOD *ossl_bio_method(void);
const EVP_MD *ossl_sha256(void);
EVP_PKEY *ossl_curve_template(size_t index); /* OSSL_CURVE_...; NULL: not there */
enum { OSSL_CURVE_P256 = 0, OSSL_CURVE_P384 = 1, OSSL_CURVE_P521 = 2, OSSL_CURVE_COUNT = 3 };

/* The name of an IANA number for OpenSSL's lists; NULL: this libssl cannot. */
const char *ossl_suite_name(uint16_t code, bool *tls1_3);
const char *ossl_group_name(uint16_t code);
const char *ossl_scheme_name(uint16_t code);

/* What was negotiated, as IANA numbers; 0: not known. */
uint16_t ossl_group_of(SSL *ssl);
uint16_t ossl_scheme_of(SSL *ssl);

/* Fills `*failure` (NULL allowed) from the error queue or, if that is empty, from `text`, and
 * empties the queue. Answers NO_MEMORY if the queue says that, else FAILED. */
stls_be_status ossl_fail(stls_be_failure *failure, stls_be_cause cause, const char *text);

/* Empties OpenSSL's queue of errors, which costs something where there is nothing in it. */
void ossl_clear_errors(void);

/* --- crypto.c */

stls_be_status ossl_key_from_spki(stls_bytes spki, void **key);
void ossl_key_free(void *key);
stls_be_status ossl_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                     stls_bytes message, stls_bytes signature);
stls_be_status ossl_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len);
stls_be_status ossl_random(uint8_t *out, size_t len);
stls_be_status ossl_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len);
stls_be_status ossl_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out);
stls_be_status ossl_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out);

/* Whether `key` is an elliptic-curve key whose curve was spelled out instead of named (RFC 5480
 * forbids it; forged curves have been a way to forge signatures). */
bool ossl_key_has_explicit_curve(EVP_PKEY *key);

/* NULL: STLS_HASH_NONE. */
const EVP_MD *ossl_md(stls_hash hash);

/* OpenSSL takes what it only reads through pointers that are not const. */
void *ossl_readable(const void *data);

/* --- password.c */

stls_be_status ossl_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len);
stls_be_status ossl_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len);
stls_be_status ossl_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out);

/* --- credential.c */

stls_be_status ossl_credential_init(void *block, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password, stls_be_failure *failure);
void ossl_credential_fini(void *block);

/* --- context.c */

stls_be_status ossl_context_init(void *block, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure);
void ossl_context_fini(void *block);
int ossl_verify_mode(const ossl_conn *conn);

/* --- verdict.c */

/* A whole handshake message has come, and OpenSSL has not looked at it yet. */
void ossl_chain_arrived(ossl_conn *conn, uint16_t version, const uint8_t *message, size_t len);
void ossl_chain_free(ossl_conn *conn);

/* In place of OpenSSL's own chain verification (SSL_CTX_set_cert_verify_callback). */
int ossl_chain_verify(X509_STORE_CTX *store, void *unused);

/* If OpenSSL gave up on a chain before ossl_chain_verify(): finds the certificate it cannot read
 * and makes the unreadable upcall. */
void ossl_chain_diagnose(ossl_conn *conn);

/* Whether the handshake may end well: the peer was judged, or resumes what was agreed. */
bool ossl_chain_satisfied(const ossl_conn *conn);

/* --- alert.c */

/* Ends the handshake for a reason of ours: `alert` is the next that leaves, and the last. */
void ossl_refuse(ossl_conn *conn, stls_be_cause cause, const char *text, uint8_t alert);

/* The X509_V_ERR_... that makes OpenSSL itself send `alert`, or the nearest. */
int ossl_alert_error(uint8_t alert);

/* A client of TLS 1.3 is about to send an alert of ours: sees to it that the secret is told. */
void ossl_alert_listen(ossl_conn *conn);

/* Takes what it needs from a line of SSL_CTX_set_keylog_callback. */
void ossl_alert_secret(const SSL *ssl, const char *line);

/* The record of the alert that is wanted, and its length; 0: OpenSSL cannot seal it. */
enum { OSSL_ALERT_RECORD_MAX = 64 };
size_t ossl_alert_record(ossl_conn *conn, uint8_t out[OSSL_ALERT_RECORD_MAX]);

/* --- session.c */

bool ossl_apply_sessions(ossl_context *context, const stls_be_settings *settings);
bool ossl_apply_tickets(ossl_context *context, const stls_be_settings *settings);
bool ossl_apply_no_resumption(ossl_context *context, const stls_be_settings *settings);

/* A client, before the handshake: offers the session in `state`, if it is of any use. */
void ossl_session_offer(ossl_conn *conn, stls_bytes state);

/* A client, after the handshake: makes the session upcall for a ticket that came in a resumed
 * handshake of TLS 1.2, of which OpenSSL does not tell. */
void ossl_session_resumed(ossl_conn *conn);

/* A server: the client's Finished has come, and OpenSSL has not looked at it yet. */
void ossl_ticket_finished(ossl_conn *conn, int version);

/* Whether we agreed to resume in this very handshake. */
bool ossl_session_was_agreed(const ossl_conn *conn);

/* --- conn.c */

BIO_METHOD *ossl_bio_method_new(void);
ossl_conn *ossl_conn_of(const SSL *ssl); /* NULL: it has none yet */
void ossl_conn_message(int sent, int version, int type, const void *data, size_t len, SSL *ssl,
                       void *conn);                      /* for SSL_set_msg_callback */
void ossl_conn_keylog(const SSL *ssl, const char *line); /* for SSL_CTX_set_keylog_callback */
stls_be_status ossl_conn_init(void *block, const void *context,
                              const stls_be_conn_settings *settings, stls_be_failure *failure);
stls_be_status ossl_conn_handshake(void *block, stls_be_failure *failure);
stls_be_status ossl_conn_read(void *block, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure);
stls_be_status ossl_conn_write(void *block, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure);
size_t ossl_conn_pending(void *block);
stls_be_status ossl_conn_close_notify(void *block, stls_be_failure *failure);
void ossl_conn_info(void *block, stls_be_info *info);
stls_be_status ossl_conn_export(void *block, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure);
stls_be_status ossl_conn_update_keys(void *block, bool both, stls_be_failure *failure);
size_t ossl_conn_memory(void *block);
void ossl_conn_fini(void *block);

#endif
