"""What PostgreSQL and Redis say, held against the plan."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.verify.data import (
    is_same,
    judge_connections,
    judge_database_keys,
    judge_redis,
    judge_settings,
    planned_settings,
)
from mastodon_infra.operate.verify.questions import Said
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.wiring import Wiring

INFO = """\
# Memory\r
used_memory:{used}\r
maxmemory:{most}\r
maxmemory_policy:{policy}\r
# Persistence\r
rdb_last_bgsave_status:{saved}\r
aof_enabled:{aof}\r
aof_last_write_status:{written}\r
"""


@pytest.fixture(scope="module")
def plan() -> InstancePlan:
    return load("demo", None).plan


def postgres(**more: Any) -> Said:
    told = {"settings": {}, "waiting": [], "errors": [], "clients": 8, "keys": None}
    return Said(0, json.dumps(told | more), "")


def outcomes(checks: Any) -> dict[str, str]:
    return {check.name: check.outcome.value for check in checks}


@pytest.mark.parametrize(
    ("file", "setting", "unit"),
    [
        ("1536MB", "196608", "8kB"),
        ("64MB", "65536", "kB"),
        ("2GB", "2048", "MB"),
        ("10s", "10000", "ms"),
        ("5min", "300", "s"),
        ("0.9", "0.9", None),
        ("1.1", "1.1", None),
        ("zstd", "zstd", None),
        ("200", "200", None),
        ("-1", "-1", "ms"),
        ("127.0.0.1,10.64.16.5", "127.0.0.1,10.64.16.5", None),
    ],
)
def test_a_setting_is_the_same_in_whatever_unit_it_is_told(file: str, setting: str, unit: str | None) -> None:
    assert is_same(file, setting, unit)


@pytest.mark.parametrize(
    ("file", "setting", "unit"), [("1536MB", "196607", "8kB"), ("10s", "10", "ms"), ("on", "off", None)]
)
def test_another_value_is_another(file: str, setting: str, unit: str | None) -> None:
    assert not is_same(file, setting, unit)


def test_what_is_planned_for_postgresql_is_read_out_of_the_bundle(plan: InstancePlan) -> None:
    settings = planned_settings(bundle(plan, plan.nodes[0], Wiring.placeholder(plan)))
    assert settings["max_connections"] == str(plan.postgres.max_connections.value)
    assert settings["ssl_min_protocol_version"] == "TLSv1.3"
    assert {"shared_buffers", "archive_mode", "listen_addresses"} <= set(settings)


def test_settings_that_run_as_planned_are_counted_and_others_named() -> None:
    planned = {"work_mem": "8MB", "jit": "off"}
    running = {"work_mem": ["8192", "kB"], "jit": ["off", None]}
    (right,) = judge_settings(planned, postgres(settings=running))
    assert right.seen == "2 are as planned"
    (wrong,) = judge_settings(planned, postgres(settings=running | {"jit": ["on", None]}))
    assert (wrong.outcome.value, wrong.seen) == ("failed", "jit is on, and should be off")
    (waiting,) = judge_settings(planned, postgres(settings=running, waiting=["shared_buffers"]))
    assert (waiting.outcome.value, waiting.seen) == ("failed", "wait for a restart: shared_buffers")


def test_more_clients_than_the_budget_has_fail() -> None:
    assert outcomes(judge_connections(65, postgres(clients=65))) == {"connections": "ok"}
    assert outcomes(judge_connections(65, postgres(clients=66))) == {"connections": "failed"}


def test_a_database_of_other_keys_fails_and_one_that_says_none_too() -> None:
    wanted = {"secret_key_base": "dfad"}
    assert outcomes(judge_database_keys(wanted, postgres(keys="secret_key_base dfad"))) == {"database": "ok"}
    assert outcomes(judge_database_keys(wanted, postgres(keys="secret_key_base ffff"))) == {"database": "failed"}
    assert outcomes(judge_database_keys(wanted, postgres(keys=None))) == {"database": "failed"}


def test_a_database_that_says_one_key_of_two_is_not_the_states() -> None:
    wanted = {"secret_key_base": "dfad", "vapid_private_key": "240e"}
    (check,) = judge_database_keys(wanted, postgres(keys="secret_key_base dfad"))
    assert (check.outcome.value, check.seen) == ("failed", "written with other keys: vapid_private_key")


def queue_info(plan: InstancePlan, **more: Any) -> Said:
    most = plan.redis.queue.maxmemory.value * 1024 * 1024
    given = {"used": most // 100, "most": most, "policy": "noeviction", "aof": 1, "saved": "ok", "written": "ok"}
    return Said(0, INFO.format(**(given | more)), "")


def test_redis_as_planned_is_right(plan: InstancePlan) -> None:
    assert outcomes(judge_redis(plan.redis.queue, queue_info(plan))) == {"queue": "ok"}


@pytest.mark.parametrize(
    "other",
    [{"policy": "allkeys-lru"}, {"aof": 0}, {"most": 0}, {"saved": "err"}, {"written": "err"}, {"used": 469_762_048}],
)
def test_a_queue_store_that_may_lose_jobs_fails(plan: InstancePlan, other: dict[str, Any]) -> None:
    assert outcomes(judge_redis(plan.redis.queue, queue_info(plan, **other))) == {"queue": "failed"}


def test_a_store_that_only_appends_fails_when_it_cannot_write(plan: InstancePlan) -> None:
    store = plan.redis.queue
    appends = replace(store, keeps_snapshots=replace(store.keeps_snapshots, value=False))
    assert outcomes(judge_redis(appends, queue_info(plan, saved="err"))) == {"queue": "ok"}
    (check,) = judge_redis(appends, queue_info(plan, written="err"))
    assert (check.outcome.value, check.seen) == ("failed", "it cannot save: aof_last_write_status")


def test_redis_that_refuses_the_password_fails(plan: InstancePlan) -> None:
    (check,) = judge_redis(plan.redis.queue, Said(0, "NOAUTH Authentication required.\n", ""))
    assert (check.outcome.value, check.seen) == ("failed", "it does not answer: NOAUTH Authentication required.")
