"""Extensions: unknown ones, critical ones, and the form of those that decide nothing."""

import der
from case import Rule
from certificate import (
    SERVER,
    basic,
    ca,
    cn,
    constraints,
    directory,
    dns,
    eku,
    extension,
    inhibit_any,
    key_id,
    leaf,
    mappings,
    other_name,
    policies,
    policy_constraints,
    root,
    san,
    uri,
    usage,
)
from signing import ec

ANCHOR = root()
UNKNOWN = "1.3.6.1.4.1.99999.1.1"


def cases():
    rule = Rule("extensions")
    _unknown(rule)
    _critical(rule)
    _lists(rule)
    _forms(rule)
    return rule.cases


def _unknown(rule):
    critical, quiet = extension(UNKNOWN, b"\x05\x00", True), extension(UNKNOWN, b"\x05\x00")
    rule.reject("unknown-critical-leaf", "unknown-critical@0", [leaf(ANCHOR, more=[critical])], ANCHOR)
    rule.accept("unknown-leaf", [leaf(ANCHOR, more=[quiet])], ANCHOR)
    for label, value, flags in (("unknown-critical", critical, "unknown-critical@1"), ("unknown", quiet, "")):
        issuer = ca("CA", ANCHOR, more=[value])
        rule.expect(f"{label}-intermediate", flags, [leaf(issuer), issuer], ANCHOR)
        anchor = root("Own Root", more=[value])
        rule.expect(f"{label}-anchor", flags, [leaf(anchor)], anchor)
    issuer = ca("CA", ANCHOR, more=[critical])
    rule.reject("unknown-critical-both", "unknown-critical@0", [leaf(issuer, more=[critical]), issuer], ANCHOR)
    free = ca("CA", ANCHOR)
    rule.accept("unknown-critical-other-path", [leaf(free), issuer, free], ANCHOR)
    # The value of an unknown extension is not looked at.
    for label, value in (("empty", b""), ("no-der", b"\x30\x80\x00"), ("text", b"text")):
        rule.accept(f"unknown-value-{label}", [leaf(ANCHOR, more=[extension(UNKNOWN, value)])], ANCHOR)
    netscape = extension("2.16.840.1.113730.1.1", b"\x03\x02\x06\x40", True)
    rule.reject("netscape-type-critical", "unknown-critical@0", [leaf(ANCHOR, more=[netscape])], ANCHOR)
    poison = extension("1.3.6.1.4.1.11129.2.4.3", der.null(), True)
    rule.reject("precertificate", "unknown-critical@0", [leaf(ANCHOR, more=[poison])], ANCHOR)


def _quiet(value):
    """The same extension, not critical."""
    oid, *_, octets = der.children(der.split(value)[1])
    return der.seq(oid, octets)


def _critical(rule):
    """What the engine acts on may be critical; what it only reads may not."""
    info = der.seq(der.seq(der.oid("1.3.6.1.5.5.7.48.1"), uri("http://ocsp.example.com")))
    points = der.seq(der.seq(der.explicit(0, der.explicit(0, uri("http://example.com/crl")))))
    attributes = der.seq(der.seq(der.oid("1.3.6.1.5.5.7.9.4"), der.set_of(der.printable("DE"))))
    issuer_serial = der.seq(der.implicit(0, key_id(ANCHOR.spki)))
    for label, good, own in (
        ("basic-constraints", True, basic(ca=False)),
        ("extended-key-usage", True, eku(SERVER, critical=True)),
        ("policies", True, policies("1.2.3.4", critical=True)),
        ("policy-constraints", True, policy_constraints(mapping=0)),
        ("inhibit-any-policy", True, inhibit_any(0)),
        ("crl-distribution-points", True, extension("2.5.29.31", points, True)),
        ("ocsp-no-check", True, extension("1.3.6.1.5.5.7.48.1.5", der.null(), True)),
        ("subject-key-identifier", False, extension("2.5.29.14", der.octets(b"\x01"), True)),
        ("issuer-alternative-name", False, extension("2.5.29.18", der.seq(dns("example.com")), True)),
        ("authority-information", False, extension("1.3.6.1.5.5.7.1.1", info, True)),
        ("subject-information", False, extension("1.3.6.1.5.5.7.1.11", info, True)),
        ("freshest-crl", False, extension("2.5.29.46", points, True)),
        ("directory-attributes", False, extension("2.5.29.9", attributes, True)),
    ):
        flags = "" if good else "unknown-critical@0"
        rule.expect(f"critical-{label}", flags, [leaf(ANCHOR, more=[own])], ANCHOR)
        rule.accept(f"not-critical-{label}", [leaf(ANCHOR, more=[_quiet(own)])], ANCHOR)
    identifier = extension("2.5.29.35", issuer_serial, True)
    rule.reject("critical-authority-key-identifier", "unknown-critical@0", [leaf(ANCHOR, aki=identifier)], ANCHOR)
    rule.accept("critical-alternative-name", [leaf(ANCHOR, san=san(dns("a.example"), critical=True))], ANCHOR)
    issuer = ca("CA", ANCHOR, more=[constraints(permitted=[dns("example.com")]), mappings(("1.2.3", "1.2.4"))])
    rule.accept("critical-constraints-and-mappings", [leaf(issuer), issuer], ANCHOR)
    both = [extension("2.5.29.14", der.octets(b"\x01"), True), extension(UNKNOWN, b"", True)]
    rule.reject("critical-two-unknown", "unknown-critical@0", [leaf(ANCHOR, more=both)], ANCHOR)


def _lists(rule):
    """The list of extensions itself."""

    def at(label, flags, *more, **fields):
        rule.expect(f"list-{label}", flags, [leaf(ANCHOR, more=more, **fields)], ANCHOR)

    one = extension(UNKNOWN, b"\x05\x00")
    at("twice-the-same", "malformed@0", one, one)
    at("twice-key-usage", "malformed@0", usage(0))
    at("twice-with-another-value", "malformed@0", one, extension(UNKNOWN, b"\x01\x01\xff"))
    at("twice-critical-and-not", "malformed@0", one, extension(UNKNOWN, b"\x05\x00", True))
    many = [extension(f"{UNKNOWN}.{number}", b"\x05\x00") for number in range(126)]
    at("128", "", *many[:125])
    at("129", "malformed@0", *many)
    at("empty", "malformed@0", tail=der.explicit(3, der.seq()))
    at("none", "", tail=b"", key=ec("leaf without extensions"))
    at("empty-wrapper", "malformed@0", tail=der.explicit(3))
    at("two-lists", "malformed@0", tail=der.explicit(3, der.seq(one), der.seq(one)))
    at("two-wrappers", "malformed@0", tail=der.explicit(3, der.seq(one)) + der.explicit(3, der.seq(one)))
    at("set", "malformed@0", tail=der.explicit(3, der.set_of(one)))
    at("wrong-number", "malformed@0", tail=der.explicit(4, der.seq(one)))
    at("in-version-1", "malformed@0", version=b"")
    at("in-version-2", "malformed@0", version=der.explicit(0, der.integer(1)))
    oid, value = der.oid(UNKNOWN), der.octets(b"\x05\x00")
    at("critical-false-written", "", der.seq(oid, der.boolean(False), value))
    at("critical-true-is-one", "malformed@0", der.seq(oid, b"\x01\x01\x01", value))
    at("critical-of-no-octet", "malformed@0", der.seq(oid, b"\x01\x00", value))
    at("critical-is-an-integer", "malformed@0", der.seq(oid, der.integer(1), value))
    at("critical-twice", "malformed@0", der.seq(oid, der.boolean(True), der.boolean(True), value))
    at("without-oid", "malformed@0", der.seq(value))
    at("without-value", "malformed@0", der.seq(oid))
    at("value-twice", "malformed@0", der.seq(oid, value, value))
    at("value-not-octets", "malformed@0", der.seq(oid, der.null()))
    at("value-constructed", "malformed@0", der.seq(oid, b"\x24\x04", der.octets(b"\x05\x00")))
    at("turned-round", "malformed@0", der.seq(value, oid))


def _forms(rule):
    def at(label, flags, oid, value):
        own = extension(oid, value)
        fields = {"2.5.29.17": "san", "2.5.29.35": "aki"}
        more = {"more": [own]} if oid not in fields else {fields[oid]: own}
        rule.expect(f"form-{label}", flags, [leaf(ANCHOR, **more)], ANCHOR)

    bad = "malformed@0"
    alternative, authority, subject = "2.5.29.17", "2.5.29.35", "2.5.29.14"
    at("alternative-name-empty", bad, alternative, der.seq())
    at("alternative-name-no-sequence", bad, alternative, dns("a.example"))
    at("alternative-name-trailing-octet", bad, alternative, der.seq(dns("a.example")) + b"\x00")
    at("alternative-name-not-ascii", bad, alternative, der.seq(dns("\u00e4.example")))
    at("alternative-name-email-not-ascii", bad, alternative, der.seq(der.implicit(1, b"\xc3\xa4@a.example")))
    at("alternative-name-uri-not-ascii", bad, alternative, der.seq(uri("sip:\u00e4.example")))
    at("alternative-name-address-of-3", bad, alternative, der.seq(der.implicit(7, b"\x01\x02\x03")))
    at("alternative-name-address-of-8", bad, alternative, der.seq(der.implicit(7, bytes(8))))
    at("alternative-name-address-of-16", "", alternative, der.seq(der.implicit(7, bytes(16))))
    at("alternative-name-kind-9", bad, alternative, der.seq(der.implicit(9, b"x")))
    at("alternative-name-universal", bad, alternative, der.seq(der.ia5("a.example")))
    at("alternative-name-constructed", bad, alternative, der.seq(der.explicit(2, der.ia5("a.example"))))
    at("alternative-name-implicit-directory", bad, alternative, der.seq(b"\xa4" + cn("x")[1:]))
    at("alternative-name-directory", "", alternative, der.seq(directory(cn("x"))))
    at("alternative-name-other", "", alternative, der.seq(other_name()))
    at("alternative-name-other-without-value", bad, alternative, der.seq(der.explicit(0, der.oid(UNKNOWN))))
    at("alternative-name-registered-id-empty", bad, alternative, der.seq(der.implicit(8)))
    at("authority-empty", "", authority, der.seq())
    at("authority-empty-identifier", "", authority, der.seq(der.implicit(0)))
    issuer = der.explicit(1, directory(cn("Root")))
    at("authority-issuer-and-serial", "", authority, der.seq(issuer, der.implicit(2, b"\x01")))
    at("authority-issuer-only", bad, authority, der.seq(issuer))
    at("authority-serial-only", bad, authority, der.seq(der.implicit(2, b"\x01")))
    at("authority-serial-not-minimal", bad, authority, der.seq(issuer, der.implicit(2, b"\x00\x01")))
    at("authority-turned-round", bad, authority, der.seq(der.implicit(2, b"\x01"), issuer))
    at("authority-fourth-field", bad, authority, der.seq(der.implicit(3, b"\x01")))
    at("authority-no-sequence", bad, authority, der.octets(b"\x01"))
    at("subject-key-id-no-octets", bad, subject, der.null())
    at("subject-key-id-trailing-octet", bad, subject, der.octets(b"\x01") + b"\x00")
    at("subject-key-id-empty", "", subject, der.octets())
    at("ocsp-no-check-not-null", bad, "1.3.6.1.5.5.7.48.1.5", der.integer(0))
    points, info, attributes = "2.5.29.31", "1.3.6.1.5.5.7.1.1", "2.5.29.9"
    location = der.explicit(0, der.explicit(0, uri("http://example.com/crl")))
    at("points-empty", bad, points, der.seq())
    at("points-empty-names", bad, points, der.seq(der.seq(der.explicit(0, der.explicit(0)))))
    at("points-name-not-tagged", bad, points, der.seq(der.seq(der.explicit(0, uri("http://example.com/crl")))))
    at("points-reasons", "", points, der.seq(der.seq(location, der.implicit(1, b"\x01\x06"))))
    at("points-reasons-unused-bit-set", bad, points, der.seq(der.seq(location, der.implicit(1, b"\x07\xc0"))))
    at("points-issuer", "", points, der.seq(der.seq(location, der.explicit(2, directory(cn("CRL"))))))
    at("points-turned-round", bad, points, der.seq(der.seq(der.implicit(1, b"\x01\x06"), location)))
    at("information-empty", bad, info, der.seq())
    at("information-without-location", bad, info, der.seq(der.seq(der.oid("1.3.6.1.5.5.7.48.1"))))
    at("information-bare-location", bad, info, der.seq(der.seq(uri("http://example.com"))))
    at("attributes-empty", bad, attributes, der.seq())
    at("attributes-empty-set", bad, attributes, der.seq(der.seq(der.oid("1.3.6.1.5.5.7.9.4"), der.set_of())))
    at("issuer-name-empty", bad, "2.5.29.18", der.seq())
    # In an intermediate it is as if it had not been sent.
    broken = ca("CA", ANCHOR, aki=extension(authority, der.seq(issuer)))
    rule.reject("form-in-intermediate", "malformed@1,untrusted@0", [leaf(broken), broken], ANCHOR)
    whole = ca("CA", ANCHOR)
    rule.accept("form-in-intermediate-other-path", [leaf(whole), broken, whole], ANCHOR)
