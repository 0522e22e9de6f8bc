#!/usr/bin/env python3
"""A name server that knows one answer: every name is at 127.0.0.1. Prints "listening on PORT" (UDP)."""
import socket
import struct

RESPONSE = 0x8580  # an authoritative answer, recursion available (RFC 1035 section 4.1.1)
TYPE_A = 1


def question_end(message):
    """The offset behind the first question: labels up to the empty one, type, class."""
    at = 12
    while message[at]:
        at += message[at] + 1
    return at + 5


def answer(query):
    end = question_end(query)
    question = query[12:end]
    (kind,) = struct.unpack("!H", question[-4:-2])
    record = b""
    if kind == TYPE_A:
        record = struct.pack("!HHHIH4s", 0xC00C, TYPE_A, 1, 60, 4, socket.inet_aton("127.0.0.1"))
    header = query[:2] + struct.pack("!HHHHH", RESPONSE, 1, 1 if record else 0, 0, 0)
    return header + question + record


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 0))
    print("listening on", server.getsockname()[1], flush=True)
    while True:
        message, client = server.recvfrom(2048)
        try:
            server.sendto(answer(message), client)
        except (IndexError, struct.error):
            pass  # no query
