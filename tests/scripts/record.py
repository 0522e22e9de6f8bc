#!/usr/bin/env python3
"""record.py PCAP HOST:PORT: a relay on loopback that writes what passes through it as a capture.

Prints the port that it listens on, takes one connection, passes bytes on both ways until both sides have ended, and
writes them to PCAP as a TCP connection from 192.0.2.1 to port 5061 of 192.0.2.2: no right to capture is needed.
"""
import selectors
import socket
import struct
import sys
import time

CLIENT, SERVER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
PORTS = {CLIENT: 40000, SERVER: 5061}
SYN, ACK, PSH, FIN = 2, 16, 8, 1
RAW_IP = 101  # LINKTYPE_RAW
SEGMENT = 1400


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Capture:
    """One TCP connection, packet by packet."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        self.next = {CLIENT: 1000, SERVER: 5000}
        self.packet(CLIENT, SYN)
        self.packet(SERVER, SYN | ACK)
        self.packet(CLIENT, ACK)

    def packet(self, sender, flags, data=b""):
        receiver = SERVER if sender == CLIENT else CLIENT
        acknowledged = self.next[receiver] if flags & ACK else 0
        tcp = struct.pack("!HHIIBBHHH", PORTS[sender], PORTS[receiver], self.next[sender], acknowledged, 5 << 4, flags,
                          65535, 0, 0)
        pseudo = sender + receiver + struct.pack("!BBH", 0, 6, len(tcp) + len(data))
        whole = pseudo + tcp + data
        tcp = tcp[:16] + struct.pack("!H", checksum(whole + b"\0" * (len(whole) % 2))) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0) + sender + receiver
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        now = time.time_ns() // 1000
        length = 40 + len(data)
        self.file.write(struct.pack("<IIII", now // 1000000, now % 1000000, length, length) + ip + tcp + data)
        self.next[sender] += len(data) + (1 if flags & (SYN | FIN) else 0)

    def data(self, sender, data):
        for start in range(0, len(data), SEGMENT):
            self.packet(sender, PSH | ACK, data[start:start + SEGMENT])

    def end(self, sender):
        self.packet(sender, FIN | ACK)


def main():
    path, server = sys.argv[1:]
    host, port = server.rsplit(":", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        listener.settimeout(60)
        client, _ = listener.accept()
    upstream = socket.create_connection((host, int(port)), 60)
    capture = Capture(path)
    selector = selectors.DefaultSelector()
    selector.register(client, selectors.EVENT_READ, (CLIENT, upstream))
    selector.register(upstream, selectors.EVENT_READ, (SERVER, client))
    while selector.get_map():
        ready = selector.select(60)
        if not ready:
            sys.exit("nothing came for a minute")
        for key, _ in ready:
            sender, other = key.data
            data = key.fileobj.recv(65536)
            if data:
                capture.data(sender, data)
                other.sendall(data)
                continue
            capture.end(sender)
            selector.unregister(key.fileobj)
            try:
                other.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has gone already
    capture.file.close()


main()
