"""Alerts about what must not be lost: PostgreSQL, its pooler, Redis, and the backups."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mastodon_infra.catalog.sources import COMPENDIUM, JUDGEMENT, POSTGRES, REDIS
from mastodon_infra.plan.alerts_machines import DOWN, NEVER
from mastodon_infra.plan.alerts_types import Alert, Severity
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning
from mastodon_infra.plan.tuning.postgres import PostgresTuning
from mastodon_infra.plan.tuning.redis import RedisInstance
from mastodon_infra.plan.types import BackupPlan
from mastodon_infra.units import ceil_div

HOUR = 3600
BYTES_A_KIB = 1024
BYTES_A_MIB = 1024 * 1024
SILENT_ARCHIVE_TIMES = 30
LATE_HOURS = 2
GIB_AN_HOUR = 50
"""15 MB a second: what one process reads, packs and sends, on a machine that others are busy on too."""

HOURS_A_DAY, HOURS_A_WEEK = 24, 168


def postgres_alerts(tuning: PostgresTuning) -> Iterator[Alert]:
    """The database."""
    yield Alert(
        "postgres-down",
        "pg_up",
        "==",
        DOWN,
        "2m",
        Severity.CRITICAL,
        "PostgreSQL on {{ $labels.node }} does not answer",
        "The instance is down.",
        "postgres-down",
    )
    yield from _connection_alerts(tuning)
    yield from _work_alerts()
    yield Alert(
        "postgres-wal-grows",
        "pg_wal_size_bytes",
        ">",
        Decided(
            2 * tuning.max_wal_size.value * BYTES_A_KIB,
            "twice max_wal_size: something holds the log back (a slot, or an archive that fails)",
            POSTGRES,
            "bytes",
            (("max_wal_size", f"{tuning.max_wal_size.value // BYTES_A_KIB} MiB"),),
        ),
        "15m",
        Severity.CRITICAL,
        "PostgreSQL keeps {{ $value | humanize1024 }}B of write-ahead log",
        "The volume fills up, then the database stops.",
        "postgres-wal",
    )
    yield Alert(
        "postgres-freeze-late",
        "max(pg_database_wraparound_age_datfrozenxid_seconds)",
        ">",
        Decided(1_000_000_000, "half way to the age at which PostgreSQL refuses to write", POSTGRES, "transactions"),
        "1h",
        Severity.WARNING,
        "PostgreSQL's oldest row is {{ $value | humanize }} transactions old",
        "At two billion the database refuses to write.",
        "postgres-freeze",
    )


def _connection_alerts(tuning: PostgresTuning) -> Iterator[Alert]:
    most = tuning.app_connections.value
    for name, percent, severity in (
        ("postgres-connections-high", 80, Severity.WARNING),
        ("postgres-connections-nearly-gone", 90, Severity.CRITICAL),
    ):
        yield Alert(
            name,
            "sum by (node) (pg_stat_activity_count)",
            ">",
            Decided(
                most * percent // 100,
                f"{percent} % of what the app may open: nobody else opens many",
                COMPENDIUM,
                "connections",
                (("app's connections", str(most)),),
            ),
            "5m",
            severity,
            "{{ $value }} connections to PostgreSQL are open, of " + f"{most} that the app may have",
            "Without a free connection pages fail and jobs are tried again.",
            "postgres-connections",
        )


def _work_alerts() -> Iterator[Alert]:
    yield Alert(
        "postgres-cache-misses",
        "postgres:cache_hit:ratio15m",
        "<",
        Decided(Decimal("0.98"), "what is read often should be in memory", JUDGEMENT),
        "30m",
        Severity.WARNING,
        "PostgreSQL finds only {{ $value | humanizePercentage }} of its blocks in memory",
        "The disk is asked for everything: pages become slow.",
        "postgres-slow",
        also="and sum(rate(pg_stat_database_blks_read[15m])) > 100",
    )
    yield Alert(
        "postgres-transaction-long",
        'max by (usename) (pg_stat_activity_max_tx_duration{backend_type="client backend",state!="idle"})',
        ">",
        Decided(600, "ten minutes: it keeps the cleaning of every table waiting", JUDGEMENT, "s"),
        "5m",
        Severity.WARNING,
        "a transaction of {{ $labels.usename }} has been open for {{ $value | humanizeDuration }}",
        "Tables grow and locks pile up behind it.",
        "postgres-slow",
    )
    yield Alert(
        "postgres-deadlocks",
        "sum by (datname) (increase(pg_stat_database_deadlocks[1h]))",
        ">",
        Decided(5, "one now and then is tried again unseen", JUDGEMENT, "an hour"),
        "0s",
        Severity.WARNING,
        "{{ $value | humanize }} deadlocks in {{ $labels.datname }} within an hour",
        "Jobs and requests fail and are tried again.",
        "postgres-slow",
    )


def pooler_alerts(poolers: tuple[PgBouncerTuning, ...]) -> Iterator[Alert]:
    """PgBouncer, where there is one."""
    if not poolers:
        return
    pools = (("server connections", str(min(one.default_pool_size.value for one in poolers))),)
    yield Alert(
        "pgbouncer-down",
        "pgbouncer_up",
        "==",
        DOWN,
        "2m",
        Severity.CRITICAL,
        "PgBouncer on {{ $labels.node }} does not answer",
        "Whoever reaches the database through it does not.",
        "pgbouncer-down",
    )
    yield Alert(
        "pgbouncer-clients-wait",
        "sum by (node) (pgbouncer_pools_client_waiting_connections)",
        ">",
        Decided(0, "the pool is sized so that nobody waits", JUDGEMENT, "clients", pools),
        "2m",
        Severity.WARNING,
        "{{ $value }} clients wait for PgBouncer on {{ $labels.node }}",
        "Requests and jobs become slow.",
        "postgres-connections",
    )
    yield Alert(
        "pgbouncer-clients-wait-long",
        "max by (node) (pgbouncer_pools_client_maxwait_seconds)",
        ">",
        Decided(1, "a second for a connection is felt in every page", JUDGEMENT, "s", pools),
        "2m",
        Severity.CRITICAL,
        "a client has waited {{ $value | humanizeDuration }} for PgBouncer on {{ $labels.node }}",
        "Requests and jobs become slow.",
        "postgres-connections",
    )


def redis_alerts(queue: RedisInstance) -> Iterator[Alert]:
    """Both stores; what must not be lost is in the queue store."""
    store = 'job="redis-queue"'
    yield Alert(
        "redis-down",
        "redis_up",
        "==",
        DOWN,
        "2m",
        Severity.CRITICAL,
        "Redis ({{ $labels.job }}) on {{ $labels.node }} does not answer",
        "The instance is down: no queue, no feed, no session limits.",
        "redis-down",
    )
    for name, percent, severity in (
        ("redis-memory-high", 75, Severity.WARNING),
        ("redis-memory-nearly-gone", 90, Severity.CRITICAL),
    ):
        yield Alert(
            name,
            f"redis_memory_used_bytes{{{store}}}",
            ">",
            Decided(
                queue.maxmemory.value * BYTES_A_MIB * percent // 100,
                f"{percent} % of maxmemory of the queue store",
                REDIS,
                "bytes",
                (("maxmemory", f"{queue.maxmemory.value} MiB"),),
            ),
            "5m",
            severity,
            f"the queue store uses {{{{ $value | humanize1024 }}}}B of {queue.maxmemory.value} MiB",
            "When it is full, no job can be queued and every post fails.",
            "redis-memory",
        )
    yield Alert(
        "redis-saving-fails",
        f"min by (node) (redis_rdb_last_bgsave_status{{{store}}} * redis_aof_last_write_status{{{store}}}"
        f" * redis_aof_last_bgrewrite_status{{{store}}})",
        "==",
        Decided(0, "1 after a snapshot or a write that succeeded", REDIS),
        "5m",
        Severity.CRITICAL,
        "Redis cannot save the queue store",
        "A restart would lose jobs; Redis soon refuses to write.",
        "redis-saving",
    )
    yield Alert(
        "redis-forgets-jobs",
        f"increase(redis_evicted_keys_total{{{store}}}[15m])",
        ">",
        NEVER,
        "0s",
        Severity.CRITICAL,
        "the queue store throws data away",
        "Jobs and feeds are lost: its policy is not what the plan says.",
        "redis-memory",
    )
    yield Alert(
        "redis-refuses",
        "increase(redis_rejected_connections_total[15m])",
        ">",
        NEVER,
        "0s",
        Severity.WARNING,
        "Redis ({{ $labels.job }}) refuses connections",
        "Requests and jobs fail.",
        "redis-down",
    )
    yield Alert(
        "redis-not-master",
        'redis_instance_info{role!="master"}',
        "==",
        Decided(1, "there is one of each, and nobody it could follow", REDIS),
        "1m",
        Severity.CRITICAL,
        "Redis ({{ $labels.job }}) believes that it follows another",
        "It takes no writes: somebody may have told it so from outside.",
        "redis-down",
    )


def backup_alerts(backups: BackupPlan, data_gib: int) -> Iterator[Alert]:
    """Backups, where there are any, of a database of ``data_gib``."""
    if not backups.is_enabled:
        return
    impact = "What was written since cannot be brought back once the volume is lost."
    for name, metric, hours, rule in (
        ("backup-late", "mastodon_infra_backup_last_timestamp_seconds", HOURS_A_DAY, "a day between two backups"),
        (
            "backup-full-late",
            "mastodon_infra_backup_last_full_timestamp_seconds",
            HOURS_A_WEEK,
            "a week between two full backups",
        ),
    ):
        yield Alert(
            name,
            f"time() - {metric}",
            ">",
            Decided(
                (hours + LATE_HOURS + ceil_div(data_gib, GIB_AN_HOUR)) * HOUR,
                f"{rule}, an hour for each {GIB_AN_HOUR} GiB of the one that is made, and two hours",
                JUDGEMENT,
                "s",
                (("full", backups.full_schedule.value), ("data", f"{data_gib} GiB")),
            ),
            "15m",
            Severity.CRITICAL,
            "the last such backup is {{ $value | humanizeDuration }} old",
            impact,
            "backup-late",
        )
    yield Alert(
        "backup-never-made",
        "absent(mastodon_infra_backup_last_full_timestamp_seconds)",
        "==",
        Decided(1, "absent() is 1 while no full backup was ever told of", JUDGEMENT),
        "3h",
        Severity.CRITICAL,
        "there is no full backup",
        "Nothing can be brought back once the volume is lost.",
        "backup-late",
    )
    yield Alert(
        "backup-failed",
        "mastodon_infra_backup_last_failed",
        "==",
        Decided(1, "1 after a backup that failed, until one succeeds", JUDGEMENT),
        "10m",
        Severity.WARNING,
        "the last backup on {{ $labels.node }} failed",
        impact,
        "backup-late",
    )
    yield Alert(
        "backup-damaged",
        "mastodon_infra_backup_damaged",
        "==",
        Decided(1, "1 after a backup that could not be read back whole, until one can", JUDGEMENT),
        "10m",
        Severity.CRITICAL,
        "the newest backup could not be read back whole",
        "It may be of no use on the day it is needed.",
        "backup-damaged",
    )
    yield Alert(
        "backup-unverified",
        "time() - mastodon_infra_backup_last_verified_timestamp_seconds",
        ">",
        Decided(
            (2 * HOURS_A_WEEK + HOURS_A_DAY) * HOUR,
            "two weekly readings missed, and a day",
            JUDGEMENT,
            "s",
            (("verify", backups.verify_schedule.value),),
        ),
        "1h",
        Severity.WARNING,
        "the last backup that was read back whole is {{ $value | humanizeDuration }} old",
        "A damaged backup would go unseen.",
        "backup-damaged",
    )
    yield Alert(
        "wal-archive-failing",
        "increase(pg_stat_archiver_failed_count[15m])",
        ">",
        Decided(3, "a few failures are tried again unseen", JUDGEMENT, "in 15 minutes"),
        "15m",
        Severity.WARNING,
        "PostgreSQL cannot archive its write-ahead log",
        "The newest minutes could not be brought back, and the volume fills up.",
        "postgres-wal",
    )
    yield Alert(
        "wal-archive-silent",
        "pg_stat_archiver_last_archive_age",
        ">",
        Decided(
            SILENT_ARCHIVE_TIMES * backups.archive_timeout_seconds.value,
            "30 times the time after which a segment is archived at the latest",
            JUDGEMENT,
            "s",
            (("archive_timeout", f"{backups.archive_timeout_seconds.value} s"),),
        ),
        "10m",
        Severity.CRITICAL,
        "the last archived piece of write-ahead log is {{ $value | humanizeDuration }} old",
        "What was written since could not be brought back.",
        "postgres-wal",
    )
