"""Who may issue: basic constraints, path lengths, keyCertSign (RFC 5280 6.1.4 (k) to (n))."""

import der
from case import Rule
from certificate import (
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    basic,
    ca,
    extension,
    leaf,
    root,
    usage,
)
from signing import ec

ANCHOR = root()


def cases():
    rule = Rule("issuers")
    _basic_constraints(rule)
    _versions(rule)
    _key_usage(rule)
    _lengths(rule)
    _self_issued(rule)
    return rule.cases


def under(rule, label, flags_of_intermediate, **fields):
    """The same CA once as an intermediate, and once as an anchor; "not-a-ca@1" stands at 1 in both."""
    issuer = ca("CA", ANCHOR, **fields)
    rule.expect(label, flags_of_intermediate, [leaf(issuer), issuer], ANCHOR)
    anchor = root("Own Root", **fields)
    rule.expect(f"{label}-anchor", flags_of_intermediate, [leaf(anchor)], anchor)


def _basic_constraints(rule):
    def raw(*fields, critical=True):
        return extension("2.5.29.19", der.seq(*fields), critical)

    true, false = der.boolean(True), der.boolean(False)
    under(rule, "basic-ca", "", basic=basic())
    under(rule, "basic-not-critical", "", basic=basic(critical=False))
    under(rule, "basic-absent", "not-a-ca@1", basic=None)
    under(rule, "basic-empty", "not-a-ca@1", basic=raw())
    under(rule, "basic-false", "not-a-ca@1", basic=raw(false))
    under(rule, "basic-empty-not-critical", "not-a-ca@1", basic=raw(critical=False))
    under(rule, "basic-path-length-without-ca", "not-a-ca@1", basic=raw(der.integer(1)))
    under(rule, "basic-large-path-length", "", basic=raw(true, der.integer(1 << 70)))
    malformed = {
        "negative-path-length": raw(true, der.integer(-1)),
        "path-length-not-minimal": raw(true, b"\x02\x02\x00\x01"),
        "true-is-one": raw(b"\x01\x01\x01"),
        "true-of-two-octets": raw(b"\x01\x02\xff\xff"),
        "third-field": raw(true, der.integer(1), der.integer(1)),
        "turned-round": raw(der.integer(1), true),
        "trailing-octet": extension("2.5.29.19", der.seq(true) + b"\x00", True),
        "no-sequence": extension("2.5.29.19", true, True),
        "empty-value": extension("2.5.29.19", b"", True),
    }
    for label, value in malformed.items():
        issuer = ca("CA", ANCHOR, basic=value)
        rule.reject(f"basic-{label}", "malformed@1,untrusted@0", [leaf(issuer), issuer], ANCHOR)
        rule.reject(f"basic-{label}-in-leaf", "malformed@0", [leaf(ANCHOR, more=[value])], ANCHOR)
    rule.accept("basic-in-leaf", [leaf(ANCHOR, more=[basic(ca=False)])], ANCHOR)
    rule.accept("basic-ca-as-leaf", [leaf(ANCHOR, more=[basic()])], ANCHOR)
    # A leaf that issues.
    false_ca = leaf(ANCHOR, label="not a CA", key=ec("not a CA"))
    rule.reject("leaf-issues", "not-a-ca@1", [leaf(false_ca), false_ca], ANCHOR)
    good = ca("CA", ANCHOR)
    below = leaf(good, label="not a CA", key=ec("not a CA"))
    rule.reject("leaf-issues-under-a-ca", "not-a-ca@1", [leaf(below), below, good], ANCHOR)
    bad = ca("Upper", ANCHOR, basic=None)
    lower = ca("Lower", bad)
    rule.reject("second-intermediate-is-no-ca", "not-a-ca@2", [leaf(lower), lower, bad], ANCHOR)
    bad_lower = ca("Lower", bad, basic=None)
    rule.reject("both-intermediates-are-no-cas", "not-a-ca@1", [leaf(bad_lower), bad_lower, bad], ANCHOR)


def _versions(rule):
    old = {"version": b"", "tail": b""}
    second = {"version": der.explicit(0, der.integer(1)), "tail": b""}
    for label, fields in (("v1", old), ("v2", second)):
        issuer = ca("CA", ANCHOR, **fields)
        rule.reject(f"{label}-intermediate", "not-a-ca@1", [leaf(issuer), issuer], ANCHOR)
        rule.reject(f"{label}-intermediate-as-anchor", "not-a-ca@1", [leaf(issuer)], issuer)
        rollover = ca("V", ANCHOR, subject=ANCHOR.subject, **fields)
        rule.reject(f"{label}-self-issued-intermediate", "not-a-ca@1", [leaf(rollover), rollover], ANCHOR)
        rule.accept(f"{label}-root-as-anchor", [leaf(root("V", **fields))], root("V", **fields))
        rule.accept(f"{label}-leaf", [leaf(ANCHOR, **fields)], ANCHOR)


def _key_usage(rule):
    sign = {
        "cert-sign": (usage(KEY_CERT_SIGN), True),
        "cert-sign-and-more": (usage(DIGITAL_SIGNATURE, KEY_CERT_SIGN, CRL_SIGN), True),
        "cert-sign-not-critical": (usage(KEY_CERT_SIGN, critical=False), True),
        "absent": (None, True),
        "crl-sign-only": (usage(CRL_SIGN), False),
        "digital-signature-only": (usage(DIGITAL_SIGNATURE), False),
        "digital-signature-only-not-critical": (usage(DIGITAL_SIGNATURE, critical=False), False),
        "no-bit": (usage(), False),
    }
    for label, (value, good) in sign.items():
        under(rule, f"key-usage-{label}", "" if good else "not-a-ca@1", usage=value)
    upper = ca("Upper", ANCHOR, usage=usage(DIGITAL_SIGNATURE))
    lower = ca("Lower", upper)
    rule.reject("key-usage-second-intermediate", "not-a-ca@2", [leaf(lower), lower, upper], ANCHOR)


def _lengths(rule):
    """One certificate of the path has a path length, and so many intermediates follow below it."""
    for allowed in range(3):
        for below in range(4):
            flags = f"path-too-long@{below + 1}" if below > allowed else ""
            top = ca("Limited", ANCHOR, basic=basic(path_len=allowed))
            chain = [top]
            for number in range(below):
                chain.insert(0, ca(f"Below {number}", chain[0]))
            rule.expect(f"length-{allowed}-below-{below}", flags, [leaf(chain[0])] + chain, ANCHOR)
            top = root("Limited Root", basic=basic(path_len=allowed))
            chain = [top]
            for number in range(below):
                chain.insert(0, ca(f"Below {number}", chain[0]))
            rule.expect(f"length-{allowed}-below-{below}-anchor", flags, [leaf(chain[0])] + chain[:-1], top)
    # Each of several counts, and a lower one may not ask for more than it was given.
    upper = ca("Upper", ANCHOR, basic=basic(path_len=1))
    middle = ca("Middle", upper, basic=basic(path_len=5))
    lower = ca("Lower", middle)
    rule.accept("lengths-wider-below", [leaf(middle), middle, upper], ANCHOR)
    rule.reject("lengths-wider-below-used", "path-too-long@3", [leaf(lower), lower, middle, upper], ANCHOR)
    middle = ca("Middle", upper, basic=basic(path_len=0))
    lower = ca("Lower", middle)
    rule.accept("lengths-nested", [leaf(middle), middle, upper], ANCHOR)
    rule.reject("lengths-nested-used", "path-too-long@2", [leaf(lower), lower, middle, upper], ANCHOR)
    # A CA as the leaf is the last certificate, which does not count.
    upper = ca("Upper", ANCHOR, basic=basic(path_len=0))
    end = leaf(upper, more=[basic()])
    rule.accept("length-0-ca-as-leaf", [end, upper], ANCHOR)
    # A second path is free of the limit.
    free = ca("Limited", ANCHOR)
    lower = ca("Below", free)
    tight = ca("Limited", ANCHOR, basic=basic(path_len=0))
    rule.accept("length-other-path", [leaf(lower), lower, tight, free], ANCHOR)
    rule.reject("length-no-other-path", "path-too-long@2", [leaf(lower), lower, tight], ANCHOR)


def _self_issued(rule):
    """Self-issued intermediates do not count (6.1.4 (l)), but they are bound by the length as well."""
    tight = ca("CA", ANCHOR, basic=basic(path_len=0))
    again = ca("CA", tight, key=ec("CA again"), basic=basic(path_len=0))
    third = ca("CA", again, key=ec("CA third"))
    rule.accept("self-issued-length-0", [leaf(again), again, tight], ANCHOR)
    rule.accept("self-issued-twice-length-0", [leaf(third), third, again, tight], ANCHOR)
    lower = ca("Lower", again)
    rule.reject("self-issued-then-another", "path-too-long@2", [leaf(lower), lower, again, tight], ANCHOR)
    wide = ca("CA", tight, key=ec("CA wide"), basic=basic(path_len=3))
    lower = ca("Lower", wide)
    rule.reject("self-issued-with-more", "path-too-long@3", [leaf(lower), lower, wide, tight], ANCHOR)
    renewed = ca("Root", ANCHOR, key=ec("Root renewed"))
    cas = [ca("CA", renewed)]
    rule.accept("self-issued-of-anchor-depth-1", [leaf(cas[0])] + cas + [renewed], ANCHOR, depth=1)
    rule.reject("self-issued-of-anchor-depth-0", "path-too-long@1", [leaf(cas[0])] + cas + [renewed], ANCHOR, depth=0)
    # The last certificate counts for nothing, also where it is self-issued.
    end = leaf(tight, label="CA", key=ec("leaf"))
    rule.accept("self-issued-leaf", [end, tight], ANCHOR)
