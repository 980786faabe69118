"""``render --diff``: what would change on machines, in words, against a folder that was written earlier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import Act, FileChange, Members, NodeDifference, Verb, difference

T = TypeVar("T")

Bundles = Mapping[str, NodeBundle]

_WORDS = {
    Verb.STOP: "stops",
    Verb.START: "starts",
    Verb.RELOAD: "reloads, and goes on meanwhile",
    Verb.RESTART: "restarts",
}
NAMED = 2


def differences(old: Bundles, new: Bundles) -> list[NodeDifference]:
    """Machines of both that differ."""
    found = (difference(old[name], bundle) for name, bundle in new.items() if name in old)
    return [one for one in found if one]


def add_differences(page: Page, old: Bundles, new: Bundles, *, only: str) -> None:
    """What would change; ``only`` names the one machine that was asked for, empty for all."""
    gone = [] if only else [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    changed = differences(old, new)
    same = len(new) - len(come) - len(changed)
    if not (come or gone or changed):
        page.heading(f"Nothing would change on {only or counted(same, 'machine')}.")
        return
    if come or gone:
        page.heading("Machines")
        for name in come:
            page.text(f"+ {name}: a new machine with {counted(len(new[name].files), 'file')}", hang=4)
        for name in gone:
            page.text(f"- {name}: no longer in the plan", hang=4)
    add_changed(page, changed)
    if same:
        page.heading(f"Nothing would change on {counted(same, 'other machine')}.")


def add_changed(page: Page, changed: Iterable[NodeDifference]) -> None:
    """What changes on each machine; one that changes as another does is told in a line."""
    shown: dict[str, str] = {}
    for one in changed:
        own = Page(page.width, page.is_plain)
        _add_node(own, replace(one, node=""))
        first = shown.setdefault(str(own), one.node)
        if first == one.node:
            _add_node(page, one)
        else:
            page.heading(f"{one.node}: as {first}")


def _add_node(page: Page, one: NodeDifference) -> None:
    page.heading(f"{one.node}: {counted(len(one.files), 'file')} would change")
    _add_members(page, "package", one.packages, str)
    _add_members(page, "user", one.users, lambda user: f"{user.name} in {', '.join(user.groups)}")
    _add_members(page, "folder", one.directories, lambda at: f"{at.path} {at.mode:04o} {at.owner}:{at.group}")
    _add_members(page, "unit", one.units, lambda unit: f"{unit.name} ({unit.state})")
    for change in one.files:
        _add_file(page, change)
    page.heading(f"What {one.node} does then")
    if one.rereads_units:
        page.text("- systemd reads its units anew", hang=2)
    for act in one.acts:
        page.text(f"- {act_words(act)}", hang=2)
    if not (one.rereads_units or one.acts):
        page.text("Nothing reloads, restarts or reboots.")


def _add_members(page: Page, what: str, members: Members[T], words: Callable[[T], str]) -> None:
    for sign, ones in (("+", members.added), ("-", members.removed)):
        for member in ones:
            page.text(f"{sign} {what} {words(member)}", hang=4)


def _add_file(page: Page, change: FileChange) -> None:
    before, after = change.access
    sign = "~" if before and after else "+" if after else "-"
    modes = f" ({before} -> {after})" if before and after and before != after else f" ({after})" if not before else ""
    secret = ": holds secrets, so its content is not shown" if change.is_secret else ""
    page.text(f"{sign} {change.path}{modes}{secret}", hang=4)
    page.verbatim(change.lines(), indent=4)


def act_words(act: Act) -> str:
    """What a unit, or the machine, does, and because of which files."""
    because = _because(act.because)
    if act.verb is Verb.REBOOT:
        return f"the machine reboots, and everything on it starts anew{because}"
    return f"{act.unit} {_WORDS[act.verb]}{because}"


def _because(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    more = len(paths) - NAMED
    named = [*paths[:NAMED], *([f"{more} more"] if more > 0 else [])]
    return f", because of {listed(named)}"


def differences_data(old: Bundles, new: Bundles, *, only: str) -> dict[str, Any]:
    """The same as data; of secret files neither content nor lines."""
    return {
        "added": [name for name in new if name not in old],
        "removed": [] if only else [name for name in old if name not in new],
        "nodes": [node_data(one) for one in differences(old, new)],
    }


def node_data(one: NodeDifference) -> dict[str, Any]:
    """What changes on a machine, as data."""
    return {
        "node": one.node,
        "files": [_file_data(change) for change in one.files],
        "packages": _members_data(one.packages, str),
        "users": _members_data(one.users, lambda user: user.name),
        "directories": _members_data(one.directories, lambda folder: folder.path),
        "units": _members_data(one.units, lambda unit: unit.name),
        "rereads_units": one.rereads_units,
        "acts": [{"verb": act.verb.value, "unit": act.unit, "because": list(act.because)} for act in one.acts],
    }


def _file_data(change: FileChange) -> dict[str, Any]:
    before, after = change.access
    lines: Iterable[str] = change.lines()
    return {
        "path": change.path,
        "before": before,
        "after": after,
        "is_secret": change.is_secret,
        "diff": list(lines),
    }


def _members_data(members: Members[T], word: Callable[[T], str]) -> dict[str, list[str]]:
    return {"added": [word(one) for one in members.added], "removed": [word(one) for one in members.removed]}
