/* backends/wolfssl/internal.h - the three blocks of the wolfSSL backend and the helpers its files
 * share.
 *
 * Two flavours of wolfSSL are supported, told apart by feature macros only: a native build (ours,
 * no OpenSSL look-alike) and a distribution's build with OPENSSL_ALL. Where both have a native call
 * it is used.
 *
 * The verdict (VERDICT-HOOKS.md, part 2): every WOLFSSL_CTX has an empty trust store and
 * VERIFY_PEER with our callback. With an empty store the leaf always fails natively, so a library
 * that forgets the callback rejects; the callback judges once, from the bytes of the whole chain,
 * and overrides the native errors.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BACKENDS_WOLFSSL_INTERNAL_H
#define STLS_BACKENDS_WOLFSSL_INTERNAL_H

#include <wolfssl/options.h> /* first: it decides the size of wolfSSL's structures */

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hash.h>

#include <backends/contract.h>

#if !defined(WOLFSSL_ALWAYS_VERIFY_CB) || !defined(WOLFSSL_VERIFY_CB_ALL_CERTS)
#error "wolfSSL lacks WOLFSSL_ALWAYS_VERIFY_CB or WOLFSSL_VERIFY_CB_ALL_CERTS: siptls needs both."
#endif
#if defined(NO_CERTS) || defined(NO_RSA) || defined(NO_SHA256) || !defined(HAVE_ECC)
#error "siptls needs a wolfSSL with certificates, RSA, ECC and SHA-256."
#endif
#if !defined(HAVE_SNI) || !defined(HAVE_SUPPORTED_CURVES)
#error "siptls needs a wolfSSL with the extensions server_name and supported_groups (HAVE_SNI, \
HAVE_SUPPORTED_CURVES)."
#endif

/* wolfSSL's limits on a Certificate message, where its options do not say otherwise: the defaults
 * of its own internal header, 9 certificates of 2 KB. */
#ifndef MAX_CHAIN_DEPTH
#define MAX_CHAIN_DEPTH 9
#endif
#ifndef MAX_CERTIFICATE_SZ
#define MAX_CERTIFICATE_SZ (3 + (2048 + 3) * MAX_CHAIN_DEPTH)
#endif
#ifndef MAX_HANDSHAKE_SZ
#define MAX_HANDSHAKE_SZ MAX_CERTIFICATE_SZ
#endif

/* Any alert in TLS 1.3 needs the key that wolfSSL writes with (alert.c): it tells the key itself,
 * or a secret that the key comes from, or neither. */
#if defined(WOLFSSL_TLS13) && defined(ATOMIC_USER)
#define WOLF_TELLS_KEY    1
#define WOLF_TELLS_SECRET 0
#elif defined(WOLFSSL_TLS13) && defined(HAVE_SECRET_CALLBACK)
#define WOLF_TELLS_KEY    0
#define WOLF_TELLS_SECRET 1
#else
#define WOLF_TELLS_KEY    0
#define WOLF_TELLS_SECRET 0
#endif

/* What PKCS#12 needs. */
#if !defined(NO_PWDBASED) && !defined(NO_HMAC) && defined(HAVE_PKCS12) && defined(HAVE_AES_CBC)
#define WOLF_HAS_PKCS12
#endif

/* For these wolfSSL keeps the secrets of the handshake. Without them it puts together no ticket of
 * TLS 1.3 that comes in several records. */
enum { WOLF_KEEPS_ARRAYS = STLS_BE_SET_EXPORTER | STLS_BE_SET_MAX_FRAGMENT };

/* What resumption needs of wolfSSL. */
#if defined(HAVE_SESSION_TICKET) && defined(HAVE_EXT_CACHE) && !defined(NO_WOLFSSL_CLIENT)
#define WOLF_SESSIONS
#endif
#if defined(HAVE_SESSION_TICKET) && !defined(NO_WOLFSSL_SERVER)
#define WOLF_TICKETS
#endif

enum {
    WOLF_P256 = 23,               /* what a client that names no group is taken to have */
    WOLF_X25519MLKEM768 = 0x11ec, /* TLS 1.3 only */
    WOLF_SUITES_MAX = 128,
    WOLF_SECRET_MAX = 48, /* a traffic secret of TLS 1.3: SHA-384 */
    WOLF_GROUPS_MAX = WOLFSSL_MAX_GROUP_COUNT,
    WOLF_ALERT_RECORD = 5 + 2 + 1 + 16, /* an alert of TLS 1.3: header, alert, type, tag */
};

typedef struct wolf_credential {
    uint8_t *chain; /* the certificates' DER, one behind the other, leaf first */
    size_t chain_len;
    uint8_t *key; /* decrypted DER; all key_size bytes are wiped by fini */
    size_t key_len, key_size;
} wolf_credential;

typedef struct wolf_context {
    WOLFSSL_CTX *ctx;
    stls_role role;
    stls_be_client_auth client_auth;
    uint32_t applied; /* STLS_BE_SET_... */
    bool select_wanted;
    uint16_t version_min, version_max;
    size_t chain_bytes_max;
    const wolf_credential
        *credential; /* with `others` each connection is given one by wolf_select */
    bool others;     /* a selection may answer with another credential */
    char *alpn;      /* names with commas between them, as wolfSSL wants them; NULL: none */
    size_t alpn_len;
    size_t group_count;
    int groups[WOLF_GROUPS_MAX];
    size_t suite_count;
    uint16_t suites[WOLF_SUITES_MAX];
} wolf_context;

/* What only the handshake needs; the core gives it, and wipes it when it is over. */
typedef struct wolf_handshake {
    size_t max_fragment;   /* a server: that the client asks for; 0: it does not */
    bool extended_master;  /* the peer has the extension of RFC 7627 */
    bool offered_extended; /* a client: so has the session that it offers */
    bool answered;         /* a client: by a ServerHello */

    bool looked; /* a server: for a protocol, in the ClientHello */

    bool asked;                  /* a server: the select upcall was made, ... */
    stls_be_selection selection; /* ... and this came of it */

    uint8_t secret[WOLF_SECRET_MAX]; /* TLS 1.3: the one we write with */
    size_t secret_len;
} wolf_handshake;

typedef struct wolf_conn {
    WOLFSSL *ssl;
    const wolf_context *context;
    const stls_be_upcalls *upcalls;
    void *core;
    stls_be_client_auth client_auth;

    /* The handshake. `cause` says which of our own decisions is ending it. */
    wolf_handshake *handshake; /* NULL: it is over */
    bool selected, judged, accepted, established;
    stls_be_cause cause;
    const char *reason; /* for the failure's text; a constant */
    bool no_memory;     /* and that is why */

    /* Resumption. */
    bool resumed;
    uint16_t offered;    /* a client: the version of the session that it offers; 0: none */
    bool session_due;    /* a client: a ticket has come, the session upcall has not been made */
    bool resumable;      /* a server: a ticket of this ClientHello is good */
    bool ticket_refused; /* a server: the core gives no ticket */

    /* The transport, as our two callbacks have seen it. */
    bool eof, transport_failed;

    /* Alerts: what was reported last, and what is to leave instead of wolfSSL's choice. */
    bool alert_wanted;
    uint8_t alert; /* if alert_wanted */
    WOLFSSL_ALERT received, sent;
    bool fatal_sent;
    uint8_t frame[7]; /* beginning of the record that is coming in, for wolf_alert_listen */
    size_t frame_len, frame_skip;
    bool ciphered;    /* something encrypted has been sent */
    uint64_t records; /* encrypted records sent under the key in use */
    bool rekeyed;     /* a server of TLS 1.3: has its second key */

    bool failed, closed; /* final; `closed`: the peer's close_notify has come */
} wolf_conn;

/* One entry for each number that this backend can name to wolfSSL. */
typedef struct wolf_name {
    uint16_t code;
    const char *name;
} wolf_name;

/* --- backend.c --- */
stls_be_status wolf_set_allocator(const stls_allocator *allocator);
stls_be_status wolf_start(void);
void wolf_describe(stls_be_description *description);
bool wolf_supports(stls_registry registry, uint16_t code);
const char *wolf_suite_name(uint16_t code);  /* NULL: not in this build */
const char *wolf_scheme_name(uint16_t code); /* NULL: not in this build */
uint16_t wolf_group_code(const char *name);  /* 0: not known */
/* The one-line failure of a call that answers `status`, which it returns. */
stls_be_status wolf_fail(stls_be_status status, stls_be_cause cause, int native, const char *text,
                         stls_be_failure *failure);
/* As wolf_fail, with wolfSSL's words for `native`. NO_MEMORY if that is what it says. */
stls_be_status wolf_fail_native(stls_be_cause cause, int native, stls_be_failure *failure);
/* wolfSSL's look-alike of OpenSSL's error queue, where it has one: nobody reads it. */
void wolf_clear_errors(void);
/* Zeroes a secret, where a compiler would leave out memset. */
void wolf_wipe(void *data, size_t len);

/* --- crypto.c --- */
stls_be_status wolf_key_from_spki(stls_bytes spki, void **key);
void wolf_key_free(void *key);
stls_be_status wolf_verify_signature(const stls_signature_algorithm *algorithm, void *key,
                                     stls_bytes message, stls_bytes signature);
stls_be_status wolf_digest(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len);
/* WC_HASH_TYPE_NONE: STLS_HASH_NONE. */
enum wc_HashType wolf_hash(stls_hash hash);
stls_be_status wolf_random(uint8_t *out, size_t len);
stls_be_status wolf_hkdf(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                         size_t len);
stls_be_status wolf_aead_seal(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes plain, uint8_t *out);
stls_be_status wolf_aead_open(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                              stls_bytes sealed, uint8_t *out);
/* Takes one DER element with tag `tag` off the front of `in`. */
bool wolf_der_take(stls_bytes *in, uint8_t tag, stls_bytes *content);
/* The SubjectPublicKeyInfo of a certificate, header included. */
bool wolf_certificate_spki(stls_bytes certificate, stls_bytes *spki);
/* Whether `private_key` (DER, not encrypted) belongs to `spki`. */
stls_be_status wolf_key_matches(stls_bytes spki, stls_bytes private_key);
/* Whether `spki` is an id-RSASSA-PSS key. */
bool wolf_spki_is_pss(stls_bytes spki);
/* Whether `spki` is an rsaEncryption key. */
bool wolf_spki_is_rsa(stls_bytes spki);

/* --- password.c --- */
stls_be_status wolf_derive(const stls_derivation *derivation, stls_kdf_purpose purpose,
                           stls_bytes password, uint8_t *out, size_t len);
stls_be_status wolf_hmac(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                         size_t *len);
stls_be_status wolf_cbc_decrypt(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                stls_bytes sealed, uint8_t *out);

/* --- credential.c --- */
stls_be_status wolf_credential_init(void *credential, const stls_bytes *chain, size_t count,
                                    stls_bytes key, const char *password, stls_be_failure *failure);
void wolf_credential_fini(void *credential);

/* --- context.c --- */
stls_be_status wolf_context_init(void *context, const stls_be_settings *settings, uint32_t *applied,
                                 stls_be_failure *failure);
void wolf_context_fini(void *context);
/* Whether wolfSSL has put a certificate into a trust store, which must stay empty. */
bool wolf_store_touched(void);

/* --- conn.c --- */
stls_be_status wolf_conn_init(void *conn, const void *context,
                              const stls_be_conn_settings *settings, stls_be_failure *failure);
stls_be_status wolf_conn_handshake(void *conn, stls_be_failure *failure);
stls_be_status wolf_conn_read(void *conn, uint8_t *data, size_t size, size_t *got,
                              stls_be_failure *failure);
stls_be_status wolf_conn_write(void *conn, const uint8_t *data, size_t len, size_t *taken,
                               stls_be_failure *failure);
size_t wolf_conn_pending(void *conn);
stls_be_status wolf_conn_close_notify(void *conn, stls_be_failure *failure);
void wolf_conn_info(void *conn, stls_be_info *info);
stls_be_status wolf_conn_export(void *conn, stls_bytes label, const stls_bytes *context,
                                uint8_t *out, size_t len, stls_be_failure *failure);
stls_be_status wolf_conn_update_keys(void *conn, bool both, stls_be_failure *failure);
size_t wolf_conn_memory(void *conn);
void wolf_conn_fini(void *conn);

/* --- hooks.c: what wolfSSL calls; the pointer behind each is the wolf_conn --- */
int wolf_recv(WOLFSSL *ssl, char *data, int size, void *conn);
int wolf_send(WOLFSSL *ssl, char *data, int len, void *conn);
int wolf_verify(int ok, WOLFSSL_X509_STORE_CTX *store);
int wolf_select(WOLFSSL *ssl, int *alert, void *unused);
/* A server: makes the select upcall, if it is wanted and was not made. False: it refuses. */
bool wolf_ask(wolf_conn *conn);
#if defined(HAVE_SECRET_CALLBACK)
/* wolfSSL tells a secret of TLS 1.3, or the master secret of TLS 1.2. */
int wolf_secret(WOLFSSL *ssl, int id, const unsigned char *secret, int len, void *conn);
int wolf_master_secret(WOLFSSL *ssl, void *secret, int len, void *conn);
#endif
/* Whether a handshake that wolfSSL has finished is one that counts; if not, `cause` says why. */
bool wolf_proved(wolf_conn *conn);
/* What to ask of the peer: the flags for wolfSSL_set_verify. */
int wolf_verify_flags(const wolf_conn *conn);

/* --- session.c --- */
#ifdef WOLF_SESSIONS
/* Gives wolfSSL a session to offer, if it can be offered. */
void wolf_session_offer(wolf_conn *conn, stls_bytes state);
/* Whether it is resumed is known. */
void wolf_session_answered(wolf_conn *conn);
/* Makes the session upcall, if it is due. */
void wolf_session_tell(wolf_conn *conn);
int wolf_session_came(WOLFSSL *ssl, const unsigned char *ticket, int len, void *conn);
#endif
#ifdef WOLF_TICKETS
int wolf_ticket(WOLFSSL *ssl, unsigned char *name, unsigned char *iv, unsigned char *mac,
                int encrypt, unsigned char *state, int len, int *out_len, void *unused);
#endif

/* --- alert.c --- */
/* Reports the alerts that have come since the last call. */
void wolf_alert_received(wolf_conn *conn);
/* Looks for a plaintext alert in bytes that have come in. */
void wolf_alert_listen(wolf_conn *conn, const uint8_t *data, size_t len);
/* The handshake has failed: fetches what wolfSSL has left of such an alert, and reports it. */
void wolf_alert_rest(wolf_conn *conn);
/* Asks for `description` in the place of wolfSSL's next fatal alert. */
void wolf_alert_want(wolf_conn *conn, uint8_t description);
/* Sends `len` bytes of records that wolfSSL has made: puts the wanted alert in, reports what
 * leaves. */
stls_be_status wolf_alert_send(wolf_conn *conn, const uint8_t *data, size_t len);
/* wolfSSL reads, or makes a ticket: a server that has written something encrypted has a new key. */
void wolf_alert_rekey(wolf_conn *conn);
/* Sends an alert that wolfSSL did not send, if there is a way. Used during the handshake only. */
void wolf_alert_make_up(wolf_conn *conn, uint8_t description);
#if WOLF_TELLS_SECRET
/* wolfSSL tells a secret of TLS 1.3. */
void wolf_alert_secret(wolf_conn *conn, int id, const unsigned char *secret, int len);
#endif

#endif
