"""Enough of TLS 1.2 and 1.3 to break it: numbers, messages, keys, records.

One suite for each version (AES-128-GCM, SHA-256, ECDSA), the groups x25519 and secp256r1. Whatever is sent can be
anything: nothing here checks what it is told to send, and little of what it reads. RFC 5246, RFC 8446.
"""
import hashlib
import hmac
import os

from Cryptodome.Cipher import AES
from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import ECC
from Cryptodome.Signature import DSS

CCS, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
HELLO_REQUEST, CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA = 0, 1, 2, 4, 5
ENCRYPTED_EXTENSIONS, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 8, 11, 12, 13, 14
CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE, MESSAGE_HASH = 15, 16, 20, 24, 254
SERVER_NAME, MAX_FRAGMENT, STATUS_REQUEST, GROUPS, POINT_FORMATS, SCHEMES, ALPN = 0, 1, 5, 10, 11, 13, 16
EXTENDED_MASTER_SECRET, SESSION_TICKET, PRE_SHARED_KEY, EARLY_DATA, VERSIONS, COOKIE = 23, 35, 41, 42, 43, 44
PADDING, PSK_MODES, CERTIFICATE_AUTHORITIES, KEY_SHARE, RENEGOTIATION = 21, 45, 47, 51, 0xFF01
X25519, SECP256R1, SECP384R1 = 29, 23, 24
ECDSA_SHA256 = 0x0403
SUITE_12, SUITE_13 = 0xC02B, 0x1301
HELLO_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()
GREASE = 0x1A1A


def u8(n):
    return n.to_bytes(1, "big")


def u16(n):
    return n.to_bytes(2, "big")


def u24(n):
    return n.to_bytes(3, "big")


def u32(n):
    return n.to_bytes(4, "big")


def vec8(data):
    return u8(len(data)) + data


def vec16(data):
    return u16(len(data)) + data


def vec24(data):
    return u24(len(data)) + data


def codes(numbers):
    return b"".join(u16(n) for n in numbers)


class Reader:
    """A slice that gets shorter."""

    def __init__(self, data):
        self.data = data

    def take(self, n):
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def number(self, octets):
        return int.from_bytes(self.take(octets), "big")

    def vec(self, octets):
        return self.take(self.number(octets))

    def numbers(self, data):
        return [int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2)]


# --- Messages


class Message:
    """A handshake message; `length` is what its header says if that is to be a lie."""

    def __init__(self, kind, body, length=None):
        self.kind, self.body, self.length = kind, body, length

    def encode(self):
        return u8(self.kind) + u24(len(self.body) if self.length is None else self.length) + self.body


class Hello(Message):
    """ClientHello or ServerHello, by fields. `extensions` is a list of [number, bytes]; None: there are none at all."""

    def __init__(self, kind, suites, extensions, session_id=b"", random=None, version=0x0303, compressions=b"\0"):
        super().__init__(kind, b"")
        self.version, self.random = version, random or os.urandom(32)
        self.session_id, self.suites, self.compressions, self.extensions = session_id, suites, compressions, extensions

    def encode(self):
        suites = codes(self.suites)
        out = u16(self.version) + self.random + vec8(self.session_id)
        out += vec16(suites) + vec8(self.compressions) if self.kind == CLIENT_HELLO else suites + self.compressions
        if self.extensions is not None:
            out += vec16(b"".join(u16(number) + vec16(data) for number, data in self.extensions))
        self.body = out
        return super().encode()

    def get(self, number, default=None):
        return next((data for have, data in self.extensions or [] if have == number), default)

    def drop(self, number):
        self.extensions = [e for e in self.extensions if e[0] != number]

    def put(self, number, data):
        """Replaces it where it stands, or adds it; pre_shared_key stays the last."""
        for extension in self.extensions:
            if extension[0] == number:
                extension[1] = data
                return
        self.extensions.append([number, data])
        self.extensions.sort(key=lambda e: e[0] == PRE_SHARED_KEY)

    @staticmethod
    def decode(kind, body):
        r = Reader(body)
        version, random, session_id = r.number(2), r.take(32), r.vec(1)
        suites = r.numbers(r.vec(2) if kind == CLIENT_HELLO else r.take(2))
        compressions = r.vec(1) if kind == CLIENT_HELLO else r.take(1)
        extensions, rest = None, Reader(r.vec(2)) if r.data else Reader(b"")
        while rest.data:
            extensions = (extensions or []) + [[rest.number(2), rest.vec(2)]]
        return Hello(kind, suites, extensions, session_id, random, version, compressions)


# --- Key agreement and signatures

P = 2**255 - 19


def x25519(scalar, point):
    """RFC 7748, section 5."""
    k = int.from_bytes(scalar, "little") & ((1 << 255) - 8) | 1 << 254
    u = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        aa, bb = a * a % P, b * b % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


class Share:
    """Our half of a key agreement."""

    def __init__(self, group):
        self.group = group
        if group == X25519:
            self.key = os.urandom(32)
            self.public = x25519(self.key, b"\x09" + b"\0" * 31)
        else:
            self.key = ECC.generate(curve="P-256")
            point = self.key.pointQ
            self.public = b"\x04" + int(point.x).to_bytes(32, "big") + int(point.y).to_bytes(32, "big")

    def agree(self, peer):
        if self.group == X25519:
            return x25519(self.key, peer)
        point = ECC.EccPoint(int.from_bytes(peer[1:33], "big"), int.from_bytes(peer[33:], "big"), curve="p256")
        return int((point * self.key.d).x).to_bytes(32, "big")


def chain_of(pki, name):
    with open(f"{pki}/{name}.chain.pem", encoding="ascii") as file:
        blocks = file.read().split("-----END CERTIFICATE-----")[:-1]
    return [_der(block) for block in blocks]


class Identity:
    """A chain of the test PKI and its key, P-256."""

    def __init__(self, pki, name):
        self.pki, self.chain = pki, chain_of(pki, name)
        with open(f"{pki}/{name}.key", encoding="ascii") as file:
            self.key = ECC.import_key(file.read())

    def sign(self, data):
        return DSS.new(self.key, "fips-186-3", encoding="der").sign(SHA256.new(data))


def _der(block):
    import base64
    return base64.b64decode("".join(block.split("-----BEGIN CERTIFICATE-----")[1].split()))


# --- Keys


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def prf(secret, label, seed, length):
    """RFC 5246, section 5."""
    seed, out, a = label + seed, b"", label + seed
    while len(out) < length:
        a = mac(secret, a)
        out += mac(secret, a + seed)
    return out[:length]


def expand(secret, label, context, length):
    """HKDF-Expand-Label of RFC 8446, section 7.1; 32 bytes at most."""
    info = u16(length) + vec8(b"tls13 " + label) + vec8(context)
    return mac(secret, info + b"\1")[:length]


class Keys12:
    """One direction, RFC 5288."""

    def __init__(self, key, salt):
        self.key, self.salt, self.sequence = key, salt, 0

    def _cipher(self, kind, explicit, length):
        cipher = AES.new(self.key, AES.MODE_GCM, nonce=self.salt + explicit)
        cipher.update(self.sequence.to_bytes(8, "big") + u8(kind) + b"\3\3" + u16(length))
        self.sequence += 1
        return cipher

    def seal(self, kind, data):
        explicit = self.sequence.to_bytes(8, "big")
        sealed, tag = self._cipher(kind, explicit, len(data)).encrypt_and_digest(data)
        return kind, explicit + sealed + tag

    def open(self, kind, data):
        return kind, self._cipher(kind, data[:8], len(data) - 24).decrypt_and_verify(data[8:-16], data[-16:])


class Keys13:
    """One direction, RFC 8446, section 5.2."""

    def __init__(self, secret):
        self.secret, self.sequence = secret, 0
        self.key, self.iv = expand(secret, b"key", b"", 16), expand(secret, b"iv", b"", 12)

    def _cipher(self, length):
        nonce = bytes(a ^ b for a, b in zip(self.iv, self.sequence.to_bytes(12, "big")))
        cipher = AES.new(self.key, AES.MODE_GCM, nonce=nonce)
        cipher.update(b"\x17\3\3" + u16(length))
        self.sequence += 1
        return cipher

    def seal(self, kind, data, padding=0):
        inner = data + u8(kind) + b"\0" * padding
        sealed, tag = self._cipher(len(inner) + 16).encrypt_and_digest(inner)
        return DATA, sealed + tag

    def open(self, kind, data):
        before = self.sequence
        try:
            inner = self._cipher(len(data)).decrypt_and_verify(data[:-16], data[-16:]).rstrip(b"\0")
        except ValueError:
            self.sequence = before
            raise
        return inner[-1], inner[:-1]

    def next(self):
        return Keys13(expand(self.secret, b"traffic upd", b"", 32))


# --- The peer


class Alerted(Exception):
    """The other side has sent an alert that ends the connection."""


class Ended(Exception):
    """The other side has closed the transport."""


class Unexpected(Exception):
    """The other side has sent something else than the script waits for."""


class Session:
    """What a connection leaves for one that resumes it."""

    def __init__(self, ticket, secret, age_add=0):
        self.ticket, self.secret, self.age_add = ticket, secret, age_add


class Peer:
    """One connection: records, the transcript, and the steps of a script with what a case does to them."""

    def __init__(self, sock, version, identity, hooks, options, offered=None):
        self.sock, self.version, self.identity, self.hooks, self.options = sock, version, identity, hooks, options
        self.offered, self.session = offered, None  # the session of the connection before, and of this one
        self.resumed = False
        self.out = self.inn = None          # keys; None: plaintext
        self.other = []                     # keys under which an alert may come by mistake
        self.transcript, self.pending, self.buffer = b"", b"", b""
        self.fragment = 1 << 14             # most bytes of a handshake message in a record
        self.record_version = 0x0303
        self.alert = None                   # what the other side has sent: (number, "" or how it came)
        self.closed = False                 # close_notify came
        self.ended = False                  # the end of the transport came
        self.sent_data, self.got_data = b"", b""
        self.last = b""                     # the last record sent, as it went out
        self.skipped = set()                # steps whose message was not sent

    # Records out

    def raw(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Ended(str(error)) from None

    def record(self, kind, data, keys=None, **more):
        """One record under the keys in force, or under `keys`."""
        keys = keys or self.out
        if keys is not None:
            kind, data = keys.seal(kind, data, **more)
        self.last = u8(kind) + u16(self.record_version) + vec16(data)
        self.raw(self.last)

    def plain(self, kind, data):
        """One record in the clear, whatever the keys."""
        self.raw(u8(kind) + u16(self.record_version) + vec16(data))

    def send(self, what, count=True):
        """Messages, or bytes of messages, in records of at most `fragment` bytes."""
        data = b"".join(m.encode() if isinstance(m, Message) else m for m in (what if isinstance(what, list) else [what]))
        if count:
            self.transcript += data
        for at in range(0, len(data), self.fragment):
            self.record(HANDSHAKE, data[at:at + self.fragment])

    def data(self, data):
        """Application data that the other side may deliver."""
        self.sent_data += data
        self.record(DATA, data)

    def close_notify(self):
        self.record(ALERT, b"\1\0")

    def hang_up(self):
        """The end of the transport in our direction."""
        self.sock.shutdown(1)

    # A step of the script: what it sends by itself, changed by the case's hooks.

    def step(self, name, message=None, send=None):
        for hook in self.hooks.get(("before", name), []):
            hook(self)
        for hook in self.hooks.get(("edit", name), []):
            changed = hook(self, message)
            message = message if changed is None else changed
        if message is not None and message != []:
            (send or self.send)(message)
        for hook in self.hooks.get(("after", name), []):
            hook(self)

    # Records in

    def _take(self, n):
        while len(self.buffer) < n:
            try:
                more = self.sock.recv(65536)
            except ConnectionError:
                more = b""
            if not more:
                self.ended = True
                raise Ended("the end")
            self.buffer += more
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def _open(self, kind, data):
        if self.inn is None or (self.version == 13 and kind == CCS) or (kind == ALERT and len(data) == 2):
            return kind, data, "plain" if self.inn is not None and kind == ALERT and not self.no_keys_yet() else ""
        for keys in [self.inn] + self.other:
            try:
                return *keys.open(kind, data), "" if keys is self.inn else "other-keys"
            except ValueError:
                pass
        return ALERT, b"\2\xff", "unreadable"

    def no_keys_yet(self):
        """Whether the other side may have failed before it had the keys that we have."""
        return any("hello" in step for _, step in self.hooks)

    def receive(self):
        """The next record's type and content. Alerts that end the connection are raised."""
        header = self._take(5)
        kind, data, how = self._open(header[0], self._take(int.from_bytes(header[3:], "big")))
        if kind == ALERT:
            level, number = data[0], data[1]
            if number == 0:
                self.closed = True
            elif level == 2 or (self.version == 13 and number != 90):
                self.alert = self.alert or (number, how)
                raise Alerted(number)
        elif kind == HANDSHAKE and self.version == 13 and data[:1] == u8(KEY_UPDATE):
            self.inn = self.inn.next()
        return kind, data

    def message(self, *kinds):
        """The next handshake message, which must be one of `kinds`."""
        while len(self.pending) < 4 or len(self.pending) < 4 + int.from_bytes(self.pending[1:4], "big"):
            kind, data = self.receive()
            if kind == HANDSHAKE:
                self.pending += data
            elif kind != CCS or self.version != 13:
                raise Unexpected(f"record of type {kind} instead of a handshake message")
        size = 4 + int.from_bytes(self.pending[1:4], "big")
        whole, self.pending = self.pending[:size], self.pending[size:]
        if whole[0] not in kinds:
            raise Unexpected(f"message of type {whole[0]}")
        self.transcript += whole
        return Message(whole[0], whole[4:])

    def change_cipher_spec(self):
        kind, data = self.receive()
        while kind == HANDSHAKE and data[0] == NEW_SESSION_TICKET:
            self.transcript += data
            self.session = Session(data[10:], self.master)
            kind, data = self.receive()
        if kind != CCS:
            raise Unexpected(f"record of type {kind} instead of ChangeCipherSpec")

    def read_data(self, count):
        """Until `count` more bytes of application data are there; tickets and the like are passed over."""
        count += len(self.got_data)
        while len(self.got_data) < count:
            kind, data = self.receive()
            if kind == DATA:
                self.got_data += data
            elif kind == HANDSHAKE and data[0] == NEW_SESSION_TICKET and self.version == 13:
                self.take_ticket_13(data[4:])

    def take_ticket_13(self, body):
        r = Reader(body[4:])
        age_add, nonce, ticket = r.number(4), r.vec(1), r.vec(2)
        self.session = Session(ticket, self.resumption_secret(nonce), age_add)

    def drain(self):
        """Whatever comes until the end."""
        while True:
            try:
                kind, data = self.receive()
                if kind == DATA:
                    self.got_data += data
            except Alerted:
                pass
            except Ended:
                return

    # TLS 1.3's keys (RFC 8446, section 7.1)

    def handshake_keys(self, shared, server):
        empty = sha256(b"")
        early = mac(b"\0" * 32, self.offered.secret if self.resumed else b"\0" * 32)
        self.secret = mac(expand(early, b"derived", empty, 32), shared)
        digest = sha256(self.transcript)
        self.hs = {side: expand(self.secret, side + b" hs traffic", digest, 32) for side in (b"c", b"s")}
        ours, theirs = (b"s", b"c") if server else (b"c", b"s")
        self.our_hs, self.their_hs = self.hs[ours], self.hs[theirs]
        self.out, self.inn = Keys13(self.our_hs), Keys13(self.their_hs)

    def application_keys(self, server):
        """Made after the server's Finished; put in force by the script."""
        self.master = mac(expand(self.secret, b"derived", sha256(b""), 32), b"\0" * 32)
        digest = sha256(self.transcript)
        ap = {side: expand(self.master, side + b" ap traffic", digest, 32) for side in (b"c", b"s")}
        ours, theirs = (b"s", b"c") if server else (b"c", b"s")
        self.our_ap, self.their_ap = Keys13(ap[ours]), Keys13(ap[theirs])

    def finished_13(self, secret):
        return mac(expand(secret, b"finished", b"", 32), sha256(self.transcript))

    def handshake_over(self):
        """The transcript ends with the client's Finished."""
        self.resumption = expand(self.master, b"res master", sha256(self.transcript), 32)

    def resumption_secret(self, nonce):
        return expand(self.resumption, b"resumption", nonce, 32)

    def bind(self, hello):
        """Sends a ClientHello; if it has a pre_shared_key for it, with the session: RFC 8446, section 4.2.11."""
        if self.offered is not None and hello.get(PRE_SHARED_KEY) == b"":
            identity = vec16(vec16(self.offered.ticket) + u32(self.offered.age_add))
            hello.put(PRE_SHARED_KEY, identity + vec16(vec8(b"\0" * 32)))
            key = expand(mac(b"\0" * 32, self.offered.secret), b"res binder", sha256(b""), 32)
            binder = mac(expand(key, b"finished", b"", 32), sha256(self.transcript + hello.encode()[:-35]))
            hello.put(PRE_SHARED_KEY, identity + vec16(vec8(self.options.get("binder", bytes)(binder))))
        self.send(hello)

    # TLS 1.2's (RFC 5246, sections 6.3 and 8.1; RFC 7627)

    def master_keys(self, shared, client_random, server_random, extended, server):
        if extended:
            self.master = prf(shared, b"extended master secret", sha256(self.transcript), 48)
        else:
            self.master = prf(shared, b"master secret", client_random + server_random, 48)
        self.next_keys(client_random, server_random, server)

    def next_keys(self, client_random, server_random, server):
        block = prf(self.master, b"key expansion", server_random + client_random, 40)
        client, server_side = Keys12(block[:16], block[32:36]), Keys12(block[16:32], block[36:40])
        self.next_out, self.next_inn = (server_side, client) if server else (client, server_side)

    def finished_12(self, label):
        return prf(self.master, label, sha256(self.transcript), 12)
