"""Web nodes taken out of their balancers and put back, through Linode's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.operate.api import Answer, Api, UnreachableError, send
from mastodon_infra.operate.converge.decide import ConvergeError

ACCEPT, DRAIN = "accept", "drain"
HINT = "a Linode token that may change NodeBalancers is needed: linode:token, or LINODE_TOKEN"


@dataclass(frozen=True, slots=True)
class Backend:
    """One node behind one port of one balancer."""

    node: str
    path: str
    mode: str


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

    async def drain(self, node: str) -> None:
        """Let a node keep its connections and take no new ones."""
        await self._set(node, DRAIN)

    async def accept(self, node: str) -> None:
        """Let a node take connections again."""
        await self._set(node, ACCEPT)

    async def _set(self, node: str, mode: str) -> None:
        for one in self._backends:
            if one.node == node:
                await asyncio.to_thread(self._put, one, mode)

    def _all(self) -> Iterator[Backend]:
        for balancer in self._get("/nodebalancers"):
            if balancer["label"] in self.labels:
                at = f"/nodebalancers/{balancer['id']}/configs"
                for config in self._get(at):
                    for node in self._get(f"{at}/{config['id']}/nodes"):
                        yield Backend(node["label"], f"{at}/{config['id']}/nodes/{node['id']}", node["mode"])

    def _get(self, path: str) -> list[dict[str, Any]]:
        try:
            answer = self.api.get(path, query={"page_size": "500"})
        except UnreachableError as error:
            raise _refused(str(error)) from None
        if not answer.is_fine:
            raise _refused(answer.said())
        told: list[dict[str, Any]] = answer.data().get("data", [])
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
