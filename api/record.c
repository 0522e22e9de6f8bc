/* SPDX-License-Identifier: MIT */
#include "api/record.h"

#include "base/memory.h"

#include <string.h>

/* --- Writing --- */

static uint8_t *reserve(stls_writer *writer, size_t len) {
    if (writer->failed || len > writer->max - writer->len) {
        writer->failed = true;
        return NULL;
    }
    if (len > writer->size - writer->len) {
        size_t size = writer->size != 0 ? writer->size : 256;
        while (len > size - writer->len) {
            size *= 2;
        }
        uint8_t *data = stls_alloc(1, size); /* not realloc, which leaves what it moves behind */
        if (data == NULL) {
            writer->failed = true;
            return NULL;
        }
        if (writer->len > 0) {
            memcpy(data, writer->data, writer->len);
        }
        stls_wipe(writer->data, writer->len);
        stls_free(writer->data);
        writer->data = data;
        writer->size = size;
    }
    writer->len += len;
    return writer->data + writer->len - len;
}

void stls_write_number(stls_writer *writer, uint64_t number, size_t octets) {
    uint8_t *at = reserve(writer, octets);
    for (size_t i = 0; at != NULL && i < octets; i++) {
        at[i] = (uint8_t)(number >> 8 * (octets - 1 - i));
    }
}

void stls_write_fixed(stls_writer *writer, const void *data, size_t len) {
    uint8_t *at = reserve(writer, len);
    if (at != NULL && len > 0) {
        memcpy(at, data, len);
    }
}

void stls_write_vector(stls_writer *writer, stls_bytes bytes) {
    if (bytes.len > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    stls_write_number(writer, bytes.len, 4);
    stls_write_fixed(writer, bytes.data, bytes.len);
}

void stls_write_text(stls_writer *writer, const char *text) {
    stls_write_vector(writer, (stls_bytes){(const uint8_t *)text, strlen(text)});
}

void stls_write_peer(stls_writer *writer, const stls_verdict *verdict, const stls_bytes *chain,
                     size_t count) {
    stls_write_number(writer, (uint64_t)verdict->state, 1);
    stls_write_number(writer, verdict->flags, 4);
    stls_write_number(writer, verdict->tolerated, 4);
    stls_write_number(writer, (uint64_t)(verdict->alert - STLS_ALERT_NONE), 2);
    stls_write_vector(writer, (stls_bytes){verdict->depth, sizeof verdict->depth});
    stls_write_number(writer, (uint64_t)verdict->holds_since, 8);
    stls_write_number(writer, (uint64_t)verdict->holds_until, 8);
    stls_write_number(writer, (uint64_t)verdict->next_expiry, 8);
    stls_write_vector(writer, (stls_bytes){verdict->path, verdict->path_len});
    stls_write_number(writer, (uint64_t)verdict->name_kind, 1);
    stls_write_text(writer, verdict->name);
    stls_write_text(writer, verdict->text);
    stls_write_number(writer, count, 2);
    for (size_t i = 0; i < count; i++) {
        stls_write_vector(writer, chain[i]);
    }
}

void stls_writer_free(stls_writer *writer) {
    stls_wipe(writer->data, writer->size);
    stls_free(writer->data);
    *writer = (stls_writer){.data = NULL};
}

/* --- Reading --- */

bool stls_read_number(stls_bytes *in, uint64_t *number, size_t octets) {
    if (in->len < octets) {
        in->len = 0;
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < octets; i++) {
        *number = *number << 8 | in->data[i];
    }
    in->data += octets;
    in->len -= octets;
    return true;
}

bool stls_read_time(stls_bytes *in, int64_t *time) {
    uint64_t number;
    if (!stls_read_number(in, &number, 8) || number > (uint64_t)STLS_TIME_MAX) {
        in->len = 0;
        return false;
    }
    *time = (int64_t)number;
    return true;
}

bool stls_read_fixed(stls_bytes *in, void *data, size_t len) {
    if (in->len < len) {
        in->len = 0;
        return false;
    }
    memcpy(data, in->data, len);
    in->data += len;
    in->len -= len;
    return true;
}

bool stls_read_vector(stls_bytes *in, stls_bytes *bytes) {
    uint64_t len;
    if (!stls_read_number(in, &len, 4) || len > in->len) {
        in->len = 0;
        return false;
    }
    *bytes = (stls_bytes){in->data, (size_t)len};
    in->data += len;
    in->len -= (size_t)len;
    return true;
}

bool stls_read_text(stls_bytes *in, char *text, size_t size) {
    stls_bytes bytes;
    if (!stls_read_vector(in, &bytes) || bytes.len >= size ||
        (bytes.len > 0 && memchr(bytes.data, '\0', bytes.len) != NULL)) {
        in->len = 0;
        return false;
    }
    if (bytes.len > 0) {
        memcpy(text, bytes.data, bytes.len);
    }
    text[bytes.len] = '\0';
    return true;
}

stls_bytes *stls_chain_copy(const stls_bytes *chain, size_t count) {
    size_t total = count * sizeof *chain;
    for (size_t i = 0; i < count; i++) {
        total += chain[i].len;
    }
    stls_bytes *copy = stls_alloc(1, total);
    uint8_t *at = (uint8_t *)(copy + count);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        if (chain[i].len > 0) {
            memcpy(at, chain[i].data, chain[i].len);
        }
        copy[i] = (stls_bytes){at, chain[i].len};
        at += chain[i].len;
    }
    return copy;
}

static bool read_flags(stls_bytes *in, stls_verdict *verdict) {
    uint64_t state, flags, tolerated, alert;
    stls_bytes depth;
    if (!stls_read_number(in, &state, 1) || !stls_read_number(in, &flags, 4) ||
        !stls_read_number(in, &tolerated, 4) || !stls_read_number(in, &alert, 2) ||
        !stls_read_vector(in, &depth) || state > STLS_VERDICT_REJECTED ||
        (tolerated & ~flags) != 0 || alert > UINT8_MAX - STLS_ALERT_NONE ||
        depth.len != sizeof verdict->depth) {
        return false;
    }
    verdict->state = (stls_verdict_state)state;
    verdict->flags = (uint32_t)flags;
    verdict->tolerated = (uint32_t)tolerated;
    verdict->alert = (int)alert + STLS_ALERT_NONE;
    memcpy(verdict->depth, depth.data, sizeof verdict->depth);
    return true;
}

static bool read_verdict(stls_bytes *in, stls_verdict *verdict) {
    uint64_t since, until, expiry, kind;
    stls_bytes path;
    *verdict = (stls_verdict){.alert = STLS_ALERT_NONE};
    if (!read_flags(in, verdict) || !stls_read_number(in, &since, 8) ||
        !stls_read_number(in, &until, 8) || !stls_read_number(in, &expiry, 8) ||
        !stls_read_vector(in, &path) || path.len > sizeof verdict->path ||
        !stls_read_number(in, &kind, 1) || kind > STLS_NAME_CN) {
        return false;
    }
    verdict->holds_since = (int64_t)since;
    verdict->holds_until = (int64_t)until;
    verdict->next_expiry = (int64_t)expiry;
    if (path.len > 0) {
        memcpy(verdict->path, path.data, path.len);
    }
    verdict->path_len = path.len;
    verdict->name_kind = (stls_name_kind)kind;
    return stls_read_text(in, verdict->name, sizeof verdict->name) &&
           stls_read_text(in, verdict->text, sizeof verdict->text);
}

/* Whether each step of the path is a certificate of the chain, or the anchor. */
static bool is_path_of(const stls_verdict *verdict, uint64_t count) {
    for (size_t i = 0; i < verdict->path_len; i++) {
        if (verdict->path[i] >= count && verdict->path[i] != STLS_PATH_ANCHOR) {
            return false;
        }
    }
    return true;
}

stls_result stls_read_peer(stls_bytes *in, stls_peer *peer) {
    enum { CHAIN_MAX = 255 };
    stls_bytes chain[CHAIN_MAX];
    uint64_t count;
    *peer = (stls_peer){.chain = NULL};
    if (!read_verdict(in, &peer->verdict) || !stls_read_number(in, &count, 2) ||
        count > CHAIN_MAX || !is_path_of(&peer->verdict, count)) {
        return STLS_E_FORMAT;
    }
    for (size_t i = 0; i < count; i++) {
        if (!stls_read_vector(in, &chain[i])) {
            return STLS_E_FORMAT;
        }
    }
    peer->chain = stls_chain_copy(chain, (size_t)count);
    peer->count = (size_t)count;
    return peer->chain != NULL ? STLS_OK : STLS_E_NO_MEMORY;
}
