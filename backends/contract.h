/* backends/contract.h - all that a backend and the rest of siptls know of each other.
 *
 * The model. A backend is one constant stls_backend: a table of functions that translate between
 * this contract and one TLS library. It translates and does nothing else: no PEM, no file, no name
 * matching, no verdict on a chain, no cache, no policy, no retry loop, no logging. It speaks DER
 * and the numbers of the IANA TLS registries.
 *
 * The core (api/, certstore/) allocates the blocks for the backend's state: zeroed, of the sizes in
 * the table, aligned for any type. xxx_init fills a block, xxx_fini empties it; fini is called
 * exactly once for each block whose init was called, also after a failed init, and must cope with a
 * block that is still all zero. What a connection needs during the handshake only has a block of
 * its own, which goes when conn_handshake has answered OK: idle connections are many. A backend
 * keeps no other state than its blocks and what start() and set_allocator() set up. Memory that it
 * needs besides, it takes from its library's allocator.
 *
 * Every slot of the table is filled. What a library cannot do answers STLS_BE_UNSUPPORTED, and its
 * capability bit is 0.
 *
 * Settings are given all at once to context_init, with a mask of those that are asked for; it
 * answers the mask of those it really installed, and the core refuses the context if any is
 * missing. A backend sets a bit only behind the library call that succeeded.
 *
 * Bytes on the wire go through two upcalls, send and recv. send takes everything it is given (the
 * core collects the bytes and writes them out when the call returns), so a backend never waits for
 * writing.
 *
 * The verdict on the peer's certificates is the core's. The library's own chain verification is out
 * of the way; the backend hands the chain to the verify upcall before anything of ours that depends
 * on it leaves (our certificate, our Finished), and carries out the decision. The library's check
 * of the handshake signature with the leaf's key stays, of course.
 *
 * Threads: start() is called once. A context or credential block is written by its init and fini
 * only and is read by many connections in many threads in between. A connection block is used by
 * one thread at a time. Upcalls are made inside a call of the table, on the same thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_BACKENDS_CONTRACT_H
#define STLS_BACKENDS_CONTRACT_H

#include <siptls/allocator.h>
#include <siptls/backend.h> /* names of capabilities and registries; results are not used here */

/* Raised whenever this file changes meaning. The core refuses a backend of another number. */
#define STLS_CONTRACT_ABI 7u

/* What a call answers. Only STLS_BE_OK is success. Every status below STLS_BE_CLOSED besides OK and
 * WANT_READ is final for the object: the core does not call the same function on it again. */
typedef enum stls_be_status {
    STLS_BE_FAILED = 0,
    STLS_BE_OK = 1,
    STLS_BE_WANT_READ = 2, /* recv had nothing; call again later */
    STLS_BE_CLOSED = 3,    /* close_notify has come */
    STLS_BE_EOF = 4,       /* recv said end of file, without close_notify */
    STLS_BE_UNSUPPORTED = 5,
    STLS_BE_NO_MEMORY = 6,
    STLS_BE_MALFORMED = 7,    /* the library cannot read the DER it was given */
    STLS_BE_KEY_MISMATCH = 8, /* private key and leaf do not belong together */
    STLS_BE_PASSWORD = 9,     /* the password is missing or wrong */
} stls_be_status;

/* Why a call did not answer OK, for the error that the user reads. */
typedef enum stls_be_cause {
    STLS_BE_CAUSE_UNKNOWN = 0,
    STLS_BE_CAUSE_ALERT = 1,          /* the peer sent a fatal alert */
    STLS_BE_CAUSE_VERIFY = 2,         /* the verify or unreadable upcall rejected the peer */
    STLS_BE_CAUSE_NO_CERTIFICATE = 3, /* the library itself refused a client without certificate */
    STLS_BE_CAUSE_SELECT = 4,         /* the select upcall refused the peer */
    STLS_BE_CAUSE_NOTHING_SHARED = 5, /* no common version, suite, group, scheme or protocol */
    STLS_BE_CAUSE_PROTOCOL = 6,   /* the peer broke the protocol: bad record, bad message, ... */
    STLS_BE_CAUSE_TRANSPORT = 7,  /* send or recv failed */
    STLS_BE_CAUSE_SETTING = 8,    /* the library refused a setting */
    STLS_BE_CAUSE_UNREADABLE = 9, /* a certificate of the peer that the library cannot read, and
                                     the unreadable upcall could not be made */
    STLS_BE_CAUSE_TOO_LONG = 10,  /* the peer's certificates are longer than chain_bytes_max, or
                                     than the library can take. Alert certificate_unknown, if the
                                     library lets us choose */
} stls_be_cause;

enum { STLS_BE_TEXT_SIZE = 160 };

typedef struct stls_be_failure {
    stls_be_cause cause;
    long native;                  /* the library's code; 0: none */
    char text[STLS_BE_TEXT_SIZE]; /* the library's words for it, printable ASCII, ended by NUL */
} stls_be_failure;

/* --- Cryptography for certificates --- */

typedef enum stls_hash {
    STLS_HASH_NONE = 0, /* Ed25519, Ed448: the signature has its own */
    STLS_HASH_MD5 = 1,
    STLS_HASH_SHA1 = 2,
    STLS_HASH_SHA224 = 3,
    STLS_HASH_SHA256 = 4,
    STLS_HASH_SHA384 = 5,
    STLS_HASH_SHA512 = 6,
} stls_hash;

enum { STLS_HASH_SIZE_MAX = 64 };

typedef enum stls_signature_kind {
    STLS_SIGNATURE_UNKNOWN = 0,
    STLS_SIGNATURE_RSA_PKCS1 = 1,
    STLS_SIGNATURE_RSA_PSS = 2,
    STLS_SIGNATURE_ECDSA = 3, /* DER Ecdsa-Sig-Value */
    STLS_SIGNATURE_ED25519 = 4,
    STLS_SIGNATURE_ED448 = 5,
} stls_signature_kind;

typedef struct stls_signature_algorithm {
    stls_signature_kind kind;
    stls_hash hash;
    stls_hash mgf1_hash; /* RSA_PSS only */
    size_t salt_len;     /* RSA_PSS only, bytes */
} stls_signature_algorithm;

/* --- Cryptography for keys under a password, in PKCS#12 --- */

typedef enum stls_kdf {
    STLS_KDF_NONE = 0,
    STLS_KDF_PBKDF2 = 1, /* RFC 8018 section 5.2, with HMAC */
    STLS_KDF_PKCS12 = 2, /* RFC 7292 appendix B.2 */
} stls_kdf;

/* What the octets are for: the ID of RFC 7292 appendix B.3. PBKDF2 does not ask. */
typedef enum stls_kdf_purpose {
    STLS_KDF_FOR_KEY = 1,
    STLS_KDF_FOR_IV = 2,
    STLS_KDF_FOR_MAC = 3,
} stls_kdf_purpose;

typedef struct stls_derivation {
    stls_kdf kdf;
    stls_hash hash;
    stls_bytes salt;
    uint32_t iterations; /* the core has bounded them */
} stls_derivation;

typedef enum stls_cipher {
    STLS_CIPHER_NONE = 0,
    STLS_CIPHER_AES_128_CBC = 1,
    STLS_CIPHER_AES_192_CBC = 2,
    STLS_CIPHER_AES_256_CBC = 3,
    STLS_CIPHER_DES_EDE3_CBC = 4, /* a key of 24 octets */
} stls_cipher;

/* --- A context's settings --- */

typedef enum stls_be_client_auth {
    STLS_BE_CLIENT_AUTH_NONE = 0,     /* the server does not ask for a certificate */
    STLS_BE_CLIENT_AUTH_OPTIONAL = 1, /* it asks; an empty answer goes on */
    STLS_BE_CLIENT_AUTH_REQUIRED = 2, /* it asks; an empty answer ends the handshake */
} stls_be_client_auth;

/* One bit a setting, in stls_be_settings.wanted and in *applied. */
enum {
    STLS_BE_SET_VERDICT = 1 << 0,  /* the verify upcall decides, the native verifier does not */
    STLS_BE_SET_VERSIONS = 1 << 1, /* version_min, version_max */
    STLS_BE_SET_SUITES = 1 << 2,   /* exactly these, in this order of preference */
    STLS_BE_SET_GROUPS = 1 << 3,   /* exactly these, in this order of preference */
    STLS_BE_SET_SCHEMES = 1 << 4,  /* exactly these, in this order of preference */
    STLS_BE_SET_SERVER_PREFERENCE = 1 << 5, /* a server picks by its own order of suites */
    STLS_BE_SET_CLIENT_AUTH = 1 << 6,       /* client_auth */
    STLS_BE_SET_CREDENTIAL = 1 << 7,        /* credential */
    STLS_BE_SET_SELECT = 1 << 8,            /* the select upcall is made for each ClientHello */
    STLS_BE_SET_ALPN = 1 << 9,         /* alpn; a server with nothing in common sends alert 120 */
    STLS_BE_SET_CHAIN_LIMIT = 1 << 10, /* chain_bytes_max: longer chains are refused */
    STLS_BE_SET_NO_RENEGOTIATION = 1 << 11, /* TLS 1.2 renegotiation cannot happen */
    STLS_BE_SET_NO_RESUMPTION = 1 << 12,    /* no session cache, no ticket sent, none asked for */
    STLS_BE_SET_SESSIONS = 1 << 13, /* a client: tickets are asked for, the session upcall is made,
                                       and stls_be_conn_settings.session is offered */
    STLS_BE_SET_TICKETS = 1 << 14,  /* a server: tickets, and nothing else, resume; ticket_count,
                                       ticket_lifetime_s, and the ticket upcalls */
    STLS_BE_SET_KEYLOG = 1 << 15,   /* the keylog upcall is made */
    STLS_BE_SET_EXPORTER = 1 << 16, /* what conn_export needs is kept after the handshake */
    STLS_BE_SET_MAX_FRAGMENT = 1 << 17, /* a client asks for max_fragment (RFC 6066 section 4) */
};

typedef struct stls_be_settings {
    uint32_t wanted; /* STLS_BE_SET_... */
    stls_role role;
    uint16_t version_min, version_max;
    /* All pointers here but `credential` are valid during context_init only. */
    const uint16_t *suites; /* of TLS 1.2 and 1.3 together */
    size_t suite_count;
    const uint16_t *groups;
    size_t group_count;
    const uint16_t *schemes;
    size_t scheme_count;
    stls_be_client_auth client_auth; /* a server's, where select does not say otherwise */
    bool may_ask;                    /* a server: client_auth or an answer of select can be another
                                        than NONE */
    const void *credential;          /* a credential block that outlives the context; NULL: none */
    bool other_credentials; /* a server: select may answer with another one than `credential` */
    const stls_bytes *alpn; /* protocol names of 1 to 255 bytes, most wanted first */
    size_t alpn_count;
    size_t chain_bytes_max;     /* sum of the DER lengths of the peer's certificates */
    unsigned ticket_count;      /* a server: TLS 1.3 tickets after a full handshake, 1 to 8 */
    uint32_t ticket_lifetime_s; /* a server: as told to clients, at most 7 days */
    uint16_t max_fragment;      /* a client: 512, 1024, 2048 or 4096 bytes */
} stls_be_settings;

/* --- Upcalls --- */

/* Zero rejects. */
typedef struct stls_be_decision {
    bool accept;
    uint8_t alert; /* the alert to send, if not accepted */
} stls_be_decision;

/* What the hellos say. The core has checked them: RFC 8446, RFC 5246, RFC 6066. Empty: there is no
 * such extension. */
typedef struct stls_be_hello {
    /* Of the ClientHello, and for a server only; as sent. */
    stls_bytes suites, groups; /* numbers of two bytes each: stls_be_lists() */
    stls_bytes server_name;    /* the host name of SNI */
    stls_bytes identities;     /* those of pre_shared_key, one behind the other; empty also if they
                                  are not offered for a key agreement (psk_dhe_ke) */
    size_t max_fragment;       /* that the client asks for, in bytes; 0: it does not */

    bool extended_master; /* TLS 1.2: the peer's has extended_master_secret */
    uint16_t group;       /* TLS 1.3: of the key share in the ServerHello */

    stls_bytes protocols; /* of ALPN, a byte of length before each; as the first ones */
} stls_be_hello;

/* Whether `code` is one of the numbers in `list`. */
bool stls_be_lists(stls_bytes list, uint16_t code);

/* What the core chose for a ClientHello. Zero refuses. */
typedef struct stls_be_selection {
    bool accept;
    uint8_t alert;          /* the alert to send, if not accepted */
    const void *credential; /* a credential block that outlives the connection */
    stls_be_client_auth client_auth;
} stls_be_selection;

/* A ticket that is longer is not kept: servers on mbedTLS take a ClientHello in one record only. */
enum { STLS_BE_TICKET_MAX = 12 * 1024 };

/* What a library needs to resume a session later: bytes in a form of the library's own. */
typedef struct stls_be_session {
    stls_bytes state;    /* holds secrets; valid during the upcall */
    uint32_t lifetime_s; /* as the server has told; 0: it has not (in TLS 1.2, usual for the
                            ticket of a resumed handshake, and for a session ID) */
    bool single_use;     /* TLS 1.3: a ticket that is sent once only (RFC 8446 appendix C.4) */
} stls_be_session;

/* The keys of one ticket, of the ring that all servers of a context share. */
enum {
    STLS_TICKET_NAME_LEN = 16,
    STLS_AEAD_KEY_LEN = 32,
    STLS_AEAD_NONCE_LEN = 12,
    STLS_AEAD_TAG_LEN = 16
};
typedef struct stls_be_ticket_key {
    uint8_t name[STLS_TICKET_NAME_LEN]; /* stands in front of the ticket */
    uint8_t cipher[32], mac[32];        /* for AES-256-CBC and HMAC-SHA-256 */
    bool renew;                         /* the ticket is good, but the next one has a newer key */
} stls_be_ticket_key;

/* The first argument of each is the `core` pointer of stls_be_conn_settings. */
typedef struct stls_be_upcalls {
    /* Takes all `len` bytes for the peer. STLS_BE_OK, or a failure that ends the connection. */
    stls_be_status (*send)(void *core, const uint8_t *data, size_t len);

    /* Up to `size` bytes from the peer into `data`; `*got` > 0 with STLS_BE_OK. Otherwise
     * STLS_BE_WANT_READ, STLS_BE_EOF or STLS_BE_FAILED. A record's header is asked for by itself,
     * and then its body: the core follows the records. */
    stls_be_status (*recv)(void *core, uint8_t *data, size_t size, size_t *got);

    /* Judges the peer's certificates: all that were sent, in the order sent, leaf first, exact
     * bytes. `keys` is NULL or has one entry for each: a key handle (as from key_from_spki) that
     * the library has decoded already, or NULL; the core only borrows them. `count` 0: a client
     * sent none. Called at most once in a handshake. `version` is the version being negotiated. */
    stls_be_decision (*verify)(void *core, uint16_t version, const stls_bytes *chain,
                               void *const *keys, size_t count);

    /* Certificate `index` of the peer's chain cannot be read by the library, which will therefore
     * fail. The answer never accepts; it says which alert to send, if the library lets us choose.
     */
    stls_be_decision (*unreadable)(void *core, uint16_t version, const stls_bytes *chain,
                                   size_t count, size_t index);

    /* What the hellos say, from the recv that gives the first byte of the peer's (the last one, if
     * there is a HelloRetryRequest) to the next message from the peer; NULL: there is none. */
    const stls_be_hello *(*hello)(void *core);

    /* A server: what to use for this ClientHello, which has this server_name. May be called again
     * for the second ClientHello of TLS 1.3. */
    stls_be_selection (*select)(void *core, stls_bytes server_name);

    /* An alert of either level was sent or received; of those passed over, each. */
    void (*alert)(void *core, bool sent, bool fatal, uint8_t description);

    /* A client: the connection has got a session that can be resumed (STLS_BE_SET_SESSIONS): at the
     * end of a TLS 1.2 handshake (a resumed one: only if a new ticket came), at any time after one
     * of TLS 1.3. Zero, one or several times, and never before the peer was accepted. wolfSSL tells
     * of sessions with a ticket only, and of those of TLS 1.2 only where version_max is TLS 1.2:
     * its ClientHello for one would offer nothing newer. */
    void (*session)(void *core, const stls_be_session *session);

    /* Tickets of a server (STLS_BE_SET_TICKETS). What goes into a ticket is the library's state and
     * the core's record: who the client is, for whom and until when the ticket is good. Where the
     * library lets us seal tickets, ticket_seal and ticket_open do all of it. Where it seals them
     * itself (OpenSSL), ticket_key gives the keys, and ticket_record and ticket_accept are the two
     * ends of the record. All that open a ticket are called after the select upcall for the same
     * ClientHello; what they refuse leads to a full handshake, never to a failure. A ClientHello
     * can hold several tickets: the one opened last, if any, is the one that is resumed. A backend
     * whose library may go back to one from before opens no other after one was good. But a ticket
     * that was accepted may still not be resumed, for reasons of the library's (its suite is not in
     * our list any more): then verify is called as usual, and stls_be_info.resumed is false. Who
     * asks for a new ticket says which of both it is: `resumed`. In TLS 1.3, and for a second
     * ClientHello, all of this may happen twice.
     *
     * The ticket for `state`, at most `size` bytes, into `ticket`. False: send none; a ticket of
     * `size` bytes has no room for the record, or the connection cannot be resumed. (In TLS 1.2,
     * where a ServerHello may have promised a ticket, one may be sent that nobody can open.) */
    bool (*ticket_seal)(void *core, bool resumed, stls_bytes state, uint8_t *ticket, size_t size,
                        size_t *len);

    /* The state out of `ticket`, at most `size` bytes, into `state`. False: a full handshake.
     * `*renew` (TLS 1.2): a new ticket is due; a library that cannot send one when it resumes
     * (mbedTLS) goes on with the old one. `ticket` and `state` may be the same memory. */
    bool (*ticket_open)(void *core, stls_bytes ticket, uint8_t *state, size_t size, size_t *len,
                        bool *renew);

    /* The keys for a new ticket (`name` NULL), or those called `name`. False: there are none. The
     * backend wipes them. */
    bool (*ticket_key)(void *core, const uint8_t *name, stls_be_ticket_key *key);

    /* The record for the new tickets of this handshake, valid until the next upcall; empty: the
     * ticket will be refused, so send none if that is possible. Called once for each ticket or once
     * for all, behind verify, and perhaps for a ticket that is not sent in the end. */
    stls_bytes (*ticket_record)(void *core, bool resumed);

    /* Whether the session of a ticket with this record may be resumed. */
    bool (*ticket_accept)(void *core, stls_bytes record);

    /* A secret of the connection, by its label in the NSS key log format ("CLIENT_RANDOM",
     * "CLIENT_TRAFFIC_SECRET_0", ...). Only with STLS_BE_SET_KEYLOG. */
    void (*keylog)(void *core, const char *label, const uint8_t client_random[32],
                   stls_bytes secret);
} stls_be_upcalls;

typedef struct stls_be_conn_settings {
    const stls_be_upcalls *upcalls;
    void *core;
    void *handshake; /* the block of `handshake_size`: valid until conn_handshake answers OK, or
                        until conn_fini has returned. The core wipes it */
    const char *server_name; /* a client's SNI host name; NULL: send none. Valid during conn_init */
    stls_bytes session; /* a client: the state of a session to offer; {NULL, 0}: none. It came from
                           the session upcall of the same backend and version, and is authentic.
                           What the library does not take any more means a full handshake. Valid
                           during conn_init */
} stls_be_conn_settings;

/* Facts of a finished handshake. 0 or empty: not known. */
typedef struct stls_be_info {
    uint16_t version, suite, group, scheme; /* scheme: of the peer's handshake signature */
    uint8_t alpn[255];
    size_t alpn_len;
    bool resumed; /* a session was: no certificate has come, and verify was not called */
} stls_be_info;

typedef struct stls_be_description {
    const char *version_built; /* constants, "3.0.19" */
    const char *version_running;
    uint32_t capabilities;  /* STLS_CAN_... */
    size_t chain_bytes_max; /* most bytes of certificates that a handshake can carry */
    size_t chain_count_max; /* most certificates */
} stls_be_description;

/* --- The table --- */

struct stls_backend {
    uint32_t abi; /* STLS_CONTRACT_ABI */
    const char *name;
    size_t context_size, credential_size, conn_size;
    size_t handshake_size; /* may be 0 */

    /* Makes the library take its memory by `allocator` (valid during the call), for the whole
     * process. The only slot that may be called before start, and at most once. UNSUPPORTED: this
     * build of the library has no way; FAILED: it has memory already. */
    stls_be_status (*set_allocator)(const stls_allocator *allocator);

    /* Starts the library; once in a process, before any other slot but set_allocator. */
    stls_be_status (*start)(void);

    void (*describe)(stls_be_description *description);

    /* Whether `code` of `registry` can be negotiated by this build. */
    bool (*supports)(stls_registry registry, uint16_t code);

    /* Cryptography. A key handle is made from the DER of a SubjectPublicKeyInfo. UNSUPPORTED: a
     * kind of key or curve that the library does not have; MALFORMED: not a key. Handles may be
     * used by several threads at once. */
    stls_be_status (*key_from_spki)(stls_bytes spki, void **key);
    void (*key_free)(void *key);

    /* OK: `signature` over `message` is good. FAILED: it is not. UNSUPPORTED: an algorithm, a
     * parameter, or a pair of key and algorithm that the library cannot do. */
    stls_be_status (*verify_signature)(const stls_signature_algorithm *algorithm, void *key,
                                       stls_bytes message, stls_bytes signature);

    /* The digest of `data` into `out` (STLS_HASH_SIZE_MAX bytes), its length into `*len`. */
    stls_be_status (*digest)(stls_hash hash, stls_bytes data, uint8_t *out, size_t *len);

    /* `len` octets (at most 64) from `password` into `out`. */
    stls_be_status (*derive)(const stls_derivation *derivation, stls_kdf_purpose purpose,
                             stls_bytes password, uint8_t *out, size_t len);

    /* The HMAC of `data` into `out` (STLS_HASH_SIZE_MAX bytes), its length into `*len`. */
    stls_be_status (*hmac)(stls_hash hash, stls_bytes key, stls_bytes data, uint8_t *out,
                           size_t *len);

    /* Decrypts `sealed`, whole blocks of the cipher, into as many bytes at `out`; padding is not
     * looked at. `key` and `iv` are as long as the cipher's. */
    stls_be_status (*cbc_decrypt)(stls_cipher cipher, const uint8_t *key, const uint8_t *iv,
                                  stls_bytes sealed, uint8_t *out);

    /* `len` random bytes fit for keys. A child of fork() gets others than its parent, or none. */
    stls_be_status (*random)(uint8_t *out, size_t len);

    /* HKDF with SHA-256 (RFC 5869), extract and expand: `len` bytes, at most 255 * 32. */
    stls_be_status (*hkdf)(stls_bytes secret, stls_bytes salt, stls_bytes info, uint8_t *out,
                           size_t len);

    /* AES-256-GCM (RFC 5116) with keys and nonces of STLS_AEAD_..._LEN. `out` gets the ciphertext
     * and behind it the tag, plain.len + STLS_AEAD_TAG_LEN bytes; or the plaintext, sealed.len -
     * STLS_AEAD_TAG_LEN bytes. `out` may be where the input is, which a failure then destroys.
     * FAILED from aead_open: forged or of another key, and `out` holds nothing of it. */
    stls_be_status (*aead_seal)(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                                stls_bytes plain, uint8_t *out);
    stls_be_status (*aead_open)(const uint8_t *key, const uint8_t *nonce, stls_bytes associated,
                                stls_bytes sealed, uint8_t *out);

    /* A chain, leaf first, with the leaf's private key as DER: PKCS#8 PrivateKeyInfo or
     * EncryptedPrivateKeyInfo, SEC 1 ECPrivateKey, PKCS#1 RSAPrivateKey. `password` is NULL or
     * ended by NUL. Must check that key and leaf belong together, by what the private numbers do
     * and not by what the key's file says of its public half. The bytes are valid during the call
     * only. */
    stls_be_status (*credential_init)(void *credential, const stls_bytes *chain, size_t count,
                                      stls_bytes key, const char *password,
                                      stls_be_failure *failure);
    void (*credential_fini)(void *credential);

    stls_be_status (*context_init)(void *context, const stls_be_settings *settings,
                                   uint32_t *applied, stls_be_failure *failure);
    void (*context_fini)(void *context);

    stls_be_status (*conn_init)(void *conn, const void *context,
                                const stls_be_conn_settings *settings, stls_be_failure *failure);

    /* OK when the handshake is complete on this side. */
    stls_be_status (*conn_handshake)(void *conn, stls_be_failure *failure);

    /* Up to `size` bytes of application data; `*got` > 0 with OK. Whatever else arrives (tickets,
     * key updates) is dealt with inside. */
    stls_be_status (*conn_read)(void *conn, uint8_t *data, size_t size, size_t *got,
                                stls_be_failure *failure);

    /* Encrypts and sends up to `len` bytes; `*taken` > 0 with OK. WANT_READ cannot happen. */
    stls_be_status (*conn_write)(void *conn, const uint8_t *data, size_t len, size_t *taken,
                                 stls_be_failure *failure);

    /* Bytes that conn_read can give without calling recv. */
    size_t (*conn_pending)(void *conn);

    /* Sends close_notify, once; OK if it was sent. */
    stls_be_status (*conn_close_notify)(void *conn, stls_be_failure *failure);

    void (*conn_info)(void *conn, stls_be_info *info);

    /* Keying material (RFC 5705, RFC 8446 section 7.5) after the handshake, with
     * STLS_BE_SET_EXPORTER. `label` without NUL; `context` NULL: none, which TLS 1.2 tells from an
     * empty one. */
    stls_be_status (*conn_export)(void *conn, stls_bytes label, const stls_bytes *context,
                                  uint8_t *out, size_t len, stls_be_failure *failure);

    /* TLS 1.3: sends a KeyUpdate, and asks the peer for one if `both`. UNSUPPORTED, and nothing is
     * sent, in TLS 1.2; and without `both` where the library always asks (wolfSSL). */
    stls_be_status (*conn_update_keys)(void *conn, bool both, stls_be_failure *failure);

    /* Bytes of heap that the library holds for the connection now, besides the block; 0: the
     * library does not tell. */
    size_t (*conn_memory)(void *conn);

    /* The core wipes the block. */
    void (*conn_fini)(void *conn);
};

/* Why `backend` cannot be used (NULL, another ABI number, an empty slot), as a sentence; NULL: it
 * can. */
const char *stls_backend_flaw(const stls_backend *backend);

/* The backends of this build, ended by NULL; the one file that the build generates. */
extern const stls_backend *const stls_backends_builtin[];

#endif
