"""Node groups and sidekiq units: who runs where, and how much of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from mastodon_infra.model.base import Closed, PositiveCount, refusal
from mastodon_infra.model.names import MachineTypeName, Slug
from mastodon_infra.model.role import Queue, Role

LARGEST_GROUP = 250
"""Nodes in one group: its address block holds that many."""


class NodeGroupSpec(Closed):
    """Nodes that share roles and machine type. Without ``roles`` it adjusts the tier's group of the same name."""

    roles: tuple[Role, ...] | None = Field(
        default=None,
        min_length=1,
        description="What these nodes do. When one group gives roles, all must: together they are the whole placement.",
    )
    also: tuple[Role, ...] = Field(
        default=(),
        description="Optional roles that the group has besides; each runs on its first node.",
    )
    count: Annotated[int, Field(strict=True, ge=1, le=LARGEST_GROUP)] | None = Field(
        default=None, description="How many nodes; by default as many as the users need.", examples=[3]
    )
    machine_type: MachineTypeName | None = Field(
        default=None,
        description="The Linode type; by default the smallest that fits.",
        examples=["g6-standard-4"],
    )
    address_block: Annotated[int, Field(strict=True, ge=0, le=15)] = Field(
        default=0,
        description="Which of its first role's 16 address blocks the group has; groups that share a first role need "
        "different ones. It is part of the machines' addresses: never change it later.",
        examples=[1],
    )


def _weights(value: object) -> object:
    if isinstance(value, list | tuple):
        if len(set(map(str, value))) != len(value):
            raise refusal("a queue is listed twice", hint="name each queue once")
        return dict.fromkeys(map(str, value), None)
    return value


class SidekiqUnitSpec(Closed):
    """Sidekiq processes that listen to the same queues."""

    queues: Annotated[
        dict[Queue, Annotated[int, Field(strict=True, ge=1, le=100)] | None], BeforeValidator(_weights)
    ] = Field(
        min_length=1,
        description="A list in strict order, or a map of queue to weight for a weighted random pick.",
        examples=[["scheduler", "mailers"], {"default": 8, "push": 6}],
    )
    concurrency: Annotated[int, Field(strict=True, ge=1, le=50)] = Field(
        default=10, description="Threads in each process; Ruby gains nothing beyond 25.", examples=[10]
    )
    processes: Annotated[int, Field(strict=True, ge=1, le=200)] = Field(
        default=1, description="Processes of this unit over all nodes of its group.", examples=[3]
    )
    group: Slug | None = Field(
        default=None,
        description="The node group that runs it; by default the processes are spread over all sidekiq nodes.",
    )


class SidekiqSpec(Closed):
    """How the queues are worked. Without units the plan derives them from the number of users."""

    units: dict[Slug, SidekiqUnitSpec] | None = Field(
        default=None,
        min_length=1,
        description="All sidekiq units by name; together they must cover all seven queues.",
    )


class WebSpec(Closed):
    """Puma's shape on each web node, where the plan's own choice is not wanted."""

    workers: PositiveCount | None = Field(
        default=None, description="Puma worker processes on each web node (WEB_CONCURRENCY).", examples=[6]
    )
    threads: Annotated[int, Field(strict=True, ge=1, le=32)] | None = Field(
        default=None, description="Threads in each Puma worker (MAX_THREADS).", examples=[5]
    )


class StreamingSpec(Closed):
    """The streaming server's shape."""

    processes: Annotated[int, Field(strict=True, ge=1, le=64)] | None = Field(
        default=None, description="Streaming processes on each streaming node, one port each.", examples=[2]
    )
