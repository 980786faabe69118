"""Laws of memory and connections: what runs fits, on every node of every plan."""

from collections import Counter

from hypothesis import given

from mastodon_infra.model.role import Role
from mastodon_infra.model.services import PoolerPlace
from tests.unit.plan.specs import LAW, plans

LEAST_WORK_MEM_KIB = 4 * 1024
APP_ROLES = {Role.WEB, Role.STREAMING, Role.SIDEKIQ}
OTHERS = 5 + 3 + 2 + 3
DIRECT_TASKS = 6 + OTHERS
"""tootctl, migrations and a console, exporter, backup, the superuser's reserve."""


@LAW
@given(plans())
def test_the_memory_of_no_node_is_spent_twice(case):
    plan = case.plan
    for node in plan.nodes:
        assert node.memory.total_mib == node.machine.memory_mib
        assert sum(line.memory.value for line in node.memory.lines) <= node.machine.memory_mib, node.name
        assert node.memory.spare.value == node.machine.memory_mib - node.memory.used_mib
        assert all(line.memory.value >= 0 for line in node.memory.lines), node.name


@LAW
@given(plans())
def test_each_process_of_a_node_has_its_line_of_memory(case):
    plan = case.plan
    for node in plan.nodes:
        names = [line.name for line in node.memory.lines]
        assert max(Counter(names).values()) == 1, names
        expected = {"kernel", "system"}
        expected |= {"nginx", "puma"} if node.web else set()
        expected |= {"streaming"} if node.streaming else set()
        expected |= {"sidekiq"} if node.sidekiq else set()
        expected |= {"pgbouncer"} if node.pgbouncer else set()
        expected |= {"postgres", "backup"} if Role.POSTGRES in node.roles else set()
        expected |= {"redis-queue", "redis-cache"} if Role.REDIS in node.roles else set()
        expected |= {"prometheus"} if Role.MONITORING in node.roles else set()
        assert set(names) - {"puma-metrics"} == expected, node.name


@LAW
@given(plans())
def test_postgresql_stays_within_its_share_of_the_node(case):
    plan = case.plan
    tuning = plan.postgres
    share = tuning.memory_share.value
    node = next(node for node in plan.nodes if Role.POSTGRES in node.roles)
    line = next(line for line in node.memory.lines if line.name == "postgres")

    assert share == line.memory.value * 1024
    assert tuning.effective_cache_size.value <= share
    assert tuning.shared_buffers.value + tuning.maintenance_work_mem.value + tuning.wal_buffers.value <= share
    # At work_mem's floor of 4 MiB many connections may ask for more than the rule of thumb allows.
    if tuning.work_mem.value > LEAST_WORK_MEM_KIB:
        assert tuning.max_connections.value * tuning.work_mem.value <= 2 * share
        assert tuning.shared_buffers.value + tuning.max_connections.value * tuning.work_mem.value <= share
    assert tuning.max_slot_wal_keep_size.value >= 2 * 1024 * 1024


@LAW
@given(plans())
def test_huge_pages_hold_shared_buffers_and_fit_into_the_share(case):
    plan = case.plan
    tuning = plan.postgres
    node = next(node for node in plan.nodes if Role.POSTGRES in node.roles)
    pages = [one.setting.value for one in node.kernel.sysctls if one.name == "vm.nr_hugepages"]

    assert bool(pages) == (tuning.huge_pages.value == "try")
    for count in pages:
        assert isinstance(count, int)
        assert tuning.shared_buffers.value <= count * 2048 <= tuning.memory_share.value


@LAW
@given(plans())
def test_connections_fit_and_every_pool_is_named(case):
    plan = case.plan
    budget = plan.connections
    held: Counter[tuple[str, str]] = Counter()
    for pool in budget.pools:
        assert pool.connections > 0
        assert pool.node in {node.name for node in plan.nodes}
        held[pool.node, pool.name] += 1
    assert not held or max(held.values()) == 1
    assert budget.server_connections.value <= budget.max_connections.value <= 512
    assert budget.spare.value == budget.max_connections.value - budget.server_connections.value >= 0
    assert plan.postgres.max_connections == budget.max_connections
    # The last connections are the superuser's; everybody else must do with fewer.
    reserved = plan.postgres.superuser_reserved_connections.value
    assert any(pool.connections == reserved and "superuser" in pool.name for pool in budget.pools)
    # The app's role reaches all its pools, and leaves migrations, exporter, backup and superuser theirs.
    assert budget.app_connections.value == budget.max_connections.value - OTHERS
    assert plan.postgres.app_connections == budget.app_connections
    assert budget.server_connections.value - OTHERS <= budget.app_connections.value


@LAW
@given(plans())
def test_each_app_process_has_a_pool_as_large_as_its_threads(case):
    """Summed by hand: Puma's threads and one for its master, sidekiq's threads, ten for each streaming process."""
    plan = case.plan
    through = plan.pooler.value is not PoolerPlace.NONE
    clients = 0
    for node in plan.nodes:
        pools = {pool.name: pool for pool in plan.connections.pools if pool.node == node.name}
        wanted = {
            "puma": node.web.workers.value * node.web.threads.value + 1 if node.web else 0,
            "sidekiq": sum(process.concurrency for process in node.sidekiq),
            "streaming": 10 * len(node.streaming.ports) if node.streaming else 0,
        }
        for name, connections in wanted.items():
            assert (pools[name].connections if name in pools else 0) == connections, (node.name, name)
            assert name not in pools or pools[name].through_pooler == through
        clients += sum(wanted.values())
    assert plan.connections.client_connections.value == clients
    if not through:
        assert plan.connections.server_connections.value == clients + DIRECT_TASKS


@LAW
@given(plans())
def test_a_pooler_stands_where_the_plan_says_and_takes_all_clients(case):
    plan = case.plan
    nodes = {node.name: node for node in plan.nodes}
    with_pooler = {node.name for node in plan.nodes if node.pgbouncer}
    pools = [pool for pool in plan.connections.pools if pool.through_pooler]
    if plan.pooler.value is PoolerPlace.NONE:
        assert not with_pooler
        assert not pools
    elif plan.pooler.value is PoolerPlace.DATABASE_NODE:
        assert with_pooler == {node.name for node in plan.nodes if Role.POSTGRES in node.roles}
    else:
        assert with_pooler == {node.name for node in plan.nodes if APP_ROLES & set(node.roles)}
        assert {pool.node for pool in pools} <= with_pooler
    server = DIRECT_TASKS
    for name in with_pooler:
        tuning = nodes[name].pgbouncer
        assert tuning is not None
        beside = plan.pooler.value is PoolerPlace.DATABASE_NODE
        clients = sum(pool.connections for pool in pools if beside or pool.node == name)
        assert clients <= tuning.max_client_conn.value < tuning.open_files.value
        assert tuning.default_pool_size.value >= 1
        server += tuning.default_pool_size.value + tuning.reserve_pool_size.value
    if with_pooler:
        assert plan.connections.server_connections.value == server
