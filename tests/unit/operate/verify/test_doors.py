"""Doors: what the matrix opens must answer, and nothing else may."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.verify.doors import (
    WELL_KNOWN,
    Door,
    doors_from,
    judge_doors,
    may_pass,
    tried_ports,
)
from mastodon_infra.operate.verify.programs import scanner
from mastodon_infra.operate.verify.questions import Subject
from mastodon_infra.plan.network_types import Side
from mastodon_infra.plan.types import InstancePlan
from tests.unit.operate.verify.made import outputs_for


@pytest.fixture(scope="module")
def plan() -> InstancePlan:
    return load("demo", None, changes={"size": "medium"}).plan


@pytest.fixture(scope="module")
def subject(plan: InstancePlan) -> Subject:
    outputs = outputs_for(plan)
    assert outputs.wiring is not None
    return Subject("demo", plan, outputs, outputs.wiring, {})


def by_role(plan: InstancePlan, group: str) -> Any:
    return next(node for node in plan.nodes if node.name.startswith(group))


def open_as_planned(plan: InstancePlan, source: Any, doors: list[Door]) -> set[tuple[str, int]]:
    """A world in which every listener answers where a rule lets the source through for sure."""
    ports = {(one.group, port) for one in plan.listeners for port in range(one.first_port, one.last_port + 1)}
    return {
        (door.address, door.port)
        for door in doors
        if (plan.node(door.node).group, door.port) in ports and may_pass(plan, source, door, is_sure=True)
    }


def test_every_port_of_every_other_node_is_tried_at_both_of_its_addresses(subject: Subject) -> None:
    plan, ports = subject.plan, tried_ports(subject.plan, all_ports=False)
    doors = list(doors_from(subject, plan.nodes[0], ports))
    others = {node.name for node in plan.nodes[1:]}
    assert {door.node for door in doors} == others
    assert len(doors) == len(others) * 2 * len(ports)
    assert {5432, 6379, 22, 443, 27017} <= set(ports)
    assert set(WELL_KNOWN) <= set(ports)
    assert len(tried_ports(plan, all_ports=True)) == 65_535


def test_from_outside_public_addresses_only_are_tried(subject: Subject) -> None:
    doors = list(doors_from(subject, None, (22,)))
    assert {door.side for door in doors} == {Side.PUBLIC}
    assert {door.node for door in doors} == {node.name for node in subject.plan.nodes}


def test_a_world_as_the_matrix_has_it_is_right_from_everywhere(subject: Subject) -> None:
    plan, ports = subject.plan, tried_ports(subject.plan, all_ports=False)
    for source in (*plan.nodes, None):
        doors = list(doors_from(subject, source, ports))
        check, *more = judge_doors(plan, source, doors, open_as_planned(plan, source, doors))
        assert check.outcome.value == "ok", check.seen
        assert [(one.name, one.outcome.value) for one in more] == (
            [] if source else [("from outside: IPv6", "unproven")]
        )


def test_it_is_told_how_many_of_all_ports_were_tried(subject: Subject) -> None:
    doors = list(doors_from(subject, subject.plan.nodes[0], (22, 443, 5432)))
    addresses = 2 * (len(subject.plan.nodes) - 1)
    opened = open_as_planned(subject.plan, subject.plan.nodes[0], doors)
    (check,) = judge_doors(subject.plan, subject.plan.nodes[0], doors, opened)
    assert check.seen.startswith(f"3 of 65,535 ports tried at each of {addresses} addresses, ")


def test_a_database_that_answers_the_world_is_found(subject: Subject) -> None:
    plan, ports = subject.plan, tried_ports(subject.plan, all_ports=False)
    doors = list(doors_from(subject, None, ports))
    database = by_role(plan, "postgres")
    opened = open_as_planned(plan, None, doors) | {(subject.outputs.node_addresses[database.name], 5432)}
    check, _ = judge_doors(plan, None, doors, opened)
    assert check.seen == f"open, and should not be: {database.name} public 5432"


def test_a_database_that_refuses_the_web_nodes_is_found_too(subject: Subject) -> None:
    plan, ports = subject.plan, tried_ports(subject.plan, all_ports=False)
    web, database = by_role(plan, "web"), by_role(plan, "postgres")
    doors = list(doors_from(subject, web, ports))
    opened = open_as_planned(plan, web, doors) - {(database.address, 5432)}
    (check,) = judge_doors(plan, web, doors, opened)
    assert check.seen == f"closed, and should not be: {database.name} private 5432"


def test_a_rule_for_some_networks_may_let_this_computer_through_and_need_not(plan: InstancePlan) -> None:
    rule = next(one for one in plan.firewall if one.label == "ssh")
    narrow = replace(
        plan,
        firewall=tuple(replace(one, sources=("203.0.113.0/24",)) if one is rule else one for one in plan.firewall),
    )
    door = Door(plan.jump, Side.PUBLIC, "192.0.2.1", 22)
    assert may_pass(narrow, None, door, is_sure=False)
    assert not may_pass(narrow, None, door, is_sure=True)


def test_a_rule_for_some_networks_is_no_leave_for_a_machine_that_is_not_among_them(subject: Subject) -> None:
    plan, web = subject.plan, by_role(subject.plan, "web")
    rule = next(one for one in plan.firewall if one.label == "ssh")
    narrow = replace(
        plan,
        firewall=tuple(replace(one, sources=("203.0.113.0/24",)) if one is rule else one for one in plan.firewall),
    )
    (door,) = (one for one in doors_from(subject, web, (22,)) if one.node == plan.jump and one.side is Side.PUBLIC)
    assert door.seen_as == subject.outputs.node_addresses[web.name]
    assert not may_pass(narrow, web, door, is_sure=False)
    assert may_pass(narrow, web, replace(door, seen_as="203.0.113.9"), is_sure=False)


def test_what_everybody_may_reach_may_be_reached_inside_too_and_need_not(plan: InstancePlan) -> None:
    other = next(node for node in plan.nodes if node.name != plan.jump)
    door = Door(plan.jump, Side.PRIVATE, plan.node(plan.jump).address, 22)
    everybody = tuple(
        replace(one, sources=("0.0.0.0/0",)) if one.label == "ssh" else one
        for one in plan.firewall
        if one.label != "ssh-inside"
    )
    assert may_pass(replace(plan, firewall=everybody), other, door, is_sure=False)
    assert not may_pass(replace(plan, firewall=everybody), other, door, is_sure=True)
    some = tuple(replace(one, sources=("203.0.113.0/24",)) for one in everybody)
    assert not may_pass(replace(plan, firewall=some), other, door, is_sure=False)


def test_the_scanner_finds_what_listens_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as closed:
        port, other = listener.getsockname()[1], closed.getsockname()[1]
        closed.close()
        found = asyncio.run(scanner.scan([("127.0.0.1", port), ("127.0.0.1", other)], 2.0))
    assert found == [("127.0.0.1", port)]
