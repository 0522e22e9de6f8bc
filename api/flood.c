/* SPDX-License-Identifier: MIT */
#include "api/flood.h"

#include <string.h>

enum { ALERT = 21, DATA = 23, HEADER = 5, LENGTH_AT = 3 };

static const uint8_t too_long[HEADER] = {DATA, 3, 3, 0xff, 0xff};

static void count(stls_flood *flood, unsigned weight) {
    unsigned idle = flood->idle + weight;
    if (flood->counts) {
        flood->idle = (uint8_t)(idle < STLS_FLOOD_MAX ? idle : STLS_FLOOD_MAX);
    }
}

void stls_flood_warned(stls_flood *flood) {
    count(flood, STLS_FLOOD_WARNING - 1); /* as a record it is counted */
}

static void follow_header(stls_flood *flood, uint8_t byte) {
    if (flood->header == 0) {
        flood->is_alert = byte == ALERT;
    } else if (flood->header >= LENGTH_AT) {
        flood->left = (uint16_t)(flood->left << 8 | byte);
    }
    if (++flood->header == HEADER) {
        flood->header = 0;
        count(flood, flood->is_alert ? STLS_FLOOD_WARNING : 1);
    }
}

stls_be_status stls_flood_watch(stls_flood *flood, uint8_t *data, size_t size, size_t *got) {
    if (flood->ended) {
        return STLS_BE_FAILED;
    }
    if (flood->idle >= STLS_FLOOD_MAX && flood->header == 0 && flood->left == 0) {
        flood->ended = true;
        *got = size < HEADER ? size : HEADER;
        memcpy(data, too_long, *got);
        return STLS_BE_OK;
    }
    for (size_t at = 0; at < *got;) {
        if (flood->header > 0 || flood->left == 0) {
            follow_header(flood, data[at++]);
        } else {
            size_t rest = *got - at;
            size_t part = rest < flood->left ? rest : flood->left;
            flood->left -= (uint16_t)part;
            at += part;
        }
    }
    return STLS_BE_OK;
}
