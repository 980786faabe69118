"""When a node installs Debian's security fixes by itself: at an hour of its own, since a fix may restart a service."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import JUDGEMENT
from mastodon_infra.model.role import Role
from mastodon_infra.plan.decided import Decided

FIRST_HOUR = 11
MINUTES_APART = 6
HOURS_OF_A_DAY = 24


@dataclass(frozen=True, slots=True)
class UpgradeTuning:
    """``schedule`` is UTC, in systemd's calendar form; the start is spread over ``spread_seconds``."""

    schedule: Decided[str]
    spread_seconds: Decided[int]


def tune_upgrades(*, first_role: Role, block: int, ordinal: int) -> UpgradeTuning:
    """The node's own time, from what names it: a node more changes no other node's time.

    Rule: an hour for each role from 11:00 UTC on, and in it six minutes for each node of a group; a second group of
    the role a minute later.
    Because: a fix of nginx, PostgreSQL or Redis may restart it. Nodes that do the same never do so together, and a
    backup of the same day is there.
    Bounds: by day only; ten nodes of a group fit into their role's hour, the eleventh runs into the next one.
    Source: our own judgement.
    """
    minutes = (FIRST_HOUR + list(Role).index(first_role)) * 60 + (ordinal - 1) * MINUTES_APART + block % MINUTES_APART
    hour, minute = divmod(minutes, 60)
    return UpgradeTuning(
        schedule=Decided(
            f"*-*-* {hour % HOURS_OF_A_DAY:02}:{minute:02}:00 UTC",
            "an hour for each role from 11:00 UTC on, after the day's backup, and six minutes for each node in it: "
            "nodes that do the same never restart a service together",
            JUDGEMENT,
            inputs=(("role", first_role.value), ("node of its group", str(ordinal))),
        ),
        spread_seconds=Decided(60, "mirrors are not asked on the minute; less than nodes are apart", JUDGEMENT, "s"),
    )
