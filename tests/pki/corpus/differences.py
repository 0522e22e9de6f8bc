#!/usr/bin/env python3
"""differences.py RULES SIPTLS OPENSSL: where two verifiers differ on the same cases, and whether that is explained.

SIPTLS and OPENSSL are the outputs of siptls-verdicts and openssl_verdicts. RULES has a rule in each line:

    ANSWER ERROR CASE # reason

ANSWER is what siptls said, "accept" or its flags; ERROR is the number of an error of OpenSSL, 0 where it accepts; CASE
the case's name. Each may be a pattern with *. If OpenSSL has several errors, each needs its rule. What siptls accepts
though OpenSSL objects to a signature, an issuer, a date, a CA, a path length or a constraint is explained by a rule
that names the one case, its mutants ("CASE~*") or the kind of change ("*-KIND", see mutate.py), and by no other.

The exit code is 1 if a difference is not explained, or a rule that names one case explains nothing.
"""

import fnmatch
import re
import sys

# Numbers of X509_V_ERR_...
GRAVE = {
    "signature": {4, 5, 6, 7},
    "issuer": {2, 18, 19, 20, 21, 29, 30, 31},
    "date": {9, 10, 13, 14},
    "CA": {24, 32, 37, 79},
    "path length": {22, 25, 41},
    "constraint": {47, 48, 51, 52, 54},
}
INVALID_CA, KEY_USAGE_OF_NO_CA = 79, 82


class Rule:
    def __init__(self, line):
        line, _, self.reason = line.partition("#")
        self.answer, self.error, self.case = line.split()
        self.uses = 0

    def __str__(self):
        return f"{self.answer} {self.error} {self.case}"

    def explains(self, case, answer, error):
        grave = any(error in numbers for numbers in GRAVE.values())
        narrow = self.case in (case, case.split("~")[0] + "~*") or self.case.startswith("*-")
        if answer == "accept" and grave and not narrow:
            return False
        pairs = ((answer, self.answer), (str(error), self.error), (case, self.case))
        return all(fnmatch.fnmatchcase(*pair) for pair in pairs)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def differences(siptls, openssl):
    for (case, _, answer, text), (other_case, other, errors, reason) in zip(siptls, openssl, strict=True):
        assert case == other_case, f"{case} is not {other_case}"
        if (answer == "accept") == (other != "reject"):
            continue
        flags = re.sub(r"@\d+", "", text.split(": ")[0])
        numbers = {int(number) for number in errors.split(",")}
        if KEY_USAGE_OF_NO_CA in numbers:
            numbers.discard(INVALID_CA)  # the two come together, for a leaf with keyCertSign
        yield case, "accept" if answer == "accept" else flags, numbers, f"{reason}; siptls: {text}"


def main(rules_path, siptls_path, openssl_path):
    with open(rules_path, encoding="utf-8") as file:
        rules = [Rule(line) for line in file if line.split("#")[0].strip()]
    count, unexplained, unused = 0, 0, 0
    for case, answer, errors, text in differences(read(siptls_path), read(openssl_path)):
        count += 1
        found = [next((rule for rule in rules if rule.explains(case, answer, error)), None) for error in errors]
        for rule in found:
            if rule:
                rule.uses += 1
        if None in found:
            unexplained += 1
            listed = ",".join(str(error) for error in errors)
            print(f"not explained: {answer} {listed} {case}: OpenSSL: {text}"[:300])
    for rule in rules:
        if not rule.uses and "*" not in rule.case:
            unused += 1
            print(f"a rule without use: {rule}")
    used = sum(1 for rule in rules if rule.uses)
    print(f"{count} differences, {count - unexplained} explained by {used} rules")
    return 1 if unexplained or unused else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
