"""``up``: deploy a stack, after a preview and a question."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from mastodon_infra.cli.engine_preview import Previewed
    from mastodon_infra.cli.engine_room import Room
    from mastodon_infra.operate.checks import Check
    from mastodon_infra.program.engine import Result

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Go on without asking.")]


def up(
    stack: StackArgument,
    *,
    yes: YesOption = False,
    replace: Annotated[
        list[str] | None,
        typer.Option("--replace", metavar="NODE", help="Make this machine anew, with new user data. May be repeated."),
    ] = None,
    move_data: Annotated[
        bool, typer.Option("--move-data", help="Let volumes go to other machines: what uses them is stopped.")
    ] = False,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Deploy a stack: check what it needs, show what would change, ask, and do it.

    Ctrl-C ends in order, and the same command goes on from there. What holds data is never replaced or deleted.

    Example: mastodon-infra up social
    """
    from mastodon_infra.cli.engine_preview import data_of, page_of, previewed
    from mastodon_infra.cli.engine_room import bucket_checks, enter, needs_somebody, progress, replaced_urns
    from mastodon_infra.cli.stacks import read, stack_name

    read(stack, stacks_dir)
    needs_somebody(stack_name(stack), is_agreed=yes)
    room = enter(stack, stacks_dir, is_deploying=True)
    urns = replaced_urns(room, replace or ())
    found = previewed(room, urns)
    if not as_json:
        console.say(page_of(room, found))
    if found.is_nothing:
        waiting = _waiting(room, found.result)
        if as_json:
            shown = {"awaiting_converge": waiting, "outputs": _shown(room.situation.outputs)}
            console.say_json({**data_of(room, found), **shown})
        elif waiting:
            console.say(_reminder(room, waiting))
        return
    if not move_data:
        _refuse_moving(room, found.result, replaced=replace or ())
    if not as_json and room.policies is None:
        console.say("\nPolicies were not asked: scripts/policies makes them ready.")
    if not yes and not typer.confirm("Deploy this?", err=True):
        console.tell("Nothing was done.")
        raise typer.Exit(1)
    done = room.runs.up(replace=urns, on_step=progress(len(found.result.changes)))
    tried = bucket_checks(room)
    if as_json:
        checks = [asdict(check) for check in tried]
        console.say_json({**data_of(room, found), **_after(room, done), "checks": checks})
    else:
        console.say("")
        console.say(_ending(room, found, done, tried))


def _refuse_moving(room: Room, result: Result, *, replaced: Sequence[str]) -> None:
    """Raise SpecError where a volume would leave a machine that goes on running.

    A machine that is made anew gets its own volumes back; that says nothing about any other volume.
    """
    from mastodon_infra.cli.engine_page import is_moved_data
    from mastodon_infra.program.engine_state import volume_places

    moved = sorted(step.name for step in result.changes if is_moved_data(step))
    if not moved:
        return
    planned = {volume.name: volume.node for volume in room.loaded.plan.volumes}
    places = volume_places(room.runs.state())
    leaving = [name for name in moved if planned.get(name) not in replaced or places.get(name) != planned[name]]
    if leaving:
        raise SpecError(
            f"this would take {listed(leaving)} off a machine that may be writing to it",
            hint="stop the instance there first, then give --move-data; see docs/how-to/grow-from-one-box.md",
        )


def _ending(room: Room, found: Previewed, done: Result, tried: Sequence[Check]) -> str:
    """What was done, what it costs now, what was tried, and what comes next."""
    from mastodon_infra.cli.engine_page import converge_line, money_line
    from mastodon_infra.cli.preflight import add_checks
    from mastodon_infra.program.outputs import read_outputs

    page = Page(console.width(), console.is_plain())
    new = [text for text in done.warnings if text not in found.result.warnings]
    for text in new:
        page.text(f"warning: {' '.join(text.split())}", indent=0, hang=2)
    page.heading(f"Done: {counted(len(done.changes), 'resource')} changed.")
    page.text(f"Cost: {money_line(found.monthly_usd, found.monthly_usd_before)}")
    outputs = read_outputs({**done.outputs, "wiring": None})
    waiting = _waiting(room, done)
    if waiting:
        page.text(converge_line(waiting))
    add_checks(page, tried)
    page.heading("Next")
    if waiting:
        page.verbatim([f"mastodon-infra converge {room.loaded.name}"])
    page.verbatim(outputs.next_commands)
    if room.situation.outputs is None and not outputs.is_disposable:
        page.text("The keys exist in the state and nowhere else yet; before the next up:")
        page.verbatim([f"mastodon-infra escrow {room.loaded.name} --out FILE"])
    return str(page)


def _reminder(room: Room, waiting: Sequence[str]) -> str:
    """What an earlier deployment left to do."""
    from mastodon_infra.cli.engine_page import converge_line

    page = Page(console.width(), console.is_plain())
    page.heading(f"Still {converge_line(waiting)}")
    page.heading("Next")
    page.verbatim([f"mastodon-infra converge {room.loaded.name}"])
    return f"\n{page}"


def _waiting(room: Room, done: Result) -> list[str]:
    """Machines that await converge: files that this run changed, or others than they hold, where they let us look."""
    from mastodon_infra.cli.engine_page import awaiting, made_nodes
    from mastodon_infra.operate.converge.holding import held, is_able_to_ask
    from mastodon_infra.operate.reach import Fleet
    from mastodon_infra.program.outputs import read_outputs

    before = room.situation.outputs
    if before is None:
        return []
    outputs = read_outputs({**done.outputs, "wiring": None})
    wanted, made = outputs.bundle_digests, made_nodes(done.changes)
    old = [node for node in wanted if node in before.bundle_digests and node not in made]
    now = asyncio.run(held(Fleet.of(room.loaded.plan, outputs), old)) if old and is_able_to_ask() else {}
    changed = awaiting(before, wanted, done.changes)
    return those_waiting(old, wanted, now, changed)


def those_waiting(
    old: Iterable[str], wanted: Mapping[str, str], now: Mapping[str, str], changed: Collection[str]
) -> list[str]:
    """Of machines that went on: what one holds counts where it told that, else whether this run changed its files."""
    return [node for node in old if (now[node] != wanted[node] if node in now else node in changed)]


def _after(room: Room, done: Result) -> dict[str, object]:
    from mastodon_infra.cli.engine_page import changes_data

    return {
        "done": changes_data(done.changes, room.known),
        "awaiting_converge": _waiting(room, done),
        "outputs": {name: value for name, value in done.outputs.items() if value is not None},
    }


def _shown(outputs: object) -> dict[str, object] | None:
    """Outputs as data, without what is secret."""
    from dataclasses import asdict, is_dataclass

    if not is_dataclass(outputs) or isinstance(outputs, type):
        return None
    return {name: value for name, value in asdict(outputs).items() if name != "wiring"}
