"""The four scripts: a server and a client of TLS 1.3 and 1.2, each a list of steps that a case can change.

    server_13   server_hello ccs encrypted_extensions certificate_request certificate certificate_verify finished
    client_13   client_hello [client_hello_2] ccs certificate certificate_verify finished
    server_12   server_hello certificate server_key_exchange certificate_request server_hello_done ccs finished
    client_12   client_hello certificate client_key_exchange certificate_verify ccs finished

and then, all of them: `open`, where "ping" goes there and back, and `close`. The option `mutual` brings the client's
certificate in.
"""
from tls import *  # noqa: F403 - this is a part of it


def _open_and_close(p):
    p.step("open", b"ping", p.data)
    p.read_data(len(p.sent_data) - len(p.got_data))
    p.step("close", b"\1\0", lambda alert: p.record(ALERT, alert))
    p.drain()


def _change_cipher_spec(p):
    p.step("ccs", b"\1", lambda data: p.plain(CCS, data))


# --- TLS 1.3


def certificate_13(chain, context=b""):
    return Message(CERTIFICATE, vec8(context) + vec24(b"".join(vec24(der) + vec16(b"") for der in chain)))


def certificate_verify_13(p, server):
    side = b"server" if server else b"client"
    text = b" " * 64 + b"TLS 1.3, " + side + b" CertificateVerify\0" + sha256(p.transcript)
    return Message(CERTIFICATE_VERIFY, u16(ECDSA_SHA256) + vec16(p.identity.sign(text)))


def server_hello_13(p, share):
    extensions = [[VERSIONS, u16(0x0304)], [KEY_SHARE, u16(share.group) + vec16(share.public)]]
    return Hello(SERVER_HELLO, [SUITE_13], extensions, p.hello.session_id)


def take_client_hello(p):
    message = p.message(CLIENT_HELLO)
    p.hello = Hello.decode(CLIENT_HELLO, message.body)


def client_shares(hello):
    r, shares = Reader(Reader(hello.get(KEY_SHARE)).vec(2)), {}
    while r.data:
        group = r.number(2)
        shares[group] = r.vec(2)
    return shares


def hello_retry(p, group=SECP256R1, **changes):
    """Sends a HelloRetryRequest, and reads the second ClientHello."""
    p.transcript = Message(MESSAGE_HASH, sha256(p.transcript)).encode()
    extensions = [[VERSIONS, u16(0x0304)]] + ([[KEY_SHARE, u16(group)]] if group is not None else [])
    hello = Hello(SERVER_HELLO, [SUITE_13], extensions, p.hello.session_id, HELLO_RETRY)
    for name, value in changes.items():
        setattr(hello, name, value)
    p.send(hello)
    take_client_hello(p)


def certificate_request_13():
    return Message(CERTIFICATE_REQUEST, vec8(b"") + vec16(u16(SCHEMES) + vec16(vec16(u16(ECDSA_SHA256)))))


def server_13(p):
    take_client_hello(p)
    for hook in p.hooks.get(("after", "client_hello"), []):
        hook(p)
    shares = client_shares(p.hello)
    group = next((group for group in (X25519, SECP256R1) if group in shares), None)
    if group is None:
        raise Unexpected(f"no share of a group that we have, but of {sorted(shares)}")
    p.share = Share(group)
    p.step("server_hello", server_hello_13(p, p.share))
    p.handshake_keys(p.share.agree(shares[p.share.group]), server=True)
    _change_cipher_spec(p)
    p.step("encrypted_extensions", Message(ENCRYPTED_EXTENSIONS, vec16(b"")))
    if p.options.get("mutual"):
        p.step("certificate_request", certificate_request_13())
    p.step("certificate", certificate_13(p.identity.chain))
    p.step("certificate_verify", certificate_verify_13(p, server=True))
    p.step("finished", Message(FINISHED, p.finished_13(p.our_hs)))
    p.application_keys(server=True)
    p.other = [p.their_ap]
    p.out = p.our_ap
    for hook in p.hooks.get(("after", "flight"), []):
        hook(p)
    if p.options.get("mutual"):
        p.message(CERTIFICATE)
        p.message(CERTIFICATE_VERIFY)
    p.message(FINISHED)
    p.inn, p.other = p.their_ap, []
    _open_and_close(p)


def client_hello_13(p, share):
    return Hello(CLIENT_HELLO, [SUITE_13], [
        [SERVER_NAME, vec16(b"\0" + vec16(b"example.test"))],
        [GROUPS, vec16(codes([X25519, SECP256R1]))],
        [SCHEMES, vec16(codes([ECDSA_SHA256, 0x0804, 0x0401]))],
        [VERSIONS, vec8(u16(0x0304))],
        [PSK_MODES, vec8(b"\1")],
        [KEY_SHARE, vec16(u16(share.group) + vec16(share.public))],
    ], session_id=b"\x5a" * 32)


def client_13(p):
    p.share = Share(X25519)
    p.hello = client_hello_13(p, p.share)
    p.step("client_hello", p.hello)
    hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    if hello.random == HELLO_RETRY:
        p.transcript = Message(MESSAGE_HASH, sha256(p.hello.encode())).encode() + \
            Message(SERVER_HELLO, hello.encode()[4:]).encode()
        p.share = Share(int.from_bytes(hello.get(KEY_SHARE), "big"))
        p.hello.put(KEY_SHARE, vec16(u16(p.share.group) + vec16(p.share.public)))
        if hello.get(COOKIE):
            p.hello.put(COOKIE, hello.get(COOKIE))
        p.step("client_hello_2", p.hello)
        hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    p.server_hello = hello
    p.handshake_keys(p.share.agree(hello.get(KEY_SHARE)[4:]), server=False)
    while p.message(ENCRYPTED_EXTENSIONS, CERTIFICATE_REQUEST, CERTIFICATE, CERTIFICATE_VERIFY, FINISHED).kind \
            != FINISHED:
        pass
    p.application_keys(server=False)
    p.inn, p.other = p.their_ap, [Keys13(p.their_hs)]
    p.step("ccs", b"\1", lambda data: p.plain(CCS, data))
    if p.options.get("mutual"):
        p.step("certificate", certificate_13(p.identity.chain))
        p.step("certificate_verify", certificate_verify_13(p, server=False))
    p.step("finished", Message(FINISHED, p.finished_13(p.our_hs)))
    p.out = p.our_ap
    _open_and_close(p)


# --- TLS 1.2


def certificate_12(chain):
    return Message(CERTIFICATE, vec24(b"".join(vec24(der) for der in chain)))


def server_key_exchange(p, parameters):
    signed = p.client_random + p.server_random + parameters
    return Message(SERVER_KEY_EXCHANGE, parameters + u16(ECDSA_SHA256) + vec16(p.identity.sign(signed)))


def ecdh_parameters(share):
    return b"\3" + u16(share.group) + vec8(share.public)


def certificate_verify_12(p):
    return Message(CERTIFICATE_VERIFY, u16(ECDSA_SHA256) + vec16(p.identity.sign(p.transcript)))


def server_12(p):
    take_client_hello(p)
    for hook in p.hooks.get(("after", "client_hello"), []):
        hook(p)
    p.share = Share(X25519)
    p.extended = p.hello.get(EXTENDED_MASTER_SECRET) is not None
    offered = p.hello.get(RENEGOTIATION) is not None or 0x00FF in p.hello.suites
    extensions = ([[RENEGOTIATION, b"\0"]] if offered else []) + ([[EXTENDED_MASTER_SECRET, b""]] if p.extended else [])
    hello = Hello(SERVER_HELLO, [SUITE_12], extensions, b"")
    p.client_random, p.server_random = p.hello.random, hello.random
    p.step("server_hello", hello)
    p.server_random = hello.random
    p.extended = hello.get(EXTENDED_MASTER_SECRET) is not None
    p.step("certificate", certificate_12(p.identity.chain))
    p.step("server_key_exchange", server_key_exchange(p, ecdh_parameters(p.share)))
    if p.options.get("mutual"):
        p.step("certificate_request", Message(CERTIFICATE_REQUEST, vec8(b"\x40") + vec16(u16(ECDSA_SHA256)) + vec16(b"")))
    p.step("server_hello_done", Message(SERVER_HELLO_DONE, b""))
    if p.options.get("mutual"):
        p.message(CERTIFICATE)
    shared = p.share.agree(p.message(CLIENT_KEY_EXCHANGE).body[1:])
    p.master_keys(shared, p.client_random, p.server_random, p.extended, server=True)
    if p.options.get("mutual"):
        p.message(CERTIFICATE_VERIFY)
    p.change_cipher_spec()
    p.inn = p.next_inn
    p.message(FINISHED)
    _change_cipher_spec(p)
    p.out = p.next_out
    p.step("finished", Message(FINISHED, p.finished_12(b"server finished")))
    _open_and_close(p)


def client_hello_12():
    return Hello(CLIENT_HELLO, [SUITE_12], [
        [SERVER_NAME, vec16(b"\0" + vec16(b"example.test"))],
        [GROUPS, vec16(codes([X25519, SECP256R1]))],
        [POINT_FORMATS, vec8(b"\0")],
        [SCHEMES, vec16(codes([ECDSA_SHA256, 0x0401]))],
        [EXTENDED_MASTER_SECRET, b""],
        [RENEGOTIATION, b"\0"],
    ])


def client_12(p):
    p.hello = client_hello_12()
    p.step("client_hello", p.hello)
    hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    p.client_random, p.server_random = p.hello.random, hello.random
    while True:
        message = p.message(CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE)
        if message.kind == SERVER_KEY_EXCHANGE:
            r = Reader(message.body[1:])
            group, theirs = r.number(2), r.vec(1)
        if message.kind == SERVER_HELLO_DONE:
            break
    p.share = Share(group)
    if p.options.get("mutual"):
        p.step("certificate", certificate_12(p.identity.chain))
    p.step("client_key_exchange", Message(CLIENT_KEY_EXCHANGE, vec8(p.share.public)))
    p.master_keys(p.share.agree(theirs), p.client_random, p.server_random,
                  hello.get(EXTENDED_MASTER_SECRET) is not None, server=False)
    if p.options.get("mutual"):
        p.step("certificate_verify", certificate_verify_12(p))
    _change_cipher_spec(p)
    p.out = p.next_out
    p.step("finished", Message(FINISHED, p.finished_12(b"client finished")))
    p.change_cipher_spec()
    p.inn = p.next_inn
    p.message(FINISHED)
    _open_and_close(p)
