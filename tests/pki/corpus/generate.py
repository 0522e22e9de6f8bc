#!/usr/bin/env python3
"""generate.py [--count] [RULE ...]: writes siptls' own corpus, in the format of shared/corpora, to standard output.

Before each case stands a comment "# flags ID ANSWER FLAG@DEPTH,...", which is what the verdict must be. All is made
afresh, in plain Python, and always the same. --count prints how many cases each rule has.
"""

import sys

from rules import ALL


def main(arguments):
    wanted = [argument for argument in arguments if not argument.startswith("--")]
    rules = [rule for rule in ALL if not wanted or rule in wanted]
    total = 0
    for rule in rules:
        cases = ALL[rule]()
        total += len(cases)
        if "--count" in arguments:
            print(f"{rule} {len(cases)}")
            continue
        for case in cases:
            case.write(sys.stdout)
    if "--count" in arguments:
        print(f"total {total}")


if __name__ == "__main__":
    main(sys.argv[1:])
