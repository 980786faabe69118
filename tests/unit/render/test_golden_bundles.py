"""What each machine of each size gets, for a person to read: an index per stack, and one machine of each role whole."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from mastodon_infra.model.role import Role
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.read import parse_stack
from tests.unit.render.listing import listing

CASES = Path(__file__).parents[2] / "cases/valid"
SIZES = ("solo", "small", "medium", "large", "xlarge")
PLACEMENTS = ("streaming-apart-sidekiq-twice", "two-machines-in-sydney")
WHOLE = (
    ("small", "web-1"),
    ("medium", "web-1"),
    ("medium", "postgres-1"),
    ("large", "redis-1"),
    ("large", "monitoring-1"),
    ("streaming-apart-sidekiq-twice", "live-1"),
    ("streaming-apart-sidekiq-twice", "quick-1"),
    ("two-machines-in-sydney", "web-1"),
    ("two-machines-in-sydney", "db-1"),
)
"""Machines whose every file is kept: each role at least once, alone and together, over both kinds of network."""


@pytest.fixture
def stack_of(planned):
    """The plan of a size, or of a case file by its name."""
    return lambda name: planned(name) if name in SIZES else _placement(name)


@cache
def _placement(name: str) -> InstancePlan:
    file = CASES / f"{name}.yaml"
    return plan_instance(parse_stack(file.read_text(encoding="utf-8"), name=file.name).spec)


@pytest.mark.parametrize("stack", [*SIZES, *PLACEMENTS])
def test_what_is_on_which_machine(stack_of, golden: Callable[[str, str], None], stack):
    golden(f"bundles/{stack}/index.txt", index(stack_of(stack)))


@pytest.mark.parametrize(("stack", "node"), WHOLE)
def test_a_nodes_whole_tree(stack_of, golden_tree: Callable[[str, NodeBundle], None], stack, node):
    plan = stack_of(stack)
    golden_tree(f"bundles/{stack}/{node}", bundle(plan, plan.node(node), Wiring.placeholder(plan)))


def test_user_data_of_the_plainest_node(planned, golden: Callable[[str, str], None]):
    plan = planned("medium")
    golden(
        "bundles/medium/redis-1.user-data.txt",
        user_data(plan, plan.node("redis-1"), Wiring.placeholder(plan)).text,
    )


def test_every_role_is_kept_whole(stack_of):
    kept = {role for stack, node in WHOLE for role in stack_of(stack).node(node).roles}
    assert kept >= {Role.WEB, Role.STREAMING, Role.SIDEKIQ, Role.POSTGRES, Role.REDIS, Role.MONITORING}


def index(plan: InstancePlan) -> str:
    """Every machine in a line; below it what it has, unless another has the same."""
    seen: dict[str, str] = {}
    parts = []
    for node in plan.nodes:
        made = bundle(plan, node, Wiring.placeholder(plan))
        text = "".join(f"  {line}\n" for line in listing(made))
        first = seen.setdefault(text, node.name)
        parts.append(f"{_title(node, made)}\n" + (text if first == node.name else f"  the same as {first}\n"))
    return "\n".join(parts)


def _title(node: NodePlan, made: NodeBundle) -> str:
    roles = ", ".join(role.value for role in node.roles)
    return f"{node.name} ({node.machine.name}: {roles}), {len(made.files)} files"
