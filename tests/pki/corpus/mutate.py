#!/usr/bin/env python3
"""mutate.py RULES COUNT [SEED]: writes COUNT random changes of the corpus' chains, as cases, to standard output.

Bits are flipped, certificates swapped, left out and brought in from elsewhere, and dates, extensions and bits changed
under a signature that is made anew. The same numbers give the same cases. Nothing is expected of them: what decides is
whether all verifiers agree. Cases that RULES (tests/corpora/differential-rules.txt) names are left as they are: their
difference would show in every mutant.
"""

import random
import sys

import case
import certificate
import der
import signing
from rules import ALL

LARGEST = 8  # certificates in a case that is changed
DAY = 86400

# --- Certificates taken apart


class Parts:
    """A certificate as a list of elements. ValueError or IndexError for what cannot be taken apart."""

    def __init__(self, data):
        tag, content, rest = der.split(data)
        tbs, self.algorithm, self.signature = der.children(content)
        self.fields = der.children(der.split(tbs)[1])
        if tag != 0x30 or rest or self.fields[0][0] != 0xA0 or len(self.fields) < 7:
            raise ValueError("not of version 3")

    issuer = property(lambda self: self.fields[3])
    subject = property(lambda self: self.fields[5])
    spki = property(lambda self: self.fields[6])

    def extensions(self):
        wrapper = self.fields[-1]
        return der.children(der.split(der.split(wrapper)[1])[1]) if wrapper[0] == 0xA3 else []

    def set_extensions(self, listed):
        if self.fields[-1][0] == 0xA3:
            self.fields.pop()
        if listed:
            self.fields.append(der.explicit(3, der.seq(*listed)))

    def signed_by(self, key, tbs=None):
        self.fields[2] = key.default.identifier
        tbs = tbs or der.seq(*self.fields)
        signature = der.bit_string(key.sign(tbs, key.default))
        return der.seq(tbs, key.default.identifier, signature)


def key_of_issuer(chosen, parts, everything):
    for data in everything:
        try:
            other = Parts(data)
        except (ValueError, IndexError):
            continue
        if other.subject == parts.issuer and other.spki in signing.by_spki:
            return signing.by_spki[other.spki]
    raise ValueError("nobody knows the issuer's key")


# --- Changes: each changes the lists `chain` and `trust`


def flip(chosen, data):
    changed = bytearray(data)
    for _ in range(chosen.choice((1, 1, 1, 2, 8))):
        changed[chosen.randrange(len(changed))] ^= 1 << chosen.randrange(8)
    return bytes(changed)


def flip_bits(chosen, chain, trust, pool):
    at = chosen.randrange(len(chain))
    chain[at] = flip(chosen, chain[at])


def flip_bits_of_anchor(chosen, chain, trust, pool):
    at = chosen.randrange(len(trust))
    trust[at] = flip(chosen, trust[at])


def swap(chosen, chain, trust, pool):
    if len(chain) > 1:
        one, other = chosen.sample(range(len(chain)), 2)
        chain[one], chain[other] = chain[other], chain[one]
    else:
        chain.append(chosen.choice(trust))


def leave_out(chosen, chain, trust, pool):
    if len(chain) > 1:
        chain.pop(chosen.randrange(1, len(chain)))


def bring_in(chosen, chain, trust, pool):
    chain.insert(chosen.randrange(1, len(chain) + 1), chosen.choice(chosen.choice(pool).chain))


def other_leaf(chosen, chain, trust, pool):
    chain[0] = chosen.choice(pool).chain[0]


def other_anchors(chosen, chain, trust, pool):
    trust[:] = chosen.choice(pool).trust + trust[: chosen.randrange(2)]


def again(change):
    """Changes a certificate's parts, and signs them with the key of its issuer."""

    def apply(chosen, chain, trust, pool):
        place = chosen.choice((chain, chain, chain, trust))
        at = chosen.randrange(len(place))
        parts = Parts(place[at])
        key = key_of_issuer(chosen, parts, chain + trust)
        change(chosen, parts, pool)
        place[at] = parts.signed_by(key)

    apply.__name__ = change.__name__
    return apply


@again
def dates(chosen, parts, pool):
    times = der.children(der.split(parts.fields[4])[1])
    offset = chosen.choice((1, 2, 3600, DAY, 400 * DAY)) * chosen.choice((1, -1))
    times[chosen.randrange(2)] = der.time(certificate.NOW + offset)
    parts.fields[4] = der.seq(*times)


@again
def without_extension(chosen, parts, pool):
    listed = parts.extensions()
    listed.pop(chosen.randrange(len(listed)))
    parts.set_extensions(listed)


@again
def foreign_extension(chosen, parts, pool):
    other = Parts(chosen.choice(chosen.choice(pool).chain)).extensions()
    taken = chosen.choice(other)
    listed = [own for own in parts.extensions() if _oid(own) != _oid(taken)]
    listed.insert(chosen.randrange(len(listed) + 1), taken)
    parts.set_extensions(listed)


@again
def criticality(chosen, parts, pool):
    listed = parts.extensions()
    at = chosen.randrange(len(listed))
    oid, *_, value = der.children(der.split(listed[at])[1])
    listed[at] = der.seq(oid, der.boolean(True) if chosen.random() < 0.5 else b"", value)
    parts.set_extensions(listed)


@again
def bits_of_extension(chosen, parts, pool):
    listed = parts.extensions()
    at = chosen.randrange(len(listed))
    *before, value = der.children(der.split(listed[at])[1])
    listed[at] = der.seq(*before, der.octets(flip(chosen, der.split(value)[1])))
    parts.set_extensions(listed)


@again
def bits_of_field(chosen, parts, pool):
    at = chosen.randrange(len(parts.fields))
    parts.fields[at] = flip(chosen, parts.fields[at])


@again
def other_subject(chosen, parts, pool):
    parts.fields[5] = Parts(chosen.choice(chosen.choice(pool).chain)).subject


@again
def other_issuer(chosen, parts, pool):
    parts.fields[3] = Parts(chosen.choice(chosen.choice(pool).chain)).subject


def _is_compressed(spki):
    """Whether it has a point that wolfSSL, as siptls builds it, cannot check a signature with."""
    octets = der.split(der.children(der.split(spki)[1])[-1])[1]
    on_p256 = signing.ec_spki(octets[1:], der.oid(signing.P256.oid)) == spki
    return on_p256 and octets[1:2] in (b"\x02", b"\x03")


@again
def other_key(chosen, parts, pool):
    spki = Parts(chosen.choice(chosen.choice(pool).chain)).spki
    if _is_compressed(spki):
        raise ValueError
    parts.fields[6] = spki


def other_signer(chosen, chain, trust, pool):
    at = chosen.randrange(len(chain))
    chain[at] = Parts(chain[at]).signed_by(signing.ec("mutant"))


def _oid(extension):
    return der.children(der.split(extension)[1])[0]


CHANGES = (
    flip_bits,
    flip_bits,
    flip_bits_of_anchor,
    swap,
    leave_out,
    bring_in,
    other_leaf,
    other_anchors,
    dates,
    dates,
    without_extension,
    without_extension,
    foreign_extension,
    foreign_extension,
    criticality,
    bits_of_extension,
    bits_of_extension,
    bits_of_field,
    bits_of_field,
    other_subject,
    other_issuer,
    other_key,
    other_signer,
)


# --- Cases


def ends_now(base):
    """OpenSSL does not count the last second of a certificate's validity."""
    now = der.split(der.time(base.time))[1]
    return any(now in data for data in base.chain + base.trust)


def mutant(chosen, number, pool):
    """Tries until a change fits."""
    while True:
        base = chosen.choice(pool)
        chain, trust = list(base.chain), list(base.trust)
        change = chosen.choice(CHANGES)
        try:
            change(chosen, chain, trust, pool)
        except (ValueError, IndexError):
            continue
        rule, label = base.id.split("::")
        name = f"{label}~{number}-{change.__name__}"
        return case.Case(rule, name, "other@0", chain, trust, base.time, base.name, base.kind, base.depth)


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        named = {line.split()[2] for line in file if line.split("#")[0].strip()}
    count, seed = int(arguments[1]), int(arguments[2]) if len(arguments) > 2 else 1
    every = [base for make in ALL.values() for base in make() if base.id not in named]
    pool = [base for base in every if len(base.chain) + len(base.trust) <= LARGEST and not ends_now(base)]
    chosen = random.Random(seed)
    for number in range(count):
        mutant(chosen, number, pool).write(sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
