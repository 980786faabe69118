"""What a picture wants to know of a price. An estimate of the cost floor is one, without this floor knowing it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol


class PricedLine(Protocol):
    """One line of an estimate."""

    @property
    def name(self) -> str:
        """Stable identifier: ``machines-web``."""

    @property
    def kind(self) -> str:
        """What the money is spent on."""

    @property
    def title(self) -> str:
        """What it is, for people."""

    @property
    def quantity(self) -> Decimal:
        """How many of ``unit`` are billed in a month."""

    @property
    def unit(self) -> str:
        """What one of it is."""

    @property
    def unit_price_usd(self) -> Decimal:
        """The price of one."""

    @property
    def usd_month(self) -> Decimal:
        """What the line costs in a month."""

    @property
    def as_of(self) -> date:
        """The day on which the price was last confirmed."""

    @property
    def confirmed(self) -> bool:
        """False where the price is derived or was read at a third party."""

    @property
    def detail(self) -> str:
        """What else there is to know."""


class Priced(Protocol):
    """An estimate: lines with their sum."""

    @property
    def lines(self) -> Sequence[PricedLine]:
        """Every line."""

    @property
    def total_usd_month(self) -> Decimal:
        """The sum of the lines."""

    @property
    def per_active_user_usd(self) -> Decimal:
        """The sum for each monthly active user."""

    @property
    def oldest_fact(self) -> date:
        """The oldest day on which one of the prices was confirmed."""


def price_of(estimate: Priced, prefix: str) -> Decimal | None:
    """What the lines of that name, or whose names start with it and a dash, cost; None where there is none."""
    found = [line.usd_month for line in estimate.lines if line.name == prefix or line.name.startswith(f"{prefix}-")]
    return sum(found, Decimal(0)) if found else None
