"""Small clouds on loopback: real HTTP, with the shapes that the vendors' documents give."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mastodon_infra.operate.signing import Signer

TOKEN = "the-token"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Reply = tuple[int, Mapping[str, str], bytes]


@contextmanager
def serving(answer: Callable[[Request], Reply]) -> Iterator[str]:
    """A server on a free port of loopback, and its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            status, sent, text = answer(Request(self.command, parts.path, query, headers, body))
            self.send_response(status)
            for name, value in {**sent, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_DELETE = _answer  # noqa: N815  # as the library calls them

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_json(status: int, data: Any, headers: Mapping[str, str] | None = None) -> Reply:
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(data).encode()


@dataclass
class FakeLinode:
    """An account at Linode as its API tells of it. ``buckets``: how many it holds and may hold at an endpoint."""

    scopes: str | None = "*"
    token: str = TOKEN
    regions: dict[str, dict[str, Any]] = field(default_factory=dict)
    types: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    things: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    buckets: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        path = request.path.removeprefix("/v4")
        if path.startswith("/regions/"):
            region = self.regions.get(path.rpartition("/")[2])
            return as_json(200, region) if region else as_json(404, {"errors": [{"reason": "Not found"}]})
        if path == "/linode/types":
            return as_json(200, {"data": self.types, "page": 1, "pages": 1, "results": len(self.types)})
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return as_json(401, {"errors": [{"reason": "Invalid Token"}]})
        scopes = {} if self.scopes is None else {"X-OAuth-Scopes": self.scopes}
        if path == "/profile":
            return as_json(200, {"username": "alice", "email": "alice@social.example"}, scopes)
        return self._things(path, request)

    def _things(self, path: str, request: Request) -> Reply:
        if path == "/account/settings":
            return as_json(200, self.settings)
        if path.startswith("/object-storage/quotas"):
            return self._quotas(path.removeprefix("/object-storage/quotas"))
        rows = [row for row in self.things.get(path, []) if _fits(row, json.loads(request.headers["x-filter"]))]
        return as_json(200, {"data": rows, "page": 1, "pages": 1, "results": len(rows)})

    def _quotas(self, path: str) -> Reply:
        if not path:
            return as_json(200, {"data": [_quota(at, kind) for at in self.buckets for kind in ("object", "bucket")]})
        used, limit = self.buckets[path.removeprefix("/obj-buckets-").removesuffix("/usage")]
        return as_json(200, {"quota_limit": limit, "usage": used})


def _quota(endpoint: str, metric: str) -> dict[str, Any]:
    return {"quota_id": f"obj-{metric}s-{endpoint}", "resource_metric": metric, "s3_endpoint": endpoint}


def _fits(row: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if "+or" in wanted:
        return any(_fits(row, one) for one in wanted["+or"])
    return all(row.get(key) == value for key, value in wanted.items())


@dataclass
class FakeCloudflare:
    """An account at Cloudflare. ``closed`` are ends of paths that the token may not read."""

    zones: list[dict[str, Any]] = field(default_factory=list)
    status: str = "active"
    closed: tuple[str, ...] = ()
    is_of_an_account: bool = False

    def __call__(self, request: Request) -> Reply:
        path = request.path
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._refused(403, 9109, "Invalid access token")
        if path == "/user/tokens/verify":
            if self.is_of_an_account:
                return self._refused(401, 1000, "Invalid API Token")
            return self._fine({"id": "1", "status": self.status})
        if path == "/zones":
            return self._fine([zone for zone in self.zones if zone["name"] == request.query["name"]])
        if path.endswith(self.closed):
            return self._refused(403, 10000, "Authentication error")
        return self._fine([])

    def _fine(self, result: Any) -> Reply:
        return as_json(200, {"success": True, "errors": [], "messages": [], "result": result})

    def _refused(self, status: int, code: int, message: str) -> Reply:
        told = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
        return as_json(status, told)


@dataclass
class FakeStore:
    """An S3 that keeps buckets, checks signatures, and lets everybody read what a policy opens.

    Attributes:
        allows_public: False as Wasabi is for accounts on trial.
        reads_to_all: Whether anybody may read everything.
        lists_to_all: Whether anybody may list, as old settings of some vendors allow.
        heeds_objects: Whether an object may be public by itself, as at Linode.
    """

    signer: Signer
    allows_public: bool = True
    lists_to_all: bool = False
    reads_to_all: bool = False
    heeds_objects: bool = True
    marked: set[tuple[str, str]] = field(default_factory=set)
    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Reply:
        _, bucket, *key = request.path.split("/", 2)
        if "authorization" in request.headers:
            if not self._is_signed(request):
                return self._no(403, "SignatureDoesNotMatch")
            if request.method == "GET" and key and key[0] in self.buckets.get(bucket, {}):
                return 200, {}, self.buckets[bucket][key[0]]
            return self._owner(request, bucket, key[0] if key else "")
        is_open = bool(key) and (self.reads_to_all or (bucket in self.open and key[0].startswith("accounts/")))
        if request.method == "GET" and (is_open or (bucket, *key) in self.marked):
            return 200, {}, self.buckets[bucket][key[0]]
        if not key and self.lists_to_all:
            return 200, {}, b"<ListBucketResult/>"
        return self._no(403, "AccessDenied")

    def _owner(self, request: Request, bucket: str, key: str) -> Reply:
        held = self.buckets.get(bucket)
        match request.method, key, tuple(request.query):
            case "PUT", "", ():
                if held is not None:
                    return self._no(409, "BucketAlreadyOwnedByYou")
                self.made.append(bucket)
                self.buckets[bucket] = {}
            case "PUT", "", ("policy",):
                if not self.allows_public:
                    return self._no(403, "AccessDenied")
                self.open.add(bucket)
            case "PUT", _, () if held is not None:
                held[key] = request.body
                if self.heeds_objects and request.headers.get("x-amz-acl") == "public-read":
                    self.marked.add((bucket, key))
            case "DELETE", "", () if held is not None:
                if held:
                    return self._no(409, "BucketNotEmpty")
                del self.buckets[bucket]
            case "DELETE", _, () if held is not None:
                held.pop(key, None)
        return 204 if request.method == "DELETE" else 200, {}, b""

    def _is_signed(self, request: Request) -> bool:
        now = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        url = f"http://{request.headers['host']}{request.path}"
        more = {name: value for name, value in request.headers.items() if name == "x-amz-acl"}
        right = self.signer.headers(request.method, url, now=now, body=request.body, query=request.query, more=more)
        return right["Authorization"] == request.headers["authorization"]

    def _no(self, status: int, code: str) -> Reply:
        return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode()
