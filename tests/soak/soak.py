#!/usr/bin/env python3
"""A soak of `siptls proxy` on one backend: connections that come and go, certificates and tickets that change each second,
peers that die, a disk that is full, a clock that jumps. At the end: is its memory flat, are its descriptors, and is every
byte where it belongs?

Its memory is judged twice. Of the heap, the blocks that are in use are counted while there is no connection: once early, and
once at the end; however short the run, what each connection leaves behind is seen. Of the resident memory, the slope is
taken, which sees what is no leak but grows all the same; that takes many minutes.

soak.py --tool FILE --load FILE --clock FILE --pki FOLDER [--heap FILE] [--backend NAME] [--minutes N] [--connections N] ...
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

# What may be there at the second rest that was not at the first: what is made once, such as the place where OpenSSL keeps a
# thread's errors. Short runs were seen to leave no block, and some bytes more or less.
BLOCKS, BYTES = 32, 8192


def options():
    parser = argparse.ArgumentParser(description="A soak of siptls proxy on one backend.")
    parser.add_argument("--tool", required=True, help="the siptls command")
    parser.add_argument("--load", required=True, help="the program soak-load")
    parser.add_argument("--clock", required=True, help="the library soak-clock")
    parser.add_argument("--heap", help="the library soak-heap; without it the heap is not judged: a sanitizer has one of its own")
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
    parser.add_argument("--growth", type=float, default=2048, help="KB that it may grow in any case; inf: it is not judged")
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


def shared(path, size):
    """What a library in the proxy shares with us."""
    with open(path, "wb") as file:
        file.write(bytes(size))
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), size)


class Heap:
    """What the proxy has in use, by tests/soak/heap.c."""

    def __init__(self, path):
        self.page = shared(path, 16)

    def now(self):
        return struct.unpack("=qq", self.page[:])


class Clock:
    """The proxy's wall clock, by tests/soak/clock.c."""

    def __init__(self, path):
        self.page = shared(path, 8)
        self.jumps = 0

    def jump(self, seconds):
        self.page[:] = struct.pack("=q", seconds)
        self.jumps += 1


class Proxy:
    def __init__(self, o, work, server_port):
        self.work, self.pki, self.reloads = work, o.pki, 0
        self.log_path, self.secrets = f"{work}/log", [secrets.token_hex(32) for _ in range(4)]
        self.names = ["server", "server-rsa"]
        self.change()
        environment = dict(os.environ, LD_PRELOAD=" ".join(filter(None, [o.clock, o.heap])), SOAK_CLOCK=f"{work}/clock",
                           SOAK_HEAP=f"{work}/heap")
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
            self.maps = maps.read()

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

    def until(self, holds):
        """The counters for which that is true; None if they do not come to it."""
        end = time.monotonic() + PATIENCE
        while (counters := self.count()) and not holds(counters):
            if time.monotonic() > end:
                return None
            time.sleep(0.05)
        return counters

    def rest(self):
        """Loads what is loaded at every rest, and waits until no connection is there; the counters then, or None."""
        self.reloads |= 1
        self.reload()
        before = self.count()  # a reload that it begins after this reads the new files
        self.process.send_signal(signal.SIGHUP)
        return before and self.until(lambda now: now["live"] == 0 and now["reloads"]["good"] > before["reloads"]["good"])

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
        self.clock_path, self.heap_path = f"{work}/clock", f"{work}/heap"
        self.clock, self.heap = Clock(self.clock_path), Heap(self.heap_path)
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
        seconds = o.minutes * 60
        self.warm_up = min(seconds / 2, max(seconds / 4, 4 * o.life))
        self.resting = []  # at each rest: connections until then, blocks in use, bytes in use

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
        told = jumped = start
        rest, end = start + self.warm_up / 2, start + self.o.minutes * 60
        while not self.problems and ((now := time.monotonic()) < end or len(self.resting) == 0 or self.made() < self.enough()):
            if not self.is_up():
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
            if now >= rest and len(self.resting) == 0 and self.made() >= self.enough():
                self.rest()
                self.order("g")
            time.sleep(max(0.0, self.o.reload - (time.monotonic() - now)))
        self.seconds = time.monotonic() - start

    def is_up(self):
        for name, process in ("proxy", self.proxy.process), ("load", self.load):
            if process.poll() is not None:
                self.problem(f"the {name} ended with {process.returncode}")
        return not self.problems

    def made(self):
        """Connections that have ended."""
        return sum(self.clients.last["ended"].values()) if self.clients.last else 0

    def enough(self):
        """How many of them there must be at the next rest, whatever the time."""
        return self.o.connections + (self.resting[-1][0] if self.resting else 0)

    def order(self, letter):
        """To the load: see load.c."""
        if self.is_up():
            self.load.stdin.write(letter)
            self.load.stdin.flush()

    def rest(self):
        """The load has no connections for a moment."""
        self.order("r")
        end = time.monotonic() + PATIENCE
        while self.is_up() and (self.clients.last["live"] or self.clients.last["servers"]):
            if time.monotonic() > end:
                self.problem("the load does not come to a rest")
                return
            time.sleep(0.05)
        self.look_at_rest()

    def look_at_rest(self):
        """What the proxy has in use without a connection. The last one is freed a moment after it is counted as gone."""
        self.counters = self.proxy.rest()
        if self.counters is None:
            self.problem("the proxy does not come to a rest: a connection is left in it, it reloads nothing, or it is silent")
        heap, still = self.heap.now(), 0
        end = time.monotonic() + PATIENCE
        while still < 10 and time.monotonic() < end:
            time.sleep(0.05)
            before, heap = heap, self.heap.now()
            still = still + 1 if heap == before else 0
        self.resting.append((self.made(), *heap))

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
        self.look_at_rest()
        self.idle_memory, left = self.proxy.memory(), self.proxy.descriptors()
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

    def judge_heap(self):
        """What is in use at the second rest and was not at the first."""
        if not self.o.heap or len(self.resting) != 2:
            return None
        (made, blocks, size), (all_made, blocks_then, size_then) = self.resting
        made, blocks, size = all_made - made, blocks_then - blocks, size_then - size
        if self.heap_path not in self.proxy.maps:
            self.problem("the proxy's heap is not the one that is counted")
        if blocks > BLOCKS or size > BYTES:
            self.problem(f"{made} connections have left {blocks} blocks and {size} bytes in the heap")
        return {"connections": made, "blocks": blocks, "bytes": size}

    def judge(self):
        o, clients = self.o, self.clients.last
        warm = [(t, m) for t, m in self.samples if t >= self.warm_up]
        rate = slope(warm)
        growth = rate * (warm[-1][0] - warm[0][0]) / 60 if warm else 0.0
        if rate > o.slope and growth > o.growth:
            self.problem(f"memory grows by {rate:.1f} KB a minute, {growth:.0f} KB in all")
        heap = self.judge_heap()
        if clients is None or self.load.returncode != 0 or clients["wrong"] > 0:
            self.problem(f"{clients['wrong'] if clients else 'all'} connections went wrong")
        if clients and clients["bytes"] == 0:
            self.problem("nothing passed")
        if clients and not clients["resumed"]:
            self.problem("nobody resumed")
        if self.clock_path not in self.proxy.maps:
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
                          "slope_per_minute": round(rate, 2), "growth": round(growth), "warm_up_s": round(self.warm_up)},
            "heap": heap,
            "descriptors": {"idle": self.idle_descriptors, "peak": self.peak_descriptors},
            "clients": clients, "reloads": self.proxy.reloads, "clock_jumps": self.clock.jumps,
            "log_bytes": log_size, "proxy": self.counters, "problems": self.problems, "seed": o.seed,
        }


def show(result):
    memory, heap, clients = result["memory_kb"], result["heap"], result["clients"] or {}
    rows = [
        ("time", f"{result['minutes']} min, {result['connections']} connections, seed {result['seed']}"),
        ("memory", f"{memory['warm'] / 1024:.1f} MB warm, {memory['end'] / 1024:.1f} MB at the end, peak "
                   f"{memory['peak'] / 1024:.1f} MB; {memory['slope_per_minute']} KB a minute after {memory['warm_up_s']} s"),
        ("heap", f"{heap['blocks']} blocks and {heap['bytes']} bytes left by {heap['connections']} connections" if heap
                 else "not looked at"),
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
