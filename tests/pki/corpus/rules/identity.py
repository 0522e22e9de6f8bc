"""Whom the leaf names, by HTTPS rules (RFC 9525); SIP identity has tests of its own."""

import der
from case import Rule
from certificate import NOW, SERVER, ca, cn, dns, eku, email, ip, leaf, name, other_name, root, uri

ANCHOR = root()
MISMATCH = "name-mismatch@0"


def cases():
    rule = Rule("identity")
    _dns(rule)
    _wildcards(rule)
    _addresses(rule)
    _elsewhere(rule)
    _with_flaws(rule)
    return rule.cases


def expect(rule, label, good, wanted, *names, **fields):
    chain = [leaf(ANCHOR, names=names, **fields)]
    rule.expect(label, "" if good else MISMATCH, chain, ANCHOR, name=wanted)


def _dns(rule):
    for label, text, wanted, good in (
        ("same", "sip.example.com", "sip.example.com", True),
        ("case-of-name", "SIP.Example.COM", "sip.example.com", True),
        ("case-of-wanted", "sip.example.com", "SIP.EXAMPLE.com", True),
        ("dot-behind-wanted", "sip.example.com", "sip.example.com.", True),
        ("dot-behind-name", "sip.example.com.", "sip.example.com", False),
        ("other", "sip.example.org", "sip.example.com", False),
        ("domain", "example.com", "sip.example.com", False),
        ("host", "sip.example.com", "example.com", False),
        ("suffix", "ample.com", "sip.example.com", False),
        ("prefix", "sip.example.co", "sip.example.com", False),
        ("nul", "sip.example.com\0.example.org", "sip.example.com", False),
        ("nul-behind", "sip.example.com\0", "sip.example.com", False),
        ("blank-behind", "sip.example.com ", "sip.example.com", False),
        ("blank-before", " sip.example.com", "sip.example.com", False),
        ("empty", "", "sip.example.com", False),
        ("one-label", "localhost", "localhost", True),
        ("underscore", "_sip.example.com", "_sip.example.com", True),
        ("a-label", "xn--mnchen-3ya.example", "xn--mnchen-3ya.example", True),
        ("a-label-case", "XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example", True),
        ("hyphens", "a--b.example.com", "a--b.example.com", True),
        ("label-of-63", "a" * 63 + ".example.com", "a" * 63 + ".example.com", True),
        ("address-as-text", "192.0.2.1", "sip.example.com", False),
    ):
        expect(rule, f"dns-{label}", good, f"DNS {wanted}", dns(text))
    expect(rule, "dns-second", True, "DNS sip.example.com", dns("a.example"), dns("sip.example.com"))
    many = [dns(f"h{number}.example.com") for number in range(300)]
    expect(rule, "dns-last-of-300", True, "DNS h299.example.com", *many)
    expect(rule, "dns-none-of-300", False, "DNS h300.example.com", *many)


def _wildcards(rule):
    for label, pattern, wanted, good in (
        ("one-label", "*.example.com", "sip.example.com", True),
        ("case", "*.EXAMPLE.com", "SIP.example.COM", True),
        ("no-label", "*.example.com", "example.com", False),
        ("two-labels", "*.example.com", "a.sip.example.com", False),
        ("other", "*.example.org", "sip.example.com", False),
        ("a-label", "*.example.com", "xn--mnchen-3ya.example.com", True),
        ("in-a-label", "s*.example.com", "sip.example.com", False),
        ("end-of-a-label", "*p.example.com", "sip.example.com", False),
        ("second-label", "sip.*.com", "sip.example.com", False),
        ("two", "*.*.com", "sip.example.com", False),
        ("alone", "*", "localhost", False),
        ("alone-for-all", "*", "sip.example.com", False),
        ("top-level", "*.com", "example.com", False),
        ("dot-behind", "*.example.com.", "sip.example.com", False),
        ("dot-before", ".example.com", "sip.example.com", False),
        ("two-stars", "**.example.com", "sip.example.com", False),
        ("in-an-a-label", "xn--*.example.com", "xn--mnchen-3ya.example.com", False),
        ("with-nul", "*.example.com\0", "sip.example.com", False),
        ("address", "*.0.2.1", "sip.example.com", False),
    ):
        expect(rule, f"wildcard-{label}", good, f"DNS {wanted}", dns(pattern))
    expect(rule, "wildcard-address-wanted", False, "IP 192.0.2.1", dns("*.0.2.1"))


def _addresses(rule):
    v4, v6 = "192.0.2.1", "2001:db8::1"
    expect(rule, "ip-v4", True, f"IP {v4}", ip(v4))
    expect(rule, "ip-v4-other", False, f"IP {v4}", ip("192.0.2.2"))
    expect(rule, "ip-v6", True, f"IP {v6}", ip(v6))
    expect(rule, "ip-v6-long-form", True, "IP 2001:0DB8:0:0:0:0:0:1", ip(v6))
    expect(rule, "ip-v6-other", False, f"IP {v6}", ip("2001:db8::2"))
    expect(rule, "ip-v4-mapped", False, f"IP {v4}", ip("::ffff:c000:201"))
    expect(rule, "ip-v4-mapped-wanted", False, "IP ::ffff:192.0.2.1", ip(v4))
    expect(rule, "ip-as-dns-name", False, f"IP {v4}", dns(v4))
    expect(rule, "ip-as-uri", False, f"IP {v4}", uri(f"https://{v4}/"))
    expect(rule, "ip-as-common-name", False, f"IP {v4}", subject=cn(v4))
    expect(rule, "ip-second", True, f"IP {v4}", dns("a.example"), ip(v6), ip(v4))
    expect(rule, "ip-beside-dns", False, f"IP {v4}", dns("a.example"))
    expect(rule, "ip-zero", True, "IP 0.0.0.0", ip("0.0.0.0"))


def _elsewhere(rule):
    """The name stands where it does not count."""
    wanted = "DNS sip.example.com"
    expect(rule, "common-name-only", False, wanted, subject=cn("sip.example.com"))
    expect(rule, "common-name-beside-other-dns", False, wanted, dns("a.example"), subject=cn("sip.example.com"))
    expect(rule, "common-name-beside-ip", False, wanted, ip("192.0.2.1"), subject=cn("sip.example.com"))
    expect(rule, "dns-beside-other-common-name", True, wanted, dns("sip.example.com"), subject=cn("a.example"))
    expect(rule, "dns-with-empty-subject", True, wanted, dns("sip.example.com"), subject=der.seq())
    expect(rule, "sip-uri", False, wanted, uri("sip:sip.example.com"))
    expect(rule, "https-uri", False, wanted, uri("https://sip.example.com"))
    expect(rule, "sip-uri-beside-dns", True, wanted, uri("sip:a.example"), dns("sip.example.com"))
    expect(rule, "email", False, wanted, email("a@sip.example.com"))
    expect(rule, "email-like-a-name", False, wanted, email("sip.example.com"))
    expect(rule, "other-name", False, wanted, other_name(value=der.ia5("sip.example.com")))
    parts = name(("DC", "com"), ("DC", "example"), ("CN", "sip"))
    expect(rule, "domain-components", False, wanted, subject=parts)
    rule.accept("no-name-asked", [leaf(ANCHOR, names=[dns("a.example")])], ANCHOR)
    rule.accept("no-name-asked-none-there", [leaf(ANCHOR, names=())], ANCHOR)


def _with_flaws(rule):
    wrong = {"name": "DNS a.example"}
    rule.reject("mismatch-and-expired", f"expired@0,{MISMATCH}", [leaf(ANCHOR, not_after=NOW - 1)], ANCHOR, **wrong)
    rule.reject("mismatch-and-untrusted", f"untrusted@0,{MISMATCH}", [leaf(ANCHOR)], root("Other"), **wrong)
    issuer = ca("CA", ANCHOR, basic=None)
    rule.reject("mismatch-and-no-ca", f"{MISMATCH},not-a-ca@1", [leaf(issuer), issuer], ANCHOR, **wrong)
    end = leaf(None)
    rule.reject("mismatch-leaf-is-anchor", MISMATCH, [end], end, **wrong)
    rule.accept("match-leaf-is-anchor", [end], end, name="DNS sip.example.com")
    end = leaf(ANCHOR, more=[eku(SERVER)])
    rule.accept("match-with-usage", [end], ANCHOR, name="DNS sip.example.com")
    # The other certificates' names do not count.
    named = ca("CA", ANCHOR, subject=cn("sip.example.com"), key=root("k").key)
    chain = [leaf(named, names=[dns("a.example")]), named]
    rule.reject("name-of-the-issuer", MISMATCH, chain, ANCHOR, name="DNS sip.example.com")
