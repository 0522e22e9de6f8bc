"""Key usage of the leaf, and extended key usages along the path."""

import der
from case import Rule
from certificate import (
    ANY_USE,
    CLIENT,
    CRL_SIGN,
    DATA_ENCIPHERMENT,
    DECIPHER_ONLY,
    DIGITAL_SIGNATURE,
    EMAIL,
    ENCIPHER_ONLY,
    KEY_AGREEMENT,
    KEY_CERT_SIGN,
    KEY_ENCIPHERMENT,
    NON_REPUDIATION,
    SERVER,
    SIP,
    ca,
    eku,
    extension,
    leaf,
    root,
    usage,
)

ANCHOR = root()


def cases():
    rule = Rule("usage")
    _key_usage(rule)
    _of_leaf(rule)
    _nested(rule)
    _forms(rule)
    return rule.cases


def _key_usage(rule):
    """A leaf signs in the handshake: every suite of the default asks for that."""
    for label, bits, good in (
        ("signature", [DIGITAL_SIGNATURE], True),
        ("signature-and-encipherment", [DIGITAL_SIGNATURE, KEY_ENCIPHERMENT], True),
        ("signature-and-agreement", [DIGITAL_SIGNATURE, KEY_AGREEMENT, ENCIPHER_ONLY], True),
        ("signature-and-cert-sign", [DIGITAL_SIGNATURE, KEY_CERT_SIGN], True),
        ("signature-and-decipher-only", [DIGITAL_SIGNATURE, KEY_AGREEMENT, DECIPHER_ONLY], True),
        ("encipherment", [KEY_ENCIPHERMENT], False),
        ("data-encipherment", [DATA_ENCIPHERMENT], False),
        ("agreement", [KEY_AGREEMENT], False),
        ("non-repudiation", [NON_REPUDIATION], False),
        ("cert-sign", [KEY_CERT_SIGN, CRL_SIGN], False),
        ("decipher-only", [DECIPHER_ONLY], False),
        ("no-bit", [], False),
    ):
        for kind in ("SERVER", "CLIENT"):
            for critical in (True, False):
                end = leaf(ANCHOR, usage=usage(*bits, critical=critical))
                suffix = f"{kind.lower()}{'' if critical else '-not-critical'}"
                rule.expect(f"key-{label}-{suffix}", "" if good else "wrong-usage@0", [end], ANCHOR, kind=kind)
    rule.accept("key-absent", [leaf(ANCHOR, usage=None)], ANCHOR)


def _of_leaf(rule):
    for label, purposes, server, client in (
        ("server", [SERVER], True, False),
        ("client", [CLIENT], False, True),
        ("both", [SERVER, CLIENT], True, True),
        ("sip", [SIP], True, True),
        ("any", [ANY_USE], True, True),
        ("email", [EMAIL], False, False),
        ("email-and-server", [EMAIL, SERVER], True, False),
        ("email-and-any", [EMAIL, ANY_USE], True, True),
        ("unknown", ["1.2.3.4"], False, False),
        ("like-server", [SERVER + ".1"], False, False),
    ):
        for kind, good in (("SERVER", server), ("CLIENT", client)):
            for critical in (False, True):
                end = leaf(ANCHOR, more=[eku(*purposes, critical=critical)])
                suffix = f"{kind.lower()}{'-critical' if critical else ''}"
                rule.expect(f"leaf-{label}-{suffix}", "" if good else "wrong-usage@0", [end], ANCHOR, kind=kind)
    end = leaf(ANCHOR, usage=usage(KEY_AGREEMENT), more=[eku(EMAIL)])
    rule.reject("leaf-both-wrong", "wrong-usage@0", [end], ANCHOR)


def _nested(rule):
    """An intermediate's purposes, where it has any, bound those below it; so do an anchor's."""

    def at(label, flags, of_leaf, of_ca, of_root=(), kind="SERVER"):
        def more(purposes):
            return [eku(*purposes)] if purposes else []

        anchor = root("Bound Root", more=more(of_root))
        issuer = ca("Bound", anchor, more=more(of_ca))
        rule.expect(f"nested-{label}", flags, [leaf(issuer, more=more(of_leaf)), issuer], anchor, kind=kind)

    at("same", "", [SERVER], [SERVER])
    at("ca-only", "", [], [SERVER])
    at("ca-wider", "", [SERVER], [SERVER, CLIENT, EMAIL])
    at("ca-any", "", [SERVER], [ANY_USE])
    at("ca-other", "wrong-usage@1", [SERVER], [CLIENT])
    at("ca-email", "wrong-usage@1", [SERVER], [EMAIL])
    at("ca-email-only", "wrong-usage@1", [], [EMAIL])
    at("ca-other-leaf-any", "wrong-usage@1", [ANY_USE], [CLIENT])
    at("leaf-any", "", [ANY_USE], [SERVER])
    at("client-under-client", "", [CLIENT], [CLIENT], kind="CLIENT")
    at("client-under-server", "wrong-usage@1", [CLIENT], [SERVER], kind="CLIENT")
    at("server-under-sip", "wrong-usage@1", [SERVER], [SIP])
    at("sip-under-server", "wrong-usage@1", [SIP], [SERVER])
    at("sip-under-sip", "", [SIP], [SIP])
    at("none-under-sip", "", [], [SIP])
    at("both-under-sip", "", [SERVER, SIP], [SIP])
    at("root-same", "", [SERVER], [SERVER], [SERVER])
    at("root-only", "", [SERVER], [], [SERVER])
    at("root-other", "wrong-usage@2", [SERVER], [SERVER], [CLIENT])
    at("root-any", "", [SERVER], [SERVER], [ANY_USE])
    at("root-sip-ca-server", "wrong-usage@2", [SERVER, SIP], [SERVER], [SIP])
    at("root-email-only", "wrong-usage@2", [], [], [EMAIL])
    at("leaf-and-ca-wrong", "wrong-usage@0", [EMAIL], [EMAIL])
    upper = ca("Upper", ANCHOR, more=[eku(CLIENT)])
    lower = ca("Lower", upper, more=[eku(SERVER)])
    rule.reject("nested-upper-other", "wrong-usage@2", [leaf(lower), lower, upper], ANCHOR)
    # A second path is free of the bound.
    bound, free = ca("CA", ANCHOR, more=[eku(CLIENT)]), ca("CA", ANCHOR)
    rule.accept("nested-other-path", [leaf(free), bound, free], ANCHOR)


def _forms(rule):
    def raw(oid, value):
        return extension(oid, value)

    malformed = {
        "eku-empty": raw("2.5.29.37", der.seq()),
        "eku-not-a-sequence": raw("2.5.29.37", der.oid(SERVER)),
        "eku-of-text": raw("2.5.29.37", der.seq(der.utf8(SERVER))),
        "eku-oid-not-minimal": raw("2.5.29.37", der.seq(b"\x06\x03\x2b\x80\x01")),
        "eku-oid-cut-off": raw("2.5.29.37", der.seq(b"\x06\x02\x2b\x86")),
        "eku-oid-empty": raw("2.5.29.37", der.seq(b"\x06\x00")),
        "eku-trailing-octet": raw("2.5.29.37", der.seq(der.oid(SERVER)) + b"\x00"),
    }
    for label, value in malformed.items():
        rule.reject(f"form-{label}", "malformed@0", [leaf(ANCHOR, more=[value])], ANCHOR)
    malformed = {
        "unused-bit-set": b"\x03\x02\x07\xc0",
        "unused-of-nothing": b"\x03\x01\x07",
        "unused-of-8": b"\x03\x02\x08\x80",
        "no-octet": b"\x03\x00",
        "not-a-bit-string": der.octets(b"\x07\x80"),
        "integer": der.integer(128),
        "trailing-octet": der.named_bits(0) + b"\x00",
        "constructed": b"\x23\x04\x03\x02\x07\x80",
    }
    for label, value in malformed.items():
        rule.reject(f"form-key-{label}", "malformed@0", [leaf(ANCHOR, usage=raw("2.5.29.15", value))], ANCHOR)
    # DER leaves zeros at the end of named bits out; roots in use have them.
    zeros = raw("2.5.29.15", b"\x03\x02\x00\x80")
    rule.accept("form-key-zeros-at-the-end", [leaf(ANCHOR, usage=zeros)], ANCHOR)
    twice = eku(SERVER, SERVER)
    rule.accept("form-eku-twice-the-same", [leaf(ANCHOR, more=[twice])], ANCHOR)
