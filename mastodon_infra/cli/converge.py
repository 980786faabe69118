"""``converge``: bring running machines to what the stack says, over SSH, after showing what changes and asking."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.deployed import LoginOption
from mastodon_infra.cli.layout import listed
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption
from mastodon_infra.cli.up import YesOption
from mastodon_infra.errors import MastodonInfraError, SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.cli.converge_page import Outlook
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.operate.converge.balancer import Balancers
    from mastodon_infra.operate.converge.decide import Steps
    from mastodon_infra.operate.converge.lease import Lease
    from mastodon_infra.operate.reach import Fleet
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
    wish = _Wish(
        only=tuple(node or ()), login=login, allow_restart=allow_restart, dry_run=dry_run, yes=yes, as_json=as_json
    )
    asyncio.run(_converge(loaded, outputs, wish))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for on the command line."""

    only: tuple[str, ...]
    login: str
    allow_restart: bool
    dry_run: bool
    yes: bool
    as_json: bool


def _make_ready() -> None:
    """Import what will be needed."""
    from mastodon_infra.cli import converge_page
    from mastodon_infra.render import bundle

    _ = converge_page, bundle


async def _converge(loaded: Loaded, outputs: StackOutputs, wish: _Wish) -> None:
    from mastodon_infra.cli.converge_page import Outlook
    from mastodon_infra.operate.converge.carry import Carrier
    from mastodon_infra.operate.converge.front import Front
    from mastodon_infra.operate.converge.lease import Lease
    from mastodon_infra.operate.converge.rounds import ahead, bring_all, decide_all, health_addresses, shared_units
    from mastodon_infra.operate.reach import Fleet

    plan = loaded.plan
    async with Fleet.of(plan, outputs, user=wish.login) as fleet:
        lease = Lease(fleet, plan.jump)
        bundles = await _reached(loaded, outputs, fleet, lease, wish)
        carrier = Carrier(
            reach=fleet,
            connect=lambda: Fleet.of(plan, outputs, user=wish.login),
            health=lambda name: health_addresses(plan, name),
            allow_restart=wish.allow_restart,
            shared=lambda name: shared_units(plan, name),
            tell=_tell,
        )
        balancers, steps = await asyncio.gather(asyncio.to_thread(_balancers, loaded), decide_all(carrier, bundles))
        # Who only looks needs no token; who works is told where it is missing, before the question.
        if balancers is not None and (balancers.api.token or (any(steps.values()) and not wish.dry_run)):
            await balancers.read()
        front = Front(balancers, fleet, _tell)
        outlook = Outlook(steps, front.out() & steps.keys(), ahead(plan, steps))
        _show(outlook, wish)
        if wish.dry_run:
            return
        _ask(outlook, wish)
        ended: dict[str, Steps] = {}
        error = None
        try:
            if outlook.is_work or not outlook.is_well:
                await bring_all(carrier, plan, steps, front, ended=ended, hold=lease.hold)
        except MastodonInfraError as caught:
            error = caught
        _end(outlook, ended, front.out(), error, as_json=wish.as_json)


async def _reached(
    loaded: Loaded, outputs: StackOutputs, fleet: Fleet, lease: Lease, wish: _Wish
) -> dict[str, NodeBundle]:
    """What each machine should hold; it is worked out while they are reached, and nobody else may change them."""

    async def reach() -> None:
        await fleet.connect(_chosen(loaded, wish.only))
        if not wish.dry_run:
            await lease.hold()

    connecting = asyncio.create_task(reach())
    try:
        bundles = await asyncio.to_thread(_bundles, loaded, outputs, wish.only)
        await connecting
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
    return bundles


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


def _balancers(loaded: Loaded) -> Balancers | None:
    """The balancers of the stack, not asked yet; None where it has none."""
    from mastodon_infra.operate.accounts import accounts_from, clients_of
    from mastodon_infra.operate.converge.balancer import Balancers
    from mastodon_infra.operate.engine import find_engine

    if loaded.plan.balancer is None:
        return None
    engine = find_engine(stack=loaded.name, file=Path(loaded.file.name))
    api = clients_of(accounts_from(engine.config(), os.environ)).linode
    return Balancers(api, loaded.plan.balancer.labels)


def _show(outlook: Outlook, wish: _Wish) -> None:
    """What would be done. As data it is one answer with how it ended; whoever is asked still reads it before."""
    from mastodon_infra.cli.converge_page import outlook_data, page_of

    if wish.as_json and wish.dry_run:
        console.say_json(outlook_data(outlook))
    elif not wish.as_json:
        console.say(str(page_of(outlook, console.width(), is_plain=console.is_plain())))
    elif outlook.is_work and not wish.yes:
        console.tell(str(page_of(outlook, console.width(), is_plain=True)))


def _ask(outlook: Outlook, wish: _Wish) -> None:
    if outlook.is_work and not wish.yes and not typer.confirm("Change this?", err=True):
        console.tell("Nothing was done.")
        raise typer.Exit(1)


def _end(
    outlook: Outlook,
    ended: Mapping[str, Steps],
    drained: frozenset[str],
    error: MastodonInfraError | None,
    *,
    as_json: bool,
) -> None:
    """Say how it ended; raises the error, which as data is part of the answer."""
    from mastodon_infra.cli.converge_page import end_data, end_lines, outlook_data

    if as_json:
        problems = {"problems": [console.problem_data(one) for one in error.problems]} if error else {}
        result = {"result": end_data(outlook, ended, drained, error)}
        console.say_json({**outlook_data(outlook), **result, **problems})
        if error:
            raise typer.Exit(error.exit_code) from error
        return
    for line in end_lines(outlook, ended):
        console.tell(line)
    if error:
        raise error


def _tell(node: str, words: str) -> None:
    console.tell(f"  {node} {words}")
