"""All thirteen, in their order."""

from tests.machines.bad_days import day_13, days_1_to_6, days_7_to_12
from tests.machines.bad_days.fleet import INSTANCE

__all__ = ["ALWAYS", "DAYS", "INSTANCE"]

DAYS = tuple(sorted((*days_1_to_6.DAYS, *days_7_to_12.DAYS, *day_13.DAYS), key=lambda day: day.number))

ALWAYS = frozenset({1, 3, 4, 6})
"""The days that ``make test-machines`` lives through; the others take longer, and come with ``make bad-days``."""
