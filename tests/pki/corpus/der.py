"""DER, written by hand, so that it can also be written wrongly. Everything here is bytes in, bytes out."""

import calendar
import time as clock


def length(count):
    if count < 0x80:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def tlv(tag, *parts):
    content = b"".join(parts)
    return bytes([tag]) + length(len(content)) + content


def seq(*parts):
    return tlv(0x30, *parts)


def set_of(*parts):
    return tlv(0x31, *parts)


def boolean(value):
    return tlv(0x01, b"\xff" if value else b"\x00")


def integer(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def bit_string(octets, unused=0):
    return tlv(0x03, bytes([unused]), octets)


def named_bits(*numbers):
    """A BIT STRING with a list of named bits: no zeros at its end."""
    if not numbers:
        return bit_string(b"")
    value = sum(1 << (15 - number) for number in numbers)
    octets = value.to_bytes(2, "big").rstrip(b"\x00")
    unused = (octets[-1] & -octets[-1]).bit_length() - 1
    return bit_string(octets, unused)


def octets(*parts):
    return tlv(0x04, *parts)


def null():
    return tlv(0x05)


def oid(text):
    numbers = [int(number) for number in text.split(".")]
    content = b""
    for number in [numbers[0] * 40 + numbers[1]] + numbers[2:]:
        digits = [number & 0x7F]
        while number > 0x7F:
            number >>= 7
            digits.insert(0, 0x80 | number & 0x7F)
        content += bytes(digits)
    return tlv(0x06, content)


def utf8(text):
    return tlv(0x0C, text.encode())


def printable(text):
    return tlv(0x13, text.encode())


def teletex(text):
    return tlv(0x14, text.encode("latin-1"))


def ia5(text):
    return tlv(0x16, text.encode())


def bmp(text):
    return tlv(0x1E, text.encode("utf-16-be"))


def universal(text):
    return tlv(0x1C, text.encode("utf-32-be"))


def implicit(number, *content):
    """[number] IMPLICIT, primitive."""
    return tlv(0x80 | number, *content)


def explicit(number, *content):
    """[number] EXPLICIT, or IMPLICIT of something constructed."""
    return tlv(0xA0 | number, *content)


def utc_time(text):
    return tlv(0x17, text.encode())


def generalized_time(text):
    return tlv(0x18, text.encode())


def moment(year, month, day, hour=0, minute=0, second=0):
    """Seconds since 1970."""
    return calendar.timegm((year, month, day, hour, minute, second))


def time(seconds):
    """As RFC 5280 4.1.2.5 wants it: UTCTime through 2049."""
    fields = clock.gmtime(seconds)
    if 1950 <= fields.tm_year < 2050:
        return utc_time(clock.strftime("%y%m%d%H%M%SZ", fields))
    return generalized_time(f"{fields.tm_year:04}" + clock.strftime("%m%d%H%M%SZ", fields))


def split(data):
    """One element: its tag, its content, and what is behind it."""
    count, start = data[1], 2
    if count & 0x80:
        start += count & 0x7F
        count = int.from_bytes(data[2:start], "big")
    if len(data) < start + count:
        raise ValueError("cut off")
    return data[0], data[start : start + count], data[start + count :]


def children(content):
    """The elements of the content of a SEQUENCE, each as a whole."""
    found = []
    while content:
        rest = split(content)[2]
        found.append(content[: len(content) - len(rest)])
        content = rest
    return found
