"""Certificates: each field has a default that is right, and each can be replaced by something else."""

import hashlib

import der
import signing

NOW = der.moment(2026, 6, 15, 12)
NOT_BEFORE = der.moment(2026, 1, 1)
NOT_AFTER = der.moment(2027, 1, 1) - 1

# --- Names

ATTRIBUTES = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "CN": "2.5.4.3",
    "DC": "0.9.2342.19200300.100.1.25",
    "E": "1.2.840.113549.1.9.1",
}


def attribute(kind, value):
    """`value`: text, or the DER of some string."""
    if isinstance(value, str):
        value = der.ia5(value) if kind in ("DC", "E") else der.printable(value) if kind == "C" else der.utf8(value)
    return der.seq(der.oid(ATTRIBUTES[kind]), value)


def name(*attributes):
    """One attribute in each RDN: name(("O", "Acme"), ("CN", "Root"))."""
    return der.seq(*(der.set_of(attribute(*pair)) for pair in attributes))


def cn(text):
    return name(("CN", text))


# --- Names in subjectAltName and in name constraints


def dns(text):
    return der.implicit(2, text.encode("latin-1"))


def email(text):
    return der.implicit(1, text.encode("latin-1"))


def uri(text):
    return der.implicit(6, text.encode("latin-1"))


def ip(text, mask=None):
    """Addresses as text; with a mask as in a constraint."""
    return der.implicit(7, b"".join(_address(part) for part in (text, mask) if part is not None))


def _address(text):
    if ":" not in text:
        return bytes(int(part) for part in text.split("."))
    head, _, tail = text.partition("::")
    groups = [[int(group, 16) for group in half.split(":") if group] for half in (head, tail)]
    zeros = [0] * (8 - len(groups[0]) - len(groups[1]))
    return b"".join(group.to_bytes(2, "big") for group in groups[0] + zeros + groups[1])


def directory(name_der):
    return der.explicit(4, name_der)


def other_name(oid="1.3.6.1.4.1.311.20.2.3", value=der.utf8("user@example.com")):
    return der.explicit(0, der.oid(oid), der.explicit(0, value))


def x400():
    return der.explicit(3, der.seq())


def edi_party():
    return der.explicit(5, der.explicit(1, der.utf8("Party")))


def registered_id(text="1.2.3.4"):
    return der.implicit(8, der.oid(text)[2:])


# --- Extensions

DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_ENCIPHERMENT, DATA_ENCIPHERMENT, KEY_AGREEMENT = 0, 1, 2, 3, 4
KEY_CERT_SIGN, CRL_SIGN, ENCIPHER_ONLY, DECIPHER_ONLY = 5, 6, 7, 8

SERVER, CLIENT, EMAIL = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4"
SIP, ANY_USE = "1.3.6.1.5.5.7.3.20", "2.5.29.37.0"
ANY_POLICY = "2.5.29.32.0"


def extension(oid, value, critical=False):
    return der.seq(der.oid(oid), der.boolean(True) if critical else b"", der.octets(value))


def basic(ca=True, path_len=None, critical=True):
    fields = [der.boolean(True)] if ca else []
    if path_len is not None:
        fields.append(der.integer(path_len))
    return extension("2.5.29.19", der.seq(*fields), critical)


def usage(*bits, critical=True):
    return extension("2.5.29.15", der.named_bits(*bits), critical)


def eku(*purposes, critical=False):
    return extension("2.5.29.37", der.seq(*map(der.oid, purposes)), critical)


def san(*names, critical=False):
    return extension("2.5.29.17", der.seq(*names), critical)


def subtrees(*bases):
    return b"".join(der.seq(base) for base in bases)


def constraints(permitted=(), excluded=(), critical=True):
    fields = b""
    if permitted:
        fields += der.explicit(0, subtrees(*permitted))
    if excluded:
        fields += der.explicit(1, subtrees(*excluded))
    return extension("2.5.29.30", der.seq(fields), critical)


def policies(*oids, critical=False):
    return extension("2.5.29.32", der.seq(*(der.seq(der.oid(oid)) for oid in oids)), critical)


def mappings(*pairs, critical=True):
    return extension("2.5.29.33", der.seq(*(der.seq(der.oid(a), der.oid(b)) for a, b in pairs)), critical)


def policy_constraints(explicit=None, mapping=None, critical=True):
    fields = [
        der.implicit(number, der.integer(value)[2:])
        for number, value in enumerate((explicit, mapping))
        if value is not None
    ]
    return extension("2.5.29.36", der.seq(*fields), critical)


def inhibit_any(count, critical=True):
    return extension("2.5.29.54", der.integer(count), critical)


def key_id(spki):
    return hashlib.sha1(spki, usedforsecurity=False).digest()


def ski(spki):
    return extension("2.5.29.14", der.octets(key_id(spki)))


def aki(spki):
    return extension("2.5.29.35", der.seq(der.implicit(0, key_id(spki))))


# --- Certificates


class Certificate:
    def __init__(self, der_bytes, subject, key, spki):
        self.der, self.subject, self.key, self.spki = der_bytes, subject, key, spki


def _validity(not_before, not_after):
    return der.seq(*(der.time(t) if isinstance(t, int) else t for t in (not_before, not_after)))


def make(
    subject,
    key,
    issuer=None,
    *,
    version=der.explicit(0, der.integer(2)),
    serial=None,
    algorithm=None,
    inner=None,
    outer=None,
    issuer_name=None,
    not_before=NOT_BEFORE,
    not_after=NOT_AFTER,
    validity=None,
    spki=None,
    unique_ids=b"",
    extensions=(),
    tail=None,
    tbs=lambda data: data,
    signer=None,
    signature=lambda octets: der.bit_string(octets),
    whole=lambda data: data,
):
    """`issuer` None: self-signed. `tail`: all behind the key, in place of unique_ids and extensions. `tbs` changes the
    TBSCertificate before it is signed, `whole` the certificate afterwards, `signature` makes the last field."""
    signer = signer or (issuer.key if issuer else key)
    algorithm = algorithm or signer.default
    spki = spki or key.spki
    issuer_name = issuer_name if issuer_name is not None else issuer.subject if issuer else subject
    if tail is None:
        tail = unique_ids + (der.explicit(3, der.seq(*extensions)) if extensions else b"")
    rest = [
        inner if inner is not None else algorithm.identifier,
        issuer_name,
        validity or _validity(not_before, not_after),
        subject,
        spki,
        tail,
    ]
    if serial is None:
        serial = der.integer(int.from_bytes(hashlib.sha256(b"".join(rest)).digest()[:8], "big"))
    signed = tbs(der.seq(version, serial, *rest))
    outer = outer if outer is not None else algorithm.identifier
    data = der.seq(signed, outer, signature(signer.sign(signed, algorithm)))
    return Certificate(whole(data), subject, key, spki)


def _spki_of(key, fields):
    return fields.get("spki") or key.spki


def root(label="Root", *, key=None, subject=None, more=(), **fields):
    """A self-signed CA. Fields: those of make(), and basic, usage, ski (None: left out)."""
    return ca(label, None, key=key, subject=subject, more=more, **fields)


def ca(label, issuer, *, key=None, subject=None, more=(), **fields):
    """A CA whose name and, unless `key` is given, key follow from `label`. `more`: extensions behind the usual ones."""
    key = key or signing.ec(label)
    usual = {
        "basic": basic(),
        "usage": usage(KEY_CERT_SIGN, CRL_SIGN),
        "ski": ski(_spki_of(key, fields)),
        "aki": aki(issuer.spki) if issuer else None,
    }
    usual.update((kind, fields.pop(kind)) for kind in list(usual) if kind in fields)
    listed = [value for value in usual.values() if value] + list(more)
    return make(subject or cn(label), key, issuer, extensions=listed, **fields)


def leaf(issuer, *, label="sip.example.com", key=None, subject=None, more=(), names=None, **fields):
    """A server's or client's certificate for sip.example.com; `names` are others, and () is no subjectAltName."""
    key = key or signing.ec("leaf")
    alternatives = (dns("sip.example.com"),) if names is None else names
    usual = {
        "usage": usage(DIGITAL_SIGNATURE),
        "san": san(*alternatives) if alternatives else None,
        "aki": aki(issuer.spki) if issuer else None,
    }
    usual.update((kind, fields.pop(kind)) for kind in list(usual) if kind in fields)
    listed = [value for value in usual.values() if value] + list(more)
    return make(subject or cn(label), key, issuer, extensions=listed, **fields)
