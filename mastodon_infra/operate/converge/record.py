"""The record of what was last applied, read back: the same from both doors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mastodon_infra.render.bundle_types import Action, BundleUnit, Need, UnitState

NO_NEED = Need(Action.NOTHING)


@dataclass(frozen=True, slots=True)
class Record:
    """What a machine was made to be: packages, units, and for each path what its change needs, and its sum.

    A run that was cut off leaves two sums for a path: what was there before it, and what it was laying down.
    """

    packages: tuple[str, ...] = ()
    units: tuple[BundleUnit, ...] = ()
    sums: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needs: Mapping[str, Need] = field(default_factory=dict)


def read_record(text: str) -> Record:
    """Read what ``render.installer.record_text`` gives; lines of other kinds are passed over."""
    packages: list[str] = []
    units: list[BundleUnit] = []
    sums: dict[str, frozenset[str]] = {}
    needs: dict[str, Need] = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "package":
            packages.append(rest)
        elif word == "unit":
            state, _, name = rest.partition(" ")
            units.append(BundleUnit(name, UnitState(state)))
        elif word == "need":
            action, unit, path = rest.split(" ", 2)
            needs[path] = Need(Action(action), unit)
        elif word == "sum":
            digest, _, path = rest.partition("  ")
            sums[path] = sums.get(path, frozenset()) | {digest}
    return Record(tuple(packages), tuple(units), sums, needs)
