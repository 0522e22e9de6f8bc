#!/usr/bin/env python3
"""A soak of `siptls proxy` on one backend: connections that come and go, certificates and tickets that change each second,
peers that die, a disk that is full, a clock that jumps. At the end: is its memory flat, are its descriptors, and is every
byte where it belongs?

soak.py --tool FILE --load FILE --clock FILE --pki FOLDER [--backend NAME] [--minutes N] [--connections N] ...
"""
import argparse
import json
import mmap
import os
import random
import resource
import secrets
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 150  # seconds for an end, on a machine that has others to serve
HOUR = 3600


def options():
    parser = argparse.ArgumentParser(description="A soak of siptls proxy on one backend.")
    parser.add_argument("--tool", required=True, help="the siptls command")
    parser.add_argument("--load", required=True, help="the program soak-load")
    parser.add_argument("--clock", required=True, help="the library soak-clock")
    parser.add_argument("--pki", required=True, help="the folder of the test certificates")
    parser.add_argument("--backend", default="openssl", help="the proxy's and the clients' TLS library")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--life", type=int, default=60, help="seconds that a connection lives, about")
    parser.add_argument("--threads", type=int, default=2, help="of the proxy")
    parser.add_argument("--reload", type=float, default=1, help="seconds between two reloads")
    parser.add_argument("--disk", type=int, default=65536, help="bytes that the proxy's log may take")
    parser.add_argument("--slope", type=float, default=64, 
                        help="KB a minute that memory may grow after the warm-up, which is a quarter of the time")
    parser.add_argument("--growth", type=float, default=2048, help="KB that it may grow in any case")
    parser.add_argument("--no-memory", action="store_true", help="do not judge the memory: a sanitizer holds it back")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", help="file for the result, as JSON")
    parser.add_argument("--progress", type=float, default=10, help="seconds between two lines")
    return parser.parse_args()


class Lines:
    """The last line that a process has printed; all of its output is read."""

    def __init__(self, stream):
        self.last, self.count = None, 0
        self.thread = threading.Thread(target=self.read, args=(stream,), daemon=True)
        self.thread.start()

    def read(self, stream):
        for line in stream:
            self.last = json.loads(line)
            self.count += 1


class Clock:
    """The proxy's wall clock, by tests/soak/clock.c."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.write(bytes(8))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 8)
        self.jumps = 0

    def jump(self, seconds):
        self.page[:] = struct.pack("=q", seconds)
        self.jumps += 1


class Proxy:
    def __init__(self, o, work, server_port):
        self.work, self.pki, self.reloads = work, o.pki, 0
        self.log_path, self.secrets = f"{work}/log", [secrets.token_hex(32)]
        self.names = ["server", "server-rsa"]
        self.change()
        environment = dict(os.environ, LD_PRELOAD=o.clock, SOAK_CLOCK=f"{work}/clock")
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        command = [o.tool, "proxy", "--backend", o.backend, "--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{server_port}",
                   "--cert", f"{work}/current.pem", "--ticket-secrets", f"{work}/secrets", "--threads", str(o.threads),
                   "--timeout", "60000", "--max-connections", str(2 * o.connections + 100)]
        # A file that can grow no more is what a full disk is to a program that only writes.
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=environment,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (o.disk, o.disk)))
        first = self.process.stdout.readline()
        if not first.startswith("listening on "):
            sys.exit(f"the proxy does not listen: {self.log()}")
        self.port = int(first.rsplit(":", 1)[1])
        self.counters = Lines(self.process.stdout)
        with open(f"/proc/{self.process.pid}/maps") as maps:
            self.has_clock = f"{work}/clock" in maps.read()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def put(self, name, text):
        """A new file in the place of the old one, at once."""
        with open(f"{self.work}/{name}.new", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
        os.replace(f"{self.work}/{name}.new", f"{self.work}/{name}")

    def change(self):
        """Another certificate and key, and a new secret in front of those whose tickets are out."""
        name = self.names[self.reloads % len(self.names)]
        with open(f"{self.pki}/{name}.chain.pem") as chain, open(f"{self.pki}/{name}.key") as key:
            self.put("current.pem", chain.read() + key.read())
        if self.reloads % 5 == 0:
            self.secrets = [secrets.token_hex(32)] + self.secrets[:3]
        self.put("secrets", "\n".join(self.secrets) + "\n")

    def reload(self):
        self.reloads += 1
        self.change()
        self.process.send_signal(signal.SIGHUP)

    def count(self):
        """New counters; None if it does not answer."""
        before, end = self.counters.count, time.monotonic() + PATIENCE
        self.process.send_signal(signal.SIGUSR1)
        while self.counters.count == before:
            if time.monotonic() > end or self.process.poll() is not None:
                return None
            time.sleep(0.01)
        return self.counters.last

    def memory(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def slope(samples):
    """KB a minute: the line with the least squares through (seconds, KB)."""
    n = len(samples)
    if n < 3:
        return 0.0
    mean_t, mean_m = sum(t for t, _ in samples) / n, sum(m for _, m in samples) / n
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return 60 * sum((t - mean_t) * (m - mean_m) for t, m in samples) / spread if spread else 0.0


class Soak:
    def __init__(self, o, work):
        self.o = o
        self.chance = random.Random(o.seed)
        self.clock = Clock(f"{work}/clock")
        self.load = subprocess.Popen(
            [o.load, "--backend", o.backend, "--connections", str(o.connections), "--life", str(o.life), "--seed", str(o.seed),
             "--trust", f"{o.pki}/root.pem,{o.pki}/root-rsa.pem"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.proxy = Proxy(o, work, int(self.load.stdout.readline()))
        self.proxy.count()  # it answers once all its threads are there
        self.idle_descriptors = self.proxy.descriptors()
        self.load.stdin.write(f"{self.proxy.port}\n")
        self.load.stdin.flush()
        self.clients = Lines(self.load.stdout)
        self.samples, self.peak_descriptors, self.problems = [], 0, []

    def problem(self, text):
        self.problems.append(text)
        print(f"{self.o.backend}: PROBLEM: {text}", flush=True)

    def tell(self, seconds, memory, descriptors):
        now = self.clients.last or {}
        print(f"{self.o.backend} {seconds:6.0f} s: {now.get('live', 0)} connections, {memory / 1024:.1f} MB, {descriptors} "
              f"descriptors, {now.get('full', 0)}+{now.get('resumed', 0)} handshakes (full+resumed), "
              f"{now.get('bytes', 0) / 1e6:.1f} MB echoed, {self.proxy.reloads} reloads, {self.clock.jumps} clock jumps, "
              f"{now.get('wrong', 0)} errors", flush=True)

    def run(self):
        start = time.monotonic()
        end, told, jumped = start + self.o.minutes * 60, start, start
        while (now := time.monotonic()) < end and not self.problems:
            if self.proxy.process.poll() is not None:
                self.problem(f"the proxy ended with {self.proxy.process.returncode}")
                break
            if self.load.poll() is not None:
                self.problem(f"the load ended with {self.load.returncode}")
                break
            self.proxy.reload()
            if now - jumped >= 7 * self.o.reload:
                jumped = now
                self.clock.jump(self.chance.choice([0, 1, -1]) * self.chance.randrange(400 * 24 * HOUR))
            memory, descriptors = self.proxy.memory(), self.proxy.descriptors()
            self.samples.append((now - start, memory))
            self.peak_descriptors = max(self.peak_descriptors, descriptors)
            if now - told >= self.o.progress:
                told += self.o.progress
                self.tell(now - start, memory, descriptors)
            time.sleep(max(0.0, self.o.reload - (time.monotonic() - now)))
        self.seconds = time.monotonic() - start

    def end(self):
        """The load ends; then nothing may be left in the proxy; then that ends too."""
        self.load.stdin.close()
        try:
            self.load.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.problem("the load does not come to its end")
            self.load.kill()
            self.load.wait()
        self.clients.thread.join(5)
        if self.proxy.process.poll() is not None:
            self.counters = None
            return
        limit = time.monotonic() + PATIENCE
        while (counters := self.proxy.count()) and self.live(counters) > 0 and time.monotonic() < limit:
            time.sleep(0.2)
        self.counters = counters
        self.idle_memory, left = self.proxy.memory(), self.proxy.descriptors()
        if counters is None:
            self.problem("the proxy does not print its counters")
        elif self.live(counters) > 0:
            self.problem(f"{self.live(counters)} connections are left in the proxy")
        if left != self.idle_descriptors:
            self.problem(f"{left} descriptors are left in the proxy, {self.idle_descriptors} at the start")
        self.proxy.process.send_signal(signal.SIGTERM)
        try:
            status = self.proxy.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.problem("the proxy does not end")
            self.proxy.process.kill()
            status = self.proxy.process.wait()
        if status != 0:
            self.problem(f"the proxy ended with {status}")

    @staticmethod
    def live(counters):
        return counters["live"]

    def judge(self):
        o, clients = self.o, self.clients.last
        warm_up = min(self.seconds / 2, max(self.seconds / 4, 4 * o.life))
        warm = [(t, m) for t, m in self.samples if t >= warm_up]
        rate = slope(warm)
        growth = rate * (warm[-1][0] - warm[0][0]) / 60 if warm else 0.0
        if not o.no_memory and rate > o.slope and growth > o.growth:
            self.problem(f"memory grows by {rate:.1f} KB a minute, {growth:.0f} KB in all")
        if clients is None or self.load.returncode != 0 or clients["wrong"] > 0:
            self.problem(f"{clients['wrong'] if clients else 'all'} connections went wrong")
        if clients and clients["bytes"] == 0:
            self.problem("nothing passed")
        if clients and not clients["resumed"]:
            self.problem("nobody resumed")
        if not self.proxy.has_clock:
            self.problem("the proxy's clock is not the one that jumps")
        most = 2 * (o.connections + 64) + self.idle_descriptors + 2 * o.connections // 5 + 64
        if self.peak_descriptors > most:
            self.problem(f"{self.peak_descriptors} descriptors at once, more than {most}")
        log_size = os.path.getsize(self.proxy.log_path)
        if log_size < o.disk:
            self.problem(f"the disk was not full: {log_size} bytes of {o.disk} in the log")
        if self.counters and self.counters["reloads"]["bad"] > 0:
            self.problem(f"{self.counters['reloads']['bad']} reloads failed")
        if self.counters and not self.counters["reloads"]["good"]:
            self.problem("nothing was reloaded")
        return {
            "backend": o.backend, "minutes": round(self.seconds / 60, 2), "connections": o.connections,
            "memory_kb": {"warm": warm[0][1] if warm else 0, "end": warm[-1][1] if warm else 0,
                          "peak": max((m for _, m in self.samples), default=0),
                          "idle_at_end": getattr(self, "idle_memory", 0),
                          "slope_per_minute": round(rate, 2), "growth": round(growth), "warm_up_s": round(warm_up)},
            "descriptors": {"idle": self.idle_descriptors, "peak": self.peak_descriptors},
            "clients": clients, "reloads": self.proxy.reloads, "clock_jumps": self.clock.jumps,
            "log_bytes": log_size, "proxy": self.counters, "problems": self.problems, "seed": o.seed,
        }


def show(result):
    memory, clients = result["memory_kb"], result["clients"] or {}
    rows = [
        ("time", f"{result['minutes']} min, {result['connections']} connections, seed {result['seed']}"),
        ("memory", f"{memory['warm'] / 1024:.1f} MB warm, {memory['end'] / 1024:.1f} MB at the end, peak "
                   f"{memory['peak'] / 1024:.1f} MB; {memory['slope_per_minute']} KB a minute after {memory['warm_up_s']} s"),
        ("descriptors", f"{result['descriptors']['idle']} idle, {result['descriptors']['peak']} at most"),
        ("connections", f"{sum(clients.get('ended', {}).values())}: "
                        + ", ".join(f"{number} {name}" for name, number in clients.get("ended", {}).items())),
        ("handshakes", f"{clients.get('full')} full, {clients.get('resumed')} resumed"),
        ("echoed", f"{clients.get('bytes', 0) / 1e6:.1f} MB, each byte compared"),
        ("disturbed by", f"{result['reloads']} reloads, {result['clock_jumps']} clock jumps, a log that may hold "
                         f"{result['log_bytes']} bytes and is full"),
        ("errors", f"{clients.get('wrong')}, of them stuck {clients.get('stuck')}"),
    ]
    for name, text in rows:
        print(f"  {name:13} {text}")
    print(f"{result['backend']}: {'GOOD' if not result['problems'] else 'BAD: ' + '; '.join(result['problems'])}", flush=True)


def main():
    o = options()
    with tempfile.TemporaryDirectory(prefix="siptls-soak-") as work:
        soak = Soak(o, work)
        try:
            soak.run()
            soak.end()
            result = soak.judge()
            if soak.problems:
                print(soak.proxy.log()[-3000:])
        finally:
            for process in (soak.load, soak.proxy.process):
                if process.poll() is None:
                    process.kill()
                    process.wait()
    show(result)
    if o.report:
        with open(o.report, "w") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return 1 if result["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
