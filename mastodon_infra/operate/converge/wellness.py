"""Whether a machine is well: what its bundle wants runs, goes on running, and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mastodon_infra.operate.converge.observed import Observed, SeenUnit
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import started

ON_THE_WAY = frozenset({"activating", "deactivating", "reloading"})

Runs = Mapping[str, tuple[str, str]]
"""For each unit that should run on, which run of it this is, and how often it was started again by itself."""


def unwell(wanted: NodeBundle, seen: Observed) -> Iterator[str]:
    """What of the bundle does not run as it should, in words."""
    for name in started(wanted):
        if said := _wrong(seen.unit(name)):
            yield f"{name} {said}"
    if seen.health:
        yield seen.health


def _wrong(unit: SeenUnit) -> str:
    """What is wrong with a unit; empty where nothing is."""
    if unit.active == "failed":
        return "has failed"
    if unit.type == "oneshot":
        # A first backup takes hours: to be at work is no fault of what ends by itself, but to try it again is.
        is_again = unit.active in ON_THE_WAY and unit.restarts not in {"", "0"}
        return f"has failed {unit.restarts} times, and tries again" if is_again else ""
    if unit.active in ON_THE_WAY or unit.has_job:
        return f"is still {unit.active or 'starting'}"
    return "does not run" if unit.is_idle else ""


def runs(wanted: NodeBundle, seen: Observed) -> Runs:
    """What has to be the same at two looks: what crashes and starts again looks well in between."""
    units = {name: seen.unit(name) for name in started(wanted)}
    return {name: (unit.run, unit.restarts) for name, unit in units.items() if unit.type != "oneshot"}


def started_again(before: Runs, now: Runs) -> list[str]:
    """What has ended and begun anew between two looks, in words."""
    return [f"{name} has just started again" for name, run in now.items() if before.get(name, run) != run]
