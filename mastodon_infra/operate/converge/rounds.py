"""All machines, in an order in which somebody always serves: data first, then what works behind, then the front.

Machines with data and the web nodes go one at a time, the others some at once. The first that is not well ends it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from mastodon_infra.errors import MastodonInfraError, Problem
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.operate.converge.carry import Carrier
from mastodon_infra.operate.converge.decide import Steps
from mastodon_infra.operate.converge.front import Front
from mastodon_infra.plan.network_types import Bind
from mastodon_infra.plan.tuning.web import PORT
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import Verb

AT_ONCE = 4
COMING_SECONDS = 120
"""How long a machine that needs no change may take to become well: an earlier run may have left it just starting."""
FRONT = ("nginx.service", "mastodon-web.service", "mastodon-streaming@*.service", "pgbouncer.service")
POOLER = "pgbouncer.service"
DATA = frozenset({Role.POSTGRES, Role.REDIS})
NO_CHANGE = "is not well, and what it should hold is there already"


@dataclass(frozen=True, slots=True)
class Round:
    """Machines that may change at the same time."""

    nodes: tuple[str, ...]


def rounds(
    plan: InstancePlan,
    nodes: Mapping[str, object],
    *,
    drained: frozenset[str] = frozenset(),
    unwell: frozenset[str] = frozenset(),
) -> tuple[Round, ...]:
    """The order of these machines of the plan.

    Web nodes that an earlier run has left out come before the others: while they are out, no other one may go. What is
    not well comes before what is. The jump machine has a round of its own, the last where its work allows that: when it
    reboots, nobody is reached.
    """
    chosen = [node for node in plan.nodes if node.name in nodes]
    chosen.sort(key=lambda node: (node.name not in drained, node.name not in unwell))
    data = [node.name for node in chosen if DATA & set(node.roles)]
    web = [node.name for node in chosen if Role.WEB in node.roles and node.name not in data]
    web.sort(key=lambda name: name == plan.jump and name not in drained)
    jump = [plan.jump] if plan.jump in nodes and plan.jump not in {*data, *web} else []
    rest = tuple(node.name for node in chosen if node.name not in {*data, *web, *jump})
    middle = tuple(Round(rest[start : start + AT_ONCE]) for start in range(0, len(rest), AT_ONCE))
    return (*(Round((name,)) for name in data), *middle, *(Round((name,)) for name in (*web, *jump)))


def health_addresses(plan: InstancePlan, node: str) -> tuple[str, ...]:
    """Where a machine's own Mastodon answers whether it is well; none where it serves no pages."""
    return tuple(_health_addresses(plan, plan.node(node)))


def _health_addresses(plan: InstancePlan, node: NodePlan) -> Iterator[str]:
    if Role.WEB in node.roles:
        yield f"http://127.0.0.1:{PORT}/health"
    if node.streaming is not None:
        binds = {one.bind for one in plan.listeners if one.group == node.group and one.process == "streaming"}
        address = node.address if binds - {Bind.LOOPBACK} else "127.0.0.1"
        yield from (f"http://{address}:{port}/api/v1/streaming/health" for port in node.streaming.ports)


def shared_units(plan: InstancePlan, node: str) -> tuple[str, ...]:
    """Units of a machine that others ask all the time: the one pooler before the database, where all go through it."""
    is_asked = plan.pooler.value is PoolerPlace.DATABASE_NODE and len(plan.nodes) > 1
    return (POOLER,) if is_asked and plan.node(node).pgbouncer is not None else ()


@dataclass(frozen=True, slots=True)
class Ahead:
    """Machines that would change while those with data still run with settings that wait for leave."""

    waiting: tuple[str, ...]
    changing: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.waiting and self.changing)


def ahead(plan: InstancePlan, steps: Mapping[str, Steps]) -> Ahead:
    """Who would change before the data that they ask."""
    nodes = [node for node in plan.nodes if node.name in steps]
    data = {node.name for node in nodes if DATA & set(node.roles)}
    app = {node.name for node in nodes if {Role.WEB, Role.SIDEKIQ, Role.STREAMING} & set(node.roles)}
    return Ahead(
        tuple(node.name for node in nodes if node.name in data and steps[node.name].waiting),
        tuple(node.name for node in nodes if node.name in app - data and steps[node.name].acts),
    )


async def decide_all(carrier: Carrier, bundles: Mapping[str, NodeBundle]) -> dict[str, Steps]:
    """What each machine needs, asked of all at once."""
    found = await _all(carrier.decide(wanted) for wanted in bundles.values())
    return dict(zip(bundles, found, strict=True))


async def bring_all(
    carrier: Carrier,
    plan: InstancePlan,
    steps: Mapping[str, Steps],
    front: Front,
    *,
    ended: dict[str, Steps],
    hold: Callable[[], Awaitable[None]],
) -> None:
    """Change the machines that need it, round by round; what each of them needed goes into ``ended``.

    First those that need nothing have to be well, and go back where an earlier run has left them out. ``hold`` is asked
    before each round. Raises ConvergeError at the first that is not well; those of its round are let finish, and no
    other is begun.
    """
    await hold()
    same = [one for one in steps.values() if not one]
    await _all(_settle(carrier, one, front) for one in same if one.unwell or one.node in front.out())
    unwell = frozenset(name for name, one in steps.items() if one.unwell)
    for turn in rounds(plan, {name: one for name, one in steps.items() if one}, drained=front.out(), unwell=unwell):
        await hold()
        await _all(_bring(carrier, steps[name], front, ended) for name in turn.nodes)


async def _all(works: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all to their ends, and raise what went wrong, of all of them together."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    for error in ended:
        if isinstance(error, BaseException) and not isinstance(error, MastodonInfraError):
            raise error
    errors = [error for error in ended if isinstance(error, MastodonInfraError)]
    if errors:
        raise type(errors[0])(dict.fromkeys(one for error in errors for one in error.problems)) from errors[0]
    return ended


async def _settle(carrier: Carrier, steps: Steps, front: Front) -> None:
    """A machine that needs no change has to be well, and goes back where it was out."""
    if steps.unwell:
        carrier.tell(steps.node, f"is not well: {steps.unwell[0]}; it has {COMING_SECONDS} s")
    await carrier.wait_until_well(steps.wanted, seconds=COMING_SECONDS, what=NO_CHANGE)
    await front.let_in(steps.node)


async def _bring(carrier: Carrier, steps: Steps, front: Front, ended: dict[str, Steps]) -> None:
    """One machine. Where it was out already, or has to be, it is led visitors again only when it is well."""
    node, began = steps.node, asyncio.get_running_loop().time()
    is_ready = False

    async def prepare(found: Steps) -> None:
        nonlocal is_ready
        if not is_ready and interrupts_front(found):
            await front.take_out(node)
            is_ready = True
        carrier.tell(node, "changes")

    try:
        ended[node] = await carrier.bring(steps.wanted, prepare)
        await front.let_in(node)
    except MastodonInfraError as error:
        if node in front.out():
            left = Problem((), STILL_OUT, hint="mend what is told above, then converge again: it goes back", where=node)
            raise type(error)((*error.problems, left)) from error
        raise
    except BaseException:
        if node in front.out():
            carrier.tell(node, f"{STILL_OUT}; converge again: it goes on, and the node goes back")
        raise
    carrier.tell(node, f"is well, after {asyncio.get_running_loop().time() - began:.0f} s")


STILL_OUT = "is still out of the balancer"


def interrupts_front(steps: Steps) -> bool:
    """Whether visitors of this machine would notice the change."""
    front = (name for name in _interrupted(steps) if any(fnmatchcase(name, pattern) for pattern in FRONT))
    return any(act.verb is Verb.REBOOT for act in steps.acts) or next(front, None) is not None


def _interrupted(steps: Steps) -> Iterator[str]:
    yield from steps.stopped
    yield from (act.unit for act in steps.acts if act.verb in {Verb.RESTART, Verb.START})
