"""All machines, in an order in which somebody always serves: data first, then what works behind, then the front.

Machines with data and the web nodes go one at a time, the others some at once. The first that is not well ends it all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mastodon_infra.model.role import Role
from mastodon_infra.operate.converge.balancer import Balancers
from mastodon_infra.operate.converge.carry import Carrier
from mastodon_infra.operate.converge.decide import ConvergeError, Steps
from mastodon_infra.plan.tuning.web import PORT
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import Verb

AT_ONCE = 4
DRAIN_SECONDS = 30
"""How long connections may take to end by themselves. Streams last for hours: browsers open them anew elsewhere."""
QUIET_SECONDS = 2
FRONT = ("nginx.service", "mastodon-web.service", "mastodon-streaming@*.service")

Tell = Callable[[str, str], None]
"""Told what happens: a machine's name, and a few words."""


@dataclass(frozen=True, slots=True)
class Round:
    """Machines that may change at the same time."""

    nodes: tuple[str, ...]


def rounds(
    plan: InstancePlan, nodes: Mapping[str, object], *, drained: frozenset[str] = frozenset()
) -> tuple[Round, ...]:
    """The order of these machines of the plan.

    Web nodes that an earlier run has left out come before the others: while they are out, no other one may go.
    """
    chosen = [node for node in plan.nodes if node.name in nodes]
    data = [node.name for node in chosen if {Role.POSTGRES, Role.REDIS} & set(node.roles)]
    web = [node.name for node in chosen if Role.WEB in node.roles and node.name not in data]
    web.sort(key=lambda name: name not in drained)
    rest = tuple(node.name for node in chosen if node.name not in data and node.name not in web)
    middle = tuple(Round(rest[start : start + AT_ONCE]) for start in range(0, len(rest), AT_ONCE))
    return (*(Round((name,)) for name in data), *middle, *(Round((name,)) for name in web))


def health_address(plan: InstancePlan, node: str) -> str:
    """Where a machine's own Mastodon answers whether it is well; empty where it serves no pages."""
    return f"http://127.0.0.1:{PORT}/health" if Role.WEB in plan.node(node).roles else ""


async def decide_all(carrier: Carrier, bundles: Mapping[str, NodeBundle]) -> dict[str, Steps]:
    """What each machine needs, asked of all at once."""
    found = await asyncio.gather(*(carrier.decide(wanted) for wanted in bundles.values()))
    return dict(zip(bundles, found, strict=True))


async def bring_all(
    carrier: Carrier, plan: InstancePlan, steps: Mapping[str, Steps], balancers: Balancers | None, tell: Tell
) -> None:
    """Change the machines that need it, round by round.

    Raises ConvergeError at the first that is not well; those of its round are let finish, and no other is begun.
    """
    drained = balancers.drained() if balancers is not None else frozenset()
    for one in rounds(plan, {name: step for name, step in steps.items() if step}, drained=drained):
        ended = await asyncio.gather(
            *(_bring(carrier, steps[name], balancers, tell) for name in one.nodes), return_exceptions=True
        )
        for error in ended:
            if isinstance(error, BaseException):
                raise error


async def _bring(carrier: Carrier, steps: Steps, balancers: Balancers | None, tell: Tell) -> None:
    began = asyncio.get_running_loop().time()
    if balancers is not None and interrupts_front(steps):
        tell(steps.node, "is taken out of the balancer")
        await balancers.drain(steps.node)
        await _let_connections_end(carrier, steps.node)
    tell(steps.node, "changes")
    await carrier.bring(steps.wanted)
    if balancers is not None and interrupts_front(steps):
        await balancers.accept(steps.node)
        tell(steps.node, "is back behind the balancer")
    tell(steps.node, f"is well, after {asyncio.get_running_loop().time() - began:.0f} s")


def interrupts_front(steps: Steps) -> bool:
    """Whether visitors of this machine would notice the change."""
    front = (name for name in _interrupted(steps) if any(fnmatchcase(name, pattern) for pattern in FRONT))
    return any(act.verb is Verb.REBOOT for act in steps.acts) or next(front, None) is not None


def _interrupted(steps: Steps) -> Iterator[str]:
    yield from steps.stopped
    yield from (act.unit for act in steps.acts if act.verb in {Verb.RESTART, Verb.START})


async def put_back(carrier: Carrier, balancers: Balancers, steps: Mapping[str, Steps], tell: Tell) -> None:
    """Put nodes back that an earlier run has left out, and that nothing else will be done to."""
    for node in sorted(balancers.drained() & steps.keys()):
        if not steps[node]:
            await carrier.wait_until_well(steps[node].wanted)
            await balancers.accept(node)
            tell(node, "was still out of the balancer, and is back")


async def _let_connections_end(carrier: Carrier, node: str) -> None:
    """Send away who is connected to the front, and wait until nobody is, or long enough.

    A balancer that drains leaves kept connections alone. nginx that reloads ends those: at once where they are idle,
    else with the next answer; whoever asks again comes by the balancer. It does so with the settings that it has.
    """
    await carrier.reach.run(node, "systemctl", "reload", "nginx.service")
    loop = asyncio.get_running_loop()
    end = loop.time() + DRAIN_SECONDS
    while loop.time() < end:
        await asyncio.sleep(QUIET_SECONDS)
        said = await carrier.reach.run(
            node, "ss", "--no-header", "--tcp", "--numeric", "state", "established", "( sport = :443 )"
        )
        if not said:
            raise ConvergeError(f"its connections cannot be counted: {said.stderr.strip()}", where=node)
        if not said.stdout.strip():
            return
