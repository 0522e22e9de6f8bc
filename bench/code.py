#!/usr/bin/env python3
"""Sizes of siptls's code, as records of the section "code".

    code.py --records FILE LEVEL=BUILD...

LEVEL says how the tree BUILD is optimised (O2, Os). Of the first, the whole library is measured, and its rooms: all
objects, as a shared library has them. Of each, what the linker leaves of siptls in the smallest client and the smallest
server (code/), by its map.

"text" is what size(1) calls so: machine code, constants, and tables for unwinding. "machine_code" is the first of these.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys

ROOMS = ("api", "base", "certstore/read", "certstore/verify", "certstore/keep")
CODE = (".text",)
TEXT = CODE + (".rodata", ".eh_frame")
# An input section in a map of the linker: name, address, size, file; a long name has a line of its own.
INPUT = re.compile(r"^ (\.[\w.$]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)\((\S+)\)$", re.MULTILINE)


class Sizes(collections.Counter):
    """Bytes of each metric."""

    def add(self, section, size):
        self["text"] += size if section.startswith(TEXT) else 0
        self["machine_code"] += size if section.startswith(CODE) else 0


def of_objects(paths):
    sizes = Sizes()
    output = subprocess.run(["size", "-A", *paths], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[0].startswith("."):
            sizes.add(fields[0], int(fields[1]))
    return sizes


def of_program(path, archive):
    """What the map of a program has from an archive."""
    sizes = Sizes()
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    for section, size, source, _ in INPUT.findall(text[text.index("Linker script and memory map"):]):
        if os.path.basename(source) == archive:
            sizes.add(section, int(size, 16))
    return sizes


def objects_below(folder):
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder) for name in names if name.endswith(".o"))


def record(subject, case, sizes):
    if not sizes["text"]:
        sys.exit("code.py: no code of %s was found for %s" % (subject, json.dumps(case)))
    for metric, value in sizes.items():
        yield {"section": "code", "case": case, "subject": subject, "peer": "", "side": "", "metric": metric,
               "unit": "bytes", "median": value, "low": value, "high": value, "runs": 1}


def library(build, level):
    objects = os.path.join(build, "CMakeFiles")
    core = os.path.join(objects, "siptls_core.dir")
    yield from record("siptls", {"what": "library", "part": "core", "level": level}, of_objects(objects_below(core)))
    for room in ROOMS:
        yield from record("siptls", {"what": "room", "room": room, "level": level},
                          of_objects(objects_below(os.path.join(core, room))))
    for name in sorted(os.listdir(objects)):
        if name.startswith("siptls_backend_"):
            backend = name[len("siptls_backend_"):-len(".dir")]
            yield from record("siptls-" + backend, {"what": "library", "part": "backend", "level": level},
                              of_objects(objects_below(os.path.join(objects, name))))


def programs(build, level):
    folder = os.path.join(build, "code")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".map"):
            what, backend = name[:-len(".map")].split("_")
            path = os.path.join(folder, name)
            parts = {"core": of_program(path, "libbench_code_core.a"),
                     "backend": of_program(path, "libbench_code_%s.a" % backend)}
            parts["both"] = parts["core"] + parts["backend"]
            for part, sizes in parts.items():
                yield from record("siptls-" + backend, {"what": what, "part": part, "level": level}, sizes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", required=True, metavar="FILE")
    parser.add_argument("builds", nargs="+", metavar="LEVEL=BUILD")
    args = parser.parse_args()
    records = []
    for at, pair in enumerate(args.builds):
        level, _, build = pair.partition("=")
        records += [] if at else library(build, level)
        records += programs(build, level)
    with open(args.records, "a", encoding="utf-8") as file:
        file.writelines(json.dumps(entry, separators=(",", ":")) + "\n" for entry in records)


if __name__ == "__main__":
    main()
