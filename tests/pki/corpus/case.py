"""Cases: a chain, what is trusted, and what the verdict has to be."""

import certificate


class Case:
    def __init__(self, rule, label, flags, chain, trust, time, name, kind, depth):
        self.id = f"{rule}::{label}"
        self.rule, self.flags, self.time, self.name, self.kind, self.depth = rule, flags, time, name, kind, depth
        self.chain = [_bytes_of(item) for item in chain]
        self.trust = [_bytes_of(item) for item in trust]

    @property
    def answer(self):
        """As siptls-verdicts gives it."""
        names = {flag.split("@")[0] for flag in self.flags.split(",")}
        if not self.flags:
            return "accept"
        return "unsupported" if names <= {"unsupported", "unreadable"} else "reject"

    def write(self, out):
        """In the format of the corpora; the flags stand in a comment before the case."""
        out.write(f"# flags {self.id} {self.answer} {self.flags or 'none'}\n")
        out.write(f"case {self.id}\nkind {self.kind}\nexpect {1 if self.answer == 'accept' else 0}\n")
        out.write(f"time {self.time}\n")
        if self.name is not None:
            out.write(f"name {self.name}\n")
        if self.depth is not None:
            out.write(f"depth {self.depth}\n")
        for item in self.trust:
            out.write(f"T {item.hex()}\n")
        if len(self.chain) > 1:
            out.write(f"I {' '.join(item.hex() for item in self.chain[1:])}\n")
        out.write(f"L {self.chain[0].hex()}\nend\n")


def _bytes_of(item):
    return item if isinstance(item, bytes) else item.der


class Rule:
    """Collects the cases of one rule."""

    def __init__(self, name):
        self.name = name
        self.cases = []

    def _add(self, label, flags, chain, trust, time=certificate.NOW, name=None, kind="SERVER", depth=None):
        trust = trust if isinstance(trust, (list, tuple)) else [trust]
        self.cases.append(Case(self.name, label, flags, chain, trust, time, name, kind, depth))

    def accept(self, label, chain, trust, **how):
        """`chain`: leaf first. `trust`: an anchor, or several."""
        self._add(label, "", chain, trust, **how)

    def reject(self, label, flags, chain, trust, **how):
        """`flags`: "expired@0,untrusted@1", in the order of their bits."""
        assert flags
        self._add(label, flags, chain, trust, **how)

    def expect(self, label, flags, chain, trust, **how):
        """Accepts if `flags` is empty: for tables."""
        self._add(label, flags, chain, trust, **how)
