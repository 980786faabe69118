"""NodeBalancers before bare namespaces: whom nodes see, who is left out, and that nobody notices a change."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from mastodon_infra.rehearsal.clouds.linode import CONFIG, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER
from mastodon_infra.rehearsal.machines.addresses import VISITOR
from mastodon_infra.rehearsal.machines.services.balancer import Balancers
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import Node, heard, put, standing, visiting, wait_until

FRONT, PORT = "198.19.3.4", 7001
SPEAKS_FROM = "10.9.240.1"
NODES = {"n0": ("198.18.7.11", "10.9.0.11"), "n1": ("198.18.7.12", "10.9.0.12")}
CALLS = 12


class Bench:
    """A balancer, and two nodes behind it in a VPC."""

    def __init__(self, ground):
        self.ground = ground
        self.world = World(ground.folder / "cloud")
        self.nodes = {name: Node(ground, name, *addresses) for name, addresses in NODES.items()}
        self.answering = {name: node.answer(PORT, "proxied") for name, node in self.nodes.items()}
        put(self.world, BALANCER, 1, {"vpcs": [{"subnetId": 5, "ipv4Range": "10.9.240.0/30"}]}, ipv4=FRONT)
        config = {
            "nodebalancerId": 1,
            "port": PORT,
            "protocol": "tcp",
            "proxyProtocol": "v2",
            "algorithm": "leastconn",
            "check": "connection",
            "checkInterval": 2,
            "checkTimeout": 1,
            "checkAttempts": 1,
        }
        put(self.world, CONFIG, 2, config)
        self.balancers = Balancers(ground)
        self.set_modes()

    def set_modes(self, **modes):
        """Have nodes in these modes; accepting, unless said otherwise."""
        for number, (name, (_, private)) in enumerate(NODES.items(), start=3):
            address, mode = f"{private}:{PORT}", modes.get(name, "accept")
            inputs = {"nodebalancerId": 1, "configId": 2, "label": name, "address": address, "mode": mode}
            put(self.world, NODE, number, inputs | {"subnetId": 5})
        self.balancers.follow(self.world)

    def heard(self):
        return heard(self.ground, FRONT, PORT)

    def answering_nodes(self):
        """Which nodes took a few calls, one after another."""
        return Counter(self.heard().partition(" ")[0] for _ in range(CALLS)).keys()


@pytest.fixture(scope="module")
def whole(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("balancer")) as ground:
        yield Bench(ground)


@pytest.fixture
def bench(whole):
    whole.set_modes()
    wait_until(lambda: whole.answering_nodes() == {"n0", "n1"}, what="both nodes take part")
    return whole


def test_nodes_see_the_visitor_and_are_spoken_to_from_the_balancers_range(bench):
    _, who = bench.heard().split(" ", 1)
    assert who == f"{VISITOR} from {SPEAKS_FROM}"


def test_a_drained_node_keeps_what_it_has_and_gets_nothing_new(bench):
    with visiting(bench.ground, FRONT, PORT) as one, visiting(bench.ground, FRONT, PORT) as other:
        assert {one.first[:2], other.first[:2]} == {"n0", "n1"}
        bench.set_modes(n0="drain")
        assert bench.answering_nodes() == {"n1"}
        assert (one.says("still"), other.says("still")) == ("still", "still")


def test_a_node_that_answers_no_more_is_out_until_it_does_again(bench):
    bench.ground.place.end(bench.answering["n1"])
    wait_until(lambda: bench.answering_nodes() == {"n0"}, what="only the other node is called")
    bench.set_modes(n0="backup")
    assert bench.answering_nodes() == {"n0"}
    bench.answering["n1"] = bench.nodes["n1"].answer(PORT, "proxied")
    wait_until(lambda: bench.answering_nodes() == {"n1"}, what="the node takes part again, before the spare one")


def test_where_nobody_is_left_the_connection_is_closed(bench):
    bench.set_modes(n0="drain", n1="reject")
    assert bench.heard() in {"closed", "ConnectionResetError"}


def test_no_visitor_notices_changes(bench):
    is_over = Event()

    def keep_calling():
        found: Counter[str] = Counter()
        while not is_over.is_set():
            found[bench.heard()[3:]] += 1
        return found

    with ThreadPoolExecutor() as pool:
        calls = pool.submit(keep_calling)
        for name in ("n0", "n1") * 3:
            bench.set_modes(**{name: "drain"})
            bench.set_modes()
        is_over.set()
    assert calls.result().keys() == {f"{VISITOR} from {SPEAKS_FROM}"}


def test_a_balancer_that_is_gone_takes_its_address_along(bench):
    kept = bench.world.get(BALANCER, 1)
    bench.world.remove(BALANCER, "1")
    bench.balancers.follow(bench.world)
    assert bench.heard() == "OSError"
    bench.world.put(kept)
    bench.balancers.follow(bench.world)
    assert bench.heard()[3:] == f"{VISITOR} from {SPEAKS_FROM}"
