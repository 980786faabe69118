"""What one node's memory is spent on, given its machine and what runs there."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON_CHART, REDIS, VMST, Source
from mastodon_infra.model.role import Role
from mastodon_infra.plan.budget import MemoryBudget, MemoryLine, line
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.limits import (
    Limited,
    app_limits,
    elastic_memory,
    group_limit,
    memory_limits,
    redis_limits,
)
from mastodon_infra.plan.roles import cards_of
from mastodon_infra.plan.tuning import nginx, pgbouncer, sidekiq, streaming, web
from mastodon_infra.plan.tuning.kernel import APP_ROLES
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.units import mib_text

KERNEL_PERCENT = 3
APP_SYSTEM_MIB = 704
DATA_SYSTEM_MIB = 384
METRICS_EXPORTER_MIB = 224
METRICS_FROM_MIB = 8192
BACKUP_MIB = 128
PROMETHEUS_BASE_MIB = 160
PROMETHEUS_PER_NODE_MIB = 32
LEAST_DATABASE_MIB = 512
DATABASE_SHARE_OF_SIZE = 12
SPARE_PERCENT = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What runs on a node: the inputs of its memory budget."""

    roles: tuple[Role, ...]
    machine: MachineType
    streaming_processes: int
    sidekiq_processes: int
    has_pgbouncer: bool
    redis: RedisTuning
    database_gib: int
    watched_nodes: int
    web_workers: int | None = None
    """None: as many as fit, to be decided."""


def memory_budget(load: Load) -> MemoryBudget:
    """Add up a node's memory. The lines may sum to more than the machine has: ``fits`` tells."""
    lines = [*_system_lines(load), *_app_lines(load), *_data_lines(load)]
    total, database = load.machine.memory_mib, 0
    if Role.POSTGRES in load.roles:
        database = max(total - sum(one.memory.value for one in lines), 0)
        lines.append(
            line(
                "postgres",
                database,
                "everything that nothing else needs: shared buffers, work memory and its page cache",
                JUDGEMENT,
                inputs=(("machine", mib_text(total)),),
            )
        )
    used = sum(one.memory.value for one in lines)
    elastic = elastic_memory(spare_mib=max(total - used, 0), database_mib=database)
    limits = memory_limits(_limited(load), elastic_mib=elastic.value, has_tasks=Role.WEB in load.roles)
    held = {limit.name for limit in limits}
    return MemoryBudget(
        total,
        tuple(lines),
        Decided(total - used, "what is left for the page cache", JUDGEMENT, "MiB", (("used", mib_text(used)),)),
        elastic,
        limits,
        group_limit(planned_mib=sum(one.memory.value for one in lines if one.name in held), elastic_mib=elastic.value),
    )


def free_for_web(load: Load) -> int:
    """MiB left for Puma's workers on a node that runs web processes only."""
    without = sum(one.memory.value for one in (*_system_lines(load), *_app_lines(load), *_data_lines(load)))
    return load.machine.memory_mib * (100 - SPARE_PERCENT) // 100 - without


def least_database_mib(database_gib: int) -> int:
    """The least memory that PostgreSQL may be left with: a twelfth of its data, and 512 MiB."""
    return max(LEAST_DATABASE_MIB, database_gib * 1024 // DATABASE_SHARE_OF_SIZE)


def shortfall_mib(load: Load) -> int:
    """By how much the node is too small; 0 when everything fits."""
    budget = memory_budget(load)
    if Role.POSTGRES in load.roles:
        without = budget.used_mib - next(one.memory.value for one in budget.lines if one.name == "postgres")
        return max(0, without + least_database_mib(load.database_gib) - budget.total_mib)
    return max(0, budget.used_mib - budget.total_mib * (100 - SPARE_PERCENT) // 100)


def has_web_metrics(load: Load) -> bool:
    """Whether Puma's metrics exporter runs: it takes 224 MiB, which machines under 8 GiB do not have."""
    return Role.WEB in load.roles and load.machine.memory_mib >= METRICS_FROM_MIB


def _system_lines(load: Load) -> list[MemoryLine]:
    total = load.machine.memory_mib
    is_app = bool(APP_ROLES & set(load.roles))
    return [
        line(
            "kernel",
            total * KERNEL_PERCENT // 100,
            "3 % of the machine: what the kernel never gives out",
            JUDGEMENT,
        ),
        line(
            "system",
            APP_SYSTEM_MIB if is_app else DATA_SYSTEM_MIB,
            "Debian, logs and agents; more where containers run",
            JUDGEMENT,
        ),
    ]


def _app_lines(load: Load) -> list[MemoryLine]:
    lines = []
    if Role.WEB in load.roles:
        lines.append(line("nginx", nginx.MEMORY_MIB, "buffers for the planned connections", JUDGEMENT))
        if load.web_workers is not None:
            lines.append(_each("puma", load.web_workers, web.WORKER_MIB, MASTODON_CHART))
    if has_web_metrics(load):
        lines.append(line("puma-metrics", METRICS_EXPORTER_MIB, "the exporter beside Puma", MASTODON_CHART))
    if load.streaming_processes:
        lines.append(_each("streaming", load.streaming_processes, streaming.PROCESS_MIB, MASTODON_CHART))
    if load.sidekiq_processes:
        lines.append(_each("sidekiq", load.sidekiq_processes, sidekiq.PROCESS_MIB, VMST))
    if load.has_pgbouncer:
        lines.append(line("pgbouncer", pgbouncer.MEMORY_MIB, "one small process", JUDGEMENT))
    return lines


def _data_lines(load: Load) -> list[MemoryLine]:
    lines = []
    if Role.REDIS in load.roles:
        queue, cache = load.redis.queue, load.redis.cache
        lines.append(line("redis-queue", queue.budget_mib, "maxmemory and half of it for the fork that saves", REDIS))
        lines.append(line("redis-cache", cache.budget_mib, "maxmemory; nothing is saved", REDIS))
    if Role.MONITORING in load.roles:
        lines.append(
            line(
                "prometheus",
                PROMETHEUS_BASE_MIB + PROMETHEUS_PER_NODE_MIB * load.watched_nodes,
                "160 MiB and 32 MiB for each node watched",
                JUDGEMENT,
                inputs=(("nodes", str(load.watched_nodes)),),
            )
        )
    if Role.POSTGRES in load.roles:
        lines.append(line("backup", BACKUP_MIB, "pgBackRest while it compresses", JUDGEMENT))
    return [*lines, *(card.memory for card in cards_of(load.roles))]


def _limited(load: Load) -> tuple[Limited, ...]:
    """Processes that systemd holds back. A worker's plan has its share of Puma's master, whose memory it shares."""
    planned = {
        "puma": web.WORKER_MIB * (load.web_workers or 0),
        "puma-metrics": METRICS_EXPORTER_MIB if has_web_metrics(load) else 0,
        "streaming": streaming.PROCESS_MIB if load.streaming_processes else 0,
        "sidekiq": sidekiq.PROCESS_MIB if load.sidekiq_processes else 0,
    }
    limited = list(app_limits({name: mib for name, mib in planned.items() if mib}, web_workers=load.web_workers or 0))
    if Role.REDIS in load.roles:
        queue, cache = load.redis.queue, load.redis.cache
        limited += redis_limits(
            queue_mib=queue.maxmemory.value, queue_budget_mib=queue.budget_mib, cache_mib=cache.budget_mib
        )
    return tuple(limited)


def _each(name: str, count: int, mib: int, source: Source) -> MemoryLine:
    return line(name, count * mib, f"{count} x {mib} MiB", source)
