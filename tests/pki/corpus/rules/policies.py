"""Certificate policies: RFC 5280 6.1 with any policy asked for and all initial flags false.

So a chain is refused only where a certificate requires an explicit policy (requireExplicitPolicy), and the certificates
have none in common from there on; the depth is that of the certificate where the last one got lost.
"""

import der
from case import Rule
from certificate import (
    ANY_POLICY,
    ca,
    extension,
    inhibit_any,
    leaf,
    mappings,
    policies,
    policy_constraints,
    root,
)

A, B, C, D = (f"1.3.6.1.4.1.99999.{number}" for number in range(1, 5))
ANCHOR = root()


def cases():
    rule = Rule("policies")
    _explicit(rule)
    _counts(rule)
    _any(rule)
    _mappings(rule)
    _anchors(rule)
    _forms(rule)
    return rule.cases


def more_of(has=(), explicit=None, mapping=None, any_=None, maps=()):
    more = [policies(*has)] if has else []
    if maps:
        more.append(mappings(*maps))
    if explicit is not None or mapping is not None:
        more.append(policy_constraints(explicit, mapping))
    if any_ is not None:
        more.append(inhibit_any(any_))
    return more


def chain_of(*specs, anchor=ANCHOR):
    """Specifications from the top to the leaf; "self" in one makes it self-issued."""
    issuer, sent = anchor, []
    for number, spec in enumerate(specs[:-1]):
        spec = dict(spec)
        own = spec.pop("self", False)
        fields = {"subject": issuer.subject} if own else {}
        issuer = ca(f"CA {number}", issuer, more=more_of(**spec), **fields)
        sent.insert(0, issuer)
    return [leaf(issuer, more=more_of(**specs[-1]))] + sent


def adder(rule):
    def at(label, flags, *specs):
        rule.expect(label, flags, chain_of(*specs), ANCHOR)

    return at


def none():
    return {}


def has(*oids, **other):
    return {"has": oids, **other}


def _explicit(rule):
    at = adder(rule)
    at("none-at-all", "", none(), none())
    at("same", "", has(A), has(A))
    at("different-but-not-required", "", has(A), has(B))
    at("only-leaf", "", none(), has(A))
    at("explicit-same", "", has(A, explicit=0), has(A))
    at("explicit-one-in-common", "", has(A, B, explicit=0), has(B, C))
    at("explicit-different", "policy@0", has(A, explicit=0), has(B))
    at("explicit-leaf-has-none", "policy@0", has(A, explicit=0), none())
    at("explicit-ca-has-none", "policy@0", {"explicit": 0}, has(A))
    at("explicit-nobody-has-any", "policy@0", {"explicit": 0}, none())
    at("explicit-two-cas", "", has(A, explicit=0), has(A), has(A))
    at("explicit-lost-in-the-middle", "policy@1", has(A, explicit=0), has(B), has(A))
    at("explicit-middle-has-none", "policy@1", has(A, explicit=0), none(), has(A))
    at("explicit-below-lost-above", "policy@0", has(A), has(B, explicit=0), has(B))
    at("explicit-lower-ca", "", has(A), has(A, explicit=0), has(A))
    at("explicit-in-leaf", "policy@0", has(A), {"explicit": 0})
    at("explicit-in-leaf-with-policy", "", has(A), has(A, explicit=0))
    at("explicit-in-leaf-different", "policy@0", has(A), has(B, explicit=0))
    at("explicit-not-critical-extensions", "policy@0", has(A, explicit=0), has(B))
    at("inhibit-mapping-alone", "", {"mapping": 0}, none())
    at("inhibit-any-alone", "", {"any_": 0}, none())
    free = ca("CA 0", ANCHOR)
    bound = ca("CA 0", ANCHOR, more=more_of(has=[A], explicit=0))
    rule.accept("explicit-other-path", [leaf(free), bound, free], ANCHOR)


def _counts(rule):
    """requireExplicitPolicy takes effect so many certificates further down; self-issued ones do not count."""
    at = adder(rule)
    for count, flags in ((0, "policy@0"), (1, "policy@0"), (2, ""), (5, "")):
        at(f"explicit-{count}-one-below", flags, {"explicit": count}, none())
    at("explicit-2-two-below", "policy@0", {"explicit": 2}, none(), none())
    at("explicit-3-two-below", "", {"explicit": 3}, none(), none())
    at("explicit-1-two-below", "policy@0", {"explicit": 1}, none(), none())
    at("explicit-large", "", {"explicit": 1 << 40}, none())
    at("explicit-300", "", {"explicit": 300}, none())
    at("explicit-lowered-below", "policy@0", {"explicit": 5}, {"explicit": 0}, none())
    at("explicit-not-raised-below", "policy@1", {"explicit": 0}, {"explicit": 5}, none())
    self_issued = {"self": True}
    at("explicit-2-self-issued-between", "", {"explicit": 2}, self_issued, none())
    at("explicit-2-two-self-issued-between", "", {"explicit": 2}, self_issued, self_issued, none())
    at("explicit-1-self-issued-between", "policy@0", {"explicit": 1}, self_issued, none())


def _any(rule):
    at = adder(rule)
    at("any-in-ca", "", has(ANY_POLICY, explicit=0), has(A))
    at("any-in-leaf", "", has(A, explicit=0), has(ANY_POLICY))
    at("any-in-both", "", has(ANY_POLICY, explicit=0), has(ANY_POLICY))
    at("any-and-another", "", has(A, ANY_POLICY, explicit=0), has(B))
    at("any-leaf-without", "policy@0", has(ANY_POLICY, explicit=0), none())
    at("any-inhibited-in-leaf", "policy@0", has(A, explicit=0, any_=0), has(ANY_POLICY))
    at("any-inhibited-one-later", "", has(A, explicit=0, any_=1), has(ANY_POLICY))
    at("any-inhibited-two-below", "policy@0", has(A, explicit=0, any_=1), has(A), has(ANY_POLICY))
    at("any-inhibited-own-counts", "", has(ANY_POLICY, explicit=0, any_=0), has(A))
    at("any-inhibited-in-middle", "policy@1", has(A, explicit=0, any_=0), has(ANY_POLICY), has(A))
    at("any-inhibited-in-self-issued", "", has(A, explicit=0, any_=0), has(ANY_POLICY, self=True), has(A))
    self_issued = has(A, self=True)
    at("any-inhibited-leaf-below-self-issued", "policy@0", has(A, explicit=0, any_=0), self_issued, has(ANY_POLICY))
    issuer = ca("CA 0", ANCHOR, more=more_of(has=[A], explicit=0, any_=0))
    own = leaf(issuer, subject=issuer.subject, more=more_of(has=[ANY_POLICY]))
    rule.reject("any-inhibited-in-self-issued-leaf", "policy@0", [own, issuer], ANCHOR)
    at("any-inhibited-and-another", "", has(A, explicit=0, any_=0), has(ANY_POLICY, A))
    at("any-inhibited-large", "", has(A, explicit=0, any_=1 << 40), has(ANY_POLICY))
    at("any-not-raised-below", "policy@0", has(A, explicit=0, any_=0), has(A, any_=5), has(ANY_POLICY))
    at("any-chain-of-three", "", has(ANY_POLICY, explicit=0), has(ANY_POLICY), has(B))
    at("any-narrowed", "policy@0", has(ANY_POLICY, explicit=0), has(A), has(B))
    at("any-widened-again", "", has(A, explicit=0), has(ANY_POLICY), has(A))
    at("any-does-not-widen", "policy@0", has(A, explicit=0), has(ANY_POLICY), has(B))


def _mappings(rule):
    at = adder(rule)
    ab = ((A, B),)
    at("mapped", "", has(A, explicit=0, maps=ab), has(B))
    at("mapped-from-is-gone", "policy@0", has(A, explicit=0, maps=ab), has(A))
    at("mapped-to-another", "policy@0", has(A, explicit=0, maps=ab), has(C))
    at("mapped-of-two", "", has(A, B, explicit=0, maps=((A, C),)), has(B))
    at("mapped-two-ways", "", has(A, explicit=0, maps=((A, B), (A, C))), has(C))
    at("mapped-to-itself", "", has(A, explicit=0, maps=((A, A),)), has(A))
    at("mapped-swap", "", has(A, explicit=0, maps=((A, B), (B, A))), has(B))
    at("mapped-policy-not-asserted", "policy@0", has(C, explicit=0, maps=ab), has(B))
    at("mapped-policy-by-any", "", has(ANY_POLICY, explicit=0, maps=ab), has(B))
    at("mapped-by-any-from-remains", "", has(ANY_POLICY, explicit=0, maps=ab), has(A))
    at("mapped-and-any-asserted", "", has(ANY_POLICY, explicit=0, maps=ab), has(D))
    at("mapped-twice", "", has(A, explicit=0, maps=ab), has(B, maps=((B, C),)), has(C))
    at("mapped-twice-first-name", "policy@0", has(A, explicit=0, maps=ab), has(B, maps=((B, C),)), has(B))
    at("mapped-without-explicit", "", has(A, maps=ab), has(C))
    at("mapped-leaf-with-any", "", has(A, explicit=0, maps=ab), has(ANY_POLICY))
    at("mapping-inhibited", "policy@0", has(A, explicit=0, mapping=0), has(A, maps=ab), has(B))
    at("mapping-inhibited-from-is-gone", "policy@0", has(A, explicit=0, mapping=0), has(A, maps=ab), has(A))
    at("mapping-inhibited-other-policy", "", has(A, C, explicit=0, mapping=0), has(A, C, maps=ab), has(C))
    at("mapping-inhibited-own-counts", "", has(A, explicit=0, mapping=0, maps=ab), has(B))
    at("mapping-inhibited-one-later", "", has(A, explicit=0, mapping=1), has(A, maps=ab), has(B))
    at(
        "mapping-inhibited-one-later-used-up",
        "policy@0",
        has(A, explicit=0, mapping=1),
        has(A),
        has(A, maps=ab),
        has(B),
    )
    at("mapping-from-any", "policy@1", has(A, maps=((ANY_POLICY, B),)), has(B))
    at("mapping-to-any", "policy@1", has(A, maps=((A, ANY_POLICY),)), has(B))
    at("mapping-in-leaf", "", has(A, explicit=0), has(A, maps=ab))
    many = tuple((A, f"1.3.6.1.4.1.99999.7.{number}") for number in range(60))
    at("mapped-60-ways", "", has(A, explicit=0, maps=many), has(many[59][1]))
    # The tree of RFC 5280 doubles with each of these certificates (RFC 9618).
    wide = ((A, A), (A, B), (B, A), (B, B))
    steps = [has(A, B, maps=wide) for _ in range(7)]
    at("tree-that-doubles", "", has(A, B, explicit=0, maps=wide), *steps, has(A))
    at("tree-that-doubles-refused", "policy@0", has(A, B, explicit=0, maps=wide), *steps, has(C))


def _anchors(rule):
    """What an anchor demands of paths counts; what it asserts does not bind."""

    def at(label, flags, of_root, *specs):
        anchor = root("Policy Root", more=more_of(**of_root))
        rule.expect(f"anchor-{label}", flags, chain_of(*specs, anchor=anchor), anchor)

    at("policies-do-not-bind", "", has(A), has(B, explicit=0), has(B))
    at("explicit", "policy@1", {"explicit": 0}, none(), none())
    at("explicit-with-policy", "", {"explicit": 0}, has(A), has(A))
    at("explicit-leaf-only", "policy@0", {"explicit": 0}, none())
    at("explicit-2", "", {"explicit": 2}, none())
    at("inhibit-any", "policy@0", {"any_": 0}, has(A, explicit=0), has(ANY_POLICY))
    at("inhibit-mapping", "policy@0", {"mapping": 0}, has(A, explicit=0, maps=((A, B),)), has(B))


def _forms(rule):
    def malformed(label, oid, value):
        issuer = ca("CA", ANCHOR, more=[extension(oid, value, True)])
        rule.reject(f"form-{label}", "malformed@1,untrusted@0", [leaf(issuer), issuer], ANCHOR)

    policy, mapping = "2.5.29.32", "2.5.29.33"
    constraint, inhibit = "2.5.29.36", "2.5.29.54"
    one = der.seq(der.oid(A))
    malformed("policies-empty", policy, der.seq())
    malformed("policies-twice-the-same", policy, der.seq(one, one))
    malformed("policies-without-oid", policy, der.seq(der.seq()))
    malformed("policies-bare-oid", policy, der.seq(der.oid(A)))
    malformed("policies-empty-qualifiers", policy, der.seq(der.seq(der.oid(A), der.seq())))
    malformed("policies-qualifier-without-value", policy, der.seq(der.seq(der.oid(A), der.seq(der.seq(der.oid(B))))))
    malformed("policies-trailing-octet", policy, der.seq(one) + b"\x00")
    malformed("mappings-empty", mapping, der.seq())
    malformed("mappings-one-oid", mapping, der.seq(one))
    malformed("mappings-three-oids", mapping, der.seq(der.seq(der.oid(A), der.oid(B), der.oid(C))))
    malformed("constraints-empty", constraint, der.seq())
    malformed("constraints-negative", constraint, der.seq(der.implicit(0, b"\xff")))
    malformed("constraints-not-minimal", constraint, der.seq(der.implicit(0, b"\x00\x01")))
    malformed("constraints-no-octet", constraint, der.seq(der.implicit(0)))
    malformed("constraints-turned-round", constraint, der.seq(der.implicit(1, b"\x00"), der.implicit(0, b"\x00")))
    malformed("constraints-third-field", constraint, der.seq(der.implicit(0, b"\x00"), der.implicit(2, b"\x00")))
    malformed("constraints-universal-integer", constraint, der.seq(der.integer(0)))
    malformed("inhibit-negative", inhibit, der.integer(-1))
    malformed("inhibit-not-a-number", inhibit, der.boolean(True))
    malformed("inhibit-trailing-octet", inhibit, der.integer(0) + b"\x00")
    qualifier = der.seq(der.oid("1.3.6.1.5.5.7.2.1"), der.ia5("http://example.com/cps"))
    good = extension(policy, der.seq(der.seq(der.oid(A), der.seq(qualifier))), True)
    issuer = ca("CA", ANCHOR, more=[good, policy_constraints(explicit=0)])
    chain = [leaf(issuer, more=[policies(A)]), issuer]
    rule.accept("qualifiers", chain, ANCHOR)
    unknown = der.seq(der.oid("1.2.3.4"), der.null())
    critical = extension(policy, der.seq(der.seq(der.oid(A), der.seq(unknown))), True)
    rule.accept("unknown-qualifier", [leaf(ANCHOR, more=[critical])], ANCHOR)
    quiet = extension(constraint, der.seq(der.implicit(0, b"\x00")))
    issuer = ca("CA", ANCHOR, more=[extension(policy, der.seq(one)), quiet])
    rule.reject("constraints-not-critical", "policy@0", [leaf(issuer), issuer], ANCHOR)
    many = [f"1.3.6.1.4.1.99999.8.{number}" for number in range(257)]
    rule.accept("256-policies", [leaf(ANCHOR, more=[policies(*many[:256])])], ANCHOR)
    rule.reject("257-policies", "malformed@0", [leaf(ANCHOR, more=[policies(*many)])], ANCHOR)
