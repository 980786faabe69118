"""Uploads: curl reads its settings, and a store that it asks is asked as planned."""

from __future__ import annotations

import json
import re

from mastodon_infra.model.services import StorageProvider
from tests.parsers.checks.services import background
from tests.parsers.checks.system import Files
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

PORT = 8443
# The store: it takes one object, and tells what it was asked.
STORE = """
import http.server, json, ssl
class Store(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = {name.lower(): value for name, value in self.headers.items()} | {"path": self.path, "size": len(body)}
        print(json.dumps(asked), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 8443), Store)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/tmp/store.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/s3/aws4_request, "
    r"SignedHeaders=(?P<headers>\S+), Signature=[0-9a-f]{64}"
)


def trial(tree: Tree, files: Files) -> None:
    """Curl puts one small object into the media bucket, signed by Mastodon's key, and public where Mastodon's are."""
    tree.machine.must(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=store -days 1 "
        "-keyout /tmp/store.key -out /tmp/store.crt 2> /dev/null && cat /tmp/store.key /tmp/store.crt > /tmp/store.pem"
    )
    media = tree.plan.media
    for file in files:
        with background(tree, ["python3", "-c", STORE], ports={PORT}) as log:
            ask = ["curl", "--config", file.path, "--insecure", "--connect-to", f"::127.0.0.1:{PORT}"]
            said = tree.machine.must(ask)
            asked = json.loads(next(line for line in log().splitlines() if line.startswith("{")))
        if said != "200":
            raise Refused(f"{file.path}: trial-upload waits for 200, and curl says {said!r}")
        signed = SIGNATURE.fullmatch(asked["authorization"])
        if not signed or signed["region"] != media.region:
            raise Refused(f"{file.path}: signed otherwise than for {media.region}")
        if not asked["path"].startswith(f"/{media.bucket}/") or asked["host"] != media.endpoint or not asked["size"]:
            raise Refused(f"{file.path}: asked {asked['host']} for {asked['path']}, {asked['size']} bytes")
        sends_permission = asked.get("x-amz-acl") == "public-read" and "x-amz-acl" in signed["headers"].split(";")
        if sends_permission != (media.provider is not StorageProvider.AWS):
            raise Refused(f"{file.path}: the ACL is not the one that Mastodon sends")
        if file.mode & 0o077:
            raise Refused(f"{file.path} has mode {file.mode:04o}")
