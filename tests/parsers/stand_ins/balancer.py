"""A NodeBalancer: passes connections on with the PROXY protocol before them.

Arguments: its address, where it listens there, and the address and port that it passes on to.
"""

import os
import socket
import struct
import sys
import threading

address, heard, target, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


def carry(source, sink):
    """Pass on whatever comes until the end."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        sink.close()


def serve():
    """One pair of threads for each connection."""
    while True:
        client, (source, _) = server.accept()
        node = socket.create_connection((target, port))
        addresses = socket.inet_aton(source) + socket.inet_aton(address) + struct.pack("!HH", 40000, port)
        node.sendall(b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack("!H", len(addresses)) + addresses)
        for ends in ((client, node), (node, client)):
            threading.Thread(target=carry, args=ends).start()


server = socket.create_server((address, heard))
if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    serve()
