"""The balancers' API, asked over HTTP as Linode documents it."""

import asyncio
import json

import pytest

from mastodon_infra.operate.api import Api
from mastodon_infra.operate.converge import balancer
from mastodon_infra.operate.converge.balancer import Balancers
from mastodon_infra.operate.converge.decide import ConvergeError
from tests.unit.operate.servers import TOKEN, serving

ROWS = {
    "/v4/nodebalancers": [{"id": 7, "label": "ours"}],
    "/v4/nodebalancers/7/configs": [{"id": 1}],
    "/v4/nodebalancers/7/configs/1/nodes": [{"id": 11, "label": "web-1", "mode": "accept"}],
}


def drain(answer):
    """Drain web-1 at a server that answers so."""
    _change(answer, lambda balancers: balancers.drain("web-1"))


def accept(answer):
    """Put web-1 back at a server that answers so."""
    _change(answer, lambda balancers: balancers.accept("web-1"))


def _change(answer, change):
    async def whole(url):
        balancers = Balancers(Api(f"{url}/v4", TOKEN), ("ours",))
        await balancers.read()
        await change(balancers)

    with serving(answer) as url:
        asyncio.run(whole(url))


def test_a_node_is_drained_with_the_token_and_nothing_but_its_mode_is_changed():
    changes = []

    def answer(request):
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if request.method == "PUT":
            changes.append((request.path, json.loads(request.body)))
            return 200, {}, b"{}"
        return 200, {}, json.dumps({"data": ROWS[request.path]}).encode()

    drain(answer)

    assert changes == [("/v4/nodebalancers/7/configs/1/nodes/11", {"mode": "drain"})]


@pytest.mark.parametrize("says", [["UP"], ["DOWN", "DOWN", "UP"], ["unknown", "UP"]])
def test_a_node_that_is_back_counts_once_the_balancer_sees_it(says, monkeypatch):
    monkeypatch.setattr(balancer, "PAUSE_SECONDS", 0)
    left = list(says)

    def answer(request):
        path = request.path.partition("?")[0]
        row = {"status": left.pop(0)} if request.method == "GET" and path not in ROWS else {"data": ROWS.get(path)}
        return 200, {}, json.dumps(row).encode()

    accept(answer)

    assert left == []


def test_where_the_balancer_does_not_tell_two_of_its_checks_are_waited_for(monkeypatch):
    monkeypatch.setattr(balancer, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(balancer, "UNTOLD_SECONDS", 0.2)
    asked = []

    def answer(request):
        path = request.path.partition("?")[0]
        asked.append(path)
        return 200, {}, json.dumps({"data": ROWS[path]} if path in ROWS else {"status": "unknown"}).encode()

    accept(answer)

    own = "/v4/nodebalancers/7/configs/1/nodes/11"
    assert asked.count(own) > 2, "changed once, and asked more than once"


def test_a_node_that_the_balancer_never_sees_ends_it(monkeypatch):
    monkeypatch.setattr(balancer, "CHECK_SECONDS", 0)

    def answer(request):
        path = request.path.partition("?")[0]
        return 200, {}, json.dumps({"data": ROWS[path]} if path in ROWS else {"status": "DOWN"}).encode()

    with pytest.raises(ConvergeError, match="own checks say that it is down"):
        accept(answer)


@pytest.mark.parametrize("refused", ["GET", "PUT"])
def test_what_the_api_refuses_is_told_with_what_helps(refused):
    def answer(request):
        if request.method == refused:
            return 401, {}, b'{"errors": [{"reason": "Invalid Token"}]}'
        return 200, {}, json.dumps({"data": ROWS[request.path]}).encode()

    with pytest.raises(ConvergeError, match="401 Invalid Token") as caught:
        drain(answer)

    assert "LINODE_TOKEN" in caught.value.problems[0].hint


def test_a_server_that_is_not_there_is_told():
    async def whole():
        await Balancers(Api("http://127.0.0.1:9/v4", TOKEN), ("ours",)).read()

    with pytest.raises(ConvergeError, match="could not be asked"):
        asyncio.run(whole())


def test_balancers_are_told_by_port_and_by_node():
    calls = []

    class Told(Balancers):
        def _get(self, path):
            rows = {
                "/nodebalancers": [{"id": 7, "label": "ours"}, {"id": 8, "label": "theirs"}],
                "/nodebalancers/7/configs": [{"id": 1}, {"id": 2}],
                "/nodebalancers/7/configs/1/nodes": [
                    {"id": 11, "label": "web-1", "mode": "accept"},
                    {"id": 12, "label": "web-2", "mode": "drain"},
                    {"id": 13, "label": "web-3", "mode": "accept", "status": "UP"},
                ],
                "/nodebalancers/7/configs/2/nodes": [{"id": 21, "label": "web-1", "mode": "accept"}],
            }
            return rows[path]

        def _put(self, backend, mode):
            calls.append((backend.path, mode))

    async def whole():
        told = Told(Api(""), ("ours",))
        await told.read()
        assert told.drained() == {"web-2"}
        await told.drain("web-1")
        assert told.drained() == {"web-1", "web-2"}
        assert told.has_others("web-1")
        with pytest.raises(ConvergeError, match="web-1 is drained"):
            told.require_another("web-3")

    asyncio.run(whole())

    assert calls == [
        ("/nodebalancers/7/configs/1/nodes/11", "drain"),
        ("/nodebalancers/7/configs/2/nodes/21", "drain"),
    ]
