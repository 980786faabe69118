"""Growing adds, and neither replaces nor deletes what holds data."""

import pytest

from tests.engine.rehearsed import Rehearsed
from tests.engine.test_verbs import Operator

ADDRESS = "linode:index/reservedIp:ReservedIp"
DATA = {("Volume", "data-postgres"), ("Volume", "data-redis")}
LOSING = {"delete", "replace", "create-replacement", "delete-replaced"}

AROUND = {"ObjectStorageObject", "Stack"}
"""What shows the files that machines are to get: payloads, and outputs with the digests."""

TO_LARGE = {
    **{("Instance", name): "update" for name in ("monitoring-1", "postgres-1", "redis-1", "sidekiq-1", "web-1")},
    **{("Instance", name): "create" for name in ("web-2", "web-3")},
    **{("PrivateKey", f"host-key-{name}"): "create" for name in ("web-2", "web-3")},
    **{("Firewall", f"firewall-{name}"): "update" for name in ("postgres", "sidekiq", "web")},
    **{("DomainRecord", name): "update" for name in ("domain-a", "domain-aaaa", "media-a", "media-aaaa")},
    **{("NodeBalancerNode", f"balancer-1-{port}-web-{number}"): "create" for port in (80, 443) for number in (1, 2, 3)},
    ("NodeBalancerConfig", "balancer-1-80"): "create",
    ("NodeBalancerConfig", "balancer-1-443"): "create",
    ("NodeBalancer", "balancer-1"): "create",
    ("Firewall", "balancer-firewall"): "create",
    ("Front", "front"): "create",
    ("PlacementGroup", "apart-web-1"): "create",
    ("Volume", "data-postgres"): "update",
}
"""Larger machines and a larger database, two more web machines, and what stands in front of three."""


def test_third_web_node_is_all_that_comes(copy_of):
    stack = copy_of("medium")
    stack.ask({"size": "medium", "nodes": {"web": {"count": 2}}})
    stack.up()

    stack.ask({"size": "medium", "nodes": {"web": {"count": 3}}})
    changes = stack.preview()

    assert changes == {
        ("Instance", "web-3"): "create",
        ("PrivateKey", "host-key-web-3"): "create",
        ("NodeBalancerNode", "balancer-1-443-web-3"): "create",
        ("NodeBalancerNode", "balancer-1-80-web-3"): "create",
        **{key: op for key, op in changes.items() if key[0] in AROUND},
    }
    stack.up()
    assert stack.preview() == {}


@pytest.mark.parametrize(("smaller", "larger"), [("solo", "small"), ("small", "medium"), ("medium", "large")])
def test_next_size_loses_nothing_that_holds_data(smaller, larger, copy_of):
    stack = copy_of(smaller)
    disks = {thing.id: thing.inputs["label"] for thing in stack.world.all("linode:index/volume:Volume")}

    stack.ask({"size": larger})
    changes = stack.preview()
    stack.up()

    assert changes
    if larger == "large":
        assert {key: op for key, op in changes.items() if key[0] not in AROUND} == TO_LARGE
    assert not {key for key in DATA if changes.get(key) in LOSING}
    assert not {key for key, op in changes.items() if op in LOSING and key[0] in {"Instance", "ObjectStorageBucket"}}
    now = {thing.id: thing.inputs["label"] for thing in stack.world.all("linode:index/volume:Volume")}
    assert disks.items() <= now.items()
    assert stack.preview() == {}


def test_reserved_address_stays_at_linode_when_a_second_web_machine_makes_it_needless(tmp_path):
    """Records that were set by hand still lead to it; whoever destroys the stack gives back what it still has."""
    by_hand = {"edge": {"dns": "manual"}, "size": "medium"}
    stack = Rehearsed.new(tmp_path / "rehearsal", by_hand)
    stack.up()
    (address,) = stack.world.all(ADDRESS)
    whole = stack.copy(tmp_path / "whole")

    stack.ask({**by_hand, "nodes": {"web": {"count": 2}}})
    changes = stack.preview()
    stack.up()

    assert changes["ReservedIp", "address-web-1"] == "delete"
    assert [one.id for one in stack.world.all(ADDRESS)] == [address.id]
    assert ("ReservedIp", "address-web-1") not in stack.names()
    assert stack.preview() == {}

    words = ("--data", "backup,data-postgres,data-redis,keys,media", "--confirm-domain", "social.example")
    code, _, problem = Operator(whole).give("destroy", *words)
    assert code == 0, problem
    assert not whole.world.all(ADDRESS)
