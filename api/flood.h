/* api/flood.h - a peer that sends record after record, and none that leads anywhere.
 *
 * The model: on an open connection a peer may send records that bring the caller nothing, such as
 * tickets, KeyUpdates, empty data against traffic analysis, warnings, HelloRequests. Each costs us
 * the work of a record and may be refused by none. So the records are counted that came since the
 * last byte of plaintext, by their headers, which nobody encrypts; the library never sees the one
 * that is too many. It gets the header of a record longer than any may be in its place, and ends
 * the connection as it does for such a one: by record_overflow, under its own keys. No library
 * offers a way to send another alert that all three have.
 *
 * The limit is OpenSSL's own where a legal peer can meet one: it ends a connection at the 33rd
 * empty record, and at the fifth warning, so a warning counts for eight. Legal peers stay far
 * below: a server of TLS 1.3 sends two tickets (OpenSSL), ten at most (Java), and updates its keys
 * with data.
 *
 * A ticket may take many records, though, if short ones were agreed: with max_fragment_length 512
 * and a client's certificates in it, one of ours takes ten, and a server of ours may send eight.
 * What is in a record is encrypted, but an honest peer cuts a message into records that are as long
 * as they may be, which is no shorter than STLS_FLOOD_FRAGMENT (RFC 6066 section 4), and only the
 * last is. So records of that length are taken for the progress of a message, and not counted,
 * until they come to STLS_FLOOD_FRAGMENTS times that length, as much as the longest ticket; who
 * fills them with padding gets us to look at so many more of them and no further.
 *
 * What we write does not begin the count anew. Whoever gets us to answer has sent plaintext, which
 * does; and of a peer that only listens nothing is due, however much we write, but the KeyUpdates
 * that we have asked for. An honest one has no reason to send records of nothing meanwhile.
 *
 * In a handshake every record may lead on, down to single bytes of a message, and what is encrypted
 * cannot be told apart. There the count is of all records, from the first, and only bounds the
 * work: a library may read on over what it drops for as long as there is something, within one call
 * and past its deadline. Some lead nowhere for sure: 64 ChangeCipherSpecs (OpenSSL's own limit is
 * 32), or four warnings, use it up.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_FLOOD_H
#define STLS_API_FLOOD_H

#include "backends/contract.h"

enum {
    STLS_FLOOD_MAX = 32,
    STLS_FLOOD_WARNING = 8,
    STLS_FLOOD_FRAGMENT = 512,
    STLS_FLOOD_FRAGMENTS = 128,
    STLS_FLOOD_HANDSHAKE_MAX = 8192, /* a record of a handshake is one, and its fragments */
    STLS_FLOOD_CCS_MAX = 64,
};

/* All zero at first: a handshake is under way. */
typedef struct stls_flood {
    uint16_t left;    /* bytes to come of the current record's body; 0 in a header */
    uint16_t idle;    /* since the last plaintext, or of the handshake */
    uint8_t header;   /* bytes of the next header that came */
    uint8_t progress; /* since then, in units of STLS_FLOOD_FRAGMENT */
    uint8_t type;     /* in that header, or the last */
    uint8_t high;     /* in that header: the first byte of the length */
    bool open, ended;
} stls_flood;

/* The handshake is over. */
static inline void stls_flood_begin(stls_flood *flood) {
    flood->open = true;
    flood->idle = flood->progress = 0;
}

/* The peer's records have led to plaintext, or we ask for an answer. */
static inline void stls_flood_relent(stls_flood *flood) {
    flood->idle = flood->progress = 0;
}

/* The record that was counted last is a warning. */
void stls_flood_warned(stls_flood *flood);

/* As stls_flood_watch(), for `len` bytes that need no more than that; false: they do. */
static inline bool stls_flood_in_record(stls_flood *flood, size_t len) {
    if (len > flood->left) {
        return false;
    }
    flood->left -= (uint16_t)len;
    return true;
}

/* The library asked for up to `size` bytes, and `*got` > 0 came, now in `data`. Follows them, or
 * puts that header in their place. Libraries ask for a header by itself. */
stls_be_status stls_flood_watch(stls_flood *flood, uint8_t *data, size_t size, size_t *got);

#endif
