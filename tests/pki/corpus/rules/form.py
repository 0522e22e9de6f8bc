"""The form of a certificate: strict DER, and the fields as RFC 5280 has them.

Each deviation is signed as it stands, so that nothing but the form is wrong.
"""

import der
import signing
from case import Rule
from certificate import NOT_AFTER, NOT_BEFORE, ca, cn, leaf, root

ANCHOR = root()
BAD = "malformed@0"


def cases():
    rule = Rule("form")
    _lengths(rule)
    _ends(rule)
    _fields(rule)
    _serials(rule)
    _algorithms(rule)
    _keys(rule)
    _intermediates(rule)
    return rule.cases


def adder(rule):
    def at(label, flags, **fields):
        rule.expect(label, flags, [leaf(ANCHOR, **fields)], ANCHOR)

    return at


def rewrite(*path, change):
    """A function that changes the element at `path`, by numbers of children, and fits all lengths around it."""

    def apply(data, at=path):
        if not at:
            return change(data)
        tag, content, _ = der.split(data)
        parts = der.children(content)
        parts[at[0]] = apply(parts[at[0]], at[1:])
        return der.tlv(tag, *parts)

    return apply


def long_length(data):
    """With one octet of length more than needed."""
    tag, content, _ = der.split(data)
    octets = len(content).to_bytes((len(content).bit_length() + 7) // 8 + (len(content) > 127) or 1, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def indefinite(data):
    tag, content, _ = der.split(data)
    return bytes([tag, 0x80]) + content + b"\x00\x00"


def retag(tag):
    return lambda data: bytes([tag]) + data[1:]


# Of the TBSCertificate.
VERSION, SERIAL, ALGORITHM, ISSUER, VALIDITY, SUBJECT, KEY, EXTENSIONS = range(8)


def _lengths(rule):
    at = adder(rule)
    places = {
        "tbs": (),
        "version": (VERSION,),
        "version-number": (VERSION, 0),
        "serial": (SERIAL,),
        "algorithm": (ALGORITHM,),
        "algorithm-oid": (ALGORITHM, 0),
        "issuer": (ISSUER,),
        "issuer-rdn": (ISSUER, 0),
        "issuer-value": (ISSUER, 0, 0, 1),
        "validity": (VALIDITY,),
        "not-before": (VALIDITY, 0),
        "subject": (SUBJECT,),
        "subject-value": (SUBJECT, 0, 0, 1),
        "key": (KEY,),
        "key-algorithm": (KEY, 0),
        "key-bits": (KEY, 1),
        "extensions": (EXTENSIONS,),
        "extension-list": (EXTENSIONS, 0),
        "extension": (EXTENSIONS, 0, 0),
        "extension-oid": (EXTENSIONS, 0, 0, 0),
        "extension-value": (EXTENSIONS, 0, 1, 1),
    }
    for label, path in places.items():
        at(f"length-too-long-{label}", BAD, tbs=rewrite(*path, change=long_length))
    for label in ("tbs", "version", "algorithm", "issuer", "issuer-rdn", "validity", "subject", "key", "extensions"):
        at(f"length-indefinite-{label}", BAD, tbs=rewrite(*places[label], change=indefinite))
    at("length-too-long-certificate", BAD, whole=long_length)
    at("length-too-long-signature-algorithm", BAD, whole=rewrite(1, change=long_length))
    at("length-too-long-signature", BAD, whole=rewrite(2, change=long_length))
    at("length-indefinite-certificate", BAD, whole=indefinite)
    at("length-of-five-octets", BAD, whole=lambda d: b"\x30\x85\x00" + (len(d) - 4).to_bytes(4, "big") + d[4:])
    at("length-reserved", BAD, whole=lambda d: b"\x30\xff" + d[2:])
    at("constructed-serial", BAD, tbs=rewrite(SERIAL, change=lambda d: der.tlv(0x22, d)))
    at("constructed-value", BAD, tbs=rewrite(SUBJECT, 0, 0, 1, change=lambda d: der.tlv(0x2C, d)))
    at("constructed-key", BAD, tbs=rewrite(KEY, 1, change=lambda d: der.tlv(0x23, d)))
    at("constructed-signature", BAD, whole=rewrite(2, change=lambda d: der.tlv(0x23, d)))
    at("primitive-subject", BAD, tbs=rewrite(SUBJECT, change=retag(0x10)))
    at("primitive-set", BAD, tbs=rewrite(SUBJECT, 0, change=retag(0x11)))
    at("high-tag", BAD, tbs=rewrite(SUBJECT, 0, 0, 1, change=lambda d: b"\x1f\x0c" + d[1:]))
    at("tag-0", BAD, tbs=rewrite(SUBJECT, 0, 0, 1, change=retag(0)))


def _ends(rule):
    at = adder(rule)
    at("octet-behind", BAD, whole=lambda d: d + b"\x00")
    at("octet-before", BAD, whole=lambda d: b"\x00" + d)
    at("second-certificate-behind", BAD, whole=lambda d: d + d)
    at("cut-off-1", BAD, whole=lambda d: d[:-1])
    at("cut-off-half", BAD, whole=lambda d: d[: len(d) // 2])
    at("one-octet", BAD, whole=lambda d: d[:1])
    at("two-octets", BAD, whole=lambda d: d[:2])
    at("empty-sequence", BAD, whole=lambda d: der.seq())
    at("pem", BAD, whole=lambda d: b"-----BEGIN CERTIFICATE-----\n")
    at("set", BAD, whole=retag(0x31))
    at("key-in-its-place", BAD, whole=lambda d: ANCHOR.spki)

    def longer(*path, by=der.null()):
        def change(data):
            tag, content, _ = der.split(data)
            return der.tlv(tag, content, by)

        return rewrite(*path, change=change)

    at("field-behind-signature", BAD, whole=longer())
    at("field-behind-signature-algorithm-parameters", BAD, whole=longer(1))
    at("field-behind-tbs", BAD, tbs=longer())
    at("field-behind-version", BAD, tbs=longer(VERSION))
    at("field-behind-validity", BAD, tbs=longer(VALIDITY))
    at("field-behind-attribute", BAD, tbs=longer(SUBJECT, 0, 0))
    at("field-behind-rdn", BAD, tbs=longer(SUBJECT, 0))
    at("field-behind-rdns", BAD, tbs=longer(SUBJECT))
    at("field-behind-key", BAD, tbs=longer(KEY))
    at("field-behind-extension-list", BAD, tbs=longer(EXTENSIONS))
    at("field-behind-extension", BAD, tbs=longer(EXTENSIONS, 0, 0))
    for label, number in (("tbs", 0), ("signature-algorithm", 1), ("signature", 2)):
        at(f"without-{label}", BAD, whole=rewrite(number, change=lambda d: b""))
    for label, number in (
        ("serial", SERIAL),
        ("algorithm", ALGORITHM),
        ("issuer", ISSUER),
        ("validity", VALIDITY),
        ("subject", SUBJECT),
        ("key", KEY),
    ):
        at(f"without-{label}", BAD, tbs=rewrite(number, change=lambda d: b""))


def _fields(rule):
    at = adder(rule)
    at("version-3", "")
    at("version-4", BAD, version=der.explicit(0, der.integer(3)))
    at("version-1-written", BAD, version=der.explicit(0, der.integer(0)), tail=b"")
    at("version-negative", BAD, version=der.explicit(0, der.integer(-1)))
    at("version-not-minimal", BAD, version=der.explicit(0, b"\x02\x02\x00\x02"))
    at("version-not-tagged", BAD, version=der.integer(2))
    at("version-implicit", BAD, version=der.implicit(0, b"\x02"))
    at("version-empty", BAD, version=der.explicit(0))
    at("version-of-text", BAD, version=der.explicit(0, der.utf8("3")))
    one, two = der.implicit(1, b"\x00\x01"), der.implicit(2, b"\x00\x02")
    usual = der.explicit(3, der.seq(der.seq(der.oid("1.2.3.4"), der.octets(b""))))
    at("unique-ids", "", tail=one + two + usual)
    at("unique-ids-turned-round", BAD, tail=two + one + usual)
    at("unique-ids-behind-extensions", BAD, tail=usual + one)
    at("unique-ids-in-version-2", "", version=der.explicit(0, der.integer(1)), tail=one + two)
    at("unique-ids-in-version-1", BAD, version=b"", tail=one)
    at("unique-id-of-no-octet", BAD, tail=der.implicit(1) + usual)
    at("unique-id-unused-bits-set", BAD, tail=der.implicit(1, b"\x07\xff") + usual)
    at("unique-id-constructed", BAD, tail=der.explicit(1, der.bit_string(b"\x01")) + usual)
    at("unknown-field", BAD, tail=der.explicit(5, der.null()) + usual)
    three = [der.time(NOT_BEFORE), der.time(NOT_AFTER)]
    at("validity-as-set", BAD, validity=der.set_of(*three))
    at("subject-is-text", BAD, subject=der.utf8("sip.example.com"))
    at("issuer-is-a-set", BAD, issuer_name=retag(0x31)(cn("Root")))


def _serials(rule):
    at = adder(rule)
    at("serial-0", "", serial=der.integer(0))
    at("serial-negative", "", serial=der.integer(-1))
    at("serial-large", "", serial=der.integer((1 << 159) - 1))
    at("serial-20-octets-and-sign", "", serial=der.integer((1 << 160) - 1))
    at("serial-21-octets", BAD, serial=der.integer(1 << 161))
    at("serial-empty", BAD, serial=b"\x02\x00")
    at("serial-not-minimal-positive", BAD, serial=b"\x02\x02\x00\x7f")
    at("serial-not-minimal-negative", BAD, serial=b"\x02\x02\xff\x80")
    at("serial-minimal-sign", "", serial=b"\x02\x02\x00\x80")
    at("serial-is-an-enumerated", BAD, serial=b"\x0a\x01\x01")
    at("serial-is-a-boolean", BAD, serial=der.boolean(True))


def _algorithms(rule):
    """The two AlgorithmIdentifiers say the same (4.1.1.2)."""
    at = adder(rule)
    usual, other = signing.ecdsa().identifier, signing.ecdsa("sha384").identifier
    with_null = signing.ecdsa(parameters=der.null()).identifier
    at("algorithms-same", "", inner=usual, outer=usual)
    at("algorithms-inner-differs", BAD, inner=other)
    at("algorithms-outer-differs", BAD, outer=other)
    at("algorithms-inner-with-parameters", BAD, inner=with_null)
    at("algorithms-outer-with-parameters", BAD, outer=with_null)
    at("algorithms-both-with-parameters", BAD, inner=with_null, outer=with_null)
    at("algorithms-inner-long-length", BAD, inner=long_length(usual))
    at("algorithms-without-oid", BAD, inner=der.seq(), outer=der.seq())
    at("algorithms-bare-oid", BAD, inner=usual[2:], outer=usual[2:])
    two = der.seq(der.oid("1.2.3.4"), der.null(), der.null())
    at("algorithms-two-parameters", BAD, inner=two, outer=two)
    rsa_root = root("RSA Root", key=signing.rsa())
    null, absent = signing.pkcs1(), signing.pkcs1(parameters=b"")
    number = signing.pkcs1(parameters=der.integer(0))
    for label, flags, algorithm, fields in (
        ("null", "", null, {}),
        ("absent", "", absent, {}),
        ("number", BAD, number, {}),
        ("inner-null-outer-absent", BAD, null, {"outer": absent.identifier}),
        ("inner-absent-outer-null", BAD, absent, {"outer": null.identifier}),
    ):
        rule.expect(f"rsa-parameters-{label}", flags, [leaf(rsa_root, algorithm=algorithm, **fields)], rsa_root)
    at("signature-unused-bits", BAD, signature=lambda s: der.bit_string(s[:-1] + b"\x00", 4))
    at("signature-of-no-octet", BAD, signature=lambda s: b"\x03\x00")
    at("signature-empty", "bad-signature@0", signature=lambda s: der.bit_string(b""))
    at("signature-as-octets", BAD, signature=der.octets)
    at("signature-bit-changed", "bad-signature@0", signature=lambda s: der.bit_string(s[:-1] + bytes([s[-1] ^ 1])))
    at("signature-octet-behind", "bad-signature@0", signature=lambda s: der.bit_string(s + b"\x00"))


def _keys(rule):
    at = adder(rule)
    curve, rsa_null = der.oid(signing.P256.oid), der.null()
    point = signing.ec("leaf").point
    modulus = signing.modulus_without_key(2048)

    def rsa_key(*fields, parameters=rsa_null):
        algorithm = der.seq(der.oid("1.2.840.113549.1.1.1"), parameters)
        return der.seq(algorithm, der.bit_string(der.seq(*fields)))

    at("key-point-uncompressed", "", spki=signing.ec_spki(point, curve))
    at("key-point-compressed", "", spki=signing.ec_spki(bytes([2 + point[-1] % 2]) + point[1:33], curve))
    at("key-point-hybrid", BAD, spki=signing.ec_spki(bytes([6 + point[-1] % 2]) + point[1:], curve))
    at("key-point-at-infinity", BAD, spki=signing.ec_spki(b"\x00", curve))
    at("key-point-too-short", BAD, spki=signing.ec_spki(point[:-1], curve))
    at("key-point-too-long", BAD, spki=signing.ec_spki(point + b"\x00", curve))
    at("key-point-empty", BAD, spki=signing.ec_spki(b"", curve))
    at("key-point-of-another-curve", BAD, spki=signing.ec_spki(point, der.oid(signing.P384.oid)))
    at("key-ec-without-curve", BAD, spki=signing.ec_spki(point, b""))
    at("key-ec-implicit-curve", "unsupported@0", spki=signing.ec_spki(point, der.null()))
    at("key-ec-explicit-curve", "unsupported@0", spki=signing.ec_spki(point, der.seq(der.integer(1))))
    at("key-ec-unknown-curve", "unsupported@0", spki=signing.ec_spki(point, der.oid("1.2.3.4")))
    at("key-ec-two-parameters", BAD, spki=signing.ec_spki(point, curve + der.null()))
    at("key-rsa", "", spki=rsa_key(der.integer(modulus), der.integer(65537)))
    at("key-rsa-exponent-3", "", spki=rsa_key(der.integer(modulus), der.integer(3)))
    at("key-rsa-exponent-1", BAD, spki=rsa_key(der.integer(modulus), der.integer(1)))
    at("key-rsa-exponent-even", BAD, spki=rsa_key(der.integer(modulus), der.integer(65536)))
    at("key-rsa-exponent-0", BAD, spki=rsa_key(der.integer(modulus), der.integer(0)))
    at("key-rsa-exponent-negative", BAD, spki=rsa_key(der.integer(modulus), der.integer(-3)))
    at("key-rsa-exponent-of-32-bits", "", spki=rsa_key(der.integer(modulus), der.integer((1 << 32) - 1)))
    at("key-rsa-exponent-of-33-bits", "unsupported@0", spki=rsa_key(der.integer(modulus), der.integer((1 << 32) + 1)))
    at("key-rsa-modulus-even", BAD, spki=rsa_key(der.integer(modulus - 1), der.integer(65537)))
    at("key-rsa-modulus-negative", BAD, spki=rsa_key(der.integer(-modulus), der.integer(65537)))
    at("key-rsa-modulus-0", BAD, spki=rsa_key(der.integer(0), der.integer(65537)))
    padded = der.tlv(2, b"\x00", der.split(der.integer(modulus))[1])
    at("key-rsa-modulus-not-minimal", BAD, spki=rsa_key(padded, der.integer(3)))
    at("key-rsa-one-number", BAD, spki=rsa_key(der.integer(modulus)))
    at("key-rsa-three-numbers", BAD, spki=rsa_key(der.integer(modulus), der.integer(3), der.integer(1)))
    at("key-rsa-parameters-absent", BAD, spki=rsa_key(der.integer(modulus), der.integer(3), parameters=b""))
    at("key-rsa-parameters-number", BAD, spki=rsa_key(der.integer(modulus), der.integer(3), parameters=der.integer(0)))
    for label, oid, size in (("ed25519", "1.3.101.112", 32), ("ed448", "1.3.101.113", 57)):

        def edwards(octets, parameters=b"", oid=oid):
            return der.seq(der.seq(der.oid(oid), parameters), der.bit_string(octets))

        base = bytes([0x66]) * 32 if size == 32 else bytes(range(1, 57)) + b"\x00"
        at(f"key-{label}", "", spki=edwards(base))
        at(f"key-{label}-too-short", BAD, spki=edwards(base[:-1]))
        at(f"key-{label}-too-long", BAD, spki=edwards(base + b"\x00"))
        at(f"key-{label}-null-parameters", BAD, spki=edwards(base, der.null()))
        prime = (1 << 255) - 19 if size == 32 else (1 << 448) - (1 << 224) - 1
        order_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
        refused = {"0": 0, "1": 1, "minus-1": prime - 1, "prime": prime, "prime-and-1": prime + 1}
        if size == 32:
            refused.update({"order-8": order_8, "minus-order-8": prime - order_8, "largest": (1 << 255) - 1})
        for y, number in refused.items():
            octets = number.to_bytes(size, "little")
            at(f"key-{label}-y-{y}", BAD, spki=edwards(octets))
            at(f"key-{label}-y-{y}-other-x", BAD, spki=edwards(octets[:-1] + bytes([octets[-1] | 0x80])))
        for y, number in {"2": 2, "minus-2": prime - 2, "256": 256, "near-order-8": order_8 + 1}.items():
            at(f"key-{label}-y-{y}", "", spki=edwards(number.to_bytes(size, "little")))
    unknown = der.seq(der.seq(der.oid("1.2.3.4")), der.bit_string(b"key"))
    at("key-unknown", "unsupported@0", spki=unknown)
    at("key-without-algorithm", BAD, spki=der.seq(der.bit_string(point)))
    at("key-without-bits", BAD, spki=der.seq(der.seq(der.oid("1.2.840.10045.2.1"), curve)))
    at("key-unused-bits", BAD, spki=der.seq(der.seq(der.oid("1.2.840.10045.2.1"), curve), der.bit_string(point, 4)))


def _intermediates(rule):
    """One that cannot be read is as if it had not been sent; an anchor that cannot be read is none."""
    flaws = {
        "octet-behind": {"whole": lambda d: d + b"\x00"},
        "serial-not-minimal": {"serial": b"\x02\x02\x00\x7f"},
        "long-length": {"whole": long_length},
        "algorithms-differ": {"outer": signing.ecdsa("sha384").identifier},
        "version-4": {"version": der.explicit(0, der.integer(3))},
        "bad-date": {"not_after": der.utc_time("270229000000Z")},
    }
    whole = ca("CA", ANCHOR)
    for label, fields in flaws.items():
        broken = ca("CA", ANCHOR, **fields)
        rule.reject(f"intermediate-{label}", "malformed@1,untrusted@0", [leaf(whole), broken], ANCHOR)
        rule.accept(f"intermediate-{label}-and-a-whole-one", [leaf(whole), broken, whole], ANCHOR)
    upper = ca("Upper", ANCHOR, serial=b"\x02\x02\x00\x7f")
    lower = ca("Lower", upper)
    rule.reject("intermediate-second", "malformed@2,untrusted@1", [leaf(lower), lower, upper], ANCHOR)
    broken = root("Broken Root", serial=b"\x02\x02\x00\x7f")
    rule.reject("anchor-among-others", "untrusted@0", [leaf(broken)], [ANCHOR, broken])
    changed = ca("CA", ANCHOR, signature=lambda s: der.bit_string(s[:-1] + bytes([s[-1] ^ 1])))
    rule.reject("intermediate-signature-bit-changed", "bad-signature@1", [leaf(changed), changed], ANCHOR)
    # The signature of an anchor decides nothing.
    odd = root("Odd Root", signature=lambda s: der.bit_string(b"\x00"))
    rule.accept("anchor-signature-broken", [leaf(odd)], odd)
