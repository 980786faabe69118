"""``diff``: what changes between two stacks, or between two sizes of one."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted
from mastodon_infra.cli.stacks import (
    JsonOption,
    MauOption,
    StackArgument,
    StacksDirOption,
    complete_stack,
    load,
    resized,
)

if TYPE_CHECKING:
    from mastodon_infra.cli.changes import Change
    from mastodon_infra.cost.difference import CostDifference
    from mastodon_infra.plan.types import InstancePlan

SETTINGS_SHOWN = 40


def diff(
    stack: StackArgument,
    other: Annotated[
        str, typer.Argument(metavar="OTHER", help="The stack to compare with.", autocompletion=complete_stack)
    ] = "",
    *,
    mau: MauOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Compare with this key changed; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Show what changes between two stacks, or when one number of a stack changes.

    Example: mastodon-infra diff demo --set size=large
    """
    from mastodon_infra.cli.changes import yaml_word

    changes = {**resized(mau), **_changes(settings or [])}
    if bool(other) == bool(changes):
        raise typer.BadParameter("give either another stack, or a change with --mau or --set", param_hint="OTHER")
    before = load(stack, stacks_dir)
    after = load(other, stacks_dir) if other else load(stack, stacks_dir, changes=changes)
    said = ", ".join(f"{name}: {yaml_word(value)}" for name, value in changes.items())
    title = f"From {before.name} to {after.name}" if other else f"{before.name} with {said}"
    if as_json:
        console.say_json({"title": title, **diff_data(before.plan, after.plan)})
    else:
        page = Page(console.width(), console.is_plain())
        page.heading(title)
        add_diff(page, before.plan, after.plan)
        console.say(str(page))


def _changes(settings: list[str]) -> dict[str, Any]:
    import json

    changes: dict[str, Any] = {}
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"{setting!r} is no KEY=VALUE, such as size=large", param_hint="--set")
        try:
            changes[name.strip()] = json.loads(text)
        except ValueError:
            changes[name.strip()] = text
    return changes


def add_diff(page: Page, old: InstancePlan, new: InstancePlan) -> None:
    """What changes, the weightiest first."""
    from mastodon_infra.cli import changes
    from mastodon_infra.cost.difference import difference
    from mastodon_infra.cost.estimate import estimate

    warnings = changes.data_warnings(old, new)
    machines = changes.machine_changes(old, new)
    interruptions = changes.interruptions(old, new)
    around = changes.around_changes(old, new)
    settings = changes.setting_changes(old, new)
    said = changes.said_changes(old, new)
    if warnings:
        page.heading("Data: read this before anything else")
        for warning in warnings:
            page.text(warning, hang=2)
    if machines or interruptions:
        page.heading(f"Machines: {len(old.nodes)} before, {len(new.nodes)} after")
        _add_changes(page, machines)
        for sentence in interruptions:
            page.text(sentence, hang=2)
    _add_limits(page, old, new)
    price = difference(estimate(old), estimate(new))
    _add_price(page, price)
    if around:
        page.heading("Around them")
        _add_around(page, around)
    if said:
        page.heading("In the stack file, defaults included")
        _add_changes(page, said)
    if settings:
        page.heading("Settings")
        _add_changes(page, settings[:SETTINGS_SHOWN])
        if len(settings) > SETTINGS_SHOWN:
            page.text(f"and {len(settings) - SETTINGS_SHOWN} more; --json lists them all")
    if not (warnings or machines or around or settings or said or price.changes):
        page.heading("Nothing changes.")


def _add_around(page: Page, around: list[Change]) -> None:
    """Everything that is reached from outside or holds data by name; openings between the machines by number."""
    _add_changes(page, [one for one in around if not one.is_inside], with_kind=True)
    inside = [one for one in around if one.is_inside]
    for sign in "+~-":
        count = sum(one.sign == sign for one in inside)
        if count:
            page.text(f"{sign} {counted(count, 'opening')} between the machines; --json names each")


def _add_changes(page: Page, changes: list[Change], *, with_kind: bool = False) -> None:
    for one in changes:
        name = f"{one.kind} {one.name}" if with_kind else one.name
        words = f"{one.before} -> {one.after}" if one.sign == "~" else one.before or one.after
        page.text(f"{one.sign} {name}: {words}", hang=4)


def _add_limits(page: Page, old: InstancePlan, new: InstancePlan) -> None:
    was, now = old.capacity.first, new.capacity.first
    if (was.name, was.users.value) == (now.name, now.users.value):
        return
    page.heading("First to run out")
    page.text(f"before: {was.title}, at {counted(was.users.value, 'person', 'people')}", hang=4)
    page.text(f"after: {now.title}, at {counted(now.users.value, 'person', 'people')}", hang=4)


def _add_price(page: Page, price: CostDifference) -> None:
    from mastodon_infra.units import usd

    if not price.changes:
        return
    gap = price.difference_usd_month
    words = "the same" if not gap else f"{usd(abs(gap))} {'more' if gap > 0 else 'less'}"
    page.heading(f"Price: {usd(price.before_usd_month)} a month before, {usd(price.after_usd_month)} after ({words})")
    rows = [
        (f"{'-' if one.difference_usd_month < 0 else '+'}{usd(abs(one.difference_usd_month))}", one.title)
        for one in price.changes
        if one.difference_usd_month
    ]
    page.table(rows, right=frozenset({0}))


def diff_data(old: InstancePlan, new: InstancePlan) -> dict[str, Any]:
    """What changes, as data."""
    from mastodon_infra.cli import changes
    from mastodon_infra.cost.difference import difference
    from mastodon_infra.cost.estimate import estimate

    price = difference(estimate(old), estimate(new))
    return {
        "data_warnings": changes.data_warnings(old, new),
        "machines": [_change_data(one) for one in changes.machine_changes(old, new)],
        "interruptions": changes.interruptions(old, new),
        "around": [_change_data(one) for one in changes.around_changes(old, new)],
        "settings": [_change_data(one) for one in changes.setting_changes(old, new)],
        "stack_file": [_change_data(one) for one in changes.said_changes(old, new)],
        "first_limit": {"before": _limit_data(old), "after": _limit_data(new)},
        "usd_month": {
            "before": str(price.before_usd_month),
            "after": str(price.after_usd_month),
            "difference": str(price.difference_usd_month),
            "lines": [
                {"name": one.name, "title": one.title, "difference": str(one.difference_usd_month or Decimal(0))}
                for one in price.changes
            ],
        },
    }


def _change_data(one: Change) -> dict[str, str]:
    return {"kind": one.kind, "name": one.name, "before": one.before, "after": one.after}


def _limit_data(plan: InstancePlan) -> dict[str, Any]:
    first = plan.capacity.first
    return {"name": first.name, "title": first.title, "users": first.users.value}
