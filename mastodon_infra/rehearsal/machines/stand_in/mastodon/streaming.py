"""node ./streaming/index.js: what Redis publishes goes to whoever has a token and listens."""

import json
import os
import queue
import signal
import struct
import sys
import threading
import time
import uuid
from base64 import b64encode
from hashlib import sha1
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from mastodon_infra.rehearsal.machines.stand_in.mastodon.collector import page
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import LOST, Database, PoolExhaustedError
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import check, number, setting
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import AnsweredNoError, Connection, Store

PREFIX = "/api/v1/streaming"
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
PING_SECONDS, THUMP_SECONDS = 30, 15
CHANNELS = {
    *(
        "user",
        "user:notification",
        "public",
        "public:local",
        "public:remote",
        "hashtag",
        "hashtag:local",
        "direct",
        "list",
    )
}
"""What can be asked for without a WebSocket, by its path."""
PUBLIC_CHANNELS = {"public": "timeline:public", "public:local": "timeline:public:local"}


def streaming(*_):
    """The streaming server of one port."""
    check(rules.STREAMING)
    hub = Hub()
    hub.begin()
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    server = Server((setting("BIND", "127.0.0.1").strip("[]"), number("PORT", 4000)), Stream)
    server.hub = hub
    print(f"listens; at most {hub.database.size} connections to PostgreSQL", flush=True)
    server.serve_forever()


class Server(ThreadingHTTPServer):
    """A thread for each listener."""

    daemon_threads = True
    request_queue_size = 1024
    hub: "Hub"


class Hub:
    """One subscription to Redis for all listeners of this process."""

    def __init__(self):
        self.database = Database(rules.STREAMING, number("DB_POOL", rules.STREAMING_POOL))
        self.sent = self.received = 0
        self._redis = Store()
        self._subscription = Connection()
        self._subscription.wait_for_ever()
        self._listeners: dict[str, set[Listener]] = {}
        self._lock = threading.Lock()

    def begin(self):
        """Reach the database too, and listen."""
        self.database.ask("SELECT 1")
        threading.Thread(target=self._hear_for_ever, daemon=True).start()
        threading.Thread(target=self._say_who_listens, daemon=True).start()

    def account_of(self, token):
        """Whose token it is, or None."""
        found = self.database.ask(
            "SELECT account_id FROM oauth_access_tokens WHERE token = %s AND revoked_at IS NULL LIMIT 1", token
        )
        return found[0][0] if found else None

    def add(self, channel, listener):
        """From now on it hears this channel."""
        with self._lock:
            is_new = channel not in self._listeners
            self._listeners.setdefault(channel, set()).add(listener)
            if is_new:
                self._subscription.say("SUBSCRIBE", channel)
        self._redis("SET", f"subscribed:{channel}", 1, "EX", rules.SUBSCRIBED_SECONDS)

    def remove(self, listener):
        """It hears nothing any more."""
        with self._lock:
            for channel in [one for one, all_of_it in self._listeners.items() if listener in all_of_it]:
                self._listeners[channel].discard(listener)
                if not self._listeners[channel]:
                    del self._listeners[channel]
                    self._subscription.say("UNSUBSCRIBE", channel)

    def numbers(self):
        """What Prometheus is told."""
        with self._lock:
            listeners = {one for all_of_it in self._listeners.values() for one in all_of_it}
            channels = len(self._listeners)
        pool = self.database.state()
        said = {
            f'connected_clients{{type="{kind}"}}': sum(1 for one in listeners if one.kind == kind)
            for kind in ("websocket", "eventsource")
        }
        return said | {
            'connected_channels{type="websocket",channel="all"}': channels,
            'messages_sent_total{type="websocket"}': self.sent,
            "nodejs_eventloop_lag_p99_seconds": 0,
            "redis_messages_received_total": self.received,
            "redis_subscriptions": channels,
            "pg_pool_total_connections": pool["connections"],
            "pg_pool_idle_connections": pool["idle"],
            "pg_pool_waiting_queries": pool["waiting"],
        }

    def _hear_for_ever(self):
        while True:
            try:
                kind, channel, text = self._subscription.answer()[:3]
                if kind == "message":
                    self._deliver(channel, json.loads(text))
            except (OSError, AnsweredNoError, ValueError) as error:
                print(f"redis: {error}", file=sys.stderr, flush=True)
                self._subscribe_again()

    def _subscribe_again(self):
        while True:
            time.sleep(1)
            try:
                connection = Connection()
                connection.wait_for_ever()
                with self._lock:
                    self._subscription = connection
                    for channel in self._listeners:
                        connection.say("SUBSCRIBE", channel)
            except (OSError, AnsweredNoError):
                continue
            return

    def _deliver(self, channel, event):
        self.received += 1
        with self._lock:
            listeners = list(self._listeners.get(channel, ()))
        for listener in listeners:
            listener.hear(channel, event)
            self.sent += 1

    def _say_who_listens(self):
        while True:
            time.sleep(rules.SUBSCRIBED_AGAIN_SECONDS)
            for channel in list(self._listeners):
                try:
                    self._redis("SET", f"subscribed:{channel}", 1, "EX", rules.SUBSCRIBED_SECONDS)
                except (OSError, AnsweredNoError):
                    continue


class Listener:
    """What one client is going to hear, in order."""

    def __init__(self, kind):
        self.kind = kind
        self.streams: dict[str, str] = {}
        self.waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def hear(self, channel, event):
        """Put an event in line, in the words of the client's way."""
        payload = event["payload"] if isinstance(event["payload"], str) else json.dumps(event["payload"])
        if self.kind == "eventsource":
            self.waiting.put(f"event: {event['event']}\ndata: {payload}\n\n".encode())
        else:
            told = {"stream": [self.streams.get(channel, "")], "event": event["event"], "payload": payload}
            self.waiting.put(frame(TEXT, json.dumps(told).encode()))


def frame(kind, content):
    """A frame of a WebSocket, from a server."""
    size = len(content)
    if size < 126:
        return bytes([0x80 | kind, size]) + content
    return bytes([0x80 | kind, 126]) + struct.pack("!H", size) + content


class Stream(BaseHTTPRequestHandler):
    """One client."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        """A page, a WebSocket, or a stream of events."""
        parts = urlsplit(self.path)
        if parts.path == f"{PREFIX}/health":
            self._page(200, "OK")
        elif parts.path == "/metrics":
            self._page(200, page(self.server.hub.numbers()), "text/plain; version=0.0.4")
        elif parts.path == PREFIX or parts.path.startswith(f"{PREFIX}/"):
            self._stream(parts)
        else:
            self._page(404, "Not found")

    def _stream(self, parts):
        query, stream = dict(parse_qsl(parts.query)), parts.path.removeprefix(f"{PREFIX}/").replace("/", ":")
        if not self._is_upgrade() and stream not in CHANNELS:
            self._refuse(400, "Unknown channel requested")
            return
        try:
            account = self._account(query)
        except (*LOST, PoolExhaustedError) as error:
            print(f"postgres: {error}".strip(), file=sys.stderr, flush=True)
            self._refuse(500, "An unexpected error occurred")
            return
        if account is None:
            self._refuse(401, "Missing access token")
        elif self._is_upgrade():
            self._websocket(account, query.get("stream"))
        else:
            self._events(account, stream)

    def _is_upgrade(self):
        """As Node sees it: both headers, or it is a plain request."""
        words = [word.strip().lower() for word in self.headers.get("Connection", "").split(",")]
        return "upgrade" in words and "Upgrade" in self.headers

    def _refuse(self, status, why):
        """In JSON; an upgrade by hand, with the reason in a header of its own and nothing after it."""
        if not self._is_upgrade():
            self._page(status, json.dumps({"error": why}), "application/json")
            return
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close", "Content-Type: text/plain",
            "Content-Length: 0", f"X-Request-Id: {uuid.uuid4()}", f"X-Error-Message: {why}", "", "",
        )  # fmt: skip
        self.wfile.write("\r\n".join(lines).encode())
        self.close_connection = True

    def _account(self, query):
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        token = query.get("access_token") or self.headers.get("Sec-WebSocket-Protocol")
        token = bearer if scheme == "Bearer" else token
        return self.server.hub.account_of(token) if token else None

    def _subscribe(self, listener, account, stream):
        channel = PUBLIC_CHANNELS.get(stream) or (f"timeline:{account}" if stream == "user" else None)
        if channel:
            listener.streams[channel] = stream
            self.server.hub.add(channel, listener)

    def _websocket(self, account, stream):
        key = (self.headers.get("Sec-WebSocket-Key", "") + MAGIC).encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(sha1(key).digest()).decode())
        if self.headers.get("Sec-WebSocket-Protocol"):
            self.send_header("Sec-WebSocket-Protocol", self.headers["Sec-WebSocket-Protocol"])
        self.end_headers()
        self.close_connection = True
        listener = Listener("websocket")
        threading.Thread(target=self._tell, args=(listener, PING_SECONDS, frame(PING, b"")), daemon=True).start()
        try:
            self._subscribe(listener, account, stream)
            while (found := self._read()) and found[0] != CLOSE:
                if found[0] == PING:
                    listener.waiting.put(frame(PONG, found[1]))
                elif found[0] == TEXT and json.loads(found[1]).get("type") == "subscribe":
                    self._subscribe(listener, account, json.loads(found[1])["stream"])
        except (OSError, ValueError, struct.error):
            pass
        finally:
            self.server.hub.remove(listener)
            listener.waiting.put(None)

    def _read(self):
        """The next frame of a client, which always masks its content."""
        head = self.rfile.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.rfile.read(2))
        mask = self.rfile.read(4)
        content = self.rfile.read(size)
        return head[0] & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(content))

    def _events(self, account, stream):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "private, no-store")
        self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b":)\n")
        listener = Listener("eventsource")
        try:
            self._subscribe(listener, account, stream)
            self._tell(listener, THUMP_SECONDS, b":thump\n")
        finally:
            self.server.hub.remove(listener)

    def _tell(self, listener, seconds, sign):
        """Everything in its line, and a sign of life where there is nothing to tell."""
        while True:
            try:
                words = listener.waiting.get(timeout=seconds)
            except queue.Empty:
                words = sign
            if words is None:
                return
            try:
                self.wfile.write(words)
            except (OSError, ValueError):
                return

    def _page(self, status, text, kind="text/plain"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nothing: addresses hold tokens."""
