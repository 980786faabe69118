"""The check of the WebSocket against the stand-in's streaming server, straight and through fronts that spoil it."""

from __future__ import annotations

import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import pytest

from mastodon_infra.operate.verify import front

STAND_IN = "mastodon_infra.rehearsal.machines.stand_in.mastodon"
PLAIN = "GET {path} HTTP/1.1\r\nHost: social.example\r\nConnection: close\r\n\r\n"


class Nobody:
    """A hub that knows no token."""

    def account_of(self, token: str) -> None:
        """Nobody's."""


@pytest.fixture(scope="module")
def streaming() -> Any:
    """The stand-in's module. Its database is asked nothing here, and its driver is on machines only."""
    driver: Any = ModuleType("psycopg2")
    driver.OperationalError, driver.InterfaceError = ConnectionError, ConnectionError
    with pytest.MonkeyPatch.context() as patch:
        for name in (f"{STAND_IN}.streaming", f"{STAND_IN}.database"):
            patch.delitem(sys.modules, name, raising=False)
        patch.setitem(sys.modules, "psycopg2", driver)
        return import_module(f"{STAND_IN}.streaming")


@pytest.fixture(scope="module")
def port(streaming: Any) -> Iterator[int]:
    server = streaming.Server(("127.0.0.1", 0), streaming.Stream)
    server.hub = Nobody()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


class Front:
    """What passes a request on without some of its headers, as a proxy does that was not told to keep them."""

    def __init__(self, port: int, dropped: str) -> None:
        self._behind = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._dropped = dropped

    def sendall(self, request: bytes) -> None:
        """The request, without the headers that are dropped."""
        self._behind.sendall(re.sub(rf"(?m)^({self._dropped}):.*\r\n".encode(), b"", request))

    def recv(self, size: int) -> bytes:
        """The answer."""
        return self._behind.recv(size)

    def close(self) -> None:
        """Hang up."""
        self._behind.close()


def outcome(port: int, dropped: str) -> str:
    with closing(Front(port, dropped)) as spoiled:
        seen = front.ask_for_upgrade(cast("socket.socket", spoiled), "social.example")
    (check,) = front.judge_upgrade(seen)
    return str(check.outcome.value)


def test_an_upgrade_that_streaming_itself_refuses_has_come_through(port: int) -> None:
    assert outcome(port, "nothing") == "ok"


@pytest.mark.parametrize("dropped", ["Upgrade", "Connection", "Upgrade|Connection"])
def test_a_front_that_drops_the_upgrade_fails(port: int, dropped: str) -> None:
    assert outcome(port, dropped) == "failed"


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/api/v1/streaming/public", 401, "Missing access token"),
        ("/api/v1/streaming/?stream=public", 400, "Unknown channel requested"),
    ],
)
def test_a_plain_request_is_refused_in_json(port: int, path: str, status: int, why: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(PLAIN.format(path=path).encode())
        said = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert said.endswith(f'{{"error": "{why}"}}')
    assert "X-Error-Message" not in said
