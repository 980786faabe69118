"""``cost``: what an instance costs in a month, what other choices would cost, and who pays for it."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page
from mastodon_infra.cli.stacks import JsonOption, MauOption, StackArgument, StacksDirOption

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan


def cost(
    stack: StackArgument,
    mau: MauOption = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Price every choice of storage and media front for this instance.")
    ] = False,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Show what an instance costs in a month, line by line, and how many patrons would pay for it.

    Example: mastodon-infra cost demo --compare
    """
    from mastodon_infra.cli.stacks import load, resized

    plan = load(stack, stacks_dir, changes=resized(mau)).plan
    if as_json:
        console.say_json(cost_report(plan, with_choices=compare))
    else:
        console.say(cost_text(plan, width=console.width(), is_plain=console.is_plain(), with_choices=compare))


def cost_text(plan: InstancePlan, *, width: int, is_plain: bool = True, with_choices: bool = False) -> str:
    """The price as a page: lines, notes, funding, and with ``with_choices`` what else could be chosen."""
    from mastodon_infra.cli import pricing
    from mastodon_infra.cli.plan_page import add_notes, heading_line
    from mastodon_infra.cost.estimate import estimate

    page = Page(width, is_plain)
    price = estimate(plan)
    page.heading(heading_line(plan))
    page.heading(f"Cost: about {pricing.total_words(price)}")
    pricing.add_lines(page, price)
    page.text(f"The oldest of these prices was confirmed on {price.oldest_fact.isoformat()}; see mastodon-infra facts.")
    if with_choices:
        from mastodon_infra.cli.choices import add_choices

        add_choices(page, plan.spec)
    else:
        from mastodon_infra.cli.patrons import add_funding

        add_funding(page, plan, price)
    add_notes(page, price.notes)
    return str(page)


def cost_report(plan: InstancePlan, *, with_choices: bool) -> dict[str, Any]:
    """The price as data."""
    from mastodon_infra.cli import pricing
    from mastodon_infra.cli.patrons import funding_data
    from mastodon_infra.cost.estimate import estimate

    price = estimate(plan)
    data = pricing.cost_data(price)
    data["funding"] = funding_data(plan, price)
    if with_choices:
        from mastodon_infra.cli.choices import choices_data

        data["choices"] = choices_data(plan.spec)
    return data
