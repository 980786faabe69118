"""What Sidekiq's processes say in Redis, held against the plan."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.verify.questions import Said
from mastodon_infra.operate.verify.sidekiq import judge_sidekiq, sidekiq_words
from mastodon_infra.plan.types import InstancePlan

NOW = 1_795_404_000
NAMES = ("processes", "queues", "scheduler", "waiting")


@pytest.fixture(scope="module")
def plan() -> InstancePlan:
    return load("demo", None).plan


def outcomes(checks: Any) -> dict[str, str]:
    return {check.name: check.outcome.value for check in checks}


def processes(plan: InstancePlan, oldest: Any = (), **how: str) -> Said:
    """All that are planned; ``how`` names the unit that is without, silent, extra or quiet."""
    found = []
    for unit in plan.sidekiq:
        queues = [queue.value for queue, _ in unit.queues]
        times = unit.processes.value - (unit.name == how.get("without")) + (unit.name == how.get("extra"))
        beat = NOW - (600 if unit.name == how.get("silent") else 5)
        quiet = "true" if unit.name == how.get("quiet") else "false"
        found += [[json.dumps({"queues": queues, "hostname": "web-1"}), str(beat + 0.25), quiet] for _ in range(times)]
    return Said(0, json.dumps([str(NOW), found, list(oldest)]), "")


def test_all_processes_of_sidekiq_alive_are_right(plan: InstancePlan) -> None:
    assert outcomes(judge_sidekiq(plan.sidekiq, processes(plan))) == dict.fromkeys(NAMES, "ok")


@pytest.mark.parametrize("how", [{"without": "scheduler"}, {"silent": "scheduler"}, {"quiet": "scheduler"}])
def test_without_the_scheduler_three_things_are_wrong(plan: InstancePlan, how: dict[str, str]) -> None:
    found = outcomes(judge_sidekiq(plan.sidekiq, processes(plan, **how)))
    assert found == dict.fromkeys(NAMES, "failed") | {"waiting": "ok"}


def test_two_schedulers_are_one_too_many(plan: InstancePlan) -> None:
    found = outcomes(judge_sidekiq(plan.sidekiq, processes(plan, extra="scheduler")))
    assert found == dict.fromkeys(NAMES, "ok") | {"scheduler": "failed"}


def test_no_process_at_all_is_told_by_an_empty_table(plan: InstancePlan) -> None:
    # Lua's cjson writes an empty table as an object.
    found = outcomes(judge_sidekiq(plan.sidekiq, Said(0, json.dumps([str(NOW), {}, {}]), "")))
    assert found == dict.fromkeys(NAMES, "failed") | {"waiting": "ok"}


def test_a_quiet_process_beats_and_works_nothing(plan: InstancePlan) -> None:
    found = {check.name: check.seen for check in judge_sidekiq(plan.sidekiq, processes(plan, quiet="scheduler"))}
    assert "1 of them take no jobs" in found["processes"]
    assert found["queues"].startswith("nobody works ")


@pytest.mark.parametrize("unit", [1, 1000])
def test_a_job_that_waits_past_the_alarms_bound_fails_in_seconds_and_in_milliseconds(
    plan: InstancePlan, unit: int
) -> None:
    late = [["default", (NOW - 61) * unit], ["pull", (NOW - 3000) * unit]]
    found = {check.name: check for check in judge_sidekiq(plan.sidekiq, processes(plan, late))}
    assert found["waiting"].seen == "the oldest job of default has waited 61 s, 60 at most"
    assert found["waiting"].outcome.value == "failed"
    assert outcomes(judge_sidekiq(plan.sidekiq, processes(plan, late[1:])))["waiting"] == "ok"


def test_redis_is_asked_for_every_planned_queue(plan: InstancePlan) -> None:
    assert sidekiq_words(plan.sidekiq)[2] == "0"
    assert {"default", "push", "ingress", "scheduler"} <= set(sidekiq_words(plan.sidekiq)[3:])
