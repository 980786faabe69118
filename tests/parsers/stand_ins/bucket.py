"""A bucket behind TLS, and a name server that leads every name to it.

Arguments: a certificate, the bucket's address, the name server's.
"""

import json
import os
import re
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DOWN, LOG = Path("/tmp/bucket-is-down"), Path("/tmp/bucket.log")
VIDEO = bytes(range(256)) * 4096 * 3
XML = b"<Error><Code>%s</Code><BucketName>social-example-media</BucketName></Error>"


class Bucket(BaseHTTPRequestHandler):
    """What S3 does: ranges, headers about itself, errors in XML, and a listing at the root for whoever may."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = json.dumps({"path": self.path, "headers": dict(self.headers.items())})
        with LOG.open("a") as log:
            log.write(f"{asked}\n")
        if DOWN.exists():
            self.answer(503, XML % b"SlowDown", {})
        elif "missing" in self.path:
            self.answer(404, XML % b"NoSuchKey", {})
        elif "private" in self.path:
            self.answer(403, XML % b"AccessDenied", {})
        elif "moved" in self.path:
            self.answer(301, XML % b"PermanentRedirect", {"Location": "https://elsewhere.example/"})
        elif self.path.endswith(".mp4"):
            self.video()
        else:
            self.answer(200, asked.encode(), {"Cache-Control": "no-store", "Set-Cookie": "one=1"})

    def video(self):
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        assert asked, "nginx asks for slices"
        first, last = asked.groups()
        part = VIDEO[int(first) : int(last) + 1]
        self.answer(206, part, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(VIDEO)}"})

    def answer(self, status, body, headers):
        self.send_response(status)
        usual = {"Content-Length": str(len(body)), "ETag": '"one"', "x-amz-request-id": "1", "x-amz-meta-a": "1"}
        for name, value in (usual | {"Access-Control-Allow-Origin": "https://one.example"} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve_names(server, address):
    """Answer each question for an IPv4 address with that one, and each other question with nothing."""
    while True:
        asked, client = server.recvfrom(512)
        end = asked.index(b"\0", 12) + 5
        answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(address)
        is_ipv4 = asked[end - 4 : end - 2] == b"\0\x01"
        counts = b"\0\x01" + (b"\0\x01" if is_ipv4 else b"\0\0") + b"\0\0\0\0"
        server.sendto(asked[:2] + b"\x81\x80" + counts + asked[12:end] + (answer if is_ipv4 else b""), client)


certificate, address, name_server = sys.argv[1:]
bucket = ThreadingHTTPServer((address, 443), Bucket)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
bucket.socket = context.wrap_socket(bucket.socket, server_side=True)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind((name_server, 53))
if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    threading.Thread(target=serve_names, args=(names, address)).start()
    bucket.serve_forever()
