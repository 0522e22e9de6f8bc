/* The reader of DER on any bytes: each octet of the first half picks a call on the second half.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/der.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static bool is_inside(stls_bytes slice, const stls_der *all) {
    return slice.data >= all->at && slice.data <= all->end &&
           slice.len <= (size_t)(all->end - slice.data);
}

/* One call on `der`; whatever comes out lies inside it. Answers what the call did. */
static bool call(uint8_t choice, stls_der *der) {
    stls_der before = *der, inside;
    stls_bytes content = {der->at, 0}, whole = {der->at, 0};
    uint32_t number;
    uint16_t bits;
    int64_t time;
    bool flag, done = false;
    switch (choice % 12) {
    case 0:
        done = stls_der_any(der, NULL, &content, &whole);
        break;
    case 1:
        done = stls_der_get(der, choice, &content);
        break;
    case 2:
        done = stls_der_get_optional(der, stls_der_peek(der), &flag, &content);
        break;
    case 3:
        done = stls_der_enter(der, stls_der_peek(der), &inside);
        if (done) {
            *der = inside;
        }
        break;
    case 4:
        done = stls_der_default_false(der, &flag);
        break;
    case 5:
        done = stls_der_integer(der, &content);
        break;
    case 6:
        done = stls_der_unsigned(der, choice * 0x01010101u, &number);
        must(!done || number <= choice * 0x01010101u);
        break;
    case 7:
        done = stls_der_oid(der, &content);
        break;
    case 8:
        done = stls_der_null(der);
        break;
    case 9:
        done = stls_der_octet_aligned_bits(der, &content);
        break;
    case 10:
        done = stls_der_named_bits(der, &bits);
        break;
    default:
        done = stls_der_time(der, &time);
        must(!done || (time >= -62167219200 && time < 253402300800));
        break;
    }
    must(der->at >= before.at && der->at <= der->end && der->end <= before.end);
    must(!done || (is_inside(content, &before) && is_inside(whole, &before)));
    must(done || (der->at == before.at && der->end == before.end));
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    stls_der der = stls_der_of((stls_bytes){data + size / 2, size - size / 2});
    for (size_t i = 0; i < size / 2; i++) {
        call(data[i], &der);
    }
    return 0;
}
