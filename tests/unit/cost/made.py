"""Specs, plans and prices for the tests of cost and report, and an estimate as a table to read."""

from __future__ import annotations

from typing import Any

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.types import CostEstimate, CostLine
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import usd

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBRzNtFJ6eTCPAzvjRIaPQrDCJCXZvfdIWFcdyCzJ9L demo"
WASABI = {"provider": "wasabi"}
AWS = {"provider": "aws"}
SES = {"provider": "ses", "region": "ap-southeast-2"}

AUS_SOCIAL_LIKE: dict[str, Any] = {
    "expected_monthly_active_users": 10_000,
    "region": "ap-southeast",
    "storage": WASABI,
    "nodes": {
        "web": {"roles": ["web", "streaming"], "count": 2, "machine_type": "g6-standard-4"},
        "sidekiq": {"roles": ["sidekiq"], "count": 1, "machine_type": "g6-standard-6"},
        "data": {"roles": ["postgres", "redis"], "machine_type": "g6-standard-4"},
        "watch": {"roles": ["monitoring"], "machine_type": "g6-standard-2"},
    },
    "postgres": {"volume_gib": 110},
    "redis": {"volume_gib": 10},
}
"""The published machines of aus.social, as far as we have the same pieces."""

ONE_BOX: dict[str, Any] = {"postgres": {"volume_gib": 40}, "redis": {"volume_gib": 10}}


def spec_of(**more: Any) -> InstanceSpec:
    """The smallest spec, in Melbourne, and what is said beyond it."""
    return InstanceSpec.model_validate(
        {
            "domain": "social.example",
            "region": "au-mel",
            "owner": {"username": "admin", "email": "admin@social.example"},
            "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
            "mail": "none",
        }
        | more
    )


def plan_of(**more: Any) -> InstancePlan:
    """The plan of such a spec."""
    return plan_instance(spec_of(**more))


def cost_of(**more: Any) -> CostEstimate:
    """The price of such a plan."""
    return estimate(plan_of(**more))


def line_of(cost: CostEstimate, name: str) -> CostLine:
    """A line that must be there."""
    line = cost.line(name)
    assert line is not None, f"there is no line {name}"
    return line


def table(cost: CostEstimate) -> str:
    """An estimate as plain text: a line for each line, the sum, and the notes."""
    rows = [
        (
            line.title,
            f"{line.quantity.normalize():f} {line.unit}".strip(),
            f"${line.unit_price_usd.normalize():f}",
            usd(line.usd_month),
            f"{line.as_of.isoformat()} {line.source.key}{'' if line.confirmed else ' (unconfirmed)'}",
            line.detail,
        )
        for line in cost.lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  "
        f"{row[4]:<{widths[4]}}  {row[5]}".rstrip()
        for row in rows
    ]
    lines.append("")
    lines.append(f"{usd(cost.total_usd_month)} a month for {cost.users:,} people, ${cost.per_active_user_usd} each")
    lines.append(f"oldest price: {cost.oldest_fact.isoformat()}")
    lines.extend(f"{note.level}: {note.text}" for note in cost.notes)
    return "\n".join(lines) + "\n"
