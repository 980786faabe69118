"""One machine brought to its bundle: looked at, changed, proven reachable, and waited for until it is well."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Protocol

from mastodon_infra.operate.converge.decide import ConvergeError, Steps, decide
from mastodon_infra.operate.converge.job import access_job, whole_job
from mastodon_infra.operate.converge.machine import apply, launch, probe
from mastodon_infra.operate.converge.observed import Observed, question, read_observed
from mastodon_infra.operate.reach import Outcome, ReachError
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import Verb, started

LOOK_SECONDS = 60
WORK_SECONDS = 3600
GUARD_SECONDS = 90
"""How long a machine waits for a new session before it brings the old access back."""
SETTLE_SECONDS = 300
REBOOT_SECONDS = 600
PAUSE_SECONDS = 2


class Reach(Protocol):
    """Whoever runs programs on machines."""

    async def run(self, node: str, *words: str, stdin: bytes = b"", sudo: bool = True, seconds: float = 60) -> Outcome:
        """Run one, as root unless ``sudo`` is false."""


Connect = Callable[[], AbstractAsyncContextManager[Reach]]
"""Makes a new way to the machines, with sessions of its own."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What is needed to change machines.

    Attributes:
        reach: The sessions that are open.
        connect: Makes new ones, by which changed access is proven.
        health: The address at which a machine's page must answer; empty where it has none.
        allow_restart: Whether what holds state may be interrupted.
    """

    reach: Reach
    connect: Connect
    health: Callable[[str], str]
    allow_restart: bool

    async def look(self, wanted: NodeBundle) -> Observed:
        """What is on the machine, in one round trip."""
        return await _look(self.reach, wanted, "")

    async def decide(self, wanted: NodeBundle) -> Steps:
        """What the machine needs; nothing is changed."""
        return decide(wanted, await self.look(wanted), allow_restart=self.allow_restart)

    async def bring(self, wanted: NodeBundle) -> None:
        """Bring the machine to its bundle. What is still to be done is decided anew at each step.

        Raises ConvergeError where a step fails, or the machine is not well afterwards.
        """
        steps = await self.decide(wanted)
        if steps.guarded:
            await self._send(steps, access_job(steps, moment=_moment()), guarded=True)
            await self._prove(steps.node)
            steps = await self.decide(wanted)
        if steps:
            await self._send(steps, whole_job(steps, moment=_moment()), guarded=False)
        if any(act.verb is Verb.REBOOT for act in steps.acts):
            await self._reboot(wanted)
        await self.wait_until_well(wanted)

    async def wait_until_well(self, wanted: NodeBundle, *, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until everything runs and the page answers; raises ConvergeError with what does not."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            wrong = list(unwell(wanted, await _look(self.reach, wanted, self.health(wanted.node))))
            if not wrong:
                return
            if loop.time() > end:
                raise ConvergeError(
                    f"it is not well after its change: {'; '.join(wrong[:3])}",
                    hint=f"mastodon-infra logs STACK {wanted.node} shows why; the machines after it were left alone",
                    where=wanted.node,
                )
            await asyncio.sleep(PAUSE_SECONDS)

    async def _send(self, steps: Steps, job: dict[str, Any], *, guarded: bool) -> None:
        asked = {
            "program": inspect.getsource(apply),
            "job": job,
            "guarded": list(steps.guarded) if guarded else [],
            "seconds": GUARD_SECONDS,
        }
        told = await _ask(self.reach, steps.node, launch, asked, seconds=WORK_SECONDS)
        if told["trouble"]:
            raise ConvergeError(
                str(told["trouble"]),
                hint="mend that and converge again: it goes on where it stopped; the machines after it were left alone",
                where=steps.node,
            )

    async def _prove(self, node: str) -> None:
        """Get in by a new session, and only then tell the machine to keep its new access."""
        timer = "mastodon-infra-undo.timer"
        try:
            async with self.connect() as fresh:
                is_waiting = await fresh.run(node, "systemctl", "is-active", "--quiet", timer)
                is_kept = bool(is_waiting) and bool(await fresh.run(node, "systemctl", "stop", timer))
        except ReachError as error:
            raise ConvergeError(
                f"its new access lets nobody in ({error.problems[0].message}); within {GUARD_SECONDS} s it has the old",
                hint="look at the administrators' keys and networks in the stack's file",
                where=node,
            ) from None
        if not is_kept:
            raise ConvergeError(
                "its new access was not proven in time, and the old one is back",
                hint="converge again",
                where=node,
            )

    async def _reboot(self, wanted: NodeBundle) -> None:
        before = (await self.reach.run(wanted.node, "cat", BOOT_ID, sudo=False)).stdout
        await self.reach.run(wanted.node, "systemctl", "reboot", "--no-block")
        loop = asyncio.get_running_loop()
        end = loop.time() + REBOOT_SECONDS
        while loop.time() < end:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                if (await self.reach.run(wanted.node, "cat", BOOT_ID, sudo=False)).stdout not in {before, ""}:
                    return
            except ReachError:
                continue
        raise ConvergeError("it has not come back from its reboot", hint="look at its console", where=wanted.node)


BOOT_ID = "/proc/sys/kernel/random/boot_id"


def unwell(wanted: NodeBundle, seen: Observed) -> Iterator[str]:
    """What of the bundle does not run as it should, in words."""
    for name in dict.fromkeys((*started(wanted), *(unit.name for unit in wanted.units))):
        unit = seen.unit(name)
        if unit.active == "failed":
            yield f"{name} has failed"
        elif unit.active in {"activating", "deactivating", "reloading"} or unit.has_job:
            yield f"{name} is still {unit.active or 'starting'}"
    if seen.health:
        yield seen.health


async def _look(reach: Reach, wanted: NodeBundle, health: str) -> Observed:
    return read_observed(await _ask(reach, wanted.node, probe, question(wanted, health), seconds=LOOK_SECONDS))


async def _ask(reach: Reach, node: str, program: ModuleType, asked: object, *, seconds: float) -> dict[str, Any]:
    """Run one of our programs on a machine. Program and question go in by its input: neither is on a command line."""
    text = f"{inspect.getsource(program)}\nmain({json.dumps(asked)!r})\n"
    outcome = await reach.run(node, "/usr/bin/python3", "-IS", "-", stdin=text.encode(), seconds=seconds)
    try:
        told: dict[str, Any] = json.loads(outcome.stdout)
    except ValueError:
        last = (outcome.stderr.strip().splitlines() or ["no reason"])[-1]
        raise ConvergeError(
            f"{program.__name__.rpartition('.')[2]} did not run there: {last}",
            hint="is this machine one of the stack's, with Debian's python3?",
            where=node,
        ) from None
    return told


def _moment() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
