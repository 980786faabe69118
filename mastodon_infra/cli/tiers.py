"""``tiers``: the sizes side by side, with people, machines, price and what runs out first."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, fixed
from mastodon_infra.cli.stacks import JsonOption
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan

DEFAULT_REGION = "au-mel"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyZ4eY2PDXlZMg02s8Xn1X9BqIWaUXySPKOhSvL/gFX example"


def complete_region(incomplete: str) -> list[tuple[str, str]]:
    """Regions with their places, for the shell."""
    from mastodon_infra.catalog.regions import REGIONS

    return [(row.name, row.place) for row in REGIONS if row.name.startswith(incomplete)]


def tiers(
    region: Annotated[
        str,
        typer.Option("--region", metavar="REGION", help="Prices of this region.", autocompletion=complete_region),
    ] = DEFAULT_REGION,
    as_json: JsonOption = False,
) -> None:
    """Show the sizes side by side: how many people, which machines, what they cost, what runs out first.

    Example: mastodon-infra tiers --region eu-central
    """
    from mastodon_infra.units import usd

    rows = [_tier_data(plan) for plan in _plans(region)]
    if as_json:
        console.say_json(rows)
        return
    page = Page(console.width(), console.is_plain())
    place = rows[0]["place"]
    page.heading(f"Sizes in {place} ({region}), prices a month without taxes")
    for row in rows:
        page.heading(f"{row['size']}: up to {row['people']:,} people, about {usd(Decimal(row['usd_month']))}")
        page.text(f"{row['machines']}", hang=2)
        page.text(f"first to run out: {row['first_limit']}, at {row['carries']:,} people", hang=2)
    page.heading("To use one: mastodon-infra new STACK --tier medium, or write size: medium in the stack file.")
    console.say(str(page))


def _plans(region: str) -> list[InstancePlan]:
    from mastodon_infra.catalog.regions import region as region_row
    from mastodon_infra.catalog.rows import Capability
    from mastodon_infra.model.tier import Tier
    from mastodon_infra.plan.instance import plan_instance
    from mastodon_infra.stackfile.verdict import spec_from

    row = region_row(region)
    has_storage = row is None or row.can(Capability.OBJECT_STORAGE)
    asked = {
        "domain": "social.example",
        "region": region,
        "owner": {"username": "admin", "email": "admin@social.example"},
        "administrators": [{"name": "admin", "ssh_keys": [_KEY]}],
        "mail": "none",
        "storage": {"provider": "linode" if has_storage else "wasabi"},
    }
    try:
        return [plan_instance(spec_from({**asked, "size": tier.value})) for tier in Tier]
    except SpecError as error:
        raise SpecError([replace(problem, path=(), where="--region") for problem in error.problems]) from None


def _tier_data(plan: InstancePlan) -> dict[str, Any]:
    from mastodon_infra.cli.pricing import total_usd

    machines = [
        fixed(
            f"{group.name} {group.count.value} x {group.machine.name}" if len(plan.groups) > 1 else group.machine.name
        )
        for group in plan.groups
    ]
    first = plan.capacity.first
    return {
        "size": plan.tier.value,
        "people": plan.demand.users.value,
        "place": plan.region.place,
        "machine_count": len(plan.nodes),
        "machines": ", ".join(machines),
        "usd_month": str(total_usd(plan)),
        "first_limit": first.title,
        "carries": first.users.value,
    }
