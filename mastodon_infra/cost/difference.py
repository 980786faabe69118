"""What changes in price between two estimates, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.cost.types import CostEstimate, CostLine


@dataclass(frozen=True, slots=True)
class LineChange:
    """One line that appears, goes, or is no longer the same.

    ``before`` is None for a new line, ``after`` for one that goes; ``difference_usd_month`` is positive when
    more is paid.
    """

    name: str
    title: str
    before: CostLine | None
    after: CostLine | None
    difference_usd_month: Decimal


@dataclass(frozen=True, slots=True)
class CostDifference:
    """Two estimates held against each other; ``changes`` has only lines that differ."""

    changes: tuple[LineChange, ...]
    before_usd_month: Decimal
    after_usd_month: Decimal
    difference_usd_month: Decimal


def difference(before: CostEstimate, after: CostEstimate) -> CostDifference:
    """What differs from one estimate to another: in the order of the later one, then what is gone."""
    return CostDifference(
        changes=tuple(_changes(before, after)),
        before_usd_month=before.total_usd_month,
        after_usd_month=after.total_usd_month,
        difference_usd_month=after.total_usd_month - before.total_usd_month,
    )


def _changes(before: CostEstimate, after: CostEstimate) -> Iterator[LineChange]:
    for new in after.lines:
        old = before.line(new.name)
        if old is None:
            yield LineChange(new.name, new.title, None, new, new.usd_month)
        elif _billed(old) != _billed(new):
            yield LineChange(new.name, new.title, old, new, new.usd_month - old.usd_month)
    for old in before.lines:
        if after.line(old.name) is None:
            yield LineChange(old.name, old.title, old, None, -old.usd_month)


def _billed(line: CostLine) -> tuple[Decimal, str, Decimal]:
    return line.quantity, line.unit, line.unit_price_usd
