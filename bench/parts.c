/* SPDX-License-Identifier: MIT */
#include "parts.h"

#include <stdio.h>
#include <string.h>

enum { PART = 1 << 20 };

/* The length of the certificates that are whole in `data`. */
static size_t whole(const char *data, size_t len) {
    static const char end[] = "-----END CERTIFICATE-----\n";
    const size_t end_len = sizeof end - 1;
    while (len > end_len && memcmp(data + len - end_len, end, end_len) != 0) {
        len--;
    }
    return len > end_len ? len : 0;
}

bool bench_parts(const char *file, bool (*take)(void *arg, const char *data, size_t len),
                 void *arg) {
    static _Thread_local char data[PART];
    size_t have = 0;
    FILE *in = fopen(file, "rb");
    bool good = in != NULL, more = good;
    while (good && more) {
        size_t got = fread(data + have, 1, sizeof data - have, in);
        have += got;
        size_t len = whole(data, have);
        more = got > 0;
        if (len > 0) {
            good = take(arg, data, len);
            memmove(data, data + len, have - len);
            have -= len;
        }
        good = good && have < sizeof data; /* else a certificate of 1 MB */
    }
    if (in != NULL) {
        good = good && ferror(in) == 0;
        fclose(in);
    }
    return good;
}
