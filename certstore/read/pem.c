/* SPDX-License-Identifier: MIT */
#include "certstore/read/pem.h"

#include "base/error.h"
#include "base/memory.h"
#include "certstore/read/blocks.h"
#include "certstore/read/der.h"

#include <stdio.h>
#include <string.h>

const char *stls_block_kind_name(stls_block_kind kind) {
    switch (kind) {
    case STLS_BLOCK_UNKNOWN:
        break;
    case STLS_BLOCK_CERTIFICATE:
        return "a certificate";
    case STLS_BLOCK_CRL:
        return "a certificate revocation list";
    case STLS_BLOCK_KEY:
        return "a private key";
    case STLS_BLOCK_ENCRYPTED_KEY:
        return "an encrypted private key";
    case STLS_BLOCK_LEGACY_ENCRYPTED_KEY:
        return "a private key that is encrypted in the old manner of PEM";
    case STLS_BLOCK_EC_PARAMETERS:
        return "the parameters of an EC key";
    case STLS_BLOCK_CSR:
        return "a certificate request";
    case STLS_BLOCK_PUBLIC_KEY:
        return "a public key";
    case STLS_BLOCK_PKCS12:
        return "a PKCS #12 store";
    case STLS_BLOCK_PKCS7:
        return "a PKCS #7 store";
    }
    return "something unknown";
}

static stls_block_kind kind_of_label(stls_bytes label) {
    static const struct {
        const char *label;
        stls_block_kind kind;
    } known[] = {
        {"CERTIFICATE", STLS_BLOCK_CERTIFICATE},
        {"X509 CERTIFICATE", STLS_BLOCK_CERTIFICATE},
        {"X509 CRL", STLS_BLOCK_CRL},
        {"CRL", STLS_BLOCK_CRL},
        {"PRIVATE KEY", STLS_BLOCK_KEY},
        {"RSA PRIVATE KEY", STLS_BLOCK_KEY},
        {"EC PRIVATE KEY", STLS_BLOCK_KEY},
        {"ENCRYPTED PRIVATE KEY", STLS_BLOCK_ENCRYPTED_KEY},
        {"EC PARAMETERS", STLS_BLOCK_EC_PARAMETERS},
        {"CERTIFICATE REQUEST", STLS_BLOCK_CSR},
        {"NEW CERTIFICATE REQUEST", STLS_BLOCK_CSR},
        {"PUBLIC KEY", STLS_BLOCK_PUBLIC_KEY},
        {"RSA PUBLIC KEY", STLS_BLOCK_PUBLIC_KEY},
        {"PKCS7", STLS_BLOCK_PKCS7},
        {"CMS", STLS_BLOCK_PKCS7},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (label.len == strlen(known[i].label) &&
            memcmp(label.data, known[i].label, label.len) == 0) {
            return known[i].kind;
        }
    }
    return STLS_BLOCK_UNKNOWN;
}

/* --- Lines --- */

/* A file on its way to blocks. */
typedef struct reading {
    stls_bytes rest; /* what no line was taken from yet */
    size_t line;     /* the number of the line that was taken last */
    const char *name;
    stls_error *error;
    stls_blocks *blocks;
    size_t room; /* in blocks->items */
} reading;

/* The next line without its end, which is LF, CR LF or CR. */
static bool next_line(reading *in, stls_bytes *line) {
    if (in->rest.len == 0) {
        return false;
    }
    const uint8_t *at = in->rest.data, *end = at + in->rest.len;
    while (at < end && *at != '\n' && *at != '\r') {
        at++;
    }
    *line = (stls_bytes){in->rest.data, (size_t)(at - in->rest.data)};
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n') {
        at++;
    }
    if (at < end) {
        at++;
    }
    in->rest = (stls_bytes){at, (size_t)(end - at)};
    in->line++;
    return true;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\v' || byte == '\f';
}

static stls_bytes trim(stls_bytes line) {
    while (line.len != 0 && is_blank(line.data[line.len - 1])) {
        line.len--;
    }
    while (line.len != 0 && is_blank(line.data[0])) {
        line = (stls_bytes){line.data + 1, line.len - 1};
    }
    return line;
}

/* Files with a byte order mark that were joined have one in their middle. */
static stls_bytes skip_mark(stls_bytes line) {
    bool marked = line.len >= 3 && memcmp(line.data, "\xef\xbb\xbf", 3) == 0;
    return marked ? (stls_bytes){line.data + 3, line.len - 3} : line;
}

static bool starts_with(stls_bytes line, const char *text) {
    size_t len = strlen(text);
    return line.len >= len && memcmp(line.data, text, len) == 0;
}

static stls_result fail_at(const reading *in, size_t line, const char *what) {
    return stls_fail(in->error, STLS_E_FORMAT, "%s, line %zu: %s", in->name, line, what);
}

/* The label of a line that starts with `opening`: what follows, up to five dashes that end the
 * line. */
static bool read_label(stls_bytes line, const char *opening, stls_bytes *label) {
    static const char closing[] = "-----";
    const size_t closing_len = sizeof closing - 1, opening_len = strlen(opening);
    if (line.len <= opening_len + closing_len || !starts_with(line, opening)) {
        return false;
    }
    *label = (stls_bytes){line.data + opening_len, line.len - opening_len - closing_len};
    if (memcmp(label->data + label->len, closing, closing_len) != 0) {
        return false;
    }
    for (size_t i = 0; i < label->len; i++) {
        if (label->data[i] < ' ' || label->data[i] > '~' || label->data[i] == '-') {
            return false;
        }
    }
    return true;
}

/* --- Base64 --- */

/* Strict: whole groups of four, padding only in the last, no stray bits before it. */
typedef struct base64 {
    uint8_t *out;
    size_t len;
    uint32_t group;
    unsigned taken, padding;
} base64;

static int base64_value(uint8_t byte) {
    if (byte >= 'A' && byte <= 'Z') {
        return byte - 'A';
    }
    if (byte >= 'a' && byte <= 'z') {
        return byte - 'a' + 26;
    }
    if (byte >= '0' && byte <= '9') {
        return byte - '0' + 52;
    }
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

static const char *base64_end_group(base64 *to) {
    uint32_t unused = to->padding == 0 ? 0 : (1u << 8 * to->padding) - 1;
    if ((to->group & unused) != 0) {
        return "the base64 has stray bits before its padding";
    }
    for (unsigned i = 0; i < 3 - to->padding; i++) {
        to->out[to->len++] = (uint8_t)(to->group >> (16 - 8 * i));
    }
    to->group = 0;
    to->taken = 0;
    return NULL;
}

static const char *base64_take(base64 *to, uint8_t byte) {
    int value = base64_value(byte);
    if (byte == '=') {
        if (to->taken < 2) {
            return "the base64 has padding where there can be none";
        }
        to->padding++;
        value = 0;
    } else if (value < 0) {
        return byte == 0 ? "a zero byte stands where base64 should be"
                         : "something that is not base64 stands inside the block";
    } else if (to->padding != 0) {
        return "the base64 goes on behind its padding";
    }
    to->group = to->group << 6 | (uint32_t)value;
    return ++to->taken == 4 ? base64_end_group(to) : NULL;
}

static const char *base64_take_line(base64 *to, stls_bytes line) {
    const char *flaw = NULL;
    for (size_t i = 0; i < line.len && flaw == NULL; i++) {
        if (!is_blank(line.data[i])) {
            flaw = base64_take(to, line.data[i]);
        }
    }
    return flaw;
}

/* --- DER --- */

/* Whether the bytes are one element of DER with nothing behind it. `subject` begins the sentence.
 */
static stls_result check_whole(stls_bytes der, const char *subject, stls_error *error) {
    stls_der rest = stls_der_of(der);
    if (stls_der_any(&rest, NULL, NULL, NULL)) {
        size_t more = (size_t)(rest.end - rest.at);
        return more == 0 ? STLS_OK
                         : stls_fail(error, STLS_E_FORMAT, "%s has %zu more bytes behind its end",
                                     subject, more);
    }
    if (der.len >= 2 && der.data[0] == STLS_DER_SEQUENCE && der.data[1] == 0x80) {
        return stls_fail(error, STLS_E_FORMAT,
                         "%s is not DER but BER of indefinite length, as some programs write "
                         "PKCS #7 and PKCS #12: convert it to PEM",
                         subject);
    }
    return stls_fail(error, STLS_E_FORMAT,
                     "%s is cut off or damaged: its DER does not end where its length says",
                     subject);
}

/* --- Blocks --- */

static stls_result add_block(reading *in, const stls_block *block) {
    if (in->blocks->count == in->room) {
        size_t room = in->room + in->room / 2 + 4;
        stls_block *items = stls_grow(in->blocks->items, in->room, room, sizeof *items);
        if (items == NULL) {
            return stls_fail(in->error, STLS_E_NO_MEMORY, "no memory to read %s", in->name);
        }
        in->blocks->items = items;
        in->room = room;
    }
    in->blocks->items[in->blocks->count++] = *block;
    return STLS_OK;
}

/* The END line of the block that begins in line `begin`: where it is, and how many bytes of text
 * stand before it. */
static stls_result find_end(const reading *in, size_t begin, stls_bytes label, size_t *end_line,
                            size_t *text_len) {
    reading ahead = *in;
    stls_bytes line, end_label;
    while (next_line(&ahead, &line)) {
        line = trim(line);
        if (starts_with(line, "-----BEGIN")) {
            return fail_at(in, begin, "this block is not ended before the next one begins");
        }
        if (!starts_with(line, "-----END")) {
            continue;
        }
        if (!read_label(line, "-----END ", &end_label)) {
            return fail_at(&ahead, ahead.line,
                           "-----END does not stand alone with its label and five dashes (where "
                           "files are joined, a line must end between them)");
        }
        if (!stls_bytes_equal(label, end_label)) {
            return fail_at(&ahead, ahead.line, "the block ends with another label than it began");
        }
        *end_line = ahead.line;
        *text_len = in->rest.len - ahead.rest.len;
        return STLS_OK;
    }
    return fail_at(in, begin, "this block has no -----END line: the file is cut off");
}

static bool has_colon(stls_bytes line) {
    return line.len != 0 && memchr(line.data, ':', line.len) != NULL;
}

/* Header lines (RFC 1421) up to the empty line behind them. Only encrypted keys of old have any. */
static stls_result skip_headers(reading *in, size_t end_line, stls_block *block) {
    reading ahead = *in;
    stls_bytes line;
    if (!next_line(&ahead, &line) || !has_colon(line)) {
        return STLS_OK;
    }
    if (block->kind != STLS_BLOCK_KEY) {
        return fail_at(in, ahead.line, "header lines stand in encrypted RSA and EC keys only");
    }
    while (trim(line).len != 0) {
        if (starts_with(line, "DEK-Info:")) {
            block->kind = STLS_BLOCK_LEGACY_ENCRYPTED_KEY;
        }
        if (ahead.line + 1 >= end_line || !next_line(&ahead, &line)) {
            return fail_at(in, block->line, "this block has header lines and nothing behind them");
        }
    }
    *in = ahead;
    return STLS_OK;
}

/* Decodes the lines before `end_line` into `to`, and takes the END line too. */
static stls_result decode(reading *in, size_t end_line, base64 *to) {
    stls_bytes line;
    while (next_line(in, &line) && in->line < end_line) {
        const char *flaw = base64_take_line(to, line);
        if (flaw != NULL) {
            return fail_at(in, in->line, flaw);
        }
    }
    return to->taken == 0 ? STLS_OK
                          : fail_at(in, end_line, "the base64 before this line is not complete");
}

/* Whether the block holds what its label says. */
static stls_result check_content(const reading *in, const stls_block *block, stls_bytes label) {
    enum { SHOWN = 31 };
    char subject[160];
    int shown = label.len < SHOWN ? (int)label.len : SHOWN;
    const char *text = (const char *)label.data;
    if (block->der.len == 0) {
        return fail_at(in, block->line, "this block is empty");
    }
    if (block->kind == STLS_BLOCK_UNKNOWN || block->kind == STLS_BLOCK_LEGACY_ENCRYPTED_KEY) {
        return STLS_OK;
    }
    stls_block_kind found = stls_block_classify(block->der);
    if (found != STLS_BLOCK_UNKNOWN && found != block->kind) {
        return stls_fail(in->error, STLS_E_FORMAT,
                         "%s, line %zu: the block is labelled %.*s but holds %s", in->name,
                         block->line, shown, text, stls_block_kind_name(found));
    }
    snprintf(subject, sizeof subject, "%s, line %zu: the block %.*s", in->name, block->line, shown,
             text);
    return check_whole(block->der, subject, in->error);
}

/* The block whose BEGIN line, with `label`, was just taken. */
static stls_result read_block(reading *in, stls_bytes label) {
    stls_block block = {.line = in->line, .kind = kind_of_label(label)};
    size_t end_line = 0, text_len = 0;
    stls_result result = find_end(in, block.line, label, &end_line, &text_len);
    if (result == STLS_OK) {
        result = skip_headers(in, end_line, &block);
    }
    if (result != STLS_OK) {
        return result;
    }
    size_t room = text_len / 4 * 3 + 3;
    base64 to = {.out = stls_alloc(room, 1)};
    if (to.out == NULL) {
        return stls_fail(in->error, STLS_E_NO_MEMORY, "no memory to read %s", in->name);
    }
    result = decode(in, end_line, &to);
    block.der = (stls_bytes){.data = to.out, .len = to.len};
    if (result == STLS_OK) {
        result = check_content(in, &block, label);
    }
    if (result == STLS_OK) {
        result = add_block(in, &block);
    }
    if (result != STLS_OK) {
        stls_wipe(to.out, room);
        stls_free(to.out);
    }
    return result;
}

static stls_result read_text(reading *in, stls_bytes data) {
    stls_bytes line, label;
    while (next_line(in, &line)) {
        line = trim(skip_mark(line));
        if (starts_with(line, "-----END")) {
            return fail_at(in, in->line,
                           "-----END without -----BEGIN: the file's beginning is missing");
        }
        if (!starts_with(line, "-----BEGIN")) {
            continue;
        }
        if (!read_label(line, "-----BEGIN ", &label)) {
            return fail_at(in, in->line,
                           "-----BEGIN does not stand alone with its label and five dashes (were "
                           "the line ends lost?)");
        }
        stls_result result = read_block(in, label);
        if (result != STLS_OK) {
            return result;
        }
    }
    if (in->blocks->count == 0) {
        return stls_fail(in->error, STLS_E_FORMAT, "%s %s", in->name, stls_block_guess(data));
    }
    return STLS_OK;
}

static stls_result read_der(reading *in, stls_bytes data) {
    stls_block block = {.line = 0};
    stls_result result = check_whole(data, in->name, in->error);
    if (result != STLS_OK) {
        return result;
    }
    block.kind = stls_block_classify(data);
    if (block.kind == STLS_BLOCK_UNKNOWN) {
        return stls_fail(in->error, STLS_E_FORMAT,
                         "%s is DER, but neither a certificate nor anything else known here",
                         in->name);
    }
    if (!stls_bytes_copy(data, &block.der)) {
        return stls_fail(in->error, STLS_E_NO_MEMORY, "no memory to read %s", in->name);
    }
    result = add_block(in, &block);
    if (result != STLS_OK) {
        stls_bytes_free(&block.der);
    }
    return result;
}

/* A text may begin with '0' as well, but the header of a SEQUENCE and of what is inside it soon has
 * bytes that no text has. */
static bool is_der(stls_bytes data) {
    if (data.len < 2 || data.data[0] != STLS_DER_SEQUENCE) {
        return false;
    }
    for (size_t i = 1; i < data.len && i < 8; i++) {
        uint8_t byte = data.data[i];
        if (byte < '\t' || (byte > '\r' && byte < ' ') || byte > '~') {
            return true;
        }
    }
    return false;
}

stls_result stls_blocks_read(stls_bytes data, size_t limit, const char *name, stls_blocks *blocks,
                             stls_error *error) {
    reading in = {.rest = data, .name = name, .error = error, .blocks = blocks};
    stls_result result;
    *blocks = (stls_blocks){.items = NULL};
    if (data.len > limit) {
        return stls_fail(error, STLS_E_LIMIT, "%s has %zu bytes; at most %zu are taken", name,
                         data.len, limit);
    }
    if (is_der(data)) {
        result = read_der(&in, data);
    } else if (stls_block_is_utf16(data)) {
        result = stls_fail(error, STLS_E_FORMAT,
                           "%s is UTF-16 text, as some programs of Windows write it: save it as "
                           "ASCII or UTF-8",
                           name);
    } else if (stls_block_is_html(data)) {
        result = stls_fail(error, STLS_E_FORMAT,
                           "%s is a web page (HTML): the download brought a login or error page "
                           "instead of the file",
                           name);
    } else {
        result = read_text(&in, data);
    }
    if (result != STLS_OK) {
        stls_blocks_free(blocks);
    }
    return result;
}

void stls_blocks_free(stls_blocks *blocks) {
    for (size_t i = 0; i < blocks->count; i++) {
        /* The bytes are ours: only the type forbids others to write. */
        union {
            const uint8_t *constant;
            void *owned;
        } der = {blocks->items[i].der.data};
        stls_wipe(der.owned, blocks->items[i].der.len);
        stls_bytes_free(&blocks->items[i].der);
    }
    stls_free(blocks->items);
    *blocks = (stls_blocks){.items = NULL};
}
