"""Steady load, as an instance's visitors make it: pages, the API, posts with media, listeners, numbered jobs.

Reads a line of JSON: ``host``, ``authority`` (a file of certificates), ``token``, ``records`` (the file to write),
``first_job`` (the first number) and ``most_seconds``. Ends when its input ends, or after so many seconds. Each further
line is a number of jobs that are put in line at once, beside the steady ones.

Every request leaves a line of JSON with when it began (``at``), what it was (``kind``), how long it took, whether it
was answered well, what was said, and the number of what was acknowledged. Requests come in their rhythm whether or not
earlier ones were answered. Nobody tries anything twice, but for what browsers do: a question over a kept connection
that turns out to be closed is asked once more on a new one.
"""

import base64
import hashlib
import http.client
import itertools
import json
import os
import queue
import socket
import ssl
import struct
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

PAGES = ("/", "/@admin", "/packs/js/chunk-1.js")
ASKED = ("/api/v2/instance", "/api/v1/accounts/verify_credentials")
PAGES_A_SECOND, ASKED_A_SECOND, POSTS_A_SECOND, JOBS_A_SECOND = 3, 2, 1, 3
JOB_QUEUES, JOB_SECONDS = ("default", "ingress", "push", "pull", "mailers"), 0.5
MANY = 100_000
LISTENERS, BEAT_SECONDS, AGAIN_SECONDS = 3, 1, 1
PATIENCE_SECONDS, MOST_AT_ONCE = 10, 256
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BOUNDARY = "part"
PING, PONG = 9, 10
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
GONE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Records:
    """The file of what happened, a line at a time."""

    def __init__(self, path):
        self._file = Path(path).open("a", encoding="utf-8", buffering=1)  # noqa: SIM115  # open to the end
        self._lock = threading.Lock()

    def add(self, kind, at, said, *, is_ok, number=None):
        """Write down one that is over."""
        line = {"at": at, "kind": kind, "took": time.time() - at, "ok": is_ok, "said": said, "number": number}
        with self._lock:
            self._file.write(json.dumps(line) + "\n")


class Visitors:
    """Everybody who asks something, each request in a thread of its own."""

    def __init__(self, told, records):
        self._host, self._token, self._records = told["host"], told["token"], records
        self._trust = ssl.create_default_context(cafile=told["authority"])
        self._kept: queue.LifoQueue[http.client.HTTPSConnection] = queue.LifoQueue()
        self._pages, self._asked = itertools.cycle(PAGES), itertools.cycle(ASKED)
        self._posts, self._jobs = itertools.count(), itertools.count(told["first_job"])
        self._queues = itertools.cycle(JOB_QUEUES)
        self._many = itertools.count(told["first_job"] // MANY + 1)

    def page(self):
        """Somebody reads."""
        self._note("page", lambda: self._read(next(self._pages)))

    def ask(self):
        """An app asks."""
        self._note("api", lambda: self._read(next(self._asked)))

    def post(self):
        """Somebody posts, every other time with a picture; a picture that was refused is left out."""
        attached = self._note("upload", self._upload) if next(self._posts) % 2 else None
        words = {"status": f"at {time.time()}"} | ({"media_ids": [attached]} if attached else {})
        self._note("post", lambda: self._send("/api/v1/statuses", json.dumps(words).encode(), "application/json"))

    def job(self):
        """A numbered job is put in line."""
        number = next(self._jobs)
        words = {"from": number, "count": 1, "seconds": JOB_SECONDS, "queue": next(self._queues)}

        def send():
            self._send("/stand-in/jobs", json.dumps(words).encode(), "application/json")
            return number

        self._note("job", send)

    def queue(self, count):
        """Many jobs in line at once."""
        first, at = next(self._many) * MANY, time.time()
        words = {"from": first, "count": count, "seconds": JOB_SECONDS, "queue": JOB_QUEUES[0]}
        self._send("/stand-in/jobs", json.dumps(words).encode(), "application/json")
        for number in range(first, first + count):
            self._records.add("queued", at, "", is_ok=True, number=number)

    def listen(self):
        """An app that listens to public posts: it asks each second whether it is still heard, and comes again."""
        while True:
            at = time.time()
            try:
                with self._listener() as connection:
                    self._records.add("stream", at, "heard", is_ok=True)
                    self._beat(connection)
            except (OSError, ValueError, struct.error) as error:
                self._records.add("stream", at, _said(error), is_ok=False)
            time.sleep(AGAIN_SECONDS)

    # --- How

    def _note(self, kind, what):
        """Do it and write it down; gives its number where it was acknowledged."""
        at = time.time()
        try:
            number = what()
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._records.add(kind, at, _said(error), is_ok=False)
            return None
        self._records.add(kind, at, "", is_ok=True, number=number)
        return number

    def _read(self, path):
        """Read a page, over a kept connection where there is one; nothing comes back but what went wrong."""
        headers = {"Authorization": f"Bearer {self._token}"} if path == ASKED[1] else {}
        connection = self._old_connection()
        if connection:
            with suppress(*GONE):
                self._ask(connection, "GET", path, None, headers)
                return
        self._ask(self._new_connection(), "GET", path, None, headers)

    def _send(self, path, body, kind):
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        said = json.loads(self._ask(self._new_connection(), "POST", path, body, headers))
        return int(said["id"]) if "id" in said else None

    def _upload(self):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        body = f"{head}Content-Type: image/png\r\n\r\n".encode() + PICTURE + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self._send("/api/v2/media", body, f"multipart/form-data; boundary={BOUNDARY}")

    def _ask(self, connection, method, path, body, headers):
        """The body of a good answer; keeps the connection of a reader."""
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except BaseException:
            connection.close()
            raise
        if method == "GET" and not answer.will_close:
            self._kept.put(connection)
        else:
            connection.close()
        if answer.status != http.client.OK:
            message = f"status {answer.status}"
            raise ValueError(message)
        return content

    def _old_connection(self):
        with suppress(queue.Empty):
            return self._kept.get_nowait()
        return None

    def _new_connection(self):
        return http.client.HTTPSConnection(self._host, timeout=PATIENCE_SECONDS, context=self._trust)

    def _listener(self):
        raw = socket.create_connection((self._host, 443), timeout=PATIENCE_SECONDS)
        try:
            connection = self._trust.wrap_socket(raw, server_hostname=self._host)
        except BaseException:
            raw.close()
            raise
        try:
            self._upgrade(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _upgrade(self, connection):
        """From HTTP to a WebSocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            "GET /api/v1/streaming/?stream=public HTTP/1.1", f"Host: {self._host}", "Connection: Upgrade",
            "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: {self._token}", "", "",
        )  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += _exactly(connection, 1)
        wanted = base64.b64encode(hashlib.sha1(f"{key}{MAGIC}".encode()).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or wanted not in head:
            raise ValueError(head.partition(b"\r\n")[0].decode())

    def _beat(self, connection):
        """Until it is lost. Being lost is told apart: apps come again, and nobody notices that."""
        while True:
            time.sleep(BEAT_SECONDS)
            at = time.time()
            try:
                connection.sendall(bytes([0x80 | PING, 0x80]) + bytes(4))
                # After a frame that closes, the server hangs up.
                while _frame(connection) != PONG:
                    pass
            except (OSError, struct.error) as error:
                self._records.add("dropped", at, _said(error), is_ok=False)
                return
            self._records.add("stream", at, "heard", is_ok=True)


def _frame(connection):
    """The kind of the server's next frame, whose content is passed over."""
    kind, size = _exactly(connection, 2)
    if size == 126:
        (size,) = struct.unpack("!H", _exactly(connection, 2))
    _exactly(connection, size)
    return kind & 0x0F


def _exactly(connection, size):
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise OSError("hung up")
        found += more
    return found


def _said(error):
    return f"{type(error).__name__}: {error}"[:200]


def in_rhythm(a_second, what, workers):
    """Have it done so often in a second, for ever, without waiting for any of them."""
    begun = time.monotonic()
    for turn in itertools.count():
        time.sleep(max(0, begun + turn / a_second - time.monotonic()))
        workers.submit(what).add_done_callback(_demand)


def _demand(done):
    """What is no request's failure is a fault of this program."""
    if done.exception():
        traceback.print_exception(done.exception())
        os._exit(1)


def main():
    """Until the input ends."""
    told = json.loads(sys.stdin.readline())
    visitors = Visitors(told, Records(told["records"]))
    workers = ThreadPoolExecutor(MOST_AT_ONCE)
    rhythms = (
        *((PAGES_A_SECOND, visitors.page), (ASKED_A_SECOND, visitors.ask)),
        *((POSTS_A_SECOND, visitors.post), (JOBS_A_SECOND, visitors.job)),
    )
    for a_second, what in rhythms:
        threading.Thread(target=in_rhythm, args=(a_second, what, workers), daemon=True).start()
    for _ in range(LISTENERS):
        threading.Thread(target=visitors.listen, daemon=True).start()
    threading.Timer(told["most_seconds"], os._exit, (1,)).start()
    for line in sys.stdin:
        visitors.queue(int(line))
    os._exit(0)


if __name__ == "__main__":
    main()
