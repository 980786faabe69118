"""A server like Puma: processes that share a socket, a bounded number of threads in each, and a graceful end.

A connection that is kept open and says nothing takes no thread. Requests must not come before the last one's answer.
"""

import os
import queue
import selectors
import signal
import socket
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules

BACKLOG = 1024
READ_SECONDS = 30
LARGEST = 99 << 20


@dataclass(frozen=True)
class Request:
    """What was asked. The names of ``headers`` may be written in any case."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: str | bytes = ""
    kind: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Conversation(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Mastodon", ""
    timeout = READ_SECONDS
    # Head and body leave together, in one write.
    wbufsize = -1

    def __init__(self, connection, address, application, *, is_ending=lambda: False):
        self.request, self.client_address = connection, address
        self._application, self._is_ending = application, is_ending
        self.used_at = time.monotonic()
        self.setup()

    def serve_one(self):
        """Take one request and answer it. Whether the connection stays open."""
        self.close_connection = True
        try:
            self.handle_one_request()
            self.wfile.flush()
        except OSError:
            return False
        self.used_at = time.monotonic()
        return not self.close_connection

    def hang_up(self):
        """Close it."""
        for one in (self.wfile, self.rfile, self.request):
            try:
                one.close()
            except OSError:
                continue

    def _answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            return self._give(Answer(413, "too large"))
        parts = urlsplit(self.path)
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, self.rfile.read(length))
        try:
            answer = self._application(request)
        except Exception:
            traceback.print_exc()
            answer = Answer(500, "We're sorry, but something went wrong")
        return self._give(answer)

    def handle_expect_100(self):
        """Whoever asks first whether to send a large body waits for this."""
        is_wanted = super().handle_expect_100()
        self.wfile.flush()
        return is_wanted

    def _give(self, answer):
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        if self._is_ending():
            self.close_connection = True
        self.send_response(answer.status)
        usual = {"Content-Type": answer.kind, "Content-Length": str(len(body))}
        closing = {"Connection": "close"} if self.close_connection else {}
        for name, value in (usual | answer.headers | closing).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # The library's names.
    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_):
        """Nothing: Rails says little at the level warn."""


class Worker:
    """One process: a loop that accepts and waits, and threads that answer."""

    def __init__(self, listener, application, *, threads, idle_seconds):
        self.threads = threads
        self.busy = 0
        self.answered = 0
        self._listener, self._application, self._idle_seconds = listener, application, idle_seconds
        self._is_ending = False
        self._todo: queue.SimpleQueue[Conversation] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Conversation, bool]] = queue.SimpleQueue()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        self._bell.settimeout(0)
        self._ringer.settimeout(0)

    def end(self, *_):
        """Take nothing new; finish what is being answered."""
        self._is_ending = True
        self._ring()

    def run(self):
        """Serve until told to end."""
        self._selector.register(self._bell, selectors.EVENT_READ)
        for _ in range(self.threads):
            threading.Thread(target=self._work, daemon=True).start()
        while not self._is_ending:
            self._turn()
        self._listener.close()
        for waiting in self._waiting():
            waiting.hang_up()
        limit = time.monotonic() + rules.WORKER_STOP_SECONDS
        while self.busy and time.monotonic() < limit:
            self._take_back()
            time.sleep(0.05)

    def _turn(self):
        self._accept_or_not()
        for key, _ in self._selector.select(1):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._selector.unregister(key.fileobj)
                self.busy += 1
                self._todo.put(key.data)
        self._take_back()
        for waiting in self._waiting():
            if time.monotonic() - waiting.used_at > self._idle_seconds:
                self._selector.unregister(waiting.request)
                waiting.hang_up()

    def _accept_or_not(self):
        """A process whose threads are all busy leaves new visitors to the others."""
        has_room, is_listening = self.busy < self.threads, self._listener in self._selector.get_map()
        if has_room and not is_listening:
            self._selector.register(self._listener, selectors.EVENT_READ)
        elif is_listening and not has_room:
            self._selector.unregister(self._listener)

    def _accept(self):
        try:
            connection, address = self._listener.accept()
        except BlockingIOError:
            return  # another process was faster
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait_for(Conversation(connection, address, self._application, is_ending=lambda: self._is_ending))

    def _wait_for(self, conversation):
        self._selector.register(conversation.request, selectors.EVENT_READ, conversation)

    def _waiting(self):
        return [key.data for key in list(self._selector.get_map().values()) if key.data is not None]

    def _take_back(self):
        while not self._done.empty():
            conversation, is_open = self._done.get()
            self.busy -= 1
            self.answered += 1
            if is_open and not self._is_ending:
                self._wait_for(conversation)
            else:
                conversation.hang_up()

    def _work(self):
        while True:
            conversation = self._todo.get()
            self._done.put((conversation, conversation.serve_one()))
            self._ring()

    def _ring(self):
        with suppress(BlockingIOError):  # it rings already
            self._ringer.send(b"!")


def serve(host, port, *, workers, run):
    """Start processes that ``run(listener, number)``, keep as many of them, and end them on TERM."""
    listener = socket.create_server((host, port), backlog=BACKLOG, reuse_port=False)
    listener.settimeout(0)
    running: dict[int, int] = {}
    ending = threading.Event()

    def end(*_):
        ending.set()
        listener.close()
        for pid in running:
            os.kill(pid, signal.SIGTERM)

    def start(number):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            try:
                run(listener, number)
            finally:
                os._exit(0)
        running[pid] = number

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    for number in range(workers):
        start(number)
    while running:
        pid, _ = os.wait()
        number = running.pop(pid)
        if ending.is_set():
            continue
        time.sleep(1)
        start(number)
