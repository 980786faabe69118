"""The web nodes' places behind the balancers: left before visitors would notice a change, and taken again after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from mastodon_infra.operate.converge.balancer import ACCEPT, Balancers
from mastodon_infra.operate.converge.carry import Reach
from mastodon_infra.operate.converge.decide import ConvergeError

DRAIN_SECONDS = 30
"""How long connections may take to end by themselves. Streams last for hours: browsers open them anew elsewhere."""
QUIET_SECONDS = 2

Tell = Callable[[str, str], None]
"""Told what happens: a machine's name, and a few words."""


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the web nodes. Without balancers nobody is taken out, and nobody is out."""

    balancers: Balancers | None
    reach: Reach
    tell: Tell

    def out(self) -> frozenset[str]:
        """Who takes no new connection now."""
        return self.balancers.drained() if self.balancers is not None else frozenset()

    async def take_out(self, node: str) -> None:
        """Lead visitors elsewhere, and wait until those who are connected have gone.

        Raises ConvergeError where there would be no other node for them. A node that stands alone behind its balancer
        stays: without it nobody would serve at all. Where this fails half-way the node is put back, unchanged.
        """
        if self.balancers is None:
            return
        await self.balancers.read()
        if not self.balancers.has_others(node):
            return
        self.balancers.require_another(node)
        was_out = node in self.out()
        self.tell(node, "is taken out of the balancer")
        try:
            await self.balancers.drain(node)
            await self._let_connections_end(node)
        except BaseException:
            if not was_out:
                await self._put_back_unchanged(node)
            raise

    async def let_in(self, node: str) -> None:
        """Lead visitors to a node again, where it was out; raises ConvergeError where its balancer calls it down."""
        if self.balancers is not None and node in self.out():
            await self.balancers.accept(node)
            self.tell(node, "is back behind the balancer")

    async def _put_back_unchanged(self, node: str) -> None:
        assert self.balancers is not None
        # Where this fails too, whoever called tells that the node is still out.
        with suppress(ConvergeError):
            await self.balancers.set_mode(node, ACCEPT)
            self.tell(node, "is back behind the balancer, unchanged")

    async def _let_connections_end(self, node: str) -> None:
        """Send away who is connected to the front, and wait until nobody is, or long enough.

        A balancer that drains leaves kept connections alone. nginx that reloads ends those: at once where they are
        idle, else with the next answer; whoever asks again comes by the balancer. It does so with the settings that
        it has.
        """
        await self.reach.run(node, "systemctl", "reload", "nginx.service")
        loop = asyncio.get_running_loop()
        end = loop.time() + DRAIN_SECONDS
        while loop.time() < end:
            await asyncio.sleep(QUIET_SECONDS)
            said = await self.reach.run(
                node, "ss", "--no-header", "--tcp", "--numeric", "state", "established", "( sport = :443 )"
            )
            if not said:
                raise ConvergeError(f"its connections cannot be counted: {said.stderr.strip()}", where=node)
            if not said.stdout.strip():
                return
