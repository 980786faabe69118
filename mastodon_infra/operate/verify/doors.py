"""Doors: every machine is tried from every other one and from here, and what opens is held against the matrix."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.programs import program, scanner
from mastodon_infra.operate.verify.questions import FromOutside, OnNode, Question, Said, Subject
from mastodon_infra.plan.network_types import FirewallRule, Side
from mastodon_infra.plan.types import InstancePlan, NodePlan

DOORS = Group("doors")
OUTSIDE = "outside"
WAIT_SECONDS = 2.0
SCAN_SECONDS, LONG_SCAN_SECONDS = 300, 3600
HIGHEST_PORT = 65_535
MOST_SHOWN = 20
WELL_KNOWN = (
    *(
        21,
        22,
        23,
        25,
        53,
        80,
        110,
        111,
        139,
        143,
        389,
        443,
        445,
        465,
        587,
        631,
        993,
        1025,
        2049,
        2375,
        2379,
        3000,
        3306,
    ),
    *(4000, 4369, 5000, 5355, 5432, 5433, 6379, 6380, 6432, 8000, 8080, 8443, 8480, 9000, 9090, 9093, 9100, 9115, 9187),
    *(9200, 9394, 9400, 10250, 11211, 15672, 27017),
)
"""Ports at which something that should not be open often is."""

REMEDY = "docs/runbooks/firewall-off.md; compare mastodon-infra plan STACK with nft list ruleset on the machine"


@dataclass(frozen=True, slots=True)
class Door:
    """A port of a machine at one of its addresses; ``seen_as`` is whom it takes us for, empty where nobody knows."""

    node: str
    side: Side
    address: str
    port: int
    seen_as: str = ""


def door_questions(subject: Subject, *, all_ports: bool) -> Iterator[Question]:
    """From every node to all others, and from here to what is public."""
    plan, ports = subject.plan, tried_ports(subject.plan, all_ports=all_ports)
    for source in (*plan.nodes, None):
        doors = list(doors_from(subject, source, ports))
        if not doors:
            continue
        hosts = list(dict.fromkeys(door.address for door in doors))
        judge = partial(judge_doors, plan, source, doors)
        given = {"hosts": hosts, "ports": list(ports), "seconds": WAIT_SECONDS}
        if source is None:
            yield Question("doors", "from outside", FromOutside(partial(scan_from_here, hosts, ports)), judge)
            continue
        seconds = LONG_SCAN_SECONDS if all_ports else SCAN_SECONDS
        ask = OnNode(source.name, ("python3", "-I", "-"), stdin=program(scanner, given), seconds=seconds)
        yield Question("doors", f"from {source.name}", ask, partial(judge_scan, judge))


def tried_ports(plan: InstancePlan, *, all_ports: bool) -> tuple[int, ...]:
    """All, or those of the plan and the well-known ones."""
    if all_ports:
        return tuple(range(1, HIGHEST_PORT + 1))
    planned = {port for one in plan.listeners for port in range(one.first_port, one.last_port + 1)}
    return tuple(sorted(planned | set(WELL_KNOWN)))


def doors_from(subject: Subject, source: NodePlan | None, ports: Sequence[int]) -> Iterator[Door]:
    """Every port of every other node: by its private address from inside, by its public one from everywhere."""
    for node in subject.plan.nodes:
        if source is not None and node.name == source.name:
            continue
        addresses = subject.outputs.node_addresses
        sides = [(Side.PUBLIC, addresses.get(node.name, ""), addresses.get(source.name, "") if source else "")]
        if source is not None:
            sides.append((Side.PRIVATE, node.address, source.address))
        for side, address, seen_as in sides:
            if address:
                yield from (Door(node.name, side, address, port, seen_as) for port in ports)


def scan_from_here(hosts: Sequence[str], ports: Sequence[int]) -> set[tuple[str, int]]:
    """What takes a connection from this computer."""
    targets = [(host, port) for host in hosts for port in ports]
    return set(asyncio.run(scanner.scan(targets, WAIT_SECONDS)))


def judge_scan(judge: Callable[[set[tuple[str, int]]], Iterable[Check]], said: Said) -> Iterable[Check]:
    """What a machine has found open, judged."""
    if not said:
        raise ValueError(said.trouble)
    return judge({(host, port) for host, port in json.loads(said.stdout)})


def judge_doors(
    plan: InstancePlan, source: NodePlan | None, doors: Sequence[Door], opened: set[tuple[str, int]]
) -> Iterator[Check]:
    """What no rule opens is closed, and what one opens to everybody there, and somebody listens at, answers."""
    name = f"from {source.name}" if source else "from outside"
    found = [door for door in doors if (door.address, door.port) in opened]
    wrong = [door for door in found if not may_pass(plan, source, door, is_sure=False)]
    shut = [
        door
        for door in doors
        if (door.address, door.port) not in opened
        and listens(plan, door)
        and may_pass(plan, source, door, is_sure=True)
    ]
    if wrong:
        yield DOORS.failed(name, f"open, and should not be: {_told(wrong)}", REMEDY)
    if shut:
        yield DOORS.failed(name, f"closed, and should not be: {_told(shut)}", REMEDY)
    if not wrong and not shut:
        yield DOORS.ok(name, f"{_extent(doors)}, {len(found)} open as planned")
    if source is None:
        yield DOORS.unproven("from outside: IPv6", "IPv6 is not tried: not every computer that asks has a way there")


def _extent(doors: Sequence[Door]) -> str:
    """How much of all that could be tried was."""
    ports, addresses = {door.port for door in doors}, {door.address for door in doors}
    return f"{len(ports):,} of {HIGHEST_PORT:,} ports tried at each of {len(addresses)} addresses"


def may_pass(plan: InstancePlan, source: NodePlan | None, door: Door, *, is_sure: bool) -> bool:
    """Whether a rule opens the door to the source; with ``is_sure``, whether one must.

    With which public address this computer is seen is not known: a rule for some networks may let it pass, and need
    not. What is open to the whole world may be open inside too: firewalls ask who comes, and not on which side.
    """
    group = plan.node(door.node).group
    rules = [one for one in plan.firewall if one.group == group and one.first_port <= door.port <= one.last_port]
    if door.side is Side.PRIVATE and source is not None:
        return any(_has(one, source.address) and (one.side is Side.PRIVATE or not is_sure) for one in rules)
    public = [one for one in rules if one.side is Side.PUBLIC]
    if is_sure:
        return any(_is_for_everybody(one) for one in public)
    return any(not door.seen_as or _has(one, door.seen_as) for one in public)


def _has(rule: FirewallRule, address: str) -> bool:
    return any(ip_address(address) in ip_network(source) for source in rule.sources)


def _is_for_everybody(rule: FirewallRule) -> bool:
    return any(ip_network(source).prefixlen == 0 for source in rule.sources)


def listens(plan: InstancePlan, door: Door) -> bool:
    """Whether the plan has a process there on every node of the group."""
    group = plan.node(door.node).group
    return any(
        one.group == group and one.first_port <= door.port <= one.last_port and one.process in EVERYWHERE
        for one in plan.listeners
    )


EVERYWHERE = frozenset({"sshd", "nginx", "node-exporter", "postgres", "redis-queue", "redis-cache"})
"""Processes that every node of their group has; of others, one node may have more than the next."""


def _told(doors: Sequence[Door]) -> str:
    shown = [f"{door.node} {door.side.value} {door.port}" for door in doors[:MOST_SHOWN]]
    more = [f"and {len(doors) - MOST_SHOWN} more"] if len(doors) > MOST_SHOWN else []
    return ", ".join([*shown, *more])
