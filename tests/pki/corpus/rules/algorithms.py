"""Which keys and hashes may sign, and whether key and signature fit; RSASSA-PSS and its parameters (RFC 4055)."""

import der
import signing
from case import Rule
from certificate import ca, leaf, root
from signing import P256, P384, ec, ecdsa, modulus_without_key, pkcs1, pss, pss_parameters, pss_spki, rsa, rsa_spki

ANCHOR = root()
RSA_ROOT = root("RSA Root", key=rsa())
WEAK, UNSUPPORTED, BAD = "weak-algorithm@0", "unsupported@0", "malformed@0"


def cases():
    rule = Rule("algorithms")
    _key_sizes(rule)
    _hashes(rule)
    _fit(rule)
    _pss(rule)
    _pss_parameters(rule)
    _pss_keys(rule)
    _ecdsa_signatures(rule)
    _rsa_signatures(rule)
    return rule.cases


def _key_sizes(rule):
    def rsa_leaf(label, bits, flags):
        rule.expect(f"rsa-{label}-leaf", flags, [leaf(ANCHOR, spki=rsa_spki(modulus_without_key(bits)))], ANCHOR)

    rsa_leaf(512, 512, "weak-key@0")
    rsa_leaf(1024, 1024, "weak-key@0")
    rsa_leaf(2047, 2047, "weak-key@0")
    rsa_leaf(2048, 2048, "")
    rsa_leaf(2049, 2049, "")
    rsa_leaf(4096, 4096, "")
    rsa_leaf(16384, 16384, "")
    rsa_leaf(16385, 16385, UNSUPPORTED)
    weak = rsa("weak", 1024)
    issuer = ca("CA", ANCHOR, key=weak)
    rule.reject("rsa-1024-intermediate", "weak-key@1", [leaf(issuer), issuer], ANCHOR)
    weak_root = root("Weak Root", key=weak)
    rule.reject("rsa-1024-anchor", "weak-key@1", [leaf(weak_root)], weak_root)
    small = leaf(weak_root, spki=rsa_spki(modulus_without_key(1024)))
    rule.reject("rsa-1024-leaf-and-anchor", "weak-key@0", [small], weak_root)
    strong = ca("CA", ANCHOR)
    rule.accept("rsa-1024-other-path", [leaf(strong), ca("CA", ANCHOR, key=weak), strong], ANCHOR)
    rule.accept("rsa-2048-anchor", [leaf(RSA_ROOT)], RSA_ROOT)
    for label, oid, size, flags in (
        ("p192", "1.2.840.10045.3.1.1", 24, "weak-key@0"),
        ("p224", "1.3.132.0.33", 28, "weak-key@0"),
        ("p256", P256.oid, 32, ""),
        ("p384", P384.oid, 48, ""),
        ("p521", "1.3.132.0.35", 66, ""),
        ("secp256k1", "1.3.132.0.10", 32, ""),
        ("brainpool256", "1.3.36.3.3.2.8.1.1.7", 32, ""),
    ):
        point = b"\x04" + bytes(2 * size)
        rule.expect(f"{label}-leaf", flags, [leaf(ANCHOR, spki=signing.ec_spki(point, der.oid(oid)))], ANCHOR)
    big = root("P-384 Root", key=ec("big", P384))
    rule.accept("p384-anchor", [leaf(big)], big)


def _hashes(rule):
    for name, flags in (("sha1", WEAK), ("sha256", ""), ("sha384", ""), ("sha512", "")):
        rule.expect(f"ecdsa-{name}", flags, [leaf(ANCHOR, algorithm=ecdsa(name))], ANCHOR)
        rule.expect(f"rsa-{name}", flags, [leaf(RSA_ROOT, algorithm=pkcs1(name))], RSA_ROOT)
    rule.reject("rsa-md5", "weak-algorithm@0,unsupported@0", [leaf(RSA_ROOT, algorithm=pkcs1("md5"))], RSA_ROOT)
    oiw = pkcs1("sha1", oid="1.3.14.3.2.29")
    rule.reject("rsa-sha1-of-oiw", WEAK, [leaf(RSA_ROOT, algorithm=oiw)], RSA_ROOT)
    issuer = ca("CA", ANCHOR, algorithm=ecdsa("sha1"))
    rule.reject("sha1-intermediate", "weak-algorithm@1", [leaf(issuer), issuer], ANCHOR)
    rule.accept("sha1-intermediate-other-path", [leaf(issuer), issuer, ca("CA", ANCHOR)], ANCHOR)
    both = leaf(issuer, algorithm=ecdsa("sha1"))
    rule.reject("sha1-leaf-and-intermediate", WEAK, [both, issuer], ANCHOR)
    # Nobody checks the signature of an anchor.
    old = root("Old Root", algorithm=ecdsa("sha1"))
    rule.accept("sha1-anchor", [leaf(old)], old)
    old = root("Old RSA Root", key=rsa(), algorithm=pkcs1("md5"))
    rule.accept("md5-anchor", [leaf(old)], old)
    p384 = root("P-384 Root", key=ec("big", P384))
    for name in ("sha256", "sha384", "sha512"):
        rule.accept(f"p384-{name}", [leaf(p384, algorithm=ecdsa(name))], p384)


def _fit(rule):
    """The key is of another kind than the algorithm, or the algorithm is not known."""

    def claims(identifier):
        return {"inner": identifier, "outer": identifier}

    bad = "bad-signature@0"
    rule.reject("ec-key-rsa-algorithm", bad, [leaf(ANCHOR, **claims(pkcs1().identifier))], ANCHOR)
    rule.reject("rsa-key-ec-algorithm", bad, [leaf(RSA_ROOT, **claims(ecdsa().identifier))], RSA_ROOT)
    rule.reject("ec-key-pss-algorithm", bad, [leaf(ANCHOR, **claims(pss().identifier))], ANCHOR)
    rule.reject("ec-key-other-hash", bad, [leaf(ANCHOR, **claims(ecdsa("sha384").identifier))], ANCHOR)
    rule.reject("rsa-key-other-hash", bad, [leaf(RSA_ROOT, **claims(pkcs1("sha384").identifier))], RSA_ROOT)
    rule.reject("rsa-key-pkcs1-claims-pss", bad, [leaf(RSA_ROOT, **claims(pss().identifier))], RSA_ROOT)
    by_pss = leaf(RSA_ROOT, algorithm=pss(), **claims(pkcs1().identifier))
    rule.reject("rsa-key-pss-claims-pkcs1", bad, [by_pss], RSA_ROOT)
    unknown = der.seq(der.oid("1.2.3.4"), der.null())
    rule.reject("unknown-algorithm", UNSUPPORTED, [leaf(ANCHOR, **claims(unknown))], ANCHOR)
    dsa = der.seq(der.oid("2.16.840.1.101.3.4.3.2"))
    rule.reject("dsa", UNSUPPORTED, [leaf(ANCHOR, **claims(dsa))], ANCHOR)
    md2 = der.seq(der.oid("1.2.840.113549.1.1.2"), der.null())
    rule.reject("rsa-md2", UNSUPPORTED, [leaf(RSA_ROOT, **claims(md2))], RSA_ROOT)
    for label, oid in (("ed25519", "1.3.101.112"), ("ed448", "1.3.101.113")):
        rule.reject(f"ec-key-{label}", bad, [leaf(ANCHOR, **claims(der.seq(der.oid(oid))))], ANCHOR)
        with_null = der.seq(der.oid(oid), der.null())
        rule.reject(f"{label}-with-parameters", BAD, [leaf(ANCHOR, **claims(with_null))], ANCHOR)
    odd = root("Odd Root", spki=der.seq(der.seq(der.oid("1.2.3.4")), der.bit_string(b"key")))
    rule.reject("anchor-of-unknown-key", "unsupported@1", [leaf(odd)], odd)
    odd = ca("Odd", ANCHOR, spki=signing.ec_spki(ec("Odd").point, der.null()))
    rule.reject("intermediate-of-implicit-curve", "unsupported@1", [leaf(odd), odd], ANCHOR)
    nobody = leaf(ANCHOR, signer=ec("nobody"))
    rule.reject("other-key", bad, [nobody], ANCHOR)
    nobody = leaf(RSA_ROOT, signer=rsa("another"))
    rule.reject("other-rsa-key", bad, [nobody], RSA_ROOT)


def _pss(rule):
    def at(label, flags, algorithm):
        rule.expect(f"pss-{label}", flags, [leaf(RSA_ROOT, algorithm=algorithm)], RSA_ROOT)

    for name, size in (("sha256", 32), ("sha384", 48), ("sha512", 64)):
        at(name, "", pss(name, salt=size))
    at("sha1", WEAK, pss("sha1", salt=20))
    at("salt-0", "", pss(salt=0))
    at("salt-20", "", pss(salt=20))
    at("salt-64", "", pss(salt=64))
    at("salt-65", UNSUPPORTED, pss(salt=65))
    at("salt-larger-than-key", UNSUPPORTED, pss(salt=32, parameters=pss_parameters(salt=300)))
    at("salt-other-than-said", "bad-signature@0", pss(salt=20, parameters=pss_parameters(salt=32)))
    at("hash-other-than-said", "bad-signature@0", pss("sha384", salt=32, parameters=pss_parameters(salt=32)))
    at("mgf-of-another-hash", UNSUPPORTED, pss("sha256", mgf1="sha384"))
    at("mgf-of-another-hash-than-said", "bad-signature@0", pss("sha256", mgf1="sha384", parameters=pss_parameters()))
    issuer = ca("CA", RSA_ROOT, key=rsa("another"), algorithm=pss())
    rule.accept("pss-intermediate", [leaf(issuer, algorithm=pss("sha384", salt=48)), issuer], RSA_ROOT)


def _pss_parameters(rule):
    def at(label, flags, parameters, **how):
        end = leaf(RSA_ROOT, algorithm=pss(parameters=parameters, **how))
        rule.expect(f"pss-parameters-{label}", flags, [end], RSA_ROOT)

    sha256 = signing.hash_algorithm("sha256")
    hash_field, salt = der.explicit(0, sha256), der.explicit(2, der.integer(32))
    mgf1_oid = der.oid("1.2.840.113549.1.1.8")
    mgf_field = der.explicit(1, der.seq(mgf1_oid, sha256))
    at("trailer-1-written", "", pss_parameters(trailer=1))
    at("trailer-2", BAD, pss_parameters(trailer=2))
    at("hash-without-null", "", pss_parameters(hash_parameters=b""))
    at("hash-with-number", BAD, pss_parameters(hash_parameters=der.integer(1)))
    at("absent", BAD, b"")
    at("null", BAD, der.null())
    at("empty", WEAK, der.seq(), hash_name="sha1", salt=20)
    at("defaults-written", WEAK, pss_parameters("sha1", salt=20), hash_name="sha1", salt=20)
    at("salt-absent-is-20", "", pss_parameters(salt=None), salt=20)
    at("salt-negative", BAD, pss_parameters(salt=-1))
    at("salt-not-minimal", BAD, der.seq(hash_field, mgf_field, der.explicit(2, b"\x02\x02\x00\x20")))
    at("salt-of-20-bits", BAD, pss_parameters(salt=1 << 20))
    at("mgf-absent-is-sha1", UNSUPPORTED, der.seq(hash_field, salt))
    at("mgf-unknown", UNSUPPORTED, pss_parameters(mgf="1.2.3.4"))
    at("hash-md5", UNSUPPORTED, pss_parameters("md5"))
    unknown = der.explicit(0, der.seq(der.oid("1.2.3.4")))
    at("hash-unknown", UNSUPPORTED, der.seq(unknown, mgf_field, salt))
    at("mgf-without-hash", BAD, der.seq(hash_field, der.explicit(1, der.seq(mgf1_oid)), salt))
    at("turned-round", BAD, der.seq(hash_field, salt, mgf_field))
    at("twice-the-same", BAD, der.seq(hash_field, hash_field, mgf_field, salt))
    at("fifth-field", BAD, der.seq(hash_field, mgf_field, salt, der.explicit(4, der.null())))
    at("not-tagged", BAD, der.seq(sha256))
    at("two-hashes", BAD, der.seq(der.explicit(0, sha256, sha256), mgf_field, salt))


def _pss_keys(rule):
    """A key of the kind id-RSASSA-PSS signs nothing else, and with its parameters only (RFC 4055 1.2)."""

    def at(label, flags, parameters, algorithm):
        anchor = root("PSS Root", key=rsa(), spki=pss_spki(rsa(), parameters))
        rule.expect(f"pss-key-{label}", flags, [leaf(anchor, algorithm=algorithm)], anchor)

    at("pkcs1", "bad-signature@0", b"", pkcs1())
    at("other-hash", "bad-signature@0", pss_parameters("sha384", salt=32), pss())
    at("less-salt", "bad-signature@0", pss_parameters(salt=48), pss(salt=32))
    weak = rsa_spki(modulus_without_key(1024), oid="1.2.840.113549.1.1.10", parameters=b"")
    rule.reject("pss-key-1024-leaf", "weak-key@0", [leaf(ANCHOR, spki=weak)], ANCHOR)
    for label, parameters, flags in (
        ("no-parameters", b"", ""),
        ("parameters", pss_parameters(), ""),
        ("null", der.null(), BAD),
        ("trailer-2", pss_parameters(trailer=2), BAD),
        ("unknown-hash", pss_parameters(mgf="1.2.3.4"), UNSUPPORTED),
    ):
        spki = rsa_spki(modulus_without_key(2048), oid="1.2.840.113549.1.1.10", parameters=parameters)
        rule.expect(f"pss-key-of-leaf-{label}", flags, [leaf(ANCHOR, spki=spki)], ANCHOR)
    whole = {
        "unrestricted": (b"", pss()),
        "restricted-same": (pss_parameters(), pss()),
        "restricted-more-salt": (pss_parameters(salt=20), pss(salt=32)),
    }
    for label, (parameters, algorithm) in whole.items():
        at(label, "", parameters, algorithm)


def _ecdsa_signatures(rule):
    """A signature is two numbers from 1 on and below the order of the curve, in DER."""

    def numbers(octets):
        return [int.from_bytes(der.split(part)[1], "big") for part in der.children(der.split(octets)[1])]

    # One whose two numbers have their top bits set: less the 256th bit they would be the same octets, but negative.
    def both_large(made):
        _, _, bits = der.children(der.split(made.der)[1])
        return all(value >> 255 for value in numbers(der.split(bits)[1][1:]))

    serial = next(n for n in range(100) if both_large(leaf(ANCHOR, serial=der.integer(n))))

    def at(label, good, change):
        end = leaf(
            ANCHOR,
            serial=der.integer(serial),
            signature=lambda octets: der.bit_string(change(octets, *numbers(octets))),
        )
        rule.expect(f"ecdsa-form-{label}", "" if good else "bad-signature@0", [end], ANCHOR)

    def pair(first, second):
        return der.seq(first, second)

    number, order = der.integer, P256.order
    at("as-it-is", True, lambda s, r, t: pair(number(r), number(t)))
    # (r, n - s) is a signature as well; nobody asks for the lower half here.
    at("other-half", True, lambda s, r, t: pair(number(r), number(order - t)))
    at("r-not-minimal", False, lambda s, r, t: pair(der.tlv(2, b"\0", r.to_bytes(33, "big")), number(t)))
    at("s-not-minimal", False, lambda s, r, t: pair(number(r), der.tlv(2, b"\0", t.to_bytes(33, "big"))))
    at("r-negative", False, lambda s, r, t: pair(number(r - (1 << 256)), number(t)))
    at("s-negative", False, lambda s, r, t: pair(number(r), number(t - (1 << 256))))
    at("s-of-the-other-sign", False, lambda s, r, t: pair(number(r), number(-t)))
    at("r-0", False, lambda s, r, t: pair(number(0), number(t)))
    at("s-0", False, lambda s, r, t: pair(number(r), number(0)))
    at("both-0", False, lambda s, r, t: pair(number(0), number(0)))
    at("r-of-order", False, lambda s, r, t: pair(number(order), number(t)))
    at("r-plus-order", False, lambda s, r, t: pair(number(r + order), number(t)))
    at("s-plus-order", False, lambda s, r, t: pair(number(r), number(t + order)))
    at("turned-round", False, lambda s, r, t: pair(number(t), number(r)))
    at("third-number", False, lambda s, r, t: der.seq(number(r), number(t), number(1)))
    at("one-number", False, lambda s, r, t: der.seq(number(r)))
    at("octet-behind", False, lambda s, r, t: s + b"\0")
    at("octet-inside", False, lambda s, r, t: der.tlv(0x30, number(r), number(t), b"\0"))
    at("long-length", False, lambda s, r, t: b"\x30\x81" + s[1:])
    at("long-length-of-r", False, lambda s, r, t: der.seq(b"\x02\x81" + number(r)[1:], number(t)))
    at("indefinite-length", False, lambda s, r, t: b"\x30\x80" + s[2:] + b"\0\0")
    at("set", False, lambda s, r, t: b"\x31" + s[1:])
    at("bit-strings", False, lambda s, r, t: pair(b"\x03" + number(r)[1:], b"\x03" + number(t)[1:]))
    at("plain-numbers", False, lambda s, r, t: r.to_bytes(32, "big") + t.to_bytes(32, "big"))
    at("cut-off", False, lambda s, r, t: s[:-1])
    at("empty", False, lambda s, r, t: b"")
    at("empty-sequence", False, lambda s, r, t: der.seq())


def _rsa_signatures(rule):
    """A signature has as many octets as the modulus, and is a number below it."""
    key = rsa()
    size = 256

    def octets(value, count=size):
        return value.to_bytes(count, "big")

    def at(label, good, change, algorithm=None):
        def signature(made):
            return der.bit_string(change(int.from_bytes(made, "big")))

        end = leaf(RSA_ROOT, signature=signature, algorithm=algorithm)
        rule.expect(f"rsa-form-{label}", "" if good else "bad-signature@0", [end], RSA_ROOT)

    def block(change):
        """Changes what the signature says, and signs that."""
        return lambda s: octets(key.raw(int.from_bytes(change(octets(pow(s, 65537, key.modulus))), "big")))

    at("as-it-is", True, octets)
    at("octet-before", False, lambda s: b"\0" + octets(s))
    at("octet-behind", False, lambda s: octets(s) + b"\0")
    at("octet-less", False, lambda s: octets(s)[:-1])
    at("plus-modulus", False, lambda s: octets(s + key.modulus, size + 1))
    at("0", False, lambda s: octets(0))
    at("1", False, lambda s: octets(1))
    at("minus-1", False, lambda s: octets(key.modulus - 1))
    at("modulus", False, lambda s: octets(key.modulus))
    at("empty", False, lambda s: b"")

    info = der.seq(signing.hash_algorithm("sha256"), der.octets(bytes(32)))[:-32]
    bare = der.seq(signing.hash_algorithm("sha256", b""), der.octets(bytes(32)))[:-32]
    at("block-same", True, block(lambda m: m))
    padding = size - 3 - len(info) - 32
    head = b"\x00\x01" + b"\xff" * padding + b"\x00"

    def with_info(of_info, behind=b""):
        def change(message):
            rest = of_info + message[-32:] + behind
            return b"\x00\x01" + b"\xff" * (size - 3 - len(rest)) + b"\x00" + rest

        return block(change)

    assert len(head) + len(info) + 32 == size
    at("block-without-null", False, with_info(bare))
    at("block-octet-behind", False, with_info(info, b"\0"))
    at("block-garbage-behind", False, with_info(info, bytes(100)))
    at("block-long-length", False, with_info(b"\x30\x81" + info[1:]))
    at("block-bare-digest", False, with_info(b""))
    at("block-other-hash", False, with_info(info.replace(b"\x04\x02\x01", b"\x04\x02\x02")))
    at("block-type-2", False, block(lambda m: b"\x00\x02" + m[2:]))
    at("block-type-0", False, block(lambda m: b"\x00\x00" + m[2:]))
    at("block-padding-of-zeros", False, block(lambda m: b"\x00\x01" + bytes(padding) + m[2 + padding :]))
    at("block-one-padding-octet-other", False, block(lambda m: m[:50] + b"\xfe" + m[51:]))
    at("block-pss-trailer", False, block(lambda m: m[:-1] + b"\xcc"), pss())
    at("block-pss-salt-changed", False, block(lambda m: m[:20] + bytes([m[20] ^ 1]) + m[21:]), pss())
    at("block-pss-same", True, block(lambda m: m), pss())
    at("octet-before-pss", False, lambda s: b"\0" + octets(s), pss())
    at("octet-behind-pss", False, lambda s: octets(s) + b"\0", pss())
