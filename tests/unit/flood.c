/* tests/unit/flood.c - the count of records that bring nothing, over any way of cutting them.
 *
 * Promise P4 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "api/flood.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <string.h>

enum { BODY_MAX = 16640, HEADER = 5, CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23 };

/* Gives the library one record, of zeros, in pieces as it asks for them; false: it got another
 * header instead. */
static bool give(stls_flood *flood, uint8_t type, size_t len, size_t piece) {
    uint8_t record[HEADER + BODY_MAX] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
    for (size_t at = 0; at < HEADER + len;) {
        size_t wanted = (at < HEADER ? HEADER : HEADER + len) - at;
        size_t got = wanted < piece ? wanted : piece;
        uint8_t was = record[at];
        if (stls_flood_watch(flood, record + at, wanted, &got) != STLS_BE_OK || flood->ended) {
            return false;
        }
        CHECK_NUMBER("a byte that was watched", record[at], was);
        at += got;
    }
    return true;
}

/* How many records of a kind are taken in a row. */
static unsigned most(stls_flood *flood, uint8_t type, size_t len, size_t piece, bool warns) {
    unsigned taken = 0;
    while (taken < 10000 && give(flood, type, len, piece)) {
        taken++;
        if (warns) {
            stls_flood_warned(flood);
        }
    }
    return taken;
}

typedef struct row {
    const char *name;
    uint8_t type;
    size_t len, piece;
    bool warns;
    unsigned most;
} row;

static void check_rows(const char *when, bool open, const row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        stls_flood flood = {0};
        check_case("%s: %s", when, rows[i].name);
        if (open) {
            give(&flood, HANDSHAKE, 40, rows[i].piece);
            stls_flood_begin(&flood);
        }
        CHECK_NUMBER("taken", most(&flood, rows[i].type, rows[i].len, rows[i].piece, rows[i].warns),
                     rows[i].most);
        stls_flood_begin(&flood);
        CHECK_NUMBER("counted from the end of the handshake on", flood.idle, 0);
    }
}

static void test_open(void) {
    static const row rows[] = {
        {"whole", DATA, 24, 300, false, 32},
        {"byte by byte", DATA, 24, 1, false, 32},
        {"in pieces of three", HANDSHAKE, 300, 3, false, 32},
        {"without a body", DATA, 0, 300, false, 32},
        {"without a body, byte by byte", DATA, 0, 1, false, 32},
        {"a length of two bytes", DATA, 0x0117, 7, false, 32},
        {"a byte short of a fragment", DATA, 511, 600, false, 32},
        {"fragments of a message", DATA, 512, 600, false, 128 + 32},
        {"fragments, byte by byte", DATA, 529, 1, false, 128 + 32},
        {"longer ones", DATA, 1041, 600, false, 64 + 32},
        {"the longest", DATA, BODY_MAX, BODY_MAX, false, 4 + 32},
        {"long alerts", ALERT, 529, 600, false, 4},
        {"alerts of TLS 1.2", ALERT, 26, 300, false, 4},
        {"warnings of TLS 1.3", DATA, 19, 300, true, 4},
    };
    check_rows("open", true, rows, sizeof rows / sizeof *rows);
}

/* 8192 records that may be of use, 64 ChangeCipherSpecs, four warnings; then all begins anew. */
static void test_handshake(void) {
    static const row rows[] = {
        {"single bytes of a message", HANDSHAKE, 1, 300, false, 8192},
        {"encrypted, and perhaps empty", DATA, 17, 300, false, 8192},
        {"fragments", DATA, 512, 600, false, 4096},
        {"the longest", DATA, 16384, BODY_MAX, false, 249},
        {"ChangeCipherSpecs", CCS, 1, 300, false, 64},
        {"ChangeCipherSpecs, byte by byte", CCS, 1, 1, false, 64},
        {"alerts", ALERT, 2, 300, false, 4},
        {"warnings of TLS 1.2, told twice", ALERT, 26, 300, true, 4},
        {"warnings of TLS 1.3", DATA, 19, 300, true, 5},
    };
    check_rows("in the handshake", false, rows, sizeof rows / sizeof *rows);
}

static void test_plaintext(void) {
    stls_flood flood = {0};
    check_case("plaintext begins the count again");
    stls_flood_begin(&flood);
    for (int i = 0; i < 100; i++) {
        for (int records = 1; records < STLS_FLOOD_MAX; records++) {
            CHECK(give(&flood, DATA, 24, 300), "round %d, record %d", i, records);
        }
        CHECK(give(&flood, DATA, 40, 300), "round %d, the data", i);
        stls_flood_relent(&flood);
    }
}

/* Long messages, as of a server with the longest tickets that it may have: the short end of each
 * counts, and plaintext makes room for as many again. */
static void test_messages(void) {
    stls_flood flood = {0};
    check_case("messages in fragments");
    stls_flood_begin(&flood);
    for (int round = 0; round < 3; round++) {
        for (int message = 0; message < 8; message++) {
            for (int record = 0; record < 16; record++) {
                CHECK(give(&flood, DATA, 529, 600), "round %d, message %d, record %d", round,
                      message, record);
            }
            CHECK(give(&flood, DATA, 100, 600), "round %d, end of message %d", round, message);
        }
        CHECK_NUMBER("counted", flood.idle, 8);
        stls_flood_relent(&flood);
    }
}

/* The header in place of the record that is too many is longer than any may be, whoever asks. */
static void test_end(void) {
    static const size_t sizes[] = {HEADER, 4096, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        stls_flood flood = {0};
        uint8_t data[4096] = {DATA, 3, 3, 0, 24};
        size_t got = 1;
        check_case("the end, for a library that asks for %zu", sizes[i]);
        stls_flood_begin(&flood);
        most(&flood, DATA, 24, 300, false);
        flood.ended = false;
        CHECK_NUMBER("the answer", stls_flood_watch(&flood, data, sizes[i], &got), STLS_BE_OK);
        CHECK(flood.ended, "it goes on");
        CHECK_NUMBER("bytes", got, sizes[i] < HEADER ? sizes[i] : HEADER);
        CHECK(got < HEADER || (data[3] << 8 | data[4]) > 16384 + 2048, "a length that may be");
        CHECK_NUMBER("the next", stls_flood_watch(&flood, data, sizes[i], &got), STLS_BE_FAILED);
    }
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"how many are taken", test_open},
                                      {"the handshake", test_handshake},
                                      {"plaintext", test_plaintext},
                                      {"messages", test_messages},
                                      {"the end", test_end},
                                      {NULL, NULL}};
    static const test_suite suites[] = {{"flood", cases}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
