"""PostgreSQL's settings: pgtune's rules exactly, on PostgreSQL's share of the node, then caps with a name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from mastodon_infra.catalog.sources import COMPENDIUM, JUDGEMENT, MASTODON, PGTUNE, POSTGRES
from mastodon_infra.plan.decided import Cap, Decided
from mastodon_infra.units import pg_size

Workload = Literal["web", "mixed"]
KIB_PER_GIB = 1024 * 1024
MIB = 1024
PARALLEL_FROM_CPUS = 4
DEFAULT_WORKER_PROCESSES = 8
LEAST_WORK_MEM_KIB = 4 * MIB
LARGEST_WORK_MEM_KIB = 32 * MIB
LARGEST_MAINTENANCE_KIB = 8 * KIB_PER_GIB
AUTOVACUUM_WORK_MEM_KIB = 2 * KIB_PER_GIB
HUGE_PAGES_FROM_KIB = 2 * KIB_PER_GIB
WAL_BUFFERS_CAP_KIB = 16 * MIB
WAL_BUFFERS_NEAR_CAP_KIB = 14 * MIB
BLOCK_KIB = 8
MAX_WAL_GIB = 4
APP_STATEMENT_SECONDS = 600
VACUUM_STEPS = ((50, "0.01", "0.02"), (10, "0.02", "0.05"), (0, "0.05", "0.1"))
"""From how many GiB of data on, which share of a table may be dead rows, or new ones, before it is vacuumed."""

BIG_TABLES = (
    "account_stats",
    "accounts",
    "conversations",
    "favourites",
    "follows",
    "media_attachments",
    "mentions",
    "notifications",
    "preview_cards",
    "status_stats",
    "statuses",
    "statuses_tags",
)
"""Mastodon's tables that grow with the fediverse and not with the instance."""


@dataclass(frozen=True, slots=True)
class TableVacuum:
    """Autovacuum of the big tables: shares of a table, as PostgreSQL's storage parameters take them."""

    tables: tuple[str, ...]
    vacuum_scale_factor: Decided[Decimal]
    insert_scale_factor: Decided[Decimal]
    analyze_scale_factor: Decided[Decimal]


@dataclass(frozen=True, slots=True)
class RoleTimeouts:
    """Timeouts that hold for one role each; 0 is none."""

    app_statement_seconds: Decided[int]
    exporter_statement_seconds: Decided[int]
    migrations_seconds: Decided[int]
    migrations_lock_seconds: Decided[int]
    handover_lock_seconds: Decided[int]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Settings that pgtune gives only from four processors on."""

    max_worker_processes: Decided[int]
    max_parallel_workers: Decided[int]
    max_parallel_workers_per_gather: Decided[int]
    max_parallel_maintenance_workers: Decided[int]


@dataclass(frozen=True, slots=True)
class PostgresTuning:
    """Every number in PostgreSQL's configuration. Sizes are KiB."""

    memory_share: Decided[int]
    max_connections: Decided[int]
    app_connections: Decided[int]
    shared_buffers: Decided[int]
    effective_cache_size: Decided[int]
    maintenance_work_mem: Decided[int]
    work_mem: Decided[int]
    wal_buffers: Decided[int]
    min_wal_size: Decided[int]
    max_wal_size: Decided[int]
    max_slot_wal_keep_size: Decided[int]
    checkpoint_completion_target: Decided[Decimal]
    default_statistics_target: Decided[int]
    random_page_cost: Decided[Decimal]
    effective_io_concurrency: Decided[int]
    huge_pages: Decided[str]
    jit: Decided[str]
    wal_compression: Decided[str]
    autovacuum_naptime_seconds: Decided[int]
    autovacuum_vacuum_cost_limit: Decided[int]
    idle_in_transaction_timeout_seconds: Decided[int]
    timeouts: RoleTimeouts
    big_tables: TableVacuum
    log_min_duration_ms: Decided[int]
    log_autovacuum_min_duration_seconds: Decided[int]
    log_temp_files: Decided[int]
    exporter_connections: Decided[int]
    superuser_reserved_connections: Decided[int]
    autovacuum_work_mem: Decided[int] | None
    autovacuum_max_workers: Decided[int] | None
    parallel: Parallel | None


def tune_postgres(
    *,
    memory_share: Decided[int],
    vcpus: int,
    workload: Workload,
    max_connections: Decided[int],
    app_connections: Decided[int],
    database_gib: int,
    volume_gib: int,
) -> PostgresTuning:
    """Tune PostgreSQL 17 on SSD for its share of memory (``memory_share`` in KiB)."""
    memory = memory_share.value
    buffers = memory // 4
    maintenance = min(memory // 16, LARGEST_MAINTENANCE_KIB)
    share = (("memory", pg_size(memory)),)
    return PostgresTuning(
        memory_share=memory_share,
        max_connections=max_connections,
        app_connections=app_connections,
        shared_buffers=Decided(buffers, "a quarter of PostgreSQL's memory", PGTUNE, "KiB", share),
        effective_cache_size=Decided(memory * 3 // 4, "three quarters of PostgreSQL's memory", PGTUNE, "KiB", share),
        maintenance_work_mem=Decided(
            maintenance, "a sixteenth of PostgreSQL's memory, at most 8 GiB", PGTUNE, "KiB", share
        ),
        work_mem=work_mem(
            memory_kib=memory,
            vcpus=vcpus,
            workload=workload,
            max_connections=max_connections.value,
            database_gib=database_gib,
        ),
        wal_buffers=_wal_buffers(buffers),
        min_wal_size=Decided(KIB_PER_GIB, "1 GiB for web and mixed loads", PGTUNE, "KiB"),
        max_wal_size=Decided(MAX_WAL_GIB * KIB_PER_GIB, "4 GiB for web and mixed loads", PGTUNE, "KiB"),
        max_slot_wal_keep_size=Decided(
            max(2, volume_gib // 8) * KIB_PER_GIB,
            "an eighth of the volume: a forgotten replication slot must not fill the disk",
            JUDGEMENT,
            "KiB",
            (("volume", f"{volume_gib} GiB"),),
        ),
        checkpoint_completion_target=Decided(Decimal("0.9"), "always", PGTUNE),
        default_statistics_target=Decided(100, "for web and mixed loads", PGTUNE),
        random_page_cost=Decided(Decimal("1.1"), "the disk is an SSD", PGTUNE),
        effective_io_concurrency=Decided(200, "the disk is an SSD", PGTUNE, "requests"),
        huge_pages=Decided(
            "try" if buffers >= HUGE_PAGES_FROM_KIB else "off",
            "try from 2 GiB of shared buffers on",
            PGTUNE,
            inputs=(("shared_buffers", pg_size(buffers)),),
        ),
        jit=Decided("off", "Mastodon's queries are short; compiling them costs more than it saves", PGTUNE),
        wal_compression=Decided("lz4", "PostgreSQL 15 and newer; Debian's build has lz4", PGTUNE),
        autovacuum_naptime_seconds=Decided(
            30, "twice as often as the default: statuses and notifications churn", JUDGEMENT, "s"
        ),
        autovacuum_vacuum_cost_limit=Decided(1000, "five times the default, for an SSD", JUDGEMENT),
        idle_in_transaction_timeout_seconds=Decided(60, "a stuck client must not hold locks for ever", JUDGEMENT, "s"),
        timeouts=_timeouts(),
        big_tables=_big_tables(database_gib),
        exporter_connections=Decided(3, "one that asks and two that are still being closed", JUDGEMENT, "connections"),
        log_min_duration_ms=Decided(500, "slow enough for people to notice", JUDGEMENT, "ms"),
        log_autovacuum_min_duration_seconds=Decided(10, "a vacuum that people may notice", JUDGEMENT, "s"),
        log_temp_files=Decided(
            64 * MIB, "twice the largest work_mem: a query that should be looked at", JUDGEMENT, "KiB"
        ),
        superuser_reserved_connections=Decided(
            3, "PostgreSQL's default, kept so that an administrator gets in", POSTGRES
        ),
        autovacuum_work_mem=_autovacuum_work_mem(maintenance),
        autovacuum_max_workers=_autovacuum_workers(vcpus),
        parallel=_parallel(vcpus),
    )


def work_mem(
    *, memory_kib: int, vcpus: int, workload: Workload, max_connections: int, database_gib: int
) -> Decided[int]:
    """Memory of one sort or hash, in KiB: pgtune's rule, then at most 32 MiB for Mastodon's many small queries."""
    workers = vcpus if vcpus >= PARALLEL_FROM_CPUS else DEFAULT_WORKER_PROCESSES
    base = (memory_kib - memory_kib // 4) // ((max_connections + workers) * 3)
    if workload == "mixed":
        base //= 2
    smaller = database_gib * KIB_PER_GIB < memory_kib
    adjusted = base * 13 // 10 if smaller else base * 9 // 10
    gave = max(adjusted, LEAST_WORK_MEM_KIB)
    value = min(gave, LARGEST_WORK_MEM_KIB)
    cap = Cap(gave, "at most 32 MiB: Mastodon runs many small queries at once", COMPENDIUM) if value < gave else None
    halved = ", halved for a shared machine" if workload == "mixed" else ""
    factor = "x 1.3 as the database fits in memory" if smaller else "x 0.9 as the database is larger than memory"
    return Decided(
        value,
        f"(memory - shared_buffers) / ((max_connections + workers) x 3){halved}, {factor}, at least 4 MiB",
        PGTUNE,
        "KiB",
        (
            ("memory", pg_size(memory_kib)),
            ("max_connections", str(max_connections)),
            ("workers", str(workers)),
            ("database", f"{database_gib} GiB"),
        ),
        cap,
    )


def _wal_buffers(shared_buffers_kib: int) -> Decided[int]:
    """3 % of shared_buffers, at most 16 MiB, rounded up to it when close, at least 32 KiB."""
    value = min(shared_buffers_kib * 3 // 100, WAL_BUFFERS_CAP_KIB)
    if value > WAL_BUFFERS_NEAR_CAP_KIB:
        value = WAL_BUFFERS_CAP_KIB
    value = max(value, 32)
    return Decided(
        value // BLOCK_KIB * BLOCK_KIB,
        "3 % of shared_buffers, between 32 KiB and 16 MiB, in whole blocks of 8 KiB",
        PGTUNE,
        "KiB",
        (("shared_buffers", pg_size(shared_buffers_kib)),),
    )


def _timeouts() -> RoleTimeouts:
    """No lock timeout for the app: while a migration holds a table, a request that waits is better than an error."""
    return RoleTimeouts(
        app_statement_seconds=Decided(
            APP_STATEMENT_SECONDS,
            "long enough for the scheduler's own clean-ups, and not for a query gone wild",
            JUDGEMENT,
            "s",
        ),
        exporter_statement_seconds=Decided(10, "what is asked again in seconds may not pile up", JUDGEMENT, "s"),
        migrations_seconds=Decided(
            0, "none: a migration may take hours, and one that is cut off has to be repaired by hand", MASTODON, "s"
        ),
        migrations_lock_seconds=Decided(
            0,
            "none: it would also end an index that is made beside running queries, and leave an invalid one that the "
            "next try takes for good. What holds a table ends by itself: statements of the app, and idle transactions",
            POSTGRES,
            "s",
            (("longest statement of the app", f"{APP_STATEMENT_SECONDS} s"),),
        ),
        handover_lock_seconds=Decided(
            5, "while tables get their owner, those who queue behind it wait no longer than that", JUDGEMENT, "s"
        ),
    )


def _big_tables(database_gib: int) -> TableVacuum:
    """The larger the data, the smaller the share that may be dead: a fifth of a hundred million rows is too many."""
    vacuum, insert = next((Decimal(one), Decimal(two)) for least, one, two in VACUUM_STEPS if database_gib >= least)
    given = (("database", f"{database_gib} GiB"),)
    return TableVacuum(
        tables=BIG_TABLES,
        vacuum_scale_factor=Decided(
            vacuum, "5 % of dead rows; 2 % from 10 GiB of data on, 1 % from 50 GiB", JUDGEMENT, inputs=given
        ),
        insert_scale_factor=Decided(
            insert, "10 % of new rows; 5 % from 10 GiB of data on, 2 % from 50 GiB", JUDGEMENT, inputs=given
        ),
        analyze_scale_factor=Decided(vacuum, "as often as it is vacuumed", JUDGEMENT, inputs=given),
    )


def _autovacuum_work_mem(maintenance_kib: int) -> Decided[int] | None:
    """Bounded to 2 GiB once maintenance_work_mem reaches it; unset below."""
    if maintenance_kib < AUTOVACUUM_WORK_MEM_KIB:
        return None
    return Decided(AUTOVACUUM_WORK_MEM_KIB, "2 GiB once maintenance_work_mem reaches it", PGTUNE, "KiB")


def _autovacuum_workers(vcpus: int) -> Decided[int] | None:
    """4 from 16 processors, 5 from 32; PostgreSQL's own 3 below."""
    for cpus, workers in ((32, 5), (16, 4)):
        if vcpus >= cpus:
            return Decided(
                workers, f"{workers} from {cpus} processors on", PGTUNE, "processes", (("vcpus", str(vcpus)),)
            )
    return None


def _parallel(vcpus: int) -> Parallel | None:
    """Parallel query settings, from four processors on."""
    if vcpus < PARALLEL_FROM_CPUS:
        return None
    given = (("vcpus", str(vcpus)),)
    per_query = min(-(-vcpus // 2), 4)
    return Parallel(
        max_worker_processes=Decided(vcpus, "one a processor", PGTUNE, "processes", given),
        max_parallel_workers=Decided(vcpus, "one a processor", PGTUNE, "processes", given),
        max_parallel_workers_per_gather=Decided(
            per_query, "half of the processors, at most 4", PGTUNE, "processes", given
        ),
        max_parallel_maintenance_workers=Decided(
            per_query, "half of the processors, at most 4", PGTUNE, "processes", given
        ),
    )
