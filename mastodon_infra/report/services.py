"""What runs on a node group, in few words, as a card shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.versions import POSTGRESQL
from mastodon_infra.model.role import Role
from mastodon_infra.plan.types import Group, InstancePlan, NodePlan
from mastodon_infra.report.measure import TIMES
from mastodon_infra.units import mib_text

KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of process on a group's nodes. ``look`` is its colour and its sign."""

    look: str
    title: str
    detail: str


def services_of(plan: InstancePlan, group: Group) -> tuple[Service, ...]:
    """What a group runs, in the order of a request's way through."""
    nodes = tuple(node for node in plan.nodes if node.group == group.name)
    return tuple(_services(plan, group, nodes))


def _services(plan: InstancePlan, group: Group, nodes: tuple[NodePlan, ...]) -> Iterator[Service]:
    first, each = nodes[0], " each" if len(nodes) > 1 else ""
    if first.web:
        shape = f"{first.web.workers.value} {TIMES} {first.web.threads.value} threads{each}"
        cache = first.nginx.media_cache_mb if first.nginx else None
        cached = f", media cache {max(1, cache.value // 1000)} GB" if cache else ""
        yield Service("web", "nginx and Puma", shape + cached)
    if first.streaming:
        yield Service("streaming", "streaming", f"{_count(first.streaming.processes.value, 'process')}{each}")
    if Role.SIDEKIQ in group.roles:
        processes = [process for node in nodes for process in node.sidekiq]
        threads = sum(process.concurrency for process in processes)
        yield Service(
            "sidekiq", "Sidekiq", f"{_count(len(processes), 'process')}, {threads:,} threads{' in all' if each else ''}"
        )
    if Role.POSTGRES in group.roles:
        buffers = mib_text(plan.postgres.shared_buffers.value // KIB_PER_MIB)
        connections = plan.connections.max_connections.value
        yield Service("postgres", f"PostgreSQL {POSTGRESQL.version}", f"{connections} connections, {buffers} buffers")
    if first.pgbouncer:
        clients, pool = first.pgbouncer.max_client_conn.value, first.pgbouncer.default_pool_size.value
        yield Service("postgres", "PgBouncer", f"{clients:,} clients share {pool} connections{each}")
    if Role.REDIS in group.roles:
        queue, cache_store = plan.redis.queue.maxmemory.value, plan.redis.cache.maxmemory.value
        yield Service("redis", "Redis", f"{mib_text(queue)} for queues, {mib_text(cache_store)} cache")
    for card in first.optional:
        yield Service("plain", card.title, card.detail)
    if Role.MONITORING in group.roles:
        days = plan.monitoring.retention_days.value
        yield Service("monitoring", "Prometheus", f"{len(plan.monitoring.targets)} targets, kept {days} days")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 'es'}"
