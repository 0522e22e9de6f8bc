/* Files of certificates and keys: what is in them, and what is said of those that are not.
 *
 * Promise P5 of SECURITY.md.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/pem.h"

#include "base/memory.h"
#include "tests/support/check.h"
#include "tests/support/pki.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#include <unistd.h>

enum { LIMIT = 1 << 20 };

/* The shortest thing that may stand in a block: 30 00. Whether it is a certificate is not asked
 * here. */
#define EMPTY_SEQUENCE "MAA="
#define BEGIN          "-----BEGIN CERTIFICATE-----\n"
#define END            "-----END CERTIFICATE-----\n"
#define CERTIFICATE    BEGIN EMPTY_SEQUENCE "\n" END

/* The Ed25519 key of RFC 8410 section 10.3. */
#define KEY "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"

/* A copy of its exact size, where a sanitizer sees whoever reads beyond it. */
static stls_bytes exactly(const char *text, size_t len) {
    stls_bytes copy;
    if (!stls_bytes_copy((stls_bytes){(const uint8_t *)text, len}, &copy)) {
        abort();
    }
    return copy;
}

/* Reads `data`; `sentence` is part of the refusal, or NULL if it has to be taken. */
static bool read_blocks(stls_bytes data, const char *sentence, stls_blocks *blocks) {
    stls_error error = {.result = STLS_NOT_DONE};
    stls_result result = stls_blocks_read(data, LIMIT, "file x", blocks, &error);
    CHECK_RESULT("read", result, sentence == NULL ? STLS_OK : STLS_E_FORMAT, &error);
    if (sentence != NULL && result != STLS_OK) {
        CHECK_CONTAINS("the sentence", error.text, sentence);
        CHECK(blocks->items == NULL && blocks->count == 0, "blocks are left");
    }
    return result == STLS_OK;
}

/* --- Text --- */

static const struct {
    const char *name, *text;
    const char *sentence;
    size_t count; /* of blocks; all are certificates in the texts that have to be taken */
    size_t line;  /* of the last */
} texts[] = {
    /* good */
    {"one block", CERTIFICATE, NULL, 1, 1},
    {"two blocks", CERTIFICATE CERTIFICATE, NULL, 2, 4},
    {"CR LF", "-----BEGIN CERTIFICATE-----\r\nMAA=\r\n-----END CERTIFICATE-----\r\n", NULL, 1, 1},
    {"CR alone", "-----BEGIN CERTIFICATE-----\rMAA=\r-----END CERTIFICATE-----\r", NULL, 1, 1},
    {"no line end at the end", BEGIN "MAA=\n-----END CERTIFICATE-----", NULL, 1, 1},
    {"a byte order mark", "\xef\xbb\xbf" CERTIFICATE, NULL, 1, 1},
    {"a byte order mark in the middle", CERTIFICATE "\xef\xbb\xbf" CERTIFICATE, NULL, 2, 4},
    {"text before, between and behind", "Subject: a\n\n" CERTIFICATE "b: c\n" CERTIFICATE "end\n",
     NULL, 2, 7},
    {"text that begins with 0", "0 is the first\n" CERTIFICATE, NULL, 1, 2},
    {"a block in a comment", "# " BEGIN "# MAA=\n# " END CERTIFICATE, NULL, 1, 4},
    {"empty lines inside", BEGIN "\nMA\n\nA=\n\n" END, NULL, 1, 1},
    {"blanks inside", BEGIN "  M A\tA = \n" END, NULL, 1, 1},
    {"blanks around the boundaries", "  -----BEGIN CERTIFICATE----- \nMAA=\n\t" END, NULL, 1, 1},
    {"X509 CERTIFICATE", "-----BEGIN X509 CERTIFICATE-----\nMAA=\n-----END X509 CERTIFICATE-----\n",
     NULL, 1, 1},
    /* boundaries */
    {"no END", BEGIN "MAA=\n", "file x, line 1: this block has no -----END line", 0, 0},
    {"the second has no END", CERTIFICATE BEGIN "MAA=\n", "file x, line 4: this block has no", 0,
     0},
    {"BEGIN and nothing", "-----BEGIN CERTIFICATE-----", "line 1: this block has no -----END", 0,
     0},
    {"BEGIN twice", BEGIN "MAA=\n" CERTIFICATE, "line 1: this block is not ended before", 0, 0},
    {"END without BEGIN", "\nMAA=\n" END, "line 3: -----END without -----BEGIN", 0, 0},
    {"another label", BEGIN "MAA=\n-----END PRIVATE KEY-----\n",
     "line 3: the block ends with another label", 0, 0},
    {"joined without line end", BEGIN "MAA=\n-----END CERTIFICATE-----" CERTIFICATE,
     "line 3: -----END does not stand alone", 0, 0},
    {"all in one line", "-----BEGIN CERTIFICATE-----MAA=-----END CERTIFICATE-----",
     "line 1: -----BEGIN does not stand alone", 0, 0},
    {"four dashes behind", "-----BEGIN CERTIFICATE----\nMAA=\n" END,
     "line 1: -----BEGIN does not stand alone", 0, 0},
    {"no label", "-----BEGIN -----\nMAA=\n-----END -----\n", "-----BEGIN does not stand", 0, 0},
    /* base64 */
    {"no content", BEGIN END, "line 1: this block is empty", 0, 0},
    {"blanks for content", BEGIN " \n\n" END, "line 1: this block is empty", 0, 0},
    {"a character that is not base64", BEGIN "MA\nA!\n" END, "line 3: something that is not base64",
     0, 0},
    {"a dash inside", BEGIN "MA-A\n" END, "line 2: something that is not base64", 0, 0},
    {"one character too few", BEGIN "MAA\n" END, "line 3: the base64 before this line is not", 0,
     0},
    {"one character too many", BEGIN "MAA=M\n" END, "line 2: the base64 goes on behind its pad", 0,
     0},
    {"more behind the padding", BEGIN "MAA=\nMAA=\n" END, "line 3: the base64 goes on behind", 0,
     0},
    {"padding at the beginning", BEGIN "=\n" END, "line 2: the base64 has padding where", 0, 0},
    {"padding too soon", BEGIN "M===\n" END, "line 2: the base64 has padding where", 0, 0},
    {"data inside the padding", BEGIN "MA=A\n" END, "line 2: the base64 goes on behind", 0, 0},
    {"padding twice", BEGIN "MAA==\n" END, "line 2: the base64 has padding where", 0, 0},
    {"stray bits, one =", BEGIN "MAB=\n" END, "line 2: the base64 has stray bits", 0, 0},
    {"stray bits, two =", BEGIN "MB==\n" END, "line 2: the base64 has stray bits", 0, 0},
    /* DER inside */
    {"something behind the DER", BEGIN "MAAA\n" END,
     "line 1: the block CERTIFICATE has 1 more bytes behind its end", 0, 0},
    {"the DER is cut off", BEGIN "MAE=\n" END, "line 1: the block CERTIFICATE is cut off", 0, 0},
    {"BER", BEGIN "MIAAAA==\n" END, "line 1: the block CERTIFICATE is not DER but BER", 0, 0},
    {"a key as certificate", BEGIN KEY END,
     "line 1: the block is labelled CERTIFICATE but holds a private key", 0, 0},
    {"headers in a certificate", BEGIN "Proc-Type: 4,ENCRYPTED\n\nMAA=\n" END,
     "line 2: header lines stand in encrypted RSA and EC keys only", 0, 0},
    {"headers and nothing behind",
     "-----BEGIN EC PRIVATE KEY-----\nDEK-Info: a\n-----END EC PRIVATE KEY-----\n",
     "line 1: this block has header lines and nothing behind them", 0, 0},
    {"long labels that differ at their end",
     "-----BEGIN 0123456789012345678901234567890123456789-----\nMAA=\n"
     "-----END 012345678901234567890123456789012345678X-----\n",
     "line 3: the block ends with another label", 0, 0},
    {"the second block is wrong", CERTIFICATE BEGIN "?\n" END, "line 5: something that is not", 0,
     0},
    /* no PEM at all */
    {"nothing", "", "file x is empty", 0, 0},
    {"white space", " \r\n\t\n", "file x holds nothing but white space", 0, 0},
    {"a byte order mark alone", "\xef\xbb\xbf", "file x holds nothing but white space", 0, 0},
    {"text", "hello\n", "file x is text without a PEM block", 0, 0},
    {"base64 alone", "MIIBszCCAVmgAwIBAgICEAEwCgYIKoZIzj0E\n", "lines -----BEGIN ...----- and", 0,
     0},
    {"a web page", "<!DOCTYPE html>\n<html>...", "file x is a web page (HTML)", 0, 0},
    {"a web page with PEM", " <HTML><pre>\n" CERTIFICATE, "file x is a web page (HTML)", 0, 0},
    {"a key for SSH", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 a@b\n", "file x is a key for SSH", 0, 0},
    {"a ZIP archive", "PK\x03\x04\x14", "file x is a ZIP archive", 0, 0},
    {"a Java key store", "\xfe\xed\xfe\xed", "file x is a Java key store", 0, 0},
    {"garbage", "\x7f\x45\x4c\x46\x02\x01", "file x is neither PEM nor DER", 0, 0},
};

static void test_texts(void) {
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        stls_bytes data = exactly(texts[i].text, strlen(texts[i].text));
        stls_blocks blocks;
        check_case("%s", texts[i].name);
        if (read_blocks(data, texts[i].sentence, &blocks)) {
            CHECK_NUMBER("blocks", blocks.count, texts[i].count);
            for (size_t k = 0; k < blocks.count; k++) {
                static const uint8_t sequence[] = {0x30, 0x00};
                CHECK_NUMBER("kind", blocks.items[k].kind, STLS_BLOCK_CERTIFICATE);
                CHECK_BYTES("DER", blocks.items[k].der, ((stls_bytes){sequence, sizeof sequence}));
            }
            CHECK_NUMBER("line", blocks.items[blocks.count - 1].line, texts[i].line);
            stls_blocks_free(&blocks);
        }
        stls_bytes_free(&data);
    }
}

#define WIDE(text) text, sizeof(text) - 1

static const struct {
    const char *name, *bytes;
    size_t len;
    const char *sentence;
} zeros[] = {
    {"a zero byte in the base64", WIDE(BEGIN "MA\0A=\n" END), "line 2: a zero byte stands where"},
    {"a zero byte in the label", WIDE("-----BEGIN A\0B-----\nMAA=\n"), "-----BEGIN does not stand"},
    {"UTF-16 with a mark", WIDE("\xff\xfe-\0-\0"), "file x is UTF-16 text"},
    {"UTF-16 of the other order", WIDE("\xfe\xff\0-\0-"), "file x is UTF-16 text"},
    {"UTF-16 without a mark", WIDE("-\0-\0-\0-\0-\0B\0E\0G\0I\0N\0"), "file x is UTF-16 text"},
    {"a zero byte alone", WIDE("\0"), "file x is neither PEM nor DER"},
    {"zero bytes", WIDE("\0\0\0\0\0\0\0\0\0\0\0\0"), "file x is neither PEM nor DER"},
};

static void test_zeros(void) {
    for (size_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++) {
        stls_bytes data = exactly(zeros[i].bytes, zeros[i].len);
        stls_blocks blocks;
        check_case("%s", zeros[i].name);
        read_blocks(data, zeros[i].sentence, &blocks);
        stls_bytes_free(&data);
    }
}

/* --- Labels --- */

static const struct {
    const char *label, *body;
    stls_block_kind kind;
} labels[] = {
    {"X509 CRL", "MAA=", STLS_BLOCK_CRL},
    {"PRIVATE KEY", KEY, STLS_BLOCK_KEY},
    {"EC PRIVATE KEY", "MAA=", STLS_BLOCK_KEY},
    {"RSA PRIVATE KEY", "MAA=", STLS_BLOCK_KEY},
    {"ENCRYPTED PRIVATE KEY", "MAA=", STLS_BLOCK_ENCRYPTED_KEY},
    {"EC PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA",
     STLS_BLOCK_LEGACY_ENCRYPTED_KEY},
    {"RSA PRIVATE KEY", "DEK-Info: AES-128-CBC,00\n\nAAAA", STLS_BLOCK_LEGACY_ENCRYPTED_KEY},
    {"EC PARAMETERS", "BggqhkjOPQMBBw==", STLS_BLOCK_EC_PARAMETERS},
    {"CERTIFICATE REQUEST", "MAA=", STLS_BLOCK_CSR},
    {"PUBLIC KEY", "MAA=", STLS_BLOCK_PUBLIC_KEY},
    {"PKCS7", "MAA=", STLS_BLOCK_PKCS7},
    {"TRUSTED CERTIFICATE", "AAAA", STLS_BLOCK_UNKNOWN},
    {"OPENSSH PRIVATE KEY", "AAAA", STLS_BLOCK_UNKNOWN},
    {"certificate", "AAAA", STLS_BLOCK_UNKNOWN},
};

static void test_kind_names(void) {
    for (unsigned kind = STLS_BLOCK_UNKNOWN; kind <= STLS_BLOCK_PKCS7; kind++) {
        const char *name = stls_block_kind_name((stls_block_kind)kind);
        check_case("kind %u", kind);
        for (unsigned other = 0; other < kind; other++) {
            CHECK(strcmp(name, stls_block_kind_name((stls_block_kind)other)) != 0,
                  "it is called %s, as is kind %u", name, other);
        }
    }
}

static void test_labels(void) {
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        char text[512];
        int len = snprintf(text, sizeof text, "-----BEGIN %s-----\n%s\n-----END %s-----\n",
                           labels[i].label, labels[i].body, labels[i].label);
        stls_bytes data = exactly(text, (size_t)len);
        stls_blocks blocks;
        check_case("%s %s", labels[i].label, labels[i].body);
        if (read_blocks(data, NULL, &blocks)) {
            CHECK_NUMBER("kind", blocks.items[0].kind, labels[i].kind);
            stls_blocks_free(&blocks);
        }
        stls_bytes_free(&data);
    }
}

/* --- DER --- */

#define ALGORITHM      "30{06{2A03} 0500}"
#define SIGNED(fields) "30{ 30{" fields "} " ALGORITHM " 03{00AA} }"
#define NAME           "30{31{30{06{550403} 0C{'a'}}}}"
#define TIMES          "30{17{'260101000000Z'} 17{'270101000000Z'}}"
#define RSA_NUMBERS    "020101 020101 020101 020101 020101 020101 020101 020101"

static const struct {
    const char *name, *text;
    stls_block_kind kind; /* UNKNOWN: refused */
} shapes[] = {
    {"a certificate of version 3",
     SIGNED("A0{020102} 020101 " ALGORITHM NAME TIMES NAME " 30{" ALGORITHM " 03{00AA}}"),
     STLS_BLOCK_CERTIFICATE},
    {"a certificate of version 1",
     SIGNED("020101 " ALGORITHM NAME TIMES NAME " 30{" ALGORITHM " 03{00AA}}"),
     STLS_BLOCK_CERTIFICATE},
    {"a CRL of version 2", SIGNED("020101 " ALGORITHM NAME " 17{'260101000000Z'}"), STLS_BLOCK_CRL},
    {"a CRL of version 1", SIGNED(ALGORITHM NAME " 18{'20260101000000Z'}"), STLS_BLOCK_CRL},
    {"a request", SIGNED("020100 " NAME " 30{" ALGORITHM " 03{00AA}} A0{}"), STLS_BLOCK_CSR},
    {"PKCS #8", "30{020100 " ALGORITHM " 04{01}}", STLS_BLOCK_KEY},
    {"PKCS #8 with attributes", "30{020100 " ALGORITHM " 04{01} A0{3000}}", STLS_BLOCK_KEY},
    {"OneAsymmetricKey", "30{020101 " ALGORITHM " 04{01} 81{00AA}}", STLS_BLOCK_KEY},
    {"SEC 1", "30{020101 04{01} A0{06{2A03}}}", STLS_BLOCK_KEY},
    {"PKCS #1", "30{020100 " RSA_NUMBERS "}", STLS_BLOCK_KEY},
    {"encrypted PKCS #8", "30{30{06{2A03} 3000} 04{01}}", STLS_BLOCK_ENCRYPTED_KEY},
    {"a public key", "30{30{06{2A03}} 03{00AA}}", STLS_BLOCK_PUBLIC_KEY},
    {"an RSA public key", "30{020101 020101}", STLS_BLOCK_PUBLIC_KEY},
    {"PKCS #12", "30{020103 30{06{2A03} A0{0400}}}", STLS_BLOCK_PKCS12},
    {"PKCS #7", "30{06{2A864886F70D010702} A0{3000}}", STLS_BLOCK_PKCS7},
    {"a DSA key", "30{020100 020101 020101 020101 020101 020101}", STLS_BLOCK_UNKNOWN},
    {"something else", "30{0C{'a'} 0500}", STLS_BLOCK_UNKNOWN},
    {"an OCSP response", "30{0A{00} A0{3000}}", STLS_BLOCK_UNKNOWN},
};

static void test_shapes(void) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        stls_bytes der = der_text_of(shapes[i].text);
        stls_blocks blocks;
        bool refused = shapes[i].kind == STLS_BLOCK_UNKNOWN;
        check_case("%s", shapes[i].name);
        if (read_blocks(der, refused ? "is DER, but neither a certificate nor" : NULL, &blocks)) {
            CHECK_NUMBER("blocks", blocks.count, 1);
            CHECK_NUMBER("kind", blocks.items[0].kind, shapes[i].kind);
            CHECK_BYTES("DER", blocks.items[0].der, der);
            CHECK_NUMBER("line", blocks.items[0].line, 0);
            stls_blocks_free(&blocks);
        }
        stls_bytes_free(&der);
    }
}

static void test_damaged_der(void) {
    static const struct {
        const char *name, *text, *sentence;
    } cases[] = {
        {"cut off", "30 10 020100", "file x is cut off or damaged"},
        {"something behind it", "30{020101 04{01} A0{3000}} 0A", "file x has 1 more bytes behind"},
        {"BER", "3080 020103 0000", "file x is not DER but BER of indefinite length"},
        {"a length that is not shortest", "308103 020101", "file x is cut off or damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stls_bytes der = der_text_of(cases[i].text);
        stls_blocks blocks;
        check_case("%s", cases[i].name);
        read_blocks(der, cases[i].sentence, &blocks);
        stls_bytes_free(&der);
    }
}

/* --- Sizes --- */

static void test_limit(void) {
    static const char text[] = CERTIFICATE;
    stls_bytes data = exactly(text, strlen(text));
    stls_blocks blocks;
    stls_error error = {.result = STLS_NOT_DONE};
    CHECK_RESULT("at the limit", stls_blocks_read(data, data.len, "file x", &blocks, &error),
                 STLS_OK, &error);
    stls_blocks_free(&blocks);
    CHECK_RESULT("above it", stls_blocks_read(data, data.len - 1, "file x", &blocks, &error),
                 STLS_E_LIMIT, &error);
    CHECK_CONTAINS("the sentence", error.text, "file x has ");
    stls_bytes_free(&data);
}

/* Content of each length up to some hundreds, so that every state of the decoder meets a line's
 * end. */
static void test_base64(void) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t len = 1; len < 400; len++) {
        uint8_t content[400];
        char text[1024];
        size_t at = (size_t)sprintf(text, "-----BEGIN ANYTHING-----\n"), column = 0;
        for (size_t i = 0; i < len; i++) {
            content[i] = (uint8_t)(i * 151 + len);
        }
        for (size_t i = 0; i < len; i += 3) {
            unsigned group = (unsigned)content[i] << 16 |
                             (i + 1 < len ? (unsigned)content[i + 1] << 8 : 0) |
                             (i + 2 < len ? content[i + 2] : 0);
            for (size_t k = 0; k < 4; k++) {
                text[at++] = i + k <= len ? digits[group >> (18 - 6 * k) & 63] : '=';
                if (++column % 61 == 0) {
                    text[at++] = '\n';
                }
            }
        }
        at += (size_t)sprintf(text + at, "\n-----END ANYTHING-----\n");
        stls_bytes data = exactly(text, at);
        stls_blocks blocks;
        check_case("%zu octets", len);
        if (read_blocks(data, NULL, &blocks)) {
            CHECK_BYTES("content", blocks.items[0].der, ((stls_bytes){content, len}));
            stls_blocks_free(&blocks);
        }
        stls_bytes_free(&data);
    }
}

/* --- Files --- */

static void test_files(void) {
    char path[] = "/tmp/siptls-pem-XXXXXX", pipe_path[64];
    int fd = mkstemp(path), ends[2];
    stls_bytes data;
    stls_error error = {.result = STLS_NOT_DONE};
    if (!CHECK(fd >= 0, "no temporary file") || !CHECK(pipe(ends) == 0, "no pipe")) {
        return;
    }
    CHECK_RESULT("an empty file", stls_file_read(path, 10, &data, &error), STLS_OK, &error);
    CHECK(data.data == NULL && data.len == 0, "it is not empty");
    CHECK(write(fd, "0123456789", 10) == 10, "the file is not written");
    CHECK_RESULT("at the limit", stls_file_read(path, 10, &data, &error), STLS_OK, &error);
    CHECK_BYTES("content", data, ((stls_bytes){(const uint8_t *)"0123456789", 10}));
    stls_bytes_free(&data);
    CHECK_RESULT("above it", stls_file_read(path, 9, &data, &error), STLS_E_LIMIT, &error);
    CHECK(ftruncate(fd, 100000) == 0, "the file does not grow");
    CHECK_RESULT("a long file", stls_file_read(path, LIMIT, &data, &error), STLS_OK, &error);
    CHECK_NUMBER("length", data.len, 100000);
    stls_bytes_free(&data);
    close(fd);
    unlink(path);

    CHECK_RESULT("no file", stls_file_read(path, LIMIT, &data, &error), STLS_E_FILE, &error);
    CHECK_CONTAINS("the sentence", error.text, "No such file");
    CHECK_RESULT("a folder", stls_file_read("/tmp", LIMIT, &data, &error), STLS_E_FILE, &error);
    CHECK_CONTAINS("the sentence", error.text, "/tmp is a folder");
    CHECK_RESULT("a device", stls_file_read("/dev/zero", LIMIT, &data, &error), STLS_E_FILE,
                 &error);

    snprintf(pipe_path, sizeof pipe_path, "/dev/fd/%d", ends[0]);
    CHECK(write(ends[1], "abc", 3) == 3, "the pipe is not written");
    close(ends[1]);
    CHECK_RESULT("a pipe", stls_file_read(pipe_path, LIMIT, &data, &error), STLS_OK, &error);
    CHECK_NUMBER("length", data.len, 3);
    stls_bytes_free(&data);
    close(ends[0]);
}

/* The files of tests/pki/make.sh. */
static const struct {
    const char *file;
    const char *sentence;
    stls_block_kind kind; /* of the first block */
    size_t count;
} made[] = {
    {"root.pem", NULL, STLS_BLOCK_CERTIFICATE, 1},
    {"root.der", NULL, STLS_BLOCK_CERTIFICATE, 1},
    {"server.key", NULL, STLS_BLOCK_KEY, 1},
    {"server.key.der", NULL, STLS_BLOCK_KEY, 1},
    {"server.key.sec1.pem", NULL, STLS_BLOCK_KEY, 1},
    {"server-rsa.key.pkcs1.pem", NULL, STLS_BLOCK_KEY, 1},
    {"server.key.enc.pem", NULL, STLS_BLOCK_ENCRYPTED_KEY, 1},
    {"server.key.legacy.pem", NULL, STLS_BLOCK_LEGACY_ENCRYPTED_KEY, 1},
    {"crl-int.pem", NULL, STLS_BLOCK_CRL, 1},
    {"crlf.pem", NULL, STLS_BLOCK_CERTIFICATE, 1},
    {"bom.pem", NULL, STLS_BLOCK_CERTIFICATE, 1},
    {"text-before.pem", NULL, STLS_BLOCK_CERTIFICATE, 1},
    {"two.pem", NULL, STLS_BLOCK_CERTIFICATE, 2},
    {"mixed-bundle.pem", "something that is not base64 stands inside the block", 0, 0},
    {"trunc.pem", "line 1: this block has no -----END line", 0, 0},
    {"trunc.der", "is cut off or damaged", 0, 0},
    {"trailing.der", "has 1 more bytes behind its end", 0, 0},
    {"empty.pem", "is empty", 0, 0},
    {"garbage.bin", "is neither PEM nor DER", 0, 0},
    {"nul.pem", "a zero byte stands where base64 should be", 0, 0},
    {"bad-base64.pem", "something that is not base64 stands inside the block", 0, 0},
    {"no-end.pem", "line 1: this block has no -----END line", 0, 0},
};

static void test_made(void) {
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        stls_blocks blocks;
        check_case("%s", made[i].file);
        if (read_blocks(pki_bytes(made[i].file), made[i].sentence, &blocks)) {
            CHECK_NUMBER("blocks", blocks.count, made[i].count);
            CHECK_NUMBER("kind", blocks.items[0].kind, made[i].kind);
            stls_blocks_free(&blocks);
        }
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"texts", test_texts},
        {"zero bytes", test_zeros},
        {"names of kinds", test_kind_names},
        {"labels", test_labels},
        {"shapes of DER", test_shapes},
        {"damaged DER", test_damaged_der},
        {"the limit", test_limit},
        {"base64", test_base64},
        {"files", test_files},
        {"made by openssl", test_made},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"PEM", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
