"""Somebody who listens to streaming, and writes what there is to hear. Arguments: a port, a token, a stream."""

import base64
import os
import socket
import sys

port, token, stream = sys.argv[1:]
key = base64.b64encode(os.urandom(16)).decode()
lines = (
    f"GET /api/v1/streaming?stream={stream}&access_token={token} HTTP/1.1",
    "Host: social.example",
    "Connection: Upgrade",
    "Upgrade: websocket",
    f"Sec-WebSocket-Key: {key}",
)
connection = socket.create_connection(("127.0.0.1", int(port)))
connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
while heard := connection.recv(65536):
    sys.stdout.buffer.write(heard)
    sys.stdout.buffer.flush()
