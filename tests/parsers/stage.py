"""A node with nginx running, and a world around it: visitors, a bucket, a name server, a balancer, all stand-ins.

Node and world are two machines with a cable between them; nothing else is connected to either.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.parsers.cases import Place
from tests.parsers.machine import Machine
from tests.parsers.root import privilege
from tests.parsers.tree import Tree, lay_out
from tests.parsers.wiring import PULLS, Authority

STAND_INS = Path(__file__).parent / "stand_ins"
NODE, VISITOR, CLOUDFLARE = "192.0.2.10", "198.51.100.7", "173.245.48.10"
NAME_SERVER, BUCKET = "192.0.2.53", "192.0.2.80"

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH

_cables = count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a visitor got. ``status`` is 0 where the connection was closed without an answer."""

    status: int
    headers: Mapping[str, str]
    body: str
    size: int

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Visit:
    """A request. ``proxy`` is the visitor that a balancer tells about; ``certificate`` the client's, a path."""

    path: str = "/"
    host: str = "social.example"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    source: str = VISITOR
    address: str = NODE
    port: int = 443
    proxy: str = ""
    certificate: str = ""
    then: str = ""


def visit(world: Machine, how: Visit) -> Answer:
    """Ask, and read what comes."""
    words = {name: getattr(how, name) for name in Visit.__slots__}
    said = world.must(["python3", "/srv/stand_ins/visitor.py"], stdin=json.dumps(words))
    return Answer(**json.loads(said.splitlines()[-1]))


def connect(one: Machine, other: Machine) -> None:
    """Lay a cable between two machines, on which each reaches every address of the other."""
    number = next(_cables)
    ends = [(f"cable{number}a", one), (f"cable{number}b", other)]
    (first, _), (second, _) = ends
    command = ["ip", "link", "add", first, "netns", str(one.pid), "type", "veth"]
    command += ["peer", "name", second, "netns", str(other.pid)]
    subprocess.run([*(privilege() or ()), *command], check=True)
    for end, machine in ends:
        machine.must(f"ip link set {end} up; ip route add default dev {end}")


def give_addresses(machine: Machine, *addresses: str) -> None:
    """Let a machine be reached at these addresses."""
    machine.must("\n".join(f"ip address add {address}/32 dev lo" for address in addresses))


def start(machine: Machine, program: str, *arguments: str) -> None:
    """Start a stand-in, which puts itself into the background once it listens."""
    machine.must(["python3", f"/srv/stand_ins/{program}.py", *arguments])


def start_nginx(tree: Tree) -> None:
    """What the unit does: the script before it, then nginx, which puts itself into the background."""
    tree.machine.must(["/usr/local/lib/mastodon-infra/before-nginx"])
    tree.machine.must("nginx > /tmp/nginx.log 2>&1 < /dev/null")


def stand_up(root: Path, place: Place, standing: ExitStack) -> tuple[Tree, Machine]:
    """A node with nginx and stand-ins for what is behind it, and the world; both stand until the stack is closed."""
    bindings = {"stand_ins": STAND_INS}
    node, world = (standing.enter_context(Machine(root, bindings=bindings)) for _ in range(2))
    tree = lay_out(node, place)
    give_addresses(node, NODE)
    give_addresses(world, VISITOR, CLOUDFLARE, NAME_SERVER, BUCKET, balancer_of(tree))
    connect(node, world)
    media, bucket = tree.plan.media, Authority("bucket")
    node.must(["tee", "--append", "/etc/ssl/certs/ca-certificates.crt"], stdin=bucket.certificate)
    world.put("/tmp/bucket.pem", "".join(bucket.issue(f"{media.bucket}.{media.endpoint}")))
    world.put("/tmp/pulls.pem", "".join(PULLS.issue("cloudflare.example", usage=CLIENT)))
    world.put("/tmp/others.pem", "".join(Authority("somebody else").issue("cloudflare.example", usage=CLIENT)))
    start(world, "bucket", "/tmp/bucket.pem", BUCKET, NAME_SERVER)
    streaming = tree.node.streaming
    start(node, "mastodon", "3000", *(str(port) for port in (streaming.ports if streaming else ())))
    start_nginx(tree)
    return tree, world


def balancer_of(tree: Tree) -> str:
    """An address that the node's NodeBalancers speak from; any other where there are none."""
    network = ip_network(tree.plan.network.balancer_cidr or "192.0.2.96/28")
    return str(network[9])
