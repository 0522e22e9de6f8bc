"""Reports of the benchmark: see usage()."""
import argparse
import os
import sys

sys.dont_write_bytecode = sys.pycache_prefix is None  # the source tree stays as it is

import about
import bars
import compare
import measured
import page
import readme
import records
import terminal

RULES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bars.json")


def options():
    parser = argparse.ArgumentParser(prog="bench/report", description="Makes reports of what bench/run measured.")
    parser.add_argument("--rules", default=RULES, metavar="FILE", help="the bars and the key figures (bench/bars.json)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    merge = commands.add_parser("merge", help="report.json and report.html of files of records, and the table")
    merge.add_argument("--out", required=True, metavar="DIR")
    merge.add_argument("--about", metavar="FILE", help='JSON: {"versions": {..}, "build": {..}, "quick": false}')
    merge.add_argument("records", nargs="+", metavar="RECORDS")
    for name, text in (("show", "the table on the terminal"), ("html", "the page on standard output")):
        commands.add_parser(name, help=text).add_argument("report", metavar="REPORT.json")
    into = commands.add_parser("readme", help="puts the table into README.md, between its markers, and prints it")
    into.add_argument("report", metavar="REPORT.json")
    into.add_argument("readme", metavar="README.md")
    two = commands.add_parser("compare", help="what got worse; exit code 1 if something did")
    two.add_argument("old", metavar="OLD.json")
    two.add_argument("new", metavar="NEW.json")
    return parser.parse_args()


def merged(paths, about_path, rules):
    told = about.read_about(about_path)
    found, lacks = records.read_records(paths)
    versions = told.get("versions", {})
    return {"format": records.FORMAT, "machine": about.machine(), "versions": versions,
            "build": told.get("build", {}), "date": told.get("date") or about.now(), "quick": told.get("quick", False),
            "bars": bars.evaluate(rules, found, versions), "lacks": lacks, "records": found}


def merge(arguments, rules):
    report = merged(arguments.records, arguments.about, rules)
    os.makedirs(arguments.out, exist_ok=True)
    records.write_report(report, os.path.join(arguments.out, "report.json"))
    with open(os.path.join(arguments.out, "report.html"), "w", encoding="utf-8") as file:
        file.write(page.html(report, rules))
    terminal.show(report, rules)
    return 0


def compare_two(arguments):
    lines, worse = compare.compare(records.read_report(arguments.old), records.read_report(arguments.new))
    if lines is None:
        raise records.InputError("%s and %s have no figure in common" % (arguments.old, arguments.new))
    print("\n".join(terminal.clean(line) if "\n" not in line else line for line in lines))
    return 1 if worse else 0


def run(arguments):
    if arguments.command == "compare":
        return compare_two(arguments)
    rules = measured.read_rules(arguments.rules)
    if arguments.command == "merge":
        return merge(arguments, rules)
    report = records.read_report(arguments.report)
    report["bars"] = bars.evaluate(rules, report["records"], report["versions"])  # as the figures, by the rules of now
    if arguments.command == "readme":
        print(readme.write(report, rules, arguments.readme))
    elif arguments.command == "html":
        sys.stdout.write(page.html(report, rules))
    else:
        terminal.show(report, rules)
    return 0


def main():
    try:
        return run(options())
    except records.InputError as error:
        print("bench/report: %s" % error, file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print("bench/report: %s: %s" % (error.filename, error.strerror), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
