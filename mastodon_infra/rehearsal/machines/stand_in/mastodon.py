"""Mastodon, as far as its machines can tell: the same commands, the same demands on its environment, the same doors.

It runs inside the stand-in image under whatever name Mastodon's image would give the command. Its rules are stated here
once: what an environment must have, must not have, and may not leave blank. It needs Python and psycopg2 alone.
"""

import itertools
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

KEYS = ("PRIMARY_KEY", "DETERMINISTIC_KEY", "KEY_DERIVATION_SALT")
NEEDED_BY_RUBY = {"LOCAL_DOMAIN", "SECRET_KEY_BASE", *(f"ACTIVE_RECORD_ENCRYPTION_{key}" for key in KEYS)}
NEEDED_BY_RUBY |= {"DB_HOST", "DB_USER", "DB_NAME", "DB_PASS", "REDIS_HOST", "REDIS_PASSWORD"}
REMOVED = {"REDIS_NAMESPACE", "OTP_SECRET", "SECRET_KEY_BASE_DUMMY", "SELF_DESTRUCT", "SKIP_POST_DEPLOYMENT_MIGRATIONS"}
MAY_BE_BLANK = {"S3_PERMISSION", "UPDATE_CHECK_URL"}
OURS = re.compile(r"(ACTIVE_RECORD|DB|REDIS|CACHE_REDIS|SIDEKIQ|S3|SMTP|BULK_SMTP|ES|OTEL|VAPID|RAILS|MASTODON)_")
FIRST_MIGRATION, LAST_MIGRATION = "20170101000000", "20260801000000"
TABLES = ("statuses", "accounts", "users", "user_roles", "status_stats", "notifications", "conversations")
QUEUES_KEY = "stand-in:worked"


class Refused(SystemExit):
    """What Mastodon would not start with."""


# --- The environment --------------------------------------------------------------------------------------------------


def check_ruby():
    """Refuses what Rails would refuse."""
    env = os.environ
    if env.get("RAILS_ENV") != "production":
        raise Refused("RAILS_ENV is not production")
    blank = {name for name in env if OURS.match(name) and not env[name] and name not in MAY_BE_BLANK}
    missing = {name for name in NEEDED_BY_RUBY if not env.get(name)}
    removed = REMOVED & set(env)
    quoted = {name for name in env if OURS.match(name) and env[name][:1] in "\"'" and env[name]}
    for what, names in (("missing", missing), ("blank", blank), ("removed", removed), ("quoted", quoted)):
        if names:
            raise Refused(f"{what}: {', '.join(sorted(names))}")
    if any(env[f"ACTIVE_RECORD_ENCRYPTION_{key}"].endswith("DO_NOT_USE_IN_PRODUCTION") for key in KEYS):
        raise Refused("an encryption key is the sample's")
    if env.get("DB_SSLMODE") == "no-verify":
        raise Refused("DB_SSLMODE=no-verify is streaming's word, libpq knows it not")


def check_node():
    """Refuses what streaming would not work with."""
    if os.environ.get("NODE_ENV") != "production":
        raise Refused("NODE_ENV is not production")
    if os.environ.get("DB_SSLMODE", "prefer") not in {"disable", "no-verify"} and not os.environ.get(
        "NODE_EXTRA_CA_CERTS"
    ):
        raise Refused("the database's certificate is checked, and nobody says which authority to trust")


# --- PostgreSQL and Redis ---------------------------------------------------------------------------------------------


def database(root_certificate=None):
    """A connection to the database as planned."""
    env = os.environ
    more = {"sslrootcert": root_certificate} if root_certificate else {}
    connection = psycopg2.connect(
        host=env["DB_HOST"],
        port=env.get("DB_PORT", "5432"),
        dbname=env["DB_NAME"],
        user=env["DB_USER"],
        password=env["DB_PASS"],
        sslmode=env.get("DB_SSLMODE", "prefer"),
        connect_timeout=15,
        **more,
    )
    connection.autocommit = True
    return connection


def ask(connection, text, *values):
    """The rows of a query; none where it gives none."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall() if cursor.description else []


class Redis:
    """One connection, in Redis' own words."""

    def __init__(self, prefix=""):
        env = os.environ
        host = env.get(f"{prefix}REDIS_HOST") or env["REDIS_HOST"]
        port = env.get(f"{prefix}REDIS_PORT") or env.get("REDIS_PORT", "6379")
        self.stream = socket.create_connection((host, int(port)), timeout=15).makefile("rwb")
        user, password = env.get(f"{prefix}REDIS_USER"), env.get(f"{prefix}REDIS_PASSWORD")
        if password:
            self("AUTH", *([user] if user else []), password)
        if self("PING") != "PONG":
            raise Refused("Redis gave no PONG")

    def __call__(self, *words):
        """Ask and wait for the answer."""
        parts = [str(word).encode() for word in words]
        head = f"*{len(parts)}\r\n".encode()
        self.stream.write(head + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        self.stream.flush()
        return self._answer()

    def _answer(self):
        line = self.stream.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise OSError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return None if rest == b"-1" else [self._answer() for _ in range(int(rest))]
        raise OSError("Redis has gone")


# --- What is served ---------------------------------------------------------------------------------------------------


class Page(BaseHTTPRequestHandler):
    """Answers from a table of paths to functions that give a kind and a text."""

    protocol_version = "HTTP/1.1"
    pages: dict[str, Callable[..., tuple[str, str]]] = {}

    def do_GET(self):
        """Whatever the table says."""
        found = self.pages.get(self.path.partition("?")[0])
        if found is None:
            return self.answer(404, "text/plain", "no such page")
        try:
            return self.answer(200, *found(self))
        except Exception as error:
            return self.answer(500, "text/plain", f"{type(error).__name__}: {error}")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def answer(self, status, kind, text):
        """One answer."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Nothing."""


def serve(pages, host, port, handler=Page):
    """Serve until told to stop."""
    made = type("Pages", (handler,), {"pages": pages})
    server = ThreadingHTTPServer((host, int(port)), made)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()


def metrics(lines):
    """A page in Prometheus' format."""
    return lambda _: ("text/plain; version=0.0.4", "".join(f"{name} {value}\n" for name, value in lines().items()))


def puma(*_):
    """The web site and API."""
    check_ruby()
    ask(database(), "SELECT 1 FROM schema_migrations WHERE version = %s", LAST_MIGRATION)
    for prefix in ("", "CACHE_"):
        Redis(prefix)
    domain = os.environ["LOCAL_DOMAIN"]

    def instance(request):
        if request.headers.get("X-Forwarded-Proto") != "https":
            raise Refused("force_ssl: the proxy does not say https")
        if request.headers.get("Host") not in {domain, os.environ.get("WEB_DOMAIN", domain)}:
            raise Refused("Blocked host")
        (users,) = ask(database(), "SELECT count(*) FROM users")[0]
        Redis("CACHE_")("SET", "stand-in:seen", int(time.time()))
        return "application/json", json.dumps({"domain": domain, "users": users, "stand_in": True})

    pages = {
        "/health": lambda _: ("text/plain", "OK"),
        "/api/v2/instance": instance,
        "/": lambda _: ("text/html", '<!doctype html><title>stand-in</title><script src="/packs/app-1.js"></script>'),
        "/packs/app-1.js": lambda _: ("text/javascript", "/* an asset */"),
    }
    serve(pages, os.environ.get("BIND", "0.0.0.0"), os.environ.get("PORT", "3000"))


def sidekiq(*words):
    """Works the queues that it is told."""
    check_ruby()
    database()
    queues = [word.partition(",")[0] for flag, word in itertools.pairwise(words) if flag == "-q"]
    counts = dict.fromkeys(queues, 0)
    stopping = threading.Event()

    def work():
        while not stopping.is_set():
            try:
                redis = Redis()
                redis("SADD", "processes", socket.gethostname())
                while not stopping.is_set():
                    found = redis("BRPOP", *(f"queue:{queue}" for queue in queues), 2)
                    if found:
                        counts[found[0].partition(":")[2]] += 1
                        redis("RPUSH", QUEUES_KEY, found[0])
            except OSError as error:
                print(f"redis: {error}", file=sys.stderr, flush=True)
                time.sleep(1)

    threading.Thread(target=work, daemon=True).start()
    env = os.environ

    def lines():
        return {"sidekiq_stats_processed": sum(counts.values())} | {
            f'sidekiq_queue_latency_seconds{{queue="{queue}"}}': 0 for queue in queues
        }

    def quiet(*_):
        """Says in a process' title, as sidekiq does, that it takes no more jobs."""
        stopping.set()
        os.posix_spawn("/bin/sleep", ["sidekiq 8 mastodon [0 of 1 busy] stopping", "infinity"], os.environ)

    signal.signal(signal.SIGTSTP, quiet)
    if env.get("MASTODON_PROMETHEUS_EXPORTER_LOCAL") == "true":
        host = env.get("MASTODON_PROMETHEUS_EXPORTER_HOST", "localhost")
        serve({"/metrics": metrics(lines)}, host, env.get("MASTODON_PROMETHEUS_EXPORTER_PORT", "9394"))
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pause()


class Stream(Page):
    """Streaming: an upgraded connection is greeted and held."""

    def do_GET(self):
        """A WebSocket, or a page."""
        if self.headers.get("Upgrade", "").lower() != "websocket":
            return super().do_GET()
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.write(b"\x81\x05hello")
        self.close_connection = True
        return None


def streaming(*_):
    """The streaming server."""
    check_node()
    database(os.environ.get("NODE_EXTRA_CA_CERTS"))
    Redis()
    pages = {
        "/api/v1/streaming/health": lambda _: ("text/plain", "OK"),
        "/metrics": metrics(lambda: {'connected_clients{type="websocket"}': 0, "pg_pool_waiting_queries": 0}),
    }
    serve(pages, os.environ.get("BIND", "127.0.0.1"), os.environ.get("PORT", "4000"), Stream)


def exporter(*words):
    """The collector of Puma's numbers."""
    options = dict(zip(words[::2], words[1::2], strict=False))
    serve({"/metrics": metrics(lambda: {f"{options['--prefix']}up": 1})}, options["-b"], options["-p"])


# --- Tasks ------------------------------------------------------------------------------------------------------------


def rails(task, *_):
    """The tasks of a first start and of an upgrade."""
    check_ruby()
    connection = database()
    Redis()
    if ask(connection, "SHOW is_superuser") == [("on",)]:
        raise Refused("the app must not be a superuser")
    if task == "db:prepare":
        if ask(connection, "SELECT to_regclass('public.schema_migrations') IS NULL") == [(True,)]:
            load_schema(connection)
    elif task == "db:seed":
        ask(connection, "INSERT INTO user_roles (name) VALUES ('Owner') ON CONFLICT DO NOTHING")
    elif task != "db:migrate":
        raise Refused(f"the stand-in knows no {task}")


def load_schema(connection):
    """Tables in Rails' order: its own notes come last."""
    for table in TABLES:
        ask(
            connection, f"CREATE TABLE {table} (id bigserial PRIMARY KEY, name text UNIQUE, domain text, username text)"
        )
    ask(connection, "CREATE TABLE schema_migrations (version text PRIMARY KEY)")
    for version in (LAST_MIGRATION, FIRST_MIGRATION):
        ask(connection, "INSERT INTO schema_migrations VALUES (%s)", version)
    ask(connection, "CREATE TABLE ar_internal_metadata (key text PRIMARY KEY)")
    ask(connection, "INSERT INTO ar_internal_metadata VALUES ('environment')")


def tootctl(*words):
    """The command line."""
    check_ruby()
    connection = database()
    if words[:2] == ("accounts", "create"):
        ask(connection, "INSERT INTO accounts (username) VALUES (%s)", words[2])
        ask(connection, "INSERT INTO users (name) VALUES (%s)", words[words.index("--email") + 1])
        print("OK\nNew password: " + os.urandom(16).hex())
    elif words[:2] in {("settings", "registrations"), ("accounts", "modify")} or words[0] in {"media", "preview_cards"}:
        print("OK")
    else:
        raise Refused(f"the stand-in knows no tootctl {' '.join(words)}")


COMMANDS = {
    ("bundle", "exec", "puma"): puma,
    ("bundle", "exec", "sidekiq"): sidekiq,
    ("bundle", "exec", "rails"): rails,
    ("node", "./streaming/index.js"): streaming,
    ("prometheus_exporter",): exporter,
    ("tootctl",): tootctl,
}

if __name__ == "__main__":
    said = (Path(sys.argv[1]).name, *sys.argv[2:])
    for words, command in COMMANDS.items():
        if said[: len(words)] == words:
            command(*said[len(words) :])
            break
    else:
        raise Refused(f"the stand-in knows no {' '.join(said)}")
