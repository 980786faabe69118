"""One machine brought to its bundle: looked at, changed, proven reachable, and waited for until it is well."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, Protocol

from mastodon_infra.operate.converge.decide import ConvergeError, Steps, UnwellError, decide
from mastodon_infra.operate.converge.job import access_job, whole_job
from mastodon_infra.operate.converge.machine import apply, launch, probe
from mastodon_infra.operate.converge.observed import Observed, question, read_observed
from mastodon_infra.operate.converge.wellness import Runs, runs, started_again, unwell
from mastodon_infra.operate.reach import Outcome, ReachError
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.difference import Verb

LOOK_SECONDS = 60
WORK_SECONDS = 3600
GUARD_SECONDS = 90
"""How long a machine waits for a new session before it brings the old access back."""
SETTLE_SECONDS = 300
REBOOT_SECONDS = 600
PAUSE_SECONDS = 2
BUSY_SECONDS = 120
"""For how long the work of a run that was cut off is waited for: a little longer than an undo takes."""
APART_SECONDS = 5
"""Between the two looks that have to be good: what crashes at once has by then."""
LEFT_ALONE = "the machines after it were left alone"
NOT_YET = "is not well after its change"
WORKER = "mastodon-infra-converge.service"


class Reach(Protocol):
    """Whoever runs programs on machines."""

    async def run(self, node: str, *words: str, stdin: bytes = b"", sudo: bool = True, seconds: float = 60) -> Outcome:
        """Run one, as root unless ``sudo`` is false."""


Connect = Callable[[], AbstractAsyncContextManager[Reach]]
"""Makes a new way to the machines, with sessions of its own."""

Prepare = Callable[[Steps], Awaitable[None]]
"""Told what is about to be done to a machine, just before it is."""


def _told_nobody(_node: str, _words: str) -> None:
    """Keep it."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """What is needed to change machines.

    Attributes:
        reach: The sessions that are open.
        connect: Makes new ones, by which changed access is proven.
        health: The addresses at which a machine must answer; none where it serves no pages.
        allow_restart: Whether what holds state may be interrupted.
        shared: The units of a machine that others ask all the time, beside what holds state.
        tell: Told why something is waited for: a machine's name, and a few words.
    """

    reach: Reach
    connect: Connect
    health: Callable[[str], Sequence[str]]
    allow_restart: bool
    shared: Callable[[str], Sequence[str]] = lambda _: ()
    tell: Callable[[str, str], None] = _told_nobody

    async def look(self, wanted: NodeBundle) -> Observed:
        """What is on the machine, and whether it is well, in one round trip."""
        asked = question(wanted, self.health(wanted.node))
        return read_observed(await _ask(self.reach, wanted.node, probe, asked, seconds=LOOK_SECONDS))

    async def decide(self, wanted: NodeBundle) -> Steps:
        """What the machine needs; nothing is changed. What a run that was cut off left going is waited for a while."""
        loop = asyncio.get_running_loop()
        end, said = loop.time() + BUSY_SECONDS, ""
        seen = await self.look(wanted)
        while (why := _why_wait(seen)) and loop.time() < end:
            if why != said:
                self.tell(wanted.node, said := why)
            await asyncio.sleep(PAUSE_SECONDS)
            seen = await self.look(wanted)
        return decide(wanted, seen, allow_restart=self.allow_restart, shared=self.shared(wanted.node))

    async def bring(self, wanted: NodeBundle, prepare: Prepare) -> Steps:
        """Bring the machine to its bundle. What is still to be done is decided anew at each step.

        Gives what was decided last. Raises ConvergeError where a step fails, or the machine is not well afterwards.
        """
        steps = await self.decide(wanted)
        if steps.guarded:
            await prepare(steps)
            await self._send(steps, access_job(steps, moment=_moment()), guarded=True)
            await self._prove(steps.node)
            steps = await self.decide(wanted)
        if steps:
            await prepare(steps)
            await self._send(steps, whole_job(steps, moment=_moment()), guarded=False)
        if any(act.verb is Verb.REBOOT for act in steps.acts):
            await self._reboot(wanted)
        await self.wait_until_well(wanted, seconds=SETTLE_SECONDS)
        return steps

    async def wait_until_well(self, wanted: NodeBundle, *, seconds: float, what: str = NOT_YET) -> None:
        """Wait until everything runs, goes on running, and answers; raises UnwellError with what does not.

        One good look is not enough: a unit that crashes is started again, and looks well in between. Until the time is
        over a machine that is not reached may come back: it may be rebooting, or the jump machine before it.
        """
        loop = asyncio.get_running_loop()
        end, before = loop.time() + seconds, None
        while True:
            wrong, now = await self._judged(wanted)
            if now is not None and before is not None and not (wrong := started_again(before, now)):
                return
            before = now if not wrong else None
            if wrong and loop.time() > end:
                raise UnwellError(
                    f"it {what}: {'; '.join(wrong[:3])}",
                    hint=f"mastodon-infra logs STACK {wanted.node} shows why; {LEFT_ALONE}",
                    where=wanted.node,
                )
            await asyncio.sleep(PAUSE_SECONDS if wrong else APART_SECONDS)

    async def _judged(self, wanted: NodeBundle) -> tuple[list[str], Runs | None]:
        """What is wrong now; where nothing is, also what runs."""
        try:
            seen = await self.look(wanted)
        except ReachError as error:
            return [error.problems[0].message], None
        wrong = list(unwell(wanted, seen))
        return wrong, None if wrong else runs(wanted, seen)

    async def _send(self, steps: Steps, job: dict[str, Any], *, guarded: bool) -> None:
        asked = {
            "program": inspect.getsource(apply),
            "job": job,
            "guarded": list(steps.guarded) if guarded else [],
            "seconds": GUARD_SECONDS,
        }
        try:
            told = await _ask(self.reach, steps.node, launch, asked, seconds=WORK_SECONDS)
        except asyncio.CancelledError:
            self.tell(steps.node, f"goes on with its work by itself, in {WORKER}; converge again to see how it ended")
            raise
        if told["trouble"]:
            raise UnwellError(
                str(told["trouble"]),
                hint=f"mend that and converge again: it goes on where it stopped; {LEFT_ALONE}",
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
            raise UnwellError(
                f"its new access lets nobody in ({error.problems[0].message}); within {GUARD_SECONDS} s it has the old",
                hint="look at the administrators' keys and networks in the stack's file",
                where=node,
            ) from None
        if not is_kept:
            raise UnwellError(
                "its new access was not proven in time, and the old one is back",
                hint="converge again",
                where=node,
            )

    async def _reboot(self, wanted: NodeBundle) -> None:
        before = (await self.reach.run(wanted.node, "cat", BOOT_ID, sudo=False)).stdout
        with suppress(ReachError):  # It may be gone before it has answered.
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
        raise UnwellError("it has not come back from its reboot", hint="look at its console", where=wanted.node)


BOOT_ID = "/proc/sys/kernel/random/boot_id"


def _why_wait(seen: Observed) -> str:
    """What an earlier run left going on the machine, in words; empty where nothing."""
    if seen.is_busy:
        return "is still at work for an earlier converge; that is waited for"
    if seen.awaits_proof:
        return f"is given {GUARD_SECONDS} s to bring its old access back: an earlier converge never proved the new one"
    return ""


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
