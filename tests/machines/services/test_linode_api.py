"""Linode's API where machines and visitors find it, by its own name and with a certificate that they trust."""

import json

import pytest

from mastodon_infra.rehearsal.clouds.linode import CONFIG, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER
from mastodon_infra.rehearsal.machines.addresses import LINODE_API
from mastodon_infra.rehearsal.machines.services.linode_api import HOST, LinodeApi
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import put, standing, wait_until

NODES = "nodebalancers/1/configs/2/nodes"


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    with standing(parts, folder) as ground:
        world = World(folder / "cloud")
        put(world, BALANCER, 1, {"label": "front"}, ipv4="198.19.0.1", hostname="nb")
        put(world, CONFIG, 2, {"nodebalancerId": 1, "port": 443})
        put(world, NODE, 3, {"nodebalancerId": 1, "configId": 2, "label": "web-1", "address": "10.0.0.3:443"})
        LinodeApi(ground).follow(world)
        (folder / "trusted.pem").write_text(ground.authority.certificate, encoding="utf-8")
        yield ground, world


def ask(bench, path, *words):
    ground, _ = bench
    options = ("--silent", "--noproxy", "*", "--resolve", f"{HOST}:443:{LINODE_API}")
    trust = ("--cacert", str(ground.folder / "trusted.pem"))
    return json.loads(ground.place.run("curl", *options, *trust, *words, f"https://{HOST}/v4/{path}"))


def is_there(bench):
    try:
        return bool(ask(bench, "regions/us-ord"))
    except OSError:
        return False


def test_a_node_is_drained_by_whoever_has_a_token(bench):
    _, world = bench
    wait_until(lambda: is_there(bench), what="the API answers")
    change = ("--request", "PUT", "--data", '{"mode": "drain"}')
    assert ask(bench, f"{NODES}/3", *change) == {"errors": [{"reason": "Invalid Token"}]}
    assert "mode" not in world.get(NODE, 3).inputs
    assert ask(bench, f"{NODES}/3", *change, "--header", "Authorization: Bearer t")["mode"] == "drain"
    assert world.get(NODE, 3).inputs["mode"] == "drain"
