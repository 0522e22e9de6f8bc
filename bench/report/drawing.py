"""Which charts a section has, and what is on them."""
import charts
import scales
import views
import words
from metrics import READING, library_of, metric
from sections import SECTIONS, memory_size

LABELS = {section.name: section.label for section in SECTIONS}
SHOWN = 18  # rows of a chart; its table has them all
X_NAMES = {"anchors": "trusted CAs", "connections": "live connections", "names": "names with a certificate each",
           "threads": "threads"}


CURVE_NAMES = {"rate": "Connections a second", "time": "Time of a connection", "instructions": "Instructions a connection"}


def lane(subject):
    return library_of(subject) or "core"


def side_by_case(report, section, metrics, **fields):
    """{label of the case: {(library, metric): record}}, usual handshakes first."""
    label = LABELS[section]
    records = sorted(report.siptls(section, metric=list(metrics), **fields), key=lambda one: words.unusual(one.case)
                     if section == "handshake" else 0)
    return views.pivot(records, lambda one: label(one.case), lambda one: (lane(one.subject), one.metric))


def ratio_mark(report, library, found):
    """Instructions as the dot, time as the range; time alone where instructions were not counted."""
    cost, time = (report.measured.raw_ratio(found[key]) if key in found else None
                  for key in ((library, "instructions"), (library, "time")))
    shown = cost or time
    if not shown:
        return None
    told = ["%s: %s of the raw library's %s" % (words.library(library), words.ratio(shown.value),
                                                "instructions" if cost else "time")]
    if time:
        told.append("time %s to %s" % (words.ratio(time.low), words.ratio(time.high)))
    return charts.Mark(library, shown.value, words.ratio(shown.value), time.low if time else shown.low,
                       time.high if time else shown.high, told=", ".join(told))


def ratio_chart(report, section, title, **fields):
    """Rows of cases, the three libraries in each, around 1.00."""
    rows = []
    for label, found in side_by_case(report, section, ("instructions", "time"), **fields).items():
        marks = [ratio_mark(report, library, found) for library in report.libraries]
        if any(marks):
            rows.append(charts.Row(label, [mark for mark in marks if mark]))
    if not rows:
        return None
    more = "" if len(rows) <= SHOWN else " %d more rows are in the table." % (len(rows) - SHOWN)
    rows = rows[:SHOWN]
    values = [value for row in rows for mark in row.marks for value in (mark.value, mark.low, mark.high)]
    return charts.Chart(title, "Ratio to the raw library; lower is better, 1.00 is as much as the library used "
                        "directly." + more, scales.around(values, [1.0]), words.ratio, rows,
                        reference=1.0, columns=report.libraries)


def bar_mark(report, record):
    raw = report.measured.raw_of(record)
    text = words.value_text(record.median, record.unit)
    told = "%s: %s" % (words.subject(record.subject), text)
    if record.high > record.low:
        told += " (%s to %s)" % tuple(words.value_text(value, record.unit) for value in (record.low, record.high))
    if raw:
        told += ", the raw library %s" % words.value_text(raw.median, raw.unit)
    spread = (record.low, record.high) if record.high > record.low else (None, None)
    return charts.Mark(lane(record.subject), record.median, text, *spread, raw=raw.median if raw else None, told=told)


def ticks_of(unit):
    return lambda value: words.tick(value, unit)


def scale_for(values, unit):
    """Bars have their zero; what differs by magnitudes has dots on a logarithmic axis instead."""
    tick = ticks_of(unit)
    if min(values) > 0 and max(values) / min(values) > 100:
        return scales.Log(min(values), max(values), scales.SIZES if unit == "bytes" else None), tick, "dot"
    return scales.Linear(0, max(values), unit=words.round_in(unit, max(values))), tick, "bar"


def bar_chart(report, title, records, label):
    """Bars from zero, the raw library's figure as a line across."""
    if not records:
        return None
    many_sides = len({record.side for record in records}) > 1
    rows = views.pivot(records, lambda one: ", ".join(
        part for part in (label(one.case), one.side if many_sides else "") if part), lambda one: lane(one.subject))
    made = [charts.Row(name, [bar_mark(report, record) for record in found.values()]) for name, found in rows.items()]
    known, unit = metric(records[0].metric), records[0].unit
    values = [value for row in made for mark in row.marks for value in (mark.value, mark.raw, mark.high) if value is not None]
    scale, tick, kind = scale_for(values, unit)
    how = "%s; %s." % (words.capital(known.name), READING[known.better])
    if any(mark.raw is not None for row in made for mark in row.marks):
        how += " The line across is the raw library."
    if kind == "dot":
        how += " The axis is logarithmic."
    return charts.Chart(title, how, scale, tick, made, kind, columns=report.libraries)


def grouped(records, key):
    groups = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


MEMORY_TITLES = {"idle": "An idle connection", "many": "Each of the connections held at once", "context": "A context"}


def memory_charts(report):
    """What differs by magnitudes has a chart of its own. Our part of the heap is in the table."""
    groups = grouped(report.siptls("memory", metric=["heap", "peak", "rss"]),
                     lambda one: (one.case.get("what"), one.metric))
    for (what, name), records in groups.items():
        if (what, name) not in (("context", "peak"), ("many", "heap"), ("many", "peak")):
            title = "%s: %s" % (MEMORY_TITLES.get(what, what), metric(name).name)
            yield bar_chart(report, title, records, memory_size)


def curve(report, axis, records, subject):
    """What a connection costs at each size, as a ratio to what it costs at the smallest."""
    points = sorted((record.case[axis], record.median) for record in records
                    if record.subject == subject and record.case[axis] > 0)
    if len(points) < 2 or points[0][1] <= 0:
        return None
    relative = [(x, y / points[0][1]) for x, y in points]
    told = "%s: %s" % (words.subject(subject), ", ".join("%s at %s" % (words.ratio(y), words.count(x)) for x, y in relative))
    return charts.Line(library_of(subject) or "core", subject.startswith("raw-"), relative, told)


def curves(report, axis, name, side):
    records = [record for record in report.measured.find("scale", metric=name, side=side)
               if words.is_number(record.case.get(axis))]
    lines = [curve(report, axis, records, subject) for subject in dict.fromkeys(one.subject for one in records)]
    lines = [line for line in lines if line]
    if not lines:
        return None
    every_x = sorted({x for line in lines for x, _ in line.points})
    every_y = [y for line in lines for _, y in line.points]
    known = metric(name, records[0].unit)
    x = scales.Log(every_x[0], every_x[-1], exact=True)
    x.ticks = every_x if len(every_x) <= 6 else x.ticks
    return charts.Curves(
        "%s%s, by %s" % (CURVE_NAMES.get(name, words.capital(known.name)), side and ", " + side, X_NAMES.get(axis, axis)),
        "Ratio to the figure at %s; %s. Broken lines: the raw library." % (
            words.plural(every_x[0], axis), "flat is right" if axis != "threads" else READING[known.better]),
        x, scales.Linear(min(every_y + [0.9]), max(every_y + [1.1]), wanted=4), words.many, words.ratio,
        "%s (logarithmic)" % X_NAMES.get(axis, axis), lines, reference=1.0)


def scale_charts(report):
    records = report.measured.find("scale")
    axes = [axis for axis in dict.fromkeys(name for record in records for name in record.case)
            if any(words.is_number(record.case.get(axis)) for record in records)]
    for axis in axes:
        wanted = dict.fromkeys((record.metric, record.side) for record in records
                               if axis in record.case and metric(record.metric).better)
        for name, side in wanted:
            yield curves(report, axis, name, side)


PEER_COLUMNS = {"shared": "shared", "each": "for each"}


def peer_mark(record):
    library = library_of(record.subject) if record.subject.startswith("siptls") else "other"
    text = words.value_text(record.median, record.unit)
    context = record.case.get("context", "shared")
    return charts.Mark(library, record.median, text, record.low, record.high, hollow=context == "each", column=context,
                       told="%s: %s" % (PEER_COLUMNS.get(context, context), text))


def peer_chart(title, name, records):
    """One row a subject, the least first; a context shared and a context for each connection are two marks in it."""
    records = [record for record in records if record.metric == name and record.median > 0]
    marks = grouped(sorted(records, key=lambda one: one.median), lambda one: one.subject)
    rows = [charts.Row(words.subject(subject), [peer_mark(record) for record in found]) for subject, found in marks.items()]
    known, values = metric(name), [record.median for record in records]
    contexts = {record.case.get("context", "shared") for record in records}
    far = max(values) / min(values) > 8
    how = "%s%s; %s." % (words.capital(known.name), ", logarithmic" if far else "", READING[known.better])
    if "each" in contexts:
        how += " Filled: one context shared by all connections; hollow: a context for each, as it is often seen."
    scale = scales.Log(min(values), max(values)) if far else scales.Linear(0, max(values))
    return charts.Chart(title, how, scale, ticks_of(records[0].unit), rows,
                        columns=[each for each in PEER_COLUMNS if each in contexts], names=PEER_COLUMNS, one_lane=True)


def peers_charts(report):
    """Instructions if they were counted, since they repeat; else time."""
    groups = grouped(report.measured.find("peers"), lambda one: (one.case.get("version"), one.case.get("kind"), one.side))
    for (version, kind, side), records in groups.items():
        name = next((name for name in ("instructions", "time") if any(one.metric == name for one in records)), None)
        if name:
            yield peer_chart("TLS %s, %s handshake, %s" % (version, kind, side), name, records)


STORM_TITLES = {"time": "Until the last 200 OK", "latency": "Until a phone has its 200 OK", "cpu": "CPU time of the proxies",
                "turned_away": "Attempts turned away"}


def storm_charts(report):
    for name, title in STORM_TITLES.items():
        records = [record for record in report.siptls("storm", metric=name) if record.median > 0]
        sizes = {record.case["phones"] for record in records if "phones" in record.case}
        phones = ", %s" % words.plural(max(sizes), "phones") if len(sizes) == 1 else ""
        yield bar_chart(report, title + phones, records, LABELS["storm"])


def rooms_chart(report, records):
    """The core, each backend, and the rooms of the core."""
    rows = []
    for record in records:
        mark = bar_mark(report, record)
        mark.column = "size"
        rows.append(charts.Row(record.case.get("room") or words.part(record.subject), [mark]))
    scale, tick, kind = scale_for([mark.value for row in rows for mark in row.marks] + [0], "bytes")
    return charts.Chart("The whole library, and the rooms of its core", "Code; lower is better.", scale, tick, rows, kind,
                        columns=["size"], names={"size": ""}, one_lane=True)


def code_charts(report):
    records = report.siptls("code", metric="text")
    programs = [record for record in records if record.case.get("part") == "both"]
    library = [record for record in records if record.case.get("what") in ("library", "room")]
    if programs:
        yield bar_chart(report, "What the smallest programs take in", programs, LABELS["code"])
    if library:
        yield rooms_chart(report, library)


def section_charts(report, name):
    """The charts of a section, in their order."""
    if name == "handshake":
        return [ratio_chart(report, name, side.capitalize(), side=side) for side in ("client", "server")]
    if name == "messages":
        sides = dict.fromkeys(record.side for record in report.siptls(name))
        return [ratio_chart(report, name, side.capitalize() or "Both sides", side=side) for side in sides]
    if name == "memory":
        return list(memory_charts(report))
    if name == "scale":
        return list(scale_charts(report))
    if name == "storm":
        return list(storm_charts(report))
    if name == "peers":
        return list(peers_charts(report))
    if name == "code":
        return list(code_charts(report))
    if name == "own":
        return [bar_chart(report, "", report.siptls(name, metric="own_instructions"), LABELS[name])]
    return []
