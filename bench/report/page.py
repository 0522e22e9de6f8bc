"""The report as one HTML page that needs nothing else: no script, no network."""
import os
import re
from html import escape

import charts
import drawing
import views
import words
from metrics import LIBRARIES, LIBRARY_NAMES, metric
from sections import SECTIONS

STYLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "style.css")

DOTS = ('<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
        '<circle id="dot-openssl" r="5"/><rect id="dot-mbedtls" x="-4.5" y="-4.5" width="9" height="9"/>'
        '<path id="dot-wolfssl" d="M0-6.2 6.2 0 0 6.2-6.2 0z"/><circle id="dot-other" r="4.5"/>'
        '<circle id="dot-core" r="5"/></defs></svg>')


def number_class(column):
    library = next((key for key, value in LIBRARY_NAMES.items() if column.startswith(value)), "")
    return ' class="number%s"' % (library and " is-" + library)


def table_html(table, css=""):
    heads = "".join('<th scope="col"%s>%s</th>' % (
        number_class(column) if at else "", escape(column))
        for at, column in enumerate(table.columns))
    rows = "".join('<tr><th scope="row">%s</th>%s</tr>' % (
        escape(str(row[0])), "".join("<td>%s</td>" % escape(str(cell)) for cell in row[1:])) for row in table.rows)
    return '<div class="wide"><table class="%s"><thead><tr>%s</tr></thead><tbody>%s</tbody></table></div>' % (css, heads, rows)


def details(table, title="All figures as a table"):
    note = '<p class="note">%s</p>' % escape(table.note) if table.note else ""
    return "<details><summary>%s</summary>%s%s</details>" % (escape(title), note, table_html(table))


def meta(report):
    content = report.content
    machine = content["machine"]
    parts = [machine.get("cpu"), "%s cores" % machine.get("cores"), words.size(machine.get("memory") or 0),
             machine.get("os"), machine.get("kernel")]
    built = [report.version(name) for name in ("siptls",) + LIBRARIES if name in content["versions"]]
    others = ["%s %s" % item for item in content["versions"].items() if item[0] not in ("siptls",) + LIBRARIES]
    built += others + ["%s %s" % item for item in content["build"].items()]
    lines = [", ".join(str(part) for part in parts if part), ", ".join(built)]
    return "".join('<p class="meta">%s</p>' % escape(line) for line in lines if line)


def range_text(values, format_name):
    texts = [words.formatted(value, format_name) for value in (min(values), max(values))]
    return texts[0] if texts[0] == texts[1] else "%s to %s" % tuple(texts)


def sentences(report, rules):
    """The rules' own words for their figures, with the range over the libraries in place of {range}."""
    told = {rule["what"]: rule.get("say") for rule in rules["figures"]}
    found = []
    for what, format_name, figures in views.figure_rows(report, rules):
        if told[what]:
            text = range_text([figure.value for figure in figures.values()], format_name)
            found.append(escape(told[what]).replace("{range}", "<strong>%s</strong>" % escape(text)))
    return found


def summary(report, rules):
    table = views.figures_table(report, rules)
    if not table.rows:
        return '<p class="missing">None of the key figures was measured.</p>'
    return '<p class="lead">%s</p>%s<p class="note">%s</p>' % (
        " ".join(sentences(report, rules)), table_html(table, "figures"), escape(table.note))


def signs(text):
    """As print has them; 12 345 stays on one line."""
    return re.sub(r"(?<=\d) (?=\d{3}\b)", "\u00a0", text.replace("<=", "≤").replace(">=", "≥").replace("+-", "±"))


def bar_cell(bar, format_name):
    if bar is None:
        return "<td></td>"
    if bar["met"] is None:
        return '<td class="missing">%s</td>' % words.NOT_MEASURED
    value = escape(words.formatted(bar["value"], format_name))
    if bar["met"]:
        return '<td><span class="met" title="met">✓<i> met</i></span> %s</td>' % value
    return '<td class="missed"><span title="missed">✗<i> missed</i></span> %s</td>' % value


def bars_html(report):
    met, missed, unknown = views.bar_score(report)
    rows = []
    for what, format_name, found in views.bar_groups(report):
        columns = [found.get(library) for library in report.libraries]
        if None in found:
            columns = [found[None]] + columns[1:]
        rows.append('<tr><th scope="row">%s</th><td>%s</td>%s</tr>' % (
            escape(what), escape(signs(views.common_bar(format_name, found))),
            "".join(bar_cell(bar, format_name) for bar in columns)))
    heads = "".join('<th scope="col" class="number is-%s">%s</th>' % (each, words.library(each)) for each in report.libraries)
    reasons = "".join("<li>%s</li>" % escape(signs(views.missed_sentence(*each))) for each in views.missed(report))
    return ('<p>%d met, <span class="%s">%d missed</span>, %d not measured.</p><div class="wide"><table class="bars"><thead>'
            '<tr><th scope="col"></th><th scope="col" class="number">bar</th>%s</tr></thead><tbody>%s</tbody></table></div>%s' % (
                met, "missed" if missed else "", missed, unknown, heads, "".join(rows),
                '<h3>What is missed, and why</h3><ul class="reasons">%s</ul>' % reasons if reasons else ""))


def legend(report, section):
    if section.name not in ("handshake", "messages"):
        return ""
    items = "".join('<li class="is-%s"><svg aria-hidden="true"><use href="#dot-%s" class="dot" x="11" y="6"/></svg>%s</li>' % (
        each, each, words.library(each)) for each in report.libraries)
    return ('<ul class="legend">%s<li class="is-other"><svg aria-hidden="true"><use href="#dot-other" class="dot" x="11" y="6"/>'
            '</svg>instructions</li><li class="is-other"><svg aria-hidden="true"><rect class="spread" y="3.5" width="22" height="5"/>'
            '</svg>time, between the quartiles</li></ul>' % items)


def heat_cell(pair, least, most):
    if not pair:
        return '<td class="missing">–</td>'
    heat = 6 + 30 * ((pair.value - least) / (most - least) if most > least else 0)
    ratio = "<small>%s to raw</small>" % words.ratio(pair.ratio) if pair.ratio else ""
    return '<td style="--heat:%.0f%%">%s%s</td>' % (heat, words.value_text(pair.value, pair.unit), ratio)


def heat_html(report, pairs):
    values = [pair.value for pair in pairs.values()]
    heads = "".join('<th scope="col" class="is-%s">%s server</th>' % (each, words.library(each)) for each in report.libraries)
    body = "".join('<tr><th scope="row">%s client</th>%s</tr>' % (
        words.library(client), "".join(heat_cell(pairs.get((client, server)), min(values), max(values))
                                       for server in report.libraries)) for client in report.libraries)
    return '<div class="wide"><table class="heat"><thead><tr><td></td>%s</tr></thead><tbody>%s</tbody></table></div>' % (heads, body)


def cross_html(report):
    parts = []
    for title, name, pairs in views.cross_tables(report):
        parts.append('<figure><figcaption><h3>%s</h3><p class="how">%s of both sides together; lower is better; the darker, '
                     'the more.</p></figcaption>%s</figure>' % (escape(title), words.capital(metric(name).name), heat_html(report, pairs)))
    return '<div class="pair">%s</div>' % "".join(parts)


def tables_of(report, section):
    if section.name == "handshake":
        return [views.handshake_table(report, side) for side in ("client", "server")]
    if section.name == "peers":
        return list(views.peers_tables(report))
    if section.name == "cross":
        return views.cross_pivots(report)
    return [views.section_table(report, section)]


def remarks_html(report, section):
    lines = views.remarks(report, section)
    return '<ul class="reasons note">%s</ul>' % "".join("<li>%s</li>" % escape(line) for line in lines) if lines else ""


class Numbers:
    """Numbers the charts of a page, for their ids."""
    def __init__(self):
        self.last = 0

    def draw(self, chart):
        self.last += 1
        made = charts.curves_chart if isinstance(chart, charts.Curves) else charts.rows_chart
        return made(self.last, chart)


def section_html(report, section, numbers):
    measured = section.name in report.measured.sections()
    head = '<section id="%s"%s><h2>%s</h2>' % (section.name, "" if measured else ' class="absent"', escape(section.title))
    if not measured:
        return head + '<p class="missing">Not measured in this run.</p></section>'
    drawn = "".join(numbers.draw(chart) for chart in drawing.section_charts(report, section.name) if chart)
    if section.name == "scale":
        drawn = '<div class="pair">%s</div>' % drawn
    if section.name == "cross":
        drawn = cross_html(report)
    tables = "".join(details(table, "%s: all figures as a table" % table.title) for table in tables_of(report, section))
    note = '<p class="note">%s</p>' % escape(words.USUAL_TEXT) if section.name == "handshake" else ""
    return "%s<p>%s</p>%s%s%s%s%s</section>" % (head, escape(section.intro), note, legend(report, section), drawn, tables,
                                               remarks_html(report, section))


def html(content, rules):
    report, numbers = views.Report(content), Numbers()
    with open(STYLE, encoding="utf-8") as file:
        style = file.read()
    links = "".join('<a href="#%s">%s</a>' % (section.name, escape(section.title)) for section in SECTIONS)
    date = str(content.get("date", ""))[:10] + (", a quick run" if content.get("quick") else "")
    sections = "".join(section_html(report, section, numbers) for section in SECTIONS)
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width, initial-scale=1"><title>What siptls costs, %s</title><style>\n%s</style></head><body>'
            '%s<header><h1>What siptls costs</h1><p class="meta">%s</p>%s<nav aria-label="Sections">%s</nav></header><main>'
            '<section id="summary">%s</section><section id="bars"><h2>What must be reached</h2>%s</section>%s'
            '</main></body></html>\n' % (escape(date), style, DOTS, escape("Measured on " + date), meta(report), links,
                                         summary(report, rules), bars_html(report), sections))
