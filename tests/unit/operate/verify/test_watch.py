"""Monitoring: what Prometheus answers, and what it means."""

from __future__ import annotations

import json
from typing import Any

from mastodon_infra.operate.verify.questions import Said
from mastodon_infra.operate.verify.watch import judge_alertmanager, judge_alerts, judge_targets
from mastodon_infra.plan.types import ScrapeTarget

PLANNED = (ScrapeTarget("node", "web-1", "127.0.0.1", 9100), ScrapeTarget("postgres", "web-1", "127.0.0.1", 9187))


def prometheus(data: Any) -> Said:
    return Said(0, json.dumps({"status": "success", "data": data}), "")


def target(job: str, port: int, health: str = "up", error: str = "") -> dict[str, Any]:
    labels = {"job": job, "instance": f"127.0.0.1:{port}", "node": "web-1"}
    return {"labels": labels, "health": health, "lastError": error}


def alert(name: str, state: str = "firing") -> dict[str, Any]:
    notes = {"summary": f"{name} happened", "runbook": f"docs/runbooks/{name}.md"}
    return {"labels": {"alertname": name}, "annotations": notes, "state": state}


def seen(checks: Any) -> tuple[str, str]:
    (check,) = checks
    return check.outcome.value, check.seen


def test_targets_that_all_answer_are_counted() -> None:
    told = prometheus({"activeTargets": [target("node", 9100), target("postgres", 9187)]})
    assert seen(judge_targets(PLANNED, told)) == ("ok", "all 2 answer")


def test_a_target_that_is_down_is_told_with_its_reason() -> None:
    told = prometheus({"activeTargets": [target("node", 9100), target("postgres", 9187, "down", "refused")]})
    assert seen(judge_targets(PLANNED, told)) == ("failed", "postgres of web-1: refused")


def test_a_planned_target_that_nobody_asks_is_found() -> None:
    told = prometheus({"activeTargets": [target("node", 9100)]})
    assert seen(judge_targets(PLANNED, told)) == ("failed", "not asked at all: postgres of web-1")


def test_another_machine_that_is_asked_does_not_stand_in_for_one_that_is_not() -> None:
    told = prometheus({"activeTargets": [target("node", 9100), target("postgres", 9187)]})
    planned = (*PLANNED, ScrapeTarget("node", "web-2", "10.64.16.6", 9100))
    assert seen(judge_targets(planned, told)) == ("failed", "not asked at all: node of web-2")


def test_only_the_heartbeat_may_fire() -> None:
    quiet = prometheus({"alerts": [alert("Watchdog"), alert("DiskFull", "pending")]})
    assert seen(judge_alerts(quiet)) == ("ok", "the heartbeat, and no other")
    loud = judge_alerts(prometheus({"alerts": [alert("Watchdog"), alert("DiskFull")]}))
    assert seen(loud) == ("failed", "DiskFull happened")


def test_silence_is_no_good_sign() -> None:
    assert seen(judge_alerts(prometheus({"alerts": []}))) == ("failed", "not even the heartbeat fires")


def test_whoever_tells_people_must_be_there() -> None:
    assert seen(judge_alertmanager(Said(0, "OK", ""))) == ("ok", "ready")
    assert seen(judge_alertmanager(Said(7, "", "curl: (7) refused"))) == ("failed", "curl: (7) refused")
