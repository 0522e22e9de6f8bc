"""Validity: both ends are inclusive, to the second (RFC 5280 4.1.2.5)."""

import der
from case import Rule
from certificate import NOT_AFTER, NOT_BEFORE, NOW, ca, leaf, root

YEAR = 31536000


def cases():
    rule = Rule("validity")
    _edges(rule)
    _several(rule)
    _forms(rule)
    return rule.cases


def chain_of(part, **dates):
    """Leaf, CA and root, one of which has these dates, and the others wider ones."""
    wide = {"not_before": NOT_BEFORE - 3 * YEAR, "not_after": NOT_AFTER + 3 * YEAR}
    own = [dates if part == number else wide for number in range(3)]
    anchor = root(**own[2])
    issuer = ca("CA", anchor, **own[1])
    return [leaf(issuer, **own[0]), issuer], anchor


def _edges(rule):
    for part, name in enumerate(("leaf", "intermediate", "anchor")):
        chain, anchor = chain_of(part, not_before=NOT_BEFORE, not_after=NOT_AFTER)
        moments = {
            "not-before-minus-1": (NOT_BEFORE - 1, f"not-yet-valid@{part}"),
            "not-before": (NOT_BEFORE, ""),
            "not-before-plus-1": (NOT_BEFORE + 1, ""),
            "not-after-minus-1": (NOT_AFTER - 1, ""),
            "not-after": (NOT_AFTER, ""),
            "not-after-plus-1": (NOT_AFTER + 1, f"expired@{part}"),
        }
        for label, (time, flags) in moments.items():
            rule.expect(f"{name}-{label}", flags, chain, anchor, time=time)


def _several(rule):
    past, future = {"not_after": NOW - 1}, {"not_before": NOW + 1}
    anchor, late_anchor = root(), root(**past)
    late = ca("CA", anchor, **past)
    rule.reject("expired-leaf-and-intermediate", "expired@0", [leaf(late, **past), late], anchor)
    late = ca("CA", late_anchor, **past)
    rule.reject("expired-intermediate-and-anchor", "expired@1", [leaf(late), late], late_anchor)
    rule.reject("expired-anchor-only", "expired@1", [leaf(late_anchor)], late_anchor)
    early = ca("CA", anchor, **future)
    flags = "expired@0,not-yet-valid@1"
    rule.reject("expired-leaf-early-intermediate", flags, [leaf(early, **past), early], anchor)
    both = {"not_before": NOW + 1, "not_after": NOW - 1}
    rule.reject("turned-round", "expired@0,not-yet-valid@0", [leaf(anchor, **both)], anchor)
    rule.reject("turned-round-before", "not-yet-valid@0", [leaf(anchor, **both)], anchor, time=NOW - 1)
    rule.reject("turned-round-behind", "expired@0", [leaf(anchor, **both)], anchor, time=NOW + 1)
    moment = {"not_before": NOW, "not_after": NOW}
    rule.accept("one-second", [leaf(anchor, **moment)], anchor)
    rule.reject("one-second-later", "expired@0", [leaf(anchor, **moment)], anchor, time=NOW + 1)
    # A certificate may outlive its issuer (no shell model, no nesting: RFC 5280 6.1.3 (a) (2)).
    rule.accept("leaf-outlives-anchor", [leaf(anchor, not_after=NOT_AFTER + YEAR)], anchor)
    rule.accept("leaf-older-than-anchor", [leaf(anchor, not_before=NOT_BEFORE - YEAR)], anchor)


def _forms(rule):
    anchor = root(not_before=der.generalized_time("19000101000000Z"), not_after=der.generalized_time("99991231235959Z"))

    def at(label, flags, time=NOW, **dates):
        rule.expect(label, flags, [leaf(anchor, **dates)], anchor, time=time)

    utc, general = der.utc_time, der.generalized_time
    at("generalized-before-2050", "", not_after=general("20260615120000Z"))
    at("generalized-before-2050-over", "expired@0", not_after=general("20260615115959Z"))
    at("generalized-not-before", "", not_before=general("20260615120000Z"))
    at("no-well-defined-end", "", not_after=general("99991231235959Z"))
    at("utc-49-is-2049", "", der.moment(2049, 12, 31, 23, 59, 59), not_after=utc("491231235959Z"))
    at("utc-49-is-over-in-2050", "expired@0", der.moment(2050, 1, 1), not_after=utc("491231235959Z"))
    at("utc-50-is-1950", "expired@0", not_after=utc("500101000000Z"))
    at("utc-50-as-start", "", not_before=utc("500101000000Z"))
    at("year-2050", "", der.moment(2050, 1, 1), not_after=general("20500101000000Z"))
    at("year-2050-over", "expired@0", der.moment(2050, 1, 1, 0, 0, 1), not_after=general("20500101000000Z"))
    at("year-1900", "", not_before=general("19000101000000Z"))
    at("before-1970", "", -1, not_before=utc("691231235959Z"))
    at("before-1970-early", "not-yet-valid@0", -2, not_before=utc("691231235959Z"))
    at("leap-day", "", der.moment(2028, 2, 29), not_after=utc("280229000000Z"))
    at("leap-day-over", "expired@0", der.moment(2028, 2, 29, 0, 0, 1), not_after=utc("280229000000Z"))
    at("leap-day-2000", "", not_before=utc("000229000000Z"))
    malformed = {
        "no-leap-day": utc("270229000000Z"),
        "no-leap-day-2100": general("21000229000000Z"),
        "february-30": utc("280230000000Z"),
        "april-31": utc("270431000000Z"),
        "month-0": utc("270001000000Z"),
        "month-13": utc("271301000000Z"),
        "day-0": utc("270100000000Z"),
        "hour-24": utc("270101240000Z"),
        "minute-60": utc("270101006000Z"),
        "second-60": utc("270101000060Z"),
        "without-seconds": utc("2701010000Z"),
        "without-zone": utc("270101000000"),
        "offset": utc("270101000000+0000"),
        "lower-case-zone": utc("270101000000z"),
        "fraction": general("20270101000000.5Z"),
        "fraction-of-zero": general("20270101000000.0Z"),
        "generalized-without-seconds": general("202701010000Z"),
        "generalized-of-two-digits": general("270101000000Z"),
        "utc-of-four-digits": utc("20270101000000Z"),
        "letters": utc("27O101000000Z"),
        "sign": utc("-70101000000Z"),
        "blank": utc(" 70101000000Z"),
        "empty": utc(""),
        "text": der.printable("270101000000Z"),
    }
    for label, time in malformed.items():
        at(f"form-{label}", "malformed@0", not_after=time)
    at("form-of-not-before", "malformed@0", not_before=utc("270229000000Z"))
    two = [der.time(NOT_BEFORE), der.time(NOT_AFTER)]
    at("form-one-time", "malformed@0", validity=der.seq(two[0]))
    at("form-three-times", "malformed@0", validity=der.seq(*two, two[1]))
