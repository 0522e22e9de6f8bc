#!/usr/bin/env python3
"""What a program that uses siptls is compiled into it: abi-dump.py COMPILER INCLUDE-FOLDER

Prints each function with its prototype, each struct with its size and its members' offsets and types, each enumerator
and each macro of the public headers, one a line, sorted. The compiler must be gcc, which tells prototypes (-aux-info);
the layout comes from the debugging information of a file that includes all headers, as readelf shows it.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

DIE = re.compile(r"^ <(\d+)><([0-9a-f]+)>: Abbrev Number: \d+ \((DW_TAG_\w+)\)")
ATTRIBUTE = re.compile(r"^ +<[0-9a-f]+> +DW_AT_(\w+) *: (.*)$")
MEMBERS = ("DW_TAG_member", "DW_TAG_enumerator", "DW_TAG_subrange_type", "DW_TAG_formal_parameter",
           "DW_TAG_unspecified_parameters")


class Entry:
    def __init__(self, tag):
        self.tag, self.attributes, self.children = tag, {}, []

    def text(self, name, default=""):
        """Strings stand behind where they are kept: "(indirect string, offset: 0x12): text"."""
        return re.sub(r"^\(.*?\): ", "", self.attributes.get(name, default)).strip()

    def number(self, name, default=0):
        found = re.search(r"-?(0x[0-9a-f]+|\d+)", self.attributes.get(name, str(default)))
        return int(found.group(0), 0)


def read_entries(text):
    entries, parents, entry = {}, [], None
    for line in text.splitlines():
        die = DIE.match(line)
        attribute = ATTRIBUTE.match(line)
        if die:
            depth = int(die.group(1))
            entry = entries[int(die.group(2), 16)] = Entry(die.group(3))
            del parents[depth:]
            if parents:
                parents[-1].children.append(entry)
            parents.append(entry)
        elif attribute and entry:
            entry.attributes[attribute.group(1)] = attribute.group(2)
    return entries


def type_of(entries, entry):
    if "type" not in entry.attributes:
        return "void"
    of = entries[entry.number("type")]
    inner = lambda: type_of(entries, of)
    if of.tag == "DW_TAG_pointer_type":
        return inner() + " *"
    if of.tag == "DW_TAG_const_type":
        return "const " + inner()
    if of.tag == "DW_TAG_array_type":
        return inner() + "".join("[%d]" % (child.number("upper_bound", -1) + 1) for child in of.children)
    if of.tag == "DW_TAG_subroutine_type":
        arguments = [type_of(entries, child) for child in of.children]
        return "%s (%s)" % (inner(), ", ".join(arguments) or "void")
    if of.tag in ("DW_TAG_structure_type", "DW_TAG_enumeration_type", "DW_TAG_union_type"):
        return of.tag[7:-5].replace("structure", "struct").replace("enumeration", "enum") + " " + of.text("name", "-")
    return of.text("name", "?")


def layout(entries):
    lines = set()
    for entry in entries.values():
        name = entry.text("name")
        if entry.tag == "DW_TAG_structure_type" and name.startswith("stls_") and "byte_size" in entry.attributes:
            lines.add("struct %s: %d bytes" % (name, entry.number("byte_size")))
            for member in entry.children:
                lines.add("struct %s: %3d %s: %s" % (name, member.number("data_member_location"), member.text("name"),
                                                     type_of(entries, member)))
        elif entry.tag == "DW_TAG_enumerator" and name.startswith("STLS_"):
            lines.add("enumerator %s = %d" % (name, entry.number("const_value")))
        elif entry.tag == "DW_TAG_typedef" and name.startswith("stls_"):
            lines.add("typedef %s: %s" % (name, type_of(entries, entry)))
    return lines


def functions(text):
    lines = set()
    for prototype in re.findall(r"^/\* [^\n]*/siptls/[a-z]+\.h:\d+:\w+ \*/ extern ([^\n]*);", text, re.M):
        lines.add("function " + " ".join(re.sub(r"__attribute__ ?\(\(.*?\)\)", "", prototype).split()))
    return lines


def macros(text):
    return {"macro " + line for line in re.findall(r"^#define (STLS_(?!API\b|VERSION\b)\w*(?:\([^)]*\))? .*)$", text, re.M)}


def main():
    compiler, include = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        source, made, told = (pathlib.Path(folder, name) for name in ("all.c", "all.o", "all.txt"))
        headers = sorted(path.name for path in include.glob("siptls/*.h"))
        source.write_text("".join("#include <siptls/%s>\n" % name for name in headers))
        base = [compiler, "-std=c11", "-I", str(include)]
        subprocess.run(base + ["-g", "-fno-eliminate-unused-debug-types", "-aux-info", str(told), "-c", str(source),
                               "-o", str(made)], check=True)
        information = subprocess.run(["readelf", "--debug-dump=info", str(made)], check=True, capture_output=True,
                                     text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}).stdout
        defined = subprocess.run(base + ["-E", "-dM", str(source)], check=True, capture_output=True, text=True).stdout
        lines = layout(read_entries(information)) | functions(told.read_text()) | macros(defined)
    print("\n".join(sorted(lines)))


main()
