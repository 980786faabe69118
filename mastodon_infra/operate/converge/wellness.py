"""Whether a machine is well: what its bundle wants runs, goes on running, and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mastodon_infra.operate.converge.observed import Observed
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import started

ON_THE_WAY = frozenset({"activating", "deactivating", "reloading"})

Runs = Mapping[str, tuple[str, str]]
"""For each unit that should run on, which run of it this is, and how often it was started again by itself."""


def unwell(wanted: NodeBundle, seen: Observed) -> Iterator[str]:
    """What of the bundle does not run as it should, in words."""
    for name in started(wanted):
        unit = seen.unit(name)
        if unit.active == "failed":
            yield f"{name} has failed"
        elif unit.active in ON_THE_WAY or unit.has_job:
            yield f"{name} is still {unit.active or 'starting'}"
        elif unit.is_idle:
            yield f"{name} does not run"
    if seen.health:
        yield seen.health


def runs(wanted: NodeBundle, seen: Observed) -> Runs:
    """What has to be the same at two looks: what crashes and starts again looks well in between."""
    units = {name: seen.unit(name) for name in started(wanted)}
    return {name: (unit.run, unit.restarts) for name, unit in units.items() if unit.type != "oneshot"}


def started_again(before: Runs, now: Runs) -> list[str]:
    """What has ended and begun anew between two looks, in words."""
    return [f"{name} has just started again" for name, run in now.items() if before.get(name, run) != run]
