"""Two Redis instances: one that must lose nothing (queues, feeds), one that may forget (the cache)."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import AUS_SOCIAL, JUDGEMENT, MASTODON, MASTODON_DOCS, REDIS
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning import sidekiq
from mastodon_infra.units import round_up

QUEUE_PORT = 6379
CACHE_PORT = 6380
FORK_PERCENT = 150
HEADROOM_PERCENT = 150
STEP_MIB = 64
CACHE_LEAST_MIB = 64
CACHE_MOST_MIB = 1024
USERS_PER_CACHE_MIB = 20
KEEPS_SNAPSHOTS = True
BACKLOG = 4096
KEEPALIVE_SECONDS = 300
STOP_SECONDS = 120
BEAT_SECONDS = 10
SNAPSHOT_POINTS = "3600 1 300 100 60 10000"


@dataclass(frozen=True, slots=True)
class RedisInstance:
    """One Redis server process and its settings. Memory is MiB."""

    name: str
    port: Decided[int]
    maxmemory: Decided[int]
    maxmemory_policy: Decided[str]
    appendonly: Decided[str]
    appendfsync: Decided[str]
    keeps_snapshots: Decided[bool]
    snapshot_points: Decided[str]
    tcp_backlog: Decided[int]
    tcp_keepalive: Decided[int]
    stop_seconds: Decided[int]

    @property
    def budget_mib(self) -> int:
        """Memory to set aside: a persistent instance forks to save and may need half as much again."""
        if self.keeps_snapshots.value:
            return self.maxmemory.value * FORK_PERCENT // 100
        return self.maxmemory.value


@dataclass(frozen=True, slots=True)
class Linger:
    """For how long the queue store outlasts the sidekiqs that end together with it. Seconds."""

    first_seconds: Decided[int]
    most_seconds: Decided[int]


@dataclass(frozen=True, slots=True)
class RedisTuning:
    """The queue store and the cache."""

    queue: RedisInstance
    cache: RedisInstance
    linger: Linger


def tune_redis(*, demand_mib: Decided[int], users: int) -> RedisTuning:
    """Size both instances for the expected data (``demand_mib``) and the number of users."""
    queue_mib = round_up(demand_mib.value * HEADROOM_PERCENT // 100, STEP_MIB)
    cache_mib = min(max(round_up(users // USERS_PER_CACHE_MIB, STEP_MIB), CACHE_LEAST_MIB), CACHE_MOST_MIB)
    return RedisTuning(
        queue=RedisInstance(
            "queue",
            Decided(QUEUE_PORT, "Redis' own port", REDIS),
            Decided(
                queue_mib,
                "half as much again as expected, for a backlog of jobs (1 KB each)",
                JUDGEMENT,
                "MiB",
                (("expected", f"{demand_mib.value} MiB"),),
            ),
            Decided(
                "noeviction",
                "a job or a feed must never be thrown away; Sidekiq warns otherwise",
                MASTODON_DOCS,
            ),
            Decided("yes", "a restart must lose no job", REDIS),
            Decided("everysec", "at most one second of jobs is lost in a power cut", REDIS),
            Decided(KEEPS_SNAPSHOTS, "snapshots beside the append-only file", REDIS),
            snapshot_points=Decided(
                SNAPSHOT_POINTS, "Redis' own: after an hour with a change, 5 minutes with 100, one with 10,000", REDIS
            ),
            tcp_backlog=_BACKLOG,
            tcp_keepalive=_KEEPALIVE,
            stop_seconds=Decided(
                _LINGER.most_seconds.value + STOP_SECONDS,
                "after it has lingered, time to write everything down",
                JUDGEMENT,
                "s",
                (("lingers", f"{_LINGER.most_seconds.value} s"), ("writes", f"{STOP_SECONDS} s")),
            ),
        ),
        cache=RedisInstance(
            "cache",
            Decided(CACHE_PORT, "beside the queue store's port", JUDGEMENT),
            Decided(cache_mib, "1 MiB per 20 users, 64 MiB to 1 GiB", JUDGEMENT, "MiB", (("users", f"{users:,}"),)),
            Decided("allkeys-lru", "the cache may forget what is used least", MASTODON_DOCS),
            Decided("no", "a cache needs no persistence", MASTODON_DOCS),
            Decided("no", "a cache needs no persistence", MASTODON_DOCS),
            Decided(not KEEPS_SNAPSHOTS, "a cache needs no persistence", MASTODON_DOCS),
            snapshot_points=Decided("", "a cache needs no persistence", MASTODON_DOCS),
            tcp_backlog=_BACKLOG,
            tcp_keepalive=_KEEPALIVE,
            stop_seconds=_STOP,
        ),
        linger=_LINGER,
    )


_BACKLOG: Decided[int] = Decided(
    BACKLOG, "all app processes reconnect at once after a restart; the kernel allows more", AUS_SOCIAL, "connections"
)
_KEEPALIVE: Decided[int] = Decided(KEEPALIVE_SECONDS, "Redis' own: a peer that is gone is noticed", REDIS, "s")
_STOP: Decided[int] = Decided(STOP_SECONDS, "time to write everything down before the end", JUDGEMENT, "s")
_LINGER = Linger(
    first_seconds=Decided(
        BEAT_SECONDS + BEAT_SECONDS // 2,
        "a sidekiq says every ten seconds whether it is ending; then it is known whether any is",
        MASTODON,
        "s",
    ),
    most_seconds=Decided(
        sidekiq.STOP.unit_seconds.value,
        "as long as a sidekiq may take to end: what it does not finish goes back into this store",
        JUDGEMENT,
        "s",
    ),
)
