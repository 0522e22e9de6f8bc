/* siptls/conn.h - one TLS connection.
 *
 * The model: a connection stands between the application and a transport that carries bytes in
 * order. Three transports: two callbacks of yours; a socket; or memory, where you hand in what came
 * and take out what is to go (for event loops, WebSockets, tests).
 *
 *     stls_conn_new()  ->  one of stls_conn_set_transport / _set_fd / _use_memory
 *         ->  stls_conn_handshake() until STLS_OK
 *         ->  stls_conn_read() / stls_conn_write()  ->  stls_conn_close()  ->  stls_conn_free()
 *
 * Every call that moves bytes answers an stls_result: STLS_OK; STLS_WANT_READ or STLS_WANT_WRITE
 * when the transport cannot go on now (wait for it, and make the same call again; a read may want
 * to write, and a write to read); STLS_CLOSED for a proper end, STLS_EOF for one that may have cut
 * off data; or an error. STLS_E_ARGUMENT, STLS_E_STATE and STLS_E_UNSUPPORTED are about the call:
 * it has done nothing, and the connection goes on. Any other is final: every later call gives the
 * same one. (But one: a write that answers STLS_E_TRANSPORT leaves the connection open for reading
 * what the peer has sent before; writes go on answering it until a read answers an error.)
 * stls_conn_error() has the sentence.
 *
 * All bytes of one call go out in one piece, those of a call that sends more than 8 KB in pieces of
 * at least that and a last one. Tickets, key updates and handshake steps never surface.
 *
 * Thread rules: one thread at a time for one connection. Callbacks run inside the call that needs
 * them and must not call back into the same connection.
 *
 * After fork(), a connection that was made before belongs to the parent. In the child its calls
 * answer STLS_E_STATE, at once, whatever other threads of the parent were doing. The child may free
 * it: siptls's memory is given back; the TLS library's part of it, and the context, which stays
 * held, end with the child. What goes into the library, such as a new connection, or the end of a
 * context, works in the child if no other thread of the parent was in a call of siptls when it was
 * forked. Else the library may wait for ever for a lock that such a thread had: such a child leaves
 * all that alone, and goes on to exec() or _exit().
 *
 * SPDX-License-Identifier: MIT */
#ifndef SIPTLS_CONN_H
#define SIPTLS_CONN_H

#include <siptls/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stls_conn stls_conn;

/* --- Life */

/* A connection on `context`, into `*conn`; it holds the context.
 *
 * `peer`, for a client: whom the server must prove to be, and the name sent as SNI if it is a DNS
 * name. In identity mode SIP this is the SIP domain of the request, before any DNS look-up; a name,
 * an IPv4 or IPv6 address (brackets allowed), or a whole sip: or sips: URI, whose host counts. A
 * client that verifies must name its peer unless the mode is LIST or NONE: STLS_E_ARGUMENT; what is
 * no name: STLS_E_FORMAT. For a server: NULL. */
STLS_API stls_result stls_conn_new(stls_context *context, const char *peer, stls_conn **conn,
                                   stls_error *error);

/* Frees it, without a word to the peer: stls_conn_close() comes first. Does not close a descriptor.
 * NULL is allowed. */
STLS_API void stls_conn_free(stls_conn *conn);

/* A client: sends `host` as SNI instead of the peer's name; NULL: none. Before the handshake. */
STLS_API stls_result stls_conn_set_server_name(stls_conn *conn, const char *host,
                                               stls_error *error);

/* A pointer of yours that the connection carries. */
STLS_API void stls_conn_set_user_data(stls_conn *conn, void *data);
STLS_API void *stls_conn_user_data(const stls_conn *conn);

/* --- Transports: exactly one, before the handshake */

/* Both may block until they can go on; neither may call back into the connection.
 *
 * Sends at most `len` bytes; STLS_OK with `*done` > 0, STLS_WANT_WRITE, or STLS_E_TRANSPORT. */
typedef stls_result (*stls_send)(void *arg, const uint8_t *data, size_t len, size_t *done);

/* Receives at most `size` bytes; STLS_OK with `*done` > 0, STLS_WANT_READ, STLS_EOF, or
 * STLS_E_TRANSPORT. */
typedef stls_result (*stls_recv)(void *arg, uint8_t *data, size_t size, size_t *done);

STLS_API stls_result stls_conn_set_transport(stls_conn *conn, stls_send send, stls_recv recv,
                                             void *arg, stls_error *error);

/* A connected stream socket, blocking or not; one that blocks may be made one that does not at any
 * time between calls. It stays the caller's. No SIGPIPE is raised. Advice: set TCP_NODELAY. */
STLS_API stls_result stls_conn_set_fd(stls_conn *conn, int fd, stls_error *error);

/* Waits until the socket of stls_conn_set_fd() can do what `wanted` (STLS_WANT_READ or
 * STLS_WANT_WRITE) asks for, for at most `timeout_ms` (negative: for ever), and during the
 * handshake no longer than its deadline. Does not wait to read if stls_conn_pending(). STLS_OK:
 * make the call again. STLS_E_TIMEOUT: time is up. For programs without an event loop.
 */
STLS_API stls_result stls_conn_wait(stls_conn *conn, stls_result wanted, int timeout_ms);

STLS_API stls_result stls_conn_use_memory(stls_conn *conn, stls_error *error);

/* Memory transport: hands in bytes that came from the peer; they are copied. STLS_E_LIMIT if more
 * than STLS_MEMORY_MAX are waiting to be read; STLS_E_NO_MEMORY: make the call again. In both cases
 * nothing was taken. */
enum { STLS_MEMORY_MAX = 1024 * 1024 };
STLS_API stls_result stls_conn_feed(stls_conn *conn, const void *data, size_t len);

/* Memory transport: no more bytes will come. */
STLS_API stls_result stls_conn_feed_eof(stls_conn *conn);

/* Memory transport: the bytes that are to go to the peer, valid until the next call on this
 * connection; and how many of them have gone. */
STLS_API stls_bytes stls_conn_peek(const stls_conn *conn);
STLS_API stls_result stls_conn_consume(stls_conn *conn, size_t len);

/* --- Bytes */

/* Goes on with the handshake. STLS_OK when it is complete on this side and the verdict allows it.
 * In TLS 1.3 a server judges a client's certificate after the client is done: its refusal then
 * comes from the client's first read, as STLS_E_ALERT. */
STLS_API stls_result stls_conn_handshake(stls_conn *conn);

/* Milliseconds until the handshake's deadline; 0 if it has passed (call stls_conn_handshake() to
 * get the error); -1 if there is none or the handshake is over. For the time-out of an event loop.
 */
STLS_API int stls_conn_deadline(const stls_conn *conn);

/* Reads up to `size` bytes into `data`. STLS_OK with `*done` > 0. An event loop must read until
 * STLS_WANT_READ: bytes may be waiting inside (stls_conn_pending()) that make no socket readable.
 */
STLS_API stls_result stls_conn_read(stls_conn *conn, void *data, size_t size, size_t *done);

/* Whether a read may give something without the transport having received anything more. */
STLS_API bool stls_conn_pending(const stls_conn *conn);

/* Writes up to `len` bytes. STLS_OK with `*done` > 0: so many are written; go on with the rest.
 * After STLS_WANT_WRITE call again with the same bytes, or more behind them; they may have moved to
 * another address. (With fewer: STLS_E_ARGUMENT, and the write that waits can still go on.) A
 * length of 0 is else STLS_OK and does nothing. Allowed after the peer has closed its side. */
STLS_API stls_result stls_conn_write(stls_conn *conn, const void *data, size_t len, size_t *done);

/* Sends close_notify, once; the peer's side stays open for reading. Nothing is sent after an error,
 * nor before the handshake is complete: STLS_OK all the same. STLS_WANT_WRITE: call again. */
STLS_API stls_result stls_conn_close(stls_conn *conn);

/* --- What is known */

/* The last error or unusual end, valid as long as the connection; `result` is STLS_NOT_DONE as long
 * as there was none. To be asked for anew after each call. */
STLS_API const stls_error *stls_conn_error(const stls_conn *conn);

/* The verdict on the peer; state NOT_DONE if none was given: ask again when the handshake is over.
 * Valid as long as the connection; the latest, if it was given again. */
STLS_API const stls_verdict *stls_conn_verdict(const stls_conn *conn);

/* Judges the peer of an open connection again: what it showed in the handshake, by the clock of
 * now. For connections that live for weeks: certificates expire, CRLs name them, a clock gets set.
 *
 * `context` has the rules: NULL, the connection's own; or a newer one of the same role, with
 * another trust, newer CRLs, other tolerated flags. It decides as it would in a handshake now: by
 * its verify mode (a server's: that of the host that the client asked for, where there is one) and
 * its identity mode, with the name that was given to stls_conn_new(). It is not held, and the
 * connection stays on its own. It may be on another backend.
 *
 * STLS_OK: the peer would be let in. (By a server with OPTIONAL_ANY, whatever the verdict; with
 * OPTIONAL, without certificate.) STLS_E_VERIFY: it would not, and the sentence says why. Either
 * way the connection's verdict is the new one from then on, and stls_conn_is_secure() follows it
 * (whether a server's lock needs a name is a matter of the connection's own profile).
 *
 * Nothing is sent, and the connection stays open for reading and writing: to end it is up to the
 * caller, by stls_conn_close(). Most of its cost, the signatures, the context remembers.
 *
 * The verdict stays as it was with any other answer: STLS_E_STATE before the handshake is complete,
 * after a failure, and if the context's verify mode is NONE; STLS_E_ARGUMENT for a context of the
 * other role, a verifier, or one that needs a name where the connection has none; STLS_E_REFUSED
 * for one that does not serve the host that the client asked for; STLS_E_NO_MEMORY.
 * stls_conn_error() is not touched.
 *
 * When to call it: when something has changed; and by time alone, not before the verdict's
 * `next_expiry`, so that a server with many connections can sort them by that instead of asking
 * each again and again.
 *
 * Thread rules: as any call on the connection; `context` may be shared. */
STLS_API stls_result stls_conn_revalidate(stls_conn *conn, const stls_context *context,
                                          stls_error *error);

/* The lock icon: the handshake is complete, the peer was verified without anything being tolerated,
 * and the name it was asked to prove matched. A server's client must have shown a good certificate;
 * if the profile names no names, that is enough. */
STLS_API bool stls_conn_is_secure(const stls_conn *conn);

/* Certificate `index` (0: the leaf) of the `count` that the peer sent, DER, valid as long as the
 * connection; {NULL, 0} behind the last. */
STLS_API size_t stls_conn_peer_count(const stls_conn *conn);
STLS_API stls_bytes stls_conn_peer_certificate(const stls_conn *conn, size_t index);

/* Facts of the handshake. Numbers of the IANA registries; 0: not known. */
typedef struct stls_conn_info {
    uint16_t version, suite, group;
    uint16_t peer_scheme;         /* of the peer's signature in the handshake */
    char alpn[256];               /* "": none */
    char server_name[256];        /* SNI: what a client sent or a server got; "": none */
    bool resumed;                 /* a session of an earlier connection was resumed */
    unsigned handshake_ms;        /* from the first handshake call to the last */
    uint64_t bytes_in, bytes_out; /* on the transport */
} stls_conn_info;
STLS_API void stls_conn_get_info(const stls_conn *conn, stls_conn_info *info);

STLS_API stls_context *stls_conn_context(const stls_conn *conn);

/* Heap that the connection holds now, bytes: siptls's own, and the TLS library's, which is 0 where
 * the library does not tell (docs/backends.md). Neither the context is counted, nor a session that
 * is offered or resumed in the handshake. */
typedef struct stls_conn_memory_use {
    size_t own, library;
} stls_conn_memory_use;
STLS_API void stls_conn_memory(const stls_conn *conn, stls_conn_memory_use *use);

/* --- Keys */

/* Fills `out` with `len` bytes (1 to STLS_EXPORT_MAX) of keying material for `label` (ASCII, ended
 * by NUL, 1 to 249 characters; RFC 5705, RFC 8446 section 7.5). Both ends get the same. `context`
 * NULL: without a context, which TLS 1.2 tells from an empty one; else at most 65535 bytes.
 * STLS_E_ARGUMENT also for a label that begins with one of TLS's own, such as "master secret".
 * STLS_E_STATE: the handshake is not complete, or the profile did not ask for it
 * (stls_profile_set_exporter()). STLS_E_UNSUPPORTED: in TLS 1.2, of a peer without the extended
 * master secret (RFC 7627 section 5.4). STLS_E_BACKEND: some libraries do not take labels and
 * contexts of that length (docs/backends.md). */
enum { STLS_EXPORT_MAX = 4096 };
STLS_API stls_result stls_conn_export(stls_conn *conn, const char *label, const void *context,
                                      size_t context_len, uint8_t *out, size_t len,
                                      stls_error *error);

/* Channel bindings, for authentication inside the connection. */
typedef enum stls_channel_binding {
    STLS_BINDING_TLS_EXPORTER = 1, /* "tls-exporter" (RFC 9266): needs the exporter; 32 bytes */
    STLS_BINDING_TLS_SERVER_END_POINT = 2, /* "tls-server-end-point" (RFC 5929 section 4): a digest
                                              of the server's certificate, in a resumed connection
                                              of the one that was shown at first */
} stls_channel_binding;

/* The binding, without its name, into `out` (STLS_BINDING_MAX bytes), its length into `*len`.
 * STLS_E_STATE as above, also if there is no certificate; STLS_E_UNSUPPORTED as above, and
 * tls-server-end-point is not defined for the signature of this certificate (Ed25519). */
enum { STLS_BINDING_MAX = 64 };
STLS_API stls_result stls_conn_channel_binding(stls_conn *conn, stls_channel_binding binding,
                                               uint8_t out[STLS_BINDING_MAX], size_t *len,
                                               stls_error *error);

/* TLS 1.3: replaces our sending keys, and asks the peer to replace its own if `both` (RFC 8446
 * section 4.6.3). For connections that live for months. STLS_E_UNSUPPORTED, and the connection
 * goes on: in TLS 1.2, without STLS_CAN_UPDATE_KEYS, and with wolfSSL unless `both`, for it always
 * asks. A peer without it may end the connection. STLS_WANT_WRITE: done, but not all is written
 * out; the next call that writes does it. */
STLS_API stls_result stls_conn_update_keys(stls_conn *conn, bool both);

#ifdef __cplusplus
}
#endif
#endif
