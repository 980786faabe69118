"""Sidekiq's units for each size, against the split that published instances suggest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.model.nodes import SidekiqUnitSpec
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.tuning.sidekiq import (
    SHIPPED_WEIGHTS,
    STOP,
    asked_units,
    deal,
    derived_units,
    most_ingress,
    processes_of,
)

ALL = {queue.value for queue in Queue}

# People, then each unit as name: processes x threads.
DERIVED = [
    (1, {"all": (1, 10)}, "one process works everything"),
    (100, {"all": (1, 10)}, "a solo instance's edge"),
    (101, {"scheduler": (1, 5), "general": (1, 10)}, "cron and mail apart from here on"),
    (250, {"scheduler": (1, 5), "general": (1, 10)}, "one general process so far"),
    (251, {"scheduler": (1, 5), "general": (2, 10)}, "two: 10 to 25 threads are published for up to 1,000"),
    (1_000, {"scheduler": (1, 5), "general": (2, 10)}, "a small instance's edge"),
    (
        3_000,
        {"scheduler": (1, 5), "default": (1, 10), "push": (1, 10), "ingress": (3, 5), "pull": (1, 10)},
        "a unit per queue",
    ),
    (
        10_000,
        {
            "scheduler": (1, 5),
            "mailers": (1, 5),
            "default": (4, 10),
            "push": (3, 10),
            "ingress": (8, 5),
            "pull": (2, 10),
        },
        "mail must not wait behind cron jobs",
    ),
    (
        30_000,
        {
            "scheduler": (1, 5),
            "mailers": (1, 5),
            "default": (10, 10),
            "push": (8, 10),
            "ingress": (24, 5),
            "pull": (6, 10),
        },
        "ingress: 24 processes of five threads, as published",
    ),
]


@pytest.mark.parametrize(("users", "expected", "why"), DERIVED)
def test_units_are_derived_from_people(users, expected, why):
    units = derived_units(users)
    assert {unit.name: (unit.processes.value, unit.concurrency.value) for unit in units} == expected, why


PUBLISHED_SPLIT = [
    (100, 10, "one process of ten threads"),
    (1_000, 25, "five for cron and mail, twenty to thirty for the rest"),
    (3_000, 55, "about 55 threads"),
    (10_000, 120, "about 120 threads"),
    (30_000, 360, "about 360 threads"),
]


@pytest.mark.parametrize(("users", "threads", "why"), PUBLISHED_SPLIT)
def test_threads_come_close_to_the_published_split(users, threads, why):
    found = sum(unit.thread_count for unit in derived_units(users))
    assert 0.8 <= found / threads <= 1.25, f"{found}, and published is: {why}"


@pytest.mark.parametrize("users", [1, 100, 101, 1_000, 1_001, 3_000, 3_001, 30_000, 100_000])
def test_derived_units_work_every_queue_and_one_schedules(users):
    units = derived_units(users)
    assert {queue.value for unit in units for queue, _ in unit.queues} == ALL
    assert sum(unit.processes.value for unit in units if unit.has_scheduler) == 1
    assert len({unit.name for unit in units}) == len(units)


def test_the_weights_for_a_few_people_are_mastodons_own():
    assert {queue.value: weight for queue, weight in SHIPPED_WEIGHTS} == {
        "default": 8,
        "push": 6,
        "ingress": 4,
        "mailers": 2,
        "pull": 1,
        "scheduler": 1,
        "fasp": 1,
    }


def test_asked_units_keep_order_weights_and_group():
    units = asked_units(
        {
            "quiet": SidekiqUnitSpec.model_validate({"queues": ["scheduler", "mailers"], "concurrency": 2}),
            "busy": SidekiqUnitSpec.model_validate(
                {"queues": {"push": 3, "ingress": 1}, "processes": 4, "group": "workers"}
            ),
        }
    )
    quiet, busy = units
    assert quiet.queues == ((Queue.SCHEDULER, None), (Queue.MAILERS, None))
    assert (quiet.thread_count, quiet.has_scheduler, quiet.has_ingress) == (2, True, False)
    assert busy.queues == ((Queue.PUSH, 3), (Queue.INGRESS, 1))
    assert (busy.thread_count, busy.has_ingress, busy.group) == (40, True, "workers")
    assert busy.concurrency.asked
    assert busy.processes.asked


def test_processes_that_keep_a_processor_busy_are_dealt_first():
    processes = processes_of(derived_units(10_000))
    assert [process.is_ingress for process in processes] == [True] * 8 + [False] * 11
    for hand in deal(processes, 3):
        assert sum(process.is_ingress for process in hand) in {2, 3}


@given(st.integers(1, 100_000), st.integers(1, 40))
def test_dealing_gives_each_process_away_once_and_evenly(users, nodes):
    processes = processes_of(derived_units(users))
    hands = deal(processes, nodes)
    assert len(hands) == nodes
    assert sorted(one.name for hand in hands for one in hand) == sorted(one.name for one in processes)
    assert max(map(len, hands)) - min(map(len, hands)) <= 1
    assert len(hands[0]) == max(map(len, hands)), "sizing looks at the first node as the fullest"


@pytest.mark.parametrize(
    ("vcpus", "most", "why"),
    [(1, 1, "one at least"), (4, 6, "1.5 a processor"), (6, 9, "1.5 a processor"), (8, 12, "1.5 a processor")],
)
def test_ingress_processes_are_bounded_by_processors(vcpus, most, why):
    assert most_ingress(vcpus) == most, why


def test_a_process_has_time_to_push_its_jobs_back():
    assert STOP.give_back_seconds.value >= 25, "Sidekiq itself waits 25 s for its threads"
    assert STOP.container_seconds.value > STOP.give_back_seconds.value, "podman kills after sidekiq is done"
    limits = STOP.drain_seconds.value + STOP.container_seconds.value
    assert STOP.unit_seconds.value > limits, "systemd kills after podman is done"
