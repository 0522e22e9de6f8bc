/* certstore/keep/store.h - the inside of a certificate store.
 *
 * The model: what a store holds is a state: a list of items and the two settings. A change copies
 * the state (items are counted and shared), edits the copy, writes it to storage, and only then
 * puts it in the place of the old one. So a change that fails anywhere has touched nothing.
 *
 *     state.c     items and states
 *     index.c     a state as text, and back: the index of a store, and the file of an export
 *     change.c    reading from storage, writing to it, and what lies around a change
 *     certstore.c opening, looking, settings
 *     upload.c    what comes into a list from outside
 *     trusted.c, revoked.c, server.c, snapshot.c, archive.c   what siptls/certstore.h says of each
 *     disk.c      a folder as storage
 *
 * Blobs are named by what they hold: "ca-ID.pem" (one custom certificate; ID is its fingerprint),
 * "crl-ID.pem" (one CRL, likewise), "builtin-ID.pem" (all built-in ones) and "server-ID.pem" (chain
 * and key), where ID is the SHA-256 of the content. A blob is never changed, so whoever read an
 * index finds what it names, or, if a writer has just removed that, a newer index.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_CERTSTORE_KEEP_STORE_H
#define STLS_CERTSTORE_KEEP_STORE_H

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/crl.h"
#include "certstore/read/pem.h"
#include "certstore/read/x509.h"
#include <siptls/certstore.h>

enum {
    STLS_STORE_VERSION = 1,
    STLS_STORE_ID_LEN = STLS_FINGERPRINT_LEN,
    STLS_STORE_BLOB_NAME_SIZE = 81,
    STLS_STORE_BLOB_MAX = 16 * 1024 * 1024, /* the PEM of 5 MB of DER, several times over */
};

#define STLS_STORE_INDEX  "index"
#define STLS_EXPORT_MAGIC "siptls-export "

typedef enum stls_damage {
    STLS_DAMAGE_NONE = 0,
    STLS_DAMAGE_MISSING = 1,
    STLS_DAMAGE_CHANGED = 2,    /* cut off, or changed by hand */
    STLS_DAMAGE_UNREADABLE = 3, /* storage says so */
} stls_damage;

typedef struct stls_store_item {
    size_t holds;
    stls_place place;
    char name[STLS_CERTSTORE_NAME_SIZE];
    uint8_t id[STLS_STORE_ID_LEN]; /* in the index; of a built-in one: as `fingerprint` */
    uint8_t fingerprint[STLS_FINGERPRINT_LEN];
    stls_bytes der;                /* the certificate, the leaf, or the CRL */
    stls_bytes content;            /* a server certificate that is not in storage: the blob */
    int64_t not_before, not_after; /* a CRL's thisUpdate and nextUpdate */
    bool is_ca, encrypted, exposed;
    bool stored; /* its blob is in storage */
    stls_damage damage;
} stls_store_item;

typedef struct stls_state {
    stls_store_item **items; /* by place, then in the order of their adding */
    size_t count, room;
    uint64_t generation;
    stls_trust_set set;
    stls_send_choice send;
    bool has_builtin, builtin_stored;
    uint8_t builtin_id[STLS_STORE_ID_LEN];
    uint8_t mark[STLS_STORE_ID_LEN]; /* of the index it was read from */
    bool exposed;                    /* and others can write that */
} stls_state;

struct stls_certstore {
    const stls_backend *backend;
    stls_certstore_options options;
    bool has_storage;
    stls_storage storage;
    stls_state state;
};

/* --- state.c */

/* Bytes that grow. What is left behind is wiped, as it may have been a key. After a failure, more
 * is ignored. */
typedef struct stls_buffer {
    uint8_t *data;
    size_t len, room;
    bool failed;
} stls_buffer;

void stls_buffer_add(stls_buffer *buffer, const void *data, size_t len);
void stls_buffer_print(stls_buffer *buffer, const char *format, ...) STLS_PRINTF(2, 3);
void stls_buffer_add_hex(stls_buffer *buffer, const uint8_t *id);
void stls_buffer_add_pem(stls_buffer *buffer, const char *label, stls_bytes der);
stls_bytes stls_buffer_bytes(const stls_buffer *buffer);
void stls_buffer_free(stls_buffer *buffer);

/* Wipes and frees. */
void stls_secret_free(stls_bytes *secret);

/* The SHA-256 of `data`. */
stls_result stls_store_digest(const stls_certstore *store, stls_bytes data, uint8_t *id,
                              stls_error *error);

/* Makes an item of certificate or (STLS_PLACE_CRL) CRL `der`, which is copied. The sentence of
 * STLS_E_FORMAT begins behind the name of the input. */
stls_result stls_item_new(const stls_certstore *store, stls_place place, const char *name,
                          stls_bytes der, stls_store_item **item, stls_error *error);

/* One whose blob cannot be had. NULL: no memory. */
stls_store_item *stls_item_new_damaged(stls_place place, const char *name, const uint8_t *id,
                                       stls_damage damage);
void stls_item_free(stls_store_item *item); /* gives one hold back */

/* Takes over the caller's hold of `item`, also when it fails: false for no memory. */
bool stls_state_insert(stls_state *state, stls_store_item *item);
void stls_state_remove(stls_state *state, size_t index);
void stls_state_remove_places(stls_state *state, uint32_t places);
bool stls_state_copy(const stls_state *state, stls_state *copy);
void stls_state_free(stls_state *state);

/* The first item at one of `places` with this id or (not NULL) fingerprint. */
stls_store_item *stls_state_find(const stls_state *state, uint32_t places,
                                 const uint8_t *fingerprint);
size_t stls_state_count(const stls_state *state, uint32_t places);

/* "CERTIFICATE", or what a CRL is called. */
const char *stls_item_label(const stls_store_item *item);

/* Whether the blob of a place holds one element, and is named by that element's digest. */
bool stls_place_is_single(stls_place place);

/* The PEM of all built-in certificates. */
void stls_state_builtin_content(const stls_state *state, stls_buffer *content);

/* "CN=Example CA", for sentences. */
enum { STLS_ITEM_TITLE_SIZE = 160 };
const char *stls_item_title(const stls_store_item *item, char title[STLS_ITEM_TITLE_SIZE]);

/* A name as the lists keep it: `name`, or if that is NULL a few words on certificate `der`. */
stls_result stls_store_name(const char *name, stls_bytes der, char out[STLS_CERTSTORE_NAME_SIZE],
                            stls_error *error);

/* The name of file `path`, made fit for a list. */
void stls_store_file_name(const char *path, char out[STLS_CERTSTORE_NAME_SIZE]);

int64_t stls_store_now(const stls_certstore *store);

/* --- index.c */

typedef struct stls_parsed_item {
    stls_place place;
    bool is_peer;
    uint8_t id[STLS_STORE_ID_LEN];
    char name[STLS_CERTSTORE_NAME_SIZE];
    bool has_content;
    stls_bytes content; /* an export's */
    bool exposed;       /* as storage said */
} stls_parsed_item;

/* Called for each item of a text. */
typedef stls_result (*stls_item_visitor)(void *arg, const stls_parsed_item *item,
                                         stls_error *error);

typedef struct stls_index {
    uint32_t parts; /* an export's */
    uint64_t generation;
    stls_trust_set set;
    stls_send_choice send;
} stls_index;

/* Writes the text of `state`. */
void stls_index_write(const stls_state *state, stls_buffer *text);
void stls_export_begin(uint32_t parts, const stls_state *state, stls_buffer *text);
void stls_index_add_item(stls_buffer *text, const stls_store_item *item, const stls_bytes *content);
void stls_index_add_builtin(stls_buffer *text, const uint8_t *id, const stls_bytes *content);

/* Adds the last line: the digest of all before. */
stls_result stls_index_end(const stls_certstore *store, stls_buffer *text, stls_error *error);

/* Reads an index, or an export. `what` names it in sentences. */
stls_result stls_index_read(const stls_certstore *store, stls_bytes text, bool is_export,
                            const char *what, stls_index *index, stls_item_visitor visit, void *arg,
                            stls_error *error);

/* The generation that an index tells of, whatever else is wrong with it; 0: it does not. */
uint64_t stls_index_generation(stls_bytes text);

/* "server-ID.pem" */
void stls_blob_name(stls_place place, const uint8_t *id, char name[STLS_STORE_BLOB_NAME_SIZE]);

/* --- change.c */

/* Puts the item or items of one parsed line and its content into `state`. `strict`: what is damaged
 * is an error (STLS_E_FORMAT), else kept as a damaged item. */
stls_result stls_store_take_item(const stls_certstore *store, stls_state *state,
                                 const stls_parsed_item *parsed, stls_bytes content, bool strict,
                                 stls_error *error);

/* A copy of the blob of a server certificate; stls_secret_free(). */
stls_result stls_store_content(const stls_certstore *store, const stls_store_item *item,
                               stls_bytes *content, stls_error *error);

/* Reads the state from storage if it is not the one in memory. */
stls_result stls_store_reload(stls_certstore *store, bool *changed, stls_error *error);

/* Whether there was a newer state in storage, which was taken then: why a blob of the one in memory
 * may be gone. */
bool stls_store_has_changed(stls_certstore *store);

/* Locks, takes in what others changed, lets `edit` edit a copy of the state, and commits it. */
typedef stls_result (*stls_edit)(stls_certstore *store, stls_state *next, void *arg,
                                 stls_error *error);
stls_result stls_store_change(stls_certstore *store, stls_edit edit, void *arg, stls_error *error);

/* The same for a store that does not exist yet, or whatever is there; it will hold export
 * `content`, or, if that is empty, nothing. */
stls_result stls_store_create(stls_certstore *store, stls_bytes content, stls_error *error);

/* --- upload.c */

/* How a list takes what comes from outside: each block by itself, then the whole. */
typedef struct stls_upload {
    stls_result (*add)(stls_certstore *store, stls_state *next, struct stls_upload *self,
                       const stls_block *block, stls_error *error);
    stls_result (*check)(const stls_certstore *store, const stls_state *next, stls_error *error);
    uint32_t flags;
    const char *input, *name; /* of the block: what its input is called, and what it will be (NULL:
                                 by its subject) */
    size_t added;
} stls_upload;

/* Adds all that is in the data, or in the files; or, when it fails, nothing. `name` NULL: by the
 * subjects, or by the names of the files. `*count` (may be NULL): how many were added. */
stls_result stls_upload_data(stls_certstore *store, stls_upload *upload, stls_bytes data,
                             const char *name, size_t *count, stls_error *error);
stls_result stls_upload_files(stls_certstore *store, stls_upload *upload, const char *const *paths,
                              size_t path_count, const char *name, size_t *count,
                              stls_error *error);

/* --- trusted.c */

/* "file ca.pem, line 12", for sentences. */
enum { STLS_STORE_WHERE_SIZE = 192 };
const char *stls_store_where(const char *input, const stls_block *block,
                             char text[STLS_STORE_WHERE_SIZE]);

/* What an upload of custom certificates may be, for import too. */
stls_result stls_store_check_count(const stls_certstore *store, const stls_state *next,
                                   stls_error *error);

/* --- revoked.c */

/* The same of CRLs: how many, and how large together. */
stls_result stls_store_check_crls(const stls_certstore *store, const stls_state *next,
                                  stls_error *error);

/* Whether `crl` may be among those of `next`, whose certificates may have signed it. Not asked: its
 * age. `where` begins the sentence. */
stls_result stls_store_check_crl(const stls_certstore *store, const stls_state *next,
                                 const stls_crl *crl, const char *where, stls_error *error);

/* What a CRL says of itself, in the place of a certificate's information. */
void stls_crl_describe(stls_bytes der, stls_certificate_info *info, size_t *entry_count);

/* Whether no trusted certificate of the store has the name of the CRL's issuer. */
bool stls_crl_lacks_issuer(const stls_certstore *store, const stls_store_item *item);

/* --- archive.c */

/* Puts the parts of export `data` in the place of those of `next`. */
stls_result stls_store_take_export(stls_certstore *store, stls_state *next, stls_bytes data,
                                   stls_error *error);

/* --- server.c */

/* Whether `issuer` made `signature` over `tbs`: STLS_BE_OK, STLS_BE_FAILED, or why that cannot be
 * told: STLS_BE_NO_MEMORY, STLS_BE_UNSUPPORTED. */
stls_be_status stls_store_check_signature(const stls_backend *backend, const stls_x509 *issuer,
                                          const stls_signature_algorithm *algorithm, stls_bytes tbs,
                                          stls_bytes signature);

/* Whether chain and key of `content` are a pair, and the chain is one. */
stls_result stls_store_check_pair(const stls_certstore *store, stls_bytes content,
                                  const char *password, stls_error *error);

/* The item that `send` chooses, or NULL; and why. */
const stls_store_item *stls_store_choose(const stls_certstore *store, stls_send_choice send,
                                         stls_text *why);

enum { STLS_STORE_PASSWORD_SIZE = 1024 };

#endif
