"""A visitor: one request as told on standard input, and the answer as JSON."""

import http.client
import json
import socket
import ssl
import struct
import sys
from typing import Any

how = json.load(sys.stdin)
answer: dict[str, Any] = {"status": 0, "headers": {}, "body": "", "size": 0}


def proxy_header(client, server):
    """The PROXY protocol, version 2: TCP over IPv4 from that client."""
    addresses = socket.inet_aton(client) + socket.inet_aton(server) + struct.pack("!HH", 40000, how["port"])
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack("!H", len(addresses)) + addresses


def ask():
    """Open the connection, speak, and listen."""
    connection = socket.create_connection((how["address"], how["port"]), timeout=10, source_address=(how["source"], 0))
    if how["proxy"]:
        connection.sendall(proxy_header(how["proxy"], how["address"]))
    if how["port"] == 443:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if how["certificate"]:
            context.load_cert_chain(how["certificate"])
        connection = context.wrap_socket(connection, server_hostname=how["host"])
        answer["headers"]["the certificate"] = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True) or b"")
    headers = {"Host": how["host"], "Connection": "close", **how["headers"]}
    if how["body"]:
        headers["Content-Length"] = str(len(how["body"]))
    lines = [f"{how['method']} {how['path']} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "", how["body"]]).encode())
    response = http.client.HTTPResponse(connection, method=how["method"])
    response.begin()
    answer["status"] = response.status
    answer["headers"] |= {name.lower(): value for name, value in response.getheaders()}
    if how["then"]:
        connection.sendall(how["then"].encode())
        body = connection.recv(1000) if response.status == http.HTTPStatus.SWITCHING_PROTOCOLS else response.read1(1000)
    else:
        body = response.read()
    answer["body"], answer["size"] = body[:4000].decode(errors="replace"), len(body)


try:
    ask()
except (OSError, http.client.HTTPException) as error:
    answer["body"] = repr(error)
sys.stdout.write(json.dumps(answer) + "\n")
