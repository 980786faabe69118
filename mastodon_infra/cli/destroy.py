"""``destroy``: take a stack away. Data only goes when it was named, piece by piece."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.stacks import StackArgument, StacksDirOption
from mastodon_infra.errors import MastodonInfraError, Problem, SpecError

if TYPE_CHECKING:
    from mastodon_infra.cli.engine_room import Room
    from mastodon_infra.plan.types import InstancePlan
    from mastodon_infra.program.engine_state import Data

LOSSES = {
    "volume": "volume {called}: the database or the queues on it",
    "bucket": "bucket {called}: every object in it",
    "zone": "zone {called}: every record in it, those that others put there too",
    "keys": "{called}: without them no backup can be read",
}


def destroy(
    stack: StackArgument,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAMES", help="Every piece of data that is to go with it, with commas between."),
    ] = None,
    confirm_domain: Annotated[
        str | None,
        typer.Option("--confirm-domain", metavar="DOMAIN", help="The instance's domain, where nobody can type it."),
    ] = None,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Delete everything of a stack at the clouds.

    Refuses while there is protected data: name every piece of it, then type the domain. There is no way back.

    Example: mastodon-infra destroy demo
    """
    from mastodon_infra.cli.engine_page import add_begun, add_changes
    from mastodon_infra.cli.engine_room import enter, progress
    from mastodon_infra.program.engine_state import begun, is_holding, protected_data, released, things

    room = enter(stack, stacks_dir, is_planning=False)
    name, domain = room.loaded.name, room.loaded.plan.spec.domain
    state = room.runs.state()
    if not state.get("resources"):
        console.say(f"Nothing of {name} is there.")
        return
    pieces = protected_data(state)
    named = [word.strip() for word in (data or "").split(",") if word.strip()]
    _refuse_unnamed(name, pieces, named, planned_data(room.loaded.plan))

    page = Page(console.width(), console.is_plain())
    page.heading(f"This destroys {domain}: {counted(things(state), 'resource')}, and there is no way back.")
    for piece in pieces:
        page.text(f"{piece.name}: {LOSSES[piece.kind].format(called=piece.called)}", hang=2)
    gone = [one for one in named if one not in {piece.name for piece in pieces}]
    if gone:
        page.text(f"{listed(gone)}: gone already", hang=2)
    cut_off = begun(state)
    add_begun(page, cut_off)
    console.say(str(page))
    _confirm(domain, confirm_domain)

    with _held_again_unless_done(room, state if is_holding(state) else None):
        if is_holding(state):
            room.runs.put_state(released(state, [urn for piece in pieces for urn in piece.urns]))
        planned = room.runs.destroy(on_step=lambda _step: None, is_preview=True)
        page = Page(console.width(), console.is_plain())
        add_changes(page, planned.changes)
        console.say(str(page))
        done = room.runs.destroy(on_step=progress(len(planned.changes)))
    but = ", but for what was told above" if cut_off else ""
    console.say(
        f"Done: {counted(len(done.changes), 'resource')} deleted. Nothing of {name} remains at the clouds{but}."
    )
    console.say(f"  to forget its history and its file too: pulumi stack rm {name}")


def planned_data(plan: InstancePlan) -> frozenset[str]:
    """Names of everything that holds data in a stack of this plan; none where nothing is protected."""
    from mastodon_infra.model.services import DnsProvider
    from mastodon_infra.program.engine_state import KEYS

    if not plan.media.is_protected:
        return frozenset()
    zone = {"zone"} if plan.dns.provider is DnsProvider.LINODE else set()
    return frozenset({"media", "backup", KEYS, *zone, *(volume.name for volume in plan.volumes)})


@contextmanager
def _held_again_unless_done(room: Room, before: Mapping[str, Any] | None) -> Iterator[None]:
    """Whatever cuts a destruction off, the operator's Ctrl-C too: what is left is protected as it was.

    ``before`` is the state that had the protection; None where nothing was protected.
    """
    try:
        yield
    except BaseException as error:
        left = _hold_again(room, before)
        if isinstance(error, MastodonInfraError):
            raise type(error)([*error.problems, left]) from None
        console.tell("\n".join(left.lines()))
        raise


def _hold_again(room: Room, before: Mapping[str, Any] | None) -> Problem:
    """Protect what is left, and say so; where that fails too, say that, which is the worse news."""
    from mastodon_infra.program.engine_state import held_again, protected_data, things

    name = room.loaded.name
    if before is None:
        return Problem((), "not everything was destroyed", f"to go on: mastodon-infra destroy {name}")
    try:
        state = held_again(room.runs.state(), before)
        room.runs.put_state(state)
    except MastodonInfraError as error:
        seen = f"what is left is not protected any more, and could not be protected again: {error.problems[0].message}"
        return Problem((), seen, f"when the state can be written again: mastodon-infra up {name}, or destroy it whole")
    if not things(state):
        return Problem((), "nothing is left all the same", f"to forget its history too: pulumi stack rm {name}")
    names = ",".join(piece.name for piece in protected_data(state))
    command = f"mastodon-infra destroy {name}" + (f" --data {names}" if names else "")
    return Problem((), "not everything was destroyed, and what is left is protected as before", f"to go on: {command}")


def _refuse_unnamed(stack: str, pieces: Sequence[Data], named: Sequence[str], planned: Collection[str]) -> None:
    """Raise SpecError unless all the data that is there was named, and nothing that never was any of this plan's.

    What is planned and gone already may be named: the command that was cut off is given again as it was.
    """
    there = [piece.name for piece in pieces]
    unknown = [name for name in named if name not in there and name not in planned]
    if unknown:
        raise SpecError(
            f"there is no protected data called {listed(unknown)}",
            hint=f"there are {listed(there)}" if there else "nothing is protected: leave --data away",
            where="--data",
        )
    unnamed = [piece for piece in pieces if piece.name not in named]
    if unnamed:
        command = f"mastodon-infra destroy {stack} --data {','.join(there)}"
        problems = [
            Problem((), f"is protected: {LOSSES[piece.kind].format(called=piece.called)}", where=piece.name)
            for piece in unnamed
        ]
        problems.append(Problem((), "nothing was destroyed: there is data that was not named", f"for good: {command}"))
        raise SpecError(problems)


def _confirm(domain: str, given: str | None) -> None:
    """Let the domain be typed; raises SpecError where it is another, or where nobody can."""
    if given is None and not console.is_interactive():
        raise SpecError("nothing was destroyed: there is nobody to type the domain", hint=f"--confirm-domain {domain}")
    typed = given if given is not None else str(typer.prompt(f"Type {domain} to destroy it", default="", err=True))
    if typed != domain:
        raise SpecError(f"nothing was destroyed: that is not {domain}", hint="the domain, letter by letter")
