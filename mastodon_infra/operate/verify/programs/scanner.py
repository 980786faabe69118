"""Tries doors: which of these addresses and ports take a connection. It says nothing to whoever answers."""

import asyncio
import json
from typing import Any

AT_ONCE = 200


async def scan(targets: list[tuple[str, int]], seconds: float) -> list[tuple[str, int]]:
    """The targets, as address and port, that took a connection."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def is_open(address: str, port: int) -> bool:
        async with turns:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), seconds)
            except (OSError, TimeoutError):
                return False
            writer.close()
            return True

    found = await asyncio.gather(*(is_open(address, port) for address, port in targets))
    return [target for target, took in zip(targets, found, strict=True) if took]


def main(given: dict[str, Any]) -> None:
    """Print the open ones of ``hosts`` times ``ports``."""
    targets = [(address, port) for address in given["hosts"] for port in given["ports"]]
    print(json.dumps(asyncio.run(scan(targets, given["seconds"]))))
