"""Web nodes taken out of their balancers and put back, through Linode's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from mastodon_infra.operate.api import Answer, Api, UnreachableError, send
from mastodon_infra.operate.converge.decide import ConvergeError, UnwellError

ACCEPT, DRAIN = "accept", "drain"
UP, DOWN = "UP", "DOWN"
CHECK_SECONDS, PAUSE_SECONDS = 120, 2
"""For how long a balancer's own checks may say that a node is down which has just come back."""
UNTOLD_SECONDS = 12
"""Where it is not told, two of its checks will have been good by then."""
HINT = "a Linode token that may change NodeBalancers is needed: linode:token, or LINODE_TOKEN"


@dataclass(frozen=True, slots=True)
class Backend:
    """One node behind one port of one balancer."""

    node: str
    path: str
    mode: str
    status: str = ""

    @property
    def config(self) -> str:
        """The port that it stands behind."""
        return self.path.rpartition("/nodes/")[0]

    @property
    def serves(self) -> bool:
        """Whether visitors are led to it. Of a node that is new to the checks they know nothing yet."""
        return self.mode == ACCEPT and self.status != DOWN

    def state(self) -> str:
        """Why visitors are not led to it, in words."""
        mode = "is drained" if self.mode == DRAIN else f"has the mode {self.mode}"
        return f"{self.node} {'is down' if self.mode == ACCEPT else mode}"


@dataclass(slots=True)
class Balancers:
    """The balancers of an instance, by their labels."""

    api: Api
    labels: tuple[str, ...]
    _backends: tuple[Backend, ...] = field(default=())

    async def read(self) -> None:
        """Learn where each node stands; raises ConvergeError where that is not told."""
        self._backends = await asyncio.to_thread(lambda: tuple(self._all()))

    def drained(self) -> frozenset[str]:
        """Nodes that take no new connection somewhere: an earlier run may have ended before it put them back."""
        return frozenset(one.node for one in self._backends if one.mode == DRAIN)

    def has_others(self, node: str) -> bool:
        """Whether the node stands behind a balancer, and is not the only one there."""
        own = {one.config for one in self._backends if one.node == node}
        return any(one.config in own and one.node != node for one in self._backends)

    def require_another(self, node: str) -> None:
        """Raise ConvergeError where visitors would find nobody once the node is drained; as it was read last."""
        for own in self._backends:
            others = [one for one in self._backends if one.config == own.config and one.node != node]
            if own.node == node and own.serves and not any(one.serves for one in others):
                raise ConvergeError(
                    f"visitors would find nobody while it changes: {', '.join(one.state() for one in others)}",
                    hint="mend what is down, then converge without --node: that puts back what was left out",
                    where=node,
                )

    async def drain(self, node: str) -> None:
        """Let a node keep its connections and take no new ones."""
        await self.set_mode(node, DRAIN)

    async def accept(self, node: str) -> None:
        """Let a node take connections again, and wait until it does: the next one may go only then."""
        await self.set_mode(node, ACCEPT)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (states := await asyncio.to_thread(self._states, node)) - {UP}:
            waited = loop.time() - began
            if DOWN not in states and waited >= UNTOLD_SECONDS:
                return
            if waited > CHECK_SECONDS:
                raise UnwellError(
                    "the balancer's own checks say that it is down",
                    hint="look at its nginx from the balancer's side: its firewall, and the health check's path",
                    where=node,
                )
            await asyncio.sleep(PAUSE_SECONDS)

    async def set_mode(self, node: str, mode: str) -> None:
        """Set a node's mode everywhere, and wait for nothing."""
        for one in self._backends:
            if one.node == node:
                await asyncio.to_thread(self._put, one, mode)
                changed = replace(one, mode=mode)
                self._backends = tuple(changed if other.path == one.path else other for other in self._backends)

    def _all(self) -> Iterator[Backend]:
        for balancer in self._get("/nodebalancers"):
            if balancer["label"] in self.labels:
                at = f"/nodebalancers/{balancer['id']}/configs"
                for config in self._get(at):
                    for node in self._get(f"{at}/{config['id']}/nodes"):
                        path = f"{at}/{config['id']}/nodes/{node['id']}"
                        yield Backend(node["label"], path, node["mode"], str(node.get("status", "")))

    def _states(self, node: str) -> set[str]:
        """What the balancers' checks say of a node. Of one that is new to them they know nothing yet."""
        own = (self._asked(one.path) for one in self._backends if one.node == node)
        return {str(told.get("status")) for told in own}

    def _get(self, path: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self._asked(path, page_size="500").get("data", [])
        return told

    def _asked(self, path: str, **query: str) -> dict[str, Any]:
        try:
            answer = self.api.get(path, query=query)
        except UnreachableError as error:
            raise _refused(str(error)) from None
        if not answer.is_fine:
            raise _refused(answer.said())
        told: dict[str, Any] = answer.data()
        return told

    def _put(self, backend: Backend, mode: str) -> None:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.api.token:
            headers["Authorization"] = f"Bearer {self.api.token}"
        body = json.dumps({"mode": mode}).encode()
        try:
            answer: Answer = send("PUT", f"{self.api.url}{backend.path}", headers=headers, body=body)
        except UnreachableError as error:
            raise _refused(str(error)) from None
        if not answer.is_fine:
            raise _refused(answer.said())


def _refused(said: str) -> ConvergeError:
    return ConvergeError(f"the NodeBalancer could not be asked or changed: {said}", hint=HINT)
