#!/usr/bin/env python3
"""run.py DRIVER BACKEND [--version V] [--only PART] [--texts]: every case of cases.py against one backend.

Each case says what siptls must answer and which alert must be on the wire. What a library does otherwise stands in
deviations.txt, with its reason; a deviation that is not there fails, and so does one that is there and has gone.
README.md says how to write a case.
"""
import argparse
import fnmatch
import os
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    from tls import Alerted, Ended, Identity, Peer, Unexpected
except ImportError as missing:
    system = "/usr/bin/python3"  # another Python may stand before the distribution's
    if os.path.exists(system) and os.path.realpath(sys.executable) != os.path.realpath(system):
        os.execv(system, [system] + sys.argv)
    print(f"skipped: PyCryptodome is not there, which encrypts for the peer ({missing.name})")
    sys.exit(77)
from cases import CASES  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
STALL_S = 60
GROWTH_MAX_KB = 64 * 1024  # what one connection may add to the most memory ever used, sanitizers included


class Driver:
    """The program with siptls in it; started again if it dies."""

    def __init__(self, program, backend):
        self.command = [program, backend]
        self.process = None

    def start(self):
        if self.process is not None:
            return
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(STALL_S)
        self.process = subprocess.Popen(self.command, stdin=theirs)
        theirs.close()
        self.version = self.socket.recv(256).decode()

    def connect(self, words):
        """A connection to siptls, set up as `words` say."""
        self.start()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        socket.send_fds(self.socket, [words.encode()], [theirs.fileno()])
        theirs.close()
        ours.settimeout(STALL_S)
        return ours

    def report(self):
        """What siptls says of the connection; None if the program has died or hangs."""
        try:
            answer = self.socket.recv(4096).decode()
        except OSError:
            answer = ""
        if not answer:
            self.stop()
            return None
        return dict(line.partition(" ")[::2] for line in answer.splitlines())

    def stop(self):
        """Its exit code; that of a program that hangs is not 0."""
        if self.process is None:
            return 0
        self.socket.close()
        try:
            code = self.process.wait(STALL_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process = None
        return code


def play(driver, case, identities):
    """Runs a case: the peer as it is in the end, siptls's report, and what went wrong in the script."""
    session, again = None, ""
    if case.first is not None:
        p, report, trouble = play(driver, case.first, identities)
        session, again = p.session, " again=1"
        if session is None or trouble:
            return p, report, trouble or "the connection before gave no session"
        time.sleep(case.options.get("pause", 0))
    with driver.connect(case.words + again) as sock:
        identity = identities["server" if case.server else "phone"]
        p = Peer(sock, case.version, identity, case.hooks, case.options, session)
        trouble = ""
        try:
            case.script(p)
        except (Alerted, Ended):
            pass
        except Unexpected as error:
            trouble = str(error)
        except TimeoutError:
            trouble = "stalled"
        try:
            p.hang_up()
        except OSError:
            pass  # the other side has gone
        try:
            p.drain()
        except TimeoutError:
            trouble = "stalled"
        return p, driver.report(), trouble


def outcome(p, report, trouble):
    """In a word or two: the result and the alert, as in "PROTOCOL 47"; and whether the alert could be read."""
    if report is None:
        return "CRASH"
    if trouble == "stalled":
        return "STALLED"
    result = report["handshake"] if report["handshake"] != "STLS_OK" else report["end"]
    result = result.replace("STLS_E_", "").replace("STLS_", "")
    if result == "CLOSED" and report["handshake"] == "STLS_OK" and not trouble:
        result = "OK" if p.got_data == p.sent_data else "LOST"
    number, how = p.alert or ("-", "")
    told = report["sent"] if report["sent"] != "-1" else "-"
    words = [result, str(number)] + ([how] if how else [])
    if str(number) != told and how != "unreadable":
        words += ["told", told]
    return " ".join(words)


def faults(p, report, result):
    """What is wrong whatever the case: data that nobody sent, memory, an error that does not say what happened."""
    found = []
    if report is None:
        return found
    if report["handshake"] != "STLS_OK" and int(report["length"]) > 0:
        found.append("data was delivered without a handshake")
    if report["handshake"] == "STLS_OK" and "finished" in p.skipped:
        found.append("the handshake counts as over without the peer's Finished")
    if not p.sent_data.startswith(report["data"].encode()):
        found.append(f"data was delivered that nobody sent: {report['data'][:40]}")
    if int(report["length"]) > len(p.sent_data):
        found.append(f"{report['length']} bytes were delivered of {len(p.sent_data)}")
    if report["late"] != "0":
        found.append("data was delivered after the end")
    if report["secure"] != "0" and not result.startswith(("OK", "CLOSED", "EOF", "LOST")):
        found.append("the connection that failed is called secure")
    if report["handshake"] == "STLS_OK":
        if report["peer"] not in ("-", p.identity.chain[0][-16:].hex()):
            found.append("siptls takes the peer for somebody else")
        if report["resumed"] != str(int(p.resumed)):
            found.append("siptls and the peer do not agree whether a session was resumed")
    if int(report["grown"]) > GROWTH_MAX_KB:
        found.append(f"memory grew by {report['grown']} KB")
    if not result.startswith("OK") and len(report["text"]) < 20:
        found.append(f"the error says \"{report['text']}\"")
    return found


def deviations(backend, version):
    """Of deviations.txt for this backend: {case: outcome}, what is wrong with the file, and whether it knows this
    version of the library and who has built it."""
    origins = dict(word.split("=") for word in os.environ.get("SIPTLS_ORIGINS", "").split())
    build = origins.get(backend, "system" if backend == "openssl" else "built")
    found, wrong, reason, known = {}, [], False, False
    with open(os.path.join(HERE, "deviations.txt"), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                reason = line.startswith("#")
                continue
            if line.startswith("known "):
                _, where, bound, *builds = line.split()
                known = known or (where == backend and version.startswith(bound) and build in builds)
                continue
            where, pattern, expected = line.split(None, 2)
            where, _, bound = where.partition("/")
            if where != backend or not version.startswith(bound):
                continue
            matched = [case for case in CASES if fnmatch.fnmatchcase(case.name, pattern)]
            if not reason:
                wrong.append(f"{number}: no reason stands above it")
            if not matched:
                wrong.append(f"{number}: no case is called {pattern}")
            for case in matched:
                outcome = expected.replace("@", case.expected)
                if outcome == found.get(case.name, case.expected):
                    wrong.append(f"{number}: {outcome} is expected of {case.name} anyway")
                found[case.name] = outcome
    return found, wrong, known


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("driver")
    parser.add_argument("backend")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--texts", action="store_true", help="shows each outcome and siptls's sentence")
    options = parser.parse_args()

    build = os.path.dirname(os.path.dirname(os.path.realpath(options.driver)))
    pki = os.environ.setdefault("SIPTLS_TEST_PKI", os.path.join(build, "pki"))
    identities = {name: Identity(pki, name) for name in ("server", "phone")}
    driver = Driver(options.driver, options.backend)
    driver.start()
    listed, wrong, exact = deviations(options.backend, driver.version)
    if not exact:
        print(f"SKIP outcomes: deviations.txt does not know this build of {options.backend} {driver.version}")
    passed = failed = 0
    for complaint in wrong:
        print(f"FAIL  deviations.txt:{complaint}")
        failed += 1
    for case in CASES:
        if options.only not in case.name:
            continue
        p, report, trouble = play(driver, case, identities)
        got, expected = outcome(p, report, trouble), listed.get(case.name, case.expected)
        found = faults(p, report, got)
        if got not in expected.split(" | ") and (exact or got in ("CRASH", "STALLED")):
            found.insert(0, f"expected {expected}, got {got}" + (f" ({trouble})" if trouble else ""))
        text = report["text"] if report else ""
        if options.texts:
            print(f"{case.name:44} {got:24} {text}")
        if found:
            failed += 1
            print(f"FAIL  {case.name}: {'; '.join(found)}\n      {text}")
        else:
            passed += 1
    code = driver.stop()
    if code != 0:
        failed += 1
        print(f"FAIL  the driver ended with exit code {code}")
    print(f"{passed} passed, {failed} failed, {0 if exact else 1} skipped")
    return 1 if failed or not passed else 0


sys.exit(main())
