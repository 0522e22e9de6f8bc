"""Keys and signatures by PyCryptodome, the same bytes on every machine and in every run.

For tests only: keys follow from their names.
"""

from Cryptodome.Hash import MD5, SHA1, SHA224, SHA256, SHA384, SHA512, SHAKE256
from Cryptodome.PublicKey import ECC, RSA
from Cryptodome.Signature import DSS, pkcs1_15
from Cryptodome.Signature import pss as pss_signature

import der

# --- Algorithms

_PSS, _MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_HASHES = {
    "sha1": "1.3.14.3.2.26",
    "sha224": "2.16.840.1.101.3.4.2.4",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "md5": "1.2.840.113549.2.5",
}
_ECDSA = {
    "sha1": "1.2.840.10045.4.1",
    "sha224": "1.2.840.10045.4.3.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_PKCS1 = {
    "md5": "1.2.840.113549.1.1.4",
    "sha1": "1.2.840.113549.1.1.5",
    "sha224": "1.2.840.113549.1.1.14",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}


def hash_algorithm(name, parameters=der.null()):
    return der.seq(der.oid(_HASHES[name]), parameters)


def pss_parameters(hash_name="sha256", mgf1=None, salt=32, trailer=None, mgf=_MGF1, hash_parameters=der.null()):
    """RSASSA-PSS-params; None leaves a field out."""
    fields = []
    if hash_name is not None:
        fields.append(der.explicit(0, hash_algorithm(hash_name, hash_parameters)))
        of_mgf = hash_algorithm(mgf1 or hash_name, hash_parameters)
        fields.append(der.explicit(1, der.seq(der.oid(mgf), of_mgf)))
    if salt is not None:
        fields.append(der.explicit(2, der.integer(salt)))
    if trailer is not None:
        fields.append(der.explicit(3, der.integer(trailer)))
    return der.seq(*fields)


class Algorithm:
    """How something is signed, and the AlgorithmIdentifier that says so."""

    def __init__(self, scheme, hash_name, identifier, mgf1=None, salt=None):
        self.scheme, self.hash, self.identifier = scheme, hash_name, identifier
        self.mgf1, self.salt = mgf1 or hash_name, salt


def ecdsa(hash_name="sha256", parameters=b""):
    return Algorithm("ecdsa", hash_name, der.seq(der.oid(_ECDSA[hash_name]), parameters))


def pkcs1(hash_name="sha256", parameters=der.null(), oid=None):
    return Algorithm("pkcs1", hash_name, der.seq(der.oid(oid or _PKCS1[hash_name]), parameters))


def pss(hash_name="sha256", mgf1=None, salt=32, parameters=None):
    """`parameters`: others than those that the signature is really made with."""
    if parameters is None:
        parameters = pss_parameters(hash_name, mgf1, salt)
    return Algorithm("pss", hash_name, der.seq(der.oid(_PSS), parameters), mgf1, salt)


_HASH_MODULES = {"sha1": SHA1, "sha224": SHA224, "sha256": SHA256, "sha384": SHA384, "sha512": SHA512, "md5": MD5}


def _hashed(name, data):
    return _HASH_MODULES[name].new(data)


def _stream(label, count):
    return SHAKE256.new(b"siptls corpus " + label.encode()).read(count)


# --- Elliptic curves


class Curve:
    def __init__(self, name, oid, size, order=None):
        self.name, self.oid, self.size, self.order = name, oid, size, order


P256 = Curve(
    "P-256", "1.2.840.10045.3.1.7", 32, 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
)
P384 = Curve("P-384", "1.3.132.0.34", 48)

# Every key by its SubjectPublicKeyInfo, for whoever changes a certificate and signs it again.
by_spki = {}


class EcKey:
    default = ecdsa()

    def __init__(self, label, curve=P256):
        self.label, self.curve = label, curve
        # Below the order of either curve, and never 0.
        secret = int.from_bytes(_stream(label, curve.size - 1), "big") + 1
        self._key = ECC.construct(curve=curve.name, d=secret)
        x, y = int(self._key.pointQ.x), int(self._key.pointQ.y)
        self.point = b"\x04" + x.to_bytes(curve.size, "big") + y.to_bytes(curve.size, "big")
        self.spki = ec_spki(self.point, der.oid(curve.oid))
        by_spki[self.spki] = self

    def sign(self, data, algorithm):
        return DSS.new(self._key, "deterministic-rfc6979", encoding="der").sign(_hashed(algorithm.hash, data))


def ec_spki(point, parameters):
    return der.seq(der.seq(der.oid("1.2.840.10045.2.1"), parameters), der.bit_string(point))


# --- RSA


def rsa_spki(modulus, exponent=65537, oid="1.2.840.113549.1.1.1", parameters=der.null()):
    key = der.seq(der.integer(modulus), der.integer(exponent))
    return der.seq(der.seq(der.oid(oid), parameters), der.bit_string(key))


def pss_spki(key, parameters=b""):
    """The key `key`, but for RSASSA-PSS only."""
    return rsa_spki(key.modulus, oid=_PSS, parameters=parameters)


class RsaKey:
    default = pkcs1()

    def __init__(self, label, bits=2048):
        self.label = label
        self._key = RSA.generate(bits, randfunc=SHAKE256.new(b"siptls corpus " + label.encode()).read)
        self.modulus = self._key.n
        self.spki = rsa_spki(self.modulus)
        by_spki[self.spki] = self

    def raw(self, number):
        """The private operation on a number of the caller's, for paddings that no library would make."""
        return pow(number, self._key.d, self._key.n)

    def sign(self, data, algorithm):
        hashed = _hashed(algorithm.hash, data)
        if algorithm.scheme != "pss":
            return pkcs1_15.new(self._key).sign(hashed)
        mask = _HASH_MODULES[algorithm.mgf1]
        return pss_signature.new(
            self._key,
            mask_func=lambda seed, count: pss_signature.MGF1(seed, count, mask),
            salt_bytes=algorithm.salt,
            rand_func=lambda count: _stream(hashed.hexdigest(), count),
        ).sign(hashed)


# --- Keys by name

_made = {}


def ec(label, curve=P256):
    name = (label, curve.oid)
    if name not in _made:
        _made[name] = EcKey(label, curve)
    return _made[name]


def rsa(label="rsa", bits=2048):
    name = (label, bits)
    if name not in _made:
        _made[name] = RsaKey(label, bits)
    return _made[name]


def modulus_without_key(bits):
    """For keys of leaves, which sign nothing here."""
    number = int.from_bytes(_stream(f"modulus {bits}", (bits + 7) // 8), "big")
    return number % (1 << (bits - 1)) | 1 << (bits - 1) | 1
