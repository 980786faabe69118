"""Prices as pages and data: the estimate, what the next steps cost, what other choices would cost, who pays for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mastodon_infra.cli.layout import Page, fixed, trimmed
from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.types import CENT, CostEstimate, CostKind, CostLine
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import usd


def total_usd(plan: InstancePlan) -> Decimal:
    """What a plan costs in a month."""
    return estimate(plan).total_usd_month


def add_total(page: Page, cost: CostEstimate) -> None:
    """The total in one line, with the age of the prices."""
    page.heading(f"Cost: about {total_words(cost)}")
    page.text(
        f"without taxes; the oldest price is of {cost.oldest_fact.isoformat()}. mastodon-infra cost lists every line."
    )


def total_words(cost: CostEstimate) -> str:
    """``$480.12 a month, 4.8 cents for each active user``."""
    each = cost.per_active_user_usd
    person = f"{usd(each)} for each" if each >= 1 else f"{fixed(f'{trimmed(each * 100)} cents')} for each"
    return f"{usd(cost.total_usd_month)} a month, {person} active user"


def add_lines(page: Page, cost: CostEstimate) -> None:
    """Every line of the estimate with its price, what costs nothing last, and the sum."""
    ordered = sorted(cost.lines, key=lambda line: not line.usd_month)
    rows = [(usd(line.usd_month), _line_words(line)) for line in ordered]
    rows.append((usd(cost.total_usd_month), "a month in all, without taxes"))
    page.table(rows, right=frozenset({0}))


def _line_words(line: CostLine) -> str:
    amount = _amount_words(line)
    detail = "; ".join(part for part in (amount, line.detail) if part)
    return f"{line.title}: {detail}" if detail else line.title


def _amount_words(line: CostLine) -> str:
    """``3 x g6-standard-4 at $48``, ``110 GiB at $0.10``; nothing where the title says it."""
    is_thing = line.kind in {CostKind.MACHINES, CostKind.BALANCERS}
    if line.quantity == 1:
        return line.unit if line.kind is CostKind.MACHINES else ""
    if not line.usd_month:
        return ""
    times = "x " if is_thing else ""
    return fixed(f"{trimmed(line.quantity)} {times}{line.unit} at {_price(line.unit_price_usd)}")


def _price(amount: Decimal) -> str:
    """A unit price with cents, or with all its digits where they are finer: ``$48``, ``$0.10``, ``$0.00799``."""
    if amount == amount.to_integral_value():
        return f"${int(amount):,}"
    return usd(amount) if amount == amount.quantize(CENT) else f"${trimmed(amount)}"


def cost_data(cost: CostEstimate) -> dict[str, Any]:
    """An estimate as data; money is text, so that no cent is lost."""
    return {
        "total_usd_month": str(cost.total_usd_month),
        "users": cost.users,
        "per_active_user_usd": str(cost.per_active_user_usd),
        "oldest_fact": cost.oldest_fact.isoformat(),
        "lines": [_line_data(line) for line in cost.lines],
        "notes": [
            {"name": note.name, "level": note.level.value, "text": note.text, "remedy": note.remedy}
            for note in cost.notes
        ],
    }


def _line_data(line: CostLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "kind": line.kind.value,
        "title": line.title,
        "quantity": str(line.quantity),
        "unit": line.unit,
        "unit_price_usd": str(line.unit_price_usd),
        "usd_month": str(line.usd_month),
        "as_of": line.as_of.isoformat(),
        "source": line.source.key,
        "confirmed": line.confirmed,
        "detail": line.detail,
    }
