"""Size tiers: a named promise about monthly active users."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """A named size promise. It expands to node groups; it is not an environment and not a machine type."""

    SOLO = "solo"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    XLARGE = "xlarge"

    @property
    def monthly_active_users(self) -> int:
        """The most monthly active users that the tier promises to carry."""
        return _PROMISE[self]


_PROMISE = {
    Tier.SOLO: 100,
    Tier.SMALL: 1_000,
    Tier.MEDIUM: 3_000,
    Tier.LARGE: 10_000,
    Tier.XLARGE: 30_000,
}

LARGEST_MAU = 100_000
"""The largest number of monthly active users that the planner accepts; beyond it no published evidence exists."""


def tier_for(monthly_active_users: int) -> Tier:
    """The smallest tier whose promise covers the number; the largest tier beyond its own promise."""
    return next((tier for tier in Tier if monthly_active_users <= tier.monthly_active_users), Tier.XLARGE)
