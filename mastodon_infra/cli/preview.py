"""``preview``: what would be made at the cloud, against the real state or without asking anybody."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted, short_type
from mastodon_infra.cli.stacks import JsonOption, MauOption, StackArgument, StacksDirOption
from mastodon_infra.errors import Problem, SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan
    from mastodon_infra.program.recorder import ResourceRecord


PROVIDERS = "pulumi:providers:"
"""Types of what only says how to reach a cloud; nothing is made for them."""


def preview(
    stack: StackArgument,
    offline: Annotated[
        bool, typer.Option("--offline", help="Run the program against a recorder: no account, no engine, no state.")
    ] = False,
    mau: MauOption = None,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Show what would be made at the cloud: what, why, and for how much.

    Against the real state; --offline shows everything that a first deployment would make, and needs no account.

    Example: mastodon-infra preview demo --offline
    """
    from mastodon_infra.cli.stacks import load, resized

    if not offline:
        _real(stack, stacks_dir, mau=mau, as_json=as_json)
        return
    plan = load(stack, stacks_dir, changes=resized(mau)).plan
    records = recorded(plan)
    if as_json:
        console.say_json(preview_data(plan, records))
    else:
        console.say(preview_text(plan, records, width=console.width(), is_plain=console.is_plain()))


def _real(stack: str, stacks_dir: Path | None, *, mau: int | None, as_json: bool) -> None:
    """What ``up`` would change, asked of the engine."""
    from mastodon_infra.cli.engine_preview import data_of, page_of, previewed
    from mastodon_infra.cli.engine_room import enter

    if mau is not None:
        raise SpecError("--mau belongs to --offline: the real preview takes the stack's file as it is", where="--mau")
    try:
        room = enter(stack, stacks_dir)
    except ToolError as error:
        raise ToolError([_beside(problem, stack) for problem in error.problems]) from None
    found = previewed(room)
    if as_json:
        console.say_json(data_of(room, found))
    else:
        console.say(page_of(room, found))


def _beside(problem: Problem, stack: str) -> Problem:
    """Where no engine is at hand, a first deployment can be seen without it; with one, what it says is enough."""
    if problem.where:
        return problem
    hint = f"{problem.hint}; what a first deployment makes needs none: mastodon-infra preview {stack} --offline"
    return replace(problem, hint=hint.removeprefix("; "))


def recorded(plan: InstancePlan) -> Sequence[ResourceRecord]:
    """What the program would register."""
    from mastodon_infra.program.offline import preview_offline

    return preview_offline(plan)


def preview_text(plan: InstancePlan, records: Sequence[ResourceRecord], *, width: int, is_plain: bool = True) -> str:
    """The preview as a page: what, why, cost, and every resource by type and name."""
    from mastodon_infra.cli.plan_page import add_notes, add_summary, heading_line
    from mastodon_infra.cli.pricing import add_lines, total_words
    from mastodon_infra.cost.estimate import estimate

    page = Page(width, is_plain)
    price = estimate(plan)
    page.heading(heading_line(plan))
    add_summary(page, plan)
    add_notes(page, plan.notes, title="Why")
    page.heading(f"Cost: about {total_words(price)}")
    add_lines(page, price)
    page.text(f"The oldest of these prices was confirmed on {price.oldest_fact.isoformat()}.")
    made = [record for record in records if record.is_custom and not record.type.startswith(PROVIDERS)]
    protected = sum(record.protect for record in made)
    page.heading(f"Resources: {counted(len(made), 'resource')} to make, {protected} protected against deletion")
    for kind, names in _by_type(made).items():
        page.text(f"{len(names):>3}  {kind}: {', '.join(names)}", hang=5)
    return str(page)


def resources_text(records: Sequence[ResourceRecord]) -> str:
    """One line for each resource: type token and logical name, sorted. These names are known by the state."""
    return "".join(f"{line}\n" for line in sorted(f"{record.type} {record.name}" for record in records))


def _by_type(records: Sequence[ResourceRecord]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(short_type(record.type), []).append(record.name)
    return dict(sorted(found.items()))


def preview_data(plan: InstancePlan, records: Sequence[ResourceRecord]) -> dict[str, Any]:
    """The preview as data: the same blocks, and each resource with its inputs."""
    from mastodon_infra.cli.plan_data import plain
    from mastodon_infra.cli.pricing import cost_data
    from mastodon_infra.cost.estimate import estimate

    return {
        "what": [
            {
                "node": node.name,
                "roles": [role.value for role in node.roles],
                "machine_type": node.machine.name,
                "address": node.address,
            }
            for node in plan.nodes
        ],
        "why": [plain(note) for note in plan.notes],
        "cost": cost_data(estimate(plan)),
        "resources": [plain(record) for record in records],
    }
