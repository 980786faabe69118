"""Asks a resolver: ``resolving.py ADDRESS NAME TYPE``; says as JSON what came back, a status and the records."""

import json
import socket
import struct
import sys

ADDRESS, NAME, TYPE = sys.argv[1:]
TYPES = {"A": 1, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "CAA": 257}
STATUSES = {0: "found", 2: "failed", 3: "unknown", 5: "refused"}
PATIENCE_SECONDS = 5


def name_at(answer, place):
    """A name in an answer, and where it ends."""
    parts: list[str] = []
    while length := answer[place]:
        if length >= 0xC0:
            rest, _ = name_at(answer, struct.unpack("!H", answer[place : place + 2])[0] & 0x3FFF)
            return ".".join([*parts, rest]), place + 2
        parts.append(answer[place + 1 : place + 1 + length].decode())
        place += 1 + length
    return ".".join(parts), place + 1


def text_of(kind, answer, place, length):
    """A record's content, as zone files have it."""
    data = answer[place : place + length]
    match kind:
        case "A" | "AAAA":
            return socket.inet_ntop(socket.AF_INET if kind == "A" else socket.AF_INET6, data)
        case "CNAME":
            return name_at(answer, place)[0]
        case "MX":
            return f"{struct.unpack('!H', data[:2])[0]} {name_at(answer, place + 2)[0]}"
        case "CAA":
            return f"{data[0]} {data[2 : 2 + data[1]].decode()} {data[2 + data[1] :].decode()}"
        case _:
            return "".join(pieces(data))


def pieces(data):
    """The pieces of a text."""
    while data:
        yield data[1 : 1 + data[0]].decode()
        data = data[1 + data[0] :]


def records(answer):
    """Type and content of every record of the answer."""
    questions, count = struct.unpack("!HH", answer[4:8])
    place = 12
    for _ in range(questions):
        place = name_at(answer, place)[1] + 4
    numbers = {number: kind for kind, number in TYPES.items()}
    for _ in range(count):
        place = name_at(answer, place)[1]
        number, _, _, length = struct.unpack("!HHIH", answer[place : place + 10])
        yield [numbers[number], text_of(numbers[number], answer, place + 10, length)]
        place += 10 + length


question = b"".join(bytes([len(part)]) + part.encode() for part in NAME.split(".")) + b"\0"
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(PATIENCE_SECONDS)
asker.connect((ADDRESS, 53))
asker.send(struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + question + struct.pack("!HH", TYPES[TYPE], 1))
answer = asker.recv(4096)
sys.stdout.write(json.dumps([STATUSES[answer[3] & 15], list(records(answer))]))
