"""PostgreSQL as Mastodon asks it: a pool of the planned size, with prepared statements where they are on."""

import queue
import threading
import time
import zlib
from contextlib import contextmanager

import psycopg2

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import Refused, setting

LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)
IDLE_SECONDS = 1


class PoolExhaustedError(Exception):
    """No connection became free in time: what ActiveRecord calls ConnectionTimeoutError."""


def connect(kind=rules.WEB):
    """A connection, with every word of it from the environment."""
    connection = psycopg2.connect(
        host=setting("DB_HOST"),
        port=setting("DB_PORT", "5432"),
        dbname=setting("DB_NAME"),
        user=setting("DB_USER"),
        password=setting("DB_PASS"),
        connect_timeout=rules.CONNECT_SECONDS,
        application_name="",
        **_tls(kind),
    )
    connection.autocommit = True
    return connection


def _tls(kind):
    mode = setting("DB_SSLMODE", "prefer")
    if kind != rules.STREAMING:
        return {"sslmode": mode}
    if mode == "disable":
        return {"sslmode": "disable"}
    if mode == "no-verify":
        return {"sslmode": "require"}
    return {"sslmode": "verify-full", "sslrootcert": setting("NODE_EXTRA_CA_CERTS")}


def is_pooled(connection):
    """Whether somebody stands between: a pooler makes up the process number that a server says at the start."""
    return ask(connection, "SELECT pg_backend_pid()") != [(connection.info.backend_pid,)]


def prepares(kind):
    """Whether statements are prepared. Node's never have names."""
    return kind != rules.STREAMING and setting("PREPARED_STATEMENTS", "true") == "true"


def ask(connection, text, *values):
    """The rows of a query; none where it gives none."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


class Database:
    """A pool of connections, opened when they are asked for."""

    def __init__(self, kind, size):
        self.size = size
        self.waiting = 0
        self._kind = kind
        self._room = threading.Semaphore(size)
        self._free: queue.LifoQueue[_Connection] = queue.LifoQueue()
        self._opened = 0
        self._prepares = prepares(kind)

    def check(self):
        """Refuses to go on where prepared statements would be lost between a pooler's connections."""
        with self._connection() as connection:
            if self._prepares and is_pooled(connection.raw):
                raise Refused("prepared statements through a pooler: PREPARED_STATEMENTS has to be false")

    def ask(self, text, *values):
        """The rows of a query, on a connection of the pool; what is written is committed when this returns."""
        with self._connection() as connection:
            return connection.ask(text, *values)

    def close(self):
        """Close what nobody uses."""
        while not self._free.empty():
            self._free.get().raw.close()

    def state(self):
        """Open, busy and idle connections, and who waits for one."""
        idle = self._free.qsize()
        return {"connections": self._opened, "busy": max(0, self._opened - idle), "idle": idle, "waiting": self.waiting}

    @contextmanager
    def _connection(self):
        self.waiting += 1
        has_room = self._room.acquire(timeout=rules.POOL_WAIT_SECONDS)
        self.waiting -= 1
        if not has_room:
            raise PoolExhaustedError(f"no connection of {self.size} within {rules.POOL_WAIT_SECONDS} s")
        try:
            connection = self._take()
            try:
                yield connection
            except LOST:
                connection.raw.close()
                raise
            finally:
                self._give_back(connection)
        finally:
            self._room.release()

    def _take(self):
        while True:
            try:
                connection = self._free.get_nowait()
            except queue.Empty:
                connection = _Connection(connect(self._kind), prepares=self._prepares)
                self._opened += 1
                return connection
            if connection.is_alive():
                return connection
            self._opened -= 1

    def _give_back(self, connection):
        if connection.raw.closed:
            self._opened -= 1
        else:
            connection.used_at = time.monotonic()
            self._free.put(connection)


class _Connection:
    """A connection, and the statements that its server has been told."""

    def __init__(self, raw, *, prepares):
        self.raw = raw
        self.used_at = time.monotonic()
        self._prepares = prepares
        self._known = set()

    def is_alive(self):
        if time.monotonic() - self.used_at < IDLE_SECONDS:
            return True
        try:
            ask(self.raw, "SELECT 1")
        except LOST:
            self.raw.close()
            return False
        return True

    def ask(self, text, *values):
        if not self._prepares:
            return ask(self.raw, text, *values)
        name = f"a{zlib.crc32(text.encode())}"
        if name not in self._known:
            pieces = text.split("%s")
            numbered = "".join(f"{piece}${place}" for place, piece in enumerate(pieces[:-1], 1)) + pieces[-1]
            ask(self.raw, f"PREPARE {name} AS {numbered}")
            self._known.add(name)
        given = f"({', '.join(['%s'] * len(values))})" if values else ""
        return ask(self.raw, f"EXECUTE {name}{given}", *values)
