"""Redis, in its own words: one connection a thread, made anew when it was lost."""

import json
import socket
import threading
import time
import uuid

from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import Refused, setting


class AnsweredNoError(Exception):
    """Redis understood, and refused."""


class Connection:
    """One connection to one of the stores: base, CACHE_ or SIDEKIQ_."""

    def __init__(self, prefix="", seconds=15):
        # All or nothing: whoever has a host of its own inherits neither port nor login.
        own = prefix if setting(f"{prefix}REDIS_HOST") else ""
        address = setting(f"{own}REDIS_HOST"), int(setting(f"{own}REDIS_PORT", "6379"))
        self._socket = socket.create_connection(address, timeout=seconds)
        self._stream = self._socket.makefile("rwb")
        user, password = setting(f"{own}REDIS_USER"), setting(f"{own}REDIS_PASSWORD")
        if password:
            self.ask("AUTH", *([user] if user else []), password)
        if int(setting(f"{own}REDIS_DB", "0")):
            self.ask("SELECT", setting(f"{own}REDIS_DB"))
        if self.ask("PING") != "PONG":
            raise Refused("Redis gave no PONG")

    def ask(self, *words):
        """Ask and wait for the answer."""
        self.say(*words)
        return self.answer()

    def say(self, *words):
        """Ask, and leave the answer to whoever reads."""
        parts = [str(word).encode() for word in words]
        head = f"*{len(parts)}\r\n".encode()
        self._stream.write(head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        self._stream.flush()

    def answer(self):
        """The next answer."""
        line = self._stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise AnsweredNoError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._stream.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        raise OSError("Redis has gone")

    def wait_for_ever(self):
        """No limit on how long an answer may take: whoever listens to channels waits."""
        self._socket.settimeout(None)

    def close(self):
        """Hang up."""
        self._stream.close()
        self._socket.close()


class Store:
    """A store as threads use it: asked again, once, when a connection that had worked was lost."""

    def __init__(self, prefix=""):
        self._prefix = prefix
        self._here = threading.local()

    def __call__(self, *words):
        """Ask and wait for the answer."""
        for is_last in (hasattr(self._here, "connection") is False, True):
            try:
                if not hasattr(self._here, "connection"):
                    self._here.connection = Connection(self._prefix)
                return self._here.connection.ask(*words)
            except OSError:
                self.forget()
                if is_last:
                    raise
        raise AssertionError

    def forget(self):
        """Hang up; the next question makes a new connection."""
        if hasattr(self._here, "connection"):
            self._here.connection.close()
            del self._here.connection


def push(sidekiq, queue, kind, *args):
    """Put a job into a queue, as Sidekiq's client does. Gives its number."""
    now = time.time()
    job = {"class": kind, "args": args, "queue": queue, "jid": uuid.uuid4().hex[:24], "retry": True}
    sidekiq("SADD", "queues", queue)
    sidekiq("LPUSH", f"queue:{queue}", json.dumps(job | {"created_at": now, "enqueued_at": now}))
    return job["jid"]
