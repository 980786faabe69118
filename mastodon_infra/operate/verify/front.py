"""The front: certificates, pages, the API, files and streams, as people and other servers meet them."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from mastodon_infra.operate.api import Answer, UnreachableError, send
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import FromOutside, OnNode, Question, Said, Subject
from mastodon_infra.plan.types import InstancePlan, NodePlan

TLS, FRONT, STREAMING, WEB = Group("tls"), Group("front"), Group("streaming"), Group("web")
ACTIVITY = "application/activity+json"
PATIENCE_SECONDS = 15.0
LEAST_DAYS_LEFT = 7
LEAST_KEPT_SECONDS = 86_400
SECONDS_A_DAY = 86_400
MOST_HEAD_BYTES = 65_536
WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What both sides add to the key (RFC 6455, section 1.3)."""
REFUSAL_MARK = "x-error-message"
"""What Mastodon's streaming server writes by hand when it refuses an upgrade (streaming/index.js, ``handleUpgrade``).

To a request that reached it as plain HTTP it says no in JSON, and without this header.
"""
LOOK_AT_WEB = "docs/runbooks/web-slow.md; read what mastodon-web says on the web nodes: mastodon-infra logs"


def front_questions(subject: Subject) -> Iterator[Question]:
    """From outside, by the public names."""
    plan = subject.plan
    for host in plan.tls.names:
        yield Question("tls", host, FromOutside(partial(handshake, host)), partial(judge_tls, host, time.time))
    site = f"https://{plan.mastodon.web_domain}"
    account = f"{site}/@{plan.mastodon.owner_username}"
    yield _fetched("home page", f"{site}/", judge_home)
    yield _fetched("plain HTTP", f"http://{plan.mastodon.web_domain}/", judge_redirect)
    yield _fetched("instance API", f"{site}/api/v2/instance", partial(judge_instance, plan))
    yield Question("front", "assets", FromOutside(partial(script_of, f"{site}/")), judge_asset)
    yield _fetched("account for servers", account, partial(judge_activity, plan), {"Accept": ACTIVITY})
    yield _fetched("account for people", account, judge_page, {"Accept": "text/html"})
    yield Question(
        "streaming",
        "WebSocket",
        FromOutside(partial(upgrade, plan.mastodon.streaming_domain)),
        judge_upgrade,
    )
    health = f"https://{plan.mastodon.streaming_domain}/api/v1/streaming/health"
    yield Question("streaming", "health", FromOutside(partial(_get, health, {})), judge_streaming_health)


def web_questions(plan: InstancePlan) -> Iterator[Question]:
    """Puma on each web node, past the front."""
    for node in plan.nodes:
        if node.web is not None:
            ask = OnNode(
                node.name, ("curl", "-sS", "--max-time", "10", f"http://127.0.0.1:{node.web.port.value}/health")
            )
            yield Question("web", node.name, ask, partial(judge_health, node))


def _fetched(name: str, url: str, judge: Any, headers: Mapping[str, str] | None = None) -> Question:
    return Question("front", name, FromOutside(partial(_get, url, headers or {})), judge)


def _get(url: str, headers: Mapping[str, str]) -> Answer:
    return send("GET", url, headers={"User-Agent": "mastodon-infra", **headers}, patience_seconds=PATIENCE_SECONDS)


# --- What is seen -----------------------------------------------------------------------------------------------------


def handshake(host: str) -> Mapping[str, Any]:
    """The certificate that a host shows, once it was found to be trusted and the host's own."""
    context = ssl.create_default_context()
    try:
        with (
            socket.create_connection((host, 443), timeout=PATIENCE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            return wrapped.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise UnreachableError(f"the certificate is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise UnreachableError(error.strerror or str(error)) from None


def script_of(page: str) -> tuple[str, Answer] | None:
    """The first script of a page, fetched from where the page says; None where it has none."""
    text = _get(page, {}).body.decode(errors="replace")
    found = re.search(r"""<(?:script|link)\b[^>]*\b(?:src|href)=["']([^"']+\.(?:js|css))["']""", text)
    if found is None:
        return None
    address = found[1] if found[1].startswith("http") else page.rstrip("/") + found[1]
    return address, _get(address, {})


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What came back for a request to speak WebSocket: the status, the answer's first lines, and the proof expected."""

    status: int
    head: str
    proof: str = ""


def upgrade(host: str) -> Upgrade:
    """Ask for a WebSocket by the public name."""
    try:
        with (
            socket.create_connection((host, 443), timeout=PATIENCE_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            return ask_for_upgrade(wrapped, host)
    except OSError as error:
        raise UnreachableError(str(error)) from None


def ask_for_upgrade(connection: socket.socket, host: str) -> Upgrade:
    """Ask for a WebSocket as a browser would, without a token."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    request = (
        f"GET /api/v1/streaming/?stream=public HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nOrigin: https://{host}\r\n\r\n"
    )
    connection.sendall(request.encode())
    head = _head(connection)
    found = re.match(r"HTTP/1\.\d (\d{3})", head)
    proof = base64.b64encode(hashlib.sha1(f"{key}{WEBSOCKET}".encode(), usedforsecurity=False).digest()).decode()
    return Upgrade(int(found[1]) if found else 0, head, proof)


def _head(connection: socket.socket) -> str:
    """What an answer has before its empty line; all of it where none comes."""
    said = b""
    while b"\r\n\r\n" not in said and len(said) < MOST_HEAD_BYTES and (more := connection.recv(4096)):
        said += more
    return said.partition(b"\r\n\r\n")[0].decode(errors="replace")


# --- What it means ----------------------------------------------------------------------------------------------------


def judge_tls(host: str, now: Any, certificate: Mapping[str, Any]) -> Iterator[Check]:
    """Trusted and of this name it is already; it must not end soon."""
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    days = int((ends - now()) // SECONDS_A_DAY)
    issuer = ", ".join(
        value for part in certificate.get("issuer", ()) for key, value in part if key == "organizationName"
    )
    seen = f"trusted, {days} days left" + (f", by {issuer}" if issuer else "")
    if days < LEAST_DAYS_LEFT:
        yield TLS.failed(host, seen, "docs/runbooks/certificate-ends.md")
    else:
        yield TLS.ok(host, seen)


def judge_home(answer: Answer) -> Iterator[Check]:
    """A page, and the promise to come by HTTPS only."""
    kind = answer.headers.get("content-type", "")
    if answer.status != HTTPStatus.OK or "text/html" not in kind:
        yield FRONT.failed("home page", f"{answer.status}, {kind or 'no content'}", LOOK_AT_WEB)
    elif "strict-transport-security" not in answer.headers:
        yield FRONT.failed("home page", "it has no Strict-Transport-Security header", "look at nginx's site.conf")
    else:
        yield FRONT.ok("home page", f"{len(answer.body):,} bytes of HTML")


def judge_redirect(answer: Answer) -> Iterator[Check]:
    """Plain HTTP leads to HTTPS."""
    target = answer.headers.get("location", "")
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST and target.startswith("https://"):
        yield FRONT.ok("plain HTTP", "it leads to HTTPS")
    else:
        yield FRONT.failed("plain HTTP", f"{answer.status}, and no way to HTTPS", "look at nginx's site.conf")


def judge_instance(plan: InstancePlan, answer: Answer) -> Iterator[Check]:
    """The API works, and it is our instance in our version."""
    if answer.status == HTTPStatus.UNAUTHORIZED and (plan.mastodon.private_api or plan.mastodon.limited_federation):
        yield FRONT.ok("instance API", "it is for members only, as planned")
        return
    told = answer.data()
    domain, version = told.get("domain"), str(told.get("version", ""))
    wanted = plan.mastodon.version.value.removeprefix("v")
    if answer.status != HTTPStatus.OK or domain != plan.mastodon.local_domain:
        yield FRONT.failed("instance API", f"{answer.status}, domain {domain!r}", LOOK_AT_WEB)
    elif version.partition("+")[0] != wanted:
        yield FRONT.failed(
            "instance API",
            f"it runs {version}, and {wanted} is planned",
            "what differs: mastodon-infra converge STACK --dry-run",
        )
    else:
        yield FRONT.ok("instance API", f"{domain}, version {version}")


def judge_asset(seen: tuple[str, Answer] | None) -> Iterator[Check]:
    """A script comes, and may be kept."""
    if seen is None:
        yield FRONT.failed("assets", "the home page names no script", LOOK_AT_WEB)
        return
    address, answer = seen
    kept = re.search(r"max-age=(\d+)", answer.headers.get("cache-control", ""))
    if answer.status != HTTPStatus.OK or not answer.body:
        yield FRONT.failed(
            "assets", f"{address}: {answer.status}", "docs/runbooks/web-slow.md; is mastodon-assets active?"
        )
    elif kept is None or int(kept[1]) < LEAST_KEPT_SECONDS:
        yield FRONT.failed("assets", f"{address} may not be kept by browsers", "look at nginx's locations.conf")
    else:
        yield FRONT.ok("assets", f"{len(answer.body):,} bytes, kept for {int(kept[1]) // SECONDS_A_DAY} days")


def judge_activity(plan: InstancePlan, answer: Answer) -> Iterator[Check]:
    """Other servers get ActivityPub, or are asked to sign where that is planned."""
    name, kind = "account for servers", answer.headers.get("content-type", "")
    asks_for_signature = plan.mastodon.secure_mode or plan.mastodon.limited_federation
    if answer.status == HTTPStatus.UNAUTHORIZED and asks_for_signature:
        yield FRONT.ok(name, "a signature is asked for, as planned")
    elif answer.status == HTTPStatus.OK and "json" in kind:
        yield FRONT.ok(name, kind.partition(";")[0])
    else:
        yield FRONT.failed(name, f"{answer.status}, {kind}", LOOK_AT_WEB)


def judge_page(answer: Answer) -> Iterator[Check]:
    """People get a page, or the way to one, and never what servers get."""
    name, kind = "account for people", answer.headers.get("content-type", "")
    is_page = answer.status < HTTPStatus.BAD_REQUEST and "json" not in kind
    yield (
        FRONT.ok(name, kind.partition(";")[0])
        if is_page
        else FRONT.failed(name, f"{answer.status}, {kind}", LOOK_AT_WEB)
    )


def judge_upgrade(seen: Upgrade) -> Iterator[Check]:
    """The streaming server itself was asked for a WebSocket: it opens one, or refuses as it refuses upgrades only."""
    remedy = "docs/runbooks/streaming-down.md"
    headers = {name.strip().lower(): value.strip() for name, _, value in _lines(seen.head)}
    if seen.status == HTTPStatus.SWITCHING_PROTOCOLS and headers.get("sec-websocket-accept") == seen.proof:
        yield STREAMING.ok("WebSocket", "it opens through the front")
    elif seen.status == HTTPStatus.UNAUTHORIZED and "www-authenticate" in headers:
        yield STREAMING.failed("WebSocket", "something before the streaming server asks for a password", remedy)
    elif seen.status == HTTPStatus.UNAUTHORIZED and REFUSAL_MARK in headers:
        yield STREAMING.ok("WebSocket", "the upgrade reaches the streaming server, which asks for a token")
    elif seen.status == HTTPStatus.UNAUTHORIZED:
        told = "the streaming server was not asked for an upgrade: the front drops Upgrade or Connection"
        yield STREAMING.failed("WebSocket", told, f"look at nginx's locations.conf; {remedy}")
    else:
        first = seen.head.splitlines()[0] if seen.head else "nothing"
        yield STREAMING.failed("WebSocket", f"no upgrade: {first}", remedy)


def _lines(head: str) -> Iterator[tuple[str, str, str]]:
    yield from (line.partition(":") for line in head.splitlines()[1:])


def judge_streaming_health(answer: Answer) -> Iterator[Check]:
    """It says OK."""
    text = answer.body.decode(errors="replace").strip()
    if answer.status == HTTPStatus.OK and text == "OK":
        yield STREAMING.ok("health", "OK")
    else:
        yield STREAMING.failed("health", f"{answer.status} {text[:80]}", "docs/runbooks/streaming-down.md")


def judge_health(node: NodePlan, said: Said) -> Iterator[Check]:
    """Puma says OK."""
    if said and said.stdout.strip() == "OK":
        yield WEB.ok(node.name, "/health says OK")
    else:
        yield WEB.failed(node.name, f"/health: {said.trouble}", f"mastodon-infra logs STACK {node.name} mastodon-web")
