"""What becomes of a machine when one bundle takes the place of another: told, and nothing done."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from graphlib import TopologicalSorter
from pathlib import PurePosixPath
from typing import Generic, TypeVar

from mastodon_infra.render.bundle_types import (
    UNIT_FOLDERS,
    Action,
    BundleDirectory,
    BundleFile,
    BundleUnit,
    BundleUser,
    NodeBundle,
    UnitState,
)

T = TypeVar("T")

_ORDER = re.compile(r"^(After|Before)=(.*)$", re.MULTILINE)
_MENTION = re.compile(r"^(?:Wants|Requires|BindsTo)=(.*)$", re.MULTILINE)


class Verb(StrEnum):
    """What is done to a unit, or to the machine as a whole."""

    STOP = "stop"
    START = "start"
    RELOAD = "reload"
    RESTART = "restart"
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True, repr=False)
class FileChange:
    """One file that is new (``before`` is None), gone (``after`` is None) or different."""

    path: str
    before: BundleFile | None
    after: BundleFile | None

    def __repr__(self) -> str:
        return f"FileChange({self.path!r})"

    @property
    def either(self) -> BundleFile:
        """The file as it will be, or as it was where it goes."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def is_secret(self) -> bool:
        """Whether its content, old or new, is nobody's to see."""
        return any(one.is_secret for one in (self.before, self.after) if one)

    @property
    def access(self) -> tuple[str, str]:
        """Mode, owner and group before and after; equal when only the content differs."""
        return _access(self.before), _access(self.after)

    def lines(self) -> tuple[str, ...]:
        """The unified diff of the content, without its header; of a secret file nothing."""
        if self.is_secret:
            return ()
        before, after = (one.content.splitlines() if one else [] for one in (self.before, self.after))
        return tuple(list(difflib.unified_diff(before, after, lineterm=""))[2:])


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that follows from changes. ``unit`` is empty for a reboot; ``because`` holds the files' paths."""

    verb: Verb
    unit: str
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Members(Generic[T]):
    """What is only in the new bundle, and what only in the old one."""

    added: tuple[T, ...]
    removed: tuple[T, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


@dataclass(frozen=True, slots=True)
class NodeDifference:
    """Everything in which two bundles of a machine differ.

    Attributes:
        acts: Each unit once: what stops, then what starts, reloads and restarts, each after what it is ordered after.
            A reboot stands alone, since it does all of that.
        rereads_units: Whether systemd has to read its units anew before the acts.
    """

    node: str
    files: tuple[FileChange, ...]
    packages: Members[str]
    users: Members[BundleUser]
    directories: Members[BundleDirectory]
    units: Members[BundleUnit]
    acts: tuple[Act, ...]
    rereads_units: bool

    def __bool__(self) -> bool:
        return bool(self.files or self.packages or self.users or self.directories or self.units)


def difference(old: NodeBundle, new: NodeBundle) -> NodeDifference:
    """What changes on a machine that has ``old`` and gets ``new``."""
    files = tuple(_file_changes(old, new))
    return NodeDifference(
        node=new.node,
        files=files,
        packages=_members(old.packages, new.packages),
        users=_members(old.users, new.users),
        directories=_members(old.directories, new.directories),
        units=_members(old.units, new.units),
        acts=in_order(new, needed_acts(old, new, files)),
        rereads_units=any(change.either.defines_units for change in files),
    )


def _file_changes(old: NodeBundle, new: NodeBundle) -> Iterator[FileChange]:
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    for path in sorted({*before, *after}):
        change = FileChange(path, before.get(path), after.get(path))
        if _seen(change.before) != _seen(change.after):
            yield change


def _seen(file: BundleFile | None) -> tuple[str, ...]:
    """What of a file is on the machine; how it travels and what a change needs is not."""
    return (file.content, _access(file)) if file else ()


def _access(file: BundleFile | None) -> str:
    return f"{file.mode:04o} {file.owner}:{file.group}" if file else ""


def _members(old: Iterable[T], new: Iterable[T]) -> Members[T]:
    before, after = tuple(old), tuple(new)
    return Members(tuple(one for one in after if one not in before), tuple(one for one in before if one not in after))


def needed_acts(old: NodeBundle, new: NodeBundle, files: Iterable[FileChange]) -> tuple[Act, ...]:
    """Everything that follows from the changes, in no order, and a unit maybe more than once."""
    was, now = started(old), started(new)
    starts = (Act(Verb.START, unit) for unit in now if unit not in was)
    stops = (Act(Verb.STOP, unit) for unit in was if unit not in now)
    return (*stops, *starts, *_needed(new, files))


def _needed(new: NodeBundle, files: Iterable[FileChange]) -> Iterator[Act]:
    """What changed files need: each unit once for each action."""
    because: dict[tuple[Action, str], list[str]] = {}
    known = unit_names(new)
    for change in files:
        need = change.either.needs
        for unit in _instances(need.unit, known):
            because.setdefault((need.action, unit), []).append(change.path)
    for (action, unit), paths in because.items():
        if action is Action.REBOOT or (action in _VERBS and unit in known):
            yield Act(_VERBS[action], unit, tuple(paths))


_VERBS = {Action.REBOOT: Verb.REBOOT, Action.RESTART: Verb.RESTART, Action.RELOAD: Verb.RELOAD}
_WEIGHTS = (Verb.STOP, Verb.START, Verb.RESTART, Verb.RELOAD)
"""Which of two acts on one unit does the other's work too, that one first."""


def in_order(bundle: NodeBundle, acts: Iterable[Act]) -> tuple[Act, ...]:
    """Each unit once, with the act that outweighs its others: stops first, the rest after what they are ordered after.

    A reboot stands alone, since it does all of that.
    """
    found = tuple(acts)
    reboots = [act for act in found if act.verb is Verb.REBOOT]
    if reboots:
        return (Act(Verb.REBOOT, "", tuple(path for act in reboots for path in act.because)),)
    chosen: dict[str, Act] = {}
    for act in sorted(found, key=lambda one: _WEIGHTS.index(one.verb)):
        chosen.setdefault(act.unit, act)
    stops = tuple(act for act in chosen.values() if act.verb is Verb.STOP)
    order = _in_order(bundle, unit_names(bundle))
    return (*stops, *(chosen[unit] for unit in order if unit in chosen and chosen[unit] not in stops))


def started(bundle: NodeBundle) -> tuple[str, ...]:
    """Units that run: those that the bundle starts, and those that they want, containers among them."""
    own = (unit.name for unit in bundle.units if unit.state is UnitState.STARTED)
    disabled = {unit.name for unit in bundle.units if unit.state is UnitState.DISABLED}
    return tuple(dict.fromkeys(name for name in (*own, *_mentioned(bundle)) if name not in disabled))


def _mentioned(bundle: NodeBundle) -> Iterator[str]:
    """Services that the targets of the bundle want."""
    for file in bundle.files:
        if file.defines_units and unit_of(file.path).endswith(".target"):
            for found in _MENTION.finditer(file.content):
                yield from (name for name in found[1].split() if name.endswith(".service"))


def unit_names(bundle: NodeBundle) -> tuple[str, ...]:
    """Every unit that the machine is known to have."""
    defined = (unit_of(file.path) for file in bundle.files if file.defines_units)
    listed = (unit.name for unit in bundle.units)
    needed = (file.needs.unit for file in bundle.files if file.needs.unit and "*" not in file.needs.unit)
    return tuple(dict.fromkeys([*listed, *_mentioned(bundle), *sorted({*defined, *needed})]))


def _instances(unit: str, known: Iterable[str]) -> tuple[str, ...]:
    """The units that a name with ``*`` stands for; the name itself where it has none."""
    if "*" not in unit:
        return (unit,)
    return tuple(name for name in known if fnmatchcase(name, unit) and "@." not in name)


def unit_of(path: str) -> str:
    """The unit that a file of systemd's or podman's folders is about: its own name, or its folder's for a drop-in."""
    below = next(path.removeprefix(folder) for folder in UNIT_FOLDERS if path.startswith(folder))
    name = PurePosixPath(below).parts[0].removesuffix(".d")
    return f"{name.removesuffix('.container')}.service" if name.endswith(".container") else name


def _in_order(bundle: NodeBundle, known: tuple[str, ...]) -> tuple[str, ...]:
    """Units after those that their files order them after; the others as the bundle lists them."""
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(known, ()))
    for file in bundle.files:
        if file.defines_units:
            for unit in _those_of(unit_of(file.path), known):
                instance = unit.partition("@")[2].rpartition(".")[0]
                for found in _ORDER.finditer(file.content):
                    for other in found[2].replace("%i", instance).split():
                        order.add(*((unit, other) if found[1] == "After" else (other, unit)))
    return tuple(order.static_order())


def _those_of(unit: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The instances of a template unit; any other unit itself."""
    name, at, kind = unit.partition("@.")
    return tuple(one for one in known if fnmatchcase(one, f"{name}@?*.{kind}")) if at else (unit,)
