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
    size = words.size(case["size"]) if words.is_number(case.get("size")) else str(case.get("size", ""))
    return " ".join([size] + [version(case)] * (case.get("version") == "1.2") + rest(case, "size", "version"))


MEMORY = {"idle": "idle connection", "many": "held at once", "context": "context"}


def memory(case):
    parts = [MEMORY.get(case.get("what"), str(case.get("what", "")))]
    counted = ("anchors", "connections") if case.get("what") == "many" else ("anchors",)
    parts += [words.plural(case[name], name) for name in counted if words.is_number(case.get(name))]
    parts += [version(case)] if "version" in case else []
    parts += [name for name in ("mutual", "tickets") if case.get(name)]
    return ", ".join(parts + rest(case, "what", "anchors", "connections", "version", "mutual", "tickets"))


def memory_size(case):
    """The same where it is said already what is measured."""
    return memory(case).partition(", ")[2]


def scale(case):
    return " ".join(words.plural(value, name) if words.is_number(value) else str(value)
                    for name, value in case.items() if name != "version")


STORM = {"full": "full handshakes", "resumed": "tickets, each to its own proxy", "fleet": "tickets, each to the other proxy",
         "refused": "tickets, the proxies turning away"}


def storm(case):
    return " ".join([STORM.get(case.get("kind"), str(case.get("kind", "")))] + rest(case, "kind", "phones", "proxies"))


PEERS = {"shared": "shared", "each": "for each"}


def peer(case):
    kind = "%s %s" % (version(case), case.get("kind", ""))
    context = PEERS.get(case.get("context"), str(case.get("context", "")))
    return ", ".join([part for part in (kind.strip(), context) if part]
                     + rest(case, "version", "kind", "context", "key", "group", "roots"))


CODE = {"library": "the whole library", "client": "the smallest client", "server": "the smallest server"}
CODE_PARTS = {"both": "core and backend"}


def code(case):
    what = case.get("room") or CODE.get(case.get("what"), str(case.get("what", "")))
    part = CODE_PARTS.get(case.get("part"), case.get("part", ""))
    level = "-%s" % case["level"] if case.get("level", "O2") != "O2" else ""
    return ", ".join([part for part in (what, part, level) if part] + rest(case, "what", "room", "part", "level"))


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
            "Every client against every server through siptls, both sides added; beside it the raw libraries against each other.", words.handshake),
    Section("messages", "Messages", "A message is sent, and comes back.", message),
    Section("memory", "Memory", "Heap that malloc() has given out; resident memory as the system counts it, for each connection. Only the measured "
            "side is in the process.", memory),
    Section("scale", "Scale", "What one connection costs must not depend on how much there is of anything else.",
            scale),
    Section("storm", "The storm",
            "A registrar restarts and all its phones come back at once, through two instances of siptls proxy; measured until the last one "
            "has its 200 OK, and how those fared that were turned away. The phones are clients of siptls on the same machine, and "
            "take their part of its processors; who is turned away waits a thirtieth of what RFC 5626 advises.", storm),
    Section("peers", "What one would pick instead",
            "Other layers above OpenSSL and other SIP software, as Debian has them, each against OpenSSL used directly, on the "
            "same definitions, with 150 trusted CAs. Where the context is shared, siptls has seen the server's certificates before, "
            "and remembers their signatures; the others verify them each time.", peer),
    Section("own", "siptls's own code",
            "Instructions in siptls itself, what its TLS library does left out.", words.handshake),
    Section("code", "Size of the code",
            "Of siptls itself, without the TLS library. Code is what size(1) calls text: machine code, constants, and tables for "
            "unwinding. The whole library, and its rooms, are what a shared library has. The smallest client connects a socket, "
            "verifies the server and sends; the smallest server shows a certificate and reads: each is linked with --gc-sections "
            "and one backend. Bars are on the whole library and on what the client takes in, both at -O2.", code),
)
