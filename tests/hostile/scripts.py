"""The four scripts: a server and a client of TLS 1.3 and 1.2, each a list of steps that a case can change.

    server_13   server_hello ccs encrypted_extensions certificate_request certificate certificate_verify finished
    client_13   client_hello [client_hello_2] ccs certificate certificate_verify finished
    server_12   server_hello certificate server_key_exchange certificate_request server_hello_done ccs finished
    client_12   client_hello certificate client_key_exchange certificate_verify ccs finished

and then, all of them: `open`, where "ping" goes there and back, and `close`. The option `mutual` brings the client's
certificate in, and `tickets` a ticket of so many bytes. With the session of a connection before, a script resumes it; then there are no
certificates, and no key exchange of TLS 1.2, unless the option `unasked` brings in the certificates nevertheless.
"""
from tls import *  # noqa: F403 - this is a part of it


def _open_and_close(p):
    p.step("open", b"ping", p.data)
    p.read_data(len(p.sent_data) - len(p.got_data))
    p.step("close", b"\1\0", lambda alert: p.record(ALERT, alert))
    p.drain()


def _change_cipher_spec(p):
    p.step("ccs", b"\1", lambda data: p.plain(CCS, data))


def _shows(p, option=None):
    """Whether certificates are shown, those of the client with `mutual` only."""
    return (option is None or p.options.get(option)) and (not p.resumed or p.options.get("unasked"))


def _must_offer(p, number):
    """A server's client offers the session of the connection before."""
    p.resumed = p.offered is not None
    if p.resumed and not p.hello.get(number):
        raise Unexpected("no session is offered")


# --- TLS 1.3


def certificate_13(chain, context=b""):
    return Message(CERTIFICATE, vec8(context) + vec24(b"".join(vec24(der) + vec16(b"") for der in chain)))


def certificate_verify_13(p, server):
    side = b"server" if server else b"client"
    text = b" " * 64 + b"TLS 1.3, " + side + b" CertificateVerify\0" + sha256(p.transcript)
    return Message(CERTIFICATE_VERIFY, u16(ECDSA_SHA256) + vec16(p.identity.sign(text)))


def server_hello_13(p, share):
    extensions = [[VERSIONS, u16(0x0304)], [KEY_SHARE, u16(share.group) + vec16(share.public)]]
    if p.resumed:
        extensions.append([PRE_SHARED_KEY, u16(0)])
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


def new_session_ticket_13(length):
    return Message(NEW_SESSION_TICKET, u32(3600) + u32(7) + vec8(b"\1") + vec16(b"\7" * length) + vec16(b""))


def server_13(p):
    take_client_hello(p)
    for hook in p.hooks.get(("after", "client_hello"), []):
        hook(p)
    _must_offer(p, PRE_SHARED_KEY)
    shares = client_shares(p.hello)
    group = next((group for group in (X25519, SECP256R1) if group in shares), None)
    if group is None:
        raise Unexpected(f"no share of a group that we have, but of {sorted(shares)}")
    p.share = Share(group)
    p.step("server_hello", server_hello_13(p, p.share))
    p.handshake_keys(p.share.agree(shares[p.share.group]), server=True)
    _change_cipher_spec(p)
    p.step("encrypted_extensions", Message(ENCRYPTED_EXTENSIONS, vec16(b"")))
    if _shows(p, "mutual"):
        p.step("certificate_request", certificate_request_13())
    if _shows(p):
        p.step("certificate", certificate_13(p.identity.chain))
        p.step("certificate_verify", certificate_verify_13(p, server=True))
    p.step("finished", Message(FINISHED, p.finished_13(p.our_hs)))
    p.application_keys(server=True)
    p.other = [p.their_ap]
    p.out = p.our_ap
    for hook in p.hooks.get(("after", "flight"), []):
        hook(p)
    if _shows(p, "mutual"):
        p.message(CERTIFICATE)
        p.message(CERTIFICATE_VERIFY)
    p.message(FINISHED)
    p.handshake_over()
    p.inn, p.other = p.their_ap, []
    if p.options.get("tickets"):
        ticket = new_session_ticket_13(p.options["tickets"])
        p.take_ticket_13(ticket.body)
        p.send(ticket, count=False)
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
    if p.offered is not None:
        p.hello.put(PRE_SHARED_KEY, b"")
    p.step("client_hello", p.hello, p.bind)
    hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    if hello.random == HELLO_RETRY:
        p.transcript = Message(MESSAGE_HASH, sha256(p.hello.encode())).encode() + \
            Message(SERVER_HELLO, hello.encode()[4:]).encode()
        p.share = Share(int.from_bytes(hello.get(KEY_SHARE), "big"))
        p.hello.put(KEY_SHARE, vec16(u16(p.share.group) + vec16(p.share.public)))
        if hello.get(COOKIE):
            p.hello.put(COOKIE, hello.get(COOKIE))
        if p.offered is not None:
            p.hello.put(PRE_SHARED_KEY, b"")
        p.step("client_hello_2", p.hello, p.bind)
        hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    p.server_hello = hello
    p.resumed = p.offered is not None and hello.get(PRE_SHARED_KEY) is not None
    p.handshake_keys(p.share.agree(hello.get(KEY_SHARE)[4:]), server=False)
    while p.message(ENCRYPTED_EXTENSIONS, CERTIFICATE_REQUEST, CERTIFICATE, CERTIFICATE_VERIFY, FINISHED).kind \
            != FINISHED:
        pass
    p.application_keys(server=False)
    p.inn, p.other = p.their_ap, [Keys13(p.their_hs)]
    _change_cipher_spec(p)
    if _shows(p, "mutual"):
        p.step("certificate", certificate_13(p.identity.chain))
        p.step("certificate_verify", certificate_verify_13(p, server=False))
    p.step("finished", Message(FINISHED, p.finished_13(p.our_hs)))
    p.handshake_over()
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
    _must_offer(p, SESSION_TICKET)
    p.extended = p.hello.get(EXTENDED_MASTER_SECRET) is not None
    offered = p.hello.get(RENEGOTIATION) is not None or 0x00FF in p.hello.suites
    extensions = ([[RENEGOTIATION, b"\0"]] if offered else []) + ([[EXTENDED_MASTER_SECRET, b""]] if p.extended else [])
    if p.options.get("tickets") and not p.resumed:
        extensions.append([SESSION_TICKET, b""])
    hello = Hello(SERVER_HELLO, [SUITE_12], extensions, p.hello.session_id if p.resumed else b"")
    p.client_random, p.server_random = p.hello.random, hello.random
    p.step("server_hello", hello)
    p.server_random = hello.random
    p.extended = hello.get(EXTENDED_MASTER_SECRET) is not None
    if _shows(p):
        _certificates_of_server_12(p)
    if p.resumed:
        p.master = p.offered.secret
        p.next_keys(p.client_random, p.server_random, server=True)
        _finish_12(p, b"server finished")
        _hear_finished_12(p)
    else:
        _hear_client_12(p)
        _hear_finished_12(p)
        if p.options.get("tickets"):
            p.session = Session(b"\7" * p.options["tickets"], p.master)
            p.send(Message(NEW_SESSION_TICKET, u32(3600) + vec16(p.session.ticket)))
        _finish_12(p, b"server finished")
    _open_and_close(p)


def _certificates_of_server_12(p):
    p.share = Share(X25519)
    p.step("certificate", certificate_12(p.identity.chain))
    p.step("server_key_exchange", server_key_exchange(p, ecdh_parameters(p.share)))
    if p.options.get("mutual"):
        p.step("certificate_request", Message(CERTIFICATE_REQUEST, vec8(b"\x40") + vec16(u16(ECDSA_SHA256)) + vec16(b"")))
    p.step("server_hello_done", Message(SERVER_HELLO_DONE, b""))


def _hear_client_12(p):
    if p.options.get("mutual"):
        p.message(CERTIFICATE)
    shared = p.share.agree(p.message(CLIENT_KEY_EXCHANGE).body[1:])
    p.master_keys(shared, p.client_random, p.server_random, p.extended, server=True)
    if p.options.get("mutual"):
        p.message(CERTIFICATE_VERIFY)


def _hear_finished_12(p):
    p.change_cipher_spec()
    p.inn = p.next_inn
    p.message(FINISHED)


def _finish_12(p, label):
    _change_cipher_spec(p)
    p.out = p.next_out
    p.step("finished", Message(FINISHED, p.finished_12(label)))


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
    if p.options.get("tickets"):
        p.hello.put(SESSION_TICKET, p.offered.ticket if p.offered is not None else b"")
    if p.offered is not None:
        p.hello.session_id = b"\x5a" * 32  # it comes back if the session is resumed
    p.step("client_hello", p.hello)
    hello = Hello.decode(SERVER_HELLO, p.message(SERVER_HELLO).body)
    p.client_random, p.server_random = p.hello.random, hello.random
    p.resumed = p.offered is not None and hello.session_id == p.hello.session_id
    p.extended = hello.get(EXTENDED_MASTER_SECRET) is not None
    if p.resumed:
        p.master = p.offered.secret
        p.next_keys(p.client_random, p.server_random, server=False)
        _hear_finished_12(p)
        if _shows(p, "mutual"):
            p.step("certificate", certificate_12(p.identity.chain))
            p.step("certificate_verify", certificate_verify_12(p))
        _finish_12(p, b"client finished")
    else:
        _keys_of_client_12(p)
        _finish_12(p, b"client finished")
        _hear_finished_12(p)
    _open_and_close(p)


def _keys_of_client_12(p):
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
    p.master_keys(p.share.agree(theirs), p.client_random, p.server_random, p.extended, server=False)
    if p.options.get("mutual"):
        p.step("certificate_verify", certificate_verify_12(p))
