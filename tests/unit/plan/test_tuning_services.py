"""Puma, PgBouncer, Redis, streaming, nginx and the kernel, as tables with their reasons."""

from decimal import Decimal

import pytest

from mastodon_infra.catalog.sources import JUDGEMENT
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import PoolerPlace, StorageProvider
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning.containers import tune_uploads
from mastodon_infra.plan.tuning.kernel import tune_kernel
from mastodon_infra.plan.tuning.nginx import tune_nginx
from mastodon_infra.plan.tuning.pgbouncer import pooler_place, tune_pgbouncer
from mastodon_infra.plan.tuning.redis import tune_redis
from mastodon_infra.plan.tuning.sidekiq import STOP
from mastodon_infra.plan.tuning.streaming import processes_needed, tune_streaming
from mastodon_infra.plan.tuning.web import tune_web
from tests.unit.plan.specs import plan_for

GIB = 1024 * 1024
REST = {"roles": ["sidekiq", "postgres", "redis", "monitoring"], "machine_type": "g6-standard-8"}

# --- Puma -----------------------------------------------------------------------------------------------------------

PUMA_ALONE = [
    ("g6-standard-2", 3, "2 processors, 4 GiB: 1.5 workers a processor"),
    ("g6-standard-4", 6, "4 processors, 8 GiB: 6 x 5 = 30 threads"),
    ("g6-dedicated-8", 12, "8 processors, 16 GiB: 12 x 5 = 60 threads"),
]


@pytest.mark.parametrize(("machine", "workers", "why"), PUMA_ALONE)
def test_puma_runs_one_and_a_half_workers_a_processor_where_it_is_alone(machine, workers, why):
    plan = plan_for(
        300,
        nodes={
            "web": {"roles": ["web"], "machine_type": machine, "count": 1},
            "live": {"roles": ["streaming"]},
            "rest": REST,
        },
    )
    web = plan.node("web-1").web
    assert web is not None
    assert (web.workers.value, web.threads.value, web.thread_count) == (workers, 5, 5 * workers), why


PUMA = [
    # processors, MiB left, shared, asked workers and threads, workers, threads
    (4, 2000, False, None, None, 2, 5, "memory for two workers of 717 MiB only"),
    (4, 100, False, None, None, 1, 5, "one worker at least; the memory budget then refuses the machine"),
    (3, 9000, False, None, None, 5, 5, "1.5 per processor, rounded up"),
    (2, 9000, True, None, None, 1, 5, "half of the processors beside databases and sidekiq"),
    (1, 9000, True, None, None, 1, 5, "one at least"),
    (6, 9000, True, None, None, 3, 5, "half of the processors beside databases and sidekiq"),
    (4, 9000, False, 9, 3, 9, 3, "asked for"),
    (4, 9000, False, 9, None, 9, 5, "asked for the workers only"),
]


@pytest.mark.parametrize("row", PUMA, ids=lambda row: row[-1])
def test_puma_has_as_many_workers_as_fit(row):
    vcpus, free, shared, workers, threads, expected, each, why = row
    web = tune_web(vcpus=vcpus, free_mib=free, is_shared=shared, asked_workers=workers, asked_threads=threads)
    assert (web.workers.value, web.threads.value) == (expected, each), why
    assert web.workers.asked == (workers is not None)
    assert web.threads.asked == (threads is not None)


# --- PgBouncer ------------------------------------------------------------------------------------------------------

POOLER = [
    (100, False, None, PoolerPlace.NONE, "PostgreSQL's default of 100 is enough"),
    (101, False, None, PoolerPlace.DATABASE_NODE, "one more"),
    (101, True, None, PoolerPlace.APP_NODES, "large: a single PgBouncer has one processor only"),
    (100, True, None, PoolerPlace.NONE, "large, but it fits"),
    (500, False, PoolerPlace.NONE, PoolerPlace.NONE, "asked for"),
    (10, False, PoolerPlace.APP_NODES, PoolerPlace.APP_NODES, "asked for"),
]


@pytest.mark.parametrize(("connections", "large", "asked", "expected", "why"), POOLER)
def test_the_pooler_stands_where_the_connections_demand_it(connections, large, asked, expected, why):
    place = pooler_place(direct_connections=connections, is_large=large, asked=asked)
    assert place.value is expected, why
    assert place.asked == (asked is not None)


PGBOUNCER = [
    # clients here, clients in all, database processors, poolers, server connections, reserve, clients allowed
    (40, 40, 2, 1, 20, 5, 100, "2 x 2 + 10 is 14; twenty at least"),
    (40, 40, 4, 1, 20, 5, 100, "2 x 4 + 10 is 18; twenty at least"),
    (40, 40, 8, 1, 26, 5, 100, "2 x 8 + 10"),
    (40, 40, 16, 1, 42, 5, 100, "2 x 16 + 10"),
    (40, 40, 48, 1, 100, 5, 100, "2 x 48 + 10 is 106; a hundred at most"),
    (40, 80, 8, 2, 13, 5, 100, "26 shared by two poolers"),
    (61, 183, 8, 3, 16, 5, 100, "a quarter of the clients is more than a third of 26"),
    (400, 400, 8, 1, 100, 5, 520, "a quarter of the clients; 1.3 times the clients may connect"),
    (100, 4000, 8, 40, 8, 2, 130, "all poolers stay under 320: a quarter would be 25"),
    (77, 77, 8, 1, 26, 5, 101, "1.3 times the clients, rounded up"),
]


@pytest.mark.parametrize("row", PGBOUNCER, ids=lambda row: row[-1])
def test_pgbouncer_opens_few_connections_for_many_clients(row):
    here, every, vcpus, poolers, pool, reserve, clients, why = row
    tuning = tune_pgbouncer(
        node="web-1",
        client_connections=here,
        all_client_connections=every,
        database_vcpus=vcpus,
        pooler_count=poolers,
    )
    found = (tuning.default_pool_size.value, tuning.reserve_pool_size.value, tuning.max_client_conn.value)
    assert found == (pool, reserve, clients), why
    assert tuning.port.value == 6432


# --- Redis ----------------------------------------------------------------------------------------------------------

REDIS = [
    (50, 256, 64, "128 + 8 MiB, and half as much again, in steps of 64; the smallest cache"),
    (1_000, 448, 64, "128 + 151 = 279 MiB expected, 418 with room"),
    (3_000, 896, 192, "128 + 452 = 580 MiB expected, 870 with room; 150 MiB of cache"),
    (10_000, 2_496, 512, "128 + 1,504 = 1,632 MiB expected, 2,448 with room"),
    (30_000, 6_976, 1_024, "the largest cache"),
    (100_000, 22_784, 1_024, "128 + 15,040 = 15,168 MiB expected, 22,752 with room"),
]


@pytest.mark.parametrize(("users", "queue", "cache", "why"), REDIS)
def test_redis_has_room_for_a_backlog(users, queue, cache, why):
    redis = plan_for(users).redis
    assert (redis.queue.maxmemory.value, redis.cache.maxmemory.value) == (queue, cache), why


def test_redis_loses_no_job_and_may_forget_the_cache():
    redis = tune_redis(demand_mib=Decided(300, "given by the test", JUDGEMENT), users=1_000)
    queue, cache = redis.queue, redis.cache
    assert (queue.port.value, queue.maxmemory_policy.value, queue.appendonly.value) == (6379, "noeviction", "yes")
    assert (queue.appendfsync.value, queue.keeps_snapshots.value) == ("everysec", True)
    assert (cache.port.value, cache.maxmemory_policy.value, cache.appendonly.value) == (6380, "allkeys-lru", "no")
    assert cache.keeps_snapshots.value is False
    assert queue.budget_mib == queue.maxmemory.value * 3 // 2, "the copy that saves may need half as much again"
    assert cache.budget_mib == cache.maxmemory.value


def test_the_queue_store_outlasts_every_sidekiq_and_then_has_time_to_write():
    redis = tune_redis(demand_mib=Decided(300, "given by the test", JUDGEMENT), users=1_000)
    assert redis.linger.most_seconds.value >= STOP.unit_seconds.value
    assert redis.queue.stop_seconds.value - redis.linger.most_seconds.value == redis.cache.stop_seconds.value


# --- Streaming ------------------------------------------------------------------------------------------------------

STREAMING = [
    (0, 1, "one at least"),
    (1_000, 1, "a process takes a thousand"),
    (1_001, 3, "two, and one to spare while another restarts"),
    (1_600, 3, "10,000 people"),
    (4_800, 6, "30,000 people"),
    (16_000, 17, "100,000 people"),
]


@pytest.mark.parametrize(("connections", "processes", "why"), STREAMING)
def test_streaming_has_a_process_per_thousand_and_one_to_spare(connections, processes, why):
    assert processes_needed(connections) == processes, why


def test_one_streaming_process_serves_what_the_manual_says():
    """Mastodon's manual: 10,000 to 20,000 people keep 800 to 1,200 connections open, within reach of one process."""
    assert processes_needed(1_000) == 1
    averages = [plan_for(users).demand.streams_peak.value / 2 for users in (10_000, 20_000)]
    assert averages[0] == 800
    assert 1_200 <= averages[1] <= 2 * 1_200


STREAMING_NODES = [
    (500, 1, 4, None, 1, (4000,), "one is enough"),
    (4_800, 2, 4, None, 3, (4000, 4001, 4002), "six over two nodes"),
    (4_800, 4, 4, None, 2, (4000, 4001), "six over four nodes, rounded up"),
    (4_800, 1, 4, None, 4, (4000, 4001, 4002, 4003), "at most one a processor"),
    (500, 2, 4, 3, 3, (4000, 4001, 4002), "asked for"),
]


@pytest.mark.parametrize("row", STREAMING_NODES, ids=lambda row: row[-1])
def test_streaming_is_spread_over_nodes(row):
    peak, nodes, vcpus, asked, processes, ports, why = row
    tuning = tune_streaming(streams_peak=peak, node_count=nodes, vcpus=vcpus, asked=asked)
    assert (tuning.processes.value, tuning.ports) == (processes, ports), why
    assert tuning.database_pool.value == 10


# --- nginx ----------------------------------------------------------------------------------------------------------

NGINX = [
    (100, Decimal("2.1"), 80, 8_192, 6_300, "three days of media"),
    (3_000, Decimal("0.1"), 160, 8_192, 2_000, "two GB at least"),
    (3_001, Decimal(12), 640, 16_384, 36_000, "more than 3,000 streams on a node"),
    (100, Decimal(30), 160, 8_192, 42_960, "a quarter of 160 GiB instead of 90 GB"),
]


@pytest.mark.parametrize("row", NGINX, ids=lambda row: row[-1])
def test_nginx_has_connections_for_streams_and_a_cache_that_fits(row):
    streams, media, disk, connections, cache, why = row
    tuning = tune_nginx(streams_per_node=streams, media_gb_day=media, disk_gib=disk)
    assert tuning.worker_connections.value == connections, why
    assert tuning.media_cache_mb is not None
    assert tuning.media_cache_mb.value == cache, why
    assert tuning.media_cache_mb.value <= disk * 1074 // 4
    assert 2 * streams < tuning.worker_connections.value < tuning.open_files.value


def test_nginx_without_media_has_no_media_cache():
    tuning = tune_nginx(streams_per_node=1, media_gb_day=None, disk_gib=80)
    assert tuning.media_cache_mb is None
    assert tuning.media_cache_keys_mb is None


def test_nginx_is_more_patient_than_what_stands_behind_it():
    tuning = tune_nginx(streams_per_node=1, media_gb_day=None, disk_gib=80)
    assert tuning.client_max_body_mb.value == 99, "the largest video that Mastodon takes"
    assert tuning.streaming_read_timeout_seconds.value > 30, "the server pings every 30 s"
    assert tuning.proxy_read_timeout_seconds.value > 60, "clients that give up post twice"


# --- The kernel -----------------------------------------------------------------------------------------------------

HUGE_PAGES = [
    (None, None, "no PostgreSQL, or a small one"),
    (2 * GIB, 1076, "2 GiB and 5 % are 1075.2 pages of 2 MiB"),
    (8 * GIB, 4301, "8 GiB and 5 % are 4300.8 pages"),
]


@pytest.mark.parametrize(("buffers", "pages", "why"), HUGE_PAGES)
def test_huge_pages_hold_shared_buffers_and_five_percent(buffers, pages, why):
    tuning = tune_kernel(roles=(Role.POSTGRES,), memory_mib=16384, shared_buffers_kib=buffers)
    found = {one.name: one.setting.value for one in tuning.sysctls}
    assert found.get("vm.nr_hugepages") == pages, why


KERNEL = [
    ((Role.WEB,), 8192, 10, None, 4096, "half of the memory as swap, 4 GiB at most"),
    ((Role.SIDEKIQ,), 4096, 10, None, 2048, "half of the memory as swap"),
    ((Role.SIDEKIQ,), 1024, 10, None, 1024, "one GiB of swap at least"),
    ((Role.POSTGRES,), 16384, 1, 0, 512, "a database must not swap, and memory is not refused that nobody uses"),
    ((Role.REDIS,), 4096, 1, 1, 512, "Redis forks to save, which needs overcommitting"),
    (tuple(Role), 8192, 1, 1, 4096, "everything on one machine: careful with swap, but some for Ruby"),
]


@pytest.mark.parametrize("row", KERNEL, ids=lambda row: row[-1])
def test_the_kernel_is_told_what_the_roles_need(row):
    roles, memory, swappiness, overcommit, swap, why = row
    tuning = tune_kernel(roles=roles, memory_mib=memory, shared_buffers_kib=None)
    found = {one.name: one.setting.value for one in tuning.sysctls}
    assert found["vm.swappiness"] == swappiness, why
    assert found.get("vm.overcommit_memory") == overcommit, why
    assert tuning.swap_mib.value == swap, why
    assert found["net.core.somaxconn"] == 65535


@pytest.mark.parametrize("provider", list(StorageProvider), ids=str)
def test_a_store_that_is_away_holds_no_thread_of_puma_for_long(provider):
    uploads = tune_uploads(provider)
    tries = 1 + uploads.retry_limit.value
    assert tries * uploads.open_timeout_seconds.value < 10, "people wait so long before they press the button again"
    assert tries * uploads.read_timeout_seconds.value < 60


@pytest.mark.parametrize(
    ("provider", "permission"),
    [(StorageProvider.AWS, ""), (StorageProvider.LINODE, "public-read"), (StorageProvider.WASABI, "public-read")],
    ids=str,
)
def test_an_acl_is_sent_to_stores_that_take_one(provider, permission):
    assert tune_uploads(provider).permission.value == permission
