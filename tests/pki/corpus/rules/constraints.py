"""Name constraints: RFC 5280 4.2.1.10 and 6.1.3 (b), (c).

Most are tables of a name and a base, with what holds if the base is permitted, and what if it is excluded: INSIDE and
OUTSIDE are opposites, UNCLEAR is what cannot be judged and is refused both ways.
"""

import der
from case import Rule
from certificate import (
    attribute,
    ca,
    cn,
    constraints,
    directory,
    dns,
    edi_party,
    email,
    extension,
    ip,
    leaf,
    name,
    other_name,
    registered_id,
    root,
    uri,
    x400,
)
from signing import ec

ANCHOR = root()
INSIDE, OUTSIDE, UNCLEAR = "inside", "outside", "unclear"
REFUSED = "name-constraint@0"


def cases():
    rule = Rule("constraints")
    _dns(rule)
    _addresses(rule)
    _uris(rule)
    _emails(rule)
    _subject_emails(rule)
    _directories(rule)
    _kinds(rule)
    _combinations(rule)
    _where(rule)
    _forms(rule)
    return rule.cases


def chain(names, subject=None, **of_constraints):
    issuer = ca("Constrained", ANCHOR, more=[constraints(**of_constraints)])
    subject = subject if subject is not None else cn("leaf")
    return [leaf(issuer, names=names, subject=subject), issuer]


def pair(rule, label, names, base, relation, subject=None):
    permitted = "" if relation == INSIDE else REFUSED
    excluded = "" if relation == OUTSIDE else REFUSED
    rule.expect(f"{label}-permitted", permitted, chain(names, subject, permitted=[base]), ANCHOR)
    rule.expect(f"{label}-excluded", excluded, chain(names, subject, excluded=[base]), ANCHOR)


def _dns(rule):
    for label, text, base, relation in (
        ("same", "example.com", "example.com", INSIDE),
        ("below", "sip.example.com", "example.com", INSIDE),
        ("far-below", "a.b.c.example.com", "example.com", INSIDE),
        ("case", "SIP.Example.COM", "eXample.com", INSIDE),
        ("above", "com", "example.com", OUTSIDE),
        ("beside", "example.org", "example.com", OUTSIDE),
        ("ends-alike", "badexample.com", "example.com", OUTSIDE),
        ("begins-alike", "example.com.org", "example.com", OUTSIDE),
        ("host", "sip.example.com", "sip.example.com", INSIDE),
        ("other-host", "www.example.com", "sip.example.com", OUTSIDE),
        ("top-level", "sip.example.com", "com", INSIDE),
        ("everything", "sip.example.com", "", INSIDE),
        ("wildcard-below", "*.sip.example.com", "example.com", INSIDE),
        ("wildcard-at", "*.example.com", "example.com", INSIDE),
        ("wildcard-touches", "*.example.com", "sip.example.com", UNCLEAR),
        ("wildcard-above", "*.com", "sip.example.com", OUTSIDE),
        ("wildcard-beside", "*.example.org", "example.com", OUTSIDE),
        ("wildcard-everything", "*.example.com", "", INSIDE),
        ("base-with-dot", "sip.example.com", ".example.com", UNCLEAR),
        ("base-is-wildcard", "sip.example.com", "*.example.com", UNCLEAR),
        ("name-with-dot-behind", "sip.example.com.", "example.com", UNCLEAR),
        ("name-with-dot-before", ".sip.example.com", "example.com", UNCLEAR),
        ("name-with-nul", "sip.example.com\0.example.org", "example.com", UNCLEAR),
        ("name-empty", "", "example.com", UNCLEAR),
        ("name-with-blank", "sip example.com", "example.com", UNCLEAR),
        ("name-is-an-address", "192.0.2.1", "example.com", UNCLEAR),
    ):
        pair(rule, f"dns-{label}", [dns(text)], dns(base), relation)


def _addresses(rule):
    v4 = "255.255.255.0"
    for label, text, base, mask, relation in (
        ("first", "192.0.2.0", "192.0.2.0", v4, INSIDE),
        ("last", "192.0.2.255", "192.0.2.0", v4, INSIDE),
        ("below", "192.0.1.255", "192.0.2.0", v4, OUTSIDE),
        ("above", "192.0.3.0", "192.0.2.0", v4, OUTSIDE),
        ("one", "192.0.2.1", "192.0.2.1", "255.255.255.255", INSIDE),
        ("not-that-one", "192.0.2.2", "192.0.2.1", "255.255.255.255", OUTSIDE),
        ("all", "192.0.2.1", "0.0.0.0", "0.0.0.0", INSIDE),
        ("odd-mask-inside", "192.0.2.130", "192.0.2.128", "255.255.255.192", INSIDE),
        ("odd-mask-outside", "192.0.2.127", "192.0.2.128", "255.255.255.192", OUTSIDE),
        ("base-has-more-bits", "192.0.2.1", "192.0.2.77", v4, INSIDE),
        ("v6-inside", "2001:db8::1", "2001:db8::", "ffff:ffff::", INSIDE),
        ("v6-outside", "2001:db9::1", "2001:db8::", "ffff:ffff::", OUTSIDE),
        ("v6-one", "2001:db8::1", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", INSIDE),
        ("v6-all", "2001:db8::1", "::", "::", INSIDE),
        ("v4-in-v6", "192.0.2.1", "::", "::", OUTSIDE),
        ("v6-in-v4", "2001:db8::1", "0.0.0.0", "0.0.0.0", OUTSIDE),
        ("v4-mapped", "::ffff:c000:201", "192.0.2.0", v4, OUTSIDE),
    ):
        pair(rule, f"ip-{label}", [ip(text)], ip(base, mask), relation)
    bad = {
        "mask-with-a-gap": ip("192.0.2.0", "255.0.255.0"),
        "mask-of-ones-behind": ip("192.0.2.0", "0.0.0.255"),
        "without-mask": ip("192.0.2.0"),
        "of-5-octets": der.implicit(7, b"\xc0\x00\x02\x00\x18"),
        "of-no-octet": der.implicit(7),
        "v6-mask-with-a-gap": ip("2001:db8::", "ffff:0:ffff::"),
    }
    for label, base in bad.items():
        flags = "malformed@1,untrusted@0"
        rule.reject(f"ip-{label}", flags, chain([ip("192.0.2.1")], permitted=[base]), ANCHOR)


def _uris(rule):
    for label, text, base, relation in (
        ("host", "sip:example.com", "example.com", INSIDE),
        ("host-below", "sip:sip.example.com", "example.com", OUTSIDE),
        ("domain-below", "sip:sip.example.com", ".example.com", INSIDE),
        ("domain-itself", "sip:example.com", ".example.com", OUTSIDE),
        ("domain-far-below", "sip:a.b.example.com", ".example.com", INSIDE),
        ("ends-alike", "sip:badexample.com", ".example.com", OUTSIDE),
        ("case", "SIP:Example.COM", "example.com", INSIDE),
        ("sips", "sips:example.com", "example.com", INSIDE),
        ("user", "sip:alice@example.com", "example.com", INSIDE),
        ("user-like-a-host", "sip:example.com@example.org", "example.com", OUTSIDE),
        ("port", "sip:example.com:5061", "example.com", INSIDE),
        ("parameter", "sip:example.com;transport=tls", "example.com", INSIDE),
        ("header", "sip:example.com?x=example.org", "example.com", INSIDE),
        ("https", "https://example.com/sip.example.org", "example.com", INSIDE),
        ("https-port", "https://example.com:443/", "example.com", INSIDE),
        ("https-user", "https://example.com@example.org/", "example.com", OUTSIDE),
        ("https-path", "https://example.org/@example.com", "example.com", OUTSIDE),
        ("https-fragment", "https://example.org#@example.com", "example.com", OUTSIDE),
        ("address", "https://192.0.2.1/", "example.com", UNCLEAR),
        ("address-v6", "https://[2001:db8::1]/", "example.com", UNCLEAR),
        ("no-authority", "urn:example:com", "example.com", UNCLEAR),
        ("no-scheme", "example.com", "example.com", UNCLEAR),
        ("nul", "https://example.com\0.example.org/", "example.com", UNCLEAR),
        ("bad-port", "https://example.com:x/", "example.com", UNCLEAR),
        ("empty-host", "https:///path", "example.com", UNCLEAR),
        ("base-is-a-uri", "sip:example.com", "sip:example.com", UNCLEAR),
        ("base-is-an-address", "sip:example.com", "192.0.2.1", UNCLEAR),
        ("base-empty", "sip:example.com", "", UNCLEAR),
    ):
        pair(rule, f"uri-{label}", [uri(text)], uri(base), relation)


def _emails(rule):
    for label, text, base, relation in (
        ("mailbox", "alice@example.com", "alice@example.com", INSIDE),
        ("other-mailbox", "bob@example.com", "alice@example.com", OUTSIDE),
        ("mailbox-case", "Alice@example.com", "alice@example.com", OUTSIDE),
        ("mailbox-host-case", "alice@EXAMPLE.com", "alice@example.com", INSIDE),
        ("host", "alice@example.com", "example.com", INSIDE),
        ("host-case", "alice@Example.Com", "example.com", INSIDE),
        ("host-below", "alice@mail.example.com", "example.com", OUTSIDE),
        ("domain-below", "alice@mail.example.com", ".example.com", INSIDE),
        ("domain-itself", "alice@example.com", ".example.com", OUTSIDE),
        ("ends-alike", "alice@badexample.com", ".example.com", OUTSIDE),
        ("other", "alice@example.org", "example.com", OUTSIDE),
        ("two-ats", '"a@example.org"@example.com', "example.com", INSIDE),
        ("two-ats-other", '"a@example.com"@example.org', "example.com", OUTSIDE),
        ("without-at", "alice", "example.com", UNCLEAR),
        ("without-local-part", "@example.com", "example.com", UNCLEAR),
        ("without-host", "alice@", "example.com", UNCLEAR),
        ("base-empty", "alice@example.com", "", UNCLEAR),
        ("base-with-at-before", "alice@example.com", "@example.com", UNCLEAR),
    ):
        pair(rule, f"email-{label}", [email(text)], email(base), relation)


def _subject_emails(rule):
    """The attribute emailAddress counts where there is no subjectAltName."""
    inside = name(("CN", "leaf"), ("E", "alice@example.com"))
    outside = name(("CN", "leaf"), ("E", "alice@example.org"))
    base = email("example.com")
    pair(rule, "subject-email-inside", (), base, INSIDE, inside)
    pair(rule, "subject-email-outside", (), base, OUTSIDE, outside)
    rule.accept("subject-email-none", chain((), cn("leaf"), permitted=[base]), ANCHOR)
    with_san = chain([dns("example.com")], outside, permitted=[base])
    rule.accept("subject-email-outside-beside-alternative-name", with_san, ANCHOR)
    # A common name that is a domain may be told as the peer's, whether or not an identity is asked for.
    rule.reject("common-name", REFUSED, chain((), cn("sip.example.org"), permitted=[dns("example.com")]), ANCHOR)


def _directories(rule):
    full = name(("C", "DE"), ("O", "Example"), ("CN", "leaf"))

    def of(*pairs):
        return directory(name(*pairs))

    for label, base, relation in (
        ("first-rdn", of(("C", "DE")), INSIDE),
        ("two-rdns", of(("C", "DE"), ("O", "Example")), INSIDE),
        ("all-rdns", of(("C", "DE"), ("O", "Example"), ("CN", "leaf")), INSIDE),
        ("more-rdns", of(("C", "DE"), ("O", "Example"), ("CN", "leaf"), ("OU", "x")), OUTSIDE),
        ("case-and-blanks", of(("C", "de"), ("O", " EXAMPLE ")), INSIDE),
        ("string-type", of(("C", "DE"), ("O", der.printable("Example"))), INSIDE),
        ("string-type-not-compared", of(("C", "DE"), ("O", der.teletex("Example"))), UNCLEAR),
        ("control-characters", of(("C", "DE"), ("O", "Exam\x01ple\x7f")), UNCLEAR),
        ("nul", of(("C", "DE"), ("O", "\x00Example")), UNCLEAR),
        ("other-value", of(("C", "DE"), ("O", "Other")), OUTSIDE),
        ("other-order", of(("O", "Example"), ("C", "DE")), OUTSIDE),
        ("not-from-the-start", of(("O", "Example")), OUTSIDE),
        ("begins-alike", of(("C", "DE"), ("O", "Exam")), OUTSIDE),
        ("everything", of(), INSIDE),
    ):
        pair(rule, f"directory-{label}", [dns("a.example")], base, relation, full)
    base = directory(name(("O", "Example")))
    alternative = directory(name(("O", "Other"), ("CN", "leaf")))
    both = chain([alternative], name(("O", "Example"), ("CN", "leaf")), permitted=[base])
    rule.reject("directory-in-alternative-name", REFUSED, both, ANCHOR)
    rule.accept("directory-empty-subject", chain([dns("a.example")], der.seq(), permitted=[base]), ANCHOR)
    first = der.set_of(attribute("O", "Example"), attribute("OU", "Unit"))
    two = der.seq(first, der.set_of(attribute("CN", "leaf")))
    rule.reject("directory-set-of-two", REFUSED, chain((), two, permitted=[base]), ANCHOR)
    pair(rule, "directory-set-of-two-both", (), directory(der.seq(first)), INSIDE, two)
    for count, relation in ((8, INSIDE), (9, UNCLEAR)):
        many = der.set_of(*(attribute("OU", f"Unit {i}") for i in range(count)))
        same, below = der.seq(many), der.seq(many, der.set_of(attribute("CN", "leaf")))
        pair(rule, f"directory-set-of-{count}", (), directory(same), relation, below)
        other = der.seq(der.set_of(*(attribute("OU", f"UNIT {i}") for i in range(count))))
        pair(rule, f"directory-set-of-{count}-in-other-case", (), directory(other), relation, same)


def _kinds(rule):
    """A constraint of a kind that is not known: refused where a name of that kind is there (4.2.1.10)."""
    for label, of_kind in (
        ("other-name", other_name()),
        ("x400", x400()),
        ("edi-party", edi_party()),
        ("registered-id", registered_id()),
    ):
        for field in ("permitted", "excluded"):
            with_name = chain([dns("example.com"), of_kind], **{field: [of_kind]})
            rule.reject(f"kind-{label}-{field}", REFUSED, with_name, ANCHOR)
            without = chain([dns("example.com")], **{field: [of_kind]})
            rule.accept(f"kind-{label}-{field}-no-such-name", without, ANCHOR)
        rule.accept(f"kind-{label}-in-name-only", chain([of_kind], permitted=[dns("example.com")]), ANCHOR)
    # Constraints bind names of their own kind only.
    for label, names, base in (
        ("dns-base-ip-name", [ip("192.0.2.1")], dns("example.com")),
        ("dns-base-uri-name", [uri("https://example.org/")], dns("example.com")),
        ("dns-base-sip-user-name", [uri("sip:alice@example.org")], dns("example.com")),
        ("dns-base-email-name", [email("a@example.org")], dns("example.com")),
        ("ip-base-dns-name", [dns("example.org")], ip("192.0.2.0", "255.255.255.0")),
        ("email-base-uri-name", [uri("sip:alice@example.org")], email("example.com")),
        ("uri-base-dns-name", [dns("example.org")], uri("example.com")),
        ("no-alternative-names", (), dns("example.com")),
    ):
        rule.accept(f"kinds-{label}", chain(names, permitted=[base]), ANCHOR)
    # But for the domain of a sip: URI, which is the identity of a host (RFC 5922, 7.1).
    pair(rule, "kinds-sip-uri-inside", [uri("sip:sip.example.com")], dns("example.com"), INSIDE)
    pair(rule, "kinds-sip-uri-outside", [uri("sip:example.org")], dns("example.com"), OUTSIDE)


def _combinations(rule):
    com, org = dns("example.com"), dns("example.org")
    sip = dns("sip.example.com")

    def at(label, good, names, **of_constraints):
        rule.expect(f"several-{label}", "" if good else REFUSED, chain(names, **of_constraints), ANCHOR)

    at("either", True, [org], permitted=[com, org])
    at("neither", False, [dns("example.net")], permitted=[com, org])
    at("one-unclear", False, [org], permitted=[org, dns(".example.com")])
    at("one-name-outside", False, [com, dns("example.net")], permitted=[com])
    at("all-names-inside", True, [com, sip], permitted=[com])
    at("excluded-in-permitted", False, [sip], permitted=[com], excluded=[sip])
    at("beside-the-excluded", True, [dns("www.example.com")], permitted=[com], excluded=[sip])
    at("permitted-in-excluded", False, [sip], permitted=[sip], excluded=[com])
    at("wildcard-over-the-excluded", False, [dns("*.example.com")], permitted=[com], excluded=[sip])
    at("kinds", True, [com, ip("192.0.2.1")], permitted=[com, ip("192.0.2.0", "255.255.255.0")])
    at("kinds-one-outside", False, [com, ip("192.0.3.1")], permitted=[com, ip("192.0.2.0", "255.255.255.0")])
    at("excluded-everything", False, [com], excluded=[dns("")])
    at("not-critical", False, [org], permitted=[com], critical=False)

    def nested(label, good, upper, lower, names):
        above = ca("Upper", ANCHOR, more=[constraints(**upper)])
        below = ca("Lower", above, more=[constraints(**lower)])
        end = leaf(below, names=names)
        rule.expect(f"nested-{label}", "" if good else REFUSED, [end, below, above], ANCHOR)

    nested("narrower", True, {"permitted": [com]}, {"permitted": [sip]}, [sip])
    nested("narrower-outside", False, {"permitted": [com]}, {"permitted": [sip]}, [dns("www.example.com")])
    nested("wider", True, {"permitted": [sip]}, {"permitted": [com]}, [sip])
    nested("wider-outside", False, {"permitted": [sip]}, {"permitted": [com]}, [dns("www.example.com")])
    nested("apart", False, {"permitted": [com]}, {"permitted": [org]}, [com])
    nested("excluded-above", False, {"excluded": [sip]}, {"permitted": [com]}, [sip])
    nested("excluded-below", False, {"permitted": [com]}, {"excluded": [sip]}, [sip])
    nested("excluded-both-other", True, {"excluded": [org]}, {"excluded": [sip]}, [com])


def _where(rule):
    """Whose names are bound, and whose constraints bind."""
    base = directory(name(("O", "Example")))
    inside, outside = name(("O", "Example"), ("CN", "CA")), name(("O", "Other"), ("CN", "CA"))
    subject = name(("O", "Example"), ("CN", "leaf"))
    top = ca("Top", ANCHOR, more=[constraints(permitted=[base])])

    def under(label, flags, name_of_ca, name_of_leaf, anchor=ANCHOR, issuer=top, sent=(top,)):
        below = ca("Below", issuer, subject=name_of_ca, key=ec("below"))
        chain_sent = [leaf(below, subject=name_of_leaf), below] + list(sent)
        rule.expect(f"where-{label}", flags, chain_sent, anchor)

    under("all-inside", "", inside, subject)
    under("intermediate-outside", "name-constraint@1", outside, subject)
    under("leaf-outside", "name-constraint@0", inside, outside)
    under("both-outside", "name-constraint@0", outside, outside)
    bound_root = root("Bound Root", more=[constraints(permitted=[base])])
    under("anchor-all-inside", "", inside, subject, bound_root, bound_root, ())
    under("anchor-intermediate-outside", "name-constraint@1", outside, subject, bound_root, bound_root, ())
    under("anchor-leaf-outside", "name-constraint@0", inside, outside, bound_root, bound_root, ())
    alternative = der.seq(directory(outside))
    below = ca("Below", top, subject=inside, key=ec("below"), more=[extension("2.5.29.17", alternative)])
    flags = "name-constraint@1"
    rule.reject("where-alternative-name-of-intermediate", flags, [leaf(below, subject=subject), below, top], ANCHOR)
    # A CA's own name is not bound by its own constraints, and self-issued ones are exempt, but for the leaf.
    rule.accept("where-own-name", [leaf(top, subject=subject), top], ANCHOR)
    again = ca("Top", top, key=ec("again"))
    rule.accept("where-self-issued-intermediate", [leaf(again, subject=subject), again, top], ANCHOR)
    end = leaf(top, subject=cn("Top"), key=ec("leaf"))
    rule.reject("where-self-issued-leaf", "name-constraint@0", [end, top], ANCHOR)
    # In a leaf they bind nothing.
    own = leaf(ANCHOR, more=[constraints(permitted=[dns("example.org")])])
    rule.accept("where-in-the-leaf", [own], ANCHOR)
    # A second path is free of them.
    free = ca("CA", ANCHOR)
    bound = ca("CA", ANCHOR, more=[constraints(excluded=[dns("sip.example.com")])])
    rule.accept("where-other-path", [leaf(free), bound, free], ANCHOR)
    rule.reject("where-no-other-path", REFUSED, [leaf(free), bound], ANCHOR)
    # A leaf that is an anchor itself.
    rule.accept("where-leaf-is-anchor", [own, bound], own)
    # Names with most of the work: bounded.
    names = [dns(f"h{number}.example.com") for number in range(400)]
    bases = [dns(f"d{number}.example.com") for number in range(400)]
    big = ca("Big", ANCHOR, more=[constraints(excluded=bases[:300])])
    rule.accept("where-300-names-300-bases", [leaf(big, names=names[:300]), big], ANCHOR)
    heavy = root("Heavy", more=[constraints(excluded=bases * 3)])
    rule.reject("where-400-names-1200-bases", "limit@1", [leaf(heavy, names=names)], heavy)


def _forms(rule):
    def raw(value):
        return extension("2.5.29.30", value, True)

    base = dns("example.com")
    malformed = {
        "empty": raw(der.seq()),
        "empty-permitted": raw(der.seq(der.explicit(0))),
        "empty-excluded": raw(der.seq(der.explicit(1))),
        "third-list": raw(der.seq(der.explicit(0, der.seq(base)), der.explicit(2, der.seq(base)))),
        "turned-round": raw(der.seq(der.explicit(1, der.seq(base)), der.explicit(0, der.seq(base)))),
        "permitted-twice": raw(der.seq(der.explicit(0, der.seq(base)), der.explicit(0, der.seq(base)))),
        "minimum": raw(der.seq(der.explicit(0, der.seq(base, der.implicit(0, b"\x01"))))),
        "minimum-of-zero": raw(der.seq(der.explicit(0, der.seq(base, der.implicit(0, b"\x00"))))),
        "maximum": raw(der.seq(der.explicit(0, der.seq(base, der.implicit(1, b"\x01"))))),
        "subtree-without-base": raw(der.seq(der.explicit(0, der.seq()))),
        "base-is-not-ascii": raw(der.seq(der.explicit(0, der.seq(dns("ex\u00e4mple.com"))))),
        "kind-9": raw(der.seq(der.explicit(0, der.seq(der.implicit(9, b"x"))))),
        "universal-kind": raw(der.seq(der.explicit(0, der.seq(der.ia5("example.com"))))),
        "constructed-dns": raw(der.seq(der.explicit(0, der.seq(der.explicit(2, der.ia5("example.com")))))),
        "primitive-directory": raw(der.seq(der.explicit(0, der.seq(der.implicit(4, cn("x")))))),
        "directory-without-name": raw(der.seq(der.explicit(0, der.seq(der.explicit(4))))),
        "no-sequence": raw(der.explicit(0, der.seq(base))),
        "trailing-octet": raw(der.seq(der.explicit(0, der.seq(base))) + b"\x00"),
    }
    for label, value in malformed.items():
        issuer = ca("Constrained", ANCHOR, more=[value])
        rule.reject(f"form-{label}", "malformed@1,untrusted@0", [leaf(issuer), issuer], ANCHOR)
