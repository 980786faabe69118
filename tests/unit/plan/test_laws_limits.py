"""Laws of memory limits: a healthy peak fits, and no single process that runs away takes a machine down."""

from hypothesis import given

from mastodon_infra.catalog.sources import JUDGEMENT
from mastodon_infra.model.role import Role
from mastodon_infra.plan.limits import TASK_LEAST_MIB, Limited, memory_limits
from mastodon_infra.plan.tuning import sidekiq, streaming
from tests.unit.plan.specs import LAW, plan_of, plans

EACH = {"sidekiq": sidekiq.PROCESS_MIB, "streaming": streaming.PROCESS_MIB}
"""What is planned for one process, where a line of the budget stands for several."""


def planned_each(node, name):
    """What the plan sets aside for one process of a consumer, MiB."""
    line = next(line.memory.value for line in node.memory.lines if line.name == name)
    return EACH.get(name, line)


@LAW
@given(plans())
def test_any_process_at_its_limit_fits_beside_all_that_is_planned(case):
    for node in case.plan.nodes:
        total, database = node.memory.total_mib, 0
        if Role.POSTGRES in node.roles:
            database = next(line.memory.value for line in node.memory.lines if line.name == "postgres")
        for limit in node.memory.limits:
            planned = 0 if limit.name == "tasks" else planned_each(node, limit.name)
            grown = node.memory.used_mib - planned + limit.most.value
            # Half of PostgreSQL's share is page cache, which the kernel takes back.
            overcommitted = grown - database // 2 - total
            assert overcommitted <= (TASK_LEAST_MIB if limit.name == "tasks" else 0), (node.name, limit.name)


@LAW
@given(plans())
def test_limits_sum_up_to_the_machine(case):
    for node in case.plan.nodes:
        held = {limit.name for limit in node.memory.limits}
        group = node.memory.group_most
        if not held:
            assert group is None, node.name
            continue
        lines = {line.name: line.memory.value for line in node.memory.lines}
        # Half of PostgreSQL's share is page cache, which the kernel takes back.
        others = sum(mib for name, mib in lines.items() if name not in held) - lines.get("postgres", 0) // 2
        assert group.value + others <= node.memory.total_mib, node.name
        assert sum(lines.get(name, 0) for name in held) <= group.value, node.name
        assert all(planned_each(node, limit.name) <= group.value for limit in node.memory.limits if limit.name in lines)


@LAW
@given(plans())
def test_what_is_planned_is_never_slowed_nor_ended(case):
    for node in case.plan.nodes:
        for limit in node.memory.limits:
            assert limit.alarm.value <= limit.high.value <= limit.most.value, (node.name, limit.name)
            if limit.name != "tasks":
                assert planned_each(node, limit.name) <= limit.high.value, (node.name, limit.name)
            assert 0 < limit.swap.value < limit.most.value


@LAW
@given(plans())
def test_every_process_of_mastodon_and_both_stores_have_limits(case):
    for node in case.plan.nodes:
        names = {limit.name for limit in node.memory.limits}
        wanted = {"puma", "tasks"} if node.web else set()
        wanted |= {"streaming"} if node.streaming else set()
        wanted |= {"sidekiq"} if node.sidekiq else set()
        wanted |= {"redis-queue", "redis-cache"} if Role.REDIS in node.roles else set()
        assert names - {"puma-metrics"} == wanted, node.name


def test_with_room_sidekiq_may_take_two_gib_and_warns_at_1_2():
    limit = plan_of(size="medium").node("sidekiq-1").memory.limit("sidekiq")
    assert (limit.alarm.value, limit.most.value) == (1228, 2048)


def test_without_room_a_limit_is_what_can_be_found_and_says_so():
    one = Limited("sidekiq", 768, 2048, "", JUDGEMENT)
    (limit,) = memory_limits((one,), elastic_mib=200, has_tasks=False)
    assert limit.most.value == 968
    assert limit.most.cap is not None
    assert limit.most.cap.gave == 2048
