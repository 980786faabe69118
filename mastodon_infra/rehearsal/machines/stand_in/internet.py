"""What machines find outside: names, and a registry of images. It reads its settings from its input, as JSON.

Settings: ``address`` to answer names on, ``names`` (name to address; one that starts with a dot stands for all below
it), ``registry`` (address, certificate and key paths, and the folder of its blobs), ``images`` (repository and tag to
the digest of a manifest).
"""

import json
import socket
import ssl
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETTINGS = json.loads(sys.stdin.read())
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def address_of(name):
    """The address of a name, or None."""
    names = SETTINGS["names"]
    parts = name.split(".")
    return names.get(name) or next(
        (names[f".{'.'.join(parts[i:])}"] for i in range(len(parts)) if f".{'.'.join(parts[i:])}" in names), None
    )


def answer(question):
    """The answer to a DNS question: an address for an A question, nothing for others, no such name for strangers."""
    labels, place = [], 12
    while question[place]:
        length = question[place]
        labels.append(question[place + 1 : place + 1 + length].decode())
        place += 1 + length
    end = place + 5
    (kind,) = struct.unpack("!H", question[place + 1 : place + 3])
    address = address_of(".".join(labels).lower())
    has_answer = bool(address) and kind == 1
    head = question[:2] + struct.pack("!HHHHH", 0x8580 if address else 0x8583, 1, int(has_answer), 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address) if has_answer else b""
    return head + question[12:end] + record


def names():
    """Answers questions for ever."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SETTINGS["address"], 53))
    while True:
        question, asker = server.recvfrom(4096)
        try:
            server.sendto(answer(question), asker)
        except (IndexError, ValueError, struct.error):
            continue


class Registry(BaseHTTPRequestHandler):
    """As much of a registry as a pull asks for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """The version, a manifest by tag or digest, or a blob."""
        parts = self.path.strip("/").split("/")
        if parts == ["v2"]:
            return self.give(b"{}", "application/json")
        repository, what, which = "/".join(parts[1:-2]), parts[-2], parts[-1]
        if what == "manifests":
            which = SETTINGS["images"].get(f"{repository}:{which}", which)
        path = Path(SETTINGS["registry"]["folder"]) / which.replace(":", "-")
        if not which.startswith("sha256:") or not path.is_file():
            return self.send_error(404)
        return self.give(path.read_bytes(), MANIFEST if what == "manifests" else "application/octet-stream", which)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def give(self, body, kind, digest=""):
        """One answer."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


threading.Thread(target=names, daemon=True).start()
server = ThreadingHTTPServer((SETTINGS["registry"]["address"], 443), Registry)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(SETTINGS["registry"]["certificate"], SETTINGS["registry"]["key"])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
