"""Memory and connection budgets: sums that must add up before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import Source
from mastodon_infra.plan.decided import Decided


@dataclass(frozen=True, slots=True)
class MemoryLine:
    """One consumer of a node's memory."""

    name: str
    memory: Decided[int]


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """How far one process of a consumer may grow.

    Attributes:
        name: Its line in the budget, or ``tasks`` for rails and tootctl commands that come and go.
        alarm: Where monitoring warns.
        high: From where the kernel slows it and takes back what it can.
        most: Where the kernel ends it; never more than its plan and what else can be found on the machine.
        swap: How much of it may be swapped out.
    """

    name: str
    alarm: Decided[int]
    high: Decided[int]
    most: Decided[int]
    swap: Decided[int]


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """What a node's memory is spent on; the lines never sum to more than the machine has.

    ``spare`` is what is left for the page cache of everything but PostgreSQL, whose own line includes its cache.
    ``elastic`` is what can be found for one process that grows, and ``limits`` hold each process within it. They sum to
    more than that, so ``group_most`` holds all of them together; it is None where nothing may grow.
    """

    total_mib: int
    lines: tuple[MemoryLine, ...]
    spare: Decided[int]
    elastic: Decided[int]
    limits: tuple[MemoryLimit, ...]
    group_most: Decided[int] | None

    @property
    def used_mib(self) -> int:
        """Sum of all lines."""
        return sum(line.memory.value for line in self.lines)

    def limit(self, name: str) -> MemoryLimit:
        """The limit of one process of that consumer; KeyError where there is none."""
        return {limit.name: limit for limit in self.limits}[name]


@dataclass(frozen=True, slots=True)
class Pool:
    """Database connections that one process, or one kind of task, may open."""

    name: str
    node: str
    connections: int
    through_pooler: bool


@dataclass(frozen=True, slots=True)
class ConnectionBudget:
    """Every pool of the instance against what PostgreSQL accepts.

    Attributes:
        pools: Every pool that may be open at once, by process and node.
        client_connections: Sum of the app's own pools, before a pooler.
        server_connections: What reaches PostgreSQL at most: the pooler's pools, or the app's, plus all direct users.
        max_connections: PostgreSQL's setting.
        app_connections: How many of them the app's role may hold at most, leaks included.
        spare: Connections left when everything is open at once.
    """

    pools: tuple[Pool, ...]
    client_connections: Decided[int]
    server_connections: Decided[int]
    max_connections: Decided[int]
    app_connections: Decided[int]
    spare: Decided[int]


def line(name: str, mib: int, rule: str, source: Source, *, inputs: tuple[tuple[str, str], ...] = ()) -> MemoryLine:
    """A memory line in MiB with its reason."""
    return MemoryLine(name, Decided(mib, rule, source, "MiB", inputs))
