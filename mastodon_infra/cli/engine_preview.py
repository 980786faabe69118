"""The preview against the real state, as ``preview`` shows it and as ``up`` shows it before it asks."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mastodon_infra.cli import console
from mastodon_infra.cli.engine_page import (
    add_changes,
    add_consequences,
    awaiting,
    changes_data,
    converge_line,
    money_line,
    version_words,
)
from mastodon_infra.cli.layout import Page

if TYPE_CHECKING:
    from mastodon_infra.cli.engine_room import Room
    from mastodon_infra.program.engine import Result


@dataclass(frozen=True, slots=True)
class Previewed:
    """What ``up`` would do, and what that means.

    Attributes:
        result: The engine's answer.
        monthly_usd: What the plan costs.
        monthly_usd_before: What the deployed one costs; empty where that is not known.
        waiting: Machines that will have to be converged.
        is_nothing: Whether neither resources nor outputs would be others.
        version_words: What another version of Mastodon means; empty where it stays.
    """

    result: Result
    monthly_usd: Decimal
    monthly_usd_before: str
    waiting: tuple[str, ...]
    is_nothing: bool
    version_words: str


def previewed(room: Room, urns: Sequence[str] = ()) -> Previewed:
    """Ask the engine, and the policies where the room has some; raises what either refuses."""
    from mastodon_infra.cost.estimate import estimate

    result = room.runs.preview(replace=urns, policies=room.policies)
    before = room.situation.outputs
    return Previewed(
        result=result,
        monthly_usd=estimate(room.loaded.plan).total_usd_month,
        monthly_usd_before=before.monthly_usd if before else "",
        waiting=tuple(awaiting(before, result.outputs.get("bundleDigests"), result.changes)),
        is_nothing=not result.changes and _are_same(room, result),
        version_words=version_words(before.mastodon_version if before else "", room.loaded.plan.mastodon.version.value),
    )


def _are_same(room: Room, result: Result) -> bool:
    """Whether the outputs would be as they are."""
    from mastodon_infra.errors import ToolError
    from mastodon_infra.program.outputs import read_outputs

    before = room.situation.outputs
    try:
        after = read_outputs({**result.outputs, "wiring": None})
    except ToolError:
        return False
    return before is not None and replace(before, wiring=None) == after


def page_of(room: Room, found: Previewed) -> str:
    """Notes first, then what changes and what goes, money last."""
    from mastodon_infra.cli.plan_page import add_notes, heading_line

    page = Page(console.width(), console.is_plain())
    page.heading(heading_line(room.loaded.plan))
    add_notes(page, room.loaded.plan.notes)
    if room.warnings:
        page.heading("Found on the way")
        for check in room.warnings:
            page.text(f"{check.group}, {check.name}: {check.seen}. {check.remedy}", hang=2)
    if found.version_words:
        page.heading("Another version of Mastodon")
        page.text(found.version_words, hang=2)
    if found.result.warnings:
        page.heading("The engine warns")
        for text in found.result.warnings:
            page.text(" ".join(text.split()), hang=2)
    if found.is_nothing:
        page.heading("Nothing changes.")
    else:
        add_changes(page, found.result.changes)
        add_consequences(page, found.result.changes, room.known)
    if found.waiting:
        page.heading(f"Afterwards {converge_line(found.waiting)}")
    page.heading(f"Cost: {money_line(found.monthly_usd, found.monthly_usd_before)}")
    return str(page)


def data_of(room: Room, found: Previewed) -> dict[str, Any]:
    """The same as data; money is text, so that no cent is lost."""
    from mastodon_infra.cli.plan_data import plain

    return {
        "stack": room.loaded.name,
        "notes": [plain(note) for note in room.loaded.plan.notes],
        "warnings": [*filter(None, [found.version_words]), *found.result.warnings],
        "changes": changes_data(found.result.changes, room.known),
        "nothing_changes": found.is_nothing,
        "awaiting_converge": list(found.waiting),
        "monthly_usd": str(found.monthly_usd),
        "monthly_usd_before": found.monthly_usd_before or None,
    }
