"""Linode's API of a rehearsal, as the world stands."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from mastodon_infra.catalog.versions import IMAGE
from mastodon_infra.operate.api import Answer
from mastodon_infra.operate.linode_checks import linode_checks
from mastodon_infra.rehearsal.clouds.linode import CONFIG, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER, INSTANCE
from mastodon_infra.rehearsal.machines.stand_in.linode_api import RefusedError, answer
from mastodon_infra.rehearsal.world import Thing, World
from tests.unit.cost.made import plan_of
from tests.unit.operate.made import outcomes

NODES = "nodebalancers/1/configs/2/nodes"


@pytest.fixture
def world(tmp_path):
    """A balancer with two nodes, and a machine."""
    world = World(tmp_path)
    world.put(Thing(BALANCER, "1", {"label": "front", "region": "au-mel"}, {"ipv4": "198.19.0.1", "hostname": "nb"}))
    world.put(Thing(CONFIG, "2", {"nodebalancerId": 1, "port": 443, "protocol": "tcp"}, {}))
    for identity, name in (("3", "web-1"), ("4", "web-2")):
        inputs = {"nodebalancerId": 1, "configId": 2, "label": name, "address": f"10.0.0.{identity}:443"}
        world.put(Thing(NODE, identity, inputs, {}))
    world.put(Thing(INSTANCE, "5", {"label": "web-1", "image": IMAGE.version}, {"ipv4s": [], "status": "running"}))
    return world


def ask(world, path, *, method="GET", body=None, filtered=None, has_token=True):
    return answer(world, method, path, body=body or {}, filtered=filtered or {}, has_token=has_token)


def refusal(world, path, **more):
    with pytest.raises(RefusedError) as refused:
        ask(world, path, **more)
    return refused.value.status


def test_a_node_is_drained_and_taken_back(world):
    assert [node["mode"] for node in ask(world, NODES)["data"]] == ["accept", "accept"]
    assert ask(world, f"{NODES}/4", method="PUT", body={"mode": "drain"})["mode"] == "drain"
    assert [node["mode"] for node in ask(world, NODES)["data"]] == ["accept", "drain"]
    assert world.get(NODE, "4").inputs["mode"] == "drain"
    assert world.get(NODE, "4").inputs["address"] == "10.0.0.4:443"


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("nodebalancers", {"has_token": False}, HTTPStatus.UNAUTHORIZED),
        ("nodebalancers/9", {}, HTTPStatus.NOT_FOUND),
        ("nodebalancers/1/configs/3", {}, HTTPStatus.NOT_FOUND),
        ("nodebalancers/9/configs/2/nodes/4", {"method": "PUT", "body": {"mode": "drain"}}, HTTPStatus.NOT_FOUND),
        (f"{NODES}/4", {"method": "PUT", "body": {"mode": "sleep"}}, HTTPStatus.BAD_REQUEST),
        ("nodebalancers/1", {"method": "PUT"}, HTTPStatus.METHOD_NOT_ALLOWED),
        ("nonsense", {}, HTTPStatus.NOT_FOUND),
    ],
)
def test_what_is_refused(world, path, more, status):
    assert refusal(world, path, **more) is status


def test_lists_are_filtered(world):
    found = ask(world, "linode/instances", filtered={"+or": [{"label": "web-1"}, {"label": "other"}]})
    assert [row["id"] for row in found["data"]] == [5]
    assert ask(world, "linode/instances", filtered={"label": "other"})["data"] == []


class Asked:
    """The API as the checks before a deployment ask it."""

    url, token = "https://api.linode.com/v4", "rehearsal"

    def __init__(self, world):
        self._world = world

    def get(self, path, *, filtered=None, **_):
        try:
            status, told = HTTPStatus.OK, ask(self._world, path, filtered=filtered)
        except RefusedError as refused:
            status, told = refused.status, {}
        return Answer(status, {"x-oauth-scopes": "*"}, json.dumps(told).encode())


def test_the_checks_before_a_deployment_find_nothing_that_fails(tmp_path):
    asked: Any = Asked(World(tmp_path))
    outcome = outcomes(linode_checks(plan_of(size="medium"), asked, is_deployed=False))
    assert "failed" not in outcome.values()
    assert {name: outcome[name] for name in ("region's capabilities", "token", "machines' labels")} == {
        "region's capabilities": "ok",
        "token": "ok",
        "machines' labels": "ok",
    }
    assert {end for name, end in outcome.items() if name.startswith("machine type ")} == {"ok"}
