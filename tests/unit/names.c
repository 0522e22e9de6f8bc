/* Names as RFC 5280 7.1 compares them. The engine asks for hashes first, which hides a comparison
 * that takes too much for equal: here it stands alone.
 *
 * SPDX-License-Identifier: MIT */
#include "base/memory.h"
#include "certstore/verify/dn.h"
#include "tests/support/check.h"
#include "tests/support/suite.h"
#include "tests/unit/der_text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CN(value)      "30{06{550403} " value "}"
#define ORG(value)     "30{06{55040A} " value "}"
#define NAME(rdns)     "30{" rdns "}"
#define RDN(attribute) "31{" attribute "}"

enum { EQUAL = 1, WITHIN }; /* WITHIN: the first is below the second, and another */

static const struct name_case {
    const char *what, *a, *b;
    int relation, back; /* back: of the second to the first */
} names[] = {
    {"the same", NAME(RDN(CN("0C{'a'}"))), NAME(RDN(CN("0C{'a'}"))), EQUAL, EQUAL},
    {"other letters, blanks and type of string", NAME(RDN(CN("0C{' A  b'}"))),
     NAME(RDN(CN("13{'a B '}"))), EQUAL, EQUAL},
    {"another value", NAME(RDN(CN("0C{'a'}"))), NAME(RDN(CN("0C{'b'}"))), 0, 0},
    {"a longer value", NAME(RDN(CN("0C{'ab'}"))), NAME(RDN(CN("0C{'a'}"))), 0, 0},
    {"another attribute", NAME(RDN(CN("0C{'a'}"))), NAME(RDN(ORG("0C{'a'}"))), 0, 0},
    {"one RDN more", NAME(RDN(ORG("0C{'o'}")) RDN(CN("0C{'a'}"))), NAME(RDN(ORG("0C{'o'}"))),
     WITHIN, 0},
    {"none, and one", NAME(RDN(CN("0C{'a'}"))), NAME(""), WITHIN, 0},
    {"another order of RDNs", NAME(RDN(ORG("0C{'o'}")) RDN(CN("0C{'a'}"))),
     NAME(RDN(CN("0C{'a'}")) RDN(ORG("0C{'o'}"))), 0, 0},
    {"another order in an RDN", NAME(RDN(ORG("0C{'o'}") CN("0C{'a'}"))),
     NAME(RDN(CN("0C{'A'}") ORG("0C{'O'}"))), EQUAL, EQUAL},
    {"one attribute more in an RDN", NAME(RDN(ORG("0C{'o'}") CN("0C{'a'}"))),
     NAME(RDN(ORG("0C{'o'}"))), 0, 0},
    {"one attribute twice, and two", NAME(RDN(CN("0C{'a'}") CN("0C{'A'}"))),
     NAME(RDN(CN("0C{'a'}") CN("0C{'b'}"))), 0, 0},
    {"the same octets in another type of opaque string", NAME(RDN(CN("14{'a'}"))),
     NAME(RDN(CN("1E{'a'}"))), 0, 0},
    {"other letters in an opaque string", NAME(RDN(CN("14{'a'}"))), NAME(RDN(CN("14{'A'}"))), 0, 0},
    {"two RDNs that cannot be read", NAME(RDN("0C{'a'}")), NAME(RDN("0C{'b'}")), 0, 0},
};

static void check_relation(stls_bytes a, stls_bytes b, int relation) {
    CHECK_NUMBER("equal", stls_name_equal(a, b), relation == EQUAL);
    CHECK_NUMBER("within", stls_name_within(a, b), relation != 0);
    if (relation == EQUAL) {
        CHECK(stls_name_hash(a) == stls_name_hash(b), "their hashes differ");
    }
}

static void test_names(void) {
    for (size_t i = 0; i < COUNT(names); i++) {
        stls_bytes a = der_text("%s", names[i].a), b = der_text("%s", names[i].b);
        check_case("%s", names[i].what);
        check_relation(a, b, names[i].relation);
        check_case("%s, the other way round", names[i].what);
        check_relation(b, a, names[i].back);
        check_relation(a, a, EQUAL);
        stls_bytes_free(&a);
        stls_bytes_free(&b);
    }
}

int main(int argc, char **argv) {
    static const test_case tests[] = {{"names", test_names}, {NULL, NULL}};
    static const test_suite suites[] = {{"names", tests}, {NULL, NULL}};
    return suite_main(suites, argc, argv);
}
