"""Steps as the job that the machine is sent: plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from mastodon_infra.operate.converge.decide import Steps
from mastodon_infra.render.bundle_types import Action, BundleUser, UnitState
from mastodon_infra.render.difference import Act, Verb, unit_names
from mastodon_infra.render.installer import record_lines, record_text


def whole_job(steps: Steps, *, moment: str) -> dict[str, Any]:
    """Everything that is to be done. ``moment`` names the folder of what is saved aside."""
    return {
        **_job(steps, {change.path for change in steps.difference.files}, steps.acts, steps.waiting, moment),
        "directories": [
            {"path": one.path, "owner": one.owner, "group": one.group, "mode": one.mode}
            for one in steps.difference.directories.added
        ],
        "packages": list(steps.difference.packages.added),
        "named": list(steps.wanted.packages),
        "unneeded": list(steps.difference.packages.removed),
        "users": [{"name": one.name, "groups": list(one.groups)} for one in steps.difference.users.added],
        "retired": [one.name for one in retired(steps)],
        "stopped": list(steps.stopped),
        "enabled": [one.name for one in steps.difference.units.added if one.state is UnitState.STARTED],
        "disabled": [one.name for one in steps.difference.units.added if one.state is UnitState.DISABLED],
        "is_last": True,
    }


def access_job(steps: Steps, *, moment: str) -> dict[str, Any]:
    """The part that could lock people out, alone: it is proven before anything else is done."""
    acts = tuple(_access_acts(steps))
    others = tuple(act for act in steps.acts if act not in acts)
    return _job(steps, set(steps.guarded), acts, (*others, *steps.waiting), moment)


def _access_acts(steps: Steps) -> Iterator[Act]:
    """What takes the guarded files in, whatever else asks for it: proven is only what runs.

    Where the machine is to reboot, which does it all, it is done beforehand too.
    """
    changes = [change for change in steps.difference.files if change.path in steps.guarded]
    needs = {change.either.needs.unit: change.either.needs for change in changes}
    yield from (act for act in steps.acts if act.unit and act.unit in needs)
    if any(act.verb is Verb.REBOOT for act in steps.acts):
        known = unit_names(steps.wanted)
        for unit, need in needs.items():
            if unit in known and need.action in {Action.RELOAD, Action.RESTART}:
                yield Act(Verb(need.action.value), unit)


def retired(steps: Steps) -> tuple[BundleUser, ...]:
    """People who have left: their login was in the bundle before, and is in this one no more."""
    names = {user.name for user in steps.wanted.users}
    return tuple(one for one in steps.difference.users.removed if one.name not in names)


def _job(
    steps: Steps, paths: Collection[str], acts: Iterable[Act], waiting: Iterable[Act], moment: str
) -> dict[str, Any]:
    changes = [change for change in steps.difference.files if change.path in paths]
    return {
        "moment": moment,
        "journal": record_lines(change.after for change in changes if change.after),
        "aside": [path for path in steps.edited if path in paths],
        "files": [
            {
                "path": change.path,
                "content": change.after.content,
                "owner": change.after.owner,
                "group": change.after.group,
                "mode": change.after.mode,
            }
            for change in changes
            if change.after
        ],
        "removed": [change.path for change in changes if change.after is None],
        "directories": [],
        "packages": [],
        "named": [],
        "unneeded": [],
        "users": [],
        "retired": [],
        "stopped": [],
        "enabled": [],
        "disabled": [],
        "acts": [_told(act) for act in acts],
        "waiting": [_told(act) for act in waiting],
        "record": record_text(steps.wanted),
        "digest": steps.wanted.digest,
        "is_last": False,
    }


def _told(act: Act) -> dict[str, Any]:
    return {"verb": act.verb.value, "unit": act.unit, "because": list(act.because)}
