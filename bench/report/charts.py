"""Charts as HTML with SVG in it: x is in per cent, so they are as wide as there is room and letters keep their size."""
from dataclasses import dataclass, field
from html import escape

from metrics import LIBRARY_NAMES

LANE = 12  # the height of one subject's lane, in pixels


def attribute(text):
    return escape(str(text), quote=True)


@dataclass
class Mark:
    """One figure in a row: of a library, as a dot or a bar, with its spread; `raw`: the raw library's beside it."""
    library: str
    value: float
    text: str           # as the column of values shows it
    low: float = None
    high: float = None
    raw: float = None
    told: str = ""      # the sentence for who points at it, or listens
    hollow: bool = False
    column: str = ""    # in which column its text stands; its library's if not said


@dataclass
class Row:
    label: str
    marks: list


@dataclass
class Chart:
    title: str
    how: str            # unit, and which way is better
    scale: object
    tick: object        # a tick's number as text
    rows: list
    kind: str = "dot"   # or "bar"
    reference: float = None
    columns: list = field(default_factory=list)  # of values: libraries, or others with a name below
    names: dict = field(default_factory=lambda: LIBRARY_NAMES)
    one_lane: bool = False                       # all marks of a row are on one line


def grid(chart, height):
    lines = ['<line class="grid" x1="%.2f%%" x2="%.2f%%" y1="0" y2="%d"/>' % (at, at, height)
             for at in map(chart.scale.percent, chart.scale.ticks)]
    if chart.reference is not None:
        at = chart.scale.percent(chart.reference)
        lines.append('<line class="reference" x1="%.2f%%" x2="%.2f%%" y1="0" y2="%d"/>' % (at, at, height))
    return "".join(lines)


def span(css, chart, low, high, y, height):
    left, right = sorted((chart.scale.percent(low), chart.scale.percent(high)))
    return '<rect class="%s" x="%.2f%%" width="%.2f%%" y="%.1f" height="%d" rx="1"/>' % (
        css, left, max(right - left, 0.2), y - height / 2, height)


def mark_svg(chart, mark, y):
    parts = []
    if chart.kind == "bar":
        parts.append(span("bar", chart, 0, mark.value, y, 8))
    if mark.raw is not None:
        at = chart.scale.percent(mark.raw)
        parts.append('<line class="raw" x1="%.2f%%" x2="%.2f%%" y1="%.1f" y2="%.1f"/>' % (at, at, y - 6, y + 6))
    if mark.low is not None:
        parts.append(span("spread", chart, mark.low, mark.high, y, 2 if chart.kind == "bar" else 5))
    if chart.kind == "dot":
        parts.append('<use href="#dot-%s" class="%s" x="%.2f%%" y="%.1f"/>' % (
            mark.library, "hollow" if mark.hollow else "dot", chart.scale.percent(mark.value), y))
    return '<g class="is-%s">%s<title>%s</title></g>' % (mark.library, "".join(parts), escape(mark.told))


def lanes_of(chart):
    """{library: lane}"""
    libraries = list(dict.fromkeys(mark.library for row in chart.rows for mark in row.marks))
    return {library: 0 if chart.one_lane else libraries.index(library) for library in libraries}


def label_html(text):
    """P-256 is one word."""
    return escape(text).replace("-", "\u2011")


def row_html(chart, row, lanes):
    height = LANE * (max(lanes.values()) + 1) + 6
    told = "; ".join(mark.told for mark in row.marks)
    marks = "".join(mark_svg(chart, mark, 3 + LANE * (lanes[mark.library] + 0.5)) for mark in row.marks)
    values = []
    for column in chart.columns:
        mark = next((mark for mark in row.marks if (mark.column or mark.library) == column), None)
        values.append("<span>%s</span>" % (escape(mark.text) if mark else "–"))
    return ('<div class="row"><div class="label">%s</div><div class="values">%s</div>'
            '<svg class="strip" role="img" aria-label="%s" height="%d">%s%s</svg></div>' % (
                label_html(row.label), "".join(values), attribute("%s: %s" % (row.label, told)), height,
                grid(chart, height), marks))


def axis_html(chart):
    """Every second tick's number is left out where it is narrow (class "odd")."""
    texts = "".join('<text%s x="%.2f%%" y="12" text-anchor="middle">%s</text>' % (
        ' class="odd"' if at % 2 else "", chart.scale.percent(tick), escape(chart.tick(tick)))
        for at, tick in enumerate(chart.scale.ticks))
    return '<div class="row axis" aria-hidden="true"><svg class="strip" height="16">%s</svg></div>' % texts


def figure(number, chart, body, long=False):
    """Without a title of its own it has its section's, and says what it shows."""
    named = 'labelledby="c%d-title' % number if chart.title else 'label="%s' % attribute(chart.how)
    title = '<h3 id="c%d-title">%s</h3>' % (number, escape(chart.title)) if chart.title else ""
    return ('<figure%s role="group" aria-%s" aria-describedby="c%d-how"><figcaption>'
            '%s<p class="how" id="c%d-how">%s</p></figcaption>%s</figure>' % (
                ' class="long"' if long else "", named, number, title, number, escape(chart.how), body))


def rows_chart(number, chart):
    lanes = lanes_of(chart)
    heads = "".join('<span class="is-%s">%s</span>' % (each, escape(chart.names.get(each, each))) for each in chart.columns)
    head = '<div class="row head" aria-hidden="true"><div class="label"></div><div class="values">%s</div></div>' % heads
    body = head + "".join(row_html(chart, row, lanes) for row in chart.rows) + axis_html(chart)
    return figure(number, chart, '<div class="rows of-%d">%s</div>' % (len(chart.columns), body), len(chart.rows) > 9)


@dataclass
class Line:
    library: str
    raw: bool
    points: list        # (x, y)
    told: str


@dataclass
class Curves:
    title: str
    how: str
    x: object           # scales
    y: object
    x_tick: object
    y_tick: object
    x_name: str
    lines: list
    reference: float = None


HEIGHT = 190


def curve_svg(curves, line):
    points = [(curves.x.percent(x), 100 - curves.y.percent(y)) for x, y in line.points]
    path = " ".join("%.2f,%.2f" % point for point in points)
    dots = "" if line.raw else "".join('<use href="#dot-%s" class="dot" x="%.2f%%" y="%.1f"/>' % (
        line.library, x, y * HEIGHT / 100) for x, y in points)
    return ('<g class="is-%s"><svg width="100%%" height="%d" viewBox="0 0 100 100" preserveAspectRatio="none">'
            '<polyline class="%s" points="%s"/></svg>%s<title>%s</title></g>' % (
                line.library, HEIGHT, "curve raw" if line.raw else "curve", path, dots, escape(line.told)))


def curves_grid(curves):
    parts = []
    for tick in curves.y.ticks:
        y = HEIGHT * (1 - curves.y.percent(tick) / 100)
        css = "reference" if curves.reference is not None and abs(tick - curves.reference) < 1e-9 else "grid"
        parts.append('<line class="%s" x1="0" x2="100%%" y1="%.1f" y2="%.1f"/>'
                     '<text x="-8" y="%.1f" text-anchor="end">%s</text>' % (css, y, y, y + 4, escape(curves.y_tick(tick))))
    for tick in curves.x.ticks:
        x = curves.x.percent(tick)
        parts.append('<line class="grid" x1="%.2f%%" x2="%.2f%%" y1="0" y2="%d"/>'
                     '<text x="%.2f%%" y="%d" text-anchor="middle">%s</text>' % (
                         x, x, HEIGHT, x, HEIGHT + 18, escape(curves.x_tick(tick))))
    return "".join(parts)


def curves_chart(number, curves):
    told = "; ".join(line.told for line in curves.lines)
    body = ('<div class="curves"><svg role="img" aria-label="%s" height="%d">%s%s</svg><p class="x-name">%s</p></div>' % (
        attribute(told), HEIGHT + 24, curves_grid(curves),
        "".join(curve_svg(curves, line) for line in sorted(curves.lines, key=lambda line: not line.raw)),
        escape(curves.x_name)))
    return figure(number, curves, body)
