"""Finding records by what they measure, and setting one beside another of the same run."""
from collections import defaultdict
from dataclasses import dataclass

from metrics import library_of
from records import Record, read_object, InputError


@dataclass(frozen=True)
class Figure:
    """A figure and its spread; `of` is the record it comes from, `against` the one it was set beside."""
    value: float
    low: float
    high: float
    of: Record
    against: Record = None


def plain(record):
    return Figure(record.median, record.low, record.high, record)


def ratio(record, basis):
    """The spread is the widest that the quartiles of both allow."""
    if not basis or basis.median <= 0 or basis.low <= 0:
        return None
    return Figure(record.median / basis.median, record.low / basis.high, record.high / basis.low, record, basis)


def difference(record, basis):
    if not basis:
        return None
    return Figure(record.median - basis.median, record.low - basis.high, record.high - basis.low, record, basis)


TAKES = {"ratio": ratio, "difference": difference}


def fits(value, wanted):
    return value in wanted if isinstance(wanted, list) else value == wanted


class Measured:
    def __init__(self, records):
        self.records = records
        self.by_place = defaultdict(list)
        for record in records:
            self.by_place[record.section, record.subject, record.side, record.metric].append(record)

    def sections(self):
        return {record.section for record in self.records}

    def find(self, section, case=None, **fields):
        """The records of a section; `case` and the fields name values, or lists of values any of which will do."""
        return [record for record in self.records
                if record.section == section
                and all(fits(getattr(record, name), wanted) for name, wanted in fields.items())
                and all(fits(record.case.get(name), wanted) for name, wanted in (case or {}).items())]

    def _same_case(self, record, subject, case):
        found = [other for other in self.by_place[record.section, subject, record.side, record.metric]
                 if other.case == case]
        found.sort(key=lambda other: (other.peer != record.peer, other.peer != subject))
        return found[0] if found else None

    def raw_of(self, record):
        """The raw library doing the same. It has no memory of verified chains, so where it was not measured in a case
        of its own for each state of that memory, its figure with the memory off, or without one, is meant."""
        library = library_of(record.subject)
        if not library or record.subject.startswith("raw-"):
            return None
        rest = {name: value for name, value in record.case.items() if name != "chain_memory"}
        for case in (record.case, dict(rest, chain_memory="off"), dict(rest, chain_memory="none"), rest):
            found = self._same_case(record, "raw-" + library, case)
            if found:
                return found
        return None

    def sibling(self, record, changes):
        """The same subject in the case that differs by `changes`."""
        return self._same_case(record, record.subject, dict(record.case, **changes))

    def raw_ratio(self, record):
        return ratio(record, self.raw_of(record))

    def figures(self, rule, library):
        """What a rule of bars.json comes to: a figure for each record that it names and that can be computed."""
        wanted = dict(rule["of"])
        section, case = wanted.pop("section"), wanted.pop("case", {})
        subject = rule["subject"].replace("{library}", library or "")
        found = []
        for record in self.find(section, case, subject=subject, **wanted):
            found.append(self._figure(rule, record))
        return [figure for figure in found if figure]

    def _figure(self, rule, record):
        take = rule.get("take", "value")
        if take == "value":
            return plain(record)
        against = rule.get("against", "raw")
        basis = self.raw_of(record) if against == "raw" else self.sibling(record, against)
        figure = TAKES[take](record, basis)
        for metric in rule.get("besides", []):
            figure = figure and self._without(figure, metric)
        return figure

    def _without(self, figure, metric):
        """Less what another metric of the same case says."""
        part = next((other for other in self.records
                     if other.key == figure.of.key[:-1] + (metric,)), None)
        less = part.median if part else 0
        return Figure(figure.value - less, figure.low - less, figure.high - less, figure.of, figure.against)


def read_rules(path):
    """bars.json: {"figures": [...], "bars": [...]}, whose rules say what to take of which records."""
    found = read_object(path)
    for kind in ("figures", "bars"):
        rules = found.get(kind)
        if not isinstance(rules, list):
            raise InputError('%s: "%s" must be a list' % (path, kind))
        for number, rule in enumerate(rules, 1):
            problem = rule_problem(rule, kind)
            if problem:
                raise InputError("%s: %s, number %d: %s" % (path, kind, number, problem))
    return found


def rule_problem(rule, kind):
    if not isinstance(rule, dict):
        return "a rule is a JSON object"
    for name in ("what", "subject", "of") + (("bar",) if kind == "bars" else ()):
        if name not in rule:
            return 'it has no "%s"' % name
    if not isinstance(rule["of"], dict) or not {"section", "metric"} <= rule["of"].keys():
        return '"of" must name a section and a metric'
    if rule.get("take", "value") not in ("value", *TAKES):
        return '"take" is value, ratio or difference, not "%s"' % rule["take"]
    return None
