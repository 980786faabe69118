"""How large the user data of every machine is, the largest first, and what needs a payload beside it.

For every size, and for the placements of one's own among the test cases; secrets are stood in for by texts of their
usual length that compress as badly. Exits with 1 where a machine's user data is larger than the planned limit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastodon_infra.catalog.limits import USER_DATA, USER_DATA_CEILING
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.read import parse_stack

CASES = Path(__file__).resolve().parents[1] / "tests/cases/valid"
PLACEMENTS = ("streaming-apart-sidekiq-twice", "two-machines-in-sydney", "placement-of-my-own")
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice"


@dataclass(frozen=True, slots=True)
class Size:
    """One machine's user data, bytes after gzip; ``payload_bytes`` is 0 where everything is inline."""

    stack: str
    node: str
    user_data_bytes: int
    payload_bytes: int


def plans() -> Iterator[tuple[str, InstancePlan]]:
    """Every size by its name, and the placements by their files'."""
    for tier in Tier:
        yield tier.value, plan_instance(InstanceSpec.model_validate(_said(tier)))
    for name in PLACEMENTS:
        file = CASES / f"{name}.yaml"
        yield name, plan_instance(parse_stack(file.read_text(encoding="utf-8"), name=file.name).spec)


def sizes() -> list[Size]:
    """All machines, the largest user data first."""
    found = []
    for stack, plan in plans():
        wiring = Wiring.stand_in(plan)
        for node in plan.nodes:
            data = user_data(plan, node, wiring)
            payload = len(data.payload.content) if data.payload else 0
            found.append(Size(stack, node.name, len(data.gzipped), payload))
    return sorted(found, key=lambda one: (-one.user_data_bytes, one.stack, one.node))


def _said(tier: Tier) -> dict[str, Any]:
    return {
        "domain": "social.example",
        "region": "au-mel",
        "size": tier.value,
        "owner": {"username": "admin", "email": "admin@social.example"},
        "administrators": [{"name": "alice", "ssh_keys": [SSH_KEY]}],
        "mail": "none",
    }


def main() -> None:
    """Print the table."""
    print(f"user data after gzip, bytes; planned limit {USER_DATA_CEILING.value:,}, the cloud's {USER_DATA.value:,}")
    every = sizes()
    for one in every:
        payload = f"  payload {one.payload_bytes:>7,}" if one.payload_bytes else ""
        print(f"{one.user_data_bytes:>7,}  {one.stack:<30} {one.node:<14}{payload}".rstrip())
    needing = sum(bool(one.payload_bytes) for one in every)
    print(f"{needing} of {len(every)} machines need a payload object")
    if every[0].user_data_bytes > USER_DATA_CEILING.value:
        sys.exit(f"{every[0].stack} {every[0].node} is over the planned limit")


if __name__ == "__main__":
    main()
