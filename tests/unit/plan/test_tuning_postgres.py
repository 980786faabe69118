"""PostgreSQL's settings against pgtune's own worked values, its thresholds, and the caps put on top."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.catalog.sources import COMPENDIUM, JUDGEMENT
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning.postgres import Workload, tune_postgres, work_mem
from tests.unit.plan.specs import plan_of

KIB, MIB, GIB = 1, 1024, 1024 * 1024
CAP = 32 * MIB

# pgtune (le0pard/pgtune, commit 7caef27 of 2026-07-30), Linux, SSD, 100 connections, data larger than memory.
# Memory, processors, shared_buffers, effective_cache_size, maintenance_work_mem, work_mem web and mixed, huge_pages.
PGTUNE = [
    (2 * GIB, 1, 512 * MIB, 1536 * MIB, 128 * MIB, 4368, 4096, "off", "pgtune, 2 GiB; mixed is at the floor of 4 MiB"),
    (4 * GIB, 2, 1 * GIB, 3 * GIB, 256 * MIB, 8738, 4368, "off", "pgtune, 4 GiB"),
    (8 * GIB, 4, 2 * GIB, 6 * GIB, 512 * MIB, 18147, 9073, "try", "pgtune, 8 GiB; parallel workers count from here"),
    (16 * GIB, 8, 4 * GIB, 12 * GIB, 1 * GIB, 34952, 17476, "try", "pgtune, 16 GiB; web is above our cap"),
    (32 * GIB, 16, 8 * GIB, 24 * GIB, 2 * GIB, 65083, 32541, "try", "pgtune, 32 GiB"),
    (64 * GIB, 32, 16 * GIB, 48 * GIB, 4 * GIB, 114390, 57195, "try", "pgtune, 64 GiB; both above our cap"),
]
LARGER_THAN_MEMORY_GIB = 100


def decided(value, unit=""):
    return Decided(value, "given by the test", JUDGEMENT, unit)


def tuned(memory_kib, *, vcpus=4, workload="web", connections=100, database_gib=LARGER_THAN_MEMORY_GIB, volume_gib=80):
    return tune_postgres(
        memory_share=decided(memory_kib, "KiB"),
        vcpus=vcpus,
        workload=workload,
        max_connections=decided(connections),
        app_connections=decided(connections - 13),
        database_gib=database_gib,
        volume_gib=volume_gib,
    )


@pytest.mark.parametrize("row", PGTUNE, ids=lambda row: row[-1])
def test_settings_equal_those_of_pgtune(row):
    memory, vcpus, buffers, cache, maintenance, web, mixed, huge, why = row
    for workload, expected in (("web", web), ("mixed", mixed)):
        tuning = tuned(memory, vcpus=vcpus, workload=workload)
        assert tuning.shared_buffers.value == buffers, why
        assert tuning.effective_cache_size.value == cache, why
        assert tuning.maintenance_work_mem.value == maintenance, why
        assert tuning.huge_pages.value == huge, why
        assert tuning.work_mem.value == min(expected, CAP), why
        assert (tuning.work_mem.cap is None) == (expected <= CAP), why


@pytest.mark.parametrize("row", PGTUNE, ids=lambda row: row[-1])
def test_work_mem_shows_what_pgtune_gave(row):
    memory, vcpus, _, _, _, web, mixed, _, why = row
    both: tuple[tuple[Workload, int], ...] = (("web", web), ("mixed", mixed))
    for workload, expected in both:
        found = work_mem(
            memory_kib=memory,
            vcpus=vcpus,
            workload=workload,
            max_connections=100,
            database_gib=LARGER_THAN_MEMORY_GIB,
        )
        assert (found.cap.gave if found.cap else found.value) == expected, why
        if found.cap:
            assert found.cap.source is COMPENDIUM
            assert found.value == CAP


# Memory, processors, connections, data in GiB, workload, KiB: worked out by hand from pgtune's rule.
WORK_MEM = [
    (8 * GIB, 4, 200, 4, "web", 13364, "(8 GiB - 2 GiB) / (204 x 3) = 10280; x 1.3, as 4 GiB of data fit"),
    (8 * GIB, 4, 200, 8, "web", 9252, "data as large as memory does not fit: 10280 x 0.9"),
    (8 * GIB, 4, 200, 4, "mixed", 6682, "half of 10280 is 5140; x 1.3"),
    (8 * GIB, 3, 200, 4, "web", 13106, "below four processors eight workers count: 10082 x 1.3"),
    (1 * GIB, 1, 400, 4, "mixed", 4096, "never less than 4 MiB"),
    (8 * GIB, 4, 100, 4, "web", 26213, "under the cap: 20164 x 1.3"),
    (8 * GIB, 4, 60, 4, "web", CAP, "32768 x 1.3 is above our cap of 32 MiB"),
]


@pytest.mark.parametrize("row", WORK_MEM, ids=lambda row: row[-1])
def test_work_mem_follows_connections_workers_and_data(row):
    memory, vcpus, connections, database, workload, expected, why = row
    found = work_mem(
        memory_kib=memory, vcpus=vcpus, workload=workload, max_connections=connections, database_gib=database
    )
    assert found.value == expected, why


PARALLEL = [
    (1, None, "pgtune leaves PostgreSQL's defaults below four processors"),
    (3, None, "still below"),
    (4, (4, 4, 2, 2), "half of the processors for one query"),
    (5, (5, 5, 3, 3), "half, rounded up"),
    (8, (8, 8, 4, 4), "four at most for one query"),
    (32, (32, 32, 4, 4), "four at most for one query"),
]


@pytest.mark.parametrize(("vcpus", "expected", "why"), PARALLEL)
def test_parallel_settings_start_at_four_processors(vcpus, expected, why):
    parallel = tuned(8 * GIB, vcpus=vcpus).parallel
    found = parallel and (
        parallel.max_worker_processes.value,
        parallel.max_parallel_workers.value,
        parallel.max_parallel_workers_per_gather.value,
        parallel.max_parallel_maintenance_workers.value,
    )
    assert found == expected, why


WAL_BUFFERS = [
    (512, 32, "3 % of 512 KiB is 15; never less than 32"),
    (1400, 40, "3 % is 42, in whole blocks of 8 KiB"),
    (256 * MIB, 7864, "3 % of 256 MiB is 983 blocks"),
    (477_866, 14_328, "3 %, just below 14 MiB"),
    (477_900, 16_384, "14 MiB and more becomes 16"),
    (512 * MIB, 16_384, "15.36 MiB becomes 16"),
    (16 * GIB, 16_384, "never more than 16 MiB"),
]


@pytest.mark.parametrize(("shared_buffers", "expected", "why"), WAL_BUFFERS)
def test_wal_buffers_are_three_percent_with_edges(shared_buffers, expected, why):
    assert tuned(4 * shared_buffers).wal_buffers.value == expected, why


THRESHOLDS = [
    ("huge_pages", 8 * GIB, "try", "2 GiB of shared buffers"),
    ("huge_pages", 8 * GIB - 4, "off", "one KiB less"),
    ("autovacuum_work_mem", 32 * GIB, 2 * GIB, "maintenance_work_mem has reached 2 GiB"),
    ("autovacuum_work_mem", 32 * GIB - 16, None, "one KiB less: PostgreSQL takes maintenance_work_mem"),
    ("autovacuum_work_mem", 256 * GIB, 2 * GIB, "bounded, however much there is"),
    ("maintenance_work_mem", 128 * GIB, 8 * GIB, "a sixteenth"),
    ("maintenance_work_mem", 256 * GIB, 8 * GIB, "at most 8 GiB"),
]


@pytest.mark.parametrize(("setting", "memory", "expected", "why"), THRESHOLDS)
def test_a_setting_changes_exactly_at_its_threshold(setting, memory, expected, why):
    found = getattr(tuned(memory), setting)
    assert (found.value if found else None) == expected, why


@pytest.mark.parametrize(("vcpus", "expected"), [(1, None), (15, None), (16, 4), (31, 4), (32, 5), (64, 5)], ids=str)
def test_autovacuum_gets_more_workers_from_sixteen_processors(vcpus, expected):
    found = tuned(64 * GIB, vcpus=vcpus).autovacuum_max_workers
    assert (found.value if found else None) == expected


CONSTANT = [
    ("min_wal_size", 1 * GIB, "pgtune, web and mixed"),
    ("max_wal_size", 4 * GIB, "pgtune, web and mixed"),
    ("checkpoint_completion_target", Decimal("0.9"), "pgtune, always"),
    ("default_statistics_target", 100, "pgtune, web and mixed"),
    ("random_page_cost", Decimal("1.1"), "pgtune, SSD"),
    ("effective_io_concurrency", 200, "pgtune, SSD"),
    ("jit", "off", "pgtune, from PostgreSQL 12 on"),
    ("wal_compression", "lz4", "pgtune, from PostgreSQL 15 on"),
    ("superuser_reserved_connections", 3, "PostgreSQL's default, which the connection budget counts on"),
]


@pytest.mark.parametrize(("setting", "expected", "why"), CONSTANT)
@pytest.mark.parametrize("workload", ["web", "mixed"])
def test_what_does_not_depend_on_size_is_as_pgtune_has_it(workload, setting, expected, why):
    assert getattr(tuned(8 * GIB, workload=workload), setting).value == expected, why


@pytest.mark.parametrize(
    ("volume_gib", "expected_gib"), [(400, 50), (40, 5), (17, 2), (10, 2)], ids=lambda value: f"{value}-gib"
)
def test_a_forgotten_slot_keeps_an_eighth_of_the_volume_and_two_gib_at_least(volume_gib, expected_gib):
    assert tuned(8 * GIB, volume_gib=volume_gib).max_slot_wal_keep_size.value == expected_gib * GIB


@given(st.integers(512 * MIB, 512 * GIB), st.integers(1, 64), st.integers(100, 512), st.integers(5, 300))
def test_more_memory_never_means_a_smaller_setting(memory, vcpus, connections, database):
    less, more = (
        tuned(share, vcpus=vcpus, connections=connections, database_gib=database) for share in (memory, memory + GIB)
    )
    for setting in ("shared_buffers", "effective_cache_size", "maintenance_work_mem", "work_mem", "wal_buffers"):
        assert getattr(less, setting).value <= getattr(more, setting).value, setting


@pytest.mark.parametrize(
    ("size", "workload", "why"),
    [
        ("small", "mixed", "everything shares the machine"),
        ("medium", "web", "the database has a machine of its own"),
    ],
)
def test_a_shared_machine_counts_as_mixed(size, workload, why):
    found = plan_of(size=size).postgres.work_mem
    assert ("halved for a shared machine" in found.rule) == (workload == "mixed"), why


@pytest.mark.parametrize(("database_gib", "expected"), [(5, "0.05"), (9, "0.05"), (10, "0.02"), (50, "0.01")])
def test_the_larger_the_data_the_sooner_big_tables_are_vacuumed(database_gib, expected):
    assert tuned(4 * GIB, database_gib=database_gib).big_tables.vacuum_scale_factor.value == Decimal(expected)


def test_migrations_are_never_cut_off_and_the_app_is():
    timeouts = tuned(4 * GIB).timeouts
    assert timeouts.migrations_seconds.value == 0
    assert timeouts.app_statement_seconds.value > timeouts.exporter_statement_seconds.value > 0
