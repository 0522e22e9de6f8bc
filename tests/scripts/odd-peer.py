#!/usr/bin/env python3
"""A peer that is not what a SIP client hopes for: odd-peer.py MODE [CERT KEY]

Prints "listening on 127.0.0.1:PORT", serves one connection after the other, and ends with SIGTERM. Modes:

  silent   takes the TCP connection and says nothing
  banner   speaks first, and not TLS
  sip      answers like a SIP server without TLS
  busy     TLS; answers each request with 486
  password TLS; answers each request with 401
  junk     TLS; answers with what is no SIP
  mute     TLS; never answers; prints "goodbye" if the client ends by close_notify
  flood    TLS; sends answers to nobody, without end
  cut      TLS; ends TCP without close_notify instead of an answer
"""
import socket
import ssl
import sys

mode = sys.argv[1]
listener = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)


def answer(request, status):
    wanted = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
    lines = [line for line in request.split(b"\r\n") if line.lower().startswith(wanted)]
    return b"\r\n".join([b"SIP/2.0 " + status] + lines + [b"Content-Length: 0", b"", b""])


def talk(peer):
    if mode == "silent":
        peer.recv(1)
        while peer.recv(4096):
            pass
        return
    if mode == "banner":
        peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        peer.recv(4096)
        return
    if mode == "sip":
        peer.recv(4096)
        peer.sendall(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    with context.wrap_socket(peer, server_side=True, suppress_ragged_eofs=False) as tls:
        while request := tls.recv(4096):
            if mode == "busy":
                tls.sendall(answer(request, b"486 Busy Here"))
            elif mode == "password":
                tls.sendall(answer(request, b"401 Unauthorized"))
            elif mode == "junk":
                tls.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            elif mode == "flood":
                while True:
                    tls.sendall(answer(b"Call-ID: another\r\n", b"200 OK") * 200)
            elif mode == "cut":
                return
        if mode == "mute":  # an end without close_notify is an exception
            print("goodbye", flush=True)


while True:
    connection, _ = listener.accept()
    try:
        with connection:
            talk(connection)
    except OSError:
        pass
