/* api/internal.h - the insides of the public objects, for the files of api/.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_INTERNAL_H
#define STLS_API_INTERNAL_H

#include "api/flood.h"
#include "api/hello.h"
#include "api/record.h"
#include "backends/contract.h"
#include "certstore/keep/credential.h"
#include "certstore/verify/verify.h"

#include <siptls/conn.h>
#include <siptls/session.h>
#include <siptls/ticket.h>
#include <stdalign.h>
#include <stdatomic.h>

/* --- backend.c */

/* Changes in a child process after fork(). */
unsigned stls_fork_generation(void);

/* --- iana.c */

/* STLS_TLS1_2 or STLS_TLS1_3: the one version that suite `code` belongs to; 0: not in the tables.
 */
uint16_t stls_suite_version(uint16_t code);

/* --- profile.c */

enum { STLS_CODES_MAX = 64, STLS_ALPN_SIZE = 256, STLS_ALPN_MAX = 16 };

typedef struct stls_code_list {
    uint16_t at[STLS_CODES_MAX];
    size_t count;
} stls_code_list;

typedef struct stls_session stls_session;
typedef struct stls_resumption stls_resumption;

typedef struct stls_host {
    char *name; /* lower case */
    stls_credential *credential;
    stls_verify_mode verify;
} stls_host;

struct stls_profile {
    const stls_backend *backend;
    stls_role role;
    uint16_t version_min, version_max;
    stls_code_list suites, groups, schemes;
    char alpn[STLS_ALPN_SIZE]; /* separated by ',' */

    stls_credential *credential;
    stls_host *hosts; /* sorted by name */
    size_t host_count;
    bool strict_hosts;

    stls_trust *trust;
    stls_verify_mode verify;
    char **names;
    stls_rules rules; /* its `names` are set when a context is made */
    stls_clock clock;
    void *clock_arg;
    int64_t clock_floor; /* 0: none */
    size_t signature_memory;
    unsigned handshake_timeout_ms;
    unsigned max_handshakes; /* 0: no limit */
    uint16_t max_fragment;   /* 0: not asked for */

    bool resumes;                 /* a client: sessions; a server: tickets */
    stls_session_cache *sessions; /* NULL: each context makes one */
    stls_ticket_ring *ring;       /* NULL: likewise */
    unsigned ticket_count;
    bool exporter;
    stls_keylog keylog;
    void *keylog_arg;
};

/* The time by the profile's clock. */
int64_t stls_profile_now(const stls_profile *profile);

/* A copy that shares the credentials and the trust; NULL if there is no memory. */
stls_profile *stls_profile_copy(const stls_profile *profile);

/* The host called `name` (any case), or NULL. */
const stls_host *stls_profile_find_host(const stls_profile *profile, stls_bytes name);

/* The protocols of `text`, as slices of it; their number. */
size_t stls_alpn_split(const char *text, stls_bytes protocols[STLS_ALPN_MAX]);

/* --- context.c */

enum { STLS_FINGERPRINT_SIZE = 32 };

struct stls_context {
    atomic_size_t holds;
    stls_profile *profile;                      /* never changed again */
    stls_memory *memory;                        /* NULL: none is kept */
    stls_session_cache *sessions;               /* a client that resumes */
    stls_ticket_ring *ring;                     /* a server that does */
    uint8_t fingerprint[STLS_FINGERPRINT_SIZE]; /* of what sessions depend on: resume.c */
    atomic_uint under_way;
    atomic_ullong started, full, resumed, failed, refused;
    bool only_verifies; /* there is no TLS behind it */
    bool initialised;   /* the backend's init was called on `block` */
    alignas(max_align_t) unsigned char block[];
};

/* Judges a peer of `context` by its rules. `peer` is normalised, or NULL. */
void stls_context_judge(const stls_context *context, const char *peer, const stls_bytes *chain,
                        void *const *keys, size_t count, stls_verdict *verdict);

/* Normalises the peer that a caller names for a connection on `context` into `peer` ("" if none),
 * and refuses what the context's rules forbid. */
stls_result stls_context_peer(const stls_context *context, const char *text,
                              char peer[STLS_PEER_NAME_SIZE], bool *is_ip, stls_error *error);

/* What a server asks its client for in a verify mode. */
stls_be_client_auth stls_client_auth_of(stls_verify_mode mode);

/* --- io.c: the bytes of a connection on their way */

/* Bytes in order, on the heap; NULL while there are none. */
typedef struct stls_queue {
    size_t start, len, size;
    uint8_t data[];
} stls_queue;

static inline size_t stls_queue_len(const stls_queue *queue) {
    return queue != NULL ? queue->len : 0;
}
static inline size_t stls_queue_memory(const stls_queue *queue) {
    return queue != NULL ? sizeof *queue + queue->size : 0;
}
bool stls_queue_add(stls_queue **queue, const uint8_t *data, size_t len);
void stls_queue_take(stls_queue **queue, size_t len);
void stls_queue_free(stls_queue **queue);

/* For calls that every message makes: zeroing the whole text costs as much as they do otherwise. */
static inline void stls_failure_none(stls_be_failure *failure) {
    failure->cause = STLS_BE_CAUSE_UNKNOWN;
    failure->native = 0;
    failure->text[0] = '\0';
}

/* Room on the stack for the time of one call, so that a short message allocates nothing. */
enum { STLS_SCRATCH_SIZE = 4096 };
typedef struct stls_scratch {
    uint8_t in[STLS_SCRATCH_SIZE], out[STLS_SCRATCH_SIZE];
    size_t in_start, in_end, out_len;
} stls_scratch;

typedef enum stls_transport_kind {
    STLS_TRANSPORT_NONE = 0,
    STLS_TRANSPORT_CALLBACKS,
    STLS_TRANSPORT_FD,
    STLS_TRANSPORT_MEMORY,
} stls_transport_kind;

/* What the first bytes of the peer have told so far. */
typedef enum stls_first_bytes {
    STLS_FIRST_BYTES_NONE = 0,
    STLS_FIRST_BYTES_TYPE, /* a content type that may open a TLS connection */
    STLS_FIRST_BYTES_TLS,  /* and the major version behind it */
    STLS_FIRST_BYTES_NOT_TLS,
} stls_first_bytes;

/* See guard.h. */
typedef struct stls_guard {
    bool on, is_server;
    bool waits_for_hello; /* the next message must be one */
    bool no_memory;
    unsigned idle; /* records that brought nothing on */
    uint16_t version_min, version_max;
    size_t chain_bytes_max, longest; /* record of the peer */
    size_t cleared;                  /* bytes of what waits, for the library to have as they are */
    stls_queue *message; /* of the peer's handshake, as far as it is here, if it came in pieces */
    stls_queue *ready;   /* for the library, of messages that came in pieces */
    stls_queue *sent;    /* by the library, as far as it was not looked at */
    stls_queue *own;     /* of those, a hello of ours that is not whole */
    stls_queue *hello;   /* the body of the ClientHello, whoever has sent it */
    stls_be_hello says;  /* what is in the hellos */
    stls_choice choice;  /* of the server, whoever that is */
    stls_complaint complaint;
} stls_guard;

typedef struct stls_io {
    stls_guard *guard; /* NULL: it has gone */
    stls_flood flood;
    stls_transport_kind kind : 8;
    stls_first_bytes first : 8;
    bool eof; /* recv has said so, or stls_conn_feed_eof() */
    bool recv_failed, send_failed, no_memory;
    bool fd_blocks;
    bool held;            /* during a call: recv gave nothing because too much waits to be sent */
    bool extended_master; /* what the guard knew of it, if that has gone */
    int fd;
    int system_error; /* errno of a socket that failed; 0: not known */
    stls_send send;
    stls_recv recv;
    void *arg;
    stls_queue *in, *out;
    stls_scratch *scratch; /* during a call */
    char *first_text;      /* what came instead of TLS, for the error; NULL: TLS, or no memory */
    uint64_t bytes_in, bytes_out;
} stls_io;

/* Around every call of the backend: begin gives it room, end writes out what it left there. */
void stls_io_begin(stls_io *io, stls_scratch *scratch);

/* STLS_OK: all is written. STLS_WANT_WRITE: not all; the rest stays. STLS_E_TRANSPORT,
 * STLS_E_NO_MEMORY: the rest is dropped. */
stls_result stls_io_end(stls_io *io);

/* Memory transport: takes in what the peer sent. */
stls_result stls_io_feed(stls_io *io, const uint8_t *data, size_t len);

stls_be_status stls_io_send(stls_io *io, const uint8_t *data, size_t len);
stls_be_status stls_io_recv(stls_io *io, uint8_t *data, size_t size, size_t *got);

/* For guard.c, which stands between these and stls_io_recv(). Look: with STLS_BE_OK `*len` bytes
 * wait at `*data`, at least `least`, to be changed in place. Drop: the first `len` of them are
 * done with. Take: as stls_io_recv(). */
stls_be_status stls_io_look(stls_io *io, size_t least, uint8_t **data, size_t *len);
void stls_io_drop(stls_io *io, size_t len);
stls_be_status stls_io_take(stls_io *io, uint8_t *data, size_t size, size_t *got);
void stls_io_free(stls_io *io);

/* --- conn.c */

typedef enum stls_conn_state {
    STLS_CONN_NEW = 0,
    STLS_CONN_HANDSHAKE, /* begun */
    STLS_CONN_FINISHED,  /* complete, its last flight not yet written out */
    STLS_CONN_OPEN,
    STLS_CONN_FAILED,
} stls_conn_state;

/* What only the handshake needs, and the backend's part of that: gone when it is complete. */
typedef struct stls_handshake {
    stls_session *session;       /* a client: the one that is offered */
    stls_session *fresh;         /* a client: one that came before the handshake was over */
    stls_resumption *resumption; /* a server: what the ticket says that was opened last */
    stls_writer record;          /* a server: for ticket_record */
    alignas(max_align_t) unsigned char block[];
} stls_handshake;

/* What was negotiated, as numbers of the registries. */
typedef struct stls_agreed {
    uint16_t version, suite, group, scheme;
    uint8_t protocol; /* which of the profile's ALPN list, the first is 1; 0: none */
    bool resumed;
    bool extended_master; /* of TLS 1.2 */
} stls_agreed;

/* There may be 10 000s of these, idle: what is seldom there is not held here, and no text is longer
 * than it is. */
struct stls_conn {
    stls_context *context;
    unsigned fork_generation;
    stls_conn_state state;
    stls_result result;   /* of a connection that has failed: what every call answers */
    stls_result read_end; /* STLS_CLOSED or STLS_EOF once reading is over */
    stls_handshake *handshake;
    size_t write_taken; /* bytes that were taken by a write that answered STLS_WANT_WRITE */
    stls_io io;

    const char *server_name; /* SNI: stls_conn_named(), `own_name`, or "" */
    char *own_name;          /* on the heap */
    stls_verify_mode verify; /* of the profile, or of the host that was chosen */

    bool initialised; /* the backend's init was called on `block` */
    bool close_sent;
    bool judged, accepted;       /* the peer, by our verdict and verify mode */
    bool counted;                /* among the context's handshakes under way */
    bool selected, refused_host; /* the server was asked which host to be, and refused */
    bool changed_host;           /* because the client asked for two */
    bool broken_contract;        /* the backend asked for a second verdict */
    bool judged_elsewhere;       /* the verdict is by the rules of another context: revalidate.c */
    stls_agreed agreed;
    int16_t alert_sent, alert_received;
    stls_credential *credential; /* a server: the one in use; the profile's */
    stls_end_point *end_point;   /* a server: of what was shown in its place; NULL: nothing */
    stls_verdict *verdict;       /* NULL: nobody has judged */
    stls_bytes *peer_chain;
    size_t peer_count;
    int64_t proved_at;       /* a client: when the server's certificates were shown */
    uint32_t started_ms;     /* monotonic, the lower half */
    uint32_t handshake_ms;   /* that it took */
    const stls_error *error; /* what stls_conn_error() tells; NULL: nothing yet */
    stls_error *reason;      /* on the heap, from the first failure on */
    void *user_data;
    alignas(max_align_t) unsigned char block[]; /* the backend's, and stls_conn_named() */
};

/* A place for a verdict on the peer, as no verdict yet; NULL: no memory, and `io.no_memory` is set.
 */
stls_verdict *stls_conn_new_verdict(stls_conn *conn);

/* Where the reason of a failure goes, which stls_conn_error() tells from then on. NULL without
 * memory: stls_conn_error() tells that. */
stls_error *stls_conn_reason(stls_conn *conn);

/* Ends `conn`: every call answers what this returns. That is `result`, or STLS_E_NO_MEMORY if there
 * was none for its reason. */
stls_result stls_conn_end(stls_conn *conn, stls_result result);

/* The peer that was named to stls_conn_new(); "": none was. */
static inline const char *stls_conn_named(const stls_conn *conn) {
    return (const char *)conn->block + conn->context->profile->backend->conn_size;
}

/* The same; NULL: none was. */
static inline const char *stls_conn_peer(const stls_conn *conn) {
    const char *named = stls_conn_named(conn);
    return named[0] != '\0' ? named : NULL;
}

/* Whether no fork() lies between `conn` and this call. */
static inline bool stls_conn_is_of_this_process(const stls_conn *conn) {
    return conn->fork_generation == stls_fork_generation();
}

/* STLS_OK, or STLS_E_STATE if one does. */
stls_result stls_conn_check_process(const stls_conn *conn, stls_error *error);

/* Makes `name` the one of SNI; false: no memory. */
bool stls_conn_keep_server_name(stls_conn *conn, const char *name);

/* --- keying.c */

void stls_up_keylog(void *core, const char *label, const uint8_t client_random[32],
                    stls_bytes secret);

/* Milliseconds of the monotonic clock. */
int64_t stls_now_ms(void);

/* --- handshake.c */

/* The table that backends call back through. */
extern const stls_be_upcalls stls_conn_upcalls;

/* Gives the one verdict of a handshake and what is to be done about it, by the verify mode in
 * force. */
stls_be_decision stls_conn_judge(stls_conn *conn, uint16_t version, const stls_bytes *chain,
                                 void *const *keys, size_t count);

/* Ends `conn` with the error that `failure` and what the upcalls saw amount to; returns its result.
 */
stls_result stls_conn_fail(stls_conn *conn, stls_be_status status, const stls_be_failure *failure,
                           const char *when);

#endif
