"""Numbers and names as a person reads them."""
import re

from metrics import LIBRARY_NAMES

NOT_MEASURED = "not measured"
VERSION_NAMES = dict(LIBRARY_NAMES, siptls="siptls")


def count(value):
    """12 345: thin spaces would be lost on a terminal, so a plain one."""
    return format(round(value), ",").replace(",", " ")


def places(value):
    return 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0


def ratio(value):
    return "%.*f" % (places(value), value)


def scaled(value, steps):
    """steps: (from, divisor, unit), the largest first."""
    for least, divisor, unit in steps:
        if abs(value) >= least:
            break
    shown = value / divisor
    return "%s %s" % (count(shown) if shown == round(shown) or abs(shown) >= 100 else "%.*f" % (places(shown), shown), unit)


def size(value):
    return scaled(value, ((1e9, 2 ** 30, "GB"), (1e6, 2 ** 20, "MB"), (1000, 1024, "KB"), (0, 1, "B")))


def time(value):
    return scaled(value, ((1e6, 1e6, "s"), (1e3, 1e3, "ms"), (0, 1, "µs")))


def many(value):
    return scaled(value, ((1e6, 1e6, "M"), (1e4, 1e3, "k"), (0, 1, ""))).strip()


def rate(value):
    return count(value) + "/s"


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def capital(text):
    """With a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]


def yes_no(value):
    return value if not isinstance(value, bool) else "yes" if value else "no"


FORMATS = {"ratio": ratio, "size": size, "time": time, "count": count, "rate": rate, "many": many}
def seconds(value):
    return time(value * 1e6)


UNIT_FORMATS = {"us": time, "s": seconds, "bytes": size, "1/s": rate, "instructions": many}


def by_unit(unit):
    return UNIT_FORMATS.get(unit, count)


def tick(value, unit):
    """A round number of an axis: 0, 10 KB, 1 s."""
    return "0" if value == 0 else re.sub(r"\.0+(?= |$)", "", by_unit(unit)(value))


def round_in(unit, most):
    """What the numbers of an axis are round in."""
    return 1 if unit != "bytes" else 2 ** 20 if most >= 2 ** 20 else 1024 if most >= 1024 else 1


def value_text(value, unit):
    return by_unit(unit)(value)


def formatted(value, format_name):
    return NOT_MEASURED if value is None else FORMATS.get(format_name, count)(value)


def signed(value, format_value):
    return ("+" if value >= 0 else "") + format_value(value)


def bar_text(bar, format_name):
    """A bar in the unit of its figure: "<= 15360" is "<= 15.0 KB" where that is a size."""
    if format_name in ("ratio", "count"):
        return bar if format_name == "ratio" else " ".join(
            count(float(part)) if part.replace("_", "").isdigit() else part for part in bar.split())
    return " ".join(FORMATS[format_name](float(part)) if part[0].isdigit() else part for part in bar.split())


def library(name):
    return LIBRARY_NAMES.get(name, name or "")


def subject(name):
    """siptls-openssl is "siptls on OpenSSL", raw-openssl "OpenSSL"."""
    kind, _, rest = name.partition("-")
    if kind == "siptls" and rest in LIBRARY_NAMES:
        return "siptls on " + LIBRARY_NAMES[rest]
    if kind == "raw" and rest in LIBRARY_NAMES:
        return LIBRARY_NAMES[rest]
    return name


# What a handshake is unless its words say otherwise.
USUAL = {"key": "P-256", "group": "X25519", "mutual": False, "intermediates": 1}
USUAL_TEXT = "Unless told otherwise: ECDSA P-256, X25519, one intermediate, only the server has a certificate."
def part(name):
    """A part of siptls: its core, or a backend."""
    kind, _, rest = name.partition("-")
    return "backend for " + LIBRARY_NAMES[rest] if rest in LIBRARY_NAMES else rest or "core"


MEMORY = {"off": "memory off", "cold": "cold", "warm": "warm"}


def unusual(case):
    """In how many ways a handshake differs from the usual one, its version and kind apart."""
    return sum(case.get(name, usual) != usual for name, usual in USUAL.items())


def handshake(case):
    """A case of the handshakes in few words, what is usual left out: "TLS 1.3 full, warm, RSA-2048"."""
    parts = ["TLS %s %s" % (case.get("version", ""), case.get("kind", ""))]
    memory = case.get("chain_memory", "")
    if case.get("kind") != "resumed" and memory not in ("", "none"):
        parts.append(MEMORY.get(memory, str(memory)))
    if case.get("key", USUAL["key"]) != USUAL["key"]:
        parts.append(str(case["key"]))
    if case.get("group", USUAL["group"]) != USUAL["group"]:
        parts.append("hybrid group" if case["group"] == "X25519MLKEM768" else "group %s" % case["group"])
    if case.get("mutual"):
        parts.append("mutual")
    if case.get("intermediates", 1) != 1:
        parts.append(plural(case["intermediates"], "intermediates"))
    if case.get("verified") is False:
        parts.append("unverified")
    known = ("version", "kind", "chain_memory", "verified") + tuple(USUAL)
    parts += ["%s %s" % (name.replace("_", " "), yes_no(value)) for name, value in case.items() if name not in known]
    return ", ".join(part for part in parts if part.strip())


def plural(number, name):
    """1 anchor, 150 anchors"""
    if not is_number(number):
        return "%s %s" % (number, name)
    return "%s %s" % (count(number), name[:-1] if number == 1 and name.endswith("s") else name)


def both_bars(texts):
    """"<= 15 / 36 / 10 KB" of bars that share their sign and unit."""
    parts = [text.split(" ") for text in texts]
    if len(parts) > 1 and len({part[0] for part in parts}) == 1:
        units = {part[-1] for part in parts if len(part) == 3}
        if len(units) == 1 and all(len(part) == 3 for part in parts):
            return "%s %s %s" % (parts[0][0], " / ".join(part[1] for part in parts), units.pop())
        return "%s %s" % (parts[0][0], " / ".join(" ".join(part[1:]) for part in parts))
    return " / ".join(texts)
