/* tests/fuzz/whole/middle.c - who stands between two ends and changes what one of them sends.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/fuzz/whole/middle.h"
#include "tests/fuzz/whole/rig.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 5,
    MESSAGE_HEADER = 4,
    TYPE_HANDSHAKE = 22,
    TYPE_DATA = 23,
    HELLO_REQUEST = 0,
    CLIENT_HELLO = 1,
    SERVER_HELLO = 2,
    ENCRYPTED_EXTENSIONS = 8,
    TAG = 16,
    CONTENT_MAX = 60000,
    EPOCHS = 2,
};

/* --- Orders */

bool order_read(stls_bytes *from, order *o) {
    if (from->len < ORDER_HEADER) {
        return false;
    }
    const uint8_t *at = from->data;
    size_t room = from->len - ORDER_HEADER, len = at[6] < room ? at[6] : room;
    *o = (order){.kind = (order_kind)(at[0] % ORDER_KINDS),
                 .record = at[1] % ORDER_RECORDS,
                 .place = (uint16_t)(at[2] << 8 | at[3]),
                 .value = (uint16_t)(at[4] << 8 | at[5]),
                 .data = {at + ORDER_HEADER, len}};
    *from = (stls_bytes){at + ORDER_HEADER + len, room - len};
    return true;
}

size_t order_write(const order *o, uint8_t *at) {
    const uint8_t head[ORDER_HEADER] = {
        (uint8_t)o->kind,         o->record,         (uint8_t)(o->place >> 8), (uint8_t)o->place,
        (uint8_t)(o->value >> 8), (uint8_t)o->value, (uint8_t)o->data.len};
    memcpy(at, head, sizeof head);
    if (o->data.len != 0) {
        memcpy(at + ORDER_HEADER, o->data.data, o->data.len);
    }
    return ORDER_HEADER + o->data.len;
}

/* --- Bytes that grow */

typedef struct bytes {
    uint8_t *data;
    size_t len, room;
} bytes;

static void add(bytes *to, const void *data, size_t len) {
    if (to->data == NULL || to->len + len > to->room) {
        to->room = 2 * (to->len + len) + 16;
        to->data = realloc(to->data, to->room);
        must(to->data != NULL, "there is memory");
    }
    if (len != 0) {
        memcpy(to->data + to->len, data, len);
    }
    to->len += len;
}

/* Takes `out` octets away at `at`, and puts `in` there. */
static void splice(bytes *b, size_t at, size_t out, stls_bytes in) {
    bytes made = {NULL, 0, 0};
    add(&made, b->data, at);
    add(&made, in.data, in.len);
    add(&made, b->data + at + out, b->len - at - out);
    free(b->data);
    *b = made;
}

/* --- The keys of TLS 1.3 */

typedef struct epoch {
    bool known;
    uint8_t key[16], iv[12];
    uint64_t in, out; /* numbers of the next records */
} epoch;

static void expand(const uint8_t *secret, size_t secret_len, const char *label, uint8_t *out,
                   uint8_t len) {
    uint8_t info[32] = {0, len, (uint8_t)(6 + strlen(label))}, block[EVP_MAX_MD_SIZE];
    size_t at = 3;
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, strlen(label));
    at += 6 + strlen(label);
    info[at++] = 0; /* no context */
    info[at++] = 1; /* the first block */
    must(HMAC(EVP_sha256(), secret, (int)secret_len, info, at, block, NULL) != NULL, "HMAC works");
    memcpy(out, block, len);
}

static bool have_epoch(epoch *e, stls_role peer, size_t number) {
    static const char *const labels[][EPOCHS] = {
        [STLS_ROLE_CLIENT] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"},
        [STLS_ROLE_SERVER] = {"SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"}};
    uint8_t secret[64];
    size_t len;
    if (!e->known && (len = rig_secret(peer, labels[peer][number], secret)) == 32) {
        e->known = true;
        expand(secret, len, "key", e->key, sizeof e->key);
        expand(secret, len, "iv", e->iv, sizeof e->iv);
    }
    return e->known;
}

static EVP_CIPHER_CTX *cipher(const epoch *e, uint64_t number, int seals, stls_bytes head) {
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t nonce[sizeof e->iv];
    int n;
    memcpy(nonce, e->iv, sizeof nonce);
    for (size_t i = 0; i < 8; i++) {
        nonce[sizeof nonce - 1 - i] ^= (uint8_t)(number >> 8 * i);
    }
    must(c != NULL && EVP_CipherInit_ex(c, EVP_aes_128_gcm(), NULL, e->key, nonce, seals) == 1 &&
             EVP_CipherUpdate(c, NULL, &n, head.data, (int)head.len) == 1,
         "AES works");
    return c;
}

/* The content of a record and its type, without padding; false: not of this epoch. */
static bool open_record(epoch *e, stls_bytes record, bytes *content, uint8_t *type) {
    size_t len = record.len - HEADER;
    if (len < TAG + 1) {
        return false;
    }
    len -= TAG;
    uint8_t *plain = malloc(len), tag[TAG];
    int n;
    must(plain != NULL, "there is memory");
    memcpy(tag, record.data + HEADER + len, TAG);
    EVP_CIPHER_CTX *c = cipher(e, e->in, 0, (stls_bytes){record.data, HEADER});
    bool good = EVP_CipherUpdate(c, plain, &n, record.data + HEADER, (int)len) == 1 &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
                EVP_CipherFinal_ex(c, plain + n, &n) == 1;
    EVP_CIPHER_CTX_free(c);
    while (good && len > 1 && plain[len - 1] == 0) {
        len--;
    }
    if (good) {
        e->in++;
        *type = plain[len - 1];
        add(content, plain, len - 1);
    }
    free(plain);
    return good;
}

static void seal_record(epoch *e, stls_bytes content, uint8_t type, bytes *out) {
    size_t len = content.len + 1 + TAG, at = out->len;
    const uint8_t head[HEADER] = {TYPE_DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};
    static const uint8_t room[TAG];
    int n;
    add(out, head, HEADER);
    add(out, content.data, content.len);
    add(out, &type, 1);
    add(out, room, TAG);
    uint8_t *text = out->data + at + HEADER;
    EVP_CIPHER_CTX *c = cipher(e, e->out++, 1, (stls_bytes){head, HEADER});
    must(EVP_CipherUpdate(c, text, &n, text, (int)content.len + 1) == 1 &&
             EVP_CipherFinal_ex(c, text + n, &n) == 1 &&
             EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, text + content.len + 1) == 1,
         "AES works");
    EVP_CIPHER_CTX_free(c);
}

/* --- The middle */

typedef struct record {
    bytes content;
    uint8_t type;  /* of the content */
    epoch *sealed; /* NULL: it is handed on without being encrypted by us */
    unsigned copies, wait;
    size_t split;
    bool joins, has_head;
    uint8_t head_place, head_value;
} record;

struct middle {
    stls_role peer;
    order orders[ORDERS_MAX];
    size_t order_count;
    bytes in;     /* less than a record */
    bytes out;    /* for the target */
    size_t *ends; /* of the records in `out` */
    size_t end_count, end_room, next;
    bytes sent, handed; /* handshake messages */
    epoch epochs[EPOCHS];
    unsigned number;
    record held, joined;
    bool has_held, has_joined;
    bool ended, unclear, changed_data, ciphered;
};

middle *middle_new(stls_role peer, stls_bytes orders) {
    middle *m = calloc(1, sizeof *m);
    must(m != NULL, "there is memory");
    m->peer = peer;
    while (m->order_count < ORDERS_MAX && order_read(&orders, &m->orders[m->order_count])) {
        m->order_count++;
    }
    return m;
}

void middle_free(middle *m) {
    free(m->in.data);
    free(m->out.data);
    free(m->ends);
    free(m->sent.data);
    free(m->handed.data);
    free(m->held.content.data);
    free(m->joined.content.data);
    free(m);
}

static void end_piece(middle *m) {
    if (m->end_count == m->end_room) {
        m->end_room = 2 * m->end_room + 16;
        m->ends = realloc(m->ends, m->end_room * sizeof *m->ends);
        must(m->ends != NULL, "there is memory");
    }
    m->ends[m->end_count++] = m->out.len;
}

static void hand_on(middle *m, const record *r, stls_bytes content) {
    size_t at = m->out.len;
    if (m->ended || content.len > CONTENT_MAX) {
        return;
    }
    if (r->sealed != NULL) {
        seal_record(r->sealed, content, r->type, &m->out);
    } else {
        const uint8_t head[HEADER] = {r->type, 3, 3, (uint8_t)(content.len >> 8),
                                      (uint8_t)content.len};
        add(&m->out, head, HEADER);
        add(&m->out, content.data, content.len);
    }
    if (r->has_head) {
        m->out.data[at + r->head_place] = r->head_value;
    }
    if (r->type == TYPE_HANDSHAKE) {
        add(&m->handed, content.data, content.len);
    }
    end_piece(m);
}

static void hand_on_all(middle *m, const record *r) {
    stls_bytes whole = {r->content.data, r->content.len};
    size_t split = r->split < whole.len ? r->split : 0;
    for (unsigned i = 0; i < r->copies; i++) {
        if (split != 0) {
            hand_on(m, r, (stls_bytes){whole.data, split});
        }
        hand_on(m, r, (stls_bytes){whole.data + split, whole.len - split});
    }
}

/* --- What orders do */

/* Where the message that octet `at` belongs to begins, and its length by its header; false: it does
 * not end in this record. */
static bool find_message(const bytes *content, size_t at, size_t *begin, size_t *len) {
    for (*begin = 0; content->len - *begin >= MESSAGE_HEADER; *begin += MESSAGE_HEADER + *len) {
        const uint8_t *m = content->data + *begin;
        *len = (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];
        if (*len > content->len - *begin - MESSAGE_HEADER) {
            return false;
        }
        if (at < *begin + MESSAGE_HEADER + *len) {
            return true;
        }
    }
    return false;
}

static void put_number(uint8_t *at, size_t width, size_t number) {
    for (size_t i = width; i-- > 0; number >>= 8) {
        at[i] = (uint8_t)number;
    }
}

static void set_message_length(bytes *content, size_t begin, size_t len) {
    put_number(content->data + begin + 1, 3, len);
}

static size_t skip_vector(const bytes *content, size_t at, size_t width) {
    size_t len = 0;
    for (size_t i = 0; i < width && at + i < content->len; i++) {
        len = len << 8 | content->data[at + i];
    }
    return at + width + len;
}

/* Where the length of the extensions stands in a hello that begins the record; 0: nowhere. */
static size_t find_extensions(const bytes *content) {
    size_t at = MESSAGE_HEADER, begin, len;
    if (content->len == 0 || !find_message(content, 0, &begin, &len)) {
        return 0;
    }
    switch (content->data[0]) {
    case CLIENT_HELLO:
        at = skip_vector(content, skip_vector(content, skip_vector(content, at + 34, 1), 2), 1);
        break;
    case SERVER_HELLO:
        at = skip_vector(content, at + 34, 1) + 3;
        break;
    case ENCRYPTED_EXTENSIONS:
        break;
    default:
        return 0;
    }
    return at + 2 <= MESSAGE_HEADER + len && skip_vector(content, at, 2) == MESSAGE_HEADER + len
               ? at
               : 0;
}

static void change_extension(bytes *content, const order *o) {
    size_t list = find_extensions(content);
    if (list == 0) {
        return;
    }
    size_t end = skip_vector(content, list, 2), at = list + 2, next = at;
    for (; at + 4 <= end; at = next) {
        next = skip_vector(content, at + 2, 2);
        if (next > end || (content->data[at] << 8 | content->data[at + 1]) == o->value) {
            break;
        }
    }
    if (at + 4 > end || next > end || o->place == 1) {
        at = next = end;
    }
    bytes made = {NULL, 0, 0};
    if (o->place != 2) {
        uint8_t head[4];
        put_number(head, 2, o->value);
        put_number(head + 2, 2, o->data.len);
        add(&made, head, sizeof head);
        add(&made, o->data.data, o->data.len);
    }
    size_t message = MESSAGE_HEADER + ((size_t)content->data[2] << 8 | content->data[3]);
    splice(content, at, next - at, (stls_bytes){made.data, made.len});
    put_number(content->data + list, 2, end - list - 2 + made.len - (next - at));
    set_message_length(content, 0, message - MESSAGE_HEADER + made.len - (next - at));
    free(made.data);
}

/* Takes `out` octets away at `at` and puts the order's data there, inside one message if its length
 * is to follow. */
static void resize(bytes *content, size_t at, size_t out, const order *o) {
    size_t begin, len;
    bool follows = o->kind == ORDER_RESIZE && content->len != 0 &&
                   find_message(content, at, &begin, &len) && at >= begin + MESSAGE_HEADER;
    if (follows) {
        size_t left = begin + MESSAGE_HEADER + len - at;
        out = out < left ? out : left;
    }
    splice(content, at, out, o->data);
    if (follows) {
        set_message_length(content, begin, len - out + o->data.len);
    }
}

static void change_octets(bytes *content, const order *o) {
    size_t at = content->len != 0 ? o->place % content->len : 0, left = content->len - at;
    size_t len = o->data.len < left ? o->data.len : left;
    size_t out = o->value % 64U < left ? o->value % 64U : left;
    switch (o->kind) {
    case ORDER_XOR:
        for (size_t i = 0; i < len; i++) {
            content->data[at + i] ^= o->data.data[i];
        }
        break;
    case ORDER_SET:
        if (len != 0) {
            memcpy(content->data + at, o->data.data, len);
        }
        break;
    case ORDER_SPLICE:
    case ORDER_RESIZE:
        resize(content, at, out, o);
        break;
    default: /* ORDER_CUT */
        content->len = at;
        break;
    }
}

static void insert(middle *m, const record *before, const order *o) {
    record made = {
        .type = (uint8_t)o->value, .sealed = before->sealed, .copies = o->place % 40U + 1};
    add(&made.content, o->data.data, o->data.len);
    m->changed_data = m->changed_data || (made.sealed != NULL && made.type == TYPE_DATA);
    hand_on_all(m, &made);
    free(made.content.data);
}

static void obey(middle *m, record *r, const order *o) {
    m->changed_data = m->changed_data || (r->sealed != NULL && r->type == TYPE_DATA);
    switch (o->kind) {
    case ORDER_DROP:
        r->copies = 0;
        break;
    case ORDER_REPEAT:
        r->copies += o->value % 8U;
        break;
    case ORDER_HOLD:
        r->wait = 1 + o->value % 4U;
        break;
    case ORDER_INSERT:
        insert(m, r, o);
        break;
    case ORDER_RAW:
        if (!m->ended && o->data.len != 0) {
            m->unclear = true;
            add(&m->out, o->data.data, o->data.len);
            end_piece(m);
        }
        break;
    case ORDER_HEAD:
        m->unclear = true;
        r->has_head = true;
        r->head_place = o->place % HEADER;
        r->head_value = (uint8_t)o->value;
        break;
    case ORDER_SPLIT:
        r->split = r->content.len != 0 ? o->place % r->content.len : 0;
        break;
    case ORDER_TYPE:
        r->type = (uint8_t)o->value;
        m->changed_data = m->changed_data || (r->sealed != NULL && r->type == TYPE_DATA);
        break;
    case ORDER_EXTENSION:
        change_extension(&r->content, o);
        break;
    case ORDER_END:
        m->ended = true;
        break;
    case ORDER_JOIN:
        r->joins = true;
        break;
    default:
        change_octets(&r->content, o);
        break;
    }
}

/* --- Records as they come */

static void let_go_of_held(middle *m) {
    if (m->has_held && m->held.wait-- == 0) {
        m->has_held = false;
        hand_on_all(m, &m->held);
        free(m->held.content.data);
        m->held = (record){.copies = 0};
    }
}

/* The record that waits for `r` goes in front of it: in it, if they are alike. */
static void join(middle *m, record *r) {
    if (!m->has_joined) {
        return;
    }
    m->has_joined = false;
    if (m->joined.type == r->type && m->joined.sealed == r->sealed) {
        splice(&r->content, 0, 0, (stls_bytes){m->joined.content.data, m->joined.content.len});
    } else {
        hand_on_all(m, &m->joined);
    }
    free(m->joined.content.data);
    m->joined = (record){.copies = 0};
}

/* Takes over the content of `r`. */
static void treat(middle *m, record *r) {
    if (r->type == TYPE_HANDSHAKE) {
        add(&m->sent, r->content.data, r->content.len);
    }
    for (size_t i = 0; i < m->order_count; i++) {
        if (m->orders[i].record == m->number) {
            obey(m, r, &m->orders[i]);
        }
    }
    m->number++;
    join(m, r);
    if (r->joins) {
        m->joined = *r;
        m->has_joined = true;
        return;
    }
    if (r->wait != 0 && !m->has_held) {
        m->held = *r;
        m->has_held = true;
        return;
    }
    hand_on_all(m, r);
    free(r->content.data);
    let_go_of_held(m);
}

static void take_record(middle *m, stls_bytes raw) {
    record r = {.type = raw.data[0], .copies = 1};
    for (size_t i = 0; i < EPOCHS && raw.data[0] == TYPE_DATA && r.sealed == NULL; i++) {
        epoch *e = &m->epochs[i];
        if (have_epoch(e, m->peer, i) && open_record(e, raw, &r.content, &r.type)) {
            r.sealed = e;
        }
    }
    if (r.sealed == NULL) {
        add(&r.content, raw.data + HEADER, raw.len - HEADER);
    }
    treat(m, &r);
}

void middle_take(middle *m, stls_bytes sent) {
    add(&m->in, sent.data, sent.len);
    size_t at = 0;
    while (m->in.len - at >= HEADER) {
        const uint8_t *head = m->in.data + at;
        size_t len = HEADER + ((size_t)head[3] << 8 | head[4]);
        if (m->in.len - at < len) {
            break;
        }
        take_record(m, (stls_bytes){head, len});
        at += len;
    }
    if (at != 0) {
        splice(&m->in, 0, at, (stls_bytes){NULL, 0});
    }
}

bool middle_next(middle *m, stls_bytes *piece) {
    if (m->next == m->end_count) {
        return false;
    }
    size_t begin = m->next != 0 ? m->ends[m->next - 1] : 0;
    *piece = (stls_bytes){m->out.data + begin, m->ends[m->next] - begin};
    m->next++;
    return true;
}

/* The length of the message at the front of `rest`; of what is encrypted, any number. */
static size_t message_length(const uint8_t *rest, size_t len) {
    size_t told = len;
    if (len >= MESSAGE_HEADER) {
        told = MESSAGE_HEADER + ((size_t)rest[1] << 16 | (size_t)rest[2] << 8 | rest[3]);
    }
    return told < len ? told : len;
}

/* HelloRequests count for nothing (RFC 5246 section 7.4.1.1). */
bool middle_is_faithful(const middle *m) {
    static const uint8_t request[MESSAGE_HEADER] = {HELLO_REQUEST};
    size_t at = 0, len;
    for (size_t sent = 0; !m->unclear && sent < m->sent.len; sent += len) {
        const uint8_t *message = m->sent.data + sent;
        len = message_length(message, m->sent.len - sent);
        while (m->handed.len - at >= len && m->handed.len - at >= MESSAGE_HEADER &&
               memcmp(m->handed.data + at, message, len) != 0 &&
               memcmp(m->handed.data + at, request, MESSAGE_HEADER) == 0) {
            at += MESSAGE_HEADER;
        }
        if (m->handed.len - at < len || memcmp(m->handed.data + at, message, len) != 0) {
            return false;
        }
        at += len;
    }
    return true;
}

bool middle_changed_data(const middle *m) {
    return m->changed_data;
}
