#!/usr/bin/env python3
"""Counts instructions: runs a section's program under callgrind and makes records of what it collected.

    instructions.py [--functions N] --records FILE PROGRAM ARGUMENT...

The program collects what it wants to have counted (bench_enter, bench_leave), and dumps it under a label
(bench_instructions). Counted are instructions of the process, not the kernel's. "own_instructions" are those in
siptls's own functions: what functions of other libraries do for them is not in it (it is in "instructions").
Counts do not suffer from what else the machine does: the subjects of each library are counted in a process of their own,
as many at once as there are processors.

--functions N: prints, for each label, the N functions of siptls that cost most, instead of writing records.
"""

import argparse
import concurrent.futures
import functools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

OWN = ("api", "backends", "base", "certstore")
SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
NAME = re.compile(r"\((\d+)\)(?: (.*))?")


class Names:
    """Callgrind writes a name once, with a number, and the number from then on."""

    def __init__(self):
        self.known = {}

    def read(self, kind, text):
        match = NAME.match(text)
        if not match:
            return text
        key = (kind, match.group(1))
        if match.group(2) is not None:
            self.known[key] = match.group(2)
        return self.known.get(key, "???")


@functools.cache
def is_own(path):
    """Whether a function of this file is siptls's. What CMake generated for it counts as well. The compiler may have been
    told of the source by another way than ours, through a symbolic link."""
    path = os.path.realpath(path)
    return any(path.startswith(os.path.join(SOURCE, folder) + os.sep) for folder in OWN) or \
        path.endswith("generated/backends_builtin.c")


def read_dump(path, names):
    """The label, the sum, and {(function, file): self cost} of siptls's own functions."""
    label, total, costs = None, 0, {}
    own_function = None
    skip = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if not line:
                continue
            if line[0] in "0123456789+-*":
                if skip:  # the cost of a call is the callee's
                    skip = False
                elif own_function:
                    costs[own_function] = costs.get(own_function, 0) + int(line.split()[1])
                continue
            kind, _, value = line.partition("=")
            if kind == "fl":
                file = names.read("file", value)
            elif kind == "fn":
                function = names.read("fn", value)
                own_function = (function, file) if is_own(file) else None
            elif kind in ("fi", "fe", "cfi", "cfl"):
                names.read("file", value)
            elif kind in ("cfn", "ob", "cob"):
                names.read("fn" if kind == "cfn" else "ob", value)
            elif kind == "calls":
                skip = True
            elif line.startswith("desc: Trigger: Client Request: "):
                label = json.loads(line.split("Request: ", 1)[1])
            elif line.startswith("totals: "):
                total = int(line.split()[1])
    return label, total, costs


def groups_of(program, arguments):
    """(library, arguments) for each library; those asked for by name stay together."""
    if "--subject" in arguments:
        return [("all", arguments)]
    listed = subprocess.run([program, "--subjects"], check=True, capture_output=True, text=True).stdout
    subjects = {}
    for line in listed.splitlines():
        name, library, _ = line.split("\t")
        subjects.setdefault(library, []).append(name)
    return [(library, [*arguments, "--subject", ",".join(names)]) for library, names in subjects.items()]


def run(program, group, folder):
    """The exit status, and [(label, sum, costs)] in the order of the dumps."""
    library, arguments = group
    folder = os.path.join(folder, library)
    os.mkdir(folder)
    out = os.path.join(folder, "out")
    command = ["valgrind", "--tool=callgrind", "--quiet", "--collect-atstart=no", "--instr-atstart=no",
               f"--callgrind-out-file={out}", program, *arguments, "--records", os.devnull]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr:
            sys.stderr.write(f"{library}: {line}")
    names = Names()
    parts = [name for name in os.listdir(folder) if name.startswith("out.")]
    return process.returncode, [read_dump(os.path.join(folder, name), names)
                                for name in sorted(parts, key=lambda n: int(n.split(".")[1]))]


def run_all(program, arguments):
    """The worst exit status, and what was collected: {label: [(sum, costs)]}."""
    folder = tempfile.mkdtemp(prefix="bench-callgrind-")
    collected, worst = {}, 0
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda group: run(program, group, folder), groups_of(program, arguments))
            for status, dumps in results:
                worst = worst or status
                for label, total, costs in dumps:
                    if label:
                        collected.setdefault(json.dumps(label), []).append((total, costs))
    except FileNotFoundError as error:
        sys.exit("instructions.py: valgrind is not installed (Debian: apt-get install valgrind)"
                 if error.filename == "valgrind" else f"instructions.py: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return worst, collected


def quartiles(values):
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def record(label, metric, values):
    low, high = quartiles(values)
    shown = {key: value for key, value in label.items() if key != "times"}
    return {**shown, "metric": metric, "unit": "instructions", "median": statistics.median(values), "low": low,
            "high": high, "runs": len(values)}


def print_functions(label, runs, count):
    sums = {}
    for _, costs in runs:
        for function, cost in costs.items():
            sums[function] = sums.get(function, 0) + cost / len(runs) / label["times"]
    print(f"{label['subject']} {label['side']} {json.dumps(label['case'])}: {sum(sums.values()):.0f} of siptls's own")
    for (function, path), cost in sorted(sums.items(), key=lambda item: -item[1])[:count]:
        print(f"{cost:10.0f}  {function}  {os.path.relpath(path, SOURCE)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=int, default=0, metavar="N")
    parser.add_argument("--records", metavar="FILE")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    if not args.functions and not args.records:
        parser.error("say where the records go: --records FILE")
    status, collected = run_all(args.program, args.arguments)
    records, unknown = [], set()
    for text, runs in collected.items():
        label = json.loads(text)
        if args.functions:
            if label["subject"].startswith("siptls"):
                print_functions(label, runs, args.functions)
            continue
        records.append(record(label, "instructions", [total / label["times"] for total, _ in runs]))
        if label["subject"].startswith("siptls"):
            own = [sum(costs.values()) / label["times"] for _, costs in runs]
            if all(own):
                records.append(record(label, "own_instructions", own))
            else:
                unknown.add(label["subject"])
    if records:
        with open(args.records, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(entry, separators=(",", ":")) + "\n" for entry in records)
    if unknown:
        sys.exit(f"instructions.py: no function of {', '.join(sorted(unknown))} is known: it was not built of {SOURCE}, "
                 "or without -g")
    if status:
        sys.exit(f"instructions.py: {os.path.basename(args.program)} ended with status {status}")
    if not collected:
        sys.exit("instructions.py: nothing was collected")


if __name__ == "__main__":
    main()
