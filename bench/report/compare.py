"""Two reports beside each other: what got worse by more than its spread."""
import words
from metrics import EXACT, PERCENT, metric
from records import case_text

WORSE, BETTER, CHANGED, SAME = "worse", "better", "changed", "same"


def apart(old, new, rule):
    """Whether two records of the same differ by more than their spread."""
    if rule == EXACT:
        return old.median != new.median
    if rule == PERCENT:
        return abs(new.median - old.median) > 0.01 * abs(old.median)
    return new.low > old.high or new.high < old.low


def verdict(old, new):
    known = metric(new.metric, new.unit)
    if not apart(old, new, known.differs) or new.median == old.median:
        return SAME
    if not known.better:
        return CHANGED
    return BETTER if (new.median < old.median) == (known.better == "lower") else WORSE


def bar_key(bar):
    return bar["what"], bar.get("library"), bar["bar"]


def lost_bars(old, new):
    """Bars that were met, and are not any more; what was not measured is no verdict, and another bar is another."""
    before = {bar_key(bar) for bar in old["bars"] if bar["met"]}
    return [bar for bar in new["bars"] if bar["met"] is False and bar_key(bar) in before]


def same_conditions(old, new):
    """A sentence for each thing that makes the two hard to compare."""
    for name in ("machine", "versions", "build"):
        for key in sorted(old[name].keys() | new[name].keys()):
            if old[name].get(key) != new[name].get(key):
                yield "%s, %s: %s, then %s" % (name, key, old[name].get(key, "nothing"), new[name].get(key, "nothing"))
    if old.get("quick", False) != new.get("quick", False):
        yield "one of them was a quick run"


def is_ours(pair):
    """Where the raw library, or what others wrote, became slower, siptls did not."""
    return pair[1].subject.startswith("siptls")


def pairs(old, new):
    before = {record.key: record for record in old["records"]}
    return [(before[record.key], record) for record in new["records"] if record.key in before]


def record_line(old, new):
    change = "%+.1f %%" % (100 * (new.median / old.median - 1)) if old.median else ""
    who = " ".join(part for part in (new.subject, new.side, new.peer and "with " + new.peer) if part)
    return "  %-9s %s: %s, then %s\n            %s %s" % (
        change, metric(new.metric).name, spread_text(old), spread_text(new), who,
        "%s %s" % (new.section, case_text(new.case)))


def spread_text(record):
    text = words.value_text(record.median, record.unit)
    ends = [words.value_text(value, record.unit) for value in (record.low, record.high)]
    return text if ends == [text, text] else "%s (%s to %s)" % (text, *ends)


def relative(pair):
    old, new = pair
    return abs(new.median / old.median - 1) if old.median else float("inf")


def paragraph(title, found, limit=40):
    yield ""
    yield "%s: %d" % (title, len(found))
    for old, new in sorted(found, key=relative, reverse=True)[:limit]:
        yield record_line(old, new)
    if len(found) > limit:
        yield "  ... and %d more" % (len(found) - limit)


def compare(old, new):
    """(lines, whether something got worse) of two reports; None in place of lines: nothing is in both."""
    both = pairs(old, new)
    if not both:
        return None, False
    found = {kind: [pair for pair in both if verdict(*pair) == kind and is_ours(pair)]
             for kind in (WORSE, BETTER, CHANGED)}
    others = [verdict(*pair) for pair in both if not is_ours(pair)]
    bars = lost_bars(old, new)
    lines = ["%d figures are in both; instructions, heap and code differ from 1 %% on, counts from 1 on, times and"
             % len(both), "rates where the ranges between the quartiles do not overlap."]
    different = list(same_conditions(old, new))
    if different:
        lines += ["", "They were not measured alike:"] + ["  " + text for text in different]
    for kind, title in ((WORSE, "Worse"), (BETTER, "Better"), (CHANGED, "Changed, neither better nor worse")):
        if found[kind] or kind == WORSE:
            lines += paragraph(title, found[kind])
    if WORSE in others or BETTER in others:
        lines += ["", "Of what is not siptls (raw libraries, others' software) %d figures are worse and %d better: that is"
                  % (others.count(WORSE), others.count(BETTER)), "the machine, or another build of them."]
    if bars:
        lines += ["", "Bars that were met and are missed now: %d" % len(bars)]
        lines += ["  %s%s: %s, not %s" % (bar["what"], " on " + bar["library"] if bar.get("library") else "",
                                         words.formatted(bar["value"], bar.get("format", "count")),
                                         words.bar_text(bar["bar"], bar.get("format", "count"))) for bar in bars]
    lost = len(old["records"]) - len(both), len(new["records"]) - len(both)
    if any(lost):
        lines += ["", "Only in the first: %d figures; only in the second: %d." % lost]
    return lines, bool(found[WORSE] or bars)
