"""The bars: what siptls must reach, stated in bars.json, computed from records, never written down as reached."""
import re

from measured import Measured
from metrics import LIBRARIES
from records import InputError

BAR = re.compile(r"(<=|>=|=) *([0-9.]+)|([0-9.]+) *\+- *([0-9.]+)")
CONDITION = re.compile(r"(\w+)(?: *(<|>=) *([0-9.]+))?")


def limits(bar):
    """(least, most) that meet a bar such as "<= 1.03", "= 0" or "1.00 +- 0.03"; None is no limit."""
    match = BAR.fullmatch(bar.replace("_", ""))
    if not match:
        raise InputError('"%s" is no bar: it is "<= N", ">= N", "= N" or "N +- N"' % bar)
    sign, number, middle, width = match.groups()
    if middle:
        return float(middle) - float(width), float(middle) + float(width)
    return (None if sign == "<=" else float(number)), (None if sign == ">=" else float(number))


def excess(value, bar):
    """How far a value is beyond a bar; 0 or less: it meets it."""
    least, most = limits(bar)
    return max(least - value if least is not None else float("-inf"),
               value - most if most is not None else float("-inf"))


def numbers_of(version):
    match = re.search(r"\d+(\.\d+)+", version or "")
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def holds(condition, library, versions):
    """Whether a condition such as "openssl < 3.5" names this library in the version that was measured."""
    match = CONDITION.fullmatch(condition)
    if not match:
        raise InputError('"%s" is no condition: it is "openssl", "openssl < 3.5" or "openssl >= 3.5"' % condition)
    name, sign, number = match.groups()
    if name != library:
        return False
    version, wanted = numbers_of(versions.get(library)), numbers_of(number)
    return not sign or (bool(version) and (version < wanted) == (sign == "<"))


def for_library(text, library, versions):
    """A text of a rule, the same for all or {condition: text}; None where it says nothing of this library."""
    if isinstance(text, str) or text is None:
        return text
    return next((each for condition, each in text.items() if holds(condition, library, versions)), None)


def libraries_of(rule):
    return rule.get("libraries", LIBRARIES) if "{library}" in rule["subject"] else (None,)


def judge(rule, library, bar, figures):
    """One line of the report's "bars"; where a bar is on several records, the worst of them counts."""
    worst = max(figures, key=lambda figure: excess(round_for(bar, figure.value), bar), default=None)
    value = worst.value if worst else None
    met = None if worst is None else excess(round_for(bar, value), bar) <= 0
    return {"what": rule["what"], "library": library, "bar": bar, "value": value, "met": met, "why": "",
            "format": rule.get("format", "ratio" if rule.get("take") == "ratio" else "count"),
            "worst": str(worst.of) if worst else "", "measured": len(figures)}


def round_for(bar, value):
    """A bar with two places is met by what rounds to it: 1.0049 is 1.00."""
    places = max(len(number.partition(".")[2]) for number in re.findall(r"[0-9.]+", bar))
    return round(value, places)


def evaluate(rules, records, versions):
    """Every bar of the rules, for each library that it is on."""
    measured, lines = Measured(records), []
    for rule in rules["bars"]:
        for library in libraries_of(rule):
            bar = for_library(rule["bar"], library, versions)
            if bar is None:
                continue
            line = judge(rule, library, bar, measured.figures(rule, library))
            if line["met"] is False:
                line["why"] = for_library(rule.get("why"), library, versions) or "The reason is not known yet."
            lines.append(line)
    return lines
