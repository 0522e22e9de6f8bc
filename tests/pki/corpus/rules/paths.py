"""Path building: what is sent in which order, and what is trusted."""

import itertools

from case import Rule
from certificate import NOT_BEFORE, NOW, aki, ca, leaf, root
from signing import ec

TRUSTED = root()
OTHER = root("Other Root")
MOST = 8  # intermediates, by default


def ladder(count, top=TRUSTED):
    """CAs from the one next to the leaf up to the one next to `top`."""
    found = [top]
    for number in range(count):
        found.insert(0, ca(f"CA {number}", found[0]))
    return found[:-1]


def cases():
    rule = Rule("paths")
    _order(rule)
    _superfluous(rule)
    _missing(rule)
    _anchors(rule)
    _cross_signs(rule)
    _rollover(rule)
    _loops(rule)
    _bounds(rule)
    return rule.cases


def _order(rule):
    for count in range(MOST + 1):
        cas = ladder(count)
        rule.accept(f"{count}-intermediates", [leaf((cas + [TRUSTED])[0])] + cas, TRUSTED)
    cas = ladder(3)
    end = leaf(cas[0])
    for order in itertools.permutations(range(3)):
        label = "".join(str(place) for place in order)
        rule.accept(f"order-{label}", [end] + [cas[place] for place in order], TRUSTED)
    cas = ladder(MOST)
    rule.accept("order-reversed", [leaf(cas[0])] + cas[::-1], TRUSTED)


def _superfluous(rule):
    cas = ladder(2)
    end = leaf(cas[0])
    others = [ca("Stranger", OTHER), leaf(OTHER, label="stranger.example.com", key=ec("stranger leaf"))]
    rule.accept("duplicate-leaf", [end, end] + cas, TRUSTED)
    rule.accept("duplicate-intermediates", [end] + cas + cas[::-1], TRUSTED)
    rule.accept("duplicate-root", [end] + cas + [TRUSTED, TRUSTED], TRUSTED)
    rule.accept("root-sent-along", [end] + cas + [TRUSTED], TRUSTED)
    rule.accept("root-sent-first", [end, TRUSTED] + cas, TRUSTED)
    rule.accept("other-root-sent-along", [end] + cas + [OTHER], TRUSTED)
    rule.accept("strangers-before", [end] + others + cas, TRUSTED)
    rule.accept("strangers-behind", [end] + cas + others, TRUSTED)
    rule.accept("strangers-between", [end, cas[0]] + others + [cas[1]], TRUSTED)
    expired = ca("Stranger", OTHER, not_after=NOW - 1)
    rule.accept("expired-stranger", [end] + cas + [expired], TRUSTED)
    rule.accept("unreadable-stranger", [end, b"\x30\x03\x02\x01\x01"] + cas, TRUSTED)
    rule.accept("garbage-stranger", [end, b"certificate"] + cas, TRUSTED)
    expired = ca("CA 1", TRUSTED, not_after=NOW - 1)
    rule.accept("expired-twin-before", [end, expired] + cas, TRUSTED)
    rule.accept("expired-twin-behind", [end] + cas + [expired], TRUSTED)


def _missing(rule):
    cas = ladder(3)
    end = leaf(cas[0])
    rule.reject("missing-all", "untrusted@0", [end], TRUSTED)
    rule.reject("missing-first", "untrusted@0", [end] + cas[1:], TRUSTED)
    rule.reject("missing-second", "untrusted@1", [end, cas[0], cas[2]], TRUSTED)
    rule.reject("missing-third", "untrusted@2", [end] + cas[:2], TRUSTED)
    rule.reject("missing-third-root-sent", "untrusted@2", [end] + cas[:2] + [TRUSTED], TRUSTED)
    rule.reject("not-trusted", "untrusted@3", [end] + cas, OTHER)
    rule.reject("not-trusted-root-sent", "untrusted@4", [end] + cas + [TRUSTED], OTHER)
    rule.reject("not-trusted-self-signed-leaf", "untrusted@0", [leaf(None)], TRUSTED)
    fake = root(key=ec("fake"))
    rule.reject("fake-root-of-trusted-name", "untrusted@1", [leaf(fake), fake], TRUSTED)
    rule.reject("fake-root-not-sent", "untrusted@0", [leaf(fake)], TRUSTED)
    quiet = leaf(fake, aki=None)
    rule.reject("fake-root-without-key-identifiers", "bad-signature@0", [quiet], root(ski=None))
    rule.reject("unreadable-intermediate", "malformed@1,untrusted@0", [leaf(cas[2]), cas[2].der[:-1]], TRUSTED)


def _anchors(rule):
    first, second = root(), root(key=ec("second root"))
    old = root(not_after=NOW - 1)
    end = leaf(second)
    quiet = leaf(second, aki=None)
    rule.accept("anchors-of-one-name-first", [end], [second, first])
    rule.accept("anchors-of-one-name-last", [end], [first, second])
    rule.accept("anchors-of-one-name-first-without-key-identifier", [quiet], [second, first])
    rule.accept("anchors-of-one-name-last-without-key-identifier", [quiet], [first, second])
    rule.reject("anchors-of-one-name-wrong-one", "untrusted@0", [end], first)
    rule.accept("anchor-renewed", [leaf(first)], [old, first])
    rule.accept("anchor-renewed-other-order", [leaf(first)], [first, old])
    rule.accept("anchor-renewed-new-one-sent", [leaf(first), old], first)
    rule.reject("anchor-expired-new-one-sent", "expired@1", [leaf(first), first], old)
    rule.accept("anchors-unrelated", [leaf(first)], [OTHER, first])

    cas = ladder(3)
    end = leaf(cas[0])
    rule.accept("intermediate-as-anchor", [end] + cas[:1], cas[1])
    rule.accept("intermediate-as-anchor-sent-along", [end] + cas, cas[1])
    rule.accept("intermediate-as-anchor-issuer-of-leaf", [end], cas[0])
    rule.accept("intermediate-and-root-as-anchors", [end] + cas, [TRUSTED, cas[1]])
    rule.accept("intermediate-as-anchor-of-expired-root", [end] + cas, [cas[1], old])
    twin = ca("CA 1", OTHER)
    rule.accept("intermediate-as-anchor-twin-sent", [end, cas[0], twin], cas[1])
    rule.reject("intermediate-as-anchor-twin-key", "untrusted@1", [end, cas[0]], ca("CA 1", TRUSTED, key=ec("twin")))

    rule.accept("leaf-as-anchor", [end], end)
    rule.accept("leaf-as-anchor-chain-sent", [end] + cas, end)
    rule.reject("leaf-as-anchor-another-leaf", "untrusted@0", [leaf(cas[0], not_before=NOT_BEFORE + 1)], end)
    rule.reject("leaf-as-anchor-issues-nothing", "not-a-ca@1", [leaf(end, label="below", key=ec("below"))], end)
    self_signed = leaf(None)
    rule.accept("self-signed-leaf-as-anchor", [self_signed], self_signed)
    rule.accept("self-signed-leaf-among-anchors", [self_signed], [TRUSTED, self_signed, OTHER])
    late = leaf(None, not_after=NOW - 1)
    rule.reject("leaf-as-anchor-expired", "expired@0", [late], late)
    renewed = leaf(None, not_before=NOT_BEFORE + 1)
    rule.reject("self-signed-leaf-another-anchor", "untrusted@0", [self_signed], renewed)
    rule.accept("root-as-leaf", [root(usage=None)], root(usage=None))


def _cross_signs(rule):
    ours, theirs = ca("Shared", TRUSTED), ca("Shared", OTHER)
    end = leaf(ours)
    rule.accept("cross-sign-ours-first", [end, ours, theirs], TRUSTED)
    rule.accept("cross-sign-ours-last", [end, theirs, ours], TRUSTED)
    rule.accept("cross-sign-both-trusted", [end, theirs, ours], [TRUSTED, OTHER])
    rule.reject("cross-sign-theirs-only", "untrusted@1", [end, theirs], TRUSTED)
    rule.reject("cross-sign-theirs-and-root", "untrusted@2", [end, theirs, OTHER], TRUSTED)
    flawed = {
        "expired": ("expired@1", ca("Shared", TRUSTED, not_after=NOW - 1)),
        "not-yet-valid": ("not-yet-valid@1", ca("Shared", TRUSTED, not_before=NOW + 1)),
        "not-a-ca": ("not-a-ca@1", ca("Shared", TRUSTED, basic=None)),
        "badly-signed": ("bad-signature@1", ca("Shared", TRUSTED, signer=ec("nobody"))),
    }
    for label, (flags, bad) in flawed.items():
        rule.accept(f"cross-sign-{label}-first", [end, bad, ours], TRUSTED)
        rule.accept(f"cross-sign-{label}-last", [end, ours, bad], TRUSTED)
        rule.reject(f"cross-sign-{label}-alone", flags, [end, bad], TRUSTED)
        rule.reject(f"cross-sign-{label}-with-theirs", flags, [end, theirs, bad], TRUSTED)
    bridge = ca("Root", OTHER, key=TRUSTED.key)
    below = ca("Below", TRUSTED)
    rule.accept("cross-signed-root", [leaf(below), below, bridge], OTHER)
    rule.accept("cross-signed-root-not-needed", [leaf(below), below, bridge], TRUSTED)
    rule.accept("cross-signed-root-both", [leaf(below), below, bridge, TRUSTED], OTHER)
    late = ca("Root", OTHER, key=TRUSTED.key, not_after=NOW - 1)
    rule.accept("cross-signed-root-expired-not-needed", [leaf(below), below, late], TRUSTED)
    rule.reject("cross-signed-root-expired", "expired@2", [leaf(below), below, late], OTHER)
    # The shortest path leads over something that forbids it, the longer one does not.
    narrow = root("Narrow", not_after=NOW - 1)
    shared = ca("Shared", narrow)
    wide = ca("Narrow", OTHER, key=narrow.key)
    rule.accept("cross-sign-longer-path-is-valid", [leaf(shared), shared, wide], [narrow, OTHER])


def _rollover(rule):
    old, new = root(key=ec("old key")), root(key=ec("new key"))
    new_with_old = ca("Root", old, key=ec("new key"))
    old_with_new = ca("Root", new, key=ec("old key"))
    rule.accept("rollover-new-with-old", [leaf(new), new_with_old], old)
    rule.accept("rollover-old-with-new", [leaf(old), old_with_new], new)
    rule.accept("rollover-both-links", [leaf(new), old_with_new, new_with_old], old)
    rule.accept("rollover-both-trusted", [leaf(new)], [old, new])
    rule.reject("rollover-link-missing", "untrusted@0", [leaf(new)], old)
    rule.reject("rollover-wrong-link", "untrusted@0", [leaf(new), old_with_new], old)
    cas = [ca("CA", TRUSTED, key=ec("ca old")), ca("CA", TRUSTED, key=ec("ca new"))]
    for label, issuer in (("old", cas[0]), ("new", cas[1])):
        end = leaf(issuer, aki=None)
        rule.accept(f"rollover-two-keys-{label}", [end] + cas, TRUSTED)
        rule.accept(f"rollover-two-keys-{label}-other-order", [end] + cas[::-1], TRUSTED)
    link = ca("CA", cas[0], key=ec("ca new"))
    rule.accept("rollover-of-an-intermediate", [leaf(cas[1]), link, cas[0]], TRUSTED)
    rule.accept("rollover-with-old-roots-sent", [leaf(new), new, new_with_old, old], old)
    # Key identifiers are hints: they may be wrong.
    lying = leaf(TRUSTED, aki=aki(ec("somebody else").spki))
    rule.accept("wrong-authority-key-identifier", [lying], TRUSTED)


def _loops(rule):
    names = ("A", "B", "C")
    keys = {label: root(label) for label in names}
    ring = [ca("A", keys["B"]), ca("B", keys["C"]), ca("C", keys["A"])]
    end = leaf(keys["A"])
    rule.reject("loop-of-two", "untrusted@2", [end, ca("A", keys["B"]), ca("B", keys["A"])], TRUSTED)
    rule.reject("loop-of-three", "untrusted@3", [end] + ring, TRUSTED)
    rule.accept("loop-with-exit", [end] + ring + [ca("C", TRUSTED)], TRUSTED)
    rule.accept("loop-with-exit-first", [end, ca("C", TRUSTED)] + ring, TRUSTED)
    rule.reject("loop-of-one", "untrusted@1", [end, keys["A"]], TRUSTED)
    rule.accept("loop-of-one-with-exit", [end, keys["A"], ca("A", TRUSTED)], TRUSTED)
    mesh = [ca(a, keys[b]) for a in names for b in names if a != b]
    rule.accept("mesh-with-exit", [end] + mesh + [ca("B", TRUSTED)], TRUSTED)
    rule.reject("mesh-without-exit", "untrusted@3", [end] + mesh, TRUSTED)


def _bounds(rule):
    cas = ladder(MOST + 1)
    rule.reject("9-intermediates", "path-too-long@9", [leaf(cas[0])] + cas, TRUSTED)
    for depth in (0, 1, 3):
        good, long = ladder(depth), ladder(depth + 1)
        rule.accept(f"depth-{depth}", [leaf((good + [TRUSTED])[0])] + good, TRUSTED, depth=depth)
        flags = f"path-too-long@{depth + 1}"
        rule.reject(f"depth-{depth}-exceeded", flags, [leaf(long[0])] + long, TRUSTED, depth=depth)
    # A shorter way exists: it is found.
    short = ca("CA 2", TRUSTED)
    cas = ladder(3)
    rule.accept("depth-1-longer-way-too", [leaf(short)] + cas[1:] + [short], TRUSTED, depth=1)

    right = root("Crowd", key=ec("crowd right"))
    crowd = [root("Crowd", key=ec(f"crowd {number}"), ski=None) for number in range(3000)]
    hinted, quiet = leaf(right), leaf(right, aki=None)
    rule.accept("3000-anchors-of-one-name-hint", [hinted], crowd + [right])
    rule.accept("100-anchors-of-one-name-no-hint", [quiet], crowd[:100] + [right])
    rule.reject("3000-anchors-of-one-name-no-hint", "bad-signature@0,limit@1", [quiet], crowd + [right])
    rule.reject("3000-anchors-of-one-name-none-right", "bad-signature@0,limit@1", [quiet], crowd)
    rule.reject("256-certificates", "limit@0", [quiet] * 256, right)
    rule.accept("40-duplicates", [quiet] * 40, right)
    small = ca("Crowd", TRUSTED, key=ec("crowd right"), usage=None, ski=None, aki=None)
    many = [ca("Crowd", TRUSTED, key=ec(f"crowd {n}"), usage=None, ski=None, aki=None) for n in range(40)]
    rule.accept("40-intermediates-of-one-name", [quiet] + many + [small], TRUSTED)
    rule.reject("40-intermediates-of-one-name-none-right", "bad-signature@0", [quiet] + many, TRUSTED)
    rule.reject("60-intermediates-too-many-bytes", "limit@0", [quiet] + many[:20] * 3 + [small], TRUSTED)
    # Everybody signed everybody, and the trusted root nobody.
    labels = [f"M{number}" for number in range(7)]
    roots = {label: root(label) for label in labels}
    bare = {"usage": None, "ski": None, "aki": None}
    mesh = [ca(a, roots[b], **bare) for a in labels for b in labels if a != b]
    end = leaf(roots["M0"], aki=None)
    rule.reject("mesh-of-7-without-exit", "untrusted@7", [end] + mesh, TRUSTED)
    rule.accept("mesh-of-7-with-exit", [end] + mesh + [ca("M6", TRUSTED, **bare)], TRUSTED)
