"""Answers on a port: ``answering.py PORT NAME [proxied]``. It says its name and whom it sees, then each line again.

``proxied`` demands the proxy protocol's second version and sees whom that names.
"""

import socket
import socketserver
import struct
import sys

PORT, NAME, *OPTIONS = sys.argv[1:]
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


class Conversation(socketserver.StreamRequestHandler):
    """One caller."""

    def handle(self):
        caller = self.client_address[0]
        if "proxied" in OPTIONS:
            head = self.rfile.read(16)
            if head[:12] != SIGNATURE:
                return
            rest = self.rfile.read(struct.unpack("!H", head[14:])[0])
            if not head[12] & 1:
                return  # a check, which tells of no visitor
            caller = f"{socket.inet_ntoa(rest[:4])} from {caller}"
        self.wfile.write(f"{NAME} {caller}\n".encode())
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    """Callers side by side."""

    allow_reuse_address = True
    daemon_threads = True


with Server(("", int(PORT)), Conversation) as server:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()
