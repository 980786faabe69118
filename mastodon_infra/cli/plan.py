"""``plan``: what would be built, what it carries, and what to know before building it."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from typing import TYPE_CHECKING

from mastodon_infra.cli import console
from mastodon_infra.cli.stacks import JsonOption, MauOption, StackArgument, StacksDirOption

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan


def plan(
    stack: StackArgument,
    mau: MauOption = None,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Show what would be built, what it carries, and what to know before building it.

    Example: mastodon-infra plan demo --mau 3000
    """
    from mastodon_infra.cli.stacks import load, resized

    loaded = load(stack, stacks_dir, changes=resized(mau))
    if as_json:
        from mastodon_infra.cli.plan_data import plan_data

        console.say_json(plan_data(loaded.plan))
    else:
        console.say(plan_text(loaded.plan, width=console.width(), is_plain=console.is_plain()))


def plan_text(plan: InstancePlan, *, width: int, is_plain: bool = True) -> str:
    """The plan as a page."""
    from mastodon_infra.cli import plan_page
    from mastodon_infra.cli.layout import Page
    from mastodon_infra.cli.pricing import add_total
    from mastodon_infra.cost.estimate import estimate

    page = Page(width, is_plain)
    page.heading(plan_page.heading_line(plan))
    plan_page.add_what(page, plan)
    plan_page.add_around(page, plan)
    plan_page.add_sidekiq(page, plan)
    plan_page.add_connections(page, plan)
    plan_page.add_carries(page, plan)
    plan_page.add_next_step(page, plan)
    plan_page.add_notes(page, plan.notes)
    add_total(page, estimate(plan))
    return str(page)
