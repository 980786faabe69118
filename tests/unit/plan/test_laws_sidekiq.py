"""Laws of the queues: each is worked, cron jobs by one process, and each process runs on one node."""

from collections import Counter

from hypothesis import given

from mastodon_infra.model.role import Queue, Role
from tests.unit.plan.specs import LAW, plans, untouched_plans


@LAW
@given(plans())
def test_every_queue_is_worked(case):
    plan = case.plan
    running = {process.unit for node in plan.nodes for process in node.sidekiq}
    worked = {queue for unit in plan.sidekiq if unit.name in running for queue, _ in unit.queues}
    assert worked == set(Queue)


@LAW
@given(plans())
def test_the_scheduler_is_one_process_of_one_node(case):
    plan = case.plan
    schedulers = {unit.name for unit in plan.sidekiq if Queue.SCHEDULER in {queue for queue, _ in unit.queues}}
    running = [(node.name, one.name) for node in plan.nodes for one in node.sidekiq if one.unit in schedulers]
    assert len(running) == 1, running


@LAW
@given(plans())
def test_every_process_runs_on_exactly_one_node(case):
    plan = case.plan
    wanted = {(unit.name, number) for unit in plan.sidekiq for number in range(1, unit.processes.value + 1)}
    running = Counter((process.unit, process.number) for node in plan.nodes for process in node.sidekiq)
    assert set(running) == wanted
    assert set(running.values()) == {1}
    assert all(Role.SIDEKIQ in node.roles for node in plan.nodes if node.sidekiq)


@LAW
@given(plans())
def test_a_process_has_the_threads_and_the_group_of_its_unit(case):
    plan = case.plan
    units = {unit.name: unit for unit in plan.sidekiq}
    for node in plan.nodes:
        assert len({process.name for process in node.sidekiq}) == len(node.sidekiq)
        for process in node.sidekiq:
            unit = units[process.unit]
            assert process.concurrency == unit.concurrency.value
            assert unit.group in {None, node.group}, (node.name, process.name)


@LAW
@given(plans())
def test_the_nodes_of_a_group_differ_by_one_process_at_most(case):
    plan = case.plan
    for group in plan.groups:
        counts = [len(node.sidekiq) for node in plan.nodes if node.group == group.name]
        assert max(counts) - min(counts) <= 1, group.name


@LAW
@given(untouched_plans())
def test_no_derived_process_has_more_than_ten_threads_or_mixes_weights(case):
    """Ten threads a process ran better than twenty; ingress keeps a processor busy with five."""
    plan = case.plan
    for unit in plan.sidekiq:
        queues = [queue for queue, _ in unit.queues]
        assert unit.concurrency.value <= (5 if queues == [Queue.INGRESS] else 10)
        assert len({weight is None for _, weight in unit.queues}) == 1
