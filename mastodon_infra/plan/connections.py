"""The connection budget: every pool that may reach PostgreSQL, and whether a pooler stands between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mastodon_infra.catalog.sources import COMPENDIUM, JUDGEMENT, MASTODON
from mastodon_infra.errors import PlanError, Problem
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.plan.budget import ConnectionBudget, Pool
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning
from mastodon_infra.plan.tuning.streaming import DB_POOL
from mastodon_infra.units import ceil_div, round_up

MOST_CONNECTIONS = 512
LEAST_CONNECTIONS = 100
PRELOADING_MASTER = 1

KEPT_TASKS = (
    ("migrations and a console", 5),
    ("exporter and its probes", 3),
    ("backup", 2),
    ("reserved for the superuser", 3),
)
"""Connections that the app's own role may never take: who mends a leak needs them."""

DIRECT_TASKS = (("tootctl with its default concurrency", 6), *KEPT_TASKS)
"""Connections that never go through a pooler (mastodon.md: db:migrate takes session-level advisory locks)."""


@dataclass(frozen=True, slots=True)
class AppNode:
    """What opens database connections on one node."""

    name: str
    web_threads: int
    sidekiq_threads: int
    streaming_processes: int

    @property
    def connections(self) -> int:
        """Connections that the node's app processes may hold open at once."""
        web = self.web_threads + PRELOADING_MASTER if self.web_threads else 0
        return web + self.sidekiq_threads + self.streaming_processes * DB_POOL


def direct_connections(apps: Iterable[AppNode]) -> int:
    """What PostgreSQL would have to accept without a pooler, with a tenth to spare."""
    needed = sum(app.connections for app in apps) + sum(count for _, count in DIRECT_TASKS)
    return ceil_div(needed * 11, 10)


def connection_budget(
    apps: tuple[AppNode, ...],
    *,
    pooler: PoolerPlace,
    poolers: tuple[PgBouncerTuning, ...],
    database_node: str,
) -> ConnectionBudget:
    """Add up every pool. Raises PlanError when PostgreSQL would have to accept more than 512 connections."""
    through = pooler is not PoolerPlace.NONE
    pools = tuple(_app_pools(apps, through=through)) + tuple(
        Pool(name, database_node, count, through_pooler=False) for name, count in DIRECT_TASKS
    )
    clients = sum(app.connections for app in apps)
    direct = sum(count for _, count in DIRECT_TASKS)
    server = direct + (
        sum(one.default_pool_size.value + one.reserve_pool_size.value for one in poolers) if through else clients
    )
    most = max(LEAST_CONNECTIONS, round_up(ceil_div(server * 11, 10), 10))
    if most > MOST_CONNECTIONS:
        raise PlanError([_too_many(most, pools, pooler)])
    return ConnectionBudget(
        pools=pools,
        client_connections=Decided(
            clients,
            "every thread of Puma and sidekiq, and the streaming servers' pools",
            MASTODON,
            "connections",
        ),
        server_connections=Decided(
            server,
            "the poolers' pools with their reserve, and all direct tasks"
            if through
            else "the app's pools and all direct tasks",
            MASTODON,
            "connections",
            (("direct tasks", str(direct)),),
        ),
        max_connections=Decided(
            most,
            "everything open at once and a tenth to spare, in tens, at least 100",
            COMPENDIUM,
            "connections",
            (("open at once", str(server)),),
        ),
        app_connections=_app_connections(most),
        spare=Decided(most - server, "max_connections less everything open at once", COMPENDIUM, "connections"),
    )


def _app_connections(most: int) -> Decided[int]:
    kept = sum(count for _, count in KEPT_TASKS)
    return Decided(
        most - kept,
        "max_connections less what migrations, the exporter, backups and the superuser need: a leak takes no more",
        JUDGEMENT,
        "connections",
        (("max_connections", str(most)), ("kept", str(kept))),
    )


def _app_pools(apps: tuple[AppNode, ...], *, through: bool) -> Iterable[Pool]:
    for app in apps:
        if app.web_threads:
            yield Pool("puma", app.name, app.web_threads + PRELOADING_MASTER, through)
        if app.sidekiq_threads:
            yield Pool("sidekiq", app.name, app.sidekiq_threads, through)
        if app.streaming_processes:
            yield Pool("streaming", app.name, app.streaming_processes * DB_POOL, through)


def _too_many(most: int, pools: tuple[Pool, ...], pooler: PoolerPlace) -> Problem:
    widest = sorted(pools, key=lambda pool: -pool.connections)[:4]
    named = ", ".join(f"{pool.name} on {pool.node} {pool.connections}" for pool in widest)
    hint = {
        PoolerPlace.NONE: "leave postgres.pooler to the plan: a pooler shares few connections among many threads",
        PoolerPlace.APP_NODES: "postgres.pooler: database-node, which all nodes share, or fewer nodes or threads",
        PoolerPlace.DATABASE_NODE: "fewer nodes or threads",
    }[pooler]
    return Problem(
        ("postgres", "pooler"),
        f"{most} connections to PostgreSQL are needed, {most - MOST_CONNECTIONS} more than the {MOST_CONNECTIONS} "
        f"beyond which it slows down; the largest pools: {named}",
        hint,
    )
