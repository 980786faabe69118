"""PgBouncer: whether, where, and with how many connections on either side."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import ASKED, COMPENDIUM, JUDGEMENT, MASTODON_DOCS, PGBOUNCER
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.plan.decided import Decided
from mastodon_infra.units import ceil_div

PORT = 6432
MEMORY_MIB = 48
FITS_WITHOUT = 100
RESERVE = 5
RESERVE_OF_MANY = 2
MANY = 10
LEAST_SERVER, MOST_SERVER = 20, 100
CLIENTS_PER_SERVER = 4
MOST_TOGETHER = 320


@dataclass(frozen=True, slots=True)
class PoolerTimes:
    """How long PgBouncer waits for whom. Seconds, but for the number of probes."""

    reserve_after: Decided[int]
    server_connect: Decided[int]
    server_idle: Decided[int]
    server_lifetime: Decided[int]
    query_wait: Decided[int]
    keepalive_idle: Decided[int]
    keepalive_interval: Decided[int]
    keepalive_probes: Decided[int]


TIMES = PoolerTimes(
    reserve_after=Decided(5, "PgBouncer's own: a client that has waited so long may use the reserve", PGBOUNCER, "s"),
    server_connect=Decided(15, "PgBouncer's own: a database that starts or is busy answers within it", PGBOUNCER, "s"),
    server_idle=Decided(600, "PgBouncer's own: a connection nobody needs is given back", PGBOUNCER, "s"),
    server_lifetime=Decided(3600, "PgBouncer's own: memory of an old connection is given back", PGBOUNCER, "s"),
    query_wait=Decided(
        120, "PgBouncer's own: longer than a restart of the database, shorter than nginx waits for Puma", PGBOUNCER, "s"
    ),
    keepalive_idle=Decided(30, "a machine that is gone is noticed within three minutes", JUDGEMENT, "s"),
    keepalive_interval=Decided(30, "as above", JUDGEMENT, "s"),
    keepalive_probes=Decided(5, "as above: idle time, and five probes", JUDGEMENT, "probes"),
)


@dataclass(frozen=True, slots=True)
class PgBouncerTuning:
    """One PgBouncer process, on one node."""

    node: str
    port: Decided[int]
    default_pool_size: Decided[int]
    reserve_pool_size: Decided[int]
    max_client_conn: Decided[int]
    open_files: Decided[int]
    times: PoolerTimes


def pooler_place(*, direct_connections: int, is_large: bool, asked: PoolerPlace | None) -> Decided[PoolerPlace]:
    """Where PgBouncer runs, from the connections that the instance would open without one."""
    given = (("connections without a pooler", str(direct_connections)),)
    if asked is not None:
        return Decided(asked, "asked for", ASKED, inputs=given, asked=True)
    if direct_connections <= FITS_WITHOUT:
        return Decided(PoolerPlace.NONE, "every pool fits into 100 connections", MASTODON_DOCS, inputs=given)
    if is_large:
        return Decided(
            PoolerPlace.APP_NODES,
            "one on every app node from a large instance on: PgBouncer uses one processor only",
            COMPENDIUM,
            inputs=given,
        )
    return Decided(PoolerPlace.DATABASE_NODE, "the pools do not fit into 100 connections", MASTODON_DOCS, inputs=given)


def tune_pgbouncer(
    *, node: str, client_connections: int, all_client_connections: int, database_vcpus: int, pooler_count: int
) -> PgBouncerTuning:
    """Size the PgBouncer on ``node`` for the app connections that go through it."""
    total = min(max(2 * database_vcpus + 10, LEAST_SERVER), MOST_SERVER)
    quarter = ceil_div(client_connections, CLIENTS_PER_SERVER)
    share = max(
        ceil_div(total, pooler_count),
        min(quarter, ceil_div(MOST_TOGETHER * client_connections, all_client_connections)),
    )
    clients = max(100, ceil_div(client_connections * 13, 10))
    return PgBouncerTuning(
        node=node,
        port=Decided(PORT, "PgBouncer's own port", MASTODON_DOCS),
        default_pool_size=Decided(
            share,
            "2 per database processor and 10, shared by all poolers; or a quarter of its clients, "
            "as long as all poolers stay under 320",
            JUDGEMENT,
            "connections",
            (
                ("database vcpus", str(database_vcpus)),
                ("poolers", str(pooler_count)),
                ("clients", str(client_connections)),
            ),
        ),
        reserve_pool_size=Decided(
            RESERVE if pooler_count <= MANY else RESERVE_OF_MANY,
            "for the moment when the pool is full; 2 where there are more than ten poolers",
            MASTODON_DOCS,
            "connections",
        ),
        max_client_conn=Decided(
            clients,
            "1.3 times the app's pools, at least 100",
            JUDGEMENT,
            "connections",
            (("app's pools", str(client_connections)),),
        ),
        open_files=Decided(65536, "Debian's unit allows 1,024 only", JUDGEMENT, "files"),
        times=TIMES,
    )
