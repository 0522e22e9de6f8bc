#!/usr/bin/env python3
"""Both sides of `siptls proxy`: a SIP server without TLS behind it, TLS clients before it, and what they do to each other.

proxy-peers.py TOOL PKI BACKEND WORK-FOLDER: prints "ok    NAME" or "FAIL  NAME: WHY" for each check.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import pty
import queue
import resource
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

TOOL, PKI, BACKEND, WORK = sys.argv[1:5]
PATIENCE = 20  # seconds; for what must come
checks = []


def check(function):
    checks.append(function)
    return function


class Failed(Exception):
    pass


def must(holds, why):
    if not holds:
        raise Failed(why)


def eventually(condition, why):
    end = time.monotonic() + PATIENCE
    while not condition():
        must(time.monotonic() < end, why)
        time.sleep(0.02)


# --- The server behind


class Server:
    """Takes connections; hands each to `behave`, a function of the socket, in a thread."""

    def __init__(self, behave, context=None):
        self.behave, self.context = behave, context
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.seen = queue.Queue()  # what `behave` returns
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False)
            self.seen.put(self.behave(connection))
        except (OSError, ssl.SSLError) as error:
            self.seen.put(error)
        finally:
            connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept()
        self.listener.close()


def echo(connection):
    """Gives everything back; at the end of what comes, ends too."""
    total = 0
    while data := connection.recv(65536):
        connection.sendall(data)
        total += len(data)
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap()
    return total


def swallow(connection):
    """Takes all, and returns it when the peer has ended."""
    pieces = []
    while data := connection.recv(65536):
        pieces.append(data)
    return b"".join(pieces)


# --- The proxy


class Proxy:
    def __init__(self, port, *arguments, cert="server", stderr=None):
        command = [TOOL, "proxy", "--backend", BACKEND, "--listen", "127.0.0.1:0"]
        if "--cert" not in arguments and "--store" not in arguments:
            command += ["--cert", f"{PKI}/{cert}.chain.pem", "--key", f"{PKI}/{cert}.key"]
        if "--to-tls" not in arguments:
            command += ["--to", f"127.0.0.1:{port}"]
        self.log = open(f"{WORK}/proxy.log", "w+")
        self.process = subprocess.Popen(command + list(arguments), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log if stderr is None else stderr, text=True)
        first = self.process.stdout.readline()
        must(first.startswith("listening on 127.0.0.1:"), f"it does not listen: {self.logged()}")
        self.port = int(first.rsplit(":", 1)[1])

    def logged(self):
        with open(self.log.name) as log:
            return log.read()

    def counters(self):
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stdout.readline())

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def eventually_counts(self, condition, why):
        eventually(lambda: condition(self.counters()), f"{why}: {self.counters()}")

    def stop(self):
        """Its exit code, and the last counters."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, json.loads(out.splitlines()[-1])

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        code = self.process.poll()
        if code is None:
            self.process.terminate()
            code = self.process.wait(PATIENCE)
        self.log.close()
        must(failure or code == 0, f"it ends with {code}: {self.logged()}")


@contextlib.contextmanager
def echo_proxy(*arguments, **more):
    server = Server(echo)
    with Proxy(server.port, *arguments, **more) as proxy:
        yield proxy
    server.close()


# --- Clients


def client_context(cert=None, version=None):
    context = ssl.create_default_context(cafile=f"{PKI}/root.pem")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if cert is not None:
        context.load_cert_chain(f"{PKI}/{cert}.chain.pem", f"{PKI}/{cert}.key")
    return context


CONTEXT = client_context()


def connect(proxy, context=CONTEXT, name="example.test", session=None):
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)
    return context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False, session=session)


def receive(connection, size):
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        must(piece, f"the end came after {len(data)} of {size} bytes")
        data += piece
    return bytes(data)


def send_and_receive(connection, data):
    """Both at the same time, in one thread: Python's TLS sockets do not bear two."""
    got, sent, end = bytearray(), 0, time.monotonic() + PATIENCE
    connection.setblocking(False)
    while len(got) < len(data):
        must(time.monotonic() < end, f"only {len(got)} of {len(data)} bytes came back")
        waits = True
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if sent < len(data):
                sent += connection.send(data[sent:sent + 65536])
                waits = False
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            piece = connection.recv(65536)
            must(piece, f"the end came after {len(got)} of {len(data)} bytes")
            got += piece
            waits = False
        if waits:
            select.select([connection], [connection] if sent < len(data) else [], [], 1)
    connection.settimeout(PATIENCE)
    must(got == data, "what came back differs")


def message(body_len, number=0):
    body = hashlib.sha256(str(number).encode()).hexdigest().encode()
    body = (body * (body_len // len(body) + 1))[:body_len]
    head = (f"MESSAGE sips:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TLS x;branch=z9hG4bK{number}\r\n"
            f"CSeq: {number} MESSAGE\r\nContent-Length: {body_len}\r\n\r\n")
    return head.encode() + body


def ends_with(connection):
    """"closed" after close_notify, "cut" without it, "reset"."""
    try:
        while connection.recv(65536):
            pass
        return "closed"
    except ssl.SSLEOFError:
        return "cut"
    except ConnectionResetError:
        return "reset"
    except ssl.SSLError as error:
        return str(error)


# --- Checks: bytes


@check
def messages_of_every_size_come_through_unchanged():
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        with echo_proxy() as proxy, connect(proxy, client_context(version=version)) as client:
            for number, size in enumerate([0, 1, 100, 1400, 16384, 16385, 65536, 1000000]):
                send_and_receive(client, message(size, number))


@check
def many_small_messages_and_keepalives_come_through_unchanged():
    with echo_proxy() as proxy, connect(proxy) as client:
        stream = b"".join(message(n % 50, n) + (b"\r\n\r\n" if n % 10 == 0 else b"") for n in range(5000))
        send_and_receive(client, stream)
        for n in range(500):
            send_and_receive(client, message(20, n))
        proxy.eventually_counts(lambda counts: counts["bytes"]["to_server"] == counts["bytes"]["to_client"] > len(stream),
                                "they are counted otherwise")


@check
def a_receiver_that_is_slow_holds_the_sender_back():
    server = Server(lambda connection: (time.sleep(1), swallow(connection))[1])
    data = os.urandom(8 << 20)
    with Proxy(server.port) as proxy, connect(proxy) as client:
        client.sendall(data)
        client.unwrap().close()
        must(server.seen.get(timeout=PATIENCE) == data, "not all of it arrived")
    server.close()


@check
def a_client_that_is_slow_holds_the_server_back():
    data = os.urandom(8 << 20)
    server = Server(lambda connection: connection.sendall(data))
    with Proxy(server.port) as proxy, connect(proxy) as client:
        time.sleep(1)
        must(receive(client, len(data)) == data, "what came differs")
        must(ends_with(client) == "closed", "no close_notify behind it")
    server.close()


@check
def five_hundred_connections_at_once():
    with echo_proxy("--threads", "2") as proxy:
        clients = [connect(proxy) for _ in range(500)]
        must(proxy.counters()["live"] == 500, "not all are counted as live")
        for number, client in enumerate(clients):
            client.sendall(message(300, number))
        for number, client in enumerate(clients):
            must(receive(client, len(message(300, number))) == message(300, number), "one got what is not its own")
        for client in clients:
            client.close()
        proxy.eventually_counts(lambda counts: counts["live"] == 0, "some stay")
        must(proxy.counters()["handshakes"]["full"] == 500, "not all handshakes are counted")


@check
def clients_resume_after_a_restart_too():
    secrets = f"{WORK}/secrets"
    with open(secrets, "w") as file:
        file.write("7b" * 32 + "\n")
    os.chmod(secrets, 0o600)
    session = None
    for start in range(2):
        with echo_proxy("--ticket-secrets", secrets) as proxy:
            for resumed in (start > 0, True):
                client = connect(proxy, session=session)
                client.sendall(b"ping")
                must(receive(client, 4) == b"ping", "nothing comes back")
                must(client.session_reused == resumed, f"reused is {client.session_reused}, start {start}")
                session = client.session
                client.close()
            must(proxy.counters()["handshakes"]["resumed"] == 1 + start, f"it is not counted: {proxy.counters()}")


# --- Checks: ends


@check
def a_client_that_closes_is_followed_by_the_server():
    with echo_proxy() as proxy:
        client = connect(proxy)
        send_and_receive(client, b"last words")
        plain = client.unwrap()  # our close_notify, and the proxy's
        must(plain.recv(1) == b"", "the connection stays open")
        proxy.eventually_counts(lambda counts: counts["ended"]["client_closed"] == 1 and counts["live"] == 0,
                                "it did not end")


@check
def after_the_clients_close_the_server_can_still_answer():
    answer = os.urandom(100000)

    def late(connection):
        request = swallow(connection)
        connection.sendall(answer)
        return request

    server = Server(late)
    with Proxy(server.port) as proxy:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = CONTEXT.wrap_bio(incoming, outgoing, server_hostname="example.test")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
            def go_on(call):
                while True:
                    try:
                        return call()
                    except ssl.SSLWantReadError:
                        plain.sendall(outgoing.read())
                        data = plain.recv(65536)
                        incoming.write(data) if data else incoming.write_eof()

            go_on(tls.do_handshake)
            tls.write(b"request")
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            plain.sendall(outgoing.read())  # request and close_notify
            must(server.seen.get(timeout=PATIENCE) == b"request", "the request did not arrive whole")
            total = 0
            while data := plain.recv(65536):
                total += len(data)
            must(total > len(answer), f"only {total} bytes of the answer came after the close")
    server.close()


@check
def a_server_that_closes_is_told_as_close_notify():
    server = Server(lambda connection: connection.sendall(b"bye"))
    with Proxy(server.port) as proxy, connect(proxy) as client:
        must(receive(client, 3) == b"bye", "its last words are missing")
        must(ends_with(client) == "closed", "no close_notify")
        proxy.eventually_counts(lambda counts: counts["ended"]["server_closed"] == 1, "it is not counted")
    server.close()


@check
def a_server_that_resets_is_not_told_as_close_notify():
    def reset(connection):
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = Server(reset)
    with Proxy(server.port) as proxy, connect(proxy) as client:
        client.sendall(b"x")
        must(ends_with(client) == "cut", "the client cannot tell it from a proper end")
        proxy.eventually_counts(lambda counts: counts["ended"]["server_cut"] == 1 and counts["live"] == 0,
                                "it is not counted")
    server.close()


@check
def a_client_that_is_cut_off_ends_the_server_and_is_counted():
    server = Server(swallow)
    with Proxy(server.port) as proxy:
        client = connect(proxy)
        client.sendall(b"half a mess")
        client.close()
        must(server.seen.get(timeout=PATIENCE) == b"half a mess", "what came before is missing")
        proxy.eventually_counts(lambda counts: counts["ended"]["client_cut"] == 1 and counts["live"] == 0,
                                "it is not counted")
    server.close()


@check
def no_server_ends_the_client_with_a_reason():
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))  # and does not listen
    with nobody, Proxy(nobody.getsockname()[1]) as proxy, connect(proxy) as client:
        must(ends_with(client) in ("cut", "reset"), "the client believes in a proper end")
        must("no TCP connection to 127.0.0.1" in proxy.logged(), f"the log does not say why: {proxy.logged()}")
        must(proxy.counters()["server"]["no_tcp"] == 1, "it is not counted")


@check
def idle_connections_end():
    with echo_proxy("--idle", "1") as proxy, connect(proxy) as client:
        send_and_receive(client, b"hello")
        must(ends_with(client) == "closed", "no close_notify")
        must(proxy.counters()["ended"]["idle"] == 1, "it is not counted")


@check
def sigterm_says_goodbye_to_all():
    with echo_proxy() as proxy:
        clients = [connect(proxy) for _ in range(20)]
        for client in clients:
            send_and_receive(client, b"hello")
        silent = socket.create_connection(("127.0.0.1", proxy.port))
        ends = []
        threads = [threading.Thread(target=lambda c=client: (ends.append(ends_with(c)), c.close()))
                   for client in clients]
        for thread in threads:
            thread.start()
        code, counts = proxy.stop()
        for thread in threads:
            thread.join()
        silent.close()
        must(code == 0, f"exit code {code}")
        must(ends == ["closed"] * 20, f"they heard {ends}")
        must(counts["live"] == 0 and counts["ended"]["stopped"] >= 20, f"the last counters: {counts}")


# --- Checks: who gets in


@check
def client_certificates_decide():
    with echo_proxy("--client-ca", f"{PKI}/root.pem") as proxy:
        with connect(proxy, client_context("phone")) as client:
            send_and_receive(client, b"hello")
        for cert, sentence in (("phone-other", "unknown_ca"), (None, "no certificate"), ("phone-expired", "expired")):
            must(turned_away(proxy, client_context(cert)), f"{cert} gets in")
            eventually(lambda: sentence in proxy.logged(), f"{cert}: the log does not say why: {proxy.logged()}")
        must(proxy.counters()["handshakes_failed"]["verify"] == 3, f"they are counted: {proxy.counters()}")


def turned_away(proxy, context):
    try:
        with connect(proxy, context) as client:
            client.sendall(b"x")
            return client.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@check
def sni_chooses_the_certificate():
    other = f"other.test={PKI}/wrong-domain.chain.pem,{PKI}/wrong-domain.key"
    with echo_proxy("--strict-hosts", "--host", other) as proxy:
        with connect(proxy, name="other.test") as client:
            send_and_receive(client, b"hello")
        must(turned_away(proxy, CONTEXT), "a client for another host gets in")


@check
def a_comma_is_part_of_a_protocols_name():
    with echo_proxy("--alpn", "sip/2,other") as proxy:
        context = client_context()
        context.set_alpn_protocols(["x,sip/2", "other"])
        with connect(proxy, context) as client:
            must(client.selected_alpn_protocol() == "other", f"it chooses {client.selected_alpn_protocol()}")


@check
def what_is_no_tls_is_refused():
    with echo_proxy() as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
            plain.sendall(b"OPTIONS sip:example.test SIP/2.0\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while plain.recv(100):
                    pass
        eventually(lambda: "OPTIONS sip:example.test" in proxy.logged(), f"the log does not show it: {proxy.logged()}")
        must(proxy.counters()["handshakes_failed"]["not_tls"] == 1, "it is not counted")


@check
def silent_clients_are_refused_in_time():
    with echo_proxy("--timeout", "300") as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
            must(plain.recv(1) == b"", "something came")
        must("300 ms" in proxy.logged(), f"the log does not say why: {proxy.logged()}")
        must(proxy.counters()["handshakes_failed"]["timeout"] == 1, "it is not counted")


@check
def beyond_the_bound_of_handshakes_is_refused_at_once():
    with echo_proxy("--max-handshakes", "5") as proxy:
        silent = [socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) for _ in range(5)]
        eventually(lambda: proxy.counters()["handshaking"] == 5, "the five do not count as handshakes")
        for _ in range(3):
            must(refused_at_once(proxy), "one more gets in")
        must(proxy.counters()["refused"]["max_handshakes"] == 3, "they are not counted")
        silent.pop().close()
        eventually(lambda: proxy.counters()["handshaking"] == 4, "its place does not become free")
        with connect(proxy) as client:
            send_and_receive(client, b"hello")
        for plain in silent:
            plain.close()


@check
def beyond_the_bound_of_connections_is_refused_at_once():
    with echo_proxy("--max-connections", "3") as proxy:
        clients = [connect(proxy) for _ in range(3)]
        must(refused_at_once(proxy), "a fourth gets in")
        must(proxy.counters()["refused"]["max_connections"] == 1, "it is not counted")
        for client in clients:
            client.close()
        eventually(lambda: proxy.counters()["live"] == 0, "their places do not become free")
        with connect(proxy) as client:
            send_and_receive(client, b"hello")


@check
def without_a_descriptor_it_waits_for_one():
    with echo_proxy() as proxy:
        with connect(proxy) as client:
            send_and_receive(client, b"hello")
        proxy.eventually_counts(lambda counts: counts["live"] == 0, "its descriptors do not become free")
        limits = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))  # also the spare one is above that
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE):
            time.sleep(0.2)
            before, begin = proxy.cpu_seconds(), time.monotonic()
            time.sleep(2)
            share = (proxy.cpu_seconds() - before) / (time.monotonic() - begin)
            must(share < 0.1, f"it uses {share:.0%} of a processor to wait")
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, limits)
        with connect(proxy) as client:
            send_and_receive(client, b"hello")


def refused_at_once(proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
        try:
            return plain.recv(1) == b""
        except ConnectionResetError:
            return True


@check
def a_storm_of_refused_peers_does_not_flood_the_log():
    with echo_proxy() as proxy:
        for _ in range(300):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    plain.recv(1)
        proxy.eventually_counts(lambda counts: counts["handshakes_failed"]["not_tls"] == 300, "not all are counted")
        eventually(lambda: "were left out" in proxy.logged(), f"nothing is left out: {proxy.logged()}")
        must(len(proxy.logged().splitlines()) < 150, "too many lines")


@check
def a_reader_of_the_output_that_stops_reading_stops_nobody():
    server, (log, end), key = Server(echo), os.pipe(), f"{WORK}/lost.key"
    shutil.copy(f"{PKI}/server.key", key)
    with Proxy(server.port, "--cert", f"{PKI}/server.chain.pem", "--key", key, stderr=end) as proxy:
        os.close(end)
        for pipe in log, proxy.process.stdout.fileno():
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(10):  # each is about 1 kB of counters
            proxy.process.send_signal(signal.SIGUSR1)
            time.sleep(0.05)
        for _ in range(6):  # seconds, of ten lines each
            for _ in range(12):
                with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as plain:
                    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    with contextlib.suppress(ConnectionResetError):
                        plain.recv(1)
            time.sleep(1)
        with connect(proxy) as client:
            send_and_receive(client, b"hello")
        os.remove(key)
        for _ in range(100):  # more complaints than the last page has room for
            proxy.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        with connect(proxy) as client:
            send_and_receive(client, b"hello")
        proxy.process.terminate()
        must(proxy.process.wait(PATIENCE) == 0, "it does not end")
    os.close(log)
    server.close()


@check
def nor_does_a_terminal():
    server, (log, end), key = Server(echo), pty.openpty(), f"{WORK}/lost.key"
    shutil.copy(f"{PKI}/server.key", key)
    with Proxy(server.port, "--cert", f"{PKI}/server.chain.pem", "--key", key, stderr=end) as proxy:
        must(os.get_blocking(end), "others' writes to the terminal do not wait any more")
        os.remove(key)
        for _ in range(300):
            proxy.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        with connect(proxy) as client:
            send_and_receive(client, b"hello")
        proxy.process.terminate()
        must(proxy.process.wait(PATIENCE) == 0, "it does not end")
    os.close(log)
    os.close(end)
    server.close()


# --- Checks: reload


def fingerprint(client):
    return hashlib.sha256(client.getpeercert(True)).hexdigest()


def install(folder, name):
    for kind in "chain.pem", "key":
        shutil.copy(f"{PKI}/{name}.{kind}", f"{folder}/new")
        os.rename(f"{folder}/new", f"{folder}/used.{kind}")


@check
def a_reload_under_traffic_disturbs_nobody():
    folder = f"{WORK}/reload"
    os.makedirs(folder, exist_ok=True)
    install(folder, "server")
    arguments = ["--cert", f"{folder}/used.chain.pem", "--key", f"{folder}/used.key"]
    with echo_proxy(*arguments) as proxy, connect(proxy) as old:
        before, stops, rounds = fingerprint(old), threading.Event(), []

        def traffic():
            while not stops.is_set():
                send_and_receive(old, message(2000, len(rounds)))
                rounds.append(1)

        thread = threading.Thread(target=traffic)
        thread.start()
        install(folder, "dns-only")
        proxy.process.send_signal(signal.SIGHUP)
        eventually(lambda: "reload: done" in proxy.logged(), f"no reload: {proxy.logged()}")
        with connect(proxy) as new:
            must(fingerprint(new) != before, "new connections still see the old certificate")
            send_and_receive(new, b"hello")
        done = len(rounds)
        eventually(lambda: len(rounds) > done + 10, "the old connection has stopped")
        shutil.copy(f"{PKI}/server.key", f"{folder}/used.key")  # not the key of the certificate
        proxy.process.send_signal(signal.SIGHUP)
        eventually(lambda: "stays in force" in proxy.logged(), f"a bad pair is taken: {proxy.logged()}")
        with connect(proxy) as still:
            must(fingerprint(still) != before, "a bad reload changed the certificate")
            send_and_receive(still, b"hello")
        stops.set()
        thread.join()
        must(proxy.counters()["reloads"] == {"good": 1, "bad": 1}, "the reloads are not counted")


def open_when_read(fifo):
    """Its end for writing, when somebody has opened the other one."""
    opened = []

    def is_open():
        with contextlib.suppress(OSError):
            opened.append(open(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK), "wb"))
        return opened

    eventually(is_open, f"nobody reads {fifo}")
    return opened[0]


@check
def a_reload_that_waits_keeps_nobody_waiting():
    key, password = f"{WORK}/slow.key", f"{WORK}/slow.password"
    shutil.copy(f"{PKI}/server.key", key)
    with open(password, "w") as file:
        file.write("unused\n")
    with echo_proxy("--cert", f"{PKI}/server.chain.pem", "--key", key, "--password-file", password) as proxy:
        os.remove(key)
        os.mkfifo(key)
        proxy.process.send_signal(signal.SIGHUP)
        for done in 1, 2:  # one, and one that was asked for meanwhile
            with open_when_read(key) as file:
                with connect(proxy) as client:
                    send_and_receive(client, b"hello")
                if done == 1:
                    proxy.process.send_signal(signal.SIGHUP)
                    must(proxy.counters()["reloads"] == {"good": 0, "bad": 0}, "a reload has not waited")
                file.write(open(f"{PKI}/server.key", "rb").read())
            eventually(lambda: proxy.logged().count("reload: done") == done, f"no reload: {proxy.logged()}")
        os.remove(password)
        os.mkfifo(password)
        proxy.process.send_signal(signal.SIGHUP)
        with open_when_read(password):
            proxy.process.terminate()
            must(proxy.process.wait(PATIENCE) == 0, "it does not end while a reload waits")


@check
def a_reload_takes_a_new_crl():
    crls = f"{WORK}/crls.pem"

    def write(*names):
        with open(crls, "w") as file:
            file.writelines(open(f"{PKI}/{name}.pem").read() for name in names)

    write("crl-int", "crl-root")
    with echo_proxy("--client-ca", f"{PKI}/root.pem", "--crl", crls) as proxy:
        with connect(proxy, client_context("phone")) as client:
            send_and_receive(client, b"hello")
            write("crl-int", "crl-root-revoked")
            proxy.process.send_signal(signal.SIGHUP)
            eventually(lambda: "reload: done" in proxy.logged(), f"no reload: {proxy.logged()}")
            send_and_receive(client, b"still there")
        must(turned_away(proxy, client_context("phone")), "a revoked chain gets in")
        eventually(lambda: "revoked" in proxy.logged(), "the log does not say why")


@check
def a_reload_that_fails_leaves_the_ticket_secrets():
    secrets, cas, session = f"{WORK}/reload-secrets", f"{WORK}/reload-cas.pem", None

    def write(digits):
        with open(secrets, "w") as file:
            file.write(digits * 32 + "\n")
        os.chmod(secrets, 0o600)

    write("7b")
    shutil.copy(f"{PKI}/root.pem", cas)
    server, _ = tls_server("server")
    with Proxy(server.port, "--to-tls", "sips:example.test", "--to-address", f"127.0.0.1:{server.port}", "--to-ca", cas,
               "--ticket-secrets", secrets) as proxy:
        for why in "stays in force", "done, for new", None:
            client = connect(proxy, session=session)
            client.sendall(b"ping")
            must(receive(client, 4) == b"ping", "nothing comes back")
            must(client.session_reused == (session is not None), f"reused is {client.session_reused}, before: {why}")
            session = session or client.session
            client.close()
            if why == "stays in force":
                write("8c")
                open(cas, "w").close()
            elif why is not None:
                write("7b")
                shutil.copy(f"{PKI}/root.pem", cas)
            if why is not None:
                proxy.process.send_signal(signal.SIGHUP)
                eventually(lambda: why in proxy.logged(), f"not said: {why}: {proxy.logged()}")
    server.close()


# --- Checks: TLS behind


def tls_server(cert, behave=echo):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{PKI}/root.pem")
    context.load_cert_chain(f"{PKI}/{cert}.chain.pem", f"{PKI}/{cert}.key")
    return Server(behave, context), context


@check
def tls_behind_is_verified():
    for cert, good in ("server", True), ("wrong-domain", False), ("expired", False):
        server, _ = tls_server(cert)
        arguments = ["--to-tls", "sips:example.test", "--to-address", f"127.0.0.1:{server.port}", "--to-ca",
                     f"{PKI}/root.pem"]
        with Proxy(server.port, *arguments) as proxy, connect(proxy) as client:
            if good:
                send_and_receive(client, message(65536))
                client.unwrap().close()
                must(server.seen.get(timeout=PATIENCE) == len(message(65536)), "close_notify was not passed on")
            else:
                must(ends_with(client) == "cut", f"{cert}: the client believes in a proper end")
                must("has no server" in proxy.logged(), f"{cert}: the log does not say why: {proxy.logged()}")
                must(proxy.counters()["server"]["no_tls"] == 1, f"{cert}: it is not counted")
        server.close()


@check
def a_cut_of_tls_behind_is_passed_on_as_a_cut():
    def cut(connection):
        connection.recv(10)
        connection.shutdown(socket.SHUT_WR)  # below TLS

    server, _ = tls_server("server", cut)
    arguments = ["--to-tls", "sips:example.test", "--to-address", f"127.0.0.1:{server.port}", "--to-ca",
                 f"{PKI}/root.pem"]
    with Proxy(server.port, *arguments) as proxy, connect(proxy) as client:
        client.sendall(b"x")
        must(ends_with(client) == "cut", "the client believes in a proper end")
    server.close()


@check
def a_certificate_is_shown_to_a_server_that_asks():
    server, context = tls_server("server")
    context.verify_mode = ssl.CERT_REQUIRED
    arguments = ["--to-tls", "sips:example.test", "--to-address", f"127.0.0.1:{server.port}", "--to-ca",
                 f"{PKI}/root.pem"]
    with Proxy(server.port, *arguments, "--to-cert", f"{PKI}/phone.chain.pem", "--to-key",
               f"{PKI}/phone.key") as proxy, connect(proxy) as client:
        send_and_receive(client, b"hello")
    with Proxy(server.port, *arguments) as proxy, connect(proxy) as client:
        client.settimeout(PATIENCE)
        with contextlib.suppress(OSError, ssl.SSLError):
            client.sendall(b"hello")
        must(ends_with(client) in ("cut", "reset"), "the client believes in a proper end")
        eventually(lambda: "certificate_required" in proxy.logged() or "handshake_failure" in proxy.logged(),
                   f"the log does not say why: {proxy.logged()}")
    server.close()


@check
def a_store_gives_the_certificate():
    store = f"{WORK}/store"
    for command in (["store", "init", "--builtin-from", f"{PKI}/root.pem", "--builtin-list", "all", store],
                    ["device", "install", "--place", "unique", "--cert", f"{PKI}/server.chain.pem", "--key",
                     f"{PKI}/server.key", store]):
        done = subprocess.run([TOOL, *command], capture_output=True, text=True)
        must(done.returncode == 0, f"{command}: {done.stderr}")
    with echo_proxy("--store", store, "--verify", "required") as proxy:
        with connect(proxy, client_context("phone")) as client:
            send_and_receive(client, b"hello")
        must(turned_away(proxy, client_context("phone-other")), "a stranger gets in")


def main():
    for function in checks:
        name = f"{BACKEND}: {function.__name__.replace('_', ' ')}"
        try:
            function()
            print(f"ok    {name}", flush=True)
        except Exception as error:  # whatever it is, the check failed
            print(f"FAIL  {name}: {type(error).__name__} {error}".replace("\n", " | "), flush=True)


main()
