"""The sections of a report: what each measures, and the words for its cases."""
from dataclasses import dataclass
from typing import Callable

import words


def version(case):
    return "TLS %s" % case["version"] if "version" in case else ""


def rest(case, *used):
    """What a case says besides the fields already told."""
    return ["%s %s" % (name.replace("_", " "), words.yes_no(value)) for name, value in case.items() if name not in used]


def message(case):
    return " ".join([words.size(case["size"])] * ("size" in case) + [version(case)] * (case.get("version") == "1.2")
                    + rest(case, "size", "version"))


MEMORY = {"idle": "idle connection", "handshake": "peak in the handshake", "context": "a context",
          "trust": "a trust", "held": "held at once"}


def memory(case):
    what = MEMORY.get(case.get("what"), case.get("what", ""))
    counts = [words.plural(case[name], name) for name in ("anchors", "connections") if name in case]
    return " ".join([what] + counts + rest(case, "what", "anchors", "connections", "version")
                    + [version(case)] * (case.get("version") == "1.2")).strip()


def scale(case):
    return " ".join(words.plural(value, name) if words.is_number(value) else str(value)
                    for name, value in case.items() if name != "version")


STORM = {"full": "full handshakes", "resumed": "tickets of the same server", "fleet": "tickets of the fleet's ring"}


def storm(case):
    return " ".join([STORM.get(case.get("tickets"), str(case.get("tickets", "")))] + rest(case, "tickets", "phones"))


PEERS = {"shared": "context shared", "per-connection": "context per connection"}


def peer(case):
    return " ".join([PEERS.get(case.get("context"), str(case.get("context", "")))] + rest(case, "context", "version"))


def plain(case):
    return ", ".join(rest(case))


def memory_size(case):
    """A case of the memory, where it is said already what is measured."""
    return memory({name: value for name, value in case.items() if name != "what"})


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    intro: str
    label: Callable  # the words for a case


SECTIONS = (
    Section("handshake", "Handshakes",
            "Each library through siptls, and used directly by a careful author, in the same run and by turns: same "
            "version of the library, same suites, the same chain verified, the same host name checked.",
            words.handshake),
    Section("cross", "Each client against each server",
            "Every client against every server through siptls, TLS 1.3.", words.handshake),
    Section("messages", "Messages", "A message is sent, and comes back.", message),
    Section("memory", "Memory", "Heap as malloc() is asked for it; resident memory as the system counts it.", memory),
    Section("scale", "Scale", "What one connection costs must not depend on how much there is of anything else.",
            scale),
    Section("storm", "The storm",
            "A registrar restarts and all its phones come back at once, through siptls proxy.", storm),
    Section("peers", "What one would pick instead",
            "Other layers above OpenSSL and other SIP software, as Debian has them, on the same definitions.", peer),
    Section("own", "siptls's own code",
            "Instructions in siptls itself, what its TLS library does left out.", words.handshake),
    Section("code", "Size of the code", "What siptls adds to a program: its text section.", plain),
)
