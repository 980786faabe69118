"""An origin behind Cloudflare, on 443: ``origin.py CERTIFICATE KEY CLIENTS``, the last being whose clients it takes.

It answers with the headers that it got, as JSON; ``/range`` gives the bytes that are asked for, and an upgrade echoes.
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CERTIFICATE, KEY, CLIENTS = sys.argv[1:]
CONTENT = b"0123456789"


class Origin(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "upgrade")
            self.end_headers()
            self.wfile.write(self.rfile.readline())
            self.close_connection = True
        elif self.path == "/range":
            first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
            self.give(206, CONTENT[first : last + 1])
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.give(200, json.dumps(headers | {"seen": self.client_address[0]}).encode())

    def give(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


server = ThreadingHTTPServer(("", 443), Origin)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
context.load_verify_locations(CLIENTS)
context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
sys.stdout.write("ready\n")
sys.stdout.flush()
server.serve_forever()
