"""Decides what a running machine needs to hold its bundle: told as data, and nothing done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.operate.converge.observed import Observed, sum_of
from mastodon_infra.operate.converge.record import NO_NEED
from mastodon_infra.operate.converge.wellness import unwell
from mastodon_infra.render.bundle_types import (
    BundleDirectory,
    BundleFile,
    BundleUnit,
    BundleUser,
    NodeBundle,
    Part,
    UnitState,
)
from mastodon_infra.render.difference import (
    Act,
    FileChange,
    NodeDifference,
    Verb,
    difference,
    in_order,
    needed_acts,
    started,
    unit_names,
    unit_of,
)
from mastodon_infra.render.installer import record_text

STATEFUL = ("postgresql@*.service", "redis-server@*.service", "*.mount")
"""Units whose restart everybody notices: what they hold is asked for all the time, and by all machines."""
ACCESS_PREFIXES = ("/etc/ssh/", "/etc/sudoers.d/", "/etc/nftables.conf")
"""Files that can lock people out. A change of one is proven by a new session before it counts."""
PEOPLE = "/etc/ssh/authorized_keys.d/"
UNSEEN = "\0not to be seen"
"""Stands for content that is different and stays on the machine; nothing that is rendered is equal to it."""

KERNEL = "/etc/sysctl.d/"

_IMAGE = re.compile(r"^Image=(.*)$", re.MULTILINE)
_SYSCTL = re.compile(r"^([a-z][\w./-]*) *=", re.MULTILINE)


class ConvergeError(MastodonInfraError):
    """A machine is not brought to its bundle, and is told why. ``where`` is the machine."""

    exit_code = 3


class UnwellError(ConvergeError):
    """A machine is not well, or its change failed."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Steps:
    """What is done to one machine.

    Attributes:
        wanted: The bundle that it should hold.
        difference: What changes; its acts are those that follow, these of an interrupted run among them.
        edited: Files that are somebody's own, or were changed by hand since the last run: saved aside, then replaced
            or removed.
        waiting: Acts that would interrupt what holds state, and that nobody allowed yet.
        needs_record: Whether what is written down about the machine is not what it holds, what its next boot would undo
            among it.
        unwell: What does not run there as it should, in words.
    """

    wanted: NodeBundle
    difference: NodeDifference
    edited: tuple[str, ...]
    waiting: tuple[Act, ...]
    needs_record: bool
    unwell: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.difference or self.difference.acts or self.needs_record)

    @property
    def node(self) -> str:
        """The machine's name."""
        return self.wanted.node

    @property
    def acts(self) -> tuple[Act, ...]:
        """What units do, in order, without stops, which come before anything is changed."""
        return tuple(act for act in self.difference.acts if act.verb is not Verb.STOP)

    @property
    def stopped(self) -> tuple[str, ...]:
        """Units that the machine no longer has."""
        return tuple(act.unit for act in self.difference.acts if act.verb is Verb.STOP)

    @property
    def guarded(self) -> tuple[str, ...]:
        """Files among the changed ones that can lock people out."""
        return tuple(change.path for change in self.difference.files if change.path.startswith(ACCESS_PREFIXES))


def decide(wanted: NodeBundle, seen: Observed, *, allow_restart: bool, shared: Sequence[str] = ()) -> Steps:
    """What the machine needs. ``shared`` are units that other machines ask all the time, as they ask the database.

    Raises ConvergeError where it has never finished installing itself, somebody else is at work on it, or the change
    is not one for this door.
    """
    _check(wanted, seen)
    there = as_bundle(wanted, seen)
    _check_images(there, wanted, seen)
    told = difference(there, wanted)
    left_over = tuple(_left_over(wanted, seen))
    more = (*left_over, *_extra_instances(wanted, seen), *_idle(wanted, seen), *_kept_by_the_kernel(told.files))
    found = (*needed_acts(there, wanted, told.files), *more)
    acts, waiting = _parted(wanted, found, (*STATEFUL, *shared), allow_restart=allow_restart)
    stops = [act.unit for act in waiting if act.verb is Verb.STOP]
    if stops:
        raise ConvergeError(
            f"{stops[0]} is no longer in the plan of this machine, and would be stopped with what it holds",
            hint="see that its data is elsewhere, then give --allow-restart",
            where=wanted.node,
        )
    return Steps(
        wanted=wanted,
        difference=replace(told, acts=acts),
        edited=tuple(_edited(wanted, seen)),
        waiting=waiting,
        needs_record=seen.record_text != record_text(wanted)
        or seen.has_undo
        or (seen.installed != wanted.digest and not waiting)
        or len(left_over) < len(seen.pending),
        unwell=tuple(unwell(wanted, seen)),
    )


def as_bundle(wanted: NodeBundle, seen: Observed) -> NodeBundle:
    """What the machine has of the bundle, and of the one before it, in the shape of a bundle."""
    return NodeBundle(
        node=wanted.node,
        packages=tuple(sorted(seen.packages)),
        users=tuple(_users(wanted, seen)),
        directories=tuple(_directories(wanted, seen)),
        files=tuple(_files(wanted, seen)),
        units=tuple(_units(wanted, seen)),
    )


def _files(wanted: NodeBundle, seen: Observed) -> Iterator[BundleFile]:
    known = {file.path: file for file in wanted.files}
    for path in sorted(seen.files):
        there, file = seen.files[path], known.get(path)
        if there is None:
            continue
        is_same = file is not None and there.sum == sum_of(file)
        content = file.content if file is not None and is_same else seen.texts.get(path, UNSEEN)
        yield BundleFile(
            path=path,
            content=content,
            owner=there.owner,
            group=there.group,
            mode=there.mode,
            needs=file.needs if file else seen.record.needs.get(path, NO_NEED),
            is_secret=content == UNSEEN or (file is not None and file.is_secret),
            part=file.part if file else Part.PAYLOAD,
        )


def _directories(wanted: NodeBundle, seen: Observed) -> Iterator[BundleDirectory]:
    for one in wanted.directories:
        access = seen.directories.get(one.path)
        if access is not None:
            yield BundleDirectory(one.path, access[1], access[2], access[0])


def _users(wanted: NodeBundle, seen: Observed) -> Iterator[BundleUser]:
    """Logins that are as they should be, and those of people who have left."""
    for user in wanted.users:
        groups = seen.users.get(user.name)
        if groups is not None:
            yield user if set(groups) >= set(user.groups) else BundleUser(user.name, groups)
    names = {user.name for user in wanted.users}
    for name, groups in sorted(seen.users.items()):
        if name not in names and groups is not None and f"{PEOPLE}{name}" in seen.record.sums:
            yield BundleUser(name, groups)


def _units(wanted: NodeBundle, seen: Observed) -> Iterator[BundleUnit]:
    """Units that are as they should be, and those of the record that are no longer wanted."""
    recorded = set(seen.record.units)
    for unit in wanted.units:
        now = seen.unit(unit.name)
        is_enabled = now.file_state in {"enabled", "enabled-runtime"}
        is_off = not now.is_there or (not is_enabled and now.active in {"inactive", "failed"})
        is_right = is_off if unit.state is UnitState.DISABLED else now.is_there and now.file_state != "disabled"
        if unit in recorded and is_right:
            yield unit
    names = {unit.name for unit in wanted.units}
    for unit in seen.record.units:
        if unit.name not in names:
            yield unit


def _edited(wanted: NodeBundle, seen: Observed) -> Iterator[str]:
    """What is neither what was applied last nor what is wanted: somebody's own file, or a link in a file's place."""
    known = {file.path: sum_of(file) for file in wanted.files}
    for path in sorted({*seen.record.sums, *known}):
        there = seen.files.get(path)
        if there is not None and there.sum not in {*seen.record.sums.get(path, ()), known.get(path)}:
            yield path


def _left_over(wanted: NodeBundle, seen: Observed) -> Iterator[Act]:
    """Acts of an interrupted run, or of one that had no leave for them, on units that the machine still has."""
    known = unit_names(wanted)
    for act in seen.pending:
        if act.verb is Verb.REBOOT or act.unit in known:
            yield act


def _extra_instances(wanted: NodeBundle, seen: Observed) -> Iterator[Act]:
    """Instances of the bundle's template units that run and that nobody wants any more."""
    wants = set(started(wanted)) | {unit.name for unit in wanted.units}
    templates = {unit_of(file.path) for file in wanted.files if file.defines_units and "@." in unit_of(file.path)}
    for name, unit in sorted(seen.units.items()):
        is_instance = any(fnmatchcase(name, one.replace("@.", "@?*.")) for one in templates)
        if is_instance and name not in wants and unit.active in {"active", "activating"} and unit.type != "oneshot":
            yield Act(Verb.STOP, name)


def _idle(wanted: NodeBundle, seen: Observed) -> Iterator[Act]:
    """What should run and does not."""
    for name in started(wanted):
        if seen.unit(name).is_idle:
            yield Act(Verb.START, name)


def _parted(
    wanted: NodeBundle, found: Iterable[Act], spared: Sequence[str], *, allow_restart: bool
) -> tuple[tuple[Act, ...], tuple[Act, ...]]:
    """What is done now, in order, and what waits for leave, since it would interrupt one of the ``spared``.

    A reboot that waits keeps nothing else from being done.
    """
    every = tuple(found)
    ordered = in_order(wanted, (act for act in every if act.verb is not Verb.REBOOT))
    reboot = in_order(wanted, (act for act in every if act.verb is Verb.REBOOT))
    if allow_restart and reboot:
        # It does everything but take units away for good.
        return (*(act for act in ordered if act.verb is Verb.STOP), *reboot), ()
    if allow_restart:
        return ordered, ()
    interrupting = tuple(act for act in ordered if _interrupts(act, spared))
    return tuple(act for act in ordered if act not in interrupting), (*interrupting, *reboot)


def _kept_by_the_kernel(changes: Iterable[FileChange]) -> Iterator[Act]:
    """Settings that are no longer made, and that the kernel keeps until it starts anew."""
    for change in changes:
        if change.path.startswith(KERNEL) and change.before:
            gone = set(_SYSCTL.findall(change.before.content))
            if gone - set(_SYSCTL.findall(change.after.content if change.after else "")):
                yield Act(Verb.REBOOT, "", (change.path,))


def _interrupts(act: Act, spared: Sequence[str]) -> bool:
    return act.verb in {Verb.RESTART, Verb.STOP} and any(fnmatchcase(act.unit, pattern) for pattern in spared)


def _check(wanted: NodeBundle, seen: Observed) -> None:
    if seen.is_busy:
        raise ConvergeError(
            "the work of an earlier converge still goes on there",
            hint="wait until it has ended: systemctl status mastodon-infra-converge on the machine",
            where=wanted.node,
        )
    if seen.awaits_proof:
        raise ConvergeError(
            "an earlier converge has changed its access and proved nothing; it still waits to bring the old one back",
            hint="wait until it has: systemctl list-timers mastodon-infra-undo.timer on the machine",
            where=wanted.node,
        )
    if not seen.installed or not seen.record_text:
        raise ConvergeError(
            "this machine has not finished installing itself",
            hint="wait, or see why: journalctl --unit=mastodon-infra-install",
            where=wanted.node,
        )


def _check_images(there: NodeBundle, wanted: NodeBundle, seen: Observed) -> None:
    """Refuse another image than was applied; one that only a hand has put there is no upgrade, and is put right."""
    before, after = _images(there.files), _images(wanted.files)
    sums = {file.path: sum_of(file) for file in wanted.files}
    edited = set(_edited(wanted, seen))
    for path, images in after.items():
        if sums[path] in seen.record.sums.get(path, ()) or not before.get(path) or before[path] == images:
            continue
        by_hand = ": its own line was changed by hand, so put that back, then converge again" if path in edited else ""
        raise ConvergeError(
            f"{path} runs {before[path][0]}, and the plan wants {images[0]}",
            hint=f"another version of Mastodon may need its database changed: that is upgrade's work{by_hand}",
            where=wanted.node,
        )


def _images(files: Iterable[BundleFile]) -> dict[str, Sequence[str]]:
    return {file.path: _IMAGE.findall(file.content) for file in files if file.path.endswith(".container")}
