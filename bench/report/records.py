"""Records as the benchmark's programs write them, and reports made of them, read with every field checked."""
import json
import math
from dataclasses import asdict, dataclass

FORMAT = 1
TEXTS = ("section", "subject", "metric", "unit")
NUMBERS = ("median", "low", "high")


class InputError(Exception):
    """A file that cannot be used; the text says which, where and why."""


@dataclass(frozen=True)
class Lack:
    """That a subject cannot do a case, and why: in a program's records, the metric "lacks"."""
    section: str
    case: dict
    subject: str
    why: str


@dataclass(frozen=True)
class Record:
    section: str
    case: dict
    subject: str
    peer: str
    side: str
    metric: str
    unit: str
    median: float
    low: float
    high: float
    runs: int
    note: str = ""  # what is to be known of the subject's figures

    @property
    def key(self):
        """What is measured: two records of one run never have the same."""
        case = json.dumps(self.case, sort_keys=True)
        return (self.section, case, self.subject, self.peer, self.side, self.metric)

    def __str__(self):
        who = " ".join(part for part in (self.subject, self.side, self.peer and "with " + self.peer) if part)
        return "%s %s, %s: %s" % (self.section, case_text(self.case), who, self.metric)


def case_text(case):
    return " ".join("%s=%s" % (name, json.dumps(value) if isinstance(value, bool) else value)
                    for name, value in case.items()) or "-"


def refuse_constant(name):
    raise ValueError("%s is no number that can be used" % name)


def parse(text, where):
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise InputError("%s: this is no JSON: %s" % (where(error.lineno), error.msg))
    except (ValueError, RecursionError) as error:
        raise InputError("%s: %s" % (where(1), error))


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def need(good, where, why):
    if not good:
        raise InputError("%s: %s" % (where, why))


def check_texts(found, names, where):
    for name in names:
        need(name in found, where, 'the record has no "%s"' % name)
        need(isinstance(found[name], str) and found[name], where, '"%s" must be a text that is not empty' % name)


def check_case(case, where):
    need(isinstance(case, dict), where, '"case" must be an object')
    for name, value in case.items():
        need(isinstance(value, (str, bool)) or is_number(value), where,
             '"case": "%s" must be a text or a number' % name)
    return case


def lack(found, where):
    check_texts(found, ("section", "subject", "why"), where)
    return Lack(found["section"], check_case(found.get("case", {}), where), found["subject"], found["why"])


def numbers_of(found, where):
    """(median, low, high); quartiles that are not given are the median."""
    need("median" in found, where, 'the record has no "median"')
    numbers = [found.get(name, found["median"]) for name in NUMBERS]
    for name, value in zip(NUMBERS, numbers):
        need(is_number(value), where, '"%s" must be a number, not %s' % (name, json.dumps(value)))
    median, low, high = numbers
    need(low <= median <= high, where, "the median %s is not between the quartiles %s and %s" % (median, low, high))
    return numbers


def record(found, where):
    """The Record, or Lack, that a JSON value is; `where` names its place in errors."""
    need(isinstance(found, dict), where, "a record is a JSON object, not %s" % json.dumps(found)[:40])
    if found.get("metric") == "lacks":
        return lack(found, where)
    check_texts(found, TEXTS, where)
    for name in ("peer", "side", "note"):
        need(isinstance(found.get(name) or "", str), where, '"%s" must be a text' % name)
    case = check_case(found.get("case", {}), where)
    median, low, high = numbers_of(found, where)
    runs = found.get("runs", 1)
    need(isinstance(runs, int) and not isinstance(runs, bool) and runs > 0, where, '"runs" must be a number from 1 on')
    return Record(found["section"], case, found["subject"], found.get("peer") or "", found.get("side") or "",
                  found["metric"], found["unit"], median, low, high, runs, found.get("note") or "")


def read_text(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise InputError("%s: %s" % (path, error.strerror))
    except UnicodeDecodeError as error:
        raise InputError("%s: this is no UTF-8 (byte %d)" % (path, error.start))


def read_records(paths):
    """(records, lacks) of files of JSON lines, no record twice."""
    records, lacks, places = [], [], {}
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            place = "%s:%d" % (path, number)
            one = record(parse(line, lambda _: place), place)
            if isinstance(one, Lack):
                lacks.append(one)
                continue
            if one.key in places:
                raise InputError("%s: the same is measured at %s already: %s" % (place, places[one.key], one))
            places[one.key] = place
            records.append(one)
    if not records:
        raise InputError("there is no record in %s" % (", ".join(map(str, paths)) or "no file"))
    return records, lacks


def read_object(path):
    found = parse(read_text(path), lambda line: "%s:%d" % (path, line))
    if not isinstance(found, dict):
        raise InputError("%s: this must be a JSON object" % path)
    return found


def read_report(path):
    """A report as a dict, its "records" as Record."""
    report = read_object(path)
    if "format" not in report:
        raise InputError('%s: this is no report of the benchmark: it has no "format"' % path)
    if report["format"] != FORMAT:
        raise InputError("%s: the report is of format %s; only format %d is known here"
                         % (path, json.dumps(report["format"]), FORMAT))
    for name, kind in (("machine", dict), ("versions", dict), ("build", dict), ("records", list), ("bars", list)):
        if not isinstance(report.get(name), kind):
            raise InputError('%s: "%s" is missing, or is no %s' % (path, name, "object" if kind is dict else "list"))
    report["records"] = [record(found, "%s, record %d" % (path, number))
                         for number, found in enumerate(report["records"], 1)]
    report["lacks"] = [lack(found, "%s, lack %d" % (path, number))
                       for number, found in enumerate(report.get("lacks", []), 1)]
    for number, bar in enumerate(report["bars"], 1):
        if not isinstance(bar, dict) or not {"what", "bar", "value", "met", "why"} <= bar.keys():
            raise InputError("%s, bar %d: it lacks what, bar, value, met or why" % (path, number))
    return report


def write_report(report, path):
    """As JSON with a line for each record and bar, so that two reports can be compared with diff."""
    def lines(items):
        return "[\n%s\n]" % ",\n".join(json.dumps(item, allow_nan=False) for item in items) if items else "[]"

    parts = []
    for name, value in report.items():
        if name in ("records", "lacks"):
            text = lines([{field: content for field, content in asdict(one).items() if field != "note" or content}
                          for one in value])
        else:
            text = lines(value) if name == "bars" else json.dumps(value, allow_nan=False)
        parts.append("%s: %s" % (json.dumps(name), text))
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n%s\n}\n" % ",\n".join(parts))
