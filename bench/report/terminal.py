"""A report on the terminal: ratios first, in 80 columns."""
import os
import sys
import textwrap

import views
import words
from metrics import LIBRARIES
from sections import SECTIONS

WIDTH = 80
ROWS = 14  # of a table; the page has them all
METRICS = {"memory": ("heap", "rss"), "storm": ("time", "cpu", "turned_away", "most_tries")}  # of the page's, here
STYLES = {"bold": "1", "dim": "2", "bad": "1;31", "good": "32"}


class Paint:
    """Colours, on a terminal that is one, unless NO_COLOR asks for none."""
    def __init__(self, stream):
        self.on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def __call__(self, style, text):
        return "\033[%sm%s\033[0m" % (STYLES[style], text) if self.on else text


def clean(text):
    """Nothing that a terminal would act on."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def wrapped(text, indent=0):
    return textwrap.fill(clean(text), WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)


def cut(text, width):
    return text if len(text) <= width else text[:width - 1] + "…"


def table_lines(table, paint, rows=ROWS):
    """The first column takes what the figures leave; what is longer goes on in a second line."""
    shown = [[clean(cell) for cell in row] for row in table.rows[:rows]]
    heads = [textwrap.wrap(clean(column), 10) or [""] for column in table.columns]
    widths = [max([len(word) for word in head] + [len(row[at]) for row in shown])
              for at, head in enumerate(heads)]
    widths[0] = max(min(max([len(row[0]) for row in shown] + [1]), WIDTH - sum(2 + width for width in widths[1:])), 12)
    deep = max(len(head) for head in heads)
    for level in range(deep):
        cells = [(head[level - deep + len(head)] if level >= deep - len(head) else "").rjust(width)
                 for head, width in zip(heads, widths)]
        yield paint("dim", "  ".join(cells).rstrip())
    for row in shown:
        first = textwrap.wrap(row[0], widths[0], subsequent_indent="  ") or [""]
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        yield "  ".join([first[0].ljust(widths[0])] + [colour(cell, paint) for cell in cells]).rstrip()
        yield from first[1:]
    if len(table.rows) > rows:
        yield paint("dim", "%d more rows in the page" % (len(table.rows) - rows))


def colour(cell, paint):
    return paint("bad", cell) if cell.lstrip().startswith("! ") else cell


def heading(report, paint):
    content = report.content
    machine, build = content["machine"], content["build"]
    yield paint("bold", "siptls, measured on %s%s" % (str(content.get("date", ""))[:10],
                                                      " (quick)" * bool(content.get("quick"))))
    yield wrapped(", ".join(part for part in (
        machine.get("cpu"), "%s cores" % machine.get("cores"), words.size(machine.get("memory") or 0),
        machine.get("kernel"), machine.get("os")) if part))
    yield wrapped(", ".join([report.version(name) for name in ("siptls",) + LIBRARIES if name in content["versions"]]
                            + ["%s %s" % item for item in build.items()]))


def bars(report, paint):
    met, missing, unknown = views.bar_score(report)
    yield ""
    yield paint("bold", "What must be reached: %d met, %d missed, %d not measured" % (met, missing, unknown))
    yield from table_lines(views.bars_table(report), paint, rows=1000)
    for each in views.missed(report):
        yield wrapped("! " + views.missed_sentence(*each), 2)


def section_lines(report, section, paint):
    yield ""
    if section.name not in report.measured.sections():
        yield "%s: %s" % (paint("bold", section.title), words.NOT_MEASURED)
        return
    yield paint("bold", section.title)
    for table in section_tables(report, section):
        if table.title != section.title:
            yield table.title
        yield from table_lines(table, paint)
        if table.note:
            yield paint("dim", wrapped(table.note))
    for line in views.remarks(report, section):
        yield wrapped(line, 2)


def section_tables(report, section):
    if section.name == "handshake":
        return [views.handshake_table(report, side) for side in ("client", "server")]
    if section.name == "peers":
        names = [table for table in views.peers_tables(report) if table.title.endswith("instructions")]
        return names or list(views.peers_tables(report))
    if section.name == "cross":
        return list(views.cross_pivots(report))
    return [views.section_table(report, section, METRICS.get(section.name))]


def show(content, rules, stream=sys.stdout):
    report, paint = views.Report(content), Paint(stream)
    lines = list(heading(report, paint))
    figures = views.figures_table(report, rules)
    lines += ["", paint("bold", figures.title)]
    lines += [*table_lines(figures, paint), paint("dim", figures.note)] if figures.rows else [words.NOT_MEASURED]
    lines += bars(report, paint)
    for section in SECTIONS:
        lines += section_lines(report, section, paint)
    stream.write("\n".join(lines) + "\n")
