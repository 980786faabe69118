"""The cloud's firewall in front of bare namespaces: what it opens, what it drops, and what it lets go on."""

import pytest

from mastodon_infra.rehearsal.clouds.linode_rules import FIREWALL, INSTANCE
from mastodon_infra.rehearsal.machines.addresses import GATEWAY, VISITOR
from mastodon_infra.rehearsal.machines.services.firewall import CloudFirewall
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import Node, calling, heard, heard_by, put, standing, visiting

WEB, DATA = ("198.18.7.11", "10.9.0.11"), ("198.18.7.12", "10.9.0.12")
OPEN, CLOSED, INSIDE = 7001, 7002, 7003
DROPPED = "TimeoutError"


def rule(ports, *sources):
    return {"action": "ACCEPT", "label": "one", "protocol": "TCP", "ports": str(ports), "ipv4s": list(sources)}


def hold(world, *rules):
    """Have the one firewall with these rules."""
    drop = {"label": "wall", "inboundPolicy": "DROP", "outboundPolicy": "ACCEPT"}
    put(world, FIREWALL, 1, drop | {"inbounds": list(rules)})


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    """Two nodes behind one firewall on both sides, as in a VPC."""
    folder = tmp_path_factory.mktemp("firewall")
    with standing(parts, folder) as ground:
        world = World(folder / "cloud")
        nodes = []
        for number, (public, private) in enumerate((WEB, DATA)):
            interfaces = [
                {"firewallId": 1, "public": {}},
                {"firewallId": 1, "vpc": {"subnetId": 5, "ipv4": {"addresses": [{"address": private}]}}},
            ]
            outputs = {"ipv4s": [public], "ipv6": f"2001:db8::{number}/128"}
            put(world, INSTANCE, number, {"label": f"n{number}", "linodeInterfaces": interfaces}, **outputs)
            node = Node(ground, f"n{number}", public, private)
            for port in (OPEN, CLOSED, INSIDE):
                node.answer(port)
            nodes.append(node)
        hold(world, rule(OPEN, "0.0.0.0/0"), rule(f"7003-7005, {INSIDE}", "10.9.0.0/24"))
        firewall = CloudFirewall(ground)
        firewall.follow(world)
        yield ground, world, firewall, *nodes


def test_visitors_reach_what_is_open_and_nothing_else(bench):
    ground, *_ = bench
    assert heard(ground, WEB[0], OPEN) == f"n0 {VISITOR}"
    assert heard(ground, WEB[0], CLOSED) == DROPPED
    assert heard(ground, WEB[0], INSIDE) == DROPPED


def test_nodes_reach_each_other_where_a_rule_names_them(bench):
    *_, web, _ = bench
    assert heard_by(web, DATA[1], INSIDE) == f"n1 {WEB[1]}"
    assert heard_by(web, DATA[1], CLOSED) == DROPPED
    assert heard_by(web, DATA[0], INSIDE) == DROPPED


def test_what_nodes_ask_the_world_is_answered(bench):
    *_, web, _ = bench
    assert heard_by(web, GATEWAY, CLOSED) == "ConnectionRefusedError"


def test_nothing_leads_from_the_world_to_private_addresses(bench):
    ground, *_ = bench
    assert heard(ground, DATA[1], OPEN) == DROPPED


def test_conversations_go_on_when_their_port_is_closed(bench):
    ground, world, firewall, web, _ = bench
    hold(world, rule(f"{OPEN},{CLOSED}", "0.0.0.0/0"), rule(INSIDE, "10.9.0.0/24"))
    firewall.follow(world)
    with visiting(ground, WEB[0], CLOSED) as visitor, calling(web, DATA[0], CLOSED) as neighbour:
        assert (visitor.first, neighbour.first) == (f"n0 {VISITOR}", f"n1 {WEB[0]}")
        hold(world, rule(OPEN, "0.0.0.0/0"), rule(INSIDE, "10.9.0.0/24"))
        firewall.follow(world)
        assert (visitor.says("still"), neighbour.says("still")) == ("still", "still")
        assert heard(ground, WEB[0], CLOSED) == DROPPED


def test_a_machine_that_is_gone_has_no_firewall_any_more(bench):
    ground, world, firewall, *_ = bench
    kept = world.get(INSTANCE, 1)
    world.remove(INSTANCE, "1")
    firewall.follow(world)
    assert heard(ground, DATA[0], CLOSED) == f"n1 {VISITOR}"
    world.put(kept)
    firewall.follow(world)
    assert heard(ground, DATA[0], CLOSED) == DROPPED
