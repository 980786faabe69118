"""What each tier expands to: node groups, and the machine types that each group may climb.

The ladders follow the published machines in ``docs/explanation/sizing-evidence.md``; which rung is taken, and
how many nodes a group has, is decided in ``plan.placement`` from the number of users.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mastodon_infra.model.role import Role
from mastodon_infra.model.tier import Tier


class Growth(StrEnum):
    """How a group grows: ``out`` by more nodes of its first type, ``up`` by the next machine type."""

    OUT = "out"
    UP = "up"


@dataclass(frozen=True, slots=True)
class GroupPreset:
    """A node group of a tier.

    Attributes:
        name: The group's name; also the first part of its nodes' names, which never change.
        roles: What its nodes do; the first one owns the address block.
        growth: Whether it takes more nodes or a larger machine.
        ladder: Machine types from small to large; a group that grows out uses the first.
        at_least: The fewest nodes.
    """

    name: str
    roles: tuple[Role, ...]
    growth: Growth
    ladder: tuple[str, ...]
    at_least: int = 1


_EVERYTHING = (Role.WEB, Role.STREAMING, Role.SIDEKIQ, Role.POSTGRES, Role.REDIS, Role.MONITORING)
_APP = (Role.WEB, Role.STREAMING)

TIER_GROUPS: dict[Tier, tuple[GroupPreset, ...]] = {
    Tier.SOLO: (GroupPreset("web", _EVERYTHING, Growth.UP, ("g6-standard-2", "g6-standard-4")),),
    Tier.SMALL: (GroupPreset("web", _EVERYTHING, Growth.UP, ("g6-standard-4", "g6-standard-6")),),
    Tier.MEDIUM: (
        GroupPreset("web", _APP, Growth.OUT, ("g6-standard-4",)),
        GroupPreset("sidekiq", (Role.SIDEKIQ,), Growth.OUT, ("g6-standard-4",)),
        GroupPreset("postgres", (Role.POSTGRES,), Growth.UP, ("g6-dedicated-4", "g6-dedicated-8")),
        GroupPreset("redis", (Role.REDIS,), Growth.UP, ("g6-standard-1", "g6-standard-2")),
        GroupPreset("monitoring", (Role.MONITORING,), Growth.UP, ("g6-standard-1", "g6-standard-2")),
    ),
    Tier.LARGE: (
        GroupPreset("web", _APP, Growth.OUT, ("g6-standard-4",), at_least=2),
        GroupPreset("sidekiq", (Role.SIDEKIQ,), Growth.OUT, ("g6-standard-6",)),
        GroupPreset("postgres", (Role.POSTGRES,), Growth.UP, ("g6-dedicated-8", "g6-dedicated-16")),
        GroupPreset("redis", (Role.REDIS,), Growth.UP, ("g6-standard-2", "g6-standard-4")),
        GroupPreset("monitoring", (Role.MONITORING,), Growth.UP, ("g6-standard-2", "g6-standard-4")),
    ),
    Tier.XLARGE: (
        GroupPreset("web", (Role.WEB,), Growth.OUT, ("g6-dedicated-8",), at_least=2),
        GroupPreset("streaming", (Role.STREAMING,), Growth.OUT, ("g6-standard-4",), at_least=2),
        GroupPreset("sidekiq", (Role.SIDEKIQ,), Growth.OUT, ("g6-dedicated-8",)),
        GroupPreset(
            "postgres",
            (Role.POSTGRES,),
            Growth.UP,
            ("g6-dedicated-16", "g6-dedicated-32", "g6-dedicated-48", "g6-dedicated-56", "g6-dedicated-64"),
        ),
        GroupPreset(
            "redis", (Role.REDIS,), Growth.UP, ("g6-standard-4", "g6-standard-6", "g6-standard-8", "g6-standard-16")
        ),
        GroupPreset("monitoring", (Role.MONITORING,), Growth.UP, ("g6-standard-4", "g6-standard-6")),
    ),
}
