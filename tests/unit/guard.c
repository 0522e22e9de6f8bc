/* tests/unit/guard.c - the guard before the library: bytes of a peer in, bytes for the library or a
 * complaint out, however the transport and the library cut them.
 *
 * Messages are written as bytes in hexadecimal. N[...] is a vector behind N octets of length, XX*N
 * a byte N times.
 *
 * SPDX-License-Identifier: MIT */
#include "api/guard.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SIZE = 1 << 17, CHAIN_MAX = 1000 };

/* --- The language of messages --- */

typedef struct buffer {
    size_t len;
    uint8_t data[SIZE];
} buffer;

static void add_byte(buffer *out, unsigned long byte) {
    CU_ASSERT_FATAL(byte < 256 && out->len < SIZE);
    out->data[out->len++] = (uint8_t)byte;
}

/* Adds what `text` says, up to the end of its vector; what is behind that. */
static const char *write_text(buffer *out, const char *text) {
    while (*text != '\0' && *text != ']') {
        char *end;
        if (*text == ' ') {
            text++;
        } else if (text[1] == '[') {
            size_t octets = (size_t)(text[0] - '0'), start = out->len;
            for (size_t i = 0; i < octets; i++) {
                add_byte(out, 0);
            }
            text = write_text(out, text + 2);
            CU_ASSERT_FATAL(*text++ == ']');
            size_t len = out->len - start - octets;
            for (size_t i = 0; i < octets; i++) {
                out->data[start + i] = (uint8_t)(len >> 8 * (octets - 1 - i));
            }
        } else {
            const char digits[] = {text[0], text[1], '\0'};
            unsigned long byte = strtoul(digits, &end, 16), times = 1;
            CU_ASSERT_FATAL(*end == '\0');
            text += 2;
            if (*text == '*') {
                times = strtoul(text + 1, &end, 10);
                text = end;
            }
            while (times-- > 0) {
                add_byte(out, byte);
            }
        }
    }
    return text;
}

static stls_bytes bytes_of(buffer *out, const char *text) {
    out->len = 0;
    CU_ASSERT_FATAL(*write_text(out, text != NULL ? text : "") == '\0');
    return (stls_bytes){out->data, out->len};
}

#define RECORD(body) "16 0303 2[" body "]"
#define CCS          "14 0303 2[01]"
#define WARNING      "15 0303 2[01 5a]"
#define ENCRYPTED    "17 0303 2[ee*40]"

#define RANDOM    "aa*32"
#define VERSIONS  "002b 2[1[0304 0303]]"
#define GROUPS    "000a 2[2[001d 0017 11ec]]"
#define SCHEMES   "000d 2[2[0403]]"
#define SHARE     "0033 2[2[001d 2[cc*32]]]"
#define NAME      "0000 2[2[00 2[61 2e 62]]]"
#define ALPN      "0010 2[2[1[73 69 70]]]"
#define MASTER    "0017 2[]"
#define PSK       "0029 2[2[2[99*20] 00000000] 2[1[bb*32]]]"
#define PSK_MODES "002d 2[1[01]]"
#define HELLO_BODY(suites, compressions, extensions)                                               \
    "0303 " RANDOM " 1[dd*32] 2[" suites "] 1[" compressions "] 2[" extensions "]"
#define HELLO(extensions) "01 3[" HELLO_BODY("1301 c02b", "00", extensions) "]"
#define HELLO_1_3         HELLO(NAME VERSIONS GROUPS SCHEMES SHARE ALPN MASTER)
#define HELLO_1_2         HELLO(GROUPS SCHEMES ALPN MASTER)

#define ANSWER(random, suite, extensions)                                                          \
    "02 3[0303 " random " 1[dd*32] " suite " 00 2[" extensions "]]"
#define ANSWER_1_3     ANSWER(RANDOM, "1301", "002b 2[0304] 0033 2[001d 2[cc*32]]")
#define ANSWER_1_2     ANSWER(RANDOM, "c02b", MASTER)
#define RETRY_RANDOM   "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
#define RETRY_OF(more) ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[0017]" more)
#define RETRY          RETRY_OF("")
#define CERTIFICATE    "0b 3[cc*200]"
#define DONE           "0e 3[]"
#define REQUEST        "00 3[]" /* HelloRequest */

/* --- The transport, and what is played on it --- */

typedef struct wire {
    buffer in, out;
    size_t read, piece;
} wire;

static stls_result wire_recv(void *arg, uint8_t *data, size_t size, size_t *done) {
    wire *w = arg;
    size_t left = w->in.len - w->read, most = size < w->piece ? size : w->piece;
    *done = left < most ? left : most;
    memcpy(data, w->in.data + w->read, *done);
    w->read += *done;
    return *done > 0 ? STLS_OK : STLS_WANT_READ;
}

static stls_result wire_send(void *arg, const uint8_t *data, size_t len, size_t *done) {
    wire *w = arg;
    CU_ASSERT_FATAL(w->out.len + len <= SIZE);
    memcpy(w->out.data + w->out.len, data, len);
    w->out.len += len;
    *done = len;
    return STLS_OK;
}

/* `sent` by the library, then `in` from the peer, and `out` is what the library gets; NULL: the
 * same as `in`. */
typedef struct step {
    const char *sent, *in, *out;
} step;

/* What the backend is told of the hellos. */
typedef struct told {
    const char *suites, *groups, *server_name, *identities;
    size_t max_fragment;
    bool extended_master;
    uint16_t group;
} told;

typedef struct guard_case {
    const char *name;
    stls_role role;
    uint16_t version_min, version_max;
    step steps[4];
    stls_result result; /* STLS_NOT_DONE: no complaint */
    uint8_t alert;
    const char *text; /* a part of the complaint */
    const told *told; /* at the end; NULL: not looked at */
} guard_case;

/* How bytes are cut: by the transport, and by the library's reads and writes. */
static const struct {
    size_t piece, bite, sent;
} cuts[] = {{SIZE, SIZE, SIZE}, {1, SIZE, 1}, {SIZE, 1, 7}, {7, 5, SIZE}, {4096, 4096, 4096}};

static void send_in_parts(stls_guard *guard, stls_bytes sent, size_t size) {
    for (size_t at = 0; at < sent.len; at += size) {
        size_t len = sent.len - at < size ? sent.len - at : size;
        stls_guard_sent(guard, sent.data + at, len);
    }
}

/* Reads all that the library may have; why it ends. */
static stls_be_status read_all(stls_io *io, size_t bite, buffer *got) {
    stls_be_status status = STLS_BE_OK;
    got->len = 0;
    while (status == STLS_BE_OK) {
        size_t len = 0, room = SIZE - got->len;
        status = stls_io_recv(io, got->data + got->len, bite < room ? bite : room, &len);
        got->len += len;
    }
    return status;
}

static void check_complaint(const guard_case *c, const stls_io *io, const wire *w) {
    const stls_complaint *complaint = stls_guard_complaint(io->guard);
    if (CHECK(complaint != NULL, "there is no complaint")) {
        const uint8_t alert[] = {21, 3, 3, 0, 2, 2, c->alert};
        CHECK_NUMBER("result", complaint->result, c->result);
        CHECK_CONTAINS("complaint", complaint->text, c->text);
        CHECK_BYTES("alert", ((stls_bytes){w->out.data, w->out.len}),
                    ((stls_bytes){alert, sizeof alert}));
    }
}

static void check_part(const char *what, stls_bytes part, const char *expected) {
    static buffer text;
    CHECK_BYTES(what, part, bytes_of(&text, expected));
}

static void check_told(const told *expected, const stls_be_hello *hello) {
    if (CHECK(hello != NULL, "nothing is told")) {
        check_part("suites", hello->suites, expected->suites);
        check_part("groups", hello->groups, expected->groups);
        check_part("server name", hello->server_name, expected->server_name);
        check_part("identities", hello->identities, expected->identities);
        CHECK_NUMBER("longest fragment", hello->max_fragment, expected->max_fragment);
        CHECK_NUMBER("extended master secret", hello->extended_master, expected->extended_master);
        CHECK_NUMBER("group", hello->group, expected->group);
    }
}

static void play_cut(const guard_case *c, size_t cut) {
    static wire w;
    static buffer text, got;
    stls_scratch scratch;
    stls_profile profile = {.role = c->role,
                            .version_min = c->version_min,
                            .version_max = c->version_max,
                            .rules.chain_bytes_max = CHAIN_MAX};
    stls_io io = {
        .kind = STLS_TRANSPORT_CALLBACKS, .recv = wire_recv, .send = wire_send, .arg = &w};
    w.in.len = w.out.len = w.read = 0;
    w.piece = cuts[cut].piece;
    check_case("%s, cut %zu", c->name, cut);
    CU_ASSERT_FATAL(stls_guard_begin(&io.guard, &profile));
    CHECK(stls_guard_hello(io.guard) == NULL, "something is told before anything came");
    bool complained = false;
    for (size_t i = 0; i < COUNT(c->steps) && !complained; i++) {
        const step *s = &c->steps[i];
        send_in_parts(io.guard, bytes_of(&text, s->sent), cuts[cut].sent);
        stls_bytes in = bytes_of(&text, s->in);
        memcpy(w.in.data + w.in.len, in.data, in.len);
        w.in.len += in.len;
        stls_io_begin(&io, &scratch);
        stls_be_status status = read_all(&io, cuts[cut].bite, &got);
        stls_io_end(&io);
        complained = status == STLS_BE_FAILED;
        if (complained ? c->result == STLS_NOT_DONE : s->in != NULL) {
            CHECK_NUMBER("status", status, STLS_BE_WANT_READ);
            CHECK_BYTES("for the library", ((stls_bytes){got.data, got.len}),
                        bytes_of(&text, s->out != NULL ? s->out : s->in));
        }
    }
    if (c->result != STLS_NOT_DONE) {
        check_complaint(c, &io, &w);
    }
    if (c->told != NULL) {
        check_told(c->told, stls_guard_hello(io.guard));
    }
    stls_io_free(&io);
}

static void play(const guard_case *table, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t cut = 0; cut < COUNT(cuts); cut++) {
            play_cut(&table[i], cut);
        }
    }
}

#define SERVER                 .role = STLS_ROLE_SERVER, .version_min = STLS_TLS1_2, .version_max = STLS_TLS1_3
#define CLIENT                 .role = STLS_ROLE_CLIENT, .version_min = STLS_TLS1_2, .version_max = STLS_TLS1_3
#define PROTOCOL(number, part) .result = STLS_E_PROTOCOL, .alert = (number), .text = (part)
#define UNSHARED(number, part) .result = STLS_E_NOTHING_SHARED, .alert = (number), .text = (part)
#define TOO_LONG(number, part) .result = STLS_E_LIMIT, .alert = (number), .text = (part)

/* --- Records and messages --- */

#define EARLY_11                                                                                   \
    ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED ENCRYPTED      \
        ENCRYPTED ENCRYPTED
#define EARLY_33           EARLY_11 EARLY_11 EARLY_11
#define OFFERED            "0029 2[2[2[07*60] 00000000] 2[1[08*32]]]"
#define EARLY_HELLO(share) HELLO(VERSIONS GROUPS SCHEMES "002d 2[1[01]] 002a 2[]" share OFFERED)
#define LATER_HELLO(share) HELLO(VERSIONS GROUPS SCHEMES "002d 2[1[01]]" share OFFERED)

static const guard_case passing[] = {
    {"a ClientHello", SERVER, {{NULL, RECORD(HELLO_1_3), NULL}}},
    {"a ClientHello in an old record",
     SERVER,
     {{NULL, "16 0301 2[" HELLO_1_3 "]", RECORD(HELLO_1_3)}}},
    {"a ClientHello in two records",
     SERVER,
     {{NULL, RECORD("01 00002b 0303 " RANDOM) RECORD("1[] 2[1301 c02b] 1[00]"),
       RECORD("01 3[0303 " RANDOM " 1[] 2[1301 c02b] 1[00]]")}}},
    {"a client of TLS 1.3",
     SERVER,
     {{NULL, RECORD(HELLO_1_3), NULL}, {RECORD(ANSWER_1_3), CCS ENCRYPTED CCS, ENCRYPTED CCS}}},
    {"a client of TLS 1.3 that is asked again",
     SERVER,
     {{NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES "0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")),
       CCS RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE)),
       RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE))},
      {RECORD(ANSWER_1_3) CCS, ENCRYPTED, NULL}}},
    {"early data that a retry has refused is dropped",
     SERVER,
     {{NULL, RECORD(EARLY_HELLO("0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")),
       ENCRYPTED "17 0303 2[ee*16640]" RECORD(LATER_HELLO(SHARE)), RECORD(LATER_HELLO(SHARE))},
      {RECORD(ANSWER_1_3) CCS, ENCRYPTED, NULL}}},
    {"a client of TLS 1.2",
     SERVER,
     {{NULL, RECORD(HELLO_1_2), NULL},
      {RECORD(ANSWER_1_2 CERTIFICATE DONE), RECORD("10 3[99*30]") CCS RECORD("ee*40"), NULL}}},
    {"a client of TLS 1.2 that shows a certificate",
     SERVER,
     {{NULL, RECORD(HELLO_1_2), NULL},
      {RECORD(ANSWER_1_2) RECORD(DONE),
       RECORD("0b 0000c8 cc*100") RECORD("cc*100 10 3[99*30] 0f 0000") RECORD("05 77*5"),
       RECORD(CERTIFICATE) RECORD("10 3[99*30]") RECORD("0f 3[77*5]")}}},
    {"a server of TLS 1.3",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_3) CCS ENCRYPTED, RECORD(ANSWER_1_3) ENCRYPTED}}},
    {"a server of TLS 1.3 that asks again",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(RETRY) CCS, RECORD(RETRY)},
      {RECORD(HELLO(NAME VERSIONS GROUPS SCHEMES "0033 2[2[0017 2[cc*65]]]")),
       RECORD(ANSWER(RANDOM, "1301", "002b 2[0304] 0033 2[0017 2[cc*65]]")) ENCRYPTED, NULL}}},
    {"a ClientHello of ours in pieces",
     CLIENT,
     {{RECORD("01 00") RECORD("002b 0303 " RANDOM) RECORD("1[] 2[1301 c02b] 1[00]"),
       RECORD("02 3[0303 " RANDOM " 1[dd*32] c02b 00]") RECORD(CERTIFICATE), NULL}}},
    {"a ServerHello of ours in pieces",
     SERVER,
     {{NULL, RECORD(HELLO_1_3), NULL},
      {RECORD("02 000076 0303 " RANDOM " 20 dd*32")
           RECORD("1301 00 2[002b 2[0304] 0033 2[001d 2[cc*32]]]"),
       CCS ENCRYPTED CCS, ENCRYPTED CCS}}},
    {"a HelloRetryRequest of ours in pieces",
     SERVER,
     {{NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES "0033 2[2[]]")), NULL},
      {RECORD("02") RECORD("000054 0303 " RETRY_RANDOM " 20 dd*32")
           RECORD("1301 00 2[002b 2[0304] 0033 2[001d]]"),
       RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE)), NULL},
      {RECORD(ANSWER_1_3) CCS, ENCRYPTED, NULL}}},
    {"a server of TLS 1.2",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD(CERTIFICATE) RECORD(DONE), NULL},
      {RECORD("10 3[99*30]") CCS RECORD("ee*40"), CCS RECORD("ee*40"), NULL}}},
    {"a flight in one record",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2 CERTIFICATE DONE), NULL}}},
    {"a flight in one record, with a part of a message",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2 "0b 0000c8 cc*100") RECORD("cc*100 " DONE),
       RECORD(ANSWER_1_2) RECORD(CERTIFICATE) RECORD(DONE)}}},
    {"a message in pieces of a byte",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0e") RECORD("00") RECORD("00") RECORD("00"),
       RECORD(ANSWER_1_2) RECORD(DONE)}}},
    {"a message in pieces longer than 512 bytes",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0b 0004b0 cc*596") RECORD("cc*604"),
       RECORD(ANSWER_1_2) RECORD("0b 0004b0 cc*600") RECORD("cc*600")}}},
    {"HelloRequests are dropped",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD(REQUEST) RECORD(CERTIFICATE REQUEST DONE),
       RECORD(ANSWER_1_2) RECORD(CERTIFICATE) RECORD(DONE)}}},
    {"a warning", CLIENT, {{RECORD(HELLO_1_3), WARNING RECORD(ANSWER_1_2), NULL}}},
    {"a record longer than the scratch",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0b 3[cc*5000]") RECORD(DONE), NULL}}},
};

static const guard_case refused[] = {
    {"data first", SERVER, {{NULL, RECORD("01") ENCRYPTED, NULL}}, PROTOCOL(10, "middle")},
    {"an unknown record",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) "18 0303 2[01]", NULL}},
     PROTOCOL(10, "unknown type")},
    {"another version later",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) "16 0203 2[00]", NULL}},
     PROTOCOL(70, "unknown version")},
    {"data in the handshake",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) ENCRYPTED, NULL}},
     PROTOCOL(10, "data during the handshake")},
    {"data before a hello",
     SERVER,
     {{NULL, WARNING ENCRYPTED, NULL}},
     PROTOCOL(10, "data during the handshake")},
    {"early data that was not announced",
     SERVER,
     {{NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES "0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")), ENCRYPTED, NULL}},
     PROTOCOL(10, "data during the handshake")},
    {"early data without an end",
     SERVER,
     {{NULL, RECORD(EARLY_HELLO("0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")), EARLY_33, NULL}},
     PROTOCOL(10, "none that leads anywhere")},
    {"another hello behind early data",
     SERVER,
     {{NULL, RECORD(EARLY_HELLO("0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")),
       ENCRYPTED RECORD(LATER_HELLO(SHARE "1234 2[]")), NULL}},
     PROTOCOL(47, "not like the first")},
    {"CCS between the pieces",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0b 00") CCS, NULL}},
     PROTOCOL(10, "middle")},
    {"CCS first",
     CLIENT,
     {{RECORD(HELLO_1_3), WARNING CCS, NULL}},
     PROTOCOL(10, "begins with a ChangeCipherSpec")},
    {"an empty record",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD(""), NULL}},
     PROTOCOL(10, "empty")},
    {"a record too long",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) "16 0303 4001", NULL}},
     PROTOCOL(22, "longer than the protocol allows")},
    {"a malformed alert",
     CLIENT,
     {{RECORD(HELLO_1_3), "15 0303 2[01]", NULL}},
     PROTOCOL(50, "malformed alert")},
    {"no hello first",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(CERTIFICATE), NULL}},
     PROTOCOL(10, "another message than a hello")},
    {"a message that is not a server's",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2 "10 3[00]"), NULL}},
     PROTOCOL(10, "in the clear")},
    {"something behind a ClientHello",
     SERVER,
     {{NULL, RECORD(HELLO_1_3 "0b"), NULL}},
     PROTOCOL(10, "behind its hello")},
    {"something behind a ServerHello of TLS 1.3",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_3 "08 3[]"), NULL}},
     PROTOCOL(10, "behind its hello")},
    {"a hello too long", SERVER, {{NULL, RECORD("01 010000"), NULL}}, TOO_LONG(50, "its hello")},
    {"certificates too long",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0b 002000"), NULL}},
     TOO_LONG(46, "certificates are longer")},
    {"a message too long",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2) RECORD("0c 010001"), NULL}},
     TOO_LONG(50, "announces a handshake message")},
};

/* --- ClientHellos --- */

#define FROM_CLIENT(what, extensions)                                                              \
    what, SERVER, {                                                                                \
        { NULL, RECORD(HELLO(extensions)), NULL }                                                  \
    }
#define OF_1_3 VERSIONS GROUPS SCHEMES SHARE

static const guard_case client_hellos[] = {
    {FROM_CLIENT("two extensions nobody knows", OF_1_3 "fafa 2[] fafb 2[00]")},
    {FROM_CLIENT("one twice", OF_1_3 GROUPS), PROTOCOL(47, "same extension twice")},
    {FROM_CLIENT("one that nobody knows twice", OF_1_3 "fafa 2[] fafa 2[]"),
     PROTOCOL(47, "same extension twice")},
    {FROM_CLIENT("number 63, and 65281", OF_1_3 "003f 2[] ff01 2[1[]]")},
    {FROM_CLIENT("extensions cut short", OF_1_3 "fafa 0001"), PROTOCOL(50, "cut short")},
    {FROM_CLIENT("a name", OF_1_3 NAME)},
    {FROM_CLIENT("a name that is none", OF_1_3 "0000 2[2[01 2[61]]]"), PROTOCOL(50, "server name")},
    {FROM_CLIENT("two names", OF_1_3 "0000 2[2[00 2[61] 00 2[62]]]"), PROTOCOL(47, "two server")},
    {FROM_CLIENT("a name with NUL", OF_1_3 "0000 2[2[00 2[61 00]]]"),
     PROTOCOL(47, "host name has")},
    {FROM_CLIENT("protocols", OF_1_3 ALPN)},
    {FROM_CLIENT("a protocol without a name", OF_1_3 "0010 2[2[1[]]]"), PROTOCOL(50, "ALPN")},
    {FROM_CLIENT("half a group", VERSIONS SCHEMES SHARE "000a 2[2[00]]"), PROTOCOL(50, "groups")},
    {FROM_CLIENT("no schemes", VERSIONS GROUPS SHARE "000d 2[2[]]"), PROTOCOL(50, "schemes")},
    {FROM_CLIENT("versions cut", GROUPS SCHEMES SHARE "002b 2[1[03]]"), PROTOCOL(50, "versions")},
    {FROM_CLIENT("a secret that is not empty", OF_1_3 "0017 2[00]"), PROTOCOL(50, "must be empty")},
    {FROM_CLIENT("a renegotiation", OF_1_3 "ff01 2[1[00]]"), PROTOCOL(40, "renegotiation")},
    {FROM_CLIENT("half a renegotiation", OF_1_3 "ff01 2[]"), PROTOCOL(50, "renegotiation_info")},
    {FROM_CLIENT("a fragment length", OF_1_3 "0001 2[01]")},
    {FROM_CLIENT("an unknown one", OF_1_3 "0001 2[05]"), PROTOCOL(47, "max_fragment_length")},
    {FROM_CLIENT("one too long", OF_1_3 "0001 2[0101]"), PROTOCOL(50, "max_fragment_length")},
    {FROM_CLIENT("no points as they are", OF_1_3 "000b 2[1[01]]"), PROTOCOL(47, "points")},
    {FROM_CLIENT("a session", OF_1_3 PSK_MODES PSK)},
    {FROM_CLIENT("a session before the end", OF_1_3 PSK PSK_MODES), PROTOCOL(47, "at the end")},
    {FROM_CLIENT("a session without modes", OF_1_3 PSK), PROTOCOL(109, "misses an extension")},
    {FROM_CLIENT("no modes", OF_1_3 "002d 2[1[]]" PSK), PROTOCOL(50, "PSK modes")},
    {FROM_CLIENT("two binders", OF_1_3 PSK_MODES "0029 2[2[2[99] 00000000] 2[1[bb*32] 1[bb*32]]]"),
     PROTOCOL(47, "another number of sessions")},
    {FROM_CLIENT("a short binder", OF_1_3 PSK_MODES "0029 2[2[2[99] 00000000] 2[1[bb*31]]]"),
     PROTOCOL(50, "sessions that it offers")},
    {FROM_CLIENT("early data without a session", OF_1_3 "002a 2[]"), PROTOCOL(47, "early data")},
    {FROM_CLIENT("no key share", VERSIONS GROUPS SCHEMES), PROTOCOL(109, "misses an extension")},
    {FROM_CLIENT("no groups", VERSIONS SCHEMES SHARE), PROTOCOL(109, "misses an extension")},
    {FROM_CLIENT("two shares of a group",
                 VERSIONS GROUPS SCHEMES "0033 2[2[001d 2[00] 001d 2[00]]]"),
     PROTOCOL(47, "two key shares")},
    {FROM_CLIENT("two shares of a group with a high number",
                 VERSIONS GROUPS SCHEMES "0033 2[2[11ec 2[00] 11ec 2[00]]]"),
     PROTOCOL(47, "two key shares")},
    {FROM_CLIENT("a share of no group", VERSIONS GROUPS SCHEMES "0033 2[2[0018 2[00]]]"),
     PROTOCOL(47, "does not offer")},
    {FROM_CLIENT("an empty share", VERSIONS GROUPS SCHEMES "0033 2[2[001d 2[]]]"),
     PROTOCOL(50, "key shares are malformed")},
    {FROM_CLIENT("only versions of long ago", "002b 2[1[0302 0301]]" GROUPS),
     UNSHARED(70, "no TLS version")},
    {"only TLS 1.2 where it is not allowed",
     .role = STLS_ROLE_SERVER,
     .version_min = STLS_TLS1_3,
     .version_max = STLS_TLS1_3,
     {{NULL, RECORD(HELLO_1_2), NULL}},
     UNSHARED(70, "no TLS version")},
    {"a fall back",
     SERVER,
     {{NULL, RECORD("01 3[" HELLO_BODY("c02b 5600", "00", GROUPS) "]"), NULL}},
     UNSHARED(86, "fallen back")},
    {"compression with TLS 1.3",
     SERVER,
     {{NULL, RECORD("01 3[" HELLO_BODY("1301", "0100", OF_1_3) "]"), NULL}},
     PROTOCOL(47, "offers compression")},
    {"compression only",
     SERVER,
     {{NULL, RECORD("01 3[" HELLO_BODY("c02b", "01", GROUPS) "]"), NULL}},
     PROTOCOL(47, "without compression")},
    {"no suites",
     SERVER,
     {{NULL, RECORD("01 3[" HELLO_BODY("", "00", GROUPS) "]"), NULL}},
     PROTOCOL(50, "ClientHello is malformed")},
};

#define AGAIN(what, extensions)                                                                    \
    what, SERVER, {                                                                                \
        {NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE "fafa 2[01]")), NULL},                   \
            {RECORD(RETRY), RECORD(HELLO(extensions)), NULL},                                      \
    }
#define OTHER_SHARE "0033 2[2[0017 2[cc*65]]]"

static const guard_case second_hellos[] = {
    {AGAIN("with the share that was asked for",
           VERSIONS GROUPS SCHEMES OTHER_SHARE "fafa 2[01] 002c 2[2[00]]")},
    {AGAIN("with the same share", VERSIONS GROUPS SCHEMES SHARE "fafa 2[01]"),
     PROTOCOL(47, "has not the key share")},
    {AGAIN("with other groups", VERSIONS "000a 2[2[001d 0017]]" SCHEMES OTHER_SHARE "fafa 2[01]"),
     PROTOCOL(47, "not like the first")},
    {"with another encrypted hello",
     SERVER,
     {{NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE "fe0d 2[0102]")), NULL},
      {RECORD(RETRY), RECORD(HELLO(VERSIONS GROUPS SCHEMES OTHER_SHARE "fe0d 2[010304]")), NULL}}},
    {AGAIN("without an extension", VERSIONS GROUPS SCHEMES OTHER_SHARE),
     PROTOCOL(47, "not like the first")},
    {AGAIN("with one more", VERSIONS GROUPS SCHEMES OTHER_SHARE "fafa 2[01] fafb 2[]"),
     PROTOCOL(47, "not like the first")},
};

/* --- ServerHellos --- */

#define FROM_SERVER(what, random, suite, extensions)                                               \
    what, CLIENT, {                                                                                \
        { RECORD(HELLO_1_3), RECORD(ANSWER(random, suite, extensions)), NULL }                     \
    }
#define FRAGMENT "0001 2[01]"
/* The same, to a client that has asked for all of it. */
#define TO_SERVER(what, extensions)                                                                \
    what, CLIENT, {                                                                                \
        {                                                                                          \
            RECORD(HELLO(OF_1_3 FRAGMENT "000b 2[1[00]] 0023 2[]" PSK_MODES)),                     \
                RECORD(ANSWER(RANDOM, "c02b", extensions)), NULL                                   \
        }                                                                                          \
    }
#define CHOSEN      "002b 2[0304]"
#define CHOSE_25519 "0033 2[001d 2[cc*32]]"

static const guard_case server_hellos[] = {
    {FROM_SERVER("an extension twice", RANDOM, "1301", CHOSEN CHOSE_25519 CHOSEN),
     PROTOCOL(47, "same extension twice")},
    {FROM_SERVER("one that was not asked for", RANDOM, "c02b", "fafa 2[]"),
     PROTOCOL(110, "did not ask for")},
    {FROM_SERVER("one of TLS 1.3 in TLS 1.2", RANDOM, "c02b", CHOSE_25519),
     PROTOCOL(47, "belongs elsewhere")},
    {FROM_SERVER("one of TLS 1.2 in TLS 1.3", RANDOM, "1301", CHOSEN CHOSE_25519 MASTER),
     PROTOCOL(47, "belongs elsewhere")},
    {FROM_SERVER("TLS 1.2 by supported_versions", RANDOM, "c02b", "002b 2[0303]"),
     PROTOCOL(47, "not offered this way")},
    {FROM_SERVER("half a version", RANDOM, "1301", "002b 2[03]" CHOSE_25519),
     PROTOCOL(50, "version of its ServerHello")},
    {FROM_SERVER("a suite that was not offered", RANDOM, "1302", CHOSEN CHOSE_25519),
     PROTOCOL(47, "cipher suite")},
    {FROM_SERVER("a suite of TLS 1.2 in TLS 1.3", RANDOM, "c02b", CHOSEN CHOSE_25519),
     PROTOCOL(47, "cipher suite")},
    {FROM_SERVER("no share", RANDOM, "1301", CHOSEN), PROTOCOL(109, "no key share")},
    {FROM_SERVER("a malformed share", RANDOM, "1301", CHOSEN "0033 2[001d 2[]]"),
     PROTOCOL(50, "key share is malformed")},
    {FROM_SERVER("a share of another group", RANDOM, "1301", CHOSEN "0033 2[0017 2[cc*65]]"),
     PROTOCOL(47, "group that we have sent none of")},
    {FROM_SERVER("a downgrade", "aa*24 444f574e47524401", "c02b", MASTER),
     PROTOCOL(47, "speaks TLS 1.3, and yet")},
    {FROM_SERVER("our protocol", RANDOM, "c02b", ALPN)},
    {FROM_SERVER("another protocol", RANDOM, "c02b", "0010 2[2[1[68 32]]]"),
     PROTOCOL(47, "did not offer")},
    {FROM_SERVER("two protocols", RANDOM, "c02b", "0010 2[2[1[73 69 70] 1[73 69 70]]]"),
     PROTOCOL(50, "ALPN protocol is malformed")},
    {FROM_SERVER("schemes", RANDOM, "c02b", SCHEMES), PROTOCOL(47, "belongs elsewhere")},
    {FROM_SERVER("a name that it has known", RANDOM, "c02b", "0000 2[]" MASTER)},
    {FROM_SERVER("a name, beside a secret", RANDOM, "c02b", NAME MASTER),
     PROTOCOL(50, "must be empty")},
    {FROM_SERVER("a secret that is not empty", RANDOM, "c02b", "0017 2[00]"),
     PROTOCOL(50, "must be empty")},
    {TO_SERVER("a ticket", "0023 2[]")},
    {TO_SERVER("a ticket that is not empty", "0023 2[00]"), PROTOCOL(50, "must be empty")},
    {TO_SERVER("points as they are", "000b 2[1[00]]")},
    {TO_SERVER("no points as they are", "000b 2[1[01]]"), PROTOCOL(47, "points")},
    {TO_SERVER("no points", "000b 2[1[]]"), PROTOCOL(50, "point formats")},
    {TO_SERVER("modes of a PSK", PSK_MODES), PROTOCOL(47, "belongs elsewhere")},
    {TO_SERVER("the length of fragments", FRAGMENT)},
    {TO_SERVER("another length of fragments", "0001 2[02]"), PROTOCOL(47, "max_fragment_length")},
    {FROM_SERVER("a retry for what was sent", RETRY_RANDOM, "1301", CHOSEN "0033 2[001d]"),
     PROTOCOL(47, "asks for a group")},
    {FROM_SERVER("a retry for what is not offered", RETRY_RANDOM, "1301", CHOSEN "0033 2[0018]"),
     PROTOCOL(47, "asks for a group")},
    {FROM_SERVER("a retry for nothing", RETRY_RANDOM, "1301", CHOSEN),
     PROTOCOL(47, "changes nothing")},
    {FROM_SERVER("a retry with a cookie", RETRY_RANDOM, "1301", CHOSEN "002c 2[2[00]]")},
    {FROM_SERVER("a retry with no cookie in it", RETRY_RANDOM, "1301", CHOSEN "002c 2[2[]]"),
     PROTOCOL(50, "cookie")},
    {"a retry that speaks of an encrypted hello",
     CLIENT,
     {{RECORD(HELLO(OF_1_3 "fe0d 2[0102]")), RECORD(RETRY_OF("fe0d 2[aa*8]")), NULL}}},
    {"a retry that does so in other words",
     CLIENT,
     {{RECORD(HELLO(OF_1_3 "fe0d 2[0102]")), RECORD(RETRY_OF("fe0d 2[aa*7]")), NULL}},
     PROTOCOL(50, "encrypted hello is malformed")},
    {"a retry that does so unasked",
     CLIENT,
     {{RECORD(HELLO(OF_1_3)), RECORD(RETRY_OF("fe0d 2[aa*8]")), NULL}},
     PROTOCOL(110, "did not ask for")},
    {"an answer that does so",
     CLIENT,
     {{RECORD(HELLO(OF_1_3 "fe0d 2[0102]")),
       RECORD(ANSWER(RANDOM, "1301", CHOSEN CHOSE_25519 "fe0d 2[aa*8]")), NULL}},
     PROTOCOL(47, "belongs elsewhere")},
    {"a second retry",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(RETRY), NULL},
      {RECORD(HELLO(NAME VERSIONS GROUPS SCHEMES OTHER_SHARE)), RECORD(RETRY), NULL}},
     PROTOCOL(10, "second HelloRetryRequest")},
    {"another suite after a retry",
     CLIENT,
     {{RECORD("01 3[" HELLO_BODY("1301 1302", "00", OF_1_3) "]"), RECORD(RETRY), NULL},
      {RECORD("01 3[" HELLO_BODY("1301 1302", "00", VERSIONS GROUPS SCHEMES OTHER_SHARE) "]"),
       RECORD(ANSWER(RANDOM, "1302", CHOSEN "0033 2[0017 2[cc*65]]")), NULL}},
     PROTOCOL(47, "another cipher suite than")},
    {"another session ID",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD("02 3[0303 " RANDOM " 1[00] 1301 00 2[" CHOSEN CHOSE_25519 "]]"),
       NULL}},
     PROTOCOL(47, "session ID")},
    {"TLS 1.2 where it is not allowed",
     .role = STLS_ROLE_CLIENT,
     .version_min = STLS_TLS1_3,
     .version_max = STLS_TLS1_3,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2), NULL}},
     UNSHARED(70, "not allowed here")},
    {"a ServerHello that is cut",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD("02 3[0303]"), NULL}},
     PROTOCOL(50, "ServerHello is malformed")},
};

/* --- What is told of the hellos --- */

static const told told_all = {.suites = "1301 c02b",
                              .groups = "001d 0017 11ec",
                              .server_name = "61 2e 62",
                              .identities = "2[99*20] 00000000",
                              .max_fragment = 1024,
                              .extended_master = true};
static const told told_nothing = {.suites = "c02b"};
static const told told_no_identities = {.suites = "1301 c02b", .groups = "001d 0017 11ec"};
static const told told_later = {.suites = "1301 c02b",
                                .groups = "001d 0017 11ec",
                                .identities = "2[07*60] 00000001",
                                .group = 0x001d};
static const told told_answer_1_2 = {.extended_master = true};
static const told told_answer_1_3 = {.group = 0x001d};

static const guard_case telling[] = {
    {"all",
     SERVER,
     {{NULL, RECORD(HELLO(NAME "0001 2[02]" VERSIONS GROUPS SCHEMES SHARE MASTER PSK_MODES PSK)),
       NULL}},
     .told = &told_all},
    {"nothing but suites",
     SERVER,
     {{NULL, RECORD("01 3[0303 " RANDOM " 1[] 2[c02b] 1[00]]"), NULL}},
     .told = &told_nothing},
    {"sessions without a key agreement",
     SERVER,
     {{NULL, RECORD(HELLO(VERSIONS GROUPS SCHEMES SHARE "002d 2[1[00 2a]]" PSK)), NULL}},
     .told = &told_no_identities},
    {"a ServerHello of TLS 1.2",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_2), NULL}},
     .told = &told_answer_1_2},
    {"a ServerHello of TLS 1.3",
     CLIENT,
     {{RECORD(HELLO_1_3), RECORD(ANSWER_1_3), NULL}},
     .told = &told_answer_1_3},
    {"the second ClientHello, and what a server answers to it",
     SERVER,
     {{NULL, RECORD(EARLY_HELLO("0033 2[2[]]")), NULL},
      {RECORD(ANSWER(RETRY_RANDOM, "1301", "002b 2[0304] 0033 2[001d]")),
       RECORD(HELLO(VERSIONS GROUPS SCHEMES "002d 2[1[01]]" SHARE
                                            "0029 2[2[2[07*60] 00000001] 2[1[08*32]]]")),
       NULL},
      {RECORD(ANSWER_1_3), NULL, NULL}},
     .told = &told_later},
};

static void test_told(void) {
    play(telling, COUNT(telling));
}

/* A client's library has made the ClientHello itself, and waits for the ServerHello. */
static void test_told_too_early(void) {
    static buffer sent;
    stls_profile profile = {
        .role = STLS_ROLE_CLIENT, .version_min = STLS_TLS1_2, .version_max = STLS_TLS1_3};
    stls_guard *guard = NULL;
    CU_ASSERT_FATAL(stls_guard_begin(&guard, &profile));
    send_in_parts(guard, bytes_of(&sent, RECORD(HELLO_1_3)), SIZE);
    CHECK(stls_guard_hello(guard) == NULL, "a client is told of its own ClientHello alone");
    stls_guard_free(&guard);
    CHECK(stls_guard_hello(guard) == NULL, "a guard that has gone tells something");
}

static void test_passing(void) {
    play(passing, COUNT(passing));
}

static void test_refused(void) {
    play(refused, COUNT(refused));
}

static void test_client_hellos(void) {
    play(client_hellos, COUNT(client_hellos));
}

static void test_second_hellos(void) {
    play(second_hellos, COUNT(second_hellos));
}

static void test_server_hellos(void) {
    play(server_hellos, COUNT(server_hellos));
}

static const test_case cases[] = {
    {"what passes", test_passing},
    {"what is refused", test_refused},
    {"ClientHellos", test_client_hellos},
    {"second ClientHellos", test_second_hellos},
    {"ServerHellos", test_server_hellos},
    {"what is told of the hellos", test_told},
    {"what is not told yet", test_told_too_early},
    {NULL, NULL},
};

static const test_suite suites[] = {{"guard", cases}, {NULL, NULL}};

int main(int argc, char **argv) {
    return suite_main(suites, argc, argv);
}
