/* siptls/certstore.h - the certificate lists of a phone, kept for years.
 *
 * The model: a store holds two lists, as an administrator knows them.
 *
 *     trusted certificates   builtin   the manufacturer's choice; only replaced as a whole
 *                            custom    uploaded by the administrator
 *     server certificates    unique    this device's own, by its MAC or serial number
 *                            generic   the same in all devices of a model
 *                            custom    uploaded by the administrator; one
 *
 * beside them the revocation lists (CRLs) that the administrator uploads, and two settings: which
 * of the trusted certificates are in force, and whether the custom server certificate is sent.
 * stls_certstore_snapshot() turns lists and settings into the stls_trust and stls_credential that a
 * profile takes; as any trust, it is frozen from the first profile on. Nothing that was made from a
 * store changes with it: to take a change into force, make a new snapshot, a new context from it,
 * and use that for new connections; live ones go on as they are.
 *
 * Every change is made whole or not at all, in memory and in storage: a function that fails leaves
 * the lists as they were. The one exception says so in its sentence: where the very last step
 * (making the change durable) fails, the change is made but a power cut may still undo it.
 *
 * --- Where it is kept
 *
 * In memory only (stls_certstore_new), in a folder (stls_certstore_open_folder), or wherever the
 * caller's callbacks put it (stls_certstore_open): flash without a file system, a database. A store
 * is a few named blobs: one for each certificate, one for each server certificate with its key, and
 * the index that names them. A change writes new blobs first, then the index, in one step; blobs
 * that are no longer named go last. So whoever reads sees the old lists or the new ones, and so
 * does who comes back after a power cut.
 *
 * In a folder each blob is a PEM file that openssl reads. A file is written under a temporary name,
 * synced, renamed, and the folder synced. Writers exclude each other with flock() on the file
 * "lock", which ends with the process that holds it; readers need no lock and no right to write.
 * Several processes may have the same folder open: each change begins by reading what the others
 * did, and stls_certstore_refresh() does only that.
 *
 * What the superuser writes there is given to the owner of the folder, who else could not read it.
 *
 * Private keys are kept as they were uploaded, in a file of mode 0600: a TLS library's key cannot
 * be had back from it, so an encrypted key stays encrypted, its password is kept nowhere, and the
 * callback of stls_certstore_options is asked for it at each snapshot. Who wants a device to start
 * unattended uploads a key without password, or keeps the password elsewhere and answers from
 * there. A key that comes in PKCS#12 is kept without its password, which is that of the file: of a
 * PKCS#12 file, certificates and key are kept as PEM, for the owner's eyes only.
 *
 * --- What is refused, what is kept and flagged
 *
 * Refused, with a sentence that names the certificate or file and what to do:
 *
 *     LIMIT         an input above max_bytes (5 MB); more custom certificates than max_custom,
 *                   more CRLs than max_crls, more than max_bytes of them; a PKCS#12 file that
 *                   asks for more iterations than STLS_PKCS12_ITERATIONS_MAX
 *     FORMAT        what is no certificate; a bundle with one bad certificate in it, whole; a
 *                   chain with a certificate that issued none of the others; a PKCS#12 file
 *                   without a key, with several, or without a certificate
 *     REFUSED       a trusted certificate that is no CA (but see STLS_ADD_PEER), has expired, or
 *                   is in the custom list already; a server certificate that has expired; a CRL
 *                   that its issuer did not sign, that has expired or is older than the one in
 *                   its place; a change of the built-in list; a name that nobody has; an export
 *                   over a file that is none
 *     KEY_MISMATCH  a private key that is not the certificate's
 *     PASSWORD      an encrypted private key or file, and no password or a wrong one
 *     UNSUPPORTED   PKCS#12 under RC2 or RC4; an indirect CRL; a signature that the TLS library
 *                   cannot check, of a chain or a CRL; a store of a newer siptls
 *     FILE          a folder that is missing, full, read-only, or no store
 *     STATE         another process is changing the store and does not come to an end
 *
 * Kept, and flagged in stls_certstore_entry: a certificate or CRL that is not valid yet (a phone
 * boots in 1970), or that expires while it is in the list; a custom certificate that is built in
 * too; a CRL of a CA that is not in the store; a key that other users can read; a blob that is
 * missing, cut off or was changed by hand (DAMAGED). Damaged trusted certificates are left out of
 * snapshots, which trusts less, never more. A damaged CRL, and a damaged server certificate that
 * would be sent, make the snapshot fail: nothing revoked comes back by it, and no other identity is
 * taken in its place. An index that is damaged cannot be opened: import a backup into a new store.
 *
 * Whether a certificate has expired is asked of the clock of stls_certstore_options. A clock that
 * was never set finds nothing expired, so nothing is refused for it; STLS_CLOCK_NOT_SET counts as
 * 1970.
 *
 * --- Limits and memory
 *
 * The heap that a store holds is told by stls_certstore_memory(): for each certificate and CRL its
 * DER and about 300 bytes (of a server certificate: its leaf); without storage also the server
 * certificates' files. What a call takes beyond that, at its peak, is at most 32 KB and
 *
 *     add, add_crl, set_builtin    4 times the input, however it comes
 *     install                      8 times
 *     export, import               4 times the export
 *     open, refresh                4 times the largest blob (usually the built-in list)
 *
 * and a snapshot takes its trust (each certificate and CRL once more, 1 KB for each certificate, 8
 * bytes for each entry of a CRL) and its credential. What the TLS library takes for keys is its
 * own. In numbers: a phone with 30 built-in and 10 custom certificates, a server certificate and a
 * small CRL holds 64 KB, and does all of the above with files of usual size in 256 KB. With the
 * default max_bytes of 5 MB the ceiling for any upload is 21 MB more than the store holds, and an
 * install's 41 MB; a device sets max_bytes to what it has: with 64 KB, 288 KB and 544 KB.
 * tests/unit/heap.c measures this over the life of a device.
 *
 * Thread rules: one thread at a time for one store. What a snapshot returns can go to any thread.
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_CERTSTORE_H
#define SIPTLS_CERTSTORE_H

#include <siptls/certificate.h>
#include <siptls/credential.h>
#include <siptls/profile.h>
#include <siptls/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_certstore stls_certstore;

enum {
    STLS_CERTSTORE_NAME_SIZE = 64, /* of a certificate's name, with its NUL */
    STLS_CERTSTORE_MAX_CUSTOM = 10,
    STLS_CERTSTORE_MAX_CRLS = 10,
    STLS_CERTSTORE_MAX_BYTES = 5 * 1024 * 1024,
    STLS_CERTSTORE_LOCK_MS = 5000,
};

/* Where an entry stands; several or-ed are a set of places. */
typedef enum stls_place {
    STLS_PLACE_BUILTIN = 1 << 0,       /* trusted certificates */
    STLS_PLACE_CUSTOM = 1 << 1,        /* */
    STLS_PLACE_UNIQUE = 1 << 2,        /* server certificates */
    STLS_PLACE_GENERIC = 1 << 3,       /* */
    STLS_PLACE_CUSTOM_SERVER = 1 << 4, /* */
    STLS_PLACE_CRL = 1 << 5,           /* revocation lists */
} stls_place;

#define STLS_PLACES_TRUSTED ((uint32_t)(STLS_PLACE_BUILTIN | STLS_PLACE_CUSTOM))
#define STLS_PLACES_SERVER                                                                         \
    ((uint32_t)(STLS_PLACE_UNIQUE | STLS_PLACE_GENERIC | STLS_PLACE_CUSTOM_SERVER))

/* "builtin", "custom", "unique", "generic", "custom-server", "crl"; NULL for what is no single
 * place. */
STLS_API const char *stls_place_name(stls_place place);

/* Which trusted certificates count. Phones call it "CA certificates: default, custom, all". */
typedef enum stls_trust_set {
    STLS_TRUST_SET_STORED = 0,  /* in a snapshot: what the store says */
    STLS_TRUST_SET_DEFAULT = 1, /* built-in */
    STLS_TRUST_SET_CUSTOM = 2,
    STLS_TRUST_SET_ALL = 3,    /* built-in and custom. A new store's setting */
    STLS_TRUST_SET_SYSTEM = 4, /* the operating system's bundle, and custom */
} stls_trust_set;

/* Which server certificate is sent. Phones call it "device certificates: default, custom". */
typedef enum stls_send_choice {
    STLS_SEND_STORED = 0, /* in a snapshot: what the store says */
    STLS_SEND_DEVICE = 1, /* unique, or else generic. A new store's setting */
    STLS_SEND_CUSTOM = 2, /* custom, or else unique, or else generic */
    STLS_SEND_NONE = 3,
} stls_send_choice;

/* Names of the two settings ("default", "custom", "all", "system"; "device", "custom", "none"):
 * NULL for a number that is none; 0 for a name that is none. */
STLS_API const char *stls_trust_set_name(stls_trust_set set);
STLS_API stls_trust_set stls_trust_set_find(const char *name);
STLS_API const char *stls_send_choice_name(stls_send_choice send);
STLS_API stls_send_choice stls_send_choice_find(const char *name);

/* --- Opening */

/* Writes the password of the private key of the server certificate at `place` called `name` into
 * `password` (`size` bytes, ended by NUL). False: there is none. The store wipes the bytes. */
typedef bool (*stls_password_callback)(void *arg, stls_place place, const char *name,
                                       char *password, size_t size);

/* Zero, or a NULL pointer to it, is the default of everything. */
typedef struct stls_certstore_options {
    size_t max_custom; /* custom trusted certificates; 0: STLS_CERTSTORE_MAX_CUSTOM */
    size_t max_crls;   /* 0: STLS_CERTSTORE_MAX_CRLS */
    size_t max_bytes;  /* of one input, and of all CRLs together as DER; at most
                          STLS_TRUST_INPUT_MAX; 0: STLS_CERTSTORE_MAX_BYTES */
    bool create;       /* make the store (and the folder, but none above it) where there is none */
    bool replace;      /* make an empty store whatever is there; the way out of a damaged index */
    unsigned lock_ms;  /* how long a change waits for another writer; 0: STLS_CERTSTORE_LOCK_MS */
    stls_clock clock;  /* NULL: the system's */
    void *clock_arg;
    stls_password_callback password; /* NULL: no key has a password */
    void *password_arg;
} stls_certstore_options;

/* What a read found. */
typedef struct stls_storage_facts {
    bool exists;
    size_t len;   /* of the whole blob */
    bool exposed; /* a secret blob that others can read, or any that others can write */
} stls_storage_facts;

/* Where a store keeps its blobs. Names are 1 to 80 bytes of a-z, 0-9, '-' and '.'. Each function
 * answers STLS_OK or an error with a sentence; `arg` is the member of that name. */
typedef struct stls_storage {
    void *arg;
    const char *name; /* for sentences: "folder /etc/certs"; must stay */

    /* Copies the first `size` bytes of blob `name` into `data` and fills `*facts`. A blob that does
     * not exist is STLS_OK with `exists` false. */
    stls_result (*read)(void *arg, const char *name, uint8_t *data, size_t size,
                        stls_storage_facts *facts, stls_error *error);

    /* Makes blob `name` hold exactly `data`, in one step: whenever power fails, it holds the old
     * content (or does not exist) or the new one. Durable when it returns STLS_OK: what is written
     * later must not survive a power cut that this does not survive. `secret`: for the owner only.
     */
    stls_result (*write)(void *arg, const char *name, const uint8_t *data, size_t len, bool secret,
                         stls_error *error);

    /* One that does not exist is STLS_OK. Need not be durable at once. */
    stls_result (*remove)(void *arg, const char *name, stls_error *error);

    /* Calls `visit` with the name of each blob. Blobs must not be changed from inside it. */
    stls_result (*list)(void *arg, void (*visit)(void *visit_arg, const char *name),
                        void *visit_arg, stls_error *error);

    /* Keeps other writers out until unlock; waits at most `wait_ms`, then STLS_E_STATE. Both NULL:
     * nobody else ever writes. */
    stls_result (*lock)(void *arg, unsigned wait_ms, stls_error *error);
    void (*unlock)(void *arg);

    /* Called once by stls_certstore_free(), and when opening fails, however; may be NULL. */
    void (*close)(void *arg);
} stls_storage;

/* An empty store in memory. `backend` computes digests, and checks keys and chains; snapshots may
 * be made for others. STLS_E_NO_BACKEND, STLS_E_NO_MEMORY, STLS_E_ARGUMENT (options out of range).
 */
STLS_API stls_result stls_certstore_new(const stls_backend *backend,
                                        const stls_certstore_options *options,
                                        stls_certstore **store, stls_error *error);

/* The store in folder `path`. STLS_E_FILE if it is missing, is no store (and `create` is not set)
 * or cannot be read; STLS_E_UNSUPPORTED if a newer siptls wrote it; STLS_E_FORMAT if its index is
 * damaged. Nothing is written unless a store is made. */
STLS_API stls_result stls_certstore_open_folder(const stls_backend *backend, const char *path,
                                                const stls_certstore_options *options,
                                                stls_certstore **store, stls_error *error);

/* The same with what the store holds if it is made (`create`) or replaced (`replace`): an export,
 * under the rules of stls_certstore_import(). It is there from the first step on, so if this fails,
 * what was in the folder is there still. */
STLS_API stls_result stls_certstore_make_folder(const stls_backend *backend, const char *path,
                                                const stls_certstore_options *options,
                                                const void *content, size_t content_len,
                                                stls_certstore **store, stls_error *error);

/* As stls_certstore_open_folder(), in `storage`, whose struct is copied. */
STLS_API stls_result stls_certstore_open(const stls_backend *backend, const stls_storage *storage,
                                         const stls_certstore_options *options,
                                         stls_certstore **store, stls_error *error);

/* NULL is allowed. Stays as it is in storage. */
STLS_API void stls_certstore_free(stls_certstore *store);

/* Takes in what other processes changed, and what was damaged and is whole again. `*changed` (may
 * be NULL) tells whether there was any. */
STLS_API stls_result stls_certstore_refresh(stls_certstore *store, bool *changed,
                                            stls_error *error);

/* A number that grows with every change of the store, by whomever, and is kept with it. */
STLS_API uint64_t stls_certstore_generation(const stls_certstore *store);

/* Bytes of heap that the store holds. */
STLS_API size_t stls_certstore_memory(const stls_certstore *store);

/* --- Looking */

typedef enum stls_entry_flag {
    STLS_ENTRY_EXPIRED = 1 << 0,
    STLS_ENTRY_NOT_YET_VALID = 1 << 1,
    STLS_ENTRY_PEER = 1 << 2,         /* trusted, though no CA: STLS_ADD_PEER */
    STLS_ENTRY_ALSO_BUILTIN = 1 << 3, /* a custom certificate that is built in too */
    STLS_ENTRY_DAMAGED = 1 << 4,      /* its blob is missing, cut off or changed: see `damage` */
    STLS_ENTRY_EXPOSED = 1 << 5,      /* others can read the private key, or change the certificate
                                       or the lists */
    STLS_ENTRY_ENCRYPTED = 1 << 6,    /* the private key asks for a password */
    STLS_ENTRY_SENT = 1 << 7,         /* the server certificate that the store's setting sends */
    STLS_ENTRY_NO_ISSUER = 1 << 8,    /* a CRL by a CA that is in neither list of trusted ones */
} stls_entry_flag;

/* "expired", "not-yet-valid", ...; NULL for a bit without meaning. */
STLS_API const char *stls_entry_flag_name(uint32_t flag);

/* One certificate or CRL of the lists. Pointers are valid until the store is changed, refreshed or
 * freed. Of a CRL, `info` tells: its issuer as subject and issuer, its number as serial, and
 * thisUpdate and nextUpdate as not_before and not_after. */
typedef struct stls_certstore_entry {
    stls_place place;
    const char *name;   /* as given when it was added; several may have the same */
    uint32_t flags;     /* STLS_ENTRY_... */
    const char *damage; /* what is wrong, as a sentence; NULL: nothing */
    uint8_t
        fingerprint[STLS_FINGERPRINT_LEN]; /* SHA-256; all zero for a damaged server certificate */
    stls_bytes der;             /* the certificate (a chain's leaf) or CRL; {NULL, 0}: damaged */
    stls_certificate_info info; /* all zero: damaged */
    int64_t seconds_left;       /* until it expires, or the next CRL is due; negative: since */
    size_t revoked_count;       /* of a CRL: its entries */
} stls_certstore_entry;

/* Which entries are looked for; zero is all. */
typedef struct stls_certstore_query {
    uint32_t places;            /* STLS_PLACE_... or-ed; 0: all */
    const char *name;           /* exactly this name; NULL: any */
    const char *subject;        /* in the subject, an alternative name, or the issuer of a CRL,
                                   without regard to case */
    const uint8_t *fingerprint; /* STLS_FINGERPRINT_LEN bytes; NULL: any */
    bool expiring;              /* expired, or will be within `days` */
    unsigned days;
} stls_certstore_query;

/* The next entry that answers `query` (NULL: all) into `*entry`; false behind the last. `*position`
 * begins as 0 and is the store's own. Built-in ones come first, then custom ones, each in the order
 * in which they were added, then the server certificates, then the CRLs. */
STLS_API bool stls_certstore_next(const stls_certstore *store, const stls_certstore_query *query,
                                  size_t *position, stls_certstore_entry *entry);

/* How many there are. */
STLS_API size_t stls_certstore_count(const stls_certstore *store,
                                     const stls_certstore_query *query);

/* Writes what `entry` is, as PEM and ended by NUL, into `text` of `size` bytes; returns the length
 * that the whole takes without the NUL, as snprintf does; 0: it is damaged. Private keys are never
 * in it. */
STLS_API size_t stls_certstore_pem(const stls_certstore_entry *entry, char *text, size_t size);

/* A fingerprint as people write it: 64 hexadecimal digits, with ':' between pairs or not. False:
 * `text` is none. */
STLS_API bool stls_fingerprint_read(const char *text, uint8_t *fingerprint);

/* --- Trusted certificates */

enum {
    STLS_ADD_PEER = 1 << 0, /* take certificates that are no CA too: a server's own, self-signed;
                               each is trusted for itself alone, whatever its version */
};

/* Adds each certificate in `data` to the custom ones: one as DER, or any number as PEM, told apart
 * by content. All or none. One that stands in `data` twice counts once. `name` is how they will be
 * called (1 to 63 printable ASCII characters; NULL: each by its subject). `flags`: STLS_ADD_... or
 * 0. What is refused stands above. `*count` (may be NULL): how many were added. */
STLS_API stls_result stls_certstore_add(stls_certstore *store, const void *data, size_t len,
                                        const char *name, uint32_t flags, size_t *count,
                                        stls_error *error);

/* The same from file `path`; a `name` of NULL stands for the name of the file. */
STLS_API stls_result stls_certstore_add_file(stls_certstore *store, const char *path,
                                             const char *name, uint32_t flags, size_t *count,
                                             stls_error *error);

/* The same from several files: all that is in them, or nothing. */
STLS_API stls_result stls_certstore_add_files(stls_certstore *store, const char *const *paths,
                                              size_t path_count, const char *name, uint32_t flags,
                                              size_t *count, stls_error *error);

/* Removes the custom certificate or CRL with this fingerprint, or all called `name` (how many:
 * `*count`, may be NULL). STLS_E_REFUSED if there is none, or only a built-in one. */
STLS_API stls_result stls_certstore_remove(stls_certstore *store, const uint8_t *fingerprint,
                                           stls_error *error);
STLS_API stls_result stls_certstore_remove_name(stls_certstore *store, const char *name,
                                                size_t *count, stls_error *error);

/* Replaces the built-in list by certificates of the PEM bundle `data`: all of them, or those whose
 * fingerprints stand in `list` (one at the begin of a line, as stls_fingerprint_read() takes them;
 * what follows it, and lines that begin with '#', is a comment), in the order of `list`. Each must
 * be a CA; one that has expired is kept and flagged, one that is not in the bundle is
 * STLS_E_REFUSED: nothing is trusted less than was meant without a word. The manufacturer's call:
 * at the making of a device or its firmware, never by an administrator. */
STLS_API stls_result stls_certstore_set_builtin(stls_certstore *store, const void *data, size_t len,
                                                const char *list, stls_error *error);

STLS_API stls_result stls_certstore_set_trust_set(stls_certstore *store, stls_trust_set set,
                                                  stls_error *error);
STLS_API stls_trust_set stls_certstore_trust_set(const stls_certstore *store);

/* --- Revocation lists */

/* Adds each CRL in `data`: one as DER, or any number as PEM ("X509 CRL"), told apart by content.
 * All or none. A CRL takes the place of an older one of the same issuer, key and scope; base and
 * delta CRLs stand beside each other. `name` as for stls_certstore_add(); NULL: by its issuer.
 *
 * Whoever issued it: where a trusted certificate of the store has the name of the issuer (and,
 * where both tell, the key that the CRL is signed with), it must have signed the CRL, or that is
 * refused. A CRL of a CA that the store does not know is kept and flagged (STLS_ENTRY_NO_ISSUER):
 * the intermediate CA that issued it comes with the chains of its servers, which is when its
 * signature is checked. So a CRL here can only take trust away, and never more than its issuer
 * could.
 *
 * STLS_E_REFUSED: not the issuer's; older than the one in its place, or the same; its nextUpdate
 * has passed, or it has none. STLS_E_UNSUPPORTED: an indirect CRL, one with a critical extension
 * that is not known, or one of a CA in the store whose signature siptls (MD5) or the TLS library
 * does not check. STLS_E_LIMIT: more than max_crls, or more than max_bytes of DER together.
 * STLS_E_FORMAT: what is no CRL. */
STLS_API stls_result stls_certstore_add_crl(stls_certstore *store, const void *data, size_t len,
                                            const char *name, size_t *count, stls_error *error);

/* The same from file `path`; a `name` of NULL stands for the name of the file. */
STLS_API stls_result stls_certstore_add_crl_file(stls_certstore *store, const char *path,
                                                 const char *name, size_t *count,
                                                 stls_error *error);

/* The same from several files: all that is in them, or nothing. */
STLS_API stls_result stls_certstore_add_crl_files(stls_certstore *store, const char *const *paths,
                                                  size_t path_count, const char *name,
                                                  size_t *count, stls_error *error);

/* --- Server certificates */

/* Puts a certificate with its chain and private key into `place` (one of STLS_PLACES_SERVER); what
 * was there is replaced, and stays if this fails. Input as for stls_credential_new(), PKCS#12
 * too: `key` NULL means that it stands in `chain`; `password` is not kept. Before the
 * swap all is read, the key is matched, and the chain is checked: each certificate behind the leaf
 * issued the one before it. `name`: as for stls_certstore_add(), e.g. the device's MAC; NULL: by
 * its subject. */
STLS_API stls_result stls_certstore_install(stls_certstore *store, stls_place place,
                                            const void *chain, size_t chain_len, const void *key,
                                            size_t key_len, const char *password, const char *name,
                                            stls_error *error);

/* The same from files; a `name` of NULL stands for the name of the file of the chain. */
STLS_API stls_result stls_certstore_install_files(stls_certstore *store, stls_place place,
                                                  const char *chain_path, const char *key_path,
                                                  const char *password, const char *name,
                                                  stls_error *error);

/* Empties `place`; STLS_E_REFUSED if it is empty. */
STLS_API stls_result stls_certstore_uninstall(stls_certstore *store, stls_place place,
                                              stls_error *error);

STLS_API stls_result stls_certstore_set_send(stls_certstore *store, stls_send_choice send,
                                             stls_error *error);
STLS_API stls_send_choice stls_certstore_send(const stls_certstore *store);

/* Which server certificate `send` chooses: its place, or 0 if none; and why, as a sentence, into
 * `why` (`size` bytes; may be NULL). */
STLS_API stls_place stls_certstore_chosen(const stls_certstore *store, stls_send_choice send,
                                          char *why, size_t size);

/* --- From list to wire */

/* What the store holds now, for profiles of `backend`: the trusted certificates of `set` and all
 * CRLs into `*trust` (they are looked at only if stls_profile_set_crl_mode() says so, which
 * stls_profiles_make() does), and the server certificate that `send` chooses into `*credential`,
 * NULL if there is none; the caller frees both. Either pointer may be NULL: not wanted. A set
 * without any certificate is an empty trust, with which stls_context_new() refuses a client that
 * verifies. Where another process has just replaced what is needed, this and
 * stls_certstore_export() do as stls_certstore_refresh() first.
 *
 * STLS_E_PASSWORD (the callback had none, or a wrong one), STLS_E_FORMAT (the server certificate or
 * a CRL is damaged), STLS_E_FILE (STLS_TRUST_SET_SYSTEM, and the system has no bundle), and what
 * stls_credential_new() answers. */
STLS_API stls_result stls_certstore_snapshot(stls_certstore *store, const stls_backend *backend,
                                             stls_trust_set set, stls_send_choice send,
                                             stls_trust **trust, stls_credential **credential,
                                             stls_error *error);

/* --- The whole */

/* Factory reset: custom certificates, CRLs and settings go; built-in ones, unique and generic stay.
 */
STLS_API stls_result stls_certstore_reset(stls_certstore *store, stls_error *error);

/* Parts of a store in one file. */
enum {
    STLS_PART_SETTINGS = 1 << 0,
    STLS_PART_BUILTIN = 1 << 1,
    STLS_PART_CUSTOM = 1 << 2,
    STLS_PART_CUSTOM_SERVER = 1 << 3, /* with its private key */
    STLS_PART_DEVICE = 1 << 4,        /* unique and generic, with their private keys */
    STLS_PART_CRL = 1 << 5,
};
#define STLS_PARTS_PROVISIONING ((uint32_t)(STLS_PART_SETTINGS | STLS_PART_CUSTOM))
#define STLS_PARTS_ALL          ((uint32_t)63)

/* Writes `parts` as one text with a checksum, piece by piece, to `sink`, whose first answer that is
 * not STLS_OK ends it and is returned. STLS_E_FORMAT if one of the parts is damaged. For
 * provisioning a thousand phones: STLS_PARTS_PROVISIONING, which holds no secret; for a backup of
 * one: STLS_PARTS_ALL. */
typedef stls_result (*stls_sink)(void *arg, const void *data, size_t len, stls_error *error);
STLS_API stls_result stls_certstore_export(stls_certstore *store, uint32_t parts, stls_sink sink,
                                           void *arg, stls_error *error);

/* The same into file `path`, which is readable by its owner only. An export that is there is
 * replaced in one step; STLS_E_REFUSED if something else is there. */
STLS_API stls_result stls_certstore_export_file(stls_certstore *store, uint32_t parts,
                                                const char *path, stls_error *error);

/* Replaces the parts that `data` holds, in one step; the others stay. The rules and limits of an
 * upload hold, but certificates that have expired since are kept and flagged, and keys that are
 * encrypted are matched only if the password callback answers. CRLs too are as old as the export.
 * `*parts` (may be NULL): which parts those were. */
STLS_API stls_result stls_certstore_import(stls_certstore *store, const void *data, size_t len,
                                           uint32_t *parts, stls_error *error);
STLS_API stls_result stls_certstore_import_file(stls_certstore *store, const char *path,
                                                uint32_t *parts, stls_error *error);

#ifdef __cplusplus
}
#endif
#endif
