/* SPDX-License-Identifier: MIT */
#include "api/flood.h"

#include <string.h>

enum { CCS = 20, ALERT = 21, DATA = 23, HEADER = 5, LENGTH_AT = 3 };

static const uint8_t too_long[HEADER] = {DATA, 3, 3, 0xff, 0xff};

static unsigned most(const stls_flood *flood) {
    return flood->open ? STLS_FLOOD_MAX : STLS_FLOOD_HANDSHAKE_MAX;
}

static void count(stls_flood *flood, unsigned weight) {
    unsigned idle = flood->idle + weight;
    flood->idle = (uint16_t)(idle < most(flood) ? idle : most(flood));
}

/* What counts for `weight` on an open connection. */
static void count_empty(stls_flood *flood, unsigned weight) {
    count(flood, weight * (most(flood) / STLS_FLOOD_MAX));
}

/* As a record it is counted, unless it is long; the header of an alert has told all. */
void stls_flood_warned(stls_flood *flood) {
    if (flood->type != ALERT) {
        count_empty(flood, STLS_FLOOD_WARNING - 1);
    }
}

/* Whether a record of `len` bytes can be a part of a message. */
static bool may_be_progress(stls_flood *flood, size_t len) {
    size_t units = len / STLS_FLOOD_FRAGMENT;
    if (units == 0 || units > STLS_FLOOD_FRAGMENTS - (size_t)flood->progress) {
        return false;
    }
    flood->progress = (uint8_t)(flood->progress + units);
    return true;
}

/* The header of the next record is there: its type and flood->left. */
static void count_record(stls_flood *flood) {
    if (flood->type == ALERT) {
        count_empty(flood, STLS_FLOOD_WARNING);
    } else if (!flood->open) {
        count(flood, flood->type == CCS ? STLS_FLOOD_HANDSHAKE_MAX / STLS_FLOOD_CCS_MAX
                                        : 1 + (unsigned)flood->left / STLS_FLOOD_FRAGMENT);
    } else if (!may_be_progress(flood, flood->left)) {
        count(flood, 1);
    }
}

static void follow_header(stls_flood *flood, uint8_t byte) {
    if (flood->header == 0) {
        flood->type = byte;
    } else if (flood->header == LENGTH_AT) {
        flood->high = byte;
    }
    if (++flood->header == HEADER) {
        flood->header = 0;
        flood->left = (uint16_t)(flood->high << 8 | byte);
        count_record(flood);
    }
}

/* In pieces of any kind. */
static void follow(stls_flood *flood, const uint8_t *data, size_t len) {
    for (size_t at = 0; at < len;) {
        if (flood->left == 0) {
            follow_header(flood, data[at++]);
        } else {
            size_t part = len - at < flood->left ? len - at : flood->left;
            flood->left -= (uint16_t)part;
            at += part;
        }
    }
}

stls_be_status stls_flood_watch(stls_flood *flood, uint8_t *data, size_t size, size_t *got) {
    size_t len = *got;
    if (stls_flood_in_record(flood, len)) {
        return STLS_BE_OK;
    }
    if (flood->ended) {
        return STLS_BE_FAILED;
    }
    bool between = flood->header == 0 && flood->left == 0;
    if (between && flood->idle >= most(flood)) {
        flood->ended = true;
        *got = size < HEADER ? size : HEADER;
        memcpy(data, too_long, *got);
    } else if (between && len == HEADER) {
        flood->type = data[0];
        flood->left = (uint16_t)(data[LENGTH_AT] << 8 | data[LENGTH_AT + 1]);
        count_record(flood);
    } else {
        follow(flood, data, len);
    }
    return STLS_BE_OK;
}
