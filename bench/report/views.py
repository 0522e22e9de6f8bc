"""Tables made of a report: the same ones for the terminal, for the page and for the README."""
from dataclasses import dataclass, field

import words
from bars import excess, libraries_of
from measured import Measured
from metrics import LIBRARIES, library_of, metric
from sections import SECTIONS


@dataclass
class Table:
    title: str
    columns: list
    rows: list = field(default_factory=list)
    note: str = ""


class Report:
    """A report with its records at hand."""
    def __init__(self, content):
        self.content = content
        self.measured = Measured(content["records"])
        self.bars = content["bars"]
        present = {library_of(record.subject) for record in content["records"]}
        self.libraries = [library for library in LIBRARIES if library in present]

    def siptls(self, section, **fields):
        """The records of siptls itself, on whatever library."""
        return [record for record in self.measured.find(section, **fields) if record.subject.startswith("siptls")]

    def version(self, name):
        version = self.content["versions"].get(name, "")
        return version if version.lower().startswith(name) else ("%s %s" % (words.library(name), version)).strip()


def remarks(report, section):
    """What is to be known of a subject's figures, and a sentence for each thing that it cannot do, on whichever side."""
    notes = ["%s: %s" % (words.subject(record.subject), record.note)
             for record in report.measured.find(section.name) if record.note]
    lacks = ["%s cannot do %s: %s" % (words.subject(lack.subject), section.label(lack.case), lack.why)
             for lack in report.content["lacks"] if lack.section == section.name]
    return list(dict.fromkeys(notes + lacks))


def figure_rows(report, rules):
    """(what, format, {library: figure}) of each figure in bars.json that was measured."""
    for rule in rules["figures"]:
        found = {library: report.measured.figures(rule, library) for library in libraries_of(rule)}
        worst = {library: max(figures, key=lambda figure: figure.value)
                 for library, figures in found.items() if figures}
        if worst:
            yield rule["what"], rule.get("format", "ratio"), worst


def figures_table(report, rules):
    table = Table("siptls to the raw library", [""] + [words.library(each) for each in report.libraries],
                  note="1.00: as much as the library used directly, in instructions; 0.80: a fifth less.")
    for what, format_name, found in figure_rows(report, rules):
        table.rows.append([what] + [words.formatted(found[each].value, format_name) if each in found else "-"
                                    for each in report.libraries])
    return table


def bar_groups(report):
    """The bars by what they are on: (what, format, {library: bar}), in their order."""
    groups = {}
    for bar in report.bars:
        groups.setdefault(bar["what"], (bar.get("format", "count"), {}))[1][bar.get("library")] = bar
    return [(what, format_name, by_library) for what, (format_name, by_library) in groups.items()]


def common_bar(format_name, by_library):
    """"<= 0.80 / 0.50 / 0.64" where the libraries have bars of their own."""
    return words.both_bars(list(dict.fromkeys(words.bar_text(bar["bar"], format_name) for bar in by_library.values())))


def bar_score(report):
    """(met, missed, not measured)"""
    verdicts = [bar["met"] for bar in report.bars]
    return tuple(sum(verdict is wanted for verdict in verdicts) for wanted in (True, False, None))


def bars_table(report):
    table = Table("What must be reached", ["", "bar"] + [words.library(each) for each in report.libraries])
    for what, format_name, by_library in bar_groups(report):
        cells = []
        for library in report.libraries:
            bar = by_library.get(library)
            cells.append(bar_cell(bar, format_name) if bar else "")
        if None in by_library:
            cells[:1] = [bar_cell(by_library[None], format_name)]
        table.rows.append([what, common_bar(format_name, by_library)] + cells)
    return table


def bar_cell(bar, format_name):
    if bar["met"] is None:
        return "-"
    return ("" if bar["met"] else "! ") + words.formatted(bar["value"], format_name)


def missed(report):
    """(what, bar, [(library, value, by how much)], why) of the bars that are missed, those with one reason together."""
    groups = {}
    for bar in report.bars:
        if bar["met"] is False:
            shown = lambda value, name=bar.get("format", "count"): words.formatted(value, name)
            groups.setdefault((bar["what"], words.bar_text(bar["bar"], bar.get("format", "count")), bar["why"]), []).append(
                (words.library(bar.get("library")), shown(bar["value"]), shown(excess(bar["value"], bar["bar"]))))
    return [(what, bar, found, why) for (what, bar, why), found in groups.items()]


def missed_sentence(what, bar, found, why):
    values = ", ".join("%s%s (by %s)" % (library and library + " ", value, beyond) for library, value, beyond in found)
    return "%s: %s; the bar is %s. %s" % (what, values, bar, why)


def ratio_cell(report, record):
    figure = report.measured.raw_ratio(record) if record else None
    return words.ratio(figure.value) if figure else "-"


def both_cell(report, record):
    """The ratio first, then the figure itself."""
    if not record:
        return "-"
    figure = report.measured.raw_ratio(record)
    value = words.value_text(record.median, record.unit)
    return "%s  (%s)" % (words.ratio(figure.value), value) if figure else value


def pivot(records, row_of, column_of):
    """{row: {column: record}}, rows in the order in which they come."""
    rows = {}
    for record in records:
        rows.setdefault(row_of(record), {})[column_of(record)] = record
    return rows


def handshake_table(report, side):
    """Ratios only, instructions and time beside each other, the usual cases first."""
    records = sorted(report.siptls("handshake", side=side, metric=["instructions", "time"]),
                     key=lambda record: words.unusual(record.case))
    keys = [(library, name) for library in report.libraries for name in ("instructions", "time")]
    rows = pivot(records, lambda record: words.handshake(record.case),
                 lambda record: (library_of(record.subject), record.metric))
    table = Table("Handshakes, %s" % side,
                  [""] + ["%s %s" % (words.library(library), {"instructions": "instr."}.get(name, name)) for library, name in keys],
                  note="Ratio to the raw library, lower is better. " + words.USUAL_TEXT)
    table.rows = [[label] + [ratio_cell(report, row.get(key)) for key in keys] for label, row in rows.items()]
    return table


def section_table(report, section, metrics=None):
    """Each case, side and metric a row, each library a column."""
    records = [record for record in report.siptls(section.name) if metrics is None or record.metric in metrics]

    def row_of(record):
        label = ", ".join(part for part in (section.label(record.case), record.side) if part)
        return ("%s: %s" % (label, metric(record.metric).name)) if label else metric(record.metric).name

    rows = pivot(records, row_of, lambda record: library_of(record.subject))
    table = Table(section.title, [""] + [words.library(each) for each in report.libraries])
    for label, row in rows.items():
        if None in row: # of siptls as a whole, on no library
            table.rows.append([label, both_cell(report, row[None])] + [""] * (len(report.libraries) - 1))
        else:
            table.rows.append([label] + [both_cell(report, row.get(each)) for each in report.libraries])
    return table


def peers_tables(report):
    """A table for each side and metric: subjects down, cases across."""
    label = next(section.label for section in SECTIONS if section.name == "peers")
    groups = {}
    for record in report.measured.find("peers"):
        groups.setdefault((record.side, record.metric), []).append(record)
    for (side, name), records in groups.items():
        rows = pivot(records, lambda record: words.subject(record.subject), lambda record: label(record.case))
        columns = list(dict.fromkeys(label(record.case) for record in records))
        table = Table(("%s, %s" % (side.capitalize(), metric(name).name)).lstrip(", "), [""] + columns)
        table.rows = [[subject] + [both_cell(report, found.get(column)) for column in columns] for subject, found in rows.items()]
        yield table


@dataclass
class Pair:
    """What a handshake costs a client and a server together, through siptls; and as a ratio to the raw libraries."""
    value: float
    unit: str
    ratio: float = None


def pair_sum(found, kind, client, server):
    """The client's figure and the server's of one pair; found: {(subject, peer, side): record}"""
    names = "%s-%s" % (kind, client), "%s-%s" % (kind, server)
    sides = found.get((names[0], names[1], "client")), found.get((names[1], names[0], "server"))
    return sum(record.median for record in sides) if all(sides) else None


def cross_pairs(report, records):
    """{(client's library, server's library): Pair} of the records of one case and metric."""
    found = {(record.subject, record.peer, record.side): record for record in records}
    pairs = {}
    for client in report.libraries:
        for server in report.libraries:
            value = pair_sum(found, "siptls", client, server)
            raw = pair_sum(found, "raw", client, server)
            if value is not None:
                pairs[client, server] = Pair(value, records[0].unit, value / raw if raw else None)
    return pairs


def cross_tables(report):
    """(title, metric, pairs) of each case, instructions and time."""
    groups = {}
    for record in report.measured.find("cross", metric=["instructions", "time"]):
        groups.setdefault((words.handshake(record.case), record.metric), []).append(record)
    for (title, name), records in groups.items():
        pairs = cross_pairs(report, records)
        if pairs:
            yield title, name, pairs


def pair_cell(pair):
    if not pair:
        return "-"
    value = words.value_text(pair.value, pair.unit)
    return "%s  (%s)" % (words.ratio(pair.ratio), value) if pair.ratio else value


def cross_pivots(report):
    """The same as tables of text."""
    for title, name, pairs in cross_tables(report):
        table = Table("%s: %s of both sides" % (title, metric(name).name),
                      ["client"] + ["to " + words.library(each) for each in report.libraries])
        table.rows = [[words.library(client)] + [pair_cell(pairs.get((client, server))) for server in report.libraries]
                      for client in report.libraries]
        yield table
