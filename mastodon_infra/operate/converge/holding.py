"""Which bundle each machine holds: asked at once and in a few seconds, for a list and not for a judgement."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from mastodon_infra.operate.reach import IDENTITY_VARIABLE, Fleet, ReachError
from mastodon_infra.render.installer import INSTALLED_PATH

ASK_SECONDS = 10
KEYS = (IDENTITY_VARIABLE, "SSH_AUTH_SOCK")


def is_able_to_ask() -> bool:
    """Whether there is a key to log in with. Without one nobody should wait for machines that refuse."""
    return any(os.environ.get(name) for name in KEYS)


async def held(fleet: Fleet, nodes: Iterable[str], *, seconds: float = ASK_SECONDS) -> dict[str, str]:
    """The digest of each machine that answers in time."""
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(seconds), fleet:
            await asyncio.gather(*(_ask(fleet, node, found) for node in nodes))
    except TimeoutError:
        pass
    return found


async def _ask(fleet: Fleet, node: str, found: dict[str, str]) -> None:
    try:
        said = await fleet.run(node, "cat", INSTALLED_PATH, sudo=False)
    except ReachError:
        return
    if said:
        found[node] = said.stdout.strip()
