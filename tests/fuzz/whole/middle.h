/* tests/fuzz/whole/middle.h - who stands between two ends and changes what one of them sends.
 *
 * The model: the middle takes the bytes of one end, the peer, cuts them into records, does to them
 * what its orders say, and hands on record by record to the other, the target. It has the peer's
 * secrets of TLS 1.3 and so reads and changes what is encrypted as well; it does not have what it
 * takes to make the peer's Finished for something else. It keeps both rows of handshake messages,
 * that which was sent and that which was handed on, to tell whether the target may be content.
 *
 * An order is ORDER_HEADER octets and its data:
 *
 *     kind, number of the record, place (2), value (2), length of the data
 *
 * SPDX-License-Identifier: MIT */
#ifndef STLS_TESTS_FUZZ_WHOLE_MIDDLE_H
#define STLS_TESTS_FUZZ_WHOLE_MIDDLE_H

#include <siptls/types.h>

enum { ORDER_HEADER = 7, ORDERS_MAX = 24, ORDER_RECORDS = 16 };

typedef enum order_kind {
    ORDER_XOR = 0,        /* the octets at `place` with the data */
    ORDER_SET = 1,        /* the octets at `place` to the data */
    ORDER_SPLICE = 2,     /* takes `value` octets out at `place`, puts the data in */
    ORDER_RESIZE = 3,     /* the same, and the length of the message is right again */
    ORDER_CUT = 4,        /* the record ends at `place` */
    ORDER_DROP = 5,       /* the record is not handed on */
    ORDER_REPEAT = 6,     /* it is handed on `value` times more */
    ORDER_HOLD = 7,       /* it is handed on behind `value` others */
    ORDER_INSERT = 8,     /* a record of type `value` with the data before it, `place` times more */
    ORDER_RAW = 9,        /* the data before it, as they are */
    ORDER_HEAD = 10,      /* octet `place` of the record's header is `value` */
    ORDER_SPLIT = 11,     /* two records instead of one, the second from `place` on */
    ORDER_TYPE = 12,      /* the content is of type `value` */
    ORDER_EXTENSION = 13, /* extension `value` of a hello holds the data; `place` 1: as a second
                             one, 2: there is none */
    ORDER_END = 14,       /* nothing more is handed on */
    ORDER_JOIN = 15,      /* it is handed on in one record with the next, if that is like it */
    ORDER_KINDS = 16,
} order_kind;

typedef struct order {
    order_kind kind;
    uint8_t record;
    uint16_t place, value;
    stls_bytes data;
} order;

/* The next order off the front of `from`; false: there is none. */
bool order_read(stls_bytes *from, order *o);

/* Writes it behind `at` (ORDER_HEADER + data.len octets); their number. */
size_t order_write(const order *o, uint8_t *at);

typedef struct middle middle;

/* The orders stay the caller's. */
middle *middle_new(stls_role peer, stls_bytes orders);
void middle_free(middle *m);

/* Takes bytes of the peer. */
void middle_take(middle *m, stls_bytes sent);

/* The next record for the target; valid until the next call. False: there is none now. */
bool middle_next(middle *m, stls_bytes *record);

/* Whether all handshake messages that the peer has sent were handed on, in order and with nothing
 * before or between them; true if that cannot be told. */
bool middle_is_faithful(const middle *m);

/* Whether data of the application were changed, by who has the keys. */
bool middle_changed_data(const middle *m);

#endif
