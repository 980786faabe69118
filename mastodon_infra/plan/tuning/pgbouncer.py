"""PgBouncer: whether, where, and with how many connections on either side."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import ASKED, COMPENDIUM, JUDGEMENT, MASTODON_DOCS
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
class PgBouncerTuning:
    """One PgBouncer process, on one node."""

    node: str
    port: Decided[int]
    default_pool_size: Decided[int]
    reserve_pool_size: Decided[int]
    max_client_conn: Decided[int]
    open_files: Decided[int]


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
    )
