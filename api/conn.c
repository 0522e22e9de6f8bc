/* SPDX-License-Identifier: MIT */
#include "api/guard.h"
#include "api/internal.h"
#include "api/resume.h"
#include "base/error.h"
#include "base/memory.h"

#include <limits.h>
#include <siptls/iana.h>
#include <string.h>
#include <time.h>

enum { WRITE_AT_ONCE = 64 * 1024 }; /* most plaintext that one call encrypts */

int64_t stls_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const stls_backend *backend_of(const stls_conn *conn) {
    return conn->context->profile->backend;
}

/* --- Life --- */

/* The name of the peer stands behind the backend's block. */
static stls_conn *allocate(const stls_backend *backend, const char *peer) {
    size_t name_size = strlen(peer) + 1;
    stls_conn *conn = stls_alloc(1, sizeof *conn + backend->conn_size + name_size);
    stls_handshake *handshake = stls_alloc(1, sizeof *handshake + backend->handshake_size);
    if (conn == NULL || handshake == NULL) {
        stls_free(conn);
        stls_free(handshake);
        return NULL;
    }
    conn->handshake = handshake;
    memcpy(conn->block + backend->conn_size, peer, name_size);
    return conn;
}

stls_result stls_conn_new(stls_context *context, const char *peer, stls_conn **conn,
                          stls_error *error) {
    if (context == NULL || conn == NULL) {
        return stls_fail(error, STLS_E_ARGUMENT,
                         "a connection needs a context and a place to go to");
    }
    if (context->only_verifies) {
        return stls_fail(error, STLS_E_STATE,
                         "the context was made by stls_context_new_verifier(): it has no TLS");
    }
    char name[STLS_PEER_NAME_SIZE];
    bool is_ip = false;
    stls_result result = stls_context_peer(context, peer, name, &is_ip, error);
    if (result != STLS_OK) {
        return result;
    }
    stls_conn *new = allocate(context->profile->backend, name);
    if (new == NULL) {
        return stls_fail(error, STLS_E_NO_MEMORY, "no memory for a connection");
    }
    new->context = stls_context_hold(context);
    new->fork_generation = stls_fork_generation();
    new->verify = context->profile->verify;
    new->server_name = is_ip ? "" : stls_conn_named(new);
    new->alert_sent = new->alert_received = STLS_ALERT_NONE;
    *conn = new;
    return STLS_OK;
}

static uint32_t ms_since_start(const stls_conn *conn) {
    return (uint32_t)stls_now_ms() - conn->started_ms;
}

/* A handshake is under way from its begin until its end, whichever. */
static void stop_counting(stls_conn *conn) {
    stls_context *context = conn->context;
    bool done = conn->state == STLS_CONN_FINISHED || conn->state == STLS_CONN_OPEN;
    if (conn->counted) {
        conn->counted = false;
        atomic_fetch_sub(&context->under_way, 1);
        atomic_fetch_add(!done                  ? &context->failed
                         : conn->agreed.resumed ? &context->resumed
                                                : &context->full,
                         1);
    }
}

/* Gives back what only the handshake needed. */
static void end_handshake(stls_conn *conn) {
    stls_handshake *handshake = conn->handshake;
    stls_guard_settle(&conn->io);
    if (handshake != NULL) {
        conn->handshake = NULL;
        stls_resumption_free(handshake->resumption);
        stls_writer_free(&handshake->record);
        stls_wipe(handshake->block, backend_of(conn)->handshake_size);
        stls_free(handshake);
    }
}

/* In a child of fork(), a connection of the parent's is not given to the library, which might wait
 * for a lock that another thread had: its part is left, and so is the context. */
void stls_conn_free(stls_conn *conn) {
    if (conn == NULL) {
        return;
    }
    const bool ours = stls_conn_is_of_this_process(conn);
    if (conn->initialised && ours) {
        stls_scratch scratch; /* for a library that says goodbye on its own */
        stls_io_begin(&conn->io, &scratch);
        backend_of(conn)->conn_fini(conn->block);
    }
    stls_io_free(&conn->io);
    stop_counting(conn);
    conn->state = STLS_CONN_FAILED;
    stls_conn_settle_sessions(conn);
    end_handshake(conn);
    stls_free(conn->own_name);
    stls_free(conn->end_point);
    stls_free(conn->verdict);
    stls_free(conn->peer_chain);
    stls_free(conn->reason);
    stls_context *context = conn->context;
    stls_wipe(conn->block, backend_of(conn)->conn_size);
    stls_free(conn);
    if (ours) {
        stls_context_free(context);
    }
}

stls_result stls_conn_set_server_name(stls_conn *conn, const char *host, stls_error *error) {
    if (conn == NULL || conn->context->profile->role != STLS_ROLE_CLIENT) {
        return stls_fail(error, STLS_E_ARGUMENT, "only a client sends a server name");
    }
    stls_result result = stls_conn_check_process(conn, error);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->state != STLS_CONN_NEW) {
        return stls_fail(error, STLS_E_STATE, "the handshake has begun");
    }
    if (host == NULL) {
        conn->server_name = "";
        return STLS_OK;
    }
    char name[STLS_PEER_NAME_SIZE];
    bool is_ip = false;
    result = stls_peer_name(host, name, &is_ip, error);
    if (result == STLS_OK && is_ip) {
        result = stls_fail(error, STLS_E_ARGUMENT,
                           "\"%s\" is an address: SNI has names only (RFC 6066 section 3)", name);
    }
    if (result == STLS_OK && !stls_conn_keep_server_name(conn, name)) {
        result = stls_fail(error, STLS_E_NO_MEMORY, "no memory for a name");
    }
    return result;
}

bool stls_conn_keep_server_name(stls_conn *conn, const char *name) {
    size_t size = strlen(name) + 1;
    char *own = stls_alloc(1, size);
    if (own == NULL) {
        return false;
    }
    stls_free(conn->own_name);
    conn->server_name = conn->own_name = memcpy(own, name, size);
    return true;
}

void stls_conn_set_user_data(stls_conn *conn, void *data) {
    if (conn != NULL) {
        conn->user_data = data;
    }
}

void *stls_conn_user_data(const stls_conn *conn) {
    return conn != NULL ? conn->user_data : NULL;
}

/* --- What is told: in words that are constant, or of the heap --- */

#define CONSTANT_ERROR(code, words)                                                                \
    {                                                                                              \
        .result = (code), .alert_sent = STLS_ALERT_NONE, .alert_received = STLS_ALERT_NONE,        \
        .text = words /* NOLINT(bugprone-macro-parentheses): an array's text stands bare */        \
    }

#define OF_ANOTHER_PROCESS "the connection was made before fork() and belongs to the parent process"

static const stls_error
    nothing = CONSTANT_ERROR(STLS_NOT_DONE, ""),
    no_memory = CONSTANT_ERROR(STLS_E_NO_MEMORY, "no memory to say why the connection has ended"),
    of_another_process = CONSTANT_ERROR(STLS_E_STATE, OF_ANOTHER_PROCESS),
    not_complete = CONSTANT_ERROR(STLS_E_STATE, "the handshake is not complete"),
    no_transport = CONSTANT_ERROR(STLS_E_STATE, "the connection has no transport"),
    close_is_sent =
        CONSTANT_ERROR(STLS_E_STATE, "close_notify was sent: nothing goes out behind it"),
    nowhere_to_read =
        CONSTANT_ERROR(STLS_E_ARGUMENT, "a read needs a place for a byte or more, and "
                                        "one for how many came"),
    nothing_to_write =
        CONSTANT_ERROR(STLS_E_ARGUMENT, "a write needs bytes, and a place for how many went"),
    fewer_to_write =
        CONSTANT_ERROR(STLS_E_ARGUMENT, "a write that waits was called with fewer bytes "
                                        "than before: call it with the same again"),
    no_key_update = CONSTANT_ERROR(STLS_E_UNSUPPORTED,
                                   "keys are updated in TLS 1.3 only, by some TLS libraries never, "
                                   "and by some only together with the peer's"),
    closed = CONSTANT_ERROR(STLS_CLOSED, "the peer closed the TLS connection"),
    cut_off =
        CONSTANT_ERROR(STLS_EOF, "the connection ended without close_notify: data may be missing"),
    broken_in_writing = CONSTANT_ERROR(
        STLS_E_TRANSPORT, "the connection broke during writing: what the peer has sent before can "
                          "still be read");

static stls_result tell(stls_conn *conn, const stls_error *error) {
    conn->error = error;
    return error->result;
}

stls_error *stls_conn_reason(stls_conn *conn) {
    if (conn->reason == NULL) {
        conn->reason = stls_alloc(1, sizeof *conn->reason);
    }
    conn->error = conn->reason != NULL ? conn->reason : &no_memory;
    return conn->reason;
}

stls_result stls_conn_end(stls_conn *conn, stls_result result) {
    conn->state = STLS_CONN_FAILED;
    conn->result = conn->reason != NULL ? result : STLS_E_NO_MEMORY;
    return conn->result;
}

/* --- Around every call --- */

stls_result stls_conn_check_process(const stls_conn *conn, stls_error *error) {
    return stls_conn_is_of_this_process(conn)
               ? STLS_OK
               : stls_fail(error, STLS_E_STATE, "%s", OF_ANOTHER_PROCESS);
}

/* STLS_OK if `conn` may be used here and now. */
static stls_result check_use(stls_conn *conn) {
    if (conn == NULL) {
        return STLS_E_ARGUMENT;
    }
    if (!stls_conn_is_of_this_process(conn)) {
        return tell(conn, &of_another_process);
    }
    if (conn->io.scratch != NULL) {
        return STLS_E_STATE; /* a callback calls back: what is under way stays as it is */
    }
    return STLS_OK;
}

static stls_result fail_here(stls_conn *conn, stls_be_status status, const char *when) {
    stls_be_failure none = {0};
    return stls_conn_fail(conn, status, &none, when);
}

/* --- The handshake --- */

/* Takes one of the context's places for handshakes under way; false if all are taken. */
static bool start_counting(stls_conn *conn) {
    stls_context *context = conn->context;
    unsigned most = context->profile->max_handshakes;
    if (atomic_fetch_add(&context->under_way, 1) >= most && most != 0) {
        atomic_fetch_sub(&context->under_way, 1);
        atomic_fetch_add(&context->refused, 1);
        return false;
    }
    atomic_fetch_add(&context->started, 1);
    conn->counted = true;
    return true;
}

static stls_result start(stls_conn *conn) {
    if (conn->io.kind == STLS_TRANSPORT_NONE) {
        return tell(conn, &no_transport);
    }
    if (!start_counting(conn)) {
        return stls_conn_end(conn, stls_fail(stls_conn_reason(conn), STLS_E_BUSY,
                                             "%u handshakes are under way, as many as the profile "
                                             "allows: try again later",
                                             conn->context->profile->max_handshakes));
    }
    if (conn->context->profile->role == STLS_ROLE_CLIENT) {
        stls_conn_find_session(conn);
    }
    stls_be_conn_settings settings = {
        .upcalls = &stls_conn_upcalls,
        .core = conn,
        .handshake = conn->handshake->block,
        .server_name = conn->context->profile->role == STLS_ROLE_CLIENT && conn->server_name[0]
                           ? conn->server_name
                           : NULL,
        .session = conn->handshake->session != NULL ? conn->handshake->session->state
                                                    : (stls_bytes){NULL, 0},
    };
    stls_be_failure failure;
    stls_failure_none(&failure);
    conn->initialised = true;
    conn->started_ms = (uint32_t)stls_now_ms();
    stls_be_status status =
        stls_guard_begin(&conn->io.guard, conn->context->profile)
            ? backend_of(conn)->conn_init(conn->block, conn->context->block, &settings, &failure)
            : STLS_BE_NO_MEMORY;
    if (status != STLS_BE_OK) {
        return stls_conn_fail(conn, status, &failure, "the start of the handshake");
    }
    conn->state = STLS_CONN_HANDSHAKE;
    return STLS_OK;
}

static bool is_listed(const stls_code_list *list, uint16_t code) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->at[i] == code) {
            return true;
        }
    }
    return false;
}

/* Which of the profile's protocols it is, the first is 1; 0: none of them. */
static uint8_t find_protocol(const stls_profile *profile, const stls_be_info *info) {
    stls_bytes protocols[STLS_ALPN_MAX];
    size_t count = stls_alpn_split(profile->alpn, protocols);
    for (size_t i = 0; i < count; i++) {
        if (protocols[i].len == info->alpn_len &&
            memcmp(protocols[i].data, info->alpn, info->alpn_len) == 0) {
            return (uint8_t)(i + 1);
        }
    }
    return 0;
}

/* What was negotiated must be what was asked for, whatever the library thinks. */
static const char *what_was_not_asked_for(const stls_profile *profile, const stls_be_info *info) {
    if (info->version < profile->version_min || info->version > profile->version_max) {
        return "a TLS version";
    }
    if (!is_listed(&profile->suites, info->suite) ||
        stls_suite_version(info->suite) != info->version) {
        return "a cipher suite";
    }
    if (info->group != 0 && !is_listed(&profile->groups, info->group)) {
        return "a group";
    }
    if (info->scheme != 0 && !is_listed(&profile->schemes, info->scheme)) {
        return "a signature scheme";
    }
    if (info->alpn_len != 0 && find_protocol(profile, info) == 0) {
        return "an application protocol";
    }
    return NULL;
}

/* Whether anything is known that must not be behind a complete handshake. */
static bool is_ruled_out(const stls_conn *conn) {
    return !conn->accepted || conn->broken_contract || conn->refused_host ||
           conn->alert_received != STLS_ALERT_NONE;
}

/* Whether the peer is one that may be behind a complete handshake; if not, the connection ends. */
static stls_result check_peer(stls_conn *conn) {
    const stls_backend *backend = backend_of(conn);
    bool is_server = conn->context->profile->role == STLS_ROLE_SERVER;
    if (conn->agreed.resumed && !stls_conn_restore(conn)) {
        conn->agreed.resumed = false;
        conn->accepted = false;
        stls_error *reason = stls_conn_reason(conn);
        return stls_conn_end(
            conn,
            conn->io.no_memory
                ? stls_fail(reason, STLS_E_NO_MEMORY, "no memory during the handshake")
                : stls_fail(reason, STLS_E_BACKEND,
                            "%s resumed a session that was not offered: refused", backend->name));
    }
    if (is_server && conn->selected && !conn->judged) {
        stls_conn_judge(conn, conn->agreed.version, NULL, NULL, 0);
    }
    if (!conn->judged || (is_server && !conn->selected)) {
        return stls_conn_end(
            conn, stls_fail(stls_conn_reason(conn), STLS_E_BACKEND,
                            "%s ended the handshake without asking %s: refused", backend->name,
                            is_server ? "which host the client wants"
                                      : "whether the server's certificate is good"));
    }
    return is_ruled_out(conn) ? fail_here(conn, STLS_BE_FAILED, "the handshake") : STLS_OK;
}

/* The library is content. Are we? */
static stls_result finish(stls_conn *conn) {
    const stls_profile *profile = conn->context->profile;
    stls_be_info info;
    backend_of(conn)->conn_info(conn->block, &info);
    conn->agreed = (stls_agreed){
        .version = info.version,
        .suite = info.suite,
        .group = info.group,
        .scheme = info.scheme,
        .protocol = find_protocol(profile, &info),
        .resumed = info.resumed,
        .extended_master = stls_guard_extended_master(&conn->io),
    };
    stls_result result = check_peer(conn);
    if (result != STLS_OK) {
        return result;
    }
    const char *surprise = what_was_not_asked_for(profile, &info);
    if (surprise != NULL) {
        return stls_conn_end(conn,
                             stls_fail(stls_conn_reason(conn), STLS_E_NOT_APPLIED,
                                       "%s negotiated %s that the profile does not allow: refused",
                                       backend_of(conn)->name, surprise));
    }
    if (!conn->agreed.resumed) {
        conn->proved_at = stls_profile_now(profile);
    }
    conn->handshake_ms = ms_since_start(conn);
    conn->state = STLS_CONN_FINISHED;
    stls_flood_begin(&conn->io.flood);
    return STLS_OK;
}

static stls_result fail_late(stls_conn *conn) {
    unsigned limit = conn->context->profile->handshake_timeout_ms;
    if (conn->judged && !conn->accepted) { /* OpenSSL's client goes on a little to send its alert */
        return fail_here(conn, STLS_BE_FAILED, "the handshake");
    }
    stls_error *reason = stls_conn_reason(conn);
    if (conn->io.bytes_in == 0) {
        stls_error_fill(reason, STLS_E_TIMEOUT,
                        "the peer has sent nothing within %u ms: does it speak TLS on this port?",
                        limit);
    } else {
        stls_error_fill(reason, STLS_E_TIMEOUT,
                        "the handshake was not complete after %u ms (the peer has sent %llu bytes)",
                        limit, (unsigned long long)conn->io.bytes_in);
    }
    return stls_conn_end(conn, STLS_E_TIMEOUT);
}

/* One turn of the backend, and what it left is written out. */
static stls_result turn_handshake(stls_conn *conn) {
    stls_be_failure failure;
    stls_scratch scratch;
    stls_failure_none(&failure);
    stls_io_begin(&conn->io, &scratch);
    stls_be_status status = backend_of(conn)->conn_handshake(conn->block, &failure);
    stls_result result = STLS_WANT_READ;
    if (status == STLS_BE_OK) {
        result = finish(conn);
    } else if (status != STLS_BE_WANT_READ) {
        result = stls_conn_fail(conn, status, &failure, "the handshake");
    }
    stls_result written = stls_io_end(&conn->io);
    if (written == STLS_OK || conn->state == STLS_CONN_FAILED) {
        return result;
    }
    return written;
}

/* Writes out what is left of an earlier call. */
static stls_result flush(stls_conn *conn) {
    stls_scratch scratch;
    stls_io_begin(&conn->io, &scratch);
    return stls_io_end(&conn->io);
}

static stls_result go_on(stls_conn *conn) {
    stls_result result = conn->state == STLS_CONN_FINISHED ? flush(conn) : turn_handshake(conn);
    if (result == STLS_E_TRANSPORT && conn->state == STLS_CONN_HANDSHAKE) {
        /* The peer may have said why before it closed its end. */
        result = turn_handshake(conn);
    }
    if (conn->state == STLS_CONN_FAILED) {
        return conn->result;
    }
    if (result == STLS_E_TRANSPORT || result == STLS_E_NO_MEMORY) {
        return fail_here(conn, STLS_BE_FAILED, "the handshake");
    }
    if (conn->state == STLS_CONN_FINISHED && result == STLS_OK) {
        conn->state = STLS_CONN_OPEN;
    }
    return result;
}

stls_result stls_conn_handshake(stls_conn *conn) {
    stls_result result = check_use(conn);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->state == STLS_CONN_FAILED) {
        return conn->result;
    }
    if (conn->state == STLS_CONN_OPEN) {
        return STLS_OK;
    }
    if (conn->state == STLS_CONN_NEW) {
        result = start(conn);
    }
    if (result == STLS_OK) {
        result = go_on(conn);
        bool waits = result == STLS_WANT_READ || result == STLS_WANT_WRITE;
        result = waits && stls_conn_deadline(conn) == 0 ? fail_late(conn) : result;
    }
    if (conn->state != STLS_CONN_NEW && conn->state != STLS_CONN_HANDSHAKE) {
        stop_counting(conn);
        stls_conn_settle_sessions(conn);
    }
    if (conn->state == STLS_CONN_FINISHED || conn->state == STLS_CONN_OPEN) {
        end_handshake(conn); /* of one that failed the backend's part is needed to the end */
    }
    return result;
}

int stls_conn_deadline(const stls_conn *conn) {
    if (conn == NULL || conn->context->profile->handshake_timeout_ms == 0 ||
        (conn->state != STLS_CONN_HANDSHAKE && conn->state != STLS_CONN_FINISHED)) {
        return -1;
    }
    int64_t left = (int64_t)conn->context->profile->handshake_timeout_ms - ms_since_start(conn);
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* --- Bytes --- */

/* STLS_OK if `conn` is open for reading and writing. */
static stls_result check_open(stls_conn *conn) {
    stls_result result = check_use(conn);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->state == STLS_CONN_FAILED) {
        return conn->result;
    }
    if (conn->state != STLS_CONN_OPEN) {
        return tell(conn, &not_complete);
    }
    /* Bytes of a record are lost: whatever came behind them would be waited for in vain. */
    return conn->io.no_memory ? fail_here(conn, STLS_BE_NO_MEMORY, "an earlier call") : STLS_OK;
}

static stls_result tell_end(stls_conn *conn) {
    return tell(conn, conn->read_end == STLS_CLOSED ? &closed : &cut_off);
}

stls_result stls_conn_read(stls_conn *conn, void *data, size_t size, size_t *done) {
    if (done != NULL) {
        *done = 0;
    }
    stls_result result = check_open(conn);
    if (result != STLS_OK) {
        return result;
    }
    if (data == NULL || size == 0 || done == NULL) {
        return tell(conn, &nowhere_to_read);
    }
    if (conn->read_end != STLS_NOT_DONE) {
        return tell_end(conn);
    }
    stls_be_failure failure;
    stls_scratch scratch;
    size_t got = 0;
    stls_failure_none(&failure);
    stls_io_begin(&conn->io, &scratch);
    stls_be_status status = backend_of(conn)->conn_read(conn->block, data, size, &got, &failure);
    stls_result written = stls_io_end(&conn->io);
    if (conn->broken_contract) {
        return fail_here(conn, STLS_BE_FAILED, "reading");
    }
    if (status == STLS_BE_OK && got > 0 && got <= size) {
        stls_flood_relent(&conn->io.flood);
        *done = got;
        return STLS_OK;
    }
    if (status == STLS_BE_WANT_READ && conn->io.no_memory) {
        return fail_here(conn, STLS_BE_NO_MEMORY, "reading");
    }
    if (status == STLS_BE_WANT_READ) {
        /* What an interrupted write has left is that write's business, not this read's. */
        return written == STLS_WANT_WRITE && (conn->write_taken == 0 || conn->io.held)
                   ? STLS_WANT_WRITE
                   : STLS_WANT_READ;
    }
    if (status == STLS_BE_CLOSED || status == STLS_BE_EOF) {
        conn->read_end = status == STLS_BE_CLOSED ? STLS_CLOSED : STLS_EOF;
        return tell_end(conn);
    }
    return stls_conn_fail(conn, status, &failure, "reading");
}

bool stls_conn_pending(const stls_conn *conn) {
    if (conn == NULL || conn->state != STLS_CONN_OPEN || conn->read_end != STLS_NOT_DONE) {
        return false;
    }
    union {
        const unsigned char *constant;
        unsigned char *block;
    } own = {conn->block}; /* asking the backend does not change what the caller can see */
    return stls_queue_len(conn->io.in) > 0 || stls_guard_ready(conn->io.guard) > 0 ||
           backend_of(conn)->conn_pending(own.block) > 0;
}

/* Encrypts up to WRITE_AT_ONCE bytes of `data`; `*taken` tells how many. */
static stls_result write_some(stls_conn *conn, const uint8_t *data, size_t len, size_t *taken) {
    const stls_backend *backend = backend_of(conn);
    size_t most = len < WRITE_AT_ONCE ? len : WRITE_AT_ONCE;
    for (*taken = 0; *taken < most;) {
        stls_be_failure failure;
        size_t count = 0;
        stls_failure_none(&failure);
        stls_be_status status =
            backend->conn_write(conn->block, data + *taken, most - *taken, &count, &failure);
        if (status != STLS_BE_OK || count == 0 || count > most - *taken || conn->broken_contract) {
            return stls_conn_fail(conn, status == STLS_BE_OK ? STLS_BE_FAILED : status, &failure,
                                  "writing");
        }
        *taken += count;
    }
    return STLS_OK;
}

stls_result stls_conn_write(stls_conn *conn, const void *data, size_t len, size_t *done) {
    if (done != NULL) {
        *done = 0;
    }
    stls_result result = check_open(conn);
    if (result != STLS_OK) {
        return result;
    }
    if ((data == NULL && len > 0) || done == NULL || len < conn->write_taken) {
        return tell(conn, len < conn->write_taken ? &fewer_to_write : &nothing_to_write);
    }
    if (conn->close_sent) {
        return tell(conn, &close_is_sent);
    }
    if (len == 0) {
        return STLS_OK;
    }
    stls_scratch scratch;
    if (stls_queue_len(conn->io.out) > WRITE_AT_ONCE) {
        (void)flush(conn);
    }
    stls_io_begin(&conn->io, &scratch);
    if (conn->write_taken == 0 && stls_queue_len(conn->io.out) <= WRITE_AT_ONCE &&
        !conn->io.send_failed) {
        result = write_some(conn, data, len, &conn->write_taken);
    }
    stls_result written = stls_io_end(&conn->io);
    if (result != STLS_OK) {
        return result;
    }
    if (written == STLS_OK && conn->write_taken > 0) {
        *done = conn->write_taken;
        conn->write_taken = 0;
        return STLS_OK;
    }
    if (written == STLS_E_TRANSPORT) {
        conn->write_taken = 0;
        return tell(conn, &broken_in_writing);
    }
    if (written == STLS_E_NO_MEMORY) {
        return fail_here(conn, STLS_BE_NO_MEMORY, "writing");
    }
    return STLS_WANT_WRITE;
}

stls_result stls_conn_update_keys(stls_conn *conn, bool both) {
    stls_result result = check_open(conn);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->close_sent || conn->io.send_failed) {
        return tell(conn, conn->close_sent ? &close_is_sent : &broken_in_writing);
    }
    if (conn->agreed.version != STLS_TLS1_3 ||
        !stls_backend_can(backend_of(conn), STLS_CAN_UPDATE_KEYS)) {
        return tell(conn, &no_key_update);
    }
    stls_be_failure failure = {0};
    stls_scratch scratch;
    stls_io_begin(&conn->io, &scratch);
    stls_be_status status = backend_of(conn)->conn_update_keys(conn->block, both, &failure);
    if (both) {
        stls_flood_relent(&conn->io.flood); /* the peer has to answer */
    }
    stls_result written = stls_io_end(&conn->io);
    if (status == STLS_BE_UNSUPPORTED) {
        return tell(conn, &no_key_update);
    }
    if (status != STLS_BE_OK) {
        return stls_conn_fail(conn, status, &failure, "a key update");
    }
    if (written == STLS_E_TRANSPORT) {
        return tell(conn, &broken_in_writing);
    }
    if (written == STLS_E_NO_MEMORY) {
        return fail_here(conn, STLS_BE_NO_MEMORY, "a key update");
    }
    return written;
}

stls_result stls_conn_close(stls_conn *conn) {
    stls_result result = check_use(conn);
    if (result != STLS_OK) {
        return result;
    }
    if (conn->state != STLS_CONN_OPEN || conn->io.send_failed) {
        return STLS_OK;
    }
    stls_be_failure failure = {0};
    stls_scratch scratch;
    stls_io_begin(&conn->io, &scratch);
    if (!conn->close_sent) {
        conn->close_sent = true;
        backend_of(conn)->conn_close_notify(conn->block, &failure);
    }
    result = stls_io_end(&conn->io);
    return result == STLS_WANT_WRITE ? STLS_WANT_WRITE : STLS_OK;
}

/* --- What is known --- */

const stls_error *stls_conn_error(const stls_conn *conn) {
    return conn != NULL && conn->error != NULL ? conn->error : &nothing;
}

const stls_verdict *stls_conn_verdict(const stls_conn *conn) {
    static const stls_verdict none = {.alert = STLS_ALERT_NONE};
    return conn != NULL && conn->verdict != NULL ? conn->verdict : &none;
}

bool stls_conn_is_secure(const stls_conn *conn) {
    if (conn == NULL || conn->state != STLS_CONN_OPEN || !conn->accepted) {
        return false;
    }
    const stls_profile *profile = conn->context->profile;
    const stls_verdict *verdict = stls_conn_verdict(conn);
    bool names_asked =
        profile->role == STLS_ROLE_CLIENT || profile->rules.identity == STLS_IDENTITY_LIST;
    if (names_asked) {
        return stls_verdict_is_secure(verdict);
    }
    return verdict->state == STLS_VERDICT_ACCEPTED && verdict->flags == 0;
}

size_t stls_conn_peer_count(const stls_conn *conn) {
    return conn != NULL ? conn->peer_count : 0;
}

stls_bytes stls_conn_peer_certificate(const stls_conn *conn, size_t index) {
    if (conn == NULL || index >= conn->peer_count) {
        return (stls_bytes){NULL, 0};
    }
    return conn->peer_chain[index];
}

void stls_conn_get_info(const stls_conn *conn, stls_conn_info *info) {
    if (info == NULL) {
        return;
    }
    *info = (stls_conn_info){0};
    if (conn == NULL) {
        return;
    }
    info->version = conn->agreed.version;
    info->suite = conn->agreed.suite;
    info->group = conn->agreed.group;
    info->peer_scheme = conn->agreed.scheme;
    if (conn->agreed.protocol != 0) {
        stls_bytes protocols[STLS_ALPN_MAX];
        stls_alpn_split(conn->context->profile->alpn, protocols);
        stls_bytes protocol = protocols[conn->agreed.protocol - 1];
        memcpy(info->alpn, protocol.data, protocol.len);
    }
    memcpy(info->server_name, conn->server_name, strlen(conn->server_name));
    info->resumed = conn->agreed.resumed;
    info->handshake_ms = conn->handshake_ms;
    info->bytes_in = conn->io.bytes_in;
    info->bytes_out = conn->io.bytes_out;
}

void stls_conn_memory(const stls_conn *conn, stls_conn_memory_use *use) {
    if (use == NULL) {
        return;
    }
    *use = (stls_conn_memory_use){.own = 0};
    if (conn == NULL) {
        return;
    }
    union {
        const unsigned char *constant;
        unsigned char *block;
    } own = {conn->block}; /* asking the backend does not change what the caller can see */
    use->own = sizeof *conn + backend_of(conn)->conn_size + strlen(stls_conn_named(conn)) + 1 +
               stls_queue_memory(conn->io.in) + stls_queue_memory(conn->io.out) +
               stls_guard_memory(conn->io.guard);
    use->own += conn->own_name != NULL ? strlen(conn->own_name) + 1 : 0;
    use->own += conn->verdict != NULL ? sizeof *conn->verdict : 0;
    use->own += conn->reason != NULL ? sizeof *conn->reason : 0;
    use->own += conn->end_point != NULL ? sizeof *conn->end_point : 0;
    if (conn->handshake != NULL) {
        use->own += sizeof *conn->handshake + backend_of(conn)->handshake_size +
                    conn->handshake->record.size;
    }
    if (conn->peer_chain != NULL) {
        use->own += conn->peer_count * sizeof *conn->peer_chain;
        for (size_t i = 0; i < conn->peer_count; i++) {
            use->own += conn->peer_chain[i].len;
        }
    }
    use->library = conn->initialised ? backend_of(conn)->conn_memory(own.block) : 0;
}

stls_context *stls_conn_context(const stls_conn *conn) {
    return conn != NULL ? conn->context : NULL;
}
