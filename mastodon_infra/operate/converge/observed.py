"""What was seen on a machine, with types: the probe's answer, and the question that it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.operate.converge.record import Record, read_record
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.difference import Act, Verb, started, unit_of

GONE_STATES = frozenset({"not-found", "masked"})


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as it lies there. ``sum`` is empty where it is no plain file."""

    sum: str
    mode: int
    owner: str
    group: str


@dataclass(frozen=True, slots=True)
class SeenUnit:
    """A unit, in systemd's own words; all empty where it knows none of that name.

    ``run`` is another one each time it starts, and ``restarts`` counts how often it was started again by itself.
    """

    load: str = ""
    active: str = ""
    file_state: str = ""
    type: str = ""
    has_job: bool = False
    is_meant: bool = True
    run: str = ""
    restarts: str = ""

    @property
    def is_there(self) -> bool:
        """Whether systemd can start it."""
        return bool(self.load) and self.load not in GONE_STATES

    @property
    def is_idle(self) -> bool:
        """Whether it should run on and does not. What ends by itself, or is not meant for this machine, may rest."""
        return self.is_there and self.is_meant and self.active in {"inactive", "failed"} and self.type != "oneshot"


@dataclass(frozen=True, slots=True, repr=False)
class Observed:
    """A machine at one moment.

    Attributes:
        installed: The digest of the bundle that it holds; empty where it has never finished installing itself.
        record_text: What was last applied, as it lies there.
        is_busy: Whether the work of a converge goes on there.
        awaits_proof: Whether it waits for a new session, and will bring its old access back where none comes.
        has_undo: Whether its next boot would bring that old access back, until a job after the proof ends that.
        pending: Acts of an earlier run that are still to be done.
        files: What lies at each path of the bundle and of the record; None where nothing does.
        texts: Contents of files that differ, where every user of the machine may read them anyway.
        packages: Those of the bundle and of the record that are installed.
        users: Groups of each login; None where there is none.
        health: What is wrong with a page that must answer; empty where all are well.
    """

    installed: str
    record_text: str
    is_busy: bool
    pending: tuple[Act, ...]
    files: Mapping[str, SeenFile | None]
    texts: Mapping[str, str]
    directories: Mapping[str, tuple[int, str, str] | None]
    packages: frozenset[str]
    users: Mapping[str, tuple[str, ...] | None]
    units: Mapping[str, SeenUnit]
    health: str = ""
    awaits_proof: bool = False
    has_undo: bool = False
    record: Record = field(default_factory=Record)

    def unit(self, name: str) -> SeenUnit:
        """A unit; one that systemd does not know where it was not seen."""
        return self.units.get(name, SeenUnit())


def question(wanted: NodeBundle, health: Iterable[str]) -> dict[str, Any]:
    """What the probe is asked about a machine that should hold the bundle; at ``health`` it must answer."""
    templates = (unit.partition("@.") for unit in _defined(wanted) if "@." in unit)
    return {
        "files": {file.path: sum_of(file) for file in wanted.files},
        "directories": [one.path for one in wanted.directories],
        "packages": list(wanted.packages),
        "users": [user.name for user in wanted.users],
        "units": [
            *(unit.name for unit in wanted.units),
            *started(wanted),
            *(f"{name}@*.{kind}" for name, _, kind in templates),
        ],
        "health": list(health),
    }


def sum_of(file: BundleFile) -> str:
    """The sum that the file should have on the machine."""
    return hashlib.sha256(file.content.encode()).hexdigest()


def _defined(wanted: NodeBundle) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unit_of(file.path) for file in wanted.files if file.defines_units))


def read_observed(told: Mapping[str, Any]) -> Observed:
    """The probe's answer with types."""
    return Observed(
        installed=told["installed"],
        record_text=told["record"],
        is_busy=told["is_busy"],
        pending=tuple(Act(Verb(one["verb"]), one["unit"], tuple(one["because"])) for one in told["pending"]),
        files={
            path: SeenFile(seen[0], int(seen[1], 8), seen[2], seen[3]) if seen else None
            for path, seen in told["files"].items()
        },
        texts=dict(told["texts"]),
        directories={
            path: (int(seen[0], 8), seen[1], seen[2]) if seen else None for path, seen in told["directories"].items()
        },
        packages=frozenset(told["packages"]),
        users={name: None if groups is None else tuple(groups) for name, groups in told["users"].items()},
        units={name: _unit(seen) for name, seen in told["units"].items()},
        health=told["health"],
        awaits_proof=told["awaits_proof"],
        has_undo=told["has_undo"],
        record=read_record(told["record"]),
    )


def _unit(seen: Mapping[str, str]) -> SeenUnit:
    return SeenUnit(
        load=seen.get("LoadState", ""),
        active=seen.get("ActiveState", ""),
        file_state=seen.get("UnitFileState", ""),
        type=seen.get("Type", ""),
        has_job=seen.get("Job", "0") not in {"", "0"},
        is_meant=seen.get("ConditionResult", "yes") != "no" or not seen.get("ConditionTimestamp"),
        run=seen.get("InvocationID", ""),
        restarts=seen.get("NRestarts", ""),
    )
