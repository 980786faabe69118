"""One converge at a time on an instance: a lock on the jump machine, held by a session and gone with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from mastodon_infra.operate.converge.decide import ConvergeError
from mastodon_infra.operate.reach import Fleet, ReachError

PATH = "/run/mastodon-infra-fleet.lock"
HELD = "held"
ANSWER_SECONDS = 15
FORGOTTEN_MINUTES = 5
"""Our sshd looks five times, a minute apart, before it gives up a client that says nothing."""
TAKEN = 75

HOLD = f"""
exec 9>>"$1"
if ! flock --nonblock 9; then cat "$1"; exit {TAKEN}; fi
printf "%s\\n" "$2" > "$1"
echo {HELD}
while read -r _; do echo {HELD}; done
"""
"""Takes the lock on ``$1``, writes ``$2`` there, and says at each line that it still holds it."""


@dataclass(slots=True)
class Lease:
    """The right to change an instance's machines. It ends with the fleet's connections, or with whoever holds it."""

    fleet: Fleet
    node: str
    path: str = PATH
    _holder: asyncssh.SSHClientProcess[str] | None = field(default=None, init=False)

    async def hold(self) -> None:
        """Take it, or see that it is still held; raises ConvergeError where another converge has it."""
        if self._holder is not None:
            if await self._answer() == HELD:
                return
            self._holder.close()
        who = f"{self.fleet.roster.user}, since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        self._holder = await self.fleet.talk(self.node, "sh", "-c", HOLD, "hold", self.path, who)
        said = await self._answer(is_new=True)
        if said == HELD:
            return
        holder, self._holder = self._holder, None
        if not said:
            holder.close()
        status = (await holder.wait()).returncode
        if status != TAKEN:
            raise ReachError("the right to change machines could not be taken there", where=self.node)
        raise ConvergeError(
            f"another converge is at work on this stack: {said or 'it does not say whose'}",
            hint=f"wait until it has ended; one whose computer is gone is forgotten after {FORGOTTEN_MINUTES} minutes",
            where=self.node,
        )

    async def _answer(self, *, is_new: bool = False) -> str:
        """The holder's next line; empty where it has ended, or says nothing."""
        assert self._holder is not None
        try:
            if not is_new:
                self._holder.stdin.write("\n")
            return (await asyncio.wait_for(self._holder.stdout.readline(), ANSWER_SECONDS)).strip()
        except (asyncssh.Error, OSError, TimeoutError):
            return ""
