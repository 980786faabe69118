"""How far one process may grow beyond its plan: limits that no single runaway can take a machine down with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON_CHART, REDIS, Source
from mastodon_infra.plan.budget import MemoryLimit
from mastodon_infra.plan.decided import Cap, Decided
from mastodon_infra.units import mib_text

SIDEKIQ_CEILING_MIB = 2048
STREAMING_CEILING_MIB = 512
PUMA_WORKER_CEILING_MIB = 1229
TASK_LEAST_MIB, TASK_MOST_MIB = 512, 1024
HIGH_PERCENT = 90
ALARM_PERCENT = 160
SWAP_PERCENT = 25


@dataclass(frozen=True, slots=True)
class Limited:
    """A consumer whose processes are held back: planned for one of them, and the most that is ever sensible."""

    name: str
    planned_mib: int
    ceiling_mib: int
    why: str
    source: Source


def elastic_memory(*, spare_mib: int, database_mib: int) -> Decided[int]:
    """What the kernel can find at once for a process that grows: the spare, and the database's page cache."""
    return Decided(
        spare_mib + database_mib // 2,
        "what nothing is planned for, and half of PostgreSQL's share, which is page cache",
        JUDGEMENT,
        "MiB",
        (("spare", mib_text(spare_mib)), ("PostgreSQL's share", mib_text(database_mib))),
    )


def memory_limits(limited: tuple[Limited, ...], *, elastic_mib: int, has_tasks: bool) -> tuple[MemoryLimit, ...]:
    """Limits of one process each. The whole plan and any one process at its limit fit into the machine together."""
    limits = tuple(_limit(one, elastic_mib) for one in limited)
    return (*limits, _task_limit(elastic_mib)) if has_tasks else limits


def group_limit(*, planned_mib: int, elastic_mib: int) -> Decided[int] | None:
    """What all processes that may grow have together; None where there are none.

    Each one's own limit allows it to take all that can be found. This one keeps them from taking it twice, so that the
    machine itself never runs out and its kernel never has to choose among PostgreSQL, SSH and a runaway.
    """
    if not planned_mib:
        return None
    return Decided(
        planned_mib + elastic_mib,
        "all that is planned for those that may grow, and what else can be found on the machine, once",
        JUDGEMENT,
        "MiB",
        (("planned", mib_text(planned_mib)), ("can be found", mib_text(elastic_mib))),
    )


def app_limits(planned: Mapping[str, int], *, web_workers: int) -> Iterator[Limited]:
    """What is held back of Mastodon's own processes; ``planned`` is MiB for one process, by line."""
    ceilings = {
        "puma": (
            PUMA_WORKER_CEILING_MIB * web_workers,
            "1,229 MiB for each worker; beyond it a worker has grown out of bounds",
            JUDGEMENT,
        ),
        "puma-metrics": (2 * planned.get("puma-metrics", 0), "twice what is planned", JUDGEMENT),
        "streaming": (STREAMING_CEILING_MIB, "the official chart's limit", MASTODON_CHART),
        "sidekiq": (SIDEKIQ_CEILING_MIB, "2 GiB: media and imports need room for a while", JUDGEMENT),
    }
    for name, (ceiling, why, source) in ceilings.items():
        if name in planned:
            yield Limited(name, planned[name], ceiling, why, source)


def redis_limits(*, queue_mib: int, queue_budget_mib: int, cache_mib: int) -> Iterator[Limited]:
    """What is held back of the two stores; their own maxmemory bounds the data, this the copy that saves."""
    yield Limited("redis-queue", queue_budget_mib, 2 * queue_mib + 256, "all data twice, while it is saved", REDIS)
    yield Limited("redis-cache", cache_mib, 2 * cache_mib + 128, "its data, fragmented, and its buffers", REDIS)


def _limit(one: Limited, elastic_mib: int) -> MemoryLimit:
    reach = one.planned_mib + elastic_mib
    inputs = (("planned", mib_text(one.planned_mib)), ("can be found", mib_text(elastic_mib)))
    if one.ceiling_mib <= reach:
        most = Decided(max(one.ceiling_mib, one.planned_mib), one.why, one.source, "MiB", inputs)
    else:
        cap = Cap(one.ceiling_mib, "more than the plan and what else can be found on this machine", JUDGEMENT)
        most = Decided(reach, one.why, one.source, "MiB", inputs, cap)
    high = max(one.planned_mib, most.value * HIGH_PERCENT // 100)
    return MemoryLimit(
        name=one.name,
        alarm=Decided(
            min(one.planned_mib * ALARM_PERCENT // 100, high), "1.6 times what is planned, within the limit", JUDGEMENT,
            "MiB", inputs,
        ),
        high=Decided(high, "90 % of the limit, never less than planned: from there on it is slowed", JUDGEMENT, "MiB"),
        most=most,
        swap=_swap(most.value),
    )  # fmt: skip


def _task_limit(elastic_mib: int) -> MemoryLimit:
    """Maintenance has no line of its own: it lives on what is free, and is the first to go."""
    most = Decided(
        min(max(elastic_mib, TASK_LEAST_MIB), TASK_MOST_MIB),
        "what can be found on the machine, 512 MiB to 1 GiB; the kernel ends tasks first",
        JUDGEMENT,
        "MiB",
        (("can be found", mib_text(elastic_mib)),),
    )
    high = most.value * HIGH_PERCENT // 100
    return MemoryLimit(
        name="tasks",
        alarm=Decided(high, "as where it is slowed", JUDGEMENT, "MiB"),
        high=Decided(high, "90 % of the limit: from there on it is slowed", JUDGEMENT, "MiB"),
        most=most,
        swap=_swap(most.value),
    )


def _swap(most_mib: int) -> Decided[int]:
    return Decided(
        most_mib * SWAP_PERCENT // 100, "a quarter of the limit: a runaway must not fill the swap", JUDGEMENT, "MiB"
    )
