"""The shapes of an estimate: priced lines, each with the fact that it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from mastodon_infra.catalog.sources import Source
from mastodon_infra.plan.notes import Note

CENT = Decimal("0.01")
PER_USER_STEP = Decimal("0.0001")


class CostKind(StrEnum):
    """What money is spent on, in the order of an estimate's lines."""

    MACHINES = "machines"
    BALANCERS = "balancers"
    VOLUMES = "volumes"
    STORAGE = "object storage"
    TRANSFER = "transfer"
    MAIL = "mail"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class CostLine:
    """One thing that is paid for, or that matters although it costs nothing.

    ``usd_month`` is ``quantity`` times ``unit_price_usd``, rounded to cents; minimum charges are in the quantity.

    Attributes:
        name: Stable identifier: ``machines-web``, ``volume-data-postgres``, ``storage-wasabi``, ``transfer``.
        kind: What the money is spent on.
        title: What it is, for people.
        quantity: How many of ``unit`` are billed in a month.
        unit: What one of it is: a machine type, ``GiB``, ``GB``, ``1000 mails``.
        unit_price_usd: The price of one, US dollars a month; a region's surcharge is in it.
        as_of: The day on which the price was last confirmed.
        source: Where the price was read.
        confirmed: False where the price is derived or was not confirmed at its origin.
        detail: What else there is to know: what is included, what was expected.
    """

    name: str
    kind: CostKind
    title: str
    quantity: Decimal
    unit: str
    unit_price_usd: Decimal
    usd_month: Decimal
    as_of: date
    source: Source
    confirmed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """What a plan costs in a month, US dollars without taxes.

    Attributes:
        lines: Every line, by kind; lines of $0 that matter are among them.
        total_usd_month: Their sum.
        users: Monthly active users that the plan is for.
        per_active_user_usd: The total for each of them, to a hundredth of a cent.
        oldest_fact: The oldest day on which one of the prices was confirmed.
        notes: What the reader should know about the price.
    """

    lines: tuple[CostLine, ...]
    total_usd_month: Decimal
    users: int
    per_active_user_usd: Decimal
    oldest_fact: date
    notes: tuple[Note, ...]

    def line(self, name: str) -> CostLine | None:
        """The line of that name, or None where the plan has no such cost."""
        return next((line for line in self.lines if line.name == name), None)

    def of_kind(self, kind: CostKind) -> Decimal:
        """What all lines of one kind cost in a month."""
        return sum((line.usd_month for line in self.lines if line.kind is kind), Decimal(0))


def to_cents(amount: Decimal) -> Decimal:
    """Round money to whole cents, halves up."""
    return amount.quantize(CENT, ROUND_HALF_UP)
