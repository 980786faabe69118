"""As much of a mail relay as one client needs: it wants TLS and the login, and keeps what it is given.

Arguments: a port, a certificate, the login as user:password, and a file for what is kept.
"""

import base64
import socket
import ssl
import sys
from pathlib import Path

port, certificate, login, kept = sys.argv[1:]
wanted = base64.b64encode(f"\0{login.replace(':', chr(0), 1)}".encode()).decode()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server = socket.create_server(("127.0.0.1", int(port)))


def converse(connection):
    stream, is_safe, is_known = connection.makefile("rwb", 0), False, False
    stream.write(b"220 relay\r\n")
    while line := stream.readline().decode().strip():
        word = line.split()[0].upper()
        if word == "EHLO":
            stream.write(b"250-relay\r\n250 AUTH PLAIN\r\n" if is_safe else b"250-relay\r\n250 STARTTLS\r\n")
        elif word == "STARTTLS":
            stream.write(b"220 go on\r\n")
            connection = context.wrap_socket(connection, server_side=True)
            stream, is_safe = connection.makefile("rwb", 0), True
        elif word == "AUTH":
            is_known = is_safe and line.split()[2] == wanted
            stream.write(b"235 yes\r\n" if is_known else b"535 no\r\n")
        elif word == "QUIT":
            stream.write(b"221 bye\r\n")
        elif not is_known:
            stream.write(b"530 who are you\r\n")
        elif word == "DATA":
            stream.write(b"354 go on\r\n")
            with Path(kept).open("ab") as file:
                while (part := stream.readline()) != b".\r\n":
                    file.write(part)
            stream.write(b"250 kept\r\n")
        else:
            stream.write(b"250 yes\r\n")


while True:
    converse(server.accept()[0])
