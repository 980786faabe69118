"""A registry of images, as much of one as a pull asks for. Its settings are in the JSON file that it is given.

Settings: ``address``, ``certificate`` and ``key`` (paths), ``folder`` (of blobs, named by digest), ``images``
(repository and tag to the digest of a manifest).
"""

import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SETTINGS = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


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
        path = Path(SETTINGS["folder"]) / which.replace(":", "-")
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


server = ThreadingHTTPServer((SETTINGS["address"], 443), Registry)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
