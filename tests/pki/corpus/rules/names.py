"""Names of issuers and subjects: RFC 5280 section 7.1."""

import der
from case import Rule
from certificate import attribute, ca, cn, leaf, name, root, san, dns
from signing import ec


def cases():
    rule = Rule("names")
    anchor = root()

    def pair(label, subject, issuer_name, same):
        """A CA with the name `subject`, and a leaf that names its issuer as `issuer_name`."""
        issuer = ca("CA", anchor, subject=subject, key=ec("CA"))
        chain = [leaf(issuer, issuer_name=issuer_name), issuer]
        rule.expect(label, "" if same else "untrusted@0", chain, anchor)

    _case_and_blanks(pair)
    _types(pair)
    _structure(pair)
    _forms(rule, anchor)
    return rule.cases


def _case_and_blanks(pair):
    plain = cn("Example CA")
    pair("same", plain, cn("Example CA"), True)
    pair("other", plain, cn("Example CB"), False)
    pair("upper-case", plain, cn("EXAMPLE CA"), True)
    pair("lower-case", plain, cn("example ca"), True)
    pair("blank-before", plain, cn(" Example CA"), True)
    pair("blank-behind", plain, cn("Example CA  "), True)
    pair("two-blanks-between", plain, cn("Example  CA"), True)
    pair("no-blank-between", plain, cn("ExampleCA"), False)
    pair("many-blanks-and-case", plain, cn("   eXAMPLE    cA "), True)
    pair("shorter", plain, cn("Example C"), False)
    pair("longer", plain, cn("Example CA1"), False)
    pair("nul-behind", plain, cn("Example CA\0"), False)
    pair("empty-value", plain, cn(""), False)
    pair("both-empty-values", cn(""), cn(""), True)
    pair("only-blanks", cn("  "), cn(" "), True)
    pair("punctuation", cn("Example-CA"), cn("Example_CA"), False)
    pair("digits", cn("CA 1"), cn("CA 2"), False)
    pair("bracket-is-no-letter", cn("CA ["), cn("CA {"), False)
    pair("at-is-no-letter", cn("CA @"), cn("CA `"), False)
    pair("utf8-same", cn("Zertifizierungsstelle München"), cn("zertifizierungsstelle München"), True)
    pair("utf8-other", cn("München"), cn("Munchen"), False)
    pair("utf8-composed-and-not", cn("M\u00fcnchen"), cn("Mu\u0308nchen"), False)


def _types(pair):
    text = "Example CA"
    kinds = {"utf8": der.utf8, "printable": der.printable, "ia5": der.ia5}
    binary = {"teletex": der.teletex, "bmp": der.bmp, "universal": der.universal}
    for one, other in (("utf8", "printable"), ("printable", "utf8"), ("utf8", "ia5"), ("printable", "ia5")):
        pair(f"types-{one}-{other}", cn(kinds[one](text)), cn(kinds[other](text)), True)
        pair(f"types-{one}-{other}-case", cn(kinds[one](text)), cn(kinds[other](text.upper())), True)
    for kind, make in binary.items():
        pair(f"types-{kind}-same", cn(make(text)), cn(make(text)), True)
        pair(f"types-{kind}-case", cn(make(text)), cn(make(text.upper())), False)
        pair(f"types-{kind}-utf8", cn(make(text)), cn(text), False)


def _structure(pair):
    full = name(("C", "DE"), ("O", "Example"), ("CN", "CA"))
    pair("rdns-same", full, name(("C", "de"), ("O", "EXAMPLE"), ("CN", "ca")), True)
    pair("rdns-other-order", full, name(("CN", "CA"), ("O", "Example"), ("C", "DE")), False)
    pair("rdns-one-less", full, name(("C", "DE"), ("O", "Example")), False)
    pair("rdns-one-more", full, name(("C", "DE"), ("O", "Example"), ("CN", "CA"), ("OU", "1")), False)
    pair("rdns-other-type", full, name(("C", "DE"), ("OU", "Example"), ("CN", "CA")), False)
    dc = name(("DC", "com"), ("DC", "example"), ("CN", "CA"))
    pair("domain-components-case", dc, name(("DC", "COM"), ("DC", "Example"), ("CN", "CA")), True)
    pair("domain-components-order", dc, name(("DC", "example"), ("DC", "com"), ("CN", "CA")), False)
    o, ou, cn_ = attribute("O", "Example"), attribute("OU", "Unit"), attribute("CN", "CA")
    several = der.seq(der.set_of(o, cn_))
    pair("set-same", several, der.seq(der.set_of(o, cn_)), True)
    pair("set-other-order", several, der.seq(der.set_of(cn_, o)), True)
    pair("set-case", several, der.seq(der.set_of(attribute("CN", "ca"), attribute("O", "EXAMPLE"))), True)
    pair("set-one-less", several, der.seq(der.set_of(o)), False)
    pair("set-one-more", several, der.seq(der.set_of(o, cn_, ou)), False)
    pair("set-as-two-rdns", several, der.seq(der.set_of(o), der.set_of(cn_)), False)
    pair("set-twice-the-same", several, der.seq(der.set_of(o, o)), False)


def _forms(rule, anchor):
    empty = der.seq()
    alternative = san(dns("sip.example.com"), critical=True)
    rule.accept("empty-subject-of-leaf", [leaf(anchor, subject=empty, san=alternative)], anchor)
    rule.reject("empty-issuer", "malformed@0", [leaf(anchor, issuer_name=empty)], anchor)
    malformed = {
        "set-without-attributes": der.seq(der.set_of()),
        "sequence-in-place-of-set": der.seq(der.seq(attribute("CN", "x"))),
        "attribute-without-value": der.seq(der.set_of(der.seq(der.oid("2.5.4.3")))),
        "attribute-without-type": der.seq(der.set_of(der.seq(der.utf8("x")))),
        "attribute-with-two-values": der.seq(der.set_of(der.seq(der.oid("2.5.4.3"), der.utf8("x"), der.utf8("y")))),
        "set-in-place-of-name": der.set_of(der.set_of(attribute("CN", "x"))),
        "half-a-bmp-character": cn(b"\x1e\x03\x00A\x00"),
        "part-of-a-universal-character": cn(b"\x1c\x02\x00A"),
    }
    for label, subject in malformed.items():
        rule.reject(f"form-{label}", "malformed@0", [leaf(anchor, subject=subject)], anchor)
