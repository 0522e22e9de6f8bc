/* What strangers say, in a text of limited size: printable as it is, the rest escaped.
 *
 * SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_foreign(void) {
    static const struct {
        const char *before, *said;
        size_t size; /* of the text */
        const char *text;
    } cases[] = {
        {"", "", 16, ""},
        {"says ", "", 16, "says "},
        {"", "sip.example.com", 16, "sip.example.com"},
        {"", "sip.example.com", 15, "sip.example..."},
        {"a", "sip.example.com", 8, "asip..."},
        {"", "\x1f ~\x7f", 16, "\\x1f ~\\x7f"},
        {"", "a\xff\xfe\"b", 16, "a\\xff\\xfe\"b"},
        {"", "\n", 6, "\\x0a"},
        {"", "\n", 5, "\\x0a"},
        {"", "\n", 4, "..."},
        {"", "\r\n\r\n", 10, "\\x0d\\x..."},
        {"abc", "\n", 6, "ab..."},
        {"abc", "\n", 4, "..."},
        {"abc", "", 4, "abc"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        check_case("case %zu", i);
        char buffer[16];
        stls_text text = stls_text_in(buffer, cases[i].size);
        stls_text_add(&text, "%s", cases[i].before);
        stls_text_add_foreign(&text,
                              (stls_bytes){(const uint8_t *)cases[i].said, strlen(cases[i].said)});
        CHECK_TEXT("the text", buffer, cases[i].text);
        CHECK_NUMBER("its length", text.len, strlen(cases[i].text));
    }
}

int main(int argc, char **argv) {
    static const test_case cases[] = {{"what strangers say", test_foreign}, {NULL, NULL}};
    static const test_suite suites[] = {{"text", cases}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
