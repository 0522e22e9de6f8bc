/* api/record.h - who a peer is, as bytes: in a client's session, and in a server's ticket.
 *
 * The model: a writer grows as it is written to; whether all went well is asked once, at its end. A
 * reader is a slice that gets shorter. Numbers are big-endian, strings stand behind their length.
 * Nothing is read that was not sealed or kept by ourselves, and it is read as if it were not: each
 * length is checked, each enumeration must be one that exists.
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_API_RECORD_H
#define STLS_API_RECORD_H

#include <siptls/verify.h>

/* Times in what is kept lie between 1970 and this, which leaves room for sums. */
#define STLS_TIME_MAX ((int64_t)1 << 40)

/* Who a peer is: the verdict on its certificates, and the certificates. */
typedef struct stls_peer {
    stls_verdict verdict;
    stls_bytes *chain; /* one block, as stls_conn.peer_chain */
    size_t count;
} stls_peer;

/* Bytes in the making. Grows; `failed` once there is no memory or `max` bytes are not enough. */
typedef struct stls_writer {
    uint8_t *data;
    size_t len, size, max;
    bool failed;
} stls_writer;

void stls_write_number(stls_writer *writer, uint64_t number, size_t octets); /* big-endian */
void stls_write_fixed(stls_writer *writer, const void *data, size_t len);
void stls_write_vector(stls_writer *writer, stls_bytes bytes); /* behind a length of 4 bytes */
void stls_write_text(stls_writer *writer, const char *text);
void stls_write_peer(stls_writer *writer, const stls_verdict *verdict, const stls_bytes *chain,
                     size_t count);
void stls_writer_free(stls_writer *writer); /* and wipes */

/* Reading what was written; each answers false, and all after it, if something is missing. */
bool stls_read_number(stls_bytes *in, uint64_t *number, size_t octets);
bool stls_read_time(stls_bytes *in, int64_t *time); /* seconds: 0 to STLS_TIME_MAX */
bool stls_read_fixed(stls_bytes *in, void *data, size_t len);
bool stls_read_vector(stls_bytes *in, stls_bytes *bytes); /* points into the input */
bool stls_read_text(stls_bytes *in, char *text, size_t size);
/* STLS_OK: the chain is the caller's to free. STLS_E_FORMAT, STLS_E_NO_MEMORY. */
stls_result stls_read_peer(stls_bytes *in, stls_peer *peer);

/* Copies `chain` into one block for the slices and the bytes behind them; NULL if there is no
 * memory. */
stls_bytes *stls_chain_copy(const stls_bytes *chain, size_t count);

#endif
