"""Mastodon: an app that tells what it was asked, and streaming. Arguments: the app's port, streaming's ports."""

import itertools
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GONE = Path("/tmp/old-release-is-gone")
answers = itertools.count(1)


class App(BaseHTTPRequestHandler):
    """Rails, as far as a proxy sees it. Pages carry no `Vary`: a proxy that trusts it alone would mix them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.partition("?")[0]
        body = json.dumps({"number": next(answers), "path": self.path, "headers": dict(self.headers.items())})
        if path == "/crash":
            self.close_connection = True
        elif path.startswith("/@"):
            activity = "activity" in self.headers.get("Accept", "")
            kind = "application/activity+json" if activity else "text/html"
            self.answer(200, body, kind, {"Cache-Control": "max-age=180, public"})
        elif path.endswith("/none.svg") or (path.startswith("/packs/") and GONE.exists()):
            self.answer(404, "no such file", "text/plain", {"Cache-Control": "public, max-age=9"})
        elif path.startswith(("/packs/", "/emoji/", "/sw.js", "/favicon.ico")):
            self.answer(200, body, "text/plain", {"Set-Cookie": "one=1"} if path.startswith("/packs/") else {})
        else:
            self.answer(200, body, "application/json", {"Cache-Control": "private, no-store"})

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def answer(self, status, body, kind, headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Streaming(App):
    """An upgraded connection echoes; one that is not gets an event at once, and no end."""

    def do_GET(self):
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.send_header("Connection", "upgrade")
            self.end_headers()
            self.wfile.write(self.rfile.readline())
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"6\r\n:)\nhi\n\r\n")
        self.rfile.read()


app, *streams = map(int, sys.argv[1:])
servers = [ThreadingHTTPServer(("0.0.0.0", app), App)]
servers += [ThreadingHTTPServer(("0.0.0.0", port), Streaming) for port in streams]
if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    for server in servers:
        threading.Thread(target=server.serve_forever).start()
