/* The reader of DER: what is DER, what is not, and that a refusal leaves the cursor where it was.
 *
 * SPDX-License-Identifier: MIT */
#include "certstore/read/der.h"

#include "base/memory.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

/* --- Elements --- */

static const struct {
    const char *name, *text;
    bool good;
    size_t content_len;
} elements[] = {
    {"no content", "0500", true, 0},
    {"one octet", "040101", true, 1},
    {"something behind it", "040101 0500", true, 1},
    {"content 127", "04{%127}", true, 127},
    {"content 128", "04{%128}", true, 128},
    {"content 255", "04{%255}", true, 255},
    {"content 256", "04{%256}", true, 256},
    {"content 65535", "04{%65535}", true, 65535},
    {"content 65536", "04{%65536}", true, 65536},
    {"a context tag", "8000", true, 0},
    {"a constructed context tag", "BE00", true, 0},
    {"an application tag", "6100", true, 0},
    {"a private tag", "C100", true, 0},
    {"nothing", "", false, 0},
    {"a tag alone", "04", false, 0},
    {"cut off by one", "040201", false, 0},
    {"cut off in the length", "0482 01", false, 0},
    {"no octet of the length", "0481", false, 0},
    {"length 127 in two octets", "04817F %127", false, 0},
    {"length 128 in three octets", "04820080 %128", false, 0},
    {"length 0 in two octets", "048100", false, 0},
    {"length 256 in four octets", "0483000100 %256", false, 0},
    {"indefinite length", "3080 0500 0000", false, 0},
    {"the reserved length FF", "04FF 00", false, 0},
    {"a length of five octets", "04850100000000 00", false, 0},
    {"the longest length", "0484FFFFFFFF 00", false, 0},
    {"end of contents", "0000", false, 0},
    {"a high tag number", "1F1F00", false, 0},
    {"a high context tag number", "BF8100 00", false, 0},
    {"a constructed OCTET STRING", "2403040100", false, 0},
    {"a constructed BIT STRING", "230403020000", false, 0},
    {"a constructed UTF8String", "2C030C0161", false, 0},
    {"a constructed INTEGER", "2203020100", false, 0},
    {"a primitive SEQUENCE", "1000", false, 0},
    {"a primitive SET", "1100", false, 0},
};

/* In these texts alone, %n stands for n zero octets. */
static stls_bytes with_zeros(const char *text) {
    static char expanded[4 * DER_TEXT_SIZE];
    size_t len = 0;
    while (*text != '\0') {
        if (*text != '%') {
            expanded[len++] = *text++;
            continue;
        }
        char *end;
        unsigned long count = strtoul(text + 1, &end, 10);
        memset(expanded + len, '0', 2 * count);
        len += 2 * count;
        text = end;
    }
    expanded[len] = '\0';
    return der_text_of(expanded);
}

static void test_elements(void) {
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        stls_bytes bytes = with_zeros(elements[i].text), content, whole;
        stls_der der = stls_der_of(bytes);
        uint8_t tag = 0;
        check_case("%s", elements[i].name);
        bool good = stls_der_any(&der, &tag, &content, &whole);
        CHECK(good == elements[i].good, "it is %s", good ? "taken" : "refused");
        if (good) {
            CHECK_NUMBER("tag", tag, bytes.data[0]);
            CHECK_NUMBER("content", content.len, elements[i].content_len);
            CHECK(whole.data == bytes.data && der.at == whole.data + whole.len &&
                      content.data + content.len == der.at,
                  "the slices do not meet");
        } else {
            CHECK(der.at == bytes.data, "a refusal has moved the cursor");
        }
        stls_bytes_free(&bytes);
    }
}

static void test_cursor(void) {
    stls_bytes bytes = der_text_of("30{ 020105 0500 } 0101FF");
    stls_bytes content;
    stls_der der = stls_der_of(bytes), inside;
    bool present, value;
    uint32_t number;
    CHECK(!stls_der_enter(&der, STLS_DER_SET, &inside), "a SEQUENCE is entered as a SET");
    CHECK(stls_der_enter(&der, STLS_DER_SEQUENCE, &inside), "the SEQUENCE is not entered");
    CHECK(stls_der_get_optional(&inside, STLS_DER_OID, &present, &content) && !present,
          "an absent element is there");
    CHECK(stls_der_unsigned(&inside, 5, &number) && number == 5, "the INTEGER is not 5");
    CHECK(!stls_der_done(&inside), "the end comes too soon");
    CHECK(stls_der_null(&inside), "the NULL is not there");
    CHECK(stls_der_done(&inside) && stls_der_peek(&inside) == 0, "the end does not come");
    CHECK(!stls_der_any(&inside, NULL, NULL, NULL), "there is something behind the end");
    CHECK(stls_der_default_false(&der, &value) && value, "the BOOLEAN is not TRUE");
    CHECK(stls_der_default_false(&der, &value) && !value, "an absent BOOLEAN is not FALSE");
    stls_bytes_free(&bytes);

    der = stls_der_of((stls_bytes){NULL, 0});
    CHECK(stls_der_done(&der) && stls_der_peek(&der) == 0, "the empty string is not at its end");
}

/* --- Types --- */

static bool reads_integer(stls_der *der) {
    stls_bytes content;
    return stls_der_integer(der, &content);
}

static bool reads_oid(stls_der *der) {
    stls_bytes content;
    return stls_der_oid(der, &content);
}

static bool reads_aligned_bits(stls_der *der) {
    stls_bytes octets;
    return stls_der_octet_aligned_bits(der, &octets);
}

static bool reads_default_false(stls_der *der) {
    bool value;
    return stls_der_default_false(der, &value);
}

static const struct {
    const char *name, *text;
    bool (*read)(stls_der *der);
    bool good;
} types[] = {
    {"INTEGER 0", "020100", reads_integer, true},
    {"INTEGER -1", "0201FF", reads_integer, true},
    {"INTEGER 128", "02020080", reads_integer, true},
    {"INTEGER -129", "0202FF7F", reads_integer, true},
    {"an empty INTEGER", "0200", reads_integer, false},
    {"INTEGER 127 in two octets", "0202007F", reads_integer, false},
    {"INTEGER 0 in two octets", "02020000", reads_integer, false},
    {"INTEGER -128 in two octets", "0202FF80", reads_integer, false},
    {"an OCTET STRING for an INTEGER", "040100", reads_integer, false},
    {"OID 2.5.4.3", "0603550403", reads_oid, true},
    {"OID 1.2.840", "06032A8648", reads_oid, true},
    {"OID whose last number does not end", "06032A8686", reads_oid, false},
    {"an empty OID", "0600", reads_oid, false},
    {"OID with a number that is not shortest", "06042A800101", reads_oid, false},
    {"OID that begins so", "06028001", reads_oid, false},
    {"NULL", "0500", stls_der_null, true},
    {"NULL with content", "050100", stls_der_null, false},
    {"BIT STRING of one octet", "030200FF", reads_aligned_bits, true},
    {"an empty BIT STRING", "030100", reads_aligned_bits, true},
    {"BIT STRING of 7 bits", "030201FE", reads_aligned_bits, false},
    {"BIT STRING without the first octet", "0300", reads_aligned_bits, false},
    {"BOOLEAN TRUE", "0101FF", reads_default_false, true},
    {"BOOLEAN FALSE", "010100", reads_default_false, true},
    {"BOOLEAN 01", "010101", reads_default_false, false},
    {"BOOLEAN of two octets", "0102FFFF", reads_default_false, false},
    {"an empty BOOLEAN", "0100", reads_default_false, false},
};

static void test_types(void) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        stls_bytes bytes = der_text_of(types[i].text);
        stls_der der = stls_der_of(bytes);
        check_case("%s", types[i].name);
        bool good = types[i].read(&der);
        CHECK(good == types[i].good, "it is %s", good ? "taken" : "refused");
        CHECK(der.at == (good ? der.end : bytes.data), "the cursor is in the wrong place");
        stls_bytes_free(&bytes);
    }
}

static const struct {
    const char *text;
    uint32_t max;
    bool good;
    uint32_t value;
} numbers[] = {
    {"020100", 0, true, 0},
    {"020101", 0, false, 0},
    {"02017F", 255, true, 127},
    {"020200FF", 255, true, 255},
    {"02020100", 255, false, 0},
    {"0201FF", 255, false, 0},
    {"0202007F", 255, false, 0},
    {"020500FFFFFFFF", UINT32_MAX, true, UINT32_MAX},
    {"02050100000000", UINT32_MAX, false, 0},
    {"020600FFFFFFFFFF", UINT32_MAX, false, 0},
    {"02047FFFFFFF", INT32_MAX, true, INT32_MAX},
    {"020480000000", UINT32_MAX, false, 0},
};

static void test_numbers(void) {
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        stls_bytes bytes = der_text_of(numbers[i].text);
        stls_der der = stls_der_of(bytes);
        uint32_t value = 0;
        check_case("%s, at most %u", numbers[i].text, numbers[i].max);
        bool good = stls_der_unsigned(&der, numbers[i].max, &value);
        CHECK(good == numbers[i].good, "it is %s", good ? "taken" : "refused");
        CHECK_NUMBER("value", value, numbers[i].value);
        CHECK(good || der.at == bytes.data, "a refusal has moved the cursor");
        stls_bytes_free(&bytes);
    }
}

static const struct {
    const char *text;
    bool good;
    uint16_t bits;
} named_bits[] = {
    {"030100", true, 0},
    {"03020780", true, 1 << 0},
    {"03020106", true, 1 << 5 | 1 << 6},
    {"030205A0", true, 1 << 0 | 1 << 2},
    {"0303070080", true, 1 << 8},
    {"0303070600", true, 1 << 5 | 1 << 6}, /* zeros at the end: roots in use */
    {"030200A0", true, 1 << 0 | 1 << 2},
    {"030500B0000000", true, 1 << 0 | 1 << 2 | 1 << 3},
    {"0304000000 01", false, 0}, /* a bit that is not among the first 16 */
    {"0303000001", true, 1 << 15},
    {"03020781", false, 0}, /* an unused bit that is set */
    {"03020800", false, 0},
    {"030101", false, 0},
    {"0300", false, 0},
    {"040100", false, 0},
};

static void test_named_bits(void) {
    for (size_t i = 0; i < sizeof named_bits / sizeof named_bits[0]; i++) {
        stls_bytes bytes = der_text_of(named_bits[i].text);
        stls_der der = stls_der_of(bytes);
        uint16_t bits = 0;
        check_case("%s", named_bits[i].text);
        bool good = stls_der_named_bits(&der, &bits);
        CHECK(good == named_bits[i].good, "it is %s", good ? "taken" : "refused");
        CHECK_NUMBER("bits", bits, named_bits[i].bits);
        stls_bytes_free(&bytes);
    }
}

/* --- Times --- */

static const struct {
    const char *text;
    bool good;
    int64_t time;
} times[] = {
    {"17{'700101000000Z'}", true, 0},
    {"17{'500101000000Z'}", true, -631152000},
    {"17{'491231235959Z'}", true, 2524607999},
    {"17{'000229120000Z'}", true, 951825600},
    {"17{'240229235959Z'}", true, 1709251199},
    {"18{'20500101000000Z'}", true, 2524608000},
    {"18{'20260731123456Z'}", true, 1785501296}, /* RFC 5280 has UTCTime here; PKITS 4.2.4 not */
    {"18{'99991231235959Z'}", true, 253402300799},
    {"18{'00000101000000Z'}", true, -62167219200},
    {"18{'00000229000000Z'}", true, -62162121600},
    {"18{'20000229000000Z'}", true, 951782400},
    {"18{'21000229000000Z'}", false, 0},
    {"17{'230229000000Z'}", false, 0},
    {"17{'230431000000Z'}", false, 0},
    {"17{'230001000000Z'}", false, 0},
    {"17{'231301000000Z'}", false, 0},
    {"17{'230100000000Z'}", false, 0},
    {"17{'230132000000Z'}", false, 0},
    {"17{'230101240000Z'}", false, 0},
    {"17{'230101006000Z'}", false, 0},
    {"17{'230101000060Z'}", false, 0},
    {"17{'2301010000Z'}", false, 0},       /* no seconds */
    {"17{'230101000000'}", false, 0},      /* no zone */
    {"17{'230101000000z'}", false, 0},     /* */
    {"17{'230101000000+0000'}", false, 0}, /* another zone */
    {"17{'23010100000 Z'}", false, 0},     /* */
    {"17{'+30101000000Z'}", false, 0},     /* */
    {"17{'20230101000000Z'}", false, 0},   /* the other type's */
    {"18{'230101000000Z'}", false, 0},     /* the other type's */
    {"18{'20230101000000.5Z'}", false, 0}, /* fractions */
    {"18{'20230101000000'}", false, 0},    /* */
    {"17{}", false, 0},                    /* */
    {"0C{'230101000000Z'}", false, 0},     /* another type */
};

static void test_times(void) {
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        stls_bytes bytes = der_text_of(times[i].text);
        stls_der der = stls_der_of(bytes);
        int64_t time = 0;
        check_case("%s", times[i].text);
        bool good = stls_der_time(&der, &time);
        CHECK(good == times[i].good, "it is %s", good ? "taken" : "refused");
        CHECK_NUMBER("time", good ? time : 0, times[i].time);
        CHECK(der.at == (good ? der.end : bytes.data), "the cursor is in the wrong place");
        stls_bytes_free(&bytes);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {
        {"elements", test_elements},
        {"the cursor", test_cursor},
        {"types", test_types},
        {"numbers", test_numbers},
        {"named bits", test_named_bits},
        {"times", test_times},
        {NULL, NULL},
    };
    static const test_suite suites[] = {{"DER", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
