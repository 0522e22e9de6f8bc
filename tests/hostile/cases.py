"""The cases: a name, a script, what siptls must answer, and what the peer does otherwise. README.md explains it.

Names begin with the side that is siptls: client13/... is a client of siptls against our server of TLS 1.3. The
expected outcome is that of the RFC where it says one ("illegal_parameter" is 47), else what most implementations do.

Promises P1, P2, P4 and P8 of SECURITY.md: downgrades, renegotiation, compression and early data are among them, and peers
that show certificates without the key, or where none are due, with a session and without.
"""
from scripts import *  # noqa: F403

CASES = []


class Case:
    def __init__(self, name, script, expected, changes, words, options, first=None):
        self.name, self.script, self.expected, self.options = name, script, expected, options
        self.first = first  # the case of a connection before, whose session is offered
        self.version = 13 if "13/" in name else 12
        self.server = name.startswith("client")  # so the peer is
        self.hooks = {}
        for where, step, do in changes:
            self.hooks.setdefault((where, step), []).append(do)
        self.words = f"role={'client' if self.server else 'server'} {words}"
        if options.get("mutual") and not self.server:
            self.words += " verify=required"


SCRIPTS = {"client13": server_13, "server13": client_13, "client12": server_12, "server12": client_12}


def case(name, expected, *changes, words="", **options):
    CASES.append(Case(name, SCRIPTS[name.partition("/")[0]], expected, changes, words, options))


# --- What can be done to a step


def before(step, do):
    return ("before", step, do)


def after(step, do):
    return ("after", step, do)


def edit(step, do):
    """`do(p, message)` changes the message, or answers what is sent instead."""
    return ("edit", step, do)


def instead(step, what):
    """`what(p, message)`, or `what` itself, goes out in its place, outside the transcript."""
    def change(p, message):
        p.send(what(p, message) if callable(what) else what, count=False)
        return []
    return edit(step, change)


def skip(step):
    def do(p, message):
        p.skipped.add(step)
        return []
    return edit(step, do)


def again(step):
    """The message once more; our own transcript has it once."""
    def do(p, message):
        p.send(message)
        p.send(message, count=False)
        return []
    return edit(step, do)


def interleave(step, kind, data):
    """A record of another type between the two halves of the message."""
    def do(p, message):
        whole = message.encode()
        p.send(whole[:6])
        p.record(kind, data)
        return whole[6:]
    return edit(step, do)


def fields(step, **values):
    """Sets fields of a hello."""
    return edit(step, lambda p, hello: [setattr(hello, name, value) for name, value in values.items()] and None)


def put(step, number, data):
    """Sets an extension of a hello."""
    return edit(step, lambda p, hello: hello.put(number, data))


def add(step, number, data=b""):
    """Adds an extension to a hello, also one that it has."""
    return edit(step, lambda p, hello: hello.extensions.insert(0, [number, data]))


def drop(step, number):
    return edit(step, lambda p, hello: hello.drop(number))


def body(step, change):
    """The message with the body that `change` makes of the old one, or with `change` itself."""
    def do(p, m):
        m.encode()
        return Message(m.kind, change(m.body) if callable(change) else change)
    return edit(step, do)


def lies(step, by):
    """The header's length is wrong by so much; the body is as it was."""
    def do(p, m):
        m.encode()
        return Message(m.kind, m.body, len(m.body) + by)
    return edit(step, do)


def flip(data, at):
    return data[:at] + u8(data[at] ^ 1) + data[at:][1:]


def record(kind, data, times=1, **more):
    def do(p, *_):
        for _i in range(times):
            p.record(kind, data, **more)
    return do


def raw(data):
    return lambda p, *_: p.raw(data)


def plain(kind, data):
    return lambda p, *_: p.plain(kind, data)


def message(kind, data, times=1):
    """A handshake message outside the transcript."""
    def do(p, *_):
        for _i in range(times):
            p.send(Message(kind, data), count=False)
    return do


def hang_up(p):
    p.hang_up()
    p.drain()
    raise Ended("we have hung up")


def fragments(size):
    return lambda p, *_: setattr(p, "fragment", size)


def extension_list(*extensions):
    return vec16(b"".join(u16(number) + vec16(data) for number, data in extensions))


# --- Every message of each side

FLIGHT = {
    "client13": ["server_hello", "encrypted_extensions", "certificate", "certificate_verify", "finished"],
    "server13": ["client_hello", "finished"],
    "client12": ["server_hello", "certificate", "server_key_exchange", "server_hello_done", "finished"],
    "server12": ["client_hello", "client_key_exchange", "finished"],
}
MUTUAL = {
    "client13": ["certificate_request"],
    "server13": ["certificate", "certificate_verify"],
    "client12": ["certificate_request"],
    "server12": ["certificate", "certificate_verify"],
}
LAST_OF_A_FLIGHT = ("client_hello", "server_hello_done", "finished")


def each_message(side, step, mutual):
    first = step in ("client_hello", "server_hello")
    if step != "server_hello_done":
        case(f"{side}/{step}/empty", "PROTOCOL 50", body(step, b""), mutual=mutual)
        case(f"{side}/{step}/cut-by-one", "PROTOCOL 50", body(step, lambda b: b[:-1]), mutual=mutual)
    case(f"{side}/{step}/trailing-byte", "PROTOCOL 50", body(step, lambda b: b + b"\0"), mutual=mutual)
    case(f"{side}/{step}/never-whole", "EOF -", lies(step, +5), after(step, hang_up), mutual=mutual)
    case(f"{side}/{step}/16-MB-announced", "LIMIT 46" if step == "certificate" else "LIMIT 50",
         instead(step, lambda p, m: u8(m.kind) + u24(0xFFFFFF) + b"\0" * 40000), after(step, hang_up), mutual=mutual)
    case(f"{side}/{step}/unknown-type", "PROTOCOL 10", edit(step, lambda p, m: Message(99, m.body)), mutual=mutual)
    if step != "certificate_request":
        case(f"{side}/{step}/missing", "EOF -" if step in LAST_OF_A_FLIGHT else "NOT_TLS -" if first and "13" in side else "PROTOCOL 10",
             skip(step), *([after(step, hang_up)] if step in LAST_OF_A_FLIGHT else []), mutual=mutual)
    again_under_other_keys = side.endswith("13") and step == "finished"
    case(f"{side}/{step}/twice", "PROTOCOL 20" if again_under_other_keys else "PROTOCOL 10", again(step), mutual=mutual)

    # Records around it.
    refused = "NOT_TLS -" if first else "PROTOCOL 10"
    case(f"{side}/{step}/data-before", refused, before(step, record(DATA, b"EVIL")), mutual=mutual)
    case(f"{side}/{step}/empty-record-before", "PROTOCOL 10", before(step, record(HANDSHAKE, b"")), mutual=mutual)
    case(f"{side}/{step}/heartbeat-before", refused, before(step, record(HEARTBEAT, b"\1\0\x40EVIL")), mutual=mutual)
    case(f"{side}/{step}/empty-alert-before", "PROTOCOL 50", before(step, record(ALERT, b"")), mutual=mutual)
    case(f"{side}/{step}/close-notify-before", "CLOSED -", before(step, record(ALERT, b"\1\0")), mutual=mutual)
    case(f"{side}/{step}/fatal-alert-before", "ALERT -", before(step, record(ALERT, b"\2\x28")), mutual=mutual)
    case(f"{side}/{step}/cut-off-before", "EOF -", before(step, hang_up), mutual=mutual)
    case(f"{side}/{step}/interleaved-with-data", "PROTOCOL 10", interleave(step, DATA, b"EVIL"), mutual=mutual)
    case(f"{side}/{step}/interleaved-with-an-alert", "PROTOCOL 10", interleave(step, ALERT, b"\1\x5a"), mutual=mutual)


for side in SCRIPTS:
    # Nothing wrong: what the other cases begin with.
    case(f"{side}/good", "OK -")
    case(f"{side}/good/mutual", "OK -", mutual=True)
    for size in (1, 3, 4, 7, 100):
        whole = [before("finished", fragments(1 << 14))] if "12" in side else []
        case(f"{side}/good/fragments-of-{size}", "OK -", before(FLIGHT[side][0], fragments(size)), *whole, mutual=True)
    for step in FLIGHT[side] + MUTUAL[side]:
        each_message(side, step, step in MUTUAL[side])


# --- Hellos, of either version

BOTH_CLIENTS, BOTH_SERVERS = ("client13", "client12"), ("server13", "server12")
DOWNGRADED = b"DOWNGRD\1", b"DOWNGRD\0"

for side in BOTH_CLIENTS:
    sh = f"{side}/server_hello"
    case(f"{sh}/suite-unknown", "PROTOCOL 47", fields("server_hello", suites=[0xFEFE]))
    case(f"{sh}/suite-not-offered", "PROTOCOL 47", fields("server_hello", suites=[0x1304 if "13" in side else 0x009C]))
    case(f"{sh}/suite-of-the-other-version", "PROTOCOL 47",
         fields("server_hello", suites=[SUITE_12 if "13" in side else SUITE_13]))
    case(f"{sh}/suite-null", "PROTOCOL 47", fields("server_hello", suites=[0x0000]))
    case(f"{sh}/compression", "PROTOCOL 47", fields("server_hello", compressions=b"\1"))
    case(f"{sh}/session-id-of-33-bytes", "PROTOCOL 50", fields("server_hello", session_id=b"\7" * 33))
    case(f"{sh}/extension-unasked", "PROTOCOL 110", add("server_hello", 0x1234))
    case(f"{sh}/extension-twice", "PROTOCOL 47", add("server_hello", KEY_SHARE if "13" in side else EXTENDED_MASTER_SECRET,
                                                     b"\0\x1d" + vec16(b"\7" * 32) if "13" in side else b""))
    case(f"{sh}/alpn-unasked", "PROTOCOL 110", add("server_hello", ALPN, vec16(vec8(b"sip/2"))))
    case(f"{sh}/heartbeat-extension", "PROTOCOL 110", add("server_hello", 15, b"\1"))
    case(f"{sh}/extensions-cut", "PROTOCOL 50", body("server_hello", lambda b: b[:-3]))
    case(f"{sh}/record-in-two-types", "PROTOCOL 10",
         edit("server_hello", lambda p, m: p.record(HANDSHAKE, m.encode()[:10]) or p.record(ALERT, b"\1\x5a")))
    for version in (0x0300, 0x0301, 0x0302, 0x0304, 0x0305, 0x0203, 0xFEFD):
        if not (side == "client12" and version == 0x0304):
            case(f"{sh}/version-{version:04x}", "PROTOCOL 47" if "13" in side else "NOTHING_SHARED 70",
                 fields("server_hello", version=version))

for side in BOTH_SERVERS:
    ch = f"{side}/client_hello"
    case(f"{ch}/suites-unknown", "NOTHING_SHARED 40", fields("client_hello", suites=[0xFEFE, GREASE]))
    case(f"{ch}/suites-null-and-anonymous", "NOTHING_SHARED 40",
         fields("client_hello", suites=[0x0000, 0x0001, 0x0002, 0x003B, 0xC006, 0xC018, 0xC019, 0x006C]))
    case(f"{ch}/suites-export-and-rc4", "NOTHING_SHARED 40",
         fields("client_hello", suites=[0x0003, 0x0005, 0x0008, 0x0014, 0x000A, 0xC007, 0xC008]))
    case(f"{ch}/suites-grease", "OK -", edit("client_hello", lambda p, m: m.suites.insert(0, GREASE)))
    case(f"{ch}/suites-empty", "PROTOCOL 50", fields("client_hello", suites=[]))
    case(f"{ch}/suites-many", "OK -", edit("client_hello", lambda p, m: m.suites.extend(range(0x2000, 0x2400))))
    case(f"{ch}/compression-deflate-too", "PROTOCOL 47" if "13" in side else "OK -",
         fields("client_hello", compressions=b"\1\0"))
    case(f"{ch}/compression-without-null", "PROTOCOL 47", fields("client_hello", compressions=b"\1"))
    case(f"{ch}/compression-empty", "PROTOCOL 50", fields("client_hello", compressions=b""))
    case(f"{ch}/session-id-of-33-bytes", "PROTOCOL 50", fields("client_hello", session_id=b"\7" * 33))
    case(f"{ch}/session-id-unknown", "OK -", fields("client_hello", session_id=b"\7" * 32))
    case(f"{ch}/extension-unknown", "OK -", add("client_hello", GREASE, b"\7" * 100))
    case(f"{ch}/extensions-unknown-100", "OK -",
         edit("client_hello", lambda p, m: m.extensions.__setitem__(slice(0, 0), [[0x3000 + i, b""] for i in range(100)])))
    case(f"{ch}/extension-twice", "PROTOCOL 47", add("client_hello", GROUPS, vec16(codes([X25519]))))
    case(f"{ch}/extension-unknown-twice", "PROTOCOL 47", add("client_hello", GREASE), add("client_hello", GREASE))
    case(f"{ch}/extensions-far-too-many", "LIMIT 50",
         edit("client_hello", lambda p, m: m.extensions.__setitem__(slice(0, 0), [[0x3000 + i, b""] for i in range(3000)])))
    case(f"{ch}/extension-of-30-KB", "LIMIT 50", add("client_hello", 21, b"\0" * 30000))
    case(f"{ch}/extensions-cut", "PROTOCOL 50", body("client_hello", lambda b: b[:-3]))
    case(f"{ch}/groups-unknown", "NOTHING_SHARED 40", put("client_hello", GROUPS, vec16(codes([0x9999, GREASE]))),
         *([put("client_hello", KEY_SHARE, vec16(u16(0x9999) + vec16(b"\7" * 32)))] if "13" in side else []))
    case(f"{ch}/groups-empty", "PROTOCOL 50", put("client_hello", GROUPS, vec16(b"")))
    case(f"{ch}/groups-odd", "PROTOCOL 50", put("client_hello", GROUPS, vec16(b"\0\x1d\0")))
    case(f"{ch}/schemes-unknown", "NOTHING_SHARED 40", put("client_hello", SCHEMES, vec16(codes([0x9999, GREASE]))))
    case(f"{ch}/schemes-empty", "PROTOCOL 50", put("client_hello", SCHEMES, vec16(b"")))
    case(f"{ch}/schemes-odd", "PROTOCOL 50", put("client_hello", SCHEMES, vec16(b"\4\3\4")))
    case(f"{ch}/schemes-of-sha1", "NOTHING_SHARED 40", put("client_hello", SCHEMES, vec16(codes([0x0203, 0x0201]))))
    case(f"{ch}/heartbeat-extension", "OK -", add("client_hello", 15, b"\1"))
    case(f"{ch}/status-request-garbage", "PROTOCOL 50", add("client_hello", STATUS_REQUEST, b"\1\xff"))
    case(f"{ch}/max-fragment-unknown", "PROTOCOL 47", put("client_hello", MAX_FRAGMENT, b"\x09"))
    case(f"{ch}/max-fragment-cut", "PROTOCOL 50", put("client_hello", MAX_FRAGMENT, b""))
    case(f"{ch}/http", "NOT_TLS -", before("client_hello", raw(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n")))
    case(f"{ch}/sip", "NOT_TLS -", before("client_hello", raw(b"OPTIONS sip:example.test SIP/2.0\r\n\r\n")))
    case(f"{ch}/sslv2", "NOT_TLS -", before("client_hello", raw(b"\x80\x2e\1\0\2\0\x15\0\0\0\x10\1\0\x80\7\0\xc0\3\0\x80")))
    case(f"{ch}/garbage", "NOT_TLS -", before("client_hello", raw(bytes(range(200, 256)) * 50)))
    case(f"{ch}/garbage-in-a-record", "PROTOCOL 10", instead("client_hello", b"\x99" * 200), after("client_hello", hang_up))
    for name, value, expected in (
            ("record-of-ssl3", 0x0300, "OK -"), ("record-of-tls1.0", 0x0301, "OK -"),
            ("record-of-tls1.3", 0x0304, "OK -"), ("record-of-tls3.9", 0x0309, "OK -")):
        case(f"{ch}/{name}", expected, before("client_hello", lambda p, v=value: setattr(p, "record_version", v)),
             after("client_hello", lambda p: setattr(p, "record_version", 0x0303)))

    # A long one, as with a ticket, in pieces
    for size in (100, 600):
        case(f"{ch}/15-KB-in-fragments-of-{size}", "OK -", put("client_hello", PADDING, b"\0" * 15000),
             before("client_hello", fragments(size)), after("client_hello", fragments(1 << 14)))

    # SNI
    for name, data, expected in (
            ("sni-empty", b"", "PROTOCOL 50"),
            ("sni-empty-list", vec16(b""), "PROTOCOL 50"),
            ("sni-empty-name", vec16(b"\0" + vec16(b"")), "PROTOCOL 50"),
            ("sni-ip", vec16(b"\0" + vec16(b"192.0.2.1")), "OK -"),
            ("sni-nul", vec16(b"\0" + vec16(b"example.test\0.evil.test")), "PROTOCOL 47"),
            ("sni-control", vec16(b"\0" + vec16(b"example\r\n\x1b[31m.test")), "PROTOCOL 47"),
            ("sni-300-bytes", vec16(b"\0" + vec16(b"a" * 300)), "PROTOCOL 50"),
            ("sni-two-names", vec16((b"\0" + vec16(b"example.test")) * 2), "PROTOCOL 47"),
            ("sni-unknown-type", vec16(b"\7" + vec16(b"example.test")), "PROTOCOL 50"),
            ("sni-trailing-byte", vec16(b"\0" + vec16(b"example.test")) + b"\0", "PROTOCOL 50"),
            ("sni-cut", vec16(b"\0" + vec16(b"example.test"))[:-1], "PROTOCOL 50")):
        case(f"{ch}/{name}", expected, put("client_hello", SERVER_NAME, data))
        if expected == "OK -":
            case(f"{ch}/{name}/strict", "REFUSED 112", put("client_hello", SERVER_NAME, data), words="host=example.test")
    case(f"{ch}/sni-absent", "OK -", drop("client_hello", SERVER_NAME))
    case(f"{ch}/sni-absent/strict", "REFUSED 112", drop("client_hello", SERVER_NAME), words="host=example.test")
    case(f"{ch}/sni-served/strict", "OK -", words="host=example.test")

    # ALPN
    for name, data, expected in (
            ("alpn-shared", vec16(vec8(b"h2") + vec8(b"sip/2")), "OK -"),
            ("alpn-not-shared", vec16(vec8(b"h2")), "NOTHING_SHARED 120"),
            ("alpn-empty", b"", "PROTOCOL 50"),
            ("alpn-empty-list", vec16(b""), "PROTOCOL 50"),
            ("alpn-empty-name", vec16(vec8(b"") + vec8(b"sip/2")), "PROTOCOL 50"),
            ("alpn-prefix", vec16(vec8(b"sip/")), "NOTHING_SHARED 120"),
            ("alpn-nul", vec16(vec8(b"sip/2\0")), "NOTHING_SHARED 120"),
            ("alpn-comma", vec16(vec8(b"h2,sip/2")), "NOTHING_SHARED 120"),
            ("alpn-cut", vec16(b"\6sip/2"), "PROTOCOL 50"),
            ("alpn-trailing-byte", vec16(vec8(b"sip/2")) + b"\0", "PROTOCOL 50")):
        case(f"{ch}/{name}", expected, put("client_hello", ALPN, data), words="alpn=sip/2")


# --- ServerHello and HelloRetryRequest of TLS 1.3

SH = "client13/server_hello"
case(f"{SH}/session-id-changed", "PROTOCOL 47", fields("server_hello", session_id=b"\7" * 32))
for value, expected in ((0x0305, "PROTOCOL 47"), (0x0303, "PROTOCOL 47"), (0x0302, "PROTOCOL 47"), (0x7F1C, "PROTOCOL 47")):
    case(f"{SH}/supported-version-{value:04x}", expected, put("server_hello", VERSIONS, u16(value)))
case(f"{SH}/supported-version-long", "PROTOCOL 50", put("server_hello", VERSIONS, b"\3\4\3"))
case(f"{SH}/supported-version-absent", "PROTOCOL 47", drop("server_hello", VERSIONS))
case(f"{SH}/key-share-absent", "PROTOCOL 109", drop("server_hello", KEY_SHARE))
case(f"{SH}/key-share-unknown-group", "PROTOCOL 47", put("server_hello", KEY_SHARE, u16(0x9999) + vec16(b"\7" * 32)))
case(f"{SH}/key-share-without-a-share-of-ours", "PROTOCOL 47",
     edit("server_hello", lambda p, m: m.put(KEY_SHARE, u16(SECP256R1) + vec16(Share(SECP256R1).public))))
case(f"{SH}/key-share-zero", "PROTOCOL 47", put("server_hello", KEY_SHARE, u16(X25519) + vec16(b"\0" * 32)))
case(f"{SH}/key-share-short", "PROTOCOL 47", put("server_hello", KEY_SHARE, u16(X25519) + vec16(b"\7" * 31)))
case(f"{SH}/key-share-empty", "PROTOCOL 50", put("server_hello", KEY_SHARE, u16(X25519) + vec16(b"")))
case(f"{SH}/key-share-trailing-byte", "PROTOCOL 50",
     edit("server_hello", lambda p, m: m.put(KEY_SHARE, m.get(KEY_SHARE) + b"\0")))
case(f"{SH}/psk-unasked", "PROTOCOL 110", put("server_hello", PRE_SHARED_KEY, u16(0)))
case(f"{SH}/cookie", "PROTOCOL 110", put("server_hello", COOKIE, vec16(b"\7" * 8)))
case(f"{SH}/early-data", "PROTOCOL 47", put("server_hello", EARLY_DATA, b""))
case(f"{SH}/encrypted-extensions-in-its-record", "PROTOCOL 10",
     edit("server_hello", lambda p, m: m.encode() + Message(ENCRYPTED_EXTENSIONS, b"\0\0").encode()))
case(f"{SH}/half-a-message-behind-it", "PROTOCOL 10", edit("server_hello", lambda p, m: m.encode() + b"\x08\0"))
case(f"{SH}/then-plaintext", "PROTOCOL 10",
     before("encrypted_extensions", plain(HANDSHAKE, Message(ENCRYPTED_EXTENSIONS, b"\0\0").encode())))


def retry(*args, **changes):
    return after("client_hello", lambda p: hello_retry(p, *args, **changes))


HRR = "client13/hello_retry_request"
P256_SHARE = [[VERSIONS, u16(0x0304)], [KEY_SHARE, u16(SECP256R1)]]
case(f"{HRR}/good", "OK -", retry())
case(f"{HRR}/good/cookie", "OK -", retry(extensions=P256_SHARE + [[COOKIE, vec16(b"\7" * 500)]]))
case(f"{HRR}/good/cookie-alone", "OK -", retry(None, extensions=[[VERSIONS, u16(0x0304)], [COOKIE, vec16(b"\7" * 8)]]))
case(f"{HRR}/cookie-empty", "PROTOCOL 50", retry(extensions=P256_SHARE + [[COOKIE, vec16(b"")]]))
case(f"{HRR}/twice", "PROTOCOL 10", retry(), retry(SECP384R1))
case(f"{HRR}/group-shared-already", "PROTOCOL 47", retry(X25519))
case(f"{HRR}/group-unknown", "PROTOCOL 47", retry(0x9999))
case(f"{HRR}/group-not-offered", "PROTOCOL 47", retry(0x001E))
case(f"{HRR}/nothing-to-change", "PROTOCOL 47", retry(None))
case(f"{HRR}/extension-unasked", "PROTOCOL 110", retry(extensions=P256_SHARE + [[0x1234, b""]]))
case(f"{HRR}/suite-not-offered", "PROTOCOL 47", retry(suites=[0xFEFE]))
case(f"{HRR}/session-id-changed", "PROTOCOL 47", retry(session_id=b"\7" * 32))
case(f"{HRR}/version-1.2", "PROTOCOL 47", retry(extensions=[[VERSIONS, u16(0x0303)], [KEY_SHARE, u16(SECP256R1)]]))
case(f"{HRR}/then-another-suite", "PROTOCOL 47", retry(suites=[0x1303]))
case(f"{HRR}/then-another-group", "PROTOCOL 47", retry(),
     edit("server_hello", lambda p, m: m.put(KEY_SHARE, u16(X25519) + vec16(Share(X25519).public))))
case(f"{HRR}/then-a-point-off-the-curve", "PROTOCOL 47", retry(),
     put("server_hello", KEY_SHARE, u16(SECP256R1) + vec16(b"\4" + b"\7" * 64)))
case(f"{HRR}/then-the-point-at-infinity", "PROTOCOL 47", retry(),
     put("server_hello", KEY_SHARE, u16(SECP256R1) + vec16(b"\0")))
case(f"{HRR}/then-a-compressed-point", "PROTOCOL 47", retry(),
     put("server_hello", KEY_SHARE, u16(SECP256R1) + vec16(b"\2" + b"\7" * 32)))
case(f"{HRR}/then-TLS-1.2", "PROTOCOL 47", retry(), fields("server_hello", suites=[SUITE_12], extensions=[]))

# --- What the server says under its keys

EE = "client13/encrypted_extensions"
for name, data, expected in (
        ("unasked", extension_list((0x1234, b"")), "PROTOCOL 110"),
        ("key-share", extension_list((KEY_SHARE, b"")), "PROTOCOL 47"),
        ("supported-versions", extension_list((VERSIONS, u16(0x0304))), "PROTOCOL 47"),
        ("early-data-unasked", extension_list((EARLY_DATA, b"")), "PROTOCOL 110"),
        ("max-fragment-unasked", extension_list((MAX_FRAGMENT, b"\1")), "PROTOCOL 110"),
        ("sni-with-a-name", extension_list((SERVER_NAME, vec16(b"\0" + vec16(b"example.test")))), "PROTOCOL 50"),
        ("sni-twice", extension_list((SERVER_NAME, b""), (SERVER_NAME, b"")), "PROTOCOL 47"),
        ("groups", extension_list((GROUPS, vec16(u16(SECP384R1)))), "OK -"),
        ("alpn-unasked", extension_list((ALPN, vec16(vec8(b"sip/2")))), "PROTOCOL 110")):
    case(f"{EE}/{name}", expected, body("encrypted_extensions", data))
for name, data, expected in (
        ("alpn-good", vec16(vec8(b"sip/2")), "OK -"),
        ("alpn-not-offered", vec16(vec8(b"h2")), "PROTOCOL 47"),
        ("alpn-two", vec16(vec8(b"sip/2") + vec8(b"h2")), "PROTOCOL 50"),
        ("alpn-empty-list", vec16(b""), "PROTOCOL 50"),
        ("alpn-empty-name", vec16(vec8(b"")), "PROTOCOL 50"),
        ("alpn-nul", vec16(vec8(b"sip/2\0")), "PROTOCOL 47"),
        ("alpn-trailing-byte", vec16(vec8(b"sip/2")) + b"\0", "PROTOCOL 50")):
    case(f"{EE}/{name}", expected, body("encrypted_extensions", extension_list((ALPN, data))), words="alpn=sip/2")
    case(f"client12/server_hello/{name}", expected, put("server_hello", ALPN, data), words="alpn=sip/2")
case("client13/finished/before-encrypted-extensions", "PROTOCOL 10",
     before("encrypted_extensions", message(FINISHED, b"\7" * 32)))
case("client13/certificate_request/without-schemes", "PROTOCOL 109",
     body("certificate_request", vec8(b"") + extension_list()), mutual=True)
case("client13/certificate_request/schemes-empty", "PROTOCOL 50",
     body("certificate_request", vec8(b"") + extension_list((SCHEMES, vec16(b"")))), mutual=True)
case("client13/certificate_request/with-context", "PROTOCOL 47",
     body("certificate_request", vec8(b"ctx") + extension_list((SCHEMES, vec16(u16(ECDSA_SHA256))))), mutual=True)
case("client13/certificate_request/behind-the-certificate", "PROTOCOL 10",
     before("certificate_verify", lambda p: p.send(certificate_request_13(), count=False)))

# --- Certificates and what proves them


def chain_13(change, **more):
    return lambda p, m: certificate_13(change(p.identity.chain), **more)


def chain_12(change):
    return lambda p, m: certificate_12(change(p.identity.chain))


for side in ("client13", "server13", "client12", "server12"):
    make, mutual = (chain_13 if "13" in side else chain_12), side.startswith("server")
    cert = f"{side}/certificate"
    absent = "VERIFY 116" if side == "server13" else "VERIFY 40" if side == "server12" else "PROTOCOL 50"
    for name, change, expected in (
            ("none", lambda c: [], absent),
            ("empty-certificate", lambda c: [b""], "VERIFY 42"),
            ("garbage", lambda c: [b"\7" * 400], "VERIFY 42"),
            ("cut", lambda c: [c[0][:-9], c[1]], "VERIFY 42"),
            ("der-trailing-byte", lambda c: [c[0] + b"\0", c[1]], "VERIFY 42"),
            ("intermediate-garbage", lambda c: [c[0], b"\7" * 400], "VERIFY 42"),
            ("wrong-order", lambda c: c[::-1], "VERIFY 43" if mutual else "VERIFY 42"),
            ("without-intermediate", lambda c: c[:1], "VERIFY 48"),
            ("leaf-twice", lambda c: [c[0]] + c, "OK -"),
            ("signature-flipped", lambda c: [flip(c[0], len(c[0]) - 3), c[1]], "VERIFY 42"),
            ("chain-of-100", lambda c: c[:1] + c[1:] * 99, "LIMIT 46"),
            ("60-KB", lambda c: [c[0], b"\x30\x82\xea\x60" + b"\0" * 60000], "LIMIT 46")):
        case(f"{cert}/{name}", expected, edit("certificate", make(change)), mutual=mutual)
    case(f"{cert}/list-too-long", "PROTOCOL 50",
         body("certificate", lambda b, at=1 if "13" in side else 0: b[:at + 2] + u8(b[at + 2] ^ 0x40) + b[at + 3:]),
         mutual=mutual)
    if "13" in side:
        case(f"{cert}/with-context", "PROTOCOL 50",
             edit("certificate", chain_13(lambda c: c, context=b"ctx")), mutual=mutual)
        case(f"{cert}/entry-extension-unasked", "PROTOCOL 110",
             edit("certificate", lambda p, m: Message(CERTIFICATE, b"\0" + vec24(
                 vec24(p.identity.chain[0]) + extension_list((18, b"\0\0")) + vec24(p.identity.chain[1]) + b"\0\0"))),
             mutual=mutual)
        case(f"{cert}/entry-extension-cut", "PROTOCOL 50",
             edit("certificate", lambda p, m: Message(CERTIFICATE, b"\0" + vec24(
                 vec24(p.identity.chain[0]) + b"\0\4\0\5"))), mutual=mutual)


def signed(scheme, signature=None):
    """A CertificateVerify that says another scheme, or has another signature."""
    return lambda b: u16(scheme) + (b[2:] if signature is None else vec16(signature))


for side in ("client13", "server13", "server12"):
    cv, mutual = f"{side}/certificate_verify", side.startswith("server")
    case(f"{cv}/signature-flipped", "PROTOCOL 51", body("certificate_verify", lambda b: flip(b, len(b) - 3)), mutual=mutual)
    case(f"{cv}/signature-empty", "PROTOCOL 51", body("certificate_verify", signed(ECDSA_SHA256, b"")), mutual=mutual)
    case(f"{cv}/signature-of-zeros", "PROTOCOL 51",
         body("certificate_verify", signed(ECDSA_SHA256, b"\x30\6\2\1\0\2\1\0")), mutual=mutual)
    for scheme in (0x0201, 0x0203, 0x0401, 0x0503, 0x0804, 0x0807, 0x9999):
        case(f"{cv}/scheme-{scheme:04x}", "PROTOCOL 47", body("certificate_verify", signed(scheme)), mutual=mutual)
    case(f"{cv}/of-something-else", "PROTOCOL 51",
         edit("certificate_verify", lambda p, m: Message(CERTIFICATE_VERIFY, u16(ECDSA_SHA256) + vec16(p.identity.sign(b"x")))),
         mutual=mutual)

for side in SCRIPTS:
    case(f"{side}/finished/wrong", "PROTOCOL 51", body("finished", lambda b: flip(b, 3)))
    case(f"{side}/finished/zeros", "PROTOCOL 51", body("finished", lambda b: b"\0" * len(b)))

# --- ClientHello of TLS 1.3

CH = "server13/client_hello"
case(f"{CH}/extensions-absent", "NOTHING_SHARED 40", fields("client_hello", extensions=None))
for name, data, expected in (
        ("versions-unknown", vec8(u16(0x0305)), "NOTHING_SHARED 70"), ("versions-old", vec8(codes([0x0302, 0x0301])), "NOTHING_SHARED 70"),
        ("versions-grease", vec8(codes([GREASE, 0x0304])), "OK -"), ("versions-empty", vec8(b""), "PROTOCOL 50"),
        ("versions-odd", vec8(b"\3\4\3"), "PROTOCOL 50"), ("versions-draft", vec8(u16(0x7F1C)), "NOTHING_SHARED 70")):
    case(f"{CH}/{name}", expected, put("client_hello", VERSIONS, data))
for version in (0x0300, 0x0301, 0x0302, 0x0304, 0x0399):
    case(f"{CH}/legacy-version-{version:04x}", "OK -", fields("client_hello", version=version))
case(f"{CH}/groups-absent", "PROTOCOL 109", drop("client_hello", GROUPS))
case(f"{CH}/schemes-absent", "PROTOCOL 109", drop("client_hello", SCHEMES))
case(f"{CH}/key-share-absent", "PROTOCOL 109", drop("client_hello", KEY_SHARE))
for name, data, expected in (
        ("key-share-none", vec16(b""), "OK -"),
        ("key-share-of-another-group", vec16(u16(SECP384R1) + vec16(b"\4" + b"\7" * 96)), "PROTOCOL 47"),
        ("key-share-zero", vec16(u16(X25519) + vec16(b"\0" * 32)), "PROTOCOL 47"),
        ("key-share-short", vec16(u16(X25519) + vec16(b"\7" * 31)), "PROTOCOL 47"),
        ("key-share-empty", vec16(u16(X25519) + vec16(b"")), "PROTOCOL 50"),
        ("key-share-cut", vec16(u16(X25519) + b"\0\x20\7"), "PROTOCOL 50"),
        ("key-share-off-the-curve", vec16(u16(SECP256R1) + vec16(b"\4" + b"\7" * 64)), "PROTOCOL 47"),
        ("key-share-at-infinity", vec16(u16(SECP256R1) + vec16(b"\0")), "PROTOCOL 47"),
        ("key-share-twice", vec16((u16(X25519) + vec16(b"\7" * 32)) * 2), "PROTOCOL 47")):
    case(f"{CH}/{name}", expected, put("client_hello", KEY_SHARE, data))
PSK = vec16(vec16(b"\7" * 60) + b"\0" * 4) + vec16(vec8(b"\7" * 32))
case(f"{CH}/psk-unknown", "OK -", put("client_hello", PRE_SHARED_KEY, PSK))
case(f"{CH}/psk-not-last", "PROTOCOL 47", add("client_hello", PRE_SHARED_KEY, PSK))
case(f"{CH}/psk-without-modes", "PROTOCOL 109", drop("client_hello", PSK_MODES), put("client_hello", PRE_SHARED_KEY, PSK))
case(f"{CH}/psk-two-binders", "PROTOCOL 47",
     put("client_hello", PRE_SHARED_KEY, PSK[:-35] + vec16(vec8(b"\7" * 32) * 2)))
case(f"{CH}/psk-empty", "PROTOCOL 50", put("client_hello", PRE_SHARED_KEY, vec16(b"") + vec16(b"")))
case(f"{CH}/psk-100", "OK -",
     put("client_hello", PRE_SHARED_KEY, vec16((vec16(b"\7" * 60) + b"\0" * 4) * 100) + vec16(vec8(b"\7" * 32) * 100)))
case(f"{CH}/early-data-without-psk", "PROTOCOL 47", add("client_hello", EARLY_DATA))


def early_data(name, expected, *changes, **options):
    """The client has sent early data for a session that the server does not know, and which is passed over."""
    case(f"{CH}/early-data-behind-psk{name}", expected, add("client_hello", EARLY_DATA), put("client_hello", PRE_SHARED_KEY, PSK),
         after("client_hello", lambda p: [p.record(DATA, b"EVIL", keys=Keys13(b"\7" * 32)) for _ in range(3)]), *changes, **options)


early_data("", "OK -")
early_data("-certificate", "OK -", mutual=True)
early_data("-no-finished", "EOF -", skip("finished"), after("finished", hang_up))
early_data("-data-before-finished", "PROTOCOL 10", before("finished", record(DATA, b"EVIL" * 75)))
early_data("-data-before-long-finished", "PROTOCOL 10", before("finished", record(DATA, b"EVIL" * 75)),
           edit("finished", lambda p, m: p.record(HANDSHAKE, m.encode(), padding=1000) or []))
case("server13/early-data-unasked", "PROTOCOL 20", after("client_hello", record(DATA, b"EVIL", keys=Keys13(b"\7" * 32))))
case("server13/end-of-early-data", "PROTOCOL 10", before("finished", message(END_OF_EARLY_DATA, b"")))


def second(name, expected, *changes):
    case(f"server13/second-client_hello/{name}", expected, put("client_hello", KEY_SHARE, vec16(b"")), *changes)


second("good", "OK -")
second("suite-changed", "PROTOCOL 47", fields("client_hello_2", suites=[0x1303]))
second("share-still-absent", "PROTOCOL 47", put("client_hello_2", KEY_SHARE, vec16(b"")))
second("share-of-another-group", "PROTOCOL 47",
       put("client_hello_2", KEY_SHARE, vec16(u16(SECP256R1) + vec16(b"\4" + b"\7" * 64))))
second("sni-changed", "PROTOCOL 47", put("client_hello_2", SERVER_NAME, vec16(b"\0" + vec16(b"other.test"))))
second("version-changed", "PROTOCOL 47", put("client_hello_2", VERSIONS, vec8(u16(0x0303))))
second("random-changed", "PROTOCOL 47", fields("client_hello_2", random=b"\7" * 32))
second("extension-added", "PROTOCOL 47", add("client_hello_2", 0x1234))
second("session-added", "PROTOCOL 47", put("client_hello_2", PRE_SHARED_KEY, PSK))
second("missing", "EOF -", skip("client_hello_2"), after("client_hello_2", hang_up))
second("in-fragments-of-600", "OK -", put("client_hello", PADDING, b"\0" * 1000), before("client_hello_2", fragments(600)),
       after("client_hello_2", fragments(1 << 14)))


def second_behind_early_data(name, expected, *changes):
    """The client has sent early data, which the HelloRetryRequest refuses."""
    second(f"behind-early-data/{name}", expected, add("client_hello", EARLY_DATA), put("client_hello", PRE_SHARED_KEY, PSK),
           before("client_hello_2", lambda p: [p.record(DATA, b"EVIL", keys=Keys13(b"\7" * 32)) for _ in range(3)]),
           drop("client_hello_2", EARLY_DATA), *changes)


second_behind_early_data("good", "OK -")
second_behind_early_data("suite-added", "PROTOCOL 47", fields("client_hello_2", suites=[0x1301, 0x1303]))
second_behind_early_data("sni-changed", "PROTOCOL 47",
                         put("client_hello_2", SERVER_NAME, vec16(b"\0" + vec16(b"other.test"))))
second_behind_early_data("random-changed", "PROTOCOL 47", fields("client_hello_2", random=b"\7" * 32))
second_behind_early_data("extension-added", "PROTOCOL 47", add("client_hello_2", 0x1234))
second("data-unannounced", "PROTOCOL 10", before("client_hello_2", record(DATA, b"EVIL", keys=Keys13(b"\7" * 32))))

# --- Hellos and key exchange of TLS 1.2

SH = "client12/server_hello"
case(f"{SH}/downgrade-sentinel", "PROTOCOL 47", fields("server_hello", random=b"\7" * 24 + DOWNGRADED[0]))
case(f"{SH}/downgrade-sentinel-1.1", "PROTOCOL 47", fields("server_hello", random=b"\7" * 24 + DOWNGRADED[1]))
case(f"{SH}/downgrade-sentinel/1.2-only", "OK -", fields("server_hello", random=b"\7" * 24 + DOWNGRADED[0]),
     words="versions=1.2")
case(f"{SH}/downgrade-sentinel-1.1/1.2-only", "OK -", fields("server_hello", random=b"\7" * 24 + DOWNGRADED[1]),
     words="versions=1.2")
case(f"{SH}/1.3-only", "NOTHING_SHARED 70", words="versions=1.3")
case(f"{SH}/extended-master-secret-absent", "OK -", drop("server_hello", EXTENDED_MASTER_SECRET))
case(f"{SH}/extended-master-secret-long", "PROTOCOL 50",
     edit("server_hello", lambda p, m: m.put(EXTENDED_MASTER_SECRET, b"\7")))
case(f"{SH}/renegotiation-info-absent", "OK -", drop("server_hello", RENEGOTIATION))
case(f"{SH}/renegotiation-info-of-a-renegotiation", "PROTOCOL 40", put("server_hello", RENEGOTIATION, vec8(b"\7" * 12)))
case(f"{SH}/session-id-new", "OK -", fields("server_hello", session_id=b"\7" * 32))
case(f"{SH}/sni-acknowledged", "OK -", put("server_hello", SERVER_NAME, b""))
case(f"{SH}/sni-with-a-name", "PROTOCOL 50", put("server_hello", SERVER_NAME, vec16(b"\0" + vec16(b"example.test"))))
case(f"{SH}/point-formats-empty", "PROTOCOL 50", put("server_hello", POINT_FORMATS, vec8(b"")))
case(f"{SH}/point-formats-without-uncompressed", "PROTOCOL 47", put("server_hello", POINT_FORMATS, vec8(b"\1")))
case(f"{SH}/point-formats-cut", "PROTOCOL 50", put("server_hello", POINT_FORMATS, b"\2\0"))
case(f"{SH}/groups", "OK -", put("server_hello", GROUPS, vec16(u16(SECP384R1))))
case(f"{SH}/schemes", "PROTOCOL 47", put("server_hello", SCHEMES, vec16(u16(0x0403))))
case(f"{SH}/key-share", "PROTOCOL 47", add("server_hello", KEY_SHARE, u16(X25519) + vec16(b"\7" * 32)))
case("client12/server_key_exchange/signature-flipped", "PROTOCOL 51",
     body("server_key_exchange", lambda b: flip(b, len(b) - 3)))
for name, parameters, expected in (
        ("curve-unknown", b"\3" + u16(0x9999) + vec8(b"\7" * 32), "PROTOCOL 47"),
        ("curve-not-offered", b"\3" + u16(0x001E) + vec8(b"\7" * 56), "PROTOCOL 47"),
        ("curve-explicit", b"\1" + vec8(b"\7" * 32), "PROTOCOL 47"),
        ("point-zero", b"\3" + u16(X25519) + vec8(b"\0" * 32), "PROTOCOL 47"),
        ("point-short", b"\3" + u16(X25519) + vec8(b"\7" * 31), "PROTOCOL 47"),
        ("point-off-the-curve", b"\3" + u16(SECP256R1) + vec8(b"\4" + b"\7" * 64), "PROTOCOL 47"),
        ("point-at-infinity", b"\3" + u16(SECP256R1) + vec8(b"\0"), "PROTOCOL 47")):
    case(f"client12/server_key_exchange/{name}", expected,
         edit("server_key_exchange", lambda p, m, q=parameters: server_key_exchange(p, q)))
for scheme in (0x0201, 0x0203, 0x0401, 0x0807, 0x9999):
    case(f"client12/server_key_exchange/scheme-{scheme:04x}", "PROTOCOL 47",
         edit("server_key_exchange", lambda p, m, s=scheme: Message(SERVER_KEY_EXCHANGE, m.body[:36] + u16(s) + m.body[38:])))
case("client12/certificate_status-unasked", "PROTOCOL 10", before("server_key_exchange", message(22, b"\1\0\0\1\7")))
case("client12/new_session_ticket-early", "PROTOCOL 10", before("server_hello_done", message(NEW_SESSION_TICKET, b"\0\0\0\7\0\0")))
case("client12/hello_request-in-the-handshake", "OK -", before("server_key_exchange", message(HELLO_REQUEST, b"")))

CH = "server12/client_hello"
for version, expected in ((0x0300, "NOTHING_SHARED 70"), (0x0301, "NOTHING_SHARED 70"), (0x0302, "NOTHING_SHARED 70"),
                          (0x0304, "OK -"), (0x0399, "OK -"), (0x0200, "NOTHING_SHARED 70")):
    case(f"{CH}/version-{version:04x}", expected, fields("client_hello", version=version))
case(f"{CH}/fallback-scsv", "NOTHING_SHARED 86", edit("client_hello", lambda p, m: m.suites.append(0x5600)))
case(f"{CH}/fallback-scsv/1.2-only", "OK -", edit("client_hello", lambda p, m: m.suites.append(0x5600)),
     words="versions=1.2")
case(f"{CH}/1.3-only", "NOTHING_SHARED 70", words="versions=1.3")
case(f"{CH}/extended-master-secret-absent", "OK -", drop("client_hello", EXTENDED_MASTER_SECRET))
case(f"{CH}/extended-master-secret-long", "PROTOCOL 50", put("client_hello", EXTENDED_MASTER_SECRET, b"\7"))
case(f"{CH}/renegotiation-info-absent", "OK -", drop("client_hello", RENEGOTIATION))
case(f"{CH}/renegotiation-info-of-a-renegotiation", "PROTOCOL 40", put("client_hello", RENEGOTIATION, vec8(b"\7" * 12)))
case(f"{CH}/renegotiation-info-and-scsv", "OK -", edit("client_hello", lambda p, m: m.suites.append(0x00FF)))
case(f"{CH}/point-formats-without-uncompressed", "PROTOCOL 47", put("client_hello", POINT_FORMATS, vec8(b"\1")))
case(f"{CH}/point-formats-empty", "PROTOCOL 50", put("client_hello", POINT_FORMATS, vec8(b"")))
case(f"{CH}/groups-absent", "OK -", drop("client_hello", GROUPS))
case(f"{CH}/schemes-absent", "NOTHING_SHARED 40", drop("client_hello", SCHEMES))
case(f"{CH}/ticket-garbage", "OK -", put("client_hello", SESSION_TICKET, b"\7" * 200))
case(f"{CH}/psk", "OK -", put("client_hello", PRE_SHARED_KEY, PSK))
for name, data, expected in (("zero", b"\0" * 32, "PROTOCOL 47"), ("short", b"\7" * 31, "PROTOCOL 47")):
    case(f"server12/client_key_exchange/point-{name}", expected, body("client_key_exchange", vec8(data)))
case("server12/client_key_exchange/point-off-the-curve", "PROTOCOL 47",
     put("client_hello", GROUPS, vec16(u16(SECP256R1))), body("client_key_exchange", vec8(b"\4" + b"\7" * 64)))

# --- ChangeCipherSpec

for side in SCRIPTS:
    thirteen = "13" in side
    case(f"{side}/ccs/missing", "OK -" if thirteen else "PROTOCOL 10", skip("ccs"))
    case(f"{side}/ccs/twice", "OK -" if thirteen else "PROTOCOL 10", before("ccs", plain(CCS, b"\1")))
    case(f"{side}/ccs/value-2", "PROTOCOL 10" if thirteen else "PROTOCOL 47", edit("ccs", lambda p, m: b"\2"))
    case(f"{side}/ccs/two-bytes", "PROTOCOL 10" if thirteen else "PROTOCOL 50", edit("ccs", lambda p, m: b"\1\1"))
    case(f"{side}/ccs/empty", "PROTOCOL 10", before("ccs", plain(CCS, b"")))
    case(f"{side}/ccs/encrypted", "PROTOCOL 10", before("finished", record(CCS, b"\1")))
    case(f"{side}/ccs/when-open", "PROTOCOL 10", before("open", record(CCS, b"\1")))
    case(f"{side}/ccs/when-open-in-the-clear", "PROTOCOL 10" if thirteen else "PROTOCOL 20", before("open", plain(CCS, b"\1")))
    case(f"{side}/ccs/first", "NOT_TLS -", before("server_hello" if side.startswith("client") else "client_hello", plain(CCS, b"\1")))
    if thirteen:
        case(f"{side}/ccs/flood", "PROTOCOL 10", before("ccs", lambda p: [p.plain(CCS, b"\1") for _ in range(1000)]))
case("client12/ccs/before-server_hello_done", "PROTOCOL 10", before("server_hello_done", plain(CCS, b"\1")))
case("server12/ccs/before-client_key_exchange", "PROTOCOL 10", before("client_key_exchange", plain(CCS, b"\1")))
case("server12/ccs/before-certificate_verify", "PROTOCOL 10", before("certificate_verify", plain(CCS, b"\1")), mutual=True)

# --- The open connection


def update_keys(value, times=1):
    def do(p):
        for _i in range(times):
            p.send(Message(KEY_UPDATE, value), count=False)
            p.out = p.out.next()
    return do


def replay(p):
    p.data(b"one")
    p.raw(p.last)


def gap(p):
    p.out.sequence += 1


def tampered(p):
    kind, data = p.out.seal(DATA, b"EVIL")
    p.plain(kind, flip(data, len(data) - 1))


def half_a_record(p):
    kind, data = p.out.seal(DATA, b"EVIL")
    p.raw(u8(kind) + b"\3\3" + u16(len(data)) + data[:9])
    hang_up(p)


for side in SCRIPTS:
    thirteen = "13" in side
    is_client = side.startswith("client")
    opened = f"{side}/open"
    case(f"{opened}/empty-data", "OK -", before("open", record(DATA, b"")))
    case(f"{opened}/record-of-16-KB", "OK -", before("open", lambda p: p.data(b"x" * 16384)))
    case(f"{opened}/record-too-long", "PROTOCOL 22", before("open", record(DATA, b"EVIL" * 4096 + b"!")))
    case(f"{opened}/record-far-too-long", "PROTOCOL 22", before("open", plain(DATA, b"\7" * 20000)))
    case(f"{opened}/record-of-64-KB-announced", "PROTOCOL 22", before("open", raw(b"\x17\3\3\xff\xff" + b"\7" * 100)))
    case(f"{opened}/record-too-short", "PROTOCOL 20", before("open", plain(DATA, b"\7" * 8)))
    case(f"{opened}/record-of-0-bytes", "PROTOCOL 20", before("open", plain(DATA, b"")))
    case(f"{opened}/record-of-unknown-type", "PROTOCOL 10", before("open", record(99, b"EVIL")))
    case(f"{opened}/record-of-outer-unknown-type", "PROTOCOL 10", before("open", plain(99, b"\7" * 40)))
    case(f"{opened}/heartbeat", "PROTOCOL 10", before("open", record(HEARTBEAT, b"\1\x40\0EVIL")))
    case(f"{opened}/heartbeat-in-the-clear", "PROTOCOL 10", before("open", plain(HEARTBEAT, b"\1\x40\0")))
    for version in (0x0301, 0x0304, 0x0200, 0x1603):
        for step in ("finished", "open"):
            case(f"{side}/{step}/record-version-{version:04x}", "PROTOCOL 20" if thirteen and version >> 8 == 3 else "PROTOCOL 70",
                 before(step, lambda p, v=version: setattr(p, "record_version", v)))
    case(f"{opened}/data-in-the-clear", "PROTOCOL 20", before("open", plain(DATA, b"EVIL" * 8)))
    case(f"{opened}/handshake-in-the-clear", "PROTOCOL 10" if thirteen else "PROTOCOL 20",
         before("open", plain(HANDSHAKE, b"\0\0\0\0" * 8)))
    case(f"{opened}/alert-in-the-clear", "PROTOCOL 10" if thirteen else "PROTOCOL 20", before("open", plain(ALERT, b"\1\0")))
    case(f"{opened}/tampered", "PROTOCOL 20", before("open", tampered))
    case(f"{opened}/replayed", "PROTOCOL 20", before("open", replay))
    case(f"{opened}/sequence-gap", "PROTOCOL 20", before("open", gap))
    case(f"{opened}/half-a-record", "EOF -", before("open", half_a_record))
    case(f"{opened}/cut-off", "EOF -", before("open", hang_up))
    case(f"{opened}/alert-empty", "PROTOCOL 50", before("open", record(ALERT, b"")))
    case(f"{opened}/alert-of-one-byte", "PROTOCOL 50", before("open", record(ALERT, b"\2")))
    case(f"{opened}/alert-of-three-bytes", "PROTOCOL 50", before("open", record(ALERT, b"\1\0\0")))
    case(f"{opened}/alerts-two-in-a-record", "PROTOCOL 10" if thirteen else "PROTOCOL 50",
         before("open", record(ALERT, b"\1\x5a\1\0")))
    case(f"{opened}/alert-of-unknown-level", "ALERT -" if thirteen else "PROTOCOL 47", before("open", record(ALERT, b"\7\x28")))
    case(f"{opened}/alert-of-unknown-number", "ALERT -", before("open", record(ALERT, b"\2\xc8")))
    case(f"{opened}/alert-fatal", "ALERT -", before("open", record(ALERT, b"\2\x28")))
    case(f"{opened}/alert-fatal-close-notify", "OK -", before("open", record(ALERT, b"\2\0")), skip("open"))
    case(f"{opened}/alert-warning", "ALERT -" if thirteen else "OK -", before("open", record(ALERT, b"\1\x70")))
    case(f"{opened}/user-canceled", "OK -", before("open", record(ALERT, b"\1\x5a")))
    case(f"{opened}/close-notify-and-data", "OK -", skip("open"), before("open", record(ALERT, b"\1\0")), after("open", record(DATA, b"EVIL")))
    case(f"{opened}/close-notify-twice", "OK -", after("close", record(ALERT, b"\1\0")))
    case(f"{opened}/finished-again", "PROTOCOL 10", before("open", message(FINISHED, b"\7" * (32 if thirteen else 12))))
    case(f"{opened}/unknown-message", "PROTOCOL 10", before("open", message(99, b"EVIL")))
    case(f"{opened}/certificate", "PROTOCOL 10",
         before("open", lambda p: p.send(certificate_13(p.identity.chain) if p.version == 13 else certificate_12(p.identity.chain),
                                         count=False)))
    case(f"{opened}/client_hello", "PROTOCOL 10" if thirteen or is_client else "OK -",
         before("open", lambda p: p.send(client_hello_12() if p.version == 12 else client_hello_13(p, p.share), count=False)))
    case(f"{opened}/hello_request", "OK -" if side == "client12" else "PROTOCOL 10", before("open", message(HELLO_REQUEST, b"")))
    case(f"{opened}/server_hello_done", "PROTOCOL 10", before("open", message(SERVER_HELLO_DONE, b"")))

    # Tickets and keys
    ticket = b"\0\0\1\0" + b"\7" * 4 + vec8(b"\1") + vec16(b"\7" * 100) + vec16(b"")
    case(f"{opened}/ticket", "OK -" if side == "client13" else "PROTOCOL 10", before("open", message(NEW_SESSION_TICKET, ticket)))
    if side == "client13":
        for name, data, expected in (
                ("huge", ticket[:10] + vec16(b"\7" * 60000) + vec16(b""), "OK -"),
                ("empty", b"", "PROTOCOL 50"), ("cut", ticket[:-3], "PROTOCOL 50"), ("trailing-byte", ticket + b"\0", "PROTOCOL 50"),
                ("for-ever", b"\xff" * 4 + ticket[4:], "OK -"), ("of-0-bytes", ticket[:10] + vec16(b"") + vec16(b""), "PROTOCOL 50"),
                ("extension-twice", ticket[:-2] + extension_list((42, b"\0" * 4), (42, b"\0" * 4)), "PROTOCOL 47"),
                ("extension-unknown", ticket[:-2] + extension_list((GREASE, b"")), "OK -")):
            case(f"{opened}/ticket-{name}", expected,
                 before("open", message(NEW_SESSION_TICKET, data)))
        case(f"{opened}/ticket-in-fragments", "OK -", before("open", fragments(7)),
             before("open", message(NEW_SESSION_TICKET, ticket)))
        case(f"{opened}/ticket-interleaved-with-data", "PROTOCOL 10",
             before("open", lambda p: p.record(HANDSHAKE, Message(NEW_SESSION_TICKET, ticket).encode()[:20])))
        case(f"{opened}/certificate_request", "PROTOCOL 10",
             before("open", lambda p: p.send(certificate_request_13(), count=False)))
    if thirteen:
        case(f"{opened}/padding", "OK -", before("open", lambda p: p.record(DATA, b"", padding=500)))
        case(f"{opened}/padding-alone", "PROTOCOL 10", before("open", lambda p: p.record(0, b"", padding=50)))
        case(f"{opened}/padding-too-long", "PROTOCOL 22", before("open", lambda p: p.record(DATA, b"", padding=16388)))
        case(f"{opened}/keys-of-the-handshake", "PROTOCOL 20",
             before("open", lambda p: p.record(DATA, b"EVIL", keys=Keys13(p.our_hs))))
        case(f"{opened}/key_update", "OK -", before("open", update_keys(b"\0")))
        case(f"{opened}/key_update-asked-back", "OK -", before("open", update_keys(b"\1")))
        case(f"{opened}/key_update-value-2", "PROTOCOL 47", before("open", update_keys(b"\2")))
        case(f"{opened}/key_update-empty", "PROTOCOL 50", before("open", update_keys(b"")))
        case(f"{opened}/key_update-long", "PROTOCOL 50", before("open", update_keys(b"\0\0")))
        case(f"{opened}/key_update-under-old-keys", "PROTOCOL 20", before("open", message(KEY_UPDATE, b"\0")))
        case(f"{opened}/key_update-in-front-of-more", "PROTOCOL 10",
             before("open", lambda p: p.send(Message(KEY_UPDATE, b"\0").encode() * 2, count=False)))
        case(f"{side}/key_update-in-the-handshake", "PROTOCOL 10", before("finished", message(KEY_UPDATE, b"\0")))

# --- Floods: of records that bring no data, 31 in a row are taken, and of warnings three; such as are as long as a fragment of
# a message may be, with 128 times 512 bytes more. In a handshake there is an end, too, while the peer sends on


def at_once(do):
    """What `do` sends record by record goes out in one piece."""
    def send(p):
        held = []
        p.raw = held.append
        do(p)
        del p.raw
        p.raw(b"".join(held))
    return send


def flood(name, most, send):
    """`send(times)` is a hook that sends as many."""
    case(f"{name}-flood/most", "OK -", before("open", send(most)))
    case(f"{name}-flood/most-again-and-again", "OK -", *[
        ("before", "open", do) for _ in range(5) for do in (send(most), lambda p: p.data(b"data"))])
    case(f"{name}-flood/too-many", "PROTOCOL 22", before("open", send(most + 1)))
    case(f"{name}-flood/far-too-many", "PROTOCOL 22", before("open", at_once(send(1000))))


for side in SCRIPTS:
    opened = f"{side}/open"
    flood(f"{opened}/empty-data", 31, lambda times: record(DATA, b"", times=times))
    flood(f"{opened}/user-canceled", 3, lambda times: record(ALERT, b"\1\x5a", times=times))
    if "12" in side:
        flood(f"{opened}/alert-warning", 3, lambda times: record(ALERT, b"\1\x70", times=times))
    else:
        flood(f"{opened}/padding", 31, lambda times: record(DATA, b"", times=times, padding=400))
        case(f"{opened}/long-padding-flood/far-too-many", "PROTOCOL 22", before("open", at_once(record(DATA, b"", times=1000, padding=500))))
        flood(f"{opened}/key_update", 31, lambda times: update_keys(b"\0", times))
        flood(f"{opened}/key_update-asked-back", 31, lambda times: update_keys(b"\1", times))
    case(f"{side}/finished/warning-flood", "PROTOCOL 22", before("finished", at_once(record(ALERT, b"\1\x5a", times=20))))
    if "13" in side:
        case(f"{side}/finished/data-flood", "PROTOCOL 10", before("finished", at_once(record(DATA, b"", times=300, padding=16000))))
        case(f"{side}/finished/ccs-flood", "PROTOCOL 10",
             before("finished", at_once(lambda p: [p.plain(CCS, b"\1") for _ in range(10000)])))
flood("client12/open/hello_request", 31, lambda times: message(HELLO_REQUEST, b"", times))


def tickets(times, length=4600):
    return message(NEW_SESSION_TICKET, b"\0\0\1\0" + b"\7" * 4 + vec8(b"\1") + vec16(b"\7" * length) + vec16(b""), times)


flood("client13/open/ticket", 31, lambda times: tickets(times, 100))
SHORT_RECORDS = before("open", fragments(512))
case("client13/open/long-tickets-in-fragments", "OK -", SHORT_RECORDS, before("open", tickets(8)))
case("client13/open/long-tickets-in-fragments/again-and-again", "OK -", SHORT_RECORDS, *[
    ("before", "open", do) for _ in range(5) for do in (tickets(8), lambda p: p.data(b"data"))])
case("client13/open/huge-ticket-in-fragments", "OK -", SHORT_RECORDS, before("open", tickets(1, 60000)))
case("client13/open/long-tickets-in-fragments-flood", "PROTOCOL 22", SHORT_RECORDS, before("open", at_once(tickets(100))))

# --- Resumption: a connection before leaves a session, and this one offers it

MODES = ("required", "optional", "any", "none")


def resumed(name, expected, *changes, before_it=(), known=True, words="", ticket=100, **options):
    """`before_it` is done to the connection before, where a client shows its certificate if it is `known`. A server gives
    a `ticket` of so many bytes."""
    side = name.partition("/")[0]
    words = "versions=1.2 " + words if side == "client12" else words  # where it may be TLS 1.3, not every library resumes
    first = Case(f"{side}/first", SCRIPTS[side], "OK -", before_it, words, {"tickets": ticket, "mutual": known})
    CASES.append(Case(name, SCRIPTS[side], expected, changes, words, {"tickets": 100, **options}, first))


def shows(leaf):
    """Certificates of somebody else's; a signature that follows is by our own key."""
    def do(p, message):
        chain = chain_of(p.identity.pki, leaf)
        return certificate_13(chain) if p.version == 13 else certificate_12(chain)
    return edit("certificate", do)


def not_resumed(p):
    p.offered = None


NO_CERTIFICATES = edit("certificate", lambda p, m: certificate_13([]) if p.version == 13 else certificate_12([]))
VICTIM = shows("peer-both")
NO_SHARE = put("client_hello", KEY_SHARE, vec16(b""))

for side in BOTH_SERVERS:
    for mode in MODES:
        at, more = f"{side}/resumed", {"words": f"verify={mode}", "known": mode != "none"}
        resumed(f"{at}/good/{mode}", "OK -", **more)
        for name, changes in (
                ("certificate", []),
                ("certificate-of-another", [VICTIM, skip("certificate_verify")]),
                ("certificate-of-another-signed", [VICTIM]),
                ("certificate-of-ed448-signed", [shows("phone-ed448")]),
                ("certificate-of-secp256k1-signed", [shows("phone-ec256k1")]),
                ("no-certificates", [NO_CERTIFICATES, skip("certificate_verify")])):
            resumed(f"{at}/{name}/{mode}", "PROTOCOL 10", *changes, mutual=True, unasked=True, **more)
        resumed(f"{at}/certificate-when-open/{mode}", "PROTOCOL 10", before("open", lambda p: p.send(
            certificate_13(p.identity.chain) if p.version == 13 else certificate_12(p.identity.chain), count=False)), **more)

        # The same without a session.
        at, asked = f"{side}/certificate", mode != "none"
        more = {"words": f"verify={mode}", "mutual": True}
        case(f"{at}/never/{mode}", "PROTOCOL 10" if asked else "OK -", words=f"verify={mode}")
        case(f"{at}/of-another/{mode}", "PROTOCOL 10", VICTIM, skip("certificate_verify"), **more)
        case(f"{at}/of-another-signed/{mode}", "PROTOCOL 51" if asked else "PROTOCOL 10", VICTIM, **more)
        for leaf in ("ed448", "ec256k1"):
            case(f"{at}/of-{leaf}-signed/{mode}", "VERIFY 43" if asked else "PROTOCOL 10", shows(f"phone-{leaf}"), **more)
    case(f"{side}/certificate/none-but-signed", "PROTOCOL 10", NO_CERTIFICATES, words="verify=optional", mutual=True)

# A ticket that would make the next hello too long is not kept: that connection comes to a full handshake.
for side in BOTH_CLIENTS:
    for length in (5000, 7000, 9000, 13000, 16000, 16200, 40000):
        resumed(f"{side}/resumed/ticket-of-{length}", "OK -", after("client_hello", not_resumed), ticket=length)

# RFC 7627, 5.3: a session is of one kind of master secret.
at, without = "client12/resumed/extended-master-secret", drop("server_hello", EXTENDED_MASTER_SECRET)
resumed(f"{at}-never", "OK -", without, before_it=[without])
resumed(f"{at}-gone", "PROTOCOL 40", without)
resumed(f"{at}-new", "PROTOCOL 40", before_it=[without])

RESUMED = "server13/resumed"
for side in BOTH_SERVERS:  # a session is of the host that the client has asked for
    other = put("client_hello", SERVER_NAME, vec16(b"\0" + vec16(b"www.example.test")))
    resumed(f"{side}/resumed/another-name", "OK -", other, words="verify=required", mutual=True)
    resumed(f"{side}/resumed/another-name-without-certificate", "PROTOCOL 10", other, skip("certificate"),
            skip("certificate_verify"), words="verify=required", mutual=True)
    resumed(f"{side}/resumed/no-name-without-certificate", "PROTOCOL 10", drop("client_hello", SERVER_NAME), skip("certificate"),
            skip("certificate_verify"), words="verify=required", mutual=True)
resumed(f"{RESUMED}/binder-wrong", "PROTOCOL 51", words="verify=required", binder=lambda binder: flip(binder, 0))
resumed(f"{RESUMED}/without-key-agreement-only", "OK -", put("client_hello", PSK_MODES, vec8(b"\0")), words="verify=required",
        mutual=True)
resumed(f"{RESUMED}/an-unknown-mode-too", "OK -", put("client_hello", PSK_MODES, vec8(b"\x2a\1")), words="verify=required",
        mutual=True)
resumed(f"{RESUMED}/retried", "OK -", NO_SHARE, words="verify=required")
resumed(f"{RESUMED}/retried-and-full", "OK -", NO_SHARE, drop("client_hello_2", PRE_SHARED_KEY), words="verify=required", mutual=True)
resumed(f"{RESUMED}/retried-and-full-without-certificate", "PROTOCOL 10", NO_SHARE, drop("client_hello_2", PRE_SHARED_KEY),
        words="verify=required")
resumed(f"{RESUMED}/retried-and-full-of-another", "PROTOCOL 10", NO_SHARE, drop("client_hello_2", PRE_SHARED_KEY), VICTIM,
        skip("certificate_verify"), words="verify=required", mutual=True)
resumed(f"{RESUMED}/retried-with-early-data", "OK -", NO_SHARE, add("client_hello", EARLY_DATA), drop("client_hello_2", EARLY_DATA),
        words="verify=required")
resumed(f"{RESUMED}/retried-with-early-data-again", "PROTOCOL 47", NO_SHARE, add("client_hello", EARLY_DATA),
        words="verify=required")

RESUMED, NO_EXTENDED = "server12/resumed", drop("client_hello", EXTENDED_MASTER_SECRET)
resumed(f"{RESUMED}/extended-master-secret-never", "OK -", NO_EXTENDED, before_it=[NO_EXTENDED], words="verify=required")
resumed(f"{RESUMED}/extended-master-secret-gone", "PROTOCOL 40", NO_EXTENDED, words="verify=required", mutual=True)

# A ticket that is good, and of no use; or that is past its lifetime, but not by more than the clocks of servers may differ.
UNDER_ENCRYPTION = before("finished", lambda p: p.send(certificate_12(chain_of(p.identity.pki, "peer-both")), count=False))
for name, full, setting in (
        ("extended-master-secret-new", True, {"before_it": [NO_EXTENDED], "words": "verify=required"}),
        ("old", False, {"words": "verify=required life=1", "pause": 2.5})):
    at = f"{RESUMED}/{name}"
    resumed(f"{at}/good", "OK -", mutual=True, **setting)
    resumed(f"{at}/no-certificate", "PROTOCOL 10" if full else "OK -", **setting)
    resumed(f"{at}/of-another", "PROTOCOL 10" if full else "OK -", VICTIM, skip("certificate_verify"), mutual=True, **setting)
    resumed(f"{at}/of-another-signed", "PROTOCOL 51" if full else "OK -", VICTIM, mutual=True, **setting)
    resumed(f"{at}/of-another-under-encryption", "PROTOCOL 10", UNDER_ENCRYPTION, **setting)
    for leaf in ("ed448", "ec256k1"):
        resumed(f"{at}/of-{leaf}-signed", "VERIFY 43" if full else "OK -", shows(f"phone-{leaf}"), mutual=True, **setting)

for side in BOTH_CLIENTS:
    for mode in ("required", "none"):
        at, more = f"{side}/resumed", {"words": f"verify={mode}"}
        resumed(f"{at}/good/{mode}", "OK -", **more)
        resumed(f"{at}/full/{mode}", "OK -", after("client_hello", not_resumed), **more)
        resumed(f"{at}/certificate/{mode}", "PROTOCOL 10", unasked=True, **more)
        resumed(f"{at}/certificate-asked-for/{mode}", "PROTOCOL 10", unasked=True, mutual=True, **more)
        resumed(f"{at}/certificate-of-another/{mode}", "PROTOCOL 10", shows("server-p384"), skip("certificate_verify"),
                unasked=True, **more)

RESUMED = "client13/resumed"
resumed(f"{RESUMED}/full-without-certificate", "PROTOCOL 10", after("client_hello", not_resumed), skip("certificate"),
        skip("certificate_verify"))
resumed(f"{RESUMED}/full-of-another", "PROTOCOL 10", after("client_hello", not_resumed), shows("server-p384"),
        skip("certificate_verify"))
resumed(f"{RESUMED}/retried", "OK -", retry())
resumed(f"{RESUMED}/identity-not-offered", "PROTOCOL 47", put("server_hello", PRE_SHARED_KEY, u16(1)))
resumed(f"{RESUMED}/identity-short", "PROTOCOL 50", put("server_hello", PRE_SHARED_KEY, b"\0"))
resumed(f"{RESUMED}/identity-long", "PROTOCOL 50", put("server_hello", PRE_SHARED_KEY, b"\0\0\0"))
resumed(f"{RESUMED}/retried-with-identity", "PROTOCOL 47", retry(extensions=P256_SHARE + [[PRE_SHARED_KEY, u16(0)]]))
resumed(f"{RESUMED}/early-data-unasked", "PROTOCOL 110", body("encrypted_extensions", extension_list((EARLY_DATA, b""))))
