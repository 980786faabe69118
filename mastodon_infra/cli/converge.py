"""``converge``: bring running machines to what the stack says, over SSH, after showing what changes and asking."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.deployed import LoginOption
from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption
from mastodon_infra.cli.up import YesOption
from mastodon_infra.errors import SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.operate.converge.balancer import Balancers
    from mastodon_infra.operate.converge.decide import Steps
    from mastodon_infra.program.outputs import StackOutputs
    from mastodon_infra.render.bundle_types import NodeBundle


def converge(
    stack: StackArgument,
    *,
    node: Annotated[
        list[str] | None, typer.Option("--node", metavar="NODE", help="Only this machine. May be repeated.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    allow_restart: Annotated[
        bool, typer.Option("--allow-restart", help="Databases may restart, and machines reboot, where that is needed.")
    ] = False,
    yes: YesOption = False,
    login: LoginOption = "",
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Bring running machines to what was deployed: show what changes, ask, and change only that.

    Machines with data go first, web nodes last and one at a time; the first that is not well ends it. It may be run
    again at any time, and goes on where it stopped.

    Example: mastodon-infra converge social --dry-run
    """
    from mastodon_infra.cli.deployed import deployed
    from mastodon_infra.cli.stacks import stack_name

    if not (dry_run or yes or console.is_interactive()):
        raise SpecError(
            "nothing was done: there is nobody to ask whether to go on",
            hint=f"read mastodon-infra converge {stack_name(stack)} --dry-run, then give --yes",
        )
    loaded, outputs = deployed(stack, stacks_dir, meanwhile=_make_ready)
    asyncio.run(
        _converge(
            loaded,
            outputs,
            only=tuple(node or ()),
            login=login,
            allow_restart=allow_restart,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    )


def _make_ready() -> None:
    """Import what will be needed."""
    from mastodon_infra.operate.converge import rounds
    from mastodon_infra.render import bundle

    _ = rounds, bundle


async def _converge(
    loaded: Loaded,
    outputs: StackOutputs,
    *,
    only: tuple[str, ...],
    login: str,
    allow_restart: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from mastodon_infra.operate.converge.carry import Carrier
    from mastodon_infra.operate.converge.rounds import bring_all, decide_all, health_address, put_back
    from mastodon_infra.operate.reach import Fleet

    async with Fleet.of(loaded.plan, outputs, user=login) as fleet:
        connecting = asyncio.create_task(fleet.connect(_chosen(loaded, only)))
        try:
            bundles = await asyncio.to_thread(_bundles, loaded, outputs, only)
            await connecting
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
        carrier = Carrier(
            reach=fleet,
            connect=lambda: Fleet.of(loaded.plan, outputs, user=login),
            health=lambda name: health_address(loaded.plan, name),
            allow_restart=allow_restart,
        )
        steps = await decide_all(carrier, bundles)
        _show(steps, as_json=as_json)
        if dry_run:
            return
        is_work = any(steps.values())
        if is_work and not yes and not typer.confirm("Change this?", err=True):
            console.tell("Nothing was done.")
            raise typer.Exit(1)
        balancers = await _balancers(loaded, is_needed=is_work)
        if balancers is not None:
            await put_back(carrier, balancers, steps, _tell)
        if is_work:
            await bring_all(carrier, loaded.plan, steps, balancers, _tell)
            console.tell(f"Done: {counted(sum(map(bool, steps.values())), 'machine')} changed.")


def _chosen(loaded: Loaded, only: tuple[str, ...]) -> list[str]:
    """The machines that were asked for, all where none was; raises SpecError for one that there is not."""
    names = [node.name for node in loaded.plan.nodes]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise SpecError(f"there is no machine {listed(unknown)}", hint=f"there are {listed(names)}", where="--node")
    return [name for name in names if not only or name in only]


def _bundles(loaded: Loaded, outputs: StackOutputs, only: tuple[str, ...]) -> dict[str, NodeBundle]:
    """What each machine should hold. Raises SpecError where that is not what was deployed: `up` decides, not this."""
    from mastodon_infra.render.bundle import bundle

    if outputs.wiring is None:
        raise ToolError("the stack's secrets could not be read", hint="set the passphrase of the stack")
    chosen = [loaded.plan.node(name) for name in _chosen(loaded, only)]
    absent = [node.name for node in chosen if node.name not in outputs.bundle_digests]
    made = {} if absent else {node.name: bundle(loaded.plan, node, outputs.wiring) for node in chosen}
    others = absent or [name for name, one in made.items() if one.digest != outputs.bundle_digests[name]]
    if others:
        raise SpecError(
            f"the stack's file says something else of {listed(others)} than what was deployed last",
            hint=f"deploy it first: mastodon-infra up {loaded.name}",
            where=loaded.file.name,
        )
    return made


async def _balancers(loaded: Loaded, *, is_needed: bool) -> Balancers | None:
    """The balancers of the stack. Without work they are looked at only where a token is at hand."""
    from mastodon_infra.operate.accounts import accounts_from, clients_of
    from mastodon_infra.operate.converge.balancer import Balancers
    from mastodon_infra.operate.engine import find_engine

    if loaded.plan.balancer is None:
        return None
    engine = find_engine(stack=loaded.name, file=Path(loaded.file.name))
    api = clients_of(accounts_from(engine.config(), os.environ)).linode
    if api.token is None and not is_needed:
        return None
    balancers = Balancers(api, loaded.plan.balancer.labels)
    await balancers.read()
    return balancers


def _show(steps: Mapping[str, Steps], *, as_json: bool) -> None:
    if as_json:
        console.say_json({"nodes": [_data(one) for one in steps.values()]})
    else:
        console.say(str(page_of(steps, console.width(), is_plain=console.is_plain())))


def page_of(steps: Mapping[str, Steps], width: int, *, is_plain: bool) -> Page:
    """What changes where, what was edited by hand, and what waits for leave."""
    from mastodon_infra.cli.render_diff import act_words, add_changed
    from mastodon_infra.operate.converge.job import retired

    page = Page(width, is_plain)
    changed = [one for one in steps.values() if one]
    add_changed(page, [one.difference for one in changed])
    leaving = dict.fromkeys(user.name for one in changed for user in retired(one))
    if leaving:
        page.heading(f"{listed(list(leaving))} loses access" if len(leaving) == 1 else "These lose access")
        page.text(f"{listed(list(leaving))}: keys and groups go, the account ends, and what is open is closed.", hang=2)
    for one in steps.values():
        if one.edited:
            page.heading(f"{one.node}: edited by hand, saved aside before they go")
            page.verbatim(one.edited)
        unneeded = one.difference.packages.removed
        if unneeded:
            page.heading(f"{one.node}: {counted(len(unneeded), 'package')} no longer needed")
            page.text(f"{listed(unneeded)} will stay installed; sudo apt-get autoremove on the machine removes it.")
        if one.waiting:
            page.heading(f"{one.node}: waits for --allow-restart")
            for act in one.waiting:
                page.text(f"- {act_words(act)}", hang=2)
    same = len(steps) - len(changed)
    if not changed:
        page.heading(f"Nothing to change on {counted(same, 'machine')}.")
    elif same:
        page.heading(f"Nothing to change on {counted(same, 'other machine')}.")
    return page


def _data(one: Steps) -> dict[str, Any]:
    from mastodon_infra.cli.render_diff import node_data

    return {
        **node_data(one.difference),
        "edited": list(one.edited),
        "waiting": [{"verb": act.verb.value, "unit": act.unit, "because": list(act.because)} for act in one.waiting],
        "is_changed": bool(one),
    }


def _tell(node: str, words: str) -> None:
    console.tell(f"  {node} {words}")
