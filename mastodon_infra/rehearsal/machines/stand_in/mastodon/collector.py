"""Numbers for Prometheus: the collector beside Puma, the page inside sidekiq, and what Puma's processes send."""

from __future__ import annotations

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import is_on, number, setting

PAGE = "text/plain; version=0.0.4; charset=utf-8"
SEND_SECONDS, FORGET_SECONDS = 5, 60


def page(numbers, prefix=""):
    """Prometheus' own format."""
    return "".join(f"{prefix}{name} {value}\n" for name, value in numbers.items())


class Pages(BaseHTTPRequestHandler):
    """Answers GET with whatever ``read`` gives for the path, and hands on what is sent."""

    protocol_version = "HTTP/1.1"
    server: Collector

    def do_GET(self):
        """A page, or none."""
        found = self.server.read(self.path.partition("?")[0])
        self._give(404 if found is None else 200, (found or "").encode())

    def do_POST(self):
        """Numbers, as one JSON text."""
        self.server.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._give(200, b"OK")

    def _give(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", PAGE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


class Collector(ThreadingHTTPServer):
    """A small server of such pages."""

    daemon_threads = True

    def __init__(self, address, read, take=lambda _: None):
        super().__init__(address, Pages)
        self.read, self.take = read, take


def exporter(*words):
    """bin/prometheus_exporter: adds up what Puma's processes have sent of late."""
    options = dict(zip(words[::2], words[1::2], strict=True))
    sent: dict[str, tuple[float, dict[str, float]]] = {}

    def take(one):
        sent[f"{one['pid']}"] = (time.monotonic(), one["numbers"])

    def read(path):
        if path != "/metrics":
            return None
        sums: dict[str, float] = {"up": 1, "collector_working": 1}
        for heard_at, numbers in list(sent.values()):
            if time.monotonic() - heard_at < FORGET_SECONDS:
                for name, value in numbers.items():
                    sums[name] = sums.get(name, 0) + value
        return page(sums, options.get("--prefix", "ruby_"))

    Collector((options.get("-b", "localhost"), int(options.get("-p", "9394"))), read, take).serve_forever()


def serve_here(read):
    """The page inside sidekiq, where it is asked for. In threads of its own."""
    if is_on("MASTODON_PROMETHEUS_EXPORTER_ENABLED") and is_on("MASTODON_PROMETHEUS_EXPORTER_LOCAL"):
        address = setting("MASTODON_PROMETHEUS_EXPORTER_HOST", "localhost")
        here = Collector((address, number("MASTODON_PROMETHEUS_EXPORTER_PORT", 9394)), read)
        threading.Thread(target=here.serve_forever, daemon=True).start()


def send_for_ever(pid, numbers):
    """Send to the collector every few seconds, where numbers are asked for; one that is away is no trouble."""
    if not is_on("MASTODON_PROMETHEUS_EXPORTER_ENABLED"):
        return
    address = setting("PROMETHEUS_EXPORTER_HOST", "localhost"), number("PROMETHEUS_EXPORTER_PORT", 9394)

    def send():
        while True:
            try:
                connection = http.client.HTTPConnection(*address, timeout=5)
                connection.request("POST", "/send-metrics", json.dumps({"pid": pid, "numbers": numbers()}))
                connection.getresponse().read()
                connection.close()
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(SEND_SECONDS)

    threading.Thread(target=send, daemon=True).start()
